//! Tests unpacking: a good archive gives its files, and archives made to do harm (paths that lead out, links,
//! devices, too many or too large files) are refused without touching anything outside the target folder.

use std::io::{Cursor, Write};
use std::path::Path;

use super::super::archive::{Format, Limits, unpack};

/// The limits of all tests.
const LIMITS: Limits = Limits {
    bytes: 10_000,
    entries: 20,
};

/// Appends an entry to a tar archive. The header is written by hand, because `tar::Builder` would refuse
/// hostile ones. `kind` is the type flag; `size` is what the header says, whatever `data` has.
fn tar_entry(archive: &mut Vec<u8>, kind: u8, name: &[u8], link: &[u8], size: u64, data: &[u8]) {
    let mut header = tar::Header::new_ustar();
    let raw = header.as_old_mut();
    raw.name[..name.len()].copy_from_slice(name);
    raw.linkname[..link.len()].copy_from_slice(link);
    raw.linkflag = [kind];
    header.set_mode(0o644);
    header.set_size(size);
    header.set_cksum();
    archive.extend_from_slice(header.as_bytes());
    archive.extend_from_slice(data);
    archive.resize(archive.len().next_multiple_of(512), 0);
}

/// A tar archive of good.txt and one entry of this kind, name, link and size.
fn tar_of(kind: u8, name: &[u8], link: &[u8], size: u64) -> Vec<u8> {
    let mut archive = Vec::new();
    tar_entry(&mut archive, b'0', b"good.txt", b"", 4, b"good");
    tar_entry(
        &mut archive,
        kind,
        name,
        link,
        size,
        &vec![b'x'; size.min(20_000) as usize],
    );
    archive.resize(archive.len() + 1024, 0);
    archive
}

