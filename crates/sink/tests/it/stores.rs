//! What every store must show: parts that are seen once they are published, small files that are
//! written once, logs, locks.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;

use lakeseed_sink::{LocalStore, Lock, MemoryStore, PartPath, PutNew, Store};

use crate::trees::{files, put, visible};

fn path(number: usize) -> PartPath {
    let partition = [("day".to_owned(), Some("7".to_owned()))];
    PartPath::try_new("pets", &partition, number, "0123456789abcdef", "csv").unwrap()
}

fn write(store: &dyn Store, path: &PartPath, pieces: &[&[u8]]) -> u64 {
    let mut part = store.create(path, 100).unwrap();
    for piece in pieces {
        part.write(piece).unwrap();
    }
    part.finish().unwrap()
}

/// `seen` lists the data files that a reader would take, with their bytes.
fn parts_conform(store: &dyn Store, seen: &dyn Fn() -> BTreeMap<String, Vec<u8>>) {
    let paths = [path(0), path(1), path(2)];
    store.check().unwrap();
    assert_eq!(store.finished(&paths).unwrap(), [None, None, None]);
    assert!(store.publish(&paths[0]).is_err());

    // Parts side by side, small writes and large ones, an empty part.
    let large = vec![b'x'; 1 << 20];
    let mut first = store.create(&paths[0], 8).unwrap();
    first.write(b"id\n").unwrap();
    assert_eq!(write(store, &paths[1], &[&large, b"end"]), (1 << 20) + 3);
    first.write(b"1\n").unwrap();
    assert_eq!(write(store, &paths[2], &[]), 0);
    // A part that was dropped can be made again.
    drop(first);
    assert_eq!(store.finished(&paths[..1]).unwrap(), [None]);
    assert_eq!(write(store, &paths[0], &[b"id\n", b"", b"2\n"]), 5);
    // So can one that was finished, until it is published.
    assert_eq!(write(store, &paths[0], &[b"id\n", b"33\n"]), 6);
    let sizes = [Some(6), Some((1 << 20) + 3), Some(0)];
    assert_eq!(store.finished(&paths).unwrap(), sizes);

    for path in &paths {
        store.publish(path).unwrap();
        store.publish(path).unwrap();
    }
    store.settle().unwrap();
    assert_eq!(store.finished(&paths).unwrap(), sizes);
    // What is published is no leftover.
    store.discard(&paths).unwrap();
    let found = seen();
    assert_eq!(found.len(), 3);
    assert_eq!(found[paths[0].as_str()], b"id\n33\n");
    let mut text = String::new();
    let mut open = store.open(paths[0].as_str()).unwrap().unwrap();
    open.read_to_string(&mut text).unwrap();
    assert_eq!(text, "id\n33\n");

    write(store, &path(3), &[b"left"]);
    store.discard(&[path(3)]).unwrap();
    assert_eq!(store.finished(&[path(3)]).unwrap(), [None]);
    for path in &paths {
        store.remove(path.as_str()).unwrap();
        store.remove(path.as_str()).unwrap();
    }
    assert!(seen().is_empty());
}

fn records_conform(store: &dyn Store) {
    assert_eq!(store.get("_lakeseed/a.json").unwrap(), None);
    assert!(store.open("_lakeseed/a.json").unwrap().is_none());
    let put = |bytes| store.put_new("_lakeseed/a.json", bytes).unwrap();
    assert_eq!(put(b"one"), PutNew::Written);
    assert_eq!(put(b"one"), PutNew::Written);
    assert_eq!(put(b"two"), PutNew::Taken);
    assert_eq!(store.get("_lakeseed/a.json").unwrap().unwrap(), b"one");
    assert_eq!(store.look("_lakeseed/b.json").unwrap(), None);
    assert_eq!(store.look("_lakeseed").unwrap(), None);
    let one = store.look("_lakeseed/a.json").unwrap().unwrap();
    assert_eq!(one.bytes, 3);
    assert_eq!(store.look("_lakeseed/a.json").unwrap().unwrap(), one);
    store.replace("_lakeseed/a.json", b"three").unwrap();
    store.replace("pets/_SUCCESS", b"").unwrap();
    assert_eq!(store.get("_lakeseed/a.json").unwrap().unwrap(), b"three");
    let three = store.look("_lakeseed/a.json").unwrap().unwrap();
    assert_eq!((three.bytes, three.tag == one.tag), (5, false));
    let found = store.list("_lakeseed/", 100).unwrap();
    let found: Vec<_> = found.iter().map(|f| (f.name.as_str(), f.bytes)).collect();
    assert_eq!(found, [("_lakeseed/a.json", 5)]);
    assert_eq!(store.list("", 100).unwrap().len(), 2);
    assert_eq!(store.list("", 1).unwrap().len(), 1);
    assert!(store.list("_lakeseed/b", 100).unwrap().is_empty());

    assert!(store.logged("_lakeseed/log").unwrap().is_empty());
    store.log("_lakeseed/log", "1", b"{1}").unwrap();
    store.log("_lakeseed/log", "2", b"{2}").unwrap();
    let mut lines = store.logged("_lakeseed/log").unwrap();
    lines.sort();
    assert_eq!(lines, [b"{1}", b"{2}"]);
    assert!(!store.list("_lakeseed/log", 9).unwrap().is_empty());
    store.remove_log("_lakeseed/log").unwrap();
    store.remove_log("_lakeseed/log").unwrap();
    assert!(store.logged("_lakeseed/log").unwrap().is_empty());

    let Lock::Held(held) = store.lock("_lakeseed/lock").unwrap() else {
        panic!("free")
    };
    assert!(matches!(store.lock("_lakeseed/lock").unwrap(), Lock::Taken));
    drop(held);
    assert!(matches!(
        store.lock("_lakeseed/lock").unwrap(),
        Lock::Held(_)
    ));
    for name in [
        "_lakeseed/lock",
        "_lakeseed/a.json",
        "pets/_SUCCESS",
        "none",
    ] {
        store.remove(name).unwrap();
    }
    assert!(store.list("", 100).unwrap().is_empty());
}

