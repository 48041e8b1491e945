//! Servers that fail: what is tried again, how often, and what is said in the end.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use lakeseed_sink::s3::{ConditionalPut, Environment, S3Options, S3Store};
use lakeseed_sink::{PutNew, Store, Trouble};

use super::script::{Reply, Script};
use super::{options, part, store, told_of, trouble, under_way};

const BODY: &[u8] = b"some bytes";
const MIB: usize = 1 << 20;
/// How an upload begins.
const BEGUN: &[u8] =
    b"<InitiateMultipartUploadResult><UploadId>one</UploadId></InitiateMultipartUploadResult>";
const COMPLETED: &[u8] =
    b"<CompleteMultipartUploadResult><ETag>\"tag\"</ETag></CompleteMultipartUploadResult>";

/// Answers in turn, the last one for ever.
fn in_turn(replies: Vec<fn() -> Reply>) -> Script {
    Script::start(move |number, _| replies[number.min(replies.len() - 1)]())
}

#[test]
fn a_refusal_in_passing_is_tried_again() {
    for reply in [
        (|| Reply::error(403, "AccessDenied")) as fn() -> Reply,
        || Reply::error(403, "SignatureDoesNotMatch"),
        || Reply::error(500, "InternalError"),
        || Reply::error(503, "SlowDown"),
        || Reply::error(429, "TooManyRequests"),
        || Reply::error(400, "RequestTimeout"),
        || Reply::error(408, "RequestTimeout"),
        || Reply::Silence,
    ] {
        let server = in_turn(vec![reply, reply, Reply::ok]);
        let (options, _, told) = options(&server.url);
        let store = under_way(options);
        let before = store.counts();
        store.replace("x", BODY).unwrap();
        assert_eq!(server.lines(), ["PUT /lake/demo/x"; 3]);
        assert!(server.requests().iter().all(|request| request.body == BODY));
        let counts = store.counts();
        let requests = counts.requests - before.requests;
        assert_eq!((requests, counts.retries), (3, 2));
        assert_eq!(told.lock().unwrap().len(), 2, "{told:?}");
    }
}

#[test]
fn patience_ends_and_says_how_long_it_was() {
    let check = |reply: fn() -> Reply, expected: Trouble| {
        let server = in_turn(vec![reply]);
        let (options, clock, _) = options(&server.url);
        let total = options.patience.total;
        let store = under_way(options);
        let error = store.replace("x", BODY).unwrap_err();
        assert!(told_of(&error).contains("tries in"), "{}", told_of(&error));
        assert_eq!(trouble(Err::<(), _>(error)), expected);
        let waited = lakeseed_sink::s3::Pause::now(&*clock);
        assert!(waited <= total && waited > total * 4 / 5, "{waited:?}");
        let tries = server.lines().len();
        assert!((12..60).contains(&tries), "{tries}");
    };
    check(|| Reply::error(403, "AccessDenied"), Trouble::Denied);
    check(|| Reply::error(503, "SlowDown"), Trouble::Unavailable);
    check(|| Reply::error(400, "ExpiredToken"), Trouble::Expired);
    check(|| Reply::Silence, Trouble::Unknown);
}

#[test]
fn a_denial_of_two_minutes_is_waited_for() {
    let granted = std::sync::Arc::new(AtomicBool::new(false));
    let open = std::sync::Arc::clone(&granted);
    let server = Script::start(move |_, _| {
        if open.load(Ordering::SeqCst) {
            Reply::ok()
        } else {
            Reply::error(403, "AccessDenied")
        }
    });
    let (mut options, clock, _) = options(&server.url);
    options.events = lakeseed_sink::s3::Events::new(move |_, _| {
        if lakeseed_sink::s3::Pause::now(&*clock) >= Duration::from_mins(2) {
            granted.store(true, Ordering::SeqCst);
        }
    });
    let store = under_way(options);
    store.replace("x", BODY).unwrap();
}

