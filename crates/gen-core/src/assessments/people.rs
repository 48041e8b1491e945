//! Municipalities, schools and pupils: everything about a pupil follows from its number.
//!
//! Pupils are numbered by grade, municipality, school and class. Each of these is a cut of a range
//! of numbers, found by arithmetic: no list grows with the pupils.

use std::ops::Range;

use super::calibration::{ABILITIES, MUNICIPALITIES};
use super::exams::{ALL_PUPILS, BLOCK, GRADES, PUPILS, Window};
use super::items::{self, LEVELS};
use crate::brazil::{CPFS, STATES, State, cpf};
use crate::names;
use crate::permute::Permutation;
use crate::seed::Stream;

/// Schools at the original's scale.
const SCHOOLS: u64 = 1_481;
/// Municipalities, at every scale.
pub(super) const PLACES: usize = MUNICIPALITIES.len();
/// How far the border between two schools is moved, in 1024ths of a school: schools of a
/// municipality have 0.3 to 1.7 of their mean size.
const BORDER: i64 = 358;
/// The most pupils of a class.
const CLASS: u64 = 30;
/// The most that a school adds to or takes from the ability of its pupils, in steps.
const SCHOOL_ABILITY: i64 = 24;
/// Shares of the shifts in the first grade and in the last, in thousandths; even between them.
const SHIFT_SHARES: [(u64, u64); 2] = [(390, 600), (500, 320)];
/// Shifts, as the column `TUR_PERIODO` has them; the last has what the others leave.
pub(super) const SHIFTS: [&str; 3] = ["Manhã", "Tarde", "Integral"];
/// Pupils without a CPF, of each block.
const WITHOUT_CPF: Window = Window {
    start: 246,
    len: 10,
};
/// Codes of schools after the two digits of their state.
const SCHOOL_CODES: u64 = 1_000_000;
/// What schools are called, and the same written out.
const SCHOOL_KINDS: [(&str, &str); 4] = [
    ("EMEF", "Escola Municipal de Ensino Fundamental"),
    (
        "EMEIEF",
        "Escola Municipal de Educação Infantil e Ensino Fundamental",
    ),
    ("EEEF", "Escola Estadual de Ensino Fundamental"),
    ("EEEFM", "Escola Estadual de Ensino Fundamental e Médio"),
];

/// A pupil.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pupil {
    /// Its number, from 0; `ALU_ID` is one more.
    pub number: u64,
    /// Its grade, 1 to 9.
    pub grade: usize,
    /// The number of its municipality.
    pub municipality: usize,
    /// The number of its school.
    pub school: u64,
    /// The class among those of its school and grade.
    pub class: u64,
    /// The shift of the class: 0 in the morning, 1 in the afternoon, 2 all day.
    pub shift: usize,
    /// Whether a CPF is known of it.
    pub has_cpf: bool,
    /// Its ability on the grid of chances.
    pub(super) level: usize,
    /// Its place in the keyed order of its block, and the block's size.
    pub(super) rank: (u64, u64),
}

impl Pupil {
    /// Its ability, in standard deviations of the pupils of a school.
    pub fn ability(&self) -> f64 {
        items::ability(self.level)
    }

    /// Its shift, as the column `TUR_PERIODO` has it.
    pub fn shift_name(&self) -> &'static str {
        SHIFTS[self.shift]
    }
}

/// The pupils of a grade that attendance is arranged for together.
#[derive(Debug, Clone)]
pub(super) struct Block {
    grade: usize,
    first: u64,
    size: u64,
    /// Who is absent, who has no CPF, whose sheets are soiled.
    order: Permutation,
    abilities: Permutation,
}

impl Block {
    /// Those whose place in the keyed order lies in a window.
    pub(super) fn absent(&self, window: Window) -> Absent {
        let mut absent = Absent([0; 4]);
        for rank in window.of(self.size) {
            let at = self.order.inverse(rank);
            absent.0[(at / 64) as usize] |= 1 << (at % 64);
        }
        absent
    }
}

/// Which of a block's pupils are absent, a bit each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Absent([u64; 4]);

