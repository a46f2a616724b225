//! What the API says of the servers is what they report, and what the doctor says is what `mt5fleet doctor` says.

use std::process::Command;

use mt5fleet::up::server::connect;
use redis::InfoDict;
use serde_json::{Value, json};

use super::client::{Web, eventually, heartbeat};
use super::support::servers;

#[test]
fn nodes_streams_and_findings_are_as_they_are() {
    let servers = servers();
    let config = servers.config_file();
    let config = config.to_str().unwrap();
    heartbeat(&mut connect(servers.ports()[0]).unwrap(), "1.Demo", &[]);
    let mut redis = connect(servers.ports()[2]).unwrap();
    for source in ["1.Demo", "2.Demo"] {
        let stream = format!("ss:{{0}}:{source}");
        for id in ["1000-1", "2000-1"] {
            redis::cmd("XADD").arg(&stream).arg(id).arg("d").arg("x").exec(&mut redis).unwrap();
        }
        redis::cmd("ZADD").arg("sl:{0}").arg(1).arg(source).exec(&mut redis).unwrap();
    }
    redis::cmd("XGROUP")
        .arg("CREATE")
        .arg("ss:{0}:2.Demo")
        .arg("<b>")
        .arg("1000-1")
        .exec(&mut redis)
        .unwrap();

    let (web, _) = Web::start(config, &[], &[]);
    let found = eventually("the nodes were sampled", || {
        let (_, found) = web.get("/api/v1/servers");
        (found["nodes"].as_array().unwrap().len() == 3).then_some(found)
    });
    for (at, lane) in ["ris", "rts", "rtss"].into_iter().enumerate() {
        let (node, port) = (&found["nodes"][at], servers.ports()[at]);
        let info: InfoDict = redis::cmd("INFO").query(&mut connect(port).unwrap()).unwrap();
        let address = format!("127.0.0.1:{port}");
        assert_eq!(
            (&node["lane"], &node["address"], &node["trouble"]),
            (&json!(lane), &json!(address), &Value::Null)
        );
        assert_eq!(node["max_memory"], info.get::<u64>("maxmemory").unwrap());
        assert!(
            node["used_memory"].as_u64().unwrap() > 100_000 && node["clients"].as_u64().unwrap() > 0,
            "{node}"
        );
        let past = &found["past"][&address];
        assert_eq!(past["used_memory"].as_array().unwrap().len(), past["time_ms"].as_array().unwrap().len());
    }
    // Samples are five seconds apart, or the page would be a load by itself.
    let times = eventually("a second sample", || {
        let (_, found) = web.get("/api/v1/servers");
        let past = found["past"].as_object().unwrap().values().next().unwrap().clone();
        let times: Vec<u64> = past["time_ms"].as_array().unwrap().iter().filter_map(Value::as_u64).collect();
        (times.len() >= 2).then_some(times)
    });
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 4_900), "{times:?}");
    let (_, streams) = web.get("/api/v1/streams");
    assert_eq!(
        streams,
        json!({ "count": 2, "streams": [
            { "source": "2.Demo", "shard": 0, "length": 2, "last_ms": 2000,
              "groups": [{ "name": "<b>", "consumers": 0, "pending": 0, "lag": 1 }] },
            { "source": "1.Demo", "shard": 0, "length": 2, "last_ms": 2000, "groups": [] }
        ] })
    );

    let (status, findings) = web.get("/api/v1/doctor");
    assert_eq!(status, 200, "{findings}");
    let mut doctor = Command::new(env!("CARGO_BIN_EXE_mt5fleet"));
    let told = doctor.args(["doctor", "--json", "--config", config]).output().unwrap();
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    // Texts have figures of the moment; what was checked and how it is does not change.
    let short = |findings: &Value| -> Vec<String> {
        let all = findings.as_array().unwrap().iter();
        all.map(|finding| format!("{} {} {}", finding["check"], finding["light"], finding["server"]))
            .collect()
    };
    assert_eq!(short(&findings), short(&told));
}
