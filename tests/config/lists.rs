//! Devices in a list as a spreadsheet writes it.

use std::fs;

use stadspuls::catalog::Catalog;
use stadspuls::document::Faults;
use stadspuls::model::{Deployment, DevEui, SiteKind};
use stadspuls::registry::read_fleet;
use stadspuls::store::Fleet;
use tempfile::TempDir;

use super::fleet::write_fleet;
use super::root;

/// A fleet of three files with a list beside them, and what is said of it.
fn read(list: &str) -> (Fleet, Vec<String>) {
    let faults = Faults::default();
    let catalog = Catalog::load(&[root().join("decoders")], &faults);
    let dir = TempDir::new().unwrap();
    write_fleet(dir.path());
    fs::write(dir.path().join("box.csv"), list).unwrap();
    let fleet = read_fleet(dir.path(), &catalog, &faults);
    let folder = format!("{}/", dir.path().display());
    let said = faults.into_vec().iter().map(|one| one.to_string().replace(&folder, "")).collect();
    (fleet, said)
}

const HEADER: &str = "DevEUI;profile;name;site;kind;site_name;longitude;latitude;from;until;height;tilt;ground_distance;empty_distance;full_distance;variable.pressure_min;variable.pressure_max;#note";

#[test]
fn a_row_is_a_device_the_site_that_it_makes_and_since_when_it_stands_there() {
    let list = format!(
        "\u{feff}{HEADER}\r\n\
         00-00-00-00-00-00-00-0A;decentlab/dl-pr26;nivå 1;bron;gauging_station;Bron över ån;12,50216;57,93055;2026-05-01 13:30;;52,385;;;;;0;1,5;AppKey är utskriven\r\n\
         000000000000000b;elsys/elt-2;;bron;;;;;2026-05-01;2026-06-01;;;;;;;;\r\n\
         000000000000000C;elsys/elt-2;;;;;;;;;;;;;;;;i lagret\r\n\
         000000000000000d;elsys/elt-2;;a;;;;;2026-05-01;;;;;;;;;\r\n;;;;;;;;;;;;;;;;;\r\n"
    );
    let (fleet, said) = read(&list);
    assert_eq!(said, Vec::<String>::new());
    assert_eq!((fleet.sites.len(), fleet.devices.len(), fleet.deployments.len()), (2, 5, 4));
    let site = fleet.sites.iter().find(|site| site.id == "bron".into()).unwrap();
    assert_eq!((&*site.name, site.kind), ("Bron över ån", SiteKind::GaugingStation));
    assert_eq!(site.position.unwrap().longitude_deg, 12.50216);
    let device = fleet.devices.iter().find(|device| device.dev_eui == DevEui(10)).unwrap();
    assert_eq!(device.name.as_deref(), Some("nivå 1"));
    assert_eq!(device.variables["pressure_max"], "1.5");
    let of = |dev_eui| {
        fleet.deployments.iter().find(move |one: &&Deployment| one.dev_eui == DevEui(dev_eui))
    };
    let first = of(10).unwrap();
    assert_eq!(
        first.from,
        "2026-05-01T11:30:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap()
    );
    assert_eq!(first.installations[0].height_m, Some(52.385));
    assert_eq!(of(11).unwrap().until, Some("2026-05-31T22:00:00Z".parse().unwrap()));
    assert!(of(12).is_none() && of(13).unwrap().installations.is_empty());
}

#[test]
fn the_list_of_the_page_on_the_fleet_works_as_it_stands() {
    let page = fs::read_to_string(root().join("docs/fleet.md")).unwrap();
    let (_, list) = page.split_once("```csv\n").unwrap();
    let (list, rest) = list.split_once("```").unwrap();
    let (fleet, said) = read(list);
    assert_eq!(said, Vec::<String>::new());
    assert_eq!((fleet.devices.len(), fleet.deployments.len()), (2, 2));
    let named = HEADER.split(';').filter(|name| !name.contains(['.', '#']));
    for name in named.map(|name| name.replace("DevEUI", "dev_eui")) {
        assert!(rest.contains(&format!("`{name}`")), "{name}");
    }
}

