//! Bad input: exactly one line, the exit code, and nothing touched.

use crate::support::{binary, refused, run};

const USAGE: i32 = 2;

#[test]
fn unknown_command() {
    refused(
        "genrate",
        USAGE,
        "expected a command, got 'genrate'; did you mean 'generate'?",
    );
}

#[test]
fn unknown_dataset() {
    refused(
        "generate predictons",
        USAGE,
        "expected a dataset, got 'predictons'; did you mean 'predictions'?",
    );
    refused(
        "generate xyz",
        USAGE,
        "expected a dataset, got 'xyz'; choose 'retail', 'predictions' or \
         'assessments'",
    );
}

#[test]
fn no_dataset() {
    refused(
        "generate",
        USAGE,
        "expected <DATASET[.TABLE]>, got nothing; see lakeseed list for the names",
    );
    refused(
        "generate .invoices",
        USAGE,
        "expected DATASET or DATASET.TABLE for <DATASET[.TABLE]>, got '.invoices'; see lakeseed \
         list for the names",
    );
}

#[test]
fn unknown_table() {
    refused(
        "generate predictions.prediction",
        USAGE,
        "expected a table of predictions, got 'prediction'; did you mean 'predictions'?",
    );
}

#[test]
fn unknown_flag_or_parameter() {
    refused(
        "generate predictions --clases 3",
        USAGE,
        "expected a flag of this command, got '--clases'; did you mean '--classes'?",
    );
    refused(
        "generate predictions --parttion-by day",
        USAGE,
        "expected a flag of this command, got '--parttion-by'; did you mean '--partition-by'?",
    );
    refused(
        "publish predictions --files 3 --to out",
        USAGE,
        "expected a flag of this command, got '--files'; it is one of generate, plan",
    );
}

#[test]
fn parameter_of_another_dataset() {
    refused(
        "generate retail --classes 3",
        USAGE,
        "expected a parameter of retail (--items-per-invoice, --skew), got --classes, which \
         belongs to 'predictions'; leave it out",
    );
}

#[test]
fn parameter_out_of_range() {
    refused(
        "generate predictions --classes 0",
        USAGE,
        "expected a whole number from 1 to 4096 for --classes, got '0'; change --classes",
    );
    refused(
        "generate predictions --mode unifrm",
        USAGE,
        "expected one of simplex, uniform for --mode, got 'unifrm'; change --mode",
    );
}

#[test]
fn switches() {
    refused(
        "generate assessments --dirt=maybe",
        USAGE,
        "expected on or off for --dirt, got 'maybe'; change --dirt",
    );
    refused(
        "generate assessments --rows avaliacao=5",
        USAGE,
        "expected a table of assessments whose rows can be set, got --rows avaliacao=5; choose \
         'pupils'",
    );
    refused(
        "generate assessments --rows 0",
        USAGE,
        "expected 1 to 4611686018427387904 rows, as 60M, 60_000_000 or invoices=60M for --rows, \
         got '0'; change the number",
    );
    refused(
        "generate predictions --shuffle",
        USAGE,
        "expected a parameter of predictions (--classes, --mode, --precision), got --shuffle, \
         which belongs to 'assessments'; leave it out",
    );
}

#[test]
fn unknown_column() {
    refused(
        "generate predictions --columns id_client,clas_7",
        USAGE,
        "expected a column of predictions, got 'clas_7'; did you mean 'class_7'?",
    );
    refused(
        "generate predictions --columns class_1,class_1",
        USAGE,
        "expected each column once for --columns, got 'class_1' twice; leave one out",
    );
    refused(
        "generate retail --columns customer_id",
        USAGE,
        "expected one table for --columns, got retail with 6 tables; choose 'customers', \
         'sellers', 'products', 'stock', 'invoices' or 'invoice_items'",
    );
}

#[test]
fn rows_out_of_range() {
    for rows in ["0", "-5", "4611686018427387905", "1.5", "many", "1e6"] {
        refused(
            &format!("generate predictions --rows {rows}"),
            USAGE,
            &format!(
                "expected 1 to 4611686018427387904 rows, as 60M, 60_000_000 or invoices=60M for \
                 --rows, got '{rows}'; change the number"
            ),
        );
    }
}

