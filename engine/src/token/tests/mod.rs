//! Threats 75 to 90, each with what an attacker would send.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use shield_ir::identity::{self, Algorithm, Audience, Keys, TokenId, TokenSource};

use crate::testing;

use super::*;
use crate::exchange::{Canonical, Exchange, Head, Headers, Limits};

mod uses;

const NOW: u64 = 1_800_000_000_000;
const SECRET: &[u8] = b"a secret of at least thirty-two bytes";
const MAIN: TokenId = TokenId(0);

/// Keys and tokens that `openssl` made: RSA with 2,048 and 1,024 bits.
fn rsa(name: &str) -> String {
    let made: Value = serde_json::from_str(include_str!("../rsa.json")).unwrap();
    made[name].as_str().unwrap().to_owned()
}

fn rules(algorithms: &[Algorithm], keys: &[Keys]) -> identity::Token {
    identity::Token {
        name: "main".into(),
        from: [TokenSource::Header("authorization".into()), TokenSource::Cookie("token".into())].into(),
        keys: keys.into(),
        algorithms: algorithms.into(),
        issuers: [].into(),
        audience: Audience::Nobody,
        kind: None,
        required: ["exp".into()].into(),
        leeway: 60,
        deny: None,
        origin: shield_ir::policy::Origin::default(),
    }
}

fn set(keys: &[Value]) -> Keys {
    Keys::Set(json!({ "keys": keys }).to_string().into())
}

fn oct(kid: &str) -> Value {
    json!({ "kty": "oct", "kid": kid, "k": URL_SAFE_NO_PAD.encode(SECRET) })
}

fn shared() -> Tokens {
    with(|_| {})
}

fn with(change: impl FnOnce(&mut identity::Token)) -> Tokens {
    let mut rules = rules(&[Algorithm::HS256], &[set(&[oct("k1")])]);
    change(&mut rules);
    Tokens::of(&[rules]).unwrap()
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn hmac(signed: &str) -> String {
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(crypto::hmac(SECRET, signed.as_bytes())))
}

/// Any header and any payload, signed with the right secret.
fn signed(header: &Value, payload: &str) -> String {
    hmac(&format!("{}.{}", part(header), URL_SAFE_NO_PAD.encode(payload)))
}

fn header() -> Value {
    json!({ "alg": "HS256", "kid": "k1" })
}

fn claims() -> Value {
    json!({ "sub": "u1", "exp": NOW / 1_000 + 600 })
}

fn with_claims(change: impl FnOnce(&mut Value)) -> String {
    let mut claims = claims();
    change(&mut claims);
    signed(&header(), &claims.to_string())
}

fn good() -> String {
    with_claims(|_| {})
}

fn verdict(tokens: &Tokens, token: &str) -> Result<(), Refusal> {
    tokens.check(MAIN, token.as_bytes(), NOW).map(drop)
}

/// What a request with these headers is told.
fn request(tokens: &Tokens, headers: &[(&str, &str)], now: u64) -> Result<Arc<Verified>, Refusal> {
    let mut all = vec![(&b"host"[..], &b"a.test"[..])];
    all.extend(headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())));
    let head = Head { headers: Headers::new(all).unwrap(), received_at: now, ..Head::default() };
    let canonical = Canonical::of(&head, &Limits { header_bytes: 4 << 20, ..Limits::default() }).unwrap();
    tokens.verify(MAIN, &Exchange::new(&canonical))
}

struct Es256(EcdsaKeyPair);

