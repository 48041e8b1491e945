//! Rules that hold for every row of `retail`, whatever the settings: keys, money, time, agreement.
//!
//! All are recomputed from the columns alone, as a reader of the files would.

use std::collections::{BTreeMap, HashMap, HashSet};

use lakeseed_gen_core::retail::Retail;
use lakeseed_gen_core::{Date, Settings};
use proptest::prelude::*;

use crate::codes;
use crate::support::Frame;

/// 2023-01-01 in microseconds.
const EPOCH_MICROS: i64 = 1_672_531_200_000_000;
const DAY_MICROS: i64 = 86_400_000_000;

/// All tables of one dataset.
pub(crate) struct Data {
    pub(crate) customers: Frame,
    pub(crate) sellers: Frame,
    pub(crate) products: Frame,
    pub(crate) stock: Frame,
    pub(crate) invoices: Frame,
    pub(crate) items: Frame,
    first_invoice: i64,
}

impl Data {
    pub(crate) fn of(settings: &Settings) -> Self {
        let retail = Retail::new(settings).unwrap();
        Self {
            customers: Frame::all(retail.customers()),
            sellers: Frame::all(retail.sellers()),
            products: Frame::all(retail.products()),
            stock: Frame::all(retail.stock()),
            invoices: Frame::all(retail.invoices()),
            items: Frame::all(retail.invoice_items()),
            first_invoice: retail.invoices().row_range().start as i64 + 1,
        }
    }

    /// Every rule of this file.
    pub(crate) fn check(&self) {
        self.keys_are_unique();
        self.no_child_is_an_orphan();
        self.money_adds_up();
        self.time_is_in_order();
        self.children_agree_with_their_parents();
        self.products_agree_with_themselves();
        self.people_agree_with_themselves();
        self.values_stay_in_their_ranges();
        codes::check(self);
    }

    /// The rules of sales alone, whoever buys, sells and is sold.
    pub(crate) fn check_sales(&self) {
        self.no_child_is_an_orphan();
        self.money_adds_up();
    }

    fn keys_are_unique(&self) {
        for (frame, key) in [
            (&self.customers, "customer_id"),
            (&self.sellers, "seller_id"),
            (&self.products, "product_id"),
        ] {
            let expected: Vec<i64> = (1..=frame.len() as i64).collect();
            assert_eq!(frame.ints(key), expected, "{key} is 1..n");
        }
        let first = self.first_invoice;
        let expected: Vec<i64> = (first..first + self.invoices.len() as i64).collect();
        assert_eq!(
            self.invoices.ints("invoice_id"),
            expected,
            "invoice_id continues"
        );

        let stock = pairs(&self.stock, "product_id", "warehouse_id");
        assert_eq!(
            stock.iter().collect::<HashSet<_>>().len(),
            self.products.len() * 10
        );
        assert_eq!(stock.len(), self.products.len() * 10);
        assert!(
            stock
                .iter()
                .all(|(_, warehouse)| (1..=10).contains(warehouse))
        );

        // In order of invoice, then line, lines counted from 1 without a gap.
        let mut last = (first - 1, 0);
        for (invoice, line) in pairs(&self.items, "invoice_id", "line_number") {
            let next = (invoice == last.0 && line == last.1 + 1) || (invoice > last.0 && line == 1);
            assert!(next, "item ({invoice}, {line}) after {last:?}");
            last = (invoice, line);
        }
        let products = pairs(&self.items, "invoice_id", "product_id");
        let distinct: HashSet<_> = products.iter().collect();
        assert_eq!(
            distinct.len(),
            products.len(),
            "a product twice in one invoice"
        );
    }

