//! A redis-server that speaks TLS, with a certificate of a test's own authority.

use std::path::Path;

use super::certificates::{Authority, Files};
use super::server::Server;

/// A server that speaks TLS on a second port, and there only with client certificates where asked for.
pub struct Encrypted {
    pub server: Server,
    pub port: u16,
}

impl Encrypted {
    /// Starts one with these files; `clients` says whether it asks for theirs: yes, optional or no.
    pub fn start(files: &Files, authority: &Authority, clients: &str) -> Self {
        let path = |path: &Path| path.to_str().expect("a plain path").to_owned();
        let (server, port) = Server::with_port(|port| {
            [
                ["--save", ""].map(String::from),
                ["--tls-port".into(), port.to_string()],
                ["--tls-cert-file".into(), path(&files.certificate)],
                ["--tls-key-file".into(), path(&files.key)],
                ["--tls-ca-cert-file".into(), path(&authority.file())],
                ["--tls-auth-clients".into(), clients.into()],
            ]
            .concat()
        });
        Self { server, port }
    }

    /// A lane's configuration that trusts this authority, with more keys.
    pub fn toml(&self, host: &str, authority: &Path, more: &str) -> String {
        let port = self.port;
        format!("url = \"rediss://{host}:{port}\"\ntls_ca = \"{}\"\n{more}\n", authority.display())
    }

    /// How many signals have arrived, asked without TLS.
    pub fn signals(&self) -> i64 {
        self.server.ask("XLEN ss:{0}:1.Demo")
    }
}
