//! Mail, to a server that says yes, later or no.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::smtp::{Mail, Smtp};
use super::{QUICK, WARM, home, says, sent};
use crate::support::{Home, TestApp, WATER, eventually};

fn mailing(server: &Smtp, to: &str) -> Home {
    let home = home(&format!(
        "[[alert.channel]]\nname = \"jour\"\nkind = \"email\"\nserver = \"127.0.0.1\"\nport = {}\n\
         tls = \"none\"\nfrom = \"Stadspuls <larm@example.se>\"\nto = {to}\n\
         username = \"u\"\npassword = {{ file = \"mail.password\" }}\n{QUICK}",
        server.addr.port()
    ));
    home.write("mail.password", "hemligt");
    home
}

fn mails(server: &Smtp, count: usize) -> Vec<Mail> {
    eventually(&format!("{count} mails have come"), || {
        let mails = server.mails();
        (mails.len() >= count).then_some(mails)
    })
}

#[test]
fn a_mail_says_what_has_happened_in_the_language_of_its_channel() {
    let server = Smtp::start(|_| None);
    let app = TestApp::start(&mailing(&server, "[\"jour@example.se\"]\nlanguage = \"en\""));
    says(&app, WATER, 1, WARM);
    let mail = mails(&server, 1).remove(0);
    assert_eq!((&*mail.from, mail.to.concat()), ("larm@example.se", "jour@example.se".to_owned()));
    assert_eq!(mail.header("From"), "Stadspuls <larm@example.se>");
    assert_eq!(mail.header("Auto-Submitted"), "auto-generated");
    assert_eq!(mail.header("Importance"), "high");
    let id = mail.header("Message-ID");
    assert!(id.starts_with('<') && id.ends_with("@example.se>"), "{id}");
    let body = mail.body();
    assert!(body.starts_with("CRITICAL: Badplatsen is 25.5 °C warm\r\nSince: 20"), "{body}");
    assert!(body.contains("The alert: https://data.example.se/api/v1/staff/alerts/"), "{body}");
    let login = format!("AUTH PLAIN {}", BASE64_STANDARD.encode("\0u\0hemligt"));
    assert!(server.commands().contains(&login), "{:?}", server.commands());
    for coordinate in ["12.5", "57.9"] {
        assert!(!mail.text.contains(coordinate) && !body.contains(coordinate), "{body}");
    }
}

#[test]
fn a_server_that_says_later_gets_the_same_mail_again() {
    let mut left = 2;
    let server = Smtp::start(move |line| {
        left -= i32::from(line == "DATA");
        (line == "DATA" && left >= 0).then_some("451 4.3.0 try again later")
    });
    let app = TestApp::start(&mailing(&server, "[\"jour@example.se\"]"));
    says(&app, WATER, 1, WARM);
    mails(&server, 1);
    eventually("it counts as sent", || (sent(&app, "jour") >= 1.0).then_some(()));
    assert_eq!(server.mails().len(), 1);
    let label = [("channel", "jour"), ("reason", "server")];
    assert_eq!(app.api.metric("notice_failures_total", &label), 2.0);
}

#[test]
fn a_mailbox_that_refuses_keeps_nobody_else_from_hearing() {
    let mut is_greylisted = true;
    let server = Smtp::start(move |line| {
        if line.starts_with("RCPT TO:<borta@") {
            return Some("550 5.1.1 no such user");
        }
        if line.starts_with("RCPT TO:<sen@") && std::mem::take(&mut is_greylisted) {
            return Some("450 4.2.0 greylisted");
        }
        None
    });
    let to = "[\"borta@example.se\", \"sen@example.se\", \"jour@example.se\"]";
    let app = TestApp::start(&mailing(&server, to));
    says(&app, WATER, 1, WARM);
    let mails = mails(&server, 2);
    eventually("it counts as sent", || (sent(&app, "jour") >= 1.0).then_some(()));
    assert_eq!(mails[0].header("Message-ID"), mails[1].header("Message-ID"));
    let reached: Vec<String> = server.mails().iter().map(|mail| mail.to.concat()).collect();
    assert_eq!(reached, ["jour@example.se", "sen@example.se"], "each of them once");
}

#[test]
fn a_server_that_refuses_everybody_is_not_asked_again() {
    let server = Smtp::start(|line| line.starts_with("MAIL").then_some("550 5.7.1 not from you"));
    let app = TestApp::start(&mailing(&server, "[\"jour@example.se\"]"));
    says(&app, WATER, 1, WARM);
    app.api.reaches("notices_given_up_total", &[("channel", "jour")], 1.0);
    let said = app.api.complaints().remove("channel jour").unwrap();
    assert!(said.contains("550") && said.contains("not from you"), "{said}");
    assert!(app.api.troubles().is_empty(), "the service is ready all the same");
}
