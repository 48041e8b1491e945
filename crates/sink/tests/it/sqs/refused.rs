//! What a server refuses, and in which words we hand it on.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::{ArrayRef, StringArray};
use lakeseed_sink::messages::sqs::{SqsOptions, SqsQueue};
use lakeseed_sink::messages::{
    Before, MessageSettings, PartToSend, Publish, Queue, ReadableQueue, Reading,
};
use lakeseed_sink::s3::Keys;
use lakeseed_sink::{Environment, Error, Secret, Trouble};
use serde_json::json;

use super::between::{Act, Between};
use super::plain::Plain;
use super::{fresh, options, plan, queue, rows, stands_once, trouble};
use crate::messages::plan_of;
use crate::ports::free_ports;

#[test]
fn a_queue_that_is_missing_is_named_with_the_way_to_make_one() {
    let title = "a_queue_that_is_missing_is_named_with_the_way_to_make_one";
    let Some(server) = Plain::shared(title) else {
        return;
    };
    let batch = rows().slice(0, 100);
    let plan = plan(&batch);
    let name = fresh("nowhere");
    let url = format!("{}/123456789012/{name}", server.service.endpoint);
    for address in [format!("sqs://{name}"), url] {
        let queue = SqsQueue::new(&address, &options(&server.service)).unwrap();
        let error = Publish::to_queue(&plan, &queue).run().unwrap_err();
        let (kind, text) = trouble(&error);
        assert_eq!(kind, Trouble::Missing, "{text}");
        assert!(text.contains(&name) && text.contains("--create"), "{text}");
    }
    // Nor was it made by looking.
    assert!(!server.is_there(&name));
    let made = SqsOptions {
        create: true,
        ..options(&server.service)
    };
    let queue = SqsQueue::new(&format!("sqs://{name}"), &made).unwrap();
    Publish::to_queue(&plan, &queue).run().unwrap();
    let kept = server.attribute(&name, "MessageRetentionPeriod");
    assert_eq!(kept.as_deref(), Some("1209600"));
    assert_eq!(server.attribute(&name, "FifoQueue"), None);
    stands_once(&server, &name, &plan);
    server.delete(&name);
}

#[test]
fn a_queue_that_goes_away_ends_the_run() {
    let Some(server) = Plain::shared("a_queue_that_goes_away_ends_the_run") else {
        return;
    };
    let name = fresh("going");
    server.create(&name, &json!({}));
    let batch = rows();
    let plan = plan(&batch);
    let queue = queue(&server.service, &name);
    queue.prepare(&plan).unwrap();
    server.delete(&name);
    let part = PartToSend {
        plan: &plan,
        part: 0,
        before: Before::Nothing,
        is_over: &|| false,
    };
    let mut sender = queue.open(part).unwrap();
    let sent = plan
        .messages(0, &mut |block| sender.send(block))
        .and_then(|_| sender.finish());
    let (kind, text) = trouble(&sent.unwrap_err());
    assert_eq!(kind, Trouble::Missing, "{text}");
}

