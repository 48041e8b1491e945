//! The partition law: whichever way rows are asked for, they are the same rows in the same order.

use std::ops::Range;
use std::sync::LazyLock;

use arrow_array::{ArrayRef, RecordBatchReader};
use lakeseed_gen_core::assessments::Assessments;
use lakeseed_gen_core::column::{
    category, distribution, foreign_key, integer, parent, sequence, text, uniform, weighted,
};
use lakeseed_gen_core::predictions::Predictions;
use lakeseed_gen_core::retail::Retail;
use lakeseed_gen_core::{Date, Settings, Table, rows};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::support::prints;

/// A table, and a checksum of each of its values by column and row.
struct Known {
    table: Table,
    columns: Vec<Vec<u64>>,
}

impl Known {
    fn new(table: &Table) -> Self {
        let batch = table.all_rows().batch().unwrap();
        Self {
            columns: batch.columns().iter().map(prints).collect(),
            table: table.clone(),
        }
    }

    fn first(&self) -> u64 {
        self.table.row_range().start
    }

    /// The checksums of these rows of these columns.
    fn of(&self, rows: impl Iterator<Item = u64> + Clone, columns: &[usize]) -> Vec<Vec<u64>> {
        let of_column = |&column: &usize| {
            let prints = &self.columns[column];
            rows.clone()
                .map(|row| prints[(row - self.first()) as usize])
                .collect()
        };
        columns.iter().map(of_column).collect()
    }

    fn names(&self, columns: &[usize]) -> Vec<String> {
        columns
            .iter()
            .map(|&at| self.table.schema().field(at).name().clone())
            .collect()
    }

    /// Reads rows with a batch size and a projection.
    fn read(&self, rows: Range<u64>, batch_rows: usize, columns: &[usize]) -> Vec<Vec<u64>> {
        let names = self.names(columns);
        let scan = self.table.rows(rows).batch_rows(batch_rows);
        let reader = scan
            .columns(names.iter().map(String::as_str))
            .unwrap()
            .reader()
            .unwrap();
        let fields: Vec<_> = reader
            .schema()
            .fields()
            .iter()
            .map(|f| f.name().clone())
            .collect();
        assert_eq!(fields, names, "columns come in the order asked for");
        let mut found = vec![Vec::new(); columns.len()];
        for batch in reader {
            let batch = batch.unwrap();
            assert!(batch.num_rows() <= batch_rows && batch.num_rows() > 0);
            for (found, column) in found.iter_mut().zip(batch.columns()) {
                found.extend(prints(column));
            }
        }
        found
    }
}

fn pets(rows: u64) -> Table {
    let retail = Retail::new(&Settings::new().scale(0.01)).unwrap();
    Table::builder("pets", rows)
        .column("id", sequence(1))
        .column("name", weighted([("Rex", 5), ("Mia", 3)]))
        .column("chip", uniform(0, 1 << 60).nulls(0.3))
        .column(
            "weight",
            distribution(rand_distr::LogNormal::new(2.3, 0.4).unwrap()),
        )
        .column(
            "owner",
            foreign_key(retail.customers()).zipf(1.1).nulls(0.2),
        )
        .column("city", parent("owner", "city"))
        .column("bought", foreign_key(retail.invoices()))
        .column("paid", parent("bought", "net_total"))
        .column(
            "note",
            text(|stream, row, out| {
                out.extend(std::iter::repeat_n('x', stream.below(row, 40) as usize));
            }),
        )
        .column("kind", category(["a", "b"], |_, row| (row % 2) as usize))
        .column("twice", integer(|_, row| 2 * row as i64))
        .build()
        .unwrap()
}

/// Every table of all datasets, across a turn of the year, and a table of one's own.
static TABLES: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let window = Settings::new()
        .scale(0.01)
        .rows("invoices", 120_000)
        .start(Date::new(2023, 12, 22))
        .end(Date::new(2024, 1, 9));
    let retail = Retail::new(&window).unwrap();
    let predictions = |settings: Settings| {
        let settings = settings.only_rows(4000).parameter("classes", "7");
        Predictions::new(&settings).unwrap().predictions().clone()
    };
    let mut tables = retail.dataset().tables().to_vec();
    tables.push(predictions(Settings::new()));
    tables.push(predictions(Settings::new().parameter("precision", "4")));
    tables.push(predictions(Settings::new().parameter("mode", "uniform")));
    for shuffle in ["off", "on"] {
        let settings = Settings::new().only_rows(60).parameter("dirt", "on");
        let assessments = Assessments::new(&settings.parameter("shuffle", shuffle)).unwrap();
        tables.push(assessments.avaliacao().clone());
    }
    tables.push(pets(4000));
    tables.iter().map(Known::new).collect()
});

/// Some columns of a table, in any order.
fn projection(table: &Known, order: &[Index], count: Index) -> Vec<usize> {
    let mut columns: Vec<usize> = (0..table.columns.len()).collect();
    for (at, other) in order.iter().enumerate().take(columns.len()) {
        let other = other.index(columns.len());
        columns.swap(at, other);
    }
    columns.truncate(1 + count.index(columns.len()));
    columns
}