#[test]
fn what_no_wait_mends_is_told_at_once() {
    let check = |reply: fn() -> Reply, expected: Trouble| {
        let server = in_turn(vec![reply]);
        assert_eq!(trouble(store(&server.url).replace("x", BODY)), expected);
        assert_eq!(server.lines().len(), 1);
    };
    check(|| Reply::error(404, "NoSuchBucket"), Trouble::Missing);
    check(|| Reply::error(501, "NotImplemented"), Trouble::Unsupported);
    check(|| Reply::error(400, "InvalidArgument"), Trouble::Other);
    check(|| Reply::error(301, "PermanentRedirect"), Trouble::Other);
}

#[test]
fn a_server_that_is_not_there_cannot_be_reached() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    // Nothing was sent, so nothing is in doubt.
    assert_eq!(
        trouble(store(&url).replace("x", BODY)),
        Trouble::Unreachable
    );
    assert_eq!(
        trouble(store(&url).put_new("x", BODY)),
        Trouble::Unreachable
    );
    assert_eq!(trouble(store(&url).get("x")), Trouble::Unreachable);
}

#[test]
fn expired_keys_are_looked_for_anew() {
    let server = Script::start(|_, request| {
        let header = request.header("authorization").unwrap();
        if header.contains("Credential=AKIDNEW/") {
            Reply::ok()
        } else {
            Reply::error(400, "ExpiredToken")
        }
    });
    let (mut options, _, _) = options(&server.url);
    let asked = Mutex::new(0);
    options.environment = Environment::new(move |name| match name {
        "AWS_ACCESS_KEY_ID" => {
            let mut asked = asked.lock().unwrap();
            *asked += 1;
            Some(if *asked > 2 { "AKIDNEW" } else { "AKIDOLD" }.to_owned())
        }
        "AWS_SECRET_ACCESS_KEY" | "AWS_SESSION_TOKEN" => Some("canary-canary".to_owned()),
        _ => None,
    });
    let store = S3Store::open("s3://lake/demo", options).unwrap();
    store.replace("x", BODY).unwrap();
    assert_eq!(server.lines().len(), 3);
    let token = |request: &super::script::Request| request.header("x-amz-security-token").is_some();
    assert!(server.requests().iter().all(token));
}

/// One conditional put, its answer as given, and what is found when it is read back.
#[track_caller]
fn put_new(put: fn() -> Reply, found: fn() -> Reply, expected: Result<PutNew, Trouble>) -> usize {
    let server = Script::start(move |_, request| {
        if request.method == "GET" {
            return found();
        }
        assert_eq!(request.header("if-none-match"), Some("*"));
        put()
    });
    let outcome = store(&server.url).put_new("x", BODY);
    assert_eq!(
        outcome.map_err(|error| trouble(Err::<(), _>(error))),
        expected
    );
    server
        .lines()
        .iter()
        .filter(|line| line.starts_with("PUT"))
        .count()
}

#[test]
fn a_conditional_put_of_unknown_outcome_is_read_back() {
    let mine = || Reply::bytes(BODY);
    let other = || Reply::bytes(b"other");
    let none = || Reply::error(404, "NoSuchKey");
    let lost = || Reply::Silence;
    let taken = || Reply::error(412, "PreconditionFailed");
    assert_eq!(put_new(Reply::ok, none, Ok(PutNew::Written)), 1);
    assert_eq!(put_new(taken, mine, Ok(PutNew::Written)), 1);
    assert_eq!(put_new(taken, other, Ok(PutNew::Taken)), 1);
    assert_eq!(put_new(lost, mine, Ok(PutNew::Written)), 1);
    assert_eq!(put_new(lost, other, Ok(PutNew::Taken)), 1);
    assert!(put_new(lost, none, Err(Trouble::Unknown)) > 5);
    assert!(
        put_new(
            || Reply::error(500, "InternalError"),
            none,
            Err(Trouble::Unavailable)
        ) > 5
    );
    assert_eq!(
        put_new(
            || Reply::error(500, "InternalError"),
            mine,
            Ok(PutNew::Written)
        ),
        1
    );
    assert!(
        put_new(
            || Reply::error(409, "ConditionalRequestConflict"),
            none,
            Err(Trouble::Unavailable)
        ) > 5
    );
    assert_eq!(
        put_new(
            || Reply::error(501, "NotImplemented"),
            none,
            Err(Trouble::Unsupported)
        ),
        1
    );
    let unreadable = || Reply::error(501, "NotImplemented");
    assert_eq!(put_new(lost, unreadable, Err(Trouble::Unknown)), 1);
}

