//! `products`: what is sold. Season groups are slices of a permuted id; everything else about a
//! product follows from its position there.

mod catalogue;
mod own;

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use self::catalogue::{CATEGORIES, FLAVOURS, GROUP_LINES, LINES, PACKAGINGS, SIZES};
pub(super) use self::own::OWN;
use self::own::OwnPrices;
use super::order::Order;
use super::popularity;
use crate::column::{category, decimal, sequence, text};
use crate::dataset::{EPOCH, HORIZON};
use crate::dist::{Weighted, Zipf};
use crate::error::Result;
use crate::permute::Permutation;
use crate::seed::{Stream, below};
use crate::slices::Slices;
use crate::table::Table;

pub(super) const NAME: &str = "products";
pub(super) const ABOUT: &str = "a product: a line in a size and a flavour";
/// The code has ten characters, of which nine are digits.
pub(super) const LIMIT: (u64, &str) = (1_000_000_000, ", as many as there are product codes");

/// Zipf-Mandelbrot exponent of lines over the products of a season group (domain rule).
const EXPONENT: f64 = 1.05;
/// The most that one product has of all lines at skew 1 (domain rule); a group's first may have so much of
/// its group, which is less of the whole.
const FIRST_SHARE: f64 = 0.005;

/// Products by season group, in per cent: cold drinks, all year round, winter drinks.
const GROUP_SHARES: [u64; 3] = [55, 30, 15];

/// Lines sold by month, of the three groups in per cent. The southern summer is December to March.
const GROUP_BY_MONTH: [[u64; 3]; 12] = [
    [68, 26, 6],
    [67, 27, 6],
    [62, 29, 9],
    [55, 31, 14],
    [47, 33, 20],
    [41, 34, 25],
    [39, 34, 27],
    [42, 34, 24],
    [49, 32, 19],
    [55, 31, 14],
    [61, 29, 10],
    [67, 27, 6],
];

/// List prices stay inside this range, in cents (domain rule).
const PRICES: (i64, i64) = (281, 3801);

/// How many list prices are kept: two bytes each. A sale asks for one a line, and the arithmetic behind it
/// was a fifth of an invoice's total.
const KEPT_PRICES: u64 = 1 << 16;

/// How many prices by month are kept, two bytes each: 17 years of 10,000 products. Those of a month are
/// made together, when the first of them is asked for.
const KEPT_MONTH_PRICES: u64 = 1 << 21;

/// The arithmetic of products.
#[derive(Debug, Clone)]
pub(super) struct Products {
    pub(super) count: u64,
    order: Order,
    groups: Slices,
    popularity: Vec<Zipf>,
    /// The season group by month: thresholds of 2^16.
    season: [[u64; 2]; 12],
    /// By category.
    sizes: Vec<Weighted>,
    attributes: Stream,
    costs: Stream,
    drift: Stream,
    /// The list prices of the first positions, in cents.
    prices: Vec<u16>,
    /// The prices of the first months after the epoch, each made when it is asked for.
    months: Vec<OnceLock<Box<[u16]>>>,
    /// What the user's own products cost.
    own: Option<OwnPrices>,
}

/// Below which of 2^16 a line is of the first season group, and of the first two.
#[derive(Debug, Clone, Copy)]
pub(super) struct Season([u64; 2]);

/// The prices of a month.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prices<'a> {
    products: &'a Products,
    month: i32,
    kept: &'a [u16],
}

impl Prices<'_> {
    /// That of a position, in cents.
    #[inline]
    pub(super) fn of(&self, position: u64) -> i64 {
        match self.kept.get(position as usize) {
            Some(&price) => i64::from(price),
            None => self.products.price_in(position, self.month),
        }
    }
}

/// What a product is, besides its price.
#[derive(Debug, Clone, Copy)]
struct Attributes {
    line: usize,
    size: usize,
    flavour: usize,
    bits: u64,
}

