//! Hears all that the libraries below tell their subscribers and loggers, at every level.

use std::fmt::{Debug, Write};
use std::sync::{LazyLock, Mutex, Once};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

static HEARD: LazyLock<Mutex<String>> = LazyLock::new(Mutex::default);

/// Listens from the first call on, for the whole process: there is one subscriber in each.
pub(super) fn start() -> &'static Mutex<String> {
    static START: Once = Once::new();
    START.call_once(|| {
        tracing::subscriber::set_global_default(Listener).unwrap();
        log::set_logger(&Listener).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
    });
    &HEARD
}

struct Listener;

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        writeln!(self.0, "{field}={value:?}").unwrap();
    }
}

impl Subscriber for Listener {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut Fields(&mut HEARD.lock().unwrap()));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Fields(&mut HEARD.lock().unwrap()));
    }

    fn event(&self, event: &Event<'_>) {
        let mut heard = HEARD.lock().unwrap();
        writeln!(heard, "{}", event.metadata().target()).unwrap();
        event.record(&mut Fields(&mut heard));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

impl log::Log for Listener {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
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
