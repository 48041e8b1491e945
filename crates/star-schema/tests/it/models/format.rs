use std::fs;
use std::path::Path;

use arrow_schema::DataType;
use lakeseed_star_schema::{Chart, Kind, Model, NumberFormat, views};

const TOML: &str = r#"name = "pets"

[sources.pets]
types = { tag = "text", weight = "decimal(6,3)" }

[tables.dim_owner]
reads = ["pets"]
grain = ["owner"]

[tables.fact_pet]
reads = ["pets"]
grain = ["tag"]

[[tables.fact_pet.foreign_keys]]
columns = ["owner"]
table = "dim_owner"

[tables.agg_by_owner]
reads = ["pets"]
grain = ["owner"]
"#;

/// A model's folder with these files beside the usual ones; an empty one is left out.
fn open(toml: &str, files: &[(&str, &str)]) -> Result<Model, String> {
    let folder = tempfile::tempdir().unwrap();
    let mut all = vec![
        (
            "dim_owner.sql",
            "SELECT owner, MAX(name) AS name FROM pets GROUP BY owner",
        ),
        (
            "fact_pet.sql",
            "SELECT tag, MAX(owner) AS owner FROM pets GROUP BY tag",
        ),
        (
            "agg_by_owner.sql",
            "SELECT owner, COUNT(*) AS n FROM pets GROUP BY owner;",
        ),
        ("notes.txt", "not read"),
        ("star.toml", toml),
    ];
    all.extend(files);
    for (name, text) in all {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match text {
            "" => fs::remove_file(path).unwrap_or_default(),
            text => fs::write(path, text).unwrap(),
        }
    }
    let shown = folder.path().display().to_string();
    Model::open(folder.path()).map_err(|error| error.to_string().replace(&shown, "DIR"))
}

#[test]
fn a_folder_is_a_model() {
    let model = open(TOML, &[]).unwrap();
    let names: Vec<&str> = model
        .tables
        .iter()
        .map(|table| table.name.as_str())
        .collect();
    assert_eq!(names, ["agg_by_owner", "dim_owner", "fact_pet"]);
    let kinds: Vec<Kind> = model.tables.iter().map(|table| table.kind).collect();
    assert_eq!(kinds, [Kind::Aggregate, Kind::Dimension, Kind::Fact]);
    assert_eq!(model.sources[0].types["weight"], DataType::Decimal128(6, 3));
    let pet = model.table("fact_pet").unwrap();
    assert_eq!(pet.reads, ["pets"]);
    assert_eq!(pet.foreign_keys[0].table, "dim_owner");
    assert!(pet.sql.starts_with("SELECT tag"));
}

