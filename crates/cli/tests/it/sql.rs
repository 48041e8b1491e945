//! `lakeseed sql`: answers against arithmetic and against files, forms, refusals.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use lakeseed_gen_core::Settings;
use lakeseed_gen_core::retail::Retail;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::support::{Ran, binary, ended, files, ran, send, start, succeed};

/// The command for a query with flags, which are cut at spaces.
fn query(folder: &Path, sql: &str, flags: &str) -> Command {
    let mut command = binary(folder);
    command.args(["sql", sql]).args(flags.split_whitespace());
    command
}

fn sql(folder: &Path, sql: &str, flags: &str) -> String {
    let ran = ran(&mut query(folder, sql, flags));
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{sql} {flags}");
    ran.out
}

/// A query that is refused with that line, and leaves nothing.
fn refused(sql: &str, flags: &str, code: i32, line: &str) {
    let folder = tempfile::tempdir().unwrap();
    let ran = ran(&mut query(folder.path(), sql, flags));
    assert_eq!(ran.err, format!("error: {line}\n"), "{sql} {flags}");
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (Some(code), ""),
        "{sql} {flags}"
    );
    assert!(files(folder.path()).is_empty(), "{sql} {flags}");
}

#[test]
fn counts_and_sums_are_those_of_the_arithmetic() {
    let folder = tempfile::tempdir().unwrap();
    let retail = Retail::new(&Settings::new().scale(0.01).seed(7)).unwrap();
    let rows = retail.invoices().row_count();
    let ask = |text: &str| sql(folder.path(), text, "-s 0.01 --seed 7 -f csv");
    assert_eq!(
        ask("SELECT count(*) AS n FROM retail.invoices"),
        format!("n\n{rows}\n")
    );
    // An invoice is its items, to the cent: both are made on their own.
    let of_invoices = ask("SELECT sum(gross_total) AS s, sum(item_count) AS n FROM invoices");
    let of_items = ask("SELECT sum(line_total) AS s, count(*) AS n FROM invoice_items");
    assert_eq!(of_invoices, of_items);
    // Exact sums of the same column elsewhere.
    let mut cents = 0_i128;
    let reader = retail
        .invoices()
        .all_rows()
        .columns(["net_total"])
        .unwrap()
        .reader()
        .unwrap();
    for batch in reader {
        use arrow_array::cast::AsArray;
        use arrow_array::types::Decimal128Type;
        let batch = batch.unwrap();
        cents += batch
            .column(0)
            .as_primitive::<Decimal128Type>()
            .values()
            .iter()
            .sum::<i128>();
    }
    let found = ask("SELECT sum(net_total) AS s FROM invoices");
    assert_eq!(found, format!("s\n{}.{:02}\n", cents / 100, cents % 100));
}

#[test]
fn the_table_is_aligned_and_says_how_many_rows_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let text = sql(
        folder.path(),
        "SELECT * FROM (VALUES ('a', 1, NULL), ('bcd', 22, 'x')) AS t(word, number, other)",
        "",
    );
    assert_eq!(
        text,
        "word  number  other\n----  ------  -----\na          1  null\nbcd       22  x\n(2 rows)\n"
    );
    let one = sql(folder.path(), "SELECT 1 AS one", "");
    assert_eq!(one, "one\n---\n  1\n(1 row)\n");
    let many = sql(folder.path(), "SELECT invoice_id FROM invoices", "-s 0.001");
    assert_eq!(many.lines().count(), 43);
    assert!(
        many.ends_with("(40 of 3,000 rows; more with --max-rows N, all with -f csv)\n"),
        "{many}"
    );
    let all = sql(
        folder.path(),
        "SELECT invoice_id FROM invoices",
        "-s 0.001 --max-rows 3k",
    );
    assert!(all.ends_with("      3000\n(3,000 rows)\n") && all.lines().count() == 3_003);
    // It does not run on for ever to count.
    let large = sql(
        folder.path(),
        "SELECT invoice_id, status FROM invoices",
        "--rows invoices=1G",
    );
    assert!(
        large
            .ends_with("(40 of more than 100,000 rows; more with --max-rows N, all with -f csv)\n")
    );
}

