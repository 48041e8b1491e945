//! Servers of a test's own, which it may end and start again. They are there where those of
//! `dev/services` are.

use std::env;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{MariadbShop, PostgresShop, Shop, to_mariadb, to_postgres};
use crate::ports::free_ports;

/// How long a server may take to start or to end.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server with its own store; it ends with the value.
pub(super) struct Own {
    folder: TempDir,
    port: u16,
    program: Vec<String>,
    user: Option<(u32, u32)>,
    child: Mutex<Child>,
    address: String,
}

/// Systems that a test can have a server of its own of.
pub(super) trait OwnServer: Shop {
    /// The system's user, who takes root's place.
    const USER: &str;
    /// Makes a store in a folder.
    fn store(folder: &Path) -> Command;
    /// The server, in the foreground.
    fn program(folder: &Path, port: u16) -> Vec<String>;
    /// A database at this port, which is there from the beginning.
    fn address(port: u16) -> String;
}

impl OwnServer for PostgresShop {
    const USER: &str = "postgres";

    fn store(folder: &Path) -> Command {
        let mut command = Command::new(beside_psql("initdb"));
        command.args([
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ]);
        command.arg("-D").arg(folder.join("data"));
        command
    }

    fn program(folder: &Path, port: u16) -> Vec<String> {
        let program = beside_psql("postgres").display().to_string();
        let data = folder.join("data").display().to_string();
        let (port, settings) = (port.to_string(), "listen_addresses=127.0.0.1");
        let words = [program.as_str(), "-D", &data, "-p", &port, "-c", settings];
        let more = ["-c", "unix_socket_directories=", "-c", "fsync=off"];
        words.into_iter().chain(more).map(str::to_owned).collect()
    }

    fn address(port: u16) -> String {
        format!("postgres://postgres@127.0.0.1:{port}/postgres?sslmode=disable")
    }
}

fn beside_psql(program: &str) -> PathBuf {
    Path::new(&env::var("LAKESEED_TEST_POSTGRES_PSQL").unwrap()).with_file_name(program)
}

impl OwnServer for MariadbShop {
    const USER: &str = "mysql";

    fn store(folder: &Path) -> Command {
        let mut command = Command::new("mariadb-install-db");
        command.args(["--no-defaults", "--auth-root-authentication-method=normal"]);
        command.args(["--skip-name-resolve", "--innodb-flush-method=nosync"]);
        command.arg(format!("--datadir={}", folder.join("data").display()));
        command
    }

    fn program(folder: &Path, port: u16) -> Vec<String> {
        let at = |name: &str| folder.join(name).display().to_string();
        vec![
            "/usr/sbin/mariadbd".to_owned(),
            "--no-defaults".to_owned(),
            format!("--datadir={}", at("data")),
            format!("--socket={}", at("s.sock")),
            format!("--pid-file={}", at("pid")),
            format!("--port={port}"),
            "--bind-address=127.0.0.1".to_owned(),
            "--skip-name-resolve".to_owned(),
            "--local-infile=1".to_owned(),
            "--innodb-flush-method=nosync".to_owned(),
            // What is committed stands when the process ends.
            "--innodb-flush-log-at-trx-commit=1".to_owned(),
        ]
    }

    /// With the database that `mariadb-install-db` makes for tests.
    fn address(port: u16) -> String {
        format!("mysql://root@127.0.0.1:{port}/test?ssl-mode=DISABLED")
    }
}

impl Own {
    /// A new server, which answers.
    pub(super) fn start<S: OwnServer>() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let user = user(S::USER);
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        if let Some((user, group)) = user {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let made = under(S::store(folder.path()), user).output().unwrap();
        let told = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "{told}");
        let [port] = free_ports();
        let program = S::program(folder.path(), port);
        let own = Self {
            child: Mutex::new(run(&program, user)),
            address: S::address(port),
            folder,
            port,
            program,
            user,
        };
        own.await_answer();
        own
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Ends it as a crash would.
    pub(super) fn kill(&self) {
        let mut child = self.child.lock().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Starts it again, on the same port and store, after [`Self::kill`].
    pub(super) fn start_again(&self) {
        let until = Instant::now() + PATIENCE;
        let mut child = self.child.lock().unwrap();
        loop {
            *child = run(&self.program, self.user);
            // What the one that was killed has left may live for a moment, and be in the way.
            thread::sleep(Duration::from_millis(500));
            if child.try_wait().unwrap().is_none() {
                break;
            }
            assert!(Instant::now() < until, "the server does not start again");
        }
        drop(child);
        self.await_answer();
    }

    fn await_answer(&self) {
        let until = Instant::now() + PATIENCE;
        let asked = || match self.address.split_once(':') {
            Some(("mysql", _)) => to_mariadb(&self.address).runs().is_ok(),
            _ => to_postgres(&self.address).runs().is_ok(),
        };
        while !asked() {
            assert!(Instant::now() < until, "no answer at port {}", self.port);
            thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap();
        let _ = child.kill();
        let _ = child.wait();
        // Whatever it has started ends when it sees that, and may still write for a moment.
        let _ = fs::remove_dir_all(self.folder.path());
    }
}

fn run(program: &[String], user: Option<(u32, u32)>) -> Child {
    let mut command = Command::new(&program[0]);
    command.args(&program[1..]).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    under(command, user).spawn().unwrap()
}

fn under(mut command: Command, user: Option<(u32, u32)>) -> Command {
    if let Some((user, group)) = user {
        command.uid(user).gid(group);
    }
    command.current_dir("/");
    command
}

/// The numbers of a user and its group; nothing where this process is not root, and stays who it is.
pub(super) fn user(name: &str) -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt;
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let mut lines = users.lines().map(|line| line.split(':'));
    let mut line = lines
        .find(|line| line.clone().next() == Some(name))
        .unwrap();
    let (user, group) = (line.nth(2).unwrap(), line.next().unwrap());
    Some((user.parse().unwrap(), group.parse().unwrap()))
}
