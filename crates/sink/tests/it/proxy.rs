//! A connection that somebody can break or hold, between a client and a server.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// What happens when so many bytes have gone one way.
pub(crate) struct Fault {
    /// Counted over all connections.
    pub(crate) after: u64,
    pub(crate) way: Way,
    pub(crate) act: Act,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// From the client: messages.
    Up,
    /// From the server: acknowledgements.
    Down,
}

pub(crate) enum Act {
    /// Both ends are closed; what was read last is dropped.
    Cut,
    /// Nothing goes up or down until [`Proxy::let_go`].
    Hold,
    /// Something is done, then both ends are closed.
    Do(Box<dyn FnOnce() + Send>),
}

/// The address to connect to, in front of a server.
pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    to: u16,
    faults: Mutex<Vec<Fault>>,
    /// Bytes that went up and down.
    gone: [AtomicU64; 2],
    happened: AtomicU64,
    is_held: Mutex<bool>,
    released: Condvar,
    is_over: AtomicBool,
}

impl Proxy {
    pub(crate) fn new(to: u16, faults: Vec<Fault>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            to,
            faults: Mutex::new(faults),
            gone: [AtomicU64::new(0), AtomicU64::new(0)],
            happened: AtomicU64::new(0),
            is_held: Mutex::new(false),
            released: Condvar::new(),
            is_over: AtomicBool::new(false),
        });
        let of_thread = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                if of_thread.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(client) = client else { continue };
                // A server that is down: the client sees its connection close.
                let Ok(server) = TcpStream::connect(("127.0.0.1", of_thread.to)) else {
                    continue;
                };
                let ends = [client, server];
                for way in [Way::Up, Way::Down] {
                    let shared = Arc::clone(&of_thread);
                    let [client, server] = [ends[0].try_clone(), ends[1].try_clone()];
                    let (client, server) = (client.unwrap(), server.unwrap());
                    thread::spawn(move || match way {
                        Way::Up => relay(&shared, way, client, server),
                        Way::Down => relay(&shared, way, server, client),
                    });
                }
            }
        });
        Self { port, shared }
    }

    /// Where to connect to: `127.0.0.1:PORT`.
    pub(crate) fn place(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// How many of the faults have happened.
    pub(crate) fn happened(&self) -> u64 {
        self.shared.happened.load(Ordering::SeqCst)
    }

    pub(crate) fn let_go(&self) {
        *self.shared.is_held.lock().unwrap() = false;
        self.shared.released.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        self.let_go();
        // Wakes the thread that waits for connections.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn relay(shared: &Shared, way: Way, mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = vec![0; 4096];
    while let Ok(len @ 1..) = from.read(&mut buffer) {
        let gone = shared.gone[way as usize].fetch_add(len as u64, Ordering::SeqCst) + len as u64;
        match due(shared, way, gone) {
            None => {}
            Some(Act::Hold) => {
                *shared.is_held.lock().unwrap() = true;
                shared.happened.fetch_add(1, Ordering::SeqCst);
            }
            Some(Act::Cut) => {
                shared.happened.fetch_add(1, Ordering::SeqCst);
                break;
            }
            Some(Act::Do(act)) => {
                act();
                shared.happened.fetch_add(1, Ordering::SeqCst);
                break;
            }
        }
        let mut held = shared.is_held.lock().unwrap();
        while *held {
            held = shared.released.wait(held).unwrap();
        }
        drop(held);
        if to.write_all(&buffer[..len]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

fn due(shared: &Shared, way: Way, gone: u64) -> Option<Act> {
    let mut faults = shared.faults.lock().unwrap();
    let is_due = |fault: &Fault| fault.way == way && fault.after <= gone;
    let at = faults.iter().position(is_due)?;
    Some(faults.remove(at).act)
}
