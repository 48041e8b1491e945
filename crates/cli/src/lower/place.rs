//! Where an output is: a folder, a bucket, standard output.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use lakeseed_sink::{LocalStore, Store};

use crate::args::Remote;
use crate::error::Failure;
use crate::log::Log;

/// Where the bytes go, or stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    Stdout,
    Folder(PathBuf),
    /// `s3://bucket/prefix`.
    Bucket(String),
}

impl Destination {
    /// What a text means.
    pub(crate) fn parse(text: &Path) -> Result<Self> {
        if text.as_os_str() == "-" {
            return Ok(Self::Stdout);
        }
        let address = text.to_string_lossy();
        match address.split_once("://") {
            None => Ok(Self::Folder(text.to_path_buf())),
            Some(("s3", _)) => Ok(Self::Bucket(address.into_owned())),
            Some((scheme, _)) => {
                let got = format!("'{scheme}://'");
                let advice = "write to s3://BUCKET/PREFIX, or to a folder and copy it";
                Err(Failure::usage("a folder, s3://BUCKET/PREFIX or -", got, advice).into())
            }
        }
    }

    /// The store behind it; `None` for standard output.
    pub(crate) fn store(&self, remote: &Remote, log: &Log) -> Result<Option<Box<dyn Store>>> {
        match self {
            Self::Stdout => Ok(None),
            Self::Folder(folder) => Ok(Some(Box::new(LocalStore::new(folder)))),
            Self::Bucket(url) => Ok(Some(super::bucket::open(url, remote, log)?)),
        }
    }
}

/// The store at a place that is read from.
///
/// # Errors
/// When it is none, or cannot be opened.
pub(crate) fn store(place: &Path, remote: &Remote, log: &Log) -> Result<Box<dyn Store>> {
    let store = Destination::parse(place)?.store(remote, log)?;
    store.ok_or_else(|| {
        let expected = "a folder or s3://BUCKET/PREFIX";
        Failure::usage(expected, "-, standard output", "name the place").into()
    })
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("-"),
            Self::Folder(folder) => write!(f, "{}", folder.display()),
            Self::Bucket(url) => f.write_str(url),
        }
    }
}
