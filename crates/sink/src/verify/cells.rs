//! Which cells of a line differ.

use std::ops::Range;

use super::part::Report;
use crate::format::FormatKind;

/// Names the cells in which a line differs from the right one. Both end as they stand in the file.
pub(super) fn compare(kind: FormatKind, expected: &[u8], found: &[u8], report: &mut Report<'_>) {
    let row = report.tally.found_rows();
    let split = if kind == FormatKind::Csv {
        |line: &[u8]| Some(csv_cells(line))
    } else {
        json_cells
    };
    let expected = expected.strip_suffix(b"\n").unwrap_or(expected);
    let found_line = found.strip_suffix(b"\n").unwrap_or(found);
    let wanted = split(expected).unwrap_or_default();
    let cells = split(found_line).filter(|cells| cells.len() == wanted.len());
    let table = report.table;
    let name = |at: usize| table.columns.get(at).map(|column| column.name.as_str());
    let mut is_told = false;
    for (at, (wanted, cell)) in wanted.iter().zip(cells.unwrap_or_default()).enumerate() {
        let (wanted, cell) = (&expected[wanted.clone()], &found_line[cell]);
        if wanted == cell {
            continue;
        }
        is_told = true;
        // The name of a JSON field is left out where it is the same.
        let key = if kind == FormatKind::Csv {
            0
        } else {
            key_length(wanted)
        };
        let key = if cell.starts_with(&wanted[..key]) {
            key
        } else {
            0
        };
        report.differs(row, name(at), || {
            (lossy(&wanted[key..]), lossy(&cell[key..]))
        });
    }
    if is_told {
        return;
    }
    // Not a line of so many cells: the cell of the first byte that differs.
    let same = expected
        .iter()
        .zip(found_line)
        .take_while(|(expected, found)| expected == found)
        .count();
    let at = wanted.iter().position(|cell| same <= cell.end);
    let start = at.map_or(0, |at| wanted[at].start);
    let column = at.and_then(name);
    report.differs(row, column, || {
        (
            lossy(&expected[start..]),
            lossy(&found[start.min(found.len())..]),
        )
    });
}

fn lossy(bytes: &[u8]) -> String {
    // More than a finding shows.
    const MOST: usize = 1024;
    String::from_utf8_lossy(&bytes[..bytes.len().min(MOST)]).into_owned()
}

/// The cells of a CSV line, with their quotes.
fn csv_cells(line: &[u8]) -> Vec<Range<usize>> {
    let mut cells = Vec::new();
    let (mut start, mut is_quoted) = (0, false);
    for (at, byte) in line.iter().enumerate() {
        is_quoted ^= *byte == b'"';
        if *byte == b',' && !is_quoted {
            cells.push(start..at);
            start = at + 1;
        }
    }
    cells.push(start..line.len());
    cells
}

/// The fields of a JSON object, with their names; `None` for what is no object.
fn json_cells(line: &[u8]) -> Option<Vec<Range<usize>>> {
    let inner = line.strip_prefix(b"{")?.strip_suffix(b"}")?;
    let mut cells = Vec::new();
    let (mut start, mut depth, mut is_text, mut is_escaped) = (1, 0_usize, false, false);
    for (at, byte) in inner.iter().enumerate() {
        if is_text {
            is_text = is_escaped || *byte != b'"';
            is_escaped = !is_escaped && *byte == b'\\';
            continue;
        }
        match byte {
            b'"' => is_text = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            b',' if depth == 0 => {
                cells.push(start..at + 1);
                start = at + 2;
            }
            _ => {}
        }
    }
    cells.push(start..line.len() - 1);
    (depth == 0 && !is_text).then_some(cells)
}

/// The length of `"name":`.
fn key_length(field: &[u8]) -> usize {
    let mut is_escaped = false;
    for (at, byte) in field.iter().enumerate().skip(1) {
        if *byte == b'"' && !is_escaped {
            return (at + 2).min(field.len());
        }
        is_escaped = !is_escaped && *byte == b'\\';
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str, cells: Option<Vec<Range<usize>>>) -> Option<Vec<&str>> {
        cells.map(|cells| cells.into_iter().map(|cell| &line[cell]).collect())
    }

    #[test]
    fn cells_of_csv() {
        let line = "1,\"a,\"\"b\"\"\",,x";
        let cells = texts(line, Some(csv_cells(line.as_bytes()))).unwrap();
        assert_eq!(cells, ["1", "\"a,\"\"b\"\"\"", "", "x"]);
    }

    #[test]
    fn cells_of_json() {
        let line = r#"{"a":1,"b \"":"x,\\","c":[1,{"d":2}],"e":null}"#;
        let cells = texts(line, json_cells(line.as_bytes())).unwrap();
        assert_eq!(
            cells,
            [
                r#""a":1"#,
                r#""b \"":"x,\\""#,
                r#""c":[1,{"d":2}]"#,
                r#""e":null"#
            ]
        );
        assert_eq!(key_length(cells[1].as_bytes()), 7);
        assert_eq!(json_cells(br#"{"a":"x}"#), None);
        assert_eq!(json_cells(b"{\"a\":]}"), None);
        assert_eq!(json_cells(b"1"), None);
    }
}
