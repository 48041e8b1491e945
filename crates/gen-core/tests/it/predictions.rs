//! `predictions`: sums, ranges, rounding, and who wins.

use lakeseed_gen_core::Settings;
use lakeseed_gen_core::predictions::Predictions;

use crate::statistics::{LEAST_P, p_of_fit};
use crate::support::Frame;

/// The classes of some rows.
fn classes(settings: Settings, rows: u64) -> Vec<Vec<f64>> {
    let predictions = Predictions::new(&settings.only_rows(rows)).unwrap();
    let frame = Frame::all(predictions.predictions());
    let count = frame.0.num_columns() - 1;
    (0..count)
        .map(|class| frame.floats(&format!("class_{class}")))
        .collect()
}

fn row(classes: &[Vec<f64>], at: usize) -> impl Iterator<Item = f64> {
    classes.iter().map(move |class| class[at])
}

#[test]
fn rows_of_a_simplex_sum_to_one() {
    for count in [1, 2, 3, 30, 300] {
        let classes = classes(
            Settings::new().parameter("classes", count.to_string()),
            3000,
        );
        assert_eq!(classes.len(), count);
        for at in 0..3000 {
            let sum: f64 = row(&classes, at).sum();
            assert!((sum - 1.0).abs() < 1e-9, "row {at} of {count}: {sum}");
            assert!(
                row(&classes, at).all(|p| p > 0.0 && p <= 1.0),
                "row {at} of {count}"
            );
        }
    }
}

#[test]
fn rounded_rows_sum_exactly_in_units() {
    for count in [1, 2, 3, 30, 300] {
        let count = count.to_string();
        let exact = classes(Settings::new().parameter("classes", count.as_str()), 1000);
        for digits in [1u32, 2, 3, 6, 9, 12, 15] {
            let settings = Settings::new().parameter("classes", count.as_str());
            let rounded = classes(settings.parameter("precision", digits.to_string()), 1000);
            let one = 10i64.pow(digits);
            for at in 0..1000 {
                let mut sum = 0;
                for (value, exact) in row(&rounded, at).zip(row(&exact, at)) {
                    let units = (value * one as f64).round_ties_even();
                    // The double nearest to the decimal, so that it prints with so many digits.
                    let text = format!("{value}");
                    assert!(text.len() <= digits as usize + 2, "{text} at {digits}");
                    assert!(
                        value >= 0.0 && (value - exact).abs() < 1.000_001 / one as f64,
                        "{value} {exact}"
                    );
                    sum += units as i64;
                }
                assert_eq!(sum, one, "row {at}, {count} classes, {digits} digits");
            }
        }
    }
}

#[test]
fn uniform_values_are_even_and_independent() {
    let classes = classes(Settings::new().parameter("mode", "uniform"), 100_000);
    assert_eq!(classes.len(), 30);
    for class in &classes {
        let mut cells = [0u64; 100];
        for &value in class {
            assert!((0.0..1.0).contains(&value));
            cells[(value * 100.0) as usize] += 1;
        }
        assert!(p_of_fit(&cells, &[1.0; 100]) > LEAST_P);
    }
    // Neighbouring classes do not know of each other.
    for pair in classes.windows(2) {
        let mut cells = [0u64; 100];
        for (a, b) in pair[0].iter().zip(&pair[1]) {
            cells[(a * 10.0) as usize * 10 + (b * 10.0) as usize] += 1;
        }
        assert!(p_of_fit(&cells, &[1.0; 100]) > LEAST_P);
    }
}

#[test]
fn uniform_values_can_be_rounded() {
    let settings = Settings::new()
        .parameter("mode", "uniform")
        .parameter("precision", "2");
    let classes = classes(settings, 20_000);
    let mut cells = [0u64; 100];
    for value in classes.into_iter().flatten() {
        let units = (value * 100.0).round_ties_even();
        assert_eq!(value, units / 100.0);
        cells[units as usize] += 1;
    }
    assert!(
        p_of_fit(&cells, &[1.0; 100]) > LEAST_P,
        "[0, 1) keeps its hundred values: {cells:?}"
    );
}

#[test]
fn winners_are_skewed_and_mostly_clear() {
    let classes = classes(Settings::new(), 50_000);
    let mut wins = [0u64; 30];
    let mut clear = 0;
    for at in 0..50_000 {
        let values: Vec<f64> = row(&classes, at).collect();
        let (winner, best) = values
            .iter()
            .copied()
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .unwrap();
        wins[winner] += 1;
        clear += u64::from(best > 0.5);
    }
    assert!(wins[0] > 4 * wins[9] && wins[9] > wins[29], "{wins:?}");
    assert!(wins.iter().all(|&count| count > 100), "{wins:?}");
    assert!((20_000..48_000).contains(&clear), "{clear}");
}

#[test]
fn each_column_comes_alone_at_the_same_value() {
    let predictions = Predictions::new(&Settings::new().only_rows(500)).unwrap();
    let table = predictions.predictions();
    let whole = Frame::all(table);
    for name in ["class_29", "class_0", "class_7"] {
        assert_eq!(
            Frame::rows(table, 100..200, &[name]).floats(name),
            whole.floats(name)[100..200]
        );
    }
}
