//! Answers of a star as small tables with bars, for a terminal.

use std::env;
use std::fmt::Write;

use lakeseed_star_schema::{Answer, Chart};

use super::{Align, Grid};

/// The most rows of a table.
const MOST_ROWS: usize = 12;
/// Columns of a terminal that does not say.
const USUAL_WIDTH: usize = 80;
/// Columns of the shortest and of the longest bar of a whole.
const BARS: (usize, usize) = (8, 48);
/// Letters of a name.
const LETTERS: usize = 28;
/// Bars of eighths of a letter's width.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
const INDENT: &str = "  ";

/// How bars are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Screen {
    width: usize,
    /// Whether it shows more than ASCII.
    is_unicode: bool,
}

/// The main ones of some answers.
pub(crate) fn answers(answers: &[Answer]) -> String {
    text(answers, Screen::new())
}

fn text(answers: &[Answer], screen: Screen) -> String {
    let main: Vec<&Answer> = answers
        .iter()
        .filter(|answer| answer.spec().is_main)
        .collect();
    let is_figure = |answer: &&&Answer| answer.spec().chart == Chart::Figure && answer.rows() == 1;
    let mut grid = Grid::new([("", Align::Left), ("", Align::Right)]);
    for answer in main.iter().filter(is_figure) {
        let value = screen.shown(&answer.text(0, answer.value()));
        grid.row([screen.shown(&answer.spec().about), value]);
    }
    let mut text = String::new();
    let figures = grid.body(INDENT);
    if !figures.is_empty() {
        text.push('\n');
        text.push_str(&figures);
    }
    for answer in main.iter().filter(|answer| !is_figure(answer)) {
        table(&mut text, answer, screen);
    }
    text
}

/// One answer: its title, and a line a row.
fn table(text: &mut String, answer: &Answer, screen: Screen) {
    let all = answer.rows();
    let shown = all.min(MOST_ROWS);
    // What follows in time is of interest for its end, all else for its beginning.
    let is_in_time = answer.spec().chart == Chart::Columns;
    let first = if is_in_time { all - shown } else { 0 };
    // Writing to a string does not fail.
    let _ = writeln!(text, "\n{}", screen.shown(&answer.spec().about));
    let rows: Vec<(String, Option<f64>, String)> = (first..first + shown)
        .map(|row| {
            let label = screen.shown(&cut(&answer.text(row, answer.label())));
            let value = screen.shown(&answer.text(row, answer.value()));
            (label, answer.number(row, answer.value()), value)
        })
        .collect();
    let widest = |of: fn(&(String, Option<f64>, String)) -> &String| {
        rows.iter()
            .map(|row| of(row).chars().count())
            .max()
            .unwrap_or(0)
    };
    let taken = INDENT.len() + widest(|row| &row.0) + widest(|row| &row.2) + 4;
    let width = screen.width.saturating_sub(taken + 1).clamp(BARS.0, BARS.1);
    let numbers = rows.iter().filter_map(|row| row.1);
    let most = numbers.fold(0.0_f64, |most, number| most.max(number.abs()));
    let mut grid = Grid::new([("", Align::Left), ("", Align::Right), ("", Align::Left)]);
    for (label, number, value) in rows {
        let part = number
            .filter(|_| most > 0.0)
            .map_or(0.0, |number| number.abs() / most);
        grid.row([label, value, screen.bar(part, width)]);
    }
    text.push_str(&grid.body(INDENT));
    if all > shown {
        let which = if is_in_time { "last" } else { "first" };
        let _ = writeln!(text, "{INDENT}the {which} {shown} of {all}");
    }
}

impl Screen {
    fn new() -> Self {
        Self {
            width: width(),
            is_unicode: is_unicode(),
        }
    }

    /// A text in letters that it has, without any that would command a terminal.
    fn shown(self, text: &str) -> String {
        let plain = |letter: char| match letter {
            letter if letter.is_control() => '?',
            letter if self.is_unicode || letter.is_ascii() => letter,
            '–' => '-',
            '…' => '.',
            _ => '?',
        };
        text.chars().map(plain).collect()
    }

