//! Files that are loaded: the tables at a place, the keys of those of ours, and what is written down of
//! them.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use arrow_schema::Schema;
use lakeseed_gen_core::{Dataset, hints};
use lakeseed_sink::databases::ddl::Dialect;
use lakeseed_sink::databases::{LoadPlan, RunRecord, TableToLoad};
use lakeseed_sink::{Error, Manifest, Store, find_files, open_finished};
use serde::{Deserialize, Serialize};

use super::super::files::{
    FilesRecord, Found, TYPED, batches, last_name, named, of_its_output, of_manifest,
    root_and_file, stem,
};
use super::super::from::{is_bucket, remote_of};
use super::super::own::OwnRows;
use super::super::recipe::Recipe;
use super::super::views;
use crate::args::{Load, Remote};
use crate::error::{self, Failure};
use crate::log::Log;

/// What is written down of files that were loaded, so that `verify` finds them again.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LoadedFiles {
    files: Vec<TableFiles>,
}

#[derive(Debug, Serialize, Deserialize)]
struct TableFiles {
    table: String,
    #[serde(flatten)]
    record: FilesRecord,
}

/// The plan of what stands at a place; `--table` is the one to choose, or to make of it, and `--type`s are
/// those of columns of text files that the user names.
///
/// # Errors
/// An output of ours that is unfinished, no files, files that cannot be read, columns without a type.
pub(super) fn plan(
    from: &Path,
    args: &Load,
    dialect: Dialect,
    remote: &Remote,
    log: &Log,
) -> Result<LoadPlan<'static>> {
    let (table, types) = (args.table.as_deref(), args.types.as_slice());
    let (root, file) = root_and_file(from);
    let store: Arc<dyn Store> = crate::lower::store(&root, remote, log)?.into();
    let found = match (file, table) {
        (Some(file), table) => {
            let name = table.map_or_else(|| stem(&file), str::to_owned);
            vec![Found::strange(name, vec![file])]
        }
        (None, table) => match open_finished(store.as_ref()) {
            Ok(manifest) => of_output(from, manifest, table)?,
            Err(Error::NoOutput { .. }) => match of_its_output(&root, remote, log)? {
                Some(found) => vec![renamed(found, table)],
                None => of_strangers(from, store.as_ref(), table)?,
            },
            Err(error) => return Err(error.into()),
        },
    };
    if let Some(empty) = found.iter().find(|found| found.names.is_empty()) {
        let expected = format!("Parquet, CSV or JSON lines for table {}", empty.table);
        let got = format!("none at {}", store.address());
        return Err(Failure::refused(expected, got, "check --from").into());
    }
    check_types(&found, types)?;
    let known = found.first().and_then(Known::of);
    let tables = found.into_iter().map(|found| {
        let is_text = !found.names.iter().any(|name| is_parquet(name));
        let mut types_of = if is_text {
            found.types
        } else {
            BTreeMap::new()
        };
        types_of.extend(types.iter().cloned());
        TableFiles {
            table: found.table,
            record: FilesRecord {
                from: from.display().to_string(),
                files: found.names,
                types: types_of,
                folders: found.folders,
            },
        }
    });
    let files = LoadedFiles {
        files: tables.collect(),
    };
    build(&root, &store, &files, known.as_ref(), args.views, dialect)
}

/// The plan of files that were loaded before.
///
/// # Errors
/// Files that have gone or are others now.
pub(super) fn again(
    run: &RunRecord,
    files: &LoadedFiles,
    dialect: Dialect,
    remote: &Remote,
    log: &Log,
) -> Result<LoadPlan<'static>> {
    let place = files.files.first().map(|table| table.record.from.clone());
    let place = place.unwrap_or_default();
    let expected = format!(
        "the files of plan {} at {place}, as they were loaded",
        run.run_id
    );
    let advice = "verify where they stand unchanged: without them nothing can be compared";
    let open = || -> Result<LoadPlan<'static>> {
        let from = Path::new(&place);
        let (root, _) = root_and_file(from);
        let remote = remote_of(remote, is_bucket(from));
        let store: Arc<dyn Store> = crate::lower::store(&root, &remote, log)?.into();
        build(&root, &store, files, None, false, dialect)
    };
    let plan = open().map_err(|error| {
        let got = error.root_cause().to_string();
        Failure::refused(&expected, got, advice)
    })?;
    if plan.id() != run.run_id {
        let got = "others: names, sizes, times or footers differ";
        return Err(Failure::refused(expected, got, advice).into());
    }
    Ok(plan)
}

fn build(
    root: &Path,
    store: &Arc<dyn Store>,
    files: &LoadedFiles,
    known: Option<&Known>,
    has_views: bool,
    dialect: Dialect,
) -> Result<LoadPlan<'static>> {
    let names: Vec<&str> = files.files.iter().map(|at| at.table.as_str()).collect();
    let mut plan = LoadPlan::builder()
        .dialect(dialect)
        .data_id(format!("files of {}", names.join(", ")))
        .data(serde_json::to_value(files)?);
    let mut schemas = BTreeMap::new();
    for TableFiles { table, record } in &files.files {
        let pieces = batches(root, store, record)?;
        schemas.insert(table.as_str(), pieces.schema());
        let to_load = TableToLoad::of_files(table, pieces);
        plan = plan.table(match known {
            Some(known) => known.describe(to_load),
            None => to_load,
        });
    }
    if has_views {
        let target = root.display().to_string();
        let Some(Known { dataset, .. }) = known else {
            let expected =
                "a finished output of lakeseed's, of all tables of a dataset, with --views";
            return Err(Failure::usage(expected, target, "leave it out").into());
        };
        let schema_of = |name: &str| schemas.get(name).map(AsRef::as_ref);
        let views = super::views_of(dataset.info(), dialect, || {
            views::check_whole(dataset, &target, "--views", schema_of)
        })?;
        for view in views {
            plan = plan.view(view);
        }
    }
    let plan = plan.build();
    Ok(plan.map_err(|error| Failure::of_loading(error, "nothing was changed"))?)
}

