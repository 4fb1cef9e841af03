//! Posts to other people's servers over HTTP or HTTPS, and reads what their answers ask for.

mod answer;
mod client;
mod url;

pub use answer::{Retry, pause, shown};
pub use client::{Client, NoAnswer, Said, Timeouts, chain};
pub use url::{BadUrl, Url};
