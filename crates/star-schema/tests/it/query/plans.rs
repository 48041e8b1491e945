//! What plans look like, and that the ways through them give the same answers.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread;

use datafusion::prelude::{SessionConfig, SessionContext};
use lakeseed_star_schema::Stop;
use lakeseed_star_schema::query::{Queries, QuerySettings, register};

use super::{Oracle, answer, lines, over, retail, settings, sorted};
use crate::common::Memory;

/// Queries of every kind that people write; all columns of their answers are exact.
const KINDS: [&str; 24] = [
    "SELECT state, count(*), sum(net_total), min(issued_at), max(discount) FROM invoices GROUP BY state",
    "SELECT count(DISTINCT customer_id), count(DISTINCT state) FROM invoices",
    "SELECT state, count(DISTINCT seller_id) AS n FROM invoices GROUP BY state ORDER BY n DESC, state LIMIT 5",
    "SELECT year, month, sum(net_total) FROM invoices GROUP BY year, month ORDER BY year, month",
    "SELECT issued_at::date AS d, count(*) FROM invoices GROUP BY d ORDER BY d",
    "SELECT customer_id, sum(net_total) AS s FROM invoices GROUP BY customer_id HAVING sum(net_total) > 1000 ORDER BY s DESC, customer_id LIMIT 20",
    "SELECT i.state, s.region, count(*) FROM invoices i JOIN sellers s ON i.seller_id = s.seller_id GROUP BY i.state, s.region",
    "SELECT c.state, sum(i.net_total) FROM customers c LEFT JOIN invoices i ON i.customer_id = c.customer_id AND i.month = 2 GROUP BY c.state",
    "SELECT count(*) FROM invoices i RIGHT JOIN customers c ON i.customer_id = c.customer_id",
    "SELECT count(*) FROM customers c FULL JOIN sellers s ON c.customer_id = s.seller_id",
    "SELECT count(*) FROM customers WHERE customer_id NOT IN (SELECT customer_id FROM invoices)",
    "SELECT count(*) FROM customers c WHERE EXISTS (SELECT 1 FROM invoices i WHERE i.customer_id = c.customer_id AND i.net_total > 500)",
    "SELECT i.net_total, sum(l.line_total) FROM invoices i JOIN invoice_items l USING (invoice_id) WHERE i.invoice_id < 30 GROUP BY i.invoice_id, i.net_total, i.gross_total HAVING sum(l.line_total) = i.gross_total",
    "WITH d AS (SELECT day, count(*) AS n FROM invoices GROUP BY day) SELECT max(n), min(n), sum(n) FROM d",
    "SELECT state, n, rank() OVER (ORDER BY n DESC, state) AS place FROM (SELECT state, count(*) AS n FROM invoices GROUP BY state) t ORDER BY place",
    "SELECT invoice_id, row_number() OVER (PARTITION BY state ORDER BY issued_at, invoice_id) AS r FROM invoices WHERE month = 1 ORDER BY invoice_id LIMIT 50",
    "SELECT m, count(*) FROM (SELECT min(n) OVER (PARTITION BY seller_id) AS m FROM (SELECT seller_id, customer_id, count(*) AS n FROM invoices GROUP BY seller_id, customer_id) t) u GROUP BY m",
    "WITH a AS (SELECT customer_id, month FROM invoices GROUP BY customer_id, month), d AS (SELECT month, min(month) OVER (PARTITION BY customer_id) AS first FROM a) SELECT first, month - first AS later, count(*) FROM d GROUP BY first, month - first",
    "SELECT state FROM customers UNION SELECT state FROM invoices",
    "SELECT count(*) FROM (SELECT invoice_id FROM invoices WHERE month = 1 UNION ALL SELECT invoice_id FROM invoices WHERE month = 2) t",
    "SELECT DISTINCT payment_method, status FROM invoices",
    "SELECT state FROM invoices INTERSECT SELECT state FROM customers",
    "SELECT avg(item_count) FROM invoices WHERE net_total > (SELECT avg(net_total) FROM invoices)",
    "SELECT a.seller_id, b.seller_id FROM sellers a, sellers b WHERE a.seller_id < b.seller_id AND b.seller_id < 9 ORDER BY 1, 2",
];

