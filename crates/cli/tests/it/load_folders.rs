//! `load --from` of outputs whose partition columns stand in the names of folders, with real servers.
//!
//! The second path: the same rows generated into a schema beside it, compared by the servers.

use std::fs;
use std::path::Path;

use super::load::RETAIL_TABLES;
use super::load::server::Shop as Postgres;
use super::load_mysql::server::Shop as Mariadb;
use crate::support::{binary, json, ran, run, succeed};

const RETAIL: &str = "retail -s 0.002";
/// Ways to write them, and the format that each is named by.
const WRITTEN: [(&str, &str); 3] = [
    ("parquet", "--partition-by year,month,day"),
    ("csv", "-c gzip --partition-by year"),
    ("json", "--partition-by year,month"),
];

/// Two shops of a system: how it is asked, the addresses, and the names before a table.
struct Two<'a> {
    ask: &'a dyn Fn(&str) -> String,
    urls: [String; 2],
    schemas: [String; 2],
    /// What stands about keys and comments, of a schema `{}`.
    about: &'a [&'a str],
}

impl Two<'_> {
    /// Loads generated rows into the one, and each output into the other.
    fn are_the_same(&self, folder: &Path) {
        let [made, read] = &self.urls;
        succeed(folder, &format!("load {RETAIL} --to {made} -q"));
        for (out, _) in WRITTEN {
            let load = format!("load --from {out} --to {read} -j 2 --if-exists replace");
            let done = json(folder, &load);
            for table in RETAIL_TABLES {
                let [made, read] = self
                    .schemas
                    .each_ref()
                    .map(|schema| format!("(SELECT * FROM {schema}.{table})"));
                for (one, other) in [(&made, &read), (&read, &made)] {
                    let left = format!("{one} EXCEPT ALL {other}");
                    let ask = format!("SELECT count(*) FROM ({left}) AS left_over");
                    assert_eq!((self.ask)(&ask), "0", "{out}: {left}");
                }
                let rows = format!("SELECT count(*) FROM {read} AS found");
                assert_ne!((self.ask)(&rows), "0", "{out}: {table}");
            }
            for about in self.about {
                let [made, read] = self.schemas.each_ref().map(|schema| {
                    let told = (self.ask)(&about.replace("{}", schema));
                    // PostgreSQL names tables of other schemas in whole.
                    told.replace(&format!("{schema}."), "")
                });
                assert_eq!(read, made, "{out}");
                assert!(!made.is_empty(), "{about}");
            }
            let found = json(folder, &format!("verify {read}"));
            assert_eq!(
                (&found["clean"], &found["rows_read"]),
                (&true.into(), &done["rows"]),
                "{out}: {found}"
            );
            let again = load.replace(" --if-exists replace", "");
            assert_eq!(json(folder, &again)["written"], false, "{out}");
        }
    }
}

fn outputs(folder: &Path) {
    for (format, how) in WRITTEN {
        let generate = format!("generate {RETAIL} -f {format} {how} -o {format} -q");
        succeed(folder, &generate);
    }
}

#[test]
fn they_become_what_their_dataset_becomes_in_postgres() {
    let (Some(made), Some(read)) = (
        Postgres::open("cli_folders_made"),
        Postgres::open("cli_folders_read"),
    ) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    outputs(folder.path());
    Two {
        ask: &|sql| read.ask(sql),
        urls: [made.url(), read.url()],
        schemas: [made.schema().to_owned(), read.schema().to_owned()],
        about: &[
            "SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint \
             WHERE connamespace = '{}'::regnamespace \
             AND conrelid::regclass::text !~ 'lakeseed' ORDER BY conrelid::regclass::text, 2",
            "SELECT c.relname, d.objsubid, d.description FROM pg_description d \
             JOIN pg_class c ON c.oid = d.objoid \
             WHERE c.relnamespace = '{}'::regnamespace AND c.relname !~ 'lakeseed' ORDER BY 1, 2",
            "SELECT table_name, column_name, ordinal_position, data_type \
             FROM information_schema.columns WHERE table_schema = '{}' \
             AND table_name !~ 'lakeseed' ORDER BY 1, 3",
        ],
    }
    .are_the_same(folder.path());
}

