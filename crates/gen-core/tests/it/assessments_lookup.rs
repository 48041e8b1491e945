//! What `assessments` tells of a pupil's sheet and of a school by their numbers, beside the same
//! from front to back.

use std::collections::HashMap;

use lakeseed_gen_core::Settings;
use lakeseed_gen_core::assessments::{Answer, Assessments, Sheet};

fn assessments(pupils: u64, parameters: &[(&str, &str)]) -> Assessments {
    let settings = Settings::new().rows("pupils", pupils);
    let with = |settings: Settings, &(name, value): &(&str, &str)| settings.parameter(name, value);
    Assessments::new(&parameters.iter().fold(settings, with)).unwrap()
}

/// All that a sheet says.
fn told(of: &Assessments, sheet: &Sheet<'_>) -> (u64, String, Option<String>, Vec<Answer>) {
    let answers: Vec<Answer> = (0..).map_while(|item| of.answer(sheet, item)).collect();
    (
        sheet.first_row,
        sheet.class(),
        of.cpf(&sheet.pupil),
        answers,
    )
}

#[test]
fn a_sheet_by_its_pupil_is_the_one_in_order() {
    // Whole blocks, a rest, blocks of one.
    for pupils in [40, 1_000, 5_000] {
        for dirt in ["off", "on"] {
            let of = assessments(pupils, &[("dirt", dirt), ("states", "27")]);
            for (number, test) in of.tests().iter().enumerate() {
                let in_order: HashMap<u64, Sheet<'_>> = of
                    .sheets(number)
                    .map(|sheet| (sheet.pupil.number, sheet))
                    .collect();
                let mut found = 0;
                for pupil in 0..pupils {
                    let by_pupil = of.sheet(number, pupil);
                    let expected = in_order.get(&pupil).map(|sheet| told(&of, sheet));
                    let by_pupil = by_pupil.map(|sheet| told(&of, &sheet));
                    assert_eq!(by_pupil, expected, "{} {pupil}", test.name());
                    found += u64::from(by_pupil.is_some());
                }
                assert_eq!(found, test.sheets());
                assert!(of.sheet(number, pupils).is_none());
            }
            assert!(of.sheet(of.tests().len(), 0).is_none());
        }
    }
}

#[test]
fn a_school_by_its_code_is_the_one_by_its_number() {
    let of = assessments(5_000, &[("states", "27")]);
    for number in 0..of.schools() {
        let school = of.school(number).unwrap();
        assert_eq!(of.school_of(&school.code), Some(number));
        // The same six digits in another state.
        let other = format!("99{}", &school.code[2..]);
        assert_eq!(of.school_of(&other), None);
        assert_eq!(of.school_of(&format!("+{}", school.code)), None);
    }
    assert_eq!(of.school_of("x"), None);
}
