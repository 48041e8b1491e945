//! A bucket's store from the flags, the environment and the profile.

use anyhow::Result;
use lakeseed_sink::Store;

use crate::args::Remote;
use crate::error::Failure;

/// Opens the store behind `s3://bucket/prefix`. Nothing is asked of the server yet.
pub(super) fn open(url: &str, _remote: &Remote) -> Result<Box<dyn Store>> {
    let advice = "build lakeseed with its default features";
    Err(Failure::usage("a build with the feature s3", url, advice).into())
}
