//! Rows of one's own in place of customers, sellers and products: what hangs on them, what names them,
//! and what is refused.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow_array::types::{Int32Type, UInt8Type};
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array,
    Int32Array, Int64Array, LargeStringArray, RecordBatch, StringArray, StringViewArray,
    TimestampMicrosecondArray, TimestampNanosecondArray, UInt64Array,
};
use lakeseed_gen_core::own::{MOST_ROWS, Takes};
use lakeseed_gen_core::retail::{Ledger, Retail};
use lakeseed_gen_core::{Error, Settings, find};

use crate::retail_rules::Data;
use crate::statistics::{LEAST_P, p_of_fit};
use crate::support::{Frame, cells};

const SEGMENTS: [&str; 3] = ["consumer", "small business", "corporate"];
const REGIONS: [&str; 5] = ["Norte", "Nordeste", "Sudeste", "Sul", "Centro-Oeste"];

fn batch<const N: usize>(columns: [(&str, ArrayRef); N]) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true)))
        .unwrap()
}

fn texts<'a>(values: impl IntoIterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn keys(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

/// Keys with gaps, below zero too, in no order.
fn scattered(n: i64) -> impl Iterator<Item = i64> + Clone {
    (0..n).map(move |at| (at * 7 + 3) % n * 13 - 40)
}

/// Customers of one's own: no two thirds are of one segment, and most live where few do.
fn customers(n: i64) -> RecordBatch {
    let at = || 0..n as usize;
    batch([
        (
            "nome",
            texts(at().map(|at| ["Ana", "", "Bia \"B\""][at % 3])),
        ),
        ("customer_id", keys(scattered(n))),
        (
            "segment",
            texts(at().map(|at| SEGMENTS[[0, 1, 1, 2, 0][at % 5]])),
        ),
        (
            "state",
            texts(at().map(|at| ["AC", "SP", "RS", "AC"][at % 4])),
        ),
        (
            "score",
            Arc::new(
                at().map(|at| (at % 4 != 0).then_some(at as f64 / 8.0))
                    .collect::<Float64Array>(),
            ),
        ),
        (
            "seen",
            Arc::new(TimestampMicrosecondArray::from_iter_values(
                at().map(|at| at as i64),
            )),
        ),
        (
            "vip",
            Arc::new(at().map(|at| Some(at % 7 == 0)).collect::<BooleanArray>()),
        ),
    ])
}

fn sellers(n: i64) -> RecordBatch {
    let numbers = scattered(n).map(|key| key as i32);
    batch([
        ("seller_id", Arc::new(Int32Array::from_iter_values(numbers))),
        (
            "region",
            texts((0..n as usize).map(|at| REGIONS[[0, 2, 3, 2][at % 4]])),
        ),
    ])
}

fn products(n: i64) -> RecordBatch {
    let prices = (0..n).map(|at| 100 + i128::from(at) * 997 % 250_000);
    let prices = Decimal128Array::from_iter_values(prices.clone());
    let categories = (0..n as usize).map(|at| {
        let words = ["Refrigerante", "Chá quente", "", "Ferramentas"];
        Some(words[at % 4]).filter(|word| !word.is_empty())
    });
    let costs = (0..n).map(|at| (at * 31 % 90) as f64 + 0.25);
    batch([
        ("product_id", keys(scattered(n))),
        ("what", texts((0..n).map(|_| "Parafuso"))),
        (
            "list_price",
            Arc::new(prices.with_precision_and_scale(10, 2).unwrap()),
        ),
        ("unit_cost", Arc::new(Float64Array::from_iter_values(costs))),
        ("category", Arc::new(categories.collect::<StringArray>())),
    ])
}

fn all_own() -> Settings {
    Settings::new()
        .scale(0.01)
        .own("customers", customers(500))
        .own("sellers", sellers(40))
        .own("products", products(120))
}

/// The value of each key of a table.
fn by_key<T: Copy>(keys: Vec<i64>, values: &[T]) -> HashMap<i64, T> {
    keys.into_iter().zip(values.iter().copied()).collect()
}

