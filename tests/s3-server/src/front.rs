//! The HTTP level in front of the store: the log, faults and pauses.

use crate::body::{Link, OverLink, Truncated};
use crate::fault::{Fault, Faults};
use crate::identity::Identity;
use crate::lock;
use crate::pause::{Moment, Pauses, Stops, Verdict};
use crate::request::Request;
use crate::settings::Settings;
use crate::tls::Wire;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, http};
use hyper_util::rt::TokioIo;
use s3s::Body;
use s3s::service::S3Service;
use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// All that the connections of one server share.
pub(crate) struct Front {
    service: S3Service,
    identity: Option<Identity>,
    link: Option<Arc<Link>>,
    latency: Duration,
    /// The longest row of requests whose last one was answered.
    answered_row: AtomicU64,
    pub(crate) faults: Faults,
    pub(crate) pauses: Pauses,
    pub(crate) log: Mutex<Vec<Request>>,
}

/// How a request ends.
enum Outcome {
    Answer(Response<Body>),
    Hang,
    Reset,
}

impl Front {
    pub(crate) fn new(service: S3Service, settings: &Settings) -> Self {
        let link = settings.link_bytes_per_second.map(Link::new);
        Self {
            service,
            identity: Identity::of(settings),
            link: link.map(Arc::new),
            latency: settings.latency,
            answered_row: AtomicU64::new(0),
            faults: Faults::default(),
            pauses: Pauses::default(),
            log: Mutex::default(),
        }
    }

    /// Serves one connection until the client closes it or a fault resets it.
    pub(crate) async fn serve(self: Arc<Self>, stream: impl Wire) {
        let reset = Arc::new(Notify::new());
        let service = service_fn({
            let reset = Arc::clone(&reset);
            move |request| {
                // A task of its own: a server goes on with a request that it has read, whether its
                // client lives or not.
                let outcome = tokio::spawn(Arc::clone(&self).answer(request));
                let reset = Arc::clone(&reset);
                async move {
                    match outcome.await {
                        Ok(Outcome::Answer(answer)) => return Ok::<_, Infallible>(answer),
                        Ok(Outcome::Hang) => {}
                        Ok(Outcome::Reset) | Err(_) => reset.notify_one(),
                    }
                    pending().await
                }
            }
        });
        let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::select! {
            // How a connection ended is the client's matter, and its test sees it.
            _ = &mut connection => {}
            () = reset.notified() => {
                let stream = connection.into_parts().io.into_inner();
                // Makes the close a reset. Where it cannot, the client sees a plain close.
                let _ = stream.socket().set_zero_linger();
            }
        }
    }

    /// Handles a request, and lets its answer go when it is due.
    async fn answer(self: Arc<Self>, request: http::Request<Incoming>) -> Outcome {
        let due = Instant::now() + self.latency;
        let (head, body) = request.into_parts();
        let met = self.enter(&head);
        let row = met.0.row;
        let outcome = self
            .handle(http::Request::from_parts(head, body), met)
            .await;
        if !self.latency.is_zero() {
            sleep_until(due).await;
        }
        self.answered_row.fetch_max(row, Ordering::SeqCst);
        outcome
    }

