//! Rounds: a load cut into equal shares, one after the other, with the time that each takes.

use std::time::Instant;

use serde::Serialize;

use super::plan::LoadPlan;
use super::report::Loaded;
use super::workers::Task;

/// A round of a load: its share of each table that grows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Round {
    /// From 1 on.
    pub number: u64,
    /// All rows of the round that stand.
    pub rows: u64,
    /// Rows of these that this run has added. Where they are fewer, earlier runs had added the others,
    /// and the times are not those of a whole round.
    pub made_rows: u64,
    /// From the round's first part to the end of its last one.
    pub seconds: f64,
    /// Seconds of all workers together in which rows were made and encoded.
    pub making_seconds: f64,
    /// Seconds of all workers together in which the database was waited for: to connect, to take rows,
    /// to commit.
    pub waiting_seconds: f64,
}

impl Round {
    /// Whether this run has added all of its rows: its times are those of the round then.
    pub fn is_timed(&self) -> bool {
        self.made_rows == self.rows
    }
}

/// How the time of a round changes from one to the next: the slope of the least squares' line.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Growth {
    /// Rounds that were timed.
    pub rounds: usize,
    /// The mean time of one, in seconds.
    pub mean_seconds: f64,
    /// By how much of the mean a round takes longer than the one before: 0.01 is one in a hundred.
    pub per_round: f64,
    /// The standard error of that, in the same unit.
    pub standard_error: f64,
}

impl Growth {
    /// The growth over the rounds that were timed, by their numbers; none for less than three.
    ///
    /// # Example
    /// ```
    /// use lakeseed_sink::databases::{Growth, Round};
    ///
    /// let round = |number: u64, seconds: f64| Round {
    ///     number,
    ///     rows: 10,
    ///     made_rows: 10,
    ///     seconds,
    ///     making_seconds: 0.0,
    ///     waiting_seconds: 0.0,
    /// };
    /// let growth = Growth::of(&[round(1, 1.0), round(2, 1.5), round(3, 2.0)]).unwrap();
    /// assert!((growth.per_round - 0.5 / 1.5).abs() < 1e-12);
    /// assert!(growth.standard_error < 1e-12);
    /// assert!(!growth.is_nil());
    /// ```
    pub fn of(rounds: &[Round]) -> Option<Self> {
        let timed = rounds.iter().filter(|round| round.is_timed());
        let points: Vec<(f64, f64)> = timed
            .map(|round| (round.number as f64, round.seconds))
            .collect();
        let count = points.len();
        if count < 3 {
            return None;
        }
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count as f64;
        let (middle, mean_seconds) = (mean(|point| point.0), mean(|point| point.1));
        let (mut spread, mut together) = (0.0, 0.0);
        for (number, seconds) in &points {
            spread += (number - middle) * (number - middle);
            together += (number - middle) * (seconds - mean_seconds);
        }
        let slope = together / spread;
        let off = |(number, seconds): &(f64, f64)| {
            let off = seconds - mean_seconds - slope * (number - middle);
            off * off
        };
        let variance = points.iter().map(off).sum::<f64>() / (count - 2) as f64;
        Some(Self {
            rounds: count,
            mean_seconds,
            per_round: slope / mean_seconds,
            standard_error: (variance / spread).sqrt() / mean_seconds,
        })
    }

    /// Whether it is nil within noise: less than two standard errors away.
    pub fn is_nil(&self) -> bool {
        self.per_round.abs() <= 2.0 * self.standard_error
    }
}

/// Parts that are loaded at the same time: by steps, one after the other.
pub(super) struct Wave {
    /// Counted from 0; none before the first round.
    round: Option<usize>,
    pub(super) steps: Vec<Vec<Task>>,
}

impl Wave {
    /// What is before a plan's rounds, which is all where it has none, and then its rounds. `is_todo`
    /// chooses parts. Where tables were there before they may have foreign keys, so `in_order` has
    /// parents stand first.
    pub(super) fn of(
        plan: &LoadPlan<'_>,
        is_todo: &dyn Fn(Task) -> bool,
        in_order: bool,
    ) -> Vec<Self> {
        let rounds = plan.rounds().map_or(0, |rounds| rounds as usize);
        let mut waves = Vec::new();
        for round in std::iter::once(None).chain((0..rounds).map(Some)) {
            let mut steps = Vec::new();
            for (at, table) in plan.tables().iter().enumerate() {
                let parts = table.rows.parts_of_round(round);
                let tasks = parts.map(|part| Task { table: at, part });
                steps.push(tasks.filter(|task| is_todo(*task)).collect());
            }
            if !in_order {
                steps = vec![steps.concat()];
            }
            waves.push(Self { round, steps });
        }
        waves
    }
}

/// A round on its way.
pub(super) struct Timed {
    started: Instant,
    made_rows: u64,
    making_seconds: f64,
    waiting_seconds: f64,
}

impl Timed {
    pub(super) fn begin(loaded: &Loaded) -> Self {
        Self {
            started: Instant::now(),
            made_rows: loaded.made_rows,
            making_seconds: loaded.making_seconds,
            waiting_seconds: loaded.waiting_seconds,
        }
    }

    /// Adds the round to what the load has done, where the wave is one.
    pub(super) fn end(self, wave: &Wave, plan: &LoadPlan<'_>, loaded: &mut Loaded) {
        let Some(round) = wave.round else { return };
        let tables = plan.tables().iter();
        loaded.rounds.push(Round {
            number: round as u64 + 1,
            rows: tables.map(|table| table.rows.rows_of_round(round)).sum(),
            made_rows: loaded.made_rows - self.made_rows,
            seconds: self.started.elapsed().as_secs_f64(),
            making_seconds: loaded.making_seconds - self.making_seconds,
            waiting_seconds: loaded.waiting_seconds - self.waiting_seconds,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(number: u64, seconds: f64, made_rows: u64) -> Round {
        Round {
            number,
            rows: 10,
            made_rows,
            seconds,
            making_seconds: 0.0,
            waiting_seconds: 0.0,
        }
    }

    #[test]
    fn noise_is_no_growth_and_growth_is_no_noise() {
        let noisy = |slope: f64| -> Vec<Round> {
            let time =
                |at: u64| 1.0 + slope * at as f64 + if at.is_multiple_of(2) { 0.1 } else { 0.0 };
            (1..=50).map(|at| round(at, time(at), 10)).collect()
        };
        assert!(Growth::of(&noisy(0.0)).unwrap().is_nil());
        // 0.87 % of the mean, as the program grew that the experiment is from.
        let grown = Growth::of(&noisy(0.0115)).unwrap();
        assert!(!grown.is_nil());
        assert!((grown.per_round - 0.0087).abs() < 0.0005, "{grown:?}");
    }

    #[test]
    fn rounds_that_stood_before_are_left_out() {
        let mut rounds = vec![round(1, 100.0, 3), round(2, 0.0, 0)];
        rounds.extend((3..6).map(|at| round(at, 1.0, 10)));
        let growth = Growth::of(&rounds).unwrap();
        assert_eq!((growth.rounds, growth.mean_seconds), (3, 1.0));
        assert!(Growth::of(&rounds[..4]).is_none());
    }
}
