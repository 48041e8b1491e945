//! A folder of the local file system.
//!
//! ```text
//! OUT/TABLE/.part-00000-PLAN.parquet.inprogress    a part, until it is published
//! OUT/TABLE/part-00000-PLAN.parquet                a published part
//! OUT/NAME.inprogress                              a small file on its way to NAME
//! OUT/LOG.jsonl                                    a log: one line an entry, appended and synced
//! ```
//! Bytes are synced before a name is given, and the folder of a name before anything is said of it.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::ops::ControlFlow;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Found, Lock, PartWriter, PutNew, Store};
use crate::error::{Error, Result};
use crate::path::PartPath;

/// The end of every name under which something is unfinished.
const UNFINISHED: &str = ".inprogress";
/// Small writes are gathered up to this size; larger ones go straight to the system.
const BUFFER_BYTES: usize = 128 * 1024;

/// A folder, which need not exist yet.
#[derive(Debug)]
pub struct LocalStore {
    root: PathBuf,
    /// Folders in which names have changed and are not durable yet.
    unsettled: Mutex<BTreeSet<PathBuf>>,
    /// One line of a log is written at a time.
    logs: Mutex<()>,
}

impl LocalStore {
    /// A store in a folder. Nothing is made before something is written.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            unsettled: Mutex::default(),
            logs: Mutex::default(),
        }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn path(&self, name: &str) -> Result<PathBuf> {
        let stays_inside = Path::new(name)
            .components()
            .all(|component| matches!(component, Component::Normal(_)));
        if name.is_empty() || !stays_inside {
            return Err(Error::Name {
                what: "file",
                name: name.to_owned(),
                reason: "it leads out of its folder",
            });
        }
        let mut path = self.root.clone();
        path.extend(name.split('/'));
        Ok(path)
    }

    fn unsettled(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        self.unsettled
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a folder with its parents; the names of new ones wait for [`Store::settle`].
    fn make_folder(&self, path: &Path) -> Result<()> {
        let mut missing = Vec::new();
        for folder in path.ancestors() {
            if folder.as_os_str().is_empty() || folder.is_dir() {
                break;
            }
            missing.push(folder);
        }
        for folder in missing.into_iter().rev() {
            match fs::create_dir(folder) {
                Ok(()) => {}
                // Another worker was first.
                Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => {}
                Err(error) => return Err(Error::io("create", folder)(error)),
            }
            self.unsettled().insert(folder_of(folder));
        }
        Ok(())
    }

    /// Writes a small file under a name of its own, ready to be given the right one.
    fn write_beside(&self, path: &Path, bytes: &[u8]) -> Result<PathBuf> {
        self.make_folder(&folder_of(path))?;
        let mut beside = path.as_os_str().to_owned();
        // Other processes may be at the same file.
        beside.push(format!(".{}{UNFINISHED}", std::process::id()));
        let beside = PathBuf::from(beside);
        let written = File::create(&beside).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        match written {
            Ok(()) => Ok(beside),
            Err(error) => {
                let _ = fs::remove_file(&beside);
                Err(Error::io("write", path)(error))
            }
        }
    }

    fn log_path(&self, log: &str) -> Result<PathBuf> {
        self.path(&format!("{log}.jsonl"))
    }

    /// Removes folders that have become empty, from `folder` up, the root last.
    fn remove_empty(&self, folder: &Path) {
        for folder in folder.ancestors() {
            // One that is not empty, or cannot go, stays; nothing depends on it.
            if !folder.starts_with(&self.root) || fs::remove_dir(folder).is_err() {
                return;
            }
            self.unsettled().remove(folder);
        }
    }
}

impl Store for LocalStore {
    fn address(&self) -> String {
        self.root.display().to_string()
    }

    fn check(&self) -> Result<()> {
        let probe = self.path("_lakeseed/check")?;
        let beside = self.write_beside(&probe, b"check")?;
        fs::remove_file(&beside).map_err(Error::io("remove", &beside))?;
        self.remove_empty(&folder_of(&probe));
        Ok(())
    }

