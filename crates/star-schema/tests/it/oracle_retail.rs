//! The oracle of the star of `retail` beside statements that run on a plain engine, without any limit.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, BooleanArray, Date32Array, Int64Array, RecordBatch};
use arrow_schema::Schema;
use arrow_select::concat::concat_batches;
use chrono::{Datelike, NaiveDate};
use datafusion::arrow::compute::cast;
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use lakeseed_gen_core::calendar::is_holiday;
use lakeseed_gen_core::retail::Retail;
use lakeseed_gen_core::{Date, Settings};
use lakeseed_star_schema::oracle::{Oracle, Stray};

const FACT: &str = include_str!("../../models/retail/fact_sales.sql");
const DAILY: &str = include_str!("../../models/retail/fact_sales_daily.sql");
const PAYMENTS: &str = include_str!("../../models/retail/dim_payment.sql");

/// Leap days, a year's end, products that are rare enough to be sold out of one invoice.
fn settings() -> Settings {
    Settings::new()
        .rows("invoices", 40_000)
        .rows("customers", 700)
        .rows("products", 60)
        .rows("sellers", 9)
        .start(Date::new(2024, 2, 20))
        .end(Date::new(2024, 3, 2))
}

fn oracle() -> Oracle {
    Oracle::new("retail", &settings(), 2, &AtomicBool::new(false))
        .unwrap()
        .unwrap()
}

/// What the oracle says of a table: row, column, expected, found; then what is wrong with all rows.
type Said = (Vec<(usize, String, String, String)>, Vec<Stray>);

fn said(table: &str, rows: &[RecordBatch]) -> Said {
    let (oracle, stop) = (oracle(), AtomicBool::new(false));
    let mut told = Vec::new();
    for batch in rows {
        let mut differs = |row, column: Option<&str>, texts: &dyn Fn() -> (String, String)| {
            let (expected, found) = texts();
            told.push((row, column.unwrap_or("-").to_owned(), expected, found));
        };
        oracle.check(table, batch, &mut differs).unwrap();
    }
    (told, oracle.strays(table, 2, &stop).unwrap())
}

/// The dataset's tables behind an engine.
struct Plain(SessionContext, tokio::runtime::Runtime);

