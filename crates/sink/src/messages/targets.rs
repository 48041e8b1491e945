//! The plainest queues: a stream of lines, and one that only counts.

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::block::Block;
use super::plan::MessagePlan;
use super::queue::{PartToSend, Queue, Receipt, Sender};
use crate::error::{Error, Result};
use crate::sync::lock;

/// One message a line to standard output or any writer, in the order of the rows. Nothing can be
/// taken back.
pub struct MessageLines {
    name: PathBuf,
    out: Mutex<Box<dyn Write + Send>>,
}

impl MessageLines {
    /// Lines to `out`; `name` stands for it in errors.
    pub fn new(name: impl Into<PathBuf>, out: impl Write + Send + 'static) -> Self {
        Self {
            name: name.into(),
            out: Mutex::new(Box::new(out)),
        }
    }

    /// Standard output.
    pub fn stdout() -> Self {
        Self::new("standard output", io::stdout())
    }
}

impl fmt::Debug for MessageLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageLines")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Queue for MessageLines {
    fn address(&self) -> String {
        self.name.display().to_string()
    }

    fn prepare(&self, _plan: &MessagePlan<'_>) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// One: lines come in order.
    fn most_senders(&self) -> Option<usize> {
        Some(1)
    }

    fn open<'q>(&'q self, _part: PartToSend<'q>) -> Result<Box<dyn Sender + 'q>> {
        Ok(Box::new(Lines {
            to: self,
            receipt: Receipt::default(),
        }))
    }
}

struct Lines<'q> {
    to: &'q MessageLines,
    receipt: Receipt,
}

impl Sender for Lines<'_> {
    fn send(&mut self, block: &Block) -> Result<()> {
        let mut out = lock(&self.to.out);
        out.write_all(block.lines())
            .map_err(Error::io("write to", &self.to.name))?;
        self.receipt.add(block);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Receipt> {
        let mut out = lock(&self.to.out);
        out.flush().map_err(Error::io("write to", &self.to.name))?;
        Ok(self.receipt)
    }

    fn abort(self: Box<Self>) {}
}

/// Counts messages and forgets them: for measuring what making them costs.
#[derive(Debug, Default)]
pub struct Counting {
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl Counting {
    /// A counter at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Messages and bytes of bodies of all finished parts.
    pub fn counted(&self) -> (u64, u64) {
        (
            self.messages.load(Ordering::Relaxed),
            self.bytes.load(Ordering::Relaxed),
        )
    }
}

impl Queue for Counting {
    fn address(&self) -> String {
        "counting".to_owned()
    }

    fn prepare(&self, _plan: &MessagePlan<'_>) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn open<'q>(&'q self, _part: PartToSend<'q>) -> Result<Box<dyn Sender + 'q>> {
        Ok(Box::new(Counter {
            to: self,
            receipt: Receipt::default(),
        }))
    }
}

struct Counter<'q> {
    to: &'q Counting,
    receipt: Receipt,
}

impl Sender for Counter<'_> {
    fn send(&mut self, block: &Block) -> Result<()> {
        self.receipt.add(block);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Receipt> {
        let to = self.to;
        to.messages
            .fetch_add(self.receipt.messages, Ordering::Relaxed);
        to.bytes.fetch_add(self.receipt.bytes, Ordering::Relaxed);
        Ok(self.receipt)
    }

    fn abort(self: Box<Self>) {}
}
