//! Who is at work where no lock ends with a process: claims, heartbeats, and who gives way.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender, TryRecvError};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::Duration;

use arrow_schema::ArrowError;
use lakeseed_sink::s3::S3Store;
use lakeseed_sink::{
    BatchSource, BoxedReader, Csv, Error, FnSource, ManifestPart, MemoryStore, Mode, Observer,
    Plan, Run, Shard, Source, Store, TableSpec, open_finished,
};
use lakeseed_test_s3::{Server, Settings};
use serde_json::Value;

use super::server::settings;
use crate::support::numbers;
use crate::through::Through;
use crate::trees::two_tables;

const HOUR: Duration = Duration::from_hours(1);
const SHORT: Duration = Duration::from_millis(1);

fn claim_name(plan: &Plan<'_>) -> String {
    format!("_lakeseed/claim-{}-1of1.json", plan.id())
}

fn is_claim(name: &str) -> bool {
    name.starts_with("_lakeseed/claim-")
}

/// A claim of a living process that is not this one: that of a run of this test, and its parent.
fn living_claim() -> Value {
    let seen = Arc::new(Mutex::new(None));
    let (hear, memory) = (Arc::clone(&seen), MemoryStore::new());
    let store = Through::new(memory).before_get(move |store, name| {
        if is_claim(name) {
            hear.lock()
                .unwrap()
                .get_or_insert_with(|| store.get(name).unwrap().unwrap());
        }
    });
    Run::new(&two_tables(10, 1), &store).commit().unwrap();
    let json = seen.lock().unwrap().take().unwrap();
    let mut claim: Value = serde_json::from_slice(&json).unwrap();
    let parent = std::os::unix::process::parent_id();
    let stat = std::fs::read_to_string(format!("/proc/{parent}/stat")).unwrap();
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .collect();
    claim["nonce"] = 1.into();
    claim["pid"] = parent.into();
    claim["started"] = fields[19].into();
    claim
}

fn put(store: &dyn Store, plan: &Plan<'_>, claim: &Value) {
    let json = serde_json::to_vec(claim).unwrap();
    store.replace(&claim_name(plan), &json).unwrap();
}

type AtBeat = Box<dyn FnOnce(&dyn Store) + Send>;

/// A bucket, and how often a claim in it was read and written.
struct Bucket {
    server: Server,
    reads: Arc<AtomicU64>,
    /// How often written, and who waits for it.
    beats: Arc<(Mutex<u64>, Condvar)>,
    /// What happens once, behind the next time that it is written and on the same thread.
    at_beat: Arc<Mutex<Option<AtBeat>>>,
}

impl Bucket {
    fn new() -> Self {
        Self {
            server: Server::start(Settings::default()),
            reads: Arc::default(),
            beats: Arc::default(),
            at_beat: Arc::default(),
        }
    }

    fn raw(&self) -> S3Store {
        let url = format!("s3://{}/out", self.server.bucket());
        S3Store::open(&url, settings(&self.server)).unwrap()
    }

    fn store(&self) -> Through {
        let (reads, beats) = (Arc::clone(&self.reads), Arc::clone(&self.beats));
        let at_beat = Arc::clone(&self.at_beat);
        Through::new(self.raw())
            .before_get(move |_, name| {
                if is_claim(name) {
                    reads.fetch_add(1, Ordering::SeqCst);
                }
            })
            .after_replace(move |store, name| {
                if is_claim(name) {
                    if let Some(act) = at_beat.lock().unwrap().take() {
                        act(store);
                    }
                    *beats.0.lock().unwrap() += 1;
                    beats.1.notify_all();
                }
            })
    }

    fn reads(&self) -> u64 {
        self.reads.load(Ordering::SeqCst)
    }

    fn names(&self) -> Vec<String> {
        let objects = self.server.objects().into_iter();
        objects.map(|object| object.key).collect()
    }
}

fn is_in_use<T: std::fmt::Debug>(outcome: Result<T, Error>) {
    let error = outcome.unwrap_err();
    let Error::InUse { by, .. } = error.cause() else {
        panic!("{error:?}")
    };
    assert!(by.starts_with("process "), "{by}");
}

