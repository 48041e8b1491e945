//! Distributions that give the same draw on every platform.
//!
//! A draw is a function of random bits alone. Weights are integers; exp, ln, sin and pow come from
//! the pure-Rust `libm`, never from the platform's C library. Each file holds one distribution;
//! `rand_distr` is the oracle that they are tested against.

mod exp;
mod geometric;
mod normal;
mod softmax;
mod weighted;
mod zipf;

pub use geometric::Geometric;
pub use normal::{LogNormal, Normal};
pub use softmax::Softmax;
pub use weighted::Weighted;
pub use zipf::Zipf;