#[test]
fn without_a_conditional_put_the_place_is_looked_at_first() {
    let server = Script::start(|_, request| match request.method.as_str() {
        "GET" if request.target.ends_with("/free") => Reply::error(404, "NoSuchKey"),
        "GET" => Reply::bytes(b"other"),
        _ => {
            assert_eq!(request.header("if-none-match"), None);
            Reply::ok()
        }
    });
    let options = S3Options {
        conditional_put: ConditionalPut::LookFirst,
        ..options(&server.url).0
    };
    let store = S3Store::open("s3://lake/demo", options).unwrap();
    assert_eq!(store.put_new("free", BODY).unwrap(), PutNew::Written);
    assert_eq!(store.put_new("taken", BODY).unwrap(), PutNew::Taken);
    let puts = server
        .lines()
        .into_iter()
        .filter(|line| line.starts_with("PUT"));
    assert_eq!(puts.collect::<Vec<_>>(), ["PUT /lake/demo/free"]);
}

/// An upload of two pieces whose completion is answered so; what stands there afterwards.
#[track_caller]
fn upload(
    complete: fn(usize) -> Reply,
    uploads: fn() -> Reply,
    size: Option<usize>,
) -> (Result<u64, Trouble>, Vec<String>) {
    let tries = Mutex::new(0);
    let server = Script::start(move |_, request| match request.line().as_str() {
        line if line.ends_with("?uploads") => Reply::bytes(BEGUN),
        "GET /lake?prefix&uploads" => uploads(),
        line if line.starts_with("POST") => {
            let mut tries = tries.lock().unwrap();
            *tries += 1;
            complete(*tries)
        }
        line if line.starts_with("HEAD") => match size {
            Some(size) => Reply::Answer(
                200,
                vec![("content-length".into(), size.to_string())],
                Vec::new(),
            ),
            None => Reply::error(404, "NoSuchKey"),
        },
        _ => Reply::ok(),
    });
    let store = store(&server.url);
    let mut writer = store.create(&part(0), 0).unwrap();
    writer.write(&vec![7; 9 * MIB]).unwrap();
    let outcome = writer
        .finish()
        .map_err(|error| trouble(Err::<(), _>(error)));
    (outcome, server.lines())
}

