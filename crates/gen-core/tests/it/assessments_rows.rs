//! The rows of `assessments`: what each column holds, with every parameter, at sizes that fit a
//! test. Whether the answers are those of the original, `assessments_original.rs` asks.

use std::collections::{HashMap, HashSet};

use lakeseed_gen_core::assessments::{Answer, Assessments, Dirt, Sheet, Subject};
use lakeseed_gen_core::{Planted, Settings, hints};

use crate::codes::{fiscal_region, is_cpf};
use crate::support::{Cell, Frame, cells, prints};

fn assessments(pupils: u64, parameters: &[(&str, &str)]) -> Assessments {
    let settings = Settings::new().rows("pupils", pupils);
    let with = |settings: Settings, &(name, value): &(&str, &str)| settings.parameter(name, value);
    Assessments::new(&parameters.iter().fold(settings, with)).unwrap()
}

const COLUMNS: [&str; 20] = [
    "MUN_UF",
    "MUN_NOME",
    "ESC_INEP",
    "ESC_NOME",
    "SER_NUMBER",
    "SER_NOME",
    "TUR_PERIODO",
    "TUR_NOME",
    "ALU_ID",
    "ALU_NOME",
    "ALU_CPF",
    "AVA_NOME",
    "AVA_ANO",
    "DIS_NOME",
    "TES_NOME",
    "TEG_ORDEM",
    "ATR_RESPOSTA",
    "ATR_CERTO",
    "MTI_CODIGO",
    "MTI_DESCRITOR",
];

/// A row as text, `null` for what is not there.
fn rows(table: &Assessments) -> Vec<[String; 20]> {
    let frame = Frame::all(table.avaliacao());
    let text = |cell: &Cell<'_>| match cell {
        Cell::Null => "null".to_owned(),
        Cell::Whole(number) => number.to_string(),
        Cell::Text(text) => (*text).to_owned(),
        Cell::Float(_) => panic!("no column of floats"),
    };
    let columns: Vec<_> = frame
        .0
        .columns()
        .iter()
        .map(|column| cells(column))
        .collect();
    (0..frame.len())
        .map(|row| std::array::from_fn(|at| text(&columns[at][row])))
        .collect()
}

fn column(name: &str) -> usize {
    COLUMNS.iter().position(|&column| column == name).unwrap()
}

/// What the row of an answer should hold, put together from the functions that need no rows.
fn expected(
    of: &Assessments,
    descriptors: &[(String, String)],
    sheet: &Sheet<'_>,
    answer: &Answer,
) -> [String; 20] {
    let (pupil, test) = (&sheet.pupil, sheet.test);
    let school = of.school(pupil.school).unwrap();
    let municipality = of.municipality(pupil.municipality).unwrap();
    let descriptor = answer.descriptor.map(|at| descriptors[at].clone());
    let class = char::from(b'A' + pupil.class as u8);
    let grade = pupil.grade;
    let null = || "null".to_owned();
    [
        municipality.state.to_owned(),
        municipality.name,
        school.code,
        if sheet.is(Dirt::SecondSchoolName) {
            school.second_name
        } else {
            school.name
        },
        grade.to_string(),
        format!("{grade}º Ano EF"),
        ["Manhã", "Tarde", "Integral"][pupil.shift].to_owned(),
        if sheet.is(Dirt::QuotedClass) {
            format!("{grade}o ANO \"{class}\"")
        } else {
            format!("{grade}º ANO {class}")
        },
        (pupil.number + 1).to_string(),
        of.name(pupil),
        of.cpf(pupil)
            .filter(|_| !sheet.is(Dirt::MissingCpf))
            .unwrap_or_else(null),
        ["Avaliação Diagnóstica", "Avaliação Formativa 1"][test.round()].to_owned(),
        "2025".to_owned(),
        test.subject().name().to_owned(),
        test.name().to_owned(),
        answer.order.to_string(),
        answer.given.to_owned(),
        i32::from(answer.is_right).to_string(),
        descriptor
            .clone()
            .filter(|_| answer.has_code)
            .map_or_else(null, |pair| pair.0),
        descriptor.map_or_else(null, |pair| pair.1),
    ]
}

