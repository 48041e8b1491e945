//! Proves before any work that everything a run will do is allowed and works.

use bytes::Bytes;
use futures_util::future::{join, join_all};

use super::core::{Core, random};
use super::failure::Failure;
use super::options::ConditionalPut;
use super::part::{begin, put_piece};
use crate::commit::CHECKS;
use crate::error::{Error, Result, Trouble};
use crate::store::Found;

/// The key of the check's upload: always the same, so that the next check finds what a killed one
/// has left.
const UPLOAD: &str = "_lakeseed/check.upload";
const FIRST: &[u8] = b"first";
const SECOND: &[u8] = b"second";
/// Others that check at the same moment sweep it, each of them once.
const UPLOAD_TRIES: u32 = 100;
/// The same with the check's file: another process that has just finished an output sweeps what dead
/// ones may have left.
const FILE_TRIES: u32 = 5;
/// S3 refuses requests whose date is further away than this.
const MOST_SKEW_S: i64 = 15 * 60;
/// From here on a clock is worth a word.
const WARN_SKEW_S: i64 = 60;

/// Tries every kind of request under the real prefix, and leaves nothing behind.
pub(super) async fn check(core: &Core, how: ConditionalPut) -> Result<()> {
    let core = &core.starting();
    let name = begin_file(core, how).await?;
    let outcome = match clocks(core) {
        // Side by side: a run waits for the longer of the two.
        Ok(()) => {
            let upload = core.key(UPLOAD);
            let (files, uploads) = join(files(core, name, how), uploads(core, &upload)).await;
            files.and(uploads)
        }
        Err(error) => {
            let skewed: Result<()> = Err(error);
            skewed.and(core.delete(&core.key(&name)).await)
        }
    };
    if how == ConditionalPut::LookFirst && outcome.is_ok() {
        core.warn("files are written by looking first: only one run may write here at a time");
    }
    if outcome.is_ok() {
        core.info(&format!(
            "{} takes files; credentials from {}",
            core.address(&core.root),
            core.keyring.found()
        ));
    }
    outcome
}

/// Writes the check's file, and returns its name.
async fn begin_file(core: &Core, how: ConditionalPut) -> Result<String> {
    // Other shards may check the same prefix at the same time.
    let name = format!("{CHECKS}{:016x}{:016x}", random(), random());
    let file = core.key(&name);
    let Err(error) = core.put_new(&file, Bytes::from_static(FIRST), how).await else {
        return Ok(name);
    };
    // Wrong keys are told at once, not after a useless clearing up.
    let unknown = matches!(
        &error,
        Error::Remote {
            trouble: Trouble::Unknown,
            ..
        }
    );
    if unknown && let Err(error) = core.delete(&file).await {
        core.warn(&format!("a file of the check may be left: {error}"));
    }
    Err(error)
}

/// Begun with the file `name`. What the server seems not to do, it is asked again with another file:
/// this one may have been swept in between.
async fn files(core: &Core, mut name: String, how: ConditionalPut) -> Result<()> {
    let mut tries = 0;
    loop {
        tries += 1;
        let file = core.key(&name);
        let outcome = kept(core, &name, &file, how).await;
        // What was made goes in any case. Its error only counts when nothing worse happened.
        let removed = core.delete(&file).await;
        let missing = outcome?;
        removed?;
        let Some(text) = missing else {
            return Ok(());
        };
        if tries == FILE_TRIES {
            let failure = Failure::plain(Trouble::Unsupported, text);
            return Err(core.unread("check", &file, failure));
        }
        name = begin_file(core, how).await?;
    }
}

/// The first bytes stand there already; the second must not take their place, and a listing has to
/// show the file. What of this did not hold, where something did not.
async fn kept(
    core: &Core,
    name: &str,
    file: &str,
    how: ConditionalPut,
) -> Result<Option<&'static str>> {
    let (found, listed) = join(
        core.put_or_find(file, Bytes::from_static(SECOND), how),
        core.list_names(name, 2),
    )
    .await;
    // This is what keeps two runs from writing one manifest.
    if found?.as_deref() != Some(FIRST) {
        return Ok(Some(
            "the server overwrites a file in spite of `If-None-Match: *`, so that two runs could \
             undo each other; for a server without it there is the setting to look first",
        ));
    }
    let is_it = |found: &Found| found.name == name && found.bytes == FIRST.len() as u64;
    if !listed?.iter().any(is_it) {
        return Ok(Some("a listing does not show a file that was just written"));
    }
    Ok(None)
}

async fn uploads(core: &Core, key: &str) -> Result<()> {
    let path = core.path(key)?;
    let mut tries = 0;
    let mut is_doubtful = false;
    let outcome: Result<()> = loop {
        tries += 1;
        let (id, doubtful) = begin(core, &path).await;
        is_doubtful |= doubtful;
        let id = match id {
            Ok(id) => id,
            Err(failure) => break Err(core.failed("begin to upload", key, failure)),
        };
        let piece = Bytes::from_static(b"piece");
        // A run sweeps what it left, for which it has to find it.
        let (sent, found) = join(put_piece(core, &path, &id, 0, &piece), core.uploads(key)).await;
        // Another process that checks has swept it with what a dead one left.
        let is_swept = |failure: &Failure| failure.is_code("NoSuchUpload");
        if tries < UPLOAD_TRIES && sent.as_ref().is_err_and(is_swept) {
            continue;
        }
        let sent = sent.map_err(|failure| core.failed("upload to", key, failure));
        let (mut left, found) = match found {
            Ok(found) => (found, Ok(())),
            Err(failure) if failure.trouble == Trouble::Unsupported => (Vec::new(), Ok(())),
            Err(failure) => {
                let error = core.unread("list the uploads of", key, failure);
                (Vec::new(), Err(error))
            }
        };
        // What a process left that was killed just here has the same key, and goes too.
        if !left.contains(&id) {
            left.push(id);
        }
        let aborted = join_all(left.iter().map(|id| core.abort(key, id))).await;
        break sent.and(found).and(aborted.into_iter().collect());
    };
    let swept = if is_doubtful {
        core.abort_uploads(key).await
    } else {
        Ok(())
    };
    outcome.and(swept)
}

fn clocks(core: &Core) -> Result<()> {
    let Some(skew) = core.watch.skew.seconds() else {
        return Ok(());
    };
    let text = format!(
        "the server's clock is {} s {} this machine's",
        skew.abs(),
        if skew > 0 { "ahead of" } else { "behind" }
    );
    if skew.abs() > MOST_SKEW_S {
        return Err(too_far(core, &text));
    }
    if skew.abs() > WARN_SKEW_S {
        core.warn(&text);
    }
    Ok(())
}

fn too_far(core: &Core, text: &str) -> Error {
    let failure = Failure::plain(Trouble::ClockSkew, format!("{text}: set it"));
    core.unread("check", &core.root, failure)
}
