//! What is posted, and what comes of each answer.

use std::time::Duration;

use serde_json::json;
use sha2::{Digest, Sha256};

use super::server::{Reply, Server};
use super::{COOL, WARM, home, says, sent, webhook};
use crate::support::{ELSEWHERE, TestApp, WATER, eventually, never_within, now};

/// HMAC-SHA256 by RFC 2104, from the hash alone.
fn hmac(key: &str, text: &str) -> String {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key.as_bytes());
    let inner = Sha256::digest([&block.map(|byte| byte ^ 0x36), text.as_bytes()].concat());
    let outer = Sha256::digest([&block.map(|byte| byte ^ 0x5c), &inner[..]].concat());
    hex::encode(outer)
}

fn failures(app: &TestApp, reason: &str) -> f64 {
    app.api.metric("notice_failures_total", &[("channel", "drift"), ("reason", reason)])
}

fn accepted(server: &Server, count: usize) -> Vec<super::server::Post> {
    eventually(&format!("{count} messages are accepted"), || {
        let accepted = server.accepted();
        (accepted.len() >= count).then_some(accepted)
    })
}

#[test]
fn a_message_is_signed_and_says_what_has_happened_but_not_where() {
    let server = Server::accepting();
    let app = TestApp::start(&home(&webhook("drift", &server.url(), "")));
    says(&app, WATER, 1, WARM);
    let post = accepted(&server, 1).remove(0);
    assert_eq!(post.target, "/hook?a=b");
    let timestamp = &post.headers["stadspuls-timestamp"];
    let age = now().timestamp() - timestamp.parse::<i64>().unwrap();
    assert!((0..60).contains(&age), "{age}");
    let signature = hmac("första nyckeln", &format!("{timestamp}.{}", post.body));
    assert_eq!(post.headers["stadspuls-signature"], format!("v1={signature}"));

    let said = post.json();
    assert_eq!(said["id"], post.id());
    assert_eq!(said["title"], "KRITISKT: Badplatsen är 25,5 °C varmt");
    assert_eq!(
        (&said["severity"], &said["test"], &said["channel"]),
        (&json!("critical"), &json!(false), &json!("drift"))
    );
    let alert = &said["alerts"][0];
    let id = super::alerts(&app, None)[0].id.0;
    let wanted = [
        ("what", json!("opened")),
        ("id", json!(id)),
        ("rule", json!("varmt")),
        ("subject", json!("site:badplatsen")),
        ("state", json!("open")),
        ("text_en", json!("Badplatsen is 25.5 °C warm")),
        ("quantity", json!("water_temperature")),
        ("value", json!(25.5)),
        ("unit", json!("Cel")),
        ("runbook", json!("https://rutiner.example.se/varmt")),
        ("link", json!(format!("https://data.example.se/api/v1/staff/alerts/{id}"))),
    ];
    for (key, value) in wanted {
        assert_eq!(alert[key], value, "{key}");
    }
    let text = said["text"].as_str().unwrap();
    assert!(text.contains("Senaste värde: 25,5 °C (") && text.contains("Sedan: 20"), "{text}");

    says(&app, WATER, 2, COOL);
    let over = accepted(&server, 2).remove(1);
    let said = over.json();
    assert_eq!(said["title"], "Över: Badplatsen är 25,5 °C varmt");
    assert_eq!((&said["severity"], &said["alerts"][0]["what"]), (&json!(null), &json!("resolved")));
    assert_ne!(over.id(), post.id());
    // The bathing place lies at 12.5, 57.9.
    for post in server.posts() {
        let all = format!("{:?} {}", post.headers, post.body);
        for coordinate in ["12.5", "57.9", "12,5", "57,9"] {
            assert!(!all.contains(coordinate), "{all}");
        }
    }
}

#[test]
fn what_fails_on_the_way_comes_again_as_the_same_message_until_it_is_accepted() {
    let server = Server::answering(&[
        Reply::Refuse(500, "no"),
        Reply::Silence,
        Reply::RefuseWith(429, "retry-after: 1"),
    ]);
    let settings = "answer_timeout = \"300ms\"";
    let app = TestApp::start(&home(&webhook("drift", &server.url(), settings)));
    says(&app, WATER, 1, WARM);
    accepted(&server, 1);
    eventually("it counts as sent", || (sent(&app, "drift") >= 1.0).then_some(()));
    let posts = server.posts();
    assert_eq!(posts.len(), 4);
    assert!(posts.iter().all(|post| post.id() == posts[0].id()));
    let pause = posts[3].at - posts[2].at;
    assert!(pause >= Duration::from_secs(1), "{pause:?}, though ours would be shorter");
    assert_eq!(["server", "timeout", "busy"].map(|reason| failures(&app, reason)), [1.0; 3]);
    assert_eq!(app.api.complaints().len(), 0);
    eventually("nothing waits any more", || {
        (app.api.metric("notices_waiting", &[]) == 0.0).then_some(())
    });
}

