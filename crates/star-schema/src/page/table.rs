//! The rows of an answer, folded away below its chart.

use std::fmt::Write;

use super::html::{Text, grouped, words};
use crate::answer::Answer;

/// The most rows of a table; the CSV file has all.
const MOST: usize = 500;

pub(super) fn details(out: &mut String, answer: &Answer) {
    let (all, shown) = (answer.rows(), answer.rows().min(MOST));
    let rows = if all == 1 { "row" } else { "rows" };
    let name = &answer.spec().name;
    let _ = write!(
        out,
        "<details>\n<summary>Table, {} {rows}</summary>\n<div class=\"scroll\" tabindex=\"0\" \
         role=\"region\" aria-label=\"Table of {}\"><table>\n<thead><tr>",
        grouped(all as u64),
        Text(&answer.spec().about)
    );
    let class = |at: usize| match answer.format(at) {
        Some(_) => " class=\"number\"",
        None => "",
    };
    for (at, column) in answer.columns().enumerate() {
        let _ = write!(
            out,
            "<th scope=\"col\"{}>{}</th>",
            class(at),
            Text(&words(column))
        );
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    let columns = answer.columns().count();
    for row in 0..shown {
        out.push_str("<tr>");
        for at in 0..columns {
            let text = answer.text(row, at);
            let _ = write!(out, "<td{}>{}</td>", class(at), Text(&text));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table></div>\n");
    let first = if all > shown {
        format!("The first {shown} of {} rows. ", grouped(all as u64))
    } else {
        String::new()
    };
    let _ = write!(
        out,
        "<p>{first}All of them as <a href=\"{file}.csv\">{file}.csv</a>.</p>\n</details>\n",
        file = Text(name)
    );
}
