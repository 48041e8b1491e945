//! The star of `assessments`, from pupils, tests and sheets.

mod dimensions;
mod fact;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow_array::RecordBatch;
use lakeseed_gen_core::Settings;
use lakeseed_gen_core::assessments::{Assessments, Dirt, Municipality};

use super::keyed::Keyed;
use super::rows::numbers;
use super::{Judged, oracle_error, side_by_side};
use crate::Result;

/// The member of `dim_descritor` that answers without a code are of.
const NONE: &str = "SEM_DESCRITOR";

/// All tables of the star.
pub(super) fn tables(
    settings: &Settings,
    threads: usize,
    stop: &AtomicBool,
) -> Result<Vec<Box<dyn Judged>>> {
    let data = Assessments::new(settings)
        .map_err(|error| oracle_error("assessments", error.to_string()))?;
    let data = Arc::new(Data::new(data, threads, stop)?);
    Ok(vec![
        Box::new(Keyed::new(dimensions::Pupils::new(&data), threads, stop)?),
        Box::new(Keyed::new(
            dimensions::Descriptors::new(&data),
            threads,
            stop,
        )?),
        Box::new(Keyed::new(dimensions::Schools::new(&data), threads, stop)?),
        Box::new(Keyed::new(
            dimensions::Municipalities::new(&data),
            threads,
            stop,
        )?),
        Box::new(Keyed::new(dimensions::Tests::new(&data), threads, stop)?),
        Box::new(Keyed::new(fact::Answers::new(&data), threads, stop)?),
    ])
}

/// The dataset, and what is looked up in it by name.
struct Data {
    of: Assessments,
    tests: HashMap<String, usize>,
    /// Codes and texts of descriptors; the last is the member for none, whose text is not known here.
    descriptors: Vec<(String, String)>,
    codes: HashMap<String, usize>,
    municipalities: Vec<Municipality>,
    places: HashMap<(String, String), usize>,
    seen: Seen,
}

/// What a walk over all sheets has seen.
struct Seen {
    /// Schools on sheets under their name, and under their second one.
    schools: [Vec<bool>; 2],
    municipalities: Vec<bool>,
    /// Answers of each descriptor that have no code.
    without_code: Vec<u64>,
}

impl Data {
    fn new(of: Assessments, threads: usize, stop: &AtomicBool) -> Result<Self> {
        let mut descriptors: Vec<_> = of.descriptors().collect();
        let seen = Seen::new(&of, descriptors.len(), threads, stop)?;
        descriptors.push((NONE.to_owned(), String::new()));
        let numbered = |(at, (code, _)): (usize, &(String, String))| (code.clone(), at);
        let municipalities: Vec<_> = (0..).map_while(|at| of.municipality(at)).collect();
        let place = |(at, of): (usize, &Municipality)| ((of.state.to_owned(), of.name.clone()), at);
        let tests = of.tests().iter().enumerate();
        Ok(Self {
            tests: tests
                .map(|(at, test)| (test.name().to_owned(), at))
                .collect(),
            codes: descriptors.iter().enumerate().map(numbered).collect(),
            places: municipalities.iter().enumerate().map(place).collect(),
            descriptors,
            municipalities,
            seen,
            of,
        })
    }

    /// The number of the member for no descriptor.
    fn none(&self) -> usize {
        self.descriptors.len() - 1
    }
}

impl Seen {
    fn new(
        of: &Assessments,
        descriptors: usize,
        threads: usize,
        stop: &AtomicBool,
    ) -> Result<Self> {
        let nothing = || Self {
            schools: [(); 2].map(|()| vec![false; of.schools() as usize]),
            municipalities: vec![false; (0..).map_while(|at| of.municipality(at)).count()],
            without_code: vec![0; descriptors],
        };
        let of_test = |test| {
            let mut seen = nothing();
            for sheet in of.sheets(test) {
                let pupil = sheet.pupil;
                let name = usize::from(sheet.is(Dirt::SecondSchoolName));
                seen.schools[name][pupil.school as usize] = true;
                seen.municipalities[pupil.municipality] = true;
                if sheet.is(Dirt::MissingCode) {
                    let answers = of.answers(&sheet).filter(|answer| !answer.has_code);
                    let asked = answers.filter_map(|answer| answer.descriptor);
                    asked.for_each(|descriptor| seen.without_code[descriptor] += 1);
                }
            }
            seen
        };
        let of_tests = side_by_side(of.tests().len(), threads, stop, of_test)?;
        Ok(of_tests.into_iter().fold(nothing(), Self::and))
    }

    fn and(mut self, other: Self) -> Self {
        let or = |all: &mut Vec<bool>, other: Vec<bool>| {
            all.iter_mut()
                .zip(other)
                .for_each(|(all, other)| *all |= other);
        };
        for (all, other) in self.schools.iter_mut().zip(other.schools) {
            or(all, other);
        }
        or(&mut self.municipalities, other.municipalities);
        for (all, other) in self.without_code.iter_mut().zip(other.without_code) {
            *all += other;
        }
        self
    }
}

/// The numbers of pupils, from 0, of a column of `ALU_ID`.
fn pupils(rows: &RecordBatch, column: usize) -> impl Fn(usize) -> Option<u64> {
    let id = numbers(rows, column);
    move |row| u64::try_from(id(row)?).ok()?.checked_sub(1)
}
