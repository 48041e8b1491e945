//! Messages held against the rows that they must hold: what is missing, what came twice, what is
//! altered.
//!
//! ```text
//! first look    every message -> rows, by other crates' parsers -> sum of row hashes, of its part
//!               every part    -> rows made again               -> sum of row hashes       equal?
//! second look   only parts where they differ: the hashes themselves, each row's fate
//! ```
//! It does not matter who brings the messages, nor in which order. Rows are told apart by the hashes
//! that control totals are made of (`docs/totals.md`), so no table needs a key.

mod expected;
mod parse;

use std::collections::{BTreeMap, HashMap};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::thread;

use serde::Serialize;

use self::parse::Decoder;
use super::plan::{MessagePlan, Rows};
use crate::error::{Error, Result};
use crate::sync::lock;
use crate::totals::Tally;

/// What came of one part's rows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct PartAudit {
    /// The part, by its position in the plan.
    pub part: usize,
    /// Rows that it has.
    pub expected_rows: u64,
    /// Rows that were found.
    pub found_rows: u64,
    /// Rows that are nowhere.
    pub missing: u64,
    /// Rows that are there once more than they should be.
    pub doubled: u64,
    /// Rows in whose place another one stands, or a text that is none.
    pub altered: u64,
    /// Rows that are none of the part's, beyond those that stand in the place of others.
    pub strange: u64,
    /// Whole messages of a number that was there already.
    pub doubled_messages: u64,
}

impl PartAudit {
    /// Whether the part holds its rows, each once, and nothing else.
    pub fn is_clean(&self) -> bool {
        self.missing + self.doubled + self.altered + self.strange == 0
    }
}

/// Messages of a plan on their way to be judged.
///
/// # Memory
/// A few hundred bytes a part, and a few bits a message that came; in the second look 32 bytes a row of the parts
/// that it is about.
///
/// # Example
/// ```
/// use lakeseed_sink::messages::{Audit, MessagePlan};
/// # use lakeseed_sink::BatchSource;
/// # use std::sync::Arc;
/// # let ids = Arc::new(arrow_array::Int64Array::from(vec![1, 2, 3])) as arrow_array::ArrayRef;
/// # let batch = arrow_array::RecordBatch::try_from_iter([("id", ids)]).unwrap();
/// let plan = MessagePlan::builder("pets").source(BatchSource::new(batch), 0..3).build()?;
/// let body = br#"[{"id":1},{"id":3},{"id":3}]"#;
/// let audit = Audit::first_look(&plan)?;
/// audit.take(0, 0, body)?;
/// let suspects = audit.suspects(&|| false)?;
/// assert_eq!(suspects, [0]);
///
/// let audit = Audit::second_look(&plan, &suspects)?;
/// audit.take(0, 0, body)?;
/// let found = &audit.judge(&|| false)?[0];
/// assert_eq!((found.missing, found.doubled, found.altered), (1, 1, 0));
/// # Ok::<(), lakeseed_sink::Error>(())
/// ```
pub struct Audit<'p> {
    plan: &'p MessagePlan<'p>,
    /// Of all parts, or of those that are looked at again.
    parts: BTreeMap<usize, Mutex<Found>>,
    keeps_hashes: bool,
}

/// What was found of a part.
#[derive(Default)]
struct Found {
    rows: u64,
    /// The sum of the rows' hashes modulo 2^128.
    sum: u128,
    /// The hashes, in the second look.
    hashes: Vec<u128>,
    /// Rows that are none of the table's.
    wrong: u64,
    /// A bit a message that has come, in words of 64: whoever names a huge number makes no room.
    seen: BTreeMap<u64, u64>,
    doubled_messages: u64,
}

impl Found {
    fn add(&mut self, hash: u128, keeps_hashes: bool) {
        self.rows += 1;
        self.sum = self.sum.wrapping_add(hash);
        if keeps_hashes {
            self.hashes.push(hash);
        }
    }

    /// Notes that a message has come.
    fn see(&mut self, number: u64) {
        let word = self.seen.entry(number / 64).or_default();
        let bit = number % 64;
        self.doubled_messages += *word >> bit & 1;
        *word |= 1 << bit;
    }
}

impl<'p> Audit<'p> {
    /// Looks at all parts.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for columns of which no hash is made.
    pub fn first_look(plan: &'p MessagePlan<'p>) -> Result<Self> {
        let all: Vec<usize> = (0..plan.parts.len()).collect();
        Self::of(plan, &all, false)
    }

