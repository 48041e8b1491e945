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
