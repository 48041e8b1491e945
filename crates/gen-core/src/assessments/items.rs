//! Items of tests: their constants, and the chance of a right answer.

use std::sync::LazyLock;

use super::calibration::READING_CUTS;
use super::{mathematics, portuguese};

/// Steps of ability in one standard deviation of the pupils of a school.
pub(super) const STEPS: f64 = 64.0;
/// Abilities on the grid of chances: four standard deviations to either side.
pub(super) const LEVELS: usize = 512;
/// Letters of an item, one of which is right.
pub(super) const LETTERS: [&str; 5] = ["A", "B", "C", "D", "E"];
/// What pupils are found to read, from least to most.
pub const READING_LEVELS: [&str; 6] = [
    "nao_leitor",
    "silabas",
    "palavras",
    "frases",
    "nao_fluente",
    "fluente",
];
/// How sharply reading tests tell their levels apart.
const READING_DISCRIMINATION: f64 = 1.5;
/// How much more is read in each grade, and in the second round, in standard deviations.
const READING_GROWTH: (f64, f64) = (0.35, 0.25);

/// An item of a test of mathematics or Portuguese.
///
/// A pupil of ability `t` answers it right with `c + (1 - c) / (1 + exp(-1.7 a (t - b)))`.
/// **Units**: abilities and difficulties in standard deviations of the pupils of a school.
/// **Source**: the three-parameter model of Birnbaum (1968); the constants are made by
/// `scripts/assessments.py`.
///
/// ```
/// use lakeseed_gen_core::{Settings, assessments::Assessments};
///
/// let assessments = Assessments::new(&Settings::new())?;
/// let item = &assessments.tests()[0].items()[0];
/// assert!(item.chance(-2.0) < item.chance(2.0));
/// # Ok::<(), lakeseed_gen_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    descriptor: u8,
    key: u8,
    discrimination: i16,
    difficulty: i16,
    guessing: i16,
    weights: [u8; 5],
}

/// Discrimination, difficulty and guessing in thousandths; weights of the wrong letters.
pub(super) const fn item(
    descriptor: u8,
    key: u8,
    discrimination: i16,
    difficulty: i16,
    guessing: i16,
    weights: [u8; 5],
) -> Item {
    Item {
        descriptor,
        key,
        discrimination,
        difficulty,
        guessing,
        weights,
    }
}

impl Item {
    /// What it asks for, as a place among the 81 descriptors of its subject.
    pub fn descriptor(&self) -> usize {
        usize::from(self.descriptor)
    }

    /// The right letter.
    pub fn key(&self) -> &'static str {
        LETTERS[usize::from(self.key)]
    }

    /// How sharply it tells pupils apart: `a`.
    pub fn discrimination(&self) -> f64 {
        f64::from(self.discrimination) / 1000.0
    }

    /// The ability at which half of those who do not guess answer right: `b`.
    pub fn difficulty(&self) -> f64 {
        f64::from(self.difficulty) / 1000.0
    }

    /// The chance of those who know nothing: `c`.
    pub fn guessing(&self) -> f64 {
        f64::from(self.guessing) / 1000.0
    }

    /// The chance that a pupil of that ability answers right.
    pub fn chance(&self, ability: f64) -> f64 {
        let guessing = self.guessing();
        let known = logistic(self.discrimination() * (ability - self.difficulty()));
        guessing + (1.0 - guessing) * known
    }

    /// The wrong letter that these random bits choose.
    #[inline]
    pub(super) fn wrong(&self, bits: u32) -> &'static str {
        let total: u32 = self.weights.iter().map(|&weight| u32::from(weight)).sum();
        let mut left = ((u64::from(bits) * u64::from(total)) >> 32) as u32;
        for (letter, &weight) in LETTERS.iter().zip(&self.weights) {
            if left < u32::from(weight) {
                return letter;
            }
            left -= u32::from(weight);
        }
        LETTERS[0]
    }
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-1.7 * x))
}

/// All items of mathematics by grade and round, then those of Portuguese.
pub(super) fn all() -> impl Iterator<Item = &'static [Item]> {
    mathematics::ITEMS.iter().chain(&portuguese::ITEMS).copied()
}

/// The ability of a place on the grid.
pub(super) fn ability(level: usize) -> f64 {
    (level as f64 - (LEVELS / 2) as f64) / STEPS
}

/// Chances over the grid of abilities as parts of 2^32: one draw and one comparison an answer.
#[derive(Debug)]
pub(super) struct Chances {
    /// By item, in the order of [`all`].
    pub(super) right: Vec<[u32; LEVELS]>,
}

/// The same for every dataset and seed: made when the first row is, 1.7 MB for the process.
pub(super) static CHANCES: LazyLock<Chances> = LazyLock::new(|| {
    let of_item = |item: &Item| std::array::from_fn(|level| threshold(item.chance(ability(level))));
    Chances {
        right: all().flatten().map(of_item).collect(),
    }
});

/// By ability, the chances to reach each level of reading after the first.
pub(super) type ReadingChances = [[u32; 5]; LEVELS];

/// The chances of a reading test: the graded response model of Samejima (1969).
pub(super) fn reading_chances(grade: usize, round: usize) -> Box<ReadingChances> {
    let (a_grade, a_round) = READING_GROWTH;
    let growth = a_grade * (grade as f64 - 3.0) + a_round * round as f64;
    let reach = |level: usize, cut: i32| {
        let above = ability(level) + growth - f64::from(cut) / 1000.0;
        threshold(logistic(READING_DISCRIMINATION * above))
    };
    Box::new(std::array::from_fn(|level| {
        READING_CUTS.map(|cut| reach(level, cut))
    }))
}

fn threshold(chance: f64) -> u32 {
    libm::round(chance * (1u64 << 32) as f64).min(f64::from(u32::MAX)) as u32
}
