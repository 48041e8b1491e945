//! Ports for servers that tests start.

use std::net::TcpListener;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the ports that systems hand out to connections: while a server starts, or is down for a while,
/// no connection of another test can be given its port, nor one to the server that meets itself there.
const FIRST: u32 = 10_000;
const COUNT: u32 = 20_000;

/// Ports that nobody has at this moment, and that no other test of this process is given.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    // Other processes begin elsewhere.
    let begin = process::id().wrapping_mul(97);
    [(); N].map(|()| {
        let ports = (0..COUNT).map(|_| {
            let given = GIVEN.fetch_add(1, Ordering::Relaxed);
            FIRST + begin.wrapping_add(given) % COUNT
        });
        let mut ports = ports.map(|port| port as u16);
        let free = ports.find(|&port| TcpListener::bind(("127.0.0.1", port)).is_ok());
        free.unwrap()
    })
}
