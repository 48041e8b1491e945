//! The star of sales from generated rows, and from rows that break its keys.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch};
use lakeseed_budget::{Budget, MIB};
use lakeseed_gen_core::retail::Retail;
use lakeseed_gen_core::{Settings as DataSettings, Table};
use lakeseed_star_schema::{
    Calendar, Error, Model, Observer, Report, Result, Settings, Source, Star, Stop, Strategy,
    Warning,
};

use crate::common::{Kept, Memory};

const INVOICES: u64 = 60_000;

fn retail() -> Retail {
    let settings = DataSettings::new()
        .rows("invoices", INVOICES)
        .rows("customers", 900)
        .rows("sellers", 40)
        .rows("products", 120);
    Retail::new(&settings).unwrap()
}

fn memory(table: &Table) -> Memory {
    let batches: Vec<RecordBatch> = table
        .all_rows()
        .reader()
        .unwrap()
        .map(Result::unwrap)
        .collect();
    Memory::new(batches[0].schema(), batches)
}

/// The tables that the model reads; `change` may change some.
fn sources(change: impl Fn(&str, Memory) -> Memory) -> HashMap<String, Arc<dyn Source>> {
    let retail = retail();
    let tables = [
        retail.customers(),
        retail.sellers(),
        retail.products(),
        retail.stock(),
        retail.invoices(),
        retail.invoice_items(),
    ];
    let mut sources: HashMap<String, Arc<dyn Source>> = tables
        .into_iter()
        .map(|table| {
            let source: Arc<dyn Source> = Arc::new(change(table.name(), memory(table)));
            (table.name().to_owned(), source)
        })
        .collect();
    let days = Calendar::new("2020-01-01".parse().unwrap(), "2039-12-31".parse().unwrap());
    sources.insert("calendar".to_owned(), Arc::new(days.unwrap()));
    sources
}

/// What was warned of.
#[derive(Default)]
struct Warnings(Mutex<Vec<Warning>>);

impl Observer for Warnings {
    fn warning(&self, warning: &Warning) {
        // What else is in the process of the tests is no matter of theirs.
        if !matches!(warning, Warning::NearLimit { .. } | Warning::Swapped { .. }) {
            self.0.lock().unwrap().push(warning.clone());
        }
    }
}

fn make(
    model: &Model,
    sources: &HashMap<String, Arc<dyn Source>>,
    store: &Kept,
) -> Result<(Report, Vec<Warning>)> {
    let temp = tempfile::tempdir().unwrap();
    let mut settings = Settings::new(temp.path());
    settings.temp_in_memory = true;
    settings.store_bytes = MIB;
    settings.read_bytes = MIB;
    let star = Star::of_model(model, sources, &settings)?;
    let warnings = Warnings::default();
    let report = star.run(
        &settings,
        &Budget::new(256 * MIB),
        store,
        &warnings,
        &Stop::new(),
    )?;
    Ok((report, warnings.0.into_inner().unwrap()))
}

/// All rows of a table as numbers: those of some columns, decimals as cents.
fn numbers(store: &Kept, table: &str, columns: &[&str]) -> Vec<Vec<i64>> {
    let units = store.units.lock().unwrap();
    let batches = units
        .iter()
        .filter(|((of, _), _)| of == table)
        .flat_map(|(_, batches)| batches);
    let mut rows = Vec::new();
    for batch in batches {
        let arrays: Vec<Vec<i64>> = columns
            .iter()
            .map(|name| {
                let array = batch.column_by_name(name).unwrap();
                assert_eq!(array.null_count(), 0, "{table}.{name}");
                if let Some(array) = array.as_primitive_opt::<Int64Type>() {
                    array.values().to_vec()
                } else if let Some(array) = array.as_primitive_opt::<Int32Type>() {
                    array
                        .values()
                        .iter()
                        .map(|&value| i64::from(value))
                        .collect()
                } else {
                    let array = array.as_primitive::<Decimal128Type>();
                    array.values().iter().map(|&value| value as i64).collect()
                }
            })
            .collect();
        rows.extend(
            (0..batch.num_rows()).map(|row| arrays.iter().map(|array| array[row]).collect()),
        );
    }
    rows
}

