use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use tempfile::TempDir;

use super::*;
use crate::model::{DevEui, Format, Source};
use crate::store::{DeviceState, Fleet, Store, StoreConfig};

/// Takes the given samples of `tests/fixtures/envelopes`, one after the other, as if each arrived
/// at the time given.
struct Bench {
    store: Store,
    pipeline: Pipeline,
    _dir: TempDir,
}

impl Bench {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let store = Store::open(&StoreConfig::in_dir(dir.path())).unwrap();
        let pipeline = Pipeline::new(
            Arc::new(Registry::new(Fleet::default())),
            Arc::new(Catalog::default()),
            PipelineLimits::default(),
            Arc::new(Metrics::default()),
        );
        Self { store, pipeline, _dir: dir }
    }

    fn take(&mut self, format: Format, body: impl Into<Bytes>, arrived_at: &str) -> Vec<Outcome> {
        let message = Message {
            source: Arc::new(Source { name: "test".to_owned(), format }),
            topic: "stad/sensorer".to_owned(),
            body: body.into(),
            arrived_at: arrived_at.parse::<DateTime<Utc>>().unwrap(),
        };
        let (pipeline, writer) = (&mut self.pipeline, &mut self.store.writer);
        let taken: Result<Taken, StoreError> = writer.batch(|batch| pipeline.take(batch, &message));
        taken.unwrap().outcomes
    }

    async fn device(&self, dev_eui: &str) -> Option<DeviceState> {
        let dev_eui: DevEui = dev_eui.parse().unwrap();
        self.store.reader.device(dev_eui).await.unwrap()
    }
}

fn sample(file: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/envelopes");
    std::fs::read(folder.join(file)).unwrap()
}

const LORIOT_DEVICE: &str = "0e7a11fffe90e0a5";

#[tokio::test]
async fn loriots_two_messages_of_one_frame_are_one_uplink_in_either_order() {
    let (rx, gw) = (sample("loriot-rx.json"), sample("loriot-gw.json"));
    for (first, second) in [(&rx, &gw), (&gw, &rx)] {
        let mut bench = Bench::new();
        let (at, later) = ("2026-03-11T06:50:00.700Z", "2026-03-11T06:50:02.900Z");
        assert_eq!(bench.take(Format::Loriot, first.clone(), at), [Outcome::UnknownDevice]);
        assert_eq!(bench.take(Format::Loriot, second.clone(), later), [Outcome::Duplicate]);
        let state = bench.device(LORIOT_DEVICE).await.unwrap();
        assert_eq!((state.uplinks, state.lost), (1, 0));
        assert_eq!(state.gateway_count, Some(2), "the gateways of `gw` are known either way");
        assert_eq!(state.gateways.len(), 2, "{:?}", state.gateways);
    }
}

#[test]
fn loriots_counter_alone_does_not_make_two_uplinks_one() {
    let body = |millis: u64, data: &str| {
        format!(
            r#"{{"cmd":"rx","EUI":"0E7A11FFFE90E0A5","ts":{millis},"fcnt":0,"port":2,"data":"{data}"}}"#
        )
    };
    let mut bench = Bench::new();
    let first = bench.take(Format::Loriot, body(1_773_211_800_592, "01"), "2026-03-11T06:50:01Z");
    let second = bench.take(Format::Loriot, body(1_773_212_460_592, "02"), "2026-03-11T07:01:01Z");
    assert_eq!([first, second].concat(), [Outcome::UnknownDevice, Outcome::UnknownDevice]);
}

#[tokio::test]
async fn a_simulated_uplink_is_kept_and_nothing_more() {
    let mut bench = Bench::new();
    let simulated = sample("tts-v3-up-simulated.json");
    let outcomes = bench.take(Format::Auto, simulated, "2026-03-11T10:00:01Z");
    assert_eq!(outcomes, [Outcome::Simulated]);
    assert_eq!(bench.device("0e7a11fffe60b0d2").await, None, "nobody has heard the device");

    let genuine = String::from_utf8(sample("tts-v3-up-simulated.json")).unwrap();
    let genuine = genuine.replace("\"simulated\": true", "\"simulated\": false");
    let outcomes = bench.take(Format::Auto, genuine, "2026-03-11T10:00:02Z");
    assert_eq!(outcomes, [Outcome::UnknownDevice], "it is no duplicate of the simulated one");
}

