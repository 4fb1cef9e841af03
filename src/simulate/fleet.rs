use std::iter::successors;

use chrono::{DateTime, TimeDelta, Utc};

use super::envelope::{self, Uplink};
use super::key::Key;
use super::radio;
use super::roster;
use super::sensor::{Report, Sensor};

/// Sensors and the network that hears them.
pub struct Fleet {
    network: Key,
    members: Vec<Member>,
}

struct Member {
    sensor: Sensor,
    key: Key,
    topic: String,
}

/// A message for the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// When the network server publishes it.
    pub time: DateTime<Utc>,
    pub topic: String,
    /// JSON.
    pub body: Vec<u8>,
}

/// A message that will be published: what sets its place in the order of all.
struct Due<'a> {
    member: &'a Member,
    report: Report,
    time: DateTime<Utc>,
    again: bool,
}

/// One message of so many is published twice.
const TWICE_ONE_IN: u64 = 90;

/// A second copy comes this much after the first at most.
const TWICE_WITHIN_MS: u64 = 3_000;

/// The pieces in which a period is put in order; more at once would only cost memory.
const PIECE: TimeDelta = TimeDelta::hours(1);

impl Fleet {
    /// The fleet of the demonstration, as `config/demo` registers it.
    ///
    /// `started` says when the demonstration begins and matters for one sensor alone: the silent
    /// one is heard until two days before. All other messages are the same whenever it begins.
    #[must_use]
    pub fn demo(started: DateTime<Utc>) -> Self {
        Self::new(1489, roster::demo(started))
    }

    fn new(seed: u64, sensors: Vec<Sensor>) -> Self {
        let network = Key::new(seed);
        let members = sensors
            .into_iter()
            .map(|sensor| Member {
                key: network.named("device").with(sensor.dev_eui.0),
                topic: envelope::topic(network, &sensor),
                sensor,
            })
            .collect();
        Self { network, members }
    }

    pub fn sensors(&self) -> impl Iterator<Item = &Sensor> {
        self.members.iter().map(|member| &member.sensor)
    }

    /// Every message with `from <= time < until`, in order of time.
    pub fn uplinks(
        &self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> impl Iterator<Item = Publication> + Send + '_ {
        pieces(from, until)
            .flat_map(|(from, until)| self.due(from, until))
            .map(|due| self.publication(&due))
    }

    /// How many messages [`Fleet::uplinks`] gives, without writing them.
    #[must_use]
    pub fn count(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> usize {
        pieces(from, until).map(|(from, until)| self.due(from, until).len()).sum()
    }

    fn due(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<Due<'_>> {
        // A copy follows its original, which may lie before the period.
        let reach = TimeDelta::milliseconds(TWICE_WITHIN_MS.cast_signed());
        let mut due: Vec<Due<'_>> = self
            .members
            .iter()
            .flat_map(|member| {
                let reports = member.sensor.reports(member.key, from - reach, until);
                reports.into_iter().flat_map(|report| member.copies(report))
            })
            .filter(|due| from <= due.time && due.time < until)
            .collect();
        due.sort_by_key(|due| (due.time, due.member.sensor.dev_eui, due.report.f_cnt, due.again));
        due
    }

    fn publication(&self, due: &Due<'_>) -> Publication {
        let Due { member, report, time, .. } = due;
        let report_key = member.report_key(*report);
        let body = envelope::body(
            self.network,
            &Uplink {
                sensor: &member.sensor,
                time: report.time,
                f_cnt: report.f_cnt,
                frame: &member.sensor.frame(member.key, *report),
                heard: &radio::hear(member.key, report_key),
                device_key: member.key,
                report_key,
            },
        );
        Publication { time: *time, topic: member.topic.clone(), body }
    }
}

impl Member {
    fn report_key(&self, report: Report) -> Key {
        self.key.with(report.f_cnt.into())
    }

    /// The report as published, and now and then once more.
    fn copies(&self, report: Report) -> impl Iterator<Item = Due<'_>> {
        let twice = self.report_key(report).named("twice");
        let delay_ms = 1 + twice.named("delay").below(TWICE_WITHIN_MS);
        let later = report.time + TimeDelta::milliseconds(delay_ms.cast_signed());
        let original = Due { member: self, report, time: report.time, again: false };
        let copy = Due { member: self, report, time: later, again: true };
        std::iter::once(original).chain(twice.one_in(TWICE_ONE_IN).then_some(copy))
    }
}

