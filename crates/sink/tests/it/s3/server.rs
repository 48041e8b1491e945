//! A whole server in the test process: every promise kept, and every fault at every request.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use lakeseed_sink::s3::{Patience, S3Options, S3Store};
use lakeseed_sink::{
    BatchSource, Csv, Error, FnSource, Layout, Plan, PutNew, Run, Source, Store, TableSpec, Trouble,
};
use lakeseed_test_s3::{Fault, Kind, Request, Server, Settings};

use super::{contract, environment, options, part, side_by_side, trouble};
use crate::support::numbers;

const MIB: usize = 1 << 20;

pub(super) fn settings(server: &Server) -> S3Options {
    let variables: Vec<_> = server.environment();
    let variables: Vec<_> = variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    S3Options {
        environment: environment(&variables),
        ..options(server.endpoint()).0
    }
}

fn open(server: &Server, options: S3Options) -> S3Store {
    S3Store::open(&format!("s3://{}/demo", server.bucket()), options).unwrap()
}

#[test]
fn every_call_keeps_its_promise() {
    let server = Server::start(Settings::default().session_token("a-token"));
    contract::check(&open(&server, settings(&server)));
    let server = Server::start(Settings::default());
    let options = settings(&server);
    let root = S3Store::open(&format!("s3://{}", server.bucket()), options).unwrap();
    contract::check(&root);
    assert!(server.uploads().is_empty());
    assert!(server.objects().is_empty());
}

#[test]
fn wrong_keys_are_denied_at_once() {
    let server = Server::start(Settings::default());
    for (id, secret) in [
        (server.access_key(), "another"),
        ("AKUNKNOWN", server.secret_key()),
    ] {
        let mut options = settings(&server);
        options.environment =
            environment(&[("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", secret)]);
        let store = open(&server, options);
        assert_eq!(trouble(store.check()), Trouble::Denied);
        assert_eq!(store.counts().requests, 1);
    }
}

#[test]
fn a_bucket_that_is_not_there_is_missing() {
    let server = Server::start(Settings::default());
    let store = S3Store::open("s3://nowhere/demo", settings(&server)).unwrap();
    assert_eq!(trouble(store.check()), Trouble::Missing);
    assert_eq!(trouble(store.get("x")), Trouble::Missing);
}

/// A part of two pieces, which takes a second to hash: apart from the many small requests.
fn upload(store: &S3Store) -> Result<(), Error> {
    let mut writer = store.create(&part(0), 0)?;
    writer.write(&vec![7; 8 * MIB])?;
    writer.write(&[8; 100])?;
    assert_eq!(writer.finish()?, 8 * MIB as u64 + 100);
    Ok(())
}

/// What a run does beside that, in small: check, a small part, log, manifest.
fn small(store: &S3Store) -> Result<(), Error> {
    store.check()?;
    let mut writer = store.create(&part(1), 0)?;
    writer.write(b"little")?;
    assert_eq!(writer.finish()?, 6);
    store.log("_lakeseed/log", "one", b"done")?;
    let manifest = store.put_new("_lakeseed/manifest.json", b"all")?;
    assert_eq!(manifest, PutNew::Written);
    assert_eq!(store.finished(&[part(1), part(2)])?, [Some(6), None]);
    assert_eq!(store.logged("_lakeseed/log")?, [b"done"]);
    store.remove_log("_lakeseed/log")?;
    let manifest = store.get("_lakeseed/manifest.json")?;
    assert_eq!(manifest.as_deref(), Some(&b"all"[..]));
    Ok(())
}

type Work = fn(&S3Store) -> Result<(), Error>;

fn run(store: &S3Store) -> Result<(), Error> {
    small(store)?;
    upload(store)
}

/// What stands in the bucket after a whole run, and nothing beside it.
#[track_caller]
fn whole(server: &Server, parts: &[u64], at: &str) {
    let mut objects: Vec<_> = server
        .objects()
        .into_iter()
        .map(|object| (object.key, object.bytes))
        .collect();
    objects.sort();
    let mut expected = Vec::new();
    if parts.contains(&1) {
        expected.push(("demo/_lakeseed/manifest.json".to_owned(), 3));
    }
    for number in parts {
        let bytes = if *number == 0 {
            8 * MIB as u64 + 100
        } else {
            6
        };
        expected.push((format!("demo/invoices/part-0000{number}-abcdef.csv"), bytes));
    }
    assert_eq!(objects, expected, "{at}");
    assert!(server.uploads().is_empty(), "{at}: {:?}", server.uploads());
}

/// The requests of a run, by kind and place among those of the kind: side by side, those of different
/// kinds come in any order.
fn requests(run: Work) -> Vec<(Kind, u64)> {
    let server = Server::start(Settings::default());
    run(&open(&server, settings(&server))).unwrap();
    let mut seen: HashMap<Kind, u64> = HashMap::new();
    let requests = server.requests().into_iter().map(|request| {
        let nth = seen.entry(request.kind).or_default();
        *nth += 1;
        (request.kind, *nth)
    });
    requests.collect()
}

