//! An amount shared out in whole cents, so that the shares sum to it: by largest remainders.

/// The share of each weight in an amount: rounded down, and the cents that are left one each to the
/// largest remainders, of equal ones the first. Where the weights sum to nothing there is nothing to
/// share by: nothing goes to anybody but the cents that are left, in order.
pub(super) fn shares(amount: i64, weights: &[i64]) -> Vec<i64> {
    let (amount, whole) = (i128::from(amount), weights.iter().sum::<i64>());
    if whole == 0 {
        let left = usize::try_from(amount).unwrap_or(0);
        return (0..weights.len()).map(|at| i64::from(at < left)).collect();
    }
    let exact = |weight: &i64| amount * i128::from(*weight);
    let mut shares: Vec<i64> = weights
        .iter()
        .map(|weight| (exact(weight) / i128::from(whole)) as i64)
        .collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    // A stable sort: the earlier of equal ones stays first.
    order.sort_by_key(|at| std::cmp::Reverse(exact(&weights[*at]) % i128::from(whole)));
    let left = amount - shares.iter().map(|share| i128::from(*share)).sum::<i128>();
    for at in order.into_iter().take(usize::try_from(left).unwrap_or(0)) {
        shares[at] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cents_go_to_the_largest_remainders_and_to_the_first_of_equals() {
        assert_eq!(shares(100, &[1, 1, 1]), [34, 33, 33]);
        assert_eq!(shares(101, &[1, 1, 1]), [34, 34, 33]);
        assert_eq!(shares(10, &[33, 66]), [3, 7]);
        assert_eq!(shares(7, &[5, 0, 5]), [4, 0, 3]);
        assert_eq!(shares(0, &[5, 6]), [0, 0]);
        assert_eq!(shares(5, &[]), [0_i64; 0]);
    }

    #[test]
    fn shares_sum_to_the_amount() {
        let mut state = 1_u64;
        let mut draw = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            ((state >> 33) % below) as i64
        };
        for _ in 0..2_000 {
            let amount = draw(1_000_000);
            let weights: Vec<i64> = (0..=draw(9)).map(|_| draw(100_000) + 1).collect();
            let shares = shares(amount, &weights);
            assert_eq!(shares.iter().sum::<i64>(), amount);
            let whole: i64 = weights.iter().sum();
            for (share, weight) in shares.iter().zip(&weights) {
                let floor = amount * weight / whole;
                assert!((floor..=floor + 1).contains(share));
            }
        }
    }
}
