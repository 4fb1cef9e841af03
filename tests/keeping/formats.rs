//! A store of each format ever written opens, and everything in it is still there.

use std::fs;
use std::path::Path;

use stadspuls::store::{UplinkFilter, UplinkId, backup, restore};
use tempfile::TempDir;

use super::city::{open, root, verify_all};

fn fixture(name: &str, dir: &Path) {
    let packed = fs::File::open(root("tests/fixtures/store").join(name)).unwrap();
    let bytes = zstd::decode_all(packed).unwrap();
    fs::write(dir.join("stadspuls.sqlite"), bytes).unwrap();
}

async fn assert_version_1(dir: &Path) {
    let mut store = open(dir);
    let all = UplinkFilter { limit: 1000, ..UplinkFilter::default() };
    assert_eq!(store.reader.uplinks(all).await.unwrap().len(), 466);
    // One from before a dictionary was trained, and one from after.
    for id in [1, 466] {
        let (row, message) = store.reader.uplink(UplinkId(id)).await.unwrap().unwrap();
        let body = message.unwrap().body;
        assert_eq!(row.body_bytes, body.len());
        assert!(serde_json::from_slice::<serde_json::Value>(&body).is_ok());
    }
    assert_eq!(store.reader.changes(0, 10_000).await.unwrap().len(), 1547);
    assert!(!store.writer.fleet().unwrap().devices.is_empty());
    let (report, lines) = verify_all(dir);
    assert_eq!(lines, Vec::<String>::new());
    assert_eq!((report.ledger_rows, report.observations), (466, 1547));
    store.writer.replace_fleet(&stadspuls::store::Fleet::default()).unwrap();
}

#[tokio::test]
async fn a_store_of_version_1_opens_with_everything_in_it() {
    let dir = TempDir::new().unwrap();
    fixture("v1.sqlite.zst", dir.path());
    assert_version_1(dir.path()).await;
}

#[tokio::test]
async fn a_backup_of_a_store_of_version_1_is_restored_and_brought_up_to_date() {
    let dir = TempDir::new().unwrap();
    fixture("v1.sqlite.zst", dir.path());
    let (copy, to) = (dir.path().join("copy"), dir.path().join("to"));
    let mut watch = |_| std::ops::ControlFlow::Continue(());
    let now = || super::city::at("2026-11-23T12:00:00Z");
    let manifest = backup(dir.path(), &copy, now, &mut watch).unwrap();
    assert_eq!((manifest.schema_version, manifest.ledger_rows), (1, 466));
    restore(&copy, &to, false, now(), &mut watch).unwrap();
    assert_version_1(&to).await;
}
