//! `mtls` items: whose clients must show a certificate.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use shield_ir::identity::{Mtls, Outcome};

use super::policy::PolicyChecker;
use crate::ast::{self, Name};
use crate::codes::{E0401, E0402, E0403};
use crate::diagnostic::Diagnostic;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

impl PolicyChecker<'_, '_> {
    /// Checks a demand for certificates and keeps it.
    pub(crate) fn mtls(&mut self, mtls: &ast::Mtls) {
        let item = format!("mtls {}", mtls.name.node);
        let authorities: Vec<Option<Vec<Box<[u8]>>>> =
            mtls.authorities.iter().map(|file| self.certificates(file)).collect();
        let revoked: Vec<_> = mtls.revoked.iter().map(|file| self.data_file(file)).collect();
        let scope = self.scope(&mtls.on);
        let then = self.outcome(&mtls.then, &item);
        if mtls.authorities.is_empty() {
            let message = format!("`{item}` trusts nobody");
            let help = "name whom it trusts: `ca \"ca.pem\"`";
            self.report(Diagnostic::new(E0401, mtls.name.span, message).help(help));
        }
        if matches!(&then, Some(Outcome::Block(block)) if block.hold.is_some()) {
            let message = format!("`{item}` knows no client to refuse for longer");
            self.report(Diagnostic::new(E0402, mtls.name.span, message).help("leave `for` out"));
        }
        let (Some(authorities), Some(revoked), Some(scope), Some(then)) = (
            authorities.into_iter().collect::<Option<Vec<_>>>(),
            revoked.into_iter().collect::<Option<Box<[_]>>>(),
            scope,
            then,
        ) else {
            return;
        };
        let (name, origin) = (mtls.name.node.clone().into(), self.origin(mtls.name.span));
        let (authorities, shadow) = (authorities.into_iter().flatten().collect(), mtls.shadow);
        self.bundle.identity.certificates.push(Mtls {
            name,
            authorities,
            revoked,
            scope,
            then,
            shadow,
            origin,
        });
    }

    /// The certificates in a PEM file, at least one.
    fn certificates(&mut self, file: &Name) -> Option<Vec<Box<[u8]>>> {
        let text = self.policy_text(file)?;
        let found = pem(&text).filter(|found| !found.is_empty());
        if found.is_none() {
            let message = format!("`{}` holds no certificates, or a damaged one", file.node);
            let help = format!("a PEM file has parts that begin with `{BEGIN}`");
            self.report(Diagnostic::new(E0403, file.span, message).help(help));
        }
        found
    }
}

/// The certificates of a PEM text; none where one of them is damaged.
fn pem(text: &str) -> Option<Vec<Box<[u8]>>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(BEGIN) {
        let (body, after) = after.split_once(END)?;
        let body: String = body.split_whitespace().collect();
        let der = STANDARD.decode(body).ok()?;
        // A certificate is a DER sequence with a length of its own.
        let is_whole = match der.as_slice() {
            [0x30, 0x82, high, low, ..] => usize::from(*high) * 256 + usize::from(*low) + 4 == der.len(),
            [0x30, 0x81, length, ..] => usize::from(*length) + 3 == der.len(),
            _ => false,
        };
        found.push(is_whole.then(|| der.into_boxed_slice())?);
        rest = after;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_certificate_spoils_the_file() {
        let of = |der: &[u8]| format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(der));
        let good = of(&[0x30, 0x81, 3, 1, 2, 3]);
        assert_eq!(pem(&format!("comment\n{good}{good}")).map(|found| found.len()), Some(2));
        assert_eq!(pem("nothing"), Some(Vec::new()));
        for bad in [
            format!("{good}{BEGIN}\nAAAA"),
            format!("{good}{BEGIN}\n!\n{END}"),
            format!("{BEGIN}\n{END}"),
            of(&[0x30, 0x81, 4, 1, 2, 3]),
        ] {
            assert_eq!(pem(&bad), None, "{bad}");
        }
    }
}
