//! The line to a server: TCP, with TLS on it where that is asked for.
//!
//! The client takes its connections from a reactor. Ours gives it one that is made here, so that TLS is
//! the one of the rest of the program, trust is ours to say, and a line can be cut from outside.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use async_rs::Tokio;
use async_rs::traits::Reactor;
use futures_util::{Stream, TryFutureExt};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::options::Means;
use crate::error::{Error, Result};
use crate::messages::host::Host;

/// How TLS is spoken: whom we trust, and who we are.
pub(super) fn tls(means: &Means) -> Result<TlsConnector> {
    let refused = |what, expected: &str| Error::Invalid {
        what,
        expected: expected.to_owned(),
        found: "something else".to_owned(),
    };
    let certificates = |pem: &str, what| {
        let all: Result<Vec<CertificateDer<'static>>, _> =
            CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        let all = all.ok().filter(|all| !all.is_empty());
        all.ok_or_else(|| refused(what, "certificates as PEM"))
    };
    let mut roots = RootCertStore::empty();
    let trusted = match &means.ca {
        Some(pem) => certificates(pem, "RabbitMQ authority")?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    roots.add_parsable_certificates(trusted);
    let config = ClientConfig::builder().with_root_certificates(roots);
    let config = match &means.identity {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => {
            let what = "RabbitMQ certificate";
            let key = PrivateKeyDer::from_pem_slice(key.reveal().as_bytes())
                .map_err(|_| refused(what, "its key as PEM"))?;
            let certificate = certificates(certificate, what)?;
            let config = config.with_client_auth_cert(certificate, key);
            config.map_err(|_| refused(what, "a certificate and the key of it"))?
        }
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Connects, and shakes hands where TLS is asked for. The second value cuts the line.
pub(super) async fn connect(host: &Host, tls: Option<&TlsConnector>) -> io::Result<(Line, Cut)> {
    let stream = TcpStream::connect((host.name.as_str(), host.port)).await?;
    stream.set_nodelay(true)?;
    let stream = stream.into_std()?;
    let cut = Cut(stream.try_clone()?);
    let stream = TcpStream::from_std(stream)?;
    let Some(tls) = tls else {
        return Ok((Line(Box::new(stream)), cut));
    };
    let name = ServerName::try_from(host.name.clone());
    let name = name.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let stream = tls.connect(name, stream).await?;
    Ok((Line(Box::new(stream)), cut))
}

/// Ends a line: nothing more goes out on it, whoever still holds it.
#[derive(Debug)]
pub(super) struct Cut(std::net::TcpStream);

impl Cut {
    pub(super) fn cut(&self) {
        // One that is closed already is as good.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

trait Both: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Both for T {}

/// A line as the client wants it.
pub(super) struct Line(Box<dyn Both>);

impl futures_io::AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(bytes);
        ready!(Pin::new(&mut self.0).poll_read(context, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }
}

impl futures_io::AsyncWrite for Line {
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

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// Tokio's reactor, whose streams are lines of ours.
#[derive(Debug, Clone)]
pub(super) struct Lines(Tokio);

impl Lines {
    /// On the runtime that this is called in.
    pub(super) fn current() -> Self {
        Self(Tokio::current())
    }
}

impl Reactor for Lines {
    type TcpStream = Line;
    type Sleep = <Tokio as Reactor>::Sleep;

    fn register<H: io::Read + io::Write + Send + 'static>(
        &self,
        _socket: H,
    ) -> io::Result<impl futures_io::AsyncRead + futures_io::AsyncWrite + Send + Unpin + 'static>
    {
        // Nobody asks for it: a line is made whole.
        Err::<Line, _>(io::Error::from(io::ErrorKind::Unsupported))
    }

    fn sleep(&self, time: Duration) -> Self::Sleep {
        self.0.sleep(time)
    }

    fn interval(&self, time: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.0.interval(time)
    }

    fn tcp_connect_addr(
        &self,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        let plain = |stream: TcpStream| Line(Box::new(stream));
        TcpStream::connect(address).map_ok(plain)
    }
}
