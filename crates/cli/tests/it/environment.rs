//! Every flag has a variable; the flag wins.

use serde_json::Value;

use crate::support::binary;

fn planned(variables: &[(&str, &str)], args: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let mut command = binary(folder.path());
    command
        .envs(variables.iter().copied())
        .args(args.split_whitespace());
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn variables_stand_for_flags() {
    let variables = [
        ("LAKESEED_ROWS", "2k"),
        ("LAKESEED_SEED", "7"),
        ("LAKESEED_CLASSES", "3"),
        ("LAKESEED_FORMAT", "csv"),
        ("LAKESEED_FILES", "4"),
        ("LAKESEED_OUT", "elsewhere"),
        ("LAKESEED_JSON", "1"),
    ];
    let plan = planned(&variables, "plan predictions");
    assert_eq!(
        plan["data_id"],
        "predictions/1?seed=7&predictions=2000&classes=3&mode=simplex&precision=none"
    );
    assert_eq!(
        (&plan["format"], &plan["files"]),
        (&"csv".into(), &4.into())
    );
    assert_eq!(plan["out"], "elsewhere");
}

#[test]
fn flags_win() {
    let plan = planned(
        &[("LAKESEED_ROWS", "2k")],
        "plan predictions --rows 10 --json",
    );
    assert_eq!(plan["rows"], 10);
}

#[test]
fn a_switch_can_be_off() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = binary(folder.path());
    command
        .env("LAKESEED_JSON", "0")
        .args(["list", "predictions"]);
    let out = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert!(out.starts_with("predictions: "), "{out}");
}

/// A whole shell may set the parameter of one dataset and make another.
#[test]
fn a_variable_of_another_dataset_concerns_it_alone() {
    let own = planned(&[], "schema predictions --as arrow");
    let variables = [("LAKESEED_ITEMS_PER_INVOICE", "1")];
    assert_eq!(planned(&variables, "schema predictions --as arrow"), own);
}
