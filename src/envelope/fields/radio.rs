use std::borrow::Cow;

use base64::Engine;

use super::super::EnvelopeError;
use super::{STANDARD, Scalar, bare_hex, unfit};
use crate::model::Radio;

/// One gateway's copy of a frame.
pub struct Reception<'a> {
    /// Empty if the server does not say which gateway it was.
    pub gateway: Cow<'a, str>,
    pub rssi: Option<f64>,
    pub snr: Option<f64>,
}

/// The best copy, which is the one with the highest SNR, then RSSI, and the number of distinct
/// gateways; one gateway may list a copy for each of its antennas.
pub fn best_reception(receptions: &[Reception<'_>]) -> Radio {
    let rank = |copy: &&Reception<'_>| {
        (copy.snr.unwrap_or(f64::NEG_INFINITY), copy.rssi.unwrap_or(f64::NEG_INFINITY))
    };
    let best = receptions.iter().max_by(|a, b| {
        let (a, b) = (rank(a), rank(b));
        a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
    });
    let mut gateways: Vec<&str> = receptions.iter().map(|copy| &*copy.gateway).collect();
    gateways.sort_unstable();
    gateways.dedup();
    Radio {
        rssi: best.and_then(|copy| copy.rssi),
        snr: best.and_then(|copy| copy.snr),
        best_gateway: best
            .map(|copy| copy.gateway.to_string())
            .filter(|gateway| !gateway.is_empty()),
        gateway_count: u32::try_from(gateways.len()).ok(),
        gateways: gateways
            .into_iter()
            .filter(|gateway| !gateway.is_empty())
            .map(str::to_owned)
            .collect(),
        ..Radio::default()
    }
}

/// A gateway's id in lower-case hexadecimal digits, whether it comes as those or as the base64
/// of its 8 bytes; any other name as it is.
pub fn gateway(text: &str) -> Cow<'_, str> {
    const ID_BYTES: usize = 8;
    let bare = bare_hex(text);
    if !bare.is_empty() && bare.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return if bare == text { Cow::Borrowed(text) } else { Cow::Owned(bare) };
    }
    match STANDARD.decode(text) {
        Ok(bytes) if bytes.len() == ID_BYTES => Cow::Owned(hex::encode(bytes)),
        _ => Cow::Borrowed(text),
    }
}

/// Hz from MHz. A frequency such as 868.3 has no exact binary form and Helium's are of single
/// precision; channels lie on whole multiples of 100 Hz (LoRaWAN Regional Parameters).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked first"
)]
pub fn megahertz(field: &'static str, value: &Scalar<'_>) -> Result<Option<u32>, EnvelopeError> {
    const CHANNEL_HZ: f64 = 100.0;
    const HIGHEST_MHZ: f64 = 4000.0;
    let Some(megahertz) = value.number(field)? else { return Ok(None) };
    if !(0.0..HIGHEST_MHZ).contains(&megahertz) {
        return Err(value.unfit(field, "a frequency in MHz"));
    }
    Ok(Some((megahertz * 1e6 / CHANNEL_HZ).round() as u32 * 100))
}

/// Hz from whole kHz.
pub fn kilohertz(field: &'static str, value: &Scalar<'_>) -> Result<Option<u32>, EnvelopeError> {
    let Some(kilohertz) = value.count(field)? else { return Ok(None) };
    let hertz = kilohertz.checked_mul(1000);
    hertz.map(Some).ok_or_else(|| value.unfit(field, "a bandwidth in kHz"))
}

/// Spreading factor and bandwidth in Hz of a text such as `SF9BW125` or `SF9 BW125 4/5`; neither
/// for FSK, which has none.
pub fn data_rate(
    field: &'static str,
    text: &str,
) -> Result<(Option<u8>, Option<u32>), EnvelopeError> {
    let wanted = "a data rate such as SF9BW125";
    let Some(rate) = text.strip_prefix("SF") else {
        let is_other = text.starts_with("FSK") || text.parse::<u32>().is_ok();
        return if is_other { Ok((None, None)) } else { Err(unfit(field, text, wanted)) };
    };
    let read = || {
        let (sf, rest) = rate.split_once("BW")?;
        let kilohertz: u32 = rest.split_whitespace().next()?.parse().ok()?;
        Some((sf.trim().parse().ok()?, kilohertz.checked_mul(1000)?))
    };
    let (sf, bandwidth_hz) = read().ok_or_else(|| unfit(field, text, wanted))?;
    Ok((Some(sf), Some(bandwidth_hz)))
}

/// Spreading factor and bandwidth in Hz of a data rate of the EU868 band (LoRaWAN Regional
/// Parameters, RP002-1.0.4, table 2); none for FSK and LR-FHSS.
pub const fn eu868(dr: u8) -> Option<(u8, u32)> {
    match dr {
        0..=5 => Some((12 - dr, 125_000)),
        6 => Some((7, 250_000)),
        _ => None,
    }
}
