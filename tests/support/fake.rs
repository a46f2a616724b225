//! A server that says what a test wants: as a sentinel, as a Redis that went mad, or in front of a real one that
//! it passes everything on to, but for what the test has it say instead.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::certificates::Files;
use super::port::listen;

/// What becomes of a command.
pub enum Reply {
    /// It is answered by these bytes.
    Say(Vec<u8>),
    /// It is never answered, nor is what follows; the connection stays.
    Nothing,
    /// The connection ends.
    Close,
    /// It goes to the real server, whose reply comes back.
    Pass,
    /// Likewise, and the reply comes when this returns.
    PassThen(Arc<dyn Fn() + Send + Sync>),
    /// It goes to the real server, and these bytes come before the reply.
    PassAfter(Vec<u8>),
    /// It is answered by the second bytes, and the real server gets the first in its place.
    Instead(&'static str, Vec<u8>),
    /// The real server gets this in its place, and that reply comes back.
    InPlace(&'static str),
    /// It is answered by these bytes, and then by the others again and again for as long as anybody reads, or until
    /// that has become [`FOREVER`].
    Forever(Vec<u8>, Vec<u8>),
    /// It is answered by these bytes, one at a time, with such a pause after each.
    Slowly(Vec<u8>, Duration),
}

/// More than anybody may believe, and little enough for the machine of who does.
pub const FOREVER: usize = 300 << 20;

/// Text as a reply.
pub fn say(text: impl Into<String>) -> Reply {
    Reply::Say(text.into().into_bytes())
}

type Script = Arc<dyn Fn(&[String]) -> Reply + Send + Sync>;

/// Listens on a port of its own.
pub struct Fake {
    pub port: u16,
    state: Arc<State>,
}

struct State {
    script: Mutex<Script>,
    /// The port of the real server, if there is one.
    behind: Option<u16>,
    heard: Mutex<Vec<Vec<String>>>,
    accepted: AtomicUsize,
    open: AtomicUsize,
    clients: Mutex<Vec<TcpStream>>,
}

impl Fake {
    /// One that does with each command what `script` says.
    pub fn start(script: impl Fn(&[String]) -> Reply + Send + Sync + 'static) -> Self {
        Self::with(None, script)
    }

    /// One in front of the real server at this port.
    pub fn before(port: u16, script: impl Fn(&[String]) -> Reply + Send + Sync + 'static) -> Self {
        Self::with(Some(port), script)
    }

    /// A sentinel that says that the master is at this port.
    pub fn sentinel(master: u16) -> Self {
        Self::start(names("127.0.0.1", master))
    }

    /// One in front of the real server at this port that speaks TLS, with this certificate.
    pub fn encrypted(port: u16, files: &Files) -> Self {
        Self::listen(Some(port), Some(files.server()), |_| Reply::Pass)
    }

    fn with(behind: Option<u16>, script: impl Fn(&[String]) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(behind, None, script)
    }

    fn listen(
        behind: Option<u16>,
        tls: Option<Arc<ServerConfig>>,
        script: impl Fn(&[String]) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = listen();
        let port = listener.local_addr().expect("its address").port();
        let state = Arc::new(State {
            script: Mutex::new(Arc::new(script)),
            behind,
            heard: Mutex::default(),
            accepted: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            clients: Mutex::default(),
        });
        let shared = state.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (state, tls) = (shared.clone(), tls.clone());
                thread::spawn(move || {
                    state.accepted.fetch_add(1, SeqCst);
                    state.open.fetch_add(1, SeqCst);
                    let handle = client.try_clone().expect("a second handle");
                    state.clients.lock().unwrap().push(client.try_clone().expect("a third handle"));
                    let _ = match tls {
                        None => state.serve(client),
                        Some(config) => {
                            let session = ServerConnection::new(config).expect("a valid configuration");
                            state.serve(StreamOwned::new(session, client))
                        }
                    };
                    let _ = handle.shutdown(Shutdown::Both);
                    state.open.fetch_sub(1, SeqCst);
                });
            }
        });
        Self { port, state }
    }

    /// Does this from now on. A connection that was lied to before ends with its next command: a server that answered
    /// MULTI with a lie and then does what follows it would do a part of a transaction, as none does.
    pub fn does(&self, script: impl Fn(&[String]) -> Reply + Send + Sync + 'static) {
        *self.state.script.lock().unwrap() = Arc::new(script);
    }

    /// Says this to everybody, unasked.
    pub fn speaks(&self, bytes: &[u8]) {
        for mut client in self.state.clients.lock().unwrap().iter() {
            // Some have left.
            let _ = client.write_all(bytes);
        }
    }

    /// The commands heard so far that begin with this word.
    pub fn heard(&self, word: &str) -> Vec<Vec<String>> {
        let heard = self.state.heard.lock().unwrap();
        heard.iter().filter(|command| command[0].eq_ignore_ascii_case(word)).cloned().collect()
    }

    /// How many connections were made so far.
    pub fn accepted(&self) -> usize {
        self.state.accepted.load(SeqCst)
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.state.open.load(SeqCst)
    }
}

