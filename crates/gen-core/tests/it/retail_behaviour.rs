//! Shares and correlations of `retail` at scale 1: who buys, what, when, how much.

use std::collections::HashMap;
use std::sync::OnceLock;

use lakeseed_gen_core::retail::Retail;
use lakeseed_gen_core::{Date, Settings, calendar};

use crate::statistics::{LEAST_P, assert_fits, p_of_fit};
use crate::support::Frame;

const MILLION: u64 = 1_000_000;

fn retail() -> &'static Retail {
    static RETAIL: OnceLock<Retail> = OnceLock::new();
    RETAIL.get_or_init(|| Retail::new(&Settings::new()).unwrap())
}

const SEGMENTS: [&str; 3] = ["consumer", "small business", "corporate"];

/// Weights of states among customers, in halves, and their regions.
const STATES: [(&str, f64, &str); 27] = [
    ("SP", 22.0, "Sudeste"),
    ("MG", 10.0, "Sudeste"),
    ("RJ", 8.0, "Sudeste"),
    ("BA", 7.0, "Nordeste"),
    ("RS", 6.0, "Sul"),
    ("PR", 6.0, "Sul"),
    ("PE", 5.0, "Nordeste"),
    ("CE", 4.0, "Nordeste"),
    ("PA", 4.0, "Norte"),
    ("SC", 4.0, "Sul"),
    ("GO", 4.0, "Centro-Oeste"),
    ("MA", 3.0, "Nordeste"),
    ("PB", 2.0, "Nordeste"),
    ("ES", 2.0, "Sudeste"),
    ("AM", 2.0, "Norte"),
    ("RN", 2.0, "Nordeste"),
    ("PI", 2.0, "Nordeste"),
    ("AL", 2.0, "Nordeste"),
    ("MT", 2.0, "Centro-Oeste"),
    ("DF", 2.0, "Centro-Oeste"),
    ("MS", 1.0, "Centro-Oeste"),
    ("SE", 1.0, "Nordeste"),
    ("RO", 1.0, "Norte"),
    ("TO", 1.0, "Norte"),
    ("AC", 0.5, "Norte"),
    ("AP", 0.5, "Norte"),
    ("RR", 0.5, "Norte"),
];

#[test]
fn customers_come_from_the_states_by_weight() {
    let many = Retail::new(&Settings::new().scale(100.0)).unwrap();
    let frame = Frame::rows(many.customers(), 0..10 * MILLION, &["state"]);
    let states = STATES.map(|state| state.0);
    assert_fits(
        "states",
        &frame.tally("state", &states),
        &STATES.map(|state| state.1),
    );
}

#[test]
fn segments_of_customers_are_exact() {
    let frame = Frame::rows(retail().customers(), 0..100_000, &["segment"]);
    assert_eq!(frame.tally("segment", &SEGMENTS), [80_000, 17_000, 3_000]);
}

#[test]
fn payments_and_statuses_come_by_weight() {
    let many = Retail::new(&Settings::new().scale(10.0)).unwrap();
    let frame = Frame::rows(
        many.invoices(),
        0..12 * MILLION,
        &["payment_method", "status"],
    );
    let methods = ["PIX", "credit card", "debit card", "boleto", "cash"];
    let found = frame.tally("payment_method", &methods);
    assert_fits("payment_method", &found, &[42.0, 25.0, 13.0, 12.0, 8.0]);
    let found = frame.tally("status", &["issued", "cancelled", "returned"]);
    assert_fits("status", &found, &[96.5, 2.5, 1.0]);
}

/// Of a million invoices: how many each customer has, by segment.
fn invoices_by_segment(retail: &Retail) -> [HashMap<i64, u64>; 3] {
    let count = retail.customers().row_count();
    let segments = Frame::rows(retail.customers(), 0..count, &["segment"]);
    let segments = segments.texts("segment");
    let invoices = Frame::rows(retail.invoices(), 0..MILLION, &["customer_id"]);
    let mut found = [(); 3].map(|()| HashMap::new());
    for customer in invoices.ints("customer_id") {
        let segment = SEGMENTS
            .iter()
            .position(|name| *name == segments[customer as usize - 1]);
        *found[segment.unwrap()].entry(customer).or_insert(0) += 1;
    }
    found
}

