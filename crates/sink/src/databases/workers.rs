//! Workers: each takes parts, makes their rows, and sends them over a connection of its own.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;

use super::database::{Encode, IsOver, Session};
use super::failure::Failure;
use super::ledger::Line;
use super::load::{Load, Waits};
use super::part::PartReader;
use super::plan::TableToLoad;
use super::report::Loaded;
use crate::error::{Error, Result};
use crate::fail;
use crate::sync::lock;
use crate::totals::Tally;

/// A part of a table that does not stand yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task {
    pub(super) table: usize,
    pub(super) part: u64,
}

/// What the workers of a run share.
pub(super) struct Work<'w> {
    load: &'w Load<'w>,
    loaded: Mutex<&'w mut Loaded>,
    failed: AtomicBool,
    /// The error that counts: the first.
    error: Mutex<Option<Error>>,
}

/// What became of a part.
enum Sent {
    /// It was added: rows, bytes.
    Made(u64, u64),
    /// It stood there already: rows.
    Found(u64),
}

/// Where the time of a worker went.
#[derive(Default)]
struct Times {
    all: Duration,
    waiting: Duration,
}

impl<'w> Work<'w> {
    pub(super) fn new(load: &'w Load<'w>, loaded: &'w mut Loaded) -> Self {
        Self {
            load,
            loaded: Mutex::new(loaded),
            failed: AtomicBool::new(false),
            error: Mutex::new(None),
        }
    }

    fn is_over(&self) -> bool {
        let stopped = self.load.stop;
        self.failed.load(Ordering::Relaxed)
            || stopped.is_some_and(|flag| flag.load(Ordering::Relaxed))
    }

    fn end_with(&self, error: Error) {
        lock(&self.error).get_or_insert(error);
        self.failed.store(true, Ordering::SeqCst);
    }

    /// Counts a part, and tells of it.
    fn count(&self, task: Task, sent: &Sent) {
        let table = &self.load.plan.tables()[task.table];
        let mut loaded = lock(&self.loaded);
        let (rows, bytes) = match *sent {
            Sent::Made(rows, bytes) => {
                loaded.made(task.table, rows, bytes);
                (rows, bytes)
            }
            Sent::Found(rows) => {
                loaded.found(table.name(), rows);
                (rows, 0)
            }
        };
        drop(loaded);
        if let Some(observer) = self.load.observer {
            observer.part_loaded(task.table, &place(table, task.part), rows, bytes);
        }
    }
}

/// A part that waits for its turn, its first rows made, where they could be.
struct Ahead<'w> {
    task: Task,
    reader: Option<PartReader<'w, 'w>>,
}

/// A worker with its connection, which is made when it is needed.
struct Worker<'a, 'w> {
    work: &'a Work<'w>,
    is_over: &'a IsOver<'a>,
    /// Tells what is to be done next, to one worker.
    take: &'a (dyn Fn() -> Option<Task> + Sync),
    session: Option<Box<dyn Session + 'a>>,
    ahead: Option<Ahead<'w>>,
    times: Times,
}

