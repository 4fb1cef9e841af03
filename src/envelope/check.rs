//! What must hold of a reader whatever it is given: the function that the fuzz targets call, and
//! on stable the property tests.

use super::{Content, EnvelopeError, recognise, unwrap};
use crate::model::{Format, Uplink};

/// Topics as they come, since some formats read theirs.
const TOPICS: [&str; 8] = [
    "application/1/device/0e7a11fffe4c2d91/event/up",
    "application/1/device/0e7a11fffe4c2d91/event/join",
    "application/1/device/0e7a11fffe4c2d91/event/status",
    "application/1/device/0e7a11fffe4c2d91/event/log",
    "application/1/device/0e7a11fffe4c2d91/event/location",
    "application/7/device/0e7a11fffe51a0c4/rx",
    "mqtt/things/0E7A11FFFE80D0F4/uplink",
    "",
];

/// Reads any bytes as a format, on every kind of topic.
///
/// # Errors
///
/// With a sentence if something untrue comes out: more than went in, a number that is none, or
/// another result by `auto` than by the name of the format it chose.
pub fn check(format: Format, body: &[u8]) -> Result<(), String> {
    for topic in TOPICS {
        let read = unwrap(format, topic, body);
        for content in read.iter().flatten() {
            let Content::Uplink(uplink) = content else { continue };
            check_uplink(uplink, body)
                .map_err(|what| format!("{} on {topic:?}: {what}: {uplink:?}", format.name()))?;
        }
        let chosen = recognise(topic, body);
        let by_name =
            chosen.map_or(Err(EnvelopeError::Unrecognised), |chosen| unwrap(chosen, topic, body));
        if unwrap(Format::Auto, topic, body) != by_name {
            return Err(format!("auto on {topic:?} differs from {chosen:?}"));
        }
    }
    Ok(())
}

fn check_uplink(uplink: &Uplink, body: &[u8]) -> Result<(), &'static str> {
    let radio = &uplink.radio;
    if uplink.payload.len() > body.len() {
        return Err("the payload is longer than the message");
    }
    if [radio.rssi, radio.snr].into_iter().flatten().any(|value| !value.is_finite()) {
        return Err("a value that is no number");
    }
    if radio.best_gateway.is_some() && radio.gateway_count.is_none_or(|gateways| gateways == 0) {
        return Err("a best gateway of none");
    }
    if radio.best_gateway.as_ref().is_some_and(|best| !radio.gateways.contains(best)) {
        return Err("a best gateway that is not among those that heard it");
    }
    if uplink.dev_addr.as_ref().is_some_and(String::is_empty) {
        return Err("an empty address");
    }
    Ok(())
}
