//! Rows of a file beside the same rows made again: column by column, by value.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, DictionaryArray, RecordBatch, RecordBatchIterator, StringArray, make_array,
};
use arrow_schema::{DataType, Field, Schema};

use super::Fail;
use super::findings::{Finding, FindingKind};
use super::judge::Judge;
use super::made::{Anew, Made, type_name};
use super::part::{Report, Table};
use crate::format::{Compression, FileFormat, FormatKind, readable_type};
use crate::manifest::ManifestTable;

/// Surplus rows beyond this are not counted.
const MOST_SURPLUS_ROWS: u64 = 1_000_000;

/// A column that file and source have both, of one type.
pub(super) struct Pair {
    name: String,
    found: usize,
    made: usize,
}

/// Compares the columns of a file with those that it should have. Returns those whose values can
/// be compared.
pub(super) fn columns(
    found: &Schema,
    table: &ManifestTable,
    anew: Option<&Anew>,
    kind: FormatKind,
    report: &mut Report<'_>,
) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (at, column) in table.columns.iter().enumerate() {
        let name = &column.name;
        let Some((found_at, field)) = found.column_with_name(name) else {
            let finding = report.finding(FindingKind::Columns, &column.data_type, "no such column");
            report.push(finding.column(name));
            continue;
        };
        let made_type = anew.map(|anew| expected_type(anew.plain.field(at).data_type(), kind));
        let expected = match made_type {
            Some(made) => made.to_string(),
            None => expected_name(&column.data_type, kind).to_owned(),
        };
        let found_type = field.data_type();
        let is_same = match made_type {
            // Names and metadata of nested fields do not change a value.
            Some(made) => made.equals_datatype(found_type),
            None => expected == found_type.to_string(),
        };
        if !is_same || field.is_nullable() != column.nullable {
            let finding = report.finding(
                FindingKind::Type,
                type_name(&expected, column.nullable),
                type_name(&found_type.to_string(), field.is_nullable()),
            );
            report.push(finding.column(name));
        }
        if is_same {
            pairs.push(Pair {
                name: name.clone(),
                found: found_at,
                made: at,
            });
        }
    }
    let names = |names: Vec<&str>| names.join(", ");
    let expected = table.columns.iter().map(|column| column.name.as_str());
    let fields = found.fields().iter().map(|field| field.name().as_str());
    let (expected, fields): (Vec<_>, Vec<_>) = (expected.collect(), fields.collect());
    // Missing ones have been told of already.
    let is_told = expected.iter().any(|name| !fields.contains(name));
    if expected != fields && !(is_told && fields.len() < expected.len()) {
        let finding = report.finding(FindingKind::Columns, names(expected), names(fields));
        report.push(finding);
    }
    pairs
}

/// The type that a file of a format has for a column.
fn expected_type(data_type: &DataType, kind: FormatKind) -> &DataType {
    if kind == FormatKind::Parquet {
        readable_type(data_type)
    } else {
        data_type
    }
}

/// The same for a type that is known by its name only.
fn expected_name(data_type: &str, kind: FormatKind) -> &str {
    let values = data_type
        .strip_prefix("Dictionary(")
        .and_then(|inner| inner.strip_suffix(')'))
        .and_then(|inner| inner.split_once(", "));
    match values {
        Some((_, values)) if kind == FormatKind::Parquet => values,
        _ => data_type,
    }
}

/// Takes the rows of a file as they come, and holds them against the rows made again.
pub(super) struct Rows {
    pairs: Vec<Pair>,
    made: Option<Made>,
    judge: Option<Arc<dyn Judge>>,
    /// Rows made again that the file's have not come to yet.
    waiting: Option<RecordBatch>,
}

impl Rows {
    pub(super) fn new(pairs: Vec<Pair>, made: Option<Made>, table: &Table<'_>) -> Self {
        Self {
            pairs,
            made,
            judge: table.judge.clone(),
            waiting: None,
        }
    }

