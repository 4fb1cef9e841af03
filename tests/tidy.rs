//! What a reader may rely on in every file: sizes, the map, who knows whom, the pages that repeat
//! what the program knows. Each walk asserts that it has been somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use stadspuls::model::Outcome;
use stadspuls::telemetry::{Metrics, Name};

/// More than this and a file has two subjects.
const LINES_MAX: usize = 500;

/// What each module may know of the others. Each knows only modules that stand before it here, so
/// nothing points back up.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("clock", &[]),
    ("document", &[]),
    ("secret", &[]),
    ("city", &[]),
    ("intake", &["model"]),
    ("telemetry", &[]),
    ("codec", &[]),
    ("derive", &["model"]),
    ("catalog", &["codec", "document", "model"]),
    ("store", &["model"]),
    ("registry", &["catalog", "derive", "document", "model", "store"]),
    ("alert", &["catalog", "derive", "document", "model"]),
    ("envelope", &["model"]),
    ("bathing", &["derive", "model", "store"]),
    ("source", &["clock", "intake", "model", "secret", "telemetry"]),
    ("post", &["source"]),
    ("simulate", &["clock", "model", "source"]),
    (
        "pipeline",
        &[
            "alert",
            "catalog",
            "clock",
            "codec",
            "derive",
            "document",
            "envelope",
            "model",
            "intake",
            "registry",
            "store",
            "telemetry",
        ],
    ),
    (
        "sink",
        &[
            "clock",
            "envelope",
            "model",
            "pipeline",
            "post",
            "secret",
            "source",
            "store",
            "telemetry",
        ],
    ),
    ("notify", &["alert", "clock", "model", "post", "secret", "source", "store", "telemetry"]),
    ("verify", &["envelope", "model", "pipeline", "store"]),
    (
        "api",
        &[
            "alert",
            "bathing",
            "catalog",
            "document",
            "envelope",
            "intake",
            "model",
            "registry",
            "store",
            "telemetry",
        ],
    ),
    (
        "config",
        &[
            "alert", "api", "document", "model", "notify", "pipeline", "post", "secret", "sink",
            "source", "store",
        ],
    ),
    (
        "app",
        &[
            "alert",
            "api",
            "catalog",
            "clock",
            "codec",
            "config",
            "document",
            "intake",
            "model",
            "notify",
            "pipeline",
            "registry",
            "secret",
            "sink",
            "source",
            "store",
            "telemetry",
        ],
    ),
    (
        "cli",
        &[
            "app",
            "catalog",
            "city",
            "clock",
            "codec",
            "config",
            "document",
            "model",
            "notify",
            "pipeline",
            "registry",
            "secret",
            "simulate",
            "sink",
            "source",
            "store",
            "telemetry",
            "verify",
        ],
    ),
];

/// What only some may know, and who.
const ONLY_HERE: &[(&str, &[&str])] = &[
    ("rusqlite", &["src/store"]),
    ("zstd", &["src/store"]),
    ("rquickjs", &["src/codec"]),
    ("rumqttc", &["src/source", "src/simulate"]),
    ("mqtt_protocol_core", &["src/source/listener"]),
    ("axum", &["src/api"]),
    ("tower_http", &["src/api"]),
    ("hyper_rustls", &["src/post"]),
    ("flate2", &["src/sink/influxdb"]),
    ("lettre", &["src/notify/email"]),
    ("clap", &["src/cli", "src/main.rs"]),
    ("anyhow", &["src/cli", "src/app", "src/main.rs"]),
    ("Utc::now", &["src/clock.rs"]),
    ("env::var", &["src/secret.rs"]),
];

