//! Threats 120 and 121: a process that is killed at any moment of a reload, or whose disk is full, leaves a bundle that serves.
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
    [1, 2].map(bundle)
}

/// A bundle and its name; what nothing asks for tells two apart, and makes one as long as one likes.
fn bundle(ranges: i64) -> (Vec<u8>, String) {
    let set =
        Set { name: None, members: Members::ints((0..ranges).map(|at| (at * 9, at * 9 + 1)).collect()) };
    let program = Program { sets: vec![set], ..Program::default() };
    let encoded = Bundle { program, ..Bundle::default() }.encode();
    (encoded.bytes, encoded.digest.to_string())
}

/// A running `shieldd`; it is killed with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(folder: &Path) -> Process {
    start_by(Command::new(env!("CARGO_BIN_EXE_shieldd")), folder)
}

fn start_by(mut command: Command, folder: &Path) -> Process {
    let child = command
        .args(["run", "--listen", "127.0.0.1:0", "--admin", "off", "--events", "off", "--workers", "1"])
        .arg("--bundle")
        .arg(folder.join("policy.shieldb"))
        .arg("--data-dir")
        .arg(folder.join("data"))
        .stderr(Stdio::piped())
        .spawn()
        .expect("shieldd starts");
    Process(child)
}

/// The digest that a process says it serves, once it does.
fn serving(process: &mut Process) -> Option<String> {
    let mut line = String::new();
    BufReader::new(process.0.stderr.as_mut()?).read_line(&mut line).ok()?;
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
        drop(child);
        put(&folder.0, b"half a bundle");
        let mut again = start(&folder.0);
        let digest = serving(&mut again).expect("the last good bundle serves");
        assert!(bundles.iter().any(|(_, known)| *known == digest), "{digest}");
    }
}

#[test]
fn threat_121_a_disk_that_fills_up_in_the_middle_of_a_bundle_leaves_the_one_before() {
    let folder = Folder(std::env::temp_dir().join(format!("shield-full-{}", std::process::id())));
    std::fs::create_dir_all(&folder.0).unwrap();
    let (small, large) = (bundle(1), bundle(20_000));
    put(&folder.0, &small.0);
    // For this process every file is full after 32 KiB.
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_shieldd")]);
    let mut child = start_by(limited, &folder.0);
    assert_eq!(serving(&mut child), Some(small.1.clone()));
    put(&folder.0, &large.0);
    let staged = folder.0.join("data/last-good.new");
    let cut = (0..2_000).any(|_| {
        std::thread::sleep(Duration::from_millis(5));
        std::fs::metadata(&staged).is_ok_and(|file| (32 << 10..large.0.len() as u64).contains(&file.len()))
    });
    assert!(cut, "the large bundle was never written");
    assert!(child.0.try_wait().unwrap().is_none(), "a full disk ends no process");
    drop(child);
    put(&folder.0, b"half a bundle");
    let mut again = start(&folder.0);
    assert_eq!(serving(&mut again), Some(small.1));
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
