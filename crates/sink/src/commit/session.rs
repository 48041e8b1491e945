//! One process at work on one plan in one store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::append;
use super::claim::Claim;
use super::decide::{Decision, Start, begin_plan, decide};
use super::names::{self, Shard};
use super::parked::Parked;
use super::records::{JournalLine, Mode, PlanRecord, ShardRecord};
use super::seal::{self, Outdated, Proven};
use super::standing::latest;
use super::status::{Ending, LastRun, Status, last_run};
use crate::error::{Error, Result, chain};
use crate::fail;
use crate::manifest::{Manifest, ManifestPart};
use crate::path::PartPath;
use crate::store::{PutNew, Store};
use crate::sync::lock;

/// The most parts that an interrupted run can have had open: one a worker.
const MOST_OPEN: usize = 1024;

/// What to do about other plans that were begun in the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Others {
    /// Refuse: somebody may want to go on with them.
    Refuse,
    /// Leave them for now; sealing removes what is then outdated.
    Leave,
}

/// How a run begins.
pub(crate) enum Begun<'s> {
    /// The output holds exactly this already.
    Finished(Box<Manifest>),
    /// This shard has done all its parts already.
    ShardFinished(Vec<JournalLine>),
    /// There is work to do.
    Open(Box<Session<'s>>),
}

/// A plan on its way into a store.
pub(crate) struct Session<'s> {
    store: &'s dyn Store,
    record: PlanRecord,
    shard: Shard,
    base: Option<Manifest>,
    outdated: Outdated,
    /// Tables whose rows are all in the base already.
    carried: BTreeSet<usize>,
    proven: Mutex<Proven>,
    status: Mutex<Status>,
    claim: Claim<'s>,
    found: usize,
    last_run: Option<LastRun>,
}

