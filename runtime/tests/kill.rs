//! Threat 120: a process that is killed at any moment of a reload leaves a bundle that serves.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on says so, and reads its own files"
)]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use shield_ir::set::{Members, Set};
use shield_ir::{Bundle, Program};

/// Kills of a process that is reloading.
const KILLS: u32 = 12;

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Two bundles that differ, and the names of both.
fn bundles() -> [(Vec<u8>, String); 2] {
    [1, 2].map(|length| {
        // What nothing asks for tells two bundles apart.
        let set = Set { name: None, members: Members::ints(vec![(0, length)]) };
        let program = Program { sets: vec![set], ..Program::default() };
        let encoded = Bundle { program, ..Bundle::default() }.encode();
        (encoded.bytes, encoded.digest.to_string())
    })
}

fn start(folder: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_shieldd"))
        .args(["run", "--listen", "127.0.0.1:0", "--admin", "off", "--events", "off", "--workers", "1"])
        .arg("--bundle")
        .arg(folder.join("policy.shieldb"))
        .arg("--data-dir")
        .arg(folder.join("data"))
        .stderr(Stdio::piped())
        .spawn()
        .expect("shieldd starts")
}

/// The digest that a process says it serves, once it does.
fn serving(child: &mut Child) -> Option<String> {
    let mut line = String::new();
    BufReader::new(child.stderr.as_mut()?).read_line(&mut line).ok()?;
    Some(line.strip_prefix("shieldd: serving ")?.split(' ').next()?.to_owned())
}

fn put(folder: &Path, bytes: &[u8]) {
    std::fs::write(folder.join("staged"), bytes).unwrap();
    std::fs::rename(folder.join("staged"), folder.join("policy.shieldb")).unwrap();
}

#[test]
fn threat_120_a_kill_at_any_moment_of_a_reload_leaves_a_bundle_that_serves() {
    let folder = Folder(std::env::temp_dir().join(format!("shield-kill-{}", std::process::id())));
    std::fs::create_dir_all(&folder.0).unwrap();
    let bundles = bundles();
    for round in 0..KILLS {
        put(&folder.0, &bundles[0].0);
        let mut child = start(&folder.0);
        let first = serving(&mut child).expect("it serves");
        assert_eq!(first, bundles[0].1);
        // Reloads go on until the kill, which comes a little later in each round.
        for turn in 0..=round {
            put(&folder.0, &bundles[(turn as usize + 1) % 2].0);
            std::thread::sleep(Duration::from_millis(u64::from(round * 7 % 31 + 3)));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        put(&folder.0, b"half a bundle");
        let mut again = start(&folder.0);
        let digest = serving(&mut again).expect("the last good bundle serves");
        assert!(bundles.iter().any(|(_, known)| *known == digest), "{digest}");
        again.kill().unwrap();
        again.wait().unwrap();
    }
}

#[test]
fn threat_122_and_128_what_cannot_be_served_is_said_with_a_clear_exit() {
    let exit = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_shieldd")).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) =
        exit(&["run", "--bundle", "/nowhere.shieldb", "--listen", "127.0.0.1:0", "--admin", "off"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("/nowhere.shieldb"), "{said}");
    let (code, said) = exit(&["run", "--bundel", "x"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("did you mean `bundle`?"), "{said}");
    let output = Command::new(env!("CARGO_BIN_EXE_shieldd")).arg("--print-config").output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains("\nheader-count = 100\n"));
}
