//! What came of all measurements: medians, whether answers agree, which setting is enough, and the same
//! as CSV and as a page.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt64Array};
use serde::{Serialize, Serializer};

use super::{Bench, Failed, LeftOut, Measured, Question, Runs, Setting};
use crate::answer::csv;
use crate::page::measured;

/// How much slower than the fastest the recommended setting may be.
const NEAR: f64 = 1.1;

/// What came of all measurements.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Results {
    /// Where the tables are, as the caller says; nothing until it does.
    pub places: Vec<String>,
    /// How often each question was asked in each setting.
    pub repeat: usize,
    /// The settings, the least first.
    pub settings: Vec<Setting>,
    /// What came of each question.
    pub questions: Vec<Answered>,
    /// Questions that were not asked, as the caller says.
    pub left_out: Vec<LeftOut>,
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answered {
    /// What was asked.
    #[serde(flatten)]
    pub question: Question,
    /// A cell a setting, in their order.
    pub cells: Vec<Cell>,
    /// The settings with which the answer is another one than with the first that gives one.
    pub differs: Vec<Setting>,
}

/// What came of a question in a setting.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cell {
    /// With what means.
    #[serde(flatten)]
    pub setting: Setting,
    /// Its figures, or why there are none.
    #[serde(flatten, serialize_with = "as_fields")]
    pub outcome: Result<Figures, Failed>,
}

/// The figures of a cell, of all its measurements.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// The median of their times.
    pub seconds: f64,
    /// The shortest.
    pub fastest: f64,
    /// The longest.
    pub slowest: f64,
    /// Rows of the answer.
    pub rows: u64,
    /// Rows of tables that were read, the most of all measurements.
    pub rows_read: u64,
    /// Bytes of files that were read, the most.
    pub bytes_read: u64,
    /// Bytes that were written to temporary files, the most.
    pub spilled_bytes: u64,
    /// What the engine's operators held at once, the most.
    pub engine_peak_bytes: u64,
    /// What the process held at once, the most; nothing other than on Linux.
    pub peak_bytes: Option<u64>,
    /// The hash of the answer's rows.
    pub answer: String,
}

/// The setting that is enough.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Recommended {
    /// It.
    #[serde(flatten)]
    pub setting: Setting,
    /// What all questions take with it, together.
    pub seconds: f64,
    /// The fastest setting.
    pub fastest: Setting,
    /// What they take with that.
    pub fastest_seconds: f64,
}

impl Results {
    /// `taken` has what came of each question in each setting.
    pub(super) fn new(bench: &Bench, taken: &[Vec<Runs>]) -> Self {
        let questions = bench.questions.iter().zip(taken);
        Self {
            places: Vec::new(),
            repeat: bench.repeat,
            settings: bench.settings.clone(),
            questions: questions
                .map(|(question, cells)| Answered::new(question, &bench.settings, cells))
                .collect(),
            left_out: Vec::new(),
        }
    }

    /// What all questions together take with a setting, by its place; of those that some setting answers.
    /// Nothing where one of them has failed with it.
    pub fn seconds(&self, setting: usize) -> Option<f64> {
        let mut answered = self.questions.iter().filter(|asked| asked.is_answered());
        answered.try_fold(0.0, |sum, asked| {
            let figures = asked.cells.get(setting)?.outcome.as_ref().ok()?;
            Some(sum + figures.seconds)
        })
    }

    /// The least setting that takes at most a tenth longer than the fastest: of those with which no
    /// question failed that another setting answers, and no process held more than it was to. None where
    /// there is no such setting, or answers differ.
    pub fn recommended(&self) -> Option<Recommended> {
        let is_any = self.questions.iter().any(Answered::is_answered);
        let is_one = self.questions.iter().all(|asked| asked.differs.is_empty());
        if !is_any || !is_one {
            return None;
        }
        let keeps_to_it = |at: usize| {
            let mut cells = self
                .questions
                .iter()
                .filter_map(|asked| asked.cells.get(at));
            cells.all(|cell| !cell.is_over())
        };
        let settings = self.settings.iter().copied().enumerate();
        let fit = settings.filter(|(at, _)| keeps_to_it(*at));
        let fit = fit.filter_map(|(at, setting)| Some((setting, self.seconds(at)?)));
        let fit: Vec<(Setting, f64)> = fit.collect();
        let fastest = fit.iter().min_by(|one, other| one.1.total_cmp(&other.1))?;
        let mut near = fit.iter().filter(|(_, time)| *time <= fastest.1 * NEAR);
        near.next().map(|&(setting, seconds)| Recommended {
            setting,
            seconds,
            fastest: fastest.0,
            fastest_seconds: fastest.1,
        })
    }

