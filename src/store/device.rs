use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::codes::{micros, time};
use super::write::Batch;
use super::{StoreError, UplinkId};
use crate::model::{DevEui, DeviceEvent, EventDetail, Uplink, battery_status};

/// What is known of a device from the radio alone, registered or not.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceState {
    pub dev_eui: DevEui,
    pub first_heard_at: DateTime<Utc>,
    pub last_heard_at: DateTime<Utc>,
    pub last_uplink: UplinkId,
    /// The network server's name for it.
    pub name: Option<String>,
    /// What tells one join from the next.
    pub session: Option<String>,
    pub f_cnt: Option<u32>,
    /// Uplinks that were not duplicates.
    pub uplinks: u64,
    /// Uplinks that the frame counter says were sent and never arrived.
    pub lost: u64,
    /// Times the frame counter fell without a join: a restart of a device without joins.
    pub counter_resets: u64,
    pub rssi: Option<f64>,
    pub snr: Option<f64>,
    /// Gateways that heard the last uplink or a copy of it.
    pub gateway_count: Option<u32>,
    /// Those of them that the network server names.
    pub gateways: Vec<String>,
    pub joined_at: Option<DateTime<Utc>>,
    pub status_at: Option<DateTime<Utc>>,
    pub margin_db: Option<i32>,
    pub battery_percent: Option<f64>,
    pub external_power: Option<bool>,
    /// Longitude and latitude in degrees, where the network server has located it.
    pub location_deg: Option<(f64, f64)>,
}

/// A sign of life: the row of the ledger and when it was heard.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    pub uplink: UplinkId,
    pub at: DateTime<Utc>,
}

/// When and by whom a device was heard last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeardFrom {
    pub at: DateTime<Utc>,
    /// How often it reports, as learned.
    pub rhythm: Option<TimeDelta>,
    pub gateways: Vec<String>,
    /// The source that brought it.
    pub source: Option<String>,
}

/// How a frame counter moved since the device's last uplink in the same session.
struct CounterStep {
    /// −1 for a frame that had been counted as lost and was only late.
    lost: i64,
    reset: bool,
    /// The counter to remember: a late frame does not move it back.
    f_cnt: Option<u32>,
}

