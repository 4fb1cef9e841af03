mod cache;
mod document;
mod fixture;
mod history;
mod leak;
mod list;
mod page;
mod staff;
mod watch;

use fixture::{Fixture, at};
