//! A load that ends itself at each step goes on, and every row is there once.
//!
//! The kills are those of child processes: this test binary starts itself with the name of the test
//! [`child`].

use std::env;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use super::server::Shop;
use super::{family, holds_the_family, load, verified};

const SCHEMA: &str = "LAKESEED_TEST_SCHEMA";
/// The signal with which a process ends itself.
const SIGABRT: i32 = 6;
/// Each step, by its first hit or a later one. All of them are named in the code.
const POINTS: [&str; 8] = [
    "load.tables.made:1",
    "load.begun:1",
    "load.part.sent:1",
    "load.part.sent:3",
    "load.part.recorded:2",
    "load.part.committed:2",
    "load.keys.made:1",
    "load.complete:1",
];

/// Loads on behalf of a test below; nothing when it is run by name.
#[test]
fn child() {
    if let Ok(schema) = env::var(SCHEMA) {
        let shop = Shop::again(schema);
        let done = load(&family(), &shop.url());
        // The schema is the parent's.
        std::mem::forget(shop);
        done.unwrap();
    }
}

#[test]
fn a_load_killed_at_any_step_goes_on() {
    for (at, point) in POINTS.iter().enumerate() {
        let Some(shop) = Shop::open(&format!("killed_{at}")) else {
            return;
        };
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args(["postgres::kill::child", "--exact"])
            .env(SCHEMA, shop.schema())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let status = command.env("LAKESEED_FAIL_POINT", point).status().unwrap();
        assert_eq!(status.signal(), Some(SIGABRT), "{point} was not reached");
        let done = load(&family(), &shop.url()).unwrap();
        assert_eq!(done.rows, family().rows().unwrap(), "{point}");
        holds_the_family(&shop);
        assert!(
            verified(&[family()], &shop.url())
                .unwrap()
                .findings
                .is_empty()
        );
    }
}
