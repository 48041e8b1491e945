//! The same run again: it goes on, says so, and says how the last one ended.

use std::fs;
use std::io::BufRead;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use lakeseed_sink::{
    Ending, Error, LastEnd, LastRun, LocalStore, ManifestPart, Mode, Observer, Run, Shard, Status,
    Store, combine, inspect, open_finished, statuses,
};

use crate::trees::{files, folder, interrupt, tree, two_tables};

const FOLDER: &str = "LAKESEED_TEST_RESUME_FOLDER";

/// The tree of a run that was never stopped.
fn unbroken(rows: u64) -> std::collections::BTreeMap<String, Vec<u8>> {
    let (_parent, root) = folder();
    Run::new(&two_tables(rows, 3), &LocalStore::new(&root))
        .commit()
        .unwrap();
    tree(&root)
}

#[test]
fn a_run_that_was_stopped_goes_on() {
    let whole = unbroken(1_000);
    for parts in 1..6 {
        for threads in [1, 3] {
            let (_parent, root) = folder();
            let store = LocalStore::new(&root);
            let plan = two_tables(1_000, 3);
            let error = interrupt(&plan, &store, parts);
            let Error::Incomplete {
                proven,
                pending,
                source,
            } = &error
            else {
                panic!("{error:?}")
            };
            assert_eq!((*proven, pending.len()), (parts, 6 - parts));
            assert!(matches!(**source, Error::Stopped) && error.is_stopped());
            assert_eq!(
                error.to_string(),
                format!("{} of 6 parts are pending", 6 - parts)
            );
            let all = plan
                .tables()
                .iter()
                .flat_map(lakeseed_sink::TablePlan::parts);
            let last: Vec<_> = all.skip(parts).map(|part| part.path.to_string()).collect();
            assert_eq!(*pending, last);

            let seen = Seen::default();
            let run = Run::new(&plan, &store).threads(threads).observer(&seen);
            let report = run.commit().unwrap();
            assert_eq!((report.parts_found, report.written), (parts, true));
            assert_eq!((report.rows(), report.files()), (1_010, 6));
            assert!(report.made_rows() < 1_010);
            let said = LastEnd::Said(Ending::Stopped {
                by: "SIGTERM".to_owned(),
            });
            assert_eq!(report.last_run.as_ref().unwrap().end, said);
            let seen = seen.goes_on.into_inner().unwrap();
            assert_eq!(seen.len(), 1);
            assert_eq!((seen[0].0, seen[0].1), (parts, 1_010 - report.made_rows()));
            assert_eq!(seen[0].2, report.last_run);
            assert_eq!(tree(&root), whole);
        }
    }
}

#[derive(Default)]
struct Seen {
    goes_on: Mutex<Vec<(usize, u64, Option<LastRun>)>>,
}

impl Observer for Seen {
    fn goes_on(&self, parts: usize, rows: u64, last: Option<&LastRun>) {
        let mut seen = self.goes_on.lock().unwrap();
        seen.push((parts, rows, last.cloned()));
    }
}

#[test]
fn how_the_last_run_ended_is_told() {
    let plan = two_tables(1_000, 3);
    // A run that failed says with what.
    let (_parent, root) = folder();
    let store = LocalStore::new(&root);
    let blocked = root.join(plan.tables()[0].parts()[2].path.as_str());
    fs::create_dir_all(&blocked).unwrap();
    assert!(Run::new(&plan, &store).commit().is_err());
    fs::remove_dir(&blocked).unwrap();
    let report = Run::new(&plan, &store).commit().unwrap();
    let LastEnd::Said(Ending::Failed { error }) = report.last_run.unwrap().end else {
        panic!("it failed")
    };
    assert!(
        error.starts_with("cannot rename to ") && error.contains(": "),
        "{error}"
    );

    // One that says nothing has vanished; one whose sign of life is unreadable said nothing.
    for text in [None, Some("no JSON"), Some("")] {
        let (_parent, root) = folder();
        let store = LocalStore::new(&root);
        interrupt(&plan, &store, 2);
        let name = format!("_lakeseed/status-{}-1of1.json", plan.id());
        let at = root.join(&name);
        let mut status: serde_json::Value =
            serde_json::from_slice(&fs::read(&at).unwrap()).unwrap();
        status["ended"] = serde_json::Value::Null;
        let vanished = status.to_string();
        fs::write(&at, text.unwrap_or(&vanished)).unwrap();
        let report = Run::new(&plan, &store).commit().unwrap();
        assert_eq!(report.parts_found, 2);
        let end = report.last_run.map(|last| last.end);
        assert_eq!(end, text.is_none().then_some(LastEnd::Vanished));
    }
}

/// Something that happens to a folder between two runs.
type Damage<'d> = Box<dyn Fn(&std::path::Path) + 'd>;

