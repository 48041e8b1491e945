//! What a server refuses, and in which words we hand it on.

use std::fs;

use lakeseed_sink::messages::nats::{NatsCredentials, NatsOptions, NatsQueue};
use lakeseed_sink::messages::{MessageSettings, Publish, Queue};
use lakeseed_sink::{Environment, Error, Result, Secret, Trouble};
use serde_json::json;

use super::server::{NatsServer, Plain, config};
use super::{options, plan, publish, queue, rows, stands_once, trouble};
use crate::messages::plan_of;
use crate::trees::quick;

#[test]
fn a_stream_that_is_missing_is_named_with_the_command_that_makes_one() {
    let name_of_test = "a_stream_that_is_missing_is_named_with_the_command_that_makes_one";
    let Some(server) = NatsServer::start(name_of_test) else {
        return;
    };
    let batch = rows().slice(0, 100);
    let plan = plan(&batch);
    let error = Publish::to_queue(&plan, &queue(&server.url("lake")))
        .run()
        .unwrap_err();
    let (kind, text) = trouble(&error);
    assert_eq!(kind, Trouble::Missing);
    assert!(
        text.contains("nats stream add NAME --subjects lake"),
        "{text}"
    );
}

#[test]
fn a_stream_that_goes_away_ends_the_run() {
    let Some(server) = NatsServer::start("a_stream_that_goes_away_ends_the_run") else {
        return;
    };
    let mut wire = server.plain();
    wire.stream("LAKE", "lake", &json!({}));
    let batch = rows().slice(0, 5_000);
    let plan = plan(&batch);
    let queue = queue(&server.url("lake"));
    queue.prepare(&plan).unwrap();
    let part = lakeseed_sink::messages::PartToSend {
        plan: &plan,
        part: 0,
        before: lakeseed_sink::messages::Before::Nothing,
        is_over: &|| false,
    };
    let mut sender = queue.open(part).unwrap();
    wire.api("STREAM.DELETE.LAKE", &json!({}));
    let sent = plan
        .messages(0, &mut |block| sender.send(block))
        .and_then(|_| sender.finish());
    let (kind, text) = trouble(&sent.unwrap_err());
    assert_eq!(kind, Trouble::Missing, "{text}");
}

#[test]
fn a_full_stream_refuses_and_the_run_goes_on_when_there_is_room() {
    let name_of_test = "a_full_stream_refuses_and_the_run_goes_on_when_there_is_room";
    let Some(server) = NatsServer::start(name_of_test) else {
        return;
    };
    let mut wire = server.plain();
    for (name, limit, window) in [
        (
            "BYTES",
            json!({ "max_bytes": 1_000_000 }),
            120_000_000_000_u64,
        ),
        ("COUNT", json!({ "max_msgs": 700 }), 100_000_000),
    ] {
        let subject = name.to_lowercase();
        let mut fields = limit;
        fields["duplicate_window"] = json!(window);
        wire.stream(name, &subject, &fields);
        let batch = rows();
        let plan = plan(&batch);
        let queue = queue(&server.url(&subject));
        let folder = quick();
        let ledger = folder.path().join("ledger");
        let error = publish(&plan, &queue, &ledger).unwrap_err();
        assert!(matches!(error, Error::Incomplete { .. }), "{error:?}");
        let (kind, text) = trouble(&error);
        assert_eq!(kind, Trouble::Full, "{text}");
        assert!(wire.last(name) > 100, "nothing was sent");
        let larger = json!({ "duplicate_window": window });
        wire.api(
            &format!("STREAM.UPDATE.{name}"),
            &config(name, &subject, &larger),
        );
        let published = publish(&plan, &queue, &ledger).unwrap();
        assert!(published.messages_found > 0, "{published:?}");
        stands_once(&mut wire, name, &plan);
    }
}

#[test]
fn messages_above_the_limits_are_refused_before_the_first() {
    let name_of_test = "messages_above_the_limits_are_refused_before_the_first";
    let Some(server) = NatsServer::with(name_of_test, "max_payload: 100000") else {
        return;
    };
    let mut wire = server.plain();
    wire.stream("WIDE", "wide", &json!({}));
    wire.stream("NARROW", "narrow", &json!({ "max_msg_size": 5_000 }));
    let batch = rows().slice(0, 1_000);
    let sized = |max_bytes| {
        let settings = MessageSettings {
            max_rows: 10_000,
            max_bytes,
            ..MessageSettings::default()
        };
        plan_of(&batch, 3, settings).unwrap()
    };
    let send = |subject: &str, bytes| -> Result<u64> {
        let plan = sized(bytes);
        let done = Publish::to_queue(&plan, &queue(&server.url(subject))).run();
        done.map(|done| done.messages)
    };
    for (subject, most, who) in [
        ("wide", 100_000 - 192, "127.0.0.1"),
        ("narrow", 5_000 - 192, "stream NARROW"),
    ] {
        match send(subject, most + 1) {
            Err(Error::Invalid { expected, .. }) => {
                assert!(expected.contains(&format!("at most {most}")), "{expected}");
                assert!(expected.contains(who), "{expected}");
            }
            other => panic!("{other:?}"),
        }
        // The largest that is let through fits, with the longest headers.
        assert!(send(subject, most).unwrap() > 0);
    }
}

