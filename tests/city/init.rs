use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use super::{city, init, read};
use crate::cli::stadspuls;
use crate::support::Home;

/// Everything below a folder: name, with permissions and content.
fn everything(home: &Home) -> BTreeMap<String, (u32, String)> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![home.path("")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(home.path("")).unwrap().to_str().unwrap().to_owned();
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            let text = if path.is_dir() { String::new() } else { home.read(&name) };
            found.insert(name, (mode, text));
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    found
}

/// What nobody may guess: the contents of all files of secrets.
fn secrets(home: &Home) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, String> = everything(home)
        .into_iter()
        .filter(|(name, (_, text))| name.starts_with("secrets/") && !text.is_empty())
        .map(|(name, (_, text))| (name, text.trim_end().to_owned()))
        .collect();
    if home.path("mosquitto/health/mosquitto_sub").exists() {
        let options = home.read("mosquitto/health/mosquitto_sub");
        let password = options.split("-P ").nth(1).unwrap().trim_end().to_owned();
        found.insert("health".to_owned(), password);
    }
    found
}

fn check(home: &Home) -> crate::cli::Run {
    stadspuls(&["check", "--config", home.config().to_str().unwrap()])
}

#[test]
fn a_new_city_has_no_fault_and_nothing_in_it() {
    for options in [&[][..], &["--systemd"]] {
        let home = city(options);
        let checked = check(&home);
        assert_eq!((checked.code, faults(&checked)), (Some(0), vec![]), "{options:?}");
        assert!(checked.out.contains("0 sites, 0 devices, 0 deployments"), "{}", checked.out);
    }
}

/// What is said beside warnings.
fn faults(checked: &crate::cli::Run) -> Vec<&str> {
    checked.err.lines().filter(|line| !line.starts_with("warning: ")).collect()
}

#[test]
fn a_check_warns_of_secrets_that_are_not_there_yet_and_says_who_makes_them() {
    let home = city(&[]);
    let checked = check(&home);
    let file = home.path("tokens/stadspuls/influxdb-token");
    let wanted =
        format!("warning: secret of sink.influxdb: cannot read {}: No such file", file.display());
    assert!(checked.err.starts_with(&wanted), "{}", checked.err);
    assert!(checked.err.contains("InfluxDB makes it when it starts"), "{}", checked.err);
    assert_eq!((checked.code, checked.err.lines().count()), (Some(0), 1), "{}", checked.err);

    home.write("tokens/stadspuls/influxdb-token", "a token");
    assert_eq!(check(&home).err, "");
    fs::remove_file(home.path("secrets/stadspuls/staff-token")).unwrap();
    fs::remove_file(home.path("secrets/stadspuls/mqtt-password")).unwrap();
    let checked = check(&home);
    assert_eq!((checked.code, checked.err.lines().count()), (Some(0), 2), "{}", checked.err);
    for (of, then) in [
        ("api.staff_token", "the service does not start without it"),
        ("source chirpstack", "the source does not connect before it is there"),
    ] {
        let is_it = |line: &str| line.contains(of) && line.ends_with(then);
        assert!(checked.err.lines().any(is_it), "{of}: {}", checked.err);
    }
    // A machine's own service has no sink until somebody writes one down.
    let home = city(&["--systemd"]);
    assert_eq!(check(&home).err, "");
}

#[test]
fn the_examples_of_the_empty_fleet_are_right() {
    let home = city(&[]);
    for name in ["fleet/sites.toml", "fleet/devices.toml", "fleet/deployments.toml"] {
        let uncommented = |line: &str| match line.strip_prefix('#') {
            Some(setting) if !setting.starts_with(' ') => format!("{setting}\n"),
            _ => format!("{line}\n"),
        };
        let text: String = home.read(name).lines().map(uncommented).collect();
        home.write(name, &text);
    }
    let checked = check(&home);
    assert_eq!((checked.code, faults(&checked)), (Some(0), vec![]));
    assert!(checked.out.contains("2 sites, 1 device, 1 deployment"), "{}", checked.out);
}

