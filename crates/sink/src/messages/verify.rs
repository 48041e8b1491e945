//! A folder of messages read back: its files against its manifest, its rows against the rows made
//! again.

use std::io::{BufRead, BufReader, Read};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use lakeseed_budget::{Budget, Bytes, Lease};
use serde::Serialize;

use super::audit::{Audit, PartAudit};
use super::folder::MESSAGES_FORMAT;
use super::plan::MessagePlan;
use crate::commit::open_finished;
use crate::error::{Error, Result};
use crate::manifest::{Manifest, ManifestPart};
use crate::store::Store;
use crate::sync::lock;
use crate::verify::{Finding, FindingKind, Findings};

/// How much is read at a time.
const STEP_BYTES: usize = 256 << 10;
/// What decoding rows holds: a thousand as texts, as a parser's tape, as arrays.
pub(super) const DECODER_BYTES: u64 = 8 << 20;
/// What a row takes in the second look: its hash, on both sides.
const ROW_BYTES: u64 = 96;

/// What a verification of messages has to say.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageFindings {
    /// What is not as it should be, part by part.
    pub findings: Findings,
    /// What there is of it in all.
    pub counts: MessageCounts,
}

/// Sums over all parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct MessageCounts {
    /// Messages that were read.
    pub messages: u64,
    /// Rows that are nowhere.
    pub missing_rows: u64,
    /// Rows that are there once more than they should be.
    pub doubled_rows: u64,
    /// Rows in whose place something else stands.
    pub altered_rows: u64,
    /// Rows that are none of the table's, beyond those.
    pub strange_rows: u64,
}

/// A finished folder of messages about to be read back, beside the plan that it must be of.
///
/// Messages are read by other crates' parsers, and rows are made again by the plan's source: nothing
/// that has written them is asked.
#[derive(Clone, Copy)]
pub struct VerifyMessages<'v> {
    store: &'v dyn Store,
    plan: &'v MessagePlan<'v>,
    threads: usize,
    budget: Option<&'v Budget>,
    stop: Option<&'v AtomicBool>,
    is_quick: bool,
}

impl<'v> VerifyMessages<'v> {
    /// A verification with one worker.
    pub fn new(store: &'v dyn Store, plan: &'v MessagePlan<'v>) -> Self {
        Self {
            store,
            plan,
            threads: 1,
            budget: None,
            stop: None,
            is_quick: false,
        }
    }

