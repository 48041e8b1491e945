//! `assessments`: answers of pupils in a state-wide school test.
//!
//! One table, a row for each pupil and item, with everything about the pupil, its school and the
//! test repeated in every row, as an export has it. Below it lies arithmetic: `exams` which row is
//! which answer, `people` who a pupil is, `items` and `answers` what is answered, `dirt` what is
//! wrong on purpose. [`Assessments`] offers the same to those who check what was made of the rows.

mod answers;
mod avaliacao;
mod batch;
mod calibration;
mod dirt;
mod exams;
mod items;
mod mathematics;
mod oracle;
mod people;
mod portuguese;
mod texts;
mod views;

use std::sync::Arc;

pub use dirt::Dirt;
pub use exams::{Subject, Test, YEAR};
pub use items::{Item, READING_LEVELS};
pub use oracle::{Answer, Municipality, School, Sheet};
pub use people::Pupil;

use crate::brazil::CPFS;
use crate::dataset::{Dataset, DatasetInfo, Parameter, ParameterKind, Resolved, Root, Settings};
use crate::error::Result;
use crate::permute::Permutation;
use crate::seed::Stream;
use crate::table::Table;

/// What the dataset is.
pub static INFO: DatasetInfo = DatasetInfo {
    name: "assessments",
    about: "a state-wide school test: one wide table of answers, for a star to be made of",
    data_version: 1,
    has_window: false,
    build,
    tables: &[(avaliacao::NAME, avaliacao::ABOUT)],
    roots: &[Root {
        table: PUPILS,
        // The 315,177 pupils of the original are scale 8.
        rows_at_scale_1: exams::ALL_PUPILS as f64 / 8.0,
        limit: (CPFS, ", as many as there are CPFs in a fiscal region"),
    }],
    replaceable: &[],
    parameters: &[
        Parameter {
            name: "states",
            about: "to how many states the 78 municipalities belong",
            kind: ParameterKind::Integer(1, 27),
            default: "1",
        },
        Parameter {
            name: "shuffle",
            about: "rows in an order that helps nobody",
            kind: ParameterKind::Switch,
            default: "off",
        },
        Parameter {
            name: "dirt",
            about: "rows that are wrong as real ones are: missing codes, two names, quotes",
            kind: ParameterKind::Switch,
            default: "off",
        },
    ],
    views: views::VIEWS,
};

/// What is counted: pupils, who have no table of their own.
const PUPILS: &str = "pupils";

/// The dataset `assessments`.
///
/// | table | rows at scale 1 | key |
/// |---|---|---|
/// | `avaliacao` | 3,349,000, from 39,397 pupils | `ALU_ID`, `TES_NOME`, `TEG_ORDEM` |
///
/// Beside the rows, it tells who a pupil is and what it has answered: facts of a star can be
/// computed a second way, without the rows.
///
/// ```
/// use lakeseed_gen_core::{Settings, assessments::Assessments};
///
/// let assessments = Assessments::new(&Settings::new().rows("pupils", 1000))?;
/// let test = &assessments.tests()[0];
/// assert_eq!(test.name(), "2025_MAT_1ano_Diag");
/// let right: usize = assessments
///     .sheets(0)
///     .map(|sheet| assessments.answers(&sheet).filter(|answer| answer.is_right).count())
///     .sum();
/// let asked = test.rows().end - test.rows().start;
/// assert!((0.5..0.95).contains(&(right as f64 / asked as f64)));
/// # Ok::<(), lakeseed_gen_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Assessments {
    dataset: Dataset,
    model: Arc<Model>,
}

impl Assessments {
    /// Fixes the settings.
    ///
    /// # Errors
    /// As [`Dataset::new`].
    pub fn new(settings: &Settings) -> Result<Self> {
        let dataset = INFO.dataset(settings)?;
        let model = Arc::new(Model::new(dataset.resolved()));
        Ok(Self { dataset, model })
    }

    /// The one table.
    pub fn avaliacao(&self) -> &Table {
        &self.dataset.tables()[0]
    }

    /// As any dataset.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }
}

/// All that rows follow from.
#[derive(Debug)]
struct Model {
    people: people::People,
    tests: Vec<Test>,
    answers: Stream,
    dirt: Option<Stream>,
    /// The row in the usual order that stands at each place.
    shuffle: Option<Permutation>,
}

impl Model {
    fn new(settings: &Resolved) -> Self {
        let dataset = Stream::root(INFO.name, settings.data_version, settings.seed);
        let stream = dataset.named(avaliacao::NAME);
        let states = settings.number("states").unwrap_or(1);
        let people = people::People::new(stream, settings.rows(PUPILS), states);
        let tests = exams::tests(&people.grades);
        let rows = tests.last().map_or(0, |test| test.rows.end);
        let shuffle = settings.is_on("shuffle").then(|| stream.named("shuffle"));
        Self {
            people,
            tests,
            answers: stream.named("ATR_RESPOSTA"),
            dirt: settings.is_on("dirt").then(|| stream.named("dirt")),
            shuffle: shuffle.map(|stream| Permutation::new(stream, rows)),
        }
    }

    fn rows(&self) -> u64 {
        self.tests.last().map_or(0, |test| test.rows.end)
    }

    /// The row in the usual order.
    #[inline]
    fn usual_row(&self, row: u64) -> u64 {
        self.shuffle
            .as_ref()
            .map_or(row, |order| order.forward(row))
    }
}

#[expect(clippy::unnecessary_wraps, reason = "one signature for all datasets")]
fn build(settings: &Resolved) -> Result<Vec<Table>> {
    let model = Arc::new(Model::new(settings));
    Ok(vec![Table::new(avaliacao::Avaliacao::new(model))])
}
