//! One output by several processes.

use crate::support::{files, json, output, run, succeed};

const WORK: &str = "generate predictions --rows 20k --classes 3 --files 5 -o out";

#[test]
fn shards_in_any_order_are_one_output() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = 0;
    for shard in ["3/3", "1/3", "2/3"] {
        let result = json(folder.path(), &format!("{WORK} --shard {shard}"));
        assert_eq!(result["written"], true);
        rows += result["tables"][0]["made_rows"].as_u64().unwrap();
        let status = json(folder.path(), "status out");
        assert_eq!(
            (&status["state"], &status["shards"]),
            (&"unfinished".into(), &3.into())
        );
    }
    assert_eq!(rows, 20_000);
    let line = "error: expected a finished output at out, got one without a manifest; repeat the \
                command that began it\n";
    let early = run(folder.path(), "verify out");
    assert_eq!((early.code, early.err.as_str()), (Some(3), line));

    let combined = json(folder.path(), "combine out");
    assert_eq!(
        (&combined["rows"], &combined["files"]),
        (&20_000.into(), &5.into())
    );
    let whole = output(&folder.path().join("out"));
    let again = succeed(folder.path(), "combine out");
    assert!(
        again.starts_with("out is whole: 20,000 rows in 5 files, "),
        "{again}"
    );
    assert!(output(&folder.path().join("out")) == whole);
    assert_eq!(json(folder.path(), "verify out")["clean"], true);

    let alone = tempfile::tempdir().unwrap();
    succeed(alone.path(), WORK);
    let parts = |folder| crate::support::parts(folder);
    assert!(parts(alone.path()) == parts(folder.path()));
    let totals =
        |folder: &std::path::Path| crate::support::manifest(&folder.join("out"))["tables"].clone();
    assert_eq!(totals(alone.path()), totals(folder.path()));
    // The whole, and each share of it, is there.
    for flags in ["", " --shard 2/3"] {
        let ran = succeed(folder.path(), &format!("{WORK}{flags}"));
        assert!(ran.contains("out holds exactly this already"), "{ran}");
    }
}

#[test]
fn missing_shards_are_named() {
    let folder = tempfile::tempdir().unwrap();
    succeed(folder.path(), &format!("{WORK} --shard 2/3"));
    let before = files(folder.path());
    let line =
        "error: expected all 3 shards at out, got none of 1/3, 3/3; run these shards again\n";
    for flags in ["", " --json"] {
        let ran = run(folder.path(), &format!("combine out{flags}"));
        assert_eq!(
            (ran.code, ran.err.as_str(), ran.out.as_str()),
            (Some(3), line, "")
        );
    }
    assert!(files(folder.path()) == before);
}

#[test]
fn a_run_without_shards_has_none_to_combine() {
    let folder = tempfile::tempdir().unwrap();
    succeed(folder.path(), &format!("{WORK} --shard 2/3"));
    let other = run(folder.path(), WORK);
    assert_eq!(
        (other.code, other.err.lines().count()),
        (Some(3), 1),
        "{}",
        other.err
    );
    let nothing = run(folder.path(), "combine elsewhere");
    let line = "error: expected an output of lakeseed at elsewhere, got nothing of ours; check the \
                place\n";
    assert_eq!((nothing.code, nothing.err.as_str()), (Some(3), line));
    // Another number of shards is another division of the work.
    let four = run(folder.path(), &format!("{WORK} --shard 1/4"));
    assert_eq!(
        (four.code, four.err.lines().count()),
        (Some(3), 1),
        "{}",
        four.err
    );
    // Another plan's shard is refused.
    let seed = run(folder.path(), &format!("{WORK} --shard 1/3 --seed 7"));
    assert_eq!(
        (seed.code, seed.err.lines().count()),
        (Some(3), 1),
        "{}",
        seed.err
    );
}

/// What one share writes is all that its disk must hold.
#[test]
#[cfg(unix)]
fn the_disk_of_a_share_holds_that_share() {
    let folder = tempfile::tempdir().unwrap();
    let work = "generate predictions --rows 20T --mode uniform --file-size 64GiB -o out";
    let needed = |flags: &str| {
        let ran = run(folder.path(), &format!("{work}{flags}"));
        let start = "error: expected room for about ";
        assert_eq!(ran.code, Some(3), "{}", ran.err);
        let text = ran.err.strip_prefix(start).unwrap().split(" at out").next();
        let (number, unit) = text.unwrap().split_once(' ').unwrap();
        (number.parse::<f64>().unwrap(), unit.to_owned())
    };
    let ((all, unit), (half, same)) = (needed(""), needed(" --shard 1/2"));
    assert_eq!(unit, same);
    assert!((all / half - 2.0).abs() < 0.1, "{all} and {half}");
}
