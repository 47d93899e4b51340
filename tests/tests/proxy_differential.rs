//! What rules match is what origins see: generated requests through the proxy to nginx, Node and Python.
//!
//! There are 1,200 requests; `SHIELD_DIFFERENTIAL` says otherwise (10,000 in the long run).
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test starts programs and reads the environment itself, and stops loudly"
)]

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use shield_runtime::Settings;
use shield_tests::generate::Random;
use shield_tests::live::{Folder, Live, Response, bundle, settings, until};

/// Tells what rules see, beside what the origin tells in its body.
const POLICY: &str = r#"
api shop {
  host     "shop.test" "*.shop.test"
  upstream "http://127.0.0.1:1"
  requests off
  unknown  off
}
rule tell {
  when true
  then set response header "x-method" http.request.method
  then set response header "x-target" http.request.uri
  then set response header "x-path" http.request.uri.path
  then set response header "x-host" http.host
  then set response header "x-tag" join(http.request.headers["x-tag"], "|")
}
"#;

const NODE: &str = r"
require('http').createServer((request, response) => {
  request.resume().on('end', () => response.end([request.method, request.url, request.headers.host,
    (request.headersDistinct['x-tag'] || []).join('|')].join('\n')))
}).listen(Number(process.argv[1]), '127.0.0.1')
";

