//! What `shieldc check -v` says of native code.

use std::fs;
use std::path::Path;
use std::process::Command;

const POLICY: &str = r#"api a { openapi "a.json" host "a.test" upstream "http://127.0.0.1:1" }"#;

const DOCUMENT: &str = r#"{"openapi": "3.1.0", "info": {"title": "a", "version": "1"}, "paths": {"/": {"post": {
    "requestBody": {"content": {
        "application/x-www-form-urlencoded": {"schema": {"type": "object"}},
        "multipart/form-data; boundary=a": {"schema": {"type": "object"}},
        "application/json": {"schema": {"type": "object"}}}},
    "responses": {"200": {"description": "done"}}}}}}"#;

#[test]
fn bodies_that_have_no_native_code_are_named() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("check-verbose");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("a.shield"), POLICY).unwrap();
    fs::write(folder.join("a.json"), DOCUMENT).unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_shieldc"));
    let output = check.args(["check", "-v", "a.shield"]).current_dir(&folder).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    for line in [
        "a.shield: native code for 3 of 3 schemas",
        "a.shield: forms that the interpreter judges: 1; native code reads JSON",
        "a.shield: multipart bodies that the interpreter judges: 1; native code reads JSON",
    ] {
        assert!(told.contains(line), "{told}");
    }
}
