//! Every fault strikes where it was planned, does what it says, and is counted.

use crate::client::Client;
use lakeseed_test_s3::{Fault, Kind, Server, Settings};
use object_store::Error;
use object_store::multipart::MultipartStore as _;
use object_store::path::Path;
use std::time::Instant;

fn start() -> (Server, Client) {
    let server = Server::start(Settings::default());
    let client = Client::of(&server);
    (server, client)
}

/// The whole chain of an error, as text.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
}

#[test]
fn refusals_carry_their_code_and_have_no_effect() {
    let refusals = [
        (Fault::InternalError, 500, "InternalError"),
        (Fault::SlowDown, 503, "SlowDown"),
        (Fault::AccessDenied, 403, "AccessDenied"),
        (Fault::ExpiredToken, 400, "ExpiredToken"),
        (Fault::SkewedClock, 403, "RequestTimeTooSkewed"),
        (Fault::ErrorInside200, 200, "InternalError"),
    ];
    for (fault, status, code) in refusals {
        let (server, client) = start();
        server.faults().at(1, fault);
        let (answered, body) = client.send("PUT", "/lake/a", b"1");
        assert_eq!(answered, status);
        assert!(body.contains(&format!("<Code>{code}</Code>")), "{body}");
        let request = &server.requests()[0];
        assert_eq!((request.status, request.handled), (Some(status), None));
        assert_eq!((request.fault, server.faults().fired()), (Some(fault), 1));
        assert_eq!(server.objects(), []);
        client.put("a", b"1").unwrap();
        assert_eq!(server.faults().fired(), 1);
    }
}

#[test]
fn a_large_body_does_not_hide_a_refusal() {
    let (server, client) = start();
    server.faults().at(1, Fault::SlowDown);
    assert_eq!(client.send("PUT", "/lake/a", &vec![0; 20 << 20]).0, 503);
}

#[test]
fn an_internal_error_may_come_after_the_effect() {
    let (server, client) = start();
    server
        .faults()
        .on(Kind::PutObject, 1, Fault::InternalErrorAfter);
    assert_eq!(client.send("PUT", "/lake/a", b"1").0, 500);
    assert_eq!(client.get("a").unwrap(), b"1");
    let request = &server.requests()[0];
    assert_eq!((request.status, request.handled), (Some(500), Some(200)));
    assert_eq!(server.faults().fired(), 1);
}

#[test]
fn hangs_end_by_the_clients_patience() {
    for (fault, effect) in [(Fault::HangBefore, 0), (Fault::HangAfter, 1)] {
        let (server, client) = start();
        server.faults().at(1, fault);
        let error = client.put("a", b"1").unwrap_err();
        assert!(chain(&error).contains("timed out"), "{}", chain(&error));
        assert_eq!(
            (server.faults().fired(), server.objects().len()),
            (1, effect),
            "{fault:?}"
        );
        assert_eq!(server.requests()[0].status, None);
        client.put("b", b"1").unwrap();
    }
}

#[test]
fn a_server_stops_in_spite_of_a_hanging_request() {
    let (server, client) = start();
    server.faults().at(1, Fault::HangBefore);
    let stopper = std::thread::spawn(move || {
        while server.faults().fired() == 0 {
            std::thread::yield_now();
        }
        drop(server);
    });
    assert!(client.put("a", b"1").is_err());
    stopper.join().unwrap();
}

#[test]
fn resets_lose_the_request_or_the_answer() {
    for (fault, handled, effect) in [
        (Fault::ResetBefore, None, 0),
        (Fault::ResetAfter, Some(200), 1),
    ] {
        let (server, client) = start();
        server.faults().at(1, fault);
        let error = chain(&client.put("a", b"1").unwrap_err());
        assert!(!error.contains("timed out"), "{error}");
        let request = &server.requests()[0];
        assert_eq!(
            (request.status, request.handled, request.fault),
            (None, handled, Some(fault))
        );
        assert_eq!(
            (server.faults().fired(), server.objects().len()),
            (1, effect),
            "{fault:?}"
        );
        client.put("a", b"2").unwrap();
    }
}

#[test]
fn the_answer_of_a_completion_is_lost() {
    let (server, client) = start();
    server.faults().on(Kind::Complete, 1, Fault::ResetAfter);
    let key = Path::from("a");
    let id = client.run(client.store.create_multipart(&key)).unwrap();
    let part = client
        .run(client.store.put_part(&key, &id, 0, "all".into()))
        .unwrap();
    client
        .run(client.store.complete_multipart(&key, &id, vec![part]))
        .unwrap_err();
    assert_eq!(client.get("a").unwrap(), b"all");
    assert_eq!((server.uploads().len(), server.faults().fired()), (0, 1));
}

