//! Runs the server for benches and for hand use, until its standard input closes.
//!
//! ```sh
//! cargo run --release -p lakeseed-test-s3 -- --port 9000 --folder /data/s3 --bucket lake
//! ```
//!
//! It prints the variables with which the usual clients find it, as lines that a shell can read.
#![allow(clippy::print_stdout, reason = "the lines are its result")]

use clap::Parser;
use lakeseed_test_s3::{Server, Settings};
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

/// An S3 server on the loopback that ends when its standard input closes.
#[derive(Parser)]
struct Arguments {
    /// The port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The folder that holds the objects; a temporary one without it.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// A bucket that exists from the start; may be given again.
    #[arg(long, default_value = "lake")]
    bucket: Vec<String>,
    /// The access key that is let in.
    #[arg(long, default_value = "LAKESEEDTESTKEY")]
    access_key: String,
    /// The secret key that belongs to it.
    #[arg(long, default_value = "lakeseed-test-secret")]
    secret_key: String,
    /// The session token that every request must carry.
    #[arg(long)]
    session_token: Option<String>,
    /// Speaks TLS, and writes the certificate to trust into this file.
    #[arg(long)]
    tls: Option<PathBuf>,
    /// Takes no more than so many million bytes in a second, as a network would.
    #[arg(long, value_name = "MB")]
    link: Option<u64>,
    /// Answers no request sooner than this, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    latency: u64,
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let mut settings = Settings::default()
        .keys(arguments.access_key, arguments.secret_key)
        .buckets(arguments.bucket)
        .port(arguments.port)
        .latency(Duration::from_millis(arguments.latency));
    if let Some(token) = arguments.session_token {
        settings = settings.session_token(token);
    }
    if let Some(folder) = arguments.folder {
        settings = settings.folder(folder);
    }
    if let Some(megabytes) = arguments.link {
        settings = settings.link(megabytes * 1_000_000);
    }
    if arguments.tls.is_some() {
        settings = settings.tls();
    }
    let server = Server::try_start(settings)?;
    if let (Some(path), Some(pem)) = (arguments.tls, server.ca_pem()) {
        std::fs::write(&path, pem)?;
        println!("export AWS_CA_BUNDLE='{}'", path.display());
    }
    for (name, value) in server.environment() {
        println!("export {name}='{}'", value.replace('\'', r"'\''"));
    }
    io::stdout().flush()?;
    let mut ignored = [0; 4096];
    while io::stdin().read(&mut ignored)? > 0 {}
    Ok(())
}
