//! What pupils answer.

use super::dirt::Dirt;
use super::exams::Test;
use super::items::{CHANCES, READING_LEVELS};

/// Answers of two letters, where one was asked for.
const TWO: [&str; 6] = ["AB", "AC", "BC", "BD", "CD", "AD"];

/// What a pupil has answered: the text, and whether it is right.
///
/// `bits` are those of the row; the high half decides whether the answer is right, the low half
/// which wrong one it is.
#[inline]
pub(super) fn given(
    test: &Test,
    answer: u64,
    level: usize,
    bits: u64,
    dirt: Option<Dirt>,
) -> (&'static str, bool) {
    let (high, low) = ((bits >> 32) as u32, bits as u32);
    if let Some(chances) = &test.reading {
        let reached = chances[level].iter().take_while(|&&chance| high < chance);
        return (READING_LEVELS[reached.count()], false);
    }
    match dirt {
        Some(Dirt::NoAnswer) => return ("-", false),
        Some(Dirt::TwoAnswers) => return (TWO[((u64::from(low) * 6) >> 32) as usize], false),
        _ => {}
    }
    let at = answer as usize;
    let item = &test.items()[at];
    if high < CHANCES.right[test.first_item + at][level] {
        (item.key(), true)
    } else {
        (item.wrong(low), false)
    }
}
