//! `load --from` into PostgreSQL, with a real server: files of ours with their keys, and of strangers.
//!
//! The second path: generated rows beside those of files, and sums by SQL of what a stranger wrote.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray,
    TimestampNanosecondArray,
};
use lakeseed_test_s3::{Server, Settings};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::load::RETAIL_TABLES;
use super::load::server::Shop;
use crate::support::{binary, json, on, ran, run, succeed};

/// Rows of a stranger's file, three row groups.
const PETS: i64 = 2_500;

fn put(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn parquet(folder: &Path, name: &str, batch: &RecordBatch) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let groups = WriterProperties::builder().set_max_row_group_row_count(Some(1_000));
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(groups.build())).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

/// Row groups of all files of an output, by their footers.
fn row_groups(out: &Path) -> usize {
    let files = RETAIL_TABLES
        .iter()
        .flat_map(|table| fs::read_dir(out.join(table)).unwrap());
    let paths = files.map(|file| file.unwrap().path());
    let parts = paths.filter(|path| path.extension().is_some_and(|end| end == "parquet"));
    let groups = |path| {
        SerializedFileReader::new(File::open(path).unwrap())
            .unwrap()
            .num_row_groups()
    };
    parts.map(groups).sum()
}

/// Pets numbered from `first` on, every seventh without a name, all born on days that follow each other.
fn pets(first: i64) -> RecordBatch {
    let ids = first..first + PETS;
    let names = ids
        .clone()
        .map(|id| (id % 7 != 0).then(|| format!("Rex; \"{id}\"\n")));
    let prices = ids.clone().map(|id| i128::from(id) * 3 - 50);
    let prices = Decimal128Array::from_iter_values(prices);
    let columns: [(&str, ArrayRef); 4] = [
        ("id", Arc::new(Int64Array::from_iter_values(ids.clone()))),
        ("name", Arc::new(names.collect::<StringArray>())),
        (
            "price",
            Arc::new(prices.with_precision_and_scale(9, 2).unwrap()),
        ),
        (
            "born",
            Arc::new(Date32Array::from_iter_values(ids.map(|id| id as i32))),
        ),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

/// A stranger's two tables: Parquet in two files, CSV in one.
fn lake(folder: &Path) {
    parquet(folder, "lake/pets/a.parquet", &pets(1));
    parquet(folder, "lake/pets/b.parquet", &pets(PETS + 1));
    let visits = (1..=300).map(|row| format!("{row},{},0{row},{row}.50\n", row * 2));
    let visits = visits.collect::<Vec<_>>().concat();
    put(
        folder,
        "lake/visits/v.csv",
        &format!("id,pet,code,fee\n{visits}"),
    );
}

#[track_caller]
fn holds_the_lake(shop: &Shop) {
    let rows = 2 * PETS;
    let sum = rows * (rows + 1) / 2;
    let cents = 3 * sum - 50 * rows;
    let sums = "SELECT count(*), count(name), sum(id), (sum(price) * 100)::bigint, \
                max(born) - min(born) FROM pets";
    let named = rows - rows / 7;
    let expected = format!("{rows}|{named}|{sum}|{cents}|{}", rows - 1);
    assert_eq!(shop.ask(sums), expected);
    assert_eq!(
        shop.ask("SELECT name FROM pets WHERE id = 4999"),
        "Rex; \"4999\""
    );
    // A leading zero makes a text.
    let visits = "SELECT count(*), sum(pet), max(length(code)), sum(fee) FROM visits";
    assert_eq!(shop.ask(visits), "300|90300|4|45300");
}

#[test]
fn files_of_ours_become_what_their_dataset_becomes() {
    let Some(made) = Shop::open("cli_files_of_ours_made") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeed(
        folder,
        &format!("load retail -s 0.01 --to {} -q", made.url()),
    );
    let keys = "SELECT conrelid::regclass, conname, contype, pg_get_constraintdef(oid) \
                FROM pg_constraint WHERE connamespace = current_schema()::regnamespace \
                AND conrelid::regclass::text !~ 'lakeseed' ORDER BY 1::text, 2";
    let about = "SELECT c.relname, d.objsubid, d.description FROM pg_description d \
                 JOIN pg_class c ON c.oid = d.objoid \
                 WHERE c.relnamespace = current_schema()::regnamespace \
                 AND c.relname !~ 'lakeseed' ORDER BY 1, 2";
    let sums = |shop: &Shop| -> Vec<String> {
        let sum = |table: &&str| {
            shop.ask(&format!(
                "SELECT count(*), sum(hashtextextended(t::text, 0)) FROM {table} t"
            ))
        };
        RETAIL_TABLES.iter().map(sum).collect()
    };
    for format in ["parquet --row-group-rows 10000", "json -c gzip"] {
        let Some(shop) = Shop::open(&format!("cli_files_of_ours_{}", &format[..4])) else {
            return;
        };
        let out = format.split(' ').next().unwrap();
        succeed(
            folder,
            &format!("generate retail -s 0.01 -f {format} -o {out} -q"),
        );
        let load = format!("load --from {out} --to {} -j 2", shop.url());
        let done = json(folder, &load);
        let standing: u64 = done["tables"]
            .as_array()
            .unwrap()
            .iter()
            .map(|table| table["parts"].as_u64().unwrap())
            .sum();
        let parts = match out {
            "parquet" => row_groups(&folder.join(out)),
            _ => RETAIL_TABLES.len(),
        };
        assert_eq!(standing, parts as u64, "{format}");
        assert_eq!(sums(&shop), sums(&made), "{format}");
        for ask in [keys, about] {
            assert_eq!(shop.ask(ask), made.ask(ask), "{format}");
        }
        let again = json(folder, &load);
        assert_eq!(
            (&again["written"], &again["made_rows"]),
            (&false.into(), &0.into())
        );
        let found = json(folder, &format!("verify {}", shop.url()));
        assert_eq!(
            (&found["clean"], &found["rows_read"]),
            (&true.into(), &done["rows"])
        );
        shop.ask("UPDATE stock SET quantity = quantity + 1 WHERE product_id = 7");
        let found = run(folder, &format!("verify {}", shop.url()));
        assert!(
            found.code == Some(1) && found.out.contains("stock"),
            "{found:?}"
        );
    }
}

#[test]
fn a_key_comes_whole_or_not_at_all() {
    let Some(shop) = Shop::open("cli_a_key_comes_whole") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // One of two columns of the key: a product stands there ten times.
    let columns = "product_id,quantity";
    succeed(
        folder,
        &format!("generate retail.stock -s 0.01 --columns {columns} -o some -q"),
    );
    succeed(folder, &format!("load --from some --to {} -q", shop.url()));
    let keys = "SELECT count(*) FROM pg_constraint WHERE conrelid = 'stock'::regclass";
    let rows = "SELECT count(*), count(DISTINCT product_id) FROM stock";
    assert_eq!(
        (shop.ask(keys).as_str(), shop.ask(rows).as_str()),
        ("0", "1000|100")
    );
}

#[test]
fn files_of_strangers_become_a_table_a_folder() {
    let Some(shop) = Shop::open("cli_files_of_strangers") else {
        return;
    };
    let (folder, to) = (tempfile::tempdir().unwrap(), shop.url());
    let folder = folder.path();
    lake(folder);
    let done = json(folder, &format!("load --from lake --to {to} -j 2"));
    assert_eq!(done["rows"], 2 * PETS + 300);
    holds_the_lake(&shop);
    // A part is a row group, with the number of its first row where a footer tells it.
    let parts = "SELECT table_name, count(*), count(first_row), max(first_row) \
                 FROM lakeseed_ledger GROUP BY 1 ORDER BY 1";
    assert_eq!(shop.ask(parts), "pets|6|6|4500\nvisits|1|0|");
    assert_eq!(json(folder, &format!("verify {to}"))["clean"], true);
    // One file under another name, its columns as they are said to be.
    let visits = "load --from lake/visits/v.csv --table calls --type fee=decimal(9,2)";
    succeed(folder, &format!("{visits} --to {to} -q"));
    assert_eq!(
        shop.ask("SELECT sum(fee), sum(code::int) FROM calls"),
        "45300.00|45150"
    );
    assert_eq!(json(folder, &format!("verify {to}"))["clean"], true);
}

#[test]
fn files_of_a_bucket_are_loaded_and_read_again_by_verify() {
    let Some(shop) = Shop::open("cli_files_of_a_bucket") else {
        return;
    };
    let server = Server::start(Settings::default());
    let (folder, to) = (tempfile::tempdir().unwrap(), shop.url());
    let folder = folder.path();
    for (args, told) in [
        ("generate retail.sellers -s 0.1 -o s3://lake/all", "all"),
        (
            &format!("load --from s3://lake/all --to {to}"),
            "loaded into",
        ),
        (&format!("verify {to}"), "nothing is wrong"),
        (
            &format!("load --from s3://lake/all/sellers --to {to} --if-exists replace"),
            "loaded",
        ),
        (&format!("verify {to}"), "nothing is wrong"),
    ] {
        let ran = ran(&mut on(&server, folder, args));
        assert_eq!(ran.code, Some(0), "{args}: {}", ran.err);
        assert!(ran.out.contains(told), "{args}: {}", ran.out);
    }
    assert_eq!(
        shop.ask("SELECT count(*), max(seller_id) FROM sellers"),
        "100|100"
    );
    // Keys of the bucket are written down nowhere.
    let keys = server.environment();
    let kept = shop.ask("SELECT plan::text FROM lakeseed_runs");
    for (name, value) in keys.iter().filter(|(name, _)| name.contains("KEY")) {
        assert!(!kept.contains(value.as_str()), "{name}");
    }
    // Without the bucket nothing is compared.
    let alone = run(folder, &format!("verify {to}"));
    assert_eq!(alone.code, Some(3), "{}", alone.err);
    assert!(
        alone.err.contains("nothing can be compared"),
        "{}",
        alone.err
    );
}

#[test]
fn a_load_of_files_that_is_killed_goes_on() {
    let Some(shop) = Shop::open("cli_files_killed") else {
        return;
    };
    let (folder, to) = (tempfile::tempdir().unwrap(), shop.url());
    let folder = folder.path();
    lake(folder);
    let work = format!("load --from lake --to {to} -j 1 --progress none");
    for (point, stand) in [
        ("load.part.recorded:3", "2"),
        ("load.part.committed:2", "4"),
    ] {
        let mut killed = binary(folder);
        killed.args(work.split_whitespace());
        killed.env("LAKESEED_FAIL_POINT", point);
        assert_eq!(ran(&mut killed).code, None, "{point} was not reached");
        assert_eq!(shop.ask("SELECT count(*) FROM lakeseed_ledger"), stand);
    }
    let done = json(folder, &work);
    assert_eq!(
        (&done["is_continued"], &done["parts_found"]),
        (&true.into(), &4.into())
    );
    holds_the_lake(&shop);
}

#[test]
fn files_that_are_altered_are_another_load() {
    let Some(shop) = Shop::open("cli_files_altered") else {
        return;
    };
    let (folder, to) = (tempfile::tempdir().unwrap(), shop.url());
    let folder = folder.path();
    lake(folder);
    succeed(folder, &format!("load --from lake --to {to} -q"));
    let expect = |args: &str, code: i32, line: &str| {
        let ran = run(folder, args);
        assert_eq!(ran.code, Some(code), "{args}: {}", ran.err);
        assert_eq!(ran.err.lines().count(), 1, "{args}: {}", ran.err);
        assert!(ran.err.contains(line), "{args}: {}", ran.err);
    };
    let visits = || {
        put(
            folder,
            "lake/visits/v.csv",
            "id,pet,code,fee\n1,2,03,4.50\n",
        );
    };
    let pets = || parquet(folder, "lake/pets/b.parquet", &pets(1));
    let alterations: [(&str, &dyn Fn()); 2] = [
        ("lake/visits/v.csv", &visits),
        ("lake/pets/b.parquet", &pets),
    ];
    for (name, alter) in alterations {
        let kept = folder.join("kept");
        fs::rename(folder.join(name), &kept).unwrap();
        expect(&format!("verify {to}"), 3, "nothing can be compared");
        alter();
        expect(&format!("verify {to}"), 3, "nothing can be compared");
        expect(
            &format!("load --from lake --to {to}"),
            3,
            "got table `pets`",
        );
        // The very file is the load that stands.
        fs::rename(&kept, folder.join(name)).unwrap();
        let again = json(folder, &format!("load --from lake --to {to}"));
        assert_eq!(again["written"], false, "{name}");
        assert_eq!(
            json(folder, &format!("verify {to}"))["clean"],
            true,
            "{name}"
        );
    }
    holds_the_lake(&shop);
}

#[test]
fn what_cannot_be_loaded_is_refused_before_any_work() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    lake(folder);
    put(folder, "both/a.csv", "id\n1\n");
    put(folder, "both/b/b.csv", "id\n1\n");
    put(folder, "taken/a-b/1.csv", "id\n1\n");
    put(folder, "taken/a-b./1.csv", "id\n1\n");
    fs::create_dir(folder.join("nothing")).unwrap();
    let instants = TimestampNanosecondArray::from(vec![1, 2]);
    let when = RecordBatch::try_from_iter([("when", Arc::new(instants) as ArrayRef)]);
    parquet(folder, "fine.parquet", &when.unwrap());
    succeed(folder, "generate retail.sellers -s 0.01 -o whole -q");
    let mut killed = binary(folder);
    killed.args("generate retail.sellers -s 0.01 -o half -q".split(' '));
    killed.env("LAKESEED_FAIL_POINT", "journal.written:1");
    assert_eq!(ran(&mut killed).code, None, "the point was not reached");
    // Nobody listens there: what is refused is refused before.
    let to = "--to postgres://ana@127.0.0.1:1/shop";
    for (args, code, line) in [
        ("load", 2, "or --from PLACE"),
        ("load retail --from lake", 2, "leave one out"),
        ("load --from lake -s 1", 2, "with --scale"),
        (
            "load --from lake --items-per-invoice 1",
            2,
            "--items-per-invoice",
        ),
        ("load retail --type id=text", 2, "--from CSV"),
        (
            "load retail --table sellers",
            2,
            "--from PLACE with --table",
        ),
        ("load retail --region x", 2, "--from s3://"),
        ("load --from lake --region x", 2, "--from s3://"),
        ("load --from lake --type id=text", 2, "got 2 tables"),
        ("load --from lake --memory 30MiB", 3, "--memory"),
        ("load --from lake/pets --type id=text", 2, "got Parquet"),
        ("load --from lake/visits --type id=txt", 2, "decimal(P,S)"),
        (
            "load --from lake/visits --table lakeseed_runs",
            2,
            "lakeseed_",
        ),
        ("load --from whole --table selers", 2, "sellers"),
        ("load --from both", 3, "beside folders"),
        ("load --from taken", 2, "twice"),
        ("load --from nothing", 3, "check --from"),
        ("load --from nowhere", 3, "nowhere"),
        ("load --from half", 3, "without a manifest"),
        ("load --from fine.parquet", 2, "convert the columns"),
        ("load --from fine.parquet", 2, "Timestamp(ns)"),
    ] {
        let ran = run(folder, &format!("{args} {to}"));
        assert_eq!(ran.code, Some(code), "{args}: {}", ran.err);
        assert_eq!(ran.err.lines().count(), 1, "{args}: {}", ran.err);
        assert!(ran.err.contains(line), "{args}: {}", ran.err);
    }
}

#[test]
fn a_row_that_cannot_be_held_is_named_with_its_file() {
    let Some(shop) = Shop::open("cli_files_with_a_nul") else {
        return;
    };
    let (folder, to) = (tempfile::tempdir().unwrap(), shop.url());
    let folder = folder.path();
    put(folder, "pets.csv", "id,name\n1,Rex\n2,Mi\0a\n");
    let ran = run(folder, &format!("load --from pets.csv --to {to}"));
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    for word in [
        "pets.csv, piece 0",
        "row 1",
        "`name`",
        "NUL",
        "0 of 1 parts",
    ] {
        assert!(ran.err.contains(word), "{word}: {}", ran.err);
    }
    // A later value of another kind than the sample's.
    let rows: Vec<String> = (0..600_000).map(|row| format!("{row},7\n")).collect();
    let rows = rows.concat();
    put(folder, "late.csv", &format!("id,age\n{rows}600000,old\n"));
    let ran = run(folder, &format!("load --from late.csv --to {to}"));
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    for word in ["late.csv", "600002", "age"] {
        assert!(ran.err.contains(word), "{word}: {}", ran.err);
    }
    assert_eq!(shop.ask("SELECT count(*) FROM late"), "0");
}
