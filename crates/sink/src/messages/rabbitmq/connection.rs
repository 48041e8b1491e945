//! Connections: how one is made, how it is ended for good, and the one that all senders share.
//!
//! The client's own way to go on after a break is not used: it would keep what it was given and send
//! it later, while we look up what is there. A connection ends with its line; then nothing of it goes
//! out any more, and a new one is made.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use async_rs::util::RuntimeParts;
use async_rs::{Runtime as ClientRuntime, Tokio};
use lapin::auth::AuthProvider;
use lapin::tcp::AsyncTcpStream;
use lapin::types::{LongString, ShortString};
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{Channel, ConnectionProperties};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::address::Address;
use super::failure::Failure;
use super::line::{self, Cut, Lines};
use super::options::{Means, RabbitCredentials};
use super::queue;
use crate::error::{Error, Result, Trouble};
use crate::messages::host::Host;
use crate::messages::waits::Waits;
use crate::secret::{Scrubber, Secret};
use crate::sync::lock;

/// How often who waits looks around.
pub(super) const TICK: Duration = Duration::from_millis(100);
/// How long a server may take to answer.
pub(super) const ANSWER: Duration = Duration::from_secs(10);
/// How many seconds a silent connection stands, on both sides; the server gives it twice as much.
const HEARTBEAT_SECONDS: u16 = 10;
/// Bytes of a frame: the client holds 32 of them each way.
pub(super) const FRAME_BYTES: u32 = 32 << 10;
/// How long a connection that is let go may take to say so.
const FAREWELL: Duration = Duration::from_secs(1);

/// A connection, and how it fares.
pub(super) struct Connection {
    client: Option<lapin::Connection>,
    is_ended: AtomicBool,
    cut: Cut,
    scrubber: Arc<Scrubber>,
    runtime: Mutex<Option<Runtime>>,
}

impl Connection {
    /// Connects to the first of the servers that lets us in, once.
    async fn try_new(door: &Door) -> Result<Self, Failure> {
        let mut failed = Failure::lost();
        for host in &door.hosts {
            match Self::to_host(door, host).await {
                Ok(connection) => return Ok(connection),
                Err(failure) if failure.is_passing() => failed = failure,
                Err(failure) => return Err(failure),
            }
        }
        Err(failed)
    }

