//! What a server is started with.

use std::path::PathBuf;
use std::time::Duration;

/// How a [`Server`](crate::Server) is set up: keys, buckets, port and folder.
///
/// The default has one bucket, `lake`, made-up keys, no session token, a free port, and a temporary
/// folder that goes with the server.
///
/// ```
/// use lakeseed_test_s3::Settings;
///
/// let settings = Settings::default().buckets(["raw", "curated"]).session_token("a-token");
/// # drop(settings);
/// ```
#[derive(Debug, Clone)]
pub struct Settings {
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    pub(crate) session_token: Option<String>,
    pub(crate) buckets: Vec<String>,
    pub(crate) port: u16,
    pub(crate) folder: Option<PathBuf>,
    pub(crate) tls: bool,
    pub(crate) identity_token: Option<String>,
    pub(crate) link_bytes_per_second: Option<u64>,
    pub(crate) latency: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            access_key: "LAKESEEDTESTKEY".to_owned(),
            secret_key: "lakeseed-test-secret".to_owned(),
            session_token: None,
            buckets: vec!["lake".to_owned()],
            port: 0,
            folder: None,
            tls: false,
            identity_token: None,
            link_bytes_per_second: None,
            latency: Duration::ZERO,
        }
    }
}

impl Settings {
    /// The pair of keys that is let in.
    pub fn keys(mut self, access: impl Into<String>, secret: impl Into<String>) -> Self {
        self.access_key = access.into();
        self.secret_key = secret.into();
        self
    }

    /// The session token that every request must carry. Without this setting, a request with a token
    /// is refused.
    pub fn session_token(mut self, token: impl Into<String>) -> Self {
        self.session_token = Some(token.into());
        self
    }

    /// The buckets that exist from the start, in place of `lake`.
    pub fn buckets<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.buckets = names.into_iter().map(Into::into).collect();
        self
    }

    /// The port to listen on; 0 takes a free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The folder that holds the objects. It is made when missing, and stays when the server ends.
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Speaks TLS alone, with a certificate for `127.0.0.1` by an authority that is made when the
    /// server starts. [`Server::ca_pem`](crate::Server::ca_pem) is what a client has to trust.
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Takes the bodies of all requests together at no more than so many bytes in a second: a network
    /// instead of a loopback.
    pub fn link(mut self, bytes_per_second: u64) -> Self {
        self.link_bytes_per_second = Some(bytes_per_second);
        self
    }

    /// Answers no request sooner than this: the way to a server and back, and its own time.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Hands out its own keys to whoever shows this token: as STS to `AssumeRoleWithWebIdentity` at
    /// its root, as a container's agent at `/container`, as a machine's metadata service (version 2)
    /// below `/latest`.
    pub fn identity(mut self, token: impl Into<String>) -> Self {
        self.identity_token = Some(token.into());
        self
    }
}
