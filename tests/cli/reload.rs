use std::fs;

use super::stadspuls;
use crate::support::{Home, Process, STRANGER, Up, WATER, ago, eventually, publish};

fn config(home: &Home) -> String {
    home.config().to_str().unwrap().to_owned()
}

/// A profile of ours for the probe: the built-in one with a line more, and its own examples.
fn shift(home: &Home, line: &str) {
    let ours = home.path("decoders/elsys");
    fs::create_dir_all(&ours).unwrap();
    let built_in = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("decoders/elsys");
    for name in ["elsys.js", "vendor.toml"] {
        fs::copy(built_in.join(name), ours.join(name)).unwrap();
    }
    let profile = fs::read_to_string(built_in.join("elt-2.toml")).unwrap();
    let quantity = "quantity = \"water_temperature\"\n";
    assert!(profile.contains(quantity));
    let profile = profile.replacen(quantity, &format!("{quantity}{line}\n"), 1);
    fs::write(ours.join("elt-2.toml"), profile).unwrap();
}

#[test]
fn a_changed_folder_is_taken_in_without_a_restart_and_a_bad_one_is_named() {
    let home = Home::new();
    fs::create_dir_all(home.path("decoders")).unwrap();
    home.configure(
        "[listener.inside]\nbind = \"127.0.0.1:0\"\n[catalog]\npaths = [\"decoders\"]\n",
    );
    let none = stadspuls(&["reload", "--config", &config(&home)]);
    assert_eq!(none.code, Some(1));
    assert!(none.err.contains("no service runs"), "{}", none.err);

    let service = Process::start(&home);
    let inside = service.listener("inside");
    publish(inside, &[Up::of(STRANGER, 1, &[0x0c, 0, 150]).at(ago(30)).message()]);
    service.api.received(1);

    // A sensor is registered: what it has said before comes back, and its site is there for staff.
    home.add_device(STRANGER, "elsys/elt-2");
    home.add_deployment(STRANGER, "bron", "2020-01-01T00:00:00Z", None);
    let taken = stadspuls(&["reload", "--config", &config(&home)]);
    assert_eq!((taken.code, &*taken.err), (Some(0), ""));
    assert!(taken.out.contains("2 sites, 3 devices"), "{}", taken.out);
    eventually("the archive is decoded again", || {
        (service.api.values("bron", "water_temperature") == [15.0]).then_some(())
    });
    let device = service.api.staff(&format!("devices/{STRANGER}"));
    assert_eq!(device["deployments"][0]["site"], "bron");

    // Its examples do not come out any more, so this profile is refused, and the old one goes on.
    shift(&home, "offset = -0.5");
    let refused = stadspuls(&["reload", "--config", &config(&home)]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.err.contains("elt-2.toml") && refused.err.contains("goes on"),
        "{}",
        refused.err
    );
    publish(inside, &[Up::water(WATER, 2, 193).message()]);
    service.api.received(2);
    assert_eq!(service.api.values("badplatsen", "water_temperature"), [19.3]);

    fs::remove_dir_all(home.path("decoders/elsys")).unwrap();
    home.write("fleet/deployments.toml", "[[deployment]]\ndev_eui = 1\n");
    let refused = stadspuls(&["reload", "--config", &config(&home)]);
    assert!(refused.err.contains("deployment[1].dev_eui is 1"), "{}", refused.err);
    service.stop();
}
