//! `object_store` as the client, without retries of its own and with blocking calls.

use futures_util::TryStreamExt as _;
use lakeseed_test_s3::Server;
use object_store::aws::{AmazonS3, AmazonS3Builder, AwsAuthorizer, AwsCredential};
use object_store::client::{
    ClientOptions, HttpConnector as _, HttpRequest, HttpRequestBody, ReqwestConnector,
};
use object_store::path::Path;
use object_store::{
    Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, RetryConfig,
};
use std::future::Future;
use std::time::Duration;

/// How long the client waits for an answer: short, as only the tests of hangs use it up.
const TIMEOUT: Duration = Duration::from_secs(1);

/// A client of one server. Every call is one request.
pub(crate) struct Client {
    pub(crate) store: AmazonS3,
    runtime: tokio::runtime::Runtime,
    endpoint: String,
    credential: AwsCredential,
}

impl Client {
    pub(crate) fn of(server: &Server) -> Self {
        Self::with(
            server,
            server.access_key(),
            server.secret_key(),
            server.session_token(),
        )
    }

    pub(crate) fn with(server: &Server, access: &str, secret: &str, token: Option<&str>) -> Self {
        Self::new(server.endpoint(), server.bucket(), access, secret, token)
    }

    pub(crate) fn new(
        endpoint: &str,
        bucket: &str,
        access: &str,
        secret: &str,
        token: Option<&str>,
    ) -> Self {
        let retry = RetryConfig {
            max_retries: 0,
            retry_timeout: Duration::ZERO,
            ..Default::default()
        };
        let mut builder = AmazonS3Builder::new()
            .with_endpoint(endpoint)
            .with_region("us-east-1")
            .with_bucket_name(bucket)
            .with_access_key_id(access)
            .with_secret_access_key(secret)
            .with_retry(retry)
            .with_client_options(options());
        if let Some(token) = token {
            builder = builder.with_token(token);
        }
        Self {
            store: builder.build().unwrap(),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
            endpoint: endpoint.to_owned(),
            credential: AwsCredential {
                key_id: access.to_owned(),
                secret_key: secret.to_owned(),
                token: token.map(str::to_owned),
            },
        }
    }

    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    pub(crate) fn put(&self, key: &str, body: &[u8]) -> Result<(), Error> {
        self.run(self.store.put(&Path::from(key), body.to_vec().into()))
            .map(drop)
    }

    pub(crate) fn put_new(&self, key: &str, body: &[u8]) -> Result<(), Error> {
        let options = PutOptions::from(PutMode::Create);
        self.run(
            self.store
                .put_opts(&Path::from(key), body.to_vec().into(), options),
        )
        .map(drop)
    }

    pub(crate) fn get(&self, key: &str) -> Result<Vec<u8>, Error> {
        self.run(async {
            Ok(self
                .store
                .get(&Path::from(key))
                .await?
                .bytes()
                .await?
                .to_vec())
        })
    }

    pub(crate) fn get_range(&self, key: &str, range: GetRange) -> Result<Vec<u8>, Error> {
        let options = GetOptions {
            range: Some(range),
            ..Default::default()
        };
        self.run(async {
            Ok(self
                .store
                .get_opts(&Path::from(key), options)
                .await?
                .bytes()
                .await?
                .to_vec())
        })
    }

    pub(crate) fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, Error> {
        let prefix = Path::from(prefix);
        let found: Vec<_> = self.run(self.store.list(Some(&prefix)).try_collect())?;
        Ok(found
            .into_iter()
            .map(|meta| (meta.location.to_string(), meta.size))
            .collect())
    }

    /// One signed request of any kind: its status and its body.
    pub(crate) fn send(&self, method: &str, target: &str, body: &[u8]) -> (u16, String) {
        let mut request = HttpRequest::new(HttpRequestBody::from(body.to_vec()));
        *request.method_mut() = method.parse().unwrap();
        *request.uri_mut() = format!("{}{target}", self.endpoint).parse().unwrap();
        AwsAuthorizer::new(&self.credential, "s3", "us-east-1").authorize(&mut request, None);
        self.run(async {
            let client = ReqwestConnector::default().connect(&options()).unwrap();
            let answer = client.execute(request).await.unwrap();
            let status = answer.status().as_u16();
            let body = answer.into_body().bytes().await.unwrap();
            (status, String::from_utf8(body.to_vec()).unwrap())
        })
    }
}

fn options() -> ClientOptions {
    ClientOptions::new()
        .with_allow_http(true)
        .with_timeout(TIMEOUT)
}
