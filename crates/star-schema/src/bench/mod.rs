//! Questions measured over a matrix of settings: how long each takes, what it reads and holds, and which
//! setting does.
//!
//! ```text
//! questions -> warm-up -> repeat x (settings there, settings back) -> medians -> page, CSV, JSON
//!                              each by the caller's `take`                     -> a setting
//! ```
//! What takes a measurement is the caller's: [`measure()`] does it in this process, and a program that wants
//! the peak of each has a process made for it.

mod digest;
mod measure;
mod question;
mod results;

use std::fmt;

use lakeseed_budget::Bytes;
use serde::{Deserialize, Serialize, Serializer};

pub use self::digest::Digest;
pub use self::measure::{Measured, measure};
pub use self::question::Question;
pub use self::results::{Answered, Cell, Figures, Recommended, Results};

/// With what means a question is answered. The least come first in order: memory, then threads, then
/// partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Setting {
    /// Of the whole process.
    #[serde(rename = "memory_bytes", serialize_with = "as_number")]
    pub memory: Bytes,
    /// Threads that read, filter and aggregate.
    pub threads: usize,
    /// Ranges that a table is cut into.
    pub partitions: usize,
}

impl Setting {
    /// All combinations, each once, the least first.
    ///
    /// ```
    /// use lakeseed_budget::{GIB, MIB};
    /// use lakeseed_star_schema::bench::Setting;
    ///
    /// let settings = Setting::matrix(&[GIB, 256 * MIB], &[1, 2], &[8]);
    /// let shown: Vec<String> = settings.iter().map(ToString::to_string).collect();
    /// assert_eq!(shown, ["256 MiB x 1 x 8", "256 MiB x 2 x 8", "1 GiB x 1 x 8", "1 GiB x 2 x 8"]);
    /// ```
    pub fn matrix(memory: &[Bytes], threads: &[usize], partitions: &[usize]) -> Vec<Self> {
        let mut all = Vec::new();
        for &memory in memory {
            for &threads in threads {
                all.extend(partitions.iter().map(|&partitions| Self {
                    memory,
                    threads,
                    partitions,
                }));
            }
        }
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Memory, threads and partitions: `512 MiB x 2 x 8`.
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} x {} x {}",
            self.memory, self.threads, self.partitions
        )
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn as_number<S: Serializer>(memory: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(memory.get())
}

/// Why a question was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// It cannot be answered as it is written, whatever the setting: no SQL, a name that is not there.
    Question,
    /// The memory of the setting does not carry it.
    Memory,
    /// The process was ended from outside.
    Killed,
    /// Anything else.
    Other,
}

impl Reason {
    /// The same in one word, for a cell of a table.
    pub fn word(self) -> &'static str {
        match self {
            Self::Question => "unanswerable",
            Self::Memory => "memory",
            Self::Killed => "killed",
            Self::Other => "failed",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "out of memory budget",
            other => other.word(),
        })
    }
}

/// A measurement that has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// What kind of an end it was.
    pub reason: Reason,
    /// What was said, in one line.
    pub line: String,
}

/// What came of one measurement.
pub type Outcome = Result<Measured, Failed>;

/// A question that is left out, because tables that it asks are not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Its name.
    pub name: String,
    /// The tables that are not there.
    pub missing: Vec<String>,
}

/// A measurement that is to be taken.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'b> {
    /// What is asked.
    pub question: &'b Question,
    /// With what means.
    pub setting: Setting,
    /// Whether its time does not count: files come into the memory of the system.
    pub is_warm_up: bool,
}

/// What is to be measured.
#[derive(Debug, Clone)]
pub struct Bench {
    /// What is asked.
    pub questions: Vec<Question>,
    /// With what means, the least first, as [`Setting::matrix`] has them.
    pub settings: Vec<Setting>,
    /// How often each question is measured in each setting.
    pub repeat: usize,
}

impl Bench {
    /// How many measurements there are, if none fails.
    pub fn turns(&self) -> usize {
        self.questions.len() * (1 + self.settings.len() * self.repeat)
    }

    /// Takes all measurements, one after the other.
    ///
    /// Each question is answered once with the largest setting, which does not count. Then all are asked
    /// again and again, each in all settings, which come in turn from the least and from the largest: what
    /// drifts meanwhile favours none. A question that fails in a setting is not asked there again, and one
    /// that cannot be answered as it is written nowhere.
    ///
    /// ```
    /// use lakeseed_budget::MIB;
    /// use lakeseed_star_schema::bench::{Bench, Failed, Question, Reason, Setting};
    ///
    /// let bench = Bench {
    ///     questions: vec![Question::new("one", "SELECT 1")],
    ///     settings: Setting::matrix(&[256 * MIB], &[1, 2], &[1]),
    ///     repeat: 3,
    /// };
    /// let results = bench.run(|turn| {
    ///     let line = format!("no process for {}", turn.question.name);
    ///     Ok::<_, std::io::Error>(Err(Failed { reason: Reason::Other, line }))
    /// })?;
    /// assert!(results.recommended().is_none());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// What `take` says: it ends all.
    pub fn run<E>(
        &self,
        mut take: impl FnMut(Turn<'_>) -> Result<Outcome, E>,
    ) -> Result<Results, E> {
        let mut taken = vec![vec![Ok(Vec::new()); self.settings.len()]; self.questions.len()];
        if let Some(&largest) = self.settings.last() {
            for (question, cells) in self.questions.iter().zip(&mut taken) {
                let outcome = take(Turn {
                    question,
                    setting: largest,
                    is_warm_up: true,
                })?;
                match outcome {
                    Err(failed) if failed.reason == Reason::Question => {
                        cells.fill(Err(failed));
                    }
                    _ => {}
                }
            }
        }
        for round in 0..self.repeat {
            for (question, cells) in self.questions.iter().zip(&mut taken) {
                let mut turns: Vec<(&Setting, &mut Runs)> =
                    self.settings.iter().zip(cells).collect();
                if round % 2 == 1 {
                    turns.reverse();
                }
                for (&setting, cell) in turns {
                    let Ok(runs) = cell else { continue };
                    let outcome = take(Turn {
                        question,
                        setting,
                        is_warm_up: false,
                    })?;
                    match outcome {
                        Ok(measured) => runs.push(measured),
                        Err(failed) => *cell = Err(failed),
                    }
                }
            }
        }
        Ok(Results::new(self, &taken))
    }
}

/// The measurements of a question in a setting, or the first that failed.
type Runs = Result<Vec<Measured>, Failed>;
