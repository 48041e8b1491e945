//! Rows of a part on their way: as the lines of `LOAD DATA LOCAL`, or as the values of `INSERT`.

use std::future::Future;

use futures_util::{StreamExt, stream};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error as ClientError, InfileData, Row};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::failure::{failure_of, has_no_local, of_warning};
use super::session::{Session, cell, is_away};
use crate::databases::failure::Failure;
use crate::databases::load::CHUNK_BYTES;
use crate::databases::wait::wait;
use crate::error::Trouble;

/// Pieces of a part that wait for the line.
const PIECES_WAITING: usize = 2;
/// Warnings that are asked for; one is told.
const WARNINGS: &str = "SHOW WARNINGS LIMIT 1";

/// Rows of a part on their way.
pub(super) enum Part {
    Lines(Lines),
    /// By `INSERT`: the statement as far as its values.
    Values(Values),
}

/// A `LOAD DATA LOCAL` on its way.
pub(super) struct Lines {
    of: Sent,
    pieces: mpsc::Sender<bytes::Bytes>,
    /// Gives the connection back.
    work: JoinHandle<(Conn, Result<Taken, ClientError>)>,
}

/// Statements of one part that each bring some rows.
pub(super) struct Values {
    of: Sent,
    insert: String,
}

/// What is sent, for errors, and how much of it stands.
#[derive(Clone)]
pub(super) struct Sent {
    pub(super) table: String,
    pub(super) first_row: u64,
    rows: u64,
}

/// What the server says of a statement.
#[derive(Clone, Copy)]
struct Taken {
    rows: u64,
    warnings: u16,
}

impl Sent {
    pub(super) fn new(table: &str, first_row: u64) -> Self {
        Self {
            table: table.to_owned(),
            first_row,
            rows: 0,
        }
    }
}

impl Drop for Lines {
    /// The line breaks, and with it the transaction.
    fn drop(&mut self) {
        self.work.abort();
    }
}

