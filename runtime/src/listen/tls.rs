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
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{Acceptor, ClientHello, ParsedCertificate, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::client::TlsFacts;
use crate::config::files;
use crate::mtls::{Demands, Shown};

/// Every certificate, and how connections are accepted with them.
#[derive(Clone)]
pub(crate) struct Certificates {
    /// How handshakes are made that ask for no certificate.
    unasking: Arc<ServerConfig>,
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
        let unasking =
            handshake(&table, WebPkiClientVerifier::no_client_auth()).map_err(|error| error.to_string())?;
        let pairs = pairs.iter().map(|pair| pair.as_str().into()).collect();
        Ok(Self { unasking, table, pairs })
    }

    /// How the handshake is made with a client that gives this name, and whether it asks for a certificate.
    fn config(&self, demands: Option<&Demands>, name: Option<&str>) -> Option<(Arc<ServerConfig>, bool)> {
        let Some(demands) = demands.filter(|demands| demands.asks(name)) else {
            return Some((Arc::clone(&self.unasking), false));
        };
        let asking = demands.handshake.get_or_init(|| handshake(&self.table, demands.question()).ok());
        Some((Arc::clone(asking.as_ref()?), true))
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
    pub(crate) async fn accept(
        &self,
        stream: TcpStream,
        demands: Option<&Demands>,
    ) -> io::Result<(TlsStream<TcpStream>, TlsFacts)> {
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let server_name = start.client_hello().server_name().map(Box::from);
        let (config, asked) = self.config(demands, server_name.as_deref()).ok_or(io::ErrorKind::Other)?;
        let stream = start.into_stream(config).await?;
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
            server_name,
            asked,
            shown: session.peer_certificates().and_then(Shown::of).map(Box::new),
        };
        Ok((stream, facts))
    }
}

/// With our certificates, asking clients for theirs as `clients` does.
fn handshake(
    table: &Arc<Table>,
    clients: Arc<dyn ClientCertVerifier>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let resolver: Arc<dyn ResolvesServerCert> = Arc::<Table>::clone(table);
    let mut config = versions.with_client_cert_verifier(clients).with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
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

#[cfg(test)]
mod tests {
    use rustls::{ClientConfig, RootCertStore};
    use tokio::net::TcpListener;

    use super::*;

    fn folder() -> String {
        concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/certificates").into()
    }

    fn pair(name: &str) -> String {
        format!("{0}/{name}.pem,{0}/{name}.key", folder())
    }

    /// The certificate that a client which asks for `name` and trusts our authority gets, and the protocol agreed on.
    async fn asked(
        certificates: &Certificates,
        name: &'static str,
    ) -> Result<(Vec<u8>, TlsFacts), io::Error> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(format!("{}/authority.pem", folder())).unwrap()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let config =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let stream = TcpStream::connect(listener.local_addr()?).await?;
        let (accepted, _) = listener.accept().await?;
        let client = connector.connect(ServerName::try_from(name).unwrap(), stream);
        let (client, server) = tokio::join!(client, certificates.accept(accepted, None));
        let (_, session) = client.as_ref().map_err(|error| io::Error::other(error.to_string()))?.get_ref();
        let certificate = session.peer_certificates().unwrap()[0].to_vec();
        Ok((certificate, server?.1))
    }

    fn certificate(name: &str) -> Vec<u8> {
        CertificateDer::from_pem_file(format!("{}/{name}.pem", folder())).unwrap().to_vec()
    }

    #[tokio::test]
    async fn the_name_a_client_asks_for_chooses_the_certificate() {
        let certificates = Certificates::read(&[pair("a"), pair("b")]).unwrap();
        for (name, expected) in [("a.test", "a"), ("localhost", "a"), ("b.test", "b"), ("X.b.test", "b")] {
            let (found, facts) = asked(&certificates, name).await.unwrap();
            assert!(found == certificate(expected), "{name}");
            assert_eq!((facts.version, facts.http2), ("TLSv1.3", true));
        }
        assert!(asked(&certificates, "elsewhere.test").await.is_err());
    }

    #[tokio::test]
    async fn certificates_are_exchanged_as_a_whole_or_not_at_all() {
        let own = crate::testing::Folder::new();
        let copy = |from: &str, to: &str| {
            for kind in ["pem", "key"] {
                std::fs::copy(format!("{}/{from}.{kind}", folder()), own.path().join(format!("{to}.{kind}")))
                    .unwrap();
            }
        };
        copy("b", "mine");
        let mine = format!("{0}/mine.pem,{0}/mine.key", own.path().display());
        let certificates = Certificates::read(&[mine]).unwrap();
        assert!(asked(&certificates, "a.test").await.is_err());
        copy("a", "mine");
        certificates.reload().unwrap();
        assert!(asked(&certificates, "a.test").await.is_ok());
        std::fs::write(own.path().join("mine.pem"), "nonsense").unwrap();
        assert!(certificates.reload().is_err());
        assert!(asked(&certificates, "a.test").await.is_ok());
        // A key that belongs to another certificate.
        std::fs::copy(format!("{}/b.pem", folder()), own.path().join("mine.pem")).unwrap();
        assert!(certificates.reload().is_err());
    }

    #[test]
    fn files_that_hold_no_certificate_are_refused() {
        assert!(Certificates::read(&["/nowhere.pem,/nowhere.key".into()]).is_err());
        assert!(Certificates::read(&[format!("{0}/README.md,{0}/a.key", folder())]).is_err());
        assert!(Certificates::read(&[format!("{0}/a.pem,{0}/README.md", folder())]).is_err());
    }
}
