//! Who may do what, and what strangers and other sites are refused.

use std::process::Command;

use mt5fleet::up::Servers;
use mt5fleet::up::server::connect;
use serde_json::{Value, json};

use super::client::{Web, heartbeat};
use super::support::servers;

const PEOPLE: [(&str, &str); 3] = [("vera", "view"), ("max", "view-without-money"), ("olga", "operate")];

fn config(servers: &Servers) -> String {
    servers.config_file().to_str().unwrap().to_owned()
}

fn halt(instance: &str) -> Value {
    json!({ "what": "halt-entries", "instances": [instance], "why": "test" })
}

/// Every path and method of the API's document, with something in place of parameters.
fn routes(web: &Web) -> Vec<(String, String)> {
    let (status, document) = web.get("/api/v1/openapi.json");
    assert_eq!(status, 200);
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods
            .as_object()
            .unwrap()
            .keys()
            .filter(|name| ["get", "post", "delete"].contains(&name.as_str()))
        {
            routes.push((method.to_uppercase(), format!("/api/v1{}", path.replace("{id}", "1.Demo"))));
        }
    }
    assert!(routes.len() >= 9, "{routes:?}");
    routes
}

#[test]
fn on_this_machine_everybody_may_look_and_nobody_may_act() {
    let servers = servers();
    let (web, _) = Web::start(&config(&servers), &[], &[]);
    let (status, session) = web.get("/api/v1/session");
    assert_eq!((status, &session["role"], &session["operate"]), (200, &json!("view"), &json!(false)));
    assert_eq!(web.get("/api/v1/fleet").0, 200);
    let (status, error) = web.ask("POST", "/api/v1/commands", &[], Some(&halt("1.Demo")));
    assert_eq!(status, 403);
    assert!(error["error"].as_str().unwrap().contains("--operate"), "{error}");

    // With --operate it prints a token for this run, in a link that no server sees.
    let (web, _) = Web::start(&config(&servers), &["--operate"], &[]);
    let token = web.told.trim().rsplit("/#token=").next().unwrap().to_owned();
    assert_eq!(token.len(), 48, "{}", web.told);
    let (_, session) = web.with(&token, "GET", "/api/v1/session", None);
    assert_eq!((&session["name"], &session["operate"]), (&json!("operator"), &json!(true)));
    assert_eq!(web.ask("POST", "/api/v1/commands", &[], Some(&halt("1.Demo"))).0, 403, "without the token");
    assert_eq!(web.with(&token, "POST", "/api/v1/commands", Some(&halt("1.Demo"))).0, 200);
}

/// A foreign name that points to this machine would let a foreign page read everything.
#[test]
fn without_tokens_only_this_machines_names_are_answered() {
    let servers = servers();
    let (web, _) = Web::start(&config(&servers), &[], &[]);
    for (host, status) in
        [("evil.example", 421), ("evil.example:8433", 421), ("localhost:1", 200), ("127.0.0.1", 200)]
    {
        for path in ["/api/v1/fleet", "/api/v1/session"] {
            assert_eq!(web.ask("GET", path, &[("host", host)], None).0, status, "{host} {path}");
        }
    }
}

#[test]
fn another_address_needs_tokens_and_a_certificate() {
    let servers = servers();
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("own");
    let tokens = folder.path().join("tokens");
    let program = || Command::new(env!("CARGO_BIN_EXE_mt5fleet"));
    assert!(program().args(["token", "--name", "anna", "--tokens"]).arg(&tokens).status().unwrap().success());
    let (tokens, own) = (tokens.to_str().unwrap(), own.to_str().unwrap());
    for arguments in [&["--tokens", tokens][..], &["--own-certificate", own], &[]] {
        let mut web = program();
        web.args(["web", "--listen", "0.0.0.0:0", "--config", &config(&servers)]).args(arguments);
        let output = web.output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && told.contains("pass --tokens, and --certificate"), "{told}");
    }
    let (mut web, tokens) =
        Web::start(&config(&servers), &["--listen", "0.0.0.0:0", "--own-certificate", own], &PEOPLE);
    web.url = web.url.replace("0.0.0.0", "127.0.0.1");
    assert_eq!(web.get("/api/v1/fleet").0, 401);
    assert_eq!(web.with(&tokens[0], "GET", "/api/v1/fleet", None).0, 200);
    let response = web.send("POST", "/api/v1/session", &[], Some(&json!({ "token": tokens[0] })));
    let cookie = response.headers()["set-cookie"].to_str().unwrap();
    for part in ["__Host-mt5fleet=", "; Path=/", "; HttpOnly", "; SameSite=Strict", "; Secure"] {
        assert!(cookie.contains(part), "{part} is not in {cookie}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let key = std::fs::metadata(folder.path().join("own/key.pem")).unwrap();
        assert_eq!(key.permissions().mode() & 0o777, 0o600);
    }
    // The certificate stays: browsers that accepted it accept it again.
    let (again, _) = Web::start(&config(&servers), &["--own-certificate", own], &PEOPLE);
    let sum = |web: &Web| web.told.lines().nth(1).unwrap().to_owned();
    assert!(sum(&web).starts_with("the certificate's SHA-256 sum is "), "{}", web.told);
    assert_eq!(sum(&web), sum(&again));
}

