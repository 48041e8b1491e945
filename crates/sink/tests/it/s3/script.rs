//! A server that says what a test tells it to, one connection a request.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A file whose request every server takes, uncounted, whatever it is told to answer.
pub(super) const FIRST: &str = "first";

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: String,
    /// Path and query.
    pub(super) target: String,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(known, _)| known == name);
        header.map(|(_, value)| value.as_str())
    }

    /// `PUT /lake/demo/x`, with the query's names but not its values.
    pub(super) fn line(&self) -> String {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let names: Vec<_> = query
            .split('&')
            .filter_map(|pair| pair.split('=').next())
            .filter(|name| !name.is_empty())
            .collect();
        let names = if names.is_empty() {
            String::new()
        } else {
            format!("?{}", names.join("&"))
        };
        format!("{} {path}{names}", self.method)
    }
}

pub(super) enum Reply {
    /// A status, headers, a body.
    Answer(u16, Vec<(String, String)>, Vec<u8>),
    /// The connection ends without a word, after the request was read.
    Silence,
    /// An answer that promises the whole body and ends after so many bytes of it.
    Cut(Vec<u8>, usize),
}

impl Reply {
    pub(super) fn ok() -> Self {
        Self::Answer(
            200,
            vec![("ETag".to_owned(), "\"tag\"".to_owned())],
            Vec::new(),
        )
    }

    pub(super) fn bytes(bytes: &[u8]) -> Self {
        Self::Answer(
            200,
            vec![("ETag".to_owned(), "\"tag\"".to_owned())],
            bytes.to_vec(),
        )
    }

    /// A refusal as S3 words it.
    pub(super) fn error(status: u16, code: &str) -> Self {
        let body = format!("<Error><Code>{code}</Code><Message>so said</Message></Error>");
        Self::Answer(status, Vec::new(), body.into_bytes())
    }
}

type Answer = dyn Fn(usize, &Request) -> Reply + Send + Sync;

/// The server; it lives until the test's process ends.
pub(super) struct Script {
    pub(super) url: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Script {
    /// Answers each request by its number, from 0, and its content.
    pub(super) fn start(answer: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (answer, all): (Arc<Answer>, _) = (Arc::new(answer), Arc::clone(&seen));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, all) = (Arc::clone(&answer), Arc::clone(&all));
                std::thread::spawn(move || serve(stream, &*answer, &all));
            }
        });
        Self { url, seen }
    }

    /// What came, as lines.
    pub(super) fn lines(&self) -> Vec<String> {
        self.requests().iter().map(Request::line).collect()
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

fn serve(stream: TcpStream, answer: &Answer, all: &Mutex<Vec<Request>>) {
    let mut from = BufReader::new(stream.try_clone().unwrap());
    let Some(request) = read(&mut from) else {
        return;
    };
    let reply = if request.target.ends_with(FIRST) {
        Reply::ok()
    } else {
        let number = {
            let mut all = all.lock().unwrap();
            all.push(request.clone());
            all.len() - 1
        };
        answer(number, &request)
    };
    let mut to = stream;
    // The client may have gone; that is its business.
    let _ = match reply {
        Reply::Silence => Ok(()),
        Reply::Answer(status, headers, body) => {
            let length = headers
                .iter()
                .find(|(name, _)| name == "content-length")
                .map_or(body.len().to_string(), |(_, value)| value.clone());
            let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n");
            for (name, value) in headers.iter().filter(|(name, _)| name != "content-length") {
                head.extend([name, ": ", value, "\r\n"]);
            }
            head.push_str("connection: close\r\n\r\n");
            let body = if request.method == "HEAD" {
                &[]
            } else {
                &body[..]
            };
            to.write_all(head.as_bytes())
                .and_then(|()| to.write_all(body))
        }
        Reply::Cut(body, at) => {
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nETag: \"tag\"\r\nconnection: close\r\n\r\n",
                body.len()
            );
            to.write_all(head.as_bytes())
                .and_then(|()| to.write_all(&body[..at]))
        }
    };
}

fn read(from: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    from.read_line(&mut line)
        .ok()
        .filter(|length| *length > 0)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        from.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    from.read_exact(&mut body).ok()?;
    Some(Request {
        method,
        target,
        headers,
        body,
    })
}
