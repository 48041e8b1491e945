//! `lakeseed star` where a star stands and its sources have grown or changed.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use serde_json::Value;

use crate::support::{binary, files, json, manifest, output, parts, ran, run, succeed};

const MAKE: &str =
    "generate retail --rows invoices=60k,customers=900,sellers=30,products=90 -o sales -q";
const MORE: &str = "generate retail --rows invoices=60k,customers=900,sellers=30,products=90 -o sales -q \
                    --start 2024-01-01 --end 2024-01-05 --append";
const STAR: &str = "star retail --from sales -o star";

/// What the result says of each table.
fn fates(result: &Value) -> BTreeMap<String, String> {
    let tables = result["tables"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    tables
        .map(|table| (text(&table["name"]), text(&table["fate"])))
        .collect()
}

fn fate<'r>(result: &'r Value, table: &str) -> &'r Value {
    let mut tables = result["tables"].as_array().unwrap().iter();
    tables.find(|found| found["name"] == table).unwrap()
}

/// Rows and totals of each table: the same rows in any files.
fn totals(star: &Path) -> BTreeMap<String, (Value, Value)> {
    let manifest = manifest(star);
    let tables = manifest["tables"].as_array().unwrap().iter();
    tables
        .map(|table| {
            let name = table["name"].as_str().unwrap().to_owned();
            (name, (table["rows"].clone(), table["totals"].clone()))
        })
        .collect()
}

/// Checks the star against one that is made of the same sources at once, and against the arithmetic.
#[track_caller]
fn is_like_a_rebuild(folder: &Path, star: &str) {
    let rebuilt = folder.join("rebuilt");
    let _ = fs::remove_dir_all(&rebuilt);
    let line = star.replace("-o star", "-o rebuilt");
    succeed(folder, &format!("{line} -q"));
    assert_eq!(totals(&folder.join("star")), totals(&rebuilt));
    let id = |star: &Path| manifest(star)["data_id"].clone();
    assert_eq!(id(&folder.join("star")), id(&rebuilt));
    let verified = succeed(folder, "verify star");
    assert!(verified.contains("nothing is wrong"), "{verified}");
}

/// When each data file was written.
fn written(star: &Path) -> BTreeMap<String, SystemTime> {
    let names = parts(star).into_iter().map(|(name, _)| name);
    // Indicators are an output of their own.
    names
        .filter(|name| !name.starts_with("indicators/"))
        .map(|name| {
            let known = fs::metadata(star.join(&name)).unwrap();
            (name, known.modified().unwrap())
        })
        .collect()
}

#[test]
fn another_month_extends_the_star_by_the_same_line() {
    let folder = tempfile::tempdir().unwrap();
    succeed(folder.path(), MAKE);
    succeed(folder.path(), STAR);
    let star = folder.path().join("star");
    let before = written(&star);
    succeed(folder.path(), MORE);
    let explained = succeed(folder.path(), &format!("{STAR} --explain"));
    assert!(explained.contains("dim_customer: kept\n"), "{explained}");
    assert!(explained.contains("fact_sales: extended, "), "{explained}");
    assert!(written(&star) == before, "an explanation writes nothing");
    let result = json(folder.path(), &format!("{STAR} -q"));
    let expected = [
        ("dim_customer", "kept"),
        ("dim_date", "kept"),
        ("dim_payment", "made anew"),
        ("dim_product", "kept"),
        ("dim_seller", "kept"),
        ("fact_sales", "extended"),
        ("fact_sales_daily", "extended"),
        ("fact_stock", "kept"),
    ];
    let expected = expected.map(|(table, fate)| (table.to_owned(), fate.to_owned()));
    assert_eq!(fates(&result), expected.into());
    let why = &fate(&result, "dim_payment")["why"];
    assert_eq!(why, "it has a member that is in no source");
    assert_eq!(fate(&result, "fact_sales")["files_added"], 2);
    let keys = fate(&result, "fact_sales")["foreign_keys"]
        .as_array()
        .unwrap();
    assert_eq!(keys.len(), 5);
    assert!(keys.iter().all(|key| key["rows_missing"] == 0), "{keys:?}");
    is_like_a_rebuild(folder.path(), STAR);

    // What stood is the very same files.
    let now = written(&star);
    let stayed = before
        .iter()
        .filter(|(name, at)| now.get(*name) == Some(at));
    let gone: Vec<_> = before
        .keys()
        .filter(|name| !now.contains_key(*name))
        .collect();
    assert_eq!(stayed.count() + gone.len(), before.len());
    assert!(
        gone.iter().all(|name| name.starts_with("dim_payment/")),
        "{gone:?}"
    );

    let again = succeed(folder.path(), STAR);
    assert!(
        again.contains("finished before; nothing was written"),
        "{again}"
    );
    assert!(written(&star) == now);
    let verified = succeed(folder.path(), "verify star");
    assert!(!verified.contains("note:"), "{verified}");
    assert!(!verified.contains(" 0 rows made again"), "{verified}");

    // One more.
    let more = MORE.replace("01-01", "01-06").replace("01-05", "01-07");
    succeed(folder.path(), &more);
    let text = succeed(folder.path(), STAR);
    assert!(text.contains("fact_sales: extended by "), "{text}");
    assert!(text.contains(" rows of 2 new files\n"), "{text}");
    assert!(text.contains("dim_customer: kept\n"), "{text}");
    assert!(
        text.contains("dim_payment: made anew, because it has a member"),
        "{text}"
    );
    is_like_a_rebuild(folder.path(), STAR);
}