/// Each fault once, at each request of a run: the run gets by, and leaves nothing beside its files.
#[test]
fn every_fault_at_every_request_is_mended() {
    let faults = [
        Fault::InternalError,
        Fault::InternalErrorAfter,
        Fault::ErrorInside200,
        Fault::SlowDown,
        Fault::AccessDenied,
        Fault::ExpiredToken,
        Fault::ResetBefore,
        Fault::ResetAfter,
        Fault::Truncated { bytes: 1 },
    ];
    let both: [(Work, u64); 2] = [(small, 1), (upload, 0)];
    let both = both.map(|(run, number)| (run, number, requests(run)));
    side_by_side(&faults, |fault| {
        let fault = *fault;
        let places = both
            .iter()
            .flat_map(|(run, number, requests)| requests.iter().map(move |at| (run, number, at)));
        for (run, number, (kind, nth)) in places {
            // Within a file such words are its content, and no server answers so. Other answers have no
            // length that they could fall short of.
            let lands = match fault {
                Fault::ErrorInside200 => *kind != Kind::GetObject,
                Fault::Truncated { .. } => *kind == Kind::GetObject,
                _ => true,
            };
            if !lands {
                continue;
            }
            let server = Server::start(Settings::default());
            server.faults().on(*kind, *nth, fault);
            let store = open(&server, settings(&server));
            let at = format!("{fault:?} at {kind:?} {nth}");
            run(&store).unwrap_or_else(|error| panic!("{at}: {}", super::told_of(&error)));
            assert_eq!(server.faults().fired(), 1, "{at}");
            whole(&server, &[*number], &at);
        }
    });
}

/// Requests that never get an answer, where it is hard to know whether they were done.
#[test]
fn a_server_that_falls_silent_is_asked_again() {
    for fault in [Fault::HangBefore, Fault::HangAfter] {
        for kind in [
            Kind::PutObject,
            Kind::CreateMultipart,
            Kind::UploadPart,
            Kind::Complete,
            Kind::List,
            Kind::GetObject,
            Kind::Delete,
        ] {
            let server = Server::start(Settings::default());
            let mut options = settings(&server);
            options.patience = Patience {
                answer: Duration::from_millis(500),
                ..options.patience
            };
            let store = open(&server, options);
            store.check().unwrap();
            server.faults().on(kind, 1, fault);
            run(&store).unwrap();
            assert_eq!(server.faults().fired(), 1, "{fault:?} on {kind:?}");
            whole(&server, &[0, 1], &format!("{fault:?} on {kind:?}"));
        }
    }
}

/// A very large file takes larger buffers, and a worker a larger lease.
#[test]
fn buffers_of_a_very_large_file_are_part_of_the_need() {
    let server = Server::start(Settings::default());
    let store = open(&server, settings(&server));
    let open_part = |rows: u64| {
        let source = FnSource::new(numbers(1).schema(), |range: Range<u64>, batch_rows| {
            let rows = range.end - range.start;
            BatchSource::new(numbers(rows)).open(0..rows, batch_rows)
        });
        let one = Layout {
            files: Some(1),
            ..Layout::default()
        };
        let plan = Plan::builder(Csv::plain()).layout(one);
        let plan = plan.table(TableSpec::new("pets", source, 0..rows));
        let plan = plan.build().unwrap();
        let need = Run::new(&plan, &store).need_per_worker();
        (plan.largest_file(), need - plan.need_per_worker())
    };
    let half = MIB as u64 / 2;
    assert_eq!(open_part(1_000).1, 24 * MIB as u64 + half);
    let (bytes, held) = open_part(100_000_000_000);
    assert!(bytes > 400_000_000_000, "{bytes}");
    // Three buffers, of which 9,000 hold the file and three tenths more.
    let buffer = bytes + bytes / 10 * 3;
    assert!(held > buffer / 3_000 && held < buffer / 3_000 + 4 * MIB as u64);
}

/// A record that is read whole has the time of its bytes, not only that of an answer.
#[test]
fn a_large_record_over_a_slow_line_is_read() {
    let server = Server::start(Settings::default());
    let mut options = settings(&server);
    options.patience = Patience {
        answer: Duration::from_millis(250),
        ..options.patience
    };
    let store = open(&server, options);
    store.check().unwrap();
    let record = vec![7; 512 << 10];
    store.replace("record", &record).unwrap();
    let before = store.counts().retries;
    // A second and a half; so much is granted five.
    let slow = Fault::Slow {
        bytes_per_second: 341 << 10,
    };
    let is_record = |request: &Request| request.key().ends_with("record");
    server.faults().every(is_record, slow);
    assert_eq!(store.get("record").unwrap(), Some(record));
    assert_eq!(store.counts().retries, before);
    assert_eq!(server.faults().fired(), 1);
}

/// Faults that do not pass: a typed error, and no upload is left that could be aborted.
#[test]
fn a_fault_that_stays_is_a_typed_error() {
    for (fault, expected) in [
        (Fault::InternalError, Trouble::Unavailable),
        (Fault::SlowDown, Trouble::Unavailable),
        (Fault::AccessDenied, Trouble::Denied),
        (Fault::ExpiredToken, Trouble::Expired),
        (Fault::SkewedClock, Trouble::ClockSkew),
        (Fault::ResetBefore, Trouble::Unknown),
    ] {
        for kind in [
            Kind::PutObject,
            Kind::CreateMultipart,
            Kind::UploadPart,
            Kind::Complete,
        ] {
            let server = Server::start(Settings::default());
            let store = open(&server, settings(&server));
            server
                .faults()
                .every(move |request| request.kind == kind, fault);
            let error = run(&store).expect_err("a fault that stays");
            assert_eq!(
                trouble(Err::<(), _>(error)),
                expected,
                "{fault:?} on {kind:?}"
            );
            assert!(server.uploads().is_empty(), "{fault:?} on {kind:?}");
        }
    }
}