fn any_table() -> impl Strategy<Value = &'static Known> {
    (0..TABLES.len()).prop_map(|at| &TABLES[at])
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.table.fmt(f)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_cut_gives_the_same_rows(
        table in any_table(),
        mut cuts in prop::collection::vec(any::<Index>(), 0..6),
        batch_rows in prop_oneof![1 => 1usize..40, 4 => 40usize..6000],
        order in prop::collection::vec(any::<Index>(), 16),
        count: Index,
    ) {
        let columns = projection(table, &order, count);
        let all = table.table.row_range();
        let size = (all.end - all.start) as usize;
        let mut ends: Vec<u64> = cuts.drain(..).map(|cut| all.start + cut.index(size + 1) as u64).collect();
        ends.extend([all.start, all.end]);
        ends.sort_unstable();
        let mut joined = vec![Vec::new(); columns.len()];
        for pair in ends.windows(2) {
            for (joined, part) in joined.iter_mut().zip(table.read(pair[0]..pair[1], batch_rows, &columns)) {
                joined.extend(part);
            }
        }
        prop_assert!(joined == table.of(all, &columns));
    }

    #[test]
    fn scattered_rows_are_those_of_the_range(
        table in any_table(),
        rows in prop::collection::vec(any::<Index>(), 0..60),
        order in prop::collection::vec(any::<Index>(), 16),
        count: Index,
    ) {
        let columns = projection(table, &order, count);
        let size = table.table.row_count() as usize;
        let rows: Vec<u64> = rows.iter().map(|row| table.first() + row.index(size) as u64).collect();
        let arrays: Vec<ArrayRef> = table.table.gather(&rows, &columns).unwrap();
        let found: Vec<Vec<u64>> = arrays.iter().map(prints).collect();
        prop_assert_eq!(found, table.of(rows.iter().copied(), &columns));
    }

    #[test]
    fn short_ranges_stand_anywhere(table in any_table(), start: Index, len in 0u64..5) {
        let all = table.table.row_range();
        let start = all.start + start.index((all.end - all.start) as usize + 1) as u64;
        let rows = start..all.end.min(start + len);
        let columns: Vec<usize> = (0..table.columns.len()).collect();
        let found = table.read(rows.clone(), 1 + len as usize, &columns);
        prop_assert_eq!(found, table.of(rows, &columns));
    }
}

#[test]
fn single_rows_one_after_the_other_are_the_table() {
    for table in TABLES.iter() {
        let columns: Vec<usize> = (0..table.columns.len()).collect();
        let all = table.table.row_range();
        let some = all.start..all.end.min(all.start + 1500);
        assert!(
            table.read(some.clone(), 1, &columns) == table.of(some, &columns),
            "{table:?}"
        );
    }
}

#[test]
fn many_threads_give_the_same_rows() {
    for table in TABLES.iter() {
        let columns: Vec<usize> = (0..table.columns.len()).collect();
        let parts: Vec<_> = rows::cut(table.table.row_range(), 333).collect();
        // Four workers share one handle; each takes every fourth part.
        let mut found: Vec<(usize, Vec<Vec<u64>>)> = std::thread::scope(|scope| {
            let work = |worker: usize| {
                let (parts, columns) = (&parts, &columns);
                scope.spawn(move || {
                    let own = (0..parts.len()).filter(|at| at % 4 == worker);
                    own.map(|at| (at, table.read(parts[at].clone(), 100, columns)))
                        .collect::<Vec<_>>()
                })
            };
            let workers: Vec<_> = (0..4).map(work).collect();
            workers
                .into_iter()
                .flat_map(|worker| worker.join().unwrap())
                .collect()
        });
        found.sort_unstable_by_key(|(at, _)| *at);
        let mut joined = vec![Vec::new(); columns.len()];
        for (_, part) in found {
            for (joined, part) in joined.iter_mut().zip(part) {
                joined.extend(part);
            }
        }
        assert!(
            joined == table.of(table.table.row_range(), &columns),
            "{table:?}"
        );
    }
}

#[test]
fn rows_outside_are_refused() {
    for table in TABLES.iter() {
        let all = table.table.row_range();
        let outside = [
            all.start..all.end + 1,
            all.end + 1..all.end + 1,
            u64::MAX - 1..u64::MAX,
        ];
        for rows in outside {
            let error = table.table.rows(rows.clone()).reader().unwrap_err();
            assert!(
                matches!(error, lakeseed_gen_core::Error::RowsOutOfRange { found_end, .. } if found_end == rows.end),
                "{error}"
            );
        }
        assert!(table.table.gather(&[all.start, all.end], &[0]).is_err());
        assert!(table.table.gather(&[u64::MAX], &[0]).is_err());
        let past = table.columns.len();
        let error = table.table.gather(&[all.start], &[0, past]).unwrap_err();
        assert!(
            matches!(&error, lakeseed_gen_core::Error::Unknown { kind: "column", known, .. } if known.len() == past),
            "{error}"
        );
        assert!(all.start == 0 || table.table.rows(all.start - 1..all.end).reader().is_err());
        // None at all is no mistake.
        assert_eq!(
            table.table.rows(all.end..all.end).reader().unwrap().count(),
            0
        );
        assert!(table.table.gather(&[], &[0]).unwrap()[0].is_empty());
    }
}

#[test]
#[allow(clippy::reversed_empty_ranges, reason = "that is what is tested")]
fn ranges_back_to_front_are_refused() {
    assert!(TABLES[0].table.rows(5..4).reader().is_err());
}

#[test]
fn no_columns_still_have_rows() {
    let table = &TABLES[0].table;
    let batch = table.rows(0..7).columns([]).unwrap().batch().unwrap();
    assert_eq!((batch.num_rows(), batch.num_columns()), (7, 0));
}
