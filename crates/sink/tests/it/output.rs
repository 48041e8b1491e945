//! The short way: whole after its commit, nowhere before, and never at another's cost.

use lakeseed_sink::{BatchSource, Error, LocalStore, MemoryStore, Output, Parquet, open_finished};

use crate::support::numbers;
use crate::trees::{files, folder, put, tree};

fn source() -> BatchSource {
    BatchSource::new(numbers(500))
}

fn open(root: &std::path::Path) -> Output {
    Output::create(root)
        .format(Parquet::zstd(1))
        .data_id("pets")
        .threads(2)
        .open()
        .unwrap()
}

#[test]
fn an_output_that_is_dropped_does_not_exist() {
    let (_parent, root) = folder();
    {
        let mut out = open(&root);
        out.write_source("pets", 500, source()).unwrap();
        assert!(!files(&root).iter().any(|file| file.ends_with("_SUCCESS")));
    }
    assert!(!root.exists());
    let mut out = open(&root);
    out.write_source("pets", 500, source()).unwrap();
    out.write_source("owners", 100, source()).unwrap();
    let report = out.commit().unwrap();
    assert_eq!((report.rows(), report.files()), (600, 2));
    let marks = files(&root);
    let marks = marks.iter().filter(|file| file.ends_with("_SUCCESS"));
    assert_eq!(marks.count(), 2);
    let left = ["lock", "journal", "status", "inprogress"];
    assert!(
        !files(&root)
            .iter()
            .any(|file| left.iter().any(|left| file.contains(left)))
    );
    let again = Output::create(&root).open().unwrap_err();
    assert!(matches!(again, Error::OtherPlan { .. }));
    put(root.join("mine"), "");
    let again = Output::create(&root).open().unwrap_err();
    assert!(matches!(again, Error::Exists { .. }));
}

#[test]
fn an_output_that_failed_is_lost_as_a_whole() {
    let (_parent, root) = folder();
    let mut out = open(&root);
    out.write_source("pets", 500, source()).unwrap();
    assert!(out.write_source("Pets", 500, source()).is_err());
    assert!(out.write_source("owners", 500, source()).is_err());
    assert!(out.commit().is_err());
    assert!(!root.exists());
}

#[test]
fn an_output_that_was_interrupted_goes_on_or_is_replaced() {
    let (_parent, root) = folder();
    let mut lost = open(&root);
    lost.write_source("pets", 500, source()).unwrap();
    lost.write_source("owners", 300, source()).unwrap();
    // As good as a kill: nothing is taken back.
    std::mem::forget(lost);
    let mut out = open(&root);
    out.write_source("pets", 500, source()).unwrap();
    out.commit().unwrap();
    assert!(!files(&root).iter().any(|file| file.starts_with("owners")));
    let (_other, unbroken) = folder();
    let mut out = open(&unbroken);
    out.write_source("pets", 500, source()).unwrap();
    out.commit().unwrap();
    assert_eq!(tree(&root), tree(&unbroken));
}

#[test]
fn who_comes_second_takes_nothing_from_who_has_finished() {
    let (_parent, root) = folder();
    let mut slow = open(&root);
    slow.write_source("pets", 500, source()).unwrap();
    let mut fast = open(&root);
    fast.write_source("pets", 500, source()).unwrap();
    fast.commit().unwrap();
    let finished = tree(&root);
    drop(slow);
    assert_eq!(tree(&root), finished);

    // The same where the second one tries to commit, and where its tables are others.
    for rows in [500, 400] {
        let (_parent, root) = folder();
        let mut slow = open(&root);
        slow.write_source("pets", rows, source()).unwrap();
        let mut fast = open(&root);
        fast.write_source("pets", 500, source()).unwrap();
        fast.commit().unwrap();
        let finished = tree(&root);
        let error = slow.commit().unwrap_err();
        assert!(matches!(error, Error::OtherPlan { .. }), "{error}");
        assert_eq!(tree(&root), finished);
    }
}

#[test]
fn any_store_takes_an_output() {
    let store = MemoryStore::new();
    let mut out = Output::to_store(store.clone()).open().unwrap();
    out.write_source("pets", 500, source()).unwrap();
    assert!(store.files().is_empty());
    assert!(open_finished(&store).is_err());
    out.commit().unwrap();
    assert_eq!(store.files().len(), 1);
    let (_parent, root) = folder();
    let mut out = Output::create(&root).open().unwrap();
    out.write_source("pets", 500, source()).unwrap();
    out.commit().unwrap();
    let local = open_finished(&LocalStore::new(&root)).unwrap();
    assert_eq!(store.manifest().unwrap(), local);
}
