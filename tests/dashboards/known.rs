//! What there is to be shown: the catalogue's quantities, the measurements of the sink, the metrics.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use stadspuls::catalog::Catalog;
use stadspuls::document::Faults;
use stadspuls::telemetry::Name;

/// The name, the tags and the fields of a measurement.
pub type Measurement = (&'static str, &'static [&'static str], &'static [&'static str]);

/// The measurements of the sink besides quantities: docs/influxdb.md has them as a table.
pub const BESIDES: [Measurement; 5] = [
    ("observed_by", &["device", "profile", "site"], &["uplink"]),
    ("device_radio", &["device", "source"], &["rssi", "snr", "sf", "gateways", "f_cnt", "lost"]),
    ("device_battery", &["device", "source"], &["percent", "external_power", "margin"]),
    ("alert", &["rule", "severity", "subject", "site"], &["state"]),
    ("service", &["public_url"], &["running"]),
];

/// How the sink writes a quantity.
const OF_QUANTITY: (&[&str], &[&str]) = (&["kind", "site"], &["value", "quality"]);

pub struct Known {
    quantities: BTreeSet<String>,
    /// The labels of each metric, as Prometheus names it; none where they are not documented.
    metrics: BTreeMap<String, Option<Vec<String>>>,
}

impl Known {
    pub fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let faults = Faults::default();
        let catalog = Catalog::load(&[root.join("decoders")], &faults);
        assert!(faults.into_vec().is_empty());
        let quantities = catalog.quantities().map(|one| one.name.to_string()).collect();
        let page = fs::read_to_string(root.join("docs/metrics.md")).unwrap();
        Self { quantities, metrics: metrics(&page) }
    }

    /// The tags and fields of a measurement.
    pub fn measurement(&self, name: &str) -> Option<(&[&str], &[&str])> {
        if self.quantities.contains(name) {
            return Some(OF_QUANTITY);
        }
        let found = BESIDES.iter().find(|(known, _, _)| *known == name);
        found.map(|(_, tags, fields)| (*tags, *fields))
    }

    pub fn metric(&self, name: &str) -> Option<&Option<Vec<String>>> {
        self.metrics.get(name)
    }
}

/// By the rows of the page; a metric that has none yet goes by each name that its type may give it.
fn metrics(page: &str) -> BTreeMap<String, Option<Vec<String>>> {
    let mut found = BTreeMap::new();
    for line in page.lines() {
        let Some(row) = line.strip_prefix("| `") else { continue };
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [name, kind, labels, ..] = cells[..] else { continue };
        let name = name.trim_end_matches('`');
        let labels: Vec<String> =
            labels.split(", ").filter(|label| !label.is_empty()).map(str::to_owned).collect();
        let parts: &[&str] =
            if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
        for part in parts {
            let mut labels = labels.clone();
            labels.extend((*part == "_bucket").then(|| "le".to_owned()));
            found.insert(format!("{name}{part}"), Some(labels));
        }
    }
    assert!(found.len() > 20, "{} metrics documented", found.len());
    for name in Name::ALL {
        let base = format!("stadspuls_{}", name.text());
        if !found.keys().any(|known| known.starts_with(&base)) {
            for suffix in ["", "_total", "_seconds"] {
                found.insert(format!("{base}{suffix}"), None);
            }
        }
    }
    found
}
