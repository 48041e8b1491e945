//! Sources and stores in memory, and the oracle.

use std::collections::{BTreeMap, HashMap};
use std::error::Error as StdError;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use arrow_array::{RecordBatch, RecordBatchIterator, RecordBatchReader};
use arrow_schema::SchemaRef;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};
use lakeseed_budget::{Budget, Bytes, MIB};
use lakeseed_star_schema::{
    BatchReader, Error, Observer, Piece, Report, Result, Settings, Source, Star, Statement, Stop,
    Store, Strategy, Unit,
};

/// Batches in memory; each is a piece.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    pub(crate) schema: SchemaRef,
    pub(crate) batches: Vec<RecordBatch>,
    pieces: Vec<Piece>,
    sorted_by: Vec<String>,
}

impl Memory {
    pub(crate) fn new(schema: SchemaRef, batches: Vec<RecordBatch>) -> Self {
        let pieces = batches
            .iter()
            .map(|batch| Piece {
                rows: batch.num_rows() as u64,
                exact: true,
                bytes: 1_000,
            })
            .collect();
        Self {
            schema,
            batches,
            pieces,
            sorted_by: Vec::new(),
        }
    }

    /// With a word about the order of its rows.
    pub(crate) fn sorted_by(mut self, columns: &[&str]) -> Self {
        self.sorted_by = columns.iter().map(|&column| column.to_owned()).collect();
        self
    }

    /// With pieces that promise something else.
    pub(crate) fn promising(mut self, piece: usize, rows: u64) -> Self {
        self.pieces[piece].rows = rows;
        self
    }

    /// The same rows as one batch after the other of another size.
    pub(crate) fn cut(&self, rows: usize) -> Self {
        let all = datafusion::arrow::compute::concat_batches(&self.schema, &self.batches).unwrap();
        let batches = (0..all.num_rows())
            .step_by(rows)
            .map(|start| all.slice(start, rows.min(all.num_rows() - start)))
            .collect();
        Self {
            sorted_by: self.sorted_by.clone(),
            ..Self::new(Arc::clone(&self.schema), batches)
        }
    }
}

impl Source for Memory {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    fn read(&self, piece: usize, columns: &[usize], batch_rows: usize) -> Result<BatchReader> {
        let batch = self.batches[piece].project(columns).unwrap();
        let schema = batch.schema();
        let parts: Vec<_> = (0..batch.num_rows())
            .step_by(batch_rows)
            .map(|start| Ok(batch.slice(start, batch_rows.min(batch.num_rows() - start))))
            .collect();
        Ok(Box::new(RecordBatchIterator::new(parts, schema)))
    }

    fn sorted_by(&self) -> &[String] {
        &self.sorted_by
    }

    fn identity(&self) -> &'static str {
        "memory"
    }
}

/// Keeps what is committed; may fail after some units.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) units: Mutex<BTreeMap<(String, usize), Vec<RecordBatch>>>,
    pub(crate) fail_after: Option<usize>,
}

impl Store for Kept {
    fn is_done(&self, unit: &Unit) -> bool {
        self.units
            .lock()
            .unwrap()
            .contains_key(&(unit.table.clone(), unit.part))
    }

    fn commit(
        &self,
        unit: &Unit,
        rows: &mut dyn RecordBatchReader,
    ) -> Result<(), Box<dyn StdError + Send + Sync>> {
        let schema = rows.schema();
        let batches: Vec<RecordBatch> = rows.collect::<Result<_, _>>()?;
        assert!(batches.iter().all(|batch| batch.schema() == schema));
        let mut units = self.units.lock().unwrap();
        if self.fail_after.is_some_and(|most| units.len() >= most) {
            return Err("the store is closed".into());
        }
        let before = units.insert((unit.table.clone(), unit.part), batches);
        assert!(before.is_none(), "{unit} was committed twice");
        Ok(())
    }
}

impl Kept {
    /// Every row as text, sorted.
    pub(crate) fn lines(&self) -> Vec<String> {
        let units = self.units.lock().unwrap();
        let mut lines: Vec<String> = units.values().flatten().flat_map(lines_of).collect();
        lines.sort_unstable();
        lines
    }

    /// Every row of every unit as text, in its order.
    pub(crate) fn in_order(&self) -> BTreeMap<usize, Vec<String>> {
        let units = self.units.lock().unwrap();
        let units = units.iter();
        units
            .map(|((_, part), batches)| (*part, batches.iter().flat_map(lines_of).collect()))
            .collect()
    }
}

pub(crate) fn lines_of(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::default().with_null("NULL");
    let columns: Vec<_> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
        .collect();
    (0..batch.num_rows())
        .map(|row| {
            let cells: Vec<String> = columns
                .iter()
                .map(|column| column.value(row).to_string())
                .collect();
            cells.join("|")
        })
        .collect()
}

/// A run's conditions.
#[derive(Clone)]
pub(crate) struct Way {
    pub(crate) strategy: Option<Strategy>,
    pub(crate) threads: usize,
    pub(crate) memory: Bytes,
    pub(crate) batch_by: Option<String>,
}

