//! Places of a run of messages that must not lie within one another: what is written to one would be
//! read again as rows of the other.

use std::path::{Component, Path, PathBuf};

use anyhow::Result;

use crate::error::Failure;

/// Refuses messages within their source and a source within its messages.
pub(super) fn messages_and_source(to: &str, from: &Path) -> Result<()> {
    let (inner, outer) = (resolved(Path::new(to)), resolved(from));
    if !inner.starts_with(&outer) && !outer.starts_with(&inner) {
        return Ok(());
    }
    let got = format!("--to '{to}' and --from '{}'", from.display());
    let expected = "messages and their source apart from each other";
    Err(Failure::usage(expected, got, "name another place with --to").into())
}

/// Refuses a ledger within the source, where it would be read as rows: under a hidden name it is not.
pub(super) fn ledger_and_source(ledger: &Path, from: &Path) -> Result<()> {
    let (inner, outer) = (resolved(ledger), resolved(from));
    let is_hidden = |part: Component<'_>| {
        let name = part.as_os_str().to_string_lossy();
        name.starts_with(['.', '_'])
    };
    match inner.strip_prefix(&outer) {
        Ok(below) if !below.components().any(is_hidden) => {
            let got = format!("'{}' within '{}'", ledger.display(), from.display());
            let advice = "name another folder with --ledger";
            Err(Failure::usage("a ledger apart from the source", got, advice).into())
        }
        _ => Ok(()),
    }
}

/// A path without links and steps up, as far as it stands; an address as it is.
fn resolved(path: &Path) -> PathBuf {
    if path.to_string_lossy().contains("://") {
        return path.to_owned();
    }
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut resolved = PathBuf::new();
    for part in absolute.components() {
        match part {
            Component::ParentDir => {
                resolved.pop();
            }
            part => resolved.push(part),
        }
        if let Ok(real) = resolved.canonicalize() {
            resolved = real;
        }
    }
    resolved
}
