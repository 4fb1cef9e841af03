//! Every question of the boards, put to a real InfluxDB 2 where one is at hand.

use std::collections::BTreeSet;

use serde_json::Value;
use stadspuls::model::SiteKind;

use super::board::text;
use super::boards;
use super::known::{BESIDES, Known};
use super::query::{check_flux, filled_in};
use crate::support::{InfluxDb, ago, now};

/// Days of points, each with the one before it: some tables want two weeks of a series.
const DAYS: i64 = 16;

/// The Flux queries anywhere in a board, with the names of those they belong to.
fn queries(value: &Value, of: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Array(list) => list.iter().for_each(|item| queries(item, of, found)),
        Value::Object(map) => {
            let named = ["title", "name"].iter().find_map(|key| map.get(*key)?.as_str());
            let of = named.map_or_else(|| of.to_owned(), |name| format!("{of}, {name}"));
            let query = text(value, "/query");
            if query.contains("v.defaultBucket") {
                found.push((of.clone(), query.to_owned()));
            }
            map.values().for_each(|inner| queries(inner, &of, found));
        }
        _ => {}
    }
}

/// A query as Grafana sends it, of all sites and a week.
fn interpolated(query: &str, variables: &[String], bucket: &str) -> String {
    let query = query.replace("${site:regex}", ".*").replace("${device:regex}", ".*");
    let time = |minutes| format!("{:?}", ago(minutes));
    filled_in(&query, variables)
        .unwrap()
        .replace("v.timeRangeStart", &time(7 * 24 * 60))
        .replace("v.timeRangeStop", &time(0))
        .replace("v.windowPeriod", "10m0s")
        .replace("v.defaultBucket", &format!("{bucket:?}"))
}

/// Points of all that is asked for, at a site that no other run has, so that rows go through each step.
fn points(measurements: &BTreeSet<String>, known: &Known) -> String {
    let site = format!("prov-{}", now().timestamp_micros());
    let mut lines = String::new();
    for name in measurements {
        let (tags, fields) = known.measurement(name).unwrap();
        let is_of_site = BESIDES.iter().all(|(other, _, _)| other != name);
        let kinds = if is_of_site { SiteKind::ALL.map(SiteKind::name).to_vec() } else { vec![""] };
        for (kind, day) in kinds.iter().flat_map(|kind| (0..DAYS).map(move |day| (kind, day))) {
            let tags = tags.iter().map(|tag| match *tag {
                "kind" => format!(",kind={kind}"),
                "severity" => ",severity=critical".to_owned(),
                tag => format!(",{tag}={site}"),
            });
            let tags: String = tags.collect();
            let fields = fields.iter().map(|field| match *field {
                "quality" => "quality=0".to_owned(),
                "state" => "state=2".to_owned(),
                field => format!("{field}={}", 90 - day),
            });
            let fields: Vec<String> = fields.collect();
            let at = ago(day * 24 * 60 + 30).timestamp();
            lines += &format!("{name}{tags} {} {at}\n", fields.join(","));
            // What is about no site has no such tag, and its rows meet those that have.
            if name == "alert" {
                lines += &format!("alert,rule=a,severity=info,subject=b state=3 {at}\n");
            }
        }
    }
    lines
}

#[test]
fn a_real_influxdb_understands_every_question() {
    let Some(server) = InfluxDb::at_hand() else { return };
    let (mut asked, mut measurements) = (Vec::new(), BTreeSet::new());
    let mut variables = Vec::new();
    for board in boards().values() {
        queries(board, "", &mut asked);
        let list = board["templating"]["list"].as_array().unwrap();
        variables.extend(list.iter().map(|one| text(one, "/name").to_owned()));
    }
    let known = Known::read();
    for (_, query) in &asked {
        let named = filled_in(query, &variables).and_then(|query| check_flux(&query, &known));
        measurements.extend(named.into_iter().flat_map(|named| named.measurements));
    }
    server.write(&points(&measurements, &known));

    let (mut faults, mut answers) = (Vec::new(), 0);
    for (of, query) in &asked {
        match server.query(&interpolated(query, &variables, &server.bucket)) {
            Ok(text) => answers += usize::from(text.contains(",_result,")),
            Err(fault) => faults.push(format!("{of}: {fault}")),
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(asked.len() > 80 && answers > asked.len() * 3 / 4, "{answers} of {}", asked.len());
}
