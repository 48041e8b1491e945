//! Settings at the edges: one of each, the classic small shop, no skew and much of it, items at
//! their least and most.

use std::collections::HashSet;

use lakeseed_gen_core::retail::Retail;
use lakeseed_gen_core::{Date, Settings};

use crate::retail_rules::Data;
use crate::statistics::{LEAST_P, p_of_fit};
use crate::support::Frame;

fn shop(customers: u64, sellers: u64, products: u64, invoices: u64) -> Settings {
    Settings::new()
        .rows("customers", customers)
        .rows("sellers", sellers)
        .rows("products", products)
        .rows("invoices", invoices)
}

/// How often each of `0..n` comes; keys count from 1.
fn counts(keys: &[i64], n: usize) -> Vec<u64> {
    let mut counts = vec![0; n];
    for key in keys {
        counts[*key as usize - 1] += 1;
    }
    counts
}

#[test]
fn one_of_each() {
    let data = Data::of(&shop(1, 1, 1, 1));
    assert_eq!(
        (data.invoices.len(), data.items.len(), data.stock.len()),
        (1, 1, 10)
    );
    data.check();
    // The one invoice of the base year falls on its last day; before it there are none.
    let january = shop(1, 1, 1, 1).end(Date::new(2023, 1, 31));
    let data = Data::of(&january);
    assert_eq!((data.invoices.len(), data.items.len()), (0, 0));
    data.check();
}

#[test]
fn few_of_each_in_every_combination() {
    for customers in [1, 2, 7] {
        for sellers in [1, 2, 5] {
            for products in [1, 2, 3, 9, 10, 11] {
                let data = Data::of(&shop(customers, sellers, products, 300));
                data.check();
                let buyers: HashSet<i64> = data.invoices.ints("customer_id").into_iter().collect();
                assert_eq!(buyers.len() as u64, customers, "every customer buys");
            }
        }
    }
}

#[test]
fn the_classic_shop_sells_all_31_products() {
    let settings = shop(15, 4, 31, 5_000_000).parameter("items-per-invoice", "1");
    let retail = Retail::new(&settings).unwrap();
    assert_eq!(retail.invoices().row_count(), 5_000_000);
    assert_eq!(retail.invoice_items().row_count(), 5_000_000);
    assert_eq!(retail.stock().row_count(), 310);
    let items = Frame::rows(retail.invoice_items(), 0..5_000_000, &["product_id"]);
    let products = counts(&items.ints("product_id"), 31);
    // The least of them too is no accident: a thousand sales.
    assert!(products.iter().all(|&sold| sold > 1000), "{products:?}");
    let parties = Frame::rows(
        retail.invoices(),
        0..500_000,
        &["customer_id", "seller_id", "item_count"],
    );
    assert!(
        counts(&parties.ints("customer_id"), 15)
            .iter()
            .all(|&bought| bought > 100)
    );
    assert!(
        counts(&parties.ints("seller_id"), 4)
            .iter()
            .all(|&sold| sold > 100)
    );
    assert!(parties.ints("item_count").iter().all(|&count| count == 1));
    // A round of 100,000 has neither one date nor one tax.
    let round = 2_000_000..2_100_000;
    let frame = Frame::rows(retail.invoices(), round, &["issued_at", "tax", "tax_rate"]);
    let distinct = |name: &str| frame.ints(name).into_iter().collect::<HashSet<_>>().len();
    assert!(distinct("issued_at") > 99_000 && distinct("tax") > 1000 && distinct("tax_rate") > 1);
}

#[test]
fn the_classic_shop_keeps_every_rule() {
    let settings = shop(15, 4, 31, 20_000).parameter("items-per-invoice", "1");
    Data::of(&settings).check();
}

#[test]
fn items_per_invoice_at_its_ends() {
    for (mean, total) in [("1", 30_000), ("10", 300_000)] {
        let data = Data::of(
            &Settings::new()
                .scale(0.01)
                .parameter("items-per-invoice", mean),
        );
        assert_eq!(data.items.len(), total);
        data.check();
    }
    // No more items than there are products.
    let data = Data::of(&shop(5, 5, 4, 2000).parameter("items-per-invoice", "10"));
    assert_eq!(data.items.len(), 8000);
    data.check();
}

#[test]
fn whole_blocks_of_invoices_have_the_mean_exactly() {
    for (mean, items) in [("2.5", 2560), ("1.25", 1280), ("7.75", 7936)] {
        let settings = shop(10, 10, 100, 102_400).parameter("items-per-invoice", mean);
        let retail = Retail::new(&settings).unwrap();
        assert_eq!(retail.invoice_items().row_count(), 100 * items);
        let frame = Frame::rows(retail.invoices(), 0..10_240, &["item_count"]);
        let blocks: Vec<i64> = frame
            .ints("item_count")
            .chunks(1024)
            .map(|block| block.iter().sum())
            .collect();
        assert!(
            blocks.iter().all(|&block| block as u64 == items),
            "{blocks:?}"
        );
        // The same counts in another order each time.
        let first: Vec<i64> = frame.ints("item_count");
        assert_ne!(first[..1024], first[1024..2048]);
    }
}

#[test]
fn without_skew_all_customers_and_products_of_a_group_are_alike() {
    let settings = Settings::new()
        .scale(0.01)
        .rows("invoices", 2_000_000)
        .parameter("skew", "0");
    let retail = Retail::new(&settings).unwrap();
    let segments = Frame::rows(retail.customers(), 0..1000, &["segment"]);
    let buyers = Frame::rows(retail.invoices(), 0..2_000_000, &["customer_id"]);
    let bought = counts(&buyers.ints("customer_id"), 1000);
    for segment in ["consumer", "small business", "corporate"] {
        let names = segments.texts("segment");
        let members = (0..1000).filter(|&at| names[at] == segment);
        let own: Vec<u64> = members.map(|at| bought[at]).collect();
        let p = p_of_fit(&own, &vec![1.0; own.len()]);
        assert!(p > LEAST_P, "{segment}: {p:e}");
    }
}

#[test]
fn more_skew_gives_fewer_customers_more() {
    let shares_at = |skew: &str| {
        let settings = Settings::new().scale(0.1).parameter("skew", skew);
        let retail = Retail::new(&settings).unwrap();
        let buyers = Frame::rows(retail.invoices(), 0..300_000, &["customer_id"]);
        let mut bought = counts(&buyers.ints("customer_id"), 10_000);
        bought.sort_unstable_by(|a, b| b.cmp(a));
        let share = |customers: usize| bought[..customers].iter().sum::<u64>() as f64 / 300_000.0;
        (share(1000), share(1))
    };
    let shares = ["0", "0.5", "1", "2"].map(shares_at);
    assert!(
        shares.windows(2).all(|pair| pair[0].0 + 0.02 < pair[1].0),
        "{shares:?}"
    );
    // The cap on the first holds at skew 1 and is what a test of hot keys is there to break.
    assert!(shares[3].1 > 2.0 * shares[2].1, "{shares:?}");
}
