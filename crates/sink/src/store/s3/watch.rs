//! Watches the requests of one try, so that what became of it is known and not guessed.
//!
//! The library folds status, code and transport errors into a text; a retry policy, and a reader
//! of the message, need them apart. Bodies of refusals are scrubbed here, before the library puts
//! them into its own errors.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use http::Method;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};

use super::patience::Counters;
use crate::error::chain;
use crate::secret::Scrubber;
use crate::sync::lock;

/// What became of the requests of one try.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// The last answer's status.
    pub(super) status: Option<u16>,
    /// The code of the last refusal, such as `AccessDenied`.
    pub(super) code: Option<String>,
    /// The message of the last refusal, scrubbed.
    pub(super) message: Option<String>,
    /// How the transport failed, and its own words, scrubbed.
    pub(super) broken: Option<(HttpErrorKind, String)>,
    /// Why there were no keys to sign with.
    pub(super) no_keys: Option<String>,
}

tokio::task_local! {
    static SEEN: Arc<Mutex<Seen>>;
}

/// Runs one try and tells what was seen of it.
pub(super) async fn watched<T>(attempt: impl Future<Output = T>) -> (T, Seen) {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let outcome = SEEN.scope(Arc::clone(&seen), attempt).await;
    let seen = lock(&seen).clone();
    (outcome, seen)
}

/// Notes that there are no keys.
pub(super) fn no_keys(why: String) {
    note(|seen| seen.no_keys = Some(why));
}

fn note(change: impl FnOnce(&mut Seen)) {
    // Outside of a try nobody asks.
    let _ = SEEN.try_with(|seen| change(&mut lock(seen)));
}

/// How far the server's clock is ahead of ours, in seconds, as of its last answer.
#[derive(Debug)]
pub(super) struct Skew(AtomicI64);

/// What a server puts behind a good status when a long request failed after all. As a listing it
/// would read as an empty one. A file may hold such words, so those are not looked at.
const ERROR: &[u8] = b"<Error";

/// Stands for "no answer yet".
const UNKNOWN: i64 = i64::MIN;

impl Skew {
    pub(super) fn new() -> Self {
        Self(AtomicI64::new(UNKNOWN))
    }

    pub(super) fn seconds(&self) -> Option<i64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|seconds| *seconds != UNKNOWN)
    }

    fn learn(&self, date: &str) {
        let (Ok(theirs), Ok(ours)) = (
            chrono::DateTime::parse_from_rfc2822(date),
            SystemTime::now().duration_since(UNIX_EPOCH),
        ) else {
            return;
        };
        let seconds = theirs.timestamp().saturating_sub(ours.as_secs() as i64);
        self.0.store(seconds, Ordering::Relaxed);
    }
}

/// What every watched client shares.
#[derive(Debug, Clone)]
pub(super) struct Watch {
    pub(super) counters: Arc<Counters>,
    pub(super) skew: Arc<Skew>,
    pub(super) scrubber: Arc<Scrubber>,
}

/// Makes clients that are watched.
impl HttpConnector for Watch {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let inner = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Watched {
            inner,
            watch: self.clone(),
        }))
    }
}

#[derive(Debug)]
struct Watched {
    inner: HttpClient,
    watch: Watch,
}

#[async_trait]
impl HttpService for Watched {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.watch.counters.request();
        let is_file = asks_for_file(&request);
        let response = self.inner.execute(request).await.inspect_err(|error| {
            let text = self.watch.scrubber.scrub(&chain(error));
            note(|seen| seen.broken = Some((error.kind(), text)));
        })?;
        if let Some(date) = response.headers().get("date")
            && let Ok(date) = date.to_str()
        {
            self.watch.skew.learn(date);
        }
        let is_good = response.status().is_success();
        note(|seen| {
            *seen = Seen {
                status: Some(response.status().as_u16()),
                ..Seen::default()
            }
        });
        if is_good && is_file {
            return Ok(response);
        }
        let (mut parts, body) = response.into_parts();
        // The body of a refusal only explains; that of a change or a listing is its outcome.
        let body = match body.bytes().await {
            Err(error) if is_good => {
                let text = self.watch.scrubber.scrub(&chain(&error));
                note(|seen| seen.broken = Some((HttpErrorKind::Interrupted, text)));
                return Err(error);
            }
            body => body.unwrap_or_default(),
        };
        if is_good {
            if !body.windows(ERROR.len()).any(|window| window == ERROR) {
                return Ok(HttpResponse::from_parts(parts, body.into()));
            }
            parts.status = http::StatusCode::INTERNAL_SERVER_ERROR;
            note(|seen| seen.status = Some(parts.status.as_u16()));
        }
        let body = String::from_utf8_lossy(&body);
        let code = element(&body, "Code").map(str::to_owned);
        let message = element(&body, "Message").map(|text| self.watch.scrubber.scrub(text));
        note(|seen| (seen.code, seen.message) = (code, message));
        let body = self.watch.scrubber.scrub(&body);
        Ok(HttpResponse::from_parts(parts, body.into()))
    }
}

/// Whether the answer's body will be the content of a file.
fn asks_for_file(request: &HttpRequest) -> bool {
    let query = request.uri().query().unwrap_or_default();
    let is_listing = query.split('&').any(|pair| {
        let name = pair.split('=').next();
        matches!(name, Some("list-type" | "uploads"))
    });
    matches!(*request.method(), Method::GET | Method::HEAD) && !is_listing
}

/// The text of an element that holds nothing but text.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text.trim()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_date_of_an_answer() {
        let skew = Skew::new();
        assert_eq!(skew.seconds(), None);
        skew.learn("no date");
        assert_eq!(skew.seconds(), None);
        skew.learn("Tue, 15 Nov 1994 08:12:31 GMT");
        assert!(skew.seconds().unwrap() < -800_000_000);
    }

    #[test]
    fn reads_code_and_message() {
        let xml = "<?xml version='1.0'?><Error><Code> SlowDown</Code><Message></Message></Error>";
        assert_eq!(element(xml, "Code"), Some("SlowDown"));
        assert_eq!(element(xml, "Message"), None);
        assert_eq!(element("<Code>cut", "Code"), None);
    }
}
