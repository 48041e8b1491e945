//! A RabbitMQ server of a test's own, and the one that tests share.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use tempfile::TempDir;

use super::plain::{PATIENCE, Plain};

const PROGRAM: &str = "LAKESEED_TEST_RABBITMQ_SERVER";
/// Where Debian has it.
const USUAL_PROGRAM: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
const SHARED: &str = "LAKESEED_TEST_RABBITMQ_URL";
/// Starts the server and its name service, and ends both when whoever holds the standard input has gone.
const KEEPER: &str = r#"
epmd -address 127.0.0.1 -port "$ERL_EPMD_PORT" </dev/null & epmd=$!
"$0" </dev/null & server=$!
while read -r _; do :; done
kill -9 "$(cat "$RABBITMQ_PID_FILE")" "$server" "$epmd" 2>/dev/null
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
        let mut keeper = self.keeper.lock().unwrap();
        drop(keeper.stdin.take());
        keeper.wait().unwrap();
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

/// Ports that nobody has at this moment.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let held = [(); N].map(|()| TcpListener::bind(("127.0.0.1", 0)).unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}

/// Starts the program and reads its log until it is ready.
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
    let mut log = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    loop {
        let mut line = String::new();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "no server: {said}");
        if line.contains("Server startup complete") {
            break;
        }
        said.push_str(&line);
    }
    // The pipe must not fill up.
    thread::spawn(move || io::copy(&mut log, &mut io::sink()));
    child
}
