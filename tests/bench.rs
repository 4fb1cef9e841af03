//! The benchmark still measures: with a few uplinks, so that the numbers mean nothing.

use std::process::Command;

use serde_json::Value;

const ARGUMENTS: [&str; 15] = [
    "--json",
    "--uplinks",
    "1000",
    "--devices",
    "50",
    "--rounds",
    "1",
    "--rate",
    "200",
    "--seconds",
    "1",
    "--history",
    "20000",
    "--fleets",
    "10,100",
];

#[test]
fn every_cost_is_measured() {
    let run = Command::new(env!("CARGO_BIN_EXE_bench")).args(ARGUMENTS).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let told: Value = serde_json::from_slice(&run.stdout).unwrap();
    let numbers = [
        "/parked/floor_us",
        "/parked/service/uplink_us",
        "/parked/service/peak_mib",
        "/parked/disk_bytes_an_uplink",
        "/listener/uplink_us",
        "/http/uplink_us",
        "/stages/whole_us",
        "/watched/3/ratio",
        "/latency/0/p99_ms",
        "/latency/1/p50_ms",
        "/flat/fleets/1/in_turn_ratio",
        "/flat/history/ratio",
        "/flat/month/median_ms",
        "/profiles/31/uplink_us",
    ];
    for number in numbers {
        let value = told.pointer(number).and_then(Value::as_f64);
        assert!(value.is_some_and(|value| value > 0.0), "{number} is {value:?} in {told:#}");
    }
    assert_eq!(told["aims"].as_array().map(Vec::len), Some(8));
}
