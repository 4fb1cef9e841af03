//! The list of changes does not grow for ever, and nothing is dropped that a sink waits for.

use stadspuls::store::{Advance, SinkState, Store, StoreConfig, StoreError, Writer};

const NEWEST: i64 = 250_000;

struct Kept {
    dir: tempfile::TempDir,
    writer: Writer,
}

/// A store with many changes, whatever they are of.
fn store() -> Kept {
    let dir = tempfile::tempdir().unwrap();
    let Store { writer, .. } = Store::open(&StoreConfig::in_dir(dir.path())).unwrap();
    Kept { dir, writer }
}

impl Kept {
    fn fill(&self) {
        let path = self.dir.path().join("stadspuls.sqlite");
        let file = rusqlite::Connection::open(path).unwrap();
        let sql = format!(
            "with recursive n (seq) as (select 1 union all select seq + 1 from n where seq < {NEWEST})
             insert into change (seq, series, time) select seq, 1, seq from n"
        );
        file.execute(&sql, []).unwrap();
    }

    fn register(&mut self) -> SinkState {
        let state: Result<_, StoreError> =
            self.writer.batch(|batch| batch.register_sink("a", stadspuls::clock::now()));
        state.unwrap()
    }

    fn accept(&mut self, change: i64) {
        let advance = Advance { change: Some(change), ..Advance::default() };
        let saved: Result<_, StoreError> =
            self.writer.batch(|batch| batch.advance_sink("a", &advance, stadspuls::clock::now()));
        saved.unwrap();
    }

    /// Trims as long as there is something to trim: the oldest change that is left.
    fn trimmed(&mut self, sinks: &[String]) -> i64 {
        while self.writer.trim_changes(sinks).unwrap() {}
        let path = self.dir.path().join("stadspuls.sqlite");
        let file = rusqlite::Connection::open(path).unwrap();
        file.query_row("select min(seq) from change", [], |row| row.get(0)).unwrap()
    }
}

#[test]
fn without_a_sink_the_newest_changes_are_kept() {
    let mut kept = store();
    assert!(!kept.writer.trim_changes(&[]).unwrap(), "there is nothing yet");
    kept.fill();
    assert_eq!(kept.trimmed(&[]), NEWEST - 100_000 + 1);
    assert_eq!(kept.trimmed(&[]), NEWEST - 100_000 + 1, "and no more");
}

#[test]
fn what_a_sink_has_not_accepted_is_kept_however_much_it_is() {
    let mut kept = store();
    kept.register();
    kept.fill();
    let sinks = ["a".to_owned()];
    assert_eq!(kept.trimmed(&sinks), 1);
    kept.accept(70_000);
    assert_eq!(kept.trimmed(&sinks), 70_001);
    kept.accept(NEWEST);
    assert_eq!(kept.trimmed(&sinks), NEWEST - 100_000 + 1);
    assert!(!kept.register().missed);
    // One that is configured and that nobody has registered yet has accepted nothing.
    assert_eq!(kept.trimmed(&["b".to_owned()]), NEWEST - 100_000 + 1);
}

#[test]
fn a_sink_that_was_taken_out_for_long_learns_that_it_has_missed_something() {
    let mut kept = store();
    kept.register();
    kept.fill();
    kept.accept(149_999);
    // A short absence misses nothing.
    kept.accept(NEWEST - 100_000);
    kept.trimmed(&[]);
    assert!(!kept.register().missed);
    kept.accept(NEWEST - 100_001);
    let path = kept.dir.path().join("stadspuls.sqlite");
    let file = rusqlite::Connection::open(path).unwrap();
    file.execute("insert into change (series, time) values (1, 1)", []).unwrap();
    kept.trimmed(&[]);
    assert!(kept.register().missed, "two were dropped that it had not");
    assert!(!kept.register().missed, "it is told once");
}
