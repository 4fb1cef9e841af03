use chrono::{DateTime, TimeDelta, Utc};

use super::key::{Key, whole_u8, whole_u16};
use super::meter::Meter;
use super::parking::Bay;
use super::payload::{self, ELSYS_NO_PROBE_CEL, Elsys, Mbx, Tps110, Vega, VegaPacket};
use super::weather::{self, Lake};
use crate::model::DevEui;

/// A simulated sensor: what it is, where it stands and how it misbehaves.
#[derive(Clone, Debug)]
pub struct Sensor {
    pub dev_eui: DevEui,
    /// What the network server calls it.
    pub name: &'static str,
    /// The device profile that describes it, `<vendor>/<model>`.
    pub profile: &'static str,
    /// The site at which it is deployed; none for a device that nobody has registered.
    pub site: Option<&'static str>,
    /// Start of its service, from which its reports are counted.
    pub from: DateTime<Utc>,
    /// End of its service, exclusive: replaced, or fallen silent.
    pub until: Option<DateTime<Utc>>,
    pub(super) instrument: Instrument,
}

/// What a sensor measures, with all that makes it differ from its neighbours.
#[derive(Clone, Copy, Debug)]
pub(super) enum Instrument {
    Bath {
        lake: Lake,
        /// How this shore differs from the lake, K.
        offset_k: f64,
        every: TimeDelta,
        /// Whether it sends the air temperature too.
        with_air: bool,
        fault: Option<BathFault>,
    },
    Gauge {
        /// From the radar to the mean water level, m.
        mean_distance_m: f64,
        /// How far the level goes up and down, m.
        range_m: f64,
        /// How much later than elsewhere the water comes, days.
        delay_days: f64,
        packet: VegaPacket,
        battery_is_low: bool,
    },
    Meter(Meter),
    Bay(Bay),
    Snow {
        /// From the sensor to the bare ground, m.
        ground_m: f64,
        /// How this place differs from the others, 1 is as the others.
        snow_factor: f64,
        maker: SnowMaker,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BathFault {
    LiesOnJetty,
    LosesProbe,
    CutsPayload,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SnowMaker {
    /// Distance, air temperature and humidity.
    Elsys,
    /// Distance alone.
    Decentlab,
}

/// The application payload of an uplink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) f_port: u8,
    pub(super) payload: Vec<u8>,
}

/// A message that a sensor sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) time: DateTime<Utc>,
    pub(super) f_cnt: u32,
}

/// A report comes at most this much after its time.
const JITTER_MS: u64 = 6_000;

/// One report of so many is not heard by any gateway.
const LOST_ONE_IN: u64 = 120;

impl Sensor {
    /// Whether somebody has registered it with stadspuls.
    #[must_use]
    pub const fn is_registered(&self) -> bool {
        self.site.is_some()
    }

    /// The network server's application that it belongs to.
    pub(super) const fn application(&self) -> &'static str {
        match self.instrument {
            Instrument::Bath { .. } => "Badvatten",
            Instrument::Gauge { .. } => "Vattennivå",
            Instrument::Meter(_) => "Läcksökning",
            Instrument::Bay(_) => "Parkering",
            Instrument::Snow { .. } => "Snö",
        }
    }

