//! Holds the checked-in description of the API to the handlers.

use std::collections::BTreeSet;

use serde_json::Value;

/// The page's types are generated from this copy.
const CHECKED_IN: &str = "../../web/src/api/openapi.json";

fn described() -> Value {
    serde_json::from_str(&anteroom_controller::http::openapi::text()).unwrap()
}

#[test]
fn the_checked_in_description_is_that_of_the_handlers() {
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(CHECKED_IN, anteroom_controller::http::openapi::text()).unwrap();
    }
    let checked_in: Value = serde_json::from_str(&std::fs::read_to_string(CHECKED_IN).unwrap()).unwrap();
    assert!(
        checked_in == described(),
        "web/src/api/openapi.json has drifted; write it anew: BLESS=1 cargo test -p anteroom-controller --test openapi, \
         and then the page's types: npm run --prefix web api"
    );
}

#[test]
fn every_schema_that_is_named_is_there() {
    let (mut named, all) = (BTreeSet::new(), described());
    collect(&all, &mut named);
    let schemas = all["components"]["schemas"].as_object().unwrap();
    let missing: Vec<_> = named.iter().filter(|name| !schemas.contains_key(*name)).collect();
    assert!(missing.is_empty() && !named.is_empty(), "{missing:?}");
}

fn collect(value: &Value, named: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(name) = fields.get("$ref").and_then(Value::as_str) {
                named.extend(name.strip_prefix("#/components/schemas/").map(str::to_owned));
            }
            fields.values().for_each(|value| collect(value, named));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, named)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