#[test]
fn every_element_of_an_array_has_its_own_outcome() {
    let mut bench = Bench::new();
    let two = sample("netmore-up-two-elements.json");
    let outcomes = bench.take(Format::Netmore, two.clone(), "2026-03-11T06:56:04Z");
    assert_eq!(outcomes, [Outcome::UnknownDevice, Outcome::UnknownDevice]);
    let again = bench.take(Format::Netmore, two, "2026-03-11T06:56:05Z");
    assert_eq!(again, [Outcome::Duplicate, Outcome::Duplicate]);
}

#[tokio::test]
async fn the_raw_battery_byte_becomes_the_devices_battery() {
    let mut bench = Bench::new();
    bench.take(Format::Netmore, sample("netmore-up.json"), "2026-03-11T06:46:03Z");
    let state = bench.device("0e7a11fffe70c0e3").await.unwrap();
    assert_eq!(state.battery_percent, Some(200.0 / 253.0 * 100.0));
    assert_eq!(state.external_power, Some(false));
    assert!(state.status_at.is_some());

    let status = sample("thingpark-notification-devstatus.json");
    let outcomes = bench.take(Format::ThingPark, status, "2026-03-11T06:48:13Z");
    assert_eq!(outcomes, [Outcome::Event]);
    let state = bench.device("0e7a11fffe80d0f4").await.unwrap();
    assert_eq!(state.battery_percent, Some(199.0 / 253.0 * 100.0));
    assert_eq!(state.margin_db, Some(-3));

    for (raw, percent, external) in
        [(0, None, true), (1, Some(0.0), false), (254, Some(100.0), false), (255, None, false)]
    {
        let body = format!(
            r#"{{"cmd":"rx","EUI":"{LORIOT_DEVICE}","ts":{},"fcnt":{raw},"port":2,"data":"01","bat":{raw}}}"#,
            1_773_211_800_000_u64 + raw
        );
        bench.take(Format::Loriot, body, "2026-03-11T06:50:01Z");
        let state = bench.device(LORIOT_DEVICE).await.unwrap();
        assert_eq!(
            (state.battery_percent, state.external_power),
            (percent, Some(external)),
            "{raw}"
        );
    }
}

#[tokio::test]
async fn a_join_with_a_session_is_the_session_of_the_uplinks_after_it() {
    let mut bench = Bench::new();
    bench.take(Format::TtsV3, sample("tts-v3-join.json"), "2026-03-11T06:39:41Z");
    bench.take(Format::TtsV3, sample("tts-v3-up-defaults-omitted.json"), "2026-03-11T06:40:01Z");
    bench.take(Format::TtsV3, sample("tts-v3-up.json"), "2026-03-11T06:45:11Z");
    let state = bench.device("0e7a11fffe60b0d2").await.unwrap();
    assert_eq!(state.session.as_deref(), Some("AZV7Kc0Vx1k2m3n4o5p6qA=="));
    assert_eq!((state.f_cnt, state.lost, state.counter_resets), (Some(311), 310, 0));
}

#[tokio::test]
async fn a_downlink_is_no_sign_of_life() {
    for file in ["tts-v3-down-sent.json", "thingpark-downlink-sent.json", "loriot-txd.json"] {
        let mut bench = Bench::new();
        let outcomes = bench.take(Format::Auto, sample(file), "2026-03-11T09:00:00Z");
        assert_eq!(outcomes, [Outcome::Ignored], "{file}");
        for dev_eui in ["0e7a11fffe60b0d2", "0e7a11fffe80d0f4", LORIOT_DEVICE] {
            assert_eq!(bench.device(dev_eui).await, None, "{file}");
        }
    }
}
