//! A server that forbids `LOAD DATA LOCAL`: the same rows by `INSERT`, the same refusals.
//!
//! The server of the tests allows it. What stands before it takes the client's word that it can do so
//! out of its greeting, which the server then answers as if it had switched it off.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Mutex;
use std::thread;

use lakeseed_sink::Observer;
use lakeseed_sink::databases::Load;

use crate::databases::family::{at, family, holds_the_family, load, verified};
use crate::databases::{MariadbShop, Shop};

/// The bit of the client's greeting that says so, behind the header of the message.
const LOCAL_FILES: (usize, u8) = (4, 0x80);

/// The port of what stands before the server.
pub(crate) fn without_local(to: u16) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(("127.0.0.1", to)).unwrap();
            let (mut back, mut down) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || relay(client, server));
            thread::spawn(move || {
                // It ends with either side.
                let _ = std::io::copy(&mut back, &mut down);
                let _ = down.shutdown(Shutdown::Both);
            });
        }
    });
    port
}

fn relay(mut client: TcpStream, mut server: TcpStream) {
    let mut greeting = [0; 8];
    if client.read_exact(&mut greeting).is_ok() {
        let (at, bit) = LOCAL_FILES;
        greeting[at] &= !bit;
        if server.write_all(&greeting).is_ok() {
            // It ends with either side.
            let _ = std::io::copy(&mut client, &mut server);
        }
    }
    let _ = server.shutdown(Shutdown::Both);
}

/// Keeps what it is warned of.
#[derive(Default)]
struct Warned(Mutex<Vec<String>>);

impl Observer for Warned {
    fn warns(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

#[test]
fn rows_go_by_insert_and_people_are_told() {
    let Some(shop) = MariadbShop::open("rows_go_by_insert") else {
        return;
    };
    let url = shop.url_at(without_local(shop.port()));
    let (plan, to, warned) = (
        family::<MariadbShop>(),
        at::<MariadbShop>(&url),
        Warned::default(),
    );
    let done = Load::new(&plan, to.as_ref())
        .threads(2)
        .observer(&warned)
        .run();
    assert_eq!(done.unwrap().made_rows, plan.rows().unwrap());
    let lines = warned.0.into_inner().unwrap();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("INSERT"), "{lines:?}");
    holds_the_family(&shop);
    let found = verified::<MariadbShop>(&[family::<MariadbShop>()], &shop.url()).unwrap();
    assert!(found.findings.is_empty(), "{:?}", found.findings);
    assert_eq!(load::<MariadbShop>(&plan, &url).unwrap().made_rows, 0);
}

#[test]
fn no_warning_where_the_server_takes_lines() {
    let Some(shop) = MariadbShop::open("no_warning_where") else {
        return;
    };
    let (plan, to, warned) = (
        family::<MariadbShop>(),
        at::<MariadbShop>(&shop.url()),
        Warned::default(),
    );
    Load::new(&plan, to.as_ref())
        .observer(&warned)
        .run()
        .unwrap();
    assert!(warned.0.into_inner().unwrap().is_empty());
}
