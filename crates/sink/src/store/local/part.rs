//! A file on its way.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use super::disk::{folder_of, sync_folder};
use crate::error::{Error, Result};
use crate::fail;
use crate::store::PartWriter;

/// A file on its way.
pub(super) struct LocalPart {
    /// `None` once finished.
    pub(super) out: Option<BufWriter<File>>,
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
}

impl PartWriter for LocalPart {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(out) = &mut self.out {
            out.write_all(bytes)
                .map_err(Error::io("write", &self.path))?;
            self.bytes += bytes.len() as u64;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<u64> {
        if let Some(out) = &mut self.out {
            out.flush().map_err(Error::io("write", &self.path))?;
            out.get_ref()
                .sync_all()
                .map_err(Error::io("sync", &self.path))?;
            fail::point("part.synced");
            sync_folder(&folder_of(&self.path))?;
        }
        self.out = None;
        Ok(self.bytes)
    }
}

impl Drop for LocalPart {
    fn drop(&mut self) {
        if let Some(out) = self.out.take() {
            // The buffer is not worth writing any more.
            let (file, _) = out.into_parts();
            drop(file);
            let _ = fs::remove_file(&self.path);
        }
    }
}
