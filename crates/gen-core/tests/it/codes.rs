//! Codes: unique over whole tables, of the right form, with the right check digits.

use std::collections::HashSet;

use lakeseed_gen_core::predictions::Predictions;
use lakeseed_gen_core::retail::Retail;
use lakeseed_gen_core::{Error, Settings};

use crate::retail_rules::Data;
use crate::support::Frame;

/// The codes of one dataset.
pub(crate) fn check(data: &Data) {
    check_cpfs(&data.customers.texts("cpf"), &data.customers.texts("state"));
    check_codes(&data.sellers.texts("registration"), "", data.sellers.len());
    check_codes(&data.products.texts("code"), "P", 1_000_000_000);
    assert!(
        data.products
            .texts("code")
            .iter()
            .all(|code| code.len() == 10)
    );
}

/// Unique, of one length, digits after the prefix, and enough of them.
fn check_codes(codes: &[&str], prefix: &str, needed: usize) {
    let distinct: HashSet<_> = codes.iter().collect();
    assert_eq!(distinct.len(), codes.len(), "a code twice");
    for code in codes {
        let digits = code.strip_prefix(prefix).unwrap();
        assert!(digits.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
        assert!(
            digits.len() >= 5 && 10usize.pow(digits.len() as u32) >= needed,
            "{code}"
        );
        assert_eq!(code.len(), codes[0].len());
    }
}

fn check_cpfs(cpfs: &[&str], states: &[&str]) {
    let distinct: HashSet<_> = cpfs.iter().map(|cpf| &cpf[..8]).collect();
    assert_eq!(
        distinct.len(),
        cpfs.len(),
        "the eight free digits are unique already"
    );
    for (cpf, state) in cpfs.iter().zip(states) {
        assert!(is_cpf(cpf), "{cpf}");
        assert_eq!(&cpf[8..9], fiscal_region(state), "{cpf} of {state}");
        assert!(
            cpf[..8].bytes().any(|digit| digit != cpf.as_bytes()[0]),
            "{cpf} is a repdigit"
        );
    }
}

/// Whether the check digits are right, by the rule as banks write it: the sum of the first nine
/// digits times 1..9 modulo 11, then of the first ten times 0..9, where 10 counts as 0.
pub(crate) fn is_cpf(cpf: &str) -> bool {
    let digits: Vec<u32> = cpf.chars().filter_map(|digit| digit.to_digit(10)).collect();
    let check = |first_weight: u32, count: usize| {
        let sum: u32 = (first_weight..)
            .zip(&digits[..count])
            .map(|(weight, digit)| weight * digit)
            .sum();
        sum % 11 % 10
    };
    digits.len() == 11 && cpf.len() == 11 && check(1, 9) == digits[9] && check(0, 10) == digits[10]
}

/// Source: Receita Federal, the ten fiscal regions.
pub(crate) fn fiscal_region(state: &str) -> &'static str {
    match state {
        "DF" | "GO" | "MS" | "MT" | "TO" => "1",
        "AC" | "AM" | "AP" | "PA" | "RO" | "RR" => "2",
        "CE" | "MA" | "PI" => "3",
        "AL" | "PB" | "PE" | "RN" => "4",
        "BA" | "SE" => "5",
        "MG" => "6",
        "ES" | "RJ" => "7",
        "SP" => "8",
        "PR" | "SC" => "9",
        "RS" => "0",
        other => panic!("state {other}"),
    }
}

#[test]
fn cpfs_of_record_pass_and_changed_ones_do_not() {
    // The example of every textbook, and of the ministry's own form.
    assert!(is_cpf("52998224725") && is_cpf("11144477735"));
    assert!(!is_cpf("52998224735") && !is_cpf("52998224726") && !is_cpf("62998224725"));
}