    fn no_child_is_an_orphan(&self) {
        for (child, key, parent, parent_key) in [
            (
                &self.invoices,
                "customer_id",
                &self.customers,
                "customer_id",
            ),
            (&self.invoices, "seller_id", &self.sellers, "seller_id"),
            (&self.items, "invoice_id", &self.invoices, "invoice_id"),
            (&self.items, "product_id", &self.products, "product_id"),
            (&self.stock, "product_id", &self.products, "product_id"),
        ] {
            let parents: HashSet<i64> = parent.ints(parent_key).into_iter().collect();
            let orphan = child
                .ints(key)
                .into_iter()
                .find(|key| !parents.contains(key));
            assert_eq!(orphan, None, "{key} without a parent");
        }
        // And no invoice is without an item.
        let with_items: HashSet<i64> = self.items.ints("invoice_id").into_iter().collect();
        assert_eq!(
            with_items.len(),
            self.invoices.len(),
            "an invoice without items"
        );
    }

    fn money_adds_up(&self) {
        let items = &self.items;
        let (quantity, price) = (items.ints("quantity"), items.ints("unit_price"));
        let (discount, total) = (items.ints("discount"), items.ints("line_total"));
        let invoice = items.ints("invoice_id");
        let (mut sums, mut counts) = (HashMap::new(), HashMap::new());
        for at in 0..items.len() {
            assert_eq!(
                total[at],
                quantity[at] * price[at] - discount[at],
                "item {at}"
            );
            assert!(
                quantity[at] >= 1 && price[at] > 0 && total[at] > 0,
                "item {at}"
            );
            assert!((0..total[at]).contains(&discount[at]), "item {at}");
            *sums.entry(invoice[at]).or_insert(0) += total[at];
            *counts.entry(invoice[at]).or_insert(0) += 1;
        }
        let invoices = &self.invoices;
        let id = invoices.ints("invoice_id");
        let (gross, discount) = (invoices.ints("gross_total"), invoices.ints("discount"));
        let (rate, tax) = (invoices.ints("tax_rate"), invoices.ints("tax"));
        let (net, count) = (invoices.ints("net_total"), invoices.ints("item_count"));
        for at in 0..invoices.len() {
            assert_eq!(Some(&gross[at]), sums.get(&id[at]), "invoice {}", id[at]);
            assert_eq!(Some(&count[at]), counts.get(&id[at]), "invoice {}", id[at]);
            assert!((0..gross[at]).contains(&discount[at]), "invoice {}", id[at]);
            let expected = half_to_even(gross[at] - discount[at], rate[at]);
            assert_eq!(tax[at], expected, "tax of invoice {}", id[at]);
            assert_eq!(
                net[at],
                gross[at] - discount[at] + tax[at],
                "invoice {}",
                id[at]
            );
        }
    }

    fn time_is_in_order(&self) {
        let issued = self.invoices.ints("issued_at");
        assert!(
            issued.windows(2).all(|pair| pair[0] <= pair[1]),
            "invoices out of order"
        );
        assert!(issued.iter().all(|&moment| moment >= EPOCH_MICROS));
        for frame in [&self.invoices, &self.items] {
            let issued = frame.ints("issued_at");
            let (year, month, day) = (frame.ints("year"), frame.ints("month"), frame.ints("day"));
            for at in 0..frame.len() {
                let date = Date::from_days(issued[at].div_euclid(DAY_MICROS) as i32);
                let parts = (
                    i64::from(date.ymd().0),
                    i64::from(date.ymd().1),
                    i64::from(date.ymd().2),
                );
                assert_eq!((year[at], month[at], day[at]), parts, "row {at}");
            }
        }
        for (frame, column) in [(&self.customers, "created_at"), (&self.stock, "updated_at")] {
            assert!(
                frame
                    .ints(column)
                    .iter()
                    .all(|&moment| moment < EPOCH_MICROS),
                "{column}"
            );
        }
        for (frame, column) in [(&self.customers, "birth_date"), (&self.sellers, "hired_on")] {
            let epoch_day = EPOCH_MICROS / DAY_MICROS;
            assert!(
                frame.ints(column).iter().all(|&day| day < epoch_day),
                "{column}"
            );
        }
    }

