//! Rows of one's own as a table: any range of them is a slice, scattered ones are gathered.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, UInt32Array};
use arrow_schema::SchemaRef;

use super::OwnTable;
use crate::rows::Rows;
use crate::table::{Generate, Table};

/// A table that shares the rows' memory.
pub(super) fn table(own: &Arc<OwnTable>) -> Table {
    Table::new(Held {
        schema: own.rows.schema(),
        own: Arc::clone(own),
    })
}

struct Held {
    schema: SchemaRef,
    own: Arc<OwnTable>,
}

impl Generate for Held {
    fn name(&self) -> &str {
        self.own.table
    }

    fn about(&self) -> &str {
        self.own.about
    }

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn row_range(&self) -> Range<u64> {
        0..self.own.count()
    }

    fn make(&self, rows: &Rows<'_>, columns: &[usize]) -> Vec<ArrayRef> {
        let columns = columns.iter().map(|&at| self.own.rows.column(at));
        match rows {
            Rows::Range(range) => {
                let (from, count) = (range.start as usize, rows.len());
                columns.map(|array| array.slice(from, count)).collect()
            }
            Rows::List(list) => {
                let list: UInt32Array = list.iter().map(|&row| Some(row as u32)).collect();
                let taken = columns.map(|array| arrow_select::take::take(array, &list, None));
                taken
                    .map(|taken| match taken {
                        Ok(array) => array,
                        Err(error) => unreachable!("rows that are there: {error}"),
                    })
                    .collect()
            }
        }
    }

    fn row_of_key(&self, key: i64) -> Option<u64> {
        let found = self.own.keys.binary_search(&key);
        found.ok().map(|row| row as u64)
    }
}
