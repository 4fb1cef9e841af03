//! A store as years would leave it, written in big transactions past the service.

use std::ops::Range;
use std::path::Path;

use anyhow::Result;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, Statement, params};
use stadspuls::store::{Store, StoreConfig};

use crate::load::{Load, PROFILE, QUANTITIES, dev_eui, mixed, site};

const MICROS_PER_HOUR: i64 = 3_600_000_000;
const HOURS_PER_DAY: i64 = 24;

/// Bytes of a message as they lie in the ledger, packed.
const PACKED_BYTES: usize = 150;

/// Makes a store in which each device of a load has been heard, its first uplinks among them.
/// Returns how many uplinks there are.
pub fn prefill(dir: &Path, load: &Load, uplinks: u64) -> Result<()> {
    // The service makes the file.
    drop(Store::open(&StoreConfig::in_dir(dir))?);
    let mut connection = Connection::open(dir.join("stadspuls.sqlite"))?;
    // What is cut off here is thrown away whole, so that nothing has to survive.
    connection.pragma_update(None, "journal_mode", "delete")?;
    connection.pragma_update(None, "journal_mode", "off")?;
    connection.pragma_update(None, "synchronous", "off")?;
    connection.pragma_update(None, "cache_size", -262_144)?;
    connection.pragma_update(None, "secure_delete", "off")?;
    let transaction = connection.transaction()?;
    put_fleet(&transaction, load.devices)?;
    put_devices(&transaction, load, uplinks)?;
    let mut rows = Rows::new(&transaction)?;
    let mut first = 0;
    while first < uplinks {
        let hour = hour_of(load.time(first));
        let mut end = first;
        while end < uplinks && hour_of(load.time(end)) == hour {
            end += 1;
        }
        rows.put_hour(load, hour, first..end)?;
        first = end;
    }
    drop(rows);
    transaction.commit()?;
    Ok(())
}

fn micros(time: DateTime<Utc>) -> i64 {
    time.timestamp_micros()
}

fn hour_of(time: DateTime<Utc>) -> i64 {
    micros(time).div_euclid(MICROS_PER_HOUR)
}

/// The ids of rows count from 1 and rise with the devices.
fn heard_id(device: u32) -> i64 {
    i64::from(device) + 1
}

fn series_id(device: u32, quantity: usize) -> i64 {
    i64::from(device) * QUANTITIES.len() as i64 + quantity as i64 + 1
}

fn put_fleet(connection: &Connection, devices: u32) -> Result<()> {
    let mut put_site = connection
        .prepare("insert into site (id, kind, name) values (?1, 'gauging_station', ?1)")?;
    let mut put_device =
        connection.prepare("insert into device (dev_eui, profile) values (?1, ?2)")?;
    let mut put_deployment = connection
        .prepare("insert into deployment (dev_eui, valid_from, site) values (?1, 0, ?2)")?;
    for device in 0..devices {
        let (dev_eui, site) = (dev_eui(device).cast_signed(), site(device));
        put_site.execute([&site])?;
        put_device.execute(params![dev_eui, PROFILE])?;
        put_deployment.execute(params![dev_eui, site])?;
    }
    Ok(())
}

