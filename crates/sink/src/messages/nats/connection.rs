//! Connections: how one is made, how it is ended for good, and the one that all senders share.
//!
//! The client's own way to go on after a break is not used: it would keep what it was given and send
//! it later, while we look up what is there. A connection lives in a runtime of its own and ends with
//! it; then nothing of it goes out any more, and a new one is made.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, Context};
use async_nats::{Client, ConnectOptions, Event};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::{sleep, timeout};

use super::failure::Failure;
use super::options::{Means, NatsCredentials};
use crate::error::{Error, Result, Trouble};
use crate::secret::Scrubber;
use crate::sync::lock;

/// How often who waits looks around.
pub(super) const TICK: Duration = Duration::from_millis(100);
/// How long a server may take to answer.
pub(super) const ANSWER: Duration = Duration::from_secs(5);
/// How often a connection without traffic is tried: three that are not answered end it.
const PING: Duration = Duration::from_secs(10);
/// Between two attempts, from the first wait to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(20);
const MOST_WAIT: Duration = Duration::from_secs(1);
/// How long the client would wait before it connects again by itself: longer than it lives.
const NEVER: Duration = Duration::from_hours(24 * 365);

/// A connection, and how it fares.
pub(super) struct Connection {
    pub(super) client: Client,
    pub(super) jetstream: Context,
    life: Arc<Life>,
    runtime: Mutex<Option<Runtime>>,
}

/// What the client tells of a connection.
struct Life {
    is_lost: AtomicBool,
    /// The first refusal that the server said on the connection itself.
    refused: Mutex<Option<String>>,
    scrubber: Arc<Scrubber>,
}

impl Connection {
    /// Connects, once.
    async fn try_new(
        servers: Vec<String>,
        means: &Means,
        scrubber: &Arc<Scrubber>,
    ) -> Result<Self, Failure> {
        let life = Arc::new(Life {
            is_lost: AtomicBool::new(false),
            refused: Mutex::new(None),
            scrubber: Arc::clone(scrubber),
        });
        let options = options(means, &life)?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("nats")
            .enable_all()
            .build()
            .map_err(|error| Failure::Final(Trouble::Other, error.to_string()))?;
        let connected = runtime.spawn(async move {
            let client = options.connect(servers).await?;
            let mut jetstream = jetstream::new(client.clone());
            jetstream.set_timeout(ANSWER);
            Ok((client, jetstream))
        });
        let scrub = |text: &str| scrubber.scrub(text);
        let connected = match connected.await {
            Ok(connected) => connected.map_err(|error| Failure::of_connect(&error, scrub)),
            Err(error) => Err(Failure::Final(Trouble::Other, scrub(&error.to_string()))),
        };
        match connected {
            Ok((client, jetstream)) => Ok(Self {
                client,
                jetstream,
                life,
                runtime: Mutex::new(Some(runtime)),
            }),
            Err(failure) => {
                runtime.shutdown_background();
                Err(failure)
            }
        }
    }

    /// Whether it broke, or was ended.
    pub(super) fn is_lost(&self) -> bool {
        self.life.is_lost.load(Ordering::Acquire)
    }

    /// What the server has refused on the connection itself, where a request gets no answer.
    pub(super) fn refusal(&self) -> Option<Failure> {
        lock(&self.life.refused)
            .as_deref()
            .and_then(Failure::of_word)
    }

    /// Waits for an answer, as long as the connection stands and the server refuses nothing: what is
    /// not allowed gets no answer.
    pub(super) async fn heed<T>(&self, answer: impl Future<Output = T>) -> Result<T, Failure> {
        let mut answer = pin!(answer);
        loop {
            if self.is_lost() {
                return Err(Failure::lost());
            }
            if let Ok(answer) = timeout(TICK, &mut answer).await {
                return Ok(answer);
            }
            if let Some(refusal) = self.refusal() {
                return Err(refusal);
            }
        }
    }

    pub(super) fn scrub(&self, text: &str) -> String {
        self.life.scrubber.scrub(text)
    }

    /// Ends it for everybody: nothing that it was given goes out after this.
    fn end(&self) {
        self.life.is_lost.store(true, Ordering::Release);
        if let Some(runtime) = lock(&self.runtime).take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.end();
    }
}

