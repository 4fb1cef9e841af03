//! The fault test, for a minute and a half: `docs/faults.md` tells how to run it for an hour.

use std::process::Command;

/// A fixed seed makes the same uplinks and the same faults in every run.
const ARGUMENTS: [&str; 10] = [
    "--uplinks",
    "6000",
    "--faults",
    "26",
    "--minutes",
    "0.8",
    "--seed",
    "20261",
    "--program",
    env!("CARGO_BIN_EXE_stadspuls"),
];

const FAULTS: [&str; 13] = [
    "kill -9",
    "SIGTERM",
    "SIGSTOP, SIGCONT",
    "kill -9 of Mosquitto",
    "network cut",
    "connections reset",
    "network stalled",
    "connections half open",
    "network trickles",
    "slow store",
    "full disk",
    "write errors",
    "database locked",
];

#[test]
fn nothing_acknowledged_is_lost_or_doubled_whatever_breaks() {
    let run = Command::new(env!("CARGO_BIN_EXE_faults")).args(ARGUMENTS).output().unwrap();
    let (told, trouble) =
        (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{}\n{told}\n{trouble}", run.status);
    assert!(told.contains("lost 0, doubled 0"), "{told}");
    for fault in FAULTS {
        let times = told.lines().find_map(|line| line.strip_prefix(fault)?.trim().parse().ok());
        assert!(times.is_some_and(|times: u32| times >= 1), "{fault} has not happened:\n{told}");
    }
}
