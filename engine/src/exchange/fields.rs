//! One extractor for each row of the table of fields that a proxy can fill by itself; every other row has its type's default.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::LazyLock;

use crate::schema::{Location, Violation};
use shield_ir::FieldId;
use shield_ir::field::FIELDS;
use shield_ir::field::Source;

use crate::certificate::{Certificate, Standing};

use super::{Exchange, Pairs, join_target, pairs};
use crate::geo::Whereabouts;
use crate::token::Claims;
use crate::value::Value;

/// How a field's value is found. The variants keep scalars and lists unboxed for callers that need no [`Value`].
#[derive(Clone, Copy, Debug)]
pub enum Extract {
    /// A `Bool`.
    Bool(fn(&Exchange<'_>) -> bool),
    /// An `Int`.
    Int(fn(&Exchange<'_>) -> i64),
    /// A `String`.
    Text(for<'x> fn(&'x Exchange<'_>) -> &'x [u8]),
    /// A `String` that may be absent.
    Maybe(for<'x> fn(&'x Exchange<'_>) -> Option<&'x [u8]>),
    /// An `IP`.
    Ip(fn(&Exchange<'_>) -> IpAddr),
    /// The names of pairs.
    Names(for<'x> fn(&'x Exchange<'_>) -> Pairs<'x>),
    /// The values of pairs.
    Values(for<'x> fn(&'x Exchange<'_>) -> Pairs<'x>),
    /// The values of pairs by name.
    Map(for<'x> fn(&'x Exchange<'_>) -> Pairs<'x>),
    /// The values of pairs by name in lower case.
    Folded(for<'x> fn(&'x Exchange<'_>) -> Pairs<'x>),
    /// Anything else, made anew each time.
    Made(for<'x> fn(&'x Exchange<'_>) -> Value<'x>),
    /// The type's default: false, 0, the empty string, the unspecified address, nothing in arrays and maps.
    Default,
}

impl Extract {
    /// The value of `field`, which this is the extractor of.
    pub fn value<'x>(self, exchange: &'x Exchange<'_>, field: FieldId) -> Option<Value<'x>> {
        Some(match self {
            Self::Bool(get) => Value::Bool(get(exchange)),
            Self::Int(get) => Value::Int(get(exchange)),
            Self::Text(get) => Value::text(get(exchange)),
            Self::Maybe(get) => Value::text(get(exchange)?),
            Self::Ip(get) => Value::Ip(get(exchange)),
            Self::Names(get) => get(exchange).names(),
            Self::Values(get) => get(exchange).values(),
            Self::Map(get) => get(exchange).map(false),
            Self::Folded(get) => get(exchange).map(true),
            Self::Made(get) => get(exchange),
            // What only Cloudflare's network knows is absent here, but for scalars, which never are.
            Self::Default if field.row().source == Source::Cloud && field.row().ty.as_scalar().is_none() => {
                return None;
            }
            Self::Default => Value::default_of(field.row().ty),
        })
    }
}

/// The extractor of a field.
pub fn extractor(field: FieldId) -> Extract {
    static BY_FIELD: LazyLock<Box<[Extract]>> = LazyLock::new(|| {
        let row = |name: &str| EXTRACTORS.iter().find(|row| row.0 == name).map(|row| row.1);
        FIELDS.iter().map(|field| row(field.name).unwrap_or(Extract::Default)).collect()
    });
    BY_FIELD.get(field.index()).copied().unwrap_or(Extract::Default)
}

/// Fields that have a source here.
#[rustfmt::skip]
pub(super) const EXTRACTORS: &[(&str, Extract)] = &[
    ("http.host", Extract::Text(|x| x.host())),
    ("http.request.full_uri", Extract::Text(full_uri)),
    ("http.request.uri", Extract::Text(uri)),
    ("http.request.uri.path", Extract::Text(|x| x.path())),
    ("http.request.uri.path.extension", Extract::Text(|x| x.made().extension.get_or_init(|| extension(x.path())))),
    ("http.request.uri.query", Extract::Text(|x| x.query())),
    ("http.request.uri.args", Extract::Map(args)),
    ("http.request.uri.args.names", Extract::Names(args)),
    ("http.request.uri.args.values", Extract::Values(args)),
    ("raw.http.request.full_uri", Extract::Text(|x| x.made().raw_full_uri.get_or_init(|| x.with_origin(x.canonical.raw.path_and_query)))),
    ("raw.http.request.uri", Extract::Text(|x| x.canonical.raw.path_and_query)),
    ("raw.http.request.uri.path", Extract::Text(|x| x.canonical.raw.path)),
    ("raw.http.request.uri.path.extension", Extract::Text(|x| x.made().raw_extension.get_or_init(|| extension(x.canonical.raw.path)))),
    ("raw.http.request.uri.query", Extract::Text(|x| x.canonical.raw.query)),
    ("raw.http.request.uri.args", Extract::Map(args)),
    ("raw.http.request.uri.args.names", Extract::Names(args)),
    ("raw.http.request.uri.args.values", Extract::Values(args)),
    ("http.request.method", Extract::Text(|x| x.head().method)),
    ("http.request.version", Extract::Text(|x| x.head().version.name().as_bytes())),
    ("http.request.timestamp.sec", Extract::Int(|x| (x.head().received_at / 1000).cast_signed())),
    ("http.request.timestamp.msec", Extract::Int(|x| (x.head().received_at % 1000).cast_signed())),
    ("ssl", Extract::Bool(|x| x.head().tls)),
    ("http.cookie", Extract::Text(|x| x.joined(x.known().cookie, b"cookie", |made| &made.cookie, b"; "))),
    ("http.referer", Extract::Text(|x| x.at(x.known().referer).unwrap_or_default())),
    ("http.user_agent", Extract::Text(|x| x.at(x.known().user_agent).unwrap_or_default())),
    ("http.x_forwarded_for", Extract::Text(|x| x.joined(x.known().forwarded_for, b"x-forwarded-for", |made| &made.forwarded_for, b", "))),
    ("http.request.cookies", Extract::Map(cookies)),
    ("http.request.headers", Extract::Folded(|x| Pairs::Plain(&x.head().headers))),
    ("http.request.headers.names", Extract::Names(|x| Pairs::Plain(&x.head().headers))),
    ("http.request.headers.values", Extract::Values(|x| Pairs::Plain(&x.head().headers))),
    // A head with too many headers is refused and never cut.
    ("http.request.headers.truncated", Extract::Bool(|_| false)),
    ("http.request.accepted_languages", Extract::Made(accepted_languages)),
    ("http.request.body.raw", Extract::Text(|x| x.body().unwrap_or_default())),
    ("http.request.body.truncated", Extract::Bool(|x| x.body.is_some_and(|body| body.truncated))),
    ("http.request.body.size", Extract::Int(body_size)),
    ("http.request.body.form", Extract::Map(form)),
    ("http.request.body.form.names", Extract::Names(form)),
    ("http.request.body.form.values", Extract::Values(form)),
    ("http.request.body.mime", Extract::Text(|x| super::body::sniff(x.body().unwrap_or_default()).as_bytes())),
    ("http.request.body.multipart", Extract::Made(|x| Value::grouped(x.parts().iter().flat_map(|part| part.names().map(|name| (Cow::Borrowed(name), Value::text(part.value))))))),
    ("http.request.body.multipart.names", Extract::Made(|x| per_part(x, |part| part.names().collect()))),
    ("http.request.body.multipart.values", Extract::Made(|x| Value::Array(x.parts().iter().map(|part| Value::text(part.value)).collect()))),
    ("http.request.body.multipart.content_types", Extract::Made(|x| per_part(x, |part| part.headers(b"content-type").collect()))),
    ("http.request.body.multipart.content_dispositions", Extract::Made(|x| per_part(x, |part| part.headers(b"content-disposition").collect()))),
    ("http.request.body.multipart.content_transfer_encodings", Extract::Made(|x| per_part(x, |part| part.headers(b"content-transfer-encoding").collect()))),
    ("http.request.body.multipart.filenames", Extract::Made(|x| per_part(x, |part| part.filenames().collect()))),
    ("ip.src", Extract::Ip(|x| x.head().client)),
    ("ip.src.asnum", Extract::Int(|x| x.whereabouts().asnum)),
    ("ip.src.country", Extract::Text(|x| x.whereabouts().country.as_bytes())),
    ("ip.src.continent", Extract::Text(|x| x.whereabouts().continent.as_bytes())),
    ("ip.src.subdivision_1_iso_code", Extract::Text(|x| x.whereabouts().subdivision_1.as_bytes())),
    ("ip.src.subdivision_2_iso_code", Extract::Text(|x| x.whereabouts().subdivision_2.as_bytes())),
    ("ip.src.is_in_european_union", Extract::Bool(|x| x.whereabouts().in_european_union)),
    ("ip.src.lat", Extract::Text(|x| x.whereabouts().latitude.as_bytes())),
    ("ip.src.lon", Extract::Text(|x| x.whereabouts().longitude.as_bytes())),
    ("ip.src.city", Extract::Text(|x| x.whereabouts().city.as_bytes())),
    ("ip.src.postal_code", Extract::Text(|x| x.whereabouts().postal_code.as_bytes())),
    ("ip.src.metro_code", Extract::Text(|x| x.whereabouts().metro_code.as_bytes())),
    ("ip.src.region", Extract::Text(|x| x.whereabouts().region.as_bytes())),
    ("ip.src.region_code", Extract::Text(|x| x.whereabouts().region_code.as_bytes())),
    ("ip.src.timezone.name", Extract::Text(|x| x.whereabouts().timezone.as_bytes())),
    ("cf.tls_version", Extract::Text(|x| if x.head().tls { b"" } else { b"none" })),
    ("cf.tls_client_auth.cert_presented", Extract::Bool(|x| x.certificate().is_some())),
    ("cf.tls_client_auth.cert_verified", Extract::Bool(|x| x.state.standing.is_some())),
    ("cf.tls_client_auth.cert_revoked", Extract::Bool(|x| x.state.standing == Some(Standing::Revoked))),
    ("cf.tls_client_auth.cert_issuer_dn", Extract::Text(|x| shown(x, |c| &c.issuer[0]))),
    ("cf.tls_client_auth.cert_subject_dn", Extract::Text(|x| shown(x, |c| &c.subject[0]))),
    ("cf.tls_client_auth.cert_issuer_dn_rfc2253", Extract::Text(|x| shown(x, |c| &c.issuer[0]))),
    ("cf.tls_client_auth.cert_subject_dn_rfc2253", Extract::Text(|x| shown(x, |c| &c.subject[0]))),
    ("cf.tls_client_auth.cert_issuer_dn_legacy", Extract::Text(|x| shown(x, |c| &c.issuer[1]))),
    ("cf.tls_client_auth.cert_subject_dn_legacy", Extract::Text(|x| shown(x, |c| &c.subject[1]))),
    ("cf.tls_client_auth.cert_serial", Extract::Text(|x| shown(x, |c| &c.serial[0]))),
    ("cf.tls_client_auth.cert_issuer_serial", Extract::Text(|x| shown(x, |c| &c.serial[1]))),
    ("cf.tls_client_auth.cert_fingerprint_sha256", Extract::Text(|x| shown(x, |c| &c.sha256))),
    ("cf.tls_client_auth.cert_fingerprint_sha1", Extract::Text(|x| shown(x, |c| &c.sha1))),
    ("cf.tls_client_auth.cert_not_before", Extract::Text(|x| shown(x, |c| &c.validity[0]))),
    ("cf.tls_client_auth.cert_not_after", Extract::Text(|x| shown(x, |c| &c.validity[1]))),
    ("cf.tls_client_auth.cert_ski", Extract::Text(|x| shown(x, |c| &c.key[0]))),
    ("cf.tls_client_auth.cert_issuer_ski", Extract::Text(|x| shown(x, |c| &c.key[1]))),
    ("cf.tls_client_auth.cert_rfc9440", Extract::Text(|x| shown(x, |c| c.header.as_deref().unwrap_or_default()))),
    ("cf.tls_client_auth.cert_rfc9440_too_large", Extract::Bool(|x| x.certificate().is_some_and(|c| c.header.is_none()))),
    ("cf.tls_client_auth.cert_chain_rfc9440", Extract::Text(|x| shown(x, |c| c.chain.as_deref().unwrap_or_default()))),
    ("cf.tls_client_auth.cert_chain_rfc9440_too_large", Extract::Bool(|x| x.certificate().is_some_and(|c| c.chain.is_none()))),
    ("cf.edge.server_port", Extract::Int(|x| i64::from(x.head().server.port()))),
    ("cf.edge.server_ip", Extract::Ip(|x| x.head().server.ip())),
    ("cf.edge.client_tcp", Extract::Bool(|x| x.head().version != super::Version::Http3)),
    ("cf.timings.edge_msec", Extract::Int(|x| x.response.as_ref().map_or(0, |response| response.edge_ms))),
    ("cf.timings.origin_ttfb_msec", Extract::Int(|x| x.response.as_ref().map_or(0, |response| response.ttfb_ms))),
    ("cf.random_seed", Extract::Text(|x| &x.head().seed)),
    ("cf.ray_id", Extract::Text(|x| x.head().request_id.as_bytes())),
    ("cf.zone.name", Extract::Text(|x| x.host())),
    // Attack scores of 100 mean that nothing was scored.
    ("cf.waf.score", Extract::Int(|_| 100)),
    ("cf.waf.score.sqli", Extract::Int(|_| 100)),
    ("cf.waf.score.xss", Extract::Int(|_| 100)),
    ("cf.waf.score.rce", Extract::Int(|_| 100)),
    ("cf.llm.prompt.injection_score", Extract::Int(|_| 100)),
    ("cf.api_gateway.request_violates_schema", Extract::Bool(violates)),
    ("cf.schema_validation.uploaded.violated", Extract::Bool(violates)),
    ("cf.schema_validation.uploaded.path.violated_parameters", Extract::Made(|x| violated(x, Location::Path))),
    ("cf.schema_validation.uploaded.query.violated_parameters", Extract::Made(|x| violated(x, Location::Query))),
    ("cf.schema_validation.uploaded.headers.violated_parameters", Extract::Made(|x| violated(x, Location::Header))),
    ("cf.schema_validation.uploaded.cookies.violated_parameters", Extract::Made(|x| violated(x, Location::Cookie))),
    ("cf.schema_validation.uploaded.body.violated_parameters", Extract::Made(|x| violated(x, Location::Body))),
    ("cf.schema_validation.uploaded.query.undeclared_parameters", Extract::Made(undeclared)),
    ("cf.api_gateway.fallthrough_detected", Extract::Bool(|x| x.state.fallthrough)),
    ("http.response.code", Extract::Int(|x| x.response.as_ref().map_or(0, |response| i64::from(response.status)))),
    ("http.response.headers", Extract::Folded(response_headers)),
    ("http.response.headers.names", Extract::Names(response_headers)),
    ("http.response.headers.values", Extract::Values(response_headers)),
    ("http.response.content_type.media_type", Extract::Text(media_type)),
    ("raw.http.response.headers", Extract::Folded(response_headers)),
    ("raw.http.response.headers.names", Extract::Names(response_headers)),
    ("raw.http.response.headers.values", Extract::Values(response_headers)),
    ("api.name", Extract::Maybe(|x| Some(x.known_api()?.name.as_bytes()))),
    ("api.endpoint", Extract::Maybe(|x| Some(x.known_endpoint()?.name.as_bytes()))),
    ("api.operation_id", Extract::Maybe(|x| Some(x.known_endpoint()?.operation_id.as_deref()?.as_bytes()))),
    ("api.path_params", Extract::Made(path_params)),
    ("session.id", Extract::Maybe(|x| x.session().map(str::as_bytes))),
    ("cf.api_gateway.auth_id_present", Extract::Bool(|x| x.session().is_some())),
    ("cf.api_gateway.tokens.valid", Extract::Made(|x| Value::Array(x.tokens().map(|(name, _)| Value::text(name.as_bytes())).collect()))),
    ("http.request.jwt.claims", Extract::Made(|x| claims(x, |claims| vec![Value::text(claims.text().as_bytes())]))),
    ("http.request.jwt.claims.aud", Extract::Made(|x| claims(x, audience))),
    ("http.request.jwt.claims.aud.names", Extract::Made(|x| claim_names(x, audience))),
    ("http.request.jwt.claims.aud.values", Extract::Made(|x| claim_values(x, audience))),
    ("http.request.jwt.claims.iss", Extract::Made(|x| claims(x, |claims| text(claims, "iss")))),
    ("http.request.jwt.claims.iss.names", Extract::Made(|x| claim_names(x, |claims| text(claims, "iss")))),
    ("http.request.jwt.claims.iss.values", Extract::Made(|x| claim_values(x, |claims| text(claims, "iss")))),
    ("http.request.jwt.claims.jti", Extract::Made(|x| claims(x, |claims| text(claims, "jti")))),
    ("http.request.jwt.claims.jti.names", Extract::Made(|x| claim_names(x, |claims| text(claims, "jti")))),
    ("http.request.jwt.claims.jti.values", Extract::Made(|x| claim_values(x, |claims| text(claims, "jti")))),
    ("http.request.jwt.claims.sub", Extract::Made(|x| claims(x, |claims| text(claims, "sub")))),
    ("http.request.jwt.claims.sub.names", Extract::Made(|x| claim_names(x, |claims| text(claims, "sub")))),
    ("http.request.jwt.claims.sub.values", Extract::Made(|x| claim_values(x, |claims| text(claims, "sub")))),
    ("http.request.jwt.claims.iat.sec", Extract::Made(|x| claims(x, |claims| time(claims, "iat")))),
    ("http.request.jwt.claims.iat.sec.names", Extract::Made(|x| claim_names(x, |claims| time(claims, "iat")))),
    ("http.request.jwt.claims.iat.sec.values", Extract::Made(|x| claim_values(x, |claims| time(claims, "iat")))),
    ("http.request.jwt.claims.nbf.sec", Extract::Made(|x| claims(x, |claims| time(claims, "nbf")))),
    ("http.request.jwt.claims.nbf.sec.names", Extract::Made(|x| claim_names(x, |claims| time(claims, "nbf")))),
    ("http.request.jwt.claims.nbf.sec.values", Extract::Made(|x| claim_values(x, |claims| time(claims, "nbf")))),
    ("http.request.jwt.claims.exp.sec", Extract::Made(|x| claims(x, |claims| time(claims, "exp")))),
    ("http.request.jwt.claims.exp.sec.names", Extract::Made(|x| claim_names(x, |claims| time(claims, "exp")))),
    ("http.request.jwt.claims.exp.sec.values", Extract::Made(|x| claim_values(x, |claims| time(claims, "exp")))),
];

/// What the client's certificate says; nothing where there is none.
fn shown<'x>(exchange: &'x Exchange<'_>, of: fn(&Certificate) -> &str) -> &'x [u8] {
    exchange.certificate().map_or(b"", |certificate| of(certificate).as_bytes())
}

fn args<'x>(exchange: &'x Exchange<'_>) -> Pairs<'x> {
    Pairs::Plain(exchange.parsed.args.get_or_init(|| pairs::form(exchange.query())))
}

pub(super) fn cookies<'x>(exchange: &'x Exchange<'_>) -> Pairs<'x> {
    Pairs::Decoded(exchange.parsed.cookies.get_or_init(|| {
        let lines = exchange.head().headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"cookie"));
        pairs::cookies(lines.map(|(_, value)| *value))
    }))
}

fn form<'x>(exchange: &'x Exchange<'_>) -> Pairs<'x> {
    Pairs::Plain(exchange.made().form.get_or_init(|| {
        let is_form = super::body::media_type(exchange.at(exchange.known().content_type).unwrap_or_default())
            .eq_ignore_ascii_case(b"application/x-www-form-urlencoded");
        pairs::form(if is_form { exchange.body().unwrap_or_default() } else { b"" }).to_vec()
    }))
}

fn response_headers<'x>(exchange: &'x Exchange<'_>) -> Pairs<'x> {
    Pairs::Plain(exchange.response.as_ref().map_or(&[], |response| &response.headers))
}

fn uri<'x>(exchange: &'x Exchange<'_>) -> &'x [u8] {
    match exchange.received_target() {
        Some(target) => target,
        None => exchange.made().uri.get_or_init(|| join_target(exchange.path(), exchange.query())),
    }
}

fn full_uri<'x>(exchange: &'x Exchange<'_>) -> &'x [u8] {
    exchange.made().full_uri.get_or_init(|| exchange.with_origin(uri(exchange)))
}

fn body_size(exchange: &Exchange<'_>) -> i64 {
    let seen = exchange.body().map_or(0, |body| i64::try_from(body.len()).unwrap_or(i64::MAX));
    let announced = || {
        let text = std::str::from_utf8(exchange.at(exchange.known().content_length)?).ok()?;
        text.trim().parse::<i64>().ok()
    };
    if exchange.is_truncated() { announced().unwrap_or(seen).max(seen) } else { seen }
}

fn media_type<'x>(exchange: &'x Exchange<'_>) -> &'x [u8] {
    exchange.made().media_type.get_or_init(|| {
        let headers = response_headers(exchange);
        let value = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(b"content-type"));
        super::body::media_type(value.map_or(b"", |(_, value)| value)).to_ascii_lowercase()
    })
}

/// The text after the last dot of the last segment in lower case; nothing for a segment whose only dot is its first byte.
fn extension(path: &[u8]) -> Vec<u8> {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    match memchr::memrchr(b'.', name) {
        None | Some(0) => Vec::new(),
        Some(dot) => name.get(dot + 1..).unwrap_or_default().to_ascii_lowercase(),
    }
}

/// What valid tokens say, by the names of their kinds; a kind whose token does not say it is left out.
fn claims<'x>(exchange: &'x Exchange<'_>, of: impl Fn(&'x Claims) -> Vec<Value<'x>>) -> Value<'x> {
    let said = exchange.tokens().map(|(name, verified)| (name, of(&verified.claims)));
    let said = said.filter(|(_, values)| !values.is_empty());
    Value::Map(said.map(|(name, values)| (Cow::Borrowed(name.as_bytes()), Value::Array(values))).collect())
}

fn claim_names<'x>(exchange: &'x Exchange<'_>, of: impl Fn(&'x Claims) -> Vec<Value<'x>>) -> Value<'x> {
    let entries = claims(exchange, of).into_entries();
    Value::Array(entries.into_iter().map(|(name, _)| Value::String(name)).collect())
}

fn claim_values<'x>(exchange: &'x Exchange<'_>, of: impl Fn(&'x Claims) -> Vec<Value<'x>>) -> Value<'x> {
    Value::Array(claims(exchange, of).into_elements().into_iter().flat_map(Value::into_elements).collect())
}

