//! What a message is called: its place and its content.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// The name of a message: plan, part, number within the part, digest of the body.
///
/// ```text
/// 3f2a90c1d4e5b687-17-4093-9c0ffee4a1b2c3d4e5f60718293a4b5c
/// plan             part    digest of the body
///                     number within the part
/// ```
/// Two messages of a plan never share one, and the same message, made again, has the same one: a
/// queue that remembers names can tell a message that came twice. Part and number count from 0. The
/// digest (XXH3, 128 bits) tells altered bodies from whole ones; it is no defence against an enemy.
///
/// ```
/// use lakeseed_sink::messages::MessageId;
/// let id = MessageId::new("3f2a90c1d4e5b687", 17, 4093, b"[{\"id\":1}]");
/// let parsed: MessageId = id.to_string().parse()?;
/// assert_eq!(parsed, id);
/// assert!(parsed.is_of(b"[{\"id\":1}]"));
/// assert!(!parsed.is_of(b"[{\"id\":2}]"));
/// # Ok::<(), lakeseed_sink::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MessageId {
    plan: String,
    part: u64,
    number: u64,
    digest: u128,
}

impl MessageId {
    /// The name of the message `number` of the part `part` of a plan.
    pub fn new(plan: &str, part: usize, number: u64, body: &[u8]) -> Self {
        Self {
            plan: plan.to_owned(),
            part: part as u64,
            number,
            digest: twox_hash::XxHash3_128::oneshot(body),
        }
    }

    /// The plan's id.
    pub fn plan(&self) -> &str {
        &self.plan
    }

    /// The part, by its position in the plan.
    pub fn part(&self) -> u64 {
        self.part
    }

    /// Its number within the part.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether a body is the one that was named.
    pub fn is_of(&self, body: &[u8]) -> bool {
        self.digest == twox_hash::XxHash3_128::oneshot(body)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            plan,
            part,
            number,
            digest,
        } = self;
        write!(f, "{plan}-{part}-{number}-{digest:032x}")
    }
}

impl FromStr for MessageId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parsed = || {
            let mut fields = text.split('-');
            let plan = fields.next().filter(|plan| !plan.is_empty())?;
            let (part, number) = (fields.next()?, fields.next()?);
            let digest = fields.next().filter(|digest| digest.len() == 32)?;
            let id = Self {
                plan: plan.to_owned(),
                part: part.parse().ok()?,
                number: number.parse().ok()?,
                digest: u128::from_str_radix(digest, 16).ok()?,
            };
            // One form only: no signs, no leading zeros, nothing behind it.
            (id.to_string() == text).then_some(id)
        };
        parsed().ok_or_else(|| Error::Invalid {
            what: "message id",
            expected: "PLAN-PART-NUMBER-DIGEST".to_owned(),
            found: text.chars().take(120).collect(),
        })
    }
}
