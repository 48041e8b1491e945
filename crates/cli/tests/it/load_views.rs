//! `load --views`, with real servers: each view against the star of the same rows.
//!
//! The second path: `star` makes tables and indicators from Parquet files by another engine and other
//! statements. Values are compared, whatever their types: doubles to 1e-9, all else exactly.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;

use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use lakeseed_gen_core::find;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::support::{json, run, succeed};
use crate::{load, load_mysql};

/// A year and what follows, so that growth has a year before.
const RETAIL: &str = "retail -s 0.01 --end 2024-03-31";
const ASSESSMENTS: &str = "assessments -s 0.01 --dirt";

type Row = Vec<String>;

/// A server that answers.
pub(super) trait Server {
    fn url(&self) -> String;
    /// Columns apart by `|`.
    fn ask(&self, sql: &str) -> String;
    /// What the server calls the place where the tables are.
    const PLACE: &str;
    /// A name in a statement.
    fn quote(name: &str) -> String;
    /// A statement that counts the rows of a view, and looks at all of its columns.
    fn whole(view: &str) -> String;
}

impl Server for load::server::Shop {
    const PLACE: &str = "current_schema()";
    fn url(&self) -> String {
        self.url()
    }
    fn ask(&self, sql: &str) -> String {
        self.ask(sql)
    }
    fn quote(name: &str) -> String {
        format!("\"{name}\"")
    }
    fn whole(view: &str) -> String {
        format!("SELECT COUNT(v::text) FROM \"{view}\" AS v")
    }
}

impl Server for load_mysql::server::Shop {
    const PLACE: &str = "DATABASE()";
    fn url(&self) -> String {
        self.url()
    }
    fn ask(&self, sql: &str) -> String {
        self.ask(sql)
    }
    fn quote(name: &str) -> String {
        format!("`{name}`")
    }
    /// Into a table that goes with the connection: a count alone would leave columns out.
    fn whole(view: &str) -> String {
        format!(
            "CREATE TEMPORARY TABLE whole AS SELECT * FROM `{view}`; SELECT COUNT(*) FROM whole"
        )
    }
}

/// The columns and rows of a view.
fn of_view<S: Server>(shop: &S, view: &str) -> (Row, Vec<Row>) {
    let ask = format!(
        "SELECT column_name FROM information_schema.columns \
         WHERE table_schema = {} AND table_name = '{view}' ORDER BY ordinal_position",
        S::PLACE
    );
    let names: Row = shop.ask(&ask).lines().map(str::to_owned).collect();
    // Whatever is empty at the end of the last row stays.
    let text = shop.ask(&format!("SELECT v.*, 'end' FROM {} AS v", S::quote(view)));
    let rows = text.lines().map(|line| {
        let mut cells: Row = line.split('|').map(plain).collect();
        assert_eq!(cells.pop().as_deref(), Some("end"), "{view}: {line}");
        cells
    });
    (names, rows.collect())
}

/// The columns and rows of a folder of Parquet files.
fn of_files(folder: &Path) -> (Row, Vec<Row>) {
    let (mut names, mut rows) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "parquet") {
            continue;
        }
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
        for batch in reader.build().unwrap() {
            let batch = batch.unwrap();
            let schema = batch.schema();
            names = schema.fields().iter().map(|it| it.name().clone()).collect();
            let options = FormatOptions::default();
            let columns: Vec<ArrayFormatter<'_>> = batch
                .columns()
                .iter()
                .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
                .collect();
            for row in 0..batch.num_rows() {
                let cell = |column: &ArrayFormatter<'_>| plain(&column.value(row).to_string());
                rows.push(columns.iter().map(cell).collect());
            }
        }
    }
    (names, rows)
}

