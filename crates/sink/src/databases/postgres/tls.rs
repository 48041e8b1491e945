//! TLS under the client: the rustls of the rest of the program, and whom we trust.

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::address::{Address, SslMode};
use crate::error::{Error, Result};

/// How TLS is spoken, for the client.
#[derive(Clone)]
pub(super) struct Tls(TlsConnector);

impl Tls {
    /// By what the address asks for. `prefer`, and `require` without an authority, encrypt and take any
    /// server for the right one, as libpq does.
    pub(super) fn of(address: &Address) -> Result<Self> {
        let provider = Arc::new(ring::default_provider());
        let is_checked = match address.ssl {
            SslMode::VerifyFull => true,
            SslMode::Require => address.ca.is_some(),
            SslMode::Disable | SslMode::Prefer => false,
        };
        let config = ClientConfig::builder_with_provider(provider.clone());
        let config = config
            .with_safe_default_protocol_versions()
            .map_err(Error::encode("TLS"))?;
        let config = if is_checked {
            config.with_root_certificates(roots(address.ca.as_deref())?)
        } else {
            let anybody = Arc::new(Anybody(provider));
            config.dangerous().with_custom_certificate_verifier(anybody)
        };
        let config = config.with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }
}

/// The authorities of a file, or those of the system.
fn roots(ca: Option<&Path>) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let trusted = match ca {
        None => rustls_native_certs::load_native_certs().certs,
        Some(path) => {
            let pem = std::fs::read(path).map_err(Error::io("read", path))?;
            let all: Result<Vec<CertificateDer<'static>>, _> =
                CertificateDer::pem_slice_iter(&pem).collect();
            let all = all.ok().filter(|all| !all.is_empty());
            all.ok_or_else(|| Error::Invalid {
                what: "sslrootcert",
                expected: "certificates as PEM".to_owned(),
                found: "something else".to_owned(),
            })?
        }
    };
    roots.add_parsable_certificates(trusted);
    Ok(roots)
}

/// Takes any certificate: the line is encrypted, and nobody says by whom.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

type Verified<T> = Result<T, tokio_rustls::rustls::Error>;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Verified<ServerCertVerified> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Verified<HandshakeSignatureValid> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Verified<HandshakeSignatureValid> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

impl<S> MakeTlsConnect<S> for Tls
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Line<S>;
    type TlsConnect = Handshake;
    type Error = io::Error;

    fn make_tls_connect(&mut self, domain: &str) -> io::Result<Handshake> {
        // Where no TLS is asked for, as over a socket's file, the name is not looked at either.
        let name = ServerName::try_from(domain.to_owned()).ok();
        Ok(Handshake {
            connector: self.0.clone(),
            name,
        })
    }
}

/// A handshake that is about to be.
pub(super) struct Handshake {
    connector: TlsConnector,
    name: Option<ServerName<'static>>,
}

impl<S> TlsConnect<S> for Handshake
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Line<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Line<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let name = self.name.ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "no name to check the server by",
                )
            })?;
            let stream = self.connector.connect(name, stream).await?;
            Ok(Line(Box::new(stream)))
        })
    }
}

/// A line with TLS on it, as the client wants it.
pub(super) struct Line<S>(Box<tokio_rustls::client::TlsStream<S>>);

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Line<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Line<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Line<S> {
    /// None: it would take a reader of certificates to name the digest that one is bound to.
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}
