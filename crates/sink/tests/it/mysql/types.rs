//! Every type that is sent: extremes and nulls, as the server itself writes them.

use std::fmt::Write;
use std::sync::Arc;

use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::*;
use arrow_schema::{DataType, Field, Schema};
use lakeseed_sink::Error;

use super::forbidden::without_local;
use crate::databases::family::{load, plan_of, verified};
use crate::databases::{MariadbShop, Shop};

/// Columns of three rows: one end, the other, a null; and how the server writes the first two.
#[expect(clippy::too_many_lines, reason = "an entry a type")]
fn columns() -> Vec<(&'static str, ArrayRef, [&'static str; 2])> {
    let most = 10_i128.pow(38) - 1;
    let money = |scale| {
        let values = Decimal128Array::from(vec![Some(most), Some(-most), None]);
        Arc::new(values.with_precision_and_scale(38, scale).unwrap()) as ArrayRef
    };
    let words: DictionaryArray<Int32Type> =
        vec![Some("açaí"), Some(""), None].into_iter().collect();
    let small: DictionaryArray<Int8Type> = vec![Some("a"), Some("b"), None].into_iter().collect();
    let cents = Decimal128Array::from(vec![Some(-5), Some(1_000_000), None]);
    let cents = cents.with_precision_and_scale(12, 2).unwrap();
    let bytes: Vec<u8> = (0..=255).collect();
    let all_bytes = BinaryArray::from(vec![Some(bytes.as_slice()), Some(b"\\t\n"), None]);
    let every = hexadecimal(&bytes);
    vec![
        (
            "bool",
            Arc::new(BooleanArray::from(vec![Some(true), Some(false), None])),
            ["1", "0"],
        ),
        (
            "i8",
            Arc::new(Int8Array::from(vec![Some(i8::MIN), Some(i8::MAX), None])),
            ["-128", "127"],
        ),
        (
            "i16",
            Arc::new(Int16Array::from(vec![Some(i16::MIN), Some(i16::MAX), None])),
            ["-32768", "32767"],
        ),
        (
            "i32",
            Arc::new(Int32Array::from(vec![Some(i32::MIN), Some(i32::MAX), None])),
            ["-2147483648", "2147483647"],
        ),
        (
            "i64",
            Arc::new(Int64Array::from(vec![Some(i64::MIN), Some(i64::MAX), None])),
            ["-9223372036854775808", "9223372036854775807"],
        ),
        (
            "u8",
            Arc::new(UInt8Array::from(vec![Some(0), Some(u8::MAX), None])),
            ["0", "255"],
        ),
        (
            "u16",
            Arc::new(UInt16Array::from(vec![Some(0), Some(u16::MAX), None])),
            ["0", "65535"],
        ),
        (
            "u32",
            Arc::new(UInt32Array::from(vec![Some(0), Some(u32::MAX), None])),
            ["0", "4294967295"],
        ),
        (
            "u64",
            Arc::new(UInt64Array::from(vec![Some(0), Some(u64::MAX), None])),
            ["0", "18446744073709551615"],
        ),
        (
            "f32",
            Arc::new(Float32Array::from(vec![
                Some(f32::MIN_POSITIVE),
                Some(-f32::MAX),
                None,
            ])),
            ["1.17549e-38", "-3.40282e38"],
        ),
        (
            "f64",
            Arc::new(Float64Array::from(vec![Some(0.0), Some(0.1), None])),
            ["0", "0.1"],
        ),
        (
            "f64b",
            Arc::new(Float64Array::from(vec![Some(f64::MAX), Some(5e-324), None])),
            ["1.7976931348623157e308", "5e-324"],
        ),
        (
            "date",
            Arc::new(Date32Array::from(vec![
                Some(-719_162),
                Some(2_932_896),
                None,
            ])),
            ["0001-01-01", "9999-12-31"],
        ),
        (
            "s",
            Arc::new(TimestampSecondArray::from(vec![
                Some(-1),
                Some(1_672_531_200),
                None,
            ])),
            ["1969-12-31 23:59:59.000000", "2023-01-01 00:00:00.000000"],
        ),
        (
            "ms",
            Arc::new(TimestampMillisecondArray::from(vec![
                Some(-1),
                Some(1),
                None,
            ])),
            ["1969-12-31 23:59:59.999000", "1970-01-01 00:00:00.001000"],
        ),
        (
            "us",
            Arc::new(TimestampMicrosecondArray::from(vec![
                Some(-1),
                Some(1_672_531_200_000_001),
                None,
            ])),
            ["1969-12-31 23:59:59.999999", "2023-01-01 00:00:00.000001"],
        ),
        (
            "instant",
            Arc::new(
                TimestampMicrosecondArray::from(vec![Some(0), Some(1), None]).with_timezone("UTC"),
            ),
            ["1970-01-01 00:00:00.000000", "1970-01-01 00:00:00.000001"],
        ),
        (
            "text",
            Arc::new(StringArray::from(vec![
                Some("São \"João\"\n|"),
                Some(""),
                None,
            ])),
            ["São \"João\"\n|", ""],
        ),
        (
            "signs",
            Arc::new(StringArray::from(vec![
                Some("\t\\t\n\\n\r\\N'\"`%\0\u{1a}"),
                Some("\\N"),
                None,
            ])),
            ["\t\\t\n\\n\r\\N'\"`%\0\u{1a}", "\\N"],
        ),
        (
            "wide_signs",
            Arc::new(StringArray::from(vec![
                Some("\u{1f41f} \u{10ffff}"),
                Some("NULL"),
                None,
            ])),
            ["\u{1f41f} \u{10ffff}", "NULL"],
        ),
        (
            "large",
            Arc::new(LargeStringArray::from(vec![Some("é"), Some("\t"), None])),
            ["é", "\t"],
        ),
        (
            "bytes",
            Arc::new(BinaryArray::from(vec![
                Some(&[0_u8, 255][..]),
                Some(&[]),
                None,
            ])),
            ["00FF", ""],
        ),
        (
            "wide",
            Arc::new(LargeBinaryArray::from(vec![
                Some(&[1_u8][..]),
                Some(&[2]),
                None,
            ])),
            ["01", "02"],
        ),
        ("cents", Arc::new(cents), ["-0.05", "10000.00"]),
        (
            "d0",
            money(0),
            [
                "99999999999999999999999999999999999999",
                "-99999999999999999999999999999999999999",
            ],
        ),
        (
            "d19",
            money(19),
            [
                "9999999999999999999.9999999999999999999",
                "-9999999999999999999.9999999999999999999",
            ],
        ),
        (
            "d30",
            money(30),
            [
                "99999999.999999999999999999999999999999",
                "-99999999.999999999999999999999999999999",
            ],
        ),
        ("all_bytes", Arc::new(all_bytes), [every.leak(), "5C740A"]),
        ("words", Arc::new(words), ["açaí", ""]),
        ("small", Arc::new(small), ["a", "b"]),
    ]
}

