use std::time::Duration;

use mqtt_protocol_core::mqtt::packet::{SessionExpiryInterval, v3_1_1, v5_0};

use super::support::{Bench, Raw, config, connect_v3, connect_v5, publish_v5, soon, with_user};
use crate::source::listener::{Access, BindError, Config, Limits, Password, bind};

fn connect_as_v5(user: &str, password: &str) -> Vec<u8> {
    let connect = v5_0::Connect::builder().client_id("ns").unwrap().user_name(user).unwrap();
    connect.password(password.as_bytes().to_vec()).unwrap().build().unwrap().to_continuous_buffer()
}

fn connect_as_v3(user: &str, password: &str) -> Vec<u8> {
    let connect = v3_1_1::Connect::builder().client_id("ns").unwrap().user_name(user).unwrap();
    connect.password(password.as_bytes().to_vec()).unwrap().build().unwrap().to_continuous_buffer()
}

#[tokio::test]
async fn only_the_right_password_is_let_in() {
    let bench = Bench::with(with_user(), 10).await;
    let cases = [
        (connect_as_v5("chirpstack", "hemlig"), 0x00),
        (connect_as_v5("chirpstack", "hemligt"), 0x86),
        (connect_as_v5("nobody", "hemlig"), 0x86),
        (connect_v5("ns"), 0x87),
        (connect_as_v3("chirpstack", "hemlig"), 0),
        (connect_as_v3("chirpstack", "hemligt"), 4),
        (connect_v3("ns"), 5),
    ];
    for (connect, expected) in cases {
        let (mut client, connack) = Raw::connect(bench.addr, &connect).await;
        assert_eq!((connack.0, connack.1[1]), (0x20, expected));
        if expected != 0 {
            client.expect_end().await;
        }
    }
    assert_eq!(bench.refused("bad_credentials"), 3);
    assert_eq!(bench.refused("no_credentials"), 2);
}

#[tokio::test]
async fn open_to_others_without_users_does_not_bind() {
    for open in ["0.0.0.0:0", "[::]:0", "192.0.2.1:1883"] {
        let refused = bind(Config { bind: open.parse().unwrap(), ..config() }).await;
        assert!(matches!(refused, Err(BindError::NoUsers(_))), "{open}");
    }
    for known in ["127.0.0.1:0", "[::1]:0", "127.8.8.8:0", "[::ffff:127.0.0.1]:0"] {
        Config { bind: known.parse().unwrap(), ..config() }.validate().expect(known);
    }
    bind(Config { bind: "0.0.0.0:0".parse().unwrap(), ..with_user() }).await.expect("has users");
}

#[tokio::test]
async fn taken_port_is_told_apart() {
    let first = bind(config()).await.unwrap();
    let addr = first.local_addr();
    let second = bind(Config { bind: addr, ..config() }).await;
    assert!(matches!(second, Err(BindError::Taken(taken)) if taken == addr));
}

#[tokio::test]
async fn password_is_not_in_any_dump() {
    assert!(!format!("{:?}", with_user()).contains("hemlig"));
}

#[tokio::test]
async fn connack_announces_what_is_offered() {
    let bench = Bench::start().await;
    let connect = v5_0::Connect::builder().client_id("").unwrap().clean_start(true);
    let connect = connect.keep_alive(10_000).build().unwrap().to_continuous_buffer();
    let (_client, (_, body)) = Raw::connect(bench.addr, &connect).await;
    let (connack, _) = v5_0::Connack::parse(&body).unwrap();
    assert!(!connack.session_present());
    let announced: Vec<_> =
        connack.props().iter().map(|property| format!("{:?}", property.id())).collect();
    let expected = [
        "receive_maximum",
        "maximum_qos",
        "retain_available",
        "maximum_packet_size",
        "topic_alias_maximum",
        "wildcard_subscription_available",
        "subscription_identifier_available",
        "shared_subscription_available",
        "server_keep_alive",
        "assigned_client_identifier",
    ];
    assert_eq!(announced, expected.map(|name| format!("\"{name}\"")));
}

#[tokio::test]
async fn one_client_too_many_is_told_so_and_a_known_one_comes_back() {
    let limits = Limits { connections: 1, ..config().limits };
    let bench = Bench::with(Config { limits, ..config() }, 10).await;
    let mut first = Raw::v5(bench.addr, "first").await;
    let (_, connack) = Raw::connect(bench.addr, &connect_v5("second")).await;
    assert_eq!(connack.1[1], 0x89);
    let (_, connack) = Raw::connect(bench.addr, &connect_v3("second")).await;
    assert_eq!(connack.1[1], 3);
    let mut again = Raw::v5(bench.addr, "first").await;
    first.expect_disconnect(0x8e).await;
    again.ping().await;
    assert_eq!(bench.refused("too_many_connections"), 2);
}

