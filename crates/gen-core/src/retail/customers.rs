//! `customers`: who buys. Ids are permuted into positions, and segments are slices of positions.

use std::sync::Arc;

use super::order::{Order, by_position};
use super::{SEGMENTS, micros_before_epoch, popularity};
use crate::brazil::{CPFS, STATE_CODES, STATES, cpf};
use crate::column::{boolean, category, date, decimal, sequence, text, timestamp};
use crate::dataset::EPOCH;
use crate::dist::{LogNormal, Weighted, Zipf};
use crate::error::Result;
use crate::hints;
use crate::names::{self, CITIES_PER_STATE, CITY_WEIGHTS};
use crate::own::{OwnTable, Replaceable, Takes, Wanted};
use crate::permute::Permutation;
use crate::seed::{Stream, below};
use crate::slices::Slices;
use crate::table::Table;

pub(super) const NAME: &str = "customers";
pub(super) const ABOUT: &str = "a customer of the distributor";
pub(super) const LIMIT: (u64, &str) = (CPFS, ", as many as there are CPFs in a fiscal region");

/// What is asked of customers of the user's own.
pub(super) const OWN: Replaceable = Replaceable {
    table: NAME,
    columns: &[
        Wanted {
            name: "customer_id",
            takes: Takes::Key,
            missing: None,
        },
        Wanted {
            name: "state",
            takes: Takes::OneOf(&STATE_CODES),
            missing: Some("states are drawn by weight"),
        },
        Wanted {
            name: "segment",
            takes: Takes::OneOf(&SEGMENTS),
            missing: Some("segments are drawn by their shares"),
        },
    ],
};

/// Customers by segment, in per cent (domain rule).
const SEGMENT_SHARES: [u64; 3] = [80, 17, 3];
/// Zipf-Mandelbrot exponent of invoices over the customers of a segment (domain rule).
const EXPONENT: f64 = 1.1;
/// The most that one customer has of its segment's invoices at skew 1 (domain rule).
const FIRST_SHARE: f64 = 0.001;
/// Median and spread of credit limits by segment, in BRL: a consumer's about one month's wage, a
/// company's about a month's purchases.
const CREDIT: [(f64, f64); 3] = [(2_500.0, 0.6), (18_000.0, 0.7), (150_000.0, 0.8)];

/// The arithmetic of customers, for their own table and for those that point to them.
#[derive(Debug, Clone)]
pub(super) struct Customers {
    pub(super) count: u64,
    order: Order,
    segments: Slices,
    popularity: Vec<Zipf>,
    states: Weighted,
    state_stream: Stream,
    /// By position, where the user's own customers tell theirs.
    own_states: Option<Vec<u8>>,
}

impl Customers {
    pub(super) fn new(dataset: Stream, count: u64, skew: f64) -> Self {
        let stream = dataset.named(NAME);
        let segments = Slices::new(count, &SEGMENT_SHARES);
        Self {
            count,
            order: Order::keyed(stream.named("order"), count),
            popularity: popularity(&segments, EXPONENT, FIRST_SHARE, skew),
            segments,
            states: Weighted::new(&STATES.map(|state| state.weight)),
            state_stream: stream.named("state"),
            own_states: None,
        }
    }

    /// The user's own.
    pub(super) fn of_own(dataset: Stream, own: &OwnTable, skew: f64) -> Self {
        let stream = dataset.named(NAME).named("order");
        let (order, segments) = Order::of_own(stream, own, own.places("segment"), &SEGMENT_SHARES);
        let states = own.places("state");
        Self {
            count: own.count(),
            own_states: states.map(|states| by_position(&order, 0..own.count(), |row| states[row])),
            order,
            popularity: popularity(&segments, EXPONENT, FIRST_SHARE, skew),
            segments,
            ..Self::new(dataset, 1, skew)
        }
    }

