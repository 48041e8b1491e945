//! Stars that are extended: after any change of their sources they are what a rebuild makes, and what stays
//! stays as it is.

mod model;
mod parts;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow_array::RecordBatch;
use lakeseed_budget::{Budget, MIB};
use lakeseed_star_schema::{Error, Fate, Increment, Settings, Source, Standing, Star, Stop};
use proptest::prelude::*;

use self::model::{Block, Shop, model};
use self::parts::InParts;
use crate::common::{Kept, lines_of};

type Sources = HashMap<String, Arc<dyn Source>>;

/// A star as a caller keeps it: the increments of each table, each with its rows.
#[derive(Default)]
struct Stood {
    tables: BTreeMap<String, Vec<(lakeseed_star_schema::Parts, Arc<InParts>)>>,
}

/// What became of each table, in words: `kept`, `extended`, or why it was made anew.
type Fates = BTreeMap<String, String>;

fn settings(folder: &std::path::Path) -> Settings {
    let mut settings = Settings::new(folder);
    settings.temp_in_memory = true;
    settings.store_bytes = MIB;
    settings.read_bytes = MIB;
    settings
}

impl Stood {
    fn standing(&self) -> Standing {
        let tables = self.tables.iter().map(|(table, increments)| {
            let increments = increments.iter().map(|(parts, rows)| Increment {
                parts: parts.clone(),
                rows: Arc::clone(rows) as Arc<dyn Source>,
            });
            (table.clone(), increments.collect())
        });
        Standing {
            tables: tables.collect(),
            ..Standing::default()
        }
    }

    /// Brings the star up to its sources, as a caller does.
    fn update(&mut self, sources: &Sources) -> Fates {
        let temp = tempfile::tempdir().unwrap();
        let settings = settings(temp.path());
        let model = model();
        let mut standing = self.standing();
        let (star, made) = loop {
            let star = Star::onto(&model, sources, &standing, &settings).unwrap();
            let store = Kept::default();
            let budget = Budget::new(256 * MIB);
            match star.run(&settings, &budget, &store, &(), &Stop::new()) {
                Ok(_) => break (star, store),
                Err(Error::Shared { table, why }) => {
                    let before = standing.anew.insert(table.clone(), why);
                    assert_eq!(before, None, "{table} was tried twice");
                }
                Err(error) => panic!("{error:?}"),
            }
        };
        let made = made.units.into_inner().unwrap();
        let mut fates = Fates::new();
        for table in &model.tables {
            let name = &table.name;
            let fate = star.fate(name).unwrap();
            let said = match fate {
                Fate::Anew { why } => why.clone(),
                other => other.to_string(),
            };
            fates.insert(name.clone(), said);
            let stood = self.tables.remove(name).unwrap_or_default();
            let mut stays: Vec<_> = match fate {
                Fate::Kept => stood,
                Fate::Extended { kept, .. } => kept.iter().map(|&at| stood[at].clone()).collect(),
                Fate::Anew { .. } => Vec::new(),
            };
            let units = made.iter().filter(|((of, _), _)| of == name);
            let batches: Vec<RecordBatch> = units.flat_map(|(_, rows)| rows.clone()).collect();
            if star.units().iter().any(|unit| unit.table == *name) {
                let schema = star.schema(name).unwrap();
                let rows = Arc::new(InParts::of_rows(schema, &batches));
                stays.push((star.parts(name).unwrap().clone(), rows));
            }
            self.tables.insert(name.clone(), stays);
        }
        fates
    }

    /// All rows of a table, sorted.
    fn lines(&self, table: &str) -> Vec<String> {
        let increments = self.tables.get(table).into_iter().flatten();
        let batches = increments.flat_map(|(_, rows)| rows.batches());
        let mut lines: Vec<String> = batches.flat_map(|batch| lines_of(&batch)).collect();
        lines.sort_unstable();
        lines
    }