#[test]
fn sales_hang_on_them_and_keep_every_rule() {
    let settings = all_own().rows("invoices", 60_000);
    let data = Data::of(&settings);
    data.check_sales();
    assert_eq!(
        [&data.customers, &data.sellers, &data.products, &data.stock].map(Frame::len),
        [500, 40, 120, 1200]
    );
    // What children have of their parents: the state, the price within 5 %, the cost.
    let states = data.customers.texts("state");
    let states = by_key(data.customers.ints("customer_id"), &states);
    let buyers = data.invoices.ints("customer_id");
    let found = data.invoices.texts("state");
    assert!(
        buyers
            .iter()
            .zip(&found)
            .all(|(buyer, state)| states[buyer] == *state)
    );
    let prices = by_key(
        data.products.ints("product_id"),
        &data.products.ints("list_price"),
    );
    let sold = data.items.ints("product_id");
    for (product, paid) in sold.iter().zip(data.items.ints("unit_price")) {
        let list = prices[product];
        assert!((paid - list).abs() * 20 <= list + 20, "{list} {paid}");
    }
    let costs = by_key(
        data.products.ints("product_id"),
        &data.products.ints("unit_cost"),
    );
    let stock = data.stock.ints("product_id").into_iter();
    assert!(
        stock
            .zip(data.stock.ints("unit_cost"))
            .all(|(at, cost)| costs[&at] == cost)
    );
    // Nobody is left out.
    let distinct = |keys: Vec<i64>| keys.into_iter().collect::<HashSet<_>>().len();
    let sellers = data.invoices.ints("seller_id");
    assert_eq!(
        [distinct(buyers), distinct(sellers), distinct(sold)],
        [500, 40, 120]
    );
    // The same sales without rows.
    let ledger = Ledger::new(&settings).unwrap();
    let invoice = ledger.walk().invoice(54_321).unwrap();
    let customer = data.customers.ints("customer_id")[invoice.customer as usize];
    assert_eq!(customer, data.invoices.ints("customer_id")[54_321]);
}

#[test]
fn shares_are_those_of_their_own_segments_and_regions() {
    let settings = all_own().rows("invoices", 1_000_000).parameter("skew", "0");
    let retail = Retail::new(&settings).unwrap();
    let customers = Frame::all(retail.customers());
    let sellers = Frame::all(retail.sellers());
    let columns = ["customer_id", "seller_id", "state"];
    let sales = Frame::rows(retail.invoices(), 0..1_000_000, &columns);
    let segments = by_key(customers.ints("customer_id"), &customers.texts("segment"));
    let mut bought: HashMap<i64, u64> = HashMap::new();
    for customer in sales.ints("customer_id") {
        *bought.entry(customer).or_default() += 1;
    }
    let of_segment = |segment| {
        let mine = segments.iter().filter(|(_, own)| **own == segment);
        mine.map(|(key, _)| bought[key]).collect::<Vec<u64>>()
    };
    let by_segment = SEGMENTS.map(|segment| of_segment(segment).iter().sum());
    let p = p_of_fit(&by_segment, &[55.0, 28.0, 17.0]);
    assert!(p > LEAST_P, "{by_segment:?}: {p:e}");
    // Without skew the customers of a segment are alike.
    for segment in SEGMENTS {
        let own = of_segment(segment);
        let p = p_of_fit(&own, &vec![1.0; own.len()]);
        assert!(p > LEAST_P, "{segment}: {p:e}");
    }
    // 85 % buy in their region, and the rest of all sellers: those of the region as well.
    let regions = by_key(sellers.ints("seller_id"), &sellers.texts("region"));
    let (mut own, mut other) = (0, 0);
    let buyers = sales
        .texts("state")
        .into_iter()
        .zip(sales.ints("seller_id"));
    for (_, seller) in buyers.filter(|(state, _)| *state == "AC") {
        if regions[&seller] == "Norte" {
            own += 1;
        } else {
            other += 1;
        }
    }
    let expected = 0.85 + 0.15 / 4.0;
    let p = p_of_fit(&[own, other], &[expected, 1.0 - expected]);
    assert!(p > LEAST_P, "{own} {other}: {p:e}");
}

