//! The oracle of the built-in star: silent about what the engine makes, exact about what is wrong.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_select::concat::concat_batches;
use datafusion::arrow::compute::cast;
use lakeseed_budget::{Budget, MIB};
use lakeseed_gen_core::Settings as DataSettings;
use lakeseed_gen_core::assessments::Assessments;
use lakeseed_star_schema::oracle::{Oracle, Stray};
use lakeseed_star_schema::{Error, Model, Settings, Source, Star, Stop};

use crate::common::{Kept, Memory};

const FACT: &str = "fato_resposta_aluno";
const TABLES: [&str; 6] = [
    "dim_aluno",
    "dim_descritor",
    "dim_escola",
    "dim_municipio",
    "dim_teste",
    FACT,
];

fn data(pupils: u64, parameters: &[(&str, &str)]) -> DataSettings {
    let settings = DataSettings::new().rows("pupils", pupils);
    let with =
        |settings: DataSettings, &(name, value): &(&str, &str)| settings.parameter(name, value);
    parameters.iter().fold(settings, with)
}

/// The star as the engine makes it from the dataset's rows.
fn star(data: &DataSettings) -> BTreeMap<String, RecordBatch> {
    let table = Assessments::new(data).unwrap();
    let table = table.avaliacao();
    let batches: Vec<RecordBatch> = table
        .rows(0..table.row_count())
        .reader()
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let source = Memory::new(batches[0].schema(), batches);
    let sources = HashMap::from([("avaliacao".to_owned(), Arc::new(source) as Arc<dyn Source>)]);
    let temp = tempfile::tempdir().unwrap();
    let mut settings = Settings::new(temp.path());
    settings.temp_in_memory = true;
    let model = Model::builtin("assessments").unwrap();
    let star = Star::of_model(&model, &sources, &settings).unwrap();
    let (store, budget) = (Kept::default(), Budget::new(512 * MIB));
    star.run(&settings, &budget, &store, &(), &Stop::new())
        .unwrap();
    let units = store.units.into_inner().unwrap();
    let of_table = |name: &str| {
        let of_it = units.iter().filter(|((table, _), _)| table == name);
        let batches: Vec<RecordBatch> = of_it.flat_map(|(_, batches)| batches.clone()).collect();
        concat_batches(&batches[0].schema(), &batches).unwrap()
    };
    TABLES.map(|name| (name.to_owned(), of_table(name))).into()
}

/// What an oracle says of a table: row, column, expected, found; then what is missing or doubled.
type Said = (Vec<(usize, String, String, String)>, Vec<Stray>);

fn said(data: &DataSettings, table: &str, batches: &[RecordBatch]) -> Said {
    let stop = AtomicBool::new(false);
    let oracle = Oracle::new("assessments", data, 2, &stop).unwrap().unwrap();
    let mut told = Vec::new();
    for batch in batches {
        let mut differs = |row, column: Option<&str>, texts: &dyn Fn() -> (String, String)| {
            let (expected, found) = texts();
            told.push((row, column.unwrap_or("-").to_owned(), expected, found));
        };
        oracle.check(table, batch, &mut differs).unwrap();
    }
    (told, oracle.strays(table, 2, &stop).unwrap())
}

#[test]
fn what_the_engine_makes_is_right_in_any_order() {
    let cases: [(u64, &[(&str, &str)]); 4] = [
        (600, &[]),
        (600, &[("dirt", "on"), ("states", "27")]),
        (1_100, &[("shuffle", "on"), ("dirt", "on")]),
        (40, &[("dirt", "on")]),
    ];
    for (pupils, parameters) in cases {
        let data = data(pupils, parameters);
        for (table, rows) in star(&data) {
            let half = rows.num_rows() / 2;
            let halves = [
                rows.slice(half, rows.num_rows() - half),
                rows.slice(0, half),
            ];
            let (told, strays) = said(&data, &table, &halves);
            assert_eq!(told.first(), None, "{table} of {pupils} {parameters:?}");
            assert_eq!(strays, [], "{table} of {pupils} {parameters:?}");
        }
    }
    let stop = AtomicBool::new(false);
    let oracle = Oracle::new("assessments", &data(600, &[]), 1, &stop).unwrap();
    assert!(oracle.unwrap().tables().eq(TABLES));
}

/// The batch with another column of that name.
fn with(rows: &RecordBatch, name: &str, change: impl Fn(usize, i64) -> i64) -> RecordBatch {
    let at = rows.schema().index_of(name).unwrap();
    let of_type = rows.column(at).data_type().clone();
    let numbers = cast(rows.column(at), &arrow_schema::DataType::Int64).unwrap();
    let numbers = numbers.as_any().downcast_ref::<Int64Array>().unwrap();
    let changed = numbers.iter().enumerate();
    let changed: Int64Array = changed
        .map(|(row, number)| number.map(|number| change(row, number)))
        .collect();
    let mut columns = rows.columns().to_vec();
    columns[at] = cast(&(Arc::new(changed) as ArrayRef), &of_type).unwrap();
    RecordBatch::try_new(rows.schema(), columns).unwrap()
}

