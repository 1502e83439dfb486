// What every function that Rust calls has around it.

#pragma once

#include <c10/util/Exception.h>

#include <string>

// The message of the last C++ exception of this thread, for guidance_last_error.
inline thread_local std::string last_error;

// Runs `body`, which writes its tensors where the caller wants them. Returns false on a C++ exception, whose
// message is kept.
template <typename Body>
bool guarded(Body body) {
  try {
    body();
    return true;
  } catch (const c10::Error& error) {
    last_error = error.what_without_backtrace();
  } catch (const std::exception& error) {
    last_error = error.what();
  }
  return false;
}
