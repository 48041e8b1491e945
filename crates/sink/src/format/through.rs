//! A part where a library wants [`Write`], and the part's own errors out of it again.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use crate::error::Error;
use crate::store::PartWriter;
use crate::sync::lock;

/// The error with which the part itself failed, which a library in between would turn into text.
#[derive(Clone, Default)]
pub(super) struct Failure(Arc<Mutex<Option<Error>>>);

impl Failure {
    /// The part's own error, or else the library's `other`.
    pub(super) fn or<E>(&self, format: &'static str, other: E) -> Error
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        self.take().unwrap_or_else(|| Error::encode(format)(other))
    }

    /// The part's own error, where there is one.
    pub(super) fn take(&self) -> Option<Error> {
        lock(&self.0).take()
    }
}

/// A part writer as a [`Write`].
pub(super) struct PartAsWrite {
    out: Box<dyn PartWriter>,
    failure: Failure,
}

impl PartAsWrite {
    pub(super) fn new(out: Box<dyn PartWriter>) -> (Self, Failure) {
        let failure = Failure::default();
        let part = Self {
            out,
            failure: failure.clone(),
        };
        (part, failure)
    }

    pub(super) fn into_part(self) -> Box<dyn PartWriter> {
        self.out
    }
}

impl Write for PartAsWrite {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.out.write(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(error) => {
                // The first one counts: a buffer in between tries once more when it is dropped.
                lock(&self.failure.0).get_or_insert(error);
                Err(io::Error::other("the part could not be written"))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
