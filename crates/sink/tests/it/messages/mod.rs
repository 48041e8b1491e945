//! Rows as messages: grouping, names, files, ledgers.

mod budget;
mod files;
mod grouping;
#[cfg(unix)]
mod kill;
mod ledger;
mod modulo;
mod verify;

use std::sync::{Mutex, PoisonError};

use arrow_array::RecordBatch;
use lakeseed_sink::Result;
use lakeseed_sink::messages::{
    Before, Block, MessagePlan, MessageSettings, PartToSend, Queue, Receipt, Sender,
};
use serde_json::value::RawValue;

use crate::support::ragged;

/// A message as somebody else sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) part: usize,
    pub(crate) id: String,
    pub(crate) body: Vec<u8>,
    pub(crate) rows: u64,
}

impl Seen {
    /// The rows as texts, by another crate's parser.
    pub(crate) fn rows(&self) -> Vec<String> {
        let rows: Vec<&RawValue> = serde_json::from_slice(&self.body).unwrap();
        rows.iter().map(|row| row.get().to_owned()).collect()
    }
}

/// A plan of the rows of a batch, which come in pieces of random sizes.
pub(crate) fn plan_of(
    batch: &RecordBatch,
    cut: u64,
    settings: MessageSettings,
) -> Result<MessagePlan<'static>> {
    let rows = batch.num_rows() as u64;
    MessagePlan::builder("pets")
        .data_id("test")
        .settings(settings)
        .source(ragged(batch, cut), 0..rows)
        .build()
}

/// All messages of a plan, in order.
pub(crate) fn all_of(plan: &MessagePlan<'_>) -> Result<Vec<Seen>> {
    let mut seen = Vec::new();
    for part in 0..plan.parts().len() {
        plan.messages(part, &mut |block| {
            seen.extend(taken(block));
            Ok(())
        })?;
    }
    Ok(seen)
}

fn taken(block: &Block) -> Vec<Seen> {
    let messages = block.messages();
    let seen = messages.map(|message| Seen {
        part: block.part(),
        id: message.id().to_string(),
        body: message.body().to_vec(),
        rows: message.rows(),
    });
    seen.collect()
}

/// A queue in memory that knows the names of what it holds, and fails when it is told to.
#[derive(Default)]
pub(crate) struct Shelf {
    pub(crate) held: Mutex<Vec<Seen>>,
    /// Parts that were begun before.
    pub(crate) again: Mutex<Vec<(usize, Option<String>)>>,
    /// How many messages it still takes; any number where nothing is set.
    pub(crate) room: Option<usize>,
}

impl Shelf {
    pub(crate) fn held(&self) -> Vec<Seen> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.clone()
    }
}

impl Queue for Shelf {
    fn address(&self) -> String {
        "shelf".to_owned()
    }

    fn prepare(&self, _plan: &MessagePlan<'_>) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn position(&self) -> Result<Option<String>> {
        Ok(Some(self.held().len().to_string()))
    }

    fn open<'q>(&'q self, part: PartToSend<'q>) -> Result<Box<dyn Sender + 'q>> {
        if let Before::Begun { position } = part.before {
            let mut again = self.again.lock().unwrap();
            again.push((part.part, position.map(str::to_owned)));
        }
        Ok(Box::new(Hand {
            shelf: self,
            receipt: Receipt::default(),
        }))
    }
}

struct Hand<'s> {
    shelf: &'s Shelf,
    receipt: Receipt,
}

impl Sender for Hand<'_> {
    fn send(&mut self, block: &Block) -> Result<()> {
        let mut held = self.shelf.held.lock().unwrap();
        for message in taken(block) {
            if held.iter().any(|known| known.id == message.id) {
                self.receipt.found += 1;
            } else {
                if self.shelf.room.is_some_and(|room| held.len() >= room) {
                    return Err(lakeseed_sink::Error::Remote {
                        action: "write to",
                        address: self.shelf.address(),
                        trouble: lakeseed_sink::Trouble::Full,
                        source: "no room".into(),
                    });
                }
                held.push(message);
            }
        }
        self.receipt.add(block);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Receipt> {
        Ok(self.receipt)
    }

    fn abort(self: Box<Self>) {}
}
