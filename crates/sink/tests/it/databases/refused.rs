//! What keeps a load from being: told in one error, without a password, and nothing half loaded.

use lakeseed_sink::databases::ddl::Dialect;
use lakeseed_sink::databases::{IfExists, LoadPlan, TableToLoad};
use lakeseed_sink::{BatchSource, Error, Trouble};

use super::family::{PARENTS, family, holds_the_family, load, parents, plan_of};
use super::{MariadbShop, PostgresShop, Shop, text};

pub(crate) fn trouble(error: &Error) -> Option<Trouble> {
    match error.cause() {
        Error::Remote { trouble, .. } => Some(*trouble),
        _ => None,
    }
}

/// By addresses without their queries; `queries` are those of each way to have TLS.
fn secrets_are_kept<S: Shop>(addresses: &[(String, Trouble)], queries: &[&str]) {
    for (address, expected) in addresses {
        for query in queries {
            let error = load::<S>(&family::<S>(), &format!("{address}?{query}")).unwrap_err();
            assert_eq!(trouble(&error), Some(*expected), "{}", text(&error));
            let text = format!("{} {error:?}", text(&error));
            assert!(!text.contains("canary") && !text.contains("p@ss"), "{text}");
        }
    }
}

#[test]
fn wrong_passwords_and_databases_are_told_without_the_password_in_postgres() {
    let Some(shop) = PostgresShop::open("wrong_passwords") else {
        return;
    };
    let port = shop.port();
    let here = |who: &str, database: &str| format!("postgres://{who}@127.0.0.1:{port}/{database}");
    let addresses = [
        (here("ana:canary-Pa55word", "postgres"), Trouble::Denied),
        (here("ana", "postgres"), Trouble::Denied),
        (here("ana:right%3Ap%40ss", "nowhere"), Trouble::Missing),
        (
            "postgres://ana:canary-Pa55word@127.0.0.1:1/postgres".to_owned(),
            Trouble::Unreachable,
        ),
        // She may come in, and make nothing.
        (here("ana:right%3Ap%40ss", "postgres"), Trouble::Denied),
    ];
    secrets_are_kept::<PostgresShop>(&addresses, &["sslmode=disable", "sslmode=prefer"]);
}

#[test]
fn wrong_passwords_and_databases_are_told_without_the_password_in_mariadb() {
    let Some(shop) = MariadbShop::open("wrong_passwords") else {
        return;
    };
    let port = shop.port();
    let here = |who: &str, database: &str| format!("mysql://{who}@127.0.0.1:{port}/{database}");
    let addresses = [
        (here("ana:canary-Pa55word", "shop"), Trouble::Denied),
        (here("ana", "shop"), Trouble::Denied),
        (here("root", "nowhere"), Trouble::Missing),
        (
            "mysql://ana:canary-Pa55word@127.0.0.1:1/shop".to_owned(),
            Trouble::Unreachable,
        ),
        // She may come in, and see nothing.
        (here("ana:right%3Ap%40ss", "shop"), Trouble::Denied),
    ];
    let modes = [
        "ssl-mode=DISABLED",
        "ssl-mode=PREFERRED",
        "ssl-mode=REQUIRED",
    ];
    secrets_are_kept::<MariadbShop>(&addresses, &modes);
}

/// Columns of a table that stands in the way, and what is told of them.
const OTHERS: [(&str, &str); 4] = [
    ("id bigint", "`name`"),
    ("id bigint, name text, more text", "`more`"),
    ("id integer, name text", "`id`"),
    ("id bigint, name char(20)", "`name`"),
];

/// `more` are such columns of this system; `charset` stands behind all of them.
fn other_columns_are_refused<S: Shop>(shop: &S, more: &[(&str, &str)], charset: &str) {
    let plan = plan_of::<S>("parents", parents());
    let append = || shop.load(&plan, IfExists::Append);
    for (columns, named) in OTHERS.iter().chain(more) {
        shop.ask(&format!(
            "DROP TABLE IF EXISTS parents; CREATE TABLE parents ({columns}) {charset}"
        ));
        let error = append().unwrap_err();
        assert!(matches!(error, Error::OtherPlan { .. }), "{error}");
        assert!(text(&error).contains(named), "{error}");
        assert_eq!(shop.ask("SELECT count(*) FROM parents"), "0");
    }
    shop.ask("DROP TABLE parents; CREATE VIEW parents AS SELECT 1 AS id");
    assert!(matches!(append().unwrap_err(), Error::OtherPlan { .. }));
    // In another order, and wider.
    let wider = "DROP VIEW parents; CREATE TABLE parents (name varchar(290), id bigint)";
    shop.ask(&format!("{wider} {charset}"));
    append().unwrap();
    let sum = (PARENTS * (PARENTS + 1) / 2).to_string();
    assert_eq!(
        shop.ask("SELECT sum(id) FROM parents WHERE name = CONCAT('parent ', id)"),
        sum
    );
}

