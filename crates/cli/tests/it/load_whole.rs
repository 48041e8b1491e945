//! The whole of `retail` at scale 1 in a database, with keys and views, read back: minutes and gigabytes,
//! only with `LAKESEED_TEST_LONG=1`. With `--nocapture` it says what it took.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Instant;

use lakeseed_gen_core::find;

use crate::load_views::Server;
use crate::support::json;
use crate::{load, load_mysql};

const RETAIL: &str = "retail -s 1";

fn is_long() -> bool {
    std::env::var("LAKESEED_TEST_LONG").is_ok_and(|long| long == "1")
}

fn stands_as_it_was_made<S: Server>(shop: &S) {
    let (folder, to) = (tempfile::tempdir().unwrap(), shop.url());
    let folder = folder.path();
    let done = json(folder, &format!("load {RETAIL} --views --to {to} -j 2 -q"));
    let found = json(folder, &format!("verify {to} -j 2"));
    assert_eq!(
        (&found["clean"], &found["rows_read"]),
        (&true.into(), &done["rows"])
    );
    let mut told = format!("\n{}: {RETAIL} --views\n", done["address"]);
    for key in [
        "rows",
        "made_bytes",
        "seconds",
        "keys_seconds",
        "rows_per_s",
        "peak_memory_bytes",
    ] {
        let _ = writeln!(told, "load {key} {}", done[key]);
    }
    let _ = writeln!(told, "verify seconds {}", found["seconds"]);
    for view in find("retail").unwrap().views {
        let started = Instant::now();
        // Every row and column is made, and one line comes back.
        let rows = shop.ask(&S::whole(view.name));
        let seconds = started.elapsed().as_secs_f64();
        let _ = writeln!(told, "view {} rows {rows} seconds {seconds:.2}", view.name);
        assert_ne!(rows, "0", "{}", view.name);
    }
    let _ = io::stderr().write_all(told.as_bytes());
}

#[test]
fn the_whole_of_retail_stands_in_postgres() {
    if !is_long() {
        return;
    }
    if let Some(shop) = load::server::Shop::open("cli_the_whole_of_retail") {
        stands_as_it_was_made(&shop);
    }
}

#[test]
fn the_whole_of_retail_stands_in_mariadb() {
    if !is_long() {
        return;
    }
    if let Some(shop) = load_mysql::server::Shop::open("cli_the_whole_of_retail") {
        stands_as_it_was_made(&shop);
    }
}
