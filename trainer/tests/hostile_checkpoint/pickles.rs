//! Pickles whose values are shared, repeated or nested so often that a small file could fill memory or keep a
//! reader busy for ever. Each must be refused with its reason and within the memory limit of `main.rs`. A case is
//! its name, how the file is made, and how the error begins after the file's name. Byte strings are opcodes of
//! Python's pickle format, e.g. `]` an empty list, `}` an empty dict, `q\x00` and `h\x00` entry 0 of the memo
//! written and read.

use super::files::*;
use super::refused_in_bounds;

/// Opcodes for a dict with `n` entries that all share one value, entry 0 of the pickle's memo.
fn shared_entries(n: u32) -> Vec<u8> {
    let mut pickle = b"}(".to_vec();
    for i in 0..n {
        pickle.extend([b'J']);
        pickle.extend(i.to_le_bytes());
        pickle.extend(b"h\x00");
    }
    pickle.push(b'u');
    pickle
}

/// Opcodes for a string of a megabyte.
fn megabyte() -> Vec<u8> {
    text(&"x".repeat(1 << 20))
}

#[test]
fn small_pickles_do_not_fill_memory() {
    refused_in_bounds(&[
        (
            "one long name before many",
            || {
                let inner = [
                    good_tensor(),
                    b"q\x000".to_vec(),
                    b"}".to_vec(),
                    megabyte(),
                    shared_entries(90_000),
                    b"s".to_vec(),
                ]
                .concat();
                zip_of(&inner)
            },
            "state dict: found a name of 1048576 bytes, expected at most 1024",
        ),
        (
            "one long storage key in many tensors",
            || {
                zip_of(
                    &[
                        tensor(&storage(&megabyte()), b"K\x00", b"K\x01\x85", b"K\x01\x85"),
                        b"q\x000".to_vec(),
                        shared_entries(90_000),
                    ]
                    .concat(),
                )
            },
            "tensor \"0\": found a tensor storage, the integer 0, a tuple of 1, a tuple of 1, expected a storage",
        ),
        (
            "a million sizes in many tensors",
            || {
                let sizes = [b"(".to_vec(), b"K\x01".repeat(1 << 20), b"t".to_vec()].concat();
                zip_of(
                    &[
                        tensor(&storage(&text("0")), b"K\x00", &sizes, &sizes),
                        b"q\x000".to_vec(),
                        shared_entries(90_000),
                    ]
                    .concat(),
                )
            },
            "data.pkl pickle, byte",
        ),
        (
            "half a million sizes in many tensors",
            || {
                let sizes = [b"(".to_vec(), b"K\x01".repeat(1 << 19), b"t".to_vec()].concat();
                zip_of(
                    &[
                        tensor(&storage(&text("0")), b"K\x00", &sizes, &sizes),
                        b"q\x000".to_vec(),
                        shared_entries(90_000),
                    ]
                    .concat(),
                )
            },
            "tensor \"0\": found a tensor storage, the integer 0, a tuple of 524288, a tuple of 524288, expected a storage",
        ),
        (
            "a long class name",
            || {
                zip_of(
                    &[
                        b"}".to_vec(),
                        text("w"),
                        global("torch", &"x".repeat(1 << 20)),
                        b"s".to_vec(),
                    ]
                    .concat(),
                )
            },
            "data.pkl pickle, byte 16: found no end of line, expected a module or class name",
        ),
        (
            "many tensors",
            || zip_of(&[good_tensor(), b"q\x000".to_vec(), shared_entries(200_000)].concat()),
            "state dict: found more tensors, expected at most 100000",
        ),
        (
            "names of shared texts",
            || {
                let half = text(&"x".repeat(250));
                let texts = [half.clone(), b"q\x000".to_vec(), half, b"q\x010]".to_vec()].concat();
                zip_of(&[texts, b"h\x00h\x01\x930".repeat(500_000)].concat())
            },
            "data.pkl pickle, byte 201446: found more names, expected at most 16777216 bytes",
        ),
        (
            "a full memo",
            || zip_of(&[b"]".to_vec(), b"\x94".repeat(6_000_000)].concat()),
            "data.pkl pickle, byte 2000004: found more memo entries",
        ),
        (
            "marks",
            || zip_of(&[b"]".to_vec(), b"(".repeat(7_000_000)].concat()),
            "data.pkl pickle, byte 7000004: found an empty stack",
        ),
        (
            "values",
            || zip_of(&b"]".repeat(3_000_000)),
            "data.pkl pickle, byte 2000003: found more values",
        ),
        (
            "copies of the top",
            || zip_of(&[b"](]".to_vec(), b"2".repeat(7_900_000), b"e".to_vec()].concat()),
            "found a list of 7900001, expected a dict of tensors",
        ),
        (
            "instructions",
            || zip_of(&[b"]".to_vec(), b"20".repeat(5_000_000)].concat()),
            "data.pkl pickle, byte 8000001: found more instructions",
        ),
        (
            "an integer of 2 GiB",
            || zip_of(b"\x8b\xff\xff\xff\x7f"),
            "data.pkl pickle, byte 7: found 1 more bytes, expected 2147483647",
        ),
        (
            "text of 8 EiB",
            || zip_of(&[b"\x8d".to_vec(), huge()].concat()),
            "data.pkl pickle, byte 11: found 1 more bytes, expected 9223372036854775807",
        ),
        (
            "bytes of 8 EiB",
            || zip_of(&[b"\x8e".to_vec(), huge()].concat()),
            "data.pkl pickle, byte 11: found 1 more bytes, expected 9223372036854775807",
        ),
        (
            "a byte array of 16 EiB",
            || zip_of(&[b"\x96".to_vec(), vec![0xff; 8]].concat()),
            "data.pkl pickle, byte 11: found 1 more bytes, expected 18446744073709551615",
        ),
        (
            "a frame of 8 EiB",
            || zip_of(&[b"\x95".to_vec(), huge(), b"]".to_vec()].concat()),
            "found a list of 0, expected a dict of tensors",
        ),
        (
            "an out-of-band buffer",
            || zip_of(b"\x97"),
            "data.pkl pickle, byte 3: found opcode 0x97",
        ),
        (
            "an extension",
            || zip_of(b"\x82\x01"),
            "data.pkl pickle, byte 3: found opcode 0x82",
        ),
    ]);
}