    fn children_agree_with_their_parents(&self) {
        let first = self.first_invoice;
        let issued = self.invoices.ints("issued_at");
        let pairs = self
            .items
            .ints("invoice_id")
            .into_iter()
            .zip(self.items.ints("issued_at"));
        for (invoice, item_issued) in pairs {
            assert_eq!(
                item_issued,
                issued[(invoice - first) as usize],
                "items of {invoice}"
            );
        }

        let states = self.customers.texts("state");
        let regions = self.sellers.texts("region");
        let customers = self.invoices.ints("customer_id");
        let sellers = self.invoices.ints("seller_id");
        let rates = self.invoices.ints("tax_rate");
        let mut rate_of: HashMap<(&str, &str), i64> = HashMap::new();
        for (at, &state) in self.invoices.texts("state").iter().enumerate() {
            assert_eq!(
                state,
                states[customers[at] as usize - 1],
                "state of invoice {at}"
            );
            let region = regions[sellers[at] as usize - 1];
            let known = *rate_of.entry((region, state)).or_insert(rates[at]);
            assert_eq!(known, rates[at], "two rates from {region} to {state}");
            assert!((400..=2500).contains(&known), "{known}");
        }

        // unit_price: within 5 % of the list price, to half a cent, and the same all month.
        let list = self.products.ints("list_price");
        let (year, month) = (self.items.ints("year"), self.items.ints("month"));
        let mut monthly = HashMap::new();
        let products = self.items.ints("product_id").into_iter();
        for (at, (product, price)) in products.zip(self.items.ints("unit_price")).enumerate() {
            let list = list[product as usize - 1];
            assert!(
                (price - list).abs() * 200 <= list * 10 + 100,
                "{price} for {list}"
            );
            let usual = *monthly
                .entry((product, year[at], month[at]))
                .or_insert(price);
            assert_eq!(usual, price, "product {product} at two prices in a month");
        }

        let cost = self.products.ints("unit_cost");
        let stock = self
            .stock
            .ints("product_id")
            .into_iter()
            .zip(self.stock.ints("unit_cost"));
        for (product, stock_cost) in stock {
            assert_eq!(
                stock_cost,
                cost[product as usize - 1],
                "cost of product {product}"
            );
        }
    }

    fn products_agree_with_themselves(&self) {
        let products = &self.products;
        let (line, size) = (products.texts("line"), products.texts("size"));
        let (flavour, category) = (products.texts("flavour"), products.texts("category"));
        let mut category_of = HashMap::new();
        let packagings = products.texts("packaging");
        let (list, cost) = (products.ints("list_price"), products.ints("unit_cost"));
        for (at, name) in products.texts("name").into_iter().enumerate() {
            assert_eq!(
                name,
                format!("{} - {} - {}", line[at], size[at], flavour[at])
            );
            let known = *category_of.entry(line[at]).or_insert(category[at]);
            assert_eq!(known, category[at], "{} in two categories", line[at]);
            // Cans are small and PET bottles are large.
            let fits = match packagings[at] {
                "Lata" => ["350 ml", "470 ml"].contains(&size[at]),
                "Garrafa" => ["700 ml", "1 Litro"].contains(&size[at]),
                "PET" => ["1,5 Litros", "2 Litros"].contains(&size[at]),
                other => panic!("packaging {other}"),
            };
            assert!(fits, "{} in {}", size[at], packagings[at]);
            assert!((281..=3801).contains(&list[at]), "list price {}", list[at]);
            assert!(
                (1..list[at]).contains(&cost[at]),
                "cost {} of {}",
                cost[at],
                list[at]
            );
        }
    }