#[test]
fn invoices_by_segment_and_by_customer() {
    let found = invoices_by_segment(retail());
    let totals = [0, 1, 2].map(|at| found[at].values().sum::<u64>());
    assert_fits("segments of invoices", &totals, &[55.0, 28.0, 17.0]);
    for (segment, (customers, total)) in found.iter().zip(totals).enumerate() {
        let first = customers.values().max().copied().unwrap() as f64;
        let cap = 0.001 * total as f64;
        // A tenth of a per cent, as closely as a sample can tell: five standard deviations above,
        // and the law does come near its cap.
        assert!(
            first <= cap + 5.0 * cap.sqrt(),
            "{}: {first} of {cap}",
            SEGMENTS[segment]
        );
        assert!(
            first >= 0.7 * cap,
            "{}: {first} of {cap}",
            SEGMENTS[segment]
        );
    }
}

#[test]
fn no_product_has_more_than_half_a_per_cent() {
    // 100,000 lines of each month, in equal parts: seasons do not weigh on the sum.
    let items = retail().invoice_items();
    let mut sold: HashMap<i64, u64> = HashMap::new();
    for month in items.partitions(&["year", "month"]).unwrap() {
        let rows = month.rows.start..month.rows.start + 100_000;
        for product in Frame::rows(items, rows, &["product_id"]).ints("product_id") {
            *sold.entry(product).or_insert(0) += 1;
        }
    }
    let first = *sold.values().max().unwrap() as f64;
    let cap = 0.005 * 1_200_000.0;
    assert!(first <= cap, "{first}");
    assert!(first >= 0.3 * cap, "products are skewed: {first}");
    assert!(sold.len() > 9_000, "most products are sold: {}", sold.len());
}

#[test]
fn customers_buy_mostly_from_their_own_region() {
    let regions = Frame::rows(retail().sellers(), 0..1000, &["region"]);
    let regions = regions.texts("region");
    let of_state: HashMap<&str, &str> = STATES.iter().map(|state| (state.0, state.2)).collect();
    let frame = Frame::rows(retail().invoices(), 0..MILLION / 4, &["seller_id", "state"]);
    let mut own = 0;
    let mut sold = vec![0u64; 1000];
    for (seller, state) in frame
        .ints("seller_id")
        .into_iter()
        .zip(frame.texts("state"))
    {
        own += u64::from(regions[seller as usize - 1] == of_state[state]);
        sold[seller as usize - 1] += 1;
    }
    let share = own as f64 / 250_000.0;
    assert!((0.8..0.95).contains(&share), "{share}");
    // Near uniform, with a few stars: all sell, the best several times the usual.
    sold.sort_unstable();
    assert!(
        sold[0] > 100 && sold[999] > 4 * sold[500],
        "{} {} {}",
        sold[0],
        sold[500],
        sold[999]
    );
    assert!(sold[950] < 2 * sold[50], "{} {}", sold[50], sold[950]);
}

#[test]
fn corporate_customers_buy_more_often_and_more_with_larger_discounts() {
    let small = Retail::new(&Settings::new().scale(0.1)).unwrap();
    let customers = Frame::rows(small.customers(), 0..10_000, &["segment"]);
    let segments = customers.texts("segment");
    let invoices = Frame::all(small.invoices());
    let items = Frame::all(small.invoice_items());
    let place = |name: &str| {
        SEGMENTS
            .iter()
            .position(|segment| *segment == name)
            .unwrap()
    };
    let of_invoice: Vec<usize> = {
        let ids = invoices.ints("customer_id").into_iter();
        ids.map(|customer| place(segments[customer as usize - 1]))
            .collect()
    };
    let mut sums = [[0i64; 6]; 3];
    let (gross, discount) = (invoices.ints("gross_total"), invoices.ints("discount"));
    for (at, &segment) in of_invoice.iter().enumerate() {
        sums[segment][0] += 1;
        sums[segment][1] += gross[at];
        sums[segment][2] += discount[at];
    }
    let (invoice, quantity) = (items.ints("invoice_id"), items.ints("quantity"));
    let (discount, total) = (items.ints("discount"), items.ints("line_total"));
    let mut lines = [0i64; 3];
    for at in 0..items.len() {
        let segment = of_invoice[invoice[at] as usize - 1];
        lines[segment] += 1;
        sums[segment][3] += quantity[at];
        sums[segment][4] += discount[at];
        sums[segment][5] += discount[at] + total[at];
    }
    let rate = |segment: usize, part: usize, whole: usize| {
        sums[segment][part] as f64 / sums[segment][whole] as f64
    };
    let customers = [8000.0, 1700.0, 300.0];
    for (less, more) in [(0, 1), (1, 2)] {
        let often = |segment: usize| sums[segment][0] as f64 / customers[segment];
        assert!(often(less) * 1.5 < often(more), "invoices a customer");
        let quantity = |segment: usize| sums[segment][3] as f64 / lines[segment] as f64;
        assert!(quantity(less) * 1.5 < quantity(more), "units a line");
        assert!(
            rate(less, 2, 1) * 1.5 < rate(more, 2, 1),
            "discount on invoices"
        );
        assert!(
            rate(less, 4, 5) * 1.5 < rate(more, 4, 5),
            "discount on lines"
        );
    }
}

