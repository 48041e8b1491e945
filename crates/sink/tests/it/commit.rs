//! The local folder: whole or not at all, and what stands there already.

use std::fs;
use std::path::{Path, PathBuf};

use lakeseed_sink::{
    BatchSource, Csv, Error, FolderState, Layout, LocalPlace, Manifest, Output, Parquet, PartPath,
    Place, Plan, Run, TableSpec, inspect, remove_finished,
};

use crate::support::{numbers, small_chunks};

/// All files below a folder, relative, sorted.
pub(crate) fn files(root: &Path) -> Vec<String> {
    fn walk(root: &Path, folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, found);
            } else {
                found.push(
                    path.strip_prefix(root)
                        .unwrap()
                        .to_string_lossy()
                        .replace('\\', "/"),
                );
            }
        }
    }
    let mut found = Vec::new();
    if root.exists() {
        walk(root, root, &mut found);
    }
    found.sort();
    found
}

fn plan(rows: u64, files: u64) -> Plan<'static> {
    Plan::builder(Csv::plain())
        .layout(Layout {
            files: Some(files),
            ..small_chunks()
        })
        .table(TableSpec::new(
            "pets",
            BatchSource::new(numbers(rows)),
            0..rows,
        ))
        .build()
        .unwrap()
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let root = parent.path().join("deep/out");
    (parent, root)
}