    /// What is heard of it in `from <= time < until`, in order of time.
    pub(super) fn reports(
        &self,
        key: Key,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Vec<Report> {
        let until = self.until.map_or(until, |end| end.min(until));
        let reports = match self.instrument {
            Instrument::Bath { every, .. } => self.periodic(key, every, from, until),
            Instrument::Gauge { .. } => self.periodic(key, TimeDelta::minutes(15), from, until),
            Instrument::Meter(_) => self.periodic(key, TimeDelta::hours(4), from, until),
            Instrument::Snow { .. } => self.periodic(key, TimeDelta::minutes(10), from, until),
            Instrument::Bay(bay) => self.events(key, bay, from, until),
        };
        reports.into_iter().filter(|report| from <= report.time && report.time < until).collect()
    }

    /// The reports of a sensor that sends at an interval, with some before and after the period.
    fn periodic(
        &self,
        key: Key,
        every: TimeDelta,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Vec<Report> {
        let every_ms = every.num_milliseconds().max(1);
        let phase_ms = key.named("phase").below(every_ms.unsigned_abs());
        let start_ms = self.from.timestamp_millis() + phase_ms.cast_signed();
        let slot = |time: DateTime<Utc>| (time.timestamp_millis() - start_ms).div_euclid(every_ms);
        // A report of the slot before may be late enough to fall into the period.
        let first = (slot(from) - 1).max(0);
        (first..=slot(until))
            .filter_map(|n| {
                let f_cnt = u32::try_from(n).ok()?;
                let key = key.with(f_cnt.into());
                let jitter_ms = key.named("jitter").below(JITTER_MS).cast_signed();
                let time = DateTime::from_timestamp_millis(start_ms + n * every_ms + jitter_ms)?;
                let lost = key.named("lost").one_in(LOST_ONE_IN);
                (!lost).then_some(Report { time, f_cnt })
            })
            .collect()
    }

    /// The reports of a bay on all days that the period touches.
    fn events(&self, key: Key, bay: Bay, from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<Report> {
        let midnight = |day: i64| self.from.checked_add_signed(TimeDelta::try_days(day)?);
        let day_of = |time: DateTime<Utc>| (time - self.from).num_days();
        (day_of(from).max(0)..=day_of(until))
            .filter_map(|day| Some((u32::try_from(day).ok()?, midnight(day)?)))
            .flat_map(|(day, midnight)| {
                let first = day.wrapping_mul(bay.reports_a_day());
                (first..)
                    .zip(bay.day(key, midnight))
                    .map(|(f_cnt, report)| Report { time: report.time, f_cnt })
            })
            .collect()
    }

    /// What the sensor sends in `report`.
    pub(super) fn frame(&self, key: Key, report: Report) -> Frame {
        let time = report.time;
        let own = key.with(report.f_cnt.into());
        match self.instrument {
            Instrument::Bath { lake, offset_k, with_air, fault, .. } => {
                let water = match fault {
                    Some(BathFault::LiesOnJetty) => weather::july_jetty_cel(time),
                    _ => lake.temperature_cel(time) + offset_k,
                };
                bath(key, own, report, water, with_air, fault)
            }
            Instrument::Gauge { mean_distance_m, range_m, delay_days, packet, battery_is_low } => {
                let level_m = range_m * weather::level_swing(time, delay_days);
                let noise_m = 0.003 * own.named("noise").signed();
                let battery = if battery_is_low {
                    worn_out(time)
                } else {
                    78 + key.named("battery").below(20)
                };
                let reading = Vega {
                    packet,
                    distance_m: single(mean_distance_m - level_m + noise_m),
                    battery_percent: u8::try_from(battery).unwrap_or(0),
                    temperature_cel: weather::july_air_cel(time) + 1.5,
                    // Half of them count from the other end.
                    inclination_deg: if packet == VegaPacket::P8 { 178 } else { 2 },
                };
                Frame { f_port: 1, payload: payload::vega(&reading) }
            }
            Instrument::Meter(meter) => {
                Frame { f_port: 100, payload: payload::w1(&meter.frame(key, time)) }
            }
            Instrument::Bay(bay) => self.bay_frame(key, bay, report),
            Instrument::Snow { ground_m, snow_factor, maker } => {
                let depth_m = snow_factor * weather::snow_depth_m(time);
                let distance_m = ground_m - depth_m + 0.004 * own.named("noise").signed();
                snow(key, own, time, distance_m, maker)
            }
        }
    }

    fn bay_frame(&self, key: Key, bay: Bay, report: Report) -> Frame {
        let a_day = bay.reports_a_day();
        let day = TimeDelta::days((report.f_cnt / a_day).into());
        let place = usize::try_from(report.f_cnt % a_day).unwrap_or(0);
        let found = bay.day(key, self.from + day).get(place).copied();
        let message = match found {
            Some(event) if event.heartbeat => Tps110::Heartbeat {
                occupied: event.occupied,
                temperature_cel: weather::july_air_cel(event.time) + 4.0,
            },
            event => Tps110::Event { occupied: event.is_some_and(|event| event.occupied) },
        };
        Frame { f_port: message.f_port(), payload: message.bytes() }
    }
}

fn bath(
    key: Key,
    own: Key,
    report: Report,
    water_cel: f64,
    with_air: bool,
    fault: Option<BathFault>,
) -> Frame {
    let noisy_cel = water_cel + 0.08 * own.named("noise").signed();
    // A loose plug fails for some reports in a row, not for single ones.
    let unplugged = fault == Some(BathFault::LosesProbe)
        && key.named("plug").with((report.f_cnt / 3).into()).one_in(14);
    let water_cel = if unplugged { ELSYS_NO_PROBE_CEL } else { noisy_cel };

    let battery = Elsys::Battery(lithium_mv(key, own));
    let water = Elsys::ExternalTemperature(water_cel);
    let mut payload = if with_air {
        payload::elsys(&[Elsys::AirTemperature(weather::july_air_cel(report.time)), battery, water])
    } else {
        payload::elsys(&[battery, water])
    };
    if fault == Some(BathFault::CutsPayload) && own.named("cut").one_in(60) {
        payload.pop();
    }
    Frame { f_port: 5, payload }
}

fn snow(key: Key, own: Key, time: DateTime<Utc>, distance_m: f64, maker: SnowMaker) -> Frame {
    let distance_mm = whole_u16(distance_m * 1000.0);
    match maker {
        SnowMaker::Elsys => {
            let air = weather::february_air_cel(time) + 0.1 * own.named("air").signed();
            let humidity = weather::february_humidity_percent(time);
            let payload = payload::elsys(&[
                Elsys::AirTemperature(air),
                Elsys::Humidity(whole_u8(humidity)),
                Elsys::Distance(distance_mm),
                Elsys::Battery(lithium_mv(key, own)),
            ]);
            Frame { f_port: 5, payload }
        }
        SnowMaker::Decentlab => {
            let reading = Mbx {
                device_id: whole_u16(1000.0 + 8000.0 * key.named("device id").unit()),
                distance_mm,
                // Falling snow swallows some of the fifteen shots.
                valid_samples: whole_u16(15.0 - 5.0 * own.named("shots").unit()),
                battery_mv: lithium_mv(key, own) - 620,
            };
            Frame { f_port: 1, payload: payload::mbx(&reading) }
        }
    }
}

/// A 3.6 V lithium cell in good health, mV.
fn lithium_mv(key: Key, own: Key) -> u16 {
    whole_u16(3600.0 + 30.0 * key.named("battery").signed() + 4.0 * own.named("battery").signed())
}

/// A battery that runs from 9 % to 4 % and is then forgotten for another month.
fn worn_out(time: DateTime<Utc>) -> u64 {
    const DAYS: i64 = 30;
    let day = time.timestamp().div_euclid(86_400).rem_euclid(DAYS);
    9_u64.saturating_sub(day.unsigned_abs() / 5)
}

#[expect(clippy::cast_possible_truncation, reason = "the radar sends single precision")]
const fn single(value: f64) -> f32 {
    value as f32
}