    /// What went wrong, a line each: questions that were not answered, and answers that differ.
    pub fn problems(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for asked in &self.questions {
            let name = &asked.question.name;
            let mut told: Vec<&Failed> = Vec::new();
            for cell in &asked.cells {
                let Err(failed) = &cell.outcome else { continue };
                if told.contains(&failed) {
                    continue;
                }
                told.push(failed);
                let alike = asked
                    .cells
                    .iter()
                    .filter(|other| other.outcome == cell.outcome);
                let settings = listed(alike.map(|other| other.setting));
                let Failed { reason, line } = failed;
                lines.push(format!("{name}: {reason} with {settings}: {line}"));
            }
            if let Some(first) = asked.cells.iter().find(|cell| cell.outcome.is_ok())
                && !asked.differs.is_empty()
            {
                let others = listed(asked.differs.iter().copied());
                lines.push(format!(
                    "{name}: expected one answer, got another with {others} than with {}; \
                     order it in full, or leave out what the clock or chance gives",
                    first.setting
                ));
            }
        }
        lines
    }

    /// A line a question and setting, after RFC 4180: what is not known is empty.
    pub fn csv(&self) -> String {
        let cells = self.questions.iter().flat_map(|asked| {
            let name = asked.question.name.as_str();
            asked.cells.iter().map(move |cell| (name, cell))
        });
        let cells: Vec<(&str, &Cell)> = cells.collect();
        let texts = |of: &dyn Fn(&str, &Cell) -> Option<String>| -> ArrayRef {
            let texts = cells.iter().map(|(name, cell)| of(name, cell));
            Arc::new(texts.collect::<StringArray>())
        };
        let numbers = |of: &dyn Fn(&Cell) -> Option<u64>| -> ArrayRef {
            Arc::new(
                cells
                    .iter()
                    .map(|(_, cell)| of(cell))
                    .collect::<UInt64Array>(),
            )
        };
        let figures = |of: fn(&Figures) -> Option<u64>| {
            numbers(&|cell| cell.outcome.as_ref().ok().and_then(of))
        };
        let times = |of: fn(&Figures) -> f64| -> ArrayRef {
            let times = cells
                .iter()
                .map(|(_, cell)| cell.outcome.as_ref().ok().map(of));
            Arc::new(times.collect::<Float64Array>())
        };
        let failed =
            |of: fn(&Failed) -> String| texts(&|_, cell| cell.outcome.as_ref().err().map(of));
        let columns = [
            ("question", texts(&|name, _| Some(name.to_owned()))),
            (
                "memory_bytes",
                numbers(&|cell| Some(cell.setting.memory.get())),
            ),
            (
                "threads",
                numbers(&|cell| Some(cell.setting.threads as u64)),
            ),
            (
                "partitions",
                numbers(&|cell| Some(cell.setting.partitions as u64)),
            ),
            ("seconds", times(|figures| figures.seconds)),
            ("fastest", times(|figures| figures.fastest)),
            ("slowest", times(|figures| figures.slowest)),
            ("rows", figures(|figures| Some(figures.rows))),
            ("rows_read", figures(|figures| Some(figures.rows_read))),
            ("bytes_read", figures(|figures| Some(figures.bytes_read))),
            (
                "spilled_bytes",
                figures(|figures| Some(figures.spilled_bytes)),
            ),
            (
                "engine_peak_bytes",
                figures(|figures| Some(figures.engine_peak_bytes)),
            ),
            ("peak_bytes", figures(|figures| figures.peak_bytes)),
            (
                "answer",
                texts(&|_, cell| {
                    cell.outcome
                        .as_ref()
                        .ok()
                        .map(|figures| figures.answer.clone())
                }),
            ),
            ("failed", failed(|failed| failed.reason.to_string())),
            ("line", failed(|failed| failed.line.clone())),
        ];
        // Columns of one length, each: there is nothing that fails.
        let rows = RecordBatch::try_from_iter_with_nullable(
            columns.map(|(name, column)| (name, column, true)),
        );
        rows.map(|rows| csv::text(&rows)).unwrap_or_default()
    }