impl<'s> Session<'s> {
    /// Looks what stands there, and goes on with it, begins, or refuses.
    ///
    /// # Errors
    /// [`Error::Exists`] for a stranger's files, [`Error::OtherPlan`] for another output or plan of
    /// ours, [`Error::InUse`] for another process at the same work; what the store fails with.
    pub(crate) fn begin(
        store: &'s dyn Store,
        wanted: PlanRecord,
        shard: Shard,
        others: Others,
        heartbeat: Duration,
    ) -> Result<Begun<'s>> {
        let began = Instant::now();
        let mode = wanted.mode;
        let first = decide(store, &wanted, others)?;
        if let Decision::Finished(manifest) = first {
            seal::tidy(store, &manifest, &[])?;
            return Ok(Begun::Finished(manifest));
        }
        store.check()?;
        let claim = Claim::take_at(store, &wanted.plan_id, shard, heartbeat)?;
        fail::point("claim.taken");
        // Whoever had the claim until now may have come to an end.
        let (standing, start) = match decide(store, &wanted, others)? {
            Decision::Finished(manifest) => return Ok(Begun::Finished(manifest)),
            Decision::Start(standing, start) => (*standing, start),
        };
        let base = standing.finished;
        let number = base.as_ref().map_or(0, |manifest| manifest.number);
        let mut replaced = Vec::new();
        let mut going_on = None;
        let mut removed = Vec::new();
        for record in standing.unfinished {
            let is_same = record.plan_id == wanted.plan_id;
            if is_same && start == Start::GoOn {
                if !record.has_parts_of(&wanted) {
                    return Err(Error::Exists {
                        path: store.address().into(),
                        found: format!("`{}` with other contents", names::plan(&wanted.plan_id)),
                    });
                }
                going_on = Some(record);
            } else if mode.takes_over() || is_same {
                removed.push(record);
            } else {
                replaced.push(record);
            }
        }
        // Held until the plan is written: before, others would take what they have seen for the dead's.
        let Some(dead) = remove_plans(store, &removed, base.as_ref(), &claim, heartbeat)? else {
            drop(claim);
            return Self::begin(store, wanted, shard, others, heartbeat);
        };
        let is_fresh = going_on.is_none();
        let record = going_on.unwrap_or(PlanRecord {
            base: number,
            ..wanted
        });
        let carried = match (&base, record.mode) {
            (Some(base), Mode::Append) => append::carried(store, base, &record)?,
            _ => BTreeSet::new(),
        };
        if let (Some(base), true) = (&base, is_fresh && carried.len() == record.tables.len()) {
            // Every row is there: nothing would change but a number.
            return Ok(Begun::Finished(Box::new(base.clone())));
        }
        if is_fresh {
            begin_plan(store, &record, others)?;
        }
        drop(dead);
        fail::point("begin.plan_written");
        let mut done = Vec::new();
        if let Some(record) = shard_record(store, &record, shard)? {
            done = record.lines;
            if are_finished(store, &done)? {
                return Ok(Begun::ShardFinished(done));
            }
            // Somebody has removed files: the shard is not done any more.
            store.remove(&names::shard(&record.plan_id, shard))?;
        }
        let last_run = if is_fresh {
            None
        } else {
            last_run(store, &record.plan_id, shard)?
        };
        let rows = own_parts(&record, shard, &carried)
            .map(|(_, part)| part.rows.map_or(0, |planned| planned.rows));
        let (parts, rows) = rows.fold((0, 0), |(parts, sum), rows| (parts + 1, sum + rows));
        let mut session = Self {
            store,
            status: Mutex::new(Status::begin(&record.plan_id, shard, parts, rows)),
            record,
            shard,
            base,
            outdated: Outdated {
                manifests: standing.outdated,
                plans: replaced,
            },
            carried,
            proven: Mutex::default(),
            claim,
            found: 0,
            last_run,
        };
        if !is_fresh {
            session.find_proven(done)?;
        }
        // A claim that was just taken needs no renewal.
        if began.elapsed() >= heartbeat {
            session.beat()?;
        } else {
            session.show();
        }
        fail::point("begin.done");
        Ok(Begun::Open(Box::new(session)))
    }

    /// Takes over what an earlier run has proven, and sweeps what it had not.
    fn find_proven(&mut self, mut lines: Vec<JournalLine>) -> Result<()> {
        let journal = names::journal(&self.record.plan_id, self.shard);
        for line in self.store.logged(&journal)? {
            // A line that cannot be read proves nothing.
            lines.extend(serde_json::from_slice::<JournalLine>(&line).ok());
        }
        let own: BTreeMap<_, _> = own_parts(&self.record, self.shard, &self.carried).collect();
        lines.retain(|line| {
            let part = own.get(&(line.table, line.number));
            part.is_some_and(|part| line.is_of(part))
        });
        let paths: Vec<PartPath> = lines
            .iter()
            .map(|line| PartPath::parse(&line.part.path))
            .collect::<Result<_>>()?;
        let sizes = self.store.finished(&paths)?;
        let standing = lines.into_iter().zip(sizes);
        let proven: Proven = standing
            .filter(|(line, size)| *size == Some(line.part.bytes))
            .map(|(line, _)| ((line.table, line.number), line.part))
            .collect();
        let open = own_parts(&self.record, self.shard, &self.carried)
            .filter(|(at, _)| !proven.contains_key(at))
            .take(MOST_OPEN)
            .map(|(_, part)| PartPath::parse(&part.path))
            .collect::<Result<Vec<_>>>()?;
        self.store.discard(&open)?;
        fail::point("leftovers.discarded");
        self.found = proven.len();
        let mut status = lock(&self.status);
        status.parts_done = proven.len();
        status.rows_done = proven.values().map(|part| part.rows).sum();
        status.bytes_done = proven.values().map(|part| part.bytes).sum();
        drop(status);
        self.proven = Mutex::new(proven);
        Ok(())
    }

    /// The parts that are to be made, as positions of table and part, in order.
    pub(crate) fn todo(&self) -> Vec<(usize, usize)> {
        let proven = lock(&self.proven);
        own_parts(&self.record, self.shard, &self.carried)
            .map(|(at, _)| at)
            .filter(|at| !proven.contains_key(at))
            .collect()
    }

    /// How many parts an earlier run had proven.
    pub(crate) fn found(&self) -> usize {
        self.found
    }

    /// Rows in these.
    pub(crate) fn found_rows(&self) -> u64 {
        lock(&self.status).rows_done
    }

    /// How the run before ended, where there was one.
    pub(crate) fn last_run(&self) -> Option<&LastRun> {
        self.last_run.as_ref()
    }

    /// Records a part that is finished.
    pub(crate) fn record(&self, table: usize, number: usize, part: &ManifestPart) -> Result<()> {
        fail::point("part.finished");
        let line = JournalLine {
            table,
            number,
            part: part.clone(),
        };
        let json = serde_json::to_vec(&line).map_err(Error::encode("journal"))?;
        let journal = names::journal(&self.record.plan_id, self.shard);
        self.store.log(&journal, &line.key(), &json)?;
        fail::point("journal.written");
        lock(&self.proven).insert((table, number), part.clone());
        let mut status = lock(&self.status);
        status.parts_done += 1;
        status.rows_done += part.rows;
        status.rows_this_run += part.rows;
        status.bytes_done += part.bytes;
        Ok(())
    }

    /// Shows that this process lives, and how far it has come.
    ///
    /// # Errors
    /// [`Error::InUse`] when another process has taken over.
    pub(crate) fn beat(&self) -> Result<()> {
        // Another failure is no reason to end: the next heartbeat may get through.
        if let Err(taken @ Error::InUse { .. }) = self.claim.beat() {
            return Err(taken);
        }
        self.show();
        Ok(())
    }

    /// Shows how far this process has come.
    fn show(&self) {
        let mut status = lock(&self.status).clone();
        // For people only.
        let _ = status.write(self.store);
    }

    /// All parts are proven: gives names, marks, and the manifest, or the shard's record.
    ///
    /// # Errors
    /// [`Error::Incomplete`] with the store's error, while the output is not finished; the store's
    /// error alone, where it is, and only what it replaced could not be removed.
    pub(crate) fn complete(mut self) -> Result<Completed> {
        match self.try_complete() {
            Err(error) => Err(self.interrupted(error, None)),
            Ok(done) => {
                self.claim.give_back()?;
                Ok(done)
            }
        }
    }

    fn try_complete(&self) -> Result<Completed> {
        self.claim.check()?;
        let proven = lock(&self.proven).clone();
        if self.shard.is_whole() {
            let manifest = seal::seal(
                self.store,
                &self.record,
                proven,
                self.base.as_ref(),
                &self.outdated,
            )?;
            return Ok(Completed::Output(Box::new(manifest)));
        }
        let lines: Vec<JournalLine> = proven
            .into_iter()
            .map(|((table, number), part)| JournalLine {
                table,
                number,
                part,
            })
            .collect();
        let id = &self.record.plan_id;
        let record = ShardRecord::new(id, self.shard, lines);
        let json = serde_json::to_vec(&record).map_err(Error::encode("shard"))?;
        let name = names::shard(id, self.shard);
        // Before the record: from then on somebody else may combine, and tidy up.
        self.end(Ending::Finished);
        if self.store.put_new(&name, &json)? == PutNew::Taken {
            return Err(Error::OtherPlan {
                address: self.store.address(),
                expected: "no record of this shard".to_owned(),
                found: format!("`{name}` with other parts"),
            });
        }
        fail::point("shard.written");
        self.store.remove_log(&names::journal(id, self.shard))?;
        Ok(Completed::Shard(record.lines))
    }

    /// Ends a run that did not come to its end: what is proven stays, and the error says what is
    /// pending. Where nothing was proven, nothing stays.
    pub(crate) fn interrupted(self, error: Error, by: Option<String>) -> Error {
        let proven = lock(&self.proven).len();
        // Who has lost the plan to another process has nothing to say any more.
        let is_taken = matches!(error, Error::InUse { .. });
        if is_taken {
            return self.incomplete(proven, error);
        }
        if proven == 0 && self.shard.is_whole() {
            // Nor has who lost it unawares, or cannot know.
            if let Err(lost) = self.claim.check() {
                let is_taken = matches!(lost, Error::InUse { .. });
                return self.incomplete(proven, if is_taken { lost } else { error });
            }
            let _ = seal::withdraw(self.store, &self.record);
            return error;
        }
        if self.todo().is_empty() && self.is_sealed() {
            return error;
        }
        self.end(match (&error, by) {
            (Error::Stopped, by) => Ending::Stopped {
                by: by.unwrap_or_else(|| "its caller".to_owned()),
            },
            _ => Ending::Failed {
                error: chain(&error),
            },
        });
        self.incomplete(proven, error)
    }

    /// Whether the manifest stands, or the shard's record.
    fn is_sealed(&self) -> bool {
        let id = &self.record.plan_id;
        if !self.shard.is_whole() {
            let record = self.store.get(&names::shard(id, self.shard));
            return record.is_ok_and(|record| record.is_some());
        }
        let manifest = latest(self.store).ok().flatten();
        manifest.is_some_and(|manifest| manifest.number > self.record.base && manifest.has_plan(id))
    }

    fn incomplete(&self, proven: usize, error: Error) -> Error {
        let pending = self.todo().into_iter();
        let path = |(table, number): (usize, usize)| {
            let part: &crate::commit::PartRecord = &self.record.tables[table].parts[number];
            part.path.clone()
        };
        Error::Incomplete {
            proven,
            pending: pending.map(path).collect(),
            source: Box::new(error),
        }
    }

    /// Puts the plan aside, with what is proven, until others are ready too.
    pub(crate) fn park(self) -> Parked {
        Parked {
            proven: std::mem::take(&mut *lock(&self.proven)),
            record: self.record,
        }
    }

    fn end(&self, ending: Ending) {
        let mut status = lock(&self.status).clone();
        status.ended = Some(ending);
        // For people only.
        let _ = status.write(self.store);
    }
}