#[test]
fn columns_are_what_the_functions_say() {
    for parameters in [
        &[][..],
        &[("dirt", "on"), ("states", "27")],
        &[("dirt", "on"), ("shuffle", "on")],
    ] {
        let of = assessments(400, parameters);
        let names: Vec<_> = of
            .avaliacao()
            .schema()
            .fields()
            .iter()
            .map(|f| f.name().clone())
            .collect();
        assert_eq!(names, COLUMNS);
        let descriptors: Vec<_> = of.descriptors().collect();
        let found = rows(&of);
        for (row, found) in found.iter().enumerate() {
            let (sheet, answer) = of.at(row as u64).unwrap();
            assert_eq!(
                found,
                &expected(&of, &descriptors, &sheet, &answer),
                "row {row}"
            );
        }
        assert!(of.at(found.len() as u64).is_none());
    }
}

#[test]
fn hints_say_what_writers_need() {
    for (shuffle, sorted) in [("off", &["SER_NUMBER"][..]), ("on", &[])] {
        let of = assessments(50, &[("shuffle", shuffle)]);
        let fields = of.avaliacao().schema().fields().clone();
        let with = |key: &str| -> Vec<&str> {
            let fields = fields.iter();
            let said = fields.filter(|field| hints::of(field, key).is_some());
            said.map(|field| field.name().as_str()).collect()
        };
        assert_eq!(with(hints::KEY), ["ALU_ID", "TES_NOME", "TEG_ORDEM"]);
        assert_eq!(with(hints::TOTAL), ["ATR_CERTO"]);
        assert_eq!(with(hints::SORTED), sorted);
        assert_eq!(with(hints::ENCODING), COLUMNS);
        let nullable = fields.iter().filter(|field| field.is_nullable());
        let nullable: Vec<&str> = nullable.map(|field| field.name().as_str()).collect();
        assert_eq!(nullable, ["ALU_CPF", "MTI_CODIGO", "MTI_DESCRITOR"]);
    }
}

#[test]
fn rows_are_by_grade_test_pupil_and_item() {
    let of = assessments(2000, &[]);
    let found = rows(&of);
    let mut walked = Vec::new();
    for (at, test) in of.tests().iter().enumerate() {
        assert_eq!(test.rows().start, walked.len() as u64);
        for sheet in of.sheets(at) {
            assert_eq!(sheet.first_row, walked.len() as u64);
            walked.extend(
                of.answers(&sheet)
                    .map(|answer| (test.grade(), at, sheet.pupil.number + 1, answer.order)),
            );
        }
    }
    assert!(
        walked.is_sorted_by(|a, b| a < b),
        "in order, and no key twice"
    );
    assert_eq!(walked.len(), found.len());
    for (row, (grade, test, pupil, order)) in found.iter().zip(walked) {
        let key = [
            grade.to_string(),
            of.tests()[test].name().to_owned(),
            pupil.to_string(),
            order.to_string(),
        ];
        let names = ["SER_NUMBER", "TES_NOME", "ALU_ID", "TEG_ORDEM"];
        assert_eq!(names.map(|name| &row[column(name)]), key.each_ref());
    }
}

#[test]
fn shuffled_rows_are_the_same_rows_in_an_order_that_helps_nobody() {
    let (usual, shuffled) = (
        assessments(900, &[]),
        assessments(900, &[("shuffle", "on")]),
    );
    let (usual, shuffled) = (rows(&usual), rows(&shuffled));
    let same_place = usual.iter().zip(&shuffled).filter(|(a, b)| a == b).count();
    assert!(same_place < 20, "{same_place} rows stayed");
    let neighbours = shuffled
        .windows(2)
        .filter(|pair| pair[0][8] == pair[1][8])
        .count();
    // Of 900 pupils with some 90 rows each, one in 900 neighbours is of the same by chance.
    assert!(neighbours < shuffled.len() / 300, "{neighbours} neighbours");
    let sorted = |mut rows: Vec<[String; 20]>| {
        rows.sort();
        rows
    };
    assert!(sorted(usual) == sorted(shuffled));
}

