//! What the sites of the fleet say of the quality of their quantities.

use std::time::Duration;

use rusqlite::{Connection, params};

use super::super::StoreError;
use crate::model::{Jump, QualityRule, QuantityName, Site};

pub fn put(connection: &Connection, site: &Site) -> Result<(), StoreError> {
    for QualityRule { quantity, min, max, jump, stuck_for } in &site.quality {
        connection.execute(
            "insert into site_quality (site, quantity, min, max, jump_step, jump_within_seconds,
                 stuck_for_seconds)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                site.id.0,
                quantity.0,
                min,
                max,
                jump.map(|jump| jump.step),
                jump.map(|jump| jump.within.as_secs()),
                stuck_for.map(|stuck_for| stuck_for.as_secs()),
            ],
        )?;
    }
    Ok(())
}

/// What a site says, by quantity.
pub fn of(connection: &Connection, site: &str) -> Result<Vec<QualityRule>, StoreError> {
    let mut statement = connection.prepare_cached(
        "select quantity, min, max, jump_step, jump_within_seconds, stuck_for_seconds
         from site_quality where site = ?1 order by quantity",
    )?;
    let rows = statement.query_map([site], |row| {
        let (step, within): (Option<f64>, Option<u64>) = (row.get(3)?, row.get(4)?);
        Ok(QualityRule {
            quantity: QuantityName::from(row.get::<_, String>(0)?.as_str()),
            min: row.get(1)?,
            max: row.get(2)?,
            jump: step
                .zip(within)
                .map(|(step, within)| Jump { step, within: Duration::from_secs(within) }),
            stuck_for: row.get::<_, Option<u64>>(5)?.map(Duration::from_secs),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
