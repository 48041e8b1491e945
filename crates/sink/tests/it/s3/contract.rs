//! What every call of the store promises, on a server that behaves.

use std::collections::BTreeSet;
use std::io::Read;

use lakeseed_sink::{Lock, PutNew, Store};

use super::part;

const MIB: usize = 1 << 20;

/// All of it, on an empty prefix, which is empty again afterwards.
pub(super) fn check(store: &dyn Store) {
    store.check().unwrap();
    assert_eq!(store.list("", 10).unwrap(), [], "the check leaves nothing");
    small_files(store);
    logs(store);
    parts(store);
    leftovers(store);
    assert!(matches!(store.lock("x").unwrap(), Lock::Unsupported));
    assert_eq!(store.list("", 10).unwrap(), []);
}

fn small_files(store: &dyn Store) {
    let name = "_lakeseed/plan é=1%2F+&.json";
    assert_eq!(store.get(name).unwrap(), None);
    assert!(store.open(name).unwrap().is_none());
    store.remove(name).unwrap();
    assert_eq!(store.put_new(name, b"one").unwrap(), PutNew::Written);
    assert_eq!(store.put_new(name, b"one").unwrap(), PutNew::Written);
    assert_eq!(store.put_new(name, b"two").unwrap(), PutNew::Taken);
    assert_eq!(store.get(name).unwrap().unwrap(), b"one");
    store.replace(name, b"three").unwrap();
    assert_eq!(store.get(name).unwrap().unwrap(), b"three");
    let listed = store.list("_lakeseed/pl", 10).unwrap();
    assert_eq!(
        (listed.len(), listed[0].name.as_str(), listed[0].bytes),
        (1, name, 5)
    );
    store.replace("empty", b"").unwrap();
    assert_eq!(store.get("empty").unwrap().unwrap(), b"");
    let mut read = Vec::new();
    store
        .open("empty")
        .unwrap()
        .unwrap()
        .read_to_end(&mut read)
        .unwrap();
    assert_eq!(read, b"");
    store.remove("empty").unwrap();
    store.remove(name).unwrap();
    assert_eq!(store.get(name).unwrap(), None);
    assert!(store.replace("../up", b"x").is_err());
    assert!(store.replace("a//b", b"x").is_err());
}

fn logs(store: &dyn Store) {
    assert!(store.logged("_lakeseed/log").unwrap().is_empty());
    store.remove_log("_lakeseed/log").unwrap();
    let lines: BTreeSet<Vec<u8>> = (0..40).map(|n| format!("line {n}").into_bytes()).collect();
    for (number, line) in lines.iter().enumerate() {
        store
            .log("_lakeseed/log", &format!("key-{number}"), line)
            .unwrap();
        store
            .log("_lakeseed/log", &format!("key-{number}"), line)
            .unwrap();
    }
    assert!(store.log("_lakeseed/log", "key-0", b"another").is_err());
    store
        .log("_lakeseed/log2", "key-0", b"not of this log")
        .unwrap();
    let logged: BTreeSet<_> = store.logged("_lakeseed/log").unwrap().into_iter().collect();
    assert_eq!(logged, lines);
    // What a log consists of is found by the log's name alone.
    let all = store.list("_lakeseed/log", 100).unwrap();
    assert_eq!(all.len(), lines.len() + 1, "{all:?}");
    let few = store.list("_lakeseed/log/", 7).unwrap();
    let names: Vec<_> = few.iter().map(|found| found.name.as_str()).collect();
    assert_eq!(names.len(), 7);
    assert!(
        names.is_sorted()
            && names
                .iter()
                .all(|name| name.starts_with("_lakeseed/log/key-"))
    );
    store.remove_log("_lakeseed/log").unwrap();
    assert!(store.logged("_lakeseed/log").unwrap().is_empty());
    assert_eq!(store.logged("_lakeseed/log2").unwrap().len(), 1);
    store.remove_log("_lakeseed/log2").unwrap();
}

/// Sizes around one buffer and two, written in odd pieces.
fn parts(store: &dyn Store) {
    let sizes = [0, 1, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 21 * MIB + 5];
    let paths: Vec<_> = (0..=sizes.len()).map(part).collect();
    for (path, size) in paths.iter().zip(sizes) {
        let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        let mut writer = store.create(path, size as u64).unwrap();
        for piece in bytes.chunks(3 * MIB + 7) {
            writer.write(piece).unwrap();
        }
        assert_eq!(
            store.get(path.as_str()).unwrap(),
            None,
            "not before it is finished"
        );
        assert_eq!(writer.finish().unwrap(), size as u64);
        store.publish(path).unwrap();
        let mut read = Vec::new();
        store
            .open(path.as_str())
            .unwrap()
            .unwrap()
            .read_to_end(&mut read)
            .unwrap();
        assert!(read == bytes, "{size} bytes come back");
    }
    store.settle().unwrap();
    let mut expected: Vec<_> = sizes.iter().map(|size| Some(*size as u64)).collect();
    expected.push(None);
    assert_eq!(store.finished(&paths).unwrap(), expected);
    assert_eq!(store.finished(&paths[6..]).unwrap(), [None]);
    assert_eq!(store.finished(&[]).unwrap(), []);
    // What is finished stays, until it is removed by name.
    store.discard(&paths).unwrap();
    assert_eq!(store.finished(&paths).unwrap(), expected);
    for path in &paths {
        store.remove(path.as_str()).unwrap();
    }
    assert_eq!(store.finished(&paths).unwrap(), [None; 7]);
}

/// A writer that dies without a word: its upload stays, and goes when it is discarded.
fn leftovers(store: &dyn Store) {
    let (mine, other) = (part(70), part(700));
    let mut survivor = store.create(&other, 0).unwrap();
    survivor.write(&vec![1; 8 * MIB]).unwrap();
    let mut dead = store.create(&mine, 0).unwrap();
    dead.write(&vec![1; 8 * MIB]).unwrap();
    std::mem::forget(dead);
    store.discard(std::slice::from_ref(&mine)).unwrap();
    // The upload of the other key is untouched.
    survivor.write(&[2]).unwrap();
    assert_eq!(survivor.finish().unwrap(), 8 * MIB as u64 + 1);
    let both = [mine, other];
    store.discard(&both).unwrap();
    let whole = Some(8 * MIB as u64 + 1);
    assert_eq!(store.finished(&both).unwrap(), [None, whole]);
    store.remove(both[1].as_str()).unwrap();
}
