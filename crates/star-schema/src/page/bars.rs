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

/// A row: its name, its value as a text, and as the number that is drawn.
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) number: Option<f64>,
}

pub(super) fn draw(out: &mut String, answer: &Answer) {
    let (label, value) = (answer.label(), answer.value());
    let shown = answer.rows().min(MOST);
    let bars = (0..shown).map(|row| Bar {
        name: answer.text(row, label),
        text: answer.text(row, value),
        number: answer.number(row, value),
    });
    let bars: Vec<Bar> = bars.collect();
    let spec = answer.spec();
    let largest = |most: f64| answer.short(most);
    out.push_str("<figure>\n");
    svg(out, &spec.name, &spec.about, &bars, largest);
    if answer.rows() > shown {
        let _ = writeln!(
            out,
            "<figcaption>The first {shown} of {} rows.</figcaption>",
            super::html::grouped(answer.rows() as u64)
        );
    }
    out.push_str("</figure>\n");
}

/// The bars alone. `id` is theirs on the page, `about` says what they are to who does not see them, with
/// the greatest value as `short` writes it.
pub(super) fn svg(
    out: &mut String,
    id: &str,
    about: &str,
    bars: &[Bar],
    short: impl Fn(f64) -> String,
) {
    let (least, most) = range(bars.iter().filter_map(|bar| bar.number));
    let width = most - least;
    let zero = (0.0 - least) / width;
    let _ = write!(
        out,
        "<svg class=\"bars\" width=\"100%\" height=\"{height}\" role=\"img\" \
         aria-labelledby=\"{id}-title\">\n<title id=\"{id}-title\">{about}: bars of {shown} rows, \
         largest {largest}</title>\n",
        height = bars.len() * ROW,
        id = Text(id),
        about = Text(about),
        shown = bars.len(),
        largest = Text(&short(most)),
    );
    for (row, bar) in bars.iter().enumerate() {
        let top = row * ROW;
        let _ = write!(
            out,
            "<text x=\"0\" y=\"{y}\">{name}</text><text class=\"value\" x=\"100%\" y=\"{y}\">{text}</text>\
             <rect class=\"track\" x=\"0\" y=\"{foot}\" width=\"100%\" height=\"{BAR}\" rx=\"2\"/>",
            y = top + FOOT,
            foot = top + FOOT + 6,
            name = Text(&cut(&bar.name, LETTERS)),
            text = Text(&bar.text),
        );
        if let Some(number) = bar.number {
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
}
