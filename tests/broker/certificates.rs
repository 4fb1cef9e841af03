use crate::support::{Authority, Home, Mosquitto, TestApp, eventually};

/// A broker that speaks TLS only, beside its certificates and those of its clients.
fn with_tls(settings: &str) -> Mosquitto {
    let tls = format!(
        "allow_anonymous true\ncafile {{dir}}/ours.pem\ncertfile {{dir}}/server.pem\n\
         keyfile {{dir}}/server.key\n{settings}\n"
    );
    Mosquitto::with(&tls, |dir| {
        let ours = Authority::create(dir, "ours");
        ours.sign("server", "IP:127.0.0.1,DNS:localhost");
        ours.sign("client", "DNS:client");
        Authority::create(dir, "theirs").sign("stranger", "DNS:stranger");
    })
}

fn source(broker: &Mosquitto, host: &str, protocol: &str, tls: &str) -> String {
    let dir = broker.path("");
    let tls = tls.replace("{dir}", dir.to_str().unwrap().trim_end_matches('/'));
    format!(
        "[source.main]\nbroker = \"mqtts://{host}:{}\"\nprotocol = \"{protocol}\"\n\
         client_id = \"a\"\nfilters = [\"#\"]\n[source.main.tls]\n{tls}\n",
        broker.port()
    )
}

const OURS: &str = "authority = \"{dir}/ours.pem\"\n";

#[test]
fn a_broker_is_followed_over_tls_with_an_authority_of_ones_own() {
    let broker = with_tls("");
    for (protocol, host) in [("5", "127.0.0.1"), ("3.1.1", "127.0.0.1"), ("5", "localhost")] {
        let home = Home::new();
        home.configure(&source(&broker, host, protocol, OURS));
        let app = TestApp::start(&home);
        app.api.connected("main");
        app.api.ready();
    }
}

#[test]
fn a_broker_that_cannot_prove_who_it_is_gets_nothing() {
    let broker = with_tls("");
    let theirs = OURS.replace("ours", "theirs");
    for (case, tls) in [("another authority", theirs.as_str()), ("the machine's authorities", "")] {
        for protocol in ["5", "3.1.1"] {
            let home = Home::new();
            home.configure(&source(&broker, "127.0.0.1", protocol, tls));
            let app = TestApp::start(&home);
            app.api.reaches("source_errors_total", &[("reason", "tls")], 2.0);
            let reason = eventually("health says why", || {
                let reason = app.api.trouble("source main");
                reason.contains("certificate").then_some(reason)
            });
            assert!(!reason.is_empty(), "{case}");
            assert_eq!(app.api.metric("source_connections_total", &[]), 0.0, "{case}");
        }
    }
    assert!(!broker.log().contains("New client connected"), "nobody got as far as to say a word");
}

#[test]
fn a_broker_that_wants_a_certificate_of_its_clients_is_shown_one() {
    let broker = with_tls("require_certificate true\nuse_identity_as_username true\n");
    let identity = |name: &str| {
        format!("{OURS}certificate = \"{{dir}}/{name}.pem\"\nkey = \"{{dir}}/{name}.key\"\n")
    };
    let cases = [
        ("ours", identity("client"), true),
        ("of another authority", identity("stranger"), false),
        ("none", OURS.to_owned(), false),
    ];
    for protocol in ["5", "3.1.1"] {
        for (case, tls, let_in) in &cases {
            let home = Home::new();
            home.configure(&source(&broker, "127.0.0.1", protocol, tls));
            let app = TestApp::start(&home);
            if *let_in {
                app.api.connected("main");
                assert!(broker.log().contains("u'client'"), "{case}");
            } else {
                app.api.reaches("source_errors_total", &[], 2.0);
                assert_eq!(app.api.metric("source_connections_total", &[]), 0.0, "{case}");
            }
        }
    }
}
