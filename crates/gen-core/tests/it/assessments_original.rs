//! `assessments` at the original's scale: every published fact, counted over all 26.8 M answers by
//! the functions that need no rows. `assessments_rows.rs` shows that rows are the same answers.

use std::collections::HashSet;
use std::sync::OnceLock;

use lakeseed_gen_core::Settings;
use lakeseed_gen_core::assessments::{Assessments, Item, READING_LEVELS, Subject, Test};

/// The original's facts.
const PUPILS: u64 = 315_177;
const ROWS: f64 = 26_709_791.0;
const FACT_ROWS: f64 = 18_573_249.0;
const MATHEMATICS: [f64; 9] = [83.7, 81.5, 71.7, 65.9, 59.5, 48.9, 42.4, 38.9, 39.8];
const PORTUGUESE: [f64; 9] = [74.2, 75.5, 69.5, 59.7, 57.9, 55.3, 54.6, 54.6, 61.3];
const ITEMS: [usize; 9] = [16, 20, 22, 22, 22, 26, 26, 26, 26];
const PUPILS_IN_THOUSANDS: [f64; 9] = [36.5, 47.5, 44.5, 42.3, 43.3, 28.5, 24.7, 24.5, 22.3];

/// Right answers among all.
#[derive(Debug, Clone, Copy, Default)]
struct Hits {
    right: u64,
    all: u64,
}

impl Hits {
    fn add(&mut self, is_right: bool) {
        self.right += u64::from(is_right);
        self.all += 1;
    }

    fn rate(self) -> f64 {
        100.0 * self.right as f64 / self.all as f64
    }
}

/// What one pass over all answers counts.
struct Counted {
    assessments: Assessments,
    by_grade: [[Hits; 9]; 2],
    by_round: [Hits; 2],
    by_municipality: Vec<Hits>,
    levels: [u64; 6],
    /// By test and item: answers by ability, in tenths of a standard deviation from -4 to 4.
    items: Vec<Vec<[Hits; 81]>>,
    sheets: Vec<u64>,
    /// How many tests each pupil sat.
    sat: Vec<u8>,
    /// Groups of the star's fact.
    groups: u64,
}

fn counted() -> &'static Counted {
    static COUNTED: OnceLock<Counted> = OnceLock::new();
    COUNTED.get_or_init(|| {
        let assessments = Assessments::new(&Settings::new().scale(8.0)).unwrap();
        let tests = assessments.tests();
        let mut counted = Counted {
            by_grade: Default::default(),
            by_round: Default::default(),
            by_municipality: vec![Hits::default(); 78],
            levels: [0; 6],
            items: tests
                .iter()
                .map(|test| vec![[Hits::default(); 81]; test.items().len()])
                .collect(),
            sheets: vec![0; tests.len()],
            sat: vec![0; PUPILS as usize],
            groups: 0,
            assessments: assessments.clone(),
        };
        for (at, test) in tests.iter().enumerate() {
            for sheet in assessments.sheets(at) {
                counted.sheets[at] += 1;
                counted.sat[sheet.pupil.number as usize] += 1;
                let ability = (sheet.pupil.ability() * 10.0).round() as i64 + 40;
                let mut asked: u128 = 0;
                for answer in assessments.answers(&sheet) {
                    let Some(descriptor) = answer.descriptor else {
                        let level = READING_LEVELS.iter().position(|&l| l == answer.given);
                        counted.levels[level.unwrap()] += 1;
                        assert!(!answer.is_right);
                        counted.groups += 1;
                        continue;
                    };
                    asked |= 1 << (descriptor % 81);
                    let subject = usize::from(test.subject() == Subject::Portuguese);
                    counted.by_grade[subject][test.grade() - 1].add(answer.is_right);
                    counted.by_round[test.round()].add(answer.is_right);
                    counted.by_municipality[sheet.pupil.municipality].add(answer.is_right);
                    let item = answer.order as usize - 1;
                    counted.items[at][item][ability as usize].add(answer.is_right);
                }
                counted.groups += u64::from(asked.count_ones());
            }
        }
        counted
    })
}