#[test]
fn a_living_process_here_is_not_disturbed() {
    let bucket = Bucket::new();
    let (store, plan) = (bucket.store(), two_tables(300, 2));
    put(&bucket.raw(), &plan, &living_claim());
    for mode in [Mode::New, Mode::Append, Mode::Overwrite] {
        is_in_use(Run::new(&plan, &store).mode(mode).heartbeat(HOUR).commit());
    }
    assert_eq!(bucket.names(), [format!("out/{}", claim_name(&plan))]);
    // Another shard is another's work.
    let shard = Shard::new(2, 2).unwrap();
    Run::new(&plan, &store).shard(shard).commit().unwrap();
}

#[test]
fn a_claim_of_a_dead_process_here_is_taken_over_at_once() {
    let bucket = Bucket::new();
    let (store, plan) = (bucket.store(), two_tables(300, 2));
    let mut dead = living_claim();
    dead["started"] = "1".into();
    for claim in [dead, Value::from("not a claim at all")] {
        put(&bucket.raw(), &plan, &claim);
        let run = Run::new(&plan, &store).mode(Mode::Overwrite);
        run.heartbeat(HOUR).commit().unwrap();
        assert!(!bucket.names().iter().any(|name| name.contains("claim")));
    }
}

#[test]
fn a_claim_of_another_machine_is_watched() {
    let mut elsewhere = living_claim();
    elsewhere["host"] = "elsewhere".into();
    let plan = two_tables(300, 2);

    // Nothing moves: whoever it was is dead.
    let bucket = Bucket::new();
    put(&bucket.raw(), &plan, &elsewhere);
    let store = bucket.store();
    Run::new(&plan, &store).heartbeat(SHORT).commit().unwrap();
    assert!(bucket.reads() >= 35, "{}", bucket.reads());
    assert!(!bucket.names().iter().any(|name| name.contains("claim")));

    // At the twentieth look it has beaten once more.
    let bucket = Bucket::new();
    put(&bucket.raw(), &plan, &elsewhere);
    let looks = AtomicU64::new(0);
    let (beat, name) = (elsewhere.clone(), claim_name(&plan));
    let store = Through::new(bucket.raw()).before_get(move |store, read| {
        if is_claim(read) && looks.fetch_add(1, Ordering::SeqCst) == 20 {
            let mut claim = beat.clone();
            claim["beats"] = 77.into();
            let json = serde_json::to_vec(&claim).unwrap();
            store.replace(&name, &json).unwrap();
        }
    });
    is_in_use(Run::new(&plan, &store).heartbeat(SHORT).commit());
    assert_eq!(bucket.names(), [format!("out/{}", claim_name(&plan))]);

    // It gives its claim back: nobody is at work any more.
    let bucket = Bucket::new();
    put(&bucket.raw(), &plan, &elsewhere);
    let (looks, name) = (AtomicU64::new(0), claim_name(&plan));
    let store = Through::new(bucket.raw()).before_get(move |store, read| {
        if is_claim(read) && looks.fetch_add(1, Ordering::SeqCst) == 5 {
            store.remove(&name).unwrap();
        }
    });
    Run::new(&plan, &store).heartbeat(SHORT).commit().unwrap();
}

/// Those of several machines are watched in the same time, and what is claimed already is kept alive.
#[test]
fn claims_of_many_machines_are_watched_at_once() {
    const SHARDS: u32 = 3;
    let mut elsewhere = living_claim();
    elsewhere["host"] = "elsewhere".into();
    let bucket = Bucket::new();
    let plan = two_tables(300, 2);
    let first = Shard::new(1, SHARDS).unwrap();
    let raw = bucket.raw();
    Run::new(&plan, &raw).shard(first).commit().unwrap();
    for shard in 1..=SHARDS {
        let name = format!("_lakeseed/claim-{}-{shard}of{SHARDS}.json", plan.id());
        let json = serde_json::to_vec(&elsewhere).unwrap();
        raw.replace(&name, &json).unwrap();
    }
    let read: Arc<Mutex<Vec<String>>> = Arc::default();
    let hear = Arc::clone(&read);
    let store = Through::new(bucket.store()).before_get(move |_, name| {
        if is_claim(name) {
            hear.lock().unwrap().push(name.to_owned());
        }
    });
    let run = Run::new(&plan, &store).mode(Mode::Overwrite);
    run.heartbeat(SHORT).commit().unwrap();
    assert!(!bucket.names().iter().any(|name| name.contains("claim")));
    let read = read.lock().unwrap();
    let looks = |shard: u32| -> Vec<usize> {
        let end = format!("-{shard}of{SHARDS}.json");
        let all = read.iter().enumerate();
        all.filter(|(_, name)| name.ends_with(&end))
            .map(|(at, _)| at)
            .collect()
    };
    // Each as often as one alone, and the last one is looked at before the first one is given up.
    let (first, last) = (looks(1), looks(SHARDS));
    assert!(first.len() >= 35 && last.len() >= 35, "{read:?}");
    assert!(last[1] < first[2], "{read:?}");
    assert!(*bucket.beats.0.lock().unwrap() > 0);
}

