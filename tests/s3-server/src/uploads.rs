//! The open multipart uploads, which the store itself cannot list.

use crate::lock;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::SystemTime;

/// A multipart upload that was neither completed nor aborted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Its bucket.
    pub bucket: String,
    /// The key that the object would have.
    pub key: String,
    /// The identifier that the server gave it.
    pub id: String,
    /// When it was started.
    pub started: SystemTime,
    /// The parts that were uploaded, with their tags, by number.
    pub parts: BTreeMap<i32, String>,
}

/// All open uploads of a server, by their identifier.
#[derive(Default)]
pub(crate) struct Uploads(Mutex<BTreeMap<String, Upload>>);

impl Uploads {
    pub(crate) fn add(&self, bucket: &str, key: &str, id: &str) {
        let upload = Upload {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            id: id.to_owned(),
            started: SystemTime::now(),
            parts: BTreeMap::new(),
        };
        lock(&self.0).insert(id.to_owned(), upload);
    }

    /// The upload with this identifier, if it is for this object.
    pub(crate) fn get(&self, bucket: &str, key: &str, id: &str) -> Option<Upload> {
        let uploads = lock(&self.0);
        uploads
            .get(id)
            .filter(|upload| upload.bucket == bucket && upload.key == key)
            .cloned()
    }

    pub(crate) fn add_part(&self, id: &str, number: i32, tag: &str) {
        if let Some(upload) = lock(&self.0).get_mut(id) {
            upload.parts.insert(number, tag.to_owned());
        }
    }

    pub(crate) fn remove(&self, id: &str) {
        lock(&self.0).remove(id);
    }

    /// All of them, ordered as S3 lists them: by bucket, key and identifier.
    pub(crate) fn open(&self) -> Vec<Upload> {
        let mut all: Vec<Upload> = lock(&self.0).values().cloned().collect();
        all.sort_by(|a, b| (&a.bucket, &a.key, &a.id).cmp(&(&b.bucket, &b.key, &b.id)));
        all
    }
}