#[test]
fn a_token_opens_what_its_role_may_see_and_do() {
    let servers = servers();
    heartbeat(&mut connect(servers.ports()[0]).unwrap(), "1.Demo", &[]);
    let (web, tokens) = Web::start(&config(&servers), &["--operate"], &PEOPLE);
    let [vera, max, olga] = &tokens[..] else { panic!("{tokens:?}") };
    for (method, path) in routes(&web) {
        let open = path.ends_with("/session");
        let (status, body) = web.ask(&method, &path, &[], None);
        assert_eq!(status == 401, !open, "{method} {path}: {body}");
        if method == "POST" && !open {
            let body = match path.ends_with("deadletters") {
                true => json!({ "what": "drop", "letters": [{ "shard": 0, "id": "1-1" }], "why": "x" }),
                false => halt("1.Demo"),
            };
            for viewer in [vera, max] {
                let (status, error) = web.with(viewer, &method, &path, Some(&body));
                assert_eq!(status, 403, "{method} {path}: {error}");
                assert!(error["error"].as_str().unwrap().contains("may only view"), "{error}");
            }
            assert_ne!(web.with(olga, &method, &path, Some(&body)).0, 403, "{method} {path}");
        }
    }
    // Without the right to see money there is none anywhere.
    let row = web.row(Some(max), "1.Demo", |_| true);
    for field in ["balance", "equity", "margin", "margin_free", "profit"] {
        assert_eq!(row["beat"][field], Value::Null);
    }
    assert_eq!(row["beat"]["positions"], 2);
    let (_, first) = web.events(Some(max)).next().unwrap();
    assert!(
        !first.to_string().contains("1010.25,\"margin\"")
            && first["instances"][0]["beat"]["equity"].is_null()
    );
    assert_eq!(web.row(Some(vera), "1.Demo", |_| true)["beat"]["equity"], 1010.25);

    // Without --operate nobody acts.
    let (web, tokens) = Web::start(&config(&servers), &[], &PEOPLE);
    assert_eq!(web.with(&tokens[2], "POST", "/api/v1/commands", Some(&halt("1.Demo"))).0, 403);
}

#[test]
fn a_browsers_session_acts_only_with_its_secret_and_from_the_page_itself() {
    let servers = servers();
    let (web, tokens) = Web::start(&config(&servers), &["--operate"], &PEOPLE);
    let mut response = web.send("POST", "/api/v1/session", &[], Some(&json!({ "token": tokens[2] })));
    let cookie = response.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let session: Value = serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap();
    let csrf = session["csrf"].as_str().unwrap();
    assert_eq!((&session["name"], &session["operate"]), (&json!("olga"), &json!(true)));
    let order = halt("1.Demo");
    let act = |headers: &[(&str, &str)]| {
        let all = [&[("cookie", cookie.as_str())], headers].concat();
        web.ask("POST", "/api/v1/commands", &all, Some(&order)).0
    };
    let host = web.url.strip_prefix("http://").unwrap();
    let own = format!("http://{host}");
    assert_eq!(act(&[]), 403);
    assert_eq!(act(&[("x-csrf-token", "wrong")]), 403);
    assert_eq!(act(&[("x-csrf-token", csrf), ("sec-fetch-site", "cross-site")]), 403);
    assert_eq!(act(&[("x-csrf-token", csrf), ("sec-fetch-site", "same-site")]), 403);
    assert_eq!(act(&[("x-csrf-token", csrf), ("origin", "http://evil.example")]), 403);
    assert_eq!(act(&[("x-csrf-token", csrf), ("origin", &own), ("sec-fetch-site", "same-origin")]), 200);
    // Another site cannot log a browser in under a name of its choice either.
    let foreign = [("origin", "http://evil.example")];
    let entrance = json!({ "token": tokens[0] });
    assert_eq!(web.ask("POST", "/api/v1/session", &foreign, Some(&entrance)).0, 403);

    let with_cookie = [("cookie", cookie.as_str())];
    assert_eq!(web.ask("GET", "/api/v1/fleet", &with_cookie, None).0, 200);
    let leave = [("cookie", cookie.as_str()), ("x-csrf-token", csrf)];
    assert_eq!(web.ask("DELETE", "/api/v1/session", &leave, None).0, 204);
    assert_eq!(web.ask("GET", "/api/v1/fleet", &with_cookie, None).0, 401, "the session is over");
}

