//! A connection at work: every wait has an end, and can be ended from outside.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::try_join;
use futures_util::{SinkExt, Stream, StreamExt};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, CopyInSink, CopyOutStream, Row, Statement};

use super::failure::failure_of;
use super::line::Line;
use super::{CONNECT_WITHIN, Postgres};
use crate::databases::database::IsOver;
use crate::databases::ddl::Dialect;
use crate::databases::failure::Failure;
use crate::error::{Error, Trouble};

/// The longest that the server is given to hear that a statement is not wanted any more.
const CANCEL_WITHIN: Duration = Duration::from_secs(5);

/// A connection, its transaction, and who may end its waits.
pub(super) struct Session<'p> {
    of: &'p Postgres,
    client: Client,
    /// The schema in which tables are made and looked for.
    schema: String,
    is_over: &'p IsOver<'p>,
    /// Rows of a part on their way.
    pub(super) copy: Option<CopyIn>,
    /// What each part says anew, by its words: understood by the server once.
    prepared: HashMap<String, Statement>,
    /// The last to go.
    line: Line,
}

/// A `COPY … FROM STDIN` on its way.
pub(super) type CopyIn = Pin<Box<CopyInSink<Bytes>>>;

type Asked<T> = Result<T, tokio_postgres::Error>;

impl<'p> Session<'p> {
    /// Connects, once, with waits that nobody ends.
    pub(super) fn open(of: &'p Postgres) -> Result<Self, Failure> {
        Self::open_while(of, &|| false)
    }

    /// Connects, once. Waits of the session end when `is_over` says so.
    pub(super) fn open_while(of: &'p Postgres, is_over: &'p IsOver<'p>) -> Result<Self, Failure> {
        let mut line = Line::new()?;
        let within = Some(2 * CONNECT_WITHIN);
        let connecting = of.config.connect(of.tls.clone());
        let (client, connection) = waited(of, &line, within, is_over, connecting)?;
        line.carry(connection);
        let mut session = Self {
            of,
            client,
            schema: String::new(),
            is_over,
            copy: None,
            prepared: HashMap::new(),
            line,
        };
        session.settle()?;
        Ok(session)
    }

    /// Settings that make an answer the same whatever the server's are.
    fn settle(&mut self) -> Result<(), Failure> {
        let patience_ms = self.of.patience.as_millis().max(1);
        self.run(&format!(
            "SET lock_timeout = {patience_ms}; SET statement_timeout = 0; \
             SET client_encoding = 'UTF8'"
        ))?;
        let rows = self.ask("SELECT current_schema()::text", &[])?;
        let schema: Option<String> = first(&rows)?;
        self.schema = schema.ok_or_else(|| {
            Failure::Final(
                Trouble::Missing,
                "there is no current schema to make tables in; name one by \
                 ?options=-csearch_path%3DNAME"
                    .to_owned(),
            )
        })?;
        // The catalogue is looked into first: a table of ours called `text` is no type then.
        let schema = Dialect::Postgres.quote(&self.schema);
        self.run(&format!("SET search_path = {schema}"))
    }