    /// One HTML file with charts, which asks nobody for anything. The same results give the same bytes.
    pub fn page(&self) -> String {
        measured::page(self)
    }
}

impl Answered {
    fn new(question: &Question, settings: &[Setting], taken: &[Runs]) -> Self {
        let mut runs = taken.iter().flatten().flatten();
        let first = runs.next().map(|measured| &measured.digest);
        let is_other = |runs: &Runs| {
            let mut runs = runs.iter().flatten();
            first.is_some_and(|first| runs.any(|measured| !measured.digest.agrees_with(first)))
        };
        let cells = settings.iter().copied().zip(taken);
        let differs = cells.clone().filter(|(_, runs)| is_other(runs));
        Self {
            question: question.clone(),
            differs: differs.map(|(setting, _)| setting).collect(),
            cells: cells
                .map(|(setting, runs)| Cell {
                    setting,
                    outcome: runs
                        .as_ref()
                        .map_err(Clone::clone)
                        .map(|runs| Figures::new(runs)),
                })
                .collect(),
        }
    }

    /// Whether some setting answers it.
    pub fn is_answered(&self) -> bool {
        self.cells.iter().any(|cell| cell.outcome.is_ok())
    }
}

impl Cell {
    /// Whether the process held more than the setting's memory.
    pub fn is_over(&self) -> bool {
        let peak = self
            .outcome
            .as_ref()
            .ok()
            .and_then(|figures| figures.peak_bytes);
        peak.is_some_and(|peak| peak > self.setting.memory.get())
    }
}

impl Figures {
    fn new(runs: &[Measured]) -> Self {
        let mut times: Vec<f64> = runs.iter().map(|run| run.seconds).collect();
        times.sort_by(f64::total_cmp);
        let most = |of: fn(&Measured) -> u64| runs.iter().map(of).max().unwrap_or_default();
        Self {
            seconds: median(&times),
            fastest: times.first().copied().unwrap_or_default(),
            slowest: times.last().copied().unwrap_or_default(),
            rows: most(|run| run.rows),
            rows_read: most(|run| run.rows_read),
            bytes_read: most(|run| run.bytes_read),
            spilled_bytes: most(|run| run.spilled_bytes),
            engine_peak_bytes: most(|run| run.engine_peak_bytes),
            peak_bytes: runs.iter().filter_map(|run| run.peak_bytes).max(),
            answer: runs
                .first()
                .map_or_else(String::new, |run| run.digest.hash().to_owned()),
        }
    }
}

/// Of sorted times.
fn median(times: &[f64]) -> f64 {
    let half = times.len() / 2;
    match times {
        [] => 0.0,
        _ if times.len() % 2 == 1 => times[half],
        _ => f64::midpoint(times[half - 1], times[half]),
    }
}

