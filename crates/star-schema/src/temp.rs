//! The temporary folder of a run: its own name below a folder that the caller gives, locked as long as
//! its owner lives, so that what killed runs left is told apart and swept.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use lakeseed_budget::Bytes;

use crate::{Error, Result};

const PREFIX: &str = "lakeseed-star-";
const LOCK: &str = ".lock";
/// What `statfs` calls file systems that live in memory.
const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];

/// A folder for what does not fit into memory, removed when dropped.
#[derive(Debug)]
pub(crate) struct TempFolder {
    folder: PathBuf,
    lock_path: PathBuf,
    _lock: File,
}

impl TempFolder {
    /// Makes a folder below `base`, which is made too; sweeps what dead runs left there.
    pub(crate) fn create(base: &Path, in_memory_too: bool) -> Result<Self> {
        let fail = |problem: &str, cause| failure(base, problem, Some(cause));
        fs::create_dir_all(base).map_err(|cause| fail("it cannot be made", cause))?;
        if !in_memory_too
            && lives_in_memory(base).map_err(|cause| fail("it cannot be looked at", cause))?
        {
            return Err(failure(
                base,
                "it lives in memory, which is what is to be spared; name one on a disk",
                None,
            ));
        }
        sweep(base).map_err(|cause| fail("it cannot be swept", cause))?;
        let (lock_path, lock) =
            lock(base).map_err(|cause| fail("no file can be made in it", cause))?;
        let folder = lock_path.with_extension("");
        fs::create_dir(&folder).map_err(|cause| fail("no folder can be made in it", cause))?;
        Ok(Self {
            folder,
            lock_path,
            _lock: lock,
        })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// What is free on its disk.
    pub(crate) fn free(&self) -> Result<Bytes> {
        free_bytes(&self.folder)
            .map_err(|cause| failure(&self.folder, "its free space cannot be asked", Some(cause)))
    }

    /// Refuses when the disk has less room than is going to be needed.
    pub(crate) fn expect_room(&self, needed: Bytes) -> Result<()> {
        let free = self.free()?;
        if free < needed {
            let base = self.folder.parent().unwrap_or(&self.folder);
            return Err(Error::Room {
                folder: base.display().to_string(),
                needed,
                free,
            });
        }
        Ok(())
    }

    /// A new folder inside, for one table.
    pub(crate) fn sub(&self, name: &str) -> Result<SpillFolder> {
        let folder = self.folder.join(name);
        fs::create_dir_all(&folder)
            .map_err(|cause| failure(&folder, "it cannot be made", Some(cause)))?;
        Ok(SpillFolder {
            folder,
            next: AtomicU32::new(0),
        })
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        // What cannot be removed now is swept by the next run.
        let _ = fs::remove_dir_all(&self.folder);
        let _ = fs::remove_file(&self.lock_path);
    }
}

/// A folder of spill files, removed when dropped.
#[derive(Debug)]
pub(crate) struct SpillFolder {
    folder: PathBuf,
    next: AtomicU32,
}

impl SpillFolder {
    /// A new file to write and to read.
    pub(crate) fn file(&self) -> Result<File> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(format!("{number:06}"));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        options.open(&path).map_err(|cause| self.failed(cause))
    }

    /// The error of a file in here.
    pub(crate) fn failed(&self, cause: io::Error) -> Error {
        let problem = match cause.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "the disk is full; make room and start again, what is committed stays"
            }
            io::ErrorKind::InvalidData => "what was written there reads back as something else",
            _ => "a file in it failed",
        };
        failure(&self.folder, problem, Some(cause))
    }
}

impl Drop for SpillFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn failure(folder: &Path, problem: &str, cause: Option<io::Error>) -> Error {
    Error::Temp {
        folder: folder.display().to_string(),
        problem: problem.to_owned(),
        cause,
    }
}

/// A lock file under a free name, locked by us.
fn lock(base: &Path) -> io::Result<(PathBuf, File)> {
    let mut number = 0_u32;
    loop {
        let name = format!("{PREFIX}{}-{number}{LOCK}", std::process::id());
        let path = base.join(name);
        number += 1;
        let file = match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
        };
        // Between these two calls another run may have taken it for a dead one's, and removed it.
        if file.try_lock().is_ok() && still_there(&path, &file) {
            return Ok((path, file));
        }
    }
}

fn still_there(path: &Path, file: &File) -> bool {
    match (fs::metadata(path), file.metadata()) {
        (Ok(named), Ok(held)) => (named.dev(), named.ino()) == (held.dev(), held.ino()),
        _ => false,
    }
}

/// Removes the folders of runs that are dead.
fn sweep(base: &Path) -> io::Result<()> {
    for entry in fs::read_dir(base)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if !name.starts_with(PREFIX) || !name.ends_with(LOCK) {
            continue;
        }
        let file = match OpenOptions::new().write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            // Another user's.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => continue,
            Err(error) => return Err(error),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => continue,
            Err(TryLockError::Error(error)) => return Err(error),
        }
        match fs::remove_dir_all(path.with_extension("")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

pub(crate) fn lives_in_memory(folder: &Path) -> io::Result<bool> {
    #[cfg(target_os = "linux")]
    {
        let system = rustix::fs::statfs(folder)?;
        Ok(IN_MEMORY.contains(&(system.f_type as u64)))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = folder;
        Ok(false)
    }
}

fn free_bytes(folder: &Path) -> io::Result<Bytes> {
    let system = rustix::fs::statvfs(folder)?;
    Ok(system.f_bavail * Bytes::new(system.f_frsize))
}
