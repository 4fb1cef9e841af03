use super::Fixture;
use super::fixture::{Answer, send};
use crate::intake::Delivery;

async fn post(api: &Fixture, source: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let path = format!("/ingest/{source}");
    let token = format!("Bearer {}", source.split('?').next().unwrap());
    let mut all = vec![("Authorization", token.as_str())];
    all.extend(headers);
    send(api.addr, "POST", &path, &all, body).await
}

/// Takes as many messages as the pipeline would, and answers with their topics and bodies.
async fn take(api: &mut Fixture, count: usize) -> (Vec<Delivery>, Vec<(String, String)>) {
    let mut taken = Vec::new();
    for _ in 0..count {
        taken.push(api.deliveries.recv().await.unwrap());
    }
    let told = taken
        .iter()
        .map(|delivery| {
            let body = String::from_utf8(delivery.message.body.to_vec()).unwrap();
            (delivery.message.topic.clone(), body)
        })
        .collect();
    (taken, told)
}

fn acknowledge(deliveries: Vec<Delivery>) {
    for delivery in deliveries {
        delivery.receipt.unwrap().acknowledge();
    }
}

#[tokio::test]
async fn a_sender_is_answered_after_the_commit_and_not_before() {
    let mut api = Fixture::start().await;
    let addr = api.addr;
    let request = tokio::spawn(async move {
        send(addr, "POST", "/ingest/plain", &[("Authorization", "Bearer plain")], b"{\"a\":1}")
            .await
    });
    let (deliveries, told) = take(&mut api, 1).await;
    assert_eq!(told, [(String::new(), "{\"a\":1}".to_owned())]);
    assert!(!request.is_finished());
    acknowledge(deliveries);
    let answer = request.await.unwrap();
    assert_eq!((answer.status, answer.text()), (200, "{\"received\":1}"));
}

#[tokio::test]
async fn messages_are_told_apart_as_their_sender_packs_them() {
    let mut api = Fixture::start().await;
    let ndjson: &[(&str, &str)] = &[("Content-Type", "application/x-ndjson")];
    // source, headers, body: topic and bodies
    type Case<'c> = (&'c str, &'c [(&'c str, &'c str)], &'c str, &'c str, &'c [&'c str]);
    let cases: &[Case<'_>] = &[
        ("plain", &[], "[{\"a\":1}, 7 ,{\"b\":[2]}]", "", &["{\"a\":1}", "7", "{\"b\":[2]}"]),
        ("plain", &[], "[{\"a\":1}, oops]", "", &["[{\"a\":1}, oops]"]),
        ("plain", ndjson, "{\"a\":1}\r\n\n{oops\n", "", &["{\"a\":1}", "{oops"]),
        ("netserver", &[], "[{\"devEui\":\"x\"}]", "", &["[{\"devEui\":\"x\"}]"]),
        ("netserver?event=up", &[], "{}", "http/event/up", &["{}"]),
        ("netserver?event=../x", &[], "{}", "", &["{}"]),
        ("plain", &[], "", "", &[""]),
    ];
    for (source, headers, body, topic, bodies) in cases {
        let (request, ()) = tokio::join!(
            async {
                let token = format!("Bearer {}", source.split('?').next().unwrap());
                let mut all = vec![("Authorization", token.as_str())];
                all.extend(*headers);
                send(api.addr, "POST", &format!("/ingest/{source}"), &all, body.as_bytes()).await
            },
            async {
                for wanted in *bodies {
                    let delivery = api.deliveries.recv().await.unwrap();
                    assert_eq!(delivery.message.topic, *topic, "{body}");
                    assert_eq!(delivery.message.body, wanted.as_bytes(), "{body}");
                    delivery.receipt.unwrap().acknowledge();
                }
            }
        );
        assert_eq!(request.status, 200, "{body}");
        assert_eq!(request.json()["received"], bodies.len(), "{body}");
    }
}

#[tokio::test]
async fn a_wrong_token_and_a_source_that_is_not_there_answer_alike() {
    let api = Fixture::start().await;
    let wrong =
        send(api.addr, "POST", "/ingest/plain", &[("Authorization", "Bearer no")], b"{}").await;
    let absent =
        send(api.addr, "POST", "/ingest/absent", &[("Authorization", "Bearer no")], b"{}").await;
    let without = send(api.addr, "POST", "/ingest/plain", &[], b"{}").await;
    for answer in [&wrong, &absent, &without] {
        assert_eq!((answer.status, answer.text()), (401, wrong.text()));
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
    }
    let read = api.get("/ingest/plain").await;
    assert_eq!(read.status, 405);
}

#[tokio::test]
async fn too_much_at_once_is_refused_before_anything_is_taken() {
    let mut api = Fixture::start().await;
    let many = format!("[{}1]", "1,".repeat(5000));
    let answer = post(&api, "plain", &[], many.as_bytes()).await;
    assert_eq!(answer.status, 413);
    assert!(api.deliveries.try_recv().is_err());
}

#[tokio::test]
async fn a_message_that_is_dropped_unacknowledged_is_to_be_sent_again() {
    let mut api = Fixture::start().await;
    let addr = api.addr;
    let request = tokio::spawn(async move {
        send(addr, "POST", "/ingest/plain", &[("Authorization", "Bearer plain")], b"[1,2]").await
    });
    let (mut deliveries, _) = take(&mut api, 2).await;
    let second = deliveries.pop();
    acknowledge(deliveries);
    drop(second);
    let answer = request.await.unwrap();
    assert_eq!((answer.status, answer.header("retry-after")), (503, "5"));
}