/// A value in one form, however a client prints it.
fn plain(cell: &str) -> String {
    let is_moment = cell.len() >= 19 && cell.as_bytes()[4] == b'-' && cell.as_bytes()[13] == b':';
    match cell {
        "NULL" => String::new(),
        "t" | "true" => "1".to_owned(),
        "f" | "false" => "0".to_owned(),
        _ if is_moment => cell[..19].replace('T', " "),
        _ => cell.to_owned(),
    }
}

/// A number, if it is one and no code with leading zeros.
fn number(cell: &str) -> Option<f64> {
    let digits = cell.trim_start_matches('-');
    let is_code = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    cell.parse().ok().filter(|_| !is_code)
}

fn is_same(one: &str, other: &str) -> bool {
    match (number(one), number(other)) {
        (Some(one), Some(other)) => (one - other).abs() <= 1e-9 * one.abs().max(other.abs()),
        _ => one == other,
    }
}

/// Rows in an order that does not depend on the last digits of doubles.
fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    let key = |cell: &String| number(cell).map_or_else(|| cell.clone(), |it| format!("{it:.10e}"));
    rows.sort_by_cached_key(|row| row.iter().map(key).collect::<Row>());
    rows
}

/// Loads with views, and holds each of them against the star.
fn are_as_the_star<S: Server>(shop: &S, rows: &str) {
    let (folder, to) = (tempfile::tempdir().unwrap(), shop.url());
    let folder = folder.path();
    let dataset = rows.split(' ').next().unwrap();
    let names: Vec<&str> = find(dataset)
        .unwrap()
        .views
        .iter()
        .map(|it| it.name)
        .collect();
    let done = json(folder, &format!("load {rows} --views --to {to} -q"));
    assert_eq!(done["made_views"], names.len());
    succeed(folder, &format!("generate {rows} -o base -q"));
    succeed(folder, &format!("star {dataset} --from base -o star -q"));
    let mut seen = BTreeSet::new();
    for place in [folder.join("star"), folder.join("star/indicators")] {
        for entry in fs::read_dir(place).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if !path.is_dir() || name == "_lakeseed" || name == "indicators" {
                continue;
            }
            let (of_star, of_shop) = (of_files(&path), of_view(shop, &name));
            assert_eq!(of_shop.0, of_star.0, "columns of {name}");
            assert!(!of_star.1.is_empty(), "{name}");
            assert_eq!(of_shop.1.len(), of_star.1.len(), "rows of {name}");
            for (ours, theirs) in sorted(of_shop.1).iter().zip(&sorted(of_star.1)) {
                let all = ours
                    .iter()
                    .zip(theirs)
                    .all(|(one, other)| is_same(one, other));
                assert!(all, "{name}: {ours:?} and in the star {theirs:?}");
            }
            seen.insert(name);
        }
    }
    assert_eq!(seen, names.iter().map(|name| (*name).to_owned()).collect());
    // Rows are the same with views and without.
    assert_eq!(json(folder, &format!("verify {to}"))["clean"], true);
}

#[test]
fn views_of_retail_say_what_its_star_says_in_postgres() {
    if let Some(shop) = load::server::Shop::open("cli_views_of_retail") {
        are_as_the_star(&shop, RETAIL);
    }
}

#[test]
fn views_of_retail_say_what_its_star_says_in_mariadb() {
    if let Some(shop) = load_mysql::server::Shop::open("cli_views_of_retail") {
        are_as_the_star(&shop, RETAIL);
    }
}

#[test]
fn views_of_assessments_say_what_its_star_says_in_postgres() {
    if let Some(shop) = load::server::Shop::open("cli_views_of_assessments") {
        are_as_the_star(&shop, ASSESSMENTS);
    }
}

#[test]
fn views_of_assessments_say_what_its_star_says_in_mariadb() {
    if let Some(shop) = load_mysql::server::Shop::open("cli_views_of_assessments") {
        are_as_the_star(&shop, ASSESSMENTS);
    }
}

