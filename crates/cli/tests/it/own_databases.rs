//! `--use` with tables of databases, with real servers: the same run as from files, loaded into both, and
//! verified from what stands there.

use std::fs;
use std::path::Path;

use crate::load::server::Shop as Postgres;
use crate::load_mysql::server::Shop as Mariadb;
use crate::own::clientes;
use crate::support::{files, json, run, succeed};

const SCALE: &str = "retail -s 0.002 --seed 7";

/// The address of a table: its name stands before the parameters.
fn table_at(url: &str, table: &str) -> String {
    match url.split_once('?') {
        Some((path, query)) => format!("{path}/{table}?{query}"),
        None => format!("{url}/{table}"),
    }
}

fn data_id(folder: &Path, own: &str) -> String {
    let planned = json(folder, &format!("plan {SCALE} {own}"));
    planned["data_id"].as_str().unwrap().to_owned()
}

/// Checks in SQL that no invoice and no item is without its parents.
fn has_no_orphans(ask: &dyn Fn(&str) -> String) {
    for (child, key, parent) in [
        ("invoices", "customer_id", "customers"),
        ("invoices", "seller_id", "sellers"),
        ("invoice_items", "product_id", "products"),
        ("invoice_items", "invoice_id", "invoices"),
    ] {
        let orphans = format!(
            "SELECT COUNT(*) FROM {child} c LEFT JOIN {parent} p ON p.{key} = c.{key} WHERE p.{key} IS NULL"
        );
        assert_eq!(ask(&orphans), "0", "{child}.{key}");
        assert_ne!(ask(&format!("SELECT COUNT(*) FROM {child}")), "0");
    }
}

/// Makes the table of a shop that runs already, in the words of each system.
fn has_sellers(postgres: &Postgres, mariadb: &Mariadb) {
    postgres.ask(
        "CREATE TABLE vendedores (nome text, seller_id integer PRIMARY KEY, region varchar(20), \
         ativo boolean, meta numeric(9,3), desde timestamp)",
    );
    postgres.ask(
        "INSERT INTO vendedores VALUES ('Zoé', 70, 'Sul', true, 1.125, '2020-01-02 03:04:05.678901'), \
         ('', 12, 'Norte', false, null, null), (null, 33, 'Sudeste', null, -2, '1960-01-01')",
    );
    mariadb.ask(
        "CREATE TABLE vendedores (nome varchar(50), seller_id int PRIMARY KEY, region varchar(20), \
         ativo boolean, meta decimal(9,3), desde datetime(6)) CHARACTER SET utf8mb4",
    );
    mariadb.ask(
        "INSERT INTO vendedores VALUES ('Zoé', 70, 'Sul', true, 1.125, '2020-01-02 03:04:05.678901'), \
         ('', 12, 'Norte', false, null, null), (null, 33, 'Sudeste', null, -2, '1960-01-01')",
    );
}

