use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::{program, stadspuls};

/// What a demonstration on any machine has plenty of time to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// How soon the page must have something to show.
const FIRST_ANSWER: Duration = Duration::from_secs(10);

/// Two days hold a whole day behind every reading, by which its swing is judged.
const PAST: &str = "2d";

/// The official bathing places: id of the Swedish Agency for Marine and Water Management, its name
/// and position, Wikidata's id, and whether it is an EU bath.
const OFFICIAL: [(&str, &str, [f64; 2], &str, bool); 8] = [
    (
        "SE0A21489000001692",
        "Sävelången, Ingareds badplats",
        [12.44979, 57.84921],
        "Q106708626",
        true,
    ),
    ("SE0A21489000001698", "Mjörn, Bergsjödalsviken", [12.46583, 57.88630], "Q106708627", false),
    ("SE0A21489000001699", "Mjörn, Lövekulle camping", [12.48434, 57.92585], "Q106708628", true),
    ("SE0A21489000001700", "Playa Mjörn", [12.50216, 57.93055], "Q106708632", true),
    ("SE0A21489000001706", "Anten, Gräfsnäs slottspark", [12.49285, 58.07721], "Q106708633", true),
    (
        "SE0A21489000001707",
        "Stora Färgen, Lygnareds camping",
        [12.56027, 57.86691],
        "Q106708634",
        true,
    ),
    ("SE0A21489000001709", "Gerdsken, Linnebäck", [12.54784, 57.92005], "Q106708635", false),
    ("SE0A21489000003911", "Gerdsken, Kabelbadet", [12.54159, 57.92231], "Q106711749", false),
];

/// Its probe lies on the jetty and follows the air.
const ON_THE_JETTY: &str = "gerdsken-kabelbadet";

/// What the contract says of each bathing place, whatever its state.
const SITE_FIELDS: [&str; 17] = [
    "_links",
    "advisory",
    "advisoryCheckedAt",
    "bathingWaterId",
    "change24h",
    "classification",
    "euBath",
    "id",
    "lake",
    "last24h",
    "latestSample",
    "name",
    "observation",
    "position",
    "seasons",
    "status",
    "wikidataId",
];

/// A demonstration that is running. It does not outlive the test.
struct Demo {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Demo {
    fn start(args: &[&str]) -> Self {
        let ports = ["demo", "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0"];
        let mut command = program(&[&ports, args].concat());
        let mut child = command.stderr(Stdio::inherit()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        // More lines than it ever prints, so that the reader ends with the program.
        let (sender, lines) = sync_channel(1000);
        thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines, said: Vec::new() }
    }

    /// The rest of the first line that begins with `word`, said already or still to come.
    fn says(&mut self, word: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let found = self.said.iter().find_map(|line| line.trim_start().strip_prefix(word));
            if let Some(rest) = found {
                return rest.trim().to_owned();
            }
            let left = until.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.said.push(line),
                Err(error) => panic!("no line with {word:?}: {error}: {:?}", self.said),
            }
        }
    }

    fn http(&mut self) -> String {
        self.says("Page").trim_end_matches('/').to_owned()
    }

    /// Waits until the past is on disk. Returns how many uplinks it had.
    fn has_played_the_past(&mut self) -> usize {
        const END: &str = "uplinks of the past are on disk";
        self.says("Try:");
        let line = self.said.iter().find(|line| line.contains(END)).unwrap();
        line.split(' ').next().unwrap().parse().unwrap()
    }

    /// Ctrl-C. Returns the exit code.
    fn interrupt(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("it has not ended")
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It has ended already where all went well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn get(url: &str) -> String {
    ureq::get(url).call().unwrap().body_mut().read_to_string().unwrap()
}

/// Asks until the answer is what is waited for, and fails with the last one.
fn until<T>(patience: Duration, ask: impl Fn() -> Result<T, String>) -> T {
    let end = Instant::now() + patience;
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(answer) if Instant::now() > end => panic!("still {answer}"),
            Err(_) => thread::sleep(Duration::from_millis(50)),
        }
    }
}

fn sites(http: &str) -> Vec<Value> {
    let list: Value =
        serde_json::from_str(&get(&format!("{http}/api/v1/badtemperaturer"))).unwrap();
    list["sites"].as_array().unwrap().clone()
}

