//! The pages of one column chunk: levels, headers, indexes, statistics.

use arrow_array::Array;
use arrow_buffer::BooleanBufferBuilder;
use parquet::basic::{BoundaryOrder, Compression as Codec, Encoding, EncodingMask, PageType};
use parquet::file::metadata::{
    ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats,
};
use parquet::schema::types::ColumnDescPtr;

use super::blocks::Blocks;
use super::bounds::{Bound, joined};
use super::codec::PageCodec;
use super::packing::{put_run, put_varint, put_zigzag};
use super::{EncodedColumn, Leaf, NAME};
use crate::error::{Error, Result};

/// Rows of a page: what a reader with a page index can skip, and what stays in a core's cache
/// beside the pages of the other columns.
pub(super) const PAGE_ROWS: usize = 32_768;
/// The same of text as it stands: its rows are wide, and a worker holds a page of every column.
pub(super) const TEXT_PAGE_ROWS: usize = 8_192;

/// A column chunk under construction.
pub(super) struct Pages<B> {
    descr: ColumnDescPtr,
    codec: Codec,
    encoding: Encoding,
    most_rows: usize,
    /// Finished pages.
    blocks: Blocks,
    /// The values of the page under construction; where nothing comes around them, behind room for
    /// the header, so that the page is finished without a copy.
    page: Vec<u8>,
    /// Which rows of the page have a value; `None` for a column that is never null.
    validity: Option<BooleanBufferBuilder>,
    /// Room for its header, as long as the last one was.
    header_room: usize,
    /// The size of the last page that was finished without a copy: exact for values of one width.
    page_bytes: usize,
    page_rows: usize,
    page_nulls: usize,
    rows: u64,
    nulls: u64,
    plain_bytes: usize,
    /// Offset and size of each finished page, and its rows.
    finished: Vec<(usize, usize, usize)>,
    bounds: Option<(B, B)>,
    /// Whether some page has values that no bounds take in.
    has_unbound: bool,
    last_bounds: Option<(B, B)>,
    is_ascending: bool,
    is_descending: bool,
    column_index: ColumnIndexBuilder,
}

impl<B: Bound> Pages<B> {
    /// An empty column chunk with pages of `most_rows`, in the memory of an earlier one.
    pub(super) fn new(
        descr: ColumnDescPtr,
        codec: Codec,
        encoding: Encoding,
        most_rows: usize,
        mut spare: Blocks,
    ) -> Self {
        spare.clear();
        let is_nullable = descr.max_def_level() > 0;
        let mut pages = Self {
            codec,
            encoding,
            most_rows,
            blocks: spare,
            page: Vec::new(),
            validity: is_nullable.then(|| BooleanBufferBuilder::new(0)),
            header_room: 0,
            page_bytes: 0,
            page_rows: 0,
            page_nulls: 0,
            rows: 0,
            nulls: 0,
            plain_bytes: 0,
            finished: Vec::new(),
            bounds: None,
            has_unbound: false,
            last_bounds: None,
            is_ascending: true,
            is_descending: true,
            column_index: ColumnIndexBuilder::new(descr.physical_type()),
            descr,
        };
        pages.begin();
        pages
    }

    /// Whether values can be written where they will stay: nothing but a header comes around them.
    fn is_direct(&self) -> bool {
        self.codec == Codec::UNCOMPRESSED && self.validity.is_none()
    }

    fn begin(&mut self) {
        if self.is_direct() {
            if self.page.capacity() == 0 {
                self.page = self.blocks.empty(self.page_bytes);
            }
            self.page.resize(self.header_room, 0);
        }
    }

    /// Rows that the page under construction still takes.
    pub(super) fn room(&self) -> usize {
        self.most_rows - self.page_rows
    }

    /// Whether the page under construction has no rows.
    pub(super) fn is_empty(&self) -> bool {
        self.page_rows == 0
    }

    /// Where the values of the page go.
    pub(super) fn values(&mut self) -> &mut Vec<u8> {
        &mut self.page
    }

    /// Counts the rows of `array`, whose values are there or about to come.
    pub(super) fn count(&mut self, array: &dyn Array) {
        self.page_rows += array.len();
        if let Some(validity) = &mut self.validity {
            match array.nulls() {
                Some(nulls) => {
                    validity.append_buffer(nulls.inner());
                    self.page_nulls += nulls.null_count();
                }
                None => validity.append_n(array.len(), true),
            }
        }
    }

    /// Lends the memory of the page, where the column has none of its own because its values are
    /// still elsewhere; [`end`](Self::end) gives it back.
    pub(super) fn borrow(&mut self, codec: &mut PageCodec) {
        if !self.is_direct() && self.page.capacity() == 0 {
            self.page = std::mem::take(&mut codec.page);
        }
    }

