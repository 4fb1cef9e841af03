//! What is known of the counters of the fleet's sites.

use chrono::{NaiveTime, Timelike};
use rusqlite::{Connection, OptionalExtension, params};

use super::super::StoreError;
use crate::model::{Direction, Lot, Site};

pub fn put(connection: &Connection, site: &Site) -> Result<(), StoreError> {
    let id = &site.id.0;
    if let Some(inwards) = site.direction {
        connection.execute(
            "insert into direction (site, inwards) values (?1, ?2)",
            params![id, inwards.name()],
        )?;
    }
    if let Some(Lot { capacity, offset, reset_at }) = site.lot {
        connection.execute(
            "insert into lot (site, capacity, offset, reset_at_seconds) values (?1, ?2, ?3, ?4)",
            params![id, capacity, offset, reset_at.num_seconds_from_midnight()],
        )?;
    }
    Ok(())
}

/// The direction that leads in; none for one of a later version, of which nothing is derived.
pub fn direction(connection: &Connection, site: &str) -> Result<Option<Direction>, StoreError> {
    let name: Option<String> = connection
        .prepare_cached("select inwards from direction where site = ?1")?
        .query_row([site], |row| row.get(0))
        .optional()?;
    Ok(name.and_then(|name| Direction::from_name(&name)))
}

pub fn lot(connection: &Connection, site: &str) -> Result<Option<Lot>, StoreError> {
    let found: Option<(u32, u32, u32)> = connection
        .prepare_cached("select capacity, offset, reset_at_seconds from lot where site = ?1")?
        .query_row([site], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    Ok(found.and_then(|(capacity, offset, seconds)| {
        let reset_at = NaiveTime::from_num_seconds_from_midnight_opt(seconds, 0)?;
        Some(Lot { capacity, offset, reset_at })
    }))
}
