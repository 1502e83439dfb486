//! Downloads one file over HTTP. It resumes an earlier download, tries again after a failure of the network,
//! and gives the file its name only after its checksum was found right.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use fs_err as fs;
use indicatif::ProgressBar;
use md5::{Digest, Md5};
use ureq::http::{HeaderMap, StatusCode, header};

use crate::install::pip;
use crate::system::{files, progress};

/// The MD5 of a file in hexadecimal.
fn md5_of(path: &Path) -> Result<String> {
    let mut file = fs::File::open(path)?;
    let bar = progress::bytes(file.metadata()?.len(), "checking");
    let mut hasher = Md5::new();
    let mut block = vec![0; 1 << 20];
    loop {
        let n = file.read(&mut block)?;
        if n == 0 {
            break;
        }
        hasher.update(&block[..n]);
        bar.inc(n as u64);
    }
    bar.finish_and_clear();
    Ok(pip::hex(&hasher.finalize()))
}

/// How long to try. The defaults are chosen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Failures in a row, without a byte between them, before giving up.
    pub(super) attempts: u32,
    /// The wait after the first failure; each further one doubles it.
    pub(super) delay: Duration,
    /// The longest silence before a connection counts as lost.
    pub(super) silence: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Patience {
            attempts: 5,
            delay: seconds(2),
            silence: seconds(60),
        }
    }
}

/// What to download.
#[derive(Debug, Clone)]
pub(super) struct Request<'a> {
    pub(super) url: &'a str,
    /// The published checksum. MD5 protects against broken downloads, not against forgers, but it is what the
    /// data sets' publishers give.
    pub(super) md5: Option<&'a str>,
    /// A larger file is refused.
    pub(super) max_bytes: u64,
    pub(super) patience: Patience,
}

/// What the server's headers say about the file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Served {
    /// The file name in Content-Disposition.
    pub(super) file_name: Option<String>,
}

/// Downloads `request` to `dest`, unless that file is there already. Until it is complete and checked, the
/// file is called `<dest>.part`, which a later call continues.
pub(super) fn fetch(request: &Request, dest: &Path) -> Result<Served> {
    if let (true, Some(expected)) = (dest.is_file(), request.md5)
        && md5_of(dest)? == expected
    {
        return Ok(Served::default());
    }
    let mut part = Part::at(dest);
    let agent = agent(request)?;
    let bar = progress::bytes(0, &dest.file_name().unwrap_or_default().to_string_lossy());
    // Whether the part may begin with bytes of an earlier connection.
    let mut resumed = false;
    let mut failures = 0;
    let served = loop {
        let before = part.len();
        resumed |= before > 0;
        match attempt(&agent, request, &mut part, &bar) {
            Ok(served) => {
                let Some(expected) = request.md5 else {
                    break served;
                };
                let found = md5_of(&part.path)?;
                if found == expected {
                    break served;
                }
                part.discard()?;
                if !resumed {
                    bail!("{}: md5: found {found}, expected {expected}", request.url);
                }
                // The beginning may be of another version than the rest: download it once more from the
                // start.
                let url = request.url;
                bar.suspend(|| eprintln!("{url}: checksum is wrong after resuming: starting over"));
                resumed = false;
                failures = 0;
            }
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Passing(error)) => {
                failures = if part.len() > before { 1 } else { failures + 1 };
                if failures >= request.patience.attempts {
                    let kept = match part.len() {
                        0 => String::new(),
                        n => format!("; the same command goes on from {}", progress::size(n)),
                    };
                    return Err(error.context(format!("gave up after {failures} attempts{kept}")));
                }
                let wait = request.patience.delay * 2u32.pow(failures - 1);
                let seconds = wait.as_secs_f32();
                bar.suspend(|| eprintln!("{error:#}; trying again in {seconds} s"));
                std::thread::sleep(wait);
            }
        }
    };
    bar.finish_and_clear();
    part.keep(dest)?;
    Ok(served)
}

/// How many bytes of `dest`, which is to have `bytes`, earlier calls have downloaded.
pub(super) fn brought(dest: &Path, bytes: u64) -> u64 {
    match dest.metadata() {
        Ok(whole) if whole.len() == bytes => bytes,
        _ => Part::at(dest).len().min(bytes),
    }
}

/// The unfinished file, and beside it a file with its version: the ETag or date that the server gave.
struct Part {
    path: PathBuf,
    version_path: PathBuf,
}

