use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use sha2::{Digest, Sha256};

use super::facts::{Facts, Measured};
use crate::model::Severity;
use crate::store::{Alert, AlertId, Notice, NoticeKind};

/// What a channel is told in one go.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The same whenever the same is told again.
    pub id: String,
    pub channel: String,
    pub sent_at: DateTime<Utc>,
    /// The most severe first; none in a message that somebody sends to see whether it arrives.
    pub items: Vec<Item>,
}

/// What is told of one alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Stays when the notice comes again in other company.
    pub notice: String,
    pub kind: NoticeKind,
    pub alert: Alert,
    pub measured: Option<Measured>,
    pub link: Option<String>,
}

impl Message {
    /// A message of all these notices. Of an alert that has come and gone meanwhile it tells that it is over.
    pub fn of(channel: &str, notices: &[Notice], facts: &Facts, now: DateTime<Utc>) -> Self {
        let mut newest: BTreeMap<AlertId, &Notice> = BTreeMap::new();
        for notice in notices {
            let kept = newest.entry(notice.alert.id).or_insert(notice);
            if kept.id < notice.id {
                *kept = notice;
            }
        }
        let mut items: Vec<Item> = newest.into_values().map(|notice| item(notice, facts)).collect();
        items.sort_by_key(|item| (item.is_over(), std::cmp::Reverse(item.alert.severity)));
        let mut ids: Vec<String> = notices.iter().map(notice_id).collect();
        ids.sort();
        let id = id_of(&format!("{channel}\n{}", ids.join("\n")));
        Self { id, channel: channel.to_owned(), sent_at: now, items }
    }

    /// A message that tells nothing.
    pub fn test(channel: &str, now: DateTime<Utc>) -> Self {
        let at = now.to_rfc3339_opts(SecondsFormat::Micros, true);
        let id = id_of(&format!("{channel}\ntest\n{at}"));
        Self { id, channel: channel.to_owned(), sent_at: now, items: Vec::new() }
    }

    pub fn is_test(&self) -> bool {
        self.items.is_empty()
    }

    /// The severity of the worst that is not over; none if all is.
    pub fn severity(&self) -> Option<Severity> {
        let standing = self.items.iter().filter(|item| !item.is_over());
        standing.map(|item| item.alert.severity).max()
    }
}

impl Item {
    pub fn is_over(&self) -> bool {
        self.kind == NoticeKind::Resolved
    }
}

fn item(notice: &Notice, facts: &Facts) -> Item {
    let alert = notice.alert.clone();
    Item {
        notice: notice_id(notice),
        kind: notice.kind,
        measured: facts.measured(&alert),
        link: facts.link(&alert),
        alert,
    }
}

/// The time keeps notices of another store apart, which count from 1 too.
fn notice_id(notice: &Notice) -> String {
    let opened_at = notice.alert.opened_at.unwrap_or(notice.alert.since);
    format!("{}-{}", opened_at.timestamp(), notice.id)
}

fn id_of(text: &str) -> String {
    let hash = Sha256::digest(text);
    hex::encode(hash.get(..16).unwrap_or_default())
}
