//! A bucket's store from the flags, the environment and the profile.

use anyhow::Result;
use lakeseed_sink::Store;

use crate::args::RemoteFlags;
#[cfg(feature = "s3")]
use crate::args::Sse;
use crate::error::Failure;
use crate::log::Log;

/// Opens the store behind `s3://bucket/prefix`. Nothing is asked of the server yet.
#[cfg(feature = "s3")]
pub(super) fn open(url: &str, flags: &RemoteFlags, log: &Log) -> Result<Box<dyn Store>> {
    use lakeseed_sink::s3::{Events, Level, Patience, S3Options, S3Store};

    let log = log.clone();
    let hear = move |level, text: &str| match level {
        Level::Info => log.info(text),
        Level::Warn => log.warn(text),
    };
    let options = S3Options {
        endpoint_url: flags.endpoint_url.clone(),
        region: flags.region.clone(),
        profile: flags.profile.clone(),
        ca_bundle: flags.ca_bundle.clone(),
        encryption: encryption(flags)?,
        patience: Patience {
            total: flags.patience.unwrap_or(Patience::default().total),
            ..Patience::default()
        },
        events: Events::new(hear),
        ..S3Options::default()
    };
    let store = S3Store::open(url, options).map_err(unread)?;
    Ok(Box::new(store))
}

/// Names the file of certificates or keys that cannot be read.
#[cfg(feature = "s3")]
pub(super) fn unread(error: lakeseed_sink::Error) -> anyhow::Error {
    match error {
        lakeseed_sink::Error::Io {
            action: "read",
            path,
            source,
        } => {
            let expected = format!("a file that can be read at {}", path.display());
            Failure::refused(expected, source, "check its path").into()
        }
        other => other.into(),
    }
}

/// The statement by which `DuckDB` reaches a bucket, with the shell's variables in place of keys.
#[cfg(feature = "s3")]
pub(super) fn duckdb_secret(url: &str, flags: &RemoteFlags) -> Result<String> {
    use lakeseed_sink::s3::S3Options;

    let options = S3Options {
        endpoint_url: flags.endpoint_url.clone(),
        region: flags.region.clone(),
        profile: flags.profile.clone(),
        ..S3Options::default()
    };
    let reach = options.reach(url)?;
    let region = reach.region.replace('\'', "''");
    let Some(endpoint) = &reach.endpoint_url else {
        let chain = "TYPE s3, PROVIDER credential_chain";
        return Ok(format!("CREATE SECRET ({chain}, REGION '{region}'); "));
    };
    let is_tls = endpoint.starts_with("https://");
    let host = endpoint
        .split_once("://")
        .map_or(endpoint.as_str(), |(_, host)| host);
    let host = host.trim_end_matches('/').replace('\'', "''");
    let style = if reach.path_style { "path" } else { "vhost" };
    Ok(format!(
        "CREATE SECRET (TYPE s3, KEY_ID '$AWS_ACCESS_KEY_ID', SECRET '$AWS_SECRET_ACCESS_KEY', \
         SESSION_TOKEN '$AWS_SESSION_TOKEN', REGION '{region}', ENDPOINT '{host}', URL_STYLE \
         '{style}', USE_SSL {is_tls}); "
    ))
}

/// Without buckets there is nothing to reach.
#[cfg(not(feature = "s3"))]
#[expect(clippy::unnecessary_wraps, reason = "with the feature it can fail")]
pub(super) fn duckdb_secret(_url: &str, _flags: &RemoteFlags) -> Result<String> {
    Ok(String::new())
}

#[cfg(feature = "s3")]
fn encryption(flags: &RemoteFlags) -> Result<Option<lakeseed_sink::s3::Encryption>> {
    use lakeseed_sink::s3::Encryption;

    let key = flags.sse_kms_key_id.clone();
    match (flags.sse, key) {
        (None, _) => Ok(None),
        (Some(Sse::Aes256), None) => Ok(Some(Encryption::Managed)),
        (Some(Sse::AwsKms), key) => Ok(Some(Encryption::Kms { key })),
        (Some(Sse::Aes256), Some(_)) => {
            let expected = "--sse aws:kms with --sse-kms-key-id";
            Err(Failure::usage(expected, "--sse AES256", "leave one out").into())
        }
    }
}

/// Says which build opens buckets.
#[cfg(not(feature = "s3"))]
pub(super) fn open(url: &str, _flags: &RemoteFlags, _log: &Log) -> Result<Box<dyn Store>> {
    let advice = "build lakeseed with its default features";
    Err(Failure::usage("a build with the feature s3", url, advice).into())
}
