//! Multipart uploads as S3 treats them.
//!
//! `s3s-fs` forgets an upload as soon as its completion begins, whether that succeeds or not, does
//! not look at the tags of parts, and calls an unknown upload a denied access. Here a completion
//! that is refused leaves its upload open, and one that is repeated finds no such upload.

use super::Store;
use crate::uploads::Upload;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CompletedPart, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, ETag, ListMultipartUploadsInput, ListMultipartUploadsOutput,
    MultipartUpload, Timestamp, UploadPartInput, UploadPartOutput,
};
use s3s::{S3 as _, S3Request, S3Response, S3Result, s3_error};
use std::fs;

/// Every part but the last has this size at least.
const MIN_PART_BYTES: u64 = 5 << 20;

impl Store {
    pub(super) fn find_upload(&self, bucket: &str, key: &str, id: &str) -> S3Result<Upload> {
        self.uploads
            .get(bucket, key, id)
            .ok_or_else(|| s3_error!(NoSuchUpload))
    }

    pub(super) async fn create_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        self.need_bucket(&request.input.bucket)?;
        let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
        let answer = self.files.create_multipart_upload(request).await?;
        if let Some(id) = &answer.output.upload_id {
            self.uploads.add(&bucket, &key, id);
        }
        Ok(answer)
    }

    pub(super) async fn put_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let input = &request.input;
        self.find_upload(&input.bucket, &input.key, &input.upload_id)?;
        let (id, number) = (input.upload_id.clone(), input.part_number);
        let answer = self.files.upload_part(request).await?;
        if let Some(tag) = &answer.output.e_tag {
            self.uploads.add_part(&id, number, tag.value());
        }
        Ok(answer)
    }

    pub(super) async fn complete_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = &request.input;
        let id = input.upload_id.clone();
        let _held = self.hold(&input.bucket, &input.key).await;
        let upload = self.find_upload(&input.bucket, &input.key, &id)?;
        let parts = input
            .multipart_upload
            .as_ref()
            .and_then(|list| list.parts.as_deref());
        self.check_parts(&upload, parts.unwrap_or_default())?;
        let answer = self.files.complete_multipart_upload(request).await?;
        self.uploads.remove(&id);
        Ok(answer)
    }

    fn check_parts(&self, upload: &Upload, parts: &[CompletedPart]) -> S3Result<()> {
        if parts.is_empty() {
            return Err(s3_error!(
                MalformedXML,
                "a completion names at least one part"
            ));
        }
        for (expected, part) in (1..).zip(parts) {
            let number = part.part_number.unwrap_or_default();
            // S3 would take numbers with gaps; s3s-fs does not.
            if number != expected {
                return Err(s3_error!(InvalidPartOrder));
            }
            let stored = upload
                .parts
                .get(&number)
                .ok_or_else(|| s3_error!(InvalidPart))?;
            if part.e_tag.as_ref().map(ETag::value) != Some(stored.as_str()) {
                return Err(s3_error!(InvalidPart));
            }
        }
        let all_but_last = 1..parts.len();
        for number in all_but_last {
            let file = self
                .root
                .join(format!(".upload_id-{}.part-{number}", upload.id));
            let bytes = fs::metadata(file)
                .map_err(|_| s3_error!(InvalidPart))?
                .len();
            if bytes < MIN_PART_BYTES {
                return Err(s3_error!(EntityTooSmall));
            }
        }
        Ok(())
    }

    pub(super) async fn abort_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let input = &request.input;
        let id = input.upload_id.clone();
        let _held = self.hold(&input.bucket, &input.key).await;
        self.find_upload(&input.bucket, &input.key, &id)?;
        let answer = self.files.abort_multipart_upload(request).await?;
        self.uploads.remove(&id);
        Ok(answer)
    }

    pub(super) fn list_uploads(
        &self,
        input: &ListMultipartUploadsInput,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        self.need_bucket(&input.bucket)?;
        if input.delimiter.is_some() {
            return Err(s3_error!(
                NotImplemented,
                "uploads are listed without a delimiter only"
            ));
        }
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let most = input.max_uploads.unwrap_or(1000).clamp(0, 1000) as usize;
        let mut open: Vec<Upload> = self.uploads.open();
        open.retain(|upload| {
            upload.bucket == input.bucket
                && upload.key.starts_with(prefix)
                && follows(upload, input)
        });
        let truncated = open.len() > most;
        open.truncate(most);
        let last = open.last().filter(|_| truncated);
        let output = ListMultipartUploadsOutput {
            bucket: Some(input.bucket.clone()),
            prefix: input.prefix.clone(),
            key_marker: input.key_marker.clone(),
            upload_id_marker: input.upload_id_marker.clone(),
            max_uploads: Some(most as i32),
            is_truncated: Some(truncated),
            next_key_marker: last.map(|upload| upload.key.clone()),
            next_upload_id_marker: last.map(|upload| upload.id.clone()),
            uploads: Some(open.into_iter().map(listed).collect()),
            ..Default::default()
        };
        Ok(S3Response::new(output))
    }
}

/// Whether an upload comes after the markers of a listing.
fn follows(upload: &Upload, input: &ListMultipartUploadsInput) -> bool {
    match (
        input.key_marker.as_deref(),
        input.upload_id_marker.as_deref(),
    ) {
        (None, _) => true,
        (Some(key), None) => upload.key.as_str() > key,
        (Some(key), Some(id)) => (upload.key.as_str(), upload.id.as_str()) > (key, id),
    }
}

fn listed(upload: Upload) -> MultipartUpload {
    MultipartUpload {
        key: Some(upload.key),
        upload_id: Some(upload.id),
        initiated: Some(Timestamp::from(upload.started)),
        ..Default::default()
    }
}
