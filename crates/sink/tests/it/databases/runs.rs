//! A load that is repeated, added to, replaced; and what `verify` finds when somebody has been there.

use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use lakeseed_sink::databases::ddl::Dialect;
use lakeseed_sink::databases::{IfExists, Load, LoadPlan, TableToLoad};
use lakeseed_sink::{BatchSource, Error, FindingKind, Observer};

use super::family::{
    PARENTS, ROWS, at, children, family, holds_the_family, load, parents, verified,
};
use super::{MariadbShop, PostgresShop, Shop, text};

/// `about` asks for the comments of the parents and of their first column.
fn a_second_load_adds_nothing<S: Shop>(shop: &S, about: &str) {
    let plan = family::<S>();
    let done = load::<S>(&plan, &shop.url()).unwrap();
    assert!(done.is_written() && !done.is_continued);
    assert_eq!(
        (done.rows, done.made_rows),
        (plan.rows().unwrap(), plan.rows().unwrap())
    );
    holds_the_family(shop);
    assert_eq!(shop.ask(about), "who has children|it's a number");
    let again = load::<S>(&plan, &shop.url()).unwrap();
    assert!(!again.is_written() && again.is_continued);
    assert_eq!((again.rows, again.made_rows), (plan.rows().unwrap(), 0));
    holds_the_family(shop);
    let found = verified::<S>(&[plan], &shop.url()).unwrap();
    assert!(found.findings.is_empty(), "{:?}", found.findings);
}

#[test]
fn keys_and_comments_stand_and_a_second_load_adds_nothing_in_postgres() {
    if let Some(shop) = PostgresShop::open("keys_and_comments_stand") {
        let about = "SELECT obj_description('parents'::regclass), \
                     col_description('parents'::regclass, 1)";
        a_second_load_adds_nothing(&shop, about);
    }
}

#[test]
fn keys_and_comments_stand_and_a_second_load_adds_nothing_in_mariadb() {
    if let Some(shop) = MariadbShop::open("keys_and_comments_stand") {
        let about = "SELECT t.table_comment, c.column_comment FROM information_schema.tables t \
                     JOIN information_schema.columns c USING (table_schema, table_name) WHERE \
                     table_schema = DATABASE() AND table_name = 'parents' AND column_name = 'id'";
        a_second_load_adds_nothing(&shop, about);
        let made = shop.ask("SHOW CREATE TABLE children");
        for part in [
            "ENGINE=InnoDB",
            "CHARSET=utf8mb4",
            "REFERENCES `parents` (`id`)",
        ] {
            assert!(made.contains(part), "{made}");
        }
    }
}

/// Raises the flag with the first part.
struct StopsAtOnce(AtomicBool);

impl Observer for StopsAtOnce {
    fn part_loaded(&self, _: usize, _: &str, _: u64, _: u64) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn a_stopped_load_goes_on<S: Shop>(shop: &S) {
    let (plan, to) = (family::<S>(), at::<S>(&shop.url()));
    let stops = StopsAtOnce(AtomicBool::new(false));
    let run = Load::new(&plan, to.as_ref()).observer(&stops);
    let error = run.stop(&stops.0).run().unwrap_err();
    assert!(error.is_stopped(), "{error}");
    let Error::Incomplete {
        proven, pending, ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!((*proven, pending.len()), (1, 3));
    assert_eq!(shop.ask("SELECT count(*) FROM lakeseed_ledger"), "1");
    let refused = verified::<S>(&[family::<S>()], &shop.url()).unwrap_err();
    assert!(matches!(refused, Error::Unfinished { .. }), "{refused}");
    let done = load::<S>(&plan, &shop.url()).unwrap();
    assert!(done.is_continued);
    assert_eq!((done.parts_found, done.rows), (1, plan.rows().unwrap()));
    holds_the_family(shop);
}

#[test]
fn a_stopped_load_keeps_whole_parts_and_goes_on_in_postgres() {
    if let Some(shop) = PostgresShop::open("a_stopped_load_goes_on") {
        a_stopped_load_goes_on(&shop);
    }
}

#[test]
fn a_stopped_load_keeps_whole_parts_and_goes_on_in_mariadb() {
    if let Some(shop) = MariadbShop::open("a_stopped_load_goes_on") {
        a_stopped_load_goes_on(&shop);
    }
}

/// Takes a table out of the run once the first part stands, as another load that replaces it does.
struct ReplacedMeanwhile<'s, S> {
    shop: &'s S,
    tables: &'s str,
}

impl<S: Shop> Observer for ReplacedMeanwhile<'_, S> {
    fn part_loaded(&self, _: usize, _: &str, _: u64, _: u64) {
        let tables = self.tables;
        self.shop
            .ask(&format!("UPDATE lakeseed_runs SET tables = {tables}"));
    }
}