/// A share of `amount` for each weight, rounded down, and the rest of it cent by cent to the largest
/// remainders.
pub(crate) fn shares(amount: i64, weights: &[i64]) -> Vec<i64> {
    let all: i64 = weights.iter().sum();
    if all == 0 {
        return vec![0; weights.len()];
    }
    let mut shares: Vec<i64> = weights.iter().map(|weight| amount * weight / all).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|&line| (-(amount * weights[line] % all), line));
    let left = amount - shares.iter().sum::<i64>();
    for &line in order.iter().take(left as usize) {
        shares[line] += 1;
    }
    shares
}

/// Decimals as cents.
fn cents(array: &ArrayRef) -> Vec<i64> {
    let array = array.as_primitive::<Decimal128Type>();
    array.values().iter().map(|&value| value as i64).collect()
}

fn columns_of(table: &Table, columns: &[&str]) -> Vec<RecordBatch> {
    let scan = table.all_rows().columns(columns.iter().copied()).unwrap();
    scan.reader().unwrap().map(Result::unwrap).collect()
}

/// Discount, tax, customer and seller of each invoice.
fn headers(retail: &Retail) -> BTreeMap<i64, (i64, i64, i64, i64)> {
    let columns = ["invoice_id", "discount", "tax", "customer_id", "seller_id"];
    let mut headers = BTreeMap::new();
    for batch in columns_of(retail.invoices(), &columns) {
        let id = batch.column(0).as_primitive::<Int64Type>();
        let (discount, tax) = (cents(batch.column(1)), cents(batch.column(2)));
        let customer = batch.column(3).as_primitive::<Int64Type>();
        let seller = batch.column(4).as_primitive::<Int64Type>();
        for (row, (discount, tax)) in discount.into_iter().zip(tax).enumerate() {
            let header = (discount, tax, customer.value(row), seller.value(row));
            headers.insert(id.value(row), header);
        }
    }
    headers
}

/// Number and total of the lines of each invoice.
fn lines(retail: &Retail) -> BTreeMap<i64, Vec<(i64, i64)>> {
    let columns = ["invoice_id", "line_number", "line_total"];
    let mut lines: BTreeMap<i64, Vec<(i64, i64)>> = BTreeMap::new();
    for batch in columns_of(retail.invoice_items(), &columns) {
        let id = batch.column(0).as_primitive::<Int64Type>();
        let number = batch.column(1).as_primitive::<Int32Type>();
        for (row, total) in cents(batch.column(2)).into_iter().enumerate() {
            let line = (i64::from(number.value(row)), total);
            lines.entry(id.value(row)).or_default().push(line);
        }
    }
    lines
}

#[test]
fn lines_sum_to_their_invoice_to_the_cent() {
    let (retail, store) = (retail(), Kept::default());
    let model = Model::builtin("retail").unwrap();
    let (report, warnings) = make(&model, &sources(|_, table| table), &store).unwrap();
    assert_eq!(warnings, []);
    for table in &report.tables {
        assert!(
            table.keys.iter().all(|key| key.missing == Some(0)),
            "{table:?}"
        );
        let looked_up = match table.table.as_str() {
            "fact_sales" => 5,
            "fact_sales_daily" => 3,
            "fact_stock" => 1,
            _ => 0,
        };
        assert_eq!(table.keys.len(), looked_up);
    }

    let (headers, lines) = (headers(&retail), lines(&retail));
    let columns = [
        "invoice_id",
        "line_number",
        "customer_id",
        "seller_id",
        "line_total",
        "discount",
        "tax",
        "net_total",
    ];
    let mut found: BTreeMap<(i64, i64), Vec<i64>> = BTreeMap::new();
    for row in numbers(&store, "fact_sales", &columns) {
        assert!(
            found.insert((row[0], row[1]), row[2..].to_vec()).is_none(),
            "{row:?} twice"
        );
    }
    let mut expected = BTreeMap::new();
    for (id, lines) in &lines {
        let (discount, tax, customer, seller) = headers[id];
        let weights: Vec<i64> = lines.iter().map(|line| line.1).collect();
        let (discounts, taxes) = (shares(discount, &weights), shares(tax, &weights));
        assert_eq!(discounts.iter().sum::<i64>(), discount);
        assert_eq!(taxes.iter().sum::<i64>(), tax);
        for (at, &(number, total)) in lines.iter().enumerate() {
            let (discount, tax) = (discounts[at], taxes[at]);
            let row = vec![
                customer,
                seller,
                total,
                discount,
                tax,
                total - discount + tax,
            ];
            expected.insert((*id, number), row);
        }
    }
    assert_eq!(found.len(), retail.invoice_items().row_count() as usize);
    assert!(found == expected, "a line has other shares");

    let net: i64 = numbers(&store, "fact_sales_daily", &["net_total"])
        .iter()
        .map(|row| row[0])
        .sum();
    let issued = store.units.lock().unwrap();
    let issued = issued
        .iter()
        .filter(|((table, _), _)| table == "fact_sales")
        .flat_map(|(_, all)| all);
    let issued: i64 = issued
        .map(|batch| {
            let status = batch.column_by_name("status").unwrap();
            let status =
                datafusion::arrow::compute::cast(status, &arrow_schema::DataType::Utf8).unwrap();
            let net = cents(batch.column_by_name("net_total").unwrap());
            let rows = status.as_string::<i32>().iter().zip(net);
            rows.filter(|(status, _)| *status == Some("issued"))
                .map(|(_, net)| net)
                .sum::<i64>()
        })
        .sum();
    assert_eq!(net, issued);
}

