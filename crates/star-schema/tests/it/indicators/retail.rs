use std::collections::{BTreeMap, BTreeSet};

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Int32Type, Int64Type};
use arrow_schema::DataType;
use datafusion::arrow::compute::{cast, concat_batches};
use lakeseed_gen_core::retail::Retail;
use lakeseed_gen_core::{Date, Settings, Table};
use lakeseed_star_schema::{Calendar, Model, Source};

use super::{Answers, Cell, Rows};
use crate::models::{Star, shares};

/// An invoice of the dataset's own rows. Money in cents.
struct Invoice {
    customer: i64,
    seller: i64,
    /// Months since the year 0.
    month: i64,
    day: Date,
    state: String,
    is_issued: bool,
    status: String,
    discount: i64,
    tax: i64,
    net: i64,
    lines: Vec<Line>,
}

struct Line {
    product: i64,
    quantity: i64,
    total: i64,
    /// With its shares of the invoice's discount and tax.
    net: i64,
}

/// The columns of a table, whole.
struct Columns(RecordBatch);

impl Columns {
    fn of(table: &Table) -> Self {
        Self(table.all_rows().batch().unwrap())
    }

    fn whole(&self, name: &str) -> Vec<i64> {
        let column = self.0.column_by_name(name).unwrap();
        if let Some(decimals) = column.as_primitive_opt::<Decimal128Type>() {
            return decimals
                .values()
                .iter()
                .map(|&value| value as i64)
                .collect();
        }
        match column.as_primitive_opt::<Int32Type>() {
            Some(numbers) => numbers.values().iter().map(|&value| value.into()).collect(),
            None => column.as_primitive::<Int64Type>().values().to_vec(),
        }
    }

    fn texts(&self, name: &str) -> Vec<String> {
        let column = cast(self.0.column_by_name(name).unwrap(), &DataType::Utf8).unwrap();
        let texts = column.as_string::<i32>();
        (0..self.0.num_rows())
            .map(|row| texts.value(row).to_owned())
            .collect()
    }
}

/// All that is sold, and by whom to whom.
struct Shop {
    invoices: Vec<Invoice>,
    customers: Columns,
    sellers: Columns,
    products: Columns,
    stock: Columns,
}

impl Shop {
    fn new(retail: &Retail) -> Self {
        let (heads, items) = (
            Columns::of(retail.invoices()),
            Columns::of(retail.invoice_items()),
        );
        let (states, statuses) = (heads.texts("state"), heads.texts("status"));
        let [
            customers,
            sellers,
            years,
            months,
            days,
            discounts,
            taxes,
            nets,
        ] = [
            "customer_id",
            "seller_id",
            "year",
            "month",
            "day",
            "discount",
            "tax",
            "net_total",
        ]
        .map(|name| heads.whole(name));
        let mut lines: BTreeMap<i64, Vec<Line>> = BTreeMap::new();
        let [of, products, quantities, totals] =
            ["invoice_id", "product_id", "quantity", "line_total"].map(|name| items.whole(name));
        for row in 0..of.len() {
            lines.entry(of[row]).or_default().push(Line {
                product: products[row],
                quantity: quantities[row],
                total: totals[row],
                net: 0,
            });
        }
        let ids = heads.whole("invoice_id");
        let invoice = |row: usize| {
            let mut lines = lines.remove(&ids[row]).unwrap();
            let weights: Vec<i64> = lines.iter().map(|line| line.total).collect();
            let (discounts_of, taxes_of) = (
                shares(discounts[row], &weights),
                shares(taxes[row], &weights),
            );
            for (at, line) in lines.iter_mut().enumerate() {
                line.net = line.total - discounts_of[at] + taxes_of[at];
            }
            assert_eq!(lines.iter().map(|line| line.net).sum::<i64>(), nets[row]);
            Invoice {
                customer: customers[row],
                seller: sellers[row],
                month: years[row] * 12 + months[row] - 1,
                day: Date::new(years[row] as i32, months[row] as u32, days[row] as u32),
                state: states[row].clone(),
                is_issued: statuses[row] == "issued",
                status: statuses[row].clone(),
                discount: discounts[row],
                tax: taxes[row],
                net: nets[row],
                lines,
            }
        };
        Self {
            invoices: (0..ids.len()).map(invoice).collect(),
            customers: Columns::of(retail.customers()),
            sellers: Columns::of(retail.sellers()),
            products: Columns::of(retail.products()),
            stock: Columns::of(retail.stock()),
        }
    }

