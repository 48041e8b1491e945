//! Real servers, which `dev/services` starts and environment variables name.

use std::env;
use std::io::{self, Write as _};

/// A real S3 server that tests may use.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its address.
    pub endpoint: String,
    /// An access key that it lets in.
    pub access_key: String,
    /// The secret key that belongs to it.
    pub secret_key: String,
    /// A bucket that exists. Others use it too: a test writes below a prefix of its own.
    pub bucket: String,
}

impl Service {
    /// The service of this name, as `LAKESEED_TEST_<NAME>_ENDPOINT` and its sisters describe it.
    ///
    /// Without the variables it prints `skipped: TEST needs NAME`, past the capture of test output,
    /// and gives None: the test is to return. `.ci/run` starts the services, and fails on such a
    /// line.
    ///
    /// ```
    /// use lakeseed_test_s3::Service;
    ///
    /// let Some(moto) = Service::find("moto", "one_manifest_wins") else { return };
    /// assert!(moto.endpoint.starts_with("http://"));
    /// ```
    ///
    /// # Panics
    ///
    /// When the endpoint is given and one of the others is not.
    pub fn find(name: &str, test: &str) -> Option<Self> {
        let prefix = format!("LAKESEED_TEST_{}", name.to_uppercase());
        let Ok(endpoint) = env::var(format!("{prefix}_ENDPOINT")) else {
            // Not `eprintln!`, which the test harness swallows. Nobody reads a closed stream.
            let _ = writeln!(io::stderr(), "\nskipped: {test} needs {name}");
            return None;
        };
        let rest = |field: &str| {
            let variable = format!("{prefix}_{field}");
            env::var(&variable).unwrap_or_else(|_| panic!("{variable} is not set"))
        };
        Some(Self {
            endpoint,
            access_key: rest("ACCESS_KEY"),
            secret_key: rest("SECRET_KEY"),
            bucket: rest("BUCKET"),
        })
    }
}
