//! What an error of the client, or a broker's refusal, means.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::error::{Error, Trouble};
use crate::secret::Scrubber;

/// Why something was not done.
#[derive(Debug)]
pub(super) enum Failure {
    /// It may go by: a broker that starts, a partition without a leader, a connection that broke.
    Passing(Trouble, String),
    /// Waiting does not help.
    Final(Trouble, String),
    /// It stands in the library's words already.
    Whole(Error),
}

impl Failure {
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Self::Passing(..))
    }

    /// The library's error. The text has passed the scrubber.
    pub(super) fn into_error(self, action: &'static str, address: String) -> Error {
        match self {
            Self::Passing(trouble, text) | Self::Final(trouble, text) => Error::Remote {
                action,
                address,
                trouble,
                source: text.into(),
            },
            Self::Whole(error) => error,
        }
    }

    /// An error of the client's calls.
    pub(super) fn of(error: &KafkaError, scrubber: &Scrubber) -> Self {
        let text = scrubber.scrub(&error.to_string());
        let code = match error {
            KafkaError::AdminOp(code) => Some(*code),
            error => error.rdkafka_error_code(),
        };
        match code {
            Some(code) => Self::of_code(code, text),
            None => Self::Final(Trouble::Other, text),
        }
    }

    /// A code, and what was said beside it, scrubbed.
    pub(super) fn of_code(code: Code, text: String) -> Self {
        match code {
            Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::NetworkException
            | Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::Resolve => Self::Passing(Trouble::Unreachable, text),
            Code::BrokerNotAvailable
            | Code::ConcurrentTransactions
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::InProgress
            | Code::LeaderNotAvailable
            | Code::MessageTimedOut
            | Code::NotController
            | Code::NotCoordinator
            | Code::NotEnoughReplicas
            | Code::NotEnoughReplicasAfterAppend
            | Code::NotLeaderForPartition
            | Code::OffsetNotAvailable
            | Code::ReplicaNotAvailable
            | Code::ThrottlingQuotaExceeded
            | Code::TimedOutQueue
            | Code::WaitingForCoordinator => Self::Passing(Trouble::Unavailable, text),
            Code::Authentication
            | Code::ClusterAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::IllegalSASLState
            | Code::SaslAuthenticationFailed
            | Code::TopicAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::UnsupportedSASLMechanism => Self::Final(Trouble::Denied, text),
            Code::SSL if text.contains("certificate") => Self::Final(Trouble::Untrusted, text),
            Code::UnknownPartition
            | Code::UnknownTopic
            | Code::UnknownTopicId
            | Code::UnknownTopicOrPartition => Self::Final(Trouble::Missing, text),
            Code::KafkaStorageError => Self::Final(Trouble::Full, text),
            Code::NotImplemented | Code::UnsupportedFeature | Code::UnsupportedVersion => {
                Self::Final(Trouble::Unsupported, text)
            }
            Code::Fenced | Code::InvalidProducerEpoch | Code::ProducerFenced => Self::Final(
                Trouble::Other,
                format!("{text}: another run of the same plan to this topic has taken over"),
            ),
            Code::InvalidTransactionTimeout => Self::Final(
                Trouble::Unsupported,
                format!(
                    "{text}: the brokers' transaction.max.timeout.ms is below ours, which is the \
                     patience and a minute"
                ),
            ),
            _ => Self::Final(Trouble::Other, text),
        }
    }
}
