//! `invoice_items`: one row a line of an invoice.

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::types::{Decimal128Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{ArrayRef, ArrowPrimitiveType};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::invoices::{MOMENT, MONEY, array, array_of, by_time};
use super::lines::{Line, MAX_LINES, Span, spans};
use super::sales::{Sales, months_since_epoch};
use crate::calendar::Day;
use crate::error::Result;
use crate::hints::{self, Hints};
use crate::rows::{Rows, shares};
use crate::seed::Stream;
use crate::table::{Generate, Partition};

pub(super) const NAME: &str = "invoice_items";
pub(super) const ABOUT: &str = "a line of an invoice: what, how many, at which price";

/// The table.
#[derive(Debug)]
pub(super) struct InvoiceItems {
    sales: Arc<Sales>,
    schema: SchemaRef,
}

/// The columns in their order; the position in the schema is that of the variant.
#[derive(Debug, Clone, Copy)]
enum Column {
    InvoiceId,
    LineNumber,
    ProductId,
    Quantity,
    UnitPrice,
    Discount,
    LineTotal,
    IssuedAt,
    Year,
    Month,
    Day,
}

const COLUMNS: [Column; 11] = [
    Column::InvoiceId,
    Column::LineNumber,
    Column::ProductId,
    Column::Quantity,
    Column::UnitPrice,
    Column::Discount,
    Column::LineTotal,
    Column::IssuedAt,
    Column::Year,
    Column::Month,
    Column::Day,
];

impl Column {
    fn field(self) -> Field {
        let delta = Hints::default().with(hints::ENCODING, "delta");
        let sorted = || delta.clone().with(hints::SORTED, "asc");
        let key = |hints: Hints| hints.with(hints::KEY, "primary");
        let money = || delta.clone().with(hints::TOTAL, "sum");
        let (name, data_type, hints, doc) = match self {
            Self::InvoiceId => {
                let hints = key(sorted()).with(hints::PARENT, "invoices.invoice_id");
                ("invoice_id", DataType::Int64, hints, "")
            }
            Self::LineNumber => ("line_number", DataType::Int32, key(delta), "from 1"),
            Self::ProductId => {
                let hints = delta.with(hints::PARENT, "products.product_id");
                (
                    "product_id",
                    DataType::Int64,
                    hints,
                    "no product twice in one invoice",
                )
            }
            Self::Quantity => ("quantity", DataType::Int32, delta, ""),
            Self::UnitPrice => (
                "unit_price",
                MONEY,
                delta,
                "the list price in that month, within 5 %",
            ),
            Self::Discount => ("discount", MONEY, money(), "on this line"),
            Self::LineTotal => (
                "line_total",
                MONEY,
                money(),
                "quantity x unit_price - discount",
            ),
            Self::IssuedAt => ("issued_at", MOMENT, sorted(), "the invoice's"),
            Self::Year => ("year", DataType::Int32, sorted(), "of issued_at"),
            Self::Month => ("month", DataType::Int32, delta, "of issued_at"),
            Self::Day => ("day", DataType::Int32, delta, "of issued_at"),
        };
        let hints = if doc.is_empty() {
            hints
        } else {
            hints.with(hints::DOC, doc)
        };
        Field::new(name, data_type, false).with_metadata(hints.into_metadata())
    }
}

impl InvoiceItems {
    pub(super) fn new(sales: Arc<Sales>) -> Self {
        Self {
            sales,
            schema: Arc::new(Schema::new(COLUMNS.map(Column::field).to_vec())),
        }
    }
}

impl Generate for InvoiceItems {
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
        self.sales.item_rows()
    }

    fn make(&self, rows: &Rows<'_>, columns: &[usize]) -> Vec<ArrayRef> {
        let batch = Batch {
            sales: &self.sales,
            spans: spans(&self.sales, rows),
            count: rows.len(),
            products: OnceCell::new(),
            draws: OnceCell::new(),
            lines: OnceCell::new(),
        };
        columns
            .iter()
            .map(|&column| batch.column(COLUMNS[column]))
            .collect()
    }

    fn partitions(&self, columns: &[&str]) -> Result<Vec<Partition>> {
        by_time(
            NAME,
            self.sales
                .calendar
                .days()
                .map(|(day, rows)| (day, self.sales.items_of(rows))),
            columns,
        )
    }

    fn rounds(&self, rounds: u64) -> Option<Vec<Range<u64>>> {
        let invoices = shares(self.sales.calendar.rows(), rounds);
        Some(invoices.map(|rows| self.sales.items_of(rows)).collect())
    }
}

/// What the columns of one batch share, made when the first of them asks.
struct Batch<'a> {
    sales: &'a Sales,
    spans: Vec<Span>,
    count: usize,
    products: OnceCell<Vec<u64>>,
    draws: OnceCell<Vec<Draw>>,
    lines: OnceCell<Vec<Line>>,
}