fn batch(columns: &[(&'static str, ArrayRef, [&'static str; 2])]) -> RecordBatch {
    let fields = columns
        .iter()
        .map(|(name, array, _)| Field::new(*name, array.data_type().clone(), true));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    let arrays = columns.iter().map(|(_, array, _)| array.clone()).collect();
    RecordBatch::try_new(Arc::new(schema), arrays).unwrap()
}

/// Bytes as the server writes them.
fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        let _ = write!(text, "{byte:02X}");
    }
    text
}

/// Loads every type, and looks at it as the server writes it.
fn all_types(shop: &MariadbShop, url: &str) {
    let columns = columns();
    let plan = plan_of::<MariadbShop>("all_types", batch(&columns));
    load::<MariadbShop>(&plan, url).unwrap();
    for (name, array, texts) in &columns {
        let shown = match array.data_type() {
            DataType::Binary | DataType::LargeBinary => format!("HEX(`{name}`)"),
            _ => format!("CAST(`{name}` AS CHAR)"),
        };
        for text in texts {
            let bytes = hexadecimal(text.as_bytes());
            let ask = format!("SELECT count(*) FROM all_types WHERE HEX({shown}) = '{bytes}'");
            let all = || shop.ask(&format!("SELECT {shown} FROM all_types"));
            let data_type = array.data_type();
            assert_eq!(
                shop.ask(&ask),
                "1",
                "{name} {data_type}: {text} in {}",
                all()
            );
        }
        let nulls = format!("SELECT count(*) FROM all_types WHERE `{name}` IS NULL");
        assert_eq!(shop.ask(&nulls), "1", "{name}");
    }
    let found = verified::<MariadbShop>(&[plan], &shop.url()).unwrap();
    assert!(found.findings.is_empty(), "{:?}", found.findings);
    assert_eq!(found.rows_read, 3);
}

#[test]
fn every_type_has_its_ends_and_nulls() {
    let Some(shop) = MariadbShop::open("every_type") else {
        return;
    };
    all_types(&shop, &shop.url());
}

