//! A process for one measurement: how it is started, and what it does.
//!
//! The peak of memory is that of a process, and one that is killed ends no other. It is this program again
//! with the same arguments and one cell, the question on its stdin; what came of it is on its stdout, as
//! JSON.

use std::env;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lakeseed_star_schema::bench::{Failed, Measured, Outcome, Reason, Turn, measure};
use lakeseed_star_schema::{BytesRead, Error, Stop as EngineStop};

use crate::args::{BenchQueries, Cell};
use crate::error::{Failure, star as star_error};
use crate::log::Log;
use crate::lower::bench::{self as lower, Places};
use crate::report;
use crate::signals::Stop;

/// How often a signal is looked for while a process runs.
const SIGNAL_CHECK: Duration = Duration::from_millis(50);

/// How long a process may take to end by itself: a signal from a terminal reaches it too, and then it
/// removes what it has spilled.
const GRACE: Duration = Duration::from_secs(1);

/// Where the command's own words end among the arguments: `lakeseed bench queries`.
const WORDS: usize = 3;

/// Takes a measurement.
///
/// # Errors
/// When no process can be started, or a signal came.
pub(super) fn start(turn: Turn<'_>, stop: &Stop) -> Result<Outcome> {
    let setting = turn.setting;
    let cell = Cell {
        memory: setting.memory,
        threads: setting.threads as u64,
        partitions: setting.partitions,
    };
    let program = env::current_exe().context("cannot find the program itself")?;
    let mut child = Command::new(program)
        .args(env::args_os().take(WORDS).skip(1))
        .args(["--one", &cell.to_string()])
        .args(env::args_os().skip(WORDS))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start a process for a measurement")?;
    let said = hear(&mut child, &turn.question.sql, stop);
    let status = child.wait().context("cannot wait for a measurement")?;
    if stop.is_raised() {
        let line = format!(
            "stopped by {}; nothing was written; start again",
            stop.name()
        );
        return Err(Failure::stopped(stop.signal().unwrap_or(2), line).into());
    }
    Ok(serde_json::from_slice(&said.out).unwrap_or_else(|_| Err(ended(status, &said.err))))
}

/// What a process has said, on both streams.
struct Said {
    out: Vec<u8>,
    err: Vec<u8>,
}

/// Tells a process its question and listens to its end; a signal to us ends it.
fn hear(child: &mut Child, sql: &str, stop: &Stop) -> Said {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        scope.spawn(move || {
            // A process that does not want its question says why.
            stdin.map(|mut stdin| stdin.write_all(sql.as_bytes()))
        });
        let err = scope.spawn(move || all_of(stderr));
        let (told, out) = channel();
        scope.spawn(move || told.send(all_of(stdout)));
        let mut raised: Option<Instant> = None;
        loop {
            match out.recv_timeout(SIGNAL_CHECK) {
                Err(RecvTimeoutError::Timeout) if !stop.is_raised() => {}
                Err(RecvTimeoutError::Timeout) => {
                    if raised.get_or_insert_with(Instant::now).elapsed() >= GRACE {
                        // It may have ended already.
                        let _ = child.kill();
                    }
                }
                heard => {
                    return Said {
                        out: heard.unwrap_or_default(),
                        err: err.join().unwrap_or_default(),
                    };
                }
            }
        }
    })
}

fn all_of(stream: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What came before a stream broke off is all there is.
    let _ = stream.map(|mut stream| stream.read_to_end(&mut bytes));
    bytes
}

/// What became of a process that has said nothing that is understood.
fn ended(status: ExitStatus, err: &[u8]) -> Failed {
    if let Some(signal) = status.signal() {
        let why = if signal == 9 {
            ", as the kernel does for want of memory"
        } else {
            ""
        };
        return Failed {
            reason: Reason::Killed,
            line: format!("its process was ended by signal {signal}{why}"),
        };
    }
    let err = String::from_utf8_lossy(err);
    let last = err.lines().next_back().unwrap_or("it said nothing");
    Failed {
        reason: Reason::Other,
        line: last.trim_start_matches("error: ").to_owned(),
    }
}

/// Is that process: answers the question of stdin in one setting, and says what it took.
pub(super) fn answer(args: &BenchQueries, cell: Cell, stop: &Stop, log: &Log) -> Result<()> {
    let mut sql = String::new();
    let read = std::io::stdin().lock().read_to_string(&mut sql);
    read.context("cannot read the question from stdin")?;
    let outcome = match lower::means(args, cell) {
        Err(error) => Err(failed(Reason::Memory, error)),
        Ok(settings) => {
            let (engine_stop, read) = (EngineStop::new(), BytesRead::default());
            let measured: Result<Measured> = stop.handed_to(&engine_stop, || {
                measure(&sql, &read, &engine_stop, || {
                    Places::open(args, log)?.queries(&sql, &settings, &read)
                })
            });
            measured.map_err(of_answering)
        }
    };
    report::json(&outcome)
}

/// What an error says of its question.
fn of_answering(error: anyhow::Error) -> Failed {
    let of_engine = star_error::find(error.as_ref());
    let (reason, error) = match of_engine {
        Some(found) => {
            let reason = match found {
                Error::Query { .. } | Error::Engine { .. } => Reason::Question,
                Error::Exhausted { .. } => Reason::Memory,
                Error::Stopped => Reason::Killed,
                _ => Reason::Other,
            };
            (reason, star_error::of_query(found).into())
        }
        // A table that is not there.
        None => match error.downcast::<Failure>() {
            Ok(failure) if failure.code() == 2 => (Reason::Question, failure.into()),
            Ok(failure) => (Reason::Other, failure.into()),
            Err(error) => (Reason::Other, error),
        },
    };
    failed(reason, error)
}

fn failed(reason: Reason, error: anyhow::Error) -> Failed {
    let failure = Failure::of(error);
    let line = failure.line().unwrap_or_default();
    Failed {
        reason,
        line: line.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}
