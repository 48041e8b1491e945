//! What goes well: everything arrives once, and is read back.

use lakeseed_sink::Result;
use lakeseed_sink::messages::rabbitmq::{RabbitOptions, RabbitQueue};
use lakeseed_sink::messages::{Delivered, Publish, Queue, ReadableQueue, Reading};

use super::plain::{Plain, Property, QUORUM, STREAM};
use super::server::{port_of, shared};
use super::{doubles, fresh, options, plan, publish, queue, rows, stands_once, verify};
use crate::trees::quick;

fn wire(url: &str) -> Plain {
    Plain::connect(port_of(url), "guest", "guest")
}

#[test]
fn a_stream_gets_everything_once_and_is_read_back() {
    let Some(url) = shared("a_stream_gets_everything_once_and_is_read_back") else {
        return;
    };
    let (mut wire, name) = (wire(&url), fresh("stream"));
    wire.declare(&name, STREAM);
    let batch = rows();
    let plan = plan(&batch);
    let queue = queue(&url, &name);
    let folder = quick();
    let ledger = folder.path().join("ledger");
    let published = publish(&plan, &queue, &ledger).unwrap();
    assert_eq!(published.rows, batch.num_rows() as u64);
    assert_eq!(published.messages_found, 0);
    let warnings = published.warnings.join("\n");
    assert!(warnings.contains("sync their disks"), "{warnings}");
    assert!(!warnings.contains("twice"), "{warnings}");
    stands_once(&mut wire, &name, &plan);
    // The library's own reader tells the same, and again: nothing was taken.
    assert_eq!(queue.reading().unwrap(), Reading::Beside);
    for _ in 0..2 {
        let read: Result<Vec<Delivered>> = queue.read_back().unwrap().collect();
        let mut read = read.unwrap();
        // What marked the end for the look above.
        read.retain(|message| !message.body.is_empty());
        let stood = |message: Delivered| (message.id.unwrap(), message.body.to_vec());
        assert_eq!(doubles(read.into_iter().map(stood).collect(), &plan), 0);
    }
    // The same again has nothing to do, and another ledger is another run.
    let again = publish(&plan, &queue, &ledger).unwrap();
    assert_eq!((again.parts_found, again.made_messages), (4, 0));
    wire.delete(&name);
}

#[test]
fn queues_get_everything_and_are_read_by_taking() {
    let Some(url) = shared("queues_get_everything_and_are_read_by_taking") else {
        return;
    };
    let mut wire = wire(&url);
    let batch = rows().slice(0, 50_000);
    let plan = plan(&batch);
    for kind in [QUORUM, &[]] {
        let name = fresh("queue");
        wire.declare(&name, kind);
        let queue = queue(&url, &name);
        let published = Publish::to_queue(&plan, &queue).threads(2).run().unwrap();
        let warnings = published.warnings.join("\n");
        assert!(warnings.contains("may come twice"), "{warnings}");
        assert!(matches!(queue.reading().unwrap(), Reading::Taking(_)));
        assert_eq!(doubles(wire.all(&name), &plan), 0);
        for _ in 0..2 {
            let counts = verify(&plan, &queue);
            assert_eq!((counts.messages, counts.missing_rows), (500, 0));
            assert_eq!((counts.doubled_rows, counts.altered_rows), (0, 0));
        }
        // All were given back, whole.
        assert_eq!(doubles(wire.all(&name), &plan), 0);
        assert_eq!(queue.position().unwrap(), None);
        wire.delete(&name);
    }
}

