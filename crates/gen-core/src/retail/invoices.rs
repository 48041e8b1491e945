//! `invoices`: one row a sale, numbered in order of time.

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::types::{Decimal128Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use arrow_buffer::ScalarBuffer;
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

use super::baskets::Baskets;
use super::lines::Span;
use super::sales::{PAYMENTS, Parties, STATUSES, Sales, tax};
use crate::brazil::STATES;
use crate::calendar::Day;
use crate::column::{Categories, category_type};
use crate::dist::Weighted;
use crate::error::Result;
use crate::hints::{self, Hints};
use crate::rows::{Rows, shares};
use crate::seed::Stream;
use crate::table::{Generate, Partition};

pub(super) const NAME: &str = "invoices";
pub(super) const ABOUT: &str = "a sale: when, to whom, by whom, how much";

/// The table.
#[derive(Debug)]
pub(super) struct Invoices {
    sales: Arc<Sales>,
    schema: SchemaRef,
    states: Categories,
    payments: Choice,
    statuses: Choice,
}

/// A category drawn by weight, whatever else the row is.
#[derive(Debug)]
pub(super) struct Choice {
    choices: &'static [(&'static str, u64)],
    categories: Categories,
    weights: Weighted,
    stream: Stream,
}

/// How invoices are paid.
pub(super) fn payments(dataset: Stream) -> Choice {
    Choice::new(&PAYMENTS, dataset.named(NAME).named("payment_method"))
}

/// What has become of invoices.
pub(super) fn statuses(dataset: Stream) -> Choice {
    Choice::new(&STATUSES, dataset.named(NAME).named("status"))
}

impl Choice {
    fn new(choices: &'static [(&'static str, u64)], stream: Stream) -> Self {
        let weights: Vec<u64> = choices.iter().map(|choice| choice.1).collect();
        let categories = Categories::new(choices.iter().map(|choice| choice.0));
        Self {
            choices,
            categories,
            weights: Weighted::new(&weights),
            stream,
        }
    }

    fn draw(&self, row: u64) -> usize {
        self.weights.draw(self.stream.at(row))
    }

    /// The category of a row.
    pub(super) fn at(&self, row: u64) -> &'static str {
        self.choices[self.draw(row)].0
    }

    fn array(&self, rows: &Rows<'_>) -> ArrayRef {
        self.categories.array(rows.map(|row| self.draw(row) as i32))
    }
}

/// The columns in their order; the position in the schema is that of the variant.
#[derive(Debug, Clone, Copy)]
enum Column {
    InvoiceId,
    CustomerId,
    SellerId,
    IssuedAt,
    Year,
    Month,
    Day,
    State,
    PaymentMethod,
    ItemCount,
    GrossTotal,
    Discount,
    TaxRate,
    Tax,
    NetTotal,
    Status,
}

const COLUMNS: [Column; 16] = [
    Column::InvoiceId,
    Column::CustomerId,
    Column::SellerId,
    Column::IssuedAt,
    Column::Year,
    Column::Month,
    Column::Day,
    Column::State,
    Column::PaymentMethod,
    Column::ItemCount,
    Column::GrossTotal,
    Column::Discount,
    Column::TaxRate,
    Column::Tax,
    Column::NetTotal,
    Column::Status,
];

/// The type of money.
pub(super) const MONEY: DataType = DataType::Decimal128(12, 2);
/// The type of rates.
pub(super) const RATE: DataType = DataType::Decimal128(5, 4);
/// The type of moments: wall time of Sao Paulo.
pub(super) const MOMENT: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

