//! The server and its life.

use crate::fault::Faults;
use crate::front::Front;
use crate::lock;
use crate::pause::{Moment, Paused};
use crate::request::{Kind, Request};
use crate::settings::Settings;
use crate::store::{Keys, Store, Tokens};
use crate::tls::Tls;
use crate::uploads::{Upload, Uploads};
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use std::{fs, io};
use tempfile::TempDir;
use tokio::runtime;
use tokio::sync::oneshot;

/// An object that the server holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    /// Its bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// A running server. Dropping it stops it, breaks its connections, and removes its temporary folder.
pub struct Server {
    endpoint: String,
    ca_pem: Option<String>,
    settings: Settings,
    root: PathBuf,
    front: Arc<Front>,
    uploads: Arc<Uploads>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    // The last field: the folder goes when nothing writes to it any more.
    _folder: Option<TempDir>,
}

impl Server {
    /// Starts a server on the loopback. It answers when this returns.
    ///
    /// # Panics
    ///
    /// When the port is taken, or the folder cannot be made.
    pub fn start(settings: Settings) -> Self {
        Self::try_start(settings).expect("the S3 server of the tests does not start")
    }

    /// Like [`start`](Self::start).
    ///
    /// # Errors
    ///
    /// When the port is taken, or the folder cannot be made.
    pub fn try_start(settings: Settings) -> io::Result<Self> {
        let folder = if settings.folder.is_none() {
            Some(TempDir::new()?)
        } else {
            None
        };
        let root = match (&settings.folder, &folder) {
            (Some(given), _) => given.clone(),
            (None, Some(made)) => made.path().to_owned(),
            (None, None) => PathBuf::new(),
        };
        for bucket in &settings.buckets {
            fs::create_dir_all(root.join(bucket))?;
        }
        let root = root.canonicalize()?;
        let files =
            FileSystem::new(&root).map_err(|error| io::Error::other(format!("{error:?}")))?;
        let uploads = Arc::new(Uploads::default());
        let store = Store::new(files, root.clone(), Arc::clone(&uploads));
        let mut builder = S3ServiceBuilder::new(store);
        builder.set_auth(Keys {
            access: settings.access_key.clone(),
            secret: settings.secret_key.clone(),
        });
        builder.set_access(Tokens(settings.session_token.clone()));
        let front = Arc::new(Front::new(builder.build(), &settings));

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, settings.port))?;
        listener.set_nonblocking(true)?;
        let tls = settings.tls.then(Tls::new).transpose()?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let endpoint = format!("{scheme}://{}", listener.local_addr()?);
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("s3-server".to_owned())
            .spawn({
                let front = Arc::clone(&front);
                let tls = tls.clone();
                move || {
                    runtime.block_on(accept(listener, tls, front, stopped));
                    // Writes to files that have begun end first.
                    runtime.shutdown_timeout(Duration::from_secs(10));
                }
            })?;
        Ok(Self {
            endpoint,
            ca_pem: tls.map(|tls| tls.ca_pem),
            settings,
            root,
            front,
            uploads,
            stop: Some(stop),
            thread: Some(thread),
            _folder: folder,
        })
    }

    /// Its address, `http://127.0.0.1:PORT`, or `https` with [`Settings::tls`].
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The certificate of the authority that vouches for it, where it speaks TLS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// The access key that it lets in.
    pub fn access_key(&self) -> &str {
        &self.settings.access_key
    }

    /// The secret key that belongs to it.
    pub fn secret_key(&self) -> &str {
        &self.settings.secret_key
    }

    /// The session token that it asks for.
    pub fn session_token(&self) -> Option<&str> {
        self.settings.session_token.as_deref()
    }

    /// The first of its buckets; empty when it was started without any.
    pub fn bucket(&self) -> &str {
        self.settings.buckets.first().map_or("", String::as_str)
    }

    /// The folder that holds the objects of [`bucket`](Self::bucket), each as a file.
    pub fn bucket_path(&self) -> PathBuf {
        self.root.join(self.bucket())
    }

    /// The usual variables with which a child process finds and enters it.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            ("AWS_ACCESS_KEY_ID", self.access_key().to_owned()),
            ("AWS_SECRET_ACCESS_KEY", self.secret_key().to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
        ];
        if let Some(token) = self.session_token() {
            variables.push(("AWS_SESSION_TOKEN", token.to_owned()));
        }
        variables
    }

    /// The plan of faults.
    pub fn faults(&self) -> &Faults {
        &self.front.faults
    }

    /// All requests so far, in the order in which they came.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.front.log).clone()
    }

    /// How many requests of a kind came so far.
    pub fn count(&self, kind: Kind) -> usize {
        lock(&self.front.log)
            .iter()
            .filter(|request| request.kind == kind)
            .count()
    }

    /// The longest row of requests so far, each of which came after the answer to the one before
    /// ([`Request::row`]).
    pub fn longest_row(&self) -> u64 {
        let log = lock(&self.front.log);
        log.iter().map(|request| request.row).max().unwrap_or(0)
    }

    /// Holds the nth request of a kind from now, 1 being the next, at a moment.
    pub fn pause_at(&self, kind: Kind, nth: u64, moment: Moment) -> Paused {
        self.front.pauses.add(kind, nth, moment)
    }

    /// The multipart uploads that were neither completed nor aborted, by bucket and key.
    pub fn uploads(&self) -> Vec<Upload> {
        self.uploads.open()
    }

    /// All objects, by bucket and key.
    ///
    /// # Panics
    ///
    /// When the server's folder cannot be read.
    pub fn objects(&self) -> Vec<Object> {
        let mut objects = Vec::new();
        for entry in fs::read_dir(&self.root).expect("the server's folder can be read") {
            let entry = entry.expect("the server's folder can be read");
            if entry.path().is_dir() {
                let bucket = entry.file_name().to_string_lossy().into_owned();
                collect(&entry.path(), &bucket, "", &mut objects);
            }
        }
        objects.sort();
        objects
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic on that thread has been printed already.
            let _ = thread.join();
        }
    }
}

async fn accept(
    listener: tokio::net::TcpListener,
    tls: Option<Tls>,
    front: Arc<Front>,
    mut stopped: oneshot::Receiver<()>,
) {
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            stream = listener.accept() => match stream {
                Ok((stream, _)) => {
                    // Else the second half of an answer waits 40 ms for the client to confirm the
                    // first. Where it cannot be set, answers are slow and right.
                    let _ = stream.set_nodelay(true);
                    let front = Arc::clone(&front);
                    match tls.clone() {
                        None => tokio::spawn(front.serve(stream)),
                        Some(tls) => tokio::spawn(async move {
                            // A client that does not trust us goes, and says why to its user.
                            if let Ok(stream) = tls.acceptor.accept(stream).await {
                                front.serve(stream).await;
                            }
                        }),
                    };
                }
                // Out of file handles, or a client that left at once: the next may fare better.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
        }
    }
}

/// Objects may come and go while this reads: what has gone is left out.
fn collect(folder: &Path, bucket: &str, prefix: &str, objects: &mut Vec<Object>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let key = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let Ok(about) = entry.metadata() else {
            continue;
        };
        if about.is_dir() {
            collect(&entry.path(), bucket, &format!("{key}/"), objects);
        } else {
            objects.push(Object {
                bucket: bucket.to_owned(),
                key,
                bytes: about.len(),
            });
        }
    }
}
