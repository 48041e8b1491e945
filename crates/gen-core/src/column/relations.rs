//! Foreign keys, and attributes of the parent, computed from row numbers alone.

use std::sync::Arc;

use arrow_array::ArrayRef;

use super::{Column, Context, Values, with_nulls};
use crate::dist::Zipf;
use crate::error::Result;
use crate::hints;
use crate::permute::Permutation;
use crate::rows::Rows;
use crate::seed::Stream;
use crate::table::Table;

/// A foreign key to be refined: give it to a builder as it is, or make it skewed first.
pub struct ForeignKey {
    parent: Table,
    pick: PickRow,
    nulls: Option<f64>,
}

enum PickRow {
    /// By Zipf's law; 0 is even.
    Exponent(f64),
    By(RowOf),
}

/// The primary key of a row of `parent`, every row equally likely unless [`ForeignKey::zipf`].
///
/// The parent is the table's handle; nothing of it is made or kept. Its key is the one column
/// that is hinted as primary, or else its first column.
pub fn foreign_key(parent: &Table) -> ForeignKey {
    ForeignKey {
        parent: parent.clone(),
        pick: PickRow::Exponent(0.0),
        nulls: None,
    }
}

impl ForeignKey {
    /// Some parents more often than others, by Zipf's law with that exponent. Which parents these
    /// are is drawn too: they are not the first rows.
    #[must_use]
    pub fn zipf(mut self, exponent: f64) -> Self {
        self.pick = PickRow::Exponent(exponent);
        self
    }

    /// Null in that share of the rows, 0 to 1; another share is refused when the table is built.
    #[must_use]
    pub fn nulls(mut self, share: f64) -> Self {
        self.nulls = Some(share);
        self
    }
}

impl From<ForeignKey> for Column {
    fn from(key: ForeignKey) -> Self {
        let parent = key.parent.clone();
        let key_column = key_column(&parent);
        let reference = match parent.schema().fields().get(key_column) {
            Some(field) => format!("{}.{}", parent.name(), field.name()),
            None => parent.name().to_owned(),
        };
        let nulls = key.nulls;
        let column = Self::new(move |context| key.build(context))
            .hint(hints::PARENT, &reference)
            .hint(hints::ENCODING, "delta");
        match nulls {
            Some(share) => column.nulls(share),
            None => column,
        }
    }
}

impl ForeignKey {
    fn build(self, context: &Context<'_>) -> Result<(arrow_schema::DataType, Arc<dyn Values>)> {
        let key_column = key_column(&self.parent);
        let count = self.parent.row_count();
        if count == 0 || self.parent.schema().fields().is_empty() {
            let reason = format!("its parent {} has no rows", self.parent.name());
            return Err(context.refuse(reason));
        }
        let pick = match self.pick {
            PickRow::By(at) => Pick::By(count, at),
            PickRow::Exponent(0.0) => Pick::Even(count),
            PickRow::Exponent(exponent) if exponent.is_finite() && exponent > 0.0 => Pick::Skewed {
                ranks: Box::new(Zipf::new(count, exponent, 0.0)),
                order: Permutation::new(context.stream.named("order"), count),
            },
            PickRow::Exponent(exponent) => {
                let reason = format!("a Zipf exponent is 0 or more, not {exponent}");
                return Err(context.refuse(reason));
            }
        };
        let data_type = self.parent.schema().field(key_column).data_type().clone();
        let values = ParentKeys {
            stream: context.stream,
            parent: self.parent,
            key_column,
            pick,
        };
        Ok((data_type, Arc::new(values)))
    }
}

fn key_column(parent: &Table) -> usize {
    let is_key = |field: &Arc<arrow_schema::Field>| field.metadata().contains_key(hints::KEY);
    parent
        .schema()
        .fields()
        .iter()
        .position(is_key)
        .unwrap_or(0)
}

/// The primary key of the parent's row that the function names, from the column's stream and the
/// row number. It counts from the parent's first row; past its last it begins anew, so that every
/// key resolves.
pub fn foreign_row(
    parent: &Table,
    at: impl Fn(Stream, u64) -> u64 + Send + Sync + 'static,
) -> Column {
    ForeignKey {
        parent: parent.clone(),
        pick: PickRow::By(Box::new(at)),
        nulls: None,
    }
    .into()
}

enum Pick {
    Even(u64),
    Skewed {
        ranks: Box<Zipf>,
        order: Permutation,
    },
    By(u64, RowOf),
}

type RowOf = Box<dyn Fn(Stream, u64) -> u64 + Send + Sync>;

struct ParentKeys {
    stream: Stream,
    parent: Table,
    key_column: usize,
    pick: Pick,
}

impl ParentKeys {
    fn parent_row(&self, row: u64) -> u64 {
        let first = self.parent.row_range().start;
        first
            + match &self.pick {
                Pick::Even(count) => self.stream.below(row, *count),
                Pick::Skewed { ranks, order } => order.forward(ranks.draw(self.stream.at(row))),
                Pick::By(count, at) => at(self.stream, row) % count,
            }
    }
}

impl Values for ParentKeys {
    fn take(&self, rows: &Rows<'_>) -> ArrayRef {
        let parents: Vec<u64> = rows.map(|row| self.parent_row(row));
        self.parent
            .make(&Rows::List(&parents), &[self.key_column])
            .swap_remove(0)
    }

    fn parent_rows(&self, rows: &Rows<'_>) -> Option<(&Table, Vec<u64>)> {
        Some((&self.parent, rows.map(|row| self.parent_row(row))))
    }

    fn nullable(&self) -> bool {
        self.parent.schema().field(self.key_column).is_nullable()
    }
}

/// A column of the row that the foreign key `key` of the same table points to.
///
/// Computed from the parent's row number: nothing is looked up. Null where the key is.
pub fn parent(key: &str, column: &str) -> Column {
    let (key, column) = (key.to_owned(), column.to_owned());
    Column::new(move |context| {
        let built = context
            .built
            .iter()
            .find(|built| built.field.name() == &key);
        let Some(foreign) = built else {
            let reason = format!("no column {key} stands before it; define the foreign key first");
            return Err(context.refuse(reason));
        };
        let Some((table, _)) = foreign.values.parent_rows(&Rows::Range(0..0)) else {
            return Err(context.refuse(format!("column {key} is no foreign key")));
        };
        let index = table.column_index(&column)?;
        let data_type = table.schema().field(index).data_type().clone();
        let values = ParentAttribute {
            key: foreign.values.clone(),
            column: index,
            nullable: foreign.field.is_nullable() || table.schema().field(index).is_nullable(),
        };
        Ok((data_type, Arc::new(values)))
    })
}

struct ParentAttribute {
    key: Arc<dyn Values>,
    column: usize,
    nullable: bool,
}

impl Values for ParentAttribute {
    fn take(&self, rows: &Rows<'_>) -> ArrayRef {
        let Some((table, parents)) = self.key.parent_rows(rows) else {
            unreachable!("checked when the table was built");
        };
        let array = table
            .make(&Rows::List(&parents), &[self.column])
            .swap_remove(0);
        match self.key.with_parent(rows) {
            Some(valid) => with_nulls(&array, &valid),
            None => array,
        }
    }

    fn nullable(&self) -> bool {
        self.nullable
    }
}
