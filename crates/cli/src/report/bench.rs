//! Measured questions as tables, and as JSON.

use std::fmt::Write;

use lakeseed_budget::Bytes;
use lakeseed_star_schema::bench::{Recommended, Results, Setting};
use serde::Serialize;

use super::units::grouped;
use super::{Align, Grid};

/// All that is said of results.
#[derive(Debug, Serialize)]
pub(crate) struct Whole<'r> {
    /// The version that measured.
    lakeseed: &'static str,
    #[serde(flatten)]
    results: &'r Results,
    recommended: Option<Recommended>,
    /// What makes `lakeseed sql` run with it.
    flags: Option<String>,
}

impl<'r> Whole<'r> {
    pub(crate) fn of(results: &'r Results) -> Self {
        let recommended = results.recommended();
        Self {
            lakeseed: env!("CARGO_PKG_VERSION"),
            results,
            recommended,
            flags: recommended.map(|found| flags(found.setting)),
        }
    }
}

/// The settings, the questions in one of them, and the recommendation.
pub(crate) fn text(results: &Results) -> String {
    let mut out = String::from("settings, as memory x threads x partitions\n");
    out.push_str(&settings(results));
    let recommended = results.recommended();
    let shown = recommended.map(|found| found.setting);
    let Some(shown) = shown.or_else(|| results.settings.last().copied()) else {
        return out;
    };
    let _ = write!(
        out,
        "\nquestions with {shown}\n{}",
        questions(results, shown)
    );
    // Writing to a string does not fail.
    let _ = match recommended {
        None => write!(out, "\nno setting is recommended: see what failed\n"),
        Some(found) => {
            let slower = (found.seconds / found.fastest_seconds - 1.0) * 100.0;
            let beside = if found.setting == found.fastest {
                "the fastest".to_owned()
            } else {
                format!("{slower:.0} % longer than with {}", found.fastest)
            };
            write!(
                out,
                "\nrecommended: {}: {:.3} s for all questions, {beside}\n  lakeseed sql QUERY {}\n",
                found.setting,
                found.seconds,
                flags(found.setting)
            )
        }
    };
    out
}

fn settings(results: &Results) -> String {
    let mut grid = Grid::new([
        ("setting", Align::Left),
        ("seconds", Align::Right),
        ("spilled", Align::Right),
        ("peak", Align::Right),
        ("failed", Align::Right),
    ]);
    for (at, setting) in results.settings.iter().enumerate() {
        let cells = results
            .questions
            .iter()
            .filter_map(|asked| asked.cells.get(at));
        let figures = cells.clone().filter_map(|cell| cell.outcome.as_ref().ok());
        let spilled = figures.clone().map(|figures| figures.spilled_bytes).sum();
        let peak = figures.filter_map(|figures| figures.peak_bytes).max();
        let over = if cells
            .clone()
            .any(lakeseed_star_schema::bench::Cell::is_over)
        {
            ", too much"
        } else {
            ""
        };
        let seconds = results.seconds(at);
        grid.row([
            setting.to_string(),
            seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.3}")),
            Bytes::new(spilled).to_string(),
            peak.map_or_else(
                || "-".to_owned(),
                |peak| format!("{}{over}", Bytes::new(peak)),
            ),
            cells
                .filter(|cell| cell.outcome.is_err())
                .count()
                .to_string(),
        ]);
    }
    grid.text("  ")
}

fn questions(results: &Results, shown: Setting) -> String {
    let mut grid = Grid::new([
        ("question", Align::Left),
        ("seconds", Align::Right),
        ("rows", Align::Right),
        ("rows read", Align::Right),
        ("bytes read", Align::Right),
        ("spilled", Align::Right),
        ("peak", Align::Right),
    ]);
    for asked in &results.questions {
        let name = asked.question.name.clone();
        let Some(cell) = asked.cells.iter().find(|cell| cell.setting == shown) else {
            continue;
        };
        let size = |bytes: u64| Bytes::new(bytes).to_string();
        let none = String::new;
        grid.row(match &cell.outcome {
            Ok(figures) => [
                name,
                format!("{:.3}", figures.seconds),
                grouped(figures.rows),
                grouped(figures.rows_read),
                size(figures.bytes_read),
                size(figures.spilled_bytes),
                figures.peak_bytes.map_or_else(|| "-".to_owned(), size),
            ],
            Err(failed) => [
                name,
                failed.reason.word().to_owned(),
                none(),
                none(),
                none(),
                none(),
                none(),
            ],
        });
    }
    grid.text("  ")
}

/// A setting as `lakeseed sql` takes it.
fn flags(setting: Setting) -> String {
    let exact = setting.memory.get();
    let short = setting.memory.to_string().replace(' ', "");
    let memory = match short.parse::<Bytes>() {
        Ok(read) if read.get() == exact => short,
        _ => exact.to_string(),
    };
    format!(
        "--memory {memory} --threads {} --partitions {}",
        setting.threads, setting.partitions
    )
}
