//! Growth: time goes on, and what was there stays as it was.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use lakeseed_gen_core::retail::Retail;
use lakeseed_gen_core::{Date, Settings, Table};

use crate::support::{Frame, prints};

fn retail(start: Date, end: Date) -> Retail {
    Retail::new(&Settings::new().scale(0.002).start(start).end(end)).unwrap()
}

const NEW_YEAR: [Date; 3] = [
    Date::new(2023, 1, 1),
    Date::new(2024, 1, 1),
    Date::new(2025, 1, 1),
];
const LAST_DAYS: [Date; 3] = [
    Date::new(2023, 12, 31),
    Date::new(2024, 12, 31),
    Date::new(2025, 12, 31),
];

/// Checksums of all values of a table, by column.
fn all(table: &Table) -> Vec<Vec<u64>> {
    table
        .all_rows()
        .batch()
        .unwrap()
        .columns()
        .iter()
        .map(prints)
        .collect()
}

fn joined(parts: &[&Table]) -> Vec<Vec<u64>> {
    let mut columns = all(parts[0]);
    for part in &parts[1..] {
        for (column, more) in columns.iter_mut().zip(all(part)) {
            column.extend(more);
        }
    }
    columns
}

#[test]
fn years_one_after_the_other_are_the_years_at_once() {
    let at_once = retail(NEW_YEAR[0], LAST_DAYS[2]);
    let years: Vec<Retail> = (0..3)
        .map(|at| retail(NEW_YEAR[at], LAST_DAYS[at]))
        .collect();
    let invoices: Vec<&Table> = years.iter().map(Retail::invoices).collect();
    assert_eq!(invoices[1].row_range().start, invoices[0].row_range().end);
    assert!(joined(&invoices) == all(at_once.invoices()));
    let items: Vec<&Table> = years.iter().map(Retail::invoice_items).collect();
    assert_eq!(items[1].row_range().start, items[0].row_range().end);
    assert!(joined(&items) == all(at_once.invoice_items()));
}

#[test]
fn days_one_after_the_other_are_the_weeks_at_once() {
    let (start, end) = (Date::new(2023, 12, 20), Date::new(2024, 1, 12));
    let at_once = retail(start, end);
    let days: Vec<Retail> = (0..=end.days() - start.days())
        .map(|day| retail(start.plus(day), start.plus(day)))
        .collect();
    let invoices: Vec<&Table> = days.iter().map(Retail::invoices).collect();
    assert!(joined(&invoices) == all(at_once.invoices()));
    let items: Vec<&Table> = days.iter().map(Retail::invoice_items).collect();
    assert!(joined(&items) == all(at_once.invoice_items()));
}

#[test]
fn numbering_continues_and_each_year_has_its_count() {
    let first = retail(NEW_YEAR[0], LAST_DAYS[0]);
    assert_eq!(
        first.invoices().row_range(),
        0..6000,
        "scale is the count of the base year"
    );
    let january = retail(NEW_YEAR[1], Date::new(2024, 1, 31));
    let ids = Frame::all(january.invoices()).ints("invoice_id");
    assert_eq!(ids[0], 6001);
    let dates = Frame::all(january.invoices());
    assert!(dates.ints("year").iter().all(|&year| year == 2024));
    assert!(dates.ints("month").iter().all(|&month| month == 1));
}

#[test]
fn dimensions_do_not_change_with_time() {
    let (early, late) = (
        retail(NEW_YEAR[0], LAST_DAYS[0]),
        retail(NEW_YEAR[2], LAST_DAYS[2]),
    );
    for at in 0..4 {
        let (a, b) = (&early.dataset().tables()[at], &late.dataset().tables()[at]);
        assert!(all(a) == all(b), "{}", a.name());
    }
    assert_eq!(
        early.dataset().id(),
        late.dataset().id(),
        "a window chooses rows and changes none"
    );
}

#[test]
fn more_invoices_leave_the_dimensions_as_they_were() {
    let few = Retail::new(&Settings::new().scale(0.01)).unwrap();
    let many = Retail::new(&Settings::new().scale(0.01).rows("invoices", 1_000_000)).unwrap();
    for at in 0..4 {
        let (a, b) = (&few.dataset().tables()[at], &many.dataset().tables()[at]);
        assert!(all(a) == all(b), "{}", a.name());
    }
}

#[test]
fn the_last_window_of_all_can_be_read() {
    let end = Date::new(2122, 12, 31);
    let retail = Retail::new(&Settings::new().start(end)).unwrap();
    assert_eq!(retail.dataset().window(), (end, end));
    let rows = retail.invoices().row_range();
    assert!(rows.start > 300_000_000 && rows.end > rows.start);
    let frame = Frame::rows(
        retail.invoices(),
        rows.end - 1..rows.end,
        &["year", "month", "day"],
    );
    assert_eq!(
        (
            frame.ints("year")[0],
            frame.ints("month")[0],
            frame.ints("day")[0]
        ),
        (2122, 12, 31)
    );
    // A century of rows is reached as fast as the first: no walk through those before.
    let items = retail.invoice_items().row_range();
    assert_eq!(
        Frame::rows(
            retail.invoice_items(),
            items.end - 1..items.end,
            &["invoice_id"]
        )
        .ints("invoice_id")[0],
        rows.end as i64
    );
}

#[test]
fn keys_lead_back_to_rows() {
    let retail = retail(NEW_YEAR[1], LAST_DAYS[1]);
    let invoices = retail.invoices();
    let rows = invoices.row_range();
    assert_eq!(invoices.row_of_key(rows.start as i64 + 1), Some(rows.start));
    assert_eq!(
        invoices.row_of_key(rows.start as i64),
        None,
        "an invoice of another window"
    );
    for key in [0, -1, i64::MIN, i64::MAX] {
        assert_eq!(invoices.row_of_key(key), None);
        assert_eq!(retail.customers().row_of_key(key), None);
    }
    assert_eq!(retail.customers().row_of_key(200), Some(199));
    assert_eq!(retail.customers().row_of_key(201), None);
}

#[test]
fn rounds_hold_equal_shares_of_invoices_with_their_items() {
    let world = retail(NEW_YEAR[1], Date::new(2024, 1, 31));
    let (invoices, items) = (world.invoices(), world.invoice_items());
    let of_invoices = invoices.rounds(7).unwrap();
    let of_items = items.rounds(7).unwrap();
    let column = |table: &Table, rows: &std::ops::Range<u64>| -> Vec<i64> {
        let batch = table.rows(rows.clone()).columns(["invoice_id"]).unwrap();
        let batch = batch.batch().unwrap();
        batch
            .column(0)
            .as_primitive::<Int64Type>()
            .values()
            .to_vec()
    };
    let (mut invoice_row, mut item_row) = (invoices.row_range().start, items.row_range().start);
    let share = invoices.row_count() / 7;
    for (of_invoices, of_items) in of_invoices.iter().zip(&of_items) {
        assert_eq!((of_invoices.start, of_items.start), (invoice_row, item_row));
        (invoice_row, item_row) = (of_invoices.end, of_items.end);
        assert!((share..=share + 1).contains(&(of_invoices.end - of_invoices.start)));
        let mut sold = column(items, of_items);
        sold.dedup();
        assert_eq!(sold, column(invoices, of_invoices));
    }
    assert_eq!(
        (invoice_row, item_row),
        (invoices.row_range().end, items.row_range().end)
    );
    for table in [
        world.customers(),
        world.sellers(),
        world.products(),
        world.stock(),
    ] {
        assert!(table.rounds(7).is_none(), "{}", table.name());
    }
}
