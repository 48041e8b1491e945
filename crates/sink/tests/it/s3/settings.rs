//! Where settings come from, and which are refused with which line.

use std::path::PathBuf;
use std::sync::Mutex;

use lakeseed_sink::s3::{Encryption, Keys, S3Options, S3Store, Secret};
use lakeseed_sink::{Error, Store};

use super::script::{Reply, Script};
use super::{environment, options};

/// The authorization of one request under these settings.
fn signed_with(server: &Script, options: S3Options) -> String {
    let store = S3Store::open("s3://lake/demo", options).unwrap();
    store.replace("x", b"y").unwrap();
    let request = server.requests().pop().unwrap();
    let header = request.header("authorization").unwrap().to_owned();
    let scope = header
        .split("Credential=")
        .nth(1)
        .unwrap()
        .split(',')
        .next()
        .unwrap();
    let words: Vec<_> = scope.split('/').collect();
    let token = request.header("x-amz-security-token").unwrap_or("-");
    format!("{} {} {token}", words[0], words[2])
}

#[test]
fn options_go_before_the_environment_before_the_profile() {
    let server = Script::start(|_, _| Reply::ok());
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("credentials");
    std::fs::write(
        &file,
        "[default]\naws_access_key_id = AKDEFAULT\naws_secret_access_key = s\nregion = r-file\n\
         [work]\naws_access_key_id = AKWORK\naws_secret_access_key = s\naws_session_token = T\n",
    )
    .unwrap();
    let file = ("AWS_SHARED_CREDENTIALS_FILE", file.to_str().unwrap());
    let (id, secret) = (
        ("AWS_ACCESS_KEY_ID", "AKENV"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
    );
    let with = |variables: &[(&str, &str)]| S3Options {
        environment: environment(variables),
        ..options(&server.url).0
    };
    assert_eq!(signed_with(&server, with(&[file])), "AKDEFAULT r-file -");
    assert_eq!(
        signed_with(&server, with(&[file, ("AWS_PROFILE", "work")])),
        "AKWORK us-east-1 T"
    );
    let both = with(&[
        file,
        id,
        secret,
        ("AWS_PROFILE", "work"),
        ("AWS_DEFAULT_REGION", "r-env"),
    ]);
    assert_eq!(signed_with(&server, both), "AKENV r-env -");
    // A profile that the user named goes before keys that happen to be in the environment.
    let mut named = with(&[
        file,
        id,
        secret,
        ("AWS_REGION", "r1"),
        ("AWS_DEFAULT_REGION", "r2"),
    ]);
    named.profile = Some("work".to_owned());
    assert_eq!(signed_with(&server, named), "AKWORK r1 T");
    let mut given = with(&[file, id, secret, ("AWS_REGION", "r1")]);
    given.keys = Some(Keys {
        id: Secret::new("AKGIVEN"),
        secret: Secret::new("s"),
        token: None,
    });
    given.region = Some("r0".to_owned());
    assert_eq!(signed_with(&server, given), "AKGIVEN r0 -");
}

#[test]
fn endpoints_come_from_the_same_places() {
    let server = Script::start(|_, _| Reply::ok());
    let keys = [("AWS_ACCESS_KEY_ID", "AK"), ("AWS_SECRET_ACCESS_KEY", "s")];
    for variable in ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"] {
        let mut variables = keys.to_vec();
        variables.push((variable, server.url.as_str()));
        if variable == "AWS_ENDPOINT_URL_S3" {
            variables.push(("AWS_ENDPOINT_URL", "http://127.0.0.1:1"));
        }
        let options = S3Options {
            endpoint_url: None,
            environment: environment(&variables),
            ..options("").0
        };
        assert_eq!(signed_with(&server, options), "AK us-east-1 -");
    }
}

#[test]
fn encryption_is_asked_for() {
    let headers = |encryption: Encryption| {
        let server = Script::start(|_, _| Reply::ok());
        let options = S3Options {
            encryption: Some(encryption),
            ..options(&server.url).0
        };
        S3Store::open("s3://lake/demo", options)
            .unwrap()
            .replace("x", b"y")
            .unwrap();
        let request = server.requests().pop().unwrap();
        let mut found: Vec<_> = request
            .headers
            .into_iter()
            .filter_map(|(name, value)| {
                let name = name
                    .strip_prefix("x-amz-server-side-encryption")?
                    .to_owned();
                Some(format!("{name}={value}"))
            })
            .collect();
        found.sort();
        found
    };
    assert_eq!(headers(Encryption::Managed), ["=AES256"]);
    assert_eq!(headers(Encryption::Kms { key: None }), ["=aws:kms"]);
    let key = Some("alias/lake".to_owned());
    assert_eq!(
        headers(Encryption::Kms { key }),
        ["-aws-kms-key-id=alias/lake", "=aws:kms"]
    );
    let key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    let found = headers(Encryption::Customer {
        key: Secret::new(key),
    });
    assert!(
        found.contains(&"-customer-algorithm=AES256".to_owned()),
        "{found:?}"
    );
    assert!(found.contains(&format!("-customer-key={key}")), "{found:?}");
}