    async fn to_host(door: &Door, host: &Host) -> Result<Self, Failure> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("rabbitmq")
            .enable_all()
            .build()
            .map_err(|error| Failure::Final(Trouble::Other, error.to_string()))?;
        let scrubber = Arc::clone(&door.scrubber);
        let (host, tls, plain) = (host.clone(), door.tls.clone(), door.plain.clone());
        let vhost = door.vhost.clone();
        let connecting = runtime.spawn(async move {
            let scrub = |text: &str| scrubber.scrub(text);
            let line = line::connect(&host, tls.as_ref()).await;
            let (line, cut) = line.map_err(|error| Failure::of_line(&error, scrub))?;
            let line = Mutex::new(Some(line));
            // The client may ask once: it does not connect by itself again.
            let connect = async move |_, _| match lock(&line).take() {
                Some(line) => Ok(AsyncTcpStream::Plain(line)),
                None => Err(std::io::Error::from(std::io::ErrorKind::NotConnected).into()),
            };
            let kit = RuntimeParts::new(Tokio::current(), Lines::current());
            let properties = ConnectionProperties::default()
                .with_connection_name("lakeseed".into())
                .with_auth_provider(plain);
            let client = lapin::Connection::connector(
                uri(&host, vhost),
                ClientRuntime::new(kit),
                connect,
                properties,
            );
            let client = client.await.map_err(|error| Failure::of(&error, scrub))?;
            Ok((client, cut))
        });
        let connected = match timeout(ANSWER, connecting).await {
            Ok(Ok(connected)) => connected,
            Ok(Err(error)) => Err(Failure::Final(Trouble::Other, error.to_string())),
            Err(_) => Err(Failure::silent()),
        };
        match connected {
            Ok((client, cut)) => Ok(Self {
                client: Some(client),
                is_ended: AtomicBool::new(false),
                cut,
                scrubber: Arc::clone(&door.scrubber),
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
        let is_connected = |client: &lapin::Connection| client.status().connected();
        self.is_ended.load(Ordering::Acquire) || !self.client.as_ref().is_some_and(is_connected)
    }

    /// Whether the server takes no messages for now, for want of memory or room.
    pub(super) fn is_blocked(&self) -> bool {
        let is_blocked = |client: &lapin::Connection| client.status().blocked();
        self.client.as_ref().is_some_and(is_blocked)
    }

    /// A channel of its own for whoever asks: an error of the server closes it.
    pub(super) async fn channel(&self) -> Result<Channel, Failure> {
        let client = self.client.as_ref().ok_or_else(Failure::lost)?;
        self.heed(client.create_channel()).await
    }

    /// Waits for an answer, as long as the connection stands and the server does not take too long.
    pub(super) async fn heed<T>(
        &self,
        answer: impl Future<Output = lapin::Result<T>>,
    ) -> Result<T, Failure> {
        let mut answer = pin!(answer);
        let began = Instant::now();
        loop {
            if self.is_lost() {
                return Err(Failure::lost());
            }
            match timeout(TICK, &mut answer).await {
                Ok(answer) => return answer.map_err(|error| self.failure(&error)),
                Err(_) if began.elapsed() > ANSWER => return Err(Failure::silent()),
                Err(_) => {}
            }
        }
    }

    pub(super) fn failure(&self, error: &lapin::Error) -> Failure {
        Failure::of(error, |text| self.scrubber.scrub(text))
    }

    /// Ends it for everybody: nothing that it was given goes out after this.
    pub(super) fn end(&self) {
        self.is_ended.store(true, Ordering::Release);
        self.cut.cut();
        if let Some(runtime) = lock(&self.runtime).take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let is_lost = self.is_lost();
        let runtime = lock(&self.runtime).take();
        // Who is in a runtime may not wait.
        if let (Some(client), Some(runtime), false) = (&self.client, &runtime, is_lost)
            && Handle::try_current().is_err()
        {
            let farewell = async { timeout(FAREWELL, client.close(200, "OK".into())).await };
            let _ = runtime.block_on(farewell);
        }
        self.cut.cut();
        drop(self.client.take());
        if let Some(runtime) = runtime {
            runtime.shutdown_background();
        }
    }
}

/// Where a server is, without who we are: the client writes addresses into its trace.
fn uri(host: &Host, vhost: String) -> AMQPUri {
    AMQPUri {
        scheme: AMQPScheme::AMQP,
        authority: AMQPAuthority {
            userinfo: AMQPUserInfo {
                username: String::new(),
                password: String::new(),
            },
            host: host.name.clone(),
            port: host.port,
        },
        vhost,
        query: AMQPQueryString {
            frame_max: Some(FRAME_BYTES),
            heartbeat: Some(HEARTBEAT_SECONDS),
            ..AMQPQueryString::default()
        },
    }
}

/// A user and a password as the server asks for them.
#[derive(Debug, Clone)]
struct Plain {
    user: String,
    password: Secret,
}

impl AuthProvider for Plain {
    fn mechanism(&self) -> ShortString {
        "PLAIN".into()
    }

    fn auth_starter(&self) -> Result<LongString, String> {
        Ok(format!("\0{}\0{}", self.user, self.password.reveal()).into())
    }
}

/// What it takes to connect.
struct Door {
    hosts: Vec<Host>,
    vhost: String,
    plain: Plain,
    tls: Option<TlsConnector>,
    scrubber: Arc<Scrubber>,
}

/// The connection that all senders of a queue share.
pub(super) struct Link {
    door: Door,
    current: AsyncMutex<Option<Arc<Connection>>>,
    /// A name that one connection at a time has; none where nothing depends on it.
    fence: OnceLock<String>,
}

impl Link {
    pub(super) fn new(address: &Address, means: Means) -> Result<Self> {
        let tls = if address.is_tls {
            Some(line::tls(&means)?)
        } else {
            None
        };
        let RabbitCredentials { user, password } = means.credentials;
        let scrubber = Scrubber::default();
        scrubber.learn(password.reveal());
        Ok(Self {
            door: Door {
                hosts: address.hosts.clone(),
                vhost: address.vhost.clone(),
                plain: Plain { user, password },
                tls,
                scrubber: Arc::new(scrubber),
            },
            current: AsyncMutex::new(None),
            fence: OnceLock::new(),
        })
    }

    /// The connection, made where there is none. The first one is tried once: an address that is
    /// wrong does not become right.
    pub(super) async fn get(&self) -> Result<Arc<Connection>, Failure> {
        let mut current = self.current.lock().await;
        if let Some(connection) = current.as_ref() {
            return Ok(Arc::clone(connection));
        }
        let made = Arc::new(Connection::try_new(&self.door).await?);
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
        let mut waits = Waits::default();
        loop {
            if is_over() {
                return Err(Failure::Whole(Error::Stopped));
            }
            match self.make().await {
                Ok(made) => {
                    *current = Some(Arc::clone(&made));
                    return Ok(made);
                }
                Err(failure) if failure.is_passing() && Instant::now() < until => {}
                Err(failure) => return Err(failure),
            }
            waits.next().await;
        }
    }

    /// A connection that the server knows to be the only one of this link.
    async fn make(&self) -> Result<Arc<Connection>, Failure> {
        let made = Arc::new(Connection::try_new(&self.door).await?);
        if let Some(name) = self.fence.get() {
            queue::fence(&made, name).await?;
        }
        Ok(made)
    }

    /// Has connections follow each other from now on: the next one begins to send when the server has
    /// done with the last one, this process's or that of one that was killed. Whether the user may ask
    /// for that.
    pub(super) async fn follow(
        &self,
        connection: &Arc<Connection>,
        name: String,
    ) -> Result<bool, Failure> {
        match queue::fence(connection, &name).await {
            Ok(()) => {
                // Somebody may have been faster, with the same name.
                let _ = self.fence.set(name);
                Ok(true)
            }
            Err(failure) if failure.is_denied() => Ok(false),
            Err(failure) => Err(failure),
        }
    }
}