#[test]
fn a_completion_of_unknown_outcome_is_settled() {
    let open = || {
        let key = "demo/invoices/part-00000-abcdef.csv";
        let upload = format!("<Upload><Key>{key}</Key><UploadId>one</UploadId></Upload>");
        let page = format!("<ListMultipartUploadsResult>{upload}</ListMultipartUploadsResult>");
        Reply::bytes(page.as_bytes())
    };
    let none = || Reply::bytes(b"<ListMultipartUploadsResult></ListMultipartUploadsResult>");
    let unlisted = || Reply::error(501, "NotImplemented");
    let whole = Some(9 * MIB);
    let posts = |lines: &[String]| {
        lines
            .iter()
            .filter(|line| line.starts_with("POST") && line.ends_with("uploadId"))
            .count()
    };
    let done = Ok(9 * MIB as u64);

    let (outcome, lines) = upload(|_| Reply::bytes(COMPLETED), open, None);
    assert_eq!((outcome, posts(&lines)), (done, 1));
    assert!(
        !lines.iter().any(|line| line.starts_with("HEAD")),
        "{lines:?}"
    );
    // The answer was lost, the file is there.
    for uploads in [none as fn() -> Reply, unlisted] {
        let (outcome, lines) = upload(|_| Reply::Silence, uploads, whole);
        assert_eq!((outcome, posts(&lines)), (done, 1));
        assert!(
            !lines.iter().any(|line| line.starts_with("DELETE")),
            "{lines:?}"
        );
    }
    // The request was lost: the upload stands, though an older file of that size does as well.
    let second = |tries| {
        if tries == 1 {
            Reply::Silence
        } else {
            Reply::bytes(COMPLETED)
        }
    };
    let (outcome, lines) = upload(second, open, whole);
    assert_eq!((outcome, posts(&lines)), (done, 2));
    // The answer was lost, and the second try finds nothing to complete.
    let gone = |_| Reply::error(404, "NoSuchUpload");
    let (outcome, _) = upload(gone, none, whole);
    assert_eq!(outcome, done);
    // Someone aborted it.
    let (outcome, lines) = upload(gone, none, Some(1));
    assert_eq!((outcome, posts(&lines)), (Err(Trouble::Missing), 1));
    // Nobody knows; what may be left is aborted.
    let (outcome, lines) = upload(|_| Reply::Silence, open, None);
    assert_eq!(outcome, Err(Trouble::Unknown));
    assert!(lines.last().unwrap().starts_with("DELETE"), "{lines:?}");
}

#[test]
fn an_error_behind_a_good_status_is_an_error() {
    let hidden = |_| Reply::bytes(b"<Error><Code>InternalError</Code><Message>x</Message></Error>");
    let open = || {
        let upload = "<Upload><Key>demo/invoices/part-00000-abcdef.csv</Key><UploadId>one</UploadId></Upload>";
        let page = format!("<ListMultipartUploadsResult>{upload}</ListMultipartUploadsResult>");
        Reply::bytes(page.as_bytes())
    };
    let (outcome, _) = upload(hidden, open, None);
    assert_eq!(outcome, Err(Trouble::Unavailable));
}

#[test]
fn a_dropped_part_is_aborted() {
    let server = Script::start(|_, request| match request.line() {
        line if line.ends_with("?uploads") => Reply::bytes(BEGUN),
        _ => Reply::ok(),
    });
    let store = store(&server.url);
    let mut writer = store.create(&part(0), 0).unwrap();
    writer.write(&vec![7; 8 * MIB]).unwrap();
    drop(writer);
    let lines = server.lines();
    let key = "/lake/demo/invoices/part-00000-abcdef.csv";
    assert_eq!(lines.first().unwrap(), &format!("POST {key}?uploads"));
    assert_eq!(lines.last().unwrap(), &format!("DELETE {key}?uploadId"));
    // Nothing was begun, nothing is to be aborted.
    let before = server.lines().len();
    let mut writer = store.create(&part(1), 0).unwrap();
    writer.write(b"little").unwrap();
    drop(writer);
    assert_eq!(server.lines().len(), before);
}

#[test]
fn a_part_that_failed_stays_failed() {
    let server = Script::start(|_, request| match request.line() {
        line if line.ends_with("?uploads") => Reply::bytes(BEGUN),
        line if line.starts_with("PUT") => Reply::error(400, "InvalidArgument"),
        _ => Reply::ok(),
    });
    let store = store(&server.url);
    let mut writer = store.create(&part(0), 0).unwrap();
    assert_eq!(trouble(writer.write(&vec![7; 25 * MIB])), Trouble::Other);
    assert!(writer.write(b"more").is_err());
    assert!(writer.finish().is_err());
    assert!(server.lines().last().unwrap().starts_with("DELETE"));
    assert!(
        !server
            .lines()
            .iter()
            .any(|line| line.starts_with("POST") && line.ends_with("uploadId"))
    );
}

