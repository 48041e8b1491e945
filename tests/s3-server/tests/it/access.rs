//! Who is let in.

use crate::client::Client;
use lakeseed_test_s3::{Server, Settings};
use object_store::Error;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

fn refused(result: Result<(), Error>, code: &str) {
    let error = result.unwrap_err();
    assert!(error.to_string().contains(code), "expected {code}: {error}");
}

#[test]
fn a_wrong_secret_and_an_unknown_key_are_refused() {
    let server = Server::start(Settings::default());
    let wrong = Client::with(&server, server.access_key(), "not the secret", None);
    refused(wrong.put("a", b"1"), "SignatureDoesNotMatch");
    let unknown = Client::with(&server, "NOSUCHKEY", server.secret_key(), None);
    refused(unknown.put("a", b"1"), "InvalidAccessKeyId");
    assert!(unknown.list("").is_err());
    assert_eq!(unknown.send("GET", "/lake?uploads", b"").0, 403);
    assert_eq!(server.objects(), []);
    Client::of(&server).put("a", b"1").unwrap();
}

#[test]
fn an_unsigned_request_is_refused() {
    let server = Server::start(Settings::default());
    Client::of(&server).put("a", b"secret stuff").unwrap();
    let address = server.endpoint().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .write_all(b"GET /lake/a HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(
        answer.contains("AccessDenied") && !answer.contains("secret stuff"),
        "{answer}"
    );
}

#[test]
fn a_session_token_must_be_the_right_one() {
    let server = Server::start(
        Settings::default()
            .keys("KEY", "secret")
            .session_token("token"),
    );
    Client::of(&server).put("a", b"1").unwrap();
    refused(
        Client::with(&server, "KEY", "secret", None).put("a", b"2"),
        "InvalidToken",
    );
    refused(
        Client::with(&server, "KEY", "secret", Some("other")).put("a", b"2"),
        "InvalidToken",
    );

    let without = Server::start(Settings::default().keys("KEY", "secret"));
    refused(
        Client::with(&without, "KEY", "secret", Some("token")).put("a", b"2"),
        "InvalidToken",
    );
    assert_eq!(Client::of(&server).get("a").unwrap(), b"1");
}

#[test]
fn keys_are_the_servers_own() {
    let one = Server::start(Settings::default().keys("ONE", "first"));
    let two = Server::start(
        Settings::default()
            .keys("TWO", "second")
            .buckets(["one-b", "one-c"]),
    );
    assert_ne!(one.endpoint(), two.endpoint());
    Client::of(&two).put("a", b"1").unwrap();
    assert_eq!(
        (two.objects()[0].bucket.as_str(), one.objects().len()),
        ("one-b", 0)
    );
    let folder = two.bucket_path();
    assert!(folder.is_dir());
    drop(two);
    assert!(!folder.exists(), "the folder of a stopped server stays");
}