#[test]
fn the_answer_of_a_conditional_put_is_lost() {
    let (server, client) = start();
    server.faults().on(Kind::PutObject, 1, Fault::ResetAfter);
    client.put_new("a", b"mine").unwrap_err();
    assert!(matches!(
        client.put_new("a", b"mine"),
        Err(Error::AlreadyExists { .. })
    ));
    assert_eq!(client.get("a").unwrap(), b"mine");
    assert_eq!(server.faults().fired(), 1);
}

#[test]
fn a_body_is_truncated() {
    let (server, client) = start();
    client.put("a", &vec![7; 50_000]).unwrap();
    server
        .faults()
        .on(Kind::GetObject, 1, Fault::Truncated { bytes: 10_000 });
    let error = client.get("a").map(|body| body.len()).unwrap_err();
    assert!(!chain(&error).contains("timed out"), "{}", chain(&error));
    assert_eq!(server.faults().fired(), 1);
    // The head and the first bytes did arrive.
    server
        .faults()
        .on(Kind::GetObject, 1, Fault::Truncated { bytes: 10_000 });
    let got = client.run(async {
        use futures_util::StreamExt as _;
        use object_store::ObjectStoreExt as _;
        let answer = client.store.get(&Path::from("a")).await.unwrap();
        assert_eq!(answer.meta.size, 50_000);
        let mut body = answer.into_stream();
        let mut got = 0;
        while let Some(Ok(bytes)) = body.next().await {
            got += bytes.len();
        }
        got
    });
    assert_eq!(got, 10_000);
    // An answer that is short enough is not hit.
    server
        .faults()
        .on(Kind::GetObject, 1, Fault::Truncated { bytes: 50_000 });
    assert_eq!(client.get("a").unwrap().len(), 50_000);
    assert_eq!(server.faults().fired(), 2);
}

#[test]
fn bodies_are_slow_both_ways() {
    let (server, client) = start();
    let slow = Fault::Slow {
        bytes_per_second: 100_000,
    };
    let body = vec![7; 20_000];
    server.faults().from(1, 2, slow);
    for step in ["put", "get"] {
        let from = Instant::now();
        match step {
            "put" => client.put("a", &body).unwrap(),
            _ => assert!(client.get("a").unwrap() == body),
        }
        // A lower bound: it holds however busy the machine is.
        assert!(
            from.elapsed().as_millis() >= 190,
            "{step} took {:?}",
            from.elapsed()
        );
    }
    assert_eq!(server.faults().fired(), 2);
}

#[test]
fn plans_count_requests_from_the_moment_they_are_made() {
    let (server, client) = start();
    let faults = server.faults();
    client.put("0", b"").unwrap();
    faults.at(2, Fault::AccessDenied);
    faults.from(4, 3, Fault::SlowDown);
    faults.every(
        |request| request.key().starts_with("never/"),
        Fault::ExpiredToken,
    );
    let statuses: Vec<u16> = (1..=7)
        .map(|n| client.send("PUT", &format!("/lake/{n}"), b"").0)
        .collect();
    assert_eq!(statuses, [200, 403, 200, 503, 503, 503, 200]);
    assert_eq!(client.send("PUT", "/lake/never/1", b"").0, 400);
    assert_eq!(client.send("PUT", "/lake/never/2", b"").0, 400);
    assert_eq!(faults.fired(), 6);
    faults.clear();
    assert_eq!(
        (client.send("PUT", "/lake/never/3", b"").0, faults.fired()),
        (200, 0)
    );

    faults.some(|request| request.key() == "x", 2, 1, Fault::AccessDenied);
    faults.on(Kind::GetObject, 1, Fault::InternalError);
    let puts = [("x", 200), ("y", 200), ("x", 403), ("x", 200)];
    for (key, status) in puts {
        assert_eq!(client.send("PUT", &format!("/lake/{key}"), b"").0, status);
    }
    assert_eq!(client.send("GET", "/lake/x", b"").0, 500);
    assert_eq!(faults.fired(), 2);
    assert_eq!(
        server.requests().len() as u64,
        server.requests().last().unwrap().number
    );
}
