//! Names that would lead out of the folder, or that some system or reader would not take.

use lakeseed_sink::{BatchSource, Csv, Error, MemoryStore, Partition, Plan, Run, TableSpec};

use crate::support::numbers;

fn planned(table: &str) -> Result<(), Error> {
    let source = BatchSource::new(numbers(10));
    Plan::builder(Csv::plain())
        .table(TableSpec::new(table, source, 0..10))
        .build()
        .map(drop)
}

#[test]
fn hostile_table_names_are_refused() {
    let long = "x".repeat(181);
    for name in [
        "",
        ".",
        "..",
        "../up",
        "/etc",
        "a/b",
        "a\\b",
        "C:",
        "a\0b",
        "a\nb",
        ".hidden",
        "_own",
        "dot.",
        "space ",
        " space",
        "nul",
        "CON",
        "a*",
        "a?",
        "a|b",
        "a<b",
        "a\"b",
        "a=b",
        "a%2e",
        "_lakeseed",
        "_SUCCESS",
        &long,
    ] {
        let error = planned(name).unwrap_err();
        assert!(matches!(error, Error::Name { .. }), "{name:?}: {error}");
        assert!(error.is_refused());
    }
    for name in ["pets", "Pets 2", "são", "a.b", "日本"] {
        planned(name).unwrap();
    }
}

#[test]
fn two_tables_of_one_name_are_refused() {
    let table = |name: &str| TableSpec::new(name, BatchSource::new(numbers(10)), 0..10);
    // Some file systems do not tell capitals apart.
    let plan = Plan::builder(Csv::plain())
        .table(table("pets"))
        .table(table("Pets"))
        .build();
    assert!(matches!(
        plan.unwrap_err(),
        Error::Invalid { what: "tables", .. }
    ));
}

#[test]
fn values_of_partitions_are_escaped_as_hive_does() {
    let values = [
        "../../up",
        "a/b",
        "100%",
        "x=y",
        "São Paulo",
        "",
        ":*?\"<>|\\",
    ];
    let partitions = values
        .iter()
        .enumerate()
        .map(|(at, value)| Partition {
            values: vec![Some((*value).to_owned())],
            rows: at as u64 * 10..at as u64 * 10 + 10,
        })
        .chain([Partition {
            values: vec![None],
            rows: 70..80,
        }])
        .collect();
    let table = TableSpec::new("pets", BatchSource::new(numbers(80)), 0..80)
        .partitioned_by(["id"], partitions);
    let plan = Plan::builder(Csv::plain()).table(table).build().unwrap();
    let store = MemoryStore::new();
    Run::new(&plan, &store).commit().unwrap();
    let folders: Vec<String> = store
        .files()
        .into_keys()
        .map(|path| path.split('/').map(str::to_owned).nth(1).unwrap())
        .collect();
    assert_eq!(folders.len(), 8);
    assert!(
        store
            .files()
            .keys()
            .all(|path| path.split('/').count() == 3)
    );
    for expected in [
        "id=..%2F..%2Fup",
        "id=a%2Fb",
        "id=100%25",
        "id=x%3Dy",
        "id=__HIVE_DEFAULT_PARTITION__",
    ] {
        assert!(
            folders.contains(&expected.to_owned()),
            "{expected}: {folders:?}"
        );
    }
}
