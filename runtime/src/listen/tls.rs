//! Server certificates: chosen by the name a client asks for, reread from disk while connections go on.

use std::io;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::client::verify_server_name;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::client::TlsFacts;
use crate::config::files;

/// Every certificate, and how connections are accepted with them.
#[derive(Clone)]
pub(crate) struct Certificates {
    acceptor: TlsAcceptor,
    table: Arc<Table>,
    pairs: Arc<[Box<str>]>,
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Certificates").field(&self.pairs).finish()
    }
}

#[derive(Debug)]
struct Table(ArcSwap<Vec<Arc<CertifiedKey>>>);

impl ResolvesServerCert for Table {
    /// The first certificate that is good for the name; the first of all when no name is given or none is good for it,
    /// so that the client sees for itself.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let keys = self.0.load();
        let name = hello.server_name().and_then(|name| ServerName::try_from(name).ok());
        let fits = |key: &&Arc<CertifiedKey>| name.as_ref().is_some_and(|name| is_good_for(key, name));
        keys.iter().find(fits).or_else(|| keys.first()).map(Arc::clone)
    }
}

fn is_good_for(key: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let parsed = key.cert.first().and_then(|certificate| ParsedCertificate::try_from(certificate).ok());
    parsed.is_some_and(|parsed| verify_server_name(&parsed, name).is_ok())
}

impl Certificates {
    /// Reads `chain.pem,key.pem` pairs; every one must be usable.
    pub(crate) fn read(pairs: &[String]) -> Result<Self, String> {
        let table = Arc::new(Table(ArcSwap::from_pointee(read_all(pairs.iter().map(String::as_str))?)));
        let provider = Arc::new(ring::default_provider());
        let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let resolver: Arc<dyn ResolvesServerCert> = Arc::<Table>::clone(&table);
        let mut config =
            versions.map_err(|error| error.to_string())?.with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let pairs = pairs.iter().map(|pair| pair.as_str().into()).collect();
        Ok(Self { acceptor: Arc::new(config).into(), table, pairs })
    }

    /// Reads the files again; when one of them is not usable, all stay as they are.
    pub(crate) fn reload(&self) -> Result<(), String> {
        let keys = read_all(self.pairs.iter().map(|pair| &**pair))?;
        self.table.0.store(Arc::new(keys));
        Ok(())
    }

    /// Where the files are.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.pairs.iter().flat_map(|pair| pair.split(',')).map(Path::new)
    }

    /// Shakes hands, and tells what was agreed on.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<(TlsStream<TcpStream>, TlsFacts)> {
        let stream = self.acceptor.accept(stream).await?;
        let (_, session) = stream.get_ref();
        let facts = TlsFacts {
            version: match session.protocol_version() {
                Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
                _ => "TLSv1.2",
            },
            cipher: session
                .negotiated_cipher_suite()
                .map_or("", |suite| suite.suite().as_str().unwrap_or(""))
                .into(),
            http2: session.alpn_protocol() == Some(b"h2"),
        };
        Ok((stream, facts))
    }
}

fn read_all<'a>(pairs: impl Iterator<Item = &'a str>) -> Result<Vec<Arc<CertifiedKey>>, String> {
    pairs.map(|pair| read_pair(pair).map(Arc::new).map_err(|error| format!("{pair}: {error}"))).collect()
}

fn read_pair(pair: &str) -> Result<CertifiedKey, String> {
    let (chain, key) = pair.split_once(',').ok_or("two paths are wanted, `chain.pem,key.pem`")?;
    let chain = files::read(chain.as_ref()).map_err(|error| error.to_string())?;
    let key = files::read(key.as_ref()).map_err(|error| error.to_string())?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&chain)
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    if chain.is_empty() {
        return Err("there is no certificate in the chain".into());
    }
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| error.to_string())?;
    CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|error| error.to_string())
}
