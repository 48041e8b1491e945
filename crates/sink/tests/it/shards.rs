//! Several processes that share a plan, and the whole that is made of their shards.

use std::fs;
use std::sync::{Arc, OnceLock};

use lakeseed_sink::{
    Error, LocalStore, MemoryStore, Mode, Run, Shard, Store, combine, inspect, open_finished,
    statuses,
};
use proptest::prelude::*;

use crate::support::Random;
use crate::through::Through;
use crate::trees::{files, folder, put, quick, stopped, tree, two_tables, visible, window};

fn shard(index: u32, of: u32) -> Shard {
    Shard::new(index, of).unwrap()
}

#[test]
fn shards_in_any_order_make_the_whole() {
    let plan = two_tables(1_000, 4);
    let (_parent, whole) = folder();
    Run::new(&plan, &LocalStore::new(&whole)).commit().unwrap();
    for (order, of) in [(vec![1, 2, 3], 3), (vec![3, 1, 2], 3), (vec![2, 1], 2)] {
        let (_parent, root) = folder();
        let store = LocalStore::new(&root);
        let mut made = 0;
        for (at, index) in order.iter().enumerate() {
            let run = Run::new(&plan, &store).shard(shard(*index, of));
            let report = run.commit().unwrap();
            made += report.made_rows();
            assert!(report.written && report.rows() == report.made_rows());
            // A shard that is done says so.
            let again = run.commit().unwrap();
            assert!(!again.written && again.rows() == report.rows());
            assert!(visible(&root).is_empty());
            assert!(matches!(
                open_finished(&store),
                Err(Error::Unfinished { .. })
            ));
            let mut missing = order[at + 1..].to_vec();
            missing.sort_unstable();
            if !missing.is_empty() {
                match combine(&store).unwrap_err() {
                    Error::ShardsMissing {
                        missing: found,
                        of: all,
                        ..
                    } => {
                        assert_eq!((found, all), (missing, of));
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        assert_eq!(
            (made, statuses(&store).unwrap().len()),
            (1_010, of as usize)
        );
        let manifest = combine(&store).unwrap();
        assert_eq!(combine(&store).unwrap(), manifest);
        let last = Run::new(&plan, &store)
            .shard(shard(1, of))
            .commit()
            .unwrap();
        assert!(!last.written);
        // The plan's record alone tells in how many shards it was made.
        let (mut own, mut other) = (tree(&root), tree(&whole));
        let record = format!("_lakeseed/plan-{}.json", plan.id());
        own.remove(&record).unwrap();
        other.remove(&record).unwrap();
        assert_eq!(own, other);
    }
}

#[test]
fn a_shard_without_parts_is_a_shard() {
    let plan = two_tables(100, 1);
    let store = MemoryStore::new();
    for index in 1..=5 {
        Run::new(&plan, &store)
            .shard(shard(index, 5))
            .commit()
            .unwrap();
    }
    assert_eq!(combine(&store).unwrap().rows(), 110);
}

#[test]
fn unlike_plans_and_counts_are_refused() {
    let plan = two_tables(1_000, 4);
    let (_parent, root) = folder();
    let store = LocalStore::new(&root);
    assert!(matches!(combine(&store), Err(Error::NoOutput { .. })));
    Run::new(&plan, &store).shard(shard(1, 2)).commit().unwrap();
    let before = tree(&root);
    let refused = [
        Run::new(&plan, &store).shard(shard(2, 3)).commit(),
        Run::new(&plan, &store).commit(),
        Run::new(&two_tables(900, 4), &store)
            .shard(shard(2, 2))
            .commit(),
        Run::new(&plan, &store)
            .shard(shard(2, 2))
            .mode(Mode::Append)
            .commit(),
    ];
    for refused in refused {
        let error = refused.unwrap_err();
        assert!(matches!(error, Error::OtherPlan { .. }), "{error}");
    }
    assert_eq!(tree(&root), before);
    // A plan that is not sharded has nothing to combine.
    let (_parent, other) = folder();
    let alone = LocalStore::new(&other);
    stopped(Run::new(&plan, &alone), 2);
    assert!(matches!(combine(&alone), Err(Error::OtherPlan { .. })));
    // Records and plans of another's, laid beside by hand.
    Run::new(&plan, &store).shard(shard(2, 2)).commit().unwrap();
    put(
        root.join("_lakeseed/shard-0123456789abcdef-1of2.json"),
        "{}",
    );
    assert!(matches!(combine(&store), Err(Error::OtherPlan { .. })));
    fs::remove_file(root.join("_lakeseed/shard-0123456789abcdef-1of2.json")).unwrap();
    put(root.join("mine.csv"), "");
    let error = combine(&store).unwrap_err();
    assert!(matches!(&error, Error::Exists { found, .. } if found == "`mine.csv`"));
    let expected = "expected an empty or a new folder, found `mine.csv`";
    assert!(error.to_string().ends_with(expected), "{error}");
    fs::remove_file(root.join("mine.csv")).unwrap();
    combine(&store).unwrap();
}

#[test]
fn a_shards_record_is_not_believed_where_it_lacks_parts() {
    let plan = two_tables(1_000, 4);
    let (_parent, root) = folder();
    let store = LocalStore::new(&root);
    for index in [1, 2] {
        Run::new(&plan, &store)
            .shard(shard(index, 2))
            .commit()
            .unwrap();
    }
    let at = root.join(format!("_lakeseed/shard-{}-1of2.json", plan.id()));
    let good = fs::read(&at).unwrap();
    let mut record: serde_json::Value = serde_json::from_slice(&good).unwrap();
    record["lines"].as_array_mut().unwrap().pop();
    fs::write(&at, record.to_string()).unwrap();
    let error = combine(&store).unwrap_err();
    assert!(matches!(error, Error::Promise { .. }), "{error}");
    assert!(visible(&root).is_empty() && open_finished(&store).is_err());
    fs::write(&at, &good).unwrap();
    combine(&store).unwrap();
}

#[test]
fn a_finished_shard_whose_files_have_gone_makes_them_again() {
    let plan = two_tables(1_000, 4);
    let (_parent, root) = folder();
    let store = LocalStore::new(&root);
    for index in [1, 2] {
        Run::new(&plan, &store)
            .shard(shard(index, 2))
            .commit()
            .unwrap();
    }
    let lost = files(&root)
        .into_iter()
        .find(|file| file.contains("/.part-00002"))
        .unwrap();
    let lost = root.join(&lost);
    // Cut off, then gone: the third file is the first shard's.
    let refused = || match combine(&store).unwrap_err() {
        Error::ShardsMissing { missing, .. } => missing,
        other => panic!("{other:?}"),
    };
    let bytes = fs::read(&lost).unwrap();
    fs::write(&lost, &bytes[1..]).unwrap();
    assert_eq!(refused(), [1]);
    fs::remove_file(&lost).unwrap();
    assert_eq!(refused(), [1]);
    let made: u64 = (1..=2)
        .map(|index| {
            Run::new(&plan, &store)
                .shard(shard(index, 2))
                .commit()
                .unwrap()
        })
        .map(|report| report.made_rows())
        .sum();
    assert!(made > 0 && made < 400, "{made}");
    assert_eq!(combine(&store).unwrap().rows(), 1_010);
}

/// Two shards start over at the same moment, where the same plan was begun in three: the second one has
/// seen what the first one has removed since.
#[test]
fn a_shard_that_starts_over_leaves_what_another_one_has_made() {
    let bucket = MemoryStore::new();
    let plan = two_tables(1_000, 4);
    let begun = Through::new(bucket.clone());
    Run::new(&plan, &begun).shard(shard(1, 3)).commit().unwrap();
    let anew = |store: &dyn Store, index| {
        let plan = two_tables(1_000, 4);
        let run = Run::new(&plan, store).mode(Mode::Overwrite);
        run.shard(shard(index, 2)).commit().unwrap().made_rows()
    };
    let first = Arc::new(OnceLock::new());
    let (once, others) = (first.clone(), bucket.clone());
    let second = Through::new(bucket.clone()).before_put_new(move |_, name| {
        if name.contains("claim-") && name.ends_with("-1of1.json") && once.set(()).is_ok() {
            assert!(anew(&Through::new(others.clone()), 1) > 0);
        }
    });
    assert!(anew(&second, 2) > 0);
    assert!(first.get().is_some(), "they have not met");
    assert_eq!(combine(&bucket).unwrap().rows(), 1_010);
    let whole = MemoryStore::new();
    Run::new(&plan, &whole).commit().unwrap();
    for (name, bytes) in whole.files() {
        assert_eq!(bucket.files().get(&name), Some(&bytes), "{name}");
    }
}

#[test]
fn shards_append_and_overwrite_too() {
    let (_parent, root) = folder();
    let store = LocalStore::new(&root);
    let plans = [
        (
            window(lakeseed_sink::Csv::plain(), 0..600, 3),
            Mode::New,
            610,
        ),
        (
            window(lakeseed_sink::Csv::plain(), 600..900, 3),
            Mode::Append,
            910,
        ),
        (two_tables(500, 3), Mode::Overwrite, 510),
    ];
    for (at, (plan, mode, rows)) in plans.iter().enumerate() {
        for index in [2, 1] {
            let run = Run::new(plan, &store).mode(*mode).shard(shard(index, 2));
            run.commit().unwrap();
        }
        let manifest = combine(&store).unwrap();
        assert_eq!((manifest.number, manifest.rows()), (at as u64 + 1, *rows));
        assert!(inspect(&store).unwrap().foreign.is_none());
    }
    assert_eq!(visible(&root).len(), 6);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any number of shards, in any order, each stopped any number of times.
    #[test]
    fn any_way_to_the_end_gives_the_same_output(
        seed in any::<u64>(),
        of in 1_u32..6,
        rows in 1_u64..900,
        count in 1_u64..6,
    ) {
        let plan = two_tables(rows, count);
        let unbroken = MemoryStore::new();
        Run::new(&plan, &unbroken).commit().unwrap();
        let parent = quick();
        let root = parent.path().join("out");
        let mut random = Random(seed);
        let mut order: Vec<u32> = (1..=of).collect();
        for at in (1..order.len()).rev() {
            order.swap(at, random.below(at as u64 + 1) as usize);
        }
        for index in order {
            let store = LocalStore::new(&root);
            let run = Run::new(&plan, &store).shard(shard(index, of));
            for _ in 0..random.below(3) {
                // With one worker: where it is stopped behind its last part, it has come to its end.
                let run = run.threads(1 + random.below(3) as usize);
                let parts = random.below(3) as usize;
                let stop = crate::trees::StopAfter::parts(parts);
                let _ = run.observer(&stop).stop(&stop.flag).commit();
            }
            run.threads(1 + random.below(3) as usize).commit().unwrap();
        }
        let store = LocalStore::new(&root);
        let manifest = combine(&store);
        let manifest = if of == 1 { open_finished(&store).unwrap() } else { manifest.unwrap() };
        let expected = unbroken.manifest().unwrap();
        prop_assert_eq!(manifest.to_json().unwrap(), expected.to_json().unwrap());
        for (name, bytes) in unbroken.files() {
            prop_assert_eq!(&fs::read(root.join(name)).unwrap(), &bytes);
        }
        prop_assert_eq!(files(&root).len(), unbroken.files().len() + 4);
    }
}
