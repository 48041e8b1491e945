//! The tests of goodness of fit that the other modules use, themselves tested against tables.

/// The least p-value that passes: a right distribution fails once in a million seeds, and seeds
/// are fixed.
pub(crate) const LEAST_P: f64 = 1e-6;

/// The upper tail of the regularised gamma function, Q(a, x).
///
/// Source: "Numerical Recipes", 3rd edition, section 6.2: the series below a + 1, Lentz's
/// continued fraction above.
pub(crate) fn gamma_q(shape: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let scale = libm::exp(shape * libm::log(x) - x - libm::lgamma(shape));
    if x < shape + 1.0 {
        let (mut term, mut sum, mut divisor) = (1.0 / shape, 1.0 / shape, shape);
        while term > sum * 1e-16 {
            divisor += 1.0;
            term *= x / divisor;
            sum += term;
        }
        1.0 - sum * scale
    } else {
        let mut partial = x + 1.0 - shape;
        let (mut above, mut below) = (1e300, 1.0 / partial);
        let mut fraction = below;
        for step in 1..10_000 {
            let step = f64::from(step);
            let numerator = -step * (step - shape);
            partial += 2.0;
            below = 1.0 / (numerator * below + partial);
            above = partial + numerator / above;
            fraction *= below * above;
            if (below * above - 1.0).abs() < 1e-15 {
                break;
            }
        }
        fraction * scale
    }
}

fn square(x: f64) -> f64 {
    x * x
}

/// The chance that a chi-square of that many degrees is as large.
pub(crate) fn chi_square_tail(chi: f64, degrees: usize) -> f64 {
    gamma_q(degrees as f64 / 2.0, chi / 2.0)
}

/// The chance of counts as far from these shares; rare cells are put together.
pub(crate) fn p_of_fit(counts: &[u64], shares: &[f64]) -> f64 {
    assert_eq!(counts.len(), shares.len());
    let draws = counts.iter().sum::<u64>() as f64;
    let total: f64 = shares.iter().sum();
    let (mut chi, mut cells) = (0.0, 0);
    let (mut count, mut expected) = (0.0, 0.0);
    let mut left = total;
    for (&cell, &share) in counts.iter().zip(shares) {
        if share == 0.0 {
            assert_eq!(cell, 0, "a draw of no weight");
            continue;
        }
        left -= share;
        count += cell as f64;
        expected += share / total * draws;
        // A rest that is too small for a cell of its own joins this one.
        if expected >= 20.0 && left / total * draws >= 20.0 {
            chi += square(count - expected) / expected;
            (count, expected, cells) = (0.0, 0.0, cells + 1);
        }
    }
    chi += square(count - expected) / expected;
    chi_square_tail(chi, cells)
}

/// The chance that two equally large samples of one distribution differ as much.
pub(crate) fn p_of_equality(a: &[u64], b: &[u64]) -> f64 {
    assert_eq!(a.iter().sum::<u64>(), b.iter().sum::<u64>());
    let (mut chi, mut cells, mut pair) = (0.0, 0usize, (0.0, 0.0));
    for (&x, &y) in a.iter().zip(b) {
        pair = (pair.0 + x as f64, pair.1 + y as f64);
        if pair.0 + pair.1 >= 40.0 {
            chi += square(pair.0 - pair.1) / (pair.0 + pair.1);
            (pair, cells) = ((0.0, 0.0), cells + 1);
        }
    }
    assert!(cells > 1, "samples too small to compare");
    chi_square_tail(chi, cells - 1)
}

/// The promise of every distribution: chi-square, and each share above 1 % within 1 % of itself.
pub(crate) fn assert_fits(what: &str, counts: &[u64], shares: &[f64]) {
    let p = p_of_fit(counts, shares);
    assert!(p > LEAST_P, "{what}: p = {p:e}");
    let draws = counts.iter().sum::<u64>() as f64;
    assert!(draws >= 1e6, "{what}: {draws} draws prove little");
    let total: f64 = shares.iter().sum();
    for (at, (&count, &share)) in counts.iter().zip(shares).enumerate() {
        let (found, expected) = (count as f64 / draws, share / total);
        if expected > 0.01 {
            let error = (found / expected - 1.0).abs();
            assert!(
                error < 0.01,
                "{what}: share {at} is {found}, should be {expected}"
            );
        }
    }
}

/// The share of a standard normal below x.
pub(crate) fn normal_below(x: f64) -> f64 {
    libm::erfc(-x / std::f64::consts::SQRT_2) / 2.0
}

#[test]
fn tails_are_those_of_the_printed_tables() {
    // Upper points of chi-square: Abramowitz and Stegun, table 26.8.
    for (degrees, chi, tail) in [
        (1, 3.841_46, 0.05),
        (1, 23.928, 1e-6),
        (2, 9.210_34, 0.01),
        (10, 29.588, 0.001),
        (30, 43.773, 0.05),
        (100, 149.449, 0.001),
    ] {
        let found = chi_square_tail(chi, degrees);
        assert!(
            (found / tail - 1.0).abs() < 2e-3,
            "{degrees} {chi}: {found}"
        );
    }
    assert!((normal_below(1.959_964) - 0.975).abs() < 1e-6);
}

#[test]
fn a_wrong_die_is_found() {
    let fair = [1.0; 6];
    assert!(p_of_fit(&[100_200, 99_900, 100_100, 99_800, 100_000, 100_000], &fair) > 0.1);
    assert!(p_of_fit(&[103_000, 99_400, 99_400, 99_400, 99_400, 99_400], &fair) < LEAST_P);
    assert!(p_of_equality(&[50_000, 50_000, 50_000], &[51_500, 49_000, 49_500]) < LEAST_P);
}
