//! `--use`: rows of the user's own in place of generated ones, from files of every kind, and what is
//! written, found again and refused.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use lakeseed_test_s3::{Server, Settings};
use serde_json::Value;

use crate::support::{json, manifest, on, output, ran, refused, run, succeed};

/// Customers of an ERP: keys with gaps, in no order, columns that lakeseed knows nothing of.
pub(crate) fn clientes() -> String {
    let mut text = "nome,customer_id,state,segment,telefone,desde,pontos\n".to_owned();
    for at in 0..60_i64 {
        let key = at * 37 % 60 * 11 + 5;
        let state = ["SP", "BA", "RS"][at as usize % 3];
        let segment = ["consumer", "small business", "consumer", "corporate"][at as usize % 4];
        let phone = if at % 5 == 0 {
            String::new()
        } else {
            format!("0{}", 11_900 + at)
        };
        let day = at % 28 + 1;
        let _ = writeln!(
            text,
            "\"Loja \"\"{at}\"\", {state}\",{key},{state},{segment},{phone},2020-02-{day:02},{}.25",
            at * 3
        );
    }
    text
}

/// Sellers as lines of JSON.
pub(crate) const VENDEDORES: &str = "{\"seller_id\": 30, \"region\": \"Sul\", \"meta\": 1.5}\n\
                                     {\"seller_id\": 10, \"region\": \"Sudeste\", \"meta\": null}\n\
                                     {\"seller_id\": 20, \"region\": \"Nordeste\", \"meta\": 2.0}\n";

const SMALL: &str = "-s 0.001 --use customers=clientes.csv --use sellers=vendedores.jsonl";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("clientes.csv"), clientes()).unwrap();
    fs::write(folder.path().join("vendedores.jsonl"), VENDEDORES).unwrap();
    folder
}

/// The lines of a table as CSV, without the header, each cut at commas outside of quotes.
fn rows(folder: &Path, args: &str) -> Vec<Vec<String>> {
    let text = succeed(folder, &format!("generate {args} -f csv -o - -q"));
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows = reader
        .records()
        .map(|row| row.unwrap().iter().map(str::to_owned).collect());
    rows.collect()
}

fn data_id(folder: &Path, args: &str) -> String {
    let planned = json(folder, &format!("plan retail -s 0.001 {args}"));
    planned["data_id"].as_str().unwrap().to_owned()
}