#[test]
fn an_upload_that_was_begun_twice_is_swept() {
    let begun = AtomicBool::new(false);
    let server = Script::start(move |_, request| match request.line().as_str() {
        "GET /lake?prefix&uploads" => {
            let upload = "<Upload><Key>demo/invoices/part-00000-abcdef.csv</Key><UploadId>lost</UploadId></Upload>";
            let page = format!("<ListMultipartUploadsResult>{upload}</ListMultipartUploadsResult>");
            Reply::bytes(page.as_bytes())
        }
        line if line.ends_with("?uploads") => {
            if begun.swap(true, Ordering::SeqCst) {
                Reply::bytes(BEGUN)
            } else {
                Reply::Silence
            }
        }
        line if line.starts_with("POST") => Reply::bytes(COMPLETED),
        _ => Reply::ok(),
    });
    let store = store(&server.url);
    let mut writer = store.create(&part(0), 0).unwrap();
    writer.write(&vec![7; 9 * MIB]).unwrap();
    assert_eq!(writer.finish().unwrap(), 9 * MIB as u64);
    let last = server.requests().pop().unwrap();
    assert!(
        last.method == "DELETE" && last.target.ends_with("uploadId=lost"),
        "{last:?}"
    );
}

#[test]
fn a_broken_connection_is_read_on() {
    let bytes: Vec<u8> = (0..9 * MIB).map(|at| (at / 251) as u8).collect();
    let (whole, cut) = (bytes.clone(), AtomicBool::new(false));
    let server = Script::start(move |_, request| {
        if request.method == "HEAD" {
            let length = vec![
                ("content-length".into(), whole.len().to_string()),
                ("ETag".into(), "\"tag\"".into()),
            ];
            return Reply::Answer(200, length, Vec::new());
        }
        let range = request
            .header("range")
            .unwrap()
            .strip_prefix("bytes=")
            .unwrap();
        let (start, end) = range.split_once('-').unwrap();
        let range = start.parse::<usize>().unwrap()..end.parse::<usize>().unwrap() + 1;
        let piece = whole[range.clone()].to_vec();
        if range.start > 0 && !cut.swap(true, Ordering::SeqCst) {
            return Reply::Cut(piece, 1000);
        }
        let content = format!("bytes {}-{}/{}", range.start, range.end - 1, whole.len());
        let headers = vec![
            ("content-range".into(), content),
            ("ETag".into(), "\"tag\"".into()),
        ];
        Reply::Answer(206, headers, piece)
    });
    let mut read = Vec::new();
    store(&server.url)
        .open("x")
        .unwrap()
        .unwrap()
        .read_to_end(&mut read)
        .unwrap();
    assert!(read == bytes);
    assert_eq!(server.lines().len(), 5);
}

#[test]
fn a_server_that_lists_no_uploads_is_left_alone() {
    let server = Script::start(|_, request| match request.line().as_str() {
        "GET /lake?prefix&uploads" => Reply::error(501, "NotImplemented"),
        _ => Reply::Answer(204, Vec::new(), Vec::new()),
    });
    store(&server.url).discard(&[part(0)]).unwrap();
    assert_eq!(server.lines().len(), 1);
}

#[test]
fn a_start_with_wrong_keys_is_told_at_once() {
    for code in ["InvalidAccessKeyId", "SignatureDoesNotMatch"] {
        let server = Script::start(move |_, _| Reply::error(403, code));
        assert_eq!(trouble(store(&server.url).check()), Trouble::Denied);
        assert_eq!(server.lines().len(), 1);
    }
    let server = in_turn(vec![|| Reply::error(403, "RequestTimeTooSkewed")]);
    assert_eq!(trouble(store(&server.url).check()), Trouble::ClockSkew);
    assert_eq!(server.lines().len(), 1);
}

