//! Public cases of tokens: the JOSE cookbook and a recorded suite, as far as they use what is supported here.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stderr, reason = "a test may fail")]

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use shield_engine::token::{KeySet, Tokens};
use shield_ir::identity::{Algorithm, Audience, Keys, Token, TokenId, TokenSource};

/// Cases of a file under the corpora's folder, unless that is not there.
fn cases(name: &str) -> Vec<Value> {
    let Some(folder) = std::env::var_os("SHIELD_CORPORA").map(PathBuf::from) else {
        eprintln!("LEFT OUT: all cases of jwt/{name}, as SHIELD_CORPORA names no folder");
        return Vec::new();
    };
    let text = std::fs::read_to_string(folder.join("jwt").join(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn kind(algorithms: &[Algorithm]) -> Token {
    Token {
        name: "main".into(),
        from: [TokenSource::Header("authorization".into())].into(),
        keys: [Keys::Url { url: "https://id.test/".into(), refresh: 1 }].into(),
        algorithms: algorithms.into(),
        issuers: [].into(),
        audience: Audience::Nobody,
        kind: None,
        required: [].into(),
        leeway: 0,
        deny: None,
        origin: shield_ir::policy::Origin::default(),
    }
}

/// What verifies with that key, if it is one.
fn tokens(kind: &Token, key: &Value) -> Option<Tokens> {
    let set = match key {
        Value::String(secret) => KeySet::of_secret(secret.as_bytes(), &kind.algorithms),
        jwk => KeySet::read(jwk.to_string().as_bytes(), &kind.algorithms),
    };
    let tokens = Tokens::of(std::slice::from_ref(kind)).unwrap();
    tokens.replace_keys(TokenId(0), 0, Arc::new(set.ok()?));
    Some(tokens)
}

/// A public key in PEM as a JWK; none where it is of another kind.
fn jwk(pem: &str) -> Option<Value> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(body).ok()?;
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let p256 = b"\x2a\x86\x48\xce\x3d\x03\x01\x07";
    let p384 = b"\x2b\x81\x04\x00\x22";
    let has = |oid: &[u8]| der.windows(oid.len()).any(|window| window == oid);
    let point = |curve: &str, length: usize| {
        let point = der.get(der.len().checked_sub(2 * length)?..)?;
        let (x, y) = point.split_at(length);
        Some(json!({ "kty": "EC", "crv": curve, "x": text(x), "y": text(y) }))
    };
    if has(p256) {
        return point("P-256", 32);
    }
    if has(p384) {
        return point("P-384", 48);
    }
    if !has(b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01") {
        return None;
    }
    // The modulus of 2,048 bits and the exponent 65,537 stand at the end.
    let end = der.strip_suffix(b"\x02\x03\x01\x00\x01")?;
    let modulus = end.get(end.len().checked_sub(256)?..)?;
    Some(json!({ "kty": "RSA", "n": text(modulus), "e": "AQAB" }))
}

/// The key of a recorded case in a form that is supported here.
fn key(case: &Value) -> Option<Value> {
    let value = &case["key"]["value"];
    let text = value.as_str().map(str::to_owned).or_else(|| value["__pem"].as_str().map(str::to_owned));
    match text {
        Some(pem) if pem.starts_with("-----BEGIN PUBLIC KEY") => jwk(&pem),
        Some(other) if other.starts_with("ssh-") || other.starts_with("-----") => None,
        Some(secret) => Some(Value::String(secret)),
        None => Some(value["__jwk"].clone()).filter(Value::is_object),
    }
}

fn strings(value: &Value) -> Option<Vec<Box<str>>> {
    match value {
        Value::Null => Some(Vec::new()),
        Value::String(one) => Some(vec![one.as_str().into()]),
        Value::Array(list) => list.iter().map(|each| each.as_str().map(Box::from)).collect(),
        _ => None,
    }
}

/// The policy of a recorded case, where it is one that can be written here.
fn policy(options: &Value) -> Option<Token> {
    let names = options["algorithms"].as_array()?;
    let algorithms: Vec<Algorithm> =
        names.iter().map(|name| Algorithm::find(name.as_str()?)).collect::<Option<_>>()?;
    let checks = match &options["options"] {
        Value::Null => Vec::new(),
        Value::Object(checks) => checks.iter().collect(),
        _ => return None,
    };
    if checks
        .iter()
        .any(|(name, on)| *name != "require" && **on != Value::Bool(true) || *name == "strict_aud")
        || !options["subject"].is_null()
        || !options["detached_payload"].is_null()
    {
        return None;
    }
    let mut kind = kind(&algorithms);
    kind.issuers = strings(&options["issuer"])?.into();
    kind.audience = match strings(&options["audience"])? {
        none if none.is_empty() => Audience::Nobody,
        some => Audience::OneOf(some.into()),
    };
    kind.leeway = options["leeway"]
        .as_u64()
        .or_else(|| Some(options["leeway"]["__seconds"].as_f64()? as u64))
        .unwrap_or(0);
    kind.required = strings(&options["options"]["require"])?.into();
    Some(kind)
}

#[test]
fn recorded_cases_are_judged_as_recorded() {
    let (mut judged, mut left_out, mut wrong) = (0, 0, Vec::new());
    for case in cases("claims-shared.jsonl") {
        let is_misuse = case["tags"].as_array().is_some_and(|tags| !tags.is_empty());
        let (Some(kind), Some(key)) = (policy(&case["options"]), key(&case)) else {
            left_out += 1;
            continue;
        };
        let Some(token) = case["token"].as_str().filter(|_| !is_misuse) else {
            left_out += 1;
            continue;
        };
        let now = (case["now"].as_f64().unwrap() * 1_000.0) as u64;
        let verdict = tokens(&kind, &key).is_some_and(|tokens| match case["layer"].as_str() {
            Some("jws") => tokens.open(TokenId(0), token.as_bytes()).is_ok(),
            _ => tokens.check(TokenId(0), token.as_bytes(), now).is_ok(),
        });
        judged += 1;
        if verdict != (case["expected"] == "accept") {
            wrong.push(format!("{} {}", case["id"], case["test"]));
        }
    }
    eprintln!("{judged} cases judged, {left_out} left out as they need what is not supported");
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(judged == 0 && left_out == 0 || judged > 80, "{judged}");
}

#[test]
fn the_cookbooks_signatures_verify_in_compact_form_and_no_extension_is_taken() {
    let mut verified = 0;
    for case in cases("cookbook-cases.jsonl") {
        let Some(token) = case["token"].as_str().filter(|_| case["kind"] == "jws") else { continue };
        let compact =
            case["forms"].as_array().is_some_and(|forms| forms.iter().any(|form| form == "compact"));
        let parts: Vec<&str> = token.split('.').collect();
        if !compact || parts.len() != 3 {
            continue;
        }
        let header = URL_SAFE_NO_PAD.decode(parts.first().unwrap()).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        let Some(algorithm) = header["alg"].as_str().and_then(Algorithm::find) else { continue };
        let tokens = tokens(&kind(&[algorithm]), &case["key"]).unwrap();
        let opened = tokens.open(TokenId(0), token.as_bytes());
        // Unencoded and detached payloads are extensions that no token of an API needs.
        let plain = header.get("b64").is_none() && parts.get(1).is_some_and(|payload| !payload.is_empty());
        assert_eq!(opened.is_ok(), plain, "{} {opened:?}", case["id"]);
        if let (Ok(payload), Some(text)) = (&opened, case["payload"].as_str()) {
            assert_eq!(std::str::from_utf8(payload).unwrap(), text, "{}", case["id"]);
        }
        verified += usize::from(plain);
    }
    assert!(verified == 0 || verified >= 5, "{verified}");
}
