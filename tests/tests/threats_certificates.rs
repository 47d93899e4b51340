//! Threats of group H on real sockets: who shows which certificate, and where that matters.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use shield_compiler::compile;
use shield_compiler::diagnostic::Diagnostic;
use shield_compiler::source::MemorySources;
use shield_runtime::{Settings, Source};
use shield_tests::live::{Folder, Live, bundle_with, settings, until};
use shield_tests::origin::Origin;
use shield_tests::root;
use shield_tests::tls::{Authority, Identity, Kind, Tls, self_signed};

/// One path and one host ask for a certificate; another host and other paths do not.
const POLICY: &str = r#"
api shop {
  host     "a.test" "localhost" "b.test" "x.b.test"
  upstream "http://127.0.0.1:1"
  requests off
  unknown  off
  endpoint GET /paid { }
}
mtls partners { ca "ca.pem" on GET /paid }
mtls staff    { ca "ca.pem" revoked "revoked.crl" on "b.test" on "x.b.test" then block 401 text "no" }
rule told {
  when cf.tls_client_auth.cert_presented
  then set response header "x-subject" cf.tls_client_auth.cert_subject_dn
  then set response header "x-serial" cf.tls_client_auth.cert_serial
  then set response header "x-print" cf.tls_client_auth.cert_fingerprint_sha256
  then set response header "x-verified" to_string(cf.tls_client_auth.cert_verified)
  then set response header "x-revoked" to_string(cf.tls_client_auth.cert_revoked)
}
"#;

fn bundle(authority: &str) -> Vec<u8> {
    bundle_with(POLICY, [("ca.pem", authority)])
}

fn pair(name: &str) -> String {
    let path = root().join("tests/certificates").join(name).display().to_string();
    format!("{path}.pem,{path}.key")
}

fn encrypted(origin: &Origin, folder: &Path) -> Settings {
    Settings {
        listen: Vec::new(),
        listen_tls: vec!["127.0.0.1:0".into()],
        certificate: vec![pair("a"), pair("b")],
        upstream: vec![origin.url()],
        data_dir: folder.display().to_string(),
        ..settings()
    }
}

/// An authority, what it has revoked (serial 13), and a proxy that trusts it.
struct Scene {
    authority: Authority,
    origin: Origin,
    folder: Folder,
    live: Live,
}

impl Scene {
    fn new(name: &str) -> Self {
        let (authority, origin, folder) = (Authority::new("ours"), Origin::plain(), Folder::new(name));
        folder.write("revoked.crl", &authority.revoked(&[13], 3000));
        let live = Live::start(bundle(&authority.pem()), encrypted(&origin, &folder.0));
        Self { authority, origin, folder, live }
    }

    fn status(&self, identity: Option<&Identity>, host: &str, path: &str) -> u16 {
        Tls::showing(identity).status(self.live.address(), host, path)
    }

    /// Waits for an event that says why a certificate is refused.
    fn is_told(&self, why: &str) {
        until(why, || {
            let events = self.live.events(0);
            let findings = events.iter().flat_map(|event| event["findings"].as_array().into_iter().flatten());
            let mut about =
                findings.filter(|found| found["reason"] == "mtls:invalid" && found["detail"] == why);
            about.next().map(drop)
        });
    }
}

#[test]
fn threat_091_a_bad_certificate_is_refused_where_one_is_needed_and_harmless_elsewhere() {
    let scene = Scene::new("091");
    let (foreign, double) = (Authority::new("theirs"), Authority::new("ours"));
    let cases = [
        ("", None),
        ("expired", Some(scene.authority.client(Kind::Expired, 1))),
        ("not_valid_yet", Some(scene.authority.client(Kind::Early, 2))),
        ("purpose", Some(scene.authority.client(Kind::ForServers, 3))),
        ("unknown_issuer", Some(self_signed())),
        ("unknown_issuer", Some(foreign.client(Kind::Good, 4))),
        ("invalid", Some(double.client(Kind::Good, 5))),
    ];
    for (why, identity) in &cases {
        let identity = identity.as_ref();
        assert_eq!(scene.status(identity, "a.test", "/paid"), 403, "{why}");
        assert_eq!(scene.status(identity, "b.test", "/"), 401, "{why}");
        assert!(scene.origin.raw().is_empty(), "{why}");
        if !why.is_empty() {
            scene.is_told(why);
        }
    }
    for (why, identity) in &cases {
        assert_eq!(scene.status(identity.as_ref(), "a.test", "/"), 200, "{why}");
    }
    assert!(scene.origin.seen().iter().all(|seen| seen.header("client-cert").is_none()));
}

