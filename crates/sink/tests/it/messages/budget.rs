//! A queue with losses in every part, read back in little memory.

use std::cell::Cell;

use lakeseed_budget::{Budget, Bytes, MIB};
use lakeseed_sink::messages::{
    AllDelivered, Delivered, MessageFindings, MessagePlan, MessageSettings, PIECE_ROWS, VerifyQueue,
};
use lakeseed_sink::{Error, Result};

use super::{Seen, all_of, plan_of};
use crate::support::numbers;

/// What is found in a queue of these messages, and how often it was read.
fn verified(
    plan: &MessagePlan<'_>,
    messages: &[Seen],
    budget: Option<Bytes>,
) -> (Result<MessageFindings>, u32) {
    let budget = budget.map(Budget::new);
    let reads = Cell::new(0);
    let read = || {
        reads.set(reads.get() + 1);
        let all = messages.iter().map(|message| {
            Ok(Delivered {
                id: Some(message.id.clone()),
                body: message.body.clone().into(),
            })
        });
        Ok(Box::new(all) as AllDelivered<'_>)
    };
    let run = VerifyQueue::new(plan, &read);
    let run = match &budget {
        Some(budget) => run.threads(1).budget(budget),
        None => run.threads(2),
    };
    (run.run(), reads.get())
}

/// The rows in doubt do not fit at once: the queue is read again for each group of parts that does, and
/// the findings are those of somebody with room for all.
#[test]
fn a_queue_is_judged_in_groups_that_fit() {
    let rows = numbers(2 * PIECE_ROWS + 999);
    let plan = plan_of(&rows, 1, MessageSettings::default()).unwrap();
    let mut messages = all_of(&plan).unwrap();
    for part in 0..3 {
        let lost = messages.iter().position(|message| message.part == part);
        messages.remove(lost.unwrap());
    }
    let (unbounded, looks) = verified(&plan, &messages, None);
    let unbounded = unbounded.unwrap();
    assert_eq!((unbounded.counts.missing_rows, looks), (30, 2));
    assert_eq!(unbounded.findings.findings.len(), 3);

    let (refused, looks) = verified(&plan, &messages, Some(MIB));
    let Err(Error::Memory { needed, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(looks, 0);
    let beside = |more: u64| Some(Bytes::new(needed) + more * MIB);
    for (more, looks) in [(64, 2), (8, 3)] {
        let (found, seen) = verified(&plan, &messages, beside(more));
        let found = found.unwrap();
        assert_eq!(seen, looks, "{more} MiB");
        assert_eq!(found.counts, unbounded.counts);
        assert_eq!(found.findings.findings, unbounded.findings.findings);
    }
    let (refused, _) = verified(&plan, &messages, beside(6));
    assert!(matches!(refused, Err(Error::Memory { .. })), "{refused:?}");
}
