//! The OpenAPI document and what is served are one.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Fixture;
use crate::api::public::paths;
use crate::api::public_routes;

fn document() -> Value {
    serde_json::from_str(include_str!("../public/openapi.json")).unwrap()
}

/// Says where `value` is not of `schema`; knows the keywords that the document uses.
fn faults(value: &Value, schema: &Value, at: &str, document: &Value) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(&reference[1..]).expect(reference);
        return faults(value, target, at, document);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let fits = |choice| faults(value, choice, at, document).is_empty();
        return if choices.iter().any(fits) { vec![] } else { vec![format!("{at} fits nothing")] };
    }
    let mut faults = of_type(value, schema, at);
    if schema.get("const").is_some_and(|wanted| wanted != value)
        || schema["enum"].as_array().is_some_and(|words| !words.contains(value))
        || schema["minimum"].as_f64() > value.as_f64().or(schema["minimum"].as_f64())
    {
        faults.push(format!("{at} is {value}"));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        faults.extend(self::faults(item, &schema["items"], &format!("{at}/{index}"), document));
    }
    let Some(fields) = value.as_object() else { return faults };
    for name in schema["required"].as_array().into_iter().flatten() {
        if !fields.contains_key(name.as_str().unwrap()) {
            faults.push(format!("{at} has no {name}"));
        }
    }
    for (name, field) in fields {
        match schema["properties"].get(name) {
            Some(schema) => {
                faults.extend(self::faults(field, schema, &format!("{at}/{name}"), document));
            }
            None if schema["additionalProperties"] == false => {
                faults.push(format!("{at} has {name}, which is not described"));
            }
            None => {}
        }
    }
    faults
}

fn of_type(value: &Value, schema: &Value, at: &str) -> Vec<String> {
    let names: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => return vec![],
    };
    let is = |name: &&str| match *name {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the checker does not know {other}"),
    };
    let fits = names.iter().any(is);
    let date = schema["format"] == "date-time" && value.is_string();
    let dated = !date || value.as_str().is_some_and(|text| text.ends_with('Z') && text.len() == 20);
    if fits && dated { vec![] } else { vec![format!("{at} is {value}, want {names:?}")] }
}

#[test]
fn every_public_route_is_described_and_nothing_else() {
    let described: BTreeSet<String> = document()["paths"]
        .as_object()
        .unwrap()
        .keys()
        .map(|path| format!("/api/v1{path}"))
        .collect();
    let served: BTreeSet<String> = public_routes()
        .into_iter()
        .map(|(path, _)| path.to_owned())
        .filter(|path| ![paths::PAGE, paths::ASSET].contains(&path.as_str()))
        .collect();
    assert_eq!(described, served);
}

#[test]
fn every_example_has_the_shape_of_its_schema() {
    let document = document();
    let mut seen = 0;
    let mut stack = vec![&document];
    while let Some(node) = stack.pop() {
        for media in node.as_object().into_iter().flatten().map(|(_, child)| child) {
            stack.push(media);
        }
        stack.extend(node.as_array().into_iter().flatten());
        let (Some(schema), Some(examples)) = (node.get("schema"), node["examples"].as_object())
        else {
            continue;
        };
        for (name, example) in examples {
            let example = match example["$ref"].as_str() {
                Some(reference) => document.pointer(&reference[1..]).expect(reference),
                None => example,
            };
            assert_eq!(faults(&example["value"], schema, name, &document), [""; 0]);
            seen += 1;
        }
    }
    assert!(seen >= 15, "only {seen} examples were found");
}

#[tokio::test]
async fn what_is_served_has_the_shape_that_is_described() {
    let api = Fixture::start().await;
    let document = document();
    let cases = [
        ("/api/v1/badtemperaturer", "List"),
        ("/api/v1/badtemperaturer.geojson", "FeatureCollection"),
        ("/api/v1/badtemperaturer/playa-mjorn", "Site"),
        ("/api/v1/badtemperaturer/ingared", "Site"),
        ("/api/v1/badtemperaturer/playa-mjorn/matningar", "History"),
        ("/api/v1/badtemperaturer/playa-mjorn/matningar?offset=20", "History"),
        ("/api/v1/badtemperaturer/finns-inte", "Problem"),
        ("/api/v1/api-info", "ApiInfo"),
    ];
    for (path, schema) in cases {
        let schema = document.pointer(&format!("/components/schemas/{schema}")).unwrap();
        assert_eq!(faults(&api.get(path).await.json(), schema, path, &document), [""; 0]);
    }
}

#[tokio::test]
async fn the_document_says_where_it_is_and_whom_to_ask() {
    let api = Fixture::start().await;
    let served = api.get("/api/v1/openapi.json").await.json();
    assert_eq!(served["servers"][0]["url"], "https://data.example.se/api/v1");
    assert_eq!(served["info"]["contact"]["email"], "data@example.se");
    let info = api.get("/api/v1/api-info").await.json();
    assert_eq!(info["apiDocumentation"], "https://data.example.se/api/v1/openapi.json");
    assert_eq!(info["apiStatus"], "active");
}

#[test]
fn every_operation_says_what_the_profile_demands() {
    for (path, item) in document()["paths"].as_object().unwrap() {
        let get = &item["get"];
        assert!(get["description"].is_string() && get["summary"].is_string(), "{path}");
        let parameters = get["parameters"].to_string();
        assert!(parameters.contains("parameters/traceparent"), "{path}");
        for status in ["200", "304", "400", "405", "default"] {
            assert!(!get["responses"][status].is_null(), "{path} does not describe {status}");
        }
    }
    let info = &document()["info"];
    for field in
        ["version", "title", "description", "contact", "license", "termsOfService", "x-sla"]
    {
        assert!(!info[field].is_null(), "{field}");
    }
}
