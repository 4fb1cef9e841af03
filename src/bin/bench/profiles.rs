//! What each sensor model costs: its longest example through decode, normalise, judge and derive, beside a
//! codec that does nothing.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Utc};
use serde::Serialize;
use stadspuls::app::data_folder;
use stadspuls::catalog::{Catalog, DeviceProfile, Example, Wanted};
use stadspuls::document::Faults;
use stadspuls::envelope::Content;
use stadspuls::model::{
    Deployment, DevEui, Device, Format, Installation, ProfileId, Site, SiteId, SiteKind, Uplink,
};
use stadspuls::pipeline::{Pipeline, PipelineLimits};
use stadspuls::registry::Registry;
use stadspuls::store::{Fleet, StoredMessage};
use stadspuls::telemetry::Metrics;

use crate::Options;
use crate::home::Home;
use crate::usage::{micros_each, own_thread};

/// Uplinks of each model in a round.
const UPLINKS: u64 = 2000;

const EMPTY: &str = "bench/empty";

const EMPTY_PROFILE: &str = r#"name     = "empty"
interval = "10m"

[[measurement]]
from     = "battery_voltage"
quantity = "battery_voltage"

[[example]]
name    = "never run"
f_port  = 1
payload = "00"
expect  = { battery_voltage = 3.6 }
"#;

const EMPTY_CODEC: &str = "function decodeUplink(input) {\n  return { data: {} };\n}\n";

/// A model, or the codec that does nothing, and what one of its uplinks costs.
#[derive(Serialize)]
pub struct Model {
    pub profile: String,
    pub payload_bytes: usize,
    pub uplink_us: f64,
    /// Beside the codec that does nothing.
    pub ratio: f64,
}

/// The codec that does nothing, then all models by name.
pub fn profiles(home: &Home, options: &Options) -> Result<Vec<Model>> {
    let catalog = Arc::new(catalog(home)?);
    let empty = ProfileId::from(EMPTY);
    let nothing = catalog.profile(&empty).context("the empty profile is not there")?;
    let others = catalog.profiles().filter(|profile| profile.id != empty);
    let mut models: Vec<Model> = Vec::new();
    for profile in std::iter::once(nothing).chain(others) {
        let Some(example) = longest(profile) else { continue };
        let mut least = f64::INFINITY;
        for _ in 0..options.rounds {
            least = least.min(measure(&catalog, profile, example));
        }
        let floor = models.first().map_or(least, |floor| floor.uplink_us);
        models.push(Model {
            profile: profile.id.to_string(),
            payload_bytes: example.payload.len(),
            uplink_us: least,
            ratio: least / floor,
        });
    }
    Ok(models)
}

fn catalog(home: &Home) -> Result<Catalog> {
    let ours = home.dir.join("decoders");
    let vendor = ours.join("bench");
    fs::create_dir_all(&vendor)?;
    fs::write(vendor.join("empty.toml"), EMPTY_PROFILE)?;
    fs::write(vendor.join("empty.js"), EMPTY_CODEC)?;
    let faults = Faults::default();
    let catalog = Catalog::load(&[data_folder("decoders"), ours], &faults);
    match faults.into_vec().first() {
        None => Ok(catalog),
        Some(fault) => bail!("{fault}"),
    }
}

/// The example with the longest payload that is measured and not refused.
fn longest(profile: &DeviceProfile) -> Option<&Example> {
    let measured = profile
        .examples
        .iter()
        .filter(|example| matches!(&example.wanted, Wanted::Measurements { .. }));
    measured.max_by_key(|example| example.payload.len())
}

fn measure(catalog: &Arc<Catalog>, profile: &DeviceProfile, example: &Example) -> f64 {
    let dev_eui = DevEui(1);
    let registry = Arc::new(Registry::new(fleet(dev_eui, profile, example)));
    let (limits, metrics) = (PipelineLimits::default(), Arc::new(Metrics::default()));
    let mut pipeline = Pipeline::new(registry, Arc::clone(catalog), limits, metrics);
    let at = example.recv_time.unwrap_or(DateTime::UNIX_EPOCH);
    let message = message(at);
    let content = Content::Uplink(Uplink {
        f_port: Some(example.f_port),
        server_time: Some(at),
        ..Uplink::new(dev_eui, example.payload.clone())
    });
    // The first loads the codec.
    std::hint::black_box(pipeline.decode_again(&message, &content));
    let before = own_thread();
    for _ in 0..UPLINKS {
        std::hint::black_box(pipeline.decode_again(&message, &content));
    }
    micros_each(own_thread().saturating_sub(before), UPLINKS)
}

fn message(arrived_at: DateTime<Utc>) -> StoredMessage {
    StoredMessage {
        source: "bench".to_owned(),
        format: Format::PlainJson,
        part: 0,
        arrived_at,
        topic: String::new(),
        body: Vec::new(),
    }
}

/// The device at a site where all that can be derived is.
fn fleet(dev_eui: DevEui, profile: &DeviceProfile, example: &Example) -> Fleet {
    let site = SiteId::from("bench");
    let from = DateTime::<Utc>::UNIX_EPOCH - chrono::TimeDelta::days(1);
    Fleet {
        sites: vec![Site::new(site.clone(), SiteKind::SnowStation, "bench")],
        devices: vec![Device {
            dev_eui,
            profile: profile.id.clone(),
            name: None,
            variables: BTreeMap::clone(&example.variables),
        }],
        deployments: vec![Deployment {
            dev_eui,
            site,
            from,
            until: None,
            installations: vec![Installation {
                height_m: Some(50.0),
                ground_distance_m: Some(3.0),
                empty_distance_m: Some(1.4),
                full_distance_m: Some(0.2),
                ..Installation::unknown(from)
            }],
        }],
    }
}
