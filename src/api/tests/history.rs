use serde_json::json;

use super::Fixture;

fn path(query: &str) -> String {
    format!("/api/v1/badtemperaturer/playa-mjorn/matningar{query}")
}

#[tokio::test]
async fn history_is_half_open_and_in_order() {
    let api = Fixture::start().await;
    let query = "?from=2026-07-14T09:00:00Z&to=2026-07-14T10:00:00Z";
    let history = api.get(&path(query)).await.json();
    let times: Vec<&str> = history["measurements"]
        .as_array()
        .unwrap()
        .iter()
        .map(|measurement| measurement["observedAt"].as_str().unwrap())
        .collect();
    let wanted = ["09:00", "09:15", "09:30", "09:45"].map(|time| format!("2026-07-14T{time}:00Z"));
    assert_eq!(times, wanted);
    assert_eq!(history["total"], 4);
    assert_eq!(history["unit"], "Cel");
}

#[tokio::test]
async fn any_zone_is_understood_and_utc_is_returned() {
    let api = Fixture::start().await;
    for offset in ["%2B02:00", "+02:00"] {
        let query = format!("?from=2026-07-14T11:00:00{offset}&to=2026-07-14T12:00:00{offset}");
        let history = api.get(&path(&query)).await.json();
        assert_eq!(history["from"], "2026-07-14T09:00:00Z");
        assert_eq!(history["total"], 4);
    }
}

#[tokio::test]
async fn pages_follow_their_links_to_the_end() {
    let api = Fixture::start().await;
    let mut next = Some(path("?limit=30"));
    let mut seen = Vec::new();
    while let Some(path) = next {
        let page = api.get(&path).await.json();
        assert!(!page["_links"]["self"]["href"].as_str().unwrap().is_empty());
        seen.extend(page["measurements"].as_array().unwrap().clone());
        next = page["_links"]["next"]["href"].as_str().map(str::to_owned);
        assert_eq!(next.is_none(), seen.len() == 93, "{} so far", seen.len());
    }
    assert_eq!(seen.last().unwrap()["observedAt"], "2026-07-14T10:00:00Z");
    let default = api.get(&path("")).await.json();
    assert_eq!((&default["limit"], &default["offset"]), (&json!(20), &json!(0)));
    assert_eq!(default["measurements"].as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn history_withholds_what_the_list_would_not_have_shown() {
    let api = Fixture::start().await;
    api.observe("playa-mjorn", "2026-07-14T09:05:00Z", -127.0);
    api.observe("playa-mjorn", "2026-07-14T09:07:00Z", 29.0);
    let query = "?from=2026-07-14T09:00:00Z&to=2026-07-14T09:15:00Z";
    assert_eq!(api.get(&path(query)).await.json()["total"], 1);
    let jetty = api.get("/api/v1/badtemperaturer/ingared/matningar").await.json();
    assert_eq!(jetty["total"], 0, "a sensor in the air has no history of the water");
    let winter = api.get("/api/v1/badtemperaturer/lygnared/matningar").await.json();
    assert_eq!(winter["total"], 0, "off season");
}

#[tokio::test]
async fn readings_of_the_future_are_no_history() {
    let api = Fixture::start().await;
    api.set_now("2026-07-14T09:20:00Z");
    let query = "?from=2026-07-14T09:00:00Z&to=2026-07-14T10:00:00Z";
    assert_eq!(api.get(&path(query)).await.json()["total"], 2);
    let query = "?from=2027-07-14T09:00:00Z&to=2027-07-14T10:00:00Z";
    assert_eq!(api.get(&path(query)).await.json()["total"], 0);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_what_is_wanted() {
    let api = Fixture::start().await;
    let cases = [
        ("?limit=0", "limit must be a whole number from 1 to 1000."),
        ("?limit=1001", "limit must be a whole number from 1 to 1000."),
        ("?limit=+5", "limit must be a whole number from 1 to 1000."),
        ("?offset=-1", "offset must be a whole number from 0 to 55000."),
        ("?from=igår", "from must be a date and time of RFC 3339, such as 2026-07-14T10:00:00Z."),
        (
            "?from=2026-07-14",
            "from must be a date and time of RFC 3339, such as 2026-07-14T10:00:00Z.",
        ),
        (
            "?from=2026-07-14T10:00:00Z&to=2026-07-14T09:00:00Z",
            "from must not be after to, nor more than 190 days before it.",
        ),
        (
            "?from=2025-07-14T10:00:00Z&to=2026-07-14T09:00:00Z",
            "from must not be after to, nor more than 190 days before it.",
        ),
        ("?limit=1&limit=2", "A query parameter is given twice."),
        ("?Limit=1", "This resource has only the query parameters from, to, limit, offset."),
    ];
    for (query, detail) in cases {
        let answer = api.get(&path(query)).await;
        assert_eq!(
            (answer.status, answer.json()["detail"].as_str()),
            (400, Some(detail)),
            "{query}"
        );
    }
}