impl Absent {
    /// The pupil of the block who is the `number`-th of those present.
    #[inline]
    pub(super) fn present(&self, mut number: u64) -> u64 {
        for (word, &absent) in (0u64..).zip(&self.0) {
            let count = u64::from(absent.count_zeros());
            if number < count {
                let mut present = !absent;
                for _ in 0..number {
                    present &= present - 1;
                }
                return word * 64 + u64::from(present.trailing_zeros());
            }
            number -= count;
        }
        unreachable!("a block has no more sheets than pupils present")
    }

    /// Which of those present the pupil at a place in the block is; none who is absent.
    pub(super) fn number_of(&self, at: u64) -> Option<u64> {
        let (word, bit) = ((at / 64) as usize, at % 64);
        let is_present = self.0[word] >> bit & 1 == 0;
        let before = self.0[..word].iter().map(|word| word.count_zeros());
        let beside = (!self.0[word] & ((1 << bit) - 1)).count_ones();
        is_present.then(|| u64::from(before.sum::<u32>() + beside))
    }
}

/// The arithmetic of people.
#[derive(Debug)]
pub(super) struct People {
    /// The first pupil of each grade, and one past the last.
    pub(super) grades: [u64; GRADES + 1],
    /// The end of each municipality among the pupils of a grade, counted from the grade's first.
    ends: Vec<[u64; PLACES]>,
    /// The first school of each municipality, and one past the last.
    schools: [u64; PLACES + 1],
    pub(super) states: Vec<&'static State>,
    pub(super) names: Vec<String>,
    streams: Streams,
    cpfs: Permutation,
    codes: Permutation,
}

#[derive(Debug)]
struct Streams {
    order: Stream,
    ability: Stream,
    shift: Stream,
    border: Stream,
    school_ability: Stream,
    school_name: Stream,
    name: Stream,
}

impl People {
    pub(super) fn new(stream: Stream, pupils: u64, states: usize) -> Self {
        let upto = |part: u64| rounded(pupils, part, ALL_PUPILS);
        let mut grades = [0; GRADES + 1];
        let mut places = [0; PLACES + 1];
        for (at, size) in PUPILS.iter().enumerate() {
            grades[at + 1] = grades[at] + size;
        }
        for (at, (size, _)) in MUNICIPALITIES.iter().enumerate() {
            places[at + 1] = places[at] + u64::from(*size);
        }
        let schools = upto(SCHOOLS).max(PLACES as u64);
        let spare = schools - PLACES as u64;
        Self {
            ends: ends(pupils, &grades, &places),
            grades: grades.map(upto),
            schools: std::array::from_fn(|at| at as u64 + rounded(spare, places[at], ALL_PUPILS)),
            states: states_of(states),
            names: city_names(stream),
            streams: Streams {
                order: stream.named("order"),
                ability: stream.named("ability"),
                shift: stream.named("shift"),
                border: stream.named("border"),
                school_ability: stream.named("school_ability"),
                school_name: stream.named("ESC_NOME"),
                name: stream.named("ALU_NOME"),
            },
            cpfs: Permutation::new(stream.named("ALU_CPF"), CPFS),
            codes: Permutation::new(stream.named("ESC_INEP"), SCHOOL_CODES),
        }
    }

    pub(super) fn pupils(&self) -> u64 {
        self.grades[GRADES]
    }

    pub(super) fn schools(&self) -> u64 {
        self.schools[PLACES]
    }

    /// The schools of a municipality.
    pub(super) fn schools_of(&self, municipality: usize) -> Range<u64> {
        self.schools[municipality]..self.schools[municipality + 1]
    }

    pub(super) fn municipality_of(&self, school: u64) -> usize {
        self.schools[1..].partition_point(|&end| end <= school)
    }

    pub(super) fn state(&self, municipality: usize) -> usize {
        municipality % self.states.len()
    }

    /// How many pupils a municipality has.
    pub(super) fn pupils_in(&self, municipality: usize) -> u64 {
        let grades = 0..GRADES;
        let in_grade = grades.map(|grade| {
            let range = self.range(grade, municipality);
            range.end - range.start
        });
        in_grade.sum()
    }

    /// The pupils of a municipality among those of a grade, which is counted from 0 here.
    fn range(&self, grade: usize, municipality: usize) -> Range<u64> {
        let ends = &self.ends[grade];
        municipality.checked_sub(1).map_or(0, |before| ends[before])..ends[municipality]
    }

