//! Bytes that only grow at their end, in blocks.
//!
//! A vector that grows moves its bytes into one of twice the size: for a moment both are there, and
//! up to half of the larger one stays empty. A column chunk of many megabytes would cost three
//! times its size. Blocks never move, and are used again for the next row group.

use std::io::{self, Write};

/// Room of a block that small pieces are copied into: little enough that the last one of a column,
/// on average half empty, costs nothing beside the column.
const BLOCK_BYTES: usize = 64 << 10;

/// Bytes in blocks, and empty blocks for more of them.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    full: Vec<Vec<u8>>,
    /// Empty, with the memory that they once had.
    spare: Vec<Vec<u8>>,
    len: usize,
}

impl Blocks {
    /// How many bytes there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The bytes, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.full.iter().map(Vec::as_slice)
    }

    /// Appends a copy of `bytes`.
    pub(super) fn extend(&mut self, mut bytes: &[u8]) {
        self.len += bytes.len();
        while !bytes.is_empty() {
            if self
                .full
                .last()
                .is_none_or(|last| last.len() == last.capacity())
            {
                let block = self.empty(BLOCK_BYTES);
                self.full.push(block);
            }
            if let Some(last) = self.full.last_mut() {
                let fitting = bytes.len().min(last.capacity() - last.len());
                let (now, later) = bytes.split_at(fitting);
                last.extend_from_slice(now);
                bytes = later;
            }
        }
    }

    /// Appends a block as it stands, without a copy.
    pub(super) fn adopt(&mut self, block: Vec<u8>) {
        self.len += block.len();
        self.full.push(block);
    }

    /// An empty block to fill and [`adopt`](Self::adopt), with room for `bytes`.
    pub(super) fn empty(&mut self, bytes: usize) -> Vec<u8> {
        let mut block = self.spare.pop().unwrap_or_default();
        block.reserve_exact(bytes);
        block
    }

    /// Takes back a block that was not needed.
    pub(super) fn give_back(&mut self, mut block: Vec<u8>) {
        block.clear();
        self.spare.push(block);
    }

    /// Cuts off what stands behind the first `len` bytes.
    pub(super) fn truncate(&mut self, len: usize) {
        while self.len > len {
            let Some(mut last) = self.full.pop() else {
                return;
            };
            let before = self.len - last.len();
            last.truncate(len.saturating_sub(before));
            self.len = before;
            if last.is_empty() {
                self.spare.push(last);
            } else {
                self.adopt(last);
            }
        }
    }

    /// Forgets the bytes, and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.truncate(0);
    }
}

impl Write for Blocks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(blocks: &Blocks) -> Vec<u8> {
        blocks.iter().flatten().copied().collect()
    }

    fn numbered(len: usize) -> Vec<u8> {
        (0..len).map(|at| (at / 7) as u8).collect()
    }

    #[test]
    fn holds_what_was_given_in_order() {
        let mut blocks = Blocks::default();
        let all = numbered(3 * BLOCK_BYTES + 5);
        let (start, rest) = all.split_at(1000);
        let (middle, end) = rest.split_at(BLOCK_BYTES);
        blocks.extend(start);
        blocks.adopt(middle.to_vec());
        blocks.extend(end);
        assert_eq!(blocks.len(), all.len());
        assert_eq!(bytes(&blocks), all);
    }

    #[test]
    fn truncates_anywhere_and_goes_on() {
        let all = numbered(2 * BLOCK_BYTES + 100);
        for len in [
            0,
            1,
            BLOCK_BYTES - 1,
            BLOCK_BYTES,
            BLOCK_BYTES + 1,
            all.len(),
            all.len() + 1,
        ] {
            let mut blocks = Blocks::default();
            blocks.extend(&all);
            blocks.truncate(len);
            let left = &all[..len.min(all.len())];
            assert_eq!(blocks.len(), left.len());
            assert_eq!(bytes(&blocks), left);
            blocks.extend(b"more");
            assert_eq!(bytes(&blocks), [left, b"more"].concat());
        }
    }

    #[test]
    fn a_second_round_takes_no_new_memory() {
        let mut blocks = Blocks::default();
        let held = |blocks: &Blocks| -> usize {
            let all = blocks.full.iter().chain(&blocks.spare);
            all.map(Vec::capacity).sum()
        };
        blocks.extend(&numbered(3 * BLOCK_BYTES + 1));
        let once = held(&blocks);
        assert_eq!(
            once,
            4 * BLOCK_BYTES,
            "as much as there is, in whole blocks"
        );
        blocks.clear();
        assert_eq!((blocks.len(), bytes(&blocks).len()), (0, 0));
        let unused = blocks.empty(9);
        blocks.give_back(unused);
        blocks.extend(&numbered(4 * BLOCK_BYTES));
        assert_eq!(held(&blocks), once);
    }
}