    /// Sets how many workers there are at most.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Sets where memory comes from: there are as many workers as its free part carries, and their
    /// lease is taken before the first file is read.
    pub fn budget(mut self, budget: &'v Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Sets the flag that ends the work with [`Error::Stopped`].
    pub fn stop(mut self, flag: &'v AtomicBool) -> Self {
        self.stop = Some(flag);
        self
    }

    /// Looks only at presence and sizes.
    pub fn quick(mut self, is_quick: bool) -> Self {
        self.is_quick = is_quick;
        self
    }

    /// Reads everything back. Damage is a finding, not an error.
    ///
    /// # Errors
    /// [`Error::Unfinished`] and [`Error::NoOutput`] where there is nothing finished,
    /// [`Error::OtherPlan`] where the messages are not of this plan, [`Error::Memory`] when not one
    /// worker can be had, [`Error::Stopped`], and what the store and the rows fail with.
    pub fn run(self) -> Result<MessageFindings> {
        let started = Instant::now();
        let manifest = open_finished(self.store)?;
        let parts = self.parts(&manifest)?;
        let (workers, _lease) = self.workers(&parts)?;
        let context = Context {
            verify: &self,
            audit: Audit::first_look(self.plan)?,
            bytes: AtomicU64::new(0),
            messages: AtomicU64::new(0),
        };
        let next = AtomicUsize::new(0);
        let failed = AtomicBool::new(false);
        let done: Mutex<Vec<(usize, Checked)>> = Mutex::default();
        let error: Mutex<Option<Error>> = Mutex::default();
        let work = || {
            while !failed.load(Ordering::Relaxed) {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(part) = parts.get(at) else {
                    return;
                };
                match context.check(at, part) {
                    Ok(checked) => lock(&done).push((at, checked)),
                    Err(other) => {
                        lock(&error).get_or_insert(other);
                        failed.store(true, Ordering::Relaxed);
                    }
                }
            }
        };
        thread::scope(|scope| {
            for _ in 1..workers {
                scope.spawn(work);
            }
            work();
        });
        if let Some(error) = lock(&error).take() {
            return Err(error);
        }
        let mut done = std::mem::take(&mut *lock(&done));
        done.sort_unstable_by_key(|(at, _)| *at);
        let sum = |of: fn(&PartAudit) -> u64| -> u64 {
            let audits = done
                .iter()
                .filter_map(|(_, checked)| checked.audit.as_ref());
            audits.map(of).sum()
        };
        Ok(MessageFindings {
            counts: MessageCounts {
                messages: context.messages.load(Ordering::Relaxed),
                missing_rows: sum(|audit| audit.missing),
                doubled_rows: sum(|audit| audit.doubled),
                altered_rows: sum(|audit| audit.altered),
                strange_rows: sum(|audit| audit.strange),
            },
            findings: Findings {
                run_id: manifest.run_id.clone(),
                parts: parts.len() as u64,
                rows_compared: done.iter().map(|(_, checked)| checked.rows).sum(),
                rows_read: done.iter().map(|(_, checked)| checked.rows).sum(),
                bytes_read: context.bytes.load(Ordering::Relaxed),
                seconds: started.elapsed().as_secs_f64(),
                findings: done
                    .into_iter()
                    .flat_map(|(_, checked)| checked.findings)
                    .collect(),
            },
        })
    }

    /// Workers, and the lease of all of them.
    fn workers(&self, parts: &[&ManifestPart]) -> Result<(usize, Option<Lease>)> {
        let wanted = self.threads.min(parts.len()).max(1);
        let Some(budget) = self.budget else {
            return Ok((wanted, None));
        };
        let granted = budget.free().get();
        // Messages read, rows made again, and a row's hashes, should the part be looked at twice.
        let most_rows = parts.iter().map(|part| part.rows).max().unwrap_or(0);
        let message = 4 * self.plan.settings().max_bytes;
        let needed = self.plan.need_per_worker() + DECODER_BYTES + message + most_rows * ROW_BYTES;
        let carried = usize::try_from(granted / needed).unwrap_or(usize::MAX);
        let workers = wanted.min(carried);
        let lease = budget.lease("verification", Bytes::new(needed * workers as u64));
        match lease {
            Ok(lease) if workers > 0 => Ok((workers, Some(lease))),
            _ => Err(Error::Memory { needed, granted }),
        }
    }

    /// The parts that the manifest names, which must be those of the plan.
    fn parts<'m>(&self, manifest: &'m Manifest) -> Result<Vec<&'m ManifestPart>> {
        let parts: Vec<&ManifestPart> = manifest.parts().collect();
        let id = self.plan.id();
        if manifest.format == MESSAGES_FORMAT
            && manifest.plan_id() == id
            && parts.len() == self.plan.parts().len()
        {
            return Ok(parts);
        }
        Err(Error::OtherPlan {
            address: self.store.address(),
            expected: format!("messages of the plan {id}"),
            found: format!("the plan {} of {}", manifest.plan_id(), manifest.format),
        })
    }
}

impl std::fmt::Debug for VerifyMessages<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifyMessages")
            .field("store", &self.store)
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

struct Context<'v> {
    verify: &'v VerifyMessages<'v>,
    audit: Audit<'v>,
    bytes: AtomicU64,
    messages: AtomicU64,
}

#[derive(Default)]
struct Checked {
    findings: Vec<Finding>,
    rows: u64,
    /// Of a part whose rows are not what they should be.
    audit: Option<PartAudit>,
}