/// Any call may be a run's first: until one was taken, the keys may be the wrong ones.
#[test]
fn wrong_keys_and_a_denied_first_request_end_soon_in_any_call() {
    type Call = fn(&S3Store) -> Trouble;
    let calls: [Call; 5] = [
        |store| trouble(store.list("", 1)),
        |store| trouble(store.get("x")),
        |store| trouble(store.replace("x", BODY)),
        |store| trouble(store.put_new("x", BODY)),
        |store| trouble(store.check()),
    ];
    for call in calls {
        for code in ["InvalidAccessKeyId", "SignatureDoesNotMatch"] {
            let server = Script::start(move |_, _| Reply::error(403, code));
            assert_eq!(call(&store(&server.url)), Trouble::Denied);
            assert_eq!(server.lines().len(), 1, "{code}");
        }
        let server = in_turn(vec![|| Reply::error(403, "AccessDenied")]);
        let (options, clock, _) = options(&server.url);
        let store = S3Store::open("s3://lake/demo", options).unwrap();
        assert_eq!(call(&store), Trouble::Denied);
        assert!(lakeseed_sink::s3::Pause::now(&*clock) <= Duration::from_secs(10));
        // A refusal in passing is still waited for.
        assert!((3..12).contains(&server.lines().len()));
    }
}

#[test]
fn a_start_is_less_patient() {
    let server = in_turn(vec![|| Reply::error(403, "AccessDenied")]);
    let (options, clock, _) = options(&server.url);
    let store = S3Store::open("s3://lake/demo", options).unwrap();
    assert_eq!(trouble(store.check()), Trouble::Denied);
    assert!(lakeseed_sink::s3::Pause::now(&*clock) <= Duration::from_secs(10));
    assert!(server.lines().len() > 3);
}

#[test]
fn a_clock_too_far_away_is_seen() {
    let server = Script::start(|_, request| match request.method.as_str() {
        "PUT" => {
            let date = (
                "Date".to_owned(),
                "Tue, 15 Nov 1994 08:12:31 GMT".to_owned(),
            );
            Reply::Answer(
                200,
                vec![date, ("ETag".to_owned(), "\"t\"".to_owned())],
                Vec::new(),
            )
        }
        _ => Reply::Answer(204, Vec::new(), Vec::new()),
    });
    assert_eq!(trouble(store(&server.url).check()), Trouble::ClockSkew);
    // What the check made is gone again.
    let lines = server.lines();
    assert_eq!(lines.len(), 2);
    assert!(
        lines[1].starts_with("DELETE /lake/demo/_lakeseed/check-"),
        "{lines:?}"
    );
}

#[test]
fn a_server_that_ignores_the_condition_is_refused() {
    let last = Mutex::new(Vec::new());
    let server = Script::start(move |_, request| match request.method.as_str() {
        "PUT" => {
            *last.lock().unwrap() = request.body.clone();
            Reply::ok()
        }
        "GET" => Reply::bytes(&last.lock().unwrap()),
        _ => Reply::Answer(204, Vec::new(), Vec::new()),
    });
    let error = store(&server.url).check().unwrap_err();
    assert!(told_of(&error).contains("overwrites a file in spite of `If-None-Match: *`"));
    assert_eq!(trouble(Err::<(), _>(error)), Trouble::Unsupported);
    let lines = server.lines();
    let is_cleared = |line: &String| line.starts_with("DELETE /lake/demo/_lakeseed/check-");
    assert!(lines.iter().any(is_cleared), "{lines:?}");
}