/// `tables` are those of the run without the children.
fn a_replaced_table_gets_no_more_rows<S: Shop>(shop: &S, tables: &str) {
    let (plan, to) = (family::<S>(), at::<S>(&shop.url()));
    let other = ReplacedMeanwhile { shop, tables };
    let run = Load::new(&plan, to.as_ref()).observer(&other);
    let told = text(&run.run().unwrap_err());
    assert!(told.contains("replaced by another load"), "{told}");
    assert_eq!(shop.ask("SELECT count(*) FROM children"), "0");
    assert_eq!(
        shop.ask("SELECT count(*) FROM parents"),
        PARENTS.to_string()
    );
    assert_eq!(shop.ask("SELECT count(*) FROM lakeseed_ledger"), "1");
}

#[test]
fn a_table_that_is_replaced_meanwhile_gets_no_more_rows_in_postgres() {
    if let Some(shop) = PostgresShop::open("a_table_that_is_replaced_meanwhile") {
        a_replaced_table_gets_no_more_rows(&shop, "array_remove(tables, 'children')");
    }
}

#[test]
fn a_table_that_is_replaced_meanwhile_gets_no_more_rows_in_mariadb() {
    if let Some(shop) = MariadbShop::open("a_table_that_is_replaced_meanwhile") {
        a_replaced_table_gets_no_more_rows(&shop, "'[\"parents\"]'");
    }
}

/// Loses the first part of the children when it stands, as a server does in a crash that did not have to
/// keep it.
struct LosesAPart<'s, S> {
    shop: &'s S,
    is_lost: AtomicBool,
}

impl<S: Shop> Observer for LosesAPart<'_, S> {
    fn part_loaded(&self, table: usize, _: &str, _: u64, _: u64) {
        if table == 1 && !self.is_lost.swap(true, Ordering::SeqCst) {
            self.shop
                .ask("DELETE FROM lakeseed_ledger WHERE table_name = 'children'");
            self.shop.ask("DELETE FROM children");
        }
    }
}

fn a_part_that_is_lost_is_noticed<S: Shop>(shop: &S) {
    let (plan, to) = (family::<S>(), at::<S>(&shop.url()));
    let loses = LosesAPart {
        shop,
        is_lost: AtomicBool::new(false),
    };
    let run = Load::new(&plan, to.as_ref()).threads(1).observer(&loses);
    let error = run.run().unwrap_err();
    assert!(
        text(&error).contains("has lost 1 of the parts"),
        "{}",
        text(&error)
    );
    let refused = verified::<S>(&[family::<S>()], &shop.url()).unwrap_err();
    assert!(matches!(refused, Error::Unfinished { .. }), "{refused}");
    let done = load::<S>(&plan, &shop.url()).unwrap();
    assert_eq!((done.parts_found, done.rows), (3, plan.rows().unwrap()));
    holds_the_family(shop);
}

#[test]
fn a_part_that_the_server_has_lost_is_noticed_in_postgres() {
    if let Some(shop) = PostgresShop::open("a_part_that_is_lost") {
        a_part_that_is_lost_is_noticed(&shop);
    }
}

#[test]
fn a_part_that_the_server_has_lost_is_noticed_in_mariadb() {
    if let Some(shop) = MariadbShop::open("a_part_that_is_lost") {
        a_part_that_is_lost_is_noticed(&shop);
    }
}

fn more<S: Shop>() -> LoadPlan<'static> {
    let rows = ROWS + 5_000;
    let table = TableToLoad::new("children", BatchSource::new(children(0..rows)), ROWS..rows);
    let plan = S::plan().data_id("family v1").table(table);
    plan.build().unwrap()
}

fn rows_are_added<S: Shop>(shop: &S) {
    load::<S>(&family::<S>(), &shop.url()).unwrap();
    let more = more::<S>();
    let refused = shop.load(&more, IfExists::Fail).unwrap_err();
    assert!(matches!(refused, Error::OtherPlan { .. }), "{refused}");
    for made in [5_000, 0] {
        let done = shop.load(&more, IfExists::Append).unwrap();
        assert_eq!(done.made_rows, made);
        let rows = (ROWS + 5_000).to_string();
        assert_eq!(shop.ask("SELECT count(*) FROM children"), rows);
    }
    let found = verified::<S>(&[family::<S>(), more], &shop.url()).unwrap();
    assert!(found.findings.is_empty(), "{:?}", found.findings);
}

