//! What is wrong on purpose with `--dirt`: which sheets, and how many rows.
//!
//! In each block of pupils a fixed number of sheets of a test is soiled, picked in keyed order, so
//! that the count of every case is arithmetic. The windows of the cases meet neither each other nor
//! those of the absent and of pupils without a CPF.

use super::exams::{BLOCK, Subject, Test, Window};
use super::people::Pupil;
use crate::seed::Stream;

/// The first window of the first date, behind those of the absent.
const FIRST: u64 = 48;
/// Places that the windows of a date take.
const A_DATE: u64 = 46;

/// A case of dirt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dirt {
    /// `ALU_CPF` is null on a sheet of a pupil who has one on sheets of other dates.
    MissingCpf,
    /// `TUR_NOME` holds quotes and no ordinal sign: `6o ANO "A"`.
    QuotedClass,
    /// `ESC_NOME` has the kind of school written out: a second name of the same code.
    SecondSchoolName,
    /// `MTI_CODIGO` is null on an answer of mathematics or Portuguese; `MTI_DESCRITOR` is there.
    MissingCode,
    /// `ATR_RESPOSTA` is `-`, and wrong.
    NoAnswer,
    /// `ATR_RESPOSTA` has two letters, and is wrong.
    TwoAnswers,
}

impl Dirt {
    /// Every case.
    pub const ALL: [Self; 6] = [
        Self::MissingCpf,
        Self::QuotedClass,
        Self::SecondSchoolName,
        Self::MissingCode,
        Self::NoAnswer,
        Self::TwoAnswers,
    ];

    /// Its name, for manifests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MissingCpf => "missing_cpf",
            Self::QuotedClass => "quoted_class",
            Self::SecondSchoolName => "second_school_name",
            Self::MissingCode => "missing_code",
            Self::NoAnswer => "no_answer",
            Self::TwoAnswers => "two_answers",
        }
    }

    /// Where its window begins among those of a date, and how many sheets of a block it has.
    const fn window(self) -> (u64, u64) {
        match self {
            Self::MissingCpf => (0, 6),
            Self::QuotedClass => (6, 5),
            Self::SecondSchoolName => (11, 5),
            Self::MissingCode => (16, 8),
            Self::NoAnswer => (24, 12),
            Self::TwoAnswers => (36, 4),
        }
    }

    /// Whether it is one answer of a sheet and not all of them.
    const fn is_of_one_answer(self) -> bool {
        matches!(self, Self::MissingCode | Self::NoAnswer | Self::TwoAnswers)
    }

    fn of_test(self, test: &Test) -> Option<Window> {
        if self.is_of_one_answer() && test.subject() == Subject::Reading {
            return None;
        }
        let (start, len) = self.window();
        Some(Window {
            start: FIRST + A_DATE * test.date() + start,
            len,
        })
    }

    /// How many rows of a test are of this case.
    pub(super) fn rows(self, test: &Test) -> u64 {
        let Some(window) = self.of_test(test) else {
            return 0;
        };
        let blocks = test.blocks();
        let sheets = blocks.map(|(size, count)| window.count(size) * count);
        let rows_a_sheet = if self.is_of_one_answer() {
            1
        } else {
            test.answers()
        };
        sheets.iter().sum::<u64>() * rows_a_sheet
    }
}

/// What is wrong with a sheet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Soiled {
    case: Option<Dirt>,
    /// Which answer, where it is one.
    answer: u64,
}

impl Soiled {
    /// What is wrong with the sheet of a pupil.
    pub(super) fn of(stream: Stream, test: &Test, sheet: u64, pupil: &Pupil) -> Self {
        let (rank, size) = pupil.rank;
        let case = Dirt::ALL.into_iter().find(|case| {
            let window = case.of_test(test);
            window.is_some_and(|window| window.of(size).contains(&rank))
        });
        Self {
            case,
            answer: stream.below(test.rows.start + sheet, test.answers()),
        }
    }

    /// Whether the whole sheet is of that case.
    pub(super) fn is(self, case: Dirt) -> bool {
        self.case == Some(case)
    }

    /// The case of one answer.
    pub(super) fn at(self, answer: u64) -> Option<Dirt> {
        self.case
            .filter(|case| case.is_of_one_answer() && self.answer == answer)
    }
}

const _: () = assert!(FIRST + 4 * A_DATE <= BLOCK - 10);
