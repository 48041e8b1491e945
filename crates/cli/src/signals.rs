//! SIGINT and SIGTERM: raise the stop flag, and remember which it was.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

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
