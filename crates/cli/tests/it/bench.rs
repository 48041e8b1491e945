//! `lakeseed bench queries`: figures beside each other, answers against arithmetic, what fails in its cell.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Int32Type};
use lakeseed_gen_core::retail::Retail;
use lakeseed_gen_core::{Dataset, Settings};
use lakeseed_star_schema::bench::{Question, measure};
use lakeseed_star_schema::query::{Queries, QuerySettings};
use lakeseed_star_schema::{BytesRead, Error, Stop};
use lakeseed_test_s3::{Server, Settings as S3};
use serde_json::Value;

use crate::support::{binary, files, on, ran, refused, run, succeed};
#[cfg(target_os = "linux")]
use crate::support::{ended, send, start, until};

fn sales(folder: &Path) {
    succeed(folder, "generate retail -s 0.01 -o sales -q");
}

/// The results of a run that ends with `code`, and what it said on stderr.
fn results(folder: &Path, args: &str, code: i32) -> (Value, String) {
    let args = format!("bench queries --from sales --repeat 1 --json {args}");
    let ran = run(folder, &args);
    assert_eq!(ran.code, Some(code), "{args}: {}", ran.err);
    (serde_json::from_str(&ran.out).unwrap(), ran.err)
}

/// All cells of all questions, each with its question's name.
fn cells(results: &Value) -> Vec<(&str, &Value)> {
    let questions = results["questions"].as_array().unwrap();
    let cells = questions.iter().flat_map(|asked| {
        let name = asked["name"].as_str().unwrap();
        let cells = asked["cells"].as_array().unwrap();
        cells.iter().map(move |cell| (name, cell))
    });
    cells.collect()
}

#[test]
fn json_csv_and_page_tell_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    sales(path);
    succeed(path, "star retail --from sales -o star -q --no-indicators");
    let flags = "--star star --only full_scan_count,revenue_by_month,ticket_by_payment \
                 --memory 256MiB,512MiB -j 1,2 --partitions 1,2 -o out -q";
    let (told, err) = results(path, flags, 0);
    assert_eq!(err, "");
    let out = files(&path.join("out"));
    let names: Vec<&str> = out.keys().map(String::as_str).collect();
    assert_eq!(names, ["index.html", "results.csv", "results.json"]);
    let written: Value = serde_json::from_slice(&out["results.json"]).unwrap();
    assert_eq!(told, written);

    let mut reader = csv::Reader::from_reader(out["results.csv"].as_slice());
    let head = reader.headers().unwrap().clone();
    let lines: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let cells = cells(&told);
    assert_eq!((lines.len(), cells.len()), (24, 24));
    let all_bytes: u64 = ["sales", "star"]
        .iter()
        .flat_map(|place| files(&path.join(place)).into_values())
        .map(|bytes| bytes.len() as u64)
        .sum();
    for (line, (question, cell)) in lines.iter().zip(&cells) {
        for (name, text) in head.iter().zip(line) {
            match name {
                "question" => assert_eq!(text, *question),
                "failed" | "line" => assert_eq!(text, ""),
                "answer" => assert_eq!(cell[name], *text),
                _ => assert_eq!(cell[name].as_f64(), text.parse().ok(), "{name}: {cell}"),
            }
        }
        let number = |name: &str| cell[name].as_u64().unwrap();
        assert!(number("rows_read") > 20_000, "{cell}");
        // Footers may be read again.
        assert!(
            (1_000..all_bytes * 2).contains(&number("bytes_read")),
            "{cell}"
        );
        assert!(cell["seconds"].as_f64().unwrap() > 0.0);
        if cfg!(target_os = "linux") {
            let peak = number("peak_bytes");
            assert!((1 << 20..number("memory_bytes")).contains(&peak), "{cell}");
        }
    }
    for question in ["full_scan_count", "revenue_by_month", "ticket_by_payment"] {
        let of_it = cells.iter().filter(|(name, _)| *name == question);
        let answers: BTreeSet<&str> = of_it
            .map(|(_, cell)| cell["answer"].as_str().unwrap())
            .collect();
        assert_eq!(answers.len(), 1, "{question}");
    }

    // What is recommended can be had.
    let flags = told["flags"].as_str().unwrap();
    let recommended = &told["recommended"];
    assert!(
        recommended["seconds"].as_f64() <= recommended["fastest_seconds"].as_f64().map(|s| s * 1.1)
    );
    let mut query = binary(path);
    query.args([
        "sql",
        "SELECT count(*) AS n FROM invoices",
        "--from",
        "sales",
        "-f",
        "csv",
    ]);
    let asked = ran(query.args(flags.split_whitespace()));
    assert_eq!(
        (asked.code, asked.out.as_str()),
        (Some(0), "n\n30000\n"),
        "{}",
        asked.err
    );
    let html = String::from_utf8(out["index.html"].clone()).unwrap();
    for text in [
        "Recommended",
        "Average ticket by payment",
        "512 MiB x 2 x 2",
        "</html>",
    ] {
        assert!(html.contains(text), "{text}");
    }

    // Results that are there stay, unless they are to go.
    let again = run(
        path,
        "bench queries --from sales --only one_month --repeat 1 -o out",
    );
    assert_eq!(
        (again.code, again.err.as_str()),
        (
            Some(3),
            "error: expected a free name at out/results.json, got something that is there; choose \
             another --out, or replace it with --overwrite\n"
        )
    );
    assert_eq!(files(&path.join("out")), out);
    let flags = "--only one_month --memory 256MiB -j 1 --partitions 1 -o out --overwrite -q";
    assert_eq!(cells_of(path, flags), 1);
    let html = fs::read_to_string(path.join("out/index.html")).unwrap();
    assert!(html.contains("One month") && !html.contains("512 MiB"));
}

