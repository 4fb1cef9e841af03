//! How the gauging stations of the fleet are rated.

use rusqlite::{Connection, params};

use super::super::StoreError;
use super::super::codes::{micros, time};
use crate::model::{Backwater, BackwaterCause, Rating, Segment, Site};

pub fn put(connection: &Connection, site: &Site) -> Result<(), StoreError> {
    let id = &site.id.0;
    for Rating { from, until, segments } in &site.ratings {
        let from = micros(*from);
        connection.execute(
            "insert into rating (site, valid_from, valid_until) values (?1, ?2, ?3)",
            params![id, from, until.map(micros)],
        )?;
        for Segment { from_m, to_m, factor, zero_m, exponent } in segments {
            connection.execute(
                "insert into rating_segment (site, valid_from, from_m, to_m, factor, zero_m, exponent)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![id, from, from_m, to_m, factor, zero_m, exponent],
            )?;
        }
    }
    for Backwater { from, until, cause } in &site.backwaters {
        connection.execute(
            "insert into backwater (site, valid_from, valid_until, cause) values (?1, ?2, ?3, ?4)",
            params![id, micros(*from), until.map(micros), cause.name()],
        )?;
    }
    Ok(())
}

/// The rating curves of a site, in order of time.
pub fn ratings(connection: &Connection, site: &str) -> Result<Vec<Rating>, StoreError> {
    let mut statement = connection.prepare_cached(
        "select valid_from, valid_until from rating where site = ?1 order by valid_from",
    )?;
    let rows = statement
        .query_map([site], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?)))?;
    let mut ratings = Vec::new();
    for row in rows {
        let (from, until) = row?;
        let segments = segments(connection, site, from)?;
        ratings.push(Rating { from: time(from), until: until.map(time), segments });
    }
    Ok(ratings)
}

fn segments(connection: &Connection, site: &str, from: i64) -> Result<Vec<Segment>, StoreError> {
    let mut statement = connection.prepare_cached(
        "select from_m, to_m, factor, zero_m, exponent from rating_segment
         where site = ?1 and valid_from = ?2 order by from_m",
    )?;
    let rows = statement.query_map(params![site, from], |row| {
        Ok(Segment {
            from_m: row.get(0)?,
            to_m: row.get(1)?,
            factor: row.get(2)?,
            zero_m: row.get(3)?,
            exponent: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// When something held the water of a site back, in order of time.
pub fn backwaters(connection: &Connection, site: &str) -> Result<Vec<Backwater>, StoreError> {
    let mut statement = connection.prepare_cached(
        "select valid_from, valid_until, cause from backwater where site = ?1 order by valid_from",
    )?;
    let rows = statement.query_map([site], |row| {
        let cause: String = row.get(2)?;
        // A cause of a later version holds the water back all the same.
        let cause = BackwaterCause::from_name(&cause).unwrap_or(BackwaterCause::Downstream);
        Ok(Backwater {
            from: time(row.get(0)?),
            until: row.get::<_, Option<i64>>(1)?.map(time),
            cause,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
