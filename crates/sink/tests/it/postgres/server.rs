//! The PostgreSQL server of the tests, each test with a schema of its own; and `psql`, which knows
//! nothing of ours, to look at what stands there.

use std::env;
use std::io::{self, Write};
use std::process::{Command, Stdio};

const URL: &str = "LAKESEED_TEST_POSTGRES_URL";
const PSQL: &str = "LAKESEED_TEST_POSTGRES_PSQL";

/// A schema, which goes with the value.
pub(crate) struct Shop {
    url: String,
    psql: String,
    schema: String,
}

impl Shop {
    /// A new schema; a line that says which test is skipped where there is no server.
    pub(crate) fn open(test: &str) -> Option<Self> {
        let (Ok(url), Ok(psql)) = (env::var(URL), env::var(PSQL)) else {
            let _ = writeln!(io::stderr(), "\nskipped: {test} needs postgres");
            return None;
        };
        let schema: String = test.chars().take(40).collect();
        let shop = Self {
            url,
            psql,
            schema: format!("{schema}_{}", std::process::id()),
        };
        shop.ask(&format!(
            "DROP SCHEMA IF EXISTS {0} CASCADE; CREATE SCHEMA {0}",
            shop.schema
        ));
        Some(shop)
    }

    /// The same schema, seen by the process that this one has started.
    pub(crate) fn again(schema: String) -> Self {
        let (url, psql) = (env::var(URL).unwrap(), env::var(PSQL).unwrap());
        Self { url, psql, schema }
    }

    pub(crate) fn schema(&self) -> &str {
        &self.schema
    }

    /// The port of the server.
    pub(crate) fn port(&self) -> u16 {
        let (_, behind) = self.url.rsplit_once(':').unwrap();
        behind.split('/').next().unwrap().parse().unwrap()
    }

    /// The address of the schema, at the server or at something before it.
    pub(crate) fn url_at(&self, port: u16) -> String {
        let schema = &self.schema;
        format!(
            "postgres://postgres@127.0.0.1:{port}/postgres?sslmode=disable&options=-csearch_path%3D{schema}"
        )
    }

    pub(crate) fn url(&self) -> String {
        self.url_at(self.port())
    }

    /// What `psql` prints: columns apart by `|`.
    #[track_caller]
    pub(crate) fn ask(&self, sql: &str) -> String {
        self.feed(sql, "")
    }

    /// The same of a statement that reads what it is given.
    #[track_caller]
    pub(crate) fn feed(&self, sql: &str, input: &str) -> String {
        let mut child = Command::new(&self.psql)
            .args([
                "-X",
                "-At",
                "-v",
                "ON_ERROR_STOP=1",
                "-d",
                &self.url,
                "-c",
                sql,
            ])
            .env("PGOPTIONS", format!("-csearch_path={}", self.schema))
            .env("PGTZ", "UTC")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // One that has failed reads nothing.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let ran = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        assert!(ran.status.success(), "{sql}: {}", text(&ran.stderr));
        text(&ran.stdout)
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        if !self.schema.starts_with("again_") {
            self.ask(&format!("DROP SCHEMA IF EXISTS {} CASCADE", self.schema));
        }
    }
}