impl Products {
    pub(super) fn new(dataset: Stream, count: u64, skew: f64) -> Self {
        let stream = dataset.named(NAME);
        let groups = Slices::new(count, &GROUP_SHARES);
        let mut products = Self {
            count,
            order: Order::keyed(stream.named("order"), count),
            popularity: popularity(&groups, EXPONENT, FIRST_SHARE, skew),
            groups,
            season: GROUP_BY_MONTH
                .map(|[cold, all_year, _]| [cold * 65_536 / 100, (cold + all_year) * 65_536 / 100]),
            sizes: CATEGORIES
                .iter()
                .map(|category| Weighted::new(&category.sizes))
                .collect(),
            attributes: stream.named("attributes"),
            costs: stream.named("unit_cost"),
            drift: stream.named("price_drift"),
            prices: Vec::new(),
            months: Vec::new(),
            own: None,
        };
        // The first months: what is kept of a month has all positions, or is not kept at all.
        let months = KEPT_MONTH_PRICES / count.max(1);
        let longest = (HORIZON.ymd().0 - EPOCH.ymd().0 + 1) * 12;
        products
            .months
            .resize_with(months.min(longest as u64) as usize, OnceLock::new);
        let kept = 0..count.min(KEPT_PRICES);
        products.prices = kept.map(|at| products.list_price_of(at) as u16).collect();
        products
    }

    /// What sells in that month, 1 to 12.
    #[inline]
    pub(super) fn season(&self, month: i32) -> Season {
        Season(self.season[month as usize - 1])
    }

    /// The position of a product sold then.
    #[inline]
    pub(super) fn draw(&self, Season([cold, all_year]): Season, bits: u64) -> u64 {
        // The low 16 bits choose the group; the rank needs the high ones only.
        let choice = bits & 0xFFFF;
        let group = usize::from(choice >= cold) + usize::from(choice >= all_year);
        self.groups.members(group).start + self.popularity[group].draw(bits)
    }

    /// The row of a position.
    #[inline]
    pub(super) fn row(&self, position: u64) -> u64 {
        self.order.row(position)
    }

    /// The key of the row of a position.
    #[inline]
    pub(super) fn key(&self, position: u64) -> i64 {
        self.order.key(position)
    }

    #[inline]
    fn attributes(&self, position: u64) -> Attributes {
        let bits = self.attributes.at(position);
        let (first, end) = GROUP_LINES[self.groups.of(position)];
        let line = first + below(bits, end - first);
        let category = LINES[line as usize].category;
        // Other parts of the same bits for the other choices.
        let size = self.sizes[category].draw(bits.rotate_left(16));
        let flavours = CATEGORIES[category].flavours;
        let flavour = flavours[below(bits.rotate_left(40), flavours.len() as u64) as usize];
        Attributes {
            line: line as usize,
            size,
            flavour,
            bits,
        }
    }

    /// The list price of a position, in cents.
    #[inline]
    pub(super) fn list_price(&self, position: u64) -> i64 {
        match self.prices.get(position as usize) {
            Some(&price) => i64::from(price),
            None => self.list_price_of(position),
        }
    }

    /// The same, from what the product is.
    fn list_price_of(&self, position: u64) -> i64 {
        if let Some(own) = &self.own {
            return own.list[position as usize];
        }
        let attributes = self.attributes(position);
        let usual = LINES[attributes.line].price * SIZES[attributes.size].2;
        // Within 10 % of what line and size would cost: flavours differ.
        let factor = 900 + below(attributes.bits.rotate_left(52), 201);
        ((usual * factor / 100_000) as i64).clamp(PRICES.0, PRICES.1)
    }

    /// The price of a position in a month, in cents: the list price, within 5 % (domain rule).
    ///
    /// Months count on from year to year, so that a price drifts and does not come back.
    #[inline]
    pub(super) fn price_in(&self, position: u64, month: i32) -> i64 {
        let basis_points = self
            .drift
            .fork(position)
            .between(month as u64, 9500, 10_500);
        (self.list_price(position) * basis_points + 5000) / 10_000
    }

