//! Rows as CSV.

use arrow_array::{Array, RecordBatch};

use super::plain;

/// All rows under a line of names.
pub(crate) fn text(rows: &RecordBatch) -> String {
    let mut text = String::new();
    let fields = rows.schema_ref().fields().iter();
    line(&mut text, fields.map(|field| Some(field.name().clone())));
    for row in 0..rows.num_rows() {
        let columns = rows.columns().iter();
        line(
            &mut text,
            columns.map(|column| column.is_valid(row).then(|| plain(column, row))),
        );
    }
    text
}

fn line(text: &mut String, cells: impl Iterator<Item = Option<String>>) {
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            text.push(',');
        }
        match cell {
            None => {}
            Some(cell) if cell.is_empty() || cell.contains(['"', ',', '\n', '\r']) => {
                text.push('"');
                text.push_str(&cell.replace('"', "\"\""));
                text.push('"');
            }
            Some(cell) => text.push_str(&cell),
        }
    }
    text.push('\n');
}