    fn issued(&self) -> impl Iterator<Item = &Invoice> {
        self.invoices.iter().filter(|invoice| invoice.is_issued)
    }

    /// Revenue in cents and units, by something of the invoice.
    fn sums<K: Ord>(&self, key: impl Fn(&Invoice) -> K) -> BTreeMap<K, (i128, i64)> {
        let mut sums: BTreeMap<K, (i128, i64)> = BTreeMap::new();
        for invoice in self.issued() {
            let sum = sums.entry(key(invoice)).or_default();
            sum.0 += i128::from(invoice.net);
            sum.1 += invoice.lines.iter().map(|line| line.quantity).sum::<i64>();
        }
        sums
    }

    /// The same by something of the product.
    fn of_products<K: Ord>(&self, key: impl Fn(usize) -> K) -> BTreeMap<K, (i128, i64)> {
        let mut sums: BTreeMap<K, (i128, i64)> = BTreeMap::new();
        for line in self.issued().flat_map(|invoice| &invoice.lines) {
            let sum = sums.entry(key(line.product as usize - 1)).or_default();
            sum.0 += i128::from(line.net);
            sum.1 += line.quantity;
        }
        sums
    }

    fn revenue(&self) -> i128 {
        self.issued().map(|invoice| i128::from(invoice.net)).sum()
    }

    /// Revenue of each customer that has any invoice issued, the most first.
    fn customers_by_revenue(&self) -> Vec<(i64, i128)> {
        let mut all: Vec<(i64, i128)> = self
            .sums(|invoice| invoice.customer)
            .into_iter()
            .map(|(customer, (revenue, _))| (customer, revenue))
            .collect();
        all.sort_by_key(|(customer, revenue)| (-revenue, *customer));
        all
    }

    /// The largest month of each customer.
    fn largest_months(&self) -> BTreeMap<i64, i128> {
        let mut largest: BTreeMap<i64, i128> = BTreeMap::new();
        for ((customer, _), (revenue, _)) in self.sums(|invoice| (invoice.customer, invoice.month))
        {
            let most = largest.entry(customer).or_insert(revenue);
            *most = revenue.max(*most);
        }
        largest
    }

    /// Days from the first with sales to the last.
    fn days(&self) -> i64 {
        let days: BTreeSet<Date> = self.issued().map(|invoice| invoice.day).collect();
        let (first, last) = (days.first().unwrap(), days.last().unwrap());
        i64::from(last.days() - first.days()) + 1
    }
}

fn month(number: i64) -> Cell {
    Cell::Text(format!("{}-{:02}", number / 12, number % 12 + 1))
}

/// Rows of (label, revenue, share, units), the most revenue first.
fn by_revenue<K: Ord + Clone>(
    sums: BTreeMap<K, (i128, i64)>,
    row: impl Fn(&K, Cell, Cell, Cell) -> Vec<Cell>,
) -> Rows {
    let whole: i128 = sums.values().map(|(revenue, _)| revenue).sum();
    let mut sums: Vec<_> = sums.into_iter().collect();
    // A stable sort: equal ones stay in the order of their keys.
    sums.sort_by_key(|(_, (revenue, _))| -revenue);
    let rows = sums.iter().take(1000).map(|(key, (revenue, units))| {
        let share = Cell::share(*revenue, whole);
        row(key, Cell::Cents(*revenue), share, Cell::Whole(*units))
    });
    rows.collect()
}