    async fn handle(
        &self,
        request: http::Request<Incoming>,
        (entry, fault, stops): (Request, Option<Fault>, Stops),
    ) -> Outcome {
        let (head, body) = request.into_parts();
        let mut body = Body::from(body);
        if let Some(link) = &self.link {
            body = Body::http_body_unsync(OverLink::new(body, Arc::clone(link)));
        }
        if stops.has_before() {
            let Ok(whole) = body.collect().await else {
                return Outcome::Reset;
            };
            body = Body::from(whole.to_bytes());
            if let Verdict::Discard = stops.hold(Moment::Before, &entry).await {
                return Outcome::Reset;
            }
        }
        match fault {
            Some(Fault::ResetBefore) => {
                self.strike(&entry, Fault::ResetBefore);
                return Outcome::Reset;
            }
            Some(Fault::HangBefore) => {
                self.strike(&entry, Fault::HangBefore);
                drain(body).await;
                return Outcome::Hang;
            }
            Some(Fault::Slow { bytes_per_second }) => {
                body = slowly(body, bytes_per_second);
            }
            Some(fault) if fault != Fault::InternalErrorAfter => {
                if let Some(answer) = refusal(fault) {
                    drain(body).await;
                    self.strike(&entry, fault);
                    return self.leave(&entry, answer);
                }
            }
            _ => {}
        }
        let identity = self.identity.as_ref();
        if let Some(answer) = identity.and_then(|identity| identity.answer(&head)) {
            return self.leave(&entry, answer);
        }
        let Ok(answer) = self
            .service
            .call(http::Request::from_parts(head, body))
            .await
        else {
            return Outcome::Reset;
        };
        let status = answer.status().as_u16();
        self.note(&entry, |request| request.handled = Some(status));
        if let Verdict::Discard = stops.hold(Moment::After, &entry).await {
            return Outcome::Reset;
        }
        self.finish(&entry, fault, answer)
    }

    /// Writes a request down and asks the plans. Under one lock, so that numbers and counts agree.
    fn enter(&self, head: &http::request::Parts) -> (Request, Option<Fault>, Stops) {
        let mut log = lock(&self.log);
        let row = self.answered_row.load(Ordering::SeqCst) + 1;
        let entry = Request::new(log.len() as u64 + 1, row, head);
        log.push(entry.clone());
        let fault = self.faults.meet(&entry);
        let stops = self.pauses.meet(&entry);
        (entry, fault, stops)
    }

    /// What becomes of an answer of the store.
    fn finish(&self, entry: &Request, fault: Option<Fault>, answer: Response<Body>) -> Outcome {
        let Some(fault) = fault else {
            return self.leave(entry, answer);
        };
        match fault {
            Fault::HangAfter => {
                self.strike(entry, fault);
                Outcome::Hang
            }
            Fault::ResetAfter => {
                self.strike(entry, fault);
                Outcome::Reset
            }
            Fault::InternalErrorAfter => {
                self.strike(entry, fault);
                self.leave(entry, refusal(fault).unwrap_or(answer))
            }
            Fault::Truncated { bytes } if promised(&answer).is_some_and(|all| all > bytes) => {
                self.strike(entry, fault);
                self.leave(
                    entry,
                    answer.map(|body| Body::http_body_unsync(Truncated::new(body, bytes))),
                )
            }
            Fault::Slow { bytes_per_second } => {
                self.strike(entry, fault);
                self.leave(entry, answer.map(|body| slowly(body, bytes_per_second)))
            }
            _ => self.leave(entry, answer),
        }
    }

    fn strike(&self, entry: &Request, fault: Fault) {
        self.note(entry, |request| request.fault = Some(fault));
        self.faults.count_fired();
    }

    fn leave(&self, entry: &Request, answer: Response<Body>) -> Outcome {
        let status = answer.status().as_u16();
        self.note(entry, |request| request.status = Some(status));
        Outcome::Answer(answer)
    }

    fn note(&self, entry: &Request, change: impl FnOnce(&mut Request)) {
        let place = entry.number as usize - 1;
        lock(&self.log).get_mut(place).map(change);
    }
}

/// How long the body of an answer will be, by its head.
fn promised(answer: &Response<Body>) -> Option<u64> {
    let length = answer.headers().get(hyper::header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

fn slowly(body: Body, bytes_per_second: u64) -> Body {
    Body::http_body_unsync(OverLink::alone(body, bytes_per_second))
}

async fn drain(mut body: Body) {
    while let Some(Ok(_)) = body.frame().await {}
}

fn refusal(fault: Fault) -> Option<Response<Body>> {
    let (status, code, message) = fault.refusal()?;
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Error><Code>{code}</Code><Message>{message}</Message><RequestId>planned</RequestId></Error>"
    );
    Response::builder()
        .status(status)
        .header(hyper::header::CONTENT_TYPE, "application/xml")
        .header("x-amz-request-id", "planned")
        .body(Body::from(text))
        .ok()
}
