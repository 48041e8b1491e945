//! Rows that tables cannot hold: told with their place, and none of them half loaded.

use lakeseed_sink::databases::{IfExists, Load};

use super::family::{PARENTS, at, children_of, complete_runs, family_with, load, parents, plan_of};
use super::{MariadbShop, PostgresShop, Shop, text};
use crate::mysql::forbidden::without_local;

/// A table that cannot hold all rows, and what is told of it.
type Narrow = (&'static str, &'static [&'static str]);

/// None of the part stays. `widen` makes room in the last of the tables.
fn refused_rows_leave_nothing<S: Shop>(shop: &S, url: &str, tables: &[Narrow], widen: &str) {
    let (plan, to) = (plan_of::<S>("parents", parents()), at::<S>(url));
    let append = || {
        let run = Load::new(&plan, to.as_ref()).if_exists(IfExists::Append);
        run.run()
    };
    for (table, parts) in tables {
        shop.ask(&format!(
            "DROP TABLE IF EXISTS parents; CREATE TABLE parents ({table}); \
             INSERT INTO parents VALUES (9, 'x')"
        ));
        let told = text(&append().unwrap_err());
        for part in *parts {
            assert!(told.contains(part), "{table}: {told}");
        }
        assert_eq!(shop.ask("SELECT count(*) FROM parents"), "1", "{table}");
        assert_eq!(shop.ask("SELECT count(*) FROM lakeseed_ledger"), "0");
    }
    // The same load goes on where the table was widened.
    shop.ask(&format!("ALTER TABLE parents {widen}; DELETE FROM parents"));
    for made in [PARENTS, 0] {
        assert_eq!(append().unwrap().made_rows, made);
        let rows = PARENTS.to_string();
        assert_eq!(shop.ask("SELECT count(*) FROM parents"), rows);
    }
}

#[test]
fn rows_that_a_table_cannot_hold_are_told_and_leave_nothing_in_postgres() {
    let Some(shop) = PostgresShop::open("rows_that_a_table_cannot_hold") else {
        return;
    };
    let tables: [Narrow; 3] = [
        (
            "id bigint PRIMARY KEY, name text",
            &["table `parents`, rows 0..50", "Key (id)=(9)", "line 9"],
        ),
        (
            "id bigint, name varchar(8)",
            &["rows 0..50", "character varying(8)", "line 10, column name"],
        ),
        (
            "id bigint, name varchar(90) CONSTRAINT narrow CHECK (name <> 'parent 7')",
            &["rows 0..50", "\"narrow\"", "line 7"],
        ),
    ];
    refused_rows_leave_nothing(&shop, &shop.url(), &tables, "DROP CONSTRAINT narrow");
}

/// How the server tells of them, and what makes room.
const MARIADB_TABLES: [Narrow; 3] = [
    (
        "id bigint PRIMARY KEY, name text CHARACTER SET utf8mb4",
        &["table `parents`, rows 0..50", "Duplicate entry '9'"],
    ),
    (
        "id bigint, name varchar(8) CHARACTER SET utf8mb4",
        &["row 9", "for column 'name'"],
    ),
    (
        "id bigint, name varchar(90) CHARACTER SET utf8mb4, \
         CONSTRAINT narrow CHECK (name <> 'parent 7')",
        &["rows 0..50", "narrow"],
    ),
];
const MARIADB_WIDEN: &str = "DROP CONSTRAINT narrow, MODIFY name varchar(90) CHARACTER SET utf8mb4";

#[test]
fn rows_that_a_table_cannot_hold_are_told_and_leave_nothing_in_mariadb() {
    if let Some(shop) = MariadbShop::open("rows_that_a_table_cannot_hold") {
        refused_rows_leave_nothing(&shop, &shop.url(), &MARIADB_TABLES, MARIADB_WIDEN);
    }
}

#[test]
fn rows_by_insert_that_a_table_cannot_hold_leave_nothing_too_in_mariadb() {
    if let Some(shop) = MariadbShop::open("rows_by_insert_that_a_table") {
        let url = shop.url_at(without_local(shop.port()));
        refused_rows_leave_nothing(&shop, &url, &MARIADB_TABLES, MARIADB_WIDEN);
    }
}

/// Rows stand, and keys do not, until the parent is there.
fn an_orphan_is_told<S: Shop>(shop: &S, parts: &[&str]) {
    let plan = family_with::<S>(children_of(0..200, PARENTS + 1));
    for _ in 0..2 {
        let told = text(&load::<S>(&plan, &shop.url()).unwrap_err());
        for part in parts {
            assert!(told.contains(part), "{told}");
        }
        assert_eq!(complete_runs(shop), "1|0");
    }
    shop.ask("INSERT INTO parents VALUES (51, 'found')");
    load::<S>(&plan, &shop.url()).unwrap();
    assert_eq!(complete_runs(shop), "1|1");
}

#[test]
fn an_orphan_is_told_and_the_load_stays_incomplete_in_postgres() {
    if let Some(shop) = PostgresShop::open("an_orphan") {
        let parts = ["keys and comments", "Key (parent_id)=(51)", "\"parents\""];
        an_orphan_is_told(&shop, &parts);
    }
}

#[test]
fn an_orphan_is_told_and_the_load_stays_incomplete_in_mariadb() {
    if let Some(shop) = MariadbShop::open("an_orphan") {
        let parts = [
            "keys and comments",
            "table `children`",
            "holds 51",
            "`parents`",
        ];
        an_orphan_is_told(&shop, &parts);
    }
}
