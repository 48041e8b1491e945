//! What a user may say about a queue of SQS, and where the aws tool would have it from.

use std::path::PathBuf;
use std::time::Duration;

use crate::environment::Environment;
use crate::store::s3::Keys;
use crate::store::s3::access::Asked;

/// How long a batch of messages is tried until all of them are acknowledged.
pub const DEFAULT_PATIENCE: Duration = Duration::from_mins(1);
/// Bytes of messages that a sender has on their way: 4 MiB.
pub const DEFAULT_IN_FLIGHT_BYTES: u64 = 4 << 20;
/// The largest message that every queue takes which nobody has narrowed: 256 KiB, less what a
/// message's name takes.
pub const USUAL_MESSAGE_BYTES: u64 = 255 << 10;

/// Settings of a queue of SQS. Whatever is not set comes from the environment and the files of the
/// aws tool, as for S3.
///
/// ```
/// use lakeseed_sink::Environment;
/// use lakeseed_sink::messages::Queue;
/// use lakeseed_sink::messages::sqs::{SqsOptions, SqsQueue};
///
/// let options = SqsOptions {
///     environment: Environment::new(|name| match name {
///         "AWS_ACCESS_KEY_ID" => Some("AKIDEXAMPLE".to_owned()),
///         "AWS_SECRET_ACCESS_KEY" => Some("wJalrXUtnFEMI".to_owned()),
///         "AWS_REGION" => Some("eu-west-1".to_owned()),
///         _ => None,
///     }),
///     ..SqsOptions::default()
/// };
/// let queue = SqsQueue::new("sqs://predictions", &options)?;
/// assert_eq!(queue.address(), "https://sqs.eu-west-1.amazonaws.com/predictions");
/// # Ok::<(), lakeseed_sink::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SqsOptions {
    /// The server's address, such as `http://127.0.0.1:4566`; without one that of the queue's URL, or
    /// AWS.
    pub endpoint_url: Option<String>,
    /// The region; without one that of the queue's URL, of the environment, of the profile. Without
    /// any, `us-east-1` at an endpoint of one's own.
    pub region: Option<String>,
    /// The profile in the files of the aws tool. Given here, its keys go before those of the
    /// environment.
    pub profile: Option<String>,
    /// A PEM file of certificates to trust beside those of the system.
    pub ca_bundle: Option<PathBuf>,
    /// Keys, ahead of all that the environment has.
    pub keys: Option<Keys>,
    /// Whether the queue is made where it is missing: it keeps messages for 14 days, and one whose
    /// name ends with `.fifo` is a FIFO queue of high throughput.
    pub create: bool,
    /// How long a batch of messages is tried until all of them are acknowledged. For a FIFO queue
    /// four minutes at most.
    pub patience: Duration,
    /// Bytes of messages that a sender has on their way.
    pub in_flight_bytes: u64,
    /// Where variables are looked up.
    pub environment: Environment,
}

impl Default for SqsOptions {
    fn default() -> Self {
        Self {
            endpoint_url: None,
            region: None,
            profile: None,
            ca_bundle: None,
            keys: None,
            create: false,
            patience: DEFAULT_PATIENCE,
            in_flight_bytes: DEFAULT_IN_FLIGHT_BYTES,
            environment: Environment::default(),
        }
    }
}

impl SqsOptions {
    /// What these options say of how SQS is reached.
    pub(super) fn asked(&self) -> Asked<'_> {
        Asked {
            service: "sqs",
            endpoint_url: self.endpoint_url.as_deref(),
            region: self.region.as_deref(),
            profile: self.profile.as_deref(),
            ca_bundle: self.ca_bundle.as_deref(),
            keys: self.keys.as_ref(),
            environment: &self.environment,
        }
    }
}
