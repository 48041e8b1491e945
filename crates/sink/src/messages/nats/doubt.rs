//! What is done in doubt: what has arrived is looked up in the stream, and the rest is sent again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use async_nats::jetstream::stream::Info;
use tokio::time::sleep;

use super::connection::Connection;
use super::failure::Failure;
use super::reading::Reading;
use super::sender::{Line, State, Work};
use super::{NatsQueue, PAUSE, stream};
use crate::error::{Error, Trouble};
use crate::messages::queue::Before;

impl Work<'_> {
    /// A new connection, on which is looked up what has arrived, and the rest is sent again.
    pub(super) async fn recover(&mut self) -> Result<(), Failure> {
        let until = self.progress + self.queue.patience;
        let mut connection = Arc::clone(&self.line.connection);
        let mut is_old = true;
        loop {
            if is_old || connection.is_lost() {
                let link = &self.queue.link;
                connection = link.renew(&connection, until, self.part.is_over).await?;
                is_old = false;
            }
            let settled = match Line::try_new(Arc::clone(&connection)).await {
                Ok(line) => {
                    self.line = line;
                    self.settle().await
                }
                Err(failure) => Err(failure),
            };
            match settled {
                Ok(()) => {
                    self.quiet = Instant::now();
                    return Ok(());
                }
                Err(failure) if !failure.is_passing() || Instant::now() >= until => {
                    return Err(failure);
                }
                Err(_) if (self.part.is_over)() => return Err(Failure::Whole(Error::Stopped)),
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    async fn settle(&mut self) -> Result<(), Failure> {
        let connection = Arc::clone(&self.line.connection);
        let info = self.queue.look(&connection).await?;
        let mut open: HashMap<String, usize> = HashMap::new();
        for (at, flight) in self.flights.iter().enumerate() {
            if flight.state != State::There {
                open.insert(flight.id.clone(), at);
            }
        }
        let (mut found, mut all, mut last) = (Vec::new(), 0, self.last);
        let subject = &self.queue.address.subject;
        let mut reading = Reading::begin(&connection, &info, subject, self.from, true).await?;
        while let Some(message) = reading.next().await? {
            let id = message.id.unwrap_or_default();
            if !id.starts_with(&self.mark) {
                continue;
            }
            all += 1;
            if let Some(at) = open.remove(&id) {
                found.push(at);
                last = last.max(message.sequence);
            }
        }
        reading.end().await;
        // Beside those that nobody had heard of.
        let heard = all - found.len() as u64;
        if heard < self.there && !stream::drops(&info) && self.had.is_empty() {
            let gone = self.there - heard;
            return Err(Failure::Final(
                Trouble::Other,
                format!(
                    "{gone} messages of this part were acknowledged and are not there: the server \
                     has lost them; the same run again sends them"
                ),
            ));
        }
        self.last = last;
        // From the last on: what is in front moves the others.
        found.sort_unstable();
        for at in found.into_iter().rev() {
            self.is_there(at);
        }
        self.is_refused = false;
        for at in 0..self.flights.len() {
            let flight = &mut self.flights[at];
            if flight.state != State::There {
                (flight.state, flight.is_again) = (State::Sent, true);
                self.insist(at).await?;
            }
        }
        Ok(())
    }

    /// Hands a message to a new connection.
    async fn insist(&mut self, at: usize) -> Result<(), Failure> {
        loop {
            match self.hand_over(at).await {
                Ok(true) => return Ok(()),
                Ok(false) if self.line.connection.is_lost() => return Err(Failure::lost()),
                Ok(false) if (self.part.is_over)() => {
                    return Err(Failure::Whole(Error::Stopped));
                }
                Ok(false) if self.progress.elapsed() > self.queue.patience => {
                    return Err(Failure::silent());
                }
                Ok(false) => {}
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Proves what the server said it had before: it remembers ids of messages that somebody has
    /// deleted since, too.
    pub(super) async fn check_had(&mut self) -> Result<(), Failure> {
        let until = Instant::now() + self.queue.patience;
        let count = self.had.len() as u64;
        while !self.had.is_empty() {
            let (connection, info) = self.queue.ask(self.part.is_over).await?;
            match self.strike_had(&connection, &info).await {
                Ok(()) if self.had.is_empty() => {}
                Ok(()) => {
                    let missing = self.had.len();
                    return Err(Failure::Final(
                        Trouble::Other,
                        format!(
                            "the stream drops {missing} messages as known within its duplicate \
                             window, and does not hold them under this subject: wait until it is \
                             over, or send to another stream"
                        ),
                    ));
                }
                Err(failure) if !failure.is_passing() || Instant::now() >= until => {
                    return Err(failure);
                }
                Err(_) => sleep(PAUSE).await,
            }
        }
        self.receipt.found += count;
        Ok(())
    }

    async fn strike_had(
        &mut self,
        connection: &Arc<Connection>,
        info: &Info,
    ) -> Result<(), Failure> {
        let subject = &self.queue.address.subject;
        let after = self.had_from.saturating_sub(1);
        let mut reading = Reading::begin(connection, info, subject, after, true).await?;
        while let Some(message) = reading.next().await? {
            if let Some(id) = message.id {
                self.had.remove(&id);
            }
        }
        reading.end().await;
        Ok(())
    }
}

/// Where the part begins in the stream, and digests of the ids that an earlier run has left.
pub(super) async fn left_of(
    queue: &NatsQueue,
    connection: &Arc<Connection>,
    info: &Info,
    before: Before<'_>,
    mark: &str,
) -> Result<(u64, HashSet<u128>), Failure> {
    let last = info.state.last_sequence;
    let Before::Begun { position } = before else {
        return Ok((last, HashSet::new()));
    };
    // A position behind the end is one of another stream, which bore the same name.
    let from = position.and_then(|position| position.parse().ok());
    let from = from.filter(|from| *from <= last).unwrap_or(0);
    let mut known = HashSet::new();
    let subject = &queue.address.subject;
    let mut reading = Reading::begin(connection, info, subject, from, true).await?;
    while let Some(message) = reading.next().await? {
        if let Some(id) = message.id.filter(|id| id.starts_with(mark)) {
            known.insert(digest(&id));
        }
    }
    reading.end().await;
    Ok((from, known))
}

/// An id in few bytes: parts can have a million.
pub(super) fn digest(id: &str) -> u128 {
    twox_hash::XxHash3_128::oneshot(id.as_bytes())
}
