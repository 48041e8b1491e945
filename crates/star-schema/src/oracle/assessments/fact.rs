//! `fato_resposta_aluno`: a sheet's answers, by what they were asked for.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, SchemaRef};
use lakeseed_gen_core::assessments::{READING_LEVELS, Sheet, Subject, YEAR};

use super::{Data, pupils};
use crate::oracle::keyed::Table;
use crate::oracle::rows::{Cell, Made, RowsBuilder, schema, texts};

const ALU_ID: usize = 7;
const TES_NOME: usize = 11;
const MTI_CODIGO: usize = 12;

pub(super) struct Answers {
    data: Arc<Data>,
    schema: SchemaRef,
}

/// Whose row it is: a pupil, a test, a descriptor or the member for none, by their numbers.
#[derive(Debug, Clone, Copy)]
struct Key {
    pupil: u64,
    test: usize,
    descriptor: usize,
}

impl From<Key> for u128 {
    fn from(key: Key) -> Self {
        Self::from(key.pupil) << 64 | (key.test as Self) << 32 | key.descriptor as Self
    }
}

impl From<u128> for Key {
    fn from(key: u128) -> Self {
        Self {
            pupil: (key >> 64) as u64,
            test: (key >> 32) as u32 as usize,
            descriptor: key as u32 as usize,
        }
    }
}

/// What is measured.
#[derive(Debug, Clone, Copy, Default)]
struct Measures {
    right: i64,
    wrong: i64,
    level: Option<&'static str>,
}

impl Answers {
    pub(super) fn new(data: &Arc<Data>) -> Self {
        let text = DataType::Utf8;
        Self {
            data: Arc::clone(data),
            schema: schema(&[
                ("MUN_UF", text.clone()),
                ("MUN_NOME", text.clone()),
                ("ESC_INEP", text.clone()),
                ("SER_NUMBER", DataType::Int32),
                ("SER_NOME", text.clone()),
                ("TUR_PERIODO", text.clone()),
                ("TUR_NOME", text.clone()),
                ("ALU_ID", DataType::Int64),
                ("AVA_NOME", text.clone()),
                ("AVA_ANO", DataType::Int32),
                ("DIS_NOME", text.clone()),
                ("TES_NOME", text.clone()),
                ("MTI_CODIGO", text.clone()),
                ("ACERTO", DataType::Int64),
                ("ERRO", DataType::Int64),
                ("NIVEL_LEITURA", text),
                ("NIVEL_NUMERICO", DataType::Int64),
            ]),
        }
    }

    /// The answers of a sheet that are of a descriptor; none where there are none.
    fn measures(&self, sheet: &Sheet<'_>, descriptor: usize) -> Option<Measures> {
        let is_reading = sheet.test.subject() == Subject::Reading;
        let mut sum = None;
        for answer in self.data.of.answers(sheet) {
            if answer
                .descriptor
                .filter(|_| answer.has_code)
                .unwrap_or(self.data.none())
                != descriptor
            {
                continue;
            }
            let sum: &mut Measures = sum.get_or_insert_default();
            if is_reading {
                sum.level.get_or_insert(answer.given);
            } else {
                sum.right += i64::from(answer.is_right);
                sum.wrong += i64::from(!answer.is_right);
            }
        }
        sum
    }

    fn push(&self, key: Key, sheet: &Sheet<'_>, measures: Measures, rows: &mut RowsBuilder) {
        let (pupil, test) = (&sheet.pupil, sheet.test);
        let place = &self.data.municipalities[pupil.municipality];
        let code = self.data.of.school_code(pupil.school);
        let of_level = |name| READING_LEVELS.iter().position(|level| *level == name);
        // The levels are listed from the least on.
        let level = measures.level.and_then(of_level).map(|at| at as i64 + 1);
        rows.push(
            key.into(),
            &[
                Cell::Text(place.state),
                Cell::Text(&place.name),
                code.as_deref().into(),
                Cell::Whole(pupil.grade as i64),
                Cell::Text(&test.grade_name()),
                Cell::Text(pupil.shift_name()),
                Cell::Text(&sheet.class()),
                Cell::Whole(pupil.number as i64 + 1),
                Cell::Text(test.round_name()),
                Cell::Whole(i64::from(YEAR)),
                Cell::Text(test.subject().name()),
                Cell::Text(test.name()),
                Cell::Text(&self.data.descriptors[key.descriptor].0),
                Cell::Whole(measures.right),
                Cell::Whole(measures.wrong),
                measures.level.into(),
                level.into(),
            ],
        );
    }
}

impl Table for Answers {
    fn name(&self) -> &'static str {
        "fato_resposta_aluno"
    }

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn like(&self, rows: &RecordBatch) -> Result<Made, String> {
        let (pupil, test) = (pupils(rows, ALU_ID), texts(rows, TES_NOME));
        let code = texts(rows, MTI_CODIGO);
        let mut made = RowsBuilder::new(&self.schema);
        for row in 0..rows.num_rows() {
            let key = || {
                Some(Key {
                    pupil: pupil(row)?,
                    test: *self.data.tests.get(test(row)?)?,
                    descriptor: *self.data.codes.get(code(row)?)?,
                })
            };
            let known = key().and_then(|key| {
                let sheet = self.data.of.sheet(key.test, key.pupil)?;
                Some((key, sheet, self.measures(&sheet, key.descriptor)?))
            });
            match known {
                Some((key, sheet, measures)) => self.push(key, &sheet, measures, &mut made),
                None => made.push_none(),
            }
        }
        Ok(made.finish())
    }

    fn pieces(&self) -> usize {
        self.data.of.tests().len()
    }

    fn keys(&self, test: usize, take: &mut dyn FnMut(u128)) {
        let mut asked = Vec::new();
        for sheet in self.data.of.sheets(test) {
            asked.clear();
            let answers = self.data.of.answers(&sheet);
            asked.extend(answers.map(|answer| {
                let code = answer.descriptor.filter(|_| answer.has_code);
                code.unwrap_or(self.data.none())
            }));
            asked.sort_unstable();
            asked.dedup();
            for &descriptor in &asked {
                let pupil = sheet.pupil.number;
                take(
                    Key {
                        pupil,
                        test,
                        descriptor,
                    }
                    .into(),
                );
            }
        }
    }

    fn describe(&self, key: u128) -> String {
        let key = Key::from(key);
        let test = self.data.of.tests().get(key.test);
        format!(
            "ALU_ID {}, TES_NOME {}, MTI_CODIGO {}",
            key.pupil + 1,
            test.map_or("", |test| test.name()),
            self.data.descriptors[key.descriptor].0
        )
    }
}
