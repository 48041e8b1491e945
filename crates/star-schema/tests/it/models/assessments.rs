use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Int32Array, Int64Array, RecordBatch, StringArray};
use lakeseed_star_schema::{Kind, Model};

use super::Star;

/// An answer of the source; what does not matter to a rule is alike in all.
struct Row {
    pupil: i64,
    name: &'static str,
    cpf: Option<&'static str>,
    school: &'static str,
    subject: &'static str,
    test: &'static str,
    order: i32,
    answer: &'static str,
    right: i32,
    code: Option<&'static str>,
    text: Option<&'static str>,
}

const MAT: Row = Row {
    pupil: 1,
    name: "Ana",
    cpf: None,
    school: "Escola A",
    subject: "Matemática",
    test: "2025_MAT_1ano_Diag",
    order: 1,
    answer: "A",
    right: 1,
    code: Some("D1"),
    text: Some("Contar"),
};
const LEI: Row = Row {
    subject: "Leitura",
    test: "2025_LEI_1ano_Diag",
    code: None,
    text: None,
    right: 0,
    ..MAT
};

fn table(rows: &[Row]) -> RecordBatch {
    type Of<'f, T> = &'f dyn Fn(&Row) -> T;
    let codes = |of: Of<'_, Option<&'static str>>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<DictionaryArray<Int32Type>>())
    };
    let texts = |of: Of<'_, Option<&'static str>>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<StringArray>())
    };
    let numbers = |of: Of<'_, i32>| -> ArrayRef {
        Arc::new(Int32Array::from_iter_values(rows.iter().map(of)))
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("MUN_UF", codes(&|_| Some("ES"))),
        ("MUN_NOME", codes(&|_| Some("Porto"))),
        ("ESC_INEP", texts(&|_| Some("03200001"))),
        ("ESC_NOME", texts(&|row| Some(row.school))),
        ("SER_NUMBER", numbers(&|_| 1)),
        ("SER_NOME", codes(&|_| Some("1º Ano EF"))),
        ("TUR_PERIODO", codes(&|_| Some("Manhã"))),
        ("TUR_NOME", texts(&|_| Some("1o ANO \"A\""))),
        (
            "ALU_ID",
            Arc::new(Int64Array::from_iter_values(
                rows.iter().map(|row| row.pupil),
            )),
        ),
        ("ALU_NOME", texts(&|row| Some(row.name))),
        ("ALU_CPF", texts(&|row| row.cpf)),
        ("AVA_NOME", codes(&|_| Some("Avaliação Diagnóstica"))),
        ("AVA_ANO", numbers(&|_| 2025)),
        ("DIS_NOME", codes(&|row| Some(row.subject))),
        ("TES_NOME", codes(&|row| Some(row.test))),
        ("TEG_ORDEM", numbers(&|row| row.order)),
        ("ATR_RESPOSTA", texts(&|row| Some(row.answer))),
        ("ATR_CERTO", numbers(&|row| row.right)),
        ("MTI_CODIGO", codes(&|row| row.code)),
        ("MTI_DESCRITOR", codes(&|row| row.text)),
    ];
    // Nullable throughout, as files are.
    let columns = columns.into_iter().map(|(name, array)| (name, array, true));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

