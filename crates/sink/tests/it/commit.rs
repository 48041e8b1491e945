//! A local folder after a commit, before one, and where other things stand already.

use std::fs;

use lakeseed_sink::{
    Error, LocalStore, Manifest, Mode, Run, Shard, Standing, inspect, open_finished,
};

use crate::trees::{files, folder, interrupt, put, tree, two_tables, visible};

#[test]
fn a_commit_leaves_parts_marks_a_plan_and_a_manifest() {
    let (_parent, root) = folder();
    let plan = two_tables(1_000, 2);
    let store = LocalStore::new(&root);
    let report = Run::new(&plan, &store).threads(2).commit().unwrap();
    let id = plan.id();
    let expected = [
        "_lakeseed/manifest-000001.json".to_owned(),
        format!("_lakeseed/plan-{id}.json"),
        "owners/_SUCCESS".to_owned(),
        format!("owners/part-00000-{id}.csv"),
        format!("owners/part-00001-{id}.csv"),
        "pets/_SUCCESS".to_owned(),
        format!("pets/part-00000-{id}.csv"),
        format!("pets/part-00001-{id}.csv"),
    ];
    assert_eq!(files(&root), expected);
    let manifest = open_finished(&store).unwrap();
    assert_eq!(
        (manifest.bytes(), manifest.rows(), report.written),
        (report.bytes(), report.rows(), true)
    );
    for part in manifest.parts() {
        let bytes = fs::read(root.join(&part.path)).unwrap();
        assert_eq!(bytes.len() as u64, part.bytes);
        assert_eq!(blake3::hash(&bytes).to_hex().to_string(), part.blake3);
    }
    let Standing {
        finished,
        unfinished,
        foreign,
        ..
    } = inspect(&store).unwrap();
    assert_eq!(finished.unwrap(), manifest);
    assert!(unfinished.is_empty() && foreign.is_none());
}

#[test]
fn the_same_plan_gives_the_same_tree() {
    let mut trees = Vec::new();
    for threads in [1, 4] {
        let (_parent, root) = folder();
        let store = LocalStore::new(&root);
        let plan = two_tables(2_000, 3);
        Run::new(&plan, &store).threads(threads).commit().unwrap();
        trees.push(tree(&root));
    }
    assert_eq!(trees[0], trees[1]);
}

#[test]
fn before_the_commit_nothing_has_a_final_name() {
    for parts in 1..6 {
        let (_parent, root) = folder();
        let plan = two_tables(1_000, 3);
        let error = interrupt(&plan, &LocalStore::new(&root), parts);
        assert!(error.is_stopped());
        assert!(visible(&root).is_empty(), "{:?}", files(&root));
        assert!(!files(&root).iter().any(|file| file.ends_with("_SUCCESS")));
        let again = open_finished(&LocalStore::new(&root)).unwrap_err();
        assert!(matches!(again, Error::Unfinished { .. }));
    }
}

#[test]
fn a_run_that_proved_nothing_leaves_no_trace() {
    let (_parent, root) = folder();
    let plan = two_tables(1_000, 2);
    let error = interrupt(&plan, &LocalStore::new(&root), 0);
    assert!(matches!(error, Error::Stopped), "{error:?}");
    assert!(!root.exists());
    assert!(!root.parent().unwrap().exists());
    // A folder that somebody else has made stays, with what it is.
    fs::create_dir_all(&root).unwrap();
    interrupt(&plan, &LocalStore::new(&root), 0);
    assert!(fs::read_dir(&root).unwrap().next().is_none());
    assert!(inspect(&LocalStore::new(&root)).unwrap().is_empty());
}

#[test]
fn foreign_things_are_refused_and_left_alone() {
    let plan = two_tables(1_000, 2);
    for file in [
        "notes.txt",
        "pets/part-00000.csv",
        "_lakeseed.json",
        ".git/config",
        "pets/.part-x.inprogress/file",
        "_lakeseed/manifest-000001.json",
        "_lakeseed/plan-0123456789abcdef.json",
    ] {
        let (_parent, root) = folder();
        put(root.join(file), "{}");
        let store = LocalStore::new(&root);
        for mode in [Mode::New, Mode::Append, Mode::Overwrite] {
            let error = Run::new(&plan, &store).mode(mode).commit().unwrap_err();
            assert!(matches!(&error, Error::Exists { .. }), "{file}: {error}");
            assert!(error.is_refused() && error.to_string().contains(file));
        }
        assert_eq!(files(&root), [file]);
    }
}

