//! Bytes of a part on their way: counted, digested, ended early when somebody says stop.

use std::io::{self, Read};

use super::part::Context;
use crate::error::Error;

/// How much is read at a time where nobody else decides.
const STEP_BYTES: usize = 256 * 1024;

/// A part read from its start to its end.
pub(super) struct Bytes<'p> {
    inner: Box<dyn Read + Send>,
    context: &'p Context<'p>,
    /// `None` where nobody asks for the digest.
    hasher: Option<blake3::Hasher>,
    /// How much more is taken: a file that grows meanwhile is not followed.
    left: u64,
    lost: Option<Error>,
}

impl<'p> Bytes<'p> {
    pub(super) fn new(
        inner: Box<dyn Read + Send>,
        size: u64,
        wants_digest: bool,
        context: &'p Context<'p>,
    ) -> Self {
        Self {
            inner,
            context,
            hasher: wants_digest.then(blake3::Hasher::new),
            left: size,
            lost: None,
        }
    }

    /// Why the store could not be asked, where it could not: parsers keep the text alone.
    pub(super) fn take_lost(&mut self) -> Option<Error> {
        self.lost.take()
    }

    /// Reads what is left, and gives the digest of all, where it was asked for.
    pub(super) fn finish(&mut self) -> io::Result<Option<String>> {
        if self.hasher.is_none() {
            return Ok(None);
        }
        let mut step = vec![0; STEP_BYTES];
        while self.read(&mut step)? > 0 {}
        let hasher = self.hasher.take();
        Ok(hasher.map(|hasher| hasher.finalize().to_hex().to_string()))
    }
}

impl Read for Bytes<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        // Who lost the store has waited for it long enough.
        if self.context.is_over() || self.lost.is_some() {
            return Err(io::Error::other("stopped"));
        }
        let most = into
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.inner.read(&mut into[..most]);
        let read = read.inspect_err(|error| self.lost = Error::lost_in(error))?;
        self.left -= read as u64;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&into[..read]);
        }
        self.context.read_bytes(read as u64);
        Ok(read)
    }
}
