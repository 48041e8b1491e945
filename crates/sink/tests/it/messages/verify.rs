//! A folder of messages read back: what was planted is found, and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use lakeseed_sink::messages::{
    Audit, Grouping, MessageCounts, MessageFindings, MessagePlan, MessageSettings, Nulls,
    PIECE_ROWS, Publish, VerifyMessages,
};
use lakeseed_sink::{Error, FindingKind, LocalStore, Store, find_files, open_files};

use super::{all_of, plan_of};
use crate::support::{Random, flat_batch, nested_batch, numbers};
use crate::trees::{files, quick};

/// How much is planted of each kind.
const PLANTED: usize = 1_000;

fn settings() -> MessageSettings {
    MessageSettings::default()
}

fn verify(plan: &MessagePlan<'_>, root: &Path) -> MessageFindings {
    let store = LocalStore::new(root);
    let run = VerifyMessages::new(&store, plan).threads(2);
    run.run().unwrap()
}

/// A folder with the messages of a plan.
fn published(plan: &MessagePlan<'_>) -> (tempfile::TempDir, PathBuf) {
    let folder = quick();
    let root = folder.path().join("out");
    let store = LocalStore::new(&root);
    Publish::to_files(plan, &store).threads(2).run().unwrap();
    (folder, root)
}

/// The files of messages, as lines of rows.
fn read(root: &Path) -> BTreeMap<String, Vec<Vec<String>>> {
    let names = files(root).into_iter();
    let names = names.filter(|name| name.ends_with(".messages.jsonl"));
    let parsed = |name: String| {
        let text = fs::read_to_string(root.join(&name)).unwrap();
        let messages = text.lines().map(|line| {
            let rows: Vec<&serde_json::value::RawValue> = serde_json::from_str(line).unwrap();
            rows.iter().map(|row| row.get().to_owned()).collect()
        });
        (name, messages.collect())
    };
    names.map(parsed).collect()
}

fn write(root: &Path, messages: &BTreeMap<String, Vec<Vec<String>>>) {
    for (name, messages) in messages {
        let lines = messages
            .iter()
            .map(|rows| format!("[{}]\n", rows.join(",")));
        fs::write(root.join(name), lines.collect::<String>()).unwrap();
    }
}

/// Changes rows of random messages, each message once at most, in every file.
fn plant(root: &Path, seed: u64, change: impl Fn(&mut Vec<String>, usize)) {
    let mut all = read(root);
    let random = &mut Random(seed);
    let names: Vec<String> = all.keys().cloned().collect();
    let mut taken = std::collections::HashSet::new();
    while taken.len() < PLANTED {
        let name = &names[random.below(names.len() as u64) as usize];
        let messages = all.get_mut(name).unwrap();
        let at = random.below(messages.len() as u64) as usize;
        if taken.insert((name.clone(), at)) {
            let row = random.below(messages[at].len() as u64) as usize;
            change(&mut messages[at], row);
        }
    }
    write(root, &all);
}

fn rows() -> RecordBatch {
    numbers(2 * PIECE_ROWS + 999)
}

#[test]
fn what_was_published_is_clean() {
    for (seed, grouping) in [(1, Grouping::Neighbours), (2, Grouping::Modulo)] {
        for nulls in [Nulls::Keep, Nulls::Omit] {
            let settings = MessageSettings {
                grouping,
                nulls,
                ..settings()
            };
            for batch in [
                flat_batch(seed, 700, 20),
                nested_batch(seed, 700, 20),
                numbers(70_001),
            ] {
                let plan = plan_of(&batch, seed, settings).unwrap();
                let (_guard, root) = published(&plan);
                let found = verify(&plan, &root);
                assert!(found.findings.findings.is_empty(), "{:?}", found.findings);
                assert_eq!(found.findings.rows_compared, batch.num_rows() as u64);
            }
        }
    }
}

#[test]
fn planted_losses_are_all_found() {
    let plan = plan_of(&rows(), 1, settings()).unwrap();
    let (_guard, root) = published(&plan);
    plant(&root, 5, |rows, at| drop(rows.remove(at)));
    check(&plan, &root, |counts| counts.missing_rows = PLANTED as u64);
}

#[test]
fn planted_doubles_are_all_found() {
    let plan = plan_of(&rows(), 2, settings()).unwrap();
    let (_guard, root) = published(&plan);
    plant(&root, 6, |rows, at| rows.push(rows[at].clone()));
    check(&plan, &root, |counts| counts.doubled_rows = PLANTED as u64);
}

#[test]
fn planted_changes_are_all_found() {
    let plan = plan_of(&rows(), 3, settings()).unwrap();
    let (_guard, root) = published(&plan);
    plant(&root, 7, |rows, at| {
        // The last digit of a number, which the row's length does not show.
        let row = &mut rows[at];
        *row = match row.strip_suffix(".5}") {
            Some(row) => format!("{row}.0}}"),
            None => row.replace(".0}", ".5}"),
        };
    });
    check(&plan, &root, |counts| counts.altered_rows = PLANTED as u64);
}

