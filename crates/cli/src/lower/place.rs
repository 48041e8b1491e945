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
        Self::named(text).map_err(|got| {
            let advice = "write to s3://BUCKET/PREFIX, or to a folder and copy it";
            Failure::usage("a folder, s3://BUCKET/PREFIX or -", got, advice).into()
        })
    }

    /// A folder or a bucket; what else it seems to be, where it is neither.
    fn named(text: &Path) -> Result<Self, String> {
        let address = text.to_string_lossy();
        match address.split_once("://") {
            Some(("s3", _)) => Ok(Self::Bucket(address.into_owned())),
            Some((scheme, _)) => Err(format!("'{scheme}://'")),
            // A slip of the finger would fill the disk in place of the bucket.
            None if address.to_ascii_lowercase().starts_with("s3:") => Err(format!("'{address}'")),
            None => Ok(Self::Folder(text.to_path_buf())),
        }
    }

    /// A folder or prefix right below; standard output has none.
    #[cfg(feature = "star")]
    pub(crate) fn below(&self, name: &str) -> Self {
        match self {
            Self::Stdout => Self::Stdout,
            Self::Folder(folder) => Self::Folder(folder.join(name)),
            Self::Bucket(url) => Self::Bucket(format!("{}/{name}", url.trim_end_matches('/'))),
        }
    }

    /// Its text as it is given.
    #[cfg(feature = "star")]
    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Self::Stdout => PathBuf::from("-"),
            Self::Folder(folder) => folder.clone(),
            Self::Bucket(url) => PathBuf::from(url),
        }
    }

    /// The store behind it; `None` for standard output.
    pub(crate) fn store(&self, remote: &Remote, log: &Log) -> Result<Option<Box<dyn Store>>> {
        if let (Self::Stdout | Self::Folder(_), Some(flag)) = (self, &remote.given) {
            let expected = format!("s3://BUCKET/PREFIX with {flag}");
            return Err(Failure::usage(expected, format!("'{self}'"), "leave it out").into());
        }
        match self {
            Self::Stdout => Ok(None),
            Self::Folder(folder) => Ok(Some(Box::new(LocalStore::new(folder)))),
            Self::Bucket(url) => Ok(Some(super::bucket::open(url, &remote.flags, log)?)),
        }
    }

    /// What `DuckDB` has to be told before it reads there; empty for a folder.
    ///
    /// # Errors
    /// As [`Self::store`].
    pub(crate) fn duckdb_secret(&self, remote: &Remote) -> Result<String> {
        match self {
            Self::Stdout | Self::Folder(_) => Ok(String::new()),
            Self::Bucket(url) => super::bucket::duckdb_secret(url, &remote.flags),
        }
    }
}

/// The store at a place that is read from.
///
/// # Errors
/// When it is none, or cannot be opened.
pub(crate) fn store(place: &Path, remote: &Remote, log: &Log) -> Result<Box<dyn Store>> {
    let expected = "a folder or s3://BUCKET/PREFIX";
    if place.as_os_str() == "-" {
        return Err(Failure::usage(expected, "-, standard output", "name the place").into());
    }
    let place = Destination::named(place)
        .map_err(|got| Failure::usage(expected, got, "name a place of lakeseed's"))?;
    let store = place.store(remote, log)?;
    store.ok_or_else(|| Failure::usage(expected, place, "name the place").into())
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
