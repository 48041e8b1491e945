//! What a user says against what a dataset declares: every default and every check, before anything is
//! built.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{DatasetInfo, EPOCH, HORIZON, Resolved, Settings};
use crate::builder::MAX_ROWS;
use crate::date::Date;
use crate::error::{Error, Result};
use crate::own::OwnTable;

impl DatasetInfo {
    /// Fixes the settings.
    pub(super) fn resolve(&self, settings: &Settings) -> Result<Resolved> {
        let (start, end) = self.window(settings)?;
        let own = self.own(settings)?;
        Ok(Resolved {
            seed: settings.seed,
            data_version: self.data_version,
            start,
            end,
            rows: self.counts(settings, &own)?,
            parameters: self.values(settings)?,
            own,
        })
    }

    /// The rows of one's own, checked.
    fn own(&self, settings: &Settings) -> Result<BTreeMap<&'static str, Arc<OwnTable>>> {
        let mut all = BTreeMap::new();
        for (name, rows) in &settings.own {
            let known = self.replaceable.iter();
            let replaceable = known.clone().find(|at| at.table == name).ok_or_else(|| {
                let within = format!("{} that can be replaced", self.name);
                Error::unknown("table", Some(&within), name, known.map(|at| at.table))
            })?;
            let refused = |expected: &str, found: &str, advice: String| Error::OwnRows {
                table: replaceable.table,
                column: None,
                row: None,
                expected: expected.to_owned(),
                found: found.to_owned(),
                advice,
            };
            if settings
                .rows
                .iter()
                .any(|(table, _)| table.as_ref() == Some(name))
            {
                let advice = format!("leave --rows {name}=N out");
                let expected = "a number of rows or rows of one's own";
                return Err(refused(expected, "both", advice));
            }
            let about = self.tables.iter().find(|(table, _)| table == name);
            let about = about.map_or("", |(_, about)| *about);
            let own = Arc::new(OwnTable::new(replaceable, about, rows)?);
            if all.insert(replaceable.table, own).is_some() {
                let advice = "leave one of them out".to_owned();
                return Err(refused("rows of one's own once", "twice", advice));
            }
        }
        Ok(all)
    }

    fn window(&self, settings: &Settings) -> Result<(Date, Date)> {
        let given = settings.start.map(|day| ("--start", day));
        if let (false, Some((flag, day))) = (
            self.has_window,
            given.or(settings.end.map(|day| ("--end", day))),
        ) {
            return Err(Error::NoWindow {
                dataset: self.name.to_owned(),
                setting: flag,
                found: day.to_string(),
            });
        }
        let start = settings.start.unwrap_or(EPOCH);
        let end = settings
            .end
            .unwrap_or_else(|| Date::new(start.ymd().0, 12, 31));
        if start < EPOCH {
            return Err(Error::bad_value(
                "--start",
                format!("{EPOCH}, the epoch, or later"),
                start,
            ));
        }
        if end > HORIZON {
            return Err(Error::bad_value(
                "--end",
                format!("{HORIZON} or earlier"),
                end,
            ));
        }
        if end < start {
            return Err(Error::bad_value(
                "--end",
                format!("--start, {start}, or later"),
                end,
            ));
        }
        Ok((start, end))
    }

    fn counts(
        &self,
        settings: &Settings,
        own: &BTreeMap<&'static str, Arc<OwnTable>>,
    ) -> Result<BTreeMap<&'static str, u64>> {
        let scale = settings.scale;
        if !(scale.is_finite() && scale > 0.0) {
            return Err(Error::bad_value("--scale", "a number above 0", scale));
        }
        let mut counts = BTreeMap::new();
        for root in self.roots {
            let scaled = libm::round(root.rows_at_scale_1 * scale);
            counts.insert(root.table, (scaled as u64).max(1));
        }
        for (table, rows) in &settings.rows {
            let known = || self.roots.iter().map(|root| root.table);
            let root = match (table, self.roots) {
                (None, [only]) => only,
                (None, _) => {
                    let expected = known().map(|name| format!("{name}=N")).collect::<Vec<_>>();
                    return Err(Error::bad_value("--rows", expected.join(" or "), rows));
                }
                (Some(name), roots) => {
                    let within = format!("the tables of {} whose rows can be set", self.name);
                    roots
                        .iter()
                        .find(|root| root.table == name)
                        .ok_or_else(|| Error::unknown("table", Some(&within), name, known()))?
                }
            };
            counts.insert(root.table, *rows);
        }
        for (table, own) in own {
            counts.insert(table, own.count());
        }
        for root in self.roots {
            let (most, why) = root.limit;
            let rows = counts.get(root.table).copied().unwrap_or_default();
            if rows == 0 || rows > most.min(MAX_ROWS) {
                let expected = format!("1 to {most} rows{why}");
                return Err(Error::bad_value(root.table, expected, rows));
            }
        }
        Ok(counts)
    }

    fn values(&self, settings: &Settings) -> Result<BTreeMap<&'static str, String>> {
        let mut values = BTreeMap::new();
        for parameter in self.parameters {
            values.insert(parameter.name, parameter.canonical(parameter.default)?);
        }
        for (name, value) in &settings.parameters {
            let known = self
                .parameters
                .iter()
                .find(|parameter| parameter.name == name);
            let parameter = known.ok_or_else(|| {
                let names = self.parameters.iter().map(|parameter| parameter.name);
                Error::unknown("parameter", Some(self.name), name, names)
            })?;
            values.insert(parameter.name, parameter.canonical(value)?);
        }
        Ok(values)
    }
}
