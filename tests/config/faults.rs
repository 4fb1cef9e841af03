use std::collections::BTreeSet;

use super::{Keys, channels, known_keys, load, table_name};

/// A line with a fault, and what must be said of it: line, key, value and what is wanted. A case
/// without a source stands before one; a case that begins with `+` is one more line of a source,
/// and one that begins with `>` of a sink.
#[rustfmt::skip]
const CASES: &[(&str, &str)] = &[
    (r#"stroe = 1"#,
     r#"1: stroe is 1, an unknown key, want one of the keys alert, api, catalog, fleet, ingest, limits, listener, retention, sink, source, store; did you mean store?"#),
    (r#"store = 1"#,
     r#"1: store is 1, want a table"#),
    (r#"store.dir = """#,
     r#"1: store.dir is "", want a path"#),
    (r#"store.cache_kib = -1"#,
     r#"1: store.cache_kib is -1, want a whole number from 0 to 4294967295"#),
    (r#"store.readers = 0"#,
     r#"1: store.readers is 0, want at least 1"#),
    (r#"catalog = 1"#,
     r#"1: catalog is 1, want a table"#),
    (r#"catalog.paths = "decoders""#,
     r#"1: catalog.paths is "decoders", want a list, each a path"#),
    (r#"fleet = 1"#,
     r#"1: fleet is 1, want a table"#),
    (r#"fleet.dir = 7"#,
     r#"1: fleet.dir is 7, want a path"#),
    (r#"api = 1"#,
     r#"1: api is 1, want a table"#),
    (r#"api.bind = "localhost""#,
     r#"1: api.bind is "localhost", want an address and port such as "127.0.0.1:8080""#),
    (r#"api.public_url = 1"#,
     r#"1: api.public_url is 1, want a text"#),
    (r#"api.staff_token = "hemlig""#,
     r#"1: api.staff_token is not shown here, want { env = "NAME" } or { file = "path" }"#),
    (r#"api.staff_token = { env = "A", file = "b" }"#,
     r#"1: api.staff_token is { env = "A", file = "b" }, want { env = "NAME" } or { file = "path" }"#),
    (r#"api.staff_token = {}"#,
     r#"1: api.staff_token is {}, want { env = "NAME" } or { file = "path" }"#),
    (r#"api.metrics_token = "hemlig""#,
     r#"1: api.metrics_token is not shown here, want { env = "NAME" } or { file = "path" }"#),
    (r#"api.contact = "oss""#,
     r#"1: api.contact is "oss", want a table"#),
    (r#"api.contact.name_sv = 1"#,
     r#"1: api.contact.name_sv is 1, want a text"#),
    (r#"api.contact.name_en = 1"#,
     r#"1: api.contact.name_en is 1, want a text"#),
    (r#"api.contact.url = 1"#,
     r#"1: api.contact.url is 1, want a text"#),
    (r#"api.contact.email = 1"#,
     r#"1: api.contact.email is 1, want a text"#),
    (r#"alert = 1"#,
     r#"1: alert is 1, want a table"#),
    (r#"alert.channel = 1"#,
     r#"1: alert.channel is 1, want an array of tables"#),
    (r#"limits = []"#,
     r#"1: limits is [], want a table"#),
    (r#"limits.intake_messages = 0"#,
     r#"1: limits.intake_messages is 0, want at least 1"#),
    (r#"limits.batch_messages = 1.5"#,
     r#"1: limits.batch_messages is 1.5, want a whole number from 0 to 18446744073709551615"#),
    (r#"limits.body_bytes = "1 MB""#,
     r#"1: limits.body_bytes is "1 MB", want a whole number from 0 to 18446744073709551615"#),
    (r#"limits.uplink_ahead_max = 5"#,
     r#"1: limits.uplink_ahead_max is 5, want a duration such as "30s", "10m", "3h" or "7d""#),
    (r#"limits.uplink_behind_max = "en vecka""#,
     r#"1: limits.uplink_behind_max is "en vecka", want a duration such as "30s", "10m", "3h" or "7d""#),
    (r#"limits.codec_time = "100""#,
     r#"1: limits.codec_time is "100", want a duration such as "30s", "10m", "3h" or "7d""#),
    (r#"limits.codec_memory_bytes = 0"#,
     r#"1: limits.codec_memory_bytes is 0, want at least 1"#),
    (r#"source.Chirp_Stack = { broker = "mqtt://h", client_id = "c", filters = ["t"] }"#,
     r#"1: source.Chirp_Stack is "Chirp_Stack", want a name of lower-case letters, digits and hyphens"#),
    (r#"source = "mqtt://h""#,
     r#"1: source is "mqtt://h", want a table"#),
    (r#"source.a = { client_id = "c", filters = ["t"] }"#,
     r#"1: source.a.broker is missing, want mqtt://host, mqtt://user@host:1883 or mqtts://host:8883, without a password"#),
    (r#"source.a = { broker = "h:1883", client_id = "c", filters = ["t"] }"#,
     r#"1: source.a.broker is "h:1883", want mqtt://host, mqtt://user@host:1883 or mqtts://host:8883, without a password"#),
    (r#"source.a = { broker = "mqtt://u:hemlig@h", client_id = "c", filters = ["t"] }"#,
     r#"1: source.a.broker is not shown here, want mqtt://host, mqtt://user@host:1883 or mqtts://host:8883, without a password"#),
    (r#"source.a = { broker = "mqtt://u@h", client_id = "c", filters = ["t"] }"#,
     r#"1: source.a.password is missing, want a password for the user name"#),
    (r#"source.a = { broker = "mqtt://h", filters = ["t"] }"#,
     r#"1: source.a.client_id is missing, want a text"#),
    (r#"source.a = { broker = "mqtt://h", client_id = "", filters = ["t"] }"#,
     r#"1: source.a.client_id is "", want a name that no other client of the broker has"#),
    (r#"source.a = { broker = "mqtt://h", client_id = "c" }"#,
     r#"1: source.a.filters is missing, want a list, each a text"#),
    (r#"source.a = { broker = "mqtt://h", client_id = "c", filters = [] }"#,
     r#"1: source.a.filters is [], want MQTT topic filters, where + stands for a level and # for all at the end"#),
    (r#"source.a = { broker = "mqtt://h", client_id = "c", filters = ["a/#/b"] }"#,
     r#"1: source.a.filters is ["a/#/b"], want MQTT topic filters, where + stands for a level and # for all at the end"#),
    (r#"source.a = { broker = "mqtt://h", client_id = "c", filters = ["a/b+"] }"#,
     r#"1: source.a.filters is ["a/b+"], want MQTT topic filters, where + stands for a level and # for all at the end"#),
    (r#"source.a = { broker = "mqtt://h", client_id = "c", filters = "t" }"#,
     r#"1: source.a.filters is "t", want a list, each a text"#),
    (r#"+format = "chirpstack""#,
     r#"5: source.a.format is "chirpstack", want one of auto, chirpstack-v4-json, chirpstack-v4-protobuf, chirpstack-v3-json_v3, chirpstack-v3-json, chirpstack-v3-protobuf, servanet, loraserver-v1, milesight-gw, tts-v3, netmore, thingpark, loriot, helium-console, aws-iot-lorawan, wanesy, orange-liveobjects, multitech, everynet, plain-json; did you mean chirpstack-v3-json, chirpstack-v4-json, chirpstack-v3-json_v3, chirpstack-v3-protobuf or chirpstack-v4-protobuf?"#),
    (r#"+protocol = 5"#,
     r#"5: source.a.protocol is 5, want "5" or "3.1.1""#),
    (r#"+username = "u""#,
     r#"1: source.a.password is missing, want a password for the user name"#),
    (r#"+username = 1"#,
     r#"5: source.a.username is 1, want a text"#),
    (r#"+password = { env = "A" }"#,
     r#"1: source.a.username is missing, want a user name for the password"#),
    (r#"+username = "u"
password = "hemlig""#,
     r#"6: source.a.password is not shown here, want { env = "NAME" } or { file = "path" }"#),
    (r#"+keep_alive = "4s""#,
     r#"5: source.a.keep_alive is "4s", want 5s to 65535s"#),
    (r#"+keep_alive = "1d""#,
     r#"5: source.a.keep_alive is "1d", want 5s to 65535s"#),
    (r#"+session_expiry = 7"#,
     r#"5: source.a.session_expiry is 7, want a duration such as "30s", "10m", "3h" or "7d""#),
    (r#"+receive_maximum = 0"#,
     r#"5: source.a.receive_maximum is 0, want at least 1"#),
    (r#"+packet_bytes = 0"#,
     r#"5: source.a.packet_bytes is 0, want at least 1"#),
    (r#"+tls = true"#,
     r#"5: source.a.tls is true, want a table"#),
    (r#"+tls = {}"#,
     r#"2: source.a.broker is "mqtt://h", want mqtts:// where there is a table tls"#),
    (r#"source.a = { broker = "mqtts://h", client_id = "c", filters = ["t"], tls = { authority = 1 } }"#,
     r#"1: source.a.tls.authority is 1, want a path"#),
    (r#"source.a = { broker = "mqtts://h", client_id = "c", filters = ["t"], tls = { certificate = "c.pem" } }"#,
     r#"1: source.a.tls.key is missing, want certificate and key together"#),
    (r#"source.a = { broker = "mqtts://h", client_id = "c", filters = ["t"], tls = { key = "c.key" } }"#,
     r#"1: source.a.tls.certificate is missing, want certificate and key together"#),
    (r#"listener = 1883"#,
     r#"1: listener is 1883, want a table"#),
    (r#"listener."b/c" = {}"#,
     r#"1: listener.b/c is "b/c", want a name of lower-case letters, digits and hyphens"#),
    (r#"listener.b.bind = 1883"#,
     r#"1: listener.b.bind is 1883, want an address and port such as "127.0.0.1:8080""#),
    (r#"listener.b.bind = "0.0.0.0:1883""#,
     r#"1: listener.b.users is missing, want at least one user, since others can reach the address"#),
    (r#"listener.b.format = "json""#,
     r#"1: listener.b.format is "json", want one of auto, chirpstack-v4-json, chirpstack-v4-protobuf, chirpstack-v3-json_v3, chirpstack-v3-json, chirpstack-v3-protobuf, servanet, loraserver-v1, milesight-gw, tts-v3, netmore, thingpark, loriot, helium-console, aws-iot-lorawan, wanesy, orange-liveobjects, multitech, everynet, plain-json; did you mean plain-json, chirpstack-v3-json, chirpstack-v4-json or chirpstack-v3-json_v3?"#),
    (r#"listener.b.connections = 0"#,
     r#"1: listener.b.connections is 0, want at least 1"#),
    (r#"listener.b.packet_bytes = 0"#,
     r#"1: listener.b.packet_bytes is 0, want at least 1"#),
    (r#"listener.b.receive_maximum = 65536"#,
     r#"1: listener.b.receive_maximum is 65536, want a whole number from 0 to 65535"#),
    (r#"listener.b.receive_maximum = 0"#,
     r#"1: listener.b.receive_maximum is 0, want at least 1"#),
    (r#"listener.b.users = ["chirpstack"]"#,
     r#"1: listener.b.users is ["chirpstack"], want a table"#),
    (r#"listener.b.users.chirpstack = "hemlig""#,
     r#"1: listener.b.users.chirpstack is not shown here, want { env = "NAME" } or { file = "path" }"#),
    (r#"listener.b.tls = true"#,
     r#"1: listener.b.tls is true, want a table"#),
    (r#"listener.b.tls = {}"#,
     r#"1: listener.b.tls.certificate is missing, want certificate and key"#),
    (r#"listener.b.tls = { certificate = "c.pem" }"#,
     r#"1: listener.b.tls.key is missing, want certificate and key together"#),
    (r#"listener.a = {}
source.a = { broker = "mqtt://h", client_id = "c", filters = ["t"] }"#,
     r#"1: listener.a is "a", want a name that no other source, listener or ingest has"#),
    (r#"retention = "90d""#,
     r#"1: retention is "90d", want a table"#),
    (r#"retention.raw = "90d""#,
     r#"1: retention.raw is "90d", want a table"#),
    (r#"retention.raw = { keep = "90d" }"#,
     r#"1: retention.raw.decision is missing, want the decision that allows it, such as "KS 2026/123""#),
    (r#"retention.raw = { keep = "30d", decision = "KS 2026/1" }"#,
     r#"1: retention.raw.keep is "30d", want at least 31d: limits.uplink_behind_max and a day"#),
    (r#"retention = { raw = { keep = "40d", decision = "KS 2026/1" }, seen = { keep = "50d" } }"#,
     r#"1: retention.raw is { keep = "40d", decision = "KS 2026/1" }, want a time no shorter than that of seen, since messages with the same hash are compared"#),
    (r#"retention.observations = { keep = "900d", decision = " " }"#,
     r#"1: retention.observations.decision is " ", want the decision that allows it, such as "KS 2026/123""#),
    (r#"retention.observations = { keep = "soon", decision = "KS 2026/1" }"#,
     r#"1: retention.observations.keep is "soon", want a duration such as "30s", "10m", "3h" or "7d""#),
    (r#"retention.observations = 7"#,
     r#"1: retention.observations is 7, want a table"#),
    (r#"retention.hourly = { keep = "900d", decision = "KS 2026/1" }"#,
     r#"1: retention.hourly is { keep = "900d", decision = "KS 2026/1" }, want a time no shorter than that of observations, from which it is made"#),
    (r#"retention.hourly = { keep = "1d", decision = "KS 2026/1" }"#,
     r#"1: retention.hourly.keep is "1d", want at least 31d: limits.uplink_behind_max and a day"#),
    (r#"retention.hourly = { keep = "90d" }"#,
     r#"1: retention.hourly.decision is missing, want the decision that allows it, such as "KS 2026/123""#),
    (r#"retention.seen = { keep = "7d" }"#,
     r#"1: retention.seen.keep is "7d", want at least 31d: limits.uplink_behind_max and a day"#),
    (r#"retention.seen = "40d""#,
     r#"1: retention.seen is "40d", want a table"#),
    (r#"ingest = "netmore""#,
     r#"1: ingest is "netmore", want a table"#),
    (r#"ingest.c = {}"#,
     r#"1: ingest.c.token is missing, want { env = "NAME" } or { file = "path" }"#),
    (r#"ingest.c.token = "hemlig""#,
     r#"1: ingest.c.token is not shown here, want { env = "NAME" } or { file = "path" }"#),
    (r#"ingest.c = { token = { env = "T" }, format = "json" }"#,
     r#"1: ingest.c.format is "json", want one of auto, chirpstack-v4-json, chirpstack-v4-protobuf, chirpstack-v3-json_v3, chirpstack-v3-json, chirpstack-v3-protobuf, servanet, loraserver-v1, milesight-gw, tts-v3, netmore, thingpark, loriot, helium-console, aws-iot-lorawan, wanesy, orange-liveobjects, multitech, everynet, plain-json; did you mean plain-json, chirpstack-v3-json, chirpstack-v4-json or chirpstack-v3-json_v3?"#),
    (r#"sink = 1"#,
     r#"1: sink is 1, want a table"#),
    (r#"sink.influxdb = 1"#,
     r#"1: sink.influxdb is 1, want a table"#),
    (r#"sink.influxdb = { url = "h:8086", org = "o", bucket = "b", token = { env = "T" } }"#,
     r#"1: sink.influxdb.url is "h:8086", want http://host:8086 or https://host, without user and password"#),
    (r#"sink.influxdb = { url = "http://u:hemlig@h", org = "o", bucket = "b", token = { env = "T" } }"#,
     r#"1: sink.influxdb.url is not shown here, want http://host:8086 or https://host, without user and password"#),
    (r#"sink.influxdb = { url = "http://h", bucket = "b", token = { env = "T" } }"#,
     r#"1: sink.influxdb.org is missing, want a text"#),
    (r#"sink.influxdb = { url = "http://h", org = "o", bucket = " ", token = { env = "T" } }"#,
     r#"1: sink.influxdb.bucket is " ", want the name it has in InfluxDB"#),
    (r#"sink.influxdb = { url = "http://h", org = "o", bucket = "b" }"#,
     r#"1: sink.influxdb.token is missing, want { env = "NAME" } or { file = "path" }"#),
    (r#"sink.influxdb = { url = "http://h", org = "o", bucket = "b", token = "hemlig" }"#,
     r#"1: sink.influxdb.token is not shown here, want { env = "NAME" } or { file = "path" }"#),
    (r#"sink.influxdb = { url = "http://h", org = "o", bucket = "b", token = { env = "T" }, authority = "ca.pem" }"#,
     r#"1: sink.influxdb.url is "http://h", want https:// where there is an authority"#),
    (r#">authority = 7"#,
     r#"10: sink.influxdb.authority is 7, want a path"#),
    (r#">batch_points = 0"#,
     r#"10: sink.influxdb.batch_points is 0, want at least 1"#),
    (r#">dead_letters_max = 0"#,
     r#"10: sink.influxdb.dead_letters_max is 0, want at least 1"#),
    (r#">connect_timeout = "0s""#,
     r#"10: sink.influxdb.connect_timeout is "0s", want more than 0s"#),
    (r#">answer_timeout = "0s""#,
     r#"10: sink.influxdb.answer_timeout is "0s", want more than 0s"#),
    (r#">retry_min = "0s""#,
     r#"10: sink.influxdb.retry_min is "0s", want more than 0s"#),
    (r#">retry_max = "100ms""#,
     r#"10: sink.influxdb.retry_max is "100ms", want a time no shorter than retry_min"#),
    (r#">lag_max = "soon""#,
     r#"10: sink.influxdb.lag_max is "soon", want a duration such as "30s", "10m", "3h" or "7d""#),
];

const SINK: &str =
    "[sink.influxdb]\nurl = \"http://h\"\norg = \"o\"\nbucket = \"b\"\ntoken = { env = \"T\" }\n";

const SOURCE: &str = "[source.a]\nbroker = \"mqtt://h\"\nclient_id = \"c\"\nfilters = [\"t\"]\n";

fn whole(case: &str) -> String {
    if let Some(line) = case.strip_prefix('>') {
        return format!("{SOURCE}{SINK}{line}\n");
    }
    match case.strip_prefix('+') {
        Some(line) => format!("{SOURCE}{line}\n"),
        None if ["source", "listener", "ingest"].iter().any(|kind| case.contains(kind)) => {
            case.to_owned()
        }
        None => format!("{case}\n{SOURCE}"),
    }
}

#[test]
fn what_is_wrong_is_named_with_line_key_value_and_what_is_wanted() {
    for (case, wanted) in CASES {
        let (_, faults) = load(&whole(case));
        assert_eq!(faults, [format!("stadspuls.toml:{wanted}")], "{case}");
    }
}

#[test]
fn every_key_has_a_bad_value_above() {
    let mut tried = Keys::new();
    for (_, wanted) in CASES {
        let key = wanted.split(": ").nth(1).unwrap().split(" is ").next().unwrap();
        let path: Vec<String> = key.split('.').map(str::to_owned).collect();
        let (key, table) = path.split_last().unwrap();
        tried.entry(table_name(table)).or_default().insert(key.clone());
    }
    tried.entry("alert.channel".to_owned()).or_default().extend(channels::keys_tried());
    let mut missing = BTreeSet::new();
    for (table, keys) in known_keys() {
        // Two keys of which a secret has one; the cases of secrets are those of its owners.
        if table != "secret" {
            let tried = tried.remove(&table).unwrap_or_default();
            missing.extend(keys.difference(&tried).map(|key| format!("{table}.{key}")));
        }
    }
    assert_eq!(missing, BTreeSet::new());
}

#[test]
fn a_password_in_the_file_is_refused_without_being_said_again() {
    let mut secrets = 0;
    for (case, _) in CASES.iter().filter(|(case, _)| case.contains("hemlig")) {
        let (_, faults) = load(&whole(case));
        assert!(!faults.is_empty() && !faults.concat().contains("hemlig"), "{faults:?}");
        secrets += 1;
    }
    assert_eq!(secrets, 8);
}

#[test]
fn a_misspelt_key_is_named_with_those_it_could_have_been() {
    let (_, faults) =
        load("[source.a]\nbrokr = \"mqtt://h\"\nclient_id = \"c\"\nfilters = [\"t\"]\n");
    let known = "broker, client_id, filters, format, keep_alive, packet_bytes, password, protocol, \
                 receive_maximum, session_expiry, tls, username; did you mean broker?";
    assert_eq!(
        faults,
        [
            "stadspuls.toml:1: source.a.broker is missing, want mqtt://host, mqtt://user@host:1883 \
             or mqtts://host:8883, without a password"
                .to_owned(),
            format!("stadspuls.toml:2: source.a.brokr is \"mqtt://h\", an unknown key, want one of the keys {known}"),
        ]
    );
}

#[test]
fn what_is_no_toml_is_named_with_its_line() {
    let (_, faults) = load("[store]\ndir = data\n");
    assert_eq!(faults.len(), 1);
    assert!(
        faults[0].starts_with("stadspuls.toml:2: ") && faults[0].ends_with(", want TOML"),
        "{faults:?}"
    );
}
