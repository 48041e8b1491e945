//! An S3 server inside of the test process, whose faults are planned.
//!
//! It listens on a free port of the loopback, checks signatures, keeps objects as files in a folder
//! of its own, writes down every request, and fails the requests that a test names. It runs on
//! threads of its own: a test needs no async code, and a child process can be its client.
//!
//! ```
//! use lakeseed_test_s3::{Fault, Kind, Server, Settings};
//!
//! let server = Server::start(Settings::default());
//! server.faults().on(Kind::Complete, 1, Fault::ResetAfter);
//! // ... run a client against server.endpoint() with server.access_key() ...
//! # assert!(server.endpoint().starts_with("http://127.0.0.1:"));
//! assert_eq!(server.faults().fired(), 0); // nobody came, so the fault did not land
//! assert!(server.uploads().is_empty());
//! ```
//!
//! Contents: [`Server`] and its [`Settings`]; [`Request`], what the log holds; [`Fault`] and
//! [`Faults`], the plan; [`Paused`], which holds a request at an exact moment, so that a test can
//! end the client there; [`Upload`] and [`Object`], what the server holds;
//! [`Service`], a real server that `dev/services` has started.
//!
//! Only addresses with the bucket in the path are served. A fault belongs to the HTTP level, in
//! front of the store: a request that is refused by plan never reaches it.
//!
//! **What it does better than its store.** `s3s-fs` keeps the objects. [`Server`] adds what our client
//! relies on: conditional writes that are atomic, `ListMultipartUploads`, completions that check
//! parts before they touch anything, refusal of missing buckets and of used-up uploads.
//!
//! **What it does not do.** Versions, ACLs, encryption (its headers are accepted and logged), folders
//! as keys, a key that is also the folder of another one, minimum parts other than 5 MiB. Open
//! uploads are forgotten when it stops, and an object whose digest was refused stays.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot have its server fails, loudly and at once"
)]

mod body;
mod fault;
mod front;
mod identity;
mod pause;
mod request;
mod server;
mod service;
mod settings;
mod store;
mod tls;
mod uploads;

pub use fault::{Fault, Faults};
pub use pause::{Moment, Paused};
pub use request::{Kind, Request};
pub use server::{Object, Server};
pub use service::Service;
pub use settings::Settings;
pub use uploads::Upload;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Takes a lock even when another test thread has failed while it held it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
