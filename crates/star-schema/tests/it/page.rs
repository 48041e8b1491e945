//! Answers as texts, CSV and a page.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use lakeseed_star_schema::{Answer, Chart, IndicatorSpec, Model, NumberFormat, Origin, page};

fn spec(chart: Chart) -> IndicatorSpec {
    IndicatorSpec {
        about: "Pets <by> town".to_owned(),
        sql: "-- What \"pets\" weigh,\n-- in kg.\nSELECT 1".to_owned(),
        label: None,
        value: None,
        format: None,
        formats: std::collections::BTreeMap::new(),
        chart,
        ..Model::builtin("retail").unwrap().indicators[0].clone()
    }
}

fn rows(labels: &[&str], values: &[Option<f64>]) -> RecordBatch {
    let labels = StringArray::from(labels.to_vec());
    RecordBatch::try_from_iter_with_nullable([
        ("town_name", Arc::new(labels) as ArrayRef, true),
        (
            "weight",
            Arc::new(Float64Array::from(values.to_vec())),
            true,
        ),
    ])
    .unwrap()
}

fn answer(spec: &IndicatorSpec, rows: RecordBatch) -> Answer {
    let model = Model::builtin("retail").unwrap();
    Answer::new(&model, spec, &rows.schema(), &[rows]).unwrap()
}

fn shown(spec: &IndicatorSpec, rows: RecordBatch) -> String {
    let model = Model::builtin("retail").unwrap();
    let origin = Origin {
        run_id: "abc".to_owned(),
        tables: vec![("fact_sales".to_owned(), 7_500_000)],
    };
    let html = page(&model, &origin, &[answer(spec, rows)]);
    // Whatever is drawn, elements end as they begin.
    for tag in [
        "svg", "table", "section", "figure", "details", "td", "th", "tr", "article",
    ] {
        let opened = html.matches(&format!("<{tag}")).count();
        let more = html.matches("<thead").count() + html.matches("<track").count();
        let opened = if tag == "th" { opened - more } else { opened };
        assert_eq!(
            opened,
            html.matches(&format!("</{tag}>")).count(),
            "{tag}: {html}"
        );
    }
    assert!(!html.contains("NaN") && !html.contains("inf%"), "{html}");
    html
}

/// What stands between two texts, wherever it does.
fn between<'h>(html: &'h str, before: &str, after: &str) -> Vec<&'h str> {
    let parts = html.split(before).skip(1);
    parts
        .map(|part| part.split(after).next().unwrap())
        .collect()
}

#[test]
fn bars_begin_where_nothing_is() {
    let html = shown(
        &spec(Chart::Bars),
        rows(&["<a>", "b", "c"], &[Some(30.0), Some(-10.0), None]),
    );
    let bars: Vec<&str> = between(&html, "class=\"bar\" ", " height");
    assert_eq!(bars.len(), 2, "{html}");
    assert!(
        bars[0].contains("x=\"25%\"") && bars[0].contains("width=\"75%\""),
        "{bars:?}"
    );
    assert!(
        bars[1].contains("x=\"0%\"") && bars[1].contains("width=\"25%\""),
        "{bars:?}"
    );
    assert!(html.contains("&lt;a&gt;") && !html.contains("<a>"));
    assert!(html.contains("Pets &lt;by&gt; town"));
    assert!(html.contains("What &quot;pets&quot; weigh, in kg."));
    assert!(html.contains("<th scope=\"col\">town name</th>"));
    assert!(html.contains("fact_sales 7,500,000 rows"));
    assert!(html.starts_with("<!doctype html>\n<html lang=\"en\">"));
    // All zero, and nothing at all.
    let none = shown(&spec(Chart::Bars), rows(&["a"], &[Some(0.0)]));
    assert!(none.contains("width=\"0%\""));
    let empty = shown(&spec(Chart::Bars), rows(&[], &[]));
    assert!(empty.contains("There are no rows."));
}

