//! A part on its way to a store, and the digest of its bytes.

use std::sync::{Arc, OnceLock};

use lakeseed_budget::Lease;

use crate::error::Result;
use crate::store::PartWriter;

/// A part whose bytes are digested on their way.
pub(crate) struct Digested {
    out: Box<dyn PartWriter>,
    digester: Digester,
    digest: Arc<OnceLock<blake3::Hash>>,
    /// Of the worker that opened it, which may end before the part does. The last field: the buffers
    /// go first.
    _lease: Option<Arc<Lease>>,
}

impl Digested {
    pub(crate) fn new(
        out: Box<dyn PartWriter>,
        digest: Arc<OnceLock<blake3::Hash>>,
        lease: Option<Arc<Lease>>,
    ) -> Self {
        Self {
            out,
            digester: Digester::new(),
            digest,
            _lease: lease,
        }
    }
}

impl PartWriter for Digested {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.digester.update(bytes);
        self.out.write(bytes)
    }

    fn finish(self: Box<Self>) -> Result<u64> {
        let bytes = self.out.finish()?;
        // Set once: a part is finished once.
        let _ = self.digest.set(self.digester.finish());
        Ok(bytes)
    }
}

/// How much is digested at once. BLAKE3 takes chunks of 1 KiB side by side, as many as the widest
/// vectors hold, but only such as stand together from a multiple of their number on. A part comes in
/// pieces of any length: each as it comes would cost three times as much.
const STEP_BYTES: usize = 32 << 10;

/// The digest of bytes that come in pieces.
///
/// **Memory**: [`STEP_BYTES`].
struct Digester {
    hasher: blake3::Hasher,
    /// What is left of the pieces so far: less than a step.
    rest: Vec<u8>,
}

impl Digester {
    fn new() -> Self {
        Self {
            hasher: blake3::Hasher::new(),
            rest: Vec::with_capacity(STEP_BYTES),
        }
    }

    fn update(&mut self, mut bytes: &[u8]) {
        if !self.rest.is_empty() {
            let missing = STEP_BYTES - self.rest.len();
            let (first, others) = bytes.split_at(missing.min(bytes.len()));
            self.rest.extend_from_slice(first);
            bytes = others;
            if self.rest.len() < STEP_BYTES {
                return;
            }
            self.hasher.update(&self.rest);
            self.rest.clear();
        }
        let (steps, rest) = bytes.split_at(bytes.len() - bytes.len() % STEP_BYTES);
        self.hasher.update(steps);
        self.rest.extend_from_slice(rest);
    }

    fn finish(mut self) -> blake3::Hash {
        self.hasher.update(&self.rest);
        self.hasher.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_do_not_matter() {
        let bytes: Vec<u8> = (0..5 * STEP_BYTES).map(|at| (at % 251) as u8).collect();
        let pieces = [
            vec![],
            vec![bytes.len()],
            vec![STEP_BYTES; 5],
            vec![1, STEP_BYTES - 1, STEP_BYTES],
            vec![STEP_BYTES - 1, 1, 1, 0, 2 * STEP_BYTES],
            vec![7, 2 * STEP_BYTES - 7, 1],
            [40, 30_000].repeat(5),
            vec![777; 200],
        ];
        for lengths in pieces {
            let mut digester = Digester::new();
            let mut end = 0;
            for length in &lengths {
                digester.update(&bytes[end..end + length]);
                end += length;
                assert!(digester.rest.len() < STEP_BYTES, "{lengths:?}");
            }
            assert_eq!(
                digester.finish(),
                blake3::hash(&bytes[..end]),
                "{lengths:?}"
            );
        }
    }
}