    /// Checks every table against a star that is made of the same sources at once.
    #[track_caller]
    fn is_like_a_rebuild(&self, sources: &Sources, after: &str) {
        let mut rebuilt = Self::default();
        rebuilt.update(sources);
        for table in model().tables {
            let (found, expected) = (self.lines(&table.name), rebuilt.lines(&table.name));
            assert_eq!(found, expected, "{} after {after}", table.name);
        }
    }
}

/// The blocks that stand at first: three, with orders that follow one another.
fn three() -> Shop {
    Shop {
        blocks: vec![Block::new(0, 1), Block::new(20, 2), Block::new(40, 3)],
        towns: 1,
        shops: 4,
    }
}

/// A star of some blocks, and what becomes of it when they are changed.
fn changed(change: impl FnOnce(&mut Shop)) -> Fates {
    let mut shop = three();
    let mut star = Stood::default();
    let first = star.update(&shop.sources());
    assert!(
        first.values().all(|why| why == "nothing of it stands"),
        "{first:?}"
    );
    change(&mut shop);
    let sources = shop.sources();
    let fates = star.update(&sources);
    star.is_like_a_rebuild(&sources, "the change");
    let again = star.update(&sources);
    assert!(again.values().all(|fate| fate == "kept"), "{again:?}");
    fates
}

fn are(fates: &Fates, expected: &[(&str, &str)]) {
    let expected: Fates = expected
        .iter()
        .map(|(table, fate)| ((*table).to_owned(), (*fate).to_owned()))
        .collect();
    assert_eq!(*fates, expected);
}

const LATER: &str = "new rows and old ones share values of shop";
const OWN: &str = "it has a member that is in no source";

#[test]
fn later_orders_extend_what_stands() {
    let fates = changed(|shop| shop.blocks.push(Block::new(60, 4)));
    are(
        &fates,
        &[
            ("agg_day", "extended"),
            ("agg_shop", LATER),
            ("dim_shop", "kept"),
            ("dim_town", "kept"),
            ("fact_line", "extended"),
            ("fact_order", "extended"),
        ],
    );
}

/// The orders fit between others, so that their lines are apart: the days are not, by their ends.
#[test]
fn orders_between_others_extend_what_is_cut_by_orders() {
    let mut shop = three();
    shop.blocks.remove(1);
    let mut star = Stood::default();
    star.update(&shop.sources());
    shop.blocks.push(Block::new(20, 2));
    let sources = shop.sources();
    let fates = star.update(&sources);
    star.is_like_a_rebuild(&sources, "the block between");
    assert_eq!(fates["fact_line"], "extended");
    assert_eq!(
        fates["agg_day"],
        "new rows and old ones share values of day, town"
    );
}

/// Lines of orders that stand already meet the lines that stand.
#[test]
fn lines_of_old_orders_make_the_joins_anew() {
    let fates = changed(|shop| shop.blocks.push(Block::new(50, 4)));
    let why = "new files and old ones share values of lines.order_id and orders.order_id";
    assert_eq!(fates["fact_line"], why);
    assert_eq!(fates["agg_day"], why);
}

/// Lines without an order's number are one group of a window, whichever files they are in.
#[test]
fn orders_without_a_number_meet() {
    let mut shop = three();
    shop.blocks[0].nulls = true;
    let mut star = Stood::default();
    star.update(&shop.sources());
    shop.blocks.push(Block::new(60, 4));
    assert_eq!(star.update(&shop.sources())["fact_line"], "extended");
    shop.blocks.push(Block {
        nulls: true,
        ..Block::new(80, 5)
    });
    let sources = shop.sources();
    let fates = star.update(&sources);
    star.is_like_a_rebuild(&sources, "another order without a number");
    let why = "new files and old ones share values of lines.order_id and orders.order_id";
    assert_eq!(fates["fact_line"], why);
}

