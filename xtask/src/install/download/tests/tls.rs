//! Tests that a download from a server with a self-signed certificate fails at once, without a second try and
//! without a file.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

use super::super::fetch::{Request, fetch};
use super::{PATIENCE, md5};

/// The server's certificate and key.
const SELF_SIGNED: &[u8] = include_bytes!("self_signed.pem");

#[test]
fn a_certificate_of_nobody_ends_the_download() {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(SELF_SIGNED).unwrap()],
            PrivateKeyDer::from_pem_slice(SELF_SIGNED).unwrap(),
        )
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/f", listener.local_addr().unwrap());
    let (sender, connections) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            sender.send(()).unwrap();
            let mut connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = stream.unwrap();
            while connection
                .complete_io(&mut stream)
                .is_ok_and(|moved| moved != (0, 0))
            {}
        }
    });

    let folder = tempfile::tempdir().unwrap();
    let request = Request {
        url: &url,
        md5: Some(&md5(b"the file")),
        max_bytes: 1000,
        patience: PATIENCE,
    };
    let error = format!(
        "{:#}",
        fetch(&request, &folder.path().join("f")).unwrap_err()
    );
    assert!(
        error.contains(&url) && error.contains("UnknownIssuer"),
        "{error}"
    );
    assert!(!error.contains("attempts"), "{error}");
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    // There was no second try.
    assert_eq!(connections.try_iter().count(), 1);
}