/// A zip archive of these entries: name, mode, content.
fn zip_of(entries: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, mode, data) in entries {
        let options = zip::write::SimpleFileOptions::default().unix_permissions(*mode);
        writer.start_file(*name, options).unwrap();
        writer.write_all(data).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The zip archive with an entry renamed, in both places that have its name; the new name must be as long.
fn renamed(archive: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut archive = archive;
    let mut n_places = 0;
    for at in 0..archive.len() - from.len() {
        if archive[at..].starts_with(from.as_bytes()) {
            archive[at..at + to.len()].copy_from_slice(to.as_bytes());
            n_places += 1;
        }
    }
    assert_eq!(n_places, 2);
    archive
}

/// Byte offset of the flags in a zip's local header, which stands before an entry's content. The lowest bit means
/// encrypted.
const FLAGS: usize = 6;
/// Byte offset of the compression method in the same header.
const METHOD: usize = 8;
/// Byte offset of the unpacked size (four bytes, little-endian) in the same header.
const SIZE: usize = 22;

/// A zip archive of one entry, `evil`, of `n` zeros, with `value` at the offset `field` of its header. The entry's
/// second header, in the list at the archive's end, has the same fields two bytes later.
fn declaring<const N: usize>(n: usize, field: usize, value: [u8; N]) -> Vec<u8> {
    let mut archive = zip_of(&[("evil", 0o644, &vec![0; n])]);
    for (signature, offset) in [(b"PK\x03\x04", field), (b"PK\x01\x02", field + 2)] {
        let at = archive
            .windows(4)
            .position(|window| window == signature)
            .unwrap()
            + offset;
        archive[at..at + N].copy_from_slice(&value);
    }
    archive
}

/// Unpacks `archive`, which is written beside `into`.
fn try_unpack(archive: &[u8], format: Format, into: &Path) -> anyhow::Result<usize> {
    let folder = into.parent().unwrap();
    let path = folder.join("archive");
    std::fs::write(&path, archive).unwrap();
    unpack(&path, format, into, LIMITS)
}

#[test]
fn a_good_archive_unpacks_to_its_files() {
    let mut tar = Vec::new();
    tar_entry(&mut tar, b'g', b"pax_global_header", b"", 0, b"");
    tar_entry(&mut tar, b'5', b"VOCdevkit/VOC2007/", b"", 0, b"");
    tar_entry(
        &mut tar,
        b'0',
        b"./VOCdevkit/VOC2007/a.txt",
        b"",
        5,
        b"hello",
    );
    tar_entry(&mut tar, b'0', b"VOCdevkit/VOC2007/empty", b"", 0, b"");
    tar.resize(tar.len() + 1024, 0);
    let zip = zip_of(&[
        ("VOCdevkit/VOC2007/a.txt", 0o644, b"hello"),
        ("VOCdevkit/VOC2007/empty", 0o600, b""),
    ]);
    for (archive, format) in [(tar, Format::Tar), (zip, Format::Zip)] {
        let folder = tempfile::tempdir().unwrap();
        let into = folder.path().join("into");
        assert_eq!(try_unpack(&archive, format, &into).unwrap(), 2);
        let year = into.join("VOCdevkit/VOC2007");
        assert_eq!(std::fs::read(year.join("a.txt")).unwrap(), b"hello");
        assert_eq!(std::fs::read(year.join("empty")).unwrap(), b"");
    }
}

#[test]
fn a_harmful_archive_is_refused_and_touches_nothing_outside() {
    let many: Vec<String> = (0..30).map(|i| format!("file-{i}")).collect();
    let many: Vec<(&str, u32, &[u8])> =
        many.iter().map(|n| (n.as_str(), 0o644, &b""[..])).collect();
    let same = tar_of(b'0', b"good.txt", b"", 4);
    // Two headers and good.txt take three blocks of 512 bytes, which leaves 464 for a.txt.
    let truncated = tar_of(b'0', b"a.txt", b"", 4000)[..2000].to_vec();
    // What the archive has, its format, its bytes, and a part of the error.
    let cases: Vec<(&str, Format, Vec<u8>, &str)> = vec![
        (
            "tar parent",
            Format::Tar,
            tar_of(b'0', b"../evil", b"", 4),
            "leads out",
        ),
        (
            "tar hidden parent",
            Format::Tar,
            tar_of(b'0', b"a/../../evil", b"", 4),
            "leads out",
        ),
        (
            "tar absolute",
            Format::Tar,
            tar_of(b'0', b"/tmp/evil", b"", 4),
            "leads out",
        ),
        (
            "tar folder outside",
            Format::Tar,
            tar_of(b'5', b"../evil/", b"", 0),
            "leads out",
        ),
        (
            "tar symlink",
            Format::Tar,
            tar_of(b'2', b"evil", b"/etc", 0),
            "expected a file",
        ),
        (
            "tar hard link",
            Format::Tar,
            tar_of(b'1', b"evil", b"good.txt", 0),
            "expected a file",
        ),
        (
            "tar character device",
            Format::Tar,
            tar_of(b'3', b"evil", b"", 0),
            "expected a file",
        ),
        (
            "tar block device",
            Format::Tar,
            tar_of(b'4', b"evil", b"", 0),
            "expected a file",
        ),
        (
            "tar pipe",
            Format::Tar,
            tar_of(b'6', b"evil", b"", 0),
            "expected a file",
        ),
        // good.txt has taken 4 of the 10,000 bytes.
        (
            "tar too large",
            Format::Tar,
            tar_of(b'0', b"evil", b"", 9997),
            "that may still be unpacked",
        ),
        (
            "tar huge",
            Format::Tar,
            tar_of(b'0', b"evil", b"", 8 << 30),
            "that may still be unpacked",
        ),
        ("tar twice", Format::Tar, same, "there twice"),
        (
            "tar no name",
            Format::Tar,
            tar_of(b'0', b"./", b"", 4),
            "expected a file name",
        ),
        (
            "tar broken off",
            Format::Tar,
            truncated,
            "a.txt: found 464 bytes, expected 4000",
        ),
        (
            "zip parent",
            Format::Zip,
            zip_of(&[("../evil", 0o644, b"x")]),
            "leads out",
        ),
        (
            "zip absolute",
            Format::Zip,
            zip_of(&[("/tmp/evil", 0o644, b"x")]),
            "leads out",
        ),
        (
            "zip backslash",
            Format::Zip,
            zip_of(&[("..\\evil", 0o644, b"x")]),
            "plain file name",
        ),
        (
            "zip hidden parent",
            Format::Zip,
            zip_of(&[("a/../../evil", 0o644, b"x")]),
            "leads out",
        ),
        ("zip symlink", Format::Zip, zip_symlink(), "expected a file"),
        ("zip many", Format::Zip, zip_of(&many), "more entries"),
        (
            "zip too large",
            Format::Zip,
            zip_of(&[("evil", 0o644, &[0; 10_001])]),
            "that may still be unpacked",
        ),
        (
            "zip larger than declared",
            Format::Zip,
            declaring(50_000, SIZE, 10u32.to_le_bytes()),
            "evil: File is larger than its declared uncompressed size",
        ),
        (
            "zip smaller than declared",
            Format::Zip,
            declaring(10, SIZE, 11u32.to_le_bytes()),
            "evil: found 10 bytes, expected 11",
        ),
        (
            "zip encrypted",
            Format::Zip,
            declaring(10, FLAGS, [1]),
            "evil: unsupported Zip archive: Password required",
        ),
        (
            "zip compressed in an unknown way",
            Format::Zip,
            declaring(10, METHOD, [14]),
            "evil: compression method not supported: 14",
        ),
        (
            "zip twice",
            Format::Zip,
            renamed(
                zip_of(&[("aaaa", 0o644, b"1"), ("bbbb", 0o644, b"2")]),
                "bbbb",
                "aaaa",
            ),
            "there twice",
        ),
        (
            "no zip archive at all",
            Format::Zip,
            b"<html>".to_vec(),
            "not a readable zip",
        ),
    ];
    for (name, format, archive, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let into = folder.path().join("into");
        let error = match try_unpack(&archive, format, &into) {
            Err(error) => format!("{error:#}"),
            Ok(n_files) => panic!("{name}: unpacked {n_files} files"),
        };
        assert!(error.contains(expected), "{name}: {error}");
        assert!(!Path::new("/tmp/evil").exists(), "{name}");
        let mut outside: Vec<_> = folder.path().read_dir().unwrap().collect();
        outside.retain(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name != "archive" && name != "into"
        });
        assert!(outside.is_empty(), "{name}: {outside:?}");
        if let Ok(evil) = into.join("evil").metadata() {
            assert!(
                evil.is_file() && evil.len() <= LIMITS.bytes,
                "{name}: {evil:?}"
            );
        }
    }
}