#[test]
fn rows_are_added_behind_others_and_verified_with_them_in_postgres() {
    if let Some(shop) = PostgresShop::open("rows_are_added") {
        rows_are_added(&shop);
    }
}

#[test]
fn rows_are_added_behind_others_and_verified_with_them_in_mariadb() {
    if let Some(shop) = MariadbShop::open("rows_are_added") {
        rows_are_added(&shop);
    }
}

fn tables_are_replaced<S: Shop>(shop: &S) {
    shop.ask("CREATE TABLE children (x text); INSERT INTO children VALUES ('theirs')");
    let plan = family::<S>();
    let refused = load::<S>(&plan, &shop.url()).unwrap_err();
    assert!(text(&refused).contains("table `children`"), "{refused}");
    assert_eq!(shop.ask("SELECT count(*) FROM children"), "1");
    for _ in 0..2 {
        let done = shop.load(&plan, IfExists::Replace).unwrap();
        assert_eq!(done.made_rows, plan.rows().unwrap());
        holds_the_family(shop);
    }
}

#[test]
fn tables_are_replaced_with_their_lines_in_the_ledger_in_postgres() {
    if let Some(shop) = PostgresShop::open("tables_are_replaced") {
        tables_are_replaced(&shop);
    }
}

#[test]
fn tables_are_replaced_with_their_lines_in_the_ledger_in_mariadb() {
    if let Some(shop) = MariadbShop::open("tables_are_replaced") {
        tables_are_replaced(&shop);
    }
}

/// `alter` gives the amounts another type.
fn what_has_changed_is_told<S: Shop>(shop: &S, alter: &str) {
    load::<S>(&family::<S>(), &shop.url()).unwrap();
    let kinds = || -> Vec<FindingKind> {
        let found = verified::<S>(&[family::<S>()], &shop.url()).unwrap();
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
    shop.ask(&format!("ALTER TABLE children {alter}"));
    assert_eq!(kinds(), [FindingKind::Columns]);
    shop.ask("DROP TABLE children");
    assert_eq!(kinds(), [FindingKind::Missing]);
}

#[test]
fn verify_tells_what_somebody_has_changed_in_postgres() {
    if let Some(shop) = PostgresShop::open("verify_tells") {
        what_has_changed_is_told(&shop, "ALTER amount TYPE numeric(12,1)");
    }
}

#[test]
fn verify_tells_what_somebody_has_changed_in_mariadb() {
    if let Some(shop) = MariadbShop::open("verify_tells") {
        what_has_changed_is_told(&shop, "MODIFY amount DECIMAL(12,1)");
    }
}

/// A name as the system's own statements have it.
fn quoted<S: Shop>(name: &str) -> String {
    let quote = match S::DIALECT {
        Dialect::Mysql => "`",
        _ => "\"",
    };
    format!("{quote}{}{quote}", name.replace(quote, &quote.repeat(2)))
}

/// `key` is a word that means something else where it stands alone.
fn names_are_taken_as_they_are<S: Shop>(shop: &S, key: &str) {
    let column = "a `b` \"c\" 'd'; -- \\";
    let name = "order `it's` \"so\" \\";
    let batch = parents();
    let schema = batch.schema();
    let fields = schema.fields().iter().zip([key, column]);
    let fields = fields.map(|(field, name)| field.as_ref().clone().with_name(name));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    let batch = RecordBatch::try_new(schema.into(), batch.columns().to_vec()).unwrap();
    let table = TableToLoad::new(name, BatchSource::new(batch), 0..PARENTS);
    let plan = S::plan().table(table.about("it's \\ \"so\""));
    let plan = plan.build().unwrap();
    load::<S>(&plan, &shop.url()).unwrap();
    let [column, name, key] = [column, name, key].map(quoted::<S>);
    let ask = format!("SELECT {column} FROM {name} WHERE {key} = 3");
    assert_eq!(shop.ask(&ask), "parent 3");
    let found = verified::<S>(&[plan], &shop.url()).unwrap();
    assert!(found.findings.is_empty(), "{:?}", found.findings);
}

#[test]
fn names_may_be_anything_in_postgres() {
    if let Some(shop) = PostgresShop::open("names_may_be_anything") {
        names_are_taken_as_they_are(&shop, "user");
    }
}

#[test]
fn names_may_be_anything_in_mariadb() {
    if let Some(shop) = MariadbShop::open("names_may_be_anything") {
        names_are_taken_as_they_are(&shop, "select");
    }
}