impl Es256 {
    fn new() -> Self {
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random).unwrap())
    }

    fn jwk(&self, kid: &str) -> Value {
        let point = self.0.public_key().as_ref();
        let [x, y] = [&point[1..33], &point[33..]].map(|half| URL_SAFE_NO_PAD.encode(half));
        json!({ "kty": "EC", "crv": "P-256", "kid": kid, "x": x, "y": y })
    }

    fn token(&self, header: &Value) -> String {
        let signed = format!("{}.{}", part(header), part(&claims()));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

fn es256(key: &Es256) -> Tokens {
    Tokens::of(&[rules(&[Algorithm::ES256], &[set(&[key.jwk("e1")])])]).unwrap()
}

#[test]
fn a_good_token_passes_whatever_its_algorithm() {
    assert_eq!(verdict(&shared(), &good()), Ok(()));
    let key = Es256::new();
    assert_eq!(verdict(&es256(&key), &key.token(&json!({ "alg": "ES256", "kid": "e1" }))), Ok(()));
    let jwk = json!({ "kty": "RSA", "kid": "r1", "n": rsa("n2048"), "e": "AQAB" });
    let tokens = Tokens::of(&[rules(&[Algorithm::RS256, Algorithm::PS256], &[set(&[jwk])])]).unwrap();
    assert_eq!(verdict(&tokens, &rsa("rs256")), Ok(()));
    assert_eq!(verdict(&tokens, &rsa("ps256")), Ok(()));
    let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let key = Ed25519KeyPair::from_pkcs8(made.as_ref()).unwrap();
    let jwk =
        json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(key.public_key().as_ref()) });
    let tokens = Tokens::of(&[rules(&[Algorithm::EdDSA], &[set(&[jwk])])]).unwrap();
    let signed = format!("{}.{}", part(&json!({ "alg": "EdDSA" })), part(&claims()));
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()).as_ref()));
    assert_eq!(verdict(&tokens, &token), Ok(()));
    let [start @ .., _] = token.as_bytes() else { panic!() };
    assert!(verdict(&tokens, std::str::from_utf8(start).unwrap()).is_err());
}

#[test]
fn threat_075_alg_none_and_an_empty_signature_are_refused() {
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        for end in ["", "AA"] {
            let token = format!("{}.{}.{end}", part(&json!({ "alg": alg, "kid": "k1" })), part(&claims()));
            assert_eq!(verdict(&shared(), &token), Err(Refusal::Algorithm), "{alg:?}");
        }
    }
    let token = format!("{}.{}.", part(&header()), part(&claims()));
    assert_eq!(verdict(&shared(), &token), Err(Refusal::Signature));
}

#[test]
fn threat_076_a_public_key_is_no_secret() {
    let key = Es256::new();
    let point = key.0.public_key().as_ref().to_vec();
    let jwk = key.jwk("e1").to_string().into_bytes();
    let n = URL_SAFE_NO_PAD.decode(rsa("n2048")).unwrap();
    let rsa_key = json!({ "kty": "RSA", "kid": "e1", "n": rsa("n2048"), "e": "AQAB" });
    let all = [Algorithm::ES256, Algorithm::RS256];
    let tokens = Tokens::of(&[rules(&all, &[set(&[key.jwk("e1"), rsa_key.clone()])])]).unwrap();
    for secret in [&point[..], &point[1..], &jwk, &n, b""] {
        let signed = format!("{}.{}", part(&json!({ "alg": "HS256", "kid": "e1" })), part(&claims()));
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(crypto::hmac(secret, signed.as_bytes())));
        assert_eq!(verdict(&tokens, &token), Err(Refusal::Algorithm));
        // Not even where the policy, against its verifier, accepts both kinds: the key knows what it is for.
        let mixed = [Algorithm::ES256, Algorithm::RS256, Algorithm::HS256];
        let mixed = Tokens::of(&[rules(&mixed, &[set(&[key.jwk("e1"), rsa_key.clone()])])]).unwrap();
        assert_eq!(verdict(&mixed, &token), Err(Refusal::NoKey));
    }
}

