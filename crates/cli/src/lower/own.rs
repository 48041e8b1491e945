//! `--use TABLE=PLACE`: rows of the user's own, read in whole, in place of a table's generated ones.

#[cfg(feature = "load")]
mod database;
mod files;

use std::fmt;
use std::path::Path;

use anyhow::Result;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use lakeseed_budget::Bytes;
use lakeseed_gen_core::Settings;
use lakeseed_sink::{Manifest, Store};

#[cfg(feature = "load")]
use self::database::read_at as read_database;
use super::from::is_bucket;
use super::memory::Memory;
use crate::args::{Own, Remote};
use crate::error::Failure;
use crate::log::Log;

/// What part of the memory the rows of one table may take: they are held once as they are read, once in
/// one piece, and once in the order of their key.
const SHARE: u64 = 6;

/// What rows are read with.
#[derive(Clone, Copy)]
pub(crate) struct Means<'a> {
    pub(crate) remote: &'a Remote,
    pub(crate) log: &'a Log,
    /// The memory of the process, where it was given.
    pub(crate) memory: Option<Bytes>,
}

/// Rows of the user's own by the table that they replace.
#[derive(Clone, Default)]
pub(crate) struct OwnRows {
    tables: Vec<OwnTable>,
    /// Whether some were in a bucket, whose flags are theirs too.
    has_bucket: bool,
}

#[derive(Clone)]
struct OwnTable {
    name: String,
    rows: RecordBatch,
    /// The flag that names them, without credentials.
    flag: String,
}

/// Batches of a table, and where they came from, without credentials.
struct Read {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    place: String,
}

impl OwnRows {
    /// Reads what the flags name.
    ///
    /// # Errors
    /// A flag that is none, a place that cannot be read, more rows than the memory carries.
    pub(crate) fn read(own: &Own, means: Means<'_>) -> Result<Self> {
        let mut read = Self::default();
        for text in &own.own {
            let Some((table, place)) = text.split_once('=').filter(|(table, place)| {
                // An address with a `=` somewhere is no table.
                !table.is_empty() && !table.contains([':', '/']) && !place.is_empty()
            }) else {
                let expected = "TABLE=PLACE for --use";
                let advice = "name the table, as in --use customers=clientes.csv";
                return Err(Failure::usage(expected, "no table before a place", advice).into());
            };
            if read.has(table) {
                let expected = "each table once for --use";
                let got = format!("{table} twice");
                return Err(Failure::usage(expected, got, "leave one out").into());
            }
            let is_bucket = is_bucket(Path::new(place)) && !super::is_database(place);
            read.has_bucket |= is_bucket;
            let most = most_bytes(means.memory);
            let found = if super::is_database(place) {
                read_database(table, place, most)?
            } else {
                files::read_at(table, Path::new(place), most, means)?
            };
            read.add(table, &found)?;
        }
        Ok(read)
    }