#[test]
fn all_three_at_once_are_told_apart() {
    let plan = plan_of(&rows(), 4, settings()).unwrap();
    let (_guard, root) = published(&plan);
    let mut all = read(&root);
    let mut counts = MessageCounts::default();
    let random = &mut Random(8);
    for messages in all.values_mut() {
        for rows in messages.iter_mut() {
            match random.below(40) {
                0 => {
                    rows.pop();
                    counts.missing_rows += 1;
                }
                1 => {
                    rows.push(rows[0].clone());
                    counts.doubled_rows += 1;
                }
                2 => {
                    rows[0] = rows[0].replacen("\"id\":", "\"id\":7", 1);
                    counts.altered_rows += 1;
                }
                _ => {}
            }
        }
    }
    // Enough of each to mean something.
    assert!(counts.missing_rows > 300 && counts.doubled_rows > 300 && counts.altered_rows > 300);
    write(&root, &all);
    check(&plan, &root, |expected| {
        let messages = expected.messages;
        *expected = MessageCounts { messages, ..counts };
    });
}

/// What is found is what was planted, to the row.
fn check(plan: &MessagePlan<'_>, root: &Path, planted: impl Fn(&mut MessageCounts)) {
    let found = verify(plan, root);
    let mut expected = MessageCounts {
        messages: found.counts.messages,
        ..MessageCounts::default()
    };
    planted(&mut expected);
    assert_eq!(found.counts, expected);
    assert!(!found.findings.is_clean());
    let mut kinds = found.findings.errors().map(|finding| finding.what);
    assert!(kinds.any(|kind| kind == FindingKind::Digest));
}

#[test]
fn whole_messages_and_files_that_are_lost_or_doubled() {
    let plan = plan_of(&rows(), 5, settings()).unwrap();
    let (_guard, root) = published(&plan);
    let mut all = read(&root);
    let last = all.keys().next_back().unwrap().clone();
    fs::remove_file(root.join(&last)).unwrap();
    let gone = all.remove(&last).unwrap();
    let gone = gone.iter().map(Vec::len).sum::<usize>() as u64;
    let first = all.values_mut().next().unwrap();
    let doubled = first[3].clone();
    first.push(doubled);
    first.remove(5);
    write(&root, &all);
    let found = verify(&plan, &root);
    assert_eq!(found.counts.missing_rows, gone + 10);
    assert_eq!(
        (found.counts.doubled_rows, found.counts.altered_rows),
        (10, 0)
    );
    let kinds: Vec<FindingKind> = found.findings.errors().map(|at| at.what).collect();
    assert!(kinds.contains(&FindingKind::Missing));
}

#[test]
fn texts_that_are_no_rows_are_altered_ones() {
    let plan = plan_of(&numbers(100), 6, settings()).unwrap();
    for damage in [
        "[{\"id\":0}]",
        "[{\"id\":0,\"half\":0.0,\"more\":1}]",
        "[{\"id\":\"0\",\"half\":0.0}]",
        "[{\"id\":0,\"half\":null}]",
        "[{\"id\":0,\"half\":0.0,\"half\":0.0}]",
        "[{\"id\":0.5,\"half\":0.0}]",
        "[7]",
        "[{}]",
    ] {
        let (_guard, root) = published(&plan);
        let mut all = read(&root);
        let name = all.keys().next().unwrap().clone();
        let rest = all.get_mut(&name).unwrap()[0].split_off(1);
        all.get_mut(&name).unwrap()[0] = vec![damage[1..damage.len() - 1].to_owned()];
        all.get_mut(&name).unwrap().push(rest);
        write(&root, &all);
        let found = verify(&plan, &root);
        assert_eq!(found.counts.altered_rows, 1, "{damage}: {found:?}");
        assert_eq!(
            (found.counts.missing_rows, found.counts.doubled_rows),
            (0, 0)
        );
    }
    // What is no array at all: its rows are gone, one of them for the strange thing in their place.
    for damage in ["", "]", "[{\"id\":0,\"half\":0.0}", "\u{0}"] {
        let (_guard, root) = published(&plan);
        let name = read(&root).into_keys().next().unwrap();
        let text = fs::read_to_string(root.join(&name)).unwrap();
        let (_, rest) = text.split_once('\n').unwrap();
        fs::write(root.join(&name), format!("{damage}\n{rest}")).unwrap();
        let found = verify(&plan, &root);
        let counts = found.counts;
        assert_eq!(counts.altered_rows + counts.missing_rows, 10, "{damage:?}");
        assert!(!found.findings.is_clean());
    }
}

