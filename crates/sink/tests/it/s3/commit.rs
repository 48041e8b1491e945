//! Whole runs into a bucket whose server fails at one request, or from one on: the output is right,
//! or a typed error says what is pending and the same run without faults makes it right.

use std::collections::BTreeMap;
use std::env;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lakeseed_sink::s3::{Patience, Pause, S3Options, S3Store};
use lakeseed_sink::{BatchSource, Csv, Error, Layout, Plan, Run, TableSpec, Trouble};
use lakeseed_test_s3::{Fault, Kind, Request, Server, Settings};

use super::{options, server, side_by_side};
use crate::support::{numbers, small_chunks};
use crate::trees::{large, quick, tree};

/// What befalls a run from a request on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Trial {
    Once(usize),
    /// Access is denied for two minutes of the store's own clock.
    DeniedForTwoMinutes,
    DeniedForEver,
    FailsForEver,
}

const ONCE: [Fault; 9] = [
    Fault::InternalError,
    Fault::InternalErrorAfter,
    Fault::SlowDown,
    Fault::AccessDenied,
    Fault::ExpiredToken,
    Fault::HangBefore,
    Fault::HangAfter,
    Fault::ResetBefore,
    Fault::ResetAfter,
];

fn trials() -> Vec<Trial> {
    let once = (0..ONCE.len()).map(Trial::Once);
    once.chain([
        Trial::DeniedForTwoMinutes,
        Trial::DeniedForEver,
        Trial::FailsForEver,
    ])
    .collect()
}

/// Two parts of a table.
fn small() -> Plan<'static> {
    let pets = BatchSource::new(numbers(40));
    Plan::builder(Csv::plain())
        .data_id("pets, seed 42")
        .layout(Layout {
            files: Some(2),
            ..small_chunks()
        })
        .table(TableSpec::new("pets", pets, 0..40))
        .build()
        .unwrap()
}

/// A server on a folder in memory.
struct Bucket {
    server: Server,
    _folder: tempfile::TempDir,
}

impl Bucket {
    fn new() -> Self {
        let folder = quick();
        let settings = Settings::default().folder(folder.path().join("server"));
        Self {
            server: Server::start(settings),
            _folder: folder,
        }
    }

    fn commit(&self, plan: &Plan<'_>, options: S3Options) -> Result<(), Error> {
        let url = format!("s3://{}/out", self.server.bucket());
        let store = S3Store::open(&url, options).unwrap();
        Run::new(plan, &store).commit().map(|_| ())
    }

    fn tree(&self) -> BTreeMap<String, String> {
        let digest = |bytes: &[u8]| blake3::hash(bytes).to_hex().to_string();
        let tree = tree(&self.server.bucket_path()).into_iter();
        tree.map(|(name, bytes)| (name, digest(&bytes))).collect()
    }
}

/// What a fault did: how often it struck, and whether the run got by.
#[derive(Debug, Default)]
struct Told {
    struck: AtomicU64,
    got_by: AtomicU64,
    gave_up: AtomicU64,
}

/// Plants a fault at the nth request of which something is true; gives whether it struck.
fn plant(
    plan: &Plan<'_>,
    whole: &BTreeMap<String, String>,
    trial: Trial,
    condition: fn(&Request) -> bool,
    nth: u64,
    told: &Told,
) {
    let bucket = Bucket::new();
    let faults = bucket.server.faults();
    let (with_clock, clock, _) = options(bucket.server.endpoint());
    let mut settings = S3Options {
        environment: server::settings(&bucket.server).environment,
        ..with_clock
    };
    match trial {
        Trial::Once(at) => {
            if matches!(ONCE[at], Fault::HangBefore | Fault::HangAfter) {
                settings.patience = Patience {
                    answer: Duration::from_millis(200),
                    ..settings.patience
                };
                // A piece of 8 MiB is granted a minute more, which a test has not.
                let is_short = move |request: &Request| is_long() || !is_large(request);
                let both = move |request: &Request| condition(request) && is_short(request);
                faults.some(both, nth, 1, ONCE[at]);
            } else {
                faults.some(condition, nth, 1, ONCE[at]);
            }
        }
        Trial::DeniedForTwoMinutes => {
            let (met, first) = (AtomicU64::new(0), OnceLock::new());
            let denied = move |request: &Request| {
                if first.get().is_none()
                    && !(condition(request) && met.fetch_add(1, Ordering::SeqCst) + 1 == nth)
                {
                    return false;
                }
                let now = Pause::now(&*clock);
                now < *first.get_or_init(|| now) + Duration::from_mins(2)
            };
            faults.every(denied, Fault::AccessDenied);
        }
        Trial::DeniedForEver => faults.some(condition, nth, u64::MAX, Fault::AccessDenied),
        Trial::FailsForEver => faults.some(condition, nth, u64::MAX, Fault::SlowDown),
    }
    let outcome = bucket.commit(plan, settings);
    let struck = faults.fired();
    faults.clear();
    let at = format!("{trial:?} at {nth}");
    if struck == 0 {
        outcome.expect(&at);
        return;
    }
    told.struck.fetch_add(struck, Ordering::Relaxed);
    match outcome {
        Ok(()) => {
            told.got_by.fetch_add(1, Ordering::Relaxed);
            assert_eq!(&bucket.tree(), whole, "{at}");
        }
        Err(error) => {
            told.gave_up.fetch_add(1, Ordering::Relaxed);
            assert!(!matches!(trial, Trial::Once(_)), "{at}: {error:?}");
            let Error::Remote { trouble, .. } = error.cause() else {
                panic!("{at}: {error:?}")
            };
            let expected: &[Trouble] = match trial {
                Trial::FailsForEver => &[Trouble::Unavailable, Trouble::Unknown],
                _ => &[Trouble::Denied, Trouble::Unknown],
            };
            assert!(expected.contains(trouble), "{at}: {error:?}");
            if let Error::Incomplete {
                proven, pending, ..
            } = &error
            {
                let planned: usize = plan.tables().iter().map(|table| table.parts().len()).sum();
                assert_eq!(proven + pending.len(), planned, "{at}");
            }
        }
    }
    // As it is, or after what is left was made: the same run says so.
    let again = bucket.commit(plan, server::settings(&bucket.server));
    again.unwrap_or_else(|error| panic!("{at}: {error:?}"));
    assert_eq!(&bucket.tree(), whole, "{at}");
    let uploads = bucket.server.uploads();
    assert!(uploads.is_empty(), "{at}: {uploads:?}");
}

