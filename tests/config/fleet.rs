use std::fs;
use std::path::Path;

use stadspuls::catalog::Catalog;
use stadspuls::document::Faults;
use stadspuls::registry::read_fleet;
use tempfile::TempDir;

use super::root;
use crate::cli::stadspuls;

const FILES: [(&str, &str); 3] = [
    ("sites.toml", "[[site]]\nid = \"a\"\nkind = \"leak_point\"\nname = \"A\"\n"),
    ("devices.toml", "[[device]]\ndev_eui = \"0000000000000001\"\nprofile = \"elsys/elt-2\"\n"),
    (
        "deployments.toml",
        "[[deployment]]\ndev_eui = \"0000000000000001\"\nsite = \"a\"\nfrom = 2026-02-01T00:00:00Z\nuntil = 2026-03-01T00:00:00Z\n",
    ),
];

/// A file, what is added to it, and what must be said of it.
#[rustfmt::skip]
const CASES: &[(&str, &str, &[&str])] = &[
    ("sites.toml", "sites = 1", &[
        r#"5: site[1].sites is 1, an unknown key, want one of the keys backwater, bathing, direction, id, kind, lot, name, position, public, quality, rating, tags"#,
    ]),
    ("sites.toml", "position = [12.5]", &[
        r#"5: site[1].position is [12.5], want [longitude, latitude] in degrees, WGS 84"#,
    ]),
    ("sites.toml", "position = [57.9, 112.5]", &[
        r#"5: site[1].position is [57.9, 112.5], want [longitude, latitude] in degrees, WGS 84"#,
    ]),
    ("sites.toml", "[[site]]\nid = \"a\"\nkind = \"leak_point\"\nname = \"B\"", &[
        r#"6: site[2].id is "a", want an id that no other site has"#,
    ]),
    ("sites.toml", "[[site]]\nid = \"Nolhaga å\"\nkind = \"leak_point\"\nname = \"B\"", &[
        r#"6: site[2].id is "Nolhaga å", want an id of lower-case letters, digits and single hyphens, such as nolhaga-a"#,
    ]),
    ("sites.toml", "[[site]]\nid = \"b--c\"\nkind = \"leak_point\"\nname = \"B\"", &[
        r#"6: site[2].id is "b--c", want an id of lower-case letters, digits and single hyphens, such as b-c"#,
    ]),
    ("sites.toml", "[[site]]\nid = \"b\"\nkind = \"leak\"\nname = \"B\"", &[
        r#"7: site[2].kind is "leak", want one of bathing_place, gauging_station, leak_point, parking_space, snow_station, soil_bed, litter_bin, visitor_counter, parking_lot; did you mean leak_point?"#,
    ]),
    ("sites.toml", "[[site]]\nid = \"b\"\nkind = \"bathing_place\"\nname = \"B\"", &[
        r#"5: site[2].bathing is missing, want a table [site.bathing] for a bathing place"#,
    ]),
    ("sites.toml", "[[site]]\nkind = \"leak_point\"", &[
        r#"5: site[2].id is missing, want an id of lower-case letters, digits and single hyphens"#,
        r#"5: site[2].name is missing, want a text"#,
    ]),
    ("sites.toml", "[site.public]\npurpose = \"p\"\napproved_by = \"c\"\napproved_on = 2026-04-20", &[
        r#"1: site[1].position is missing, want a position, since the site is public"#,
    ]),
    ("sites.toml", "position = [12.5, 57.9]\n[site.public]\npurpose = \"p\"\napproved_on = \"i maj\"", &[
        r#"6: site[1].public.approved_by is missing, want a text"#,
        r#"8: site[1].public.approved_on is "i maj", want a date such as 2026-05-01"#,
    ]),
    ("sites.toml", "[site.bathing]\ncurrent_for = \"3h\"\nstale_for = \"2h\"", &[
        r#"7: site[1].bathing.stale_for is "2h", want at least current_for"#,
    ]),
    ("sites.toml", "[site.bathing]\nbathing_season = [\"06-21\", \"13-01\"]", &[
        r#"6: site[1].bathing.bathing_season is ["06-21", "13-01"], want first and last day such as ["05-15", "09-15"]"#,
    ]),
    ("devices.toml", "[[device]]\ndev_eui = \"00-00-00-00-00-00-00-01\"\nprofile = \"elsys/elt-2\"", &[
        r#"5: device[2].dev_eui is "00-00-00-00-00-00-00-01", want a DevEUI that no other device has; devices.toml:1 has it"#,
    ]),
    ("devices.toml", "[[device]]\ndev_eui = \"1\"\nprofile = \"elsys/elt-2\"", &[
        r#"5: device[2].dev_eui is "1", want a DevEUI of 16 hexadecimal digits; this one has 1"#,
    ]),
    ("devices.toml", "[[device]]\ndev_eui = \"0000000000000002\"\nprofile = \"elsys/elt-3\"", &[
        r#"6: device[2].profile is "elsys/elt-3", want a profile that `stadspuls catalog list` shows, <vendor>/<model>; did you mean elsys/elt-2?"#,
    ]),
    ("devices.toml", "[[device]]\ndev_eui = \"0000000000000002\"\nprofile = \"elsys/elt-2\"\nvariables = { a = \"1\" }", &[
        r#"7: device[2].variables is { a = "1" }, want a to be no variables, since elsys/elt-2 has none"#,
    ]),
    ("devices.toml", "[[device]]\ndev_eui = \"0000000000000002\"\nprofile = \"axioma/qalcosonic-w1\"\nvariables = { layout = \"new\" }", &[
        r#"7: device[2].variables is { layout = "new" }, want layout to be one of auto, extended, temperature"#,
    ]),
    ("devices.toml", "serial = \"4711\"", &[
        r#"4: device[1].serial is "4711", an unknown key, want one of the keys dev_eui, name, profile, variables"#,
    ]),
    ("deployments.toml", "[[deployment]]\ndev_eui = \"0000000000000002\"\nsite = \"a\"\nfrom = 2026-04-01T00:00:00Z", &[
        r#"7: deployment[2].dev_eui is "0000000000000002", want a device of devices.toml or of a list *.csv beside it"#,
    ]),
    ("deployments.toml", "[[deployment]]\ndev_eui = \"0000000000000001\"\nsite = \"b\"\nfrom = 2026-04-01T00:00:00Z", &[
        r#"8: deployment[2].site is "b", want a site of sites.toml"#,
    ]),
    ("deployments.toml", "[[deployment]]\ndev_eui = \"0000000000000001\"\nsite = \"a\"\nfrom = 2026-02-28T23:59:59Z", &[
        r#"9: deployment[2].from is 2026-02-28T23:59:59Z, want a time when the device stands nowhere else"#,
    ]),
    ("deployments.toml", "[[deployment]]\ndev_eui = \"0000000000000001\"\nsite = \"a\"\nfrom = 2026-01-01T00:00:00Z", &[
        r#"9: deployment[2].from is 2026-01-01T00:00:00Z, want a time when the device stands nowhere else"#,
    ]),
    ("deployments.toml", "[[deployment]]\ndev_eui = \"0000000000000001\"\nsite = \"a\"\nfrom = 2026-04-01T00:00:00Z\nuntil = 2026-04-01T00:00:00Z", &[
        r#"10: deployment[2].until is 2026-04-01T00:00:00Z, want a time after from"#,
    ]),
    ("deployments.toml", "[[deployment.installation]]\nheight = 52.4\n[[deployment.installation]]\nheight = 52.5", &[
        r#"8: deployment[1].installation[2].from is missing, want the time from which it holds"#,
    ]),
    ("deployments.toml", "[[deployment.installation]]\nfrom = 2020-01-01T00:00:00Z\ntilt = 90\nground_distance = 0", &[
        r#"7: deployment[1].installation[1].from is 2020-01-01T00:00:00Z, want a time while the device stands there"#,
        r#"9: deployment[1].installation[1].ground_distance is 0, want a distance in m above 0"#,
        r#"8: deployment[1].installation[1].tilt is 90, want degrees from 0 to less than 90"#,
    ]),
    ("deployments.toml", "[[deployment.installation]]\nempty_distance = 1.4\nfull_distance = 1.4", &[
        r#"8: deployment[1].installation[1].full_distance is 1.4, want a distance in m less than empty_distance"#,
    ]),
    ("deployments.toml", "[[deployment.installation]]\n[deployment.installation.correction.warmth]\ngain = 0", &[
        r#"7: deployment[1].installation[1].correction.warmth is "warmth", want a quantity of quantities.toml"#,
        r#"8: deployment[1].installation[1].correction.warmth.gain is 0, want a number other than 0"#,
    ]),
    ("sites.toml", "[[site.rating]]\nfrom = 2026-01-01T00:00:00Z", &[
        r#"5: site[1].rating[1].segment is missing, want at least one [[site.rating.segment]]"#,
    ]),
    ("sites.toml", "[[site.rating]]\nfrom = 2026-01-01T00:00:00Z\n[[site.rating.segment]]\nfrom = 10.0\nto = 11.0\nfactor = 2.0\nzero = 9.0\nexponent = 2.0\n[[site.rating.segment]]\nfrom = 11.0\nto = 12.0\nfactor = 8.3\nzero = 10.0\nexponent = 4.1", &[
        r#"18: site[1].rating[1].segment[2].exponent is 4.1, want an exponent from 1 to 4"#,
        r#"14: site[1].rating[1].segment[2].from is 11.0, want a level where both segments agree within 2 %; they give 8.000 and 8.300 m3/s"#,
    ]),
    ("sites.toml", "[[site.rating]]\nfrom = 2026-01-01T00:00:00Z\n[[site.rating.segment]]\nfrom = 10.0\nto = 11.0\nfactor = 2.0\nzero = 9.0\nexponent = 2.0\n[[site.rating]]\nfrom = 2027-01-01T00:00:00Z\n[[site.rating.segment]]\nfrom = 10.0\nto = 9.0\nfactor = 0\nzero = 10.5\nexponent = 2.0", &[
        r#"17: site[1].rating[2].segment[1].to is 9.0, want a level above from"#,
        r#"18: site[1].rating[2].segment[1].factor is 0, want a number above 0"#,
        r#"19: site[1].rating[2].segment[1].zero is 10.5, want a level of zero flow not above from"#,
        r#"14: site[1].rating[2].from is 2027-01-01T00:00:00Z, want a time when no other rating holds"#,
    ]),
    ("sites.toml", "[[site.backwater]]\nfrom = 2026-01-01T00:00:00Z\nuntil = 2025-01-01T00:00:00Z\ncause = \"beavers\"", &[
        r#"8: site[1].backwater[1].cause is "beavers", want one of ice, vegetation, downstream"#,
        r#"7: site[1].backwater[1].until is 2025-01-01T00:00:00Z, want a time after from"#,
    ]),
    ("sites.toml", "[site.direction]\nin = \"north\"\n[site.lot]\ncapacity = 3", &[
        r#"6: site[1].direction.in is "north", want one of ltr, rtl, a, b"#,
        r#"5: site[1].direction is [site.direction], want no direction but for a visitor counter or a car park"#,
        r#"7: site[1].lot is [site.lot], want no lot but for a car park"#,
    ]),
    ("sites.toml", "[[site]]\nid = \"b\"\nkind = \"parking_lot\"\nname = \"B\"", &[
        r#"5: site[2].direction is missing, want a table [site.direction] for a car park"#,
        r#"5: site[2].lot is missing, want a table [site.lot] for a car park"#,
    ]),
    ("sites.toml", "[[site]]\nid = \"b\"\nkind = \"parking_lot\"\nname = \"B\"\n[site.direction]\nin = \"a\"\n[site.lot]\ncapacity = 0\noffset = 4\nreset_at = \"4\"", &[
        r#"10: site[2].direction.in is "a", want ltr or rtl, the directions in which vehicles are counted"#,
        r#"14: site[2].lot.reset_at is "4", want a time of day such as "04:00""#,
        r#"12: site[2].lot.capacity is 0, want room for at least 1 car"#,
        r#"13: site[2].lot.offset is 4, want no more cars than capacity"#,
    ]),
    ("sites.toml", "[site.quality.warmth]\nmin = 1", &[
        r#"5: site[1].quality.warmth is "warmth", want a quantity of quantities.toml"#,
    ]),
    ("sites.toml", "[site.quality.water_temperature]\nmin = -6\nmax = 40\nstuck_for = \"15d\"\njump = { step = 3.5, within = \"15m\" }", &[
        r#"6: site[1].quality.water_temperature.min is -6, want a limit within the range of water_temperature"#,
        r#"9: site[1].quality.water_temperature.jump is { step = 3.5, within = "15m" }, want a jump as tight as that of water_temperature, 3 within 15m"#,
        r#"8: site[1].quality.water_temperature.stuck_for is "15d", want at most 14days, as of water_temperature"#,
    ]),
    ("sites.toml", "[site.quality.water_temperature]\nmin = 50", &[
        r#"6: site[1].quality.water_temperature.min is 50, want a limit within the range of water_temperature"#,
        r#"5: site[1].quality.water_temperature.max is missing, want more than min"#,
    ]),
    ("sites.toml", "[site.quality.water_temperature]\njump = { step = 2.5, within = \"10m\" }", &[
        r#"6: site[1].quality.water_temperature.jump is { step = 2.5, within = "10m" }, want a jump as tight as that of water_temperature, 3 within 15m"#,
    ]),
    ("sites.toml", "[site.quality.soil_moisture]\nstep = 3\njump = { step = 0, within = \"8d\" }\nstuck_for = \"31d\"\n[site.quality.distance]\njump = { step = 3 }\nstuck_for = \"1500ms\"", &[
        r#"10: site[1].quality.distance.jump.within is missing, want a duration such as "30s", "10m", "3h" or "7d""#,
        r#"11: site[1].quality.distance.stuck_for is "1500ms", want whole seconds, from 1s to 30d"#,
        r#"7: site[1].quality.soil_moisture.jump.within is "8d", want whole seconds, from 1s to 7d"#,
        r#"7: site[1].quality.soil_moisture.jump.step is 0, want a number above 0"#,
        r#"8: site[1].quality.soil_moisture.stuck_for is "31d", want whole seconds, from 1s to 30d"#,
        r#"6: site[1].quality.soil_moisture.step is 3, an unknown key, want one of the keys jump, max, min, stuck_for"#,
    ]),
    ("deployments.toml", "[[deployment]]\ndev_eui = \"0000000000000001\"\nsite = \"a\"\nfrom = 2026-04-01", &[
        r#"9: deployment[2].from is 2026-04-01, want a time with zone such as 2026-05-01T00:00:00Z"#,
    ]),
];