    /// Looks at some parts again, row by row. Messages of others are passed over.
    ///
    /// # Errors
    /// As [`Self::first_look`].
    pub fn second_look(plan: &'p MessagePlan<'p>, parts: &[usize]) -> Result<Self> {
        Self::of(plan, parts, true)
    }

    fn of(plan: &'p MessagePlan<'p>, parts: &[usize], keeps_hashes: bool) -> Result<Self> {
        Tally::try_new(&plan.schema)?;
        let known = parts.iter().filter(|part| **part < plan.parts.len());
        Ok(Self {
            plan,
            parts: known.map(|part| (*part, Mutex::default())).collect(),
            keeps_hashes,
        })
    }

    /// Takes a message: the part and the number that its name tells. From any thread, in any order.
    /// Returns whether it is one that may be there: the part is looked at. A number that is beyond the
    /// part's rows, where these are known, is one strange thing.
    ///
    /// # Errors
    /// What the library of totals fails with.
    pub fn take(&self, part: usize, number: u64, body: &[u8]) -> Result<bool> {
        let mut judge = self.reader()?;
        let is_known = judge.take(part, number, body)?;
        judge.finish()?;
        Ok(is_known)
    }

    /// Somebody who takes many messages: rows are decoded many at a time.
    pub(super) fn reader(&self) -> Result<Reader<'_, 'p>> {
        let decoder = Decoder::new(&self.plan.schema);
        Ok(Reader {
            audit: self,
            tally: Tally::try_new(decoder.schema())?,
            decoder,
            part: None,
        })
    }

    /// Parts that do not hold exactly their rows: all rows are made again, and their hashes added up.
    ///
    /// # Errors
    /// What the rows fail with, [`Error::Stopped`].
    pub fn suspects(&self, is_over: &(dyn Fn() -> bool + Sync)) -> Result<Vec<usize>> {
        self.suspects_by(1, is_over)
    }

    /// The same by several threads, a part at a time.
    pub(super) fn suspects_by(
        &self,
        threads: usize,
        is_over: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<usize>> {
        let parts: Vec<usize> = self.parts.keys().copied().collect();
        let next = AtomicUsize::new(0);
        let work = || -> Result<Vec<usize>> {
            let mut suspects = Vec::new();
            while let Some(&part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
                if !self.is_clean(part, is_over)? {
                    suspects.push(part);
                }
            }
            Ok(suspects)
        };
        let mut suspects = Vec::new();
        thread::scope(|scope| {
            let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
            for worker in workers {
                suspects.extend(worker.join().unwrap_or_else(|panic| resume_unwind(panic))?);
            }
            Ok::<(), Error>(())
        })?;
        suspects.sort_unstable();
        Ok(suspects)
    }

    /// Whether one part holds exactly its rows.
    pub(super) fn is_clean(&self, part: usize, is_over: &dyn Fn() -> bool) -> Result<bool> {
        let (mut rows, mut sum) = (0, 0_u128);
        self.each_expected(part, is_over, &mut |hash| {
            rows += 1;
            sum = sum.wrapping_add(hash);
        })?;
        let found = self.found(part);
        Ok(found.is_some_and(|found| (found.rows, found.sum, found.wrong) == (rows, sum, 0)))
    }

    /// Rows that were found of a part.
    pub(super) fn found_rows(&self, part: usize) -> u64 {
        self.found(part).map_or(0, |found| found.rows + found.wrong)
    }

    /// Each row's fate, of the parts of a second look.
    ///
    /// # Errors
    /// As [`Self::suspects`].
    pub fn judge(&self, is_over: &(dyn Fn() -> bool + Sync)) -> Result<Vec<PartAudit>> {
        let parts = self.parts.keys();
        parts.map(|part| self.judge_part(*part, is_over)).collect()
    }

    /// Each row's fate, of one part of a second look.
    pub(super) fn judge_part(&self, part: usize, is_over: &dyn Fn() -> bool) -> Result<PartAudit> {
        // How often each row should be there, less how often it was found.
        let mut balance: HashMap<u128, i64> = HashMap::new();
        let mut expected_rows = 0;
        self.each_expected(part, is_over, &mut |hash| {
            expected_rows += 1;
            *balance.entry(hash).or_default() += 1;
        })?;
        let mut audit = PartAudit {
            part,
            expected_rows,
            ..PartAudit::default()
        };
        let Some(found) = self.found(part) else {
            audit.missing = expected_rows;
            return Ok(audit);
        };
        audit.found_rows = found.rows + found.wrong;
        audit.doubled_messages = found.doubled_messages;
        let mut strange = found.wrong;
        for hash in &found.hashes {
            match balance.get_mut(hash) {
                None => strange += 1,
                Some(left) => *left -= 1,
            }
        }
        drop(found);
        for left in balance.values() {
            audit.missing += left.max(&0).unsigned_abs();
            audit.doubled += left.min(&0).unsigned_abs();
        }
        // A row that is not there, and one in its place.
        audit.altered = audit.missing.min(strange);
        audit.missing -= audit.altered;
        audit.strange = strange - audit.altered;
        Ok(audit)
    }

    fn found(&self, part: usize) -> Option<MutexGuard<'_, Found>> {
        let found = self.parts.get(&part)?;
        Some(lock(found))
    }

