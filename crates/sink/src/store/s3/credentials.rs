//! Keys: found once in the order of the aws tool, shared by all, found anew when they expired.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsCredential, AwsCredentialProvider};
use object_store::{ClientOptions, CredentialProvider, RetryConfig, StaticCredentialProvider};

use super::options::{Keys, check_header};
use super::profile::Profile;
use super::watch;
use crate::environment::Environment;
use crate::error::{Error, Result, chain};
use crate::secret::{Scrubber, Secret};

const WEB_IDENTITY_TOKEN: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
const POD_TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

/// Where keys are looked for.
#[derive(Debug, Clone)]
pub(super) struct Sources {
    pub(super) keys: Option<Keys>,
    /// The profile that the user named, not the environment.
    pub(super) profile: Option<String>,
    pub(super) environment: Environment,
    pub(super) region: String,
    /// How providers over the network are asked.
    pub(super) client: ClientOptions,
}

/// Gives all requests the same keys.
pub(crate) struct Keyring {
    sources: Sources,
    scrubber: Arc<Scrubber>,
    current: RwLock<Current>,
}

struct Current {
    provider: AwsCredentialProvider,
    found: String,
    /// Counts renewals, so that of many failed requests only the first renews.
    round: u64,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring")
    }
}

impl Keyring {
    /// Finds the keys, or who will provide them.
    pub(super) fn open(sources: Sources, scrubber: Arc<Scrubber>) -> Result<Self> {
        let (provider, found) = find(&sources, &scrubber)?;
        Ok(Self {
            sources,
            scrubber,
            current: RwLock::new(Current {
                provider,
                found,
                round: 0,
            }),
        })
    }

    /// Which keys are in use, to be handed to [`Self::renew`].
    pub(crate) fn round(&self) -> u64 {
        self.read(|current| current.round)
    }

    /// Where the keys come from, without them.
    pub(super) fn found(&self) -> String {
        self.read(|current| current.found.clone())
    }

    /// Keys to sign with, or in a line without secrets why there are none.
    #[cfg(feature = "sqs")]
    pub(crate) async fn keys(&self) -> std::result::Result<Arc<AwsCredential>, String> {
        let (keys, seen) = watch::watched(self.get_credential()).await;
        keys.map_err(|error| seen.no_keys.unwrap_or_else(|| error.to_string()))
    }

    /// Looks for keys anew, unless someone else has done so since `round`.
    pub(crate) fn renew(&self, round: u64) -> Result<()> {
        if self.round() != round {
            return Ok(());
        }
        let (provider, found) = find(&self.sources, &self.scrubber)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.round == round {
            *current = Current {
                provider,
                found,
                round: round + 1,
            };
        }
        Ok(())
    }