    /// The prices of a month, counted from the epoch's.
    pub(super) fn prices_in(&self, month: i32) -> Prices<'_> {
        let kept = self.months.get(month as usize).map(|prices| {
            prices.get_or_init(|| {
                let all = 0..self.count;
                all.map(|at| self.price_in(at, month) as u16).collect()
            })
        });
        Prices {
            products: self,
            month,
            kept: kept.map_or(&[], |prices| prices),
        }
    }

    fn position(&self, row: u64) -> u64 {
        self.order.position(row)
    }

    fn of_row(&self, row: u64) -> Attributes {
        self.attributes(self.position(row))
    }

    /// What the product costs the distributor: 55 to 75 % of its list price, rounded down to the cent.
    pub(super) fn unit_cost(&self, row: u64) -> i64 {
        let position = self.position(row);
        if let Some(costs) = self.own.as_ref().and_then(|own| own.cost.as_ref()) {
            return costs[position as usize];
        }
        self.list_price(position) * self.costs.between(position, 55, 75) / 100
    }
}

/// The table.
pub(super) fn table(dataset: Stream, products: &Arc<Products>) -> Result<Table> {
    let codes = Permutation::new(dataset.named(NAME).named("code"), LIMIT.0);
    let model = || products.clone();
    Table::builder(NAME, products.count)
        .about(ABOUT)
        .stream(dataset)
        .first_key(1)
        .column("product_id", sequence(1).key().doc("1..n"))
        .column(
            "code",
            text(move |_, row, out| {
                out.push('P');
                super::push_padded(out, codes.forward(row), 9);
            })
            .doc("P and nine digits, unique"),
        )
        .column("name", {
            let model = model();
            text(move |_, row, out| {
                let product = model.of_row(row);
                let (line, size) = (LINES[product.line].name, SIZES[product.size].0);
                let _ = write!(out, "{line} - {size} - {}", FLAVOURS[product.flavour]);
            })
            .doc("line - size - flavour, as in their columns")
        })
        .column("line", {
            let model = model();
            category(LINES.map(|line| line.name), move |_, row| {
                model.of_row(row).line
            })
        })
        .column("packaging", {
            let model = model();
            category(PACKAGINGS, move |_, row| SIZES[model.of_row(row).size].1)
        })
        .column("size", {
            let model = model();
            category(SIZES.map(|size| size.0), move |_, row| {
                model.of_row(row).size
            })
        })
        .column("flavour", {
            let model = model();
            category(FLAVOURS, move |_, row| model.of_row(row).flavour)
        })
        .column("category", {
            let model = model();
            category(CATEGORIES.map(|category| category.name), move |_, row| {
                LINES[model.of_row(row).line].category
            })
        })
        .column("list_price", {
            let model = model();
            decimal(12, 2, move |_, row| model.list_price(model.position(row)))
        })
        .column("unit_cost", {
            let model = model();
            decimal(12, 2, move |_, row| model.unit_cost(row)).doc("below the list price")
        })
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stand_with_their_group() {
        // Cold drinks are the first five categories, winter drinks the last two.
        let group = |category| usize::from(category > 4) + usize::from(category > 6);
        for (at, (first, end)) in GROUP_LINES.into_iter().enumerate() {
            let lines = &LINES[first as usize..end as usize];
            assert!(lines.iter().all(|line| group(line.category) == at));
        }
        assert_eq!(GROUP_LINES[2].1, LINES.len() as u64);
        assert!(
            GROUP_BY_MONTH
                .iter()
                .all(|shares| shares.iter().sum::<u64>() == 100)
        );
    }

    #[test]
    fn prices_stay_in_their_range() {
        let products = Products::new(Stream::root("retail", 1, 42), 10_000, 1.0);
        let prices: Vec<i64> = (0..10_000).map(|at| products.list_price(at)).collect();
        assert!(
            prices
                .iter()
                .all(|price| (PRICES.0..=PRICES.1).contains(price))
        );
        assert!(prices.contains(&PRICES.0) && prices.iter().any(|&price| price > 3600));
        assert!((0..10_000).all(|at| products.list_price_of(at) == prices[at as usize]));
        let many = Products::new(Stream::root("retail", 1, 42), 2 * KEPT_PRICES, 1.0);
        let beyond = KEPT_PRICES - 1..=KEPT_PRICES;
        assert!(
            beyond
                .clone()
                .all(|at| many.list_price(at) == many.list_price_of(at))
        );
        for at in 0..1000 {
            let (list, paid) = (products.list_price(at), products.price_in(at, 7));
            assert!((paid - list).abs() * 20 <= list + 20, "{list} {paid}");
        }
    }
}