#[test]
fn a_fresh_demonstration_serves_the_bathing_places_and_leaves_nothing_behind() {
    let mut demo = Demo::start(&["--fresh", "--backfill", PAST]);
    let http = demo.http();
    let store = PathBuf::from(demo.says("Store"));
    assert!(store.is_dir());
    let mqtt = demo.says("MQTT").split(' ').next().unwrap().replace("mqtt://", "");
    assert_ne!(mqtt.parse::<SocketAddr>().unwrap().port(), 0);

    let first = until(FIRST_ANSWER, || {
        let sites = sites(&http);
        if sites.len() == OFFICIAL.len() { Ok(sites) } else { Err(format!("{sites:?}")) }
    });
    assert_contract(&first);

    assert!(demo.has_played_the_past() > 1000);
    let sites = until(PATIENCE, || {
        let sites = sites(&http);
        let jetty = sites.iter().find(|site| site["id"] == ON_THE_JETTY).unwrap();
        if jetty["status"] == "suspect" { Ok(sites) } else { Err(jetty.to_string()) }
    });
    assert_contract(&sites);
    let jetty = sites.iter().find(|site| site["id"] == ON_THE_JETTY).unwrap();
    assert!(jetty["observation"].is_null() && jetty["last24h"].is_null(), "{jetty}");
    let is_warm = |site: &&Value| {
        let celsius = site["observation"]["temperature"].as_f64();
        site["status"] == "ok" && celsius.is_some_and(|celsius| (12.0..26.0).contains(&celsius))
    };
    assert!(sites.iter().filter(is_warm).count() >= 6, "{sites:?}");

    assert_eq!(demo.interrupt(), Some(0));
    assert!(!store.exists());
}

/// The official places, all fields, and a temperature only where the status allows one.
fn assert_contract(sites: &[Value]) {
    assert_eq!(sites.len(), OFFICIAL.len());
    for (id, name, position, wikidata, is_eu_bath) in OFFICIAL {
        let site = sites.iter().find(|site| site["bathingWaterId"] == id).unwrap();
        let fields: BTreeSet<&str> = site.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, BTreeSet::from(SITE_FIELDS));
        assert_eq!(
            (site["name"].as_str(), site["wikidataId"].as_str()),
            (Some(name), Some(wikidata))
        );
        assert_eq!(site["position"]["coordinates"], serde_json::json!(position));
        assert_eq!(site["euBath"], is_eu_bath);
        let has_value = !site["observation"].is_null();
        match site["status"].as_str().unwrap() {
            "ok" | "stale" => assert!(has_value, "{site}"),
            "suspect" | "noData" | "offSeason" => assert!(!has_value, "{site}"),
            other => panic!("unknown status {other}"),
        }
    }
}

/// Counters of `/metrics`, by name and labels.
fn counters(http: &str) -> BTreeMap<String, u64> {
    let text = get(&format!("{http}/metrics"));
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let counters = samples.filter_map(|line| {
        let (name, value) = line.rsplit_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    });
    counters.collect()
}

fn play_the_past(dir: &Path) -> BTreeMap<String, u64> {
    let mut demo = Demo::start(&[dir.to_str().unwrap(), "--backfill", "6h"]);
    let http = demo.http();
    assert!(demo.has_played_the_past() > 300);
    let counters = counters(&http);
    assert_eq!(demo.interrupt(), Some(0));
    counters
}

#[test]
fn a_second_demonstration_in_the_same_folder_stores_nothing_twice() {
    const RECEIVED: &str = "stadspuls_uplinks_received_total{source=\"demo\"}";
    const DUPLICATE: &str =
        "stadspuls_uplink_outcomes_total{source=\"demo\",outcome=\"duplicate\"}";
    const OBSERVATIONS: &str = "stadspuls_observations_stored_total";
    // Between the two starts a few sensors have spoken for the first time.
    const NEW_UPLINKS_MAX: u64 = 30;

    let dir = TempDir::new().unwrap();
    let (first, second) = (play_the_past(dir.path()), play_the_past(dir.path()));
    assert!(first[OBSERVATIONS] > 1000, "{first:?}");
    assert!(second[RECEIVED] > 10 * NEW_UPLINKS_MAX, "{second:?}");
    assert!(second[DUPLICATE] + NEW_UPLINKS_MAX >= second[RECEIVED], "{second:?}");
    assert!(second[OBSERVATIONS] * 10 < first[OBSERVATIONS], "{first:?} {second:?}");
    assert!(dir.path().is_dir());
}

#[test]
fn a_taken_port_is_named_with_the_option_that_changes_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    for (option, other) in [("--http", "--mqtt"), ("--mqtt", "--http")] {
        let run = stadspuls(&["demo", "--fresh", option, &addr, other, "127.0.0.1:0"]);
        assert_eq!((run.code, &*run.out), (Some(1), ""), "{option}");
        let wanted =
            format!("{addr} is taken by another program; choose another address with {option}\n");
        assert!(run.err.starts_with("stadspuls: ") && run.err.ends_with(&wanted), "{}", run.err);
    }
}