    fn create(&self, path: &PartPath, _expected_bytes: u64) -> Result<Box<dyn PartWriter>> {
        let path = hidden(&path.under(&self.root));
        self.make_folder(&folder_of(&path))?;
        let file = File::create(&path).map_err(Error::io("create", &path))?;
        Ok(Box::new(LocalPart {
            out: Some(BufWriter::with_capacity(BUFFER_BYTES, file)),
            path,
            bytes: 0,
        }))
    }

    fn publish(&self, path: &PartPath) -> Result<()> {
        let target = path.under(&self.root);
        match fs::rename(hidden(&target), &target) {
            Ok(()) => {}
            // Published before.
            Err(error) if error.kind() == ErrorKind::NotFound && target.is_file() => {}
            Err(error) => return Err(Error::io("rename to", &target)(error)),
        }
        // Every folder on the way may be new.
        let folders = target.ancestors().skip(1);
        let folders = folders.take_while(|folder| folder.starts_with(&self.root));
        self.unsettled().extend(folders.map(Path::to_path_buf));
        Ok(())
    }

    fn settle(&self) -> Result<()> {
        let folders = std::mem::take(&mut *self.unsettled());
        // Deepest first: a folder's entry is durable once the folder above is.
        for folder in folders.iter().rev() {
            sync_folder(folder)?;
        }
        Ok(())
    }

    fn finished(&self, parts: &[PartPath]) -> Result<Vec<Option<u64>>> {
        let size = |path: &Path| match fs::symlink_metadata(path) {
            Ok(found) => Ok(found.is_file().then_some(found.len())),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(Error::io("read", path)(error)),
        };
        let sizes = parts.iter().map(|part| {
            let target = part.under(&self.root);
            match size(&hidden(&target))? {
                None => size(&target),
                found => Ok(found),
            }
        });
        sizes.collect()
    }

