//! A folder of the local file system.
//!
//! ```text
//! OUT/_lakeseed/plan.json                          what will be, before the first part
//! OUT/TABLE/.part-00000-PLAN.parquet.inprogress    a part on its way or waiting for the commit
//! OUT/TABLE/part-00000-PLAN.parquet                the commit: names, then folders made durable
//! OUT/TABLE/_SUCCESS                               then each table's mark
//! OUT/_lakeseed/manifest.json                      then the manifest, last and never over another
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::folder::{self, FolderState};
use super::{PartPath, PartWriter, Place};
use crate::error::{Error, Result};
use crate::manifest::{Manifest, PlanRecord};

/// The folder of our own files within an output.
pub(super) const OWN: &str = "_lakeseed";
pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const PLAN: &str = "plan.json";
pub(super) const SUCCESS: &str = "_SUCCESS";
pub(super) const TEMPORARY_END: &str = ".inprogress";

/// Small writes are gathered up to this size; larger ones go straight to the system.
const BUFFER_BYTES: usize = 128 * 1024;

/// A folder that takes one output. Dropped before it was published, it removes what it wrote.
#[derive(Debug)]
pub struct LocalPlace {
    root: PathBuf,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Folders that this run made, parents first.
    folders: Vec<PathBuf>,
    /// Finished parts under their temporary names.
    finished: BTreeMap<PartPath, PathBuf>,
    /// Names given by a commit that has not come to its end.
    given: Vec<PathBuf>,
    published: bool,
}

impl LocalPlace {
    /// A place in a folder that is new, empty, or holds an unfinished output of ours, which is
    /// swept.
    ///
    /// # Errors
    /// [`Error::Exists`] when something else is there, [`Error::Io`] when it cannot be looked at.
    pub fn create(root: impl Into<PathBuf>) -> Result<Self> {
        let root = root.into();
        match folder::inspect(&root)? {
            FolderState::Empty => {}
            FolderState::OursUnfinished => folder::sweep(&root)?,
            FolderState::OursFinished { plan_id } => {
                return Err(Error::Exists {
                    path: root,
                    found: format!("the finished plan {plan_id}"),
                });
            }
            FolderState::Foreign { found } => return Err(Error::Exists { path: root, found }),
        }
        Ok(Self {
            root,
            state: Arc::default(),
        })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Makes a folder with its parents, and remembers those that are new.
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
                Ok(()) => self.lock().folders.push(folder.to_path_buf()),
                // Another worker was first.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
                Err(error) => return Err(Error::io("create", folder)(error)),
            }
        }
        Ok(())
    }

    fn publish_all(&self, manifest: &Manifest) -> Result<()> {
        let mut state = self.lock();
        let finished = std::mem::take(&mut state.finished);
        // All at once: where one name cannot be given, the later ones have to go as well.
        state.given.extend(finished.values().cloned());
        drop(state);
        let mut folders = BTreeSet::new();
        for (path, temporary) in finished {
            let target = path.under(&self.root);
            fs::rename(&temporary, &target).map_err(Error::io("rename to", &target))?;
            self.lock().given.push(target.clone());
            // Every folder on the way may be new.
            let parents = target
                .ancestors()
                .skip(1)
                .take_while(|at| at.starts_with(&self.root));
            folders.extend(parents.map(Path::to_path_buf));
        }
        for table in &manifest.tables {
            let mark = self.root.join(&table.name).join(SUCCESS);
            self.lock().given.push(mark.clone());
            write_durably(&mark, &[]).map_err(Error::io("create", &mark))?;
        }
        // A new folder's name stands in the one above, which may be anybody's.
        folders.extend(self.lock().folders.iter().map(|folder| parent(folder)));
        // Deepest first: a folder's entry is durable once the folder above is.
        for folder in folders.iter().rev() {
            sync_folder(folder)?;
        }
        let own = self.root.join(OWN);
        let path = own.join(MANIFEST);
        put_new(&path, &manifest.to_json()?)?;
        // From here on a failure takes it back, before the parts of which it speaks.
        self.lock().given.push(path);
        sync_folder(&own)
    }
}

