//! A real InfluxDB 2, where one is at hand. The points go to a site that no other run has.

use super::drained;
use crate::support::{Home, InfluxDb, STRANGER, TestApp, Up, ago, eventually, publish};

/// The values of a site, as the server has them.
fn values(server: &InfluxDb, site: &str) -> Vec<String> {
    let bucket = &server.bucket;
    let text = server.query(&format!(
        "from(bucket: \"{bucket}\") |> range(start: -2d) \
         |> filter(fn: (r) => r._measurement == \"water_temperature\" and r.site == \"{site}\" and r._field == \"value\") \
         |> keep(columns: [\"_time\", \"_value\"])"
    ));
    let text = text.unwrap();
    let rows = text.lines().filter(|line| line.starts_with(",_result,")).map(str::trim_end);
    rows.map(|row| row.rsplit(',').next().unwrap().to_owned()).collect()
}

#[test]
fn a_real_influxdb_takes_it_all_and_overwrites() {
    let Some(server) = InfluxDb::at_hand() else { return };
    let InfluxDb { url, token, org, bucket } = &server;
    let home = Home::new();
    let site = format!("prov-{}", crate::support::now().timestamp_micros());
    let sites = home.read("fleet/sites.toml");
    let new = format!("[[site]]\nid = \"{site}\"\nkind = \"gauging_station\"\nname = \"Prov\"\n");
    home.write("fleet/sites.toml", &format!("{sites}\n{new}"));
    home.add_device(STRANGER, "elsys/elt-2");
    home.add_deployment(STRANGER, &site, "2020-01-01T00:00:00Z", None);
    home.write("influx.token", token);
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
    eventually("both values are there", || {
        (values(&server, &site) == ["18", "18.1"]).then_some(())
    });
    app.stop();

    // A correction from before they were measured overwrites them.
    let deployments = home.read("fleet/deployments.toml");
    let correction = "[[deployment.installation]]\n[deployment.installation.correction.water_temperature]\noffset = 1.0\n";
    home.write("fleet/deployments.toml", &format!("{deployments}\n{correction}"));
    let _app = TestApp::start(&home);
    eventually("both are corrected", || (values(&server, &site) == ["19", "19.1"]).then_some(()));
}
