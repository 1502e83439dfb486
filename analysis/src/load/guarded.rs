//! Calls Parquet readers, which panic on some damaged files instead of returning an error; Polars panics in
//! threads of its own as well. Such a panic becomes the error it should have been, and nothing is printed. Tables are read one after the other, so one flag for the whole program is enough.

use std::any::Any;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::one_line;

/// Whether a panic becomes an error, so that it is not printed.
static IS_GUARDED: AtomicBool = AtomicBool::new(false);

static HOOK: Once = Once::new();

/// Calls `read`. After an error, the values that `read` was changing must not be used.
///
/// # Errors
/// The reader's reason, or the words of its panic.
pub(crate) fn guarded<T, E: Display>(read: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    HOOK.call_once(|| {
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

fn words(panic: &(dyn Any + Send)) -> &str {
    let words = panic.downcast_ref::<String>().map(String::as_str);
    let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
    words.unwrap_or("of an unknown kind")
}