#[test]
fn tables_with_other_columns_are_refused_and_stay_in_postgres() {
    if let Some(shop) = PostgresShop::open("tables_with_other_columns") {
        other_columns_are_refused(&shop, &[], "");
    }
}

#[test]
fn tables_with_other_columns_are_refused_and_stay_in_mariadb() {
    if let Some(shop) = MariadbShop::open("tables_with_other_columns") {
        let more = [
            ("id bigint unsigned, name text", "`id`"),
            ("id bigint, name varchar(90) CHARACTER SET latin1", "latin1"),
        ];
        other_columns_are_refused(&shop, &more, "CHARSET utf8mb4");
    }
}

/// `theirs` is how the table that is in the way is named.
fn what_others_depend_on_stays<S: Shop>(shop: &S, theirs: &str) {
    let plan = family::<S>();
    load::<S>(&plan, &shop.url()).unwrap();
    shop.ask("CREATE TABLE theirs (id bigint, FOREIGN KEY (id) REFERENCES parents (id))");
    let error = shop.load(&plan, IfExists::Replace).unwrap_err();
    assert!(text(&error).contains(theirs), "{}", text(&error));
    holds_the_family(shop);
    shop.ask("DROP TABLE theirs");
}

#[test]
fn a_replace_that_others_depend_on_changes_nothing_in_postgres() {
    if let Some(shop) = PostgresShop::open("a_replace_that_others") {
        what_others_depend_on_stays(&shop, "table theirs depends on");
    }
}

#[test]
fn a_replace_that_others_depend_on_changes_nothing_in_mariadb() {
    if let Some(shop) = MariadbShop::open("a_replace_that_others") {
        what_others_depend_on_stays(&shop, "`theirs`");
    }
}

/// It is seen before anybody is asked.
fn another_dialect_is_refused<S: Shop>(dialect: Dialect, nowhere: &str) {
    let table = TableToLoad::new("parents", BatchSource::new(parents()), 0..PARENTS);
    let plan = LoadPlan::builder().dialect(dialect).table(table);
    let error = load::<S>(&plan.build().unwrap(), nowhere).unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error}");
}

#[test]
fn a_plan_for_another_system_is_refused_in_postgres() {
    let nowhere = "postgres://postgres@127.0.0.1:1/postgres";
    another_dialect_is_refused::<PostgresShop>(Dialect::Mysql, nowhere);
}

#[test]
fn a_plan_for_another_system_is_refused_in_mariadb() {
    let nowhere = "mysql://root@127.0.0.1:1/shop";
    another_dialect_is_refused::<MariadbShop>(Dialect::Postgres, nowhere);
}

fn two_do_not_mix<S: Shop>(shop: &S) {
    let done: Vec<_> = std::thread::scope(|scope| {
        let run = || load::<S>(&family::<S>(), &shop.url());
        let started = [scope.spawn(run), scope.spawn(run)];
        started.map(|run| run.join().unwrap()).into_iter().collect()
    });
    // One waits for the other, or is refused where that takes long.
    assert!(done.iter().any(Result::is_ok));
    for failed in done.iter().filter_map(|done| done.as_ref().err()) {
        assert!(matches!(failed, Error::InUse { .. }), "{failed}");
    }
    holds_the_family(shop);
}

#[test]
fn two_at_once_do_not_mix_in_postgres() {
    if let Some(shop) = PostgresShop::open("two_at_once") {
        two_do_not_mix(&shop);
    }
}

#[test]
fn two_at_once_do_not_mix_in_mariadb() {
    if let Some(shop) = MariadbShop::open("two_at_once") {
        two_do_not_mix(&shop);
    }
}