#[test]
fn threat_091_a_good_certificate_passes_and_is_told_to_the_origin() {
    let scene = Scene::new("091-good");
    let good = scene.authority.client(Kind::Good, 0xab_cdef);
    let tls = Tls::showing(Some(&good));
    let mut client = tls.connect(scene.live.address(), "a.test");
    let spoofed = "client-cert: :AAAA:\r\nClient-Cert-Chain: :AAAA:\r\nclient_cert: :AAAA:\r\n";
    let head = client.ask("a.test", "/paid", spoofed);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    for line in [
        "x-subject: CN=client,O=Shield\\, Ltd,C=CH",
        "x-serial: ABCDEF",
        "x-verified: true",
        "x-revoked: false",
    ] {
        assert!(head.contains(line), "{line} in {head}");
    }
    let seen = scene.origin.seen().pop().unwrap();
    let told = seen.header("client-cert").unwrap();
    assert!(told.starts_with(":MII") && told.ends_with(':') && told.len() > 100, "{told}");
    assert_eq!(seen.head.matches("lient").count(), 1, "{}", seen.head);
    // On the same connection, where nobody asks for it, it is not told.
    assert!(client.ask("a.test", "/", spoofed).contains("x-verified: false"));
    assert_eq!(scene.origin.seen().pop().unwrap().head.matches("lient").count(), 0);
    // A session that is taken up again still knows its client.
    let mut again = tls.connect(scene.live.address(), "a.test");
    assert_eq!(again.status("a.test", "/paid"), 200);
    assert!(again.is_resumed());
}

#[test]
fn threat_091_a_revoked_certificate_is_refused_from_the_reload_on() {
    let scene = Scene::new("091-revoked");
    let revoked = scene.authority.client(Kind::Good, 13);
    assert_eq!(scene.status(Some(&revoked), "b.test", "/"), 401);
    scene.is_told("revoked");
    // The demand for this path has no list.
    assert_eq!(scene.status(Some(&revoked), "a.test", "/paid"), 200);
    let other = scene.authority.client(Kind::Good, 14);
    let tls = Tls::showing(Some(&other));
    let mut open = tls.connect(scene.live.address(), "b.test");
    assert_eq!(open.status("b.test", "/"), 200);
    scene.folder.write("revoked.crl", &scene.authority.revoked(&[13, 14], 3000));
    // Bundles that come from memory are not read again; lists are.
    scene.live.server.refresh().unwrap();
    assert_eq!(open.status("b.test", "/"), 401);
    assert_eq!(tls.status(scene.live.address(), "b.test", "/"), 401);
}

#[test]
fn threat_092_the_endpoint_decides_whatever_name_the_connection_was_made_for() {
    let scene = Scene::new("092");
    let good = scene.authority.client(Kind::Good, 1);
    let address = scene.live.address();
    let ask = |identity: Option<&Identity>, name: &str, host: &str, path: &str| {
        Tls::showing(identity).connect(address, name).status(host, path)
    };
    // A connection that was made for one host is used for another: with or without a certificate, 421.
    for identity in [None, Some(&good)] {
        for (name, host, path) in [
            ("a.test", "b.test", "/"),
            ("b.test", "localhost", "/paid"),
            ("elsewhere.test", "a.test", "/paid"),
            ("b.test", "x.b.test", "/"),
        ] {
            assert_eq!(ask(identity, name, host, path), 421, "{name} {host}");
        }
        assert_eq!(ask(identity, "elsewhere.test", "a.test", "/"), 200);
    }
    // Without a name, and in any case, the same is asked.
    for (name, host) in
        [("127.0.0.1", "b.test"), ("B.TEST", "b.test"), ("b.test", "B.Test"), ("x.B.test", "x.b.test")]
    {
        assert_eq!(ask(None, name, host, "/"), 401, "{name} {host}");
        assert_eq!(ask(Some(&good), name, host, "/"), 200, "{name} {host}");
    }
}

#[test]
fn threat_092_without_encryption_there_is_no_certificate() {
    let (authority, origin, folder) = (Authority::new("ours"), Origin::plain(), Folder::new("092-plain"));
    folder.write("revoked.crl", &authority.revoked(&[], 3000));
    let settings = Settings { listen: vec!["127.0.0.1:0".into()], ..encrypted(&origin, &folder.0) };
    let live = Live::start(bundle(&authority.pem()), settings);
    let ask = |lines: &str| {
        live.connect().ask(&format!("GET /paid HTTP/1.1\r\nhost: a.test\r\n{lines}\r\n")).status
    };
    assert_eq!(ask(""), 403);
    assert_eq!(ask("client-cert: :AAAA:\r\nssl-client-verify: SUCCESS\r\n"), 403);
    assert!(origin.raw().is_empty());
}

#[test]
fn threat_093_a_greeting_in_pieces_is_understood_or_ends_the_connection() {
    let scene = Scene::new("093");
    let good = scene.authority.client(Kind::Good, 1);
    for size in [32, 33, 64, 200] {
        let pieces = |identity| Tls::showing(identity).with(|config| config.max_fragment_size = Some(size));
        assert_eq!(pieces(None).status(scene.live.address(), "b.test", "/"), 401, "{size}");
        assert_eq!(pieces(Some(&good)).status(scene.live.address(), "b.test", "/"), 200, "{size}");
    }
}

