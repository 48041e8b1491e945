//! `list`, `plan`, `schema`, `peek`, `completions`.

use crate::support::{binary, files, json, ran, run, succeed};

#[test]
fn list_shows_every_dataset_with_tables_and_parameters() {
    let folder = tempfile::tempdir().unwrap();
    let listed = json(folder.path(), "list");
    let names: Vec<&str> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["retail", "predictions", "assessments"]);
    let predictions = &listed[1];
    assert_eq!(predictions["tables"][0]["rows"], 1_500_000);
    assert_eq!(predictions["tables"][0]["columns"], 31);
    assert_eq!(predictions["parameters"][0]["name"], "classes");
    let assessments = &listed[2];
    assert_eq!(assessments["counts"][0]["name"], "pupils");
    assert_eq!(assessments["counts"][0]["count"], 39_397);
    let text = succeed(folder.path(), "list");
    for name in [
        "--rows pupils=39397",
        "retail: ",
        "predictions: ",
        "1,500,000",
        "--classes",
        "try: lakeseed generate",
    ] {
        assert!(text.contains(name), "{name} is missing in {text}");
    }
}

#[test]
fn a_switch_is_on_by_its_name_alone() {
    let folder = tempfile::tempdir().unwrap();
    let csv = |flags: &str| {
        let command = format!("generate {flags} assessments --rows 200 -f csv -o -");
        succeed(folder.path(), &command)
    };
    let usual = csv("--dirt=off");
    assert_eq!(usual, csv("--shuffle=off"));
    assert!(!usual.contains("\"\""));
    let dirty = csv("--dirt");
    assert_eq!(dirty, csv("--dirt=on"));
    assert!(
        dirty.contains("o ANO \"\"A\"\"\""),
        "quotes inside of a field"
    );
    let shuffled = csv("--shuffle");
    assert_ne!(usual, shuffled);
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert!(sorted(&usual) == sorted(&shuffled));
    // What a run advises can be run, and a variable does what the flag does.
    let said = succeed(folder.path(), "generate assessments --rows 200 --dirt");
    let next = said
        .lines()
        .find_map(|line| line.strip_prefix("next: lakeseed "));
    let next = next.unwrap();
    assert!(next.ends_with("--rows 200 --dirt=on"), "{next}");
    assert!(succeed(folder.path(), next).contains("&dirt=on&"));
    let mut by_variable = binary(folder.path());
    by_variable.env("LAKESEED_DIRT", "on");
    by_variable.args("generate assessments --rows 200 -f csv -o -".split(' '));
    assert_eq!(ran(&mut by_variable).out, dirty);
}

#[test]
fn plan_foretells_what_generate_does() {
    let folder = tempfile::tempdir().unwrap();
    let flags = "predictions --rows 100k --classes 7 --file-size 2MiB --row-group-rows 9k";
    let plan = json(folder.path(), &format!("plan {flags}"));
    assert!(files(folder.path()).is_empty(), "a plan writes nothing");
    assert_eq!(plan["out_holds"], "nothing there yet");
    let result = json(folder.path(), &format!("generate {flags}"));
    for key in [
        "rows",
        "files",
        "plan_id",
        "data_id",
        "format",
        "compression",
    ] {
        assert_eq!(plan[key], result[key], "{key}");
    }
    let estimated = plan["estimated_bytes"].as_f64().unwrap();
    let bytes = result["bytes"].as_f64().unwrap();
    assert!(
        (estimated / bytes - 1.0).abs() < 0.05,
        "{estimated} estimated, {bytes} written"
    );
    assert!(plan["estimated_seconds"].as_f64().unwrap() > 0.0);
    assert!(plan["chunks"].as_u64().unwrap() >= 100_000 / 9_000);
    let again = json(folder.path(), &format!("plan {flags}"));
    assert_eq!(
        again["out_holds"],
        "finished already, generate would write nothing"
    );
}

#[test]
fn plan_says_when_memory_is_too_small() {
    let folder = tempfile::tempdir().unwrap();
    let flags = "plan predictions --mode uniform --memory 30MiB";
    assert_eq!(json(folder.path(), flags)["workers"], 0);
    let text = succeed(folder.path(), flags);
    assert!(
        text.contains(" for one worker is too much of 30 MiB (--memory 30 MiB)"),
        "{text}"
    );
}