pub fn write_fleet(folder: &Path) {
    for (name, text) in FILES {
        fs::write(folder.join(name), text).unwrap();
    }
}

fn faults_of(name: &str, added: &str) -> Vec<String> {
    let faults = Faults::default();
    let catalog = Catalog::load(&[root().join("decoders")], &faults);
    assert!(faults.is_empty() && catalog.profiles().count() > 0);
    let dir = TempDir::new().unwrap();
    write_fleet(dir.path());
    let path = dir.path().join(name);
    let text = fs::read_to_string(&path).unwrap() + added;
    fs::write(&path, text).unwrap();
    let fleet = read_fleet(dir.path(), &catalog, &faults);
    assert!(!fleet.sites.is_empty());
    let folder = format!("{}/", dir.path().display());
    faults.into_vec().iter().map(|fault| fault.to_string().replace(&folder, "")).collect()
}

#[test]
fn what_is_wrong_in_the_fleet_is_named_with_line_key_value_and_what_is_wanted() {
    for (name, added, wanted) in CASES {
        let wanted: Vec<String> = wanted.iter().map(|line| format!("{name}:{line}")).collect();
        assert!(!wanted.is_empty(), "{name} with {added}");
        assert_eq!(faults_of(name, added), wanted, "{name} with {added}");
    }
}

