//! Tests the download of a whole, very small data set from a server on this machine: the folder that results,
//! and what is left after interruptions, wrong or harmful archives, and too little disk space.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::archive::Format;
use super::super::command::{Archives, Options, bring, room};
use super::super::datasets::{Archive, Contents, Dataset, Part, Shares};
use super::server::{Reply, Server};
use super::{PATIENCE, md5};

/// A tar archive of the VOC layout with one image per id.
fn voc_tar(set: &str, ids: &[&str]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut add = |name: String, data: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        builder
            .append_data(&mut header, format!("VOCdevkit/VOC2007/{name}"), data)
            .unwrap();
    };
    add(
        format!("ImageSets/Main/{set}.txt"),
        (ids.join("\n") + "\n").as_bytes(),
    );
    for id in ids {
        add(format!("Annotations/{id}.xml"), b"<annotation/>");
        add(format!("JPEGImages/{id}.jpg"), id.repeat(5000).as_bytes());
    }
    builder.into_inner().unwrap()
}

/// A data set of two archives that make one VOC year, as the real ones do, and the files of its server by
/// path.
fn miniature() -> (Dataset, BTreeMap<String, Vec<u8>>) {
    let archive = |file, content: &[u8]| Archive {
        file,
        address: "http://127.0.0.1:9",
        md5: md5(content),
        format: Format::Tar,
        bytes: content.len() as u64,
        unpacked: content.len() as u64,
    };
    let (train, test) = (
        voc_tar("train", &["000001", "000002"]),
        voc_tar("test", &["000003"]),
    );
    let dataset = Dataset {
        name: "voc-miniature",
        parts: vec![Part {
            folder: "VOCdevkit/VOC2007",
            archives: vec![archive("train.tar", &train), archive("test.tar", &test)],
            contents: Contents::Voc(&[("train", 2), ("test", 1)]),
            shares: None,
        }],
        next: "",
    };
    let files = BTreeMap::from([
        ("/train.tar".to_owned(), train),
        ("/test.tar".to_owned(), test),
    ]);
    (dataset, files)
}

/// Options to download from `server` into `out`.
fn options(out: &Path, server: &Server) -> Options {
    Options {
        out: out.to_path_buf(),
        base_url: Some(server.url("/")),
        archives: Archives::Remove,
        patience: PATIENCE,
    }
}

