//! The states of Brazil, and codes that depend on them.

/// A federative unit with what codes and taxes need of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct State {
    /// Its two letters.
    pub(crate) code: &'static str,
    /// Its number at the statistics office IBGE, which codes of schools begin with.
    pub(crate) number: u8,
    /// Its region, as a position in [`REGIONS`].
    pub(crate) region: usize,
    /// Its share of customers, in halves (domain rule).
    pub(crate) weight: u64,
    /// The ninth digit of a CPF issued there (Receita Federal's fiscal regions).
    pub(crate) cpf_region: u8,
    /// Its first and last postal code, the largest range where it has two (Correios' list).
    pub(crate) postal_codes: (u32, u32),
    /// Its general rate of tax on goods, in ten-thousandths (state laws as of 2023, rounded).
    pub(crate) tax_rate: i64,
}

/// The five regions in the order of the statistics office IBGE.
pub(crate) const REGIONS: [&str; 5] = ["Norte", "Nordeste", "Sudeste", "Sul", "Centro-Oeste"];

const NORTH: usize = 0;
const NORTHEAST: usize = 1;
const SOUTHEAST: usize = 2;
const SOUTH: usize = 3;
const CENTRE_WEST: usize = 4;

const fn state(
    code: &'static str,
    number: u8,
    region: usize,
    weight: u64,
    cpf_region: u8,
    postal_codes: (u32, u32),
    tax_rate: i64,
) -> State {
    State {
        code,
        number,
        region,
        weight,
        cpf_region,
        postal_codes,
        tax_rate,
    }
}

/// All 27, the states with most customers first.
pub(crate) const STATES: [State; 27] = [
    state("SP", 35, SOUTHEAST, 44, 8, (1_000_000, 19_999_999), 1800),
    state("MG", 31, SOUTHEAST, 20, 6, (30_000_000, 39_999_999), 1800),
    state("RJ", 33, SOUTHEAST, 16, 7, (20_000_000, 28_999_999), 2000),
    state("BA", 29, NORTHEAST, 14, 5, (40_000_000, 48_999_999), 1900),
    state("RS", 43, SOUTH, 12, 0, (90_000_000, 99_999_999), 1700),
    state("PR", 41, SOUTH, 12, 9, (80_000_000, 87_999_999), 1900),
    state("PE", 26, NORTHEAST, 10, 4, (50_000_000, 56_999_999), 1800),
    state("CE", 23, NORTHEAST, 8, 3, (60_000_000, 63_999_999), 1800),
    state("PA", 15, NORTH, 8, 2, (66_000_000, 68_899_999), 1900),
    state("SC", 42, SOUTH, 8, 9, (88_000_000, 89_999_999), 1700),
    state("GO", 52, CENTRE_WEST, 8, 1, (73_700_000, 76_799_999), 1700),
    state("MA", 21, NORTHEAST, 6, 3, (65_000_000, 65_999_999), 2000),
    state("PB", 25, NORTHEAST, 4, 4, (58_000_000, 58_999_999), 1800),
    state("ES", 32, SOUTHEAST, 4, 7, (29_000_000, 29_999_999), 1700),
    state("AM", 13, NORTH, 4, 2, (69_000_000, 69_299_999), 2000),
    state("RN", 24, NORTHEAST, 4, 4, (59_000_000, 59_999_999), 1800),
    state("PI", 22, NORTHEAST, 4, 3, (64_000_000, 64_999_999), 2100),
    state("AL", 27, NORTHEAST, 4, 4, (57_000_000, 57_999_999), 1900),
    state("MT", 51, CENTRE_WEST, 4, 1, (78_000_000, 78_899_999), 1700),
    state("DF", 53, CENTRE_WEST, 4, 1, (70_000_000, 72_799_999), 1800),
    state("MS", 50, CENTRE_WEST, 2, 1, (79_000_000, 79_999_999), 1700),
    state("SE", 28, NORTHEAST, 2, 5, (49_000_000, 49_999_999), 1900),
    state("RO", 11, NORTH, 2, 2, (76_800_000, 76_999_999), 1750),
    state("TO", 17, NORTH, 2, 1, (77_000_000, 77_999_999), 1800),
    state("AC", 12, NORTH, 1, 2, (69_900_000, 69_999_999), 1900),
    state("AP", 16, NORTH, 1, 2, (68_900_000, 68_999_999), 1800),
    state("RR", 14, NORTH, 1, 2, (69_300_000, 69_399_999), 2000),
];

