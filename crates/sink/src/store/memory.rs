//! A store in memory: for tests, and for whoever wants the bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Found, Lock, Look, PartWriter, PutNew, Store};
use crate::commit;
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::path::PartPath;
use crate::sync::lock;

/// A store whose files are byte vectors. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, Arc<[u8]>>,
    /// Finished and not published.
    hidden: BTreeMap<String, Arc<[u8]>>,
    logs: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    locks: BTreeSet<String>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The files of a finished output, by path; nothing before.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let Some(manifest) = self.manifest() else {
            return BTreeMap::new();
        };
        let state = self.lock_state();
        let parts = manifest.parts().filter_map(|part| {
            let bytes = state.files.get(&part.path)?;
            Some((part.path.clone(), bytes.to_vec()))
        });
        parts.collect()
    }

    /// The manifest, once there is one.
    pub fn manifest(&self) -> Option<Manifest> {
        commit::latest(self).ok().flatten()
    }

    fn lock_state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Store for MemoryStore {
    fn address(&self) -> String {
        "memory".to_owned()
    }

    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn create(&self, path: &PartPath, _expected_bytes: u64) -> Result<Box<dyn PartWriter>> {
        Ok(Box::new(MemoryPart {
            store: self.clone(),
            path: path.clone(),
            bytes: Vec::new(),
        }))
    }

    fn publish(&self, path: &PartPath) -> Result<()> {
        let mut state = self.lock_state();
        if let Some(bytes) = state.hidden.remove(path.as_str()) {
            state.files.insert(path.as_str().to_owned(), bytes);
        } else if !state.files.contains_key(path.as_str()) {
            return Err(Error::Promise {
                table: path.table().to_owned(),
                expected: format!("{path} to be finished"),
                found: "no such part".to_owned(),
            });
        }
        Ok(())
    }

    fn settle(&self) -> Result<()> {
        Ok(())
    }

    fn finished(&self, parts: &[PartPath]) -> Result<Vec<Option<u64>>> {
        let state = self.lock_state();
        let size = |part: &PartPath| {
            let name = part.as_str();
            let found = state.hidden.get(name).or_else(|| state.files.get(name));
            found.map(|bytes| bytes.len() as u64)
        };
        Ok(parts.iter().map(size).collect())
    }

    fn discard(&self, parts: &[PartPath]) -> Result<()> {
        let mut state = self.lock_state();
        for part in parts {
            state.hidden.remove(part.as_str());
        }
        Ok(())
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>> {
        Ok(self
            .lock_state()
            .files
            .get(name)
            .map(|bytes| bytes.to_vec()))
    }

    fn look(&self, name: &str) -> Result<Option<Look>> {
        let found = self.lock_state().files.get(name).cloned();
        Ok(found.map(|bytes| Look {
            bytes: bytes.len() as u64,
            tag: Some(blake3::hash(&bytes).to_hex().to_string()),
        }))
    }

    fn open(&self, name: &str) -> Result<Option<Box<dyn Read + Send>>> {
        let found = self.lock_state().files.get(name).cloned();
        Ok(found.map(|bytes| Box::new(Cursor::new(bytes)) as Box<dyn Read + Send>))
    }

    fn read_range(&self, name: &str, range: Range<u64>) -> Result<Option<Vec<u8>>> {
        let found = self.lock_state().files.get(name).cloned();
        Ok(found.map(|bytes| {
            let at = |at: u64| usize::try_from(at).map_or(bytes.len(), |at| at.min(bytes.len()));
            let (start, end) = (at(range.start), at(range.end));
            bytes[start..end.max(start)].to_vec()
        }))
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<PutNew> {
        let mut state = self.lock_state();
        let found = state
            .files
            .entry(name.to_owned())
            .or_insert_with(|| bytes.into());
        Ok(if **found == *bytes {
            PutNew::Written
        } else {
            PutNew::Taken
        })
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let mut state = self.lock_state();
        state.files.insert(name.to_owned(), bytes.into());
        Ok(())
    }

    fn log(&self, log: &str, key: &str, line: &[u8]) -> Result<()> {
        let mut state = self.lock_state();
        let log = state.logs.entry(log.to_owned()).or_default();
        log.insert(key.to_owned(), line.to_vec());
        Ok(())
    }

    fn logged(&self, log: &str) -> Result<Vec<Vec<u8>>> {
        let state = self.lock_state();
        let lines = state.logs.get(log).into_iter().flat_map(BTreeMap::values);
        Ok(lines.cloned().collect())
    }

    fn remove_log(&self, log: &str) -> Result<()> {
        self.lock_state().logs.remove(log);
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.lock_state().files.remove(name);
        Ok(())
    }

    fn remove_all(&self, names: &[String]) -> Result<()> {
        let mut state = self.lock_state();
        for name in names {
            state.files.remove(name);
            state.logs.remove(name);
        }
        Ok(())
    }

    fn lock(&self, name: &str) -> Result<Lock> {
        if !self.lock_state().locks.insert(name.to_owned()) {
            return Ok(Lock::Taken);
        }
        Ok(Lock::Held(Box::new(MemoryLock {
            store: self.clone(),
            name: name.to_owned(),
        })))
    }

    fn list(&self, prefix: &str, most: usize) -> Result<Vec<Found>> {
        let state = self.lock_state();
        let files = state.files.iter().map(|(name, bytes)| Found {
            name: name.clone(),
            bytes: bytes.len() as u64,
        });
        let logs = state.logs.iter().map(|(name, lines)| Found {
            name: name.clone(),
            bytes: lines.values().map(|line| line.len() as u64).sum(),
        });
        let all = files.chain(logs);
        let mut found: Vec<_> = all.filter(|found| found.name.starts_with(prefix)).collect();
        found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        found.truncate(most);
        Ok(found)
    }
}

struct MemoryLock {
    store: MemoryStore,
    name: String,
}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.store.lock_state().locks.remove(&self.name);
    }
}

struct MemoryPart {
    store: MemoryStore,
    path: PartPath,
    bytes: Vec<u8>,
}

impl PartWriter for MemoryPart {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<u64> {
        let Self { store, path, bytes } = *self;
        let size = bytes.len() as u64;
        let mut state = store.lock_state();
        state.hidden.insert(path.as_str().to_owned(), bytes.into());
        Ok(size)
    }
}
