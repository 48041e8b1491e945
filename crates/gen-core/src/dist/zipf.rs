//! Ranks by the law of Zipf and Mandelbrot: rank k weighs `(k + q)^-s`.

use super::Weighted;
use crate::seed::Stream;

/// Up to this many ranks are drawn from an alias table (at most 512 KiB); more by
/// rejection-inversion.
const TABLE_RANKS: u64 = 65_536;

/// Zipf-Mandelbrot over ranks `0..n`, of which 0 is the most frequent.
///
/// ```
/// use lakeseed_gen_core::dist::Zipf;
///
/// let popular = Zipf::new(1000, 1.1, 0.0);
/// assert!(popular.draw(0x1234_5678_9ABC_DEF0) < 1000);
/// ```
#[derive(Debug, Clone)]
pub struct Zipf {
    ranks: u64,
    method: Method,
}

#[derive(Debug, Clone)]
enum Method {
    Table(Weighted),
    Rejection(Rejection),
}

impl Zipf {
    /// Over `n` ranks (at least one), with exponent `s >= 0` and shift `q >= 0`.
    pub fn new(n: u64, s: f64, q: f64) -> Self {
        let n = n.max(1);
        let method = if n <= TABLE_RANKS {
            let first = libm::pow(1.0 + q, -s);
            // 2^40 for the first rank: the last of 65,536 still weighs enough to be exact.
            let scale = (1u64 << 40) as f64 / first;
            let weight = |rank: u64| (scale * libm::pow(rank as f64 + q, -s)) as u64;
            let weights: Vec<u64> = (1..=n).map(weight).collect();
            Method::Table(Weighted::new(&weights))
        } else {
            Method::Rejection(Rejection::new(n, s, q))
        };
        Self { ranks: n, method }
    }

    /// With the smallest shift that keeps the first rank's share at or under `cap`.
    ///
    /// Few ranks cannot all be under a small cap: it is never taken below `3 / n`, which leaves a
    /// small setting its skew.
    pub fn with_first_at_most(n: u64, s: f64, cap: f64) -> Self {
        let cap = cap.max(3.0 / n.max(1) as f64);
        let share = |q: f64| libm::pow(1.0 + q, -s) / weight_sum(n, s, q);
        if s <= 0.0 || share(0.0) <= cap {
            return Self::new(n, s, 0.0);
        }
        let (mut low, mut high) = (0.0, 1.0);
        while share(high) > cap {
            high *= 2.0;
        }
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if share(middle) > cap {
                low = middle;
            } else {
                high = middle;
            }
        }
        Self::new(n, s, high)
    }

    /// How many ranks.
    pub fn ranks(&self) -> u64 {
        self.ranks
    }

    /// The rank, from 0, that these random bits choose.
    #[inline]
    pub fn draw(&self, bits: u64) -> u64 {
        match &self.method {
            Method::Table(table) => table.draw(bits) as u64,
            Method::Rejection(rejection) => rejection.draw(Stream::of_bits(bits)),
        }
    }
}

/// The sum of `(k + q)^-s` for k in `1..=n`: exact for the first ranks, the midpoint integral after.
fn weight_sum(n: u64, s: f64, q: f64) -> f64 {
    const EXACT: u64 = 4096;
    let exact = n.min(EXACT);
    let head: f64 = (1..=exact).map(|rank| libm::pow(rank as f64 + q, -s)).sum();
    if n <= EXACT {
        return head;
    }
    head + antiderivative(n as f64 + 0.5 + q, s) - antiderivative(exact as f64 + 0.5 + q, s)
}

/// The antiderivative of `x^-s`.
fn antiderivative(x: f64, s: f64) -> f64 {
    if (s - 1.0).abs() < 1e-9 {
        libm::log(x)
    } else {
        libm::pow(x, 1.0 - s) / (1.0 - s)
    }
}

/// Rejection-inversion: two or three evaluations of pow a draw, no table.
///
/// Source: W. Hörmann and G. Derflinger, "Rejection-inversion to generate variates from monotone
/// discrete distributions" (1996).
#[derive(Debug, Clone)]
struct Rejection {
    n: u64,
    s: f64,
    q: f64,
    low: f64,
    high: f64,
}

impl Rejection {
    fn new(n: u64, s: f64, q: f64) -> Self {
        let low = antiderivative(1.5 + q, s) - libm::pow(1.0 + q, -s);
        let high = antiderivative(n as f64 + 0.5 + q, s);
        Self { n, s, q, low, high }
    }

    fn draw(&self, row: Stream) -> u64 {
        // Accepted at the first try in more than nine of ten cases.
        let mut attempt = 0;
        loop {
            let u = self.low + row.unit(attempt) * (self.high - self.low);
            let x = self.inverse(u) - self.q;
            let rank = libm::round(x).clamp(1.0, self.n as f64);
            let accept =
                antiderivative(rank + 0.5 + self.q, self.s) - libm::pow(rank + self.q, -self.s);
            if u >= accept {
                return rank as u64 - 1;
            }
            attempt += 1;
        }
    }

    fn inverse(&self, u: f64) -> f64 {
        if (self.s - 1.0).abs() < 1e-9 {
            libm::exp(u)
        } else {
            libm::pow(u * (1.0 - self.s), 1.0 / (1.0 - self.s))
        }
    }
}