#[test]
#[allow(clippy::too_many_lines, reason = "one list")]
fn what_is_wrong_is_told_with_its_place_and_a_near_match() {
    let with = |from: &str, to: &str| {
        assert!(TOML.contains(from));
        TOML.replacen(from, to, 1)
    };
    for (toml, said) in [
        (
            with("grain = [\"owner\"]", "grian = [\"owner\"]"),
            "DIR/star.toml, line 8: expected one of `kind`, `about`, `reads`, `grain`, \
             `foreign_keys`, `unknown`, `duplicates`, `conflicts`, found unknown field `grian`; grain \
             is near",
        ),
        (
            with("reads = [\"pets\"]", "reads = [\"petz\"]"),
            "DIR/star.toml, line 7: expected a source or another table of the model, found petz; pets is near",
        ),
        (
            with("table = \"dim_owner\"", "table = \"dim_ower\""),
            "DIR/star.toml, line 16: expected a table of the model, found dim_ower; dim_owner is \
             near",
        ),
        (
            with("\"decimal(6,3)\"", "\"decimal(6)\""),
            "DIR/star.toml, line 4: expected a type of column weight: text, i32, i64, f64, bool, \
             date, timestamp, timestamp utc or decimal(12,2), found decimal(6)",
        ),
        (
            with("tables.dim_owner]", "tables.owner]"),
            "DIR/dim_owner.sql: expected an entry [tables.dim_owner] in star.toml, found none",
        ),
        (
            with("columns = [\"owner\"]", "columns = [\"owner\", \"tag\"]"),
            "DIR/star.toml, [tables.fact_pet], foreign key to dim_owner: expected a column for \
             each of owner, found owner, tag",
        ),
        (
            with(
                "reads = [\"pets\"]\ngrain = [\"tag\"]",
                "reads = [\"agg_by_owners\"]\ngrain = [\"tag\"]",
            ),
            "DIR/star.toml, line 11: expected a source or another table of the model, found agg_by_owners; \
             agg_by_owner is near",
        ),
        (
            with("reads = [\"pets\"]", "reads = [\"pets\", \"pets\"]"),
            "DIR/star.toml, line 7: expected each name once, found pets twice",
        ),
        (
            with(
                "reads = [\"pets\"]\ngrain = [\"tag\"]",
                "reads = [\"fact_pet\"]\ngrain = [\"tag\"]",
            ),
            "DIR/star.toml, line 11: expected a source or another table of the model, found fact_pet",
        ),
        (
            with(
                "[sources.pets]",
                "[sources.pets]\ndays = [\"2024-01-01\", \"2023-01-01\"]",
            ),
            "DIR/star.toml, line 4: expected a last day that is not before the first, found \
             2024-01-01, 2023-01-01",
        ),
        (
            with(
                "grain = [\"tag\"]",
                "grain = [\"tag\"]\nunknown = { owner = \"nobody\" }",
            ),
            "DIR/star.toml, line 13: expected the member's tag too, found owner",
        ),
        (
            with("[\"tag\"]", "[]"),
            "DIR/star.toml, line 12: expected at least one column",
        ),
        (
            with("name = \"pets\"", "name = pets"),
            "DIR/star.toml, line 1: expected ",
        ),
    ] {
        let error = open(&toml, &[]).unwrap_err();
        assert!(error.starts_with(said), "{error}\ninstead of\n{said}");
    }
    for (name, sql, said) in [
        (
            "fact_pet.sql",
            "",
            "DIR/star.toml, line 10: expected a file fact_pet.sql, found none",
        ),
        (
            "fact_pet.sql",
            "SELECT 1;\nDROP TABLE pets",
            "DIR/fact_pet.sql, line 2: expected one statement that begins with SELECT or WITH, \
             found something behind the statement",
        ),
        (
            "dim_ownr.sql",
            "SELECT 1",
            "DIR/dim_ownr.sql: expected an entry [tables.dim_ownr] in star.toml, found none; \
             dim_owner is near",
        ),
        (
            "star.toml",
            "",
            "DIR: expected a file star.toml, found none",
        ),
    ] {
        let error = open(TOML, &[(name, sql)]).unwrap_err();
        assert!(error.starts_with(said), "{error}\ninstead of\n{said}");
    }
    let none = Model::open("/nowhere/at/all").unwrap_err().to_string();
    assert!(none.contains("expected a folder with star.toml"), "{none}");
}

#[test]
fn names_that_are_paths_are_refused() {
    let toml = TOML.replace("tables.agg_by_owner", "tables.\"../agg\"");
    let files = [("agg_by_owner.sql", "")];
    let error = open(&toml, &files).unwrap_err();
    assert!(
        error.contains("expected a file ../agg.sql, found none"),
        "{error}"
    );
    let toml = TOML.replace("sources.pets", "sources.\"a/b\"");
    let error = open(&toml, &[]).unwrap_err();
    assert!(
        error.contains("expected a name of letters, digits and _"),
        "{error}"
    );
}

const INDICATORS: &str = r#"
[indicators.pets_by_owner]
about = "Pets by owner"
format = "count"
formats = { share = "percent" }
main = true

[indicators.ages]
about = "Ages"
label = "owner"
value = "mean"
chart = "shaded"
across = "kind"
"#;
const BY_OWNER: (&str, &str) = ("indicators/pets_by_owner.sql", "SELECT 1");
const AGES: (&str, &str) = ("indicators/ages.sql", "WITH a AS (SELECT 1) SELECT 1;");

