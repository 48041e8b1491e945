//! Requests that are held at an exact moment.

use crate::lock;
use crate::request::{Kind, Request};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// When a request is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Its whole body was read, and the store has not seen it.
    Before,
    /// The store has handled it, and nothing was answered.
    After,
}

/// How long [`Paused::wait`] waits: no test takes that long, and one that waits in vain must end.
const PATIENCE: Duration = Duration::from_mins(2);

#[derive(Default)]
struct State {
    arrived: Option<Request>,
    verdict: Option<Verdict>,
}

#[derive(Clone, Copy)]
pub(crate) enum Verdict {
    Release,
    Discard,
}

#[derive(Default)]
struct Gate {
    state: Mutex<State>,
    came: Condvar,
    decided: Notify,
}

/// One request that is to be held, or is.
///
/// A request goes on without its client: a test that ends the client between [`wait`](Self::wait) and
/// [`release`](Self::release) knows that the request takes effect all the same. With
/// [`discard`](Self::discard) it surely has none. Dropping releases.
#[must_use = "dropping it lets the request pass"]
pub struct Paused(Arc<Gate>);

impl Paused {
    /// Blocks until the request is held, and says which one it is.
    ///
    /// # Panics
    ///
    /// When no such request has come after two minutes.
    pub fn wait(&self) -> Request {
        let state = lock(&self.0.state);
        let (state, _) = self
            .0
            .came
            .wait_timeout_while(state, PATIENCE, |state| state.arrived.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        state
            .arrived
            .clone()
            .expect("the request that was to be paused has not come")
    }

    /// Whether the request is held already.
    pub fn has_arrived(&self) -> bool {
        lock(&self.0.state).arrived.is_some()
    }

    /// Lets the request go on.
    pub fn release(self) {
        self.0.decide(Verdict::Release);
    }

    /// Ends the request here: its connection is reset, and at [`Moment::Before`] it has no effect.
    pub fn discard(self) {
        self.0.decide(Verdict::Discard);
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        self.0.decide(Verdict::Release);
    }
}

impl Gate {
    /// The first decision stands.
    fn decide(&self, verdict: Verdict) {
        lock(&self.state).verdict.get_or_insert(verdict);
        self.decided.notify_one();
    }
}

struct Rule {
    kind: Kind,
    left: u64,
    moment: Moment,
    gate: Arc<Gate>,
}

/// All pauses that are planned on one server.
#[derive(Default)]
pub(crate) struct Pauses(Mutex<Vec<Rule>>);

impl Pauses {
    pub(crate) fn add(&self, kind: Kind, nth: u64, moment: Moment) -> Paused {
        assert!(nth > 0, "requests are counted from 1");
        let gate = Arc::new(Gate::default());
        lock(&self.0).push(Rule {
            kind,
            left: nth,
            moment,
            gate: Arc::clone(&gate),
        });
        Paused(gate)
    }

    /// Counts a request, and says where it is to be held.
    pub(crate) fn meet(&self, request: &Request) -> Stops {
        let mut stops = Stops::default();
        lock(&self.0).retain_mut(|rule| {
            if rule.kind != request.kind {
                return true;
            }
            rule.left -= 1;
            if rule.left > 0 {
                return true;
            }
            let gates = match rule.moment {
                Moment::Before => &mut stops.before,
                Moment::After => &mut stops.after,
            };
            gates.push(Arc::clone(&rule.gate));
            false
        });
        stops
    }
}

/// Where one request is to be held.
#[derive(Default)]
pub(crate) struct Stops {
    before: Vec<Arc<Gate>>,
    after: Vec<Arc<Gate>>,
}

impl Stops {
    pub(crate) fn has_before(&self) -> bool {
        !self.before.is_empty()
    }

    /// Holds the request, if it is to be held at this moment, until the test has decided.
    pub(crate) async fn hold(&self, moment: Moment, request: &Request) -> Verdict {
        let gates = match moment {
            Moment::Before => &self.before,
            Moment::After => &self.after,
        };
        for gate in gates {
            lock(&gate.state).arrived = Some(request.clone());
            gate.came.notify_all();
            loop {
                let verdict = lock(&gate.state).verdict;
                match verdict {
                    Some(Verdict::Release) => break,
                    Some(Verdict::Discard) => return Verdict::Discard,
                    None => gate.decided.notified().await,
                }
            }
        }
        Verdict::Release
    }
}
