//! What a city's folder holds.

use std::path::Path;

use super::owner::Owner;

/// Where the city runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// In containers, by docker-compose.yml: broker, InfluxDB, Prometheus and Grafana beside stadspuls.
    Compose,
    /// As a service of the machine's own service manager, with the machine's own broker.
    Systemd,
}

pub enum Content {
    Text(String),
    /// A random secret, which is all there is in the file.
    Secret,
    /// What `mosquitto_sub` reads: the user that asks whether the broker is well.
    Health,
    /// The broker's file of passwords, made from the secrets of its users.
    Passwords,
}

pub struct File {
    pub name: &'static str,
    pub mode: u32,
    pub content: Content,
}

pub const FOLDER_MODE: u32 = 0o750;
const PRIVATE_FOLDER: u32 = 0o700;
const FILE_MODE: u32 = 0o640;
const PRIVATE: u32 = 0o600;

pub const PASSWORDS: &str = "mosquitto/passwords";

/// Folders that both have come first, then those that only containers need.
const FOLDERS: [(&str, u32); 22] = [
    ("fleet", FOLDER_MODE),
    ("sensors", FOLDER_MODE),
    ("secrets", PRIVATE_FOLDER),
    ("secrets/stadspuls", PRIVATE_FOLDER),
    ("secrets/chirpstack", PRIVATE_FOLDER),
    ("mosquitto", FOLDER_MODE),
    ("mosquitto/certs", PRIVATE_FOLDER),
    ("mosquitto/health", PRIVATE_FOLDER),
    ("secrets/influxdb", PRIVATE_FOLDER),
    ("secrets/prometheus", PRIVATE_FOLDER),
    ("secrets/grafana", PRIVATE_FOLDER),
    ("tokens", PRIVATE_FOLDER),
    ("tokens/stadspuls", PRIVATE_FOLDER),
    ("tokens/grafana", PRIVATE_FOLDER),
    ("data", PRIVATE_FOLDER),
    ("data/stadspuls", PRIVATE_FOLDER),
    ("data/mosquitto", PRIVATE_FOLDER),
    ("data/influxdb", PRIVATE_FOLDER),
    ("data/influxdb-config", PRIVATE_FOLDER),
    ("data/prometheus", PRIVATE_FOLDER),
    ("data/grafana", PRIVATE_FOLDER),
    ("backups", PRIVATE_FOLDER),
];
const FOLDERS_OF_BOTH: usize = 7;

/// Users of the broker with the file that holds the password of each. The last is for containers,
/// where one asks the other whether it is well.
const USERS: [(&str, &str); 3] = [
    ("stadspuls", "secrets/stadspuls/mqtt-password"),
    ("chirpstack", "secrets/chirpstack/mqtt-password"),
    ("health", "mosquitto/health/mosquitto_sub"),
];
const USERS_OF_BOTH: usize = 2;

const SECRETS_OF_BOTH: [&str; 3] = [
    "secrets/stadspuls/staff-token",
    "secrets/stadspuls/mqtt-password",
    "secrets/chirpstack/mqtt-password",
];
const SECRETS_OF_CONTAINERS: [&str; 5] = [
    "secrets/influxdb/admin-password",
    "secrets/influxdb/admin-token",
    "secrets/prometheus/metrics-token",
    "secrets/grafana/admin-password",
    "secrets/grafana/secret-key",
];

const ENVIRONMENT: &str = include_str!("../../.env.example");
const CONFIGURATION: &str = include_str!("../../config/city/stadspuls.toml");
const BROKER: &str = include_str!("../../config/mosquitto.conf");

/// Lines of the configuration that are otherwise where there are no containers.
const WITHOUT_CONTAINERS: [(&str, &str); 6] = [
    ("dir = \"data/stadspuls\"", "dir = \"/var/lib/stadspuls\""),
    (
        "# Pages and API. In the container every address of its own; STADSPULS_BIND in .env says which address\n\
         # of the machine that becomes. Let a reverse proxy with TLS stand between it and the world.",
        "# Pages and API, for this machine alone: let a reverse proxy with TLS stand between it and the world.",
    ),
    ("bind = \"0.0.0.0:8080\"", "bind = \"127.0.0.1:8080\""),
    (
        "# What Prometheus shows to read the metrics; it opens nothing else.\n\
         metrics_token = { file = \"secrets/prometheus/metrics-token\" }",
        "# What Prometheus shows to read the metrics, where it is on another machine; it opens nothing else.\n\
         #metrics_token = { file = \"secrets/stadspuls/metrics-token\" }",
    ),
    ("broker = \"mqtt://mosquitto\"", "broker = \"mqtt://127.0.0.1\""),
    (
        "# The copy for Grafana. Its first start makes the token.\n\
         [sink.influxdb]\n\
         url = \"http://influxdb:8086\"\n\
         org = \"stadspuls\"\n\
         bucket = \"stadspuls\"\n\
         token = { file = \"tokens/stadspuls/influxdb-token\" }",
        "# The copy for Grafana, where there is an InfluxDB 2.\n\
         #[sink.influxdb]\n\
         #url = \"http://127.0.0.1:8086\"\n\
         #org = \"stadspuls\"\n\
         #bucket = \"stadspuls\"\n\
         #token = { file = \"influxdb-token\" }",
    ),
];