/// The sorted names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = folder
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn archives_become_the_folder_and_go() {
    let (dataset, files) = miniature();
    let server = Server::start(move |asked| Reply::whole(&files[&asked.path]));
    let out = tempfile::tempdir().unwrap();
    let options = options(out.path(), &server);
    bring(&dataset, &options).unwrap();
    assert_eq!(names(out.path()), [".lock", "VOCdevkit"]);
    let year = out.path().join("VOCdevkit/VOC2007");
    assert_eq!(
        names(&year.join("JPEGImages")),
        ["000001.jpg", "000002.jpg", "000003.jpg"]
    );
    assert_eq!(server.asked().len(), 2);
    // Complete data is recognised: nothing is asked again.
    bring(&dataset, &options).unwrap();
    assert_eq!(server.asked().len(), 2);
    // Data that lacks a file is refused, not overwritten.
    std::fs::remove_file(year.join("JPEGImages/000002.jpg")).unwrap();
    let error = format!("{:#}", bring(&dataset, &options).unwrap_err());
    assert!(
        error.contains("JPEGImages/000002.jpg: found none"),
        "{error}"
    );
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn a_broken_run_leaves_no_folder_and_the_next_goes_on() {
    let (dataset, files) = miniature();
    let half = files["/test.tar"].len() / 2;
    // train.tar comes whole; test.tar breaks off half-way, then the server fails until all 3 attempts are used up.
    let server = Server::start(move |asked| {
        let reply = Reply::ranged(asked, &files[&asked.path], "\"1\"");
        match asked.index {
            0 => reply,
            1 => reply.cut_after(half),
            2 | 3 => Reply::status(500),
            _ => reply,
        }
    });
    let out = tempfile::tempdir().unwrap();
    let options = Options {
        archives: Archives::Keep,
        ..options(out.path(), &server)
    };
    let error = format!("{:#}", bring(&dataset, &options).unwrap_err());
    assert!(error.contains("the same command goes on"), "{error}");
    assert!(!out.path().join("VOCdevkit").exists());
    let before = server.asked().len();
    bring(&dataset, &options).unwrap();
    // The second call asks only for the rest of test.tar.
    let asked: Vec<_> = server.asked().split_off(before);
    assert_eq!(asked.len(), 1, "train.tar was there already");
    assert_eq!(asked[0].headers["range"], format!("bytes={half}-"));
    assert_eq!(names(out.path()), [".lock", "VOCdevkit", "archives"]);
    assert_eq!(
        names(&out.path().join("archives")),
        ["test.tar", "train.tar"]
    );
}

#[test]
fn archives_of_something_else_leave_no_folder() {
    let (mut dataset, files) = miniature();
    dataset.parts[0].contents = Contents::Voc(&[("train", 2), ("test", 2)]);
    let server = Server::start(move |asked| Reply::whole(&files[&asked.path]));
    let out = tempfile::tempdir().unwrap();
    let error = format!(
        "{:#}",
        bring(&dataset, &options(out.path(), &server)).unwrap_err()
    );
    assert!(
        error.contains("ImageSets/Main/test.txt: found 1 ids, expected 2"),
        "{error}"
    );
    assert!(!out.path().join("VOCdevkit").exists());
}

/// The second archive has an entry that leads out of the folder. Its checksum is right, as if the publisher
/// meant harm.
#[test]
fn a_harmful_archive_leaves_no_folder_and_nothing_outside() {
    let (mut dataset, mut files) = miniature();
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..9].copy_from_slice(b"../../evl");
    header.set_size(0);
    header.set_cksum();
    let mut harmful = header.as_bytes().to_vec();
    harmful.resize(harmful.len() + 1024, 0);
    dataset.parts[0].archives[1].md5 = md5(&harmful);
    files.insert("/test.tar".to_owned(), harmful);
    let server = Server::start(move |asked| Reply::whole(&files[&asked.path]));
    let outer = tempfile::tempdir().unwrap();
    let out = outer.path().join("a/b");
    let error = format!(
        "{:#}",
        bring(&dataset, &options(&out, &server)).unwrap_err()
    );
    assert!(
        error.contains("test.tar: ../../evl: leads out of the archive's folder"),
        "{error}"
    );
    assert!(!out.join("VOCdevkit").exists());
    assert_eq!(names(outer.path()), ["a"]);
    assert_eq!(names(&outer.path().join("a")), ["b"]);
}

#[test]
fn a_mirror_that_has_other_bytes_is_refused() {
    let (dataset, _) = miniature();
    let server = Server::start(|_| Reply::whole(b"<html>please log in</html>"));
    let out = tempfile::tempdir().unwrap();
    let error = format!(
        "{:#}",
        bring(&dataset, &options(out.path(), &server)).unwrap_err()
    );
    assert!(error.contains("train.tar: md5: found"), "{error}");
    assert_eq!(names(out.path()), [".lock", "archives"]);
    assert_eq!(names(&out.path().join("archives")), [""; 0]);
}

#[test]
fn a_second_download_into_the_same_folder_is_refused() {
    let (dataset, files) = miniature();
    let server = Server::start(move |asked| Reply::whole(&files[&asked.path]));
    let out = tempfile::tempdir().unwrap();
    let lock = fs_err::File::create(out.path().join(".lock")).unwrap();
    lock.file().lock().unwrap();
    let options = options(out.path(), &server);
    let error = bring(&dataset, &options).unwrap_err().to_string();
    assert!(error.contains("another download at work"), "{error}");
    drop(lock);
    bring(&dataset, &options).unwrap();
}

#[test]
fn a_data_set_larger_than_the_disk_is_not_begun() {
    let (mut dataset, _) = miniature();
    dataset.parts[0].archives[0].bytes = 1 << 55; // 36 petabytes
    let server = Server::start(|_| Reply::status(500));
    let out = tempfile::tempdir().unwrap();
    let error = format!(
        "{:#}",
        bring(&dataset, &options(out.path(), &server)).unwrap_err()
    );
    assert!(error.contains("not enough room"), "{error}");
    assert_eq!(server.asked().len(), 0);
}

