//! What breaks on the way: servers that die, connections that are cut, servers that do not answer.
//! The duplicate window is the shortest there is, so that ids alone help nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lakeseed_sink::messages::nats::{NatsOptions, NatsQueue};
use lakeseed_sink::messages::{Before, PartToSend, Publish, Queue};
use lakeseed_sink::{Error, Trouble};
use serde_json::json;

use super::server::{NatsServer, PATIENCE};
use super::{SHORT, no_window, options, plan, publish, queue, rows, stands_once, trouble};
use crate::proxy::{Act, Fault, Proxy, Way};
use crate::support::Random;
use crate::trees::quick;

/// A subject by way of the proxy.
fn through(proxy: &Proxy, subject: &str) -> String {
    format!("nats://{}/{subject}", proxy.place())
}

#[test]
fn a_server_that_dies_and_comes_back_loses_and_doubles_nothing() {
    let test = "a_server_that_dies_and_comes_back_loses_and_doubles_nothing";
    let Some(server) = NatsServer::start(test) else {
        return;
    };
    let server = Arc::new(server);
    server.plain().stream("LAKE", "lake", &no_window());
    let batch = rows();
    let plan = plan(&batch);
    let faults = [300_000, 2_000_000].map(|after| {
        let server = Arc::clone(&server);
        Fault {
            after,
            way: Way::Up,
            act: Act::Do(Box::new(move || {
                server.kill();
                server.start_again();
            })),
        }
    });
    let proxy = Proxy::new(server.port(), faults.into());
    let queue = queue(&through(&proxy, "lake"));
    let folder = quick();
    publish(&plan, &queue, &folder.path().join("ledger")).unwrap();
    assert_eq!(proxy.happened(), 2, "the server was not killed");
    stands_once(&mut server.plain(), "LAKE", &plan);
}

#[test]
fn connections_that_are_cut_lose_and_double_nothing() {
    let test = "connections_that_are_cut_lose_and_double_nothing";
    let Some(server) = NatsServer::start(test) else {
        return;
    };
    let batch = rows().slice(0, 100_000);
    let plan = plan(&batch);
    for seed in 1..=6 {
        println!("seed {seed}");
        let mut random = Random(seed);
        let (stream, subject) = (format!("LAKE{seed}"), format!("lake{seed}"));
        let mut wire = server.plain();
        wire.stream(&stream, &subject, &no_window());
        // Cuts of messages, and of acknowledgements: these were stored, and nobody knows it.
        let faults = (0..6).map(|at| Fault {
            after: if at % 2 == 0 {
                2_000 + random.below(1_000_000)
            } else {
                2_000 + random.below(30_000)
            },
            way: if at % 2 == 0 { Way::Up } else { Way::Down },
            act: Act::Cut,
        });
        let proxy = Proxy::new(server.port(), faults.collect());
        let queue = queue(&through(&proxy, &subject));
        let published = Publish::to_queue(&plan, &queue).threads(2).run().unwrap();
        assert!(proxy.happened() >= 4, "{} cuts", proxy.happened());
        assert_eq!(published.rows, batch.num_rows() as u64);
        stands_once(&mut wire, &stream, &plan);
    }
}

#[test]
fn a_server_that_stands_still_is_waited_for_and_a_stop_is_heard() {
    let test = "a_server_that_stands_still_is_waited_for_and_a_stop_is_heard";
    let Some(server) = NatsServer::start(test) else {
        return;
    };
    let mut wire = server.plain();
    wire.stream("LAKE", "lake", &no_window());
    let batch = rows().slice(0, 50_000);
    let plan = plan(&batch);
    let hold = |after| Fault {
        after,
        way: Way::Up,
        act: Act::Hold,
    };
    let proxy = Proxy::new(server.port(), vec![hold(100_000)]);
    let options = NatsOptions {
        in_flight_bytes: 64 << 10,
        ..options()
    };
    let queue = NatsQueue::new(&through(&proxy, "lake"), options.clone()).unwrap();
    queue.prepare(&plan).unwrap();
    // Whoever waits asks whether it is over: after the third time the server goes on.
    let asked = AtomicU64::new(0);
    let is_over = || {
        if asked.fetch_add(1, Ordering::SeqCst) == 3 {
            proxy.let_go();
        }
        false
    };
    let part = |is_over| PartToSend {
        plan: &plan,
        part: 0,
        before: Before::Nothing,
        is_over,
    };
    let mut sender = queue.open(part(&is_over)).unwrap();
    plan.messages(0, &mut |block| sender.send(block)).unwrap();
    let receipt = sender.finish().unwrap();
    assert_eq!((receipt.messages, receipt.found), (500, 0));
    assert_eq!(receipt.position.as_deref(), Some("500"));
    assert_eq!(proxy.happened(), 1);
    assert!(asked.load(Ordering::SeqCst) > 3, "nobody waited");
    stands_once(&mut wire, "LAKE", &plan);
    // A stop ends the waiting.
    wire.api("STREAM.DELETE.LAKE", &json!({}));
    wire.stream("LAKE", "lake", &no_window());
    let proxy = Proxy::new(server.port(), vec![hold(100_000)]);
    let queue = NatsQueue::new(&through(&proxy, "lake"), options).unwrap();
    let over = || proxy.happened() > 0;
    let mut sender = queue.open(part(&over)).unwrap();
    let stopped = plan
        .messages(0, &mut |block| sender.send(block))
        .and_then(|_| sender.finish());
    assert!(matches!(stopped, Err(Error::Stopped)), "{stopped:?}");
}

