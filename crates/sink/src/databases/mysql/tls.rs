//! TLS under the client: whom we trust.

use std::path::Path;

use mysql_async::SslOpts;
use rustls_native_certs::load_native_certs;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

use super::address::{Address, SslMode};
use crate::error::{Error, Result};

/// By what the address asks for. `PREFERRED`, and `REQUIRED` without an authority, encrypt and take any
/// server for the right one, as the `mysql` client does. Over a socket there is none.
pub(super) fn options(address: &Address) -> Result<Option<SslOpts>> {
    if address.socket.is_some() || address.ssl == SslMode::Disabled {
        return Ok(None);
    }
    let is_checked = address.ssl == SslMode::VerifyIdentity || address.ca.is_some();
    if !is_checked {
        return Ok(Some(
            SslOpts::default().with_danger_accept_invalid_certs(true),
        ));
    }
    let roots = roots(address.ca.as_deref())?;
    let roots = roots.into_iter().map(|root| root.to_vec().into());
    // Only those: the client would trust what it brings along besides.
    let options = SslOpts::default().with_disable_built_in_roots(true);
    Ok(Some(options.with_root_certs(roots.collect())))
}

/// The authorities of a file, or those of the system that can be read.
fn roots(ca: Option<&Path>) -> Result<Vec<CertificateDer<'static>>> {
    let Some(path) = ca else {
        let mut known = RootCertStore::empty();
        let mut roots = load_native_certs().certs;
        roots.retain(|root| known.add(root.clone()).is_ok());
        return Ok(roots);
    };
    let pem = std::fs::read(path).map_err(Error::io("read", path))?;
    let all: Result<Vec<CertificateDer<'static>>, _> =
        CertificateDer::pem_slice_iter(&pem).collect();
    let all = all.ok().filter(|all| !all.is_empty());
    all.ok_or_else(|| Error::Invalid {
        what: "ssl-ca",
        expected: "certificates as PEM".to_owned(),
        found: "something else".to_owned(),
    })
}
