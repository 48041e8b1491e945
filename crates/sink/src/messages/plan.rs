//! What will be sent: a table, its parts, how rows become messages. Fixed before the first message.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};

use super::modulo::Lanes;
use super::pieces::{PIECE_ROWS, Piece, Pieces, TablePieces, TextPieces};
use super::settings::{Grouping, MessageSettings, Nulls};
use crate::error::{Error, Result};
use crate::format::text::Objects;
use crate::path::check_name;
use crate::plan::id::Digest;
use crate::plan::{MAX_FILES, batch_rows, row_bytes};
use crate::source::Source;
use crate::sources::FileRows;
use crate::totals::Tally;

/// Text takes more room as JSON than as an Arrow array: names of columns, quotes.
const TEXT_FACTOR: u64 = 4;
/// What a worker holds besides: a stack, and what the allocator keeps for its thread.
const FIXED_BYTES: u64 = 6 << 20;

/// Rows of one table as messages, before they are sent.
///
/// A part is what is read, sent and proven alone: [`PIECE_ROWS`] rows of a generated table, a row
/// group, a stretch of a text file, or the groups of so many rows. No message crosses from one part
/// to another, so that messages do not depend on threads.
///
/// # Example
/// ```
/// use lakeseed_sink::BatchSource;
/// use lakeseed_sink::messages::{MessagePlan, MessageSettings};
/// # use std::sync::Arc;
/// # let ids = Arc::new(arrow_array::Int64Array::from(vec![1, 2, 3])) as arrow_array::ArrayRef;
/// # let batch = arrow_array::RecordBatch::try_from_iter([("id", ids)]).unwrap();
/// let settings = MessageSettings { max_rows: 2, ..MessageSettings::default() };
/// let pets = MessagePlan::builder("pets").data_id("pets v1").settings(settings);
/// let plan = pets.source(BatchSource::new(batch), 0..3).build()?;
/// let mut bodies = Vec::new();
/// plan.messages(0, &mut |block| {
///     bodies.extend(block.messages().map(|message| message.body().to_vec()));
///     Ok(())
/// })?;
/// assert_eq!(bodies, [b"[{\"id\":1},{\"id\":2}]".to_vec(), b"[{\"id\":3}]".to_vec()]);
/// # Ok::<(), lakeseed_sink::Error>(())
/// ```
pub struct MessagePlan<'a> {
    pub(super) id: String,
    pub(super) data_id: String,
    pub(super) data: serde_json::Value,
    pub(super) table: String,
    pub(super) settings: MessageSettings,
    pub(super) schema: SchemaRef,
    pub(super) rows: Rows<'a>,
    pub(super) parts: Vec<MessagePart>,
    pub(super) batch_rows: usize,
}

/// Where the rows come from, and how they are cut.
pub(super) enum Rows<'a> {
    Pieces(Arc<dyn Pieces + 'a>),
    Texts(Arc<dyn TextPieces + 'a>),
    Lanes(Lanes<'a>),
}

/// A part of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessagePart {
    /// For people: `rows 0..65536`, `a.parquet, row group 3`, `groups 0..6553`.
    pub name: String,
    /// How many rows it has, where that is known before reading.
    pub rows: Option<u64>,
}

impl<'a> MessagePlan<'a> {
    /// Starts a plan of messages of the rows of one table.
    pub fn builder(table: impl Into<String>) -> MessagePlanBuilder<'a> {
        MessagePlanBuilder {
            table: table.into(),
            data_id: String::new(),
            data: serde_json::Value::Null,
            settings: MessageSettings::default(),
            rows: None,
        }
    }

    /// The plan's name: a digest of everything that decides which messages there are. Names of
    /// messages begin with it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The data id, as it was given.
    pub fn data_id(&self) -> &str {
        &self.data_id
    }

    /// What the rows are made from, as it was given.
    pub fn data(&self) -> &serde_json::Value {
        &self.data
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// How rows become messages.
    pub fn settings(&self) -> &MessageSettings {
        &self.settings
    }

    /// The columns; none where rows are texts already.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The parts, in order.
    pub fn parts(&self) -> &[MessagePart] {
        &self.parts
    }

    /// All rows; `None` where that is not known before reading.
    pub fn rows(&self) -> Option<u64> {
        self.parts.iter().map(|part| part.rows).sum()
    }

    /// The name of a ledger for this plan and a place: the plan's id, and `digits` of a digest of the
    /// place.
    pub fn ledger_name(&self, address: &str, digits: usize) -> String {
        let place = blake3::hash(address.as_bytes()).to_hex();
        format!("{}-{}", self.id, &place[..digits.min(place.len())])
    }

    /// The most memory that one worker holds, in bytes, beside its sender: batches, a block of
    /// messages, an open piece. Worked out from the widths of the columns: text that is much wider
    /// takes more.
    pub fn need_per_worker(&self) -> u64 {
        let row = row_bytes(&self.schema) as u64;
        let batches = 3 * self.batch_rows as u64 * row;
        // A block ends with the message that fills it; one waits to be sent, one is written.
        let block = 2 * (super::group::BLOCK_BYTES as u64 + 2 * self.settings.max_bytes);
        let source = match &self.rows {
            Rows::Pieces(pieces) => pieces.open_bytes(),
            Rows::Texts(pieces) => pieces.open_bytes(),
            Rows::Lanes(_) => {
                let held = super::modulo::HELD_ROWS.max(32 * self.settings.max_rows);
                held * row * (TEXT_FACTOR + 3)
            }
        };
        batches + block + source + self.schema.fields().len() as u64 * (16 << 10) + FIXED_BYTES
    }
}

impl fmt::Debug for MessagePlan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessagePlan")
            .field("id", &self.id)
            .field("table", &self.table)
            .field("settings", &self.settings)
            .field("parts", &self.parts.len())
            .finish_non_exhaustive()
    }
}