/// Files that are given everything they need: no task, no socket, no file.
const PURE: &[&str] = &[
    "src/model",
    "src/envelope",
    "src/bathing",
    "src/derive",
    "src/notify/email/mail.rs",
    "src/notify/message.rs",
    "src/notify/words.rs",
    "src/post/answer.rs",
    "src/post/url.rs",
    "src/sink/influxdb/answer.rs",
    "src/sink/influxdb/line.rs",
    "src/sink/influxdb/points.rs",
    "src/pipeline/derive.rs",
    "src/pipeline/timing.rs",
    "src/pipeline/window",
    "src/pipeline/normalise.rs",
    "src/pipeline/judge.rs",
    "src/pipeline/deduplicate.rs",
    "src/pipeline/history.rs",
];
const IMPURE: &[&str] =
    &["tokio", "std::net", "std::fs", "std::io", "std::env", "std::thread", "Instant"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// All files below a folder with one of the extensions: path from the root, and text.
fn files(folder: &str, extensions: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if extensions.iter().any(|wanted| path.extension().is_some_and(|e| e == *wanted))
            {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "nothing in {folder}");
    found
}

/// The files of the service itself: other programs in `src/bin/` judge it from outside, and may
/// know whatever that takes.
fn service() -> Vec<(String, String)> {
    let mut files = files("src", &["rs"]);
    files.retain(|(name, _)| !is_within(name, "src/bin"));
    files
}

/// Whether a file is the module at `place` or within it: `src/store` is `src/store.rs` and all of
/// `src/store/`.
fn is_within(file: &str, place: &str) -> bool {
    let rest = file.strip_prefix(place);
    rest.is_some_and(|rest| rest.is_empty() || rest == ".rs" || rest.starts_with('/'))
}

/// Whether a text has a word that is not part of a longer one.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + word.len()..]);
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

/// The code of a file, without its comments.
fn code(text: &str) -> String {
    let is_comment = |line: &&str| line.trim_start().starts_with("//");
    text.lines().filter(|line| !is_comment(line)).collect::<Vec<_>>().join("\n")
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    let (mut visited, mut lines) = (0, 0);
    for (name, text) in files("src", &["rs"]).into_iter().chain(files("tests", &["rs"])) {
        let count = text.lines().count();
        assert!(count <= LINES_MAX, "{name} has {count} lines");
        (visited, lines) = (visited + 1, lines + count);
    }
    assert!(visited > 100 && lines > 10_000, "{visited} files, {lines} lines");
    let main = read("src/main.rs").lines().count();
    assert!((1..100).contains(&main), "src/main.rs has {main} lines");
}

#[test]
fn modules_stand_beside_their_folders() {
    let rust: Vec<_> = files("src", &["rs"]).into_iter().chain(files("tests", &["rs"])).collect();
    let misplaced: Vec<_> = rust.iter().filter(|(name, _)| name.ends_with("/mod.rs")).collect();
    assert!(misplaced.is_empty() && rust.len() > 100, "{misplaced:?}");
}

#[test]
fn the_map_shows_every_module_and_no_other() {
    let text = read("src/lib.rs");
    let between = |line: &str, start: &str, end: &str| {
        Some(line.strip_prefix(start)?.split_once(end)?.0.to_owned())
    };
    let shown: Vec<String> =
        text.lines().filter_map(|line| between(line, "//! - [`", "`]: ")).collect();
    let there: BTreeSet<String> =
        text.lines().filter_map(|line| between(line, "pub mod ", ";")).collect();
    assert_eq!(BTreeSet::from_iter(shown.clone()), there);
    assert_eq!(shown.len(), there.len(), "one line a module");
    let judged: BTreeSet<String> =
        MAY_KNOW.iter().map(|(module, _)| (*module).to_owned()).collect();
    assert_eq!(judged, there);
}

#[test]
fn nothing_points_back_up() {
    for (place, (module, known)) in MAY_KNOW.iter().enumerate() {
        for other in *known {
            let below = MAY_KNOW[..place].iter().any(|(name, _)| name == other);
            assert!(below, "{module} knows {other}, which does not stand below it");
        }
    }
    let (mut uses, mut seen) = (0, BTreeSet::new());
    for (name, text) in service() {
        let Some((module, known)) =
            MAY_KNOW.iter().find(|(module, _)| is_within(&name, &format!("src/{module}")))
        else {
            assert!(["src/lib.rs", "src/main.rs"].contains(&&*name), "{name} is in no module");
            continue;
        };
        for at in code(&text).split("crate::").skip(1) {
            let other = at.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
            assert!(!other.is_empty(), "{name}: name one module in each use");
            assert!(other == *module || known.contains(&other), "{name} knows {other}");
            uses += 1;
        }
        seen.insert(*module);
    }
    assert_eq!(seen.len(), MAY_KNOW.len());
    assert!(uses > 200, "{uses} uses");
}

#[test]
fn what_one_module_knows_no_other_does() {
    let sources = service();
    for (word, places) in ONLY_HERE {
        let mut users = 0;
        for (name, text) in &sources {
            if has_word(&code(text), word) {
                let is_allowed = places.iter().any(|place| is_within(name, place));
                assert!(is_allowed, "{name} knows {word}");
                users += 1;
            }
        }
        assert!(users > 0, "nobody knows {word}");
    }
}

#[test]
fn only_the_store_speaks_sql() {
    let mut speakers = 0;
    for (name, text) in service() {
        let text = code(&text).to_lowercase();
        let speaks = ["\"select ", "insert into ", "delete from ", "create table "]
            .iter()
            .any(|words| text.contains(words));
        if speaks {
            assert!(is_within(&name, "src/store"), "{name} speaks SQL");
            speakers += 1;
        }
    }
    assert!(speakers > 3);
}

#[test]
fn what_is_pure_touches_nothing_outside() {
    for place in PURE {
        let mut visited = 0;
        for (name, text) in files("src", &["rs"]) {
            // Tests read their fixtures.
            if is_within(&name, place) && !name.contains("/tests/") {
                for word in IMPURE {
                    assert!(!has_word(&code(&text), word), "{name} knows {word}");
                }
                visited += 1;
            }
        }
        assert!(visited > 0, "{place} is not there");
    }
    let catalog: Vec<_> = files("src", &["rs"])
        .into_iter()
        .filter(|file| is_within(&file.0, "src/catalog"))
        .collect();
    assert!(!catalog.is_empty());
    for (name, text) in catalog {
        let text = code(&text);
        assert!(!has_word(&text, "tokio") && !has_word(&text, "std::net"), "{name}");
    }
    let model: Vec<_> =
        files("src", &["rs"]).into_iter().filter(|file| is_within(&file.0, "src/model")).collect();
    assert!(model.len() > 5);
    for (name, text) in model {
        assert!(!has_word(&code(&text), "serde"), "{name} is serialised");
    }
}

/// The rows of the table in docs/metrics.md: name and type.
fn documented_metrics() -> BTreeMap<String, String> {
    let text = read("docs/metrics.md");
    let rows = text.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix("| `")?.split('|').map(str::trim).collect();
        let [name, kind, _labels, meaning, advice, ""] = cells[..] else {
            panic!("not five columns: {line}")
        };
        assert!(meaning.ends_with('.') && advice.ends_with('.'), "{line}");
        Some((name.trim_end_matches('`').to_owned(), kind.to_owned()))
    });
    rows.collect()
}

