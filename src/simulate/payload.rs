//! The bytes that the simulated models send, in their makers' layouts.

use super::key::{whole_i8, whole_i16};

/// One value of an Elsys frame. Temperatures in °C, battery in mV, distance in mm.
#[derive(Clone, Copy, Debug)]
pub(super) enum Elsys {
    AirTemperature(f64),
    Humidity(u8),
    Battery(u16),
    Distance(u16),
    ExternalTemperature(f64),
}

/// What an ELT-2 reports for a probe that is not connected, °C.
pub(super) const ELSYS_NO_PROBE_CEL: f64 = -200.0;

/// An Elsys frame, sent on port 5: type byte and value, big-endian, in the order given.
pub(super) fn elsys(values: &[Elsys]) -> Vec<u8> {
    let tenths = |celsius: f64| whole_i16(celsius * 10.0).to_be_bytes();
    let mut bytes = Vec::with_capacity(3 * values.len());
    for value in values {
        match *value {
            Elsys::AirTemperature(celsius) => {
                bytes.push(0x01);
                bytes.extend(tenths(celsius));
            }
            Elsys::Humidity(percent) => bytes.extend([0x02, percent]),
            Elsys::Battery(millivolts) => {
                bytes.push(0x07);
                bytes.extend(millivolts.to_be_bytes());
            }
            Elsys::Distance(millimetres) => {
                bytes.push(0x0e);
                bytes.extend(millimetres.to_be_bytes());
            }
            Elsys::ExternalTemperature(celsius) => {
                bytes.push(0x0c);
                bytes.extend(tenths(celsius));
            }
        }
    }
    bytes
}

/// A reading of a VEGAPULS Air, sent on port 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vega {
    pub(super) packet: VegaPacket,
    /// m; NaN when there was no echo.
    pub(super) distance_m: f32,
    /// Remaining energy, %.
    pub(super) battery_percent: u8,
    /// Of the electronics, °C.
    pub(super) temperature_cel: f64,
    /// Degrees from the vertical, counted from either end.
    pub(super) inclination_deg: u8,
}

/// Which of the two families, and in it which packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VegaPacket {
    /// With NAMUR state, as set up by hand.
    P2 { namur: u8 },
    /// As delivered from the factory: no NAMUR state.
    P8,
}

pub(super) fn vega(reading: &Vega) -> Vec<u8> {
    const METRE: u8 = 45;
    const CELSIUS: u8 = 32;
    let mut bytes = Vec::with_capacity(11);
    match reading.packet {
        VegaPacket::P2 { namur } => bytes.extend([2, namur]),
        VegaPacket::P8 => bytes.push(8),
    }
    bytes.extend(reading.distance_m.to_be_bytes());
    bytes.extend([METRE, reading.battery_percent]);
    bytes.extend(whole_i16(reading.temperature_cel * 10.0).to_be_bytes());
    if reading.packet == VegaPacket::P8 {
        bytes.push(CELSIUS);
    }
    bytes.push(reading.inclination_deg);
    bytes
}

/// A data frame of a Qalcosonic W1 in the extended layouts, sent on port 100. Little-endian;
/// volumes in litres, times in Unix seconds.
#[derive(Clone, Debug)]
pub(super) struct W1 {
    pub(super) time: u32,
    pub(super) status: u8,
    pub(super) volume_l: u32,
    /// °C; present in the layout with temperature, which has one increment less.
    pub(super) temperature_cel: Option<f64>,
    pub(super) log_time: u32,
    pub(super) log_volume_l: u32,
    /// Litres in each hour after `log_time`.
    pub(super) increments_l: Vec<u16>,
}

/// Leak, as the temporary error of the status byte: class 001 and the bit of temporary errors.
pub(super) const W1_LEAK: u8 = 0b0011_0000;

pub(super) fn w1(frame: &W1) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(47);
    bytes.extend(frame.time.to_le_bytes());
    bytes.push(frame.status);
    bytes.extend(frame.volume_l.to_le_bytes());
    if let Some(celsius) = frame.temperature_cel {
        bytes.extend(whole_i16(celsius * 100.0).to_le_bytes());
    }
    bytes.extend(frame.log_time.to_le_bytes());
    bytes.extend(frame.log_volume_l.to_le_bytes());
    bytes.extend(frame.increments_l.iter().flat_map(|litres| litres.to_le_bytes()));
    bytes
}

/// A message of a TPS110; the port tells the two apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Tps110 {
    /// A vehicle came or left, port 1.
    Event { occupied: bool },
    /// Once a day, port 2, with the temperature of the unit in the pavement, °C.
    Heartbeat { occupied: bool, temperature_cel: f64 },
}

impl Tps110 {
    pub(super) const fn f_port(self) -> u8 {
        match self {
            Self::Event { .. } => 1,
            Self::Heartbeat { .. } => 2,
        }
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        match self {
            Self::Event { occupied } => vec![u8::from(occupied)],
            Self::Heartbeat { occupied, temperature_cel } => {
                vec![u8::from(occupied), whole_i8(temperature_cel).cast_unsigned()]
            }
        }
    }
}