#[test]
fn right_answers_are_the_key_and_wrong_ones_are_not() {
    let of = assessments(3000, &[]);
    let mut letters: HashMap<(&str, &str), HashMap<&str, u32>> = HashMap::new();
    for (at, test) in of.tests().iter().enumerate() {
        for sheet in of.sheets(at) {
            for answer in of.answers(&sheet) {
                let Some(item) = test.items().get(answer.order as usize - 1) else {
                    assert_eq!(test.subject(), Subject::Reading);
                    continue;
                };
                assert_eq!(answer.is_right, answer.given == item.key());
                let name = (test.name(), item.key());
                *letters
                    .entry(name)
                    .or_default()
                    .entry(answer.given)
                    .or_default() += 1;
            }
        }
    }
    // Every letter is chosen: four of them in the first five grades, five from the sixth on.
    for ((test, key), chosen) in letters {
        let expected = if ["6ano", "7ano", "8ano", "9ano"]
            .iter()
            .any(|g| test.contains(g))
        {
            5
        } else {
            4
        };
        assert_eq!(chosen.len(), expected, "{test} {key}: {chosen:?}");
    }
}

/// How many rows of each case stand in the columns, against the rows of the same set without.
fn dirty_rows(clean: &[[String; 20]], dirty: &[[String; 20]]) -> HashMap<&'static str, u64> {
    let mut counts = HashMap::new();
    for (clean, dirty) in clean.iter().zip(dirty) {
        let differing: Vec<&str> = (0..20)
            .filter(|&at| clean[at] != dirty[at])
            .map(|at| COLUMNS[at])
            .collect();
        let new = |name: &str| dirty[column(name)].as_str();
        let case = match differing[..] {
            [] => continue,
            ["ALU_CPF"] if new("ALU_CPF") == "null" => "missing_cpf",
            ["TUR_NOME"] if new("TUR_NOME").contains("o ANO \"") => "quoted_class",
            ["ESC_NOME"] if new("ESC_NOME").starts_with("Escola ") => "second_school_name",
            ["MTI_CODIGO"] if new("MTI_CODIGO") == "null" => "missing_code",
            ["ATR_RESPOSTA"] | ["ATR_RESPOSTA", "ATR_CERTO"] if new("ATR_CERTO") == "0" => {
                match new("ATR_RESPOSTA") {
                    "-" => "no_answer",
                    two if two.len() == 2 => "two_answers",
                    other => panic!("{other}"),
                }
            }
            _ => panic!("{clean:?} became {dirty:?}"),
        };
        *counts.entry(case).or_default() += 1;
    }
    counts
}

#[test]
fn dirt_is_where_it_is_counted_and_nowhere_else() {
    // Whole blocks, short ones, and grades without a whole block.
    for pupils in [100, 900, 3000] {
        let (clean, dirty) = (
            assessments(pupils, &[]),
            assessments(pupils, &[("dirt", "on")]),
        );
        let counted = dirty_rows(&rows(&clean), &rows(&dirty));
        for (case, rows) in dirty.dirt() {
            assert_eq!(
                counted.get(case.name()).copied().unwrap_or_default(),
                rows,
                "{pupils} {case:?}"
            );
            assert!(rows > 0, "{pupils} {case:?}");
        }
        let planted = dirty.avaliacao().planted();
        assert!(
            planted
                .iter()
                .map(|case| (case.name, case.rows))
                .eq(dirty.dirt().map(|(case, rows)| (case.name(), rows)))
        );
        assert_eq!(clean.avaliacao().planted(), Vec::<Planted>::new());
        assert!(clean.dirt().iter().all(|case| case.1 == 0));
    }
}

