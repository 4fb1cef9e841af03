use super::Fixture;
use super::fixture::{SECRETS, UNREGISTERED};

/// Every public address there is, and some that look for what is hidden.
const PATHS: &[&str] = &[
    "/",
    "/?lang=en",
    "/api/v1/badtemperaturer",
    "/api/v1/badtemperaturer.csv",
    "/api/v1/badtemperaturer.geojson",
    "/api/v1/badtemperaturer/playa-mjorn",
    "/api/v1/badtemperaturer/ingared",
    "/api/v1/badtemperaturer/playa-mjorn/matningar?limit=1000",
    "/api/v1/badtemperaturer/playa-mjorn/matningar?quantity=battery",
    "/api/v1/api-info",
    "/api/v1/openapi.json",
    "/health/live",
];

#[tokio::test]
async fn no_public_answer_holds_anything_private() {
    let api = Fixture::start().await;
    api.health.trouble("source hemlig-kalla", "gone");
    for path in PATHS {
        for accept in ["*/*", "application/json", "application/geo+json", "text/csv", "x/y"] {
            let answer = api.ask("GET", path, &[("Accept", accept)]).await;
            let all = format!("{}{}", answer.head, answer.text());
            for secret in SECRETS {
                assert!(!all.contains(secret), "{secret} in {path} as {accept}:\n{all}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_hidden_and_what_is_missing_answer_alike() {
    let api = Fixture::start().await;
    let trace = [("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")];
    let strip = |head: &str| -> Vec<String> {
        let volatile =
            |line: &&str| !line.starts_with("date:") && !line.starts_with("traceparent:");
        head.lines().filter(volatile).map(str::to_owned).collect()
    };
    for ending in ["", "/matningar", "/matningar?limit=5", "?x=1", "/matningar?limit=x"] {
        for method in ["GET", "HEAD", "OPTIONS", "POST"] {
            let missing = format!("/api/v1/badtemperaturer/finns-inte{ending}");
            let missing = api.ask(method, &missing, &trace).await;
            for id in ["hemligt-bad", "framtida-bad", "vattenverket-lacka", UNREGISTERED, "Å"] {
                let hidden = format!("/api/v1/badtemperaturer/{id}{ending}");
                let hidden = api.ask(method, &hidden, &trace).await;
                assert_eq!(strip(&hidden.head), strip(&missing.head), "{method} {id}{ending}");
                assert_eq!(hidden.body, missing.body, "{method} {id}{ending}");
            }
        }
    }
}
