use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use datafusion::arrow::compute::cast;
use lakeseed_gen_core::Settings;
use lakeseed_gen_core::assessments::Assessments;
use lakeseed_star_schema::Model;

use super::{Answers, Cell, Rows};
use crate::models::Star;

/// The levels of reading, the best first.
const LEVELS: [&str; 6] = [
    "fluente",
    "nao_fluente",
    "frases",
    "palavras",
    "silabas",
    "nao_leitor",
];

/// An answer of the dataset's own rows.
struct Answer {
    municipality: String,
    school: String,
    grade: i64,
    grade_name: String,
    shift: String,
    pupil: i64,
    pupil_name: String,
    subject: String,
    test: String,
    given: String,
    is_right: bool,
    code: String,
    text: Option<String>,
}

fn answers(rows: &RecordBatch) -> Vec<Answer> {
    let texts = |name: &str| -> Vec<Option<String>> {
        let column = cast(rows.column_by_name(name).unwrap(), &DataType::Utf8).unwrap();
        let texts = column.as_string::<i32>();
        (0..texts.len())
            .map(|row| texts.is_valid(row).then(|| texts.value(row).to_owned()))
            .collect()
    };
    let of = |name: &str| {
        texts(name)
            .into_iter()
            .map(Option::unwrap)
            .collect::<Vec<String>>()
    };
    let [
        municipality,
        school,
        grade_name,
        shift,
        pupil_name,
        subject,
        test,
        given,
    ] = [
        "MUN_NOME",
        "ESC_INEP",
        "SER_NOME",
        "TUR_PERIODO",
        "ALU_NOME",
        "DIS_NOME",
        "TES_NOME",
        "ATR_RESPOSTA",
    ]
    .map(of);
    let [grade, right] = ["SER_NUMBER", "ATR_CERTO"].map(|name| {
        let numbers = rows
            .column_by_name(name)
            .unwrap()
            .as_primitive::<Int32Type>();
        numbers.values().to_vec()
    });
    let pupil = rows
        .column_by_name("ALU_ID")
        .unwrap()
        .as_primitive::<Int64Type>();
    let (codes, names) = (texts("MTI_CODIGO"), texts("MTI_DESCRITOR"));
    (0..rows.num_rows())
        .map(|row| Answer {
            municipality: municipality[row].clone(),
            school: school[row].clone(),
            grade: grade[row].into(),
            grade_name: grade_name[row].clone(),
            shift: shift[row].clone(),
            pupil: pupil.value(row),
            pupil_name: pupil_name[row].clone(),
            subject: subject[row].clone(),
            test: test[row].clone(),
            given: given[row].clone(),
            is_right: right[row] == 1,
            code: codes[row]
                .clone()
                .unwrap_or_else(|| "SEM_DESCRITOR".to_owned()),
            text: names[row].clone(),
        })
        .collect()
}

/// Right answers, and all that are right or wrong.
type Hits = (i64, i64);

fn rate((right, all): Hits) -> Cell {
    Cell::share(right.into(), all.into())
}

/// `a` has a higher rate than `b`, or as high a one: without a division.
fn order(a: Hits, b: Hits) -> std::cmp::Ordering {
    (b.0 * a.1).cmp(&(a.0 * b.1))
}

/// All rows, and what is not of reading.
struct School {
    all: Vec<Answer>,
}

impl School {
    fn scored(&self) -> impl Iterator<Item = &Answer> {
        self.all.iter().filter(|answer| answer.subject != "Leitura")
    }

    fn hits<K: Ord>(&self, key: impl Fn(&Answer) -> K) -> BTreeMap<K, Hits> {
        let mut hits: BTreeMap<K, Hits> = BTreeMap::new();
        for answer in self.scored() {
            let hit = hits.entry(key(answer)).or_default();
            hit.0 += i64::from(answer.is_right);
            hit.1 += 1;
        }
        hits
    }

    /// The greatest of a school's names, and its municipality.
    fn schools(&self, names: &RecordBatch) -> BTreeMap<String, (String, String)> {
        let column = cast(names.column_by_name("ESC_NOME").unwrap(), &DataType::Utf8).unwrap();
        let texts = column.as_string::<i32>();
        let mut schools: BTreeMap<String, (String, String)> = BTreeMap::new();
        for (row, answer) in self.all.iter().enumerate() {
            let name = texts.value(row).to_owned();
            let known = schools
                .entry(answer.school.clone())
                .or_insert_with(|| (name.clone(), answer.municipality.clone()));
            known.0 = name.max(known.0.clone());
        }
        schools
    }
}

fn whole(number: i64) -> Cell {
    Cell::Whole(number)
}

fn check(settings: &Settings) -> School {
    let model = Model::builtin("assessments").unwrap();
    let rows = Assessments::new(settings)
        .unwrap()
        .avaliacao()
        .all_rows()
        .batch()
        .unwrap();
    let star = Star::make(&model, vec![("avaliacao", rows.clone())]);
    let school = School {
        all: answers(&rows),
    };
    let mut answers = Answers::new(&star, &model);
    rates(&school, &mut answers);
    rankings(&school, &rows, &mut answers);
    reading(&school, &mut answers);
    participation(&school, &mut answers);
    answers.are_all();
    school
}

