//! Rows of `avaliacao` as arrays: what is the same for a sheet is made once and repeated.

use std::cell::OnceCell;
use std::sync::Arc;

use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use arrow_buffer::{NullBuffer, ScalarBuffer};

use super::Model;
use super::answers::given;
use super::avaliacao::{Column, Words};
use super::dirt::{Dirt, Soiled};
use super::exams::{Place, Subject, Test, YEAR, place};
use super::oracle::descriptor;
use super::people::{Absent, Block, Pupil};
use super::texts;
use crate::column::{Categories, utf8};
use crate::rows::Rows;

/// Neighbouring answers of one sheet.
#[derive(Debug, Clone, Copy)]
struct Span {
    place: Place,
    count: usize,
}

/// The spans of rows, in their order.
fn spans(model: &Model, rows: &Rows<'_>) -> Vec<Span> {
    let Rows::Range(range) = rows else {
        return single(model, rows);
    };
    if model.shuffle.is_some() || range.is_empty() {
        return single(model, rows);
    }
    let mut spans = Vec::with_capacity(rows.len() / 16 + 2);
    let mut at = place(&model.tests, range.start);
    let mut left = range.end - range.start;
    while left > 0 {
        let test = &model.tests[at.test];
        let count = (test.answers() - at.answer).min(left);
        spans.push(Span {
            place: at,
            count: count as usize,
        });
        left -= count;
        at = Place {
            sheet: at.sheet + 1,
            answer: 0,
            ..at
        };
        // A test that nobody sits has no rows.
        while left > 0 && at.sheet == model.tests[at.test].sheets() {
            at = Place {
                test: at.test + 1,
                sheet: 0,
                answer: 0,
            };
        }
    }
    spans
}

fn single(model: &Model, rows: &Rows<'_>) -> Vec<Span> {
    rows.map(|row| Span {
        place: place(&model.tests, model.usual_row(row)),
        count: 1,
    })
}

/// Whose sheet a span is of, and what is wrong with it.
#[derive(Debug, Clone, Copy)]
struct Owner {
    pupil: Pupil,
    soiled: Soiled,
}

