//! What goes well: everything arrives once, and is read back.

use std::env;
use std::io::{self, Write};

use lakeseed_sink::messages::nats::{NatsOptions, NatsQueue};
use lakeseed_sink::messages::{AllDelivered, Delivered, Publish, Queue, VerifyQueue};
use lakeseed_sink::{Result, Trouble};
use serde_json::json;

use super::server::{NatsServer, Plain};
use super::{no_window, options, plan, publish, queue, rows, stands_once, trouble};
use crate::trees::quick;

#[test]
fn everything_arrives_once_and_is_read_back() {
    let Some(server) = NatsServer::start("everything_arrives_once_and_is_read_back") else {
        return;
    };
    let mut wire = server.plain();
    wire.stream("LAKE", "lake.>", &json!({}));
    let batch = rows();
    let plan = plan(&batch);
    let queue = queue(&server.url("lake.new"));
    let folder = quick();
    let published = publish(&plan, &queue, &folder.path().join("ledger")).unwrap();
    assert_eq!(published.rows, batch.num_rows() as u64);
    assert_eq!(published.messages_found, 0);
    let warnings = published.warnings.join("\n");
    assert!(warnings.contains("one replica"), "{warnings}");
    assert!(warnings.contains("sync_interval"), "{warnings}");
    assert!(!warnings.contains("memory"), "{warnings}");
    stands_once(&mut wire, "LAKE", &plan);
    // The library's own reader tells the same, from any message on.
    let all = wire.all("LAKE");
    let read: Vec<_> = queue.read(0).unwrap().map(Result::unwrap).collect();
    assert_eq!(read.len(), all.len());
    for (read, (number, id, body)) in read.iter().zip(&all) {
        assert_eq!((read.sequence, read.id.as_ref()), (*number, Some(id)));
        assert!(read.body == *body);
    }
    let tail = queue.read(read.len() as u64 - 7).unwrap();
    assert_eq!(
        tail.map(Result::unwrap).collect::<Vec<_>>(),
        read[read.len() - 7..]
    );
    assert_eq!(queue.read(read.len() as u64).unwrap().count(), 0);
    // Reading took nothing away, and left no consumer behind.
    assert_eq!(wire.all("LAKE").len(), read.len());
    assert_eq!(wire.consumers("LAKE"), 0);
}

#[test]
fn what_is_missing_double_or_altered_is_told() {
    let Some(server) = NatsServer::start("what_is_missing_double_or_altered_is_told") else {
        return;
    };
    let mut wire = server.plain();
    wire.stream("LAKE", "lake", &no_window());
    let batch = rows();
    let plan = plan(&batch);
    let queue = queue(&server.url("lake"));
    Publish::to_queue(&plan, &queue).threads(2).run().unwrap();
    let verify = || {
        let read = || -> Result<AllDelivered<'_>> {
            let all = queue.read(0)?;
            Ok(Box::new(all.map(|message| message.map(Delivered::from))))
        };
        VerifyQueue::new(&plan, &read).run().unwrap()
    };
    let found = verify();
    assert!(found.findings.is_clean(), "{found:?}");
    assert_eq!(found.findings.rows_read, batch.num_rows() as u64);
    assert_eq!(found.counts.messages, wire.last("LAKE"));
    // A message is taken out, one comes twice, one has another number in its last row, and somebody
    // else writes to the subject too.
    let all = wire.all("LAKE");
    wire.api("STREAM.MSG.DELETE.LAKE", &json!({ "seq": 5 }));
    let (_, double, body) = &all[900];
    wire.send("lake", double, body);
    wire.api("STREAM.MSG.DELETE.LAKE", &json!({ "seq": 1500 }));
    let (_, altered, body) = &all[1499];
    let mut body = body.clone();
    let digit = body.iter().rposition(u8::is_ascii_digit).unwrap();
    body[digit] = if body[digit] == b'7' { b'8' } else { b'7' };
    wire.send("lake", altered, &body);
    wire.send("lake", "of somebody else", b"hello");
    assert_eq!(wire.last("LAKE"), all.len() as u64 + 3);
    let found = verify();
    assert_eq!(found.counts.missing_rows, 100, "{found:?}");
    assert_eq!(found.counts.doubled_rows, 100, "{found:?}");
    assert_eq!(found.counts.altered_rows, 1, "{found:?}");
    assert_eq!(found.counts.strange_rows, 0, "{found:?}");
    assert_eq!(found.findings.errors().count(), 3, "{found:?}");
}

#[test]
fn other_subjects_of_the_stream_are_left_alone() {
    let Some(server) = NatsServer::start("other_subjects_of_the_stream_are_left_alone") else {
        return;
    };
    let mut wire = server.plain();
    wire.stream("LAKE", "lake.*", &no_window());
    let batch = rows();
    for (subject, rows) in [("lake.a", 5_000), ("lake.b", 4_000)] {
        let batch = batch.slice(0, rows);
        let queue = queue(&server.url(subject));
        Publish::to_queue(&plan(&batch), &queue).run().unwrap();
        assert_eq!(queue.read(0).unwrap().count(), rows / 100, "{subject}");
    }
    assert_eq!(wire.last("LAKE"), 90);
}

