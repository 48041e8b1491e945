//! The client that all calls share, and the one policy by which they are tried again.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use object_store::CredentialProvider;
use object_store::aws::{AmazonS3, AwsAuthorizer};
use object_store::client::{HttpClient, HttpRequestBody};
use object_store::path::Path;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::credentials::Keyring;
use super::failure::{Again, Failure};
use super::patience::{Events, Level, Patience, Pause};
use super::watch::{self, Watch};
use crate::error::{Error, Result, Trouble};

/// What stands as it is in a signed address: RFC 3986's unreserved characters.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
const PATH: &AsciiSet = &QUERY.remove(b'/');
/// While a run begins, someone waits at the screen: a sixth of the patience has to do; for a
/// refusal an eighteenth, which still lets a refusal in passing go by; and where nobody takes the
/// connection a thirty-sixth, since an address that is wrong does not become right.
const START_SHARE: u32 = 6;
const START_DENIED_SHARE: u32 = 18;
const START_UNREACHABLE_SHARE: u32 = 36;
/// A worker that ends gives its handles back, soon or not at all.
const OUT_OF_HANDLES_SHARE: u32 = 18;

/// Everything that a request needs. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Core {
    pub(super) store: AmazonS3,
    pub(super) http: HttpClient,
    pub(super) keyring: Arc<Keyring>,
    /// The bucket's address, without a slash at its end.
    pub(super) bucket_url: Arc<str>,
    pub(super) region: Arc<str>,
    /// `s3://BUCKET`, and what all keys start with: nothing, or a prefix and a slash.
    pub(super) bucket: Arc<str>,
    pub(super) root: Arc<str>,
    pub(super) patience: Patience,
    pub(super) pause: Arc<dyn Pause>,
    pub(super) events: Events,
    pub(super) watch: Watch,
    /// Whether a run is only about to begin.
    pub(super) starting: bool,
    /// Whether a request was ever taken: until then the keys, and the server, may be wrong ones.
    pub(super) accepted: Arc<AtomicBool>,
}

/// One call, tried until it is done or patience ends.
pub(super) struct Tries<'a> {
    core: &'a Core,
    action: &'static str,
    key: &'a str,
    began: Duration,
    failed: u32,
}

