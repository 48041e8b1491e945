//! Where messages go: the seam behind which a broker, a file or a counter stands.
//!
//! ```text
//! prepare, once -> position, before each part -> open -> send, send ... -> finish: proven
//!                                                                      \-> abort: nothing is said
//! ```
//! Calls block. A queue that speaks to a network runs its transfers on threads of its own, and a
//! sender waits where too many bytes are on their way.

use super::block::Block;
use super::plan::MessagePlan;
use super::read_back::AllDelivered;
use super::settings::DEFAULT_MESSAGE_BYTES;
use crate::error::Result;

/// Where messages go.
pub trait Queue: Send + Sync {
    /// The place for people and logs, without credentials: `nats://host:4222/subject`. The ledger is
    /// bound to it.
    fn address(&self) -> String;

    /// Proves, before any work, that messages of this plan can be sent here: the place is there, the
    /// credentials are good, the largest message fits. Returns a line for each setting of the other
    /// side that weakens what is promised.
    ///
    /// # Errors
    /// [`Error::Remote`](crate::Error::Remote) for what is missing or not allowed,
    /// [`Error::Invalid`](crate::Error::Invalid) where the plan's largest message would not fit.
    fn prepare(&self, plan: &MessagePlan<'_>) -> Result<Vec<String>>;

    /// Where the queue stands now, in its own words, where it has such a thing (a stream's last
    /// sequence). It is written down before a part is begun: all messages of the part come behind it.
    ///
    /// # Errors
    /// When the queue cannot be asked.
    fn position(&self) -> Result<Option<String>> {
        Ok(None)
    }

    /// A line for each thing that is promised no longer of parts that an earlier run has begun and not
    /// ended, by where the queue stood when each was begun. It is asked once, after [`Self::prepare`].
    fn warn_of_begun(&self, _begun: &[Option<&str>]) -> Vec<String> {
        Vec::new()
    }

    /// The most bytes of a message where nobody says how many: what places of this kind take unless
    /// somebody has narrowed one.
    fn usual_message_bytes(&self) -> u64 {
        DEFAULT_MESSAGE_BYTES
    }

    /// The most memory that one open sender holds, in bytes: messages in flight, buffers.
    fn sender_bytes(&self) -> u64 {
        0
    }

    /// How many senders may be open at once; `None` for any number.
    fn most_senders(&self) -> Option<usize> {
        None
    }

    /// A sender for one part. Parts are sent side by side.
    ///
    /// # Errors
    /// When the part cannot be begun.
    fn open<'q>(&'q self, part: PartToSend<'q>) -> Result<Box<dyn Sender + 'q>>;
}

/// A queue whose messages can be read back by whoever verifies them.
pub trait ReadableQueue: Queue {
    /// What reading does to the messages.
    ///
    /// # Errors
    /// When the queue cannot be asked.
    fn reading(&self) -> Result<Reading> {
        Ok(Reading::Beside)
    }

    /// All messages, from the first to the last one of now, in any order, those of others among them.
    ///
    /// # Errors
    /// When the queue cannot be reached or read.
    fn read_back(&self) -> Result<AllDelivered<'_>>;
}

/// What reading does to the messages of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// They stay where they are, and no consumer notices.
    Beside,
    /// They are taken and given back. The words say what consumers see of that, as the end of a
    /// sentence: `consumers get none of them meanwhile`.
    Taking(String),
}

/// A part about to be sent.
#[derive(Clone, Copy)]
pub struct PartToSend<'q> {
    /// The plan.
    pub plan: &'q MessagePlan<'q>,
    /// The part, by its position in the plan.
    pub part: usize,
    /// What an earlier run has left of it.
    pub before: Before<'q>,
    /// Whether somebody has said stop, or another worker has failed: who waits for long asks now and
    /// then, and returns [`Error::Stopped`](crate::Error::Stopped).
    pub is_over: &'q (dyn Fn() -> bool + Sync),
}

/// What an earlier run has left of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before<'q> {
    /// The part was never begun: none of its messages is there.
    Nothing,
    /// It was begun, and nobody knows which of its messages arrived. A sender that can look them up,
    /// or whose queue knows them by their names, sends none of them twice; all are given to it again.
    Begun {
        /// Where the queue stood when it was first begun, as [`Queue::position`] said.
        position: Option<&'q str>,
    },
}

/// Sends the messages of one part, in order.
///
/// Dropped without [`Self::finish`], nothing is claimed of the part, and some of its messages may have
/// arrived.
pub trait Sender: Send {
    /// Takes messages; waits while too many bytes are on their way. After an error the part is not
    /// proven: drop the sender.
    ///
    /// # Errors
    /// What the queue refuses, after as much patience as the queue has.
    fn send(&mut self, block: &Block) -> Result<()>;

    /// Waits until every message is acknowledged, or known to be there already. Only what this
    /// returns counts as delivered.
    ///
    /// # Errors
    /// When one message is not.
    fn finish(self: Box<Self>) -> Result<Receipt>;

    /// Ends without a claim, as soon as it can.
    fn abort(self: Box<Self>);
}

/// What a queue has proven of one part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipt {
    /// Messages that are there: all of the part.
    pub messages: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// Messages of these that were there before: an earlier run had sent them.
    pub found: u64,
    /// Where the queue stood behind the last message, in its own words, where it has such a thing.
    pub position: Option<String>,
}

impl Receipt {
    /// Counts the messages of a block.
    pub fn add(&mut self, block: &Block) {
        self.messages += block.len() as u64;
        self.bytes += block.body_bytes();
    }
}
