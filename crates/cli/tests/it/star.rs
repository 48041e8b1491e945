//! `lakeseed star`: the built-in star beside the dataset's own arithmetic, interruptions, bad input.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use lakeseed_gen_core::Settings;
use lakeseed_gen_core::assessments::{Assessments, READING_LEVELS, Subject};
use lakeseed_test_s3::{Kind, Server, Settings as ServerSettings};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::support::{Ran, binary, files, json, on, output, parts, ran, run, succeed};

const MAKE: &str = "generate assessments -s 0.02 -o answers -q";
const STAR: &str = "star assessments --from answers -o star -q";

/// Right, wrong, the level of reading.
type Fact = (i64, i64, Option<String>, Option<i64>);

/// The facts from the dataset's arithmetic: no row of the table is made for them.
fn facts(data: &Assessments) -> BTreeMap<(i64, String, String), Fact> {
    let codes: Vec<String> = data.descriptors().map(|(code, _)| code).collect();
    let mut facts = BTreeMap::new();
    for (number, test) in data.tests().iter().enumerate() {
        let is_reading = test.subject() == Subject::Reading;
        for sheet in data.sheets(number) {
            for answer in data.answers(&sheet) {
                let code = answer.descriptor.filter(|_| answer.has_code);
                let code = code.map_or("SEM_DESCRITOR", |code| codes[code].as_str());
                let pupil = sheet.pupil.number as i64 + 1;
                let key = (pupil, test.name().to_owned(), code.to_owned());
                let fact: &mut Fact = facts.entry(key).or_default();
                if is_reading {
                    fact.2 = Some(answer.given.to_owned());
                    // The levels are listed from the best on.
                    let order = [
                        "nao_leitor",
                        "silabas",
                        "palavras",
                        "frases",
                        "nao_fluente",
                        "fluente",
                    ];
                    assert!(READING_LEVELS.contains(&answer.given));
                    let level = order.iter().position(|level| *level == answer.given);
                    fact.3 = level.map(|level| level as i64 + 1);
                } else if answer.is_right {
                    fact.0 += 1;
                } else {
                    fact.1 += 1;
                }
            }
        }
    }
    facts
}

/// All rows of a table of a star.
pub(crate) fn table(star: &Path, name: &str) -> Vec<RecordBatch> {
    let mut batches = Vec::new();
    for (_, bytes) in parts(&star.join(name)) {
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap();
        batches.extend(reader.build().unwrap().map(Result::unwrap));
    }
    batches
}

fn texts(batch: &RecordBatch, column: &str) -> Vec<Option<String>> {
    let texts = batch.column_by_name(column).unwrap().as_string::<i32>();
    texts.iter().map(|text| text.map(str::to_owned)).collect()
}

fn numbers(batch: &RecordBatch, column: &str) -> Vec<Option<i64>> {
    let column = batch.column_by_name(column).unwrap();
    if let Some(numbers) = column.as_primitive_opt::<Int64Type>() {
        return numbers.iter().collect();
    }
    let numbers = column.as_primitive::<Int32Type>();
    numbers.iter().map(|number| number.map(i64::from)).collect()
}

/// Compares every fact with the arithmetic; gives how many there are.
pub(crate) fn compare(star: &Path, data: &Assessments) -> usize {
    let expected = facts(data);
    let mut found = BTreeMap::new();
    for batch in table(star, "fato_resposta_aluno") {
        let (pupils, tests) = (numbers(&batch, "ALU_ID"), texts(&batch, "TES_NOME"));
        let (codes, right) = (texts(&batch, "MTI_CODIGO"), numbers(&batch, "ACERTO"));
        let (wrong, level) = (numbers(&batch, "ERRO"), texts(&batch, "NIVEL_LEITURA"));
        let rank = numbers(&batch, "NIVEL_NUMERICO");
        for row in 0..batch.num_rows() {
            let key = (
                pupils[row].unwrap(),
                tests[row].clone().unwrap(),
                codes[row].clone().unwrap(),
            );
            let fact = (
                right[row].unwrap(),
                wrong[row].unwrap(),
                level[row].clone(),
                rank[row],
            );
            assert!(found.insert(key.clone(), fact).is_none(), "{key:?} twice");
        }
    }
    assert_eq!(found.len(), expected.len());
    for (key, fact) in &expected {
        assert_eq!(found.get(key), Some(fact), "{key:?}");
    }
    found.len()
}