#[test]
fn codes_are_unique_at_scale_one_and_beyond() {
    let retail = Retail::new(&Settings::new().rows("customers", 1_000_000)).unwrap();
    let customers = Frame::rows(retail.customers(), 0..1_000_000, &["cpf", "state"]);
    check_cpfs(&customers.texts("cpf"), &customers.texts("state"));
    // One seller more than five digits can tell apart.
    for sellers in [1, 99_999, 100_000, 100_001] {
        let retail = Retail::new(&Settings::new().rows("sellers", sellers)).unwrap();
        let frame = Frame::rows(retail.sellers(), 0..sellers, &["registration"]);
        let digits = if sellers > 100_000 { 6 } else { 5 };
        let registrations = frame.texts("registration");
        assert_eq!(registrations[0].len(), digits, "{sellers}");
        check_codes(&registrations, "", sellers as usize);
    }
    let retail = Retail::new(&Settings::new().rows("products", 300_000)).unwrap();
    let products = Frame::rows(retail.products(), 0..300_000, &["code"]);
    check_codes(&products.texts("code"), "P", 1_000_000_000);
}

#[test]
fn codes_depend_on_the_seed_and_on_nothing_else() {
    let codes = |settings: Settings| {
        let retail = Retail::new(&settings).unwrap();
        let frame = Frame::rows(retail.customers(), 0..100, &["cpf"]);
        frame
            .texts("cpf")
            .into_iter()
            .map(|cpf| cpf[..8].to_owned())
            .collect::<Vec<_>>()
    };
    let usual = codes(Settings::new());
    assert_eq!(
        usual,
        codes(Settings::new().parameter("skew", "0").rows("invoices", 5))
    );
    assert_ne!(usual, codes(Settings::new().seed(43)));
}

#[test]
fn the_last_customer_has_a_cpf_and_one_more_is_refused() {
    let settings = |customers| Settings::new().rows("customers", customers);
    let retail = Retail::new(&settings(99_999_990)).unwrap();
    let last = Frame::rows(
        retail.customers(),
        99_999_900..99_999_990,
        &["cpf", "state"],
    );
    check_cpfs(&last.texts("cpf"), &last.texts("state"));
    let error = Retail::new(&settings(99_999_991)).unwrap_err();
    assert!(
        matches!(&error, Error::BadValue { setting, expected, found }
        if setting == "customers" && expected.contains("CPF") && found == "99999991"),
        "{error}"
    );
}

#[test]
fn uuids_have_the_form_of_version_4_and_are_unique() {
    let settings = Settings::new()
        .only_rows(3_000_000_000)
        .parameter("classes", "1");
    let table = Predictions::new(&settings).unwrap().predictions().clone();
    let mut seen = HashSet::new();
    let mut ones = [0u32; 128];
    // A million from the start, and some so far out that row numbers pass 32 bits' half.
    for rows in [0..1_000_000, 2_999_900_000..3_000_000_000] {
        let frame = Frame::rows(&table, rows, &["id_client"]);
        for uuid in frame.texts("id_client") {
            let dashes = uuid
                .char_indices()
                .filter(|(_, c)| *c == '-')
                .map(|(at, _)| at);
            assert!(dashes.eq([8, 13, 18, 23]) && uuid.len() == 36, "{uuid}");
            let hex: String = uuid.chars().filter(|&c| c != '-').collect();
            assert!(
                hex.bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)),
                "{uuid}"
            );
            let value = u128::from_str_radix(&hex, 16).unwrap();
            assert_eq!((value >> 76) & 0xF, 4, "version of {uuid}");
            assert_eq!((value >> 62) & 0b11, 0b10, "variant of {uuid}");
            for (bit, ones) in ones.iter_mut().enumerate() {
                *ones += (value >> bit & 1) as u32;
            }
            assert!(seen.insert(value), "{uuid} twice");
        }
    }
    // All 122 other bits are fair coins: within six standard deviations.
    let free = (0..128usize).filter(|bit| !(62..64).contains(bit) && !(76..80).contains(bit));
    for bit in free {
        let error = f64::from(ones[bit]) - 550_000.0;
        assert!(error.abs() < 6.0 * 525.0, "bit {bit}: {}", ones[bit]);
    }
}
