//! A column a row, from the left: what follows in time. Places are parts of the width.

use std::fmt::Write;

use super::html::{Text, cut};
use super::{percent, range};
use crate::answer::Answer;

/// The most columns; a longer answer is whole in its table, and its last rows are drawn.
const MOST: usize = 60;
/// So many columns have their values above them.
const MOST_VALUES: usize = 12;
/// So many names fit below the columns of a phone.
const MOST_NAMES: usize = 6;
/// Pixels: of all, above the columns, and below them.
const HEIGHT: f64 = 230.0;
const ABOVE: f64 = 22.0;
const BELOW: f64 = 24.0;
/// Letters of a name below a column.
const LETTERS: usize = 10;

pub(super) fn draw(out: &mut String, answer: &Answer) {
    let (label, value) = (answer.label(), answer.value());
    let first = answer.rows().saturating_sub(MOST);
    let count = answer.rows() - first;
    let numbers = (first..answer.rows()).filter_map(|row| answer.number(row, value));
    let (least, most) = range(numbers);
    let name = &answer.spec().name;
    let _ = write!(
        out,
        "<figure>\n<svg class=\"columns\" width=\"100%\" height=\"{HEIGHT}\" role=\"img\" \
         aria-labelledby=\"{id}-title\">\n<title id=\"{id}-title\">{about}: columns of {count} rows, \
         from {begin} to {end}, largest {largest}</title>\n",
        id = Text(name),
        about = Text(&answer.spec().about),
        begin = Text(&answer.text(first, label)),
        end = Text(&answer.text(answer.rows() - 1, label)),
        largest = Text(&answer.short(most)),
    );
    let room = HEIGHT - ABOVE - BELOW;
    let y = |number: f64| ABOVE + room * (most - number) / (most - least);
    for line in [most, f64::midpoint(most, least), least] {
        let _ = write!(
            out,
            "<line x1=\"0\" x2=\"100%\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>",
            at = y(line)
        );
    }
    out.push('\n');
    let step = 1.0 / count as f64;
    let every = count.div_ceil(MOST_NAMES);
    for (at, row) in (first..answer.rows()).enumerate() {
        let left = at as f64 * step;
        let middle = percent(left + step / 2.0);
        if let Some(number) = answer.number(row, value) {
            let (top, foot) = (y(number.max(0.0)), y(number.min(0.0)));
            let _ = write!(
                out,
                "<rect class=\"bar\" x=\"{}%\" y=\"{top:.1}\" width=\"{}%\" height=\"{:.1}\">\
                 <title>{}: {}</title></rect>",
                percent(left + step * 0.12),
                percent(step * 0.76),
                foot - top,
                Text(&answer.text(row, label)),
                Text(&answer.text(row, value)),
            );
            if count <= MOST_VALUES {
                let _ = write!(
                    out,
                    "<text class=\"above\" x=\"{middle}%\" y=\"{:.1}\">{}</text>",
                    top - 5.0,
                    Text(&answer.short(number))
                );
            }
        }
        if at % every == 0 {
            let _ = write!(
                out,
                "<text class=\"below\" x=\"{middle}%\" y=\"{:.1}\">{}</text>",
                HEIGHT - 6.0,
                Text(&cut(&answer.text(row, label), LETTERS))
            );
        }
        out.push('\n');
    }
    // Over the columns, so that none hides them.
    let lines = [most, f64::midpoint(most, least), least].into_iter();
    for line in lines.filter(|line| count > MOST_VALUES && *line != 0.0) {
        let _ = write!(
            out,
            "<text class=\"axis\" x=\"0\" y=\"{:.1}\">{}</text>",
            y(line) - 4.0,
            Text(&answer.short(line))
        );
    }
    out.push_str("</svg>\n");
    if first > 0 {
        let _ = writeln!(
            out,
            "<figcaption>The last {count} of {} rows.</figcaption>",
            super::html::grouped(answer.rows() as u64)
        );
    }
    out.push_str("</figure>\n");
}
