//! Requests: JSON, signed, and their answers read whole.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE};
use object_store::aws::AwsAuthorizer;
use object_store::client::{HttpClient, HttpRequestBody};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::failure::Failure;
use crate::error::{Error, Trouble};
use crate::messages::waits::Waits;
use crate::secret::Scrubber;
use crate::store::s3::credentials::Keyring;
use crate::sync::lock;

/// How long a server may take to answer.
pub(super) const ANSWER: Duration = Duration::from_secs(20);
const LEAST: Duration = Duration::from_secs(1);
const JSON: &str = "application/x-amz-json-1.0";

/// A server, and the keys to sign with.
pub(super) struct Client {
    http: HttpClient,
    keyring: Arc<Keyring>,
    scrubber: Arc<Scrubber>,
    /// `https://HOST`, without a slash at its end.
    endpoint: String,
    region: String,
    /// Whether a request was ever taken: until then the keys, and the server, may be wrong ones.
    is_accepted: AtomicBool,
    /// The server's time in seconds of Unix, and when it was that.
    time: Mutex<Option<(i64, Instant)>>,
}

impl Client {
    pub(super) fn new(
        http: HttpClient,
        keyring: Arc<Keyring>,
        scrubber: Arc<Scrubber>,
        endpoint: String,
        region: String,
    ) -> Self {
        Self {
            http,
            keyring,
            scrubber,
            endpoint,
            region,
            is_accepted: AtomicBool::new(false),
            time: Mutex::new(None),
        }
    }

    /// The server and the region.
    #[cfg(test)]
    pub(super) fn place(&self) -> (&str, &str) {
        (&self.endpoint, &self.region)
    }

    pub(super) fn scrub(&self, text: &str) -> String {
        self.scrubber.scrub(text)
    }

    /// What the server's clock shows, in seconds of Unix; none before its first answer.
    pub(super) fn server_time(&self) -> Option<i64> {
        let time = *lock(&self.time);
        let (seconds, at) = time?;
        Some(seconds + at.elapsed().as_secs() as i64)
    }

    /// Asks once, for at most so long.
    pub(super) async fn call<A: DeserializeOwned>(
        &self,
        action: &str,
        body: Bytes,
        most: Duration,
    ) -> Result<A, Failure> {
        let round = self.keyring.round();
        let done = timeout(most, self.exchange(action, body)).await;
        let failure = match done.unwrap_or_else(|_| Err(Failure::silent())) {
            Ok(answer) => {
                self.is_accepted.store(true, Ordering::Relaxed);
                return Ok(answer);
            }
            Err(failure) => failure,
        };
        let is_accepted = self.is_accepted.load(Ordering::Relaxed);
        Err(match failure {
            Failure::Stale(text) if is_accepted => {
                // Keys that cannot be found anew leave the old ones, which the next try will report.
                let _ = self.keyring.renew(round);
                Failure::Passing(Trouble::Expired, text)
            }
            // An address that is wrong does not become right.
            Failure::Passing(Trouble::Unreachable, text) if !is_accepted => {
                Failure::Final(Trouble::Unreachable, text)
            }
            other => other,
        })
    }

    async fn exchange<A: DeserializeOwned>(&self, action: &str, body: Bytes) -> Result<A, Failure> {
        let request = http::Request::post(format!("{}/", self.endpoint))
            .header(CONTENT_TYPE, JSON)
            .header("x-amz-target", format!("AmazonSQS.{action}"))
            .body(HttpRequestBody::from(body));
        let mut request =
            request.map_err(|error| Failure::Final(Trouble::Other, error.to_string()))?;
        let keys = self.keyring.keys().await;
        let keys = keys.map_err(|why| {
            if self.is_accepted.load(Ordering::Relaxed) {
                Failure::Passing(Trouble::Denied, why)
            } else {
                Failure::Final(Trouble::Denied, why)
            }
        })?;
        AwsAuthorizer::new(&keys, "sqs", &self.region).authorize(&mut request, None);
        drop(keys);
        let scrub = |text: &str| self.scrub(text);
        let answer = self.http.execute(request).await;
        let answer = answer.map_err(|error| Failure::of_transport(&error, scrub))?;
        let (parts, body) = answer.into_parts();
        if let Some(date) = parts.headers.get(DATE) {
            self.learn(date.to_str().unwrap_or_default());
        }
        let body = body.bytes().await;
        if !parts.status.is_success() {
            let (status, body) = (parts.status.as_u16(), body.unwrap_or_default());
            return Err(Failure::of_answer(status, &parts.headers, &body, scrub));
        }
        let body = body.map_err(|_| Failure::Lost("an answer broke off".to_owned()))?;
        serde_json::from_slice(&body).map_err(|error| {
            Failure::Lost(scrub(&format!("an answer that cannot be read: {error}")))
        })
    }

    fn learn(&self, date: &str) {
        if let Ok(time) = chrono::DateTime::parse_from_rfc2822(date) {
            let mut known = lock(&self.time);
            *known = Some((time.timestamp(), Instant::now()));
        }
    }

    /// Asks until there is an answer or patience ends: for what may be asked twice.
    pub(super) async fn insist<A: DeserializeOwned>(
        &self,
        action: &str,
        question: &(impl Serialize + Sync),
        patience: Duration,
        is_over: &(dyn Fn() -> bool + Sync),
    ) -> Result<A, Failure> {
        let body = json(question)?;
        let until = Instant::now() + patience;
        let mut waits = Waits::default();
        loop {
            let failure = match self.call(action, body.clone(), time_left(until)).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if !failure.is_passing() {
                return Err(failure);
            }
            if Instant::now() >= until {
                return Err(failure.after(patience.as_secs_f64()));
            }
            if is_over() {
                return Err(Failure::Whole(Error::Stopped));
            }
            waits.next().await;
        }
    }
}

/// How long the next try may take: long enough for it to be more than a pretence.
pub(super) fn time_left(until: Instant) -> Duration {
    let left = until.saturating_duration_since(Instant::now());
    left.clamp(LEAST, ANSWER)
}

/// A question as it is sent.
pub(super) fn json(question: &impl Serialize) -> Result<Bytes, Failure> {
    let json = serde_json::to_vec(question);
    let json = json.map_err(|error| Failure::Final(Trouble::Other, error.to_string()))?;
    Ok(json.into())
}
