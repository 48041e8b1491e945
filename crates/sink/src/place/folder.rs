//! What stands in a folder already, and how our own things leave it.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Component, Path, PathBuf};

use super::local::{MANIFEST, OWN, PLAN, SUCCESS, TEMPORARY_END, sync_folder};
use crate::error::{Error, Result};
use crate::manifest::{Manifest, PlanRecord};

/// What a folder holds, as far as a new output is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FolderState {
    /// Nothing, or no folder at all.
    Empty,
    /// A finished output of ours.
    OursFinished {
        /// The plan that made it.
        plan_id: String,
    },
    /// What a killed run of ours left, and nothing else.
    OursUnfinished,
    /// Something else.
    Foreign {
        /// What was found, for people.
        found: String,
    },
}

/// Looks at a folder without changing it.
///
/// # Errors
/// [`Error::Io`] when it cannot be read.
pub fn inspect(root: &Path) -> Result<FolderState> {
    match fs::symlink_metadata(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(FolderState::Empty),
        Err(error) => return Err(Error::io("read", root)(error)),
        Ok(_) if !root.is_dir() => {
            return Ok(FolderState::Foreign {
                found: "a file of that name".to_owned(),
            });
        }
        Ok(_) => {}
    }
    if let Some(found) = read_if_there(&root.join(OWN).join(MANIFEST))? {
        return Ok(match Manifest::from_json(&found) {
            Ok(manifest) => FolderState::OursFinished {
                plan_id: manifest.plan_id,
            },
            Err(_) => FolderState::Foreign {
                found: "a manifest that cannot be read".to_owned(),
            },
        });
    }
    let ours = own_leftovers(root)?;
    let mut files = 0;
    let mut foreign = None;
    let _ = walk(root, &mut |path, is_folder| {
        let is_ours = is_folder || ours.contains(path) || is_temporary(path);
        files += u64::from(!is_folder);
        if is_ours {
            return ControlFlow::Continue(());
        }
        // One is enough: somebody's home folder is not to be walked to its end.
        foreign = Some(path.to_path_buf());
        ControlFlow::Break(())
    })?;
    let has_own = root.join(OWN).is_dir();
    Ok(match foreign {
        Some(path) => {
            let path = path.strip_prefix(root).unwrap_or(&path);
            FolderState::Foreign {
                found: format!("`{}`", path.display()),
            }
        }
        None if has_own || files > 0 => FolderState::OursUnfinished,
        None if fs::read_dir(root)
            .map_err(Error::io("read", root))?
            .next()
            .is_none() =>
        {
            FolderState::Empty
        }
        None => FolderState::Foreign {
            found: "other folders".to_owned(),
        },
    })
}

/// Removes what a killed run of ours left.
pub(super) fn sweep(root: &Path) -> Result<()> {
    let ours = own_leftovers(root)?;
    let mut files = Vec::new();
    let mut folders = Vec::new();
    let _ = walk(root, &mut |path, is_folder| {
        if is_folder {
            folders.push(path.to_path_buf());
        } else if ours.contains(path) || is_temporary(path) {
            files.push(path.to_path_buf());
        }
        ControlFlow::Continue(())
    })?;
    // The record of what is ours goes last, so that a second killed sweep can go on.
    let record = root.join(OWN).join(PLAN);
    files.sort_by_key(|path| *path == record);
    for file in files {
        fs::remove_file(&file).map_err(Error::io("remove", &file))?;
    }
    for folder in folders.iter().rev() {
        remove_empty(folder)?;
    }
    Ok(())
}

