//! Bad places, and flags that do not fit a place: exactly one line, and nothing touched.

use crate::support::{binary, json, refused, run};

const USAGE: i32 = 2;

#[test]
fn what_is_no_place() {
    for out in ["gs://bucket/x", "S3://bucket/x", "ftp://127.0.0.1/x"] {
        let (scheme, _) = out.split_once("://").unwrap();
        refused(
            &format!("generate predictions -o {out}"),
            USAGE,
            &format!(
                "expected a folder, s3://BUCKET/PREFIX or -, got '{scheme}://'; write to \
                 s3://BUCKET/PREFIX, or to a folder and copy it"
            ),
        );
        for command in ["verify", "status", "combine"] {
            refused(
                &format!("{command} {out}"),
                USAGE,
                &format!(
                    "expected a folder or s3://BUCKET/PREFIX, got '{scheme}://'; name a place of \
                     lakeseed's"
                ),
            );
        }
    }
}

/// A slip of the finger must not fill the disk in place of the bucket.
#[test]
fn a_bucket_that_lost_a_slash_is_no_folder() {
    for out in ["s3:/lake/x", "s3:lake", "S3:/lake"] {
        refused(
            &format!("generate predictions --rows 10 -o {out}"),
            USAGE,
            &format!(
                "expected a folder, s3://BUCKET/PREFIX or -, got '{out}'; write to \
                 s3://BUCKET/PREFIX, or to a folder and copy it"
            ),
        );
    }
}

#[test]
fn what_is_no_bucket() {
    let bucket = "expected s3://BUCKET/PREFIX with a bucket of at least 3 letters, digits, `-` and \
                  `.` for the S3 address";
    let prefix = "expected s3://BUCKET/PREFIX with a prefix of at most 512 bytes, without `//`, \
                  `.` and `..` for the S3 address";
    let marks = "expected s3://BUCKET/PREFIX without `?` and `#` for the S3 address";
    let user = "expected s3://BUCKET/PREFIX without user or password, which belong into the \
                environment for the S3 address";
    for (out, expected, got) in [
        ("s3://", bucket, "s3://"),
        ("s3://ab", bucket, "s3://ab"),
        ("s3:///x", bucket, "s3:///x"),
        ("s3://lake//x", prefix, "s3://lake//x"),
        ("s3://lake/../x", prefix, "s3://lake/../x"),
        ("s3://lake/x?y", marks, "s3://lake/x?y"),
        ("s3://key:secret@lake/x", user, "s3://***@lake/x"),
    ] {
        for command in [
            "generate predictions --rows 10 -o",
            "verify",
            "status",
            "combine",
        ] {
            refused(
                &format!("{command} {out}"),
                USAGE,
                &format!("{expected}, got {got}; change it"),
            );
        }
    }
}

#[test]
fn no_place_where_one_must_be() {
    for command in ["verify", "status", "combine"] {
        refused(command, USAGE, "expected <URI>, got nothing; give it");
        refused(
            &format!("{command} -"),
            USAGE,
            "expected a folder or s3://BUCKET/PREFIX, got -, standard output; name the place",
        );
    }
}

#[test]
fn places_where_nothing_is() {
    refused(
        "status nowhere",
        3,
        "expected an output of lakeseed at nowhere, got nothing; check the place",
    );
    for command in ["verify", "combine"] {
        refused(
            &format!("{command} nowhere"),
            3,
            "expected an output of lakeseed at nowhere, got nothing of ours; check the place",
        );
    }
}

#[test]
fn no_credentials() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().display();
    let mut command = binary(folder.path());
    command.env("HOME", folder.path()).args([
        "generate",
        "predictions",
        "--rows",
        "10",
        "-o",
        "s3://lake/x",
    ]);
    let ran = crate::support::ran(&mut command);
    let line = format!(
        "error: expected AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or profile `default` in \
         {home}/.aws/credentials or {home}/.aws/config for the credentials, got neither, and \
         AWS_EC2_METADATA_DISABLED; set them\n"
    );
    assert_eq!((ran.code, ran.err), (Some(USAGE), line));
}