#[test]
fn dimensions_have_every_row_and_an_unknown_one() {
    let (retail, store) = (retail(), Kept::default());
    let model = Model::builtin("retail").unwrap();
    make(&model, &sources(|_, table| table), &store).unwrap();
    let ids = |table: &str, key: &str| -> Vec<i64> {
        let mut ids: Vec<i64> = numbers(&store, table, &[key])
            .iter()
            .map(|row| row[0])
            .collect();
        ids.sort_unstable();
        ids
    };
    let all = |table: &Table| -> Vec<i64> {
        let ids = 1..=table.row_count() as i64;
        std::iter::once(-1).chain(ids).collect()
    };
    assert_eq!(ids("dim_customer", "customer_id"), all(retail.customers()));
    assert_eq!(ids("dim_seller", "seller_id"), all(retail.sellers()));
    assert_eq!(ids("dim_product", "product_id"), all(retail.products()));
    assert_eq!(ids("dim_payment", "payment_id"), [-1, 1, 2, 3, 4, 5]);
    let days = ids("dim_date", "date_id");
    assert_eq!(
        (days.len(), days[1], days[days.len() - 1]),
        (7_306, 20_200_101, 20_391_231)
    );

    let units = store.units.lock().unwrap();
    let first = &units[&("dim_customer".to_owned(), 0)][0];
    let name = first.column_by_name("name").unwrap().as_string::<i32>();
    assert_eq!(name.value(0), "unknown");
    assert!(first.column_by_name("cpf").unwrap().is_null(0));
}

/// A column of one table changed.
fn with_numbers(table: &Memory, column: &str, change: impl Fn(i64) -> i64) -> Memory {
    let at = table.schema.index_of(column).unwrap();
    let batches = table.batches.iter().map(|batch| {
        let numbers = batch.column(at).as_primitive::<Int64Type>().values();
        let changed: Int64Array = numbers.iter().map(|&number| Some(change(number))).collect();
        let mut columns = batch.columns().to_vec();
        columns[at] = Arc::new(changed);
        RecordBatch::try_new(batch.schema(), columns).unwrap()
    });
    Memory::new(Arc::clone(&table.schema), batches.collect())
}

