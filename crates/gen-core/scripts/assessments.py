#!/usr/bin/env python3
"""Makes the constants of the dataset `assessments`: items, municipalities, reading levels.

Usage: python3 crates/gen-core/scripts/assessments.py     (writes crates/gen-core/src/assessments/)

Needs Python 3.9 and rustfmt, nothing else; the same output each time. Nothing is fitted when rows
are made: what stands in the files that this writes is all there is.

Targets (the facts of the original, at its scale of 315,177 pupils)
  sizes     78 municipalities: the largest has 12.3 % of the pupils, five 45 %, ten 64 %, the median
            1,480 pupils, the smallest 320.
  abilities hit rate by municipality 53.2 / 67.0 / 77.9 (least, median, greatest), falling with size.
  items     hit rates by grade and subject (HIT_RATES), the first round a point below, the second a
            point above. They average to 61.9, the published total is 62.0: each is aimed 0.1 higher.
  reading   shares of six levels over all reading tests (LEVELS).

Method
  Ability is counted in steps of 1/64 of a pupil's standard deviation. A pupil's ability is the sum of
  that of its municipality, of its school (even in -SCHOOL..SCHOOL) and of its own, one of 256 normal
  quantiles. An item is right with c + (1 - c) / (1 + exp(-1.7 a (ability - b))): item response theory
  with three parameters (Birnbaum 1968). Discrimination a is log-normal, guessing c lies below one
  over the number of letters, difficulty b is normal about the one offset a test that meets its rate,
  found by bisection over the distribution of abilities. The municipality's ability is the whole
  step that comes nearest to its rate under all items. Items and abilities depend on each other, so
  the two are solved in turn until neither moves. Reading is Samejima's graded response model, its
  cuts found by bisection.
"""

import math
import subprocess
from pathlib import Path

OUT = Path(__file__).resolve().parent.parent / "src" / "assessments"

PUPILS = [36625, 47663, 44653, 42445, 43448, 28598, 24785, 24584, 22376]
ITEMS = [16, 20, 22, 22, 22, 26, 26, 26, 26]
# Different descriptors among a test's items: they make 18.57 M groups of the star's fact.
DESCRIPTORS = [11, 14, 15, 15, 15, 18, 18, 18, 18]
DESCRIPTORS_A_SUBJECT = 81
HIT_RATES = {
    "mathematics": [83.7, 81.5, 71.7, 65.9, 59.5, 48.9, 42.4, 38.9, 39.8],
    "portuguese": [74.2, 75.5, 69.5, 59.7, 57.9, 55.3, 54.6, 54.6, 61.3],
}
LIFT = 0.1
ROUNDS = [-1.0, 1.0]
# Non-readers, syllables, words, sentences, readers, fluent readers.
LEVELS = [15.4, 7.8, 8.3, 8.4, 25.1, 35.0]
# Grade and round of each reading test.
READING = [(1, 1), (2, 0), (2, 1), (3, 0), (3, 1), (4, 0), (4, 1), (5, 0)]

STEP = 64
CENTRE = 256
SCHOOL = 24


class Draws:
    """SplitMix64: the same numbers under every version of Python."""

    def __init__(self, seed):
        self.state = seed

    def bits(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) % 2**64
        x = self.state
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        x = (x ^ x >> 27) * 0x94D049BB133111EB % 2**64
        return x ^ x >> 31

    def unit(self):
        return (self.bits() >> 11) / 2**53

    def normal(self):
        return math.sqrt(-2 * math.log(1 - self.unit())) * math.cos(math.tau * self.unit())

    def shuffled(self, values):
        return [value for _, value in sorted((self.bits(), value) for value in values)]


def bisect(rising, target, low, high):
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < target else (low, middle)
    return (low + high) / 2


def normal_quantile(p):
    return bisect(lambda x: 0.5 * math.erfc(-x / math.sqrt(2)), p, -6, 6)