fn options(means: &Means, life: &Arc<Life>) -> Result<ConnectOptions, Failure> {
    let of_events = Arc::clone(life);
    let mut options = ConnectOptions::new()
        .name("lakeseed")
        .connection_timeout(ANSWER)
        .request_timeout(Some(ANSWER))
        .ping_interval(PING)
        // The one subject was looked at when the address was read.
        .skip_subject_validation(true)
        .event_callback(move |event| {
            of_events.hear(&event);
            async {}
        });
    // The client counts its attempts from one for each connection: where the count does not grow, it
    // is about to connect again.
    let counted = AtomicUsize::new(0);
    let of_attempts = Arc::clone(life);
    options = options.reconnect_delay_callback(move |attempt| {
        if attempt > counted.swap(attempt, Ordering::AcqRel) {
            return Duration::ZERO;
        }
        of_attempts.is_lost.store(true, Ordering::Release);
        NEVER
    });
    if let Some(ca) = &means.ca {
        options = options.add_root_certificates(ca.clone());
    }
    if let Some((certificate, key)) = &means.certificate {
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    Ok(match &means.credentials {
        None => options,
        Some(NatsCredentials::Password { user, password }) => {
            options.user_and_password(user.clone(), password.reveal().to_owned())
        }
        Some(NatsCredentials::Token(token)) => options.token(token.reveal().to_owned()),
        Some(NatsCredentials::Nkey(seed)) => options.nkey(seed.reveal().to_owned()),
        Some(NatsCredentials::Creds(content)) => {
            options.credentials(content.reveal()).map_err(|_| {
                Failure::Whole(Error::Invalid {
                    what: "NATS credentials",
                    expected: "a user's JWT and the seed of its nkey, as nsc writes them"
                        .to_owned(),
                    found: "something else".to_owned(),
                })
            })?
        }
    })
}

impl Life {
    fn hear(&self, event: &Event) {
        match event {
            Event::Disconnected | Event::Closed => self.is_lost.store(true, Ordering::Release),
            Event::ServerError(error) => {
                let text = self.scrubber.scrub(&error.to_string());
                // A consumer that may not be taken away goes by itself.
                if Failure::of_word(&text).is_some() && !text.contains(".CONSUMER.DELETE.") {
                    lock(&self.refused).get_or_insert(text);
                }
            }
            _ => {}
        }
    }
}

/// The connection that all senders of a queue share.
pub(super) struct Link {
    servers: Vec<String>,
    means: Means,
    scrubber: Arc<Scrubber>,
    current: AsyncMutex<Option<Arc<Connection>>>,
}

impl Link {
    pub(super) fn new(servers: Vec<String>, means: Means, scrubber: Arc<Scrubber>) -> Self {
        Self {
            servers,
            means,
            scrubber,
            current: AsyncMutex::new(None),
        }
    }

    /// The connection, made where there is none. The first one is tried once: an address that is
    /// wrong does not become right.
    pub(super) async fn get(&self) -> Result<Arc<Connection>, Failure> {
        let mut current = self.current.lock().await;
        if let Some(connection) = current.as_ref() {
            return Ok(Arc::clone(connection));
        }
        let made = Connection::try_new(self.servers.clone(), &self.means, &self.scrubber).await?;
        let made = Arc::new(made);
        *current = Some(Arc::clone(&made));
        Ok(made)
    }

    /// Another connection in place of one that is of no use, tried until a moment; the one that
    /// somebody else has made meanwhile.
    pub(super) async fn renew(
        &self,
        old: &Arc<Connection>,
        until: Instant,
        is_over: &(dyn Fn() -> bool + Sync),
    ) -> Result<Arc<Connection>, Failure> {
        let mut current = self.current.lock().await;
        if let Some(connection) = current.as_ref()
            && !Arc::ptr_eq(connection, old)
            && !connection.is_lost()
        {
            return Ok(Arc::clone(connection));
        }
        old.end();
        let mut wait = FIRST_WAIT;
        loop {
            if is_over() {
                return Err(Failure::Whole(Error::Stopped));
            }
            let made = Connection::try_new(self.servers.clone(), &self.means, &self.scrubber).await;
            match made {
                Ok(made) => {
                    let made = Arc::new(made);
                    *current = Some(Arc::clone(&made));
                    return Ok(made);
                }
                Err(failure) if failure.is_passing() && Instant::now() < until => {}
                Err(failure) => return Err(failure),
            }
            sleep(wait).await;
            wait = (wait * 2).min(MOST_WAIT);
        }
    }
}