/// Of two that see the same dead claim, the slower one finds the faster one's.
#[test]
fn a_claim_that_was_taken_over_meanwhile_is_not_taken_away() {
    let bucket = Bucket::new();
    let plan = two_tables(300, 2);
    let mut dead = living_claim();
    dead["started"] = "1".into();
    put(&bucket.raw(), &plan, &dead);
    let (looks, other, name) = (AtomicU64::new(0), living_claim(), claim_name(&plan));
    let store = Through::new(bucket.raw()).before_get(move |store, read| {
        if is_claim(read) && looks.fetch_add(1, Ordering::SeqCst) == 1 {
            let json = serde_json::to_vec(&other).unwrap();
            store.replace(&name, &json).unwrap();
        }
    });
    is_in_use(Run::new(&plan, &store).heartbeat(HOUR).commit());
    let left = bucket.raw().get(&claim_name(&plan)).unwrap().unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&left).unwrap(),
        living_claim()
    );
}

/// A plan of one table whose rows do something first, once the plan is made: it takes a sample.
fn plan_that(first: impl Fn() -> Result<(), ArrowError> + Send + Sync + 'static) -> Plan<'static> {
    let rows = BatchSource::new(numbers(300));
    let is_made = Arc::new(AtomicBool::new(false));
    let runs = Arc::clone(&is_made);
    let source = FnSource::new(rows.schema(), move |range, batch_rows| {
        if runs.load(Ordering::SeqCst) {
            first()?;
        }
        rows.open(range, batch_rows) as Result<BoxedReader, ArrowError>
    });
    let plan = Plan::builder(Csv::plain())
        .data_id("rows that do something")
        .table(TableSpec::new("pets", source, 0..300))
        .build()
        .unwrap();
    is_made.store(true, Ordering::SeqCst);
    plan
}

#[test]
fn heartbeats_renew_the_claim() {
    let bucket = Bucket::new();
    let beats = Arc::clone(&bucket.beats);
    let plan = plan_that(move || {
        let beaten = beats.0.lock().unwrap();
        drop(beats.1.wait_while(beaten, |beaten| *beaten < 10).unwrap());
        Ok(())
    });
    let seen = Arc::new(Mutex::new(Vec::new()));
    let hear = Arc::clone(&seen);
    let store = bucket.store();
    let store = Through::new(store).after_replace(move |store, name| {
        if is_claim(name) {
            let json = store.get(name).unwrap().unwrap();
            let claim: Value = serde_json::from_slice(&json).unwrap();
            hear.lock().unwrap().push(claim["beats"].as_u64().unwrap());
        }
    });
    Run::new(&plan, &store).heartbeat(SHORT).commit().unwrap();
    let seen = seen.lock().unwrap();
    assert!(seen.len() >= 9 && seen.is_sorted(), "{seen:?}");
    assert_eq!(seen[seen.len() - 1] - seen[0], seen.len() as u64 - 1);
}

/// Runs a plan whose claim is taken away on the way, and checks that all stays as it was; then,
/// once the other one is dead, that the same run finishes. `take` is called where the rows are asked
/// for, with what takes the claim. Gives how many parts the run had finished.
fn taken(
    heartbeat: Duration,
    take: impl Fn(&Bucket, AtBeat) -> Result<(), ArrowError> + Send + Sync + 'static,
) -> usize {
    let bucket = Arc::new(Bucket::new());
    let other = living_claim();
    let is_over = Arc::new(Mutex::new(false));
    let (inner, claim, over) = (Arc::clone(&bucket), other.clone(), Arc::clone(&is_over));
    let name = Arc::new(Mutex::new(String::new()));
    let named = Arc::clone(&name);
    let plan = plan_that(move || {
        if *over.lock().unwrap() {
            return Ok(());
        }
        let json = serde_json::to_vec(&claim).unwrap();
        let name = named.lock().unwrap().clone();
        take(
            &inner,
            Box::new(move |store| store.replace(&name, &json).unwrap()),
        )
    });
    *name.lock().unwrap() = claim_name(&plan);
    let store = bucket.store();
    let outcome = Run::new(&plan, &store).heartbeat(heartbeat).commit();
    let Err(Error::Incomplete { proven, .. }) = outcome else {
        panic!("{outcome:?}")
    };
    is_in_use(outcome);
    let left = bucket.raw().get(&claim_name(&plan)).unwrap().unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&left).unwrap(), other);
    let record = format!("out/_lakeseed/plan-{}.json", plan.id());
    assert!(bucket.names().contains(&record), "{:?}", bucket.names());
    assert!(!bucket.names().iter().any(|name| name.contains("manifest")));

    *is_over.lock().unwrap() = true;
    let mut dead = other;
    dead["started"] = "1".into();
    put(&bucket.raw(), &plan, &dead);
    Run::new(&plan, &bucket.raw()).commit().unwrap();
    let whole = MemoryStore::new();
    Run::new(&plan, &whole).commit().unwrap();
    let manifest = open_finished(&bucket.raw()).unwrap();
    assert_eq!(Some(manifest), whole.manifest());
    assert_eq!(
        bucket.names().len(),
        whole.list("", 100).unwrap().len(),
        "{:?}",
        bucket.names()
    );
    proven
}