impl Way {
    pub(crate) fn new(strategy: Option<Strategy>, threads: usize, memory: Bytes) -> Self {
        Self {
            strategy,
            threads,
            memory,
            batch_by: None,
        }
    }
}

pub(crate) const ROOMY: Bytes = Bytes::new(1 << 30);

/// Every way that there is, with much and with little memory.
pub(crate) fn ways() -> Vec<Way> {
    let mut ways = vec![Way::new(None, 2, ROOMY)];
    for strategy in [Strategy::Direct, Strategy::Scatter] {
        for (threads, memory) in [(1, ROOMY), (3, ROOMY), (1, 48 * MIB), (2, 96 * MIB)] {
            ways.push(Way::new(Some(strategy), threads, memory));
        }
    }
    ways
}

pub(crate) fn settings(way: &Way, temp: &std::path::Path) -> Settings {
    let mut settings = Settings::new(temp);
    settings.threads = way.threads;
    settings.strategy = way.strategy;
    settings.batch_by.clone_from(&way.batch_by);
    settings.temp_in_memory = true;
    settings.store_bytes = MIB;
    settings.read_bytes = MIB;
    settings
}

pub(crate) fn try_run(
    source: &Memory,
    sql: &str,
    way: &Way,
    store: &Kept,
    observer: &dyn Observer,
) -> Result<Report, Error> {
    let temp = tempfile::tempdir().unwrap();
    let settings = settings(way, temp.path());
    let sources = HashMap::from([("t".to_owned(), Arc::new(source.clone()) as Arc<dyn Source>)]);
    let statement = Statement {
        table: "made".to_owned(),
        place: "made.sql".to_owned(),
        sql: sql.to_owned(),
    };
    let star = Star::try_new(&sources, &[statement], &settings)?;
    let budget = Budget::new(way.memory);
    let report = star.run(&settings, &budget, store, observer, &Stop::new())?;
    assert_eq!(budget.free(), budget.total(), "a lease was kept");
    assert_eq!(
        std::fs::read_dir(temp.path()).unwrap().count(),
        0,
        "temporary files were left"
    );
    Ok(report)
}

pub(crate) fn run(source: &Memory, sql: &str, way: &Way) -> Kept {
    let store = Kept::default();
    try_run(source, sql, way, &store, &()).unwrap();
    store
}

/// The same statement by the engine alone, with all the memory that it wants.
pub(crate) fn oracle(source: &Memory, sql: &str) -> Vec<String> {
    oracle_of(&[("t", source.clone())], sql)
}

/// The same over several tables.
pub(crate) fn oracle_of(tables: &[(&str, Memory)], sql: &str) -> Vec<String> {
    let mut config = SessionConfig::new().with_target_partitions(1);
    config.options_mut().sql_parser.enable_ident_normalization = false;
    config.options_mut().sql_parser.map_string_types_to_utf8view = false;
    let context = SessionContext::new_with_config(config);
    for (name, table) in tables {
        let table = MemTable::try_new(Arc::clone(&table.schema), vec![table.batches.clone()]);
        context
            .register_table(*name, Arc::new(table.unwrap()))
            .unwrap();
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let batches =
        runtime.block_on(async { context.sql(sql).await.unwrap().collect().await.unwrap() });
    let mut lines: Vec<String> = batches.iter().flat_map(lines_of).collect();
    lines.sort_unstable();
    lines
}

/// Does some work that has to end; a test that hangs fails, and its thread is left behind.
pub(crate) fn in_time(what: &str, work: impl FnOnce() + Send + 'static) {
    const PATIENCE: Duration = Duration::from_mins(5);
    let (working, ends) = mpsc::channel::<()>();
    let worker = thread::spawn(move || {
        let _working = working;
        work();
    });
    let waited = ends.recv_timeout(PATIENCE);
    assert_ne!(waited, Err(RecvTimeoutError::Timeout), "{what} hangs");
    if let Err(failed) = worker.join() {
        std::panic::resume_unwind(failed);
    }
}

/// The statement gives the same rows every way.
pub(crate) fn check(source: &Memory, sql: &str) {
    let expected = oracle(source, sql);
    for way in ways() {
        let kept = run(source, sql, &way);
        let (found, what) = (kept.lines(), (way.strategy, way.threads, way.memory));
        assert_eq!(found.len(), expected.len(), "rows of {sql} by {what:?}");
        if let Some((found, expected)) = found.iter().zip(&expected).find(|(a, b)| a != b) {
            panic!("{sql} by {what:?}:\n{found}\nbut expected\n{expected}");
        }
    }
}

/// Mixes a seed and a number; the tests' only chance.
pub(crate) fn chance(seed: u64, number: u64) -> u64 {
    let mut x =
        seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number.wrapping_mul(0xd1b5_4a32_d192_ed03);
    x ^= x >> 31;
    x = x.wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^= x >> 29;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^ x >> 32
}
