//! Who is in the fleet. The files in `config/demo` register the same sensors at the same sites.

use chrono::{DateTime, TimeDelta, Utc};

use super::meter::Meter;
use super::parking::Bay;
use super::payload::VegaPacket;
use super::sensor::{BathFault, Instrument, Sensor, SnowMaker};
use super::weather::Lake;
use crate::model::DevEui;

/// A block of DevEUIs that no maker has: the invented sensors are numbered within it.
const BLOCK: u64 = 0x0e7a_11ff_fe0d_0000;

/// Unix seconds of 2026-01-01T00:00:00Z, when all of them went into service.
const IN_SERVICE_S: i64 = 1_767_225_600;

/// Unix seconds of 2026-05-04T09:00:00Z, when the sensor at Playa Mjörn was replaced.
const SWAPPED_S: i64 = 1_777_885_200;

pub(super) fn demo(started: DateTime<Utc>) -> Vec<Sensor> {
    let mut sensors = baths();
    sensors.extend(gauges(started));
    sensors.extend(meters());
    sensors.extend(bays());
    sensors.extend(snow_stations());
    sensors
}

fn at(unix_s: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(unix_s, 0).unwrap_or_default()
}

fn sensor(
    number: u64,
    name: &'static str,
    profile: &'static str,
    site: Option<&'static str>,
    instrument: Instrument,
) -> Sensor {
    let dev_eui = DevEui(BLOCK | number);
    Sensor { dev_eui, name, profile, site, from: at(IN_SERVICE_S), until: None, instrument }
}

fn baths() -> Vec<Sensor> {
    use BathFault::{CutsPayload, LiesOnJetty, LosesProbe};
    use Lake::{Anten, Gerdsken, Mjorn, Savelangen, StoraFargen};
    let rows = [
        (0x101, "bad-ingared", "ingared", Savelangen, 0.1, 10, None),
        (0x102, "bad-bergsjodalsviken", "bergsjodalsviken", Mjorn, -0.2, 10, None),
        (0x103, "bad-lovekulle", "lovekulle-camping", Mjorn, 0.0, 10, None),
        (0x104, "bad-playa-mjorn-1", "playa-mjorn", Mjorn, 0.3, 10, None),
        (0x105, "bad-grafsnas", "grafsnas-slottspark", Anten, 0.0, 10, None),
        (0x106, "bad-lygnared", "lygnareds-camping", StoraFargen, 0.0, 10, None),
        (0x107, "bad-linneback", "gerdsken-linneback", Gerdsken, -0.1, 10, None),
        (0x108, "bad-kabelbadet", "gerdsken-kabelbadet", Gerdsken, 0.0, 10, Some(LiesOnJetty)),
        (0x109, "bad-angabobadet", "angabobadet", Gerdsken, 0.2, 10, Some(CutsPayload)),
        (0x10a, "bad-sandbadet", "sandbadet", Gerdsken, 0.4, 10, Some(LosesProbe)),
        (0x10b, "bad-tarzanbadet", "tarzanbadet", Gerdsken, -0.3, 15, None),
        (0x10c, "bad-playa-mjorn-2", "playa-mjorn", Mjorn, 0.3, 10, None),
    ];
    let mut sensors: Vec<Sensor> = rows
        .into_iter()
        .map(|(number, name, site, lake, offset_k, minutes, fault)| {
            let every = TimeDelta::minutes(minutes);
            // The municipal three, which nobody has published, send the air as well.
            let with_air = (0x109..=0x10b).contains(&number);
            let instrument = Instrument::Bath { lake, offset_k, every, with_air, fault };
            sensor(number, name, "elsys/elt-2", Some(site), instrument)
        })
        .collect();

    for bath in &mut sensors {
        match bath.name {
            "bad-playa-mjorn-1" => bath.until = Some(at(SWAPPED_S)),
            "bad-playa-mjorn-2" => bath.from = at(SWAPPED_S),
            _ => {}
        }
    }
    // Somebody has put this one into the network and not yet into the register.
    let every = TimeDelta::minutes(30);
    let instrument =
        Instrument::Bath { lake: Mjorn, offset_k: -0.4, every, with_air: false, fault: None };
    sensors.push(sensor(0xf01, "elt-2-ny", "elsys/elt-2", None, instrument));
    sensors
}