fn is_parquet(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with(".parquet")
}

/// Types that the user names are those of one table.
fn check_types(found: &[Found], types: &[(String, String)]) -> Result<()> {
    let Some((column, _)) = types.first() else {
        return Ok(());
    };
    let got = match found {
        [one] if one.names.iter().any(|name| is_parquet(name)) => {
            "Parquet, whose columns have types".to_owned()
        }
        [_] => return Ok(()),
        several => format!("{} tables", several.len()),
    };
    let expected = format!("one table of CSV or JSON lines with --type {column}=...");
    Err(Failure::usage(expected, got, "leave it out, or name one with --table").into())
}

/// What is known of an output of ours: its dataset, as if all rows were made, and which are the user's own.
struct Known {
    dataset: Dataset,
    own: Vec<String>,
}

impl Known {
    /// None of a star, and none of another version's data.
    fn of(found: &Found) -> Option<Self> {
        let recipes = found.made_from.iter().cloned();
        let recipes: Result<Vec<Recipe>, _> = recipes.map(serde_json::from_value).collect();
        let mut recipes = recipes.ok()?;
        let own = recipes.first()?.own_tables().map(str::to_owned).collect();
        recipes.iter_mut().for_each(Recipe::forget_own);
        let dataset = Recipe::dataset(&recipes, &OwnRows::default()).ok()?;
        Some(Self { dataset, own })
    }

    /// Says of a table what is known of it.
    fn describe(&self, to_load: TableToLoad<'static>) -> TableToLoad<'static> {
        let Ok(table) = self.dataset.table(to_load.name()) else {
            return to_load;
        };
        let to_load = to_load.about(table.about());
        if self.own.iter().any(|own| own == table.name()) {
            return to_load.described_by(&keys_alone(table.schema()));
        }
        to_load.described_by(table.schema())
    }
}

/// What a table has in common with rows of the user's own in its place: the key. What is said of values
/// is true of generated ones.
fn keys_alone(schema: &Schema) -> Schema {
    let keys = schema.fields().iter().filter_map(|field| {
        let key = field.metadata().get(hints::KEY)?;
        let key = HashMap::from([(hints::KEY.to_owned(), key.clone())]);
        Some(field.as_ref().clone().with_metadata(key))
    });
    Schema::new(keys.collect::<Vec<_>>())
}

/// The tables of an output of ours, in its order, or the one of them that is asked for.
fn of_output(from: &Path, manifest: Manifest, table: Option<&str>) -> Result<Vec<Found>> {
    let names: Vec<String> = manifest.tables.iter().map(|at| at.name.clone()).collect();
    if let Some(table) = table.filter(|table| !names.iter().any(|name| name == table)) {
        let expected = format!("a table of {} for --table", from.display());
        let advice = error::advice(table, names.iter().map(String::as_str));
        return Err(Failure::usage(expected, format!("'{table}'"), &advice).into());
    }
    let tables = manifest.tables.into_iter();
    let chosen = tables.filter(|at| table.is_none_or(|table| at.name == table));
    chosen.map(|at| of_manifest(at, &manifest.plans)).collect()
}

/// The table of an output of ours whose folder was named, under the name that is asked for.
fn renamed(found: Found, table: Option<&str>) -> Found {
    let name = table.map_or(found.table.clone(), str::to_owned);
    // Keys are known by the dataset's names.
    let made_from = if name == found.table {
        found.made_from
    } else {
        Vec::new()
    };
    Found {
        table: name,
        made_from,
        ..found
    }
}

/// Files that nobody has described: all of them as the table that is asked for, those right there as one
/// of the place's name, or a table a folder.
fn of_strangers(from: &Path, store: &dyn Store, table: Option<&str>) -> Result<Vec<Found>> {
    let names = find_files(store, &TYPED)?;
    if let Some(table) = table {
        return Ok(vec![Found::strange(table.to_owned(), names)]);
    }
    let mut of_folders: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut right_there = Vec::new();
    for name in names {
        match name.split_once('/') {
            Some((folder, _)) => {
                let folder = folder.to_owned();
                of_folders.entry(folder).or_default().push(name);
            }
            None => right_there.push(name),
        }
    }
    if of_folders.is_empty() {
        return Ok(vec![Found::strange(last_name(from), right_there)]);
    }
    if let Some(file) = right_there.first() {
        let expected = format!(
            "files of one table, or a folder a table, at {}",
            from.display()
        );
        let advice = "name one folder or file, or give all a name with --table";
        let got = format!("'{file}' beside folders");
        return Err(Failure::refused(expected, got, advice).into());
    }
    let tables = of_folders.into_iter();
    let tables = tables.map(|(folder, names)| Found::strange(named(&folder), names));
    Ok(tables.collect())
}
