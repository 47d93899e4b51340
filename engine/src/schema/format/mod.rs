//! The formats of JSON Schema and OpenAPI, each as its RFC's grammar says.

use shield_ir::schema::{Decimal, Format};

mod ecma;
mod encoded;
mod host;
mod idna;
mod time;
mod uri;

/// Whether a number has the format.
#[expect(clippy::wildcard_enum_match_arm, reason = "`string` names every format")]
pub fn number(format: Format, number: &Decimal<'_>) -> bool {
    let within = |low: &str, high: &str| {
        let bounds = Decimal::parse(low).zip(Decimal::parse(high));
        bounds.is_some_and(|(low, high)| *number >= low && *number <= high)
    };
    match format {
        Format::Int32 => number.to_i64().is_some_and(|value| i32::try_from(value).is_ok()),
        Format::Int64 => number.to_i64().is_some(),
        Format::Float => within("-3.4028234663852886e38", "3.4028234663852886e38"),
        Format::Double => within("-1.7976931348623157e308", "1.7976931348623157e308"),
        // The others speak of strings.
        _ => true,
    }
}

/// Whether a text has the format.
pub fn string(format: Format, text: &[u8]) -> bool {
    // Reading it as UTF-8 takes more than reading a time.
    let said = |is: fn(&str) -> bool| std::str::from_utf8(text).is_ok_and(is);
    match format {
        Format::DateTime => time::date_time(text),
        Format::Date => time::date(text),
        Format::Time => time::time(text),
        Format::Duration => time::duration(text),
        Format::Email => said(|text| host::email(text, false)),
        Format::IdnEmail => said(|text| host::email(text, true)),
        Format::Hostname => said(host::hostname),
        Format::IdnHostname => said(idna::hostname),
        Format::Ipv4 => said(host::ipv4),
        Format::Ipv6 => said(host::ipv6),
        Format::Uri => said(|text| uri::absolute(text, false)),
        Format::UriReference => said(|text| uri::reference(text, false)),
        Format::Iri => said(|text| uri::absolute(text, true)),
        Format::IriReference => said(|text| uri::reference(text, true)),
        Format::UriTemplate => said(uri::template),
        Format::Uuid => encoded::uuid(text),
        Format::JsonPointer => said(encoded::json_pointer),
        Format::RelativeJsonPointer => said(encoded::relative_json_pointer),
        Format::Byte => said(encoded::base64),
        Format::Regex => said(ecma::pattern),
        Format::Int32 | Format::Int64 | Format::Float | Format::Double => true,
    }
}
