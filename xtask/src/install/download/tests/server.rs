//! A small HTTP/1.1 server on 127.0.0.1 for the tests. Each test gives it a function from request to reply,
//! and so chooses how it misbehaves.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request; its header names are in lower case.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) headers: BTreeMap<String, String>,
    /// How many requests came before this one.
    pub(super) index: usize,
}

/// What the server sends.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    /// The number of bytes of the body after which the connection is closed; None: all.
    pub(super) cut: Option<usize>,
    /// Whether Content-Length is left out, so that the body ends with the connection.
    pub(super) unmeasured: bool,
}

impl Reply {
    /// An empty reply with this status.
    pub(super) fn status(status: u16) -> Reply {
        Reply {
            status,
            headers: vec![],
            body: vec![],
            cut: None,
            unmeasured: false,
        }
    }

    /// A redirect to this address.
    pub(super) fn redirect(to: &str) -> Reply {
        Reply {
            headers: vec![("Location", to.to_owned())],
            ..Reply::status(302)
        }
    }

    /// The whole body, as from a server that ignores ranges.
    pub(super) fn whole(body: &[u8]) -> Reply {
        Reply {
            body: body.to_vec(),
            ..Reply::status(200)
        }
    }

    /// What a correct server sends: the range asked for if the version `etag` is still the one that the
    /// request has, else the whole body.
    pub(super) fn ranged(asked: &Asked, body: &[u8], etag: &str) -> Reply {
        let same = asked
            .headers
            .get("if-range")
            .is_none_or(|version| version == etag);
        let start = asked.headers.get("range").filter(|_| same).map(|range| {
            range
                .strip_prefix("bytes=")
                .unwrap()
                .strip_suffix('-')
                .unwrap()
                .parse::<usize>()
                .unwrap()
        });
        let mut reply = match start {
            None => Reply::whole(body),
            Some(start) if start >= body.len() => Reply {
                headers: vec![("Content-Range", format!("bytes */{}", body.len()))],
                ..Reply::status(416)
            },
            Some(start) => Reply {
                headers: vec![(
                    "Content-Range",
                    format!("bytes {start}-{}/{}", body.len() - 1, body.len()),
                )],
                body: body[start..].to_vec(),
                ..Reply::status(206)
            },
        };
        if !etag.is_empty() {
            reply.headers.push(("ETag", etag.to_owned()));
        }
        reply
    }

    /// The same reply, cut after so many bytes of the body.
    pub(super) fn cut_after(self, n_bytes: usize) -> Reply {
        Reply {
            cut: Some(n_bytes),
            ..self
        }
    }

    /// The same reply with one more header.
    pub(super) fn with(mut self, name: &'static str, value: &str) -> Reply {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// A running server; it ends with the test's process.
pub(super) struct Server {
    port: u16,
    /// The requests so far.
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// Starts a server on a free port that answers each request by `answer`, one connection after the other.
    pub(super) fn start(answer: impl Fn(&Asked) -> Reply + Send + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                serve(&stream.unwrap(), &seen, &answer);
            }
        });
        Server { port, asked }
    }

    /// The address of a path on this server.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The requests so far. A connection that sent no HTTP request counts as one with an empty path.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The Range headers of all requests, in order.
    pub(super) fn ranges(&self) -> Vec<Option<String>> {
        self.asked()
            .iter()
            .map(|asked| asked.headers.get("range").cloned())
            .collect()
    }
}

/// Reads one request, notes it in `seen`, and sends the reply.
fn serve(stream: &TcpStream, seen: &Mutex<Vec<Asked>>, answer: &impl Fn(&Asked) -> Reply) {
    let mut lines = BufReader::new(stream).split(b'\n').map_while(|line| {
        let line = String::from_utf8_lossy(&line.ok()?).trim_end().to_owned();
        (!line.is_empty()).then_some(line)
    });
    let first = lines.next().unwrap_or_default();
    let path = first
        .strip_prefix("GET ")
        .and_then(|rest| rest.split(' ').next())
        .unwrap_or("");
    let index = seen.lock().unwrap().len();
    let mut asked = Asked {
        path: path.to_owned(),
        headers: BTreeMap::new(),
        index,
    };
    if !path.is_empty() {
        for (name, value) in lines.filter_map(|line| {
            line.split_once(": ")
                .map(|(n, v)| (n.to_lowercase(), v.to_owned()))
        }) {
            asked.headers.insert(name, value);
        }
    }
    seen.lock().unwrap().push(asked.clone());
    let reply = if path.is_empty() {
        Reply::status(400)
    } else {
        answer(&asked)
    };
    let mut head = format!("HTTP/1.1 {} Said\r\nConnection: close\r\n", reply.status);
    if !reply.unmeasured {
        head.push_str(&format!("Content-Length: {}\r\n", reply.body.len()));
    }
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let sent = &reply.body[..reply.cut.unwrap_or(reply.body.len())];
    let mut stream = stream;
    // The client may close the connection first; whether it should is for its test to judge.
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(b"\r\n");
    let _ = stream.write_all(sent);
}
