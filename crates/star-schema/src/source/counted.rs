//! How many bytes are read of files, by whoever reads them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::{File, Stamp};

/// A count of the bytes that are read of some files, heads and footers included. Clones count together.
///
/// ```
/// use std::sync::Arc;
/// use lakeseed_star_schema::{BytesRead, File, LocalFile};
///
/// # fn main() -> std::io::Result<()> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("a.csv");
/// # std::fs::write(&path, "id\n1\n")?;
/// let read = BytesRead::default();
/// let file = read.of(Arc::new(LocalFile::new(&path)));
/// file.read_range(3, 10)?;
/// assert_eq!(read.get(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct BytesRead(Arc<AtomicU64>);

impl BytesRead {
    /// The bytes so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// The same file, what is read of it counted.
    pub fn of(&self, file: Arc<dyn File>) -> Arc<dyn File> {
        Arc::new(Counted {
            file,
            read: self.clone(),
        })
    }
}

struct Counted {
    file: Arc<dyn File>,
    read: BytesRead,
}

impl File for Counted {
    fn path(&self) -> &str {
        self.file.path()
    }

    fn stamp(&self) -> io::Result<Stamp> {
        self.file.stamp()
    }

    fn read_range(&self, offset: u64, length: usize) -> io::Result<Bytes> {
        let bytes = self.file.read_range(offset, length)?;
        (self.read.0).fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes)
    }

    fn read_ahead(&self) -> u64 {
        self.file.read_ahead()
    }
}