/// Lines of the broker's configuration that are otherwise within a container.
const BROKER_IN_A_CONTAINER: [(&str, &str); 1] = [(
    "# ChirpStack on the same machine.\nlistener 1883 127.0.0.1",
    "# Without TLS, for stadspuls in the container beside this one. MQTT_BIND in .env says which address of\n\
     # the machine it is reached at too; MQTTS_BIND does for the listener with TLS below.\nlistener 1883",
)];

/// Folders of a city, each after the one it is in, with their permissions.
pub fn folders_of(flavour: Flavour) -> &'static [(&'static str, u32)] {
    let count = if flavour == Flavour::Compose { FOLDERS.len() } else { FOLDERS_OF_BOTH };
    FOLDERS.get(..count).unwrap_or_default()
}

/// Users of the broker, and where the password of each lies.
pub fn users_of(flavour: Flavour) -> &'static [(&'static str, &'static str)] {
    let count = if flavour == Flavour::Compose { USERS.len() } else { USERS_OF_BOTH };
    USERS.get(..count).unwrap_or_default()
}

/// Files of a city. The broker's passwords come last, since they are made from the secrets.
pub fn files_of(flavour: Flavour, dir: &Path, owner: Owner) -> Vec<File> {
    let text = |name, mode, text: String| File { name, mode, content: Content::Text(text) };
    let fleet = |name, file: &str| text(name, FILE_MODE, file.to_owned());
    let secret = |name: &&'static str| File { name, mode: PRIVATE, content: Content::Secret };
    let containers = flavour == Flavour::Compose;

    let mut files = vec![
        text("stadspuls.toml", FILE_MODE, configuration(flavour)),
        fleet("fleet/sites.toml", include_str!("../../config/city/fleet/sites.toml")),
        fleet("fleet/devices.toml", include_str!("../../config/city/fleet/devices.toml")),
        fleet("fleet/deployments.toml", include_str!("../../config/city/fleet/deployments.toml")),
        fleet("fleet/alerts.toml", include_str!("../../config/city/fleet/alerts.toml")),
        text("mosquitto/mosquitto.conf", FILE_MODE, broker(flavour)),
        // The broker warns of one that others can read.
        text("mosquitto/acl", PRIVATE, include_str!("../../config/city/acl").to_owned()),
    ];
    files.extend(SECRETS_OF_BOTH.iter().map(secret));
    if containers {
        files.insert(0, text(".env", FILE_MODE, environment(dir, owner)));
        files.extend(SECRETS_OF_CONTAINERS.iter().map(secret));
        let name = "mosquitto/health/mosquitto_sub";
        files.push(File { name, mode: PRIVATE, content: Content::Health });
    }
    files.push(File { name: PASSWORDS, mode: PRIVATE, content: Content::Passwords });
    files
}

fn configuration(flavour: Flavour) -> String {
    match flavour {
        Flavour::Compose => CONFIGURATION.to_owned(),
        Flavour::Systemd => with(CONFIGURATION, &WITHOUT_CONTAINERS),
    }
}

fn broker(flavour: Flavour) -> String {
    match flavour {
        Flavour::Compose => with(BROKER, &BROKER_IN_A_CONTAINER),
        Flavour::Systemd => BROKER.to_owned(),
    }
}

fn with(text: &str, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// The example with this folder and its owner in it.
fn environment(dir: &Path, owner: Owner) -> String {
    let line = |line: &str| match line.split_once('=') {
        Some(("CITY_DIR", _)) => format!("CITY_DIR={}\n", compose_path(dir)),
        Some(("STADSPULS_USER", _)) => format!("STADSPULS_USER={owner}\n"),
        _ => format!("{line}\n"),
    };
    ENVIRONMENT.lines().map(line).collect()
}

/// A path as docker-compose.yml needs it: one that begins with a name would be a volume's, and
/// within single quotes nothing has a meaning of its own.
fn compose_path(dir: &Path) -> String {
    let dir = dir.display().to_string();
    let dir = dir.trim_end_matches('/');
    let path = if dir.starts_with(['/', '.']) { dir.to_owned() } else { format!("./{dir}") };
    let is_plain = |c: char| c.is_alphanumeric() || "/._-".contains(c);
    if path.chars().all(is_plain) { path } else { format!("'{path}'") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_otherwise_elsewhere_stands_once_in_the_template() {
        for (text, changes) in
            [(CONFIGURATION, &WITHOUT_CONTAINERS[..]), (BROKER, &BROKER_IN_A_CONTAINER[..])]
        {
            for (from, to) in changes {
                assert_eq!(text.matches(from).count(), 1, "{from}");
                assert!(!text.contains(to), "{to}");
            }
        }
    }

    #[test]
    fn a_folder_stands_after_the_one_it_is_in() {
        for (place, (name, _)) in FOLDERS.iter().enumerate() {
            if let Some((outer, _)) = name.rsplit_once('/') {
                assert!(FOLDERS[..place].iter().any(|(name, _)| *name == outer), "{name}");
            }
        }
    }

    #[test]
    fn a_path_is_never_taken_for_the_name_of_a_volume() {
        let cases = [
            ("city", "./city"),
            ("city/", "./city"),
            (".", "."),
            ("/srv/alingsås", "/srv/alingsås"),
            ("../a b", "'../a b'"),
        ];
        for (dir, wanted) in cases {
            assert_eq!(compose_path(Path::new(dir)), wanted);
        }
    }
}
