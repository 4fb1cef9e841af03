//! A city with a bathing place in every state and with secrets in every private field, served
//! on a port of its own.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::alert::default_rules;
use crate::api::{ApiConfig, Contact, Parts, Sender, Token, bind, router, serve};
use crate::intake::Delivery;
use crate::model::*;
use crate::registry::Registry;
use crate::store::{
    Batch, Fleet, Heard, LedgerEntry, Store, StoreConfig, StoreError, UplinkId, Writer, Writes,
};
use crate::telemetry::{Health, Metrics};

pub const TOKEN: &str = "staff-only-7f3a";
pub const METRICS_TOKEN: &str = "for numbers alone";
pub const DEV_EUI: &str = "0e7a11fffe4c2d91";
pub const UNREGISTERED: &str = "0e7a11fffe4c2e11";

/// What the public must never see, wherever it comes from.
pub const SECRETS: &[&str] = &[
    DEV_EUI,
    "0E7A11FFFE4C2D91",
    "Dg==",
    "0e7a11",
    UNREGISTERED,
    "badplats-norra-01",
    "teknikerns-namn",
    "58a0cbfffe80aa04",
    "eui-58a0cb",
    "vattenverket-lacka",
    "Vattenverkets läcka",
    "hemligt-bad",
    "Hemligt bad",
    "framtida-bad",
    "Framtida bad",
    "hemlig-profil",
    "hemlig-kalla",
    "hemligt-amne",
    "Anna Godkännare",
    "hemligt syfte",
    "leak_flow",
    "battery",
    "rssi",
    "dev_eui",
    "devEui",
];

pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub struct Fixture {
    pub addr: SocketAddr,
    pub health: Arc<Health>,
    pub metrics: Arc<Metrics>,
    now: Arc<Mutex<DateTime<Utc>>>,
    writer: Mutex<Writer>,
    /// What reaches the pipeline; the test is the pipeline.
    pub deliveries: mpsc::Receiver<Delivery>,
    stop: CancellationToken,
    _dir: TempDir,
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

impl Fixture {
    /// The city at noon in Sweden on 14 July 2026.
    pub async fn start() -> Self {
        Self::start_with(Some(TOKEN)).await
    }

    pub async fn start_with(token: Option<&str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&StoreConfig::in_dir(dir.path())).unwrap();
        let fleet = fleet();
        store.writer.replace_fleet(&fleet).unwrap();
        let noon = at("2026-07-14T10:05:00Z");
        store.writer.batch(|batch| fill(batch, noon)).unwrap();

        let now = Arc::new(Mutex::new(noon));
        let clock = Arc::clone(&now);
        let (intake, deliveries) = mpsc::channel(16);
        let parts = Parts {
            intake,
            reader: store.reader.clone(),
            registry: Arc::new(Registry::new(fleet)),
            catalog: Arc::default(),
            rules: Arc::new(default_rules()),
            metrics: Arc::default(),
            health: Arc::default(),
            writes: Writes::channel().0,
            now: Arc::new(move || *clock.lock().unwrap()),
        };
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let config = ApiConfig {
            bind: addr,
            staff_token: token.map(str::to_owned),
            metrics_token: Some(METRICS_TOKEN.to_owned()),
            public_url: Some("https://data.example.se".to_owned()),
            contact: Contact { email: Some("data@example.se".to_owned()), ..Contact::default() },
            senders: ["plain", "netserver"].map(sender).into(),
        };
        let (health, metrics) = (Arc::clone(&parts.health), Arc::clone(&parts.metrics));
        let stop = CancellationToken::new();
        let (_kept, routers) = tokio::sync::watch::channel(router(&config, parts));
        tokio::spawn(serve(listener, routers, stop.clone()));
        Self {
            addr,
            health,
            metrics,
            now,
            writer: Mutex::new(store.writer),
            deliveries,
            stop,
            _dir: dir,
        }
    }

    pub fn set_now(&self, now: &str) {
        *self.now.lock().unwrap() = at(now);
    }

    pub fn observe(&self, site: &str, time: &str, value: f64) {
        let work = |batch: &mut Batch<'_>| {
            let uplink = record(batch, DEV_EUI, Outcome::Stored, at(time))?;
            observe(batch, uplink, site, "water_temperature", at(time), value)
        };
        self.writer.lock().unwrap().batch(work).unwrap();
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[]).await
    }

    pub async fn staff(&self, path: &str) -> Answer {
        let path = format!("/api/v1/staff{path}");
        self.ask("GET", &path, &[("Authorization", &format!("Bearer {TOKEN}"))]).await
    }

    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        send(self.addr, method, path, headers, b"").await
    }
}

/// One request over a connection of its own.
pub async fn send(
    addr: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nHost: bad.test\r\nConnection: close\r\n");
    for (name, value) in headers {
        write!(request, "{name}: {value}\r\n").unwrap();
    }
    if !body.is_empty() {
        write!(request, "Content-Length: {}\r\n", body.len()).unwrap();
    }
    request.push_str("\r\n");
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let body = bytes.split_off(end + 4);
    let head = String::from_utf8(bytes).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    Answer { status, headers, head, body }
}

