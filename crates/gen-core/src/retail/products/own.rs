//! Products of the user's own: what is asked of them, and the arithmetic that follows from them.

use super::super::order::{Order, by_position};
use super::super::popularity;
use super::{CATEGORIES, EXPONENT, FIRST_SHARE, GROUP_SHARES, NAME, Products};
use crate::own::{OwnTable, Replaceable, Takes, Wanted};
use crate::seed::Stream;

/// What is asked of products of the user's own. An invoice of ten lines of the dearest of them stays
/// within the type of money.
pub(in crate::retail) const OWN: Replaceable = Replaceable {
    table: NAME,
    columns: &[
        Wanted {
            name: "product_id",
            takes: Takes::Key,
            missing: None,
        },
        Wanted {
            name: "list_price",
            takes: Takes::Amount(1, 100_000_000),
            missing: None,
        },
        Wanted {
            name: "unit_cost",
            takes: Takes::Amount(0, 100_000_000),
            missing: Some("costs are 55 to 75 % of the price"),
        },
        Wanted {
            name: "category",
            takes: Takes::Text,
            missing: Some("products are sold alike all year round"),
        },
    ],
};

/// The season group of what is sold alike in every month.
const ALL_YEAR: u8 = 1;

/// Where the categories of each season group end in [`CATEGORIES`].
const GROUP_CATEGORIES: [usize; 3] = [5, 7, 9];

/// The season group of a category by name: what is none of ours is sold all year round.
fn season_group(category: Option<&str>) -> u8 {
    let known = CATEGORIES
        .iter()
        .position(|known| Some(known.name) == category);
    known.map_or(ALL_YEAR, |at| {
        GROUP_CATEGORIES.iter().filter(|&&end| end <= at).count() as u8
    })
}

/// Prices of the user's own products by position, in cents.
#[derive(Debug, Clone)]
pub(super) struct OwnPrices {
    pub(super) list: Vec<i64>,
    pub(super) cost: Option<Vec<i64>>,
}

impl Products {
    /// The user's own.
    pub(in crate::retail) fn of_own(dataset: Stream, own: &OwnTable, skew: f64) -> Self {
        let stream = dataset.named(NAME).named("order");
        let seasons: Vec<u8> = match own.texts("category") {
            Some(categories) => categories.iter().map(season_group).collect(),
            None => vec![ALL_YEAR; own.keys().len()],
        };
        let (order, groups) = Order::of_own(stream, own, Some(&seasons), &GROUP_SHARES);
        let of_column = |column| {
            let amounts = own.amounts(column)?;
            Some(by_position(&order, 0..own.count(), |row| amounts[row]))
        };
        let prices = OwnPrices {
            list: of_column("list_price").unwrap_or_default(),
            cost: of_column("unit_cost"),
        };
        Self {
            count: own.count(),
            own: Some(prices),
            // Kept prices have two bytes, which are too few for any price.
            prices: Vec::new(),
            months: Vec::new(),
            order,
            popularity: popularity(&groups, EXPONENT, FIRST_SHARE, skew),
            groups,
            ..Self::new(dataset, 1, skew)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_of_ours_has_its_season() {
        // Cold drinks are the first five categories, winter drinks the last two.
        let group = |category| usize::from(category > 4) + usize::from(category > 6);
        for (at, category) in CATEGORIES.iter().enumerate() {
            assert_eq!(usize::from(season_group(Some(category.name))), group(at));
        }
        assert_eq!(
            [season_group(None), season_group(Some("cola"))],
            [ALL_YEAR; 2]
        );
    }
}
