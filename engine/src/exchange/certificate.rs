//! What an exchange knows of the certificate that its client has shown.

use std::sync::LazyLock;

use shield_ir::FieldId;

use super::Exchange;
use crate::certificate::{Certificate, ClientAuth, Standing};
use crate::denial::Reason;
use crate::value::Value;

/// Whether there is one, whether it is accepted but for revocation, and whether it is revoked.
static FACTS: LazyLock<[Option<FieldId>; 3]> = LazyLock::new(|| {
    ["presented", "verified", "revoked"].map(|fact| FieldId::find(&format!("cf.tls_client_auth.cert_{fact}")))
});

impl<'a> Exchange<'a> {
    /// Gives what TLS has found out about the client.
    pub const fn set_client_auth(&mut self, found: ClientAuth<'a>) {
        self.client_auth = found;
    }

    /// The certificate that the client has shown.
    pub(crate) const fn certificate(&self) -> Option<&'a Certificate> {
        self.client_auth.certificate
    }

    /// What is to be thought of the certificate by the demand in that place, or why there is nothing to think of.
    pub(crate) fn standing(&self, demand: usize) -> Result<Standing, Reason> {
        if let Some(told) = self.told_standing() {
            return told;
        }
        let ClientAuth { server_name, asked, certificate, standings } = self.client_auth;
        let is_for_another = |name: &str| !name.as_bytes().eq_ignore_ascii_case(self.host());
        if self.head().tls && (!asked || server_name.is_some_and(is_for_another)) {
            return Err(Reason::CertificateHost);
        }
        match standings.get(demand) {
            Some(standing) if certificate.is_some() => Ok(*standing),
            _ => Err(Reason::CertificateMissing),
        }
    }

    /// The same by fields that were given values, as tests of policies do.
    fn told_standing(&self) -> Option<Result<Standing, Reason>> {
        let told = FACTS.map(|field| self.given(field?).map(|value| *value == Value::Bool(true)));
        Some(match told {
            [None, None, None] => return None,
            [_, Some(true), Some(true)] => Ok(Standing::Revoked),
            [_, Some(true), _] => Ok(Standing::Good),
            [Some(true), _, _] => Ok(Standing::Bad("invalid")),
            _ => Err(Reason::CertificateMissing),
        })
    }
}
