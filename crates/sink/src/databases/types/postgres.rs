//! What PostgreSQL calls the types of columns: the one table behind its DDL and its COPY.

use std::fmt;

use arrow_schema::{DataType, TimeUnit};

/// A type of a column of PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::databases) enum PgType {
    Boolean,
    SmallInt,
    Integer,
    BigInt,
    Real,
    Double,
    Date,
    Timestamp,
    /// An instant, where Arrow's timestamp has a zone.
    TimestampTz,
    Text,
    Bytea,
    /// Digits in all, and digits behind the point.
    Numeric(u8, u8),
}

impl PgType {
    /// The narrowest type that holds every value of a column, which is exact in both directions. A
    /// dictionary is as its values. Nothing for types that have no such one, such as lists, and
    /// nanoseconds, which the system would cut.
    pub(in crate::databases) fn of(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Boolean => Self::Boolean,
            DataType::Int8 | DataType::UInt8 | DataType::Int16 => Self::SmallInt,
            DataType::UInt16 | DataType::Int32 => Self::Integer,
            DataType::UInt32 | DataType::Int64 => Self::BigInt,
            DataType::UInt64 => Self::Numeric(20, 0),
            DataType::Float32 => Self::Real,
            DataType::Float64 => Self::Double,
            DataType::Date32 => Self::Date,
            DataType::Timestamp(TimeUnit::Nanosecond, _) => return None,
            DataType::Timestamp(_, None) => Self::Timestamp,
            DataType::Timestamp(_, Some(_)) => Self::TimestampTz,
            DataType::Utf8 | DataType::LargeUtf8 => Self::Text,
            DataType::Binary | DataType::LargeBinary => Self::Bytea,
            DataType::Decimal128(precision, scale) => {
                let scale = u8::try_from(*scale)
                    .ok()
                    .filter(|scale| scale <= precision)?;
                Self::Numeric(*precision, scale)
            }
            DataType::Dictionary(_, values) if !matches!(**values, DataType::Dictionary(..)) => {
                return Self::of(values);
            }
            _ => return None,
        })
    }

    /// Whether a column that a database calls `found` (in the words of `format_type`) holds every
    /// value of this type as it is, sent in this type's binary form.
    #[cfg(feature = "postgres")]
    pub(in crate::databases) fn fits_into(self, found: &str) -> bool {
        let is_bare = found == self.catalogue_name();
        match self {
            Self::Text => is_bare || found.starts_with("character varying"),
            Self::Numeric(precision, scale) => {
                if found == "numeric" {
                    return true;
                }
                let digits = found.strip_prefix("numeric(");
                let digits = digits.and_then(|rest| rest.strip_suffix(')'));
                let digits = digits.and_then(|rest| rest.split_once(','));
                let Some((theirs, behind)) = digits else {
                    return false;
                };
                let (Ok(theirs), Ok(behind)) = (theirs.parse::<i32>(), behind.parse::<i32>())
                else {
                    return false;
                };
                let (precision, scale) = (i32::from(precision), i32::from(scale));
                behind >= scale && theirs - behind >= precision - scale
            }
            _ => is_bare,
        }
    }

    /// What a column that a database calls `found` (in the words of `format_type`) is read as; nothing
    /// for types that Arrow has no exact one for, such as `numeric` of any scale.
    #[cfg(feature = "postgres")]
    pub(in crate::databases) fn read_as(found: &str) -> Option<DataType> {
        let is_of = |name: &str| {
            let rest = found.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('('))
        };
        Some(match found {
            "boolean" => DataType::Boolean,
            "smallint" => DataType::Int16,
            "integer" => DataType::Int32,
            "bigint" => DataType::Int64,
            "real" => DataType::Float32,
            "double precision" => DataType::Float64,
            "date" => DataType::Date32,
            "text" => DataType::Utf8,
            _ if is_of("character varying") || is_of("character") => DataType::Utf8,
            _ if found.starts_with("timestamp") => {
                let is_instant = found.ends_with(" with time zone");
                DataType::Timestamp(TimeUnit::Microsecond, is_instant.then(|| "UTC".into()))
            }
            _ => super::decimal(found.strip_prefix("numeric(")?)?,
        })
    }

    /// As `format_type` has it, without digits.
    #[cfg(feature = "postgres")]
    fn catalogue_name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::SmallInt => "smallint",
            Self::Integer => "integer",
            Self::BigInt => "bigint",
            Self::Real => "real",
            Self::Double => "double precision",
            Self::Date => "date",
            Self::Timestamp => "timestamp without time zone",
            Self::TimestampTz => "timestamp with time zone",
            Self::Text => "text",
            Self::Bytea => "bytea",
            Self::Numeric(..) => "numeric",
        }
    }
}

impl fmt::Display for PgType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boolean => "BOOLEAN",
            Self::SmallInt => "SMALLINT",
            Self::Integer => "INTEGER",
            Self::BigInt => "BIGINT",
            Self::Real => "REAL",
            Self::Double => "DOUBLE PRECISION",
            Self::Date => "DATE",
            Self::Timestamp => "TIMESTAMP",
            Self::TimestampTz => "TIMESTAMP WITH TIME ZONE",
            Self::Text => "TEXT",
            Self::Bytea => "BYTEA",
            Self::Numeric(precision, scale) => return write!(f, "NUMERIC({precision},{scale})"),
        })
    }
}

#[cfg(all(test, feature = "postgres"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_as_what_it_was() {
        let zone = || Some("UTC".into());
        for (theirs, ours) in [
            ("boolean", DataType::Boolean),
            ("smallint", DataType::Int16),
            ("numeric(12,2)", DataType::Decimal128(12, 2)),
            ("character varying(20)", DataType::Utf8),
            ("character varying", DataType::Utf8),
            (
                "timestamp(3) without time zone",
                DataType::Timestamp(TimeUnit::Microsecond, None),
            ),
            (
                "timestamp with time zone",
                DataType::Timestamp(TimeUnit::Microsecond, zone()),
            ),
        ] {
            assert_eq!(PgType::read_as(theirs), Some(ours), "{theirs}");
        }
        for none in [
            "numeric",
            "numeric(39,2)",
            "numeric(3,5)",
            "bytea",
            "uuid",
            "integer[]",
        ] {
            assert_eq!(PgType::read_as(none), None, "{none}");
        }
    }

    #[test]
    fn wider_numbers_fit_and_narrower_ones_do_not() {
        let money = PgType::Numeric(12, 2);
        for fits in ["numeric", "numeric(12,2)", "numeric(20,4)"] {
            assert!(money.fits_into(fits), "{fits}");
        }
        for cuts in [
            "numeric(12,1)",
            "numeric(12,4)",
            "numeric(11,2)",
            "bigint",
            "numeric(x)",
        ] {
            assert!(!money.fits_into(cuts), "{cuts}");
        }
    }

    #[test]
    fn other_types_must_be_the_same() {
        assert!(PgType::Text.fits_into("character varying(11)"));
        assert!(!PgType::Text.fits_into("character(11)"));
        assert!(PgType::BigInt.fits_into("bigint") && !PgType::BigInt.fits_into("integer"));
        assert!(!PgType::Timestamp.fits_into("timestamp(0) without time zone"));
    }
}
