//! A run that was cut short goes on.

use std::sync::Mutex;

use lakeseed_star_schema::{Error, Observer, Strategy, UnitDone};

use crate::common::{Kept, ROOMY, Way, oracle, run, try_run};
use crate::equal::rows;

const SQL: &str = "SELECT id, city, count(*) AS n, sum(price) AS s FROM t GROUP BY id, city";

#[derive(Default)]
struct Parts(Mutex<Vec<usize>>);

impl Observer for Parts {
    fn unit_done(&self, done: &UnitDone<'_>) {
        self.0.lock().unwrap().push(done.unit.part);
    }
}

#[test]
fn units_that_stand_are_not_made_again() {
    let source = rows(8, 12, 70_000, 10);
    let way = Way::new(Some(Strategy::Scatter), 2, ROOMY);
    let whole = run(&source, SQL, &way).in_order();
    assert_eq!(whole.len(), 4);

    let store = Kept {
        fail_after: Some(2),
        ..Kept::default()
    };
    let error = try_run(&source, SQL, &way, &store, &()).unwrap_err();
    assert!(matches!(error, Error::Store { .. }), "{error:?}");
    let standing = store.in_order();
    assert_eq!(standing.len(), 2);

    let store = Kept {
        fail_after: None,
        ..store
    };
    let parts = Parts::default();
    let report = try_run(&source, SQL, &way, &store, &parts).unwrap();
    assert_eq!(
        (report.tables[0].units, report.tables[0].units_before),
        (2, 2)
    );
    let made = parts.0.into_inner().unwrap();
    assert!(
        made.iter().all(|part| !standing.contains_key(part)),
        "{made:?} were made again"
    );
    assert!(store.in_order() == whole, "the resumed run is another one");

    let report = try_run(&source, SQL, &way, &store, &()).unwrap();
    assert_eq!((report.tables[0].rows_read, report.tables[0].units), (0, 0));
}

/// Each state is a batch, and a state larger than memory is split like everything.
#[test]
fn a_column_that_the_user_names_cuts_the_work() {
    struct Names(Mutex<Vec<(String, u64)>>);
    impl Observer for Names {
        fn unit_done(&self, done: &UnitDone<'_>) {
            let name = done.batch.unwrap().to_owned();
            self.0.lock().unwrap().push((name, done.rows_in));
        }
    }
    let source = rows(14, 6, 20_000, 0);
    let sql =
        "SELECT city, STATE, id, count(*) AS n FROM t WHERE id > -2400 GROUP BY city, STATE, id";
    for column in ["STATE", "city", "id"] {
        let mut way = Way::new(None, 2, ROOMY);
        way.batch_by = Some(column.to_owned());
        let (store, names) = (Kept::default(), Names(Mutex::default()));
        let report = try_run(&source, sql, &way, &store, &names);
        if column == "id" {
            assert!(
                matches!(report, Err(Error::Model { .. })),
                "5,000 batches: {report:?}"
            );
            continue;
        }
        report.unwrap();
        assert_eq!(store.lines(), oracle(&source, sql));
        let mut names = names.0.into_inner().unwrap();
        names.sort_unstable();
        let place = usize::from(column == "STATE");
        let units = store.in_order();
        assert_eq!(units.len(), names.len());
        for ((_, lines), (name, rows_in)) in units.iter().zip(&names) {
            let own = if name == "null" { "NULL" } else { name };
            assert!(
                lines
                    .iter()
                    .all(|line| line.split('|').nth(place) == Some(own)),
                "{name}"
            );
            assert!(*rows_in >= lines.len() as u64);
        }
    }
    let mut way = Way::new(None, 2, ROOMY);
    way.batch_by = Some("price".to_owned());
    let error = try_run(&source, sql, &way, &Kept::default(), &()).unwrap_err();
    assert!(
        matches!(&error, Error::Model { found, .. } if found == "price"),
        "{error:?}"
    );
}
