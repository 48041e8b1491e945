//! Runnable examples, one folder each: `cargo run --example pets` from the root.