/// A reading of a Decentlab DL-MBX, sent on port 1, big-endian.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mbx {
    pub(super) device_id: u16,
    pub(super) distance_mm: u16,
    /// How many of the fifteen shots came back.
    pub(super) valid_samples: u16,
    pub(super) battery_mv: u16,
}

pub(super) fn mbx(reading: &Mbx) -> Vec<u8> {
    const PROTOCOL: u8 = 2;
    const DISTANCE_AND_BATTERY: u16 = 0b11;
    let words = [
        reading.device_id,
        DISTANCE_AND_BATTERY,
        reading.distance_mm,
        reading.valid_samples,
        reading.battery_mv,
    ];
    let mut bytes = vec![PROTOCOL];
    bytes.extend(words.into_iter().flat_map(u16::to_be_bytes));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unix(text: &str) -> u32 {
        let time = chrono::DateTime::parse_from_rfc3339(text).unwrap();
        time.timestamp().try_into().unwrap()
    }

    fn vega_reading(packet: VegaPacket, temperature_cel: f64) -> Vega {
        Vega {
            packet,
            // The published 1.27438605 in single precision.
            distance_m: f32::from_bits(0x3fa3_1f15),
            battery_percent: 36,
            temperature_cel,
            inclination_deg: 9,
        }
    }

    #[test]
    fn published_readings_become_the_published_bytes() {
        let cases: Vec<(&str, Vec<u8>, &str)> = vec![
            (
                "ELT-2 in the water, Sundsvall",
                elsys(&[Elsys::Battery(3466), Elsys::ExternalTemperature(19.3)]),
                "070d8a0c00c1",
            ),
            (
                "ELT-2, air and water",
                elsys(&[Elsys::AirTemperature(20.0), Elsys::ExternalTemperature(15.0)]),
                "0100c80c0096",
            ),
            (
                "Elsys below zero",
                elsys(&[Elsys::AirTemperature(-5.0), Elsys::Humidity(80)]),
                "01ffce0250",
            ),
            (
                "ELT-2, probe missing",
                elsys(&[Elsys::ExternalTemperature(ELSYS_NO_PROBE_CEL)]),
                "0cf830",
            ),
            (
                "ELT Ultrasonic in winter",
                elsys(&[
                    Elsys::AirTemperature(-12.3),
                    Elsys::Humidity(91),
                    Elsys::Distance(1640),
                    Elsys::Battery(3631),
                ]),
                "01ff85025b0e0668070e2f",
            ),
            (
                "VEGA packet 2",
                vega(&vega_reading(VegaPacket::P2 { namur: 0 }, 25.0)),
                "02003fa31f152d2400fa09",
            ),
            ("VEGA packet 8", vega(&vega_reading(VegaPacket::P8, 26.0)), "083fa31f152d2401042009"),
            ("TPS110, occupied", Tps110::Event { occupied: true }.bytes(), "01"),
            ("TPS110, free", Tps110::Event { occupied: false }.bytes(), "00"),
            (
                "TPS110, heartbeat",
                Tps110::Heartbeat { occupied: true, temperature_cel: -1.0 }.bytes(),
                "01ff",
            ),
            (
                "DL-MBX",
                mbx(&Mbx { device_id: 303, distance_mm: 1234, valid_samples: 1, battery_mv: 2993 }),
                "02012f000304d200010bb1",
            ),
        ];
        for (name, bytes, want) in cases {
            assert_eq!(hex::encode(bytes), want, "{name}");
        }
    }

    #[test]
    fn published_meter_frames_become_the_published_bytes() {
        let leak = W1 {
            time: unix("2019-07-22T11:37:50Z"),
            status: W1_LEAK,
            volume_l: 13_609,
            temperature_cel: None,
            // Older firmware logs some minutes past the hour.
            log_time: 0x5d34_c054,
            log_volume_l: 10_727,
            increments_l: vec![
                184, 185, 184, 184, 184, 185, 184, 184, 184, 184, 184, 184, 185, 185, 185,
            ],
        };
        let with_temperature = W1 {
            time: unix("2020-09-09T12:32:21Z"),
            status: 124,
            volume_l: 302_578,
            temperature_cel: Some(25.78),
            log_time: 0x5f57_fee0,
            log_volume_l: 284_554,
            increments_l: vec![
                1229, 1227, 1228, 1229, 1226, 1220, 1221, 1220, 1264, 1254, 1244, 1238, 1465, 1401,
            ],
        };
        let cases = [
            (
                leak,
                "0ea0355d302935000054c0345de7290000b800b900b800b800b800b900b800b800b800b800b800b800b900b900b900",
            ),
            (
                with_temperature,
                "55cb585f7cf29d0400120ae0fe575f8a570400cd04cb04cc04cd04ca04c404c504c404f004e604dc04d604b9057905",
            ),
        ];
        for (frame, want) in cases {
            assert_eq!(hex::encode(w1(&frame)), want);
        }
    }
}