fn audience(claims: &Claims) -> Vec<Value<'_>> {
    claims.audience().unwrap_or_default().into_iter().map(|each| Value::text(each.as_bytes())).collect()
}

fn text<'x>(claims: &'x Claims, name: &str) -> Vec<Value<'x>> {
    claims.string(name).map(|text| Value::text(text.as_bytes())).into_iter().collect()
}

fn time<'x>(claims: &'x Claims, name: &str) -> Vec<Value<'x>> {
    claims.seconds(name).map(Value::Int).into_iter().collect()
}

/// The tags of `Accept-Language` by weight, the heaviest first; `*` and tags of weight 0 are left out.
fn accepted_languages<'x>(exchange: &'x Exchange<'_>) -> Value<'x> {
    let lines =
        exchange.head().headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"accept-language"));
    let mut tags: Vec<(u32, &[u8])> = lines
        .flat_map(|(_, value)| value.split(|byte| *byte == b','))
        .filter_map(|range| {
            let mut parts = range.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
            let tag = parts.next().filter(|tag| !tag.is_empty() && *tag != b"*")?;
            let weight = parts.find_map(|part| part.strip_prefix(b"q=").or_else(|| part.strip_prefix(b"Q=")));
            Some((weight.map_or(1000, thousandths), tag))
        })
        .filter(|(weight, _)| *weight > 0)
        .collect();
    tags.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    Value::Array(tags.into_iter().map(|(_, tag)| Value::text(tag)).collect())
}

