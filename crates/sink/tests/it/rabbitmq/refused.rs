//! What a server refuses, and in which words we hand it on.

use lakeseed_sink::messages::rabbitmq::{RabbitCredentials, RabbitOptions, RabbitQueue};
use lakeseed_sink::messages::{Before, MessageSettings, PartToSend, Publish, Queue};
use lakeseed_sink::{Environment, Error, Secret, Trouble};

use super::plain::{Plain, Property, QUORUM, STREAM};
use super::server::{port_of, shared};
use super::{doubles, fresh, options, plan, publish, queue, rows, trouble};
use crate::messages::plan_of;
use crate::trees::quick;

/// What `dev/services` lets messages be at most.
const MOST_BYTES: u64 = 8 << 20;

#[test]
fn a_queue_that_is_missing_is_named_with_the_way_to_make_one() {
    let name_of_test = "a_queue_that_is_missing_is_named_with_the_way_to_make_one";
    let Some(url) = shared(name_of_test) else {
        return;
    };
    let batch = rows().slice(0, 100);
    let plan = plan(&batch);
    let name = fresh("nowhere");
    let error = Publish::to_queue(&plan, &queue(&url, &name)).run();
    let (kind, text) = trouble(&error.unwrap_err());
    assert_eq!(kind, Trouble::Missing);
    assert!(text.contains(&name) && text.contains("--create"), "{text}");
    // Nor was it made by looking.
    let mut wire = Plain::connect(port_of(&url), "guest", "guest");
    assert_eq!(wire.waiting(&name), None);
    let elsewhere = RabbitQueue::new(&format!("{url}/nowhere/x"), options()).unwrap();
    let (kind, text) = trouble(&Publish::to_queue(&plan, &elsewhere).run().unwrap_err());
    assert_eq!(kind, Trouble::Missing, "{text}");
}

#[test]
fn a_queue_that_goes_away_ends_the_run() {
    let Some(url) = shared("a_queue_that_goes_away_ends_the_run") else {
        return;
    };
    let mut wire = Plain::connect(port_of(&url), "guest", "guest");
    let batch = rows().slice(0, 5_000);
    let plan = plan(&batch);
    for kind in [STREAM, QUORUM, &[]] {
        let name = fresh("going");
        wire.declare(&name, kind);
        let queue = queue(&url, &name);
        queue.prepare(&plan).unwrap();
        let part = PartToSend {
            plan: &plan,
            part: 0,
            before: Before::Nothing,
            is_over: &|| false,
        };
        let mut sender = queue.open(part).unwrap();
        wire.delete(&name);
        let sent = plan
            .messages(0, &mut |block| sender.send(block))
            .and_then(|_| sender.finish());
        let (kind, text) = trouble(&sent.unwrap_err());
        assert_eq!(kind, Trouble::Missing, "{text}");
    }
}

#[test]
fn a_queue_of_another_kind_than_the_address_says_is_refused() {
    let Some(url) = shared("a_queue_of_another_kind_than_the_address_says_is_refused") else {
        return;
    };
    let (mut wire, name) = (
        Plain::connect(port_of(&url), "guest", "guest"),
        fresh("kind"),
    );
    wire.declare(&name, QUORUM);
    let batch = rows().slice(0, 100);
    let plan = plan(&batch);
    let address = format!("{url}/%2F/{name}?type=stream");
    let queue = RabbitQueue::new(&address, options()).unwrap();
    match Publish::to_queue(&plan, &queue).run() {
        Err(Error::Invalid {
            what,
            expected,
            found,
        }) => {
            assert_eq!((what, found.as_str()), ("kind of the queue", "quorum"));
            assert!(expected.contains("stream"), "{expected}");
        }
        other => panic!("{other:?}"),
    }
    wire.delete(&name);
}

#[test]
fn a_full_queue_refuses_and_the_run_goes_on_when_there_is_room() {
    let name_of_test = "a_full_queue_refuses_and_the_run_goes_on_when_there_is_room";
    let Some(url) = shared(name_of_test) else {
        return;
    };
    let mut wire = Plain::connect(port_of(&url), "guest", "guest");
    let batch = rows();
    let plan = plan(&batch);
    let full = [
        Property::Number("x-max-length", 700),
        Property::Text("x-overflow", "reject-publish"),
    ];
    let name = fresh("full");
    wire.declare(&name, &[QUORUM, &full].concat());
    let folder = quick();
    let ledger = folder.path().join("ledger");
    let error = publish(&plan, &queue(&url, &name), &ledger).unwrap_err();
    assert!(matches!(error, Error::Incomplete { .. }), "{error:?}");
    let (kind, text) = trouble(&error);
    assert_eq!(kind, Trouble::Full, "{text}");
    let mut stood = wire.all(&name);
    assert!(stood.len() > 600, "{} were sent", stood.len());
    // Somebody takes them, and makes a queue of the same name with more room.
    wire.delete(&name);
    wire.declare(&name, QUORUM);
    publish(&plan, &queue(&url, &name), &ledger).unwrap();
    stood.extend(wire.all(&name));
    doubles(stood, &plan);
    wire.delete(&name);
}

