//! A file, wherever it is: its name, what it is now, and any range of its bytes.

use std::fmt;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use bytes::Bytes;

/// What tells one state of a file from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Its size.
    pub bytes: u64,
    /// Its time of change, its entity tag or its digest: another text, another content.
    pub version: String,
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes, {}", self.bytes, self.version)
    }
}

/// A file that can be read in ranges, by several threads at once.
///
/// This crate knows local files ([`LocalFile`]). A caller brings its own for buckets.
pub trait File: Send + Sync {
    /// How errors and identities call it; its ending tells the format (`.parquet`, `.csv.gz`).
    fn path(&self) -> &str;

    /// What the file is now. Asked when a table is opened and each time one of its pieces is, so
    /// that a change is noticed.
    ///
    /// # Errors
    /// The file is not there, or does not answer.
    fn stamp(&self) -> io::Result<Stamp>;

    /// `length` bytes from `offset` on; fewer only where the file ends.
    ///
    /// # Errors
    /// What the place says.
    fn read_range(&self, offset: u64, length: usize) -> io::Result<Bytes>;

    /// What is worth reading ahead, in bytes, where each read costs as much time as some MiB do: who
    /// reads a piece holds so much, of all its columns together. None where reads are cheap.
    fn read_ahead(&self) -> u64 {
        0
    }
}

/// A file of this machine. Its version is the time of its last change, in nanoseconds.
///
/// ```
/// use lakeseed_star_schema::{File, LocalFile};
///
/// # fn main() -> std::io::Result<()> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("a.csv");
/// # std::fs::write(&path, "id\n1\n")?;
/// let file = LocalFile::new(&path);
/// assert_eq!(file.stamp()?.bytes, 5);
/// assert_eq!(file.read_range(3, 10)?, "1\n");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct LocalFile {
    path: PathBuf,
    shown: String,
}

impl LocalFile {
    /// Names a file; nothing is opened yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let shown = path.display().to_string();
        Self { path, shown }
    }

    /// Where it is.
    pub fn as_path(&self) -> &Path {
        &self.path
    }
}

impl File for LocalFile {
    fn path(&self) -> &str {
        &self.shown
    }

    fn stamp(&self) -> io::Result<Stamp> {
        let known = fs::metadata(&self.path)?;
        if !known.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a file"));
        }
        let changed = known.modified()?;
        let nanoseconds = match changed.duration_since(UNIX_EPOCH) {
            Ok(since) => since.as_nanos() as i128,
            Err(before) => -(before.duration().as_nanos() as i128),
        };
        Ok(Stamp {
            bytes: known.len(),
            version: format!("changed at {nanoseconds}"),
        })
    }

    fn read_range(&self, offset: u64, length: usize) -> io::Result<Bytes> {
        // Opened for each range: threads then have no position in common, on any system.
        let mut file = fs::File::open(&self.path)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::with_capacity(length);
        file.take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }
}