/// What a sentinel does that names this master.
pub fn names(host: &str, port: u16) -> impl Fn(&[String]) -> Reply + Send + Sync + 'static {
    let (host, port) = (host.to_owned(), port.to_string());
    move |command| match command[0].as_str() {
        "SENTINEL" => say(format!("*2\r\n${}\r\n{host}\r\n${}\r\n{port}\r\n", host.len(), port.len())),
        _ => say("+OK\r\n"),
    }
}

impl State {
    fn serve<S: Read + Write>(&self, client: S) -> io::Result<()> {
        let mut behind = match self.behind {
            Some(port) => Some(BufReader::new(TcpStream::connect(("127.0.0.1", port))?)),
            None => None,
        };
        let mut client = BufReader::new(client);
        // The script that lied.
        let mut liar: Option<Script> = None;
        loop {
            let raw = frame(&mut client)?;
            let command = words(&raw);
            let script = self.script.lock().unwrap().clone();
            if liar.as_ref().is_some_and(|liar| !Arc::ptr_eq(liar, &script)) {
                return Ok(());
            }
            self.heard.lock().unwrap().push(command.clone());
            let to = client.get_mut();
            let mut ask = |command: &[u8]| {
                let server = behind.as_mut().expect("a real server behind");
                server.get_mut().write_all(command)?;
                frame(server)
            };
            let reply = script(&command);
            if !matches!(reply, Reply::Pass | Reply::PassThen(_)) {
                liar = Some(script);
            }
            match reply {
                Reply::Say(bytes) => to.write_all(&bytes)?,
                Reply::Nothing => return io::copy(&mut client, &mut io::sink()).map(drop),
                Reply::Close => return Ok(()),
                Reply::Pass => to.write_all(&ask(&raw)?)?,
                Reply::PassThen(wait) => {
                    let reply = ask(&raw)?;
                    wait();
                    to.write_all(&reply)?;
                }
                Reply::PassAfter(bytes) => {
                    to.write_all(&bytes)?;
                    to.write_all(&ask(&raw)?)?;
                }
                Reply::Instead(command, bytes) => {
                    ask(format!("{command}\r\n").as_bytes())?;
                    to.write_all(&bytes)?;
                }
                Reply::InPlace(command) => to.write_all(&ask(format!("{command}\r\n").as_bytes())?)?,
                Reply::Forever(first, again) => {
                    to.write_all(&first)?;
                    let again = again.repeat(1 + (64 << 10) / again.len());
                    for _ in 0..FOREVER / again.len() {
                        to.write_all(&again)?;
                    }
                    return Ok(());
                }
                Reply::Slowly(bytes, pause) => {
                    for byte in bytes {
                        to.write_all(&[byte])?;
                        to.flush()?;
                        thread::park_timeout(pause);
                    }
                }
            }
            to.flush()?;
        }
    }
}

/// One command or reply, as it came.
fn frame(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    if from.read_until(b'\n', &mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let length = || std::str::from_utf8(&line[1..]).ok().and_then(|text| text.trim().parse::<i64>().ok());
    match line[0] {
        b'$' => {
            let length = length().ok_or(io::ErrorKind::InvalidData)?;
            if let Ok(length) = usize::try_from(length) {
                let mut text = vec![0; length + 2];
                from.read_exact(&mut text)?;
                line.extend_from_slice(&text);
            }
        }
        b'*' => {
            for _ in 0..length().ok_or(io::ErrorKind::InvalidData)? {
                line.extend_from_slice(&frame(from)?);
            }
        }
        _ => {}
    }
    Ok(line)
}

/// The arguments of a command.
fn words(raw: &[u8]) -> Vec<String> {
    let Ok(redis::Value::Array(values)) = redis::parse_redis_value(raw) else {
        panic!("no command: {}", String::from_utf8_lossy(raw));
    };
    values
        .iter()
        .map(|value| {
            String::from_utf8_lossy(&redis::from_redis_value_ref::<Vec<u8>>(value).expect("a text"))
                .into_owned()
        })
        .collect()
}