    /// Compares the next rows of the file.
    pub(super) fn take(
        &mut self,
        found: &RecordBatch,
        report: &mut Report<'_>,
    ) -> Result<(), Fail> {
        let first = report.tally.found_rows();
        report.tally.found(found);
        report.rows_done(found.num_rows() as u64);
        if let Some(judge) = &self.judge {
            judged(judge.as_ref(), found, first, report)?;
        }
        let mut at = 0;
        while at < found.num_rows() {
            let made = match self.waiting.take() {
                Some(made) => Some(made),
                None => match &mut self.made {
                    Some(made) => made.next(report)?,
                    None => None,
                },
            };
            let Some(made) = made else {
                break;
            };
            let rows = made.num_rows().min(found.num_rows() - at);
            self.compare(
                &found.slice(at, rows),
                &made.slice(0, rows),
                first + at as u64,
                report,
            );
            report.rows_compared += rows as u64;
            at += rows;
            if rows < made.num_rows() {
                self.waiting = Some(made.slice(rows, made.num_rows() - rows));
            }
        }
        let surplus = report
            .tally
            .found_rows()
            .saturating_sub(report.expected_rows());
        if surplus > MOST_SURPLUS_ROWS {
            return Err(Fail::Unreadable(format!(
                "{surplus} rows too many, or more"
            )));
        }
        Ok(())
    }

    /// Compares rows, the first of which is the part's row `first`.
    fn compare(
        &self,
        found: &RecordBatch,
        made: &RecordBatch,
        first: u64,
        report: &mut Report<'_>,
    ) {
        let mut differing: Vec<(usize, &Pair, ArrayRef, ArrayRef)> = Vec::new();
        for pair in &self.pairs {
            let (found, made) = (found.column(pair.found), made.column(pair.made));
            if is_same(found, made) {
                continue;
            }
            let (found, made) = alike(found, made);
            let mut rows = Vec::new();
            differing_rows(&found, &made, 0, found.len(), &mut rows);
            let rows = rows.into_iter();
            differing.extend(rows.map(|row| (row, pair, found.clone(), made.clone())));
        }
        // Row by row; the sort keeps the columns of a row in order.
        differing.sort_by_key(|(row, ..)| *row);
        for (row, pair, found, made) in differing {
            let texts = || (shown(&made, row), shown(&found, row));
            report.differs(first + row as u64, Some(&pair.name), texts);
        }
    }
}

/// Has rows judged, the first of which is the part's row `first`.
fn judged(
    judge: &dyn Judge,
    found: &RecordBatch,
    first: u64,
    report: &mut Report<'_>,
) -> Result<(), Fail> {
    let mut differs = |row: usize, column: Option<&str>, texts: &dyn Fn() -> (String, String)| {
        report.differs(first + row as u64, column, texts);
    };
    judge.judge(found, &mut differs).map_err(Fail::not_made)?;
    report.rows_compared += found.num_rows() as u64;
    Ok(())
}

/// Whether two columns hold the same values. Bits count: a NaN is itself, and 0 is not -0.
fn is_same(found: &ArrayRef, made: &ArrayRef) -> bool {
    if let (Some(texts), Some(dictionary)) = (
        found.as_string_opt::<i32>(),
        made.as_dictionary_opt::<Int32Type>(),
    ) && let Some(values) = dictionary.values().as_string_opt::<i32>()
    {
        return is_same_text(texts, dictionary, values);
    }
    if found.data_type() == made.data_type() {
        return found.as_ref() == made.as_ref();
    }
    let (found, made) = alike(found, made);
    found.as_ref() == made.as_ref()
}

/// Texts beside a dictionary of texts, without unpacking it: most columns of text are such.
fn is_same_text(
    texts: &StringArray,
    dictionary: &DictionaryArray<Int32Type>,
    values: &StringArray,
) -> bool {
    if values.null_count() > 0 || texts.logical_nulls() != dictionary.logical_nulls() {
        let plain = unpacked(dictionary);
        return plain.is_some_and(|plain| *plain == *(texts as &dyn Array));
    }
    let keys = dictionary.keys().values();
    let offsets = texts.value_offsets();
    let bytes = texts.value_data();
    (0..texts.len()).all(|row| {
        if texts.is_null(row) {
            return true;
        }
        let text = &bytes[offsets[row] as usize..offsets[row + 1] as usize];
        let key = keys[row] as usize;
        text == values.value(key).as_bytes()
    })
}

