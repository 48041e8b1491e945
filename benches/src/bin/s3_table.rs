//! How fast parts reach a bucket: beside a plain upload of the same bytes, and how much of making
//! and uploading happens at the same time.
//!
//! Usage: `s3_table [THREADS [MEGABYTES [LINK [LATENCY]]]]` against a server of the tests, which it
//! starts (built beside it: `cargo build --release -p lakeseed-test-s3`), over a link of so many
//! million bytes in a second where one above 0 is given, else as fast as the loopback, and with so
//! many milliseconds to each answer; with `AWS_ENDPOINT_URL` set, against that one, bucket `lake`.
//! "Busy" is how much of all processors the machine had at work meanwhile. The targets: at least 85 %
//! of the plain rate, and wall time below 0.75 of making and uploading one after the other.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use arrow_schema::ArrowError;
use lakeseed_gen_core::predictions::Predictions;
use lakeseed_gen_core::{Settings, Table};
use lakeseed_sink::s3::{Environment, S3Options, S3Store};
use lakeseed_sink::{
    FileFormat, FnSource, Json, Layout, MemoryStore, Parquet, Plan, Run, TableSpec,
};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, WriteMultipart};

const ROUNDS: usize = 5;
const PART_BYTES: usize = 8 << 20;
const FILES: u64 = 4;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[expect(clippy::print_stdout, reason = "the lines are what the program is for")]
fn main() -> Result<()> {
    lakeseed_benches::as_the_binary();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: u64| -> Result<u64> {
        Ok(arguments.get(at).map_or(Ok(default), |text| text.parse())?)
    };
    let (threads, megabytes) = (number(0, 2)? as usize, number(1, 200)?);
    let server = Server::start(number(2, 0)?, number(3, 0)?)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    println!("{threads} threads, about {megabytes} MB in {FILES} files, medians of {ROUNDS}");
    println!(
        "what                making     plain      ours  ours MB/s  of plain  of the sum  busy"
    );
    let formats: [(&str, FileFormat, &str); 4] = [
        ("uniform parquet", Parquet::plain(), "uniform"),
        ("simplex parquet", Parquet::zstd(1), "simplex"),
        ("simplex json", Json::plain(), "simplex"),
        ("simplex json.zst", Json::zstd(1), "simplex"),
    ];
    for (name, format, mode) in formats {
        let plan = plan(format, mode, megabytes)?;
        let memory = MemoryStore::new();
        Run::new(&plan, &memory).threads(threads).commit()?;
        let files: Vec<Vec<u8>> = memory.files().into_values().collect();
        drop(memory);
        let bytes: usize = files.iter().map(Vec::len).sum();
        let files: Arc<Vec<Vec<u8>>> = Arc::new(files);
        let plain_client = Arc::new(server.plain()?);
        let sweep = || Ok(runtime.block_on(remove_all(&plain_client))?);
        let (mut making, mut alone, mut ours) = (Vec::new(), Vec::new(), Vec::new());
        let mut busy = Vec::new();
        for round in 0..ROUNDS {
            let (seconds, _) = measured(&sweep, &mut |_| {
                let memory = MemoryStore::new();
                Run::new(&plan, &memory).threads(threads).commit()?;
                Ok(())
            })?;
            making.push(seconds);
            let (seconds, _) = measured(&sweep, &mut |turn| {
                let to = format!("plain/{round}-{turn}");
                runtime.block_on(upload(&plain_client, &files, threads, &to))
            })?;
            alone.push(seconds);
            let (seconds, at_work) = measured(&sweep, &mut |turn| {
                let store = server.ours(&format!("{name}/{round}-{turn}"))?;
                Run::new(&plan, &store).threads(threads).commit()?;
                Ok(())
            })?;
            ours.push(seconds);
            busy.push(at_work);
        }
        let (making, alone, ours) = (median(making), median(alone), median(ours));
        println!(
            "{name:<20}{making:>6.2} s{alone:>8.2} s{ours:>8.2} s{:>11.0}{:>9.2} x{:>12.2}{:>4.0} %",
            bytes as f64 / ours / 1e6,
            alone / ours,
            ours / (making + alone),
            100.0 * median(busy),
        );
    }
    Ok(())
}

/// Runs it twice, the bucket emptied behind each, and returns seconds and the share of all processors
/// that was at work of the second time. The host of a virtual machine takes back what memory is free
/// for some seconds, and who gets such memory waits: that would meet whoever comes first.
fn measured(
    sweep: &dyn Fn() -> Result<()>,
    run: &mut dyn FnMut(usize) -> Result<()>,
) -> Result<(f64, f64)> {
    run(0)?;
    sweep()?;
    let (started, before) = (Instant::now(), processors()?);
    run(1)?;
    let seconds = started.elapsed().as_secs_f64();
    let after = processors()?;
    sweep()?;
    Ok((
        seconds,
        (after.0 - before.0) / (after.1 - before.1).max(1.0),
    ))
}

fn plan(format: FileFormat, mode: &str, megabytes: u64) -> Result<Plan<'static>> {
    // A row of a prediction takes about 260 bytes as Parquet, 620 as JSON.
    let row_bytes = if format == Json::plain() { 620 } else { 260 };
    let rows = megabytes * 1_000_000 / row_bytes;
    let dataset = Predictions::new(&Settings::new().only_rows(rows).parameter("mode", mode))?;
    let table: Table = dataset.predictions().clone();
    let (name, schema, all) = (
        table.name().to_owned(),
        table.schema().clone(),
        table.row_range(),
    );
    let source = FnSource::new(schema, move |rows: Range<u64>, batch_rows| {
        match table.rows(rows).batch_rows(batch_rows).reader() {
            Ok(reader) => Ok(Box::new(reader)),
            Err(error) => Err(ArrowError::ExternalError(Box::new(error))),
        }
    });
    let layout = Layout {
        files: Some(FILES),
        row_group_bytes: 16 << 20,
        ..Layout::default()
    };
    let spec = TableSpec::new(name, source, all);
    Ok(Plan::builder(format).layout(layout).table(spec).build()?)
}

