//! From an address, a user's options, the environment and the files of the aws tool to a server.

use object_store::client::{HttpConnector, ReqwestConnector};

use super::address::Address;
use super::client::Client;
use super::options::SqsOptions;
use crate::error::{Error, Result, chain};
use crate::secret::scrub_shapes;

/// The region at servers beside AWS where nothing names one; most of them ask for none.
const DEFAULT_REGION: &str = "us-east-1";

/// Where requests go, and what the queue is called for people and in ledgers.
pub(super) struct Site {
    pub(super) client: Client,
    pub(super) shown: String,
}

impl Site {
    /// Finds the server and the keys. Nothing is connected yet.
    pub(super) fn find(address: &Address, options: &SqsOptions) -> Result<Self> {
        let found = options.asked().find()?;
        let given_region = options.region.clone();
        // A queue's own URL says more than variables, which are set for a whole shell.
        let (endpoint, region) = match &address.url {
            Some(url) => (
                options.endpoint_url.clone().or(Some(url.server.clone())),
                given_region.or_else(|| url.region.clone()),
            ),
            None => (found.endpoint_url.clone(), given_region),
        };
        let region = region.or_else(|| found.region.clone());
        let (endpoint, region) = match (endpoint, region) {
            (Some(endpoint), region) => (
                checked(&endpoint)?,
                region.unwrap_or_else(|| DEFAULT_REGION.to_owned()),
            ),
            (None, Some(region)) => (of_aws(&region), region),
            (None, None) => {
                return Err(Error::Invalid {
                    what: "region",
                    expected:
                        "the one that the queue is in, by --region, AWS_REGION, a profile or \
                               the queue's URL"
                            .to_owned(),
                    found: "none".to_owned(),
                });
            }
        };
        let access = found.open(&region)?;
        let is_plain = endpoint.starts_with("http://");
        let client = access.client.with_allow_http(is_plain);
        let http = ReqwestConnector::default().connect(&client);
        let http = http.map_err(|error| Error::Invalid {
            what: "SQS setting",
            expected: "one that the client takes".to_owned(),
            found: access.scrubber.scrub(&chain(&error)),
        })?;
        let shown = match &address.url {
            Some(url) => url.whole.clone(),
            None => format!("{endpoint}/{}", address.queue),
        };
        Ok(Self {
            client: Client::new(http, access.keyring, access.scrubber, endpoint, region),
            shown,
        })
    }
}

/// The server of a region.
fn of_aws(region: &str) -> String {
    let end = if region.starts_with("cn-") { ".cn" } else { "" };
    format!("https://sqs.{region}.amazonaws.com{end}")
}

/// An endpoint without a slash at its end.
fn checked(endpoint: &str) -> Result<String> {
    let refused = || Error::Invalid {
        what: "endpoint",
        expected: "http://HOST:PORT or https://HOST:PORT".to_owned(),
        found: scrub_shapes(endpoint),
    };
    let trimmed = endpoint.trim_end_matches('/');
    let uri: http::Uri = trimmed.parse().map_err(|_| refused())?;
    let authority = uri.authority().ok_or_else(refused)?;
    let is_whole = matches!(uri.scheme_str(), Some("http" | "https"))
        && !authority.host().is_empty()
        && !authority.as_str().contains('@')
        && uri.query().is_none();
    if is_whole {
        Ok(trimmed.to_owned())
    } else {
        Err(refused())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Environment;
    use crate::secret::Secret;
    use crate::store::s3::Keys;

    fn find(address: &str, variables: &'static [(&str, &str)]) -> Result<(String, String, String)> {
        let options = SqsOptions {
            keys: Some(Keys {
                id: Secret::new("AKIDEXAMPLE"),
                secret: Secret::new("canary-7f3a"),
                token: None,
            }),
            environment: Environment::new(|name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            }),
            ..SqsOptions::default()
        };
        let site = Site::find(&Address::parse(address)?, &options)?;
        let (endpoint, region) = site.client.place();
        Ok((endpoint.to_owned(), region.to_owned(), site.shown))
    }

    #[track_caller]
    fn check(
        address: &str,
        variables: &'static [(&str, &str)],
        [endpoint, region, shown]: [&str; 3],
    ) {
        let found = find(address, variables).unwrap();
        assert_eq!((found.0.as_str(), found.1.as_str()), (endpoint, region));
        assert_eq!(found.2, shown);
    }

    #[test]
    fn finds_servers_and_regions() {
        let aws = "https://sqs.eu-west-1.amazonaws.com";
        let whole = "https://sqs.eu-west-1.amazonaws.com/123456789012/q";
        check(
            "sqs://q",
            &[("AWS_REGION", "eu-west-1")],
            [aws, "eu-west-1", "https://sqs.eu-west-1.amazonaws.com/q"],
        );
        check(
            "sqs://q",
            &[("AWS_DEFAULT_REGION", "cn-north-1")],
            [
                "https://sqs.cn-north-1.amazonaws.com.cn",
                "cn-north-1",
                "https://sqs.cn-north-1.amazonaws.com.cn/q",
            ],
        );
        check(
            "sqs://q",
            &[
                ("AWS_ENDPOINT_URL", "http://s3:9000"),
                ("AWS_ENDPOINT_URL_SQS", "http://mq:9324/"),
            ],
            ["http://mq:9324", "us-east-1", "http://mq:9324/q"],
        );
        // A URL is taken as it is, whatever a shell's variables say.
        check(
            whole,
            &[
                ("AWS_REGION", "us-east-1"),
                ("AWS_ENDPOINT_URL", "http://s3:9000"),
            ],
            [aws, "eu-west-1", whole],
        );
        let local = "http://127.0.0.1:9324/000000000000/q";
        check(
            local,
            &[("AWS_REGION", "eu-west-1")],
            ["http://127.0.0.1:9324", "eu-west-1", local],
        );
    }

    #[test]
    fn refuses_no_region_and_odd_endpoints() {
        let error = find("sqs://q", &[]).unwrap_err().to_string();
        assert!(error.contains("--region"), "{error}");
        for endpoint in ["mq:9324", "ftp://mq", "http://AK:canary-7f3a@mq"] {
            let error = checked(endpoint).unwrap_err().to_string();
            assert!(!error.contains("canary"), "{error}");
        }
    }
}