#[test]
fn cold_drinks_sell_in_summer() {
    let products = Frame::rows(retail().products(), 0..10_000, &["category"]);
    let categories = products.texts("category");
    let items = retail().invoice_items();
    let shares: Vec<[f64; 2]> = items
        .partitions(&["year", "month"])
        .unwrap()
        .into_iter()
        .map(|month| {
            let rows = month.rows.start..month.rows.start + 50_000;
            let mut cold_and_hot = [0.0; 2];
            for product in Frame::rows(items, rows, &["product_id"]).ints("product_id") {
                match categories[product as usize - 1] {
                    "Refrigerante" | "Suco" | "Água" | "Cerveja" | "Chá gelado" => {
                        cold_and_hot[0] += 2e-5;
                    }
                    "Chá quente" | "Achocolatado" => cold_and_hot[1] += 2e-5,
                    _ => {}
                }
            }
            cold_and_hot
        })
        .collect();
    let (january, july, december) = (shares[0], shares[6], shares[11]);
    assert!(
        january[0] > 0.6 && december[0] > 0.6 && july[0] < 0.45,
        "{shares:?}"
    );
    assert!(
        july[1] > 3.0 * january[1] && july[1] > 3.0 * december[1],
        "{shares:?}"
    );
}

/// Invoices by day of 2023 and 2024, as the rows themselves say.
fn invoices_by_day() -> HashMap<Date, u64> {
    let settings = Settings::new().scale(0.1).end(Date::new(2024, 12, 31));
    let two_years = Retail::new(&settings).unwrap();
    let invoices = two_years.invoices();
    let frame = Frame::rows(invoices, invoices.row_range(), &["issued_at"]);
    let mut days = HashMap::new();
    for moment in frame.ints("issued_at") {
        *days
            .entry(Date::from_days(moment.div_euclid(86_400_000_000) as i32))
            .or_insert(0) += 1;
    }
    days
}