/// The same query over generated tables and over the files that `generate` makes of them.
#[test]
fn files_give_what_generated_tables_give() {
    let folder = tempfile::tempdir().unwrap();
    let asked = "SELECT i.state, s.region, count(*) AS n, sum(i.net_total) AS total, min(issued_at) AS first \
                 FROM invoices AS i JOIN sellers AS s ON i.seller_id = s.seller_id \
                 WHERE i.issued_at < '2023-04-01' AND i.status <> 'x' GROUP BY i.state, s.region \
                 ORDER BY i.state, s.region";
    let expected = sql(folder.path(), asked, "-s 0.01 -f csv");
    assert!(expected.lines().count() > 27, "{expected}");
    for format in ["parquet", "csv", "json"] {
        succeed(
            folder.path(),
            &format!("generate retail -s 0.01 -f {format} -o {format} -q"),
        );
        let found = sql(folder.path(), asked, &format!("--from {format} -f csv"));
        // What CSV and JSON hold of decimals is told by a sample: numbers with a point.
        let numbers = |text: &str| -> Vec<Vec<String>> {
            let cell = |cell: &str| {
                cell.parse::<f64>()
                    .map_or_else(|_| cell.to_owned(), |n| format!("{n:.2}"))
            };
            let line = |line: &str| line.split(',').map(cell).collect();
            text.lines().map(line).collect()
        };
        assert_eq!(numbers(&found), numbers(&expected), "{format}");
    }
}

#[test]
fn files_of_anybody_are_read_and_a_star_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("lake/towns")).unwrap();
    fs::write(
        folder.path().join("lake/towns/a.csv"),
        "town,people\nA,10\n",
    )
    .unwrap();
    fs::write(
        folder.path().join("lake/towns/b.csv"),
        "town,people\nB,20\n",
    )
    .unwrap();
    fs::write(
        folder.path().join("lake/rates.json"),
        "{\"town\":\"B\",\"rate\":0.5}\n",
    )
    .unwrap();
    let joined =
        "SELECT t.town, people * rate AS part FROM towns t JOIN rates r ON t.town = r.town";
    assert_eq!(
        sql(folder.path(), joined, "--from lake -f csv"),
        "town,part\nB,10.0\n"
    );
    let ran = ran(&mut query(
        folder.path(),
        "SELECT * FROM town",
        "--from lake",
    ));
    assert_eq!(ran.code, Some(2));
    assert_eq!(
        ran.err,
        "error: expected a table at lake, got 'town'; did you mean 'towns'?\n"
    );
    succeed(folder.path(), "generate retail -s 0.005 -o sales -q");
    succeed(folder.path(), "star retail --from sales -o star -q");
    let listed = fs::read_dir(folder.path().join("star")).unwrap();
    let mut tables = listed.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let table = tables.find(|name| name.starts_with("dim_")).unwrap();
    let count = format!("SELECT count(*) AS n FROM {table}");
    let count = sql(folder.path(), &count, "--from star -f csv");
    assert!(
        count
            .trim_start_matches("n\n")
            .trim()
            .parse::<u64>()
            .unwrap()
            > 1
    );
}

