//! The files in `config/demo` and the fleet say the same.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::fleet::Fleet;
use super::sensor::{Instrument, Sensor};
use crate::model::{DevEui, SiteId, SiteKind};

fn tables(file: &str, kind: &str) -> Vec<Table> {
    let path = format!("{}/config/demo/{file}.toml", env!("CARGO_MANIFEST_DIR"));
    let mut file: Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let Some(Value::Array(tables)) = file.remove(kind) else { panic!("no [[{kind}]]") };
    assert!(file.is_empty(), "only [[{kind}]] belongs here: {file:?}");
    let table = |value| if let Value::Table(table) = value { table } else { panic!("{value}") };
    tables.into_iter().map(table).collect()
}

fn text<'a>(table: &'a Table, key: &str) -> &'a str {
    table[key].as_str().unwrap()
}

fn fleet() -> Vec<Sensor> {
    let started = "2026-11-23T10:00:00Z".parse().unwrap();
    Fleet::demo(started).sensors().cloned().collect()
}

/// Tables by their id, which must be unique.
fn by<'a>(tables: &'a [Table], key: &str) -> BTreeMap<&'a str, &'a Table> {
    let map: BTreeMap<_, _> = tables.iter().map(|table| (text(table, key), table)).collect();
    assert_eq!(map.len(), tables.len(), "every {key} is there once");
    map
}

#[test]
fn every_sensor_but_the_unknown_one_is_registered_and_deployed() {
    let (devices, sites) = (tables("devices", "device"), tables("sites", "site"));
    let deployments = tables("deployments", "deployment");
    let (devices, sites) = (by(&devices, "dev_eui"), by(&sites, "id"));
    let fleet = fleet();
    assert_eq!(fleet.iter().filter(|sensor| !sensor.is_registered()).count(), 1);
    for sensor in &fleet {
        let dev_eui = sensor.dev_eui.to_string();
        let Some(site) = sensor.site else {
            assert!(!devices.contains_key(dev_eui.as_str()), "{dev_eui} is unknown");
            continue;
        };
        let device = devices[dev_eui.as_str()];
        assert_eq!((text(device, "profile"), text(device, "name")), (sensor.profile, sensor.name));
        let own: Vec<_> =
            deployments.iter().filter(|table| text(table, "dev_eui") == dev_eui).collect();
        assert_eq!(own.len(), 1, "{dev_eui}");
        assert_eq!(text(own[0], "site"), site);
        assert_eq!(own[0]["from"].to_string(), sensor.from.format("%FT%TZ").to_string());
        let kind = match sensor.instrument {
            Instrument::Bath { .. } => SiteKind::BathingPlace,
            Instrument::Gauge { .. } => SiteKind::GaugingStation,
            Instrument::Meter(_) => SiteKind::LeakPoint,
            Instrument::Bay(_) => SiteKind::ParkingSpace,
            Instrument::Snow { .. } => SiteKind::SnowStation,
        };
        assert_eq!(text(sites[site], "kind"), kind.name());
        let layout = device.get("variables").map(|variables| variables["layout"].as_str().unwrap());
        let want = match sensor.instrument {
            Instrument::Meter(meter) if meter.with_temperature => Some("temperature"),
            Instrument::Meter(_) => Some("extended"),
            _ => None,
        };
        assert_eq!(layout, want, "{dev_eui}");
    }
    assert_eq!(devices.len() + 1, fleet.len(), "no device without a sensor");
    assert_eq!(deployments.len(), devices.len());
}

#[test]
fn every_site_has_a_deployment_and_one_was_handed_over() {
    let sites = tables("sites", "site");
    let deployments = tables("deployments", "deployment");
    let deployed: BTreeSet<_> = deployments.iter().map(|table| text(table, "site")).collect();
    assert_eq!(deployed, by(&sites, "id").into_keys().collect());

    let swapped: Vec<_> =
        deployments.iter().filter(|table| text(table, "site") == "playa-mjorn").collect();
    let [first, second] = swapped[..] else { panic!("{} deployments", swapped.len()) };
    assert_eq!(first["until"], second["from"]);
    assert_eq!(deployments.iter().filter(|table| table.contains_key("until")).count(), 1);
    let until: chrono::DateTime<chrono::Utc> = first["until"].to_string().parse().unwrap();
    let old = fleet().into_iter().find(|s| s.dev_eui.to_string() == text(first, "dev_eui"));
    assert_eq!(old.unwrap().until, Some(until));
}

#[test]
fn ids_are_well_formed() {
    for site in tables("sites", "site") {
        assert!(SiteId::is_valid(text(&site, "id")), "{site:?}");
        assert!(SiteKind::from_name(text(&site, "kind")).is_some(), "{site:?}");
    }
    for device in tables("devices", "device") {
        let dev_eui: DevEui = text(&device, "dev_eui").parse().unwrap();
        assert_eq!(dev_eui.to_string(), text(&device, "dev_eui"));
    }
}

#[test]
fn the_official_bathing_places_are_those_of_the_register() {
    let cases = [
        ("Sävelången, Ingareds badplats", "1692", 12.44979, 57.84921, "Q106708626", true),
        ("Mjörn, Bergsjödalsviken", "1698", 12.46583, 57.88630, "Q106708627", false),
        ("Mjörn, Lövekulle camping", "1699", 12.48434, 57.92585, "Q106708628", true),
        ("Playa Mjörn", "1700", 12.50216, 57.93055, "Q106708632", true),
        ("Anten, Gräfsnäs slottspark", "1706", 12.49285, 58.07721, "Q106708633", true),
        ("Stora Färgen, Lygnareds camping", "1707", 12.56027, 57.86691, "Q106708634", true),
        ("Gerdsken, Linnebäck", "1709", 12.54784, 57.92005, "Q106708635", false),
        ("Gerdsken, Kabelbadet", "3911", 12.54159, 57.92231, "Q106711749", false),
    ];
    let sites = tables("sites", "site");
    let published: Vec<_> = sites.iter().filter(|site| site.contains_key("public")).collect();
    assert_eq!(published.len(), cases.len());
    for (site, (name, number, longitude, latitude, wikidata, eu_bath)) in
        published.into_iter().zip(cases)
    {
        assert_eq!(text(site, "name"), name);
        assert_eq!(site["position"], Value::Array(vec![longitude.into(), latitude.into()]));
        let bathing = site["bathing"].as_table().unwrap();
        assert_eq!(text(bathing, "bathing_water_id"), format!("SE0A2148900000{number}"));
        assert_eq!(text(bathing, "wikidata_id"), wikidata);
        assert_eq!(bathing["eu_bath"], eu_bath.into());
        assert!(!bathing.contains_key("measurement_season"), "{name} shows something all year");
    }
}

#[test]
fn nothing_tells_where_a_leak_point_is() {
    for site in tables("sites", "site") {
        if text(&site, "kind") == SiteKind::LeakPoint.name() {
            assert_eq!(site.keys().collect::<Vec<_>>(), ["id", "kind", "name"]);
            assert!(text(&site, "name").starts_with("Mätpunkt VA "));
        }
    }
}
