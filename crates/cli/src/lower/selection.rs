//! Which dataset with which settings, and which of its tables.

use anyhow::Result;
use lakeseed_gen_core::dataset::{DEFAULT_SEED, ParameterKind};
use lakeseed_gen_core::{Dataset, DatasetInfo, Settings, Table, find};

use super::own::OwnRows;
use crate::args::{self, Given, Parameters, Rows, Source, Target};
use crate::error::{self, Failure};

/// A dataset with everything fixed, and the tables of it that were asked for.
#[derive(Debug)]
pub(crate) struct Selection {
    pub(crate) dataset: Dataset,
    pub(crate) tables: Vec<Table>,
    pub(crate) target: Target,
}

/// Fixes what the arguments ask for.
pub(crate) fn select(source: &Source, own: &OwnRows) -> Result<Selection> {
    select_at(source, own, source.scale)
}

/// The same at a scale of its own.
pub(super) fn select_at(source: &Source, own: &OwnRows, scale: Option<f64>) -> Result<Selection> {
    let info = find(&source.target.dataset)?;
    let mut settings = parameters(info, &source.parameters)?.seed(source.seed);
    if let Some(scale) = scale {
        settings = settings.scale(scale);
    }
    for (at, rows) in source.rows.iter().enumerate() {
        if source.rows[..at]
            .iter()
            .any(|before| before.table == rows.table)
        {
            let got = rows.table.as_deref().unwrap_or("a bare number");
            let got = format!("{got} twice");
            return Err(Failure::usage("each table once for --rows", got, "leave one out").into());
        }
        settings = set_rows(info, settings, rows)?;
    }
    if let (Some(start), Some(end)) = (source.start, source.end)
        && end < start
    {
        let expected = format!("an --end on or after --start {start}");
        return Err(Failure::usage(expected, format!("'{end}'"), "swap them").into());
    }
    if let Some(start) = source.start {
        settings = settings.start(start);
    }
    if let Some(end) = source.end {
        settings = settings.end(end);
    }
    choose(info, &own.add_to(settings), &source.target)
}

/// The same where only columns matter: no counts and no window.
pub(crate) fn columns_only(
    target: &Target,
    given: &Parameters,
    own: &OwnRows,
) -> Result<Selection> {
    let info = find(&target.dataset)?;
    let settings = parameters(info, given)?;
    choose(info, &own.add_to(settings), target)
}

fn choose(info: &'static DatasetInfo, settings: &Settings, target: &Target) -> Result<Selection> {
    let dataset = info
        .dataset(settings)
        .map_err(|error| of_counts(info, error))?;
    let tables = match &target.table {
        Some(table) => vec![dataset.table(table)?.clone()],
        None => dataset.tables().to_vec(),
    };
    Ok(Selection {
        dataset,
        tables,
        target: target.clone(),
    })
}

/// A count that is out of range names its table; here it becomes the flag that sets it.
fn of_counts(info: &DatasetInfo, error: lakeseed_gen_core::Error) -> anyhow::Error {
    match error {
        lakeseed_gen_core::Error::BadValue {
            setting,
            expected,
            found,
        } if info.roots.iter().any(|root| root.table == setting) => {
            let advice = format!("change --scale or --rows {setting}=N");
            let expected = format!("{expected} for {setting}");
            Failure::usage(expected, found, &advice).into()
        }
        other => other.into(),
    }
}

fn set_rows(info: &DatasetInfo, settings: Settings, rows: &Rows) -> Result<Settings> {
    let roots: Vec<&str> = info.roots.iter().map(|root| root.table).collect();
    match &rows.table {
        Some(table) if roots.contains(&table.as_str()) => Ok(settings.rows(table, rows.rows)),
        Some(table) => {
            let expected = format!("a table of {} whose rows can be set", info.name);
            let advice = error::advice(table, roots);
            Err(Failure::usage(expected, format!("--rows {table}={}", rows.rows), &advice).into())
        }
        None if roots.len() == 1 => Ok(settings.only_rows(rows.rows)),
        None => {
            let expected = format!("--rows TABLE=N for {}", info.name);
            let advice = format!("choose {}", error::list(&roots));
            Err(Failure::usage(expected, format!("--rows {}", rows.rows), &advice).into())
        }
    }
}

fn parameters(info: &DatasetInfo, given: &Parameters) -> Result<Settings> {
    let mut settings = Settings::new();
    for Given {
        name,
        value,
        by_environment,
        ..
    } in &given.0
    {
        let declared = info
            .parameters
            .iter()
            .find(|parameter| parameter.name == *name);
        match declared {
            Some(parameter) => settings = settings.parameter(name, plain(parameter.kind, value)),
            // A variable is set for a whole shell, and concerns the datasets that know it.
            None if *by_environment => {}
            None => return Err(foreign(info, name).into()),
        }
    }
    Ok(settings)
}

/// A whole number in plain digits: parameters take `1.5k` as all numbers do.
fn plain(kind: ParameterKind, value: &str) -> String {
    let is_whole = matches!(
        kind,
        ParameterKind::Integer(..) | ParameterKind::OptionalInteger(..)
    );
    match args::count(value) {
        Ok(number) if is_whole => number.to_string(),
        _ => value.to_owned(),
    }
}

fn foreign(info: &DatasetInfo, name: &str) -> Failure {
    let owners = lakeseed_gen_core::datasets().iter().filter(|other| {
        other
            .parameters
            .iter()
            .any(|parameter| parameter.name == name)
    });
    let owners: Vec<&str> = owners.map(|owner| owner.name).collect();
    let own: Vec<String> = info
        .parameters
        .iter()
        .map(|own| format!("--{}", own.name))
        .collect();
    let expected = match own.as_slice() {
        [] => format!("no parameters for {}, which has none", info.name),
        _ => format!("a parameter of {} ({})", info.name, own.join(", ")),
    };
    let got = format!("--{name}, which belongs to {}", error::list(&owners));
    Failure::usage(expected, got, "leave it out")
}

/// The flags that choose the values, as a command line would repeat them.
pub(crate) fn flags(source: &Source, own: &OwnRows, scale: Option<f64>) -> String {
    let mut flags = Vec::new();
    if let Some(scale) = scale {
        flags.push(format!("-s {scale}"));
    }
    let rows = source.rows.iter().map(|Rows { table, rows }| match table {
        Some(table) => format!("{table}={rows}"),
        None => rows.to_string(),
    });
    let rows: Vec<String> = rows.collect();
    if !rows.is_empty() {
        flags.push(format!("--rows {}", rows.join(",")));
    }
    if source.seed != DEFAULT_SEED {
        flags.push(format!("--seed {}", source.seed));
    }
    for (flag, day) in [("--start", source.start), ("--end", source.end)] {
        flags.extend(day.map(|day| format!("{flag} {day}")));
    }
    let parameters = source
        .parameters
        .0
        .iter()
        .filter(|given| !given.by_environment);
    flags.extend(parameters.map(Given::flag));
    flags.extend(own.flags().map(str::to_owned));
    // Each flag behind a space, to be hung on to a command.
    flags.insert(0, String::new());
    flags.join(" ")
}
