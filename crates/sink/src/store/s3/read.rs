//! A file read from its start: ranges of some MiB, the next one on its way while one is read.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use object_store::{GetOptions, GetRange, ObjectStore};

use super::core::Core;
use super::engine::{Engine, Pending, broken};
use super::failure::Failure;
use crate::error::{Result, Trouble};

/// The bytes of one request. Two of them are held at a time.
pub(super) const RANGE_BYTES: u64 = 4 << 20;

pub(super) struct S3Read {
    core: Core,
    engine: Arc<Engine>,
    key: String,
    size: u64,
    /// Names the file's content, so that one which is replaced meanwhile is not read half.
    tag: Option<String>,
    asked: u64,
    here: Bytes,
    ahead: Option<Pending<Result<Bytes>>>,
}

impl S3Read {
    /// Looks for the file and asks for its first bytes.
    pub(super) fn open(core: Core, engine: Arc<Engine>, key: String) -> Result<Option<Self>> {
        let (asking, asked) = (core.clone(), key.clone());
        let Some(found) = engine.run(async move { asking.look(&asked).await })? else {
            return Ok(None);
        };
        let mut read = Self {
            core,
            engine,
            key,
            size: found.bytes,
            tag: found.tag,
            asked: 0,
            here: Bytes::new(),
            ahead: None,
        };
        read.ask();
        Ok(Some(read))
    }

    /// Asks for the next range, unless all of them were.
    fn ask(&mut self) {
        let range = self.asked..self.size.min(self.asked + RANGE_BYTES);
        if range.is_empty() {
            return;
        }
        self.asked = range.end;
        let (core, key, tag) = (self.core.clone(), self.key.clone(), self.tag.clone());
        self.ahead = self
            .engine
            .spawn(async move { fetch(&core, &key, tag.as_deref(), range).await });
    }
}

impl Read for S3Read {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.here.is_empty() && !into.is_empty() {
            let Some(ahead) = self.ahead.take() else {
                return Ok(0);
            };
            let bytes = ahead.wait().unwrap_or_else(|| Err(broken()));
            self.here = bytes.map_err(io::Error::other)?;
            self.ask();
        }
        let count = into.len().min(self.here.len());
        self.here.copy_to_slice(&mut into[..count]);
        Ok(count)
    }
}

/// One range. A connection that breaks on the way costs no more than this range again.
async fn fetch(core: &Core, key: &str, tag: Option<&str>, range: Range<u64>) -> Result<Bytes> {
    let path = core.path(key)?;
    let length = range.end - range.start;
    let (found, bytes) = core
        .repeat("read", key, length, || {
            let (store, path) = (core.store.clone(), path.clone());
            let options = GetOptions {
                range: Some(GetRange::Bounded(range.clone())),
                ..GetOptions::default()
            };
            async move {
                let result = store.get_opts(&path, options).await?;
                let tag = result.meta.e_tag.clone();
                Ok((tag, result.bytes().await?))
            }
        })
        .await
        .map_err(|failure| core.unread("read", key, failure))?;
    // `If-Match` would ask the same, but some servers refuse their own tag.
    if found.as_deref() != tag || bytes.len() as u64 != length {
        let failure = Failure::plain(Trouble::Other, "the file was replaced while it was read");
        return Err(core.unread("read", key, failure));
    }
    Ok(bytes)
}

/// Some bytes of a file, fewer where it ends; `None` where there is none.
pub(super) async fn range(core: &Core, key: &str, range: Range<u64>) -> Result<Option<Vec<u8>>> {
    let path = core.path(key)?;
    let length = range.end.saturating_sub(range.start);
    if length == 0 {
        return Ok(Some(Vec::new()));
    }
    let outcome = core
        .repeat("read", key, length, || {
            let (store, path) = (core.store.clone(), path.clone());
            let options = GetOptions {
                range: Some(GetRange::Bounded(range.clone())),
                ..GetOptions::default()
            };
            async move { store.get_opts(&path, options).await?.bytes().await }
        })
        .await;
    match outcome {
        Ok(bytes) => Ok(Some(bytes.into())),
        Err(failure) if failure.is_absent() => Ok(None),
        Err(failure) => Err(core.unread("read", key, failure)),
    }
}
