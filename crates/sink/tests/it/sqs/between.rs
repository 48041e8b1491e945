//! Somebody between a client and a server who reads requests, and passes on, answers, or loses them.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use serde_json::Value;

/// What becomes of a request.
pub(super) enum Act {
    Pass,
    /// The server never hears of it.
    Answer(u16, Value),
    /// The server does it, and its answer is lost.
    LoseAnswer,
    /// The line breaks before the server hears of it.
    Break,
    /// The server's answer comes changed.
    Change(Box<dyn FnOnce(Value) -> Value + Send>),
}

/// A request: its number from 0, what it asks, with what.
pub(super) struct Asked {
    pub(super) number: u64,
    pub(super) action: String,
    pub(super) question: Value,
}

type Decide = dyn Fn(&Asked) -> Act + Send + Sync;

pub(super) struct Between {
    port: u16,
    is_over: Arc<AtomicBool>,
}

impl Between {
    /// A line to the server on a port, on which `decide` is asked of every request.
    pub(super) fn new(to: u16, decide: impl Fn(&Asked) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_over = Arc::new(AtomicBool::new(false));
        let decide: Arc<Decide> = Arc::new(decide);
        let (of_thread, number) = (Arc::clone(&is_over), Arc::new(AtomicU64::new(0)));
        thread::spawn(move || {
            for client in listener.incoming() {
                if of_thread.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(client) = client else { continue };
                let (decide, number) = (Arc::clone(&decide), Arc::clone(&number));
                // Ends with the client's line.
                thread::spawn(move || serve(client, to, decide.as_ref(), &number));
            }
        });
        Self { port, is_over }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Between {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for connections.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// Serves one connection of a client; `None` when it ends.
fn serve(client: TcpStream, to: u16, decide: &Decide, number: &AtomicU64) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut client = client;
    loop {
        let (head, body) = read(&mut reader)?;
        let target = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("x-amz-target").then_some(value)
        });
        let action = target.unwrap_or_default().rsplit('.').next()?.to_owned();
        let asked = Asked {
            number: number.fetch_add(1, Ordering::SeqCst),
            action,
            question: serde_json::from_slice(&body).unwrap_or(Value::Null),
        };
        match decide(&asked) {
            Act::Pass => client.write_all(&forward(to, &head, &body)?).ok()?,
            Act::Answer(status, answer) => write(&mut client, status, &answer)?,
            Act::LoseAnswer => {
                forward(to, &head, &body)?;
                return None;
            }
            Act::Break => return None,
            Act::Change(change) => {
                let answer = forward(to, &head, &body)?;
                let (_, body) = read(&mut BufReader::new(answer.as_slice()))?;
                write(
                    &mut client,
                    200,
                    &change(serde_json::from_slice(&body).ok()?),
                )?;
            }
        }
    }
}

fn write(client: &mut TcpStream, status: u16, answer: &Value) -> Option<()> {
    let body = answer.to_string();
    let length = body.len();
    let text = format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\n\r\n{body}");
    client.write_all(text.as_bytes()).ok()
}

/// A head and a body.
fn read(from: &mut impl BufRead) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if from.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().ok())?
    });
    let mut body = vec![0; length.unwrap_or(0)];
    from.read_exact(&mut body).ok()?;
    Some((head, body))
}

/// Sends a request on, and gives the whole answer.
fn forward(to: u16, head: &str, body: &[u8]) -> Option<Vec<u8>> {
    let mut server = TcpStream::connect(("127.0.0.1", to)).ok()?;
    server.write_all(head.as_bytes()).ok()?;
    server.write_all(body).ok()?;
    let mut reader = BufReader::new(server);
    let (mut head, body) = read(&mut reader)?;
    // The server ends each of its lines; ours stands.
    head = head.replace("Connection: close\r\n", "");
    let mut answer = head.into_bytes();
    answer.extend(body);
    Some(answer)
}