/// The month stands in the names of folders alone; files of other months are not opened.
#[test]
fn a_month_of_a_partitioned_output_is_read_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    succeed(path, "generate retail -s 0.01 -o whole -q");
    for (format, by) in [("parquet", "year,month"), ("csv", "year,month,day")] {
        let made =
            format!("generate retail -s 0.01 -o {format} -f {format} --partition-by {by} -q");
        succeed(path, &made);
        // The same files as somebody else's: no manifest tells of them.
        let theirs = path.join(format!("their-{format}"));
        fs::create_dir(&theirs).unwrap();
        for table in ["invoices", "products", "invoice_items"] {
            let from = path.join(format).join(table);
            fs::rename(from, theirs.join(table)).unwrap();
        }
        let their = format!("their-{format}");
        for asked in [
            "SELECT count(*) AS n, min(invoice_id) AS first FROM invoices WHERE year = 2023 AND month = 3",
            "SELECT month, count(*) AS n, max(issued_at) AS last FROM invoices GROUP BY month ORDER BY month",
            "SELECT p.category, count(*) AS n FROM invoice_items AS l JOIN products AS p \
             ON l.product_id = p.product_id WHERE l.month = 12 GROUP BY 1 ORDER BY 1",
        ] {
            let expected = sql(path, asked, "--from whole -f csv");
            assert_eq!(
                sql(path, asked, &format!("--from {their} -f csv")),
                expected
            );
        }
        for table in ["invoices", "products", "invoice_items"] {
            fs::rename(theirs.join(table), path.join(format).join(table)).unwrap();
        }
        let month = "SELECT count(*) AS n, sum(net_total) AS s FROM invoices WHERE year = 2023 AND month = 3";
        let report = sql(
            path,
            month,
            &format!("--from {format} -o {format}.csv --json"),
        );
        let report: Value = serde_json::from_str(&report).unwrap();
        let answer = fs::read_to_string(path.join(format!("{format}.csv"))).unwrap();
        let rows: u64 = answer
            .lines()
            .nth(1)
            .unwrap()
            .split(',')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        assert!((1_000..5_000).contains(&rows), "{answer}");
        assert_eq!(report["rows_read"]["invoices"], rows, "{report}");
    }
}

#[test]
fn an_unfinished_output_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    succeed(folder.path(), "generate retail.sellers -s 0.01 -o sales -q");
    for (name, _) in files(&folder.path().join("sales/_lakeseed")) {
        if name.starts_with("manifest-") {
            fs::remove_file(folder.path().join("sales/_lakeseed").join(name)).unwrap();
        }
    }
    let ran = ran(&mut query(
        folder.path(),
        "SELECT 1 FROM sellers",
        "--from sales",
    ));
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert!(ran.err.contains("finished output at sales"), "{}", ran.err);
}

#[test]
fn answers_become_files_that_hold_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let asked = "SELECT invoice_id, state, issued_at, net_total, discount > 0 AS has_discount FROM invoices WHERE month = 2";
    let flags = "-s 0.01";
    let csv = sql(folder.path(), asked, &format!("{flags} -f csv"));
    for name in ["a.csv", "a.json", "a.parquet"] {
        let out = sql(folder.path(), asked, &format!("{flags} -o {name}"));
        assert_eq!(out, "", "{name}");
    }
    assert_eq!(
        fs::read_to_string(folder.path().join("a.csv")).unwrap(),
        csv
    );
    let json = fs::read_to_string(folder.path().join("a.json")).unwrap();
    assert_eq!(sql(folder.path(), asked, &format!("{flags} -f json")), json);
    assert_eq!(json.lines().count() + 1, csv.lines().count());
    let first: Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    let first_line = csv.lines().nth(1).unwrap();
    assert!(first_line.starts_with(&format!(
        "{},{}",
        first["invoice_id"],
        first["state"].as_str().unwrap()
    )));
    let bytes = fs::read(folder.path().join("a.parquet")).unwrap();
    let piped = query(folder.path(), asked, &format!("{flags} -f parquet"))
        .output()
        .unwrap();
    assert!(piped.stdout == bytes, "stdout and file differ");
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap();
    let rows = reader
        .build()
        .unwrap()
        .map(|batch| batch.unwrap().num_rows());
    assert_eq!(rows.sum::<usize>() + 1, csv.lines().count());
    // Its own answer is a table.
    let whole = "SELECT count(*) AS n, sum(net_total) AS s FROM invoices WHERE month = 2";
    fs::remove_file(folder.path().join("a.csv")).unwrap();
    fs::remove_file(folder.path().join("a.json")).unwrap();
    let back = sql(
        folder.path(),
        "SELECT count(*) AS n, sum(net_total) AS s FROM a",
        "--from . -f csv",
    );
    assert_eq!(back, sql(folder.path(), whole, &format!("{flags} -f csv")));
    // A file that is there stays, unless it is to go.
    let again = ran(&mut query(folder.path(), "SELECT 1 AS one", "-o a.parquet"));
    assert_eq!(again.code, Some(3));
    assert_eq!(
        again.err,
        "error: expected a free name at a.parquet, got something that is there; choose another --out, \
         or replace it with --overwrite\n"
    );
    sql(folder.path(), "SELECT 1 AS one", "-o a.parquet --overwrite");
    assert_eq!(files(folder.path()).len(), 1);
}

