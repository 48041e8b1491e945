//! `load` into MariaDB and `verify` of what stands there, with a real server.
//!
//! The second path: the same rows as CSV, read by the server's own client and LOAD DATA, and compared by
//! SQL.

#[path = "../../../sink/tests/it/mysql/server.rs"]
pub(super) mod server;

use std::fs;
use std::path::Path;

use self::server::Shop;
use super::load::RETAIL_TABLES;
use crate::support::{binary, ended, json, ran, run, send, start, succeed, until};

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
        // Words for truths are no numbers here.
        let ask = "SELECT column_name, column_type FROM information_schema.columns \
                   WHERE table_schema = DATABASE() AND table_name = '{}' ORDER BY ordinal_position";
        let columns = shop.ask(&ask.replace("{}", table));
        let (mut names, mut sets) = (Vec::new(), Vec::new());
        for line in columns.lines() {
            let (name, found) = line.split_once('|').unwrap();
            if found == "tinyint(1)" {
                names.push(format!("@{name}"));
                sets.push(format!("{name} = (@{name} = 'true')"));
            } else {
                names.push(format!("`{name}`"));
            }
        }
        let sets = match sets.as_slice() {
            [] => String::new(),
            sets => format!("SET {}", sets.join(", ")),
        };
        for file in files {
            shop.ask(&format!(
                "LOAD DATA LOCAL INFILE '{}' INTO TABLE csv_{table} CHARACTER SET utf8mb4 \
                 FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY '' \
                 LINES TERMINATED BY '\\n' IGNORE 1 LINES ({}) {sets}",
                file.display(),
                names.join(", ")
            ));
        }
        let all = format!("(SELECT * FROM {table}) EXCEPT ALL (SELECT * FROM csv_{table})");
        let other = format!("(SELECT * FROM csv_{table}) EXCEPT ALL (SELECT * FROM {table})");
        for left in [all, other] {
            let ask = format!("SELECT count(*) FROM ({left}) AS left_over");
            assert_eq!(shop.ask(&ask), "0", "{left}");
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
    let keys = "SELECT constraint_type, count(*) FROM information_schema.table_constraints \
                WHERE constraint_schema = DATABASE() AND table_name NOT LIKE 'lakeseed%' \
                AND table_name NOT LIKE 'csv%' GROUP BY 1 ORDER BY 1";
    assert_eq!(shop.ask(keys), "FOREIGN KEY|5\nPRIMARY KEY|6");
    // What is printed for people makes the same columns as what was run.
    let ddl = succeed(folder, "schema retail --as ddl --dialect mariadb");
    let Some(printed) = Shop::open("cli_retail_printed") else {
        return;
    };
    printed.feed(&["-D", printed.database()], &ddl);
    for ask in [
        "SELECT table_name, column_name, column_type, is_nullable, column_comment, collation_name \
         FROM information_schema.columns WHERE table_schema = DATABASE() \
         AND table_name NOT LIKE 'lakeseed%' AND table_name NOT LIKE 'csv%' ORDER BY 1, 2",
        "SELECT table_name, column_name, referenced_table_name, referenced_column_name \
         FROM information_schema.key_column_usage WHERE table_schema = DATABASE() \
         AND table_name NOT LIKE 'lakeseed%' ORDER BY 1, 2, 3",
        "SELECT table_name, engine, table_comment FROM information_schema.tables \
         WHERE table_schema = DATABASE() AND table_name NOT LIKE 'lakeseed%' \
         AND table_name NOT LIKE 'csv%' ORDER BY 1",
    ] {
        assert_eq!(shop.ask(ask), printed.ask(ask), "{ask}");
    }
    let again = json(folder, &format!("load {RETAIL} --to {to}"));
    assert_eq!(
        (&again["written"], &again["made_rows"]),
        (&false.into(), &0.into())
    );
    let found = json(folder, &format!("verify {to} -j 4 --memory 256MiB"));
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
    let sums = shop.ask("SELECT count(*), count(DISTINCT product_id, warehouse_id) FROM stock");
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
    let canary = format!("mysql://ana:canary-Pa55word@127.0.0.1:{port}/shop");
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
            "Access denied",
        ),
        (
            format!("load retail.sellers -s 0.01 --to {canary}?ssl-mode=some"),
            2,
            "VERIFY_IDENTITY",
        ),
        (
            format!("load retail.sellers -s 0.01 --to {to} --memory 30MiB"),
            3,
            "--memory",
        ),
        (
            "load retail.sellers --to mysql://ana:canary-Pa55word@db".to_owned(),
            2,
            "a database",
        ),
        (format!("verify {to}"), 3, "nothing of ours"),
        (format!("verify {to} --quick"), 2, "--quick"),
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
    // The password from its variable is as secret.
    let mut by_variable = binary(folder);
    let args = format!("load retail.sellers --to mysql://ana@127.0.0.1:{port}/shop -v");
    by_variable.args(args.split_whitespace());
    by_variable.env("MYSQL_PWD", "canary-Pa55word");
    let ran = ran(&mut by_variable);
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert!(
        ran.err.contains("YES") && !ran.err.contains("canary"),
        "{}",
        ran.err
    );
}