#[test]
fn depth_and_cycles_end() {
    const DEEP: usize = 1_000_000;
    refused_in_bounds(&[
        (
            "lists",
            || zip_of(&[b"]".repeat(DEEP), b"a".repeat(DEEP - 1)].concat()),
            "found a list of 1, expected a dict",
        ),
        (
            "tuples",
            || zip_of(&[b")".to_vec(), b"\x85".repeat(DEEP)].concat()),
            "found a tuple of 1, expected a dict",
        ),
        (
            "dicts",
            || {
                zip_of(
                    &[
                        text("d"),
                        b"q\x000".to_vec(),
                        b"}h\x00".repeat(DEEP - 1),
                        b"}".to_vec(),
                        b"s".repeat(DEEP - 1),
                    ]
                    .concat(),
                )
            },
            "state dict: found dicts nested deeper at \"d.d.d.",
        ),
        (
            "calls",
            || zip_of(&[b"N".to_vec(), b")R".repeat(DEEP - 1)].concat()),
            "found an object of unknown class",
        ),
        (
            "parameters of parameters, again and again",
            || {
                let wrap = global("torch._utils", "_rebuild_parameter");
                let layer = b"h\x01h\x00\x85Rq\x000".repeat(300_000);
                zip_of(
                    &[
                        good_tensor(),
                        b"q\x000".to_vec(),
                        wrap,
                        b"q\x010".to_vec(),
                        layer,
                        shared_entries(90_000),
                    ]
                    .concat(),
                )
            },
            "tensor \"0\": found an object of \"torch._utils._rebuild_parameter\"",
        ),
        (
            "a list in itself",
            || zip_of(b"]q\x00h\x00a"),
            "found a list of 1, expected a dict",
        ),
        (
            "the same entry again and again over as many",
            || {
                let entries = [b"}(".to_vec(), b"NN".repeat(200_000), b"uq\x010".to_vec()].concat();
                let root = [
                    b"}(".to_vec(),
                    text("model"),
                    b"q\x00h\x01".to_vec(),
                    b"h\x00h\x01".repeat(200_000),
                    b"u".to_vec(),
                ]
                .concat();
                zip_of(&[entries, root].concat())
            },
            "state dict: found more entries, expected at most 1000000",
        ),
    ]);
}
