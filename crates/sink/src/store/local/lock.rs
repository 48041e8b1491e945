//! Locks of a folder: a file that one process at a time holds, and that ends with it.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

use super::super::Lock;
use super::disk::is_named;
use crate::error::{Error, Result};

/// Locks the file that stands at `path`; `open` opens it, or makes it.
pub(super) fn take(path: &Path, open: impl Fn() -> Result<File>) -> Result<Lock> {
    loop {
        let held = Held(open()?);
        match held.0.try_lock() {
            // The one before may have removed its file after we had opened it.
            Ok(()) if !is_named(&held.0, path) => {}
            Ok(()) => return Ok(Lock::Held(Box::new(held))),
            Err(TryLockError::WouldBlock) => return Ok(Lock::Taken),
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {
                return Ok(Lock::Unsupported);
            }
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", path)(error)),
        }
    }
}

/// A file, unlocked when dropped.
///
/// Closing it is not enough: the system gives a lock back with the last descriptor of the open file,
/// and a child that another thread of this process is just starting has a copy of ours until it runs
/// its program. The next run of this process would find the folder in use.
#[derive(Debug)]
struct Held(File);

impl Drop for Held {
    fn drop(&mut self) {
        // Where it fails, the lock ends with the last descriptor.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a child has it between its start and its program.
    #[test]
    fn a_copy_of_the_descriptor_does_not_keep_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let open = || File::create(&path).map_err(Error::io("open", &path));
        let held = Held(open().unwrap());
        held.0.try_lock().unwrap();
        let _copy = held.0.try_clone().unwrap();
        assert!(matches!(take(&path, open), Ok(Lock::Taken)));
        drop(held);
        assert!(matches!(take(&path, open), Ok(Lock::Held(_))));
    }
}
