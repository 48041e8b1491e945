//! Where an output stands in a test of several processes: a folder, or a prefix of a bucket.
//!
//! The server of a bucket lives in the test's process and keeps objects as files, so that both are
//! looked at in the same way.

use std::path::{Path, PathBuf};

use lakeseed_sink::{LocalStore, Store};

use crate::trees::quick;

/// The address of the site, for a child.
const ADDRESS: &str = "LAKESEED_TEST_ADDRESS";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Local,
    #[cfg(feature = "s3")]
    S3,
}

pub(crate) const PLACES: &[Place] = &[
    Place::Local,
    #[cfg(feature = "s3")]
    Place::S3,
];

/// A place for one output.
pub(crate) struct Site {
    pub(crate) place: Place,
    /// The folder in which the output's files stand, whatever the place.
    pub(crate) root: PathBuf,
    #[cfg(feature = "s3")]
    pub(crate) server: Option<lakeseed_test_s3::Server>,
    parent: tempfile::TempDir,
}

impl Site {
    pub(crate) fn new(place: Place) -> Self {
        let parent = quick();
        match place {
            Place::Local => Self {
                place,
                root: parent.path().join("out"),
                #[cfg(feature = "s3")]
                server: None,
                parent,
            },
            #[cfg(feature = "s3")]
            Place::S3 => {
                let folder = parent.path().join("server");
                let settings = lakeseed_test_s3::Settings::default().folder(folder);
                let server = lakeseed_test_s3::Server::start(settings);
                Self {
                    place,
                    root: server.bucket_path().join("out"),
                    server: Some(server),
                    parent,
                }
            }
        }
    }

    /// A folder beside the output, which goes with it.
    pub(crate) fn beside(&self) -> &Path {
        self.parent.path()
    }

    pub(crate) fn store(&self) -> Box<dyn Store> {
        let variables = self.variables();
        let find = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.clone())
        };
        open(&find(ADDRESS).unwrap(), find)
    }

    /// What a child needs to find its way.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        #[cfg(feature = "s3")]
        if let Some(server) = &self.server {
            let mut variables = server.environment();
            variables.push((ADDRESS, format!("s3://{}/out", server.bucket())));
            return variables;
        }
        vec![(ADDRESS, self.root.to_str().unwrap().to_owned())]
    }

    /// Uploads that were neither completed nor aborted.
    pub(crate) fn uploads(&self) -> Vec<String> {
        match self.place {
            Place::Local => Vec::new(),
            #[cfg(feature = "s3")]
            Place::S3 => {
                let uploads = self
                    .server
                    .iter()
                    .flat_map(lakeseed_test_s3::Server::uploads);
                uploads.map(|upload| format!("{upload:?}")).collect()
            }
        }
    }
}

/// In a child: the store of the site that the parent has named; `None` where nobody did.
pub(crate) fn named() -> Option<Box<dyn Store>> {
    let address = std::env::var(ADDRESS).ok()?;
    Some(open(&address, |name| std::env::var(name).ok()))
}

fn open(address: &str, variable: impl Fn(&str) -> Option<String>) -> Box<dyn Store> {
    #[cfg(feature = "s3")]
    if address.starts_with("s3://") {
        use lakeseed_sink::s3::{Environment, S3Options, S3Store};
        let names = [
            "AWS_ENDPOINT_URL",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_REGION",
        ];
        let found = names.map(|name| (name, variable(name)));
        let options = S3Options {
            environment: Environment::new(move |name| {
                let (_, value) = found.iter().find(|(known, _)| *known == name)?;
                value.clone()
            }),
            ..S3Options::default()
        };
        return Box::new(S3Store::open(address, options).unwrap());
    }
    let _ = variable;
    Box::new(LocalStore::new(address))
}