impl Batch<'_> {
    /// Takes note of an uplink that was not heard before. Returns how many before it are missing: −1 for one
    /// that had been missing itself.
    ///
    /// # Errors
    ///
    /// As the store's; the whole batch is then undone.
    pub fn heard_uplink(&mut self, heard: Heard, uplink: &Uplink) -> Result<i64, StoreError> {
        let device = self.heard_id(uplink.dev_eui)?;
        let before = self.statements.with(
            "select session, f_cnt from device_state where device = ?1",
            |statement| {
                let before = |row: &Row<'_>| {
                    let session = row.get_ref(0)?.as_str_or_null()?;
                    Ok((session == uplink.session(), row.get(1)?))
                };
                statement.query_row([device], before).optional()
            },
        )?;
        let step = match before {
            Some((true, f_cnt)) => step(f_cnt, uplink.f_cnt),
            _ => CounterStep { lost: 0, reset: false, f_cnt: uplink.f_cnt },
        };
        self.statements.execute(
                "insert into device_state (device, first_heard_at, last_heard_at, last_uplink, name,
                     session, f_cnt, uplinks, rssi, snr, gateway_count, gateways)
                 values (?1, ?2, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?8, ?9, ?12)
                 on conflict do update set
                     rhythm = case when excluded.last_heard_at <= last_heard_at then rhythm
                         when rhythm is null then excluded.last_heard_at - last_heard_at
                         else rhythm + (min(excluded.last_heard_at - last_heard_at, 3 * rhythm) - rhythm) / 8
                         end,
                     last_heard_at = max(last_heard_at, excluded.last_heard_at),
                     last_uplink = excluded.last_uplink,
                     name = coalesce(excluded.name, name),
                     session = excluded.session, f_cnt = excluded.f_cnt,
                     uplinks = uplinks + 1, lost = max(0, lost + ?10), counter_resets = counter_resets + ?11,
                     rssi = excluded.rssi, snr = excluded.snr, gateway_count = excluded.gateway_count,
                     gateways = excluded.gateways",
            params![
                device,
                micros(heard.at),
                heard.uplink.0,
                uplink.device_name,
                uplink.session(),
                step.f_cnt,
                uplink.radio.rssi,
                uplink.radio.snr,
                uplink.radio.gateway_count,
                step.lost,
                step.reset,
                listed(&uplink.radio.gateways),
            ],
        )?;
        if step.lost != 0 {
            self.connection
                .prepare_cached("update uplink set lost = ?2 where id = ?1")?
                .execute(params![heard.uplink.0, step.lost])?;
        }
        if let Some(raw) = uplink.battery_raw {
            self.heard_status(device, micros(heard.at), None, battery(None, None, Some(raw)))?;
        }
        Ok(step.lost)
    }

    /// When and by whom each device was heard last.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub fn heard_from(&self) -> Result<BTreeMap<DevEui, HeardFrom>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "select h.dev_eui, s.last_heard_at, s.rhythm, s.gateways, source.name
             from device_state s join heard h on h.id = s.device
             left join uplink u on u.id = s.last_uplink left join source on source.id = u.source",
        )?;
        let rows = statement.query_map([], |row| {
            let heard = HeardFrom {
                at: time(row.get(1)?),
                rhythm: row.get::<_, Option<i64>>(2)?.map(TimeDelta::microseconds),
                gateways: unlisted(row.get(3)?),
                source: row.get(4)?,
            };
            Ok((DevEui(row.get::<_, i64>(0)?.cast_unsigned()), heard))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Takes note of a copy of the device's last uplink: its gateways are added, and what was heard best
    /// counts. Loriot sends a frame at once and again when it has gathered the gateways, and the same frame
    /// may come by two servers.
    ///
    /// # Errors
    ///
    /// As the store's; the whole batch is then undone.
    pub fn heard_copy(&mut self, first: UplinkId, copy: &Uplink) -> Result<(), StoreError> {
        let device = self.heard_id(copy.dev_eui)?;
        let known = self
            .connection
            .prepare_cached(
                "select gateway_count, gateways, rssi, snr from device_state
                 where device = ?1 and last_uplink = ?2",
            )?
            .query_row([device, first.0], |row| {
                let (count, gateways): (Option<u32>, Option<String>) = (row.get(0)?, row.get(1)?);
                let (rssi, snr): (Option<f64>, Option<f64>) = (row.get(2)?, row.get(3)?);
                Ok((count, unlisted(gateways), rssi, snr))
            })
            .optional()?;
        let Some((count, mut all, rssi, snr)) = known else { return Ok(()) };
        all.extend(copy.radio.gateways.iter().cloned());
        all.sort_unstable();
        all.dedup();
        let count = [count, copy.radio.gateway_count, u32::try_from(all.len()).ok()];
        let count = count.into_iter().flatten().max().filter(|&count| count > 0);
        let rank = |snr: Option<f64>, rssi: Option<f64>| {
            (snr.unwrap_or(f64::NEG_INFINITY), rssi.unwrap_or(f64::NEG_INFINITY))
        };
        let is_better = rank(copy.radio.snr, copy.radio.rssi) > rank(snr, rssi);
        let (rssi, snr) = if is_better { (copy.radio.rssi, copy.radio.snr) } else { (rssi, snr) };
        self.connection
            .prepare_cached(
                "update device_state set gateway_count = ?2, gateways = ?3, rssi = ?4, snr = ?5
                 where device = ?1",
            )?
            .execute(params![device, count, listed(&all), rssi, snr])?;
        Ok(())
    }

    /// Takes note of a join, status or location, and of any other sign of life.
    ///
    /// # Errors
    ///
    /// As the store's; the whole batch is then undone.
    pub fn heard_event(&mut self, heard: Heard, event: &DeviceEvent) -> Result<(), StoreError> {
        if !event.detail.is_sign_of_life() {
            return Ok(());
        }
        let device = self.heard_id(event.dev_eui)?;
        let at = micros(heard.at);
        self.connection
            .prepare_cached(
                "insert into device_state (device, first_heard_at, last_heard_at, last_uplink)
                 values (?1, ?2, ?2, ?3)
                 on conflict do update set last_heard_at = max(last_heard_at, excluded.last_heard_at)",
            )?
            .execute(params![device, at, heard.uplink.0])?;
        match &event.detail {
            EventDetail::Join { dev_addr, session_id } => {
                self.connection
                    .prepare_cached(
                        "update device_state set joined_at = ?2, session = ?3, f_cnt = null
                         where device = ?1 and (joined_at is null or joined_at <= ?2)",
                    )?
                    .execute(params![device, at, session_id.as_ref().or(dev_addr.as_ref())])?;
            }
            EventDetail::Status { margin_db, battery_percent, external_power, battery_raw } => {
                let battery = battery(*battery_percent, *external_power, *battery_raw);
                self.heard_status(device, at, *margin_db, battery)?;
            }
            EventDetail::Location { latitude_deg, longitude_deg } => {
                self.connection
                    .prepare_cached(
                        "update device_state set longitude_deg = ?2, latitude_deg = ?3 where device = ?1",
                    )?
                    .execute(params![device, longitude_deg, latitude_deg])?;
            }
            EventDetail::JoinRequest
            | EventDetail::Ack { .. }
            | EventDetail::Txack
            | EventDetail::Downlink
            | EventDetail::CopyOfUplink
            | EventDetail::Log { .. }
            | EventDetail::Other(_) => {}
        }
        Ok(())
    }

    /// Uplinks that repeat the battery do not repeat the margin, which then stays.
    fn heard_status(
        &self,
        device: i64,
        at: i64,
        margin_db: Option<i32>,
        (battery_percent, external_power): (Option<f64>, Option<bool>),
    ) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "update device_state
                 set status_at = ?2, margin_db = coalesce(?3, margin_db), battery_percent = ?4,
                     external_power = ?5
                 where device = ?1 and (status_at is null or status_at <= ?2)",
            )?
            .execute(params![device, at, margin_db, battery_percent, external_power])?;
        Ok(())
    }
}

