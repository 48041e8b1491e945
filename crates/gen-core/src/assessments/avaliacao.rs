//! `avaliacao`: one row a pupil and item.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::Model;
use super::batch::Batch;
use super::dirt::Dirt;
use super::exams::{ROUNDS, Subject, Test};
use super::people::SHIFTS;
use super::texts;
use crate::column::{Categories, category_type};
use crate::hints::{self, Hints};
use crate::rows::Rows;
use crate::table::{Generate, Planted};

pub(super) const NAME: &str = "avaliacao";
pub(super) const ABOUT: &str = "a pupil's answer to an item, with pupil, school and test";

/// The table.
#[derive(Debug)]
pub(super) struct Avaliacao {
    model: Arc<Model>,
    schema: SchemaRef,
    words: Words,
}

/// Texts that all batches share.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) states: Categories,
    pub(super) municipalities: Categories,
    pub(super) grades: Categories,
    pub(super) shifts: Categories,
    pub(super) rounds: Categories,
    pub(super) subjects: Categories,
    pub(super) tests: Categories,
    pub(super) codes: Categories,
    pub(super) descriptors: Categories,
}

const SUBJECTS: [Subject; 3] = [Subject::Mathematics, Subject::Portuguese, Subject::Reading];

/// The columns in their order; the position in the schema is that of the variant.
#[derive(Debug, Clone, Copy)]
pub(super) enum Column {
    MunUf,
    MunNome,
    EscInep,
    EscNome,
    SerNumber,
    SerNome,
    TurPeriodo,
    TurNome,
    AluId,
    AluNome,
    AluCpf,
    AvaNome,
    AvaAno,
    DisNome,
    TesNome,
    TegOrdem,
    AtrResposta,
    AtrCerto,
    MtiCodigo,
    MtiDescritor,
}

const COLUMNS: [Column; 20] = [
    Column::MunUf,
    Column::MunNome,
    Column::EscInep,
    Column::EscNome,
    Column::SerNumber,
    Column::SerNome,
    Column::TurPeriodo,
    Column::TurNome,
    Column::AluId,
    Column::AluNome,
    Column::AluCpf,
    Column::AvaNome,
    Column::AvaAno,
    Column::DisNome,
    Column::TesNome,
    Column::TegOrdem,
    Column::AtrResposta,
    Column::AtrCerto,
    Column::MtiCodigo,
    Column::MtiDescritor,
];

impl Column {
    fn field(self, is_shuffled: bool) -> Field {
        let as_is = |encoding: &str| Hints::default().with(hints::ENCODING, encoding);
        let delta = || as_is("delta");
        let few = || as_is("dictionary");
        let key = |hints: Hints| hints.with(hints::KEY, "primary");
        // A pupil's rows stand together, unless they are shuffled.
        let own = || {
            as_is(if is_shuffled {
                "delta_length"
            } else {
                "dictionary"
            })
        };
        let dict = category_type;
        let (name, data_type, nullable, hints, doc) = match self {
            Self::MunUf => ("MUN_UF", dict(), false, few(), "state"),
            Self::MunNome => ("MUN_NOME", dict(), false, few(), "municipality, made up"),
            Self::EscInep => (
                "ESC_INEP",
                DataType::Utf8,
                false,
                few(),
                "code of the school",
            ),
            Self::EscNome => ("ESC_NOME", DataType::Utf8, false, few(), "school, made up"),
            Self::SerNumber => {
                let hints = if is_shuffled {
                    delta()
                } else {
                    delta().with(hints::SORTED, "asc")
                };
                ("SER_NUMBER", DataType::Int32, false, hints, "grade, 1 to 9")
            }
            Self::SerNome => ("SER_NOME", dict(), false, few(), "grade"),
            Self::TurPeriodo => ("TUR_PERIODO", dict(), false, few(), "shift of the class"),
            Self::TurNome => ("TUR_NOME", DataType::Utf8, false, few(), "class"),
            Self::AluId => (
                "ALU_ID",
                DataType::Int64,
                false,
                key(delta()),
                "pupil, 1..n",
            ),
            Self::AluNome => ("ALU_NOME", DataType::Utf8, false, own(), "pupil, made up"),
            Self::AluCpf => {
                let doc = "taxpayer number, unique, check digits right; not known of all";
                ("ALU_CPF", DataType::Utf8, true, own(), doc)
            }
            Self::AvaNome => ("AVA_NOME", dict(), false, few(), "assessment"),
            Self::AvaAno => ("AVA_ANO", DataType::Int32, false, delta(), "its year"),
            Self::DisNome => ("DIS_NOME", dict(), false, few(), "subject"),
            Self::TesNome => ("TES_NOME", dict(), false, key(few()), "test"),
            Self::TegOrdem => {
                let doc = "item of the test, from 1";
                ("TEG_ORDEM", DataType::Int32, false, key(delta()), doc)
            }
            Self::AtrResposta => {
                let doc = "letter chosen, or level of reading";
                ("ATR_RESPOSTA", DataType::Utf8, false, few(), doc)
            }
            Self::AtrCerto => {
                let hints = delta().with(hints::TOTAL, "sum");
                let doc = "1 if right; 0 in reading";
                ("ATR_CERTO", DataType::Int32, false, hints, doc)
            }
            Self::MtiCodigo => {
                let doc = "code of the descriptor; null in reading";
                ("MTI_CODIGO", dict(), true, few(), doc)
            }
            Self::MtiDescritor => {
                let doc = "what the item asks for; null in reading";
                ("MTI_DESCRITOR", dict(), true, few(), doc)
            }
        };
        let hints = hints.with(hints::DOC, doc);
        Field::new(name, data_type, nullable).with_metadata(hints.into_metadata())
    }
}

impl Avaliacao {
    pub(super) fn new(model: Arc<Model>) -> Self {
        let is_shuffled = model.shuffle.is_some();
        let fields = COLUMNS.map(|column| column.field(is_shuffled));
        let people = &model.people;
        let words = Words {
            states: Categories::new(people.states.iter().map(|state| state.code)),
            municipalities: Categories::new(&people.names),
            grades: Categories::new(texts::grades()),
            shifts: Categories::new(SHIFTS),
            rounds: Categories::new(ROUNDS),
            subjects: Categories::new(SUBJECTS.map(Subject::name)),
            tests: Categories::new(model.tests.iter().map(Test::name)),
            codes: Categories::new(texts::codes()),
            descriptors: Categories::new(texts::descriptors()),
        };
        Self {
            schema: Arc::new(Schema::new(fields.to_vec())),
            words,
            model,
        }
    }
}

impl Generate for Avaliacao {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        ABOUT
    }

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn row_range(&self) -> Range<u64> {
        0..self.model.rows()
    }

    fn make(&self, rows: &Rows<'_>, columns: &[usize]) -> Vec<ArrayRef> {
        let batch = Batch::new(&self.model, &self.words, rows);
        columns
            .iter()
            .map(|&column| batch.column(COLUMNS[column]))
            .collect()
    }

    fn planted(&self) -> Vec<Planted> {
        let Some(_) = self.model.dirt else {
            return Vec::new();
        };
        let of = |case: Dirt| Planted {
            name: case.name(),
            rows: self.model.tests.iter().map(|test| case.rows(test)).sum(),
        };
        Dirt::ALL.map(of).to_vec()
    }
}
