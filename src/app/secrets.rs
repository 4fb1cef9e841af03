//! Secrets that cannot be read at this moment, and what comes of that.

use crate::config::Config;
use crate::secret::SecretError;

const NO_START: &str = "the service does not start without it";
const NO_SOURCE: &str = "the source does not connect before it is there";
const NO_SINK: &str = "the sink is held until it is there, and all else runs; with docker-compose.yml InfluxDB \
                       makes it when it starts for the first time";

/// A sentence for each secret of a configuration that cannot be read. It is no fault of the configuration: who
/// checks it may see less than the service, or look before the secret is made.
#[must_use]
pub fn missing_secrets(config: &Config) -> Vec<String> {
    let mut missing = Vec::new();
    let mut note = |of: String, error: Option<SecretError>, then: &str| {
        missing.extend(error.map(|error| format!("secret of {of}: {error}: {then}")));
    };
    for (of, secret) in [
        ("api.staff_token", &config.api.staff_token),
        ("api.metrics_token", &config.api.metrics_token),
    ] {
        note(of.to_owned(), secret.as_ref().and_then(|secret| secret.read().err()), NO_START);
    }
    for listener in &config.listeners {
        for (user, secret) in &listener.users {
            let of = format!("listener {}, user {user}", listener.source.name);
            note(of, secret.read().err(), NO_START);
        }
    }
    for sender in &config.senders {
        note(format!("ingest {}", sender.source.name), sender.token.read().err(), NO_START);
    }
    for channel in &config.channels {
        note(format!("channel {}", channel.name), channel.secrets().err(), NO_START);
    }
    for source in &config.sources {
        let login = source.mqtt.credentials.as_ref();
        let of = format!("source {}", source.mqtt.source.name);
        note(of, login.and_then(|login| login.password.read().err()), NO_SOURCE);
    }
    if let Some(influxdb) = &config.influxdb {
        note("sink.influxdb".to_owned(), influxdb.token.read().err(), NO_SINK);
    }
    missing
}