impl Column {
    fn field(self) -> Field {
        let delta = Hints::default().with(hints::ENCODING, "delta");
        let categories = Hints::default().with(hints::ENCODING, "dictionary");
        let sorted = || delta.clone().with(hints::SORTED, "asc");
        let money = || delta.clone().with(hints::TOTAL, "sum");
        let parent = |column: &str| delta.clone().with(hints::PARENT, column);
        let (name, data_type, hints, doc) = match self {
            Self::InvoiceId => {
                let hints = sorted().with(hints::KEY, "primary");
                (
                    "invoice_id",
                    DataType::Int64,
                    hints,
                    "in order of time, continuing from year to year",
                )
            }
            Self::CustomerId => (
                "customer_id",
                DataType::Int64,
                parent("customers.customer_id"),
                "",
            ),
            Self::SellerId => (
                "seller_id",
                DataType::Int64,
                parent("sellers.seller_id"),
                "mostly of the customer's region",
            ),
            Self::IssuedAt => ("issued_at", MOMENT, sorted(), "wall time of Sao Paulo"),
            Self::Year => ("year", DataType::Int32, sorted(), "of issued_at"),
            Self::Month => ("month", DataType::Int32, delta, "of issued_at"),
            Self::Day => ("day", DataType::Int32, delta, "of issued_at"),
            Self::State => ("state", category_type(), categories, "the customer's"),
            Self::PaymentMethod => ("payment_method", category_type(), categories, ""),
            Self::ItemCount => (
                "item_count",
                DataType::Int32,
                delta,
                "rows in invoice_items",
            ),
            Self::GrossTotal => (
                "gross_total",
                MONEY,
                money(),
                "sum of its items' line_total",
            ),
            Self::Discount => ("discount", MONEY, money(), "on the whole invoice"),
            Self::TaxRate => (
                "tax_rate",
                RATE,
                delta,
                "by the seller's region and the customer's state",
            ),
            Self::Tax => (
                "tax",
                MONEY,
                money(),
                "(gross_total - discount) x tax_rate, half to even",
            ),
            Self::NetTotal => ("net_total", MONEY, money(), "gross_total - discount + tax"),
            Self::Status => ("status", category_type(), categories, ""),
        };
        let hints = if doc.is_empty() {
            hints
        } else {
            hints.with(hints::DOC, doc)
        };
        Field::new(name, data_type, false).with_metadata(hints.into_metadata())
    }
}

impl Invoices {
    pub(super) fn new(sales: Arc<Sales>, dataset: Stream) -> Self {
        Self {
            sales,
            schema: Arc::new(Schema::new(COLUMNS.map(Column::field).to_vec())),
            states: Categories::new(STATES.map(|state| state.code)),
            payments: payments(dataset),
            statuses: statuses(dataset),
        }
    }
}

impl Generate for Invoices {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        ABOUT
    }

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn row_range(&self) -> Range<u64> {
        self.sales.calendar.rows()
    }

    fn make(&self, rows: &Rows<'_>, columns: &[usize]) -> Vec<ArrayRef> {
        let batch = Batch {
            table: self,
            rows,
            parties: OnceCell::new(),
            amounts: OnceCell::new(),
        };
        columns
            .iter()
            .map(|&column| batch.column(COLUMNS[column]))
            .collect()
    }

    fn partitions(&self, columns: &[&str]) -> Result<Vec<Partition>> {
        by_time(NAME, self.sales.calendar.days(), columns)
    }

    fn rounds(&self, rounds: u64) -> Option<Vec<Range<u64>>> {
        Some(shares(self.row_range(), rounds).collect())
    }

    fn row_of_key(&self, key: i64) -> Option<u64> {
        u64::try_from(key.checked_sub(1)?).ok()
    }
}

/// What the columns of one batch share, made when the first of them asks.
struct Batch<'a> {
    table: &'a Invoices,
    rows: &'a Rows<'a>,
    parties: OnceCell<Vec<Parties>>,
    amounts: OnceCell<Vec<Amounts>>,
}

/// An invoice in money, cents.
#[derive(Debug, Clone, Copy)]
struct Amounts {
    gross: i64,
    discount: i64,
}

