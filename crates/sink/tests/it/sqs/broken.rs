//! What breaks on the way: lines that are cut, answers that are lost, servers that ask for patience or
//! say nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use lakeseed_sink::messages::sqs::{SqsOptions, SqsQueue};
use lakeseed_sink::messages::{Before, PartToSend, Publish, Queue, ReadableQueue};
use lakeseed_sink::{Error, Trouble};
use serde_json::{Value, json};

use super::between::{Act, Asked, Between};
use super::plain::Plain;
use super::{SHORT, doubles, fresh, options, plan, publish, rows, stands_once, trouble, verify};
use crate::messages::all_of;
use crate::proxy::{Act as Deed, Fault, Proxy, Way};
use crate::trees::quick;

/// A queue that is reached at another address than the server's.
fn at(server: &Plain, url: String, name: &str, change: impl FnOnce(&mut SqsOptions)) -> SqsQueue {
    let mut options = SqsOptions {
        endpoint_url: Some(url),
        ..options(&server.service)
    };
    change(&mut options);
    SqsQueue::new(&format!("sqs://{name}"), &options).unwrap()
}

/// The queue behind somebody who does something to the batches that a pattern chooses, and counts them.
fn with_batches(
    server: &Plain,
    chosen: impl Fn(u64) -> bool + Send + Sync + 'static,
    act: impl Fn(&Asked) -> Act + Send + Sync + 'static,
) -> (Between, Arc<AtomicU64>) {
    let (seen, done) = (AtomicU64::new(0), Arc::new(AtomicU64::new(0)));
    let counted = Arc::clone(&done);
    let between = Between::new(server.port(), move |asked| {
        if asked.action != "SendMessageBatch" || !chosen(seen.fetch_add(1, Ordering::SeqCst)) {
            return Act::Pass;
        }
        counted.fetch_add(1, Ordering::SeqCst);
        act(asked)
    });
    (between, done)
}

/// What is done to a batch, and how a run ends that meets it again and again.
type Case = (fn(&Asked) -> Act, Trouble);

fn refusal(code: &str) -> Value {
    json!({"__type": format!("com.amazonaws.sqs#{code}"), "message": "later"})
}

#[test]
fn answers_that_are_lost_double_nothing_in_a_fifo_queue() {
    let Some(server) = Plain::shared("answers_that_are_lost_double_nothing_in_a_fifo_queue") else {
        return;
    };
    let batch = rows();
    let plan = plan(&batch);
    let name = format!("{}.fifo", fresh("lost"));
    server.create(&name, &json!({"FifoQueue": "true"}));
    let (between, lost) = with_batches(&server, |at| at % 5 == 2, |_| Act::LoseAnswer);
    let queue = at(&server, between.url(), &name, |_| {});
    Publish::to_queue(&plan, &queue).threads(2).run().unwrap();
    assert!(lost.load(Ordering::SeqCst) >= 2);
    stands_once(&server, &name, &plan);
    server.delete(&name);
}

#[test]
fn answers_that_are_lost_lose_nothing_in_a_standard_queue() {
    let title = "answers_that_are_lost_lose_nothing_in_a_standard_queue";
    let Some(server) = Plain::shared(title) else {
        return;
    };
    let batch = rows();
    let plan = plan(&batch);
    let name = fresh("lost");
    server.create(&name, &json!({}));
    let (between, lost) = with_batches(&server, |at| at % 5 == 2, |_| Act::LoseAnswer);
    let queue = at(&server, between.url(), &name, |_| {});
    Publish::to_queue(&plan, &queue).threads(2).run().unwrap();
    let lost = lost.load(Ordering::SeqCst);
    let counts = verify(&plan, &super::queue(&server.service, &name));
    assert_eq!((counts.missing_rows, counts.altered_rows), (0, 0));
    // What was lost was there: it came again, ten messages at most each time, and nothing else did.
    let twice = doubles(server.all(&name), &plan);
    assert!(lost >= 2 && twice >= lost && twice <= 10 * lost, "{twice}");
    server.delete(&name);
}

#[test]
fn lines_that_break_and_servers_that_ask_for_patience_are_tried_again() {
    let title = "lines_that_break_and_servers_that_ask_for_patience_are_tried_again";
    let Some(server) = Plain::shared(title) else {
        return;
    };
    let batch = rows();
    let plan = plan(&batch);
    let name = fresh("patience");
    server.create(&name, &json!({}));
    let acts: [fn(&Asked) -> Act; 5] = [
        |_| Act::Break,
        |_| Act::Answer(400, refusal("RequestThrottled")),
        |_| Act::Answer(400, refusal("KmsThrottled")),
        |_| Act::Answer(503, json!({})),
        |_| Act::Answer(200, json!("cut")),
    ];
    for act in acts {
        let (between, done) = with_batches(&server, |at| at % 3 == 1, act);
        let queue = at(&server, between.url(), &name, |_| {});
        Publish::to_queue(&plan, &queue).threads(2).run().unwrap();
        assert!(done.load(Ordering::SeqCst) >= 3);
        // The server never heard of any of them: nothing comes twice.
        stands_once(&server, &name, &plan);
    }
    server.delete(&name);
}

