//! How a service of AWS is reached, by flags, the environment and the files of the aws tool: its
//! endpoint, its region, whom to trust, keys to sign with.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use object_store::client::{HttpConnector, ReqwestConnector};
use object_store::{Certificate, ClientOptions};

use super::credentials::{Keyring, Sources};
use super::options::{Keys, check_header};
use super::profile::Profile;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::secret::Scrubber;

/// How long a server may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// The user agent of our requests.
const AGENT: &str = concat!("lakeseed/", env!("CARGO_PKG_VERSION"));

/// What a user has said of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'o> {
    /// The service as variables and files call it, in lower case: `s3`.
    pub(crate) service: &'static str,
    pub(crate) endpoint_url: Option<&'o str>,
    pub(crate) region: Option<&'o str>,
    pub(crate) profile: Option<&'o str>,
    pub(crate) ca_bundle: Option<&'o Path>,
    pub(crate) keys: Option<&'o Keys>,
    pub(crate) environment: &'o Environment,
}

/// What was found of it, here and in the environment and the files; but for the keys.
#[derive(Debug)]
pub(crate) struct Found<'o> {
    asked: Asked<'o>,
    pub(crate) endpoint_url: Option<String>,
    /// None where nobody names one.
    pub(crate) region: Option<String>,
    ca_bundle: Option<PathBuf>,
}

/// What requests are made and signed with.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) client: ClientOptions,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) scrubber: Arc<Scrubber>,
}

impl<'o> Asked<'o> {
    /// Looks up what was not said.
    pub(crate) fn find(self) -> Result<Found<'o>> {
        let environment = self.environment;
        let profile = Profile::read(self.profile, environment)?;
        let given = |value: Option<&str>| value.map(str::to_owned);
        let region = given(self.region)
            .or_else(|| environment.first(&["AWS_REGION", "AWS_DEFAULT_REGION"]))
            .or_else(|| given(profile.region()));
        if let Some(region) = &region {
            check_header("region", region)?;
        }
        let of_service = format!("AWS_ENDPOINT_URL_{}", self.service.to_ascii_uppercase());
        let endpoint_url = given(self.endpoint_url)
            .or_else(|| environment.first(&[&of_service, "AWS_ENDPOINT_URL"]))
            .or_else(|| given(profile.endpoint_url(self.service)));
        let ca_bundle = self
            .ca_bundle
            .map(Path::to_owned)
            .or_else(|| environment.get("AWS_CA_BUNDLE").map(PathBuf::from))
            .or_else(|| profile.ca_bundle().map(PathBuf::from));
        Ok(Found {
            asked: self,
            endpoint_url,
            region,
            ca_bundle,
        })
    }
}

impl Found<'_> {
    /// Reads the certificates, and finds the keys or who will provide them.
    pub(crate) fn open(&self, region: &str) -> Result<Access> {
        let Asked {
            profile,
            keys,
            environment,
            ..
        } = self.asked;
        let scrubber = Arc::new(Scrubber::default());
        let client = client_options(self.ca_bundle.as_deref())?;
        let sources = Sources {
            keys: keys.cloned(),
            profile: profile.map(str::to_owned),
            environment: environment.clone(),
            region: region.to_owned(),
            client: client.clone(),
        };
        let keyring = Keyring::open(sources, Arc::clone(&scrubber))?;
        Ok(Access {
            client,
            keyring: Arc::new(keyring),
            scrubber,
        })
    }
}

fn client_options(ca_bundle: Option<&Path>) -> Result<ClientOptions> {
    let mut client = ClientOptions::new()
        .with_user_agent(http::HeaderValue::from_static(AGENT))
        .with_connect_timeout(CONNECT)
        // A fixed limit would cut off large buffers on slow lines; each try brings its own.
        .with_timeout_disabled();
    if let Some(path) = ca_bundle {
        let pem = std::fs::read(path).map_err(Error::io("read", path))?;
        let invalid = |found: String| Error::Invalid {
            what: "CA bundle",
            expected: "a PEM file with at least one certificate".to_owned(),
            found,
        };
        let certificates = Certificate::from_pem_bundle(&pem).unwrap_or_default();
        if certificates.is_empty() {
            return Err(invalid(path.display().to_string()));
        }
        for certificate in certificates {
            client = client.with_root_certificate(certificate);
        }
        // What is inside of the armour is read when a client is made.
        if ReqwestConnector::default().connect(&client).is_err() {
            return Err(invalid(format!(
                "{}, with one that is none",
                path.display()
            )));
        }
    }
    Ok(client)
}