#[test]
fn every_type_goes_by_insert_too() {
    let Some(shop) = MariadbShop::open("every_type_by_insert") else {
        return;
    };
    all_types(&shop, &shop.url_at(without_local(shop.port())));
}

#[test]
fn long_texts_go_in_several_messages() {
    let Some(shop) = MariadbShop::open("long_texts") else {
        return;
    };
    let long = "x\ty\n".repeat(500_000);
    let texts = LargeStringArray::from(vec![long.as_str(), "short"]);
    let batch = RecordBatch::try_from_iter([("it", Arc::new(texts) as ArrayRef)]).unwrap();
    let plan = plan_of::<MariadbShop>("long_texts", batch);
    load::<MariadbShop>(&plan, &shop.url()).unwrap();
    let sums = shop.ask(
        "SELECT max(length(it)), max(sha2(it, 256) = sha2(repeat('x\\ty\\n', 500000), 256)) FROM long_texts",
    );
    assert_eq!(sums, "2000000|1");
    assert!(
        verified::<MariadbShop>(&[plan], &shop.url())
            .unwrap()
            .findings
            .is_empty()
    );
}

#[test]
fn a_value_that_the_server_has_not_is_named_with_its_row() {
    let Some(shop) = MariadbShop::open("a_value_that_is_not") else {
        return;
    };
    let long = "é".repeat(256);
    let wrong: [(&str, ArrayRef, u64); 9] = [
        ("zero", Arc::new(Float64Array::from(vec![0.0, -0.0])), 1),
        (
            "text",
            Arc::new(StringArray::from(vec!["a", long.as_str()])),
            1,
        ),
        ("nan", Arc::new(Float64Array::from(vec![0.0, f64::NAN])), 1),
        (
            "infinite",
            Arc::new(Float32Array::from(vec![f32::INFINITY, 0.0])),
            0,
        ),
        ("date", Arc::new(Date32Array::from(vec![2_932_897, 0])), 0),
        ("day", Arc::new(Date32Array::from(vec![0, -719_163])), 1),
        (
            "time",
            Arc::new(TimestampSecondArray::from(vec![0, i64::MAX])),
            1,
        ),
        (
            "early",
            Arc::new(TimestampMicrosecondArray::from(vec![0, i64::MIN])),
            1,
        ),
        (
            "late",
            Arc::new(TimestampSecondArray::from(vec![253_402_300_800, 0])),
            0,
        ),
    ];
    for (name, array, expected) in wrong {
        let field = Field::new("it", array.data_type().clone(), false);
        let batch = RecordBatch::try_new(Schema::new(vec![field]).into(), vec![array]).unwrap();
        let error =
            load::<MariadbShop>(&plan_of::<MariadbShop>(name, batch), &shop.url()).unwrap_err();
        let Error::Value {
            table, column, row, ..
        } = error.cause()
        else {
            panic!("{name}: {error} {:?}", error.cause());
        };
        assert_eq!(
            (table.as_str(), column.as_str(), *row),
            (name, "it", expected)
        );
        assert_eq!(shop.ask(&format!("SELECT count(*) FROM `{name}`")), "0");
    }
    let endless = DictionaryArray::<Int32Type>::try_new(
        Int32Array::from(vec![0]),
        Arc::new(Float64Array::from(vec![f64::INFINITY])),
    );
    let words = endless.unwrap();
    let field = Field::new("it", words.data_type().clone(), false);
    let batch = RecordBatch::try_new(Schema::new(vec![field]).into(), vec![Arc::new(words)]);
    let error = load::<MariadbShop>(
        &plan_of::<MariadbShop>("dictionary", batch.unwrap()),
        &shop.url(),
    )
    .unwrap_err();
    assert!(matches!(error.cause(), Error::Value { .. }), "{error}");
}

#[test]
fn a_type_that_would_lose_something_is_refused() {
    let nanos: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![1]));
    let field = Field::new("at", nanos.data_type().clone(), false);
    let batch = RecordBatch::try_new(Schema::new(vec![field]).into(), vec![nanos]).unwrap();
    let source = lakeseed_sink::BatchSource::new(batch);
    let table = lakeseed_sink::databases::TableToLoad::new("t", source, 0..1);
    let plan = lakeseed_sink::databases::LoadPlan::builder()
        .dialect(lakeseed_sink::databases::ddl::Dialect::Mysql)
        .table(table)
        .build();
    let Err(Error::Unsupported { column, found, .. }) = plan else {
        panic!("it was taken");
    };
    assert_eq!(column, "t.at");
    assert!(matches!(*found, DataType::Timestamp(..)));
}
