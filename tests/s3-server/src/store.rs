//! The store behind the HTTP level: `s3s-fs`, mended where our client depends on it.

mod multipart;

use crate::lock;
use crate::uploads::Uploads;
use async_trait::async_trait;
use futures_util::{TryStreamExt as _, stream};
use hyper::header::HeaderValue;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CopyObjectInput, CopyObjectOutput, CreateBucketInput,
    CreateBucketOutput, CreateMultipartUploadInput, CreateMultipartUploadOutput, DeleteBucketInput,
    DeleteBucketOutput, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput,
    DeleteObjectsOutput, DeletedObject, GetBucketLocationInput, GetBucketLocationOutput,
    GetObjectInput, GetObjectOutput, HeadBucketInput, HeadBucketOutput, HeadObjectInput,
    HeadObjectOutput, ListBucketsInput, ListBucketsOutput, ListMultipartUploadsInput,
    ListMultipartUploadsOutput, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input,
    ListObjectsV2Output, ListPartsInput, ListPartsOutput, PutObjectInput, PutObjectOutput,
    StreamingBlob, UploadPartInput, UploadPartOutput,
};
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak};

/// Bodies up to this size are read before the lock on their key is taken, so that a client that
/// stops in the middle holds up nobody. It is far above the small objects that clients race for.
const READ_FIRST_BYTES: i64 = 8 << 20;

/// Held across the whole write of one key.
type KeyLock = tokio::sync::Mutex<()>;

/// Objects as files, with what `s3s-fs` lacks.
///
/// A write to a key (put, completion, copy) holds a lock on that key from the check of its condition
/// to its effect: `s3s-fs` looks for the key, then renames, and of eight conditional writers several
/// would win. A delete is one step and needs no lock.
pub(crate) struct Store {
    files: FileSystem,
    root: PathBuf,
    uploads: Arc<Uploads>,
    locks: Mutex<HashMap<(String, String), Weak<KeyLock>>>,
}

impl Store {
    pub(crate) fn new(files: FileSystem, root: PathBuf, uploads: Arc<Uploads>) -> Self {
        Self {
            files,
            root,
            uploads,
            locks: Mutex::default(),
        }
    }

    /// The lock on a key, held until dropped.
    async fn hold(&self, bucket: &str, key: &str) -> tokio::sync::OwnedMutexGuard<()> {
        let held = {
            let mut locks = lock(&self.locks);
            if locks.len() > 10_000 {
                locks.retain(|_, lock| lock.strong_count() > 0);
            }
            let entry = locks
                .entry((bucket.to_owned(), key.to_owned()))
                .or_default();
            entry.upgrade().unwrap_or_else(|| {
                let fresh = Arc::new(KeyLock::new(()));
                *entry = Arc::downgrade(&fresh);
                fresh
            })
        };
        held.lock_owned().await
    }

    /// `s3s-fs` would make the bucket.
    fn need_bucket(&self, bucket: &str) -> S3Result<()> {
        if self.root.join(bucket).is_dir() {
            Ok(())
        } else {
            Err(s3_error!(NoSuchBucket))
        }
    }

    /// `s3s-fs` takes the folder that holds `a/b` for an object `a`.
    fn refuse_folder(&self, bucket: &str, key: &str) -> S3Result<()> {
        if !key.ends_with('/') && self.is_folder(bucket, key) {
            return Err(s3_error!(NoSuchKey));
        }
        Ok(())
    }

    fn is_folder(&self, bucket: &str, key: &str) -> bool {
        self.root.join(bucket).join(key).is_dir()
    }
}

#[async_trait]
impl S3 for Store {
    async fn put_object(
        &self,
        mut request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let input = &mut request.input;
        self.need_bucket(&input.bucket)?;
        if input
            .content_length
            .is_some_and(|bytes| bytes <= READ_FIRST_BYTES)
        {
            input.body = match input.body.take() {
                Some(body) => Some(read(body).await?),
                None => None,
            };
        }
        let _held = self.hold(&input.bucket, &input.key).await;
        self.files.put_object(request).await
    }

