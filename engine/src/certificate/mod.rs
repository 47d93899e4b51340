//! What TLS has shown of a client: its certificate, in the forms that policies and origins read, and what is to be thought of it.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use x509_cert::Certificate as Parsed;
use x509_cert::der::{DateTime, Decode as _};
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, SubjectKeyIdentifier};
use x509_cert::name::Name;

/// Bytes that one header value for an origin may have at most: a certificate, and a chain.
const LARGEST: usize = 10 << 10;
const LARGEST_CHAIN: usize = 16 << 10;

/// What TLS has found out about a client.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientAuth<'a> {
    /// The host whose name the client gave.
    pub server_name: Option<&'a str>,
    /// Whether the client was asked for a certificate.
    pub asked: bool,
    /// The certificate that it has shown, and has the key of.
    pub certificate: Option<&'a Certificate>,
    /// What is to be thought of it, by each demand of the policy.
    pub standings: &'a [Standing],
}

/// What is to be thought of a certificate, by one demand for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is accepted.
    Good,
    /// It would be accepted, were it not revoked.
    Revoked,
    /// It is not accepted; the reason in a word.
    Bad(&'static str),
}

/// A client's certificate; what it does not say is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// The issuer's name by RFC 4514, and in the form `/C=…/O=…`.
    pub(crate) issuer: [Box<str>; 2],
    /// The subject's name in both forms.
    pub(crate) subject: [Box<str>; 2],
    /// Serial numbers, its own and the issuer's, in upper-case hexadecimal.
    pub(crate) serial: [Box<str>; 2],
    /// Key identifiers, its own and the issuer's, in upper-case hexadecimal.
    pub(crate) key: [Box<str>; 2],
    /// From when to when it is valid.
    pub(crate) validity: [Box<str>; 2],
    /// In lower-case hexadecimal.
    pub(crate) sha256: Box<str>,
    /// In lower-case hexadecimal.
    pub(crate) sha1: Box<str>,
    /// In the form of RFC 9440; none where it is too large.
    pub(crate) header: Option<Box<str>>,
    /// The rest of the chain in that form; none where it is too large.
    pub(crate) chain: Option<Box<str>>,
}

impl Certificate {
    /// Reads a chain, the client's own certificate first. What cannot be read is left empty: whether a certificate is
    /// accepted is not decided here.
    pub fn of(chain: &[&[u8]]) -> Option<Self> {
        let (own, rest) = chain.split_first()?;
        let item = |der: &&[u8]| format!(":{}:", STANDARD.encode(der));
        let rest_items: Vec<String> = rest.iter().map(item).collect();
        let mut certificate = Self {
            sha256: fingerprint(&SHA256, own),
            sha1: fingerprint(&SHA1_FOR_LEGACY_USE_ONLY, own),
            header: within(LARGEST, item(own)),
            chain: within(LARGEST_CHAIN, rest_items.join(", ")),
            ..Self::default()
        };
        if let Ok(parsed) = Parsed::from_der(own) {
            certificate.describe(&parsed, rest);
        }
        Some(certificate)
    }

    fn describe(&mut self, parsed: &Parsed, rest: &[&[u8]]) {
        let said = parsed.tbs_certificate();
        self.issuer = names(said.issuer());
        self.subject = names(said.subject());
        let validity = said.validity();
        self.validity = [validity.not_before, validity.not_after].map(|time| date(time.to_date_time()));
        let (own, authority) = (
            said.get_extension::<SubjectKeyIdentifier>().ok().flatten(),
            said.get_extension::<AuthorityKeyIdentifier>().ok().flatten().unwrap_or_default().1,
        );
        self.key = [
            own.map(|(_, own)| upper(own.0.as_bytes())).unwrap_or_default(),
            authority.key_identifier.map(|key| upper(key.as_bytes())).unwrap_or_default(),
        ];
        let of_issuer = authority.authority_cert_serial_number.or_else(|| {
            let issuer = Parsed::from_der(rest.first()?).ok()?;
            let issuer = issuer.tbs_certificate();
            (issuer.subject() == said.issuer()).then(|| issuer.serial_number().clone())
        });
        self.serial = [
            number(said.serial_number().as_bytes()),
            of_issuer.map(|serial| number(serial.as_bytes())).unwrap_or_default(),
        ];
    }
}

fn within(most: usize, text: String) -> Option<Box<str>> {
    (text.len() <= most).then(|| text.into())
}

fn fingerprint(algorithm: &'static Algorithm, der: &[u8]) -> Box<str> {
    upper(digest(algorithm, der).as_ref()).to_ascii_lowercase().into()
}

fn upper(bytes: &[u8]) -> Box<str> {
    let text = bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // INVARIANT: writing to a string does not fail.
        let _ = write!(text, "{byte:02X}");
        text
    });
    text.into()
}

/// A number without the byte that only says that it is not negative.
fn number(bytes: &[u8]) -> Box<str> {
    match bytes {
        [0, rest @ ..] if !rest.is_empty() => upper(rest),
        _ => upper(bytes),
    }
}

fn names(name: &Name) -> [Box<str>; 2] {
    let parts = name.iter().flat_map(|part| ["/".to_owned(), unescaped(&part.to_string())]);
    [name.to_string().into(), parts.collect()]
}

/// Without the backslashes of RFC 4514; a control character stays visible, as `\x0A`.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let is_hex = after.get(..2).is_some_and(|pair| pair.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let escaped = after.chars().next().filter(|_| !is_hex);
        plain.push_str(if is_hex { "\\x" } else { "" });
        plain.extend(escaped);
        rest = after.get(escaped.map_or(0, char::len_utf8)..).unwrap_or_default();
    }
    plain + rest
}

/// `Mar 21 13:35:00 2022 GMT`.
fn date(time: DateTime) -> Box<str> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = MONTHS.get(usize::from(time.month()).wrapping_sub(1)).copied().unwrap_or_default();
    let (hour, minutes, seconds) = (time.hour(), time.minutes(), time.seconds());
    format!("{month} {:>2} {hour:02}:{minutes:02}:{seconds:02} {} GMT", time.day(), time.year()).into()
}

#[cfg(test)]
mod tests;
