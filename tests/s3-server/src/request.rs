//! What a request is, and how it is written down.

use crate::fault::Fault;
use hyper::header::HeaderMap;
use hyper::{Method, http};
use percent_encoding::percent_decode_str;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An object in one request, conditional or not.
    PutObject,
    /// An object or a range of it.
    GetObject,
    /// The head of an object or of a bucket.
    Head,
    /// The objects of a bucket.
    List,
    /// The open multipart uploads of a bucket.
    ListUploads,
    /// The start of a multipart upload.
    CreateMultipart,
    /// One part of a multipart upload.
    UploadPart,
    /// The end of a multipart upload, which publishes the object.
    Complete,
    /// A multipart upload given up.
    Abort,
    /// One object, or many in one request, deleted.
    Delete,
    /// A copy inside of the server.
    Copy,
    /// Anything else.
    Other,
}

/// One request as the log holds it.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which request it is: 1 is the first since the server started.
    pub number: u64,
    /// The HTTP method.
    pub method: String,
    /// `/bucket/key`, with escapes resolved.
    pub path: String,
    /// What follows the question mark, as it was sent; empty when there is none.
    pub query: String,
    /// What it asks for.
    pub kind: Kind,
    /// The status that was answered. None while it is under way, and for ever when no answer was
    /// sent.
    pub status: Option<u16>,
    /// The status that the store gave. None when the request never reached it. With a lost answer
    /// this is what the client did not learn.
    pub handled: Option<u16>,
    /// The fault that hit it.
    pub fault: Option<Fault>,
    /// How many requests, with this one, came each after the answer to the one before: requests
    /// side by side are in the same row. It means something where answers take longer than a client
    /// takes between two requests ([`Settings::latency`](crate::Settings::latency)).
    pub row: u64,
    headers: HeaderMap,
}

impl Request {
    pub(crate) fn new(number: u64, row: u64, head: &http::request::Parts) -> Self {
        let path = percent_decode_str(head.uri.path())
            .decode_utf8_lossy()
            .into_owned();
        let query = head.uri.query().unwrap_or_default().to_owned();
        let mut headers = head.headers.clone();
        // The signature proves nothing later, and a log of a test should not hold it.
        headers.remove(hyper::header::AUTHORIZATION);
        Self {
            number,
            method: head.method.to_string(),
            kind: classify(&head.method, &path, &query, &headers),
            path,
            query,
            status: None,
            handled: None,
            fault: None,
            row,
            headers,
        }
    }

    /// The bucket that it names; empty when it names none.
    pub fn bucket(&self) -> &str {
        split(&self.path).0
    }

    /// The key that it names; empty when it is about a bucket.
    pub fn key(&self) -> &str {
        split(&self.path).1
    }

    /// A header of the request, by its name in lower case; the signature is not kept.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

fn split(path: &str) -> (&str, &str) {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.split_once('/').unwrap_or((path, ""))
}

fn classify(method: &Method, path: &str, query: &str, headers: &HeaderMap) -> Kind {
    let (bucket, key) = split(path);
    let has = |name: &str| {
        query
            .split('&')
            .any(|pair| pair.split('=').next() == Some(name))
    };
    if bucket.is_empty() {
        return Kind::Other;
    }
    let of_bucket = key.is_empty();
    match method.as_str() {
        "HEAD" => Kind::Head,
        "GET" if of_bucket && has("uploads") => Kind::ListUploads,
        "GET" if of_bucket && (query.is_empty() || has("list-type") || has("prefix")) => Kind::List,
        "POST" if of_bucket && has("delete") => Kind::Delete,
        _ if of_bucket => Kind::Other,
        "PUT" if has("uploadId") => Kind::UploadPart,
        "PUT" if headers.contains_key("x-amz-copy-source") => Kind::Copy,
        "PUT" => Kind::PutObject,
        "GET" if !has("uploadId") => Kind::GetObject,
        "POST" if has("uploads") => Kind::CreateMultipart,
        "POST" if has("uploadId") => Kind::Complete,
        "DELETE" if has("uploadId") => Kind::Abort,
        "DELETE" => Kind::Delete,
        _ => Kind::Other,
    }
}
