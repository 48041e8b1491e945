//! What a query reads: generated tables with their settings, or files of a place.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use lakeseed_budget::Bytes;
use lakeseed_gen_core::{Dataset, DatasetInfo, Settings, datasets, find};
use lakeseed_sink::{Manifest, Store};
use lakeseed_star_schema::query::{Named, Queries, QuerySettings, named, system_temp};
use lakeseed_star_schema::{BytesRead, Files, FilesOptions};

use super::own::OwnRows;
use super::star::files::Place;
use super::star::{finished, ours, strangers};
use super::{Destination, Memory, threads};
use crate::args::{Remote, Sql, Target};
use crate::error::{self, Failure};
use crate::log::Log;

/// What a thread holds beside the engine's memory: batches under way, a reader.
const PER_THREAD: Bytes = Bytes::new(16 << 20);
/// The least that the engine has to have.
const LEAST: Bytes = Bytes::new(16 << 20);

/// With what means a query is to run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Means<'a> {
    /// As many as there are cores where nothing is said.
    pub(crate) threads: Option<u64>,
    /// Of the process.
    pub(crate) memory: Option<Bytes>,
    pub(crate) partitions: Option<usize>,
    pub(crate) temp_dir: Option<&'a Path>,
    pub(crate) temp_in_memory: bool,
}

impl<'a> Means<'a> {
    pub(crate) fn of(args: &'a Sql) -> Self {
        Self {
            threads: args.means.threads,
            memory: args.means.memory,
            partitions: args.partitions,
            temp_dir: args.temp_dir.as_deref(),
            temp_in_memory: args.temp_in_memory,
        }
    }
}

/// The same as the engine takes it.
///
/// # Errors
/// When the memory does not carry a query.
pub(crate) fn settings(means: &Means<'_>) -> Result<QuerySettings> {
    let threads = threads(means.threads);
    let memory = Memory::of(means.memory);
    let memory = match memory.for_workers() {
        // Where no limit is known there is none to keep.
        None => Bytes::new(u64::MAX / 4),
        Some(left) => {
            let beside = threads as u64 * PER_THREAD;
            // The engine counts less than it takes: what it gives at the end stands beside its state, and
            // sets of distinct values are written as lists when they spill.
            let engine = Bytes::new((left - beside).get() / 2);
            if engine < LEAST {
                let expected = format!(
                    "memory for a query with {threads} threads: about {}",
                    memory.program + beside + Bytes::new(2 * LEAST.get())
                );
                let got = format!("{} by {}", memory.total.unwrap_or_default(), memory.by);
                let advice = "give more --memory, or fewer --threads";
                return Err(Failure::refused(expected, got, advice).into());
            }
            engine
        }
    };
    Ok(QuerySettings {
        threads,
        partitions: means.partitions,
        memory,
        temp: means
            .temp_dir
            .map(Path::to_owned)
            .or_else(|| default_temp(means.temp_in_memory)),
        temp_in_memory: means.temp_in_memory,
        temp_limit: None,
    })
}

/// Where rows are spilled unless told otherwise. Nobody named it, so where nothing can be made in it
/// there is no spilling, rather than an error of a query that may need none.
fn default_temp(in_memory_too: bool) -> Option<PathBuf> {
    let folder = if in_memory_too {
        Some(std::env::temp_dir())
    } else {
        system_temp()
    };
    folder.filter(|folder| takes_folders(folder))
}

/// Whether a folder can be made in it, by making one.
fn takes_folders(folder: &Path) -> bool {
    let trial = folder.join(format!(".lakeseed-{}", std::process::id()));
    fs::create_dir(&trial)
        .and_then(|()| fs::remove_dir(&trial))
        .is_ok()
}

/// The tables that a query names, registered.
///
/// # Errors
/// What is no query, flags that do not fit the tables, an output that is not finished, files that cannot
/// be read.
pub(crate) fn tables(args: &Sql, sql: &str, queries: &mut Queries, log: &Log) -> Result<()> {
    let named = named(sql)?;
    if let Some(from) = &args.from {
        refuse_parameters(args)?;
        return files(args, from, &named, queries, log);
    }
    if let Some(flag) = &args.remote.given {
        let expected = format!("--from s3://BUCKET/PREFIX with {flag}");
        return Err(Failure::usage(expected, "no --from", "leave it out").into());
    }
    generated(args, &named, queries)
}

/// What chooses generated rows chooses nothing in files that stand. Variables for it are meant for other
/// commands.
fn refuse_parameters(args: &Sql) -> Result<()> {
    let flags = ["dataset", "scale", "rows", "start", "end", "seed"];
    let mut given = args.rows.choice.parameters.0.iter();
    let parameter = given.find(|given| !given.by_environment);
    let typed = args.typed.first_of(&flags);
    match typed.or_else(|| parameter.map(|given| given.name)) {
        None => Ok(()),
        Some(flag) => {
            let expected = format!("either --from or --{flag}");
            Err(Failure::usage(expected, "both", "leave one out").into())
        }
    }
}