#[track_caller]
fn within(what: &str, found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance,
        "{what}: {found}, not {expected} within {tolerance}"
    );
}

fn tests_of(subject: Subject) -> impl Iterator<Item = &'static Test> {
    let tests = counted().assessments.tests().iter();
    tests.filter(move |test| test.subject() == subject)
}

#[test]
fn counts_of_people_and_rows() {
    let counted = counted();
    let assessments = &counted.assessments;
    assert_eq!(assessments.pupils(), PUPILS);
    assert_eq!(assessments.schools(), 1481);
    assert_eq!(assessments.dataset().root_rows()["pupils"], PUPILS);
    let rows = assessments.avaliacao().row_count();
    within("rows", rows as f64 / ROWS, 1.0, 0.005);
    for (subject, millions) in [
        (Subject::Mathematics, 13.19),
        (Subject::Portuguese, 13.19),
        (Subject::Reading, 0.33),
    ] {
        let rows: u64 = tests_of(subject)
            .map(|t| t.rows().end - t.rows().start)
            .sum();
        within(subject.name(), rows as f64 / 1e6 / millions, 1.0, 0.005);
    }
    let ends: Vec<u64> = assessments.tests().iter().map(|t| t.rows().end).collect();
    let starts: Vec<u64> = assessments.tests().iter().map(|t| t.rows().start).collect();
    assert_eq!(starts[1..], ends[..ends.len() - 1]);
    assert_eq!((starts[0], ends[ends.len() - 1]), (0, rows));
    // A pupil of each number, and each of them sat tests.
    assert!(counted.sat.iter().all(|&tests| tests > 0));
    let eighth = Assessments::new(&Settings::new()).unwrap();
    within(
        "an eighth",
        eighth.avaliacao().row_count() as f64 * 8.0 / rows as f64,
        1.0,
        0.001,
    );
}

#[test]
fn pupils_by_grade_are_the_published_ones_raised_alike() {
    let assessments = &counted().assessments;
    let mut grades = [0u64; 9];
    let mut schools = HashSet::new();
    let mut shifts = [[0u64; 3]; 9];
    let (mut with_cpf, mut classes) = (0, HashSet::new());
    for number in 0..PUPILS {
        let pupil = assessments.pupil(number).unwrap();
        grades[pupil.grade - 1] += 1;
        schools.insert(pupil.school);
        shifts[pupil.grade - 1][pupil.shift] += 1;
        with_cpf += u64::from(pupil.has_cpf);
        classes.insert((pupil.school, pupil.grade, pupil.class));
    }
    let raise = PUPILS as f64 / PUPILS_IN_THOUSANDS.iter().sum::<f64>();
    for (count, published) in grades.iter().zip(PUPILS_IN_THOUSANDS) {
        within("pupils of a grade", *count as f64, published * raise, 0.5);
    }
    assert_eq!(grades.iter().sum::<u64>(), PUPILS);
    assert_eq!(schools.len(), 1481, "every school has pupils");
    for (grade, counts) in shifts.iter().enumerate() {
        let of = |first: f64, last: f64| first + (last - first) * grade as f64 / 8.0;
        let expected = [of(39.0, 60.0), of(50.0, 32.0), of(11.0, 8.0)];
        for (count, expected) in counts.iter().zip(expected) {
            let share = 100.0 * *count as f64 / grades[grade] as f64;
            within(
                &format!("shift in grade {}", grade + 1),
                share,
                expected,
                1.5,
            );
        }
    }
    within(
        "pupils with a CPF",
        with_cpf as f64 / PUPILS as f64,
        246.0 / 256.0,
        0.001,
    );
    let mean = PUPILS as f64 / classes.len() as f64;
    assert!((12.0..30.0).contains(&mean), "pupils of a class: {mean}");
}

#[test]
fn attendance_is_a_fixed_number_of_each_block() {
    let counted = counted();
    let (mut sat, mut could) = (0, 0);
    for (at, test) in counted.assessments.tests().iter().enumerate() {
        assert_eq!(counted.sheets[at], test.sheets(), "{}", test.name());
        if test.subject() != Subject::Reading {
            sat += test.sheets();
            let first = counted.assessments.sheets(at).next().unwrap().pupil;
            assert_eq!(first.grade, test.grade());
        }
    }
    for _ in 0..4 {
        could += PUPILS;
    }
    within("attendance", 100.0 * sat as f64 / could as f64, 94.3, 0.05);
}