fn put_devices(connection: &Connection, load: &Load, uplinks: u64) -> Result<()> {
    connection.execute(
        "insert into source (id, name, format) values (1, 'bench', 'chirpstack-v4-json')",
        [],
    )?;
    let mut put_heard = connection.prepare("insert into heard (id, dev_eui) values (?1, ?2)")?;
    let mut put_state = connection.prepare(
        "insert into device_state (device, first_heard_at, last_heard_at, last_uplink, name, session,
             f_cnt, uplinks, rssi, snr, gateway_count)
         values (?1, ?2, ?3, ?4, 'provgivare', '01a4c39e', 0, 1, -90, 5.5, 2)",
    )?;
    let mut put_series =
        connection.prepare("insert into series (id, site, quantity) values (?1, ?2, ?3)")?;
    let mut put_latest = connection.prepare(
        "insert into latest (series, time, value, quality, uplink) values (?1, ?2, 12.5, 0, ?3)",
    )?;
    let first = micros(load.time(0));
    let last = micros(load.time(uplinks.saturating_sub(1)));
    for device in 0..load.devices {
        let uplink = uplinks.max(1).cast_signed();
        put_heard.execute(params![heard_id(device), dev_eui(device).cast_signed()])?;
        put_state.execute(params![heard_id(device), first, last, uplink])?;
        for (nth, quantity) in QUANTITIES.iter().enumerate() {
            put_series.execute(params![series_id(device, nth), site(device), quantity])?;
            put_latest.execute(params![series_id(device, nth), last, uplink])?;
        }
    }
    Ok(())
}

/// What grows with each uplink, an hour at a time and each table in its own order.
struct Rows<'c> {
    uplink: Statement<'c>,
    of_device: Statement<'c>,
    seen: Statement<'c>,
    observation: Statement<'c>,
    change: Statement<'c>,
    hourly: Statement<'c>,
    message_hour: Statement<'c>,
}

impl<'c> Rows<'c> {
    fn new(connection: &'c Connection) -> Result<Self> {
        Ok(Self {
            uplink: connection.prepare(
                "insert into uplink (id, source, part, arrived_at, server_time, device, f_port, f_cnt,
                     outcome, topic_bytes, body_bytes, message)
                 values (?1, 1, 0, ?2, ?2, ?3, 5, ?4, 0, 90, 1300, ?5)",
            )?,
            of_device: connection.prepare("insert into uplink_of_device values (?1, ?2, ?3)")?,
            seen: connection.prepare("insert into seen values (?1, ?2, ?3)")?,
            observation: connection.prepare(
                "insert into observation (hour, series, time, value, quality, uplink)
                 values (?1, ?2, ?3, ?4, 0, ?5)",
            )?,
            change: connection.prepare("insert into change (series, time) values (?1, ?2)")?,
            hourly: connection.prepare(
                "insert or ignore into hourly values (?1, ?2, ?3, 6, 75.0, 12.0, 13.0)",
            )?,
            message_hour: connection.prepare("insert or ignore into message_hour values (?1)")?,
        })
    }

    fn put_hour(&mut self, load: &Load, hour: i64, numbers: Range<u64>) -> Result<()> {
        let message: Vec<u8> =
            (0..PACKED_BYTES as u64).map(|at| mixed(at, 1).to_le_bytes()[0]).collect();
        let mut by_device = Vec::new();
        let mut hashes = Vec::new();
        for number in numbers {
            let (id, device, time) =
                (number.cast_signed() + 1, load.device(number), micros(load.time(number)));
            let f_cnt = number / u64::from(load.devices);
            self.uplink.execute(params![id, time, heard_id(device), f_cnt, message])?;
            for quantity in 0..QUANTITIES.len() {
                self.change.execute([series_id(device, quantity), time])?;
            }
            by_device.push((device, time, id));
            hashes.push((mixed(number, 2).cast_signed(), id));
        }
        by_device.sort_unstable();
        hashes.sort_unstable();
        for (hash, id) in hashes {
            self.seen.execute([hour, hash, id])?;
        }
        for &(device, _, id) in &by_device {
            self.of_device.execute([hour, heard_id(device), id])?;
        }
        let mut observations: Vec<_> = (0..QUANTITIES.len())
            .flat_map(|nth| {
                by_device.iter().map(move |(d, time, id)| (series_id(*d, nth), *time, *id))
            })
            .collect();
        observations.sort_unstable();
        for (series, time, id) in observations {
            self.observation.execute(params![hour, series, time, 12.5, id])?;
            self.hourly.execute([hour.div_euclid(HOURS_PER_DAY), series, hour])?;
        }
        self.message_hour.execute([hour])?;
        Ok(())
    }
}
