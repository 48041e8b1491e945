//! The same checks on a bucket.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use lakeseed_sink::s3::{Environment, S3Options, S3Store};
use lakeseed_sink::{FindingKind, Findings, Store, Verify, open_finished};
use lakeseed_test_s3::{Server, Settings};

use crate::support::{kinds, of_kind, pets, some_formats, verify, write};

fn store(server: &Server) -> Arc<S3Store> {
    let variables = server.environment();
    let options = S3Options {
        environment: Environment::new(move |name| {
            let (_, value) = variables.iter().find(|(known, _)| *known == name)?;
            Some(value.clone())
        }),
        ..S3Options::default()
    };
    let url = format!("s3://{}/out", server.bucket());
    Arc::new(S3Store::open(&url, options).unwrap())
}

fn quick(store: &Arc<S3Store>) -> Findings {
    let store = Arc::clone(store) as Arc<dyn Store>;
    Verify::new(store).quick(true).run().unwrap()
}

#[test]
fn a_bucket_is_clean_until_something_is_wrong() {
    let rows = pets(600);
    for format in some_formats() {
        let server = Server::start(Settings::default());
        let store = store(&server);
        let look = || verify(Arc::clone(&store) as Arc<dyn Store>, &rows);
        write(store.as_ref(), format, &rows, 2, false);
        let found = look();
        assert_eq!(kinds(&found), [], "{format}: {found:#?}");
        assert_eq!((found.parts, found.rows_compared), (2, 600), "{format}");
        assert_eq!(kinds(&quick(&store)), [], "{format}");

        let manifest = open_finished(store.as_ref()).unwrap();
        let parts: Vec<_> = manifest.parts().map(|part| part.path.clone()).collect();
        let at = |path: &str| -> PathBuf { server.bucket_path().join("out").join(path) };
        let right = fs::read(at(&parts[1])).unwrap();

        // One byte, in the second part.
        let mut wrong = right.clone();
        wrong[right.len() / 2] ^= 0x10;
        fs::write(at(&parts[1]), &wrong).unwrap();
        let found = look();
        let digest = of_kind(&found, FindingKind::Digest);
        assert_eq!(digest.len(), 1, "{format}: {found:#?}");
        assert_eq!(digest[0].part.as_ref(), Some(&parts[1]), "{format}");

        // No object.
        store.remove(&parts[1]).unwrap();
        for found in [look(), quick(&store)] {
            let missing = of_kind(&found, FindingKind::Missing);
            assert_eq!(missing.len(), 1, "{format}: {found:#?}");
            assert_eq!(missing[0].part.as_ref(), Some(&parts[1]), "{format}");
        }

        // One that nobody of ours has written.
        fs::write(at(&parts[1]), &right).unwrap();
        store.replace("pets/mine.csv", b"id\n1\n").unwrap();
        for found in [look(), quick(&store)] {
            let told = of_kind(&found, FindingKind::Stranger);
            assert_eq!(told.len(), 1, "{format}: {found:#?}");
            assert_eq!(told[0].part.as_deref(), Some("pets/mine.csv"), "{format}");
            assert_eq!(found.errors().count(), 0, "{format}: {found:#?}");
        }
    }
}
