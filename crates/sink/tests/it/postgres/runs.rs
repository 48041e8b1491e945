//! A load that is repeated, added to, replaced; and what `verify` finds when somebody has been there.

use std::sync::atomic::{AtomicBool, Ordering};

use lakeseed_sink::databases::{IfExists, Load, LoadPlan, TableToLoad};
use lakeseed_sink::{BatchSource, Error, FindingKind, Observer};

use super::server::Shop;
use super::{ROWS, children, family, holds_the_family, load, parents, postgres_at, text, verified};

#[test]
fn keys_and_comments_stand_and_a_second_load_adds_nothing() {
    let test = "keys_and_comments_stand";
    let Some(shop) = Shop::open(test) else {
        return;
    };
    let plan = family();
    let done = load(&plan, &shop.url()).unwrap();
    assert!(done.is_written() && !done.is_continued);
    assert_eq!(
        (done.rows, done.made_rows),
        (plan.rows().unwrap(), plan.rows().unwrap())
    );
    holds_the_family(&shop);
    let about = "SELECT obj_description('parents'::regclass), \
                 col_description('parents'::regclass, 1)";
    assert_eq!(shop.ask(about), "who has children|it's a number");
    let again = load(&plan, &shop.url()).unwrap();
    assert!(!again.is_written() && again.is_continued);
    assert_eq!((again.rows, again.made_rows), (plan.rows().unwrap(), 0));
    holds_the_family(&shop);
    assert!(verified(&[plan], &shop.url()).unwrap().findings.is_empty());
}

/// Raises the flag with the first part.
struct StopsAtOnce(AtomicBool);

