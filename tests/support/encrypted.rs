//! A redis-server that speaks TLS, with a certificate of a test's own authority.

use std::path::Path;

use super::certificates::{Authority, Files};
use super::port::free_port;
use super::server::Server;

/// A server that speaks TLS on a second port, and there only with client certificates where asked for.
pub struct Encrypted {
    pub server: Server,
    pub port: u16,
}

impl Encrypted {
    /// Starts one with these files; `clients` says whether it asks for theirs: yes, optional or no.
    pub fn start(files: &Files, authority: &Authority, clients: &str) -> Self {
        let port = free_port();
        let path = |path: &Path| path.to_str().expect("a plain path").to_owned();
        let (number, certificate, key) = (port.to_string(), path(&files.certificate), path(&files.key));
        let authority = path(&authority.file());
        let mut arguments = vec!["--save", "", "--tls-port", &number, "--tls-cert-file", &certificate];
        arguments.extend(["--tls-key-file", &key, "--tls-ca-cert-file", &authority]);
        arguments.extend(["--tls-auth-clients", clients]);
        Self { server: Server::with(&arguments), port }
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
