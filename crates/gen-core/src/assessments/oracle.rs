//! The same facts without rows: for those who check what was computed from rows.

use super::answers::given;
use super::dirt::{Dirt, Soiled};
use super::exams::{self, BLOCK, Subject, Test};
use super::people::{PLACES, Pupil};
use super::texts::{self, DESCRIPTORS};
use super::{Assessments, Model};

/// A school.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct School {
    /// Its code, `ESC_INEP`.
    pub code: String,
    /// Its name.
    pub name: String,
    /// The name on some of its sheets with `--dirt`.
    pub second_name: String,
    /// The number of its municipality.
    pub municipality: usize,
}

/// A municipality.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Municipality {
    /// The two letters of its state.
    pub state: &'static str,
    /// Its name, the only one of that name.
    pub name: String,
    /// How many pupils it has.
    pub pupils: u64,
}

/// A pupil's answers to a test.
#[derive(Debug, Clone, Copy)]
pub struct Sheet<'a> {
    /// Whose.
    pub pupil: Pupil,
    /// To what.
    pub test: &'a Test,
    /// Its first row, as rows are numbered without `--shuffle`.
    pub first_row: u64,
    soiled: Soiled,
}

impl Sheet<'_> {
    /// Whether that case of dirt is on the sheet: on all of it, or on one of its answers.
    pub fn is(&self, case: Dirt) -> bool {
        self.soiled.is(case)
    }

    /// `TUR_NOME`, as it stands on this sheet.
    pub fn class(&self) -> String {
        let mut name = String::new();
        let quoted = self.is(Dirt::QuotedClass);
        texts::push_class(self.pupil.grade, self.pupil.class, quoted, &mut name);
        name
    }
}

/// An answer to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// `TEG_ORDEM`, from 1.
    pub order: u64,
    /// `ATR_RESPOSTA`.
    pub given: &'static str,
    /// `ATR_CERTO`; never in reading.
    pub is_right: bool,
    /// What was asked for, among all 162; none in reading. See [`Assessments::descriptors`].
    pub descriptor: Option<usize>,
    /// Whether `MTI_CODIGO` is there.
    pub has_code: bool,
}

impl Assessments {
    /// How many pupils there are.
    pub fn pupils(&self) -> u64 {
        self.model.people.pupils()
    }

    /// The pupil of that number, from 0.
    pub fn pupil(&self, number: u64) -> Option<Pupil> {
        (number < self.pupils()).then(|| self.model.people.pupil(number))
    }

    /// `ALU_NOME` of a pupil.
    pub fn name(&self, pupil: &Pupil) -> String {
        let mut name = String::new();
        self.model.people.push_name(pupil.number, &mut name);
        name
    }

    /// `ALU_CPF` of a pupil, where it is known.
    pub fn cpf(&self, pupil: &Pupil) -> Option<String> {
        let digits = || self.model.people.cpf(pupil).map(char::from);
        pupil.has_cpf.then(|| digits().into_iter().collect())
    }

    /// How many schools there are; in a very small set not all of them have pupils.
    pub fn schools(&self) -> u64 {
        self.model.people.schools()
    }

    /// The school of that number, from 0.
    pub fn school(&self, number: u64) -> Option<School> {
        let people = &self.model.people;
        (number < people.schools()).then(|| {
            let municipality = people.municipality_of(number);
            let name = |written_out| {
                let mut name = String::new();
                people.push_school_name(number, written_out, &mut name);
                name
            };
            School {
                code: self.school_code(number).unwrap_or_default(),
                name: name(false),
                second_name: name(true),
                municipality,
            }
        })
    }

    /// The code of the school of that number, from 0.
    pub fn school_code(&self, number: u64) -> Option<String> {
        let people = &self.model.people;
        (number < people.schools()).then(|| {
            let mut code = String::new();
            people.push_school_code(number, people.municipality_of(number), &mut code);
            code
        })
    }

    /// The number of the school with that code.
    pub fn school_of(&self, code: &str) -> Option<u64> {
        let people = &self.model.people;
        let number = people.school_of_code(code.parse().ok()?);
        // A code of another state, or with a sign, is nobody's.
        number.filter(|number| {
            self.school(*number)
                .is_some_and(|school| school.code == code)
        })
    }

    /// The municipality of that number, from 0, the largest first: there are 78.
    pub fn municipality(&self, number: usize) -> Option<Municipality> {
        let people = &self.model.people;
        (number < PLACES).then(|| Municipality {
            state: people.states[people.state(number)].code,
            name: people.names[number].clone(),
            pupils: people.pupils_in(number),
        })
    }

    /// All tests in the order of their rows.
    pub fn tests(&self) -> &[Test] {
        &self.model.tests
    }

