//! What a user may say about an S3 store, and where the aws tool would have it from.

use std::path::PathBuf;
use std::sync::Arc;

use super::patience::{Events, Patience, Pause, RealPause};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::secret::{Secret, scrub_shapes};

/// The longest prefix, in bytes: leaves half of the 1,024 that a key may have to our own names.
const MAX_PREFIX_BYTES: usize = 512;

/// Settings of an S3 store. Whatever is not set comes from the environment and the files of the
/// aws tool.
///
/// ```
/// use lakeseed_sink::s3::{Environment, S3Options, S3Store};
///
/// let options = S3Options {
///     endpoint_url: Some("http://127.0.0.1:9000".to_owned()),
///     environment: Environment::new(|name| match name {
///         "AWS_ACCESS_KEY_ID" => Some("minioadmin".to_owned()),
///         "AWS_SECRET_ACCESS_KEY" => Some("minioadmin".to_owned()),
///         _ => None,
///     }),
///     ..S3Options::default()
/// };
/// let store = S3Store::open("s3://lake/demo", options)?;
/// # let _ = store;
/// # Ok::<(), lakeseed_sink::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct S3Options {
    /// The server's address, such as `http://127.0.0.1:9000`; without one, AWS.
    pub endpoint_url: Option<String>,
    /// The region; `us-east-1` where nothing names one.
    pub region: Option<String>,
    /// The profile in the files of the aws tool. Given here, its keys go before those of the
    /// environment.
    pub profile: Option<String>,
    /// Whether the bucket stands in the path instead of the host name. Without a choice: with an
    /// endpoint of one's own, and for names with dots, whose host no certificate covers.
    pub path_style: Option<bool>,
    /// A PEM file of certificates to trust beside those of the system.
    pub ca_bundle: Option<PathBuf>,
    /// What the server encrypts files with.
    pub encryption: Option<Encryption>,
    /// How a file is written only where none is.
    pub conditional_put: ConditionalPut,
    /// Keys, ahead of all that the environment has.
    pub keys: Option<Keys>,
    /// How long a call is tried.
    pub patience: Patience,
    /// Where variables are looked up.
    pub environment: Environment,
    /// The clock to wait by.
    pub pause: Arc<dyn Pause>,
    /// Who hears of retries and warnings.
    pub events: Events,
}

impl Default for S3Options {
    fn default() -> Self {
        Self {
            endpoint_url: None,
            region: None,
            profile: None,
            path_style: None,
            ca_bundle: None,
            encryption: None,
            conditional_put: ConditionalPut::default(),
            keys: None,
            patience: Patience::default(),
            environment: Environment::default(),
            pause: Arc::new(RealPause::new()),
            events: Events::default(),
        }
    }
}

/// Keys that requests are signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// The access key's id.
    pub id: Secret,
    /// The secret access key.
    pub secret: Secret,
    /// The token of a session, for keys that expire.
    pub token: Option<Secret>,
}

/// What the server encrypts files with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// The server's own keys: `AES256`.
    Managed,
    /// A key of the key service, or its default key: `aws:kms`.
    Kms {
        /// The key's id or name.
        key: Option<String>,
    },
    /// A key of the user's own, sent along with every request (SSE-C): 32 bytes in base64.
    Customer {
        /// The key.
        key: Secret,
    },
}

/// How a file is written only where none is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ConditionalPut {
    /// By `If-None-Match: *`, which the server must honour: of several writers exactly one wins.
    #[default]
    IfNoneMatch,
    /// By looking first, for servers without that. Two runs that start in the same moment may both
    /// believe that they are alone.
    LookFirst,
}

/// A bucket and the prefix of all keys in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) bucket: String,
    /// Without a slash at either end; may be empty.
    pub(super) prefix: String,
}

impl Location {
    /// Reads `s3://BUCKET/PREFIX`.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let refused = |expected: &str| Error::Invalid {
            what: "S3 address",
            expected: expected.to_owned(),
            found: scrub_shapes(url),
        };
        let form = "s3://BUCKET/PREFIX";
        let rest = url.strip_prefix("s3://").ok_or_else(|| refused(form))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.contains('@') {
            return Err(refused(
                "s3://BUCKET/PREFIX without user or password, which belong into the environment",
            ));
        }
        if prefix.contains(['?', '#']) {
            return Err(refused("s3://BUCKET/PREFIX without `?` and `#`"));
        }
        let letters = bucket
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'));
        if !(3..=255).contains(&bucket.len()) || !letters || bucket.starts_with(['.', '-']) {
            return Err(refused(
                "s3://BUCKET/PREFIX with a bucket of at least 3 letters, digits, `-` and `.`",
            ));
        }
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let odd = |part: &str| {
            part.is_empty() || part == "." || part == ".." || part.contains(char::is_control)
        };
        if prefix.len() > MAX_PREFIX_BYTES || (!prefix.is_empty() && prefix.split('/').any(odd)) {
            return Err(refused(
                "s3://BUCKET/PREFIX with a prefix of at most 512 bytes, without `//`, `.` and `..`",
            ));
        }
        Ok(Self {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        })
    }
}

/// With an endpoint of one's own, and for names that no certificate fits.
pub(super) fn is_path_style(endpoint: Option<&str>, bucket: &str, asked: Option<bool>) -> bool {
    asked.unwrap_or(endpoint.is_some() || bucket.contains('.'))
}