/// Killed at any step, the same line goes on, to the bytes of a run that nobody stopped.
#[test]
fn killed_on_its_way_the_same_line_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    succeed(folder.path(), MAKE);
    succeed(folder.path(), &format!("{STAR} -q"));
    let star = folder.path().join("star");
    let copy = |from: &str, to: &str| {
        let copied = std::process::Command::new("cp")
            .args(["-a", from, to])
            .current_dir(folder.path())
            .status();
        assert!(copied.unwrap().success());
    };
    copy("star", "before");
    succeed(folder.path(), MORE);
    succeed(folder.path(), &format!("{STAR} -q"));
    let unbroken = output(&star);
    let points = [
        "claim.taken:1",
        "begin.plan_written:1",
        "part.finished:2",
        "journal.written:2",
        "publish.part:2",
        "manifest.next:1",
        "manifest.written:1",
        "replaced.removed:1",
        "replaced.forgotten:1",
        "way.removed:1",
    ];
    for point in points {
        fs::remove_dir_all(&star).unwrap();
        copy("before", "star");
        let killed = ran(binary(folder.path())
            .env("LAKESEED_FAIL_POINT", point)
            .args(STAR.split_whitespace()));
        assert_eq!(killed.code, None, "{point}: {}", killed.err);
        // Until the new manifest stands, the old star is whole.
        let quick = run(folder.path(), "verify star --quick");
        assert_eq!(quick.code, Some(0), "{point}: {}{}", quick.out, quick.err);
        succeed(folder.path(), &format!("{STAR} -q"));
        let came = output(&star);
        assert_eq!(
            came.keys().collect::<Vec<_>>(),
            unbroken.keys().collect::<Vec<_>>(),
            "{point}"
        );
        assert!(came == unbroken, "{point}");
    }
}

/// A model of a shop's own files, one a day.
struct Days<'f> {
    folder: &'f Path,
}

const OWN: &str = "star ./model --from in -o star";

impl<'f> Days<'f> {
    fn new(folder: &'f Path) -> Self {
        let file = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
        fs::create_dir_all(folder.join("model")).unwrap();
        fs::create_dir_all(folder.join("in/sales")).unwrap();
        file(
            "model/star.toml",
            "name = \"shops\"\n[sources.sales]\ntypes = { amount = \"i64\", sale = \"i64\" }\n\
             [tables.fact_sale]\nreads = [\"sales\"]\ngrain = [\"sale\"]\n\
             [tables.agg_day]\nreads = [\"sales\"]\ngrain = [\"day\"]\n\
             [tables.agg_shop]\nreads = [\"sales\"]\ngrain = [\"shop\"]\n",
        );
        file(
            "model/fact_sale.sql",
            "SELECT sale, day, shop, amount FROM sales",
        );
        for (table, key) in [("agg_day", "day"), ("agg_shop", "shop")] {
            let sql = format!("SELECT {key}, SUM(amount) AS amount FROM sales GROUP BY {key}");
            file(&format!("model/{table}.sql"), &sql);
        }
        Self { folder }
    }

    /// A day's sales of some shops.
    fn day(&self, day: u32, shops: &[&str]) {
        let mut text = "sale,day,shop,amount\n".to_owned();
        for (at, shop) in shops.iter().enumerate() {
            let (sale, amount) = (day as usize * 10 + at, at + 3);
            let _ = writeln!(text, "{sale},2024-01-{day:02},{shop},{amount}");
        }
        fs::write(self.folder.join(format!("in/sales/{day:02}.csv")), text).unwrap();
    }
}

