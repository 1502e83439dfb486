//! Calls of the Parquet and Arrow libraries, which panic at some damaged files where others are errors.
//! Such a panic becomes the error it should have been, and nothing is printed. What is read, and what a
//! fault is called, is the callers'.

use std::any::Any;
use std::cell::Cell;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// Whether this thread's panics are somebody's result.
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

static HOOK: Once = Once::new();

/// Calls `read`, which is not to be called again on what it has left once it failed.
///
/// # Errors
/// The library's reason, or the words of its panic.
pub fn guarded<T, E: Display>(read: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    HOOK.call_once(|| {
        let others = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_GUARDED.get() {
                others(panic);
            }
        }));
    });
    let was_guarded = IS_GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(read));
    IS_GUARDED.set(was_guarded);
    match result {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(panic) => Err(format!("damage ({})", words(panic.as_ref()))),
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let words = panic.downcast_ref::<String>().map(String::as_str);
    let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
    words.unwrap_or("of an unknown kind")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_and_others_stay_panics() {
        assert_eq!(guarded(|| Ok::<_, String>(1)), Ok(1));
        assert_eq!(guarded(|| Err::<(), _>("short")), Err("short".to_owned()));
        let at = [0; 2].len();
        assert_eq!(
            guarded(|| Ok::<_, String>([1, 2][at])),
            Err("damage (index out of bounds: the len is 2 but the index is 2)".to_owned())
        );
        assert!(!IS_GUARDED.get());
    }
}