impl Batch<'_> {
    fn column(&self, column: Column) -> ArrayRef {
        let sales = self.sales;
        match column {
            Column::InvoiceId => self.repeat::<Int64Type>(|span| span.invoice as i64 + 1),
            Column::LineNumber => array::<Int32Type>(self.line_numbers(1)),
            Column::ProductId => {
                let ids = self
                    .products()
                    .iter()
                    .map(|&position| sales.products.row(position));
                array::<Int64Type>(ids.map(|row| row as i64 + 1).collect())
            }
            Column::Quantity => array::<Int32Type>(self.quantities()),
            Column::UnitPrice => self.money(|line| line.unit_price),
            Column::Discount => self.money(|line| line.discount),
            Column::LineTotal => self.money(|line| line.total),
            Column::IssuedAt => self
                .of_day::<TimestampMicrosecondType>(|span, day| sales.issued_at(span.invoice, day)),
            Column::Year => self.of_day::<Int32Type>(|_, day| day.year),
            Column::Month => self.of_day::<Int32Type>(|_, day| day.month),
            Column::Day => self.of_day::<Int32Type>(|_, day| day.day),
        }
    }

    /// The same value for all lines of a span.
    fn repeat<T: ArrowPrimitiveType>(&self, at: impl FnMut(&Span) -> T::Native) -> ArrayRef {
        array::<T>(repeat(&self.spans, self.count, at))
    }

    fn of_day<T: ArrowPrimitiveType>(&self, at: impl Fn(&Span, &Day) -> T::Native) -> ArrayRef {
        let mut walk = self.sales.calendar.walk();
        self.repeat::<T>(|span| at(span, walk.day(span.invoice)))
    }

    /// The line of each row, counted from `first`.
    fn line_numbers(&self, first: i32) -> Vec<i32> {
        const NUMBERS: [i32; 2 * MAX_LINES] = {
            let mut numbers = [0; 2 * MAX_LINES];
            let mut at = 0;
            while at < numbers.len() {
                numbers[at] = at as i32;
                at += 1;
            }
            numbers
        };
        each_span(&self.spans, self.count, |span, out| {
            let from = usize::from(span.first) + first as usize;
            out.copy_from_slice(&NUMBERS[from..from + MAX_LINES]);
        })
    }

    /// What the lines of each row's invoice draw from.
    fn draws(&self) -> &[Draw] {
        self.draws.get_or_init(|| {
            let sales = self.sales;
            repeat(&self.spans, self.count, |span| Draw {
                segment: sales.segment(span.invoice),
                stream: sales.line_stream(span.invoice),
            })
        })
    }

    /// Quantities alone cost less than whole lines.
    fn quantities(&self) -> Vec<i32> {
        if let Some(lines) = self.lines.get() {
            return lines.iter().map(|line| line.quantity).collect();
        }
        let rows = self.draws().iter().zip(self.line_numbers(0));
        rows.map(|(draw, line)| {
            self.sales
                .quantity(draw.segment, draw.stream.at(line as u64))
        })
        .collect()
    }

    /// The position of each line's product.
    fn products(&self) -> &[u64] {
        self.products.get_or_init(|| {
            let mut walk = self.sales.calendar.walk();
            let mut values = Vec::with_capacity(self.count);
            for span in &self.spans {
                let month = walk.day(span.invoice).month;
                let lines = span.lines();
                let all = self.sales.product_positions(span.invoice, month, lines.end);
                values.extend_from_slice(&all[lines]);
            }
            values
        })
    }

    fn lines(&self) -> &[Line] {
        self.lines.get_or_init(|| {
            let mut walk = self.sales.calendar.walk();
            let months = repeat(&self.spans, self.count, |span| {
                months_since_epoch(walk.day(span.invoice))
            });
            let rows = self
                .draws()
                .iter()
                .zip(self.line_numbers(0))
                .zip(self.products())
                .zip(months);
            rows.map(|(((draw, line), &position), month)| {
                self.sales
                    .line(draw.segment, position, month, draw.stream.at(line as u64))
            })
            .collect()
        })
    }

    fn money(&self, at: impl Fn(&Line) -> i64) -> ArrayRef {
        let values = self.lines().iter().map(|line| i128::from(at(line)));
        Arc::new(array_of::<Decimal128Type>(values.collect()).with_data_type(MONEY))
    }
}

/// What the lines of one invoice draw from.
#[derive(Debug, Clone, Copy, Default)]
struct Draw {
    segment: usize,
    stream: Stream,
}

/// A value per row, the same for all lines of a span.
fn repeat<T: Copy + Default>(
    spans: &[Span],
    count: usize,
    mut at: impl FnMut(&Span) -> T,
) -> Vec<T> {
    each_span(spans, count, |span, out| *out = [at(span); MAX_LINES])
}

/// A value per row, written span by span.
///
/// Always as many values as the longest invoice has lines, of which the next span overwrites those
/// that are too many: a copy of fixed size beats a loop of unforeseeable length.
fn each_span<T: Copy + Default>(
    spans: &[Span],
    count: usize,
    mut write: impl FnMut(&Span, &mut [T; MAX_LINES]),
) -> Vec<T> {
    let mut values = vec![T::default(); count + MAX_LINES];
    let mut at = 0;
    for span in spans {
        if let Some(out) = values[at..].first_chunk_mut() {
            write(span, out);
        }
        at += span.lines().len();
    }
    values.truncate(count);
    values
}