#[test]
fn ids_of_another_subject_are_no_delivery() {
    let Some(server) = NatsServer::start("ids_of_another_subject_are_no_delivery") else {
        return;
    };
    server.plain().stream("LAKE", "lake.*", &json!({}));
    let batch = rows().slice(0, 5_000);
    let plan = plan(&batch);
    let send = |subject| Publish::to_queue(&plan, &queue(&server.url(subject))).run();
    send("lake.a").unwrap();
    let (kind, text) = trouble(&send("lake.b").unwrap_err());
    assert_eq!(kind, Trouble::Other, "{text}");
    assert!(text.contains("drops 50 messages"), "{text}");
}

#[test]
fn the_same_again_sends_nothing_within_the_window() {
    let Some(server) = NatsServer::start("the_same_again_sends_nothing_within_the_window") else {
        return;
    };
    let mut wire = server.plain();
    wire.stream("LAKE", "lake", &json!({}));
    let batch = rows().slice(0, 20_000);
    let plan = plan(&batch);
    let queue = queue(&server.url("lake"));
    let folder = quick();
    publish(&plan, &queue, &folder.path().join("one")).unwrap();
    // The same ledger knows it, without a question; another one hears it from the server.
    let again = publish(&plan, &queue, &folder.path().join("one")).unwrap();
    assert_eq!((again.parts_found, again.messages_found), (1, 0));
    let other = publish(&plan, &queue, &folder.path().join("two")).unwrap();
    assert_eq!((other.messages_found, other.messages), (200, 200));
    stands_once(&mut wire, "LAKE", &plan);
    // The server goes on to know ids of what was deleted: that is no delivery.
    wire.api("STREAM.PURGE.LAKE", &json!({}));
    let error = publish(&plan, &queue, &folder.path().join("three")).unwrap_err();
    let (kind, text) = trouble(&error);
    assert_eq!(kind, Trouble::Other, "{text}");
    assert!(text.contains("drops 200 messages"), "{text}");
}

#[test]
fn a_work_queue_is_read_without_taking() {
    let Some(server) = NatsServer::start("a_work_queue_is_read_without_taking") else {
        return;
    };
    let mut wire = server.plain();
    wire.stream("LAKE", "lake", &json!({ "retention": "workqueue" }));
    let batch = rows().slice(0, 3_000);
    let plan = plan(&batch);
    let queue = queue(&server.url("lake"));
    let published = Publish::to_queue(&plan, &queue).run().unwrap();
    assert!(
        published
            .warnings
            .iter()
            .any(|line| line.contains("have taken"))
    );
    assert_eq!(queue.read(0).unwrap().map(Result::unwrap).count(), 30);
    stands_once(&mut wire, "LAKE", &plan);
}

#[test]
fn a_stream_is_made_where_that_is_asked_for() {
    let Some(server) = NatsServer::start("a_stream_is_made_where_that_is_asked_for") else {
        return;
    };
    let batch = rows().slice(0, 1_000);
    let plan = plan(&batch);
    let options = NatsOptions {
        create_stream: Some("LAKE".to_owned()),
        ..options()
    };
    let queue = NatsQueue::new(&server.url("lake.new"), options).unwrap();
    Publish::to_queue(&plan, &queue).run().unwrap();
    let mut wire = server.plain();
    let made = wire.api("STREAM.INFO.LAKE", &json!({}))["config"].clone();
    assert_eq!(made["storage"], "file");
    assert_eq!(made["discard"], "new");
    assert_eq!(made["duplicate_window"], 120_000_000_000_u64);
    assert_eq!(made["max_bytes"], -1);
    stands_once(&mut wire, "LAKE", &plan);
    // Once it is there it is taken as it is.
    Publish::to_queue(&plan, &queue).run().unwrap();
    assert_eq!(wire.last("LAKE"), 10);
}

#[test]
fn the_service_of_the_project_takes_messages() {
    let Ok(url) = env::var("LAKESEED_TEST_NATS_URL") else {
        let test = "the_service_of_the_project_takes_messages";
        let _ = writeln!(io::stderr(), "\nskipped: {test} needs nats");
        return;
    };
    let port = url.rsplit_once(':').unwrap().1.parse().unwrap();
    let mut wire = Plain::connect(port, &json!({}));
    // Others use it too.
    let name = format!("T{}", std::process::id());
    let subject = format!("{name}.lake");
    wire.stream(&name, &subject, &json!({ "storage": "memory" }));
    let batch = rows().slice(0, 2_000);
    let plan = plan(&batch);
    let queue = queue(&format!("{url}/{subject}"));
    assert_eq!(queue.address(), format!("{url}/{subject}"));
    let published = Publish::to_queue(&plan, &queue).run().unwrap();
    assert!(
        published
            .warnings
            .iter()
            .any(|line| line.contains("in memory"))
    );
    stands_once(&mut wire, &name, &plan);
    wire.api(&format!("STREAM.DELETE.{name}"), &json!({}));
}