#[test]
fn schema_as_text() {
    let folder = tempfile::tempdir().unwrap();
    let text = succeed(folder.path(), "schema predictions --classes 1");
    assert_eq!(
        text,
        "predictions.predictions: a client and the probability of each class\n\
         \x20 column     type     null  key      what it is\n\
         \x20 id_client  utf8           primary  UUID of version 4 form, unique\n\
         \x20 class_0    float64                 probability of class 0\n\n"
    );
}

#[test]
fn schema_as_markdown() {
    let folder = tempfile::tempdir().unwrap();
    let text = succeed(
        folder.path(),
        "schema predictions --classes 1 --as markdown",
    );
    assert_eq!(
        text,
        "# predictions\n\n## predictions\n\na client and the probability of each class\n\n\
         | column | type | null | key | what it is |\n|---|---|---|---|---|\n\
         | id_client | utf8 |  | primary | UUID of version 4 form, unique |\n\
         | class_0 | float64 |  |  | probability of class 0 |\n"
    );
}

#[test]
fn schema_as_mermaid() {
    let folder = tempfile::tempdir().unwrap();
    let text = succeed(folder.path(), "schema retail --as mermaid");
    for line in [
        "erDiagram\n",
        "    customers ||--o{ invoices : \"customer_id\"\n",
        "    invoices ||--o{ invoice_items : \"invoice_id\"\n",
        "    products ||--o{ stock : \"product_id\"\n",
        "    invoice_items {\n        int64 invoice_id PK, FK",
    ] {
        assert!(text.contains(line), "{line:?} is missing in {text}");
    }
}

#[test]
fn schema_as_arrow() {
    let folder = tempfile::tempdir().unwrap();
    let text = succeed(folder.path(), "schema predictions --classes 1 --as arrow");
    let schema: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(schema[0]["table"], "predictions");
    let fields = &schema[0]["fields"];
    assert_eq!(fields[0]["metadata"]["lakeseed:key"], "primary");
    assert_eq!(
        (&fields[1]["name"], &fields[1]["type"]),
        (&"class_0".into(), &"Float64".into())
    );
}

#[test]
fn ddl_of_one_table_in_every_dialect() {
    let folder = tempfile::tempdir().unwrap();
    let ddl = |dialect: &str| {
        let args = format!("schema predictions --classes 1 --as ddl --dialect {dialect}");
        succeed(folder.path(), &args)
    };
    let comments = "COMMENT ON TABLE \"predictions\" IS 'a client and the probability of each \
                    class';\n\
                    COMMENT ON COLUMN \"predictions\".\"id_client\" IS 'UUID of version 4 form, \
                    unique';\n\
                    COMMENT ON COLUMN \"predictions\".\"class_0\" IS 'probability of class 0';\n\n";
    let quoted = |text: &str, double: &str| {
        format!(
            "CREATE TABLE \"predictions\" (\n    \"id_client\" {text} NOT NULL,\n    \"class_0\" \
             {double} NOT NULL,\n    PRIMARY KEY (\"id_client\")\n);\n{comments}"
        )
    };
    assert_eq!(ddl("postgres"), quoted("TEXT", "DOUBLE PRECISION"));
    assert_eq!(ddl("duckdb"), quoted("VARCHAR", "DOUBLE"));
    let body = |text: &str| {
        format!(
            "CREATE TABLE `predictions` (\n    `id_client` {text} NOT NULL COMMENT 'UUID of \
             version 4 form, unique',\n    `class_0` DOUBLE NOT NULL COMMENT 'probability of class \
             0'"
        )
    };
    assert_eq!(
        ddl("mysql"),
        format!(
            "{},\n    PRIMARY KEY (`id_client`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 \
             COLLATE=utf8mb4_bin COMMENT='a client and the probability of each class';\n\n",
            body("VARCHAR(255)")
        )
    );
    assert_eq!(ddl("mariadb"), ddl("mysql"));
    assert_eq!(
        ddl("spark"),
        format!(
            "{}\n) COMMENT 'a client and the probability of each class';\n-- PRIMARY KEY \
             (`id_client`)\n\n",
            body("STRING")
        )
    );
}

