//! A real InfluxDB 2, where one is at hand: INFLUXDB2_URL, INFLUXDB2_TOKEN, INFLUXDB2_ORG and
//! INFLUXDB2_BUCKET name it. The points go to a site that no other run has.

use super::drained;
use crate::support::{Home, STRANGER, TestApp, Up, ago, eventually, publish};

/// The lines of a site's values, as the server has them.
fn query(site: &str) -> Vec<String> {
    let of = |name: &str| variable(name).unwrap();
    let bucket = of("INFLUXDB2_BUCKET");
    let flux = format!(
        "from(bucket: \"{bucket}\") |> range(start: -2d) \
         |> filter(fn: (r) => r._measurement == \"water_temperature\" and r.site == \"{site}\" and r._field == \"value\") \
         |> keep(columns: [\"_time\", \"_value\"])"
    );
    let url = format!("{}/api/v2/query", of("INFLUXDB2_URL").trim_end_matches('/'));
    let mut answer = ureq::post(url)
        .query("org", of("INFLUXDB2_ORG"))
        .header("Authorization", format!("Token {}", of("INFLUXDB2_TOKEN")))
        .header("Content-Type", "application/vnd.flux")
        .send(flux)
        .unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    let rows = text.lines().filter(|line| line.contains('T')).map(str::trim_end);
    rows.map(|row| row.rsplit(',').next().unwrap().to_owned()).collect()
}

#[expect(clippy::disallowed_methods, reason = "the machine's own server, where it has one")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[test]
fn a_real_influxdb_takes_it_all_and_overwrites() {
    let names = ["INFLUXDB2_URL", "INFLUXDB2_TOKEN", "INFLUXDB2_ORG", "INFLUXDB2_BUCKET"];
    let [Some(url), Some(token), Some(org), Some(bucket)] = names.map(variable) else {
        eprintln!("not tried: {} are not set", names.join(", "));
        return;
    };
    let home = Home::new();
    let site = format!("prov-{}", crate::support::now().timestamp_micros());
    let sites = home.read("fleet/sites.toml");
    let new = format!("[[site]]\nid = \"{site}\"\nkind = \"gauging_station\"\nname = \"Prov\"\n");
    home.write("fleet/sites.toml", &format!("{sites}\n{new}"));
    home.add_device(STRANGER, "elsys/elt-2");
    home.add_deployment(STRANGER, &site, "2020-01-01T00:00:00Z", None);
    home.write("influx.token", &token);
    home.configure(&format!(
        "[listener.inside]\nbind = \"127.0.0.1:0\"\n[sink.influxdb]\nurl = \"{url}\"\norg = \"{org}\"\n\
         bucket = \"{bucket}\"\ntoken = {{ file = \"influx.token\" }}\n"
    ));
    let app = TestApp::start(&home);
    let ups = [(0, 180), (1, 181)].map(|(number, tenths)| {
        Up::water(STRANGER, number, tenths).at(ago(60 - i64::from(number))).message()
    });
    publish(app.listener("inside"), &ups);
    app.api.received(2);
    drained(&app);
    eventually("both values are there", || (query(&site) == ["18", "18.1"]).then_some(()));
    app.stop();

    // A correction from before they were measured overwrites them.
    let deployments = home.read("fleet/deployments.toml");
    let correction = "[[deployment.installation]]\n[deployment.installation.correction.water_temperature]\noffset = 1.0\n";
    home.write("fleet/deployments.toml", &format!("{deployments}\n{correction}"));
    let _app = TestApp::start(&home);
    eventually("both are corrected", || (query(&site) == ["19", "19.1"]).then_some(()));
}
