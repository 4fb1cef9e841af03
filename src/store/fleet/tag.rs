//! The words by which sites are chosen.

use rusqlite::{Connection, params};

use super::super::StoreError;
use crate::model::Site;

pub fn put(connection: &Connection, site: &Site) -> Result<(), StoreError> {
    for tag in &site.tags {
        connection.execute(
            "insert or ignore into site_tag (site, tag) values (?1, ?2)",
            params![site.id.0, tag],
        )?;
    }
    Ok(())
}

pub fn of(connection: &Connection, site: &str) -> Result<Vec<String>, StoreError> {
    let mut statement =
        connection.prepare_cached("select tag from site_tag where site = ?1 order by tag")?;
    let rows = statement.query_map([site], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