#[test]
fn threat_077_the_algorithm_comes_from_the_policy_and_the_key() {
    // A key without `alg` takes the policy's; what the token says must be the same.
    let key = Es256::new();
    assert_eq!(
        verdict(&es256(&key), &key.token(&json!({ "alg": "ES384", "kid": "e1" }))),
        Err(Refusal::Algorithm)
    );
    assert_eq!(
        verdict(&es256(&key), &key.token(&json!({ "alg": "es256", "kid": "e1" }))),
        Err(Refusal::Algorithm)
    );
    // A key with `alg` is for nothing else.
    let jwk = json!({ "kty": "RSA", "kid": "r1", "alg": "PS256", "n": rsa("n2048"), "e": "AQAB" });
    let both = [Algorithm::RS256, Algorithm::PS256];
    let tokens = Tokens::of(&[rules(&both, &[set(&[jwk])])]).unwrap();
    assert_eq!(verdict(&tokens, &rsa("rs256")), Err(Refusal::NoKey));
    assert_eq!(verdict(&tokens, &rsa("ps256")), Ok(()));
    // A key for encryption verifies nothing.
    let mut jwk = key.jwk("e1");
    jwk["use"] = json!("enc");
    assert_eq!(Tokens::of(&[rules(&[Algorithm::ES256], &[set(&[jwk])])]).unwrap_err(), KeySetError::Unusable);
}

#[test]
fn threat_078_keys_and_addresses_in_a_token_are_not_used() {
    let [own, attacker] = [Es256::new(), Es256::new()];
    let tokens = es256(&own);
    for (name, value) in [
        ("jwk", attacker.jwk("e1")),
        ("jku", json!("http://127.0.0.1:1/keys")),
        ("x5u", json!("http://127.0.0.1:1/cert")),
        ("x5c", json!(["AAAA"])),
    ] {
        let mut header = json!({ "alg": "ES256", "kid": "e1" });
        header[name] = value;
        assert_eq!(verdict(&tokens, &attacker.token(&header)), Err(Refusal::Signature), "{name}");
        assert_eq!(verdict(&tokens, &own.token(&header)), Ok(()), "{name}");
    }
}

#[test]
fn threat_079_a_strange_kid_is_a_key_that_is_not_there() {
    let two = Tokens::of(&[rules(&[Algorithm::HS256], &[set(&[oct("k1"), oct("k2")])])]).unwrap();
    for kid in
        ["../../etc/passwd", "' or 1=1 --", "http://127.0.0.1/", "\0", "", "k1 ", &"k".repeat(10 << 10)]
    {
        let token = signed(&json!({ "alg": "HS256", "kid": kid }), &claims().to_string());
        let expected = if token.len() > compact::MAX_TOKEN { Refusal::Large } else { Refusal::NoKey };
        assert_eq!(verdict(&two, &token), Err(expected), "{kid:?}");
    }
    let token = signed(&json!({ "alg": "HS256", "kid": 1 }), &claims().to_string());
    assert_eq!(verdict(&two, &token), Err(Refusal::Malformed));
}

#[test]
fn a_kid_is_not_needed_where_one_key_fits() {
    let unnamed = signed(&json!({ "alg": "HS256" }), &claims().to_string());
    assert_eq!(verdict(&shared(), &unnamed), Ok(()));
    let two = Tokens::of(&[rules(&[Algorithm::HS256], &[set(&[oct("k1"), oct("k2")])])]).unwrap();
    assert_eq!(verdict(&two, &unnamed), Err(Refusal::NoKey));
    let mut nameless = oct("k1");
    nameless.as_object_mut().unwrap().remove("kid");
    let tokens = Tokens::of(&[rules(&[Algorithm::HS256], &[set(&[nameless])])]).unwrap();
    assert_eq!(verdict(&tokens, &good()), Ok(()));
}

#[test]
fn threat_080_only_a_well_formed_token_with_an_unknown_kid_asks_for_keys() {
    let remote = || {
        let url = Keys::Url { url: "https://id.test/keys".into(), refresh: 600_000 };
        Tokens::of(&[rules(&[Algorithm::HS256], &[url])]).unwrap()
    };
    let wanted = |tokens: &Tokens, token: &str| {
        let bearer = format!("Bearer {token}");
        let headers =
            Headers::new(vec![(b"host", b"a.test"), (b"authorization", bearer.as_bytes())]).unwrap();
        tokens.wanted(&testing::exchange(Head { headers, ..Head::default() }))
    };
    let tokens = remote();
    let kid = |kid: &str| signed(&json!({ "alg": "HS256", "kid": kid }), &claims().to_string());
    assert_eq!(wanted(&tokens, &kid("k1")), Some(WantedKey { token: MAIN, kid: "k1".into() }));
    for nonsense in ["", "a.b.c", "....", &kid(&"k".repeat(600))] {
        assert_eq!(wanted(&tokens, nonsense), None, "{nonsense}");
    }
    tokens.replace_keys(
        MAIN,
        0,
        Arc::new(KeySet::read(oct("k1").to_string().as_bytes(), &[Algorithm::HS256]).unwrap()),
    );
    assert_eq!(wanted(&tokens, &kid("k1")), None);
    // Keys that do not come from an address are not asked for.
    assert_eq!(wanted(&shared(), &kid("k2")), None);
}

