//! Where a bucket is, for other programs that are to read what was written.

use std::path::PathBuf;

use super::open::DEFAULT_REGION;
use super::options::{Location, S3Options, bucket_url, check_header, is_path_style};
use super::profile::Profile;
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
        let profile = Profile::read(self.profile.as_deref(), &self.environment)?;
        let reach = self.reach_by(&location, &profile)?;
        // Refuses what no request could have.
        let endpoint = reach.endpoint_url.as_deref();
        bucket_url(endpoint, &reach.region, &location.bucket, self.path_style)?;
        Ok(reach)
    }

    pub(super) fn reach_by(&self, location: &Location, profile: &Profile) -> Result<Reach> {
        let or_profile = |value: Option<&str>| value.map(str::to_owned);
        let region = self
            .region
            .clone()
            .or_else(|| {
                self.environment
                    .first(&["AWS_REGION", "AWS_DEFAULT_REGION"])
            })
            .or_else(|| or_profile(profile.region()))
            .unwrap_or_else(|| DEFAULT_REGION.to_owned());
        check_header("region", &region)?;
        let variables = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"];
        let endpoint_url = self
            .endpoint_url
            .clone()
            .or_else(|| self.environment.first(&variables))
            .or_else(|| or_profile(profile.endpoint_url()));
        let path_style = is_path_style(endpoint_url.as_deref(), &location.bucket, self.path_style);
        Ok(Reach {
            endpoint_url,
            region,
            path_style,
        })
    }

    pub(super) fn ca_bundle_by(&self, profile: &Profile) -> Option<PathBuf> {
        let variable = || self.environment.get("AWS_CA_BUNDLE").map(PathBuf::from);
        let given = self.ca_bundle.clone().or_else(variable);
        given.or_else(|| profile.ca_bundle().map(PathBuf::from))
    }
}
