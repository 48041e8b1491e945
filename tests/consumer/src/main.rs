//! Two tables of a stranger's own, written, read back, and compared with the generator's answer.
//!
//! Usage: lakeseed-consumer FOLDER        (the folder is emptied first)

use std::error::Error;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_cast::display::array_value_to_string;
use lakeseed_gen_core::Table;
use lakeseed_gen_core::column::{foreign_key, parent, sequence, uniform, weighted};
use lakeseed_sink::{Csv, FileFormat, Output, Parquet};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const PETS: u64 = 100_000;

fn main() -> Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("expected a folder")?);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }

    let owners = Table::builder("owners", 500)
        .seed(7)
        .column("owner_id", sequence(1))
        .column("state", weighted([("SP", 5), ("RJ", 3), ("AC", 1)]))
        .build()?;
    let pets = Table::builder("pets", PETS)
        .seed(7)
        .column("pet_id", sequence(1))
        .column("name", weighted([("Rex", 5), ("Mia", 3)]))
        .column("age", uniform(0, 20))
        .column("owner_id", foreign_key(&owners).zipf(1.1))
        .column("owner_state", parent("owner_id", "state"))
        .build()?;
    let expected = lines(&pets.all_rows().batch()?)?;
    check_parents(&owners, &expected)?;

    // Rows in the middle cost the same as rows at the start, and are the same rows.
    let middle = pets
        .rows(70_000..70_003)
        .columns(["pet_id", "name"])?
        .batch()?;
    assert_eq!(
        lines(&middle)?[0],
        format!("70001,{}", column(&expected[70_000], 1))
    );

    write(&folder.join("parquet"), &owners, &pets, Parquet::zstd(1))?;
    let mut read = Vec::new();
    for file in files(&folder.join("parquet/pets"), "parquet")? {
        for batch in ParquetRecordBatchReaderBuilder::try_new(File::open(file)?)?.build()? {
            read.extend(lines(&batch?)?);
        }
    }
    assert!(read == expected, "Parquet differs from what was generated");

    write(&folder.join("csv"), &owners, &pets, Csv::plain())?;
    let mut read = Vec::new();
    for file in files(&folder.join("csv/pets"), "csv")? {
        let text = fs::read_to_string(file)?;
        let mut lines = text.lines().map(str::to_owned);
        assert_eq!(
            lines.next().as_deref(),
            Some("pet_id,name,age,owner_id,owner_state")
        );
        read.extend(lines);
    }
    assert!(read == expected, "CSV differs from what was generated");

    println!("{PETS} pets written twice and read back");
    Ok(())
}

fn write(folder: &Path, owners: &Table, pets: &Table, format: FileFormat) -> Result<()> {
    let mut out = Output::create(folder).format(format).threads(2).open()?;
    for table in [owners, pets] {
        out.write(table.name(), table.row_count(), |rows| {
            table.rows(rows).reader()
        })?;
    }
    let report = out.commit()?;
    assert_eq!(report.rows(), owners.row_count() + pets.row_count());
    Ok(())
}

/// Every pet's state must be that of its owner, whom it names by key.
fn check_parents(owners: &Table, pets: &[String]) -> Result<()> {
    let owners = lines(&owners.all_rows().batch()?)?;
    for pet in pets {
        let owner: usize = column(pet, 3).parse()?;
        assert_eq!(column(pet, 4), column(&owners[owner - 1], 1), "{pet}");
    }
    Ok(())
}

fn column(line: &str, number: usize) -> &str {
    line.split(',').nth(number).unwrap_or_default()
}

/// One line a row, values joined by commas; none of ours holds a comma.
fn lines(batch: &RecordBatch) -> Result<Vec<String>> {
    let line = |row| -> Result<String> {
        let values = batch
            .columns()
            .iter()
            .map(|column| array_value_to_string(column, row));
        Ok(values
            .collect::<std::result::Result<Vec<_>, _>>()?
            .join(","))
    };
    (0..batch.num_rows()).map(line).collect()
}

fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    let mut files: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|found| found == ending));
    files.sort();
    assert!(
        !files.is_empty(),
        "no .{ending} file in {}",
        folder.display()
    );
    Ok(files)
}