#[test]
fn rows_without_a_member_point_to_the_unknown_one() {
    let store = Kept::default();
    let model = Model::builtin("retail").unwrap();
    let broken = sources(|name, table| match name {
        "invoice_items" => {
            with_numbers(&table, "product_id", |id| if id == 7 { 5_000 } else { id })
        }
        "invoices" => with_numbers(&table, "invoice_id", |id| if id == 11 { -11 } else { id }),
        _ => table,
    });
    let (_, warnings) = make(&model, &broken, &store).unwrap();
    assert_eq!(warnings, []);
    let rows = numbers(
        &store,
        "fact_sales",
        &[
            "invoice_id",
            "customer_id",
            "seller_id",
            "product_id",
            "payment_id",
        ],
    );
    assert_eq!(rows.len() as u64, retail().invoice_items().row_count());
    assert!(rows.iter().any(|row| row[3] == -1));
    assert!(rows.iter().all(|row| row[3] != 7 && row[3] != 5_000));
    let orphans = rows.iter().filter(|row| row[0] == 11);
    assert!(orphans.clone().count() > 0);
    assert!(
        orphans
            .clone()
            .all(|row| row[1] == -1 && row[2] == -1 && row[4] == -1)
    );
}

/// A model of the retail sources, from its description and statements.
fn model_of(toml: &str, statements: &[(&str, &str)]) -> Model {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("star.toml"), toml).unwrap();
    for (name, sql) in statements {
        std::fs::write(folder.path().join(format!("{name}.sql")), sql).unwrap();
    }
    Model::open(folder.path()).unwrap()
}

const DIM: &str =
    "SELECT seller_id, MAX(name) AS name FROM sellers WHERE seller_id < 30 GROUP BY seller_id";
const FACT: &str =
    "SELECT invoice_id, seller_id, COUNT(*) AS n FROM invoices GROUP BY invoice_id, seller_id";

fn toml(rule: &str, unknown: &str) -> String {
    format!(
        "name = \"m\"\n[sources.sellers]\n[sources.invoices]\n[tables.dim_seller]\n\
         reads = [\"sellers\"]\ngrain = [\"seller_id\"]\n{unknown}\n[tables.fact_invoice]\n\
         reads = [\"invoices\"]\ngrain = [\"invoice_id\", \"seller_id\"]\n\
         [[tables.fact_invoice.foreign_keys]]\ncolumns = [\"seller_id\"]\n\
         table = \"dim_seller\"\n{rule}\n"
    )
}

#[test]
fn rows_that_point_nowhere_are_counted_named_or_refused() {
    let statements = [("dim_seller", DIM), ("fact_invoice", FACT)];
    let all = sources(|_, table| table);
    let sellers: Vec<i64> = memory(retail().invoices())
        .batches
        .iter()
        .flat_map(|batch| {
            batch
                .column_by_name("seller_id")
                .unwrap()
                .as_primitive::<Int64Type>()
                .values()
                .to_vec()
        })
        .collect();
    let missing = sellers.iter().filter(|&&seller| seller >= 30).count() as u64;
    let store = Kept::default();
    let (report, warnings) = make(&model_of(&toml("", ""), &statements), &all, &store).unwrap();
    let fact = report
        .tables
        .iter()
        .find(|table| table.table == "fact_invoice")
        .unwrap();
    assert_eq!(fact.keys[0].missing, Some(missing));
    let [
        Warning::Missing {
            rows,
            parent,
            examples,
            ..
        },
    ] = warnings.as_slice()
    else {
        panic!("{warnings:?}");
    };
    assert_eq!((*rows, parent.as_str()), (Some(missing), "dim_seller"));
    assert!(
        examples.iter().all(|key| key.parse::<i64>().unwrap() >= 30),
        "{examples:?}"
    );
    assert_eq!(
        numbers(&store, "fact_invoice", &["n"]).len(),
        INVOICES as usize
    );

    // With the dimension there already its keys are known all the same, and it is not written again.
    let half = Kept::default();
    let dimension = store.units.lock().unwrap().clone();
    let dimension = dimension
        .into_iter()
        .filter(|((table, _), _)| table == "dim_seller");
    *half.units.lock().unwrap() = dimension.collect();
    let (report, _) = make(&model_of(&toml("", ""), &statements), &all, &half).unwrap();
    let fact = report
        .tables
        .iter()
        .find(|table| table.table == "fact_invoice")
        .unwrap();
    assert_eq!(fact.keys[0].missing, Some(missing));
    assert_eq!(half.in_order(), store.in_order());

    let strict = model_of(&toml("missing = \"refuse\"", ""), &statements);
    let error = make(&strict, &all, &Kept::default()).unwrap_err();
    assert!(
        matches!(&error, Error::Key { table, .. } if table == "fact_invoice"),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains("dim_seller has no row for seller_id = 3"),
        "{error}"
    );
}

