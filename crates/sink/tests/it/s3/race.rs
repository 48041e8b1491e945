//! Many that finish the same output at once, with nothing to keep them apart: one writes the
//! manifest, and all say the same.

use std::sync::{Arc, Barrier, Condvar, Mutex};

use lakeseed_sink::s3::S3Store;
use lakeseed_sink::{Error, Manifest, Mode, Plan, Run, Store, open_finished};
use lakeseed_test_s3::{Kind, Server, Settings};

use super::moto::moto;
use super::server::settings;
use crate::through::Through;
use crate::trees::two_tables;

const RUNNERS: usize = 8;
const MANIFEST: &str = "_lakeseed/manifest-000001.json";

/// Where all wait for all others that are still on their way. At a barrier, one that had failed would
/// be waited for for ever.
struct Gate {
    on_their_way: Mutex<usize>,
    one_less: Condvar,
}

impl Gate {
    fn wait(&self, ticket: &Mutex<Option<Ticket>>) {
        drop(ticket.lock().unwrap().take());
        let on_their_way = self.on_their_way.lock().unwrap();
        let all_here = self.one_less.wait_while(on_their_way, |others| *others > 0);
        drop(all_here.unwrap());
    }
}

/// Whose owner is on the way: dropped at the gate, or at the end of whoever never comes there.
struct Ticket(Arc<Gate>);

impl Drop for Ticket {
    fn drop(&mut self) {
        *self.0.on_their_way.lock().unwrap() -= 1;
        self.0.one_less.notify_all();
    }
}

/// Commits a plan of each runner at once; all stand before the manifest before one writes it.
fn race(
    open: &(dyn Fn() -> S3Store + Sync),
    plan: impl Fn(usize) -> Plan<'static> + Sync,
) -> Vec<Result<(), Error>> {
    let started = Barrier::new(RUNNERS);
    let gate = Arc::new(Gate {
        on_their_way: Mutex::new(RUNNERS),
        one_less: Condvar::new(),
    });
    std::thread::scope(|scope| {
        let runners: Vec<_> = (0..RUNNERS)
            .map(|number| {
                let (gate, plan, started) = (Arc::clone(&gate), &plan, &started);
                let ticket = Mutex::new(Some(Ticket(Arc::clone(&gate))));
                scope.spawn(move || {
                    let store = Through::new(open()).unlocked();
                    let store = store.before_put_new(move |_, name| {
                        if name == MANIFEST {
                            gate.wait(&ticket);
                        }
                    });
                    let plan = plan(number);
                    started.wait();
                    Run::new(&plan, &store).mode(Mode::New).commit().map(|_| ())
                })
            })
            .collect();
        runners
            .into_iter()
            .map(|runner| runner.join().unwrap())
            .collect()
    })
}

/// What one that nobody raced with would have written.
fn alone(plan: &Plan<'_>) -> Manifest {
    let store = lakeseed_sink::MemoryStore::new();
    Run::new(plan, &store).commit().unwrap();
    store.manifest().unwrap()
}

#[test]
fn eight_that_finish_the_same_plan_agree() {
    let server = Server::start(Settings::default());
    let url = format!("s3://{}/out", server.bucket());
    let open = || S3Store::open(&url, settings(&server)).unwrap();
    let outcomes = race(&open, |_| two_tables(300, 2));
    for outcome in outcomes {
        outcome.unwrap();
    }
    let plan = two_tables(300, 2);
    assert_eq!(open_finished(&open()).unwrap(), alone(&plan));
    // The name was free for one of them, and nobody wrote it in another way.
    let requests = server.requests().into_iter();
    let puts: Vec<_> = requests
        .filter(|request| request.kind == Kind::PutObject && request.key().ends_with(MANIFEST))
        .map(|request| request.handled)
        .collect();
    assert_eq!(puts.len(), RUNNERS, "{puts:?}");
    let won = puts.iter().filter(|status| **status == Some(200)).count();
    assert_eq!(won, 1, "{puts:?}");
    // Nothing of all their ways is left: a plan, a manifest, two marks, four parts.
    let objects = server.objects();
    assert_eq!(objects.len(), 8, "{objects:#?}");
    assert!(server.uploads().is_empty());
}

/// Where the server is another's, as far as its clients see.
#[test]
fn eight_that_finish_the_same_plan_agree_elsewhere() {
    let Some(moto) = moto("eight_that_finish_the_same_plan_agree_elsewhere") else {
        return;
    };
    let url = moto.url("race");
    let open = || S3Store::open(&url, moto.options_of_service()).unwrap();
    for outcome in race(&open, |_| two_tables(300, 2)) {
        outcome.unwrap();
    }
    let plan = two_tables(300, 2);
    assert_eq!(open_finished(&open()).unwrap(), alone(&plan));
    for found in open().list("", 100).unwrap() {
        open().remove(&found.name).unwrap();
    }
}

/// With claims, and everything else as it is: whoever is refused says who is at work.
#[test]
fn eight_that_begin_at_once_finish_or_are_refused() {
    let server = Server::start(Settings::default());
    let url = format!("s3://{}/out", server.bucket());
    let plan = two_tables(300, 2);
    let gate = Barrier::new(RUNNERS);
    let finished: usize = std::thread::scope(|scope| {
        let runners: Vec<_> = (0..RUNNERS)
            .map(|_| {
                scope.spawn(|| {
                    let store = S3Store::open(&url, settings(&server)).unwrap();
                    gate.wait();
                    match Run::new(&plan, &store).commit() {
                        Ok(_) => 1,
                        Err(Error::InUse { .. }) => 0,
                        Err(other) => panic!("{other:?}"),
                    }
                })
            })
            .collect();
        let counts = runners.into_iter().map(|runner| runner.join().unwrap());
        counts.sum()
    });
    assert!(finished >= 1);
    let store = S3Store::open(&url, settings(&server)).unwrap();
    assert_eq!(open_finished(&store).unwrap(), alone(&plan));
    assert_eq!(server.objects().len(), 8, "{:#?}", server.objects());
}
