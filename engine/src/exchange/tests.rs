use std::borrow::Cow;

use shield_ir::field::Source;

use super::*;
use crate::testing;

fn exchange<'a>(target: &'a str, headers: &[(&'a str, &'a str)]) -> Exchange<'a> {
    let mut all = vec![(&b"Host"[..], &b"Example.com:8443"[..])];
    all.extend(headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())));
    let headers = Headers::new(all).unwrap();
    let head = Head { target: target.as_bytes(), headers, tls: true, request_id: "r1", ..Head::default() };
    testing::exchange(head)
}

fn field<'x>(exchange: &'x Exchange<'_>, name: &str) -> Option<Value<'x>> {
    exchange.field(FieldId::find(name).unwrap())
}

fn text(exchange: &Exchange<'_>, name: &str) -> String {
    let Some(Value::String(bytes)) = field(exchange, name) else { panic!("{name} is no string") };
    String::from_utf8(bytes.into_owned()).unwrap()
}

fn texts<'a>(values: &[&'a str]) -> Value<'a> {
    Value::Array(values.iter().map(|value| Value::text(value.as_bytes())).collect())
}

fn map<'a>(entries: &[(&'a str, &[&'a str])]) -> Value<'a> {
    Value::Map(entries.iter().map(|(key, values)| (Cow::Borrowed(key.as_bytes()), texts(values))).collect())
}

fn refused(head: &Head<'_>) -> Reason {
    Canonical::of(head, &Limits::default()).unwrap_err().reason
}

#[test]
fn every_field_has_a_value_of_its_type() {
    let exchange = exchange("/", &[]);
    for id in FieldId::all() {
        let row = id.row();
        let Some(value) = exchange.field(id) else {
            let is_of_a_cloud = row.source == Source::Cloud && row.ty.as_scalar().is_none();
            assert!(row.doc.ends_with("or absent") || is_of_a_cloud, "{} is absent", row.name);
            continue;
        };
        assert!(value.is_of(row.ty), "{} is {value:?}", row.name);
    }
}

#[test]
fn every_extractor_is_a_row_and_extracts_something() {
    for (name, extract) in fields::EXTRACTORS {
        assert!(FieldId::find(name).is_some(), "{name} is no field");
        assert!(!matches!(extract, Extract::Default), "{name}");
    }
}

#[test]
fn extensions_are_as_the_reference_says() {
    for (path, wanted) in
        [("/.mp3", ""), ("/.foo.mp3", "mp3"), ("/foo.", ""), ("/foo.MP3", "mp3"), ("/a.b/c", ""), ("/", "")]
    {
        assert_eq!(text(&exchange(path, &[]), "http.request.uri.path.extension"), wanted, "{path}");
    }
}

#[test]
fn arguments_are_not_decoded_and_keep_their_order() {
    let exchange = exchange("/p?a=1&B=%20&a=+&c&=v&&a=1=2", &[]);
    assert_eq!(
        field(&exchange, "http.request.uri.args"),
        Some(map(&[("a", &["1", "+", "1=2"]), ("B", &["%20"]), ("c", &[""]), ("", &["v"])]))
    );
    assert_eq!(field(&exchange, "http.request.uri.args.names"), Some(texts(&["a", "B", "a", "c", "", "a"])));
    assert_eq!(text(&exchange, "http.request.uri.query"), "a=1&B=%20&a=+&c&=v&&a=1=2");
}

#[test]
fn header_keys_are_in_lower_case_and_names_as_received() {
    let exchange = exchange("/", &[("X-Test", "One"), ("x-test", "two")]);
    assert_eq!(
        field(&exchange, "http.request.headers"),
        Some(map(&[("host", &["Example.com:8443"]), ("x-test", &["One", "two"])]))
    );
    assert_eq!(field(&exchange, "http.request.headers.names"), Some(texts(&["Host", "X-Test", "x-test"])));
}

#[test]
fn cookie_names_are_decoded_and_values_are_not() {
    let exchange = exchange("/", &[("Cookie", "%61=1; b=\"2\"; a=%33"), ("cookie", "c")]);
    assert_eq!(
        field(&exchange, "http.request.cookies"),
        Some(map(&[("a", &["1", "%33"]), ("b", &["\"2\""]), ("c", &[""])]))
    );
    assert_eq!(text(&exchange, "http.cookie"), "%61=1; b=\"2\"; a=%33; c");
}

#[test]
fn languages_are_sorted_by_weight() {
    let exchange = exchange("/", &[("accept-language", "en;q=0.8, de, *;q=0.1, fr;q=0.85, xx;q=0, yy;q=2")]);
    assert_eq!(field(&exchange, "http.request.accepted_languages"), Some(texts(&["de", "fr", "en"])));
}

#[test]
fn uris_are_put_together_from_canonical_parts() {
    let exchange = exchange("/%7ea?b=%7e", &[]);
    assert_eq!(text(&exchange, "http.request.uri"), "/~a?b=%7e");
    assert_eq!(text(&exchange, "raw.http.request.uri"), "/%7ea?b=%7e");
    assert_eq!(text(&exchange, "http.request.full_uri"), "https://example.com:8443/~a?b=%7e");
    assert_eq!(text(&exchange, "http.host"), "example.com");
    assert_eq!(&*exchange.target(), b"/~a?b=%7e");
}

#[test]
fn forms_and_multipart_bodies_are_read() {
    let mut form = exchange("/", &[("content-type", "Application/x-www-form-urlencoded; charset=utf-8")]);
    form.set_body(b"a=1&b=%20", false);
    assert_eq!(field(&form, "http.request.body.form"), Some(map(&[("a", &["1"]), ("b", &["%20"])])));
    assert_eq!(field(&form, "http.request.body.size"), Some(Value::Int(9)));

    let mut parts = exchange("/", &[("content-type", "multipart/form-data; boundary=\"x y\"")]);
    let body = b"--x y\r\nContent-Disposition: form-data; name=\"a\"; filename=f.txt\r\nContent-Type: text/plain\r\n\r\none\r\ntwo\r\n--x y\r\n\r\nbare\r\n--x y--\r\n";
    parts.set_body(body, false);
    assert_eq!(field(&parts, "http.request.body.multipart"), Some(map(&[("a", &["one\r\ntwo"])])));
    assert_eq!(field(&parts, "http.request.body.multipart.values"), Some(texts(&["one\r\ntwo", "bare"])));
    assert_eq!(
        field(&parts, "http.request.body.multipart.filenames"),
        Some(Value::Array(vec![texts(&["f.txt"]), texts(&[])]))
    );
    assert_eq!(text(&parts, "http.request.body.mime"), "text/plain");
}

#[test]
fn given_fields_win_over_what_the_request_shows() {
    let mut exchange = exchange("/", &[]);
    let country = FieldId::find("ip.src.country").unwrap();
    exchange.with_fields(BTreeMap::from([(country, Value::text(b"DE"))]));
    assert_eq!(text(&exchange, "ip.src.country"), "DE");
}

#[test]
fn a_request_has_one_host() {
    let head = |headers: &[&'static str], target: &'static str| Head {
        target: target.as_bytes(),
        headers: Headers::new(headers.iter().map(|host| (&b"host"[..], host.as_bytes())).collect()).unwrap(),
        ..Head::default()
    };
    assert_eq!(refused(&head(&[], "/")), Reason::HostMissing);
    assert_eq!(refused(&head(&["a", "a"], "/")), Reason::HostDuplicate);
    assert_eq!(refused(&head(&["u@a"], "/")), Reason::HostMalformed);
    assert_eq!(refused(&head(&["a"], "http://b/")), Reason::HostMismatch);
    assert_eq!(refused(&head(&["a:1"], "http://a:2/")), Reason::HostMismatch);
    let absolute = testing::exchange(head(&["A.b"], "http://a.B?x"));
    assert_eq!((absolute.host(), &*absolute.target()), (&b"a.b"[..], &b"/?x"[..]));
}

#[test]
fn a_head_is_bounded() {
    let limits = Limits { target: 8, headers: 2, header_bytes: 20, args: 2, path: PathPolicy::default() };
    let reason = |target: &'static str, headers: &[(&'static str, &'static str)]| {
        let mut all = vec![(&b"host"[..], &b"a"[..])];
        all.extend(headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        let canonical = Headers::new(all).and_then(|headers| {
            let head = Head { target: target.as_bytes(), headers, ..Head::default() };
            Canonical::of(&head, &limits).map(drop)
        });
        canonical.map_err(|denial| denial.reason)
    };
    assert_eq!(reason("/?a&b", &[("x", "y")]), Ok(()));
    assert_eq!(reason("/?a&b&c", &[]), Err(Reason::TooManyArgs));
    assert_eq!(reason("/12345678", &[]), Err(Reason::TargetTooLong));
    assert_eq!(reason("/", &[("x", "y"), ("x", "y")]), Err(Reason::TooManyHeaders));
    assert_eq!(reason("/", &[("x", "12345678901234567890")]), Err(Reason::HeadersTooLarge));
    assert_eq!(reason("/", &[("x y", "")]), Err(Reason::Header));
    assert_eq!(reason("/", &[("x", "a\r\nb")]), Err(Reason::Header));
}

#[test]
fn a_method_is_a_token_in_upper_case() {
    for method in [&b""[..], b"get", b"GE T", b"GET\0"] {
        let headers = Headers::new(vec![(b"host", b"a")]).unwrap();
        let head = Head { method, headers, ..Head::default() };
        assert_eq!(refused(&head), Reason::Method);
    }
}
