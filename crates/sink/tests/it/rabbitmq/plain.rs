//! The protocol by hand: the second opinion on what stands in a queue.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A property that a queue is made with.
#[derive(Clone, Copy)]
pub(crate) enum Property {
    Text(&'static str, &'static str),
    Number(&'static str, i64),
}

use Property::{Number, Text};

pub(crate) const STREAM: &[Property] = &[Text("x-queue-type", "stream")];
pub(crate) const QUORUM: &[Property] = &[Text("x-queue-type", "quorum")];

/// What marks where a look at a stream ends; each look has one of its own.
const END: &str = "the end of look";
static LOOKS: AtomicU64 = AtomicU64::new(0);

/// A message: its id, its body.
pub(crate) type Stood = (String, Vec<u8>);

/// One connection with one channel.
pub(crate) struct Plain {
    stream: BufReader<TcpStream>,
    published: u64,
}

/// Methods, as class and number.
const CLOSE: (u16, u16) = (20, 40);

impl Plain {
    pub(crate) fn connect(port: u16, user: &str, password: &str) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut wire = Self {
            stream: BufReader::new(stream),
            published: 0,
        };
        wire.stream
            .get_mut()
            .write_all(b"AMQP\0\0\x09\x01")
            .unwrap();
        wire.expect((10, 10));
        let mut start = table(&[]);
        short(&mut start, "PLAIN");
        long(&mut start, format!("\0{user}\0{password}").as_bytes());
        short(&mut start, "en_US");
        wire.method(0, (10, 11), &start);
        wire.expect((10, 30));
        wire.method(0, (10, 31), &[0, 1, 0, 2, 0, 0, 0, 0]);
        let mut open = Vec::new();
        short(&mut open, "/");
        open.extend([0, 0]);
        wire.method(0, (10, 40), &open);
        wire.expect((10, 41));
        wire.open();
        wire
    }

    fn open(&mut self) {
        self.method(1, (20, 10), &[0]);
        self.expect((20, 11));
        self.method(1, (85, 10), &[0]);
        self.expect((85, 11));
        self.published = 0;
    }

    /// Closes the channel, which gives back what it has taken, and opens it anew.
    fn again(&mut self) {
        self.method(1, CLOSE, &[0, 200, 0, 0, 0, 0, 0]);
        self.expect((20, 41));
        self.open();
    }

    fn frame(&mut self, kind: u8, channel: u16, payload: &[u8]) {
        let mut frame = vec![kind];
        frame.extend(channel.to_be_bytes());
        frame.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
        frame.extend(payload);
        frame.push(0xce);
        self.stream.get_mut().write_all(&frame).unwrap();
    }

    fn method(&mut self, channel: u16, (class, number): (u16, u16), rest: &[u8]) {
        let mut payload = [class.to_be_bytes(), number.to_be_bytes()].concat();
        payload.extend(rest);
        self.frame(1, channel, &payload);
    }

    /// The next frame that is no heartbeat: its kind and what it holds.
    fn read(&mut self) -> (u8, Vec<u8>) {
        loop {
            let mut head = [0; 7];
            self.stream.read_exact(&mut head).unwrap();
            let len = u32::from_be_bytes(head[3..].try_into().unwrap()) as usize;
            let mut payload = vec![0; len + 1];
            self.stream.read_exact(&mut payload).unwrap();
            assert_eq!(payload.pop(), Some(0xce));
            if head[0] != 8 {
                return (head[0], payload);
            }
        }
    }

    fn expect(&mut self, wanted: (u16, u16)) -> Vec<u8> {
        let (kind, payload) = self.read();
        let text = String::from_utf8_lossy(&payload).into_owned();
        assert_eq!((kind, method_of(&payload)), (1, wanted), "{text}");
        payload[4..].to_vec()
    }

    /// Makes a queue that is durable.
    pub(crate) fn declare(&mut self, queue: &str, properties: &[Property]) {
        self.declare_as(queue, 2, properties);
    }

    /// Makes a queue that ends with its server.
    pub(crate) fn declare_passing(&mut self, queue: &str) {
        self.declare_as(queue, 0, &[]);
    }

    fn declare_as(&mut self, queue: &str, flags: u8, properties: &[Property]) {
        let mut rest = vec![0, 0];
        short(&mut rest, queue);
        rest.push(flags);
        rest.extend(table(properties));
        self.method(1, (50, 10), &rest);
        self.expect((50, 11));
    }

    /// How many messages wait, and whether there is such a queue.
    pub(crate) fn waiting(&mut self, queue: &str) -> Option<u32> {
        let mut rest = vec![0, 0];
        short(&mut rest, queue);
        // Passive.
        rest.push(1);
        rest.extend(table(&[]));
        self.method(1, (50, 10), &rest);
        let (_, payload) = self.read();
        if method_of(&payload) == CLOSE {
            self.method(1, (20, 41), &[]);
            self.open();
            return None;
        }
        let counts = &payload[payload.len() - 8..];
        Some(u32::from_be_bytes(counts[..4].try_into().unwrap()))
    }

    pub(crate) fn delete(&mut self, queue: &str) {
        let mut rest = vec![0, 0];
        short(&mut rest, queue);
        rest.push(0);
        self.method(1, (50, 40), &rest);
        self.expect((50, 41));
    }