fn generated(args: &Sql, named: &[Named], queries: &mut Queries) -> Result<()> {
    let chosen: Vec<&DatasetInfo> = if let Some(name) = &args.rows.dataset {
        vec![find(name)?]
    } else {
        let is_named = |info: &&DatasetInfo| named.iter().any(|name| is_of(info, name));
        datasets().iter().copied().filter(is_named).collect()
    };
    let known = |name: &Named| chosen.iter().any(|info| is_of(info, name));
    if named.iter().all(known) {
        for info in &chosen {
            queries.register(info.name, &dataset(args, info, &chosen)?)?;
        }
        return Ok(());
    }
    // One is not there: all are told, whatever their flags.
    let all = if args.rows.dataset.is_some() {
        chosen
    } else {
        datasets().to_vec()
    };
    for info in all {
        queries.register(info.name, &info.dataset(&Settings::new())?)?;
    }
    Ok(())
}

/// Whether a dataset has a table that a query names.
fn is_of(info: &DatasetInfo, named: &Named) -> bool {
    let is_its = named
        .schema
        .as_deref()
        .is_none_or(|schema| schema == info.name);
    is_its && info.tables.iter().any(|(table, _)| *table == named.table)
}

/// A dataset with what the flags say of it. Of several, each takes those that concern it, and every flag
/// has to concern one.
fn dataset(args: &Sql, info: &'static DatasetInfo, chosen: &[&DatasetInfo]) -> Result<Dataset> {
    let is_alone = chosen.len() == 1;
    let mut source = args.rows.choice.of(Target {
        dataset: info.name.to_owned(),
        table: None,
    });
    if !is_alone {
        let others =
            |has: &dyn Fn(&DatasetInfo) -> bool| !has(info) && chosen.iter().any(|info| has(info));
        source.rows.retain(|rows| {
            let has = |info: &DatasetInfo| {
                info.roots
                    .iter()
                    .any(|root| Some(root.table) == rows.table.as_deref())
            };
            !others(&has)
        });
        source.parameters.0.retain(|given| {
            let has = |info: &DatasetInfo| {
                info.parameters
                    .iter()
                    .any(|parameter| parameter.name == given.name)
            };
            !others(&has)
        });
        if others(&|info| info.has_window) {
            (source.start, source.end) = (None, None);
        }
    }
    Ok(super::select(&source, &OwnRows::default())?.dataset)
}

fn files(args: &Sql, from: &Path, named: &[Named], queries: &mut Queries, log: &Log) -> Result<()> {
    let tables = Tables::open(from, &args.remote, log)?;
    for name in named {
        if !tables.has(name) {
            let known = tables.names.iter().map(String::as_str);
            let advice = error::advice(&name.table, known);
            let expected = format!("a table at {tables}");
            return Err(Failure::usage(expected, format!("'{name}'"), &advice).into());
        }
        queries.register_source(&name.table, Arc::new(tables.files(&name.table, None)?))?;
    }
    Ok(())
}

/// The tables of a place: a finished output of ours, or files of anybody's.
pub(crate) struct Tables {
    from: PathBuf,
    store: Arc<dyn Store>,
    manifest: Option<Manifest>,
    /// Their names.
    pub(crate) names: Vec<String>,
}

impl Tables {
    /// Looks which there are.
    ///
    /// # Errors
    /// An output of ours that is not finished, a place that cannot be read.
    pub(crate) fn open(from: &Path, remote: &Remote, log: &Log) -> Result<Self> {
        let Some(store) = Destination::parse(from)?.store(remote, log)? else {
            let advice = "name the place of the tables";
            return Err(Failure::usage("a folder or s3://BUCKET/PREFIX", "-", advice).into());
        };
        let store: Arc<dyn Store> = store.into();
        let manifest = finished(store.as_ref())?;
        let names = match &manifest {
            Some(manifest) => {
                let tables = manifest.tables.iter();
                tables.map(|table| table.name.clone()).collect()
            }
            None => Place::new(from, &store).tables()?,
        };
        Ok(Self {
            from: from.to_owned(),
            store,
            manifest,
            names,
        })
    }

    /// Whether a query names one of them.
    pub(crate) fn has(&self, named: &Named) -> bool {
        named.schema.is_none() && self.names.contains(&named.table)
    }

    /// The files of one of them, what is read of them counted where somebody wants it.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub(crate) fn files(&self, name: &str, read: Option<&BytesRead>) -> Result<Files> {
        let place = Place::new(&self.from, &self.store).counted_by(read);
        let options = FilesOptions::default();
        match &self.manifest {
            Some(manifest) => ours(&place, manifest, name, options),
            None => strangers(&place, name, options),
        }
    }
}

impl fmt::Display for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Place::new(&self.from, &self.store).fmt(f)
    }
}