impl Context<'_> {
    fn is_over(&self) -> bool {
        let stop = self.verify.stop;
        stop.is_some_and(|flag| flag.load(Ordering::Relaxed))
    }

    fn check(&self, at: usize, part: &ManifestPart) -> Result<Checked> {
        let mut checked = Checked::default();
        let read = if self.verify.is_quick {
            let look = self.verify.store.look(&part.path)?;
            look.map(|look| FileRead::as_the_manifest_says(part, look.bytes))
        } else {
            self.read(at, part, &self.audit)?
        };
        let table = self.verify.plan.table();
        let mut tell = |what, expected: String, found: String| {
            let finding = Finding::new(what, table, expected, found).part(&part.path);
            checked.findings.push(finding);
        };
        match &read {
            None => tell(FindingKind::Missing, "a file".to_owned(), "none".to_owned()),
            Some(read) => {
                let sizes = [part.bytes, read.bytes].map(|bytes| format!("{bytes} bytes"));
                let [expected, found] = sizes;
                if expected != found {
                    tell(FindingKind::Size, expected, found);
                }
                if read.digest != part.blake3 {
                    tell(
                        FindingKind::Digest,
                        part.blake3.clone(),
                        read.digest.clone(),
                    );
                }
                if part
                    .messages
                    .is_some_and(|messages| messages != read.messages)
                {
                    let expected = format!("{} messages", part.messages.unwrap_or(0));
                    tell(
                        FindingKind::Rows,
                        expected,
                        format!("{} messages", read.messages),
                    );
                }
                if let Some(failed) = &read.failed {
                    tell(
                        FindingKind::Unreadable,
                        "a file that can be read".to_owned(),
                        failed.clone(),
                    );
                }
                self.messages.fetch_add(read.messages, Ordering::Relaxed);
            }
        }
        checked.rows = self.audit.found_rows(at);
        if self.verify.is_quick || self.audit.is_clean(at, &|| self.is_over())? {
            return Ok(checked);
        }
        let again = Audit::second_look(self.verify.plan, &[at])?;
        self.read(at, part, &again)?;
        let audit = again.judge_part(at, &|| self.is_over())?;
        let rows = format!("{} rows, each once", audit.expected_rows);
        for (what, count, how) in [
            (FindingKind::MissingRows, audit.missing, "are not there"),
            (FindingKind::DoubledRows, audit.doubled, "more of them"),
            (FindingKind::AlteredRows, audit.altered, "with other values"),
            (
                FindingKind::SurplusRows,
                audit.strange,
                "that are none of these",
            ),
        ] {
            if count > 0 {
                tell(what, rows.clone(), format!("{count} {how}"));
            }
        }
        if part.rows != audit.expected_rows {
            let expected = format!("{} rows", audit.expected_rows);
            tell(
                FindingKind::Rows,
                expected,
                format!("{} in the manifest", part.rows),
            );
        }
        checked.audit = Some(audit);
        Ok(checked)
    }

    /// Gives the messages of a file to an audit; `None` where there is no file.
    fn read(&self, at: usize, part: &ManifestPart, audit: &Audit<'_>) -> Result<Option<FileRead>> {
        let Some(file) = self.verify.store.open(&part.path)? else {
            return Ok(None);
        };
        let most = self.verify.plan.settings().max_bytes.saturating_mul(4);
        let mut file = BufReader::with_capacity(STEP_BYTES, file);
        let mut reader = audit.reader()?;
        let mut hasher = blake3::Hasher::new();
        let mut read = FileRead::default();
        let mut line = Vec::new();
        loop {
            if self.is_over() {
                return Err(Error::Stopped);
            }
            line.clear();
            // A damaged file may be one line from its start to its end.
            let taken = (&mut file).take(most).read_until(b'\n', &mut line);
            match taken {
                Ok(0) => break,
                Ok(bytes) => read.bytes += bytes as u64,
                Err(error) => {
                    // No damage: nothing is known of the file.
                    if let Some(lost) = Error::lost_in(&error) {
                        return Err(lost);
                    }
                    read.failed = Some(error.to_string());
                    break;
                }
            }
            hasher.update(&line);
            let body = line.strip_suffix(b"\n").unwrap_or(&line);
            reader.take(at, read.messages, body)?;
            read.messages += 1;
        }
        reader.finish()?;
        self.bytes.fetch_add(read.bytes, Ordering::Relaxed);
        read.digest = hasher.finalize().to_hex().to_string();
        Ok(Some(read))
    }
}

/// What a file was.
#[derive(Default)]
struct FileRead {
    bytes: u64,
    messages: u64,
    digest: String,
    failed: Option<String>,
}

impl FileRead {
    /// A file of which only the size was looked at.
    fn as_the_manifest_says(part: &ManifestPart, bytes: u64) -> Self {
        Self {
            bytes,
            messages: part.messages.unwrap_or(0),
            digest: part.blake3.clone(),
            failed: None,
        }
    }
}