/// Rounded to whole ones, half away from zero.
fn quotient(part: i128, whole: i128) -> i128 {
    (2 * part + whole) / (2 * whole)
}

fn star_of(retail: &Retail, model: &Model) -> Star {
    let days = Calendar::new("2020-01-01".parse().unwrap(), "2039-12-31".parse().unwrap()).unwrap();
    let columns: Vec<usize> = (0..days.schema().fields().len()).collect();
    let days: Vec<RecordBatch> = days
        .read(0, &columns, 8_192)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let mut sources = vec![(
        "calendar",
        concat_batches(&days[0].schema(), &days).unwrap(),
    )];
    for table in retail.dataset().tables() {
        let name = model.source(table.name()).unwrap().name.as_str();
        sources.push((name, table.all_rows().batch().unwrap()));
    }
    Star::make(model, sources)
}

fn check(settings: &Settings) -> Shop {
    let model = Model::builtin("retail").unwrap();
    let retail = Retail::new(settings).unwrap();
    let star = star_of(&retail, &model);
    let shop = Shop::new(&retail);
    let mut answers = Answers::new(&star, &model);
    figures(&shop, &mut answers);
    revenues(&shop, &mut answers);
    sellers(&shop, &mut answers);
    products(&shop, &mut answers);
    months(&shop, &mut answers);
    classes(&shop, &mut answers);
    limits(&shop, &mut answers);
    stock(&shop, &mut answers);
    answers.are_all();
    shop
}

fn figures(shop: &Shop, answers: &mut Answers<'_>) {
    let units: i64 = shop.sums(|_| ()).values().map(|(_, units)| units).sum();
    let tax: i128 = shop.issued().map(|invoice| i128::from(invoice.tax)).sum();
    let revenue = Cell::Cents(shop.revenue());
    answers.is(
        "revenue",
        &vec![vec![revenue.clone(), Cell::Cents(tax), Cell::Whole(units)]],
    );
    let invoices = shop.issued().count() as i64;
    let average = Cell::Cents(quotient(shop.revenue(), invoices.into()));
    let count = Cell::Whole(invoices);
    answers.is(
        "average_ticket",
        &vec![vec![average, revenue, count.clone()]],
    );
    let lines: usize = shop.issued().map(|invoice| invoice.lines.len()).sum();
    let of_each = |all: f64| Cell::Real(all / invoices as f64);
    let row = vec![of_each(lines as f64), of_each(units as f64), count];
    answers.is("items_per_invoice", &vec![row]);
    let all = shop.invoices.len() as i128;
    let of = |status: &str| {
        let of = shop
            .invoices
            .iter()
            .filter(|invoice| invoice.status == status);
        of.count() as i128
    };
    let (cancelled, returned) = (of("cancelled"), of("returned"));
    let mut row: Vec<Cell> = [cancelled + returned, cancelled, returned]
        .map(|some| Cell::share(some, all))
        .into();
    row.push(Cell::Whole(all as i64));
    answers.is("cancel_and_return_rate", &vec![row]);
}

fn revenues(shop: &Shop, answers: &mut Answers<'_>) {
    let states = by_revenue(
        shop.sums(|invoice| invoice.state.clone()),
        |state, revenue, share, units| vec![Cell::text(state), revenue, share, units],
    );
    answers.is("revenue_by_state", &states);
    for what in ["category", "flavour"] {
        let names = shop.products.texts(what);
        let sums = shop.of_products(|product| names[product].clone());
        let rows = by_revenue(sums, |name, revenue, share, units| {
            vec![Cell::text(name), revenue, share, units]
        });
        answers.is(&format!("revenue_by_{what}"), &rows);
    }
    let mut taxes: BTreeMap<&str, (i128, i128)> = BTreeMap::new();
    for invoice in shop.issued() {
        let gross: i64 = invoice.lines.iter().map(|line| line.total).sum();
        let sums = taxes.entry(&invoice.state).or_default();
        sums.0 += i128::from(invoice.tax);
        sums.1 += i128::from(gross - invoice.discount);
    }
    let mut taxes: Vec<_> = taxes.into_iter().collect();
    taxes.sort_by_key(|(_, (tax, _))| -tax);
    let row = |(state, (tax, taxed)): &(&str, (i128, i128))| {
        let rate = Cell::share(*tax, *taxed);
        vec![
            Cell::text(*state),
            Cell::Cents(*tax),
            Cell::Cents(*taxed),
            rate,
        ]
    };
    answers.is("tax_by_state", &taxes.iter().map(row).collect());
}

