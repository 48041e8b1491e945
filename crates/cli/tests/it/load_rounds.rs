//! `load --rounds`: the classic experiment, small, into a real PostgreSQL.

use std::fs;

use serde_json::Value;

use super::load::server::Shop;
use crate::support::{binary, json, ran, run, succeed};

/// 15 customers, 4 sellers, 31 products, and five rounds of 14,000 invoices with an item each.
const CLASSIC: &str = "retail --rows customers=15,sellers=4,products=31,invoices=70000 \
                       --items-per-invoice 1 --rounds 5";
const ROUND: i64 = 14_000;

fn numbers(rounds: &Value, of: &str) -> Vec<i64> {
    let rounds = rounds.as_array().unwrap().iter();
    rounds.map(|round| round[of].as_i64().unwrap()).collect()
}

/// All invoices, each with one item, and every product sold.
#[track_caller]
fn holds_all(shop: &Shop) {
    let sums = "SELECT count(*), count(DISTINCT i.invoice_id), max(i.invoice_id), \
                count(DISTINCT product_id), count(DISTINCT customer_id) \
                FROM invoices i JOIN invoice_items USING (invoice_id)";
    assert_eq!(shop.ask(sums), "70000|70000|70000|31|15");
}

#[test]
fn rounds_are_told_with_their_times_and_drawn() {
    let Some(shop) = Shop::open("cli_rounds_are_told") else {
        return;
    };
    let (folder, to) = (tempfile::tempdir().unwrap(), shop.url());
    let folder = folder.path();
    let load = format!("load {CLASSIC} --to {to} -j 2");
    let done = json(folder, &format!("{load} --chart times.svg"));
    assert_eq!(numbers(&done["rounds"], "number"), [1, 2, 3, 4, 5]);
    assert_eq!(numbers(&done["rounds"], "rows"), [2 * ROUND; 5]);
    assert_eq!(numbers(&done["rounds"], "made_rows"), [2 * ROUND; 5]);
    let sum = |of: &str| -> f64 {
        let rounds = done["rounds"].as_array().unwrap().iter();
        rounds.map(|round| round[of].as_f64().unwrap()).sum()
    };
    // All but the tables that do not grow, and keys.
    for (of, all) in [
        ("seconds", &done["seconds"]),
        ("making_seconds", &done["making_seconds"]),
        ("waiting_seconds", &done["waiting_seconds"]),
    ] {
        assert!(
            sum(of) > 0.0 && sum(of) <= all.as_f64().unwrap(),
            "{of}: {all}"
        );
    }
    assert!(sum("making_seconds") + sum("waiting_seconds") <= 2.0 * sum("seconds") + 0.1);
    assert_eq!(done["growth"]["rounds"], 5);
    holds_all(&shop);
    let drawn = fs::read_to_string(folder.join("times.svg")).unwrap();
    assert!(drawn.starts_with("<svg ") && drawn.ends_with("</svg>\n"));
    let bars = |class: &str| {
        let begins = format!("<rect class=\"{class}\"");
        let bars = drawn.lines().filter(|line| line.starts_with(&begins));
        bars.filter(|line| line.contains("<title>")).count()
    };
    assert_eq!((bars("making"), bars("waiting"), bars("found")), (5, 5, 0));
    assert!(
        !drawn.contains("NaN") && !drawn.contains("inf\""),
        "{drawn}"
    );
    assert_eq!(json(folder, &format!("verify {to}"))["clean"], true);
    let again = json(folder, &load);
    assert_eq!(
        (&again["written"], &again["rounds"]),
        (&false.into(), &Value::Null)
    );
    // Other rounds are other parts, and so another load.
    let other = load.replace("--rounds 5", "--rounds 4");
    assert_eq!(run(folder, &other).code, Some(3));
}