#[test]
fn the_bucket_stands_in_the_path_of_an_own_endpoint() {
    let server = Script::start(|_, _| Reply::ok());
    let host = server.url.strip_prefix("http://").unwrap().to_owned();
    let (options, _, _) = options(&server.url);
    S3Store::open("s3://lake/a b/é", options)
        .unwrap()
        .replace("x%2F=", b"y")
        .unwrap();
    let request = server.requests().pop().unwrap();
    assert_eq!(request.target, "/lake/a%20b/%C3%A9/x%252F%3D");
    assert_eq!(request.header("host"), Some(host.as_str()));
}

#[test]
fn refused_settings_say_what_was_expected() {
    let folder = tempfile::tempdir().unwrap();
    let pem = folder.path().join("ca.pem");
    std::fs::write(&pem, "no certificate").unwrap();
    let refused = |options: S3Options, text: &str| {
        let error = S3Store::open("s3://lake/demo", options).unwrap_err();
        assert!(
            matches!(error, Error::Invalid { .. } | Error::Io { .. }),
            "{error:?}"
        );
        let line = error.to_string();
        assert!(line.contains(text) && !line.contains('\n'), "{line}");
    };
    let base = |variables: &[(&str, &str)]| S3Options {
        environment: environment(variables),
        ..options("http://127.0.0.1:1").0
    };
    refused(
        base(&[("AWS_ACCESS_KEY_ID", "AK")]),
        "expected AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, found AWS_ACCESS_KEY_ID without AWS_SECRET_ACCESS_KEY",
    );
    refused(
        base(&[("AWS_EC2_METADATA_DISABLED", "true"), ("HOME", "/nowhere")]),
        "or profile `default` in /nowhere/.aws/credentials or /nowhere/.aws/config, found neither",
    );
    refused(
        base(&[("AWS_PROFILE", "wrok"), ("HOME", "/nowhere")]),
        "found `wrok`",
    );
    let mut options = base(&[]);
    options.ca_bundle = Some(pem.clone());
    refused(options, "expected a PEM file with at least one certificate");
    refused(
        base(&[("AWS_CA_BUNDLE", pem.to_str().unwrap())]),
        "PEM file",
    );
    let mut options = base(&[]);
    options.ca_bundle = Some(PathBuf::from("/nowhere/ca.pem"));
    refused(options, "cannot read /nowhere/ca.pem");
    let mut options = base(&[]);
    options.region = Some("eu west".to_owned());
    refused(options, "invalid region");
}

#[test]
fn a_machine_without_keys_is_told_where_they_were_looked_for() {
    let metadata = Script::start(|_, _| Reply::error(404, "None"));
    let server = Script::start(|_, _| Reply::ok());
    let options = S3Options {
        environment: environment(&[
            ("HOME", "/nowhere"),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &metadata.url),
        ]),
        ..options(&server.url).0
    };
    let error = S3Store::open("s3://lake/demo", options)
        .unwrap()
        .check()
        .unwrap_err();
    let text = super::told_of(&error);
    assert!(text.contains("access denied"), "{text}");
    assert!(
        text.contains("AWS_ACCESS_KEY_ID") && text.contains("/nowhere/.aws/credentials"),
        "{text}"
    );
    assert!(server.lines().is_empty());
    assert!(!metadata.lines().is_empty());
}

#[test]
fn a_store_works_inside_of_another_runtime() {
    let server = Script::start(|_, _| Reply::ok());
    let written = Mutex::new(false);
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(async {
            let (options, _, _) = options(&server.url);
            let store = S3Store::open("s3://lake/demo", options).unwrap();
            store.replace("x", b"y").unwrap();
            drop(store);
            *written.lock().unwrap() = true;
        });
    assert!(*written.lock().unwrap());
}
