//! From a user's options, the environment and the files of the aws tool to a client.

use std::sync::Arc;
use std::time::Duration;

use object_store::RetryConfig;
use object_store::aws::{
    AmazonS3Builder, AmazonS3ConfigKey, AwsCredentialProvider, S3ConditionalPut,
};
use object_store::client::HttpConnector;

use super::access::Access;
use super::core::Core;
use super::options::{Encryption, Location, S3Options, bucket_url};
use super::patience::Counters;
use super::reach::Reach;
use super::watch::{Skew, Watch};
use crate::error::{Error, Result, chain};
use crate::secret::Scrubber;

/// The region where nothing names one; most servers beside AWS ask for none.
pub(super) const DEFAULT_REGION: &str = "us-east-1";

/// Everything that requests need.
pub(super) fn core(url: &str, options: S3Options) -> Result<Core> {
    let location = Location::parse(url)?;
    let found = options.asked().find()?;
    let Reach {
        endpoint_url,
        region,
        ..
    } = options.reach_by(&location, &found);
    let bucket_url = bucket_url(
        endpoint_url.as_deref(),
        &region,
        &location.bucket,
        options.path_style,
    )?;
    let Access {
        client,
        keyring,
        scrubber,
    } = found.open(&region)?;
    let watch = Watch {
        counters: Arc::new(Counters::default()),
        skew: Arc::new(Skew::new()),
        scrubber: Arc::clone(&scrubber),
    };
    let client = client.with_allow_http(bucket_url.starts_with("http://"));
    let builder = AmazonS3Builder::new()
        .with_bucket_name(&location.bucket)
        .with_region(&region)
        // Our own choice of path or host is in this address already.
        .with_endpoint(&bucket_url)
        .with_virtual_hosted_style_request(true)
        .with_credentials(Arc::clone(&keyring) as AwsCredentialProvider)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_client_options(client.clone())
        .with_http_connector(watch.clone())
        // One policy tries again, with fresh signatures: ours.
        .with_retry(RetryConfig {
            max_retries: 0,
            retry_timeout: Duration::ZERO,
            ..RetryConfig::default()
        });
    let builder = match &options.encryption {
        Some(encryption) => encrypted(builder, encryption, &scrubber)?,
        None => builder,
    };
    let failed = |error: object_store::Error| Error::Invalid {
        what: "S3 setting",
        expected: "one that the client takes".to_owned(),
        found: scrubber.scrub(&chain(&error)),
    };
    let store = builder.build().map_err(failed)?;
    let http = watch.connect(&client).map_err(failed)?;
    let root = match location.prefix.as_str() {
        "" => String::new(),
        prefix => format!("{prefix}/"),
    };
    Ok(Core {
        store,
        http,
        keyring,
        bucket_url: bucket_url.into(),
        region: region.into(),
        bucket: format!("s3://{}", location.bucket).into(),
        root: root.into(),
        patience: options.patience,
        pause: options.pause,
        events: options.events,
        watch,
        starting: false,
        accepted: Arc::default(),
    })
}

fn encrypted(
    builder: AmazonS3Builder,
    encryption: &Encryption,
    scrubber: &Scrubber,
) -> Result<AmazonS3Builder> {
    encryption.check()?;
    // The type of the key inside is not public, its name is.
    let kind: Result<AmazonS3ConfigKey, _> = "aws_server_side_encryption".parse();
    let of_kind = |builder: AmazonS3Builder, value: &str| match kind {
        Ok(kind) => Ok(builder.with_config(kind, value)),
        Err(error) => Err(Error::Invalid {
            what: "encryption",
            expected: "a client that knows it".to_owned(),
            found: error.to_string(),
        }),
    };
    Ok(match encryption {
        Encryption::Managed => of_kind(builder, "AES256")?,
        Encryption::Kms { key: None } => of_kind(builder, "aws:kms")?,
        Encryption::Kms { key: Some(key) } => builder.with_sse_kms_encryption(key),
        Encryption::Customer { key } => {
            scrubber.learn(key.reveal());
            builder.with_ssec_encryption(key.reveal())
        }
    })
}
