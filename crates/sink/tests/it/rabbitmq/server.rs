//! A RabbitMQ server of a test's own, and the one that tests share.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Instant;

use tempfile::TempDir;

use super::plain::{PATIENCE, Plain};
use crate::ports::free_ports;

const PROGRAM: &str = "LAKESEED_TEST_RABBITMQ_SERVER";
/// Where Debian has it.
const USUAL_PROGRAM: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
const SHARED: &str = "LAKESEED_TEST_RABBITMQ_URL";
/// Starts the server and its name service, and ends both when whoever holds the standard input has gone:
/// each on its own, for one that has gone already keeps nobody from ending the next.
const KEEPER: &str = r#"
epmd -address 127.0.0.1 -port "$ERL_EPMD_PORT" </dev/null & epmd=$!
"$0" </dev/null & server=$!
while read -r _; do :; done
for process in "$server" $(cat "$RABBITMQ_PID_FILE") "$epmd"; do
    kill -9 "$process" 2>/dev/null
done
wait
"#;

/// `amqp://127.0.0.1:PORT` of the server that tests share; a line that says which test is skipped where
/// there is none.
pub(crate) fn shared(test: &str) -> Option<String> {
    let url = env::var(SHARED).ok();
    if url.is_none() {
        let _ = writeln!(io::stderr(), "\nskipped: {test} needs rabbitmq");
    }
    url
}

/// The port of `amqp://127.0.0.1:PORT`.
pub(crate) fn port_of(url: &str) -> u16 {
    url.rsplit_once(':').unwrap().1.parse().unwrap()
}

/// A server with its own store; it ends with the value, and with this process.
pub(crate) struct RabbitServer {
    folder: TempDir,
    port: u16,
    /// Of the name service, and of the server for tools.
    other_ports: [u16; 2],
    keeper: Mutex<Child>,
}

impl RabbitServer {
    /// A server for a test; a line that says which test is skipped where there is no program.
    pub(crate) fn start(test: &str) -> Option<Self> {
        Self::with(test, |_| String::new())
    }

    /// The same with lines for its configuration, which may name files of its folder.
    pub(crate) fn with(test: &str, settings: impl Fn(&Path) -> String) -> Option<Self> {
        let program = env::var(PROGRAM).unwrap_or_else(|_| USUAL_PROGRAM.to_owned());
        if !Path::new(&program).exists() {
            let _ = writeln!(io::stderr(), "\nskipped: {test} needs rabbitmq-server");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let lines = settings(folder.path());
        fs::write(folder.path().join("server.conf"), lines).unwrap();
        fs::write(folder.path().join("plugins"), "[].").unwrap();
        let [port, epmd, tools] = free_ports();
        let other_ports = [epmd, tools];
        let keeper = run(&program, folder.path(), port, other_ports);
        Some(Self {
            folder,
            port,
            other_ports,
            keeper: Mutex::new(keeper),
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("amqp://127.0.0.1:{}", self.port)
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(&self) {
        end(&mut self.keeper.lock().unwrap());
    }

    /// Starts it again, on the same port and store, after [`Self::kill`].
    pub(crate) fn start_again(&self) {
        let program = env::var(PROGRAM).unwrap_or_else(|_| USUAL_PROGRAM.to_owned());
        let mut keeper = self.keeper.lock().unwrap();
        *keeper = run(&program, self.folder.path(), self.port, self.other_ports);
    }

    /// Waits until the server has noted on disk that it keeps a queue: one that is killed within seconds
    /// of making its first one would not find it again.
    pub(crate) fn settle(&self, name: &str) {
        let node = format!("test{}@localhost", self.port);
        let store = self.folder.path().join("store").join(&node);
        let began = Instant::now();
        let is_noted = || {
            ["quorum", "coordination"].iter().any(|system| {
                let names = store.join(system).join(&node).join("names.dets");
                let noted = fs::read(names).unwrap_or_default();
                noted
                    .windows(name.len())
                    .any(|found| found == name.as_bytes())
            })
        };
        while !is_noted() {
            assert!(began.elapsed() < PATIENCE, "{name} is not noted");
            // As long as the server is about something else.
            drop(self.plain());
        }
    }

    pub(crate) fn plain(&self) -> Plain {
        Plain::connect(self.port, "guest", "guest")
    }
}

impl Drop for RabbitServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Ends a server and its name service, as a crash would.
fn end(keeper: &mut Child) {
    drop(keeper.stdin.take());
    keeper.wait().unwrap();
}

/// Starts the program and waits until it is ready.
fn run(program: &str, folder: &Path, port: u16, [epmd, tools]: [u16; 2]) -> Child {
    let at = |name: &str| folder.join(name);
    let mut child = Command::new("sh")
        .args(["-c", KEEPER, program])
        .env("RABBITMQ_NODENAME", format!("test{port}@localhost"))
        .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_NODE_PORT", port.to_string())
        .env("RABBITMQ_DIST_PORT", tools.to_string())
        .env("RABBITMQ_MNESIA_BASE", at("store"))
        .env("RABBITMQ_LOG_BASE", at("log"))
        .env("RABBITMQ_LOGS", "-")
        .env("RABBITMQ_PID_FILE", at("pid"))
        .env("RABBITMQ_CONFIG_FILE", at("server.conf"))
        .env("RABBITMQ_ADVANCED_CONFIG_FILE", at("none.config"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", at("plugins"))
        .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
        .env(
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none",
        )
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("ERL_EPMD_PORT", epmd.to_string())
        .env("HOME", folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let log = BufReader::new(child.stdout.take().unwrap());
    let (lines, said) = mpsc::channel();
    // To the end, for the pipe must not fill up.
    thread::spawn(move || {
        for line in log.lines().map_while(Result::ok) {
            let _ = lines.send(line);
        }
    });
    let mut log = String::new();
    let began = Instant::now();
    loop {
        let left = PATIENCE.saturating_sub(began.elapsed());
        match said.recv_timeout(left) {
            Ok(line) if line.contains("Server startup complete") => return child,
            Ok(line) => log.extend([&line, "\n"]),
            // One that has failed does not end: its name service is still there.
            Err(_) => break,
        }
    }
    end(&mut child);
    panic!("no server: {log}")
}