thread_local! {
    /// Dropped when the thread ends.
    static LAST_BREATH: RefCell<Option<Sender<()>>> = const { RefCell::new(None) };
}

/// The claim is taken behind a heartbeat and before the next one looks at it, on the thread of the
/// heartbeats: none is between looking and writing. The rows wait for that thread's end.
#[test]
fn a_run_whose_claim_was_taken_ends_at_its_next_heartbeat() {
    let proven = taken(SHORT, |bucket, take| {
        let (breath, ended) = mpsc::channel();
        let (reads, taken_at) = (Arc::clone(&bucket.reads), Arc::new(OnceLock::new()));
        let tell = Arc::clone(&taken_at);
        *bucket.at_beat.lock().unwrap() = Some(Box::new(move |store| {
            take(store);
            tell.set(reads.load(Ordering::SeqCst)).unwrap();
            LAST_BREATH.set(Some(breath));
        }));
        let looks = || taken_at.get().map_or(0, |before| bucket.reads() - before);
        // A heart that goes on beating looks again and again.
        while ended.try_recv() != Err(TryRecvError::Disconnected) && looks() < 3 {
            std::thread::yield_now();
        }
        assert_eq!(looks(), 1);
        Ok(())
    });
    assert_eq!(proven, 0);
}

#[test]
fn a_run_whose_claim_was_taken_unawares_withdraws_nothing() {
    taken(HOUR, |bucket, take| {
        take(&bucket.raw());
        Err(ArrowError::ComputeError("planted".to_owned()))
    });
}

#[test]
fn a_run_whose_claim_was_taken_unawares_writes_no_manifest() {
    taken(HOUR, |bucket, take| {
        take(&bucket.raw());
        Ok(())
    });
}

/// Raises nothing, counts parts: the run goes on to its end where nobody takes the claim away.
struct Parts(AtomicU64);

impl Observer for Parts {
    fn part_finished(&self, _table: usize, _part: &ManifestPart) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_claim_that_vanished_is_written_anew() {
    let bucket = Arc::new(Bucket::new());
    let (inner, name) = (Arc::clone(&bucket), Arc::new(Mutex::new(String::new())));
    let named = Arc::clone(&name);
    let plan = plan_that(move || {
        let name = named.lock().unwrap();
        inner.raw().remove(&name).unwrap();
        let beaten = inner.beats.0.lock().unwrap();
        let before = *beaten;
        drop(
            inner
                .beats
                .1
                .wait_while(beaten, |beaten| *beaten < before + 2),
        );
        assert!(inner.raw().get(&name).unwrap().is_some());
        Ok(())
    });
    *name.lock().unwrap() = claim_name(&plan);
    let (store, parts) = (bucket.store(), Parts(AtomicU64::new(0)));
    let run = Run::new(&plan, &store).observer(&parts);
    run.heartbeat(SHORT).commit().unwrap();
    assert!(parts.0.into_inner() > 0);
    assert!(!bucket.names().iter().any(|name| name.contains("claim")));
}