#[test]
fn only_what_is_proven_is_kept() {
    let whole = unbroken(1_000);
    let plan = two_tables(1_000, 3);
    let parts = plan.tables()[0].parts();
    let hidden = |root: &std::path::Path, at: usize| {
        let target = root.join(parts[at].path.as_str());
        let name = target.file_name().unwrap().to_string_lossy().into_owned();
        target.with_file_name(format!(".{name}.inprogress"))
    };
    let journal =
        |root: &std::path::Path| root.join(format!("_lakeseed/journal-{}-1of1.jsonl", plan.id()));
    let damages: Vec<(&str, usize, Damage<'_>)> = vec![
        ("nothing", 3, Box::new(|_| {})),
        (
            "a torn line",
            2,
            Box::new(|root| {
                let text = fs::read(journal(root)).unwrap();
                fs::write(journal(root), &text[..text.len() - 9]).unwrap();
            }),
        ),
        (
            "garbage",
            3,
            Box::new(|root| {
                let mut text = b"\n\n{}\nnull\n\xff\xfe\n[1,2]\n\0\0\0\0\n".to_vec();
                text.extend(fs::read(journal(root)).unwrap());
                fs::write(journal(root), text).unwrap();
            }),
        ),
        (
            "no journal",
            0,
            Box::new(|root| fs::remove_file(journal(root)).unwrap()),
        ),
        (
            "another size",
            2,
            Box::new(|root| fs::write(hidden(root, 1), "id\n").unwrap()),
        ),
        (
            "a part is missing",
            2,
            Box::new(|root| fs::remove_file(hidden(root, 0)).unwrap()),
        ),
        (
            "another path",
            2,
            Box::new(|root| {
                let text = fs::read_to_string(journal(root)).unwrap();
                let text = text.replacen("part-00000", "part-00009", 1);
                fs::write(journal(root), text).unwrap();
            }),
        ),
        (
            "a line of a table that is not there",
            3,
            Box::new(|root| {
                let text = fs::read_to_string(journal(root)).unwrap();
                let more = text.replace("\"table\":0", "\"table\":7");
                fs::write(journal(root), text + &more).unwrap();
            }),
        ),
        (
            "the same lines twice",
            3,
            Box::new(|root| {
                let text = fs::read_to_string(journal(root)).unwrap();
                fs::write(journal(root), text.repeat(2)).unwrap();
            }),
        ),
    ];
    for (what, expected, damage) in damages {
        let (_parent, root) = folder();
        let store = LocalStore::new(&root);
        interrupt(&plan, &store, 3);
        damage(&root);
        let report = Run::new(&plan, &store).threads(2).commit().unwrap();
        assert_eq!(report.parts_found, expected, "{what}");
        assert_eq!(tree(&root), whole, "{what}");
    }
}

#[test]
fn a_finished_run_says_so_and_writes_nothing() {
    let (_parent, root) = folder();
    let store = LocalStore::new(&root);
    let plan = two_tables(1_000, 3);
    Run::new(&plan, &store).commit().unwrap();
    let state = || {
        let names = files(&root).into_iter();
        let state = names.map(|name| {
            let found = fs::metadata(root.join(&name)).unwrap();
            (found.modified().unwrap(), found.len(), name)
        });
        let folders = ["", "_lakeseed", "pets"]
            .map(|name| fs::metadata(root.join(name)).unwrap().modified().unwrap());
        (state.collect::<Vec<_>>(), folders)
    };
    let before = state();
    for mode in [Mode::New, Mode::Append] {
        let report = Run::new(&plan, &store).mode(mode).commit().unwrap();
        assert!(!report.written);
        assert_eq!(
            (report.rows(), report.made_rows(), report.workers),
            (1_010, 0, 0)
        );
        assert_eq!(state(), before);
    }
}

#[test]
fn only_the_same_run_goes_on() {
    let (_parent, root) = folder();
    let store = LocalStore::new(&root);
    let plan = two_tables(1_000, 3);
    interrupt(&plan, &store, 2);
    let before = tree(&root);
    let other = two_tables(900, 3);
    let half = Shard::new(1, 2).unwrap();
    let refused = [
        Run::new(&other, &store).commit(),
        Run::new(&other, &store).mode(Mode::Append).commit(),
        Run::new(&plan, &store).mode(Mode::Append).commit(),
        Run::new(&plan, &store).shard(half).commit(),
    ];
    for refused in refused {
        let error = refused.unwrap_err();
        assert!(
            matches!(error, Error::OtherPlan { .. }) && error.is_refused(),
            "{error}"
        );
    }
    assert_eq!(tree(&root), before);
    // Overwriting is the way out, and leaves nothing of what was begun.
    Run::new(&other, &store)
        .mode(Mode::Overwrite)
        .commit()
        .unwrap();
    assert!(!files(&root).iter().any(|file| file.contains(plan.id())));
    assert!(inspect(&store).unwrap().unfinished.is_empty());
}

