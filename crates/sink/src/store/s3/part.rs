//! A part on its way: bytes go into a buffer, full buffers are sent while the next one fills.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use object_store::PutPayload;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;

use super::core::Core;
use super::engine::{Engine, Pending, broken};
use super::failure::{Again, Failure};
use super::spares::Spares;
use crate::error::{Error, Result, Trouble};
use crate::store::PartWriter;

const MIB: u64 = 1 << 20;
/// The smallest buffer. S3 takes pieces from 5 MiB on; larger ones cost memory in every worker.
const LEAST_PIECE: u64 = 8 * MIB;
/// S3 takes 10,000 pieces. An estimate that is a tenth too small still fits.
const PLANNED_PIECES: u64 = 9_000;
const MOST_PIECES: usize = 10_000;
/// Buffers of one part that are sent at a time: with one, each waits for the answer to the other.
const UNDER_WAY: usize = 2;
/// Buffers of one part that exist at a time: one more, which fills.
const BUFFERS: u64 = UNDER_WAY as u64 + 1;
/// What encryption and HTTP keep beside them for one connection.
const CONNECTION: u64 = MIB / 2;
/// How long a dropped part waits for its upload to be aborted.
const GOODBYE: Duration = Duration::from_secs(10);

/// The size of a buffer for a part of about so many bytes.
pub(super) fn piece_bytes(expected_bytes: u64) -> u64 {
    let with_room = expected_bytes.saturating_add(expected_bytes.saturating_mul(3) / 10);
    let pieces = with_room.div_ceil(PLANNED_PIECES).max(LEAST_PIECE);
    pieces.div_ceil(MIB).saturating_mul(MIB)
}

/// The most memory that an open part of about so many bytes holds.
pub(super) fn part_bytes(expected_bytes: u64) -> u64 {
    piece_bytes(expected_bytes) * BUFFERS + CONNECTION
}

/// What came of sending one buffer: the piece's name, and the buffer where nothing else holds it.
type Sent = Result<(PartId, Option<BytesMut>)>;

pub(super) struct S3Part {
    core: Core,
    engine: Arc<Engine>,
    spares: Arc<Spares>,
    key: String,
    path: Path,
    buffer: BytesMut,
    piece_bytes: usize,
    sent: u64,
    upload: Option<String>,
    /// Beginning the upload went through a lost answer: there may be another one of this key.
    doubtful: bool,
    pieces: Vec<PartId>,
    /// In the order of their pieces.
    under_way: VecDeque<Pending<Sent>>,
    lost: bool,
    done: bool,
}

impl S3Part {
    pub(super) fn create(
        core: Core,
        engine: Arc<Engine>,
        spares: Arc<Spares>,
        key: String,
        expected_bytes: u64,
    ) -> Result<Self> {
        let path = core.path(&key)?;
        let piece_bytes = usize::try_from(piece_bytes(expected_bytes)).unwrap_or(usize::MAX);
        Ok(Self {
            core,
            engine,
            spares,
            key,
            path,
            buffer: BytesMut::new(),
            piece_bytes,
            sent: 0,
            upload: None,
            doubtful: false,
            pieces: Vec::new(),
            under_way: VecDeque::with_capacity(UNDER_WAY),
            lost: false,
            done: false,
        })
    }

    /// Waits for the buffer that is longest under way and takes it back.
    fn settle(&mut self) -> Result<Option<BytesMut>> {
        let Some(pending) = self.under_way.pop_front() else {
            return Ok(None);
        };
        let (piece, buffer) = pending.wait().unwrap_or_else(|| Err(broken()))?;
        self.pieces.push(piece);
        Ok(buffer)
    }

    /// Sends the buffer beside the caller, and takes one that has arrived back to be filled.
    fn send(&mut self) -> Result<()> {
        let upload = self.upload()?;
        let spare = if self.under_way.len() < UNDER_WAY {
            None
        } else {
            self.settle()?
        };
        let number = self.pieces.len() + self.under_way.len();
        if number >= MOST_PIECES {
            let text = format!(
                "more than {MOST_PIECES} pieces of {} bytes, which a larger expected size avoids",
                self.piece_bytes
            );
            let failure = Failure::plain(Trouble::Other, text);
            return Err(self.core.failed("write", &self.key, failure));
        }
        let empty = match spare {
            Some(mut buffer) if buffer.capacity() >= self.piece_bytes => {
                buffer.clear();
                buffer
            }
            _ => BytesMut::new(),
        };
        let full = std::mem::replace(&mut self.buffer, empty).freeze();
        self.sent += full.len() as u64;
        let (core, path) = (self.core.clone(), self.path.clone());
        let sending = self
            .engine
            .spawn(async move { send(&core, &path, &upload, number, full).await });
        self.under_way.push_back(sending.ok_or_else(broken)?);
        Ok(())
    }

