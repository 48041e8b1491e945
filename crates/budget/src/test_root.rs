//! A root of its own for what is read under `/proc` and `/sys`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder with a `/proc` and a `/sys` of its own, gone at the end.
pub(crate) struct Root(PathBuf);

impl Root {
    pub(crate) fn new(cgroup: &str, files: &[(&str, &str)]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = format!("lakeseed-budget-{}-{number}", std::process::id());
        let root = Self(std::env::temp_dir().join(folder));
        root.write("proc/self/cgroup", cgroup);
        root.write(
            "proc/meminfo",
            "MemTotal:       8388608 kB\nMemFree:  1 kB\n",
        );
        for (path, text) in files {
            root.write(path, text);
        }
        root
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let file = self.0.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}
