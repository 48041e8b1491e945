//! Messages that stand in a queue, held against the rows that they must hold.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bytes::Bytes;
use lakeseed_budget::{Budget, Lease};

use super::audit::{Audit, PartAudit};
use super::id::MessageId;
use super::plan::MessagePlan;
use super::verify::{DECODER_BYTES, MessageCounts, MessageFindings};
use crate::error::{Error, Result};
use crate::pump::DEFAULT_THREADS;
use crate::verify::{Finding, FindingKind, Findings};

/// What a row that was found takes in the second look: its hash, in room that doubles.
const FOUND_BYTES: u64 = 32;
/// What a row that must be there takes while its part is judged: its hash and a count, in a table that
/// doubles.
const JUDGED_BYTES: u64 = 80;

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
/// once, and once more where something is not as it should be; several times where the hashes of all
/// rows in doubt do not fit into the budget at once.
#[derive(Clone, Copy)]
pub struct VerifyQueue<'v> {
    plan: &'v MessagePlan<'v>,
    read: &'v dyn Fn() -> Result<AllDelivered<'v>>,
    threads: usize,
    budget: Option<&'v Budget>,
    stop: Option<&'v AtomicBool>,
}

impl<'v> VerifyQueue<'v> {
    /// A verification of what `read` gives, each time from the first message on.
    pub fn new(plan: &'v MessagePlan<'v>, read: &'v dyn Fn() -> Result<AllDelivered<'v>>) -> Self {
        Self {
            plan,
            read,
            threads: DEFAULT_THREADS,
            budget: None,
            stop: None,
        }
    }

    /// Sets how many workers make rows again. The queue is read by one.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Has the work take its memory from this budget: some 32 bytes for each row of a part that is not
    /// as it should be, beside what making rows takes.
    pub fn budget(mut self, budget: &'v Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Sets the flag that ends the work with [`Error::Stopped`].
    pub fn stop(mut self, flag: &'v AtomicBool) -> Self {
        self.stop = Some(flag);
        self
    }

    /// Reads everything back. Damage is a finding, not an error.
    ///
    /// # Errors
    /// [`Error::Memory`] where the budget does not carry one worker, or the rows of one part;
    /// [`Error::Stopped`], and what the queue and the rows fail with.
    pub fn run(self) -> Result<MessageFindings> {
        let started = Instant::now();
        let stop = self.stop;
        let is_over = move || stop.is_some_and(|flag| flag.load(Ordering::Relaxed));
        let (workers, _working) = self.workers()?;
        let first = Audit::first_look(self.plan)?;
        let sums = self.look(&first)?;
        let suspects = first.suspects_by(workers, &is_over)?;
        let mut audits = Vec::with_capacity(suspects.len());
        let mut left = suspects.as_slice();
        while !left.is_empty() {
            let (count, _hashes) = self.carried(&first, left)?;
            let (these, others) = left.split_at(count);
            let again = Audit::second_look(self.plan, these)?;
            self.look(&again)?;
            audits.extend(again.judge(&is_over)?);
            left = others;
        }
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

    /// How many workers make rows, and what they and the reader of the queue hold.
    fn workers(&self) -> Result<(usize, Option<Lease>)> {
        let wanted = self.threads.min(self.plan.parts.len()).max(1);
        let Some(budget) = self.budget else {
            return Ok((wanted, None));
        };
        let reader = DECODER_BYTES + 4 * self.plan.settings().max_bytes;
        let worker = self.plan.need_per_worker();
        let granted = budget.free().get();
        let carried = usize::try_from(granted.saturating_sub(reader) / worker);
        let workers = wanted.min(carried.unwrap_or(usize::MAX));
        let needed = reader + worker * workers.max(1) as u64;
        let lease = budget.lease("verification", needed.into());
        match lease {
            Ok(lease) if workers > 0 => Ok((workers, Some(lease))),
            _ => Err(Error::Memory { needed, granted }),
        }
    }

    /// How many of the suspects, from the first on, the budget carries at once, and what they hold.
    fn carried(&self, first: &Audit<'_>, suspects: &[usize]) -> Result<(usize, Option<Lease>)> {
        let Some(budget) = self.budget else {
            return Ok((suspects.len(), None));
        };
        let granted = budget.free().get();
        let (mut found, mut judged, mut count) = (0, 0, 0);
        for &part in suspects {
            let rows = first.found_rows(part);
            let more = found + rows * FOUND_BYTES;
            let most = self.plan.parts[part].rows.unwrap_or(rows).max(rows);
            let most = judged.max(most * JUDGED_BYTES);
            let needed = more + most;
            if needed > granted && count == 0 {
                return Err(Error::Memory { needed, granted });
            }
            if needed > granted {
                break;
            }
            (found, judged, count) = (more, most, count + 1);
        }
        let lease = budget.lease("rows in doubt", (found + judged).into());
        Ok((count, lease.ok()))
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
