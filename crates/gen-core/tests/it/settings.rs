//! What bad settings get, and which settings are the same dataset.

use lakeseed_gen_core::{Dataset, Date, Error, Settings, Table, datasets, find};

fn retail(settings: Settings) -> Result<Dataset, Error> {
    Dataset::new("retail", &settings)
}

fn predictions(settings: Settings) -> Result<Dataset, Error> {
    Dataset::new("predictions", &settings)
}

/// The names that an error offers instead.
#[track_caller]
fn offered(result: Result<Dataset, Error>, of_kind: &str, of_found: &str) -> Vec<String> {
    match result.unwrap_err() {
        Error::Unknown {
            kind, found, known, ..
        } if kind == of_kind && found == of_found => known,
        other => panic!("{other:?}"),
    }
}

/// Checks that a value is refused, naming the setting and what came.
#[track_caller]
fn refused(result: Result<Dataset, Error>, in_setting: &str, what: &str) -> String {
    match result.unwrap_err() {
        Error::BadValue {
            setting,
            expected,
            found,
        } if setting == in_setting && found == what => expected,
        other => panic!("{other:?}"),
    }
}

#[test]
fn unknown_names_get_those_that_exist() {
    assert_eq!(
        offered(
            Dataset::new("retial", &Settings::new()),
            "dataset",
            "retial"
        ),
        ["retail", "predictions", "assessments"]
    );
    assert!(find("Retail").is_err());
    let known = offered(
        retail(Settings::new().rows("costumers", 5)),
        "table",
        "costumers",
    );
    assert_eq!(known, ["customers", "sellers", "products", "invoices"]);
    // A table whose count follows from others is not among those that can be set.
    let known = offered(retail(Settings::new().rows("stock", 5)), "table", "stock");
    assert!(!known.contains(&"stock".to_owned()));
    let known = offered(
        retail(Settings::new().parameter("scew", "1")),
        "parameter",
        "scew",
    );
    assert_eq!(known, ["items-per-invoice", "skew"]);
    let known = offered(
        predictions(Settings::new().parameter("skew", "1")),
        "parameter",
        "skew",
    );
    assert_eq!(known, ["classes", "mode", "precision"]);
    match retail(Settings::new())
        .unwrap()
        .table("invoice")
        .unwrap_err()
    {
        Error::Unknown {
            kind: "table",
            within: Some(within),
            known,
            ..
        } => {
            assert_eq!(within, "retail");
            assert_eq!(
                known,
                [
                    "customers",
                    "sellers",
                    "products",
                    "stock",
                    "invoices",
                    "invoice_items"
                ]
            );
        }
        other => panic!("{other:?}"),
    }
    let retail = retail(Settings::new()).unwrap();
    let invoices = retail.table("invoices").unwrap();
    match invoices.rows(0..1).columns(["nett_total"]).unwrap_err() {
        Error::Unknown {
            kind: "column",
            within: Some(within),
            found,
            known,
        } => {
            assert_eq!(
                (within.as_str(), found.as_str()),
                ("invoices", "nett_total")
            );
            assert_eq!(known.len(), 16);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn counts_outside_their_range_are_refused() {
    let too_many = (1u64 << 62) + 1;
    for table in ["customers", "sellers", "products", "invoices"] {
        for rows in [0, too_many, u64::MAX] {
            refused(
                retail(Settings::new().rows(table, rows)),
                table,
                &rows.to_string(),
            );
        }
    }
    refused(
        predictions(Settings::new().only_rows(0)),
        "predictions",
        "0",
    );
    let expected = refused(
        predictions(Settings::new().only_rows(too_many)),
        "predictions",
        "4611686018427387905",
    );
    assert!(expected.contains("4611686018427387904"), "{expected}");
    let most = predictions(Settings::new().only_rows(1 << 62)).unwrap();
    let last = most.tables()[0]
        .rows((1 << 62) - 1..1 << 62)
        .batch()
        .unwrap();
    assert_eq!(last.num_rows(), 1);
    // A bare count needs a dataset of one table.
    let expected = refused(retail(Settings::new().only_rows(7)), "--rows", "7");
    assert!(
        expected.contains("customers=N") && expected.contains("invoices=N"),
        "{expected}"
    );
    // Later days push the count of a base year that is allowed past what can be numbered.
    assert!(
        retail(
            Settings::new()
                .rows("invoices", 1 << 61)
                .end(Date::new(2122, 12, 31))
        )
        .is_err()
    );
}

#[test]
fn scales_that_are_none_are_refused() {
    for (scale, text) in [
        (f64::NAN, "NaN"),
        (f64::INFINITY, "inf"),
        (-1.0, "-1"),
        (0.0, "0"),
        (f64::NEG_INFINITY, "-inf"),
    ] {
        refused(retail(Settings::new().scale(scale)), "--scale", text);
        refused(predictions(Settings::new().scale(scale)), "--scale", text);
    }
    // Too large a scale is refused by the table that it breaks.
    assert!(retail(Settings::new().scale(1e6)).is_err());
    assert!(retail(Settings::new().scale(f64::MAX)).is_err());
    // The smallest has one row of each.
    let least = retail(Settings::new().scale(f64::MIN_POSITIVE)).unwrap();
    assert!(
        ["customers", "sellers", "products", "invoices"]
            .iter()
            .all(|name| least.table(name).unwrap().row_count() == 1)
    );
}

#[test]
fn windows_that_are_none_are_refused() {
    let day = |text: &str| text.parse::<Date>().unwrap();
    let window = |start: &str, end: &str| retail(Settings::new().start(day(start)).end(day(end)));
    refused(window("2023-05-02", "2023-05-01"), "--end", "2023-05-01");
    let expected = refused(window("2022-12-31", "2023-05-01"), "--start", "2022-12-31");
    assert!(expected.contains("2023-01-01"), "{expected}");
    refused(window("2023-01-01", "2123-01-01"), "--end", "2123-01-01");
    assert!(retail(Settings::new().end(day("2022-06-30"))).is_err());
    // The end alone, or the start alone.
    assert_eq!(
        retail(Settings::new().start(day("2024-03-01")))
            .unwrap()
            .window(),
        (day("2024-03-01"), day("2024-12-31"))
    );
    assert_eq!(
        retail(Settings::new().end(day("2024-03-01")))
            .unwrap()
            .window(),
        (day("2023-01-01"), day("2024-03-01"))
    );
    // Without event tables there is nothing to choose.
    for (settings, flag) in [
        (Settings::new().start(day("2024-01-01")), "--start"),
        (Settings::new().end(day("2024-01-01")), "--end"),
    ] {
        match predictions(settings).unwrap_err() {
            Error::NoWindow { setting, found, .. } => {
                assert_eq!((setting, found.as_str()), (flag, "2024-01-01"));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn parameters_outside_their_range_are_refused() {
    for (name, value) in [
        ("items-per-invoice", "0.5"),
        ("items-per-invoice", "10.5"),
        ("items-per-invoice", "NaN"),
        ("items-per-invoice", "many"),
        ("items-per-invoice", ""),
        ("skew", "-1"),
        ("skew", "inf"),
    ] {
        refused(
            retail(Settings::new().parameter(name, value)),
            &format!("--{name}"),
            value,
        );
    }
    for (name, value) in [
        ("states", "0"),
        ("states", "28"),
        ("shuffle", "yes"),
        ("dirt", ""),
        ("dirt", "On"),
    ] {
        refused(
            Dataset::new("assessments", &Settings::new().parameter(name, value)),
            &format!("--{name}"),
            value,
        );
    }
    for (name, value) in [
        ("classes", "0"),
        ("classes", "4097"),
        ("classes", "-3"),
        ("classes", "3.5"),
        ("mode", "Simplex"),
        ("precision", "0"),
        ("precision", "16"),
        ("precision", "None"),
    ] {
        refused(
            predictions(Settings::new().parameter(name, value)),
            &format!("--{name}"),
            value,
        );
    }
}

#[test]
fn ids_are_equal_for_equal_values_and_for_no_others() {
    let id = |settings: Settings| retail(settings).unwrap().id().to_owned();
    let usual = id(Settings::new());
    // Said in other words.
    for same in [
        Settings::new().scale(1.0).seed(42),
        Settings::new()
            .scale(7.0)
            .rows("customers", 100_000)
            .rows("sellers", 1000)
            .rows("products", 10_000)
            .rows("invoices", 3_000_000),
        Settings::new()
            .rows("customers", 5)
            .rows("customers", 100_000),
        Settings::new()
            .parameter("skew", "1.0")
            .parameter("items-per-invoice", " 2.50"),
        Settings::new().start(Date::new(2024, 1, 1)),
    ] {
        assert_eq!(id(same.clone()), usual, "{same:?}");
    }
    for zero in ["0", "0.0", "-0", "0e5"] {
        assert_eq!(
            id(Settings::new().parameter("skew", zero)),
            id(Settings::new().parameter("skew", "0")),
            "{zero}"
        );
    }
    let others = [
        Settings::new().seed(43),
        Settings::new().scale(2.0),
        Settings::new().rows("customers", 100_001),
        Settings::new().rows("sellers", 1001),
        Settings::new().rows("products", 10_001),
        Settings::new().rows("invoices", 3_000_001),
        Settings::new().parameter("skew", "1.5"),
        Settings::new().parameter("items-per-invoice", "2.51"),
    ];
    let mut ids: Vec<String> = others.into_iter().map(id).collect();
    ids.push(usual);
    ids.push(predictions(Settings::new()).unwrap().id().to_owned());
    ids.push(
        predictions(Settings::new().parameter("mode", "uniform"))
            .unwrap()
            .id()
            .to_owned(),
    );
    ids.push(
        predictions(Settings::new().parameter("classes", "31"))
            .unwrap()
            .id()
            .to_owned(),
    );
    ids.push(
        predictions(Settings::new().parameter("precision", "6"))
            .unwrap()
            .id()
            .to_owned(),
    );
    let assessments = |settings| {
        Dataset::new("assessments", &settings)
            .unwrap()
            .id()
            .to_owned()
    };
    ids.push(assessments(Settings::new()));
    for (name, value) in [("states", "2"), ("shuffle", "on"), ("dirt", "on")] {
        ids.push(assessments(Settings::new().parameter(name, value)));
    }
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "{ids:?}");
}

#[test]
fn what_is_declared_is_what_is_built() {
    for info in datasets() {
        let dataset = info.dataset(&Settings::new()).unwrap();
        let declared: Vec<&str> = info.tables.iter().map(|table| table.0).collect();
        let built: Vec<&str> = dataset.tables().iter().map(Table::name).collect();
        assert_eq!(declared, built);
        for root in info.roots {
            // What is counted, and the table where it is one.
            let counted = |dataset: &Dataset| {
                let count = dataset.root_rows()[root.table];
                if let Ok(table) = dataset.table(root.table) {
                    assert_eq!(table.row_count(), count);
                }
                count
            };
            assert_eq!(counted(&dataset), root.rows_at_scale_1.round() as u64);
            let one_more = counted(&dataset) + 1;
            let set = info
                .dataset(&Settings::new().rows(root.table, one_more))
                .unwrap();
            assert_eq!(counted(&set), one_more);
        }
        for parameter in info.parameters {
            let said = Settings::new().parameter(parameter.name, parameter.default);
            assert_eq!(
                info.dataset(&said).unwrap().id(),
                dataset.id(),
                "{}",
                parameter.name
            );
            assert!(dataset.id().contains(parameter.name));
        }
    }
}

#[test]
fn columns_are_those_of_the_contract() {
    let columns = |dataset: &str, table: &str| {
        let dataset = Dataset::new(dataset, &Settings::new()).unwrap();
        let fields = dataset.table(table).unwrap().schema().fields().clone();
        fields
            .iter()
            .map(|field| format!("{} {}", field.name(), short(field.data_type())))
            .collect::<Vec<_>>()
            .join(", ")
    };
    assert_eq!(
        columns("retail", "customers"),
        "customer_id i64, cpf utf8, name utf8, street utf8, district utf8, city dict, state dict, postal_code utf8, birth_date date32, gender dict, credit_limit decimal(12,2), purchase_volume decimal(12,2), first_purchase bool, segment dict, created_at timestamp[us]"
    );
    assert_eq!(
        columns("retail", "sellers"),
        "seller_id i64, registration utf8, name utf8, district utf8, commission_rate decimal(5,4), hired_on date32, on_leave bool, region dict"
    );
    assert_eq!(
        columns("retail", "products"),
        "product_id i64, code utf8, name utf8, line dict, packaging dict, size dict, flavour dict, category dict, list_price decimal(12,2), unit_cost decimal(12,2)"
    );
    assert_eq!(
        columns("retail", "stock"),
        "product_id i64, warehouse_id i32, quantity i32, reorder_point i32, unit_cost decimal(12,2), updated_at timestamp[us]"
    );
    assert_eq!(
        columns("retail", "invoices"),
        "invoice_id i64, customer_id i64, seller_id i64, issued_at timestamp[us], year i32, month i32, day i32, state dict, payment_method dict, item_count i32, gross_total decimal(12,2), discount decimal(12,2), tax_rate decimal(5,4), tax decimal(12,2), net_total decimal(12,2), status dict"
    );
    assert_eq!(
        columns("retail", "invoice_items"),
        "invoice_id i64, line_number i32, product_id i64, quantity i32, unit_price decimal(12,2), discount decimal(12,2), line_total decimal(12,2), issued_at timestamp[us], year i32, month i32, day i32"
    );
    assert_eq!(
        columns("assessments", "avaliacao"),
        "MUN_UF dict, MUN_NOME dict, ESC_INEP utf8, ESC_NOME utf8, SER_NUMBER i32, SER_NOME dict, TUR_PERIODO dict, TUR_NOME utf8, ALU_ID i64, ALU_NOME utf8, ALU_CPF utf8, AVA_NOME dict, AVA_ANO i32, DIS_NOME dict, TES_NOME dict, TEG_ORDEM i32, ATR_RESPOSTA utf8, ATR_CERTO i32, MTI_CODIGO dict, MTI_DESCRITOR dict"
    );
    let predictions = columns("predictions", "predictions");
    assert!(
        predictions.starts_with("id_client utf8, class_0 f64, class_1 f64")
            && predictions.ends_with("class_29 f64")
    );
}

fn short(data_type: &arrow_schema::DataType) -> String {
    use arrow_schema::{DataType, TimeUnit};
    match data_type {
        DataType::Int64 => "i64".to_owned(),
        DataType::Int32 => "i32".to_owned(),
        DataType::Float64 => "f64".to_owned(),
        DataType::Utf8 => "utf8".to_owned(),
        DataType::Boolean => "bool".to_owned(),
        DataType::Date32 => "date32".to_owned(),
        DataType::Timestamp(TimeUnit::Microsecond, None) => "timestamp[us]".to_owned(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::Dictionary(key, value) => {
            assert_eq!((&**key, &**value), (&DataType::Int32, &DataType::Utf8));
            "dict".to_owned()
        }
        other => panic!("{other}"),
    }
}