#[test]
fn from_a_csv_and_from_the_other_database_into_both() {
    let (Some(postgres), Some(mariadb)) = (
        Postgres::open("cli_own_rows"),
        Mariadb::open("cli_own_rows"),
    ) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("clientes.csv"), clientes()).unwrap();
    has_sellers(&postgres, &mariadb);
    let (in_postgres, in_mariadb) = (
        table_at(&postgres.url(), "vendedores"),
        table_at(&mariadb.url(), "vendedores"),
    );
    let own = |sellers: &str| format!("--use customers=clientes.csv --use sellers={sellers}");
    let first = data_id(folder, &own(&in_postgres));
    assert_eq!(data_id(folder, &own(&in_mariadb)), first);
    // A file that has them too is the same run.
    let from = own(&in_mariadb);
    succeed(
        folder,
        &format!("generate retail.sellers -s 0.002 {from} -o sellers -q"),
    );
    assert_eq!(data_id(folder, &own("sellers")), first);

    // Each shop's sellers into the other.
    let to = format!(
        "load {SCALE} {} --to {} -q",
        own(&in_mariadb),
        postgres.url()
    );
    assert_eq!(json(folder, &to)["written"], true);
    let back = format!(
        "load {SCALE} {} --to {} -q",
        own(&in_postgres),
        mariadb.url()
    );
    assert_eq!(json(folder, &back)["written"], true);
    has_no_orphans(&|sql| postgres.ask(sql));
    has_no_orphans(&|sql| mariadb.ask(sql));
    let keys = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' \
                AND conrelid::regclass::text !~ 'lakeseed' AND connamespace = current_schema()::regnamespace";
    assert_eq!(postgres.ask(keys), "5");
    let meta = "SELECT meta FROM sellers WHERE seller_id = 70";
    assert_eq!([postgres.ask(meta), mariadb.ask(meta)], ["1.125", "1.125"]);

    // The rows that others hang on are read back from where they stand.
    for shop in [postgres.url(), mariadb.url()] {
        let verified = json(folder, &format!("verify {shop}"));
        assert_eq!(verified["clean"], true, "{verified}");
        assert!(verified["rows_compared"].as_u64().unwrap() > 15_000);
    }
    // Again is nothing new; from another place it is the same plan.
    let from_postgres = format!(
        "load {SCALE} {} --to {} -q",
        own(&in_postgres),
        postgres.url()
    );
    assert_eq!(json(folder, &from_postgres)["written"], false);
    assert_eq!(postgres.ask("SELECT count(*) FROM sellers"), "3");

    // A customer that somebody has changed is not the one that the invoices hang on.
    postgres.ask("UPDATE customers SET nome = 'other' WHERE customer_id = 5");
    let ran = run(folder, &format!("verify {}", postgres.url()));
    assert_eq!(ran.code, Some(3));
    assert!(
        ran.err.contains("expected the rows of customers"),
        "{}",
        ran.err
    );
    let ran = run(
        folder,
        &format!("verify {} {}", postgres.url(), own(&in_mariadb)),
    );
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(
        ran.out.contains("altered") || ran.out.contains("rows"),
        "{}",
        ran.out
    );
    // A password that the server does not ask for stands in nothing that is told or written.
    let secret = own(&in_postgres.replacen("postgres@", "postgres:topsecret@", 1));
    assert!(secret.contains("topsecret"), "{secret}");
    let work = format!("generate {SCALE} {secret} -v --log log --log-level debug -o out");
    let ran = run(folder, &work);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let mut told = vec![(
        "told".to_owned(),
        format!("{}{}", ran.out, ran.err).into_bytes(),
    )];
    told.extend(files(folder));
    for (name, bytes) in told {
        assert!(!bytes.windows(9).any(|it| it == b"topsecret"), "{name}");
    }
    // One more seller there is another run.
    mariadb.ask("INSERT INTO vendedores VALUES ('Novo', 71, 'Sul', true, 0, null)");
    assert_ne!(data_id(folder, &own(&in_mariadb)), first);
}

#[test]
fn tables_that_cannot_be_read_are_refused() {
    let (Some(postgres), Some(mariadb)) = (
        Postgres::open("cli_own_refused"),
        Mariadb::open("cli_own_refused"),
    ) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("clientes.csv"), clientes()).unwrap();
    let work = "load retail -s 0.002 --use customers=clientes.csv --views";
    let ran = run(folder, &format!("{work} --to {}", postgres.url()));
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    let why = "with table `customers` without column";
    assert!(ran.err.contains(why), "{}", ran.err);
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()";
    assert_eq!(postgres.ask(tables), "0");
    postgres.ask("CREATE TABLE odd (seller_id integer, photo bytea)");
    postgres.ask("CREATE TABLE none (seller_id integer)");
    postgres.ask("CREATE VIEW plain AS SELECT 7::bigint AS seller_id, 'Sul'::text AS region");
    mariadb.ask("CREATE TABLE odd (seller_id int, photo blob)");
    mariadb.ask("CREATE TABLE twice (seller_id int)");
    mariadb.ask("INSERT INTO twice VALUES (1), (2), (1)");
    let refused = |url: &str, table: &str, words: &[&str]| {
        let own = format!("--use sellers={}", table_at(url, table));
        let ran = run(folder, &format!("generate {SCALE} {own} -o out"));
        assert_eq!(
            (ran.code, ran.err.lines().count()),
            (Some(3), 1),
            "{}",
            ran.err
        );
        assert!(
            words.iter().all(|word| ran.err.contains(word)),
            "{}",
            ran.err
        );
    };
    for url in [postgres.url(), mariadb.url()] {
        refused(
            &url,
            "nowhere",
            &["a table or view `nowhere`", "none of that name"],
        );
        refused(
            &url,
            "odd",
            &["in column `photo` of `odd`", "a view can cast"],
        );
    }
    refused(&postgres.url(), "none", &["rows in none", "fill it"]);
    refused(&mariadb.url(), "twice", &["column seller_id", "which row"]);
    // A view is as good as a table.
    let view = format!("--use sellers={}", table_at(&postgres.url(), "plain"));
    assert!(data_id(folder, &view).contains("&sellers=1&"));
}