/// Its token is its name; it sends plain JSON if it is called so.
fn sender(name: &str) -> Sender {
    let format = if name == "plain" { Format::PlainJson } else { Format::Auto };
    let source = Arc::new(Source { name: name.to_owned(), format });
    Sender { source, token: Token::new(name) }
}

/// Sites in every state; the names of the public ones are genuine, their readings invented.
pub fn fleet() -> Fleet {
    let baths = [
        ("anten-grafsnas", "Anten, Gräfsnäs slottspark", "Anten", (12.49285, 58.07721)),
        ("bergsjodalsviken", "Mjörn, Bergsjödalsviken", "Mjörn", (12.46583, 57.8863)),
        ("gerdsken-kabelbadet", "Gerdsken, Kabelbadet", "Gerdsken", (12.54159, 57.92231)),
        ("gerdsken-angabobadet", "Gerdsken, Ängabobadet", "Gerdsken", (12.545, 57.925)),
        ("ingared", "Sävelången, Ingareds badplats", "Sävelången", (12.44979, 57.84921)),
        ("lovekulle", "Mjörn, Lövekulle camping", "Mjörn", (12.48434, 57.92585)),
        ("lygnared", "Stora Färgen, Lygnareds camping", "Stora Färgen", (12.56027, 57.86691)),
        ("playa-mjorn", "Playa Mjörn", "Mjörn", (12.50216, 57.93055)),
    ];
    let mut sites: Vec<Site> = baths
        .into_iter()
        .map(|(id, name, lake, position)| bath(id, name, lake, position))
        .collect();
    // One place is measured in winter only, so that summer has an off season too.
    let winter = sites.iter_mut().find(|site| site.id == "lygnared".into()).unwrap();
    winter.bathing.as_mut().unwrap().measurement_season = Some(season((11, 1), (3, 31)));
    sites.push(Site {
        publication: None,
        ..bath("hemligt-bad", "Hemligt bad", "Hemlig sjö", (12.1, 57.1))
    });
    let mut future = bath("framtida-bad", "Framtida bad", "Framtida sjö", (12.2, 57.2));
    future.publication.as_mut().unwrap().approved_on = "2026-07-20".parse().unwrap();
    sites.push(future);
    sites.push(Site {
        kind: SiteKind::LeakPoint,
        bathing: None,
        ..bath("vattenverket-lacka", "Vattenverkets läcka", "", (12.3, 57.3))
    });
    let device = Device {
        dev_eui: DEV_EUI.parse().unwrap(),
        profile: "hemlig-profil/x".into(),
        name: Some("teknikerns-namn".to_owned()),
        variables: BTreeMap::from([("probe".to_owned(), "2".to_owned())]),
    };
    let deployment = Deployment {
        dev_eui: device.dev_eui,
        site: "playa-mjorn".into(),
        from: at("2026-05-01T00:00:00Z"),
        until: None,
        installations: Vec::new(),
    };
    Fleet { sites, devices: vec![device], deployments: vec![deployment] }
}

fn bath(id: &str, name: &str, lake: &str, (longitude_deg, latitude_deg): (f64, f64)) -> Site {
    Site {
        position: Some(Position { longitude_deg, latitude_deg }),
        publication: Some(Publication {
            purpose: "hemligt syfte".to_owned(),
            approved_by: "Anna Godkännare".to_owned(),
            approved_on: "2026-05-02".parse().unwrap(),
        }),
        bathing: Some(Bathing {
            bathing_water_id: (id == "playa-mjorn").then(|| "SE0A21489000001700".to_owned()),
            wikidata_id: (id == "playa-mjorn").then(|| "Q106708632".to_owned()),
            lake: Some(lake.to_owned()),
            eu_bath: (id == "playa-mjorn").then_some(true),
            depth_m: Some(0.5),
            measurement_season: Some(season((5, 15), (9, 15))),
            bathing_season: Some(season((6, 21), (8, 20))),
            current_for: Duration::from_secs(3 * 3600),
            stale_for: Duration::from_secs(24 * 3600),
        }),
        ..Site::new(id.into(), SiteKind::BathingPlace, name)
    }
}

fn season(from: (u32, u32), until: (u32, u32)) -> Season {
    let day = |(month, day)| MonthDay::new(month, day).unwrap();
    Season { from: day(from), until: day(until) }
}

