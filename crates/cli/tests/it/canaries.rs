//! Credentials never appear: canaries in every slot, through every way to fail.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lakeseed_test_s3::{Fault, Kind, Moment, Server, Settings};
use tempfile::TempDir;

use crate::support::{Ran, binary, ended, files, on, ran, start};

const WORK: &str = "generate predictions --rows 6k --classes 3 --files 3 -j 2 -v --log log \
                    --log-level debug -o s3://lake/c";

/// Sixty-four letters and digits that stand nowhere else.
fn canary(slot: u64) -> String {
    let mut state = slot.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut text = String::new();
    while text.len() < 64 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let _ = write!(text, "{state:016X}");
    }
    text
}

const ID: u64 = 1;
const SECRET: u64 = 2;
const TOKEN: u64 = 3;
const WRONG: u64 = 4;
const USER: u64 = 5;
const SLOTS: u64 = 6;

/// A server that knows the canaries, a folder to run in, and all that was printed.
struct Cage {
    server: Server,
    folder: TempDir,
    told: String,
}

impl Cage {
    fn new() -> Self {
        let settings = Settings::default()
            .keys(canary(ID), canary(SECRET))
            .session_token(canary(TOKEN));
        Self {
            server: Server::start(settings),
            folder: tempfile::tempdir().unwrap(),
            told: String::new(),
        }
    }

    fn command(&self, args: &str) -> Command {
        on(&self.server, self.folder.path(), args)
    }

    /// Keeps what was said, and checks the exit code.
    #[track_caller]
    fn keep(&mut self, ran: &Ran, codes: &[i32]) {
        let _ = write!(self.told, "{}\n{}\n", ran.out, ran.err);
        assert!(
            ran.code.is_some_and(|code| codes.contains(&code)),
            "{ran:?}"
        );
        assert!(!ran.err.contains("panicked"), "{}", ran.err);
    }

    #[track_caller]
    fn run(&mut self, args: &str, code: i32) {
        let ran = ran(&mut self.command(args));
        self.keep(&ran, &[code]);
    }

    #[track_caller]
    fn run_with(&mut self, args: &str, variables: &[(&str, &str)], code: i32) {
        let ran = ran(self.command(args).envs(variables.iter().copied()));
        self.keep(&ran, &[code]);
    }

    /// No canary, whole or half, in anything that was printed or written.
    #[track_caller]
    fn is_clean(&self) {
        let mut all = vec![("the output".to_owned(), self.told.clone().into_bytes())];
        let is_ours = |name: &str| name.starts_with(".aws/");
        let local = files(self.folder.path()).into_iter();
        all.extend(local.filter(|(name, _)| !is_ours(name)));
        all.extend(files(&self.server.bucket_path()));
        let log = all
            .iter()
            .any(|(name, bytes)| name == "log" && !bytes.is_empty());
        assert!(log, "nothing was logged");
        for slot in 1..SLOTS {
            let canary = canary(slot);
            for piece in [&canary[..16], &canary[24..40], &canary[48..]] {
                let lower = piece.to_ascii_lowercase();
                for (name, bytes) in &all {
                    let has = |piece: &str| {
                        bytes
                            .windows(piece.len())
                            .any(|window| window == piece.as_bytes())
                    };
                    assert!(
                        !has(piece) && !has(&lower),
                        "slot {slot} is in {name}: {}",
                        self.told
                    );
                }
            }
        }
    }
}

/// The check itself finds what it looks for.
#[test]
#[should_panic(expected = "slot 2 is in the output")]
fn a_canary_that_sings_is_heard() {
    let mut cage = Cage::new();
    fs::write(cage.folder.path().join("log"), "line").unwrap();
    cage.told = format!("key {}", canary(SECRET));
    cage.is_clean();
}

#[test]
fn what_goes_well() {
    let mut cage = Cage::new();
    cage.run(
        &WORK
            .replace("generate", "plan")
            .replace("-v --log log --log-level debug", ""),
        0,
    );
    cage.run(WORK, 0);
    cage.run(&format!("{WORK} --json"), 0);
    cage.run("verify s3://lake/c --log log --log-level debug", 0);
    cage.run("verify s3://lake/c --json", 0);
    cage.run("status s3://lake/c", 0);
    cage.run("status s3://lake/c --json", 0);
    let shards = WORK.replace("s3://lake/c", "s3://lake/s");
    cage.run(&format!("{shards} --shard 1/2"), 0);
    cage.run("combine s3://lake/s", 3);
    cage.run("status s3://lake/s --json", 0);
    cage.run(&format!("{shards} --shard 2/2 --json"), 0);
    cage.run("combine s3://lake/s --json", 0);
    cage.run(&format!("{WORK} --seed 7"), 3);
    cage.is_clean();
}

