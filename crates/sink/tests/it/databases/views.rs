//! Views over the tables of a load: made last, once, and gone with their tables.

use std::env;

use lakeseed_sink::Error;
use lakeseed_sink::databases::{IfExists, LoadPlan, ViewToMake};

use super::{MariadbShop, PLACE, PostgresShop, Shop, kill_at, pets, text};

/// Pets with two views, one of which asks the other, by names in double quotes.
fn with_views<S: Shop>() -> LoadPlan<'static> {
    let plan = S::plan().data_id("pets").table(pets("id"));
    let even = "SELECT \"id\" AS \"select\" FROM pets WHERE id % 2 = 0";
    let even = ViewToMake::new("even \"pets\"", even).about("it's those of even numbers");
    let query = "SELECT COUNT(*) AS pets FROM \"even \"\"pets\"\"\"";
    plan.view(even)
        .view(ViewToMake::new("counted", query))
        .build()
        .unwrap()
}

fn without<S: Shop>() -> LoadPlan<'static> {
    let plan = S::plan().data_id("pets").table(pets("id"));
    plan.build().unwrap()
}

fn views<S: Shop>(shop: &S) -> u64 {
    let ask = "SELECT COUNT(*) FROM information_schema.views WHERE table_schema = ";
    shop.ask(&format!("{ask}{}", S::HERE)).parse().unwrap()
}

fn made<S: Shop>(shop: &S, plan: &LoadPlan<'_>, if_exists: IfExists) -> u64 {
    let done = shop.load(plan, if_exists).unwrap();
    assert_eq!((done.rows, done.views), (10, plan.views().len() as u64));
    assert_eq!(shop.ask("SELECT COUNT(*) FROM pets"), "10");
    done.made_views
}

fn come_last_and_go_first<S: Shop>(shop: &S) {
    let (with, without) = (with_views::<S>(), without::<S>());
    assert_eq!(with.id(), without.id(), "rows are the same");
    assert_eq!(made(shop, &without, IfExists::Fail), 0);
    // Two later, none again, and one that somebody has dropped.
    assert_eq!(made(shop, &with, IfExists::Fail), 2);
    assert_eq!(shop.ask("SELECT pets FROM counted"), "5");
    let again = shop.load(&with, IfExists::Fail).unwrap();
    assert!(!again.is_written() && again.views == 2);
    shop.ask("DROP VIEW counted");
    assert_eq!(made(shop, &with, IfExists::Fail), 1);
    assert_eq!(shop.ask("SELECT pets FROM counted"), "5");
    // Without them nobody looks after them.
    assert_eq!(made(shop, &without, IfExists::Fail), 0);
    assert_eq!(views(shop), 2);
    assert_eq!(made(shop, &with, IfExists::Replace), 2);
    assert_eq!(made(shop, &without, IfExists::Replace), 0);
    assert_eq!(
        (views(shop), shop.ask("SELECT COUNT(*) FROM lakeseed_views")),
        (0, "0".to_owned())
    );
    // Another load of the table takes them along.
    assert_eq!(made(shop, &with, IfExists::Fail), 2);
    let other = S::plan()
        .data_id("others")
        .table(pets("id"))
        .build()
        .unwrap();
    assert_eq!(made(shop, &other, IfExists::Replace), 0);
    assert_eq!(views(shop), 0);
}

