use super::Fixture;
use super::fixture::{METRICS_TOKEN, TOKEN};

#[tokio::test]
async fn it_lives_and_is_ready_until_something_is_wrong() {
    let api = Fixture::start().await;
    assert_eq!(api.get("/health/live").await.text(), r#"{"status":"live"}"#);
    assert_eq!(api.get("/health/ready").await.text(), r#"{"status":"ready","troubles":{}}"#);
    api.health.trouble("store", "the disk is full");
    let answer = api.get("/health/ready").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.text(), r#"{"status":"not_ready","troubles":{"store":"the disk is full"}}"#);
    assert_eq!(api.get("/health/live").await.status, 200);
    api.health.well("store");
    assert_eq!(api.get("/health/ready").await.status, 200);
}

#[tokio::test]
async fn reasons_and_metrics_are_for_this_machine_and_staff() {
    let api = Fixture::start().await;
    api.health.trouble("store", "the disk is full");
    let token = format!("Bearer {TOKEN}");
    let cases: &[(&[(&str, &str)], bool)] = &[
        (&[], true),
        (&[("X-Forwarded-For", "192.0.2.7")], false),
        (&[("Forwarded", "for=192.0.2.7")], false),
        (&[("Via", "1.1 proxy")], false),
        (&[("X-Forwarded-For", "192.0.2.7"), ("Authorization", "Bearer no")], false),
        (&[("X-Forwarded-For", "192.0.2.7"), ("Authorization", token.as_str())], true),
    ];
    for (headers, inside) in cases {
        let ready = api.ask("GET", "/health/ready", headers).await;
        assert_eq!(ready.text().contains("disk"), *inside, "{headers:?}");
        assert_eq!(ready.status, 503, "the state itself is for anybody");
        let metrics = api.ask("GET", "/metrics", headers).await;
        assert_eq!(metrics.status, if *inside { 200 } else { 401 }, "{headers:?}");
    }
}

#[tokio::test]
async fn the_token_for_metrics_opens_nothing_else() {
    let api = Fixture::start().await;
    api.health.trouble("store", "the disk is full");
    let token = format!("Bearer {METRICS_TOKEN}");
    let headers = [("X-Forwarded-For", "192.0.2.7"), ("Authorization", token.as_str())];
    assert_eq!(api.ask("GET", "/metrics", &headers).await.status, 200);
    assert!(api.ask("GET", "/health/ready", &headers).await.text().contains("disk"));
    assert_eq!(api.ask("GET", "/api/v1/staff/uplinks", &headers).await.status, 401);
    assert_eq!(api.ask("GET", "/api/v1/staff/alerts", &headers).await.status, 401);
}

#[tokio::test]
async fn metrics_are_open_metrics() {
    let api = Fixture::start().await;
    api.metrics.observations_stored.inc();
    let metrics = api.get("/metrics").await;
    let media = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(metrics.header("content-type"), media);
    assert!(metrics.text().contains("stadspuls_observations_stored_total 1"));
    assert!(metrics.text().ends_with("# EOF\n"));
}

#[tokio::test]
async fn a_taken_address_is_named() {
    let api = Fixture::start().await;
    let error = crate::api::bind(api.addr).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{} is taken by another program", api.addr));
}

#[tokio::test]
async fn oversized_requests_are_refused_and_the_service_goes_on() {
    let api = Fixture::start().await;
    let long = "x".repeat(20_000);
    assert_eq!(api.ask("GET", "/health/live", &[("X-Long", &long)]).await.status, 431);
    let many = vec![("X-Many", "1"); 120];
    assert_eq!(api.ask("GET", "/health/live", &many).await.status, 431);
    assert_eq!(api.get("/health/live").await.status, 200);
}

#[tokio::test]
async fn stopping_ends_idle_connections_at_once() {
    let api = Fixture::start().await;
    let mut idle = tokio::net::TcpStream::connect(api.addr).await.unwrap();
    api.get("/health/live").await;
    drop(api);
    let mut end = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut idle, &mut end);
    tokio::time::timeout(std::time::Duration::from_secs(5), read).await.unwrap().unwrap();
    assert!(end.is_empty());
}