#[test]
fn they_become_what_their_dataset_becomes_in_mariadb() {
    let (Some(made), Some(read)) = (
        Mariadb::open("cli_folders_made"),
        Mariadb::open("cli_folders_read"),
    ) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    outputs(folder.path());
    Two {
        ask: &|sql| read.ask(sql),
        urls: [made.url(), read.url()],
        schemas: [made.database().to_owned(), read.database().to_owned()],
        about: &[
            "SELECT table_name, constraint_name, column_name, referenced_table_name, \
             referenced_column_name FROM information_schema.key_column_usage \
             WHERE table_schema = '{}' AND table_name NOT LIKE 'lakeseed%' ORDER BY 1, 2, 3",
            "SELECT table_name, column_name, column_type, column_comment \
             FROM information_schema.columns WHERE table_schema = '{}' \
             AND table_name NOT LIKE 'lakeseed%' ORDER BY table_name, ordinal_position",
            "SELECT table_name, table_comment FROM information_schema.tables \
             WHERE table_schema = '{}' AND table_name NOT LIKE 'lakeseed%' ORDER BY 1",
        ],
    }
    .are_the_same(folder.path());
}

#[test]
fn one_table_goes_on_after_a_kill_and_under_another_name() {
    let Some(shop) = Postgres::open("cli_folders_killed") else {
        return;
    };
    let (folder, to) = (tempfile::tempdir().unwrap(), shop.url());
    let folder = folder.path();
    succeed(
        folder,
        &format!("generate {RETAIL} --partition-by year,month -o out -q"),
    );
    let load = format!("load --from out/invoices --table sales --to {to} -j 1 --progress none");
    let mut killed = binary(folder);
    killed.args(load.split_whitespace());
    killed.env("LAKESEED_FAIL_POINT", "load.part.recorded:5");
    assert_eq!(ran(&mut killed).code, None, "the point was not reached");
    let done = json(folder, &load);
    assert_eq!(
        (&done["is_continued"], &done["parts_found"]),
        (&true.into(), &4.into())
    );
    // A part a month, each with the number of its first row among all.
    let parts = "SELECT count(*), sum(row_count), count(DISTINCT first_row) FROM lakeseed_ledger";
    assert_eq!(shop.ask(parts), "12|6000|12");
    let months = "SELECT count(*) FROM sales WHERE year = extract(year FROM issued_at) \
                  AND month = extract(month FROM issued_at)";
    assert_eq!(shop.ask(months), "6000");
    assert_eq!(json(folder, &format!("verify {to}"))["clean"], true);
    // A row that would stand in another folder is another one.
    shop.ask("UPDATE sales SET month = 6 WHERE invoice_id = (SELECT max(invoice_id) FROM sales)");
    let found = run(folder, &format!("verify {to}"));
    assert!(
        found.code == Some(1) && found.out.contains("altered rows"),
        "{found:?}"
    );
}

#[test]
fn rows_of_the_users_own_are_read_from_them_too() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // An invoice a seller: its key is there once.
    let sold = "retail.invoices --rows sellers=1,invoices=1 --partition-by year,month";
    succeed(folder, &format!("generate {sold} -f json -o sold -q"));
    let own = "retail.sellers -s 0.001 --use sellers=sold";
    let row = json(folder, &format!("peek {own} 0"));
    let of = json(folder, "peek retail.invoices 0 --rows sellers=1,invoices=1");
    for column in ["seller_id", "invoice_id", "year", "month", "day"] {
        assert_eq!(row["row"][column], of["row"][column], "{column}: {row}");
        assert!(row["row"][column].is_number(), "{column}: {row}");
    }
}

#[test]
fn folders_of_strangers_are_refused_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeed(
        folder,
        &format!("generate {RETAIL} --partition-by year -o out -q"),
    );
    fs::rename(folder.join("out/invoices"), folder.join("strange")).unwrap();
    let refused = run(
        folder,
        "load --from strange --to postgres://ana@127.0.0.1:1/shop",
    );
    assert_eq!(refused.code, Some(3), "{}", refused.err);
    assert!(
        refused
            .err
            .contains("a folder that holds a column in its name"),
        "{}",
        refused.err
    );
}
