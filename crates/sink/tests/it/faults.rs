//! A store whose calls fail, one by one and from one on for ever: a correct output or a typed
//! error, after which the same run, without faults, gives the tree of a run that met none.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lakeseed_sink::{
    Error, Found, LocalStore, Lock, Look, Manifest, Mode, PartPath, PartWriter, Plan, PutNew, Run,
    Store, open_finished,
};

use crate::trees::{files, folder, tree, two_tables};

/// Which calls fail, and whether they do their work first.
#[derive(Debug)]
struct Fault {
    calls: AtomicUsize,
    at: usize,
    for_ever: bool,
    kind: ErrorKind,
    /// The answer is lost, not the request.
    after: bool,
}

impl Fault {
    fn none() -> Arc<Self> {
        Self::new(usize::MAX, false, ErrorKind::Other, false)
    }

    fn new(at: usize, for_ever: bool, kind: ErrorKind, after: bool) -> Arc<Self> {
        Arc::new(Self {
            calls: AtomicUsize::new(0),
            at,
            for_ever,
            kind,
            after,
        })
    }

    fn call<T>(&self, act: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        if call != self.at && !(self.for_ever && call > self.at) {
            return act();
        }
        if self.after {
            drop(act()?);
        }
        Err(Error::Io {
            action: "reach",
            path: "planted".into(),
            source: io::Error::from(self.kind),
        })
    }
}

#[derive(Debug)]
struct Failing {
    store: LocalStore,
    fault: Arc<Fault>,
}

impl Failing {
    fn new(root: &Path, fault: &Arc<Fault>) -> Self {
        Self {
            store: LocalStore::new(root),
            fault: fault.clone(),
        }
    }
}

impl Store for Failing {
    fn address(&self) -> String {
        self.store.address()
    }
    fn check(&self) -> Result<(), Error> {
        self.fault.call(|| self.store.check())
    }
    fn create(&self, path: &PartPath, bytes: u64) -> Result<Box<dyn PartWriter>, Error> {
        let part = self.fault.call(|| self.store.create(path, bytes))?;
        let fault = self.fault.clone();
        Ok(Box::new(FailingPart { part, fault }))
    }
    fn publish(&self, path: &PartPath) -> Result<(), Error> {
        self.fault.call(|| self.store.publish(path))
    }
    fn settle(&self) -> Result<(), Error> {
        self.fault.call(|| self.store.settle())
    }
    fn finished(&self, parts: &[PartPath]) -> Result<Vec<Option<u64>>, Error> {
        self.fault.call(|| self.store.finished(parts))
    }
    fn discard(&self, parts: &[PartPath]) -> Result<(), Error> {
        self.fault.call(|| self.store.discard(parts))
    }
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.fault.call(|| self.store.get(name))
    }
    fn look(&self, name: &str) -> Result<Option<Look>, Error> {
        self.fault.call(|| self.store.look(name))
    }
    fn open(&self, name: &str) -> Result<Option<Box<dyn Read + Send>>, Error> {
        self.fault.call(|| self.store.open(name))
    }
    fn read_range(&self, name: &str, range: Range<u64>) -> Result<Option<Vec<u8>>, Error> {
        self.fault
            .call(|| self.store.read_range(name, range.clone()))
    }
    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<PutNew, Error> {
        self.fault.call(|| self.store.put_new(name, bytes))
    }
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.fault.call(|| self.store.replace(name, bytes))
    }
    fn log(&self, log: &str, key: &str, line: &[u8]) -> Result<(), Error> {
        self.fault.call(|| self.store.log(log, key, line))
    }
    fn logged(&self, log: &str) -> Result<Vec<Vec<u8>>, Error> {
        self.fault.call(|| self.store.logged(log))
    }
    fn remove_log(&self, log: &str) -> Result<(), Error> {
        self.fault.call(|| self.store.remove_log(log))
    }
    fn remove(&self, name: &str) -> Result<(), Error> {
        self.fault.call(|| self.store.remove(name))
    }
    fn remove_all(&self, names: &[String]) -> Result<(), Error> {
        self.fault.call(|| self.store.remove_all(names))
    }
    fn lock(&self, name: &str) -> Result<Lock, Error> {
        self.fault.call(|| self.store.lock(name))
    }
    fn list(&self, prefix: &str, most: usize) -> Result<Vec<Found>, Error> {
        self.fault.call(|| self.store.list(prefix, most))
    }
}

struct FailingPart {
    part: Box<dyn PartWriter>,
    fault: Arc<Fault>,
}

impl PartWriter for FailingPart {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.fault.call(|| self.part.write(bytes))
    }
    fn finish(self: Box<Self>) -> Result<u64, Error> {
        let Self { part, fault } = *self;
        fault.call(|| part.finish())
    }
}

