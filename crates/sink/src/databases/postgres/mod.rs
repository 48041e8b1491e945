//! PostgreSQL as a target: tables filled by `COPY … BINARY`.
//!
//! ```text
//! Postgres -- Session   one for each worker, made anew when it breaks
//!     |          \-> Encoder: batches -> chunks      Decoder: rows read back -> batches
//!     |
//!   lakeseed_runs, lakeseed_ledger   what is loaded: a line a run, a line a part, by the part's own
//!                                    transaction
//! ```

mod address;
mod cells;
mod decode;
mod encode;
mod failure;
mod ledger;
mod line;
mod numeric;
mod session;
mod standing;
mod tls;
mod views;
mod work;

use std::fmt;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::SslMode as ClientSslMode;

use self::address::{Address, SslMode};
use self::session::Session;
use self::tls::Tls;
use super::database::{Database, IsOver, System};
use super::ddl::Dialect;
use super::failure::Failure;
use super::ledger::RunRecord;
use crate::environment::Environment;
use crate::error::Result;
use crate::secret::Scrubber;

/// How long a worker tries to go on with a server that has gone, and how long a single answer may take
/// before the connection counts as lost.
pub const DEFAULT_PATIENCE: Duration = Duration::from_mins(1);
/// A try to connect ends after this.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// A line on which nothing comes is asked after this, so often, and so many times.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(30), Duration::from_secs(10), 3);

/// Settings of a PostgreSQL server.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// How long a worker tries to go on with a server that has gone, and how long a lock of somebody
    /// else's is waited for.
    pub patience: Duration,
    /// Where variables are looked up.
    pub environment: Environment,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            patience: DEFAULT_PATIENCE,
            environment: Environment::default(),
        }
    }
}

/// A database of a PostgreSQL server.
///
/// Tables are made and looked for in the session's current schema; `?options=-csearch_path%3Dshop`
/// chooses another one.
///
/// **Threads.** None of its own: a connection moves on the thread that waits for it. Calls block, and may
/// be made from any thread that is not itself one of an async runtime.
///
/// # Example
/// ```
/// use lakeseed_sink::Environment;
/// use lakeseed_sink::databases::postgres::{Postgres, PostgresOptions};
///
/// let options = PostgresOptions {
///     environment: Environment::new(|name| match name {
///         "PGUSER" => Some("ana".to_owned()),
///         "PGPASSWORD" => Some("wJalrXUtnFEMI".to_owned()),
///         _ => None,
///     }),
///     ..PostgresOptions::default()
/// };
/// let shop = Postgres::new("postgres://localhost/shop?sslmode=disable", &options)?;
/// assert_eq!(shop.address(), "postgres://localhost:5432/shop");
/// # Ok::<(), lakeseed_sink::Error>(())
/// ```
pub struct Postgres {
    shown: String,
    config: Config,
    tls: Tls,
    scrubber: Scrubber,
    patience: Duration,
}

impl Postgres {
    /// A database at `postgres://USER:PASSWORD@HOST:PORT/DATABASE`. Whatever is missing comes from
    /// `PGHOST`, `PGPORT`, `PGUSER` (or `USER`), `PGPASSWORD`, `PGDATABASE` (or the user's name),
    /// `PGSSLMODE`, `PGSSLROOTCERT`, `PGOPTIONS`. Nothing is connected yet.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) for an address or certificates that are none, and
    /// [`Error::Io`](crate::Error::Io) for a file of certificates that cannot be read.
    pub fn new(address: &str, options: &PostgresOptions) -> Result<Self> {
        let address = Address::parse(address, &options.environment)?;
        let scrubber = Scrubber::default();
        if let Some(password) = &address.password {
            scrubber.learn(password.reveal());
        }
        Ok(Self {
            shown: address.shown(),
            tls: Tls::of(&address)?,
            config: config(&address),
            scrubber,
            patience: options.patience,
        })
    }

    /// Where it is, without credentials.
    pub fn address(&self) -> &str {
        &self.shown
    }

    /// What was loaded into the current schema, or is about to be, in the order of its begin.
    ///
    /// # Errors
    /// [`Error::Remote`](crate::Error::Remote) when the server cannot be asked.
    pub fn runs(&self) -> Result<Vec<RunRecord>> {
        let runs = Session::open(self).and_then(|session| ledger::runs(&session));
        runs.map_err(|failure| failure.into_error("ask", &self.shown))
    }
}

impl Database for Postgres {
    fn address(&self) -> &str {
        self.address()
    }

    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn runs(&self) -> Result<Vec<RunRecord>> {
        self.runs()
    }
}

impl System for Postgres {
    fn patience(&self) -> Duration {
        self.patience
    }

    fn open<'s>(
        &'s self,
        is_over: &'s IsOver<'s>,
    ) -> Result<Box<dyn super::database::Session + 's>, Failure> {
        Ok(Box::new(Session::open_while(self, is_over)?))
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres")
            .field("address", &self.shown)
            .finish_non_exhaustive()
    }
}

fn config(address: &Address) -> Config {
    let mut config = Config::new();
    config
        // One that begins with `/` is the folder of a socket, for the client too.
        .host(&address.host)
        .port(address.port)
        .user(&address.user)
        .dbname(&address.database)
        .application_name("lakeseed")
        .connect_timeout(CONNECT_WITHIN)
        .keepalives_idle(KEEPALIVE.0)
        .keepalives_interval(KEEPALIVE.1)
        .keepalives_retries(KEEPALIVE.2)
        .tcp_user_timeout(KEEPALIVE.0 + KEEPALIVE.1 * KEEPALIVE.2)
        .ssl_mode(match address.ssl {
            SslMode::Disable => ClientSslMode::Disable,
            SslMode::Prefer => ClientSslMode::Prefer,
            SslMode::Require | SslMode::VerifyFull => ClientSslMode::Require,
        });
    if let Some(password) = &address.password {
        config.password(password.reveal());
    }
    if let Some(options) = &address.options {
        config.options(options);
    }
    config
}