#[test]
fn drinks_keep_their_season_and_what_is_none_of_ours_has_none() {
    let retail = Retail::new(&all_own().rows("invoices", 400_000)).unwrap();
    let products = Frame::all(retail.products());
    let categories = products.0.column_by_name("category").unwrap();
    let seasonal: Vec<bool> = cells(categories)
        .iter()
        .map(|cell| *cell == crate::support::Cell::Text("Refrigerante"))
        .collect();
    let is_cold = by_key(products.ints("product_id"), &seasonal);
    let items = Frame::rows(
        retail.invoice_items(),
        retail.invoice_items().row_range(),
        &["product_id", "month"],
    );
    let (mut cold, mut all) = ([0u64; 13], [0u64; 13]);
    for (product, month) in items
        .ints("product_id")
        .into_iter()
        .zip(items.ints("month"))
    {
        all[month as usize] += 1;
        cold[month as usize] += u64::from(is_cold[&product]);
    }
    let share = |month: usize| cold[month] as f64 / all[month] as f64;
    // 68 % of January's lines and 39 % of July's (a domain rule), less what distinct products take.
    assert!((share(1) - 0.68).abs() < 0.04, "{}", share(1));
    assert!((share(7) - 0.39).abs() < 0.04, "{}", share(7));
}

#[test]
fn columns_come_back_as_they_were() {
    let given = customers(300);
    let retail = Retail::new(&Settings::new().own("customers", given.clone())).unwrap();
    let table = retail.customers();
    let names = |schema: &arrow_schema::Schema| -> Vec<String> {
        schema
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect()
    };
    assert_eq!(names(table.schema()), names(given.schema_ref()));
    let found = Frame::all(table);
    let ids = found.ints("customer_id");
    assert!(ids.is_sorted());
    let before = Frame(given.clone()).ints("customer_id");
    for (row, id) in ids.iter().enumerate() {
        let was = before.iter().position(|before| before == id).unwrap();
        for (now, then) in found.0.columns().iter().zip(given.columns()) {
            assert_eq!(cells(now)[row], cells(then)[was], "{id}");
        }
        assert_eq!(table.row_of_key(*id), Some(row as u64));
    }
    for none in [-41, i64::MIN, i64::MAX, ids[0] + 1] {
        assert_eq!(table.row_of_key(none), None);
    }
    // Any range, and any list of rows.
    let part = table.rows(17..90).batch_rows(10).reader().unwrap();
    let part: Vec<RecordBatch> = part.map(Result::unwrap).collect();
    let part = arrow_select::concat::concat_batches(&part[0].schema(), &part).unwrap();
    assert_eq!(part, found.0.slice(17, 73));
    let gathered = table.gather(&[299, 0, 17], &[1]).unwrap();
    assert_eq!(*gathered[0], *keys([ids[299], ids[0], ids[17]]));
}

#[test]
fn any_range_of_what_hangs_on_them_is_that_of_the_whole() {
    let retail = Retail::new(&all_own().rows("invoices", 5_000)).unwrap();
    for table in retail.dataset().tables() {
        let whole = table.all_rows().batch().unwrap();
        let rows = table.row_count();
        for (from, end, batch_rows) in [
            (0, rows, 7),
            (rows / 3, rows / 2, 1_000),
            (rows - 1, rows, 1),
        ] {
            let scan = table.rows(from..end).batch_rows(batch_rows);
            let parts: Vec<RecordBatch> = scan.reader().unwrap().map(Result::unwrap).collect();
            let part = arrow_select::concat::concat_batches(whole.schema_ref(), &parts).unwrap();
            let wanted = whole.slice(from as usize, (end - from) as usize);
            assert_eq!(part, wanted, "{} {from}..{end}", table.name());
        }
        // Scattered rows, the last first.
        let list: Vec<u64> = (0..rows).rev().step_by(13).collect();
        let columns: Vec<usize> = (0..whole.num_columns()).collect();
        for (column, found) in table.gather(&list, &columns).unwrap().iter().enumerate() {
            let all = cells(whole.column(column));
            let wanted: Vec<_> = list.iter().map(|&row| all[row as usize]).collect();
            assert_eq!(cells(found), wanted, "{} {column}", table.name());
        }
    }
}