#[test]
fn threat_081_a_bad_key_set_is_refused_whole_or_in_part_and_never_crashes() {
    let read = |text: &[u8]| KeySet::read(text, &[Algorithm::RS256, Algorithm::ES256]);
    let large = vec![b' '; (1 << 20) + 1];
    for (text, error) in [
        (&b"<html>not found</html>"[..], KeySetError::Malformed),
        (b"", KeySetError::Malformed),
        (b"{}", KeySetError::Malformed),
        (b"[]", KeySetError::Malformed),
        (b"{\"keys\":{}}", KeySetError::Malformed),
        (b"{\"keys\":[]}", KeySetError::Unusable),
        (b"{\"keys\":[1,null,[],\"x\",{\"kty\":7}]}", KeySetError::Unusable),
        (&large, KeySetError::Large),
    ] {
        assert_eq!(read(text).unwrap_err(), error, "{:?}", &text[..text.len().min(40)]);
    }
    let many = json!({ "keys": vec![oct("k"); 257] }).to_string();
    assert_eq!(read(many.as_bytes()).unwrap_err(), KeySetError::Large);
    // Twice the same name, a secret between key pairs, and one that is too small: what fits is used.
    let [one, two] = [Es256::new(), Es256::new()];
    let small = json!({ "kty": "RSA", "kid": "small", "n": rsa("n1024"), "e": "AQAB" });
    let keys = [one.jwk("e1"), two.jwk("e1"), oct("k1"), small];
    let text = json!({ "keys": keys }).to_string();
    assert_eq!(read(text.as_bytes()).unwrap().count(), (2, 2));
    let tokens = Tokens::of(&[rules(&[Algorithm::ES256], &[Keys::Set(text.into())])]).unwrap();
    for key in [one, two] {
        assert_eq!(verdict(&tokens, &key.token(&json!({ "alg": "ES256", "kid": "e1" }))), Ok(()));
    }
}

#[test]
fn threat_082_a_withdrawn_key_stops_at_once_and_a_new_one_of_the_same_name_counts() {
    let [old, new] = [Es256::new(), Es256::new()];
    let header = json!({ "alg": "ES256", "kid": "e1" });
    let tokens = es256(&old);
    let (before, after) =
        (format!("Bearer {}", old.token(&header)), format!("Bearer {}", new.token(&header)));
    let ask = |bearer: &str| request(&tokens, &[("authorization", bearer)], NOW).map(drop);
    // Twice, so that the second comes from the cache.
    assert_eq!((ask(&before), ask(&before), ask(&after)), (Ok(()), Ok(()), Err(Refusal::Signature)));
    let set = KeySet::read(new.jwk("e1").to_string().as_bytes(), &[Algorithm::ES256]).unwrap();
    tokens.replace_keys(MAIN, 0, Arc::new(set));
    assert_eq!((ask(&before), ask(&after)), (Err(Refusal::Signature), Ok(())));
}