/// The same bytes by the client alone: as many files side by side as we have workers, parts of the
/// same size, two of each file under way.
async fn upload(
    client: &Arc<AmazonS3>,
    files: &Arc<Vec<Vec<u8>>>,
    threads: usize,
    to: &str,
) -> Result<()> {
    let mut tasks = Vec::new();
    for worker in 0..threads {
        let (client, files, to) = (Arc::clone(client), Arc::clone(files), to.to_owned());
        tasks.push(tokio::spawn(async move {
            for (at, bytes) in files.iter().enumerate() {
                if at % threads == worker {
                    let path = Path::from(format!("{to}/{at}"));
                    one(&client, &path, bytes).await?;
                }
            }
            Ok::<(), object_store::Error>(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    Ok(())
}

/// Makes room again: what was uploaded has served.
async fn remove_all(client: &AmazonS3) -> object_store::Result<()> {
    let mut folders = vec![Path::from("plain"), Path::from("ours")];
    while let Some(folder) = folders.pop() {
        let found = client.list_with_delimiter(Some(&folder)).await?;
        folders.extend(found.common_prefixes);
        for object in found.objects {
            client.delete(&object.location).await?;
        }
    }
    Ok(())
}

async fn one(client: &AmazonS3, path: &Path, bytes: &[u8]) -> object_store::Result<()> {
    if bytes.len() < PART_BYTES {
        let payload = PutPayload::from(bytes.to_vec());
        client.put(path, payload).await?;
        return Ok(());
    }
    let upload = client.put_multipart(path).await?;
    let mut writer = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
    for chunk in bytes.chunks(PART_BYTES) {
        writer.wait_for_capacity(2).await?;
        writer.write(chunk);
    }
    writer.finish().await?;
    Ok(())
}

/// Ticks of all processors since the machine started: at work, and in all.
fn processors() -> Result<(f64, f64)> {
    let text = std::fs::read_to_string("/proc/stat")?;
    let line = text.lines().next().unwrap_or_default();
    let ticks: Vec<f64> = line
        .split_whitespace()
        .skip(1)
        .map_while(|tick| tick.parse().ok())
        .collect();
    let all: f64 = ticks.iter().sum();
    // Idle, and waiting for a disk.
    let idle: f64 = ticks.iter().skip(3).take(2).sum();
    Ok((all - idle, all))
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

/// A server of our own or somebody's, with its keys.
struct Server {
    variables: Vec<(String, String)>,
    folder: Option<std::path::PathBuf>,
    child: Option<Child>,
}

impl Server {
    fn start(link_megabytes: u64, latency_ms: u64) -> Result<Self> {
        if let Ok(endpoint) = std::env::var("AWS_ENDPOINT_URL") {
            let mut variables = vec![("AWS_ENDPOINT_URL".to_owned(), endpoint)];
            for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"] {
                variables.extend(std::env::var(name).map(|value| (name.to_owned(), value)));
            }
            return Ok(Self {
                variables,
                folder: None,
                child: None,
            });
        }
        let program = std::env::current_exe()?.with_file_name("lakeseed-test-s3");
        let folder = std::env::temp_dir().join(format!("s3-table-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let mut command = Command::new(program);
        command
            .args(["--port", "0", "--bucket", "lake", "--folder"])
            .arg(&folder);
        if link_megabytes > 0 {
            command.args(["--link", &link_megabytes.to_string()]);
        }
        if latency_ms > 0 {
            command.args(["--latency", &latency_ms.to_string()]);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let out = child.stdout.take().ok_or("no output of the server")?;
        let mut variables = Vec::new();
        for line in BufReader::new(out).lines().take(4) {
            let line = line?;
            let pair = line
                .strip_prefix("export ")
                .and_then(|pair| pair.split_once('='));
            let (name, value) = pair.ok_or("no variables of the server")?;
            variables.push((name.to_owned(), value.trim_matches('\'').to_owned()));
        }
        Ok(Self {
            variables,
            folder: Some(folder),
            child: Some(child),
        })
    }

    fn value(&self, name: &str) -> Option<String> {
        let mut found = self.variables.iter();
        found
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.clone())
    }

    fn plain(&self) -> Result<AmazonS3> {
        let value = |name: &str| self.value(name).unwrap_or_default();
        Ok(AmazonS3Builder::new()
            .with_bucket_name("lake")
            .with_endpoint(value("AWS_ENDPOINT_URL"))
            .with_allow_http(true)
            .with_region(
                self.value("AWS_REGION")
                    .unwrap_or_else(|| "us-east-1".to_owned()),
            )
            .with_access_key_id(value("AWS_ACCESS_KEY_ID"))
            .with_secret_access_key(value("AWS_SECRET_ACCESS_KEY"))
            .build()?)
    }

    fn ours(&self, name: &str) -> Result<S3Store> {
        let variables = self.variables.clone();
        let environment = Environment::new(move |asked| {
            let mut found = variables.iter();
            found
                .find(|(own, _)| own == asked)
                .map(|(_, value)| value.clone())
        });
        let options = S3Options {
            environment,
            ..S3Options::default()
        };
        let name = name.replace([' ', '.'], "-");
        Ok(S3Store::open(&format!("s3://lake/ours/{name}"), options)?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It ends when its input closes.
            drop(child.stdin.take());
            let _ = child.wait();
        }
        if let Some(folder) = &self.folder {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}
