//! Predictions to a loopback JetStream beside a bare publisher of prepared payloads: the same client,
//! the same ids, as many bytes on their way, as many tasks as there are workers.
//!
//! Usage: `nats_table nats://127.0.0.1:PORT [ROWS [ROUNDS [MODE]]]`, of `simplex` or `uniform` rows; the
//! server is `dev/services up nats`.
//! Streams of its own are made, on disk, and taken away again.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench that cannot run should stop at once, and says what it found"
)]

use std::collections::VecDeque;
use std::env;
use std::sync::Arc;
use std::time::Instant;

use arrow_schema::ArrowError;
use async_nats::header::{HeaderMap, NATS_MESSAGE_ID};
use async_nats::jetstream::{self, stream};
use bytes::Bytes;
use lakeseed_gen_core::predictions::Predictions;
use lakeseed_gen_core::{Settings, Table};
use lakeseed_sink::messages::nats::{DEFAULT_IN_FLIGHT_BYTES, NatsOptions, NatsQueue};
use lakeseed_sink::messages::{MessagePlan, Publish};
use lakeseed_sink::{BoxedReader, FnSource};

const WORKERS: usize = 2;

type Prepared = Vec<(String, Bytes)>;

fn plan(table: &Table, rows: u64) -> MessagePlan<'static> {
    let of_source = table.clone();
    let source = FnSource::new(table.schema().clone(), move |range, batch_rows| {
        let scan = of_source.rows(range).batch_rows(batch_rows);
        let reader = scan
            .reader()
            .map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
        Ok(Box::new(reader) as BoxedReader)
    });
    MessagePlan::builder("predictions")
        .data_id("bench")
        .source(source, 0..rows)
        .build()
        .expect("rows are messages")
}

/// All messages in memory, dealt to the workers part by part.
fn prepare(plan: &MessagePlan<'_>) -> Vec<Prepared> {
    let mut prepared = vec![Prepared::new(); WORKERS];
    for part in 0..plan.parts().len() {
        let of_worker = &mut prepared[part % WORKERS];
        plan.messages(part, &mut |block| {
            let messages = block.messages();
            // Bodies of their own: blocks would be far larger than what is on its way.
            let copied = messages.map(|message| {
                let body = Bytes::copy_from_slice(message.body());
                (message.id().to_string(), body)
            });
            of_worker.extend(copied);
            Ok(())
        })
        .expect("messages are made");
    }
    prepared
}

async fn bare(context: jetstream::Context, subject: String, prepared: Arc<Prepared>) {
    let (mut on_the_way, mut bytes) = (VecDeque::new(), 0);
    for (id, body) in prepared.iter() {
        while bytes + body.len() as u64 > DEFAULT_IN_FLIGHT_BYTES {
            let (len, ack): (u64, jetstream::context::PublishAckFuture) =
                on_the_way.pop_front().expect("bytes are of messages");
            ack.await.expect("the server takes it");
            bytes -= len;
        }
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, id.as_str());
        let ack = context
            .publish_with_headers(subject.clone(), headers, body.clone())
            .await;
        bytes += body.len() as u64;
        on_the_way.push_back((body.len() as u64, ack.expect("the server takes it")));
    }
    for (_, ack) in on_the_way {
        ack.await.expect("the server takes it");
    }
}

fn main() {
    lakeseed_benches::as_the_binary();
    let arguments: Vec<String> = env::args().collect();
    let url = arguments.get(1).expect("the address of a NATS server");
    let number = |at: usize, default| {
        let text = arguments.get(at);
        text.map_or(default, |text| text.parse().expect("a number"))
    };
    let (rows, rounds) = (number(2, 500_000), number(3, 3));
    let mode = arguments.get(4).map_or("simplex", String::as_str);
    let settings = Settings::new()
        .rows("predictions", rows)
        .parameter("mode", mode);
    let predictions = Predictions::new(&settings).expect("rows are valid");
    let plan = plan(predictions.predictions(), rows);
    let prepared: Vec<Arc<Prepared>> = prepare(&plan).into_iter().map(Arc::new).collect();
    let bodies = prepared.iter().flat_map(|prepared| prepared.iter());
    let bytes: u64 = bodies.map(|(_, body)| body.len() as u64).sum();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .expect("a runtime");
    // It starts a task of its own, and so has to be within the runtime.
    let context = runtime.block_on(async {
        let connected = async_nats::connect(url).await;
        jetstream::new(connected.expect("a server"))
    });
    let megabytes = bytes as f64 / 1e6;
    println!("{rows} {mode} rows, {megabytes:.0} MB, {WORKERS} workers, MB/s");
    println!("round   bare   publish   share");
    for round in 0..rounds {
        let mut rates = [0.0; 2];
        // In turns: what comes first may find an emptier disk. Each measured run right after an
        // unmeasured one of its side, which finds the memory of the other one.
        let (bare_twice, publish_twice) = ([(0, 0), (0, 1)], [(1, 0), (1, 1)]);
        let turns = if round % 2 == 0 {
            [bare_twice, publish_twice]
        } else {
            [publish_twice, bare_twice]
        };
        for (at, turn) in turns.into_iter().flatten() {
            let subject = format!("bench.{}.{round}.{at}.{turn}", std::process::id());
            let name = subject.replace('.', "-");
            let config = stream::Config {
                name: name.clone(),
                subjects: vec![subject.clone()],
                discard: stream::DiscardPolicy::New,
                num_replicas: 1,
                ..stream::Config::default()
            };
            runtime
                .block_on(context.create_stream(config))
                .expect("a stream");
            let began = Instant::now();
            if at == 0 {
                runtime.block_on(async {
                    let tasks = prepared.iter().map(|prepared| {
                        let prepared = Arc::clone(prepared);
                        tokio::spawn(bare(context.clone(), subject.clone(), prepared))
                    });
                    for task in tasks.collect::<Vec<_>>() {
                        task.await.expect("all were sent");
                    }
                });
            } else {
                let to = format!("{url}/{subject}");
                let queue = NatsQueue::new(&to, NatsOptions::default()).expect("an address");
                let done = Publish::to_queue(&plan, &queue).threads(WORKERS).run();
                assert_eq!(done.expect("all were sent").bytes, bytes);
            }
            rates[at] = megabytes / began.elapsed().as_secs_f64();
            runtime
                .block_on(context.delete_stream(&name))
                .expect("it was there");
        }
        let [bare, publish] = rates;
        println!(
            "{round:>5} {bare:>6.0} {publish:>9.0} {:>6.0}%",
            100.0 * publish / bare
        );
    }
}
