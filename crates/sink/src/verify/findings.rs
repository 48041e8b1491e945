//! What was found, and how it is told.

use serde::Serialize;

/// The most characters of a value that a finding shows.
const SHOWN_CHARS: usize = 120;

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// The output is not what its manifest says.
    Error,
    /// Worth knowing; what the manifest names is not touched by it.
    Note,
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FindingKind {
    /// A part has a path that no run gives, or that another part has too.
    Path,
    /// A part is not there.
    Missing,
    /// A part has another size.
    Size,
    /// The bytes of a part have another digest.
    Digest,
    /// The end of a file is not one that its format has.
    Footer,
    /// A part cannot be read, or not beyond a row.
    Unreadable,
    /// A column is missing, has another place, or is one too many.
    Columns,
    /// A column has another type.
    Type,
    /// A value is not the one that was made again.
    Value,
    /// How many values differ in all, where they are too many to be shown.
    Values,
    /// Rows of a part are not there.
    MissingRows,
    /// A part has rows beyond those that it should have.
    SurplusRows,
    /// Rows of a part are there more than once.
    DoubledRows,
    /// Rows of a part are there with other values.
    AlteredRows,
    /// A part has another number of rows than the manifest says.
    Rows,
    /// The control totals in the manifest are not those of the rows made again.
    Totals,
    /// A table's numbers are not the sums of its parts.
    Sums,
    /// Parts hold the same rows of a table.
    Overlap,
    /// Between two parts of one plan, rows are missing.
    Gap,
    /// The rows could not be made again, though their source is known.
    NotMade,
    /// The rows were not made again: nobody knows their source.
    NoSource,
    /// The end of a file was too large to be looked at.
    NotChecked,
    /// A table has no `_SUCCESS` mark.
    NoMark,
    /// Something that an earlier or interrupted run has left.
    Leftover,
    /// A file that is none of this output.
    Stranger,
}

impl FindingKind {
    /// How grave such a finding is.
    pub fn grade(self) -> Grade {
        match self {
            Self::NoSource | Self::NotChecked | Self::NoMark | Self::Leftover | Self::Stranger => {
                Grade::Note
            }
            _ => Grade::Error,
        }
    }

    /// What it is, in a few words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Path => "impossible path",
            Self::Missing => "missing file",
            Self::Size => "other size",
            Self::Digest => "other digest",
            Self::Footer => "damaged end",
            Self::Unreadable => "unreadable",
            Self::Columns => "other columns",
            Self::Type => "other type",
            Self::Value => "other value",
            Self::Values => "other values",
            Self::MissingRows => "missing rows",
            Self::SurplusRows => "surplus rows",
            Self::DoubledRows => "rows twice",
            Self::AlteredRows => "altered rows",
            Self::Rows => "other number of rows",
            Self::Totals => "other totals",
            Self::Sums => "wrong sums",
            Self::Overlap => "doubled rows",
            Self::Gap => "rows left out",
            Self::NotMade => "rows not made again",
            Self::NoSource => "unknown source",
            Self::NotChecked => "end not checked",
            Self::NoMark => "no mark",
            Self::Leftover => "leftover",
            Self::Stranger => "stranger",
        }
    }
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How grave it is.
    pub grade: Grade,
    /// What it is about.
    pub what: FindingKind,
    /// The table; empty where it is none's.
    pub table: String,
    /// The path of the part or file, where it is about one.
    pub part: Option<String>,
    /// The row, counted from the table's first, where it is about one: the first of several.
    pub row: Option<u64>,
    /// The column, where it is about one.
    pub column: Option<String>,
    /// What should be. Long values are cut, control characters escaped.
    pub expected: String,
    /// What is.
    pub found: String,
}

impl Finding {
    pub(crate) fn new(
        what: FindingKind,
        table: &str,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self {
            grade: what.grade(),
            what,
            table: table.to_owned(),
            part: None,
            row: None,
            column: None,
            expected: clip(&expected.into()),
            found: clip(&found.into()),
        }
    }

    pub(crate) fn part(mut self, path: &str) -> Self {
        self.part = Some(clip(path));
        self
    }

    pub(crate) fn row(mut self, row: u64) -> Self {
        self.row = Some(row);
        self
    }

    pub(crate) fn column(mut self, column: &str) -> Self {
        self.column = Some(clip(column));
        self
    }
}

/// All that a verification has to say.
///
/// The findings stand in the order of the manifest's tables and parts, whatever the threads; then
/// come those about the store as a whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Findings {
    /// The manifest's run id.
    pub run_id: String,
    /// What is not as it should be.
    pub findings: Vec<Finding>,
    /// Parts that were looked at.
    pub parts: u64,
    /// Rows of files that were compared with the same rows made again.
    pub rows_compared: u64,
    /// Rows of files that were read, compared or not.
    pub rows_read: u64,
    /// Bytes that were read from the store.
    pub bytes_read: u64,
    /// How long it took.
    pub seconds: f64,
}

impl Findings {
    /// The findings that say that the output is not what its manifest says.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.graded(Grade::Error)
    }

    /// The findings of the lower grade.
    pub fn notes(&self) -> impl Iterator<Item = &Finding> {
        self.graded(Grade::Note)
    }

    /// Whether there is nothing but notes.
    pub fn is_clean(&self) -> bool {
        self.errors().next().is_none()
    }

    fn graded(&self, grade: Grade) -> impl Iterator<Item = &Finding> {
        let graded = move |finding: &&Finding| finding.grade == grade;
        self.findings.iter().filter(graded)
    }
}

/// A text that may come from anywhere, short and without control characters.
pub(super) fn clip(text: &str) -> String {
    let mut clipped = String::new();
    for (at, character) in text.chars().enumerate() {
        if at == SHOWN_CHARS {
            clipped.push('…');
            break;
        }
        if is_unprintable(character) {
            clipped.extend(character.escape_default());
        } else {
            clipped.push(character);
        }
    }
    clipped
}

/// Control characters, and those that turn the direction of text around.
fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