#[test]
fn messages_above_the_limit_are_refused_before_the_first() {
    let Some(url) = shared("messages_above_the_limit_are_refused_before_the_first") else {
        return;
    };
    let (mut wire, name) = (
        Plain::connect(port_of(&url), "guest", "guest"),
        fresh("wide"),
    );
    wire.declare(&name, &[]);
    let batch = rows().slice(0, 1_000);
    let send = |max_bytes| {
        let settings = MessageSettings {
            max_rows: 10_000,
            max_bytes,
            ..MessageSettings::default()
        };
        let plan = plan_of(&batch, 3, settings).unwrap();
        let done = Publish::to_queue(&plan, &queue(&url, &name)).run();
        done.map(|done| done.messages)
    };
    match send(MOST_BYTES + 1) {
        Err(Error::Invalid { expected, .. }) => {
            assert!(
                expected.contains(&format!("at most {MOST_BYTES}")),
                "{expected}"
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(wire.waiting(&name), Some(0));
    assert_eq!(send(MOST_BYTES).unwrap(), 1);
    assert_eq!(wire.all(&name).len(), 1);
    wire.delete(&name);
}

#[test]
fn wrong_credentials_are_denied_and_never_shown() {
    let Some(url) = shared("wrong_credentials_are_denied_and_never_shown") else {
        return;
    };
    let (mut wire, name) = (
        Plain::connect(port_of(&url), "guest", "guest"),
        fresh("secret"),
    );
    wire.declare(&name, STREAM);
    let batch = rows().slice(0, 1_000);
    let plan = plan(&batch);
    let host = url.trim_start_matches("amqp://");
    for user in ["ana:canary-7f3a@", "canary-7f3a@", "guest:canary-7f3a@"] {
        let queue = RabbitQueue::new(&format!("amqp://{user}{host}/%2F/{name}"), options());
        let queue = queue.unwrap();
        let error = Publish::to_queue(&plan, &queue).run().unwrap_err();
        let (kind, text) = trouble(&error);
        assert_eq!(kind, Trouble::Denied, "{text}");
        for text in [
            text,
            format!("{error:?}"),
            queue.address(),
            format!("{queue:?}"),
        ] {
            // A user's name is no secret, and servers repeat it.
            assert!(user == "canary-7f3a@" || !text.contains("canary"), "{text}");
        }
    }
    let send = |address: String, options: RabbitOptions| {
        Publish::to_queue(&plan, &RabbitQueue::new(&address, options).unwrap())
            .run()
            .unwrap();
    };
    send(format!("amqp://guest:gu%65st@{host}/%2F/{name}"), options());
    let variables = RabbitOptions {
        environment: Environment::new(|name| match name {
            "RABBITMQ_USERNAME" | "RABBITMQ_PASSWORD" => Some("guest".to_owned()),
            _ => None,
        }),
        ..options()
    };
    send(format!("{url}/%2F/{name}"), variables);
    let given = RabbitOptions {
        credentials: Some(RabbitCredentials {
            user: "guest".to_owned(),
            password: Secret::new("guest"),
        }),
        environment: Environment::new(|name| name.contains("PASSWORD").then(|| "wrong".to_owned())),
        ..options()
    };
    send(format!("{url}/%2F/{name}"), given);
    assert_eq!(wire.all_of_stream(&name).len(), 30);
    wire.delete(&name);
}

#[test]
fn a_user_who_may_not_do_it_is_told_what() {
    let Some(url) = shared("a_user_who_may_not_do_it_is_told_what") else {
        return;
    };
    // Of `dev/services`: ana may write and read, and make nothing; eve may read alone.
    let mut wire = Plain::connect(port_of(&url), "guest", "guest");
    let batch = rows().slice(0, 1_000);
    let plan = plan(&batch);
    let host = url.trim_start_matches("amqp://");
    let name = fresh("allowed");
    wire.declare(&name, STREAM);
    let of = |user: &str, query: &str| {
        let address = format!("amqp://{user}:right%3Ap%40ss@{host}/%2F/{name}{query}");
        RabbitQueue::new(&address, options()).unwrap()
    };
    let (kind, text) = trouble(&Publish::to_queue(&plan, &of("eve", "")).run().unwrap_err());
    assert_eq!(kind, Trouble::Denied, "{text}");
    // What a queue is cannot be asked without making one; the address tells.
    let published = Publish::to_queue(&plan, &of("ana", "")).run().unwrap();
    let warnings = published.warnings.join("\n");
    assert!(warnings.contains("may not ask what it is"), "{warnings}");
    let published = Publish::to_queue(&plan, &of("ana", "?type=stream"))
        .run()
        .unwrap();
    let warnings = published.warnings.join("\n");
    assert!(warnings.contains("lakeseed.*"), "{warnings}");
    assert_eq!(wire.all_of_stream(&name).len(), 20);
    wire.delete(&name);
}
