//! A load that ends itself at each step goes on, and every row is there once.
//!
//! The kills are those of child processes: this test binary starts itself with the name of the test
//! [`child`].

use std::env;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use lakeseed_sink::Error;
use lakeseed_sink::databases::{IfExists, Load};

use super::server::Shop;
use super::{family, holds_the_family, load, mysql_at, verified};

const DATABASE: &str = "LAKESEED_TEST_DATABASE";
/// The signal with which a process ends itself.
const SIGABRT: i32 = 6;
/// Each step, by its first hit or a later one. All of them are named in the code.
const POINTS: [&str; 10] = [
    "load.table.made:1",
    "load.table.made:2",
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
    if let Ok(database) = env::var(DATABASE) {
        let shop = Shop::again(database);
        let done = load(&family(), &shop.url());
        // The database is the parent's.
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
            .args(["mysql::kill::child", "--exact"])
            .env(DATABASE, shop.database())
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

/// Loads with `replace` on behalf of a test below.
#[test]
fn replacing_child() {
    if let Ok(database) = env::var(DATABASE) {
        let shop = Shop::again(database);
        let (plan, to) = (family(), mysql_at(&shop.url()));
        let done = Load::new(&plan, &to).if_exists(IfExists::Replace).run();
        std::mem::forget(shop);
        done.unwrap();
    }
}

/// What was there is dropped, or not yet: then it is asked for once more.
#[test]
fn a_replace_killed_while_tables_are_dropped_goes_on() {
    for (at, (point, are_gone)) in [
        ("load.table.dropped:1", false),
        ("load.table.dropped:2", true),
        ("load.table.made:1", true),
    ]
    .into_iter()
    .enumerate()
    {
        let Some(shop) = Shop::open(&format!("replace_killed_{at}")) else {
            return;
        };
        shop.ask(
            "CREATE TABLE parents (x int); INSERT INTO parents VALUES (1); \
             CREATE TABLE children (y int); INSERT INTO children VALUES (2)",
        );
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args(["mysql::kill::replacing_child", "--exact"])
            .env(DATABASE, shop.database())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let status = command.env("LAKESEED_FAIL_POINT", point).status().unwrap();
        assert_eq!(status.signal(), Some(SIGABRT), "{point} was not reached");
        if are_gone {
            assert!(load(&family(), &shop.url()).unwrap().is_continued);
        } else {
            let error = load(&family(), &shop.url()).unwrap_err();
            assert!(matches!(error, Error::OtherPlan { .. }), "{error}");
            assert_eq!(shop.ask("SELECT x FROM parents"), "1");
            let (plan, to) = (family(), mysql_at(&shop.url()));
            let run = Load::new(&plan, &to).if_exists(IfExists::Replace);
            run.run().unwrap();
        }
        holds_the_family(&shop);
    }
}