fn sellers(shop: &Shop, answers: &mut Answers<'_>) {
    let (names, regions) = (shop.sellers.texts("name"), shop.sellers.texts("region"));
    let sums = shop.sums(|invoice| invoice.seller);
    let rows = by_revenue(sums.clone(), |seller, revenue, share, units| {
        let at = *seller as usize - 1;
        let (name, region) = (Cell::text(&names[at]), Cell::text(&regions[at]));
        vec![name, region, revenue, share, units, Cell::Whole(*seller)]
    });
    answers.is("revenue_by_seller", &rows);
    // Of ten thousand.
    let rates = shop.sellers.whole("commission_rate");
    let mut earned: Vec<(i128, i64, i128)> = sums
        .into_iter()
        .map(|(seller, (revenue, _))| {
            let rate = i128::from(rates[seller as usize - 1]);
            (revenue * rate, seller, revenue)
        })
        .collect();
    earned.sort_by_key(|(exact, seller, _)| (-exact, *seller));
    let row = |(exact, seller, revenue): &(i128, i64, i128)| {
        let at = *seller as usize - 1;
        vec![
            Cell::text(&names[at]),
            Cell::Cents(quotient(*exact, 10_000)),
            Cell::Real(rates[at] as f64 / 100.0),
            Cell::Cents(*revenue),
            Cell::Whole(*seller),
        ]
    };
    answers.is("seller_commission", &earned.iter().map(row).collect());
}

fn products(shop: &Shop, answers: &mut Answers<'_>) {
    let names = shop.products.texts("name");
    let sums = shop.of_products(|product| product);
    let rows = by_revenue(sums.clone(), |product, revenue, share, units| {
        let id = Cell::Whole(*product as i64 + 1);
        vec![Cell::text(&names[*product]), revenue, share, units, id]
    });
    answers.is("revenue_by_product", &rows);
    let revenue_of = |product: &usize| sums.get(product).map_or(0, |(revenue, _)| *revenue);
    let mut all: Vec<usize> = (0..names.len()).collect();
    all.sort_by_key(|product| -revenue_of(product));
    let places = all.iter().enumerate();
    let ends = places.filter(|(at, _)| *at < 10 || *at + 10 >= names.len());
    let rows = ends.map(|(at, product)| {
        vec![
            Cell::text(&names[*product]),
            Cell::Cents(revenue_of(product)),
            Cell::Whole(at as i64 + 1),
            Cell::Whole(*product as i64 + 1),
        ]
    });
    answers.is("top_and_bottom_products", &rows.collect());
}

