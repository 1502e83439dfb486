//! Measures the peak memory of a call by counting in the allocator. With it tests show that a broken or hostile file
//! cannot fill memory. A test binary that uses it declares [`Peak`] as its global allocator; the tests of other
//! crates include this file by its path (`#[path = …]`).

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, with a count of the bytes that each thread holds.
pub struct Peak;

thread_local! {
    /// Bytes allocated minus bytes freed by this thread; negative if it frees what another thread allocated.
    static HELD: Cell<isize> = const { Cell::new(0) };
    /// The greatest value of `HELD` since [`of`] began.
    static HIGHEST: Cell<isize> = const { Cell::new(0) };
}

/// Runs `call`; returns its result and the most bytes this thread held at once beyond those held before.
pub fn of<T>(call: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    HIGHEST.set(before);
    let result = call();
    (result, (HIGHEST.get() - before) as usize)
}

/// Counts `bytes` as allocated, or as freed if negative.
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
        // The new block is counted first: while bytes are copied, both blocks exist.
        count(size as isize);
        count(-(layout.size() as isize));
        unsafe { System.realloc(block, layout, size) }
    }
}
