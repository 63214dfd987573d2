// SPDX-License-Identifier: MIT
//! Starts programs by `std::process::Command`, checks what comes of each, and prints
//! which signals each that ran has ignored.

use std::io::{ErrorKind, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::thread;

const SHOW: &str = "grep SigIgn /proc/self/status";
const THREADS: usize = 8;
const STARTS: usize = 5;

fn show() -> Command {
    let mut command = Command::new("grep");
    command.args(["SigIgn", "/proc/self/status"]);
    command
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(script);
    command
}

fn output_of(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{:?}: {:?}", command, output);
    assert!(output.stderr.is_empty(), "{:?}: {:?}", command, output);
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a script after which the shell shows what it ignores; returns what it printed before.
fn shown(command: &mut Command) -> String {
    let output = output_of(command);
    let (rest, ignored) = output.split_at(output.find("SigIgn").unwrap());
    print!("{}", ignored);
    rest.to_string()
}

fn exit_status() {
    let status = shell(&format!("{}; exit 7", SHOW)).status().unwrap();
    assert_eq!((status.code(), status.signal()), (Some(7), None));
    let status = shell(&format!("{}; kill -KILL $$", SHOW)).status().unwrap();
    assert_eq!((status.code(), status.signal()), (None, Some(9)));
}

fn environment() {
    let script = format!("echo $GREETING; test -z \"$HOME\" && {}", SHOW);
    let mut command = shell(&script);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("GREETING", "hello");
    assert_eq!(shown(&mut command), "hello\n");
}

fn directory() {
    let script = format!("pwd; {}", SHOW);
    assert_eq!(shown(shell(&script).current_dir("/usr")), "/usr\n");
}

fn input() {
    let mut child = shell(&format!("cat; {}", SHOW))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"some text\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    print!("{}", text.strip_prefix("some text\n").unwrap());
}

fn failures() {
    let kind = |command: &mut Command| command.spawn().unwrap_err().kind();
    assert_eq!(kind(&mut Command::new("/nowhere/program")), ErrorKind::NotFound);
    assert_eq!(kind(&mut Command::new("no-such-program")), ErrorKind::NotFound);
    assert_eq!(kind(&mut Command::new("/etc/passwd")), ErrorKind::PermissionDenied);
    assert_eq!(kind(show().current_dir("/nowhere")), ErrorKind::NotFound);
}

/// Each thread gets the output of what it has started, and no other.
fn many_at_once() {
    let start = |thread: usize| {
        (0..STARTS)
            .map(|turn| {
                let name = format!("{} {}", thread, turn);
                let script = format!("echo \"$0\"; {}", SHOW);
                let output = output_of(shell(&script).arg(&name));
                let (first, ignored) = output.split_once('\n').unwrap();
                assert_eq!(first, name);
                ignored.to_string()
            })
            .collect::<String>()
    };
    let threads: Vec<_> = (0..THREADS).map(|at| thread::spawn(move || start(at))).collect();
    for one in threads {
        print!("{}", one.join().unwrap());
    }
}

fn main() {
    print!("{}", output_of(&mut show()));
    exit_status();
    environment();
    directory();
    input();
    failures();
    many_at_once();
}
