//! A folder of the local file system.
//!
//! ```text
//! OUT/TABLE/.part-00000-PLAN.parquet.inprogress    a part, until it is published
//! OUT/TABLE/part-00000-PLAN.parquet                a published part
//! OUT/_lakeseed/NAME.NONCE.inprogress              a small file on its way to NAME
//! OUT/LOG.jsonl                                    a log: one line an entry, appended and synced
//! ```
//! Bytes are synced before a name is given, and the folder of a name before anything is said of it.

mod disk;
mod lock;
mod part;

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::ops::{ControlFlow, Range};
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

pub(crate) use self::disk::is_unfinished;
use self::disk::{
    folder_of, hidden, is_link, is_missing, look, refuse_link, remove, sync_folder, walk,
};
use self::part::LocalPart;
use super::{Found, Lock, Look, PartWriter, PutNew, Store};
use crate::commit::OWN;
use crate::error::{Error, Result};
use crate::fail;
use crate::path::PartPath;
use crate::sync::lock;

/// The end of every name under which something is unfinished.
const UNFINISHED: &str = ".inprogress";
/// Small writes are gathered up to this size; larger ones go straight to the system.
const BUFFER_BYTES: usize = 128 * 1024;
/// How often a folder is made anew that another process has just removed as empty.
const MOST_ATTEMPTS: usize = 16;

/// A folder, which need not exist yet.
#[derive(Debug)]
pub struct LocalStore {
    root: PathBuf,
    /// Folders in which names have changed and are not durable yet.
    unsettled: Mutex<BTreeSet<PathBuf>>,
    /// One line of a log is written at a time.
    logs: Mutex<()>,
    /// The root and folders above it that this store has made: it may remove them again.
    made: Mutex<BTreeSet<PathBuf>>,
}

impl LocalStore {
    /// A store in a folder. Nothing is made before something is written.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            unsettled: Mutex::default(),
            logs: Mutex::default(),
            made: Mutex::default(),
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
        let (folders, file) = name.rsplit_once('/').unwrap_or(("", name));
        for folder in folders.split('/').filter(|folder| !folder.is_empty()) {
            path.push(folder);
            if is_link(&path) {
                return Err(Error::Name {
                    what: "file",
                    name: name.to_owned(),
                    reason: "a link stands on its way",
                });
            }
        }
        path.push(file);
        Ok(path)
    }

    fn part_path(&self, part: &PartPath) -> Result<PathBuf> {
        self.path(part.as_str())
    }

    fn unsettled(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        lock(&self.unsettled)
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
                Ok(()) => {
                    if self.root.starts_with(folder) {
                        self.made().insert(folder.to_path_buf());
                    }
                }
                // Another worker was first, or has removed it again.
                Err(error)
                    if error.kind() == ErrorKind::AlreadyExists
                        && (folder.is_dir() || !folder.exists()) => {}
                Err(error) => return Err(Error::io("create", folder)(error)),
            }
            self.unsettled().insert(folder_of(folder));
        }
        Ok(())
    }

    /// Does something in the folder of `path`, which another process may be about to remove
    /// because it is empty.
    fn in_folder<T>(
        &self,
        action: &'static str,
        path: &Path,
        act: impl Fn(&Path) -> io::Result<T>,
    ) -> Result<T> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let done = self
                .make_folder(&folder_of(path))
                .and_then(|()| act(path).map_err(Error::io(action, path)));
            match done {
                Err(Error::Io { source, .. })
                    if source.kind() == ErrorKind::NotFound && attempts < MOST_ATTEMPTS => {}
                done => return done,
            }
        }
    }

    /// Writes a small file under a name of its own, ready to be given the right one.
    fn write_beside(&self, name: &str, bytes: &[u8]) -> Result<PathBuf> {
        // All stand in one folder, where they are found again. Other processes may be at the same
        // file, on other machines and in other containers too, where process ids are the same.
        let nonce = RandomState::new().hash_one(name);
        let file = name.strip_prefix(OWN).unwrap_or(name).replace('/', "-");
        let beside = self.path(&format!("{OWN}{file}.{nonce:016x}{UNFINISHED}"))?;
        let written = self.in_folder("write", &beside, |beside| {
            let mut file = File::options().write(true).create_new(true).open(beside)?;
            file.write_all(bytes)?;
            file.sync_all()
        });
        if let Err(error) = written {
            let _ = fs::remove_file(&beside);
            self.remove_empty(&folder_of(&beside));
            return Err(error);
        }
        fail::point("small.beside");
        Ok(beside)
    }

    fn log_path(&self, log: &str) -> Result<PathBuf> {
        self.path(&format!("{log}.jsonl"))
    }

    fn made(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        lock(&self.made)
    }

    /// Removes a file, and folders that become empty; durable after the next [`Store::settle`].
    fn remove_file(&self, path: &Path) -> Result<()> {
        let was_there = match fs::remove_file(path) {
            Ok(()) => true,
            Err(error) if is_missing(&error) => false,
            Err(error) => return Err(Error::io("remove", path)(error)),
        };
        if was_there {
            let folders = path.ancestors().skip(1);
            let folders = folders.take_while(|folder| folder.starts_with(&self.root));
            self.unsettled().extend(folders.map(Path::to_path_buf));
        }
        self.remove_empty(&folder_of(path));
        Ok(())
    }

    /// Removes folders that have become empty, from `folder` up. The root and what is above it go
    /// only where this store has made them.
    fn remove_empty(&self, folder: &Path) {
        for folder in folder.ancestors() {
            let is_below = folder != self.root && folder.starts_with(&self.root);
            // One that is not empty, or cannot go, stays; nothing depends on it.
            if !(is_below || self.made().contains(folder)) || fs::remove_dir(folder).is_err() {
                return;
            }
            self.made().remove(folder);
            self.unsettled().remove(folder);
        }
    }
}

