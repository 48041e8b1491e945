//! What keeps a load from being: told in one error, without a password, and nothing half loaded.

use std::env;
use std::time::Duration;

use lakeseed_sink::databases::postgres::{Postgres, PostgresOptions};
use lakeseed_sink::databases::{IfExists, Load};
use lakeseed_sink::{Environment, Error, Trouble};

use super::server::Shop;
use super::{PARENTS, family, load, parents, plan_of, postgres_at, text};

fn trouble(error: &Error) -> Option<Trouble> {
    match error.cause() {
        Error::Remote { trouble, .. } => Some(*trouble),
        _ => None,
    }
}

#[test]
fn wrong_passwords_and_databases_are_told_without_the_password() {
    let Some(shop) = Shop::open("wrong_passwords") else {
        return;
    };
    let port = shop.port();
    for (url, expected) in [
        (
            format!("postgres://ana:canary-Pa55word@127.0.0.1:{port}/postgres"),
            Trouble::Denied,
        ),
        (
            format!("postgres://ana@127.0.0.1:{port}/postgres"),
            Trouble::Denied,
        ),
        (
            format!("postgres://ana:right%3Ap%40ss@127.0.0.1:{port}/nowhere"),
            Trouble::Missing,
        ),
        (
            "postgres://ana:canary-Pa55word@127.0.0.1:1/postgres".to_owned(),
            Trouble::Unreachable,
        ),
        // She may come in, and make nothing.
        (
            format!("postgres://ana:right%3Ap%40ss@127.0.0.1:{port}/postgres"),
            Trouble::Denied,
        ),
    ] {
        for mode in ["disable", "prefer"] {
            let error = load(&family(), &format!("{url}?sslmode={mode}")).unwrap_err();
            assert_eq!(trouble(&error), Some(expected), "{}", text(&error));
            let text = text(&error);
            assert!(!text.contains("canary") && !text.contains("p@ss"), "{text}");
        }
    }
}

#[test]
fn tls_goes_as_far_as_it_is_asked_to() {
    let Some(shop) = Shop::open("tls_goes_as_far") else {
        return;
    };
    let ca = env::var("LAKESEED_TEST_POSTGRES_CA").unwrap();
    let runs = |mode: &str, ca: Option<String>| {
        let options = PostgresOptions {
            patience: Duration::from_secs(20),
            environment: Environment::new(move |name| {
                ca.clone().filter(|_| name == "PGSSLROOTCERT")
            }),
        };
        let url = shop
            .url()
            .replace("sslmode=disable", &format!("sslmode={mode}"));
        Postgres::new(&url, &options).unwrap().runs()
    };
    for (mode, ca) in [
        ("prefer", None),
        ("require", None),
        ("require", Some(ca.clone())),
        ("verify-full", Some(ca.clone())),
    ] {
        runs(mode, ca).unwrap();
    }
    let error = runs("verify-full", None).unwrap_err();
    assert_eq!(
        trouble(&error),
        Some(Trouble::Untrusted),
        "{}",
        text(&error)
    );
    // A server that has no TLS, which this one says of a line without it.
    let lines = "SELECT count(*) FROM pg_hba_file_rules WHERE type = 'host'";
    assert_eq!(shop.ask(lines), "2");
}

#[test]
fn tables_with_other_columns_are_refused_and_stay() {
    let Some(shop) = Shop::open("tables_with_other_columns") else {
        return;
    };
    let to = postgres_at(&shop.url());
    let plan = plan_of("parents", parents());
    let append = || Load::new(&plan, &to).if_exists(IfExists::Append).run();
    for (columns, named) in [
        ("id bigint", "`name`"),
        ("id bigint, name text, more text", "`more`"),
        ("id integer, name text", "`id`"),
        ("id bigint, name char(20)", "`name`"),
    ] {
        shop.ask(&format!(
            "DROP TABLE IF EXISTS parents; CREATE TABLE parents ({columns})"
        ));
        let error = append().unwrap_err();
        assert!(matches!(error, Error::OtherPlan { .. }), "{error}");
        assert!(text(&error).contains(named), "{error}");
        assert_eq!(shop.ask("SELECT count(*) FROM parents"), "0");
    }
    shop.ask("DROP TABLE parents; CREATE VIEW parents AS SELECT 1 AS id");
    assert!(matches!(append().unwrap_err(), Error::OtherPlan { .. }));
    // In another order, and wider.
    shop.ask("DROP VIEW parents; CREATE TABLE parents (name varchar(90), id bigint)");
    append().unwrap();
    let sum = (PARENTS * (PARENTS + 1) / 2).to_string();
    assert_eq!(
        shop.ask("SELECT sum(id) FROM parents WHERE name = 'parent ' || id"),
        sum
    );
}

#[test]
fn keys_that_stand_already_are_told_with_table_and_rows() {
    let Some(shop) = Shop::open("keys_that_stand_already") else {
        return;
    };
    shop.ask("CREATE TABLE parents (id bigint PRIMARY KEY, name text); INSERT INTO parents VALUES (9, 'x')");
    let (plan, to) = (plan_of("parents", parents()), postgres_at(&shop.url()));
    let error = Load::new(&plan, &to)
        .if_exists(IfExists::Append)
        .run()
        .unwrap_err();
    let text = text(&error);
    for part in ["table `parents`, rows 0..50", "Key (id)=(9)", "line 9"] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(shop.ask("SELECT count(*) FROM parents"), "1");
    shop.ask("DELETE FROM parents");
    Load::new(&plan, &to)
        .if_exists(IfExists::Append)
        .run()
        .unwrap();
    assert_eq!(
        shop.ask("SELECT count(*) FROM parents"),
        PARENTS.to_string()
    );
}

#[test]
fn two_at_once_do_not_mix() {
    let Some(shop) = Shop::open("two_at_once") else {
        return;
    };
    let urls = [shop.url(), shop.url()];
    let done: Vec<_> = std::thread::scope(|scope| {
        let started = urls
            .each_ref()
            .map(|url| scope.spawn(|| load(&family(), url)));
        started.map(|run| run.join().unwrap()).into_iter().collect()
    });
    // One waits for the other, or is refused where that takes long.
    assert!(done.iter().any(Result::is_ok));
    for failed in done.iter().filter_map(|done| done.as_ref().err()) {
        assert!(matches!(failed, Error::InUse { .. }), "{failed}");
    }
    super::holds_the_family(&shop);
}
