//! What MySQL and MariaDB call the types of columns: the one table behind their DDL and what is sent.

use std::fmt;

use arrow_schema::{DataType, TimeUnit};

/// Characters of a text's column. A key or an index needs a length.
const TEXT_CHARACTERS: u32 = 255;
/// Digits behind the point that both systems have.
const MOST_SCALE: u8 = 30;

/// A type of a column of MySQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::databases) enum MyType {
    Boolean,
    TinyInt(Sign),
    SmallInt(Sign),
    Int(Sign),
    BigInt(Sign),
    Float,
    Double,
    Date,
    /// A wall time; an instant is its time in UTC, since `TIMESTAMP` ends in 2038.
    DateTime,
    Varchar,
    LongText,
    LongBlob,
    /// Digits in all, and digits behind the point.
    Decimal(u8, u8),
}

/// Whether an integer has negative values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::databases) enum Sign {
    Signed,
    Unsigned,
}

impl MyType {
    /// The narrowest type that holds every value of a column, which is exact in both directions: but for
    /// texts of more than 255 characters, NaN, infinity and negative zero, which are refused when they come. A
    /// dictionary is as its values. Nothing for types that have no such one, such as lists, and
    /// nanoseconds, which the system would cut.
    pub(in crate::databases) fn of(data_type: &DataType) -> Option<Self> {
        use Sign::{Signed, Unsigned};
        Some(match data_type {
            DataType::Boolean => Self::Boolean,
            DataType::Int8 => Self::TinyInt(Signed),
            DataType::UInt8 => Self::TinyInt(Unsigned),
            DataType::Int16 => Self::SmallInt(Signed),
            DataType::UInt16 => Self::SmallInt(Unsigned),
            DataType::Int32 => Self::Int(Signed),
            DataType::UInt32 => Self::Int(Unsigned),
            DataType::Int64 => Self::BigInt(Signed),
            DataType::UInt64 => Self::BigInt(Unsigned),
            DataType::Float32 => Self::Float,
            DataType::Float64 => Self::Double,
            DataType::Date32 => Self::Date,
            DataType::Timestamp(TimeUnit::Nanosecond, _) => return None,
            DataType::Timestamp(..) => Self::DateTime,
            DataType::Utf8 => Self::Varchar,
            DataType::LargeUtf8 => Self::LongText,
            DataType::Binary | DataType::LargeBinary => Self::LongBlob,
            DataType::Decimal128(precision, scale) => {
                let scale = u8::try_from(*scale).ok();
                let scale = scale.filter(|scale| scale <= precision && *scale <= MOST_SCALE)?;
                Self::Decimal(*precision, scale)
            }
            DataType::Dictionary(_, values) if !matches!(**values, DataType::Dictionary(..)) => {
                return Self::of(values);
            }
            _ => return None,
        })
    }

    /// Whether a column that a database calls `found` (the words of `COLUMN_TYPE`, which may have
    /// widths) with texts of `charset` holds every value of this type as it is; of a text, as long as
    /// the column is wide.
    #[cfg(feature = "mysql")]
    pub(in crate::databases) fn fits_into(self, found: &str, charset: Option<&str>) -> bool {
        let (name, digits) = match found.split_once('(') {
            Some((name, rest)) => (name, rest.split(')').next().unwrap_or_default()),
            None => (found.split(' ').next().unwrap_or_default(), ""),
        };
        let is_unsigned = found.contains("unsigned");
        let is_signed = |sign| (sign == Sign::Unsigned) == is_unsigned;
        match self {
            Self::Boolean => name == "tinyint",
            Self::TinyInt(sign) => name == "tinyint" && is_signed(sign),
            Self::SmallInt(sign) => name == "smallint" && is_signed(sign),
            Self::Int(sign) => name == "int" && is_signed(sign),
            Self::BigInt(sign) => name == "bigint" && is_signed(sign),
            Self::Float => name == "float" && digits.is_empty() && !is_unsigned,
            Self::Double => name == "double" && digits.is_empty() && !is_unsigned,
            Self::Date => found == "date",
            Self::DateTime => found == "datetime(6)",
            Self::Varchar | Self::LongText => {
                let is_text = ["varchar", "text", "mediumtext", "longtext"].contains(&name);
                is_text && charset == Some("utf8mb4")
            }
            Self::LongBlob => ["varbinary", "blob", "mediumblob", "longblob"].contains(&name),
            Self::Decimal(precision, scale) => {
                let Some((theirs, behind)) = digits.split_once(',') else {
                    return false;
                };
                let (Ok(theirs), Ok(behind)) = (theirs.parse::<i32>(), behind.parse::<i32>())
                else {
                    return false;
                };
                let (precision, scale) = (i32::from(precision), i32::from(scale));
                name == "decimal"
                    && !is_unsigned
                    && behind >= scale
                    && theirs - behind >= precision - scale
            }
        }
    }

