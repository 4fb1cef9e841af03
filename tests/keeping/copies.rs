//! Backup and restore.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use stadspuls::model::{QuantityName, SiteId};
use stadspuls::store::{
    CopyError, Manifest, Progress, Range, Reader, Restored, StoreError, UplinkFilter, backup,
    restore,
};
use tempfile::TempDir;

use super::city::{City, at, messages, open, verify_all};

const FILE: &str = "stadspuls.sqlite";

fn on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn noon() -> DateTime<Utc> {
    at("2026-07-14T12:00:00Z")
}

fn back_up(dir: &Path, target: &Path) -> Result<Manifest, CopyError> {
    backup(dir, target, noon, &mut on)
}

fn put_back(backup: &Path, to: &Path, replace: bool) -> Result<Restored, CopyError> {
    restore(backup, to, replace, noon(), &mut on)
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_backup_in_a_burst_is_consistent_and_holds_all_that_was_acknowledged() {
    let mut city = City::new();
    let store = city.dir.path().to_owned();
    let copies = TempDir::new().unwrap();
    let all = messages(at("2026-07-13T00:00:00Z"), noon());
    let (acknowledged, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let taken = std::thread::scope(|scope| {
        let keeper = scope.spawn(|| {
            let mut taken = Vec::new();
            while !is_over.load(Ordering::SeqCst) {
                let before = acknowledged.load(Ordering::SeqCst);
                let target = copies.path().join(taken.len().to_string());
                let manifest = back_up(&store, &target).unwrap();
                assert!(manifest.ledger_rows >= before, "{} < {before}", manifest.ledger_rows);
                taken.push((target, manifest));
            }
            taken
        });
        for batch in all.chunks(20) {
            city.take(batch);
            acknowledged.fetch_add(batch.len() as u64, Ordering::SeqCst);
        }
        is_over.store(true, Ordering::SeqCst);
        keeper.join().unwrap()
    });
    assert!(taken.len() > 2, "{} backups during the burst", taken.len());
    for (target, manifest) in &taken {
        let (report, lines) = verify_all(target);
        assert_eq!(lines, Vec::<String>::new());
        assert_eq!(report.ledger_rows, manifest.ledger_rows);
        assert_eq!(report.manifest.as_ref(), Some(manifest));
    }
    assert_eq!(city.verify().1, Vec::<String>::new());
}

/// What anybody could ask, as text.
async fn answers(reader: &Reader) -> String {
    let (site, quantity) = (SiteId::from("playa-mjorn"), QuantityName::from("water_temperature"));
    let range = Range { from: noon() - TimeDelta::days(3), until: noon() };
    let filter = UplinkFilter { limit: 500, ..UplinkFilter::default() };
    let rows = reader.uplinks(filter).await.unwrap();
    let one = reader.uplink(rows[0].id).await.unwrap();
    let device = reader.device(rows[0].dev_eui.unwrap()).await.unwrap();
    format!(
        "{:#?}{:#?}{:#?}{:#?}{:#?}{rows:#?}{one:#?}{device:#?}",
        reader.latest(site.clone(), quantity.clone()).await.unwrap(),
        reader.observations(site.clone(), quantity.clone(), range, 0, 10_000).await.unwrap(),
        reader.hourly(site.clone(), quantity, range).await.unwrap(),
        reader.quantities(site).await.unwrap(),
        reader.changes(0, 1000).await.unwrap(),
    )
}

#[tokio::test]
async fn a_restored_store_gives_the_same_answers_and_goes_on() {
    let mut city = City::with(at("2026-07-13T18:00:00Z"), noon());
    let before = answers(&city.store.reader).await;
    assert!(before.contains("water_temperature") && before.len() > 10_000);
    let fleet = city.store.writer.fleet().unwrap();
    let dir = TempDir::new().unwrap();
    let (copy, to) = (dir.path().join("copy"), dir.path().join("new/store"));
    let manifest = back_up(city.dir.path(), &copy).unwrap();
    let restored = put_back(&copy, &to, false).unwrap();
    assert_eq!(restored.manifest, manifest);
    assert_eq!(restored.holdings.ledger_rows, manifest.ledger_rows);
    assert_eq!(restored.replaced, None);
    let store = open(&to);
    assert_eq!(answers(&store.reader).await, before);
    assert_eq!(store.writer.fleet().unwrap(), fleet);

    // What arrives afterwards leaves the two alike again, duplicates and all.
    let later = messages(noon() - TimeDelta::hours(1), noon() + TimeDelta::hours(1));
    city.take(&later);
    let City { dir: _old, store: old, pipeline } = city;
    let mut city = City { dir, store, pipeline };
    city.take(&later);
    assert_eq!(answers(&city.store.reader).await, answers(&old.reader).await);
    assert_eq!(verify_all(&to).1, Vec::<String>::new());
}

#[test]
fn a_damaged_backup_is_refused_and_nothing_is_made_of_it() {
    let city = City::with(noon() - TimeDelta::hours(3), noon());
    let dir = TempDir::new().unwrap();
    let good = dir.path().join("good");
    back_up(city.dir.path(), &good).unwrap();
    let bytes = fs::read(good.join(FILE)).unwrap();
    let manifest = fs::read_to_string(good.join("backup.json")).unwrap();
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    let changed = |from: &str, to: &str| manifest.replace(from, to);
    let cases: [(&str, &[u8], String); 7] = [
        ("SHA-256", &flipped, manifest.clone()),
        ("bytes", &bytes[..bytes.len() - 1], manifest.clone()),
        ("bytes", b"", manifest.clone()),
        ("SHA-256", &bytes, changed("\"sha256\": \"", "\"sha256\": \"0")),
        ("not a backup", &bytes, String::new()),
        ("not a backup", &bytes, changed(FILE, "../other.sqlite")),
        ("newer", &bytes, changed("\"schema_version\": ", "\"schema_version\": 9")),
    ];
    for (word, bytes, manifest) in cases {
        let (bad, to) = (dir.path().join("bad"), dir.path().join("to"));
        fs::create_dir(&bad).unwrap();
        fs::write(bad.join(FILE), bytes).unwrap();
        fs::write(bad.join("backup.json"), manifest).unwrap();
        let error = put_back(&bad, &to, false).unwrap_err().to_string();
        assert!(error.contains(word), "{error}, want {word}");
        assert!(!to.exists(), "{word}: a folder was left");
        fs::remove_dir_all(&bad).unwrap();
    }
    // A manifest that was made to fit does not hide damage to the structure.
    let bad = dir.path().join("bad");
    fs::create_dir(&bad).unwrap();
    let mut torn = bytes.clone();
    let middle = torn.len() / 8192 / 2 * 8192;
    torn[middle..middle + 8192].fill(0xa5);
    let manifest = changed(
        serde_json::from_str::<Manifest>(&manifest).unwrap().sha256.as_str(),
        &hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&torn)),
    );
    fs::write(bad.join(FILE), torn).unwrap();
    fs::write(bad.join("backup.json"), manifest).unwrap();
    let to = dir.path().join("to");
    assert!(put_back(&bad, &to, false).is_err());
    assert!(!to.exists());
    let error = put_back(&dir.path().join("nowhere"), &to, false).unwrap_err();
    assert!(matches!(error, CopyError::NotABackup { .. }), "{error}");
}