/// What is not ours stays, and so does all else.
fn names_that_are_taken_are_refused<S: Shop>(shop: &S) {
    let with = with_views::<S>();
    for (take, give_back) in [
        ("CREATE TABLE counted (x int)", "DROP TABLE counted"),
        ("CREATE VIEW counted AS SELECT 7 AS x", "DROP VIEW counted"),
    ] {
        shop.ask(take);
        for if_exists in [IfExists::Fail, IfExists::Append, IfExists::Replace] {
            let error = shop.load(&with, if_exists).unwrap_err();
            assert!(matches!(error, Error::OtherPlan { .. }), "{error}");
            assert!(text(&error).contains("`counted`"), "{error}");
        }
        let tables = "SELECT COUNT(*) FROM information_schema.tables \
                      WHERE table_name = 'pets' AND table_schema = ";
        assert_eq!(shop.ask(&format!("{tables}{}", S::HERE)), "0");
        shop.ask(give_back);
    }
    // Nor is one of ours by another statement, unless its tables go too.
    assert_eq!(made(shop, &with, IfExists::Fail), 2);
    let plan = S::plan().data_id("pets").table(pets("id"));
    let newer = ViewToMake::new("counted", "SELECT 8 AS pets FROM pets");
    let newer = plan.view(newer).build().unwrap();
    let error = shop.load(&newer, IfExists::Fail).unwrap_err();
    assert!(text(&error).contains("another statement"), "{error}");
    assert_eq!(shop.ask("SELECT pets FROM counted"), "5");
    assert_eq!(made(shop, &newer, IfExists::Replace), 1);
    assert_eq!(views(shop), 1);
    let twice = S::plan().table(pets("id"));
    let twice = twice.view(ViewToMake::new("pets", "SELECT 1")).build();
    assert!(matches!(twice, Err(Error::Invalid { .. })));
    // A statement that the system does not understand leaves the rows, and no name of ours.
    let plan = S::plan().data_id("pets").table(pets("id"));
    let wrong = ViewToMake::new("wrong", "SELECT no_such_column FROM pets");
    let wrong = plan.view(wrong).build().unwrap();
    let error = shop.load(&wrong, IfExists::Replace).unwrap_err();
    let Error::Incomplete {
        proven, pending, ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!(
        (*proven, pending.as_slice()),
        (1, &["views".to_owned()][..])
    );
    assert!(text(&error).contains("view `wrong`"), "{}", text(&error));
    assert_eq!(
        shop.ask("SELECT COUNT(*) FROM lakeseed_views WHERE view_name = 'wrong'"),
        "0"
    );
    assert_eq!(made(shop, &with, IfExists::Fail), 2);
}

fn child<S: Shop>() {
    if let Ok(place) = env::var(PLACE) {
        let shop = S::again(place);
        let done = shop.load(&with_views::<S>(), IfExists::Replace);
        // The tables are the parent's.
        std::mem::forget(shop);
        done.unwrap();
    }
}

/// Killed at each step, while views of an earlier load are dropped and while they are made.
fn go_on_after_a_kill<S: Shop>(child: &str, points: &[&str]) {
    for (at, point) in points.iter().enumerate() {
        let Some(shop) = S::open(&format!("views_killed_{at}")) else {
            return;
        };
        let with = with_views::<S>();
        assert_eq!(made(&shop, &with, IfExists::Fail), 2);
        kill_at(child, shop.place(), point);
        let if_exists = if point.contains("dropped") {
            IfExists::Replace
        } else {
            IfExists::Fail
        };
        made(&shop, &with, if_exists);
        assert_eq!(views(&shop), 2, "{point}");
        assert_eq!(shop.ask("SELECT pets FROM counted"), "5", "{point}");
    }
}

#[test]
fn views_come_last_and_go_first_in_postgres() {
    if let Some(shop) = PostgresShop::open("views_come_last") {
        come_last_and_go_first(&shop);
        shop.load(&with_views::<PostgresShop>(), IfExists::Replace)
            .unwrap();
        let about = "SELECT obj_description('\"even \"\"pets\"\"\"'::regclass)";
        assert_eq!(shop.ask(about), "it's those of even numbers");
    }
}

#[test]
fn views_come_last_and_go_first_in_mariadb() {
    if let Some(shop) = MariadbShop::open("views_come_last") {
        come_last_and_go_first(&shop);
    }
}

#[test]
fn names_of_views_that_are_taken_are_refused_in_postgres() {
    if let Some(shop) = PostgresShop::open("views_taken") {
        names_that_are_taken_are_refused(&shop);
    }
}

#[test]
fn names_of_views_that_are_taken_are_refused_in_mariadb() {
    if let Some(shop) = MariadbShop::open("views_taken") {
        names_that_are_taken_are_refused(&shop);
    }
}

/// Loads on behalf of a test below; nothing when it is run by name.
#[test]
fn child_in_postgres() {
    child::<PostgresShop>();
}

/// Loads on behalf of a test below; nothing when it is run by name.
#[test]
fn child_in_mariadb() {
    child::<MariadbShop>();
}

#[test]
fn views_go_on_after_a_kill_in_postgres() {
    let points = [
        "load.tables.made:1",
        "load.complete:1",
        "load.view.made:1",
        "load.views.made:1",
    ];
    go_on_after_a_kill::<PostgresShop>("databases::views::child_in_postgres", &points);
}

#[test]
fn views_go_on_after_a_kill_in_mariadb() {
    let points = [
        "load.view.dropped:1",
        "load.view.dropped:2",
        "load.complete:1",
        "load.view.written:1",
        "load.view.made:1",
        "load.view.written:2",
        "load.views.made:1",
    ];
    go_on_after_a_kill::<MariadbShop>("databases::views::child_in_mariadb", &points);
}
