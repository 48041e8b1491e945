//! A table whose cells are the darker the greater their values are, which stand in them.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::html::{Text, grouped, words};
use crate::answer::Answer;

/// The most rows and columns; a larger answer is whole in its table.
const MOST_ROWS: usize = 120;
const MOST_COLUMNS: usize = 60;
/// With more columns than this their names stand upright.
const UPRIGHT: usize = 14;

/// A cell: its text, and where its value lies among those that it is compared with, from -1 to 1.
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) part: Option<f64>,
}

/// Rows with their names, columns with theirs.
pub(super) struct Grid {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<(String, BTreeMap<usize, Cell>)>,
    /// Whether the names of the columns stand upright.
    pub(super) is_upright: bool,
    /// What is left out.
    pub(super) hidden: usize,
}

pub(super) fn draw(out: &mut String, answer: &Answer) {
    let grid = match answer.across() {
        Some(across) => laid_across(answer, across),
        None => as_it_is(answer),
    };
    let label = answer.columns().nth(answer.label()).unwrap_or_default();
    figure(out, &answer.spec().about, &words(label), &grid);
}

/// The table as a figure. `about` says what it is to who does not see it, `label` what its rows are.
pub(super) fn figure(out: &mut String, about: &str, label: &str, grid: &Grid) {
    let upright = if grid.is_upright { " upright" } else { "" };
    let _ = write!(
        out,
        "<figure>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{about}\">\
         <table class=\"shaded{upright}\">\n<thead><tr><th scope=\"col\">{label}</th>",
        about = Text(about),
        label = Text(label),
    );
    for column in &grid.columns {
        let _ = write!(out, "<th scope=\"col\"><span>{}</span></th>", Text(column));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for (name, cells) in &grid.rows {
        let _ = write!(out, "<tr><th scope=\"row\">{}</th>", Text(name));
        for at in 0..grid.columns.len() {
            match cells.get(&at) {
                Some(Cell {
                    text,
                    part: Some(part),
                }) => {
                    let class = if *part < 0.0 { " class=\"minus\"" } else { "" };
                    let text = Text(text);
                    let _ = write!(
                        out,
                        "<td{class} style=\"--s:{:.2}\">{text}</td>",
                        part.abs()
                    );
                }
                Some(cell) => {
                    let _ = write!(out, "<td>{}</td>", Text(&cell.text));
                }
                None => out.push_str("<td></td>"),
            }
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table></div>\n");
    if grid.hidden > 0 {
        let hidden = grouped(grid.hidden as u64);
        let _ = writeln!(
            out,
            "<figcaption>{hidden} more are in the table.</figcaption>"
        );
    }
    out.push_str("</figure>\n");
}

/// The numbers of a row each in its own column, compared within it.
fn as_it_is(answer: &Answer) -> Grid {
    let names: Vec<&str> = answer.columns().collect();
    let shown: Vec<usize> = (0..names.len())
        .filter(|at| *at != answer.label())
        .take(MOST_COLUMNS)
        .collect();
    let greatest = |at: usize| {
        let numbers = (0..answer.rows()).filter_map(|row| answer.number(row, at));
        numbers.fold(0.0_f64, |most, number| most.max(number.abs()))
    };
    let greatest: Vec<f64> = shown.iter().map(|at| greatest(*at)).collect();
    let rows = (0..answer.rows().min(MOST_ROWS)).map(|row| {
        let cells = shown.iter().enumerate().map(|(place, at)| {
            let cell = Cell {
                text: answer.text(row, *at),
                part: part(answer.number(row, *at), greatest[place]),
            };
            (place, cell)
        });
        (answer.text(row, answer.label()), cells.collect())
    });
    Grid {
        rows: rows.collect(),
        columns: shown.iter().map(|at| words(names[*at])).collect(),
        is_upright: shown.len() > UPRIGHT,
        hidden: answer.rows().saturating_sub(MOST_ROWS),
    }
}

/// The drawn column alone, its rows laid across by the values of another.
fn laid_across(answer: &Answer, across: usize) -> Grid {
    let (label, value) = (answer.label(), answer.value());
    let numbers = (0..answer.rows()).filter_map(|row| answer.number(row, value));
    let greatest = numbers.fold(0.0_f64, |most, number| most.max(number.abs()));
    // In order of their numbers, where they are numbers; else as they come.
    let mut places: Vec<(Option<f64>, String)> = Vec::new();
    for row in 0..answer.rows() {
        let name = answer.text(row, across);
        if !places.iter().any(|(_, known)| *known == name) {
            places.push((answer.number(row, across), name));
        }
    }
    places.sort_by(|(one, _), (other, _)| match (one, other) {
        (Some(one), Some(other)) => one.total_cmp(other),
        _ => std::cmp::Ordering::Equal,
    });
    places.truncate(MOST_COLUMNS);
    let mut rows: Vec<(String, BTreeMap<usize, Cell>)> = Vec::new();
    let mut hidden = 0;
    for row in 0..answer.rows() {
        let (name, column) = (answer.text(row, label), answer.text(row, across));
        let Some(at) = places.iter().position(|(_, known)| *known == column) else {
            hidden += 1;
            continue;
        };
        let is_of_last = |(last, cells): &(String, BTreeMap<usize, Cell>)| {
            *last == name && !cells.contains_key(&at)
        };
        if !rows.last().is_some_and(is_of_last) {
            if rows.len() == MOST_ROWS {
                hidden += 1;
                continue;
            }
            rows.push((name, BTreeMap::new()));
        }
        if let Some((_, cells)) = rows.last_mut() {
            let cell = Cell {
                text: answer.text(row, value),
                part: part(answer.number(row, value), greatest),
            };
            cells.insert(at, cell);
        }
    }
    Grid {
        is_upright: places.len() > UPRIGHT,
        columns: places.into_iter().map(|(_, name)| name).collect(),
        rows,
        hidden,
    }
}

fn part(number: Option<f64>, greatest: f64) -> Option<f64> {
    let number = number?;
    Some(if greatest > 0.0 {
        number / greatest
    } else {
        0.0
    })
}