#[test]
fn files_of_strangers_are_added_changed_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let days = Days::new(folder.path());
    days.day(1, &["a", "b"]);
    days.day(2, &["b"]);
    succeed(folder.path(), &format!("{OWN} -q"));
    let extend = |said: &[(&str, &str)]| {
        let result = json(folder.path(), &format!("{OWN} -q"));
        let said = said
            .iter()
            .map(|(table, fate)| ((*table).to_owned(), (*fate).to_owned()));
        assert_eq!(fates(&result), said.collect());
        is_like_a_rebuild(folder.path(), OWN);
        result
    };
    // Groups of a new day are new, those of a shop are not.
    days.day(3, &["a", "c"]);
    let said = ["extended", "made anew", "extended"];
    let tables = ["agg_day", "agg_shop", "fact_sale"];
    let both = |said: [&'static str; 3]| -> Vec<(&'static str, &'static str)> {
        tables.into_iter().zip(said).collect()
    };
    let result = extend(&both(said));
    assert_eq!(
        fate(&result, "agg_shop")["why"],
        "new rows and old ones share values of shop"
    );
    let told = run(folder.path(), &format!("{OWN} --explain"));
    assert!(told.out.contains("agg_shop: kept\n"), "{}", told.out);
    // A shop that nobody had.
    days.day(4, &["d"]);
    extend(&both(["extended", "extended", "extended"]));
    // A day that was added alone is replaced alone, and removed alone.
    days.day(4, &["d", "e"]);
    extend(&both(["extended", "extended", "extended"]));
    fs::remove_file(folder.path().join("in/sales/04.csv")).unwrap();
    let result = extend(&both(["extended", "extended", "extended"]));
    assert_eq!(fate(&result, "fact_sale")["rows_made"], 0);
    // A change among what was made at once.
    days.day(1, &["a", "b", "z"]);
    extend(&both(["extended", "made anew", "extended"]));
    // All that stood has changed.
    for day in 1..=3 {
        days.day(day, &["q", "r", "s", "t"]);
    }
    extend(&both(["made anew", "made anew", "made anew"]));
    // A copy of a file is another file, here as in a rebuild: its rows are there twice.
    fs::copy(
        folder.path().join("in/sales/03.csv"),
        folder.path().join("in/sales/03-copy.csv"),
    )
    .unwrap();
    let doubled = run(folder.path(), &format!("{OWN} -q"));
    assert_eq!(doubled.code, Some(1), "{}", doubled.err);
    assert!(
        doubled.err.contains("two rows have the grain"),
        "{}",
        doubled.err
    );
}

/// A run that has found that a table cannot be extended, and is killed then, does not try it again.
#[test]
fn what_an_interrupted_run_has_found_out_counts() {
    let folder = tempfile::tempdir().unwrap();
    let days = Days::new(folder.path());
    days.day(1, &["a", "b"]);
    succeed(folder.path(), &format!("{OWN} -q"));
    days.day(2, &["b"]);
    let mut killed_later = false;
    for count in 1..9 {
        let killed = ran(binary(folder.path())
            .env("LAKESEED_FAIL_POINT", format!("journal.written:{count}"))
            .args(OWN.split_whitespace()));
        if killed.code == Some(0) {
            break;
        }
        assert_eq!(killed.code, None, "{}", killed.err);
        killed_later |= killed.err.contains("agg_shop is made anew: ");
    }
    assert!(killed_later, "no run was killed behind the first attempt");
    is_like_a_rebuild(folder.path(), OWN);
    let left = files(&folder.path().join("star/_lakeseed"));
    let plans = left.keys().filter(|name| name.starts_with("plan-"));
    assert_eq!(plans.count(), 2, "{:?}", left.keys());
}

/// Another night, other sources, before the last run had come to its end: the star that stands is whole, so
/// what was begun on top of it goes.
#[test]
fn sources_that_change_again_take_the_place_of_what_was_begun() {
    let folder = tempfile::tempdir().unwrap();
    let days = Days::new(folder.path());
    days.day(1, &["a", "b"]);
    succeed(folder.path(), &format!("{OWN} -q"));
    days.day(2, &["c"]);
    let killed = ran(binary(folder.path())
        .env("LAKESEED_FAIL_POINT", "journal.written:2")
        .args(OWN.split_whitespace()));
    assert_eq!(killed.code, None, "{}", killed.err);
    days.day(3, &["d"]);
    succeed(folder.path(), &format!("{OWN} -q"));
    is_like_a_rebuild(folder.path(), OWN);
    // Back to what stood, with a plan begun: nothing is left of that.
    let killed = {
        days.day(4, &["e"]);
        ran(binary(folder.path())
            .env("LAKESEED_FAIL_POINT", "journal.written:1")
            .args(OWN.split_whitespace()))
    };
    assert_eq!(killed.code, None, "{}", killed.err);
    fs::remove_file(folder.path().join("in/sales/04.csv")).unwrap();
    succeed(folder.path(), &format!("{OWN} -q"));
    is_like_a_rebuild(folder.path(), OWN);
}

#[test]
fn files_of_the_star_that_are_gone_are_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let days = Days::new(folder.path());
    days.day(1, &["a", "b"]);
    succeed(folder.path(), &format!("{OWN} -q"));
    let star = folder.path().join("star");
    let (file, _) = parts(&star.join("agg_day")).swap_remove(0);
    fs::remove_file(star.join("agg_day").join(file)).unwrap();
    let result = json(folder.path(), &format!("{OWN} -q"));
    assert_eq!(fate(&result, "agg_day")["fate"], "made anew");
    assert_eq!(fate(&result, "fact_sale")["fate"], "kept");
    is_like_a_rebuild(folder.path(), OWN);
}
