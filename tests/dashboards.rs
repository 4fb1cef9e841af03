//! The boards in Grafana show what there is, in words that somebody understands at night on a phone.

mod board;
mod flux;
mod known;
mod lexer;
mod query;
mod server;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use stadspuls::sink::influxdb::MEASUREMENTS;

use board::{check, links, text};
use known::{BESIDES, Known};
use query::{check_flux, check_prometheus, filled_in};

/// Those that docs/dashboards.md tells of.
const BOARDS: [&str; 10] = [
    "Badtemperaturer",
    "Drift",
    "Larm",
    "Nivå och flöde",
    "Parkering",
    "Sensorhälsa",
    "Smart park",
    "Snö och väderstation",
    "Vattenläckor",
    "Översikt",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every board by the name of its file.
pub fn boards() -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root().join("dashboards")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
                let board = serde_json::from_str(&fs::read_to_string(&path).unwrap());
                let board = board.unwrap_or_else(|error| panic!("{name}: {error}"));
                assert!(found.insert(name.clone(), board).is_none(), "two files {name}");
            }
        }
    }
    found
}

/// What is wrong with boards beside one another.
fn check_together(boards: &BTreeMap<String, Value>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut uids = BTreeSet::new();
    for (name, board) in boards {
        let uid = text(board, "/uid");
        faults.extend((uid != format!("stadspuls-{name}")).then(|| format!("{name} is {uid}")));
        faults.extend((!uids.insert(uid)).then(|| format!("two boards are {uid}")));
    }
    for (name, board) in boards {
        let links = links(board);
        let lost = links.iter().find(|uid| !uids.contains(uid.as_str()));
        faults.extend(lost.map(|uid| format!("{name} leads to {uid}, which is not there")));
        faults.extend(links.is_empty().then(|| format!("{name} leads nowhere")));
    }
    let asks: BTreeSet<&str> = boards.values().map(address_query).collect();
    faults.extend((asks.len() > 1).then(|| "boards ask otherwise where stadspuls is".to_owned()));
    faults
}

/// By what a board finds the address of stadspuls.
fn address_query(board: &Value) -> &str {
    let mut variables = board["templating"]["list"].as_array().unwrap().iter();
    let variable = variables.find(|variable| text(variable, "/name") == "stadspuls");
    variable.map_or("", |variable| text(variable, "/query"))
}