#[test]
fn what_is_refused_for_good_is_given_up_and_said_aloud() {
    let server = Server::answering(&[Reply::Refuse(400, "no")]);
    let app = TestApp::start(&home(&webhook("drift", &server.url(), "")));
    says(&app, WATER, 1, WARM);
    app.api.reaches("notices_given_up_total", &[("channel", "drift")], 1.0);
    assert_eq!(app.api.complaints()["channel drift"], "gave up 1 notices: 400 no");
    says(&app, ELSEWHERE, 1, WARM);
    let post = accepted(&server, 1).remove(0);
    assert_eq!(post.json()["alerts"][0]["subject"], "site:bron");
    eventually("all is well again", || app.api.complaints().is_empty().then_some(()));
    assert_eq!(server.posts().len(), 2);
}

#[test]
fn what_is_due_together_is_one_message() {
    let server = Server::accepting();
    let channel = webhook("drift", &server.url(), "").replace("\"0s\"", "\"2s\"");
    let app = TestApp::start(&home(&channel));
    says(&app, WATER, 1, WARM);
    says(&app, ELSEWHERE, 1, WARM);
    let said = accepted(&server, 1)[0].json();
    assert_eq!(said["alerts"].as_array().unwrap().len(), 2, "{said}");
    let title = said["title"].as_str().unwrap();
    assert!(title.starts_with("KRITISKT: ") && title.ends_with(" (och 1 till)"), "{title}");
}

#[test]
fn a_restart_between_failure_and_success_delivers_once() {
    let server = Server::start(|_| Reply::Refuse(503, "no"));
    let home = home(&webhook("drift", &server.url(), ""));
    let app = TestApp::start(&home);
    says(&app, WATER, 1, WARM);
    eventually("it has failed", || (failures(&app, "server") >= 1.0).then_some(()));
    app.stop();
    server.answers(|_| Reply::Accept);
    let app = TestApp::start(&home);
    let accepted = accepted(&server, 1);
    assert_eq!(accepted[0].id(), server.posts()[0].id());
    eventually("it counts as sent", || (sent(&app, "drift") >= 1.0).then_some(()));
    app.stop();
    let _app = TestApp::start(&home);
    never_within(Duration::from_millis(1200), "it comes twice", || server.accepted().len() > 1);
}

#[test]
fn a_channel_that_is_down_holds_up_no_other() {
    let (silent, server) = (Server::start(|_| Reply::Silence), Server::accepting());
    let channels = [webhook("stum", &silent.url(), ""), webhook("drift", &server.url(), "")];
    let app = TestApp::start(&home(&channels.concat()));
    says(&app, WATER, 1, WARM);
    accepted(&server, 1);
    says(&app, WATER, 2, COOL);
    accepted(&server, 2);
    assert_eq!(silent.posts().len(), 1, "it still waits for its first answer");
    app.api.reaches("notices_waiting", &[("channel", "stum")], 2.0);
    // Nor does it hold up the end of the service.
    app.stop();
}

#[test]
fn a_renewed_secret_is_tried_at_once() {
    let server = Server::start(|post| {
        let timestamp = &post.headers["stadspuls-timestamp"];
        let signature = hmac("andra nyckeln", &format!("{timestamp}.{}", post.body));
        if post.headers["stadspuls-signature"] == format!("v1={signature}") {
            Reply::Accept
        } else {
            Reply::Refuse(401, "no")
        }
    });
    // So long a pause that only the reload can end it.
    let home = home(&webhook("drift", &server.url(), "retry_max = \"1h\""));
    let app = TestApp::start(&home);
    says(&app, WATER, 1, WARM);
    eventually("it is held", || (failures(&app, "held") >= 1.0).then_some(()));
    assert_eq!(app.api.complaints()["channel drift"], "401 no");
    home.write("hook.secret", "andra nyckeln\n");
    app.reload(&home);
    accepted(&server, 1);
    eventually("all is well again", || app.api.complaints().is_empty().then_some(()));
}
