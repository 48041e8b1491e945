//! The token of a web identity goes to STS, and nowhere else.

use std::fmt::Write as _;

use lakeseed_sink::Store;
use lakeseed_sink::s3::{S3Options, S3Store};
use lakeseed_test_s3::{Server, Settings};

use super::{environment, listen, options, told_of};

const TOKEN: &str = "canary-of-the-identity-token-3f1c9a60d2b74e8895c7e1";
const WRONG: &str = "canary-of-a-wrong-identity-token-77b0e4a1c8d94f23a6";
const SECRET: &str = "canary-of-the-temporary-secret-key-0a5d83e6b1f9";
const SESSION: &str = "canary-of-the-temporary-session-token-c4e27d90ab";

/// The libraries below speak at trace level here, which is more than they should be let to.
#[test]
fn tokens_are_not_told_at_any_level() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Settings::default().keys("ASIATEMPORARY", SECRET);
    let server = Server::start(keys.session_token(SESSION).identity(TOKEN).tls());
    let (ca, token) = (folder.path().join("ca.pem"), folder.path().join("token"));
    std::fs::write(&ca, server.ca_pem().unwrap()).unwrap();
    let listening = listen::start();
    let mut all = String::new();
    for (shown, is_good) in [(TOKEN, true), (WRONG, false)] {
        std::fs::write(&token, shown).unwrap();
        let (options, _, told) = options(server.endpoint());
        let options = S3Options {
            environment: environment(&[
                ("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().unwrap()),
                ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/lake"),
                ("AWS_ENDPOINT_URL_STS", server.endpoint()),
            ]),
            ca_bundle: Some(ca.clone()),
            ..options
        };
        write!(all, "{options:?}").unwrap();
        let store = S3Store::open("s3://lake/demo", options).unwrap();
        write!(all, "{store:?}").unwrap();
        let checked = store.check();
        assert_eq!(checked.is_ok(), is_good, "{checked:?}");
        all.extend(checked.err().map(|error| told_of(&error)));
        all.push_str(&told.lock().unwrap().join("\n"));
        all.push_str(&listen::take());
    }
    drop(listening);
    assert!(
        all.contains("hyper") || all.contains("reqwest"),
        "the libraries were heard"
    );
    assert!(
        all.contains("no credentials from the web identity"),
        "{all}"
    );
    for secret in [TOKEN, WRONG, SECRET, SESSION] {
        assert!(!all.contains(&secret[10..40]), "{secret} in {all}");
    }
}
