//! Every fact that a policy may ask for: name, type, the phase that first has it, where it comes from, one line of manual.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::types::Type;

/// The moments of an exchange at which rules run, earliest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// Connection, canonical request, API and endpoint, session and token facts.
    Head,
    /// What outlives a request: sequences and counters.
    State,
    /// The request's body, its validation, GraphQL.
    Body,
    /// The upstream's answer.
    Response,
}

impl Phase {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::Head, Self::State, Self::Body, Self::Response];

    /// Its name in dumps, events and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::State => "state",
            Self::Body => "body",
            Self::Response => "response",
        }
    }
}

/// Where a field's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The exchange itself and what the policy knows of it.
    Exchange,
    /// A `geoip` database.
    Geo,
    /// The TLS handshake.
    Tls,
    /// Cloudflare's network: only a `provide` item can give it a value here.
    Cloud,
}

/// A row of [`FIELDS`].
#[derive(Debug)]
pub struct Field {
    /// Cloudflare's name, or ours.
    pub name: &'static str,
    /// Its type.
    pub ty: Type,
    /// The first phase that has it.
    pub phase: Phase,
    /// Where its value comes from.
    pub source: Source,
    /// One line for the manual.
    pub doc: &'static str,
}

/// A field as its row in [`FIELDS`]; in a bundle it travels by name, so that rows may be added and moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldId(u16);

impl FieldId {
    /// The field of that name.
    pub fn find(name: &str) -> Option<Self> {
        FIELDS.iter().position(|field| field.name == name).map(|at| Self(at as u16))
    }

    /// All fields, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..FIELDS.len()).map(|at| Self(at as u16))
    }

    /// Its row.
    pub fn row(self) -> &'static Field {
        #[expect(
            clippy::indexing_slicing,
            reason = "ids are only made by `find` and `all`, from the table itself"
        )]
        &FIELDS[self.0 as usize]
    }

    /// The row's place, for tables beside this one.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl Serialize for FieldId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.row().name)
    }
}

impl<'de> Deserialize<'de> for FieldId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = <&str>::deserialize(deserializer)?;
        Self::find(name).ok_or_else(|| de::Error::custom("unknown field"))
    }
}

const fn field(name: &'static str, ty: Type, phase: Phase, source: Source, doc: &'static str) -> Field {
    Field { name, ty, phase, source, doc }
}

