//! What loads promise alike whatever the system is, with the real servers of `postgres` and `mysql`.

mod broken;
pub(crate) mod family;
mod full;
mod kill;
mod own;
pub(crate) mod refused;
mod restarted;
mod rows;
mod runs;
mod verify;
mod views;

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use lakeseed_sink::databases::ddl::Dialect;
use lakeseed_sink::databases::mysql::{Mysql, MysqlOptions};
use lakeseed_sink::databases::postgres::{Postgres, PostgresOptions};
use lakeseed_sink::databases::{
    Database, IfExists, Load, LoadPlan, LoadPlanBuilder, Loaded, TableToLoad,
};
use lakeseed_sink::{BatchSource, Environment, Error, Result};

use crate::{mysql, postgres};

/// Long enough for a server that starts again on a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);
/// The signal with which a process ends itself.
const SIGABRT: i32 = 6;
/// Where a child process finds its parent's tables.
const PLACE: &str = "LAKESEED_TEST_PLACE";

/// A server's place for the tables of one test.
pub(crate) trait Shop: Sized + Sync {
    const DIALECT: Dialect;
    /// What the server calls the place, in its own words.
    const HERE: &str;
    /// Nothing where there is no server.
    fn open(test: &str) -> Option<Self>;
    /// The same place, seen by the process that this one has started.
    fn again(place: String) -> Self;
    fn place(&self) -> &str;
    fn url(&self) -> String;
    /// The port of the server.
    fn port(&self) -> u16;
    /// The address of the place, at the server or at something before it.
    fn url_at(&self, port: u16) -> String;
    /// The system at an address, whose waits end after `patience`.
    fn at(url: &str, patience: Duration) -> Box<dyn Database>;
    /// What the server's own client prints: columns apart by `|`.
    fn ask(&self, sql: &str) -> String;

    fn to(&self) -> Box<dyn Database> {
        Self::at(&self.url(), PATIENCE)
    }

    /// A plan for this system.
    fn plan() -> LoadPlanBuilder<'static> {
        LoadPlan::builder().dialect(Self::DIALECT)
    }

    fn load(&self, plan: &LoadPlan<'_>, if_exists: IfExists) -> Result<Loaded> {
        let to = self.to();
        Load::new(plan, to.as_ref()).if_exists(if_exists).run()
    }
}

pub(crate) struct PostgresShop(postgres::server::Shop);

impl Shop for PostgresShop {
    const DIALECT: Dialect = Dialect::Postgres;
    const HERE: &str = "current_schema()";

    fn open(test: &str) -> Option<Self> {
        postgres::server::Shop::open(test).map(Self)
    }

    fn again(place: String) -> Self {
        Self(postgres::server::Shop::again(place))
    }

    fn place(&self) -> &str {
        self.0.schema()
    }

    fn url(&self) -> String {
        self.0.url()
    }

    fn port(&self) -> u16 {
        self.0.port()
    }

    fn url_at(&self, port: u16) -> String {
        self.0.url_at(port)
    }

    fn at(url: &str, patience: Duration) -> Box<dyn Database> {
        let options = PostgresOptions {
            patience,
            environment: Environment::new(|_| None),
        };
        Box::new(Postgres::new(url, &options).unwrap())
    }

    fn ask(&self, sql: &str) -> String {
        self.0.ask(sql)
    }
}

pub(crate) struct MariadbShop(mysql::server::Shop);

impl Shop for MariadbShop {
    const DIALECT: Dialect = Dialect::Mysql;
    const HERE: &str = "DATABASE()";

    fn open(test: &str) -> Option<Self> {
        mysql::server::Shop::open(test).map(Self)
    }

    fn again(place: String) -> Self {
        Self(mysql::server::Shop::again(place))
    }

    fn place(&self) -> &str {
        self.0.database()
    }

    fn url(&self) -> String {
        self.0.url()
    }

    fn port(&self) -> u16 {
        self.0.port()
    }

    fn url_at(&self, port: u16) -> String {
        self.0.url_at(port)
    }

    fn at(url: &str, patience: Duration) -> Box<dyn Database> {
        let options = MysqlOptions {
            patience,
            environment: Environment::new(|_| None),
        };
        Box::new(Mysql::new(url, &options).unwrap())
    }

    fn ask(&self, sql: &str) -> String {
        self.0.ask(sql)
    }
}

fn to_postgres(url: &str) -> Box<dyn Database> {
    PostgresShop::at(url, PATIENCE)
}

fn to_mariadb(url: &str) -> Box<dyn Database> {
    MariadbShop::at(url, PATIENCE)
}

/// As many pets as are asked for, with a number and a name.
fn many_pets(rows: u64) -> TableToLoad<'static> {
    let key = ("lakeseed:key".to_owned(), "primary".to_owned());
    let id = Field::new("id", DataType::Int64, false).with_metadata([key].into());
    let schema = Schema::new(vec![id, Field::new("name", DataType::Utf8, false)]);
    let names = (1..=rows).map(|id| format!("pet {id} of {rows}"));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(1..=rows as i64)),
        Arc::new(StringArray::from_iter_values(names)),
    ];
    let batch = RecordBatch::try_new(Arc::new(schema), columns).unwrap();
    TableToLoad::new("pets", BatchSource::new(batch), 0..rows)
}

/// Ten pets, with a number and a kind; `key` is the column that is their key.
fn pets(key: &str) -> TableToLoad<'static> {
    let field = |name: &str, data_type: DataType| {
        let field = Field::new(name, data_type, false);
        let hint = ("lakeseed:key".to_owned(), "primary".to_owned());
        if name == key {
            field.with_metadata([hint].into())
        } else {
            field
        }
    };
    let kinds: DictionaryArray<Int32Type> = ["a", "c", "e", "b", "d", "f", "g", "h", "i", "j"]
        .into_iter()
        .collect();
    let schema = Schema::new(vec![
        field("id", DataType::Int64),
        field(
            "kind",
            DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
        ),
    ]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(1..=10)),
        Arc::new(kinds),
    ];
    let batch = RecordBatch::try_new(Arc::new(schema), columns).unwrap();
    TableToLoad::new("pets", BatchSource::new(batch), 0..10)
}

/// Runs a test of this binary in a process that ends itself at a point.
#[track_caller]
fn kill_at(child: &str, place: &str, point: &str) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([child, "--exact"]);
    command.env(PLACE, place).env("LAKESEED_FAIL_POINT", point);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let signal = command.status().unwrap().signal();
    assert_eq!(signal, Some(SIGABRT), "{point} was not reached");
}

/// What an error says, with its causes.
pub(crate) fn text(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