/// The columns as arrays of one type.
fn alike(found: &ArrayRef, made: &ArrayRef) -> (ArrayRef, ArrayRef) {
    let plain = |array: &ArrayRef, other: &ArrayRef| {
        if array.data_type() == other.data_type() {
            return array.clone();
        }
        let dictionary = array.as_any_dictionary_opt();
        dictionary
            .and_then(unpacked)
            .unwrap_or_else(|| array.clone())
    };
    let (found, made) = (plain(found, made), plain(made, found));
    let made = retyped(&made, found.data_type()).unwrap_or(made);
    (found, made)
}

fn unpacked(
    dictionary: &(impl arrow_array::array::AnyDictionaryArray + ?Sized),
) -> Option<ArrayRef> {
    arrow_select::take::take(dictionary.values(), dictionary.keys(), None).ok()
}

/// An array under a type that has the same values, and other names or metadata in nested fields.
fn retyped(array: &ArrayRef, to: &DataType) -> Option<ArrayRef> {
    if array.data_type() == to {
        return Some(array.clone());
    }
    let children: Vec<&DataType> = match to {
        DataType::Struct(fields) => fields.iter().map(|field| field.data_type()).collect(),
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => vec![field.data_type()],
        DataType::Dictionary(_, values) => vec![values],
        _ => return None,
    };
    let data = array.to_data();
    if data.child_data().len() != children.len() {
        return None;
    }
    let mut retyped_children = Vec::with_capacity(children.len());
    for (child, to) in data.child_data().iter().zip(children) {
        retyped_children.push(retyped(&make_array(child.clone()), to)?.to_data());
    }
    let retyped = data
        .into_builder()
        .data_type(to.clone())
        .child_data(retyped_children)
        .build();
    retyped.ok().map(make_array)
}

/// The rows that differ, found by halving.
fn differing_rows(
    found: &ArrayRef,
    made: &ArrayRef,
    start: usize,
    length: usize,
    rows: &mut Vec<usize>,
) {
    if found.slice(start, length).as_ref() == made.slice(start, length).as_ref() {
        return;
    }
    if length <= 1 {
        rows.push(start);
        return;
    }
    let half = length / 2;
    differing_rows(found, made, start, half, rows);
    differing_rows(found, made, start + half, length - half, rows);
}

/// A value as text.
pub(super) fn shown(array: &ArrayRef, row: usize) -> String {
    if array
        .logical_nulls()
        .is_some_and(|nulls| nulls.is_null(row))
    {
        return "null".to_owned();
    }
    let one = array.slice(row, 1);
    let schema = Arc::new(Schema::new(vec![Field::new(
        "value",
        one.data_type().clone(),
        true,
    )]));
    let Ok(batch) = RecordBatch::try_new(schema.clone(), vec![one.clone()]) else {
        return format!("{one:?}");
    };
    // CSV tells a NaN, JSON what is nested.
    for kind in [FormatKind::Csv, FormatKind::Json] {
        let encoder = FileFormat::new(kind, Compression::None)
            .and_then(|format| format.bind(&schema))
            .and_then(|format| format.encoder());
        let Ok(mut encoder) = encoder else {
            continue;
        };
        let mut rows = RecordBatchIterator::new([Ok(batch.clone())], schema.clone());
        if let Ok(chunk) = encoder.encode(&mut rows) {
            let text = String::from_utf8_lossy(chunk.text().unwrap_or_default()).into_owned();
            let text = text.trim_end_matches('\n');
            let value = text
                .strip_prefix("{\"value\":")
                .and_then(|text| text.strip_suffix('}'));
            return value
                .filter(|_| kind == FormatKind::Json)
                .unwrap_or(text)
                .to_owned();
        }
    }
    format!("{one:?}")
}

impl Report<'_> {
    pub(super) fn finding(
        &self,
        what: FindingKind,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Finding {
        Finding::new(what, &self.table.name, expected, found).part(&self.part.path)
    }
}
