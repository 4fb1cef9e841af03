//! What alert rules cost an uplink that is as it should be, which nearly all are.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde::Serialize;
use stadspuls::alert::{Rules, default_rules, read_staff_rule};
use stadspuls::catalog::Catalog;
use stadspuls::clock;
use stadspuls::model::Message;
use stadspuls::pipeline::Watch;
use stadspuls::store::{Store, StoreConfig};

use crate::Options;
use crate::drain::least;
use crate::home::Home;
use crate::load::{Load, QUANTITIES, fleet};
use crate::stages::{BATCH, Line, UPLINKS_MAX, catalog, source};
use crate::usage::micros_each;

/// Pipeline and store with some rules, in µs of the processor an uplink.
#[derive(Clone, Debug, Serialize)]
pub struct Watched {
    pub rules: &'static str,
    pub uplink_us: f64,
    /// To that without rules, in the same run.
    pub ratio: f64,
}

/// For each of the quantities more than it ever is.
const LIMITS: [&str; 2] = ["30.0", "5.0"];

/// Each with the condition that holds for both values of an uplink, if any.
const WAYS: [(&str, Option<&str>); 4] = [
    ("nothing", None),
    ("what is built in", Some("")),
    ("and a limit on each value", Some(r#""above": LIMIT, "clear": LIMIT"#)),
    ("and a rise of each value", Some(r#""rises": {"by": LIMIT, "within": "1h"}"#)),
];

pub fn watched(home: &Home, options: &Options) -> Result<Vec<Watched>> {
    let (known, uplinks) = (u64::from(options.devices), options.uplinks.min(UPLINKS_MAX));
    let load = Load::until(clock::now(), known + uplinks, options.devices);
    let catalog = catalog()?;
    let mut rounds: Vec<[Duration; WAYS.len()]> = Vec::new();
    for _ in 0..options.rounds.max(1) {
        let mut lines = Vec::new();
        for (place, (_, condition)) in WAYS.iter().enumerate() {
            let folder = home.folder(&format!("watch-{place}"))?;
            let mut store = Store::open(&StoreConfig::in_dir(&folder))?;
            store.writer.replace_fleet(&fleet(options.devices))?;
            let mut line = Line::new(store, Arc::clone(&catalog))?;
            if let Some(condition) = condition {
                let rules = Arc::new(rules(condition, &catalog)?);
                line.pipeline.watch(Watch::by(rules, Vec::new(), &[source().name.clone()]));
            }
            lines.push(line);
        }
        let mut spent = [Duration::ZERO; WAYS.len()];
        for first in (0..known + uplinks).step_by(usize::try_from(BATCH)?) {
            let numbers = first..(first + BATCH).min(known + uplinks);
            let messages: Vec<Message> =
                numbers.map(|number| load.message(&source(), number)).collect();
            for (line, spent) in lines.iter_mut().zip(&mut spent) {
                let (whole, _) = line.take(&messages)?;
                // Each device is heard once before anything counts.
                *spent += if first < known { Duration::ZERO } else { whole };
            }
        }
        rounds.push(spent);
    }
    let cost = |place: usize| {
        let times = rounds.iter().filter_map(|round| round.get(place).copied());
        micros_each(least(times), uplinks)
    };
    let nothing = cost(0);
    let watched = |(place, (rules, _)): (usize, &(&'static str, _))| {
        let uplink_us = cost(place);
        Watched { rules, uplink_us, ratio: uplink_us / nothing }
    };
    Ok(WAYS.iter().enumerate().map(watched).collect())
}

fn rules(condition: &str, catalog: &Catalog) -> Result<Rules> {
    let mut rules = default_rules();
    if condition.is_empty() {
        return Ok(rules);
    }
    for (quantity, limit) in QUANTITIES.into_iter().zip(LIMITS) {
        let condition = condition.replace("LIMIT", limit);
        let id = quantity.replace('_', "-");
        let body = format!(r#"{{"id": "{id}", "quantity": "{quantity}", {condition}}}"#);
        let rule = read_staff_rule(&body, catalog, &[]);
        ensure!(rule.is_ok(), "a rule has faults: {rule:?}");
        rules.rules.extend(rule);
    }
    Ok(rules)
}