#[test]
fn messages_above_the_limit_are_refused_before_the_first() {
    let Some(server) = Plain::shared("messages_above_the_limit_are_refused_before_the_first")
    else {
        return;
    };
    let name = fresh("narrow");
    server.create(&name, &json!({"MaximumMessageSize": "4096"}));
    let batch = rows().slice(0, 1_000);
    let send = |max_bytes| {
        let settings = MessageSettings {
            max_rows: 10_000,
            max_bytes,
            ..MessageSettings::default()
        };
        let plan = plan_of(&batch, 3, settings).unwrap();
        let done = Publish::to_queue(&plan, &queue(&server.service, &name)).run();
        done.map(|done| done.messages)
    };
    match send(3_969) {
        Err(Error::Invalid { expected, .. }) => {
            let told = expected.contains("at most 3968 by --max-bytes");
            assert!(told && expected.contains("4096"), "{expected}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(server.all(&name).len(), 0);
    let count = send(3_968).unwrap();
    assert_eq!(server.all(&name).len() as u64, count);
    server.delete(&name);
}

#[test]
fn wrong_keys_are_denied_and_never_shown() {
    let Some(server) = Plain::shared("wrong_keys_are_denied_and_never_shown") else {
        return;
    };
    let name = fresh("secret");
    server.create(&name, &json!({}));
    let batch = rows().slice(0, 1_000);
    let plan = plan(&batch);
    let good = (
        server.service.access_key.as_str(),
        server.service.secret_key.as_str(),
    );
    for (id, secret, token) in [
        ("AKIACANARY7F3A000000", good.1, None),
        (good.0, "canary-7f3a-0123456789", None),
        (good.0, "canary-7f3a-0123456789", Some("canary-token-7f3a")),
    ] {
        let options = SqsOptions {
            keys: Some(Keys {
                id: Secret::new(id),
                secret: Secret::new(secret),
                token: token.map(Secret::new),
            }),
            ..options(&server.service)
        };
        let queue = SqsQueue::new(&format!("sqs://{name}"), &options).unwrap();
        let error = Publish::to_queue(&plan, &queue).run().unwrap_err();
        let (kind, text) = trouble(&error);
        assert_eq!(kind, Trouble::Denied, "{text}");
        for text in [
            text,
            format!("{error:?}"),
            queue.address(),
            format!("{queue:?} {options:?}"),
        ] {
            assert!(!text.to_lowercase().contains("canary"), "{text}");
            assert!(!text.contains(good.0) && !text.contains(good.1), "{text}");
        }
    }
    // The environment's, as the aws tool has them.
    let (endpoint, id, secret) = (
        server.service.endpoint.clone(),
        good.0.to_owned(),
        good.1.to_owned(),
    );
    let variables = SqsOptions {
        endpoint_url: None,
        keys: None,
        environment: Environment::new(move |name| match name {
            "AWS_ACCESS_KEY_ID" => Some(id.clone()),
            "AWS_SECRET_ACCESS_KEY" => Some(secret.clone()),
            "AWS_ENDPOINT_URL_SQS" => Some(endpoint.clone()),
            "AWS_REGION" => Some("eu-west-1".to_owned()),
            _ => None,
        }),
        ..options(&server.service)
    };
    // The queue is in another region.
    let queue = SqsQueue::new(&format!("sqs://{name}"), &variables).unwrap();
    let error = Publish::to_queue(&plan, &queue).run().unwrap_err();
    assert_eq!(trouble(&error).0, Trouble::Missing);
    let here = SqsOptions {
        region: Some("us-east-1".to_owned()),
        ..variables
    };
    let queue = SqsQueue::new(&format!("sqs://{name}"), &here).unwrap();
    Publish::to_queue(&plan, &queue).run().unwrap();
    stands_once(&server, &name, &plan);
    server.delete(&name);
}

#[test]
fn what_a_server_repeats_of_keys_is_not_shown() {
    let Some(server) = Plain::shared("what_a_server_repeats_of_keys_is_not_shown") else {
        return;
    };
    let secret = server.service.secret_key.clone();
    let between = Between::new(server.port(), move |asked| {
        assert_eq!(asked.number, 0);
        let message = format!("you have sent {secret}");
        Act::Answer(
            400,
            json!({"__type": "a#InvalidSignatureException", "message": message}),
        )
    });
    let options = SqsOptions {
        endpoint_url: Some(between.url()),
        ..options(&server.service)
    };
    let queue = SqsQueue::new("sqs://q", &options).unwrap();
    let (kind, text) = trouble(&queue.reading().unwrap_err());
    assert_eq!(kind, Trouble::Denied);
    assert!(text.contains("you have sent ***"), "{text}");
}

#[test]
fn nobody_there_is_told_at_once() {
    let Some(server) = Plain::shared("nobody_there_is_told_at_once") else {
        return;
    };
    let [port] = free_ports();
    let options = SqsOptions {
        endpoint_url: Some(format!("http://127.0.0.1:{port}")),
        // Whoever waits for it waits too long.
        patience: Duration::from_hours(1),
        ..options(&server.service)
    };
    let queue = SqsQueue::new("sqs://q", &options).unwrap();
    let (kind, text) = trouble(&queue.reading().unwrap_err());
    assert_eq!(kind, Trouble::Unreachable, "{text}");
}

#[test]
fn a_fifo_queue_refuses_more_patience_than_it_has_memory() {
    let options = SqsOptions {
        patience: Duration::from_mins(5),
        keys: Some(Keys {
            id: Secret::new("AKIDEXAMPLE"),
            secret: Secret::new("canary-7f3a"),
            token: None,
        }),
        environment: Environment::new(|_| None),
        region: Some("eu-west-1".to_owned()),
        ..SqsOptions::default()
    };
    assert!(SqsQueue::new("sqs://q", &options).is_ok());
    match SqsQueue::new("sqs://q.fifo", &options) {
        Err(Error::Invalid { what, .. }) => assert_eq!(what, "patience"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_queue_with_dead_letters_is_not_read_to_death() {
    let Some(server) = Plain::shared("a_queue_with_dead_letters_is_not_read_to_death") else {
        return;
    };
    let (name, dead) = (fresh("mortal"), fresh("dead"));
    server.create(&dead, &json!({}));
    let arn = server.attribute(&dead, "QueueArn").unwrap();
    let policy = json!({"deadLetterTargetArn": arn, "maxReceiveCount": 3}).to_string();
    server.create(&name, &json!({"RedrivePolicy": policy}));
    let batch = rows().slice(0, 1_000);
    let plan = plan(&batch);
    let queue = queue(&server.service, &name);
    let published = Publish::to_queue(&plan, &queue).run().unwrap();
    let warnings = published.warnings.join("\n");
    assert!(warnings.contains("taken 3 times"), "{warnings}");
    match queue.reading().unwrap() {
        Reading::Taking(words) => assert!(words.contains("of 3 times"), "{words}"),
        Reading::Beside => panic!("nothing is taken"),
    }
    for _ in 0..2 {
        let read: lakeseed_sink::Result<Vec<_>> = queue.read_back().unwrap().collect();
        assert_eq!(read.unwrap().len(), 25);
    }
    // The third time would be the last: it is noticed with the first ten, and they go back.
    let read: lakeseed_sink::Result<Vec<_>> = queue.read_back().unwrap().collect();
    let (kind, text) = trouble(&read.unwrap_err());
    assert_eq!(kind, Trouble::Unsupported, "{text}");
    assert!(text.contains("dead letters"), "{text}");
    let count = |name: &str| server.attribute(name, "ApproximateNumberOfMessages");
    assert_eq!(count(&name).as_deref(), Some("25"));
    assert_eq!(count(&dead).as_deref(), Some("0"));
    server.delete(&name);
    server.delete(&dead);
}

#[test]
fn more_messages_than_are_handed_out_at_once_are_not_read() {
    let title = "more_messages_than_are_handed_out_at_once_are_not_read";
    let Some(server) = Plain::shared(title) else {
        return;
    };
    let name = fresh("many");
    server.create(&name, &json!({}));
    let between = Between::new(server.port(), |asked| match asked.action.as_str() {
        "GetQueueAttributes" => Act::Change(Box::new(|mut answer| {
            answer["Attributes"]["ApproximateNumberOfMessages"] = json!("120001");
            answer
        })),
        _ => Act::Pass,
    });
    let options = SqsOptions {
        endpoint_url: Some(between.url()),
        ..options(&server.service)
    };
    let queue = SqsQueue::new(&format!("sqs://{name}"), &options).unwrap();
    let (kind, text) = trouble(&queue.read_back().err().unwrap());
    assert_eq!(kind, Trouble::Unsupported, "{text}");
    assert!(text.contains("120001") && text.contains("120000"), "{text}");
    server.delete(&name);
}

#[test]
fn text_that_the_service_does_not_take_is_refused() {
    let Some(server) = Plain::shared("text_that_the_service_does_not_take_is_refused") else {
        return;
    };
    let name = fresh("text");
    server.create(&name, &json!({}));
    let queue = queue(&server.service, &name);
    let send = |text: &str| {
        let column: ArrayRef = Arc::new(StringArray::from(vec![text]));
        let batch = crate::support::from_columns(vec![("text", column)], false);
        let plan = plan_of(&batch, 1, MessageSettings::default()).unwrap();
        Publish::to_queue(&plan, &queue).run().map(|_| plan)
    };
    for text in [
        "a\u{0}b\u{1f}\u{7f}\n\"\\",
        "\u{d7ff}\u{e000}\u{fffd}\u{10ffff}é",
    ] {
        let plan = send(text).unwrap();
        stands_once(&server, &name, &plan);
    }
    match send("a\u{ffff}") {
        Err(Error::Invalid { found, .. }) => assert!(found.contains("U+FFFF"), "{found}"),
        other => panic!("{:?}", other.map(|_| ())),
    }
    server.delete(&name);
}
