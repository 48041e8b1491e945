//! Connections that break at the one moment when nobody knows: around a commit.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::server::Shop;
use super::{ROWS, family, holds_the_family, load, verified};
use crate::proxy::{Act, Fault, Proxy, Way};

/// When the line breaks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    /// The server never hears of the commit.
    Before,
    /// The server has committed, and its answer is lost.
    After,
}

/// Stands before the server and breaks the line at the `nth` commit, counted over all lines.
fn breaking(to: u16, nth: u64, when: When) -> (u16, Arc<AtomicU64>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let commits = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&commits);
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(("127.0.0.1", to)).unwrap();
            let (mut back, mut down) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            let counted = Arc::clone(&counted);
            thread::spawn(move || relay(client, server, &counted, nth, when));
            thread::spawn(move || {
                // It ends with either side.
                let _ = std::io::copy(&mut back, &mut down);
                let _ = down.shutdown(Shutdown::Both);
            });
        }
    });
    (port, commits)
}

fn relay(mut client: TcpStream, mut server: TcpStream, counted: &AtomicU64, nth: u64, when: When) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        let sent = &buffer[..length];
        let is_commit = sent.windows(7).any(|bytes| bytes == b"COMMIT\0");
        let is_it = is_commit && counted.fetch_add(1, Ordering::SeqCst) + 1 == nth;
        if is_it && when == When::Before {
            break;
        }
        if is_it {
            // The answer goes nowhere from here on; the server commits all the same.
            let _ = client.shutdown(Shutdown::Both);
        }
        if server.write_all(sent).is_err() || is_it {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    // What was written goes out before the end of the line does.
    let _ = server.shutdown(Shutdown::Write);
}

#[test]
fn the_ledger_tells_whether_a_commit_without_an_answer_was_done() {
    // The first commit makes the tables; four are of parts, the last makes the keys.
    for (at, (nth, when)) in [
        (2, When::After),
        (4, When::After),
        (6, When::After),
        (3, When::Before),
        (6, When::Before),
    ]
    .into_iter()
    .enumerate()
    {
        let Some(shop) = Shop::open(&format!("unknown_commit_{at}")) else {
            return;
        };
        let (port, commits) = breaking(shop.port(), nth, when);
        let done = load(&family(), &shop.url_at(port)).unwrap();
        assert_eq!(done.rows, family().rows().unwrap());
        let is_found = when == When::After && nth < 6;
        assert_eq!(done.parts_found, usize::from(is_found), "commit {nth}");
        assert!(commits.load(Ordering::SeqCst) >= 6);
        holds_the_family(&shop);
        assert!(
            verified(&[family()], &shop.url())
                .unwrap()
                .findings
                .is_empty()
        );
    }
}

#[test]
fn a_line_that_breaks_on_the_way_is_made_anew() {
    let Some(shop) = Shop::open("a_line_that_breaks") else {
        return;
    };
    let cut = |after| Fault {
        after,
        way: Way::Up,
        act: Act::Cut,
    };
    let proxy = Proxy::new(shop.port(), vec![cut(1 << 20), cut(5 << 20)]);
    let port = proxy.place().rsplit_once(':').unwrap().1.parse().unwrap();
    let done = load(&family(), &shop.url_at(port)).unwrap();
    assert_eq!(proxy.happened(), 2);
    assert!(done.made_rows >= ROWS);
    holds_the_family(&shop);
}