fn months(shop: &Shop, answers: &mut Answers<'_>) {
    let sums = shop.sums(|invoice| invoice.month);
    let row = |(number, (revenue, units)): (&i64, &(i128, i64))| {
        vec![month(*number), Cell::Cents(*revenue), Cell::Whole(*units)]
    };
    answers.is("revenue_by_month", &sums.iter().map(row).collect());
    let row = |(number, (revenue, _)): (&i64, &(i128, i64))| {
        let against = |months: i64| match sums.get(&(number - months)) {
            Some((before, _)) => Cell::share(revenue - before, *before),
            None => Cell::Null,
        };
        vec![month(*number), against(1), against(12)]
    };
    answers.is("growth", &sums.iter().map(row).collect());

    let mut active: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
    for invoice in shop.issued() {
        active
            .entry(invoice.customer)
            .or_default()
            .insert(invoice.month);
    }
    let mut cohorts: BTreeMap<(i64, i64), i128> = BTreeMap::new();
    for months in active.values() {
        let first = months.first().unwrap();
        for later in months {
            *cohorts.entry((*first, later - first)).or_default() += 1;
        }
    }
    let row = |((first, later), customers): (&(i64, i64), &i128)| {
        let share = Cell::share(*customers, cohorts[&(*first, 0)]);
        vec![
            month(*first),
            Cell::Whole(*later),
            share,
            Cell::Whole(*customers as i64),
        ]
    };
    answers.is("cohort_retention", &cohorts.iter().map(row).collect());
}

fn classes(shop: &Shop, answers: &mut Answers<'_>) {
    let (all, whole) = (shop.customers_by_revenue(), shop.revenue());
    let mut classes: BTreeMap<&str, (i128, i128)> = BTreeMap::new();
    let mut curve: BTreeMap<i64, (i128, i64)> = BTreeMap::new();
    let mut before = 0;
    for (at, (_, revenue)) in all.iter().enumerate() {
        let class = match before {
            before if before * 100 < whole * 80 => "A",
            before if before * 100 < whole * 95 => "B",
            _ => "C",
        };
        let of_class = classes.entry(class).or_default();
        of_class.0 += revenue;
        of_class.1 += 1;
        before += revenue;
        let place = at as i64 + 1;
        let step = (place as f64 / all.len() as f64 * 20.0 - 1e-9).ceil() as i64 * 5;
        curve.insert(step, (before, place));
    }
    let row = |(class, (revenue, customers)): (&&str, &(i128, i128))| {
        vec![
            Cell::text(*class),
            Cell::share(*revenue, whole),
            Cell::share(*customers, all.len() as i128),
            Cell::Whole(*customers as i64),
            Cell::Cents(*revenue),
        ]
    };
    answers.is("customers_abc", &classes.iter().map(row).collect());
    let row = |(step, (together, place)): (&i64, &(i128, i64))| {
        vec![
            Cell::Whole(*step),
            Cell::share(*together, whole),
            Cell::Whole(*place),
        ]
    };
    answers.is("customers_abc_curve", &curve.iter().map(row).collect());
}

fn limits(shop: &Shop, answers: &mut Answers<'_>) {
    let limits = shop.customers.whole("credit_limit");
    let (names, segments) = (
        shop.customers.texts("name"),
        shop.customers.texts("segment"),
    );
    let states = shop.customers.texts("state");
    let largest = shop.largest_months();
    let above = |at: usize| {
        let most = largest.get(&(at as i64 + 1))?;
        let above = most - i128::from(limits[at]);
        (above > 0).then_some((above, *most))
    };
    let mut by_segment: BTreeMap<&str, (i128, i128)> = BTreeMap::new();
    for (at, segment) in segments.iter().enumerate() {
        let counts = by_segment.entry(segment).or_default();
        counts.0 += i128::from(above(at).is_some());
        counts.1 += 1;
    }
    let row = |(segment, (some, all)): (&&str, &(i128, i128))| {
        let counts = [some, all].map(|count| Cell::Whole(*count as i64));
        let mut row = vec![Cell::text(*segment), Cell::share(*some, *all)];
        row.extend(counts);
        row
    };
    answers.is(
        "customers_above_limit",
        &by_segment.iter().map(row).collect(),
    );
    let mut far: Vec<(i128, i128, usize)> = (0..limits.len())
        .filter_map(|at| above(at).map(|(above, most)| (above, most, at)))
        .collect();
    far.sort_by_key(|(above, _, at)| (-above, *at));
    far.truncate(50);
    let row = |(above, most, at): &(i128, i128, usize)| {
        vec![
            Cell::text(&names[*at]),
            Cell::Cents(*above),
            Cell::Cents(limits[*at].into()),
            Cell::Cents(*most),
            Cell::text(&segments[*at]),
            Cell::text(&states[*at]),
            Cell::Whole(*at as i64 + 1),
        ]
    };
    answers.is("customers_most_above_limit", &far.iter().map(row).collect());
}