#[test]
fn wrong_credentials_are_denied_and_never_shown() {
    let name_of_test = "wrong_credentials_are_denied_and_never_shown";
    let settings = "authorization { user: ana, password: \"right:p@ss\" }";
    let Some(server) = NatsServer::with(name_of_test, settings) else {
        return;
    };
    let mut wire = Plain::connect(server.port(), &json!({"user": "ana", "pass": "right:p@ss"}));
    wire.stream("LAKE", "lake", &json!({}));
    let batch = rows().slice(0, 1_000);
    let plan = plan(&batch);
    let send = |queue: &NatsQueue| Publish::to_queue(&plan, queue).run();
    let host = format!("127.0.0.1:{}/lake", server.port());
    for user in ["", "ana:canary-7f3a@", "canary-7f3a@"] {
        let queue = queue(&format!("nats://{user}{host}"));
        let error = send(&queue).unwrap_err();
        let (kind, text) = trouble(&error);
        assert_eq!(kind, Trouble::Denied, "{text}");
        for text in [
            text,
            format!("{error:?}"),
            queue.address(),
            format!("{queue:?}"),
        ] {
            assert!(!text.contains("canary"), "{text}");
        }
    }
    send(&queue(&format!("nats://ana:right%3Ap%40ss@{host}"))).unwrap();
    let variables = NatsOptions {
        environment: Environment::new(|name| match name {
            "NATS_USER" => Some("ana".to_owned()),
            "NATS_PASSWORD" => Some("right:p@ss".to_owned()),
            _ => None,
        }),
        ..options()
    };
    send(&NatsQueue::new(&format!("nats://{host}"), variables).unwrap()).unwrap();
    assert_eq!(wire.last("LAKE"), 10);
}

#[test]
fn nkeys_and_tokens_let_in() {
    // The pair of the manual of NATS.
    let secret_seed = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
    let public = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";
    let name_of_test = "nkeys_and_tokens_let_in";
    let users = format!("authorization {{ users: [ {{ nkey: {public} }} ] }}");
    let Some(by_key) = NatsServer::with(name_of_test, &users) else {
        return;
    };
    let by_token = NatsServer::with(name_of_test, "authorization { token: t0ken }").unwrap();
    let batch = rows().slice(0, 100);
    let plan = plan(&batch);
    let folder = quick();
    let file = folder.path().join("user.nk");
    fs::write(&file, format!("# a comment\n{secret_seed}\n")).unwrap();
    let file = file.to_str().unwrap().to_owned();
    let send = |server: &NatsServer, options: NatsOptions| {
        let options = NatsOptions {
            create_stream: Some("LAKE".to_owned()),
            ..options
        };
        let queue = NatsQueue::new(&server.url("lake"), options).unwrap();
        Publish::to_queue(&plan, &queue)
            .run()
            .map(|done| done.messages)
    };
    let from_file = NatsOptions {
        environment: Environment::new(move |name| (name == "NATS_NKEY").then(|| file.clone())),
        ..options()
    };
    assert_eq!(send(&by_key, from_file).unwrap(), 1);
    let given = |credentials| NatsOptions {
        credentials: Some(credentials),
        ..options()
    };
    let token = given(NatsCredentials::Token(Secret::new("t0ken")));
    assert_eq!(send(&by_token, token).unwrap(), 1);
    // A seed that is none, one that nobody knows, and a file of credentials that is none.
    for wrong in [
        NatsCredentials::Nkey(Secret::new("SUcanary")),
        NatsCredentials::Token(Secret::new("canary-7f3a")),
        NatsCredentials::Creds(Secret::new("canary-7f3a")),
    ] {
        let error = send(&by_key, given(wrong)).unwrap_err();
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        match error {
            Error::Remote { trouble, .. } => assert_eq!(trouble, Trouble::Denied),
            Error::Invalid { what, .. } => assert_eq!(what, "NATS credentials"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_subject_that_is_not_allowed_is_denied() {
    let name_of_test = "a_subject_that_is_not_allowed_is_denied";
    let settings = "authorization { users: [ { user: ana, password: a, \
                    permissions: { publish: [\"$JS.API.>\"], subscribe: \"_INBOX.>\" } }, \
                    { user: eve, password: e, permissions: { publish: lake, subscribe: \"_INBOX.>\" } } ] }";
    let Some(server) = NatsServer::with(name_of_test, settings) else {
        return;
    };
    let mut wire = Plain::connect(server.port(), &json!({"user": "ana", "pass": "a"}));
    wire.stream("LAKE", "lake", &json!({}));
    let batch = rows().slice(0, 100);
    let plan = plan(&batch);
    // One may ask and not send, the other send and not ask.
    for user in ["ana:a", "eve:e"] {
        let url = format!("nats://{user}@127.0.0.1:{}/lake", server.port());
        let error = Publish::to_queue(&plan, &queue(&url)).run().unwrap_err();
        let (kind, text) = trouble(&error);
        assert_eq!(kind, Trouble::Denied, "{user}: {text}");
        assert!(
            text.to_lowercase().contains("permissions violation"),
            "{user}: {text}"
        );
    }
}
