//! Columns that stand in the names of folders, after Hive, put back among those of the files:
//! `year=2023/month=1/part-0.parquet`.

use std::sync::Arc;

use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, PrimitiveArray, RecordBatch, RecordBatchReader, StringArray,
    UInt32Array, new_null_array,
};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef};
use arrow_select::take::take;

use super::parquet::agree;
use crate::error::{Error, Result};
use crate::messages::{Piece, Pieces};
use crate::path::{HIVE_NULL, folder_value};
use crate::source::BoxedReader;

/// A column that stands in the names of folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderColumn {
    /// The name.
    pub name: String,
    /// The type: `Int32`, `Int64` or `Utf8`.
    pub data_type: DataType,
    /// Its position among all columns of the table, those of the files included.
    pub at: usize,
}

/// Files of several folders as one table, with the columns that the folders' names hold.
///
/// **Shape:** the columns of the files in their order, each [`FolderColumn`] at its position; the rows
/// of the folders one after the other, each piece as it was.
///
/// # Example
/// ```
/// use std::sync::Arc;
/// use arrow_schema::DataType;
/// use lakeseed_sink::messages::Pieces;
/// use lakeseed_sink::{FileRows, FolderColumn, FolderPieces, LocalStore, open_files};
/// # let folder = std::env::temp_dir().join(format!("folder-pieces-{}", std::process::id()));
/// # std::fs::create_dir_all(folder.join("year=2023"))?;
/// # let ids = Arc::new(arrow_array::Int64Array::from(vec![1, 2])) as arrow_array::ArrayRef;
/// # let batch = arrow_array::RecordBatch::try_from_iter([("id", ids)])?;
/// # let file = std::fs::File::create(folder.join("year=2023/a.parquet"))?;
/// # let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None)?;
/// # writer.write(&batch)?;
/// # writer.close()?;
/// let files = open_files(Arc::new(LocalStore::new(&folder)), &["year=2023/a.parquet".into()])?;
/// let FileRows::Batches(files) = files else { panic!("Parquet has batches") };
/// let year = FolderColumn { name: "year".into(), data_type: DataType::Int32, at: 1 };
/// let rows = FolderPieces::try_new(&[year], vec![("year=2023".into(), files)])?;
/// let names: Vec<_> = rows.schema().fields().iter().map(|field| field.name().clone()).collect();
/// assert_eq!(names, ["id", "year"]);
/// # std::fs::remove_dir_all(folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct FolderPieces {
    folders: Vec<Folder>,
    schema: SchemaRef,
    pieces: Vec<Piece>,
    /// The folder of each piece, and its position there.
    places: Vec<(usize, usize)>,
}

struct Folder {
    files: Arc<dyn Pieces>,
    /// A position among all columns and the one value there, in order.
    values: Arc<[(usize, ArrayRef)]>,
}

impl FolderPieces {
    /// Files by folder, in the order of the rows; a folder is its path, `year=2023/month=1`.
    ///
    /// # Errors
    /// [`Error::Input`] for a folder that does not name a column, or names it with what is none of its
    /// type, or of a type that no folder has, and for files whose columns are not those of the others; [`Error::Invalid`] for
    /// positions and names that do not fit those of the files.
    pub fn try_new(
        columns: &[FolderColumn],
        folders: Vec<(String, Arc<dyn Pieces>)>,
    ) -> Result<Self> {
        let mut columns = columns.to_vec();
        columns.sort_by_key(|column| column.at);
        let mut of_files: Option<SchemaRef> = None;
        let mut opened = Vec::with_capacity(folders.len());
        let (mut pieces, mut places) = (Vec::new(), Vec::new());
        let mut next_row = Some(0);
        for (path, files) in folders {
            let unreadable = |reason| Error::Input {
                path: path.clone(),
                reason,
            };
            of_files = Some(match of_files {
                None => files.schema(),
                Some(table) => agree(&table, &files.schema()).map_err(unreadable)?,
            });
            let values = columns.iter().map(|column| {
                let value = value(column, &path).map_err(unreadable)?;
                Ok((column.at, value))
            });
            let values = values.collect::<Result<_>>()?;
            for (at, piece) in files.pieces().iter().enumerate() {
                places.push((opened.len(), at));
                pieces.push(Piece {
                    name: piece.name.clone(),
                    identity: format!("{path} {}", piece.identity),
                    first_row: next_row,
                    rows: piece.rows,
                });
                let end = next_row.zip(piece.rows);
                next_row = end.and_then(|(row, rows): (u64, u64)| row.checked_add(rows));
            }
            opened.push(Folder { files, values });
        }
        let of_files = of_files.unwrap_or_else(|| Arc::new(Schema::empty()));
        Ok(Self {
            schema: joined(&of_files, &columns)?,
            folders: opened,
            pieces,
            places,
        })
    }
}

