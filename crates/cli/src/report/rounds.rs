//! The rounds of a load: a table of their times, and a chart as one SVG file that needs nothing beside
//! it and can be read on white and on dark.

use std::fmt::Write;
use std::time::Duration;

use lakeseed_sink::databases::{Growth, Round};

use super::{Align, Grid, units};

/// Pixels: of all, and around the columns.
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 340.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const ABOVE: f64 = 64.0;
const BELOW: f64 = 48.0;
/// Lines behind the columns, and about so many names below them.
const LINES: u32 = 4;
const NAMES: usize = 10;
/// What of a column's room is its gap.
const GAP: f64 = 0.2;

const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#5b6675}.title{font-size:14px;font-weight:600}\
    .line{stroke:#8a94a3;stroke-opacity:.35}.making{fill:#d98a1f}.waiting{fill:#2f7fc4}\
    .found{fill:#8a94a3;fill-opacity:.4}\
    @media(prefers-color-scheme:dark){text{fill:#aab4c2}.waiting{fill:#5aa3e0}}";

/// For people: a line a round, then the growth.
pub(crate) fn text(rounds: &[Round], growth: Option<Growth>) -> String {
    let mut grid = Grid::new([
        ("round", Align::Right),
        ("rows", Align::Right),
        ("time", Align::Right),
        ("generation", Align::Right),
        ("insertion", Align::Right),
        ("rows/s", Align::Right),
    ]);
    let time = |seconds: f64| units::time(Duration::from_secs_f64(seconds));
    for round in rounds {
        let [of_all, making, waiting, rate] = if round.is_timed() {
            let elapsed = Duration::from_secs_f64(round.seconds);
            [
                time(round.seconds),
                time(round.making_seconds),
                time(round.waiting_seconds),
                units::short(units::per_second(round.made_rows, elapsed)),
            ]
        } else {
            ["stood, or in part", "", "", ""].map(str::to_owned)
        };
        let (number, rows) = (round.number.to_string(), units::grouped(round.rows));
        grid.row([number, rows, of_all, making, waiting, rate]);
    }
    let mut text = grid.text("");
    text.push_str(
        "\ngeneration: rows made and encoded; insertion: the database waited for; of all workers together\n",
    );
    if let Some(growth) = growth {
        let _ = writeln!(text, "{}", grown(growth));
    }
    text
}

/// The growth in a line.
fn grown(growth: Growth) -> String {
    let Growth {
        rounds,
        mean_seconds,
        per_round,
        standard_error,
    } = growth;
    let mean = units::time(Duration::from_secs_f64(mean_seconds));
    let verdict = if growth.is_nil() {
        "nil within noise"
    } else {
        "more than noise"
    };
    format!(
        "mean of {rounds} rounds {mean}; growth per round {:+.3} % of it, standard error {:.3} %: {verdict}",
        100.0 * per_round,
        100.0 * standard_error,
    )
}

/// A column a round as high as its time, cut as the time of the workers was spent.
pub(crate) fn chart(rounds: &[Round], address: &str, growth: Option<Growth>) -> String {
    let most = rounds.iter().filter(|round| round.is_timed());
    let most = most.map(|round| round.seconds).fold(0.0, f64::max);
    let top = ceiling(most);
    let (room, foot) = (HEIGHT - ABOVE - BELOW, HEIGHT - BELOW);
    let y = |seconds: f64| foot - room * seconds / top;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
         height=\"{HEIGHT}\" role=\"img\" aria-labelledby=\"title\">\n<style>{STYLE}</style>\n\
         <text class=\"title\" id=\"title\" x=\"{LEFT}\" y=\"20\">Time of each round into {}</text>\n",
        escaped(address),
    );
    if let Some(growth) = growth {
        let _ = writeln!(
            out,
            "<text x=\"{LEFT}\" y=\"38\">{}</text>",
            escaped(&grown(growth))
        );
    }
    for (at, (class, name)) in [("waiting", "insertion"), ("making", "generation")]
        .iter()
        .enumerate()
    {
        let x = LEFT + 110.0 * at as f64;
        let _ = writeln!(
            out,
            "<rect class=\"{class}\" x=\"{x}\" y=\"46\" width=\"10\" height=\"10\"/>\
             <text x=\"{}\" y=\"55\">{name}</text>",
            x + 15.0
        );
    }
    for line in 0..=LINES {
        let seconds = top * f64::from(line) / f64::from(LINES);
        let at = y(seconds);
        let _ = writeln!(
            out,
            "<line class=\"line\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text text-anchor=\"end\" x=\"{}\" y=\"{:.1}\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 4.0,
            short(seconds),
        );
    }
    let step = (WIDTH - LEFT - RIGHT) / rounds.len().max(1) as f64;
    let every = rounds.len().div_ceil(NAMES).max(1);
    for (at, round) in rounds.iter().enumerate() {
        let x = LEFT + step * at as f64 + step * GAP / 2.0;
        column(&mut out, round, (x, step * (1.0 - GAP)), (&y, room));
        if at.is_multiple_of(every) || at + 1 == rounds.len() {
            let _ = writeln!(
                out,
                "<text text-anchor=\"middle\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                x + step * (1.0 - GAP) / 2.0,
                foot + 16.0,
                round.number
            );
        }
    }
    let _ = writeln!(
        out,
        "<text text-anchor=\"middle\" x=\"{:.1}\" y=\"{:.1}\">round</text>\n\
         <text text-anchor=\"middle\" transform=\"translate(14 {:.1}) rotate(-90)\">seconds</text>\n</svg>",
        f64::midpoint(LEFT, WIDTH - RIGHT),
        HEIGHT - 12.0,
        f64::midpoint(ABOVE, foot),
    );
    out
}

/// One round: `x` and width, how high a time stands, and the room for all.
fn column(
    out: &mut String,
    round: &Round,
    (x, width): (f64, f64),
    (y, room): (&dyn Fn(f64) -> f64, f64),
) {
    let foot = y(0.0);
    let mut rect = |class: &str, from: f64, to: f64, about: &str| {
        let _ = writeln!(
            out,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{to:.1}\" width=\"{width:.1}\" height=\"{:.1}\">\
             <title>round {}: {about}</title></rect>",
            from - to,
            round.number
        );
    };
    if !round.is_timed() {
        rect(
            "found",
            foot,
            foot - room * 0.02,
            "stood before, or in part",
        );
        return;
    }
    let spent = (round.making_seconds + round.waiting_seconds).max(f64::MIN_POSITIVE);
    let waited = y(round.seconds * round.waiting_seconds / spent);
    let about = |what: &str, seconds: f64| {
        format!(
            "{what} {} s, {} s in all",
            short(seconds),
            short(round.seconds)
        )
    };
    rect(
        "waiting",
        foot,
        waited,
        &about("insertion", round.waiting_seconds),
    );
    let making = about("generation", round.making_seconds);
    rect("making", waited, y(round.seconds), &making);
}

/// The next number of one digit, or of one and a half, that lines can be named by.
fn ceiling(most: f64) -> f64 {
    if most <= 0.0 {
        return 1.0;
    }
    let digit = 10_f64.powf(most.log10().floor());
    let steps = [1.0, 1.2, 1.6, 2.0, 2.4, 3.2, 4.0, 6.0, 8.0, 10.0];
    let fits = steps.iter().map(|step| step * digit);
    fits.into_iter()
        .find(|top| *top >= most)
        .unwrap_or(10.0 * digit)
}

/// At most three digits that count.
fn short(seconds: f64) -> String {
    let text = match seconds {
        seconds if seconds >= 100.0 => format!("{seconds:.0}"),
        seconds if seconds >= 10.0 => format!("{seconds:.1}"),
        seconds if seconds >= 1.0 => format!("{seconds:.2}"),
        seconds => format!("{seconds:.3}"),
    };
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(number: u64, made_rows: u64, seconds: f64) -> Round {
        Round {
            number,
            rows: 200_000,
            made_rows,
            seconds,
            making_seconds: seconds / 2.0,
            waiting_seconds: seconds * 1.5,
        }
    }

    #[test]
    fn a_round_that_stood_has_no_time() {
        let rounds = [round(1, 65_536, 9.0), round(2, 200_000, 0.4)];
        let text = text(&rounds, None);
        let lines: Vec<&str> = text.lines().take(3).map(str::trim_end).collect();
        let expected = [
            "round     rows               time  generation  insertion  rows/s",
            "    1  200,000  stood, or in part",
            "    2  200,000             0.40 s      0.20 s     0.60 s   500 k",
        ];
        assert_eq!(lines, expected);
        // Nor has it a part in the scale.
        assert!(chart(&rounds, "here", None).contains(">0.4</text>"));
    }

    #[test]
    fn columns_stand_as_high_as_their_times() {
        let rounds = [round(1, 200_000, 0.4), round(2, 200_000, 0.2)];
        let drawn = chart(&rounds, "a<b", None);
        assert!(drawn.contains("into a&lt;b<"), "{drawn}");
        let heights = |class: &str| -> Vec<f64> {
            let bars = drawn
                .lines()
                .filter(|line| line.contains(&format!("class=\"{class}\" x")));
            let bars = bars.filter(|line| line.contains("<title>"));
            let height = |line: &str| {
                line.split("height=\"")
                    .nth(1)?
                    .split('"')
                    .next()?
                    .parse()
                    .ok()
            };
            bars.filter_map(height).collect()
        };
        let (waiting, making) = (heights("waiting"), heights("making"));
        let room = HEIGHT - ABOVE - BELOW;
        for (at, of_room) in [(0, 1.0), (1, 0.5)] {
            assert!(
                (waiting[at] - room * of_room * 0.75).abs() < 0.2,
                "{waiting:?}"
            );
            assert!(
                (making[at] - room * of_room * 0.25).abs() < 0.2,
                "{making:?}"
            );
        }
    }

    #[test]
    fn lines_have_names_of_few_digits() {
        let tops = [0.0, 0.173, 1.0, 1.3, 7.0, 9.9, 133.0]
            .map(ceiling)
            .map(short);
        assert_eq!(tops, ["1", "0.2", "1", "1.6", "8", "10", "160"]);
    }
}
