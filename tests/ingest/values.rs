use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::with_listener;
use crate::support::{ELSEWHERE, Home, Mosquitto, TestApp, Up, WATER, ago, now, publish};

fn instant(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

/// The temperature and time that the public list shows for the only bathing place.
fn shown(app: &TestApp) -> Option<(f64, DateTime<Utc>)> {
    let list = app.api.public("/api/v1/badtemperaturer");
    let observation = &list["sites"][0]["observation"];
    Some((observation["temperature"].as_f64()?, instant(&observation["observedAt"])))
}

#[test]
fn an_uplink_is_read_back_at_its_site_by_whichever_way_it_came() {
    let broker = Mosquitto::start();
    let port = broker.port();
    let source = |protocol: &str| {
        format!(
            "[source.main]\nbroker = \"mqtt://127.0.0.1:{port}\"\nprotocol = \"{protocol}\"\n\
             client_id = \"by-{protocol}\"\nfilters = [\"application/+/device/+/event/up\"]\n"
        )
    };
    let listener = "[listener.inside]\nbind = \"127.0.0.1:0\"\n".to_owned();
    for (way, sections) in
        [("MQTT 5", source("5")), ("MQTT 3.1.1", source("3.1.1")), ("listener", listener)]
    {
        let home = Home::new();
        home.configure(&sections);
        let app = TestApp::start(&home);
        let to = if way == "listener" {
            app.listener("inside")
        } else {
            app.api.connected("main");
            broker.addr()
        };
        let up = Up::water(WATER, 7, 193).at(ago(5));
        publish(to, &[up.message()]);
        app.api.received(1);

        let observations = app.api.observations("badplatsen", "water_temperature");
        assert_eq!(observations.len(), 1, "{way}");
        assert_eq!(observations[0]["value"], json!(19.3), "{way}");
        assert_eq!(observations[0]["quality"], "good", "{way}");
        assert_eq!(instant(&observations[0]["time"]), up.time, "{way}");

        let row = app.api.staff(&format!("uplinks/{}", observations[0]["uplink"]));
        assert_eq!(row["outcome"], "stored", "{way}");
        assert_eq!(row["profile"]["id"], "elsys/elt-2", "{way}");
        assert_eq!(row["raw"]["body"], String::from_utf8(up.body()).unwrap(), "{way}");

        assert_eq!(app.latest("badplatsen", "water_temperature"), Some(19.3), "{way}");
        let (value, time) = shown(&app).unwrap_or_else(|| panic!("{way}: the public sees nothing"));
        assert_eq!((value, time.timestamp()), (19.3, up.time.timestamp()), "{way}");
        app.api.ready();
    }
}

#[test]
fn impossible_values_are_kept_as_bad_and_never_latest() {
    let home = with_listener();
    let app = TestApp::start(&home);
    let ups = [
        Up::water(WATER, 1, 182).at(ago(40)),
        // As cold as the probe can say, and hotter than any lake.
        Up::water(WATER, 2, -550).at(ago(30)),
        Up::water(WATER, 3, 1270).at(ago(20)),
        // −200.0 is what the sensor sends for a probe that does not answer: no value at all.
        Up::water(WATER, 4, -2000).at(ago(10)),
    ];
    publish(app.listener("inside"), &ups.map(|up| up.message()));
    app.api.received(4);

    let observations = app.api.observations("badplatsen", "water_temperature");
    let told: Vec<Value> = observations
        .iter()
        .map(|one| json!([one["value"], one["quality"], one["reason"]]))
        .collect();
    assert_eq!(
        told,
        [
            json!([18.2, "good", null]),
            json!([-55.0, "bad", "out_of_range"]),
            json!([127.0, "bad", "out_of_range"]),
        ]
    );
    assert_eq!(app.api.outcomes(), ["stored", "stored", "stored", "nothing_measured"]);
    assert_eq!(app.latest("badplatsen", "water_temperature"), Some(18.2));
    let public = shown(&app).map(|(value, _)| value);
    assert!(public.is_none_or(|value| value == 18.2), "the public is shown {public:?}");
}

#[test]
fn a_late_uplink_is_stored_and_never_moves_the_latest_value_back() {
    let home = with_listener();
    let app = TestApp::start(&home);
    let ups = [
        Up::water(WATER, 10, 200).at(ago(5)),
        Up::water(WATER, 9, 150).at(ago(65)),
        Up::water(WATER, 8, 140).at(ago(3 * 24 * 60)),
    ];
    publish(app.listener("inside"), &ups.map(|up| up.message()));
    app.api.received(3);
    assert_eq!(app.api.values("badplatsen", "water_temperature"), [14.0, 15.0, 20.0]);
    assert_eq!(app.latest("badplatsen", "water_temperature"), Some(20.0));
    assert_eq!(shown(&app).map(|(value, _)| value), Some(20.0));
}

#[test]
fn a_time_that_cannot_be_right_gives_way_to_the_arrival() {
    let home = with_listener();
    let app = TestApp::start(&home);
    let before = now();
    let times = [
        DateTime::UNIX_EPOCH,
        "2472-01-01T00:00:00Z".parse().unwrap(),
        now() + TimeDelta::minutes(10),
        now() - TimeDelta::days(31),
    ];
    for (f_cnt, time) in (0..).zip(times) {
        publish(app.listener("inside"), &[Up::water(WATER, f_cnt, 180).at(time).message()]);
    }
    app.api.received(4);
    let observations = app.api.observations("badplatsen", "water_temperature");
    assert_eq!(observations.len(), 4);
    for observation in observations {
        assert_eq!(observation["quality"], "uncertain");
        assert_eq!(observation["reason"], "clock_skew");
        let time = instant(&observation["time"]);
        assert!(before <= time && time <= now(), "{time} is no time of arrival");
    }
}

#[test]
fn corrections_appear_among_the_changes_in_order() {
    let home = with_listener();
    let app = TestApp::start(&home);
    let time = ago(20);
    let ups = [
        Up::water(WATER, 1, 100).at(time),
        Up::water(ELSEWHERE, 1, 110).at(time),
        // Another uplink with another value for the same moment.
        Up::water(WATER, 2, 120).at(time),
        // The same value again is no change.
        Up::water(WATER, 3, 120).at(time),
        Up::water(WATER, 4, 130).at(ago(10)),
    ];
    publish(app.listener("inside"), &ups.map(|up| up.message()));
    app.api.received(5);

    assert_eq!(app.api.values("badplatsen", "water_temperature"), [12.0, 13.0]);
    let changes: Vec<(String, f64)> = app
        .changes()
        .iter()
        .map(|change| (change.site.to_string(), change.observation.value))
        .collect();
    // A change tells of the observation as it is now.
    let wanted = [("badplatsen", 12.0), ("bron", 11.0), ("badplatsen", 12.0), ("badplatsen", 13.0)];
    assert_eq!(changes, wanted.map(|(site, value)| (site.to_owned(), value)));
    let in_order = app.changes().windows(2).all(|pair| pair[0].seq < pair[1].seq);
    assert!(in_order, "the cursor rises");
}

#[test]
fn a_swapped_sensor_goes_on_with_the_series_of_its_site() {
    const OLD: &str = "0e7a11fffe000010";
    const NEW: &str = "0e7a11fffe000011";
    let home = with_listener();
    let swap = ago(60).format("%Y-%m-%dT%H:%M:%SZ").to_string();
    for dev_eui in [OLD, NEW] {
        home.add_device(dev_eui, "elsys/elt-2");
    }
    home.add_deployment(OLD, "bron", "2020-01-01T00:00:00Z", Some(&swap));
    home.add_deployment(NEW, "bron", &swap, None);
    let app = TestApp::start(&home);
    let ups = [
        Up::water(OLD, 1, 100).at(ago(90)),
        // On the bench, before it stood anywhere.
        Up::water(NEW, 1, 210).at(ago(80)),
        Up::water(NEW, 2, 101).at(ago(30)),
        // On the way home in the car.
        Up::water(OLD, 2, 220).at(ago(20)),
    ];
    publish(app.listener("inside"), &ups.map(|up| up.message()));
    app.api.received(4);
    assert_eq!(app.api.outcomes(), ["stored", "not_deployed", "stored", "not_deployed"]);
    assert_eq!(app.api.values("bron", "water_temperature"), [10.0, 10.1]);
}

/// The frame is of a winter's day: −12.3 °C and 91 %. Its dew and frost points are those of the
/// WMO's formula (WMO-No. 8, volume I, annex 4.B), to three decimals.
#[test]
fn a_snow_station_tells_dew_and_frost_point_and_other_sites_do_not() {
    const SNOW: &str = "0e7a11fffe000003";
    let winter = hex::decode("01ff85025b0e0668070e2f").unwrap();
    let summer = hex::decode("0100c80232").unwrap();
    let home = with_listener();
    let station = "[[site]]\nid = \"fjallet\"\nkind = \"snow_station\"\nname = \"Fjället\"\n";
    home.write("fleet/sites.toml", &(home.read("fleet/sites.toml") + "\n" + station));
    home.add_device(SNOW, "elsys/elt-ultrasonic");
    home.add_deployment(SNOW, "fjallet", "2020-01-01T00:00:00Z", None);
    let app = TestApp::start(&home);
    let ups = [
        Up::of(SNOW, 1, &winter).at(ago(20)),
        // 20 °C and 50 %: there is no rime above zero.
        Up::of(SNOW, 2, &summer).at(ago(10)),
        Up::of(ELSEWHERE, 1, &winter).at(ago(10)),
    ];
    publish(app.listener("inside"), &ups.map(|up| up.message()));
    app.api.received(3);

    let rounded = |site, quantity| -> Vec<f64> {
        let values = app.api.values(site, quantity);
        values.iter().map(|value| (value * 1000.0).round() / 1000.0).collect()
    };
    assert_eq!(rounded("fjallet", "dew_point"), [-13.467, 9.255]);
    assert_eq!(rounded("fjallet", "frost_point"), [-11.99]);
    assert_eq!(app.api.values("bron", "air_temperature"), [-12.3]);
    assert_eq!(app.api.values("bron", "dew_point"), Vec::<f64>::new());
}

/// A published frame of a VEGAPULS: 1.274386 m away, 9° past straight down. Its level above RH 2000 and the
/// discharge were worked out apart from this program.
#[test]
fn a_radar_over_a_rated_stream_tells_level_and_flow() {
    const RADAR: &str = "0e7a11fffe000004";
    let frame = hex::decode("083fa31f152d2401042009").unwrap();
    let home = with_listener();
    let rated = "[[site.rating]]\nfrom = 2020-01-01T00:00:00Z\n[[site.rating.segment]]\n\
                 from = 50.9\nto = 51.15\nfactor = 8.4\nzero = 50.9\nexponent = 1.6\n";
    let sites = home.read("fleet/sites.toml");
    assert!(sites.contains("id = \"bron\""), "{sites}");
    home.write("fleet/sites.toml", &(sites + rated));
    home.add_device(RADAR, "vega/vegapuls-air");
    let before = (now() - TimeDelta::minutes(15)).to_rfc3339();
    home.add_deployment(RADAR, "bron", "2020-01-01T00:00:00Z", None);
    let deployments = home.read("fleet/deployments.toml");
    let installed = format!(
        "[[deployment.installation]]\nheight = 52.4\n\
         [deployment.installation.correction.water_level]\noffset = 0.02\n\
         [[deployment.installation]]\nfrom = {before}\n\
         [deployment.installation.correction.water_level]\noffset = 0\n"
    );
    home.write("fleet/deployments.toml", &(deployments + &installed));
    let app = TestApp::start(&home);
    let ups = [20, 10].map(|minutes| Up {
        f_port: 1,
        ..Up::of(RADAR, 100 - u32::try_from(minutes).unwrap(), &frame).at(ago(minutes))
    });
    publish(app.listener("inside"), &ups.map(|up| up.message()));
    app.api.received(2);

    let near = |got: f64, wanted: f64| (got - wanted).abs() < 1e-6;
    let levels = app.api.values("bron", "water_level");
    assert!(near(levels[0], 51.161_303_8) && near(levels[1], 51.141_303_8), "{levels:?}");
    let flows = app.api.observations("bron", "water_flow");
    assert!(near(flows[1]["value"].as_f64().unwrap(), 0.863_737_6), "{flows:?}");
    assert_eq!(flows[1]["quality"], "good");
    // Before the bracket was surveyed again, the level lay above what the curve was fitted to.
    assert_eq!(
        (&flows[0]["quality"], &flows[0]["reason"]),
        (&json!("uncertain"), &json!("extrapolated"))
    );
}
