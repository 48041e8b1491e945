//! What `bench queries` asks, of which tables, and with what means.

use std::fmt;
use std::sync::Arc;

use anyhow::Result;
use lakeseed_star_schema::BytesRead;
use lakeseed_star_schema::bench::{LeftOut, Question, Setting};
use lakeseed_star_schema::query::{Queries, QuerySettings, named};

use super::Destination;
use super::sql::{self, Tables};
use super::star::{one_bucket_at_least, remote_of};
use crate::args::{BenchQueries, Cell};
use crate::error::{self, Failure};
use crate::log::Log;

/// All settings, the least first.
pub(crate) fn settings(args: &BenchQueries) -> Vec<Setting> {
    let matrix = &args.matrix;
    let cores = super::threads(None);
    let threads = matrix
        .threads
        .iter()
        .map(|&asked| super::threads(Some(asked)));
    let mut threads: Vec<usize> = threads.collect();
    if threads.is_empty() {
        threads = vec![1, cores];
    }
    let mut partitions = matrix.partitions.clone();
    if partitions.is_empty() {
        partitions = vec![1, cores, 4 * cores];
    }
    Setting::matrix(&matrix.memory, &threads, &partitions)
}

/// One setting as the engine takes it.
///
/// # Errors
/// When its memory does not carry a query.
pub(crate) fn means(args: &BenchQueries, cell: Cell) -> Result<QuerySettings> {
    sql::settings(&sql::Means {
        threads: Some(cell.threads),
        memory: Some(cell.memory),
        partitions: Some(cell.partitions),
        temp_dir: args.temp_dir.as_deref(),
        temp_in_memory: args.temp_in_memory,
    })
}

/// The tables that may be asked: those of `--from`, and those of `--star`.
pub(crate) struct Places(Vec<Tables>);

impl Places {
    /// Looks which there are.
    ///
    /// # Errors
    /// An output of ours that is not finished, a place that cannot be read, flags of a bucket without one.
    pub(crate) fn open(args: &BenchQueries, log: &Log) -> Result<Self> {
        let given = [Some(&args.from), args.star.as_ref()].into_iter().flatten();
        let places = given.clone().map(|place| Destination::parse(place));
        let places = places.collect::<Result<Vec<_>>>()?;
        one_bucket_at_least(&args.remote, &places.iter().collect::<Vec<_>>())?;
        let tables = given.zip(&places).map(|(given, place)| {
            let remote = remote_of(&args.remote, place);
            Tables::open(given, &remote, log)
        });
        Ok(Self(tables.collect::<Result<_>>()?))
    }

    /// The names of all tables.
    fn names(&self) -> Vec<String> {
        self.0
            .iter()
            .flat_map(|tables| tables.names.clone())
            .collect()
    }

    /// The places as they were given.
    pub(crate) fn shown(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    /// The engine over the tables that a statement names. Of two of one name that of `--from` is taken.
    ///
    /// # Errors
    /// What is no query, a table that is not there, files that cannot be read.
    pub(crate) fn queries(
        &self,
        sql: &str,
        settings: &QuerySettings,
        read: &BytesRead,
    ) -> Result<Queries> {
        let mut queries = Queries::new(settings)?;
        for name in named(sql)? {
            let Some(tables) = self.0.iter().find(|tables| tables.has(&name)) else {
                let known = self.names();
                let advice = error::advice(&name.table, known.iter().map(String::as_str));
                let expected = format!("a table at {self}");
                return Err(Failure::usage(expected, format!("'{name}'"), &advice).into());
            };
            let files = tables.files(&name.table, Some(read))?;
            queries.register_source(&name.table, Arc::new(files))?;
        }
        Ok(queries)
    }
}

impl fmt::Display for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown().join(" or "))
    }
}

/// The questions that are asked, and of those that are built in the ones whose tables are not there.
///
/// # Errors
/// A folder without questions, a name that none has, none that is left.
pub(crate) fn questions(
    args: &BenchQueries,
    places: &Places,
) -> Result<(Vec<Question>, Vec<LeftOut>)> {
    let mut all = match &args.sql {
        Some(folder) => {
            Question::in_folder(folder).map_err(|error| error::star::of_query(&error))?
        }
        None => Question::retail(),
    };
    for name in &args.only {
        if !all.iter().any(|question| question.name == *name) {
            let known = all.iter().map(|question| question.name.as_str());
            let advice = error::advice(name, known);
            return Err(
                Failure::usage("a question for --only", format!("'{name}'"), &advice).into(),
            );
        }
    }
    all.retain(|question| args.only.is_empty() || args.only.contains(&question.name));
    if args.sql.is_some() || !args.only.is_empty() {
        return Ok((all, Vec::new()));
    }
    let known = places.names();
    let (mut asked, mut left_out) = (Vec::new(), Vec::new());
    for question in all {
        let missing = question.missing(&known);
        if missing.is_empty() {
            asked.push(question);
        } else {
            left_out.push(LeftOut {
                name: question.name,
                missing,
            });
        }
    }
    if asked.is_empty() {
        let expected = "tables of the dataset retail for the questions that are built in";
        let advice = "give questions of your own with --sql FOLDER";
        let got = if known.is_empty() {
            format!("none at {places}")
        } else {
            known.join(", ")
        };
        return Err(Failure::usage(expected, got, advice).into());
    }
    Ok((asked, left_out))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use lakeseed_budget::{GIB, MIB};

    use super::*;
    use crate::args::{Bench, Cli, Command};

    fn parsed(flags: &str) -> BenchQueries {
        let words = ["lakeseed", "bench", "queries", "--from", "x"].into_iter();
        let cli = Cli::try_parse_from(words.chain(flags.split_whitespace())).unwrap();
        match cli.command {
            Command::Bench(Bench::Queries(args)) => *args,
            other => panic!("{other:?}"),
        }
    }

    /// What a process is told is what its engine gets.
    #[test]
    fn a_cell_becomes_the_means_of_the_engine() {
        let given = Cell {
            memory: 400 * MIB,
            threads: 2,
            partitions: 7,
        };
        let args = parsed(&format!("--one {given} --memory 256MiB --temp-dir t"));
        assert_eq!(args.one, Some(given));
        let settings = means(&args, given).unwrap();
        assert_eq!((settings.threads, settings.partitions), (2, Some(7)));
        assert_eq!(settings.temp.as_deref(), Some("t".as_ref()));
        let larger = means(
            &args,
            Cell {
                memory: given.memory + 64 * GIB,
                ..given
            },
        );
        let more = larger.unwrap().memory - settings.memory;
        // Half of what is more. So much of it that what other tests hold meanwhile does not show.
        assert!((31 * GIB..=33 * GIB).contains(&more), "{more}");
    }

    #[test]
    fn settings_are_all_combinations_once() {
        let settings = settings(&parsed("--memory 1GiB,256MiB,1GiB -j 2,1 --partitions 3"));
        let shown: Vec<String> = settings.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "256 MiB x 1 x 3",
                "256 MiB x 2 x 3",
                "1 GiB x 1 x 3",
                "1 GiB x 2 x 3"
            ]
        );
    }
}