    /// The upload's id; the first call begins it.
    fn upload(&mut self) -> Result<String> {
        if let Some(id) = &self.upload {
            return Ok(id.clone());
        }
        let (core, path) = (self.core.clone(), self.path.clone());
        let (id, doubtful) = self
            .engine
            .run(async move { Ok(begin(&core, &path).await) })?;
        self.doubtful = doubtful;
        let id = id.map_err(|failure| self.core.failed("begin to upload", &self.key, failure))?;
        self.upload = Some(id.clone());
        Ok(id)
    }

    fn append(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            if self.buffer.capacity() < self.piece_bytes {
                self.buffer = self.spares.take(self.piece_bytes);
            }
            let room = (self.piece_bytes - self.buffer.len()).min(bytes.len());
            let (now, later) = bytes.split_at(room);
            self.buffer.extend_from_slice(now);
            bytes = later;
            if self.buffer.len() == self.piece_bytes {
                self.send()?;
            }
        }
        Ok(())
    }

    fn complete(&mut self) -> Result<u64> {
        let core = self.core.clone();
        let key = self.key.clone();
        if self.upload.is_none() {
            let bytes = std::mem::take(&mut self.buffer).freeze();
            let (size, sent) = (bytes.len() as u64, bytes.clone());
            self.engine
                .run(async move { core.put(&key, bytes).await })?;
            self.spares.keep_sent(sent);
            return Ok(size);
        }
        if !self.buffer.is_empty() {
            self.send()?;
        }
        self.spares.keep(Some(std::mem::take(&mut self.buffer)));
        while !self.under_way.is_empty() {
            let buffer = self.settle()?;
            self.spares.keep(buffer);
        }
        let (path, upload) = (self.path.clone(), self.upload()?);
        let (pieces, size, sweep) = (self.pieces.clone(), self.sent, self.doubtful);
        self.engine.run(async move {
            complete(&core, &path, &upload, pieces, size).await?;
            if sweep && let Err(error) = core.abort_uploads(&key).await {
                core.warn(&format!("an empty upload may be left: {error}"));
            }
            Ok(())
        })?;
        Ok(size)
    }

    /// The error of a part whose earlier call failed.
    fn gone(&self) -> Error {
        let failure = Failure::plain(Trouble::Other, "an earlier write to this part failed");
        self.core.failed("write", &self.key, failure)
    }
}

impl PartWriter for S3Part {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if self.lost {
            return Err(self.gone());
        }
        let outcome = self.append(bytes);
        self.lost = outcome.is_err();
        outcome
    }

    fn finish(mut self: Box<Self>) -> Result<u64> {
        if self.lost {
            return Err(self.gone());
        }
        let size = self.complete()?;
        self.done = true;
        Ok(size)
    }
}

impl Drop for S3Part {
    /// Aborts what was begun. A piece that arrives after the abort would stay, so those under way are
    /// ended first.
    fn drop(&mut self) {
        if self.done {
            return;
        }
        for pending in &self.under_way {
            pending.cancel();
        }
        for pending in self.under_way.drain(..) {
            pending.wait_for(GOODBYE);
        }
        if self.upload.is_none() && !self.doubtful {
            return;
        }
        let (core, key) = (self.core.starting(), std::mem::take(&mut self.key));
        let (upload, doubtful) = (self.upload.take(), self.doubtful);
        let goodbye = self.engine.spawn(async move {
            let mut outcome = Ok(());
            if let Some(upload) = upload {
                outcome = core.abort(&key, &upload).await;
            }
            if doubtful {
                outcome = outcome.and(core.abort_uploads(&key).await);
            }
            if let Err(error) = outcome {
                core.warn(&format!("an unfinished upload is left: {error}"));
            }
        });
        if let Some(goodbye) = goodbye {
            goodbye.wait_for(GOODBYE);
        }
    }
}