    /// Closes the page under construction, if it has rows.
    pub(super) fn end(&mut self, bounds: Option<(B, B)>, codec: &mut PageCodec) -> Result<()> {
        if self.page_rows == 0 {
            return Ok(());
        }
        let start = self.blocks.len();
        let header_bytes = if self.is_direct() {
            let plain = self.page.len() - self.header_room;
            let header = data_header(plain, plain, self.page_rows, self.encoding)?;
            let room = ..self.header_room;
            self.header_room = header.len();
            self.plain_bytes += plain;
            let header_bytes = header.len();
            // The same length but for the first page and the last.
            self.page.splice(room, header);
            if self.encoding == Encoding::DELTA_BINARY_PACKED {
                // Much smaller than its room, which the next page takes.
                self.blocks.extend(&self.page);
                self.page.clear();
            } else {
                self.page_bytes = self.page.len();
                self.blocks.adopt(std::mem::take(&mut self.page));
            }
            header_bytes
        } else {
            let mut levels_and_page = std::mem::take(&mut codec.payload);
            let payload = if self.validity.is_some() {
                levels_and_page.clear();
                self.levels(&mut levels_and_page);
                levels_and_page.extend_from_slice(&self.page);
                &levels_and_page
            } else {
                &self.page
            };
            let squeezed = match self.codec {
                Codec::UNCOMPRESSED => payload.as_slice(),
                _ => codec.squeeze(payload)?,
            };
            let header = data_header(payload.len(), squeezed.len(), self.page_rows, self.encoding)?;
            self.plain_bytes += payload.len();
            self.blocks.extend(&header);
            self.blocks.extend(squeezed);
            codec.payload = levels_and_page;
            self.page.clear();
            // Lent above, or not there yet.
            if codec.page.capacity() == 0 {
                codec.page = std::mem::take(&mut self.page);
            }
            header.len()
        };
        self.plain_bytes += header_bytes;
        self.finished
            .push((start, self.blocks.len() - start, self.page_rows));
        self.note_bounds(bounds);
        self.rows += self.page_rows as u64;
        self.nulls += self.page_nulls as u64;
        self.page_rows = 0;
        self.page_nulls = 0;
        if let Some(validity) = &mut self.validity {
            validity.truncate(0);
        }
        self.begin();
        Ok(())
    }

    /// Appends the definition levels of the page: a run where all rows are alike, else the bits
    /// as Arrow has them.
    fn levels(&self, out: &mut Vec<u8>) {
        let Some(validity) = &self.validity else {
            return;
        };
        out.extend_from_slice(&[0; 4]);
        if self.page_nulls == 0 || self.page_nulls == self.page_rows {
            put_run(u32::from(self.page_nulls == 0), self.page_rows, 1, out);
        } else {
            let groups = self.page_rows.div_ceil(8);
            put_varint((groups as u64) << 1 | 1, out);
            out.extend_from_slice(&validity.as_slice()[..groups]);
        }
        let levels = (out.len() - 4) as u32;
        out[..4].copy_from_slice(&levels.to_le_bytes());
    }

    fn note_bounds(&mut self, bounds: Option<(B, B)>) {
        let nulls = self.page_nulls as i64;
        let Some((least, greatest)) = bounds else {
            let is_null = self.page_nulls == self.page_rows;
            if is_null {
                self.column_index
                    .append(true, Vec::new(), Vec::new(), nulls);
            } else {
                // Values without an order: index and statistics would have to lie about them.
                self.column_index.to_invalid();
                self.has_unbound = true;
            }
            return;
        };
        self.column_index
            .append(false, least.to_bytes(), greatest.to_bytes(), nulls);
        if let Some((last_least, last_greatest)) = &self.last_bounds {
            self.is_ascending &= *last_least <= least && *last_greatest <= greatest;
            self.is_descending &= *last_least >= least && *last_greatest >= greatest;
        }
        let here = (least.clone(), greatest.clone());
        self.bounds = Some(joined(self.bounds.take(), here));
        self.last_bounds = Some((least, greatest));
    }