#[test]
#[allow(
    clippy::too_many_lines,
    reason = "one table of rows, one expectation a table of the star"
)]
fn each_rule_holds_in_any_order_of_rows() {
    let model = Model::builtin("assessments").unwrap();
    assert_eq!(model.table("fato_resposta_aluno").unwrap().kind, Kind::Fact);
    let rows = || {
        vec![
            MAT,
            // Two right of one descriptor, one wrong; '-' and two letters are wrong answers.
            Row { order: 2, ..MAT },
            Row {
                order: 3,
                answer: "-",
                right: 0,
                ..MAT
            },
            Row {
                order: 4,
                answer: "AB",
                right: 0,
                code: Some("D2"),
                text: Some("Somar"),
                ..MAT
            },
            // No descriptor's code.
            Row {
                order: 5,
                code: None,
                text: None,
                ..MAT
            },
            // CPF: not null, then the longest, then the least.
            Row {
                pupil: 2,
                name: "Bia",
                cpf: Some("123"),
                ..MAT
            },
            Row {
                pupil: 2,
                name: "Beatriz",
                cpf: Some("98765432100"),
                order: 2,
                ..MAT
            },
            Row {
                pupil: 2,
                name: "Bia",
                cpf: Some("12345678909"),
                order: 3,
                ..MAT
            },
            Row {
                pupil: 2,
                name: "Bia",
                cpf: None,
                order: 4,
                ..MAT
            },
            // A school of two names.
            Row {
                pupil: 3,
                name: "Caio",
                school: "Escola Municipal A",
                ..MAT
            },
            // Reading: the first answer by order, neither right nor wrong.
            Row {
                order: 2,
                answer: "fluente",
                ..LEI
            },
            Row {
                order: 1,
                answer: "silabas",
                right: 1,
                ..LEI
            },
            Row {
                pupil: 2,
                name: "Bia",
                answer: "-",
                ..LEI
            },
            Row {
                pupil: 2,
                name: "Bia",
                order: 2,
                answer: "nao_leitor",
                ..LEI
            },
            Row {
                pupil: 3,
                name: "Caio",
                answer: "?",
                ..LEI
            },
        ]
    };
    let mut backwards = rows();
    backwards.reverse();
    for rows in [rows(), backwards] {
        let star = Star::make(&model, vec![("avaliacao", table(&rows))]);
        assert_eq!(
            star.cells("SELECT * FROM dim_aluno ORDER BY 1"),
            ["1 | Ana | -", "2 | Bia | 12345678909", "3 | Caio | -"]
        );
        assert_eq!(
            star.cells("SELECT * FROM dim_escola"),
            ["03200001 | Escola Municipal A | ES | Porto"]
        );
        assert_eq!(
            star.cells("SELECT * FROM dim_descritor ORDER BY 1"),
            ["D1 | Contar | 8", "D2 | Somar | 1", "SEM_DESCRITOR | - | 6"]
        );
        assert_eq!(star.cells("SELECT * FROM dim_municipio"), ["ES | Porto"]);
        assert_eq!(
            star.cells(
                "SELECT \"TES_NOME\", \"DIS_NOME\", \"QTD_ITENS\" FROM dim_teste ORDER BY 1"
            ),
            [
                "2025_LEI_1ano_Diag | Leitura | 2",
                "2025_MAT_1ano_Diag | Matemática | 5"
            ]
        );
        assert_eq!(
            star.cells(
                "SELECT \"ALU_ID\", \"DIS_NOME\", \"MTI_CODIGO\", \"ACERTO\", \"ERRO\", \
                 \"NIVEL_LEITURA\", \"NIVEL_NUMERICO\" FROM fato_resposta_aluno ORDER BY 1, 2, 3"
            ),
            [
                "1 | Leitura | SEM_DESCRITOR | 0 | 0 | silabas | 2",
                "1 | Matemática | D1 | 2 | 1 | - | -",
                "1 | Matemática | D2 | 0 | 1 | - | -",
                "1 | Matemática | SEM_DESCRITOR | 1 | 0 | - | -",
                "2 | Leitura | SEM_DESCRITOR | 0 | 0 | nao_leitor | 1",
                "2 | Matemática | D1 | 4 | 0 | - | -",
                "3 | Leitura | SEM_DESCRITOR | 0 | 0 | - | -",
                "3 | Matemática | D1 | 1 | 0 | - | -",
            ]
        );
    }
}

#[test]
fn levels_of_reading_are_one_to_six() {
    let levels = [
        "nao_leitor",
        "silabas",
        "palavras",
        "frases",
        "nao_fluente",
        "fluente",
    ];
    let rows: Vec<Row> = (1..)
        .zip(levels)
        .map(|(pupil, answer)| Row {
            pupil,
            answer,
            ..LEI
        })
        .collect();
    let model = Model::builtin("assessments").unwrap();
    let star = Star::make(&model, vec![("avaliacao", table(&rows))]);
    let got = star.cells(
        "SELECT \"NIVEL_NUMERICO\", \"NIVEL_LEITURA\" FROM fato_resposta_aluno ORDER BY \"ALU_ID\"",
    );
    let expected: Vec<String> = (1..)
        .zip(levels)
        .map(|(number, level)| format!("{number} | {level}"))
        .collect();
    assert_eq!(got, expected);
}
