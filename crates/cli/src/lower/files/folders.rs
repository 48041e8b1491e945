//! Columns that stand in the names of folders: outputs of ours that were written with
//! `--partition-by`.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use arrow_schema::DataType;
use lakeseed_sink::messages::Pieces;
use lakeseed_sink::{FolderColumn, FolderPieces, Store};
use serde::{Deserialize, Serialize};

use super::{FilesRecord, Found, batches};
use crate::error::Failure;
use crate::lower::own::OwnRows;
use crate::lower::recipe::Recipe;

/// A column that stands in the names of folders, as it is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::lower) struct FolderRecord {
    column: String,
    #[serde(rename = "type")]
    data_type: String,
    /// Its position among all columns.
    at: usize,
}

/// The columns in the names of a table's folders, with the types and positions that they have in their
/// dataset: the manifest names them, and what the rows were made from.
///
/// # Errors
/// A table whose dataset this lakeseed does not know.
pub(super) fn of_table(found: &Found, names: &[String]) -> Result<Vec<FolderRecord>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let known = |found: &Found| -> Result<Vec<FolderRecord>> {
        let recipes = found.made_from.iter().cloned();
        let recipes: Result<Vec<Recipe>, _> = recipes.map(serde_json::from_value).collect();
        let mut recipes = recipes?;
        for recipe in &mut recipes {
            // Rows of the user's own have the same columns.
            recipe.forget_own();
        }
        let dataset = Recipe::dataset(&recipes, &OwnRows::default())?;
        let schema = dataset.table(&found.table)?.schema().clone();
        let is_in_folders = |name: &String| names.contains(name);
        let columns = schema
            .fields()
            .iter()
            .filter(|field| found.types.contains_key(field.name()) || is_in_folders(field.name()));
        let columns = columns.enumerate();
        let columns = columns.filter(|(_, field)| is_in_folders(field.name()));
        Ok(columns
            .map(|(at, field)| FolderRecord {
                column: field.name().clone(),
                data_type: field.data_type().to_string(),
                at,
            })
            .collect())
    };
    let columns = known(found).unwrap_or_default();
    if columns.len() == names.len() {
        return Ok(columns);
    }
    let expected = format!("table {} with all its columns in its files", found.table);
    let got = format!("{} in the names of its folders", names.join(", "));
    let advice = "generate it without --partition-by";
    Err(Failure::refused(expected, got, advice).into())
}

/// The rows of files in such folders.
pub(super) fn open(
    root: &Path,
    store: &Arc<dyn Store>,
    record: &FilesRecord,
) -> Result<FolderPieces> {
    let mut folders: Vec<(String, Arc<dyn Pieces>)> = Vec::new();
    // The files of a folder stand side by side, in the order of the rows.
    for names in record.files.chunk_by(|a, b| folder_of(a) == folder_of(b)) {
        let of_folder = FilesRecord {
            files: names.to_vec(),
            folders: Vec::new(),
            ..record.clone()
        };
        let folder = folder_of(&names[0]).to_owned();
        folders.push((folder, batches(root, store, &of_folder)?));
    }
    let columns = record.folders.iter().map(|folder| -> Result<_> {
        Ok(FolderColumn {
            name: folder.column.clone(),
            data_type: folder.data_type.parse::<DataType>()?,
            at: folder.at,
        })
    });
    let columns: Vec<_> = columns.collect::<Result<_>>()?;
    Ok(FolderPieces::try_new(&columns, folders)?)
}

fn folder_of(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}