#[test]
fn every_metric_is_documented_and_no_other() {
    let mut documented = documented_metrics();
    for name in Name::ALL {
        let base = format!("stadspuls_{}", name.text());
        let names = ["", "_total", "_seconds"].map(|suffix| format!("{base}{suffix}"));
        let rows: Vec<_> = names.iter().filter_map(|name| documented.remove(name)).collect();
        assert_eq!(rows.len(), 1, "{base}");
    }
    assert_eq!(documented, BTreeMap::new());

    // Those that are there from the start show their own type and name.
    let (mut seen, documented, text) = (0, documented_metrics(), Metrics::default().encode());
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let name = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
        assert_eq!(documented.get(&name).map(String::as_str), Some(kind), "{name}");
        seen += 1;
    }
    assert!(seen >= 8, "{seen} metrics encoded");
}

#[test]
fn every_outcome_stands_in_the_page_on_metrics() {
    let text = read("docs/metrics.md");
    for outcome in Outcome::ALL {
        assert!(text.contains(&format!("`{}`", outcome.name())), "{}", outcome.name());
    }
}

#[test]
fn nothing_is_left_to_be_done_later() {
    // Put together here, so that this file does not hold them.
    let words = [["TO", "DO"], ["FIX", "ME"], ["XX", "X"]].map(|halves| halves.concat());
    let macros = [["dbg", "!"], ["todo", "!"], ["unimplemented", "!"]].map(|both| both.concat());
    let mut visited = 0;
    let all = [files("src", &["rs", "html", "js", "css", "sql"]), files("tests", &["rs"])];
    let decoders = files("decoders", &["toml", "js", "md"]);
    for (name, text) in all.into_iter().flatten().chain(decoders) {
        for word in &words {
            assert!(!has_word(&text, word), "{name} has {word}");
        }
        for word in &macros {
            assert!(!text.contains(word), "{name} has {word}");
        }
        visited += 1;
    }
    assert!(visited > 120, "{visited} files");
}
