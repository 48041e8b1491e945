//! Every distribution against its definition, and against `rand_distr` where it has it.
//!
//! Seeds are fixed. Twenty million draws put five standard deviations between a share of 1 % and
//! a hundredth of itself.

use lakeseed_gen_core::calendar::Hours;
use lakeseed_gen_core::dist::{Geometric, LogNormal, Normal, Softmax, Weighted, Zipf};
use lakeseed_gen_core::permute::Permutation;
use lakeseed_gen_core::seed::{Stream, below};
use rand_distr::Distribution;

use crate::statistics::{LEAST_P, assert_fits, normal_below, p_of_equality, p_of_fit};
use crate::support::Xorshift;

const DRAWS: u64 = 20_000_000;

fn stream(name: &str) -> Stream {
    Stream::root("distributions", 1, 1).named(name)
}

fn count(cells: usize, draws: u64, mut cell: impl FnMut(u64) -> usize) -> Vec<u64> {
    let mut counts = vec![0; cells];
    for row in 0..draws {
        counts[cell(row)] += 1;
    }
    counts
}

#[test]
fn uniform_numbers_are_even() {
    let stream = stream("uniform");
    let counts = count(1000, DRAWS, |row| (stream.unit(row) * 1000.0) as usize);
    assert_fits("unit", &counts, &[1.0; 1000]);
    let counts = count(7, DRAWS, |row| stream.below(row, 7) as usize);
    assert_fits("below", &counts, &[1.0; 7]);
    let counts = count(19, DRAWS, |row| (stream.between(row, -9, 9) + 9) as usize);
    assert_fits("between", &counts, &[1.0; 19]);
    let counts = count(1000, DRAWS, |row| stream.happens(row, 37).into());
    assert!(
        (counts[1] as f64 / DRAWS as f64 / 0.037 - 1.0).abs() < 0.01,
        "{}",
        counts[1]
    );
    assert!((0..1_000_000).all(|row| (0.0..1.0).contains(&stream.unit(row))));
}

#[test]
fn neighbours_do_not_know_of_each_other() {
    // Rows, forks, siblings, seeds: pairs of eight bits each over 65,536 cells.
    let stream = stream("neighbours");
    let (other, reseeded) = (
        stream.named("x"),
        Stream::root("distributions", 1, 2).named("neighbours"),
    );
    let byte = |bits: u64| (bits >> 56) as usize;
    let low = |bits: u64| (bits & 255) as usize;
    let pairs: [(&str, &dyn Fn(u64) -> usize); 7] = [
        ("rows", &|row| {
            byte(stream.at(row)) << 8 | byte(stream.at(row + 1))
        }),
        ("rows 1024 apart", &|row| {
            byte(stream.at(row)) << 8 | byte(stream.at(row + 1024))
        }),
        ("high and low bits", &|row| {
            byte(stream.at(row)) << 8 | low(stream.at(row))
        }),
        ("low bits of rows", &|row| {
            low(stream.at(row)) << 8 | low(stream.at(row + 1))
        }),
        ("forks", &|row| {
            byte(stream.fork(row).at(0)) << 8 | byte(stream.fork(row + 1).at(0))
        }),
        ("siblings", &|row| {
            byte(stream.at(row)) << 8 | byte(other.at(row))
        }),
        ("seeds", &|row| {
            byte(stream.at(row)) << 8 | byte(reseeded.at(row))
        }),
    ];
    for (what, cell) in pairs {
        let counts = count(65_536, 4_000_000, cell);
        let p = p_of_fit(&counts, &vec![1.0; 65_536]);
        assert!(p > LEAST_P && p < 1.0 - LEAST_P, "{what}: {p:e}");
    }
}

