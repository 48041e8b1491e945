//! Every type that is sent: extremes and nulls, as the server itself writes them.

use std::sync::Arc;

use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::*;
use arrow_schema::{DataType, Field, Schema};
use lakeseed_sink::Error;

use crate::databases::family::{load, plan_of, verified};
use crate::databases::{PostgresShop, Shop};

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
    vec![
        (
            "bool",
            Arc::new(BooleanArray::from(vec![Some(true), Some(false), None])),
            ["t", "f"],
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
                Some(f32::NAN),
                None,
            ])),
            ["1.1754944e-38", "NaN"],
        ),
        (
            "f64",
            Arc::new(Float64Array::from(vec![
                Some(-0.0),
                Some(f64::INFINITY),
                None,
            ])),
            ["-0", "Infinity"],
        ),
        (
            "f64b",
            Arc::new(Float64Array::from(vec![Some(f64::MAX), Some(5e-324), None])),
            ["1.7976931348623157e+308", "5e-324"],
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
            "date_ends",
            Arc::new(Date32Array::from(vec![
                Some(-2_440_588),
                Some(2_145_042_905),
                None,
            ])),
            ["4714-11-24 BC", "5874897-12-31"],
        ),
        (
            "s",
            Arc::new(TimestampSecondArray::from(vec![
                Some(-1),
                Some(1_672_531_200),
                None,
            ])),
            ["1969-12-31 23:59:59", "2023-01-01 00:00:00"],
        ),
        (
            "ms",
            Arc::new(TimestampMillisecondArray::from(vec![
                Some(-1),
                Some(1),
                None,
            ])),
            ["1969-12-31 23:59:59.999", "1970-01-01 00:00:00.001"],
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
            ["1970-01-01 00:00:00+00", "1970-01-01 00:00:00.000001+00"],
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
            ["\\x00ff", "\\x"],
        ),
        (
            "wide",
            Arc::new(LargeBinaryArray::from(vec![
                Some(&[1_u8][..]),
                Some(&[2]),
                None,
            ])),
            ["\\x01", "\\x02"],
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
            "d38",
            money(38),
            [
                "0.99999999999999999999999999999999999999",
                "-0.99999999999999999999999999999999999999",
            ],
        ),
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

#[test]
fn every_type_has_its_ends_and_nulls() {
    let Some(shop) = PostgresShop::open("every_type") else {
        return;
    };
    let columns = columns();
    let plan = plan_of::<PostgresShop>("all_types", batch(&columns));
    load::<PostgresShop>(&plan, &shop.url()).unwrap();
    for (name, array, texts) in &columns {
        for text in texts {
            let quoted = text.replace('\'', "''");
            let ask = format!("SELECT count(*) FROM all_types WHERE \"{name}\"::text = '{quoted}'");
            let ask = ask.replace("\"bool\"::text", "left(\"bool\"::text, 1)");
            let shown = || shop.ask(&format!("SELECT \"{name}\"::text FROM all_types"));
            assert_eq!(
                shop.ask(&ask),
                "1",
                "{name} {}: {text} in {}",
                array.data_type(),
                shown()
            );
        }
        let nulls = format!("SELECT count(*) FROM all_types WHERE \"{name}\" IS NULL");
        assert_eq!(shop.ask(&nulls), "1", "{name}");
    }
    let found = verified::<PostgresShop>(&[plan], &shop.url()).unwrap();
    assert!(found.findings.is_empty(), "{:?}", found.findings);
    assert_eq!(found.rows_read, 3);
}

#[test]
fn a_value_that_the_server_has_not_is_named_with_its_row() {
    let Some(shop) = PostgresShop::open("a_value_that_is_not") else {
        return;
    };
    let wrong: [(&str, ArrayRef, u64); 5] = [
        ("text", Arc::new(StringArray::from(vec!["a", "b\0c"])), 1),
        ("date", Arc::new(Date32Array::from(vec![i32::MAX, 0])), 0),
        ("day", Arc::new(Date32Array::from(vec![0, i32::MIN])), 1),
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
    ];
    for (name, array, expected) in wrong {
        let field = Field::new("it", array.data_type().clone(), false);
        let batch = RecordBatch::try_new(Schema::new(vec![field]).into(), vec![array]).unwrap();
        let error =
            load::<PostgresShop>(&plan_of::<PostgresShop>(name, batch), &shop.url()).unwrap_err();
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
        assert_eq!(shop.ask(&format!("SELECT count(*) FROM {name}")), "0");
    }
    let words: DictionaryArray<Int32Type> = vec!["fine", "n\0t"].into_iter().collect();
    let field = Field::new("it", words.data_type().clone(), false);
    let batch = RecordBatch::try_new(Schema::new(vec![field]).into(), vec![Arc::new(words)]);
    let error = load::<PostgresShop>(
        &plan_of::<PostgresShop>("dictionary", batch.unwrap()),
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
        .table(table)
        .build();
    let Err(Error::Unsupported { column, found, .. }) = plan else {
        panic!("it was taken");
    };
    assert_eq!(column, "t.at");
    assert!(matches!(*found, DataType::Timestamp(..)));
}