fn cells_of(folder: &Path, flags: &str) -> usize {
    cells(&results(folder, flags, 0).0).len()
}

/// Over files, and the same answers over generated tables; two of them are plain numbers.
#[test]
fn the_classic_questions_are_answered_right() {
    let folder = tempfile::tempdir().unwrap();
    sales(folder.path());
    let (told, err) = results(folder.path(), "--memory 256MiB -j 2 --partitions 3", 0);
    assert!(
        err.starts_with(
            "leaves out 10 questions to tables that are not there: dim_date, fact_sales_daily,"
        ),
        "{err}"
    );
    assert_eq!(told["left_out"].as_array().unwrap().len(), 10);
    let classic = [
        "full_scan_count",
        "one_month",
        "sum_by_product",
        "join_with_stock",
    ];
    let cells = cells(&told);
    assert_eq!(
        cells.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        classic
    );

    let settings = Settings::new().scale(0.01);
    let dataset = Dataset::new("retail", &settings).unwrap();
    for (question, (_, cell)) in Question::retail().iter().zip(&cells) {
        let made = measure(&question.sql, &BytesRead::default(), &Stop::new(), || {
            let mut queries = Queries::new(&QuerySettings::default())?;
            queries.register("retail", &dataset)?;
            Ok::<_, Error>(queries)
        });
        let made = made.unwrap();
        assert_eq!(cell["answer"], made.digest.hash(), "{}", question.name);
        assert_eq!(cell["rows"], made.rows);
    }

    let retail = Retail::new(&settings).unwrap();
    let ask = |name: &str| {
        let all = Question::retail();
        let question = all.iter().find(|question| question.name == name).unwrap();
        let mut command = binary(folder.path());
        command.args(["sql", "--from", "sales", "-f", "csv", "--", &question.sql]);
        ran(&mut command).out
    };
    let lines = retail.invoice_items().row_count();
    assert_eq!(ask("full_scan_count"), format!("lines\n{lines}\n"));
    let columns = ["month", "net_total"];
    let reader = retail
        .invoices()
        .all_rows()
        .columns(columns)
        .unwrap()
        .reader()
        .unwrap();
    let (mut invoices, mut cents) = (0, 0);
    for batch in reader {
        let batch = batch.unwrap();
        let months = batch.column(0).as_primitive::<Int32Type>().values();
        let totals = batch.column(1).as_primitive::<Decimal128Type>().values();
        for (_, total) in months.iter().zip(totals).filter(|(month, _)| **month == 1) {
            invoices += 1;
            cents += total;
        }
    }
    assert_eq!(
        ask("one_month"),
        format!(
            "invoices,net_total\n{invoices},{}.{:02}\n",
            cents / 100,
            cents % 100
        )
    );
}

/// One month by its folders: the rows that are read are those that the answer counts.
#[test]
fn one_month_by_partition_reads_that_month() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let flags = "--only one_month --memory 256MiB -j 2 --partitions 2";
    let cell = |made: &str| {
        succeed(path, made);
        cells(&results(path, flags, 0).0)[0].1.clone()
    };
    let whole = cell("generate retail -s 0.01 -o sales -q");
    assert_eq!(whole["rows_read"], 30_000, "{whole}");
    let month = cell("generate retail -s 0.01 -o sales -q --partition-by year,month --overwrite");
    assert_eq!(whole["answer"], month["answer"]);
    let retail = Retail::new(&Settings::new().scale(0.01)).unwrap();
    let partitions = retail.invoices().partitions(&["year", "month"]).unwrap();
    let january = partitions[0].rows.clone();
    assert_eq!(month["rows_read"], january.end - january.start, "{month}");
}