#[test]
fn every_kind_of_query_equals_the_engine_over_all_rows() {
    let retail = retail();
    let (queries, oracle) = (over(&retail), Oracle::new(retail.tables()));
    for sql in KINDS {
        let (found, _) = answer(&queries, sql);
        let expected = oracle.answer(sql);
        assert!(!expected.is_empty(), "{sql}");
        if sql.contains(" ORDER BY ") && !sql.contains("OVER (PARTITION") {
            assert_eq!(found, expected, "{sql}");
        } else {
            assert_eq!(sorted(found), sorted(expected), "{sql}");
        }
    }
}

/// What may hang under a memory limit is in none of them.
#[test]
fn no_plan_deals_rows_to_channels() {
    let queries = over(&retail());
    for sql in KINDS {
        let plan = queries.prepare(sql).unwrap().explain();
        assert!(!plan.contains("Repartition"), "{plan}");
        assert!(!plan.contains("CoalescePartitions"), "{plan}");
    }
    let plan = queries
        .prepare("SELECT sum(net_total) FROM invoices")
        .unwrap();
    let plan = plan.explain();
    assert!(
        plan.contains("mode=Partial") && plan.contains("mode=Final"),
        "{plan}"
    );
    assert!(plan.contains("partitions=2"), "{plan}");
    let plan = queries
        .prepare("SELECT * FROM invoices ORDER BY issued_at")
        .unwrap();
    assert!(!plan.explain().contains("Sort"), "{}", plan.explain());
}

/// How many tasks read the table, and that the groups are those of one.
#[test]
fn partitions_are_as_many_as_asked_for_or_as_threads() {
    let retail = retail();
    let oracle = Oracle::new(retail.tables());
    let sql = "SELECT product_id, sum(quantity) AS n FROM invoice_items GROUP BY product_id ORDER BY product_id";
    let expected = oracle.answer(sql);
    for (threads, partitions, shown) in [(2, None, 2), (1, Some(3), 3), (3, Some(1), 1)] {
        let settings = QuerySettings {
            threads,
            partitions,
            ..settings()
        };
        let mut queries = Queries::new(&settings).unwrap();
        queries.register("retail", &retail).unwrap();
        let plan = queries.prepare(sql).unwrap().explain();
        assert!(plan.contains(&format!("partitions={shown},")), "{plan}");
        let (found, _) = answer(&queries, sql);
        assert!(found == expected, "{threads} threads, {partitions:?}");
    }
}

/// Rows that no `ORDER BY` orders come in the order of the table, whatever the threads.
#[test]
fn rows_come_in_the_order_of_their_table() {
    let retail = retail();
    let oracle = Oracle::new(retail.tables());
    for sql in [
        "SELECT invoice_id, line_number, product_id FROM invoice_items WHERE quantity > 3",
        "SELECT invoice_id, net_total * 2 FROM invoices",
        "SELECT i.invoice_id, s.region FROM sellers s JOIN invoices i ON i.seller_id = s.seller_id",
        "SELECT invoice_id FROM invoices WHERE item_count = 2 LIMIT 1000",
    ] {
        let expected = oracle.answer(sql);
        for threads in [1, 2, 5] {
            let settings = QuerySettings {
                threads,
                ..settings()
            };
            let mut queries = Queries::new(&settings).unwrap();
            queries.register("retail", &retail).unwrap();
            let (found, _) = answer(&queries, sql);
            assert!(found == expected, "{sql} with {threads} threads");
        }
    }
}

/// Rows of the left side that meet none come at the end, whichever partition ends last.
#[test]
fn outer_joins_come_in_one_order() {
    let retail = retail();
    for sql in [
        "SELECT s.seller_id, i.invoice_id FROM sellers s LEFT JOIN invoices i ON i.seller_id = s.seller_id + 3 AND i.item_count > 6",
        "SELECT s.seller_id, i.invoice_id FROM sellers s FULL JOIN invoices i ON i.seller_id = s.seller_id + 3 AND i.item_count > 6",
        "SELECT s.seller_id, i.invoice_id FROM sellers s LEFT JOIN invoices i ON i.seller_id > s.seller_id + 28 AND i.item_count > 8",
    ] {
        let mut first: Option<Vec<String>> = None;
        for threads in [1, 2, 2, 2, 5, 5, 5] {
            let settings = QuerySettings {
                threads,
                ..settings()
            };
            let mut queries = Queries::new(&settings).unwrap();
            queries.register("retail", &retail).unwrap();
            let (found, _) = answer(&queries, sql);
            assert!(found.iter().any(|row| row.ends_with("|null")), "{sql}");
            let first = first.get_or_insert_with(|| found.clone());
            assert!(found == *first, "{sql} with {threads} threads");
        }
    }
}

