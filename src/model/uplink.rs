use chrono::{DateTime, Utc};

use super::DevEui;

/// One uplink with its envelope taken off, whichever network server sent it.
///
/// `None` means that the envelope does not assert the value; it never stands for zero.
#[derive(Clone, Debug, PartialEq)]
pub struct Uplink {
    pub dev_eui: DevEui,
    /// 0–255; 0 also for a frame without port where the server says so by leaving it out.
    pub f_port: Option<u8>,
    /// The full 32-bit frame counter of the session.
    pub f_cnt: Option<u32>,
    /// The decrypted application payload; empty for a frame of MAC commands only.
    pub payload: Vec<u8>,
    /// The network server's own time of reception, as it gave it.
    pub server_time: Option<DateTime<Utc>>,
    pub radio: Radio,
    pub confirmed: Option<bool>,
    /// 8 lower-case hex digits; changes at each join.
    pub dev_addr: Option<String>,
    /// The network server's identity of this frame.
    pub dedup_id: Option<String>,
    pub device_name: Option<String>,
    /// The payload is still encrypted with the application key and must not be decoded.
    pub encrypted: bool,
    pub relay: Option<Relay>,
    /// The battery as the device last told it in DevStatusAns (LoRaWAN 1.0.4, section 5.5):
    /// 0 external power, 1–254 level, 255 unknown to the device.
    pub battery_raw: Option<u8>,
    /// Someone pressed a button at the network server; no device sent this.
    pub simulated: bool,
    /// A gateway kept the frame while it had no backhaul, so it may come out of order.
    pub late: bool,
    /// The network server's own identity of the session, where it has one.
    pub session_id: Option<String>,
}

/// How the frame was heard. Values are those of the best gateway: highest SNR, then RSSI.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Radio {
    /// dBm.
    pub rssi: Option<f64>,
    /// dB; none for FSK, where no such value exists.
    pub snr: Option<f64>,
    pub best_gateway: Option<String>,
    /// Distinct gateways, not antennas.
    pub gateway_count: Option<u32>,
    /// Those of them that the server names, in order.
    pub gateways: Vec<String>,
    /// Data rate index of the region.
    pub dr: Option<u8>,
    /// Spreading factor, 7–12.
    pub sf: Option<u8>,
    pub bandwidth_hz: Option<u32>,
    pub frequency_hz: Option<u32>,
}

/// The hop from the device to a LoRaWAN relay (TS011); `Radio` is then relay to gateway.
#[derive(Clone, Debug, PartialEq)]
pub struct Relay {
    pub dev_eui: DevEui,
    pub rssi: Option<f64>,
    pub snr: Option<f64>,
}

impl Uplink {
    /// An uplink of which nothing but device and payload is known.
    #[must_use]
    pub fn new(dev_eui: DevEui, payload: Vec<u8>) -> Self {
        Self {
            dev_eui,
            f_port: None,
            f_cnt: None,
            payload,
            server_time: None,
            radio: Radio::default(),
            confirmed: None,
            dev_addr: None,
            dedup_id: None,
            device_name: None,
            encrypted: false,
            relay: None,
            battery_raw: None,
            simulated: false,
            late: false,
            session_id: None,
        }
    }

    /// What tells one join from the next, for counters that start again at 0.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        self.session_id.as_deref().or(self.dev_addr.as_deref())
    }
}
