//! SQS spoken by the test's own hand: requests over a bare connection, so that what stands in a queue is
//! seen on another way than the library's.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use http::Request;
use lakeseed_test_s3::Service;
use object_store::aws::{AwsAuthorizer, AwsCredential};
use object_store::client::HttpRequestBody;
use serde_json::{Value, json};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(30);

/// A name and a body.
pub(super) type Stood = (String, Vec<u8>);

/// A server with the keys that it lets in.
#[derive(Clone)]
pub(super) struct Plain {
    pub(super) service: Service,
}

impl Plain {
    /// The server that tests share; a line that says which test is skipped where there is none.
    pub(super) fn shared(test: &str) -> Option<Self> {
        let service = Service::find("moto", test)?;
        Some(Self { service })
    }

    pub(super) fn port(&self) -> u16 {
        let (_, port) = self.service.endpoint.rsplit_once(':').unwrap();
        port.parse().unwrap()
    }

    /// What the server answers: the status, and the body as JSON.
    pub(super) fn ask(&self, action: &str, question: &Value) -> (u16, Value) {
        let credential = AwsCredential {
            key_id: self.service.access_key.clone(),
            secret_key: self.service.secret_key.clone(),
            token: None,
        };
        let body = question.to_string();
        let mut request = Request::post(format!("{}/", self.service.endpoint))
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("AmazonSQS.{action}"))
            .body(HttpRequestBody::from(body.clone()))
            .unwrap();
        AwsAuthorizer::new(&credential, "sqs", "us-east-1").authorize(&mut request, None);
        let mut text = "POST / HTTP/1.1\r\nconnection: close\r\n".to_owned();
        for (name, value) in request.headers() {
            let value = value.to_str().unwrap();
            text = format!("{text}{name}: {value}\r\n");
        }
        text = format!("{text}content-length: {}\r\n\r\n{body}", body.len());
        let mut line = TcpStream::connect(("127.0.0.1", self.port())).unwrap();
        line.set_read_timeout(Some(ANSWER)).unwrap();
        line.write_all(text.as_bytes()).unwrap();
        let mut answer = Vec::new();
        line.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    /// The answer to what must go well.
    #[track_caller]
    pub(super) fn call(&self, action: &str, question: &Value) -> Value {
        let (status, answer) = self.ask(action, question);
        assert_eq!(status, 200, "{action}: {answer}");
        answer
    }

    pub(super) fn create(&self, name: &str, attributes: &Value) {
        let question = json!({"QueueName": name, "Attributes": attributes});
        self.call("CreateQueue", &question);
    }

    /// A queue's URL.
    pub(super) fn url(&self, name: &str) -> String {
        let found = self.call("GetQueueUrl", &json!({"QueueName": name}));
        found["QueueUrl"].as_str().unwrap().to_owned()
    }

    /// The queue's attribute.
    pub(super) fn attribute(&self, name: &str, attribute: &str) -> Option<String> {
        let question = json!({"QueueUrl": self.url(name), "AttributeNames": ["All"]});
        let found = self.call("GetQueueAttributes", &question);
        Some(found["Attributes"][attribute].as_str()?.to_owned())
    }

    pub(super) fn is_there(&self, name: &str) -> bool {
        self.ask("GetQueueUrl", &json!({"QueueName": name})).0 == 200
    }

    pub(super) fn delete(&self, name: &str) {
        self.call("DeleteQueue", &json!({"QueueUrl": self.url(name)}));
    }

    /// Up to ten messages, as the server has them, hidden for a minute.
    pub(super) fn receive(&self, name: &str) -> Vec<Value> {
        let question = json!({
            "QueueUrl": self.url(name),
            "MaxNumberOfMessages": 10,
            "VisibilityTimeout": 60,
            "MessageAttributeNames": ["All"],
            "AttributeNames": ["All"],
        });
        let answer = self.call("ReceiveMessage", &question);
        answer["Messages"].as_array().cloned().unwrap_or_default()
    }

    pub(super) fn remove(&self, name: &str, messages: &[Value]) {
        for message in messages {
            let question = json!({
                "QueueUrl": self.url(name),
                "ReceiptHandle": message["ReceiptHandle"],
            });
            self.call("DeleteMessage", &question);
        }
    }

    /// All messages, in the order in which they come, taken away for good.
    pub(super) fn all(&self, name: &str) -> Vec<Stood> {
        let url = self.url(name);
        let mut all = Vec::new();
        loop {
            let messages = self.receive(name);
            if messages.is_empty() {
                return all;
            }
            all.extend(messages.iter().map(stood));
            let entries = messages.iter().enumerate();
            let entries: Vec<Value> = entries
                .map(|(at, found)| {
                    json!({"Id": at.to_string(), "ReceiptHandle": found["ReceiptHandle"]})
                })
                .collect();
            let question = json!({"QueueUrl": url, "Entries": entries});
            self.call("DeleteMessageBatch", &question);
        }
    }

    pub(super) fn send(&self, name: &str, id: Option<&str>, body: &str) {
        let attributes = match id {
            Some(id) => json!({"lakeseed-id": {"DataType": "String", "StringValue": id}}),
            None => json!({}),
        };
        let question = json!({
            "QueueUrl": self.url(name),
            "MessageBody": body,
            "MessageAttributes": attributes,
        });
        self.call("SendMessage", &question);
    }
}

/// A message with its name.
pub(super) fn stood(message: &Value) -> Stood {
    let id = &message["MessageAttributes"]["lakeseed-id"]["StringValue"];
    let body = message["Body"].as_str().unwrap();
    (
        id.as_str().unwrap_or_default().to_owned(),
        body.as_bytes().to_vec(),
    )
}