/// What the columns of one batch share, made when the first of them asks.
pub(super) struct Batch<'a> {
    model: &'a Model,
    words: &'a Words,
    spans: Vec<Span>,
    count: usize,
    sheets: OnceCell<Vec<Owner>>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(model: &'a Model, words: &'a Words, rows: &Rows<'_>) -> Self {
        Self {
            model,
            words,
            spans: spans(model, rows),
            count: rows.len(),
            sheets: OnceCell::new(),
        }
    }

    pub(super) fn column(&self, column: Column) -> ArrayRef {
        let words = self.words;
        let people = &self.model.people;
        match column {
            Column::MunUf => self.of_owner(&words.states, |owner| {
                people.state(owner.pupil.municipality)
            }),
            Column::MunNome => {
                self.of_owner(&words.municipalities, |owner| owner.pupil.municipality)
            }
            Column::EscInep => self.text(8, |owner, out| {
                people.push_school_code(owner.pupil.school, owner.pupil.municipality, out);
            }),
            Column::EscNome => self.text(32, |owner, out| {
                let written_out = owner.soiled.is(Dirt::SecondSchoolName);
                people.push_school_name(owner.pupil.school, written_out, out);
            }),
            Column::SerNumber => array::<Int32Type>(self.repeat(|at| self.test(at).grade() as i32)),
            Column::SerNome => self.of_test(&words.grades, |test| test.grade() - 1),
            Column::TurPeriodo => self.of_owner(&words.shifts, |owner| owner.pupil.shift),
            Column::TurNome => self.text(10, |owner, out| {
                let quoted = owner.soiled.is(Dirt::QuotedClass);
                texts::push_class(owner.pupil.grade, owner.pupil.class, quoted, out);
            }),
            Column::AluId => {
                let owners = self.owners();
                array::<Int64Type>(self.repeat(|at| owners[at].pupil.number as i64 + 1))
            }
            Column::AluNome => {
                self.text(24, |owner, out| people.push_name(owner.pupil.number, out))
            }
            Column::AluCpf => self.cpfs(),
            Column::AvaNome => self.of_test(&words.rounds, Test::round),
            Column::AvaAno => array::<Int32Type>(vec![YEAR; self.count]),
            Column::DisNome => self.of_test(&words.subjects, |test| test.subject() as usize),
            Column::TesNome => {
                let tests = self.repeat(|at| self.spans[at].place.test as i32);
                words.tests.array(tests)
            }
            Column::TegOrdem => array::<Int32Type>(self.each(|_, _, answer| answer as i32 + 1)),
            Column::AtrResposta => self.answers(),
            Column::AtrCerto => array::<Int32Type>(self.right()),
            Column::MtiCodigo => {
                let valid =
                    self.valid(|owner, answer| owner.soiled.at(answer) != Some(Dirt::MissingCode));
                words.codes.nullable_array(self.asked(), valid)
            }
            Column::MtiDescritor => {
                let valid = self.valid(|_, _| true);
                words.descriptors.nullable_array(self.asked(), valid)
            }
        }
    }

    fn test(&self, span: usize) -> &Test {
        &self.model.tests[self.spans[span].place.test]
    }

    /// Whose sheets the spans are of: the block is made once for all spans that follow in it.
    fn owners(&self) -> &[Owner] {
        self.sheets.get_or_init(|| {
            let mut last: Option<(usize, u64, Block, Absent)> = None;
            let owner = |span: &Span| {
                let Place {
                    test: at, sheet, ..
                } = span.place;
                let test = &self.model.tests[at];
                let (number, within) = test.sheet(sheet);
                let (_, _, block, absent) = match last.take() {
                    Some(same) if (same.0, same.1) == (at, number) => last.insert(same),
                    _ => {
                        let block = self.model.people.block(test.grade(), number);
                        let absent = block.absent(test.absent());
                        last.insert((at, number, block, absent))
                    }
                };
                let pupil = self.model.people.in_block(block, absent.present(within));
                Owner {
                    pupil,
                    soiled: self.model.soiled(test, sheet, &pupil),
                }
            };
            self.spans.iter().map(owner).collect()
        })
    }

    /// The same value for all rows of a span, by the span's number.
    fn repeat<T: Copy>(&self, at: impl Fn(usize) -> T) -> Vec<T> {
        let mut values = Vec::with_capacity(self.count);
        for (number, span) in self.spans.iter().enumerate() {
            values.resize(values.len() + span.count, at(number));
        }
        values
    }

    /// A value for each row, by its test, the span's number and the answer.
    fn each<T>(&self, at: impl Fn(&Test, usize, u64) -> T) -> Vec<T> {
        let mut values = Vec::with_capacity(self.count);
        for (number, span) in self.spans.iter().enumerate() {
            let first = span.place.answer;
            let test = self.test(number);
            values
                .extend((first..first + span.count as u64).map(|answer| at(test, number, answer)));
        }
        values
    }

    fn of_owner(&self, words: &Categories, at: impl Fn(&Owner) -> usize) -> ArrayRef {
        let owners = self.owners();
        words.array(self.repeat(|span| at(&owners[span]) as i32))
    }

    fn of_test(&self, words: &Categories, at: impl Fn(&Test) -> usize) -> ArrayRef {
        words.array(self.repeat(|span| at(self.test(span)) as i32))
    }

    /// A text for each span, written once and copied.
    fn text(&self, usual_bytes: usize, push: impl Fn(&Owner, &mut String)) -> ArrayRef {
        let mut text = String::with_capacity(self.count * usual_bytes);
        let mut offsets = Vec::with_capacity(self.count + 1);
        offsets.push(0);
        for (span, owner) in self.spans.iter().zip(self.owners()) {
            let start = text.len();
            push(owner, &mut text);
            let end = text.len();
            offsets.push(end as i32);
            for _ in 1..span.count {
                text.extend_from_within(start..end);
                offsets.push(text.len() as i32);
            }
        }
        utf8(text.into_bytes(), offsets, None)
    }

    /// Nulls have no text.
    fn cpfs(&self) -> ArrayRef {
        let mut text = Vec::with_capacity(self.count * 11);
        let mut offsets = Vec::with_capacity(self.count + 1);
        offsets.push(0);
        let owners = self.owners();
        let is_known = |owner: &Owner| owner.pupil.has_cpf && !owner.soiled.is(Dirt::MissingCpf);
        for (span, owner) in self.spans.iter().zip(owners) {
            let known = is_known(owner).then(|| self.model.people.cpf(&owner.pupil));
            for _ in 0..span.count {
                text.extend(known.iter().flatten());
                offsets.push(text.len() as i32);
            }
        }
        let valid = self.repeat(|span| is_known(&owners[span]));
        utf8(text, offsets, Some(NullBuffer::from(valid)))
    }

    fn given(&self, test: &Test, owner: &Owner, place: Place, answer: u64) -> (&'static str, bool) {
        let row = test.rows.start + place.sheet * test.answers() + answer;
        let bits = self.model.answers.at(row);
        let dirt = owner.soiled.at(answer);
        given(test, answer, owner.pupil.level, bits, dirt)
    }

    fn answers(&self) -> ArrayRef {
        let mut text = Vec::with_capacity(self.count * 2);
        let mut offsets = Vec::with_capacity(self.count + 1);
        offsets.push(0);
        for (span, owner) in self.spans.iter().zip(self.owners()) {
            let sat = &self.model.tests[span.place.test];
            let first = span.place.answer;
            for answer in first..first + span.count as u64 {
                let (given, _) = self.given(sat, owner, span.place, answer);
                text.extend_from_slice(given.as_bytes());
                offsets.push(text.len() as i32);
            }
        }
        utf8(text, offsets, None)
    }

    fn right(&self) -> Vec<i32> {
        let owners = self.owners();
        self.each(|test, span, answer| {
            let place = self.spans[span].place;
            i32::from(self.given(test, &owners[span], place, answer).1)
        })
    }

    /// The descriptor of each row; of reading any, which a null hides.
    fn asked(&self) -> Vec<i32> {
        self.each(|test, _, answer| descriptor(test, answer).unwrap_or_default() as i32)
    }

    fn valid(&self, at: impl Fn(&Owner, u64) -> bool) -> NullBuffer {
        let owners = self.owners();
        let valid = self.each(|test, span, answer| {
            test.subject() != Subject::Reading && at(&owners[span], answer)
        });
        NullBuffer::from(valid)
    }
}

fn array<T: ArrowPrimitiveType>(values: Vec<T::Native>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::from(values), None))
}
