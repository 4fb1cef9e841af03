use std::path::{Path, PathBuf};

use super::values::{SECRET_WANTED, check_patience, secret, url};
use super::{positive, set};
use crate::document::Section;
use crate::sink::influxdb::{Config, Limits};

/// Reads `[sink.influxdb]`.
pub fn read(section: &Section<'_>, base: &Path) -> Option<Config> {
    let url = url(section, "http://host:8086 or https://host, without user and password");
    let (org, bucket) = (name(section, "org"), name(section, "bucket"));
    let token = secret(section, "token", base);
    if token.is_none() && section.is_table("token").is_none() {
        section.refuse("token", SECRET_WANTED);
    }
    let authority = section.optional::<PathBuf>("authority").map(|path| base.join(path));
    let limits = limits(section);
    let url = url?;
    if authority.is_some() && !url.is_tls {
        section.refuse("url", "https:// where there is an authority");
    }
    Some(Config { url, org: org?, bucket: bucket?, token: token?, authority, limits })
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
    check_patience(
        section,
        [limits.connect_timeout, limits.answer_timeout, limits.retry_min],
        limits.retry_max,
    );
    limits
}
