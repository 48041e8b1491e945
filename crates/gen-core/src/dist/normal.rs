//! Normal and log-normal by Box and Muller, on the pure-Rust maths.

use crate::seed::{mix, unit};

/// Normal with mean and standard deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normal {
    mean: f64,
    deviation: f64,
}

impl Normal {
    /// That mean and standard deviation.
    pub const fn new(mean: f64, deviation: f64) -> Self {
        Self { mean, deviation }
    }

    /// The value that these random bits choose.
    ///
    /// Source: Box and Muller (1958). The angle takes its bits from a second mix of the same ones.
    #[inline]
    pub fn draw(&self, bits: u64) -> f64 {
        // In (0, 1]: the logarithm of zero is never asked for.
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - unit(bits)));
        let angle = std::f64::consts::TAU * unit(mix(bits ^ 0x5851_F42D_4C95_7F2D));
        self.mean + self.deviation * radius * libm::cos(angle)
    }
}

/// Log-normal: its logarithm is normal with these parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogNormal(Normal);

impl LogNormal {
    /// Mean and standard deviation of the logarithm.
    pub const fn new(mean_of_log: f64, deviation_of_log: f64) -> Self {
        Self(Normal::new(mean_of_log, deviation_of_log))
    }

    /// The value that these random bits choose.
    #[inline]
    pub fn draw(&self, bits: u64) -> f64 {
        libm::exp(self.0.draw(bits))
    }
}
