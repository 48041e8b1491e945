//! MySQL and MariaDB as a target: tables filled by `LOAD DATA LOCAL`, or by `INSERT` of many rows where
//! the server forbids it.
//!
//! ```text
//! Mysql -- Session   one for each worker, made anew when it breaks
//!     |        \-> Encoder: batches -> chunks of text      decode: rows read back -> batches
//!     |
//!   lakeseed_runs, lakeseed_ledger   what is loaded: a line a run, with the stage of its tables, and a
//!                                    line a part, by the part's own transaction
//! ```

mod address;
mod cells;
mod decode;
mod encode;
mod failure;
mod ledger;
mod sending;
mod session;
mod standing;
mod tls;
mod views;
mod work;

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use mysql_async::{Opts, OptsBuilder};
use tokio::runtime::{Builder, Runtime};

use self::address::{Address, SslMode};
use self::session::Session;
use super::database::{Database, IsOver, System};
use super::ddl::Dialect;
use super::failure::Failure;
use super::ledger::RunRecord;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::secret::Scrubber;

/// How long a worker tries to go on with a server that has gone, and how long a single answer may take
/// before the connection counts as lost.
pub const DEFAULT_PATIENCE: Duration = Duration::from_mins(1);
/// A try to connect ends after this.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// A line on which nothing comes is asked after this.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Settings of a MySQL or MariaDB server.
#[derive(Debug, Clone)]
pub struct MysqlOptions {
    /// How long a worker tries to go on with a server that has gone, and how long a lock of somebody
    /// else's is waited for.
    pub patience: Duration,
    /// Where variables are looked up.
    pub environment: Environment,
}

impl Default for MysqlOptions {
    fn default() -> Self {
        Self {
            patience: DEFAULT_PATIENCE,
            environment: Environment::default(),
        }
    }
}

/// A database of a MySQL or MariaDB server.
///
/// **Threads.** One for all connections. Calls block, and may be made from any thread that is not itself
/// one of an async runtime.
///
/// # Example
/// ```
/// use lakeseed_sink::Environment;
/// use lakeseed_sink::databases::mysql::{Mysql, MysqlOptions};
///
/// let options = MysqlOptions {
///     environment: Environment::new(|name| match name {
///         "USER" => Some("ana".to_owned()),
///         "MYSQL_PWD" => Some("wJalrXUtnFEMI".to_owned()),
///         _ => None,
///     }),
///     ..MysqlOptions::default()
/// };
/// let shop = Mysql::new("mysql://localhost/shop?ssl-mode=DISABLED", &options)?;
/// assert_eq!(shop.address(), "mysql://localhost:3306/shop");
/// # Ok::<(), lakeseed_sink::Error>(())
/// ```
pub struct Mysql {
    shown: String,
    database: String,
    options: Opts,
    /// Whether a server without TLS will do.
    may_do_without_tls: bool,
    /// Whether rows go by `INSERT`.
    by_values: AtomicBool,
    scrubber: Scrubber,
    patience: Duration,
    runtime: Runtime,
}

impl Mysql {
    /// A database at `mysql://USER:PASSWORD@HOST:PORT/DATABASE`. What is missing but the database comes
    /// from `MYSQL_HOST`, `MYSQL_TCP_PORT`, `MYSQL_UNIX_PORT`, `USER`, `MYSQL_PWD`. Nothing is connected
    /// yet.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an address or certificates that are none, and [`Error::Io`] for a file of
    /// certificates that cannot be read.
    pub fn new(address: &str, options: &MysqlOptions) -> Result<Self> {
        let address = Address::parse(address, &options.environment)?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("mysql")
            .enable_all()
            .build()
            .map_err(Error::io("start a runtime in", std::path::Path::new(".")))?;
        let scrubber = Scrubber::default();
        if let Some(password) = &address.password {
            scrubber.learn(password.reveal());
        }
        Ok(Self {
            shown: address.shown(),
            database: address.database.clone(),
            options: client_options(&address)?,
            may_do_without_tls: address.ssl == SslMode::Preferred,
            by_values: AtomicBool::new(false),
            scrubber,
            patience: options.patience,
            runtime,
        })
    }

    /// Where it is, without credentials.
    pub fn address(&self) -> &str {
        &self.shown
    }

    /// What was loaded into the database, or is about to be, in the order of its begin.
    ///
    /// # Errors
    /// [`Error::Remote`] when the server cannot be asked.
    pub fn runs(&self) -> Result<Vec<RunRecord>> {
        let is_over = || false;
        let runs = Session::open_while(self, &is_over)
            .and_then(|mut session| ledger::runs(&mut session))
            .map(|runs| runs.into_iter().map(|(run, _)| run).collect());
        runs.map_err(|failure| failure.into_error("ask", &self.shown))
    }
}

impl Database for Mysql {
    fn address(&self) -> &str {
        self.address()
    }

    fn dialect(&self) -> Dialect {
        Dialect::Mysql
    }

    fn runs(&self) -> Result<Vec<RunRecord>> {
        self.runs()
    }
}

impl System for Mysql {
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

impl fmt::Debug for Mysql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mysql")
            .field("address", &self.shown)
            .finish_non_exhaustive()
    }
}

fn client_options(address: &Address) -> Result<Opts> {
    let password = address.password.as_ref().map(|it| it.reveal().to_owned());
    let options = OptsBuilder::default()
        .ip_or_hostname(address.host.clone())
        .tcp_port(address.port)
        .socket(address.socket.clone())
        // Where the server says that it has one on this machine, it may be on another.
        .prefer_socket(false)
        .user(Some(address.user.clone()))
        .pass(password)
        .db_name(Some(address.database.clone()))
        .tcp_keepalive(Some(KEEPALIVE))
        .ssl_opts(tls::options(address)?);
    Ok(options.into())
}
