//! `sellers`: who sells. Regions are slices of a permuted id; each has a few stars.

use std::hint::select_unpredictable;
use std::sync::Arc;

use super::order::Order;
use crate::brazil::{REGIONS, STATES};
use crate::column::{boolean, category, date, decimal, sequence, text};
use crate::dataset::EPOCH;
use crate::error::Result;
use crate::hints;
use crate::names;
use crate::own::{OwnTable, Replaceable, Takes, Wanted};
use crate::permute::Permutation;
use crate::seed::{Stream, below};
use crate::slices::Slices;
use crate::table::Table;

pub(super) const NAME: &str = "sellers";
pub(super) const ABOUT: &str = "a seller of the distributor";

/// What is asked of sellers of the user's own.
pub(super) const OWN: Replaceable = Replaceable {
    table: NAME,
    columns: &[
        Wanted {
            name: "seller_id",
            takes: Takes::Key,
            missing: None,
        },
        Wanted {
            name: "region",
            takes: Takes::OneOf(&REGIONS),
            missing: Some("regions are drawn by their customers"),
        },
    ],
};

/// Customers that buy from a seller of their own region, in thousandths.
const OWN_REGION: u64 = 850;
/// Of a region's sales, what its stars make, in thousandths; one seller of fifty is a star.
const STARS: u64 = 100;
const SELLERS_PER_STAR: u64 = 50;

/// The arithmetic of sellers.
#[derive(Debug, Clone)]
pub(super) struct Sellers {
    pub(super) count: u64,
    order: Order,
    regions: Slices,
}

impl Sellers {
    pub(super) fn new(dataset: Stream, count: u64) -> Self {
        Self {
            count,
            order: Order::keyed(dataset.named(NAME).named("order"), count),
            regions: Slices::new(count, &region_weights()),
        }
    }

    /// The user's own.
    pub(super) fn of_own(dataset: Stream, own: &OwnTable) -> Self {
        let stream = dataset.named(NAME).named("order");
        let (order, regions) = Order::of_own(stream, own, own.places("region"), &region_weights());
        Self {
            count: own.count(),
            order,
            regions,
        }
    }

    /// The position of the seller to a customer of that region.
    #[inline]
    pub(super) fn draw(&self, region: usize, bits: u64) -> u64 {
        // The high bits choose the seller, the low ones the kind of choice.
        let choice = bits & 0xFFFF_FFFF;
        let own = below(choice << 32, 1000) < OWN_REGION;
        let members = self.regions.members(region);
        let first = select_unpredictable(own, members.start, 0);
        let count = select_unpredictable(own, members.end - members.start, self.count);
        let is_star = own & (below(choice.rotate_left(16) << 32, 1000) < STARS);
        let among = select_unpredictable(is_star, count.div_ceil(SELLERS_PER_STAR), count);
        first + below(bits, among)
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

    /// The region of a position, as a place in [`REGIONS`].
    #[inline]
    pub(super) fn region(&self, position: u64) -> usize {
        self.regions.of(position)
    }
}

/// The regions' shares of customers.
fn region_weights() -> [u64; REGIONS.len()] {
    let mut weights = [0; REGIONS.len()];
    for state in STATES {
        weights[state.region] += state.weight;
    }
    weights
}

/// The table.
pub(super) fn table(dataset: Stream, sellers: &Arc<Sellers>) -> Result<Table> {
    let model = sellers.clone();
    // As many digits as the codes need, five at least.
    let digits = sellers.count.saturating_sub(1).max(1).ilog10().max(4) + 1;
    let codes = Permutation::new(dataset.named(NAME).named("registration"), 10u64.pow(digits));
    Table::builder(NAME, sellers.count)
        .about(ABOUT)
        .stream(dataset)
        .first_key(1)
        .column("seller_id", sequence(1).key().doc("1..n"))
        .column(
            "registration",
            text(move |_, row, out| {
                super::push_padded(out, codes.forward(row), digits as usize);
            })
            .doc("unique; leading zeros count"),
        )
        .column(
            "name",
            text(|stream, row, out| {
                let row = stream.fork(row);
                names::person(row, row.at(9) >> 63 == 0, out);
            })
            .doc("made up"),
        )
        .column(
            "district",
            text(|stream, row, out| {
                out.push_str(names::district(stream.at(row)));
            })
            .hint(hints::ENCODING, "dictionary"),
        )
        .column(
            "commission_rate",
            decimal(5, 4, |stream, row| stream.between(row, 600, 1200)),
        )
        .column(
            "hired_on",
            date(|stream, row| EPOCH.plus(-(stream.between(row, 1, 15 * 365) as i32))),
        )
        .column("on_leave", boolean(|stream, row| stream.happens(row, 40)))
        .column(
            "region",
            category(REGIONS, move |_, row| {
                model.region(model.order.position(row))
            }),
        )
        .build()
}