fn gauges(started: DateTime<Utc>) -> Vec<Sensor> {
    let by_hand = VegaPacket::P2 { namur: 0 };
    let factory = VegaPacket::P8;
    let rows = [
        (0x201, "niva-savean-nolhaga", "savean-nolhaga", 3.42, 0.35, 0.0, by_hand),
        (0x202, "niva-savean-jarnvagen", "savean-jarnvagsbron", 4.18, 0.4, 0.1, by_hand),
        (0x203, "niva-mjorn", "mjorn-utlopp", 2.65, 0.12, 0.6, factory),
        (0x204, "niva-anten", "anten-utlopp", 2.31, 0.1, 0.4, factory),
        (0x205, "niva-mellbyan", "mellbyan", 2.94, 0.3, -0.2, by_hand),
        (0x206, "niva-gerdsken", "gerdsken-utlopp", 1.87, 0.08, 0.3, factory),
    ];
    rows.into_iter()
        .map(|(number, name, site, mean_distance_m, range_m, delay_days, packet)| {
            let battery_is_low = site == "mellbyan";
            let instrument =
                Instrument::Gauge { mean_distance_m, range_m, delay_days, packet, battery_is_low };
            let mut gauge = sensor(number, name, "vega/vegapuls-air", Some(site), instrument);
            if site == "anten-utlopp" {
                gauge.until = started.checked_sub_signed(TimeDelta::days(2));
            }
            gauge
        })
        .collect()
}

fn meters() -> Vec<Sensor> {
    let rows = [
        (0x301, "va-matare-01", "va-01", 310.0, 0.0, false),
        (0x302, "va-matare-02", "va-02", 1240.0, 0.0, false),
        (0x303, "va-matare-03", "va-03", 180.0, 0.0, true),
        (0x304, "va-matare-04", "va-04", 760.0, 0.0, false),
        (0x305, "va-matare-05", "va-05", 420.0, 0.0, false),
        (0x306, "va-matare-06", "va-06", 2650.0, 0.0, true),
        (0x307, "va-matare-07", "va-07", 540.0, 64.0, false),
        (0x308, "va-matare-08", "va-08", 95.0, 0.0, false),
        (0x309, "va-matare-09", "va-09", 880.0, 0.0, true),
        (0x30a, "va-matare-10", "va-10", 270.0, 0.0, false),
    ];
    rows.into_iter()
        .map(|(number, name, site, daily_l, leak_l_per_h, with_temperature)| {
            let instrument = Instrument::Meter(Meter { daily_l, leak_l_per_h, with_temperature });
            sensor(number, name, "axioma/qalcosonic-w1", Some(site), instrument)
        })
        .collect()
}

fn bays() -> Vec<Sensor> {
    let rows = [
        (0x401, "p-stora-torget-1", "p-stora-torget-1", 7),
        (0x402, "p-stora-torget-2", "p-stora-torget-2", 6),
        (0x403, "p-jarnvagsstationen-1", "p-jarnvagsstationen-1", 3),
        (0x404, "p-jarnvagsstationen-2", "p-jarnvagsstationen-2", 2),
        (0x405, "p-lasarettet-1", "p-lasarettet-1", 8),
        (0x406, "p-lasarettet-2", "p-lasarettet-2", 8),
        (0x407, "p-kulturhuset", "p-kulturhuset", 5),
        (0x408, "p-nolhaga-park", "p-nolhaga-park", 4),
    ];
    rows.into_iter()
        .map(|(number, name, site, visits_a_day)| {
            let instrument = Instrument::Bay(Bay { visits_a_day });
            sensor(number, name, "bosch/tps110", Some(site), instrument)
        })
        .collect()
}

fn snow_stations() -> Vec<Sensor> {
    use SnowMaker::{Decentlab, Elsys};
    let rows = [
        (0x501, "sno-hjortmarka", "elsys/elt-ultrasonic", 3.2, 1.0, Elsys),
        (0x502, "sno-hemsjo", "elsys/elt-ultrasonic", 3.05, 0.85, Elsys),
        (0x503, "sno-sollebrunn", "decentlab/dl-mbx", 2.9, 1.1, Decentlab),
        (0x504, "sno-ingared", "decentlab/dl-mbx", 3.0, 0.8, Decentlab),
    ];
    rows.into_iter()
        .map(|(number, site, profile, ground_m, snow_factor, maker)| {
            let instrument = Instrument::Snow { ground_m, snow_factor, maker };
            sensor(number, site, profile, Some(site), instrument)
        })
        .collect()
}
