//! The dimensions: pupils, schools, municipalities, tests, and what items ask for.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, SchemaRef};
use lakeseed_gen_core::assessments::{Dirt, Item, Subject, Test, YEAR};

use super::{Data, NONE, pupils};
use crate::oracle::keyed::Table;
use crate::oracle::rows::{Cell, Made, RowsBuilder, schema, texts};

/// Pupils of a piece.
const PIECE: u64 = 16_384;
const TEXT: DataType = DataType::Utf8;

/// A dimension of the dataset.
macro_rules! dimension {
    ($(#[$doc:meta])* $name:ident: $($column:literal $kind:expr),+) => {
        $(#[$doc])*
        pub(super) struct $name {
            data: Arc<Data>,
            schema: SchemaRef,
        }

        impl $name {
            pub(super) fn new(data: &Arc<Data>) -> Self {
                Self {
                    data: Arc::clone(data),
                    schema: schema(&[$(($column, $kind)),+]),
                }
            }
        }
    };
}

/// Rows made for keys, and nothing for those that are none.
fn made(
    schema: &SchemaRef,
    rows: usize,
    mut push: impl FnMut(usize, &mut RowsBuilder) -> Option<()>,
) -> Made {
    let mut made = RowsBuilder::new(schema);
    for row in 0..rows {
        if push(row, &mut made).is_none() {
            made.push_none();
        }
    }
    made.finish()
}

dimension!(
    /// `dim_aluno`, by the pupil's number.
    Pupils: "ALU_ID" DataType::Int64, "ALU_NOME" TEXT, "ALU_CPF" TEXT
);

/// What the sheets of a pupil say of it.
struct Person {
    cpf: Option<String>,
}

impl Pupils {
    /// Who a pupil is; nobody who has no sheet.
    fn person(&self, pupil: u64) -> Option<Person> {
        let of = &self.data.of;
        let tests = of.tests().iter().enumerate();
        let grade = of.pupil(pupil)?.grade;
        let tests = tests.filter(|(_, test)| test.grade() == grade);
        let mut has_sheets = false;
        for sheet in tests.filter_map(|(test, _)| of.sheet(test, pupil)) {
            has_sheets = true;
            let cpf = of.cpf(&sheet.pupil).filter(|_| !sheet.is(Dirt::MissingCpf));
            if cpf.is_some() {
                return Some(Person { cpf });
            }
        }
        has_sheets.then_some(Person { cpf: None })
    }
}

impl Table for Pupils {
    fn name(&self) -> &'static str {
        "dim_aluno"
    }

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn like(&self, rows: &RecordBatch) -> Result<Made, String> {
        let number = pupils(rows, 0);
        let made = made(&self.schema, rows.num_rows(), |row, made| {
            let number = number(row)?;
            let Person { cpf } = self.person(number)?;
            let name = self.data.of.name(&self.data.of.pupil(number)?);
            let id = Cell::Whole(number as i64 + 1);
            made.push(
                number.into(),
                &[id, Cell::Text(&name), cpf.as_deref().into()],
            );
            Some(())
        });
        Ok(made)
    }

    fn pieces(&self) -> usize {
        self.data.of.pupils().div_ceil(PIECE) as usize
    }

    fn keys(&self, piece: usize, take: &mut dyn FnMut(u128)) {
        let first = piece as u64 * PIECE;
        let end = self.data.of.pupils().min(first + PIECE);
        let there = (first..end).filter(|pupil| self.person(*pupil).is_some());
        there.for_each(|pupil| take(pupil.into()));
    }

    fn describe(&self, key: u128) -> String {
        format!("ALU_ID {}", key + 1)
    }
}

dimension!(
    /// `dim_escola`, by the school's number.
    Schools: "ESC_INEP" TEXT, "ESC_NOME" TEXT, "MUN_UF" TEXT, "MUN_NOME" TEXT
);

impl Table for Schools {
    fn name(&self) -> &'static str {
        "dim_escola"
    }

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn like(&self, rows: &RecordBatch) -> Result<Made, String> {
        let code = texts(rows, 0);
        let made = made(&self.schema, rows.num_rows(), |row, made| {
            let number = self.data.of.school_of(code(row)?)?;
            let school = self.data.of.school(number)?;
            let names = [&school.name, &school.second_name].into_iter();
            let names = names.zip(&self.data.seen.schools);
            let on_sheets = names.filter(|(_, seen)| seen[number as usize]);
            let name = on_sheets.map(|(name, _)| name).max()?;
            let place = self.data.municipalities.get(school.municipality)?;
            let state = Cell::Text(place.state);
            let cells = [
                Cell::Text(&school.code),
                Cell::Text(name),
                state,
                Cell::Text(&place.name),
            ];
            made.push(number.into(), &cells);
            Some(())
        });
        Ok(made)
    }

    fn pieces(&self) -> usize {
        1
    }

    fn keys(&self, _: usize, take: &mut dyn FnMut(u128)) {
        let [first, second] = &self.data.seen.schools;
        for (number, (first, second)) in first.iter().zip(second).enumerate() {
            if *first || *second {
                take(number as u128);
            }
        }
    }

    fn describe(&self, key: u128) -> String {
        let school = self.data.of.school(key as u64);
        format!(
            "ESC_INEP {}",
            school.map_or_else(String::new, |school| school.code)
        )
    }
}

dimension!(
    /// `dim_municipio`, by the municipality's number.
    Municipalities: "MUN_UF" TEXT, "MUN_NOME" TEXT
);