#[test]
fn a_server_that_never_answers_again_ends_the_run() {
    let Some(server) = NatsServer::start("a_server_that_never_answers_again_ends_the_run") else {
        return;
    };
    let mut wire = server.plain();
    wire.stream("LAKE", "lake", &json!({}));
    let batch = rows().slice(0, 50_000);
    let plan = plan(&batch);
    let proxy = Proxy::new(
        server.port(),
        vec![Fault {
            after: 100_000,
            way: Way::Up,
            act: Act::Hold,
        }],
    );
    let options = NatsOptions {
        patience: SHORT,
        ..options()
    };
    let queue = NatsQueue::new(&through(&proxy, "lake"), options).unwrap();
    let folder = quick();
    let ledger = folder.path().join("ledger");
    let error = publish(&plan, &queue, &ledger).unwrap_err();
    let (kind, text) = trouble(&error);
    let kinds = [Trouble::Unreachable, Trouble::Unavailable];
    assert!(kinds.contains(&kind), "{kind:?}: {text}");
    // The same run again goes on, with what arrived meanwhile.
    proxy.let_go();
    let published = publish(&plan, &queue, &ledger).unwrap();
    assert_eq!(published.messages, 500);
    stands_once(&mut wire, "LAKE", &plan);
}

#[test]
fn a_server_that_is_gone_is_unreachable() {
    let Some(server) = NatsServer::start("a_server_that_is_gone_is_unreachable") else {
        return;
    };
    server.plain().stream("LAKE", "lake", &json!({}));
    server.kill();
    let batch = rows().slice(0, 100);
    let plan = plan(&batch);
    let queue = queue(&server.url("lake"));
    let began = std::time::Instant::now();
    let error = Publish::to_queue(&plan, &queue).run().unwrap_err();
    assert_eq!(trouble(&error).0, Trouble::Unreachable);
    // The first connection is tried once: an address that is wrong does not become right.
    assert!(began.elapsed() < PATIENCE.min(Duration::from_secs(10)));
}

#[test]
fn messages_that_the_server_has_lost_are_told() {
    let Some(server) = NatsServer::start("messages_that_the_server_has_lost_are_told") else {
        return;
    };
    let server = Arc::new(server);
    server.plain().stream("LAKE", "lake", &no_window());
    let batch = rows().slice(0, 50_000);
    let plan = plan(&batch);
    let of_fault = Arc::clone(&server);
    let proxy = Proxy::new(
        server.port(),
        vec![Fault {
            after: 600_000,
            way: Way::Up,
            act: Act::Do(Box::new(move || {
                // Acknowledged long ago.
                let question = json!({ "seq": 1, "no_erase": true });
                of_fault.plain().api("STREAM.MSG.DELETE.LAKE", &question);
            })),
        }],
    );
    let queue = queue(&through(&proxy, "lake"));
    let folder = quick();
    let ledger = folder.path().join("ledger");
    let error = publish(&plan, &queue, &ledger).unwrap_err();
    let (_, text) = trouble(&error);
    assert!(text.contains("1 messages of this part"), "{text}");
    assert_eq!(proxy.happened(), 1);
    publish(&plan, &queue, &ledger).unwrap();
    stands_once(&mut server.plain(), "LAKE", &plan);
}
