use std::collections::BTreeMap;

use anyhow::{Context, Result};
use rusqlite::Connection;
use zstd::bulk::Decompressor;

/// No message sent is larger.
const BYTES_MAX: usize = 1024 * 1024;

/// Unpacks stored messages with the dictionaries in the file, and with nothing of the service's.
pub struct Messages {
    plain: Decompressor<'static>,
    trained: BTreeMap<i64, Decompressor<'static>>,
}

impl Messages {
    pub fn open(store: &Connection) -> Result<Self> {
        let mut trained = BTreeMap::new();
        let mut statement = store.prepare("select id, bytes from dictionary")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let bytes: Vec<u8> = row.get(1)?;
            trained.insert(row.get(0)?, Decompressor::with_dictionary(&bytes)?);
        }
        Ok(Self { plain: Decompressor::new()?, trained })
    }

    pub fn unpack(&mut self, packed: &[u8], dictionary: Option<i64>) -> Result<Vec<u8>> {
        let decompressor = match dictionary {
            None => &mut self.plain,
            Some(id) => self.trained.get_mut(&id).with_context(|| format!("no dictionary {id}"))?,
        };
        Ok(decompressor.decompress(packed, BYTES_MAX)?)
    }
}