#[test]
fn rows_of_what_has_no_count() {
    refused(
        "generate predictions --rows prediction=5",
        USAGE,
        "expected a table of predictions whose rows can be set, got --rows prediction=5; did you \
         mean 'predictions'?",
    );
    refused(
        "generate retail --rows invoice_items=5",
        USAGE,
        "expected a table of retail whose rows can be set, got --rows invoice_items=5; did you \
         mean 'invoices'?",
    );
    refused(
        "generate retail --rows 5",
        USAGE,
        "expected --rows TABLE=N for retail, got --rows 5; choose 'customers', 'sellers', \
         'products' or 'invoices'",
    );
}

#[test]
fn rows_of_a_table_twice() {
    refused(
        "generate retail --rows invoices=5,customers=3 --rows invoices=6",
        USAGE,
        "expected each table once for --rows, got invoices twice; leave one out",
    );
    refused(
        "generate predictions --rows 5,6",
        USAGE,
        "expected each table once for --rows, got a bare number twice; leave one out",
    );
}

#[test]
fn scale_that_is_none() {
    for scale in ["nan", "inf", "0", "-1", "one"] {
        refused(
            &format!("generate predictions --scale {scale}"),
            USAGE,
            &format!(
                "expected a number above 0, as 0.01, 1 or 1.5k for --scale, got '{scale}'; change \
                 the number"
            ),
        );
    }
    refused(
        "generate predictions --scale 1e30",
        USAGE,
        "expected 1 to 4611686018427387904 rows for predictions, got 18446744073709551615; change \
         --scale or --rows predictions=N",
    );
}

#[test]
fn window_that_is_none() {
    for day in ["2023-02-30", "2023-13-01", "yesterday", "23-01-01"] {
        refused(
            &format!("generate retail --start {day}"),
            USAGE,
            &format!(
                "expected a day that exists, as 2023-12-31 for --start, got '{day}'; change the \
                 date"
            ),
        );
    }
    refused(
        "generate retail --start 2024-02-01 --end 2024-01-31",
        USAGE,
        "expected an --end on or after --start 2024-02-01, got '2024-01-31'; swap them",
    );
    refused(
        "generate retail --start 2022-12-31",
        USAGE,
        "expected 2023-01-01, the epoch, or later for --start, got '2022-12-31'; change --start",
    );
    refused(
        "generate predictions --start 2023-02-01",
        USAGE,
        "expected no --start for predictions, which has no event tables, got '2023-02-01'; leave it \
         out",
    );
}

#[test]
fn partition_columns_that_the_table_lacks() {
    refused(
        "generate predictions --classes 1 --partition-by year",
        USAGE,
        "expected columns of predictions for --partition-by, got 'year'; choose 'id_client' or \
         'class_0'",
    );
    refused(
        "generate retail.customers --partition-by year,month",
        USAGE,
        "expected columns of retail.customers for --partition-by, got 'year'; choose \
         'customer_id', 'cpf', 'name', 'street', 'district', 'city', 'state', 'postal_code', \
         'birth_date', 'gender', 'credit_limit', 'purchase_volume' or 3 more",
    );
    refused(
        "generate retail --partition-by yaer",
        USAGE,
        "expected columns of retail for --partition-by, got 'yaer'; did you mean 'year'?",
    );
}

#[test]
fn tables_that_stdout_cannot_hold() {
    refused(
        "generate retail -f csv -o -",
        USAGE,
        "expected one table for --out -, got retail with 6 tables; choose 'retail.customers', \
         'retail.sellers', 'retail.products', 'retail.stock', 'retail.invoices' or \
         'retail.invoice_items'",
    );
    refused(
        "generate predictions -o - --files 2",
        USAGE,
        "expected one file for --out -, got --files; leave it out",
    );
    refused(
        "generate predictions -f csv -o - --json",
        USAGE,
        "expected either --json or --out -, got both; leave --json out, or write to a folder",
    );
}

