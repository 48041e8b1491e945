//! Rows to a row group.

use std::sync::Arc;

use arrow_array::RecordBatchReader;

use super::layout::FileLayout;
use super::library::LibraryColumn;
use super::{EncodedColumn, RowGroup};
use crate::error::Result;
use crate::format::{Chunk, ChunkData, EncodeError, Encoder};

/// Encodes row groups, one after the other, in the same memory.
pub(super) struct RowGroupEncoder {
    layout: Arc<FileLayout>,
    /// The memory of an earlier row group, by column.
    spare: Vec<Vec<u8>>,
}

impl RowGroupEncoder {
    pub(super) fn new(layout: Arc<FileLayout>) -> Self {
        Self {
            layout,
            spare: Vec::new(),
        }
    }
}

impl Encoder for RowGroupEncoder {
    fn encode(&mut self, rows: &mut dyn RecordBatchReader) -> Result<Chunk, EncodeError> {
        let mut spare = std::mem::take(&mut self.spare).into_iter();
        let mut columns = Vec::with_capacity(self.layout.columns.len());
        for layout in &self.layout.columns {
            columns.push(LibraryColumn::try_new(
                layout,
                spare.next().unwrap_or_default(),
            )?);
        }
        let mut count = 0;
        for batch in rows {
            let batch = batch.map_err(EncodeError::Rows)?;
            count += batch.num_rows() as u64;
            for (column, array) in columns.iter_mut().zip(batch.columns()) {
                column.write(array)?;
            }
        }
        let finished = columns.into_iter().map(LibraryColumn::finish);
        let group = RowGroup {
            columns: finished.collect::<Result<Vec<EncodedColumn>>>()?,
        };
        Ok(Chunk {
            rows: count,
            plain_bytes: group.bytes(),
            data: ChunkData::RowGroup(group),
        })
    }

    fn recycle(&mut self, chunk: Chunk) {
        if let ChunkData::RowGroup(group) = chunk.data {
            self.spare = group
                .columns
                .into_iter()
                .map(|column| column.bytes)
                .collect();
        }
    }
}
