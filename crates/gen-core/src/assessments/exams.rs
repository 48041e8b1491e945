//! The tests, who sits them, and which row is which answer.
//!
//! Rows lie by grade, test, pupil and item. The pupils of a grade come in blocks of 256, in each of
//! which a fixed number is absent from a test, so that every block of a test has the same number of
//! rows, but for the last: a row's place is a division.

use std::ops::Range;

use super::items::{Item, ReadingChances, all, reading_chances};
use super::texts;

/// Pupils in a block.
pub(super) const BLOCK: u64 = 256;
/// Grades of primary school.
pub(super) const GRADES: usize = 9;

/// Pupils by grade at the original's scale: the published thousands, raised alike so that they sum
/// to the published total.
pub(super) const PUPILS: [u64; GRADES] = [
    36_625, 47_663, 44_653, 42_445, 43_448, 28_598, 24_785, 24_584, 22_376,
];
/// All of them.
pub(super) const ALL_PUPILS: u64 = 315_177;

/// Grades and rounds that have a reading test. First graders have learned no letters in the first
/// round, fifth graders are only diagnosed: this gives the published number of answers.
const READING: [(usize, usize); 8] = [
    (1, 1),
    (2, 0),
    (2, 1),
    (3, 0),
    (3, 1),
    (4, 0),
    (4, 1),
    (5, 0),
];

/// What a test is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Matemática.
    Mathematics,
    /// Língua Portuguesa.
    Portuguese,
    /// Leitura: one answer a pupil, which is a level and neither right nor wrong.
    Reading,
}

impl Subject {
    /// As the column `DIS_NOME` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mathematics => "Matemática",
            Self::Portuguese => "Língua Portuguesa",
            Self::Reading => "Leitura",
        }
    }

    const fn short(self) -> &'static str {
        match self {
            Self::Mathematics => "MAT",
            Self::Portuguese => "POR",
            Self::Reading => "LEI",
        }
    }
}

/// The year of all tests, `AVA_ANO`.
pub const YEAR: i32 = 2025;
/// Names of the two rounds, as the column `AVA_NOME` has them.
pub(super) const ROUNDS: [&str; 2] = ["Avaliação Diagnóstica", "Avaliação Formativa 1"];
const ROUNDS_SHORT: [&str; 2] = ["Diag", "Form1"];

/// Neighbouring places in the keyed order of a block, of 256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) start: u64,
    pub(super) len: u64,
}

impl Window {
    /// The places in a block of so many pupils, in proportion. Windows that do not meet in 256 do
    /// not meet in fewer.
    pub(super) const fn of(self, pupils: u64) -> Range<u64> {
        pupils * self.start / BLOCK..pupils * (self.start + self.len) / BLOCK
    }

    pub(super) const fn count(self, pupils: u64) -> u64 {
        let range = self.of(pupils);
        range.end - range.start
    }
}

/// A test of one grade, subject and round.
#[derive(Debug, Clone)]
pub struct Test {
    name: String,
    grade: usize,
    subject: Subject,
    round: usize,
    items: &'static [Item],
    /// The place of its first item among [`all`].
    pub(super) first_item: usize,
    pub(super) reading: Option<Box<ReadingChances>>,
    /// The pupils of its grade.
    pub(super) pupils: Range<u64>,
    pub(super) rows: Range<u64>,
}

impl Test {
    /// As the column `TES_NOME` has it: `2025_MAT_3ano_Diag`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its grade, 1 to 9.
    pub fn grade(&self) -> usize {
        self.grade
    }

    /// Its subject.
    pub fn subject(&self) -> Subject {
        self.subject
    }

    /// 0 for the diagnosis, 1 for the second round.
    pub fn round(&self) -> usize {
        self.round
    }

