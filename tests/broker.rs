//! A broker and the service that follows it: what each may do without anything being lost.

mod access;
mod certificates;
mod restarts;
mod sources;

use crate::support::{Message, Mosquitto, Up, WATER};

/// A source of this name at the broker, and further settings of it.
fn source(name: &str, broker: &Mosquitto, settings: &str) -> String {
    format!(
        "[source.{name}]\nbroker = \"mqtt://127.0.0.1:{}\"\nclient_id = \"stadspuls-{name}\"\n\
         filters = [\"application/#\"]\n{settings}\n",
        broker.port()
    )
}

/// Uplinks of one device, a second apart, with these frame counters.
fn uplinks(counters: std::ops::Range<u32>) -> Vec<Message> {
    let start = crate::support::ago(24 * 60);
    counters
        .map(|f_cnt| {
            let time = start + chrono::TimeDelta::seconds(f_cnt.into());
            Up::water(WATER, f_cnt, 100).at(time).message()
        })
        .collect()
}