#[test]
fn a_table_is_cut_into_the_partitions_that_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let asked = "SELECT product_id, sum(quantity) AS n FROM invoice_items GROUP BY product_id ORDER BY product_id";
    let explained = |flags: &str| sql(folder.path(), asked, &format!("-s 0.1 {flags} --explain"));
    assert!(explained("-j 3").contains("partitions=3,"));
    assert!(explained("-j 3 --partitions 5").contains("partitions=5,"));
    let answer = |flags: &str| sql(folder.path(), asked, &format!("-s 0.01 {flags} -f csv"));
    assert_eq!(answer("-j 1"), answer("-j 2 --partitions 2"));
    let line =
        "expected a whole number from 1 to 4,096 for --partitions, got '0'; change the number";
    refused("SELECT 1", "--partitions 0", 2, line);
}

#[test]
fn an_answer_that_fails_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let asked = "SELECT 1 / (invoice_id - 20000) AS x FROM invoices";
    let ran = ran(&mut query(folder.path(), asked, "-s 0.01 -o x.csv"));
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(
        ran.err.contains("Divide by zero") && ran.err.lines().count() == 1,
        "{}",
        ran.err
    );
    assert!(files(folder.path()).is_empty());
}

#[test]
fn the_report_says_what_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let asked =
        "SELECT state, count(*) FROM invoices WHERE issued_at::date = '2023-05-09' GROUP BY state";
    let report: Value =
        serde_json::from_str(&sql(folder.path(), asked, "-s 0.1 -o x.csv --json")).unwrap();
    let read = report["rows_read"]["retail.invoices"].as_u64().unwrap();
    assert!((300..3_000).contains(&read), "{report}");
    assert_eq!(report["rows"].as_u64().unwrap() as usize + 1, {
        let text = fs::read_to_string(folder.path().join("x.csv")).unwrap();
        text.lines().count()
    });
    assert_eq!(report["spilled_bytes"], 0);
    refused(
        "SELECT 1",
        "--json",
        2,
        "expected --out FILE with --json, got the answer on stdout; name a file, or leave out --json",
    );
}

#[test]
fn what_is_not_there_is_told_with_what_is_near() {
    refused(
        "SELECT * FROM invoces",
        "-s 0.01",
        2,
        "expected a table that is there, got 'invoces'; did you mean 'retail.invoices'?",
    );
    refused(
        "SELECT net_totl FROM invoices",
        "",
        2,
        "expected a column that is there, got 'net_totl'; did you mean 'net_total'?",
    );
    refused(
        "DELETE FROM invoices",
        "",
        2,
        "expected one SELECT, got DELETE in line 1; a query reads: begin with SELECT or WITH, and give one \
         statement",
    );
    refused(
        "SELECT * FROM invoices",
        "--dataset predictions",
        2,
        "expected a table that is there, got 'invoices'; choose predictions.predictions",
    );
    refused(
        "SELECT 1",
        "--dataset retial",
        2,
        "expected a dataset, got 'retial'; did you mean 'retail'?",
    );
}

#[test]
fn flags_that_fit_nothing_are_refused() {
    refused(
        "SELECT 1 FROM invoices",
        "--classes 5",
        2,
        "expected a parameter of retail (--items-per-invoice, --skew), got --classes, \
         which belongs to 'predictions'; leave it out",
    );
    refused(
        "SELECT 1 FROM invoices",
        "--from x -s 2",
        2,
        "expected either --from or --scale, got both; leave one out",
    );
    refused(
        "SELECT 1 FROM invoices",
        "--from x --classes 2",
        2,
        "expected either --from or --classes, got both; leave one out",
    );
    refused(
        "SELECT 1",
        "-f csv --max-rows 5",
        2,
        "expected a table with --max-rows, got --max-rows 5 with another form; write LIMIT into the query",
    );
    refused(
        "SELECT * FROM (SELECT 1 AS a) AS x, (SELECT 2 AS a) AS y",
        "-f json",
        2,
        "expected columns with names of their own for json, got 'a' twice; name one with AS",
    );
}

