//! Lanes: producers that parts are sent through, each with a `transactional.id` of its own.
//!
//! A producer that begins with the id of one that was killed fences it: what that one still had on its
//! way is refused, and its open transaction is aborted. So the ids are the same in each run of a plan
//! to a topic, `lakeseed-PLAN-TOPIC-LANE`, and before anybody looks up what an earlier run has left,
//! all lanes are begun, whoever may have used them.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::{BaseProducer, Producer};

use super::failure::Failure;
use super::heard::Heard;
use super::topic::{HEADER_BYTES, USUAL_BATCH_BYTES};
use super::{EAR, KafkaQueue, settings};
use crate::error::{Error, Trouble};
use crate::messages::queue::PartToSend;
use crate::sync::lock;

/// How many there are: as many parts are sent side by side.
pub(super) const LANES: usize = 8;
/// Messages on their way at most, however small: the client holds some hundred bytes for each.
const MOST_IN_FLIGHT: u64 = 8192;
/// How long one call of the client may take before somebody looks around.
const CALL: Duration = Duration::from_millis(50);
/// A transaction that nobody ends is aborted by the brokers after the patience and so long.
const BEYOND_PATIENCE: Duration = Duration::from_mins(1);

/// A producer, begun.
pub(super) struct Lane {
    plan: String,
    number: usize,
    pub(super) producer: BaseProducer<Heard>,
}

impl Lane {
    pub(super) fn heard(&self) -> &Arc<Heard> {
        self.producer.context()
    }

    /// Why the producer is of no use any more.
    pub(super) fn refusal(&self) -> Option<Failure> {
        let refusal = self.heard().refusal()?;
        // Of an error that ends a producer only this tells the reason.
        let fatal = self.producer.client().fatal_error();
        let reason = fatal.map(|(code, text)| Failure::of_code(code, self.heard().scrub(&text)));
        Some(reason.unwrap_or(refusal))
    }

    /// Makes a call that goes on in the background when its time is over, until it is done.
    pub(super) fn insist(
        &self,
        queue: &KafkaQueue,
        is_over: &(dyn Fn() -> bool + Sync),
        call: impl Fn(&BaseProducer<Heard>, Duration) -> KafkaResult<()>,
    ) -> Result<(), Failure> {
        let until = Instant::now() + queue.patience;
        loop {
            let error = match call(&self.producer, CALL) {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            self.producer.poll(EAR);
            if let Some(refusal) = self.refusal() {
                return Err(refusal);
            }
            let failure = Failure::of(&error, &queue.scrubber);
            let goes_on = matches!(&error, KafkaError::Transaction(error) if error.is_retriable());
            if !goes_on || Instant::now() >= until {
                return Err(failure);
            }
            if is_over() {
                return Err(Failure::Whole(Error::Stopped));
            }
        }
    }
}

/// The lanes of a queue.
#[derive(Default)]
pub(super) struct Lanes {
    state: Mutex<State>,
    /// The plan whose lanes have all been begun; held while that is done.
    fenced: Mutex<String>,
}

#[derive(Default)]
struct State {
    /// The plan that the lanes are of.
    plan: String,
    free: Vec<Lane>,
    /// Numbers that no producer has, the lowest last.
    unused: Vec<usize>,
}

impl State {
    /// Lanes of another plan are ended.
    fn turn_to(&mut self, plan: &str) {
        if self.plan != plan {
            plan.clone_into(&mut self.plan);
            self.free.clear();
            self.unused = (0..LANES).rev().collect();
        }
    }
}

impl Lanes {
    /// A lane for a part, made where none is free.
    pub(super) fn take(&self, queue: &KafkaQueue, part: &PartToSend<'_>) -> Result<Lane, Failure> {
        let number = {
            // Whoever fences has taken all that nobody uses.
            let _fencing = lock(&self.fenced);
            let mut state = lock(&self.state);
            state.turn_to(part.plan.id());
            if let Some(lane) = state.free.pop() {
                return Ok(lane);
            }
            state.unused.pop()
        };
        let number = number.ok_or_else(|| {
            let text = format!("more than {LANES} parts are open at once");
            Failure::Final(Trouble::Other, text)
        })?;
        let begun = begin(queue, part, number);
        if begun.is_err() {
            self.lose(number);
        }
        begun
    }

    /// Takes a lane back whose last transaction is ended.
    pub(super) fn give_back(&self, lane: Lane) {
        let mut state = lock(&self.state);
        if state.plan == lane.plan {
            state.free.push(lane);
        }
    }

    /// Ends a lane that is of no use any more.
    pub(super) fn end(&self, lane: Lane) {
        let number = lane.number;
        drop(lane);
        self.lose(number);
    }

    fn lose(&self, number: usize) {
        let mut state = lock(&self.state);
        state.unused.push(number);
        state.unused.sort_unstable_by(|a, b| b.cmp(a));
    }

    /// Begins all lanes once, so that nothing of an earlier run arrives any more.
    pub(super) fn fence(&self, queue: &KafkaQueue, part: &PartToSend<'_>) -> Result<(), Failure> {
        let plan = part.plan.id();
        let mut fenced = lock(&self.fenced);
        if *fenced == plan {
            return Ok(());
        }
        let numbers = {
            let mut state = lock(&self.state);
            state.turn_to(plan);
            std::mem::take(&mut state.unused)
        };
        let begun = thread::scope(|scope| {
            let each = numbers.iter().map(|number| {
                let begin = move || (*number, begin(queue, part, *number));
                scope.spawn(begin)
            });
            let each: Vec<_> = each.collect();
            let each = each.into_iter().filter_map(|thread| thread.join().ok());
            each.collect::<Vec<_>>()
        });
        let mut failed = None;
        for (number, begun) in begun {
            match begun {
                Ok(lane) => self.give_back(lane),
                Err(failure) => {
                    self.lose(number);
                    failed.get_or_insert(failure);
                }
            }
        }
        if let Some(failure) = failed {
            return Err(failure);
        }
        plan.clone_into(&mut fenced);
        Ok(())
    }
}

/// A producer that has taken over its id.
fn begin(queue: &KafkaQueue, part: &PartToSend<'_>, number: usize) -> Result<Lane, Failure> {
    let topic = queue.topic(part.is_over)?;
    let most_bytes = part.plan.settings().max_bytes + HEADER_BYTES;
    let batch_bytes = topic.batch_bytes().unwrap_or(USUAL_BATCH_BYTES);
    let timeout = (queue.patience + BEYOND_PATIENCE).as_millis().to_string();
    let plan = part.plan.id().to_owned();
    let mut config = settings::base(&queue.address, &queue.means)?;
    config
        .set(
            "transactional.id",
            format!("lakeseed-{plan}-{}-{number}", topic.name),
        )
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("transaction.timeout.ms", &timeout)
        .set("message.timeout.ms", &timeout)
        .set(
            "message.max.bytes",
            most_bytes.max(USUAL_BATCH_BYTES).to_string(),
        )
        .set("batch.size", batch_bytes.min(USUAL_BATCH_BYTES).to_string())
        .set(
            "queue.buffering.max.kbytes",
            queue
                .in_flight_bytes
                .max(most_bytes)
                .div_ceil(1 << 10)
                .to_string(),
        )
        .set("queue.buffering.max.messages", MOST_IN_FLIGHT.to_string());
    let lane = Lane {
        plan,
        number,
        producer: queue.client(&config)?,
    };
    lane.insist(queue, part.is_over, |producer, wait| {
        producer.init_transactions(wait)
    })?;
    Ok(lane)
}
