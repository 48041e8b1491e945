//! Queries that have steps in common: the same answers as each alone, and rows that are read once.

use std::ops::ControlFlow;

use lakeseed_budget::MIB;
use lakeseed_star_schema::Stop;
use lakeseed_star_schema::query::{Family, Queries, Query, QueryReport, QuerySettings};

use super::{lines, over, retail, settings};

/// Ninety thousand invoices by customer, and what is asked of that.
const BY_CUSTOMER: &str = "WITH sold AS (
    SELECT customer_id, SUM(net_total) AS sold FROM invoices
    WHERE status = 'issued' GROUP BY customer_id
)";

fn of_customers(question: &str) -> String {
    format!("{BY_CUSTOMER} {question}")
}

fn prepared(queries: &Queries, texts: &[String]) -> Vec<Query> {
    let all = texts.iter().map(|sql| queries.prepare(sql).unwrap());
    all.collect()
}

/// Which of them belong together.
fn families(all: &mut [Query]) -> (Vec<Family>, Vec<Vec<usize>>) {
    let mut all: Vec<&mut Query> = all.iter_mut().collect();
    let families = Family::of(&mut all);
    let members = families.iter().map(|family| family.members().to_vec());
    let mut members: Vec<_> = members.collect();
    members.sort();
    (families, members)
}

