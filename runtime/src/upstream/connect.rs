//! Opens a connection to one address of an origin, in TLS where the origin says so.

use std::io;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;

use super::group::Member;
use super::wire::Wire;

/// How origins are spoken to over TLS.
#[derive(Clone)]
pub(crate) struct Tls(tokio_rustls::TlsConnector);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// What makes connections.
    pub(crate) const fn connector(&self) -> &tokio_rustls::TlsConnector {
        &self.0
    }
}

/// Trusts the authorities in `pem`, of which there must be one.
pub(crate) fn trust(pem: &[u8]) -> Result<Tls, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| format!("a certificate is damaged: {error}"))?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() {
        return Err("there is no certificate in it".into());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config =
        config.map_err(|error| error.to_string())?.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Tls(Arc::new(config).into()))
}

/// A connection that takes requests.
pub(super) async fn connect(member: &Member, tls: Option<&Tls>) -> io::Result<Box<Wire>> {
    let stream = TcpStream::connect(member.address).await?;
    stream.set_nodelay(true)?;
    if !member.origin.tls {
        return Ok(Box::new(Wire::new(stream)));
    }
    let Some(Tls(connector)) = tls else {
        return Err(io::Error::other("no authority is trusted to name an origin"));
    };
    let name = ServerName::try_from(member.origin.host.to_string()).map_err(io::Error::other)?;
    Ok(Box::new(Wire::new(connector.connect(name, stream).await?)))
}
