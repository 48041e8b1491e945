//! A part on its way to a store, and the digest of its bytes.

use std::sync::{Arc, OnceLock};

use lakeseed_budget::Lease;

use crate::error::Result;
use crate::store::PartWriter;

/// A part whose bytes are digested on their way.
pub(crate) struct Digested {
    out: Box<dyn PartWriter>,
    hasher: blake3::Hasher,
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
            hasher: blake3::Hasher::new(),
            digest,
            _lease: lease,
        }
    }
}

impl PartWriter for Digested {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.out.write(bytes)
    }

    fn finish(self: Box<Self>) -> Result<u64> {
        let bytes = self.out.finish()?;
        // Set once: a part is finished once.
        let _ = self.digest.set(self.hasher.finalize());
        Ok(bytes)
    }
}
