//! Tables of one's own: relations, nulls, names, and what a wrong definition gets.

use std::collections::HashMap;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use lakeseed_gen_core::column::{
    Column, boolean, category, date, decimal, distribution, float, foreign_key, foreign_row, int32,
    integer, parent, sequence, text, timestamp, uniform, weighted,
};
use lakeseed_gen_core::retail::Retail;
use lakeseed_gen_core::{Date, Error, Settings, Table, hints};

use crate::statistics::{LEAST_P, assert_fits, normal_below, p_of_fit};
use crate::support::{Cell, Frame, cells, prints};

fn retail() -> Retail {
    Retail::new(&Settings::new()).unwrap()
}

/// Checks that a definition is refused, naming the column, with a reason that holds these words.
#[track_caller]
fn refused(table: Result<Table, Error>, of_column: &str, words: &str) {
    match table.unwrap_err() {
        Error::BadDefinition {
            table,
            column,
            reason,
        } => {
            assert_eq!((table.as_str(), column.as_str()), ("t", of_column));
            assert!(reason.contains(words), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn wrong_definitions_are_refused() {
    let table = || Table::builder("t", 10);
    refused(table().build(), "(none)", "at least one column");
    refused(table().column("", sequence(1)).build(), "(unnamed)", "name");
    refused(
        table()
            .column("a", sequence(1))
            .column("a", sequence(2))
            .build(),
        "a",
        "twice",
    );
    refused(table().column("a", uniform(2, 1)).build(), "a", "swap");
    refused(
        table().column("a", weighted::<&str>([])).build(),
        "a",
        "no choices",
    );
    let nothing: [&str; 0] = [];
    refused(
        table().column("a", category(nothing, |_, _| 0)).build(),
        "a",
        "no choices",
    );

    let customers = retail().customers().clone();
    let empty = Table::builder("empty", 0)
        .column("id", sequence(1))
        .build()
        .unwrap();
    refused(
        table().column("a", foreign_key(&empty)).build(),
        "a",
        "empty has no rows",
    );
    for exponent in [-1.0, f64::NAN, f64::INFINITY] {
        refused(
            table()
                .column("a", foreign_key(&customers).zipf(exponent))
                .build(),
            "a",
            "Zipf",
        );
    }
    // A parent's attribute needs the key before it, and a key that is one.
    let early = table()
        .column("state", parent("owner", "state"))
        .column("owner", foreign_key(&customers));
    refused(early.build(), "state", "no column owner stands before it");
    let no_key = table()
        .column("owner", sequence(1))
        .column("state", parent("owner", "state"));
    refused(no_key.build(), "state", "owner is no foreign key");
    let unknown = table()
        .column("owner", foreign_key(&customers))
        .column("state", parent("owner", "stat"));
    match unknown.build().unwrap_err() {
        Error::Unknown {
            kind: "column",
            within: Some(within),
            found,
            known,
        } => {
            assert_eq!((within.as_str(), found.as_str()), ("customers", "stat"));
            assert!(known.contains(&"state".to_owned()) && known.len() == 15);
        }
        other => panic!("{other:?}"),
    }
    match Table::builder("t", (1 << 62) + 1)
        .column("a", sequence(1))
        .build()
        .unwrap_err()
    {
        Error::BadValue { setting, found, .. } => {
            assert_eq!(
                (setting.as_str(), found.as_str()),
                ("rows of t", "4611686018427387905")
            );
        }
        other => panic!("{other:?}"),
    }
    for share in [-0.1, 1.5, f64::NAN] {
        for column in [
            sequence(1).nulls(share),
            foreign_key(&customers).nulls(share).into(),
        ] {
            match table().column("a", column).build().unwrap_err() {
                Error::BadDefinition { column, reason, .. } => {
                    assert_eq!(column, "a");
                    assert!(reason.contains("share of nulls"), "{reason}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
    // No rows at all are no mistake.
    assert_eq!(empty.all_rows().batch().unwrap().num_rows(), 0);
}

#[test]
fn an_attribute_of_the_parent_is_that_of_the_parents_own_row() {
    let retail = retail();
    for key in [
        foreign_key(retail.customers()),
        foreign_key(retail.customers()).zipf(1.1),
    ] {
        let pets = Table::builder("pets", 5000)
            .column("owner", key)
            .column("state", parent("owner", "state"))
            .column("limit", parent("owner", "credit_limit"))
            .column("cpf", parent("owner", "cpf"))
            .build()
            .unwrap();
        let frame = Frame::all(&pets);
        let customers = Frame::rows(
            retail.customers(),
            0..100_000,
            &["state", "credit_limit", "cpf"],
        );
        let (states, limits, cpfs) = (
            customers.texts("state"),
            customers.ints("credit_limit"),
            customers.texts("cpf"),
        );
        let own = (
            frame.texts("state"),
            frame.ints("limit"),
            frame.texts("cpf"),
        );
        for (at, owner) in frame.ints("owner").into_iter().enumerate() {
            let row = owner as usize - 1;
            assert_eq!(
                (own.0[at], own.1[at], own.2[at]),
                (states[row], limits[row], cpfs[row])
            );
        }
    }
}

#[test]
fn parents_of_parents_and_parents_in_a_window() {
    let window = Settings::new().scale(0.01).start(Date::new(2024, 1, 1));
    let retail = Retail::new(&window).unwrap();
    let claims = Table::builder("claims", 2000)
        .column("claim_id", sequence(1).key())
        .column("invoice", foreign_key(retail.invoices()))
        .column("net_total", parent("invoice", "net_total"))
        .build()
        .unwrap();
    let notes = Table::builder("notes", 3000)
        .column("claim", foreign_key(&claims))
        .column("invoice", parent("claim", "invoice"))
        .column("net_total", parent("claim", "net_total"))
        .build()
        .unwrap();
    let invoices = Frame::all(retail.invoices());
    let first = invoices.ints("invoice_id")[0];
    assert!(first > 30_000);
    let totals = invoices.ints("net_total");
    for frame in [Frame::all(&claims), Frame::all(&notes)] {
        for (invoice, total) in frame
            .ints("invoice")
            .into_iter()
            .zip(frame.ints("net_total"))
        {
            assert_eq!(total, totals[usize::try_from(invoice - first).unwrap()]);
        }
    }
}

#[test]
fn a_foreign_row_is_the_row_that_was_named() {
    let retail = retail();
    let table = Table::builder("t", 1000)
        .column("seller", foreign_row(retail.sellers(), |_, row| 999 - row))
        .column("region", parent("seller", "region"))
        .build()
        .unwrap();
    let frame = Frame::all(&table);
    assert!(frame.ints("seller").into_iter().eq((1..=1000).rev()));
    let sellers = Frame::all(retail.sellers());
    assert!(
        frame
            .texts("region")
            .into_iter()
            .eq(sellers.texts("region").into_iter().rev())
    );
}

#[test]
fn keys_point_evenly_or_by_zipf() {
    let parents = Table::builder("parents", 100)
        .column("id", sequence(1))
        .build()
        .unwrap();
    let draw = |key: Column| {
        let table = Table::builder("t", 10_000_000)
            .column("key", key)
            .build()
            .unwrap();
        let frame = Frame::all(&table);
        let mut counts = vec![0u64; 100];
        for key in frame.ints("key") {
            counts[key as usize - 1] += 1;
        }
        counts
    };
    assert_fits(
        "even keys",
        &draw(foreign_key(&parents).into()),
        &[1.0; 100],
    );
    let mut skewed = draw(foreign_key(&parents).zipf(1.1).into());
    // Which parents are the favourites is drawn too.
    let favourite = skewed
        .iter()
        .position(|count| count == skewed.iter().max().unwrap());
    assert_ne!(favourite, Some(0));
    skewed.sort_unstable_by(|a, b| b.cmp(a));
    let shares: Vec<f64> = (1..=100)
        .map(|rank| libm::pow(f64::from(rank), -1.1))
        .collect();
    let total: f64 = shares.iter().sum();
    for rank in 0..20 {
        let expected = shares[rank] / total * 1e7;
        assert!(
            (skewed[rank] as f64 / expected - 1.0).abs() < 0.01,
            "rank {rank}"
        );
    }
}

#[test]
fn nulls_come_in_their_share_and_change_no_value() {
    let build = |nulls: bool| {
        let lay = |column: Column| if nulls { column.nulls(0.3) } else { column };
        Table::builder("t", 1_000_000)
            .column("a", lay(uniform(0, 1_000_000)))
            .column("b", lay(float(lakeseed_gen_core::seed::Stream::unit)))
            .column("c", lay(weighted([("x", 1), ("y", 2)])))
            .column("d", lay(boolean(|stream, row| stream.happens(row, 500))))
            .column(
                "e",
                lay(decimal(12, 2, |stream, row| stream.between(row, 0, 99))),
            )
            .build()
            .unwrap()
    };
    let (with, without) = (build(true), build(false));
    assert!(
        with.schema()
            .fields()
            .iter()
            .all(|field| field.is_nullable())
    );
    assert!(
        without
            .schema()
            .fields()
            .iter()
            .all(|field| !field.is_nullable())
    );
    let (with, without) = (
        with.all_rows().batch().unwrap(),
        without.all_rows().batch().unwrap(),
    );
    for (a, b) in with.columns().iter().zip(without.columns()) {
        let share = a.null_count() as f64 / 1e6;
        assert!((share - 0.3).abs() < 0.003, "{share}");
        assert_eq!(b.null_count(), 0);
        let pairs = cells(a).into_iter().zip(cells(b));
        assert!(pairs.into_iter().all(|(a, b)| a == Cell::Null || a == b));
    }
    // A null does not know what it hides: below and above the median alike.
    let median = Cell::Whole(500_000);
    let low =
        |cell: &Cell<'_>| matches!((cell, median), (Cell::Whole(a), Cell::Whole(b)) if *a < b);
    let (hidden, shown) = (cells(without.column(0)), cells(with.column(0)));
    let hidden = hidden.iter().zip(shown).filter(|pair| pair.1 == Cell::Null);
    let share = hidden.filter(|pair| low(pair.0)).count() as f64 / 3e5;
    assert!((share - 0.5).abs() < 0.01, "{share}");
    // Nulls of two columns are drawn apart.
    let both =
        (0..1_000_000).filter(|&at| with.column(0).is_null(at) && with.column(1).is_null(at));
    let share = both.count() as f64 / 1e6;
    assert!((share - 0.09).abs() < 0.002, "{share}");
}

#[test]
fn a_null_key_has_no_attributes() {
    let retail = retail();
    let pets = Table::builder("pets", 10_000)
        .column("owner", foreign_key(retail.customers()).nulls(0.25))
        .column("state", parent("owner", "state"))
        .column("limit", parent("owner", "credit_limit"))
        .build()
        .unwrap();
    let batch = pets.all_rows().batch().unwrap();
    let share = batch.column(0).null_count() as f64 / 10_000.0;
    assert!((share - 0.25).abs() < 0.02, "{share}");
    for column in &batch.columns()[1..] {
        for row in 0..10_000 {
            assert_eq!(
                column.is_null(row),
                batch.column(0).is_null(row),
                "row {row}"
            );
        }
    }
}

#[test]
fn an_attribute_that_is_null_at_the_parent_is_null_at_the_child() {
    let parents = Table::builder("parents", 100)
        .column("id", sequence(1))
        .column("phone", uniform(0, 9).nulls(0.5))
        .build()
        .unwrap();
    let children = Table::builder("children", 1000)
        .column("key", foreign_key(&parents))
        .column("phone", parent("key", "phone"))
        .build()
        .unwrap();
    assert!(children.schema().field(1).is_nullable());
    let frame = children.all_rows().batch().unwrap();
    let phones = parents.all_rows().batch().unwrap();
    let (keys, found) = (cells(frame.column(0)), cells(frame.column(1)));
    let own = cells(phones.column(1));
    for (key, phone) in keys.into_iter().zip(found) {
        let Cell::Whole(key) = key else {
            panic!("a key is null")
        };
        assert_eq!(phone, own[key as usize - 1]);
    }
}

#[test]
fn a_column_more_or_less_changes_no_other() {
    let few = Table::builder("t", 1000)
        .column("a", uniform(0, 1 << 40))
        .column("b", weighted([("x", 1), ("y", 2)]))
        .build()
        .unwrap();
    let more = Table::builder("t", 1000)
        .column("zero", distribution(rand_distr::StandardNormal))
        .column("b", weighted([("x", 1), ("y", 2)]))
        .column("one", uniform(0, 1 << 40).nulls(0.5))
        .column("a", uniform(0, 1 << 40))
        .build()
        .unwrap();
    let values = |table: &Table, name: &str| {
        let scan = table.all_rows().columns([name]).unwrap();
        prints(scan.batch().unwrap().column(0))
    };
    for name in ["a", "b"] {
        assert_eq!(values(&few, name), values(&more, name));
    }
    assert_ne!(
        values(&more, "a"),
        values(&more, "one"),
        "streams are keyed by name"
    );
    // Nor do more rows.
    let longer = Table::builder("t", 5000)
        .column("a", uniform(0, 1 << 40))
        .build()
        .unwrap();
    assert_eq!(values(&few, "a"), values(&longer, "a")[..1000]);
    // But table's name and seed do.
    let other = |name: &str, seed| {
        let table = Table::builder(name, 1000)
            .seed(seed)
            .column("a", uniform(0, 1 << 40));
        values(&table.build().unwrap(), "a")
    };
    assert_eq!(other("t", 42), values(&few, "a"), "the default seed is 42");
    assert_ne!(other("u", 42), values(&few, "a"));
    assert_ne!(other("t", 43), values(&few, "a"));
}

#[test]
fn distributions_of_rand_distr_drive_a_column() {
    let table = Table::builder("t", 1_000_000)
        .column(
            "normal",
            distribution(rand_distr::Normal::new(10.0, 2.0).unwrap()),
        )
        .column(
            "gamma",
            distribution(rand_distr::Gamma::new(3.0, 2.0).unwrap()),
        )
        .build()
        .unwrap();
    let frame = Frame::all(&table);
    let mut cells = [0u64; 41];
    for value in frame.floats("normal") {
        cells[((value - 10.0) / 2.0 * 5.0 + 20.5).floor().clamp(0.0, 40.0) as usize] += 1;
    }
    let edge = |cell: usize| (cell as f64 - 20.5) / 5.0;
    let shares: Vec<f64> = (0..41)
        .map(|cell| {
            let low = if cell == 0 {
                0.0
            } else {
                normal_below(edge(cell))
            };
            let high = if cell == 40 {
                1.0
            } else {
                normal_below(edge(cell + 1))
            };
            high - low
        })
        .collect();
    assert!(p_of_fit(&cells, &shares) > LEAST_P);
    let gamma = frame.floats("gamma");
    let mean = gamma.iter().sum::<f64>() / 1e6;
    assert!((mean - 6.0).abs() < 0.02, "{mean}");
}

#[test]
fn each_kind_of_column_has_its_type_and_range() {
    let table = Table::builder("t", 100_000)
        .column("all", uniform(i64::MIN, i64::MAX))
        .column("one", uniform(7, 7))
        .column("dice", uniform(1, 6))
        .column("negative", uniform(-3, -1))
        .column("i32", int32(|_, row| row as i32))
        .column("i64", integer(|_, row| -(row as i64)))
        .column(
            "date",
            date(|_, row| Date::new(2024, 2, 28).plus(row as i32 % 3)),
        )
        .column("moment", timestamp(|_, row| row as i64 * 1_000_000))
        .column("text", text(|_, row, out| out.push_str(&row.to_string())))
        .column("even", category(["yes", "no"], |_, row| row as usize % 2))
        .build()
        .unwrap();
    let frame = Frame::all(&table);
    assert!(frame.ints("one").iter().all(|&n| n == 7));
    let tally = |name: &str| {
        let mut counts = HashMap::new();
        for n in frame.ints(name) {
            *counts.entry(n).or_insert(0) += 1;
        }
        let mut counts: Vec<(i64, u64)> = counts.into_iter().collect();
        counts.sort_unstable();
        counts
    };
    let (faces, rolled): (Vec<i64>, Vec<u64>) = tally("dice").into_iter().unzip();
    assert_eq!(faces, [1, 2, 3, 4, 5, 6]);
    assert!(p_of_fit(&rolled, &[1.0; 6]) > LEAST_P);
    assert_eq!(tally("negative").len(), 3);
    let all = frame.ints("all");
    assert!(all.iter().any(|&n| n > i64::MAX / 2) && all.iter().any(|&n| n < i64::MIN / 2));
    assert!(frame.ints("i32").into_iter().eq(0..100_000));
    assert_eq!(frame.texts("text")[99_999], "99999");
    assert_eq!(frame.texts("even")[..3], ["yes", "no", "yes"]);
    assert_eq!(
        frame.ints("date")[1],
        i64::from(Date::new(2024, 2, 29).days())
    );
}

#[test]
fn hints_say_keys_and_parents() {
    let retail = retail();
    let hint = |table: &str, column: &str, key: &str| {
        let table = retail.dataset().table(table).unwrap();
        let field = table.schema().field_with_name(column).unwrap().clone();
        hints::of(&field, key).map(str::to_owned)
    };
    let some = |text: &str| Some(text.to_owned());
    for table in retail.dataset().tables() {
        let keys = table
            .schema()
            .fields()
            .iter()
            .filter(|field| hints::of(field, hints::KEY).is_some());
        let expected = match table.name() {
            "stock" | "invoice_items" => 2,
            _ => 1,
        };
        assert_eq!(keys.count(), expected, "{}", table.name());
        // What a hint calls a parent is there.
        for field in table.schema().fields() {
            if let Some((parent, column)) =
                hints::of(field, hints::PARENT).and_then(|it| it.split_once('.'))
            {
                let parent = retail.dataset().table(parent).unwrap();
                let pointed = parent.schema().field_with_name(column).unwrap();
                assert_eq!(pointed.data_type(), field.data_type());
            }
        }
    }
    assert_eq!(
        hint("invoices", "customer_id", hints::PARENT),
        some("customers.customer_id")
    );
    assert_eq!(
        hint("stock", "product_id", hints::PARENT),
        some("products.product_id")
    );
    assert_eq!(
        hint("invoice_items", "line_total", hints::TOTAL),
        some("sum")
    );
    // A column that says it is sorted is.
    let small = Retail::new(&Settings::new().scale(0.01).end(Date::new(2024, 2, 1))).unwrap();
    for table in small.dataset().tables() {
        let frame = Frame::all(table);
        for field in table.schema().fields() {
            if hints::of(field, hints::SORTED) == Some("asc") {
                assert!(
                    frame.ints(field.name()).is_sorted(),
                    "{}.{}",
                    table.name(),
                    field.name()
                );
            }
        }
    }
}

#[test]
fn a_row_past_the_parents_last_begins_anew() {
    let parents = Table::builder("parents", 3)
        .column("id", sequence(10))
        .build()
        .unwrap();
    let children = Table::builder("children", 7)
        .column("parent", foreign_row(&parents, |_, row| row))
        .build()
        .unwrap();
    let batch = children.all_rows().batch().unwrap();
    let keys = batch
        .column(0)
        .as_primitive::<arrow_array::types::Int64Type>();
    assert_eq!(keys.values().as_ref(), [10, 11, 12, 10, 11, 12, 10]);
}