impl Core {
    /// The key of a name below the root.
    pub(super) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.root)
    }

    /// The name below the root of a key that a listing of the root gave.
    pub(super) fn name<'a>(&self, key: &'a str) -> &'a str {
        key.strip_prefix(&*self.root).unwrap_or(key)
    }

    /// A key for people.
    pub(super) fn address(&self, key: &str) -> String {
        self.watch.scrubber.scrub(&format!("{}/{key}", self.bucket))
    }

    /// A key as the library has it: not one character is changed.
    pub(super) fn path(&self, key: &str) -> Result<Path> {
        let path = Path::parse(key).ok().filter(|path| path.as_ref() == key);
        path.ok_or_else(|| Error::Invalid {
            what: "name of a file",
            expected: "parts of a path without `//`, `.`, `..` and control characters".to_owned(),
            found: self.address(key),
        })
    }

    pub(super) fn warn(&self, text: &str) {
        let text = self.watch.scrubber.scrub(text);
        self.events.tell(Level::Warn, &text);
    }

    pub(super) fn info(&self, text: &str) {
        let text = self.watch.scrubber.scrub(text);
        self.events.tell(Level::Info, &text);
    }

    pub(super) fn tries<'a>(&'a self, action: &'static str, key: &'a str) -> Tries<'a> {
        Tries {
            core: self,
            action,
            key,
            began: self.pause.now(),
            failed: 0,
        }
    }

    /// Tries a request that may be repeated at will, until it is done or patience ends.
    pub(super) async fn repeat<T, F>(
        &self,
        action: &'static str,
        key: &str,
        bytes: u64,
        mut request: impl FnMut() -> F + Send,
    ) -> Result<T, Failure>
    where
        T: Send,
        F: Future<Output = object_store::Result<T>> + Send,
    {
        let mut tries = self.tries(action, key);
        loop {
            match self.once(bytes, request()).await {
                Ok(done) => return Ok(done),
                Err(failure) => tries.again(failure).await?,
            }
        }
    }

    /// One try of a request that carries so many bytes.
    pub(super) async fn once<T: Send>(
        &self,
        bytes: u64,
        request: impl Future<Output = object_store::Result<T>> + Send,
    ) -> Result<T, Failure> {
        self.once_of(&AtomicU64::new(bytes), request).await
    }

    /// The same where the request may learn on its way how many bytes it carries.
    pub(super) async fn once_of<T: Send>(
        &self,
        bytes: &AtomicU64,
        request: impl Future<Output = object_store::Result<T>> + Send,
    ) -> Result<T, Failure> {
        let mut attempt = pin!(watch::watched(request));
        let began = tokio::time::Instant::now();
        let mut failure = loop {
            let limit = self.patience.answer_to(bytes.load(Ordering::Relaxed));
            match tokio::time::timeout_at(began + limit, &mut attempt).await {
                Ok((Ok(done), _)) => {
                    self.accepted.store(true, Ordering::Relaxed);
                    return Ok(done);
                }
                Ok((Err(error), seen)) => break Failure::of(&error, seen),
                // It has learnt meanwhile that there is more to come.
                Err(_) if self.patience.answer_to(bytes.load(Ordering::Relaxed)) > limit => {}
                Err(_) => break Failure::late(limit.as_secs()),
            }
        };
        failure.text = self.watch.scrubber.scrub(&failure.text);
        Err(failure)
    }

    /// The error of a call that changes something: one whose answer was lost may have done so.
    pub(super) fn failed(&self, action: &'static str, key: &str, mut failure: Failure) -> Error {
        if failure.doubt && failure.trouble == Trouble::Unreachable {
            failure.trouble = Trouble::Unknown;
        }
        failure.into_error(action, self.address(key))
    }

    /// The error of a call that only looks, and may be repeated at will.
    pub(super) fn unread(&self, action: &'static str, key: &str, failure: Failure) -> Error {
        failure.into_error(action, self.address(key))
    }

    /// A request that the library does not offer: signed, and its answer read whole.
    pub(super) async fn request(
        &self,
        method: Method,
        key: &str,
        query: &[(&str, &str)],
    ) -> object_store::Result<Bytes> {
        let failed =
            |source: Box<dyn std::error::Error + Send + Sync>| object_store::Error::Generic {
                store: "S3",
                source,
            };
        let mut url = self.bucket_url.to_string();
        if !key.is_empty() {
            url.push('/');
            url.extend(utf8_percent_encode(key, PATH));
        }
        for (at, (name, value)) in query.iter().enumerate() {
            url.push(if at == 0 { '?' } else { '&' });
            url.extend(utf8_percent_encode(name, QUERY));
            url.push('=');
            url.extend(utf8_percent_encode(value, QUERY));
        }
        let mut request = http::Request::builder()
            .method(method)
            .uri(url)
            .body(HttpRequestBody::empty())
            .map_err(|error| failed(error.into()))?;
        let keys = self.keyring.get_credential().await?;
        AwsAuthorizer::new(&keys, "s3", &self.region).authorize(&mut request, None);
        let response = self.http.execute(request).await;
        let (parts, body) = response.map_err(|error| failed(error.into()))?.into_parts();
        let body = body.bytes().await.map_err(|error| failed(error.into()))?;
        if parts.status.is_success() {
            return Ok(body);
        }
        Err(failed(parts.status.to_string().into()))
    }

    /// The same client while a run is about to begin.
    pub(super) fn starting(&self) -> Self {
        Self {
            starting: true,
            ..self.clone()
        }
    }

    fn is_start(&self) -> bool {
        self.starting || !self.accepted.load(Ordering::Relaxed)
    }

    fn total_for(&self, failure: &Failure) -> Duration {
        let total = self.patience.total;
        match (self.is_start(), failure.trouble) {
            (_, Trouble::OutOfHandles) => total / OUT_OF_HANDLES_SHARE,
            (true, Trouble::Denied) => total / START_DENIED_SHARE,
            // One that has let us in and then broke off may be starting.
            (true, Trouble::Unreachable) if !failure.doubt => total / START_UNREACHABLE_SHARE,
            (true, _) => total / START_SHARE,
            (false, _) => total,
        }
    }
}

impl Tries<'_> {
    /// Waits for the next try, or gives the failure back when there is to be none.
    pub(super) async fn again(&mut self, mut failure: Failure) -> Result<(), Failure> {
        self.failed += 1;
        let Self {
            core,
            action,
            key,
            began,
            failed: tries,
        } = *self;
        let hopeless = match failure.again {
            Again::Never => true,
            Again::NotAtStart => core.is_start(),
            Again::Yes | Again::Renewed => false,
        };
        if hopeless {
            return Err(failure);
        }
        let spent = core.pause.now().saturating_sub(began);
        let wait = spread(core.patience.wait(tries));
        if spent + wait > core.total_for(&failure) {
            if tries > 1 {
                failure.text = format!(
                    "{} ({tries} tries in {:.1} s)",
                    failure.text,
                    spent.as_secs_f64()
                );
            }
            return Err(failure);
        }
        core.watch.counters.retry();
        core.warn(&format!(
            "cannot {action} {}: {}; try {} in {:.1} s",
            core.address(key),
            failure.text,
            tries + 1,
            wait.as_secs_f64()
        ));
        let round = core.keyring.round();
        core.pause.wait(wait).await;
        if failure.again == Again::Renewed || failure.is_code("InvalidAccessKeyId") {
            // Keys that cannot be found anew leave the old ones, which the next try will report.
            match core.keyring.renew(round) {
                Ok(()) => core.info(&format!("took credentials from {}", core.keyring.found())),
                Err(error) => core.warn(&format!("cannot renew the credentials: {error}")),
            }
        }
        Ok(())
    }
}

/// Between a half and the whole of a wait, so that workers which failed together do not come back
/// together.
fn spread(wait: Duration) -> Duration {
    let share = f64::from((random() >> 32) as u32) / f64::from(u32::MAX);
    wait.mul_f64(0.5 + share / 2.0)
}

/// A number that differs from call to call and from process to process.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
