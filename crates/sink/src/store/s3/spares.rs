//! Buffers of parts that are finished, for the parts that follow.
//!
//! A buffer that another thread has sent and freed comes back to its worker's heap late, and while it
//! is missing an allocator maps more: a process under a hard limit died of it. A buffer that is used
//! again also needs none of its pages cleared.

use std::sync::{Mutex, PoisonError};

use bytes::{Bytes, BytesMut};

/// As many as the most parts that were open at a time have held.
#[derive(Debug, Default)]
pub(super) struct Spares(Mutex<Vec<BytesMut>>);

impl Spares {
    /// An empty buffer with room for so many bytes.
    pub(super) fn take(&self, bytes: usize) -> BytesMut {
        let spare = self.held().pop();
        // One that is too small goes: those that follow want larger ones too.
        spare
            .filter(|spare| spare.capacity() >= bytes)
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(spares: &Spares, bytes: usize) -> BytesMut {
        let mut buffer = spares.take(bytes);
        assert!(buffer.is_empty());
        buffer.resize(bytes, 7);
        buffer
    }

    #[test]
    fn a_buffer_that_nobody_reads_is_used_again() {
        let spares = Spares::default();
        let sent = filled(&spares, 100).freeze();
        let memory = sent.as_ptr();
        spares.keep_sent(sent);
        assert_eq!(filled(&spares, 100).as_ptr(), memory);
    }

    #[test]
    fn a_buffer_that_somebody_reads_stays_as_it_is() {
        let spares = Spares::default();
        let sent = filled(&spares, 100).freeze();
        let on_its_way = sent.clone();
        spares.keep_sent(sent);
        let next = filled(&spares, 100);
        assert_ne!(next.as_ptr(), on_its_way.as_ptr());
        assert_eq!(on_its_way, vec![7; 100]);
    }

    #[test]
    fn a_buffer_that_is_too_small_is_not_given() {
        let spares = Spares::default();
        spares.keep(Some(filled(&spares, 100)));
        assert!(spares.take(200).capacity() >= 200);
        assert!(spares.held().is_empty());
    }
}