/// Collects what a plan of messages is made of.
pub struct MessagePlanBuilder<'a> {
    table: String,
    data_id: String,
    data: serde_json::Value,
    settings: MessageSettings,
    rows: Option<Given<'a>>,
}

enum Given<'a> {
    Source(Arc<dyn Source + 'a>, Range<u64>),
    Pieces(Arc<dyn Pieces + 'a>),
    Texts(Arc<dyn TextPieces + 'a>),
}

impl<'a> MessagePlanBuilder<'a> {
    /// Names the data: dataset, version, seed, every parameter. It becomes part of the plan's id.
    pub fn data_id(mut self, data_id: impl Into<String>) -> Self {
        self.data_id = data_id.into();
        self
    }

    /// Says what the rows can be made from again, in JSON of the caller's own, for whoever verifies
    /// the messages; the plan's id does not depend on it.
    pub fn data(mut self, data: serde_json::Value) -> Self {
        self.data = data;
        self
    }

    /// Sets how rows become messages.
    pub fn settings(mut self, settings: MessageSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Takes the rows from a source that gives any range.
    pub fn source(mut self, source: impl Source + 'a, rows: Range<u64>) -> Self {
        self.rows = Some(Given::Source(Arc::new(source), rows));
        self
    }

    /// Takes the rows from pieces, such as those of files.
    pub fn pieces(mut self, pieces: Arc<dyn Pieces + 'a>) -> Self {
        self.rows = Some(Given::Pieces(pieces));
        self
    }

    /// Takes the rows from pieces of texts, which become messages as they stand.
    pub fn texts(mut self, pieces: Arc<dyn TextPieces + 'a>) -> Self {
        self.rows = Some(Given::Texts(pieces));
        self
    }

    /// Takes the rows from files.
    pub fn files(self, files: FileRows) -> Self {
        match files {
            FileRows::Batches(pieces) => self.pieces(pieces),
            FileRows::Texts(pieces) => self.texts(pieces),
        }
    }

    /// Fixes the parts.
    ///
    /// # Errors
    /// [`Error::Invalid`] for limits that no message can keep, rows that were not given, more than a
    /// million parts, groups by modulo where rows cannot be had from any one on, nulls to be left out of
    /// rows that are texts, and names that two columns or two fields of a struct have;
    /// [`Error::Unsupported`] for columns that JSON cannot hold; [`Error::Name`] for a name that is
    /// none of a file.
    pub fn build(self) -> Result<MessagePlan<'a>> {
        self.settings.check()?;
        check_name("table", &self.table)?;
        let given = self.rows.ok_or_else(|| Error::Invalid {
            what: "rows",
            expected: "a source or pieces".to_owned(),
            found: "neither".to_owned(),
        })?;
        let settings = self.settings;
        let (rows, parts, schema) = match (given, settings.grouping) {
            (Given::Source(source, rows), _) if rows.start > rows.end => {
                drop(source);
                return Err(Error::Invalid {
                    what: "rows",
                    expected: format!("a range for table `{}`", self.table),
                    found: format!("{}..{}", rows.start, rows.end),
                });
            }
            (Given::Source(source, rows), Grouping::Modulo) => {
                let schema = source.schema();
                let lanes = Lanes::new(&self.table, source, rows, settings.max_rows);
                let parts = parts_of_groups(&lanes, settings.max_rows)?;
                (Rows::Lanes(lanes), parts, schema)
            }
            (Given::Source(source, rows), Grouping::Neighbours) => {
                check_parts((rows.end - rows.start).div_ceil(PIECE_ROWS))?;
                let schema = source.schema();
                let pieces = Arc::new(TablePieces::new(&self.table, source, rows));
                let parts = parts_of(pieces.pieces())?;
                (Rows::Pieces(pieces), parts, schema)
            }
            (Given::Pieces(_) | Given::Texts(_), Grouping::Modulo) => {
                return Err(Error::Invalid {
                    what: "grouping",
                    expected: "neighbours for files, whose rows are not had from any one on"
                        .to_owned(),
                    found: "modulo".to_owned(),
                });
            }
            (Given::Texts(_), Grouping::Neighbours) if settings.nulls == Nulls::Omit => {
                return Err(Error::Invalid {
                    what: "nulls",
                    expected: "them kept where rows are JSON already".to_owned(),
                    found: "them left out".to_owned(),
                });
            }
            (Given::Texts(pieces), Grouping::Neighbours) => {
                let parts = parts_of(pieces.pieces())?;
                (Rows::Texts(pieces), parts, Arc::new(Schema::empty()))
            }
            (Given::Pieces(pieces), Grouping::Neighbours) => (
                Rows::Pieces(pieces.clone()),
                parts_of(pieces.pieces())?,
                pieces.schema(),
            ),
        };
        Objects::try_new(&schema, true)?;
        let mut plan = MessagePlan {
            id: String::new(),
            data_id: self.data_id,
            data: self.data,
            table: self.table,
            settings,
            batch_rows: batch_rows(&schema),
            schema,
            rows,
            parts,
        };
        plan.id = id_of(&plan);
        Ok(plan)
    }
}

impl fmt::Debug for MessagePlanBuilder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessagePlanBuilder")
            .field("table", &self.table)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

fn check_parts(parts: u64) -> Result<()> {
    if parts <= MAX_FILES {
        return Ok(());
    }
    Err(Error::Invalid {
        what: "number of parts",
        expected: format!("at most {MAX_FILES}"),
        found: parts.to_string(),
    })
}

fn parts_of(pieces: &[Piece]) -> Result<Vec<MessagePart>> {
    check_parts(pieces.len() as u64)?;
    let part = |piece: &Piece| MessagePart {
        name: piece.name.clone(),
        rows: piece.rows,
    };
    Ok(pieces.iter().map(part).collect())
}

/// Groups of a part: about as many rows as a piece has.
pub(super) fn groups_of_part(group_rows: u64) -> u64 {
    (PIECE_ROWS / group_rows).max(1)
}

fn parts_of_groups(lanes: &Lanes<'_>, group_rows: u64) -> Result<Vec<MessagePart>> {
    let step = groups_of_part(group_rows);
    check_parts(lanes.groups.div_ceil(step))?;
    let starts = (0..lanes.groups).step_by(step as usize);
    let part = |start: u64| {
        let groups = start..lanes.groups.min(start + step);
        MessagePart {
            name: format!("groups {}..{}", groups.start, groups.end),
            rows: Some(lanes.rows_of(&groups)),
        }
    };
    Ok(starts.map(part).collect())
}

fn id_of(plan: &MessagePlan<'_>) -> String {
    let mut digest = Digest::of_messages(&plan.data_id);
    digest.text(&plan.table);
    digest.columns(&plan.schema);
    let MessageSettings {
        max_rows,
        max_bytes,
        grouping,
        nulls,
    } = plan.settings;
    digest.number(max_rows);
    digest.number(max_bytes);
    digest.text(&format!("{} {}", grouping.name(), nulls.name()));
    digest.number(plan.parts.len() as u64);
    let pieces = match &plan.rows {
        Rows::Pieces(pieces) => pieces.pieces(),
        Rows::Texts(pieces) => pieces.pieces(),
        Rows::Lanes(_) => &[],
    };
    match &plan.rows {
        Rows::Pieces(_) | Rows::Texts(_) => {
            for piece in pieces {
                digest.text(&piece.identity);
            }
        }
        Rows::Lanes(lanes) => {
            digest.number(lanes.rows.start);
            digest.number(lanes.rows.end);
        }
    }
    digest.finish()
}

impl MessagePlan<'_> {
    /// Whether control totals can be made of the rows.
    pub(super) fn is_counted(&self) -> bool {
        !matches!(self.rows, Rows::Texts(_)) && Tally::try_new(&self.schema).is_ok()
    }
}