/// A row of the first columns, and what is said of it.
#[rustfmt::skip]
const CASES: &[(&str, &[&str])] = &[
    ("7,07605E+13;elsys/elt-2", &[
        r#"dev_eui is "7,07605E+13", want a DevEUI of 16 hexadecimal digits; a spreadsheet has made a number of this one and its digits are lost: format the column as Text, then paste the DevEUIs again"#,
    ]),
    ("18640000001234;elsys/elt-2", &[
        r#"dev_eui is "18640000001234", want a DevEUI of 16 hexadecimal digits; this one has 14: a spreadsheet takes zeros from the front of numbers, so format the column as Text, then paste the DevEUIs again"#,
    ]),
    ("O0000000000000O2;elsys/elt-2", &[
        r#"dev_eui is "O0000000000000O2", want a DevEUI of 16 hexadecimal digits; 'O' is no such digit"#,
    ]),
    (";elsys/elt-2", &[
        r#"dev_eui is missing, want a DevEUI of 16 hexadecimal digits"#,
    ]),
    ("00:00:00:00:00:00:00:01;elsys/elt-2", &[
        r#"dev_eui is "00:00:00:00:00:00:00:01", want a DevEUI that no other device has; devices.toml:1 has it"#,
    ]),
    ("000000000000000a;elsys/elt2;;a;;;;;2026-05-01", &[
        r#"profile is "elsys/elt2", want a profile that `stadspuls catalog list` shows, <vendor>/<model>; did you mean elsys/elt-2?"#,
    ]),
    ("000000000000000a;ELT 2;;a;;;;;2026-05-01", &[
        r#"profile is "ELT 2", want a profile that `stadspuls catalog list` shows, <vendor>/<model>; did you mean elsys/elt-2?"#,
    ]),
    ("000000000000000B;elsys/elt-2;;a;;;;;2026-05-01", &[
        r#"dev_eui is "000000000000000B", want a DevEUI that no other device has; box.csv:2 has it"#,
    ]),
    ("000000000000000a;elsys/elt-2;;Bron över ån;leak_point;;;;2026-05-01", &[
        r#"site is "Bron över ån", want an id of lower-case letters, digits and single hyphens, such as bron-over-an"#,
    ]),
    ("000000000000000a;elsys/elt-2;;bron;leek_point;;;;2026-05-01", &[
        r#"kind is "leek_point", want one of bathing_place, gauging_station, leak_point, parking_space, snow_station, soil_bed, litter_bin, visitor_counter, parking_lot; did you mean leak_point?"#,
    ]),
    ("000000000000000a;elsys/elt-2;;bron;;;;;2026-05-01", &[
        r#"site is "bron", want a site of sites.toml, or a kind in this row, which makes it one"#,
    ]),
    ("000000000000000a;elsys/elt-2;;badet;bathing_place;;;;2026-05-01", &[
        r#"kind is "bathing_place", want none, and the site in sites.toml: a bathing_place has more to say"#,
    ]),
    ("000000000000000a;elsys/elt-2;;a;soil_bed;;;;2026-05-01", &[
        r#"kind is "soil_bed", want leak_point, as a is known already"#,
    ]),
    ("000000000000000a;elsys/elt-2;;;leak_point;;;;", &[
        r#"site is missing, want the id of a site, since this row has a kind"#,
    ]),
    ("000000000000000a;elsys/elt-2;;a;;;;;", &[
        r#"from is missing, want since when it stands there, such as 2026-05-01 or 2026-05-01 13:30"#,
    ]),
    ("000000000000000a;elsys/elt-2;;a;;;;;1/5 2026", &[
        r#"from is "1/5 2026", want a time in Sweden such as 2026-05-01 or 2026-05-01 13:30"#,
    ]),
    ("000000000000000a;elsys/elt-2;;bron;leak_point;;12,5;;2026-05-01", &[
        r#"latitude is missing, want degrees, since longitude is there"#,
    ]),
    ("000000000000000a;elsys/elt-2;;bron;leak_point;;12° 30';190,5;2026-05-01", &[
        r#"longitude is "12° 30'", want a number such as 63,5"#,
        r#"latitude is "190,5", want degrees from -90 to 90, WGS 84"#,
    ]),
    ("000000000000000a;elsys/elt-2;;a;;;;;2026-05-01;2026-04-01;;90", &[
        r#"tilt is "90", want degrees from 0 to less than 90"#,
        r#"until is "2026-04-01", want a time after from"#,
    ]),
    ("000000000000000a;elsys/elt-2;;;;;;;;;;;;;;1", &[
        r#"variable.pressure_min is "1", want no variables, since elsys/elt-2 has none"#,
    ]),
];

#[test]
fn what_is_wrong_in_a_list_is_named_with_line_column_value_and_what_is_wanted() {
    for (row, wanted) in CASES {
        let sound = "000000000000000b;elsys/elt-2;;b;leak_point;;;;2026-05-01";
        let (fleet, said) = read(&format!("{HEADER}\r\n{sound}\r\n{row}\r\n"));
        let wanted: Vec<String> = wanted.iter().map(|line| format!("box.csv:3: {line}")).collect();
        assert_eq!(said, wanted, "{row}");
        assert!(fleet.devices.iter().any(|device| device.dev_eui == DevEui(11)));
    }
}
