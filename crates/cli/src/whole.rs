//! A file that gets its name when it is whole, or stdout: what a command leaves that is not an output of
//! many parts.

use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use lakeseed_sink::{Error as SinkError, PartWriter};

use crate::error::Failure;

/// Where the bytes go: stdout, or a file that gets its name when it is whole.
pub(crate) struct Target {
    out: Box<dyn Write + Send>,
    file: Option<Hidden>,
    bytes: u64,
}

/// A file under a name that nobody takes for finished; removed unless it is given its own.
struct Hidden {
    file: fs::File,
    path: PathBuf,
    name: PathBuf,
    overwrite: bool,
}

impl Hidden {
    fn create(name: &Path, overwrite: bool) -> Result<Self> {
        if name.to_string_lossy().contains("://") {
            let advice = "write a file and copy it, or pipe the answer";
            return Err(
                Failure::usage("a file or -", format!("'{}'", name.display()), advice).into(),
            );
        }
        match name.symlink_metadata() {
            Ok(_) if !overwrite => return Err(taken(name).into()),
            // A link would be cut off from its file, a pipe from its readers.
            Ok(found) if !found.is_file() => {
                let expected = format!("a regular file at {}", name.display());
                let got = kind_of(found.file_type());
                return Err(Failure::refused(expected, got, "choose another --out").into());
            }
            _ => {}
        }
        let (file, path) = create_beside(name).map_err(|error| {
            let expected = format!("a file that can be written at {}", name.display());
            Failure::refused(expected, error, "choose another --out")
        })?;
        Ok(Self {
            file,
            path,
            name: name.to_owned(),
            overwrite,
        })
    }

    /// Gives it its name.
    fn publish(&self) -> io::Result<()> {
        if self.overwrite {
            return fs::rename(&self.path, &self.name);
        }
        // A link, unlike a rename, never takes the place of something else.
        fs::hard_link(&self.path, &self.name).or_else(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Err(error),
            // A file system without hard links: the best that it can do.
            _ if self.name.symlink_metadata().is_ok() => Err(io::ErrorKind::AlreadyExists.into()),
            _ => fs::rename(&self.path, &self.name),
        })
    }
}

/// A new file beside a name. A process that was killed may have left one under the first.
fn create_beside(name: &Path) -> io::Result<(fs::File, PathBuf)> {
    let own = name.file_name().unwrap_or_default().to_string_lossy();
    let mut number = 0;
    loop {
        let hidden = format!(".{own}.lakeseed-{}-{number}", std::process::id());
        let path = folder_of(name).join(hidden);
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 100 => {
                number += 1;
            }
            opened => return opened.map(|file| (file, path)),
        }
    }
}

/// Refuses a name that is taken.
///
/// # Errors
/// Something is there.
#[cfg(feature = "star")]
pub(crate) fn expect_free(name: &Path) -> Result<()> {
    match name.symlink_metadata() {
        Ok(_) => Err(taken(name).into()),
        Err(_) => Ok(()),
    }
}

/// What a name without `--overwrite` meets.
fn taken(name: &Path) -> Failure {
    let expected = format!("a free name at {}", name.display());
    let advice = "choose another --out, or replace it with --overwrite";
    Failure::refused(expected, "something that is there", advice)
}

fn kind_of(found: fs::FileType) -> &'static str {
    if found.is_dir() {
        "a folder"
    } else if found.is_symlink() {
        "a link"
    } else {
        "a pipe or a device"
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // Renamed it is not there any more, and linked this name has served.
        let _ = fs::remove_file(&self.path);
    }
}

impl Target {
    /// Opens stdout for `-`, else a file of a new name, or in place of one with `overwrite`.
    ///
    /// # Errors
    /// What is there already, what is no file, a folder that takes none.
    pub(crate) fn open(out: &Path, overwrite: bool) -> Result<Self> {
        if out.as_os_str() == "-" {
            return Ok(Self {
                out: Box::new(io::stdout()),
                file: None,
                bytes: 0,
            });
        }
        let hidden = Hidden::create(out, overwrite)?;
        Ok(Self {
            out: Box::new(BufWriter::with_capacity(1 << 18, hidden.file.try_clone()?)),
            file: Some(hidden),
            bytes: 0,
        })
    }

    /// All bytes are there: they become durable, then visible.
    fn close(&mut self) -> io::Result<()> {
        self.out.flush()?;
        let Some(hidden) = self.file.take() else {
            return Ok(());
        };
        hidden.file.sync_all()?;
        hidden.publish()?;
        // The name has to be durable too.
        fs::File::open(folder_of(&hidden.name))?.sync_all()
    }

    /// The system's error with its place.
    fn failed(&self) -> impl FnOnce(io::Error) -> SinkError + use<> {
        let name = self.file.as_ref().map(|file| file.name.clone());
        let path = name.unwrap_or_else(|| PathBuf::from("standard output"));
        move |source| SinkError::Io {
            action: "write to",
            path,
            source,
        }
    }
}

impl PartWriter for Target {
    fn write(&mut self, bytes: &[u8]) -> lakeseed_sink::Result<()> {
        self.bytes += bytes.len() as u64;
        self.out.write_all(bytes).map_err(self.failed())
    }

    fn finish(mut self: Box<Self>) -> lakeseed_sink::Result<u64> {
        let failed = self.failed();
        self.close().map_err(failed)?;
        Ok(self.bytes)
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_was_taken_meanwhile_stays_its_takers() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("x.csv");
        let hidden = Hidden::create(&name, false).unwrap();
        fs::write(&name, "kept").unwrap();
        let error = hidden.publish().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        drop(hidden);
        assert_eq!(fs::read_to_string(&name).unwrap(), "kept");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