#[test]
fn a_sound_fleet_has_no_fault() {
    assert_eq!(faults_of("sites.toml", ""), Vec::<String>::new());
    // Where one deployment ends the next may begin.
    let next =
        "[[deployment]]\ndev_eui = \"0000000000000001\"\nsite = \"a\"\nfrom = 2026-03-01T00:00:00Z";
    assert_eq!(faults_of("deployments.toml", next), Vec::<String>::new());
    // A site may say more of a quantity than the vocabulary, also where that says nothing.
    let tighter = "[site.quality.water_temperature]\nmin = -0.5\nmax = 35\nstuck_for = \"7d\"\n\
                   jump = { step = 3.0, within = \"20m\" }\n\
                   [site.quality.soil_moisture]\njump = { step = 40.0, within = \"1h\" }";
    assert_eq!(faults_of("sites.toml", tighter), Vec::<String>::new());
}

#[test]
fn check_reports_every_fault_of_every_file_at_once() {
    let dir = TempDir::new().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    write(
        "stadspuls.toml",
        "fleet.dir = \".\"\ncatalog.paths = [\"own\"]\n[listener.a]\nprot = 1\n",
    );
    write("sites.toml", "[[site]]\nid = \"A\"\nkind = \"leak_point\"\nname = \"A\"\n");
    write("devices.toml", "[[device]]\ndev_eui = \"1\"\nprofile = \"acme/aq-2\"\n");
    write("deployments.toml", "[[deployment]]\ndev_eui = \"1\"\nsite = \"A\"\n");
    fs::create_dir_all(dir.path().join("own/acme")).unwrap();
    write("own/acme/aq-1.toml", "name = \"AQ-1\"\n");
    let config = dir.path().join("stadspuls.toml");
    let checked = stadspuls(&["check", "--config", config.to_str().unwrap()]);
    assert_eq!(checked.code, Some(1));
    assert_eq!(checked.out, "");
    let folder = format!("{}/", dir.path().display());
    let found = checked.err.replace(&folder, "");
    let places: Vec<&str> = found.lines().map(|line| line.split(" is ").next().unwrap()).collect();
    assert_eq!(
        places,
        [
            "stadspuls.toml:4: listener.a.prot",
            "own/acme/aq-1.toml:1: interval",
            "own/acme/aq-1.toml:1: codec",
            "own/acme/aq-1.toml:1: measurement",
            "./sites.toml:2: site[1].id",
            "./devices.toml:2: device[1].dev_eui",
            "./devices.toml:3: device[1].profile",
            "./deployments.toml:2: deployment[1].dev_eui",
            "./deployments.toml:3: deployment[1].site",
            "./deployments.toml:1: deployment[1].from",
            "10 faults",
        ]
    );
}

#[test]
fn check_of_the_default_file_with_a_fleet_has_no_fault() {
    let dir = TempDir::new().unwrap();
    let config = dir.path().join("stadspuls.toml");
    fs::write(&config, super::default_text_with_examples()).unwrap();
    fs::create_dir(dir.path().join("fleet")).unwrap();
    write_fleet(&dir.path().join("fleet"));
    let checked = stadspuls(&["check", "--config", config.to_str().unwrap()]);
    assert_eq!(checked.code, Some(0), "{}", checked.err);
    // None of its secrets is on this machine.
    let is_warning = |line: &str| line.starts_with("warning: secret of ");
    assert!(
        checked.err.lines().count() > 5 && checked.err.lines().all(is_warning),
        "{}",
        checked.err
    );
    assert!(
        checked.out.ends_with("1 site, 1 device, 1 deployment, 0 alert rules: no faults\n"),
        "{}",
        checked.out
    );
}
