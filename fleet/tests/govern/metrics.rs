//! The metrics' port is open to the network: a client gets the metrics or nothing, and blocks nobody.

use super::*;

/// A governor that exports, and where.
fn exporting(world: &World) -> (Governor, String) {
    let governor = Governor::start(world, &["--metrics", "127.0.0.1:0"]);
    let line = governor.line("where its figures are", |line| line["event"] == "metrics");
    let url = line["url"].as_str().unwrap().to_owned();
    (governor, url)
}

fn host(url: &str) -> &str {
    url.strip_prefix("http://").unwrap().split('/').next().unwrap()
}

fn threads(process: &Child) -> usize {
    fs::read_dir(format!("/proc/{}/task", process.id())).unwrap().count()
}

#[test]
fn a_request_without_end_is_cut_off() {
    let world = World::start();
    let (_governor, url) = exporting(&world);
    for piece in ["x".repeat(1024), format!("GET /metrics HTTP/1.1\r\n{}", "a: b\r\n".repeat(200))] {
        let mut stream = TcpStream::connect(host(&url)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        // The kernel buffers a few MiB of an unread connection.
        let taken =
            (0..64 << 10).take_while(|_| stream.write_all(piece.as_bytes()).is_ok()).count() * piece.len();
        assert!(taken < 32 << 20, "{taken} bytes of a head are taken");
    }
    eventually("the figures are there", || fetch(&url).contains("mt5fleet_level"));
}

#[test]
fn whoever_says_nothing_or_reads_nothing_is_let_go_and_the_figures_stay() {
    let world = World::start();
    let (governor, url) = exporting(&world);
    eventually("the figures are there", || fetch(&url).contains("mt5fleet_level"));
    let before = threads(&governor.process);
    let mut silent: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(host(&url)).unwrap()).collect();
    for stream in &mut silent {
        // One begins and goes no further.
        let _ = stream.write_all(b"GET /met");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    assert!(threads(&governor.process) < before + 40, "{} threads", threads(&governor.process));
    for mut stream in silent {
        let mut rest = Vec::new();
        if let Err(error) = stream.read_to_end(&mut rest) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "it holds on to a silent client");
        }
    }
    eventually("the figures are there", || fetch(&url).contains("mt5fleet_level"));
    for (request, answer) in [
        ("POST /metrics HTTP/1.1\r\n\r\n", " 405 "),
        ("GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\n\r\n", " 200 "),
        ("GET /other HTTP/1.1\r\n\r\n", " 404 "),
        ("HEAD /metrics HTTP/1.1\r\n\r\n", " 200 "),
        ("nonsense\r\n\r\n", " 400 "),
        ("GET /metrics\r\n\r\n", " 400 "),
    ] {
        let mut stream = TcpStream::connect(host(&url)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.lines().next().unwrap_or_default().contains(answer), "{request:?}: {text}");
        assert!(!request.starts_with("HEAD") || text.ends_with("\r\n\r\n"), "{text}");
    }
}
