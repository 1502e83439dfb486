//! Tests the download of one file from a server that breaks off, ignores ranges, redirects, has another file
//! in the meantime, or sends what it should not.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::super::fetch::{Patience, Request, Served, fetch};
use super::server::{Asked, Reply, Server};
use super::{PATIENCE, content, md5};

/// The version of the file that is to arrive.
const ETAG: &str = "\"one\"";

/// A folder to download into, and the limits of the download.
struct Client {
    folder: tempfile::TempDir,
    patience: Patience,
    max_bytes: u64,
}

impl Client {
    /// A client with a new folder and short delays.
    fn new() -> Client {
        let folder = tempfile::tempdir().unwrap();
        Client {
            folder,
            patience: PATIENCE,
            max_bytes: 10_000_000,
        }
    }

    /// The path of the downloaded file.
    fn dest(&self) -> PathBuf {
        self.folder.path().join("file.tar")
    }

    /// The path of the unfinished file.
    fn part(&self) -> PathBuf {
        self.folder.path().join("file.tar.part")
    }

    /// The call under test.
    fn fetch(&self, url: &str, md5: Option<&str>) -> Result<Served> {
        let Client {
            patience,
            max_bytes,
            ..
        } = *self;
        fetch(
            &Request {
                url,
                md5,
                max_bytes,
                patience,
            },
            &self.dest(),
        )
    }

    /// Asserts that the folder has the file with this content and nothing else.
    fn holds_only(&self, expected: &[u8]) {
        assert!(
            std::fs::read(self.dest()).unwrap() == expected,
            "the file's bytes are wrong"
        );
        assert_eq!(names(self.folder.path()), ["file.tar"]);
    }
}

/// The names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = folder
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    entries.map(|name| name.into_string().unwrap()).collect()
}

/// A case's name, how its server answers, and the Range headers of the requests that must come. The file must
/// arrive in every case.
type Case = (
    &'static str,
    fn(&Asked, &[u8]) -> Reply,
    &'static [Option<&'static str>],
);

#[test]
fn the_file_arrives_whatever_the_server_does() {
    let cases: [Case; 9] = [
        ("in one piece", |_, body| Reply::whole(body), &[None]),
        (
            "cut half-way, then resumed",
            |asked, body| match asked.index {
                0 => Reply::ranged(asked, body, ETAG).cut_after(40_000),
                _ => Reply::ranged(asked, body, ETAG),
            },
            &[None, Some("bytes=40000-")],
        ),
        (
            "cut twice",
            |asked, body| match asked.index {
                0 => Reply::ranged(asked, body, ETAG).cut_after(40_000),
                1 => Reply::ranged(asked, body, ETAG).cut_after(10_000),
                _ => Reply::ranged(asked, body, ETAG),
            },
            &[None, Some("bytes=40000-"), Some("bytes=50000-")],
        ),
        (
            "cut, and ranges ignored",
            |asked, body| match asked.index {
                0 => Reply::whole(body).cut_after(40_000),
                _ => Reply::whole(body),
            },
            &[None, Some("bytes=40000-")],
        ),
        (
            "cut, and another file since, with If-Range honoured",
            |asked, body| match asked.index {
                0 => Reply::ranged(asked, &vec![7; 50_000], "\"old\"").cut_after(40_000),
                _ => Reply::ranged(asked, body, ETAG),
            },
            &[None, Some("bytes=40000-")],
        ),
        (
            "cut, and another file since, with If-Range ignored",
            |asked, body| match asked.index {
                0 => Reply::ranged(asked, &vec![7; 50_000], "\"old\"").cut_after(40_000),
                _ => {
                    let mut careless = asked.clone();
                    careless.headers.remove("if-range");
                    Reply::ranged(&careless, body, ETAG)
                }
            },
            &[None, Some("bytes=40000-"), None],
        ),
        (
            "cut, and another file since, and no version at all: the checksum tells",
            |asked, body| match asked.index {
                0 => Reply::ranged(asked, &vec![7; 50_000], "").cut_after(40_000),
                _ => Reply::ranged(asked, body, ""),
            },
            &[None, Some("bytes=40000-"), None],
        ),
        (
            "busy twice",
            |asked, body| match asked.index {
                0 => Reply::status(503),
                1 => Reply::status(429),
                _ => Reply::whole(body),
            },
            &[None, None, None],
        ),
        (
            "moved, and the range goes along",
            |asked, body| match (asked.path.as_str(), asked.index) {
                ("/file", _) => Reply::redirect("/moved/here"),
                (_, 1) => Reply::ranged(asked, body, ETAG).cut_after(40_000),
                _ => Reply::ranged(asked, body, ETAG),
            },
            &[None, None, Some("bytes=40000-"), Some("bytes=40000-")],
        ),
    ];
    let body = content(100_000);
    for (name, answer, ranges) in cases {
        let served = body.clone();
        let server = Server::start(move |asked| answer(asked, &served));
        let client = Client::new();
        let done = client.fetch(&server.url("/file"), Some(&md5(&body)));
        done.unwrap_or_else(|error| panic!("{name}: {error:#}"));
        client.holds_only(&body);
        let expected: Vec<_> = ranges
            .iter()
            .map(|range| range.map(str::to_owned))
            .collect();
        assert_eq!(server.ranges(), expected, "{name}");
    }
}