def sizes():
    first = [38767, 32914, 28105, 23418, 18626, 15214, 13388, 11842, 10303, 9136]
    last = [round(1464 - (1464 - 320) * (k / 37) ** 0.85) for k in range(38)]
    middle = [1488, 1472]
    left = sum(PUPILS) - sum(first) - sum(middle) - sum(last)

    def upper(power):
        return [1506 + (7420 - 1506) * (1 - k / 27) ** power for k in range(28)]

    power = bisect(lambda power: -sum(upper(power)), -left, 0.2, 12)
    upper = [round(size) for size in upper(power)]
    upper[0] += left - sum(upper)
    sizes = first + upper + middle + last
    assert sizes == sorted(sizes, reverse=True) and sum(sizes) == sum(PUPILS)
    return sizes


def municipal_rates(sizes, draws):
    """Rates by municipality, largest first."""
    mean = sum(n * k * (a + b + 2 * LIFT) / 2 for n, k, a, b in zip(PUPILS, ITEMS, *HIT_RATES.values()))
    mean /= sum(n * k for n, k in zip(PUPILS, ITEMS))
    scores = [rank / 77 + 0.13 * draws.normal() for rank in range(78)]
    order = sorted(range(78), key=lambda rank: scores[rank])

    def rates(power):
        at = [0.0] * 78
        for place, rank in enumerate(order):
            q = place / 77
            if q < 0.5:
                at[rank] = 53.2 + 13.75 * (2 * q) ** power
            else:
                at[rank] = 67.05 + 10.85 * (2 * q - 1) ** 1.8
        return at

    def weighted(power):
        return -sum(size * rate for size, rate in zip(sizes, rates(power))) / sum(sizes)

    return rates(bisect(weighted, -mean, 0.05, 3))


def spread():
    """Probability of each sum of a school's and a pupil's own ability."""
    own = [round(STEP * normal_quantile((2 * k + 1) / 512)) for k in range(256)]
    sums = {}
    for pupil in own:
        for school in range(-SCHOOL, SCHOOL + 1):
            sums[pupil + school] = sums.get(pupil + school, 0) + 1 / 256 / (2 * SCHOOL + 1)
    return own, sums


def level(ability):
    return min(max(CENTRE + ability, 0), 2 * CENTRE - 1)


def population(weights, abilities, sums):
    share = [0.0] * (2 * CENTRE)
    for weight, ability in zip(weights, abilities):
        for other, p in sums.items():
            share[level(ability + other)] += weight * p
    return share


def logistic(x):
    return 1 / (1 + math.exp(-1.7 * x))


def right(item, at):
    return item["c"] + (1 - item["c"]) * logistic(item["a"] * ((at - CENTRE) / STEP - item["b"]))


def expected(item, share):
    return sum(p * right(item, at) for at, p in enumerate(share) if p)


def make_items(subject, grade, draws):
    """The items of a test, their difficulty not yet placed."""
    n, d = ITEMS[grade - 1], DESCRIPTORS[grade - 1]
    first = round((grade - 1) * (DESCRIPTORS_A_SUBJECT - DESCRIPTORS[8]) / 8)
    matrix = list(range(first, first + d))
    asked = draws.shuffled(matrix + draws.shuffled(matrix)[: n - d])
    letters = 4 if grade <= 5 else 5
    keys = draws.shuffled([k % letters for k in range(n)])
    low, high = (0.13, 0.24) if letters == 4 else (0.10, 0.18)
    items = []
    for descriptor, key in zip(asked, keys):
        weights = [0 if k == key or k >= letters else 1 + int(9 * draws.unit()) for k in range(5)]
        items.append({
            "descriptor": descriptor,
            "key": key,
            "weights": weights,
            "a": min(max(math.exp(0.05 + 0.28 * draws.normal()), 0.5), 2.2),
            "spread": min(max(0.85 * draws.normal(), -1.8), 1.8),
            "c": low + (high - low) * draws.unit(),
        })
    return items


def place(items, target, share):
    """Moves all difficulties of a test by one offset, so that its rate is met."""
    def rate(offset):
        for item in items:
            item["b"] = item["spread"] - offset
        return sum(expected(item, share) for item in items) / len(items)

    rate(bisect(rate, target / 100, -6, 6))