/// The table.
#[rustfmt::skip]
// A static, so that a row has one address.
pub static FIELDS: &[Field] = &[
    // URI
    field("http.host", Type::STRING, Phase::Head, Source::Exchange, "the host that the request is for, in lower case, without its port"),
    field("http.request.full_uri", Type::STRING, Phase::Head, Source::Exchange, "scheme, host, path and query"),
    field("http.request.uri", Type::STRING, Phase::Head, Source::Exchange, "path and query, joined by `?`"),
    field("http.request.uri.path", Type::STRING, Phase::Head, Source::Exchange, "the path"),
    field("http.request.uri.path.extension", Type::STRING, Phase::Head, Source::Exchange, "what follows the last dot of the last segment, in lower case, without the dot; empty where there is none and for names that begin with a dot"),
    field("http.request.uri.query", Type::STRING, Phase::Head, Source::Exchange, "the query without its `?`"),
    field("http.request.uri.args", Type::STRING.array().map(), Phase::Head, Source::Exchange, "arguments of the query by name, repeated ones in order, not decoded"),
    field("http.request.uri.args.names", Type::STRING.array(), Phase::Head, Source::Exchange, "names of the query's arguments in order, repeated ones included, not decoded"),
    field("http.request.uri.args.values", Type::STRING.array(), Phase::Head, Source::Exchange, "values of the query's arguments in order, not decoded"),
    // URI raw
    field("raw.http.request.full_uri", Type::STRING, Phase::Head, Source::Exchange, "scheme, host, path and query as they came"),
    field("raw.http.request.uri", Type::STRING, Phase::Head, Source::Exchange, "path and query, joined by `?`, before anything is normalised"),
    field("raw.http.request.uri.path", Type::STRING, Phase::Head, Source::Exchange, "the path, before anything is normalised"),
    field("raw.http.request.uri.path.extension", Type::STRING, Phase::Head, Source::Exchange, "what follows the last dot of the last segment, in lower case, without the dot; empty where there is none and for names that begin with a dot, before anything is normalised"),
    field("raw.http.request.uri.query", Type::STRING, Phase::Head, Source::Exchange, "the query without its `?`, before anything is normalised"),
    field("raw.http.request.uri.args", Type::STRING.array().map(), Phase::Head, Source::Exchange, "arguments of the query by name, repeated ones in order, not decoded, before anything is normalised"),
    field("raw.http.request.uri.args.names", Type::STRING.array(), Phase::Head, Source::Exchange, "names of the query's arguments in order, repeated ones included, not decoded, before anything is normalised"),
    field("raw.http.request.uri.args.values", Type::STRING.array(), Phase::Head, Source::Exchange, "values of the query's arguments in order, not decoded, before anything is normalised"),
    // Request
    field("http.request.method", Type::STRING, Phase::Head, Source::Exchange, "the method, in upper case"),
    field("http.request.version", Type::STRING, Phase::Head, Source::Exchange, "the version of the protocol: `HTTP/1.0`, `HTTP/1.1`, `HTTP/2` or `HTTP/3`"),
    field("http.request.timestamp.sec", Type::INT, Phase::Head, Source::Exchange, "when the request arrived, in seconds since 1970"),
    field("http.request.timestamp.msec", Type::INT, Phase::Head, Source::Exchange, "the milliseconds within that second, 0 to 999"),
    field("ssl", Type::BOOL, Phase::Head, Source::Exchange, "whether the client's connection is encrypted"),
    // Headers
    field("http.cookie", Type::STRING, Phase::Head, Source::Exchange, "the whole `Cookie` header, empty where there is none"),
    field("http.referer", Type::STRING, Phase::Head, Source::Exchange, "the `Referer` header, empty where there is none"),
    field("http.user_agent", Type::STRING, Phase::Head, Source::Exchange, "the `User-Agent` header, empty where there is none"),
    field("http.x_forwarded_for", Type::STRING, Phase::Head, Source::Exchange, "the whole `X-Forwarded-For` header, empty where there is none"),
    field("http.request.cookies", Type::STRING.array().map(), Phase::Head, Source::Exchange, "cookies by name; names are decoded, values are not, values of one name stand in order"),
    field("http.request.headers", Type::STRING.array().map(), Phase::Head, Source::Exchange, "headers by name in lower case; values as they came, repeated ones in order"),
    field("http.request.headers.names", Type::STRING.array(), Phase::Head, Source::Exchange, "names of headers as they were written (over HTTP/2 in lower case), repeated ones included"),
    field("http.request.headers.values", Type::STRING.array(), Phase::Head, Source::Exchange, "values of headers, in the order of their names"),
    field("http.request.headers.truncated", Type::BOOL, Phase::Head, Source::Exchange, "whether there were too many headers for these fields to hold all"),
    field("http.request.accepted_languages", Type::STRING.array(), Phase::Head, Source::Exchange, "tags of the `Accept-Language` header, best first, `*` left out"),
    // Body
    field("http.request.body.raw", Type::STRING, Phase::Body, Source::Exchange, "the body, as far as it is inspected"),
    field("http.request.body.truncated", Type::BOOL, Phase::Body, Source::Exchange, "whether the body was longer than what is inspected"),
    field("http.request.body.size", Type::INT, Phase::Body, Source::Exchange, "how many bytes the whole body has"),
    field("http.request.body.form", Type::STRING.array().map(), Phase::Body, Source::Exchange, "arguments of a URL-encoded form by name, not decoded"),
    field("http.request.body.form.names", Type::STRING.array(), Phase::Body, Source::Exchange, "names of the form's arguments in order, repeated ones included"),
    field("http.request.body.form.values", Type::STRING.array(), Phase::Body, Source::Exchange, "values of the form's arguments in order"),
    field("http.request.body.mime", Type::STRING, Phase::Body, Source::Exchange, "the media type that the body's own bytes show"),
    field("http.request.body.multipart", Type::STRING.array().map(), Phase::Body, Source::Exchange, "values of the parts of a multipart body by name"),
    field("http.request.body.multipart.names", Type::STRING.array().array(), Phase::Body, Source::Exchange, "the names of each part of a multipart body"),
    field("http.request.body.multipart.values", Type::STRING.array(), Phase::Body, Source::Exchange, "the value of each part"),
    field("http.request.body.multipart.content_types", Type::STRING.array().array(), Phase::Body, Source::Exchange, "the `Content-Type` headers of each part"),
    field("http.request.body.multipart.content_dispositions", Type::STRING.array().array(), Phase::Body, Source::Exchange, "the `Content-Disposition` headers of each part"),
    field("http.request.body.multipart.content_transfer_encodings", Type::STRING.array().array(), Phase::Body, Source::Exchange, "the `Content-Transfer-Encoding` headers of each part"),
    field("http.request.body.multipart.filenames", Type::STRING.array().array(), Phase::Body, Source::Exchange, "the file names of each part"),
    // JWT
    field("http.request.jwt.claims.aud", Type::STRING.array().map(), Phase::Head, Source::Exchange, "the audience of valid tokens, by the name of the `jwt` item"),
    field("http.request.jwt.claims.aud.names", Type::STRING.array(), Phase::Head, Source::Exchange, "the `jwt` items whose tokens state the audience, one for each value"),
    field("http.request.jwt.claims.aud.values", Type::STRING.array(), Phase::Head, Source::Exchange, "the audience that valid tokens state"),
    field("http.request.jwt.claims.iat.sec", Type::INT.array().map(), Phase::Head, Source::Exchange, "the time of issue in seconds of valid tokens, by the name of the `jwt` item"),
    field("http.request.jwt.claims.iat.sec.names", Type::STRING.array(), Phase::Head, Source::Exchange, "the `jwt` items whose tokens state the time of issue in seconds, one for each value"),
    field("http.request.jwt.claims.iat.sec.values", Type::INT.array(), Phase::Head, Source::Exchange, "the time of issue in seconds that valid tokens state"),
    field("http.request.jwt.claims.iss", Type::STRING.array().map(), Phase::Head, Source::Exchange, "the issuer of valid tokens, by the name of the `jwt` item"),
    field("http.request.jwt.claims.iss.names", Type::STRING.array(), Phase::Head, Source::Exchange, "the `jwt` items whose tokens state the issuer, one for each value"),
    field("http.request.jwt.claims.iss.values", Type::STRING.array(), Phase::Head, Source::Exchange, "the issuer that valid tokens state"),
    field("http.request.jwt.claims.jti", Type::STRING.array().map(), Phase::Head, Source::Exchange, "the identifier of valid tokens, by the name of the `jwt` item"),
    field("http.request.jwt.claims.jti.names", Type::STRING.array(), Phase::Head, Source::Exchange, "the `jwt` items whose tokens state the identifier, one for each value"),
    field("http.request.jwt.claims.jti.values", Type::STRING.array(), Phase::Head, Source::Exchange, "the identifier that valid tokens state"),
    field("http.request.jwt.claims.nbf.sec", Type::INT.array().map(), Phase::Head, Source::Exchange, "the start of validity in seconds of valid tokens, by the name of the `jwt` item"),
    field("http.request.jwt.claims.nbf.sec.names", Type::STRING.array(), Phase::Head, Source::Exchange, "the `jwt` items whose tokens state the start of validity in seconds, one for each value"),
    field("http.request.jwt.claims.nbf.sec.values", Type::INT.array(), Phase::Head, Source::Exchange, "the start of validity in seconds that valid tokens state"),
    field("http.request.jwt.claims.sub", Type::STRING.array().map(), Phase::Head, Source::Exchange, "the subject of valid tokens, by the name of the `jwt` item"),
    field("http.request.jwt.claims.sub.names", Type::STRING.array(), Phase::Head, Source::Exchange, "the `jwt` items whose tokens state the subject, one for each value"),
    field("http.request.jwt.claims.sub.values", Type::STRING.array(), Phase::Head, Source::Exchange, "the subject that valid tokens state"),
    field("http.request.jwt.claims.exp.sec", Type::INT.array().map(), Phase::Head, Source::Exchange, "the end of validity in seconds of valid tokens, by the name of the `jwt` item"),
    field("http.request.jwt.claims.exp.sec.names", Type::STRING.array(), Phase::Head, Source::Exchange, "the `jwt` items whose tokens state the end of validity in seconds, one for each value"),
    field("http.request.jwt.claims.exp.sec.values", Type::INT.array(), Phase::Head, Source::Exchange, "the end of validity in seconds that valid tokens state"),
    field("http.request.jwt.claims", Type::STRING.array().map(), Phase::Head, Source::Exchange, "all claims of valid tokens as JSON, by the name of the `jwt` item; `lookup_json_string` reads them"),
    // Client IP
    field("ip.src", Type::IP, Phase::Head, Source::Exchange, "the client's address, taken from a header where a trusted proxy before this one states it"),
    // Geo
    field("ip.src.asnum", Type::INT, Phase::Head, Source::Geo, "the number of the autonomous system of the client's address"),
    field("ip.src.country", Type::STRING, Phase::Head, Source::Geo, "the country of the client's address, two upper-case letters of ISO 3166-1; `T1` for Tor, `XX` where unknown"),
    field("ip.src.continent", Type::STRING, Phase::Head, Source::Geo, "the continent: `AF`, `AN`, `AS`, `EU`, `NA`, `OC`, `SA`, or `T1` for Tor"),
    field("ip.src.subdivision_1_iso_code", Type::STRING, Phase::Head, Source::Geo, "the first subdivision by ISO 3166-2, empty where unknown"),
    field("ip.src.subdivision_2_iso_code", Type::STRING, Phase::Head, Source::Geo, "the second subdivision by ISO 3166-2, empty where unknown"),
    field("ip.src.is_in_european_union", Type::BOOL, Phase::Head, Source::Geo, "whether the country is in the European Union"),
    field("ip.src.lat", Type::STRING, Phase::Head, Source::Geo, "the latitude, as text"),
    field("ip.src.lon", Type::STRING, Phase::Head, Source::Geo, "the longitude, as text"),
    field("ip.src.city", Type::STRING, Phase::Head, Source::Geo, "the city"),
    field("ip.src.postal_code", Type::STRING, Phase::Head, Source::Geo, "the postal code"),
    field("ip.src.metro_code", Type::STRING, Phase::Head, Source::Geo, "the metro code, as text"),
    field("ip.src.region", Type::STRING, Phase::Head, Source::Geo, "the region"),
    field("ip.src.region_code", Type::STRING, Phase::Head, Source::Geo, "the code of the region"),
    field("ip.src.timezone.name", Type::STRING, Phase::Head, Source::Geo, "the name of the time zone"),
    // Geo (deprecated)
    field("ip.geoip.asnum", Type::INT, Phase::Head, Source::Geo, "an older name of `ip.src.asnum`"),
    field("ip.geoip.country", Type::STRING, Phase::Head, Source::Geo, "an older name of `ip.src.country`"),
    field("ip.geoip.continent", Type::STRING, Phase::Head, Source::Geo, "an older name of `ip.src.continent`"),
    field("ip.geoip.subdivision_1_iso_code", Type::STRING, Phase::Head, Source::Geo, "an older name of `ip.src.subdivision_1_iso_code`"),
    field("ip.geoip.subdivision_2_iso_code", Type::STRING, Phase::Head, Source::Geo, "an older name of `ip.src.subdivision_2_iso_code`"),
    field("ip.geoip.is_in_european_union", Type::BOOL, Phase::Head, Source::Geo, "an older name of `ip.src.is_in_european_union`"),
    // TLS
    field("cf.tls_version", Type::STRING, Phase::Head, Source::Tls, "`TLSv1`, `TLSv1.1`, `TLSv1.2` or `TLSv1.3`; `none` on plain text"),
    field("cf.tls_cipher", Type::STRING, Phase::Head, Source::Tls, "the negotiated cipher suite, such as `AES128-SHA256`"),
    field("cf.tls_ciphers_sha1", Type::STRING, Phase::Head, Source::Tls, "SHA-1 of the client's cipher suites in the order received, in base64"),
    field("cf.tls_client_extensions_sha1", Type::STRING, Phase::Head, Source::Tls, "SHA-1 of the client's extensions in network byte order, in base64"),
    field("cf.tls_client_extensions_sha1_le", Type::STRING, Phase::Head, Source::Tls, "SHA-1 of the client's extensions in little-endian order, in base64"),
    field("cf.tls_client_hello_length", Type::INT, Phase::Head, Source::Tls, "how many bytes the client's first message had"),
    field("cf.tls_client_random", Type::STRING, Phase::Head, Source::Tls, "the 32 random bytes of the client, in base64"),
    // mTLS
    field("cf.tls_client_auth.cert_presented", Type::BOOL, Phase::Head, Source::Tls, "whether the client showed a certificate, valid or not"),
    field("cf.tls_client_auth.cert_verified", Type::BOOL, Phase::Head, Source::Tls, "whether the certificate is valid; it stays so when it is revoked"),
    field("cf.tls_client_auth.cert_revoked", Type::BOOL, Phase::Head, Source::Tls, "whether the certificate is valid and revoked"),
    field("cf.tls_client_auth.cert_issuer_dn", Type::STRING, Phase::Head, Source::Tls, "the distinguished name of the issuer"),
    field("cf.tls_client_auth.cert_subject_dn", Type::STRING, Phase::Head, Source::Tls, "the distinguished name of the subject"),
    field("cf.tls_client_auth.cert_issuer_dn_rfc2253", Type::STRING, Phase::Head, Source::Tls, "the issuer's name in the form of RFC 2253"),
    field("cf.tls_client_auth.cert_subject_dn_rfc2253", Type::STRING, Phase::Head, Source::Tls, "the subject's name in the form of RFC 2253"),
    field("cf.tls_client_auth.cert_issuer_dn_legacy", Type::STRING, Phase::Head, Source::Tls, "the issuer's name in the form `/C=…/O=…`"),
    field("cf.tls_client_auth.cert_subject_dn_legacy", Type::STRING, Phase::Head, Source::Tls, "the subject's name in the form `/C=…/O=…`"),
    field("cf.tls_client_auth.cert_serial", Type::STRING, Phase::Head, Source::Tls, "the serial number, in upper-case hexadecimal"),
    field("cf.tls_client_auth.cert_issuer_serial", Type::STRING, Phase::Head, Source::Tls, "the serial number of the issuer's certificate"),
    field("cf.tls_client_auth.cert_fingerprint_sha256", Type::STRING, Phase::Head, Source::Tls, "the SHA-256 fingerprint, in lower-case hexadecimal"),
    field("cf.tls_client_auth.cert_fingerprint_sha1", Type::STRING, Phase::Head, Source::Tls, "the SHA-1 fingerprint, in lower-case hexadecimal"),
    field("cf.tls_client_auth.cert_not_before", Type::STRING, Phase::Head, Source::Tls, "the start of validity, as `Mar 21 13:35:00 2022 GMT`"),
    field("cf.tls_client_auth.cert_not_after", Type::STRING, Phase::Head, Source::Tls, "the end of validity, as `Mar 21 13:35:00 2023 GMT`"),
    field("cf.tls_client_auth.cert_ski", Type::STRING, Phase::Head, Source::Tls, "the subject key identifier"),
    field("cf.tls_client_auth.cert_issuer_ski", Type::STRING, Phase::Head, Source::Tls, "the subject key identifier of the issuer"),
    field("cf.tls_client_auth.cert_rfc9440", Type::STRING, Phase::Head, Source::Tls, "the certificate in the form of RFC 9440, valid or not; empty where there is none or it exceeds 10 KiB"),
    field("cf.tls_client_auth.cert_rfc9440_too_large", Type::BOOL, Phase::Head, Source::Tls, "whether the encoded certificate exceeds 10 KiB"),
    field("cf.tls_client_auth.cert_chain_rfc9440", Type::STRING, Phase::Head, Source::Tls, "the chain without the certificate itself, in the form of RFC 9440; empty where there is none or it exceeds 16 KiB"),
    field("cf.tls_client_auth.cert_chain_rfc9440_too_large", Type::BOOL, Phase::Head, Source::Tls, "whether the encoded chain exceeds 16 KiB"),
    // Edge/transport
    field("cf.edge.server_port", Type::INT, Phase::Head, Source::Exchange, "the port on which the request arrived"),
    field("cf.edge.server_ip", Type::IP, Phase::Head, Source::Exchange, "the address on which the request arrived"),
    field("cf.edge.client_tcp", Type::BOOL, Phase::Head, Source::Exchange, "whether the request came over TCP"),
    field("cf.edge.l4.delivery_rate", Type::INT, Phase::Head, Source::Exchange, "the estimated rate of delivery in bytes a second, 0 where unknown"),
    field("cf.timings.client_tcp_rtt_msec", Type::INT, Phase::Head, Source::Exchange, "the smoothed round trip over TCP in milliseconds, 0 over QUIC"),
    field("cf.timings.client_quic_rtt_msec", Type::INT, Phase::Head, Source::Exchange, "the smoothed round trip over QUIC in milliseconds, 0 over TCP"),
    field("cf.timings.edge_msec", Type::INT, Phase::Response, Source::Exchange, "milliseconds spent in the proxy, without the upstream"),
    field("cf.timings.origin_ttfb_msec", Type::INT, Phase::Response, Source::Exchange, "milliseconds until the upstream's first byte"),
    field("cf.timings.worker_msec", Type::INT, Phase::Response, Source::Cloud, "milliseconds spent in Cloudflare's workers"),
    field("cf.random_seed", Type::STRING, Phase::Head, Source::Exchange, "random bytes of this request, for `uuidv4` and `hash_in_range`"),
    field("cf.ray_id", Type::STRING, Phase::Head, Source::Exchange, "the identifier of the request"),
    field("cf.zone.name", Type::STRING, Phase::Head, Source::Exchange, "the name of the zone"),
    field("cf.zone.plan", Type::STRING, Phase::Head, Source::Cloud, "the plan of the zone, such as `ENT`"),
    field("cf.hostname.metadata", Type::STRING, Phase::Head, Source::Exchange, "metadata of the host as JSON, for `lookup_json_string` and `lookup_json_integer`"),
    field("cf.worker.upstream_zone", Type::STRING, Phase::Head, Source::Cloud, "the zone of the worker that sent the request, empty otherwise"),
    field("cf.colo.name", Type::STRING, Phase::Head, Source::Cloud, "the code of the data centre"),
    field("cf.colo.region", Type::STRING, Phase::Head, Source::Cloud, "the region of the data centre"),
    // Bots
    field("cf.client.bot", Type::BOOL, Phase::Head, Source::Cloud, "whether the client is a known good bot"),
    field("cf.bot_management.verified_bot", Type::BOOL, Phase::Head, Source::Cloud, "whether the client is a known good bot"),
    field("cf.verified_bot_category", Type::STRING, Phase::Head, Source::Cloud, "what kind of known bot the client is, such as `Search Engine Crawler`"),
    field("cf.bot_management.score", Type::INT, Phase::Head, Source::Cloud, "how likely a human sent the request, 1 to 99; 0 where that was not judged"),
    field("cf.bot_management.static_resource", Type::BOOL, Phase::Head, Source::Cloud, "whether the path has the extension of a static resource"),
    field("cf.bot_management.ja3_hash", Type::STRING, Phase::Head, Source::Tls, "the JA3 fingerprint of the handshake"),
    field("cf.bot_management.ja4", Type::STRING, Phase::Head, Source::Tls, "the JA4 fingerprint of the handshake"),
    field("cf.bot_management.js_detection.passed", Type::BOOL, Phase::Head, Source::Cloud, "whether the client passed a detection in JavaScript"),
    field("cf.bot_management.detection_ids", Type::INT.array(), Phase::Head, Source::Cloud, "identifiers of the heuristics that fitted"),
    field("cf.bot_management.corporate_proxy", Type::BOOL, Phase::Head, Source::Cloud, "whether the request came through a known corporate proxy"),
    field("cf.bot_management.signed_agent", Type::BOOL, Phase::Head, Source::Cloud, "whether the client is an agent that signs its requests"),
    field("cf.bot_management.tags", Type::STRING.array(), Phase::Head, Source::Cloud, "tags of the automated traffic, such as `API`"),
    // Threat
    field("cf.threat_score", Type::INT, Phase::Head, Source::Cloud, "0; formerly a score of the address up to 100"),
    // WAF
    field("cf.waf.score", Type::INT, Phase::Head, Source::Cloud, "how likely the request is no attack, 1 to 99; 100 where that was not judged"),
    field("cf.waf.score.sqli", Type::INT, Phase::Head, Source::Cloud, "the same for SQL injection"),
    field("cf.waf.score.xss", Type::INT, Phase::Head, Source::Cloud, "the same for cross-site scripting"),
    field("cf.waf.score.rce", Type::INT, Phase::Head, Source::Cloud, "the same for remote code execution"),
    field("cf.waf.score.class", Type::STRING, Phase::Head, Source::Cloud, "`attack`, `likely_attack`, `likely_clean` or `clean`"),
    field("cf.waf.auth_detected", Type::BOOL, Phase::Head, Source::Cloud, "whether the request carries credentials"),
    field("cf.waf.credential_check.password_leaked", Type::BOOL, Phase::Head, Source::Cloud, "whether its password is known to have leaked"),
    field("cf.waf.credential_check.username_leaked", Type::BOOL, Phase::Head, Source::Cloud, "whether its user name is known to have leaked"),
    field("cf.waf.credential_check.username_and_password_leaked", Type::BOOL, Phase::Head, Source::Cloud, "whether its user name and password have leaked together"),
    field("cf.waf.credential_check.username_password_similar", Type::BOOL, Phase::Head, Source::Cloud, "whether a similar pair has leaked"),
    field("cf.waf.content_scan.has_obj", Type::BOOL, Phase::Body, Source::Exchange, "whether the request carries files"),
    field("cf.waf.content_scan.has_malicious_obj", Type::BOOL, Phase::Body, Source::Exchange, "whether a scanner found one of its files malicious"),
    field("cf.waf.content_scan.num_malicious_obj", Type::INT, Phase::Body, Source::Exchange, "how many of its files a scanner found malicious"),
    field("cf.waf.content_scan.has_failed", Type::BOOL, Phase::Body, Source::Exchange, "whether the scanner failed"),
    field("cf.waf.content_scan.num_obj", Type::INT, Phase::Body, Source::Exchange, "how many files the request carries"),
    field("cf.waf.content_scan.obj_sizes", Type::INT.array(), Phase::Body, Source::Exchange, "the sizes of its files in bytes"),
    field("cf.waf.content_scan.obj_types", Type::STRING.array(), Phase::Body, Source::Exchange, "the media types of its files, `application/octet-stream` where unknown"),
    field("cf.waf.content_scan.obj_results", Type::STRING.array(), Phase::Body, Source::Exchange, "`clean`, `suspicious`, `infected` or `not scanned` for each of its files"),
    // LLM
    field("cf.llm.prompt.detected", Type::BOOL, Phase::Head, Source::Cloud, "whether a prompt to a language model was scanned"),
    field("cf.llm.prompt.pii_detected", Type::BOOL, Phase::Head, Source::Cloud, "whether the prompt holds personal data"),
    field("cf.llm.prompt.pii_categories", Type::STRING.array(), Phase::Head, Source::Cloud, "kinds of personal data in the prompt, such as `EMAIL_ADDRESS`"),
    field("cf.llm.prompt.unsafe_topic_detected", Type::BOOL, Phase::Head, Source::Cloud, "whether the prompt is about an unsafe topic"),
    field("cf.llm.prompt.unsafe_topic_categories", Type::STRING.array(), Phase::Head, Source::Cloud, "unsafe topics of the prompt, such as `SELF_HARM_AND_SUICIDE`"),
    field("cf.llm.prompt.injection_score", Type::INT, Phase::Head, Source::Cloud, "how likely the prompt is no injection, 1 to 99; 100 where that was not judged"),
    field("cf.llm.prompt.token_count", Type::INT, Phase::Head, Source::Cloud, "how many tokens the prompt has, estimated"),
    field("cf.llm.prompt.custom_topic_categories", Type::INT.map(), Phase::Head, Source::Cloud, "relevance of the account's own topics, 1 to 99, by label"),
    // API Shield
    field("cf.api_gateway.auth_id_present", Type::BOOL, Phase::Head, Source::Exchange, "whether the request carries a session value"),
    field("cf.api_gateway.request_violates_schema", Type::BOOL, Phase::Body, Source::Exchange, "whether the request violates its schema"),
    field("cf.api_gateway.fallthrough_detected", Type::BOOL, Phase::Head, Source::Exchange, "whether the request fits no endpoint of the API"),
    field("cf.schema_validation.learned.violated", Type::BOOL, Phase::Body, Source::Exchange, "whether the request violates the learned schema"),
    field("cf.schema_validation.uploaded.violated", Type::BOOL, Phase::Body, Source::Exchange, "whether the request violates the schema of its document"),
    field("cf.schema_validation.learned.path.violated_parameters", Type::STRING.array(), Phase::Body, Source::Exchange, "names of the path parameters that violate the learned schema"),
    field("cf.schema_validation.learned.query.violated_parameters", Type::STRING.array(), Phase::Body, Source::Exchange, "names of the query parameters that violate the learned schema"),
    field("cf.schema_validation.learned.headers.violated_parameters", Type::STRING.array(), Phase::Body, Source::Exchange, "names of the headers that violate the learned schema"),
    field("cf.schema_validation.learned.cookies.violated_parameters", Type::STRING.array(), Phase::Body, Source::Exchange, "names of the cookies that violate the learned schema"),
    field("cf.schema_validation.learned.body.violated_parameters", Type::STRING.array(), Phase::Body, Source::Exchange, "names of the parts of the body that violate the learned schema"),
    field("cf.schema_validation.learned.query.undeclared_parameters", Type::STRING.array(), Phase::Body, Source::Exchange, "names of query parameters that the learned schema does not declare"),
    field("cf.schema_validation.uploaded.path.violated_parameters", Type::STRING.array(), Phase::Body, Source::Exchange, "names of the path parameters that violate the schema of the document"),
    field("cf.schema_validation.uploaded.query.violated_parameters", Type::STRING.array(), Phase::Body, Source::Exchange, "names of the query parameters that violate the schema of the document"),
    field("cf.schema_validation.uploaded.headers.violated_parameters", Type::STRING.array(), Phase::Body, Source::Exchange, "names of the headers that violate the schema of the document"),
    field("cf.schema_validation.uploaded.cookies.violated_parameters", Type::STRING.array(), Phase::Body, Source::Exchange, "names of the cookies that violate the schema of the document"),
    field("cf.schema_validation.uploaded.body.violated_parameters", Type::STRING.array(), Phase::Body, Source::Exchange, "names of the parts of the body that violate the schema of the document"),
    field("cf.schema_validation.uploaded.query.undeclared_parameters", Type::STRING.array(), Phase::Body, Source::Exchange, "names of query parameters that the schema of the document does not declare"),
    field("cf.api_gateway.graphql.query_size", Type::INT, Phase::Body, Source::Exchange, "how many fields the GraphQL query asks for"),
    field("cf.api_gateway.graphql.query_depth", Type::INT, Phase::Body, Source::Exchange, "how deep the GraphQL query nests"),
    field("cf.api_gateway.graphql.parsed_successfully", Type::BOOL, Phase::Body, Source::Exchange, "whether the GraphQL query could be parsed; the other two fields mean something only then"),
    field("cf.api_gateway.tokens.valid", Type::STRING.array(), Phase::Head, Source::Exchange, "names of the `jwt` items whose token is valid"),
    field("cf.sequence.current_op", Type::STRING, Phase::State, Source::Exchange, "the operation of this request"),
    field("cf.sequence.previous_ops", Type::STRING.array(), Phase::State, Source::Exchange, "operations of the session before this request"),
    field("cf.sequence.msec_since_op", Type::INT.map(), Phase::State, Source::Exchange, "milliseconds since each operation was seen in the session, by operation"),
    // Response
    field("http.response.code", Type::INT, Phase::Response, Source::Exchange, "the status of the answer"),
    field("http.response.headers", Type::STRING.array().map(), Phase::Response, Source::Exchange, "headers of the answer by name in lower case"),
    field("http.response.headers.names", Type::STRING.array(), Phase::Response, Source::Exchange, "names of the answer's headers as they were written"),
    field("http.response.headers.values", Type::STRING.array(), Phase::Response, Source::Exchange, "values of the answer's headers, in the order of their names"),
    field("http.response.headers.truncated", Type::BOOL, Phase::Response, Source::Exchange, "whether the answer had too many headers for these fields to hold all"),
    field("http.response.content_type.media_type", Type::STRING, Phase::Response, Source::Exchange, "the media type of the answer in lower case, without parameters"),
    field("cf.response.1xxx_code", Type::INT, Phase::Response, Source::Cloud, "the code of a Cloudflare error page, 0 otherwise"),
    field("cf.response.error_type", Type::STRING, Phase::Response, Source::Cloud, "what kind of error page Cloudflare answered with, empty otherwise"),
    // Response raw
    field("raw.http.response.headers", Type::STRING.array().map(), Phase::Response, Source::Exchange, "headers of the upstream's answer before any rule changed them"),
    field("raw.http.response.headers.names", Type::STRING.array(), Phase::Response, Source::Exchange, "names of those headers as they were written"),
    field("raw.http.response.headers.values", Type::STRING.array(), Phase::Response, Source::Exchange, "values of those headers, in the order of their names"),
    // WAF detections
    field("cf.waf.signature.request.categories", Type::STRING.array(), Phase::Head, Source::Cloud, "categories of the attack signatures that fitted, such as `sqli`"),
    field("cf.waf.signature.request.confidence", Type::STRING.array(), Phase::Head, Source::Cloud, "`high` or `low` for each signature that fitted"),
    field("cf.waf.signature.request.refs", Type::STRING.array(), Phase::Head, Source::Cloud, "identifiers of the signatures that fitted"),
    field("cf.appsec.request.failed_detections", Type::STRING.array(), Phase::Head, Source::Cloud, "detections that failed before the rules ran"),
    // Threat intelligence
    field("cf.intel.ip.datasets", Type::STRING.array(), Phase::Head, Source::Cloud, "data sets that know the address, such as `ddos`"),
    field("cf.intel.ip.target_industries", Type::STRING.array(), Phase::Head, Source::Cloud, "industries that the address attacked"),
    field("cf.intel.ip.attacker_names", Type::STRING.array(), Phase::Head, Source::Cloud, "names of the attackers behind the address"),
    field("cf.intel.ip.attacker_countries", Type::STRING.array(), Phase::Head, Source::Cloud, "countries of the attackers, two letters each"),
    field("cf.intel.ip.target_countries", Type::STRING.array(), Phase::Head, Source::Cloud, "countries that the address attacked, two letters each"),
    // Fraud
    field("cf.fraud_detection.disposable_email", Type::BOOL, Phase::Body, Source::Exchange, "whether the e-mail address of a registration is a disposable one"),
    field("cf.fraud_detection.disposable_domain", Type::BOOL, Phase::Body, Source::Exchange, "whether the domain of that e-mail address gives out disposable ones"),
    field("cf.fraud.email_risk", Type::STRING, Phase::Head, Source::Cloud, "the risk of the e-mail address: `unknown`, `low`, `medium` or `high`"),
    field("cf.fraud.detection_ids", Type::INT.array(), Phase::Head, Source::Cloud, "identifiers of fraud detections that fitted"),
    field("cf.fraud.detection_tags", Type::STRING.array(), Phase::Head, Source::Cloud, "tags of fraud detections that fitted"),
    // Ours
    field("api.name", Type::STRING, Phase::Head, Source::Exchange, "the API that the host belongs to, or absent"),
    field("api.endpoint", Type::STRING, Phase::Head, Source::Exchange, "method and path template of the endpoint, such as `POST /pets/{petId}`, or absent"),
    field("api.operation_id", Type::STRING, Phase::Head, Source::Exchange, "the operationId of the endpoint in its document, or absent"),
    field("api.path_params", Type::STRING.map(), Phase::Head, Source::Exchange, "decoded path parameters by name"),
    field("session.id", Type::STRING, Phase::Head, Source::Exchange, "a keyed hash of the client's session value, or absent"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_rows_have_a_manual_line() {
        for id in FieldId::all() {
            let row = id.row();
            assert_eq!(FieldId::find(row.name), Some(id), "{}", row.name);
            assert!(row.ty.is_valid() && !row.doc.is_empty(), "{}", row.name);
        }
    }
}
