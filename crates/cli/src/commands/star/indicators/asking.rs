//! Indicators on their way: families side by side, and those that found too little memory there once
//! more, alone.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use arrow_array::{RecordBatch, RecordBatchIterator};
use lakeseed_sink::{Error, UnitWriter};
use lakeseed_star_schema::query::Family;
use lakeseed_star_schema::{Ask, Error as StarError, Model, Stop as StarStop};

use crate::commands::star::commit;
use crate::log::Log;
use crate::signals::Stop;

/// What is asked, and where answers go.
pub(super) struct Asking<'a> {
    pub(super) model: &'a Model,
    pub(super) asks: &'a [Ask<'a>],
    pub(super) writer: &'a UnitWriter<'a>,
    pub(super) log: &'a Log,
}

impl Asking<'_> {
    /// Writes what is missing, so many families at once.
    pub(super) fn run(
        &self,
        families: Vec<Family>,
        workers: usize,
        stop: &Stop,
    ) -> Result<(), Error> {
        let engine = StarStop::new();
        let done = stop.handed_to(&engine, || {
            let heavy = self.side_by_side(families, workers, &engine)?;
            self.alone(heavy, &engine)
        });
        done.map_err(|error| match error {
            Failed::Asked(error) => commit::as_sink(error, &self.model.name),
            Failed::Written(error) => error,
        })
    }

    /// All of them, each family by whoever is free. Gives those that are to be asked alone.
    fn side_by_side(
        &self,
        mut families: Vec<Family>,
        workers: usize,
        stop: &StarStop,
    ) -> Result<Vec<usize>, Failed> {
        // The large ones are taken first, from the end, so that the last ones end at about the same time.
        let values = |at: &usize| self.asks[*at].values();
        families.sort_by_key(|family| family.members().iter().map(values).sum::<u64>());
        let waiting = Mutex::new(families);
        let heavy: Mutex<Vec<usize>> = Mutex::default();
        let failed: Mutex<Option<Failed>> = Mutex::default();
        let ask = |at: usize| match self.answer(at, stop) {
            Ok(()) => {}
            Err(Failed::Asked(StarError::Exhausted { .. })) if workers > 1 => {
                let name = self.asks[at].name();
                self.log
                    .info(&format!("asks {name} again, alone: too little memory"));
                locked(&heavy).push(at);
            }
            Err(error) => {
                // The others end because this one has.
                locked(&failed).get_or_insert(error);
                stop.raise();
            }
        };
        let work = || {
            loop {
                let Some(family) = locked(&waiting).pop() else {
                    return;
                };
                for &at in family.members() {
                    if stop.is_raised() {
                        return;
                    }
                    ask(at);
                }
            }
        };
        thread::scope(|scope| {
            for _ in 1..workers {
                scope.spawn(work);
            }
            work();
        });
        let failed = locked(&failed).take();
        let heavy = std::mem::take(&mut *locked(&heavy));
        match failed {
            Some(error) => Err(error),
            None if stop.is_raised() => Err(Failed::Asked(StarError::Stopped)),
            None => Ok(heavy),
        }
    }

    /// One after the other, with all of the memory.
    fn alone(&self, mut asks: Vec<usize>, stop: &StarStop) -> Result<(), Failed> {
        asks.sort_unstable();
        asks.into_iter().try_for_each(|at| self.answer(at, stop))
    }

    /// Writes the answer, unless it is there.
    fn answer(&self, at: usize, stop: &StarStop) -> Result<(), Failed> {
        if self.writer.is_done(at, 0) {
            return Ok(());
        }
        let ask = &self.asks[at];
        let rows = ask.rows(stop).map_err(Failed::Asked)?;
        let count: usize = rows.iter().map(RecordBatch::num_rows).sum();
        self.log
            .info(&format!("answered {}: {count} rows", ask.name()));
        let rows = rows.into_iter().map(Ok);
        let mut rows = RecordBatchIterator::new(rows, Arc::clone(ask.schema()));
        let written = self.writer.write(at, 0, &mut rows);
        written.map(drop).map_err(Failed::Written)
    }
}

/// Why there is no answer.
enum Failed {
    Asked(StarError),
    Written(Error),
}

fn locked<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}
