//! The server's life: addresses, TLS, the thread that looks at the instances, and its end.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use axum_server::Handle;
use axum_server::accept::{Accept, DefaultAcceptor};
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use clap::Args;
use mt5_redis::config::Config;
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};

use super::access::token::Tokens;
use super::access::{Access, Caller, Role};
use super::copying::Answers;
use super::problem::Problem;
use super::servers::Known;
use super::trends::Trends;
use super::watch::{Look, Watch};
use super::{api, certificate};
use crate::{alerts, output, stop};

/// The most simultaneous connections; further ones are closed.
const CONNECTIONS: usize = 500;
/// The most pages that get changes at the same time.
const STREAMS: usize = 100;
/// How long a client may take for a request's headers, and for the TLS handshake.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most threads that talk to Redis for requests.
const WORKERS: usize = 16;

#[derive(Args)]
pub struct Options {
    /// The bridge's configuration: a redis:// URL or the path of a TOML file
    #[arg(long)]
    config: String,
    /// The address to serve; any but a loopback address needs tokens and a certificate
    #[arg(long, default_value = "127.0.0.1:8433")]
    listen: SocketAddr,
    /// The tokens that may log in, a file of `mt5fleet token`; without it everybody on this machine may view
    #[arg(long, value_name = "FILE")]
    tokens: Option<PathBuf>,
    /// Let tokens with the role operate halt, throttle, and settle dead letters
    #[arg(long)]
    operate: bool,
    /// The server's certificate and those that sign it, PEM
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// The certificate's private key, PEM
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// Use a certificate of its own from this folder, and make it if there is none
    #[arg(long, value_name = "FOLDER", conflicts_with = "certificate")]
    own_certificate: Option<PathBuf>,
}

/// What all requests share.
pub struct Room {
    pub config: Config,
    /// What the configuration was read from: a URL or a file.
    pub source: String,
    pub access: Access,
    /// Whether tokens may act at all.
    pub operate: bool,
    /// Whether browsers reach it by TLS.
    pub secure: bool,
    pub looks: watch::Receiver<Arc<Look>>,
    /// Asks for a look at once.
    pub poke: SyncSender<()>,
    pub streams: Arc<Semaphore>,
    pub copying: Answers,
    pub servers: Arc<Known>,
    pub trends: Arc<Trends>,
}

impl Room {
    /// A cookie with this prefix is accepted over TLS only, and from this host only.
    pub fn cookie_name(&self) -> &'static str {
        if self.secure { "__Host-mt5fleet" } else { "mt5fleet" }
    }

    /// Whether this caller may act.
    pub fn check_operate(&self, caller: &Caller) -> Result<(), Problem> {
        match (self.operate, caller.role) {
            (false, _) => Err(Problem::forbidden("this server only shows: start it with --operate to act")),
            (true, Role::Operate) => Ok(()),
            (true, _) => Err(Problem::forbidden(format!("{} may only view", caller.name))),
        }
    }

    /// Works with Redis in a thread that may wait.
    pub async fn work<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let room = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&room)).await;
        done.unwrap_or_else(|_| {
            Err(Problem::new(
                axum::http::StatusCode::INTERNAL_SERVER_ERROR,
                "the request failed: see the server's log",
            ))
        })
    }
}

/// Serves until it is interrupted.
pub fn web(options: &Options) -> Result<()> {
    let config = Config::read(&options.config, "").map_err(|error| anyhow!("{error}"))?;
    let alerts = alerts::configuration::read(&options.config)?;
    let address = options.listen;
    let tls = tls(options)?;
    if !address.ip().is_loopback() {
        ensure!(
            options.tokens.is_some() && tls.is_some(),
            "{address} can be reached from other machines: pass --tokens, and --certificate with --key or \
             --own-certificate"
        );
    }
    let (tokens, own) = match &options.tokens {
        Some(file) => (Tokens::read(file)?, None),
        None if options.operate => {
            let (tokens, token) = Tokens::with_one("operator", Role::Operate)?;
            (tokens, Some(token))
        }
        None => (Tokens::default(), None),
    };
    let listener = TcpListener::bind(address).with_context(|| format!("cannot listen at {address}"))?;
    listener.set_nonblocking(true)?;
    let url = format!("{}://{}", if tls.is_some() { "https" } else { "http" }, listener.local_addr()?);

    let (looks, poke) = Watch::start(&config);
    let servers = Known::start(&config);
    let _alerts =
        alerts.map(|settings| alerts::start(&options.config, &config, settings, "web", output::print_error));
    let trends = Trends::start(&config, looks.clone());
    let room = Arc::new(Room {
        config,
        access: Access::new(tokens, options.tokens.is_none()),
        operate: options.operate,
        secure: tls.is_some(),
        looks,
        poke,
        streams: Arc::new(Semaphore::new(STREAMS)),
        copying: Answers::default(),
        servers,
        trends,
        source: options.config.clone(),
    });
    tell(&format!("the fleet is at {url}"));
    if let Some((_, fingerprint)) = &tls {
        tell(&format!("the certificate's SHA-256 sum is {fingerprint}"));
    }
    if let Some(token) = own {
        tell(&format!("to act, open {url}/#token={token}"));
    }
    if !super::page::IS_BUILT {
        tell("the page is not in this program, only the API: run make web, and build again");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(WORKERS)
        .enable_all()
        .build()?;
    runtime.block_on(serve(listener, room, tls.map(|(config, _)| config)))?;
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(())
}

/// Tells whoever started it. It serves on, even if nobody reads that.
fn tell(words: &str) {
    let _ = output::print(words);
}

fn tls(options: &Options) -> Result<Option<(Arc<ServerConfig>, String)>> {
    match (&options.certificate, &options.key, &options.own_certificate) {
        (Some(certificate), Some(key), _) => certificate::read(certificate, key).map(Some),
        (_, _, Some(folder)) => certificate::own(folder, options.listen.ip()).map(Some),
        _ => Ok(None),
    }
}

async fn serve(listener: TcpListener, room: Arc<Room>, tls: Option<Arc<ServerConfig>>) -> Result<()> {
    let handle = Handle::new();
    let ending = handle.clone();
    tokio::spawn(async move {
        while !stop::requested() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // Pages that wait for changes would never end.
        ending.graceful_shutdown(Some(Duration::from_secs(1)));
    });
    let pages = api::router(room).into_make_service_with_connect_info::<SocketAddr>();
    let few = Few { handle: handle.clone(), inner: DefaultAcceptor::new() };
    let mut server = axum_server::from_tcp(listener)?.handle(handle);
    let builder = server.http_builder();
    builder.http1().timer(hyper_util::rt::TokioTimer::new()).header_read_timeout(PATIENCE);
    let served = match tls {
        None => server.acceptor(few).serve(pages).await,
        Some(config) => {
            let acceptor = RustlsAcceptor::new(RustlsConfig::from_config(config)).handshake_timeout(PATIENCE);
            server.acceptor(acceptor.acceptor(few)).serve(pages).await
        }
    };
    served.context("the server ended")
}

/// Accepts a limited number of connections.
#[derive(Clone)]
struct Few {
    handle: Handle<SocketAddr>,
    inner: DefaultAcceptor,
}

impl<S> Accept<TcpStream, S> for Few {
    type Stream = TcpStream;
    type Service = S;
    type Future = std::future::Ready<io::Result<(TcpStream, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        if self.handle.connection_count() > CONNECTIONS {
            return std::future::ready(Err(io::Error::other("too many connections")));
        }
        Accept::accept(&self.inner, stream, service)
    }
}
