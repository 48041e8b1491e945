//! The file system, as the store sees it.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::UNFINISHED;
use crate::commit::OWN;
use crate::error::{Error, Result};
use crate::store::Look;

/// Whether a path still leads to an open file.
pub(super) fn is_named(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let same = |a: fs::Metadata, b: fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
        match (file.metadata(), fs::metadata(path)) {
            (Ok(open), Ok(named)) => same(open, named),
            _ => false,
        }
    }
    #[cfg(not(unix))]
    {
        // Other systems refuse to remove a file that is open.
        let _ = file;
        path.exists()
    }
}

/// The name of a part that is not published.
pub(super) fn hidden(target: &Path) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!(".{name}{UNFINISHED}"))
}

/// Whether only an unfinished write of ours gives such a name.
pub(crate) fn is_unfinished(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or_default();
    file.ends_with(UNFINISHED) && (file.starts_with(".part-") || name.starts_with(OWN))
}

/// The folder that holds the name of `path`.
pub(super) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

pub(super) fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink())
}

/// Refuses to write through a link, which may lead anywhere.
pub(super) fn refuse_link(path: &Path, name: &str) -> Result<()> {
    if is_link(path) {
        return Err(Error::Name {
            what: "file",
            name: name.to_owned(),
            reason: "it is a link",
        });
    }
    Ok(())
}

pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

pub(super) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if !is_missing(&error) => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Makes the names within a folder durable.
pub(super) fn sync_folder(folder: &Path) -> Result<()> {
    // Systems other than Unix cannot open a folder, and keep names by themselves.
    if cfg!(unix) {
        let file = match File::open(folder) {
            // It has become empty and went.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            other => other.map_err(Error::io("open", folder))?,
        };
        match file.sync_all() {
            // Some file systems have nothing to sync for a folder.
            Err(error) if error.kind() == ErrorKind::InvalidInput => {}
            other => other.map_err(Error::io("sync", folder))?,
        }
    }
    Ok(())
}

/// Visits the files below a folder until told to stop. Links are not followed.
pub(super) fn walk(
    folder: &Path,
    visit: &mut impl FnMut(&Path, u64) -> ControlFlow<()>,
) -> Result<ControlFlow<()>> {
    let entries = match fs::read_dir(folder) {
        // It went while we were looking.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(ControlFlow::Continue(())),
        other => other.map_err(Error::io("read", folder))?,
    };
    for entry in entries {
        let entry = entry.map_err(Error::io("read", folder))?;
        let path = entry.path();
        let metadata = match entry.metadata() {
            // It went while we were looking.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            other => other.map_err(Error::io("read", &path))?,
        };
        let over = if metadata.is_dir() {
            walk(&path, visit)?
        } else {
            visit(&path, metadata.len())
        };
        if over.is_break() {
            return Ok(over);
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// The size of a file and the time of its last change, in nanoseconds.
pub(super) fn look(path: &Path) -> io::Result<Option<Look>> {
    let found = match fs::metadata(path) {
        Ok(found) if found.is_file() => found,
        Ok(_) => return Ok(None),
        Err(error) if is_missing(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let nanoseconds = |changed: SystemTime| match changed.duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_nanos() as i128,
        Err(before) => -(before.duration().as_nanos() as i128),
    };
    // A system without times of change has no tag.
    let changed = found.modified().ok();
    Ok(Some(Look {
        bytes: found.len(),
        tag: changed.map(|changed| format!("changed at {}", nanoseconds(changed))),
    }))
}