#[test]
fn keys_that_hold_by_the_statements_are_not_looked_up() {
    let same = "SELECT seller_id, COUNT(*) AS n FROM (SELECT * FROM invoices) GROUP BY seller_id";
    let whole = toml("", "").replace("reads = [\"sellers\"]", "reads = [\"invoices\"]");
    let all = sources(|_, table| table);
    let model = model_of(&whole, &[("dim_seller", same), ("fact_invoice", FACT)]);
    let (report, _) = make(&model, &all, &Kept::default()).unwrap();
    assert!(
        report.tables.iter().all(|table| table.keys.is_empty()),
        "{report:?}"
    );
    // One that leaves rows out does not hold by itself.
    let part = same.replace("GROUP BY", "WHERE seller_id <> 3 GROUP BY");
    let model = model_of(&whole, &[("dim_seller", &part), ("fact_invoice", FACT)]);
    let (report, warnings) = make(&model, &all, &Kept::default()).unwrap();
    let fact = report
        .tables
        .iter()
        .find(|table| table.table == "fact_invoice")
        .unwrap();
    assert!(fact.keys[0].missing.unwrap() > 0);
    assert_eq!(warnings.len(), 1);
}

#[test]
fn rows_that_share_their_grain_end_the_run_or_are_counted() {
    let description = |rule: &str| {
        format!(
            "name = \"m\"\n[sources.invoice_items]\n[tables.fact_line]\nreads = [\"invoice_items\"]\n\
             grain = [\"invoice_id\", \"line_number\"]\n{rule}\n"
        )
    };
    let sql = "SELECT line_number, invoice_id, product_id, line_total FROM invoice_items";
    let twice = sources(|name, table| match name {
        "invoice_items" => with_numbers(&table, "invoice_id", |id| if id == 12 { 13 } else { id }),
        _ => table,
    });
    let statements = [("fact_line", sql)];
    let error = make(
        &model_of(&description(""), &statements),
        &twice,
        &Kept::default(),
    )
    .unwrap_err();
    assert!(
        error.to_string().contains("two rows have the grain 13, 1"),
        "{error}"
    );

    let lines = |id: i64| {
        let items = memory(retail().invoice_items());
        let ids = items.batches.iter().flat_map(|batch| {
            batch
                .column(0)
                .as_primitive::<Int64Type>()
                .values()
                .to_vec()
        });
        ids.filter(|other| *other == id).count() as u64
    };
    let model = model_of(&description("duplicates = \"keep\""), &statements);
    let store = Kept::default();
    let (report, warnings) = make(&model, &twice, &store).unwrap();
    assert_eq!(report.tables[0].duplicates, lines(12).min(lines(13)));
    assert!(
        matches!(&warnings[..], [Warning::Duplicates { .. }]),
        "{warnings:?}"
    );
    assert_eq!(
        numbers(&store, "fact_line", &["line_total"]).len() as u64,
        retail().invoice_items().row_count()
    );
}

#[test]
fn the_ways_are_those_that_the_description_expects() {
    let model = Model::builtin("retail").unwrap();
    let settings = Settings::new(std::env::temp_dir());
    let star = Star::of_model(&model, &sources(|_, table| table), &settings).unwrap();
    let ways: BTreeMap<&str, (Strategy, &str)> = star
        .choices()
        .map(|(table, choice)| (table, (choice.strategy, choice.reason.as_str())))
        .collect();
    let (strategy, reason) = ways["fact_sales"];
    assert_eq!(strategy, Strategy::Together);
    assert_eq!(
        reason,
        "cut alike: invoice_items by invoice_id, invoices by invoice_id; whole with each bucket: \
         customers, sellers, products"
    );
    let (strategy, reason) = ways["fact_sales_daily"];
    assert_ne!(strategy, Strategy::Together, "{reason}");
    assert!(
        reason.starts_with("cut alike: invoice_items by invoice_id"),
        "{reason}"
    );
    let unknown = star.schema("dim_product").unwrap();
    assert!(!unknown.field_with_name("product_id").unwrap().is_nullable());
    assert!(unknown.field_with_name("code").unwrap().is_nullable());
}
