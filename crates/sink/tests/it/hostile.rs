//! Records from elsewhere and links that lead out: nothing outside of the folder is touched.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use lakeseed_sink::{
    Error, LocalStore, Mode, PartPath, Run, Shard, Store, combine, inspect, open_finished,
};

use crate::trees::{folder, interrupt, put, tree, two_tables};

const PATHS: [&str; 8] = [
    "../../precious",
    "/etc/precious",
    "pets/../../../part-precious",
    "pets/../precious/part-0",
    "pets/part-0/../../../part-precious",
    "pets//part-0",
    "owners/part-00000.csv",
    "pets/notes.csv",
];

/// Everything that may be called, whatever it answers.
fn try_all(root: &Path) {
    let store = LocalStore::new(root);
    let shard = Shard::new(1, 2).unwrap();
    for plan in [two_tables(700, 2), two_tables(300, 1)] {
        for mode in [Mode::New, Mode::Append, Mode::Overwrite] {
            let run = Run::new(&plan, &store).mode(mode);
            let _ = run.shard(shard).commit();
            let _ = run.commit();
        }
    }
    let _ = (combine(&store), inspect(&store), open_finished(&store));
}

/// Replaces the first part's path in a record.
fn plant(at: &Path, path: &str) {
    let mut record: serde_json::Value = serde_json::from_slice(&fs::read(at).unwrap()).unwrap();
    record["tables"][0]["parts"][0]["path"] = path.into();
    fs::write(at, record.to_string()).unwrap();
}

#[test]
fn records_cannot_lead_out() {
    for path in PATHS {
        for is_finished in [true, false] {
            let (parent, root) = folder();
            put(parent.path().join("precious"), "mine");
            put(parent.path().join("part-precious"), "mine");
            let store = LocalStore::new(&root);
            let plan = two_tables(700, 2);
            let name = if is_finished {
                Run::new(&plan, &store).commit().unwrap();
                "manifest-000001".to_owned()
            } else {
                interrupt(&plan, &store, 2);
                format!("plan-{}", plan.id())
            };
            plant(&root.join(format!("_lakeseed/{name}.json")), path);
            let before = tree(parent.path());
            assert!(
                matches!(inspect(&store), Err(Error::Exists { .. })),
                "{path}"
            );
            try_all(&root);
            // Not even within: nothing is done on the word of such a record.
            assert_eq!(tree(parent.path()), before, "{path}");
        }
    }
}

#[test]
fn a_record_that_is_not_what_the_plan_says_is_refused() {
    let plan = two_tables(700, 2);
    let changes: [fn(&mut serde_json::Value); 5] = [
        |record| drop(record["tables"].as_array_mut().unwrap().pop()),
        |record| drop(record["tables"][0]["parts"].as_array_mut().unwrap().pop()),
        |record| {
            let more = record["tables"][0]["parts"][0].clone();
            record["tables"][0]["parts"]
                .as_array_mut()
                .unwrap()
                .push(more);
        },
        |record| record["tables"][0]["parts"][0]["rows"] = 1.into(),
        |record| record["shards"] = u32::MAX.into(),
    ];
    for change in changes {
        let (_parent, root) = folder();
        let store = LocalStore::new(&root);
        interrupt(&plan, &store, 2);
        let at = root.join(format!("_lakeseed/plan-{}.json", plan.id()));
        let mut record = serde_json::from_slice(&fs::read(&at).unwrap()).unwrap();
        change(&mut record);
        fs::write(&at, record.to_string()).unwrap();
        let error = Run::new(&plan, &store).commit().unwrap_err();
        assert!(matches!(error, Error::Exists { .. }), "{error}");
    }
}

#[test]
fn a_journal_cannot_lead_out() {
    let plan = two_tables(700, 2);
    for path in PATHS {
        let (parent, root) = folder();
        put(parent.path().join("precious"), "mine");
        let store = LocalStore::new(&root);
        interrupt(&plan, &store, 2);
        let log = format!("_lakeseed/journal-{}-1of1", plan.id());
        let line = String::from_utf8(store.logged(&log).unwrap().remove(0)).unwrap();
        let mut line: serde_json::Value = serde_json::from_str(&line).unwrap();
        line["part"]["path"] = path.into();
        store.remove_log(&log).unwrap();
        store.log(&log, "1", line.to_string().as_bytes()).unwrap();
        let report = Run::new(&plan, &store).commit().unwrap();
        assert_eq!(report.parts_found, 0);
        assert_eq!(fs::read(parent.path().join("precious")).unwrap(), b"mine");
    }
}

#[test]
fn links_are_not_followed() {
    let plan = two_tables(700, 2);
    let id = plan.id();
    let part = plan.tables()[0].parts()[0].path.as_str().to_owned();
    let hidden = part.replace("pets/", "pets/.") + ".inprogress";
    let log = format!("_lakeseed/journal-{id}-1of1.jsonl");
    let lock = format!("_lakeseed/lock-{id}-1of1");
    // A link to a folder, or to a file, outside; where nothing is, and in what was begun.
    for (link, to) in [
        ("pets", "outside/pets"),
        ("owners", "outside/pets"),
        ("_lakeseed", "outside/own"),
        (part.as_str(), "outside/file"),
        (hidden.as_str(), "outside/file"),
        (log.as_str(), "outside/file"),
        (lock.as_str(), "outside/file"),
        (lock.as_str(), "outside/none"),
    ] {
        for begun in [0, 2, 4] {
            let (parent, root) = folder();
            let outside = parent.path().join("outside");
            put(outside.join("file"), "mine");
            put(outside.join(&part), "mine");
            put(outside.join("own/plan-x.json"), "mine");
            let store = LocalStore::new(&root);
            if begun > 0 {
                interrupt(&plan, &store, begun);
            }
            let at = root.join(link);
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            if at.is_dir() {
                fs::remove_dir_all(&at).unwrap();
            } else if at.exists() {
                fs::remove_file(&at).unwrap();
            }
            symlink(parent.path().join(to), &at).unwrap();
            let before = tree(&outside);
            try_all(&root);
            assert_eq!(tree(&outside), before, "{link} {begun}");
        }
    }
}

#[test]
fn a_store_refuses_to_go_through_a_link() {
    let (parent, root) = folder();
    let outside = parent.path().join("outside");
    put(outside.join("part-00000-x.csv"), "mine");
    fs::create_dir_all(root.join("pets")).unwrap();
    symlink(&outside, root.join("pets/part-link")).unwrap();
    let store = LocalStore::new(&root);
    let path = PartPath::parse("pets/part-link/part-00000-x.csv").unwrap();
    let paths = [path];
    assert!(store.create(&paths[0], 1).is_err());
    assert!(store.publish(&paths[0]).is_err());
    assert!(store.finished(&paths).is_err());
    assert!(store.discard(&paths).is_err());
    assert!(store.remove(paths[0].as_str()).is_err());
    assert!(store.replace(paths[0].as_str(), b"").is_err());
    assert_eq!(tree(&outside).into_values().collect::<Vec<_>>(), [b"mine"]);
}
