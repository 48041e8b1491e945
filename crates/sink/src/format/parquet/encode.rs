//! Rows to a row group.

use std::sync::Arc;

use arrow_array::RecordBatchReader;

use super::blocks::Blocks;
use super::codec::PageCodec;
use super::flat::{self, ColumnEncoder};
use super::layout::{ColumnLayout, FileLayout};
use super::library::LibraryColumn;
use super::{EncodedColumn, RowGroup};
use crate::error::Result;
use crate::format::{Chunk, ChunkData, EncodeError, Encoder};

/// Encodes row groups, one after the other, in the same memory.
pub(super) struct RowGroupEncoder {
    layout: Arc<FileLayout>,
    codec: PageCodec,
    /// The memory of an earlier row group, by column.
    spare: Vec<Blocks>,
}

impl RowGroupEncoder {
    pub(super) fn try_new(layout: Arc<FileLayout>) -> Result<Self> {
        let codec = PageCodec::try_new(layout.codec)?;
        Ok(Self {
            layout,
            codec,
            spare: Vec::new(),
        })
    }

    fn column(&self, layout: &ColumnLayout, spare: Blocks) -> Result<Box<dyn ColumnEncoder>> {
        let descr = self.layout.parquet_schema.column(layout.leaf);
        match flat::encoder(layout, &descr, spare) {
            Ok(column) => Ok(column),
            Err(spare) => Ok(Box::new(LibraryColumn::try_new(layout, spare)?)),
        }
    }
}

impl Encoder for RowGroupEncoder {
    fn encode(&mut self, rows: &mut dyn RecordBatchReader) -> Result<Chunk, EncodeError> {
        let mut spare = std::mem::take(&mut self.spare).into_iter();
        let mut columns = Vec::with_capacity(self.layout.columns.len());
        for layout in &self.layout.columns {
            columns.push(self.column(layout, spare.next().unwrap_or_default())?);
        }
        let mut count = 0;
        for batch in rows {
            let batch = batch.map_err(EncodeError::Rows)?;
            count += batch.num_rows() as u64;
            for (column, array) in columns.iter_mut().zip(batch.columns()) {
                column.write(array, &mut self.codec)?;
            }
        }
        let finished = columns
            .into_iter()
            .map(|column| column.finish(&mut self.codec));
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
                .map(|column| column.blocks)
                .collect();
        }
    }
}