#[test]
fn the_same_rows_are_the_same_data_however_they_came() {
    let id = |rows: RecordBatch| {
        let retail = Retail::new(&Settings::new().own("sellers", rows)).unwrap();
        retail.dataset().id().to_owned()
    };
    let ids = vec![5, 9, 2];
    let words = vec!["Sul", "Norte", "Sul"];
    let plain = || {
        batch([
            ("seller_id", keys(ids.clone())),
            ("region", texts(words.clone())),
            ("note", texts(["a", "", "c"])),
        ])
    };
    let first = id(plain());
    assert!(first.contains("&sellers=3&"), "{first}");
    let (_, digest) = first.split_once("&use.sellers=blake3:").unwrap();
    assert_eq!(digest.len(), 32);
    // Known: what a digest is may only change with its version.
    assert_eq!(digest, "7274ff8b3547c7b8777340584ae6ca96");
    let others: [(&str, ArrayRef, ArrayRef, ArrayRef); 4] = [
        (
            "narrow keys, wide text",
            Arc::new(Int32Array::from(vec![5, 9, 2])),
            Arc::new(LargeStringArray::from(words.clone())),
            Arc::new(StringViewArray::from(vec!["a", "", "c"])),
        ),
        (
            "a dictionary",
            Arc::new(UInt64Array::from(vec![5, 9, 2])),
            Arc::new(
                words
                    .iter()
                    .copied()
                    .collect::<DictionaryArray<UInt8Type>>(),
            ),
            Arc::new(
                ["a", "", "c"]
                    .into_iter()
                    .collect::<DictionaryArray<Int32Type>>(),
            ),
        ),
        (
            "decimals without places",
            Arc::new(
                Decimal128Array::from(vec![5, 9, 2])
                    .with_precision_and_scale(38, 0)
                    .unwrap(),
            ),
            texts(words.clone()),
            texts(["a", "", "c"]),
        ),
        (
            "another order",
            keys([2, 5, 9]),
            texts(["Sul", "Sul", "Norte"]),
            texts(["c", "a", ""]),
        ),
    ];
    for (what, ids, regions, notes) in others {
        let same = batch([("seller_id", ids), ("region", regions), ("note", notes)]);
        assert_eq!(id(same), first, "{what}");
    }
    // A slice of a larger batch.
    let padded = batch([
        ("seller_id", keys([1, 5, 9, 2, 7])),
        ("region", texts(["Sul", "Sul", "Norte", "Sul", "Sul"])),
        ("note", texts(["x", "a", "", "c", "y"])),
    ]);
    assert_eq!(id(padded.slice(1, 3)), first);
    // Whatever differs is another dataset: a value, a null for an empty text, a name, a type, an order
    // of columns, one column more.
    let with = |note: ArrayRef, name: &str| {
        batch([
            ("seller_id", keys(ids.clone())),
            ("region", texts(words.clone())),
            (name, note),
        ])
    };
    let nulls: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("c")]));
    let others = [
        with(texts(["a", "", "d"]), "note"),
        with(texts(["a", "c", ""]), "note"),
        with(nulls, "note"),
        with(texts(["a", "", "c"]), "nota"),
        with(keys([1, 2, 3]), "note"),
        with(Arc::new(Int32Array::from(vec![1, 2, 3])), "note"),
        with(Arc::new(Date32Array::from(vec![1, 2, 3])), "note"),
        plain().project(&[0, 2, 1]).unwrap(),
        plain().project(&[0, 1]).unwrap(),
    ];
    let mut seen = HashSet::from([first]);
    for rows in others {
        assert!(seen.insert(id(rows.clone())), "{rows:?}");
    }
}