#[test]
fn a_second_time_changes_nothing_and_says_what_is_there() {
    let home = Home::empty();
    let first = init(&home, &[]);
    let before = everything(&home);
    assert!(before.len() > 30, "{before:?}");
    assert!(first.out.contains(&format!("{} made, 0 were there", before.len())), "{}", first.out);

    let second = init(&home, &[]);
    assert_eq!((second.code, &*second.err), (Some(0), ""));
    assert_eq!(everything(&home), before);
    let there = second.out.lines().filter(|line| line.starts_with("  there  ")).count();
    assert_eq!(there, before.len());
    assert!(second.out.contains(&format!("0 made, {there} were there")), "{}", second.out);
}

#[test]
fn what_somebody_has_written_stays_and_only_what_is_missing_is_made() {
    let home = city(&[]);
    let before = everything(&home);
    home.write("stadspuls.toml", "# ours\n");
    fs::remove_file(home.path("fleet/sites.toml")).unwrap();
    fs::remove_dir(home.path("backups")).unwrap();
    let run = init(&home, &[]);
    assert!(run.out.contains("2 made"), "{}", run.out);
    let mut after = everything(&home);
    assert_eq!(after.remove("stadspuls.toml").unwrap().1, "# ours\n");
    assert!(before.iter().filter(|(name, _)| *name != "stadspuls.toml").eq(after.iter()));
}

#[test]
fn secrets_are_random_for_their_owner_alone_and_never_told() {
    let (home, other) = (Home::empty(), city(&[]));
    let runs = [init(&home, &[]), init(&home, &[])];
    let found = secrets(&home);
    let names: Vec<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "health",
            "secrets/chirpstack/mqtt-password",
            "secrets/grafana/admin-password",
            "secrets/grafana/secret-key",
            "secrets/influxdb/admin-password",
            "secrets/influxdb/admin-token",
            "secrets/prometheus/metrics-token",
            "secrets/stadspuls/mqtt-password",
            "secrets/stadspuls/staff-token",
        ]
    );
    let all: BTreeSet<String> = found.values().chain(secrets(&other).values()).cloned().collect();
    assert_eq!(all.len(), 2 * found.len(), "no two are the same");
    for (name, (mode, text)) in everything(&home) {
        let holds_one = found.values().any(|secret| text.contains(secret.as_str()));
        assert!(!holds_one || mode == 0o600, "{name} has mode {mode:o}");
        assert!(mode & 0o007 == 0, "{name} has mode {mode:o}");
    }
    assert_eq!(everything(&home)["mosquitto/passwords"].0, 0o600);
    for (name, secret) in &found {
        assert!(secret.len() >= 32, "{name}");
        for run in &runs {
            assert!(!run.out.contains(secret) && !run.err.contains(secret), "{name} is told");
        }
    }
}

#[test]
fn a_secret_that_others_can_read_is_pointed_out() {
    let home = city(&[]);
    let token = home.path("secrets/stadspuls/staff-token");
    fs::set_permissions(&token, Permissions::from_mode(0o644)).unwrap();
    let run = init(&home, &[]);
    assert_eq!(run.code, Some(0));
    assert!(run.out.contains("  open   secrets/stadspuls/staff-token\n"), "{}", run.out);
    assert!(run.out.contains("1 of them can be read by others"), "{}", run.out);
    assert_eq!(fs::metadata(&token).unwrap().permissions().mode() & 0o777, 0o644);
}

#[test]
fn what_stands_in_the_way_is_named_and_stays() {
    let home = Home::empty();
    home.write("file", "mine");
    for (dir, told) in [("file", "is in the way: a folder is wanted"), ("file/city", "cannot make")]
    {
        let run = stadspuls(&["init", home.path(dir).to_str().unwrap()]);
        assert_eq!(run.code, Some(1), "{dir}");
        assert!(run.err.contains(told) && run.err.contains("/file"), "{dir}: {}", run.err);
    }
    assert_eq!(home.read("file"), "mine");

    home.write("city/secrets/stadspuls/staff-token/inside", "");
    let run = stadspuls(&["init", home.path("city").to_str().unwrap()]);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("staff-token is in the way: a file is wanted"), "{}", run.err);
}

