//! Rows to messages, and messages to where they are wanted: a queue, files, standard output.
//!
//! ```text
//! table -> parts -> rows of a part -> objects -> arrays of at most K rows and B bytes -> Queue
//! generated, files                    format/text          group, modulo                 ledger
//! ```
//! A message is a JSON array of rows: `[{"id":1,"name":"Rex"},{"id":2,"name":null}]`. Which rows
//! share one follows from the rows and the limits alone. Each has a [name](MessageId) of its place
//! and content. What a queue has acknowledged is written down part by part, so that the same run,
//! after it was killed, sends what is not proven and nothing else.
//!
//! Names of parts and messages: a **piece** is what can be read alone, a **part** what is sent and
//! proven alone. Where rows are neighbours they are the same.

mod audit;
mod block;
mod folder;
mod group;
#[cfg(any(
    feature = "kafka",
    feature = "nats",
    feature = "rabbitmq",
    feature = "sqs"
))]
mod host;
mod id;
#[cfg(feature = "kafka")]
pub mod kafka;
mod ledger;
mod modulo;
#[cfg(feature = "nats")]
pub mod nats;
mod pace;
mod pieces;
mod plan;
mod publish;
mod queue;
#[cfg(feature = "rabbitmq")]
pub mod rabbitmq;
mod read_back;
mod render;
mod report;
mod settings;
#[cfg(feature = "sqs")]
pub mod sqs;
mod targets;
mod verify;
#[cfg(any(feature = "rabbitmq", feature = "sqs"))]
mod waits;
mod workers;

pub use self::audit::{Audit, PartAudit};
pub use self::block::{Block, Message};
pub use self::folder::{MESSAGES_FORMAT, MessagesRecord};
pub use self::id::MessageId;
pub use self::ledger::{DonePart, LedgerRecord, LedgerState};
pub use self::pace::{Clock, SystemClock};
#[cfg(feature = "postgres")]
pub(crate) use self::pieces::failed_rows;
pub use self::pieces::{PIECE_ROWS, Piece, Pieces, TextPieces};
pub use self::plan::{MessagePart, MessagePlan, MessagePlanBuilder};
pub use self::publish::Publish;
pub use self::queue::{Before, PartToSend, Queue, ReadableQueue, Reading, Receipt, Sender};
pub use self::read_back::{AllDelivered, Delivered, VerifyQueue};
pub use self::report::Published;
pub use self::settings::{
    DEFAULT_MESSAGE_BYTES, DEFAULT_MESSAGE_ROWS, Grouping, MessageSettings, Nulls,
};
pub use self::targets::{Counting, MessageLines};
pub use self::verify::{MessageCounts, MessageFindings, VerifyMessages};