#[test]
fn threat_083_times_are_exact() {
    let now = NOW / 1_000;
    let exp = |exp: Value| verdict(&shared(), &with_claims(|claims| claims["exp"] = exp));
    assert_eq!(exp(json!(now - 59)), Ok(()));
    assert_eq!(exp(json!(now - 60)), Err(Refusal::Expired));
    #[expect(clippy::cast_precision_loss, reason = "a time of this age is exact")]
    let half = now as f64 - 59.5;
    assert_eq!(exp(json!(half)), Ok(()));
    for expired in [json!(0), json!(-1), json!(-1e300)] {
        assert_eq!(exp(expired), Err(Refusal::Expired));
    }
    assert_eq!(exp(json!(253_402_300_799_u64)), Ok(()));
    for malformed in [json!("1900000000"), json!([1]), json!(true), json!({})] {
        assert_eq!(exp(malformed), Err(Refusal::Time));
    }
    let overflow = format!("{{\"exp\":1{}}}", "0".repeat(400));
    assert_eq!(verdict(&shared(), &signed(&header(), &overflow)), Err(Refusal::Time));
    assert_eq!(exp(Value::Null), Err(Refusal::Claim));
    let missing = with_claims(|claims| drop(claims.as_object_mut().unwrap().remove("exp")));
    assert_eq!(verdict(&shared(), &missing), Err(Refusal::Claim));
    assert_eq!(verdict(&with(|rules| rules.required = [].into()), &missing), Ok(()));
    for name in ["nbf", "iat"] {
        let at = |time: Value| verdict(&shared(), &with_claims(|claims| claims[name] = time));
        assert_eq!(at(json!(now + 60)), Ok(()), "{name}");
        assert_eq!(at(json!(now + 61)), Err(Refusal::Early), "{name}");
        assert_eq!(at(json!("soon")), Err(Refusal::Time), "{name}");
    }
}

#[test]
fn threat_084_issuer_audience_and_type_are_exact() {
    let issuer = with(|rules| rules.issuers = ["https://id.test".into(), "https://id2.test".into()].into());
    let iss = |iss: Value| verdict(&issuer, &with_claims(|claims| claims["iss"] = iss));
    assert_eq!(iss(json!("https://id.test")), Ok(()));
    assert_eq!(iss(json!("https://id2.test")), Ok(()));
    for wrong in [
        json!("https://id.test/"),
        json!("https://ID.test"),
        json!(["https://id.test"]),
        json!(""),
        Value::Null,
    ] {
        assert_eq!(iss(wrong), Err(Refusal::Issuer));
    }
    assert_eq!(verdict(&issuer, &good()), Err(Refusal::Issuer));
    let audience = with(|rules| rules.audience = Audience::OneOf(["shop".into()].into()));
    let aud = |tokens: &Tokens, aud: Value| verdict(tokens, &with_claims(|claims| claims["aud"] = aud));
    assert_eq!(aud(&audience, json!("shop")), Ok(()));
    assert_eq!(aud(&audience, json!(["other", "shop"])), Ok(()));
    for wrong in
        [json!("Shop"), json!("shop "), json!([]), json!(["other"]), json!({ "shop": 1 }), json!(["shop", 1])]
    {
        assert_eq!(aud(&audience, wrong), Err(Refusal::Audience));
    }
    assert_eq!(verdict(&audience, &good()), Err(Refusal::Audience));
    // A token for someone in particular is not for a policy that says nobody, unless it says anybody.
    assert_eq!(aud(&shared(), json!("client-7")), Err(Refusal::Audience));
    assert_eq!(aud(&with(|rules| rules.audience = Audience::Anybody), json!("client-7")), Ok(()));
    let typ = |tokens: &Tokens, typ: &str| {
        verdict(tokens, &signed(&json!({ "alg": "HS256", "kid": "k1", "typ": typ }), &claims().to_string()))
    };
    for (kind, any, access) in [
        ("JWT", true, false),
        ("at+jwt", true, true),
        ("application/AT+JWT", true, true),
        ("id+jwt", false, false),
        ("logout+jwt", false, false),
    ] {
        assert_eq!(typ(&shared(), kind).is_ok(), any, "{kind}");
        assert_eq!(typ(&with(|rules| rules.kind = Some("at+jwt".into())), kind).is_ok(), access, "{kind}");
    }
}

