//! SIGINT and SIGTERM: raise the stop flag, and remember which it was.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// How often the wish to stop is handed on.
#[cfg(feature = "star")]
const HAND_ON: std::time::Duration = std::time::Duration::from_millis(50);

/// The wish of somebody outside that the work ends.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop {
    raised: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Stop {
    /// Listens from now on. A second signal of a kind ends the process at once.
    pub(crate) fn listen() -> io::Result<Self> {
        let stop = Self::default();
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag down and passes.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop.raised))?;
            flag::register(signal, Arc::clone(&stop.raised))?;
            flag::register_usize(signal, Arc::clone(&stop.signal), signal as usize)?;
        }
        Ok(stop)
    }

    /// The flag for those who work.
    pub(crate) fn flag(&self) -> &Arc<AtomicBool> {
        &self.raised
    }

    /// Whether it was said.
    pub(crate) fn is_raised(&self) -> bool {
        self.raised.load(Ordering::Relaxed)
    }

    /// Does some work of the engine, to which the wish to stop is handed on.
    #[cfg(feature = "star")]
    pub(crate) fn handed_to<T>(
        &self,
        engine: &lakeseed_star_schema::Stop,
        work: impl FnOnce() -> T,
    ) -> T {
        use std::sync::mpsc::{RecvTimeoutError, channel};

        std::thread::scope(|scope| {
            // Closed where the work ends, also by a panic.
            let (working, ended) = channel::<()>();
            scope.spawn(move || {
                while ended.recv_timeout(HAND_ON) == Err(RecvTimeoutError::Timeout) {
                    if self.is_raised() {
                        engine.raise();
                    }
                }
            });
            let done = work();
            drop(working);
            done
        })
    }

    /// The name of the signal that came.
    pub(crate) fn name(&self) -> &'static str {
        match self.signal() {
            Some(15) => "SIGTERM",
            _ => "SIGINT",
        }
    }

    /// The number of the signal that came, if one came.
    pub(crate) fn signal(&self) -> Option<u8> {
        match self.signal.load(Ordering::Relaxed) {
            0 => None,
            signal => u8::try_from(signal).ok(),
        }
    }
}
