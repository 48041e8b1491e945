//! The program as its users run it: the real binary, real folders, exact lines.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "what helps a test fails as loudly as the test"
)]

mod access;
mod append;
#[cfg(feature = "star")]
mod bench;
mod canaries;
#[cfg(target_os = "linux")]
mod cgroup;
mod commands;
mod continuing;
mod environment;
mod folders;
mod formats;
#[cfg(all(feature = "star", target_os = "linux"))]
mod grid;
mod hard;
mod identity;
#[cfg(feature = "kafka")]
mod kafka;
mod layout;
mod limits;
#[cfg(feature = "load")]
mod load;
#[cfg(all(feature = "load", feature = "star"))]
mod load_files;
#[cfg(all(feature = "load", feature = "star"))]
mod load_folders;
#[cfg(feature = "load")]
mod load_mysql;
#[cfg(feature = "load")]
mod load_recipe;
#[cfg(feature = "load")]
mod load_rounds;
#[cfg(all(feature = "load", feature = "star"))]
mod load_views;
#[cfg(all(feature = "load", feature = "star"))]
mod load_whole;
mod log;
mod memory;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "star")]
mod own;
#[cfg(all(feature = "load", feature = "star"))]
mod own_databases;
mod places;
#[cfg(any(feature = "nats", feature = "rabbitmq"))]
#[path = "../../../sink/tests/it/ports.rs"]
mod ports;
mod publish;
#[cfg(feature = "star")]
mod publish_csv;
#[cfg(feature = "star")]
mod publish_folders;
#[cfg(feature = "rabbitmq")]
mod rabbitmq;
mod shards;
mod signals;
mod size;
#[cfg(feature = "star")]
mod sql;
#[cfg(feature = "sqs")]
mod sqs;
#[cfg(feature = "star")]
mod star;
#[cfg(feature = "star")]
mod star_extend;
#[cfg(feature = "star")]
mod star_indicators;
#[cfg(feature = "star")]
mod star_retail;
#[cfg(feature = "star")]
mod star_verify;
mod story;
mod streams;
mod support;
mod sweep;
mod tls;
mod usage;
mod verify;
mod windows;