    fn discard(&self, parts: &[PartPath]) -> Result<()> {
        for part in parts {
            let path = hidden(&part.under(&self.root));
            remove(&path)?;
            self.remove_empty(&folder_of(&path));
        }
        Ok(())
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let path = self.path(name)?;
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(Error::io("read", &path)(error)),
        }
    }

    fn open(&self, name: &str) -> Result<Option<Box<dyn Read + Send>>> {
        let path = self.path(name)?;
        match File::open(&path) {
            Ok(file) => Ok(Some(Box::new(file))),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(Error::io("read", &path)(error)),
        }
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<PutNew> {
        let path = self.path(name)?;
        let beside = self.write_beside(&path, bytes)?;
        // A link, unlike a rename, never takes the place of something else.
        let linked = fs::hard_link(&beside, &path).or_else(|error| match error.kind() {
            ErrorKind::AlreadyExists => Err(error),
            // A file system without hard links: the best that it can do.
            _ if path.exists() => Err(ErrorKind::AlreadyExists.into()),
            _ => fs::rename(&beside, &path),
        });
        // Its name has served, or is a leftover of a failure.
        let _ = fs::remove_file(&beside);
        match linked {
            Ok(()) => {
                self.unsettled().insert(folder_of(&path));
                self.settle()?;
                Ok(PutNew::Written)
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let is_same = self.get(name)?.is_some_and(|found| found == bytes);
                Ok(if is_same {
                    PutNew::Written
                } else {
                    PutNew::Taken
                })
            }
            Err(error) => Err(Error::io("create", &path)(error)),
        }
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path(name)?;
        let beside = self.write_beside(&path, bytes)?;
        self.unsettled().insert(folder_of(&path));
        fs::rename(&beside, &path).map_err(Error::io("create", &path))
    }

    fn log(&self, log: &str, _key: &str, line: &[u8]) -> Result<()> {
        let path = self.log_path(log)?;
        self.make_folder(&folder_of(&path))?;
        let one_at_a_time = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = !path.exists();
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .map_err(Error::io("open", &path))?;
        // It begins with its line's end: what a dying process left half written stays apart.
        let mut text = Vec::with_capacity(line.len() + 2);
        text.push(b'\n');
        text.extend_from_slice(line);
        text.push(b'\n');
        file.write_all(&text)
            .and_then(|()| file.sync_data())
            .map_err(Error::io("write", &path))?;
        drop(one_at_a_time);
        if is_new {
            self.unsettled().insert(folder_of(&path));
            self.settle()?;
        }
        Ok(())
    }

    fn logged(&self, log: &str) -> Result<Vec<Vec<u8>>> {
        let path = self.log_path(log)?;
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if is_missing(&error) => return Ok(Vec::new()),
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        // Only a line with its end is whole.
        let whole = text.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
        let lines = text[..whole].split(|byte| *byte == b'\n');
        Ok(lines
            .filter(|line| !line.is_empty())
            .map(<[u8]>::to_vec)
            .collect())
    }

    fn remove_log(&self, log: &str) -> Result<()> {
        remove(&self.log_path(log)?)
    }

    fn remove(&self, name: &str) -> Result<()> {
        let path = self.path(name)?;
        remove(&path)?;
        self.remove_empty(&folder_of(&path));
        Ok(())
    }

    fn lock(&self, name: &str) -> Result<Lock> {
        let path = self.path(name)?;
        self.make_folder(&folder_of(&path))?;
        loop {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
                .map_err(Error::io("open", &path))?;
            match file.try_lock() {
                // The one before may have removed its file after we had opened it.
                Ok(()) if !is_named(&file, &path) => {}
                Ok(()) => return Ok(Lock::Held(Box::new(file))),
                Err(TryLockError::WouldBlock) => return Ok(Lock::Taken),
                Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {
                    return Ok(Lock::Unsupported);
                }
                Err(TryLockError::Error(error)) => return Err(Error::io("lock", &path)(error)),
            }
        }
    }

    fn list(&self, prefix: &str, most: usize) -> Result<Vec<Found>> {
        // The deepest folder that the prefix names whole.
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        let start = if folder.is_empty() {
            self.root.clone()
        } else {
            self.path(folder)?
        };
        match fs::metadata(&self.root) {
            Ok(root) if root.is_dir() => {}
            Ok(_) => {
                return Err(Error::io("read", &self.root)(
                    ErrorKind::NotADirectory.into(),
                ));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::io("read", &self.root)(error)),
        }
        let mut found = Vec::new();
        if !start.is_dir() {
            return Ok(found);
        }
        let _ = walk(&start, &mut |path, bytes| {
            let name = path.strip_prefix(&self.root).unwrap_or(path);
            let name = name.to_string_lossy().replace('\\', "/");
            if name.starts_with(prefix) {
                found.push(Found { name, bytes });
            }
            if found.len() < most {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }
}

/// A file on its way.
struct LocalPart {
    /// `None` once finished.
    out: Option<BufWriter<File>>,
    path: PathBuf,
    bytes: u64,
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

/// Whether a path still leads to an open file.
fn is_named(file: &File, path: &Path) -> bool {
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
fn hidden(target: &Path) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!(".{name}{UNFINISHED}"))
}

/// Whether only an unfinished write of ours gives such a name.
pub(crate) fn is_unfinished(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or_default();
    file.ends_with(UNFINISHED) && (file.starts_with(".part-") || name.starts_with("_lakeseed/"))
}

/// The folder that holds the name of `path`.
fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if !is_missing(&error) => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Makes the names within a folder durable.
fn sync_folder(folder: &Path) -> Result<()> {
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
fn walk(
    folder: &Path,
    visit: &mut impl FnMut(&Path, u64) -> ControlFlow<()>,
) -> Result<ControlFlow<()>> {
    for entry in fs::read_dir(folder).map_err(Error::io("read", folder))? {
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
