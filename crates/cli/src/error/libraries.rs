//! What the errors of the libraries mean to somebody at a command line.

use std::io;

use lakeseed_budget::Bytes;
use lakeseed_gen_core as gen_core;
use lakeseed_sink as sink;

use super::ways::ways;
use super::{Failure, Moment, advice};

pub(super) fn explain(error: &anyhow::Error) -> Failure {
    if let Some(found) = error.downcast_ref::<gen_core::Error>() {
        return of_request(found);
    }
    #[cfg(feature = "star")]
    if let Some(found) = super::star::find(error.as_ref()) {
        return super::star::explain(found, None);
    }
    if let Some(found) = error.downcast_ref::<sink::Error>() {
        return of_output(found, error);
    }
    if let Some(found) = error.downcast_ref::<lakeseed_budget::Error>() {
        return Failure::refused("memory for at least one worker", found, &more_memory());
    }
    if let Some(found) = error.downcast_ref::<io::Error>()
        && found.kind() == io::ErrorKind::BrokenPipe
    {
        return Failure::closed_pipe();
    }
    Failure::failed(format!("{error:#}"))
}

fn more_memory() -> String {
    ways(&[
        "give more --memory",
        "smaller row groups with --row-group-size",
    ])
}

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
        E::OwnRows {
            table,
            column,
            row,
            expected,
            found,
            advice,
        } => {
            let column = column.as_ref().map(|name| format!(", column {name}"));
            let row = row.map(|row| format!(", row {row}"));
            let (column, row) = (column.unwrap_or_default(), row.unwrap_or_default());
            Failure::refused(format!("{expected} in {table}{column}{row}"), found, advice)
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
            let advice = ways(&[
                "choose another --out",
                "choose another --to",
                "empty it yourself",
            ]);
            Failure::refused(expected, found, &advice)
        }
        E::OtherPlan {
            address,
            expected,
            found,
        } => {
            let is_finished = found.starts_with("the finished plan");
            let mut all = vec![
                if is_finished {
                    "repeat the command that wrote it"
                } else {
                    "repeat the command that began it"
                },
                "choose another --out",
                "choose another --to",
            ];
            all.extend(is_finished.then_some("add rows with --append"));
            all.push("start over with --overwrite");
            Failure::refused(format!("{expected} at {address}"), found, &ways(&all))
        }
        E::InUse { address, by } => {
            let advice = ways(&["wait for it", "choose another --out", "choose another --to"]);
            Failure::refused(format!("nobody else at {address}"), by, &advice)
        }
        E::Unfinished { address } => {
            let expected = format!("a finished output at {address}");
            let advice = "repeat the command that began it";
            Failure::refused(expected, "one without a manifest", advice)
        }
        E::NoOutput { address } => {
            let expected = format!("an output of lakeseed at {address}");
            Failure::refused(expected, "nothing of ours", "check the place")
        }
        E::ShardsMissing {
            address,
            missing,
            of,
        } => {
            let names: Vec<String> = missing
                .iter()
                .take(SHARDS_NAMED)
                .map(|index| format!("{index}/{of}"))
                .collect();
            let more = match missing.len().saturating_sub(SHARDS_NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let got = format!("none of {}{more}", names.join(", "));
            let advice = "run these shards again";
            Failure::refused(format!("all {of} shards at {address}"), got, advice)
        }
        E::Remote {
            action,
            address,
            trouble,
            ..
        } => of_remote(action, address, *trouble, chain),
        E::Invalid {
            what,
            expected,
            found,
        } => of_setting(what, expected, found),
        E::MessageTooLarge { .. } | E::Input { .. } => of_rows(error),
        E::Memory { needed, granted } => {
            let (needed, granted) = (Bytes::new(*needed), Bytes::new(*granted));
            Failure::refused(format!("{needed} for one worker"), granted, &more_memory())
        }
        E::Unsupported { .. } | E::Name { .. } => {
            let advice = ways(&["choose another --format", "convert such columns before"]);
            Failure::usage("what the format can hold", error, &advice)
        }
        _ => Failure::failed(format!("{chain:#}")),
    }
}

/// A value that cannot be.
fn of_setting(what: &str, expected: &str, found: &str) -> Failure {
    match what {
        "number of files" => {
            let expected = format!("{expected} for the {what} of a table");
            Failure::usage(expected, found, "raise --file-size, or set --files")
        }
        "row group size" => {
            let all = [
                "larger row groups with --row-group-rows and --row-group-size",
                "more --files",
                "smaller ones with --file-size",
            ];
            Failure::usage(expected, found, &ways(&all))
        }
        _ => {
            let advice = match what {
                "credentials" => "set them",
                "number of files to read" => "choose a folder with fewer",
                _ => "change it",
            };
            Failure::usage(format!("{expected} for the {what}"), found, advice)
        }
    }
}

/// Rows that are to become messages do not fit, or cannot be read.
fn of_rows(error: &sink::Error) -> Failure {
    match error {
        sink::Error::MessageTooLarge {
            table,
            part,
            what,
            bytes,
            most,
        } => {
            let expected = format!("messages of at most {most} bytes");
            let got = format!("{bytes} bytes for {what} of {table} ({part})");
            Failure::usage(expected, got, "raise --max-bytes")
        }
        sink::Error::Input { path, reason } => {
            let expected = format!("rows that can be read at {path}");
            Failure::refused(expected, reason, "check the file")
        }
        other => Failure::failed(other.to_string()),
    }
}

