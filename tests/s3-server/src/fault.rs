//! Faults and the plan of where they strike.

use crate::lock;
use crate::request::{Kind, Request};
use std::sync::{Arc, Mutex};

/// What goes wrong with a request.
///
/// *Before* means that the store never sees the request; *after*, that its effect is there and only
/// the answer is missing or wrong. Refusals are answered once the body was read, so that the client
/// surely reads the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// 500 `InternalError`, before.
    InternalError,
    /// 500 `InternalError`, after: the effect is there.
    InternalErrorAfter,
    /// 200 with `InternalError` in the body, before: what S3 does to a completion or a copy that
    /// fails late.
    ErrorInside200,
    /// 503 `SlowDown`, before.
    SlowDown,
    /// 403 `AccessDenied`, before.
    AccessDenied,
    /// 400 `ExpiredToken`, before.
    ExpiredToken,
    /// 403 `RequestTimeTooSkewed`, before.
    SkewedClock,
    /// Never handled and never answered. The connection is held until the client gives up or the
    /// server stops.
    HangBefore,
    /// Handled and never answered, held in the same way.
    HangAfter,
    /// The connection is reset as soon as the head of the request is read; never handled.
    ResetBefore,
    /// Handled, then the connection is reset: a lost answer.
    ResetAfter,
    /// Handled. The answer's body ends after so many bytes, though its head promised all. It fires
    /// only on answers that are longer.
    Truncated {
        /// Bytes of the body that are sent.
        bytes: u64,
    },
    /// Handled. Bodies of request and answer move at this rate at most.
    Slow {
        /// Bytes in a second, 1 at least.
        bytes_per_second: u64,
    },
}

impl Fault {
    /// The answer in place of the store's: status, code and message.
    pub(crate) fn refusal(self) -> Option<(u16, &'static str, &'static str)> {
        Some(match self {
            Self::InternalError | Self::InternalErrorAfter => (
                500,
                "InternalError",
                "We encountered an internal error. Please try again.",
            ),
            Self::ErrorInside200 => (
                200,
                "InternalError",
                "We encountered an internal error. Please try again.",
            ),
            Self::SlowDown => (503, "SlowDown", "Please reduce your request rate."),
            Self::AccessDenied => (403, "AccessDenied", "Access Denied"),
            Self::ExpiredToken => (400, "ExpiredToken", "The provided token has expired."),
            Self::SkewedClock => (
                403,
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
            ),
            _ => return None,
        })
    }
}

type Condition = Box<dyn Fn(&Request) -> bool + Send>;

struct Rule {
    condition: Condition,
    fault: Fault,
    /// Requests that met the condition so far.
    met: u64,
    first: u64,
    count: u64,
}

#[derive(Default)]
struct Plan {
    rules: Vec<Rule>,
    fired: u64,
}

/// The plan of faults of one server.
///
/// Each rule counts the requests that meet it from the moment when it is made: 1 is the next one. All
/// rules count every request; where several strike, the one that was made first does.
///
/// ```
/// use lakeseed_test_s3::{Fault, Kind, Server, Settings};
///
/// let server = Server::start(Settings::default());
/// let faults = server.faults();
/// faults.at(7, Fault::SlowDown); // the seventh request from now, whatever it is
/// faults.on(Kind::UploadPart, 2, Fault::HangAfter); // the second part
/// faults.from(3, 10, Fault::AccessDenied); // the third request and the nine after it
/// faults.every(|request| request.key().ends_with(".json"), Fault::ResetBefore); // for ever
/// faults.clear();
/// assert_eq!(faults.fired(), 0);
/// ```
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<Plan>>);

impl Faults {
    /// Strikes the nth request from now.
    pub fn at(&self, nth: u64, fault: Fault) {
        self.add(Box::new(|_| true), nth, 1, fault);
    }

    /// Strikes the nth request of a kind from now.
    pub fn on(&self, kind: Kind, nth: u64, fault: Fault) {
        self.add(Box::new(move |request| request.kind == kind), nth, 1, fault);
    }

    /// Strikes `count` requests in a row, the first of them the nth from now; `u64::MAX` is for ever.
    pub fn from(&self, nth: u64, count: u64, fault: Fault) {
        self.add(Box::new(|_| true), nth, count, fault);
    }

    /// Strikes every request of which this is true, until [`clear`](Self::clear).
    pub fn every(&self, condition: impl Fn(&Request) -> bool + Send + 'static, fault: Fault) {
        self.add(Box::new(condition), 1, u64::MAX, fault);
    }

    /// Strikes `count` requests of which this is true, the first of them the nth such from now.
    pub fn some(
        &self,
        condition: impl Fn(&Request) -> bool + Send + 'static,
        nth: u64,
        count: u64,
        fault: Fault,
    ) {
        self.add(Box::new(condition), nth, count, fault);
    }

    /// Drops all rules and sets the count of fired faults to 0.
    pub fn clear(&self) {
        *lock(&self.0) = Plan::default();
    }

    /// How many faults really struck since the last [`clear`](Self::clear).
    ///
    /// A fault counts when it takes effect: a lost answer, when the request was handled.
    pub fn fired(&self) -> u64 {
        lock(&self.0).fired
    }

    fn add(&self, condition: Condition, first: u64, count: u64, fault: Fault) {
        assert!(first > 0, "requests are counted from 1");
        assert!(
            fault
                != Fault::Slow {
                    bytes_per_second: 0
                },
            "a rate of 0 is a hang: plan HangBefore or HangAfter"
        );
        lock(&self.0).rules.push(Rule {
            condition,
            fault,
            met: 0,
            first,
            count,
        });
    }

    /// Counts a request, and says what strikes it.
    pub(crate) fn meet(&self, request: &Request) -> Option<Fault> {
        let mut strikes = None;
        for rule in &mut lock(&self.0).rules {
            if !(rule.condition)(request) {
                continue;
            }
            rule.met += 1;
            let past = rule.met.checked_sub(rule.first);
            if strikes.is_none() && past.is_some_and(|past| past < rule.count) {
                strikes = Some(rule.fault);
            }
        }
        strikes
    }

    pub(crate) fn count_fired(&self) {
        lock(&self.0).fired += 1;
    }
}
