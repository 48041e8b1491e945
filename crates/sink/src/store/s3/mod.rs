//! Files in a bucket, on anything that speaks S3: AWS, MinIO, Ceph.
//!
//! A part is uploaded while it is made, and completing its upload publishes it; small files are
//! written only where none is, with `If-None-Match`. Every request goes through one client with one
//! set of keys, is tried again by one policy ([`Patience`]), and none of its errors can carry a
//! secret.

pub(crate) mod access;
mod check;
mod core;
pub(crate) mod credentials;
mod engine;
pub(crate) mod failure;
mod ini;
mod objects;
mod open;
mod options;
mod part;
mod patience;
mod profile;
mod reach;
mod read;
mod spares;
mod uploads;
mod watch;

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use self::core::Core;
use self::engine::Engine;
use self::failure::Failure;
pub use self::options::{ConditionalPut, Encryption, Keys, S3Options};
use self::part::S3Part;
pub use self::patience::{
    Counts, DEFAULT_ANSWER, DEFAULT_FIRST_WAIT, DEFAULT_MOST_WAIT, DEFAULT_TOTAL, Events, Level,
    Patience, Pause,
};
pub use self::reach::Reach;
use self::read::S3Read;
use self::spares::Spares;
use super::{Found, Lock, Look, PartWriter, PutNew, Store};
pub use crate::environment::Environment;
use crate::error::{Result, Trouble};
use crate::path::PartPath;
pub use crate::secret::Secret;

/// A prefix in a bucket as a store.
///
/// **Memory.** An open part holds three buffers of 8 MiB, one that fills and two under way, and what
/// a connection needs; parts that are expected above 58 GB have larger ones
/// ([`Store::part_bytes`]). The store keeps the buffers of finished parts for those that follow, as
/// many as the most open parts at a time have held. A file that is read holds two ranges of 4 MiB. A listing holds its
/// names.
///
/// **Threads.** Two, for all transfers. Calls block, and may be made from any thread.
///
/// See [`S3Options`] for an example.
#[derive(Debug)]
pub struct S3Store {
    core: Core,
    engine: Arc<Engine>,
    spares: Arc<Spares>,
    conditional_put: ConditionalPut,
}

impl S3Store {
    /// Opens `s3://BUCKET/PREFIX`. Nothing is sent yet; [`Store::check`] does that.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) for an address, endpoint, profile or key that
    /// cannot be, [`Error::Io`](crate::Error::Io) for a file that cannot be read.
    pub fn open(url: &str, options: S3Options) -> Result<Self> {
        let conditional_put = options.conditional_put;
        Ok(Self {
            core: open::core(url, options)?,
            engine: Arc::new(Engine::start()?),
            spares: Arc::default(),
            conditional_put,
        })
    }

    /// What was sent so far.
    pub fn counts(&self) -> Counts {
        self.core.watch.counters.counts()
    }

    /// Runs a task of this store's client and waits for it.
    fn run<T, F>(&self, task: impl FnOnce(Core) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        self.engine.run(task(self.core.clone()))
    }

    fn keys(&self, parts: &[PartPath]) -> Vec<String> {
        parts
            .iter()
            .map(|part| self.core.key(part.as_str()))
            .collect()
    }
}

impl Store for S3Store {
    fn address(&self) -> String {
        let address = self.core.address(&self.core.root);
        address.trim_end_matches('/').to_owned()
    }

    fn part_bytes(&self, expected_bytes: u64) -> u64 {
        part::part_bytes(expected_bytes)
    }

    fn check(&self) -> Result<()> {
        let how = self.conditional_put;
        self.run(|core| async move { check::check(&core, how).await })
    }

    fn create(&self, path: &PartPath, expected_bytes: u64) -> Result<Box<dyn PartWriter>> {
        Ok(Box::new(S3Part::create(
            self.core.clone(),
            Arc::clone(&self.engine),
            Arc::clone(&self.spares),
            self.core.key(path.as_str()),
            expected_bytes,
        )?))
    }

    /// Nothing: finishing a part published it.
    fn publish(&self, _path: &PartPath) -> Result<()> {
        Ok(())
    }

    /// Nothing: a request that was answered is durable.
    fn settle(&self) -> Result<()> {
        Ok(())
    }

