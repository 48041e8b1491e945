//! Which codec squeezes a file, and how hard.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// The level of zstd where none is named: fast, and most of the gain.
pub const DEFAULT_ZSTD_LEVEL: u8 = 1;
/// The level of gzip where none is named, as the `gzip` tool has it.
pub const DEFAULT_GZIP_LEVEL: u8 = 6;
const MAX_ZSTD_LEVEL: u8 = 19;
const MAX_GZIP_LEVEL: u8 = 9;

/// A codec with its level.
///
/// # Example
/// ```
/// use lakeseed_sink::Compression;
///
/// let codec: Compression = "zstd:3".parse()?;
/// assert_eq!(codec, Compression::Zstd(3));
/// assert!("zstd:99".parse::<Compression>().is_err());
/// # Ok::<(), lakeseed_sink::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Bytes as they are.
    None,
    /// Snappy, without levels.
    Snappy,
    /// Zstandard at a level of 1 to 19.
    Zstd(u8),
    /// Gzip at a level of 1 to 9.
    Gzip(u8),
}

impl FromStr for Compression {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refused = || Error::Invalid {
            what: "compression",
            expected: "none, snappy, zstd[:1..19] or gzip[:1..9]".to_owned(),
            found: format!("`{text}`"),
        };
        let (name, level) = match text.split_once(':') {
            Some((name, level)) => (name, Some(level.parse::<u8>().map_err(|_| refused())?)),
            None => (text, None),
        };
        let codec = match (name.to_ascii_lowercase().as_str(), level) {
            ("none" | "uncompressed", None) => Self::None,
            ("snappy", None) => Self::Snappy,
            ("zstd", level) => Self::Zstd(level.unwrap_or(DEFAULT_ZSTD_LEVEL)),
            ("gzip" | "gz", level) => Self::Gzip(level.unwrap_or(DEFAULT_GZIP_LEVEL)),
            _ => return Err(refused()),
        };
        if codec.is_valid() {
            Ok(codec)
        } else {
            Err(refused())
        }
    }
}

impl Compression {
    pub(crate) fn is_valid(self) -> bool {
        match self {
            Self::None | Self::Snappy => true,
            Self::Zstd(level) => (1..=MAX_ZSTD_LEVEL).contains(&level),
            Self::Gzip(level) => (1..=MAX_GZIP_LEVEL).contains(&level),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Snappy => f.write_str("snappy"),
            Self::Zstd(level) => write!(f, "zstd:{level}"),
            Self::Gzip(level) => write!(f, "gzip:{level}"),
        }
    }
}