fn path_params<'x>(exchange: &'x Exchange<'_>) -> Value<'x> {
    let decoded = |text: &str| Value::String(Cow::Owned(decode_percent(text.as_bytes())));
    let params = exchange.state.params.iter();
    Value::Map(params.map(|(name, value)| (Cow::Borrowed(name.as_bytes()), decoded(value))).collect())
}

/// `%XX` decoded once; what is malformed stays.
fn decode_percent(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        let value = match (byte, after) {
            (b'%', [high, low, ..]) => char::from(*high).to_digit(16).zip(char::from(*low).to_digit(16)),
            _ => None,
        };
        decoded.push(value.map_or(*byte, |(high, low)| (high * 16 + low) as u8));
        rest = after.get(if value.is_some() { 2 } else { 0 }..).unwrap_or_default();
    }
    decoded
}

fn violates(exchange: &Exchange<'_>) -> bool {
    exchange.state.verdict.as_ref().is_some_and(|verdict| !verdict.violations.is_empty())
}

/// The names of the parameters of one location, or the members of the body, that violate the schema, each once.
fn violated<'x>(exchange: &'x Exchange<'_>, location: Location) -> Value<'x> {
    let all = exchange.state.verdict.iter().flat_map(|verdict| &verdict.violations);
    names(all.filter(|violation| violation.location == location))
}