const PYTHON: &str = r"
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Origin(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def answer(self):
        self.rfile.read(int(self.headers.get('content-length', 0)))
        tags = '|'.join(self.headers.get_all('x-tag') or [])
        body = '\n'.join([self.command, self.path, self.headers['host'], tags]).encode('latin-1')
        self.send_response(200)
        self.send_header('content-length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = answer
    def log_message(self, *_): pass
ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Origin).serve_forever()
";

/// An origin in a process of its own; it goes with the test.
struct Origin {
    child: Child,
    address: SocketAddr,
}

impl Origin {
    /// One of these programs, or one loud line where the machine does not have it.
    fn start(name: &str, folder: &Folder) -> Option<Self> {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let address = free.expect("there is a free port");
        let port = address.port().to_string();
        let mut command = match name {
            "node" => program("node", &["-e", NODE, &port]),
            "python" => program("python3", &["-c", PYTHON, &port]),
            _ => {
                let here = folder.0.display();
                folder.write("nginx.conf", &format!(
                    "daemon off; master_process off; pid {here}/pid; error_log /dev/null; events {{ worker_connections 256; }}
                     http {{ access_log off; merge_slashes off; client_body_temp_path {here}/a; proxy_temp_path {here}/b;
                       fastcgi_temp_path {here}/c; uwsgi_temp_path {here}/d; scgi_temp_path {here}/e; keepalive_requests 1000000;
                       server {{ listen {address}; location / {{ return 200 \"$request_method\n$request_uri\n$http_host\n$http_x_tag\"; }} }} }}"
                ));
                program("nginx", &["-e", "/dev/null", "-c", &format!("{here}/nginx.conf")])
            }
        };
        let Ok(child) = command.spawn() else {
            eprintln!("LEFT OUT: requests to {name}, which this machine does not have");
            return None;
        };
        until("the origin listens", || TcpStream::connect(address).ok());
        Some(Self { child, address })
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(name);
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// A request that is odd in some way, or in none.
fn request(random: &mut Random) -> String {
    const PIECES: [&str; 28] = [
        "a", "B", "0", "-", "~", "%41", "%7e", "%2e", ".", "..", "%20", "+", ";x=1", "%3B", "%2f", "%5c",
        "\\", "%c3%a9", "%C3%A9", "%252e", "%zz", "%00", ":", "@", "*", "!$&'()", "%E2%82", "{x}",
    ];
    const ARGUMENTS: [&str; 12] =
        ["a=1", "a=2", "b=%20x", "=", "&", "c=d+e", "%41=%42", "x[]=1", "a=%", ";", "q=?/", "é"];
    let mut target = String::new();
    for _ in 0..=random.below(4) {
        target.push('/');
        for _ in 0..random.below(3) {
            // Most pieces are harmless, so that most requests arrive.
            let few = if random.once_in(3) { PIECES.len() } else { 7 };
            target.push_str(PIECES[random.below(few)]);
        }
    }
    if random.once_in(2) {
        let arguments: Vec<_> = (0..random.below(4)).map(|_| random.pick(&ARGUMENTS)).collect();
        target = format!("{target}?{}", arguments.join("&"));
    }
    let host = random.pick(&["shop.test", "Shop.TEST", "shop.test:80", "a.shop.test", "shop.test.", "other"]);
    let host = if random.once_in(3) { host } else { "shop.test" };
    let target = match random.below(12) {
        0 => format!("http://{host}{target}"),
        1 => format!("HTTP://{host}{target}"),
        _ => target,
    };
    let method = random.pick(&["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]);
    let tag = random.pick(&["", "X-Tag: 1\r\n", "x-tag:  two words \t\r\n", "X-TAG:\r\n", "x-tag: a,b\r\n"]);
    let body = if method == "GET" { "\r\n" } else { "content-length: 5\r\n\r\nhello" };
    format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\n{tag}{body}")
}

/// Compares what rules have matched with what the origin tells; the canonical path.
fn compare(request: &str, answer: &Response, name: &str) -> String {
    let matched = |name: &str| answer.header(name).unwrap_or_default();
    let body = answer.text();
    let mut told = body.split('\n');
    let mut next = || told.next().unwrap_or_default();
    assert_eq!(matched("x-method"), next(), "{name}: {request}");
    assert_eq!(matched("x-target"), next(), "{name}: {request}");
    let host = next().to_ascii_lowercase();
    let host = host.strip_suffix(":80").unwrap_or(&host);
    assert_eq!(matched("x-host"), host.strip_suffix('.').unwrap_or(host), "{name}: {request}");
    assert_eq!(matched("x-tag"), next(), "{name}: {request}");
    matched("x-path").to_owned()
}

#[test]
fn what_rules_match_is_what_origins_see() {
    let count = std::env::var("SHIELD_DIFFERENTIAL").ok().and_then(|text| text.parse().ok()).unwrap_or(1_200);
    for (seed, name) in (1..).zip(["nginx", "node", "python"]) {
        let folder = Folder::new(&format!("differential-{name}"));
        let Some(origin) = Origin::start(name, &folder) else { continue };
        let settings = Settings {
            upstream: vec![format!("http://{}", origin.address)],
            access_log: "on",
            log_paths: "full",
            ..settings()
        };
        let live = Live::start(bundle(POLICY), settings);
        let mut random = Random::new(seed);
        let (mut client, mut paths, mut refused) = (live.connect(), Vec::new(), 0_usize);
        for _ in 0..count / 3 {
            let request = request(&mut random);
            let answer = client.ask(&request);
            if answer.status == 200 {
                paths.push(compare(&request, &answer, name));
            } else {
                // Refused here: an origin of these would have answered.
                assert!(matches!(answer.status, 400 | 421), "{name}: {} for {request}", answer.status);
                refused += 1;
            }
            if answer.header("connection") == Some("close") {
                client = live.connect();
            }
        }
        assert!(refused > count / 60 && paths.len() > count / 9, "{refused} refused, {} passed", paths.len());
        let events = live.events(paths.len() + refused);
        let told = events.iter().filter(|event| event["verdict"] == "permit");
        let told: Vec<_> = told.map(|event| event["path"].as_str().unwrap_or_default().to_owned()).collect();
        let other = told.iter().zip(&paths).find(|(told, path)| told != path);
        assert_eq!((told.len(), other), (paths.len(), None), "events tell other paths");
        for event in &events {
            let spent = event["spent"].as_object().expect("an event tells where the time went");
            let sum: u64 = spent.values().filter_map(serde_json::Value::as_u64).sum();
            assert!(Some(sum) <= event["micros"].as_u64(), "{event}");
            assert_eq!(spent.contains_key("upstream"), event["verdict"] == "permit", "{event}");
        }
    }
}