/// The processes have the flags and the keys, and count what requests bring.
#[test]
fn a_bucket_gives_what_a_folder_gives() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(S3::default().session_token("a-token-of-this-test"));
    let answer = |place: &str| {
        let generated = format!("generate retail -s 0.01 -o {place} -q");
        assert_eq!(
            ran(&mut on(&server, folder.path(), &generated)).code,
            Some(0)
        );
        let flags = "--only one_month --memory 256MiB -j 1 --partitions 2 --repeat 1 --json -q";
        let measured = format!("bench queries --from {place} {flags} --log log");
        let told = ran(&mut on(&server, folder.path(), &measured));
        assert_eq!((told.code, told.err.as_str()), (Some(0), ""));
        let told: Value = serde_json::from_str(&told.out).unwrap();
        assert_eq!(told["places"][0], place);
        let cell = cells(&told)[0].1.clone();
        assert!(cell["bytes_read"].as_u64().unwrap() > 10_000, "{cell}");
        cell["answer"].clone()
    };
    assert_eq!(answer("s3://lake/sales"), answer("sales"));
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(
        log.contains("2 of 2: one_month, 256 MiB x 1 x 2: 0."),
        "{log}"
    );
    assert!(!log.contains("a-token-of-this-test"));
}

#[test]
fn a_bad_question_is_told_and_the_others_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    sales(path);
    for (name, sql) in [
        (
            "good",
            "SELECT count(*) AS n FROM invoices WHERE item_count > 0;\n",
        ),
        (
            "no_column",
            "-- Not there\nSELECT netto_total FROM invoices",
        ),
        ("no_table", "SELECT 1 AS one FROM invoces"),
        (
            "no_value",
            "SELECT 1 / (invoice_id - invoice_id) AS x FROM invoices",
        ),
        ("not_one", "SELECT 1; SELECT 2"),
    ] {
        fs::create_dir_all(path.join("mine")).unwrap();
        fs::write(path.join(format!("mine/{name}.sql")), sql).unwrap();
    }
    fs::write(path.join("mine/notes.txt"), "no question").unwrap();
    let flags = "--sql mine --memory 256MiB -j 1 --partitions 1,2 -o out -q";
    let (told, err) = results(path, flags, 1);
    assert_eq!(told["recommended"]["threads"], 1);
    for (name, cell) in cells(&told) {
        let said = cell["failed"]["line"].as_str().unwrap_or_default();
        let expected = match name {
            "good" => {
                assert_eq!(
                    (&cell["rows"], &cell["rows_read"]),
                    (&1.into(), &30_000.into())
                );
                continue;
            }
            "no_column" => "did you mean 'net_total'?",
            "no_table" => "did you mean 'invoices'?",
            "no_value" => "Divide by zero",
            _ => "give one statement",
        };
        assert_eq!(cell["failed"]["reason"], "question", "{cell}");
        assert!(said.contains(expected), "{name}: {said}");
    }
    let last = err.lines().last().unwrap();
    assert_eq!(
        last,
        "error: expected one answer to each of 5 questions, got none, or several, to no_column, no_table, \
         no_value, not_one; see the lines above"
    );
    assert_eq!(err.lines().count(), 5, "{err}");
    assert_eq!(files(&path.join("out")).len(), 3);
}

/// Answers that the clock gives are another one each time: nothing is recommended for them.
#[test]
fn answers_that_differ_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    sales(path);
    fs::create_dir(path.join("mine")).unwrap();
    fs::write(
        path.join("mine/chance.sql"),
        "SELECT random() > 2 AS a, uuid() AS b",
    )
    .unwrap();
    let (told, err) = results(
        path,
        "--sql mine --memory 256MiB -j 1 --partitions 1,2,4 -q",
        1,
    );
    assert_eq!(told["recommended"], Value::Null);
    assert_eq!(told["questions"][0]["differs"].as_array().unwrap().len(), 2);
    assert!(
        err.starts_with(
            "chance: expected one answer, got another with 256 MiB x 1 x 2, 256 MiB x 1 x 4 than with \
             256 MiB x 1 x 1; "
        ),
        "{err}"
    );
}