fn listed(settings: impl Iterator<Item = Setting>) -> String {
    settings
        .map(|setting| setting.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

/// Figures as fields beside those of the setting; a failure as the one field `failed`.
fn as_fields<S: Serializer>(
    outcome: &Result<Figures, Failed>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct NoFigures<'f> {
        failed: &'f Failed,
    }
    match outcome {
        Ok(figures) => figures.serialize(serializer),
        Err(failed) => NoFigures { failed }.serialize(serializer),
    }
}

#[cfg(test)]
mod tests {
    use lakeseed_budget::MIB;

    use super::super::{Digest, Reason};
    use super::*;

    fn digest(hash: &str) -> Digest {
        let digest = format!(r#"{{"rows":1,"hash":"{hash}","floats":[]}}"#);
        serde_json::from_str(&digest).unwrap()
    }

    fn measured(seconds: f64, hash: &str) -> Measured {
        Measured {
            seconds,
            rows: 1,
            rows_read: 10,
            bytes_read: 100,
            spilled_bytes: 0,
            engine_peak_bytes: 0,
            peak_bytes: Some(100 << 20),
            digest: digest(hash),
        }
    }

    fn failed(reason: Reason) -> Failed {
        let line = format!("a \"line\", {reason}");
        Failed { reason, line }
    }

    fn bench(questions: &[&str], settings: &[(u64, usize)]) -> Bench {
        let settings = settings.iter().map(|&(memory, threads)| Setting {
            memory: memory * MIB,
            threads,
            partitions: 1,
        });
        Bench {
            questions: questions
                .iter()
                .map(|name| Question::new(*name, "SELECT 1"))
                .collect(),
            settings: settings.collect(),
            repeat: 3,
        }
    }

    #[test]
    fn the_least_setting_near_the_fastest_is_recommended() {
        let bench = bench(&["a", "b"], &[(128, 1), (256, 1), (256, 2), (512, 2)]);
        let once = |seconds| Ok(vec![measured(seconds, "x")]);
        // The first has failed, the second is too slow, the last is the fastest by a little.
        let taken = vec![
            vec![
                Err(failed(Reason::Memory)),
                once(2.0),
                once(1.0),
                once(0.95),
            ],
            vec![once(0.1), once(2.0), once(1.0), once(0.95)],
        ];
        let results = Results::new(&bench, &taken);
        assert_eq!(results.seconds(0), None);
        let found = results.recommended().unwrap();
        assert_eq!(
            (found.setting, found.fastest),
            (bench.settings[2], bench.settings[3])
        );
        assert!((found.seconds - 2.0).abs() < 1e-12, "{found:?}");
        // One that nothing answers counts for none of them; the failure is told.
        let mut broken = taken.clone();
        broken[0].fill(Err(failed(Reason::Question)));
        let results = Results::new(&bench, &broken);
        assert_eq!(results.recommended().unwrap().setting, bench.settings[0]);
        let all = "128 MiB x 1 x 1, 256 MiB x 1 x 1, 256 MiB x 2 x 1, 512 MiB x 2 x 1";
        let line = format!("a: unanswerable with {all}: a \"line\", unanswerable");
        assert_eq!(results.problems(), [line]);
        // A process that holds too much is none to recommend.
        let mut over = taken.clone();
        over[0][2] = Ok(vec![Measured {
            peak_bytes: Some(257 << 20),
            ..measured(1.0, "x")
        }]);
        let results = Results::new(&bench, &over);
        assert_eq!(results.recommended().unwrap().setting, bench.settings[3]);
        // Neither is anything where answers differ.
        let mut other = taken;
        other[1][3] = Ok(vec![measured(0.95, "x"), measured(0.95, "y")]);
        let results = Results::new(&bench, &other);
        assert_eq!(results.recommended(), None);
        assert_eq!(results.questions[1].differs, [bench.settings[3]]);
        assert!(results.problems()[1].contains("another with 512 MiB x 2 x 1 than with 128 MiB"));
    }

    #[test]
    fn times_are_medians_and_csv_has_a_line_a_cell() {
        let bench = bench(&["a,b"], &[(256, 1), (256, 2)]);
        let runs = [3.5, 0.25, 1.5]
            .map(|seconds| measured(seconds, "x"))
            .to_vec();
        let results = Results::new(&bench, &[vec![Ok(runs), Err(failed(Reason::Killed))]]);
        let csv = results.csv();
        let mut lines = csv.lines().skip(1);
        assert_eq!(
            lines.next().unwrap(),
            "\"a,b\",268435456,1,1,1.5,0.25,3.5,1,10,100,0,0,104857600,x,,"
        );
        assert_eq!(
            lines.next().unwrap(),
            "\"a,b\",268435456,2,1,,,,,,,,,,,killed,\"a \"\"line\"\", killed\""
        );
        assert_eq!(lines.next(), None);
        let json = serde_json::to_value(&results).unwrap();
        assert_eq!(json["questions"][0]["name"], "a,b");
        assert_eq!(json["questions"][0]["cells"][0]["seconds"], 1.5);
        assert_eq!(
            json["questions"][0]["cells"][1]["failed"]["reason"],
            "killed"
        );
        assert!((median(&[1.0, 2.0]) - 1.5).abs() < 1e-12);
    }
}