#[test]
fn wrong_keys() {
    let mut cage = Cage::new();
    let wrong = canary(WRONG);
    for name in [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    ] {
        // Another one, one that no header can hold, and none.
        let odd = format!("{wrong}\u{1}\n{wrong}");
        for value in [wrong.as_str(), &odd, ""] {
            for args in [
                WORK,
                "verify s3://lake/c --log log",
                "status s3://lake/c",
                "combine s3://lake/c",
            ] {
                let ran = ran(cage.command(args).env(name, value));
                cage.keep(&ran, &[2, 3]);
            }
            let plan = WORK
                .replace("generate", "plan")
                .replace("-v --log log --log-level debug", "");
            let ran = ran(cage.command(&plan).env(name, value));
            cage.keep(&ran, &[2, 3]);
        }
    }
    cage.is_clean();
    assert!(cage.server.objects().is_empty());
}

/// A refusal may pass, so that each of these is tried for a while: side by side.
#[test]
fn refusals_from_the_start() {
    let faults = [Fault::AccessDenied, Fault::ExpiredToken, Fault::SkewedClock];
    let mut cages = faults.map(|fault| {
        let cage = Cage::new();
        cage.server.faults().from(1, u64::MAX, fault);
        cage
    });
    let commands = [
        WORK,
        "generate predictions --rows 10 -o s3://lake/c --json",
        "verify s3://lake/c --log log --log-level debug",
        "status s3://lake/c --json",
        "combine s3://lake/c",
    ];
    let children = cages
        .each_ref()
        .map(|cage| commands.map(|args| start(&mut cage.command(args))));
    for (cage, children) in cages.iter_mut().zip(children) {
        for child in children {
            let ran = ended(child);
            cage.keep(&ran, &[3]);
        }
        assert!(cage.server.faults().fired() > 0);
        cage.is_clean();
    }
}

#[test]
fn faults_on_the_way() {
    for fault in [
        Fault::AccessDenied,
        Fault::InternalErrorAfter,
        Fault::ErrorInside200,
        Fault::ResetBefore,
        Fault::ResetAfter,
    ] {
        let mut cage = Cage::new();
        let of_a_file = |request: &lakeseed_test_s3::Request| request.key().contains("/part-");
        cage.server.faults().some(of_a_file, 2, 1, fault);
        cage.run(WORK, 0);
        assert_eq!(cage.server.faults().fired(), 1, "{fault:?}");
        cage.run("verify s3://lake/c --log log --log-level debug", 0);
        cage.is_clean();
    }
}

#[test]
fn killed_and_gone_on() {
    let mut cage = Cage::new();
    // The check puts files too; so does the plan.
    let paused = cage.server.pause_at(Kind::PutObject, 7, Moment::After);
    let mut child = start(&mut cage.command(WORK));
    paused.wait();
    child.kill().unwrap();
    let killed = ended(child);
    assert_eq!(killed.code, None);
    let _ = write!(cage.told, "{}{}", killed.out, killed.err);
    paused.release();
    cage.run("status s3://lake/c", 0);
    cage.run("verify s3://lake/c", 3);
    cage.run(&format!("{WORK} --json"), 0);
    cage.run("verify s3://lake/c --log log --log-level debug", 0);
    cage.is_clean();
}

#[test]
fn damaged_and_lost() {
    let mut cage = Cage::new();
    cage.run(WORK, 0);
    let table = cage.server.bucket_path().join("c/predictions");
    let parts = || -> Vec<PathBuf> {
        let all = fs::read_dir(&table)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let mut parts: Vec<_> = all.filter(|path| path.extension().is_some()).collect();
        parts.sort();
        parts
    };
    let all = parts();
    fs::write(&all[0], b"PAR1 no more").unwrap();
    fs::remove_file(&all[1]).unwrap();
    cage.run("verify s3://lake/c --log log --log-level debug", 1);
    cage.run("verify s3://lake/c --json --quick", 1);
    cage.is_clean();
}

