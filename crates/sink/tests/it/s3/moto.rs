//! A server that checks signatures and lets exactly one of several writers win.
//!
//! The variables `LAKESEED_TEST_MOTO_*` say where it is.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};

use lakeseed_sink::s3::{S3Options, S3Store};
use lakeseed_sink::{PutNew, Store, Trouble};
use lakeseed_test_s3::Service;

use super::{contract, environment, options, trouble};

pub(super) struct Moto(Service);

/// The server, or a line that says which test is skipped.
pub(super) fn moto(test: &str) -> Option<Moto> {
    Service::find("moto", test).map(Moto)
}

impl Moto {
    fn options(&self, key: &str, secret: &str) -> S3Options {
        S3Options {
            environment: environment(&[
                ("AWS_ACCESS_KEY_ID", key),
                ("AWS_SECRET_ACCESS_KEY", secret),
                ("AWS_ENDPOINT_URL", &self.0.endpoint),
            ]),
            endpoint_url: None,
            ..options("").0
        }
    }

    /// With the keys that it lets in.
    pub(super) fn options_of_service(&self) -> S3Options {
        self.options(&self.0.access_key, &self.0.secret_key)
    }

    /// A prefix that nobody else has.
    pub(super) fn url(&self, prefix: &str) -> String {
        static RUN: AtomicU64 = AtomicU64::new(0);
        let run = (std::process::id(), RUN.fetch_add(1, Ordering::Relaxed));
        format!("s3://{}/{prefix}-{}-{}", self.0.bucket, run.0, run.1)
    }

    fn open(&self, prefix: &str, options: S3Options) -> S3Store {
        S3Store::open(&self.url(prefix), options).unwrap()
    }

    fn store(&self, prefix: &str) -> S3Store {
        self.open(prefix, self.options_of_service())
    }
}

#[test]
fn every_call_keeps_its_promise() {
    let Some(moto) = moto("every_call_keeps_its_promise") else {
        return;
    };
    contract::check(&moto.store("contract"));
}

#[test]
fn one_of_eight_writers_wins() {
    let Some(moto) = moto("one_of_eight_writers_wins") else {
        return;
    };
    let store = moto.store("race");
    for round in 0..10 {
        let name = format!("manifest-{round}.json");
        let gate = Barrier::new(8);
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..8)
                .map(|writer| {
                    let (store, name, gate) = (&store, &name, &gate);
                    scope.spawn(move || {
                        gate.wait();
                        (
                            writer,
                            store
                                .put_new(name, format!("by {writer}").as_bytes())
                                .unwrap(),
                        )
                    })
                })
                .collect();
            writers
                .into_iter()
                .map(|writer| writer.join().unwrap())
                .collect()
        });
        let winners: Vec<_> = outcomes
            .iter()
            .filter(|(_, put)| *put == PutNew::Written)
            .collect();
        assert_eq!(winners.len(), 1, "{outcomes:?}");
        let standing = store.get(&name).unwrap().unwrap();
        assert_eq!(standing, format!("by {}", winners[0].0).into_bytes());
        store.remove(&name).unwrap();
    }
}

#[test]
fn wrong_keys_are_denied() {
    let Some(moto) = moto("wrong_keys_are_denied") else {
        return;
    };
    for (key, secret) in [
        (moto.0.access_key.as_str(), "not-the-secret-of-this-key"),
        ("AKIAUNKNOWNUNKNOWNUN", moto.0.secret_key.as_str()),
    ] {
        let store = moto.open("denied", moto.options(key, secret));
        assert_eq!(trouble(store.check()), Trouble::Denied);
        assert_eq!(store.counts().requests, 1, "told at once");
    }
}

#[test]
fn a_bucket_that_is_not_there_is_missing() {
    let Some(moto) = moto("a_bucket_that_is_not_there_is_missing") else {
        return;
    };
    let nowhere = Moto(Service {
        bucket: "lakeseed-nowhere".to_owned(),
        ..moto.0
    });
    assert_eq!(trouble(nowhere.store("x").check()), Trouble::Missing);
}