#[test]
fn messages_that_a_batch_leaves_out_go_again_alone() {
    let Some(server) = Plain::shared("messages_that_a_batch_leaves_out_go_again_alone") else {
        return;
    };
    let batch = rows();
    let plan = plan(&batch);
    let name = fresh("partial");
    server.create(&name, &json!({}));
    // The server gets the first half of the batch by another hand; the others were refused.
    let hand = server.clone();
    let (between, done) = with_batches(
        &server,
        |at| at % 3 == 1,
        move |asked| {
            let mut question = asked.question.clone();
            let entries = question["Entries"].as_array_mut().unwrap();
            let refused = entries.split_off(entries.len() / 2);
            let mut answer = json!({"Successful": []});
            if !entries.is_empty() {
                answer = hand.call("SendMessageBatch", &question);
            }
            let failed = |entry: &Value| json!({"Id": entry["Id"], "SenderFault": false, "Code": "InternalError"});
            answer["Failed"] = refused.iter().map(failed).collect();
            Act::Answer(200, answer)
        },
    );
    let queue = at(&server, between.url(), &name, |_| {});
    Publish::to_queue(&plan, &queue).threads(2).run().unwrap();
    assert!(done.load(Ordering::SeqCst) >= 3);
    stands_once(&server, &name, &plan);
    server.delete(&name);
}

#[test]
fn a_body_that_the_server_has_otherwise_ends_the_run() {
    let Some(server) = Plain::shared("a_body_that_the_server_has_otherwise_ends_the_run") else {
        return;
    };
    let batch = rows();
    let plan = plan(&batch);
    let name = fresh("altered");
    server.create(&name, &json!({}));
    let change = |mut answer: Value| {
        answer["Successful"][0]["MD5OfMessageBody"] = json!("00000000000000000000000000000000");
        answer
    };
    let (between, _) = with_batches(
        &server,
        |at| at == 4,
        move |_| Act::Change(Box::new(change)),
    );
    let queue = at(&server, between.url(), &name, |_| {});
    let error = Publish::to_queue(&plan, &queue).run().unwrap_err();
    let (_, text) = trouble(&error);
    assert!(text.contains("with another body"), "{text}");
    server.delete(&name);
}

#[test]
fn a_server_that_never_takes_a_batch_ends_the_run_which_goes_on_later() {
    let title = "a_server_that_never_takes_a_batch_ends_the_run_which_goes_on_later";
    let Some(server) = Plain::shared(title) else {
        return;
    };
    let batch = rows();
    let plan = plan(&batch);
    let folder = quick();
    let acts: [Case; 3] = [
        (
            |_| Act::Answer(400, refusal("RequestThrottled")),
            Trouble::Unavailable,
        ),
        (|_| Act::Break, Trouble::Unreachable),
        (|_| Act::LoseAnswer, Trouble::Unreachable),
    ];
    for (act, kind) in acts {
        let name = format!("{}.fifo", fresh("never"));
        server.create(&name, &json!({"FifoQueue": "true"}));
        let is_well = Arc::new(AtomicBool::new(false));
        let well = Arc::clone(&is_well);
        let chosen = move |at| at > 5 && !well.load(Ordering::SeqCst);
        let (between, _) = with_batches(&server, chosen, act);
        let queue = at(&server, between.url(), &name, |options| {
            options.patience = SHORT;
        });
        let ledger = folder.path().join(&name);
        let error = publish(&plan, &queue, &ledger).unwrap_err();
        assert!(matches!(error, Error::Incomplete { .. }), "{error:?}");
        let (found, text) = trouble(&error);
        assert_eq!(found, kind, "{text}");
        assert!(text.contains("for 2 s"), "{text}");
        // The same line later, at the same place, goes on.
        is_well.store(true, Ordering::SeqCst);
        let published = publish(&plan, &queue, &ledger).unwrap();
        assert_eq!(published.rows, batch.num_rows() as u64);
        stands_once(&server, &name, &plan);
        server.delete(&name);
    }
}

#[test]
fn a_line_that_stands_still_is_waited_for_and_a_stop_is_heard() {
    let Some(server) = Plain::shared("a_line_that_stands_still_is_waited_for_and_a_stop_is_heard")
    else {
        return;
    };
    let batch = rows().slice(0, 1_320);
    let plan = plan(&batch);
    let name = fresh("still");
    server.create(&name, &json!({}));
    let hold = || Fault {
        after: 25_000,
        way: Way::Up,
        act: Deed::Hold,
    };
    let proxy = Proxy::new(server.port(), vec![hold()]);
    let queue = at(&server, format!("http://{}", proxy.place()), &name, |_| {});
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
    assert_eq!(receipt.messages, all_of(&plan).unwrap().len() as u64);
    assert!(asked.load(Ordering::SeqCst) > 3, "nobody waited");
    stands_once(&server, &name, &plan);
    // A stop ends the waiting.
    let proxy = Proxy::new(server.port(), vec![hold()]);
    let queue = at(&server, format!("http://{}", proxy.place()), &name, |_| {});
    let over = || proxy.happened() > 0;
    let mut sender = queue.open(part(&over)).unwrap();
    let stopped = plan
        .messages(0, &mut |block| sender.send(block))
        .and_then(|_| sender.finish());
    assert!(matches!(stopped, Err(Error::Stopped)), "{stopped:?}");
    proxy.let_go();
    server.delete(&name);
}