    /// Code and text of every descriptor: 81 of mathematics, then 81 of Portuguese.
    pub fn descriptors(&self) -> impl Iterator<Item = (String, String)> {
        texts::codes().zip(texts::descriptors())
    }

    /// The sheets of the test at that place among [`tests`](Self::tests), in the order of their
    /// rows. Costs some 300 ns a sheet, and no memory.
    pub fn sheets(&self, test: usize) -> impl Iterator<Item = Sheet<'_>> {
        let test = self.tests().get(test).into_iter();
        test.flat_map(|test| (0..test.sheets()).map(|number| self.model.sheet(test, number)))
    }

    /// The sheet of the pupil of that number, from 0, for the test at that place among
    /// [`tests`](Self::tests); none where the pupil was absent, or is of another grade. Costs about
    /// as much as the next of [`sheets`](Self::sheets).
    pub fn sheet(&self, test: usize, pupil: u64) -> Option<Sheet<'_>> {
        let test = self.tests().get(test)?;
        let place = test
            .pupils
            .contains(&pupil)
            .then(|| pupil - test.pupils.start)?;
        let (block, at) = (place / BLOCK, place % BLOCK);
        let members = self.model.people.block(test.grade(), block);
        let within = members.absent(test.absent()).number_of(at)?;
        let pupil = self.model.people.in_block(&members, at);
        Some(self.model.sheet_of(test, test.number(block, within), pupil))
    }

    /// The sheet and the answer that a row of the table is, with `--shuffle` too.
    pub fn at(&self, row: u64) -> Option<(Sheet<'_>, Answer)> {
        (row < self.model.rows()).then(|| {
            let place = exams::place(&self.model.tests, self.model.usual_row(row));
            let sheet = self.model.sheet(&self.model.tests[place.test], place.sheet);
            (sheet, self.model.answer(&sheet, place.answer))
        })
    }

    /// The answers of a sheet, in order.
    pub fn answers<'a>(&'a self, sheet: &Sheet<'a>) -> impl Iterator<Item = Answer> + use<'a> {
        let sheet = *sheet;
        (0..sheet.test.answers()).map(move |number| self.model.answer(&sheet, number))
    }

    /// The answer to the item at that place on a sheet; to the one question of a reading test, 0.
    pub fn answer(&self, sheet: &Sheet<'_>, item: u64) -> Option<Answer> {
        (item < sheet.test.answers()).then(|| self.model.answer(sheet, item))
    }

    /// How many rows are of each case of dirt: 0 without `--dirt`.
    pub fn dirt(&self) -> [(Dirt, u64); 6] {
        let rows = |case: Dirt| self.model.tests.iter().map(|test| case.rows(test)).sum();
        let is_on = self.model.dirt.is_some();
        Dirt::ALL.map(|case| (case, if is_on { rows(case) } else { 0 }))
    }
}

impl Model {
    fn sheet<'a>(&self, test: &'a Test, number: u64) -> Sheet<'a> {
        let (block, at) = test.sheet(number);
        let block = self.people.block(test.grade(), block);
        let pupil = block.absent(test.absent()).present(at);
        self.sheet_of(test, number, self.people.in_block(&block, pupil))
    }

    fn sheet_of<'a>(&self, test: &'a Test, number: u64, pupil: Pupil) -> Sheet<'a> {
        Sheet {
            pupil,
            test,
            first_row: test.rows.start + number * test.answers(),
            soiled: self.soiled(test, number, &pupil),
        }
    }

    pub(super) fn soiled(&self, test: &Test, number: u64, pupil: &Pupil) -> Soiled {
        let of = |stream| Soiled::of(stream, test, number, pupil);
        self.dirt.map(of).unwrap_or_default()
    }

    fn answer(&self, sheet: &Sheet<'_>, number: u64) -> Answer {
        let dirt = sheet.soiled.at(number);
        let bits = self.answers.at(sheet.first_row + number);
        let (text, is_right) = given(sheet.test, number, sheet.pupil.level, bits, dirt);
        let descriptor = descriptor(sheet.test, number);
        Answer {
            order: number + 1,
            given: text,
            is_right,
            descriptor,
            has_code: descriptor.is_some() && dirt != Some(Dirt::MissingCode),
        }
    }
}

/// What an item asks for, among the descriptors of both subjects; none in reading.
pub(super) fn descriptor(test: &Test, number: u64) -> Option<usize> {
    let first = match test.subject() {
        Subject::Mathematics => 0,
        Subject::Portuguese => DESCRIPTORS,
        Subject::Reading => return None,
    };
    Some(first + test.items()[number as usize].descriptor())
}