/// Shards that start at the same moment sweep each other's uploads, as if they were a dead one's.
#[test]
fn a_check_whose_upload_others_sweep_begins_it_anew() {
    const SWEPT: usize = 40;
    let (file, pieces) = (Mutex::new(String::new()), AtomicUsize::new(0));
    let server = Script::start(move |_, request| match request.line().as_str() {
        line if line.ends_with("?uploads") && line.starts_with("POST") => Reply::bytes(BEGUN),
        line if line.ends_with("partNumber&uploadId") => {
            if pieces.fetch_add(1, Ordering::SeqCst) < SWEPT {
                Reply::error(404, "NoSuchUpload")
            } else {
                Reply::ok()
            }
        }
        "GET /lake?prefix&uploads" => Reply::bytes(b"<ListMultipartUploadsResult/>"),
        line if line.starts_with("PUT") => {
            let mut file = file.lock().unwrap();
            if file.is_empty() {
                *file = line.trim_start_matches("PUT /lake/").to_owned();
                Reply::ok()
            } else {
                Reply::error(412, "PreconditionFailed")
            }
        }
        line if line.starts_with("GET /lake?") => {
            let (key, file) = ("<ETag>\"tag\"</ETag><Size>5</Size>", file.lock().unwrap());
            let of = "<LastModified>2026-01-01T00:00:00.000Z</LastModified>";
            let page = format!(
                "<ListBucketResult><Contents><Key>{file}</Key>{of}{key}</Contents></ListBucketResult>"
            );
            Reply::bytes(page.as_bytes())
        }
        line if line.starts_with("GET") => Reply::bytes(b"first"),
        _ => Reply::Answer(204, Vec::new(), Vec::new()),
    });
    store(&server.url).check().unwrap();
    let lines = server.lines();
    let begun = lines.iter().filter(|line| line.starts_with("POST"));
    assert_eq!(begun.count(), SWEPT + 1, "{lines:?}");
}

/// Who has just finished an output removes what dead ones may have left, and with it the file of a check
/// that is under way: this is no server that overwrites.
#[test]
fn a_check_whose_file_others_sweep_makes_another() {
    for is_listed in [true, false] {
        let (file, swept) = (Mutex::new(None::<String>), AtomicUsize::new(0));
        let server = Script::start(move |_, request| match request.line().as_str() {
            line if line.ends_with("?uploads") && line.starts_with("POST") => Reply::bytes(BEGUN),
            line if line.ends_with("partNumber&uploadId") => Reply::ok(),
            "GET /lake?prefix&uploads" => Reply::bytes(b"<ListMultipartUploadsResult/>"),
            line if line.starts_with("PUT") => {
                let key = line.trim_start_matches("PUT /lake/");
                let mut file = file.lock().unwrap();
                if file.as_deref() != Some(key) {
                    *file = Some(key.to_owned());
                    Reply::ok()
                } else if !is_listed || swept.fetch_add(1, Ordering::SeqCst) == 2 {
                    Reply::error(412, "PreconditionFailed")
                } else {
                    // It is gone, so that this is written.
                    Reply::ok()
                }
            }
            line if line.starts_with("GET /lake?") => {
                if !is_listed && swept.fetch_add(1, Ordering::SeqCst) < 2 {
                    return Reply::bytes(b"<ListBucketResult></ListBucketResult>");
                }
                let file = file.lock().unwrap().clone().unwrap_or_default();
                let page = format!(
                    "<ListBucketResult><Contents><Key>{file}</Key>\
                     <LastModified>2026-01-01T00:00:00.000Z</LastModified>\
                     <ETag>\"tag\"</ETag><Size>5</Size></Contents></ListBucketResult>"
                );
                Reply::bytes(page.as_bytes())
            }
            line if line.starts_with("GET") => Reply::bytes(b"first"),
            _ => Reply::Answer(204, Vec::new(), Vec::new()),
        });
        store(&server.url).check().unwrap();
        let lines = server.lines();
        let of = |method: &str| -> BTreeSet<String> {
            let start = format!("{method} /lake/demo/_lakeseed/check-");
            let names = lines.iter().filter_map(|line| line.strip_prefix(&start));
            names.map(str::to_owned).collect()
        };
        assert_eq!(of("PUT").len(), 3, "{lines:?}");
        assert_eq!(of("PUT"), of("DELETE"), "{lines:?}");
    }
}
