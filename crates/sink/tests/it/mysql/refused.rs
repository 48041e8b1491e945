//! What keeps a load from being: told in one error, without a password, and nothing half loaded.

use std::env;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use lakeseed_sink::databases::ddl::Dialect;
use lakeseed_sink::databases::mysql::{Mysql, MysqlOptions};
use lakeseed_sink::databases::{IfExists, Load, LoadPlan, TableToLoad};
use lakeseed_sink::{BatchSource, Environment, Error, Trouble};

use super::forbidden::without_local;
use super::server::Shop;
use super::{PARENTS, family, load, mysql_at, parents, plan_of, text};

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
            format!("mysql://ana:canary-Pa55word@127.0.0.1:{port}/shop"),
            Trouble::Denied,
        ),
        (
            format!("mysql://ana@127.0.0.1:{port}/shop"),
            Trouble::Denied,
        ),
        (
            format!("mysql://root@127.0.0.1:{port}/nowhere"),
            Trouble::Missing,
        ),
        (
            "mysql://ana:canary-Pa55word@127.0.0.1:1/shop".to_owned(),
            Trouble::Unreachable,
        ),
        // She may come in, and see nothing.
        (
            format!("mysql://ana:right%3Ap%40ss@127.0.0.1:{port}/shop"),
            Trouble::Denied,
        ),
    ] {
        for mode in ["DISABLED", "PREFERRED", "REQUIRED"] {
            let error = load(&family(), &format!("{url}?ssl-mode={mode}")).unwrap_err();
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
    let ca = env::var("LAKESEED_TEST_MARIADB_CA").unwrap();
    // She must come by TLS.
    let runs = |query: &str| {
        let options = MysqlOptions {
            patience: Duration::from_secs(20),
            environment: Environment::new(|_| None),
        };
        let url = format!(
            "mysql://eva:right%3Ap%40ss@127.0.0.1:{}/shop?{query}",
            shop.port()
        );
        Mysql::new(&url, &options).unwrap().runs()
    };
    for query in [
        String::new(),
        "ssl-mode=REQUIRED".to_owned(),
        format!("ssl-mode=REQUIRED&ssl-ca={ca}"),
        format!("ssl-ca={ca}"),
        format!("ssl-mode=VERIFY_IDENTITY&ssl-ca={ca}"),
    ] {
        runs(&query).unwrap();
    }
    for (query, expected) in [
        ("ssl-mode=VERIFY_IDENTITY", Trouble::Untrusted),
        ("ssl-mode=DISABLED", Trouble::Denied),
    ] {
        let error = runs(query).unwrap_err();
        assert_eq!(trouble(&error), Some(expected), "{}", text(&error));
    }
}

#[test]
fn a_socket_leads_there_too() {
    let Some(shop) = Shop::open("a_socket_leads_there") else {
        return;
    };
    let socket = env::var("LAKESEED_TEST_MARIADB_SOCKET").unwrap();
    let url = format!("mysql://root@/{}?socket={socket}", shop.database());
    load(&family(), &url).unwrap();
    super::holds_the_family(&shop);
}

#[test]
fn tables_with_other_columns_are_refused_and_stay() {
    let Some(shop) = Shop::open("tables_with_other_columns") else {
        return;
    };
    let to = mysql_at(&shop.url());
    let plan = plan_of("parents", parents());
    let append = || Load::new(&plan, &to).if_exists(IfExists::Append).run();
    for (columns, named) in [
        ("id bigint", "`name`"),
        ("id bigint, name text, more text", "`more`"),
        ("id integer, name text", "`id`"),
        ("id bigint unsigned, name text", "`id`"),
        ("id bigint, name char(20)", "`name`"),
        ("id bigint, name varchar(90) CHARACTER SET latin1", "latin1"),
    ] {
        shop.ask(&format!(
            "DROP TABLE IF EXISTS parents; CREATE TABLE parents ({columns}) CHARSET utf8mb4"
        ));
        let error = append().unwrap_err();
        assert!(matches!(error, Error::OtherPlan { .. }), "{error}");
        assert!(text(&error).contains(named), "{error}");
        assert_eq!(shop.ask("SELECT count(*) FROM parents"), "0");
    }
    shop.ask("DROP TABLE parents; CREATE VIEW parents AS SELECT 1 AS id");
    assert!(matches!(append().unwrap_err(), Error::OtherPlan { .. }));
    shop.ask("DROP VIEW parents; CREATE TABLE parents (id bigint, name text) ENGINE=MyISAM CHARSET utf8mb4");
    let error = append().unwrap_err();
    assert!(text(&error).contains("InnoDB"), "{error}");
    // In another order, and wider.
    shop.ask(
        "DROP TABLE parents; CREATE TABLE parents (name varchar(290), id bigint) CHARSET utf8mb4",
    );
    append().unwrap();
    let sum = (PARENTS * (PARENTS + 1) / 2).to_string();
    assert_eq!(
        shop.ask("SELECT sum(id) FROM parents WHERE name = CONCAT('parent ', id)"),
        sum
    );
}

/// What becomes of a load into a table that cannot hold all of its rows: none of the part stays.
fn refused_rows(shop: &Shop, url: &str) {
    let (plan, to) = (plan_of("parents", parents()), mysql_at(url));
    let append = || Load::new(&plan, &to).if_exists(IfExists::Append).run();
    for (table, parts) in [
        (
            "id bigint PRIMARY KEY, name text",
            ["table `parents`, rows 0..50", "Duplicate entry '9'"],
        ),
        ("id bigint, name varchar(8)", ["row 9", "for column 'name'"]),
        (
            "id bigint, name varchar(90) CHECK (name <> 'parent 7')",
            ["rows 0..50", "CONSTRAINT"],
        ),
    ] {
        shop.ask(&format!(
            "DROP TABLE IF EXISTS parents; CREATE TABLE parents ({table}) CHARSET utf8mb4; \
             INSERT INTO parents VALUES (9, 'x')"
        ));
        let error = append().unwrap_err();
        let told = text(&error);
        for part in parts {
            assert!(told.contains(part), "{table}: {told}");
        }
        assert_eq!(shop.ask("SELECT count(*) FROM parents"), "1", "{table}");
        assert_eq!(shop.ask("SELECT count(*) FROM lakeseed_ledger"), "0");
    }
    // The same load goes on where the table was widened.
    shop.ask("ALTER TABLE parents DROP CONSTRAINT IF EXISTS name, MODIFY name varchar(90); DELETE FROM parents");
    append().unwrap();
    let rows = PARENTS.to_string();
    assert_eq!(shop.ask("SELECT count(*) FROM parents"), rows);
    assert_eq!(append().unwrap().made_rows, 0);
    assert_eq!(shop.ask("SELECT count(*) FROM parents"), rows);
}

#[test]
fn rows_that_a_table_cannot_hold_are_told_and_leave_nothing() {
    let Some(shop) = Shop::open("rows_that_a_table_cannot_hold") else {
        return;
    };
    refused_rows(&shop, &shop.url());
}

#[test]
fn rows_by_insert_that_a_table_cannot_hold_leave_nothing_too() {
    let Some(shop) = Shop::open("rows_by_insert_that_a_table") else {
        return;
    };
    refused_rows(&shop, &shop.url_at(without_local(shop.port())));
}

#[test]
fn an_orphan_is_told_and_the_load_stays_incomplete() {
    let Some(shop) = Shop::open("an_orphan") else {
        return;
    };
    let plan = super::family_with(super::children_of(0..200, PARENTS + 1));
    for _ in 0..2 {
        let error = load(&plan, &shop.url()).unwrap_err();
        let told = text(&error);
        for part in [
            "keys and comments",
            "table `children`",
            "holds 51",
            "`parents`",
        ] {
            assert!(told.contains(part), "{told}");
        }
        assert_eq!(shop.ask("SELECT is_complete FROM lakeseed_runs"), "0");
    }
    shop.ask("INSERT INTO parents VALUES (51, 'found')");
    load(&plan, &shop.url()).unwrap();
    assert_eq!(shop.ask("SELECT is_complete FROM lakeseed_runs"), "1");
}

#[test]
fn a_replace_that_others_depend_on_changes_nothing() {
    let Some(shop) = Shop::open("a_replace_that_others") else {
        return;
    };
    load(&family(), &shop.url()).unwrap();
    shop.ask("CREATE TABLE theirs (id bigint, FOREIGN KEY (id) REFERENCES parents (id))");
    let (plan, to) = (family(), mysql_at(&shop.url()));
    let error = Load::new(&plan, &to)
        .if_exists(IfExists::Replace)
        .run()
        .unwrap_err();
    assert!(text(&error).contains("`theirs`"), "{error}");
    super::holds_the_family(&shop);
    shop.ask("DROP TABLE theirs");
}

#[test]
fn a_table_that_cannot_be_made_leaves_nothing() {
    let Some(shop) = Shop::open("a_table_that_cannot") else {
        return;
    };
    // More columns of texts than a row of the server may have.
    let names: Vec<String> = (0..70).map(|at| format!("c{at}")).collect();
    let text_column = || Arc::new(StringArray::from(vec!["x"])) as ArrayRef;
    let columns = names.iter().map(|name| (name.as_str(), text_column()));
    let wide = RecordBatch::try_from_iter(columns).unwrap();
    let tables = [("narrow", parents()), ("wide", wide)];
    let mut plan = LoadPlan::builder().dialect(Dialect::Mysql);
    for (name, batch) in tables {
        let rows = batch.num_rows() as u64;
        plan = plan.table(TableToLoad::new(name, BatchSource::new(batch), 0..rows));
    }
    let error = load(&plan.build().unwrap(), &shop.url()).unwrap_err();
    assert!(
        text(&error).contains("Row size too large"),
        "{}",
        text(&error)
    );
    let left = "SELECT group_concat(table_name ORDER BY 1) FROM information_schema.tables \
                WHERE table_schema = DATABASE()";
    assert_eq!(shop.ask(left), "lakeseed_ledger,lakeseed_runs");
    assert_eq!(shop.ask("SELECT count(*) FROM lakeseed_runs"), "0");
}

#[test]
fn a_plan_for_another_system_is_refused() {
    let table = TableToLoad::new("parents", BatchSource::new(parents()), 0..PARENTS);
    let plan = LoadPlan::builder().table(table).build().unwrap();
    let error = load(&plan, "mysql://root@127.0.0.1:1/shop").unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error}");
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