impl Observer for StopsAtOnce {
    fn part_loaded(&self, _: usize, _: &str, _: u64, _: u64) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn a_stopped_load_keeps_whole_parts_and_goes_on() {
    let Some(shop) = Shop::open("a_stopped_load_goes_on") else {
        return;
    };
    let (plan, to) = (family(), postgres_at(&shop.url()));
    let stops = StopsAtOnce(AtomicBool::new(false));
    let run = Load::new(&plan, &to).observer(&stops).stop(&stops.0);
    let error = run.run().unwrap_err();
    assert!(error.is_stopped(), "{error}");
    let Error::Incomplete {
        proven, pending, ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!((*proven, pending.len()), (1, 3));
    assert_eq!(shop.ask("SELECT count(*) FROM lakeseed_ledger"), "1");
    let refused = verified(&[family()], &shop.url()).unwrap_err();
    assert!(matches!(refused, Error::Unfinished { .. }), "{refused}");
    let done = load(&plan, &shop.url()).unwrap();
    assert!(done.is_continued);
    assert_eq!((done.parts_found, done.rows), (1, plan.rows().unwrap()));
    holds_the_family(&shop);
}

/// Takes a table out of the run once the first part stands, as another load that replaces it does.
struct ReplacedMeanwhile(Shop);

impl Observer for ReplacedMeanwhile {
    fn part_loaded(&self, _: usize, _: &str, _: u64, _: u64) {
        self.0
            .ask("UPDATE lakeseed_runs SET tables = array_remove(tables, 'children')");
    }
}

#[test]
fn a_table_that_is_replaced_meanwhile_gets_no_more_rows() {
    let Some(shop) = Shop::open("a_table_that_is_replaced_meanwhile") else {
        return;
    };
    let (plan, to) = (family(), postgres_at(&shop.url()));
    let other = ReplacedMeanwhile(shop);
    let error = Load::new(&plan, &to).observer(&other).run().unwrap_err();
    let told = text(&error);
    assert!(told.contains("replaced by another load"), "{told}");
    assert_eq!(other.0.ask("SELECT count(*) FROM children"), "0");
    assert_eq!(
        other.0.ask("SELECT count(*) FROM parents"),
        super::PARENTS.to_string()
    );
    assert_eq!(other.0.ask("SELECT count(*) FROM lakeseed_ledger"), "1");
}

fn more() -> LoadPlan<'static> {
    let rows = ROWS + 5_000;
    let table = TableToLoad::new("children", BatchSource::new(children(0..rows)), ROWS..rows);
    LoadPlan::builder()
        .data_id("family v1")
        .table(table)
        .build()
        .unwrap()
}

#[test]
fn rows_are_added_behind_others_and_verified_with_them() {
    let Some(shop) = Shop::open("rows_are_added") else {
        return;
    };
    load(&family(), &shop.url()).unwrap();
    let (more, to) = (more(), postgres_at(&shop.url()));
    let refused = Load::new(&more, &to).run().unwrap_err();
    assert!(matches!(refused, Error::OtherPlan { .. }), "{refused}");
    for made in [5_000, 0] {
        let run = Load::new(&more, &to).if_exists(IfExists::Append);
        assert_eq!(run.run().unwrap().made_rows, made);
        let rows = (ROWS + 5_000).to_string();
        assert_eq!(shop.ask("SELECT count(*) FROM children"), rows);
    }
    let found = verified(&[family(), more], &shop.url()).unwrap();
    assert!(found.findings.is_empty(), "{:?}", found.findings);
}

#[test]
fn tables_are_replaced_with_their_lines_in_the_ledger() {
    let Some(shop) = Shop::open("tables_are_replaced") else {
        return;
    };
    shop.ask("CREATE TABLE children (x text); INSERT INTO children VALUES ('theirs')");
    let (plan, to) = (family(), postgres_at(&shop.url()));
    let refused = load(&plan, &shop.url()).unwrap_err();
    assert!(text(&refused).contains("table `children`"), "{refused}");
    assert_eq!(shop.ask("SELECT count(*) FROM children"), "1");
    for _ in 0..2 {
        let run = Load::new(&plan, &to).if_exists(IfExists::Replace);
        assert_eq!(run.run().unwrap().made_rows, plan.rows().unwrap());
        holds_the_family(&shop);
    }
}

#[test]
fn verify_tells_what_somebody_has_changed() {
    let Some(shop) = Shop::open("verify_tells") else {
        return;
    };
    load(&family(), &shop.url()).unwrap();
    let kinds = || -> Vec<FindingKind> {
        let found = verified(&[family()], &shop.url()).unwrap();
        found.findings.iter().map(|finding| finding.what).collect()
    };
    shop.ask("UPDATE parents SET name = 'somebody' WHERE id = 7");
    assert_eq!(kinds(), [FindingKind::AlteredRows]);
    shop.ask("UPDATE parents SET name = 'parent 7' WHERE id = 7");
    assert_eq!(kinds(), []);
    shop.ask("DELETE FROM children WHERE id = 70000");
    assert!(kinds().contains(&FindingKind::MissingRows));
    shop.ask("INSERT INTO children VALUES (-1, 1, 0), (-2, 1, 0)");
    assert!(kinds().contains(&FindingKind::SurplusRows));
    shop.ask("ALTER TABLE children ALTER amount TYPE numeric(12,1)");
    assert_eq!(kinds(), [FindingKind::Columns]);
    shop.ask("DROP TABLE children");
    assert_eq!(kinds(), [FindingKind::Missing]);
}

#[test]
fn names_may_be_anything() {
    let Some(shop) = Shop::open("names_may_be_anything") else {
        return;
    };
    let batch = parents();
    let names = ["user", "a \"b\" 'c'; --"];
    let fields: Vec<_> = batch
        .schema()
        .fields()
        .iter()
        .zip(names)
        .map(|(field, name)| field.as_ref().clone().with_name(name))
        .collect();
    let schema = arrow_schema::Schema::new(fields);
    let batch = arrow_array::RecordBatch::try_new(schema.into(), batch.columns().to_vec()).unwrap();
    let rows = batch.num_rows() as u64;
    let table = TableToLoad::new("select \"it's\"", BatchSource::new(batch), 0..rows);
    let plan = LoadPlan::builder()
        .table(table.about("it's \\ \"so\""))
        .build()
        .unwrap();
    load(&plan, &shop.url()).unwrap();
    let ask = "SELECT \"a \"\"b\"\" 'c'; --\" FROM \"select \"\"it's\"\"\" WHERE \"user\" = 3";
    assert_eq!(shop.ask(ask), "parent 3");
    assert!(verified(&[plan], &shop.url()).unwrap().findings.is_empty());
}