    /// As the column `AVA_NOME` has its round.
    pub fn round_name(&self) -> &'static str {
        ROUNDS[self.round]
    }

    /// As the column `SER_NOME` has its grade.
    pub fn grade_name(&self) -> String {
        texts::grade(self.grade)
    }

    /// Its items in order; none for a reading test, whose one question has no right answer.
    pub fn items(&self) -> &'static [Item] {
        self.items
    }

    /// How many pupils sat it.
    pub fn sheets(&self) -> u64 {
        (self.rows.end - self.rows.start) / self.answers()
    }

    /// Its rows, as they are numbered without `--shuffle`.
    pub fn rows(&self) -> Range<u64> {
        self.rows.clone()
    }

    /// Answers of a pupil: rows of a sheet.
    pub fn answers(&self) -> u64 {
        self.items.len().max(1) as u64
    }

    /// Which of four dates it is sat at: reading goes with Portuguese.
    pub(super) fn date(&self) -> u64 {
        2 * self.round as u64 + u64::from(self.subject == Subject::Mathematics)
    }

    /// Who is absent: 15 of 256, 14 from the diagnosis of the first five grades, which is 5.7 %.
    /// About half of those who miss one test of a round miss the other too; nobody misses both
    /// rounds, so that every pupil has rows.
    pub(super) fn absent(&self) -> Window {
        Window {
            start: 8 * self.date() + 8 * self.round as u64,
            len: if self.round == 0 && self.grade <= 5 {
                14
            } else {
                15
            },
        }
    }

    /// Sheets of a block of so many pupils.
    fn present(&self, pupils: u64) -> u64 {
        pupils - self.absent().count(pupils)
    }

    /// The sizes of its blocks, each with how many there are of that size.
    pub(super) fn blocks(&self) -> [(u64, u64); 2] {
        let pupils = self.pupils.end - self.pupils.start;
        [(BLOCK, pupils / BLOCK), (pupils % BLOCK, 1)]
    }

    /// The sheet at a place among the test's: its block, and its place among those present.
    pub(super) fn sheet(&self, number: u64) -> (u64, u64) {
        let full = self.present(BLOCK);
        (number / full, number % full)
    }

    /// The place of a sheet among the test's: the other way round.
    pub(super) fn number(&self, block: u64, within: u64) -> u64 {
        block * self.present(BLOCK) + within
    }
}

/// All tests in the order of their rows.
pub(super) fn tests(grades: &[u64; GRADES + 1]) -> Vec<Test> {
    let mut firsts = Vec::new();
    let mut count = 0;
    for items in all() {
        firsts.push((count, items));
        count += items.len();
    }
    let mut tests = Vec::new();
    let mut next_row = 0;
    for grade in 1..=GRADES {
        for subject in [Subject::Mathematics, Subject::Portuguese, Subject::Reading] {
            for (round, term) in ROUNDS_SHORT.iter().enumerate() {
                let is_reading = subject == Subject::Reading;
                if is_reading && !READING.contains(&(grade, round)) {
                    continue;
                }
                let at = 2 * (grade - 1) + round;
                let (first_item, items) = match subject {
                    Subject::Mathematics => firsts[at],
                    Subject::Portuguese => firsts[2 * GRADES + at],
                    Subject::Reading => (0, &[][..]),
                };
                let short = subject.short();
                let mut test = Test {
                    name: format!("2025_{short}_{grade}ano_{term}"),
                    grade,
                    subject,
                    round,
                    items,
                    first_item,
                    reading: is_reading.then(|| reading_chances(grade, round)),
                    pupils: grades[grade - 1]..grades[grade],
                    rows: next_row..next_row,
                };
                let sheets = test
                    .blocks()
                    .map(|(size, count)| test.present(size) * count);
                next_row += sheets.iter().sum::<u64>() * test.answers();
                test.rows.end = next_row;
                tests.push(test);
            }
        }
    }
    tests
}

/// Where a row lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The test.
    pub(super) test: usize,
    /// The sheet among those of the test.
    pub(super) sheet: u64,
    /// The answer on the sheet.
    pub(super) answer: u64,
}

/// The place of a row that one of the tests has.
#[inline]
pub(super) fn place(tests: &[Test], row: u64) -> Place {
    let test = tests.partition_point(|test| test.rows.end <= row);
    let within = row - tests[test].rows.start;
    let answers = tests[test].answers();
    Place {
        test,
        sheet: within / answers,
        answer: within % answers,
    }
}
