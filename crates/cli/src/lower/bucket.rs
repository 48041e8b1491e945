//! A bucket's store from the flags, the environment and the profile.

use anyhow::Result;
use lakeseed_sink::Store;

use crate::args::Remote;
use crate::log::Log;

/// Opens the store behind `s3://bucket/prefix`. Nothing is asked of the server yet.
#[cfg(feature = "s3")]
pub(super) fn open(url: &str, remote: &Remote, log: &Log) -> Result<Box<dyn Store>> {
    use lakeseed_sink::s3::{Events, Level, S3Options, S3Store};

    let log = log.clone();
    let hear = move |level, text: &str| match level {
        Level::Info => log.info(text),
        Level::Warn => log.warn(text),
    };
    let options = S3Options {
        endpoint_url: remote.endpoint_url.clone(),
        region: remote.region.clone(),
        profile: remote.profile.clone(),
        ca_bundle: remote.ca_bundle.clone(),
        encryption: encryption(remote)?,
        events: Events::new(hear),
        ..S3Options::default()
    };
    Ok(Box::new(S3Store::open(url, options)?))
}

#[cfg(feature = "s3")]
fn encryption(remote: &Remote) -> Result<Option<lakeseed_sink::s3::Encryption>> {
    use lakeseed_sink::s3::Encryption;

    use crate::error::Failure;

    let key = remote.sse_kms_key_id.clone();
    match (remote.sse.as_deref(), key) {
        (None, _) => Ok(None),
        (Some("AES256"), None) => Ok(Some(Encryption::Managed)),
        (Some("aws:kms"), key) => Ok(Some(Encryption::Kms { key })),
        (Some("AES256"), Some(_)) => {
            let got = "--sse AES256 with --sse-kms-key-id";
            Err(Failure::usage("a key id for --sse aws:kms only", got, "leave it out").into())
        }
        (Some(other), _) => {
            let got = format!("'{other}'");
            Err(Failure::usage("AES256 or aws:kms for --sse", got, "choose one").into())
        }
    }
}

/// Says which build opens buckets.
#[cfg(not(feature = "s3"))]
pub(super) fn open(url: &str, _remote: &Remote, _log: &Log) -> Result<Box<dyn Store>> {
    let advice = "build lakeseed with its default features";
    Err(crate::error::Failure::usage("a build with the feature s3", url, advice).into())
}