fn ran(query: &Query, most: usize) -> (Vec<String>, QueryReport) {
    let mut batches = Vec::new();
    let report = query.run(&Stop::new(), |batch| {
        batches.push(batch);
        if batches.len() < most {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    (lines(&batches), report.unwrap())
}

fn all(query: &Query) -> (Vec<String>, QueryReport) {
    ran(query, usize::MAX)
}

fn questions() -> Vec<String> {
    let mut all: Vec<String> = [
        "SELECT MAX(sold), MIN(sold) FROM sold",
        "SELECT customer_id, sold FROM sold ORDER BY sold DESC, customer_id LIMIT 20",
        "SELECT c.state, SUM(s.sold) FROM sold s JOIN customers c ON c.customer_id = s.customer_id
         GROUP BY c.state ORDER BY c.state",
        "SELECT a.sold, MAX(b.sold), COUNT(*) FROM sold a JOIN sold b ON a.customer_id = b.customer_id
         GROUP BY a.sold ORDER BY a.sold",
    ]
    .map(of_customers)
    .into();
    all.push("SELECT COUNT(*) FROM invoices WHERE status = 'issued'".to_owned());
    all
}

#[test]
fn answers_are_those_of_each_alone_and_rows_are_read_once() {
    let queries = over(&retail());
    let texts = questions();
    let alone: Vec<_> = prepared(&queries, &texts).iter().map(all).collect();
    let mut together = prepared(&queries, &texts);
    let (families, members) = families(&mut together);
    assert_eq!(members, [vec![0, 1, 2, 3], vec![4]]);
    assert!(
        together[0].explain().contains("Shared"),
        "{}",
        together[0].explain()
    );
    for (at, (query, (expected, report))) in together.iter().zip(&alone).enumerate() {
        let (found, shared) = all(query);
        assert_eq!(&found, expected, "{}", texts[at]);
        match at {
            0 | 4 => assert_eq!(shared.rows_read, report.rows_read, "{}", texts[at]),
            _ => assert_eq!(shared.rows_read["retail.invoices"], 0, "{}", texts[at]),
        }
    }
    // Nothing is kept behind the family.
    drop(families);
    let (found, report) = all(&together[1]);
    assert_eq!(found, alone[1].0);
    assert_eq!(report.rows_read, alone[1].1.rows_read);
}

/// All but the first take their groups from what that one has kept, whichever functions they ask of them.
#[track_caller]
fn read_once(texts: &[String]) {
    let queries = over(&retail());
    let alone: Vec<_> = prepared(&queries, texts).iter().map(all).collect();
    let mut together = prepared(&queries, texts);
    let (_families, members) = families(&mut together);
    let everyone: Vec<usize> = (0..texts.len()).collect();
    assert_eq!(members, [everyone]);
    for (at, (query, (expected, report))) in together.iter().zip(&alone).enumerate() {
        let (found, shared) = all(query);
        assert_eq!(&found, expected, "{}", texts[at]);
        let read = if at == 0 {
            report.rows_read["retail.invoices"]
        } else {
            0
        };
        assert_eq!(shared.rows_read["retail.invoices"], read, "{}", texts[at]);
    }
}

#[test]
fn a_step_of_fewer_functions_is_taken_from_one_of_more() {
    let by_state = |what: &str| {
        format!("SELECT {what} FROM invoices WHERE status = 'issued' AND tax > 1 GROUP BY state")
    };
    let mut texts = vec![
        // Narrow, and the first to run: it makes what the others need.
        by_state("state, SUM(tax) AS t") + " ORDER BY state",
        by_state("COUNT(*) AS n, SUM(net_total - tax) AS s, SUM(tax) AS t, state")
            + " ORDER BY state",
        format!("SELECT COUNT(*) FROM ({})", by_state("state")),
        format!(
            "SELECT MAX(a - b) FROM ({})",
            by_state("SUM(net_total - tax) AS a, SUM(tax) AS b")
        ),
        by_state("state, SUM(tax) AS t") + " HAVING COUNT(*) > 2000 ORDER BY t DESC",
        format!(
            "SELECT c.gender, SUM(x.t) FROM ({}) AS x JOIN customers AS c ON c.state = x.state \
             GROUP BY c.gender ORDER BY c.gender",
            by_state("state, SUM(tax) AS t")
        ),
    ];
    read_once(&texts);
    texts.reverse();
    read_once(&texts);
}

/// Conditions that all have to hold may stand in any order, in a step and below one.
#[test]
fn the_order_of_conditions_is_no_difference() {
    let by_seller = |conditions: &str| {
        format!(
            "SELECT seller_id, SUM(tax) AS t FROM invoices WHERE {conditions} GROUP BY seller_id"
        )
    };
    let all = [
        "status = 'issued' AND tax > 1 AND seller_id > 3",
        "seller_id > 3 AND status = 'issued' AND tax > 1",
        "tax > 1 AND (seller_id > 3 AND status = 'issued')",
    ];
    let largest =
        |conditions: &str| format!("SELECT MAX(t), COUNT(*) FROM ({})", by_seller(conditions));
    read_once(&all.map(largest));
    let narrow = all.map(|conditions| by_seller(conditions) + " ORDER BY seller_id");
    let mut texts = narrow.to_vec();
    texts[1] = texts[1].replace("SUM(tax) AS t", "SUM(tax) AS t, COUNT(*) AS n");
    read_once(&texts);
}

/// Two ask for the largest of groups, and share that; the third has a use for the groups alone.
#[test]
fn a_step_within_a_step_is_taken_too() {
    let monthly = "SELECT customer_id, month, SUM(net_total) AS s FROM invoices GROUP BY 1, 2";
    let largest = format!("SELECT customer_id, MAX(s) AS s FROM ({monthly}) GROUP BY customer_id");
    let active = "SELECT customer_id, month FROM invoices GROUP BY 1, 2";
    let texts = [
        format!("SELECT SUM(s), COUNT(*) FROM ({largest})"),
        format!("SELECT MAX(s) FROM ({largest})"),
        format!("SELECT month, COUNT(*) FROM ({active}) GROUP BY month ORDER BY month"),
    ];
    read_once(&texts);
    let [first, second, third] = texts;
    read_once(&[third, second, first]);
}

#[test]
fn what_only_looks_alike_is_made_by_each() {
    let queries = over(&retail());
    let by = |what: &str, rows: &str| format!("SELECT {what} FROM invoices {rows}");
    let one = by(
        "seller_id, SUM(tax) AS s",
        "WHERE status = 'issued' GROUP BY seller_id",
    );
    for other in [
        by(
            "seller_id, SUM(tax) AS s",
            "WHERE status = 'canceled' GROUP BY seller_id",
        ),
        by("seller_id, SUM(tax) AS s", "GROUP BY seller_id"),
        by(
            "seller_id, SUM(discount) AS s",
            "WHERE status = 'issued' GROUP BY seller_id",
        ),
        by(
            "seller_id, SUM(DISTINCT tax) AS s",
            "WHERE status = 'issued' GROUP BY seller_id",
        ),
        by(
            "seller_id, SUM(tax) FILTER (WHERE tax > 9) AS s",
            "WHERE status = 'issued' GROUP BY seller_id",
        ),
        by(
            "customer_id, SUM(tax) AS s",
            "WHERE status = 'issued' GROUP BY customer_id",
        ),
        by(
            "seller_id, SUM(tax) AS s",
            "WHERE status = 'issued' AND invoice_id < 5000 GROUP BY seller_id",
        ),
    ] {
        let texts = [&one, &other]
            .map(|sql| format!("SELECT s, COUNT(*) FROM ({sql}) GROUP BY s ORDER BY s"));
        let alone: Vec<_> = prepared(&queries, &texts).iter().map(all).collect();
        let mut together = prepared(&queries, &texts);
        let (_families, members) = families(&mut together);
        assert_eq!(members, [[0], [1]], "{other}");
        for (query, (expected, _)) in together.iter().zip(&alone) {
            assert_eq!(&all(query).0, expected, "{other}");
        }
    }
    // Nor does one with more functions stand for another.
    let wide = by(
        "seller_id, state, SUM(tax) AS s, COUNT(*) AS n, MIN(tax) AS least",
        "WHERE status = 'issued' GROUP BY seller_id, state",
    );
    for (what, rows) in [
        (
            "SUM(tax) AS s",
            "WHERE status = 'issued' GROUP BY state, seller_id",
        ),
        (
            "SUM(tax) AS s",
            "WHERE status = 'issued' GROUP BY seller_id",
        ),
        (
            "SUM(tax) AS s",
            "WHERE status = 'issued' AND tax > 2 GROUP BY seller_id, state",
        ),
        (
            "SUM(DISTINCT tax) AS s",
            "WHERE status = 'issued' GROUP BY seller_id, state",
        ),
        (
            "SUM(tax) FILTER (WHERE tax > 9) AS s",
            "WHERE status = 'issued' GROUP BY seller_id, state",
        ),
        (
            "SUM(tax + 1) AS s",
            "WHERE status = 'issued' GROUP BY seller_id, state",
        ),
        (
            "MAX(tax) AS s",
            "WHERE status = 'issued' GROUP BY seller_id, state",
        ),
        (
            "SUM(tax) AS s",
            "WHERE status = 'issued' GROUP BY GROUPING SETS ((seller_id, state), (seller_id))",
        ),
    ] {
        let other = by(what, rows);
        let texts = [
            format!("SELECT SUM(s), SUM(n), MIN(least) FROM ({wide})"),
            format!("SELECT s, COUNT(*) FROM ({other}) GROUP BY s ORDER BY s"),
        ];
        let alone: Vec<_> = prepared(&queries, &texts).iter().map(all).collect();
        let mut together = prepared(&queries, &texts);
        let (_families, members) = families(&mut together);
        assert_eq!(members, [[0], [1]], "{other}");
        for (query, (expected, _)) in together.iter().zip(&alone) {
            assert_eq!(&all(query).0, expected, "{other}");
        }
    }
    // What is another thing each time is no step.
    let random = "SELECT MAX(r) FROM (SELECT seller_id, random() AS r FROM invoices)".to_owned();
    let mut together = prepared(&queries, &[random.clone(), random]);
    assert_eq!(families(&mut together).1, [[0], [1]]);
}

#[test]
fn a_step_that_is_not_whole_is_not_taken() {
    let queries = over(&retail());
    // The first one has enough before the step ends: all groups, in batches of thousands.
    let texts = [
        "SELECT customer_id, sold + 1 FROM sold".to_owned(),
        "SELECT SUM(sold), COUNT(customer_id) FROM sold".to_owned(),
    ]
    .map(|question| of_customers(&question));
    let expected = all(&prepared(&queries, &texts)[1]);
    let mut together = prepared(&queries, &texts);
    let (_families, members) = families(&mut together);
    assert_eq!(members, [[0, 1]]);
    let (rows, _) = ran(&together[0], 1);
    assert!(!rows.is_empty());
    let found = all(&together[1]);
    assert_eq!(found.0, expected.0);
}

#[test]
fn what_has_no_room_is_made_by_each() {
    // An eighth of the memory holds none of the tens of thousands of groups, of 32 bytes or so each.
    let memory = 6 * MIB;
    let mut queries = Queries::new(&QuerySettings {
        memory,
        ..settings()
    })
    .unwrap();
    queries.register("retail", &retail()).unwrap();
    let pairs = "SELECT customer_id, seller_id, SUM(tax) AS tax FROM invoices GROUP BY 1, 2";
    let texts = ["SUM", "MIN"].map(|of| format!("SELECT {of}(tax), COUNT(*) FROM ({pairs})"));
    let groups: u64 = {
        let (rows, _) = all(&prepared(&over(&retail()), &texts)[0]);
        rows[0].split('|').nth(1).unwrap().parse().unwrap()
    };
    assert!(groups * 32 > memory.get() / 8, "{groups} groups");
    let mut together = prepared(&queries, &texts);
    let (_families, members) = families(&mut together);
    assert_eq!(members, [[0, 1]]);
    for query in &together {
        let (rows, report) = all(query);
        assert!(rows[0].ends_with(&format!("|{groups}")), "{rows:?}");
        assert!(report.rows_read["retail.invoices"] > 0);
        assert!(report.memory_peak <= memory, "{}", report.memory_peak);
    }
}
