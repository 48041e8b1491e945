//! Units that are added to parts of an output which stay.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, RecordBatchIterator};
use lakeseed_sink::{
    Error, LocalStore, Manifest, ManifestPart, MemoryStore, Parquet, Report, Result, Store,
    UnitPlan, UnitRun, UnitTable, Verify, inspect, open_finished, settle,
};

use crate::trees::{folder, tree};

fn ids(first: i64) -> RecordBatch {
    let ids = Arc::new(Int64Array::from_iter_values(first..first + 100)) as ArrayRef;
    RecordBatch::try_from_iter([("id", ids)]).unwrap()
}

/// An output, and what stays of it.
type Onto<'o> = (&'o Manifest, &'o dyn Fn(&str, &ManifestPart) -> bool);

/// Two tables with so many units, onto what stays of an output.
fn plan(data: &str, units: [usize; 2], onto: Option<Onto<'_>>) -> UnitPlan {
    let mut plan = UnitPlan::builder(Parquet::zstd(1))
        .data_id(data)
        .data(data.into());
    for (name, units) in ["cats", "dogs"].into_iter().zip(units) {
        plan = plan.table(UnitTable {
            name: name.to_owned(),
            schema: ids(0).schema(),
            units,
        });
    }
    if let Some((output, stays)) = onto {
        plan = plan.onto(output, stays);
    }
    plan.build().unwrap()
}

/// Writes every unit that is missing; fails after so many.
fn write(plan: &UnitPlan, store: &dyn Store, first: i64, most: usize) -> Result<Report> {
    UnitRun::new(plan, store).run(|writer| {
        let mut written = 0;
        for (at, table) in plan.tables().enumerate() {
            for unit in 0..table.units {
                if writer.is_done(at, unit) {
                    continue;
                }
                if written == most {
                    return Err(Error::Stopped);
                }
                let rows = ids(first + 1_000 * at as i64 + 100 * unit as i64);
                let mut rows = RecordBatchIterator::new([Ok(rows.clone())], rows.schema());
                writer.write(at, unit, &mut rows)?;
                written += 1;
            }
        }
        Ok(())
    })
}

fn parts(files: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    let files = files.iter().filter(|(name, _)| name.contains("/part-"));
    files
        .map(|(name, bytes)| (name.clone(), bytes.clone()))
        .collect()
}

#[test]
fn what_stays_is_as_it_was_and_what_does_not_goes() {
    let (_parent, root) = folder();
    let store = Arc::new(LocalStore::new(&root));
    write(&plan("one", [2, 1], None), store.as_ref(), 0, 9).unwrap();
    let (first, before) = (open_finished(store.as_ref()).unwrap(), tree(&root));
    // The cats stay, the dogs are other ones.
    let second = plan("two", [1, 1], Some((&first, &|table, _| table == "cats")));
    let report = write(&second, store.as_ref(), 50_000, 9).unwrap();
    assert_eq!((report.rows(), report.made_rows()), (400, 200));
    let manifest = open_finished(store.as_ref()).unwrap();
    let after = tree(&root);
    for (name, bytes) in parts(&before) {
        let expected = name.starts_with("cats/").then_some(&bytes);
        assert_eq!(after.get(&name), expected, "{name}");
    }
    let rows = |table: usize| -> Vec<(u64, u64)> {
        let parts = manifest.tables[table].parts.iter();
        parts.map(|part| (part.first_row, part.rows)).collect()
    };
    assert_eq!(rows(0), [(0, 100), (100, 100), (200, 100)]);
    assert_eq!(rows(1), [(0, 100)]);
    let plans: Vec<_> = manifest
        .plans
        .iter()
        .map(|plan| plan.data.clone())
        .collect();
    assert_eq!(plans, [serde_json::Value::Null, "two".into()]);
    assert_eq!((manifest.number, manifest.data_id.as_str()), (2, "two"));
    let sum = &manifest.tables[0].totals.as_ref().unwrap();
    assert_eq!(sum.rows, 300);
    let found = Verify::new(Arc::clone(&store) as Arc<dyn Store>).run();
    assert!(found.unwrap().is_clean());

    // What has nothing left of its files is no plan of the output any more.
    let third = plan(
        "three",
        [0, 1],
        Some((&manifest, &|table, part| {
            table == "cats" && part.path.contains(first.plan_id())
        })),
    );
    write(&third, store.as_ref(), 70_000, 9).unwrap();
    let manifest = open_finished(store.as_ref()).unwrap();
    let ids: Vec<_> = manifest.plans.iter().map(|plan| plan.id.as_str()).collect();
    assert_eq!(ids, [first.plan_id(), third.id()]);
    assert!(!tree(&root).keys().any(|name| name.contains(second.id())));
}

#[test]
fn a_run_goes_on_and_one_of_another_state_is_refused() {
    let store = MemoryStore::new();
    write(&plan("one", [1, 1], None), &store, 0, 9).unwrap();
    let first = open_finished(&store).unwrap();
    let second = plan("two", [2, 2], Some((&first, &|_, _| true)));
    let stopped = write(&second, &store, 50_000, 3).unwrap_err();
    assert!(
        matches!(stopped, Error::Incomplete { proven: 3, .. }),
        "{stopped}"
    );
    assert_eq!(
        open_finished(&store).unwrap(),
        first,
        "the old one is whole"
    );
    assert!(settle(&store).unwrap().is_none(), "something is on its way");
    let report = write(&second, &store, 50_000, 9).unwrap();
    assert_eq!((report.parts_found, report.rows()), (3, 600));
    // Again: nothing is done. Onto the state before: refused.
    let again = UnitRun::new(&second, &store).run(|_| panic!("there is nothing to do"));
    assert!(!again.unwrap().written);
    assert_eq!(settle(&store).unwrap().unwrap().rows(), 600);
    let late = plan("late", [1, 0], Some((&first, &|_, _| true)));
    let refused = write(&late, &store, 80_000, 9).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("holds state 2: expected state 1 of the output"),
        "{refused}"
    );
    // And nowhere is nothing to extend.
    let refused = write(&late, &MemoryStore::new(), 80_000, 9).unwrap_err();
    assert!(matches!(refused, Error::OtherPlan { .. }), "{refused}");
}

/// What another one has begun on top of the same state goes: nothing that stands needs it.
#[test]
fn what_was_begun_on_top_gives_way() {
    let store = MemoryStore::new();
    write(&plan("one", [1, 1], None), &store, 0, 9).unwrap();
    let first = open_finished(&store).unwrap();
    let begun = plan("begun", [2, 2], Some((&first, &|_, _| true)));
    write(&begun, &store, 50_000, 2).unwrap_err();
    let other = plan("other", [1, 0], Some((&first, &|_, _| true)));
    write(&other, &store, 60_000, 9).unwrap();
    let standing = inspect(&store).unwrap();
    assert!(standing.unfinished.is_empty());
    assert_eq!(standing.finished.unwrap().rows(), 300);
    let left = store.list("", 1_000).unwrap().into_iter();
    let of_begun: Vec<_> = left
        .filter(|found| found.name.contains(begun.id()))
        .collect();
    assert!(of_begun.is_empty(), "{of_begun:?}");
}
