//! `load` into PostgreSQL and `verify` of what stands there, with a real server.
//!
//! The second path: the same rows as CSV, read by the server's own COPY, and compared by SQL.

#[path = "../../../sink/tests/it/postgres/server.rs"]
#[expect(dead_code, reason = "the tests of sink ask more of it")]
pub(super) mod server;

use std::fs;
use std::path::Path;

use self::server::Shop;
use crate::support::{binary, ended, json, ran, run, send, start, succeed, until};

/// The tables of retail, in the order in which they can be loaded.
pub(super) const RETAIL_TABLES: [&str; 6] = [
    "customers",
    "sellers",
    "products",
    "stock",
    "invoices",
    "invoice_items",
];
const RETAIL: &str = "retail -s 0.01";

/// Holds every row of every table against the CSV of the same data.
fn is_as_its_csv(shop: &Shop, folder: &Path, rows: &str) {
    succeed(folder, &format!("generate {rows} -f csv -c none -o csv -q"));
    for table in RETAIL_TABLES {
        let from = folder.join("csv").join(table);
        let mut files: Vec<_> = fs::read_dir(&from)
            .unwrap()
            .map(|it| it.unwrap().path())
            .collect();
        files.retain(|path| path.extension().is_some_and(|end| end == "csv"));
        assert!(!files.is_empty());
        shop.ask(&format!(
            "CREATE TABLE csv_{table} AS SELECT * FROM {table} WHERE false"
        ));
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            shop.feed(
                &format!("COPY csv_{table} FROM STDIN (FORMAT csv, HEADER)"),
                &text,
            );
        }
        for (one, other) in [
            (table.to_owned(), format!("csv_{table}")),
            (format!("csv_{table}"), table.to_owned()),
        ] {
            let ask =
                format!("SELECT count(*) FROM (TABLE {one} EXCEPT ALL TABLE {other}) AS left_over");
            assert_eq!(shop.ask(&ask), "0", "{one} has rows that {other} has not");
        }
        assert_ne!(shop.ask(&format!("SELECT count(*) FROM {table}")), "0");
    }
}

#[test]
fn retail_stands_with_its_keys_as_its_csv_has_it() {
    let Some(shop) = Shop::open("cli_retail_stands") else {
        return;
    };
    let (folder, to) = (tempfile::tempdir().unwrap(), shop.url());
    let folder = folder.path();
    let first = json(folder, &format!("load {RETAIL} --to {to} -j 2 -q"));
    assert_eq!(first["written"], true);
    is_as_its_csv(&shop, folder, RETAIL);
    let keys = "SELECT contype, count(*) FROM pg_constraint \
                WHERE connamespace = current_schema()::regnamespace \
                AND conrelid::regclass::text !~ 'lakeseed|csv' GROUP BY 1 ORDER BY 1";
    assert_eq!(shop.ask(keys), "f|5\np|6");
    // What is printed for people is what was run.
    let comments = "SELECT count(*) FROM pg_description d JOIN pg_class c ON c.oid = d.objoid \
                    WHERE c.relnamespace = current_schema()::regnamespace AND c.relname !~ 'lakeseed'";
    let ddl = succeed(folder, "schema retail --as ddl");
    let printed = ddl
        .lines()
        .filter(|line| line.starts_with("COMMENT"))
        .count();
    assert_eq!(shop.ask(comments), printed.to_string());
    let again = json(folder, &format!("load {RETAIL} --to {to}"));
    assert_eq!(
        (&again["written"], &again["made_rows"]),
        (&false.into(), &0.into())
    );
    let found = json(folder, &format!("verify {to}"));
    assert_eq!(
        (&found["clean"], &found["rows_read"]),
        (&true.into(), &first["rows"])
    );
    shop.ask("UPDATE invoices SET net_total = net_total + 0.01 WHERE invoice_id = 7");
    let found = run(folder, &format!("verify {to}"));
    assert_eq!(found.code, Some(1), "{}", found.out);
    assert!(found.out.contains("net_total"), "{}", found.out);
}

#[test]
fn a_load_that_is_killed_or_stopped_goes_on() {
    let Some(shop) = Shop::open("cli_killed_or_stopped") else {
        return;
    };
    let (folder, to) = (tempfile::tempdir().unwrap(), shop.url());
    let folder = folder.path();
    let work = format!("load retail.stock -s 5 --to {to} -j 2 --progress none");
    let mut killed = binary(folder);
    killed.args(work.split_whitespace());
    killed.env("LAKESEED_FAIL_POINT", "load.part.recorded:3");
    assert_eq!(ran(&mut killed).code, None, "the point was not reached");
    let mut waits = binary(folder);
    waits.args(work.split_whitespace()).arg("-v");
    waits.env("LAKESEED_FAIL_POINT", "load.part.recorded:2");
    waits.env("LAKESEED_FAIL_WAIT", "1");
    let mut waits = start(&mut waits);
    let parts = || {
        shop.ask("SELECT count(*) FROM lakeseed_ledger")
            .parse::<u64>()
            .unwrap()
    };
    let before = parts();
    until(&mut waits, || parts() > before);
    send(&waits, "KILL");
    ended(waits);
    let refused = run(folder, &format!("verify {to}"));
    assert_eq!(refused.code, Some(3), "{}", refused.err);
    assert!(
        refused.err.contains("repeat the command"),
        "{}",
        refused.err
    );
    succeed(folder, &work);
    let sums = shop.ask("SELECT count(*), count(DISTINCT (product_id, warehouse_id)) FROM stock");
    assert_eq!(sums, "500000|500000");
    assert_eq!(json(folder, &format!("verify {to}"))["clean"], true);
}

#[test]
fn what_cannot_be_is_refused_with_one_line() {
    let Some(shop) = Shop::open("cli_refused") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (to, port) = (shop.url(), shop.port());
    shop.ask("CREATE TABLE sellers (x int)");
    let canary = format!("postgres://ana:canary-Pa55word@127.0.0.1:{port}/postgres");
    for (args, code, line) in [
        (
            format!("load retail.sellers -s 0.01 --to {to}"),
            3,
            "got table `sellers`",
        ),
        (
            format!("load retail.sellers -s 0.01 --to {to} --if-exists append"),
            3,
            "our columns",
        ),
        (
            format!("load retail.sellers -s 0.01 --to {canary}"),
            3,
            "password authentication failed",
        ),
        (
            format!("load retail.sellers -s 0.01 --to {canary}?sslmode=some"),
            2,
            "verify-full",
        ),
        (
            format!("load retail.sellers -s 0.01 --to {to} --memory 30MiB"),
            3,
            "--memory",
        ),
        (
            "load retail.sellers --to oracle://ana:canary-Pa55word@db/x".to_owned(),
            2,
            "postgres://",
        ),
        (format!("verify {to}"), 3, "nothing of ours"),
        (format!("verify {to} --quick"), 2, "--quick"),
        (format!("load retail.selers --to {to}"), 2, "sellers"),
    ] {
        let log = format!("{args} --log log --log-level debug");
        let ran = run(folder, &log);
        assert_eq!(ran.code, Some(code), "{args}: {}", ran.err);
        assert_eq!(ran.err.lines().count(), 1, "{args}: {}", ran.err);
        assert!(ran.err.contains(line), "{args}: {}", ran.err);
        let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
        assert!(!(ran.err + &ran.out + &log).contains("canary"), "{args}");
    }
    assert_eq!(shop.ask("SELECT count(*) FROM sellers"), "0");
}
