use std::io::Read;

use super::Fixture;

const LIST: &str = "/api/v1/badtemperaturer";

#[tokio::test]
async fn a_client_that_has_it_already_gets_304() {
    let api = Fixture::start().await;
    let first = api.get(LIST).await;
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with('"'), "strong: {tag}");
    let cases = [
        (tag.clone(), 304),
        (format!("W/{tag}"), 304),
        (format!("\"other\", {tag}"), 304),
        ("*".to_owned(), 304),
        ("\"other\"".to_owned(), 200),
        (tag.trim_matches('"').to_owned(), 200),
        (String::new(), 200),
    ];
    for (given, status) in cases {
        let answer = api.ask("GET", LIST, &[("If-None-Match", &given)]).await;
        assert_eq!(answer.status, status, "{given}");
        for name in ["etag", "cache-control", "vary", "last-modified"] {
            assert_eq!(answer.header(name), first.header(name), "{name} for {given}");
        }
        assert_eq!(answer.body.is_empty(), status == 304);
    }
    api.observe("playa-mjorn", "2026-07-14T10:04:00Z", 19.9);
    let answer = api.ask("GET", LIST, &[("If-None-Match", &tag)]).await;
    assert_eq!(answer.status, 200, "the content has changed");
}

#[tokio::test]
async fn the_tag_stays_while_nothing_changes() {
    let api = Fixture::start().await;
    let tag = api.get(LIST).await.header("etag").to_owned();
    api.set_now("2026-07-14T10:50:00Z");
    assert_eq!(api.get(LIST).await.header("etag"), tag);
    api.set_now("2026-07-14T12:46:00Z");
    assert_ne!(api.get(LIST).await.header("etag"), tag, "one place has become stale");
}

#[tokio::test]
async fn a_cache_never_keeps_a_value_beyond_its_validity() {
    let api = Fixture::start().await;
    // The first place to become stale was read at 09:45 and is valid until 12:45.
    let cases = [
        ("2026-07-14T10:05:00Z", 60),
        ("2026-07-14T12:44:00Z", 60),
        ("2026-07-14T12:44:30.500Z", 29),
        ("2026-07-14T12:45:00Z", 0),
        ("2026-07-14T12:45:01Z", 60),
    ];
    for (now, seconds) in cases {
        api.set_now(now);
        let wanted =
            format!("public, max-age={seconds}, stale-while-revalidate=300, stale-if-error=86400");
        assert_eq!(api.get(LIST).await.header("cache-control"), wanted, "{now}");
    }
}

#[tokio::test]
async fn each_answer_carries_its_headers() {
    let api = Fixture::start().await;
    let list = api.get(LIST).await;
    let wanted = [
        ("content-type", "application/json"),
        ("last-modified", "Tue, 14 Jul 2026 10:00:00 GMT"),
        ("vary", "Accept, Accept-Encoding"),
        ("access-control-allow-origin", "*"),
        ("access-control-expose-headers", "ETag, Retry-After, traceparent"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("cross-origin-resource-policy", "cross-origin"),
        ("strict-transport-security", "max-age=31536000"),
    ];
    for (name, value) in wanted {
        assert_eq!(list.header(name), value, "{name}");
    }
    for path in [LIST, "/", "/nowhere", "/health/live", "/metrics", "/api/v1/staff/uplinks"] {
        assert_eq!(api.get(path).await.header("traceparent").len(), 55, "{path}");
        assert!(!api.get(path).await.head.contains("set-cookie"), "{path}");
    }
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let traced = api.ask("GET", LIST, &[("traceparent", trace)]).await;
    assert!(traced.header("traceparent").starts_with(&trace[..36]));
}

#[tokio::test]
async fn head_and_options_tell_without_a_body() {
    let api = Fixture::start().await;
    let get = api.get(LIST).await;
    let head = api.ask("HEAD", LIST, &[]).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    for name in ["etag", "content-type", "content-length", "cache-control"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
    let options = api.ask("OPTIONS", LIST, &[("Origin", "https://www.alingsas.se")]).await;
    assert_eq!((options.status, options.header("allow")), (204, "GET, HEAD, OPTIONS"));
    assert_eq!(options.header("access-control-allow-origin"), "*");
}

#[tokio::test]
async fn a_compressed_body_has_a_tag_of_its_own_that_is_known_again() {
    let api = Fixture::start().await;
    let plain = api.get(LIST).await;
    let packed = api.ask("GET", LIST, &[("Accept-Encoding", "gzip")]).await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    let tag = packed.header("etag");
    assert_eq!(tag.replace("-gzip", ""), plain.header("etag"));
    assert_ne!(tag, plain.header("etag"));
    let again = api.ask("GET", LIST, &[("Accept-Encoding", "gzip"), ("If-None-Match", tag)]).await;
    assert_eq!((again.status, again.header("etag")), (304, tag));
    assert!(packed.body.len() < plain.body.len() / 2);
    assert!(packed.body.bytes().all(|byte| byte.is_ok()));
}

#[tokio::test]
async fn what_cannot_be_answered_is_a_problem() {
    let api = Fixture::start().await;
    let long = format!("/{}", "a".repeat(2100));
    let cases = [
        ("GET", "/api/v1/badtemperaturer?sort=name", 400),
        ("GET", "/api/v1/badtemperaturer/playa-mjorn?x=1", 400),
        ("GET", "/api/v1/api-info?x", 400),
        ("GET", "/api/v1/badtemperaturer/finns-inte", 404),
        ("GET", "/api/v1/badtemperaturer/finns-inte/matningar", 404),
        ("GET", "/api/v1/badtemperaturer/", 404),
        ("GET", "/api/v2/badtemperaturer", 404),
        ("GET", "/api/v1/badtemperaturer/%00%ff", 404),
        ("GET", &long, 414),
        ("POST", "/api/v1/badtemperaturer", 405),
        ("DELETE", "/api/v1/badtemperaturer/playa-mjorn", 405),
    ];
    for (method, path, status) in cases {
        let answer = api.ask(method, path, &[]).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{method} {path}");
        let problem = answer.json();
        assert_eq!(problem["status"], status, "{problem}");
        assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
        if status == 405 {
            assert_eq!(answer.header("allow"), "GET,HEAD,OPTIONS");
        }
    }
}
