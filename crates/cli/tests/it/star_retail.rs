//! `lakeseed star retail`: several sources, from files to files, interrupted, and with keys that break.

use std::fs;

use crate::support::{binary, files, json, output, ran, run, succeed};

const MAKE: &str =
    "generate retail --rows invoices=150k,customers=2k,sellers=50,products=200 -o sales -q";
const STAR: &str = "star retail --from sales -o star -q";

/// All rows of a table of a star, by the totals of its manifest.
fn rows(result: &serde_json::Value, table: &str) -> u64 {
    let tables = result["tables"].as_array().unwrap();
    let found = tables.iter().find(|found| found["name"] == table);
    found.unwrap()["rows"].as_u64().unwrap()
}

#[test]
fn from_any_format_come_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = None;
    for format in ["parquet", "csv", "json"] {
        let (sales, star) = (format!("sales-{format}"), format!("star-{format}"));
        succeed(
            folder.path(),
            &format!(
                "{} -f {format}",
                MAKE.replace("-o sales", &format!("-o {sales}"))
            ),
        );
        let result = json(
            folder.path(),
            &format!("star retail --from {sales} -o {star} -q"),
        );
        assert_eq!(rows(&result, "dim_customer"), 2_001);
        assert_eq!(rows(&result, "dim_payment"), 6);
        let facts = rows(&result, "fact_sales");
        assert!((370_000..380_000).contains(&facts), "{facts}");
        let fact = result["tables"]
            .as_array()
            .unwrap()
            .iter()
            .find(|table| table["name"] == "fact_sales");
        let keys = fact.unwrap()["foreign_keys"].as_array().unwrap();
        assert_eq!(keys.len(), 5);
        assert!(keys.iter().all(|key| key["rows_missing"] == 0), "{keys:?}");
        let verified = succeed(folder.path(), &format!("verify {star}"));
        assert!(!verified.contains("note:"), "{verified}");
        let totals: Vec<(String, u64)> = ["fact_sales", "fact_sales_daily", "dim_product"]
            .map(|table| (table.to_owned(), rows(&result, table)))
            .into();
        assert_eq!(*first.get_or_insert(totals.clone()), totals, "{format}");
    }
}

#[test]
fn a_partitioned_output_gives_the_same_star() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let mut stars = Vec::new();
    for by in ["", " --partition-by year,month"] {
        let n = stars.len();
        let sales = MAKE.replace("-o sales", &format!("-o sales-{n}"));
        succeed(path, &format!("{sales}{by}"));
        succeed(
            path,
            &format!("star retail --from sales-{n} -o star-{n} -q"),
        );
        let manifest = fs::read(path.join(format!("star-{n}/_lakeseed/manifest-000001.json")));
        let manifest: serde_json::Value = serde_json::from_slice(&manifest.unwrap()).unwrap();
        let tables = manifest["tables"].as_array().unwrap().iter();
        let totals = tables.map(|table| (table["name"].clone(), table["totals"].clone()));
        stars.push(totals.collect::<Vec<_>>());
    }
    assert!(
        stars[0].iter().all(|(_, totals)| totals.is_object()),
        "{:?}",
        stars[0]
    );
    assert_eq!(stars[0], stars[1]);
}

#[test]
fn killed_in_a_join_it_goes_on_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    succeed(folder.path(), MAKE);
    succeed(folder.path(), STAR);
    let star = folder.path().join("star");
    let unbroken = output(&star);
    fs::rename(&star, folder.path().join("whole")).unwrap();
    for point in ["journal.written:2", "part.finished:6"] {
        let killed = ran(binary(folder.path())
            .env("LAKESEED_FAIL_POINT", point)
            .args(STAR.split_whitespace()));
        assert_eq!(killed.code, None, "{point}: {}", killed.err);
        assert!(!files(&star).keys().any(|name| name.contains("manifest-")));
    }
    // Other memory and threads are no other star.
    succeed(folder.path(), &format!("{STAR} --memory 192MiB -j 1"));
    assert!(output(&star) == unbroken);
}

#[test]
fn an_explanation_names_the_key_of_the_cut() {
    let folder = tempfile::tempdir().unwrap();
    succeed(folder.path(), MAKE);
    let text = succeed(folder.path(), "star retail --from sales --explain");
    let key = "cut alike: invoice_items by invoice_id, invoices by invoice_id; whole with each bucket: \
               customers, sellers, products";
    assert!(
        text.contains("fact_sales: bucket by bucket") && text.contains(key),
        "{text}"
    );
    assert!(!folder.path().join("retail-star").exists());
}

#[test]
fn keys_that_break_are_told_or_end_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    fs::create_dir(folder.path().join("model")).unwrap();
    file("shops.csv", "shop,town\na,Rio\nb,Belo\n");
    file("sales.csv", "sale,shop,amount\n1,a,3\n2,c,4\n3,c,5\n");
    file(
        "model/dim_shop.sql",
        "SELECT shop, MAX(town) AS town FROM shops GROUP BY shop",
    );
    file(
        "model/fact_sale.sql",
        "SELECT s.sale, s.shop, t.town, s.amount FROM sales AS s LEFT JOIN shops AS t ON t.shop = s.shop",
    );
    let toml = |rule: &str| {
        format!(
            "name = \"shops\"\n[sources.shops]\n[sources.sales]\n[tables.dim_shop]\n\
             reads = [\"shops\"]\ngrain = [\"shop\"]\nunknown = {{ shop = \"?\" }}\n\
             [tables.fact_sale]\nreads = [\"sales\", \"shops\"]\ngrain = [\"sale\"]\n\
             foreign_keys = [{{ columns = [\"shop\"], table = \"dim_shop\"{rule} }}]\n"
        )
    };
    file("model/star.toml", &toml(", missing = \"refuse\""));
    let refused = run(folder.path(), "star ./model --from . -o star -q");
    assert_eq!(refused.code, Some(1), "{}", refused.err);
    assert!(
        refused
            .err
            .contains("fact_sale: dim_shop has no row for shop = c"),
        "{}",
        refused.err
    );
    file("model/star.toml", &toml(""));
    let told = run(folder.path(), "star ./model --from . -o star --overwrite");
    assert_eq!(told.code, Some(0), "{}", told.err);
    let line = "warning: fact_sale: 2 rows point to no row of dim_shop, as shop = c";
    assert!(told.err.contains(line), "{}", told.err);
    let again = json(folder.path(), "star ./model --from . -o other -q");
    assert_eq!(rows(&again, "fact_sale"), 3);
    assert_eq!(rows(&again, "dim_shop"), 3);
}