#[test]
fn messages_of_another_plan_are_refused() {
    let plan = plan_of(&numbers(100), 7, settings()).unwrap();
    let (_guard, root) = published(&plan);
    let other = plan_of(&numbers(101), 7, settings()).unwrap();
    let store = LocalStore::new(&root);
    let refused = VerifyMessages::new(&store, &other).run();
    assert!(
        matches!(refused, Err(Error::OtherPlan { .. })),
        "{refused:?}"
    );
}

#[test]
fn the_quick_look_sees_sizes() {
    let plan = plan_of(&numbers(100), 8, settings()).unwrap();
    let (_guard, root) = published(&plan);
    let store = LocalStore::new(&root);
    let look = || {
        VerifyMessages::new(&store, &plan)
            .quick(true)
            .run()
            .unwrap()
    };
    assert!(look().findings.is_clean());
    let name = read(&root).into_keys().next().unwrap();
    fs::write(root.join(&name), "[]\n").unwrap();
    let kinds: Vec<FindingKind> = look().findings.errors().map(|at| at.what).collect();
    assert_eq!(kinds, [FindingKind::Size]);
}

/// Messages from anywhere, in any order, some twice.
#[test]
fn an_audit_takes_messages_in_any_order() {
    let plan = plan_of(&numbers(2 * PIECE_ROWS), 9, settings()).unwrap();
    let mut messages = all_of(&plan).unwrap();
    let random = &mut Random(3);
    for at in (1..messages.len()).rev() {
        messages.swap(at, random.below(at as u64 + 1) as usize);
    }
    let ids: Vec<lakeseed_sink::messages::MessageId> =
        messages.iter().map(|at| at.id.parse().unwrap()).collect();
    let give = |audit: &Audit<'_>, messages: &[super::Seen]| {
        for (message, id) in messages.iter().zip(&ids) {
            assert!(id.is_of(&message.body));
            let part = usize::try_from(id.part()).unwrap();
            audit.take(part, id.number(), &message.body).unwrap();
        }
    };
    let audit = Audit::first_look(&plan).unwrap();
    give(&audit, &messages);
    assert_eq!(audit.suspects(&|| false).unwrap(), Vec::<usize>::new());

    let doubled = messages.iter().find(|at| at.part == 1).unwrap().clone();
    let number = doubled
        .id
        .parse::<lakeseed_sink::messages::MessageId>()
        .unwrap();
    let audit = Audit::first_look(&plan).unwrap();
    give(&audit, &messages);
    audit.take(1, number.number(), &doubled.body).unwrap();
    assert_eq!(audit.suspects(&|| false).unwrap(), [1]);
    let audit = Audit::second_look(&plan, &[1]).unwrap();
    give(&audit, &messages);
    audit.take(1, number.number(), &doubled.body).unwrap();
    let found = audit.judge(&|| false).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].doubled, doubled.rows);
    assert_eq!(found[0].doubled_messages, 1);
    assert_eq!(
        (found[0].missing, found[0].altered, found[0].strange),
        (0, 0, 0)
    );
}

#[test]
fn a_number_beyond_the_plan_is_strange_and_takes_no_room() {
    let plan = plan_of(&numbers(100), 100, settings()).unwrap();
    let messages = all_of(&plan).unwrap();
    for number in [100, 1 << 40, u64::MAX] {
        let look = |audit: &Audit<'_>| {
            for (at, message) in (0..).zip(&messages) {
                audit.take(0, at, &message.body).unwrap();
            }
            audit.take(0, number, &messages[0].body).unwrap();
        };
        let audit = Audit::first_look(&plan).unwrap();
        look(&audit);
        assert_eq!(audit.suspects(&|| false).unwrap(), [0]);
        let audit = Audit::second_look(&plan, &[0]).unwrap();
        look(&audit);
        let found = &audit.judge(&|| false).unwrap()[0];
        assert_eq!((found.strange, found.doubled, found.missing), (1, 0, 0));
    }
    // Nobody knows how many rows a piece of lines has.
    let folder = quick();
    crate::trees::put(folder.path().join("a.json"), "{}\n{}\n");
    let store: Arc<dyn Store> = Arc::new(LocalStore::new(folder.path()));
    let names = find_files(store.as_ref(), &[]).unwrap();
    let plan = MessagePlan::builder("pets").files(open_files(store, &names).unwrap());
    let plan = plan.build().unwrap();
    let audit = Audit::second_look(&plan, &[0]).unwrap();
    audit.take(0, u64::MAX, b"[{},{}]").unwrap();
    audit.take(0, u64::MAX, b"[{}]").unwrap();
    let found = &audit.judge(&|| false).unwrap()[0];
    assert_eq!((found.doubled, found.doubled_messages), (1, 1));
}
