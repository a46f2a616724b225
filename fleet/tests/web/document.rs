//! The OpenAPI document: it describes every route, and what the routes answer is as it says.

use jsonschema::Validator;
use mt5fleet::up::server::connect;
use serde_json::{Value, json};

use super::client::{Web, eventually, heartbeat};
use super::support::servers;

/// Checks an answer against what the document says of this route.
pub fn check(document: &Value, method: &str, path: &str, status: u16, answer: &Value) {
    let responses = &document["paths"][path][method]["responses"];
    let response = &responses[status.to_string()];
    assert!(response.is_object(), "{method} {path}: {status} is not described: {answer}");
    let content = response["content"].as_object();
    let Some(schema) = content.and_then(|content| content.values().next()).map(|content| &content["schema"])
    else {
        assert_eq!(*answer, json!(""), "{method} {path}: nothing is described");
        return;
    };
    // The schema's references are into the document.
    let mut whole = document.clone();
    for (name, value) in schema.as_object().unwrap() {
        whole[name] = value.clone();
    }
    let validator: Validator = jsonschema::draft202012::new(&whole).expect("a schema");
    let faults: Vec<String> = validator
        .iter_errors(answer)
        .map(|fault| format!("{} at {}", fault, fault.instance_path()))
        .collect();
    assert_eq!(faults, Vec::<String>::new(), "{method} {path}: {answer}");
}

/// Every object of the document lists its properties and allows no others: a field that is missing in it is found.
fn close(schema: &mut Value) {
    if let Some(object) = schema.as_object_mut() {
        if object.contains_key("properties") && !object.contains_key("additionalProperties") {
            object.insert("additionalProperties".into(), json!(false));
        }
        object.values_mut().for_each(close);
    } else if let Some(all) = schema.as_array_mut() {
        all.iter_mut().for_each(close);
    }
}

#[test]
fn answers_are_as_the_document_says_and_every_route_is_in_it() {
    let servers = servers();
    let mut redis = connect(servers.ports()[0]).unwrap();
    heartbeat(&mut redis, "1.Demo", &[("at", "0"), ("ha", "1")]);
    heartbeat(&mut redis, "2.Demo", &[]);
    redis::cmd("ZADD").arg("il").arg(5).arg("3.Gone").exec(&mut redis).unwrap();
    redis::cmd("SET").arg("halt:{1.Demo}").arg("entries:anna:news").exec(&mut redis).unwrap();
    let (web, tokens) = Web::start(
        servers.config_file().to_str().unwrap(),
        &["--operate"],
        &[("olga", "operate"), ("vera", "view")],
    );
    let (_, mut document) = web.get("/api/v1/openapi.json");
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    document["components"]["schemas"].as_object_mut().unwrap().values_mut().for_each(close);

    let order = json!({ "what": "throttle", "all": true, "why": "test", "level": 2, "minutes": 5 });
    let letters = json!({ "what": "drop", "letters": [{ "shard": 0, "id": "1-1" }], "why": "test" });
    let entrance = json!({ "token": tokens[0] });
    let mut asked = Vec::new();
    for (method, path, body) in [
        ("get", "/session", None),
        ("post", "/session", Some(&entrance)),
        ("post", "/commands/preview", Some(&order)),
        ("post", "/commands", Some(&order)),
        ("get", "/fleet", None),
        ("get", "/fleet/trends", None),
        ("get", "/instances/{id}/equity?period=hours", None),
        ("get", "/instances/{id}/positions", None),
        ("get", "/instances/{id}/trades", None),
        ("get", "/instances/{id}/events", None),
        ("get", "/instances/{id}/signals", None),
        ("get", "/instances/{id}/reports", None),
        ("get", "/deadletters", None),
        ("post", "/deadletters", Some(&letters)),
        ("get", "/copying", None),
        ("get", "/servers", None),
        ("get", "/streams", None),
        ("get", "/doctor", None),
        ("get", "/audit", None),
        ("get", "/alerts", None),
        ("delete", "/session", None),
    ] {
        if path == "/fleet" {
            web.row(Some(&tokens[0]), "1.Demo", |row| row["halt"].is_object());
        }
        let route = path.split('?').next().unwrap();
        for (who, may) in [(Some(&tokens[0]), true), (Some(&tokens[1]), false)] {
            let path_of = format!("/api/v1{path}").replace("{id}", "1.Demo");
            let (status, answer) = web.with(who.unwrap(), &method.to_uppercase(), &path_of, body);
            let acts = method == "post" && path != "/session";
            assert_eq!(status < 300, may || !acts, "{method} {path}: {status} {answer}");
            check(&document, method, route, status, &answer);
        }
        asked.push(format!("{method} {route}"));
    }
    let (_, fleet) = web.events(Some(&tokens[0])).next().unwrap();
    check(&document, "get", "/fleet/changes", 200, &fleet);
    asked.push("get /fleet/changes".into());
    check(
        &document,
        "post",
        "/session",
        401,
        &web.ask("POST", "/api/v1/session", &[], Some(&json!({ "token": "x" }))).1,
    );

    let mut described = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, route) in methods.as_object().unwrap() {
            assert!(
                route["summary"].as_str().is_some_and(|text| !text.is_empty()),
                "{method} {path} has no summary"
            );
            described.push(format!("{method} {path}"));
        }
    }
    asked.sort();
    described.sort();
    assert_eq!(asked, described);
    for path in ["/api/v1/", "/api/v1/instances", "/api/v2/fleet"] {
        assert_eq!(web.with(&tokens[0], "GET", path, None).0, 404, "{path}");
    }
    // A field of the document that no answer has would be a promise that nobody keeps.
    let row = eventually("a row", || {
        web.with(&tokens[0], "GET", "/api/v1/fleet", None).1["instances"].get(0).cloned()
    });
    for (schema, object) in [("Row", &row), ("Beat", &row["beat"])] {
        let promised = document["components"]["schemas"][schema]["properties"].as_object().unwrap();
        let missing: Vec<&String> =
            promised.keys().filter(|name| object.get(name.as_str()).is_none()).collect();
        assert_eq!(missing, Vec::<&String>::new(), "{schema}");
    }
}