/// How many missing shards a line names.
const SHARDS_NAMED: usize = 16;

/// An object store did not do what it was asked.
fn of_remote(
    action: &str,
    address: &str,
    trouble: sink::Trouble,
    chain: &anyhow::Error,
) -> Failure {
    use sink::Trouble as T;
    let cause = chain.root_cause().to_string();
    let is_queue = crate::lower::is_queue(address);
    // Reached as buckets are.
    let is_of_aws = crate::lower::is_of_aws(address);
    let advice = match trouble {
        T::OutOfHandles => MORE_FILES,
        T::Denied => "check the credentials, and what they are allowed to do there",
        T::Expired => "renew the credentials and repeat the command",
        T::ClockSkew => "set the clock of this machine",
        T::Missing if is_queue => &ways(&["check the name", "give --create"]),
        T::Unreachable if is_queue && !is_of_aws => "check the address and the network",
        T::Untrusted if is_queue && !is_of_aws => {
            "check the address, or trust its authority with NATS_CA, KAFKA_CA or RABBITMQ_CA"
        }
        T::Missing => "check the bucket's name and the --region",
        T::Unreachable => "check --endpoint-url and the network",
        T::Untrusted => "check --endpoint-url, or trust its authority with --ca-bundle",
        T::Full => "make room there, or raise its limit",
        T::Unsupported if is_of_aws => "read it as its consumers do",
        T::Unsupported => "choose another place",
        _ => "repeat the command",
    };
    let expected = format!("to {action} {address}");
    Failure::refused(expected, cause, advice)
}

pub(super) fn of_writing(error: sink::Error, moment: Moment) -> Failure {
    if error.is_broken_pipe() {
        return Failure::closed_pipe();
    }
    let is_full = error.is_disk_full();
    let left = match moment {
        Moment::BeforeTheStart => None,
        Moment::OnTheWay { left } => Some(left),
    };
    let (place, kind) = match error.cause() {
        sink::Error::Io { path, source, .. } => (path.display().to_string(), Some(source.kind())),
        sink::Error::Remote { address, .. } => (address.clone(), None),
        cause => {
            return match left {
                Some(left) if matches!(error, sink::Error::Incomplete { .. }) => {
                    let cause = cause.to_string();
                    let chain = anyhow::Error::new(error);
                    let cause = with_root(&cause, &chain);
                    Failure::failed(format!("{cause}; {left}: repeat the command to go on"))
                }
                _ => explain(&error.into()),
            };
        }
    };
    let Some(kind) = kind else {
        return of_lost_store(error, &place, left);
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
    match (is_full, lost, left) {
        (true, _, None) => Failure::refused(
            format!("room at {place}"),
            reason,
            &ways(&["make room", "choose another --out", "choose another --to"]),
        ),
        (true, _, Some(left)) => Failure::incomplete(format!(
            "expected room at {place}, got {reason}; {left}: make room and repeat the command"
        )),
        (false, true, None) => Failure::refused(
            format!("a folder that can be written at {place}"),
            reason,
            &ways(&["choose another --out", "choose another --to"]),
        ),
        (false, true, Some(left)) => Failure::incomplete(format!(
            "expected {place} to stay writable, got {reason}; {left}: restore it and repeat the \
             command"
        )),
        (false, false, Some(left)) => {
            let advice = match io_number(&chain) {
                Some(TOO_MANY_FILES) => "raise `ulimit -n`, and repeat the command to go on",
                _ => "repeat the command to go on",
            };
            Failure::incomplete(format!(
                "expected to write {place}, got {reason}; {left}: {advice}"
            ))
        }
        (false, false, None) => explain(&chain),
    }
}

/// The number that Linux, the BSDs and macOS have for it.
const TOO_MANY_FILES: i32 = 24;
const MORE_FILES: &str = "raise `ulimit -n`";

fn io_number(chain: &anyhow::Error) -> Option<i32> {
    let root = chain.root_cause().downcast_ref::<io::Error>();
    root.and_then(io::Error::raw_os_error)
}

/// Access to an object store was lost, or never there.
fn of_lost_store(error: sink::Error, place: &str, left: Option<String>) -> Failure {
    use sink::Trouble as T;
    let trouble = match error.cause() {
        sink::Error::Remote { trouble, .. } => *trouble,
        _ => T::Other,
    };
    let chain = anyhow::Error::new(error);
    let Some(left) = left else {
        return explain(&chain);
    };
    let advice = match trouble {
        T::OutOfHandles => format!("{MORE_FILES}, and repeat the command to go on"),
        T::Expired => "renew the credentials and repeat the command to go on".to_owned(),
        _ => "repeat the command to go on".to_owned(),
    };
    let cause = chain.root_cause();
    Failure::incomplete(format!(
        "expected {place} to stay reachable, got {cause}; {left}: {advice}"
    ))
}

/// An error with the last of its causes.
fn with_root(error: &str, chain: &anyhow::Error) -> String {
    let root = chain.root_cause().to_string();
    if root == error {
        root
    } else {
        format!("{error}: {root}")
    }
}