    fn read<T>(&self, look: impl FnOnce(&Current) -> T) -> T {
        look(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl CredentialProvider for Keyring {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let (provider, found) =
            self.read(|current| (Arc::clone(&current.provider), current.found.clone()));
        let failed = |text: String| {
            watch::no_keys(self.scrubber.scrub(&text));
            object_store::Error::Generic {
                store: "S3",
                source: "no keys to sign with".into(),
            }
        };
        let keys = provider.get_credential().await.map_err(|error| {
            // The file may hold another token by now, and a refusal may repeat it.
            learn_tokens(&self.sources.environment, &self.scrubber);
            failed(format!("no credentials from {found}: {}", chain(&error)))
        })?;
        learn(&self.scrubber, &keys);
        check(&keys).map_err(|error| failed(format!("{error} (from {found})")))?;
        Ok(keys)
    }
}

fn learn(scrubber: &Scrubber, keys: &AwsCredential) {
    scrubber.learn(&keys.key_id);
    scrubber.learn(&keys.secret_key);
    if let Some(token) = &keys.token {
        scrubber.learn(token);
    }
}

/// The tokens by which others tell who this process is are secrets too.
fn learn_tokens(environment: &Environment, scrubber: &Scrubber) {
    for name in [WEB_IDENTITY_TOKEN, POD_TOKEN] {
        let file = environment.get(name);
        // One that cannot be read is told when it is used.
        if let Some(token) = file.and_then(|file| std::fs::read_to_string(file).ok()) {
            scrubber.learn(token.trim());
        }
    }
}

fn check(keys: &AwsCredential) -> Result<()> {
    check_header("access key id", &keys.key_id)?;
    check_header("secret access key", &keys.secret_key)?;
    keys.token
        .as_ref()
        .map_or(Ok(()), |token| check_header("session token", token))
}

/// Option, environment, profile, then those who provide keys over the network.
fn find(sources: &Sources, scrubber: &Scrubber) -> Result<(AwsCredentialProvider, String)> {
    let fixed = |keys: Keys, found: String| -> Result<(AwsCredentialProvider, String)> {
        let keys = AwsCredential {
            key_id: keys.id.reveal().to_owned(),
            secret_key: keys.secret.reveal().to_owned(),
            token: keys.token.map(|token| token.reveal().to_owned()),
        };
        learn(scrubber, &keys);
        check(&keys)?;
        Ok((Arc::new(StaticCredentialProvider::new(keys)), found))
    };
    if let Some(keys) = &sources.keys {
        return fixed(keys.clone(), "the options".to_owned());
    }
    if sources.profile.is_none()
        && let Some(keys) = from_environment(&sources.environment)?
    {
        return fixed(keys, "the environment".to_owned());
    }
    let profile = Profile::read(sources.profile.as_deref(), &sources.environment)?;
    if let Some(keys) = profile.keys()? {
        return fixed(keys, format!("profile `{}`", profile.name()));
    }
    learn_tokens(&sources.environment, scrubber);
    provided(sources, &profile)
}

fn from_environment(environment: &Environment) -> Result<Option<Keys>> {
    let (id, secret) = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY");
    match (environment.get(id), environment.get(secret)) {
        (None, None) => Ok(None),
        (Some(id), Some(secret)) => Ok(Some(Keys {
            id: Secret::new(id),
            secret: Secret::new(secret),
            token: environment.get("AWS_SESSION_TOKEN").map(Secret::new),
        })),
        (there, _) => {
            let (there, gone) = if there.is_some() {
                (id, secret)
            } else {
                (secret, id)
            };
            Err(Error::Invalid {
                what: "credentials",
                expected: format!("{id} and {secret}"),
                found: format!("{there} without {gone}"),
            })
        }
    }
}

/// Keys that a service gives: to a pod, a task, an instance.
fn provided(sources: &Sources, profile: &Profile) -> Result<(AwsCredentialProvider, String)> {
    let get = |name| sources.environment.get(name);
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name("none")
        .with_region(&sources.region)
        .with_client_options(sources.client.clone())
        .with_retry(RetryConfig {
            max_retries: 2,
            ..RetryConfig::default()
        });
    let found;
    if let (Some(file), Some(role)) = (get(WEB_IDENTITY_TOKEN), get("AWS_ROLE_ARN")) {
        found = "the web identity".to_owned();
        builder = builder
            .with_config(AmazonS3ConfigKey::WebIdentityTokenFile, file)
            .with_config(AmazonS3ConfigKey::RoleArn, role);
        if let Some(session) = get("AWS_ROLE_SESSION_NAME") {
            builder = builder.with_config(AmazonS3ConfigKey::RoleSessionName, session);
        }
        if let Some(endpoint) = get("AWS_ENDPOINT_URL_STS") {
            builder = builder.with_config(AmazonS3ConfigKey::StsEndpoint, endpoint);
        }
    } else if let Some(path) = get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
        found = "the container".to_owned();
        let key = AmazonS3ConfigKey::ContainerCredentialsRelativeUri;
        builder = builder.with_config(key, path);
    } else if let (Some(uri), Some(file)) =
        (get("AWS_CONTAINER_CREDENTIALS_FULL_URI"), get(POD_TOKEN))
    {
        found = "the pod".to_owned();
        builder = builder
            .with_config(AmazonS3ConfigKey::ContainerCredentialsFullUri, uri)
            .with_config(AmazonS3ConfigKey::ContainerAuthorizationTokenFile, file);
    } else {
        let looked = format!(
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or profile `{}` in {}",
            profile.name(),
            profile.files()
        );
        if get("AWS_EC2_METADATA_DISABLED").is_some_and(|off| off.eq_ignore_ascii_case("true")) {
            return Err(Error::Invalid {
                what: "credentials",
                expected: looked,
                found: "neither, and AWS_EC2_METADATA_DISABLED".to_owned(),
            });
        }
        found = format!("the machine's metadata service (expected {looked})");
        if let Some(endpoint) = get("AWS_EC2_METADATA_SERVICE_ENDPOINT") {
            builder = builder.with_metadata_endpoint(endpoint);
        }
    }
    let store = builder.build().map_err(|error| Error::Invalid {
        what: "credentials",
        expected: found.clone(),
        found: crate::secret::scrub_shapes(&error.to_string()),
    })?;
    Ok((Arc::clone(store.credentials()), found))
}
