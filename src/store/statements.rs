use std::cell::RefCell;

use rusqlite::{CachedStatement, Connection, Params};

use super::StoreError;

/// The statements of a batch. Each is looked up in the connection's cache when it is first needed and then stays at
/// hand: the look-up hashes the text, and costs as much as a small statement does.
pub(super) struct Statements<'w> {
    connection: &'w Connection,
    at_hand: RefCell<Vec<(&'static str, CachedStatement<'w>)>>,
}

impl<'w> Statements<'w> {
    pub fn new(connection: &'w Connection) -> Self {
        Self { connection, at_hand: RefCell::default() }
    }

    /// Runs a statement that returns nothing. Answers how many rows it has changed.
    pub fn execute(&self, sql: &'static str, params: impl Params) -> Result<usize, StoreError> {
        self.with(sql, |statement| statement.execute(params))
    }

    /// Uses a statement.
    pub fn with<T>(
        &self,
        sql: &'static str,
        work: impl FnOnce(&mut CachedStatement<'w>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut statement = self.take(sql)?;
        let done = work(&mut statement);
        self.at_hand.borrow_mut().push((sql, statement));
        Ok(done?)
    }

    /// A text is told by where it stands. One that stands in two places is two statements, which does no harm.
    fn take(&self, sql: &'static str) -> rusqlite::Result<CachedStatement<'w>> {
        let mut at_hand = self.at_hand.borrow_mut();
        match at_hand.iter().position(|(text, _)| std::ptr::eq(*text, sql)) {
            Some(place) => Ok(at_hand.swap_remove(place).1),
            None => self.connection.prepare_cached(sql),
        }
    }
}