#[test]
fn hit_rates_by_grade_and_subject() {
    let counted = counted();
    let mut all = Hits::default();
    for (subject, published) in [MATHEMATICS, PORTUGUESE].into_iter().enumerate() {
        for (grade, published) in published.into_iter().enumerate() {
            let hits = counted.by_grade[subject][grade];
            within(
                &format!("{subject} in grade {}", grade + 1),
                hits.rate(),
                published,
                0.3,
            );
            all.right += hits.right;
            all.all += hits.all;
        }
    }
    within("all", all.rate(), 62.0, 0.1);
    let [first, second] = counted.by_round.map(Hits::rate);
    within("growth from round to round", second - first, 2.0, 0.3);
}

#[test]
fn municipalities() {
    let counted = counted();
    let assessments = &counted.assessments;
    let all: Vec<_> = (0..78)
        .map(|at| assessments.municipality(at).unwrap())
        .collect();
    assert!(assessments.municipality(78).is_none());
    let sizes: Vec<u64> = all.iter().map(|place| place.pupils).collect();
    assert_eq!(sizes.iter().sum::<u64>(), PUPILS);
    let names: HashSet<_> = all.iter().map(|place| &place.name).collect();
    assert_eq!(names.len(), 78);
    assert!(all.iter().all(|place| place.state == "ES"));
    assert!(sizes.is_sorted_by(|a, b| a >= b));
    let share = |count: usize| 100.0 * sizes[..count].iter().sum::<u64>() as f64 / PUPILS as f64;
    within("the largest", share(1), 12.3, 0.05);
    within("the largest five", share(5), 45.0, 0.05);
    within("the largest ten", share(10), 64.0, 0.05);
    assert_eq!(u64::midpoint(sizes[38], sizes[39]), 1480);
    assert_eq!(sizes[77], 320);

    let rates: Vec<f64> = counted
        .by_municipality
        .iter()
        .map(|hits| hits.rate())
        .collect();
    let mut sorted = rates.clone();
    sorted.sort_by(f64::total_cmp);
    within("the least rate", sorted[0], 53.2, 0.8);
    within(
        "the median rate",
        f64::midpoint(sorted[38], sorted[39]),
        67.0,
        0.8,
    );
    within("the greatest rate", sorted[77], 77.9, 0.8);
    let logs: Vec<f64> = sizes.iter().map(|&size| libm::log(size as f64)).collect();
    let falling = correlation(&logs, &rates);
    assert!(falling < -0.7, "ability falls with size: {falling}");
}

#[test]
fn reading_levels() {
    let counted = counted();
    let all: u64 = counted.levels.iter().sum();
    for (count, expected) in counted.levels.iter().zip([15.4, 7.8, 8.3, 8.4, 25.1, 35.0]) {
        within("level", 100.0 * *count as f64 / all as f64, expected, 0.3);
    }
}

#[test]
fn tests_and_descriptors() {
    let counted = counted();
    let mut codes = HashSet::new();
    for (subject, short) in [(Subject::Mathematics, "MAT"), (Subject::Portuguese, "POR")] {
        let tests: Vec<&Test> = tests_of(subject).collect();
        assert_eq!(tests.len(), 18);
        for test in tests {
            let round = ["Diag", "Form1"][test.round()];
            assert_eq!(
                test.name(),
                format!("2025_{short}_{}ano_{round}", test.grade())
            );
            assert_eq!(
                test.items().len(),
                ITEMS[test.grade() - 1],
                "{}",
                test.name()
            );
            let letters = if test.grade() <= 5 { "ABCD" } else { "ABCDE" };
            for item in test.items() {
                codes.insert((short, item.descriptor()));
                assert!(letters.contains(item.key()));
            }
        }
    }
    assert_eq!(codes.len(), 162);
    let descriptors: Vec<_> = counted.assessments.descriptors().collect();
    let (codes, texts): (HashSet<_>, HashSet<_>) = descriptors.into_iter().unzip();
    assert_eq!((codes.len(), texts.len()), (162, 162));
    let reading: Vec<&str> = tests_of(Subject::Reading).map(Test::name).collect();
    assert_eq!(reading.len(), 8);
    assert!(reading.iter().all(|name| name.starts_with("2025_LEI_")));
}

