//! Rows that are added to a finished output, and outputs that take another's place.

use std::fs;

use lakeseed_sink::{
    BatchSource, Csv, Error, Json, LocalStore, Manifest, Mode, Plan, Run, TableSpec, open_finished,
};

use crate::support::numbers;
use crate::trees::{files, folder, stopped, tree, two_tables, window};

fn append(store: &LocalStore, plan: &Plan<'_>) -> Result<Manifest, Error> {
    Run::new(plan, store).mode(Mode::Append).commit()?;
    open_finished(store)
}

fn refused(error: &Error) {
    assert!(matches!(error, Error::OtherPlan { .. }), "{error}");
    assert!(error.is_refused());
}

#[test]
fn appended_rows_join_those_that_are_there() {
    let (_parent, root) = folder();
    let store = LocalStore::new(&root);
    // Where nothing is, appending begins.
    let first = window(Csv::plain(), 0..600, 2);
    let one = append(&store, &first).unwrap();
    assert_eq!((one.number, one.rows()), (1, 610));
    let second = window(Csv::plain(), 600..1_000, 3);
    let report = Run::new(&second, &store)
        .mode(Mode::Append)
        .commit()
        .unwrap();
    // `owners` was there: its rows are carried over, not made again.
    assert_eq!((report.rows(), report.made_rows()), (1_010, 400));
    let two = open_finished(&store).unwrap();
    assert_eq!((two.number, two.plans.len()), (2, 2));
    assert!(two.has_plan(first.id()) && two.has_plan(second.id()));
    assert_eq!(two.plan_id(), second.id());
    assert_ne!(one.run_id, two.run_id);
    let pets = &two.tables[0];
    assert_eq!((pets.rows, pets.parts.len()), (1_000, 5));
    let mut at = 0;
    for part in &pets.parts {
        assert_eq!(part.first_row, at);
        at += part.rows;
    }
    assert_eq!(two.tables[1], one.tables[1]);
    assert!(!root.join("_lakeseed/manifest-000001.json").exists());
    // Everything that the manifest names is there, and nothing else.
    let parts = files(&root)
        .into_iter()
        .filter(|file| file.contains("/part-"));
    let mut named: Vec<_> = two.parts().map(|part| part.path.clone()).collect();
    named.sort();
    assert_eq!(parts.collect::<Vec<_>>(), named);

    // Again, and again with the first: both are part of the output.
    let before = tree(&root);
    for plan in [&first, &second] {
        let report = Run::new(plan, &store).mode(Mode::Append).commit().unwrap();
        assert!(!report.written && report.rows() == 1_010);
    }
    assert_eq!(tree(&root), before);
    // A window before the others sorts before them.
    let error = append(&store, &window(Csv::plain(), 900..1_100, 1)).unwrap_err();
    refused(&error);
    assert_eq!(
        append(&store, &window(Csv::plain(), 2_000..2_100, 1))
            .unwrap()
            .rows(),
        1_110
    );
    let last = append(&store, &window(Csv::plain(), 1_000..1_200, 1)).unwrap();
    let starts: Vec<_> = last.tables[0]
        .parts
        .iter()
        .map(|part| part.first_row)
        .collect();
    assert!(starts.is_sorted() && last.number == 4);
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let (_parent, root) = folder();
    let store = LocalStore::new(&root);
    append(&store, &window(Csv::plain(), 0..600, 2)).unwrap();
    let before = tree(&root);
    let rows = || BatchSource::new(numbers(900));
    let table = |name: &str, rows| TableSpec::new(name, rows, 600..900);
    let planned = |data: &str, table: TableSpec<'static>| {
        let plan = Plan::builder(Csv::plain()).data_id(data).table(table);
        plan.build().unwrap()
    };
    let same = "pets and owners, seed 42";
    for plan in [
        window(Csv::plain(), 599..700, 1),
        window(Csv::plain(), 100..900, 1),
        window(Json::plain(), 600..900, 1),
        window(Csv::zstd(1), 600..900, 1),
        planned("other data", table("pets", rows())),
        planned(same, table("pets", rows()).leave_out(["half"])),
    ] {
        refused(&append(&store, &plan).unwrap_err());
        assert_eq!(tree(&root), before);
    }
    // A table that was not there is none of these.
    let more = append(&store, &planned(same, table("toys", rows()))).unwrap();
    assert_eq!((more.tables.len(), more.rows()), (3, 910));
}

