//! Bits that turned over: every one is found, and none ends the process.

use std::collections::BTreeMap;

use lakeseed_sink::FindingKind;

use crate::support::{Output, of_kind, pets, some_formats};

/// What the one number that names a case makes.
fn mixed(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Planted damages over all formats, `each` a format.
fn random_flips(each: u64) {
    let mut tried = 0;
    let mut told: BTreeMap<FindingKind, u64> = BTreeMap::new();
    for (number, format) in some_formats().into_iter().enumerate() {
        let output = Output::new(format, &pets(600), 1);
        let right = output.bytes(0);
        for case in 0..each {
            let seed = mixed((number as u64) << 32 | case);
            let mut wrong = right.clone();
            let at = (seed >> 8) as usize % wrong.len();
            // Any other byte.
            wrong[at] ^= 1 + (seed % 255) as u8;
            output.set(0, &wrong);
            let findings = output.verify();
            let digest = of_kind(&findings, FindingKind::Digest);
            assert_eq!(
                digest.len(),
                1,
                "{format} case {case} at {at}: {findings:#?}"
            );
            for finding in &findings.findings {
                *told.entry(finding.what).or_default() += 1;
            }
            // The quick look does not see it always, and comes back always.
            let _ = output.quick();
            tried += 1;
        }
        output.set(0, &right);
        assert!(output.verify().findings.is_empty());
    }
    println!("{tried} damages, all found: {told:?}");
    assert_eq!(tried, each * some_formats().len() as u64);
}

/// `LAKESEED_TEST_LONG=1` plants many more, which takes minutes.
#[test]
fn random_damages_are_found() {
    let is_long = std::env::var("LAKESEED_TEST_LONG").is_ok_and(|long| long == "1");
    random_flips(if is_long { 3_000 } else { 40 });
}

#[test]
fn a_bit_of_every_97th_byte() {
    for format in some_formats() {
        let output = Output::new(format, &pets(300), 1);
        let right = output.bytes(0);
        for (number, at) in (0..right.len()).step_by(97).enumerate() {
            let mut wrong = right.clone();
            wrong[at] ^= 1 << (number % 8);
            output.set(0, &wrong);
            let digest = of_kind(&output.verify(), FindingKind::Digest).len();
            assert_eq!(digest, 1, "{format} at {at}");
        }
    }
}

#[test]
fn a_flipped_byte_of_plain_text_names_its_cell() {
    let rows = pets(300);
    for (format, cell) in [
        (lakeseed_sink::Csv::plain(), "\n150,2020,Rex,"),
        (
            lakeseed_sink::Json::plain(),
            "{\"id\":150,\"year\":2020,\"name\":\"Rex\"",
        ),
    ] {
        let output = Output::new(format, &rows, 1);
        let mut text = output.bytes(0);
        let line = String::from_utf8(text.clone()).unwrap().find(cell).unwrap();
        let at = line + cell.find("Rex").unwrap();
        text[at] = b'T';
        output.set(0, &text);
        let findings = output.verify();
        let value = of_kind(&findings, FindingKind::Value);
        assert_eq!(value.len(), 1, "{findings:#?}");
        assert_eq!(
            (value[0].row, value[0].column.as_deref()),
            (Some(150), Some("name"))
        );
        assert_eq!(value[0].found.trim_matches('"'), "Tex");
        // A quote or a brace too many does not move the lines behind it.
        for wrong in *b"\"{,\\" {
            text[at] = wrong;
            output.set(0, &text);
            let findings = output.verify();
            assert_eq!(of_kind(&findings, FindingKind::Digest).len(), 1);
            let value = of_kind(&findings, FindingKind::Value);
            assert_eq!(value.len(), 1, "{} {findings:#?}", char::from(wrong));
            assert_eq!(
                (value[0].row, value[0].column.as_deref()),
                (Some(150), Some("name"))
            );
            assert_eq!(of_kind(&findings, FindingKind::MissingRows).len(), 0);
        }
    }
}