/// Per cent and external power, as the network server says or as its raw byte means.
fn battery(
    percent: Option<f64>,
    external_power: Option<bool>,
    raw: Option<u8>,
) -> (Option<f64>, Option<bool>) {
    raw.map_or((percent, external_power), |raw| {
        let (percent, external_power) = battery_status(raw);
        (percent, Some(external_power))
    })
}

/// Frames this far behind the last one are late; further behind, the counter has started again.
const LATE_FRAMES: u32 = 64;

fn step(before: Option<u32>, now: Option<u32>) -> CounterStep {
    let (Some(before), Some(now)) = (before, now) else {
        return CounterStep { lost: 0, reset: false, f_cnt: now };
    };
    if now > before {
        CounterStep { lost: i64::from(now - before - 1), reset: false, f_cnt: Some(now) }
    } else if before - now <= LATE_FRAMES && now != 0 {
        CounterStep { lost: -i64::from(now < before), reset: false, f_cnt: Some(before) }
    } else {
        CounterStep { lost: 0, reset: before != now, f_cnt: Some(now) }
    }
}

/// The state of one device.
pub(super) fn state(
    connection: &Connection,
    dev_eui: DevEui,
) -> Result<Option<DeviceState>, StoreError> {
    let state = connection
        .prepare_cached(
            "select s.* from device_state s join heard h on h.id = s.device where h.dev_eui = ?1",
        )?
        .query_row([dev_eui.0.cast_signed()], |row| from_row(dev_eui, row))
        .optional()?;
    Ok(state)
}

/// Gateways as they stand in the file, none where no name is known.
fn listed(gateways: &[String]) -> Option<String> {
    (!gateways.is_empty()).then(|| gateways.join("\n"))
}

fn unlisted(gateways: Option<String>) -> Vec<String> {
    gateways.map(|text| text.lines().map(str::to_owned).collect()).unwrap_or_default()
}

fn from_row(dev_eui: DevEui, row: &Row<'_>) -> rusqlite::Result<DeviceState> {
    let longitude_deg: Option<f64> = row.get("longitude_deg")?;
    let latitude_deg: Option<f64> = row.get("latitude_deg")?;
    Ok(DeviceState {
        dev_eui,
        first_heard_at: time(row.get("first_heard_at")?),
        last_heard_at: time(row.get("last_heard_at")?),
        last_uplink: UplinkId(row.get("last_uplink")?),
        name: row.get("name")?,
        session: row.get("session")?,
        f_cnt: row.get("f_cnt")?,
        uplinks: row.get("uplinks")?,
        lost: row.get("lost")?,
        counter_resets: row.get("counter_resets")?,
        rssi: row.get("rssi")?,
        snr: row.get("snr")?,
        gateway_count: row.get("gateway_count")?,
        gateways: unlisted(row.get("gateways")?),
        joined_at: row.get::<_, Option<i64>>("joined_at")?.map(time),
        status_at: row.get::<_, Option<i64>>("status_at")?.map(time),
        margin_db: row.get("margin_db")?,
        battery_percent: row.get("battery_percent")?,
        external_power: row.get("external_power")?,
        location_deg: longitude_deg.zip(latitude_deg),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_counted_and_late_frames_are_not() {
        // before, now: lost, reset, remembered
        let cases = [
            (Some(10), Some(11), 0, false, Some(11)),
            (Some(10), Some(13), 2, false, Some(13)),
            (Some(13), Some(11), -1, false, Some(13)),
            (Some(13), Some(13), 0, false, Some(13)),
            (Some(5000), Some(3), 0, true, Some(3)),
            (Some(7), Some(0), 0, true, Some(0)),
            (Some(65_535), Some(0), 0, true, Some(0)),
            (None, Some(9), 0, false, Some(9)),
            (Some(9), None, 0, false, None),
        ];
        for (before, now, lost, reset, remembered) in cases {
            let step = step(before, now);
            assert_eq!(
                (step.lost, step.reset, step.f_cnt),
                (lost, reset, remembered),
                "{before:?} {now:?}"
            );
        }
    }
}