#[test]
fn formats_and_codecs() {
    refused(
        "generate predictions -f parqet",
        USAGE,
        "expected one of parquet, csv, json, arrow for --format, got 'parqet'; did you mean \
         'parquet'?",
    );
    refused(
        "generate predictions -c zstd:99",
        USAGE,
        "expected none, snappy, zstd[:1..19] or gzip[:1..9] for --compression, got 'zstd:99'; \
         change the codec or level",
    );
    refused(
        "generate predictions -f csv -c snappy",
        USAGE,
        "expected none, zstd or gzip for --format csv, got 'snappy'; change --compression, or use \
         --format parquet",
    );
    refused(
        "generate predictions -f csv --row-group-rows 5",
        USAGE,
        "expected --format parquet with --row-group-rows, got csv; leave it out",
    );
}

#[test]
fn sizes_and_numbers() {
    refused(
        "generate predictions --file-size 12parsecs",
        USAGE,
        "expected a size above 0, as 512MiB or 512MB for --file-size, got '12parsecs'; unknown unit",
    );
    refused(
        "generate predictions --memory 0",
        USAGE,
        "expected a size above 0, as 512MiB or 512MB for --memory, got '0'; change the size",
    );
    refused(
        "generate predictions -j 0",
        USAGE,
        "expected a whole number above 0, as 8, 60_000 or 1M for --threads, got '0'; change the \
         number",
    );
    refused(
        "generate predictions --seed -1",
        USAGE,
        "expected a whole number, as 1234567, 60_000_000 or 60M for --seed, got '-1'; change the \
         number",
    );
}

#[test]
fn flags_that_exclude_each_other() {
    refused(
        "generate predictions -q -v",
        USAGE,
        "expected either --quiet or --verbose, got both; leave one out",
    );
    refused(
        "generate predictions --files 2 --file-size 1MiB",
        USAGE,
        "expected either --files or --file-size, got both; leave one out",
    );
    refused(
        "generate predictions --seed 1 --seed 2",
        USAGE,
        "expected --seed once, got it twice; leave one out",
    );
    refused(
        "schema predictions --dialect mysql",
        USAGE,
        "expected --as ddl or --as views with --dialect, got another form; add --as ddl",
    );
}

#[test]
fn rows_that_are_not_there() {
    refused(
        "peek predictions 1500000",
        USAGE,
        "expected a row of predictions from 0 to 1499999, got 1500000; choose one of these, or \
         ask for more rows",
    );
    refused(
        "peek predictions -1",
        USAGE,
        "expected a whole number, as 1234567, 60_000_000 or 60M for <ROW>, got '-1'; change the \
         number",
    );
    refused(
        "peek retail 5",
        USAGE,
        "expected one table, as DATASET.TABLE, got 'retail'; choose 'customers', 'sellers', \
         'products', 'stock', 'invoices' or 'invoice_items'",
    );
}

#[test]
fn help_is_help_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    for args in ["--help", "help", "generate --help", "--version"] {
        let ran = run(folder.path(), args);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{args}");
        assert!(!ran.out.is_empty(), "{args}");
    }
    let ran = run(folder.path(), "");
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""));
    assert!(ran.err.contains("Usage: lakeseed"), "{}", ran.err);
    // A variable that is wrong is refused as the flag would be.
    let mut command = binary(folder.path());
    let output = command
        .env("LAKESEED_SCALE", "much")
        .args(["plan", "predictions"])
        .output();
    let err = String::from_utf8(output.unwrap().stderr).unwrap();
    assert_eq!(
        err,
        "error: expected a number above 0, as 0.01, 1 or 1.5k for --scale, got 'much'; change the \
         number\n"
    );
}

#[test]
fn more_files_than_anybody_wants() {
    refused(
        "generate predictions --mode uniform --files 1_000_001 --rows 2M",
        USAGE,
        "expected at most 1000000 for the number of files of a table, got 1000001; raise \
         --file-size, or set --files",
    );
    let line = "expected at most 1000000 for the number of files of a table, got ";
    let folder = tempfile::tempdir().unwrap();
    let ran = run(
        folder.path(),
        "generate predictions --rows 4611686018427387904",
    );
    assert_eq!(ran.code, Some(USAGE));
    assert!(
        ran.err.starts_with(&format!("error: {line}")),
        "{}",
        ran.err
    );
}
