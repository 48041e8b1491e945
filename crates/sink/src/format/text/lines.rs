//! A block of lines under construction: bytes copied in at a position, never pushed.
//!
//! Short things are copied in fixed sizes and the position moved by their true length, which costs
//! one bounds check and one or two stores; the surplus is overwritten by what follows. So every
//! row first makes sure that there is room for its widest form.

/// Room beyond the widest cell, for copies of fixed size.
pub(super) const SLACK: usize = 40;

/// The bytes of a prefix or a rendered value that is copied in one fixed-size move.
pub(super) const SHORT: usize = 32;

/// How much is made ready at a time.
const STEP_BYTES: usize = 64 * 1024;

/// A growing block of text.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    bytes: Vec<u8>,
    at: usize,
    /// What one row of fixed-width cells may take: kept free behind every cell of any width.
    row_bytes: usize,
}

impl Lines {
    /// An empty block in the memory of an earlier one.
    pub(super) fn reusing(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            at: 0,
            row_bytes: 0,
        }
    }

    /// Sets what a row may take in cells of limited width.
    pub(super) fn set_row_bytes(&mut self, row_bytes: usize) {
        self.row_bytes = row_bytes + SLACK;
    }

    /// The text, cut to its length; what follows begins without memory, and goes on with the same
    /// room for a row.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.truncate(self.at);
        self.at = 0;
        bytes
    }

    /// Goes on in the memory of an earlier block, in the middle of a batch too.
    pub(crate) fn restart(&mut self, bytes: Vec<u8>) {
        self.bytes = bytes;
        self.at = 0;
        self.ensure(0);
    }

    /// Forgets the text and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.at = 0;
    }

    pub(crate) fn len(&self) -> usize {
        self.at
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.at]
    }

    /// The text, cut to its length.
    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        self.bytes.truncate(self.at);
        self.bytes
    }

    /// Makes room for `more` bytes and a row behind them.
    #[inline]
    pub(crate) fn ensure(&mut self, more: usize) {
        if self.bytes.len() - self.at < more + self.row_bytes {
            self.grow(more + self.row_bytes);
        }
    }

    #[cold]
    fn grow(&mut self, more: usize) {
        let len = self.bytes.len();
        let wanted = self.at + more + STEP_BYTES;
        if wanted > self.bytes.capacity() {
            // Not by as much again: the old and the new memory stand side by side for a moment, and
            // a block is used again, so that it seldom grows.
            self.bytes.reserve_exact(wanted.max(len + len / 4) - len);
        }
        // In steps, so that memory which is not needed is not touched.
        self.bytes.resize(wanted, 0);
    }

    #[inline]
    pub(crate) fn byte(&mut self, byte: u8) {
        self.bytes[self.at] = byte;
        self.at += 1;
    }

    /// Copies all `N` bytes and counts `len` of them.
    #[inline]
    pub(super) fn fixed<const N: usize>(&mut self, bytes: &[u8; N], len: usize) {
        debug_assert!(len <= N);
        self.bytes[self.at..self.at + N].copy_from_slice(bytes);
        self.at += len;
    }

    /// Copies pieces one behind the other, each in a fixed size, and counts of each what `lens` says.
    #[inline]
    pub(super) fn each_fixed<const N: usize>(&mut self, pieces: &[[u8; N]], lens: &[u8]) {
        let mut at = self.at;
        for (piece, len) in pieces.iter().zip(lens) {
            self.bytes[at..at + N].copy_from_slice(piece);
            at += usize::from(*len);
        }
        self.at = at;
    }

    /// Copies a slice of any length; there must be room.
    #[inline]
    pub(crate) fn slice(&mut self, bytes: &[u8]) {
        self.bytes[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    /// Copies a slice that is mostly of 8 to 32 bytes, in two halves that overlap.
    #[inline]
    pub(super) fn short(&mut self, bytes: &[u8]) {
        let len = bytes.len();
        let target = &mut self.bytes[self.at..self.at + len];
        if let (Some(first), Some(last), true) = (
            bytes.first_chunk::<16>(),
            bytes.last_chunk::<16>(),
            len <= 32,
        ) {
            target[..16].copy_from_slice(first);
            target[len - 16..].copy_from_slice(last);
        } else if let (Some(first), Some(last), true) =
            (bytes.first_chunk::<8>(), bytes.last_chunk::<8>(), len <= 16)
        {
            target[..8].copy_from_slice(first);
            target[len - 8..].copy_from_slice(last);
        } else {
            target.copy_from_slice(bytes);
        }
        self.at += len;
    }

    /// Moves the text from `from` on by `by` bytes; what stands in the gap is the caller's business.
    pub(crate) fn shift(&mut self, from: usize, by: usize) {
        self.ensure(by);
        self.bytes.copy_within(from..self.at, from + by);
        self.at += by;
    }

    /// Writes bytes over those at `at`, which are there already.
    #[inline]
    pub(crate) fn overwrite(&mut self, at: usize, bytes: &[u8]) {
        debug_assert!(at + bytes.len() <= self.at);
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Closes the object that begins at `start`, where each member has brought its comma or the
    /// first one its brace.
    #[inline]
    pub(super) fn close_object(&mut self, start: usize) {
        if self.at == start {
            self.byte(b'{');
        } else {
            self.bytes[start] = b'{';
        }
        self.byte(b'}');
    }

    /// Copies the `len` bytes of `rendered` at `from`, which has [`SHORT`] bytes to spare.
    #[inline]
    pub(super) fn rendered(&mut self, rendered: &[u8], from: usize, len: usize) {
        if len <= SHORT {
            let target = &mut self.bytes[self.at..self.at + SHORT];
            target.copy_from_slice(&rendered[from..from + SHORT]);
            self.at += len;
        } else {
            self.ensure(len);
            self.slice(&rendered[from..from + len]);
        }
    }
}
