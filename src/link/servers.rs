//! The servers that a link writes to: how they are found, connected to and checked.

use std::collections::BTreeMap;
use std::time::Duration;

use redis::Value;

use super::cluster::Slots;
use super::connection::Connection;
use super::failure::{Class, Failure};
use super::sentinel::Sentinels;
use crate::config::{Address, Endpoint, Site};
use crate::model::key;

/// How often an answer from the background thread is checked for.
const ANSWER: Duration = Duration::from_secs(1);

/// A lane's way to its Redis.
pub(crate) struct Link {
    endpoint: Endpoint,
    /// The connection's name in `CLIENT LIST`.
    name: String,
    finder: Finder,
    /// Whether every connection must be able to carry transactions.
    transacts: bool,
    pub(super) servers: Vec<Server>,
    /// Nothing has shown that what is known of the servers is out of date.
    fresh: bool,
    /// Servers that may evict what must stay, and their policy.
    pub(super) evicting: BTreeMap<String, String>,
}

/// How the server of a key is found.
enum Finder {
    Always(Address),
    Sentinel(Sentinels),
    Cluster {
        slots: Slots,
        /// The slots that were used since the last [`Link::connect`], and their servers.
        routes: BTreeMap<u16, usize>,
    },
}

/// A server that is written to, and its connection if there is one.
pub(super) struct Server {
    pub(super) address: Address,
    connection: Option<Connection>,
}

/// How many ranges a reply to CLUSTER SLOTS has; none if it is not valid.
#[cfg(fuzzing)]
pub(crate) fn ranges_of_slots(reply: Value) -> Option<usize> {
    super::cluster::read(reply, &Address { host: "asked".into(), port: 1 }).map(|ranges| ranges.len())
}

impl Link {
    pub(crate) fn new(endpoint: Endpoint, name: String) -> Self {
        let finder = match &endpoint.site {
            Site::Server(address) => Finder::Always(address.clone()),
            Site::Sentinel { sentinels, master, masters, identity } => {
                Finder::Sentinel(Sentinels::new(&endpoint, sentinels, master, masters, identity))
            }
            Site::Cluster(seeds) => Finder::Cluster { slots: Slots::new(seeds), routes: BTreeMap::new() },
        };
        Self {
            endpoint,
            name,
            finder,
            transacts: false,
            servers: Vec::new(),
            fresh: false,
            evicting: BTreeMap::new(),
        }
    }

    /// A link whose connections carry transactions. Connecting fails if the server or the user does not allow them.
    pub(crate) fn for_transactions(self) -> Self {
        Self { transacts: true, ..self }
    }

    /// Where it leads, for messages.
    pub(crate) fn address(&self) -> String {
        let name = self.endpoint.name();
        match (&self.finder, self.servers.first()) {
            (Finder::Sentinel(_), Some(server)) => format!("{} ({name})", server.address),
            _ => name,
        }
    }

    /// A failure's message, with what to change in the configuration where that may help.
    pub(crate) fn told(&self, failure: &Failure) -> String {
        self.endpoint.told(&failure.text)
    }

    /// Whether another server may take over from one that fails.
    pub(crate) fn may_move(&self) -> bool {
        !matches!(self.finder, Finder::Always(_))
    }

    /// Whether a transaction is limited to the keys of one slot.
    pub(crate) fn has_slots(&self) -> bool {
        matches!(self.finder, Finder::Cluster { .. })
    }

    /// Whether there is a connection, and nothing has shown that it leads to the wrong server.
    pub(crate) fn is_connected(&self) -> bool {
        self.fresh && !matches!(&self.finder, Finder::Sentinel(sentinels) if sentinels.has_moved())
    }

    /// How long the caller may rest before it checks [`is_connected`](Self::is_connected); at most `most`.
    pub(crate) fn rest(&self, most: Duration) -> Duration {
        match &self.finder {
            Finder::Sentinel(sentinels) if sentinels.is_looking_out() => most.min(ANSWER),
            _ => most,
        }
    }