    /// Makes the rows of a part again, and gives their hashes.
    fn each_expected(
        &self,
        part: usize,
        is_over: &dyn Fn() -> bool,
        each: &mut dyn FnMut(u128),
    ) -> Result<()> {
        if let Rows::Texts(pieces) = &self.plan.rows {
            return pieces.each_row(part, &mut |row| {
                if is_over() {
                    return Err(Error::Stopped);
                }
                each(hash_of(row));
                Ok(())
            });
        }
        let mut tally = Tally::try_new(&expected::schema_of(&self.plan.schema))?;
        self.plan.each_batch(part, &mut |batch| {
            if is_over() {
                return Err(Error::Stopped);
            }
            tally.add_each(batch, &mut |hash| each(hash))
        })
    }
}

impl std::fmt::Debug for Audit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Audit")
            .field("plan", &self.plan)
            .field("parts", &self.parts.len())
            .finish_non_exhaustive()
    }
}

/// A row that is a text.
fn hash_of(row: &str) -> u128 {
    twox_hash::XxHash3_128::oneshot(row.as_bytes())
}

/// Takes messages of one part after the other.
pub(super) struct Reader<'a, 'p> {
    audit: &'a Audit<'p>,
    decoder: Decoder,
    tally: Tally,
    /// The part whose rows wait.
    part: Option<usize>,
}

impl Reader<'_, '_> {
    /// Takes a message. Returns whether its part is looked at.
    pub(super) fn take(&mut self, part: usize, number: u64, body: &[u8]) -> Result<bool> {
        if self.part != Some(part) {
            self.finish()?;
            self.part = Some(part);
        }
        let Some(mut found) = self.audit.found(part) else {
            return Ok(false);
        };
        let rows = self.audit.plan.parts[part].rows;
        if rows.is_some_and(|rows| number >= rows) {
            // No message of the plan has that number, whatever is in this one.
            found.wrong += 1;
            return Ok(true);
        }
        found.see(number);
        match parse::rows_of(body) {
            // Passed on as they stood: the text is what counts.
            Ok(rows) if matches!(self.audit.plan.rows, Rows::Texts(_)) => {
                for row in &rows {
                    found.add(hash_of(row.get()), self.audit.keeps_hashes);
                }
            }
            Ok(rows) => {
                for row in &rows {
                    found.wrong += u64::from(!self.decoder.push(row));
                }
                drop(found);
                if self.decoder.is_full() {
                    self.decode()?;
                }
            }
            // No rows can be told of it: that is one strange thing.
            Err(_) => found.wrong += 1,
        }
        Ok(true)
    }

    /// Counts the rows that wait.
    pub(super) fn finish(&mut self) -> Result<()> {
        self.decode()?;
        // Only the hashes count.
        self.tally.take();
        Ok(())
    }

    fn decode(&mut self) -> Result<()> {
        let Some(part) = self.part else {
            return Ok(());
        };
        let (audit, tally) = (self.audit, &mut self.tally);
        let keeps_hashes = audit.keeps_hashes;
        self.decoder.decode(&mut |rows| {
            let Some(mut found) = audit.found(part) else {
                return Ok(());
            };
            if let Some(batch) = rows {
                return tally.add_each(&batch, &mut |hash| found.add(hash, keeps_hashes));
            }
            found.wrong += 1;
            Ok(())
        })
    }
}
