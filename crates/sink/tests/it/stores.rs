//! What every place must show, bare and boxed: whole files after a commit, nothing before.

use std::collections::BTreeMap;
use std::fs;

use lakeseed_sink::{
    LocalPlace, MANIFEST_VERSION, Manifest, ManifestPart, ManifestTable, MemoryPlace, PartPath,
    Place,
};

use crate::commit::files;

fn path(number: usize) -> PartPath {
    let partition = [("day".to_owned(), Some("7".to_owned()))];
    PartPath::try_new("pets", &partition, number, "0123456789abcdef", "csv").unwrap()
}

fn manifest(parts: &[PartPath]) -> Manifest {
    let parts = parts.iter().map(|path| ManifestPart {
        path: path.to_string(),
        first_row: 0,
        rows: 1,
        bytes: 1,
    });
    Manifest {
        version: MANIFEST_VERSION,
        written_by: "test".to_owned(),
        plan_id: "0123456789abcdef".to_owned(),
        data_id: "test".to_owned(),
        format: "csv".to_owned(),
        compression: "none".to_owned(),
        tables: vec![ManifestTable {
            name: "pets".to_owned(),
            rows: 1,
            bytes: 1,
            partition_columns: vec!["day".to_owned()],
            parts: parts.collect(),
        }],
    }
}

/// `visible` lists the data files that a reader would take, with their bytes.
fn conforms(place: &dyn Place, visible: &dyn Fn() -> BTreeMap<String, Vec<u8>>) {
    let paths = [path(0), path(1), path(2)];
    place.begin("0123456789abcdef", &paths).unwrap();
    assert!(visible().is_empty());

    // Parts side by side, small writes and large ones, an empty part.
    let large = vec![b'x'; 1 << 20];
    let mut first = place.create(&paths[0]).unwrap();
    let mut second = place.create(&paths[1]).unwrap();
    first.write(b"id\n").unwrap();
    second.write(&large).unwrap();
    first.write(b"1\n").unwrap();
    first.write(b"").unwrap();
    second.write(b"end").unwrap();
    let empty = place.create(&paths[2]).unwrap();
    assert_eq!(second.finish().unwrap(), (1 << 20) + 3);
    assert_eq!(empty.finish().unwrap(), 0);
    assert!(visible().is_empty());

    // A part that was dropped can be made again.
    drop(first);
    let mut first = place.create(&paths[0]).unwrap();
    first.write(b"id\n2\n").unwrap();
    assert_eq!(first.finish().unwrap(), 5);
    assert!(visible().is_empty());

    place.publish(&manifest(&paths)).unwrap();
    let found = visible();
    assert_eq!(found.len(), 3);
    assert_eq!(found[paths[0].as_str()], b"id\n2\n");
    assert_eq!(found[paths[1].as_str()].len(), (1 << 20) + 3);
    assert_eq!(found[paths[2].as_str()], b"");
    // What is published stays.
    place.abandon();
    assert_eq!(visible(), found);
}

#[test]
fn memory_conforms() {
    let place = MemoryPlace::new();
    conforms(&place, &|| place.files());
}

#[test]
fn a_local_folder_conforms() {
    let parent = tempfile::tempdir().unwrap();
    let root = parent.path().join("out");
    let visible = || {
        let hidden = |file: &String| file.split('/').any(|name| name.starts_with(['.', '_']));
        let read = |file: String| (file.clone(), fs::read(root.join(file)).unwrap());
        files(&root)
            .into_iter()
            .filter(|file| !hidden(file))
            .map(read)
            .collect()
    };
    let place: Box<dyn Place> = Box::new(LocalPlace::create(&root).unwrap());
    conforms(place.as_ref(), &visible);
    drop(place);
    assert_eq!(visible().len(), 3);
}
