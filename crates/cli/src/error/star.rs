//! What the errors of the star's engine mean to somebody at a command line.

use std::error::Error as _;
use std::io;

use lakeseed_star_schema::Error;

use super::Failure;

/// The engine's error, wherever it is in a chain of causes.
pub(crate) fn find<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<Error>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// What ends a query: nothing is kept, and nothing can be gone on with.
pub(crate) fn of_query(error: &Error) -> Failure {
    match error {
        Error::Engine { cause, .. } => {
            let expected = "a query whose values can be computed";
            Failure::found(expected, cause.find_root().message(), "change the query")
        }
        Error::Source {
            place,
            problem,
            cause,
        } => {
            let cause = cause
                .as_ref()
                .map_or_else(String::new, |cause| format!(": {cause}"));
            Failure::refused_line(format!(
                "{place}: {problem}{cause}; mend it, or read another --from"
            ))
        }
        Error::SourceChanged {
            place,
            before,
            after,
        } => {
            let expected = format!("{place} as it was when the query began ({before})");
            Failure::refused(expected, after, "ask again")
        }
        other => explain(other, None),
    }
}

/// `left` says what an interrupted run keeps; without it nothing was started.
pub(crate) fn explain(error: &Error, left: Option<&str>) -> Failure {
    let keeps = left.map_or_else(String::new, |left| format!("; {left}"));
    match error {
        Error::Model {
            place,
            expected,
            found,
        } => {
            let expected = format!("{expected} in {place}");
            Failure::usage(expected, found, "change the model")
        }
        Error::Source {
            place,
            problem,
            cause,
        } => {
            let cause = cause
                .as_ref()
                .map_or_else(String::new, |cause| format!(": {cause}"));
            // The problem says what was expected, and what came.
            Failure::refused_line(format!(
                "{place}: {problem}{cause}{keeps}; mend it and repeat the command, or keep rows of \
                 text that cannot be read with --reject-to FILE"
            ))
        }
        Error::SourceChanged {
            place,
            before,
            after,
        } => {
            let expected = format!("{place} as it was when the run began ({before})");
            let advice = "start over with --overwrite";
            Failure::refused(expected, format!("{after}{keeps}"), advice)
        }
        Error::Memory(cause) => {
            let got = format!("{cause}{keeps}");
            Failure::refused("memory for one worker", got, "give more --memory")
        }
        Error::Temp {
            folder,
            problem,
            cause,
        } => {
            if let Some(cause) = cause.as_ref().filter(|cause| is_full(cause)) {
                let reason = cause.to_string().to_lowercase();
                let left = left.unwrap_or("nothing was finished");
                return Failure::incomplete(format!(
                    "expected room at {folder}, got {reason}; {left}: make room and repeat the command"
                ));
            }
            let cause = cause
                .as_ref()
                .map_or_else(String::new, |cause| format!(": {cause}"));
            let expected = format!("a temporary folder that can be used at {folder}");
            let advice = "choose another --temp-dir, or take one in memory with --temp-in-memory";
            Failure::refused(expected, format!("{problem}{cause}{keeps}"), advice)
        }
        Error::Room {
            folder,
            needed,
            free,
        } => {
            let expected = format!("room for about {needed} at {folder}");
            let advice = "make room, or choose another --temp-dir";
            Failure::refused(expected, format!("{free} free{keeps}"), advice)
        }
        Error::Query {
            expected,
            found,
            advice,
        } => Failure::usage(expected, found, advice),
        Error::Exhausted {
            memory,
            spills,
            cause,
        } => {
            let expected =
                format!("a query that fits {memory} for its groups, joins and sorted rows");
            let advice = if *spills {
                "give more --memory, or a --temp-dir with more room; groups of many keys and joins of \
                 large tables are for lakeseed star"
            } else {
                "give more --memory, or a --temp-dir on a disk"
            };
            Failure::refused(expected, cause.find_root().message(), advice)
        }
        Error::Key {
            table,
            problem,
            advice,
        } => Failure::failed(format!("{table}: {problem}{keeps}; {advice}")),
        other => {
            let root = other
                .source()
                .map_or_else(String::new, |cause| format!(": {cause}"));
            Failure::failed(format!("{other}{root}{keeps}: repeat the command to go on"))
        }
    }
}

/// Whether more room would do.
fn is_full(cause: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        cause.kind(),
        Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge
    )
}
