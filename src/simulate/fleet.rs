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
