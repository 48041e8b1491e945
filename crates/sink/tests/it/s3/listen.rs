//! Hears all that the libraries below tell their subscribers and loggers, at every level.

use std::fmt::{Debug, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, Once, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

static HEARD: LazyLock<Mutex<String>> = LazyLock::new(Mutex::default);

/// Only while someone asks: other tests need not wait for it.
static OPEN: AtomicBool = AtomicBool::new(false);

/// What was heard since the last call.
pub(super) fn take() -> String {
    std::mem::take(&mut HEARD.lock().unwrap())
}

/// Listening ends with it.
pub(super) struct Listening(
    #[expect(dead_code, reason = "held until the end")] MutexGuard<'static, ()>,
);

impl Drop for Listening {
    fn drop(&mut self) {
        OPEN.store(false, Ordering::SeqCst);
        take();
    }
}

/// Listens to the whole process, for one test at a time: there is one subscriber in each.
pub(super) fn start() -> Listening {
    static START: Once = Once::new();
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    START.call_once(|| {
        tracing::subscriber::set_global_default(Listener).unwrap();
        log::set_logger(&Listener).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
    });
    OPEN.store(true, Ordering::SeqCst);
    Listening(alone)
}

struct Listener;

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        writeln!(self.0, "{field}={value:?}").unwrap();
    }
}

impl Subscriber for Listener {
    /// All but the server of the tests, which lives in this process and tells what it was sent.
    fn enabled(&self, about: &Metadata<'_>) -> bool {
        !about.target().starts_with("s3s")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        if OPEN.load(Ordering::Relaxed) {
            span.record(&mut Fields(&mut HEARD.lock().unwrap()));
        }
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        if OPEN.load(Ordering::Relaxed) {
            values.record(&mut Fields(&mut HEARD.lock().unwrap()));
        }
    }

    fn event(&self, event: &Event<'_>) {
        if !OPEN.load(Ordering::Relaxed) {
            return;
        }
        let mut heard = HEARD.lock().unwrap();
        writeln!(heard, "{}", event.metadata().target()).unwrap();
        event.record(&mut Fields(&mut heard));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

impl log::Log for Listener {
    fn enabled(&self, about: &log::Metadata<'_>) -> bool {
        !about.target().starts_with("s3s")
    }

    fn log(&self, record: &log::Record<'_>) {
        if !OPEN.load(Ordering::Relaxed) || !log::Log::enabled(self, record.metadata()) {
            return;
        }
        writeln!(
            HEARD.lock().unwrap(),
            "{} {}",
            record.target(),
            record.args()
        )
        .unwrap();
    }

    fn flush(&self) {}
}
