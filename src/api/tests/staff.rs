use serde_json::{Value, json};

use super::Fixture;
use super::fixture::{DEV_EUI, UNREGISTERED};

#[tokio::test]
async fn nobody_is_staff_without_the_token() {
    let api = Fixture::start().await;
    let cases = [
        (None, 401),
        (Some("Bearer wrong"), 401),
        (Some("Bearer "), 401),
        (Some("Basic staff-only-7f3a"), 401),
        (Some("staff-only-7f3a"), 401),
        (Some("Bearer staff-only-7f3"), 401),
        (Some("Bearer staff-only-7f3a"), 200),
        (Some("bearer staff-only-7f3a"), 200),
    ];
    for (given, status) in cases {
        let headers: Vec<_> = given.map(|given| ("Authorization", given)).into_iter().collect();
        let answer = api.ask("GET", "/api/v1/staff/uplinks", &headers).await;
        assert_eq!(answer.status, status, "{given:?}");
        assert_eq!(answer.header("cache-control"), "no-store", "{given:?}");
        let challenge = answer.header("www-authenticate");
        assert_eq!(challenge.starts_with("Bearer"), status == 401, "{given:?}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "not for other origins");
    }
}

#[tokio::test]
async fn without_a_configured_token_nobody_gets_in() {
    for token in [None, Some("")] {
        let api = Fixture::start_with(token).await;
        let headers = [("Authorization", "Bearer ")];
        let answer = api.ask("GET", "/api/v1/staff/uplinks", &headers).await;
        assert_eq!(answer.status, 503);
        assert!(answer.json()["detail"].as_str().unwrap().contains("No token is configured"));
    }
}

#[tokio::test]
async fn the_ledger_is_listed_newest_first_and_filtered() {
    let api = Fixture::start().await;
    let list = api.staff("/uplinks").await.json();
    let outcomes = |list: &Value| -> Vec<String> {
        let rows = list["uplinks"].as_array().unwrap();
        rows.iter().map(|row| row["outcome"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(outcomes(&list), ["unknown_device", "stored"]);
    assert_eq!(
        list["uplinks"][0],
        json!({
            "id": 2, "part": 0, "source": "hemlig-kalla", "arrived_at": "2026-07-14T10:05:00Z",
            "server_time": "2026-07-14T10:05:00Z", "dev_eui": UNREGISTERED, "kind": "up",
            "f_port": 5, "f_cnt": 48213, "outcome": "unknown_device",
            "reason": "nobody has registered it", "profile": null,
            "body_bytes": list["uplinks"][0]["body_bytes"],
        })
    );
    let cases: &[(&str, &[&str])] = &[
        ("?outcome=stored", &["stored"]),
        ("?outcome=unknown_device", &["unknown_device"]),
        ("?dev_eui=0e7a11fffe4c2d91", &["stored"]),
        ("?dev_eui=0E-7A-11-FF-FE-4C-2D-91", &["stored"]),
        ("?dev_eui=0000000000000000", &[]),
        ("?limit=1", &["unknown_device"]),
    ];
    for (query, wanted) in cases {
        let list = api.staff(&format!("/uplinks{query}")).await.json();
        assert_eq!(outcomes(&list), *wanted, "{query}");
    }
    for query in ["?limit=1001", "?outcome=lost", "?dev_eui=x", "?devEui=0e7a11fffe4c2d91"] {
        assert_eq!(api.staff(&format!("/uplinks{query}")).await.status, 400, "{query}");
    }
}

#[tokio::test]
async fn an_uplink_is_shown_as_it_came_and_as_it_was_understood() {
    let api = Fixture::start().await;
    let row = api.staff("/uplinks/1").await.json();
    assert_eq!(row["outcome"], "stored");
    assert_eq!(row["profile"], json!({ "id": "hemlig-profil/x", "hash": "abc123" }));
    assert_eq!(
        row["uplink"],
        json!({
            "dev_eui": DEV_EUI, "f_port": 5, "f_cnt": 48213, "payload_hex": "0100d5022c070e1f",
            "received_at": "2026-07-14T10:00:00.417265Z", "rssi": -97.0, "snr": 6.5,
            "best_gateway": "58a0cbfffe80aa04", "gateway_count": 1,
            "gateways": ["58a0cbfffe80aa04"], "confirmed": false, "dr": 3,
            "sf": 9, "bandwidth_hz": 125_000, "frequency_hz": 868_300_000, "dev_addr": "01a4c39e",
            "dedup_id": "6f0a7c1e-52b4-4b1d-9a53-0d8f1c2e7b90",
            "device_name": "badplats-norra-01",
        })
    );
    assert_eq!(row["event"], Value::Null);
    assert_eq!(row["raw"]["format"], "chirpstack-v4-json");
    assert_eq!(row["raw"]["encoding"], "utf-8");
    let body: Value = serde_json::from_str(row["raw"]["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["deviceInfo"]["devEui"], DEV_EUI);
    for path in ["/uplinks/3", "/uplinks/x", "/uplinks/-1"] {
        assert_eq!(api.staff(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_device_is_shown_registered_or_only_heard() {
    let api = Fixture::start().await;
    let device = api.staff(&format!("/devices/{DEV_EUI}")).await.json();
    assert_eq!(device["registered"], true);
    assert_eq!(device["registration"]["name"], "teknikerns-namn");
    assert_eq!(
        device["deployments"],
        json!([{ "site": "playa-mjorn", "from": "2026-05-01T00:00:00Z", "until": null }])
    );
    assert_eq!(device["state"]["rssi"], -97.0);
    assert_eq!(device["last_uplink"]["outcome"], "stored");
    let stranger = api.staff(&format!("/devices/{UNREGISTERED}")).await.json();
    assert_eq!((&stranger["registered"], &stranger["registration"]), (&json!(false), &json!(null)));
    assert_eq!(stranger["last_uplink"]["outcome"], "unknown_device");
    assert_eq!(api.staff("/devices/0000000000000000").await.status, 404);
}

#[tokio::test]
async fn observations_are_given_singly_by_hour_and_by_swedish_day() {
    let api = Fixture::start().await;
    let of = |query: &str| format!("/sites/playa-mjorn/observations{query}");
    let all = api.staff(&of("")).await.json();
    let names: Vec<_> =
        all["quantities"].as_array().unwrap().iter().map(|s| &s["quantity"]).collect();
    assert_eq!(names, ["battery", "water_temperature"]);

    let two = api.staff(&of("?quantity=water_temperature&limit=2")).await.json();
    let series = &two["quantities"][0];
    assert_eq!(
        (series["observations"].as_array().unwrap().len(), &series["truncated"]),
        (2, &json!(true))
    );
    assert_eq!(series["observations"][0]["quality"], "good");

    let day = "&from=2026-07-12T22:00:00Z&to=2026-07-13T22:00:00Z";
    let hours =
        api.staff(&of(&format!("?quantity=water_temperature&aggregate=hour{day}"))).await.json();
    assert_eq!(hours["quantities"][0]["observations"].as_array().unwrap().len(), 24);
    let days =
        api.staff(&of(&format!("?quantity=water_temperature&aggregate=day{day}"))).await.json();
    let days = days["quantities"][0]["observations"].as_array().unwrap();
    assert_eq!(days.len(), 1);
    assert_eq!((&days[0]["date"], &days[0]["count"]), (&json!("2026-07-13"), &json!(96)));
}

#[tokio::test]
async fn bad_observations_are_shown_to_staff_with_their_reason() {
    let api = Fixture::start().await;
    api.observe("playa-mjorn", "2026-07-14T10:04:00Z", -127.0);
    let found =
        api.staff("/sites/playa-mjorn/observations?quantity=water_temperature").await.json();
    let last = found["quantities"][0]["observations"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["quality"], &last["reason"]), (&json!("bad"), &json!("out_of_range")));
}

#[tokio::test]
async fn spans_and_sites_are_limited() {
    let api = Fixture::start().await;
    let cases = [
        ("/sites/finns-inte/observations", 404),
        ("/sites/vattenverket-lacka/observations", 200),
        ("/sites/playa-mjorn/observations?from=2026-06-01T00:00:00Z", 400),
        ("/sites/playa-mjorn/observations?from=2026-06-01T00:00:00Z&aggregate=hour", 200),
        ("/sites/playa-mjorn/observations?from=2020-06-01T00:00:00Z&aggregate=day", 200),
        ("/sites/playa-mjorn/observations?aggregate=week", 400),
        ("/sites/playa-mjorn/observations?to=2026-06-01T00:00:00Z&from=2026-06-01T00:00:00Z", 400),
    ];
    for (path, status) in cases {
        assert_eq!(api.staff(path).await.status, status, "{path}");
    }
}