#[test]
fn flags_of_buckets_need_one() {
    for flag in [
        "--endpoint-url http://127.0.0.1:1",
        "--region x",
        "--profile x",
        "--ca-bundle x",
        "--sse AES256",
        "--patience 3s",
    ] {
        let (name, _) = flag.split_once(' ').unwrap();
        for (command, place) in [
            ("generate predictions --rows 10 -o out", "out"),
            ("generate predictions --rows 10", "predictions"),
            ("generate predictions --rows 10 -f csv -o -", "-"),
            ("plan predictions --rows 10 -o out", "out"),
            ("verify out", "out"),
            ("status out", "out"),
            ("combine out", "out"),
        ] {
            refused(
                &format!("{command} {flag}"),
                USAGE,
                &format!("expected s3://BUCKET/PREFIX with {name}, got '{place}'; leave it out"),
            );
        }
    }
    // A whole shell may have them in variables.
    let folder = tempfile::tempdir().unwrap();
    let mut command = binary(folder.path());
    command.env("LAKESEED_REGION", "eu-west-1").args([
        "generate",
        "predictions",
        "--rows",
        "10",
        "-q",
        "-o",
        "out",
    ]);
    assert_eq!(crate::support::ran(&mut command).code, Some(0));
}

#[test]
fn values_of_the_flags_of_buckets() {
    let work = "generate predictions --rows 10 -o s3://lake/x";
    refused(
        &format!("{work} --sse foo"),
        USAGE,
        "expected one of AES256, aws:kms for --sse, got 'foo'; choose one of them",
    );
    refused(
        &format!("{work} --sse AES256 --sse-kms-key-id x"),
        USAGE,
        "expected --sse aws:kms with --sse-kms-key-id, got --sse AES256; leave one out",
    );
    refused(
        &format!("{work} --sse-kms-key-id x"),
        USAGE,
        "expected --sse, got nothing; give it",
    );
    for time in ["soon", "0s", "10", "-3s"] {
        refused(
            &format!("{work} --patience={time}"),
            USAGE,
            &format!(
                "expected a time above 0, as 30s or 10m for --patience, got '{time}'; change the time"
            ),
        );
    }
    let form = "expected http://HOST:PORT or https://HOST:PORT for the endpoint";
    for url in ["nonsense", "ftp://host"] {
        refused(
            &format!("{work} --endpoint-url {url}"),
            USAGE,
            &format!("{form}, got {url}; change it"),
        );
    }
    refused(
        &format!("{work} --ca-bundle nowhere.pem"),
        3,
        "expected a file that can be read at nowhere.pem, got No such file or directory (os error \
         2); check its path",
    );
}

#[test]
fn shards_that_are_none() {
    let what = "expected a share as 3/16, from 1/16 to 16/16 for --shard";
    for (shard, advice) in [
        (
            "0/16",
            "where jobs count from 0, write $((JOB_INDEX + 1))/16",
        ),
        ("5/4", "change the share"),
        ("0/0", "change the share"),
        ("x", "change the share"),
        ("3", "change the share"),
        ("1/2/3", "change the share"),
        ("-1/3", "change the share"),
        ("1/70000", "take at most 65536 shares"),
    ] {
        refused(
            &format!("generate predictions --shard={shard}"),
            USAGE,
            &format!("{what}, got '{shard}'; {advice}"),
        );
    }
}

#[test]
fn what_goes_with_what() {
    for (flags, expected) in [
        ("--append --overwrite", "either --append or --overwrite"),
        ("--shard 1/2 --overwrite", "either --shard or --overwrite"),
        ("--size 1GB --scale 2", "either --size or --scale"),
        ("--size 1GB --rows 5", "either --rows or --size"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let ran = run(folder.path(), &format!("generate predictions {flags}"));
        let (one, other) = expected
            .strip_prefix("either ")
            .and_then(|pair| pair.split_once(" or "))
            .unwrap();
        let line = |one, other| {
            format!("error: expected either {one} or {other}, got both; leave one out\n")
        };
        assert_eq!(ran.code, Some(USAGE), "{}", ran.err);
        assert!(
            [line(one, other), line(other, one)].contains(&ran.err),
            "{}",
            ran.err
        );
    }
    for flag in ["--append", "--overwrite", "--shard 1/2"] {
        let (name, _) = flag.split_once(' ').unwrap_or((flag, ""));
        refused(
            &format!("generate predictions --rows 10 -f csv -o - {flag}"),
            USAGE,
            &format!(
                "expected a folder or s3://BUCKET/PREFIX with {name}, got --out -; leave one out"
            ),
        );
    }
    refused(
        "generate predictions --log-level loud",
        USAGE,
        "expected one of error, warn, info, debug for --log-level, got 'loud'; choose one of them",
    );
    refused(
        "generate predictions --size 0",
        USAGE,
        "expected a size above 0, as 512MiB or 512MB for --size, got '0'; change the size",
    );
}

/// A folder whose name only looks a little like an address.
#[test]
fn folders_are_folders() {
    let folder = tempfile::tempdir().unwrap();
    for out in ["s3", "s3/x", "a:b"] {
        let result = json(
            folder.path(),
            &format!("generate predictions --rows 10 -o {out}"),
        );
        assert_eq!((&result["out"], &result["rows"]), (&out.into(), &10.into()));
    }
}