#[test]
fn every_board_shows_only_what_there_is_and_says_what_it_shows() {
    let (boards, known) = (boards(), Known::read());
    let mut titles: Vec<&str> = boards.values().map(|board| text(board, "/title")).collect();
    titles.sort_unstable();
    assert_eq!(titles, BOARDS);
    let mut faults = check_together(&boards);
    for (name, board) in &boards {
        faults.extend(check(board, &known).into_iter().map(|fault| format!("{name}: {fault}")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let panels: usize =
        boards.values().map(|board| board["panels"].as_array().unwrap().len()).sum();
    assert!(panels > 60, "{panels} panels");
}

#[test]
fn the_page_tells_of_every_board() {
    let page = fs::read_to_string(root().join("docs/dashboards.md")).unwrap();
    for (name, board) in boards() {
        let title = text(&board, "/title");
        assert!(page.contains(&format!("| **{title}** |")), "{title}");
        assert!(page.contains(&format!("{name}.json")), "{name}");
    }
}

#[test]
fn the_boards_read_what_the_sink_writes() {
    let written: BTreeSet<&str> = MEASUREMENTS.into_iter().collect();
    let read: BTreeSet<&str> = BESIDES.iter().map(|(name, _, _)| *name).collect();
    assert!(written.is_subset(&read), "{written:?}");
    let only_read: Vec<&&str> = read.difference(&written).collect();
    assert!(only_read.is_empty() || only_read == [&"alert"], "{only_read:?}");
    let points = fs::read_to_string(root().join("src/sink/influxdb/points.rs")).unwrap();
    for (name, tags, fields) in BESIDES.iter().filter(|(name, _, _)| written.contains(name)) {
        let tags = tags.iter().map(|tag| format!(".tag(\"{tag}\""));
        for call in tags.chain(fields.iter().map(|field| format!(".field(\"{field}\""))) {
            assert!(points.contains(&call), "{name}: nothing writes {call}");
        }
    }
}

/// A board with something else at one place.
fn planted(board: &Value, pointer: &str, value: &Value) -> Value {
    let mut board = board.clone();
    *board.pointer_mut(pointer).unwrap_or_else(|| panic!("nothing at {pointer}")) = value.clone();
    board
}

#[test]
fn a_fault_of_each_kind_is_found() {
    let (boards, known) = (boards(), Known::read());
    let flux = |measurement: &str| {
        json!(format!(
            "from(bucket: v.defaultBucket)\n  |> range(start: -${{period}})\n  \
             |> filter(fn: (r) => r._measurement == \"{measurement}\" and r.site =~ /^${{site:regex}}$/)"
        ))
    };
    let panel = |rest: &str| format!("/panels/0{rest}");
    let metrics = json!("sum(stadspuls_uplinks_recieved_total)");
    #[rustfmt::skip]
    let cases: Vec<(&str, String, Value, &str)> = vec![
        ("larm", "/uid".to_owned(), json!("larm"), "uid"),
        ("larm", "/id".to_owned(), json!(7), "an id of one installation"),
        ("larm", "/schemaVersion".to_owned(), json!(39), "schemaVersion"),
        ("larm", "/timezone".to_owned(), json!("browser"), "time zone"),
        ("larm", "/description".to_owned(), json!(""), "no description"),
        ("larm", "/tags".to_owned(), json!([]), "no tag stadspuls"),
        ("larm", "/links".to_owned(), json!([]), "no way out"),
        ("larm", "/panels".to_owned(), json!([]), "no panels"),
        ("larm", "/templating/list/0/name".to_owned(), json!("plats"), "no variable site"),
        ("larm", "/templating/list/1/name".to_owned(), json!("tid"), "no variable period"),
        ("larm", "/templating/list/0/label".to_owned(), json!(""), "site has no label"),
        ("larm", "/templating/list/0/query".to_owned(), json!("buckets()"), "variable site: buckets is no function"),
        ("larm", "/annotations/list/1/target/query".to_owned(), flux("leak"), "no annotations of alerts"),
        ("larm", "/annotations/list/3/target/tags".to_owned(), json!([]), "no annotations of service"),
        ("drift", "/templating/list/3/name".to_owned(), json!("prom"), "no variable prometheus"),
        ("drift", panel("/targets/0/expr"), metrics, "no such metric: stadspuls_uplinks_recieved_total"),
        ("larm", panel("/title"), json!(""), "no title"),
        ("larm", panel("/title"), json!("Öppna larm"), "a title that another has"),
        ("larm", panel("/id"), json!(2), "an id that another has"),
        ("larm", panel("/description"), json!("Larm"), "no description"),
        ("larm", panel("/fieldConfig/defaults/unit"), json!(""), "no unit"),
        ("larm", panel("/fieldConfig/defaults/unit"), json!("fathoms"), "no unit"),
        ("larm", panel("/fieldConfig/defaults/noValue"), json!(""), "where there are no values"),
        ("larm", panel("/fieldConfig/defaults/decimals"), json!(null), "no decimals"),
        ("larm", panel("/fieldConfig/defaults/thresholds/steps"), json!([]), "no thresholds"),
        ("larm", panel("/fieldConfig/defaults/thresholds/steps/1/value"), json!(null), "not in order"),
        ("larm", panel("/description"), json!("En beskrivning som inte säger vad färgerna är."), "thresholds without words"),
        ("larm", "/panels/4/fieldConfig/defaults/mappings".to_owned(), json!([]), "states without words"),
        ("larm", "/panels/4/fieldConfig/defaults/mappings/0/options/2/text".to_owned(), json!(""), "a state without a word"),
        ("larm", "/panels/2/fieldConfig/overrides/0/matcher/options".to_owned(), json!("stat"), "no column stat"),
        ("larm", "/panels/2/transformations/0/options/indexByName/hours".to_owned(), json!(5), "an order that is not"),
        ("larm", panel("/gridPos/w"), json!(8), "a place outside the grid"),
        ("larm", panel("/gridPos/x"), json!(14), "a place outside the grid"),
        ("larm", panel("/gridPos/h"), json!(9), "overlaps another"),
        ("larm", panel("/datasource"), json!({"type": "influxdb", "uid": "stadspuls"}), "a data source that is written out"),
        ("larm", panel("/targets/0/datasource"), json!(null), "a data source that is written out"),
        ("larm", panel("/targets"), json!([]), "no query"),
        ("larm", panel("/targets/0/query"), flux("water_temprature"), "neither quantity nor measurement: water_temprature"),
        ("larm", panel("/targets/0/query"), flux("latitude"), "coordinates"),
        ("larm", panel("/targets/0/query"), flux("device_radio"), "device_radio has no tag site"),
        ("larm", panel("/targets/0/query"), json!("from(bucket: v.defaultBucket) |> range(start: -${dagar})"), "no variable dagar"),
        ("oversikt", "/panels/6/options/layers/0/config/src".to_owned(), json!("public/maps/va.geojson"), "a map of what is not published"),
    ];
    for (name, pointer, value, wanted) in cases {
        let faults = check(&planted(&boards[name], &pointer, &value), &known);
        assert!(faults.iter().any(|fault| fault.contains(wanted)), "{pointer}: {faults:?}");
    }
    let together = [
        ("/uid", json!("stadspuls-drift"), "two boards are stadspuls-drift"),
        ("/links/0/url", json!("/d/stadspuls-karta"), "leads to stadspuls-karta"),
        ("/templating/list/3/query", json!(""), "boards ask otherwise where stadspuls is"),
    ];
    for (pointer, value, wanted) in together {
        let mut boards = boards.clone();
        boards.insert("larm".to_owned(), planted(&boards["larm"], pointer, &value));
        let faults = check_together(&boards);
        assert!(faults.iter().any(|fault| fault.contains(wanted)), "{pointer}: {faults:?}");
    }
}

#[test]
fn a_query_that_does_not_parse_is_found() {
    let known = Known::read();
    let variables = ["site".to_owned(), "period".to_owned()];
    let sound = "from(bucket: v.defaultBucket) |> range(start: -${period}) \
                 |> filter(fn: (r) => r._measurement == \"leak\" and r._field == \"value\") \
                 |> aggregateWindow(every: v.windowPeriod, fn: max, createEmpty: false) \
                 |> map(fn: (r) => ({r with _value: -r._value * 2.0}))";
    let check_filled =
        |query: &str| filled_in(query, &variables).and_then(|query| check_flux(&query, &known));
    assert_eq!(check_filled(sound).unwrap().measurements, ["leak"]);
    #[rustfmt::skip]
    let cases = [
        ("\"leak\"", "\"leak", "a text that does not end"),
        ("}))", "})", "want ,"),
        ("2.0", "2.", "not a number: 2."),
        ("-${period}", "-7dd", "not a duration: 7dd"),
        ("-${period}", "-${period", "a variable that does not end"),
        ("-r._value", "§", "a sign that Flux has not"),
        ("|> map", "map", "map wants a pipe"),
        ("|> map", "|> mapp", "mapp is no function"),
        ("fn: max", "fn: maximum", "maximum is not known"),
        ("fn: max", "fn: (r) => r", "does not take such a fn"),
        (", createEmpty: false", "", "aggregateWindow wants createEmpty"),
        ("createEmpty", "createEmtpy", "aggregateWindow takes no createEmtpy"),
        ("createEmpty: false", "every: 1h, createEmpty: false", "is given every twice"),
        ("fn: (r) => r._measurement", "fn: (r) => row._measurement", "row is not known"),
        ("v.windowPeriod", "v.window", "Grafana knows no v.window"),
        ("v.defaultBucket", "\"stadspuls\"", "a bucket that is written out"),
        ("|> range(start: -${period})", "", "filter where range belongs"),
        ("from(bucket", "import \"strings\" from(bucket", "a package that is not known: strings"),
        ("from(bucket", "import \"date\" from(bucket", "date is imported and not used"),
        ("from(bucket", "option now = from(bucket", "an option that is not location"),
        ("from(bucket", "leaks = from(bucket", "nothing that yields a result"),
        ("from(bucket", "now() from(bucket", "a statement that is no pipeline"),
        ("== \"leak\"", "=~ \"leak\"", "want a regular expression"),
        ("== \"leak\"", "=~ /leak/", "not anchored"),
        ("== \"leak\"", "=~ /^(leak|leek)$/", "neither quantity nor measurement: leek"),
        ("\"leak\" and", "\"leak\" and r.kind == \"lake\" and", "no site is of kind lake"),
        ("\"leak\" and", "\"leak\" and r.device == \"x\" and", "leak has no tag device"),
        ("== \"value\"", "== \"values\"", "leak has no field values"),
        ("r._measurement == \"leak\" and", "", "reads everything there is"),
    ];
    for (from, to, wanted) in cases {
        assert!(sound.contains(from), "{from}");
        let fault = check_filled(&sound.replace(from, to)).expect_err(to);
        assert!(fault.contains(wanted), "{to}: {fault}");
    }
}

#[test]
fn a_question_to_prometheus_that_does_not_fit_is_found() {
    let known = Known::read();
    let sound = "sum by (outcome) (rate(stadspuls_uplink_outcomes_total{outcome=\"stored\"}[5m]))";
    check_prometheus(sound, &known).unwrap();
    #[rustfmt::skip]
    let cases = [
        ("[5m]))", "[5m])", "( is not closed"),
        ("[5m]", "5m]", "] closes nothing"),
        ("\"stored\"", "\"stored", "a text that does not end"),
        ("\"stored\"", "\"kept\"", "no outcome kept"),
        ("rate", "rates", "rates is no function"),
        ("by (outcome)", "by (device)", "no label device"),
        ("stadspuls_uplink_outcomes_total", "stadspuls_uplink_outcomes", "no such metric"),
        ("stadspuls_uplink_outcomes_total", "up", "no metric of stadspuls"),
    ];
    for (from, to, wanted) in cases {
        let fault = check_prometheus(&sound.replacen(from, to, 1), &known).expect_err(to);
        assert!(fault.contains(wanted), "{to}: {fault}");
    }
}
