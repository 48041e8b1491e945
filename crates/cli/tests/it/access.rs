//! Access that is lost on the way, or never there: an exit code that says so, a list of what is
//! pending, and the same line that goes on.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use lakeseed_test_s3::{Fault, Kind, Request, Server, Settings};

use crate::support::{Ran, on, output, ran};

const FILES: u64 = 12;
const WORK: &str = "generate predictions --rows 60k --classes 3 --files 12 -j 2 --patience 2s --log \
                    log -o s3://lake/access";
/// From this file on nothing is let through.
const LAST: u64 = 5;

/// A server over a folder that stays, whose keys are of a certain generation.
fn served(store: &Path, generation: &str) -> Server {
    let settings = Settings::default()
        .keys(format!("KEY{generation}"), format!("secret-{generation}"))
        .session_token(format!("token-{generation}"));
    Server::start(settings.folder(store))
}

/// Once so many files were begun, whatever is asked.
fn from_a_file_on() -> impl Fn(&Request) -> bool + Send + 'static {
    let begun = AtomicU64::new(0);
    move |request| {
        let is_file = request.kind == Kind::PutObject && request.key().contains("/part-");
        let before = begun.fetch_add(u64::from(is_file), Ordering::SeqCst);
        before + u64::from(is_file) >= LAST
    }
}

#[track_caller]
fn one_line(ran: &Ran, code: i32) -> &str {
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (Some(code), ""),
        "{}",
        ran.err
    );
    let line = ran.err.lines().last().unwrap();
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    line
}

fn lost(fault: Fault, text: &str, advice: &str, at_the_start: &str) {
    let (folder, store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let old = served(store.path(), "old");
    old.faults().every(from_a_file_on(), fault);
    let first = ran(&mut on(&old, folder.path(), &format!("{WORK} -q")));
    let line = one_line(&first, 4);
    let told = line
        .strip_prefix("error: expected s3://lake/access/")
        .and_then(|rest| rest.split_once(&format!(" to stay reachable, got {text} (")))
        .and_then(|(_, rest)| rest.split_once(" s); "));
    let (tries, rest) = told.unwrap_or_else(|| panic!("{line}"));
    assert!(tries.contains(" tries in "), "{line}");
    let (finished, rest) = rest.split_once(' ').unwrap();
    assert_eq!(rest, format!("of 12 files are finished and stay: {advice}"));
    let finished: u64 = finished.parse().unwrap();
    assert!((1..LAST).contains(&finished), "{line}");
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    let pending = log
        .lines()
        .filter(|line| line.contains(" pending: predictions/part-"));
    assert_eq!(pending.count() as u64, FILES - finished, "{log}");

    // With the same keys it is refused, and loses nothing.
    let second = ran(&mut on(&old, folder.path(), WORK));
    let line = one_line(&second, 3);
    assert!(
        line.contains(text) && line.ends_with(at_the_start),
        "{line}"
    );
    drop(old);

    // The same line, with fresh keys at a server that takes no others.
    let new = served(store.path(), "new");
    let third = ran(&mut on(&new, folder.path(), WORK));
    assert_eq!(third.code, Some(0), "{}", third.err);
    let line = third.err.lines().next().unwrap();
    assert!(
        line.starts_with(&format!("goes on: {finished} file")),
        "{line}"
    );
    assert!(
        line.contains(": failed: ") || line.contains("without a word"),
        "{line}"
    );
    let verified = ran(&mut on(&new, folder.path(), "verify s3://lake/access"));
    assert_eq!(verified.code, Some(0), "{}", verified.out);
    assert!(new.uploads().is_empty());

    let unbroken = Server::start(Settings::default());
    let whole = ran(&mut on(&unbroken, folder.path(), &format!("{WORK} -q")));
    assert_eq!(whole.code, Some(0), "{}", whole.err);
    let of = |server: &Server| output(&server.bucket_path().join("access"));
    let (expected, came) = (of(&unbroken), of(&new));
    assert_eq!(
        expected.keys().collect::<Vec<_>>(),
        came.keys().collect::<Vec<_>>()
    );
    assert!(expected == came);
}

#[test]
fn a_token_that_expires_on_the_way() {
    lost(
        Fault::ExpiredToken,
        "400 ExpiredToken: The provided token has expired.",
        "renew the credentials and repeat the command to go on",
        "; renew the credentials and repeat the command",
    );
}

#[test]
fn access_that_is_denied_for_ever_on_the_way() {
    lost(
        Fault::AccessDenied,
        "403 AccessDenied: Access Denied",
        "repeat the command to go on",
        "; check the credentials, and what they are allowed to do there",
    );
}

/// What cannot be read for want of access is not damaged, and nobody is told to write it anew.
#[test]
fn access_that_is_lost_while_verifying() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Settings::default());
    let works = ["parquet", "csv", "csv -c zstd", "arrow"].map(|format| {
        format!("generate predictions --rows 60k --classes 3 --files 12 -f {format}")
    });
    let messages = "publish predictions.predictions --rows 120k --classes 3".to_owned();
    for (at, work) in works.into_iter().chain([messages]).enumerate() {
        let place = format!("s3://lake/{at}");
        let to = if work.starts_with("publish") {
            "--to"
        } else {
            "-o"
        };
        let made = ran(&mut on(
            &server,
            folder.path(),
            &format!("{work} {to} {place} -q"),
        ));
        assert_eq!(made.code, Some(0), "{}", made.err);
        for quick in ["", " --quick"] {
            // Of messages it only looks at sizes; they are in two large files.
            let first = match (to, quick) {
                ("--to", "") => 1,
                ("--to", _) => continue,
                _ => LAST,
            };
            let read = AtomicU64::new(0);
            let from_a_file_on = move |request: &Request| {
                let is_file = request.kind == Kind::GetObject && request.key().contains("/part-");
                is_file && read.fetch_add(1, Ordering::SeqCst) >= first
            };
            let before = server.faults().fired();
            server.faults().every(from_a_file_on, Fault::ExpiredToken);
            let verify = format!("verify {place} -j 2{quick}");
            let lost = ran(&mut on(
                &server,
                folder.path(),
                &format!("{verify} --patience 1s"),
            ));
            assert!(server.faults().fired() > before, "{work}{quick}");
            let line = one_line(&lost, 3);
            let end = "; renew the credentials and repeat the command";
            assert!(
                line.contains("400 ExpiredToken") && line.ends_with(end),
                "{line}"
            );
            server.faults().clear();
            let clean = ran(&mut on(&server, folder.path(), &verify));
            assert_eq!(clean.code, Some(0), "{work}{quick}: {}", clean.out);
        }
    }
}

/// Whoever types a wrong address is told while he still looks.
#[test]
fn a_server_that_is_down_at_the_start() {
    let server = Server::start(Settings::default());
    let nobody = server.endpoint().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let work = WORK.replace("--patience 2s", &format!("--endpoint-url {nobody}"));
    let mut command = on(&server, folder.path(), &work);
    drop(server);
    let ran = ran(&mut command);
    let line = one_line(&ran, 3);
    assert!(line.contains("Connection refused"), "{line}");
    assert!(
        line.ends_with("; check --endpoint-url and the network"),
        "{line}"
    );
    let (_, seconds) = line.split_once(" tries in ").unwrap();
    let (seconds, _) = seconds.split_once(" s)").unwrap();
    let seconds: f64 = seconds.parse().unwrap();
    assert!((1.0..=6.0).contains(&seconds), "{line}");
}