#[test]
fn weighted_categories_come_by_weight() {
    let irregular: Vec<u64> = (0..1000u64).map(|at| at * at % 997 * 1_000_003).collect();
    let huge = [u64::MAX, u64::MAX / 2, 1, u64::MAX / 64, 0];
    let sets: [&[u64]; 8] = [
        &[1],
        &[1, 1],
        &[1, 3],
        &[42, 25, 13, 12, 8],
        &[193, 5, 2],
        &[0, 0, 7, 0, 1, 0],
        &irregular,
        &huge,
    ];
    for weights in sets {
        let weighted = Weighted::new(weights);
        assert_eq!(weighted.len(), weights.len());
        let stream = stream(&format!("{}", weights.len()));
        let counts = count(weights.len(), DRAWS / 2, |row| {
            weighted.draw(stream.at(row))
        });
        let shares: Vec<f64> = weights.iter().map(|&weight| weight as f64).collect();
        let what = format!("{} weights", weights.len());
        // One in 2^65 is as good as never, and the test of fit takes it for a share.
        assert_fits(&what, &counts, &shares);
    }
}

#[test]
fn weights_are_exact_to_the_last_bit_of_their_promise() {
    // Not drawn but laid out: a grid over all random bits finds each share to within a step.
    let weights = [1u64, 2, 3, 94];
    let weighted = Weighted::new(&weights);
    let steps = 1u64 << 22;
    let counts = count(4, steps, |at| weighted.draw(at << 42 | 1 << 41));
    for (count, weight) in counts.iter().zip(weights) {
        let expected = weight as f64 / 100.0 * steps as f64;
        assert!(
            (*count as f64 - expected).abs() <= 4.0,
            "{count} {expected}"
        );
    }
}

/// Bounds of cells over ranks 1..=n: single ranks first, then wider and wider.
fn rank_cells(n: u64) -> Vec<u64> {
    let mut bounds: Vec<u64> = (1..=n.min(40) + 1).collect();
    while bounds[bounds.len() - 1] <= n {
        let last = bounds[bounds.len() - 1];
        bounds.push((last + 1 + last / 4).min(n + 1));
    }
    bounds
}

fn cell_of(bounds: &[u64], rank: u64) -> usize {
    bounds.partition_point(|&bound| bound <= rank) - 1
}

/// Rank by rank, nothing but the definition.
fn zipf_shares(bounds: &[u64], s: f64, q: f64) -> Vec<f64> {
    let share = |pair: &[u64]| {
        (pair[0]..pair[1])
            .map(|rank| libm::pow(rank as f64 + q, -s))
            .sum()
    };
    bounds.windows(2).map(share).collect()
}

