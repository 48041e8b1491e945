//! `invoice_items`: one row a line of an invoice.

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::types::{Decimal128Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{ArrayRef, ArrowPrimitiveType};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::baskets::{Baskets, Draw};
use super::invoices::{MOMENT, MONEY, array, array_of, by_time};
use super::lines::{Line, Span, line_numbers, repeat, spans};
use super::sales::Sales;
use crate::calendar::Day;
use crate::error::Result;
use crate::hints::{self, Hints};
use crate::rows::{Rows, shares};
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
    products: OnceCell<Vec<u32>>,
    draws: OnceCell<Vec<Draw>>,
    lines: OnceCell<Vec<Line>>,
}

impl Batch<'_> {
    fn column(&self, column: Column) -> ArrayRef {
        let sales = self.sales;
        match column {
            Column::InvoiceId => self.repeat::<Int64Type>(|span| span.invoice as i64 + 1),
            Column::LineNumber => {
                let numbers = line_numbers(&self.spans, self.count);
                array::<Int32Type>(numbers.into_iter().map(|line| line + 1).collect())
            }
            Column::ProductId => {
                let ids = self
                    .products()
                    .iter()
                    .map(|&position| sales.products.key(u64::from(position)));
                array::<Int64Type>(ids.collect())
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

    fn baskets(&self) -> Baskets<'_> {
        Baskets::new(self.sales, &self.spans, self.count)
    }

    fn draws(&self) -> &[Draw] {
        self.draws.get_or_init(|| self.baskets().draws())
    }

    /// Quantities alone cost less than whole lines.
    fn quantities(&self) -> Vec<i32> {
        if let Some(lines) = self.lines.get() {
            return lines.iter().map(|line| line.quantity).collect();
        }
        let numbers = line_numbers(&self.spans, self.count);
        let rows = self.draws().iter().zip(numbers);
        rows.map(|(draw, line)| {
            self.sales
                .quantity(draw.segment, draw.stream.at(line as u64))
        })
        .collect()
    }

    /// The position of each line's product.
    fn products(&self) -> &[u32] {
        self.products.get_or_init(|| self.baskets().positions())
    }

    fn lines(&self) -> &[Line] {
        self.lines.get_or_init(|| {
            self.baskets()
                .lines(self.draws(), self.products(), |line| line)
        })
    }

    fn money(&self, at: impl Fn(&Line) -> i64) -> ArrayRef {
        let values = self.lines().iter().map(|line| i128::from(at(line)));
        Arc::new(array_of::<Decimal128Type>(values.collect()).with_data_type(MONEY))
    }
}