fn rates(school: &School, answers: &mut Answers<'_>) {
    let all = school.hits(|_| ())[&()];
    answers.is("hit_rate", &vec![vec![rate(all), whole(all.1)]]);
    let simple = |key: fn(&Answer) -> &String| -> Rows {
        let hits = school.hits(|answer| key(answer).clone()).into_iter();
        hits.map(|(name, hits)| vec![Cell::Text(name), rate(hits), whole(hits.1)])
            .collect()
    };
    answers.is("hit_rate_by_subject", &simple(|answer| &answer.subject));
    answers.is("hit_rate_by_test", &simple(|answer| &answer.test));
    answers.is("hit_rate_by_shift", &simple(|answer| &answer.shift));
    let grades = school.hits(|answer| (answer.grade, answer.grade_name.clone()));
    let row = |((_, name), hits): (&(i64, String), &Hits)| {
        vec![Cell::text(name), rate(*hits), whole(hits.1)]
    };
    answers.is("hit_rate_by_grade", &grades.iter().map(row).collect());
    let mut places: Vec<_> = school
        .hits(|answer| answer.municipality.clone())
        .into_iter()
        .collect();
    places.sort_by(|a, b| order(a.1, b.1));
    let row = |(name, hits): &(String, Hits)| {
        vec![
            Cell::text(name),
            rate(*hits),
            whole(hits.1),
            Cell::text("ES"),
        ]
    };
    answers.is(
        "hit_rate_by_municipality",
        &places.iter().map(row).collect(),
    );

    let mut texts: BTreeMap<&str, &str> = BTreeMap::new();
    for answer in &school.all {
        if let Some(text) = &answer.text {
            let known = texts.entry(&answer.code).or_insert(text);
            *known = (*known).max(text);
        }
    }
    let mut codes: Vec<_> = school
        .hits(|answer| answer.code.clone())
        .into_iter()
        .collect();
    codes.sort_by(|a, b| order(b.1, a.1));
    let row = |(code, hits): &(String, Hits)| {
        let text = texts
            .get(code.as_str())
            .map_or(Cell::Null, |text| Cell::text(*text));
        vec![Cell::text(code), rate(*hits), whole(hits.1), text]
    };
    answers.is("hit_rate_by_descriptor", &codes.iter().map(row).collect());

    let round = |word: &str| {
        let of = school.scored().filter(|answer| answer.test.ends_with(word));
        let mut hits: BTreeMap<(&str, i64), Hits> = BTreeMap::new();
        for answer in of {
            let hit = hits.entry((&answer.subject, answer.grade)).or_default();
            hit.0 += i64::from(answer.is_right);
            hit.1 += 1;
        }
        hits
    };
    let (first, second) = (round("_Diag"), round("_Form1"));
    let row = |(key, one): (&(&str, i64), &Hits)| {
        let (Cell::Real(one), Cell::Real(other)) = (rate(*one), rate(second[key])) else {
            panic!("no rate");
        };
        let name = Cell::Text(format!("{} {}", key.0, key.1));
        vec![
            name,
            Cell::Real(one),
            Cell::Real(other),
            Cell::Real(other - one),
        ]
    };
    answers.is("evolution", &first.iter().map(row).collect());
}

/// How many in each of the three bands.
fn bands(hits: impl Iterator<Item = Hits>) -> Rows {
    let mut counts = [0; 3];
    for (right, all) in hits {
        let hundredths = right * 10_000 / all;
        counts[if hundredths >= 7_000 {
            0
        } else if hundredths >= 5_000 {
            1
        } else {
            2
        }] += 1;
    }
    let sum: i64 = counts.iter().sum();
    let rows = ["70 or more", "50 to 69", "below 50"]
        .into_iter()
        .zip(counts);
    let rows = rows.filter(|(_, count)| *count > 0);
    rows.map(|(band, count)| {
        vec![
            Cell::text(band),
            Cell::share(count.into(), sum.into()),
            whole(count),
        ]
    })
    .collect()
}

