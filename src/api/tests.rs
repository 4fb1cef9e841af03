mod cache;
mod document;
mod fixture;
mod history;
mod ingest;
mod leak;
mod list;
mod page;
mod staff;
mod watch;

use fixture::{Fixture, at};
