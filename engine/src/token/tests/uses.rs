//! What tokens are good for: the cache, scopes, and tokens of tests.

use super::*;

#[test]
fn the_cache_is_bounded_and_confuses_no_tokens() {
    let tokens = shared();
    for round in 0..2 {
        for user in 0..6_000 {
            let name = format!("user {user}");
            let bearer = format!("Bearer {}", with_claims(|claims| claims["sub"] = json!(name)));
            let verified = request(&tokens, &[("authorization", &bearer)], NOW).unwrap();
            assert_eq!(verified.claims.string("sub"), Some(&*name), "round {round}");
        }
    }
}

#[test]
fn scopes_are_words_or_lists_and_one_whole_set_is_enough() {
    let grants = |name: &str, value: Value, sets: &[&[&str]]| {
        let token = with_claims(|claims| claims[name] = value);
        let verified = shared().check(MAIN, token.as_bytes(), NOW).unwrap();
        let sets: Vec<Box<[Box<str>]>> =
            sets.iter().map(|set| set.iter().map(|scope| Box::from(*scope)).collect()).collect();
        verified.claims.grants(&sets)
    };
    assert!(grants("scope", json!("read write"), &[&["read", "write"]]));
    assert!(grants("scp", json!(["read"]), &[&["admin"], &["read"]]));
    assert!(!grants("scope", json!("read writer"), &[&["read", "write"]]));
    assert!(!grants("scope", json!({ "read": 1 }), &[&["read"]]));
    assert!(grants("scope", json!(""), &[]));
}

#[test]
fn a_tests_secret_passes_only_where_it_was_admitted() {
    let tokens = shared();
    let claims = claims().as_object().unwrap().clone();
    let token = sign_for_tests(&claims, b"test");
    assert!(verdict(&tokens, &token).is_err());
    tokens.admit_test_secret(MAIN, b"test");
    assert_eq!(verdict(&tokens, &token), Ok(()));
    assert_eq!(verdict(&tokens, &sign_for_tests(&claims, b"other")), Err(Refusal::Signature));
    assert_eq!(verdict(&tokens, &good()), Ok(()));
}