#[test]
fn a_password_that_has_gone_is_not_made_anew_without_the_file_that_tests_it() {
    let home = city(&[]);
    let before = home.read("mosquitto/passwords");
    let secret = "secrets/chirpstack/mqtt-password";
    fs::remove_file(home.path(secret)).unwrap();
    let run = init(&home, &[]);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("mosquitto/passwords is there and"), "{}", run.err);
    assert!(!home.path(secret).exists() && home.read("mosquitto/passwords") == before);

    fs::remove_file(home.path("mosquitto/passwords")).unwrap();
    home.write("secrets/stadspuls/mqtt-password", "\n");
    let run = init(&home, &[]);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("stadspuls/mqtt-password holds no secret"), "{}", run.err);

    fs::remove_file(home.path("secrets/stadspuls/mqtt-password")).unwrap();
    assert!(init(&home, &[]).out.contains("2 made"));
    assert_ne!(home.read("mosquitto/passwords"), before);
}

#[test]
fn everything_belongs_to_whoever_the_containers_run_as_and_that_is_never_root() {
    let home = Home::empty();
    let me = Command::new("id").arg("-u").output().unwrap().stdout;
    let is_root = me == b"0\n";
    if is_root {
        chown(home.path(""), Some(4711), Some(4712)).unwrap();
    }
    assert_eq!(init(&home, &[]).code, Some(0));
    let folder = fs::metadata(home.path("")).unwrap();
    for name in everything(&home).keys() {
        let there = fs::metadata(home.path(name)).unwrap();
        assert_eq!((there.uid(), there.gid()), (folder.uid(), folder.gid()), "{name}");
    }
    let user = format!("STADSPULS_USER={}:{}", folder.uid(), folder.gid());
    assert!(home.read(".env").lines().any(|line| line == user), "{user}");

    if is_root {
        let run = stadspuls(&["init", home.path("made-by-root").to_str().unwrap()]);
        assert!(run.out.contains("belongs to 10001:10001"), "{}", run.out);
        let folder = fs::metadata(home.path("made-by-root/secrets")).unwrap();
        assert_eq!((folder.uid(), folder.gid()), (10001, 10001));
    }
}

#[test]
fn the_environment_is_the_example_with_this_folder_in_it() {
    let home = city(&[]);
    let dir = home.path("").to_str().unwrap().trim_end_matches('/').to_owned();
    let other = |line: &&str| !["CITY_DIR=", "STADSPULS_USER="].iter().any(|k| line.starts_with(k));
    let (example, written) = (read(".env.example"), home.read(".env"));
    assert!(example.lines().filter(other).eq(written.lines().filter(other)));
    assert!(written.lines().any(|line| line == format!("CITY_DIR={dir}")), "{written}");
}

#[test]
fn without_containers_addresses_are_this_machines_and_nothing_is_for_them() {
    let home = city(&["--systemd"]);
    let config: toml::Table = home.read("stadspuls.toml").parse().unwrap();
    assert_eq!(config["store"]["dir"].as_str(), Some("/var/lib/stadspuls"));
    assert_eq!(config["api"]["bind"].as_str(), Some("127.0.0.1:8080"));
    assert_eq!(config["source"]["chirpstack"]["broker"].as_str(), Some("mqtt://127.0.0.1"));
    let made = everything(&home);
    for name in [".env", "data", "tokens", "secrets/grafana", "mosquitto/health"] {
        assert!(!made.contains_key(name), "{name}");
    }
    assert_eq!(made["mosquitto/mosquitto.conf"].1, read("config/mosquitto.conf"));
    assert!(!Path::new("/var/lib/stadspuls/fleet").exists());
}
