//! Mail over TLS, and what is said to a server that cannot prove who it is.

use std::time::Duration;

use super::smtp::Smtp;
use super::{QUICK, WARM, home, says, sent};
use crate::support::{Authority, Home, TestApp, WATER, eventually, never_within};

/// A home with a channel of mail, and beside it an authority of its own with certificates of servers.
fn mailing(server: &Smtp, tls: &str) -> Home {
    let home = home(&format!(
        "[[alert.channel]]\nname = \"jour\"\nkind = \"email\"\nserver = \"127.0.0.1\"\nport = {}\n\
         tls = \"{tls}\"\nauthority = \"ours.pem\"\nfrom = \"larm@example.se\"\n\
         to = [\"jour@example.se\"]\nusername = \"u\"\npassword = {{ file = \"mail.password\" }}\n\
         {QUICK}retry_max = \"100ms\"\n",
        server.addr.port()
    ));
    home.write("mail.password", "hemligt");
    let dir = home.path("");
    let ours = Authority::create(&dir, "ours");
    ours.sign("server", "IP:127.0.0.1");
    ours.sign("elsewhere", "DNS:mail.example.se");
    Authority::create(&dir, "theirs").sign("stranger", "IP:127.0.0.1");
    home
}

fn arrives(app: &TestApp, server: &Smtp) {
    eventually("the mail has come", || (!server.mails().is_empty()).then_some(()));
    eventually("it counts as sent", || (sent(app, "jour") >= 1.0).then_some(()));
    assert_eq!(server.mails().len(), 1);
}

/// How much was said that nobody in between may hear or answer.
fn private(commands: &[String]) -> usize {
    let is_private =
        |line: &&String| ["AUTH", "MAIL", "RCPT", "DATA"].iter().any(|word| line.starts_with(word));
    commands.iter().filter(is_private).count()
}

#[test]
fn mail_and_login_go_out_over_tls_from_the_first_byte_on_or_by_starttls() {
    for tls in ["tls", "starttls"] {
        let server = Smtp::start(|_| None);
        let home = mailing(&server, tls);
        match tls {
            "tls" => server.speaks_tls(&home.path(""), "server"),
            _ => server.offers_tls(&home.path(""), "server"),
        }
        let app = TestApp::start(&home);
        says(&app, WATER, 1, WARM);
        arrives(&app, &server);
        assert_eq!(private(&server.plain()), 0, "{tls}");
        assert_eq!(private(&server.secure()), 4, "{tls}");
        assert_eq!(server.plain().contains(&"STARTTLS".to_owned()), tls == "starttls");
    }
}

#[test]
fn a_server_whose_certificate_does_not_serve_gets_the_mail_when_it_has_one_that_does() {
    for (tls, certificate) in
        [("tls", "stranger"), ("starttls", "stranger"), ("starttls", "elsewhere")]
    {
        let server = Smtp::start(|_| None);
        let home = mailing(&server, tls);
        let certify = |name: &str| match tls {
            "tls" => server.speaks_tls(&home.path(""), name),
            _ => server.offers_tls(&home.path(""), name),
        };
        certify(certificate);
        let app = TestApp::start(&home);
        says(&app, WATER, 1, WARM);
        let label = [("channel", "jour"), ("reason", "network")];
        app.api.reaches("notice_failures_total", &label, 2.0);
        let said = app.api.complaints().remove("channel jour").unwrap();
        assert!(said.contains("certificate"), "{said}");
        assert_eq!(private(&server.commands()), 0, "{:?}", server.commands());
        assert_eq!(app.api.metric("notices_given_up_total", &[]), 0.0);

        certify("server");
        arrives(&app, &server);
        eventually("all is well again", || app.api.complaints().is_empty().then_some(()));
    }
}

#[test]
fn mail_never_falls_back_to_clear_text_where_starttls_is_wanted() {
    let server = Smtp::start(|_| None);
    let home = mailing(&server, "starttls");
    let app = TestApp::start(&home);
    says(&app, WATER, 1, WARM);
    let label = [("channel", "jour"), ("reason", "held")];
    app.api.reaches("notice_failures_total", &label, 2.0);
    never_within(Duration::from_millis(300), "something is said in clear text", || {
        private(&server.commands()) > 0
    });
    let said = app.api.complaints().remove("channel jour").unwrap();
    assert!(said.to_lowercase().contains("starttls"), "{said}");
    server.offers_tls(&home.path(""), "server");
    arrives(&app, &server);
}

#[test]
fn a_server_that_offers_starttls_and_then_refuses_it_hears_no_more() {
    let server = Smtp::start(|line| (line == "STARTTLS").then_some("454 4.7.0 not now"));
    let home = mailing(&server, "starttls");
    server.offers_tls(&home.path(""), "server");
    let app = TestApp::start(&home);
    says(&app, WATER, 1, WARM);
    app.api.reaches("notice_failures_total", &[("channel", "jour")], 2.0);
    assert_eq!(private(&server.commands()), 0, "{:?}", server.commands());
    assert_eq!(app.api.metric("notices_given_up_total", &[]), 0.0);
}