/// Two and a half days of readings at each place up to `now`, so that all states occur.
fn fill(batch: &mut Batch<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
    let uplink = record(batch, DEV_EUI, Outcome::Stored, now)?;
    heard(batch, uplink, now)?;
    record(batch, UNREGISTERED, Outcome::UnknownDevice, now)?;
    // site, mean, rise in a day, daily swing, minutes since the last reading
    let places = [
        ("anten-grafsnas", 18.2, -0.8, 1.4, 7),
        ("gerdsken-angabobadet", 20.9, 0.1, 2.2, 310),
        ("gerdsken-kabelbadet", 21.6, 1.1, 2.6, 12),
        ("ingared", 19.0, 0.0, 15.0, 9),
        ("lovekulle", 19.9, 0.1, 1.8, 20),
        ("lygnared", 20.0, 0.0, 1.0, 5),
        ("playa-mjorn", 19.0, 0.6, 1.6, 5),
        ("hemligt-bad", 23.7, 0.0, 1.0, 5),
        ("framtida-bad", 23.7, 0.0, 1.0, 5),
    ];
    for (site, mean, rise, swing, age) in places {
        for quarter in 0..240 {
            let time = now - TimeDelta::minutes(age + 15 * (239 - quarter));
            let hours = (time - at("2026-07-13T00:00:00Z")).as_seconds_f64() / 3600.0;
            let phase = (hours - 15.0) / 24.0 * std::f64::consts::TAU;
            let wind = (hours * 1.7).sin() * 0.04 + (hours * 0.31).cos() * 0.2;
            let value = mean + rise * (hours - 33.0) / 24.0 + swing / 2.0 * phase.cos() + wind;
            observe(batch, uplink, site, "water_temperature", time, value)?;
        }
    }
    let four_hours_ago = now - TimeDelta::hours(4);
    observe(batch, uplink, "vattenverket-lacka", "leak_flow", four_hours_ago, 7.0)?;
    observe(batch, uplink, "playa-mjorn", "battery", now, 3.1)
}

fn observe(
    batch: &mut Batch<'_>,
    uplink: UplinkId,
    site: &str,
    quantity: &str,
    time: DateTime<Utc>,
    value: f64,
) -> Result<(), StoreError> {
    let quality = if (-5.0..45.0).contains(&value) {
        Quality::Good
    } else {
        Quality::Bad(Reason::OutOfRange)
    };
    let observation =
        Observation { site: site.into(), quantity: quantity.into(), time, value, quality };
    batch.observe(uplink, &observation).map(drop)
}

fn record(
    batch: &mut Batch<'_>,
    dev_eui: &str,
    outcome: Outcome,
    time: DateTime<Utc>,
) -> Result<UplinkId, StoreError> {
    let source = Source { name: "hemlig-kalla".to_owned(), format: Format::ChirpStackV4Json };
    let topic = format!("hemligt-amne/application/1/device/{dev_eui}/event/up");
    let message =
        Message { source: Arc::new(source), topic, body: envelope(dev_eui), arrived_at: time };
    let stored = outcome == Outcome::Stored;
    batch.record(&LedgerEntry {
        message: &message,
        part: 0,
        body_bytes: message.body.len(),
        server_time: Some(time),
        dev_eui: Some(dev_eui.parse().unwrap()),
        kind: None,
        f_port: Some(5),
        f_cnt: Some(48_213),
        outcome,
        reason: (!stored).then(|| "nobody has registered it".to_owned()),
        profile: stored.then(|| ("hemlig-profil/x".into(), "abc123".to_owned())),
        observed: None,
    })
}

fn envelope(dev_eui: &str) -> Bytes {
    let typical = serde_json::json!({
        "deduplicationId": "6f0a7c1e-52b4-4b1d-9a53-0d8f1c2e7b90",
        "time": "2026-07-14T10:00:00.417265+00:00",
        "deviceInfo": { "devEui": dev_eui, "deviceName": "badplats-norra-01" },
        "devAddr": "01a4c39e", "adr": true, "dr": 3, "fCnt": 48213, "fPort": 5, "confirmed": false,
        "data": "AQDVAiwHDh8=",
        "rxInfo": [{ "gatewayId": "58a0cbfffe80aa04", "rssi": -97, "snr": 6.5 }],
        "txInfo": { "frequency": 868_300_000,
            "modulation": { "lora": { "bandwidth": 125_000, "spreadingFactor": 9, "codeRate": "CR_4_5" } } },
    });
    typical.to_string().into()
}

fn heard(batch: &mut Batch<'_>, uplink: UplinkId, at: DateTime<Utc>) -> Result<(), StoreError> {
    let frame = Uplink {
        f_port: Some(5),
        f_cnt: Some(48_213),
        server_time: Some(at),
        radio: Radio {
            rssi: Some(-97.0),
            snr: Some(6.5),
            best_gateway: Some("58a0cbfffe80aa04".to_owned()),
            gateway_count: Some(1),
            gateways: vec!["58a0cbfffe80aa04".to_owned()],
            ..Radio::default()
        },
        confirmed: Some(false),
        dev_addr: Some("01a4c39e".to_owned()),
        device_name: Some("badplats-norra-01".to_owned()),
        ..Uplink::new(DEV_EUI.parse().unwrap(), vec![1, 0, 0xd5])
    };
    batch.heard_uplink(Heard { uplink, at }, &frame)?;
    Ok(())
}
