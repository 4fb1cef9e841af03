//! `stadspuls alert test`.

use super::server::{Reply, Server};
use super::smtp::Smtp;
use super::{home, webhook};
use crate::cli::stadspuls;

fn run(home: &crate::support::Home, which: &[&str]) -> (Option<i32>, String, String) {
    let config = home.config();
    let command = [&["alert", "test", "--config", config.to_str().unwrap()], which].concat();
    let done = stadspuls(&command);
    (done.code, done.out, done.err)
}

#[test]
fn a_test_says_that_it_is_one_and_shows_what_the_other_side_answers() {
    let (server, smtp) = (Server::accepting(), Smtp::start(|_| None));
    let chat = |format: &str| {
        format!(
            "[[alert.channel]]\nname = \"{format}\"\nkind = \"webhook\"\nformat = \"{format}\"\n\
             url = {{ file = \"chat.url\" }}\nlanguage = \"en\"\n"
        )
    };
    let mail = format!(
        "[[alert.channel]]\nname = \"jour\"\nkind = \"email\"\nserver = \"127.0.0.1\"\nport = {}\n\
         tls = \"none\"\nfrom = \"larm@example.se\"\nto = [\"jour@example.se\"]\n",
        smtp.addr.port()
    );
    let channels = [webhook("drift", &server.url(), ""), chat("teams"), chat("slack"), mail];
    let home = home(&channels.concat());
    home.write("chat.url", &server.url());
    let said = "drift: delivered, 200 ok\nteams: delivered, 200 ok\nslack: delivered, 200 ok\n\
                jour: delivered, 250 2.0.0 taken as 4711\n";
    assert_eq!(run(&home, &["--all"]), (Some(0), said.to_owned(), String::new()));

    let posts = server.posts();
    assert_eq!(posts[0].json()["test"], true);
    assert_eq!(posts[0].json()["title"], "PROV: kanalen drift fungerar");
    let card = &posts[1].json()["attachments"][0]["content"];
    assert_eq!(card["body"][0]["text"], "TEST: the channel teams works");
    let text = posts[2].json()["text"].as_str().unwrap().to_owned();
    assert!(text.starts_with("*TEST: the channel slack works*"), "{text}");
    assert_eq!(smtp.mails()[0].header("Subject"), "PROV: kanalen jour fungerar");
}

#[test]
fn a_test_that_fails_says_why() {
    let server = Server::start(|_| Reply::Refuse(403, "no"));
    let home = home(&webhook("drift", &server.url(), ""));
    let (code, out, err) = run(&home, &["--channel", "drift"]);
    assert_eq!((code, &*out, &*err), (Some(1), "", "drift: not delivered, 403 no\n"));
    let (code, _, err) = run(&home, &["--channel", "jour"]);
    assert_eq!(code, Some(1));
    assert_eq!(err, "stadspuls: there is no channel jour; there are drift\n");
}