/// Removes a finished output of ours: the manifest first, so that from then on the folder counts
/// as unfinished, then the files that it names.
///
/// # Errors
/// [`Error::Exists`] when there is no finished output of ours, or a file among it that is not ours:
/// nothing has been removed then. [`Error::Io`] when a file cannot be removed.
pub fn remove_finished(root: &Path) -> Result<()> {
    let manifest_path = root.join(OWN).join(MANIFEST);
    let no_output = |found: &str| Error::Exists {
        path: root.to_path_buf(),
        found: found.to_owned(),
    };
    let json = read_if_there(&manifest_path)?.ok_or_else(|| no_output("no manifest of ours"))?;
    let manifest =
        Manifest::from_json(&json).map_err(|_| no_output("a manifest that cannot be read"))?;
    let mut files = Vec::new();
    for table in &manifest.tables {
        files.push(root.join(&table.name).join(SUCCESS));
        files.extend(table.parts.iter().map(|part| root.join(&part.path)));
    }
    let inside = |path: &PathBuf| {
        path.strip_prefix(root).is_ok_and(|relative| {
            relative
                .components()
                .all(|component| matches!(component, Component::Normal(_)))
        })
    };
    if !files.iter().all(inside) {
        return Err(no_output("a manifest with paths outside its folder"));
    }
    // A stranger's file would be in the way of the next output: say so while all still stands.
    let ours: BTreeSet<&Path> = files.iter().map(PathBuf::as_path).collect();
    let record = root.join(OWN).join(PLAN);
    let mut foreign = None;
    let _ = walk(root, &mut |path, is_folder| {
        let is_ours = is_folder
            || ours.contains(path)
            || path == manifest_path
            || path == record
            || is_temporary(path);
        if is_ours {
            return ControlFlow::Continue(());
        }
        foreign = Some(path.strip_prefix(root).unwrap_or(path).to_path_buf());
        ControlFlow::Break(())
    })?;
    if let Some(path) = foreign {
        return Err(no_output(&format!("`{}`", path.display())));
    }
    fs::remove_file(&manifest_path).map_err(Error::io("remove", &manifest_path))?;
    sync_folder(&root.join(OWN))?;
    let mut folders = BTreeSet::new();
    for file in files {
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io("remove", &file)(error));
            }
            _ => {}
        }
        let parents = file.ancestors().skip(1).take_while(|at| *at != root);
        folders.extend(parents.map(Path::to_path_buf));
    }
    match fs::remove_file(&record) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Error::io("remove", &record)(error));
        }
        _ => {}
    }
    folders.insert(root.join(OWN));
    for folder in folders.iter().rev() {
        remove_empty(folder)?;
    }
    Ok(())
}

/// The files that a run of ours may leave besides temporary ones.
fn own_leftovers(root: &Path) -> Result<BTreeSet<PathBuf>> {
    let record = root.join(OWN).join(PLAN);
    let mut ours = BTreeSet::from([record.clone()]);
    let Some(json) = read_if_there(&record)? else {
        return Ok(ours);
    };
    // A record that was cut short names nothing: the run had not begun.
    if let Ok(plan) = serde_json::from_slice::<PlanRecord>(&json) {
        for part in plan.parts {
            if let Some(table) = part.split('/').next() {
                ours.insert(root.join(table).join(SUCCESS));
            }
            ours.insert(root.join(part));
        }
    }
    Ok(ours)
}

/// Whether only a run of ours gives such a name.
fn is_temporary(path: &Path) -> bool {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy())
        .unwrap_or_default();
    let in_own = path.parent().is_some_and(|parent| parent.ends_with(OWN));
    name.ends_with(TEMPORARY_END) && (in_own || name.starts_with(".part-"))
}

fn remove_empty(folder: &Path) -> Result<()> {
    match fs::remove_dir(folder) {
        Ok(()) => Ok(()),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound
            ) =>
        {
            Ok(())
        }
        Err(error) => Err(Error::io("remove", folder)(error)),
    }
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

/// Visits the entries below a folder until told to stop, each folder before what it holds. Links
/// are not followed.
fn walk(
    folder: &Path,
    visit: &mut impl FnMut(&Path, bool) -> ControlFlow<()>,
) -> Result<ControlFlow<()>> {
    for entry in fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let entry = entry.map_err(Error::io("read", folder))?;
        let path = entry.path();
        let is_folder = entry
            .file_type()
            .map_err(Error::io("read", &path))?
            .is_dir();
        if visit(&path, is_folder).is_break() || (is_folder && walk(&path, visit)?.is_break()) {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}
