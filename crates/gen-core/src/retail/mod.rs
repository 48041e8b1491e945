//! `retail`: a distributor that sells to customers through sellers.
//!
//! Four tables of fixed size, and two that grow with time: invoices and their items. A child finds
//! its parent, and any attribute of it, by arithmetic over row numbers: `customers`, `sellers` and
//! `products` hold that arithmetic beside their tables, `sales` that of one invoice.

mod baskets;
mod customers;
mod invoice_items;
mod invoices;
mod ledger;
mod lines;
mod order;
mod products;
mod sales;
mod sellers;
mod stock;
mod views;

use std::sync::Arc;

pub use ledger::{Invoice, InvoiceLine, Ledger, LedgerWalk};

use crate::builder::MAX_ROWS;
use crate::dataset::{
    Dataset, DatasetInfo, EPOCH, Parameter, ParameterKind, Resolved, Root, Settings,
};
use crate::date::DAY_MICROS;
use crate::dist::Zipf;
use crate::error::Result;
use crate::seed::{Stream, below};
use crate::slices::Slices;
use crate::table::Table;

/// What the dataset is.
pub static INFO: DatasetInfo = DatasetInfo {
    name: "retail",
    about: "a distributor that sells to customers through sellers: a star with growing facts",
    data_version: 1,
    has_window: true,
    build,
    tables: &[
        (customers::NAME, customers::ABOUT),
        (sellers::NAME, sellers::ABOUT),
        (products::NAME, products::ABOUT),
        (stock::NAME, stock::ABOUT),
        (invoices::NAME, invoices::ABOUT),
        (invoice_items::NAME, invoice_items::ABOUT),
    ],
    roots: &[
        Root {
            table: customers::NAME,
            rows_at_scale_1: 100_000.0,
            limit: customers::LIMIT,
        },
        Root {
            table: sellers::NAME,
            rows_at_scale_1: 1_000.0,
            limit: (1_000_000_000, ""),
        },
        Root {
            table: products::NAME,
            rows_at_scale_1: 10_000.0,
            limit: products::LIMIT,
        },
        Root {
            table: invoices::NAME,
            rows_at_scale_1: 3_000_000.0,
            limit: (MAX_ROWS, ""),
        },
    ],
    replaceable: &[customers::OWN, sellers::OWN, products::OWN],
    parameters: &[
        Parameter {
            name: "items-per-invoice",
            about: "mean number of items on an invoice, which has 1 to 10 of them",
            kind: ParameterKind::Number(1.0, 10.0),
            default: "2.5",
        },
        Parameter {
            name: "skew",
            about: "how much a few customers and products dominate: 0 off, 1 usual, 2 hot keys",
            kind: ParameterKind::Number(0.0, 4.0),
            default: "1",
        },
    ],
    views: views::VIEWS,
};

/// Segments of customers, as their table names them.
const SEGMENTS: [&str; 3] = ["consumer", "small business", "corporate"];

/// The dataset `retail`.
///
/// | table | rows at scale 1 | key |
/// |---|---|---|
/// | `customers` | 100,000 | `customer_id` |
/// | `sellers` | 1,000 | `seller_id` |
/// | `products` | 10,000 | `product_id` |
/// | `stock` | 100,000 | `product_id`, `warehouse_id` |
/// | `invoices` | 3,000,000 in 2023 | `invoice_id` |
/// | `invoice_items` | 7,500,000 in 2023, nearly | `invoice_id`, `line_number` |
///
/// ```
/// use lakeseed_gen_core::{Settings, retail::Retail};
///
/// let retail = Retail::new(&Settings::new().scale(3.0))?;
/// let invoices = retail.invoices();
/// assert_eq!(invoices.row_count(), 9_000_000); // known before a row is made
/// let ten = invoices.rows(7_000_000..7_000_010).columns(["invoice_id", "net_total"])?.batch()?;
/// assert_eq!(ten.num_rows(), 10);
/// # Ok::<(), lakeseed_gen_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Retail(Dataset);

impl Retail {
    /// Fixes the settings.
    ///
    /// # Errors
    /// As [`Dataset::new`].
    pub fn new(settings: &Settings) -> Result<Self> {
        INFO.dataset(settings).map(Self)
    }

