//! As much of MQTT 5 and 3.1.1 as a publisher at QoS 1 and whoever listens in on a connection
//! need. Written out, so that a packet can be cut anywhere and each acknowledgement is seen.

use anyhow::{Result, bail, ensure};
use bytes::{Buf, BufMut, Bytes, BytesMut};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V311,
    V5,
}

pub const CONNACK: u8 = 2;
pub const PUBLISH: u8 = 3;
pub const PUBACK: u8 = 4;
pub const DISCONNECT: u8 = 14;

pub struct Packet {
    pub kind: u8,
    flags: u8,
    body: Bytes,
}

/// Takes one packet off what has been received, if it is all there.
pub fn take(input: &mut BytesMut) -> Result<Option<Packet>> {
    let mut length = 0_usize;
    for (at, byte) in input.iter().copied().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            let header = at + 2;
            if input.len() < header + length {
                return Ok(None);
            }
            let first = input.get_u8();
            input.advance(at + 1);
            let body = input.split_to(length).freeze();
            return Ok(Some(Packet { kind: first >> 4, flags: first & 0x0f, body }));
        }
        ensure!(at < 3, "not an MQTT packet");
    }
    Ok(None)
}

impl Packet {
    /// Topic and packet identifier of a publish at QoS 1.
    pub fn published(&self) -> Option<(String, u16)> {
        let mut body = self.body.clone();
        let length = usize::from(body.try_get_u16().ok()?);
        (self.kind == PUBLISH && (self.flags >> 1) & 3 > 0 && body.len() >= length + 2)
            .then(|| (String::from_utf8_lossy(&body.split_to(length)).into_owned(), body.get_u16()))
    }

    /// The packet identifier of an acknowledgement, and whether it is one.
    pub fn acknowledged(&self) -> Result<(u16, bool)> {
        let mut body = self.body.clone();
        let id = body.try_get_u16()?;
        let reason = if body.has_remaining() { body.get_u8() } else { 0 };
        // 0x10: nobody has subscribed, so the broker has dropped it.
        Ok((id, reason == 0))
    }

    pub fn check_accepted(&self) -> Result<()> {
        let code = self.body.get(1).copied();
        if self.kind != CONNACK || code != Some(0) {
            bail!("refused with packet {} and code {code:?}", self.kind);
        }
        Ok(())
    }
}

pub fn connect(out: &mut BytesMut, version: Version, client_id: &str, keep_alive: u16) {
    let mut body = BytesMut::new();
    text(&mut body, "MQTT");
    body.put_u8(if version == Version::V5 { 5 } else { 4 });
    // A clean start: what is not acknowledged is repeated from our own list.
    body.put_u8(2);
    body.put_u16(keep_alive);
    no_properties(&mut body, version);
    text(&mut body, client_id);
    packet(out, 1 << 4, &body);
}

pub fn publish(out: &mut BytesMut, version: Version, id: u16, topic: &str, payload: &[u8]) {
    let mut body = BytesMut::with_capacity(payload.len() + topic.len() + 5);
    text(&mut body, topic);
    body.put_u16(id);
    no_properties(&mut body, version);
    body.put_slice(payload);
    packet(out, PUBLISH << 4 | 0b0010, &body);
}

pub fn ping(out: &mut BytesMut) {
    packet(out, 12 << 4, &[]);
}

fn no_properties(body: &mut BytesMut, version: Version) {
    if version == Version::V5 {
        body.put_u8(0);
    }
}

fn text(body: &mut BytesMut, text: &str) {
    body.put_u16(u16::try_from(text.len()).unwrap_or(u16::MAX));
    body.put_slice(text.as_bytes());
}

fn packet(out: &mut BytesMut, first: u8, body: &[u8]) {
    out.put_u8(first);
    let mut left = body.len();
    loop {
        let byte = u8::try_from(left & 0x7f).unwrap_or(0);
        left >>= 7;
        out.put_u8(if left > 0 { byte | 0x80 } else { byte });
        if left == 0 {
            break;
        }
    }
    out.put_slice(body);
}