impl Table for Municipalities {
    fn name(&self) -> &'static str {
        "dim_municipio"
    }

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn like(&self, rows: &RecordBatch) -> Result<Made, String> {
        let (state, name) = (texts(rows, 0), texts(rows, 1));
        let made = made(&self.schema, rows.num_rows(), |row, made| {
            let (state, name) = (state(row)?, name(row)?);
            let number = *self.data.places.get(&(state.to_owned(), name.to_owned()))?;
            self.data.seen.municipalities[number].then_some(())?;
            made.push(number as u128, &[Cell::Text(state), Cell::Text(name)]);
            Some(())
        });
        Ok(made)
    }

    fn pieces(&self) -> usize {
        1
    }

    fn keys(&self, _: usize, take: &mut dyn FnMut(u128)) {
        let seen = self.data.seen.municipalities.iter().enumerate();
        seen.filter(|(_, seen)| **seen)
            .for_each(|(number, _)| take(number as u128));
    }

    fn describe(&self, key: u128) -> String {
        let place = &self.data.municipalities[key as usize];
        format!("MUN_UF {}, MUN_NOME {}", place.state, place.name)
    }
}

dimension!(
    /// `dim_teste`, by the test's place.
    Tests: "TES_NOME" TEXT, "DIS_NOME" TEXT, "AVA_NOME" TEXT, "AVA_ANO" DataType::Int32,
    "SER_NUMBER" DataType::Int32, "QTD_ITENS" DataType::Int64
);

impl Table for Tests {
    fn name(&self) -> &'static str {
        "dim_teste"
    }

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn like(&self, rows: &RecordBatch) -> Result<Made, String> {
        let name = texts(rows, 0);
        let made = made(&self.schema, rows.num_rows(), |row, made| {
            let number = *self.data.tests.get(name(row)?)?;
            let test = &self.data.of.tests()[number];
            (test.sheets() > 0).then_some(())?;
            let cells = [
                Cell::Text(test.name()),
                Cell::Text(test.subject().name()),
                Cell::Text(test.round_name()),
                Cell::Whole(i64::from(YEAR)),
                Cell::Whole(test.grade() as i64),
                Cell::Whole(test.answers() as i64),
            ];
            made.push(number as u128, &cells);
            Some(())
        });
        Ok(made)
    }

    fn pieces(&self) -> usize {
        1
    }

    fn keys(&self, _: usize, take: &mut dyn FnMut(u128)) {
        let tests = self.data.of.tests().iter().enumerate();
        let sat = tests.filter(|(_, test)| test.sheets() > 0);
        sat.for_each(|(number, _)| take(number as u128));
    }

    fn describe(&self, key: u128) -> String {
        format!("TES_NOME {}", self.data.of.tests()[key as usize].name())
    }
}

dimension!(
    /// `dim_descritor`, by the descriptor's number; the last is the member for none.
    Descriptors: "MTI_CODIGO" TEXT, "MTI_DESCRITOR" TEXT, "QTD" DataType::Int64
);

impl Descriptors {
    /// Text and number of the answers of a descriptor; none where there are no answers.
    fn answers(&self, descriptor: usize) -> Option<(Option<&str>, u64)> {
        let (of, without_code) = (&self.data.of, &self.data.seen.without_code);
        let text = |at: usize| self.data.descriptors[at].1.as_str();
        if descriptor == self.data.none() {
            let reading = of.tests().iter();
            let reading = reading.filter(|test| test.subject() == Subject::Reading);
            let reading: u64 = reading.map(Test::sheets).sum();
            let there = (0..without_code.len()).filter(|at| without_code[*at] > 0);
            let count = reading + without_code.iter().sum::<u64>();
            return (count > 0).then(|| (there.map(text).max(), count));
        }
        // Descriptors are those of mathematics, then as many of Portuguese.
        let of_subject = without_code.len() / 2;
        let subject = if descriptor < of_subject {
            Subject::Mathematics
        } else {
            Subject::Portuguese
        };
        let tests = of.tests().iter().filter(|test| test.subject() == subject);
        let asked: u64 = tests
            .map(|test| {
                let is_of_it = |item: &&Item| item.descriptor() == descriptor % of_subject;
                test.sheets() * test.items().iter().filter(is_of_it).count() as u64
            })
            .sum();
        let count = asked - without_code[descriptor];
        (count > 0).then(|| (Some(text(descriptor)), count))
    }
}

impl Table for Descriptors {
    fn name(&self) -> &'static str {
        "dim_descritor"
    }

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn like(&self, rows: &RecordBatch) -> Result<Made, String> {
        let code = texts(rows, 0);
        let made = made(&self.schema, rows.num_rows(), |row, made| {
            let code = code(row)?;
            let number = *self.data.codes.get(code)?;
            let (text, count) = self.answers(number)?;
            let cells = [Cell::Text(code), text.into(), Cell::Whole(count as i64)];
            made.push(number as u128, &cells);
            Some(())
        });
        Ok(made)
    }

    fn pieces(&self) -> usize {
        1
    }

    fn keys(&self, _: usize, take: &mut dyn FnMut(u128)) {
        let numbers = 0..self.data.descriptors.len();
        let there = numbers.filter(|number| self.answers(*number).is_some());
        there.for_each(|number| take(number as u128));
    }

    fn describe(&self, key: u128) -> String {
        let code = self.data.descriptors.get(key as usize);
        format!("MTI_CODIGO {}", code.map_or(NONE, |(code, _)| code))
    }
}
