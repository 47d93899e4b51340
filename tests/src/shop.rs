//! The policy that the proxy's tests serve, and a proxy in front of an origin with it.

use shield_runtime::Settings;

use crate::live::{Live, bundle, settings};
use crate::origin::Origin;

/// Protects a path and a folder, reads the bodies of one host, and lets everything else through.
pub const POLICY: &str = r#"
api shop {
  host     "a" "petstore.example.com" "inspected.example.com"
  upstream "http://127.0.0.1:1"
  requests off
  unknown  off
}
rule closed { when http.request.uri.path eq "/blocked" then block 403 }
rule admin  { when starts_with(lower(http.request.uri.path), "/admin") then block 403 }
rule office { when http.request.uri.path eq "/office" and not ip.src in { 203.0.113.0/24 } then block 403 }
rule star   { when http.request.uri.path eq "/*" then block 403 }
rule agents { when http.user_agent matches "(?i)bad.?bot" then block 403 }
rule no-secrets {
  on   "inspected.example.com"
  when http.request.body.raw contains "secret"
  then block 400
}
"#;

/// In front of `origin`.
pub fn in_front_of(origin: &Origin) -> Live {
    with(origin, |_| {})
}

/// In front of `origin`, with other settings.
pub fn with(origin: &Origin, change: impl FnOnce(&mut Settings)) -> Live {
    let mut settings = Settings { upstream: vec![origin.url()], ..settings() };
    change(&mut settings);
    Live::start(bundle(POLICY), settings)
}

/// A request's head with these lines, of which each ends in CR LF.
pub fn post(lines: &str) -> String {
    format!("POST /a HTTP/1.1\r\nhost: a\r\n{lines}\r\n")
}
