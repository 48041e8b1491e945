//! One question, answered once in this process.

use std::ops::ControlFlow;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use datafusion::common::DataFusionError;
use lakeseed_budget::Peak;
use serde::{Deserialize, Serialize};

use super::digest::{Digest, Digesting};
use crate::engine::scan::engine_error;
use crate::query::Queries;
use crate::{BytesRead, Error, Stop};

/// How often the memory of the process is looked at.
const PEAK_CHECK: Duration = Duration::from_millis(5);

/// What it took to answer a question once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// From before the tables are opened to the last row of the answer.
    pub seconds: f64,
    /// Rows of the answer.
    pub rows: u64,
    /// Rows of tables that were read.
    pub rows_read: u64,
    /// Bytes of files that were read, footers and heads included.
    pub bytes_read: u64,
    /// Bytes that were written to temporary files.
    pub spilled_bytes: u64,
    /// The most that the engine's operators held at once.
    pub engine_peak_bytes: u64,
    /// The most that the process held at once, of resident anonymous memory; nothing other than on Linux.
    pub peak_bytes: Option<u64>,
    /// What was answered.
    pub digest: Digest,
}

/// Answers a question and measures it. `open` opens the tables, whose bytes `read` counts.
///
/// The peak is that of the whole process: where it is to be that of the question, nothing else runs in the
/// process, and nothing has run before.
///
/// ```
/// use lakeseed_gen_core::{Dataset, Settings};
/// use lakeseed_star_schema::bench::measure;
/// use lakeseed_star_schema::query::{Queries, QuerySettings};
/// use lakeseed_star_schema::{BytesRead, Error, Stop};
///
/// let retail = Dataset::new("retail", &Settings::new().scale(0.01))?;
/// let sql = "SELECT count(*) AS n FROM invoices WHERE item_count > 0";
/// let measured = measure(sql, &BytesRead::default(), &Stop::new(), || {
///     let mut queries = Queries::new(&QuerySettings::default())?;
///     queries.register("retail", &retail)?;
///     Ok::<_, Error>(queries)
/// })?;
/// assert_eq!((measured.rows, measured.rows_read), (1, 30_000));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// What `open` says, and what [`Queries::prepare`] and [`Query::run`](crate::query::Query::run) do.
pub fn measure<E: From<Error>>(
    sql: &str,
    read: &BytesRead,
    stop: &Stop,
    open: impl FnOnce() -> Result<Queries, E>,
) -> Result<Measured, E> {
    let peak = Peak::new();
    let before = read.get();
    let started = Instant::now();
    let (report, digest, time) = while_watched(&peak, || {
        let queries = open()?;
        let query = queries.prepare(sql)?;
        let failed =
            |cause| engine_error("query", DataFusionError::ArrowError(Box::new(cause), None));
        let mut digesting = Digesting::new(&query.schema()).map_err(failed)?;
        let mut wrong = None;
        let report = query.run(stop, |batch| match digesting.add(&batch) {
            Ok(()) => ControlFlow::Continue(()),
            Err(cause) => {
                wrong = Some(cause);
                ControlFlow::Break(())
            }
        })?;
        match wrong {
            Some(cause) => Err(E::from(failed(cause))),
            None => Ok((report, digesting.finish(), started.elapsed())),
        }
    })?;
    Ok(Measured {
        seconds: time.as_secs_f64(),
        rows: report.rows,
        rows_read: report.rows_read.values().sum(),
        bytes_read: read.get() - before,
        spilled_bytes: report.spilled.get(),
        engine_peak_bytes: report.memory_peak.get(),
        peak_bytes: Some(peak.get().get()).filter(|peak| *peak > 0),
        digest,
    })
}

/// Does some work while another thread looks at the memory of the process.
fn while_watched<T>(peak: &Peak, work: impl FnOnce() -> T) -> T {
    thread::scope(|scope| {
        // Closed where the work ends, however it does.
        let (working, ended) = channel::<()>();
        scope.spawn(move || {
            while ended.recv_timeout(PEAK_CHECK) == Err(RecvTimeoutError::Timeout) {
                peak.tick();
            }
        });
        let done = work();
        peak.tick();
        drop(working);
        done
    })
}