#[test]
fn a_query_runs_again_and_beside_itself() {
    let queries = over(&retail());
    let sql = "SELECT s.region, sum(net_total) FROM invoices JOIN sellers s USING (seller_id) GROUP BY s.region ORDER BY 1";
    let query = queries.prepare(sql).unwrap();
    let run = || {
        let mut batches = Vec::new();
        let report = query.run(&Stop::new(), |batch| {
            batches.push(batch);
            ControlFlow::Continue(())
        });
        (lines(&batches), report.unwrap())
    };
    let first = run();
    assert_eq!(first.1.rows_read["retail.invoices"], 90_000);
    let beside =
        thread::scope(|scope| [scope.spawn(run), scope.spawn(run)].map(|run| run.join().unwrap()));
    for (rows, report) in beside.into_iter().chain([run()]) {
        assert_eq!(rows, first.0);
        assert_eq!(report.rows_read, first.1.rows_read);
    }
}

/// Sources give what generated tables give: the same rows from pieces.
#[test]
fn sources_equal_the_tables_that_they_were_made_from() {
    let retail = retail();
    let generated = over(&retail);
    let mut queries = Queries::new(&settings()).unwrap();
    for table in retail.tables() {
        let batches = table.all_rows().batch_rows(5_000).reader().unwrap();
        let batches = batches.collect::<Result<Vec<_>, _>>().unwrap();
        let source = Memory::new(table.schema().clone(), batches);
        let source = match table.name() {
            "invoices" => source.sorted_by(&["invoice_id"]),
            _ => source,
        };
        queries
            .register_source(table.name(), Arc::new(source))
            .unwrap();
    }
    for sql in KINDS {
        let (found, expected) = (answer(&queries, sql).0, answer(&generated, sql).0);
        assert_eq!(sorted(found), sorted(expected), "{sql}");
    }
    let (rows, report) = answer(&queries, "SELECT count(*) FROM invoices");
    assert_eq!((rows[0].as_str(), report.rows_read.len()), ("90000", 0));
    let (_, report) = answer(&queries, "SELECT * FROM invoice_items LIMIT 6000");
    assert!(report.rows_read["invoice_items"] <= 10_000, "{report:?}");
    let plan = queries
        .prepare("SELECT * FROM invoices ORDER BY invoice_id")
        .unwrap();
    assert!(!plan.explain().contains("Sort"), "{}", plan.explain());
}

/// A source that does not keep its promise is an error with its own words.
#[test]
fn what_a_source_says_comes_out_as_it_is() {
    let retail = retail();
    let sellers = retail.table("sellers").unwrap();
    let batch = sellers.all_rows().batch().unwrap();
    let rows = batch.num_rows() as u64;
    let source = Memory::new(batch.schema(), vec![batch]).promising(0, rows + 1);
    let mut queries = Queries::new(&settings()).unwrap();
    queries
        .register_source("sellers", Arc::new(source))
        .unwrap();
    let error = super::try_answer(&queries, "SELECT max(region) FROM sellers").unwrap_err();
    assert!(
        matches!(error, lakeseed_star_schema::Error::Source { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("were promised"), "{error}");
}

/// The same tables in a context of one's own, as it comes.
#[test]
fn a_context_of_ones_own_gives_the_same() {
    let retail = retail();
    let oracle = Oracle::new(retail.tables());
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(3));
    register(&context, "retail", &retail).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    for (mine, plain) in [
        (
            "SELECT state, sum(net_total) FROM retail.invoices GROUP BY state",
            "invoices",
        ),
        (
            "SELECT count(*) FROM retail.invoices WHERE month = 3",
            "invoices",
        ),
        (
            "SELECT * FROM retail.invoices ORDER BY issued_at LIMIT 10",
            "invoices",
        ),
    ] {
        let found = runtime.block_on(async { context.sql(mine).await?.collect().await });
        let expected = oracle.answer(&mine.replace("retail.invoices", plain));
        assert_eq!(sorted(lines(&found.unwrap())), sorted(expected), "{mine}");
    }
    assert!(register(&context, "retail", &retail).is_err());
}
