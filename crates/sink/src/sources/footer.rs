//! The footer of a Parquet file, looked through before anybody makes room for what it promises.

use bytes::Bytes;
use parquet::file::metadata::{
    ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader, RowGroupMetaData,
};
use parquet::file::reader::Length;

use super::ranged::RangedFile;
use super::thrift;
use crate::error::chain;

/// The most that a footer may take: a thousand row groups of a hundred columns take a third of it.
const MOST_FOOTER_BYTES: u64 = 64 << 20;
const MAGIC: &[u8; 4] = b"PAR1";
const TAIL_BYTES: u64 = 8;

/// The footer, read and as bytes; in words, why there is none.
pub(crate) fn footer(file: &RangedFile) -> Result<(ParquetMetaData, Bytes), String> {
    let size = file.len();
    if size < TAIL_BYTES + MAGIC.len() as u64 {
        return Err("a file too short to be Parquet".to_owned());
    }
    let read = |at, length| file.bytes(at, length).map_err(|error| chain(&error));
    let tail = read(size - TAIL_BYTES, TAIL_BYTES)?;
    let head = read(0, MAGIC.len() as u64)?;
    if head.as_ref() != MAGIC || !tail.ends_with(MAGIC) {
        return Err("a file that does not begin and end as Parquet does".to_owned());
    }
    let length = tail
        .first_chunk::<4>()
        .map_or(0, |length| u32::from_le_bytes(*length));
    if u64::from(length) > MOST_FOOTER_BYTES.min(size - TAIL_BYTES) {
        return Err("a footer of an unreasonable size".to_owned());
    }
    let length = u64::from(length);
    let bytes = read(size - TAIL_BYTES - length, length)?;
    if !thrift::is_sane_footer(&bytes) {
        return Err("a footer that is none, or of an unreasonable shape".to_owned());
    }
    // How many pages a column has tells how large they are.
    let options = ParquetMetaDataOptions::new().with_encoding_stats_as_mask(false);
    let footer = ParquetMetaDataReader::decode_metadata_with_options(&bytes, Some(&options))
        .map_err(|error| chain(&error))?;
    for column in footer
        .row_groups()
        .iter()
        .flat_map(RowGroupMetaData::columns)
    {
        let start = column.dictionary_page_offset().unwrap_or(i64::MAX);
        let start = start.min(column.data_page_offset());
        let end = start.checked_add(column.compressed_size());
        let is_inside = start >= 0
            && column.compressed_size() >= 0
            && end.is_some_and(|end| end as u64 <= size - TAIL_BYTES);
        if !is_inside {
            return Err("a column that is not within the file".to_owned());
        }
    }
    Ok((footer, bytes))
}

/// Rows of all row groups.
pub(crate) fn rows_of_groups(footer: &ParquetMetaData) -> u64 {
    footer.row_groups().iter().fold(0, |rows: u64, group| {
        rows.saturating_add(u64::try_from(group.num_rows()).unwrap_or(u64::MAX))
    })
}
