//! `--reject-to`: rows that cannot be read, kept as they stand.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use lakeseed_star_schema::{RejectedRow, Rejects};

use crate::error::Failure;

/// A file of rejected rows: a line that says what is wrong and where, then the row.
pub(super) struct RejectFile {
    path: PathBuf,
    file: Arc<Kept>,
}

struct Kept {
    out: Mutex<BufWriter<File>>,
    rows: AtomicU64,
}

impl RejectFile {
    /// Starts a file; one that is there is written anew: a run reads all its input again.
    pub(super) fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(|error| {
            let expected = format!("a file that can be written at {}", path.display());
            Failure::refused(expected, error, "choose another --reject-to")
        })?;
        Ok(Self {
            path: path.to_owned(),
            file: Arc::new(Kept {
                out: Mutex::new(BufWriter::new(file)),
                rows: AtomicU64::new(0),
            }),
        })
    }

    /// Who takes the rows.
    pub(super) fn taker(&self) -> Arc<dyn Rejects> {
        Arc::clone(&self.file) as Arc<dyn Rejects>
    }

    /// How many came so far.
    pub(super) fn rows(&self) -> u64 {
        self.file.rows.load(Ordering::Relaxed)
    }

    /// Writes what is still on the way.
    pub(super) fn finish(&self) -> Result<()> {
        let mut out = self.file.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.flush().map_err(|error| {
            let expected = format!("to write {}", self.path.display());
            Failure::found(expected, error, "make room and repeat the command").into()
        })
    }
}

impl Rejects for Kept {
    fn reject(&self, row: &RejectedRow<'_>) -> io::Result<()> {
        self.rows.fetch_add(1, Ordering::Relaxed);
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let cut = if row.is_cut { " (its beginning)" } else { "" };
        writeln!(
            out,
            "# {}, line {}{cut}: {}",
            row.path, row.line, row.problem
        )?;
        out.write_all(row.bytes)?;
        out.write_all(b"\n")
    }
}