#[test]
fn columns_go_up_and_down() {
    let values = [Some(50.0), Some(-50.0), Some(0.0), None, Some(f64::NAN)];
    let html = shown(
        &spec(Chart::Columns),
        rows(&["a", "b", "c", "d", "e"], &values),
    );
    let heights = between(&html, "class=\"bar\" ", "><title>");
    assert_eq!(heights.len(), 3, "{html}");
    // 184 pixels for a hundred.
    assert!(
        heights[0].contains("y=\"22.0\"") && heights[0].contains("height=\"92.0\""),
        "{heights:?}"
    );
    assert!(
        heights[1].contains("y=\"114.0\"") && heights[1].contains("height=\"92.0\""),
        "{heights:?}"
    );
    assert!(heights[2].contains("height=\"0.0\""), "{heights:?}");
    let long: Vec<String> = (0..70).map(|at| format!("m{at}")).collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    let html = shown(&spec(Chart::Columns), rows(&long, &[Some(1.0); 70]));
    assert_eq!(html.matches("class=\"bar\"").count(), 60);
    assert!(html.contains("The last 60 of 70 rows."));
}

#[test]
fn a_column_is_laid_across() {
    let mut spec = spec(Chart::Shaded);
    spec.across = Some("later".to_owned());
    spec.value = Some("share".to_owned());
    spec.format = Some(NumberFormat::Percent);
    let rows = RecordBatch::try_from_iter([
        (
            "begun",
            Arc::new(StringArray::from(vec!["x", "x", "y", "y"])) as ArrayRef,
        ),
        ("later", Arc::new(Int64Array::from(vec![0, 10, 2, 0]))),
        ("share", Arc::new(Int64Array::from(vec![100, 25, -50, 0]))),
    ]);
    let html = shown(&spec, rows.unwrap());
    let table = between(&html, "<table class=\"shaded\">", "</table>")[0];
    assert_eq!(between(table, "<span>", "</span>"), ["0", "2", "10"]);
    let lines: Vec<&str> = table
        .lines()
        .filter(|line| line.starts_with("<tr><th scope=\"row\""))
        .collect();
    assert_eq!(
        lines,
        [
            "<tr><th scope=\"row\">x</th><td style=\"--s:1.00\">100 %</td><td></td>\
             <td style=\"--s:0.25\">25 %</td></tr>",
            "<tr><th scope=\"row\">y</th><td style=\"--s:0.00\">0 %</td>\
             <td class=\"minus\" style=\"--s:0.50\">-50 %</td><td></td></tr>",
        ]
    );
}

#[test]
fn one_row_is_a_card() {
    let html = shown(&spec(Chart::Figure), rows(&["Rio & co"], &[Some(1234.5)]));
    assert_eq!(between(&html, "<p class=\"figure\">", "</p>"), ["1,234.50"]);
    assert!(html.contains("<dt>town name</dt><dd>Rio &amp; co</dd>"));
    let several = shown(
        &spec(Chart::Figure),
        rows(&["a", "b"], &[Some(1.0), Some(2.0)]),
    );
    assert_eq!(several.matches("class=\"bar\"").count(), 2);
}

#[test]
fn csv_is_exact_and_quoted_where_it_has_to_be() {
    let answer = answer(
        &spec(Chart::Bars),
        rows(&["a,\"b\"", "", "c\nd"], &[Some(0.1), None, Some(1e21)]),
    );
    let csv = answer.csv();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let read: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let labels: Vec<&str> = read.iter().map(|record| &record[0]).collect();
    assert_eq!(labels, ["a,\"b\"", "", "c\nd"]);
    assert!(csv.contains("\"\",\n"), "{csv}");
    assert_eq!(
        read[0][1].parse::<f64>().unwrap().to_bits(),
        0.1_f64.to_bits()
    );
    assert_eq!(
        read[2][1].parse::<f64>().unwrap().to_bits(),
        1e21_f64.to_bits()
    );
}

#[test]
fn more_rows_than_people_read_are_refused() {
    let spec = spec(Chart::Bars);
    let numbers = Int64Array::from_iter_values(0..=Answer::MOST_ROWS as i64);
    let rows = RecordBatch::try_from_iter([
        ("a", Arc::new(numbers.clone()) as ArrayRef),
        ("b", Arc::new(numbers)),
    ]);
    let rows = rows.unwrap();
    let model = Model::builtin("retail").unwrap();
    let error = Answer::new(&model, &spec, &rows.schema(), &[rows]).unwrap_err();
    assert!(error.to_string().contains("at most 100000 rows"), "{error}");
    let list = DataType::new_list(DataType::Int64, true);
    let schema = Schema::new(vec![Field::new("a", list, true)]);
    let error = Answer::check(&spec, &schema).unwrap_err();
    assert!(
        error.to_string().contains("expected column a to be"),
        "{error}"
    );
}
