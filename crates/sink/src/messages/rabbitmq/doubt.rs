//! What is done in doubt: what has arrived in a stream is looked up, and the rest is sent again.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use super::connection::Connection;
use super::failure::Failure;
use super::reading::Reading;
use super::sender::{Work, confirming};
use crate::error::{Error, Trouble};
use crate::messages::queue::Before;
use crate::messages::waits::Waits;

impl Work<'_> {
    /// A new connection, on which is looked up what has arrived, and the rest is sent again.
    pub(super) async fn recover(&mut self) -> Result<(), Failure> {
        let until = self.progress + self.queue.patience;
        let (mut is_old, mut waits) = (true, Waits::default());
        loop {
            if is_old || self.connection.is_lost() {
                let link = &self.queue.link;
                let renewed = link.renew(&self.connection, until, self.part.is_over);
                self.connection = renewed.await?;
                is_old = false;
            }
            match self.settle().await {
                Ok(()) => return Ok(()),
                Err(failure) if !failure.is_passing() || Instant::now() >= until => {
                    return Err(failure);
                }
                Err(_) if (self.part.is_over)() => return Err(Failure::Whole(Error::Stopped)),
                Err(_) => waits.next().await,
            }
        }
    }

    async fn settle(&mut self) -> Result<(), Failure> {
        if self.is_stream {
            self.strike_found().await?;
        }
        self.channel = confirming(&self.connection).await?;
        for at in 0..self.flights.len() {
            self.publish(at)?;
        }
        Ok(())
    }

    /// Lets go of messages on their way that stand in the stream.
    async fn strike_found(&mut self) -> Result<(), Failure> {
        let mut open: HashSet<&str> = HashSet::new();
        open.extend(self.flights.iter().map(|flight| flight.id.as_str()));
        let (mut found, mut heard) = (HashSet::new(), 0);
        let name = &self.queue.address.queue;
        let mut reading = Reading::begin(&self.connection, name, self.from).await?;
        while let Some(message) = reading.next().await? {
            let id = message.delivered.id.unwrap_or_default();
            if open.remove(id.as_str()) {
                found.insert(id);
            } else if id.starts_with(&self.mark) {
                heard += 1;
            }
        }
        let is_cut = reading.is_cut;
        reading.close().await;
        if heard < self.there && !is_cut {
            let gone = self.there - heard;
            return Err(Failure::Final(
                Trouble::Other,
                format!(
                    "{gone} messages of this part were acknowledged and are not there: the server \
                     has lost them; the same run again sends them"
                ),
            ));
        }
        if !found.is_empty() {
            self.progress = Instant::now();
        }
        self.there += found.len() as u64;
        self.flights.retain(|flight| !found.contains(&flight.id));
        let bytes = |flight: &super::sender::Flight| flight.body.len() as u64;
        self.bytes_in_flight = self.flights.iter().map(bytes).sum();
        Ok(())
    }
}

/// Where the part begins in the stream, and digests of the ids that an earlier run has left. `end` is an
/// offset that the stream had before this part was opened.
pub(super) async fn left_of(
    name: &str,
    connection: &Arc<Connection>,
    before: Before<'_>,
    end: u64,
    mark: &str,
) -> Result<(u64, HashSet<u128>), Failure> {
    let Before::Begun { position } = before else {
        return Ok((end, HashSet::new()));
    };
    let from = position.and_then(|position| position.parse().ok());
    let mut from = from.unwrap_or(0);
    let mut reading = Reading::begin(connection, name, from).await?;
    if from > reading.end() {
        // A position behind the end is one of another stream, which bore the same name.
        reading.close().await;
        from = 0;
        reading = Reading::begin(connection, name, from).await?;
    }
    let mut known = HashSet::new();
    while let Some(message) = reading.next().await? {
        let id = message.delivered.id;
        if let Some(id) = id.filter(|id| id.starts_with(mark)) {
            known.insert(digest(&id));
        }
    }
    reading.close().await;
    Ok((from, known))
}

/// An id in few bytes: parts can have a million.
pub(super) fn digest(id: &str) -> u128 {
    twox_hash::XxHash3_128::oneshot(id.as_bytes())
}
