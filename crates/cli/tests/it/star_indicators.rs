//! Indicators of a star from the outside: Parquet, CSV and a page, interrupted, changed, verified.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use arrow_array::RecordBatch;
use datafusion::arrow::util::display::array_value_to_string;
use lakeseed_test_s3::{Server, Settings as ServerSettings};

use crate::star::table;
use crate::support::{binary, files, json, on, output, ran, run, succeed};

const MAKE: &str =
    "generate retail --rows invoices=6k,customers=300,sellers=10,products=80 -o sales -q";
const STAR: &str = "star retail --from sales -o star -q";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    succeed(folder.path(), MAKE);
    folder
}

/// The rows of an indicator's Parquet as CSV: of another reader and another writer.
fn csv_of(indicators: &Path, name: &str) -> String {
    let batches: Vec<RecordBatch> = table(indicators, name);
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    let schema = batches[0].schema();
    writer
        .write_record(schema.fields().iter().map(|field| field.name()))
        .unwrap();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let cells = batch.columns().iter();
            let cells = cells.map(|column| array_value_to_string(column, row).unwrap());
            writer.write_record(cells).unwrap();
        }
    }
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

/// The folders of the indicators.
fn names(indicators: &Path) -> Vec<String> {
    let mut names: Vec<String> = files(indicators)
        .into_keys()
        .filter_map(|name| Some(name.strip_suffix("/_SUCCESS")?.to_owned()))
        .collect();
    names.sort();
    names
}

/// The cells of the tables of a page, by the indicator whose section they are in.
fn cells(page: &str) -> BTreeMap<String, Vec<Vec<String>>> {
    let mut tables = BTreeMap::new();
    for section in page.split("<section id=\"").skip(1) {
        let name = section.split('"').next().unwrap().to_owned();
        let Some((_, details)) = section.split_once("<details>") else {
            continue;
        };
        let body = details.split("<tbody>").nth(1).unwrap();
        let body = body.split("</tbody>").next().unwrap();
        let rows = body.split("<tr>").skip(1).map(|row| {
            let cells = row.split("</td>").filter_map(|cell| cell.rsplit_once('>'));
            cells.map(|(_, text)| text.to_owned()).collect()
        });
        tables.insert(name, rows.collect());
    }
    tables
}

#[test]
fn a_star_comes_with_its_indicators() {
    let folder = folder();
    let made = json(folder.path(), STAR);
    let answers = made["indicators"]["answers"].as_array().unwrap();
    assert_eq!(made["indicators"]["written"], true);
    let indicators = folder.path().join("star/indicators");
    let names = names(&indicators);
    assert_eq!(names.len(), answers.len());
    assert!(names.len() > 15, "{names:?}");
    for answer in answers {
        let name = answer["name"].as_str().unwrap();
        let text = fs::read_to_string(indicators.join(format!("{name}.csv"))).unwrap();
        let rows = answer["rows"].as_u64().unwrap();
        assert_eq!(text.lines().count() as u64, rows + 1, "{name}");
        // A file of no rows has no batches to tell by.
        if rows > 0 {
            assert_eq!(text, csv_of(&indicators, name), "{name}");
        }
    }
    // The page's numbers are those of the files, written for people.
    let page = fs::read_to_string(indicators.join("index.html")).unwrap();
    let tables = cells(&page);
    let plain = |text: &str| {
        text.replace("R$ ", "")
            .replace([',', '%'], "")
            .trim()
            .to_owned()
    };
    let mut compared = 0;
    for (name, rows) in &tables {
        let text = csv_of(&indicators, name);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        for (row, record) in rows.iter().zip(reader.records()) {
            for (shown, exact) in row.iter().zip(record.unwrap().iter()) {
                match exact.parse::<f64>() {
                    Ok(exact) => {
                        let shown: f64 = plain(shown).parse().unwrap();
                        assert!((shown - exact).abs() <= 0.0501, "{name}: {shown}, {exact}");
                        compared += 1;
                    }
                    Err(_) if exact.is_empty() => assert_eq!(shown, "–", "{name}"),
                    Err(_) => assert_eq!(shown, exact, "{name}"),
                }
            }
        }
    }
    assert!(
        tables.len() > 12 && compared > 1_000,
        "{} {compared}",
        tables.len()
    );
    assert!(!page.contains("<script") && !page.contains("http"));

    for place in ["star", "star/indicators"] {
        let verified = json(folder.path(), &format!("verify {place}"));
        let findings = verified["findings"].as_array().unwrap();
        let strangers = findings
            .iter()
            .filter(|finding| finding["what"] == "stranger");
        assert_eq!(
            (strangers.count(), &verified["clean"]),
            (0, &true.into()),
            "{verified}"
        );
        let status = json(folder.path(), &format!("status {place}"));
        assert_eq!(status["state"], "finished");
    }
    // A number that is changed is found.
    let name = files(&indicators)
        .into_keys()
        .find(|name| name.starts_with("revenue/part-"));
    let path = indicators.join(name.unwrap());
    let mut bytes = fs::read(&path).unwrap();
    bytes[40] ^= 1;
    fs::write(&path, bytes).unwrap();
    let verified = run(folder.path(), "verify star/indicators");
    assert_eq!(verified.code, Some(1), "{}", verified.out);
}

