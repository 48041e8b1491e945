//! The star's hardest table, measured: 26 million answers with text keys into 11.8 million groups, from
//! one Parquet file to Parquet with zstd.
//!
//! Usage: `star_fact FILE MEMORY OUT [THREADS] [STRATEGY]`: FILE is a Parquet file as
//! `benches/peers/fact.py` makes it, MEMORY the limit of the process, OUT a folder that does not exist
//! or is empty; built with `--features star`. Prints one JSON line as the peers' scripts do.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use arrow_array::{RecordBatchIterator, RecordBatchReader};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use lakeseed_budget::{Budget, Bytes, MIB, Peak};
use lakeseed_sink::format::{Encoder, Format};
use lakeseed_sink::{LocalStore, Parquet, PartPath, Store as Files};
use lakeseed_star_schema::{
    BatchReader, Error, Observer, Piece, Progress, Result, Settings, Source, Star, Statement, Step,
    Stop, Store, Strategy, Unit, Warning,
};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};

/// The allocator of the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SQL: &str = "SELECT mun_uf, mun_nome, esc_inep, ser_number, alu_id, tes_nome, mti_codigo, \
    sum(atr_certo) AS acerto, sum(1 - atr_certo) AS erro FROM answers \
    GROUP BY mun_uf, mun_nome, esc_inep, ser_number, alu_id, tes_nome, mti_codigo";
/// What the process holds beside the run.
const OWN: Bytes = Bytes::new(24 * MIB.get());

#[expect(
    clippy::print_stdout,
    reason = "the result line is what the program is for"
)]
fn main() -> Result<(), Box<dyn StdError>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, memory, out, rest @ ..] = arguments.as_slice() else {
        return Err("usage: star_fact FILE MEMORY OUT [THREADS] [STRATEGY]".into());
    };
    let start = Instant::now();
    let source: Arc<dyn Source> = Arc::new(ParquetFile::open(file)?);
    let mut settings = Settings::new(format!("{out}/temp"));
    settings.threads = rest.first().map_or(Ok(2), |threads| threads.parse())?;
    settings.temp_in_memory = true;
    settings.strategy = match rest.get(1).map(String::as_str) {
        Some("direct") => Some(Strategy::Direct),
        Some("scatter") => Some(Strategy::Scatter),
        _ => None,
    };
    let statement = Statement {
        table: "fact".to_owned(),
        place: "fact.sql".to_owned(),
        sql: SQL.to_owned(),
    };
    let sources = HashMap::from([("answers".to_owned(), source)]);
    let star = Star::try_new(&sources, &[statement], &settings)?;
    let schema = star.schema("fact").ok_or("no table")?;
    let planned = start.elapsed().as_secs_f64();

    let store = Written::new(&schema, out)?;
    let budget = Budget::new(memory.parse::<Bytes>()? - OWN);
    let watch = Watch {
        start,
        read: Mutex::default(),
        peak: Peak::new(),
    };
    let report = star.run(&settings, &budget, &store, &watch, &Stop::new())?;
    store.files.settle()?;

    let seconds = start.elapsed().as_secs_f64();
    let read = *watch.read.lock().unwrap_or_else(PoisonError::into_inner);
    let [table] = report.tables.as_slice() else {
        return Err("no report".into());
    };
    let peak = lakeseed_budget::peak_resident().map_or(0, |peak| peak.get() >> 20);
    println!(
        "{{\"peer\": \"lakeseed\", \"work\": \"fact {memory}\", \"rows\": {}, \"seconds\": {seconds:.3}, \
         \"rows_per_s\": {:.0}, \"bytes\": {}, \"peak_mb\": {peak}, \"peak_anon_mb\": {}, \"groups\": {}, \
         \"units\": {}, \"spilled_mb\": {}, \"planned_s\": {planned:.3}, \"read_s\": {read:.3}}}",
        table.rows_read,
        table.rows_read as f64 / seconds,
        store.bytes.load(Ordering::Relaxed),
        watch.peak.get().get() >> 20,
        table.rows,
        table.units,
        table.spilled.get() >> 20,
    );
    Ok(())
}

/// When reading ended, and the largest memory that was seen.
struct Watch {
    start: Instant,
    read: Mutex<f64>,
    peak: Peak,
}

impl Observer for Watch {
    fn progress(&self, progress: &Progress<'_>) {
        self.peak.record(progress.memory);
        if progress.step == Step::Read {
            let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
            *read = self.start.elapsed().as_secs_f64();
        }
    }