impl Batch<'_> {
    fn column(&self, column: Column) -> ArrayRef {
        let sales = &self.table.sales;
        match column {
            Column::InvoiceId => self.each::<Int64Type>(|row| row as i64 + 1),
            Column::CustomerId => {
                self.of_parties::<Int64Type>(|it| sales.customers.key(it.customer))
            }
            Column::SellerId => self.of_parties::<Int64Type>(|it| sales.sellers.key(it.seller)),
            Column::IssuedAt => {
                self.of_day::<TimestampMicrosecondType>(|row, day| sales.issued_at(row, day))
            }
            Column::Year => self.of_day::<Int32Type>(|_, day| day.year),
            Column::Month => self.of_day::<Int32Type>(|_, day| day.month),
            Column::Day => self.of_day::<Int32Type>(|_, day| day.day),
            Column::State => {
                let keys = self.parties().iter().map(|parties| parties.state as i32);
                self.table.states.array(keys.collect())
            }
            Column::PaymentMethod => self.table.payments.array(self.rows),
            Column::ItemCount => {
                array::<Int32Type>(self.item_counts().into_iter().map(i32::from).collect())
            }
            Column::GrossTotal => self.money(|amounts, _| amounts.gross),
            Column::Discount => self.money(|amounts, _| amounts.discount),
            Column::TaxRate => {
                let rates = self
                    .parties()
                    .iter()
                    .map(|parties| i128::from(parties.tax_rate));
                Arc::new(array_of::<Decimal128Type>(rates.collect()).with_data_type(RATE))
            }
            Column::Tax => self.money(|amounts, rate| tax(amounts.gross - amounts.discount, rate)),
            Column::NetTotal => self.money(|amounts, rate| {
                let taxed = amounts.gross - amounts.discount;
                taxed + tax(taxed, rate)
            }),
            Column::Status => self.table.statuses.array(self.rows),
        }
    }

    fn each<T: ArrowPrimitiveType>(&self, at: impl FnMut(u64) -> T::Native) -> ArrayRef {
        array::<T>(self.rows.map(at))
    }

    fn of_day<T: ArrowPrimitiveType>(&self, at: impl Fn(u64, &Day) -> T::Native) -> ArrayRef {
        let mut walk = self.table.sales.calendar.walk();
        array::<T>(self.rows.map(|row| at(row, walk.day(row))))
    }

    fn of_parties<T: ArrowPrimitiveType>(&self, at: impl Fn(&Parties) -> T::Native) -> ArrayRef {
        array::<T>(self.parties().iter().map(at).collect())
    }

    fn money(&self, at: impl Fn(&Amounts, i64) -> i64) -> ArrayRef {
        let pairs = self.amounts().iter().zip(self.parties());
        let values = pairs.map(|(amounts, parties)| i128::from(at(amounts, parties.tax_rate)));
        Arc::new(array_of::<Decimal128Type>(values.collect()).with_data_type(MONEY))
    }

    fn parties(&self) -> &[Parties] {
        self.parties
            .get_or_init(|| self.table.sales.all_parties(self.rows))
    }

    fn amounts(&self) -> &[Amounts] {
        self.amounts.get_or_init(|| {
            let sales = &self.table.sales;
            let mut counts = self.item_counts().into_iter();
            let spans: Vec<Span> = self.rows.map(|invoice| Span {
                invoice,
                first: 0,
                end: counts.next().unwrap_or_default(),
            });
            // So many that their lines stay near the processor.
            let gross = spans.chunks(1024).flat_map(|spans| {
                let lines = spans.iter().map(|span| span.lines().len()).sum();
                Baskets::new(sales, spans, lines).totals()
            });
            let amounts = spans.iter().zip(gross).map(|(span, gross)| Amounts {
                gross,
                discount: sales.discount(span.invoice, gross),
            });
            amounts.collect()
        })
    }

    fn item_counts(&self) -> Vec<u16> {
        let mut counts = self.table.sales.item_counts();
        self.rows.map(|row| counts.of(row))
    }
}

/// A primitive array without nulls.
pub(super) fn array_of<T: ArrowPrimitiveType>(values: Vec<T::Native>) -> PrimitiveArray<T> {
    PrimitiveArray::new(ScalarBuffer::from(values), None)
}

pub(super) fn array<T: ArrowPrimitiveType>(values: Vec<T::Native>) -> ArrayRef {
    Arc::new(array_of::<T>(values))
}

/// Cuts event rows by `year`, `year,month` or `year,month,day`.
pub(super) fn by_time(
    table: &str,
    days: impl Iterator<Item = (crate::Date, Range<u64>)>,
    columns: &[&str],
) -> Result<Vec<Partition>> {
    const LEVELS: [&str; 3] = ["year", "month", "day"];
    if columns.is_empty() || !LEVELS.starts_with(columns) {
        return Err(crate::Error::BadPartition {
            table: table.to_owned(),
            found: columns.join(","),
            reason: "its rows are in order of time; take year or year,month or year,month,day"
                .to_owned(),
        });
    }
    let mut partitions: Vec<Partition> = Vec::new();
    for (date, rows) in days.filter(|(_, rows)| !rows.is_empty()) {
        let (year, month, day) = date.ymd();
        let parts = [i64::from(year), i64::from(month), i64::from(day)];
        let named = columns
            .iter()
            .zip(parts)
            .map(|(name, part)| ((*name).to_owned(), part));
        let values: Vec<_> = named.collect();
        match partitions.last_mut() {
            Some(last) if last.values == values => last.rows.end = rows.end,
            _ => partitions.push(Partition { values, rows }),
        }
    }
    Ok(partitions)
}
