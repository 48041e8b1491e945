//! Buffers of parts that are finished, for the parts that follow.
//!
//! A buffer that another thread has sent and freed comes back to its worker's heap late, and while it
//! is missing an allocator maps more: a process under a hard limit died of it. A buffer that is used
//! again also needs none of its pages cleared.

use std::sync::Mutex;

use crate::sync::lock;
use bytes::{Bytes, BytesMut};

/// As many as the most parts that were open at a time have held.
#[derive(Debug, Default)]
pub(super) struct Spares(Mutex<Vec<BytesMut>>);

impl Spares {
    /// An empty buffer with room for so many bytes.
    pub(super) fn take(&self, bytes: usize) -> BytesMut {
        let spare = self.held().pop();
        // One of another size goes: a larger one would be more than its part was given memory for.
        spare
            .filter(|spare| spare.capacity() == bytes)
            .unwrap_or_else(|| BytesMut::with_capacity(bytes))
    }

    /// Keeps a buffer, if there is one.
    pub(super) fn keep(&self, buffer: Option<BytesMut>) {
        if let Some(mut buffer) = buffer.filter(|buffer| buffer.capacity() > 0) {
            buffer.clear();
            self.held().push(buffer);
        }
    }

    /// Keeps what was sent, unless somebody still reads it.
    pub(super) fn keep_sent(&self, sent: Bytes) {
        self.keep(sent.try_into_mut().ok());
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Vec<BytesMut>> {
        lock(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: usize = 100;

    fn filled(spares: &Spares, bytes: usize) -> BytesMut {
        let mut buffer = spares.take(BYTES);
        assert!(buffer.is_empty() && buffer.capacity() == BYTES);
        buffer.resize(bytes, 7);
        buffer
    }

    #[test]
    fn a_buffer_that_nobody_reads_is_used_again() {
        for bytes in [1, BYTES / 2, BYTES] {
            let spares = Spares::default();
            let sent = filled(&spares, bytes).freeze();
            let memory = sent.as_ptr();
            spares.keep_sent(sent);
            assert_eq!(filled(&spares, BYTES).as_ptr(), memory, "{bytes}");
        }
    }

    #[test]
    fn a_buffer_that_somebody_reads_stays_as_it_is() {
        let spares = Spares::default();
        let sent = filled(&spares, BYTES).freeze();
        let on_its_way = sent.clone();
        spares.keep_sent(sent);
        let next = filled(&spares, BYTES);
        assert_ne!(next.as_ptr(), on_its_way.as_ptr());
        assert_eq!(on_its_way, vec![7; BYTES]);
    }

    #[test]
    fn a_buffer_of_another_size_is_not_given() {
        let spares = Spares::default();
        for other in [BYTES / 2, BYTES * 2] {
            spares.keep(Some(BytesMut::with_capacity(other)));
            assert_eq!(spares.take(BYTES).capacity(), BYTES);
            assert!(spares.held().is_empty());
        }
    }
}
