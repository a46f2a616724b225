"""Where a lane's Redis is: `redis://`, `redis-sentinel://` and `redis-cluster://` URLs, each also with `rediss` for TLS.

No error quotes a part of a URL, which may have a password anywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from .errors import ConfigurationError

DEFAULT_URL = "redis://127.0.0.1:6379"
REDIS_PORT = 6379
SENTINEL_PORT = 26379

_FORMS = (
    "is not a redis:// URL: write redis://host:port, redis-sentinel://host:26379,host:26379/master"
    " or redis-cluster://host:port,host:port (rediss for TLS)"
)
_ENCODE = "and percent-encode the password"
_MALFORMED = {
    "server": f"is malformed: write redis://user:password@host:port/database {_ENCODE}",
    "sentinel": f"is malformed: write redis-sentinel://user:password@host:26379,host:26379/master/database {_ENCODE}",
    "cluster": f"is malformed: write redis-cluster://user:password@host:port,host:port {_ENCODE};"
    " a Cluster has no database numbers",
}
_SCHEME = re.compile(r"(?P<base>rediss|redis|valkeys|valkey)(-(?P<kind>sentinel|cluster))?\Z", re.IGNORECASE)
_HOST = re.compile(r"(?:\[(?P<ip6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._-]+))(?::(?P<port>\d{1,5}))?\Z")

Kind = Literal["server", "sentinel", "cluster"]


@dataclass(frozen=True, slots=True)
class Address:
    """Host and port; port 0 means any."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str, default_port: int) -> Address | None:
        """Reads `host`, `host:port`, `[address]` or `[address]:port`."""
        match = _HOST.match(text.strip())
        if match is None:
            return None
        host = match["ip6"] or match["host"]
        port = int(match["port"] or default_port)
        if host in ("0.0.0.0", "::") or port > 65535 or (match["port"] and port == 0):
            return None
        return cls(host, port)


@dataclass(frozen=True, slots=True)
class Identity:
    """A user and its password; None: the server's default user, no login."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files. Without `ca` the system's authorities are trusted. Certificate and name of a server are always checked."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A site of Redis, our identity there, and the time-outs, in seconds."""

    kind: Kind
    addresses: tuple[Address, ...]
    """The server, the sentinels, or nodes of the Cluster."""
    master: str = ""
    """Sentinel: its name for the master."""
    masters: tuple[Address, ...] = ()
    """Sentinel: where the master may be; empty: on the sentinels' hosts, or wherever a certificate of `tls.ca` proves."""
    database: int = 0
    identity: Identity = Identity()
    sentinel_identity: Identity = Identity()
    tls: Tls | None = None
    connect_timeout: float = 1.0
    reply_timeout: float = 2.0

    def __str__(self) -> str:
        listed = ", ".join(map(str, self.addresses))
        return {"server": listed, "sentinel": f"{self.master} at the sentinels {listed}", "cluster": f"the Cluster at {listed}"}[
            self.kind
        ]

    @property
    def default_shards(self) -> int:
        """More than one on a Cluster, so that its nodes share the load."""
        return 16 if self.kind == "cluster" else 1

    @classmethod
    def parse(cls, url: str) -> Endpoint:
        """Reads a URL; raises ConfigurationError with the right form."""
        scheme, colon, rest = url.strip().partition("://")
        known = _SCHEME.match(scheme)
        if not colon or known is None:
            raise ConfigurationError(_FORMS)
        name = (known["kind"] or "server").lower()
        kind: Kind = "sentinel" if name == "sentinel" else "cluster" if name == "cluster" else "server"
        malformed = ConfigurationError(_MALFORMED[kind])
        if "?" in rest or "#" in rest:
            raise ConfigurationError(
                "has a query or a fragment: write ? in a password as %3F and # as %23,"
                " or put username and password into a TOML file"
            )
        login, at, rest = rest.rpartition("@")
        user, colon, password = login.partition(":")
        if at and not login or {"/", "@"} & set(login):
            raise malformed
        identity = Identity(unquote(user) or None, unquote(password) if password else None)
        hosts, _, path = rest.partition("/")
        port = SENTINEL_PORT if kind == "sentinel" else REDIS_PORT
        addresses = [Address.parse(host, port) for host in hosts.split(",")]
        if None in addresses or (kind == "server" and len(addresses) != 1):
            raise malformed
        endpoint = cls(kind, tuple(a for a in addresses if a is not None), identity=identity)
        if known["base"].lower() in ("rediss", "valkeys"):
            endpoint = replace(endpoint, tls=Tls())
        database = path
        if kind == "cluster" and path:
            raise malformed
        if kind == "sentinel":
            master, _, database = path.partition("/")
            if not re.fullmatch(r"[A-Za-z0-9._-]+", master):
                raise ConfigurationError("has no name of a master: add it at the end, like /mymaster")
            endpoint = replace(endpoint, master=master)
        if database and not re.fullmatch(r"\d{1,9}", database):
            raise malformed
        return replace(endpoint, database=int(database or 0))
