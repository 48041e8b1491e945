//! The temporary folder.

use std::collections::HashMap;
use std::sync::Arc;

use lakeseed_budget::Budget;
use lakeseed_star_schema::{Error, Settings, Source, Star, Statement, Stop, Strategy};

use crate::common::{Kept, ROOMY, Way, settings};
use crate::equal::rows;

fn run(settings: &Settings) -> Result<(), Error> {
    let source: Arc<dyn Source> = Arc::new(rows(9, 2, 1_000, 0));
    let sources = HashMap::from([("t".to_owned(), source)]);
    let statement = Statement {
        table: "made".to_owned(),
        place: "made.sql".to_owned(),
        sql: "SELECT id, count(*) FROM t GROUP BY id".to_owned(),
    };
    let star = Star::try_new(&sources, &[statement], settings)?;
    star.run(
        settings,
        &Budget::new(ROOMY),
        &Kept::default(),
        &(),
        &Stop::new(),
    )?;
    Ok(())
}

fn scatter() -> Way {
    Way::new(Some(Strategy::Scatter), 1, ROOMY)
}

#[test]
fn what_dead_runs_left_is_swept_and_living_ones_are_not() {
    let base = tempfile::tempdir().unwrap();
    let path = |name: &str| base.path().join(name);
    std::fs::create_dir(path("lakeseed-star-1-0")).unwrap();
    std::fs::write(path("lakeseed-star-1-0/000000"), "left").unwrap();
    std::fs::write(path("lakeseed-star-1-0.lock"), "").unwrap();
    std::fs::create_dir(path("lakeseed-star-2-0")).unwrap();
    std::fs::write(path("lakeseed-star-2-0.lock"), "").unwrap();
    let living = std::fs::File::open(path("lakeseed-star-2-0.lock")).unwrap();
    living.lock().unwrap();
    std::fs::create_dir(path("somebody-else")).unwrap();

    run(&settings(&scatter(), base.path())).unwrap();
    let mut names: Vec<_> = std::fs::read_dir(base.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "lakeseed-star-2-0",
            "lakeseed-star-2-0.lock",
            "somebody-else"
        ]
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_folder_in_memory_is_refused_unless_forced() {
    let Ok(base) = tempfile::tempdir_in("/dev/shm") else {
        return;
    };
    let mut settings = settings(&scatter(), base.path());
    settings.temp_in_memory = false;
    let error = run(&settings).unwrap_err();
    assert!(
        matches!(&error, Error::Temp { problem, .. } if problem.contains("lives in memory")),
        "{error:?}"
    );
    settings.temp_in_memory = true;
    run(&settings).unwrap();
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = run(&settings(&scatter(), &file)).unwrap_err();
    assert!(
        matches!(&error, Error::Temp { folder, .. } if folder.ends_with("file")),
        "{error:?}"
    );
}
