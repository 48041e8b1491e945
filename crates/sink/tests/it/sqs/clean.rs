//! What goes well: everything arrives once, and is read back.

use std::collections::BTreeMap;

use lakeseed_sink::messages::sqs::{SqsOptions, SqsQueue};
use lakeseed_sink::messages::{MessageSettings, Publish, Queue, ReadableQueue, Reading};
use serde_json::json;

use super::plain::{Plain, stood};
use super::{doubles, fresh, options, plan, publish, queue, rows, stands_once, verify};
use crate::messages::{all_of, plan_of};
use crate::support::numbers;
use crate::trees::quick;

#[test]
fn a_standard_queue_gets_everything_and_is_read_by_taking() {
    let title = "a_standard_queue_gets_everything_and_is_read_by_taking";
    let Some(server) = Plain::shared(title) else {
        return;
    };
    let name = fresh("standard");
    server.create(&name, &json!({}));
    let batch = rows();
    let plan = plan(&batch);
    let queue = queue(&server.service, &name);
    let folder = quick();
    let ledger = folder.path().join("ledger");
    let published = publish(&plan, &queue, &ledger).unwrap();
    assert_eq!(published.rows, batch.num_rows() as u64);
    let warnings = published.warnings.join("\n");
    assert!(warnings.contains("may come twice"), "{warnings}");
    assert!(warnings.contains("4 days"), "{warnings}");
    assert!(matches!(queue.reading().unwrap(), Reading::Taking(_)));
    assert_eq!(queue.position().unwrap(), None);
    for _ in 0..2 {
        let counts = verify(&plan, &queue);
        let messages = all_of(&plan).unwrap().len() as u64;
        assert_eq!((counts.messages, counts.missing_rows), (messages, 0));
        assert_eq!((counts.doubled_rows, counts.altered_rows), (0, 0));
    }
    // The same again has nothing to do.
    let again = publish(&plan, &queue, &ledger).unwrap();
    assert_eq!((again.parts_found, again.made_messages), (4, 0));
    // All were given back, whole.
    stands_once(&server, &name, &plan);
    server.delete(&name);
}

#[test]
fn who_stops_reading_gives_back_what_was_taken() {
    let Some(server) = Plain::shared("who_stops_reading_gives_back_what_was_taken") else {
        return;
    };
    let name = fresh("stopped");
    server.create(&name, &json!({}));
    let batch = rows().slice(0, 1_000);
    let plan = plan(&batch);
    let queue = queue(&server.service, &name);
    Publish::to_queue(&plan, &queue).run().unwrap();
    let mut reading = queue.read_back().unwrap();
    assert!(reading.next().unwrap().is_ok());
    assert_eq!(
        server.attribute(&name, "ApproximateNumberOfMessagesNotVisible"),
        Some("10".to_owned())
    );
    drop(reading);
    stands_once(&server, &name, &plan);
    server.delete(&name);
}

#[test]
fn a_fifo_queue_gets_everything_once_in_the_order_of_each_part() {
    let title = "a_fifo_queue_gets_everything_once_in_the_order_of_each_part";
    let Some(server) = Plain::shared(title) else {
        return;
    };
    let name = format!("{}.fifo", fresh("ordered"));
    let batch = rows();
    let plan = plan(&batch);
    let options = SqsOptions {
        create: true,
        ..options(&server.service)
    };
    let queue = SqsQueue::new(&format!("sqs://{name}"), &options).unwrap();
    let published = Publish::to_queue(&plan, &queue).threads(3).run().unwrap();
    let warnings = published.warnings.join("\n");
    assert!(warnings.contains("within five minutes"), "{warnings}");
    assert!(!warnings.contains("300 batches"), "{warnings}");
    for (attribute, value) in [
        ("FifoQueue", "true"),
        ("DeduplicationScope", "messageGroup"),
        ("FifoThroughputLimit", "perMessageGroupId"),
        ("MessageRetentionPeriod", "1209600"),
    ] {
        let found = server.attribute(&name, attribute);
        assert_eq!(found.as_deref(), Some(value), "{attribute}");
    }
    // It cannot be read without deleting, and says so.
    let refused = queue.reading().unwrap_err();
    assert!(super::trouble(&refused).1.contains("FIFO"), "{refused}");
    assert!(queue.read_back().is_err());
    let all = server.all(&name);
    let mut of_parts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (id, _) in &all {
        let part = id.split('-').nth(1).unwrap().to_owned();
        of_parts.entry(part).or_default().push(id.clone());
    }
    let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for message in all_of(&plan).unwrap() {
        let ids = expected.entry(message.part.to_string()).or_default();
        ids.push(message.id);
    }
    assert!(of_parts == expected, "the order of a part is another one");
    assert_eq!(doubles(all, &plan), 0);
    server.delete(&name);
}