#[test]
fn a_message_that_comes_twice_when_it_is_read_counts_once() {
    let Some(server) = Plain::shared("a_message_that_comes_twice_when_it_is_read_counts_once")
    else {
        return;
    };
    let name = fresh("twice");
    server.create(&name, &json!({}));
    let batch = rows();
    let plan = plan(&batch);
    Publish::to_queue(&plan, &super::queue(&server.service, &name))
        .run()
        .unwrap();
    // As a standard queue may: each answer has one message of the one before.
    let last = std::sync::Mutex::new(Value::Null);
    let (last, count) = (Arc::new(last), Arc::new(AtomicU64::new(0)));
    let counted = Arc::clone(&count);
    let between = Between::new(server.port(), move |asked| {
        if asked.action != "ReceiveMessage" {
            return Act::Pass;
        }
        let (last, counted) = (Arc::clone(&last), Arc::clone(&counted));
        Act::Change(Box::new(move |mut answer| {
            let mut last = last.lock().unwrap();
            let messages = answer.get_mut("Messages");
            if let Some(messages) = messages.and_then(Value::as_array_mut) {
                let first = messages[0].clone();
                if !last.is_null() {
                    messages.push(last.clone());
                    counted.fetch_add(1, Ordering::SeqCst);
                }
                *last = first;
            }
            answer
        }))
    });
    let queue = at(&server, between.url(), &name, |_| {});
    let counts = verify(&plan, &queue);
    assert!(count.load(Ordering::SeqCst) > 3);
    assert_eq!((counts.missing_rows, counts.doubled_rows), (0, 0));
    assert_eq!(counts.messages, all_of(&plan).unwrap().len() as u64);
    stands_once(&server, &name, &plan);
    server.delete(&name);
}

#[test]
fn polls_that_find_nothing_for_a_while_are_not_the_end() {
    let Some(server) = Plain::shared("polls_that_find_nothing_for_a_while_are_not_the_end") else {
        return;
    };
    let name = fresh("shy");
    server.create(&name, &json!({}));
    let batch = rows();
    let plan = plan(&batch);
    Publish::to_queue(&plan, &super::queue(&server.service, &name))
        .run()
        .unwrap();
    // Six polls in a row find nothing, although messages wait.
    let polls = AtomicU64::new(0);
    let between = Between::new(server.port(), move |asked| {
        let is_poll = asked.action == "ReceiveMessage";
        match is_poll.then(|| polls.fetch_add(1, Ordering::SeqCst)) {
            Some(2..8) => Act::Answer(200, json!({})),
            _ => Act::Pass,
        }
    });
    let queue = at(&server, between.url(), &name, |_| {});
    let counts = verify(&plan, &queue);
    assert_eq!((counts.missing_rows, counts.doubled_rows), (0, 0));
    server.delete(&name);
}

#[test]
fn an_answer_that_is_lost_in_reading_is_told_and_the_rest_given_back() {
    let title = "an_answer_that_is_lost_in_reading_is_told_and_the_rest_given_back";
    let Some(server) = Plain::shared(title) else {
        return;
    };
    let name = fresh("hidden");
    server.create(&name, &json!({}));
    let batch = rows();
    let plan = plan(&batch);
    Publish::to_queue(&plan, &super::queue(&server.service, &name))
        .run()
        .unwrap();
    let polls = AtomicU64::new(0);
    let between = Between::new(server.port(), move |asked| {
        let is_third =
            asked.action == "ReceiveMessage" && polls.fetch_add(1, Ordering::SeqCst) == 2;
        if is_third { Act::LoseAnswer } else { Act::Pass }
    });
    let queue = at(&server, between.url(), &name, |_| {});
    let read: lakeseed_sink::Result<Vec<_>> = queue.read_back().unwrap().collect();
    let (kind, text) = trouble(&read.unwrap_err());
    assert_eq!(kind, Trouble::Unavailable, "{text}");
    assert!(text.contains("stay hidden for 30"), "{text}");
    let hidden = server.attribute(&name, "ApproximateNumberOfMessagesNotVisible");
    assert_eq!(hidden.as_deref(), Some("10"));
    // Who reads now is told of these, and does not take them for missing.
    let queue = at(&server, between.url(), &name, |options| {
        options.patience = SHORT;
    });
    let (_, text) = trouble(&queue.read_back().err().unwrap());
    assert!(text.contains("10 messages are taken"), "{text}");
    server.delete(&name);
}