/// The columns of the files with those of the folders among them.
fn joined(of_files: &Schema, columns: &[FolderColumn]) -> Result<SchemaRef> {
    let mut fields: Vec<FieldRef> = of_files.fields().iter().cloned().collect();
    for FolderColumn {
        name,
        data_type,
        at,
    } in columns
    {
        if *at > fields.len() || fields.iter().any(|field| field.name() == name) {
            return Err(Error::Invalid {
                what: "folder column",
                expected: format!(
                    "a column beside {} others, with a name of its own",
                    fields.len()
                ),
                found: format!("`{name}` at {at}"),
            });
        }
        let field = Field::new(name, data_type.clone(), true);
        fields.insert(*at, Arc::new(field));
    }
    Ok(Arc::new(Schema::new(fields)))
}

/// The one value that the path of a folder has for a column; in words, why there is none.
fn value(column: &FolderColumn, path: &str) -> Result<ArrayRef, String> {
    let FolderColumn {
        name, data_type, ..
    } = column;
    let text = folder_value(path, name)
        .ok_or_else(|| format!("a path without a folder for column `{name}`"))?;
    if text == HIVE_NULL {
        return Ok(new_null_array(data_type, 1));
    }
    let value = match data_type {
        DataType::Int32 => number::<Int32Type>(&text),
        DataType::Int64 => number::<Int64Type>(&text),
        DataType::Utf8 => Some(Arc::new(StringArray::from(vec![text.as_str()])) as ArrayRef),
        _ => None,
    };
    value.ok_or_else(|| {
        format!("`{text}` in the name of a folder, for column `{name}` of type {data_type}")
    })
}

fn number<T: ArrowPrimitiveType<Native: std::str::FromStr>>(text: &str) -> Option<ArrayRef> {
    let number = text.parse().ok()?;
    Some(Arc::new(PrimitiveArray::<T>::from_iter_values([number])))
}

impl Pieces for FolderPieces {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    fn open(&self, piece: usize, batch_rows: usize) -> Result<BoxedReader> {
        let (folder, piece) = self.places[piece];
        let Folder { files, values } = &self.folders[folder];
        Ok(Box::new(Among {
            reader: files.open(piece, batch_rows)?,
            values: Arc::clone(values),
            schema: self.schema.clone(),
        }))
    }

    fn open_bytes(&self) -> u64 {
        let held = self.folders.iter().map(|folder| folder.files.open_bytes());
        held.max().unwrap_or(0)
    }
}

/// Batches of files, with the columns of their folder among the others.
struct Among {
    reader: BoxedReader,
    values: Arc<[(usize, ArrayRef)]>,
    schema: SchemaRef,
}

impl Among {
    fn with_values(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let every_row = UInt32Array::from(vec![0; batch.num_rows()]);
        let mut columns = batch.columns().to_vec();
        for (at, value) in self.values.iter() {
            columns.insert(*at, take(value, &every_row, None)?);
        }
        RecordBatch::try_new(self.schema.clone(), columns)
    }
}

impl Iterator for Among {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.reader.next()?;
        Some(batch.and_then(|batch| self.with_values(&batch)))
    }
}

impl RecordBatchReader for Among {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::Int64Array;
    use arrow_array::cast::AsArray;

    use super::*;
    use crate::source::{BatchSource, Source};

    /// A file of some rows.
    struct File {
        rows: RecordBatch,
        pieces: Vec<Piece>,
    }

    impl Pieces for File {
        fn schema(&self) -> SchemaRef {
            self.rows.schema()
        }

        fn pieces(&self) -> &[Piece] {
            &self.pieces
        }