#[test]
fn a_fifo_queue_drops_what_is_sent_again_soon() {
    let Some(server) = Plain::shared("a_fifo_queue_drops_what_is_sent_again_soon") else {
        return;
    };
    let batch = rows().slice(0, 2_000);
    let plan = plan(&batch);
    for (end, is_fifo) in [(".fifo", true), ("", false)] {
        let name = format!("{}{end}", fresh("again"));
        let options = SqsOptions {
            create: true,
            ..options(&server.service)
        };
        let queue = SqsQueue::new(&format!("sqs://{name}"), &options).unwrap();
        // Without a ledger nothing is remembered here: all of it is sent twice.
        for _ in 0..2 {
            Publish::to_queue(&plan, &queue).run().unwrap();
        }
        let twice = doubles(server.all(&name), &plan);
        let all = all_of(&plan).unwrap().len() as u64;
        assert_eq!(twice, if is_fifo { 0 } else { all });
        server.delete(&name);
    }
}

#[test]
fn parts_that_were_begun_long_ago_are_told_of() {
    let Some(server) = Plain::shared("parts_that_were_begun_long_ago_are_told_of") else {
        return;
    };
    let name = format!("{}.fifo", fresh("late"));
    server.create(&name, &json!({"FifoQueue": "true"}));
    let batch = rows().slice(0, 100);
    let plan = plan(&batch);
    let queue = queue(&server.service, &name);
    let warnings = queue.prepare(&plan).unwrap().join("\n");
    assert!(warnings.contains("300 batches"), "{warnings}");
    let now: i64 = queue.position().unwrap().unwrap().parse().unwrap();
    let (just_now, long_ago) = ((now - 100).to_string(), (now - 400).to_string());
    assert!(queue.warn_of_begun(&[]).is_empty());
    assert!(queue.warn_of_begun(&[Some(&just_now)]).is_empty());
    let told = queue.warn_of_begun(&[Some(&just_now), Some(&long_ago), None]);
    assert!(told[0].contains("2 of the parts"), "{told:?}");
    server.delete(&name);
}

#[test]
fn what_is_missing_double_or_altered_is_told() {
    let Some(server) = Plain::shared("what_is_missing_double_or_altered_is_told") else {
        return;
    };
    let name = fresh("damaged");
    server.create(&name, &json!({}));
    let batch = rows();
    let plan = plan(&batch);
    let queue = queue(&server.service, &name);
    Publish::to_queue(&plan, &queue).run().unwrap();
    // One is taken for good, one comes twice, one has another number in its last row, and somebody
    // else writes to the queue too.
    let taken = server.receive(&name);
    let (double, body) = stood(&taken[1]);
    server.send(&name, Some(&double), &String::from_utf8(body).unwrap());
    let (altered, body) = stood(&taken[2]);
    let mut body = String::from_utf8(body).unwrap();
    let digit = body.rfind(|c: char| c.is_ascii_digit()).unwrap();
    let other = if &body[digit..=digit] == "7" {
        "8"
    } else {
        "7"
    };
    body.replace_range(digit..=digit, other);
    server.send(&name, Some(&altered), &body);
    server.send(&name, None, "hello");
    server.remove(&name, &[taken[0].clone(), taken[2].clone()]);
    for message in taken.iter().filter(|found| **found != taken[0]) {
        let question = json!({
            "QueueUrl": server.url(&name),
            "ReceiptHandle": message["ReceiptHandle"],
            "VisibilityTimeout": 0,
        });
        // The one that is deleted is not given back.
        server.ask("ChangeMessageVisibility", &question);
    }
    let counts = verify(&plan, &queue);
    assert_eq!(counts.missing_rows, 40, "{counts:?}");
    assert_eq!(counts.doubled_rows, 40, "{counts:?}");
    assert_eq!(counts.altered_rows, 1, "{counts:?}");
    assert_eq!(counts.strange_rows, 0, "{counts:?}");
    assert_eq!(server.all(&name).len(), all_of(&plan).unwrap().len() + 1);
    server.delete(&name);
}

#[test]
fn an_empty_queue_is_read_to_its_end() {
    let Some(server) = Plain::shared("an_empty_queue_is_read_to_its_end") else {
        return;
    };
    let name = fresh("empty");
    server.create(&name, &json!({}));
    let queue = queue(&server.service, &name);
    assert_eq!(queue.read_back().unwrap().count(), 0);
    server.delete(&name);
}

#[test]
fn a_queue_is_found_by_its_url_and_a_large_batch_goes_in_several() {
    let title = "a_queue_is_found_by_its_url_and_a_large_batch_goes_in_several";
    let Some(server) = Plain::shared(title) else {
        return;
    };
    let name = fresh("wide");
    server.create(&name, &json!({"MaximumMessageSize": "1048576"}));
    let url = server.url(&name);
    let batch = numbers(40_000);
    let settings = MessageSettings {
        max_rows: 100_000,
        max_bytes: 400_000,
        ..MessageSettings::default()
    };
    let plan = plan_of(&batch, 3, settings).unwrap();
    let queue = SqsQueue::new(
        &url,
        &SqsOptions {
            endpoint_url: None,
            ..options(&server.service)
        },
    );
    let queue = queue.unwrap();
    assert_eq!(queue.address(), url);
    let published = Publish::to_queue(&plan, &queue).run().unwrap();
    assert_eq!(published.messages, all_of(&plan).unwrap().len() as u64);
    assert!(published.bytes > 1_048_576, "{} bytes", published.bytes);
    stands_once(&server, &name, &plan);
    server.delete(&name);
}