#[test]
fn sales_hang_on_rows_that_come_back_unchanged() {
    let folder = folder();
    let folder = folder.path();
    // The rows of the file, as another reader has them, in the order of their key.
    let given = clientes();
    let mut reader = csv::Reader::from_reader(given.as_bytes());
    let mut wanted: Vec<Vec<String>> = reader
        .records()
        .map(|row| row.unwrap().iter().map(str::to_owned).collect())
        .collect();
    wanted.sort_by_key(|row| row[1].parse::<i64>().unwrap());
    assert_eq!(rows(folder, &format!("retail.customers {SMALL}")), wanted);
    // Everybody buys, in their own state, from sellers that are there.
    let states: BTreeMap<&str, &str> = wanted
        .iter()
        .map(|row| (row[1].as_str(), row[2].as_str()))
        .collect();
    let invoices = rows(folder, &format!("retail.invoices {SMALL}"));
    assert_eq!(invoices.len(), 3_000);
    assert!(invoices.iter().all(|row| states[row[1].as_str()] == row[7]));
    let column = |at: usize| {
        invoices
            .iter()
            .map(|row| row[at].as_str())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(column(1).len(), 60);
    assert_eq!(column(2), BTreeSet::from(["10", "20", "30"]));
    // A row is the same alone.
    let peeked = json(folder, &format!("peek retail.invoices 1234 {SMALL}"));
    let customer = &peeked["row"]["customer_id"];
    assert_eq!(customer.to_string(), invoices[1234][1]);
    let parents = peeked["parents"].as_array().unwrap();
    assert_eq!(parents[0]["row"]["customer_id"], *customer);
}

#[test]
fn every_format_is_verified_with_the_rows_that_stand_in_it() {
    let folder = folder();
    let folder = folder.path();
    for format in ["parquet", "csv", "json"] {
        let work = format!("generate retail {SMALL} -f {format} -o {format} -q");
        succeed(folder, &work);
        // The rows that it was made with need not be there any more.
        let verified = json(folder, &format!("verify {format}"));
        assert_eq!(verified["clean"], true, "{format}: {verified}");
        assert_eq!(
            verified["rows_compared"].as_u64().unwrap(),
            3_000 + 7_501 + 60 + 3 + 100 + 10
        );
        // The same again has nothing to do; others are another plan.
        assert_eq!(json(folder, &work)["written"], false, "{format}");
        let ran = run(
            folder,
            &format!("generate retail -s 0.001 -f {format} -o {format}"),
        );
        assert_eq!(ran.code, Some(3), "{}", ran.err);
    }
    let plan = &manifest(&folder.join("csv"))["plans"][0]["data"];
    let digest = plan["use"]["customers"].as_str().unwrap();
    assert!(digest.starts_with("blake3:"), "{plan}");
    assert!(data_id(folder, &SMALL.replace("-s 0.001", "")).contains(digest));
}

#[test]
fn an_output_without_the_rows_asks_for_them() {
    let folder = folder();
    let folder = folder.path();
    succeed(
        folder,
        &format!("generate retail.invoices {SMALL} -o out -q"),
    );
    let asked = |args: &str, got: &str| {
        let ran = run(folder, &format!("verify out {args}"));
        assert_eq!(ran.code, Some(3), "{}", ran.err);
        let line = "error: expected the rows of customers that the others hang on, blake3:";
        assert!(
            ran.err.starts_with(line) && ran.err.contains(got),
            "{}",
            ran.err
        );
        let advice = "; name them with --use customers=PLACE, as they were\n";
        assert!(ran.err.ends_with(advice), "{}", ran.err);
    };
    asked("", "got none that can be read here");
    let both = "--use customers=clientes.csv --use sellers=vendedores.jsonl";
    succeed(folder, &format!("verify out {both}"));
    let others = clientes().replace("\"Loja \"\"7\"\", BA\"", "Mercado");
    fs::write(folder.join("clientes.csv"), others).unwrap();
    asked(both, "got blake3:");
    // What nothing hangs on is refused, and so is a look that needs no rows.
    succeed(folder, "generate retail.customers -s 0.001 -o plain -q");
    let ran = run(folder, "verify plain --use sellers=vendedores.jsonl");
    assert!(ran.err.contains("expected no --use"), "{}", ran.err);
    let ran = run(folder, "verify out --quick --use sellers=vendedores.jsonl");
    assert_eq!(ran.code, Some(2), "{}", ran.err);
}

#[test]
fn the_same_rows_are_the_same_run_from_every_kind_of_place() {
    let folder = folder();
    let folder = folder.path();
    let first = data_id(folder, "--use customers=clientes.csv");
    assert_eq!(first, data_id(folder, "--use customers=clientes.csv"));
    // Two files of a folder, in another order.
    let text = clientes();
    let (header, lines) = text.split_once('\n').unwrap();
    let mut lines: Vec<&str> = lines.lines().collect();
    lines.reverse();
    fs::create_dir(folder.join("two")).unwrap();
    for (name, part) in [("a.csv", &lines[..20]), ("b.csv", &lines[20..])] {
        let text = format!("{header}\n{}\n", part.join("\n"));
        fs::write(folder.join("two").join(name), text).unwrap();
    }
    assert_eq!(data_id(folder, "--use customers=two"), first);
    // An output of ours: the whole of it, and the folder of the table.
    succeed(folder, &format!("generate retail {SMALL} -o lake -q"));
    for place in ["lake", "lake/customers"] {
        assert_eq!(
            data_id(folder, &format!("--use customers={place}")),
            first,
            "{place}"
        );
    }
    // Each of its files alone is a stranger's Parquet.
    let parts = output(&folder.join("lake/customers"));
    let part = parts
        .keys()
        .find(|name| name.ends_with(".parquet"))
        .unwrap();
    fs::copy(
        folder.join("lake/customers").join(part),
        folder.join("c.parquet"),
    )
    .unwrap();
    assert_eq!(data_id(folder, "--use customers=c.parquet"), first);
    // And in a bucket, while the output goes to a folder.
    let server = Server::start(Settings::default());
    let copy = "generate retail.customers -s 0.001 --use customers=clientes.csv -o s3://lake/c -q";
    assert_eq!(ran(&mut on(&server, folder, copy)).code, Some(0));
    let variables = server.environment();
    let endpoint = variables.iter().find(|(name, _)| name.contains("ENDPOINT"));
    let endpoint = &endpoint.unwrap().1;
    let work = format!(
        "generate retail.invoices -s 0.001 --use customers=s3://lake/c --endpoint-url {endpoint} \
         -o from_bucket --json -q"
    );
    let ran = ran(&mut on(&server, folder, &work));
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let made = manifest(&folder.join("from_bucket"));
    assert_eq!(made["data_id"], Value::String(first.clone()));
    // One value more, and it is another run.
    fs::write(
        folder.join("clientes.csv"),
        clientes().replace("2020-02-01", "2020-02-02"),
    )
    .unwrap();
    assert_ne!(data_id(folder, "--use customers=clientes.csv"), first);
}

#[test]
fn windows_and_shards_go_on_with_the_same_rows_alone() {
    let folder = folder();
    let folder = folder.path();
    let window = |days: &str| format!("generate retail {SMALL} {days} -o out -q");
    let (first, second) = ("--end 2023-06-30", "--start 2023-07-01 --end 2023-12-31");
    succeed(folder, &window(first));
    succeed(folder, &format!("{} --append", window(second)));
    succeed(folder, "verify out");
    let others = "generate retail -s 0.001 --start 2024-01-01 -o out --append";
    assert_eq!(run(folder, others).code, Some(3));
    // Shards, from two files that hold the same rows.
    fs::copy(folder.join("clientes.csv"), folder.join("copia.csv")).unwrap();
    let shard = |name: &str, at: u8| {
        let own = format!("--use customers={name} --use sellers=vendedores.jsonl");
        let work = format!("generate retail -s 0.001 {own} --files 4 -o cut --shard {at}/2 -q");
        succeed(folder, &work);
    };
    shard("clientes.csv", 1);
    shard("copia.csv", 2);
    succeed(folder, "combine cut");
    succeed(folder, "verify cut");
}

#[test]
fn ddl_and_stars_have_the_users_columns() {
    let folder = folder();
    let folder = folder.path();
    let ddl = succeed(
        folder,
        "schema retail.customers --as ddl --use customers=clientes.csv",
    );
    for line in [
        "\"nome\" TEXT,",
        "\"customer_id\" BIGINT NOT NULL,",
        "\"state\" TEXT NOT NULL,",
        "\"desde\" DATE,",
        "PRIMARY KEY (\"customer_id\")",
    ] {
        assert!(ddl.contains(line), "{ddl}");
    }
    // A star needs the columns that its model names, and says which it has not.
    let sellers = "--use sellers=vendedores.jsonl";
    succeed(
        folder,
        &format!("generate retail -s 0.001 {sellers} -o lake -q"),
    );
    let ran = run(folder, "star retail --from lake -o star");
    assert_ne!(ran.code, Some(0));
    assert!(
        ran.err.contains("dim_seller") && ran.err.contains("registration"),
        "{}",
        ran.err
    );
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    // With them it is made; its oracle knows no rows of others.
    let text = succeed(
        folder,
        "generate retail.sellers --rows sellers=9 -f csv -o -",
    );
    fs::write(folder.join("s.csv"), text.replace("Sudeste", "Sul")).unwrap();
    succeed(
        folder,
        "generate retail -s 0.001 --use sellers=s.csv -o lake2 -q",
    );
    succeed(folder, "star retail --from lake2 -o star2 -q");
    let verified = json(folder, "verify star2");
    assert_eq!(verified["clean"], true);
    assert!(
        verified.to_string().contains("rows of the user's own"),
        "{verified}"
    );
}

#[test]
fn what_does_not_fit_is_refused_in_one_line() {
    let folder = folder();
    let folder = folder.path();
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    let refused = |args: &str, code: i32, line: &str| {
        let ran = run(folder, &format!("generate retail -s 0.001 {args} -o out"));
        assert_eq!(ran.err, format!("error: {line}\n"));
        assert_eq!((ran.code, folder.join("out").exists()), (Some(code), false));
    };
    write("zeros.csv", "customer_id,state\n007,SP\n008,SP\n");
    refused(
        "--use customers=zeros.csv",
        3,
        "expected whole numbers in customers, column customer_id, got text; keys are numbers here: number \
         the rows, and carry their own codes in another column",
    );
    write("state.csv", "customer_id,state\n7,SP\n8,sp\n");
    refused(
        "--use customers=state.csv",
        3,
        "expected one of SP, MG, RJ, BA, RS, PR, PE, CE, PA, SC, GO, MA, PB, ES, AM, RN, PI, AL, MT, DF, \
         MS, SE, RO, TO, AC, AP, RR in customers, column state, row 2, got 'sp'; write 'SP'",
    );
    write("price.csv", "product_id,list_price\n1,3.50\n2,0\n");
    refused(
        "--use products=price.csv",
        3,
        "expected an amount from 0.01 to 1000000.00 in products, column list_price, row 2, got 0.00; \
         correct the row",
    );
    refused(
        "--use customers=clientes.csv --rows customers=5",
        3,
        "expected a number of rows or rows of one's own in customers, got both; leave --rows \
         customers=N out",
    );
    refused(
        "--use invoices=clientes.csv",
        2,
        "expected a table of retail that can be replaced, got 'invoices'; choose \
         'customers', 'sellers' or 'products'",
    );
    refused(
        "--use customers=clientes.csv --use customers=zeros.csv",
        2,
        "expected each table once for --use, got customers twice; leave one out",
    );
    refused(
        "--use clientes.csv",
        2,
        "expected TABLE=PLACE for --use, got no table before a place; name the table, as in --use \
         customers=clientes.csv",
    );
    refused(
        "--use customers=nowhere",
        3,
        "expected Parquet, CSV or JSON lines for --use customers, got none at nowhere; check the place",
    );
    refused(
        "--use customers=mysql://ana:topsecret@db/shop",
        2,
        "expected --use customers=postgres://HOST/DATABASE/TABLE, or mysql://, got an address \
         without both; name the table behind the database, with / in a name as %2F",
    );
    // More than the memory carries.
    let mut many = "customer_id,nome\n".to_owned();
    for at in 0..400_000 {
        let _ = writeln!(many, "{at},{at:0>60}");
    }
    write("many.csv", &many);
    let ran = run(
        folder,
        "generate retail --use customers=many.csv --memory 128MiB -o out",
    );
    let line = "error: expected at most 21.3 MiB of memory for the rows of --use customers, got more; \
                give more --memory, or fewer rows or columns\n";
    assert_eq!(ran.err, line);
}

#[test]
fn list_says_which_tables_take_rows_and_what_they_must_have() {
    let folder = tempfile::tempdir().unwrap();
    let text = succeed(folder.path(), "list retail");
    let line =
        "--use products=PLACE takes rows of your own, with product_id and list_price at least";
    assert!(text.contains(line), "{text}");
    let listed = json(folder.path(), "list");
    assert_eq!(listed[0]["replaceable"][0]["table"], "customers");
    assert_eq!(listed[1]["replaceable"].as_array().unwrap().len(), 0);
}

#[test]
fn commands_without_generated_rows_refuse_it() {
    refused(
        "load --from lake --use customers=c.csv --to postgres://ana@localhost/x",
        2,
        "expected DATASET[.TABLE] with --use, got --use; leave it out",
    );
    refused(
        "peek retail.invoices 5 --region eu-west-1",
        2,
        "expected --use TABLE=s3://BUCKET/PREFIX with --region, got none; leave it out",
    );
    let folder = tempfile::tempdir().unwrap();
    for command in ["publish retail.invoices --to x", "sql select"] {
        let ran = run(folder.path(), &format!("{command} --use customers=c.csv"));
        assert_eq!(ran.code, Some(2), "{}", ran.err);
        assert!(ran.err.contains("--use"), "{}", ran.err);
    }
}

#[cfg(feature = "load")]
#[test]
fn a_password_in_an_address_is_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    for place in [
        "sellers=mysql://ana:topsecret@127.0.0.1:1/shop/x",
        "sellers=postgres://ana:topsecret@127.0.0.1:1/shop/x?sslmode=disable",
        "sellers=mysql://ana:topsecret@127.0.0.1:1/shop",
        "sellers=mysql://ana:top=secret@127.0.0.1:1/shop/%zz",
        "sellers=mysql://ana:top@secret@127.0.0.1:1/shop/x",
        "sellers=postgres://ana:top/secret@127.0.0.1:1/shop/x",
        "sellers=postgres://ana:topsecret@127.0.0.1:1/shop/x?password=secret",
        "mysql://ana:topsecret@127.0.0.1:1/shop/x",
        "mysql://ana:top=secret@127.0.0.1:1/shop/x",
    ] {
        for command in [
            "generate retail --log log --log-level debug -o out",
            "plan retail",
            "peek retail.invoices 3",
            "schema retail",
            "verify out --log log",
            "publish retail.invoices --to messages",
        ] {
            for flag in [format!("--use={place}"), format!("--use {place}")] {
                let ran = run(folder.path(), &format!("{command} {flag}"));
                assert!(
                    matches!(ran.code, Some(2 | 3)),
                    "{command} {flag}: {}",
                    ran.err
                );
                let log = fs::read_to_string(folder.path().join("log")).unwrap_or_default();
                for told in [&ran.out, &ran.err, &log] {
                    assert!(!told.contains("secret"), "{command} {flag}: {told}");
                }
            }
        }
    }
}