#[test]
fn threat_085_two_tokens_are_refused_whichever_is_valid() {
    let (good, bearer) = (good(), format!("Bearer {}", good()));
    let cookie = format!("token={good}");
    let ask = |headers: &[(&str, &str)]| request(&shared(), headers, NOW).map(drop);
    assert_eq!(ask(&[("Authorization", &bearer)]), Ok(()));
    assert_eq!(ask(&[("authorization", &bearer.replace("Bearer", "bEARER"))]), Ok(()));
    assert_eq!(ask(&[("cookie", &cookie)]), Ok(()));
    assert_eq!(ask(&[]), Err(Refusal::Missing));
    assert_eq!(ask(&[("authorization", "Basic dTpw")]), Err(Refusal::Missing));
    assert_eq!(ask(&[("authorization", "Basic dTpw"), ("cookie", &cookie)]), Ok(()));
    for twice in [
        &[("authorization", &*bearer), ("authorization", &*bearer)][..],
        &[("authorization", &bearer), ("cookie", &cookie)],
        &[("authorization", "Bearer x"), ("cookie", &cookie)],
        &[("cookie", &format!("{cookie}; {cookie}"))],
        &[("cookie", &cookie), ("cookie", "token=x")],
    ] {
        assert_eq!(ask(twice), Err(Refusal::Twice), "{twice:?}");
    }
    for malformed in [format!("Bearer {good},{good}"), format!("Bearer {good} {good}"), "Bearer ".into()] {
        assert!(ask(&[("authorization", &malformed)]).is_err(), "{malformed}");
    }
}

#[test]
fn threat_086_strange_signatures_are_refused() {
    let key = Es256::new();
    let tokens = es256(&key);
    let token = key.token(&json!({ "alg": "ES256", "kid": "e1" }));
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let zero = [0_u8; 64];
    let order = {
        let order = b"\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51";
        [&order[..], &order[..]].concat()
    };
    let (r, s) = signature.split_at(32);
    let der = {
        let integer = |half: &[u8]| [&[2, 33, 0], half].concat();
        [&[0x30, 70][..], &integer(r), &integer(s)].concat()
    };
    let longer = [&signature[..], &[0]].concat();
    for (what, strange) in [
        ("zero", &zero[..]),
        ("zero r", &[&zero[..32], s].concat()),
        ("zero s", &[r, &zero[..32]].concat()),
        ("order", &order),
        ("swapped", &[s, r].concat()),
        ("DER", &der),
        ("short", &signature[..63]),
        ("long", &longer),
        ("none", b""),
    ] {
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(strange));
        assert_eq!(verdict(&tokens, &token), Err(Refusal::Signature), "{what}");
    }
    // RSA: another salt than RFC 7518 says, and a key that is too small.
    let jwk = json!({ "kty": "RSA", "kid": "r1", "n": rsa("n2048"), "e": "AQAB" });
    let tokens = Tokens::of(&[rules(&[Algorithm::PS256], &[set(&[jwk])])]).unwrap();
    assert_eq!(verdict(&tokens, &rsa("ps256salt")), Err(Refusal::Signature));
    let small = json!({ "kty": "RSA", "kid": "small", "n": rsa("n1024"), "e": "AQAB" });
    let refused = Tokens::of(&[rules(&[Algorithm::RS256], &[set(&[small])])]).unwrap_err();
    assert_eq!(refused, KeySetError::Unusable);
}

