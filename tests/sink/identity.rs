//! A point is an observation: whatever becomes of the observation, there is one point of it.

use std::fs;

use super::server::Server;
use super::{configure, drained};
use crate::cli::stadspuls;
use crate::support::{Home, TestApp, Up, WATER, ago, eventually, publish};

fn home_with(server: &Server, more: &str) -> Home {
    let home = Home::new();
    configure(&home, &server.url(), more);
    home
}

fn send(app: &TestApp) {
    let ups = [(0, 180), (1, 181), (2, 999)].map(|(number, tenths)| {
        Up::water(WATER, number, tenths).at(ago(60 - i64::from(number))).message()
    });
    publish(app.listener("inside"), &ups);
    app.api.received(3);
    drained(app);
}

#[test]
fn what_another_model_decodes_anew_overwrites_the_point() {
    let server = Server::accepting();
    let home = home_with(&server, "");
    let app = TestApp::start(&home);
    send(&app);
    assert_eq!(server.values("water_temperature", "value"), [18.0, 18.1, 99.9]);
    // 99.9 degrees are none of water.
    assert_eq!(server.values("water_temperature", "quality"), [0.0, 0.0, 2.0]);
    let before = server.points("water_temperature");
    app.stop();

    // The sensor turns out to be another model, which reads half a degree less.
    let ours = home.path("decoders/acme");
    fs::create_dir_all(&ours).unwrap();
    let decoders = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("decoders/elsys");
    fs::copy(decoders.join("elsys.js"), ours.join("elsys.js")).unwrap();
    let profile = fs::read_to_string(decoders.join("elt-2.toml")).unwrap().replacen(
        "quantity = \"water_temperature\"\n",
        "quantity = \"water_temperature\"\noffset = -0.5\n",
        1,
    );
    fs::write(ours.join("elt-3.toml"), profile).unwrap();
    fs::write(ours.join("vendor.toml"), "name = \"Acme\"\n").unwrap();
    let config = home.read("stadspuls.toml") + "\n[catalog]\npaths = [\"decoders\"]\n";
    home.write("stadspuls.toml", &config);
    let devices = home.read("fleet/devices.toml").replacen("elsys/elt-2", "acme/elt-3", 1);
    home.write("fleet/devices.toml", &devices);
    // Another kind, too: what the sink calls the site stays.
    let sites = home.read("fleet/sites.toml");
    let sites = sites.replacen("kind = \"bathing_place\"", "kind = \"gauging_station\"", 1);
    home.write("fleet/sites.toml", sites.split("[site.public]").next().unwrap());
    let deployments = home.read("fleet/deployments.toml");
    home.write("fleet/deployments.toml", deployments.split("\n\n").next().unwrap());

    let app = TestApp::start(&home);
    eventually("the points are overwritten", || {
        (server.values("water_temperature", "value") == [17.5, 17.6, 99.4]).then_some(())
    });
    let identity = |points: &[(String, i64, _)]| {
        points.iter().map(|point| (point.0.clone(), point.1)).collect::<Vec<_>>()
    };
    let after = server.points("water_temperature");
    assert_eq!(identity(&after), identity(&before), "no point beside another");
    assert!(after.iter().all(|point| point.0 == "kind=bathing_place,site=badplatsen"));

    // Who told of it stands beside it, and both have.
    let by = server.points("observed_by");
    let of = |profile: &str| by.iter().filter(|point| point.0.contains(profile)).count();
    assert_eq!((of("elsys/elt-2"), of("acme/elt-3")), (3, 3));
    app.stop();
}

#[test]
fn what_is_withdrawn_says_so_in_its_place() {
    let server = Server::accepting();
    let home = home_with(&server, "");
    let app = TestApp::start(&home);
    send(&app);
    app.stop();
    // The sensor never stood there.
    let deployments = home.read("fleet/deployments.toml");
    let other: Vec<&str> = deployments.split("\n\n").filter(|one| !one.contains(WATER)).collect();
    home.write("fleet/deployments.toml", &other.join("\n\n"));
    let app = TestApp::start(&home);
    eventually("the points are withdrawn", || {
        (server.values("water_temperature", "quality") == [3.0, 3.0, 3.0]).then_some(())
    });
    assert_eq!(server.values("water_temperature", "value"), [18.0, 18.1, 99.9]);
    app.stop();
}

#[test]
fn to_tell_all_of_it_again_changes_nothing() {
    let server = Server::accepting();
    let home = home_with(&server, "");
    let app = TestApp::start(&home);
    send(&app);
    let names = ["water_temperature", "observed_by", "device_radio"];
    let before = names.map(|name| server.points(name));
    assert_eq!(before.each_ref().map(Vec::len), [3, 3, 3]);
    let posts = server.posts().len();
    let config = home.config();
    let done = stadspuls(&["sink", "backfill", "--config", config.to_str().unwrap()]);
    assert_eq!((done.code, done.out.as_str()), (Some(0), "written\n"), "{}", done.err);
    assert!(server.posts().len() > posts);
    assert_eq!(names.map(|name| server.points(name)), before);
}

#[test]
fn no_quantity_has_the_name_of_another_measurement() {
    let text = fs::read_to_string(
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("decoders/quantities.toml"),
    )
    .unwrap();
    let quantities: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix('[')?.strip_suffix(']')).collect();
    assert!(quantities.contains(&"water_temperature") && quantities.len() > 40);
    for name in ["observed_by", "device_radio", "device_battery"] {
        assert!(!quantities.contains(&name), "{name}");
    }
}

#[test]
fn boards_are_told_where_the_service_is() {
    let server = Server::accepting();
    let home = home_with(&server, "");
    let config = home.read("stadspuls.toml");
    for (host, known) in [("a", 1), ("b", 2)] {
        let url = format!("[api]\npublic_url = \"https://{host}.example.se\"");
        home.write("stadspuls.toml", &config.replacen("[api]", &url, 1));
        let app = TestApp::start(&home);
        eventually("it is told", || (server.points("service").len() == known).then_some(()));
        app.stop();
    }
    let mut points = server.points("service");
    points.sort_by_key(|point| point.1);
    let (tags, _, fields) = points.pop().unwrap();
    assert_eq!(tags, "public_url=https://b.example.se", "the newest is the one that holds");
    assert_eq!(fields, [("running".to_owned(), 1.0)].into());
}