fn stock(shop: &Shop, answers: &mut Answers<'_>) {
    let (names, categories) = (shop.products.texts("name"), shop.products.texts("category"));
    let mut stocks = vec![0; names.len()];
    let quantities = shop.stock.whole("quantity");
    for (product, quantity) in shop.stock.whole("product_id").into_iter().zip(quantities) {
        stocks[product as usize - 1] += quantity;
    }
    let (sold, days) = (shop.of_products(|product| product), shop.days());
    let units = |product: usize| sold.get(&product).map_or(0, |(_, units)| *units);
    let mut by_category: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for (at, category) in categories.iter().enumerate() {
        let sums = by_category.entry(category).or_default();
        sums.0 += stocks[at];
        sums.1 += units(at);
    }
    let cover = |stock: i64, sold: i64| match sold {
        0 => Cell::Null,
        sold => Cell::Real((stock * days) as f64 / sold as f64),
    };
    let a_day = |sold: i64| Cell::Real(sold as f64 / days as f64);
    let row = |(category, (stock, sold)): (&&str, &(i64, i64))| {
        vec![
            Cell::text(*category),
            cover(*stock, *sold),
            Cell::Whole(*stock),
            a_day(*sold),
        ]
    };
    answers.is("stock_cover", &by_category.iter().map(row).collect());
    let mut shortest: Vec<usize> = (0..names.len()).filter(|at| units(*at) > 0).collect();
    // a / b < c / d without a division.
    shortest
        .sort_by(|one, other| (stocks[*one] * units(*other)).cmp(&(stocks[*other] * units(*one))));
    let row = |at: &usize| {
        let sold = units(*at);
        vec![
            Cell::text(&names[*at]),
            cover(stocks[*at], sold),
            Cell::Whole(stocks[*at]),
            a_day(sold),
            Cell::Whole(*at as i64 + 1),
        ]
    };
    answers.is(
        "stock_shortest",
        &shortest.iter().take(30).map(row).collect(),
    );
}

#[test]
fn every_number_follows_from_the_rows_of_the_dataset() {
    let shop = check(
        &Settings::new()
            .rows("invoices", 12_000)
            .rows("customers", 100)
            .rows("sellers", 12)
            .rows("products", 60)
            .start(Date::new(2023, 11, 10))
            .end(Date::new(2025, 2, 20)),
    );
    // What would go unseen where there was none of it.
    let statuses: BTreeSet<&str> = shop
        .invoices
        .iter()
        .map(|invoice| invoice.status.as_str())
        .collect();
    assert_eq!(statuses.len(), 3);
    assert!(shop.sums(|invoice| invoice.month).len() > 12);
    let limits = shop.customers.whole("credit_limit");
    let all = shop.largest_months().into_iter();
    let above = all.filter(|(customer, most)| *most > limits[*customer as usize - 1].into());
    let above = above.count();
    assert!((1..100).contains(&above), "{above}");
}

/// Months without a sale, products that were never sold, customers that never bought.
#[test]
fn few_sales_leave_gaps() {
    let shop = check(
        &Settings::new()
            .rows("invoices", 10)
            .rows("customers", 300)
            .rows("sellers", 30)
            .rows("products", 200)
            .end(Date::new(2025, 12, 31)),
    );
    assert!(shop.of_products(|product| product).len() < 100);
    let months: Vec<i64> = shop.sums(|invoice| invoice.month).into_keys().collect();
    assert!(
        months.windows(2).any(|two| two[1] - two[0] > 1),
        "{months:?}"
    );
}
