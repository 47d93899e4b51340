//! Client certificates: what a policy demands of them, and whether one stands up to it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{CertificateError, DistinguishedName, Error, RootCertStore, ServerConfig};
use shield_engine::Standing;
use shield_ir::Bundle;
use shield_ir::identity::Mtls;
use shield_ir::policy::{HostPattern, Scope, ScopePart};

use crate::config::{Settings, files};

mod question;
mod shown;

use question::Question;
pub(crate) use shown::Shown;

/// What a policy demands of certificates.
#[derive(Debug)]
pub(crate) struct Demands {
    list: Box<[Demand]>,
    /// Hosts whose clients are asked for a certificate; `None` where all are.
    hosts: Option<Box<[HostPattern]>>,
    /// Names of the authorities, so that clients know which certificate to show.
    authorities: Arc<[DistinguishedName]>,
    /// How handshakes that ask are made.
    pub(crate) handshake: OnceLock<Option<Arc<ServerConfig>>>,
}

/// One demand.
#[derive(Debug)]
struct Demand {
    verifier: Arc<dyn ClientCertVerifier>,
    /// The same without the lists of revoked certificates.
    unrevoked: Arc<dyn ClientCertVerifier>,
}

impl Demands {
    /// Makes the demands of a policy ready; an authority or a list that cannot be used is an error.
    pub(crate) fn of(bundle: &Bundle, settings: &Settings) -> Result<Self, String> {
        let demands = &bundle.identity.certificates;
        let mut authorities = Vec::new();
        let mut made = Vec::with_capacity(demands.len());
        for demand in demands {
            let wrong = |why: &dyn std::fmt::Display| format!("`mtls {}`: {why}", demand.name);
            let roots = Arc::new(roots(demand).map_err(|error| wrong(&error))?);
            authorities.extend(roots.subjects());
            made.push(Demand {
                verifier: verifier(&roots, revoked(demand, settings)?).map_err(|error| wrong(&error))?,
                unrevoked: verifier(&roots, Vec::new()).map_err(|error| wrong(&error))?,
            });
        }
        Ok(Self {
            list: made.into(),
            hosts: hosts(bundle),
            authorities: authorities.into(),
            handshake: OnceLock::new(),
        })
    }

    /// Whether a client that gives this name, or none, is asked for a certificate.
    pub(crate) fn asks(&self, name: Option<&str>) -> bool {
        let is_named = |hosts: &[HostPattern]| match name {
            Some(name) => hosts.iter().any(|host| host.matches(name.to_ascii_lowercase().as_bytes())),
            None => true,
        };
        !self.list.is_empty() && self.hosts.as_deref().is_none_or(is_named)
    }

    /// What asks for a certificate in a handshake, and takes whatever it is shown.
    pub(crate) fn question(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::new(Question::new(Arc::clone(&self.authorities)))
    }

    /// What each demand thinks of a chain at that time.
    pub(crate) fn standings(&self, chain: &[CertificateDer<'_>], unix_millis: u64) -> Arc<[Standing]> {
        let now = UnixTime::since_unix_epoch(Duration::from_millis(unix_millis));
        let of = |demand: &Demand| {
            chain.split_first().map_or(Standing::Bad("invalid"), |chain| demand.standing(chain, now))
        };
        self.list.iter().map(of).collect()
    }
}

impl Demand {
    fn standing(&self, (own, rest): (&CertificateDer<'_>, &[CertificateDer<'_>]), now: UnixTime) -> Standing {
        match self.verifier.verify_client_cert(own, rest, now) {
            Ok(_) => Standing::Good,
            Err(Error::InvalidCertificate(CertificateError::Revoked)) => {
                match self.unrevoked.verify_client_cert(own, rest, now) {
                    Ok(_) => Standing::Revoked,
                    Err(error) => Standing::Bad(word(&error)),
                }
            }
            Err(error) => Standing::Bad(word(&error)),
        }
    }
}

/// The word for what is wrong with a certificate.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "kinds that are added to the library are told as the rest are"
)]
fn word(error: &Error) -> &'static str {
    use CertificateError as Wrong;
    let Error::InvalidCertificate(wrong) = error else { return "invalid" };
    match wrong {
        Wrong::Expired | Wrong::ExpiredContext { .. } => "expired",
        Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => "not_valid_yet",
        Wrong::UnknownIssuer => "unknown_issuer",
        Wrong::InvalidPurpose | Wrong::InvalidPurposeContext { .. } => "purpose",
        Wrong::Revoked => "revoked",
        Wrong::UnknownRevocationStatus => "revocation_unknown",
        Wrong::ExpiredRevocationList | Wrong::ExpiredRevocationListContext { .. } => "revocation_outdated",
        _ => "invalid",
    }
}

fn roots(demand: &Mtls) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for authority in &demand.authorities {
        roots.add(CertificateDer::from_slice(authority))?;
    }
    Ok(roots)
}

/// Trusts these authorities. With lists, every certificate below an authority must be on none of them, and each needs a
/// list of its issuer that is up to date: what cannot be looked up is not accepted.
fn verifier(
    roots: &Arc<RootCertStore>,
    lists: Vec<CertificateRevocationListDer<'static>>,
) -> Result<Arc<dyn ClientCertVerifier>, rustls::server::VerifierBuilderError> {
    let provider = Arc::new(ring::default_provider());
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), provider);
    builder.with_crls(lists).enforce_revocation_expiration().build()
}

/// The lists of revoked certificates, in PEM or DER; a file without one is an error.
fn revoked(demand: &Mtls, settings: &Settings) -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
    let mut lists = Vec::new();
    for file in &demand.revoked {
        let path = Path::new(&settings.data_dir).join(&**file);
        let wrong = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
        let bytes = files::read(&path).map_err(|error| wrong(&error))?;
        if bytes.first() == Some(&0x30) {
            lists.push(bytes.into());
            continue;
        }
        let before = lists.len();
        for list in CertificateRevocationListDer::pem_slice_iter(&bytes) {
            lists.push(list.map_err(|error| wrong(&error))?);
        }
        if lists.len() == before {
            return Err(wrong(&"there is no list of revoked certificates in it"));
        }
    }
    Ok(lists)
}

/// Files under the data directory that a policy's demands read, and that are read again when they change.
pub(crate) fn watched(bundle: &Bundle, settings: &Settings) -> Vec<PathBuf> {
    let files = bundle.identity.certificates.iter().flat_map(|demand| &demand.revoked);
    files.map(|file| Path::new(&settings.data_dir).join(&**file)).collect()
}

/// The hosts that demands are about; `None` where one of them is about all.
fn hosts(bundle: &Bundle) -> Option<Box<[HostPattern]>> {
    let mut hosts = Vec::new();
    for demand in &bundle.identity.certificates {
        let Scope::Parts(parts) = &demand.scope else { return None };
        for part in parts {
            let apis: Vec<_> = match part {
                ScopePart::Host(host) => {
                    hosts.push(host.clone());
                    continue;
                }
                ScopePart::Api(api) => vec![*api],
                ScopePart::Endpoints(ids) => {
                    let endpoints = ids.iter().filter_map(|id| bundle.endpoints.get(id.0 as usize));
                    hosts.extend(endpoints.clone().filter_map(|endpoint| endpoint.host.clone()));
                    endpoints.map(|endpoint| endpoint.api).collect()
                }
            };
            let apis = apis.into_iter().filter_map(|api| bundle.apis.get(api.0 as usize));
            apis.for_each(|api| hosts.extend_from_slice(&api.hosts));
        }
    }
    Some(hosts.into())
}
