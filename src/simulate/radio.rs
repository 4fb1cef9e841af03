//! How an uplink is heard: gateways, signal, data rate. A gateway, its place and its id are
//! invented; the relations between distance, signal and data rate are those of EU868.

use super::key::{Key, whole};

/// A gateway of the invented network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Gateway {
    pub(super) id: &'static str,
    /// WGS 84 degrees and metres above the sea; none where nobody has entered it.
    pub(super) place: Option<(f64, f64, f64)>,
    /// Whether it stamps frames with its own clock.
    pub(super) has_clock: bool,
}

const GATEWAYS: [Gateway; 5] = [
    Gateway { id: "0e7a11fffe0a0001", place: Some((57.9318, 12.5271, 121.0)), has_clock: true },
    Gateway { id: "0e7a11fffe0a0002", place: Some((57.9214, 12.5502, 98.0)), has_clock: false },
    Gateway { id: "0e7a11fffe0a0003", place: Some((57.8655, 12.4893, 142.0)), has_clock: true },
    Gateway { id: "0e7a11fffe0a0004", place: Some((58.0712, 12.5034, 117.0)), has_clock: false },
    Gateway { id: "0e7a11fffe0a0005", place: None, has_clock: false },
];

/// The eight uplink channels of EU868 as most networks set them up, Hz.
const CHANNELS_HZ: [u32; 8] = [
    868_100_000,
    868_300_000,
    868_500_000,
    867_100_000,
    867_300_000,
    867_500_000,
    867_700_000,
    867_900_000,
];

/// One copy of a frame, as one gateway heard it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reception {
    pub(super) gateway: Gateway,
    pub(super) rssi_dbm: i64,
    /// In steps of a quarter, as the radio chip gives it.
    pub(super) snr_db: f64,
}

/// A frame on the air.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    /// LoRaWAN data rate, 0…5.
    pub(super) data_rate: u8,
    pub(super) spreading_factor: u8,
    pub(super) frequency_hz: u32,
    /// Number of the channel, 0…7.
    pub(super) channel: u8,
    /// In no order: the first is not the best.
    pub(super) receptions: Vec<Reception>,
}

/// How the frame of `report` of a device is heard by one to three gateways.
pub(super) fn hear(device: Key, report: Key) -> Heard {
    let count = GATEWAYS.len() as u64;
    let nearest = device.named("gateway").below(count);
    let nearest_km = 0.4 + 5.5 * device.named("distance").unit();
    let data_rate = data_rate_at(nearest_km);
    let air = report.named("air");

    let mut receptions = Vec::with_capacity(3);
    for neighbour in 0..3 {
        let key = air.with(neighbour);
        // The nearest always hears it, since a frame that nobody hears is not published.
        if neighbour > 0 && key.named("missed").unit() < 0.25 + 0.2 * neighbour as f64 {
            continue;
        }
        let km = nearest_km + 2.5 * neighbour as f64;
        let place = usize::try_from((nearest + neighbour) % count).unwrap_or(0);
        if let Some(&gateway) = GATEWAYS.get(place) {
            receptions.push(receive(key, gateway, km));
        }
    }
    let turn = air.named("order").below(receptions.len().max(1) as u64);
    receptions.rotate_left(usize::try_from(turn).unwrap_or(0));

    let channel = u8::try_from(air.named("channel").below(8)).unwrap_or(0);
    Heard {
        data_rate,
        spreading_factor: 12 - data_rate,
        frequency_hz: CHANNELS_HZ.get(usize::from(channel)).copied().unwrap_or(868_100_000),
        channel,
        receptions,
    }
}

/// The data rate at which adaptive data rate settles.
fn data_rate_at(km: f64) -> u8 {
    match km {
        km if km < 1.5 => 5,
        km if km < 2.5 => 4,
        km if km < 3.5 => 3,
        km if km < 4.5 => 2,
        km if km < 5.3 => 1,
        _ => 0,
    }
}

fn receive(key: Key, gateway: Gateway, km: f64) -> Reception {
    let fading_db = 7.0 * key.named("fading").signed();
    let rssi = -88.0 - 32.0 * km.log10() + fading_db;
    // Thermal noise in 125 kHz is some −117 dBm; above 10 dB the chip's estimate saturates.
    let snr = (rssi + 117.0 + 2.0 * key.named("snr").signed()).clamp(-19.5, 10.5);
    Reception { gateway, rssi_dbm: whole(rssi), snr_db: (snr * 4.0).round() / 4.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn many() -> impl Iterator<Item = Heard> {
        (0..5_000).map(|n| hear(Key::new(n % 40), Key::new(n % 40).with(n)))
    }

    #[test]
    fn one_to_three_different_gateways_hear_a_frame() {
        let mut by_count = [0; 4];
        for heard in many() {
            let mut ids: Vec<_> = heard.receptions.iter().map(|r| r.gateway.id).collect();
            by_count[ids.len()] += 1;
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), heard.receptions.len());
        }
        assert_eq!(by_count[0], 0);
        assert!(by_count[1..].iter().all(|&count| count > 500), "{by_count:?}");
    }

    #[test]
    fn the_best_gateway_is_not_always_first() {
        let best_is_first = |heard: &Heard| {
            let first = heard.receptions[0].snr_db;
            heard.receptions.iter().all(|r| r.snr_db <= first)
        };
        let several: Vec<_> = many().filter(|heard| heard.receptions.len() > 1).collect();
        let firsts = several.iter().filter(|heard| best_is_first(heard)).count();
        assert!(firsts > several.len() / 5 && firsts < several.len() * 4 / 5);
    }

    #[test]
    fn signals_are_those_of_a_city() {
        for heard in many() {
            assert_eq!(heard.spreading_factor + heard.data_rate, 12);
            for reception in heard.receptions {
                assert!((-131..=-60).contains(&reception.rssi_dbm), "{reception:?}");
                assert!((-20.0..=11.0).contains(&reception.snr_db));
            }
        }
    }
}