#[test]
fn groups_of_the_fact() {
    let counted = counted();
    let groups = |test: &Test| {
        let asked: HashSet<_> = test.items().iter().map(Item::descriptor).collect();
        test.sheets() * asked.len().max(1) as u64
    };
    let by_arithmetic: u64 = counted.assessments.tests().iter().map(groups).sum();
    assert_eq!(by_arithmetic, counted.groups);
    within("groups", counted.groups as f64 / FACT_ROWS, 1.0, 0.02);
}

#[test]
fn constants_of_items_are_recovered_from_answers() {
    let counted = counted();
    let (mut found, mut known) = ([vec![], vec![], vec![]], [vec![], vec![], vec![]]);
    for (test, answers) in counted.assessments.tests().iter().zip(&counted.items) {
        for (item, by_ability) in test.items().iter().zip(answers) {
            let mut all = Hits::default();
            let mut expected = 0.0;
            for (at, hits) in by_ability.iter().enumerate() {
                all.right += hits.right;
                all.all += hits.all;
                expected += hits.all as f64 * item.chance(at as f64 / 10.0 - 4.0);
            }
            let (discrimination, difficulty) = fit(by_ability, item.guessing());
            found[0].push(all.rate());
            known[0].push(100.0 * expected / all.all as f64);
            found[1].push(difficulty);
            known[1].push(item.difficulty());
            found[2].push(discrimination);
            known[2].push(item.discrimination());
        }
    }
    assert_eq!(found[0].len(), 824);
    for (what, (found, known)) in ["rate", "difficulty", "discrimination"]
        .iter()
        .zip(found.iter().zip(&known))
    {
        let correlation = correlation(found, known);
        assert!(correlation > 0.98, "{what}: {correlation}");
    }
}

/// Discrimination and difficulty of greatest likelihood, by Fisher's scoring; the model is written
/// out anew, from Birnbaum's formula.
fn fit(by_ability: &[Hits; 81], guessing: f64) -> (f64, f64) {
    // With z = slope * ability + start, the model is linear in what is looked for.
    let (mut slope, mut start) = (1.7, 0.0);
    for _ in 0..60 {
        let (mut s, mut h) = ([0.0; 2], [[0.0; 2]; 2]);
        for (at, hits) in by_ability.iter().enumerate().filter(|pair| pair.1.all > 0) {
            let ability = at as f64 / 10.0 - 4.0;
            let knows = 1.0 / (1.0 + libm::exp(-(slope * ability + start)));
            let p = guessing + (1.0 - guessing) * knows;
            let steep = (1.0 - guessing) * knows * (1.0 - knows);
            let weight = steep / (p * (1.0 - p)).max(1e-9);
            let residual = hits.right as f64 - hits.all as f64 * p;
            let x = [ability, 1.0];
            for i in 0..2 {
                s[i] += weight * residual * x[i];
                for j in 0..2 {
                    h[i][j] += weight * steep * hits.all as f64 * x[i] * x[j];
                }
            }
        }
        let det = h[0][0] * h[1][1] - h[0][1] * h[1][0];
        let step = [
            (s[0] * h[1][1] - s[1] * h[0][1]) / det,
            (s[1] * h[0][0] - s[0] * h[1][0]) / det,
        ];
        slope += step[0].clamp(-0.3, 0.3);
        start += step[1].clamp(-0.3, 0.3);
    }
    (slope / 1.7, -start / slope)
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        ab += (x - mean_a) * (y - mean_b);
        aa += (x - mean_a) * (x - mean_a);
        bb += (y - mean_b) * (y - mean_b);
    }
    ab / (aa * bb).sqrt()
}