    /// The column chunk. `dictionary` is the page of its distinct values, and their number.
    pub(super) fn finish(
        mut self,
        dictionary: Option<(&[u8], usize)>,
        codec: &mut PageCodec,
    ) -> Result<EncodedColumn> {
        if self.is_direct() {
            // The page that does not come.
            self.blocks.give_back(std::mem::take(&mut self.page));
        }
        let mut head = Vec::new();
        let mut encodings = vec![Encoding::RLE, self.encoding];
        let mut stats = vec![PageEncodingStats {
            page_type: PageType::DATA_PAGE,
            encoding: self.encoding,
            count: self.finished.len() as i32,
        }];
        if let Some((values, count)) = dictionary {
            let squeezed = match self.codec {
                Codec::UNCOMPRESSED => values,
                _ => codec.squeeze(values)?,
            };
            head = dictionary_header(values.len(), squeezed.len(), count)?;
            self.plain_bytes += head.len() + values.len();
            head.extend_from_slice(squeezed);
            encodings.push(Encoding::PLAIN);
            stats.insert(
                0,
                PageEncodingStats {
                    page_type: PageType::DICTIONARY_PAGE,
                    encoding: Encoding::PLAIN,
                    count: 1,
                },
            );
        }
        let mut offset_index = OffsetIndexBuilder::new();
        for (offset, size, rows) in &self.finished {
            offset_index.append_offset_and_size((head.len() + offset) as i64, *size as i32);
            offset_index.append_row_count(*rows as i64);
        }
        self.column_index
            .set_boundary_order(match (self.is_ascending, self.is_descending) {
                (true, _) => BoundaryOrder::ASCENDING,
                (false, true) => BoundaryOrder::DESCENDING,
                (false, false) => BoundaryOrder::UNORDERED,
            });
        let column_index = if self.column_index.valid() {
            Some(self.column_index.build().map_err(Error::encode(NAME))?)
        } else {
            None
        };
        let bounds = self.bounds.filter(|_| !self.has_unbound);
        let metadata = ColumnChunkMetaData::builder(self.descr)
            .set_compression(self.codec)
            .set_encodings_mask(EncodingMask::new_from_encodings(encodings.iter()))
            .set_page_encoding_stats(stats)
            .set_total_compressed_size((head.len() + self.blocks.len()) as i64)
            .set_total_uncompressed_size(self.plain_bytes as i64)
            .set_num_values(self.rows as i64)
            .set_data_page_offset(head.len() as i64)
            .set_dictionary_page_offset(dictionary.map(|_| 0))
            .set_statistics(B::statistics(bounds, self.nulls))
            .build()
            .map_err(Error::encode(NAME))?;
        let leaf = Leaf {
            metadata,
            column_index,
            offset_index: Some(offset_index.build()),
        };
        Ok(EncodedColumn {
            head,
            blocks: self.blocks,
            leaves: vec![leaf],
        })
    }
}

// Page headers in Thrift's compact protocol: a byte for a field (distance from the last one, type),
// then its value.
const INTEGER_NEXT: u8 = 0x15;
const STRUCT_AFTER_TWO: u8 = 0x2c;
const STRUCT_AFTER_FOUR: u8 = 0x4c;
const STOP: u8 = 0;
const DATA_PAGE: i64 = 0;
const DICTIONARY_PAGE: i64 = 2;

fn put_integer(number: i64, out: &mut Vec<u8>) {
    out.push(INTEGER_NEXT);
    put_zigzag(number, out);
}

/// Appends the size of a page before and after its codec.
fn put_sizes(plain: usize, squeezed: usize, out: &mut Vec<u8>) -> Result<()> {
    for size in [plain, squeezed] {
        let size = i32::try_from(size).map_err(|_| Error::Invalid {
            what: "page",
            expected: format!("less than 2 GiB in {PAGE_ROWS} rows of a column"),
            found: format!("{size} bytes"),
        })?;
        put_integer(i64::from(size), out);
    }
    Ok(())
}

fn data_header(plain: usize, squeezed: usize, rows: usize, encoding: Encoding) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(40);
    put_integer(DATA_PAGE, &mut out);
    put_sizes(plain, squeezed, &mut out)?;
    out.push(STRUCT_AFTER_TWO);
    put_integer(rows as i64, &mut out);
    put_integer(encoding as i64, &mut out);
    // Definition and repetition levels.
    put_integer(Encoding::RLE as i64, &mut out);
    put_integer(Encoding::RLE as i64, &mut out);
    out.extend_from_slice(&[STOP, STOP]);
    Ok(out)
}

fn dictionary_header(plain: usize, squeezed: usize, values: usize) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(32);
    put_integer(DICTIONARY_PAGE, &mut out);
    put_sizes(plain, squeezed, &mut out)?;
    out.push(STRUCT_AFTER_FOUR);
    put_integer(values as i64, &mut out);
    put_integer(Encoding::PLAIN as i64, &mut out);
    out.extend_from_slice(&[STOP, STOP]);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_beyond_what_a_header_can_say_are_refused() {
        let most = i32::MAX as usize;
        assert!(data_header(most, 9, 10, Encoding::PLAIN).is_ok());
        assert!(data_header(most + 1, 9, 10, Encoding::PLAIN).is_err());
        assert!(dictionary_header(9, most + 1, 10).is_err());
    }
}
