//! Canaries in every slot for a secret, on every way that fails: none may be seen anywhere.

use std::sync::{Arc, Mutex};

use lakeseed_sink::s3::{Encryption, Keys, S3Options, S3Store, Secret};
use lakeseed_sink::{Error, Store};

use super::script::{Reply, Request, Script};
use super::{environment, listen, options, part, told_of};

/// 64 characters that no text of ours holds.
fn canary(slot: &str) -> String {
    format!("{slot:C<64}")
}

fn canaries() -> [String; 4] {
    ["KEYID", "SECRET", "TOKEN", "USER"].map(canary)
}

/// 32 bytes in base64.
const CUSTOMER: &str = "Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2E=";

/// An answer that repeats everything which a client sent, in all the ways that servers do.
fn echo(status: u16, code: &str, request: &Request) -> Reply {
    let headers: Vec<_> = request
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let signed = request.header("authorization").unwrap_or_default();
    let signature = signed.rsplit('=').next().unwrap_or_default();
    let presigned = format!(
        "https://USER:{}@h/x?X-Amz-Credential={}&X-Amz-Signature={signature}&X-Amz-Security-Token={}",
        canary("USER"),
        canary("KEYID"),
        canary("TOKEN"),
    );
    let body = format!(
        "<Error><Code>{code}</Code><Message>you sent {} to {presigned}</Message>\
         <AWSAccessKeyId>{}</AWSAccessKeyId><StringToSign>AWS4\n{signature}</StringToSign>\
         <SignatureProvided>{signature}</SignatureProvided><CanonicalRequest>{}</CanonicalRequest></Error>",
        headers.join(", "),
        canary("KEYID"),
        headers.join("\n"),
    );
    Reply::Answer(status, Vec::new(), body.into_bytes())
}

#[track_caller]
fn clean(text: &str, server: &Script) {
    let mut hidden: Vec<String> = canaries().to_vec();
    hidden.push(CUSTOMER.to_owned());
    for request in server.requests() {
        let signed = request.header("authorization").unwrap();
        let signature = signed.rsplit('=').next().unwrap().to_owned();
        assert_eq!(signature.len(), 64);
        hidden.push(signature);
    }
    for secret in hidden {
        assert!(!text.contains(&secret), "{secret} in {text}");
    }
}

#[test]
fn no_secret_leaves_by_an_error_an_event_or_a_log() {
    let listening = listen::start();
    let (mut said, mut heard_libraries) = (0, false);
    for (status, code) in [
        (403, "AccessDenied"),
        (403, "SignatureDoesNotMatch"),
        (403, "InvalidAccessKeyId"),
        (400, "ExpiredToken"),
        (400, "AuthorizationHeaderMalformed"),
        (403, "RequestTimeTooSkewed"),
        (404, "NoSuchBucket"),
        (500, "InternalError"),
        (501, "NotImplemented"),
        (200, "InternalError"),
        (301, "PermanentRedirect"),
    ] {
        let server = Script::start(move |_, request| echo(status, code, request));
        let told = Arc::new(Mutex::new(Vec::new()));
        for encryption in [
            None,
            Some(Encryption::Customer {
                key: Secret::new(CUSTOMER),
            }),
        ] {
            let (mut options, _, heard) = options(&server.url);
            options.environment = environment(&[
                ("AWS_ACCESS_KEY_ID", &canary("KEYID")),
                ("AWS_SECRET_ACCESS_KEY", &canary("SECRET")),
                ("AWS_SESSION_TOKEN", &canary("TOKEN")),
            ]);
            options.encryption = encryption;
            clean(&format!("{options:?}"), &server);
            let store = S3Store::open("s3://lake/demo", options).unwrap();
            clean(&format!("{store:?} {}", store.address()), &server);
            let mut errors: Vec<Error> = Vec::new();
            errors.extend(store.check().err());
            errors.extend(store.get("x").err());
            errors.extend(store.open("x").err());
            errors.extend(store.put_new("x", b"y").err());
            errors.extend(store.replace("x", b"y").err());
            errors.extend(store.log("x", "y", b"z").err());
            errors.extend(store.logged("x").err());
            errors.extend(store.remove_log("x").err());
            errors.extend(store.remove("x").err());
            errors.extend(store.list("x", 10).err());
            errors.extend(store.finished(&[part(0)]).err());
            errors.extend(store.discard(&[part(0), part(1)]).err());
            let mut writer = store.create(&part(0), 0).unwrap();
            errors.extend(writer.write(&vec![0; 9 << 20]).err());
            errors.extend(writer.finish().err());
            said += errors.len();
            told.lock().unwrap().extend(errors.iter().map(told_of));
            told.lock().unwrap().append(&mut heard.lock().unwrap());
        }
        clean(&told.lock().unwrap().join("\n"), &server);
        let heard = listen::take();
        clean(&heard, &server);
        heard_libraries |= heard.contains("hyper") || heard.contains("reqwest");
    }
    drop(listening);
    assert!(heard_libraries, "the libraries were heard");
    assert!(said > 200, "{said}");
}

#[test]
fn no_secret_leaves_by_a_refused_setting() {
    let none = Script::start(|_, _| Reply::Silence);
    let keys = |id: &str, secret: &str, token: Option<&str>| {
        Some(Keys {
            id: Secret::new(id),
            secret: Secret::new(secret),
            token: token.map(Secret::new),
        })
    };
    let bad = format!("{}\n", canary("SECRET"));
    let refused: Vec<(String, S3Options)> = vec![
        (
            format!("s3://{}:x@lake/demo", canary("USER")),
            S3Options::default(),
        ),
        (
            format!("s3://lake/demo?X-Amz-Signature={}", canary("TOKEN")),
            S3Options::default(),
        ),
        (
            "s3://lake/demo".to_owned(),
            S3Options {
                endpoint_url: Some(format!("http://u:{}@h:1", canary("USER"))),
                ..S3Options::default()
            },
        ),
        (
            "s3://lake/demo".to_owned(),
            S3Options {
                keys: keys(&canary("KEYID"), &bad, None),
                ..S3Options::default()
            },
        ),
        (
            "s3://lake/demo".to_owned(),
            S3Options {
                keys: keys(
                    &canary("KEYID"),
                    &canary("SECRET"),
                    Some("TOKEN with a blank"),
                ),
                ..S3Options::default()
            },
        ),
        (
            "s3://lake/demo".to_owned(),
            S3Options {
                keys: keys("AK", "SK", None),
                encryption: Some(Encryption::Customer {
                    key: Secret::new(canary("SECRET")),
                }),
                ..S3Options::default()
            },
        ),
    ];
    for (url, options) in refused {
        let options = S3Options {
            environment: environment(&[]),
            ..options
        };
        let error = S3Store::open(&url, options).unwrap_err();
        clean(&told_of(&error), &none);
    }
}