    /// The position of a buyer of that segment.
    #[inline]
    pub(super) fn draw(&self, segment: usize, bits: u64) -> u64 {
        self.segments.members(segment).start + self.popularity[segment].draw(bits)
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

    /// The state of a position, as a place in [`STATES`].
    #[inline]
    pub(super) fn state(&self, position: u64) -> usize {
        match &self.own_states {
            None => self.states.draw(self.state_stream.at(position)),
            Some(states) => usize::from(states[position as usize]),
        }
    }

    fn position(&self, row: u64) -> u64 {
        self.order.position(row)
    }

    fn segment(&self, row: u64) -> usize {
        self.segments.of(self.position(row))
    }

    fn state_of_row(&self, row: u64) -> usize {
        self.state(self.position(row))
    }
}

/// The table.
pub(super) fn table(dataset: Stream, customers: &Arc<Customers>) -> Result<Table> {
    let model = || customers.clone();
    let gender_stream = dataset.named(NAME).named("gender");
    let is_woman = move |row| gender_stream.at(row) >> 63 == 0;
    let codes = Permutation::new(dataset.named(NAME).named("cpf"), CPFS);
    let city_weights = Weighted::new(&CITY_WEIGHTS);
    let credit = CREDIT.map(|(median, spread)| LogNormal::new(libm::log(median), spread));
    Table::builder(NAME, customers.count)
        .about(ABOUT)
        .stream(dataset)
        .first_key(1)
        .column("customer_id", sequence(1).key().doc("1..n"))
        .column("cpf", {
            let model = model();
            text(move |_, row, out| {
                let region = STATES[model.state_of_row(row)].cpf_region;
                out.extend(cpf(codes.forward(row), region).map(char::from));
            })
            .doc("taxpayer number, unique, check digits right, ninth digit of the state's region")
        })
        .column("name", text(move |stream, row, out| {
            names::person(stream.fork(row), is_woman(row), out);
        }).doc("made up; agrees with gender"))
        .column("street", text(|stream, row, out| names::street(stream.fork(row), out)))
        .column("district", text(|stream, row, out| {
            out.push_str(names::district(stream.at(row)));
        }).hint(hints::ENCODING, "dictionary"))
        .column("city", {
            let model = model();
            category(names::cities(STATES.len()), move |stream, row| {
                let city = city_weights.draw(stream.at(row));
                model.state_of_row(row) * CITIES_PER_STATE + city
            })
            .doc("made up; lies in the state")
        })
        .column("state", {
            let model = model();
            category(STATES.map(|state| state.code), move |_, row| model.state_of_row(row))
        })
        .column("postal_code", {
            let model = model();
            text(move |stream, row, out| {
                let (first, last) = STATES[model.state_of_row(row)].postal_codes;
                let code = u64::from(first) + stream.below(row, u64::from(last - first) + 1);
                super::push_padded(out, code, 8);
            })
            .doc("CEP, inside the state's range")
        })
        // 18 to 85 years old at the epoch, the middle ages most.
        .column("birth_date", date(|stream, row| {
            let bits = stream.at(row);
            let span = (85 - 18) * 365;
            let age = 18 * 365 + u64::midpoint(below(bits, span), below(bits.rotate_left(32), span));
            EPOCH.plus(-(age as i32))
        }))
        .column("gender", category(["F", "M"], move |_, row| usize::from(!is_woman(row))))
        .column("credit_limit", {
            let model = model();
            // In steps of 50 BRL, as limits are granted.
            decimal(12, 2, move |stream, row| {
                let limit = credit[model.segment(row)].draw(stream.at(row));
                (libm::round(limit / 50.0).clamp(2.0, 1e6) as i64) * 5000
            })
        })
        .column("purchase_volume", {
            let model = model();
            decimal(12, 2, move |stream, row| {
                let volume = credit[model.segment(row)].draw(stream.at(row)) * 4.0;
                libm::round((volume * 100.0).min(1e11)) as i64
            })
            .doc("before the epoch; does not follow from the invoices")
        })
        .column("first_purchase", boolean(|stream, row| stream.happens(row, 120)))
        .column("segment", {
            let model = model();
            category(SEGMENTS, move |_, row| model.segment(row))
        })
        .column("created_at", timestamp(|stream, row| micros_before_epoch(stream.at(row), 8 * 365)))
        .build()
}
