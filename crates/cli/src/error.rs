//! What went wrong, as one line and an exit code.
//!
//! Every command returns [`anyhow::Result`]; whatever comes up ends as one [`Failure`], whose line
//! says what was expected, what came and what to do. The exit codes are a contract:
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done; also when a reader closed stdout |
//! | 1 | failed |
//! | 2 | usage: the command line asks for what there is not |
//! | 3 | refused before the start: something else is there, memory, permission |
//! | 4 | incomplete: the disk is full, access was lost |
//! | 130, 143 | stopped by SIGINT, SIGTERM |

#[cfg(feature = "load")]
mod databases;
mod libraries;
mod scrub;
#[cfg(feature = "star")]
pub(crate) mod star;
mod usage;
mod ways;

use std::fmt;

pub(crate) use self::ways::remember as remember_flags;

/// An end that is not the one hoped for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    kind: Kind,
    line: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The reader of stdout has gone: nothing to say, and no failure.
    ClosedPipe,
    Failed,
    Usage,
    Refused,
    Incomplete,
    /// By the signal of that number.
    Stopped(u8),
}

/// When writing failed: the same error is a refusal before the first row was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Moment {
    BeforeTheStart,
    OnTheWay {
        /// What is left of the output, in words.
        left: String,
    },
}

impl Failure {
    /// The command line asks for what there is not.
    pub(crate) fn usage(expected: impl fmt::Display, got: impl fmt::Display, advice: &str) -> Self {
        Self {
            kind: Kind::Usage,
            line: scrub::users(&format!("expected {expected}, got {got}; {advice}")),
        }
    }

    /// Nothing was started.
    pub(crate) fn refused(
        expected: impl fmt::Display,
        got: impl fmt::Display,
        advice: &str,
    ) -> Self {
        Self {
            kind: Kind::Refused,
            line: scrub::users(&format!("expected {expected}, got {got}; {advice}")),
        }
    }

    /// The same in other words.
    #[cfg(feature = "star")]
    fn refused_line(line: impl Into<String>) -> Self {
        Self {
            kind: Kind::Refused,
            line: scrub::users(&line.into()),
        }
    }

    /// A part of the work stands, or could, and the same command may succeed later.
    fn incomplete(line: impl Into<String>) -> Self {
        Self {
            kind: Kind::Incomplete,
            line: scrub::users(&line.into()),
        }
    }

    /// The work was done, and what it found is not what should be.
    pub(crate) fn found(expected: impl fmt::Display, got: impl fmt::Display, advice: &str) -> Self {
        Self::failed(format!("expected {expected}, got {got}; {advice}"))
    }

    fn failed(line: impl Into<String>) -> Self {
        Self {
            kind: Kind::Failed,
            line: scrub::users(&line.into()),
        }
    }

    /// A signal ended the work.
    pub(crate) fn stopped(signal: u8, line: impl Into<String>) -> Self {
        Self {
            kind: Kind::Stopped(signal),
            line: line.into(),
        }
    }

    /// The reader of stdout has gone.
    pub(crate) fn closed_pipe() -> Self {
        Self {
            kind: Kind::ClosedPipe,
            line: String::new(),
        }
    }

    /// What an error of any kind means.
    pub(crate) fn of(error: anyhow::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(failure) => failure,
            Err(error) => libraries::explain(&error),
        }
    }

    /// What a load, or the look at one, failed with; `left` is what stands of it.
    #[cfg(feature = "load")]
    pub(crate) fn of_loading(error: lakeseed_sink::Error, left: &str) -> Self {
        databases::of_loading(error, left)
    }

    /// What an error of writing means.
    pub(crate) fn of_writing(error: lakeseed_sink::Error, moment: Moment) -> Self {
        libraries::of_writing(error, moment)
    }

    /// What the error of a refused command line means; `None` where help or version was asked for.
    pub(crate) fn of_arguments(error: &clap::Error) -> Option<Self> {
        usage::explain(error)
    }

    /// The line for stderr; `None` for an end that is quiet.
    pub(crate) fn line(&self) -> Option<&str> {
        (self.kind != Kind::ClosedPipe).then_some(self.line.as_str())
    }

    /// The exit code of the process.
    pub(crate) fn code(&self) -> u8 {
        match self.kind {
            Kind::ClosedPipe => 0,
            Kind::Failed => 1,
            Kind::Usage => 2,
            Kind::Refused => 3,
            Kind::Incomplete => 4,
            Kind::Stopped(signal) => 128 + signal,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl std::error::Error for Failure {}

/// How alike two names have to be before one is proposed for the other.
const ALIKE: f64 = 0.8;

/// `did you mean 'x'?` where a known name is near, else the list of all.
pub(crate) fn advice<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match near(found, &known).as_slice() {
        [] if known.is_empty() => "leave it out".to_owned(),
        [] => format!("choose {}", list(&known)),
        names => format!("did you mean {}?", list(names)),
    }
}

/// How much less alike than the best a name may be to be proposed beside it.
const CLOSE: f64 = 0.015;

/// The known names that are most like the one that came, best first.
fn near<'a>(found: &str, known: &[&'a str]) -> Vec<&'a str> {
    let found = found.to_ascii_lowercase();
    let likeness = |name: &str| {
        let name = name.to_ascii_lowercase();
        // `invoice` for `invoice_items`, `items` for it too: a whole word of the name.
        let is_part = found.len() >= 3 && (name.contains(&found) || found.contains(&name));
        let distance = strsim::jaro_winkler(&found, &name);
        if is_part {
            distance.max(ALIKE)
        } else {
            distance
        }
    };
    let mut scored: Vec<(f64, &str)> = known.iter().map(|name| (likeness(name), *name)).collect();
    scored.retain(|(score, _)| *score >= ALIKE);
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let best = scored.first().map_or(0.0, |(score, _)| *score);
    let close = scored
        .into_iter()
        .take_while(|(score, _)| best - score < CLOSE);
    close.map(|(_, name)| name).take(3).collect()
}

/// How many names a line shows before it is cut.
const NAMES_SHOWN: usize = 12;

/// `a, b or c`, cut after a dozen.
pub(crate) fn list(names: &[&str]) -> String {
    match names {
        [] => "nothing".to_owned(),
        [one] => format!("'{one}'"),
        _ if names.len() > NAMES_SHOWN => {
            let shown = names[..NAMES_SHOWN].join("', '");
            format!("'{shown}' or {} more", names.len() - NAMES_SHOWN)
        }
        [first @ .., last] => format!("'{}' or '{last}'", first.join("', '")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLES: [&str; 6] = [
        "customers",
        "sellers",
        "products",
        "stock",
        "invoices",
        "invoice_items",
    ];

    #[test]
    fn near_names_come_first() {
        assert_eq!(advice("invoces", TABLES), "did you mean 'invoices'?");
        assert_eq!(advice("Custmers", TABLES), "did you mean 'customers'?");
        assert_eq!(advice("items", TABLES), "did you mean 'invoice_items'?");
    }

    #[test]
    fn without_a_near_name_all_are_shown() {
        assert_eq!(advice("xyz", ["a", "b"]), "choose 'a' or 'b'");
        assert_eq!(advice("xyz", []), "leave it out");
    }
}