fn is_planted(error: &Error, kind: ErrorKind) -> bool {
    matches!(error.cause(), Error::Io { source, .. } if source.kind() == kind)
}

/// Files with their bytes; states that were overwritten count alike, whatever their number.
fn comparable(root: &Path, mode: Mode) -> BTreeMap<String, Vec<u8>> {
    let mut tree = tree(root);
    if mode == Mode::Overwrite {
        let own: Vec<_> = tree
            .keys()
            .filter(|name| name.starts_with("_lakeseed/"))
            .cloned()
            .collect();
        for name in own {
            let bytes = tree.remove(&name).unwrap();
            if let Ok(manifest) = Manifest::from_json(&bytes) {
                tree.insert(
                    "manifest".to_owned(),
                    format!("{:?}", manifest.tables).into(),
                );
            } else {
                assert!(name.starts_with("_lakeseed/plan-"), "{name}");
            }
        }
    }
    tree
}

/// Runs with a fault at each call in turn until one lies behind the last.
fn every_call(mode: Mode, threads: usize, for_ever: bool, kind: ErrorKind, after: bool) {
    let before: Option<Plan<'_>> = (mode == Mode::Overwrite).then(|| two_tables(500, 2));
    let plan = two_tables(700, 2);
    let start = |root: &Path| {
        if let Some(before) = &before {
            Run::new(before, &LocalStore::new(root)).commit().unwrap();
        }
    };
    let run = |store: &dyn Store| Run::new(&plan, store).mode(mode).threads(threads).commit();
    let (_parent, whole) = folder();
    start(&whole);
    run(&Failing::new(&whole, &Fault::none())).unwrap();
    let whole = comparable(&whole, mode);

    let mut failed = 0;
    for at in 0..1_000 {
        let (_parent, root) = folder();
        start(&root);
        let old = open_finished(&LocalStore::new(&root)).ok();
        let fault = Fault::new(at, for_ever, kind, after);
        let store = Failing::new(&root, &fault);
        let outcome = run(&store);
        let now = open_finished(&LocalStore::new(&root)).ok();
        let is_new = now.as_ref().is_some_and(|now| now.has_plan(plan.id()));
        match &outcome {
            Ok(report) => assert!(is_new && report.rows() == 710, "{at}"),
            Err(error) => {
                failed += 1;
                assert!(is_planted(error, kind), "{at}: {error:?}");
                // Either the new state stands, or the old one does.
                assert!(is_new || now == old, "{at}");
                if let Error::Incomplete {
                    proven, pending, ..
                } = error
                {
                    assert_eq!(proven + pending.len(), 4, "{at}");
                    // Whether the manifest stands cannot be asked where nothing answers any more.
                    assert!(!is_new || for_ever, "{at}");
                }
            }
        }
        if fault.calls.load(Ordering::SeqCst) <= at {
            assert!(outcome.is_ok() && failed > 20, "{at} {failed}");
            return;
        }
        drop(store);
        let again = run(&LocalStore::new(&root));
        assert!(again.is_ok(), "{at}: {again:?} {:?}", files(&root));
        assert_eq!(comparable(&root, mode), whole, "{at}");
    }
    panic!("no end");
}

#[test]
fn a_full_disk_at_any_call_loses_nothing() {
    for threads in [1, 3] {
        every_call(Mode::New, threads, false, ErrorKind::StorageFull, false);
        every_call(Mode::New, threads, true, ErrorKind::StorageFull, false);
    }
}

#[test]
fn access_denied_at_any_call_loses_nothing() {
    every_call(Mode::New, 1, false, ErrorKind::PermissionDenied, false);
    every_call(Mode::New, 2, true, ErrorKind::PermissionDenied, false);
    every_call(
        Mode::Overwrite,
        1,
        false,
        ErrorKind::PermissionDenied,
        false,
    );
    every_call(Mode::Overwrite, 1, true, ErrorKind::PermissionDenied, false);
}

#[test]
fn an_answer_that_is_lost_at_any_call_loses_nothing() {
    every_call(Mode::New, 1, false, ErrorKind::TimedOut, true);
    every_call(Mode::New, 2, true, ErrorKind::TimedOut, true);
    every_call(Mode::Overwrite, 1, false, ErrorKind::TimedOut, true);
    every_call(Mode::Overwrite, 1, true, ErrorKind::TimedOut, true);
}

#[test]
fn a_full_disk_is_told_from_other_failures() {
    let (_parent, root) = folder();
    for (kind, is_full) in [
        (ErrorKind::StorageFull, true),
        (ErrorKind::QuotaExceeded, true),
        (ErrorKind::PermissionDenied, false),
    ] {
        let store = Failing::new(&root, &Fault::new(2, true, kind, false));
        let error = Run::new(&two_tables(700, 2), &store).commit().unwrap_err();
        assert_eq!(error.is_disk_full(), is_full);
    }
}