/// The address of a bucket at a server, without a slash at its end, as requests will have it.
pub(super) fn bucket_url(
    endpoint: Option<&str>,
    region: &str,
    bucket: &str,
    path_style: Option<bool>,
) -> Result<String> {
    let path_style = is_path_style(endpoint, bucket, path_style);
    let own = format!("https://s3.{region}.amazonaws.com");
    let endpoint = endpoint.unwrap_or(&own);
    let refused = |expected: &str| Error::Invalid {
        what: "endpoint",
        expected: expected.to_owned(),
        found: scrub_shapes(endpoint),
    };
    let form = "http://HOST:PORT or https://HOST:PORT";
    let uri: http::Uri = endpoint
        .trim_end_matches('/')
        .parse()
        .map_err(|_| refused(form))?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(refused(form));
    };
    if authority.as_str().contains('@') {
        return Err(refused(
            "an endpoint without user or password, which belong into the environment",
        ));
    }
    if !matches!(scheme, "http" | "https") || authority.host().is_empty() || uri.query().is_some() {
        return Err(refused(form));
    }
    let path = uri.path().trim_end_matches('/');
    Ok(if path_style {
        format!("{scheme}://{authority}{path}/{bucket}")
    } else {
        format!("{scheme}://{bucket}.{authority}{path}")
    })
}

/// Refuses what cannot stand in a header, before a library meets it.
pub(super) fn check_header(what: &'static str, value: &str) -> Result<()> {
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Error::Invalid {
        what,
        expected: "visible ASCII characters without blanks".to_owned(),
        found: format!("{} bytes, of which some are none", value.len()),
    })
}

impl Encryption {
    /// Refuses what no server takes.
    pub(super) fn check(&self) -> Result<()> {
        match self {
            Self::Managed | Self::Kms { key: None } => Ok(()),
            Self::Kms { key: Some(key) } => check_header("encryption key id", key),
            Self::Customer { key } => {
                let key = key.reveal().as_bytes();
                let base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/".contains(byte);
                match key.split_last() {
                    Some((b'=', rest)) if rest.len() == 43 && rest.iter().all(base64) => Ok(()),
                    _ => Err(Error::Invalid {
                        what: "encryption key",
                        expected: "32 bytes in base64, which are 44 characters".to_owned(),
                        found: format!("{} characters", key.len()),
                    }),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(result: Result<impl std::fmt::Debug>, text: &str) {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }

    #[test]
    fn reads_addresses() {
        let read = |url: &str| {
            let place = Location::parse(url).unwrap();
            (place.bucket, place.prefix)
        };
        assert_eq!(read("s3://lake"), ("lake".to_owned(), String::new()));
        assert_eq!(read("s3://lake/"), ("lake".to_owned(), String::new()));
        assert_eq!(
            read("s3://my.lake/a/b=1/"),
            ("my.lake".to_owned(), "a/b=1".to_owned())
        );
    }

    #[test]
    fn refuses_other_addresses() {
        for url in ["lake/demo", "S3://lake", "s3:/lake", "http://h/lake", ""] {
            refused(Location::parse(url), "expected s3://BUCKET/PREFIX, found");
        }
        for url in [
            "s3://",
            "s3:///x",
            "s3://ab/x",
            "s3://a b c",
            "s3://-lake",
            "s3://la:ke",
        ] {
            refused(Location::parse(url), "at least 3 letters");
        }
        for url in [
            "s3://lake//x",
            "s3://lake/x//",
            "s3://lake/./x",
            "s3://lake/../x",
        ] {
            refused(Location::parse(url), "without `//`");
        }
        refused(
            Location::parse(&format!("s3://lake/{}", "x".repeat(513))),
            "512",
        );
        refused(Location::parse("s3://lake/x?versionId=1"), "without `?`");
        let error = Location::parse("s3://AK:canary@lake/x")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("without user or password") && !error.contains("canary"),
            "{error}"
        );
    }

    #[test]
    fn places_the_bucket() {
        let url =
            |endpoint, bucket, style| bucket_url(endpoint, "eu-west-1", bucket, style).unwrap();
        assert_eq!(
            url(None, "lake", None),
            "https://lake.s3.eu-west-1.amazonaws.com"
        );
        assert_eq!(
            url(None, "my.lake", None),
            "https://s3.eu-west-1.amazonaws.com/my.lake"
        );
        let own = Some("http://h:9000/");
        assert_eq!(url(own, "lake", None), "http://h:9000/lake");
        assert_eq!(url(own, "lake", Some(false)), "http://lake.h:9000");
        assert_eq!(
            url(Some("https://h/s3/"), "lake", Some(true)),
            "https://h/s3/lake"
        );
    }

    #[test]
    fn refuses_other_endpoints() {
        for endpoint in [
            "h:9000",
            "ftp://h",
            "http://",
            "/x",
            "",
            "http://h?x=1",
            "http://h h",
        ] {
            refused(
                bucket_url(Some(endpoint), "r", "lake", None),
                "expected http://HOST:PORT or https://HOST:PORT",
            );
        }
        let error = bucket_url(Some("http://AK:canary@h:1"), "r", "lake", None).unwrap_err();
        assert!(
            error.to_string().contains("found http://***@h:1"),
            "{error}"
        );
    }

    #[test]
    fn refuses_keys_that_no_server_takes() {
        let customer = |key: &str| {
            Encryption::Customer {
                key: Secret::new(key),
            }
            .check()
        };
        assert!(customer("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=").is_ok());
        refused(
            customer("canary"),
            "32 bytes in base64, which are 44 characters, found 6",
        );
        refused(check_header("region", "eu west"), "visible ASCII");
        refused(check_header("region", ""), "visible ASCII");
    }
}