/// Addresses with users and passwords, where they may be meant and where they are out of place.
#[test]
fn addresses() {
    let mut cage = Cage::new();
    cage.run(WORK, 0);
    let user = canary(USER);
    for args in [
        format!("generate predictions -o s3://key:{user}@lake/c --log log"),
        format!("generate predictions -o s3://{user}@lake/c --log log"),
        format!("generate predictions -o s3:/key:{user}@lake/c --log log"),
        format!("generate predictions -o https://key:{user}@host/c --log log"),
        format!("generate predictions s3://key:{user}@lake/c"),
        format!("generate s3://key:{user}@lake/c"),
        format!("s3://key:{user}@lake/c"),
        format!("generate predictions --size s3://key:{user}@lake/c"),
        format!("generate predictions --s3://key:{user}@lake/c"),
        format!("generate predictions -f s3://key:{user}@lake/c"),
        format!("verify s3://key:{user}@lake/c"),
        format!("verify s3://lake/c s3://key:{user}@lake/c"),
        format!("verify http://key:{user}@lake/c"),
        format!("publish predictions --to kafka://key:{user}@host/topic --log log"),
        format!("publish predictions --to kafka://key:{user}/more@host/topic"),
        format!("publish predictions --to kafka://key:{user}?more@host/topic"),
        format!("publish predictions --to sqs://host/queue?key={user}"),
        format!("publish predictions --to sqs://key:{user}"),
        format!("verify kafka://key:{user}@host/topic"),
        format!("status s3://key:{user}@lake/c"),
        format!("combine s3://key:{user}@lake/c"),
        format!("plan predictions -o s3://key:{user}@lake/c"),
        format!("{WORK} --endpoint-url http://key:{user}@127.0.0.1:9"),
        format!("{WORK} --endpoint-url http://key:{user}@127.0.0.1:port"),
        format!("{WORK} --endpoint-url key:{user}@127.0.0.1"),
        format!("{WORK} --endpoint-url http://127.0.0.1:9/?X-Amz-Signature={user}"),
    ] {
        cage.run(&args, 2);
    }
    let url = format!("http://key:{user}@127.0.0.1:9");
    for name in [
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
        "LAKESEED_ENDPOINT_URL",
    ] {
        cage.run_with(WORK, &[(name, &url)], 2);
    }
    cage.run_with("generate predictions", &[("LAKESEED_SIZE", &url)], 2);
    cage.is_clean();
}

fn home(folder: &Path, credentials: &str) {
    fs::create_dir_all(folder.join(".aws")).unwrap();
    fs::write(folder.join(".aws/credentials"), credentials).unwrap();
}

#[test]
fn profiles() {
    let mut cage = Cage::new();
    let (id, secret, token, wrong) = (canary(ID), canary(SECRET), canary(TOKEN), canary(WRONG));
    let keys = |id: &str, secret: &str, token: &str| {
        format!(
            "[work]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\naws_session_token = {token}\n"
        )
    };
    let cases = [
        (keys(&id, &secret, &token), 0),
        (keys(&wrong, &secret, &token), 3),
        (keys(&id, &wrong, &token), 3),
        (keys(&id, &secret, &wrong), 3),
        (keys(&id, "", ""), 2),
        (format!("[work]\naws_secret_access_key {wrong}\n"), 2),
        (format!("[{wrong}\naws_secret_access_key = {wrong}\n"), 2),
        (format!("aws_secret_access_key = {wrong}\n"), 2),
        (format!("[work]\ncredential_process = sh -c {wrong}\n"), 2),
        (format!("[work]\nrole_arn = x\nexternal_id = {wrong}\n"), 2),
    ];
    for (credentials, code) in cases {
        home(cage.folder.path(), &credentials);
        let mut command = cage.command(&format!("{WORK} --profile work"));
        for name in [
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
        ] {
            command.env_remove(name);
        }
        let ran = ran(&mut command);
        cage.keep(&ran, &[code]);
    }
    cage.is_clean();
}

/// Nobody listens: behind a proxy with a password, and without one.
#[test]
fn nobody_there() {
    let mut cage = Cage::new();
    let proxy = format!("http://key:{}@127.0.0.1:1", canary(USER));
    let broken = format!("http://key:{}@127.0.0.1:port", canary(USER));
    let nobody = format!("{WORK} --endpoint-url http://127.0.0.1:1");
    let children = [
        start(&mut cage.command(&nobody)),
        start(
            cage.command(WORK)
                .env("HTTP_PROXY", &proxy)
                .env("http_proxy", &proxy),
        ),
        start(
            cage.command(WORK)
                .env("ALL_PROXY", &proxy)
                .env("all_proxy", &proxy),
        ),
        start(
            cage.command("verify s3://lake/c --log log")
                .env("http_proxy", &proxy),
        ),
        start(cage.command("status s3://lake/c").env("http_proxy", &proxy)),
    ];
    for child in children {
        let ran = ended(child);
        cage.keep(&ran, &[3]);
    }
    let ran = ran(cage.command(WORK).env("http_proxy", &broken));
    cage.keep(&ran, &[0, 2, 3]);
    let mut local = binary(cage.folder.path());
    let args = "generate predictions --rows 10 --log log -o local --log-level debug";
    let ran = crate::support::ran(
        local
            .args(args.split_whitespace())
            .env("http_proxy", &proxy),
    );
    cage.keep(&ran, &[0]);
    cage.is_clean();
}
