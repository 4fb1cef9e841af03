use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};

use super::{city, compose, yaml};
use crate::cli::stadspuls;
use crate::support::{Home, Mosquitto, Process, STRANGER, Up, free_port};

fn free_addr() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

/// The broker as a city has it: its own file, with other places for folders and port.
fn broker(home: &Home, listener: &str) -> Mosquitto {
    let addr = free_addr();
    let text = home.read("mosquitto/mosquitto.conf");
    assert_eq!(text.lines().filter(|line| *line == listener).count(), 1, "{listener}");
    let text = text
        .replace(listener, &format!("listener {} 127.0.0.1", addr.port()))
        .replace("/etc/mosquitto/", &format!("{}/", home.path("mosquitto").display()))
        .replace("/var/lib/mosquitto/", &format!("{}/", home.path("data/mosquitto").display()))
        // Started by root it would become a user who cannot read the folder.
        + "\nuser root\n";
    Mosquitto::as_configured(addr, &text)
}

/// Runs a client of the broker to its end.
fn client(program: &str, addr: SocketAddr, args: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(["-h", "127.0.0.1", "-p", &addr.port().to_string()]).args(args);
    command.output().unwrap_or_else(|error| {
        panic!("{program}: {error}; run ./test, which installs what the tests need")
    })
}

fn password(home: &Home, name: &str) -> String {
    home.read(name).trim_end().to_owned()
}

/// Publishes an uplink of a sensor, as a user.
fn publish(addr: SocketAddr, user: &str, password: &str, up: &Up) -> Output {
    let body = String::from_utf8(up.body()).unwrap();
    let topic = up.topic();
    client(
        "mosquitto_pub",
        addr,
        &["-q", "1", "-u", user, "-P", password, "-t", &topic, "-m", &body],
    )
}

/// The city's configuration with addresses of the test.
fn settle(home: &Home, broker: SocketAddr, http: SocketAddr) {
    let text = home.read("stadspuls.toml");
    let changed = text
        .replace("mqtt://mosquitto", &format!("mqtt://{broker}"))
        .replace("0.0.0.0:8080", &http.to_string());
    assert_ne!(text, changed);
    home.write("stadspuls.toml", &changed);
}

#[test]
fn a_new_city_takes_in_what_its_network_server_publishes() {
    let home = city(&[]);
    let broker = broker(&home, "listener 1883");
    let http = free_addr();
    settle(&home, broker.addr(), http);
    let health = || stadspuls(&["health", "--config", home.config().to_str().unwrap()]);
    let before = health();
    assert_eq!(before.code, Some(1));
    assert!(before.err.contains(&format!("no answer from {http}")), "{}", before.err);

    // InfluxDB has not made our token yet, and that nobody answers there holds up nothing.
    let service = Process::start(&home);
    service.api.connected("chirpstack");
    service.api.ready();
    let healthy = health();
    assert_eq!((healthy.code, &*healthy.err), (Some(0), ""));
    let held = "sink influxdb: held: token: cannot read";
    assert!(healthy.out.contains(held), "{}", healthy.out);

    // The network server may publish; we may not, and neither may somebody without the secret.
    let chirpstack = password(&home, "secrets/chirpstack/mqtt-password");
    let ours = password(&home, "secrets/stadspuls/mqtt-password");
    let refused = publish(broker.addr(), "chirpstack", &ours, &Up::water(STRANGER, 1, 150));
    assert!(!refused.status.success(), "let in with another's password");
    publish(broker.addr(), "stadspuls", &ours, &Up::water(STRANGER, 2, 151));
    let sent = publish(broker.addr(), "chirpstack", &chirpstack, &Up::water(STRANGER, 3, 152));
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
    service.api.received(1);
    let outcome = ["uplink_outcomes_total"].map(|name| {
        service.api.metric(name, &[("source", "chirpstack"), ("outcome", "unknown_device")])
    });
    assert_eq!(outcome, [1.0]);

    // When the broker goes, the health check says so in words.
    drop(broker);
    service.api.trouble("source chirpstack");
    let sick = health();
    assert_eq!(sick.code, Some(1));
    assert!(sick.out.starts_with("not_ready\nsource chirpstack: "), "{}", sick.out);
    service.stop();
}

#[test]
fn the_health_check_of_the_broker_gets_its_answer_and_sees_nothing_else() {
    let home = city(&[]);
    let broker = broker(&home, "listener 1883");
    let compose = yaml("docker-compose.yml");
    let service = compose::service(&compose, "mosquitto");
    let test: Vec<String> = super::texts(&service["healthcheck"]["test"])
        .iter()
        .map(|word| word.replace("$$", "$"))
        .collect();
    let ask = |words: &[String]| {
        let [_, program, args @ ..] = words else { panic!("{words:?}") };
        let mut command = Command::new(program);
        command.args(args).args(["-p", &broker.port().to_string()]);
        command.env("XDG_CONFIG_HOME", home.path("mosquitto/health")).output().unwrap()
    };
    let well = ask(&test);
    assert!(well.status.success(), "{}", String::from_utf8_lossy(&well.stderr));
    assert!(String::from_utf8(well.stdout).unwrap().contains("seconds"));

    let curious: Vec<String> =
        test.iter()
            .map(|word| {
                if word.starts_with("$SYS") {
                    "$SYS/broker/version".to_owned()
                } else {
                    word.clone()
                }
            })
            .map(|word| if word == "5" { "1".to_owned() } else { word })
            .collect();
    assert_ne!(curious, test);
    assert!(!ask(&curious).status.success(), "it sees more than it needs");
}

#[test]
fn the_broker_of_a_city_without_containers_knows_its_users() {
    let home = city(&["--systemd"]);
    std::fs::create_dir_all(home.path("data/mosquitto")).unwrap();
    let broker = broker(&home, "listener 1883 127.0.0.1");
    for user in ["stadspuls", "chirpstack"] {
        let password = password(&home, &format!("secrets/{user}/mqtt-password"));
        let args = ["-u", user, "-P", &password, "-t", "application/a", "-m", "a", "-q", "1"];
        assert!(client("mosquitto_pub", broker.addr(), &args).status.success(), "{user}");
    }
    let anybody = client("mosquitto_pub", broker.addr(), &["-t", "application/a", "-m", "a"]);
    assert!(!anybody.status.success(), "let in without a password");
}

#[test]
fn the_listener_with_tls_needs_three_lines_and_a_certificate() {
    let home = city(&[]);
    let certs = home.path("mosquitto/certs");
    let made = Command::new("openssl")
        .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split(' '))
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-keyout", "server.key", "-out", "server.pem"])
        .current_dir(&certs)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let tls = free_addr();
    let mut text = home.read("mosquitto/mosquitto.conf");
    for line in ["listener 8883", "certfile ", "keyfile "] {
        assert_eq!(text.matches(&format!("\n#{line}")).count(), 1, "{line}");
        text = text.replace(&format!("\n#{line}"), &format!("\n{line}"));
    }
    let text = text.replace("listener 8883", &format!("listener {} 127.0.0.1", tls.port()));
    home.write("mosquitto/mosquitto.conf", &text);
    let _broker = broker(&home, "listener 1883");
    let password = password(&home, "secrets/chirpstack/mqtt-password");
    let publish = |authority: &Path| {
        let authority = authority.to_str().unwrap();
        let user =
            ["-u", "chirpstack", "-P", &password, "-t", "application/a", "-m", "a", "-q", "1"];
        client("mosquitto_pub", tls, &[&["--cafile", authority], &user[..]].concat())
    };
    let sent = publish(&certs.join("server.pem"));
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
}