    pub(super) fn address(&self) -> &'p str {
        self.of.address()
    }

    pub(super) fn schema(&self) -> &str {
        &self.schema
    }

    /// Whether somebody wants the work to end.
    pub(super) fn is_over(&self) -> bool {
        (self.is_over)()
    }

    /// Runs statements that give no rows, one of which may take long.
    pub(super) fn run_long(&self, sql: &str) -> Result<(), Failure> {
        self.wait(None, self.client.batch_execute(sql))
    }

    /// Runs statements that give no rows.
    pub(super) fn run(&self, sql: &str) -> Result<(), Failure> {
        self.wait(Some(self.limit()), self.client.batch_execute(sql))
    }

    /// Runs one statement. How many rows it has changed.
    pub(super) fn execute(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, Failure> {
        self.wait(Some(self.limit()), self.client.execute(sql, values))
    }

    /// Asks for a few rows.
    pub(super) fn ask(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Failure> {
        self.wait(Some(self.limit()), self.client.query(sql, values))
    }

    /// Runs a statement that will come again. How many rows it has changed.
    pub(super) fn execute_again(
        &mut self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, Failure> {
        let statement = self.prepared(sql)?;
        self.wait(Some(self.limit()), self.client.execute(&statement, values))
    }

    /// Begins a transaction and in it to send rows, in one trip to the server.
    pub(super) fn begin_copy(&mut self, sql: &str) -> Result<CopyIn, Failure> {
        let statement = self.prepared(sql)?;
        let begin = self.client.batch_execute("BEGIN");
        let both = try_join(begin, self.client.copy_in(&statement));
        let ((), sink) = self.wait(Some(self.limit()), both)?;
        Ok(Box::pin(sink))
    }

    fn prepared(&mut self, sql: &str) -> Result<Statement, Failure> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.wait(Some(self.limit()), self.client.prepare(sql))?;
        self.prepared.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// Sends bytes; waits while as many are on their way as the line takes.
    pub(super) fn feed(&self, copy: &mut CopyIn, bytes: Vec<u8>) -> Result<(), Failure> {
        let sent = async {
            copy.feed(Bytes::from(bytes)).await?;
            Line::push().await;
            Ok(())
        };
        self.wait(Some(self.limit()), sent)
    }

    /// Ends what was sent. How many rows the server has taken.
    pub(super) fn finish(&self, mut copy: CopyIn) -> Result<u64, Failure> {
        self.wait(Some(self.limit()), copy.as_mut().finish())
    }

    /// Reads rows; each message goes to `take`.
    pub(super) fn copy_out(
        &self,
        sql: &str,
        take: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Failure> {
        let stream: CopyOutStream = self.wait(Some(self.limit()), self.client.copy_out(sql))?;
        let mut stream = Box::pin(stream);
        loop {
            let (messages, is_end) = self.wait(Some(self.limit()), some(stream.as_mut()))?;
            for message in messages {
                take(&message).map_err(Failure::Whole)?;
            }
            if is_end {
                return Ok(());
            }
        }
    }

    fn limit(&self) -> Duration {
        // A lock may take the whole of the patience, and is told by the server then.
        self.of.patience + CONNECT_WITHIN
    }

    fn wait<T>(
        &self,
        within: Option<Duration>,
        work: impl Future<Output = Asked<T>>,
    ) -> Result<T, Failure> {
        let done = waited(self.of, &self.line, within, self.is_over, work);
        if matches!(done, Err(Failure::Whole(Error::Stopped))) {
            let cancel = self.client.cancel_token();
            let cancelled = cancel.cancel_query(self.of.tls.clone());
            // Where it does not hear it, it ends the statement by itself, and finds nobody.
            let _ = waited(
                self.of,
                &self.line,
                Some(CANCEL_WITHIN),
                &|| false,
                cancelled,
            );
        }
        done
    }
}

/// The first value of the first row.
pub(super) fn first<T>(rows: &[Row]) -> Result<T, Failure>
where
    T: for<'r> tokio_postgres::types::FromSql<'r>,
{
    let unasked = |text: &str| Failure::Final(Trouble::Other, text.to_owned());
    let row = rows.first().ok_or_else(|| unasked("no row came back"))?;
    row.try_get(0).map_err(|error| unasked(&error.to_string()))
}

/// The next message, those that are there already, and whether they are the last. A wait for each row
/// would cost more than the row.
async fn some(mut stream: Pin<&mut CopyOutStream>) -> Asked<(Vec<Bytes>, bool)> {
    const MOST: usize = 1_024;
    let mut messages = Vec::new();
    while messages.len() < MOST {
        let next = if messages.is_empty() {
            stream.next().await
        } else {
            let ready = std::future::poll_fn(|context| {
                std::task::Poll::Ready(match stream.as_mut().poll_next(context) {
                    std::task::Poll::Ready(next) => Some(next),
                    std::task::Poll::Pending => None,
                })
            });
            match ready.await {
                Some(next) => next,
                None => break,
            }
        };
        match next {
            None => return Ok((messages, true)),
            Some(Ok(message)) => messages.push(message),
            Some(Err(error)) => return Err(error),
        }
    }
    Ok((messages, false))
}

fn waited<T>(
    of: &Postgres,
    line: &Line,
    within: Option<Duration>,
    is_over: &IsOver<'_>,
    work: impl Future<Output = Asked<T>>,
) -> Result<T, Failure> {
    let told = async { work.await.map_err(|error| failure_of(&error, &of.scrubber)) };
    line.wait(within, is_over, told)
}