#[test]
fn one_row_more_moves_no_other_past_its_neighbours() {
    let ranks = |rows: i64| {
        let own = batch([("customer_id", keys(0..rows))]);
        let settings = Settings::new()
            .own("customers", own)
            .rows("invoices", 300_000)
            .parameter("skew", "4");
        let retail = Retail::new(&settings).unwrap();
        let sales = Frame::rows(retail.invoices(), 0..300_000, &["customer_id"]);
        let mut bought: HashMap<i64, u64> = HashMap::new();
        for customer in sales.ints("customer_id") {
            *bought.entry(customer).or_default() += 1;
        }
        let mut first: Vec<_> = bought
            .into_iter()
            .map(|(key, count)| (count, key))
            .collect();
        first.sort_unstable_by(|a, b| b.cmp(a));
        first
            .iter()
            .take(3)
            .map(|(_, key)| *key)
            .collect::<HashSet<_>>()
    };
    // Those who buy most of a thousand do so of a thousand and one, but for who came.
    let (before, after) = (ranks(1000), ranks(1001));
    assert!(
        before.intersection(&after).count() >= 2,
        "{before:?} {after:?}"
    );
}

#[test]
fn what_is_missing_is_drawn_as_for_generated_rows() {
    let ids = || keys(scattered(1000));
    let settings = Settings::new()
        .scale(0.01)
        .rows("invoices", 200_000)
        .own("customers", batch([("customer_id", ids())]))
        .own("sellers", batch([("seller_id", keys(scattered(100)))]))
        .own(
            "products",
            batch([
                ("product_id", ids()),
                ("list_price", Arc::new(Int32Array::from(vec![10; 1000]))),
            ]),
        );
    let data = Data::of(&settings);
    data.check_sales();
    // Few states are without a customer, and each customer has one.
    let mut states: HashMap<i64, HashSet<&str>> = HashMap::new();
    let buyers = data.invoices.ints("customer_id");
    for (buyer, state) in buyers.iter().zip(data.invoices.texts("state")) {
        states.entry(*buyer).or_default().insert(state);
    }
    assert!(states.values().all(|states| states.len() == 1));
    let all: HashSet<&&str> = states.values().flatten().collect();
    assert!(all.len() > 20, "{all:?}");
    // Corporate customers are 3 in 100, and buy 17 of 100 times.
    let mut bought: HashMap<i64, u64> = HashMap::new();
    for buyer in buyers {
        *bought.entry(buyer).or_default() += 1;
    }
    let mut most: Vec<u64> = bought.into_values().collect();
    most.sort_unstable_by(|a, b| b.cmp(a));
    let of_most: u64 = most[..30].iter().sum();
    assert!(of_most > 30_000, "{of_most}");
    // Costs are below prices.
    assert!(
        data.stock
            .ints("unit_cost")
            .iter()
            .all(|cost| (550..=750).contains(cost))
    );
}

#[test]
fn a_slice_without_members_falls_to_its_neighbour() {
    let corporate = batch([
        ("customer_id", keys([8])),
        ("segment", texts(["corporate"])),
        ("state", texts(["SP"])),
    ]);
    let north = batch([
        ("seller_id", keys([-5, 4])),
        ("region", texts(["Norte", "Norte"])),
    ]);
    let settings = Settings::new().rows("invoices", 2000);
    let data = Data::of(
        &settings
            .scale(0.001)
            .own("customers", corporate)
            .own("sellers", north),
    );
    data.check_sales();
    assert!(data.invoices.ints("customer_id").iter().all(|&id| id == 8));
    let sellers: HashSet<i64> = data.invoices.ints("seller_id").into_iter().collect();
    assert_eq!(sellers, HashSet::from([-5, 4]));
}

