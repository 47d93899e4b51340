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
pub fn string(format: Format, text: &str) -> bool {
    match format {
        Format::DateTime => time::date_time(text),
        Format::Date => time::date(text),
        Format::Time => time::time(text),
        Format::Duration => time::duration(text),
        Format::Email => host::email(text, false),
        Format::IdnEmail => host::email(text, true),
        Format::Hostname => host::hostname(text),
        Format::IdnHostname => idna::hostname(text),
        Format::Ipv4 => host::ipv4(text),
        Format::Ipv6 => host::ipv6(text),
        Format::Uri => uri::absolute(text, false),
        Format::UriReference => uri::reference(text, false),
        Format::Iri => uri::absolute(text, true),
        Format::IriReference => uri::reference(text, true),
        Format::UriTemplate => uri::template(text),
        Format::Uuid => encoded::uuid(text),
        Format::JsonPointer => encoded::json_pointer(text),
        Format::RelativeJsonPointer => encoded::relative_json_pointer(text),
        Format::Byte => encoded::base64(text),
        Format::Regex => ecma::pattern(text),
        Format::Int32 | Format::Int64 | Format::Float | Format::Double => true,
    }
}
