//! The server as a program.

use crate::client::Client;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

#[test]
fn the_program_says_where_it_is_and_ends_with_its_input() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_lakeseed-test-s3"))
        .args(["--bucket", "one", "--secret-key", "it's secret", "--folder"])
        .arg(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let lines: Vec<String> = lines.take(4).map(Result::unwrap).collect();
    let value = |name: &str| {
        let start = format!("export {name}='");
        let line = lines
            .iter()
            .find_map(|line| line.strip_prefix(&start))
            .unwrap();
        line.strip_suffix('\'').unwrap().replace(r"'\''", "'")
    };
    let secret = value("AWS_SECRET_ACCESS_KEY");
    assert_eq!(secret, "it's secret");
    let (endpoint, access) = (value("AWS_ENDPOINT_URL"), value("AWS_ACCESS_KEY_ID"));
    Client::new(&endpoint, "one", &access, &secret, None)
        .put("key", b"1")
        .unwrap();

    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    assert_eq!(std::fs::read(folder.path().join("one/key")).unwrap(), b"1");
}
