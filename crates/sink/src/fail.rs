//! Named points at which a test can end the process, as a kill from outside would.
//!
//! Builds without debug assertions have none. `LAKESEED_FAIL_POINT=journal.written:3` ends the
//! process at the third hit of that point, `any:17` at the seventeenth hit of any point; with
//! `LAKESEED_FAIL_WAIT=1` it says so on standard error and waits there to be killed;
//! `LAKESEED_FAIL_LOG=FILE` appends the name of each point that is hit, so that a test can try them
//! all.

/// A step of the commit that a kill must not break.
#[cfg(debug_assertions)]
pub(crate) fn point(name: &str) {
    points::hit(name);
}

/// A step of the commit that a kill must not break.
#[cfg(not(debug_assertions))]
pub(crate) fn point(_name: &str) {}

#[cfg(debug_assertions)]
mod points {
    use std::env;
    use std::fs::OpenOptions;
    use std::io::Write;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Setting {
        /// The point and the hit that end the process.
        at: Option<(String, u64)>,
        log: Option<String>,
        /// To be killed from outside instead.
        waits: bool,
        hits: AtomicU64,
    }

    fn setting() -> &'static Setting {
        static SETTING: OnceLock<Setting> = OnceLock::new();
        SETTING.get_or_init(|| {
            let at = env::var("LAKESEED_FAIL_POINT").ok();
            let at = at.and_then(|text| {
                let (name, hit) = text.rsplit_once(':')?;
                Some((name.to_owned(), hit.parse().ok()?))
            });
            Setting {
                at,
                log: env::var("LAKESEED_FAIL_LOG").ok(),
                waits: env::var_os("LAKESEED_FAIL_WAIT").is_some(),
                hits: AtomicU64::new(0),
            }
        })
    }

    pub(super) fn hit(name: &str) {
        let setting = setting();
        if let Some(log) = &setting.log {
            let file = OpenOptions::new().append(true).create(true).open(log);
            if let Ok(mut file) = file {
                let _ = file.write_all(format!("{name}\n").as_bytes());
            }
        }
        if let Some((at, hit)) = &setting.at
            && (at == name || at == "any")
            && setting.hits.fetch_add(1, Ordering::SeqCst) + 1 == *hit
        {
            if setting.waits {
                let _ = writeln!(std::io::stderr(), "waits at a point to be killed");
                loop {
                    std::thread::park();
                }
            }
            // No destructor runs, no buffer is written: as good as a kill.
            std::process::abort();
        }
    }
}
