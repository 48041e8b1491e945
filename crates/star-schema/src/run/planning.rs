//! From statements to tables: what a statement is, and how it is going to be made.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use lakeseed_budget::Bytes;

use super::{Extent, OfGroups, Settings, Statement, Table, Way};
use crate::batches::batches;
use crate::choose::{Choice, Strategy, choose};
use crate::cut::{Cut, Grouped};
use crate::engine::scan::{Scan, source_rows};
use crate::planned::{Planner, Text};
use crate::together::{FEW_ROWS, Rows, Sample, Together};
use crate::{Result, Source};

/// The name of the leaf that stands for a join under an aggregate.
const JOINED: &str = "joined";

/// What all statements are planned with.
pub(super) struct Planning<'a> {
    pub(super) planner: &'a Planner<'a>,
    pub(super) sources: &'a HashMap<String, Arc<dyn Source>>,
    pub(super) settings: &'a Settings,
}

impl Planning<'_> {
    /// Reads a statement's plan, and chooses.
    pub(super) fn table(
        &self,
        statement: &Statement,
        plan: &LogicalPlan,
        grain: &[String],
    ) -> Result<Table> {
        let Ok(grouped) = Grouped::find(plan) else {
            return Ok(together(self.together(statement, plan, grain)?));
        };
        if let Ok(source) = grouped.source().map(str::to_owned) {
            return self.groups(statement, &source, grouped);
        }
        // An aggregate stays in the buckets of the join where its keys have theirs. Otherwise it needs its
        // own, unless that spares nothing.
        let whole = self.together(statement, plan, grain);
        if whole
            .as_ref()
            .is_ok_and(|whole| whole.whole_rows() <= FEW_ROWS)
        {
            return whole.map(together);
        }
        let most = whole.as_ref().map_or(u64::MAX, Together::whole_rows);
        match (self.groups_of_join(statement, &grouped, most)?, whole) {
            (Some(table), _) => Ok(table),
            (None, whole) => Ok(together(whole?)),
        }
    }

    fn together(
        &self,
        statement: &Statement,
        plan: &LogicalPlan,
        grain: &[String],
    ) -> Result<Together> {
        Together::try_new(statement, plan, grain, self.sources, self.planner)
    }

    /// An aggregate over one of the sources.
    fn groups(&self, statement: &Statement, name: &str, grouped: Grouped) -> Result<Table> {
        let Some(source) = self.sources.get(name) else {
            return Err(Text::of(statement).refuse("a source that is given", name));
        };
        let cut = Cut::try_new(statement, name, grouped, self.planner.state())?;
        let cut = Arc::new(cut);
        let scan = Scan::new(&cut.below, source);
        let threads = self.settings.threads;
        let by_value = match &self.settings.batch_by {
            Some(column) => batches(&cut, &scan, statement, column, self.planner, threads)?,
            None => None,
        };
        let total = source_rows(source.pieces());
        let chosen = choose(&cut, &scan, total, self.settings.strategy, by_value)?;
        Ok(Table {
            name: statement.table.clone(),
            schema: Arc::clone(&cut.schema),
            rules: Arc::default(),
            extent: Extent::nothing(),
            choice: chosen.choice.clone(),
            way: Way::Groups(Box::new(OfGroups {
                cut,
                scan,
                chosen,
                under: None,
            })),
        })
    }

    /// An aggregate over a join whose sources can be cut so that fewer than `most` rows are given whole;
    /// `None` where they cannot.
    fn groups_of_join(
        &self,
        statement: &Statement,
        grouped: &Grouped,
        most: u64,
    ) -> Result<Option<Table>> {
        let text = Text::of(statement);
        let engine = |cause| text.engine(cause);
        let over = grouped.over(JOINED).map_err(engine)?;
        let cut = Cut::try_new(statement, JOINED, over, self.planner.state())?;
        let input = grouped.input();
        let columns = input.schema().columns();
        let made = cut.below.columns.iter();
        let made = made.map(|&at| Expr::Column(columns[at].clone()).alias(format!("c{at}")));
        let made = LogicalPlanBuilder::from(input.clone())
            .project(made.collect::<Vec<_>>())
            .and_then(LogicalPlanBuilder::build)
            .map_err(engine)?;
        let under = match self.together(statement, &made, &[]) {
            Ok(under) if under.whole_rows() < most => under,
            _ => return Ok(None),
        };
        let schema = crate::cut::numbered(input.schema().as_arrow());
        let rows = Rows::new(&Arc::new(under), schema, &cut.below.columns);
        let sample: Arc<dyn Source> = Sample::take(&rows)?;
        let sample = Scan::new(&cut.below, &sample);
        let forced = self.settings.strategy;
        let mut chosen = choose(&cut, &sample, rows.together.rows(), forced, None)?;
        let Choice {
            reason,
            source_rows,
            spill,
            ..
        } = &mut chosen.choice;
        *reason = format!("{}; {reason}", rows.together.reason);
        *source_rows = rows.together.source_rows();
        *spill = *spill + Bytes::new(rows.together.spill_bytes());
        let cut = Arc::new(cut);
        let source: Arc<dyn Source> = Arc::clone(&rows) as Arc<dyn Source>;
        Ok(Some(Table {
            name: statement.table.clone(),
            schema: Arc::clone(&cut.schema),
            rules: Arc::default(),
            extent: Extent::nothing(),
            choice: chosen.choice.clone(),
            way: Way::Groups(Box::new(OfGroups {
                scan: Scan::new(&cut.below, &source),
                cut,
                chosen,
                under: Some(rows),
            })),
        }))
    }
}

fn together(together: Together) -> Table {
    let choice = Choice {
        strategy: Strategy::Together,
        reason: together.reason.clone(),
        source_rows: together.source_rows(),
        rows: together.rows(),
        groups: together.rows(),
        units: together.units(),
        spill: Bytes::new(together.spill_bytes()),
        as_text: Vec::new(),
    };
    Table {
        name: together.table.clone(),
        schema: Arc::clone(&together.schema),
        choice,
        rules: Arc::default(),
        extent: Extent::nothing(),
        way: Way::Together(Arc::new(together)),
    }
}
