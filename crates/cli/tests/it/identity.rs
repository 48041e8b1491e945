//! Keys that others hand out for a while: STS for a web identity, a pod's agent, the machine's
//! metadata service.

use std::fs;
use std::path::Path;
use std::process::Command;

use lakeseed_test_s3::{Request, Server, Settings};

use crate::support::{Ran, files, on, ran};

const WORK: &str = "generate predictions --rows 6k --classes 3 --files 3 -v --log log --log-level \
                    debug -o s3://lake/id";
/// The tokens that prove who asks, and the keys that are given for them.
const TOKEN: &str = "canary-of-the-identity-token-3f1c9a60d2b74e8895c7e1";
const WRONG: &str = "canary-of-a-wrong-identity-token-77b0e4a1c8d94f23a6";
const SECRET: &str = "canary-of-the-temporary-secret-key-0a5d83e6b1f9";
const SESSION: &str = "canary-of-the-temporary-session-token-c4e27d90ab";

fn served() -> Server {
    let settings = Settings::default()
        .keys("ASIATEMPORARY", SECRET)
        .session_token(SESSION)
        .identity(TOKEN);
    Server::start(settings.tls())
}

/// A command that has no keys, and knows the server's authority.
fn without_keys(server: &Server, folder: &Path, args: &str) -> Command {
    fs::write(folder.join("ca.pem"), server.ca_pem().unwrap()).unwrap();
    let mut command = on(server, folder, args);
    for name in [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    ] {
        command.env_remove(name);
    }
    command.env("AWS_CA_BUNDLE", "ca.pem");
    command
}

fn by_web_identity(server: &Server, folder: &Path, token: &str, args: &str) -> Ran {
    fs::write(folder.join("token"), token).unwrap();
    let mut command = without_keys(server, folder, args);
    let run = command
        .env("AWS_WEB_IDENTITY_TOKEN_FILE", "token")
        .env("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/lake")
        .env("AWS_ROLE_SESSION_NAME", "nightly")
        .env("AWS_ENDPOINT_URL_STS", server.endpoint());
    ran(run)
}

fn by_pod(server: &Server, folder: &Path, token: &str, args: &str) -> Ran {
    fs::write(folder.join("token"), token).unwrap();
    let mut command = without_keys(server, folder, args);
    let run = command
        .env(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            format!("{}/container", server.endpoint()),
        )
        .env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "token");
    ran(run)
}

/// All that was said, written and stored holds no token and no key.
#[track_caller]
fn is_clean(folder: &Path, server: &Server, said: &[&Ran]) {
    let mut all: Vec<(String, Vec<u8>)> = files(folder).into_iter().collect();
    all.retain(|(name, _)| name != "token");
    assert!(
        all.iter()
            .any(|(name, bytes)| name == "log" && !bytes.is_empty())
    );
    all.extend(files(&server.bucket_path()));
    let said = said
        .iter()
        .map(|ran| ("the output".to_owned(), format!("{ran:?}").into_bytes()));
    all.extend(said);
    for (name, bytes) in all {
        let text = String::from_utf8_lossy(&bytes);
        for secret in [TOKEN, WRONG, SECRET, SESSION] {
            assert!(
                !text.contains(&secret[10..40]),
                "{secret} in {name}: {text}"
            );
        }
    }
}

/// All requests to the bucket carried the session token; their signatures were checked there.
fn carried(server: &Server) -> usize {
    let of_bucket = |request: &Request| request.bucket() == "lake";
    let requests = server.requests();
    let requests: Vec<_> = requests
        .iter()
        .filter(|request| of_bucket(request))
        .collect();
    for request in &requests {
        assert_eq!(
            request.header("x-amz-security-token"),
            Some(SESSION),
            "{request:?}"
        );
    }
    requests.len()
}

#[test]
fn a_web_identity_becomes_keys() {
    let (server, folder) = (served(), tempfile::tempdir().unwrap());
    let made = by_web_identity(&server, folder.path(), TOKEN, WORK);
    assert_eq!(made.code, Some(0), "{}", made.err);
    let verified = by_web_identity(&server, folder.path(), TOKEN, "verify s3://lake/id");
    assert_eq!(verified.code, Some(0), "{}", verified.err);
    assert!(carried(&server) > 20);
    let asked = |request: &&Request| request.query.contains("AssumeRoleWithWebIdentity");
    let all = server.requests();
    let asked: Vec<_> = all.iter().filter(asked).collect();
    assert_eq!(asked.len(), 2, "once a process");
    assert!(
        asked[0].query.contains("RoleSessionName=nightly"),
        "{}",
        asked[0].query
    );
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(log.contains("credentials from the web identity"), "{log}");
    is_clean(folder.path(), &server, &[&made, &verified]);
}

#[test]
fn a_web_identity_that_is_refused() {
    let (server, folder) = (served(), tempfile::tempdir().unwrap());
    let refused = by_web_identity(&server, folder.path(), WRONG, WORK);
    let lost = by_web_identity(&server, folder.path(), WRONG, "verify s3://lake/id");
    for ran in [&refused, &lost] {
        assert_eq!(
            (ran.code, ran.err.lines().count()),
            (Some(3), 1),
            "{}",
            ran.err
        );
        assert!(
            ran.err
                .contains("got no credentials from the web identity: "),
            "{}",
            ran.err
        );
    }
    assert_eq!(carried(&server), 0);
    is_clean(folder.path(), &server, &[&refused, &lost]);
    // Without its file.
    let mut command = without_keys(&server, folder.path(), WORK);
    command
        .env("AWS_WEB_IDENTITY_TOKEN_FILE", "nowhere")
        .env("AWS_ROLE_ARN", "arn:x");
    let ran = ran(&mut command);
    assert_eq!(
        (ran.code, ran.err.lines().count()),
        (Some(3), 1),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("nowhere"), "{}", ran.err);
}

#[test]
fn a_pod_gets_keys() {
    let (server, folder) = (served(), tempfile::tempdir().unwrap());
    let refused = by_pod(&server, folder.path(), WRONG, WORK);
    assert_eq!(
        (refused.code, refused.err.lines().count()),
        (Some(3), 1),
        "{}",
        refused.err
    );
    assert_eq!(carried(&server), 0);
    let made = by_pod(&server, folder.path(), TOKEN, WORK);
    assert_eq!(made.code, Some(0), "{}", made.err);
    assert!(carried(&server) > 20);
    is_clean(folder.path(), &server, &[&refused, &made]);
}

#[test]
fn a_machine_gets_keys() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Settings::default().keys("ASIATEMPORARY", SECRET);
    let server = Server::start(keys.session_token(SESSION).identity(TOKEN).tls());
    let machine = |args: &str| {
        let mut command = without_keys(&server, folder.path(), args);
        let run = command
            .env_remove("AWS_EC2_METADATA_DISABLED")
            .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.endpoint());
        ran(run)
    };
    let made = machine(WORK);
    assert_eq!(made.code, Some(0), "{}", made.err);
    assert!(carried(&server) > 20);
    is_clean(folder.path(), &server, &[&made]);
}
