//! A place in memory: for tests, and for whoever wants the bytes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::Result;
use crate::manifest::Manifest;
use crate::place::{PartPath, PartWriter, Place};

/// A place whose files are byte vectors. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct MemoryPlace {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    finished: BTreeMap<PartPath, Vec<u8>>,
    published: BTreeMap<String, Vec<u8>>,
    manifest: Option<Manifest>,
}

impl MemoryPlace {
    /// An empty place.
    pub fn new() -> Self {
        Self::default()
    }

    /// The published files by path.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.lock().published.clone()
    }

    /// The manifest, once published.
    pub fn manifest(&self) -> Option<Manifest> {
        self.lock().manifest.clone()
    }

    /// How many parts are finished but not published.
    pub fn pending(&self) -> usize {
        self.lock().finished.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place for MemoryPlace {
    fn begin(&self, _plan_id: &str, _parts: &[PartPath]) -> Result<()> {
        Ok(())
    }

    fn create(&self, path: &PartPath) -> Result<Box<dyn PartWriter>> {
        Ok(Box::new(MemoryPart {
            place: self.clone(),
            path: path.clone(),
            bytes: Vec::new(),
        }))
    }

    fn publish(&self, manifest: &Manifest) -> Result<()> {
        let mut state = self.lock();
        let finished = std::mem::take(&mut state.finished);
        state.published.extend(
            finished
                .into_iter()
                .map(|(path, bytes)| (path.as_str().to_owned(), bytes)),
        );
        state.manifest = Some(manifest.clone());
        Ok(())
    }

    fn abandon(&self) {
        self.lock().finished.clear();
    }
}

struct MemoryPart {
    place: MemoryPlace,
    path: PartPath,
    bytes: Vec<u8>,
}

impl PartWriter for MemoryPart {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<u64> {
        let bytes = self.bytes.len() as u64;
        self.place.lock().finished.insert(self.path, self.bytes);
        Ok(bytes)
    }
}