/// GNU and pax extensions are entries that give the entry after them another name, link or size than its own
/// header has. The same rules hold for these.
#[test]
fn extensions_of_tar_are_held_to_the_same() {
    let pax = |records: &[(&str, &str)]| {
        let mut text = String::new();
        for (key, value) in records {
            let rest = format!(" {key}={value}\n");
            let length = (1..)
                .find(|n| n.to_string().len() + rest.len() == *n)
                .unwrap();
            text.push_str(&format!("{length}{rest}"));
        }
        text
    };
    let extended = |kind: u8, data: &[u8], size: u64| {
        let mut archive = Vec::new();
        tar_entry(&mut archive, kind, b"extension", b"", size, data);
        tar_entry(&mut archive, b'0', b"good.txt", b"", 4, b"good");
        archive.resize(archive.len() + 1024, 0);
        archive
    };
    let pax_of = |records: &[(&str, &str)]| {
        let text = pax(records);
        extended(b'x', text.as_bytes(), text.len() as u64)
    };
    let mut through = Vec::new();
    tar_entry(&mut through, b'2', b"folder", b"..", 0, b"");
    tar_entry(&mut through, b'0', b"folder/evil", b"", 4, b"evil");
    through.resize(through.len() + 1024, 0);
    // What the archive has, its bytes, and a part of the error. Where that is empty, the archive must unpack.
    let cases = [
        (
            "a long name that leads out",
            extended(b'L', b"../evil\0", 8),
            "../evil: leads out",
        ),
        // It gives the entry after it a link target, which a regular file does not use.
        ("a long link", extended(b'K', b"/etc/passwd\0", 12), ""),
        (
            "a long name of 4 EiB",
            extended(b'L', b"x", 1 << 62),
            "tar archive",
        ),
        (
            "a path that leads out",
            pax_of(&[("path", "a/../../evil")]),
            "a/../../evil: leads out",
        ),
        (
            "an absolute path",
            pax_of(&[("path", "/tmp/evil")]),
            "/tmp/evil: leads out",
        ),
        (
            "a size that is larger",
            pax_of(&[("size", "9223372036854775807")]),
            "that may still be unpacked",
        ),
        (
            "a link, then a file through it",
            through,
            "folder: found Symlink, expected a file",
        ),
        (
            "a sparse file",
            extended(b'S', &[0; 512], 512),
            "not a readable tar archive: sparse entry",
        ),
        (
            "a name that is no text",
            tar_of(b'0', b"\xff\xfe", b"", 4),
            "expected a plain file name",
        ),
        (
            "a file that is used as a folder",
            folder_over_file(),
            "good.txt",
        ),
    ];
    for (name, archive, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let into = folder.path().join("into");
        match try_unpack(&archive, Format::Tar, &into) {
            Err(error) => {
                let error = format!("{error:#}");
                assert!(
                    !expected.is_empty() && error.contains(expected),
                    "{name}: {error}"
                );
            }
            Ok(n_files) => assert!(expected.is_empty(), "{name}: unpacked {n_files} files"),
        }
        assert!(
            !folder.path().join("evil").exists() && !Path::new("/tmp/evil").exists(),
            "{name}"
        );
    }
}

/// An archive whose second entry needs a folder where the first made a file.
fn folder_over_file() -> Vec<u8> {
    tar_of(b'0', b"good.txt/evil", b"", 4)
}

/// A zip archive of one symbolic link.
fn zip_symlink() -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    writer.add_symlink("evil", "/etc", options).unwrap();
    writer.finish().unwrap().into_inner()
}