#[test]
fn threat_087_only_the_strict_compact_form_is_a_token() {
    let good = good();
    let parts: Vec<&str> = good.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!() };
    // Every last letter of the signature that differs only in bits that mean nothing.
    let last = signature.chars().last().unwrap();
    for letter in URL_SAFE_LETTERS.chars().filter(|letter| *letter != last) {
        let stem = signature.get(..signature.len() - 1).unwrap();
        let twin = format!("{header}.{payload}.{stem}{letter}");
        assert!(verdict(&shared(), &twin).is_err(), "{letter}");
    }
    let decoded = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let json = json!({ "protected": header, "payload": payload, "signature": signature }).to_string();
    for strange in [
        format!("{header}.{payload}.{signature}="),
        format!("{header}.{payload}.{}", STANDARD.encode(&decoded)),
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload}.{signature} "),
        format!(" {header}.{payload}.{signature}"),
        format!("{header}\n.{payload}.{signature}"),
        format!("{header}.{payload}.{signature}."),
        format!("{header}.{payload}.{signature}.x"),
        format!("{header}.{payload}.{signature}.x.y"),
        format!("{header}.{payload}"),
        header.to_owned(),
        String::new(),
        "..".to_owned(),
        json,
    ] {
        assert!(verdict(&shared(), &strange).is_err(), "{strange}");
    }
    for (name, value) in
        [("crit", json!(["exp"])), ("crit", json!([])), ("b64", json!(false)), ("zip", json!("DEF"))]
    {
        let mut header = self::header();
        header[name] = value;
        assert_eq!(
            verdict(&shared(), &signed(&header, &claims().to_string())),
            Err(Refusal::Critical),
            "{name}"
        );
    }
}

const URL_SAFE_LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#[test]
fn threat_088_doubled_names_depth_and_size_are_bounded() {
    let exp = NOW / 1_000 + 600;
    for payload in [
        format!("{{\"exp\":{exp},\"exp\":{exp}}}"),
        format!("{{\"exp\":{exp},\"sub\":\"a\",\"s\\u0075b\":\"b\"}}"),
        format!("{{\"exp\":{exp},\"a\":{{\"b\":1,\"b\":2}}}}"),
        format!("{{\"exp\":{exp},\"a\":{}{}}}", "[".repeat(1_000), "]".repeat(1_000)),
        format!("{{\"exp\":{exp},\"a\":{}1{}}}", "{\"a\":".repeat(20), "}".repeat(20)),
        format!("{{\"exp\":{exp}}} {{}}"),
        "[]".into(),
        "null".into(),
        "\"exp\"".into(),
        String::new(),
        "{\"exp\":1e}".into(),
    ] {
        assert_eq!(verdict(&shared(), &signed(&header(), &payload)), Err(Refusal::Malformed), "{payload}");
    }
    let doubled = URL_SAFE_NO_PAD.encode("{\"alg\":\"HS256\",\"alg\":\"none\",\"kid\":\"k1\"}");
    assert_eq!(verdict(&shared(), &hmac(&format!("{doubled}.{}", part(&claims())))), Err(Refusal::Malformed));
    let large = with_claims(|claims| claims["x"] = json!("x".repeat(1 << 20)));
    assert_eq!(verdict(&shared(), &large), Err(Refusal::Large));
    assert_eq!(
        request(&shared(), &[("authorization", &format!("Bearer {large}"))], NOW).map(drop),
        Err(Refusal::Large)
    );
}

#[test]
fn threat_089_a_denied_id_is_refused_from_the_next_request_on() {
    let tokens = shared();
    for (name, value) in [("jti", "t1"), ("sub", "u9"), ("sid", "s1")] {
        let bearer = format!("Bearer {}", with_claims(|claims| claims[name] = json!(value)));
        let ask = || request(&tokens, &[("authorization", &bearer)], NOW).map(drop);
        assert_eq!((ask(), ask()), (Ok(()), Ok(())));
        tokens.replace_denied(MAIN, BTreeSet::from([value.into()]));
        assert_eq!(ask(), Err(Refusal::Denied), "{name}");
        tokens.replace_denied(MAIN, BTreeSet::new());
        assert_eq!(ask(), Ok(()));
    }
}

#[test]
fn threat_090_a_cached_token_obeys_the_clock_of_each_request() {
    let tokens = shared();
    let bearer = format!("Bearer {}", good());
    let at = |now: u64| request(&tokens, &[("authorization", &bearer)], now).map(drop);
    let end = NOW + 660_000;
    assert_eq!((at(NOW), at(end - 1), at(end)), (Ok(()), Ok(()), Err(Refusal::Expired)));
    // The clock goes back an hour, and forth again.
    assert_eq!((at(NOW - 3_600_000), at(end), at(NOW)), (Ok(()), Err(Refusal::Expired), Ok(())));
}
