//! A load that ends itself at each step goes on, and every row is there once.
//!
//! The kills are those of child processes: this test binary starts itself with the name of a test that
//! loads on behalf of another.

use std::env;

use lakeseed_sink::Error;
use lakeseed_sink::databases::{IfExists, Load};

use super::family::{at, family, holds_the_family, load, verified};
use super::{MariadbShop, PLACE, PostgresShop, Shop, kill_at};

/// Loads on behalf of a test below; nothing when it is run by name.
fn child<S: Shop>(if_exists: IfExists) {
    if let Ok(place) = env::var(PLACE) {
        let shop = S::again(place);
        let (plan, to) = (family::<S>(), at::<S>(&shop.url()));
        let run = Load::new(&plan, to.as_ref()).if_exists(if_exists);
        let done = run.threads(2).run();
        // The tables are the parent's.
        std::mem::forget(shop);
        done.unwrap();
    }
}

#[test]
fn child_in_postgres() {
    child::<PostgresShop>(IfExists::Fail);
}

#[test]
fn child_in_mariadb() {
    child::<MariadbShop>(IfExists::Fail);
}

#[test]
fn replacing_child_in_postgres() {
    child::<PostgresShop>(IfExists::Replace);
}

#[test]
fn replacing_child_in_mariadb() {
    child::<MariadbShop>(IfExists::Replace);
}

/// Each step, by its first hit or a later one. All of them are named in the code.
fn goes_on_after_a_kill<S: Shop>(child: &str, points: &[&str]) {
    for (at, point) in points.iter().enumerate() {
        let Some(shop) = S::open(&format!("killed_{at}")) else {
            return;
        };
        kill_at(child, shop.place(), point);
        let plan = family::<S>();
        let done = load::<S>(&plan, &shop.url()).unwrap();
        assert_eq!(done.rows, plan.rows().unwrap(), "{point}");
        holds_the_family(&shop);
        let found = verified::<S>(&[plan], &shop.url()).unwrap();
        assert!(found.findings.is_empty(), "{point}: {:?}", found.findings);
    }
}

#[test]
fn a_load_killed_at_any_step_goes_on_in_postgres() {
    let points = [
        "load.tables.made:1",
        "load.begun:1",
        "load.part.sent:1",
        "load.part.sent:3",
        "load.part.recorded:2",
        "load.part.committed:2",
        "load.keys.made:1",
        "load.complete:1",
    ];
    goes_on_after_a_kill::<PostgresShop>("databases::kill::child_in_postgres", &points);
}

#[test]
fn a_load_killed_at_any_step_goes_on_in_mariadb() {
    let points = [
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
    goes_on_after_a_kill::<MariadbShop>("databases::kill::child_in_mariadb", &points);
}

/// What was there is gone at a point, or not yet: then it is asked for once more.
fn a_replace_goes_on_after_a_kill<S: Shop>(child: &str, points: &[(&str, bool)]) {
    for (at, &(point, are_gone)) in points.iter().enumerate() {
        let Some(shop) = S::open(&format!("replace_killed_{at}")) else {
            return;
        };
        shop.ask(
            "CREATE TABLE parents (x int); INSERT INTO parents VALUES (1); \
             CREATE TABLE children (y int); INSERT INTO children VALUES (2)",
        );
        kill_at(child, shop.place(), point);
        let plan = family::<S>();
        let done = load::<S>(&plan, &shop.url());
        if are_gone {
            assert!(done.unwrap().is_continued, "{point}");
        } else {
            let error = done.unwrap_err();
            assert!(matches!(error, Error::OtherPlan { .. }), "{error}");
            assert_eq!(shop.ask("SELECT x FROM parents"), "1");
            shop.load(&plan, IfExists::Replace).unwrap();
        }
        holds_the_family(&shop);
    }
}

/// All of it is one transaction here.
#[test]
fn a_replace_killed_while_tables_are_dropped_goes_on_in_postgres() {
    let points = [("load.tables.made:1", false), ("load.begun:1", true)];
    let child = "databases::kill::replacing_child_in_postgres";
    a_replace_goes_on_after_a_kill::<PostgresShop>(child, &points);
}

#[test]
fn a_replace_killed_while_tables_are_dropped_goes_on_in_mariadb() {
    let points = [
        ("load.table.dropped:1", false),
        ("load.table.dropped:2", true),
        ("load.table.made:1", true),
    ];
    let child = "databases::kill::replacing_child_in_mariadb";
    a_replace_goes_on_after_a_kill::<MariadbShop>(child, &points);
}
