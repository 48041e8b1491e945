//! Memory that is not enough, what is spilled, and what ends a query early.

use std::ops::ControlFlow;

use lakeseed_budget::{Bytes, KIB, MIB};
use lakeseed_star_schema::query::{Queries, QuerySettings};
use lakeseed_star_schema::{Error, Stop};

use super::{answer, over, retail, settings, try_answer};

fn with(settings: &QuerySettings) -> Queries {
    let mut queries = Queries::new(settings).unwrap();
    queries.register("retail", &retail()).unwrap();
    queries
}

const SORT: &str =
    "SELECT invoice_id, customer_id, net_total FROM invoices ORDER BY net_total, invoice_id";

#[test]
fn exhausted_memory_is_said_and_names_what_to_do() {
    let queries = with(&QuerySettings {
        memory: 2 * MIB,
        ..settings()
    });
    for sql in [
        SORT,
        "SELECT a.customer_id, count(*) FROM invoices a JOIN invoices b ON a.tax = b.tax GROUP BY 1",
    ] {
        let error = try_answer(&queries, sql).unwrap_err();
        assert!(
            matches!(error, Error::Exhausted { spills: false, .. }),
            "{sql}: {error:?}"
        );
        assert!(error.to_string().contains("2 MiB"), "{error}");
    }
    // The next one has all of it again.
    assert_eq!(
        answer(&queries, "SELECT count(DISTINCT state) FROM invoices").0,
        ["27"]
    );
}

#[test]
fn what_is_spilled_comes_back_the_same() {
    let temp = tempfile::tempdir().unwrap();
    let small = with(&QuerySettings {
        memory: 4 * MIB,
        temp: Some(temp.path().to_owned()),
        temp_in_memory: true,
        temp_limit: Some(256 * MIB),
        ..settings()
    });
    let (expected, in_memory) = answer(&with(&settings()), SORT);
    let (found, spilled) = answer(&small, SORT);
    assert!(expected == found, "the sorted rows differ");
    assert_eq!(in_memory.spilled, Bytes::ZERO);
    assert!(spilled.spilled > 500 * KIB, "{}", spilled.spilled);
    assert!(spilled.memory_peak > KIB && spilled.memory_peak <= 4 * MIB);
    assert!(in_memory.memory_peak > spilled.memory_peak);
    // Nothing of it stays.
    assert_eq!(std::fs::read_dir(temp.path()).unwrap().count(), 0);
}

#[test]
fn a_full_temporary_folder_is_said() {
    let temp = tempfile::tempdir().unwrap();
    let queries = with(&QuerySettings {
        memory: 4 * MIB,
        temp: Some(temp.path().to_owned()),
        temp_in_memory: true,
        temp_limit: Some(64 * KIB),
        ..settings()
    });
    let error = try_answer(&queries, SORT).unwrap_err();
    assert!(
        matches!(error, Error::Exhausted { spills: true, .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("more room"), "{error}");
    assert_eq!(std::fs::read_dir(temp.path()).unwrap().count(), 0);
}

#[test]
fn a_limit_reads_no_more_than_it_needs() {
    let queries = over(&retail());
    for (sql, most) in [
        ("SELECT * FROM invoices LIMIT 10", 10),
        ("SELECT invoice_id + 1 FROM invoices LIMIT 10 OFFSET 5", 15),
        (
            "SELECT * FROM invoices ORDER BY issued_at LIMIT 10",
            8_192 * 18,
        ),
        (
            "SELECT * FROM invoice_items WHERE quantity > 1 LIMIT 10",
            8_192 * 18,
        ),
        ("SELECT * FROM invoices LIMIT 0", 0),
    ] {
        let (rows, report) = answer(&queries, sql);
        assert!(rows.len() <= 10, "{sql}");
        let read = report.rows_read.values().sum::<u64>();
        assert!(read <= most, "{sql}: {read}");
    }
}

#[test]
fn the_taker_ends_a_query() {
    let queries = over(&retail());
    let query = queries.prepare("SELECT * FROM invoice_items").unwrap();
    let mut seen = 0;
    let report = query.run(&Stop::new(), |batch| {
        seen += batch.num_rows();
        ControlFlow::Break(())
    });
    let report = report.unwrap();
    assert_eq!(report.rows, seen as u64);
    assert!(seen > 0 && report.rows_read["retail.invoice_items"] < 300_000);
}

#[test]
fn a_raised_flag_stops_a_query() {
    let queries = over(&retail());
    let query = queries.prepare("SELECT * FROM invoice_items").unwrap();
    let stop = Stop::new();
    let ended = query.run(&stop, |_| {
        stop.raise();
        ControlFlow::Continue(())
    });
    assert!(matches!(ended, Err(Error::Stopped)), "{ended:?}");
    // Before the first row too, and a query that gives no row before its end.
    let query = queries
        .prepare("SELECT sum(net_total) FROM invoices")
        .unwrap();
    let ended = query.run(&stop, |_| ControlFlow::Continue(()));
    assert!(matches!(ended, Err(Error::Stopped)), "{ended:?}");
}
