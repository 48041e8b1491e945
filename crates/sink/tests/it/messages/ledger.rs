//! What a ledger remembers: the same run again sends what is not proven, and nothing else.

use std::collections::BTreeMap;
use std::path::Path;

use arrow_array::RecordBatch;
use lakeseed_sink::messages::{
    LedgerState, MessagePlan, MessageSettings, PIECE_ROWS, Publish, Published,
};
use lakeseed_sink::{Error, LocalStore, Result, Store, Trouble, open_finished};

use super::{Seen, Shelf, all_of, plan_of};
use crate::support::numbers;
use crate::trees::{files, quick, tree};

/// Three parts and a rest.
fn rows() -> RecordBatch {
    numbers(3 * PIECE_ROWS + 17)
}

fn plan(batch: &RecordBatch) -> MessagePlan<'static> {
    let settings = MessageSettings {
        max_rows: 1_000,
        ..MessageSettings::default()
    };
    plan_of(batch, 3, settings).unwrap()
}

fn publish(plan: &MessagePlan<'_>, shelf: &Shelf, ledger: &Path) -> Result<Published> {
    Publish::with_ledger(plan, shelf, ledger).threads(2).run()
}

fn sorted(mut messages: Vec<Seen>) -> BTreeMap<String, Vec<u8>> {
    let count = messages.len();
    let by_name: BTreeMap<_, _> = messages.drain(..).map(|at| (at.id, at.body)).collect();
    assert_eq!(by_name.len(), count, "a message came twice");
    by_name
}

#[test]
fn a_run_that_fails_is_gone_on_with() {
    let folder = quick();
    let ledger = folder.path().join("ledger");
    let batch = rows();
    let plan = plan(&batch);
    let whole = sorted(all_of(&plan).unwrap());
    let mut shelf = Shelf {
        room: Some(100),
        ..Shelf::default()
    };
    match publish(&plan, &shelf, &ledger) {
        Err(Error::Incomplete {
            proven,
            pending,
            source,
        }) => {
            assert_eq!(proven + pending.len(), 4);
            assert!(
                pending.contains(&"rows 196608..196625".to_owned()),
                "{pending:?}"
            );
            assert!(matches!(
                *source,
                Error::Remote {
                    trouble: Trouble::Full,
                    ..
                }
            ));
        }
        other => panic!("{other:?}"),
    }
    let state = LedgerState::read(&ledger).unwrap().unwrap();
    assert!(!state.is_finished() && !state.begun.is_empty());
    assert_eq!(state.begun[&0].as_deref(), Some("0"));

    shelf.room = None;
    let there = shelf.held().len() as u64;
    let done = publish(&plan, &shelf, &ledger).unwrap();
    assert_eq!(done.rows, 3 * PIECE_ROWS + 17);
    assert_eq!(done.messages, whole.len() as u64);
    assert_eq!(done.parts_found, state.done.len());
    assert_eq!(sorted(shelf.held()), whole);
    // What an unproven part had left was found, not sent again.
    let proven: u64 = state.done.values().map(|part| part.messages).sum();
    assert_eq!(done.messages_found, there - proven);
    assert!(!shelf.again.lock().unwrap().is_empty());

    let state = LedgerState::read(&ledger).unwrap().unwrap();
    assert!(state.is_finished());
    let sums = state.done.values().map(|part| part.totals.clone().unwrap());
    let mut totals = lakeseed_sink::Totals::default();
    sums.for_each(|part| totals.merge(&part).unwrap());
    assert_eq!(totals.rows, 3 * PIECE_ROWS + 17);

    let again = publish(&plan, &shelf, &ledger).unwrap();
    assert!(!again.is_written());
    assert_eq!((again.rows, again.made_rows), (done.rows, 0));
    assert_eq!(shelf.held().len(), whole.len());
}

#[test]
fn another_plan_or_place_is_refused() {
    let folder = quick();
    let ledger = folder.path().join("ledger");
    let shelf = Shelf::default();
    publish(&plan(&rows()), &shelf, &ledger).unwrap();
    let other = plan(&numbers(20));
    assert!(matches!(
        publish(&other, &shelf, &ledger),
        Err(Error::OtherPlan { .. })
    ));
    let batch = rows();
    let elsewhere = lakeseed_sink::messages::Counting::new();
    assert!(matches!(
        Publish::with_ledger(&plan(&batch), &elsewhere, &ledger).run(),
        Err(Error::OtherPlan { .. })
    ));
    // Both leave what was there as it was.
    assert!(LedgerState::read(&ledger).unwrap().unwrap().is_finished());
}

#[test]
fn a_strangers_folder_is_left_alone() {
    let folder = quick();
    crate::trees::put(folder.path().join("notes.txt"), "mine");
    let refused = publish(&plan(&rows()), &Shelf::default(), folder.path());
    assert!(matches!(refused, Err(Error::Exists { .. })), "{refused:?}");
    assert_eq!(files(folder.path()), ["notes.txt"]);
}

#[test]
fn a_ledger_that_is_in_use_is_left_alone() {
    let folder = quick();
    let store = LocalStore::new(folder.path());
    let _held = store.lock("lock").unwrap();
    let shelf = Shelf::default();
    let refused = publish(&plan(&rows()), &shelf, folder.path());
    assert!(matches!(refused, Err(Error::InUse { .. })), "{refused:?}");
    assert!(shelf.held().is_empty());
}

#[test]
fn files_are_the_same_for_any_number_of_threads() {
    let folder = quick();
    let batch = rows();
    let plan = plan(&batch);
    let mut trees = Vec::new();
    for threads in [1, 2, 5] {
        let root = folder.path().join(threads.to_string());
        let store = LocalStore::new(&root);
        let done = Publish::to_files(&plan, &store)
            .threads(threads)
            .run()
            .unwrap();
        assert_eq!(done.rows, 3 * PIECE_ROWS + 17);
        let mut tree = tree(&root);
        // A sign of life knows process and time.
        tree.retain(|name, _| !name.contains("/status-"));
        let bodies: Vec<u8> = tree
            .iter()
            .filter(|(name, _)| name.ends_with(".messages.jsonl"))
            .flat_map(|(_, bytes)| bytes.clone())
            .collect();
        let lines = all_of(&plan).unwrap().into_iter();
        let lines = lines.flat_map(|mut at| {
            at.body.push(b'\n');
            at.body
        });
        assert_eq!(bodies, lines.collect::<Vec<u8>>());
        trees.push(tree);
        let manifest = open_finished(&store).unwrap();
        assert_eq!(manifest.rows(), done.rows);
        let messages = manifest.parts().map(|part| part.messages.unwrap());
        assert_eq!(messages.sum::<u64>(), done.messages);
        let again = Publish::to_files(&plan, &store).run().unwrap();
        assert!(!again.is_written());
        assert_eq!((again.rows, again.messages), (done.rows, done.messages));
    }
    assert!(trees.windows(2).all(|pair| pair[0] == pair[1]));
}