    /// A bar of a part of a width.
    fn bar(self, part: f64, width: usize) -> String {
        if !self.is_unicode {
            return "#".repeat((part * width as f64).round() as usize);
        }
        let eighths = (part * width as f64 * 8.0).round() as usize;
        let mut bar = "█".repeat(eighths / 8);
        bar.push_str(EIGHTHS[eighths % 8]);
        bar
    }
}

/// A name of few letters.
fn cut(text: &str) -> String {
    if text.chars().count() <= LETTERS {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(LETTERS - 1).collect();
    cut.push('…');
    cut
}

/// Columns of the terminal, as it says, or as the shell does.
fn width() -> usize {
    #[cfg(unix)]
    if let Ok(size) = rustix::termios::tcgetwinsize(std::io::stdout())
        && size.ws_col > 0
    {
        return size.ws_col.into();
    }
    let said = env::var("COLUMNS").ok().and_then(|said| said.parse().ok());
    said.filter(|width| *width > 0).unwrap_or(USUAL_WIDTH)
}

/// Whether the locale's letters are those of UTF-8: the first of these that is set decides.
fn is_unicode() -> bool {
    let names = ["LC_ALL", "LC_CTYPE", "LANG"];
    let set = names
        .iter()
        .find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()));
    set.map_or(cfg!(windows), |locale| {
        let locale = locale.to_ascii_lowercase();
        locale.ends_with("utf-8") || locale.ends_with("utf8")
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    use lakeseed_star_schema::Model;

    use super::*;

    fn answer(name: &str, labels: Vec<&str>, numbers: Vec<Option<i64>>) -> Answer {
        let model = Model::builtin("retail").unwrap();
        let mut spec = model.indicator(name).unwrap().clone();
        spec.label = None;
        spec.value = None;
        spec.formats.clear();
        let rows = RecordBatch::try_from_iter([
            ("what", Arc::new(StringArray::from(labels)) as ArrayRef),
            ("revenue", Arc::new(Int64Array::from(numbers))),
        ]);
        let rows = rows.unwrap();
        Answer::new(&model, &spec, &rows.schema(), &[rows]).unwrap()
    }

    const WIDE: Screen = Screen {
        width: 40,
        is_unicode: true,
    };

    #[test]
    fn bars_are_as_long_as_their_values() {
        let states = answer(
            "revenue_by_state",
            vec!["SP", "a\u{1b}[31m–", "RJ"],
            vec![Some(800), Some(450), None],
        );
        // Two for the indent, seven and nine letters, four between, one free: seventeen are left.
        assert_eq!(
            text(std::slice::from_ref(&states), WIDE),
            "\nRevenue by state\n  SP       R$ 800.00  █████████████████\n  a?[31m–  R$ 450.00  █████████▋\n  \
             RJ               –\n"
        );
        let ascii = Screen {
            width: 20,
            is_unicode: false,
        };
        assert_eq!(
            text(&[states], ascii),
            "\nRevenue by state\n  SP       R$ 800.00  ########\n  a?[31m-  R$ 450.00  #####\n  RJ       \
             \u{20}       -\n"
        );
    }

    #[test]
    fn long_answers_are_cut_where_nobody_looks() {
        let labels: Vec<String> = (1..=14).map(|month| format!("m{month}")).collect();
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        let numbers: Vec<Option<i64>> = (1..=14).map(Some).collect();
        let months = text(
            &[answer("revenue_by_month", labels.clone(), numbers.clone())],
            WIDE,
        );
        assert!(
            months.contains("m14") && !months.contains("m2 "),
            "{months}"
        );
        assert!(months.ends_with("the last 12 of 14\n"), "{months}");
        let states = text(&[answer("revenue_by_state", labels, numbers)], WIDE);
        assert!(
            states.contains("m1 ") && !states.contains("m13"),
            "{states}"
        );
        assert!(states.ends_with("the first 12 of 14\n"), "{states}");
        // One that is not main is not shown.
        assert_eq!(
            text(&[answer("tax_by_state", vec!["SP"], vec![Some(1)])], WIDE),
            ""
        );
    }
}