fn settings(text: &[(&str, &str)]) -> Settings {
    let settings = Settings::new().scale(0.02);
    text.iter().fold(settings, |settings, (name, value)| {
        settings.parameter(name, *value)
    })
}

/// Beside the library's own oracle, which `verify` asks: the same once more, written down here.
#[test]
fn facts_are_those_of_the_arithmetic() {
    let folder = tempfile::tempdir().unwrap();
    succeed(folder.path(), &format!("{MAKE} -f csv --dirt"));
    succeed(folder.path(), STAR);
    let data = Assessments::new(&settings(&[("dirt", "on")])).unwrap();
    let facts = compare(&folder.path().join("star"), &data);
    assert!(facts > 40_000, "{facts}");
}

#[test]
fn killed_twice_it_goes_on_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    succeed(folder.path(), MAKE);
    succeed(folder.path(), STAR);
    let star = folder.path().join("star");
    let unbroken = output(&star);
    fs::rename(&star, folder.path().join("whole")).unwrap();
    for (point, left) in [("journal.written:2", 2), ("part.finished:3", 4)] {
        let killed = ran(binary(folder.path())
            .env("LAKESEED_FAIL_POINT", point)
            .args(STAR.split_whitespace()));
        assert_eq!(killed.code, None, "{point}: {}", killed.err);
        assert!(!files(&star).keys().any(|name| name.contains("manifest-")));
        let refused = run(folder.path(), "star ./none --from star -o other");
        assert_ne!(refused.code, Some(0));
        let journal = crate::support::lines_of_the_journal(&star);
        assert!(journal >= left, "{point}: {journal}");
    }
    let again = run(folder.path(), STAR.trim_end_matches(" -q"));
    assert_eq!(again.code, Some(0), "{}", again.err);
    assert!(
        again.err.starts_with("goes on: 4 files are finished"),
        "{}",
        again.err
    );
    assert!(output(&star) == unbroken);
    let once_more = succeed(folder.path(), STAR.trim_end_matches(" -q"));
    assert!(
        once_more.contains("finished before; nothing was written"),
        "{once_more}"
    );
}

#[test]
fn other_input_does_not_go_on_with_an_old_star() {
    let folder = tempfile::tempdir().unwrap();
    succeed(folder.path(), MAKE);
    let killed = ran(binary(folder.path())
        .env("LAKESEED_FAIL_POINT", "journal.written:2")
        .args(STAR.split_whitespace()));
    assert_eq!(killed.code, None);
    succeed(folder.path(), &format!("{MAKE} --seed 7 --overwrite"));
    let refused = run(folder.path(), STAR);
    assert_eq!(refused.code, Some(3), "{}", refused.err);
    let said = |refused: &Ran, what: &str| {
        assert_eq!(refused.code, Some(3), "{}", refused.err);
        assert!(
            refused.err.contains("got the unfinished plan "),
            "{}",
            refused.err
        );
        assert!(refused.err.contains(what), "{}", refused.err);
        assert_eq!(refused.err.lines().count(), 1);
    };
    said(&refused, ": the source avaliacao has changed; ");
    let refused = run(folder.path(), &format!("{STAR} --batch-by SER_NUMBER"));
    said(
        &refused,
        ": the source avaliacao has changed, it is cut by no column; ",
    );
    succeed(folder.path(), &format!("{STAR} --overwrite"));
    // A finished star of something else is told of in the same way.
    let refused = run(folder.path(), &format!("{STAR} --batch-by SER_NUMBER"));
    assert!(
        refused.err.contains(": it is cut by no column; "),
        "{}",
        refused.err
    );
    assert_eq!(refused.code, Some(3));
}

#[test]
fn an_explanation_writes_nothing_and_names_the_way() {
    let folder = tempfile::tempdir().unwrap();
    succeed(folder.path(), MAKE);
    let text = succeed(
        folder.path(),
        "star assessments --from answers -o star --explain",
    );
    assert!(
        text.contains("fato_resposta_aluno") && text.contains("keys: "),
        "{text}"
    );
    assert!(!folder.path().join("star").exists());
    let told = json(
        folder.path(),
        "star assessments --from answers -o star --explain",
    );
    assert_eq!(told.as_array().unwrap().len(), 6);
}