/// Begins an upload, and tells whether it may have begun another one on the way.
pub(super) async fn begin(core: &Core, path: &Path) -> (Result<String, Failure>, bool) {
    let mut doubtful = false;
    let mut tries = core.tries("begin to upload", path.as_ref());
    loop {
        match core.once(0, core.store.create_multipart(path)).await {
            Ok(id) => return (Ok(id), doubtful),
            Err(failure) => {
                doubtful |= failure.doubt;
                if let Err(failure) = tries.again(failure).await {
                    return (Err(failure), doubtful);
                }
            }
        }
    }
}

/// Sends one piece. Sending it again replaces it, so a lost answer does no harm.
async fn send(core: &Core, path: &Path, upload: &str, number: usize, full: Bytes) -> Sent {
    let piece = put_piece(core, path, upload, number, &full)
        .await
        .map_err(|failure| core.failed("upload to", path.as_ref(), failure))?;
    Ok((piece, full.try_into_mut().ok()))
}

pub(super) async fn put_piece(
    core: &Core,
    path: &Path,
    upload: &str,
    number: usize,
    bytes: &Bytes,
) -> Result<PartId, Failure> {
    core.repeat("upload to", path.as_ref(), bytes.len() as u64, || {
        let (store, path, upload) = (core.store.clone(), path.clone(), upload.to_owned());
        let payload = PutPayload::from(bytes.clone());
        async move { store.put_part(&path, &upload, number, payload).await }
    })
    .await
}

/// Completes an upload, which publishes it.
///
/// A completion whose answer was lost may have happened. Then the upload is gone, and the file has
/// the size that was sent; as long as the upload stands, it has not, and is tried again.
async fn complete(
    core: &Core,
    path: &Path,
    upload: &String,
    pieces: Vec<PartId>,
    size: u64,
) -> Result<()> {
    let key = path.as_ref();
    let action = "complete the upload of";
    let mut doubt = false;
    let mut tries = core.tries(action, key);
    loop {
        let request = core.store.complete_multipart(path, upload, pieces.clone());
        let Err(mut failure) = core.once(0, request).await else {
            return Ok(());
        };
        let gone = failure.status == Some(404);
        if doubt || failure.doubt || gone {
            match standing(core, key, upload, size).await {
                Standing::Done => {
                    core.info(&format!(
                        "{} is complete, though no answer said so",
                        core.address(key)
                    ));
                    return Ok(());
                }
                Standing::Gone => failure.again = Again::Never,
                // Refused, and nothing came of it. After silence something still may.
                Standing::Open => failure.doubt &= failure.trouble == Trouble::Unreachable,
                Standing::Unclear(why) => {
                    doubt = true;
                    failure.text = format!("{}; {why}", failure.text);
                }
            }
        }
        doubt |= failure.doubt;
        if let Err(mut failure) = tries.again(failure).await {
            failure.doubt |= doubt;
            if doubt && failure.again != Again::Never {
                failure.trouble = Trouble::Unknown;
            }
            return Err(core.failed(action, key, failure));
        }
    }
}

/// Where a completion of unknown outcome stands.
enum Standing {
    /// The file is there with its size, and the upload is not.
    Done,
    /// The upload is there.
    Open,
    /// Neither is there.
    Gone,
    Unclear(String),
}

async fn standing(core: &Core, key: &str, upload: &String, size: u64) -> Standing {
    match core.uploads(key).await {
        Ok(uploads) if uploads.contains(upload) => return Standing::Open,
        Ok(_) => {}
        // Without a list of uploads the size has to do.
        Err(failure) => core.info(&format!("cannot list uploads: {}", failure.text)),
    }
    match core.look(key).await {
        Ok(Some(found)) if found.bytes == size => Standing::Done,
        Ok(_) => Standing::Gone,
        Err(error) => Standing::Unclear(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_large_enough_for_nine_thousand_of_them() {
        assert_eq!(piece_bytes(0), 8 * MIB);
        assert_eq!(piece_bytes(50 << 30), 8 * MIB);
        for expected in [60_u64 << 30, 100 << 30, 1 << 40, 5 << 40] {
            let piece = piece_bytes(expected);
            assert_eq!(piece % MIB, 0);
            assert!(piece * PLANNED_PIECES >= expected + expected / 10 * 3);
            assert!((piece - MIB) * PLANNED_PIECES < expected + expected / 10 * 3 + 10);
        }
        assert!(piece_bytes(u64::MAX) > 0);
        assert_eq!(part_bytes(1), 24 * MIB + MIB / 2);
    }
}
