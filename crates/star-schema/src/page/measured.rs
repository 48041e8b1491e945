//! Measured questions as a page: a table of all times, shaded, and bars a setting for each question.

use std::fmt::Write;

use lakeseed_budget::Bytes;

use super::bars::{self, Bar};
use super::html::{Text, grouped};
use super::shaded::{self, Grid};
use crate::bench::{Answered, Cell, Results};

/// The ids and titles of the sections of all questions.
const ALL: (&str, &str) = ("all-times", "All times");
const TOGETHER: (&str, &str) = ("all-questions", "All questions together");
/// With more settings than this their names stand upright: they are long.
const UPRIGHT: usize = 4;

pub(crate) fn page(results: &Results) -> String {
    let mut out = String::new();
    let runs = if results.repeat == 1 { "run" } else { "runs" };
    let about = format!(
        "{} questions in {} settings of memory, threads and partitions: medians of {} {runs}, a process each, \
         files in the memory of the system.",
        results.questions.len(),
        results.settings.len(),
        results.repeat
    );
    super::begin(&mut out, "Queries, measured", &about);
    if !results.places.is_empty() {
        let places = results.places.join(", ");
        let _ = writeln!(
            out,
            "<p class=\"origin\">Tables of <b>{}</b></p>",
            Text(&places)
        );
    }
    out.push_str("</header>\n");
    cards(&mut out, results);
    // A file may have any name, and an id may not.
    let ids: Vec<String> = (1..=results.questions.len())
        .map(|number| format!("question-{number}"))
        .collect();
    let titles = results.questions.iter();
    let titles = titles.map(|asked| asked.question.title.as_str());
    let sections = ids.iter().map(String::as_str).zip(titles);
    super::contents(&mut out, [ALL, TOGETHER].into_iter().chain(sections));
    out.push_str("<main>\n");
    problems(&mut out, results);
    begin_section(&mut out, ALL);
    out.push_str(
        "<p class=\"note\">Seconds, by memory x threads x partitions. A row is the darker the longer \
         its question takes.</p>\n",
    );
    shaded::figure(&mut out, ALL.1, "question", &grid(results));
    out.push_str("</section>\n");
    begin_section(&mut out, TOGETHER);
    let bars = results.settings.iter().enumerate().map(|(at, setting)| {
        let seconds = results.seconds(at);
        Bar {
            name: setting.to_string(),
            text: seconds.map_or_else(|| "not all are answered".to_owned(), with_unit),
            number: seconds,
        }
    });
    out.push_str("<figure>\n");
    let bars: Vec<Bar> = bars.collect();
    bars::svg(&mut out, TOGETHER.0, TOGETHER.1, &bars, with_unit);
    out.push_str("</figure>\n</section>\n");
    for (id, asked) in ids.iter().zip(&results.questions) {
        section(&mut out, id, asked);
    }
    out.push_str("</main>\n");
    super::end(&mut out);
    out
}

/// The recommended setting and the fastest.
fn cards(out: &mut String, results: &Results) {
    let Some(found) = results.recommended() else {
        return;
    };
    out.push_str("<section class=\"cards\" aria-label=\"Recommended\">\n");
    for (title, setting, seconds) in [
        ("Recommended", found.setting, found.seconds),
        ("Fastest", found.fastest, found.fastest_seconds),
    ] {
        let _ = write!(
            out,
            "<article>\n<h2>{title}</h2>\n<p class=\"figure\">{}</p>\n<dl><div><dt>threads</dt>\
             <dd>{}</dd></div><div><dt>partitions</dt><dd>{}</dd></div><div><dt>all questions</dt>\
             <dd>{}</dd></div></dl>\n</article>\n",
            setting.memory,
            setting.threads,
            setting.partitions,
            with_unit(seconds)
        );
    }
    out.push_str("</section>\n");
}

fn problems(out: &mut String, results: &Results) {
    for line in results.problems() {
        let _ = writeln!(out, "<p class=\"note\">{}</p>", Text(&line));
    }
    for left in &results.left_out {
        let missing = left.missing.join(", ");
        let _ = writeln!(
            out,
            "<p class=\"note\">{} was left out: there is no {}.</p>",
            Text(&left.name),
            Text(&missing)
        );
    }
}