/// Downloaded archives, whole or in part, need no more room, but what they unpack to does.
#[test]
fn a_download_that_goes_on_asks_for_what_it_lacks() {
    let (dataset, files) = miniature();
    let (train, test) = (&files["/train.tar"], &files["/test.tar"]);
    let bytes = |files: &[&Vec<u8>]| -> u64 { files.iter().map(|file| file.len() as u64).sum() };
    let unpacked = bytes(&[train, test]);
    let store = tempfile::tempdir().unwrap();
    let parts: Vec<&Part> = dataset.parts.iter().collect();
    let asked = || room(&parts, store.path()) - unpacked;
    let write =
        |name: &str, content: &[u8]| std::fs::write(store.path().join(name), content).unwrap();
    assert_eq!(asked(), bytes(&[train, test]));
    write("train.tar.part", &train[..1000]);
    assert_eq!(asked(), bytes(&[train, test]) - 1000);
    write("train.tar.part", train);
    assert_eq!(asked(), bytes(&[test]));
    std::fs::remove_file(store.path().join("train.tar.part")).unwrap();
    write("train.tar", train);
    assert_eq!(asked(), bytes(&[test]));
    // A file of another size under the archive's name does not count, as it is downloaded again. Of a part
    // that is longer than the archive only the archive's length counts.
    write("train.tar", &train[..1000]);
    assert_eq!(asked(), bytes(&[train, test]));
    write("train.tar.part", &[&train[..], &test[..]].concat());
    assert_eq!(asked(), bytes(&[test]));
    write("test.tar.part", test);
    assert_eq!(asked(), 0);
}

#[test]
fn what_a_killed_download_unpacked_goes_before_room_is_asked_for() {
    let (mut dataset, files) = miniature();
    dataset.parts[0].archives[0].bytes = 1 << 55;
    let server = Server::start(move |asked| Reply::whole(&files[&asked.path]));
    let out = tempfile::tempdir().unwrap();
    let left = out.path().join(".partial-VOCdevkit-VOC2007");
    std::fs::create_dir(&left).unwrap();
    std::fs::write(left.join("file"), "left").unwrap();
    let error = bring(&dataset, &options(out.path(), &server)).unwrap_err();
    assert!(error.to_string().contains("not enough room"), "{error}");
    assert!(!left.exists());
}

#[test]
fn shared_files_get_the_name_the_server_gives_and_stay_what_they_were() {
    let (mut dataset, mut files) = miniature();
    let server = {
        let files = std::mem::take(&mut files);
        Server::start(move |asked| match asked.path.as_str() {
            "/share/a" => named("instances_val2014.json", "{}"),
            "/share/b" => named("val_split.json", "{\"images\": []}"),
            "/share/c" => named("train_split.json", "{\"images\": [1]}"),
            "/login/val_split.json" => Reply::whole(b"<html>please log in</html>"),
            "/changed/val_split.json" => Reply::whole(b"{\"images\": [2]}"),
            path => Reply::whole(&files[path]),
        })
    };
    let out = tempfile::tempdir().unwrap();
    bring(&dataset, &options(out.path(), &server)).unwrap();
    dataset.parts[0].shares = Some(Shares {
        files: vec!["train_split.json", "val_split.json"],
        addresses: ["a", "b", "c"]
            .map(|name| server.url(&format!("/share/{name}")))
            .to_vec(),
    });
    let official = Options {
        base_url: None,
        ..options(out.path(), &server)
    };
    bring(&dataset, &official).unwrap();
    let year = out.path().join("VOCdevkit/VOC2007");
    let read = |name: &str| std::fs::read_to_string(year.join(name)).unwrap();
    assert_eq!(read("train_split.json"), "{\"images\": [1]}");
    assert_eq!(read("val_split.json"), "{\"images\": []}");
    assert!(!year.join("instances_val2014.json").exists());
    assert_eq!(read("val_split.json.sha256").trim().len(), 64);
    // A file that is deleted and downloaded again must be the same.
    std::fs::remove_file(year.join("val_split.json")).unwrap();
    for (mirror, expected) in [("/login", "expected JSON"), ("/changed", "as in")] {
        let mirror = Options {
            base_url: Some(server.url(mirror)),
            ..official.clone()
        };
        let error = format!("{:#}", bring(&dataset, &mirror).unwrap_err());
        assert!(error.contains(expected), "{error}");
        assert!(
            error.contains("\nhint: all the rest is complete"),
            "{error}"
        );
        assert!(!year.join("val_split.json").exists());
    }
    bring(&dataset, &official).unwrap();
    assert_eq!(read("val_split.json"), "{\"images\": []}");
}

/// A reply that names the file in Content-Disposition.
fn named(name: &str, content: &str) -> Reply {
    Reply::whole(content.as_bytes()).with(
        "Content-Disposition",
        &format!("attachment; filename=\"{name}\""),
    )
}