#[test]
fn the_same_command_again_finds_them_and_other_means_make_the_same() {
    let folder = folder();
    succeed(folder.path(), STAR);
    let before = files(&folder.path().join("star"));
    let again = json(folder.path(), STAR);
    assert_eq!(again["written"], false);
    assert_eq!(again["indicators"]["written"], false);
    assert!(files(&folder.path().join("star")) == before);
    // A page that is lost comes back.
    fs::remove_file(folder.path().join("star/indicators/index.html")).unwrap();
    succeed(folder.path(), STAR);
    assert!(files(&folder.path().join("star")) == before);

    succeed(
        folder.path(),
        "star retail --from sales -o other -q --memory 192MiB -j 1",
    );
    let of = |star: &str| output(&folder.path().join(star).join("indicators"));
    assert!(of("star") == of("other"));
}

#[test]
fn some_of_them_or_none() {
    let folder = folder();
    let wrong = run(
        folder.path(),
        &format!("{STAR} --indicators revenue_by_mont"),
    );
    assert_eq!(wrong.code, Some(2), "{}", wrong.err);
    assert!(wrong.err.contains("revenue_by_month"), "{}", wrong.err);
    assert!(!folder.path().join("star").exists());
    let both = run(
        folder.path(),
        &format!("{STAR} --indicators revenue --no-indicators"),
    );
    assert_eq!(both.code, Some(2), "{}", both.err);

    succeed(folder.path(), &format!("{STAR} --no-indicators"));
    let indicators = folder.path().join("star/indicators");
    assert!(!indicators.exists());
    succeed(
        folder.path(),
        &format!("{STAR} --indicators revenue,tax_by_state"),
    );
    assert_eq!(names(&indicators), ["revenue", "tax_by_state"]);
    succeed(folder.path(), &format!("{STAR} --indicators tax_by_state"));
    assert_eq!(names(&indicators), ["tax_by_state"]);
    assert!(!indicators.join("revenue.csv").exists());
    assert!(indicators.join("tax_by_state.csv").exists());
}

#[test]
fn a_changed_star_has_other_indicators() {
    let folder = folder();
    succeed(folder.path(), STAR);
    let indicators = folder.path().join("star/indicators");
    let total = |folder: &Path| csv_of(folder, "revenue");
    let before = total(&indicators);
    succeed(folder.path(), &format!("{MAKE} --seed 7 --overwrite"));
    succeed(folder.path(), STAR);
    assert_ne!(total(&indicators), before);
    succeed(folder.path(), "verify star");
    succeed(folder.path(), "verify star/indicators");
    let page = fs::read_to_string(indicators.join("index.html")).unwrap();
    let revenue = total(&indicators)
        .lines()
        .nth(1)
        .unwrap()
        .split(',')
        .next()
        .unwrap()
        .to_owned();
    assert!(
        page.replace(',', "").contains(&format!("R$ {revenue}")),
        "{revenue}"
    );
}