impl<'w> Worker<'_, 'w> {
    /// Loads parts until none is left.
    fn run(&mut self) -> Result<()> {
        loop {
            if self.work.is_over() {
                return Err(Error::Stopped);
            }
            let (task, reader) = match self.ahead.take() {
                Some(Ahead { task, reader }) => (task, reader),
                None => match (self.take)() {
                    Some(task) => (task, None),
                    None => return Ok(()),
                },
            };
            let sent = self.part(task, reader)?;
            self.work.count(task, &sent);
        }
    }

    /// Takes the next part and makes its first rows: the server is still at the last ones of the part
    /// before, and would wait for these.
    fn look_ahead(&mut self) {
        if self.ahead.is_some() {
            return;
        }
        let Some(task) = (self.take)() else {
            return;
        };
        let table = &self.work.load.plan.tables()[task.table];
        // A source that does not open is opened again at its turn, and tells of it then.
        let mut reader = PartReader::open(table, task.part).ok();
        if let Some(reader) = &mut reader {
            reader.begin();
        }
        self.ahead = Some(Ahead { task, reader });
    }

    /// Loads a part; goes on where a connection breaks. Whether it stands is told by the ledger then,
    /// not by an answer that was lost.
    fn part(&mut self, task: Task, mut reader: Option<PartReader<'w, 'w>>) -> Result<Sent> {
        let mut waits: Option<Waits> = None;
        let mut was_double = false;
        let (load, is_over) = (self.work.load, self.is_over);
        let table = &load.plan.tables()[task.table];
        loop {
            let started = Instant::now();
            let sent = self.try_part(table, task.part, reader.take(), waits.is_some());
            self.times.all += started.elapsed();
            let failure = match sent {
                Ok(sent) => return Ok(sent),
                Err(failure) => failure,
            };
            // Its transaction goes with it: nothing of the part is left that was not committed.
            self.session = None;
            let waits = waits.get_or_insert_with(|| Waits::new(load.to.patience()));
            let goes_on = match &failure {
                // Another one has just committed the part, or a stranger's row is in the way: the
                // ledger tells.
                Failure::Double(_) => !std::mem::replace(&mut was_double, true),
                failure => failure.is_passing() && waits.next(is_over),
            };
            if !goes_on {
                let failure = match failure {
                    Failure::Whole(error) => Failure::Whole(table.rows.place(task.part, error)),
                    failure => failure.at(&place(table, task.part)),
                };
                return Err(failure.into_error("load into", load.to.address()));
            }
        }
    }

    fn try_part(
        &mut self,
        table: &'w TableToLoad<'w>,
        part: u64,
        reader: Option<PartReader<'w, 'w>>,
        is_begun: bool,
    ) -> Result<Sent, Failure> {
        let (load, is_over) = (self.work.load, self.is_over);
        if is_over() {
            return Err(Failure::Whole(Error::Stopped));
        }
        let times = &mut self.times;
        let session = match &mut self.session {
            Some(session) => session,
            none => none.insert(waited(times, || load.to.open(is_over))?),
        };
        let run_id = load.plan.id();
        if is_begun && let Some(line) = waited(times, || session.line(run_id, table.name(), part))?
        {
            return Ok(Sent::Found(line.rows));
        }
        // Rows of files are counted from the piece's first: `Rows::place` says of which.
        let first_row = table.rows.first().and(table.part_rows(part).first_row);
        let first_row = first_row.unwrap_or(0);
        let encoder = waited(times, || session.begin_part(table, first_row))?;
        let mut bytes = 0;
        let line = self.rows(table, part, reader, encoder, &mut bytes)?;
        self.look_ahead();
        let (Some(session), times) = (&mut self.session, &mut self.times) else {
            return Err(Failure::Whole(Error::Stopped));
        };
        let taken = waited(times, || session.end_rows())?;
        if taken != line.rows {
            return Err(Failure::Whole(Error::Promise {
                table: table.name().to_owned(),
                expected: format!("{} rows taken by the database", line.rows),
                found: taken.to_string(),
            }));
        }
        fail::point("load.part.sent");
        let first_row = table.part_rows(part).first_row;
        waited(times, || session.record(run_id, first_row, &line))?;
        fail::point("load.part.recorded");
        waited(times, || session.commit())?;
        fail::point("load.part.committed");
        Ok(Sent::Made(line.rows, bytes))
    }

    /// Makes the rows of a part and sends them.
    fn rows(
        &mut self,
        table: &'w TableToLoad<'w>,
        part: u64,
        reader: Option<PartReader<'w, 'w>>,
        mut encoder: Box<dyn Encode + '_>,
        bytes: &mut u64,
    ) -> Result<Line, Failure> {
        let (Some(session), times) = (&mut self.session, &mut self.times) else {
            return Err(Failure::Whole(Error::Stopped));
        };
        let load = self.work.load;
        let mut tally = Tally::try_new(&table.schema).map_err(Failure::Whole)?;
        // What the line failed with, beside what rows failed with.
        let mut lost = None;
        let mut give = |chunk: Vec<u8>| -> Result<()> {
            let length = chunk.len() as u64;
            *bytes += length;
            if let Some(observer) = load.observer {
                observer.bytes(position(load, table), length);
            }
            waited(times, || session.send(chunk)).map_err(|failure| {
                lost = Some(failure);
                Error::Stopped
            })
        };
        let mut each = |batch: &RecordBatch| -> Result<()> {
            tally.add(batch)?;
            encoder.add(batch, &mut give)?;
            if let Some(observer) = load.observer {
                observer.rows(position(load, table), batch.num_rows() as u64);
            }
            Ok(())
        };
        let reader = reader.map_or_else(|| PartReader::open(table, part), Ok);
        let made = reader.and_then(|reader| reader.for_each(self.is_over, &mut each));
        let made = made.and_then(|()| encoder.finish(&mut give));
        match (made, lost) {
            (_, Some(failure)) => Err(failure),
            (Err(error), None) => Err(Failure::Whole(error)),
            (Ok(()), None) => Ok(Line::of(table.name(), part, &tally.take())),
        }
    }
}

fn position(load: &Load<'_>, table: &TableToLoad<'_>) -> usize {
    let tables = load.plan.tables();
    let is_it = |known: &TableToLoad<'_>| known.name() == table.name();
    tables.iter().position(is_it).unwrap_or(0)
}

/// A part, for people and errors.
pub(super) fn place(table: &TableToLoad<'_>, part: u64) -> String {
    format!("table `{}`, {}", table.name(), table.part_rows(part).name)
}

fn waited<T>(times: &mut Times, wait: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let done = wait();
    times.waiting += started.elapsed();
    done
}

/// Has workers take parts until none is left; an error or a panic of one ends the others.
pub(super) fn work_on(work: &Work<'_>, todo: &[Task], workers: usize) -> Result<()> {
    let next = AtomicUsize::new(0);
    let is_over = || work.is_over();
    let take = || todo.get(next.fetch_add(1, Ordering::Relaxed)).copied();
    let one = || -> Result<()> {
        // Before anything is taken: who waits for memory holds up nobody.
        let _lease = work.load.lease()?;
        let mut worker = Worker {
            work,
            is_over: &is_over,
            take: &take,
            session: None,
            ahead: None,
            times: Times::default(),
        };
        let done = worker.run();
        let Times { all, waiting } = worker.times;
        let mut loaded = lock(&work.loaded);
        loaded.making_seconds += all.saturating_sub(waiting).as_secs_f64();
        loaded.waiting_seconds += waiting.as_secs_f64();
        done
    };
    let guarded = || {
        struct EndOthers<'g, 'w>(&'g Work<'w>);
        impl Drop for EndOthers<'_, '_> {
            fn drop(&mut self) {
                if thread::panicking() {
                    self.0.failed.store(true, Ordering::SeqCst);
                }
            }
        }
        let guard = EndOthers(work);
        if let Err(error) = one() {
            work.end_with(error);
        }
        drop(guard);
    };
    thread::scope(|scope| {
        for _ in 1..workers.min(todo.len()) {
            scope.spawn(guarded);
        }
        guarded();
    });
    match lock(&work.error).take() {
        Some(error) => Err(error),
        None => Ok(()),
    }
}
