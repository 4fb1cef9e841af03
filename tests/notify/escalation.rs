//! Who is told last, and only if nobody has taken it on.

use std::time::Duration;

use stadspuls::store::{Store, StoreConfig, StoreError};

use super::server::{Reply, Server};
use super::{COOL, WARM, home, says, webhook};
use crate::support::{ELSEWHERE, TestApp, WATER, eventually, never_within, now};

/// Somebody takes on all alerts that stand, as the commands do it.
fn acknowledge(app: &TestApp) {
    let standing = super::alerts(app, None);
    assert!(!standing.is_empty());
    let mut writer = Store::beside(&StoreConfig::in_dir(&app.home().path("data"))).unwrap();
    let written: Result<(), StoreError> = writer.batch(|batch| {
        for alert in &standing {
            batch.acknowledge(alert.id, "Anna", None, now())?;
        }
        Ok(())
    });
    written.unwrap();
}

#[test]
fn what_somebody_takes_on_in_time_does_not_reach_the_boss() {
    let (first, boss) = (Server::accepting(), Server::accepting());
    let channels = [
        webhook("jour", &first.url(), "least = \"critical\""),
        webhook("chef", &boss.url(), "least = \"critical\"\nafter = \"4s\""),
    ];
    let app = TestApp::start(&home(&channels.concat()));
    says(&app, WATER, 1, WARM);
    eventually("the first is told", || (first.accepted().len() == 1).then_some(()));
    acknowledge(&app);
    never_within(Duration::from_millis(4800), "the boss is told", || !boss.posts().is_empty());
    says(&app, WATER, 2, COOL);
    eventually("the first hears that it is over", || (first.accepted().len() == 2).then_some(()));

    says(&app, ELSEWHERE, 1, WARM);
    eventually("the boss is told", || (boss.accepted().len() == 1).then_some(()));
    let subject = &boss.posts()[0].json()["alerts"][0]["subject"];
    assert_eq!(subject, "site:bron", "and of the other one alone");
}

#[test]
fn what_is_taken_on_while_the_boss_cannot_be_reached_is_not_told_any_more() {
    let boss = Server::start(|_| Reply::RefuseWith(503, "retry-after: 2"));
    let app = TestApp::start(&home(&webhook("chef", &boss.url(), "after = \"10ms\"")));
    says(&app, WATER, 1, WARM);
    eventually("it is tried", || (!boss.posts().is_empty()).then_some(()));
    app.api.reaches("notice_failures_total", &[("channel", "chef")], 1.0);
    acknowledge(&app);
    boss.answers(|_| Reply::Accept);
    eventually("nothing waits any more", || {
        (app.api.metric("notices_waiting", &[]) == 0.0).then_some(())
    });
    assert_eq!(boss.accepted().len(), 0);
}
