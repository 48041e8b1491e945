//! The crate from outside: every format read back by an independent reader, every failure seen.

// Helpers of tests may fail as loudly as tests, and figures are for who asks with `--nocapture`.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests may fail loudly"
)]

mod append;
mod commit;
#[cfg(all(feature = "mysql", feature = "postgres"))]
mod databases;
mod extend;
mod faults;
mod hostile;
#[cfg(feature = "kafka")]
mod kafka;
mod kill;
#[cfg(any(
    feature = "kafka",
    feature = "nats",
    feature = "rabbitmq",
    feature = "sqs"
))]
mod kills;
mod layout;
mod manifest;
mod messages;
#[cfg(all(feature = "mysql", feature = "postgres"))]
mod mysql;
mod names;
#[cfg(feature = "nats")]
mod nats;
mod output;
mod parallel;
mod plan;
#[cfg(any(
    all(feature = "mysql", feature = "postgres"),
    feature = "nats",
    feature = "rabbitmq",
    feature = "sqs"
))]
mod ports;
#[cfg(all(feature = "mysql", feature = "postgres"))]
mod postgres;
#[cfg(any(
    all(feature = "mysql", feature = "postgres"),
    feature = "nats",
    feature = "rabbitmq",
    feature = "sqs"
))]
mod proxy;
#[cfg(feature = "rabbitmq")]
mod rabbitmq;
mod random;
mod readback;
mod resume;
#[cfg(feature = "s3")]
mod s3;
mod shards;
mod site;
mod sources;
#[cfg(feature = "sqs")]
mod sqs;
mod stores;
mod support;
#[cfg(feature = "s3")]
mod through;
mod totals;
mod trees;
mod units;