#[test]
fn a_later_run_goes_on_where_the_first_gave_up() {
    let body = content(100_000);
    let served = body.clone();
    let server = Server::start(move |asked| match asked.index {
        0 => Reply::ranged(asked, &served, ETAG).cut_after(60_000),
        _ => Reply::ranged(asked, &served, ETAG),
    });
    let mut client = Client::new();
    client.patience.attempts = 1;
    let error = format!(
        "{:#}",
        client
            .fetch(&server.url("/f"), Some(&md5(&body)))
            .unwrap_err()
    );
    assert!(error.contains("goes on from 60 kB"), "{error}");
    assert_eq!(std::fs::read(client.part()).unwrap(), body[..60_000]);
    assert!(!client.dest().exists());
    client.fetch(&server.url("/f"), Some(&md5(&body))).unwrap();
    client.holds_only(&body);
    assert_eq!(server.ranges()[1].as_deref(), Some("bytes=60000-"));
    assert_eq!(server.asked()[1].headers["if-range"], ETAG);
    // And a third has nothing to do.
    client.fetch(&server.url("/f"), Some(&md5(&body))).unwrap();
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn a_whole_part_that_only_lacks_its_name_is_not_fetched_again() {
    let body = content(1000);
    let served = body.clone();
    let server = Server::start(move |asked| Reply::ranged(asked, &served, ETAG));
    let client = Client::new();
    std::fs::write(client.part(), &body).unwrap();
    client.fetch(&server.url("/f"), Some(&md5(&body))).unwrap();
    client.holds_only(&body);
    assert_eq!(server.ranges(), [Some("bytes=1000-".to_owned())]);
}

#[test]
fn without_version_and_checksum_halves_are_never_joined() {
    let body = content(1000);
    let served = body.clone();
    let server = Server::start(move |asked| match asked.index {
        0 => Reply::ranged(asked, &served, "").cut_after(500),
        _ => Reply::ranged(asked, &served, ""),
    });
    let client = Client::new();
    client.fetch(&server.url("/f"), None).unwrap();
    client.holds_only(&body);
    // The second request asks for the whole file, not for the other half.
    assert_eq!(server.ranges(), [None, None]);
}

/// The path that is asked for, how the server answers, the words that the error must have, and the number of
/// connections.
type Refusal = (&'static str, fn(&Asked) -> Reply, &'static str, usize);

#[test]
fn what_no_patience_can_mend_ends_with_its_reason() {
    let cases: [Refusal; 6] = [
        ("/f", |_| Reply::status(404), "HTTP 404 Not Found", 1),
        ("/f", |_| Reply::status(403), "HTTP 403 Forbidden", 1),
        // The first request and the five redirects that are followed.
        ("/f", |_| Reply::redirect("/f"), "redirect", 6),
        ("/f", |_| Reply::status(500), "gave up after 3 attempts", 3),
        ("/f", |_| Reply::whole(b"another file"), "md5: found", 1),
        (
            "/f",
            |_| Reply::whole(b"").cut_after(0),
            "md5: found d41d8cd98f00b204e9800998ecf8427e",
            1,
        ),
    ];
    for (path, answer, expected, n_connections) in cases {
        let server = Server::start(answer);
        let client = Client::new();
        let url = server.url(path);
        let error = format!(
            "{:#}",
            client.fetch(&url, Some(&md5(b"the file"))).unwrap_err()
        );
        assert!(error.contains(expected) && error.contains(&url), "{error}");
        assert!(!error.contains('\n'), "{error}");
        assert_eq!(server.asked().len(), n_connections, "{error}");
        assert_eq!(names(client.folder.path()), [""; 0], "{error}");
    }
}

/// A redirect to a file of this machine, to another protocol, or to something like an option is refused.
#[test]
fn a_redirect_leads_to_no_other_kind_of_address() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "the file").unwrap();
    let to_file = format!("file://{}", secret.path().display());
    for target in [
        &to_file,
        "ftp://127.0.0.1/f",
        "gopher://127.0.0.1/f",
        "-o/tmp/evil",
    ] {
        let target = target.to_owned();
        let server = Server::start(move |asked| match asked.index {
            0 => Reply::redirect(&target),
            _ => Reply::status(404),
        });
        let client = Client::new();
        let url = server.url("/f");
        let done = client.fetch(&url, Some(&md5(b"the file")));
        let error = format!("{:#}", done.unwrap_err());
        assert!(
            error.contains(&url) && !error.contains("attempts"),
            "{error}"
        );
        assert_eq!(names(client.folder.path()), [""; 0], "{error}");
    }
}