/// What a run has brought about.
pub(crate) enum Completed {
    Output(Box<Manifest>),
    Shard(Vec<JournalLine>),
}

/// Claims all shards of plans that are about to be removed, but those that are among `own` already:
/// nobody is at work on them, and nobody begins before they are gone.
pub(super) fn claim_all<'s>(
    store: &'s dyn Store,
    records: &[PlanRecord],
    own: &[&Claim<'_>],
    heartbeat: Duration,
) -> Result<Vec<Claim<'s>>> {
    let mut wanted = Vec::new();
    for record in records {
        let mut shards = vec![Shard::WHOLE];
        for index in 1..=record.shards {
            shards.push(Shard::new(index, record.shards)?);
        }
        shards.dedup();
        wanted.extend(shards.into_iter().map(|shard| (&*record.plan_id, shard)));
    }
    wanted.retain(|&(id, shard)| !own.iter().any(|own| own.is_of(id, shard)));
    Claim::take_all(store, &wanted, heartbeat, own)
}

/// Removes plans, of which the caller has `own`, and returns the claims of all other shards. `None`
/// where they are not what was seen of them any more: who had a claim until now, another shard of this
/// run, may have removed one and begun anew. Then there is nothing to remove, but to look again.
fn remove_plans<'s>(
    store: &'s dyn Store,
    records: &[PlanRecord],
    base: Option<&Manifest>,
    own: &Claim<'_>,
    heartbeat: Duration,
) -> Result<Option<Vec<Claim<'s>>>> {
    let claims = claim_all(store, records, &[own], heartbeat)?;
    for record in records {
        if seal::plan_record(store, &record.plan_id)?.as_ref() != Some(record) {
            return Ok(None);
        }
    }
    for record in records {
        seal::remove_plan(store, record, base)?;
    }
    Ok(Some(claims))
}