/// Each dataset of a query takes the flags that concern it.
#[test]
fn two_datasets_meet_in_a_query() {
    let folder = tempfile::tempdir().unwrap();
    let asked = "SELECT (SELECT count(*) FROM retail.invoices) AS a, (SELECT count(*) FROM predictions.predictions) AS b";
    let flags =
        "-f csv --rows invoices=5k,predictions=70 --classes 3 --start 2023-01-01 --end 2023-12-31";
    assert_eq!(sql(folder.path(), asked, flags), "a,b\n5000,70\n");
    let alone = ran(&mut query(
        folder.path(),
        "SELECT count(*) FROM predictions",
        "--start 2023-01-01",
    ));
    assert_eq!(alone.code, Some(2), "{}", alone.err);
}

#[test]
fn stdin_holds_the_query_and_explain_reads_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = binary(folder.path());
    command
        .args(["sql", "-", "-f", "csv"])
        .stdin(Stdio::piped());
    let mut child = start(&mut command);
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(b"-- two lines\nSELECT 2 AS two;\n")
        .unwrap();
    drop(stdin);
    let Ran { code, out, err } = ended(child);
    assert_eq!(
        (code, out.as_str(), err.as_str()),
        (Some(0), "two\n2\n", "")
    );
    let plan = sql(
        folder.path(),
        "SELECT sum(net_total) FROM invoices",
        "--rows invoices=100G --explain -j 2",
    );
    assert!(
        plan.contains("Scan: retail.invoices") && plan.contains("mode=Partial"),
        "{plan}"
    );
}

#[test]
fn too_little_memory_is_refused_with_what_would_do() {
    let folder = tempfile::tempdir().unwrap();
    let little = ran(&mut query(folder.path(), "SELECT 1", "--memory 40MiB -j 2"));
    assert_eq!(little.code, Some(3), "{}", little.err);
    assert!(
        little.err.contains("memory for a query with 2 threads"),
        "{}",
        little.err
    );
    let join =
        "SELECT count(*) FROM invoice_items a JOIN invoice_items b ON a.invoice_id = b.invoice_id";
    let ran = ran(&mut query(folder.path(), join, "-s 1 --memory 128MiB -j 2"));
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert!(
        ran.err.contains("give more --memory") && ran.err.lines().count() == 1,
        "{}",
        ran.err
    );
}

#[test]
fn a_reader_that_has_enough_ends_it_quietly() {
    let folder = tempfile::tempdir().unwrap();
    for form in ["csv", "json"] {
        let mut command = query(
            folder.path(),
            "SELECT * FROM invoice_items",
            &format!("-s 100 -f {form}"),
        );
        let mut child = start(&mut command);
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert!(line.contains("invoice_id"), "{line}");
        let code = child.wait().unwrap().code();
        let mut err = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut err)
            .unwrap();
        assert_eq!((code, err.as_str()), (Some(0), ""), "{form}");
    }
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // Nothing comes before its end.
    let asked = "SELECT sum(net_total) AS s FROM invoices";
    let mut child = start(&mut query(
        folder.path(),
        asked,
        "--rows invoices=10G -o x.csv --log log",
    ));
    let log = folder.path().join("log");
    crate::support::until(&mut child, || {
        fs::read_to_string(&log).is_ok_and(|log| log.contains("answers a query"))
    });
    send(&child, "INT");
    let Ran { code, err, .. } = ended(child);
    assert_eq!(
        err,
        "error: stopped by SIGINT; the answer is cut off; start again\n"
    );
    assert_eq!(code, Some(130));
    assert_eq!(files(folder.path()).keys().collect::<Vec<_>>(), ["log"]);
}