#[test]
fn rounds_go_on_after_a_kill() {
    let Some(shop) = Shop::open("cli_rounds_go_on") else {
        return;
    };
    let (folder, to) = (tempfile::tempdir().unwrap(), shop.url());
    let folder = folder.path();
    let load = format!("load {CLASSIC} --to {to} -j 1 --progress none");
    // Four parts before the rounds, two in each: the items of the second round are on their way.
    let mut killed = binary(folder);
    killed.args(load.split_whitespace());
    killed.env("LAKESEED_FAIL_POINT", "load.part.recorded:8");
    assert_eq!(ran(&mut killed).code, None, "the point was not reached");
    let stand = "SELECT (SELECT count(*) FROM invoices), (SELECT max(invoice_id) FROM invoices), \
                 (SELECT count(*) FROM invoice_items), (SELECT count(*) FROM stock)";
    assert_eq!(shop.ask(stand), "28000|28000|14000|310");
    let told = succeed(folder, &format!("{load} --chart times.svg"));
    let rounds: Vec<&str> = told
        .lines()
        .skip_while(|line| !line.trim_start().starts_with("round"))
        .skip(1)
        .take(5)
        .collect();
    let stood: Vec<bool> = rounds.iter().map(|line| line.contains("stood")).collect();
    assert_eq!(stood, [true, true, false, false, false], "{told}");
    assert!(told.contains("mean of 3 rounds"), "{told}");
    let drawn = fs::read_to_string(folder.join("times.svg")).unwrap();
    assert_eq!(drawn.matches("<rect class=\"found\"").count(), 2);
    holds_all(&shop);
    assert_eq!(json(folder, &format!("verify {to}"))["clean"], true);
}

#[test]
fn a_window_behind_another_is_loaded_in_rounds_too() {
    let Some(shop) = Shop::open("cli_rounds_behind") else {
        return;
    };
    let (folder, to) = (tempfile::tempdir().unwrap(), shop.url());
    let folder = folder.path();
    succeed(folder, &format!("load retail -s 0.01 --to {to} -q"));
    let january = "retail.invoices -s 0.01 --start 2024-01-01 --end 2024-01-31";
    let load = format!("load {january} --rounds 3 --if-exists append --to {to}");
    let done = json(folder, &load);
    let rows: i64 = numbers(&done["rounds"], "rows").iter().sum();
    let stand = "SELECT count(*) - 30000, max(invoice_id) - 30000 FROM invoices";
    assert_eq!(shop.ask(stand), format!("{rows}|{rows}"));
    assert_eq!(json(folder, &format!("verify {to}"))["clean"], true);
}

#[test]
fn rounds_that_cannot_be_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("there.svg"), "kept").unwrap();
    // Nobody listens there.
    let to = "--to postgres://ana@127.0.0.1:1/shop";
    for (args, code, line) in [
        (
            "load predictions --rows 100 --rounds 2",
            2,
            "that grow with time",
        ),
        ("load retail.customers --rounds 2", 2, "that grow with time"),
        (
            "load retail --rows invoices=10 --rounds 11",
            2,
            "at most 10",
        ),
        ("load retail --rounds 0", 2, "--rounds"),
        ("load --from there.svg --rounds 2", 2, "--from"),
        ("load retail --chart x.svg", 2, "--rounds"),
        (
            "load retail --rounds 2 --chart there.svg",
            3,
            "choose another one",
        ),
        (
            "load retail --rounds 2 --chart no/x.svg",
            3,
            "choose another one",
        ),
        ("load retail --rounds 2 --chart -", 3, "choose another one"),
    ] {
        let ran = run(folder, &format!("{args} {to}"));
        assert_eq!(ran.code, Some(code), "{args}: {}", ran.err);
        assert_eq!(ran.err.lines().count(), 1, "{args}: {}", ran.err);
        assert!(ran.err.contains(line), "{args}: {}", ran.err);
    }
    assert_eq!(
        fs::read_to_string(folder.join("there.svg")).unwrap(),
        "kept"
    );
}