#[test]
fn ddl_has_types_and_keys_of_the_relations() {
    let folder = tempfile::tempdir().unwrap();
    let text = succeed(folder.path(), "schema retail --as ddl");
    for line in [
        "    \"gross_total\" NUMERIC(12,2) NOT NULL,\n",
        "    \"issued_at\" TIMESTAMP NOT NULL,\n",
        "    \"payment_method\" TEXT NOT NULL,\n",
        "    PRIMARY KEY (\"invoice_id\", \"line_number\"),\n",
        "    FOREIGN KEY (\"customer_id\") REFERENCES \"customers\" (\"customer_id\")",
        "    FOREIGN KEY (\"invoice_id\") REFERENCES \"invoices\" (\"invoice_id\")",
    ] {
        assert!(text.contains(line), "{line:?} is missing in {text}");
    }
    // One table alone refers to nothing that is not there.
    assert!(!succeed(folder.path(), "schema retail.invoices --as ddl").contains("REFERENCES"));
}

#[test]
fn peek_shows_the_row_that_generate_writes() {
    let folder = tempfile::tempdir().unwrap();
    let flags = "--rows 50 --classes 3 --seed 9";
    let csv = succeed(
        folder.path(),
        &format!("generate predictions {flags} -f csv -o -"),
    );
    let line = csv.lines().nth(1 + 31).unwrap();
    let peeked = json(folder.path(), &format!("peek predictions 31 {flags}"));
    let row = &peeked["row"];
    let cells: Vec<&str> = line.split(',').collect();
    assert_eq!(row["id_client"], cells[0]);
    for class in 0..3 {
        let expected: f64 = cells[class + 1].parse().unwrap();
        assert_eq!(row[format!("class_{class}")].as_f64(), Some(expected));
    }
    assert_eq!(
        peeked["origin"]["streams"][2],
        "predictions/predictions/class_1"
    );
    let text = succeed(folder.path(), &format!("peek predictions 31 {flags}"));
    assert!(
        text.starts_with("predictions.predictions, row 31\n  id_client  "),
        "{text}"
    );
    assert!(
        text.contains(&format!("  id_client  {}\n", cells[0])),
        "{text}"
    );
    assert!(
        text.contains("where the values come from\n  data id  predictions/1?seed=9&"),
        "{text}"
    );
}

#[test]
fn peek_follows_the_keys_to_the_parents() {
    let folder = tempfile::tempdir().unwrap();
    let peeked = json(folder.path(), "peek retail.invoice_items 12345 -s 0.01");
    let parents = peeked["parents"].as_array().unwrap();
    let of = |table: &str| {
        parents
            .iter()
            .find(|parent| parent["table"] == table)
            .unwrap()
    };
    assert_eq!(
        of("invoices")["row"]["invoice_id"],
        peeked["row"]["invoice_id"]
    );
    assert_eq!(
        of("products")["row"]["product_id"],
        peeked["row"]["product_id"]
    );
    let invoice = &of("invoices")["row"];
    assert_eq!(
        of("customers")["row"]["customer_id"],
        invoice["customer_id"]
    );
    assert_eq!(of("customers")["row"]["state"], invoice["state"]);
    assert_eq!(of("customers")["by"], "invoices.customer_id");
    assert_eq!(of("sellers")["row"]["seller_id"], invoice["seller_id"]);
    assert_eq!(parents.len(), 4);
}

#[test]
fn completions_know_flags_of_every_dataset() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = succeed(folder.path(), &format!("completions {shell}"));
        for flag in ["partition-by", "classes"] {
            assert!(script.contains(flag), "{flag} is missing for {shell}");
        }
    }
    assert_eq!(run(folder.path(), "completions tcsh").code, Some(2));
}

/// Every type of every table: what is shown is what files hold.
#[test]
fn peek_shows_values_as_files_hold_them() {
    let folder = tempfile::tempdir().unwrap();
    let small = "--rows customers=15,sellers=4,products=31,invoices=300";
    for table in [
        "customers",
        "sellers",
        "products",
        "stock",
        "invoices",
        "invoice_items",
    ] {
        let csv = succeed(
            folder.path(),
            &format!("generate retail.{table} {small} -f csv -o -"),
        );
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let names = reader.headers().unwrap().clone();
        let record = reader.records().nth(3).unwrap().unwrap();
        let expected: Vec<(&str, &str)> = names.iter().zip(record.iter()).collect();
        let text = succeed(folder.path(), &format!("peek retail.{table} 3 {small}"));
        let shown: Vec<(&str, &str)> = text
            .lines()
            .skip(1)
            .take_while(|line| !line.is_empty())
            .map(|line| line.trim_start().split_once(' ').unwrap())
            .map(|(name, value)| (name, value.trim_start()))
            .collect();
        assert_eq!(shown, expected, "{table}");
    }
}