#[test]
fn a_wrong_value_is_named_by_row_and_column() {
    let data = data(600, &[("dirt", "on"), ("states", "27")]);
    let star = star(&data);
    for (table, column) in [
        (FACT, "ACERTO"),
        (FACT, "SER_NUMBER"),
        (FACT, "NIVEL_NUMERICO"),
        ("dim_descritor", "QTD"),
        ("dim_teste", "QTD_ITENS"),
    ] {
        let rows = &star[table];
        let at = rows.column_by_name(column).unwrap();
        // The last that is not null.
        let row = (0..rows.num_rows())
            .rev()
            .find(|row| at.is_valid(*row))
            .unwrap();
        let changed = with(rows, column, |at, number| number + i64::from(at == row));
        let (told, strays) = said(&data, table, &[changed]);
        assert_eq!(told.len(), 1, "{table} {column}: {told:?}");
        let (told_row, told_column, expected, found) = &told[0];
        assert_eq!((*told_row, told_column.as_str()), (row, column));
        let [expected, found] = [expected, found].map(|text| text.parse::<i64>().unwrap());
        assert_eq!(expected + 1, found);
        assert_eq!(strays, []);
    }
}

#[test]
fn rows_that_are_missing_or_doubled_are_named_by_their_keys() {
    let data = data(600, &[("dirt", "on")]);
    for (table, rows) in star(&data) {
        let last = rows.num_rows() - 1;
        // The first is missing, the last is there twice: as many rows as there should be.
        let doubled = [rows.slice(1, last), rows.slice(last, 1)];
        let (told, strays) = said(&data, &table, &doubled);
        assert_eq!(told, []);
        let kinds: Vec<bool> = strays
            .iter()
            .map(|stray| matches!(stray, Stray::Missing(_)))
            .collect();
        assert!(
            kinds == [true, false] || kinds == [false, true],
            "{table}: {strays:?}"
        );
        let key = rows.schema().field(0).name().clone();
        assert!(
            strays.iter().all(|stray| match stray {
                Stray::Missing(row) | Stray::Surplus(row) => row.contains(&key) || table == FACT,
                Stray::Count { .. } => false,
            }),
            "{strays:?}"
        );
        // Nothing at all.
        let (_, strays) = said(&data, &table, &[]);
        let count = matches!(strays.last(), Some(Stray::Count { .. }));
        assert!(count || strays.len() == last + 1, "{table}: {strays:?}");
    }
}

#[test]
fn a_row_of_nobody_is_told_and_its_place_is_empty() {
    let data = data(600, &[]);
    let star = star(&data);
    let pupils = star["dim_aluno"].num_rows() as i64;
    for (table, moved) in [("dim_aluno", pupils), (FACT, pupils), (FACT, -pupils)] {
        let changed = with(&star[table], "ALU_ID", |row, id| {
            if row == 0 { id + moved } else { id }
        });
        let (told, strays) = said(&data, table, &[changed]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!((told[0].0, told[0].1.as_str()), (0, "-"));
        assert!(matches!(strays[..], [Stray::Missing(_)]), "{strays:?}");
    }
}

#[test]
fn columns_that_are_no_columns_of_it_are_an_error() {
    let data = data(100, &[]);
    let rows = &star(&data)["dim_teste"];
    let stop = AtomicBool::new(false);
    let oracle = Oracle::new("assessments", &data, 1, &stop)
        .unwrap()
        .unwrap();
    let check = |table: &str, rows: &RecordBatch| {
        let checked = oracle.check(table, rows, &mut |_, _, _| {});
        assert!(matches!(checked, Err(Error::Oracle { .. })), "{checked:?}");
        checked.unwrap_err().to_string()
    };
    let fewer = rows.project(&[0, 1, 2, 3, 4]).unwrap();
    assert_eq!(check("dim_teste", &fewer), "dim_teste: no column QTD_ITENS");
    let mut columns = rows.columns().to_vec();
    columns[5] = cast(&columns[5], &arrow_schema::DataType::Float64).unwrap();
    let names = rows
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect::<Vec<_>>();
    let floats = RecordBatch::try_from_iter(names.into_iter().zip(columns)).unwrap();
    let said = check("dim_teste", &floats);
    assert_eq!(said, "dim_teste: column QTD_ITENS of type Float64");
    check("dim_nobody", rows);
    assert!(Oracle::new("shops", &data, 1, &stop).unwrap().is_none());
    let stopped = Oracle::new("assessments", &data, 1, &AtomicBool::new(true));
    assert!(matches!(stopped, Err(Error::Stopped)));
}