#[test]
fn memory_conforms() {
    let store = MemoryStore::new();
    let seen = || {
        let found = store.list("pets/", 100).unwrap().into_iter();
        let read = |name: String| (name.clone(), store.get(&name).unwrap().unwrap());
        found.map(|found| read(found.name)).collect()
    };
    parts_conform(&store, &seen);
    records_conform(&store);
}

#[test]
fn a_local_folder_conforms_and_leaves_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let root = parent.path().join("deep/out");
    let seen = || {
        let read = |file: String| (file.clone(), fs::read(root.join(file)).unwrap());
        visible(&root).into_iter().map(read).collect()
    };
    let store: Box<dyn Store> = Box::new(LocalStore::new(&root));
    parts_conform(store.as_ref(), &seen);
    records_conform(store.as_ref());
    assert!(!parent.path().join("deep").exists());
}

#[test]
fn a_folder_that_was_there_stays() {
    let parent = tempfile::tempdir().unwrap();
    let root = parent.path().join("out");
    fs::create_dir(&root).unwrap();
    let store = LocalStore::new(&root);
    store.check().unwrap();
    records_conform(&store);
    assert!(root.exists());
    assert!(fs::read_dir(&root).unwrap().next().is_none());
}

#[test]
fn half_a_line_of_a_log_is_left_out_and_harms_no_other() {
    let parent = tempfile::tempdir().unwrap();
    let store = LocalStore::new(parent.path());
    store.log("_lakeseed/log", "1", b"{1}").unwrap();
    let at = parent.path().join("_lakeseed/log.jsonl");
    let mut text = fs::read(&at).unwrap();
    text.extend_from_slice(b"\n{\"ha");
    fs::write(&at, &text).unwrap();
    assert_eq!(store.logged("_lakeseed/log").unwrap(), [b"{1}"]);
    store.log("_lakeseed/log", "2", b"{2}").unwrap();
    let lines = store.logged("_lakeseed/log").unwrap();
    assert_eq!(lines, [&b"{1}"[..], b"{\"ha", b"{2}"]);
}

#[test]
fn names_that_lead_out_are_refused() {
    let parent = tempfile::tempdir().unwrap();
    put(parent.path().join("precious"), "mine");
    let store = LocalStore::new(parent.path().join("out"));
    for name in [
        "../precious",
        "/etc/passwd",
        "a/../../precious",
        "",
        "..",
        "./a",
    ] {
        assert!(store.get(name).is_err(), "{name}");
        assert!(store.remove(name).is_err(), "{name}");
        assert!(store.replace(name, b"x").is_err(), "{name}");
        assert!(store.put_new(name, b"x").is_err(), "{name}");
        assert!(store.lock(name).is_err(), "{name}");
    }
    assert_eq!(files(parent.path()), ["precious"]);
}

#[test]
fn a_lock_whose_file_was_removed_is_not_taken_for_the_new_one() {
    let parent = tempfile::tempdir().unwrap();
    let store = LocalStore::new(parent.path());
    let Lock::Held(_first) = store.lock("_lakeseed/lock").unwrap() else {
        panic!("free")
    };
    // Who removes a lock's file gives the name free: the next one has a lock of its own.
    fs::remove_file(parent.path().join("_lakeseed/lock")).unwrap();
    let Lock::Held(_second) = store.lock("_lakeseed/lock").unwrap() else {
        panic!("free again")
    };
    assert!(matches!(store.lock("_lakeseed/lock").unwrap(), Lock::Taken));
}

#[test]
fn many_at_once_make_and_remove_the_same_folder() {
    let parent = tempfile::tempdir().unwrap();
    let root = parent.path().join("out");
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let root = &root;
            scope.spawn(move || {
                let store = LocalStore::new(root);
                let name = format!("_lakeseed/{worker}");
                for _ in 0..200 {
                    store.check().unwrap();
                    store.replace(&name, b"x").unwrap();
                    store.remove(&name).unwrap();
                }
            });
        }
    });
    assert_eq!(files(&root), Vec::<String>::new());
}

/// To Unix it is a letter.
#[cfg(unix)]
#[test]
fn a_backslash_in_a_name_stays() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(r"a\b.json"), "{}").unwrap();
    let store = LocalStore::new(folder.path());
    let found = store.list("", 10).unwrap();
    assert_eq!(found[0].name, r"a\b.json");
    assert_eq!(store.get(&found[0].name).unwrap().unwrap(), b"{}");
}
