//! Messages on their way: many in one piece of memory.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::id::MessageId;

/// Messages of one part that follow each other, rendered into one piece of memory.
///
/// Cloning and slicing copy nothing: a queue may keep bodies until they are acknowledged. The memory
/// of a block is used again when nobody has a hand on it.
#[derive(Debug, Clone)]
pub struct Block {
    pub(super) plan: Arc<str>,
    pub(super) part: usize,
    /// The number of the first message within the part.
    pub(super) first: u64,
    /// Bodies, each with a line's end behind it.
    pub(super) text: Bytes,
    pub(super) messages: Vec<Placed>,
}

/// Where a message stands in its block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) start: usize,
    /// Behind the body, where its line's end stands.
    pub(super) end: usize,
    pub(super) rows: u64,
}

/// One message of a block.
#[derive(Debug, Clone, Copy)]
pub struct Message<'b> {
    block: &'b Block,
    at: usize,
}

impl Block {
    /// The part of the plan that the messages are of, by its position.
    pub fn part(&self) -> usize {
        self.part
    }

    /// How many messages there are: at least one.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether there are none, which no block that a sender gets is.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Rows in all messages.
    pub fn rows(&self) -> u64 {
        self.messages.iter().map(|message| message.rows).sum()
    }

    /// Bytes of all bodies.
    pub fn body_bytes(&self) -> u64 {
        let bytes = |message: &Placed| (message.end - message.start) as u64;
        self.messages.iter().map(bytes).sum()
    }

    /// The messages, in order.
    pub fn messages(&self) -> impl Iterator<Item = Message<'_>> {
        (0..self.len()).map(|at| Message { block: self, at })
    }

    /// All bodies as lines: one message a line, each with its line's end. No body has a line's end
    /// within.
    pub fn lines(&self) -> &[u8] {
        match (self.messages.first(), self.messages.last()) {
            (Some(first), Some(last)) => &self.text[first.start..=last.end],
            _ => &[],
        }
    }

    /// Some of the messages, by their positions in the block, without a copy.
    #[must_use]
    pub fn slice(&self, messages: Range<usize>) -> Self {
        Self {
            plan: Arc::clone(&self.plan),
            part: self.part,
            first: self.first + messages.start as u64,
            text: self.text.clone(),
            messages: self.messages[messages].to_vec(),
        }
    }
}

impl<'b> Message<'b> {
    fn placed(&self) -> Placed {
        self.block.messages[self.at]
    }

    /// Its number within the part, from 0.
    pub fn number(&self) -> u64 {
        self.block.first + self.at as u64
    }

    /// How many rows it holds.
    pub fn rows(&self) -> u64 {
        self.placed().rows
    }

    /// The body: a JSON array of objects.
    pub fn body(&self) -> &'b [u8] {
        let placed = self.placed();
        &self.block.text[placed.start..placed.end]
    }

    /// The body, without a copy, for as long as somebody wants it.
    pub fn shared_body(&self) -> Bytes {
        let placed = self.placed();
        self.block.text.slice(placed.start..placed.end)
    }

    /// Its name. Works it out anew each time: the body is digested.
    pub fn id(&self) -> MessageId {
        MessageId::new(
            &self.block.plan,
            self.block.part,
            self.number(),
            self.body(),
        )
    }
}