/// Checks that rows are refused, and gives the whole line.
#[track_caller]
fn refused(table: &str, rows: RecordBatch, of_column: Option<&str>, of_row: Option<u64>) -> String {
    let error = Retail::new(&Settings::new().own(table, rows)).unwrap_err();
    match &error {
        Error::OwnRows {
            table: found,
            column,
            row,
            ..
        } => {
            assert_eq!(*found, table);
            let row = row.map(std::num::NonZeroU64::get);
            assert_eq!((column.as_deref(), row), (of_column, of_row), "{error}");
        }
        other => panic!("{other:?}"),
    }
    error.to_string()
}

#[test]
fn rows_that_do_not_fit_are_refused_with_column_and_row() {
    let customers = |state: &str, segment: &str| {
        batch([
            ("customer_id", keys([4, 2])),
            ("state", texts(["SP", state])),
            ("segment", texts(["consumer", segment])),
        ])
    };
    let id = Some("customer_id");
    assert_eq!(
        refused(
            "customers",
            customers("sp", "consumer"),
            Some("state"),
            Some(2)
        ),
        "customers, column state, row 2: expected one of SP, MG, RJ, BA, RS, PR, PE, CE, PA, SC, GO, MA, \
         PB, ES, AM, RN, PI, AL, MT, DF, MS, SE, RO, TO, AC, AP, RR, not 'sp'; write 'SP'"
    );
    let line = refused(
        "customers",
        customers("XX", "consumer"),
        Some("state"),
        Some(2),
    );
    assert!(
        line.contains("rename the column: without it states are drawn"),
        "{line}"
    );
    refused(
        "customers",
        customers("SP", "whale"),
        Some("segment"),
        Some(2),
    );
    let no_key = batch([("Customer_ID", keys([1]))]);
    let line = refused("customers", no_key, None, None);
    assert!(
        line.ends_with("not Customer_ID; rename Customer_ID to it"),
        "{line}"
    );
    refused(
        "customers",
        batch([("customer_id", texts(["0007"]))]),
        id,
        None,
    );
    let doubles: ArrayRef = Arc::new(Float64Array::from(vec![1.0]));
    refused("customers", batch([("customer_id", doubles)]), id, None);
    let null: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
    refused("customers", batch([("customer_id", null)]), id, Some(2));
    let line = refused(
        "customers",
        batch([("customer_id", keys([1, 2, 3, 2, 1]))]),
        id,
        Some(4),
    );
    assert!(line.contains("not 2, which row 2 has too"), "{line}");
    let beyond: ArrayRef = Arc::new(UInt64Array::from(vec![1, u64::MAX]));
    refused("customers", batch([("customer_id", beyond)]), id, Some(2));
    let words = texts(["AC", "DF"]);
    let twice = batch([
        ("customer_id", keys([1, 2])),
        ("x", words.clone()),
        ("x", words.clone()),
    ]);
    refused("customers", twice, Some("x"), None);
    let unnamed = batch([("customer_id", keys([1, 2])), ("", words)]);
    refused("customers", unnamed, Some(""), None);
    refused("customers", batch([("customer_id", keys([]))]), None, None);
    let most = Int64Array::from_iter_values(0..=MOST_ROWS as i64);
    refused(
        "customers",
        batch([("customer_id", Arc::new(most))]),
        None,
        None,
    );
    let numbers = batch([("customer_id", keys([1])), ("state", keys([35]))]);
    refused("customers", numbers, Some("state"), None);
    let bytes: ArrayRef = Arc::new(arrow_array::BinaryArray::from(vec![b"x".as_slice()]));
    refused(
        "customers",
        batch([("customer_id", keys([1])), ("photo", bytes)]),
        Some("photo"),
        None,
    );
    let nanos: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![1_000, 1_001]));
    let nanos = batch([("customer_id", keys([1, 2])), ("at", nanos)]);
    refused("customers", nanos, Some("at"), Some(2));
}