fn begin_section(out: &mut String, (id, title): (&str, &str)) {
    let (id, title) = (Text(id), Text(title));
    let _ = write!(out, "<section id=\"{id}\">\n<h2>{title}</h2>\n");
}

/// A row a question, a column a setting.
fn grid(results: &Results) -> Grid {
    let rows = results.questions.iter().map(|asked| {
        let times = asked.cells.iter().filter_map(seconds);
        let longest = times.fold(0.0_f64, f64::max);
        let cells = asked.cells.iter().enumerate().map(|(at, cell)| {
            let part = seconds(cell).map(|seconds| {
                if longest > 0.0 {
                    seconds / longest
                } else {
                    0.0
                }
            });
            let text = shown(cell, plain);
            (at, shaded::Cell { text, part })
        });
        (asked.question.title.clone(), cells.collect())
    });
    Grid {
        rows: rows.collect(),
        columns: results.settings.iter().map(ToString::to_string).collect(),
        is_upright: results.settings.len() > UPRIGHT,
        hidden: 0,
    }
}

fn section(out: &mut String, id: &str, asked: &Answered) {
    let question = &asked.question;
    begin_section(out, (id, &question.title));
    let bars = asked.cells.iter().map(|cell| Bar {
        name: cell.setting.to_string(),
        text: shown(cell, with_unit),
        number: seconds(cell),
    });
    out.push_str("<figure>\n");
    let bars: Vec<Bar> = bars.collect();
    bars::svg(out, id, &question.title, &bars, with_unit);
    out.push_str("</figure>\n");
    figures(out, asked);
    let _ = write!(
        out,
        "<details>\n<summary>SQL</summary>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" \
         aria-label=\"SQL of {}\"><pre>{}</pre></div>\n</details>\n</section>\n",
        Text(&question.title),
        lines(&question.sql)
    );
}

/// All figures of a question, folded away.
fn figures(out: &mut String, asked: &Answered) {
    let _ = write!(
        out,
        "<details>\n<summary>Table</summary>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" \
         aria-label=\"Table of {}\"><table>\n<thead><tr><th scope=\"col\">setting</th>",
        Text(&asked.question.title)
    );
    for name in [
        "seconds",
        "fastest",
        "slowest",
        "rows",
        "rows read",
        "bytes read",
        "spilled",
        "peak",
    ] {
        let _ = write!(out, "<th scope=\"col\" class=\"number\">{name}</th>");
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for cell in &asked.cells {
        let _ = write!(out, "<tr><td>{}</td>", cell.setting);
        match &cell.outcome {
            Err(failed) => {
                let _ = write!(
                    out,
                    "<td colspan=\"8\">{}: {}</td>",
                    failed.reason,
                    Text(&failed.line)
                );
            }
            Ok(figures) => {
                let size = |bytes: u64| Bytes::new(bytes).to_string();
                let over = if cell.is_over() { ", too much" } else { "" };
                let peak = figures
                    .peak_bytes
                    .map(|peak| format!("{}{over}", size(peak)));
                for text in [
                    plain(figures.seconds),
                    plain(figures.fastest),
                    plain(figures.slowest),
                    grouped(figures.rows),
                    grouped(figures.rows_read),
                    size(figures.bytes_read),
                    size(figures.spilled_bytes),
                    peak.unwrap_or_default(),
                ] {
                    let _ = write!(out, "<td class=\"number\">{text}</td>");
                }
            }
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table></div>\n</details>\n");
}

fn seconds(cell: &Cell) -> Option<f64> {
    cell.outcome.as_ref().ok().map(|figures| figures.seconds)
}

/// A cell's time, or why there is none.
fn shown(cell: &Cell, time: impl Fn(f64) -> String) -> String {
    match &cell.outcome {
        Ok(figures) => time(figures.seconds),
        Err(failed) => failed.reason.word().to_owned(),
    }
}

fn plain(seconds: f64) -> String {
    format!("{seconds:.3}")
}

fn with_unit(seconds: f64) -> String {
    format!("{seconds:.3} s")
}

/// A text of several lines.
fn lines(text: &str) -> String {
    let lines = text.lines().map(|line| Text(line).to_string());
    lines.collect::<Vec<_>>().join("\n")
}
