//! A shop's orders and their lines, in blocks that come and go, and a star of them.

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use lakeseed_star_schema::{Model, Source};

use super::parts::InParts;
use crate::common::chance;

/// Orders of a block, and orders of a day.
const ORDERS: i64 = 20;
const OF_A_DAY: i64 = 10;
const SHOPS: i64 = 4;

/// Twenty orders with their lines: a file of each.
#[derive(Debug, Clone)]
pub(super) struct Block {
    /// The number of its first order; days follow from numbers.
    pub(super) first: i64,
    /// What its rows hold.
    pub(super) seed: u64,
    /// Whether some order and some line have no number.
    pub(super) nulls: bool,
}

/// All that the star is made from.
#[derive(Debug, Clone)]
pub(super) struct Shop {
    pub(super) blocks: Vec<Block>,
    /// Another number, other towns.
    pub(super) towns: u64,
    /// How many shops there are; orders know four.
    pub(super) shops: i64,
}

impl Block {
    pub(super) fn new(first: i64, seed: u64) -> Self {
        Self {
            first,
            seed,
            nulls: false,
        }
    }

    fn number(&self, order: i64) -> Option<i64> {
        (!(self.nulls && order == 7)).then_some(self.first + order)
    }

    fn pick(&self, order: i64, what: u64, of: u64) -> i64 {
        (chance(self.seed, order as u64 * 10 + what) % of) as i64
    }

    fn orders(&self) -> RecordBatch {
        let each = |of: &dyn Fn(i64) -> Option<i64>| -> ArrayRef {
            Arc::new((0..ORDERS).map(of).collect::<Int64Array>())
        };
        let columns = [
            ("order_id", each(&|order| self.number(order)), true),
            (
                "day",
                each(&|order| Some((self.first + order) / OF_A_DAY)),
                true,
            ),
            (
                "shop",
                each(&|order| Some(self.pick(order, 0, SHOPS as u64))),
                true,
            ),
        ];
        RecordBatch::try_from_iter_with_nullable(columns).unwrap()
    }

    fn lines(&self) -> RecordBatch {
        let (mut orders, mut lines, mut amounts) = (Vec::new(), Vec::new(), Vec::new());
        for order in 0..ORDERS {
            for line in 0..=self.pick(order, 1, 3) {
                orders.push(self.number(order));
                lines.push(line as i32);
                amounts.push(self.pick(order, 2 + line as u64, 90));
            }
        }
        let columns: [(&str, ArrayRef, bool); 3] = [
            ("order_id", Arc::new(Int64Array::from(orders)), true),
            ("line", Arc::new(Int32Array::from(lines)), true),
            ("amount", Arc::new(Int64Array::from(amounts)), true),
        ];
        RecordBatch::try_from_iter_with_nullable(columns).unwrap()
    }
}

impl Shop {
    pub(super) fn sources(&self) -> HashMap<String, Arc<dyn Source>> {
        let of_blocks = |rows: &dyn Fn(&Block) -> RecordBatch| -> Arc<dyn Source> {
            // A block that is there twice is there in two files.
            let blocks = self.blocks.iter().enumerate();
            let named = |(at, block): (usize, &Block)| {
                let same = self.blocks[..at]
                    .iter()
                    .filter(|other| other.is(block))
                    .count();
                let Block { first, seed, nulls } = block;
                (format!("{first} {seed} {nulls} {same}"), rows(block))
            };
            let schema = rows(&Block::new(0, 0)).schema();
            Arc::new(InParts::new(schema, blocks.map(named).collect()))
        };
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..self.shops));
        let town = |shop: i64| format!("town {}", (shop as u64 * self.towns) % 3);
        let towns: ArrayRef = Arc::new(StringArray::from_iter_values((0..self.shops).map(town)));
        let columns = [("shop", ids, true), ("town", towns, true)];
        let shops = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        let shops = InParts::new(
            shops.schema(),
            vec![(format!("{} {}", self.towns, self.shops), shops)],
        );
        let shops: Arc<dyn Source> = Arc::new(shops);
        [
            ("orders".to_owned(), of_blocks(&Block::orders)),
            ("lines".to_owned(), of_blocks(&Block::lines)),
            ("shops".to_owned(), shops),
        ]
        .into()
    }
}

impl Block {
    fn is(&self, other: &Self) -> bool {
        (self.first, self.seed, self.nulls) == (other.first, other.seed, other.nulls)
    }
}

const TOML: &str = r#"
name = "orders"

[sources.orders]
[sources.lines]
[sources.shops]

[tables.dim_shop]
reads = ["shops"]
grain = ["shop"]
unknown = { shop = -1 }

[tables.dim_town]
reads = ["shops"]
grain = ["town"]

[tables.fact_order]
reads = ["orders"]
grain = ["order_id"]
duplicates = "keep"
foreign_keys = [{ columns = ["shop"], table = "dim_shop" }]

[tables.fact_line]
reads = ["orders", "lines", "shops"]
grain = ["order_id", "line"]
duplicates = "keep"

[tables.agg_day]
reads = ["fact_line"]
grain = ["day", "town"]

[tables.agg_shop]
reads = ["orders"]
grain = ["shop"]
"#;

const STATEMENTS: [(&str, &str); 6] = [
    ("dim_shop", "SELECT shop, town FROM shops"),
    (
        "dim_town",
        "SELECT town, COUNT(*) AS shops FROM shops GROUP BY town",
    ),
    (
        "fact_order",
        "SELECT order_id, day, shop FROM orders WHERE shop <> 3",
    ),
    (
        "fact_line",
        "SELECT l.order_id, l.line, o.day, s.town, l.amount,
            SUM(l.amount) OVER (PARTITION BY l.order_id) AS of_order
        FROM lines AS l
        LEFT JOIN orders AS o ON o.order_id = l.order_id
        LEFT JOIN shops AS s ON s.shop = o.shop",
    ),
    (
        "agg_day",
        "SELECT day, town, COUNT(*) AS lines, SUM(amount) AS amount, MAX(of_order) AS largest
        FROM fact_line GROUP BY day, town",
    ),
    (
        "agg_shop",
        "SELECT shop, COUNT(*) AS orders, MAX(day) AS last FROM orders GROUP BY shop",
    ),
];

pub(super) fn model() -> Model {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("star.toml"), TOML).unwrap();
    for (table, sql) in STATEMENTS {
        fs::write(folder.path().join(format!("{table}.sql")), sql).unwrap();
    }
    Model::open(folder.path()).unwrap()
}
