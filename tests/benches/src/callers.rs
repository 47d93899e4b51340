//! What it costs to know a caller: decisions about limits in memory, and tokens, remembered and verified anew.

use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cpu_time::ProcessTime;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use serde_json::{Value, json};
use shield_engine::token::Tokens;
use shield_engine::{Backend, Canonical, Exchange, Head, Headers, Limits, Policy};
use shield_ir::identity::{Algorithm, Audience, Auth, Identity, Keys, Token, TokenId, TokenSource};
use shield_ir::policy::{Api, HostPattern, Mode, Origin, Settings};
use shield_ir::{Bundle, Digest};
use shield_state::{KeyMaker, Memory, Op, Rate};

const NOW: u64 = 1_800_000_000_000;
const ROUNDS: usize = 7;

/// Nanoseconds of CPU time for one of `count` calls, in the best of some rounds.
fn best(count: u64, mut call: impl FnMut(u64)) -> f64 {
    let round = |_| {
        let begin = ProcessTime::now();
        (0..count).for_each(&mut call);
        begin.elapsed().as_nanos() as f64 / count as f64
    };
    (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
}

fn show(as_json: bool, row: &Value) {
    if as_json {
        println!("{row}");
    } else {
        let members = row.as_object().into_iter().flatten();
        let members: Vec<String> = members.map(|(name, value)| format!("{name} {value}")).collect();
        println!("{}", members.join("  "));
    }
}

/// How many decisions about limits one core makes in a second.
pub fn limits(as_json: bool) {
    let keys = KeyMaker::new(&[7; 32]);
    let window = Rate::Window { most: 100, millis: 60_000 };
    for (name, clients, rate) in [
        ("window, one client", 1, window),
        ("window, 10,000 clients", 10_000, window),
        ("pace, 10,000 clients", 10_000, Rate::Paced { most: 100, millis: 60_000, burst: 20 }),
        ("window, another client each time", u64::MAX, window),
    ] {
        let store = Memory::new(64 << 20);
        let mut count = 0;
        let nanoseconds =
            best(500_000, |_| {
                count += 1;
                let key = keys.key(1, [Some(&(count % clients).to_le_bytes()[..])]);
                black_box(store.decide(
                    NOW + count / 1_000,
                    &[Op::Take { key, rate, units: 1, hold: 0, pending: false }],
                ));
            });
        let per_second = (1e9 / nanoseconds) as u64;
        show(
            as_json,
            &json!({ "limits": name, "ns": nanoseconds.round(), "per_second_and_core": per_second }),
        );
    }
}

/// A token of ES256 for each number, and what knows its key.
struct Issuer {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl Issuer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(kind, &random).expect("there is randomness");
        let pair = EcdsaKeyPair::from_pkcs8(kind, document.as_ref(), &random).expect("the key is ours");
        Self { pair, random }
    }

    fn token(&self, number: u64) -> String {
        let claims =
            json!({ "sub": format!("client-{number}"), "exp": NOW / 1_000 + 600, "scope": "read write" });
        let [head, claims] = [json!({ "alg": "ES256", "typ": "JWT", "kid": "k" }), claims]
            .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{head}.{claims}");
        let signature = self.pair.sign(&self.random, signed.as_bytes()).expect("the key signs");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn kind(&self) -> Token {
        let point = self.pair.public_key().as_ref();
        let half = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let key = json!({ "kty": "EC", "crv": "P-256", "kid": "k", "x": half(&point[1..33]), "y": half(&point[33..]) });
        Token {
            name: "main".into(),
            from: [TokenSource::Header("authorization".into())].into(),
            keys: [Keys::Set(json!({ "keys": [key] }).to_string().into())].into(),
            algorithms: [Algorithm::ES256].into(),
            issuers: [].into(),
            audience: Audience::Nobody,
            kind: None,
            required: ["exp".into()].into(),
            leeway: 60,
            deny: None,
            origin: Origin::default(),
        }
    }
}

/// A policy of one API, which asks for a token or does not.
fn policy(kind: &Token, asks: bool) -> Policy {
    let auth = Auth { tokens: [TokenId(0)].into(), scopes: Box::default(), shadow: false };
    let api = Api {
        name: "shop".into(),
        hosts: [HostPattern::Any].into(),
        upstreams: Box::default(),
        unknown: Mode::Off,
        unknown_status: 404,
        settings: Settings::default(),
        origin: Origin::default(),
    };
    let api_auth = vec![asks.then_some(auth)];
    let identity = Identity { tokens: vec![kind.clone()], api_auth, ..Identity::default() };
    let bundle = Bundle { apis: vec![api], identity, ..Bundle::default() };
    Policy::load(bundle, Digest([0; 32]), Backend::Interpreter).expect("the bundle is whole")
}

fn judge(policy: &Policy, token: &str) {
    let headers = Headers::new(vec![(b"host", b"a"), (b"authorization", token.as_bytes())]);
    let headers = headers.expect("plain headers");
    let head = Head { target: b"/x", headers, received_at: NOW, ..Head::default() };
    let canonical = Canonical::of(&head, &Limits::default()).expect("the request is plain");
    let mut exchange = Exchange::new(&canonical);
    black_box(policy.judge_head(&mut exchange)).expect("the token is good");
}

/// What a token costs that is remembered, and one that is not, beside one verification of its signature.
pub fn jwt(as_json: bool) {
    let issuer = Issuer::new();
    let kind = issuer.kind();
    let tokens = Tokens::of(std::slice::from_ref(&kind)).expect("the key can be used");
    let check = |token: &str| {
        black_box(tokens.check(TokenId(0), token.as_bytes(), NOW).expect("the token is good"));
    };
    let one = issuer.token(0);
    let [asking, open] = [true, false].map(|asks| policy(&kind, asks));
    let bearer = format!("Bearer {one}");
    // What the same request costs more where its token is asked for.
    let remembered = best(200_000, |_| judge(&asking, &bearer)) - best(200_000, |_| judge(&open, &bearer));
    let fresh: Vec<String> = (1..=3_500).map(|number| issuer.token(number)).collect();
    let mut next = fresh.iter();
    let verified = best(500, |_| check(next.next().expect("there are enough")));
    let (signed, signature) = one.rsplit_once('.').expect("a token has parts");
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("it is encoded so");
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, issuer.pair.public_key().as_ref());
    let signature_alone = best(500, |_| {
        black_box(public.verify(signed.as_bytes(), &signature)).expect("the signature is good");
    });
    show(
        as_json,
        &json!({
            "jwt": "ES256",
            "remembered_ns": remembered.round(),
            "anew_ns": verified.round(),
            "signature_ns": signature_alone.round(),
            "remembered_vs_signature": format!("1/{:.0}", signature_alone / remembered),
        }),
    );
}