    async fn copy_object(
        &self,
        request: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        self.need_bucket(&request.input.bucket)?;
        let _held = self.hold(&request.input.bucket, &request.input.key).await;
        self.files.copy_object(request).await
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let input = &request.input;
        self.need_bucket(&input.bucket)?;
        if self.is_folder(&input.bucket, &input.key) {
            return Ok(S3Response::new(DeleteObjectOutput::default()));
        }
        self.files.delete_object(request).await
    }

    async fn delete_objects(
        &self,
        mut request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let input = &mut request.input;
        self.need_bucket(&input.bucket)?;
        let asked = std::mem::take(&mut input.delete.objects);
        let (folders, objects): (Vec<_>, Vec<_>) = asked
            .into_iter()
            .partition(|object| self.is_folder(&input.bucket, &object.key));
        input.delete.objects = objects;
        let mut answer = self.files.delete_objects(request).await?;
        // What does not exist counts as deleted.
        answer
            .output
            .deleted
            .get_or_insert_default()
            .extend(folders.into_iter().map(|object| DeletedObject {
                key: Some(object.key),
                ..Default::default()
            }));
        Ok(answer)
    }

    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        self.need_bucket(&request.input.bucket)?;
        self.refuse_folder(&request.input.bucket, &request.input.key)?;
        self.files.get_object(request).await
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        self.refuse_folder(&request.input.bucket, &request.input.key)?;
        self.files.head_object(request).await
    }

    async fn list_objects(
        &self,
        request: S3Request<ListObjectsInput>,
    ) -> S3Result<S3Response<ListObjectsOutput>> {
        self.files.list_objects(request).await
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        self.files.list_objects_v2(request).await
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        self.create_upload(request).await
    }

    async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        self.put_part(request).await
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        self.complete_upload(request).await
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        self.abort_upload(request).await
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        self.list_uploads(&request.input)
    }

    async fn list_parts(
        &self,
        request: S3Request<ListPartsInput>,
    ) -> S3Result<S3Response<ListPartsOutput>> {
        let input = &request.input;
        self.find_upload(&input.bucket, &input.key, &input.upload_id)?;
        self.files.list_parts(request).await
    }

    async fn create_bucket(
        &self,
        request: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        self.files.create_bucket(request).await
    }

    async fn delete_bucket(
        &self,
        request: S3Request<DeleteBucketInput>,
    ) -> S3Result<S3Response<DeleteBucketOutput>> {
        self.files.delete_bucket(request).await
    }

    async fn head_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.files.head_bucket(request).await
    }

    async fn list_buckets(
        &self,
        request: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        self.files.list_buckets(request).await
    }

    async fn get_bucket_location(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.files.get_bucket_location(request).await
    }
}

/// Takes in a whole body. One that breaks off is the client's fault, and has no effect.
async fn read(body: StreamingBlob) -> S3Result<StreamingBlob> {
    let chunks: Vec<_> = body
        .try_collect()
        .await
        .map_err(|_| s3_error!(IncompleteBody))?;
    Ok(StreamingBlob::wrap(stream::iter(
        chunks.into_iter().map(Ok::<_, io::Error>),
    )))
}

/// The one pair of keys that is let in.
pub(crate) struct Keys {
    pub(crate) access: String,
    pub(crate) secret: String,
}

#[async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key != self.access {
            return Err(s3_error!(InvalidAccessKeyId));
        }
        Ok(SecretKey::from(self.secret.as_str()))
    }
}

/// Lets in signed requests only, and those only with the right session token.
pub(crate) struct Tokens(pub(crate) Option<String>);

#[async_trait]
impl S3Access for Tokens {
    async fn check(&self, request: &mut S3AccessContext<'_>) -> S3Result<()> {
        if request.credentials().is_none() {
            return Err(s3_error!(AccessDenied, "a signature is required"));
        }
        let sent = request.headers().get("x-amz-security-token");
        if sent.map(HeaderValue::as_bytes) != self.0.as_deref().map(str::as_bytes) {
            let text = "The provided token is malformed or otherwise invalid.";
            return Err(s3_error!(InvalidToken, "{text}"));
        }
        Ok(())
    }
}