impl Place for LocalPlace {
    fn begin(&self, plan_id: &str, parts: &[PartPath]) -> Result<()> {
        let own = self.root.join(OWN);
        self.make_folder(&own)?;
        let record = PlanRecord::new(plan_id, parts);
        let json = serde_json::to_vec(&record).map_err(Error::encode("plan"))?;
        let path = own.join(PLAN);
        self.lock().given.push(path.clone());
        write_durably(&path, &json).map_err(Error::io("create", &path))?;
        sync_folder(&own)
    }

    fn create(&self, path: &PartPath) -> Result<Box<dyn PartWriter>> {
        let target = path.under(&self.root);
        let (Some(folder), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(Error::Name {
                what: "part",
                name: path.to_string(),
                reason: "it has no folder",
            });
        };
        self.make_folder(folder)?;
        let temporary = folder.join(format!(".{}{TEMPORARY_END}", name.to_string_lossy()));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&temporary)
            .map_err(Error::io("create", &temporary))?;
        Ok(Box::new(LocalPart {
            out: Some(BufWriter::with_capacity(BUFFER_BYTES, file)),
            path: path.clone(),
            temporary,
            bytes: 0,
            state: self.state.clone(),
        }))
    }

    fn publish(&self, manifest: &Manifest) -> Result<()> {
        self.publish_all(manifest)?;
        self.lock().published = true;
        Ok(())
    }

    fn abandon(&self) {
        let mut state = self.lock();
        if state.published {
            return;
        }
        // What cannot be removed stays, under names that no reader takes for finished.
        for temporary in std::mem::take(&mut state.finished).into_values() {
            let _ = fs::remove_file(temporary);
        }
        // The last given first: a mark goes before the part that it speaks of.
        for path in std::mem::take(&mut state.given).into_iter().rev() {
            let _ = fs::remove_file(path);
        }
        for folder in std::mem::take(&mut state.folders).into_iter().rev() {
            let _ = fs::remove_dir(folder);
        }
    }
}

impl Drop for LocalPlace {
    fn drop(&mut self) {
        self.abandon();
    }
}

/// A file on its way.
struct LocalPart {
    /// `None` once finished.
    out: Option<BufWriter<File>>,
    path: PartPath,
    temporary: PathBuf,
    bytes: u64,
    state: Arc<Mutex<State>>,
}

impl PartWriter for LocalPart {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(out) = &mut self.out {
            out.write_all(bytes)
                .map_err(Error::io("write", &self.temporary))?;
            self.bytes += bytes.len() as u64;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<u64> {
        if let Some(out) = &mut self.out {
            out.flush().map_err(Error::io("write", &self.temporary))?;
            out.get_ref()
                .sync_all()
                .map_err(Error::io("sync", &self.temporary))?;
        }
        let mut state = lock(&self.state);
        state
            .finished
            .insert(self.path.clone(), self.temporary.clone());
        drop(state);
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
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// The folder that holds the name of `path`.
fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes a small file of our own durably, under a name that must be free.
fn put_new(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(TEMPORARY_END);
    let temporary = PathBuf::from(temporary);
    let written = write_durably(&temporary, bytes);
    // A link, unlike a rename, never takes the place of something else.
    let linked = written.and_then(|()| {
        fs::hard_link(&temporary, path).or_else(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Err(error),
            // File systems without hard links.
            _ => fs::rename(&temporary, path),
        })
    });
    // The temporary name has served, or is a leftover of a failure.
    let _ = fs::remove_file(&temporary);
    linked.map_err(Error::io("create", path))
}

fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes the names within a folder durable.
pub(super) fn sync_folder(folder: &Path) -> Result<()> {
    // Systems other than Unix cannot open a folder, and keep names by themselves.
    if cfg!(unix) {
        let file = File::open(folder).map_err(Error::io("open", folder))?;
        match file.sync_all() {
            // Some file systems have nothing to sync for a folder.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {}
            other => other.map_err(Error::io("sync", folder))?,
        }
    }
    Ok(())
}