#[test]
fn a_restore_touches_no_store_that_is_in_use_or_unasked() {
    let city = City::with(noon() - TimeDelta::hours(2), noon());
    let dir = TempDir::new().unwrap();
    let copy = dir.path().join("copy");
    let manifest = back_up(city.dir.path(), &copy).unwrap();
    for replace in [false, true] {
        let error = put_back(&copy, city.dir.path(), replace).unwrap_err();
        assert!(matches!(error, CopyError::Store(StoreError::InUse(_))), "{error}");
    }
    let mut city = city;
    city.take(&messages(noon(), noon() + TimeDelta::hours(1)));
    let rows = city.count("select count(*) from uplink");
    let City { dir: place, store, .. } = city;
    drop(store);
    let error = put_back(&copy, place.path(), false).unwrap_err();
    assert!(matches!(error, CopyError::Occupied(_)), "{error}");
    assert_eq!(names(place.path()), ["stadspuls.lock", FILE]);

    let restored = put_back(&copy, place.path(), true).unwrap();
    let aside = restored.replaced.unwrap();
    assert_eq!(
        names(place.path()),
        [aside.file_name().unwrap().to_str().unwrap(), "stadspuls.lock", FILE]
    );
    let count = |path: &Path| -> i64 {
        let connection = rusqlite::Connection::open(path).unwrap();
        connection.query_row("select count(*) from uplink", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(count(&aside), rows, "the store that was moved aside is whole");
    assert_eq!(count(&place.path().join(FILE)).unsigned_abs(), manifest.ledger_rows);
}

#[test]
fn a_backup_overwrites_nothing_and_leaves_nothing_half_done() {
    let city = City::with(noon() - TimeDelta::hours(2), noon());
    let dir = TempDir::new().unwrap();
    let target = dir.path().join("copy");
    fs::create_dir(&target).unwrap();
    let error = back_up(city.dir.path(), &target).unwrap_err();
    assert!(matches!(error, CopyError::Exists(_)), "{error}");
    assert_eq!(names(&target), Vec::<String>::new());
    fs::remove_dir(&target).unwrap();

    let error = back_up(&dir.path().join("nothing"), &target).unwrap_err();
    assert!(matches!(error, CopyError::NoStore(_)), "{error}");
    for stage in ["copying", "checking the file's structure", "reading the copy"] {
        let stopped = backup(city.dir.path(), &target, noon, &mut |progress| {
            if progress.what == stage { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert!(matches!(stopped, Err(CopyError::Stopped)), "{stage}: {stopped:?}");
        assert_eq!(names(dir.path()), Vec::<String>::new(), "{stage}");
    }
    back_up(city.dir.path(), &target).unwrap();
    assert_eq!(names(dir.path()), ["copy"]);
    assert_eq!(names(&target), ["backup.json", FILE]);
}
