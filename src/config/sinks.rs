use std::path::{Path, PathBuf};

use super::values::secret;
use super::{positive, set};
use crate::document::Section;
use crate::sink::influxdb::{BadUrl, Config, Limits, Url};

/// Reads `[sink.influxdb]`.
pub fn read(section: &Section<'_>, base: &Path) -> Option<Config> {
    let url = url(section);
    let (org, bucket) = (name(section, "org"), name(section, "bucket"));
    let token = secret(section, "token", base);
    if token.is_none() && section.is_table("token").is_none() {
        section.refuse("token", "{ env = \"NAME\" } or { file = \"path\" }");
    }
    let authority = section.optional::<PathBuf>("authority").map(|path| base.join(path));
    let limits = limits(section);
    let url = url?;
    if authority.is_some() && !url.is_tls {
        section.refuse("url", "https:// where there is an authority");
    }
    Some(Config { url, org: org?, bucket: bucket?, token: token?, authority, limits })
}

fn url(section: &Section<'_>) -> Option<Url> {
    const WANTED: &str = "http://host:8086 or https://host, without user and password";
    match section.required::<String>("url")?.parse() {
        Ok(url) => return Some(url),
        Err(BadUrl::Credentials) => section.refuse_unshown("url", WANTED),
        Err(BadUrl::Unfit) => section.refuse("url", WANTED),
    }
    None
}

fn name(section: &Section<'_>, key: &str) -> Option<String> {
    let name: String = section.required(key)?;
    if name.trim().is_empty() {
        section.refuse(key, "the name it has in InfluxDB");
    }
    Some(name)
}

fn limits(section: &Section<'_>) -> Limits {
    let mut limits = Limits::default();
    set(&mut limits.batch_points, positive(section, "batch_points"));
    set(&mut limits.connect_timeout, section.optional("connect_timeout"));
    set(&mut limits.answer_timeout, section.optional("answer_timeout"));
    set(&mut limits.retry_min, section.optional("retry_min"));
    set(&mut limits.retry_max, section.optional("retry_max"));
    set(&mut limits.lag_max, section.optional("lag_max"));
    set(&mut limits.dead_letters_max, positive(section, "dead_letters_max"));
    for (key, time) in [
        ("connect_timeout", limits.connect_timeout),
        ("answer_timeout", limits.answer_timeout),
        ("retry_min", limits.retry_min),
    ] {
        if time.is_zero() {
            section.refuse(key, "more than 0s");
        }
    }
    if limits.retry_max < limits.retry_min {
        section.refuse("retry_max", "a time no shorter than retry_min");
    }
    limits
}