    /// The block of a grade (1 to 9) with that number.
    pub(super) fn block(&self, grade: usize, number: u64) -> Block {
        let first = self.grades[grade - 1] + number * BLOCK;
        let size = BLOCK.min(self.grades[grade] - first);
        Block {
            grade,
            first,
            size,
            order: Permutation::new(self.streams.order.fork(first), size),
            abilities: Permutation::new(self.streams.ability.fork(first), size),
        }
    }

    /// The pupil of that number.
    pub(super) fn pupil(&self, number: u64) -> Pupil {
        let grade = self.grades[1..].partition_point(|&end| end <= number) + 1;
        let within = number - self.grades[grade - 1];
        self.in_block(&self.block(grade, within / BLOCK), within % BLOCK)
    }

    /// The pupil at a place in a block.
    pub(super) fn in_block(&self, block: &Block, at: u64) -> Pupil {
        let number = block.first + at;
        let grade = block.grade - 1;
        let within = number - self.grades[grade];
        let municipality = self.ends[grade].partition_point(|&end| end <= within);
        let local = self.range(grade, municipality);
        let (pupils, within) = (local.end - local.start, within - local.start);
        let schools = self.schools_of(municipality);
        let (school, members) = self.school_at(&schools, pupils, within);
        let size = members.end - members.start;
        let class = (within - members.start) * size.div_ceil(CLASS) / size;
        let rank = block.order.forward(at);
        let quantile = (block.abilities.forward(at) * BLOCK + BLOCK / 2) / block.size;
        let ability = i64::from(ABILITIES[quantile as usize])
            + i64::from(MUNICIPALITIES[municipality].1)
            + self.school_ability(&schools, school);
        let level = (ability + LEVELS as i64 / 2).clamp(0, LEVELS as i64 - 1);
        Pupil {
            number,
            grade: block.grade,
            municipality,
            school,
            class,
            shift: self.shift(block.grade, school, class),
            has_cpf: !WITHOUT_CPF.of(block.size).contains(&rank),
            level: level as usize,
            rank: (rank, block.size),
        }
    }

    /// The school of the `within`-th of a municipality's pupils of a grade, and which of these it
    /// has.
    fn school_at(&self, schools: &Range<u64>, pupils: u64, within: u64) -> (u64, Range<u64>) {
        let count = schools.end - schools.start;
        // A border lies within half a school of its even place: the school is the even one or a
        // neighbour of it.
        let border = |number: u64| {
            if number == 0 || number == count {
                return pupils * number / count;
            }
            let stream = self.streams.border;
            let moved = stream.between(schools.start + number, -BORDER, BORDER);
            let place = (number * 1024).saturating_add_signed(moved);
            pupils * place / (count * 1024)
        };
        let mut number = within * count / pupils;
        let mut members = border(number)..border(number + 1);
        while within < members.start {
            number -= 1;
            members = border(number)..members.start;
        }
        while within >= members.end {
            number += 1;
            members = members.end..border(number + 1);
        }
        (schools.start + number, members)
    }

    /// Two neighbouring schools balance each other, so that a municipality's mean is its own.
    fn school_ability(&self, schools: &Range<u64>, school: u64) -> i64 {
        let number = school - schools.start;
        let pair = number / 2;
        if 2 * pair + 2 > schools.end - schools.start {
            return 0;
        }
        let stream = self.streams.school_ability;
        let ability = stream.between(schools.start + pair, -SCHOOL_ABILITY, SCHOOL_ABILITY);
        if number.is_multiple_of(2) {
            ability
        } else {
            -ability
        }
    }

    /// The shift of a class: a sequence of low discrepancy over schools and classes, so that the
    /// shares are met by few schools too.
    fn shift(&self, grade: usize, school: u64, class: u64) -> usize {
        // The two-dimensional golden ratio of M. Roberts (2018), as parts of 2^32.
        let place = (self.streams.shift.at(grade as u64) as u32)
            .wrapping_add((school as u32).wrapping_mul(0xC13F_A9A9))
            .wrapping_add((class as u32).wrapping_mul(0x91E1_0DA5));
        let at = (u64::from(place) * 1000) >> 32;
        let mut share = 0;
        for (shift, (first, last)) in SHIFT_SHARES.into_iter().enumerate() {
            let (first, last) = (first * (GRADES - grade) as u64, last * (grade as u64 - 1));
            share += (first + last) / (GRADES as u64 - 1);
            if at < share {
                return shift;
            }
        }
        SHIFT_SHARES.len()
    }

