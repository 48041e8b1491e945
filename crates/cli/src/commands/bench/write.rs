//! Results in a folder: the page comes last, and an older one goes before anything is replaced.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use lakeseed_sink::PartWriter;
use lakeseed_star_schema::bench::Results;

use crate::error::Failure;
use crate::report::bench::Whole;
use crate::whole::{Target, expect_free};

const JSON: &str = "results.json";
const CSV: &str = "results.csv";
const PAGE: &str = "index.html";

/// Where results go to.
pub(super) struct Folder {
    path: PathBuf,
    overwrite: bool,
    /// Whether it was made for them, and stands empty.
    is_new: bool,
}

impl Folder {
    /// Makes the folder, before anything is measured that could not be written.
    ///
    /// # Errors
    /// Results that are there, what is no folder.
    pub(super) fn prepare(path: &Path, overwrite: bool) -> Result<Self> {
        if path.as_os_str() == "-" || path.to_string_lossy().contains("://") {
            let got = format!("'{}'", path.display());
            let advice = "write to a folder and copy it, or take --json";
            return Err(Failure::usage("a folder for --out", got, advice).into());
        }
        if !overwrite {
            for name in [JSON, CSV, PAGE] {
                expect_free(&path.join(name))?;
            }
        }
        let is_new = !path.exists();
        fs::create_dir_all(path).map_err(|error| {
            let expected = format!("a folder that can be made at {}", path.display());
            Failure::refused(expected, error, "choose another --out")
        })?;
        Ok(Self {
            path: path.to_owned(),
            overwrite,
            is_new,
        })
    }

    /// Leaves the results.
    ///
    /// # Errors
    /// What the system says; names that were taken meanwhile.
    pub(super) fn write(mut self, results: &Results) -> Result<()> {
        let page = self.path.join(PAGE);
        if self.overwrite {
            match fs::remove_file(&page) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(error)
                        .with_context(|| format!("cannot replace {}", page.display()));
                }
                _ => {}
            }
        }
        let json = serde_json::to_string_pretty(&Whole::of(results))?;
        self.file(JSON, &format!("{json}\n"))?;
        self.is_new = false;
        self.file(CSV, &results.csv())?;
        self.file(PAGE, &results.page())
    }

    fn file(&self, name: &str, text: &str) -> Result<()> {
        let mut target = Box::new(Target::open(&self.path.join(name), self.overwrite)?);
        target.write(text.as_bytes())?;
        target.finish()?;
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_new {
            // With something in it, it stays.
            let _ = fs::remove_dir(&self.path);
        }
    }
}