    #[expect(
        clippy::print_stderr,
        reason = "a measurement with a warning is worth a look"
    )]
    fn warning(&self, warning: &Warning) {
        eprintln!("{warning:?}");
    }
}

/// One Parquet file; its row groups are the pieces, its texts come as dictionaries.
struct ParquetFile {
    path: String,
    metadata: ArrowReaderMetadata,
    pieces: Vec<Piece>,
}

impl ParquetFile {
    fn open(path: &str) -> Result<Self, Box<dyn StdError>> {
        let file = File::open(path)?;
        let plain = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())?;
        let fields = plain
            .schema()
            .fields()
            .iter()
            .map(|field| match field.data_type() {
                DataType::Utf8 => {
                    let text =
                        DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
                    Field::new(field.name(), text, field.is_nullable())
                }
                _ => field.as_ref().clone(),
            });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let options = ArrowReaderOptions::new()
            .with_schema(schema)
            .with_skip_arrow_metadata(true);
        let metadata = ArrowReaderMetadata::try_new(Arc::clone(plain.metadata()), options)?;
        let groups = metadata.metadata().row_groups().iter();
        let pieces = groups
            .map(|group| Piece {
                rows: group.num_rows() as u64,
                exact: true,
                bytes: group.compressed_size() as u64,
            })
            .collect();
        Ok(Self {
            path: path.to_owned(),
            metadata,
            pieces,
        })
    }

    fn reader(
        &self,
        piece: usize,
        columns: &[usize],
        rows: usize,
    ) -> Result<BatchReader, Box<dyn StdError + Send + Sync>> {
        let file = File::open(&self.path)?;
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), columns.iter().copied());
        let reader =
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
                .with_projection(mask)
                .with_row_groups(vec![piece])
                .with_batch_size(rows)
                .build()?;
        let mut sorted = columns.to_vec();
        sorted.sort_unstable();
        let order: Vec<usize> = columns
            .iter()
            .filter_map(|column| sorted.iter().position(|one| one == column))
            .collect();
        let schema = Arc::new(reader.schema().project(&order)?);
        let batches = reader.map(move |batch| batch?.project(&order));
        Ok(Box::new(RecordBatchIterator::new(batches, schema)))
    }
}

impl Source for ParquetFile {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.metadata.schema())
    }

    fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    fn read(&self, piece: usize, columns: &[usize], batch_rows: usize) -> Result<BatchReader> {
        self.reader(piece, columns, batch_rows)
            .map_err(|cause| Error::Source {
                place: format!("{} row group {piece}", self.path),
                problem: "it cannot be read".to_owned(),
                cause: Some(cause),
            })
    }

    fn identity(&self) -> &str {
        &self.path
    }
}

/// A Parquet file a unit, by sink's encoder.
struct Written {
    files: LocalStore,
    format: Arc<dyn Format>,
    /// Encoders that nobody uses at the moment.
    encoders: Mutex<Vec<Box<dyn Encoder>>>,
    bytes: AtomicU64,
}

impl Written {
    fn new(schema: &SchemaRef, out: &str) -> Result<Self, Box<dyn StdError>> {
        Ok(Self {
            files: LocalStore::new(out),
            format: Parquet::zstd(1).bind(schema)?,
            encoders: Mutex::default(),
            bytes: AtomicU64::new(0),
        })
    }
}

impl Store for Written {
    fn is_done(&self, _: &Unit) -> bool {
        false
    }

    fn commit(
        &self,
        unit: &Unit,
        rows: &mut dyn RecordBatchReader,
    ) -> Result<(), Box<dyn StdError + Send + Sync>> {
        let waiting = self
            .encoders
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let mut encoder = match waiting {
            Some(encoder) => encoder,
            None => self.format.encoder()?,
        };
        let path = PartPath::parse(&format!("{}/part-{:05}.parquet", unit.table, unit.part))?;
        let chunk = encoder.encode(rows).map_err(|error| format!("{error:?}"))?;
        let mut file = self
            .format
            .assemble(self.files.create(&path, chunk.bytes())?)?;
        file.append(&chunk)?;
        self.bytes.fetch_add(file.finish()?, Ordering::Relaxed);
        self.files.publish(&path)?;
        encoder.recycle(chunk);
        self.encoders
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(encoder);
        Ok(())
    }
}