fn sweep(plan: &Plan<'_>, condition: fn(&Request) -> bool, step: usize) -> BTreeMap<Trial, Told> {
    let unbroken = Bucket::new();
    unbroken
        .commit(plan, server::settings(&unbroken.server))
        .unwrap();
    let whole = unbroken.tree();
    let requests = unbroken.server.requests();
    let most = requests.iter().filter(|request| condition(request)).count() as u64;
    assert!(most > 0);
    let told: BTreeMap<_, _> = trials()
        .into_iter()
        .map(|trial| (trial, Told::default()))
        .collect();
    let cases: Vec<_> = trials()
        .into_iter()
        .flat_map(|trial| (1..=most).step_by(step).map(move |nth| (trial, nth)))
        .collect();
    side_by_side(&cases, |(trial, nth)| {
        plant(plan, &whole, *trial, condition, *nth, &told[trial]);
    });
    println!("{most} requests, {} runs:", cases.len());
    for (trial, told) in &told {
        let name = match trial {
            Trial::Once(at) => format!("{:?} once", ONCE[*at]),
            other => format!("{other:?}"),
        };
        println!("  {name}: {told:?}");
    }
    told
}

fn is_large(request: &Request) -> bool {
    let length = request.header("content-length");
    length.is_some_and(|length| length.len() > 6)
}

fn is_long() -> bool {
    env::var("LAKESEED_TEST_LONG").is_ok_and(|long| long == "1")
}

#[test]
fn a_fault_at_any_request_of_a_run_loses_nothing() {
    let told = sweep(&small(), |_| true, 1);
    for (trial, told) in &told {
        let struck = told.struck.load(Ordering::Relaxed);
        assert!(struck >= 20, "{trial:?}: {told:?}");
        let gave_up = told.gave_up.load(Ordering::Relaxed);
        // A run under way waits two minutes; one that begins does not.
        if *trial == Trial::DeniedForTwoMinutes {
            assert!(gave_up > 0 && told.got_by.load(Ordering::Relaxed) > 10);
        }
        assert_eq!(gave_up > 0, !matches!(trial, Trial::Once(_)), "{trial:?}");
    }
}

/// The requests of uploads in pieces; `LAKESEED_TEST_LONG=1` plants at all the others too.
#[test]
fn a_fault_at_any_request_of_an_upload_loses_nothing() {
    if is_long() {
        sweep(&large(), |_| true, 1);
        return;
    }
    let of_uploads = |request: &Request| {
        matches!(
            request.kind,
            Kind::CreateMultipart | Kind::UploadPart | Kind::Complete
        )
    };
    sweep(&large(), of_uploads, 1);
}

#[test]
fn a_run_with_a_wrong_secret_ends_at_its_first_request() {
    let bucket = Bucket::new();
    let keys = [
        ("AWS_ACCESS_KEY_ID", bucket.server.access_key()),
        ("AWS_SECRET_ACCESS_KEY", "another"),
    ];
    let settings = S3Options {
        environment: super::environment(&keys),
        ..options(bucket.server.endpoint()).0
    };
    let error = bucket.commit(&small(), settings).unwrap_err();
    assert!(
        matches!(
            &error,
            Error::Remote {
                trouble: Trouble::Denied,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(bucket.server.requests().len(), 1);
    assert!(bucket.tree().is_empty());
}