#[test]
fn killed_between_two_answers_it_goes_on_to_the_same_bytes() {
    let folder = folder();
    succeed(folder.path(), STAR);
    let star = folder.path().join("star");
    let unbroken = output(&star);
    fs::rename(&star, folder.path().join("whole")).unwrap();
    let only_star = folder.path().join("only");
    succeed(
        folder.path(),
        "star retail --from sales -o only -q --no-indicators",
    );
    for point in ["journal.written:3", "manifest.next:1", "manifest.written:1"] {
        let _ = fs::remove_dir_all(&star);
        fs::create_dir(&star).unwrap();
        for (name, bytes) in files(&only_star) {
            let path = star.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let killed = ran(binary(folder.path())
            .env("LAKESEED_FAIL_POINT", point)
            .args(STAR.split_whitespace()));
        assert_eq!(killed.code, None, "{point}: {}", killed.err);
        assert!(!star.join("indicators/index.html").exists());
        succeed(folder.path(), STAR);
        assert!(output(&star) == unbroken, "{point}");
    }
}

/// A model of pets, whose names are not to be trusted.
fn pets(folder: &Path, sql: &str, entry: &str) {
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    file(
        "data/pets.csv",
        "name,weight\n<script>alert(1)</script>,3\n\"Rex, \"\"the\"\" <b>\",5\n",
    );
    file(
        "model/fact_pet.sql",
        "SELECT name, SUM(weight) AS weight FROM pets GROUP BY name",
    );
    file("model/indicators/heaviest.sql", sql);
    file(
        "model/star.toml",
        &format!(
            "name = \"pets & <i>\"\n[sources.pets]\n[tables.fact_pet]\nreads = [\"pets\"]\ngrain = \
             [\"name\"]\n[indicators.heaviest]\nabout = \"Heaviest <pets>\"\nmain = true\n{entry}\n"
        ),
    );
}

const HEAVIEST: &str = "-- By </p> weight.\nSELECT name, weight FROM fact_pet ORDER BY weight DESC";

#[test]
fn hostile_names_are_texts() {
    let folder = tempfile::tempdir().unwrap();
    pets(folder.path(), HEAVIEST, "");
    let shown = succeed(folder.path(), "star ./model --from data -o star");
    assert!(shown.contains("Heaviest <pets>\n"), "{shown}");
    let indicators = folder.path().join("star/indicators");
    let page = fs::read_to_string(indicators.join("index.html")).unwrap();
    assert!(
        page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"),
        "{page}"
    );
    for markup in ["<script", "<b>, ", "<i>", "<pets>", "By </p>", "the\" <b>"] {
        assert!(!page.contains(markup), "{markup}: {page}");
    }
    let text = fs::read_to_string(indicators.join("heaviest.csv")).unwrap();
    assert_eq!(text, csv_of(&indicators, "heaviest"));
    assert!(text.contains("\"Rex, \"\"the\"\" <b>\",5\n"), "{text}");
}

#[test]
fn what_does_not_fit_is_refused_before_the_star_is_made() {
    let folder = tempfile::tempdir().unwrap();
    for (sql, entry, said) in [
        (
            "SELECT nam, weight FROM fact_pet",
            "",
            "indicators/heaviest.sql",
        ),
        ("SELECT * FROM fact_pets", "", "fact_pet"),
        (HEAVIEST, "value = \"wieght\"", "weight is near"),
        (HEAVIEST, "value = \"name\"", "numbers in name"),
        (
            HEAVIEST,
            "formats = { name = \"money\" }",
            "numbers in name",
        ),
        (
            "SELECT name FROM fact_pet",
            "",
            "a column of numbers to draw",
        ),
    ] {
        pets(folder.path(), sql, entry);
        let refused = run(folder.path(), "star ./model --from data -o star");
        assert_eq!(refused.code, Some(2), "{sql}, {entry}: {}", refused.err);
        assert!(refused.err.contains(said), "{said}: {}", refused.err);
        assert!(!folder.path().join("star").exists());
        // The star itself is none the worse.
        succeed(
            folder.path(),
            "star ./model --from data -o other -q --no-indicators --overwrite",
        );
    }
}

#[test]
fn a_bucket_has_them_too() {
    let (folder, server) = (folder(), Server::start(ServerSettings::default()));
    let go = |args: &str| {
        let ran = ran(&mut on(&server, folder.path(), args));
        assert_eq!(ran.code, Some(0), "{args}: {}", ran.err);
        ran.out
    };
    go("star retail --from sales -o s3://lake/star -q");
    succeed(folder.path(), STAR);
    let page = fs::read(folder.path().join("star/indicators/index.html")).unwrap();
    let stored = server.bucket_path().join("star/indicators/index.html");
    assert_eq!(fs::read(stored).unwrap(), page);
    let verified = go("verify s3://lake/star/indicators");
    assert!(verified.contains("nothing is wrong"), "{verified}");
    let verified = go("verify s3://lake/star");
    assert!(verified.contains("nothing is wrong"), "{verified}");
    let again = go("star retail --from sales -o s3://lake/star -q --json");
    let again: serde_json::Value = serde_json::from_str(&again).unwrap();
    assert_eq!(again["indicators"]["written"], false);
}