    /// Finds the servers and connects where needed. Connections to nodes of a Cluster stay; others are made again.
    pub(crate) fn connect(&mut self) -> Result<(), Failure> {
        match &mut self.finder {
            Finder::Always(address) => {
                let address = address.clone();
                self.servers = vec![self.open(address)?];
            }
            Finder::Sentinel(sentinels) => {
                let address = sentinels.master()?;
                let opened = self.open(address).and_then(|server| {
                    self.servers = vec![server];
                    self.check_role()
                });
                if let Err(failure) = opened {
                    self.disconnect();
                    let Finder::Sentinel(sentinels) = &mut self.finder else { unreachable!("as above") };
                    sentinels.distrust();
                    return Err(failure);
                }
            }
            Finder::Cluster { .. } => {
                self.ask_slots()?;
                let Finder::Cluster { slots, routes } = &mut self.finder else { unreachable!("as above") };
                routes.clear();
                let transacts = self.transacts;
                self.servers.retain_mut(|Server { address, connection }| {
                    // An empty transaction ends all watching on a connection that stays. Otherwise renewing a watched
                    // watermark would make the next transaction void, again and again.
                    let begins_anew = |open: &mut Connection| !transacts || open.can_transact().is_ok();
                    slots.is_master(address) && connection.as_mut().is_some_and(begins_anew)
                });
            }
        }
        self.fresh = true;
        Ok(())
    }

    /// Checks that the servers live and are still the right ones. It waits only for servers it is connected to.
    /// Sentinels are asked in the background; [`is_connected`](Self::is_connected) gives their answer.
    pub(crate) fn check(&mut self) -> Result<(), Failure> {
        match &mut self.finder {
            Finder::Always(_) => self.ping(0),
            Finder::Sentinel(sentinels) => {
                if let Some(master) = self.servers.first() {
                    sentinels.look_out(&master.address);
                }
                self.check_role()
            }
            Finder::Cluster { .. } => {
                if self.servers.is_empty() {
                    return Ok(());
                }
                if let Err(failure) = self.ask_connected() {
                    // Other nodes may know better. The next `connect` asks them.
                    return Err(self.moved(failure.text));
                }
                let Finder::Cluster { slots, routes } = &self.finder else { unreachable!("as above") };
                let moved = routes
                    .iter()
                    .find(|(slot, server)| slots.owner(**slot) != Some(&self.servers[**server].address));
                if let Some((slot, _)) = moved {
                    let text = match slots.owner(*slot) {
                        Some(owner) => format!("slot {slot} is at {owner} now"),
                        None => format!("CLUSTERDOWN nobody has slot {slot}"),
                    };
                    return Err(self.moved(text));
                }
                (0..self.servers.len()).try_for_each(|server| self.ping(server))
            }
        }
    }

    /// The server that has a key.
    pub(crate) fn route(&mut self, key: &str) -> Result<usize, Failure> {
        let Finder::Cluster { slots, routes } = &mut self.finder else { return Ok(0) };
        let slot = key::slot(key);
        if let Some(server) = routes.get(&slot) {
            return Ok(*server);
        }
        let Some(owner) = slots.owner(slot).cloned() else {
            return Err(self.moved(format!("CLUSTERDOWN nobody has slot {slot}")));
        };
        let server = self.server(owner)?;
        let Finder::Cluster { routes, .. } = &mut self.finder else { unreachable!("as above") };
        routes.insert(slot, server);
        Ok(server)
    }

    /// Every master, by its index.
    pub(crate) fn masters(&mut self) -> Result<Vec<usize>, Failure> {
        let Finder::Cluster { slots, .. } = &self.finder else { return Ok(vec![0]) };
        let masters = slots.masters();
        masters.into_iter().map(|address| self.server(address)).collect()
    }

    /// The server that an ASK redirects to, once. It must be a node of the Cluster, because it gets the password.
    pub(crate) fn redirect(&mut self, ask: &Failure) -> Result<usize, Failure> {
        let Finder::Cluster { slots, .. } = &self.finder else {
            return Err(Failure::held(format!("{}: a Cluster, whose nodes must be configured", ask.text)));
        };
        let target = ask.text.rsplit(' ').next().and_then(|address| address.rsplit_once(':'));
        let target = target.and_then(|(host, port)| Address::new(host.to_owned(), port.parse().ok()?));
        match target {
            Some(address) if slots.has(&address) => self.server(address),
            // A new node is known once it has its first slot.
            Some(_) => Err(self.moved(format!("{}: no node of the Cluster as far as is known", ask.text))),
            None => Err(Failure::held(format!("{} names no server", ask.text))),
        }
    }

