//! Loops over the widest vectors that the processor has.
//!
//! A build for every x86-64 processor may use vectors of two doubles; most processors have four or
//! eight. [`wide!`] has a loop compiled for each width and takes the one that fits, once looked up.
//! The result is the same to the bit: these are the same additions and multiplications, none of
//! them joined or in another order. `gen-core` has the same few lines: neither crate depends on the
//! other.

/// Evaluates an expression as wide as the processor can. What it calls has to be
/// `#[inline(always)]`: a function by itself stays narrow.
//
// A macro, and not a function that is given a closure: the expression is a closure of its own for
// each width, which is called once and therefore inlined.
macro_rules! wide {
    ($work:expr) => {
        fearless_simd::dispatch!(fearless_simd::Level::new(), simd => {
            fearless_simd::Simd::vectorize(simd, || $work)
        })
    };
}

pub(crate) use wide;