#[test]
fn a_file_in_place_of_the_folder_is_told_apart() {
    let (parent, root) = folder();
    put(&root, "a file");
    let plan = two_tables(1_000, 2);
    let store = LocalStore::new(&root);
    let error = Run::new(&plan, &store).commit().unwrap_err();
    let expected = "out: expected an empty or a new folder, found a file of that name";
    assert!(error.to_string().ends_with(expected), "{error}");
    let standing = inspect(&store).unwrap();
    assert!(standing.foreign.is_some());
    // A file above it is an error with a path.
    let below = LocalStore::new(root.join("below"));
    let error = Run::new(&plan, &below).commit().unwrap_err();
    let (Error::Io { path, .. } | Error::Exists { path, .. }) = &error else {
        panic!("{error}")
    };
    assert!(path.starts_with(parent.path()), "{error}");
    assert_eq!(files(parent.path()), ["deep/out"]);
}

#[test]
fn a_finished_output_refuses_another_plan_and_keeps_its_bytes() {
    let (_parent, root) = folder();
    let store = LocalStore::new(&root);
    Run::new(&two_tables(1_000, 2), &store).commit().unwrap();
    let before = tree(&root);
    let other = two_tables(900, 2);
    let error = Run::new(&other, &store).commit().unwrap_err();
    assert!(matches!(error, Error::OtherPlan { .. }), "{error}");
    put(root.join("pets/mine.csv"), "id");
    for mode in [Mode::New, Mode::Append, Mode::Overwrite] {
        match Run::new(&other, &store).mode(mode).commit() {
            Err(Error::Exists { found, .. }) => assert_eq!(found, "`pets/mine.csv`"),
            other => panic!("{other:?}"),
        }
    }
    fs::remove_file(root.join("pets/mine.csv")).unwrap();
    assert_eq!(tree(&root), before);
}

#[test]
fn a_manifest_is_never_written_over_another() {
    let (_parent, root) = folder();
    let store = LocalStore::new(&root);
    let plan = two_tables(1_000, 2);
    interrupt(&plan, &store, 4);
    let name = "_lakeseed/manifest-000001.json";
    let mut theirs = Manifest {
        data_id: "theirs".to_owned(),
        ..{
            let memory = lakeseed_sink::MemoryStore::new();
            Run::new(&two_tables(10, 1), &memory).commit().unwrap();
            memory.manifest().unwrap()
        }
    };
    theirs.tables.clear();
    let bytes = theirs.to_json().unwrap();
    fs::write(root.join(name), &bytes).unwrap();
    let error = Run::new(&plan, &store).commit().unwrap_err();
    assert!(matches!(error, Error::OtherPlan { .. }), "{error}");
    assert_eq!(fs::read(root.join(name)).unwrap(), bytes);
}

#[test]
fn a_name_that_cannot_be_given_leaves_what_is_proven() {
    let (_parent, root) = folder();
    let store = LocalStore::new(&root);
    let plan = two_tables(1_000, 3);
    let blocked = root.join(plan.tables()[0].parts()[1].path.as_str());
    // An empty folder stands where the second part is to be.
    fs::create_dir_all(&blocked).unwrap();
    let error = Run::new(&plan, &store).commit().unwrap_err();
    match &error {
        Error::Incomplete {
            proven, pending, ..
        } => assert_eq!((*proven, pending.len()), (6, 0)),
        other => panic!("{other:?}"),
    }
    assert!(matches!(error.cause(), Error::Io { .. }), "{error:?}");
    assert!(open_finished(&store).is_err());
    fs::remove_dir(&blocked).unwrap();
    let report = Run::new(&plan, &store).commit().unwrap();
    assert_eq!((report.parts_found, report.made_rows()), (6, 0));
}

#[test]
fn shards_are_counted_from_one() {
    for (index, of) in [(0, 16), (17, 16), (0, 0), (1, 0), (1, 65_537)] {
        let error = Shard::new(index, of).unwrap_err();
        assert!(matches!(error, Error::Invalid { what: "shard", .. }));
    }
    assert_eq!(Shard::new(3, 16).unwrap().to_string(), "3/16");
}
