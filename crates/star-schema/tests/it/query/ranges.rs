//! Conditions on sorted columns touch the rows of their range, and no other.

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use lakeseed_gen_core::{Dataset, Settings, Table};
use lakeseed_star_schema::query::Queries;

use super::{Oracle, answer, over, retail, sorted};

fn invoices(dataset: &Dataset) -> Table {
    dataset.table("invoices").unwrap().clone()
}

/// How many rows of a table have a time from one microsecond to before another: by reading all.
fn between(table: &Table, from: i64, to: i64) -> u64 {
    let reader = table.all_rows().columns(["issued_at"]).unwrap();
    let counts = reader.reader().unwrap().map(|batch| {
        let batch = batch.unwrap();
        let times = batch.column(0).as_primitive::<TimestampMicrosecondType>();
        let inside = times
            .values()
            .iter()
            .filter(|&&at| (from..to).contains(&at));
        inside.count() as u64
    });
    counts.sum()
}

const DAY: i64 = 86_400_000_000;

/// Microseconds at the start of a day of 2023.
fn day(number: i64) -> i64 {
    (19_358 + number) * DAY
}

#[test]
fn rows_read_are_those_of_the_range() {
    let retail = retail();
    let table = invoices(&retail);
    let (all, queries) = (table.row_count(), over(&retail));
    // The fifth of March is day 63 of the year, from 0.
    let (march, april) = (
        between(&table, day(59), day(90)),
        between(&table, day(90), day(120)),
    );
    let fifth = between(&table, day(63), day(64));
    let noon = between(&table, day(63) + DAY / 2, day(64));
    assert!(fifth > 100 && march > 20 * fifth, "{fifth} {march}");
    for (condition, expected) in [
        (
            "issued_at >= '2023-03-05' AND issued_at < '2023-03-06'",
            fifth,
        ),
        (
            "issued_at >= TIMESTAMP '2023-03-05 12:00:00' AND issued_at < '2023-03-06'",
            noon,
        ),
        (
            "issued_at BETWEEN '2023-03-05' AND '2023-03-05T23:59:59.999999'",
            fifth,
        ),
        (
            "'2023-03-05' <= issued_at AND DATE '2023-03-06' > issued_at",
            fifth,
        ),
        ("CAST(issued_at AS DATE) = '2023-03-05'", fifth),
        ("issued_at::date = DATE '2023-03-05'", fifth),
        ("date_trunc('day', issued_at) = '2023-03-05'", fifth),
        ("date_trunc('month', issued_at) = '2023-03-01'", march),
        ("year = 2023 AND month = 3 AND day = 5", fifth),
        ("day = 5 AND month = 3 AND year = 2023", fifth),
        ("month = 3", march),
        ("month BETWEEN 3 AND 4", march + april),
        (
            "month > 2 AND month < 4 AND issued_at < '2023-03-06' AND day > 4",
            fifth,
        ),
        ("EXTRACT(year FROM issued_at) = 2023", all),
        ("invoice_id = 70000", 1),
        ("invoice_id BETWEEN 100 AND 200", 101),
        ("invoice_id <= 7 AND invoice_id > 3", 4),
        ("CAST(invoice_id AS DOUBLE) < 10.5", 10),
        ("invoice_id < 0", 0),
        ("invoice_id > 9000000", 0),
        ("year = 2024", 0),
        // No order tells of these.
        ("day = 5", all),
        ("invoice_id <> 5", all),
        ("item_count = 1", all),
        ("invoice_id = 5 OR invoice_id = 60000", all),
    ] {
        let sql = format!("SELECT sum(customer_id) AS s FROM retail.invoices WHERE {condition}");
        let (_, report) = answer(&queries, &sql);
        assert_eq!(report.rows_read["retail.invoices"], expected, "{condition}");
    }
}

/// The same over a window of three years, where a month is in order only within its year.
#[test]
fn a_window_of_years_is_narrowed_by_the_year_first() {
    let settings = Settings::new()
        .scale(0.002)
        .start("2023-01-01".parse().unwrap())
        .end("2025-12-31".parse().unwrap());
    let retail = Dataset::new("retail", &settings).unwrap();
    let table = invoices(&retail);
    let (queries, oracle) = (over(&retail), Oracle::new([&table]));
    let february = (365 + 31, 365 + 31 + 29);
    let expected = between(&table, day(february.0), day(february.1));
    for (condition, rows) in [
        ("year = 2024 AND month = 2", expected),
        ("month = 2 AND year = 2024", expected),
        ("month = 2", table.row_count()),
        (
            "year >= 2024 AND month = 2",
            between(&table, day(365), day(3 * 365 + 1)),
        ),
        (
            "year > 2023 AND year < 2025 AND month >= 2 AND month < 3",
            expected,
        ),
    ] {
        let sql = format!(
            "SELECT count(net_total) AS n, sum(net_total) AS s FROM invoices WHERE {condition}"
        );
        let (found, report) = answer(&queries, &sql);
        assert_eq!(report.rows_read["retail.invoices"], rows, "{condition}");
        assert_eq!(found, oracle.answer(&sql), "{condition}");
    }
}

#[test]
fn what_the_planner_knows_is_not_read() {
    let retail = retail();
    let (queries, oracle) = (over(&retail), Oracle::new(retail.tables()));
    for sql in [
        "SELECT count(*) FROM invoices",
        "SELECT count(1), count(net_total) FROM invoice_items",
        "SELECT min(issued_at), max(issued_at), max(invoice_id) FROM invoices",
        "SELECT count(*) FROM invoices WHERE issued_at >= '2023-03-05' AND issued_at < '2023-04-01'",
        "SELECT max(issued_at) FROM invoices WHERE year = 2023 AND month = 2",
    ] {
        let sql = sql.replace("count(net_total)", "count(line_total)");
        let (found, report) = answer(&queries, &sql);
        assert_eq!(report.rows_read.values().sum::<u64>(), 0, "{sql}");
        assert_eq!(found, oracle.answer(&sql), "{sql}");
    }
}

/// A window whose days are gone through one by one: every row is in exactly one of them.
#[test]
fn days_cut_a_table_without_a_rest() {
    let retail = retail();
    let queries = over(&retail);
    let per_day = (1..=31).map(|day| {
        let sql =
            format!("SELECT count(*) FROM invoices WHERE issued_at::date = '2023-01-{day:02}'");
        answer(&queries, &sql).0[0].parse::<u64>().unwrap()
    });
    let (whole, _) = answer(&queries, "SELECT count(*) FROM invoices WHERE month = 1");
    assert_eq!(per_day.sum::<u64>().to_string(), whole[0]);
}

/// A table of a user's own has its sorted key.
#[test]
fn tables_of_ones_own_are_narrowed_too() {
    use lakeseed_gen_core::column::{sequence, weighted};
    let pets = Table::builder("pets", 100_000)
        .column("id", sequence(1))
        .column("name", weighted([("Rex", 5), ("Mia", 3)]))
        .build()
        .unwrap();
    let mut queries = Queries::new(&super::settings()).unwrap();
    queries.register_table("mine", &pets).unwrap();
    let sql = "SELECT name, count(*) FROM mine.pets WHERE id > 99990 GROUP BY name";
    let (rows, report) = answer(&queries, sql);
    assert_eq!(report.rows_read["mine.pets"], 10);
    let oracle = Oracle::new([&pets]);
    let sql = sql.replace("mine.", "");
    assert_eq!(sorted(rows), sorted(oracle.answer(&sql)));
}