impl Part {
    /// The unfinished file of `dest`, whether it exists or not.
    fn at(dest: &Path) -> Part {
        let with = |suffix: &str| {
            let mut name = dest.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        Part {
            path: with(".part"),
            version_path: with(".part.version"),
        }
    }

    /// Its length; 0 where it does not exist.
    fn len(&self) -> u64 {
        self.path.metadata().map_or(0, |metadata| metadata.len())
    }

    /// The version that its bytes are of, if the server gave one.
    fn version(&self) -> Option<String> {
        fs::read_to_string(&self.version_path)
            .ok()
            .filter(|version| !version.is_empty())
    }

    /// Starts a new, empty file of the version that `headers` name.
    fn start(&self, headers: &HeaderMap) -> Result<fs::File> {
        fs::write(&self.version_path, version(headers).unwrap_or_default())?;
        Ok(fs::File::create(&self.path)?)
    }

    /// Deletes it.
    fn discard(&mut self) -> Result<()> {
        for path in [&self.path, &self.version_path] {
            if path.exists() {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// Renames the complete file to `dest`.
    fn keep(&self, dest: &Path) -> Result<()> {
        fs::File::open(&self.path)?.sync_all()?;
        files::rename(&self.path, dest)?;
        if self.version_path.exists() {
            fs::remove_file(&self.version_path)?;
        }
        Ok(())
    }
}

/// The version of the file as `If-Range` may compare it: a strong ETag, else the date.
fn version(headers: &HeaderMap) -> Option<&str> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let strong = text(header::ETAG).filter(|tag| !tag.starts_with("W/"));
    strong.or_else(|| text(header::LAST_MODIFIED))
}

/// Why a connection failed.
enum Failure {
    /// Trying again may help.
    Passing(anyhow::Error),
    /// Trying again will not help.
    Final(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::Final(error.into())
    }
}

/// The HTTP client, with the timeouts of `request`.
fn agent(request: &Request) -> Result<ureq::Agent> {
    let mut tls = ureq::tls::TlsConfig::builder();
    // Machines behind a proxy that opens TLS name its certificate here, as for curl and pip.
    if let Some(path) = std::env::var_os("SSL_CERT_FILE") {
        let pem = fs::read(PathBuf::from(path))?;
        let certificates = ureq::tls::parse_pem(&pem).filter_map(|item| match item {
            Ok(ureq::tls::PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        });
        tls = tls.root_certs(certificates.into());
    }
    let config = ureq::Agent::config_builder()
        .tls_config(tls.build())
        .http_status_as_error(false)
        // Never from https down to http, whatever a redirect says.
        .https_only(request.url.starts_with("https://"))
        .accept_encoding("identity")
        .user_agent(concat!("guidance-xtask/", env!("CARGO_PKG_VERSION")))
        .max_redirects(5)
        .timeout_connect(Some(request.patience.silence))
        .timeout_recv_response(Some(request.patience.silence))
        .timeout_per_read(Some(request.patience.silence));
    Ok(config.build().new_agent())
}

/// Makes one request for what is missing, and appends what comes.
fn attempt(
    agent: &ureq::Agent,
    request: &Request,
    part: &mut Part,
    bar: &ProgressBar,
) -> Result<Served, Failure> {
    let known = part.version();
    // Without a version and a checksum nothing would show that the bytes that are there are of another file,
    // so the download starts from 0.
    let have = match known.is_some() || request.md5.is_some() {
        true => part.len(),
        false => 0,
    };
    let mut get = agent.get(request.url);
    if have > 0 {
        get = get.header(header::RANGE, format!("bytes={have}-"));
        if let Some(version) = &known {
            get = get.header(header::IF_RANGE, version);
        }
    }
    let mut response = get.call().map_err(|error| classify(error, request.url))?;
    let headers = response.headers().clone();
    if let Some((file, start)) = begin(request, part, response.status(), &headers, have)? {
        let mut body = response.body_mut().as_reader();
        receive(request, &headers, &mut body, file, start, bar)?;
    }
    Ok(served(&headers))
}

/// Decides what a response means for the bytes downloaded so far: returns the file to append to and how
/// many bytes it keeps; None where the file is complete already.
fn begin(
    request: &Request,
    part: &mut Part,
    status: StatusCode,
    headers: &HeaderMap,
    have: u64,
) -> Result<Option<(fs::File, u64)>, Failure> {
    let changed = "the file changed on the server: starting over";
    match status.as_u16() {
        200 => Ok(Some((part.start(headers)?, 0))),
        206 => {
            let known = part.version();
            let is_another =
                known.is_some() && version(headers).is_some_and(|v| Some(v) != known.as_deref());
            if content_range_start(headers) != Some(have) || is_another {
                part.discard()?;
                return Err(passing(request.url, changed));
            }
            let file = fs::OpenOptions::new().append(true).open(&part.path)?;
            Ok(Some((file, have)))
        }
        // The server has no bytes after those that are there. If its file has just as many, the file is
        // complete; else it is another one.
        416 if headers
            .get(header::CONTENT_RANGE)
            .is_some_and(|range| range.as_bytes() == format!("bytes */{have}").as_bytes()) =>
        {
            Ok(None)
        }
        416 if have > 0 => {
            part.discard()?;
            Err(passing(request.url, changed))
        }
        code @ (408 | 425 | 429 | 500..=599) => {
            Err(passing(request.url, &format!("the server answered {code}")))
        }
        code => {
            let reason = status.canonical_reason().unwrap_or("");
            let text = format!("{}: HTTP {code} {reason}", request.url);
            Err(Failure::Final(anyhow!(text)))
        }
    }
}

/// Appends the body to `file`, which has `start` bytes.
fn receive(
    request: &Request,
    headers: &HeaderMap,
    body: &mut impl Read,
    mut file: fs::File,
    start: u64,
    bar: &ProgressBar,
) -> Result<(), Failure> {
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|text| text.to_str().ok()?.parse().ok());
    let total: Option<u64> = length.map(|length: u64| start.saturating_add(length));
    too_large(request, total.unwrap_or(0))?;
    bar.set_length(total.unwrap_or(request.max_bytes));
    bar.set_position(start);
    let mut block = vec![0; 1 << 17];
    let mut position = start;
    loop {
        let n = body.read(&mut block).map_err(|error| {
            Failure::Passing(anyhow!("{}: the connection broke: {error}", request.url))
        })?;
        if n == 0 {
            break;
        }
        position += n as u64;
        too_large(request, position)?;
        file.write_all(&block[..n])?;
        bar.set_position(position);
    }
    match total.filter(|total| *total != position) {
        None => Ok(()),
        Some(total) => {
            let text = format!("the connection broke at {position} of {total} bytes");
            Err(passing(request.url, &text))
        }
    }
}

/// A failure after which trying again may help.
fn passing(url: &str, text: &str) -> Failure {
    Failure::Passing(anyhow!("{url}: {text}"))
}

/// An error where so many bytes are more than the request allows.
fn too_large(request: &Request, bytes: u64) -> Result<()> {
    if bytes > request.max_bytes {
        let limit = request.max_bytes;
        bail!(
            "{}: found {bytes} bytes, expected {limit} at most",
            request.url
        );
    }
    Ok(())
}

/// The first byte of `Content-Range`: 100 for "bytes 100-199/200".
fn content_range_start(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    text.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok()
}

/// Reads what the headers say about the file.
fn served(headers: &HeaderMap) -> Served {
    let text = headers
        .get(header::CONTENT_DISPOSITION)
        .and_then(|value| value.to_str().ok());
    let name = text.and_then(|text| {
        text.split(';')
            .find_map(|part| part.trim().strip_prefix("filename="))
    });
    Served {
        file_name: name.map(|name| name.trim_matches('"').to_owned()),
    }
}

/// Decides whether trying again may help: after a lost connection it may, with a bad certificate or address
/// it will not.
fn classify(error: ureq::Error, url: &str) -> Failure {
    use ureq::Error;
    let passing = match &error {
        Error::Io(error) => !is_tls(error),
        Error::Timeout(_) | Error::ConnectionFailed | Error::HostNotFound => true,
        _ => false,
    };
    let result: Result<()> = Err(error.into());
    match result.with_context(|| url.to_owned()) {
        Err(error) if passing => Failure::Passing(error),
        Err(error) => Failure::Final(error),
        Ok(()) => Failure::Final(anyhow!("{url}: no error")),
    }
}

/// Whether it is an error of rustls, which come as io::Error.
fn is_tls(error: &std::io::Error) -> bool {
    let text = error.to_string().to_lowercase();
    error.kind() == std::io::ErrorKind::InvalidData
        || text.contains("certificate")
        || text.contains("tls")
}