#[test]
fn a_change_of_what_is_read_whole_makes_anew() {
    let fates = changed(|shop| shop.towns = 2);
    are(
        &fates,
        &[
            ("agg_day", "shops, which it reads whole, has changed"),
            ("agg_shop", "kept"),
            ("dim_shop", OWN),
            (
                "dim_town",
                "files of shops that it was made from have changed",
            ),
            ("fact_line", "shops, which it reads whole, has changed"),
            ("fact_order", "kept"),
        ],
    );
}

/// Nobody has looked whether the orders that stand point to a shop that is there still.
#[test]
fn a_dimension_that_loses_rows_makes_anew_what_points_to_it() {
    let fates = changed(|shop| shop.shops = 3);
    let why = "dim_shop has lost rows that it may point to";
    assert_eq!(fates["fact_order"], why);
    assert_eq!(fates["agg_shop"], "kept");
    let fates = changed(|shop| shop.shops = 5);
    assert_eq!(fates["fact_order"], "kept");
}

/// What came last is made anew alone when it changes, and goes alone when it is removed.
#[test]
fn increments_are_replaced_and_removed_alone() {
    let mut shop = three();
    let mut star = Stood::default();
    star.update(&shop.sources());
    shop.blocks.push(Block::new(60, 4));
    star.update(&shop.sources());
    shop.blocks.push(Block::new(80, 5));
    star.update(&shop.sources());
    let first = Arc::clone(&star.tables["fact_line"][0].1);

    shop.blocks[3].seed = 40;
    let sources = shop.sources();
    let fates = star.update(&sources);
    star.is_like_a_rebuild(&sources, "a change of the fourth block");
    assert_eq!(fates["fact_line"], "extended");
    assert_eq!(star.tables["fact_line"].len(), 3);
    assert!(Arc::ptr_eq(&first, &star.tables["fact_line"][0].1));

    shop.blocks.pop();
    shop.blocks.pop();
    let sources = shop.sources();
    let fates = star.update(&sources);
    star.is_like_a_rebuild(&sources, "their removal");
    assert_eq!(fates["fact_line"], "extended");
    assert_eq!(star.tables["fact_line"].len(), 1);
}

/// What a run may meet.
#[derive(Debug, Clone)]
enum Step {
    Later,
    Overlapping(i64),
    Change(usize),
    Remove(usize),
    Nulls(usize),
    Towns,
    Shops(i64),
    Repeat,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => Just(Step::Later),
        1 => (0_i64..60).prop_map(Step::Overlapping),
        2 => (0_usize..8).prop_map(Step::Change),
        2 => (0_usize..8).prop_map(Step::Remove),
        1 => (0_usize..8).prop_map(Step::Nulls),
        1 => Just(Step::Towns),
        1 => (2_i64..6).prop_map(Step::Shops),
        1 => Just(Step::Repeat),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn after_any_steps_it_is_what_a_rebuild_makes(steps in prop::collection::vec(step(), 1..7)) {
        let mut shop = three();
        let mut star = Stood::default();
        star.update(&shop.sources());
        for (number, step) in steps.iter().enumerate() {
            let seed = 100 + number as u64;
            let last = shop.blocks.iter().map(|block| block.first).max().unwrap_or(0);
            match step {
                Step::Later => shop.blocks.push(Block::new(last + 20, seed)),
                Step::Overlapping(first) => shop.blocks.push(Block::new(*first, seed)),
                Step::Change(at) => {
                    if let Some(block) = shop.blocks.get_mut(*at) {
                        block.seed = seed;
                    }
                }
                Step::Remove(at) if *at < shop.blocks.len() && shop.blocks.len() > 1 => {
                    shop.blocks.remove(*at);
                }
                Step::Nulls(at) => {
                    if let Some(block) = shop.blocks.get_mut(*at) {
                        block.nulls = !block.nulls;
                    }
                }
                Step::Towns => shop.towns += 1,
                Step::Shops(shops) => shop.shops = *shops,
                Step::Remove(_) | Step::Repeat => {}
            }
            let sources = shop.sources();
            star.update(&sources);
            star.is_like_a_rebuild(&sources, &format!("{:?}", &steps[..=number]));
        }
    }
}
