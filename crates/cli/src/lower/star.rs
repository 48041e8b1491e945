//! What a star is made from: a model's name or folder, and the files behind its sources.

pub(super) mod files;
mod recipe;
mod stands;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use lakeseed_sink::{Error, Manifest, ManifestTable, Store, open_finished};
use lakeseed_star_schema::{
    Calendar, Files, FilesOptions, MODEL_FILE, Model, Rejects, Source, TextOptions,
};

use self::files::Place;
pub(crate) use self::recipe::{IndicatorsRecipe, Made, Pinned, StarRecipe, statements};
pub(crate) use self::stands::Stands;
use super::Destination;
use crate::args::Remote;
use crate::error::Failure;

pub(crate) type AnySource = Arc<dyn Source>;

/// What a model reads.
pub(crate) struct From {
    /// The sources by name, as the engine takes them.
    pub(crate) sources: HashMap<String, AnySource>,
    /// Of the finished output that they are tables of, where it is one of ours.
    manifest: Option<Manifest>,
}

/// A model by its name, or from its folder. A bare name is a folder where that has a description, and
/// else a model that is built in: `generate retail` leaves a folder `retail`, which is none.
///
/// # Errors
/// When there is none, or it cannot be used.
pub(crate) fn model(given: &Path) -> Result<Model> {
    let name = given.to_string_lossy();
    let is_bare = given.components().count() == 1 && !given.is_absolute() && !name.starts_with('.');
    let is_builtin = Model::builtins().contains(&name.as_ref());
    let is_folder = given.join(MODEL_FILE).is_file() || (given.is_dir() && !is_builtin);
    if is_bare && !is_folder {
        return Ok(Model::builtin(&name)?);
    }
    Ok(Model::open(given)?)
}

/// How a place of two is reached: flags of a bucket concern the one that is a bucket.
pub(crate) fn remote_of(remote: &Remote, place: &Destination) -> Remote {
    let given = match place {
        Destination::Bucket(_) => remote.given.clone(),
        _ => None,
    };
    Remote {
        given,
        ..remote.clone()
    }
}

/// Refuses flags of a bucket where there is none.
pub(crate) fn one_bucket_at_least(remote: &Remote, places: &[&Destination]) -> Result<()> {
    let is_bucket = |place: &&&Destination| matches!(place, Destination::Bucket(_));
    match &remote.given {
        Some(flag) if !places.iter().any(|place| is_bucket(&place)) => {
            let expected = format!("s3://BUCKET/PREFIX with {flag}");
            let got = places.iter().map(ToString::to_string).collect::<Vec<_>>();
            Err(Failure::usage(expected, got.join(" and "), "leave it out").into())
        }
        _ => Ok(()),
    }
}

/// The manifest of the finished output at a place; nothing where it is none of ours.
///
/// # Errors
/// An output of ours that is not finished.
pub(super) fn finished(store: &dyn Store) -> Result<Option<Manifest>> {
    match open_finished(store) {
        Ok(manifest) => Ok(Some(manifest)),
        Err(Error::NoOutput { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Opens what a model reads.
///
/// # Errors
/// An output of ours that is not finished, tables that are not there, files that cannot be read.
pub(crate) fn from(
    model: &Model,
    from: &Path,
    store: &Arc<dyn Store>,
    rejects: Option<&Arc<dyn Rejects>>,
) -> Result<From> {
    let place = Place::new(from, store);
    let manifest = finished(store.as_ref())?;
    let mut sources: HashMap<String, AnySource> = HashMap::new();
    for spec in &model.sources {
        if let Some((first, last)) = spec.days {
            let days = Calendar::new(first, last)?;
            sources.insert(spec.name.clone(), Arc::new(days));
            continue;
        }
        let options = FilesOptions {
            text: TextOptions {
                types: spec.types.clone(),
                rejects: rejects.cloned(),
                ..TextOptions::default()
            },
            ..FilesOptions::default()
        };
        let files = match &manifest {
            Some(manifest) => ours(&place, manifest, &spec.name, options)?,
            None => strangers(&place, &spec.name, options)?,
        };
        sources.insert(spec.name.clone(), Arc::new(files));
    }
    Ok(From { sources, manifest })
}

/// A table of a finished output.
pub(super) fn ours(
    place: &Place<'_>,
    manifest: &Manifest,
    name: &str,
    options: FilesOptions,
) -> Result<Files> {
    let Some(table) = manifest.tables.iter().find(|table| table.name == name) else {
        let names = manifest.tables.iter().map(|table| table.name.as_str());
        let got = names.collect::<Vec<_>>().join(", ");
        return Err(missing(place, name, &got).into());
    };
    stored(place, table, options)
}

/// The files of a table of ours.
fn stored(place: &Place<'_>, table: &ManifestTable, options: FilesOptions) -> Result<Files> {
    let parts = table.parts.iter().map(|part| part.path.as_str());
    let options = FilesOptions {
        identities: Some(identities(table)),
        hive_paths: Some(parts.clone().map(str::to_owned).collect()),
        ..options
    };
    Ok(Files::open_with(place.files(parts), &options)?)
}

/// All tables of a finished output, by name.
pub(crate) fn tables(
    from: &Destination,
    store: &Arc<dyn Store>,
    manifest: &Manifest,
) -> Result<Vec<(String, AnySource)>> {
    let path = from.path();
    let place = Place::new(&path, store);
    let tables = manifest.tables.iter().map(|table| {
        let files = stored(&place, table, FilesOptions::default())?;
        Ok((table.name.clone(), Arc::new(files) as AnySource))
    });
    tables.collect()
}

/// What pins the files of a table of ours, wherever the output is: their names in it and digests.
fn identities(table: &ManifestTable) -> Vec<String> {
    let parts = table.parts.iter();
    parts
        .map(|part| format!("{} {}", part.path, part.blake3))
        .collect()
}

/// A table of files that somebody else has written: `NAME.parquet`, or all files below `NAME/`.
pub(super) fn strangers(place: &Place<'_>, name: &str, options: FilesOptions) -> Result<Files> {
    let found = place.of_table(name)?;
    if found.is_empty() {
        return Err(missing(place, name, "no such file").into());
    }
    let files = place.files(found.iter().map(String::as_str));
    let options = FilesOptions {
        hive_paths: Some(found),
        ..options
    };
    Ok(Files::open_with(files, &options)?)
}

fn missing(place: &Place<'_>, name: &str, got: &str) -> Failure {
    let expected = format!(
        "table {name} at {place}: {name}.parquet, .csv or .json, or a folder {name} of them"
    );
    Failure::refused(expected, got, "check --from")
}
