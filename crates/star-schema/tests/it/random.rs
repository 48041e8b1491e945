//! Random statements over random rows.

use crate::common::{chance, check};
use crate::equal::rows;

const KEYS: [&str; 9] = [
    "id", "STATE", "city", "grade", "day", "price", "wide", "right", "id % 10",
];
const MEASURES: [&str; 12] = [
    "count(*)",
    "sum(price)",
    "min(city)",
    "max(STATE)",
    "avg(grade)",
    "count(DISTINCT grade)",
    "sum(id) FILTER (WHERE right)",
    "max(day)",
    "bool_or(right)",
    "sum(share)",
    "min(wide)",
    "median(grade)",
];
const FILTERS: [&str; 4] = [
    "",
    "WHERE right",
    "WHERE STATE <> 'S01' AND grade IS NOT NULL",
    "WHERE id > 2400",
];

/// One statement of a seed.
fn statement(seed: u64) -> String {
    let pick = |number: u64, of: usize| chance(seed, number) as usize % of;
    let mut keys: Vec<&str> = (0..=pick(1, 4))
        .map(|n| KEYS[pick(10 + n as u64, KEYS.len())])
        .collect();
    keys.sort_unstable();
    keys.dedup();
    let measures: Vec<String> = (0..=pick(2, 3))
        .map(|n| format!("{} AS m{n}", MEASURES[pick(20 + n as u64, MEASURES.len())]))
        .collect();
    let having = ["", "HAVING count(*) > 1"][pick(3, 2)];
    let filter = FILTERS[pick(4, FILTERS.len())];
    let keys = keys.join(", ");
    format!(
        "SELECT {keys}, {} FROM t {filter} GROUP BY {keys} {having}",
        measures.join(", ")
    )
}

#[test]
fn random_statements_over_random_rows() {
    for seed in 0..40 {
        let source = rows(
            seed,
            1 + seed as usize % 5,
            1_500,
            [0, 0, 30, 90][seed as usize % 4],
        );
        check(&source, &statement(seed));
    }
}
