//! Uploads that were begun and never completed: found by their key, and aborted.

use futures_util::stream::{self, StreamExt, TryStreamExt};
use http::Method;
use serde::Deserialize;

use super::core::Core;
use super::failure::Failure;
use super::objects::IN_FLIGHT;
use crate::error::{Result, Trouble};

/// A page of `ListMultipartUploads`, as far as it matters here.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Page {
    upload: Vec<Upload>,
    is_truncated: bool,
    next_key_marker: String,
    next_upload_id_marker: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Upload {
    key: String,
    upload_id: String,
}

impl Core {
    /// Aborts all uploads of exactly these keys.
    pub(super) async fn abort_all(&self, keys: &[String]) -> Result<()> {
        stream::iter(keys.to_vec())
            .map(|key| async move { self.abort_uploads(&key).await })
            .buffer_unordered(IN_FLIGHT)
            .try_collect::<()>()
            .await
    }

    /// Aborts all uploads of one key. Servers that list no uploads keep none that could be found.
    pub(super) async fn abort_uploads(&self, key: &str) -> Result<()> {
        let uploads = match self.uploads(key).await {
            Ok(uploads) => uploads,
            Err(failure) if failure.trouble == Trouble::Unsupported || failure.is_absent() => {
                self.info(&format!("the server lists no uploads: {}", failure.text));
                return Ok(());
            }
            Err(failure) => return Err(self.unread("list the uploads of", key, failure)),
        };
        for upload in uploads {
            self.abort(key, &upload).await?;
        }
        Ok(())
    }

    /// The uploads of one key. The prefix is the whole key: MinIO lists by nothing less.
    pub(super) async fn uploads(&self, key: &str) -> Result<Vec<String>, Failure> {
        let mut found = Vec::new();
        let mut after = (String::new(), String::new());
        loop {
            let body = self
                .repeat("list the uploads of", key, 0, || {
                    let after = after.clone();
                    async move {
                        let mut query = vec![("prefix", key), ("uploads", "")];
                        if !after.0.is_empty() {
                            query.extend([
                                ("key-marker", after.0.as_str()),
                                ("upload-id-marker", after.1.as_str()),
                            ]);
                        }
                        self.request(Method::GET, "", &query).await
                    }
                })
                .await?;
            let page: Page = quick_xml::de::from_reader(&*body).map_err(|error| {
                let text = format!("the list of uploads cannot be read: {error}");
                Failure::plain(Trouble::Other, self.watch.scrubber.scrub(&text))
            })?;
            let mine = page.upload.into_iter().filter(|upload| upload.key == key);
            found.extend(mine.map(|upload| upload.upload_id));
            let next = (page.next_key_marker, page.next_upload_id_marker);
            if !page.is_truncated || next.0.is_empty() || next == after {
                return Ok(found);
            }
            after = next;
        }
    }

    /// Aborts one upload; one that is not there any more is fine.
    pub(super) async fn abort(&self, key: &str, upload: &str) -> Result<()> {
        let outcome = self
            .repeat("abort the upload of", key, 0, || async move {
                let query = [("uploadId", upload)];
                self.request(Method::DELETE, key, &query).await
            })
            .await;
        match outcome {
            Ok(_) => Ok(()),
            Err(failure) if failure.status == Some(404) => Ok(()),
            Err(failure) => Err(self.failed("abort the upload of", key, failure)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_page() {
        let xml = "<?xml version=\"1.0\"?><ListMultipartUploadsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
            <Bucket>b</Bucket><KeyMarker/><NextKeyMarker>k</NextKeyMarker>\
            <NextUploadIdMarker>2</NextUploadIdMarker><IsTruncated>true</IsTruncated>\
            <Upload><Key>a&amp;b</Key><UploadId>1</UploadId><Owner><ID>x</ID></Owner></Upload>\
            <Upload><Key>k</Key><UploadId>2</UploadId></Upload></ListMultipartUploadsResult>";
        let page: Page = quick_xml::de::from_str(xml).unwrap();
        assert!(page.is_truncated);
        assert_eq!(
            (
                page.next_key_marker.as_str(),
                page.next_upload_id_marker.as_str()
            ),
            ("k", "2")
        );
        let keys: Vec<_> = page
            .upload
            .iter()
            .map(|upload| upload.key.as_str())
            .collect();
        assert_eq!(keys, ["a&b", "k"]);
        let empty: Page = quick_xml::de::from_str("<ListMultipartUploadsResult/>").unwrap();
        assert!(!empty.is_truncated && empty.upload.is_empty());
    }
}
