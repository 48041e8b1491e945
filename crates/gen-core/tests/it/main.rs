//! What the crate promises, tested from outside: one module a subject.
//!
//! Known answers stand in `known/*.txt`. After a change of values that is meant (a new data version
//! and a line in CHANGELOG), write them again and read the difference:
//! `LAKESEED_BLESS=1 cargo test --profile ci -p lakeseed-gen-core value_stability`.

// Tests and their helpers may fail loudly; settings are built where they are passed; floats that
// have to be the same bits are compared as such.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    clippy::float_cmp,
    reason = "tests may fail loudly, and compare floats to the bit"
)]

mod assessments_lookup;
mod assessments_original;
mod assessments_rows;
mod builder;
mod codes;
mod distributions;
mod growth;
mod partition_law;
mod predictions;
mod retail_behaviour;
mod retail_ledger;
mod retail_own;
mod retail_rules;
mod retail_small;
mod settings;
mod statistics;
mod support;
mod value_stability;