#[test]
fn a_pupil_without_a_cpf_on_a_sheet_has_it_on_another() {
    let found = rows(&assessments(3000, &[("dirt", "on")]));
    let (mut null, mut known, mut names) = (
        HashSet::new(),
        HashMap::new(),
        HashMap::<_, HashSet<_>>::new(),
    );
    for row in &found {
        let (pupil, cpf) = (&row[column("ALU_ID")], &row[column("ALU_CPF")]);
        if cpf == "null" {
            null.insert(pupil);
        } else {
            assert_eq!(
                known.entry(pupil).or_insert(cpf),
                &cpf,
                "one pupil, one CPF"
            );
        }
        names
            .entry(&row[column("ESC_INEP")])
            .or_default()
            .insert(&row[column("ESC_NOME")]);
    }
    let both = null
        .iter()
        .filter(|pupil| known.contains_key(**pupil))
        .count();
    assert!(both > 3000 * 20 / 256, "{both} pupils with and without");
    assert_eq!(
        known.values().collect::<HashSet<_>>().len(),
        known.len(),
        "CPFs are unique"
    );
    assert!(names.values().any(|names| names.len() == 2));
    assert!(names.values().all(|names| names.len() <= 2));
}

#[test]
fn everything_about_a_pupil_hangs_together() {
    for (states, expected) in [("1", 1), ("27", 27)] {
        let of = assessments(3000, &[("states", states)]);
        let found = rows(&of);
        // What determines what.
        for (from, to) in [
            (
                &["ALU_ID"][..],
                &[
                    "ESC_INEP",
                    "SER_NUMBER",
                    "TUR_NOME",
                    "TUR_PERIODO",
                    "ALU_NOME",
                    "ALU_CPF",
                ][..],
            ),
            (&["ESC_INEP"], &["ESC_NOME", "MUN_NOME"]),
            (&["ESC_INEP", "SER_NUMBER", "TUR_NOME"], &["TUR_PERIODO"]),
            (&["MUN_NOME"], &["MUN_UF"]),
            (&["MTI_CODIGO"], &["MTI_DESCRITOR"]),
            (
                &["TES_NOME"],
                &["AVA_NOME", "AVA_ANO", "DIS_NOME", "SER_NUMBER", "SER_NOME"],
            ),
            (&["TES_NOME", "TEG_ORDEM"], &["MTI_CODIGO"]),
        ] {
            let mut known = HashMap::new();
            for row in &found {
                let of = |names: &[&str]| -> Vec<&str> {
                    names
                        .iter()
                        .map(|name| row[column(name)].as_str())
                        .collect()
                };
                let to = of(to);
                assert_eq!(known.entry(of(from)).or_insert_with(|| to.clone()), &to);
            }
        }
        let numbers: HashMap<&str, &str> = [
            ("ES", "32"),
            ("SP", "35"),
            ("MG", "31"),
            ("RJ", "33"),
            ("BA", "29"),
            ("AP", "16"),
        ]
        .into();
        let distinct = |name: &str| {
            found
                .iter()
                .map(|row| row[column(name)].as_str())
                .collect::<HashSet<_>>()
        };
        assert_eq!(distinct("MUN_UF").len(), expected);
        assert_eq!(distinct("MUN_NOME").len(), 78);
        assert_eq!(distinct("ALU_ID").len(), 3000);
        assert_eq!(distinct("MTI_CODIGO").len(), 163, "and null");
        for row in &found {
            let (code, cpf) = (&row[column("ESC_INEP")], &row[column("ALU_CPF")]);
            assert_eq!(code.len(), 8);
            if let Some(number) = numbers.get(row[column("MUN_UF")].as_str()) {
                assert_eq!(&code[..2], *number);
            }
            let state = &row[column("MUN_UF")];
            assert!(
                cpf == "null" || is_cpf(cpf) && &cpf[8..9] == fiscal_region(state),
                "{cpf}"
            );
            let is_reading = row[column("DIS_NOME")] == "Leitura";
            assert_eq!(row[column("MTI_CODIGO")] == "null", is_reading);
            assert_eq!(row[column("MTI_DESCRITOR")] == "null", is_reading);
        }
    }
}