    /// Appends the code of a school: the state's number and six digits.
    pub(super) fn push_school_code(&self, school: u64, municipality: usize, out: &mut String) {
        let state = u64::from(self.states[self.state(municipality)].number);
        let mut number = state * SCHOOL_CODES + self.codes.forward(school);
        let mut digits = [b'0'; 8];
        for digit in digits.iter_mut().rev() {
            *digit += (number % 10) as u8;
            number /= 10;
        }
        out.extend(digits.map(char::from));
    }

    /// The school that a code may be of: that of its last six digits.
    pub(super) fn school_of_code(&self, code: u64) -> Option<u64> {
        let school = self.codes.inverse(code % SCHOOL_CODES);
        (school < self.schools()).then_some(school)
    }

    /// Appends the name of a school: short, or with its kind written out.
    pub(super) fn push_school_name(&self, school: u64, written_out: bool, out: &mut String) {
        let row = self.streams.school_name.fork(school);
        let (short, long) = SCHOOL_KINDS[row.below(10, SCHOOL_KINDS.len() as u64) as usize];
        let woman = row.happens(11, 550);
        out.push_str(if written_out { long } else { short });
        out.push_str(match (row.happens(12, 500), woman) {
            (true, true) => " Professora ",
            (true, false) => " Professor ",
            (false, _) => " ",
        });
        names::person(row, woman, out);
    }

    /// Appends the name of a pupil.
    pub(super) fn push_name(&self, pupil: u64, out: &mut String) {
        let row = self.streams.name.fork(pupil);
        names::person(row, row.happens(10, 490), out);
    }

    /// The CPF of a pupil, issued in the state of its municipality.
    pub(super) fn cpf(&self, pupil: &Pupil) -> [u8; 11] {
        let state = self.states[self.state(pupil.municipality)];
        cpf(self.cpfs.forward(pupil.number), state.cpf_region)
    }
}

/// The state that the original was of, and then the others, those with most people first.
fn states_of(count: usize) -> Vec<&'static State> {
    let original = |state: &&State| state.code == "ES";
    let first = STATES.iter().filter(original);
    let others = STATES.iter().filter(|state| !original(state));
    first.chain(others).take(count).collect()
}

fn city_names(stream: Stream) -> Vec<String> {
    let mut cities = names::cities(STATES.len());
    let order = Permutation::new(stream.named("MUN_NOME"), cities.len() as u64);
    let name = |at: usize| std::mem::take(&mut cities[order.forward(at as u64) as usize]);
    (0..PLACES).map(name).collect()
}

/// `n` times `part` of `whole`, rounded to the nearest.
fn rounded(n: u64, part: u64, whole: u64) -> u64 {
    ((u128::from(n) * u128::from(part) + u128::from(whole / 2)) / u128::from(whole)) as u64
}

/// Cuts grades and municipalities at once, so that both have their exact sizes: the count of each
/// pair is that of four corners. Where pairs are smaller than the rounding, the cut stays in order
/// and the sizes of municipalities give way.
fn ends(pupils: u64, grades: &[u64], places: &[u64]) -> Vec<[u64; PLACES]> {
    let corner = |grade: usize, place: usize| {
        let part = u128::from(grades[grade]) * u128::from(places[place]);
        let whole = u128::from(ALL_PUPILS) * u128::from(ALL_PUPILS);
        ((u128::from(pupils) * part + whole / 2) / whole) as u64
    };
    let of_grade = |grade: usize| {
        let mut last = 0;
        let size = corner(grade + 1, PLACES) - corner(grade, PLACES);
        std::array::from_fn(|at| {
            let end = corner(grade + 1, at + 1) - corner(grade, at + 1);
            last = end.clamp(last, size);
            last
        })
    };
    (0..GRADES).map(of_grade).collect()
}
