use super::Fixture;

#[tokio::test]
async fn each_state_is_said_in_words_and_each_number_has_its_time() {
    let api = Fixture::start().await;
    let page = api.get("/").await;
    let html = page.text();
    let wanted = [
        "<html lang=\"sv\">",
        "<h1>Badtemperaturer</h1>",
        "19,2<span class=\"unit\">&nbsp;°C</span>",
        "<span class=\"spoken\">19,2 grader</span>",
        "<time datetime=\"2026-07-14T10:00:00Z\">uppmätt kl.\u{a0}12.00</time>",
        "stiger, 0,8° på ett dygn",
        "17,9–19,4° under dygnet",
        "Uppmätt för 5\u{a0}tim sedan, kl.\u{a0}06.55",
        "Ingen aktuell mätning",
        "Mätningen startar i november 2026",
        "tisdag 14\u{a0}juli 2026",
        "Alingsås kommun",
    ];
    for text in wanted {
        assert!(html.contains(text), "no {text:?} in\n{html}");
    }
    assert_eq!(html.matches("<li class=\"bath\">").count(), 8);
    assert_eq!(
        html.matches("class=\"degrees").count(),
        html.matches("<time datetime=\"2026-07-14T").count()
    );
}

#[tokio::test]
async fn english_is_chosen_by_address_or_by_header() {
    let api = Fixture::start().await;
    let cases: &[(&str, &str, &str)] = &[
        ("/", "", "sv"),
        ("/", "en-GB,en;q=0.9", "en"),
        ("/?lang=en", "sv", "en"),
        ("/?lang=sv", "en", "sv"),
        ("/?lang=fi", "en", "sv"),
        ("/?utm_source=x", "sv", "sv"),
    ];
    for (path, accepted, lang) in cases {
        let page = api.ask("GET", path, &[("Accept-Language", accepted)]).await;
        assert_eq!(
            (page.status, page.header("content-language")),
            (200, *lang),
            "{path} {accepted}"
        );
        assert!(page.text().contains(&format!("<html lang=\"{lang}\">")));
    }
    let english = api.get("/?lang=en").await;
    for text in ["19.2<span", "measured at 12:00", "Measured 5\u{a0}hours ago, at 06:55"] {
        assert!(english.text().contains(text), "{text}");
    }
}

#[tokio::test]
async fn out_of_season_the_page_says_when_measuring_starts() {
    let api = Fixture::start().await;
    api.set_now("2026-11-23T08:00:00Z");
    let page = api.get("/").await;
    assert!(page.text().contains("Mätningen startar i maj 2027"));
    assert!(!page.text().contains("°C"), "no number at all");
}

#[tokio::test]
async fn a_reading_of_yesterday_has_its_date() {
    let api = Fixture::start().await;
    api.set_now("2026-07-14T22:30:00Z");
    api.observe("playa-mjorn", "2026-07-14T21:40:00Z", 19.0);
    assert!(api.get("/").await.text().contains("uppmätt 14\u{a0}juli kl.\u{a0}23.40"));
}

#[tokio::test]
async fn the_page_needs_nothing_but_its_own_style_and_icon() {
    let api = Fixture::start().await;
    let page = api.get("/").await;
    assert!(page.header("content-security-policy").contains("style-src 'self'"));
    for word in ["<script", "style=", "http-equiv", "<img", "@import"] {
        assert!(!page.text().contains(word), "{word}");
    }
    let assets: Vec<&str> =
        page.text().split('"').filter(|text| text.starts_with("/assets/")).collect();
    assert_eq!(assets.len(), 2);
    for path in assets {
        let asset = api.get(path).await;
        assert_eq!(asset.status, 200, "{path}");
        assert_eq!(asset.header("cache-control"), "public, max-age=31536000, immutable");
        assert!(!asset.text().contains("url("), "{path} fetches something");
    }
    assert_eq!(api.get("/assets/baths-0000000000000000.css").await.status, 404);
}

#[tokio::test]
async fn every_link_of_the_page_leads_somewhere() {
    let api = Fixture::start().await;
    let page = api.get("/").await;
    let links = page.text().split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    for link in links.filter(|link| link.starts_with('/')) {
        assert_eq!(api.get(link).await.status, 200, "{link}");
    }
}
