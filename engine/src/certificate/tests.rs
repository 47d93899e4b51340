//! What certificates say; they are those of the proxy's tests.

use super::*;

const OWN: &str = include_str!("../../../tests/certificates/a.pem");
const ISSUER: &str = include_str!("../../../tests/certificates/authority.pem");

fn der(pem: &str) -> Vec<u8> {
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode(body).unwrap()
}

#[test]
fn a_certificate_is_told_in_every_form() {
    let (own, issuer) = (der(OWN), der(ISSUER));
    let told = Certificate::of(&[&own, &issuer]).unwrap();
    assert_eq!(told.subject, ["CN=a.test", "/CN=a.test"].map(Box::from));
    assert_eq!(told.issuer, ["CN=Shield test authority", "/CN=Shield test authority"].map(Box::from));
    assert_eq!(&*told.serial[0], "3782CC33A6949F32E262C67D41EC358A6355F86C");
    assert_eq!(&*told.key[0], "F15670E4DF80A2DC88DFF7B880CE075104670794");
    assert_eq!(&*told.key[1], "B61FC6632A61A880413DA83070912EDC22BC8C8E");
    assert_eq!(told.validity, ["Nov 24 15:53:34 2026 GMT", "Oct 31 15:53:34 2126 GMT"].map(Box::from));
    assert_eq!(&*told.sha256, "45951edca8a9bfdd85fc182291130de5e5f3dd0784240e8bd177599ed5148b94");
    assert_eq!(&*told.sha1, "1e5aedaf13c44a406fd03d58cfad4b36593a4030");
    assert_eq!(told.header, Some(format!(":{}:", STANDARD.encode(&own)).into()));
    assert_eq!(told.chain, Some(format!(":{}:", STANDARD.encode(&issuer)).into()));
    // The issuer's own number is in its certificate.
    assert_eq!(told.serial[1], Certificate::of(&[&issuer]).unwrap().serial[0]);
}

#[test]
fn what_is_no_certificate_says_nothing_and_is_still_shown() {
    for garbage in [&b""[..], b"\x30\x03\x01\x02\x03", &[0xff; 300]] {
        let told = Certificate::of(&[garbage]).unwrap();
        assert_eq!((&*told.subject[0], &*told.serial[0]), ("", ""));
        assert_eq!(told.sha256.len(), 64);
    }
    assert_eq!(Certificate::of(&[]), None);
}

#[test]
fn what_an_origin_could_not_read_is_not_told() {
    let told = |size: usize, rest: usize| {
        let (own, rest) = (vec![0; size], vec![0; rest]);
        let told = Certificate::of(&[&own, &rest]).unwrap();
        (told.header.is_some(), told.chain.is_some())
    };
    assert_eq!(told(7_677, 12_285), (true, true));
    assert_eq!(told(7_678, 12_286), (false, false));
}

#[test]
fn names_of_old_form_have_no_escapes() {
    for (text, plain) in
        [("O=Foo\\, Inc", "O=Foo, Inc"), ("CN=a\\\\b", "CN=a\\b"), ("CN=x\\0a\\é\\", "CN=x\\x0aé")]
    {
        assert_eq!(unescaped(text), plain, "{text}");
    }
}