        fn open(&self, _piece: usize, batch_rows: usize) -> Result<BoxedReader> {
            let rows = self.rows.num_rows() as u64;
            let source = BatchSource::new(self.rows.clone());
            let opened = source.open(0..rows, batch_rows);
            opened.map_err(|source| Error::Source {
                table: "pets".to_owned(),
                source,
            })
        }
    }

    fn file(column: &str, rows: i64) -> Arc<dyn Pieces> {
        let ids = Arc::new(Int64Array::from_iter_values(0..rows)) as ArrayRef;
        let also = Arc::new(Int64Array::from_iter_values(5..5 + rows)) as ArrayRef;
        Arc::new(File {
            rows: RecordBatch::try_from_iter([("id", ids), (column, also)]).unwrap(),
            pieces: vec![Piece {
                name: "a file".to_owned(),
                identity: "the same".to_owned(),
                first_row: Some(0),
                rows: Some(rows as u64),
            }],
        })
    }

    fn column(name: &str, data_type: DataType, at: usize) -> FolderColumn {
        FolderColumn {
            name: name.to_owned(),
            data_type,
            at,
        }
    }

    fn refused(columns: &[FolderColumn], folders: Vec<(&str, Arc<dyn Pieces>)>) -> String {
        let folders = folders.into_iter();
        let folders = folders.map(|(path, files)| (path.to_owned(), files));
        let refused = FolderPieces::try_new(columns, folders.collect());
        refused.err().unwrap().to_string()
    }

    #[test]
    fn columns_stand_in_their_places_with_the_values_of_their_folders() {
        // In another order than that of the positions.
        let columns = [
            column("city", DataType::Utf8, 3),
            column("year", DataType::Int32, 0),
        ];
        let folders = [
            ("pets/year=2023/city=S%C3%A3o%20Paulo", 2),
            ("pets/year=2024/city=__HIVE_DEFAULT_PARTITION__", 3),
        ];
        let folders = folders.map(|(path, rows)| (path.to_owned(), file("age", rows)));
        let pieces = FolderPieces::try_new(&columns, folders.to_vec()).unwrap();
        let schema = pieces.schema();
        let names = schema.fields().iter().map(|field| field.name().as_str());
        assert_eq!(names.collect::<Vec<_>>(), ["year", "id", "age", "city"]);
        let [first, second] = pieces.pieces() else {
            panic!("a piece a file")
        };
        assert_ne!(first.identity, second.identity);
        assert_eq!((first.first_row, second.first_row), (Some(0), Some(2)));
        let mut years = Vec::new();
        let mut cities = Vec::new();
        for piece in 0..2 {
            for batch in pieces.open(piece, 1).unwrap() {
                let batch = batch.unwrap();
                assert_eq!(batch.schema(), schema);
                years.push(batch.column(0).as_primitive::<Int32Type>().value(0));
                let city = batch.column(3).as_string::<i32>().iter().next().unwrap();
                cities.push(city.map(str::to_owned));
            }
        }
        assert_eq!(years, [2023, 2023, 2024, 2024, 2024]);
        let sao_paulo = Some("São Paulo".to_owned());
        assert_eq!(cities, [sao_paulo.clone(), sao_paulo, None, None, None]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let year = column("year", DataType::Int32, 2);
        let of = |path: &'static str| vec![(path, file("age", 1))];
        let text = refused(std::slice::from_ref(&year), of("month=1"));
        assert!(
            text.contains("a path without a folder for column `year`"),
            "{text}"
        );
        let text = refused(std::slice::from_ref(&year), of("year=MMXXIII"));
        assert!(text.contains("`MMXXIII` in the name of a folder"), "{text}");
        let text = refused(&[column("year", DataType::Date32, 2)], of("year=2023"));
        assert!(text.contains("Date32"), "{text}");
        let text = refused(&[column("year", DataType::Int32, 3)], of("year=2023"));
        assert!(text.contains("`year` at 3"), "{text}");
        let text = refused(&[column("age", DataType::Int32, 0)], of("age=2"));
        assert!(text.contains("`age` at 0"), "{text}");
        let others = vec![("year=1", file("age", 1)), ("year=2", file("size", 1))];
        let text = refused(&[year], others);
        assert!(text.contains("year=2") && text.contains("`size`"), "{text}");
    }
}
