//! What may be said of the channels by which alerts are told.

use chrono::TimeDelta;
use stadspuls::alert::Language;
use stadspuls::model::Severity;
use stadspuls::notify::{Encryption, Kind, Limits};

use super::load;

const EMAIL: &str = "name = \"a\"\nkind = \"email\"\nserver = \"127.0.0.1\"\nfrom = \"a@b.se\"\nto = [\"c@d.se\"]\ntls = \"none\"\n";
const WEBHOOK: &str =
    "name = \"a\"\nkind = \"webhook\"\nurl = \"https://a/b\"\nsecret = { env = \"S\" }\n";
const MANAGER: &str = "name = \"a\"\nkind = \"alertmanager\"\nurl = \"http://a:9093\"\n";

const DURATION: &str = "want a duration such as \"30s\", \"10m\", \"3h\" or \"7d\"";
const SECRET: &str = "want { env = \"NAME\" } or { file = \"path\" }";

/// A channel in which a line stands otherwise or beside the rest, and what must be said of it: key, value, wanted.
fn cases() -> Vec<(&'static str, &'static str, String)> {
    let said = |text: &str| text.to_owned();
    #[rustfmt::skip]
    let cases = vec![
        (EMAIL, r#"name = "Jour""#, said(r#"name is "Jour", want lower-case letters, digits and hyphens"#)),
        (EMAIL, r#"kind = "sms""#, said(r#"kind is "sms", want one of email, webhook, alertmanager"#)),
        (EMAIL, r#"least = "panic""#, said(r#"least is "panic", want one of info, warning, critical"#)),
        (EMAIL, r#"after = 30"#, format!("after is 30, {DURATION}")),
        (EMAIL, r#"language = "fi""#, said(r#"language is "fi", want one of sv, en"#)),
        (EMAIL, r#"server = 1"#, said("server is 1, want a text")),
        (EMAIL, r#"port = 70000"#, said("port is 70000, want a whole number from 0 to 65535")),
        (EMAIL, r#"tls = "ssl""#, said(r#"tls is "ssl", want one of starttls, tls, none"#)),
        (EMAIL, r#"server = "post.se""#, said(r#"tls is "none", want starttls or tls, or allow_plain = true where nobody can listen in between"#)),
        (EMAIL, r#"allow_plain = 1"#, said("allow_plain is 1, want true or false")),
        (EMAIL, r#"authority = """#, said(r#"authority is "", want a path"#)),
        (EMAIL, r#"username = "u""#, format!("password is missing, {SECRET}")),
        (EMAIL, r#"password = { env = "P" }"#, said("username is missing, want the user that the password is of")),
        (EMAIL, r#"password = "hemlig""#, format!("password is not shown here, {SECRET}")),
        (EMAIL, r#"from = "nobody""#, said(r#"from is "nobody", want an address such as "larm@example.se" or "Larm <larm@example.se>""#)),
        (EMAIL, r#"to = []"#, said(r#"to is [], want a list with at least one, each an address such as "larm@example.se" or "Larm <larm@example.se>""#)),
        (EMAIL, r#"group_wait = 1"#, format!("group_wait is 1, {DURATION}")),
        (EMAIL, r#"connect_timeout = "0s""#, said(r#"connect_timeout is "0s", want more than 0s"#)),
        (EMAIL, r#"answer_timeout = "0s""#, said(r#"answer_timeout is "0s", want more than 0s"#)),
        (EMAIL, r#"retry_min = "0s""#, said(r#"retry_min is "0s", want more than 0s"#)),
        (EMAIL, r#"retry_max = "1s""#, said(r#"retry_max is "1s", want a time no shorter than retry_min"#)),
        (EMAIL, r#"url = "https://a""#, said(r#"url is "https://a", an unknown key, want one of the keys after, allow_plain, answer_timeout, authority, connect_timeout, from, group_wait, kind, language, least, name, password, port, retry_max, retry_min, server, tls, to, username"#)),
        (WEBHOOK, r#"url = "hemlig""#, said(r#"url is not shown here, want https://host/path, or { env = "NAME" } or { file = "path" } that holds it"#)),
        (WEBHOOK, r#"format = "xml""#, said(r#"format is "xml", want one of json, teams, slack"#)),
        (WEBHOOK, r#"format = "slack""#, said(r#"url is not shown here, want { env = "NAME" } or { file = "path" } that holds the address, since it is a password too"#)),
        (WEBHOOK, r#"secret = "hemlig""#, format!("secret is not shown here, {SECRET}")),
        (MANAGER, r#"url = "a:9093""#, said(r#"url is "a:9093", want http://host:9093 or https://host, without user and password"#)),
        (MANAGER, r#"url = "http://u:hemlig@a""#, said("url is not shown here, want http://host:9093 or https://host, without user and password")),
        (MANAGER, r#"token = "hemlig""#, format!("token is not shown here, {SECRET}")),
        (MANAGER, r#"labels = { "a-b" = "c" }"#, said(r#"labels is { "a-b" = "c" }, want names of letters, digits and _, each with a text"#)),
        (MANAGER, r#"resend = "2h""#, said(r#"resend is "2h", want more than 0s and at most 1h"#)),
    ];
    cases
}

/// Every key that is tried above.
pub fn keys_tried() -> impl Iterator<Item = String> {
    cases().into_iter().map(|(_, _, wanted)| wanted.split(" is ").next().unwrap().to_owned())
}

/// The channel with a line of its own; one of the same key goes.
fn with(channel: &str, line: &str) -> String {
    let key = format!("{} = ", line.split(" = ").next().unwrap());
    let rest = channel.lines().filter(|line| !line.starts_with(&key));
    let rest = rest.collect::<Vec<_>>().join("\n");
    format!("listener.a = {{}}\n[[alert.channel]]\n{rest}\n{line}\n")
}

#[test]
fn what_is_wrong_with_a_channel_is_named_with_key_value_and_what_is_wanted() {
    for (channel, line, wanted) in cases() {
        let (_, faults) = load(&with(channel, line));
        assert_eq!(faults.len(), 1, "{line}: {faults:?}");
        let (_, said) = faults[0].split_once(": alert.channel[1].").unwrap();
        assert_eq!(said, wanted, "{line}");
        assert!(!faults[0].contains("hemlig"), "{faults:?}");
    }
    let twice =
        format!("listener.a = {{}}\n[[alert.channel]]\n{EMAIL}[[alert.channel]]\n{MANAGER}");
    let wanted =
        "stadspuls.toml:10: alert.channel[2].name is \"a\", want a name that no other channel has";
    assert_eq!(load(&twice).1, [wanted]);
}

#[test]
fn a_channel_is_told_everything_at_once_unless_somebody_says_otherwise() {
    let (config, faults) = load(&with(EMAIL, "tls = \"tls\""));
    assert_eq!(faults, Vec::<String>::new());
    let channel = &config.channels[0];
    assert_eq!((channel.least, channel.after), (Severity::Info, TimeDelta::zero()));
    assert_eq!((channel.language, &channel.limits), (Language::Swedish, &Limits::default()));
    let Kind::Email(email) = &channel.kind else { panic!("{channel:?}") };
    assert_eq!((email.encryption, email.port), (Encryption::Tls, 465));
}