#[tokio::test]
async fn nameless_3_1_1_client_needs_a_clean_session() {
    let bench = Bench::start().await;
    let (_, connack) = Raw::connect(bench.addr, &connect_v3("")).await;
    assert_eq!(connack.1[1], 0);
    let mut connect = connect_v3("");
    connect[9] &= !0x02;
    let (_, connack) = Raw::connect(bench.addr, &connect).await;
    assert_eq!(connack.1[1], 2);
}

#[tokio::test]
async fn session_is_remembered_for_those_who_want_to_go_on_with_it() {
    let bench = Bench::start().await;
    let connect = |clean: bool, expiry: u32| {
        let connect = v5_0::Connect::builder().client_id("ns").unwrap().clean_start(clean);
        let expiry = SessionExpiryInterval::new(expiry).unwrap().into();
        connect.props(vec![expiry]).build().unwrap().to_continuous_buffer()
    };
    // Each case is the next connection of the same client: clean start, expiry, present.
    let cases = [
        (false, 0, false),
        (false, 0, true),
        (true, 0, false),
        (false, 60, false),
        (true, 60, false),
        (false, 60, true),
    ];
    for (clean, expiry, present) in cases {
        let (_, (_, body)) = Raw::connect(bench.addr, &connect(clean, expiry)).await;
        let (connack, _) = v5_0::Connack::parse(&body).unwrap();
        assert_eq!(connack.session_present(), present, "clean {clean}, expiry {expiry}");
        let told = connack
            .props()
            .iter()
            .any(|property| *property == SessionExpiryInterval::new(24 * 3_600).unwrap().into());
        assert_eq!(told, !clean || expiry > 0, "clean {clean}, expiry {expiry}");
    }
}

#[tokio::test]
async fn silence_before_connect_and_after_it_closes() {
    let limits = Limits { connect_timeout: Duration::from_millis(50), ..config().limits };
    let bench = Bench::with(Config { limits, ..config() }, 10).await;
    let mut mute = Raw::open(bench.addr).await;
    mute.expect_end().await;
    assert_eq!(bench.refused("connect_timeout"), 1);

    let connect = v5_0::Connect::builder().client_id("ns").unwrap().keep_alive(1);
    let connect = connect.build().unwrap().to_continuous_buffer();
    let (mut client, _) = Raw::connect(bench.addr, &connect).await;
    client.expect_disconnect(0x8d).await;
}

#[tokio::test]
async fn a_renewed_password_holds_for_the_next_client_and_lets_the_others_be() {
    let mut bench = Bench::with(with_user(), 10).await;
    let (mut before, _) = Raw::connect(bench.addr, &connect_as_v5("chirpstack", "hemlig")).await;
    let users = [("chirpstack".to_owned(), Password::new("nyare"))].into();
    bench.renewal.renew(Access { users, tls: None });
    for (password, expected) in [("hemlig", 0x86), ("nyare", 0x00)] {
        let connect = v5_0::Connect::builder().client_id("other").unwrap();
        let connect = connect.user_name("chirpstack").unwrap();
        let connect = connect.password(password.as_bytes().to_vec()).unwrap().build().unwrap();
        let (_client, connack) = Raw::connect(bench.addr, &connect.to_continuous_buffer()).await;
        assert_eq!((connack.0, connack.1[1]), (0x20, expected), "{password}");
    }
    before.send(&publish_v5("a", 1, b"still here")).await;
    assert_eq!(&bench.commit().await.message.body[..], b"still here");
}

/// A client that is told that its session is gone throws away what was not acknowledged.
#[tokio::test]
async fn a_session_is_remembered_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let sessions = Some(dir.path().join("listener.sessions"));
    let lasting = |client_id: &str| {
        let mut connect = connect_v3(client_id);
        connect[9] &= !0x02;
        connect
    };
    let session_present = async |connect: Vec<u8>| {
        let bench = Bench::with(Config { sessions: sessions.clone(), ..config() }, 10).await;
        let (client, connack) = Raw::connect(bench.addr, &connect).await;
        drop(client);
        bench.stop.cancel();
        soon(bench.task).await.unwrap();
        connack.1[0] == 1
    };
    assert!(!session_present(lasting("ns åäö\n")).await);
    assert!(session_present(lasting("ns åäö\n")).await);
    assert!(!session_present(lasting("another")).await);
    assert!(!session_present(connect_v3("ns åäö\n")).await, "it wants no session");
    assert!(!session_present(lasting("ns åäö\n")).await, "and has ended its own");
}
