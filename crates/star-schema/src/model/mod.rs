//! A star as a folder: one `SELECT` a table and indicator, and a short description beside them.

mod builtin;
mod check;
mod file;
mod indicator;
mod statement;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use arrow_schema::DataType;
use lakeseed_gen_core::Date;

pub(crate) use self::check::near;
pub use self::indicator::{Chart, IndicatorSpec, NumberFormat};
use crate::{Error, Result};

pub(crate) use statement::is_one_select;

/// The description's name in its folder.
pub const MODEL_FILE: &str = "star.toml";
/// Where a model's folder keeps its indicators, and a star the answers to them.
pub const FOLDER_OF_INDICATORS: &str = "indicators";
/// The longest file of a model that is read.
const MOST_FILE_BYTES: u64 = 1024 * 1024;

/// A star schema: where its rows come from, and each table's statement and promises.
///
/// Only plain data: what a statement means is found out by the engine. `docs/star.md` has the format
/// of the folder.
///
/// ```
/// use lakeseed_star_schema::{Kind, Model};
///
/// let model = Model::builtin("assessments")?;
/// let schools = model.table("dim_escola").expect("a table of it");
/// assert_eq!(schools.kind, Kind::Dimension);
/// assert_eq!(schools.grain, ["ESC_INEP"]);
/// assert_eq!(schools.reads, ["avaliacao"]);
///
/// let refused = Model::builtin("assesments").unwrap_err().to_string();
/// assert_eq!(refused, "assesments: expected assessments or retail, found no such model; assessments is near");
/// # Ok::<(), lakeseed_star_schema::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// What it is called.
    pub name: String,
    /// What it is about, for people.
    pub about: String,
    /// What stands before an amount of money: `R$`. Empty where nothing does.
    pub currency: String,
    /// The tables that it reads, by name.
    pub sources: Vec<SourceSpec>,
    /// The tables that it makes, by name.
    pub tables: Vec<TableSpec>,
    /// The questions that are put to it, in the order of its description.
    pub indicators: Vec<IndicatorSpec>,
}

/// A table that a model reads.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceSpec {
    /// What statements call it; also the folder or file of a user's data.
    pub name: String,
    /// What it holds, for people.
    pub about: String,
    /// The first and the last day, where the source is the [`Calendar`](crate::Calendar) that comes with
    /// this crate.
    pub days: Option<(Date, Date)>,
    /// Types of columns of CSV and JSON that a sample could not tell or would tell wrongly.
    pub types: BTreeMap<String, DataType>,
}

/// A table that a model makes.
#[derive(Debug, Clone, PartialEq)]
pub struct TableSpec {
    /// Its name, that of its file.
    pub name: String,
    /// What it is in the star.
    pub kind: Kind,
    /// What it holds, for people.
    pub about: String,
    /// Its statement.
    pub sql: String,
    /// Where the statement stands, for errors.
    pub place: String,
    /// The sources that the statement reads, and other tables of the model, which are made again for it.
    pub reads: Vec<String>,
    /// The columns that tell one row from another. Where the statement is one aggregate, those of its
    /// group keys.
    pub grain: Vec<String>,
    /// Which columns point to which table.
    pub foreign_keys: Vec<ForeignKey>,
    /// The values of the member that rows without one point to, by column, as text; it has nulls
    /// elsewhere. Empty where there is none.
    pub unknown: BTreeMap<String, String>,
    /// What becomes of rows that share their grain.
    pub duplicates: Duplicates,
    /// What happens where rows of one key differ, by column, for people: the statement does it.
    pub conflicts: BTreeMap<String, String>,
}

/// What a table is in a star.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A row a member: `dim_`.
    Dimension,
    /// A row an event: `fact_`.
    Fact,
    /// Facts summed up: `agg_`.
    Aggregate,
}

/// Columns that point to a row of another table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKey {
    /// The columns, in the order of the other table's grain.
    pub columns: Vec<String>,
    /// The table that they point to.
    pub table: String,
    /// What becomes of rows that point to no row of it.
    pub missing: Missing,
}

/// What becomes of rows that share the columns which should tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Duplicates {
    /// The run ends there.
    #[default]
    Refuse,
    /// They stay; they are counted, and some are named.
    Keep,
}

/// What becomes of rows whose foreign key the other table does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Missing {
    /// They stay; they are counted, and some of the keys are named.
    #[default]
    Keep,
    /// The run ends there.
    Refuse,
}

impl Model {
    /// Reads a model's folder.
    ///
    /// # Errors
    /// [`Error::Model`] with file and line: what cannot be read, an entry that is not known, a
    /// statement without an entry or an entry without a statement, a name that leads nowhere, a
    /// table that reads nothing, a file that does not hold one `SELECT`.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let mut files = BTreeMap::new();
        read_folder(folder, "", &mut files)?;
        let indicators = folder.join(FOLDER_OF_INDICATORS);
        if indicators.is_dir() {
            let prefix = format!("{FOLDER_OF_INDICATORS}/");
            read_folder(&indicators, &prefix, &mut files)?;
        }
        file::assemble(&folder.display().to_string(), &files)
    }

    /// A model that is built in: `assessments` or `retail`.
    ///
    /// # Errors
    /// There is none of that name; the error has a near one.
    pub fn builtin(name: &str) -> Result<Self> {
        let Some(files) = builtin::files(name) else {
            let names: Vec<&str> = builtin::NAMES.to_vec();
            return Err(Error::Model {
                place: name.to_owned(),
                expected: names.join(" or "),
                found: format!("no such model{}", near(name, names.iter().copied())),
            });
        };
        file::assemble(&format!("models/{name}"), &files)
    }

    /// The names of the models that are built in.
    pub fn builtins() -> &'static [&'static str] {
        &builtin::NAMES
    }

    /// A table by its name.
    pub fn table(&self, name: &str) -> Option<&TableSpec> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// An indicator by its name.
    pub fn indicator(&self, name: &str) -> Option<&IndicatorSpec> {
        self.indicators
            .iter()
            .find(|indicator| indicator.name == name)
    }

    /// A source by its name.
    pub fn source(&self, name: &str) -> Option<&SourceSpec> {
        self.sources.iter().find(|source| source.name == name)
    }
}

/// Reads the files of a model that stand in a folder, by their names after a prefix.
fn read_folder(folder: &Path, prefix: &str, files: &mut BTreeMap<String, String>) -> Result<()> {
    let listing = fs::read_dir(folder).map_err(|error| Error::Model {
        place: folder.display().to_string(),
        expected: format!("a folder with {MODEL_FILE} and a .sql file a table"),
        found: error.to_string(),
    })?;
    for entry in listing {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        let is_sql = path.extension().is_some_and(|ending| ending == "sql");
        if is_sql || name == MODEL_FILE {
            files.insert(format!("{prefix}{name}"), read_text(&path)?);
        }
    }
    Ok(())
}

fn read_text(path: &Path) -> Result<String> {
    let file = fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    let mut bytes = Vec::new();
    file.take(MOST_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(path, &error))?;
    let refuse = |found: &str| Error::Model {
        place: path.display().to_string(),
        expected: format!("a text of at most {MOST_FILE_BYTES} bytes"),
        found: found.to_owned(),
    };
    if bytes.len() as u64 > MOST_FILE_BYTES {
        return Err(refuse("a longer one"));
    }
    String::from_utf8(bytes).map_err(|_| refuse("bytes that are not UTF-8"))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::Model {
        place: path.display().to_string(),
        expected: "a file that can be read".to_owned(),
        found: error.to_string(),
    }
}
