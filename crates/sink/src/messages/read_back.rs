//! Messages that stand in a queue, held against the rows that they must hold.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bytes::Bytes;

use super::audit::{Audit, PartAudit};
use super::id::MessageId;
use super::plan::MessagePlan;
use super::verify::{MessageCounts, MessageFindings};
use crate::error::{Error, Result};
use crate::verify::{Finding, FindingKind, Findings};

/// A message as a queue gives it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// The name that it bears, where it bears one.
    pub id: Option<String>,
    /// The body.
    pub body: Bytes,
}

/// All messages of a queue, from its first to its last.
pub type AllDelivered<'r> = Box<dyn Iterator<Item = Result<Delivered>> + 'r>;

/// A queue about to be read back, beside the plan whose messages must stand there.
///
/// Messages of others, which bear no name or that of another plan, are passed over. The queue is read
/// once, and once more where something is not as it should be.
#[derive(Clone, Copy)]
pub struct VerifyQueue<'v> {
    plan: &'v MessagePlan<'v>,
    read: &'v dyn Fn() -> Result<AllDelivered<'v>>,
    stop: Option<&'v AtomicBool>,
}

impl<'v> VerifyQueue<'v> {
    /// A verification of what `read` gives, each time from the first message on.
    pub fn new(plan: &'v MessagePlan<'v>, read: &'v dyn Fn() -> Result<AllDelivered<'v>>) -> Self {
        Self {
            plan,
            read,
            stop: None,
        }
    }

    /// Sets the flag that ends the work with [`Error::Stopped`].
    pub fn stop(mut self, flag: &'v AtomicBool) -> Self {
        self.stop = Some(flag);
        self
    }

    /// Reads everything back. Damage is a finding, not an error.
    ///
    /// # Errors
    /// [`Error::Stopped`], and what the queue and the rows fail with.
    pub fn run(self) -> Result<MessageFindings> {
        let started = Instant::now();
        let stop = self.stop;
        let is_over = move || stop.is_some_and(|flag| flag.load(Ordering::Relaxed));
        let first = Audit::first_look(self.plan)?;
        let sums = self.look(&first)?;
        let suspects = first.suspects(&is_over)?;
        let audits = if suspects.is_empty() {
            Vec::new()
        } else {
            let again = Audit::second_look(self.plan, &suspects)?;
            self.look(&again)?;
            again.judge(&is_over)?
        };
        let sum = |of: fn(&PartAudit) -> u64| audits.iter().map(of).sum();
        let rows = (0..self.plan.parts.len()).map(|part| first.found_rows(part));
        let rows = rows.sum();
        Ok(MessageFindings {
            counts: MessageCounts {
                messages: sums.messages,
                missing_rows: sum(|audit| audit.missing),
                doubled_rows: sum(|audit| audit.doubled),
                altered_rows: sum(|audit| audit.altered),
                strange_rows: sum(|audit| audit.strange),
            },
            findings: Findings {
                run_id: self.plan.id.clone(),
                parts: self.plan.parts.len() as u64,
                rows_compared: rows,
                rows_read: rows,
                bytes_read: sums.bytes,
                seconds: started.elapsed().as_secs_f64(),
                findings: audits.iter().flat_map(|audit| self.tell(audit)).collect(),
            },
        })
    }

    /// Gives all messages of the plan to an audit.
    fn look(&self, audit: &Audit<'_>) -> Result<Sums> {
        let mut sums = Sums::default();
        let mut reader = audit.reader()?;
        for delivered in (self.read)()? {
            if self.stop.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
                return Err(Error::Stopped);
            }
            let Delivered { id, body } = delivered?;
            let id = id.and_then(|id| id.parse::<MessageId>().ok());
            let Some(id) = id.filter(|id| id.plan() == self.plan.id) else {
                continue;
            };
            sums.messages += 1;
            sums.bytes += body.len() as u64;
            reader.take(id.part() as usize, id.number(), &body)?;
        }
        reader.finish()?;
        Ok(sums)
    }

    fn tell(&self, audit: &PartAudit) -> Vec<Finding> {
        let part = &self.plan.parts[audit.part].name;
        let expected = format!("{} rows, each once", audit.expected_rows);
        let messages = audit.doubled_messages;
        let twice = match messages {
            0 => "more of them".to_owned(),
            1 => "more of them; 1 message came twice".to_owned(),
            _ => format!("more of them; {messages} messages came twice"),
        };
        let kinds = [
            (FindingKind::MissingRows, audit.missing, "are not there"),
            (FindingKind::DoubledRows, audit.doubled, twice.as_str()),
            (FindingKind::AlteredRows, audit.altered, "with other values"),
            (
                FindingKind::SurplusRows,
                audit.strange,
                "that are none of these",
            ),
        ];
        let found = kinds.into_iter().filter(|(_, count, _)| *count > 0);
        let finding = |(what, count, how)| {
            let found = format!("{count} {how}");
            Finding::new(what, &self.plan.table, expected.clone(), found).part(part)
        };
        found.map(finding).collect()
    }
}

impl std::fmt::Debug for VerifyQueue<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifyQueue")
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Sums {
    messages: u64,
    bytes: u64,
}
