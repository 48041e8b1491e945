//! Bodies that end early or come slowly.

use crate::lock;
use hyper::body::{Bytes, Frame, SizeHint};
use s3s::{Body, StdError};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// Gives the first bytes of a body, then breaks.
pub(crate) struct Truncated {
    inner: Body,
    left: u64,
    flushed: bool,
}

impl Truncated {
    pub(crate) fn new(inner: Body, bytes: u64) -> Self {
        Self {
            inner,
            left: bytes,
            flushed: false,
        }
    }
}

impl hyper::body::Body for Truncated {
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        if self.left == 0 {
            // An error discards what hyper still holds. Pending once makes it send that first.
            if !self.flushed {
                self.flushed = true;
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            return Poll::Ready(Some(Err(io::Error::other("truncated by plan").into())));
        }
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        Poll::Ready(frame.map(|frame| {
            frame.map(|frame| {
                frame.map_data(|data| {
                    let taken = self.left.min(data.len() as u64);
                    self.left -= taken;
                    data.slice(..taken as usize)
                })
            })
        }))
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A line of bounded rate, which bodies can share as they share a network.
#[derive(Debug)]
pub(crate) struct Link {
    bytes_per_second: u64,
    /// When the last byte that has a place on the line will be through.
    busy_until: Mutex<Instant>,
}

impl Link {
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        Self {
            bytes_per_second: bytes_per_second.max(1),
            busy_until: Mutex::new(Instant::now()),
        }
    }

    /// Takes a place for so many bytes; they are through at the moment that is given.
    fn reserve(&self, bytes: usize) -> Instant {
        let time = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second as f64);
        let mut busy_until = lock(&self.busy_until);
        *busy_until = Instant::now().max(*busy_until) + time;
        *busy_until
    }
}

/// A body whose bytes come over a link.
pub(crate) struct OverLink {
    inner: Body,
    link: Arc<Link>,
    /// What was read and is not through yet.
    next: Option<(Pin<Box<Sleep>>, Frame<Bytes>)>,
}

impl OverLink {
    pub(crate) fn new(inner: Body, link: Arc<Link>) -> Self {
        Self {
            inner,
            link,
            next: None,
        }
    }

    /// Over a link of its own.
    pub(crate) fn alone(inner: Body, bytes_per_second: u64) -> Self {
        Self::new(inner, Arc::new(Link::new(bytes_per_second)))
    }
}

impl hyper::body::Body for OverLink {
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        if self.next.is_none() {
            match ready!(Pin::new(&mut self.inner).poll_frame(context)) {
                Some(Ok(frame)) => {
                    let bytes = frame.data_ref().map_or(0, Bytes::len);
                    let due = Box::pin(sleep_until(self.link.reserve(bytes)));
                    self.next = Some((due, frame));
                }
                other => return Poll::Ready(other),
            }
        }
        if let Some((due, _)) = &mut self.next {
            ready!(due.as_mut().poll(context));
        }
        Poll::Ready(self.next.take().map(|(_, frame)| Ok(frame)))
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.next.as_ref().and_then(|(_, frame)| frame.data_ref());
        match self.inner.size_hint().exact() {
            Some(exact) => SizeHint::with_exact(exact + held.map_or(0, Bytes::len) as u64),
            None => SizeHint::default(),
        }
    }
}