#[test]
fn what_is_said_of_generated_values_is_not_said_of_rows_from_files() {
    let (Some(postgres), Some(mariadb)) = (
        Postgres::open("cli_own_said"),
        Mariadb::open("cli_own_said"),
    ) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("clientes.csv"), clientes()).unwrap();
    // A column of a name that generated customers have too.
    let sellers = "seller_id,region,hired_on,commission_rate\n9,Sul,never,a lot\n";
    fs::write(folder.join("vendedores.csv"), sellers).unwrap();
    let own = "--use customers=clientes.csv --use sellers=vendedores.csv";
    succeed(folder, &format!("generate {SCALE} {own} -o out -q"));
    let in_postgres = "SELECT c.relname, a.attname, d.description FROM pg_description d \
                       JOIN pg_class c ON c.oid = d.objoid \
                       LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid \
                       AND a.attnum > 0 WHERE c.relnamespace = current_schema()::regnamespace \
                       AND c.relname !~ 'lakeseed' ORDER BY 1, 2";
    let in_mariadb = "SELECT table_name, column_name, column_key, column_comment \
                      FROM information_schema.columns WHERE table_schema = DATABASE() \
                      AND table_name NOT LIKE 'lakeseed%' ORDER BY table_name, ordinal_position";
    let said = |by: &str| {
        succeed(folder, &format!("load {by} --to {} -q", postgres.url()));
        succeed(folder, &format!("load {by} --to {} -q", mariadb.url()));
        [postgres.ask(in_postgres), mariadb.ask(in_mariadb)]
    };
    let made = said(&format!("{SCALE} {own}"));
    let read = said("--from out --if-exists replace");
    assert_eq!(read, made);
    let [in_postgres, in_mariadb] = read;
    // Generated products are numbered so still, and tables say what they hold.
    for line in ["products|product_id|1..n", "sellers||"] {
        assert!(in_postgres.contains(line), "{line}: {in_postgres}");
    }
    for line in [
        "customers|customer_id|PRI|\n",
        "products|product_id|PRI|1..n",
    ] {
        assert!(in_mariadb.contains(line), "{line}: {in_mariadb}");
    }
}

#[test]
fn names_of_tables_and_columns_may_be_anything() {
    let (Some(postgres), Some(mariadb)) = (
        Postgres::open("cli_own_names"),
        Mariadb::open("cli_own_names"),
    ) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let odd = "\"order\",\"a \"\"b\"\" `c` 'd'\",select,group\n1,\"q\"\"q\",2,x\n2,`,3,\n";
    fs::write(folder.join("odd.csv"), odd).unwrap();
    let region = "region varchar(20)";
    let rows = "VALUES (5, 'Sul', 'x', 1), (9, 'Norte', 'y', 2)";
    postgres.ask(&format!(
        "CREATE TABLE \"group\" (seller_id int, {region}, \"a \"\"b\"\" `c`\" text, \"select\" int)"
    ));
    postgres.ask(&format!("INSERT INTO \"group\" {rows}"));
    mariadb.ask(&format!(
        "CREATE TABLE `group` (seller_id int, {region}, `a \"b\" ``c``` varchar(9), `select` int)"
    ));
    mariadb.ask(&format!("INSERT INTO `group` {rows}"));
    let own = [postgres.url(), mariadb.url()].map(|url| table_at(&url, "group"));
    assert_eq!(
        data_id(folder, &format!("--use sellers={}", own[0])),
        data_id(folder, &format!("--use sellers={}", own[1]))
    );
    // Each shop's sellers into the other, and a stranger's file as a table of a word that is taken.
    for (to, from) in [(postgres.url(), &own[1]), (mariadb.url(), &own[0])] {
        succeed(
            folder,
            &format!("load retail.sellers --use sellers={from} --to {to} -q"),
        );
        let load = format!("load --from odd.csv --table select --to {to} -q");
        succeed(folder, &load);
        assert_eq!(json(folder, &format!("verify {to}"))["clean"], true);
    }
    let found = [
        postgres.ask("SELECT \"a \"\"b\"\" `c`\", \"select\" FROM sellers ORDER BY seller_id"),
        mariadb.ask("SELECT `a \"b\" ``c```, `select` FROM sellers ORDER BY seller_id"),
        postgres
            .ask("SELECT \"a \"\"b\"\" `c` 'd'\", \"select\" FROM \"select\" ORDER BY \"order\""),
        mariadb.ask("SELECT `a \"b\" ``c`` 'd'`, `select` FROM `select` ORDER BY `order`"),
    ];
    assert_eq!(
        found,
        ["x|1\ny|2", "x|1\ny|2", "q\"q|2\n`|3", "q\"q|2\n`|3"]
    );
}
