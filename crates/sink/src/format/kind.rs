//! A file's format as a value: what the command line names and the plan holds.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use arrow_schema::SchemaRef;

use super::Format;
use super::arrow::ArrowFormat;
use super::compression::{Compression, DEFAULT_ZSTD_LEVEL};
use super::parquet::ParquetFormat;
use super::text::{TextFormat, TextStyle};
use crate::error::{Error, Result};

/// The formats that can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FormatKind {
    /// Apache Parquet.
    Parquet,
    /// Comma-separated values after RFC 4180, with a header line.
    Csv,
    /// One JSON object a line.
    Json,
    /// The Arrow IPC file format, also known as Feather V2.
    Arrow,
    /// The Arrow IPC stream format: for pipes, which cannot be read from the end.
    ArrowStream,
}

impl FormatKind {
    /// Every format, in the order in which help texts list them.
    pub const ALL: [Self; 5] = [
        Self::Parquet,
        Self::Csv,
        Self::Json,
        Self::Arrow,
        Self::ArrowStream,
    ];

    /// The name by which the format is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Arrow => "arrow",
            Self::ArrowStream => "arrow-stream",
        }
    }

    /// The compression where none is asked for.
    pub fn default_compression(self) -> Compression {
        match self {
            Self::Parquet => Compression::Zstd(DEFAULT_ZSTD_LEVEL),
            _ => Compression::None,
        }
    }
}

impl fmt::Display for FormatKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for FormatKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.to_ascii_lowercase().as_str() {
            "parquet" => Ok(Self::Parquet),
            "csv" => Ok(Self::Csv),
            "json" | "jsonl" | "ndjson" => Ok(Self::Json),
            "arrow" | "ipc" | "feather" => Ok(Self::Arrow),
            "arrow-stream" => Ok(Self::ArrowStream),
            _ => Err(Error::Invalid {
                what: "format",
                expected: "parquet, csv, json, arrow or arrow-stream".to_owned(),
                found: format!("`{text}`"),
            }),
        }
    }
}

/// A format with its compression: all that decides the bytes of a file, besides the rows.
///
/// # Example
/// ```
/// use lakeseed_sink::{Compression, FileFormat, FormatKind};
///
/// let format = FileFormat::new(FormatKind::Csv, Compression::Zstd(3))?;
/// assert_eq!(format.extension(), "csv.zst");
/// assert!(FileFormat::new(FormatKind::Csv, Compression::Snappy).is_err());
/// # Ok::<(), lakeseed_sink::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileFormat {
    kind: FormatKind,
    compression: Compression,
}

impl FileFormat {
    /// Joins a format and a compression.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the format does not allow the compression, or its level is out of
    /// range.
    pub fn new(kind: FormatKind, compression: Compression) -> Result<Self> {
        let (allowed, expected) = match kind {
            FormatKind::Parquet => (true, "none, snappy, zstd[:1..19] or gzip[:1..9]"),
            FormatKind::Csv | FormatKind::Json => (
                compression != Compression::Snappy,
                "none, zstd[:1..19] or gzip[:1..9]",
            ),
            FormatKind::Arrow | FormatKind::ArrowStream => {
                (compression == Compression::None, "none")
            }
        };
        if allowed && compression.is_valid() {
            Ok(Self { kind, compression })
        } else {
            Err(Error::Invalid {
                what: "compression",
                expected: format!("{expected} for {kind}"),
                found: format!("`{compression}`"),
            })
        }
    }

    /// The format.
    pub fn kind(&self) -> FormatKind {
        self.kind
    }

    /// The compression.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// What file names end in, without the first dot: `parquet`, `csv.gz`, `json.zst`, `arrow`.
    pub fn extension(&self) -> &'static str {
        match (self.kind, self.compression) {
            (FormatKind::Parquet, _) => "parquet",
            (FormatKind::Csv, Compression::Gzip(_)) => "csv.gz",
            (FormatKind::Csv, Compression::Zstd(_)) => "csv.zst",
            (FormatKind::Csv, _) => "csv",
            (FormatKind::Json, Compression::Gzip(_)) => "json.gz",
            (FormatKind::Json, Compression::Zstd(_)) => "json.zst",
            (FormatKind::Json, _) => "json",
            (FormatKind::Arrow, _) => "arrow",
            (FormatKind::ArrowStream, _) => "arrows",
        }
    }

    /// The encoder and assembler of this format for tables of `schema`, hints included.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a column that the format cannot hold, [`Error::Invalid`] for a
    /// hint outside the vocabulary.
    pub fn bind(&self, schema: &SchemaRef) -> Result<Arc<dyn Format>> {
        Ok(match self.kind {
            FormatKind::Parquet => Arc::new(ParquetFormat::try_new(schema, self.compression)?),
            FormatKind::Csv => Arc::new(TextFormat::try_new(
                TextStyle::Csv,
                schema,
                self.compression,
            )?),
            FormatKind::Json => Arc::new(TextFormat::try_new(
                TextStyle::Json,
                schema,
                self.compression,
            )?),
            FormatKind::Arrow => Arc::new(ArrowFormat::file(schema)),
            FormatKind::ArrowStream => Arc::new(ArrowFormat::stream(schema)),
        })
    }
}

impl From<FormatKind> for FileFormat {
    /// The format with its default compression.
    fn from(kind: FormatKind) -> Self {
        Self {
            kind,
            compression: kind.default_compression(),
        }
    }
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.compression {
            Compression::None => write!(f, "{}", self.kind),
            codec => write!(f, "{} {codec}", self.kind),
        }
    }
}

macro_rules! shorthands {
    ($(#[$doc:meta])* $name:ident, $kind:ident, $($(#[$method_doc:meta])* $method:ident($($level:ident)?) => $codec:expr;)+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl $name {
            $($(#[$method_doc])*
            pub fn $method($($level: u8)?) -> FileFormat {
                FileFormat { kind: FormatKind::$kind, compression: $codec }
            })+
        }
    };
}

shorthands! {
    /// Short names of Parquet with each codec: `Parquet::zstd(1)`.
    Parquet, Parquet,
    /// Without compression.
    plain() => Compression::None;
    /// With Snappy.
    snappy() => Compression::Snappy;
    /// With Zstandard; levels outside 1 to 19 become the nearest.
    zstd(level) => Compression::Zstd(level.clamp(1, 19));
    /// With gzip; levels outside 1 to 9 become the nearest.
    gzip(level) => Compression::Gzip(level.clamp(1, 9));
}

shorthands! {
    /// Short names of CSV with each codec: `Csv::plain()`.
    Csv, Csv,
    /// Without compression.
    plain() => Compression::None;
    /// With Zstandard; levels outside 1 to 19 become the nearest.
    zstd(level) => Compression::Zstd(level.clamp(1, 19));
    /// With gzip; levels outside 1 to 9 become the nearest.
    gzip(level) => Compression::Gzip(level.clamp(1, 9));
}

shorthands! {
    /// Short names of JSON lines with each codec: `Json::plain()`.
    Json, Json,
    /// Without compression.
    plain() => Compression::None;
    /// With Zstandard; levels outside 1 to 19 become the nearest.
    zstd(level) => Compression::Zstd(level.clamp(1, 19));
    /// With gzip; levels outside 1 to 9 become the nearest.
    gzip(level) => Compression::Gzip(level.clamp(1, 9));
}
