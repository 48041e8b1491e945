//! How a bucket is reached, and whether that was asked for on the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches, ValueEnum};

use super::values::time;

/// How a bucket is reached. Credentials come from the environment or a profile, never from flags.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "For s3:// places, and sqs:// queues but for --sse")]
pub(crate) struct RemoteFlags {
    /// Another server than AWS's: `MinIO`, Ceph, any that speaks S3, or SQS.
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,
    /// The region of the bucket or queue.
    #[arg(long, value_name = "NAME")]
    pub(crate) region: Option<String>,
    /// A profile of ~/.aws/config and ~/.aws/credentials.
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Certificates to trust besides the system's, in PEM form.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_bundle: Option<PathBuf>,
    /// How the server encrypts what it stores.
    #[arg(long, value_name = "HOW", value_enum)]
    pub(crate) sse: Option<Sse>,
    /// The key of aws:kms.
    #[arg(long, value_name = "ID", requires = "sse")]
    pub(crate) sse_kms_key_id: Option<String>,
    /// How long a request that fails is tried again, as 30s or 10m; 3m by default, 1m for a queue.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) patience: Option<Duration>,
}

/// Whose keys a server encrypts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sse {
    /// The server's own keys.
    #[value(name = "AES256")]
    Aes256,
    /// A key of the key service.
    #[value(name = "aws:kms")]
    AwsKms,
}

/// The flags of a bucket, and the first of them that stands on the command line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Remote {
    pub(crate) flags: RemoteFlags,
    /// A place without a bucket refuses it. A variable is set for a whole shell, and concerns the
    /// places that it fits.
    pub(crate) given: Option<String>,
    /// All that stand there.
    pub(crate) typed: Vec<String>,
}

/// Flags that a bucket has and a queue has not.
const OF_BUCKET: [&str; 2] = ["--sse", "--sse-kms-key-id"];

impl Remote {
    /// The first flag on the command line that a queue has no use for.
    pub(crate) fn given_of_bucket(&self) -> Option<&String> {
        let mut typed = self.typed.iter();
        typed.find(|flag| OF_BUCKET.contains(&flag.as_str()))
    }

    /// The flags without a server and a region that only variables name: a queue's URL says more.
    #[cfg(feature = "sqs")]
    pub(crate) fn typed_place(&self) -> RemoteFlags {
        let is_typed = |flag: &str| self.typed.iter().any(|typed| typed == flag);
        let RemoteFlags {
            endpoint_url,
            region,
            ..
        } = self.flags.clone();
        RemoteFlags {
            endpoint_url: endpoint_url.filter(|_| is_typed("--endpoint-url")),
            region: region.filter(|_| is_typed("--region")),
            ..self.flags.clone()
        }
    }
}

impl Args for Remote {
    fn augment_args(command: Command) -> Command {
        RemoteFlags::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        RemoteFlags::augment_args_for_update(command)
    }
}

impl FromArgMatches for Remote {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let known = RemoteFlags::augment_args(Command::new("remote"));
        let is_given = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
        let typed: Vec<String> = known
            .get_arguments()
            .filter(|arg| is_given(arg.get_id().as_str()))
            .filter_map(clap::Arg::get_long)
            .map(|name| format!("--{name}"))
            .collect();
        Ok(Self {
            flags: RemoteFlags::from_arg_matches(matches)?,
            given: typed.first().cloned(),
            typed,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