#[test]
fn days_follow_weekday_month_trend_and_holidays() {
    let days = invoices_by_day();
    let of = |year, month, day| days[&Date::new(year, month, day)] as f64;
    let weekdays: Vec<f64> = (0..7)
        .map(|weekday| {
            days.iter()
                .filter(|(day, _)| day.weekday() == weekday)
                .map(|(_, n)| *n as f64)
                .sum()
        })
        .collect();
    assert!(
        weekdays[6] < 0.6 * weekdays[0],
        "Sundays are quiet: {weekdays:?}"
    );
    assert!(
        weekdays[4] > 1.15 * weekdays[0],
        "Fridays are not: {weekdays:?}"
    );
    // Holidays, fixed and movable, against the same weekday a week later.
    for (year, month, day) in [
        (2023, 4, 7),   // Good Friday
        (2023, 2, 20),  // Carnival Monday
        (2023, 2, 21),  // Carnival Tuesday
        (2023, 6, 8),   // Corpus Christi
        (2023, 4, 21),  // Tiradentes
        (2023, 9, 7),   // Independence
        (2024, 3, 29),  // Good Friday
        (2024, 2, 13),  // Carnival Tuesday
        (2024, 11, 20), // Consciência Negra, a holiday from 2024 on
    ] {
        let next_week = Date::new(year, month, day).plus(7);
        let next = days.get(&next_week).map_or(f64::INFINITY, |&n| n as f64);
        assert!(of(year, month, day) < 0.5 * next, "{year}-{month}-{day}");
    }
    assert!(
        of(2023, 11, 20) > 0.8 * of(2023, 11, 27),
        "no holiday in 2023"
    );
    let month = |year, month| -> f64 {
        let of_month = days
            .iter()
            .filter(|(day, _)| day.ymd().0 == year && day.ymd().1 == month);
        of_month.map(|(_, n)| *n as f64).sum()
    };
    assert!(month(2023, 12) > 1.2 * month(2023, 2));
    let year = |year| (1..=12).map(|at| month(year, at)).sum::<f64>();
    assert_eq!(year(2023), 300_000.0);
    assert!(
        (1.04..1.09).contains(&(year(2024) / year(2023))),
        "{}",
        year(2024)
    );
    // And the counts are those of the calendar's weights, to one invoice.
    let base: u64 = days
        .keys()
        .filter(|day| day.ymd().0 == 2023)
        .map(|day| calendar::weight(*day))
        .sum();
    for (day, count) in &days {
        let expected = calendar::weight(*day) as f64 / base as f64 * 300_000.0;
        assert!(
            (*count as f64 - expected).abs() <= 1.0,
            "{day}: {count} {expected}"
        );
    }
}

#[test]
fn partitions_are_the_days_and_months_of_the_rows() {
    let data = Retail::new(&Settings::new().scale(0.01).end(Date::new(2024, 3, 31))).unwrap();
    for table in [data.invoices(), data.invoice_items()] {
        let all = Frame::rows(table, table.row_range(), &["year", "month", "day"]);
        let columns = [all.ints("year"), all.ints("month"), all.ints("day")];
        for (depth, names) in [&["year"][..], &["year", "month"], &["year", "month", "day"]]
            .into_iter()
            .enumerate()
        {
            let partitions = table.partitions(names).unwrap();
            let mut next = table.row_range().start;
            for partition in &partitions {
                assert_eq!(partition.rows.start, next, "contiguous");
                next = partition.rows.end;
                assert!(!partition.rows.is_empty());
                for (level, (name, value)) in partition.values.iter().enumerate() {
                    assert_eq!(name, names[level]);
                    let rows = partition.rows.start as usize..partition.rows.end as usize;
                    assert!(columns[level][rows].iter().all(|found| found == value));
                }
            }
            assert_eq!(next, table.row_range().end);
            // No value twice: 2 years, 15 months, 456 days at most.
            let least = [2, 15, 440][depth];
            assert!(
                (least..=[2, 15, 456][depth]).contains(&partitions.len()),
                "{}",
                partitions.len()
            );
        }
        for refused in [
            &["month"][..],
            &["day"],
            &["year", "day"],
            &["state"],
            &[],
            &["year", "month", "day", "state"],
        ] {
            assert!(table.partitions(refused).is_err(), "{refused:?}");
        }
    }
    assert!(data.customers().partitions(&["state"]).is_err());
}

#[test]
fn hours_are_those_of_trade() {
    let frame = Frame::rows(retail().invoices(), 0..MILLION, &["issued_at"]);
    let mut hours = [0u64; 24];
    let mut minutes = [0u64; 60];
    for moment in frame.ints("issued_at") {
        hours[(moment.rem_euclid(86_400_000_000) / 3_600_000_000) as usize] += 1;
        minutes[(moment.rem_euclid(3_600_000_000) / 60_000_000) as usize] += 1;
    }
    for peak in [11, 18] {
        assert!(
            hours[peak] > hours[peak - 1] && hours[peak] > hours[peak + 1],
            "{hours:?}"
        );
    }
    let top = *hours.iter().max().unwrap();
    assert!(hours[18] == top || hours[11] == top);
    assert!(
        hours[1..5]
            .iter()
            .all(|&night| night > 0 && night * 20 < top),
        "{hours:?}"
    );
    // Even inside the hour. Rows are spread more evenly than draws would be, so this is one-sided.
    let p = p_of_fit(&minutes, &[1.0; 60]);
    assert!(p > LEAST_P, "{p:e}");
}