#[test]
fn memory_that_does_not_do_is_told_in_its_cell() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    sales(path);
    let large = "SELECT count(*) AS n FROM generate_series(1, 3000000) AS a (x) \
                 JOIN generate_series(1, 3000000) AS b (y) ON a.x = b.y";
    fs::create_dir(path.join("mine")).unwrap();
    fs::write(path.join("mine/large.sql"), large).unwrap();
    let (told, err) = results(
        path,
        "--sql mine --memory 40MiB,110MiB,512MiB -j 2 --partitions 3 -q",
        0,
    );
    let cells = cells(&told);
    let said = |at: usize| cells[at].1["failed"]["line"].as_str().unwrap();
    assert_eq!(cells[0].1["failed"]["reason"], "memory");
    assert!(
        said(0).contains("memory for a query with 2 threads"),
        "{}",
        said(0)
    );
    assert_eq!(cells[1].1["failed"]["reason"], "memory");
    assert!(said(1).contains("give more --memory"), "{}", said(1));
    assert_eq!(cells[2].1["rows"], 1, "{}", cells[2].1);
    assert_eq!(told["recommended"]["memory_bytes"], 512 << 20);
    assert_eq!(err.lines().count(), 2, "{err}");
    assert!(
        err.starts_with("large: out of memory budget with 40 MiB x 2 x 3: "),
        "{err}"
    );
}

/// A question that takes for ever.
#[cfg(target_os = "linux")]
fn endless(folder: &Path) {
    sales(folder);
    fs::create_dir(folder.join("mine")).unwrap();
    let sql = "SELECT sum(a.x * b.y) AS s FROM generate_series(1, 1000000) AS a (x) \
               CROSS JOIN generate_series(1, 1000000) AS b (y)";
    fs::write(folder.join("mine/endless.sql"), sql).unwrap();
}

/// The processes that one has started.
#[cfg(target_os = "linux")]
fn started_by(id: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

#[cfg(target_os = "linux")]
#[test]
fn a_process_that_is_killed_is_told_in_its_cell() {
    let folder = tempfile::tempdir().unwrap();
    endless(folder.path());
    let flags = "bench queries --from sales --sql mine --repeat 1 --memory 256MiB -j 1 --partitions 1 --json -q";
    let mut child = start(binary(folder.path()).args(flags.split_whitespace()));
    let mut killed = 0;
    // The one that warms up, then the one that counts.
    for _ in 0..2 {
        let id = child.id();
        until(&mut child, || {
            started_by(id).is_some_and(|other| other != killed)
        });
        killed = started_by(id).unwrap();
        let sent = std::process::Command::new("kill")
            .args(["-KILL", &killed.to_string()])
            .status();
        assert!(sent.unwrap().success());
    }
    let ran = ended(child);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    let failed = &cells(&told)[0].1["failed"];
    assert_eq!(failed["reason"], "killed");
    assert_eq!(
        failed["line"],
        "its process was ended by signal 9, as the kernel does for want of memory"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn stopped_it_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    endless(folder.path());
    let before = files(folder.path()).len();
    let flags = "bench queries --from sales --sql mine -o out -q";
    let mut child = start(binary(folder.path()).args(flags.split_whitespace()));
    let id = child.id();
    until(&mut child, || started_by(id).is_some());
    let measuring = started_by(id).unwrap();
    send(&child, "INT");
    let ran = ended(child);
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (
            Some(130),
            "error: stopped by SIGINT; nothing was written; start again\n"
        )
    );
    assert!(!Path::new(&format!("/proc/{measuring}")).exists());
    assert!(!folder.path().join("out").exists());
    assert_eq!(files(folder.path()).len(), before);
}

#[test]
fn what_cannot_be_measured_is_refused() {
    refused(
        "bench quries",
        2,
        "expected a command, got 'quries'; did you mean 'queries'?",
    );
    refused("bench queries", 2, "expected --from, got nothing; give it");
    refused(
        "bench queries --from nowhere --out s3://lake/x",
        2,
        "expected a folder for --out, got 's3://lake/x'; write to a folder and copy it, or take --json",
    );
    refused(
        "bench queries --from . --out new",
        2,
        "expected tables of the dataset retail for the questions that are built in, got none at .; give \
         questions of your own with --sql FOLDER",
    );
    refused(
        "bench queries --from . --sql .",
        2,
        "expected files NAME.sql in ., got none; name a folder with a question a file",
    );
    refused(
        "bench queries --from . --only one_moth",
        2,
        "expected a question for --only, got 'one_moth'; did you mean 'one_month'?",
    );
    refused(
        "bench queries --from . --partitions 2,0",
        2,
        "expected a whole number from 1 to 4,096 for --partitions, got '0'; change the number",
    );
}