#[test]
fn what_is_missing_double_or_altered_is_told() {
    let Some(url) = shared("what_is_missing_double_or_altered_is_told") else {
        return;
    };
    let (mut wire, name) = (wire(&url), fresh("damaged"));
    wire.declare(&name, &[]);
    let batch = rows().slice(0, 50_000);
    let plan = plan(&batch);
    let queue = queue(&url, &name);
    Publish::to_queue(&plan, &queue).run().unwrap();
    // One is taken for good, one comes twice, one has another number in its last row, and somebody
    // else writes to the queue too.
    wire.take(&name);
    let (double, body) = wire.take(&name);
    wire.send(&name, &double, &body);
    wire.send(&name, &double, &body);
    let (altered, mut body) = wire.take(&name);
    let digit = body.iter().rposition(u8::is_ascii_digit).unwrap();
    body[digit] = if body[digit] == b'7' { b'8' } else { b'7' };
    wire.send(&name, &altered, &body);
    wire.send(&name, "of somebody else", b"hello");
    let counts = verify(&plan, &queue);
    assert_eq!(counts.missing_rows, 100, "{counts:?}");
    assert_eq!(counts.doubled_rows, 100, "{counts:?}");
    assert_eq!(counts.altered_rows, 1, "{counts:?}");
    assert_eq!(counts.strange_rows, 0, "{counts:?}");
    assert_eq!(wire.waiting(&name), Some(501));
    wire.delete(&name);
}

#[test]
fn an_empty_queue_is_read_to_its_end() {
    let Some(url) = shared("an_empty_queue_is_read_to_its_end") else {
        return;
    };
    let mut wire = wire(&url);
    for kind in [STREAM, QUORUM, &[]] {
        let name = fresh("empty");
        wire.declare(&name, kind);
        assert_eq!(queue(&url, &name).read_back().unwrap().count(), 0);
        wire.delete(&name);
    }
}

#[test]
fn a_queue_is_made_where_that_is_asked_for() {
    let Some(url) = shared("a_queue_is_made_where_that_is_asked_for") else {
        return;
    };
    let mut wire = wire(&url);
    let batch = rows().slice(0, 1_000);
    let plan = plan(&batch);
    for (query, kind) in [
        ("", QUORUM),
        ("?type=stream", STREAM),
        (
            "?type=classic",
            &[Property::Text("x-queue-type", "classic")],
        ),
    ] {
        let name = fresh("made");
        let options = RabbitOptions {
            create: true,
            ..options()
        };
        let address = format!("{url}/%2F/{name}{query}");
        let queue = RabbitQueue::new(&address, options).unwrap();
        assert_eq!(queue.address(), format!("{url}/%2F/{name}"));
        Publish::to_queue(&plan, &queue).run().unwrap();
        // Once it is there it is taken as it is: the same properties are no difference to the server.
        wire.declare(&name, kind);
        Publish::to_queue(&plan, &queue).run().unwrap();
        assert_eq!(queue.read_back().unwrap().count(), 20);
        wire.delete(&name);
    }
}

#[test]
fn settings_that_weaken_the_promise_are_told() {
    let Some(url) = shared("settings_that_weaken_the_promise_are_told") else {
        return;
    };
    let mut wire = wire(&url);
    let batch = rows().slice(0, 100);
    let plan = plan(&batch);
    let mut told = |name: &str| {
        let published = Publish::to_queue(&plan, &queue(&url, name)).run().unwrap();
        wire.delete(name);
        published.warnings.join("\n")
    };
    let (age, size) = (fresh("age"), fresh("size"));
    let mut other = Plain::connect(port_of(&url), "guest", "guest");
    other.declare(&age, &[STREAM[0], Property::Text("x-max-age", "1D")]);
    let warnings = told(&age);
    assert!(warnings.contains("after 1D"), "{warnings}");
    other.declare(&size, &[QUORUM[0], Property::Number("x-max-length", 1_000)]);
    let warnings = told(&size);
    assert!(warnings.contains("drops its oldest"), "{warnings}");
    let time = fresh("time");
    other.declare(&time, &[Property::Number("x-message-ttl", 60_000)]);
    let warnings = told(&time);
    assert!(warnings.contains("after 60000 ms"), "{warnings}");
    assert!(warnings.contains("kept by one server"), "{warnings}");
    let passing = fresh("passing");
    other.declare_passing(&passing);
    let warnings = told(&passing);
    assert!(warnings.contains("is not durable"), "{warnings}");
}
