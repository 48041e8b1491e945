//! Answers as a page: one HTML file that asks nobody for anything, needs no script, and reads on a phone,
//! on paper and without colours.
//!
//! Pure functions: answers in, text out. The same answers give the same bytes: no clock, no place.

mod bars;
mod columns;
mod html;
pub(crate) mod measured;
mod shaded;
mod table;

use std::fmt::Write;

use self::html::{Text, words};
use crate::answer::Answer;
use crate::model::{Chart, Model};

/// What the answers are of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// The star's run, as its manifest names it.
    pub run_id: String,
    /// Its tables with their rows.
    pub tables: Vec<(String, u64)>,
}

/// The answers to a model's indicators as one HTML page.
///
/// Figures come first, as cards; then contents, then a section an indicator, with its chart, what the
/// first comment of its statement says, its rows as a table, and a link to `NAME.csv` beside the page.
/// Every text is escaped, whatever it holds.
///
/// ```
/// use std::sync::Arc;
/// use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
/// use lakeseed_star_schema::{Answer, Model, Origin, page};
///
/// let model = Model::builtin("retail")?;
/// let spec = model.indicator("revenue_by_state").expect("one of its indicators");
/// let rows = RecordBatch::try_from_iter([
///     ("state", Arc::new(StringArray::from(vec!["<SP>", "MG"])) as ArrayRef),
///     ("revenue", Arc::new(Int64Array::from(vec![7_000, 4_000]))),
///     ("share", Arc::new(Int64Array::from(vec![64, 36]))),
/// ])?;
/// let answer = Answer::new(&model, spec, &rows.schema(), &[rows])?;
/// let html = page(&model, &Origin::default(), &[answer]);
/// assert!(html.contains("&lt;SP&gt;") && !html.contains("<SP>"));
/// assert!(html.contains("R$ 7,000.00"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn page(model: &Model, origin: &Origin, answers: &[Answer]) -> String {
    let mut out = String::new();
    let title = format!("Indicators of {}", words(&model.name));
    begin(&mut out, &title, &model.about);
    origin_line(&mut out, model, origin);
    out.push_str("</header>\n");
    let (figures, charts): (Vec<&Answer>, Vec<&Answer>) =
        answers.iter().partition(|answer| is_figure(answer));
    cards(&mut out, &figures);
    let sections = charts.iter().map(|answer| answer.spec());
    contents(
        &mut out,
        sections.map(|spec| (spec.name.as_str(), spec.about.as_str())),
    );
    out.push_str("<main>\n");
    for answer in charts {
        section(&mut out, answer);
    }
    out.push_str("</main>\n");
    end(&mut out);
    out
}

/// The beginning of a page, up to what its header says beside title and meaning.
fn begin(out: &mut String, title: &str, about: &str) {
    // Writing to a string does not fail.
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n\
         <header>\n<h1>{title}</h1>\n<p>{about}</p>\n",
        title = Text(title),
        style = include_str!("style.css"),
        about = Text(about),
    );
}

fn end(out: &mut String) {
    out.push_str("<footer><p>Made by lakeseed.</p></footer>\n</body>\n</html>\n");
}

/// One row is a card; a figure of several is shown as bars.
fn is_figure(answer: &Answer) -> bool {
    answer.spec().chart == Chart::Figure && answer.rows() == 1
}

fn origin_line(out: &mut String, model: &Model, origin: &Origin) {
    let _ = write!(out, "<p class=\"origin\">Star <b>{}</b>", Text(&model.name));
    if !origin.run_id.is_empty() {
        let _ = write!(out, ", run <code>{}</code>", Text(&origin.run_id));
    }
    for (at, (table, rows)) in origin.tables.iter().enumerate() {
        let before = if at == 0 { ": " } else { ", " };
        let rows = html::grouped(*rows);
        let _ = write!(out, "{before}{} {rows} rows", Text(table));
    }
    out.push_str("</p>\n");
}

/// The figures, each with the other columns of its row below.
fn cards(out: &mut String, figures: &[&Answer]) {
    if figures.is_empty() {
        return;
    }
    out.push_str("<section class=\"cards\" aria-label=\"Headline figures\">\n");
    for answer in figures {
        let spec = answer.spec();
        let _ = write!(
            out,
            "<article id=\"{name}\" title=\"{note}\">\n<h2>{about}</h2>\n<p class=\"figure\">{value}</p>\n<dl>",
            name = Text(&spec.name),
            note = Text(&answer.note()),
            about = Text(&spec.about),
            value = Text(&answer.text(0, answer.value())),
        );
        for (at, column) in answer.columns().enumerate() {
            if at != answer.value() {
                let value = answer.text(0, at);
                let _ = write!(
                    out,
                    "<div><dt>{}</dt><dd>{}</dd></div>",
                    Text(&words(column)),
                    Text(&value)
                );
            }
        }
        out.push_str("</dl>\n</article>\n");
    }
    out.push_str("</section>\n");
}

/// Links to the sections: their ids and titles.
fn contents<'t>(out: &mut String, sections: impl Iterator<Item = (&'t str, &'t str)>) {
    let mut sections = sections.peekable();
    if sections.peek().is_none() {
        return;
    }
    out.push_str("<nav aria-label=\"Contents\">\n<h2>Contents</h2>\n<ol>\n");
    for (id, title) in sections {
        let (id, title) = (Text(id), Text(title));
        let _ = writeln!(out, "<li><a href=\"#{id}\">{title}</a></li>");
    }
    out.push_str("</ol>\n</nav>\n");
}

/// An indicator: its title, what it means, its chart, its rows.
fn section(out: &mut String, answer: &Answer) {
    let spec = answer.spec();
    let _ = write!(
        out,
        "<section id=\"{name}\">\n<h2>{about}</h2>\n",
        name = Text(&spec.name),
        about = Text(&spec.about)
    );
    let note = answer.note();
    if !note.is_empty() {
        let _ = writeln!(out, "<p class=\"note\">{}</p>", Text(&note));
    }
    if answer.rows() == 0 {
        out.push_str("<p class=\"empty\">There are no rows.</p>\n");
    } else {
        match spec.chart {
            Chart::Figure | Chart::Bars => bars::draw(out, answer),
            Chart::Columns => columns::draw(out, answer),
            Chart::Shaded => shaded::draw(out, answer),
        }
        table::details(out, answer);
    }
    out.push_str("</section>\n");
}

/// A place on a line from 0 to 100, with few digits.
fn percent(part: f64) -> String {
    let text = format!("{:.2}", part * 100.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The least and the greatest of some values and zero, so that lengths compare.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let bounds = values.fold((0.0_f64, 0.0_f64), |(least, most), value| {
        (least.min(value), most.max(value))
    });
    // Where all is zero nothing is drawn, and nothing is divided by it.
    if bounds.0 < bounds.1 {
        bounds
    } else {
        (0.0, 1.0)
    }
}
