//! A server that goes in the middle of a load and comes back.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use lakeseed_sink::Observer;
use lakeseed_sink::databases::{Database, Load, VerifyLoad};

use super::own::{Own, OwnServer};
use super::{MariadbShop, PostgresShop, Shop, many_pets, to_mariadb, to_postgres};

const ROWS: u64 = 400_000;

/// Kills the server when the second part stands, and starts it again, once.
struct Restarts<'o> {
    server: &'o Own,
    parts: AtomicU64,
    has_happened: AtomicBool,
}

impl Observer for Restarts<'_> {
    fn part_loaded(&self, _: usize, _: &str, _: u64, _: u64) {
        if self.parts.fetch_add(1, Ordering::SeqCst) == 1 {
            self.server.kill();
            self.server.start_again();
            self.has_happened.store(true, Ordering::SeqCst);
        }
    }
}

/// The load waits for it, makes anew what was on its way, and keeps what stands: nobody has to repeat
/// the command.
fn is_waited_for<S: OwnServer>(to: impl Fn(&str) -> Box<dyn Database>) {
    let server = Own::start::<S>();
    let to = to(server.address());
    let plan = S::plan().data_id("pets").table(many_pets(ROWS)).build();
    let plan = plan.unwrap();
    let restarts = Restarts {
        server: &server,
        parts: 0.into(),
        has_happened: AtomicBool::new(false),
    };
    let run = Load::new(&plan, to.as_ref()).threads(2).observer(&restarts);
    let done = run.run().unwrap();
    assert!(restarts.has_happened.load(Ordering::SeqCst));
    assert_eq!((done.rows, done.is_continued), (ROWS, false));
    let plans = [plan];
    let found = VerifyLoad::new(&plans, to.as_ref()).run().unwrap();
    assert_eq!((found.findings, found.rows_read), (vec![], ROWS));
    let run = &to.runs().unwrap()[0];
    assert_eq!((run.is_complete, run.parts), (true, plans[0].parts()));
}

#[test]
fn a_server_that_is_restarted_is_waited_for_by_postgres_loads() {
    if PostgresShop::open("a_restart").is_some() {
        is_waited_for::<PostgresShop>(to_postgres);
    }
}

#[test]
fn a_server_that_is_restarted_is_waited_for_by_mariadb_loads() {
    if MariadbShop::open("a_restart").is_some() {
        is_waited_for::<MariadbShop>(to_mariadb);
    }
}