    /// A message with an id, stored when this returns.
    pub(crate) fn send(&mut self, queue: &str, id: &str, body: &[u8]) {
        let mut rest = vec![0, 0, 0];
        short(&mut rest, queue);
        rest.push(0);
        self.method(1, (60, 40), &rest);
        let mut header = vec![0, 60, 0, 0];
        header.extend((body.len() as u64).to_be_bytes());
        // Delivery mode and message id.
        header.extend([0x10, 0x80, 2]);
        short(&mut header, id);
        self.frame(2, 1, &header);
        for piece in body.chunks(100_000) {
            self.frame(3, 1, piece);
        }
        self.published += 1;
        let acknowledged = self.expect((60, 80));
        assert_eq!(acknowledged[..8], self.published.to_be_bytes());
    }

    /// A message behind a method that announces one.
    fn content(&mut self) -> Stood {
        let (kind, header) = self.read();
        assert_eq!(kind, 2);
        let len = u64::from_be_bytes(header[4..12].try_into().unwrap()) as usize;
        let id = id_of(&header[12..]);
        let mut body = Vec::new();
        while body.len() < len {
            let (kind, more) = self.read();
            assert_eq!(kind, 3);
            body.extend(more);
        }
        (id, body)
    }

    /// Every message that waits in a queue; they are given back.
    pub(crate) fn all(&mut self, queue: &str) -> Vec<Stood> {
        let mut all = Vec::new();
        loop {
            let mut rest = vec![0, 0];
            short(&mut rest, queue);
            rest.push(0);
            self.method(1, (60, 70), &rest);
            let (_, answer) = self.read();
            match method_of(&answer) {
                (60, 71) => all.push(self.content()),
                (60, 72) => break,
                other => panic!("{other:?}"),
            }
        }
        self.again();
        // They come back one after the other.
        let began = Instant::now();
        while self.waiting(queue) != u32::try_from(all.len()).ok() {
            assert!(began.elapsed() < PATIENCE, "{queue} does not get all back");
        }
        all
    }

    /// Takes the first message that waits, for good.
    pub(crate) fn take(&mut self, queue: &str) -> Stood {
        let mut rest = vec![0, 0];
        short(&mut rest, queue);
        // Without an acknowledgement.
        rest.push(1);
        self.method(1, (60, 70), &rest);
        self.expect((60, 71));
        self.content()
    }

    /// Every message of a stream, up to one that is sent to mark its end.
    pub(crate) fn all_of_stream(&mut self, queue: &str) -> Vec<Stood> {
        let end = format!("{END} {}", LOOKS.fetch_add(1, Ordering::Relaxed));
        self.send(queue, &end, b"");
        self.method(1, (60, 10), &[0, 0, 0, 0, 0, 200, 0]);
        self.expect((60, 11));
        let mut rest = vec![0, 0];
        short(&mut rest, queue);
        short(&mut rest, "c");
        rest.push(0);
        rest.extend(table(&[Text("x-stream-offset", "first")]));
        self.method(1, (60, 20), &rest);
        self.expect((60, 21));
        let mut all = Vec::new();
        loop {
            let delivered = self.expect((60, 60));
            let tag = &delivered[2..10];
            let message = self.content();
            self.method(1, (60, 80), &[tag, &[0]].concat());
            if message.0 == end {
                break;
            }
            if !message.0.starts_with(END) {
                all.push(message);
            }
        }
        self.again();
        all
    }
}

fn method_of(payload: &[u8]) -> (u16, u16) {
    let number = |at: usize| u16::from_be_bytes(payload[at..at + 2].try_into().unwrap());
    (number(0), number(2))
}

/// The id among the properties of a message, behind their flags.
fn id_of(properties: &[u8]) -> String {
    let flags = u16::from_be_bytes(properties[..2].try_into().unwrap());
    let mut at = 2;
    let short = |at: &mut usize| {
        let len = usize::from(properties[*at]);
        let text = &properties[*at + 1..*at + 1 + len];
        *at += 1 + len;
        String::from_utf8(text.to_vec()).unwrap()
    };
    for bit in (7..=15).rev() {
        if flags >> bit & 1 == 0 {
            continue;
        }
        match bit {
            13 => {
                let len = u32::from_be_bytes(properties[at..at + 4].try_into().unwrap());
                at += 4 + len as usize;
            }
            11 | 12 => at += 1,
            7 => return short(&mut at),
            _ => drop(short(&mut at)),
        }
    }
    String::new()
}

fn short(to: &mut Vec<u8>, text: &str) {
    to.push(u8::try_from(text.len()).unwrap());
    to.extend(text.as_bytes());
}

fn long(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
    to.extend(bytes);
}

fn table(properties: &[Property]) -> Vec<u8> {
    let mut inner = Vec::new();
    for property in properties {
        match property {
            Text(name, value) => {
                short(&mut inner, name);
                inner.push(b'S');
                long(&mut inner, value.as_bytes());
            }
            Number(name, value) => {
                short(&mut inner, name);
                inner.push(b'l');
                inner.extend(value.to_be_bytes());
            }
        }
    }
    let mut table = Vec::new();
    long(&mut table, &inner);
    table
}