    fn people_agree_with_themselves(&self) {
        let customers = &self.customers;
        let mut state_of: BTreeMap<&str, &str> = BTreeMap::new();
        let (states, codes) = (customers.texts("state"), customers.texts("postal_code"));
        for (at, city) in customers.texts("city").into_iter().enumerate() {
            let state = states[at];
            let known = *state_of.entry(city).or_insert(state);
            assert_eq!(known, state, "{city} lies in two states");
            let code: u32 = codes[at].parse().unwrap();
            assert_eq!(codes[at].len(), 8, "{}", codes[at]);
            assert!(
                in_state(code / 1000, state),
                "postal code {} in {state}",
                codes[at]
            );
        }
        // A first name belongs to one gender.
        let mut gender_of: HashMap<&str, &str> = HashMap::new();
        let genders = customers.texts("gender");
        for (at, name) in customers.texts("name").into_iter().enumerate() {
            let first = name.split(' ').next().unwrap();
            assert_eq!(
                *gender_of.entry(first).or_insert(genders[at]),
                genders[at],
                "{name}"
            );
            assert!(["F", "M"].contains(&genders[at]));
        }
        for region in self.sellers.texts("region") {
            assert!(["Norte", "Nordeste", "Sudeste", "Sul", "Centro-Oeste"].contains(&region));
        }
        for segment in customers.texts("segment") {
            assert!(["consumer", "small business", "corporate"].contains(&segment));
        }
    }

    fn values_stay_in_their_ranges(&self) {
        let all = |frame: &Frame, column: &str, range: std::ops::RangeInclusive<i64>| {
            let outside = frame
                .ints(column)
                .into_iter()
                .find(|value| !range.contains(value));
            assert_eq!(outside, None, "{column}");
        };
        all(&self.sellers, "commission_rate", 600..=1200);
        all(&self.customers, "credit_limit", 1..=1_000_000_000);
        all(&self.customers, "purchase_volume", 0..=999_999_999_999);
        all(&self.stock, "quantity", 0..=1_000_000);
        all(&self.stock, "reorder_point", 1..=1_000_000);
        all(
            &self.invoices,
            "item_count",
            1..=self.products.len().min(10) as i64,
        );
        for method in self.invoices.texts("payment_method") {
            assert!(["PIX", "credit card", "debit card", "boleto", "cash"].contains(&method));
        }
        for status in self.invoices.texts("status") {
            assert!(["issued", "cancelled", "returned"].contains(&status));
        }
        for frame in [
            &self.customers,
            &self.sellers,
            &self.products,
            &self.stock,
            &self.invoices,
            &self.items,
        ] {
            for (field, column) in frame.0.schema().fields().iter().zip(frame.0.columns()) {
                assert_eq!(column.null_count(), 0, "{}", field.name());
                assert!(!field.is_nullable(), "{}", field.name());
            }
        }
    }
}

fn pairs(frame: &Frame, first: &str, second: &str) -> Vec<(i64, i64)> {
    frame
        .ints(first)
        .into_iter()
        .zip(frame.ints(second))
        .collect()
}

/// Cents of tax on cents at ten-thousandths, as a rational rounded once: half to even.
fn half_to_even(amount: i64, rate: i64) -> i64 {
    let (numerator, denominator) = (i128::from(amount) * i128::from(rate), 10_000i128);
    // Twice the distance to the floor against the denominator says on which side of a half.
    let floor = numerator.div_euclid(denominator);
    let twice = 2 * (numerator - floor * denominator);
    let up = match twice.cmp(&denominator) {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Greater => 1,
        std::cmp::Ordering::Equal => floor.rem_euclid(2),
    };
    (floor + up) as i64
}