    /// One listing per table, of what its parts' names have in common.
    fn finished(&self, parts: &[PartPath]) -> Result<Vec<Option<u64>>> {
        let mut starts: BTreeMap<&str, &str> = BTreeMap::new();
        for part in parts {
            starts
                .entry(part.table())
                .and_modify(|start| *start = common(start, part.as_str()))
                .or_insert(part.as_str());
        }
        let starts: Vec<_> = starts.values().map(|start| self.core.key(start)).collect();
        let keys = self.keys(parts);
        self.run(|core| async move {
            let mut sizes: HashMap<String, Option<u64>> =
                keys.iter().map(|key| (key.clone(), None)).collect();
            for start in starts {
                // Keys of others are dropped as they come.
                core.list_each(&start, |key, bytes| {
                    if let Some(size) = sizes.get_mut(key) {
                        *size = Some(bytes);
                    }
                })
                .await?;
            }
            Ok(keys
                .iter()
                .map(|key| sizes.get(key).copied().flatten())
                .collect())
        })
    }

    fn discard(&self, parts: &[PartPath]) -> Result<()> {
        let keys = self.keys(parts);
        self.run(|core| async move { core.abort_all(&keys).await })
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let key = self.core.key(name);
        self.run(|core| async move { Ok(core.get(&key).await?.map(Vec::from)) })
    }

    fn look(&self, name: &str) -> Result<Option<Look>> {
        let key = self.core.key(name);
        self.run(|core| async move { core.look(&key).await })
    }

    fn open(&self, name: &str) -> Result<Option<Box<dyn Read + Send>>> {
        let key = self.core.key(name);
        let read = S3Read::open(self.core.clone(), Arc::clone(&self.engine), key)?;
        Ok(read.map(|read| Box::new(read) as _))
    }

    fn read_range(&self, name: &str, range: Range<u64>) -> Result<Option<Vec<u8>>> {
        let key = self.core.key(name);
        self.run(|core| async move { read::range(&core, &key, range).await })
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<PutNew> {
        let (key, bytes) = (self.core.key(name), Bytes::copy_from_slice(bytes));
        let how = self.conditional_put;
        self.run(|core| async move { core.put_new(&key, bytes, how).await })
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let (key, bytes) = (self.core.key(name), Bytes::copy_from_slice(bytes));
        self.run(|core| async move { core.put(&key, bytes).await })
    }

    fn log(&self, log: &str, key: &str, line: &[u8]) -> Result<()> {
        let name = format!("{log}/{key}");
        match self.put_new(&name, line)? {
            PutNew::Written => Ok(()),
            PutNew::Taken => {
                let failure = Failure::plain(Trouble::Other, "another line has this key");
                Err(self.core.unread("log to", &self.core.key(&name), failure))
            }
        }
    }

    fn logged(&self, log: &str) -> Result<Vec<Vec<u8>>> {
        let start = self.core.key(&format!("{log}/"));
        self.run(|core| async move { core.get_all(&start).await })
    }

    fn remove_log(&self, log: &str) -> Result<()> {
        let start = self.core.key(&format!("{log}/"));
        self.run(|core| async move {
            let keys: Vec<_> = core.list(&start, usize::MAX).await?.into_keys().collect();
            core.delete_all(&keys).await
        })
    }

    fn remove(&self, name: &str) -> Result<()> {
        let key = self.core.key(name);
        self.run(|core| async move { core.delete(&key).await })
    }

    fn remove_all(&self, names: &[String]) -> Result<()> {
        let keys: Vec<_> = names.iter().map(|name| self.core.key(name)).collect();
        self.run(|core| async move { core.delete_all(&keys).await })
    }

    /// Object stores have no locks that end with a process.
    fn lock(&self, _name: &str) -> Result<Lock> {
        Ok(Lock::Unsupported)
    }

    fn list(&self, prefix: &str, most: usize) -> Result<Vec<Found>> {
        let prefix = prefix.to_owned();
        self.run(|core| async move { core.list_names(&prefix, most).await })
    }
}

/// What two names begin with.
fn common<'a>(one: &'a str, other: &str) -> &'a str {
    let same = one
        .char_indices()
        .zip(other.chars())
        .find(|((_, a), b)| a != b)
        .map_or(one.len().min(other.len()), |((at, _), _)| at);
    &one[..same]
}

#[cfg(test)]
mod tests {
    use super::common;

    #[test]
    fn finds_what_names_begin_with() {
        assert_eq!(common("a/part-00001", "a/part-00012"), "a/part-000");
        assert_eq!(common("a/part", "a/part-1"), "a/part");
        assert_eq!(common("é1", "è1"), "");
        assert_eq!(common("", "x"), "");
    }
}