def reading_cuts(share):
    weight = {test: PUPILS[test[0] - 1] for test in READING}
    total = sum(weight.values())

    def at_least(cut):
        return sum(
            weight[grade, term] / total * sum(
                p * logistic(1.5 * ((at - CENTRE) / STEP + reading_shift(grade, term) - cut))
                for at, p in enumerate(share) if p)
            for grade, term in READING)

    above, cuts = 100.0, []
    for share_of_level in LEVELS[:-1]:
        above -= share_of_level
        cuts.append(bisect(lambda cut: -at_least(cut), -above / 100, -8, 8))
    return cuts


def reading_shift(grade, term):
    return 0.35 * (grade - 3) + 0.25 * term


def thousandths(x):
    return round(1000 * x)


def write(name, about, body):
    path = OUT / f"{name}.rs"
    head = f"//! {about}\n//!\n//! Made by `scripts/assessments.py`: change that, not this.\n\n"
    path.write_text(head + body)
    subprocess.run(["rustfmt", "--edition", "2024", str(path)], check=True)


def main():
    draws = Draws(20250818)
    size = sizes()
    weights = [n / sum(size) for n in size]
    rates = municipal_rates(size, draws)
    own, sums = spread()
    tests = {
        (subject, grade, term): make_items(subject, grade, draws)
        for subject in sorted(HIT_RATES) for grade in range(1, 10) for term in range(2)
    }
    items_of = {test: PUPILS[test[1] - 1] for test in tests}
    total = sum(items_of[test] * len(items) for test, items in tests.items())
    abilities = [0] * 78
    for _ in range(12):
        before = list(abilities)
        share = population(weights, abilities, sums)
        for (subject, grade, term), items in tests.items():
            place(items, HIT_RATES[subject][grade - 1] + LIFT + ROUNDS[term], share)
        curve = [
            sum(items_of[test] * right(item, at) for test, items in tests.items() for item in items)
            / total for at in range(2 * CENTRE)
        ]
        steps = range(-160, 161)
        met = {s: sum(p * curve[level(s + other)] for other, p in sums.items()) for s in steps}
        abilities = [min(steps, key=lambda s: abs(100 * met[s] - rate)) for rate in rates]
        middle = round(sum(w * a for w, a in zip(weights, abilities)))
        abilities = [a - middle for a in abilities]
        if abilities == before:
            break
    cuts = reading_cuts(share)

    for subject in sorted(HIT_RATES):
        text = "/// By grade, then by round.\npub(super) static ITEMS: [&[Item]; 18] = [\n"
        for grade in range(1, 10):
            for term in range(2):
                text += f"// Grade {grade}, round {term + 1}.\n&[\n"
                for item in tests[subject, grade, term]:
                    numbers = [item["descriptor"], item["key"]]
                    numbers += [thousandths(item[name]) for name in "abc"]
                    text += f"item({', '.join(map(str, numbers))}, {item['weights']}),\n"
                text += "],\n"
        text += "];\n"
        write(subject, f"The items of the tests of {subject.capitalize()}.",
              "use super::items::{Item, item};\n\n" + text)

    body = "/// Pupils at the original's scale, and ability in steps; the largest first.\n"
    body += "pub(super) static MUNICIPALITIES: [(u32, i16); 78] = [\n"
    body += "".join(f"({n}, {a}),\n" for n, a in zip(size, abilities)) + "];\n\n"
    body += "/// The abilities of pupils within a school: normal quantiles, in steps.\n"
    body += f"pub(super) static ABILITIES: [i16; 256] = {own};\n\n"
    body += "/// What a pupil has to reach for each level of reading after the first, in thousandths.\n"
    body += f"pub(super) static READING_CUTS: [i32; 5] = {[thousandths(cut) for cut in cuts]};\n"
    write("calibration", "Sizes and abilities: the constants that people follow from.", body)
    print(f"rates by municipality: {min(rates):.1f} {max(rates):.1f}")
    print(f"mean ability of the largest ten: {sum(abilities[:10]) / 10}, of the others "
          f"{sum(abilities[10:]) / 68}")


if __name__ == "__main__":
    main()
