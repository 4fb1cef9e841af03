//! Packs messages: zstd with a dictionary trained on the source's own messages, which takes an
//! envelope of 1 kB to some 70 bytes where plain zstd leaves 600.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;

use rusqlite::{Connection, OptionalExtension, params};
use zstd::bulk::{Compressor, Decompressor};

use super::StoreError;

const LEVEL: i32 = 1;

/// Messages of a source that are kept aside to train its dictionary on.
const SAMPLES: usize = 400;

/// Samples larger than this say little about the others and would crowd them out.
const SAMPLE_BYTES_MAX: usize = 8 * 1024;

const DICTIONARY_BYTES: usize = 16 * 1024;

/// No message is larger when unpacked: a damaged length must not take all memory.
const UNPACKED_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A message as it lies in the ledger.
pub struct Packed {
    pub bytes: Vec<u8>,
    pub dictionary: Option<i64>,
}

/// Packs for one writer; it learns a dictionary for each source.
pub struct Packer {
    plain: Compressor<'static>,
    trained: HashMap<String, (i64, Compressor<'static>)>,
    samples: HashMap<String, Vec<Vec<u8>>>,
}

impl Packer {
    pub fn open(connection: &Connection) -> Result<Self, StoreError> {
        let mut trained = HashMap::new();
        let mut statement =
            connection.prepare("select source, id, bytes from dictionary order by id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (source, id, bytes): (String, i64, Vec<u8>) =
                (row.get(0)?, row.get(1)?, row.get(2)?);
            if let Ok(compressor) = Compressor::with_dictionary(LEVEL, &bytes).and_then(checked) {
                trained.insert(source, (id, compressor));
            }
        }
        let plain = Compressor::new(LEVEL)
            .and_then(checked)
            .map_err(|error| StoreError::Unpack { uplink: 0, error })?;
        Ok(Self { plain, trained, samples: HashMap::new() })
    }

    pub fn pack(&mut self, source: &str, message: &[u8]) -> io::Result<Packed> {
        if let Some((id, compressor)) = self.trained.get_mut(source) {
            return Ok(Packed { bytes: compressor.compress(message)?, dictionary: Some(*id) });
        }
        if message.len() <= SAMPLE_BYTES_MAX {
            let samples = self.samples.entry(source.to_owned()).or_default();
            if samples.len() < SAMPLES {
                samples.push(message.to_vec());
            }
        }
        Ok(Packed { bytes: self.plain.compress(message)?, dictionary: None })
    }

    /// Trains a dictionary for each source that has sent enough, in the transaction of
    /// `connection`. A source whose messages do not train, because they are too few or too
    /// alike, goes on without.
    pub fn learn(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let ready: Vec<String> = self
            .samples
            .iter()
            .filter(|(_, samples)| samples.len() >= SAMPLES)
            .map(|(source, _)| source.clone())
            .collect();
        for source in ready {
            let samples = self.samples.remove(&source).unwrap_or_default();
            let Ok(bytes) = zstd::dict::from_samples(&samples, DICTIONARY_BYTES) else { continue };
            let Ok(compressor) = Compressor::with_dictionary(LEVEL, &bytes).and_then(checked)
            else {
                continue;
            };
            connection.execute(
                "insert into dictionary (source, bytes) values (?1, ?2)",
                params![source, bytes],
            )?;
            self.trained.insert(source, (connection.last_insert_rowid(), compressor));
        }
        Ok(())
    }
}

/// A compressor whose frames carry a checksum of the content (RFC 8878, section 3.1.1), so that a
/// damaged message is noticed and never read as another one.
fn checked(mut compressor: Compressor<'static>) -> io::Result<Compressor<'static>> {
    compressor.include_checksum(true)?;
    Ok(compressor)
}

/// Unpacks many messages, with each dictionary read only once.
#[derive(Default)]
pub struct Unpacker {
    known: HashMap<Option<i64>, Decompressor<'static>>,
}

impl Unpacker {
    pub fn unpack(
        &mut self,
        connection: &Connection,
        uplink: i64,
        packed: &[u8],
        dictionary: Option<i64>,
    ) -> Result<Vec<u8>, StoreError> {
        let damaged = |error| StoreError::Unpack { uplink, error };
        let decompressor = match self.known.entry(dictionary) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let bytes = dictionary_bytes(connection, dictionary)?;
                place.insert(decompressor(bytes.as_deref()).map_err(damaged)?)
            }
        };
        decompress(decompressor, packed).map_err(damaged)
    }
}

/// The message of a ledger row.
pub fn unpack(
    connection: &Connection,
    uplink: i64,
    packed: &[u8],
    dictionary: Option<i64>,
) -> Result<Vec<u8>, StoreError> {
    let damaged = |error| StoreError::Unpack { uplink, error };
    let bytes = dictionary_bytes(connection, dictionary)?;
    let mut decompressor = decompressor(bytes.as_deref()).map_err(damaged)?;
    decompress(&mut decompressor, packed).map_err(damaged)
}

fn dictionary_bytes(
    connection: &Connection,
    dictionary: Option<i64>,
) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(id) = dictionary else { return Ok(None) };
    let bytes = connection
        .prepare_cached("select bytes from dictionary where id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    Ok(bytes)
}

fn decompressor(dictionary: Option<&[u8]>) -> io::Result<Decompressor<'static>> {
    match dictionary {
        None => Decompressor::new(),
        Some(bytes) => Decompressor::with_dictionary(bytes),
    }
}

fn decompress(decompressor: &mut Decompressor<'_>, packed: &[u8]) -> io::Result<Vec<u8>> {
    let size = Decompressor::upper_bound(packed).unwrap_or(UNPACKED_BYTES_MAX);
    decompressor.decompress(packed, size.min(UNPACKED_BYTES_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_flipped_bit_turns_a_message_into_another() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "create table dictionary (id integer primary key, source text, bytes blob)",
            )
            .unwrap();
        let mut packer = Packer::open(&connection).unwrap();
        let message = |number: usize| {
            format!(r#"{{"devEui":"0e7a11fffe4c2d91","fCnt":{number},"data":"Bw2KDADB{number}"}}"#)
        };
        let plain = packer.pack("s", message(1).as_bytes()).unwrap();
        for number in 0..SAMPLES {
            packer.pack("s", message(number).as_bytes()).unwrap();
        }
        packer.learn(&connection).unwrap();
        let trained = packer.pack("s", message(1).as_bytes()).unwrap();
        assert!(plain.dictionary.is_none() && trained.dictionary.is_some());
        for packed in [plain, trained] {
            let mut found = 0;
            for bit in 0..packed.bytes.len() * 8 {
                let mut bytes = packed.bytes.clone();
                bytes[bit / 8] ^= 1 << (bit % 8);
                match Unpacker::default().unpack(&connection, 1, &bytes, packed.dictionary) {
                    Err(_) => found += 1,
                    // A bit of the frame's header has no meaning (RFC 8878, section 3.1.1.1.1.3).
                    Ok(unpacked) => assert_eq!(unpacked, message(1).into_bytes(), "bit {bit}"),
                }
            }
            assert!(found >= packed.bytes.len() * 8 - 8, "{found}");
        }
    }
}
