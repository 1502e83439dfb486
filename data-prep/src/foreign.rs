//! Calls libraries that panic on some broken files (arrow and parquet do so on a false length or offset),
//! and turns the panic into an error about the file.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    /// Whether this thread is inside [`read`], where a panic is not printed.
    static READING: Cell<bool> = const { Cell::new(false) };
}

/// Calls a library's reader. If that panics, `broken` makes an error of the panic's message, and the panic
/// is not printed. After an error, the values that the reader was changing must not be used.
///
/// # Errors
/// Those of `call`, and that of `broken`.
pub fn read<T, E>(
    call: impl FnOnce() -> Result<T, E>,
    broken: impl FnOnce(String) -> E,
) -> Result<T, E> {
    static QUIET: Once = Once::new();
    // Once for the program: a panic inside `read` is not printed, any other is printed as before.
    QUIET.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !READING.get() {
                print(info);
            }
        }));
    });
    let outer = READING.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(call));
    READING.set(outer);
    result.unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or(payload.downcast_ref::<&str>().copied());
        Err(broken(text.unwrap_or("what cannot be read").to_owned()))
    })
}
