//! Control totals: what they depend on, what they do not, and what no change escapes.

mod blocks;
mod figures;
pub(crate) mod oracle;
mod rows;

use arrow_array::RecordBatch;
use lakeseed_sink::{Tally, Totals};

/// The totals of batches of one schema.
fn totals(batches: &[RecordBatch]) -> Totals {
    let mut tally = Tally::try_new(&batches[0].schema()).unwrap();
    for batch in batches {
        tally.add(batch).unwrap();
    }
    tally.take()
}

fn total(batch: &RecordBatch) -> Totals {
    totals(std::slice::from_ref(batch))
}