/// Whether all parts are there still.
fn are_finished(store: &dyn Store, lines: &[JournalLine]) -> Result<bool> {
    let paths: Vec<PartPath> = lines
        .iter()
        .map(|line| PartPath::parse(&line.part.path))
        .collect::<Result<_>>()?;
    let sizes = store.finished(&paths)?;
    let mut both = lines.iter().zip(sizes);
    Ok(both.all(|(line, size)| size == Some(line.part.bytes)))
}

fn shard_record(
    store: &dyn Store,
    record: &PlanRecord,
    shard: Shard,
) -> Result<Option<ShardRecord>> {
    if shard.is_whole() {
        return Ok(None);
    }
    let json = store.get(&names::shard(&record.plan_id, shard))?;
    let found = json.map(|json| serde_json::from_slice(&json).map_err(Error::encode("shard")));
    found.transpose()
}

/// The parts of a shard, without tables that are there already.
fn own_parts<'r>(
    record: &'r PlanRecord,
    shard: Shard,
    carried: &'r BTreeSet<usize>,
) -> impl Iterator<Item = ((usize, usize), &'r super::PartRecord)> {
    let parts = record.parts().enumerate();
    parts
        .filter(move |(at, (table, ..))| shard.has(*at) && !carried.contains(table))
        .map(|(_, (table, number, part))| ((table, number), part))
}
