//! Calls readers of Parquet and Arrow files so that their panics become errors. On some damaged files these
//! readers panic instead of returning an error, Polars also in threads of its own. The usual message of such a
//! panic is not printed, because the error has it. One flag for the whole program decides whether panics are
//! printed, so that it also holds in Polars' threads. One flag is enough because tables are read one after the
//! other.

use std::any::Any;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::one_line;

/// Whether a reader is being called, so that a panic becomes an error and is not printed.
static IS_GUARDED: AtomicBool = AtomicBool::new(false);

/// Replaces the program's panic hook once.
static HOOK: Once = Once::new();

/// Calls `read` and returns its result. After an error, the values that `read` was changing must not be used.
///
/// # Errors
/// The reader's reason, or the words of its panic.
pub(crate) fn guarded<T, E: Display>(read: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    HOOK.call_once(|| {
        // The hook installed until now, which still prints all other panics.
        let others = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_GUARDED.load(Ordering::Relaxed) {
                others(panic);
            }
        }));
    });
    IS_GUARDED.store(true, Ordering::Relaxed);
    let result = catch_unwind(AssertUnwindSafe(read));
    IS_GUARDED.store(false, Ordering::Relaxed);
    match result {
        Ok(result) => result.map_err(|error| one_line(&error)),
        Err(panic) => Err(format!("damage ({})", words(panic.as_ref()))),
    }
}

/// The message of a panic.
fn words(panic: &(dyn Any + Send)) -> &str {
    let words = panic.downcast_ref::<String>().map(String::as_str);
    let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
    words.unwrap_or("of an unknown kind")
}