#[test]
fn who_guesses_tokens_must_wait() {
    let servers = servers();
    let (web, tokens) = Web::start(&config(&servers), &[], &PEOPLE);
    let wrong = |at: usize| match at % 2 {
        0 => web.with(&format!("guess{at}"), "GET", "/api/v1/fleet", None),
        _ => web.ask("POST", "/api/v1/session", &[], Some(&json!({ "token": format!("guess{at}") }))),
    };
    let statuses: Vec<u16> = (0..12).map(|at| wrong(at).0).collect();
    assert_eq!(statuses, [[401; 10].as_slice(), &[429; 2]].concat());
    let response = web.send("GET", "/api/v1/fleet", &[("authorization", "Bearer x")], None);
    assert!(response.headers().contains_key("retry-after"));
    assert_eq!(web.with(&tokens[0], "GET", "/api/v1/fleet", None).0, 429, "also with the right one");
}

#[test]
fn one_token_cannot_ask_without_end() {
    let servers = servers();
    let (web, tokens) = Web::start(&config(&servers), &[], &PEOPLE);
    let limited = (0..5_000).any(|_| web.with(&tokens[0], "GET", "/api/v1/session", None).0 == 429);
    assert!(limited, "there is no limit");
    assert_eq!(web.with(&tokens[1], "GET", "/api/v1/session", None).0, 200, "others have their own");
}

#[test]
fn every_answer_forbids_what_is_foreign() {
    let servers = servers();
    let (web, _) = Web::start(&config(&servers), &[], &[]);
    for (path, status) in
        [("/", None), ("/api/v1/fleet", Some(200)), ("/api/v1/nothing", Some(404)), ("/no.js", Some(404))]
    {
        let response = web.send("GET", path, &[], None);
        assert!(
            status.is_none_or(|status| response.status().as_u16() == status),
            "{path}: {}",
            response.status()
        );
        let header = |name: &str| response.headers()[name].to_str().unwrap();
        let policy = header("content-security-policy");
        for part in
            ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"]
        {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        assert_eq!((header("x-content-type-options"), header("referrer-policy")), ("nosniff", "no-referrer"));
    }
    assert_eq!(web.send("GET", "/api/v1/fleet", &[], None).headers()["cache-control"], "no-store");
}

#[test]
fn a_request_that_makes_no_sense_is_refused_in_words() {
    let servers = servers();
    let (web, tokens) = Web::start(&config(&servers), &["--operate"], &PEOPLE);
    let long = "x".repeat(121);
    let many: Vec<String> = (0..2_001).map(|at| at.to_string()).collect();
    for (body, status, words) in [
        (json!({ "what": "halt-entries", "why": "x" }), 422, "either for all, or for the instances"),
        (
            json!({ "what": "halt-entries", "why": "x", "all": true, "instances": ["1"] }),
            422,
            "either for all",
        ),
        (json!({ "what": "halt-entries", "why": " ", "all": true }), 422, "the reason is empty"),
        (json!({ "what": "halt-entries", "why": long, "all": true }), 422, "more than 120 characters"),
        (json!({ "what": "halt-entries", "why": "a\nb", "all": true }), 422, "control characters"),
        (json!({ "what": "halt-entries", "why": "x", "instances": ["a b"] }), 422, "instance id"),
        (json!({ "what": "halt-entries", "why": "x", "instances": many }), 422, "at most 2000"),
        (
            json!({ "what": "throttle", "why": "x", "all": true, "level": 4, "minutes": 1 }),
            422,
            "level of 1 to 3",
        ),
        (json!({ "what": "throttle", "why": "x", "all": true, "level": 1, "minutes": 0 }), 422, "minutes"),
        (json!({ "what": "explode", "why": "x", "all": true }), 422, "explode"),
        (json!({ "what": "resume", "why": "x", "al": true }), 422, "al"),
        (json!({ "why": "y".repeat(300_000) }), 413, ""),
    ] {
        let (got, error) = web.with(&tokens[2], "POST", "/api/v1/commands", Some(&body));
        let told = error["error"].as_str().unwrap_or_default();
        assert!(
            got == status && told.contains(words),
            "{}: {got} {error}",
            body.to_string().chars().take(80).collect::<String>()
        );
    }
    let mut redis = connect(servers.ports()[0]).unwrap();
    let written: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut redis).unwrap();
    assert_eq!(written, Vec::<String>::new(), "nothing was done");
}
