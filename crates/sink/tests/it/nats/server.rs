//! A NATS server of a test's own, and a client that is not the one under test.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::ports::free_ports;

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
const PROGRAM: &str = "LAKESEED_TEST_NATS_SERVER";

/// A server with its own store; it ends with the value.
pub(crate) struct NatsServer {
    folder: TempDir,
    settings: String,
    port: u16,
    child: Mutex<Child>,
}

impl NatsServer {
    /// A server for a test; a line that says which test is skipped where there is no program.
    pub(crate) fn start(test: &str) -> Option<Self> {
        Self::with(test, "")
    }

    /// The same with lines for its configuration.
    pub(crate) fn with(test: &str, settings: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let [port] = free_ports();
        let Some(child) = run(folder.path(), settings, port) else {
            let _ = writeln!(io::stderr(), "\nskipped: {test} needs nats-server");
            return None;
        };
        Some(Self {
            folder,
            settings: settings.to_owned(),
            port,
            child: Mutex::new(child),
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self, subject: &str) -> String {
        format!("nats://127.0.0.1:{}/{subject}", self.port)
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(&self) {
        let mut child = self.child.lock().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Starts it again, on the same port and store, after [`Self::kill`].
    pub(crate) fn start_again(&self) {
        let mut child = self.child.lock().unwrap();
        *child = run(self.folder.path(), &self.settings, self.port).unwrap();
    }

    pub(crate) fn plain(&self) -> Plain {
        Plain::connect(self.port, &json!({}))
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap();
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Starts the program and reads its log until it is ready.
fn run(folder: &Path, settings: &str, port: u16) -> Option<Child> {
    let program = env::var(PROGRAM).unwrap_or_else(|_| "nats-server".to_owned());
    let store = folder.join("store");
    let config = folder.join("server.conf");
    let text = format!(
        "host: 127.0.0.1\nport: {port}\njetstream {{ store_dir: \"{}\" }}\n{settings}\n",
        store.display()
    );
    fs::write(&config, text).unwrap();
    let child = Command::new(&program)
        .arg("-c")
        .arg(&config)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => panic!("{program}: {error}"),
    };
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    loop {
        let mut line = String::new();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "no server: {said}");
        if line.contains("Server is ready") {
            break;
        }
        said.push_str(&line);
    }
    // The pipe must not fill up.
    thread::spawn(move || io::copy(&mut log, &mut io::sink()));
    Some(child)
}

/// The protocol by hand: the second opinion on what stands in a stream.
pub(crate) struct Plain {
    stream: BufReader<TcpStream>,
    asked: u64,
}

impl Plain {
    /// Connects, with fields beside those that everybody sends.
    pub(crate) fn connect(port: u16, fields: &Value) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut wire = Self {
            stream: BufReader::new(stream),
            asked: 0,
        };
        assert!(wire.line().starts_with("INFO "));
        let mut hello = json!({"verbose": false, "headers": true, "no_responders": true});
        for (name, value) in fields.as_object().unwrap() {
            hello[name] = value.clone();
        }
        wire.write(format!("CONNECT {hello}\r\nSUB _INBOX.wire.* 1\r\nPING\r\n").as_bytes());
        loop {
            let line = wire.line();
            assert!(!line.starts_with("-ERR"), "{line}");
            if line == "PONG" {
                return wire;
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// One question and its answer.
    pub(crate) fn ask(&mut self, subject: &str, question: &Value) -> Value {
        self.asked += 1;
        let question = question.to_string();
        let (inbox, len) = (format!("_INBOX.wire.{}", self.asked), question.len());
        self.write(format!("PUB {subject} {inbox} {len}\r\n{question}\r\n").as_bytes());
        self.answer(&inbox, subject)
    }

    fn answer(&mut self, inbox: &str, subject: &str) -> Value {
        loop {
            let line = self.line();
            let words: Vec<&str> = line.split(' ').collect();
            match words[0] {
                "PING" => self.write(b"PONG\r\n"),
                "MSG" => {
                    let len: usize = words[words.len() - 1].parse().unwrap();
                    let mut body = vec![0; len + 2];
                    self.stream.read_exact(&mut body).unwrap();
                    if words[1] == inbox {
                        return serde_json::from_slice(&body[..len]).unwrap();
                    }
                }
                _ => panic!("{subject}: {line}"),
            }
        }
    }

    /// A message with an id, stored when this returns.
    pub(crate) fn send(&mut self, subject: &str, id: &str, body: &[u8]) {
        self.asked += 1;
        let headers = format!("NATS/1.0\r\nNats-Msg-Id: {id}\r\n\r\n");
        let inbox = format!("_INBOX.wire.{}", self.asked);
        let (of_headers, all) = (headers.len(), headers.len() + body.len());
        self.write(format!("HPUB {subject} {inbox} {of_headers} {all}\r\n{headers}").as_bytes());
        self.write(body);
        self.write(b"\r\n");
        let answer = self.answer(&inbox, subject);
        assert!(answer.get("error").is_none(), "{subject}: {answer}");
    }

    /// One question to JetStream, which must be taken.
    pub(crate) fn api(&mut self, subject: &str, question: &Value) -> Value {
        let answer = self.ask(&format!("$JS.API.{subject}"), question);
        assert!(answer.get("error").is_none(), "{subject}: {answer}");
        answer
    }

    /// A stream for a subject, with fields beside the usual ones.
    pub(crate) fn stream(&mut self, name: &str, subject: &str, fields: &Value) {
        self.api(
            &format!("STREAM.CREATE.{name}"),
            &config(name, subject, fields),
        );
    }

    pub(crate) fn last(&mut self, stream: &str) -> u64 {
        let info = self.api(&format!("STREAM.INFO.{stream}"), &json!({}));
        info["state"]["last_seq"].as_u64().unwrap()
    }

    /// How many consumers the stream has.
    pub(crate) fn consumers(&mut self, stream: &str) -> u64 {
        let info = self.api(&format!("STREAM.INFO.{stream}"), &json!({}));
        info["state"]["consumer_count"].as_u64().unwrap()
    }

    /// Every message of a stream: number, id, body.
    pub(crate) fn all(&mut self, stream: &str) -> Vec<(u64, String, Vec<u8>)> {
        let (subject, mut all) = (format!("$JS.API.STREAM.MSG.GET.{stream}"), Vec::new());
        for seq in 1..=self.last(stream) {
            let answer = self.ask(&subject, &json!({ "seq": seq }));
            if let Some(message) = answer.get("message") {
                let field = |name: &str| base64(message[name].as_str().unwrap_or_default());
                let headers = String::from_utf8(field("hdrs")).unwrap();
                let id = headers
                    .lines()
                    .find_map(|line| line.strip_prefix("Nats-Msg-Id:"));
                all.push((seq, id.unwrap_or_default().trim().to_owned(), field("data")));
            }
        }
        all
    }
}

/// What a stream is asked to be.
pub(crate) fn config(name: &str, subject: &str, fields: &Value) -> Value {
    let mut config = json!({
        "name": name, "subjects": [subject], "retention": "limits", "storage": "file",
        "discard": "new", "num_replicas": 1, "max_msgs": -1, "max_bytes": -1, "max_consumers": -1,
        "max_msg_size": -1, "max_age": 0,
    });
    for (name, value) in fields.as_object().unwrap() {
        config[name] = value.clone();
    }
    config
}

fn base64(text: &str) -> Vec<u8> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => u32::from(c - b'A'),
        b'a'..=b'z' => u32::from(c - b'a') + 26,
        b'0'..=b'9' => u32::from(c - b'0') + 52,
        b'+' => 62,
        _ => 63,
    };
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for four in text.trim_end_matches('=').as_bytes().chunks(4) {
        let bits = four.iter().fold(0, |bits, c| bits << 6 | value(*c)) << (6 * (4 - four.len()));
        bytes.extend(&bits.to_be_bytes()[1..four.len()]);
    }
    bytes
}