#[test]
fn indicators_stand_in_a_folder_of_their_own() {
    assert!(open(TOML, &[]).unwrap().indicators.is_empty());
    let toml = format!("{TOML}{INDICATORS}").replacen(
        "name = \"pets\"",
        "name = \"pets\"\ncurrency = \"€\"",
        1,
    );
    let model = open(&toml, &[BY_OWNER, AGES]).unwrap();
    assert_eq!(model.currency, "€");
    assert_eq!(model.tables.len(), 3);
    // In the order of the description, which is that of a page.
    let [pets, ages] = model.indicators.as_slice() else {
        panic!("{:?}", model.indicators);
    };
    assert_eq!(
        (pets.name.as_str(), pets.about.as_str()),
        ("pets_by_owner", "Pets by owner")
    );
    assert_eq!((pets.chart, pets.is_main), (Chart::Bars, true));
    assert_eq!(pets.format, Some(NumberFormat::Count));
    assert_eq!(pets.formats["share"], NumberFormat::Percent);
    assert_eq!(
        (ages.chart, ages.across.as_deref()),
        (Chart::Shaded, Some("kind"))
    );
    assert_eq!(
        (ages.label.as_deref(), ages.value.as_deref()),
        (Some("owner"), Some("mean"))
    );
    assert_eq!(model.indicator("ages"), Some(ages));
    assert!(ages.sql.starts_with("WITH"));
}

#[test]
fn what_is_wrong_with_an_indicator_is_told_with_its_place_and_a_near_match() {
    let whole = format!("{TOML}{INDICATORS}");
    let check = |toml: &str, files: &[(&str, &str)], said: &str| {
        let error = open(toml, files).unwrap_err();
        assert!(error.starts_with(said), "{error}\ninstead of\n{said}");
    };
    check(
        &whole,
        &[BY_OWNER],
        "DIR/star.toml, line 28: expected a file indicators/ages.sql, found none",
    );
    check(
        &whole,
        &[BY_OWNER, AGES, ("indicators/age.sql", "SELECT 1")],
        "DIR/indicators/age.sql: expected an entry [indicators.age] in star.toml, found none; ages \
         is near",
    );
    check(
        &whole,
        &[
            BY_OWNER,
            ("indicators/ages.sql", "SELECT 1\n; DROP TABLE x"),
        ],
        "DIR/indicators/ages.sql, line 2: expected one statement that begins with SELECT or WITH",
    );
    let with = |from: &str, to: &str| {
        assert!(whole.contains(from), "{from}");
        whole.replacen(from, to, 1)
    };
    let both = [BY_OWNER, AGES];
    check(
        &with("main = true", "mian = true"),
        &both,
        "DIR/star.toml, line 26: expected one of `about`, `label`, `value`, `format`, `formats`, \
         `chart`, `across`, `main`, found unknown field `mian`; main is near",
    );
    check(
        &with("\"percent\"", "\"precent\""),
        &both,
        "DIR/star.toml, line 25: expected one of `money`, `percent`, `count`, `number`, `code`, \
         found unknown variant `precent`; percent is near",
    );
    check(
        &with("\"shaded\"", "\"bars\""),
        &both,
        "DIR/star.toml, line 33: expected chart = \"shaded\" where a column is laid across, found \
         chart = \"bars\"",
    );
    check(
        &with("about = \"Ages\"\n", ""),
        &both,
        "DIR/star.toml, line 28: expected ",
    );
    let named = |name: &str| whole.replace("indicators.ages", &format!("indicators.{name}"));
    check(
        &named("\"../ages\""),
        &[BY_OWNER],
        "DIR/star.toml, line 28: expected a file indicators/../ages.sql, found none",
    );
    let taken = whole.replace("tables.agg_by_owner", "tables.Indicators");
    let kind = taken.replacen(
        "grain = [\"owner\"]\n\n[ind",
        "grain = [\"owner\"]\nkind = \"fact\"\n\n[ind",
        1,
    );
    let files = [
        BY_OWNER,
        AGES,
        ("agg_by_owner.sql", ""),
        ("Indicators.sql", "SELECT 1"),
    ];
    check(
        &kind,
        &files,
        "DIR/star.toml, line 18: expected another name than that of the folder of indicators",
    );
}

