//! The control: the same statement over the same file by the engine alone, with its default settings
//! and a fair pool of the limit, in a process of its own under the same bound.

use std::fs::File;
use std::path::Path;
use std::process::{Command, exit};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_schema::SchemaRef;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures_util::{StreamExt, stream};
use lakeseed_budget::{Bytes, MIB, Peak};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::data::{Groups, SQL};
use crate::hard::Hard;
use crate::support::{Ran, binary, ran};

/// The file and the pool's MiB, for [`child`].
const CHILD: &str = "LAKESEED_STAR_CONTROL";
/// What ends a control that hangs, or fills disks for ever.
const PATIENCE: Duration = Duration::from_mins(1);
/// A child that has found this.
const HUNG: i32 = 9;
const WORD: &str = "control:";

/// What became of it, in a few words.
pub(super) fn outcome(hard: &Hard, limit: u64, file: &Path, expected: &Groups) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    // As clean as the binary's environment; what it spills goes where the file is.
    let folder = file.parent().unwrap();
    for (name, value) in binary(folder).get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
        .current_dir(folder)
        .args(["--exact", "grid::control::child", "--nocapture"])
        .env("TMPDIR", folder)
        .env(CHILD, format!("{limit} {}", file.display()));
    let Ran { code, out, err } = ran(&mut hard.bound(&command));
    // The test harness writes on the same line.
    let told = out.lines().find_map(|line| line.split_once(WORD));
    let (groups, sum) = expected
        .values()
        .fold((0, 0), |(groups, sum), (_, s)| (groups + 1, sum + s));
    match (code, told) {
        (Some(HUNG), _) => format!("not done after {} s", PATIENCE.as_secs()),
        (Some(0), Some((_, line))) if line.contains("groups") => {
            let right = format!("{groups} groups, sum {sum}");
            match line.split_once(&right) {
                Some((_, rest)) => rest.trim().to_owned(),
                None => format!("WRONG, expected {right}, got {line}"),
            }
        }
        (Some(0), Some((_, line))) => line.trim().to_owned(),
        (None, _) if err.contains("memory allocation of") => "refused memory".to_owned(),
        (None, _) => "killed".to_owned(),
        (code, _) => panic!("the control ended with {code:?}: {out}\n{err}"),
    }
}

/// What a child process does; alone it does nothing.
#[test]
fn child() {
    let Ok(given) = std::env::var(CHILD) else {
        return;
    };
    let (limit, file) = given.split_once(' ').unwrap();
    let limit: u64 = limit.parse().unwrap();
    // Held until the end; what is waited for is that nothing comes.
    let (_alive, ends) = mpsc::channel::<()>();
    thread::spawn(move || {
        if ends.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            exit(HUNG);
        }
    });
    let (started, peak) = (Instant::now(), Peak::new());
    let done = tokio::runtime::Runtime::new().unwrap().block_on(group(
        Path::new(file),
        limit * MIB,
        &peak,
    ));
    let seconds = started.elapsed().as_secs_f64();
    let line = match done {
        Ok((groups, sum)) => {
            let peak = peak.get().get() >> 20;
            format!("{groups} groups, sum {sum} done in {seconds:.1} s with {peak} MiB")
        }
        Err(error) => {
            let text = error.strip_backtrace();
            let first = text.lines().next().unwrap_or_default();
            let short: String = first.chars().take(90).collect();
            format!("failed after {seconds:.1} s: {short}")
        }
    };
    println!("{WORD} {line}");
}

/// The number of groups, and the sum over all of them.
async fn group(file: &Path, pool: Bytes, peak: &Peak) -> Result<(usize, i64)> {
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(pool.as_usize())))
        .build_arc()?;
    let config = SessionConfig::new();
    let partitions = config.target_partitions();
    let context = SessionContext::new_with_config_rt(config, runtime);
    let parts = (0..partitions).map(|number| {
        Arc::new(Part {
            file: Arc::from(file),
            schema: reader(file).unwrap().schema().clone(),
            number,
            of: partitions,
        }) as Arc<dyn PartitionStream>
    });
    let parts: Vec<_> = parts.collect();
    let table = StreamingTable::try_new(Arc::clone(parts[0].schema()), parts)?;
    context.register_table("t", Arc::new(table))?;
    let mut batches = context.sql(SQL).await?.execute_stream().await?;
    let (mut groups, mut sum) = (0, 0);
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        peak.tick();
        groups += batch.num_rows();
        sum += batch
            .column(3)
            .as_primitive::<Int64Type>()
            .values()
            .iter()
            .sum::<i64>();
    }
    Ok((groups, sum))
}

fn reader(file: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    let opened = ParquetRecordBatchReaderBuilder::try_new(File::open(file)?);
    opened.map_err(|error| DataFusionError::External(Box::new(error)))
}

/// Every n-th row group of a file.
#[derive(Debug)]
struct Part {
    file: Arc<Path>,
    schema: SchemaRef,
    number: usize,
    of: usize,
}

impl PartitionStream for Part {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let opened = reader(&self.file).and_then(|reader| {
            let groups = (self.number..reader.metadata().num_row_groups()).step_by(self.of);
            let reader = reader.with_row_groups(groups.collect()).build();
            reader.map_err(|error| DataFusionError::External(Box::new(error)))
        });
        let schema = Arc::clone(&self.schema);
        match opened {
            Ok(reader) => {
                let batches = reader.map(|batch| Ok(batch?));
                Box::pin(RecordBatchStreamAdapter::new(schema, stream::iter(batches)))
            }
            Err(error) => {
                let failed = stream::iter([Err(error)]);
                Box::pin(RecordBatchStreamAdapter::new(schema, failed))
            }
        }
    }
}