    /// Drops every connection, and with it every outstanding reply.
    pub(crate) fn disconnect(&mut self) {
        self.servers.clear();
        if let Finder::Cluster { routes, .. } = &mut self.finder {
            routes.clear();
        }
        self.fresh = false;
    }

    /// Notes that what is known of the servers may be out of date: the next [`connect`](Self::connect) asks again.
    pub(crate) fn doubt(&mut self) {
        self.fresh = false;
        if !matches!(self.finder, Finder::Cluster { .. }) {
            self.servers.iter_mut().for_each(|server| server.connection = None);
        }
    }

    /// Checks that the connection lives. Any answer shows that, a refusal too.
    fn ping(&mut self, server: usize) -> Result<(), Failure> {
        match self.ask_server(server, &["PING"]) {
            Err(failure) if failure.class == Class::Reconnect => Err(failure),
            _ => Ok(()),
        }
    }

    /// Checks that the server is a master. A server that may not be asked passes.
    fn check_role(&mut self) -> Result<(), Failure> {
        match self.ask_server(0, &["ROLE"]) {
            Ok(Value::Array(role)) if !matches!(role.first(), Some(Value::BulkString(role)) if role == b"master") =>
            {
                let address = self.servers[0].address.clone();
                Err(self.moved(format!("{address} is not the master")))
            }
            Err(failure) if failure.class == Class::Reconnect => Err(failure),
            _ => Ok(()),
        }
    }

    /// Reads the slots, if possible over an open connection.
    fn ask_slots(&mut self) -> Result<(), Failure> {
        if self.ask_connected().is_ok() {
            return Ok(());
        }
        let Finder::Cluster { slots, .. } = &mut self.finder else { return Ok(()) };
        slots.ask_any(&self.endpoint, &self.name)
    }

    /// Reads the slots over an open connection.
    fn ask_connected(&mut self) -> Result<(), Failure> {
        let mut last = Failure::lost("not connected");
        let Finder::Cluster { slots, .. } = &mut self.finder else { return Ok(()) };
        for Server { address, connection } in &mut self.servers {
            let Some(open) = connection else { continue };
            match slots.ask(address, open) {
                Ok(()) => return Ok(()),
                Err(failure) => {
                    if failure.class == Class::Reconnect {
                        *connection = None;
                    }
                    last = failure;
                }
            }
        }
        Err(last)
    }

    /// The server at this address. If its connection broke, it has none until the next [`connect`](Self::connect):
    /// outstanding replies must not come from another connection.
    fn server(&mut self, address: Address) -> Result<usize, Failure> {
        if let Some(known) = self.servers.iter().position(|server| server.address == address) {
            return Ok(known);
        }
        let server = self.open(address).inspect_err(|_| self.fresh = false)?;
        self.servers.push(server);
        Ok(self.servers.len() - 1)
    }

    fn open(&self, address: Address) -> Result<Server, Failure> {
        let opened = Connection::open(&address, &self.endpoint, &self.name).and_then(|mut connection| {
            if self.transacts {
                connection.can_transact()?;
            }
            Ok(connection)
        });
        let connection = opened.map_err(|failure| {
            let failure = failure.while_connecting();
            // With several servers, the message names the one that failed.
            let text = if self.may_move() { format!("{address}: {}", failure.text) } else { failure.text };
            Failure { text, ..failure }
        })?;
        Ok(Server { address, connection: Some(connection) })
    }

    pub(super) fn connection(&mut self, server: usize) -> Result<&mut Connection, Failure> {
        let connection = self.servers.get_mut(server).and_then(|server| server.connection.as_mut());
        connection.ok_or_else(|| Failure::lost("not connected"))
    }

    fn moved(&mut self, text: String) -> Failure {
        self.fresh = false;
        Failure::new(Class::Refresh, text)
    }

    /// Drops a connection whose replies can no longer be told apart.
    pub(crate) fn drop_connection(&mut self, server: usize) {
        self.fresh = false;
        if let Some(server) = self.servers.get_mut(server) {
            server.connection = None;
        }
    }

    pub(super) fn broken(&mut self, server: usize, failure: Failure) -> Failure {
        self.drop_connection(server);
        match self.servers.get(server) {
            Some(server) if self.may_move() => {
                Failure { text: format!("{}: {}", server.address, failure.text), ..failure }
            }
            _ => failure,
        }
    }
}
