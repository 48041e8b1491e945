//! Questions over a matrix of settings: the order of measurements, what ends them, the page.

use std::convert::Infallible;

use lakeseed_budget::MIB;
use lakeseed_gen_core::{Dataset, Settings};
use lakeseed_star_schema::bench::{
    Bench, Failed, LeftOut, Measured, Question, Reason, Setting, measure,
};
use lakeseed_star_schema::query::{Queries, QuerySettings};
use lakeseed_star_schema::{BytesRead, Error, Stop};

fn bench(questions: &[Question], repeat: usize) -> Bench {
    Bench {
        questions: questions.to_vec(),
        settings: Setting::matrix(&[512 * MIB, 256 * MIB], &[2], &[1, 4]),
        repeat,
    }
}

/// A real measurement, which a test may change.
fn measured(sql: &str, partitions: usize) -> Result<Measured, Error> {
    let retail = Dataset::new("retail", &Settings::new().scale(0.03)).unwrap();
    measure(sql, &BytesRead::default(), &Stop::new(), || {
        let mut queries = Queries::new(&QuerySettings {
            partitions: Some(partitions),
            ..QuerySettings::default()
        })?;
        queries.register("retail", &retail)?;
        Ok(queries)
    })
}

#[test]
fn settings_come_in_turn_from_both_ends() {
    let questions = ["a", "b"].map(|name| Question::new(name, "SELECT 1 AS one"));
    let bench = bench(&questions, 2);
    let mut turns = Vec::new();
    let results = bench.run(|turn| {
        turns.push(format!("{} {}", turn.question.name, turn.setting));
        let is_short = turn.setting == bench.settings[1] && turn.question.name == "b";
        Ok::<_, Infallible>(if is_short {
            Err(Failed {
                reason: Reason::Memory,
                line: "too little".to_owned(),
            })
        } else {
            Ok(measured(&turn.question.sql, 1).unwrap())
        })
    });
    let expected = [
        // To warm up.
        "a 512 MiB x 2 x 4",
        "b 512 MiB x 2 x 4",
        "a 256 MiB x 2 x 1",
        "a 256 MiB x 2 x 4",
        "a 512 MiB x 2 x 1",
        "a 512 MiB x 2 x 4",
        "b 256 MiB x 2 x 1",
        "b 256 MiB x 2 x 4",
        "b 512 MiB x 2 x 1",
        "b 512 MiB x 2 x 4",
        // And back.
        "a 512 MiB x 2 x 4",
        "a 512 MiB x 2 x 1",
        "a 256 MiB x 2 x 4",
        "a 256 MiB x 2 x 1",
        "b 512 MiB x 2 x 4",
        "b 512 MiB x 2 x 1",
        // What has failed is not asked again.
        "b 256 MiB x 2 x 1",
    ];
    assert_eq!(turns, expected);
    assert_eq!(bench.turns(), expected.len() + 1);
    let results = results.unwrap();
    assert_eq!(results.seconds(1), None);
    assert_eq!(
        results.problems(),
        ["b: out of memory budget with 256 MiB x 2 x 4: too little"]
    );
}

#[test]
fn a_question_that_nothing_answers_is_asked_once() {
    let sql = "SELECT netto_total FROM invoices";
    let bench = bench(&[Question::new("wrong", sql)], 3);
    let mut turns = 0;
    let results = bench.run(|turn| {
        turns += 1;
        Ok::<_, Infallible>(measured(&turn.question.sql, 1).map_err(|error| Failed {
            reason: Reason::Question,
            line: error.to_string(),
        }))
    });
    let results = results.unwrap();
    assert_eq!(turns, 1);
    assert!(results.recommended().is_none());
    let problems = results.problems();
    assert!(
        problems.len() == 1 && problems[0].contains("did you mean 'net_total'?"),
        "{problems:?}"
    );
}

/// Averages of doubles differ in their last digits, and are one answer; other rows are another one.
#[test]
fn an_answer_is_one_whatever_the_partitions() {
    let sql = "SELECT product_id, avg(CAST(line_total AS DOUBLE)) AS mean, sum(quantity) AS n \
               FROM invoice_items GROUP BY product_id";
    let one = measured(sql, 1).unwrap();
    for partitions in [2, 5] {
        let other = measured(sql, partitions).unwrap();
        assert!(one.digest.agrees_with(&other.digest), "{one:?} {other:?}");
    }
    let other = measured(&sql.replace("sum(quantity)", "sum(quantity + 1)"), 1).unwrap();
    assert!(!one.digest.agrees_with(&other.digest));
    assert!(one.rows > 100 && one.rows_read == other.rows_read);
    if cfg!(target_os = "linux") {
        assert!(one.peak_bytes.unwrap() > 1 << 20);
    }
}

#[test]
fn the_page_shows_all_and_nothing_of_a_text_is_markup() {
    let questions = [
        Question::new("<a>", "-- What & \"how\"\nSELECT 1 AS \"<script>\""),
        Question::new("b", "SELECT 2 AS two"),
    ];
    let bench = bench(&questions, 1);
    let results = bench.run(|turn| {
        Ok::<_, Infallible>(if turn.setting < bench.settings[1] {
            Err(Failed {
                reason: Reason::Killed,
                line: "by <signal> 9".to_owned(),
            })
        } else {
            Ok(Measured {
                seconds: 1.25,
                peak_bytes: Some(600 << 20),
                ..measured(&turn.question.sql, 1).unwrap()
            })
        })
    });
    let mut results = results.unwrap();
    results.places = vec!["s3://lake/<x>".to_owned()];
    results.left_out = vec![LeftOut {
        name: "c".to_owned(),
        missing: vec!["fact_sales".to_owned()],
    }];
    let html = results.page();
    for tag in [
        "svg", "table", "section", "figure", "details", "td", "tr", "pre",
    ] {
        let opened = html.matches(&format!("<{tag}")).count();
        assert_eq!(
            opened,
            html.matches(&format!("</{tag}>")).count(),
            "{tag}: {html}"
        );
    }
    for text in [
        "What &amp; &quot;how&quot;",
        "SELECT 1 AS &quot;&lt;script&gt;&quot;",
        "s3://lake/&lt;x&gt;",
        "killed: by &lt;signal&gt; 9",
        "600 MiB, too much",
        "1.250 s",
        "not all are answered",
        "c was left out: there is no fact_sales",
    ] {
        assert!(html.contains(text), "{text}: {html}");
    }
    assert!(
        !html.contains("<script>") && !html.contains("http"),
        "{html}"
    );
    assert!(!html.contains("NaN") && !html.contains("inf%"), "{html}");
    assert_eq!(html, results.page());
}
