//! By what formats tell themselves apart: a few keys of the body, and the topic.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::fields::Scalar;
use crate::model::DevEui;

/// What a message shows of its format without being read as any.
pub struct Markers<'m> {
    topic: &'m str,
    body: &'m [u8],
    /// None if the body is no JSON.
    keys: Option<Keys<'m>>,
}

/// The formats of one family, which all write `devEUI` in these very letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum V3 {
    Base64,
    Hex,
    LoraServer,
    Milesight,
}

impl<'m> Markers<'m> {
    pub fn of(topic: &'m str, body: &'m [u8]) -> Self {
        Self { topic, body, keys: serde_json::from_slice(body).ok() }
    }

    /// Whether the body is an object with this key.
    pub fn has(&self, key: &str) -> bool {
        self.keys.as_ref().is_some_and(|keys| keys.has(key) && !keys.of_array)
    }

    /// The only format whose body is an array. A single object is its answer to a downlink.
    pub fn netmore(&self) -> bool {
        self.keys.as_ref().is_some_and(|keys| keys.has("devEui"))
    }

    pub fn live_objects(&self) -> bool {
        const DEVICE: &str = "urn:lo:nsid:lora:";
        self.has("streamId")
            && matches!(self.values().stream_id, Scalar::Text(id) if id.starts_with(DEVICE))
    }

    /// A report by its root key, an uplink without its root, or whatever comes on the topic of
    /// the operator's own examples.
    pub fn thingpark(&self) -> bool {
        const ROOTS: [&str; 2] = ["DevEUI_", "BS_alarm"];
        let Some(keys) = self.keys.as_ref().filter(|keys| !keys.of_array) else { return false };
        let is_root = |key: &Cow<'_, str>| ROOTS.iter().any(|root| key.starts_with(root));
        keys.names.iter().any(is_root)
            || keys.has("DevEUI") && (keys.has("payload_hex") || keys.has("FCntUp"))
            || self.topic.starts_with("mqtt/things/")
    }

    pub fn v3(&self) -> Option<V3> {
        const BASE64_DIGITS: [usize; 2] = [11, 12];
        if !self.has("devEUI") {
            let nested = self.has("obj") && self.values().obj.has("devEUI");
            return nested.then_some(V3::Milesight);
        }
        let Values { dev_eui: Scalar::Text(dev_eui), rx_info, .. } = self.values() else {
            return None;
        };
        if BASE64_DIGITS.contains(&dev_eui.len()) {
            Some(V3::Base64)
        } else if rx_info.has("gatewayID") {
            Some(V3::Hex)
        } else if self.has("time") {
            Some(V3::Milesight)
        } else if rx_info.has("mac") || self.topic.ends_with("/rx") {
            Some(V3::LoraServer)
        } else if self.topic.contains("/event/") {
            Some(V3::Hex)
        } else {
            // A gateway of Milesight's can be told to leave out everything else.
            self.has("data").then_some(V3::Milesight)
        }
    }

    /// Whether the device that a binary message names is in the topic too. Almost any bytes are
    /// some protobuf, so nothing less is certain.
    pub fn names_device(&self, device: fn(topic: &str, body: &[u8]) -> Option<DevEui>) -> bool {
        self.keys.is_none()
            && self.topic.contains("/event/")
            && device(self.topic, self.body).is_some_and(|device| {
                self.topic.split('/').any(|level| level.parse() == Ok(device))
            })
    }

    fn values(&self) -> Values<'m> {
        serde_json::from_slice(self.body).unwrap_or_default()
    }
}

/// The few values that are markers.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Values<'b> {
    #[serde(borrow, rename = "devEUI")]
    dev_eui: Scalar<'b>,
    #[serde(borrow, rename = "streamId")]
    stream_id: Scalar<'b>,
    #[serde(borrow, rename = "rxInfo")]
    rx_info: Keys<'b>,
    #[serde(borrow)]
    obj: Keys<'b>,
}

/// The keys of an object, or of the first object of an array; none of anything else.
#[derive(Default)]
struct Keys<'b> {
    of_array: bool,
    names: Vec<Cow<'b, str>>,
}

impl Keys<'_> {
    fn has(&self, key: &str) -> bool {
        self.names.iter().any(|name| name == key)
    }
}

impl<'de: 'b, 'b> Deserialize<'de> for Keys<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyKeys)
    }
}

struct AnyKeys;

impl<'de> Visitor<'de> for AnyKeys {
    type Value = Keys<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys<'de>, A::Error> {
        let mut keys = Keys::default();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            map.next_value::<IgnoredAny>()?;
            keys.names.push(key);
        }
        Ok(keys)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Keys<'de>, A::Error> {
        let first = seq.next_element::<Keys<'de>>()?.unwrap_or_default();
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Keys { of_array: true, ..first })
    }

    fn visit_unit<E: Error>(self) -> Result<Keys<'de>, E> {
        Ok(Keys::default())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Keys<'de>, E> {
        Ok(Keys::default())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Keys<'de>, E> {
        Ok(Keys::default())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Keys<'de>, E> {
        Ok(Keys::default())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Keys<'de>, E> {
        Ok(Keys::default())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Keys<'de>, E> {
        Ok(Keys::default())
    }
}
