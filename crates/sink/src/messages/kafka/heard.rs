//! What the client tells on its own: deliveries, refusals, brokers that are gone.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;

use super::failure::Failure;
use crate::fail;
use crate::secret::Scrubber;
use crate::sync::lock;

/// What one client has told. It is told while the client is polled, on the thread that polls.
pub(super) struct Heard {
    scrubber: Arc<Scrubber>,
    /// The first refusal that waiting does not change.
    refused: Mutex<Option<(Code, String)>>,
    are_all_down: AtomicBool,
    acknowledged: AtomicU64,
}

impl Heard {
    pub(super) fn new(scrubber: &Arc<Scrubber>) -> Self {
        Self {
            scrubber: Arc::clone(scrubber),
            refused: Mutex::new(None),
            are_all_down: AtomicBool::new(false),
            acknowledged: AtomicU64::new(0),
        }
    }

    /// The first refusal that waiting does not change.
    pub(super) fn refusal(&self) -> Option<Failure> {
        let refused = lock(&self.refused);
        let refused = refused.as_ref();
        refused.map(|(code, text)| Failure::of_code(*code, text.clone()))
    }

    /// Whether no broker could be reached at some time.
    pub(super) fn are_all_down(&self) -> bool {
        self.are_all_down.load(Ordering::Acquire)
    }

    /// How many messages were acknowledged.
    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Acquire)
    }

    pub(super) fn scrub(&self, text: &str) -> String {
        self.scrubber.scrub(text)
    }

    fn hear(&self, code: Code, text: &str) {
        if code == Code::AllBrokersDown {
            self.are_all_down.store(true, Ordering::Release);
        }
        let text = self.scrubber.scrub(text);
        // The end of a partition is none, and a group is named and never joined: whether we might
        // does not matter.
        let is_one = !matches!(code, Code::PartitionEOF | Code::GroupAuthorizationFailed);
        if is_one && !Failure::of_code(code, text.clone()).is_passing() {
            lock(&self.refused).get_or_insert((code, text));
        }
    }
}

impl ClientContext for Heard {
    /// Nothing: what libraries log may hold secrets, and whatever matters comes as an error too.
    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, _text: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        if let Some(code) = error.rdkafka_error_code() {
            self.hear(code, reason);
        }
    }
}

impl ConsumerContext for Heard {}

impl ProducerContext for Heard {
    type DeliveryOpaque = ();

    fn delivery(&self, delivered: &DeliveryResult<'_>, (): ()) {
        match delivered {
            Ok(_) => {
                self.acknowledged.fetch_add(1, Ordering::AcqRel);
                fail::point("kafka.acknowledged");
            }
            Err((error, _)) => {
                let code = error.rdkafka_error_code().unwrap_or(Code::Fail);
                // Messages that go down with another one: that one tells why, before or after them.
                if !matches!(code, Code::PurgeQueue | Code::PurgeInflight) {
                    let text = self.scrubber.scrub(&error.to_string());
                    lock(&self.refused).get_or_insert((code, text));
                }
            }
        }
    }
}