#[test]
fn rows_that_cannot_be_read_are_an_error_or_kept() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    fs::create_dir(&model).unwrap();
    fs::write(
        model.join("star.toml"),
        "name = \"shops\"\n[sources.sales]\ntypes = { amount = \"i64\" }\n\
         [tables.fact_sales]\nreads = [\"sales\"]\ngrain = [\"shop\"]\n",
    )
    .unwrap();
    let sql = "SELECT shop, SUM(amount) AS amount FROM sales GROUP BY shop";
    fs::write(model.join("fact_sales.sql"), sql).unwrap();
    let rows = "shop,amount\na,1\nb,2\na,three\nb\n\"c,4\nb,5\n";
    fs::create_dir(folder.path().join("in")).unwrap();
    fs::write(folder.path().join("in/sales.csv"), rows).unwrap();
    let line = "star ./model --from in -o out -q";
    let failed = run(folder.path(), line);
    assert_eq!(failed.code, Some(3), "{}", failed.err);
    let expected = "line 4, column 2 (amount): expected a whole number of 64 bits, found 'three'";
    assert!(failed.err.contains(expected), "{}", failed.err);
    assert_eq!(failed.err.lines().count(), 1);
    let told = json(
        folder.path(),
        "star ./model --from in -o out --reject-to rejected --progress none",
    );
    assert_eq!(told["rows_rejected"], 3);
    let kept = fs::read_to_string(folder.path().join("rejected")).unwrap();
    assert!(
        kept.contains("\na,three\n") && kept.contains("\nb\n"),
        "{kept}"
    );
    let batches = table(&folder.path().join("out"), "fact_sales");
    let found: BTreeMap<_, _> = batches
        .iter()
        .flat_map(|batch| {
            texts(batch, "shop")
                .into_iter()
                .zip(numbers(batch, "amount"))
        })
        .map(|(shop, amount)| (shop.unwrap(), amount.unwrap()))
        .collect();
    assert_eq!(found, [("a".to_owned(), 1), ("b".to_owned(), 7)].into());
}

#[test]
fn a_folder_of_rows_is_not_taken_for_the_model_of_that_name() {
    let folder = tempfile::tempdir().unwrap();
    succeed(folder.path(), "generate retail -s 0.001");
    succeed(folder.path(), "star retail --from retail --no-indicators");
    assert!(folder.path().join("retail-star/fact_sales").is_dir());
    // A folder that describes a model comes before one that is built in.
    fs::write(folder.path().join("retail/star.toml"), "name = 1").unwrap();
    let refused = run(folder.path(), "star retail --from retail");
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    assert!(refused.err.contains("retail/star.toml"), "{}", refused.err);
    // A folder of another name is one that lacks its description.
    fs::create_dir(folder.path().join("shops")).unwrap();
    let refused = run(folder.path(), "star shops --from retail");
    assert!(
        refused.err.contains("star.toml in shops"),
        "{}",
        refused.err
    );
}

