//! Whole files: read, written, listed, deleted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use http::Method;
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use super::core::Core;
use super::failure::{Again, Failure};
use super::options::ConditionalPut;
use crate::error::{Result, Trouble};
use crate::store::{Found, Look, PutNew};

/// How many small requests are under way at once.
pub(super) const IN_FLIGHT: usize = 32;
/// The most keys that one page of a listing, or one request to delete, holds.
const PAGE: usize = 1_000;

impl Core {
    /// A small file, whole.
    pub(super) async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        let path = self.path(key)?;
        match self.try_get("read", &path).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(failure) if failure.is_absent() => Ok(None),
            Err(failure) => Err(self.unread("read", key, failure)),
        }
    }

    async fn try_get(&self, action: &'static str, path: &Path) -> Result<Bytes, Failure> {
        let mut tries = self.tries(action, path.as_ref());
        loop {
            match self.get_once(path).await {
                Ok(bytes) => return Ok(bytes),
                Err(failure) => tries.again(failure).await?,
            }
        }
    }

    /// One try. How many bytes there are, and so how long it may take, the answer's head tells.
    async fn get_once(&self, path: &Path) -> Result<Bytes, Failure> {
        let bytes = AtomicU64::new(0);
        let request = async {
            let found = self.store.get(path).await?;
            bytes.store(found.meta.size, Ordering::Relaxed);
            found.bytes().await
        };
        self.once_of(&bytes, request).await
    }

    /// A file's size and tag, without its bytes.
    pub(super) async fn look(&self, key: &str) -> Result<Option<Look>> {
        let path = self.path(key)?;
        let outcome = self
            .repeat("look at", key, 0, || {
                let (store, path) = (self.store.clone(), path.clone());
                async move { store.head(&path).await }
            })
            .await;
        match outcome {
            Ok(meta) => Ok(Some(Look {
                bytes: meta.size,
                tag: meta.e_tag,
            })),
            Err(failure) if failure.is_absent() => Ok(None),
            Err(failure) => Err(self.unread("look at", key, failure)),
        }
    }

    /// Writes a file in place of whatever has its key.
    pub(super) async fn put(&self, key: &str, bytes: Bytes) -> Result<()> {
        let path = self.path(key)?;
        self.repeat("write", key, bytes.len() as u64, || {
            let (store, path) = (self.store.clone(), path.clone());
            let payload = PutPayload::from(bytes.clone());
            async move { store.put(&path, payload).await }
        })
        .await
        .map_err(|failure| self.failed("write", key, failure))?;
        Ok(())
    }

    /// Writes a file whose key must be free.
    pub(super) async fn put_new(
        &self,
        key: &str,
        bytes: Bytes,
        how: ConditionalPut,
    ) -> Result<PutNew> {
        Ok(match self.put_or_find(key, bytes, how).await? {
            None => PutNew::Written,
            Some(_) => PutNew::Taken,
        })
    }

    /// The same; gives other bytes that stand there already.
    ///
    /// An answer that was lost, or a refusal that this call's own earlier try may have caused, is
    /// settled by reading back: whose bytes stand there.
    pub(super) async fn put_or_find(
        &self,
        key: &str,
        bytes: Bytes,
        how: ConditionalPut,
    ) -> Result<Option<Bytes>> {
        let path = self.path(key)?;
        let mut tries = self.tries("write", key);
        loop {
            if how == ConditionalPut::LookFirst
                && let Some(found) = self.standing(key, &path).await?
            {
                return Ok((found != bytes).then_some(found));
            }
            let mode = match how {
                ConditionalPut::IfNoneMatch => PutMode::Create,
                ConditionalPut::LookFirst => PutMode::Overwrite,
            };
            let payload = PutPayload::from(bytes.clone());
            let request = self.store.put_opts(&path, payload, PutOptions::from(mode));
            let Err(mut failure) = self.once(bytes.len() as u64, request).await else {
                return Ok(None);
            };
            if failure.is_taken() || failure.doubt {
                if let Some(found) = self.standing(key, &path).await? {
                    return Ok((found != bytes).then_some(found));
                }
                // Nothing, or nothing any more: the name is free.
                failure.again = Again::Yes;
            }
            if let Err(failure) = tries.again(failure).await {
                return Err(self.failed("write", key, failure));
            }
        }
    }

    /// What stands under a key.
    async fn standing(&self, key: &str, path: &Path) -> Result<Option<Bytes>> {
        match self.try_get("read back", path).await {
            Ok(found) => Ok(Some(found)),
            Err(failure) if failure.is_absent() => Ok(None),
            Err(mut failure) => {
                failure.trouble = Trouble::Unknown;
                Err(self.unread("read back", key, failure))
            }
        }
    }

    /// Keys with their sizes that start with a text, at most so many, in order.
    pub(super) async fn list(&self, start: &str, most: usize) -> Result<BTreeMap<String, u64>> {
        let mut found = BTreeMap::new();
        let mut page_token = None;
        while found.len() < most {
            let page = (most - found.len()).min(PAGE);
            let (objects, next) = self.list_page(start, page, page_token).await?;
            let room = most - found.len();
            found.extend(objects.into_iter().take(room));
            page_token = next;
            if page_token.is_none() {
                break;
            }
        }
        Ok(found)
    }

    /// Tells all keys with their sizes that start with a text, a page at a time.
    pub(super) async fn list_each(
        &self,
        start: &str,
        mut tell: impl FnMut(&str, u64) + Send,
    ) -> Result<()> {
        let mut page_token = None;
        loop {
            let (objects, next) = self.list_page(start, PAGE, page_token).await?;
            for (key, bytes) in &objects {
                tell(key, *bytes);
            }
            page_token = next;
            if page_token.is_none() {
                return Ok(());
            }
        }
    }

    async fn list_page(
        &self,
        start: &str,
        most: usize,
        page_token: Option<String>,
    ) -> Result<(Vec<(String, u64)>, Option<String>)> {
        let page = self
            .repeat("list", start, 0, || {
                let (store, start) = (self.store.clone(), start.to_owned());
                let options = PaginatedListOptions {
                    max_keys: Some(most),
                    page_token: page_token.clone(),
                    ..PaginatedListOptions::default()
                };
                async move {
                    let start = Some(start.as_str()).filter(|start| !start.is_empty());
                    store.list_paginated(start, options).await
                }
            })
            .await
            .map_err(|failure| self.unread("list", start, failure))?;
        let objects = page.result.objects.into_iter();
        let objects = objects.map(|object| (object.location.to_string(), object.size));
        Ok((below(start, objects), page.page_token))
    }

    /// The same, as names below the root.
    pub(super) async fn list_names(&self, prefix: &str, most: usize) -> Result<Vec<Found>> {
        let keys = self.list(&self.key(prefix), most).await?;
        let found = keys.into_iter().map(|(key, bytes)| Found {
            name: self.name(&key).to_owned(),
            bytes,
        });
        Ok(found.collect())
    }

    /// All files whose key starts with a text, whole, in no order.
    pub(super) async fn get_all(&self, start: &str) -> Result<Vec<Vec<u8>>> {
        let keys = self.list(start, usize::MAX).await?;
        stream::iter(keys.into_keys())
            .map(|key| async move { self.get(&key).await })
            .buffer_unordered(IN_FLIGHT)
            // One that was deleted since the listing is not part of the answer.
            .try_filter_map(|bytes| async move { Ok(bytes.map(Vec::from)) })
            .try_collect()
            .await
    }

    /// Deletes a file; one that is not there is fine.
    pub(super) async fn delete(&self, key: &str) -> Result<()> {
        let outcome = self
            .repeat("delete", key, 0, || self.request(Method::DELETE, key, &[]))
            .await;
        match outcome {
            Ok(_) => Ok(()),
            Err(failure) if failure.is_absent() => Ok(()),
            Err(failure) => Err(self.failed("delete", key, failure)),
        }
    }

    /// Deletes many files: a thousand a request where the server takes that, else one by one.
    pub(super) async fn delete_all(&self, keys: &[String]) -> Result<()> {
        for page in keys.chunks(PAGE) {
            if page.len() > 1 && self.delete_page(page).await {
                continue;
            }
            stream::iter(page.to_vec())
                .map(|key| async move { self.delete(&key).await })
                .buffer_unordered(IN_FLIGHT)
                .try_collect::<()>()
                .await?;
        }
        Ok(())
    }

    /// Whether one request deleted all of them. Why not, each file's own request will tell.
    async fn delete_page(&self, keys: &[String]) -> bool {
        let Ok(paths) = keys
            .iter()
            .map(|key| self.path(key))
            .collect::<Result<Vec<_>>>()
        else {
            return false;
        };
        let paths = stream::iter(paths.into_iter().map(Ok)).boxed();
        let deleted = self.store.delete_stream(paths).try_collect::<Vec<_>>();
        match self.once(0, deleted).await {
            Ok(deleted) => deleted.len() == keys.len(),
            Err(failure) => {
                self.info(&format!("deleting one by one: {}", failure.text));
                false
            }
        }
    }
}

/// The objects whose key starts with a text. "Create folder" of a console leaves an empty object with the
/// folder's name and a slash; a listing of that folder has it, and the client library cuts the slash off.
fn below(start: &str, objects: impl Iterator<Item = (String, u64)>) -> Vec<(String, u64)> {
    objects.filter(|(key, _)| key.starts_with(start)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_of_a_folder_is_no_file_in_it() {
        let listed = [
            ("lake/demo", 0),
            ("lake/demo/_SUCCESS", 0),
            ("lake/demo/a", 7),
        ];
        let listed = || {
            listed
                .iter()
                .map(|(key, bytes)| ((*key).to_owned(), *bytes))
        };
        let names = |start| -> Vec<_> {
            below(start, listed())
                .into_iter()
                .map(|(key, _)| key)
                .collect()
        };
        assert_eq!(names("lake/demo/"), ["lake/demo/_SUCCESS", "lake/demo/a"]);
        assert_eq!(names("lake/demo/a"), ["lake/demo/a"]);
        assert_eq!(names("").len(), 3);
    }
}
