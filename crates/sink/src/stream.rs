//! One part straight to a stream: standard output, a socket, a buffer.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::error::{Error, Result};
use crate::path::PartPath;
use crate::store::PartWriter;
use crate::sync::lock;

type Shared = Arc<Mutex<Option<Box<dyn Write + Send>>>>;

/// A stream for a single part, whose bytes leave as they come: nothing can be taken back, so there
/// is no commit, and a reader that wants to know the end looks at the format or the exit code.
pub struct Stream {
    name: PathBuf,
    out: Shared,
}

impl Stream {
    /// A stream that writes to `out`; `name` stands for it in errors.
    pub fn new(name: impl Into<PathBuf>, out: impl Write + Send + 'static) -> Self {
        Self {
            name: name.into(),
            out: Arc::new(Mutex::new(Some(Box::new(out)))),
        }
    }

    /// Standard output.
    pub fn stdout() -> Self {
        Self::new("standard output", io::stdout())
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

fn take(shared: &Shared) -> Option<Box<dyn Write + Send>> {
    lock(shared).take()
}

impl Stream {
    /// Refuses what one stream cannot carry.
    pub(crate) fn check(parts: usize) -> Result<()> {
        if parts == 1 {
            return Ok(());
        }
        Err(Error::Invalid {
            what: "output",
            expected: "one file of one table for a stream".to_owned(),
            found: format!("{parts} files"),
        })
    }

    pub(crate) fn create(&self, path: &PartPath) -> Result<Box<dyn PartWriter>> {
        let out = take(&self.out).ok_or_else(|| Error::Invalid {
            what: "output",
            expected: "one file of one table for a stream".to_owned(),
            found: format!("another file, {path}"),
        })?;
        Ok(Box::new(StreamPart {
            name: self.name.clone(),
            out,
            bytes: 0,
        }))
    }
}

struct StreamPart {
    name: PathBuf,
    out: Box<dyn Write + Send>,
    bytes: u64,
}

impl StreamPart {
    fn failed(&self) -> impl FnOnce(io::Error) -> Error + use<> {
        Error::io("write to", Path::new(&self.name))
    }
}

impl PartWriter for StreamPart {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(self.failed())?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<u64> {
        self.out.flush().map_err(self.failed())?;
        Ok(self.bytes)
    }
}