#[test]
fn bad_models_and_places_get_one_line() {
    let folder = tempfile::tempdir().unwrap();
    succeed(folder.path(), MAKE);
    let model = folder.path().join("m");
    fs::create_dir(&model).unwrap();
    let toml = "name = \"m\"\n[sources.avaliacao]\n[tables.dim_x]\nreads = [\"avaliacao\"]\n\
                grain = [\"ALU_ID\"]\n";
    fs::write(model.join("star.toml"), toml).unwrap();
    let statements = [
        (
            "SELECT \"ALU_ID\", MAX(nope) AS n FROM avaliacao GROUP BY 1",
            "No field named nope",
        ),
        (
            "SELECT \"ALU_ID\" FROM avaliacao ORDER BY 1",
            "got ORDER BY",
        ),
        ("DELETE FROM avaliacao", "got DELETE"),
        ("SELECT \"ALU_ID\" FROM nowhere GROUP BY 1", "nowhere"),
        (
            "SELECT \"ALU_ID\", SUM(\"ALU_NOME\") AS n FROM avaliacao GROUP BY 1",
            "sum",
        ),
    ];
    for (sql, said) in statements {
        fs::write(model.join("dim_x.sql"), sql).unwrap();
        let refused = run(folder.path(), "star ./m --from answers -o out");
        assert_eq!(refused.code, Some(2), "{sql}: {}", refused.err);
        assert!(refused.err.contains(said), "{sql}: {}", refused.err);
        assert!(
            refused.err.contains("./m/dim_x.sql"),
            "{sql}: {}",
            refused.err
        );
        assert_eq!(refused.err.lines().count(), 1);
    }
    let lines = [
        ("star assesments --from answers", 2, "assessments is near"),
        (
            "star assessments --from nowhere",
            3,
            "expected table avaliacao at nowhere",
        ),
        (
            "star assessments --from answers -o -",
            2,
            "a place for many files",
        ),
        (
            "star assessments --from answers --region eu",
            2,
            "s3://BUCKET/PREFIX with --region",
        ),
        (
            "star assessments --from answers -o out --memory 24MiB",
            3,
            "give more --memory",
        ),
    ];
    for (line, code, said) in lines {
        let refused = run(folder.path(), line);
        assert_eq!(refused.code, Some(code), "{line}: {}", refused.err);
        assert!(refused.err.contains(said), "{line}: {}", refused.err);
        assert_eq!(refused.err.lines().count(), 1, "{}", refused.err);
    }
    assert!(!folder.path().join("out").exists());
}

#[test]
fn an_unfinished_dataset_is_no_source() {
    let folder = tempfile::tempdir().unwrap();
    let killed = ran(binary(folder.path())
        .env("LAKESEED_FAIL_POINT", "manifest.next:1")
        .args(MAKE.split_whitespace()));
    assert_eq!(killed.code, None);
    let refused = run(folder.path(), STAR);
    assert_eq!(refused.code, Some(3), "{}", refused.err);
    assert!(
        refused.err.contains("one without a manifest"),
        "{}",
        refused.err
    );
}

#[test]
fn from_a_bucket_into_a_bucket() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(ServerSettings::default());
    let go = |args: &str| {
        let ran = ran(&mut on(&server, folder.path(), args));
        assert_eq!(ran.code, Some(0), "{args}: {}", ran.err);
        ran.out
    };
    go("generate assessments -s 0.02 -o s3://lake/answers -q --files 2");
    go("star assessments --from s3://lake/answers -o s3://lake/star -q");
    let verified = go("verify s3://lake/star");
    let clean = verified.contains("nothing is wrong") && !verified.contains("note:");
    assert!(
        clean && !verified.contains(" 0 rows made again"),
        "{verified}"
    );
}

/// What a star asks a bucket for: each file is looked at and its footer read once, and each time that
/// one of its row groups is read there is one look and one request for all columns.
#[test]
fn few_requests_read_a_bucket() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(ServerSettings::default());
    let go = |args: &str| {
        let ran = ran(&mut on(&server, folder.path(), args));
        assert_eq!(ran.code, Some(0), "{args}: {}", ran.err);
    };
    let counted = |kind: Kind| {
        let requests = server.requests();
        // A listing names its keys behind the question mark.
        let is_of_rows =
            |path: &str, query: &str| path.contains("/avaliacao/") || query.contains("avaliacao");
        let of_rows = requests
            .iter()
            .filter(|request| request.kind == kind && is_of_rows(&request.path, &request.query));
        of_rows.count()
    };
    go("generate assessments -s 0.02 -o s3://lake/answers -q --files 2");
    let before = [Kind::GetObject, Kind::Head, Kind::List].map(counted);
    go("star assessments --from s3://lake/answers -o star -q");
    let [reads, looks, lists] = [Kind::GetObject, Kind::Head, Kind::List].map(counted);
    let asked = (reads - before[0], looks - before[1], lists - before[2]);
    // Two files of one row group, six tables, each of which samples both and then reads both.
    let (files, reads) = (2, 6 * (2 + 2));
    assert_eq!(asked, (files + reads, files + reads, 0));
}
