//! Files, threads and projections: what they change, and what they must not.

use std::fs;

use lakeseed_test_s3::{Server, Settings};

use crate::support::{json, on, parts, ran, run, succeed};

#[test]
fn results_do_not_depend_on_threads_or_memory() {
    let folder = tempfile::tempdir().unwrap();
    let flags = "generate predictions --rows 60k --classes 5 --files 3 --row-group-rows 4096";
    let runs = ["-j 1", "-j 4", "-j 3 --memory 60MiB"].map(|means| {
        let out = format!("out{}", means.replace(' ', ""));
        succeed(folder.path(), &format!("{flags} {means} -o {out}"));
        parts(&folder.path().join(out))
    });
    assert_eq!(runs[0].len(), 3);
    assert!(runs[0] == runs[1], "one thread and four");
    assert!(runs[0] == runs[2], "another memory");
}

#[test]
fn another_seed_gives_other_values_in_files_of_another_name() {
    let folder = tempfile::tempdir().unwrap();
    let flags = "generate predictions --rows 1k --classes 2";
    succeed(folder.path(), &format!("{flags} -o a"));
    succeed(folder.path(), &format!("{flags} -o b --seed 43"));
    let (a, b) = (
        parts(&folder.path().join("a")),
        parts(&folder.path().join("b")),
    );
    assert_ne!(a[0].0, b[0].0);
    assert_ne!(a[0].1, b[0].1);
}

#[test]
fn a_projection_keeps_values_and_takes_the_order_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let all = succeed(
        folder.path(),
        "generate predictions --rows 100 --classes 4 -f csv -o -",
    );
    let some = succeed(
        folder.path(),
        "generate predictions --rows 100 --classes 4 -f csv -o - --columns class_2,id_client",
    );
    let expected: Vec<String> = all
        .lines()
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            format!("{},{}", cells[3], cells[0])
        })
        .collect();
    assert_eq!(some.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn file_size_and_files_decide_how_many_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let flags = "generate predictions --rows 40k -f csv";
    let whole = json(folder.path(), &format!("{flags} -o whole"));
    assert_eq!(whole["files"], 1);
    let cut = json(folder.path(), &format!("{flags} -o cut --file-size 5MB"));
    let files = cut["files"].as_u64().unwrap();
    let expected = whole["bytes"].as_u64().unwrap() / 5_000_000;
    assert!(
        files.abs_diff(expected) <= 1,
        "{files} files, about {expected} expected"
    );
    assert_eq!(
        json(folder.path(), &format!("{flags} -o seven --files 7"))["files"],
        7
    );
}

#[test]
fn the_result_tells_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let result = json(
        folder.path(),
        "generate predictions --rows 30k --classes 2 --files 2 -j 2",
    );
    let parts = parts(&folder.path().join("predictions"));
    let bytes: usize = parts.iter().map(|(_, bytes)| bytes.len()).sum();
    assert_eq!(result["bytes"], bytes);
    assert_eq!(result["tables"][0]["bytes"], bytes);
    assert_eq!(result["files"], parts.len());
    assert_eq!(result["rows"], 30_000);
    assert_eq!(result["tables"][0]["table"], "predictions");
    assert_eq!(result["threads"], 2);
    assert_eq!(result["written"], true);
    assert_eq!(
        result["data_id"],
        "predictions/1?seed=42&predictions=30000&classes=2&mode=simplex&precision=none"
    );
    let plan = result["plan_id"].as_str().unwrap();
    assert!(
        parts.iter().all(|(name, _)| name.contains(plan)),
        "{plan} in {parts:?}"
    );
    assert!(
        result["peak_memory_bytes"]
            .as_u64()
            .is_some_and(|bytes| bytes > 1 << 20)
    );
    assert!(
        result["tables"][0]["rows_per_s"]
            .as_f64()
            .is_some_and(|rate| rate > 0.0)
    );
}

#[test]
fn without_a_terminal_there_are_plain_lines_and_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(
        folder.path(),
        "generate predictions --rows 2k --classes 2 -c none",
    );
    assert_eq!(ran.code, Some(0));
    let line = ran.err.strip_suffix('\n').unwrap();
    assert!(
        line.starts_with("predictions: 2,000 rows in 1 file, "),
        "{line}"
    );
    assert!(!line.contains('\n') && !line.contains('\u{1b}'), "{line}");
    assert!(
        ran.out.starts_with("table         rows  files "),
        "{}",
        ran.out
    );
    let read = "read: duckdb -c \"FROM 'predictions/predictions/*.parquet' LIMIT 10\"\n";
    assert!(ran.out.contains(read), "{}", ran.out);
    let next = "next: lakeseed peek predictions.predictions 1000 --rows 2000 --classes 2\n";
    assert!(ran.out.ends_with(next), "{}", ran.out);
}

#[test]
fn quiet_is_quiet_and_verbose_names_each_file() {
    let folder = tempfile::tempdir().unwrap();
    let flags = "generate predictions --rows 2k --classes 2 --files 2";
    let ran = run(folder.path(), &format!("{flags} -q -o quiet"));
    assert_eq!(
        (ran.code, ran.out.as_str(), ran.err.as_str()),
        (Some(0), "", "")
    );
    let ran = run(
        folder.path(),
        &format!("{flags} -v -o loud --progress none"),
    );
    let finished = ran
        .err
        .lines()
        .filter(|line| line.starts_with("finished predictions/part-"));
    assert_eq!(finished.count(), 2, "{}", ran.err);
    assert!(ran.err.starts_with("plan "), "{}", ran.err);
}

#[test]
fn data_lies_where_readers_look_for_it() {
    let folder = tempfile::tempdir().unwrap();
    succeed(
        folder.path(),
        "generate predictions --rows 10 --classes 1 -q -o x",
    );
    let names = |path: &str| {
        let mut names: Vec<String> = fs::read_dir(folder.path().join(path))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names("x"), ["_lakeseed", "predictions"]);
    let table = names("x/predictions");
    assert_eq!(table[0], "_SUCCESS");
    assert!(
        table[1].starts_with("part-00000-") && table[1].ends_with(".parquet"),
        "{table:?}"
    );
    assert_eq!(table.len(), 2);
}

/// What another program needs to find a bucket, with variables in place of keys.
#[test]
fn the_line_that_reads_a_bucket() {
    let server = Server::start(Settings::default().session_token("a-token-of-this-test"));
    let folder = tempfile::tempdir().unwrap();
    let work =
        "generate predictions --rows 100 --progress none -o s3://lake/read --region eu-south-2";
    let ran = ran(&mut on(&server, folder.path(), work));
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let (_, host) = server.endpoint().split_once("://").unwrap();
    let line = format!(
        "read: duckdb -c \"CREATE SECRET (TYPE s3, KEY_ID '$AWS_ACCESS_KEY_ID', SECRET \
         '$AWS_SECRET_ACCESS_KEY', SESSION_TOKEN '$AWS_SESSION_TOKEN', REGION 'eu-south-2', \
         ENDPOINT '{host}', URL_STYLE 'path', USE_SSL false); FROM \
         's3://lake/read/predictions/*.parquet' LIMIT 10\"\n"
    );
    let told = format!("{}{}", ran.out, ran.err);
    assert!(told.contains(&line), "{told}");
    assert!(!told.contains(server.secret_key()) && !told.contains("a-token-of-this-test"));
}