impl Store for LocalStore {
    fn address(&self) -> String {
        self.root.display().to_string()
    }

    fn check(&self) -> Result<()> {
        let beside = self.write_beside("_lakeseed/check", b"check")?;
        self.remove_file(&beside)
    }

    fn create(&self, path: &PartPath, _expected_bytes: u64) -> Result<Box<dyn PartWriter>> {
        let path = hidden(&self.part_path(path)?);
        // What an interrupted writer left may be a link by now: nothing is written through one.
        remove(&path)?;
        let file = self.in_folder("create", &path, |path| {
            File::options().write(true).create_new(true).open(path)
        })?;
        Ok(Box::new(LocalPart {
            out: Some(BufWriter::with_capacity(BUFFER_BYTES, file)),
            path,
            bytes: 0,
        }))
    }

    fn publish(&self, path: &PartPath) -> Result<()> {
        let target = self.part_path(path)?;
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
            let target = self.part_path(part)?;
            match size(&hidden(&target))? {
                None => size(&target),
                found => Ok(found),
            }
        });
        sizes.collect()
    }

    fn discard(&self, parts: &[PartPath]) -> Result<()> {
        for part in parts {
            self.remove_file(&hidden(&self.part_path(part)?))?;
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

    fn look(&self, name: &str) -> Result<Option<Look>> {
        let path = self.path(name)?;
        look(&path).map_err(Error::io("read", &path))
    }

    fn open(&self, name: &str) -> Result<Option<Box<dyn Read + Send>>> {
        let path = self.path(name)?;
        match File::open(&path) {
            Ok(file) => Ok(Some(Box::new(file))),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(Error::io("read", &path)(error)),
        }
    }

    fn read_range(&self, name: &str, range: Range<u64>) -> Result<Option<Vec<u8>>> {
        let path = self.path(name)?;
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        let size = file.metadata().map_err(Error::io("read", &path))?.len();
        let end = range.end.min(size);
        let mut bytes = Vec::new();
        if range.start < end {
            // All of it at once: a vector that grows holds up to twice as much.
            bytes.reserve_exact((end - range.start) as usize);
            file.seek(SeekFrom::Start(range.start))
                .and_then(|_| file.take(end - range.start).read_to_end(&mut bytes))
                .map_err(Error::io("read", &path))?;
        }
        Ok(Some(bytes))
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> Result<PutNew> {
        let path = self.path(name)?;
        let beside = self.write_beside(name, bytes)?;
        self.make_folder(&folder_of(&path))?;
        // A link, unlike a rename, never takes the place of something else.
        let linked = fs::hard_link(&beside, &path).or_else(|error| match error.kind() {
            ErrorKind::AlreadyExists => Err(error),
            // A file system without hard links: the best that it can do.
            _ if path.exists() => Err(ErrorKind::AlreadyExists.into()),
            _ => fs::rename(&beside, &path),
        });
        fail::point("small.named");
        // Its name has served, or is a leftover of a failure.
        let _ = fs::remove_file(&beside);
        match linked {
            Ok(()) => {
                self.unsettled().insert(folder_of(&path));
                self.settle()?;
                Ok(PutNew::Written)
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                if self.get(name)?.is_none_or(|found| found != bytes) {
                    return Ok(PutNew::Taken);
                }
                // Whoever gave the name may have died before it was durable.
                sync_folder(&folder_of(&path))?;
                Ok(PutNew::Written)
            }
            Err(error) => {
                self.remove_empty(&folder_of(&path));
                Err(Error::io("create", &path)(error))
            }
        }
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path(name)?;
        let beside = self.write_beside(name, bytes)?;
        self.unsettled().insert(folder_of(&path));
        let named = self.in_folder("create", &path, |path| fs::rename(&beside, path));
        if named.is_err() {
            let _ = fs::remove_file(&beside);
            self.remove_empty(&folder_of(&path));
        }
        named
    }

    fn log(&self, log: &str, _key: &str, line: &[u8]) -> Result<()> {
        let path = self.log_path(log)?;
        refuse_link(&path, log)?;
        let one_at_a_time = lock(&self.logs);
        let is_new = !path.exists();
        let mut file = self.in_folder("open", &path, |path| {
            OpenOptions::new().append(true).create(true).open(path)
        })?;
        // It begins with its line's end: what a dying process left half written stays apart.
        let mut text = Vec::with_capacity(line.len() + 2);
        text.push(b'\n');
        text.extend_from_slice(line);
        text.push(b'\n');
        file.write_all(&text).map_err(Error::io("write", &path))?;
        fail::point("log.written");
        file.sync_data().map_err(Error::io("sync", &path))?;
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
        self.remove_file(&self.log_path(log)?)
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.remove_file(&self.path(name)?)
    }

    fn remove_all(&self, names: &[String]) -> Result<()> {
        names.iter().try_for_each(|name| self.remove(name))
    }

    fn lock(&self, name: &str) -> Result<Lock> {
        let path = self.path(name)?;
        refuse_link(&path, name)?;
        lock::take(&path, || {
            self.in_folder("open", &path, |path| {
                let mut options = OpenOptions::new();
                options.write(true).create(true).truncate(false).open(path)
            })
        })
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
            let name = name.to_string_lossy();
            // Elsewhere it is a letter as others are.
            let name = if cfg!(windows) {
                name.replace('\\', "/")
            } else {
                name.into_owned()
            };
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