    /// The same and those tables of an output that its rows were made with, where they stand in it. What
    /// cannot be read is left out: who needs it will say so.
    pub(crate) fn with_output<'t>(
        mut self,
        tables: impl IntoIterator<Item = &'t str>,
        manifest: &Manifest,
        place: &Path,
        store: &std::sync::Arc<dyn Store>,
        means: Means<'_>,
    ) -> Self {
        let most = most_bytes(means.memory);
        for table in tables {
            if self.has(table) {
                continue;
            }
            let found = files::read_of(manifest, table, place, store, most);
            if let Err(error) = found.and_then(|found| self.add(table, &found)) {
                means
                    .log
                    .warn(&format!("cannot read {table} back: {error:#}"));
            }
        }
        self
    }

    /// The same and those tables of a database that rows were made with.
    #[cfg(feature = "load")]
    pub(crate) fn with_database<'t>(
        mut self,
        tables: impl IntoIterator<Item = &'t str>,
        from: &dyn lakeseed_sink::databases::Database,
        means: Means<'_>,
    ) -> Self {
        let most = most_bytes(means.memory);
        for table in tables {
            if self.has(table) {
                continue;
            }
            let found = database::read_from(from, table, table, most);
            if let Err(error) = found.and_then(|found| self.add(table, &found)) {
                means
                    .log
                    .warn(&format!("cannot read {table} back: {error:#}"));
            }
        }
        self
    }

    fn add(&mut self, table: &str, found: &Read) -> Result<()> {
        let rows = arrow_select::concat::concat_batches(&found.schema, &found.batches)?;
        self.tables.push(OwnTable {
            name: table.to_owned(),
            flag: format!("--use {table}={}", found.place),
            rows,
        });
        Ok(())
    }

    /// Whether a table is there.
    pub(crate) fn has(&self, table: &str) -> bool {
        self.tables.iter().any(|own| own.name == table)
    }

    /// Only these tables.
    pub(crate) fn only(&self, is_wanted: impl Fn(&str) -> bool) -> Self {
        let tables = self.tables.iter().filter(|own| is_wanted(&own.name));
        Self {
            tables: tables.cloned().collect(),
            has_bucket: self.has_bucket,
        }
    }

    /// Settings with these rows.
    pub(crate) fn add_to(&self, settings: Settings) -> Settings {
        let mut settings = settings;
        for own in &self.tables {
            settings = settings.own(&own.name, own.rows.clone());
        }
        settings
    }

    /// The flags that name them, as a command line would repeat them.
    pub(crate) fn flags(&self) -> impl Iterator<Item = &str> {
        self.tables.iter().map(|own| own.flag.as_str())
    }

    /// The flags of a bucket for the other places of a command: those that were these rows' are no
    /// mistake there.
    pub(crate) fn rest_of(&self, remote: &Remote) -> Remote {
        Remote {
            given: remote.given.clone().filter(|_| !self.has_bucket),
            ..remote.clone()
        }
    }

    /// Refuses the flags of a bucket where only these rows could be in one.
    ///
    /// # Errors
    /// Such a flag on the command line.
    pub(crate) fn refuse_rest(&self, remote: &Remote) -> Result<()> {
        match self.rest_of(remote).given {
            None => Ok(()),
            Some(flag) => {
                let expected = format!("--use TABLE=s3://BUCKET/PREFIX with {flag}");
                Err(Failure::usage(expected, "none", "leave it out").into())
            }
        }
    }

    /// Refuses rows that nothing was made with.
    ///
    /// # Errors
    /// A table that is not among those.
    pub(crate) fn check_used<'t>(&self, used: impl IntoIterator<Item = &'t str>) -> Result<()> {
        let used: Vec<&str> = used.into_iter().collect();
        let stray = self
            .tables
            .iter()
            .find(|own| !used.contains(&own.name.as_str()));
        let Some(stray) = stray else {
            return Ok(());
        };
        let expected = if used.is_empty() {
            "no --use: what stands there hangs on no rows of the user's own".to_owned()
        } else {
            format!("--use for {}", used.join(", "))
        };
        let got = format!("--use {}", stray.name);
        Err(Failure::usage(expected, got, "leave it out").into())
    }
}

impl fmt::Debug for OwnRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.flags()).finish()
    }
}

/// Refuses flags where no rows are made.
///
/// # Errors
/// Any of them.
pub(crate) fn refuse(own: &Own, expected: &str) -> Result<()> {
    match own.own.first() {
        None => Ok(()),
        Some(_) => Err(Failure::usage(expected, "--use", "leave it out").into()),
    }
}

fn most_bytes(memory: Option<Bytes>) -> u64 {
    let total = Memory::of(memory).total;
    total.map_or(u64::MAX, |total| total.get() / SHARE)
}

/// Rows that the memory does not carry.
fn too_many(table: &str, most: u64) -> Failure {
    let most = Bytes::new(most);
    let expected = format!("at most {most} of memory for the rows of --use {table}");
    let advice = "give more --memory, or fewer rows or columns";
    Failure::refused(expected, "more", advice)
}

/// Says which build reads databases.
#[cfg(not(feature = "load"))]
fn read_database(_table: &str, _place: &str, _most: u64) -> Result<Read> {
    let expected = "a lakeseed that was built with the feature load, for a database's table";
    let advice = "build it with that feature, or name a file";
    Err(Failure::usage(expected, "one without", advice).into())
}
