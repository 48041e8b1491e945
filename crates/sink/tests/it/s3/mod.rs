//! The S3 store: what it promises on a server that behaves, and on one that does not.

mod claims;
mod commit;
mod contract;
mod faults;
mod identity;
mod listen;
mod moto;
mod race;
mod rows;
mod script;
mod secrets;
mod server;
mod settings;

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lakeseed_sink::s3::{Environment, Events, Pause, S3Options, S3Store};
use lakeseed_sink::{Error, PartPath, Store, Trouble};

pub(super) const KEY: &str = "AKIDOFTHETESTS";
pub(super) const SECRET: &str = "secret-of-the-tests";

/// A clock that needs no time.
#[derive(Debug, Default)]
pub(super) struct Shortened(AtomicU64);

impl Pause for Shortened {
    fn now(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn wait(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.0
            .fetch_add(duration.as_millis() as u64, Ordering::SeqCst);
        Box::pin(std::future::ready(()))
    }
}

/// An environment of these variables alone.
pub(super) fn environment(variables: &[(&str, &str)]) -> Environment {
    let variables: Vec<_> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Environment::new(move |name| {
        let found = variables.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    })
}

/// Options for a server, a clock that needs no time, and what was told.
pub(super) fn options(url: &str) -> (S3Options, Arc<Shortened>, Arc<Mutex<Vec<String>>>) {
    let clock = Arc::new(Shortened::default());
    let told = Arc::new(Mutex::new(Vec::new()));
    let hear = Arc::clone(&told);
    let options = S3Options {
        endpoint_url: Some(url.to_owned()),
        environment: environment(&[
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
        ]),
        pause: Arc::clone(&clock) as _,
        events: Events::new(move |level, text| {
            hear.lock().unwrap().push(format!("{level:?} {text}"));
        }),
        ..S3Options::default()
    };
    (options, clock, told)
}

pub(super) fn store(url: &str) -> S3Store {
    S3Store::open("s3://lake/demo", options(url).0).unwrap()
}

/// A store whose server has taken a request already: a run is under way, and patient.
pub(super) fn under_way(options: S3Options) -> S3Store {
    let store = S3Store::open("s3://lake/demo", options).unwrap();
    store.replace(script::FIRST, b"").unwrap();
    store
}

pub(super) fn part(number: usize) -> PartPath {
    PartPath::try_new("invoices", &[], number, "abcdef", "csv").unwrap()
}

/// Does some work for each of many cases, on threads that mostly wait for servers.
pub(super) fn side_by_side<T: Sync>(cases: &[T], work: impl Fn(&T) + Sync) {
    const THREADS: usize = 8;
    let next = AtomicUsize::new(0);
    let all = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
            work(case);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(all);
        }
    });
}

/// The error and all its causes, as a person sees them and as a debugger does.
pub(super) fn told_of(error: &Error) -> String {
    let mut text = format!("{error}\n{error:?}\n{error:#?}");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.extend([format!("\n{error}"), format!("\n{error:?}")]);
        cause = error.source();
    }
    text
}

#[track_caller]
pub(super) fn trouble<T>(result: Result<T, Error>) -> Trouble {
    match result.err().expect("an error") {
        Error::Remote { trouble, .. } => trouble,
        other => panic!("{other}"),
    }
}