    /// Who buys.
    pub fn customers(&self) -> &Table {
        &self.0.tables()[0]
    }

    /// Who sells.
    pub fn sellers(&self) -> &Table {
        &self.0.tables()[1]
    }

    /// What is sold.
    pub fn products(&self) -> &Table {
        &self.0.tables()[2]
    }

    /// What lies in the warehouses.
    pub fn stock(&self) -> &Table {
        &self.0.tables()[3]
    }

    /// The sales, in order of time.
    pub fn invoices(&self) -> &Table {
        &self.0.tables()[4]
    }

    /// Their lines.
    pub fn invoice_items(&self) -> &Table {
        &self.0.tables()[5]
    }

    /// As any dataset.
    pub fn dataset(&self) -> &Dataset {
        &self.0
    }
}

/// The arithmetic behind the tables.
struct Parts {
    stream: Stream,
    customers: Arc<customers::Customers>,
    sellers: Arc<sellers::Sellers>,
    products: Arc<products::Products>,
    sales: Arc<sales::Sales>,
}

impl Parts {
    fn new(settings: &Resolved) -> Result<Self> {
        let stream = Stream::root(INFO.name, settings.data_version, settings.seed);
        let skew = settings.number("skew").unwrap_or(1.0);
        let rows = |table| settings.rows(table);
        let customers = Arc::new(match settings.own(customers::NAME) {
            Some(own) => customers::Customers::of_own(stream, own, skew),
            None => customers::Customers::new(stream, rows(customers::NAME), skew),
        });
        let sellers = Arc::new(match settings.own(sellers::NAME) {
            Some(own) => sellers::Sellers::of_own(stream, own),
            None => sellers::Sellers::new(stream, rows(sellers::NAME)),
        });
        let products = Arc::new(match settings.own(products::NAME) {
            Some(own) => products::Products::of_own(stream, own, skew),
            None => products::Products::new(stream, rows(products::NAME), skew),
        });
        let sales = Arc::new(sales::Sales::new(
            stream,
            settings,
            customers.clone(),
            sellers.clone(),
            products.clone(),
        )?);
        Ok(Self {
            stream,
            customers,
            sellers,
            products,
            sales,
        })
    }
}

fn build(settings: &Resolved) -> Result<Vec<Table>> {
    let Parts {
        stream,
        customers,
        sellers,
        products,
        sales,
    } = Parts::new(settings)?;
    let customer_table = match settings.own(customers::NAME) {
        Some(own) => own.table(),
        None => customers::table(stream, &customers)?,
    };
    let seller_table = match settings.own(sellers::NAME) {
        Some(own) => own.table(),
        None => sellers::table(stream, &sellers)?,
    };
    let product_table = match settings.own(products::NAME) {
        Some(own) => own.table(),
        None => products::table(stream, &products)?,
    };
    Ok(vec![
        customer_table,
        seller_table,
        product_table.clone(),
        stock::table(stream, &products, &product_table)?,
        Table::new(invoices::Invoices::new(sales.clone(), stream)),
        Table::new(invoice_items::InvoiceItems::new(sales)),
    ])
}

/// Which members of each slice come how often: Zipf-Mandelbrot, the first with at most `first_share`
/// of its slice at skew 1.
///
/// More skew moves the exponent only: a shift solved anew would cap the hot keys again.
fn popularity(slices: &Slices, exponent: f64, first_share: f64, skew: f64) -> Vec<Zipf> {
    let of_slice = |slice| {
        let members = slices.members(slice);
        let count = members.end - members.start;
        Zipf::new(
            count,
            exponent * skew,
            Zipf::shift_for(count, exponent, first_share),
        )
    };
    (0..slices.count()).map(of_slice).collect()
}

/// A moment in the days before the epoch, in microseconds, to the second.
fn micros_before_epoch(bits: u64, days: i64) -> i64 {
    let seconds = below(bits, days as u64 * (DAY_MICROS as u64 / 1_000_000));
    EPOCH.micros() - (seconds as i64 + 1) * 1_000_000
}

/// Appends a number with leading zeros.
fn push_padded(out: &mut String, mut number: u64, digits: usize) {
    let mut text = [b'0'; 20];
    let text = &mut text[..digits.min(20)];
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend(text.iter().copied().map(char::from));
}
