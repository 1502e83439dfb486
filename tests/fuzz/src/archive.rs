//! Writes zip archives whose entries are stored uncompressed, like PyTorch's, from parts that a test or the fuzzer has
//! changed. The checksums are computed anew, so that a reader gets past them to the changed parts.

/// Returns the archive of these entries (name, bytes): for each a local header and the bytes, then the central
/// directory and its end record. Numbers are little-endian, as zip has them; dates and flags are 0.
pub fn stored<'a>(entries: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    let mut n_entries = 0_u16;
    for (name, bytes) in entries {
        let (start, length) = (file.len() as u32, bytes.len() as u32);
        // The fields that both headers share: version 2.0, flags, method 0 (stored), time, date; then checksum and
        // sizes.
        let mut fields = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        fields.extend(crc32fast::hash(bytes).to_le_bytes());
        fields.extend([length.to_le_bytes(), length.to_le_bytes()].concat());
        fields.extend((name.len() as u16).to_le_bytes());
        fields.extend([0, 0]);
        file.extend([b"PK\x03\x04", &fields[..], name.as_bytes(), bytes].concat());
        directory.extend([b"PK\x01\x02\x14\x00", &fields[..], &[0; 10]].concat());
        directory.extend([&start.to_le_bytes(), name.as_bytes()].concat());
        n_entries += 1;
    }
    let numbers = [n_entries, n_entries].map(u16::to_le_bytes).concat();
    let sizes = [directory.len() as u32, file.len() as u32].map(u32::to_le_bytes);
    file.extend(directory);
    file.extend(
        [
            b"PK\x05\x06\0\0\0\0",
            &numbers[..],
            &sizes.concat(),
            &[0; 2],
        ]
        .concat(),
    );
    file
}
