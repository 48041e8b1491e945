//! A server behind TLS whose authority only this site knows, as `MinIO` is in most companies.

use std::fs;
use std::path::Path;

use lakeseed_test_s3::{Kind, Server, Settings};

use crate::support::{Ran, on, ran};

const WORK: &str = "generate predictions --rows 120k --files 2 -q -o s3://lake/tls";

/// A server, and its authority's certificate as `ca.pem` in the folder.
fn served(folder: &Path) -> Server {
    let server = Server::start(Settings::default().tls());
    fs::write(folder.join("ca.pem"), server.ca_pem().unwrap()).unwrap();
    server
}

#[track_caller]
fn refused(ran: &Ran, code: i32, line: &str) {
    let found = (ran.code, ran.out.as_str(), ran.err.as_str());
    assert_eq!(found, (Some(code), "", format!("error: {line}\n").as_str()));
}

#[test]
fn an_authority_that_is_named_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let server = served(folder.path());
    assert!(server.endpoint().starts_with("https://127.0.0.1:"));
    let made = ran(&mut on(
        &server,
        folder.path(),
        &format!("{WORK} --ca-bundle ca.pem"),
    ));
    assert_eq!((made.code, made.err.as_str()), (Some(0), ""));
    assert!(
        server.count(Kind::UploadPart) >= 2,
        "no large file came through"
    );
    // By the variable of the aws tool, and by our own.
    for variable in ["AWS_CA_BUNDLE", "LAKESEED_CA_BUNDLE"] {
        for command in ["verify", "status"] {
            let mut command = on(&server, folder.path(), &format!("{command} s3://lake/tls"));
            let ran = ran(command.env(variable, "ca.pem"));
            assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{variable}");
        }
    }
}

/// One line, at once: no wait makes a certificate known.
#[test]
fn a_certificate_that_nobody_vouches_for() {
    let folder = tempfile::tempdir().unwrap();
    let server = served(folder.path());
    let other = Server::start(Settings::default().tls());
    fs::write(folder.path().join("other.pem"), other.ca_pem().unwrap()).unwrap();
    let unknown = WORK.to_owned();
    let forged = format!("{unknown} --ca-bundle other.pem");
    for (args, why) in [(unknown, "UnknownIssuer"), (forged, "BadSignature")] {
        let line = format!(
            "expected to list s3://lake/tls/, got invalid peer certificate: {why}; check \
             --endpoint-url, or trust its authority with --ca-bundle"
        );
        refused(&ran(&mut on(&server, folder.path(), &args)), 3, &line);
    }
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_bundle_that_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let server = served(folder.path());
    let run = |path: &str| {
        let mut by_variable = on(&server, folder.path(), WORK);
        let by_flag = format!("{WORK} --ca-bundle {path}");
        [
            ran(by_variable.env("AWS_CA_BUNDLE", path)),
            ran(&mut on(&server, folder.path(), &by_flag)),
        ]
    };
    for ran in run("nowhere.pem") {
        refused(
            &ran,
            3,
            "expected a file that can be read at nowhere.pem, got No such file or directory (os \
             error 2); check its path",
        );
    }
    let pem = server.ca_pem().unwrap();
    let (_, body) = pem.split_once('\n').unwrap();
    for text in ["", "no certificate", body] {
        fs::write(folder.path().join("bad.pem"), text).unwrap();
        for ran in run("bad.pem") {
            refused(
                &ran,
                2,
                "expected a PEM file with at least one certificate for the CA bundle, got bad.pem; \
                 change it",
            );
        }
    }
    // The form of PEM, with nothing sensible in it.
    let hollow = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    fs::write(folder.path().join("bad.pem"), hollow).unwrap();
    for ran in run("bad.pem") {
        refused(
            &ran,
            2,
            "expected a PEM file with at least one certificate for the CA bundle, got bad.pem, \
             with one that is none; change it",
        );
    }
    assert_eq!(server.requests().len(), 0);
}