#[test]
fn a_file_larger_than_it_can_be_is_refused() {
    let measured = |_: &Asked| Reply::whole(&[0; 200_000]);
    let unmeasured = |_: &Asked| Reply {
        unmeasured: true,
        ..Reply::whole(&[0; 200_000])
    };
    for server in [Server::start(measured), Server::start(unmeasured)] {
        let client = Client {
            max_bytes: 100_000,
            ..Client::new()
        };
        let error = format!("{:#}", client.fetch(&server.url("/f"), None).unwrap_err());
        assert!(error.contains("expected 100000 at most"), "{error}");
        assert!(client.part().metadata().map_or(0, |part| part.len()) <= 100_000);
        assert!(!client.dest().exists());
        assert_eq!(server.asked().len(), 1);
    }
}

#[test]
fn a_server_without_tls_behind_https_is_asked_once_only() {
    let server = Server::start(|_| Reply::whole(b"x"));
    let url = server.url("/f").replace("http:", "https:");
    let client = Client::new();
    let error = format!("{:#}", client.fetch(&url, None).unwrap_err());
    assert!(error.contains(&url), "{error}");
    assert!(!error.contains("attempts"), "{error}");
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn nobody_listening_is_tried_again_and_then_said() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let client = Client::new();
    let error = format!(
        "{:#}",
        client.fetch(&format!("http://{free}/f"), None).unwrap_err()
    );
    assert!(error.contains("gave up after 3 attempts"), "{error}");
    assert!(error.contains("refused"), "{error}");
}

#[test]
fn the_name_the_server_gives_is_told() {
    let server = Server::start(|_| {
        Reply::whole(b"{}").with("Content-Disposition", "attachment; filename=\"a.json\"")
    });
    let client = Client::new();
    let served = client.fetch(&server.url("/download"), None).unwrap();
    assert_eq!(
        served,
        Served {
            file_name: Some("a.json".to_owned())
        }
    );
}