#[test]
fn threat_094_authorities_and_lists_that_cannot_be_used_are_no_start_and_no_reload() {
    let origin = Origin::plain();
    let folder = Folder::new("094");
    let authority = Authority::new("ours");
    // A sequence of three bytes, which is no certificate.
    let sequence = "-----BEGIN CERTIFICATE-----\nMIEDAQID\n-----END CERTIFICATE-----\n";
    // A file without certificates, or with a damaged one, makes no bundle.
    for text in [
        "",
        "nonsense",
        &authority.pem().replace("MII", "MIJ"),
        &format!("{}-----BEGIN CERTIFICATE-----", authority.pem()),
    ] {
        let sources = MemorySources::new([("policy.shield", POLICY), ("ca.pem", text)]);
        let outcome = compile(&sources, &["policy.shield".to_owned()]);
        assert!(outcome.diagnostics.iter().any(Diagnostic::is_error), "{text}");
    }
    let missing = compile(&MemorySources::new([("policy.shield", POLICY)]), &["policy.shield".to_owned()]);
    assert!(missing.diagnostics.iter().any(Diagnostic::is_error));
    // What is no certificate inside is found when it is to be trusted; beside a good one too.
    let start = |bundle: Vec<u8>| {
        Live::try_start(Source::Bytes(bundle), encrypted(&origin, &folder.0))
            .map_err(|error| error.to_string())
    };
    folder.write("revoked.crl", &authority.revoked(&[], 3000));
    for damaged in [sequence.to_owned(), format!("{}{sequence}", authority.pem())] {
        assert!(start(bundle(&damaged)).unwrap_err().contains("partners"));
    }
    let live = start(bundle(&authority.pem())).unwrap();
    let status = || Tls::showing(None).status(live.address(), "b.test", "/");
    assert_eq!(status(), 401);
    assert!(live.server.load(bundle(sequence)).is_err());
    for list in ["", "nonsense", "-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n"] {
        folder.write("revoked.crl", list);
        assert!(start(bundle(&authority.pem())).is_err(), "{list}");
        assert!(live.server.refresh().is_err(), "{list}");
    }
    std::fs::remove_file(folder.0.join("revoked.crl")).unwrap();
    assert!(start(bundle(&authority.pem())).is_err());
    assert!(live.server.refresh().is_err());
    assert_eq!(status(), 401);
    assert!(live.server.status().error.is_some());
}

#[test]
fn threat_095_a_list_that_is_out_of_date_or_of_another_issuer_lets_nobody_in() {
    let scene = Scene::new("095");
    let good = scene.authority.client(Kind::Good, 1);
    assert_eq!(scene.status(Some(&good), "b.test", "/"), 200);
    for (list, why) in [
        (scene.authority.revoked(&[], 2025), "revocation_outdated"),
        (Authority::new("theirs").revoked(&[], 3000), "revocation_unknown"),
        // The same name, and another key.
        (Authority::new("ours").revoked(&[], 3000), "invalid"),
    ] {
        scene.folder.write("revoked.crl", &list);
        scene.live.server.refresh().unwrap();
        assert_eq!(scene.status(Some(&good), "b.test", "/"), 401, "{why}");
        scene.is_told(why);
        assert_eq!(scene.status(Some(&good), "a.test", "/paid"), 200, "{why}");
    }
}

#[test]
fn threat_096_nothing_is_taken_before_the_handshake_is_over() {
    let scene = Scene::new("096");
    let tls = Tls::showing(None).with(|config| config.enable_early_data = true);
    assert_eq!(tls.status(scene.live.address(), "a.test", "/"), 200);
    let mut again = tls.connect(scene.live.address(), "a.test");
    assert!(again.0.conn.early_data().is_none());
    assert_eq!(again.status("a.test", "/"), 200);
    assert!(again.is_resumed());
}

#[test]
fn threat_098_certificates_change_under_load_without_an_error() {
    let scene = Arc::new(Scene::new("098"));
    let (done, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut long = Tls::showing(None).connect(scene.live.address(), "a.test");
    assert_eq!(long.status("a.test", "/"), 200);
    let clients: Vec<_> = (0..2)
        .map(|_| {
            let (scene, done, asked) = (Arc::clone(&scene), Arc::clone(&done), Arc::clone(&asked));
            std::thread::spawn(move || {
                while !done.load(Ordering::SeqCst) {
                    assert_eq!(scene.status(None, "a.test", "/"), 200);
                    asked.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    for _ in 0..20 {
        let before = asked.load(Ordering::SeqCst);
        scene.live.server.refresh().unwrap();
        until("clients go on", || (asked.load(Ordering::SeqCst) > before).then_some(()));
    }
    done.store(true, Ordering::SeqCst);
    for client in clients {
        client.join().unwrap();
    }
    assert_eq!(long.status("a.test", "/"), 200);
    assert!(scene.live.events(0).iter().all(|event| event["verdict"] != "deny"));
}