#[test]
fn rows_that_are_there_already_are_all_carried() {
    let (_parent, root) = folder();
    let store = LocalStore::new(&root);
    append(&store, &window(Csv::plain(), 0..600, 2)).unwrap();
    let before = tree(&root);
    // The same rows in other files: another plan, without anything to do.
    let report = Run::new(&window(Csv::plain(), 0..600, 5), &store)
        .mode(Mode::Append)
        .commit()
        .unwrap();
    assert_eq!((report.rows(), report.made_rows()), (610, 0));
    assert!(!report.written);
    assert!(tree(&root) == before);
}

#[test]
fn appending_that_was_interrupted_goes_on() {
    let before = window(Csv::plain(), 0..600, 2);
    let added = window(Csv::plain(), 600..1_000, 3);
    let (_parent, root) = folder();
    let store = LocalStore::new(&root);
    append(&store, &before).unwrap();
    let old = open_finished(&store).unwrap();
    let run = Run::new(&added, &store).mode(Mode::Append);
    // Nothing proven: as if it had never begun.
    let untouched = tree(&root);
    assert!(matches!(stopped(run, 0), Error::Stopped));
    assert_eq!(tree(&root), untouched);
    let error = stopped(run, 2);
    // The carried table is not pending.
    assert!(matches!(&error, Error::Incomplete { proven: 2, pending, .. } if pending.len() == 1));
    assert_eq!(open_finished(&store).unwrap(), old);
    refused(&append(&store, &window(Csv::plain(), 1_000..1_100, 1)).unwrap_err());
    assert_eq!(append(&store, &added).unwrap().rows(), 1_010);
    let (_other, whole) = folder();
    let unbroken = LocalStore::new(&whole);
    append(&unbroken, &before).unwrap();
    append(&unbroken, &added).unwrap();
    assert_eq!(tree(&root), tree(&whole));
}

#[test]
fn overwriting_keeps_the_old_output_until_the_new_one_stands() {
    let (_parent, root) = folder();
    let store = LocalStore::new(&root);
    let (old, new) = (two_tables(700, 2), two_tables(800, 3));
    Run::new(&old, &store).commit().unwrap();
    let before = tree(&root);
    let run = Run::new(&new, &store).mode(Mode::Overwrite);
    assert!(matches!(stopped(run, 0), Error::Stopped));
    assert_eq!(tree(&root), before);
    stopped(run, 4);
    assert_eq!(open_finished(&store).unwrap().plan_id(), old.id());
    let now = tree(&root);
    assert!(
        before
            .iter()
            .all(|(name, bytes)| now.get(name) == Some(bytes))
    );
    // Plans that are under way stand in the way, the old one's too.
    refused(&Run::new(&old, &store).commit().unwrap_err());
    let report = run.commit().unwrap();
    assert_eq!((report.parts_found, report.written), (4, true));
    let manifest = open_finished(&store).unwrap();
    assert_eq!((manifest.number, manifest.plan_id()), (2, new.id()));
    assert!(!files(&root).iter().any(|file| file.contains(old.id())));

    // With itself, even where a file of it was damaged.
    let part = root.join(&manifest.tables[0].parts[0].path);
    let good = fs::read(&part).unwrap();
    fs::write(&part, "damaged").unwrap();
    run.commit().unwrap();
    assert_eq!(fs::read(&part).unwrap(), good);
    let again = open_finished(&store).unwrap();
    assert_eq!((again.number, &again.tables), (3, &manifest.tables));
    // Where nothing stands, it begins.
    let (_parent, root) = folder();
    let store = LocalStore::new(&root);
    Run::new(&new, &store)
        .mode(Mode::Overwrite)
        .commit()
        .unwrap();
    assert_eq!(open_finished(&store).unwrap().number, 1);
}