/// The period cut into pieces that follow each other.
fn pieces(
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>)> + Send {
    successors(Some(from), |start| start.checked_add_signed(PIECE))
        .take_while(move |start| *start < until)
        .map(move |start| (start, (start + PIECE).min(until)))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::Value;

    use super::*;

    const WEEK: TimeDelta = TimeDelta::days(7);

    fn now() -> DateTime<Utc> {
        "2026-11-23T10:00:00Z".parse().unwrap()
    }

    /// An uplink as a receiver sees it.
    struct Seen {
        device: String,
        time: DateTime<Utc>,
        f_cnt: u64,
        id: String,
        payload: Vec<u8>,
        body: Value,
    }

    fn last(period: TimeDelta) -> Vec<Seen> {
        Fleet::demo(now()).uplinks(now() - period, now()).map(|uplink| see(&uplink)).collect()
    }

    fn see(uplink: &Publication) -> Seen {
        let body: Value = serde_json::from_slice(&uplink.body).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let device = text(&body["deviceInfo"]["deviceName"]);
        let eui = text(&body["deviceInfo"]["devEui"]);
        let application = text(&body["deviceInfo"]["applicationId"]);
        assert_eq!(uplink.topic, format!("application/{application}/device/{eui}/event/up"));
        Seen {
            device,
            time: text(&body["time"]).parse().unwrap(),
            f_cnt: body["fCnt"].as_u64().unwrap(),
            id: text(&body["deduplicationId"]),
            payload: STANDARD.decode(text(&body["data"])).unwrap(),
            body,
        }
    }

    /// The last two bytes of an ELT-2 frame, °C.
    fn water_cel(payload: &[u8]) -> f64 {
        let raw = payload.last_chunk().unwrap();
        f64::from(i16::from_be_bytes(*raw)) / 10.0
    }

    #[test]
    fn a_period_is_the_same_however_it_is_asked_for() {
        let (from, until) = (now() - TimeDelta::days(3), now() - TimeDelta::days(2));
        let fleet = Fleet::demo(now());
        let whole: Vec<_> = fleet.uplinks(from, until).collect();
        assert_eq!(whole, Fleet::demo(now()).uplinks(from, until).collect::<Vec<_>>());
        assert_eq!(whole.len(), fleet.count(from, until));
        for cut_ms in [1, 61_007, 3_600_000, 86_399_999] {
            let cut = from + TimeDelta::milliseconds(cut_ms);
            let parts = fleet.uplinks(from, cut).chain(fleet.uplinks(cut, until));
            assert!(parts.eq(whole.iter().cloned()), "cut after {cut_ms} ms");
        }
        for later in whole.iter().step_by(37) {
            let (at, next) = (later.time, later.time + TimeDelta::milliseconds(1));
            let alone: Vec<_> = fleet.uplinks(at, next).collect();
            assert!(alone.contains(later), "{} alone", later.time);
            assert!(alone.iter().all(|uplink| uplink.time == at));
        }
    }

    #[test]
    fn a_later_start_changes_nothing_but_the_silence() {
        let (from, until) = (now() - TimeDelta::hours(20), now());
        let later = Fleet::demo(now() + TimeDelta::days(5));
        let silent = later.sensors().find(|s| s.site == Some("anten-utlopp")).unwrap().dev_eui;
        let without = |fleet: &Fleet| -> Vec<Publication> {
            let all = fleet.uplinks(from, until);
            all.filter(|uplink| !uplink.topic.contains(&silent.to_string())).collect()
        };
        assert_eq!(without(&later), without(&Fleet::demo(now())));
        assert!(later.count(from, until) > without(&later).len());
    }

    #[test]
    fn messages_come_in_order_of_time_and_counters_rise() {
        let fleet = Fleet::demo(now());
        assert!(fleet.uplinks(now() - WEEK, now()).is_sorted_by_key(|uplink| uplink.time));
        let mut previous: BTreeMap<String, (u64, String)> = BTreeMap::new();
        let (mut gaps, mut twice) = (0, 0);
        for seen in last(TimeDelta::days(2)) {
            let Some((f_cnt, id)) = previous.insert(seen.device, (seen.f_cnt, seen.id.clone()))
            else {
                continue;
            };
            if seen.f_cnt == f_cnt {
                assert_eq!(seen.id, id, "only a copy has the same counter");
                twice += 1;
            } else {
                assert!(seen.f_cnt > f_cnt && seen.id != id);
                gaps += u64::from(seen.f_cnt > f_cnt + 1);
            }
        }
        assert!(gaps > 10 && twice > 10, "{gaps} gaps, {twice} copies");
    }

    #[test]
    fn counters_go_on_from_day_to_day() {
        let fleet = Fleet::demo(now());
        let bay = fleet.members.iter().find(|m| m.sensor.name == "p-kulturhuset").unwrap();
        let reports = bay.sensor.reports(bay.key, now() - TimeDelta::days(30), now());
        assert!(reports.len() > 300);
        assert!(reports.windows(2).all(|pair| pair[0].f_cnt + 1 == pair[1].f_cnt));
        assert!(reports.is_sorted_by_key(|report| report.time));
    }

    #[test]
    fn a_week_is_a_good_first_impression() {
        let fleet = Fleet::demo(now());
        let week: Vec<_> = fleet.uplinks(now() - WEEK, now()).collect();
        assert!((20_000..40_000).contains(&week.len()), "{} messages", week.len());
        let bytes: usize = week.iter().map(|uplink| uplink.body.len()).sum();
        let mean = bytes / week.len();
        assert!((900..1_500).contains(&mean), "{mean} bytes a message");
        let topics: BTreeSet<_> = week.iter().map(|uplink| &uplink.topic).collect();
        // All but the sensor that was replaced in spring.
        assert_eq!(topics.len(), fleet.sensors().count() - 1);
    }

    #[test]
    fn every_fault_shows_within_a_week() {
        let week = last(WEEK);
        let of = |name: &'static str| week.iter().filter(move |seen| seen.device == name);

        let silent = of("niva-anten").map(|seen| seen.time).max().unwrap();
        assert!(silent < now() - TimeDelta::days(2) && silent > now() - TimeDelta::days(3));
        assert!(of("va-matare-07").all(|seen| seen.payload[4] == 0x30));
        assert!(of("va-matare-06").all(|seen| seen.payload[4] == 0));
        let unplugged = of("bad-sandbadet").filter(|seen| water_cel(&seen.payload) == -200.0);
        assert!((5..200).contains(&unplugged.count()));
        let cut = of("bad-angabobadet").filter(|seen| seen.payload.len() == 8).count();
        assert!((3..50).contains(&cut), "{cut} cut short");
        assert!(of("niva-mellbyan").all(|seen| seen.payload[7] < 10));
        assert!(of("niva-savean-nolhaga").all(|seen| seen.payload[7] > 70));
        assert!(of("elt-2-ny").count() > 300);
    }

    #[test]
    fn only_the_probe_on_the_jetty_follows_the_air() {
        let mut days: BTreeMap<_, (f64, f64)> = BTreeMap::new();
        // Whole days only: the first and the last are cut by the period.
        let whole = (now() - TimeDelta::days(3)).date_naive()..now().date_naive();
        for seen in last(TimeDelta::days(4)) {
            let date = seen.time.date_naive();
            let broken = ["bad-sandbadet", "bad-angabobadet"].contains(&seen.device.as_str());
            if seen.device.starts_with("bad-") && !broken && whole.contains(&date) {
                let value = water_cel(&seen.payload);
                let (low, high) = days.entry((seen.device, date)).or_insert((value, value));
                (*low, *high) = (low.min(value), high.max(value));
            }
        }
        assert_eq!(days.len(), 9 * 3);
        for ((device, date), (low, high)) in days {
            if device == "bad-kabelbadet" {
                assert!(high - low > 8.0, "{device} {date}: {low}…{high}");
            } else {
                assert!(
                    high - low < 3.0 && low > 17.0 && high < 22.0,
                    "{device} {date}: {low}…{high}"
                );
            }
        }
    }

    /// Every path in a JSON value, with all elements of an array as one.
    fn paths(value: &Value, at: &str, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) if !members.is_empty() => {
                members.iter().for_each(|(key, value)| paths(value, &format!("{at}.{key}"), found));
            }
            Value::Array(items) => {
                items.iter().for_each(|value| paths(value, &format!("{at}[]"), found));
            }
            _ => {
                found.insert(at.trim_start_matches('.').to_owned());
            }
        }
    }

    #[test]
    fn bodies_have_the_fields_that_chirpstack_writes() {
        let always = [
            "adr",
            "confirmed",
            "data",
            "deduplicationId",
            "devAddr",
            "deviceInfo.applicationId",
            "deviceInfo.applicationName",
            "deviceInfo.devEui",
            "deviceInfo.deviceClassEnabled",
            "deviceInfo.deviceName",
            "deviceInfo.deviceProfileId",
            "deviceInfo.deviceProfileName",
            "deviceInfo.tags.kommun",
            "deviceInfo.tenantId",
            "deviceInfo.tenantName",
            "dr",
            "fCnt",
            "fPort",
            "regionConfigId",
            "rxInfo[].context",
            "rxInfo[].crcStatus",
            "rxInfo[].gatewayId",
            "rxInfo[].nsTime",
            "rxInfo[].rssi",
            "rxInfo[].uplinkId",
            "time",
            "txInfo.frequency",
            "txInfo.modulation.lora.bandwidth",
            "txInfo.modulation.lora.codeRate",
            "txInfo.modulation.lora.spreadingFactor",
        ];
        let sometimes = [
            "rxInfo[].channel",
            "rxInfo[].gwTime",
            "rxInfo[].location",
            "rxInfo[].location.altitude",
            "rxInfo[].location.latitude",
            "rxInfo[].location.longitude",
            "rxInfo[].rfChain",
            "rxInfo[].snr",
        ];
        let mut ever = BTreeSet::new();
        for seen in last(TimeDelta::days(1)) {
            let mut found = BTreeSet::new();
            paths(&seen.body, "", &mut found);
            let missing = always.iter().find(|path| !found.contains(**path));
            assert_eq!(missing, None, "{}", seen.body);
            ever.extend(found);
        }
        let all: BTreeSet<String> =
            always.iter().chain(&sometimes).map(ToString::to_string).collect();
        assert_eq!(ever, all);
    }
}
