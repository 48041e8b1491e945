//! What a description says of a table has to be what its statement does.

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use lakeseed_star_schema::{Model, Settings, Source, Star};

use crate::common::Memory;

fn pets() -> Memory {
    let ids = Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef;
    let names = Arc::new(StringArray::from(vec![Some("Rex"), None, Some("Mia")])) as ArrayRef;
    let batch = RecordBatch::try_from_iter([("id", ids), ("name", names)]).unwrap();
    Memory::new(batch.schema(), vec![batch])
}

/// The grain of a table of this statement, where its description fits; else the error.
fn grain(sql: &str, grain: &str) -> Result<Vec<String>, String> {
    let folder = tempfile::tempdir().unwrap();
    let toml = format!(
        "name = \"m\"\n[sources.pets]\n[sources.owners]\n[tables.dim_pet]\nreads = [\"pets\"]\n\
         grain = {grain}\n"
    );
    fs::write(folder.path().join("star.toml"), toml).unwrap();
    fs::write(folder.path().join("dim_pet.sql"), sql).unwrap();
    let model = Model::open(folder.path()).unwrap();
    let sources: HashMap<String, Arc<dyn Source>> = ["pets", "owners"]
        .map(|name| (name.to_owned(), Arc::new(pets()) as Arc<dyn Source>))
        .into();
    let settings = Settings::new(folder.path());
    let star = Star::of_model(&model, &sources, &settings).map_err(|error| error.to_string())?;
    Ok(star.grain("dim_pet"))
}

#[test]
fn a_grain_of_all_keys_is_right_in_any_order_and_under_any_name() {
    let two = "SELECT MAX(id) AS most, name, id % 2 AS odd FROM pets GROUP BY name, id % 2";
    assert_eq!(grain(two, "[\"odd\", \"name\"]").unwrap(), ["name", "odd"]);
    let named = "SELECT COALESCE(name, 'none') AS shown, COUNT(*) AS n FROM pets \
                 GROUP BY COALESCE(name, 'none')";
    assert_eq!(grain(named, "[\"shown\"]").unwrap(), ["shown"]);
}

#[test]
fn another_grain_is_refused_with_the_keys() {
    let sql = "SELECT id, name, COUNT(*) AS n FROM pets GROUP BY id, name";
    for wrong in ["[\"id\"]", "[\"id\", \"name\", \"n\"]", "[\"id\", \"n\"]"] {
        let error = grain(sql, wrong).unwrap_err();
        assert!(
            error.contains("expected a grain of all group keys: id, name"),
            "{error}"
        );
        assert!(error.contains("dim_pet.sql"), "{error}");
    }
    let hidden = "SELECT id, COUNT(*) AS n FROM pets GROUP BY id, name";
    let error = grain(hidden, "[\"id\"]").unwrap_err();
    assert!(
        error.contains("id, name (which is not selected)"),
        "{error}"
    );
}

#[test]
fn another_source_than_the_stated_one_is_refused() {
    let sql = "SELECT id, COUNT(*) AS n FROM owners GROUP BY id";
    let error = grain(sql, "[\"id\"]").unwrap_err();
    assert!(
        error.contains("expected a statement over pets, as reads says, found owners"),
        "{error}"
    );
}