#[test]
fn files_are_named_by_what_they_hold() {
    refused(
        "SELECT 1 AS one",
        "-o x.csv.gz",
        2,
        "expected a file that is not packed for --out, got 'x.csv.gz'; leave out its last ending, or pipe the \
         answer into a packer",
    );
    refused(
        "SELECT 1 AS one",
        "-o x.txt",
        2,
        "expected .csv, .json or .parquet at the end of --out, got 'x.txt'; choose another name, or give \
         --format",
    );
    refused(
        "SELECT 1 AS one",
        "-o x.txt -f table --json",
        2,
        "expected a file of all rows with --json, got a table; give -f csv, json or parquet, or leave out --json",
    );
    let folder = tempfile::tempdir().unwrap();
    sql(folder.path(), "SELECT 1 AS one", "-o x.txt -f table");
    let text = fs::read_to_string(folder.path().join("x.txt")).unwrap();
    assert_eq!(text, "one\n---\n  1\n(1 row)\n");
}

#[test]
fn tables_for_people_have_an_end() {
    refused(
        "SELECT 1",
        "--max-rows 10001",
        2,
        "expected a whole number from 1 to 10,000 for --max-rows, got '10001'; change the number, or write all \
         rows with -f csv",
    );
    let folder = tempfile::tempdir().unwrap();
    let all = sql(
        folder.path(),
        "SELECT invoice_id, status FROM invoices",
        "-s 0.01 --max-rows 10000",
    );
    assert_eq!(all.lines().count(), 10_003);
}

#[cfg(unix)]
#[test]
fn only_a_regular_file_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("kept.csv"), "kept").unwrap();
    std::os::unix::fs::symlink("kept.csv", folder.path().join("link.csv")).unwrap();
    fs::create_dir(folder.path().join("folder.csv")).unwrap();
    for (name, kind) in [("link.csv", "a link"), ("folder.csv", "a folder")] {
        let flags = format!("-o {name} --overwrite");
        let ran = ran(&mut query(folder.path(), "SELECT 1 AS one", &flags));
        let line =
            format!("error: expected a regular file at {name}, got {kind}; choose another --out\n");
        assert_eq!((ran.code, ran.err), (Some(3), line));
    }
    let kept = fs::read_to_string(folder.path().join("link.csv")).unwrap();
    assert_eq!(kept, "kept");
}

#[test]
fn a_plan_goes_nowhere_else() {
    for flag in ["out x.csv", "json", "overwrite"] {
        let name = flag.split(' ').next().unwrap();
        let line = format!("expected either --explain or --{name}, got both; leave one out");
        refused("SELECT 1", &format!("--explain --{flag}"), 2, &line);
    }
}

/// Variables are set for a whole shell: those that fit nothing here are left alone.
#[test]
fn variables_do_not_stand_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("lake")).unwrap();
    fs::write(folder.path().join("lake/t.csv"), "n\n5\n").unwrap();
    let asked = |text: &str, flags: &str| {
        let mut command = query(folder.path(), text, flags);
        for (name, value) in [
            ("SEED", "7"),
            ("SCALE", "2"),
            ("START", "2024-01-01"),
            ("OVERWRITE", "1"),
            ("JSON", "1"),
            ("MAX_ROWS", "7"),
        ] {
            command.env(format!("LAKESEED_{name}"), value);
        }
        let ran = ran(&mut command);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{flags}");
        ran.out
    };
    assert_eq!(asked("SELECT n FROM t", "--from lake -f csv"), "n\n5\n");
    assert_eq!(asked("SELECT 1 AS n", ""), "n\n-\n1\n(1 row)\n");
    assert!(asked("SELECT n FROM t", "--from lake --explain").contains("Exec"));
}

/// The default folder is nobody's wish: where nothing can be made in it there is no spilling. A folder that
/// was named is an error, before the first byte of the answer.
#[test]
fn a_default_temporary_folder_may_be_missing() {
    let folder = tempfile::tempdir().unwrap();
    // Not even root makes a folder in a file.
    let temp = folder.path().join("temp");
    fs::write(&temp, "").unwrap();
    for flags in ["-f csv", "-f csv --temp-in-memory"] {
        let mut command = query(folder.path(), "SELECT 1 AS one", flags);
        let ran = ran(command.env("TMPDIR", &temp));
        assert_eq!(
            (ran.code, ran.out.as_str(), ran.err.as_str()),
            (Some(0), "one\n1\n", "")
        );
    }
    assert_eq!(files(folder.path()).len(), 1);
}