impl Plain {
    fn new() -> Self {
        let retail = Retail::new(&settings()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let plain = Self(SessionContext::new(), runtime);
        for table in retail.dataset().tables() {
            plain.register(table.name(), table.all_rows().batch().unwrap());
        }
        plain
    }

    fn register(&self, name: &str, rows: RecordBatch) {
        let table = MemTable::try_new(rows.schema(), vec![vec![rows]]).unwrap();
        self.0.register_table(name, Arc::new(table)).unwrap();
    }

    fn ask(&self, sql: &str) -> RecordBatch {
        let batches = self
            .1
            .block_on(async { self.0.sql(sql).await.unwrap().collect().await.unwrap() });
        // The halves of a union do not agree on nulls.
        let fields = batches[0].schema().fields().clone();
        let fields = fields
            .iter()
            .map(|field| field.as_ref().clone().with_nullable(true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let nullable = |batch: RecordBatch| {
            RecordBatch::try_new(Arc::clone(&schema), batch.columns().to_vec()).unwrap()
        };
        let batches: Vec<RecordBatch> = batches.into_iter().map(nullable).collect();
        concat_batches(&schema, &batches).unwrap()
    }
}

fn is_right(table: &str, rows: &RecordBatch) {
    let half = rows.num_rows() / 2;
    let halves = [
        rows.slice(half, rows.num_rows() - half),
        rows.slice(0, half),
    ];
    let (told, strays) = said(table, &halves);
    assert_eq!(told.first(), None, "{table}");
    assert_eq!(strays, [], "{table}");
}

/// The rows with another number in one of them.
fn with(rows: &RecordBatch, column: &str, row: usize, more: i64) -> RecordBatch {
    let at = rows.schema().index_of(column).unwrap();
    let of_type = rows.column(at).data_type().clone();
    let money = arrow_schema::DataType::Decimal128(38, 2);
    let exact = if of_type.is_integer() {
        arrow_schema::DataType::Int64
    } else {
        money
    };
    let text = cast(rows.column(at), &exact).unwrap();
    let changed: ArrayRef = if of_type.is_integer() {
        let numbers = text
            .as_any()
            .downcast_ref::<Int64Array>()
            .unwrap()
            .iter()
            .enumerate();
        Arc::new(
            numbers
                .map(|(at, n)| n.map(|n| if at == row { n + more } else { n }))
                .collect::<Int64Array>(),
        )
    } else {
        let cents = text
            .as_any()
            .downcast_ref::<arrow_array::Decimal128Array>()
            .unwrap();
        let changed = cents
            .iter()
            .enumerate()
            .map(|(at, n)| n.map(|n| if at == row { n + i128::from(more) } else { n }));
        let changed: arrow_array::Decimal128Array = changed.collect();
        Arc::new(changed.with_precision_and_scale(38, 2).unwrap())
    };
    let mut columns = rows.columns().to_vec();
    columns[at] = cast(&changed, &of_type).unwrap();
    RecordBatch::try_new(rows.schema(), columns).unwrap()
}

#[test]
fn sales_are_what_the_statements_give_and_a_cent_more_is_found() {
    let plain = Plain::new();
    let fact = plain.ask(FACT);
    assert!(fact.num_rows() > 2_000, "{}", fact.num_rows());
    is_right("fact_sales", &fact);
    plain.register("fact_sales", fact.clone());
    let daily = plain.ask(DAILY);
    is_right("fact_sales_daily", &daily);
    is_right(
        "dim_payment",
        &plain.ask(&format!("{PAYMENTS} UNION ALL SELECT -1, 'unknown'")),
    );
    for column in [
        "discount",
        "tax",
        "net_total",
        "quantity",
        "customer_id",
        "date_id",
    ] {
        let (told, strays) = said("fact_sales", &[with(&fact, column, 1_000, 1)]);
        assert_eq!(told.len(), 1, "{column}: {told:?}");
        assert_eq!((told[0].0, told[0].1.as_str()), (1_000, column));
        assert_eq!(strays, []);
    }
    let last = fact.num_rows() - 1;
    let (told, strays) = said("fact_sales", &[fact.slice(1, last), fact.slice(last, 1)]);
    assert_eq!(told, []);
    assert!(matches!(
        strays[..],
        [Stray::Missing(_), Stray::Surplus(_)] | [Stray::Surplus(_), Stray::Missing(_)]
    ));
    for (column, said_of) in [("net_total", " cents"), ("quantity", "quantity of date_id")] {
        let (told, strays) = said("fact_sales_daily", &[with(&daily, column, 7, 1)]);
        assert_eq!(told, []);
        assert!(
            matches!(&strays[..], [Stray::Count { expected, .. }] if expected.contains(said_of)),
            "{strays:?}"
        );
    }
    let (_, strays) = said("fact_sales_daily", &[daily.slice(1, daily.num_rows() - 1)]);
    assert_eq!(strays.len(), 1, "{strays:?}");
}

#[test]
fn dimensions_are_the_tables_and_one_more_row() {
    let plain = Plain::new();
    // The member for the unknown has a key, a name, and nothing else.
    let of = |table: &str, columns: &[&str]| {
        let cell = |(at, column): (usize, &&str)| match *column {
            _ if at == 0 => format!("-1 AS {column}"),
            "name" => "'unknown' AS name".to_owned(),
            _ => format!("NULL AS {column}"),
        };
        let unknown: Vec<String> = columns.iter().enumerate().map(cell).collect();
        let (columns, unknown) = (columns.join(", "), unknown.join(", "));
        plain.ask(&format!(
            "SELECT {columns} FROM {table} UNION ALL SELECT {unknown}"
        ))
    };
    let rows = of(
        "customers",
        &[
            "customer_id",
            "name",
            "cpf",
            "gender",
            "birth_date",
            "segment",
            "district",
            "city",
            "state",
            "postal_code",
            "credit_limit",
            "created_at",
        ],
    );
    is_right("dim_customer", &rows);
    let sellers = of(
        "sellers",
        &[
            "seller_id",
            "registration",
            "name",
            "district",
            "region",
            "commission_rate",
            "hired_on",
            "on_leave",
        ],
    );
    is_right("dim_seller", &sellers);
    let products = of(
        "products",
        &[
            "product_id",
            "code",
            "name",
            "line",
            "packaging",
            "size",
            "flavour",
            "category",
            "list_price",
            "unit_cost",
        ],
    );
    is_right("dim_product", &products);
    // Without the unknown one, and with a customer of nobody.
    let ids = rows.column(0).as_primitive::<Int64Type>().values();
    let unknown = ids.iter().position(|id| *id == -1).unwrap();
    let others = [
        rows.slice(0, unknown),
        rows.slice(unknown + 1, 700 - unknown),
    ];
    let (_, strays) = said("dim_customer", &others);
    assert_eq!(strays, [Stray::Missing("customer_id -1".to_owned())]);
    let (told, strays) = said("dim_customer", &[with(&rows, "customer_id", 3, 700)]);
    assert_eq!((told.len(), told[0].1.as_str(), strays.len()), (1, "-", 1));
}

#[test]
fn stock_is_the_table_row_by_row() {
    let rows = Plain::new().ask(include_str!("../../models/retail/fact_stock.sql"));
    is_right("fact_stock", &rows);
    for column in ["quantity", "unit_cost"] {
        let (told, strays) = said("fact_stock", &[with(&rows, column, 12, 1)]);
        assert_eq!((told.len(), told[0].0, told[0].1.as_str()), (1, 12, column));
        assert_eq!(strays, []);
    }
    // The last warehouse has no next one.
    let last = rows.num_rows() - 1;
    let (told, strays) = said("fact_stock", &[with(&rows, "warehouse_id", last, 1)]);
    assert_eq!((told.len(), told[0].1.as_str()), (1, "-"));
    let missing = "product_id 60, warehouse_id 10".to_owned();
    assert_eq!(strays, [Stray::Missing(missing)]);
}

#[test]
fn days_are_those_of_another_calendar() {
    let first = NaiveDate::from_ymd_opt(2020, 1, 1).unwrap();
    let days: Vec<NaiveDate> = first
        .iter_days()
        .take_while(|day| day.year() < 2040)
        .collect();
    let number = |of: &dyn Fn(&NaiveDate) -> u32, none: Option<i64>| -> ArrayRef {
        let known = days.iter().map(|day| Some(i64::from(of(day))));
        Arc::new(known.chain([none]).collect::<Int64Array>())
    };
    let is = |of: &dyn Fn(&NaiveDate) -> bool| -> ArrayRef {
        let known = days.iter().map(|day| Some(of(day)));
        Arc::new(known.chain([None]).collect::<BooleanArray>())
    };
    let epoch = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap();
    let since = days
        .iter()
        .map(|day| Some(day.signed_duration_since(epoch).num_days() as i32));
    let dates: ArrayRef = Arc::new(since.chain([None]).collect::<Date32Array>());
    let year = |day: &NaiveDate| day.year() as u32;
    let id = |day: &NaiveDate| year(day) * 10_000 + day.month() * 100 + day.day();
    let holiday = |day: &NaiveDate| is_holiday(Date::new(day.year(), day.month(), day.day()));
    let weekday = |day: &NaiveDate| day.weekday().number_from_monday();
    let rows = RecordBatch::try_from_iter([
        ("date_id", number(&id, Some(-1))),
        ("date", dates),
        ("year", number(&year, None)),
        ("quarter", number(&|day| day.month().div_ceil(3), None)),
        ("month", number(&|day| day.month(), None)),
        ("day", number(&|day| day.day(), None)),
        ("weekday", number(&weekday, None)),
        ("day_of_year", number(&|day| day.ordinal(), None)),
        ("is_weekend", is(&|day| weekday(day) >= 6)),
        ("is_holiday", is(&holiday)),
    ])
    .unwrap();
    is_right("dim_date", &rows);
    // The 32nd of December is no day, and leaves its own place empty.
    let last = rows.num_rows() - 2;
    let (told, strays) = said("dim_date", &[with(&rows, "date_id", last, 1)]);
    assert_eq!((told.len(), told[0].1.as_str()), (1, "-"));
    assert_eq!(strays, [Stray::Missing("date_id 20391231".to_owned())]);
}
