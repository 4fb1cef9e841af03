use std::fs;

use rusqlite::Connection;
use stadspuls::app::StartError;
use stadspuls::store::StoreError;

use crate::support::{Home, Process, TestApp, Up, WATER, publish, refusal, start_error};

fn home() -> Home {
    let home = Home::new();
    home.configure("[listener.inside]\nbind = \"127.0.0.1:0\"\n");
    home
}

#[test]
fn a_store_of_a_newer_version_is_refused_untouched() {
    let home = home();
    let app = TestApp::start(&home);
    publish(app.listener("inside"), &[Up::water(WATER, 1, 100).message()]);
    app.stop();
    let connection = Connection::open(home.store_file()).unwrap();
    let known: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    connection.pragma_update(None, "user_version", 4711).unwrap();
    connection.close().unwrap();
    let before = fs::read(home.store_file()).unwrap();

    let error = start_error(&home);
    assert!(matches!(error, StartError::Store(StoreError::Newer { found: 4711, .. })), "{error}");
    let said = refusal(&home);
    for part in ["schema version 4711".to_owned(), format!("up to {known}:")] {
        assert!(said.contains(&part), "{said}");
    }
    assert!(before == fs::read(home.store_file()).unwrap(), "the file was touched");
}

#[test]
fn a_file_of_another_program_is_refused_untouched() {
    let foreign = |home: &Home| {
        let connection = Connection::open(home.store_file()).unwrap();
        connection.execute_batch("create table recipe (name text)").unwrap();
        connection.close().unwrap();
    };
    let marked = |home: &Home| {
        let connection = Connection::open(home.store_file()).unwrap();
        connection.pragma_update(None, "application_id", 0x1234_5678).unwrap();
        connection.close().unwrap();
    };
    let text = |home: &Home| fs::write(home.store_file(), "not a database ".repeat(200)).unwrap();
    type Make<'m> = &'m dyn Fn(&Home);
    let cases: [(&str, Make); 3] =
        [("somebody's tables", &foreign), ("somebody's mark", &marked), ("no database", &text)];
    for (case, make) in cases {
        let home = home();
        fs::create_dir_all(home.path("data")).unwrap();
        make(&home);
        let before = fs::read(home.store_file()).unwrap();
        let error = start_error(&home);
        assert!(matches!(error, StartError::Store(StoreError::Foreign(_))), "{case}: {error}");
        let said = refusal(&home);
        assert!(said.contains("is not a stadspuls database"), "{case}: {said}");
        assert!(before == fs::read(home.store_file()).unwrap(), "{case}: the file was touched");
    }
}

#[test]
fn a_second_service_on_the_same_folder_is_refused_and_disturbs_nothing() {
    let home = home();
    let first = Process::start(&home);
    let error = start_error(&home);
    assert!(matches!(error, StartError::Store(StoreError::InUse(_))), "{error}");
    assert!(refusal(&home).contains("is in use by another stadspuls"));

    publish(first.listener("inside"), &[Up::water(WATER, 1, 100).message()]);
    assert_eq!(first.api.outcomes(), ["stored"]);
    first.kill9();
    // The claim on the folder ends with the process, however it ended.
    let second = Process::start(&home);
    publish(second.listener("inside"), &[Up::water(WATER, 2, 110).message()]);
    assert_eq!(second.api.outcomes(), ["stored", "stored"]);
    second.stop();
}
