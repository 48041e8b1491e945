//! Predictions as messages to a target that only counts: what making and rendering them costs, without
//! a file or a queue. Prints one JSON line as the peers' scripts do.
//!
//! Usage: `message_table ROWS [MODE] [PRECISION] [GROUPING] [THREADS]`, MODE one of simplex, uniform;
//! PRECISION a number of places or none; GROUPING one of neighbours, modulo.

use std::error::Error;
use std::time::Instant;

use lakeseed_gen_core::Settings;
use lakeseed_gen_core::predictions::Predictions;
use lakeseed_sink::messages::{Counting, Grouping, MessagePlan, MessageSettings, Publish};
use lakeseed_sink::{BoxedReader, FnSource};

#[expect(
    clippy::print_stdout,
    reason = "the result line is what the program is for"
)]
fn main() -> Result<(), Box<dyn Error>> {
    lakeseed_benches::as_the_binary();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [rows, rest @ ..] = arguments.as_slice() else {
        return Err("usage: message_table ROWS [MODE] [PRECISION] [GROUPING] [THREADS]".into());
    };
    let given = |at: usize, default: &'static str| rest.get(at).map_or(default, String::as_str);
    let grouping = match given(2, "neighbours") {
        "neighbours" => Grouping::Neighbours,
        "modulo" => Grouping::Modulo,
        other => return Err(format!("no grouping {other}; take neighbours or modulo").into()),
    };
    let settings = Settings::new()
        .only_rows(rows.parse()?)
        .parameter("mode", given(0, "simplex"))
        .parameter("precision", given(1, "none"));
    let threads: usize = given(3, "2").parse()?;
    let start = Instant::now();
    let predictions = Predictions::new(&settings)?;
    let table = predictions.predictions().clone();
    let made = table.clone();
    let source = FnSource::new(table.schema().clone(), move |rows, batch_rows| {
        let refused = |error| arrow_schema::ArrowError::ExternalError(Box::new(error));
        let scan = made.rows(rows).batch_rows(batch_rows);
        Ok(Box::new(scan.reader().map_err(refused)?) as BoxedReader)
    });
    let plan = MessagePlan::builder(table.name())
        .settings(MessageSettings {
            grouping,
            ..MessageSettings::default()
        })
        .source(source, table.row_range())
        .build()?;
    let counting = Counting::new();
    let done = Publish::to_queue(&plan, &counting).threads(threads).run()?;
    let seconds = start.elapsed().as_secs_f64();
    let peak = lakeseed_budget::peak_resident().map_or(0, |peak| peak.get() >> 20);
    println!(
        "{{\"peer\": \"lakeseed\", \"work\": \"messages {grouping:?}\", \"rows\": {}, \
         \"seconds\": {seconds:.3}, \"rows_per_s\": {:.0}, \"bytes\": {}, \"peak_mb\": {peak}}}",
        done.rows,
        done.rows as f64 / seconds,
        done.bytes,
    );
    Ok(())
}
