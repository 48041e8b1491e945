//! How much room there is where a folder is, or will be.

use std::path::Path;

use lakeseed_budget::Bytes;

/// Bytes that this user may still write there; `None` where the system does not say.
#[cfg(unix)]
pub(crate) fn free(folder: &Path) -> Option<Bytes> {
    let here = Path::new(".");
    let is_named = |path: &&Path| !path.as_os_str().is_empty();
    // The folder may not exist yet: the nearest that does is on the same disk.
    let existing = folder
        .ancestors()
        .filter(is_named)
        .find(|path| path.exists())
        .unwrap_or(here);
    let disk = rustix::fs::statvfs(existing).ok()?;
    // File systems without sizes, such as /proc, say 0.
    let known = disk.f_blocks > 0;
    known.then(|| Bytes::new(disk.f_bavail.saturating_mul(disk.f_frsize)))
}

/// Bytes that this user may still write there; `None` where the system does not say.
#[cfg(not(unix))]
pub(crate) fn free(_folder: &Path) -> Option<Bytes> {
    None
}