#[test]
fn states_change_nothing_but_state_and_codes() {
    let (one, many) = (
        rows(&assessments(600, &[])),
        rows(&assessments(600, &[("states", "27")])),
    );
    let changed: HashSet<&str> = one
        .iter()
        .zip(&many)
        .flat_map(|(a, b)| {
            (0..20)
                .filter(|&at| a[at] != b[at])
                .map(|at| COLUMNS[at])
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(changed, HashSet::from(["MUN_UF", "ESC_INEP", "ALU_CPF"]));
}

#[test]
fn any_number_of_pupils_will_do() {
    for pupils in [1, 2, 3, 9, 77, 78, 255, 256, 257, 2303, 2304, 2305] {
        let of = assessments(pupils, &[("dirt", "on")]);
        assert_eq!(of.pupils(), pupils);
        assert!(of.schools() >= 78);
        let mut sat = vec![0; pupils as usize];
        for at in 0..of.tests().len() {
            for sheet in of.sheets(at) {
                assert_eq!(sheet.pupil, of.pupil(sheet.pupil.number).unwrap());
                assert_eq!(
                    of.school(sheet.pupil.school).unwrap().municipality,
                    sheet.pupil.municipality
                );
                sat[sheet.pupil.number as usize] += 1;
            }
        }
        assert!(
            sat.iter().all(|&tests| tests >= 2),
            "{pupils}: somebody sat no round"
        );
        let places: u64 = (0..78).map(|at| of.municipality(at).unwrap().pupils).sum();
        assert_eq!(places, pupils);
        assert!(of.pupil(pupils).is_none() && of.school(of.schools()).is_none());
        assert_eq!(rows(&of).len() as u64, of.avaliacao().row_count());
    }
}

#[test]
fn the_last_of_very_many_rows() {
    let of = assessments(99_999_990, &[("dirt", "on")]);
    let table = of.avaliacao();
    let last = table.row_count();
    assert!(last > 8_000_000_000);
    let batch = table.rows(last - 100..last).batch().unwrap();
    assert_eq!(batch.num_rows(), 100);
    let frame = Frame::rows(table, last - 1..last, &["ALU_ID", "ESC_INEP"]);
    assert!(frame.ints("ALU_ID")[0] > 99_999_000);
    let school = of.school(of.at(last - 1).unwrap().0.pupil.school).unwrap();
    assert_eq!(frame.texts("ESC_INEP"), [school.code]);
    // Codes of schools stay unique to the last.
    assert!(of.schools() < 1_000_000);
    let settings = Settings::new().rows("pupils", 99_999_991);
    assert!(Assessments::new(&settings).is_err());
}

#[test]
fn another_seed_is_another_set_with_the_same_shape() {
    let of = |seed| Assessments::new(&Settings::new().scale(0.02).seed(seed)).unwrap();
    let (a, b) = (of(1), of(2));
    assert_eq!(a.avaliacao().row_count(), b.avaliacao().row_count());
    let prints_of = |of: &Assessments, name| {
        prints(
            &Frame::all(of.avaliacao())
                .0
                .column_by_name(name)
                .unwrap()
                .clone(),
        )
    };
    for name in [
        "ALU_ID",
        "TUR_PERIODO",
        "ALU_NOME",
        "ALU_CPF",
        "ATR_RESPOSTA",
        "ESC_INEP",
        "MUN_NOME",
    ] {
        assert!(prints_of(&a, name) != prints_of(&b, name), "{name}");
    }
    for name in ["SER_NUMBER", "TES_NOME", "TEG_ORDEM", "MTI_CODIGO"] {
        assert!(prints_of(&a, name) == prints_of(&b, name), "{name}");
    }
}