fn put(path: PathBuf, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn a_commit_leaves_parts_marks_and_a_manifest() {
    let (_parent, root) = folder();
    let plan = plan(1_000, 2);
    let place = LocalPlace::create(&root).unwrap();
    let report = Run::new(&plan, &place).threads(2).commit().unwrap();
    drop(place);
    let id = plan.id();
    assert_eq!(
        files(&root),
        [
            "_lakeseed/manifest.json".to_owned(),
            "_lakeseed/plan.json".to_owned(),
            "pets/_SUCCESS".to_owned(),
            format!("pets/part-00000-{id}.csv"),
            format!("pets/part-00001-{id}.csv"),
        ]
    );
    let manifest = fs::read(root.join("_lakeseed/manifest.json")).unwrap();
    let manifest = Manifest::from_json(&manifest).unwrap();
    assert_eq!(manifest.bytes(), report.bytes());
    for part in &manifest.tables[0].parts {
        assert_eq!(
            fs::metadata(root.join(&part.path)).unwrap().len(),
            part.bytes
        );
    }
    assert_eq!(
        inspect(&root).unwrap(),
        FolderState::OursFinished {
            plan_id: id.to_owned()
        }
    );
}

#[test]
fn the_same_plan_gives_the_same_tree() {
    let mut trees = Vec::new();
    for threads in [1, 4] {
        let (_parent, root) = folder();
        let place = LocalPlace::create(&root).unwrap();
        Run::new(&plan(2_000, 3), &place)
            .threads(threads)
            .commit()
            .unwrap();
        let tree: Vec<_> = files(&root)
            .into_iter()
            .map(|file| (fs::read(root.join(&file)).unwrap(), file))
            .collect();
        trees.push(tree);
    }
    assert_eq!(trees[0], trees[1]);
}

#[test]
fn before_the_commit_nothing_has_a_final_name() {
    let (_parent, root) = folder();
    let place = LocalPlace::create(&root).unwrap();
    let plan = plan(1_000, 2);
    let paths: Vec<_> = plan.tables()[0]
        .parts()
        .iter()
        .map(|part| part.path.clone())
        .collect();
    place.begin(plan.id(), &paths).unwrap();
    let mut first = place.create(&paths[0]).unwrap();
    first.write(b"half").unwrap();
    first.finish().unwrap();
    let mut second = place.create(&paths[1]).unwrap();
    second.write(b"more").unwrap();
    let hidden = |file: &String| file.rsplit('/').next().unwrap().starts_with('.');
    let standing = files(&root);
    assert_eq!(standing.iter().filter(|file| hidden(file)).count(), 2);
    assert!(
        standing
            .iter()
            .all(|file| hidden(file) || file == "_lakeseed/plan.json")
    );
    // A part that is dropped before its end removes itself, and a place all the rest.
    drop(second);
    assert_eq!(files(&root).len(), 2);
    drop(place);
    assert!(!root.exists(), "{:?}", files(&root));
    assert!(!root.parent().unwrap().exists());
}

#[test]
fn folders_that_were_there_stay() {
    let (_parent, root) = folder();
    fs::create_dir_all(&root).unwrap();
    let place = LocalPlace::create(&root).unwrap();
    let plan = plan(10, 1);
    place.begin(plan.id(), &[]).unwrap();
    drop(place);
    assert!(root.exists());
    assert!(fs::read_dir(&root).unwrap().next().is_none());
}

#[test]
fn an_output_that_is_dropped_does_not_exist() {
    let (_parent, root) = folder();
    let batch = numbers(500);
    let source = BatchSource::new(batch);
    {
        let mut out = Output::create(&root)
            .format(Parquet::zstd(1))
            .open()
            .unwrap();
        out.write_source("pets", 500, source.clone()).unwrap();
        assert!(!files(&root).iter().any(|file| file.ends_with("_SUCCESS")));
    }
    assert!(!root.exists());
    let mut out = Output::create(&root)
        .threads(2)
        .data_id("two tables")
        .open()
        .unwrap();
    out.write_source("pets", 500, source.clone()).unwrap();
    out.write_source("owners", 100, source.clone()).unwrap();
    let report = out.commit().unwrap();
    assert_eq!((report.rows(), report.files()), (600, 2));
    assert_eq!(
        files(&root)
            .iter()
            .filter(|file| file.ends_with("_SUCCESS"))
            .count(),
        2
    );
    let again = Output::create(&root).open().unwrap_err();
    assert!(matches!(again, Error::Exists { .. }));
}

#[test]
fn an_output_that_failed_is_lost_as_a_whole() {
    let (_parent, root) = folder();
    let source = BatchSource::new(numbers(500));
    let mut out = Output::create(&root).open().unwrap();
    out.write_source("pets", 500, source.clone()).unwrap();
    assert!(out.write_source("Pets", 500, source.clone()).is_err());
    assert!(out.write_source("owners", 500, source).is_err());
    assert!(out.commit().is_err());
    assert!(!root.exists());
}

#[test]
fn foreign_things_are_refused_and_left_alone() {
    for (file, text) in [
        ("notes.txt", "mine"),
        ("pets/part-00000.csv", "id"),
        ("pets/_SUCCESS", ""),
        ("_lakeseed/notes", "mine"),
        ("_lakeseed/manifest.json", "{}"),
        (".git/config", ""),
        ("pets/.part-x.inprogress/file", ""),
    ] {
        let (_parent, root) = folder();
        put(root.join(file), text);
        let error = LocalPlace::create(&root).unwrap_err();
        assert!(matches!(&error, Error::Exists { .. }), "{file}: {error}");
        assert!(error.is_refused());
        assert_eq!(files(&root), [file]);
    }
    let (_parent, root) = folder();
    put(root.clone(), "a file");
    let error = LocalPlace::create(&root).unwrap_err().to_string();
    assert!(
        error.ends_with("holds a file of that name already: expected an empty or a new folder")
    );
}

#[test]
fn leftovers_of_a_killed_run_are_swept() {
    // Killed on the way, and killed in the middle of a commit: some parts bear their names.
    for renamed in [0, 1, 2] {
        let (_parent, root) = folder();
        let old = plan(900, 2);
        let paths: Vec<_> = old.tables()[0]
            .parts()
            .iter()
            .map(|part| part.path.clone())
            .collect();
        let place = LocalPlace::create(&root).unwrap();
        place.begin(old.id(), &paths).unwrap();
        for (at, path) in paths.iter().enumerate() {
            let mut part = place.create(path).unwrap();
            part.write(b"old").unwrap();
            part.finish().unwrap();
            if at < renamed {
                let target = path.under(&root);
                let name = format!(
                    ".{}.inprogress",
                    target.file_name().unwrap().to_string_lossy()
                );
                fs::rename(target.with_file_name(name), target).unwrap();
            }
        }
        if renamed == 2 {
            put(root.join("pets/_SUCCESS"), "");
            put(root.join("_lakeseed/manifest.json.inprogress"), "{");
        }
        std::mem::forget(place);
        assert_eq!(inspect(&root).unwrap(), FolderState::OursUnfinished);
        let place = LocalPlace::create(&root).unwrap();
        assert_eq!(files(&root), Vec::<String>::new());
        let new = plan(1_000, 1);
        Run::new(&new, &place).commit().unwrap();
        assert_eq!(files(&root).len(), 4);
    }
}

#[test]
fn leftovers_beside_foreign_files_are_not_swept() {
    let (_parent, root) = folder();
    let old = plan(900, 1);
    let paths = [old.tables()[0].parts()[0].path.clone()];
    let place = LocalPlace::create(&root).unwrap();
    place.begin(old.id(), &paths).unwrap();
    std::mem::forget(place);
    put(root.join("pets/part-00000-other.csv"), "id");
    assert!(matches!(
        inspect(&root).unwrap(),
        FolderState::Foreign { .. }
    ));
    assert!(LocalPlace::create(&root).is_err());
    assert_eq!(files(&root).len(), 2);
}

#[test]
fn a_finished_output_is_removed_whole_or_not_at_all() {
    let (_parent, root) = folder();
    let place = LocalPlace::create(&root).unwrap();
    Run::new(&plan(1_000, 3), &place).commit().unwrap();
    put(root.join("pets/mine.csv"), "id");
    let before = files(&root);
    match remove_finished(&root) {
        Err(Error::Exists { found, .. }) => assert_eq!(found, "`pets/mine.csv`"),
        other => panic!("{other:?}"),
    }
    assert_eq!(files(&root), before);

    let (_parent, root) = folder();
    let place = LocalPlace::create(&root).unwrap();
    Run::new(&plan(1_000, 3), &place).commit().unwrap();
    remove_finished(&root).unwrap();
    assert_eq!(inspect(&root).unwrap(), FolderState::Empty);
}

#[test]
fn a_manifest_cannot_make_us_remove_what_is_outside() {
    for path in ["../../precious", "/etc/precious", "pets/../../../precious"] {
        let (parent, root) = folder();
        put(parent.path().join("precious"), "mine");
        let place = LocalPlace::create(&root).unwrap();
        Run::new(&plan(100, 1), &place).commit().unwrap();
        let at = root.join("_lakeseed/manifest.json");
        let mut manifest = Manifest::from_json(&fs::read(&at).unwrap()).unwrap();
        manifest.tables[0].parts[0].path = path.to_owned();
        fs::write(&at, manifest.to_json().unwrap()).unwrap();
        assert!(remove_finished(&root).is_err());
        assert!(parent.path().join("precious").exists());
        assert!(at.exists());
    }
}

#[test]
fn a_manifest_is_never_written_over_another() {
    let (_parent, root) = folder();
    let place = LocalPlace::create(&root).unwrap();
    let first = plan(100, 1);
    put(root.join("_lakeseed/manifest.json"), "theirs");
    let error = Run::new(&first, &place).commit().unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
    drop(place);
    assert_eq!(files(&root), ["_lakeseed/manifest.json"]);
    assert_eq!(
        fs::read(root.join("_lakeseed/manifest.json")).unwrap(),
        b"theirs"
    );
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_with_its_path() {
    let (parent, root) = folder();
    put(
        parent.path().join("deep"),
        "a file where a folder should be",
    );
    let error = LocalPlace::create(&root)
        .and_then(|place| Run::new(&plan(100, 1), &place).commit().map(drop))
        .unwrap_err();
    let Error::Io { path, .. } = &error else {
        panic!("{error}")
    };
    assert!(path.starts_with(parent.path()), "{error}");
    assert_eq!(files(parent.path()), ["deep"]);
}

#[test]
fn a_name_that_cannot_be_given_leaves_no_part() {
    let (_parent, root) = folder();
    let place = LocalPlace::create(&root).unwrap();
    let parts: Vec<PartPath> = (0..3)
        .map(|number| PartPath::try_new("pets", &[], number, "plan", "csv").unwrap())
        .collect();
    place.begin("plan", &parts).unwrap();
    for part in &parts {
        let mut out = place.create(part).unwrap();
        out.write(b"id\n").unwrap();
        out.finish().unwrap();
    }
    // A folder stands where the second part is to be.
    put(parts[1].under(&root).join("foreign"), "somebody's");
    let manifest = Manifest {
        version: 1,
        written_by: String::new(),
        plan_id: "plan".to_owned(),
        data_id: String::new(),
        format: "csv".to_owned(),
        compression: "none".to_owned(),
        tables: Vec::new(),
    };
    let error = place.publish(&manifest).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error:?}");
    place.abandon();
    assert_eq!(files(&root), ["pets/part-00001-plan.csv/foreign"]);
}