#[test]
fn a_plan_that_was_killed_before_its_first_part_stands_in_the_way_of_others_only() {
    let plan = two_tables(1_000, 3);
    let killed = |root: &std::path::Path| {
        let store = LocalStore::new(root);
        interrupt(&plan, &store, 1);
        // What a kill before the first part leaves: the plan alone.
        for name in files(root) {
            if !name.starts_with("_lakeseed/plan-") {
                fs::remove_file(root.join(name)).unwrap();
            }
        }
        store
    };
    let (_parent, root) = folder();
    let store = killed(&root);
    let error = Run::new(&two_tables(900, 3), &store).commit().unwrap_err();
    assert!(matches!(error, Error::OtherPlan { .. }), "{error}");
    let report = Run::new(&plan, &store).commit().unwrap();
    assert_eq!((report.parts_found, report.last_run), (0, None));
    assert_eq!(tree(&root), unbroken(1_000));
    let (_parent, root) = folder();
    let store = killed(&root);
    let other = two_tables(900, 3);
    Run::new(&other, &store)
        .mode(Mode::Overwrite)
        .commit()
        .unwrap();
    assert_eq!(tree(&root).len(), unbroken(900).len());
}

/// Looks at the signs of life from within.
struct Looking<'s> {
    store: &'s LocalStore,
    found: Mutex<Vec<Status>>,
}

impl Observer for Looking<'_> {
    fn part_finished(&self, _table: usize, _part: &ManifestPart) {
        let mut found = self.found.lock().unwrap();
        found.extend(statuses(self.store).unwrap());
        assert!(matches!(
            open_finished(self.store),
            Err(Error::Unfinished { .. })
        ));
    }
}

#[test]
fn a_second_terminal_sees_how_far_a_run_is() {
    let (_parent, root) = folder();
    let store = LocalStore::new(&root);
    let plan = two_tables(1_000, 3);
    interrupt(&plan, &store, 2);
    let ended = statuses(&store).unwrap();
    assert_eq!(ended.len(), 1);
    let ended = &ended[0];
    assert_eq!((ended.parts_done, ended.parts, ended.rows), (2, 6, 1_010));
    assert!(matches!(&ended.ended, Some(Ending::Stopped { by }) if by == "SIGTERM"));
    assert_eq!(ended.rows_done, ended.rows_this_run);

    let looking = Looking {
        store: &store,
        found: Mutex::default(),
    };
    Run::new(&plan, &store).observer(&looking).commit().unwrap();
    let found = looking.found.into_inner().unwrap();
    assert_eq!(found.len(), 4);
    for status in found {
        assert_eq!(status.plan_id, plan.id());
        assert_eq!(
            (status.pid, status.shard),
            (std::process::id(), Shard::WHOLE)
        );
        assert_eq!((status.parts_done, status.rows_done), (2, ended.rows_done));
        assert_eq!((status.rows_this_run, status.ended), (0, None));
        assert!(status.bytes_done > 0 && status.started_ms <= status.written_ms);
    }
    assert!(statuses(&store).unwrap().is_empty());
}

/// Works on the plan and waits in the middle, when a test asks for it.
#[test]
fn worker() {
    let Ok(root) = std::env::var(FOLDER) else {
        return;
    };
    let store = LocalStore::new(root);
    Run::new(&two_tables(1_000, 3), &store).commit().unwrap();
}

#[test]
fn a_second_process_at_the_same_work_is_refused() {
    let (_parent, root) = folder();
    let mut command = Command::new(std::env::current_exe().unwrap());
    let mut child = command
        .args([
            "--exact",
            "resume::worker",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(FOLDER, &root)
        .env("LAKESEED_FAIL_POINT", "journal.written:3")
        .env("LAKESEED_FAIL_WAIT", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("waits at a point") {
        assert!(lines.read_line(&mut said).unwrap() > 0, "{said}");
    }
    let before = tree(&root);
    let store = LocalStore::new(&root);
    let plan = two_tables(1_000, 3);
    let other = two_tables(900, 3);
    let refused = [
        Run::new(&plan, &store).commit(),
        Run::new(&plan, &store).mode(Mode::Overwrite).commit(),
        Run::new(&other, &store).mode(Mode::Overwrite).commit(),
    ];
    for refused in refused {
        let error = refused.unwrap_err();
        assert!(
            matches!(error, Error::InUse { .. }) && error.is_refused(),
            "{error}"
        );
    }
    assert!(combine(&store).is_err());
    assert_eq!(tree(&root), before);
    assert!(
        store
            .get(&format!("_lakeseed/lock-{}-1of1", plan.id()))
            .unwrap()
            .is_some()
    );
    child.kill().unwrap();
    child.wait().unwrap();
    // A lock ends with its process.
    let report = Run::new(&plan, &store).commit().unwrap();
    assert_eq!(report.parts_found, 3);
    assert_eq!(report.last_run.unwrap().end, LastEnd::Vanished);
    assert_eq!(tree(&root), unbroken(1_000));
}
