//! The MariaDB server of the tests, each test with a database of its own; and its client, which knows
//! nothing of ours, to look at what stands there.

use std::env;
use std::io::{self, Write};
use std::process::{Command, Stdio};

const URL: &str = "LAKESEED_TEST_MARIADB_URL";
const CLIENT: &str = "LAKESEED_TEST_MARIADB_CLIENT";

/// A database, which goes with the value.
pub(crate) struct Shop {
    client: String,
    port: u16,
    database: String,
}

impl Shop {
    /// A new database; a line that says which test is skipped where there is no server.
    pub(crate) fn open(test: &str) -> Option<Self> {
        let (Ok(_), Ok(_)) = (env::var(URL), env::var(CLIENT)) else {
            let _ = writeln!(io::stderr(), "\nskipped: {test} needs mariadb");
            return None;
        };
        let test: String = test.chars().take(40).collect();
        let shop = Self::again(format!("{test}_{}", std::process::id()));
        let database = &shop.database;
        shop.ask_outside(&format!(
            "DROP DATABASE IF EXISTS {database}; CREATE DATABASE {database}"
        ));
        Some(shop)
    }

    /// The same database, seen by the process that this one has started.
    pub(crate) fn again(database: String) -> Self {
        let (url, client) = (env::var(URL).unwrap(), env::var(CLIENT).unwrap());
        let (_, port) = url.rsplit_once(':').unwrap();
        Self {
            client,
            port: port.parse().unwrap(),
            database,
        }
    }

    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    /// The port of the server.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The address of the database, at the server or at something before it.
    pub(crate) fn url_at(&self, port: u16) -> String {
        let database = &self.database;
        format!("mysql://root@127.0.0.1:{port}/{database}?ssl-mode=DISABLED")
    }

    pub(crate) fn url(&self) -> String {
        self.url_at(self.port)
    }

    /// What the client prints: columns apart by `|`.
    #[track_caller]
    pub(crate) fn ask(&self, sql: &str) -> String {
        self.feed(&["-D", &self.database, "-e", sql], "")
    }

    /// The same without a database.
    #[track_caller]
    pub(crate) fn ask_outside(&self, sql: &str) -> String {
        self.feed(&["-e", sql], "")
    }

    /// The client with these arguments.
    #[track_caller]
    pub(crate) fn feed(&self, args: &[&str], input: &str) -> String {
        let port = self.port.to_string();
        let mut child = Command::new(&self.client)
            .args(["--no-defaults", "--protocol=tcp", "-h", "127.0.0.1", "-P", &port])
            .args(["-u", "root", "--default-character-set=utf8mb4", "--local-infile=1"])
            // Rows as they are, without names, and without signs for what would break a line.
            .args(["-N", "-B", "-r"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // One that has failed reads nothing.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let ran = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| {
            String::from_utf8_lossy(bytes)
                .trim_end_matches('\n')
                .to_owned()
        };
        assert!(ran.status.success(), "{args:?}: {}", text(&ran.stderr));
        text(&ran.stdout).replace('\t', "|")
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.ask_outside(&format!("DROP DATABASE IF EXISTS {}", self.database));
    }
}
