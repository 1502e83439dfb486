//! How much memory a call takes at its highest, as the allocator counts it: for tests that a broken or
//! hostile file cannot fill memory. Their binaries name [`Peak`] their global allocator; those of other
//! crates take this file in by its path.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, counting for each thread.
pub struct Peak;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static HIGHEST: Cell<isize> = const { Cell::new(0) };
}

/// What `call` gives, and the most bytes it held at once on this thread beyond those held before.
pub fn of<T>(call: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    HIGHEST.set(before);
    let result = call();
    (result, (HIGHEST.get() - before) as usize)
}

fn count(bytes: isize) {
    HELD.set(HELD.get() + bytes);
    HIGHEST.set(HIGHEST.get().max(HELD.get()));
}

// SAFETY: every call goes to the system's allocator unchanged; counting allocates nothing.
unsafe impl GlobalAlloc for Peak {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Old and new block may be there together.
        count(size as isize);
        count(-(layout.size() as isize));
        unsafe { System.realloc(block, layout, size) }
    }
}