fn rankings(school: &School, rows: &RecordBatch, answers: &mut Answers<'_>) {
    let schools = school.schools(rows);
    let mut hits: Vec<_> = school
        .hits(|answer| answer.school.clone())
        .into_iter()
        .collect();
    hits.sort_by(|a, b| order(a.1, b.1));
    let row = |(code, hits): &(String, Hits)| {
        let (name, place) = &schools[code];
        vec![
            Cell::text(name),
            rate(*hits),
            whole(hits.1),
            Cell::text(place),
            Cell::text(code),
        ]
    };
    answers.is("hit_rate_by_school", &hits.iter().map(row).collect());

    let mut pupils: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
    for answer in school.scored() {
        pupils
            .entry(&answer.school)
            .or_default()
            .insert(answer.pupil);
    }
    let count = |code: &str| pupils[code].len() as i64;
    hits.retain(|(code, hits)| count(code) >= 10 && hits.1 >= 100);
    // Equal ones share the place of the first of them.
    let place = |of: Hits, all: &[Hits]| {
        whole(
            1 + all
                .iter()
                .filter(|other| order(**other, of).is_lt())
                .count() as i64,
        )
    };
    let all: Vec<Hits> = hits.iter().map(|(_, hits)| *hits).collect();
    let row = |(code, hits): &(String, Hits)| {
        let (name, municipality) = &schools[code];
        vec![
            Cell::text(name),
            place(*hits, &all),
            rate(*hits),
            whole(count(code)),
            whole(hits.1),
            Cell::text(municipality),
            Cell::text(code),
        ]
    };
    answers.is("ranking_of_schools", &hits.iter().map(row).collect());
    answers.is("bands_of_schools", &bands(all.into_iter()));

    let mut names: BTreeMap<i64, &str> = BTreeMap::new();
    for answer in &school.all {
        let known = names.entry(answer.pupil).or_insert(&answer.pupil_name);
        *known = (*known).max(&answer.pupil_name);
    }
    let mut of_pupils: Vec<_> = school.hits(|answer| answer.pupil).into_iter().collect();
    of_pupils.retain(|(_, hits)| hits.1 >= 5);
    answers.is(
        "bands_of_pupils",
        &bands(of_pupils.iter().map(|(_, hits)| *hits)),
    );
    of_pupils.sort_by(|a, b| order(a.1, b.1).then_with(|| Reverse(a.1.1).cmp(&Reverse(b.1.1))));
    of_pupils.truncate(100);
    let all: Vec<Hits> = of_pupils.iter().map(|(_, hits)| *hits).collect();
    let row = |(pupil, hits): &(i64, Hits)| {
        let name = Cell::text(names[pupil]);
        vec![
            name,
            place(*hits, &all),
            rate(*hits),
            whole(hits.1),
            whole(*pupil),
        ]
    };
    answers.is("ranking_of_pupils", &of_pupils.iter().map(row).collect());
}

fn reading(school: &School, answers: &mut Answers<'_>) {
    // One question a pupil and test; an answer that names no level is no result.
    let level = |answer: &Answer| {
        let at = LEVELS.iter().position(|level| *level == answer.given)?;
        (answer.subject == "Leitura").then_some(at)
    };
    let results: Vec<(usize, &str)> = school
        .all
        .iter()
        .filter_map(|answer| Some((level(answer)?, answer.test.as_str())))
        .collect();
    let summary = |results: &[usize]| {
        let fluent = results.iter().filter(|level| **level == 0).count();
        let levels: i64 = results.iter().map(|level| 6 - *level as i64).sum();
        let share = match results.len() {
            0 => Cell::Null,
            all => Cell::share(fluent as i128, all as i128),
        };
        let mean = match results.len() {
            0 => Cell::Null,
            all => Cell::Real(levels as f64 / all as f64),
        };
        vec![share, mean, whole(results.len() as i64)]
    };
    let all: Vec<usize> = results.iter().map(|(level, _)| *level).collect();
    answers.is("reading", &vec![summary(&all)]);
    let row = |(at, name): (usize, &&str)| {
        let count = all.iter().filter(|level| **level == at).count() as i64;
        let share = Cell::share(count.into(), all.len() as i128);
        vec![Cell::text(*name), share, whole(count), whole(6 - at as i64)]
    };
    answers.is(
        "reading_levels",
        &LEVELS.iter().enumerate().map(row).collect(),
    );
    let mut tests: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (level, test) in &results {
        tests.entry(test).or_default().push(*level);
    }
    let row = |(test, results): (&&str, &Vec<usize>)| {
        let mut row = vec![Cell::text(*test)];
        row.extend(summary(results));
        row
    };
    answers.is("reading_by_test", &tests.iter().map(row).collect());
}

fn participation(school: &School, answers: &mut Answers<'_>) {
    let mut pupils: BTreeMap<(&str, &str), BTreeSet<i64>> = BTreeMap::new();
    for answer in &school.all {
        let of = pupils
            .entry((&answer.municipality, &answer.test))
            .or_default();
        of.insert(answer.pupil);
    }
    let row = |((place, test), pupils): (&(&str, &str), &BTreeSet<i64>)| {
        vec![
            Cell::text(*place),
            Cell::text(*test),
            whole(pupils.len() as i64),
            Cell::text("ES"),
        ]
    };
    answers.is("participation", &pupils.iter().map(row).collect());
}

#[test]
fn every_number_follows_from_the_rows_of_the_dataset() {
    let school = check(&Settings::new().rows("pupils", 1_500));
    assert!(school.all.iter().any(|answer| answer.subject == "Leitura"));
}

/// Schools of two names, answers without a code, answers that are none.
#[test]
fn rows_that_are_wrong_count_as_the_star_says() {
    check(&Settings::new().rows("pupils", 300).parameter("dirt", "on"));
}
