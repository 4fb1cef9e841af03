use serde_json::json;

use super::{Fixture, at};

const LIST: &str = "/api/v1/badtemperaturer";

#[tokio::test]
async fn the_list_has_every_published_place_in_swedish_order_and_its_state() {
    let api = Fixture::start().await;
    let list = api.get(LIST).await.json();
    let found: Vec<(&str, &str)> = list["sites"]
        .as_array()
        .unwrap()
        .iter()
        .map(|site| (site["name"].as_str().unwrap(), site["status"].as_str().unwrap()))
        .collect();
    let wanted = [
        ("Anten, Gräfsnäs slottspark", "ok"),
        ("Gerdsken, Kabelbadet", "ok"),
        ("Gerdsken, Ängabobadet", "stale"),
        ("Mjörn, Bergsjödalsviken", "noData"),
        ("Mjörn, Lövekulle camping", "ok"),
        ("Playa Mjörn", "ok"),
        ("Stora Färgen, Lygnareds camping", "offSeason"),
        ("Sävelången, Ingareds badplats", "suspect"),
    ];
    assert_eq!(found, wanted);
}

#[tokio::test]
async fn a_place_has_the_fields_of_the_contract() {
    let api = Fixture::start().await;
    let site = api.get("/api/v1/badtemperaturer/playa-mjorn").await.json();
    let wanted = json!({
        "id": "playa-mjorn", "bathingWaterId": "SE0A21489000001700", "wikidataId": "Q106708632",
        "name": "Playa Mjörn", "lake": "Mjörn", "euBath": true,
        "position": { "type": "Point", "coordinates": [12.50216, 57.93055] },
        "status": "ok",
        "observation": {
            "temperature": 19.2, "unit": "Cel", "observedAt": "2026-07-14T10:00:00Z",
            "validUntil": "2026-07-14T13:00:00Z", "depthMeters": 0.5, "method": "sensor",
            "quality": "good",
        },
        "change24h": 0.8,
        "last24h": { "min": 17.9, "max": 19.4, "mean": 18.7 },
        "advisory": null, "advisoryCheckedAt": null, "latestSample": null, "classification": null,
        "seasons": {
            "measurementStartsOn": "2026-05-15", "measurementEndsOn": "2026-09-15",
            "bathingStartsOn": "2026-06-21", "bathingEndsOn": "2026-08-20",
        },
        "_links": {
            "self": { "href": "/api/v1/badtemperaturer/playa-mjorn" },
            "history": { "href": "/api/v1/badtemperaturer/playa-mjorn/matningar" },
        },
    });
    assert_eq!(site, wanted);
    let list = api.get(LIST).await.json();
    assert_eq!(list["sites"][5], site, "the list says the same");
    assert_eq!(list["updatedAt"], "2026-07-14T10:00:00Z");
}

#[tokio::test]
async fn only_what_may_be_shown_has_a_value_or_statistics() {
    let api = Fixture::start().await;
    for site in api.get(LIST).await.json()["sites"].as_array().unwrap() {
        let shown = matches!(site["status"].as_str(), Some("ok" | "stale"));
        for field in ["observation", "last24h"] {
            assert_eq!(site[field].is_object(), shown, "{field} of {}", site["name"]);
        }
        assert!(shown || site["change24h"].is_null());
    }
}

#[tokio::test]
async fn updated_at_is_when_the_content_changed_and_not_now() {
    let api = Fixture::start().await;
    // now, newest change
    let cases = [
        ("2026-07-14T10:06:00Z", "2026-07-14T10:00:00Z"),
        // A place that falls silent becomes stale three hours later, the last of them then.
        ("2026-07-14T14:00:00Z", "2026-07-14T13:00:00Z"),
        // And is withheld a day after its last reading.
        ("2026-07-15T12:00:00Z", "2026-07-15T10:00:00Z"),
        ("2026-07-19T12:00:00Z", "2026-07-15T10:00:00Z"),
        // A place whose publication begins that day.
        ("2026-07-20T12:00:00Z", "2026-07-19T22:00:00Z"),
        // The bathing season has ended, so its dates are those of the next year.
        ("2026-08-25T12:00:00Z", "2026-08-20T22:00:00Z"),
        ("2026-10-25T12:00:00Z", "2026-09-15T22:00:00Z"),
    ];
    for (now, changed) in cases {
        api.set_now(now);
        assert_eq!(api.get(LIST).await.json()["updatedAt"], changed, "at {now}");
    }
}

#[tokio::test]
async fn a_new_reading_is_served_at_once() {
    let api = Fixture::start().await;
    api.observe("bergsjodalsviken", "2026-07-14T10:04:00Z", 17.84);
    let site = api.get("/api/v1/badtemperaturer/bergsjodalsviken").await.json();
    assert_eq!(site["observation"]["temperature"], 17.8);
    assert_eq!(site["change24h"], json!(null));
}

#[tokio::test]
async fn the_list_is_given_in_the_form_that_is_asked_for() {
    let api = Fixture::start().await;
    let cases = [
        ("application/json", "application/json"),
        ("application/geo+json", "application/geo+json"),
        ("text/csv", "text/csv; charset=utf-8; header=present"),
        ("text/csv;q=0.5, application/geo+json;q=0.8", "application/geo+json"),
        ("text/html, */*;q=0.1", "application/json"),
    ];
    for (accept, media) in cases {
        let answer = api.ask("GET", LIST, &[("Accept", accept)]).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, media), "{accept}");
    }
    let refused = api.ask("GET", LIST, &[("Accept", "application/xml")]).await;
    assert_eq!(refused.status, 406);
    assert_eq!(refused.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn csv_is_a_table_that_a_spreadsheet_reads() {
    let api = Fixture::start().await;
    let csv = api.get("/api/v1/badtemperaturer.csv").await;
    let lines: Vec<&str> = csv.text().split("\r\n").collect();
    assert_eq!(lines.len(), 10, "a header, eight places, and an end of line");
    assert!(
        lines[2].starts_with("gerdsken-kabelbadet,\"Gerdsken, Kabelbadet\",Gerdsken,,12.54159,")
    );
    assert_eq!(
        lines[6],
        "playa-mjorn,Playa Mjörn,Mjörn,SE0A21489000001700,12.50216,57.93055,ok,19.2,Cel,\
         2026-07-14T10:00:00Z,2026-07-14T13:00:00Z,good,0.8,17.9,19.4,18.7"
    );
    assert_eq!(lines[8].matches(',').count(), lines[0].matches(',').count() + 1, "{}", lines[8]);
    assert!(lines[8].ends_with("suspect,,Cel,,,,,,,"), "{}", lines[8]);
}

#[tokio::test]
async fn geojson_has_a_feature_for_each_place() {
    let api = Fixture::start().await;
    let map = api.get("/api/v1/badtemperaturer.geojson").await.json();
    let feature = &map["features"][5];
    assert_eq!(feature["geometry"]["coordinates"], json!([12.50216, 57.93055]));
    assert_eq!(feature["properties"]["temperature"], 19.2);
    assert_eq!(map["features"][7]["properties"]["temperature"], json!(null));
}

#[tokio::test]
async fn a_publication_takes_effect_on_its_day() {
    let api = Fixture::start().await;
    let path = "/api/v1/badtemperaturer/framtida-bad";
    for (now, status) in [("2026-07-19T21:59:00Z", 404), ("2026-07-19T22:00:00Z", 200)] {
        api.set_now(now);
        assert_eq!(api.get(path).await.status, status, "{now}");
    }
    assert!(at("2026-07-19T22:00:00Z") < at("2026-07-20T00:00:00Z"), "the day is Sweden's");
}
