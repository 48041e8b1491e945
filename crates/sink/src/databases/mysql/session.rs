//! A connection at work: every wait has an end, and can be ended from outside.

use std::future::Future;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error as ClientError, OptsBuilder, Params, Row, SslOpts};
use tokio::time::timeout;

use super::failure::{failure_of, has_no_tls};
use super::sending::Part;
use super::{CONNECT_WITHIN, Mysql};
use crate::databases::database::IsOver;
use crate::databases::failure::Failure;
use crate::databases::wait::wait;
use crate::error::{Error, Trouble};

/// The longest that the server is given to hear that a statement is not wanted any more.
const KILL_WITHIN: Duration = Duration::from_secs(5);
/// Seconds after which the server takes a line on which nothing comes for lost: its own answer is half
/// a minute for rows that are sent, and eight hours for a transaction that waits.
const LINE_SECONDS: u64 = 600;
/// A connection, its transaction, and who may end its waits.
pub(super) struct Session<'p> {
    of: &'p Mysql,
    /// Away while rows are on their way.
    pub(super) conn: Option<Conn>,
    pub(super) is_over: &'p IsOver<'p>,
    /// Rows of a part on their way.
    pub(super) part: Option<Part>,
}

impl<'p> Session<'p> {
    /// Connects, once. Waits of the session end when `is_over` says so.
    pub(super) fn open_while(of: &'p Mysql, is_over: &'p IsOver<'p>) -> Result<Self, Failure> {
        let connecting = async {
            let conn = connect(of).await;
            conn.map_err(|error| failure_of(&error, &of.scrubber))
        };
        let conn = wait(&of.runtime, Some(2 * CONNECT_WITHIN), is_over, connecting)?;
        let mut session = Self {
            of,
            conn: Some(conn),
            is_over,
            part: None,
        };
        session.settle()?;
        Ok(session)
    }

