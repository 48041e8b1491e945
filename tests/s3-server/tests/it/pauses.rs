//! Requests that are held while a test does something to their client.

use crate::client::Client;
use lakeseed_test_s3::{Kind, Moment, Server, Settings};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn a_request_is_held_before_and_after_its_effect() {
    for (moment, effect) in [(Moment::Before, 1), (Moment::After, 2)] {
        let server = Server::start(Settings::default());
        let client = Client::of(&server);
        let paused = server.pause_at(Kind::PutObject, 2, moment);
        client.put("first", b"1").unwrap();
        assert!(!paused.has_arrived());
        let writer = thread::spawn(move || client.put("second", b"2"));
        let request = paused.wait();
        assert_eq!((request.key(), request.number), ("second", 2));
        assert_eq!(server.objects().len(), effect, "{moment:?}");
        paused.release();
        writer.join().unwrap().unwrap();
        assert_eq!(server.objects().len(), 2);
    }
}

#[test]
fn a_discarded_request_has_no_effect_before_and_no_answer_after() {
    for (moment, effect) in [(Moment::Before, 0), (Moment::After, 1)] {
        let server = Server::start(Settings::default());
        let client = Client::of(&server);
        let paused = server.pause_at(Kind::PutObject, 1, moment);
        let writer = thread::spawn(move || client.put("a", b"1"));
        paused.wait();
        paused.discard();
        writer.join().unwrap().unwrap_err();
        assert_eq!(server.requests()[0].status, None);
        assert_eq!(server.objects().len(), effect, "{moment:?}");
    }
}

#[test]
fn a_released_request_takes_effect_though_its_client_is_gone() {
    let server = Server::start(Settings::default());
    let client = Client::impatient(&server);
    let paused = server.pause_at(Kind::PutObject, 1, Moment::Before);
    // The client gives up while the request is held.
    client.put("a", b"1").unwrap_err();
    paused.wait();
    assert_eq!(server.objects(), []);
    paused.release();
    let handled = || server.requests()[0].handled;
    while handled().is_none() {
        thread::yield_now();
    }
    assert_eq!((handled(), server.objects().len()), (Some(200), 1));
}

/// Two side by side make one row with those before and behind them.
#[test]
fn requests_in_a_row_are_told_from_those_side_by_side() {
    let server = Server::start(Settings::default().latency(Duration::from_millis(200)));
    let started = Instant::now();
    Client::of(&server).put("first", b"1").unwrap();
    thread::scope(|scope| {
        for name in ["one", "other"] {
            let client = Client::of(&server);
            scope.spawn(move || client.put(name, b"2").unwrap());
        }
    });
    Client::of(&server).put("last", b"3").unwrap();
    assert!(started.elapsed() >= Duration::from_millis(600));
    let rows: Vec<u64> = server
        .requests()
        .iter()
        .map(|request| request.row)
        .collect();
    assert_eq!((rows, server.longest_row()), (vec![1, 2, 2, 3], 3));
}
