//! The way of an uplink from a publisher to what can be read of it.

mod codecs;
mod duplicates;
mod history;
mod outcomes;
mod values;

use crate::support::Home;

/// A service with an embedded listener that recognises formats, and nothing else.
fn with_listener() -> Home {
    let home = Home::new();
    home.configure("[listener.inside]\nbind = \"127.0.0.1:0\"\n");
    home
}