    /// Settings that make an answer the same whatever the server's are.
    fn settle(&mut self) -> Result<(), Failure> {
        let patience = self.of.patience.as_secs().max(1);
        self.run(&format!(
            // Nothing is cut, rounded or replaced in silence, and a zero stays one in a column that
            // counts by itself.
            "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_ZERO_DATE,\
             NO_ZERO_IN_DATE,NO_AUTO_VALUE_ON_ZERO', autocommit = 1, time_zone = '+00:00', \
             character_set_results = 'utf8mb4', foreign_key_checks = 1, unique_checks = 1, \
             lock_wait_timeout = {patience}, innodb_lock_wait_timeout = {patience}, \
             net_read_timeout = {LINE_SECONDS}, net_write_timeout = {LINE_SECONDS}"
        ))?;
        // The one that every form of binary log takes.
        self.run("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    }

    /// A worker's session never rests: a transaction of a line that was lost ends soon.
    pub(super) fn never_rests(&mut self) -> Result<(), Failure> {
        self.run(&format!("SET SESSION wait_timeout = {LINE_SECONDS}"))
    }

    /// The first session of a run rests as long as others work, and holds the plan's lock meanwhile.
    pub(super) fn may_rest(&mut self) -> Result<(), Failure> {
        self.run("SET SESSION wait_timeout = 31536000")
    }

    pub(super) fn of(&self) -> &'p Mysql {
        self.of
    }

    /// Whether somebody wants the work to end.
    pub(super) fn is_over(&self) -> bool {
        (self.is_over)()
    }

    /// Runs a statement whose rows are not wanted, and which may take long.
    pub(super) fn run_long(&mut self, sql: &str) -> Result<(), Failure> {
        let mut conn = self.conn.take().ok_or_else(is_away)?;
        let id = conn.id();
        let done = self.wait(None, conn.query_drop(sql));
        if matches!(done, Err(Failure::Whole(Error::Stopped))) {
            self.kill(id);
        }
        self.conn = Some(conn);
        done
    }

    /// Ends what a connection does. Where the server does not hear it, it ends by itself, and finds
    /// nobody.
    fn kill(&self, id: u32) {
        let killing = async {
            let mut conn = connect(self.of).await?;
            conn.query_drop(format!("KILL {id}")).await
        };
        let _ = self
            .of
            .runtime
            .block_on(async { timeout(KILL_WITHIN, killing).await });
    }

    /// Runs a statement whose rows are not wanted.
    pub(super) fn run(&mut self, sql: &str) -> Result<(), Failure> {
        let mut conn = self.conn.take().ok_or_else(is_away)?;
        let done = self.wait(Some(self.limit()), conn.query_drop(sql));
        self.conn = Some(conn);
        done
    }

    /// Runs one statement. How many rows it has changed.
    pub(super) fn execute(&mut self, sql: &str, values: impl Into<Params>) -> Result<u64, Failure> {
        let mut conn = self.conn.take().ok_or_else(is_away)?;
        let values = values.into();
        let work = async {
            let done = conn.exec_iter(sql, values).await?;
            let changed = done.affected_rows();
            done.drop_result().await?;
            Ok(changed)
        };
        let done = self.wait(Some(self.limit()), work);
        self.conn = Some(conn);
        done
    }

    /// Asks for a few rows.
    pub(super) fn ask(
        &mut self,
        sql: &str,
        values: impl Into<Params>,
    ) -> Result<Vec<Row>, Failure> {
        let mut conn = self.conn.take().ok_or_else(is_away)?;
        let done = self.wait(Some(self.limit()), conn.exec(sql, values.into()));
        self.conn = Some(conn);
        done
    }

    /// The same, where the answer may take long.
    pub(super) fn ask_long(&mut self, sql: &str) -> Result<Vec<Row>, Failure> {
        let mut conn = self.conn.take().ok_or_else(is_away)?;
        let id = conn.id();
        let done = self.wait(None, conn.exec(sql, ()));
        if matches!(done, Err(Failure::Whole(Error::Stopped))) {
            self.kill(id);
        }
        self.conn = Some(conn);
        done
    }

    /// The first value of the first row; nothing for a null.
    pub(super) fn ask_one(
        &mut self,
        sql: &str,
        values: impl Into<Params>,
    ) -> Result<Option<i64>, Failure> {
        let rows = self.ask(sql, values)?;
        rows.first().map_or(Ok(None), |row| cell(row, 0))
    }

    /// Reads rows; each goes to `take`, as far as the next ones are there already.
    pub(super) fn read(
        &mut self,
        sql: &str,
        take: &mut dyn FnMut(Row) -> Result<(), Error>,
    ) -> Result<(), Failure> {
        let mut conn = self.conn.take().ok_or_else(is_away)?;
        let (limit, is_over, runtime) = (self.limit(), self.is_over, &self.of.runtime);
        let told = |error: ClientError| failure_of(&error, &self.of.scrubber);
        let begun = async { conn.exec_iter(sql, ()).await.map_err(told) };
        let mut rows = wait(runtime, Some(limit), is_over, begun)?;
        loop {
            let some = async {
                let mut some = Vec::with_capacity(ROWS_AT_ONCE);
                while some.len() < ROWS_AT_ONCE {
                    match rows.next().await.map_err(told)? {
                        Some(row) => some.push(row),
                        None => return Ok((some, true)),
                    }
                }
                Ok((some, false))
            };
            let (some, is_end) = wait(runtime, Some(limit), is_over, some)?;
            for row in some {
                take(row).map_err(Failure::Whole)?;
            }
            if is_end {
                break;
            }
        }
        drop(rows);
        self.conn = Some(conn);
        Ok(())
    }

    pub(super) fn limit(&self) -> Duration {
        // A lock may take the whole of the patience, and is told by the server then.
        self.of.patience + CONNECT_WITHIN
    }

    pub(super) fn wait<T>(
        &self,
        within: Option<Duration>,
        work: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, Failure> {
        let scrubber = &self.of.scrubber;
        let work = async { work.await.map_err(|error| failure_of(&error, scrubber)) };
        wait(&self.of.runtime, within, self.is_over, work)
    }
}

/// Connects; without TLS where that will do, and the server has none.
async fn connect(of: &Mysql) -> Result<Conn, ClientError> {
    match Conn::new(of.options.clone()).await {
        Err(error) if of.may_do_without_tls && has_no_tls(&error) => {
            let plain = OptsBuilder::from_opts(of.options.clone()).ssl_opts(None::<SslOpts>);
            Conn::new(plain).await
        }
        done => done,
    }
}

/// Rows that are waited for at once: a wait for each would cost more than the row.
const ROWS_AT_ONCE: usize = 256;

/// A cell of an answer.
pub(super) fn cell<T: mysql_async::prelude::FromValue>(row: &Row, at: usize) -> Result<T, Failure> {
    let unasked = || Failure::Final(Trouble::Other, "the server's answer is none".to_owned());
    row.get_opt(at).ok_or_else(unasked)?.map_err(|_| unasked())
}

/// The connection is at other work, or has broken within it.
pub(super) fn is_away() -> Failure {
    let text = "the connection is at other work";
    Failure::Final(Trouble::Other, text.to_owned())
}
