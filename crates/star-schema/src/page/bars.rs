//! A bar a row, with its name and its value above it: lengths are parts of the width, so that letters
//! keep their size on any screen.

use std::fmt::Write;

use super::html::{Text, cut};
use super::{percent, range};
use crate::answer::Answer;

/// The most bars; a longer answer is whole in its table.
const MOST: usize = 30;
/// Pixels of a row, of its letters' foot, and of its bar.
const ROW: usize = 36;
const FOOT: usize = 14;
const BAR: usize = 10;
/// Letters of a name.
const LETTERS: usize = 42;

pub(super) fn draw(out: &mut String, answer: &Answer) {
    let (label, value) = (answer.label(), answer.value());
    let shown = answer.rows().min(MOST);
    let numbers = (0..shown).filter_map(|row| answer.number(row, value));
    let (least, most) = range(numbers);
    let width = most - least;
    let zero = (0.0 - least) / width;
    let name = &answer.spec().name;
    let _ = write!(
        out,
        "<figure>\n<svg class=\"bars\" width=\"100%\" height=\"{height}\" role=\"img\" \
         aria-labelledby=\"{id}-title\">\n<title id=\"{id}-title\">{about}: bars of {shown} rows, \
         largest {largest}</title>\n",
        height = shown * ROW,
        id = Text(name),
        about = Text(&answer.spec().about),
        largest = Text(&answer.short(most)),
    );
    for row in 0..shown {
        let top = row * ROW;
        let _ = write!(
            out,
            "<text x=\"0\" y=\"{y}\">{name}</text><text class=\"value\" x=\"100%\" y=\"{y}\">{text}</text>\
             <rect class=\"track\" x=\"0\" y=\"{bar}\" width=\"100%\" height=\"{BAR}\" rx=\"2\"/>",
            y = top + FOOT,
            bar = top + FOOT + 6,
            name = Text(&cut(&answer.text(row, label), LETTERS)),
            text = Text(&answer.text(row, value)),
        );
        if let Some(number) = answer.number(row, value) {
            let part = number / width;
            let from = if part < 0.0 { zero + part } else { zero };
            let _ = write!(
                out,
                "<rect class=\"bar\" x=\"{}%\" y=\"{}\" width=\"{}%\" height=\"{BAR}\" rx=\"2\"/>",
                percent(from),
                top + FOOT + 6,
                percent(part.abs()),
            );
        }
        out.push('\n');
    }
    out.push_str("</svg>\n");
    if answer.rows() > shown {
        let _ = writeln!(
            out,
            "<figcaption>The first {shown} of {} rows.</figcaption>",
            super::html::grouped(answer.rows() as u64)
        );
    }
    out.push_str("</figure>\n");
}