fn undeclared<'x>(exchange: &'x Exchange<'_>) -> Value<'x> {
    names(exchange.state.verdict.iter().flat_map(|verdict| &verdict.undeclared))
}

/// The first token of each pointer.
fn names<'x>(violations: impl Iterator<Item = &'x Violation>) -> Value<'x> {
    let mut names: Vec<Value<'x>> = Vec::new();
    for violation in violations {
        let first = violation.pointer.split('/').nth(1).unwrap_or_default();
        let name = Value::String(Cow::Owned(first.replace("~1", "/").replace("~0", "~").into_bytes()));
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Value::Array(names)
}

/// A weight such as `0.8` in thousandths; 0 where it is malformed.
fn thousandths(text: &[u8]) -> u32 {
    let (whole, fraction) = match text {
        [whole @ (b'0' | b'1')] => (*whole, &b""[..]),
        [whole @ (b'0' | b'1'), b'.', fraction @ ..] if fraction.len() <= 3 => (*whole, fraction),
        _ => return 0,
    };
    if !fraction.iter().all(u8::is_ascii_digit) {
        return 0;
    }
    let digits = fraction.iter().chain(b"000").take(3);
    let fraction = digits.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    (u32::from(whole - b'0') * 1000 + fraction).min(1000)
}

fn per_part<'x>(
    exchange: &'x Exchange<'_>,
    of: impl Fn(&'x super::body::Part<'x>) -> Vec<&'x [u8]>,
) -> Value<'x> {
    let texts = |part| Value::Array(of(part).into_iter().map(Value::text).collect());
    Value::Array(exchange.parts().iter().map(texts).collect())
}

impl<'a> Exchange<'a> {
    /// Where the client is, as far as a database says.
    fn whereabouts(&self) -> &Whereabouts {
        static NOWHERE: LazyLock<Whereabouts> = LazyLock::new(Whereabouts::default);
        let Some(geo) = self.state.policy.and_then(|policy| policy.geo.as_ref()) else { return &NOWHERE };
        let known = || geo.whereabouts(self.head().client);
        self.made().whereabouts.get_or_init(known)
    }

    fn parts(&self) -> &[super::body::Part<'a>] {
        self.made().parts.get_or_init(|| {
            let content_type = self.at(self.known().content_type).unwrap_or_default();
            super::body::parts(content_type, self.body().unwrap_or_default())
        })
    }

    fn with_origin(&self, target: &[u8]) -> Vec<u8> {
        let (scheme, default) = if self.head().tls { (&b"https://"[..], 443) } else { (&b"http://"[..], 80) };
        let mut uri = [scheme, self.host()].concat();
        if let Some(port) = self.port().filter(|port| *port != default) {
            uri.extend_from_slice(format!(":{port}").as_bytes());
        }
        uri.extend_from_slice(target);
        uri
    }
}
