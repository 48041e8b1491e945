//! What one schema says of its columns, said of columns of the same names.

use std::sync::Arc;

use arrow_schema::{Field, Schema, SchemaRef};

use crate::hints;

/// `schema` with the keys, parents and comments that `known` has for columns of the same names. Part of
/// a primary key is none.
pub(super) fn described(schema: &SchemaRef, known: &Schema) -> SchemaRef {
    let is_key = |field: &Field| field.metadata().contains_key(hints::KEY);
    let has = |field: &Field| schema.field_with_name(field.name()).is_ok();
    let keeps_key = known
        .fields()
        .iter()
        .filter(|field| is_key(field))
        .all(|field| has(field));
    let mut taken = vec![hints::PARENT, hints::DOC];
    if keeps_key {
        taken.push(hints::KEY);
    }
    let field = |field: &Arc<Field>| {
        let Ok(known) = known.field_with_name(field.name()) else {
            return Arc::clone(field);
        };
        let mut metadata = field.metadata().clone();
        for key in &taken {
            if let Some(said) = known.metadata().get(*key) {
                metadata.insert((*key).to_owned(), said.clone());
            }
        }
        Arc::new(field.as_ref().clone().with_metadata(metadata))
    };
    let fields: Vec<_> = schema.fields().iter().map(field).collect();
    Arc::new(Schema::new(fields))
}

#[cfg(test)]
mod tests {
    use arrow_schema::DataType;

    use super::*;
    use crate::databases::ddl::{Dialect, TableDdl, statements};

    fn column(name: &str, hints: &[(&str, &str)]) -> Field {
        let hints = hints
            .iter()
            .map(|(key, said)| ((*key).to_owned(), (*said).to_owned()));
        Field::new(name, DataType::Int64, true).with_metadata(hints.collect())
    }

    fn known() -> Schema {
        Schema::new(vec![
            column(
                "order_id",
                &[(hints::KEY, "primary"), (hints::SORTED, "asc")],
            ),
            column("line", &[(hints::KEY, "primary")]),
            column(
                "pet_id",
                &[(hints::PARENT, "pets.id"), (hints::DOC, "whose")],
            ),
        ])
    }

    #[test]
    fn keys_parents_and_comments_are_taken_over_and_no_more() {
        let files = ["line", "pet_id", "order_id", "note"];
        let files = Schema::new(files.map(|name| column(name, &[])).to_vec());
        let told = described(&Arc::new(files), &known());
        let said = |name: &str| {
            let mut said: Vec<_> = told
                .field_with_name(name)
                .unwrap()
                .metadata()
                .iter()
                .collect();
            said.sort();
            format!("{said:?}")
        };
        assert_eq!(said("order_id"), r#"[("lakeseed:key", "primary")]"#);
        let pet = r#"[("lakeseed:doc", "whose"), ("lakeseed:parent", "pets.id")]"#;
        assert_eq!(
            (said("pet_id").as_str(), said("note").as_str()),
            (pet, "[]")
        );
    }

    #[test]
    fn part_of_a_primary_key_is_none() {
        let files = Schema::new(vec![column("order_id", &[])]);
        let told = described(&Arc::new(files), &known());
        assert!(told.field(0).metadata().is_empty());
    }

    #[test]
    fn a_reference_needs_the_key_that_it_points_to() {
        let orders = Arc::new(known());
        let with = |key: &[(&str, &str)]| {
            let pets = Schema::new(vec![column("id", key)]);
            let table = |name, schema| TableDdl {
                name,
                about: "",
                schema,
            };
            let tables = [table("pets", &pets), table("orders", &orders)];
            statements(&tables, Dialect::Postgres).unwrap()
        };
        assert!(with(&[(hints::KEY, "primary")]).contains("REFERENCES \"pets\" (\"id\")"));
        assert!(!with(&[]).contains("REFERENCES"));
    }
}