#[test]
fn built_in_models_are_whole() {
    for name in Model::builtins() {
        let model = Model::builtin(name).unwrap();
        assert_eq!(model.name, *name);
        assert!(model.tables.len() > 5);
        assert!(model.indicators.len() > 15);
        // No file of its folder is forgotten.
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("models")
            .join(name);
        let on_disk = Model::open(folder).unwrap();
        let statements = |model: &Model| -> Vec<(String, String)> {
            let tables = model.tables.iter().map(|table| (&table.name, &table.sql));
            let indicators = model.indicators.iter();
            let all = tables.chain(indicators.map(|indicator| (&indicator.name, &indicator.sql)));
            all.map(|(name, sql)| (name.clone(), sql.clone())).collect()
        };
        assert_eq!(statements(&on_disk), statements(&model));
        assert!(model.indicators.iter().any(|indicator| indicator.is_main));
        // Every statement says first what it answers.
        for indicator in &model.indicators {
            assert!(indicator.sql.starts_with("-- "), "{}", indicator.name);
        }
    }
}

#[test]
fn views_quote_what_they_name() {
    let mut model = open(TOML, &[]).unwrap();
    let columns = |table: &str| match table {
        "dim_owner" => vec!["owner".to_owned(), "Tag".to_owned(), "na\"me".to_owned()],
        _ => vec!["tag".to_owned(), "owner".to_owned()],
    };
    model.name = "pets\nDROP TABLE x;".to_owned();
    let sql = views(&model, |table| format!("it's/{table}/*.parquet"), columns);
    assert_eq!(
        sql,
        "-- The star pets DROP TABLE x;. For DuckDB, in the star's own folder.\n\
         \n\
         CREATE OR REPLACE VIEW \"agg_by_owner\" AS\n\
         FROM read_parquet('it''s/agg_by_owner/*.parquet');\n\
         \n\
         CREATE OR REPLACE VIEW \"dim_owner\" AS\n\
         FROM read_parquet('it''s/dim_owner/*.parquet');\n\
         \n\
         CREATE OR REPLACE VIEW \"fact_pet\" AS\n\
         FROM read_parquet('it''s/fact_pet/*.parquet');\n\
         \n\
         CREATE OR REPLACE VIEW \"fact_pet_wide\" AS\n\
         SELECT \"fact_pet\".*, \"dim_owner 1\".\"Tag\" AS \"dim_owner_Tag\", \
         \"dim_owner 1\".\"na\"\"me\" AS \"na\"\"me\"\n\
         FROM \"fact_pet\"\n\
         LEFT JOIN \"dim_owner\" AS \"dim_owner 1\" ON \"fact_pet\".\"owner\" = \
         \"dim_owner 1\".\"owner\";\n"
    );
}

/// The model in `docs/star.md` is one, and the page leaves no entry out.
#[test]
fn the_page_on_models_is_right() {
    let page = include_str!("../../../../../docs/star.md");
    let folder = tempfile::tempdir().unwrap();
    let mut rest = page;
    let mut written = 0;
    while let Some((_, found)) = rest.split_once("\n`") {
        let Some((name, behind)) = found.split_once("`\n\n```") else {
            break;
        };
        let (_, body) = behind.split_once('\n').unwrap();
        let (body, behind) = body.split_once("```").unwrap();
        fs::write(folder.path().join(name), body).unwrap();
        written += 1;
        rest = behind;
    }
    assert_eq!(written, 3);
    let model = Model::open(folder.path()).unwrap();
    assert_eq!(model.tables.len(), 2);

    let error = open(&TOML.replacen("reads", "red", 1), &[]).unwrap_err();
    let (known, _) = error.split_once(", found").unwrap();
    for entry in known.split('`').skip(1).step_by(2) {
        assert!(page.contains(&format!("\n| `{entry}` |")), "{entry}");
    }

    let page = include_str!("../../../../../docs/indicators.md");
    let toml = format!("{TOML}{INDICATORS}").replacen("main", "mian", 1);
    let error = open(&toml, &[BY_OWNER, AGES]).unwrap_err();
    let (known, _) = error.split_once(", found").unwrap();
    for entry in known.split('`').skip(1).step_by(2) {
        assert!(page.contains(&format!("\n| `{entry}` |")), "{entry}");
    }
    for model in Model::builtins() {
        for indicator in &Model::builtin(model).unwrap().indicators {
            let name = indicator.name.trim_start_matches("hit_rate_by");
            assert!(page.contains(&format!("{name}`")), "{}", indicator.name);
        }
    }
}