/// Their codes, in the same order.
pub(crate) const STATE_CODES: [&str; STATES.len()] = {
    let mut codes = [""; STATES.len()];
    let mut at = 0;
    while at < codes.len() {
        codes[at] = STATES[at].code;
        at += 1;
    }
    codes
};

/// The tax on a sale from a seller's region to a customer's state, in ten-thousandths.
///
/// Inside a region the state's own rate; across regions 12 %, but 7 % from the South and the
/// Southeast to the rest of the country and Espirito Santo. Source: Federal Senate, Resolution
/// 22/1989, with regions standing in for states.
pub(crate) fn tax_rate(seller_region: usize, state: usize) -> i64 {
    let to = &STATES[state];
    let from_richer = matches!(seller_region, SOUTHEAST | SOUTH);
    let to_poorer = !matches!(to.region, SOUTHEAST | SOUTH) || to.code == "ES";
    if seller_region == to.region {
        to.tax_rate
    } else if from_richer && to_poorer {
        700
    } else {
        1200
    }
}

/// How many CPFs there are in one fiscal region: eight free digits without the ten repdigits.
pub(crate) const CPFS: u64 = 99_999_990;

/// The CPF number `code` of `0..CPFS` in a fiscal region: eight digits, the region, two check
/// digits modulo 11.
///
/// Source: Receita Federal, Ato Declaratório Executivo on CPF check digits; weights 10..2, 11..2.
pub(crate) fn cpf(code: u64, region: u8) -> [u8; 11] {
    // Between two repdigits d*11111111 lie 11111110 other numbers.
    let mut number = code / 11_111_110 * 11_111_111 + code % 11_111_110 + 1;
    let mut digits = [0u8; 11];
    for at in (0..8).rev() {
        digits[at] = (number % 10) as u8;
        number /= 10;
    }
    digits[8] = region;
    for checked in [9, 10] {
        let weighted = digits[..checked].iter().zip((2..=checked as u32 + 1).rev());
        let sum: u32 = weighted
            .map(|(&digit, weight)| u32::from(digit) * weight)
            .sum();
        digits[checked] = match sum * 10 % 11 {
            10 => 0,
            rest => rest as u8,
        };
    }
    digits.map(|digit| digit + b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_regions() {
        assert_eq!(STATES.iter().map(|state| state.weight).sum::<u64>(), 209);
        let per_region = REGIONS.iter().enumerate();
        let counts: Vec<_> = per_region
            .map(|(r, _)| STATES.iter().filter(|state| state.region == r).count())
            .collect();
        assert_eq!(counts, [7, 9, 4, 3, 4], "as IBGE counts them");
    }

    #[test]
    fn postal_ranges_do_not_overlap() {
        let mut ranges: Vec<_> = STATES.iter().map(|state| state.postal_codes).collect();
        ranges.sort_unstable();
        assert!(ranges.windows(2).all(|pair| pair[0].1 < pair[1].0));
    }

    #[test]
    fn a_known_cpf() {
        // 529.982.247-25, the textbook example: eight digits 52998224, region 7.
        let code = 52_998_224 - 1 - 52_998_224 / 11_111_111;
        assert_eq!(&cpf(code, 7), b"52998224725");
    }

    #[test]
    fn repdigits_never_come() {
        for digit in 0..9u64 {
            let last_before = (digit + 1) * 11_111_110 - 1;
            for code in last_before - 1..=(last_before + 1).min(CPFS - 1) {
                let text = cpf(code, 0);
                assert!(text[..8].iter().any(|&d| d != text[0]), "{code}");
            }
        }
        assert_eq!(&cpf(CPFS - 1, 0)[..8], b"99999998");
    }
}
