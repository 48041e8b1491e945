//! A store through which another one is reached, and which a test can look into and meddle with.

use std::fmt;
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use lakeseed_sink::{Error, Found, Lock, Look, PartPath, PartWriter, PutNew, Store};

type Hook = dyn Fn(&dyn Store, &str) + Send + Sync;

/// Reaches another store.
#[derive(Clone)]
pub(crate) struct Through {
    store: Arc<dyn Store>,
    /// Whether everyone is told to be the only one.
    locks_nobody: bool,
    before_get: Arc<Hook>,
    before_put_new: Arc<Hook>,
    after_replace: Arc<Hook>,
}

impl Through {
    /// Without locks, as a bucket is.
    pub(crate) fn new(store: impl Store + 'static) -> Self {
        Self {
            store: Arc::new(store),
            locks_nobody: false,
            before_get: Arc::new(|_, _| ()),
            before_put_new: Arc::new(|_, _| ()),
            after_replace: Arc::new(|_, _| ()),
        }
    }

    /// Nobody is kept out.
    pub(crate) fn unlocked(mut self) -> Self {
        self.locks_nobody = true;
        self
    }

    pub(crate) fn before_get(
        mut self,
        hook: impl Fn(&dyn Store, &str) + Send + Sync + 'static,
    ) -> Self {
        self.before_get = Arc::new(hook);
        self
    }

    pub(crate) fn before_put_new(
        mut self,
        hook: impl Fn(&dyn Store, &str) + Send + Sync + 'static,
    ) -> Self {
        self.before_put_new = Arc::new(hook);
        self
    }

    pub(crate) fn after_replace(
        mut self,
        hook: impl Fn(&dyn Store, &str) + Send + Sync + 'static,
    ) -> Self {
        self.after_replace = Arc::new(hook);
        self
    }
}

impl fmt::Debug for Through {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Through({:?})", self.store)
    }
}

impl Store for Through {
    fn address(&self) -> String {
        self.store.address()
    }
    fn check(&self) -> Result<(), Error> {
        self.store.check()
    }
    fn create(&self, path: &PartPath, bytes: u64) -> Result<Box<dyn PartWriter>, Error> {
        self.store.create(path, bytes)
    }
    fn publish(&self, path: &PartPath) -> Result<(), Error> {
        self.store.publish(path)
    }
    fn settle(&self) -> Result<(), Error> {
        self.store.settle()
    }
    fn finished(&self, parts: &[PartPath]) -> Result<Vec<Option<u64>>, Error> {
        self.store.finished(parts)
    }
    fn discard(&self, parts: &[PartPath]) -> Result<(), Error> {
        self.store.discard(parts)
    }
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        (self.before_get)(self.store.as_ref(), name);
        self.store.get(name)
    }
    fn look(&self, name: &str) -> Result<Option<Look>, Error> {
        self.store.look(name)
    }
    fn open(&self, name: &str) -> Result<Option<Box<dyn Read + Send>>, Error> {
        self.store.open(name)
    }
    fn read_range(&self, name: &str, range: Range<u64>) -> Result<Option<Vec<u8>>, Error> {
        self.store.read_range(name, range)
    }
    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<PutNew, Error> {
        (self.before_put_new)(self.store.as_ref(), name);
        self.store.put_new(name, bytes)
    }
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.store.replace(name, bytes)?;
        (self.after_replace)(self.store.as_ref(), name);
        Ok(())
    }
    fn log(&self, log: &str, key: &str, line: &[u8]) -> Result<(), Error> {
        self.store.log(log, key, line)
    }
    fn logged(&self, log: &str) -> Result<Vec<Vec<u8>>, Error> {
        self.store.logged(log)
    }
    fn remove_log(&self, log: &str) -> Result<(), Error> {
        self.store.remove_log(log)
    }
    fn remove(&self, name: &str) -> Result<(), Error> {
        self.store.remove(name)
    }
    fn remove_all(&self, names: &[String]) -> Result<(), Error> {
        self.store.remove_all(names)
    }
    fn lock(&self, _name: &str) -> Result<Lock, Error> {
        Ok(if self.locks_nobody {
            Lock::Held(Box::new(()))
        } else {
            Lock::Unsupported
        })
    }
    fn list(&self, prefix: &str, most: usize) -> Result<Vec<Found>, Error> {
        self.store.list(prefix, most)
    }
}