/// A load gets views later, from rows and from files, prints what it makes, and refuses the rest.
fn come_and_go<S: Server>(shop: &S, dialect: &str) {
    const SMALL: &str = "retail --rows customers=20,sellers=3,products=12,invoices=200";
    let (folder, to) = (tempfile::tempdir().unwrap(), shop.url());
    let folder = folder.path();
    let views = find("retail").unwrap().views.len();
    let count = format!(
        "SELECT count(*) FROM information_schema.views WHERE table_schema = {}",
        S::PLACE
    );
    let refused = |args: &str, code: i32, line: &str| {
        let ran = run(folder, args);
        assert_eq!(ran.code, Some(code), "{args}: {}", ran.err);
        assert_eq!(ran.err.lines().count(), 1, "{args}: {}", ran.err);
        assert!(ran.err.contains(line), "{args}: {}", ran.err);
    };
    refused(
        &format!("load retail.stock --views --to {to}"),
        2,
        "all tables of retail with --views",
    );
    refused(
        &format!("load predictions --views --to {to}"),
        2,
        "a dataset with views (retail, assessments)",
    );
    succeed(folder, &format!("generate {SMALL} -o base -q"));
    succeed(folder, "generate retail.stock -s 0.01 -o part -q");
    for (from, line) in [
        ("part", "without table `customers`"),
        ("base --table stock", "without table `customers`"),
        ("base/stock/", "without table `customers`"),
    ] {
        refused(&format!("load --from {from} --views --to {to}"), 2, line);
    }
    // A name of theirs is in the way, before anything is done.
    shop.ask("CREATE TABLE growth (x int)");
    refused(
        &format!("load {SMALL} --views --to {to} --if-exists replace"),
        3,
        "`growth`",
    );
    let tables = "SELECT count(*) FROM information_schema.tables WHERE table_name = 'customers' \
                  AND table_schema = ";
    assert_eq!(shop.ask(&format!("{tables}{}", S::PLACE)), "0");
    shop.ask("DROP TABLE growth");
    succeed(folder, &format!("load {SMALL} --to {to} -q"));
    assert_eq!(shop.ask(&count), "0");
    let later = succeed(folder, &format!("load {SMALL} --views --to {to}"));
    let line = format!("holds exactly these rows already: {views} views were added");
    assert!(later.contains(&line), "{later}");
    assert_eq!(shop.ask(&count), views.to_string());
    let again = json(folder, &format!("load {SMALL} --views --to {to}"));
    assert_eq!(
        (&again["written"], &again["made_views"]),
        (&false.into(), &0.into())
    );
    let revenue = shop.ask("SELECT revenue FROM revenue");
    // From files, in place of these; then without views, which go.
    let files = format!("load --from base --to {to} --if-exists replace");
    assert_eq!(
        json(folder, &format!("{files} --views"))["made_views"],
        views
    );
    assert_eq!(shop.ask("SELECT revenue FROM revenue"), revenue);
    let gone = run(folder, &files);
    assert!(gone.err.contains("went with the tables"), "{}", gone.err);
    assert_eq!(shop.ask(&count), "0");
    // What is printed for people can be run.
    let printed = succeed(
        folder,
        &format!("schema retail --as views --dialect {dialect}"),
    );
    shop.ask(&printed);
    assert_eq!(shop.ask(&count), views.to_string());
    assert_eq!(shop.ask("SELECT revenue FROM revenue"), revenue);
    refused(
        "schema retail --as views --dialect duckdb",
        2,
        "postgres or mysql",
    );
    refused("schema retail.stock --as views", 2, "all tables of retail");
}

#[test]
fn views_come_and_go_with_their_tables_in_postgres() {
    if let Some(shop) = load::server::Shop::open("cli_views_come_and_go") {
        come_and_go(&shop, "postgres");
    }
}

#[test]
fn views_come_and_go_with_their_tables_in_mariadb() {
    if let Some(shop) = load_mysql::server::Shop::open("cli_views_come_and_go") {
        come_and_go(&shop, "mariadb");
    }
}
