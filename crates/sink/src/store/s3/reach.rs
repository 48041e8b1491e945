//! Where a bucket is, for other programs that are to read what was written.

use super::access::{Asked, Found};
use super::open::DEFAULT_REGION;
use super::options::{Location, S3Options, bucket_url, is_path_style};
use crate::error::Result;

/// How requests find a bucket: all but the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// The address of a server that is not AWS's, as `http://localhost:9000`.
    pub endpoint_url: Option<String>,
    /// The region, named by somebody or the default.
    pub region: String,
    /// Whether the bucket stands in the path, not in the host's name.
    pub path_style: bool,
}

impl S3Options {
    /// Where requests to `s3://BUCKET/PREFIX` go by these options, the environment and the profile.
    ///
    /// ```
    /// use lakeseed_sink::s3::{Environment, S3Options};
    ///
    /// let options = S3Options {
    ///     environment: Environment::new(|name| match name {
    ///         "AWS_ENDPOINT_URL" => Some("http://127.0.0.1:9000".to_owned()),
    ///         _ => None,
    ///     }),
    ///     ..S3Options::default()
    /// };
    /// let reach = options.reach("s3://lake/demo")?;
    /// assert_eq!(reach.endpoint_url.as_deref(), Some("http://127.0.0.1:9000"));
    /// assert!(reach.path_style);
    /// # Ok::<(), lakeseed_sink::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`S3Store::open`](super::S3Store::open), for address, endpoint, region and profile.
    pub fn reach(&self, url: &str) -> Result<Reach> {
        let location = Location::parse(url)?;
        let reach = self.reach_by(&location, &self.asked().find()?);
        // Refuses what no request could have.
        let endpoint = reach.endpoint_url.as_deref();
        bucket_url(endpoint, &reach.region, &location.bucket, self.path_style)?;
        Ok(reach)
    }

    /// What these options say of how S3 is reached.
    pub(super) fn asked(&self) -> Asked<'_> {
        Asked {
            service: "s3",
            endpoint_url: self.endpoint_url.as_deref(),
            region: self.region.as_deref(),
            profile: self.profile.as_deref(),
            ca_bundle: self.ca_bundle.as_deref(),
            keys: self.keys.as_ref(),
            environment: &self.environment,
        }
    }

    pub(super) fn reach_by(&self, location: &Location, found: &Found<'_>) -> Reach {
        let endpoint_url = found.endpoint_url.clone();
        let region = found.region.as_deref().unwrap_or(DEFAULT_REGION);
        let path_style = is_path_style(endpoint_url.as_deref(), &location.bucket, self.path_style);
        Reach {
            endpoint_url,
            region: region.to_owned(),
            path_style,
        }
    }
}