#[test]
fn prices_are_amounts_of_whole_cents_above_zero() {
    let prices = |prices: ArrayRef| {
        let count = prices.len() as i64;
        batch([("product_id", keys(0..count)), ("list_price", prices)])
    };
    let doubles = |values: Vec<f64>| -> ArrayRef { Arc::new(Float64Array::from(values)) };
    let price = Some("list_price");
    for (values, row) in [
        (vec![1.0, 0.0], 2),
        (vec![1.0, -3.5], 2),
        (vec![0.125], 1),
        (vec![f64::NAN], 1),
        (vec![f64::INFINITY], 1),
        (vec![1e6, 1_000_000.01], 2),
    ] {
        refused("products", prices(doubles(values)), price, Some(row));
    }
    refused("products", prices(texts(["3,50"])), price, None);
    refused("products", batch([("product_id", keys([1]))]), None, None);
    let thousandths = Decimal128Array::from(vec![3_490, 3_495]);
    let thousandths = Arc::new(thousandths.with_precision_and_scale(9, 3).unwrap());
    refused("products", prices(thousandths), price, Some(2));
    // The same prices from doubles, decimals and whole numbers.
    let id = |values: ArrayRef| {
        let settings = Settings::new().own("products", prices(values));
        Retail::new(&settings).unwrap().dataset().id().to_owned()
    };
    let first = id(doubles(vec![3.0, 29.0]));
    assert_eq!(id(Arc::new(Int32Array::from(vec![3, 29]))), first);
    let tenths = Decimal128Array::from(vec![30, 290])
        .with_precision_and_scale(5, 1)
        .unwrap();
    assert_eq!(id(Arc::new(tenths)), first);
    // All amounts that a double can mean.
    let all: Vec<f64> = (1..=100_000)
        .map(|cents| f64::from(cents) / 100.0)
        .collect();
    let retail = Retail::new(&Settings::new().own("products", prices(doubles(all)))).unwrap();
    let found = Frame::all(retail.products()).ints("list_price");
    assert_eq!(found, (1..=100_000).collect::<Vec<i64>>());
}

#[test]
fn tables_that_nobody_can_replace_are_refused() {
    let one = || batch([("customer_id", keys([1]))]);
    for (dataset, table) in [
        ("retail", "costumers"),
        ("retail", "invoices"),
        ("retail", "stock"),
        ("predictions", "predictions"),
    ] {
        let settings = Settings::new().own(table, one());
        match find(dataset).unwrap().dataset(&settings).unwrap_err() {
            Error::Unknown {
                kind: "table",
                found,
                known,
                ..
            } => {
                assert_eq!(found, table);
                assert_eq!(known.is_empty(), dataset != "retail");
            }
            other => panic!("{other:?}"),
        }
    }
    let both = Settings::new().own("customers", one()).rows("customers", 5);
    let line = Retail::new(&both).unwrap_err().to_string();
    assert!(line.ends_with("leave --rows customers=N out"), "{line}");
    let twice = Settings::new()
        .own("customers", one())
        .own("customers", one());
    assert!(Retail::new(&twice).is_err());
    // A scale does not concern them.
    let retail = Retail::new(&Settings::new().scale(1e-9).own("customers", customers(75))).unwrap();
    assert_eq!(
        (retail.customers().row_count(), retail.sellers().row_count()),
        (75, 1)
    );
}

#[test]
fn what_is_asked_stands_in_the_declaration() {
    let info = find("retail").unwrap();
    for replaceable in info.replaceable {
        assert!(
            info.roots
                .iter()
                .any(|root| root.table == replaceable.table)
        );
        let (key, others) = replaceable.columns.split_first().unwrap();
        assert_eq!((key.takes, key.missing), (Takes::Key, None));
        assert!(others.iter().all(|wanted| wanted.takes != Takes::Key));
        // Each is a column of the generated table as well.
        let table = info.dataset(&Settings::new()).unwrap();
        let table = table.table(replaceable.table).unwrap().clone();
        for wanted in replaceable.columns {
            assert!(table.column_index(wanted.name).is_ok(), "{}", wanted.name);
        }
    }
}
