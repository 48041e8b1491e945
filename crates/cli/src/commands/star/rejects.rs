//! `--reject-to`: rows that cannot be read, kept as they stand.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use lakeseed_star_schema::{RejectedRow, Rejects};

use crate::error::Failure;

/// A file of rejected rows: a line that says what is wrong and where, then the row.
pub(super) struct RejectFile(Arc<Kept>);

struct Kept {
    path: PathBuf,
    rows: Mutex<Rows>,
}

#[derive(Default)]
struct Rows {
    /// Begun anew by the first row: a run that reads nothing leaves the file of the one before.
    out: Option<BufWriter<File>>,
    count: u64,
}

impl RejectFile {
    /// A file that can be written.
    pub(super) fn at(path: &Path) -> Result<Self> {
        let tried = OpenOptions::new().append(true).create(true).open(path);
        tried.map_err(|error| {
            let expected = format!("a file that can be written at {}", path.display());
            Failure::refused(expected, error, "choose another --reject-to")
        })?;
        Ok(Self(Arc::new(Kept {
            path: path.to_owned(),
            rows: Mutex::default(),
        })))
    }

    /// Who takes the rows.
    pub(super) fn taker(&self) -> Arc<dyn Rejects> {
        Arc::clone(&self.0) as Arc<dyn Rejects>
    }

    /// How many came so far.
    pub(super) fn rows(&self) -> u64 {
        self.0.lock().count
    }

    /// Writes what is still on the way.
    pub(super) fn finish(&self) -> Result<()> {
        let mut rows = self.0.lock();
        let written = rows.out.as_mut().map_or(Ok(()), Write::flush);
        written.map_err(|error| {
            let expected = format!("to write {}", self.0.path.display());
            Failure::found(expected, error, "make room and repeat the command").into()
        })
    }
}

impl Kept {
    fn lock(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rejects for Kept {
    fn reject(&self, row: &RejectedRow<'_>) -> io::Result<()> {
        let mut rows = self.lock();
        rows.count += 1;
        let mut out = match rows.out.take() {
            Some(out) => out,
            None => BufWriter::new(File::create(&self.path)?),
        };
        let cut = if row.is_cut { " (its beginning)" } else { "" };
        writeln!(
            out,
            "# {}, line {}{cut}: {}",
            row.path, row.line, row.problem
        )?;
        out.write_all(row.bytes)?;
        out.write_all(b"\n")?;
        rows.out = Some(out);
        Ok(())
    }
}
