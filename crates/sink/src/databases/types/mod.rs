//! What systems call the types of columns: the one table of each behind its DDL and what is sent.

mod mysql;
mod postgres;

pub(super) use self::mysql::MyType;
pub(super) use self::postgres::PgType;

/// Decimals by what stands behind the bracket, as `12,2)`; nothing where Arrow has no room for them.
#[cfg(any(feature = "mysql", feature = "postgres"))]
fn decimal(digits: &str) -> Option<arrow_schema::DataType> {
    let (digits, _) = digits.split_once(')')?;
    let (precision, scale) = digits.split_once(',')?;
    let (precision, scale): (u8, i8) = (precision.parse().ok()?, scale.parse().ok()?);
    let is_held = (1..=38).contains(&precision) && scale >= 0 && scale.unsigned_abs() <= precision;
    is_held.then_some(arrow_schema::DataType::Decimal128(precision, scale))
}