impl Session<'_> {
    /// Whether the server takes `LOAD DATA LOCAL`, by one without rows into a table of ours.
    pub(super) fn takes_lines(&mut self, load: &str) -> Result<bool, Failure> {
        let mut conn = self.conn.take().ok_or_else(is_away)?;
        conn.set_infile_handler(async { Ok(stream::empty().boxed() as InfileData) });
        let scrubber = &self.of().scrubber;
        let work = async {
            match conn.query_drop(load).await {
                Ok(()) => Ok(true),
                Err(error) if has_no_local(&error) => Ok(false),
                Err(error) => Err(failure_of(&error, scrubber)),
            }
        };
        let done = wait(&self.of().runtime, Some(self.limit()), self.is_over, work);
        self.conn = Some(conn);
        done
    }

    /// Begins to send rows as lines.
    pub(super) fn begin_lines(&mut self, of: Sent, load: String) -> Result<(), Failure> {
        let mut conn = self.conn.take().ok_or_else(is_away)?;
        let (pieces, waiting) = mpsc::channel(PIECES_WAITING);
        conn.set_infile_handler(async move {
            let next = |mut waiting: mpsc::Receiver<bytes::Bytes>| async move {
                let piece = waiting.recv().await?;
                Some((Ok(piece), waiting))
            };
            Ok(stream::unfold(waiting, next).boxed() as InfileData)
        });
        let work = self.of().runtime.spawn(async move {
            let done = async {
                let done = conn.query_iter(load).await?;
                let taken = Taken {
                    rows: done.affected_rows(),
                    warnings: done.warnings(),
                };
                done.drop_result().await?;
                Ok(taken)
            };
            let done = done.await;
            (conn, done)
        });
        self.part = Some(Part::Lines(Lines { of, pieces, work }));
        Ok(())
    }

    /// Begins to send rows as values.
    pub(super) fn begin_values(&mut self, of: Sent, insert: String) {
        self.part = Some(Part::Values(Values { of, insert }));
    }

    /// Sends rows; waits while as many bytes are on their way as the line takes.
    pub(super) fn feed(&mut self, chunk: Vec<u8>) -> Result<(), Failure> {
        match self.part.take().ok_or_else(is_away)? {
            Part::Lines(lines) => self.feed_lines(lines, chunk),
            Part::Values(values) => self.feed_values(values, &chunk),
        }
    }

    fn feed_lines(&mut self, lines: Lines, chunk: Vec<u8>) -> Result<(), Failure> {
        let mut rest = bytes::Bytes::from(chunk);
        while !rest.is_empty() {
            // A row that is wider than a message may be goes in several.
            let piece = rest.split_to(rest.len().min(2 * CHUNK_BYTES));
            let sent = async { Ok(lines.pieces.send(piece).await.is_ok()) };
            if !wait(&self.of().runtime, Some(self.limit()), self.is_over, sent)? {
                // The server has ended before the rows: it says why.
                self.end_lines(lines)?;
                let text = "the server has ended before the rows";
                return Err(Failure::Final(Trouble::Other, text.to_owned()));
            }
        }
        self.part = Some(Part::Lines(lines));
        Ok(())
    }

    fn feed_values(&mut self, mut values: Values, chunk: &[u8]) -> Result<(), Failure> {
        let mut sql = values.insert.clone().into_bytes();
        sql.extend_from_slice(chunk);
        let mut conn = self.conn.take().ok_or_else(is_away)?;
        let work = async {
            let done = conn.query_iter(sql).await?;
            let taken = Taken {
                rows: done.affected_rows(),
                warnings: done.warnings(),
            };
            done.drop_result().await?;
            Ok(taken)
        };
        let done = self.wait_in(&values.of, work);
        self.conn = Some(conn);
        let taken = done?;
        self.check_warnings(&values.of, taken)?;
        values.of.rows += taken.rows;
        self.part = Some(Part::Values(values));
        Ok(())
    }

    /// Ends what was sent. How many rows the server has taken.
    pub(super) fn end(&mut self) -> Result<u64, Failure> {
        match self.part.take().ok_or_else(is_away)? {
            Part::Lines(lines) => self.end_lines(lines),
            Part::Values(values) => Ok(values.of.rows),
        }
    }

    fn end_lines(&mut self, mut lines: Lines) -> Result<u64, Failure> {
        let of = lines.of.clone();
        // No more pieces: an end for the server.
        let (closed, _) = mpsc::channel(1);
        lines.pieces = closed;
        let work = &mut lines.work;
        let ended = async { work.await.map_err(|_| Failure::silent()) };
        let ended = wait(&self.of().runtime, Some(self.limit()), self.is_over, ended);
        let (conn, done) = ended?;
        self.conn = Some(conn);
        let taken = done.map_err(|error| self.told(&of, &error))?;
        self.check_warnings(&of, taken)?;
        Ok(taken.rows)
    }

    /// Any warning fails the part: with `LOCAL` the server turns errors into warnings, whatever its
    /// mode.
    fn check_warnings(&mut self, of: &Sent, taken: Taken) -> Result<(), Failure> {
        if taken.warnings == 0 {
            return Ok(());
        }
        let mut conn = self.conn.take().ok_or_else(is_away)?;
        // Not prepared: that would be a statement without warnings.
        let asked = self.wait(Some(self.limit()), conn.query::<Row, _>(WARNINGS));
        self.conn = Some(conn);
        let (code, message): (u16, String) = match asked?.first() {
            Some(row) => (cell(row, 1)?, cell(row, 2)?),
            None => (0, "a warning".to_owned()),
        };
        let place = (of.table.as_str(), of.first_row, of.rows);
        let more = u64::from(taken.warnings) - 1;
        Err(of_warning(
            place,
            (code, &message),
            more,
            &self.of().scrubber,
        ))
    }

    /// What a statement that sends rows failed with, with its row.
    fn told(&self, of: &Sent, error: &ClientError) -> Failure {
        if let ClientError::Server(answer) = error
            && let failure @ Failure::Whole(_) = of_warning(
                (&of.table, of.first_row, of.rows),
                (answer.code, &answer.message),
                0,
                &self.of().scrubber,
            )
        {
            return failure;
        }
        failure_of(error, &self.of().scrubber)
    }

    fn wait_in<T>(
        &self,
        of: &Sent,
        work: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, Failure> {
        let work = async { work.await.map_err(|error| self.told(of, &error)) };
        wait(&self.of().runtime, Some(self.limit()), self.is_over, work)
    }
}
