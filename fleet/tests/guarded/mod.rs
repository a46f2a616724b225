//! One server for all lanes with the users of `mt5fleet acl`, and what one types as one of them.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::io::Write;
use std::process::Command;

use crate::support::servers;
use mt5fleet::up::Servers;
use mt5fleet::up::server;
use redis::{Connection, RedisResult, Value};

/// Everybody's.
pub const PASSWORD: &str = "correct horse";

/// Runs `mt5fleet acl`; standard output and standard error.
pub fn acl(arguments: &[&str]) -> (String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_mt5fleet")).arg("acl").args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    assert!(output.status.success(), "{}", text(output.stderr));
    (text(output.stdout), text(output.stderr))
}

/// Runs `mt5fleet acl` for users with [`PASSWORD`]; returns standard output.
pub fn acl_with_password(arguments: &[&str]) -> String {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "{PASSWORD}").unwrap();
    let (lines, secrets) = acl(&[arguments, &["--password-file", file.path().to_str().unwrap()]].concat());
    assert_eq!(secrets, "", "a password that was given is not printed");
    lines
}

/// What one would type into redis-cli.
pub fn ask(connection: &mut Connection, command: &str) -> RedisResult<Value> {
    let mut words = command.split(' ');
    let mut ask = redis::cmd(words.next().unwrap());
    words.for_each(|word| {
        ask.arg(word);
    });
    ask.query(connection)
}

pub fn expect_refused(connection: &mut Connection, command: &str) {
    let error = ask(connection, command).expect_err(command);
    assert_eq!(error.code(), Some("NOPERM"), "{command}: {error}");
}

/// The server, with the users that were asked for.
pub struct Guarded {
    pub servers: Servers,
    pub admin: Connection,
}

impl Guarded {
    pub fn start(arguments: &[&str]) -> Self {
        let servers = servers();
        let admin = server::connect(servers.ports()[1]).unwrap();
        let mut guarded = Self { servers, admin };
        guarded.let_in(arguments);
        guarded
    }

    /// Makes the users of these arguments.
    pub fn let_in(&mut self, arguments: &[&str]) {
        for line in acl_with_password(arguments).lines() {
            ask(&mut self.admin, line).unwrap();
        }
    }

    pub fn url(&self, user: &str) -> String {
        format!("redis://{user}:{}@127.0.0.1:{}", PASSWORD.replace(' ', "%20"), self.servers.ports()[1])
    }

    pub fn sign_in(&self, user: &str) -> Connection {
        redis::Client::open(self.url(user)).unwrap().get_connection().unwrap()
    }
}