/// Whether a postal code, in thousands, lies in a state.
///
/// Source: Correios, ranges of CEP by federative unit, both ranges where a state has two.
fn in_state(thousands: u32, state: &str) -> bool {
    let ranges: &[(u32, u32)] = match state {
        "SP" => &[(1000, 19_999)],
        "RJ" => &[(20_000, 28_999)],
        "ES" => &[(29_000, 29_999)],
        "MG" => &[(30_000, 39_999)],
        "BA" => &[(40_000, 48_999)],
        "SE" => &[(49_000, 49_999)],
        "PE" => &[(50_000, 56_999)],
        "AL" => &[(57_000, 57_999)],
        "PB" => &[(58_000, 58_999)],
        "RN" => &[(59_000, 59_999)],
        "CE" => &[(60_000, 63_999)],
        "PI" => &[(64_000, 64_999)],
        "MA" => &[(65_000, 65_999)],
        "PA" => &[(66_000, 68_899)],
        "AP" => &[(68_900, 68_999)],
        "AM" => &[(69_000, 69_299), (69_400, 69_899)],
        "RR" => &[(69_300, 69_399)],
        "AC" => &[(69_900, 69_999)],
        "DF" => &[(70_000, 72_799), (73_000, 73_699)],
        "GO" => &[(72_800, 72_999), (73_700, 76_799)],
        "RO" => &[(76_800, 76_999)],
        "TO" => &[(77_000, 77_999)],
        "MT" => &[(78_000, 78_899)],
        "MS" => &[(79_000, 79_999)],
        "PR" => &[(80_000, 87_999)],
        "SC" => &[(88_000, 89_999)],
        "RS" => &[(90_000, 99_999)],
        other => panic!("state {other}"),
    };
    // The ranges are of five digits; the last three of a code are free.
    ranges
        .iter()
        .any(|&(first, last)| (first..=last).contains(&thousands))
}

#[test]
fn every_rule_holds_at_scale_one_hundredth() {
    let data = Data::of(&Settings::new().scale(0.01));
    assert_eq!(data.invoices.len(), 30_000);
    assert_eq!(data.customers.len(), 1000);
    assert!(
        (74_900..=75_100).contains(&data.items.len()),
        "{}",
        data.items.len()
    );
    data.check();
}

#[test]
fn every_rule_holds_for_dimensions_of_full_size() {
    // Enough of each that a value just outside its range would come.
    let settings = Settings::new()
        .rows("sellers", 50_000)
        .rows("invoices", 5000);
    let data = Data::of(&settings);
    assert_eq!(
        (data.customers.len(), data.products.len()),
        (100_000, 10_000)
    );
    data.check();
    let rates = data.sellers.ints("commission_rate");
    assert_eq!(
        (rates.iter().min(), rates.iter().max()),
        (Some(&600), Some(&1200))
    );
}

#[test]
fn every_rule_holds_in_a_later_window() {
    let window = Settings::new()
        .scale(0.01)
        .start(Date::new(2024, 2, 28))
        .end(Date::new(2024, 4, 2));
    let data = Data::of(&window);
    assert!(data.first_invoice > 30_001 && data.invoices.len() > 2000);
    data.check();
}

#[test]
fn rounding_to_even_is_right_itself() {
    let cents = [
        (50, 0),
        (150, 2),
        (250, 2),
        (149, 1),
        (151, 2),
        (350, 4),
        (0, 0),
    ];
    assert!(
        cents
            .iter()
            .all(|&(amount, tax)| half_to_even(amount, 100) == tax)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_rule_holds_for_any_settings(
        seed: u64,
        (customers, sellers, products) in (1u64..60, 1u64..20, 1u64..50),
        invoices in 1u64..100_000,
        items in 1.0f64..=10.0,
        skew in 0.0f64..=4.0,
        (first_day, days) in (0i32..1200, 0i32..8),
    ) {
        let start = Date::new(2023, 1, 1).plus(first_day);
        let settings = Settings::new()
            .seed(seed)
            .rows("customers", customers)
            .rows("sellers", sellers)
            .rows("products", products)
            .rows("invoices", invoices)
            .parameter("items-per-invoice", items.to_string())
            .parameter("skew", skew.to_string())
            .start(start)
            .end(start.plus(days));
        Data::of(&settings).check();
    }
}
