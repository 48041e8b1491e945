//! What breaks on the way: servers that die, connections that are cut, servers that do not answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lakeseed_sink::messages::rabbitmq::{RabbitOptions, RabbitQueue};
use lakeseed_sink::messages::{Before, PartToSend, Publish, Queue};
use lakeseed_sink::{Error, Trouble};

use super::plain::{Plain, QUORUM, STREAM};
use super::server::{RabbitServer, port_of, shared};
use super::{
    SHORT, doubles, fresh, options, plan, publish, queue, rows, stands_once, trouble, verify,
};
use crate::proxy::{Act, Fault, Proxy, Way};
use crate::support::Random;
use crate::trees::quick;

/// The proxy's address in front of a server.
fn through(proxy: &Proxy) -> String {
    format!("amqp://{}", proxy.place())
}

#[test]
fn a_server_that_dies_and_comes_back_loses_nothing() {
    let test = "a_server_that_dies_and_comes_back_loses_nothing";
    let Some(server) = RabbitServer::start(test) else {
        return;
    };
    let server = Arc::new(server);
    let batch = rows();
    let plan = plan(&batch);
    server.plain().declare("stream", STREAM);
    server.plain().declare("quorum", QUORUM);
    server.settle("rabbit_stream_coordinator");
    server.settle("%2F_quorum");
    let folder = quick();
    for name in ["stream", "quorum"] {
        let of_fault = Arc::clone(&server);
        let fault = Fault {
            after: 2_000_000,
            way: Way::Up,
            act: Act::Do(Box::new(move || {
                of_fault.kill();
                of_fault.start_again();
            })),
        };
        let proxy = Proxy::new(server.port(), vec![fault]);
        let queue = queue(&through(&proxy), name);
        publish(&plan, &queue, &folder.path().join(name)).unwrap();
        assert_eq!(proxy.happened(), 1, "the server was not killed");
        let mut wire = server.plain();
        if name == "stream" {
            stands_once(&mut wire, name, &plan);
        } else {
            doubles(wire.all(name), &plan);
        }
        let counts = verify(&plan, &queue);
        assert_eq!((counts.missing_rows, counts.altered_rows), (0, 0));
    }
    // One that is gone for good is not waited for at the start: an address that is wrong does not
    // become right.
    server.kill();
    let error = Publish::to_queue(&plan, &queue(&server.url(), "stream")).run();
    assert_eq!(trouble(&error.unwrap_err()).0, Trouble::Unreachable);
}

#[test]
fn connections_that_are_cut_lose_and_double_nothing_in_a_stream() {
    let test = "connections_that_are_cut_lose_and_double_nothing_in_a_stream";
    let Some(url) = shared(test) else {
        return;
    };
    let mut wire = Plain::connect(port_of(&url), "guest", "guest");
    let batch = rows().slice(0, 100_000);
    let plan = plan(&batch);
    for seed in 1..=6 {
        println!("seed {seed}");
        let mut random = Random(seed);
        let name = fresh("cut");
        wire.declare(&name, STREAM);
        // Cuts of messages, and of acknowledgements: these were stored, and nobody knows it.
        let faults = (0..6).map(|at| Fault {
            after: if at % 2 == 0 {
                300_000 + random.below(1_000_000)
            } else {
                264_000 + random.below(20_000)
            },
            way: if at % 2 == 0 { Way::Up } else { Way::Down },
            act: Act::Cut,
        });
        let proxy = Proxy::new(port_of(&url), faults.collect());
        let queue = queue(&through(&proxy), &name);
        let published = Publish::to_queue(&plan, &queue).threads(2).run().unwrap();
        assert!(proxy.happened() >= 4, "{} cuts", proxy.happened());
        assert_eq!(published.rows, batch.num_rows() as u64);
        stands_once(&mut wire, &name, &plan);
        wire.delete(&name);
    }
}

#[test]
fn a_server_that_stands_still_is_waited_for_and_a_stop_is_heard() {
    let test = "a_server_that_stands_still_is_waited_for_and_a_stop_is_heard";
    let Some(url) = shared(test) else {
        return;
    };
    let (mut wire, name) = (
        Plain::connect(port_of(&url), "guest", "guest"),
        fresh("still"),
    );
    wire.declare(&name, STREAM);
    let batch = rows().slice(0, 50_000);
    let plan = plan(&batch);
    let hold = |after| Fault {
        after,
        way: Way::Up,
        act: Act::Hold,
    };
    // Behind the one that tries the size.
    let proxy = Proxy::new(port_of(&url), vec![hold(400_000)]);
    let options = RabbitOptions {
        in_flight_bytes: 64 << 10,
        ..options()
    };
    let address = |proxy: &Proxy| format!("{}/%2F/{name}", through(proxy));
    let queue = RabbitQueue::new(&address(&proxy), options.clone()).unwrap();
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
    assert_eq!(proxy.happened(), 1);
    assert!(asked.load(Ordering::SeqCst) > 3, "nobody waited");
    stands_once(&mut wire, &name, &plan);
    // A stop ends the waiting.
    let proxy = Proxy::new(port_of(&url), vec![hold(100_000)]);
    let queue = RabbitQueue::new(&address(&proxy), options).unwrap();
    let over = || proxy.happened() > 0;
    let mut sender = queue.open(part(&over)).unwrap();
    let stopped = plan
        .messages(0, &mut |block| sender.send(block))
        .and_then(|_| sender.finish());
    assert!(matches!(stopped, Err(Error::Stopped)), "{stopped:?}");
    proxy.let_go();
    wire.delete(&name);
}

#[test]
fn a_server_that_never_answers_again_ends_the_run() {
    let Some(url) = shared("a_server_that_never_answers_again_ends_the_run") else {
        return;
    };
    let (mut wire, name) = (
        Plain::connect(port_of(&url), "guest", "guest"),
        fresh("silent"),
    );
    wire.declare(&name, STREAM);
    let batch = rows().slice(0, 50_000);
    let plan = plan(&batch);
    let fault = Fault {
        after: 400_000,
        way: Way::Up,
        act: Act::Hold,
    };
    let proxy = Proxy::new(port_of(&url), vec![fault]);
    let options = RabbitOptions {
        patience: SHORT,
        ..options()
    };
    let address = format!("{}/%2F/{name}", through(&proxy));
    let queue = RabbitQueue::new(&address, options).unwrap();
    let folder = quick();
    let ledger = folder.path().join("ledger");
    let error = publish(&plan, &queue, &ledger).unwrap_err();
    let (kind, text) = trouble(&error);
    let kinds = [Trouble::Unreachable, Trouble::Unavailable];
    assert!(kinds.contains(&kind), "{kind:?}: {text}");
    assert_eq!(proxy.happened(), 1);
    // The same run again goes on, with what arrived meanwhile.
    proxy.let_go();
    drop(queue);
    let queue = super::queue(&through(&proxy), &name);
    let published = publish(&plan, &queue, &ledger).unwrap();
    assert_eq!(published.messages, 500);
    stands_once(&mut wire, &name, &plan);
    wire.delete(&name);
}
