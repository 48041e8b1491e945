//! Connections that break at the one moment when nobody knows: around a commit.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::family::{ROWS, family, holds_the_family, load, verified};
use super::{MariadbShop, PostgresShop, Shop};
use crate::proxy::{Act, Fault, Proxy, Way};

/// When the line breaks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    /// The server never hears of the commit.
    Before,
    /// The server has committed, and its answer is lost.
    After,
}

/// What of a commit is seen on its way.
type Commit = &'static [u8];

/// Stands before the server and breaks the line at the `nth` commit, counted over all lines.
fn breaking(to: u16, commit: Commit, nth: u64, when: When) -> (u16, Arc<AtomicU64>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let commits = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&commits);
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(("127.0.0.1", to)).unwrap();
            let (mut back, mut down) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            let counted = Arc::clone(&counted);
            let is_it = move |sent: &[u8]| {
                let is_commit = sent.windows(commit.len()).any(|bytes| bytes == commit);
                is_commit && counted.fetch_add(1, Ordering::SeqCst) + 1 == nth
            };
            thread::spawn(move || relay(client, server, is_it, when));
            thread::spawn(move || {
                // It ends with either side.
                let _ = std::io::copy(&mut back, &mut down);
                let _ = down.shutdown(Shutdown::Both);
            });
        }
    });
    (port, commits)
}

fn relay(mut client: TcpStream, mut server: TcpStream, is_it: impl Fn(&[u8]) -> bool, when: When) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        let sent = &buffer[..length];
        let is_it = is_it(sent);
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

/// Each trial breaks at a commit, of `commits` or more, and tells how many parts are then found.
fn a_commit_without_an_answer_is_looked_up<S: Shop>(
    commit: Commit,
    commits: u64,
    trials: &[(u64, When, usize)],
) {
    for (at, &(nth, when, found)) in trials.iter().enumerate() {
        let Some(shop) = S::open(&format!("unknown_commit_{at}")) else {
            return;
        };
        let (port, seen) = breaking(shop.port(), commit, nth, when);
        let plan = family::<S>();
        let done = load::<S>(&plan, &shop.url_at(port)).unwrap();
        assert_eq!(done.rows, plan.rows().unwrap());
        assert_eq!(done.parts_found, found, "commit {nth}");
        assert!(seen.load(Ordering::SeqCst) >= commits);
        holds_the_family(&shop);
        let verified = verified::<S>(&[plan], &shop.url()).unwrap();
        assert!(verified.findings.is_empty(), "{:?}", verified.findings);
    }
}

#[test]
fn the_ledger_tells_whether_a_commit_without_an_answer_was_done_in_postgres() {
    // The first commit makes the tables; four are of parts, the last makes the keys.
    let trials = [
        (2, When::After, 1),
        (4, When::After, 1),
        (6, When::After, 0),
        (3, When::Before, 0),
        (6, When::Before, 0),
    ];
    a_commit_without_an_answer_is_looked_up::<PostgresShop>(b"COMMIT\0", 6, &trials);
}

#[test]
fn the_ledger_tells_whether_a_commit_without_an_answer_was_done_in_mariadb() {
    // The first commit is of the run's line; four are of parts.
    let trials = [
        (2, When::After, 1),
        (3, When::After, 1),
        (5, When::After, 1),
        (3, When::Before, 0),
        (5, When::Before, 0),
    ];
    a_commit_without_an_answer_is_looked_up::<MariadbShop>(b"\x03COMMIT", 5, &trials);
}

/// The line is cut after so many bytes, twice.
fn a_broken_line_is_made_anew<S: Shop>(shop: &S, cuts: [u64; 2]) {
    let cut = |after| Fault {
        after,
        way: Way::Up,
        act: Act::Cut,
    };
    let proxy = Proxy::new(shop.port(), Vec::from(cuts.map(cut)));
    let port = proxy.place().rsplit_once(':').unwrap().1.parse().unwrap();
    let done = load::<S>(&family::<S>(), &shop.url_at(port)).unwrap();
    assert_eq!(proxy.happened(), 2);
    assert!(done.made_rows >= ROWS);
    holds_the_family(shop);
}

#[test]
fn a_line_that_breaks_on_the_way_is_made_anew_in_postgres() {
    if let Some(shop) = PostgresShop::open("a_line_that_breaks") {
        a_broken_line_is_made_anew(&shop, [1 << 20, 5 << 20]);
    }
}

#[test]
fn a_line_that_breaks_on_the_way_is_made_anew_in_mariadb() {
    if let Some(shop) = MariadbShop::open("a_line_that_breaks") {
        // Its rows are shorter.
        a_broken_line_is_made_anew(&shop, [1 << 20, 2 << 20]);
    }
}
