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
    field("http.host", Type::STRING, Phase::Head, Source::Exchange, "Host header of the original client request"),
    field("http.request.full_uri", Type::STRING, Phase::Head, Source::Exchange, "scheme://host/path?query as received (no #fragment)"),
    field("http.request.uri", Type::STRING, Phase::Head, Source::Exchange, "path + ? + query"),
    field("http.request.uri.path", Type::STRING, Phase::Head, Source::Exchange, "URI path"),
    field("http.request.uri.path.extension", Type::STRING, Phase::Head, Source::Exchange, "lower-cased text after last dot of last segment, no dot; \"\" if none or dotfile (/.mp3 -> \"\", /.foo.mp3 -> mp3, /foo. -> \"\", /foo.MP3 -> mp3)"),
    field("http.request.uri.query", Type::STRING, Phase::Head, Source::Exchange, "query string without \"?\""),
    field("http.request.uri.args", Type::STRING.array().map(), Phase::Head, Source::Exchange, "query arguments; repeats keep order; no decoding; original case kept"),
    field("http.request.uri.args.names", Type::STRING.array(), Phase::Head, Source::Exchange, "argument names in request order, duplicates kept, not decoded"),
    field("http.request.uri.args.values", Type::STRING.array(), Phase::Head, Source::Exchange, "argument values in request order, duplicates kept, not decoded"),
    // URI raw
    field("raw.http.request.full_uri", Type::STRING, Phase::Head, Source::Exchange, "immutable original full URI (may include basic HTTP-server normalisation)"),
    field("raw.http.request.uri", Type::STRING, Phase::Head, Source::Exchange, "immutable original path+query"),
    field("raw.http.request.uri.path", Type::STRING, Phase::Head, Source::Exchange, "immutable original path"),
    field("raw.http.request.uri.path.extension", Type::STRING, Phase::Head, Source::Exchange, "immutable original extension"),
    field("raw.http.request.uri.query", Type::STRING, Phase::Head, Source::Exchange, "immutable original query"),
    field("raw.http.request.uri.args", Type::STRING.array().map(), Phase::Head, Source::Exchange, "immutable original args map"),
    field("raw.http.request.uri.args.names", Type::STRING.array(), Phase::Head, Source::Exchange, "immutable original arg names"),
    field("raw.http.request.uri.args.values", Type::STRING.array(), Phase::Head, Source::Exchange, "immutable original arg values"),
    // Request
    field("http.request.method", Type::STRING, Phase::Head, Source::Exchange, "upper-case method"),
    field("http.request.version", Type::STRING, Phase::Head, Source::Exchange, "e.g. \"HTTP/1.0\" \"HTTP/1.1\" \"HTTP/2\" \"HTTP/3\""),
    field("http.request.timestamp.sec", Type::INT, Phase::Head, Source::Exchange, "UNIX seconds when the edge received the request"),
    field("http.request.timestamp.msec", Type::INT, Phase::Head, Source::Exchange, "millisecond part 0-999"),
    field("ssl", Type::BOOL, Phase::Head, Source::Exchange, "true when client connection is encrypted"),
    // Headers
    field("http.cookie", Type::STRING, Phase::Head, Source::Exchange, "whole Cookie header as one string, \"\" when absent"),
    field("http.referer", Type::STRING, Phase::Head, Source::Exchange, "Referer header, \"\" when the header is absent"),
    field("http.user_agent", Type::STRING, Phase::Head, Source::Exchange, "User-Agent header, \"\" when absent"),
    field("http.x_forwarded_for", Type::STRING, Phase::Head, Source::Exchange, "full X-Forwarded-For value, \"\" when absent"),
    field("http.request.cookies", Type::STRING.array().map(), Phase::Head, Source::Exchange, "Cookie header as map; names URL-decoded; same decoded name -> arrays merged; values untouched"),
    field("http.request.headers", Type::STRING.array().map(), Phase::Head, Source::Exchange, "header map; KEYS LOWER-CASED, values untouched, repeats in order"),
    field("http.request.headers.names", Type::STRING.array(), Phase::Head, Source::Exchange, "header names, original case (HTTP/2 always lower case), order not guaranteed but parallel to .values, duplicates listed"),
    field("http.request.headers.values", Type::STRING.array(), Phase::Head, Source::Exchange, "header values parallel to .names"),
    field("http.request.headers.truncated", Type::BOOL, Phase::Head, Source::Exchange, "too many headers; header fields incomplete"),
    field("http.request.accepted_languages", Type::STRING.array(), Phase::Head, Source::Exchange, "Accept-Language tags sorted by q desc, \"*\" dropped"),
    // Body
    field("http.request.body.raw", Type::STRING, Phase::Body, Source::Exchange, "raw body, up to a plan-dependent max size"),
    field("http.request.body.truncated", Type::BOOL, Phase::Body, Source::Exchange, "body fields incomplete"),
    field("http.request.body.size", Type::INT, Phase::Body, Source::Exchange, "total body size in bytes; may exceed len(raw)"),
    field("http.request.body.form", Type::STRING.array().map(), Phase::Body, Source::Exchange, "x-www-form-urlencoded body as map, NOT decoded"),
    field("http.request.body.form.names", Type::STRING.array(), Phase::Body, Source::Exchange, "form names, request order, duplicates kept"),
    field("http.request.body.form.values", Type::STRING.array(), Phase::Body, Source::Exchange, "form values"),
    field("http.request.body.mime", Type::STRING, Phase::Body, Source::Exchange, "MIME type sniffed from the body itself"),
    field("http.request.body.multipart", Type::STRING.array().map(), Phase::Body, Source::Exchange, "multipart part name -> values"),
    field("http.request.body.multipart.names", Type::STRING.array().array(), Phase::Body, Source::Exchange, "part names per part"),
    field("http.request.body.multipart.values", Type::STRING.array(), Phase::Body, Source::Exchange, "part values per part"),
    field("http.request.body.multipart.content_types", Type::STRING.array().array(), Phase::Body, Source::Exchange, "Content-Type headers per part"),
    field("http.request.body.multipart.content_dispositions", Type::STRING.array().array(), Phase::Body, Source::Exchange, "Content-Disposition headers per part"),
    field("http.request.body.multipart.content_transfer_encodings", Type::STRING.array().array(), Phase::Body, Source::Exchange, "Content-Transfer-Encoding per part"),
    field("http.request.body.multipart.filenames", Type::STRING.array().array(), Phase::Body, Source::Exchange, "filenames per part"),
    // JWT
    field("http.request.jwt.claims.aud", Type::STRING.array().map(), Phase::Head, Source::Exchange, "JWT aud claim keyed by token-configuration id"),
    field("http.request.jwt.claims.aud.names", Type::STRING.array(), Phase::Head, Source::Exchange, "token configuration ids having aud"),
    field("http.request.jwt.claims.aud.values", Type::STRING.array(), Phase::Head, Source::Exchange, "aud values"),
    field("http.request.jwt.claims.iat.sec", Type::INT.array().map(), Phase::Head, Source::Exchange, "iat claim (seconds)"),
    field("http.request.jwt.claims.iat.sec.names", Type::STRING.array(), Phase::Head, Source::Exchange, "names"),
    field("http.request.jwt.claims.iat.sec.values", Type::INT.array(), Phase::Head, Source::Exchange, "values"),
    field("http.request.jwt.claims.iss", Type::STRING.array().map(), Phase::Head, Source::Exchange, "iss claim"),
    field("http.request.jwt.claims.iss.names", Type::STRING.array(), Phase::Head, Source::Exchange, "names"),
    field("http.request.jwt.claims.iss.values", Type::STRING.array(), Phase::Head, Source::Exchange, "values"),
    field("http.request.jwt.claims.jti", Type::STRING.array().map(), Phase::Head, Source::Exchange, "jti claim"),
    field("http.request.jwt.claims.jti.names", Type::STRING.array(), Phase::Head, Source::Exchange, "names"),
    field("http.request.jwt.claims.jti.values", Type::STRING.array(), Phase::Head, Source::Exchange, "values"),
    field("http.request.jwt.claims.nbf.sec", Type::INT.array().map(), Phase::Head, Source::Exchange, "nbf claim (seconds)"),
    field("http.request.jwt.claims.nbf.sec.names", Type::STRING.array(), Phase::Head, Source::Exchange, "names"),
    field("http.request.jwt.claims.nbf.sec.values", Type::INT.array(), Phase::Head, Source::Exchange, "values"),
    field("http.request.jwt.claims.sub", Type::STRING.array().map(), Phase::Head, Source::Exchange, "sub claim"),
    field("http.request.jwt.claims.sub.names", Type::STRING.array(), Phase::Head, Source::Exchange, "names"),
    field("http.request.jwt.claims.sub.values", Type::STRING.array(), Phase::Head, Source::Exchange, "values"),
    field("http.request.jwt.claims.exp.sec", Type::INT.array().map(), Phase::Head, Source::Exchange, "exp claim"),
    field("http.request.jwt.claims.exp.sec.names", Type::STRING.array(), Phase::Head, Source::Exchange, "as in the field above"),
    field("http.request.jwt.claims.exp.sec.values", Type::INT.array(), Phase::Head, Source::Exchange, "as in the field above"),
    field("http.request.jwt.claims", Type::STRING.array().map(), Phase::Head, Source::Exchange, "whole verified claim set as JSON string per token-configuration id: lookup_json_string(http.request.jwt.claims[\"<id>\"][0], \"user\")"),
    // Client IP
    field("ip.src", Type::IP, Phase::Head, Source::Exchange, "client IP, possibly adjusted from X-Forwarded-For / X-Real-IP"),
    // Geo
    field("ip.src.asnum", Type::INT, Phase::Head, Source::Geo, "AS number of client IP"),
    field("ip.src.country", Type::STRING, Phase::Head, Source::Geo, "ISO 3166-1 alpha-2, upper case; special T1 (Tor), XX (unknown)"),
    field("ip.src.continent", Type::STRING, Phase::Head, Source::Geo, "AF AN AS EU NA OC SA T1"),
    field("ip.src.subdivision_1_iso_code", Type::STRING, Phase::Head, Source::Geo, "ISO 3166-2 first level, \"\" when unavailable"),
    field("ip.src.subdivision_2_iso_code", Type::STRING, Phase::Head, Source::Geo, "ISO 3166-2 second level, \"\" when unavailable"),
    field("ip.src.is_in_european_union", Type::BOOL, Phase::Head, Source::Geo, "country in EU list"),
    field("ip.src.lat", Type::STRING, Phase::Head, Source::Geo, "latitude as a STRING"),
    field("ip.src.lon", Type::STRING, Phase::Head, Source::Geo, "longitude as a STRING"),
    field("ip.src.city", Type::STRING, Phase::Head, Source::Geo, "city"),
    field("ip.src.postal_code", Type::STRING, Phase::Head, Source::Geo, "postal code"),
    field("ip.src.metro_code", Type::STRING, Phase::Head, Source::Geo, "DMA code as a STRING"),
    field("ip.src.region", Type::STRING, Phase::Head, Source::Geo, "region name"),
    field("ip.src.region_code", Type::STRING, Phase::Head, Source::Geo, "region code"),
    field("ip.src.timezone.name", Type::STRING, Phase::Head, Source::Geo, "tz name"),
    // Geo (deprecated)
    field("ip.geoip.asnum", Type::INT, Phase::Head, Source::Geo, "= ip.src.asnum"),
    field("ip.geoip.country", Type::STRING, Phase::Head, Source::Geo, "= ip.src.country"),
    field("ip.geoip.continent", Type::STRING, Phase::Head, Source::Geo, "= ip.src.continent"),
    field("ip.geoip.subdivision_1_iso_code", Type::STRING, Phase::Head, Source::Geo, "= ip.src.subdivision_1_iso_code"),
    field("ip.geoip.subdivision_2_iso_code", Type::STRING, Phase::Head, Source::Geo, "= ip.src.subdivision_2_iso_code"),
    field("ip.geoip.is_in_european_union", Type::BOOL, Phase::Head, Source::Geo, "= ip.src.is_in_european_union"),
    // TLS
    field("cf.tls_version", Type::STRING, Phase::Head, Source::Tls, "\"TLSv1\" \"TLSv1.1\" \"TLSv1.2\" \"TLSv1.3\" (\"none\" for plain text)"),
    field("cf.tls_cipher", Type::STRING, Phase::Head, Source::Tls, "negotiated cipher, e.g. AES128-SHA256"),
    field("cf.tls_ciphers_sha1", Type::STRING, Phase::Head, Source::Tls, "base64 SHA-1 of client cipher list (received order, big-endian)"),
    field("cf.tls_client_extensions_sha1", Type::STRING, Phase::Head, Source::Tls, "base64 SHA-1 of client extensions, big-endian"),
    field("cf.tls_client_extensions_sha1_le", Type::STRING, Phase::Head, Source::Tls, "idem, little-endian"),
    field("cf.tls_client_hello_length", Type::INT, Phase::Head, Source::Tls, "length of ClientHello"),
    field("cf.tls_client_random", Type::STRING, Phase::Head, Source::Tls, "base64 of 32-byte client random"),
    // mTLS
    field("cf.tls_client_auth.cert_presented", Type::BOOL, Phase::Head, Source::Tls, "client presented a certificate (valid or not); false without mTLS"),
    field("cf.tls_client_auth.cert_verified", Type::BOOL, Phase::Head, Source::Tls, "certificate valid (ALSO true when valid but revoked)"),
    field("cf.tls_client_auth.cert_revoked", Type::BOOL, Phase::Head, Source::Tls, "valid but revoked (cert_verified is then also true)"),
    field("cf.tls_client_auth.cert_issuer_dn", Type::STRING, Phase::Head, Source::Tls, "issuer DN; \"\" without mTLS"),
    field("cf.tls_client_auth.cert_subject_dn", Type::STRING, Phase::Head, Source::Tls, "subject DN"),
    field("cf.tls_client_auth.cert_issuer_dn_rfc2253", Type::STRING, Phase::Head, Source::Tls, "issuer DN RFC 2253"),
    field("cf.tls_client_auth.cert_subject_dn_rfc2253", Type::STRING, Phase::Head, Source::Tls, "subject DN RFC 2253"),
    field("cf.tls_client_auth.cert_issuer_dn_legacy", Type::STRING, Phase::Head, Source::Tls, "issuer DN /C=/ST= legacy"),
    field("cf.tls_client_auth.cert_subject_dn_legacy", Type::STRING, Phase::Head, Source::Tls, "subject DN legacy"),
    field("cf.tls_client_auth.cert_serial", Type::STRING, Phase::Head, Source::Tls, "serial, upper-case hex"),
    field("cf.tls_client_auth.cert_issuer_serial", Type::STRING, Phase::Head, Source::Tls, "issuer serial"),
    field("cf.tls_client_auth.cert_fingerprint_sha256", Type::STRING, Phase::Head, Source::Tls, "lower-case hex"),
    field("cf.tls_client_auth.cert_fingerprint_sha1", Type::STRING, Phase::Head, Source::Tls, "lower-case hex"),
    field("cf.tls_client_auth.cert_not_before", Type::STRING, Phase::Head, Source::Tls, "\"Mar 21 13:35:00 2022 GMT\""),
    field("cf.tls_client_auth.cert_not_after", Type::STRING, Phase::Head, Source::Tls, "\"Mar 21 13:35:00 2023 GMT\""),
    field("cf.tls_client_auth.cert_ski", Type::STRING, Phase::Head, Source::Tls, "subject key identifier"),
    field("cf.tls_client_auth.cert_issuer_ski", Type::STRING, Phase::Head, Source::Tls, "issuer SKI"),
    field("cf.tls_client_auth.cert_rfc9440", Type::STRING, Phase::Head, Source::Tls, "RFC 9440 Client-Cert value (:base64:), \"\" if absent or >10 KiB; set regardless of validation"),
    field("cf.tls_client_auth.cert_rfc9440_too_large", Type::BOOL, Phase::Head, Source::Tls, "encoded cert >10 KiB"),
    field("cf.tls_client_auth.cert_chain_rfc9440", Type::STRING, Phase::Head, Source::Tls, "RFC 9440 Client-Cert-Chain (without leaf), \"\" if absent or >16 KiB"),
    field("cf.tls_client_auth.cert_chain_rfc9440_too_large", Type::BOOL, Phase::Head, Source::Tls, "encoded chain >16 KiB"),
    // Edge/transport
    field("cf.edge.server_port", Type::INT, Phase::Head, Source::Exchange, "port that received the request"),
    field("cf.edge.server_ip", Type::IP, Phase::Head, Source::Exchange, "local IP the request came to"),
    field("cf.edge.client_tcp", Type::BOOL, Phase::Head, Source::Exchange, "request made over TCP"),
    field("cf.edge.l4.delivery_rate", Type::INT, Phase::Head, Source::Exchange, "bytes/s delivery-rate estimate, 0 if unknown"),
    field("cf.timings.client_tcp_rtt_msec", Type::INT, Phase::Head, Source::Exchange, "smoothed TCP RTT ms, 0 for QUIC"),
    field("cf.timings.client_quic_rtt_msec", Type::INT, Phase::Head, Source::Exchange, "smoothed QUIC RTT ms, 0 for TCP"),
    field("cf.timings.edge_msec", Type::INT, Phase::Response, Source::Exchange, "time spent in the edge, excludes origin time"),
    field("cf.timings.origin_ttfb_msec", Type::INT, Phase::Response, Source::Exchange, "origin TTFB, 0 if served from cache"),
    field("cf.timings.worker_msec", Type::INT, Phase::Response, Source::Cloud, "Worker wall time, 0 if none"),
    field("cf.random_seed", Type::STRING, Phase::Head, Source::Exchange, "per-request random bytes, for uuidv4() and hash_in_range()"),
    field("cf.ray_id", Type::STRING, Phase::Head, Source::Exchange, "request id (Ray ID)"),
    field("cf.zone.name", Type::STRING, Phase::Head, Source::Exchange, "zone name"),
    field("cf.zone.plan", Type::STRING, Phase::Head, Source::Cloud, "plan of the zone, such as \"ENT\""),
    field("cf.hostname.metadata", Type::STRING, Phase::Head, Source::Exchange, "per-hostname custom metadata JSON string (SSL for SaaS); usable with lookup_json_*"),
    field("cf.worker.upstream_zone", Type::STRING, Phase::Head, Source::Cloud, "zone of the Worker that issued the sub-request, \"\" otherwise"),
    field("cf.colo.name", Type::STRING, Phase::Head, Source::Cloud, "data-center code (rate-limit / magic firewall usage)"),
    field("cf.colo.region", Type::STRING, Phase::Head, Source::Cloud, "data-center region"),
    // Bots
    field("cf.client.bot", Type::BOOL, Phase::Head, Source::Cloud, "known good bot (= cf.bot_management.verified_bot); could be approximated self-hosted by reverse-DNS/IP lists"),
    field("cf.bot_management.verified_bot", Type::BOOL, Phase::Head, Source::Cloud, "as in the field above"),
    field("cf.verified_bot_category", Type::STRING, Phase::Head, Source::Cloud, "category, e.g. \"Search Engine Crawler\"; set only for verified bots; all plans"),
    field("cf.bot_management.score", Type::INT, Phase::Head, Source::Cloud, "1-99, low = bot (0/absent when not computed)"),
    field("cf.bot_management.static_resource", Type::BOOL, Phase::Head, Source::Cloud, "static resource by extension"),
    field("cf.bot_management.ja3_hash", Type::STRING, Phase::Head, Source::Tls, "JA3 hash"),
    field("cf.bot_management.ja4", Type::STRING, Phase::Head, Source::Tls, "JA4"),
    field("cf.bot_management.js_detection.passed", Type::BOOL, Phase::Head, Source::Cloud, "JS detection passed"),
    field("cf.bot_management.detection_ids", Type::INT.array(), Phase::Head, Source::Cloud, "heuristic detection ids"),
    field("cf.bot_management.corporate_proxy", Type::BOOL, Phase::Head, Source::Cloud, "identified corporate proxy"),
    field("cf.bot_management.signed_agent", Type::BOOL, Phase::Head, Source::Cloud, "Web Bot Auth signed agent (computable: HTTP message signatures)"),
    field("cf.bot_management.tags", Type::STRING.array(), Phase::Head, Source::Cloud, "tags of the bot traffic, e.g. \"API\",\"GOOGLE\""),
    // Threat
    field("cf.threat_score", Type::INT, Phase::Head, Source::Cloud, "0-100 formerly; NOW ALWAYS 0"),
    // WAF
    field("cf.waf.score", Type::INT, Phase::Head, Source::Cloud, "1-99 global attack score, 100 = not scored"),
    field("cf.waf.score.sqli", Type::INT, Phase::Head, Source::Cloud, "SQLi score"),
    field("cf.waf.score.xss", Type::INT, Phase::Head, Source::Cloud, "XSS score"),
    field("cf.waf.score.rce", Type::INT, Phase::Head, Source::Cloud, "RCE score"),
    field("cf.waf.score.class", Type::STRING, Phase::Head, Source::Cloud, "attack | likely_attack | likely_clean | clean"),
    field("cf.waf.auth_detected", Type::BOOL, Phase::Head, Source::Cloud, "credentials detected in request"),
    field("cf.waf.credential_check.password_leaked", Type::BOOL, Phase::Head, Source::Cloud, "leaked password"),
    field("cf.waf.credential_check.username_leaked", Type::BOOL, Phase::Head, Source::Cloud, "leaked user name"),
    field("cf.waf.credential_check.username_and_password_leaked", Type::BOOL, Phase::Head, Source::Cloud, "leaked pair"),
    field("cf.waf.credential_check.username_password_similar", Type::BOOL, Phase::Head, Source::Cloud, "similar pair leaked"),
    field("cf.waf.content_scan.has_obj", Type::BOOL, Phase::Body, Source::Exchange, "request has >=1 content object"),
    field("cf.waf.content_scan.has_malicious_obj", Type::BOOL, Phase::Body, Source::Exchange, "needs an AV scanner"),
    field("cf.waf.content_scan.num_malicious_obj", Type::INT, Phase::Body, Source::Exchange, "needs an AV scanner"),
    field("cf.waf.content_scan.has_failed", Type::BOOL, Phase::Body, Source::Exchange, "scanner failed"),
    field("cf.waf.content_scan.num_obj", Type::INT, Phase::Body, Source::Exchange, "number of content objects"),
    field("cf.waf.content_scan.obj_sizes", Type::INT.array(), Phase::Body, Source::Exchange, "sizes in bytes"),
    field("cf.waf.content_scan.obj_types", Type::STRING.array(), Phase::Body, Source::Exchange, "detected types; application/octet-stream when unknown"),
    field("cf.waf.content_scan.obj_results", Type::STRING.array(), Phase::Body, Source::Exchange, "clean | suspicious | infected | not scanned"),
    // LLM
    field("cf.llm.prompt.detected", Type::BOOL, Phase::Head, Source::Cloud, "true for EVERY scanned prompt (endpoint labelled cf-llm, JSON body); never OR it into a block rule"),
    field("cf.llm.prompt.pii_detected", Type::BOOL, Phase::Head, Source::Cloud, "PII in prompt"),
    field("cf.llm.prompt.pii_categories", Type::STRING.array(), Phase::Head, Source::Cloud, "BANK_ACCOUNT CREDIT_CARD DATE_TIME DRIVER_LICENSE EMAIL_ADDRESS IP_ADDRESS LOCATION PASSPORT PERSON PHONE_NUMBER TAX_ID US_SSN URL"),
    field("cf.llm.prompt.unsafe_topic_detected", Type::BOOL, Phase::Head, Source::Cloud, "unsafe topic"),
    field("cf.llm.prompt.unsafe_topic_categories", Type::STRING.array(), Phase::Head, Source::Cloud, "names such as VIOLENCE_AND_WEAPONS, NON_VIOLENT_CRIME, SEXUAL_CONTENT, CHILD_SAFETY, HATE_AND_DISCRIMINATION, SELF_HARM_AND_SUICIDE (old S1..S14 codes match nothing)"),
    field("cf.llm.prompt.injection_score", Type::INT, Phase::Head, Source::Cloud, "1-99 low = injection, 100 = not scored"),
    field("cf.llm.prompt.token_count", Type::INT, Phase::Head, Source::Cloud, "estimated tokens"),
    field("cf.llm.prompt.custom_topic_categories", Type::INT.map(), Phase::Head, Source::Cloud, "label -> relevance 1-99 (the only Map<Number> field)"),
    // API Shield
    field("cf.api_gateway.auth_id_present", Type::BOOL, Phase::Head, Source::Exchange, "true when a configured session identifier is present (i.e. authenticated); use `not` to match unauthenticated calls"),
    field("cf.api_gateway.request_violates_schema", Type::BOOL, Phase::Body, Source::Exchange, "schema violation"),
    field("cf.api_gateway.fallthrough_detected", Type::BOOL, Phase::Head, Source::Exchange, "true when the request matches NO saved endpoint of the API definition"),
    field("cf.schema_validation.learned.violated", Type::BOOL, Phase::Body, Source::Exchange, "learned-profile violation"),
    field("cf.schema_validation.uploaded.violated", Type::BOOL, Phase::Body, Source::Exchange, "uploaded-schema violation"),
    field("cf.schema_validation.learned.path.violated_parameters", Type::STRING.array(), Phase::Body, Source::Exchange, "names of the path parameters that violate the learned schema"),
    field("cf.schema_validation.learned.query.violated_parameters", Type::STRING.array(), Phase::Body, Source::Exchange, "names of the query parameters that violate the learned schema"),
    field("cf.schema_validation.learned.headers.violated_parameters", Type::STRING.array(), Phase::Body, Source::Exchange, "names of the headers parameters that violate the learned schema"),
    field("cf.schema_validation.learned.cookies.violated_parameters", Type::STRING.array(), Phase::Body, Source::Exchange, "names of the cookies parameters that violate the learned schema"),
    field("cf.schema_validation.learned.body.violated_parameters", Type::STRING.array(), Phase::Body, Source::Exchange, "names of the body parameters that violate the learned schema"),
    field("cf.schema_validation.learned.query.undeclared_parameters", Type::STRING.array(), Phase::Body, Source::Exchange, "query parameters not declared in the learned schema"),
    field("cf.schema_validation.uploaded.path.violated_parameters", Type::STRING.array(), Phase::Body, Source::Exchange, "names of the path parameters that violate the uploaded schema"),
    field("cf.schema_validation.uploaded.query.violated_parameters", Type::STRING.array(), Phase::Body, Source::Exchange, "names of the query parameters that violate the uploaded schema"),
    field("cf.schema_validation.uploaded.headers.violated_parameters", Type::STRING.array(), Phase::Body, Source::Exchange, "names of the headers parameters that violate the uploaded schema"),
    field("cf.schema_validation.uploaded.cookies.violated_parameters", Type::STRING.array(), Phase::Body, Source::Exchange, "names of the cookies parameters that violate the uploaded schema"),
    field("cf.schema_validation.uploaded.body.violated_parameters", Type::STRING.array(), Phase::Body, Source::Exchange, "names of the body parameters that violate the uploaded schema"),
    field("cf.schema_validation.uploaded.query.undeclared_parameters", Type::STRING.array(), Phase::Body, Source::Exchange, "query parameters not declared in the uploaded schema"),
    field("cf.api_gateway.graphql.query_size", Type::INT, Phase::Body, Source::Exchange, "number of fields in the GraphQL query (leaf count, not bytes)"),
    field("cf.api_gateway.graphql.query_depth", Type::INT, Phase::Body, Source::Exchange, "nesting depth of the GraphQL query"),
    field("cf.api_gateway.graphql.parsed_successfully", Type::BOOL, Phase::Body, Source::Exchange, "query was parsed (POST, <=20 KiB, path ends with \"/graphql\"); always AND this in"),
    field("cf.api_gateway.tokens.valid", Type::STRING.array(), Phase::Head, Source::Exchange, "ids of valid tokens"),
    field("cf.sequence.current_op", Type::STRING, Phase::State, Source::Exchange, "operation id of this request (sequence rules)"),
    field("cf.sequence.previous_ops", Type::STRING.array(), Phase::State, Source::Exchange, "operation ids seen before in the session"),
    field("cf.sequence.msec_since_op", Type::INT.map(), Phase::State, Source::Exchange, "ms since the operation id was seen, per op id"),
    // Response
    field("http.response.code", Type::INT, Phase::Response, Source::Exchange, "status returned to the client"),
    field("http.response.headers", Type::STRING.array().map(), Phase::Response, Source::Exchange, "response headers; keys lower-cased"),
    field("http.response.headers.names", Type::STRING.array(), Phase::Response, Source::Exchange, "names, original case"),
    field("http.response.headers.values", Type::STRING.array(), Phase::Response, Source::Exchange, "values"),
    field("http.response.headers.truncated", Type::BOOL, Phase::Response, Source::Exchange, "response header fields incomplete"),
    field("http.response.content_type.media_type", Type::STRING, Phase::Response, Source::Exchange, "lower-cased media type without parameters"),
    field("cf.response.1xxx_code", Type::INT, Phase::Response, Source::Cloud, "Cloudflare 1XXX error code, 0 default"),
    field("cf.response.error_type", Type::STRING, Phase::Response, Source::Cloud, "\"\" default; managed_challenge iuam legacy_challenge ip_ban waf 5xx 1xxx always_online country_challenge ratelimit"),
    // Response raw
    field("raw.http.response.headers", Type::STRING.array().map(), Phase::Response, Source::Exchange, "response headers before transformations"),
    field("raw.http.response.headers.names", Type::STRING.array(), Phase::Response, Source::Exchange, "as in the field above"),
    field("raw.http.response.headers.values", Type::STRING.array(), Phase::Response, Source::Exchange, "as in the field above"),
    // WAF detections
    field("cf.waf.signature.request.categories", Type::STRING.array(), Phase::Head, Source::Cloud, "categories of the attack signatures that matched, e.g. \"sqli\""),
    field("cf.waf.signature.request.confidence", Type::STRING.array(), Phase::Head, Source::Cloud, "\"high\" / \"low\" per matching signature"),
    field("cf.waf.signature.request.refs", Type::STRING.array(), Phase::Head, Source::Cloud, "ids of matching signatures (= managed rule id)"),
    field("cf.appsec.request.failed_detections", Type::STRING.array(), Phase::Head, Source::Cloud, "detections that failed before custom rules ran (waf_score, waf_content_scan, waf_credential_check, waf_signature, llm_prompt_*); [] if none; a self-hosted engine can fill it with its own failed detectors"),
    // Threat intelligence
    field("cf.intel.ip.datasets", Type::STRING.array(), Phase::Head, Source::Cloud, "dataset that flagged the IP: \"ddos\",\"waf\""),
    field("cf.intel.ip.target_industries", Type::STRING.array(), Phase::Head, Source::Cloud, "industries attacked by the IP"),
    field("cf.intel.ip.attacker_names", Type::STRING.array(), Phase::Head, Source::Cloud, "threat-actor names"),
    field("cf.intel.ip.attacker_countries", Type::STRING.array(), Phase::Head, Source::Cloud, "source countries (ISO 3166-1 alpha-2)"),
    field("cf.intel.ip.target_countries", Type::STRING.array(), Phase::Head, Source::Cloud, "attacked countries"),
    // Fraud
    field("cf.fraud_detection.disposable_email", Type::BOOL, Phase::Body, Source::Exchange, "sign-up e-mail uses a disposable provider (list-based, reproducible)"),
    field("cf.fraud_detection.disposable_domain", Type::BOOL, Phase::Body, Source::Exchange, "e-mail domain is disposable"),
    field("cf.fraud.email_risk", Type::STRING, Phase::Head, Source::Cloud, "\"unknown\"|\"low\"|\"medium\"|\"high\""),
    field("cf.fraud.detection_ids", Type::INT.array(), Phase::Head, Source::Cloud, "fraud detection ids"),
    field("cf.fraud.detection_tags", Type::STRING.array(), Phase::Head, Source::Cloud, "fraud detection tags"),
    // Ours
    field("api.name", Type::STRING, Phase::Head, Source::Exchange, "the API that the host matched, or absent"),
    field("api.endpoint", Type::STRING, Phase::Head, Source::Exchange, "method and path template of the endpoint, such as `POST /pets/{petId}`, or absent"),
    field("api.operation_id", Type::STRING, Phase::Head, Source::Exchange, "the operationId of the endpoint in its OpenAPI document, or absent"),
    field("api.path_params", Type::STRING.map(), Phase::Head, Source::Exchange, "the decoded path parameters by name"),
    field("session.id", Type::STRING, Phase::Head, Source::Exchange, "keyed hash of the client's session value, or absent"),
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
