//! Counts that halve and halve: geometric on `1..=cap`, as a table.

/// How often each count of `1..=cap` occurs among `size` members, geometric with a given mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Geometric {
    counts: Vec<u16>,
}

impl Geometric {
    /// A multiset of `size` counts in `1..=cap` whose sum is `round(size * mean)`, in descending
    /// frequency of a geometric distribution capped there.
    ///
    /// The mean is first brought into `1..=cap`. The ratio is solved by bisection; what rounding
    /// leaves is settled by moving single members up or down, from the middle outwards.
    pub fn multiset(size: u16, mean: f64, cap: u16) -> Self {
        let cap = cap.max(1);
        let mean = mean.clamp(1.0, f64::from(cap));
        let ratio = ratio_for(mean, cap);
        let mut shares = Vec::with_capacity(usize::from(cap));
        let mut share = 1.0;
        for _ in 0..cap {
            shares.push(share);
            share *= ratio;
        }
        let total: f64 = shares.iter().sum();
        let mut counts = Vec::with_capacity(usize::from(size));
        let mut cumulative = 0.0;
        for (at, share) in shares.iter().enumerate() {
            cumulative += share / total;
            let until = libm::round(cumulative * f64::from(size)) as usize;
            counts.resize(until.clamp(counts.len(), usize::from(size)), at as u16 + 1);
        }
        counts.resize(usize::from(size), cap);
        let wanted = libm::round(mean * f64::from(size)) as i64;
        let mut missing = wanted - counts.iter().map(|&count| i64::from(count)).sum::<i64>();
        let mut at = 0;
        while missing != 0 {
            let count = &mut counts[at % usize::from(size)];
            if missing > 0 && *count < cap {
                *count += 1;
                missing -= 1;
            } else if missing < 0 && *count > 1 {
                *count -= 1;
                missing += 1;
            }
            at += 1;
        }
        Self { counts }
    }

    /// The members, each a count.
    pub fn counts(&self) -> &[u16] {
        &self.counts
    }

    /// The sum of the members.
    pub fn total(&self) -> u64 {
        self.counts.iter().map(|&count| u64::from(count)).sum()
    }
}

/// The ratio of a geometric distribution on `1..=cap` with that mean.
fn ratio_for(mean: f64, cap: u16) -> f64 {
    let mean_of = |ratio: f64| {
        let (mut weight, mut total, mut sum) = (1.0, 0.0, 0.0);
        for count in 1..=cap {
            total += weight;
            sum += weight * f64::from(count);
            weight *= ratio;
        }
        sum / total
    };
    // Above 1 the larger counts are the likelier ones: a mean in the upper half of the range.
    let (mut low, mut high) = (0.0, 64.0);
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        if mean_of(middle) < mean {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_exact_for_any_mean() {
        for (mean, cap) in [
            (1.0, 10),
            (2.5, 10),
            (9.9, 10),
            (10.0, 10),
            (3.0, 1),
            (1.37, 4),
        ] {
            let set = Geometric::multiset(1024, mean, cap);
            let mean = mean.clamp(1.0, f64::from(cap));
            assert_eq!(
                set.total(),
                libm::round(1024.0 * mean) as u64,
                "{mean} {cap}"
            );
            assert!(set.counts().iter().all(|count| (1..=cap).contains(count)));
        }
    }

    #[test]
    fn frequencies_fall_by_a_constant_ratio() {
        let set = Geometric::multiset(1024, 2.5, 10);
        let share = |count| set.counts().iter().filter(|&&c| c == count).count() as f64;
        for count in 1..5 {
            let ratio = share(count + 1) / share(count);
            assert!((ratio - 0.622).abs() < 0.02, "{count}: {ratio}");
        }
    }
}