    /// What a column that a database calls `found` (the words of `COLUMN_TYPE`) is read as; nothing for
    /// types that Arrow has no exact one for, such as bits and years.
    #[cfg(feature = "mysql")]
    pub(in crate::databases) fn read_as(found: &str) -> Option<DataType> {
        let words = found.split(['(', ' ']).next().unwrap_or_default();
        let of_sign = |signed, unsigned| {
            if found.contains("unsigned") {
                unsigned
            } else {
                signed
            }
        };
        Some(match words {
            "tinyint" if found == "tinyint(1)" => DataType::Boolean,
            "tinyint" => of_sign(DataType::Int8, DataType::UInt8),
            "smallint" => of_sign(DataType::Int16, DataType::UInt16),
            "mediumint" | "int" => of_sign(DataType::Int32, DataType::UInt32),
            "bigint" => of_sign(DataType::Int64, DataType::UInt64),
            "float" => DataType::Float32,
            "double" => DataType::Float64,
            "date" => DataType::Date32,
            "datetime" => DataType::Timestamp(TimeUnit::Microsecond, None),
            "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" => {
                DataType::Utf8
            }
            "decimal" => super::decimal(found.strip_prefix("decimal(")?)?,
            _ => return None,
        })
    }
}

impl fmt::Display for MyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let integer = |f: &mut fmt::Formatter<'_>, name, sign: &Sign| match sign {
            Sign::Signed => f.write_str(name),
            Sign::Unsigned => write!(f, "{name} UNSIGNED"),
        };
        match self {
            Self::Boolean => f.write_str("BOOLEAN"),
            Self::TinyInt(sign) => integer(f, "TINYINT", sign),
            Self::SmallInt(sign) => integer(f, "SMALLINT", sign),
            Self::Int(sign) => integer(f, "INT", sign),
            Self::BigInt(sign) => integer(f, "BIGINT", sign),
            Self::Float => f.write_str("FLOAT"),
            Self::Double => f.write_str("DOUBLE"),
            Self::Date => f.write_str("DATE"),
            Self::DateTime => f.write_str("DATETIME(6)"),
            Self::Varchar => write!(f, "VARCHAR({TEXT_CHARACTERS})"),
            Self::LongText => f.write_str("LONGTEXT"),
            Self::LongBlob => f.write_str("LONGBLOB"),
            Self::Decimal(precision, scale) => write!(f, "DECIMAL({precision},{scale})"),
        }
    }
}

#[cfg(all(test, feature = "mysql"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_as_what_it_was() {
        for (theirs, ours) in [
            ("tinyint(1)", DataType::Boolean),
            ("tinyint(3) unsigned", DataType::UInt8),
            ("int(11)", DataType::Int32),
            ("mediumint(8) unsigned", DataType::UInt32),
            ("decimal(12,2)", DataType::Decimal128(12, 2)),
            ("decimal(12,2) unsigned", DataType::Decimal128(12, 2)),
            (
                "datetime(6)",
                DataType::Timestamp(TimeUnit::Microsecond, None),
            ),
            ("enum('a','b')", DataType::Utf8),
        ] {
            assert_eq!(MyType::read_as(theirs), Some(ours), "{theirs}");
        }
        for none in ["decimal(65,0)", "bit(1)", "year(4)", "blob", "geometry"] {
            assert_eq!(MyType::read_as(none), None, "{none}");
        }
    }

    #[test]
    fn wider_columns_fit_and_others_do_not() {
        let fits = |ours: MyType, theirs: &str| ours.fits_into(theirs, Some("utf8mb4"));
        let money = MyType::Decimal(12, 2);
        assert!(fits(money, "decimal(12,2)") && fits(money, "decimal(20,4)"));
        for cuts in [
            "decimal(12,1)",
            "decimal(12,4)",
            "decimal(12,2) unsigned",
            "bigint(20)",
        ] {
            assert!(!fits(money, cuts), "{cuts}");
        }
        let (big, unsigned) = (MyType::BigInt(Sign::Signed), MyType::BigInt(Sign::Unsigned));
        assert!(fits(big, "bigint(20)") && fits(big, "bigint") && !fits(big, "int(11)"));
        assert!(!fits(big, "bigint(20) unsigned") && fits(unsigned, "bigint(20) unsigned"));
        assert!(fits(MyType::Varchar, "varchar(20)") && !fits(MyType::Varchar, "char(20)"));
        assert!(!MyType::Varchar.fits_into("varchar(20)", Some("latin1")));
        assert!(fits(MyType::DateTime, "datetime(6)") && !fits(MyType::DateTime, "datetime"));
        assert!(fits(MyType::Double, "double") && !fits(MyType::Double, "double(8,2)"));
    }
}