/// The slope of ln(frequency of a rank) over ln(rank + q), by least squares weighted by count.
fn slope(bounds: &[u64], counts: &[u64], q: f64) -> f64 {
    let (mut w, mut wx, mut wy, mut wxx, mut wxy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (pair, &count) in bounds
        .windows(2)
        .zip(counts)
        .filter(|(_, count)| **count > 100)
    {
        // A rank by itself, or the geometric middle of many, ends at half ranks.
        let (low, high) = (pair[0] as f64 - 0.5 + q, pair[1] as f64 - 0.5 + q);
        let x = if pair[1] == pair[0] + 1 {
            libm::log(pair[0] as f64 + q)
        } else {
            f64::midpoint(libm::log(low), libm::log(high))
        };
        let y = libm::log(count as f64 / (high - low));
        let weight = count as f64;
        w += weight;
        wx += weight * x;
        wy += weight * y;
        wxx += weight * x * x;
        wxy += weight * x * y;
    }
    (w * wxy - wx * wy) / (w * wxx - wx * wx)
}

#[test]
fn zipf_is_its_definition_and_has_its_slope() {
    // On both sides of 65,536 ranks, where the method changes.
    for (n, s, q) in [
        (1, 1.1, 0.0),
        (31, 1.05, 0.0),
        (1000, 1.1, 0.0),
        (1000, 2.2, 3.5),
        (65_536, 1.05, 20.0),
        (65_537, 1.05, 20.0),
        (100_000, 1.0, 0.0),
        (1_000_000, 1.1, 0.0),
        (1_000_000, 0.5, 0.0),
        (1_000_000, 1.1, 93.0),
        (1_000_000, 2.2, 200.0),
        (1_000_000, 4.4, 0.0),
        (1_000_000, 0.0, 0.0),
    ] {
        let what = format!("zipf {n} {s} {q}");
        let zipf = Zipf::new(n, s, q);
        assert_eq!(zipf.ranks(), n);
        let bounds = rank_cells(n);
        let stream = stream(&what);
        let counts = count(bounds.len() - 1, DRAWS / 2, |row| {
            let rank = zipf.draw(stream.at(row));
            assert!(rank < n);
            cell_of(&bounds, rank + 1)
        });
        assert_fits(&what, &counts, &zipf_shares(&bounds, s, q));
        if n > 100 {
            let slope = slope(&bounds, &counts, q);
            assert!((slope + s).abs() < 0.02, "{what}: slope {slope}");
        }
    }
}

#[test]
fn zipf_is_that_of_rand_distr() {
    const SAMPLE: u64 = 4_000_000;
    for (n, s) in [
        (1000u64, 1.1),
        (65_536, 1.05),
        (1_000_000, 1.1),
        (1 << 40, 1.1),
        (1 << 40, 0.7),
        (1 << 52, 1.0),
    ] {
        let ours = Zipf::new(n, s, 0.0);
        let theirs = rand_distr::Zipf::new(n as f64, s).unwrap();
        let bounds = rank_cells(n);
        let stream = stream("rand_distr");
        let found = count(bounds.len() - 1, SAMPLE, |row| {
            cell_of(&bounds, ours.draw(stream.at(row)) + 1)
        });
        let mut oracle = Xorshift(n | 1);
        let expected = count(bounds.len() - 1, SAMPLE, |_| {
            cell_of(&bounds, theirs.sample(&mut oracle) as u64)
        });
        let p = p_of_equality(&found, &expected);
        assert!(p > LEAST_P, "zipf {n} {s}: {p:e}");
    }
}

#[test]
fn zipf_reaches_any_number_of_ranks_at_any_exponent() {
    // Shares of halves, quarters, ... of the ranks, from the integral: no rank there weighs much.
    for (n, s) in [
        (1u64 << 34, 0.0),
        (1 << 40, 0.1),
        (1 << 58, 0.3),
        (1 << 62, 0.0),
        (1 << 62, 0.5),
    ] {
        let zipf = Zipf::new(n, s, 0.0);
        let stream = stream(&format!("octaves {n} {s}"));
        let octave = |rank: u64| (libm::log2(n as f64 / (rank as f64 + 1.0)) as usize).min(9);
        let counts = count(10, 4_000_000, |row| octave(zipf.draw(stream.at(row))));
        let below = |octave: i32| libm::pow(2.0, -(1.0 - s) * f64::from(octave));
        let shares: Vec<f64> = (0..10)
            .map(|at| below(at) - if at < 9 { below(at + 1) } else { 0.0 })
            .collect();
        let p = p_of_fit(&counts, &shares);
        assert!(p > LEAST_P, "zipf {n} {s}: {p:e} {counts:?}");
    }
}

#[test]
fn far_ranks_of_zipf_are_drawn_one_by_one() {
    // Where a cell of the table stands for thousands of ranks, all of them are drawn, and alike.
    let n = 1u64 << 30;
    let zipf = Zipf::new(n, 0.5, 0.0);
    let stream = stream("far");
    let mut far: Vec<u64> = (0..2_000_000)
        .map(|row| zipf.draw(stream.at(row)))
        .filter(|&rank| rank >= n / 2)
        .collect();
    let count = far.len() as f64;
    assert!(count > 500_000.0, "{count}");
    let mut low_bits = vec![0; 256];
    for rank in &far {
        low_bits[(rank % 256) as usize] += 1;
    }
    let p = p_of_fit(&low_bits, &[1.0; 256]);
    assert!(p > LEAST_P, "{p:e}");
    far.sort_unstable();
    let twice = far.windows(2).filter(|pair| pair[0] == pair[1]).count() as f64;
    // As many as the birthdays say, where the first of these ranks weighs 1.41 times the last:
    // the sum of squares is 1.010 times that of an even draw.
    let expected = 1.01 * count * count / n as f64;
    assert!(
        (twice - expected).abs() < 6.0 * expected.sqrt(),
        "{twice} {expected}"
    );
}

#[test]
fn the_first_of_zipf_keeps_under_its_cap() {
    for (n, s, cap) in [
        (80_000, 1.1, 0.001),
        (17_000, 1.1, 0.001),
        (3_000, 1.1, 0.001),
        (5_500, 1.05, 0.005),
        (8_000_000, 1.1, 0.001),
        (80_000, 2.2, 0.001),
    ] {
        let zipf = Zipf::with_first_at_most(n, s, cap);
        let stream = stream("cap");
        let counts = count(3, DRAWS, |row| zipf.draw(stream.at(row)).min(2) as usize);
        let expected = cap * DRAWS as f64;
        assert!(
            (counts[0] as f64 - expected).abs() < 0.02 * expected,
            "{n} {s}: {counts:?}"
        );
        assert!(
            counts[1] <= counts[0] + counts[0] / 20,
            "{n} {s}: {counts:?}"
        );
    }
    // Where the cap does no harm there is no shift.
    let (free, capped) = (
        Zipf::new(100, 0.5, 0.0),
        Zipf::with_first_at_most(100, 0.5, 0.9),
    );
    assert!(
        (0..10_000)
            .all(|row| free.draw(stream("free").at(row)) == capped.draw(stream("free").at(row)))
    );
}

/// Cells between these quantiles of the standard normal, and beyond.
const EDGES: i32 = 60;

fn normal_cell(x: f64) -> usize {
    (libm::floor(x * 15.0) as i32)
        .clamp(-EDGES, EDGES - 1)
        .wrapping_add(EDGES) as usize
}

fn normal_shares() -> Vec<f64> {
    let edge = |at: i32| f64::from(at) / 15.0;
    (-EDGES..EDGES)
        .map(|at| {
            let low = if at == -EDGES {
                0.0
            } else {
                normal_below(edge(at))
            };
            let high = if at == EDGES - 1 {
                1.0
            } else {
                normal_below(edge(at + 1))
            };
            high - low
        })
        .collect()
}

#[test]
fn normal_is_its_definition_and_that_of_rand_distr() {
    let normal = Normal::new(10.0, 2.5);
    let draws = stream("normal");
    let cell = |x: f64| normal_cell((x - 10.0) / 2.5);
    let found = count(2 * EDGES as usize, DRAWS / 2, |row| {
        cell(normal.draw(draws.at(row)))
    });
    assert_fits("normal", &found, &normal_shares());

    let theirs = rand_distr::Normal::new(10.0, 2.5).unwrap();
    let mut oracle = Xorshift(7);
    let expected = count(2 * EDGES as usize, DRAWS / 2, |_| {
        cell(theirs.sample(&mut oracle))
    });
    let p = p_of_equality(&found, &expected);
    assert!(p > LEAST_P, "{p:e}");

    // Neighbouring rows are independent.
    let pairs = count(64, 4_000_000, |row| {
        let eighth = |row| (normal_below((normal.draw(draws.at(row)) - 10.0) / 2.5) * 8.0) as usize;
        eighth(row) * 8 + eighth(row + 1)
    });
    assert!(p_of_fit(&pairs, &[1.0; 64]) > LEAST_P);
    // The ends of the bits are finite.
    assert!(
        [0, 1, u64::MAX, u64::MAX - 1, 1 << 63]
            .iter()
            .all(|&bits| normal.draw(bits).is_finite())
    );
}

#[test]
fn log_normal_is_its_definition_and_that_of_rand_distr() {
    let ours = LogNormal::new(2.3, 0.4);
    let draws = stream("log-normal");
    let cell = |x: f64| normal_cell((libm::log(x) - 2.3) / 0.4);
    let found = count(2 * EDGES as usize, DRAWS / 2, |row| {
        cell(ours.draw(draws.at(row)))
    });
    assert_fits("log-normal", &found, &normal_shares());
    let theirs = rand_distr::LogNormal::new(2.3, 0.4).unwrap();
    let mut oracle = Xorshift(9);
    let expected = count(2 * EDGES as usize, DRAWS / 2, |_| {
        cell(theirs.sample(&mut oracle))
    });
    let p = p_of_equality(&found, &expected);
    assert!(p > LEAST_P, "{p:e}");
}

#[test]
fn normal_agrees_with_rand_distr_by_kolmogorov_and_smirnov() {
    const SAMPLE: usize = 1_000_000;
    let (normal, draws) = (Normal::new(0.0, 1.0), stream("ks"));
    let mut ours: Vec<f64> = (0..SAMPLE as u64)
        .map(|row| normal.draw(draws.at(row)))
        .collect();
    let mut oracle = Xorshift(11);
    let mut theirs: Vec<f64> = (0..SAMPLE)
        .map(|_| rand_distr::StandardNormal.sample(&mut oracle))
        .collect();
    ours.sort_unstable_by(f64::total_cmp);
    theirs.sort_unstable_by(f64::total_cmp);
    let (mut a, mut b, mut furthest) = (0, 0, 0usize);
    while a < SAMPLE && b < SAMPLE {
        if ours[a] <= theirs[b] {
            a += 1;
        } else {
            b += 1;
        }
        furthest = furthest.max(a.abs_diff(b));
    }
    // Tail 2 exp(-2 d^2 n / 2) at 10^-6: d = 2.69 / sqrt(n / 2).
    let limit = 2.69 * (SAMPLE as f64 * 2.0).sqrt();
    assert!((furthest as f64) < limit, "{furthest} {limit}");
    // And the two are not the same numbers.
    assert_ne!(ours[SAMPLE / 2], theirs[SAMPLE / 2]);
}

#[test]
fn geometric_counts_are_their_definition() {
    for (mean, cap) in [
        (2.5, 10u16),
        (1.2, 10),
        (4.0, 10),
        (5.5, 10),
        (8.0, 10),
        (1.7, 3),
    ] {
        let set = Geometric::multiset(1024, mean, cap);
        assert_eq!(set.total() as f64, libm::round(1024.0 * mean));
        let held: Vec<u64> = (1..=cap)
            .map(|count| set.counts().iter().filter(|&&found| found == count).count() as u64)
            .collect();
        // The ratio that gives the mean, found by stepping: not by the crate's bisection.
        let law = |ratio: f64| -> Vec<f64> {
            (0..cap).map(|at| libm::pow(ratio, f64::from(at))).collect()
        };
        let mean_of = |law: &[f64]| {
            let total: f64 = law.iter().sum();
            law.iter()
                .zip(1..)
                .map(|(weight, count)| weight * f64::from(count))
                .sum::<f64>()
                / total
        };
        let mut ratio = 1e-5;
        while mean_of(&law(ratio)) < mean {
            ratio += 1e-5;
        }
        let (law, total) = (law(ratio), law(ratio).iter().sum::<f64>());
        for (at, (&held, weight)) in held.iter().zip(&law).enumerate() {
            // Whole members, and those few that settle the sum.
            let exact = weight / total * 1024.0;
            assert!(
                (held as f64 - exact).abs() <= 3.0,
                "mean {mean}: {held} of {} for {exact}",
                at + 1
            );
        }
    }
}

#[test]
fn geometric_counts_are_those_of_rand_distr() {
    // Truncated at 40 where nothing is left to cut off: the plain geometric distribution.
    let set = Geometric::multiset(u16::MAX, 2.5, 40);
    let theirs = rand_distr::Geometric::new(1.0 / 2.5).unwrap();
    let mut oracle = Xorshift(13);
    let counts = count(40, 2_000_000, |_| {
        theirs.sample(&mut oracle).min(39) as usize
    });
    let held: Vec<f64> = (1..=40)
        .map(|count| set.counts().iter().filter(|&&found| found == count).count() as f64)
        .collect();
    for (at, (&found, held)) in counts.iter().zip(&held).enumerate().take(10) {
        let (found, held) = (found as f64 / 2e6, held / f64::from(u16::MAX));
        assert!(
            (found / held - 1.0).abs() < 0.02,
            "{}: {held} {found}",
            at + 1
        );
    }
}

#[test]
fn softmax_rows_sum_to_one_and_are_their_definition() {
    const CLASSES: usize = 30;
    const ROWS: u64 = 1_000_000;
    let (softmax, rows) = (Softmax::new(CLASSES), stream("softmax"));
    let mut values = [0.0; CLASSES];
    // The winner, and how clearly it wins, of ours and of the definition.
    let winner_and_height = |values: &[f64]| {
        let (at, best) = values
            .iter()
            .copied()
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .unwrap();
        (at, (best * 50.0) as usize)
    };
    let (mut wins, mut heights) = (
        [vec![0; CLASSES], vec![0; CLASSES]],
        [vec![0; 51], vec![0; 51]],
    );
    for row in 0..ROWS {
        softmax.fill(rows.fork(row), &mut values);
        let sum: f64 = values.iter().sum();
        assert!(
            (sum - 1.0).abs() < 1e-9 && values.iter().all(|&p| p > 0.0),
            "row {row}: {sum}"
        );
        let (at, height) = winner_and_height(&values);
        wins[0][at] += 1;
        heights[0][height] += 1;
    }
    let mut oracle = Xorshift(17);
    let harmonic: Vec<f64> = (1..=CLASSES).map(|rank| 1.0 / rank as f64).collect();
    let total: f64 = harmonic.iter().sum();
    let even = rand_distr::Uniform::new(0.0, 1.0).unwrap();
    for _ in 0..ROWS {
        let mut logits: Vec<f64> = (0..CLASSES).map(|_| even.sample(&mut oracle)).collect();
        let raised = 1 + (even.sample(&mut oracle) * 3.0) as usize;
        for number in 1..=raised {
            let mut left = even.sample(&mut oracle) * total;
            let class = harmonic.iter().position(|weight| {
                left -= weight;
                left < 0.0
            });
            let height = 0.5 + 0.5 * even.sample(&mut oracle);
            logits[class.unwrap_or(CLASSES - 1)] += 6.0 * height / number as f64;
        }
        let sum: f64 = logits.iter().map(|logit| libm::exp(*logit)).sum();
        let values: Vec<f64> = logits.iter().map(|logit| libm::exp(*logit) / sum).collect();
        let (at, height) = winner_and_height(&values);
        wins[1][at] += 1;
        heights[1][height] += 1;
    }
    let p = [
        p_of_equality(&wins[0], &wins[1]),
        p_of_equality(&heights[0], &heights[1]),
    ];
    assert!(p.iter().all(|&p| p > LEAST_P), "{p:?}");
}

#[test]
fn hours_hold_their_weights() {
    let weights: [u32; 24] = std::array::from_fn(|hour| 1 + (hour as u32 * 7) % 24);
    let hours = Hours::new(weights);
    let draws = stream("hours");
    let found = count(24, DRAWS, |row| {
        (hours.micros(draws.unit(row)) / 3_600_000_000) as usize
    });
    assert_fits("hours", &found, &weights.map(f64::from));
    let minutes = count(60, DRAWS, |row| {
        (hours.micros(draws.unit(row)) / 60_000_000 % 60) as usize
    });
    assert_fits("minutes", &minutes, &[1.0; 60]);
}

#[test]
fn permutations_scatter_pairs_as_draws_would() {
    // Where a row and the next one go, over a grid of 32 x 32 cells.
    for (seed, n) in [(1, 1_000_000u64), (2, 99_999_990), (3, 10_000_019)] {
        let permutation = Permutation::new(Stream::root("pairs", 1, seed), n);
        let cell = |x: u64| (u128::from(permutation.forward(x)) * 32 / u128::from(n)) as usize;
        let counts = count(1024, 900_000, |x| cell(x) * 32 + cell(x + 1));
        let p = p_of_fit(&counts, &[1.0; 1024]);
        assert!(p > LEAST_P, "{n}: {p:e}");
    }
    assert_eq!(below(u64::MAX, 10), 9);
}
