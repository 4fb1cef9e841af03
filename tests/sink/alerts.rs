//! What becomes of alerts is told like everything else.

use super::configure;
use super::server::Server;
use crate::support::{Home, TestApp, Up, WATER, ago, eventually, publish};

#[test]
fn an_alert_that_opens_and_is_resolved_is_two_points() {
    let server = Server::accepting();
    let home = Home::new();
    home.write(
        "fleet/alerts.toml",
        "[[rule]]\nid = \"varmt\"\nquantity = \"water_temperature\"\nabove = 25.0\nclear = 24.5\n",
    );
    configure(&home, &server.url(), "");
    let app = TestApp::start(&home);
    publish(app.listener("inside"), &[Up::water(WATER, 1, 255).at(ago(5)).message()]);
    app.api.received(1);
    publish(app.listener("inside"), &[Up::water(WATER, 2, 240).at(ago(2)).message()]);
    app.api.received(2);
    let alerts = eventually("both are told", || {
        let lines = server.posts().into_iter().flat_map(|post| post.lines);
        let alerts: Vec<String> = lines.filter(|line| line.starts_with("alert,")).collect();
        (alerts.len() == 2).then_some(alerts)
    });
    let tags = "alert,rule=varmt,severity=warning,site=badplatsen,subject=site:badplatsen ";
    let fields =
        |line: &String| line.strip_prefix(tags).unwrap().rsplit_once(' ').unwrap().0.to_owned();
    let said: Vec<String> = alerts.iter().map(fields).collect();
    assert_eq!(said, ["state=2,value=25.5", "state=0,value=24"]);
    app.stop();
}
