//! What the errors of the libraries mean to somebody at a command line.

use std::io;

use lakeseed_budget::Bytes;
use lakeseed_gen_core as gen_core;
use lakeseed_sink as sink;

use super::{Failure, Moment, advice};

pub(super) fn explain(error: &anyhow::Error) -> Failure {
    if let Some(found) = error.downcast_ref::<gen_core::Error>() {
        return of_request(found);
    }
    if let Some(found) = error.downcast_ref::<sink::Error>() {
        return of_output(found, error);
    }
    if let Some(found) = error.downcast_ref::<lakeseed_budget::Error>() {
        return Failure::refused("memory for at least one worker", found, MORE_MEMORY);
    }
    if let Some(found) = error.downcast_ref::<io::Error>()
        && found.kind() == io::ErrorKind::BrokenPipe
    {
        return Failure::closed_pipe();
    }
    Failure::failed(format!("{error:#}"))
}

const MORE_MEMORY: &str = "give more --memory, or smaller row groups with --row-group-size";

/// A dataset was asked for what it has not.
fn of_request(error: &gen_core::Error) -> Failure {
    use gen_core::Error as E;
    match error {
        E::Unknown {
            kind,
            within,
            found,
            known,
        } => {
            let expected = match within {
                Some(within) => format!("a {kind} of {within}"),
                None => format!("a {kind}"),
            };
            let known = known.iter().map(String::as_str);
            Failure::usage(expected, format!("'{found}'"), &advice(found, known))
        }
        E::BadValue {
            setting,
            expected,
            found,
        } => {
            let advice = format!("change {setting}");
            Failure::usage(
                format!("{expected} for {setting}"),
                format!("'{found}'"),
                &advice,
            )
        }
        E::NoWindow {
            dataset,
            setting,
            found,
        } => {
            let expected = format!("no {setting} for {dataset}, which has no event tables");
            Failure::usage(expected, format!("'{found}'"), "leave it out")
        }
        E::RowsOutOfRange {
            table,
            first,
            end,
            found_first,
            ..
        } => {
            let expected = format!("a row of {table} from {first} to {}", end.saturating_sub(1));
            Failure::usage(
                expected,
                found_first,
                "choose one of these, or ask for more rows",
            )
        }
        E::BadPartition {
            table,
            found,
            reason,
        } => {
            let expected = format!("columns that {table} is in the order of");
            Failure::usage(expected, format!("--partition-by {found}"), reason)
        }
        other => Failure::usage("settings that agree", other, "change them"),
    }
}

/// Writing failed, or was refused.
fn of_output(error: &sink::Error, chain: &anyhow::Error) -> Failure {
    use sink::Error as E;
    match error {
        _ if error.is_broken_pipe() => Failure::closed_pipe(),
        E::Exists { path, found } => {
            let expected = format!("a new or empty folder at {}", path.display());
            Failure::refused(
                expected,
                found,
                "choose another --out, or empty it yourself",
            )
        }
        E::Invalid {
            what: what @ "number of files",
            expected,
            found,
        } => {
            let expected = format!("{expected} for the {what} of a table");
            Failure::usage(expected, found, "raise --file-size, or set --files")
        }
        E::Invalid {
            what,
            expected,
            found,
        } => Failure::usage(format!("{expected} for the {what}"), found, "change it"),
        E::Memory { needed, granted } => {
            let (needed, granted) = (Bytes::new(*needed), Bytes::new(*granted));
            Failure::refused(format!("{needed} for one worker"), granted, MORE_MEMORY)
        }
        E::Unsupported { .. } | E::Name { .. } => {
            Failure::usage("what the format can hold", error, "choose another --format")
        }
        _ => Failure::failed(format!("{chain:#}")),
    }
}

pub(super) fn of_writing(error: sink::Error, moment: Moment) -> Failure {
    let is_full = error.is_disk_full();
    let (place, kind) = match &error {
        sink::Error::Io { path, source, .. } => (path.display().to_string(), source.kind()),
        _ => return explain(&error.into()),
    };
    let chain = anyhow::Error::new(error);
    let reason = chain.root_cause().to_string().to_lowercase();
    let lost = matches!(
        kind,
        io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::NotFound
    );
    match (is_full, lost, moment) {
        (true, _, Moment::BeforeTheStart) => Failure::refused(
            format!("room at {place}"),
            reason,
            "make room, or choose another --out",
        ),
        (true, _, Moment::OnTheWay { left }) => Failure::incomplete(format!(
            "expected room at {place}, got {reason}; {left}: make room and repeat the command"
        )),
        (false, true, Moment::BeforeTheStart) => Failure::refused(
            format!("a folder that can be written at {place}"),
            reason,
            "choose another --out",
        ),
        (false, true, Moment::OnTheWay { left }) => Failure::incomplete(format!(
            "expected {place} to stay writable, got {reason}; {left}: restore it and repeat the \
             command"
        )),
        (false, false, _) => explain(&chain),
    }
}
