//! A client that speaks TLS and may show a certificate, and an authority that gives out good ones and bad ones.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SerialNumber, date_time_ymd,
};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, HandshakeKind, SignatureScheme, StreamOwned,
};

/// A certificate chain and the key of its first.
pub type Identity = (Vec<CertificateDer<'static>>, Arc<KeyPair>);

/// Someone who gives out certificates.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate.
    pub certificate: Certificate,
}

/// What is special about a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Good,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    Early,
    /// It is for servers.
    ForServers,
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CountryName, "CH");
    params.distinguished_name.push(DnType::OrganizationName, "Shield, Ltd");
    params.distinguished_name.push(DnType::CommonName, name);
    params.use_authority_key_identifier_extension = true;
    params
}

fn key() -> KeyPair {
    KeyPair::generate().expect("there is randomness")
}

impl Authority {
    /// Called `name`, trusted by whoever says so.
    pub fn new(name: &str) -> Self {
        let mut params = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = key();
        let certificate = params.self_signed(&key).expect("the parameters are complete");
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// Its certificate as a file.
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// A client's certificate with this serial number.
    pub fn client(&self, kind: Kind, serial: u64) -> Identity {
        let mut params = named("client");
        params.serial_number = Some(SerialNumber::from(serial));
        let purpose = match kind {
            Kind::ForServers => ExtendedKeyUsagePurpose::ServerAuth,
            Kind::Good | Kind::Expired | Kind::Early => ExtendedKeyUsagePurpose::ClientAuth,
        };
        params.extended_key_usages = vec![purpose];
        match kind {
            Kind::Expired => params.not_after = date_time_ymd(2020, 1, 1),
            Kind::Early => params.not_before = date_time_ymd(4000, 1, 1),
            Kind::Good | Kind::ForServers => {}
        }
        let key = key();
        let certificate = params.signed_by(&key, &self.issuer).expect("the parameters are complete");
        (vec![certificate.der().clone()], Arc::new(key))
    }

    /// Its list of revoked certificates, good until the end of that year.
    pub fn revoked(&self, serials: &[u64], until: i32) -> String {
        let row = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(until, 12, 31),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(row).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).and_then(|list| list.pem()).expect("the list can be signed")
    }
}

/// A client's certificate that nobody but the client has signed.
pub fn self_signed() -> Identity {
    let (params, key) = (named("client"), key());
    let certificate = params.self_signed(&key).expect("the parameters are complete");
    (vec![certificate.der().clone()], Arc::new(key))
}

/// How a client speaks TLS; copies of one share their sessions.
#[derive(Debug, Clone)]
pub struct Tls(ClientConfig);

impl Tls {
    /// Shows that certificate when asked, if any; takes whatever the server shows.
    pub fn showing(identity: Option<&Identity>) -> Self {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider knows a version")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Trusting));
        Self(match identity {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key is a key");
                builder.with_client_auth_cert(chain.clone(), key).expect("the key fits")
            }
        })
    }

    /// The same, with changes.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut ClientConfig)) -> Self {
        change(&mut self.0);
        self
    }

    /// A connection to the server of that name.
    pub fn connect(&self, address: SocketAddr, name: &str) -> Encrypted {
        let name = ServerName::try_from(name.to_owned()).expect("a test knows names");
        let connection =
            ClientConnection::new(Arc::new(self.0.clone()), name).expect("the configuration is complete");
        let stream = TcpStream::connect(address).expect("the proxy accepts");
        stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).expect("a socket takes a timeout");
        Encrypted(StreamOwned::new(connection, stream))
    }

    /// The status of one request on a connection of its own; 0 where the handshake fails.
    pub fn status(&self, address: SocketAddr, host: &str, path: &str) -> u16 {
        self.connect(address, host).status(host, path)
    }
}

/// An encrypted connection.
#[derive(Debug)]
pub struct Encrypted(pub StreamOwned<ClientConnection, TcpStream>);

impl Encrypted {
    /// The status of a request; 0 where the connection ends without.
    pub fn status(&mut self, host: &str, path: &str) -> u16 {
        let head = self.ask(host, path, "");
        head.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// A request with more header lines, and the head of its answer; nothing where the connection ends without. The
    /// answer has a body of a known length.
    pub fn ask(&mut self, host: &str, path: &str, lines: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n{lines}\r\n");
        let _ = self.0.write_all(request.as_bytes());
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            match self.0.read(&mut byte) {
                Ok(1) => head.extend_from_slice(&byte),
                _ => return String::new(),
            }
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.and_then(|length| length.parse().ok()).unwrap_or(0)];
        let _ = self.0.read_exact(&mut body);
        head
    }

    /// Whether the handshake took up an earlier session.
    pub fn is_resumed(&self) -> bool {
        self.0.conn.handshake_kind() == Some(HandshakeKind::Resumed)
    }
}

/// Takes every server for what it says it is.
#[derive(Debug)]
struct Trusting;

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
