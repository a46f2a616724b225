"""The project's TOML file (`docs/configuration.md`), as far as reading needs it: where each lane's Redis is, the shards, and the
journal's folder.

An unknown key is refused. The ranges of the keys that only concern writing are checked by the C library, when a Publisher opens.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .endpoint import DEFAULT_URL, Address, Endpoint, Identity, Tls
from .errors import ConfigurationError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_WHERE = [
    "url",
    "masters",
    "username",
    "password",
    "password_file",
    "sentinel_username",
    "sentinel_password",
    "sentinel_password_file",
    "tls_ca",
    "tls_certificate",
    "tls_key",
]
_LANE = _WHERE + [
    "encoding",
    "queue",
    "batch_records",
    "batch_bytes",
    "connect_timeout",
    "reply_timeout",
    "reply_bytes",
    "records_per_second",
    "bytes_per_second",
]
KNOWN: dict[str, list[str]] = {
    "": _WHERE,
    "journal": ["folder", "max_bytes", "retain_acked", "sync"],
    "pressure": ["quiet"],
    "ris": [*_LANE, "ttl", "history"],
    "rts": [*_LANE, "retention", "events", "event_retention", "event_max_length"],
    "rtss": [*_LANE, "retention", "report_retention", "shards", "max_length"],
}
"""The keys of each table; "" stands for what is outside a table."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "days": 86400.0}
_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Configuration:
    """Where the three lanes are, and the journal."""

    text: str
    """What the C library is given: the URL, or the path of the file."""
    folder: str
    """Relative paths in the file start here; empty: the working folder."""
    ris: Endpoint
    rts: Endpoint
    rtss: Endpoint
    shards: int
    journal: Path | None
    """The journals' folder; None: the system names no home."""
    sync: str
    """What accepted records survive: os, disk or off."""

    @classmethod
    def of_url(cls, url: str, folder: str | Path = "") -> Configuration:
        """All three lanes at one server."""
        try:
            endpoint = Endpoint.parse(url)
        except ConfigurationError as error:
            raise ConfigurationError(f"the URL {error}") from None
        journal = _journal(str(folder))
        return cls(url.strip(), str(folder), endpoint, endpoint, endpoint, endpoint.default_shards, journal, "os")

    @classmethod
    def of_file(cls, path: str | Path, folder: str | Path | None = None) -> Configuration:
        """A TOML file. Relative paths in it start at `folder`, by default the file's own."""
        path = Path(path).absolute()
        folder = path.parent if folder is None else Path(folder).absolute()
        text = _text(path)
        try:
            tables = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            advice = r"; write a Windows path in single quotes: 'C:\folder\file'" if "\\" in text else ""
            raise ConfigurationError(f"{path.name}: {error}{advice}") from None
        return _File(path, text, folder, tables).configuration()


class _File:
    def __init__(self, path: Path, text: str, folder: Path, tables: Mapping[str, Any]) -> None:
        self.path, self.text, self.folder = path, text, folder
        # mt5fleet's own: a file may be for both.
        self.shared = {key: value for key, value in tables.items() if key not in KNOWN and key != "alerts"}
        self.tables: dict[str, Mapping[str, Any]] = {"": self.shared}
        for name in KNOWN:
            table = tables.get(name, {})
            if name and not isinstance(table, dict):
                raise self.refused("", name, f"is not a table: write [{name}]")
            if name:
                self.tables[name] = table
        for name, table in self.tables.items():
            for key in table:
                if key not in KNOWN[name]:
                    homes = [f"[{home}]" for home, known in KNOWN.items() if home and key in known]
                    advice = f"it belongs in {' or '.join(homes)}" if homes else f"the keys here are {', '.join(KNOWN[name])}"
                    raise self.refused(name, key, f"is unknown here: {advice}")

    def configuration(self) -> Configuration:
        lanes = {lane: self.endpoint(lane) for lane in ("ris", "rts", "rtss")}
        shards = self.tables["rtss"].get("shards", lanes["rtss"].default_shards)
        if not isinstance(shards, int) or not 1 <= shards <= 4096:
            raise self.refused("rtss", "shards", f"= {shards} is refused: write 1 to 4096")
        sync = self.tables["journal"].get("sync", "os")
        if sync not in ("os", "disk", "off"):
            raise self.refused("journal", "sync", f'= {sync!r} is refused: write "os" or "disk" or "off"')
        journal = _journal(str(self.folder))
        if "folder" in self.tables["journal"]:
            journal = self.path_of("journal", "folder")
        return Configuration(str(self.path), str(self.folder), lanes["ris"], lanes["rts"], lanes["rtss"], shards, journal, sync)

    def endpoint(self, lane: str) -> Endpoint:
        found = self.find(lane, "url")
        try:
            endpoint = Endpoint.parse(DEFAULT_URL if found is None else self.value(found, "url"))
        except ConfigurationError as error:
            raise error if found is None else self.refused(found, "url", str(error)) from None
        identity = self.identity(lane, "", endpoint.identity)
        endpoint = replace(endpoint, identity=identity, tls=self.tls(lane, endpoint.tls))
        endpoint = replace(
            endpoint,
            connect_timeout=self.duration(lane, "connect_timeout", endpoint.connect_timeout),
            reply_timeout=self.duration(lane, "reply_timeout", endpoint.reply_timeout),
        )
        if endpoint.kind != "sentinel":
            for key in ("masters", "sentinel_username", "sentinel_password", "sentinel_password_file"):
                if key in self.tables[lane]:
                    raise self.refused(lane, key, "has no meaning here: the url is not of redis-sentinel://")
            return endpoint
        endpoint = replace(endpoint, sentinel_identity=self.identity(lane, "sentinel_", Identity()))
        listed = self.find(lane, "masters")
        if listed is not None:
            addresses = self.tables[listed]["masters"]
            masters = (
                [Address.parse(a, 0) if isinstance(a, str) else None for a in addresses] if isinstance(addresses, list) else []
            )
            if not masters or None in masters:
                raise self.refused(listed, "masters", 'is not a list of addresses: write ["host:port", "host"]')
            endpoint = replace(endpoint, masters=tuple(master for master in masters if master is not None))
        return endpoint

    def identity(self, lane: str, prefix: str, of_url: Identity) -> Identity:
        username, password, file = (f"{prefix}{key}" for key in ("username", "password", "password_file"))
        homes = {key: self.find(lane, key) for key in (username, password, file)}
        # A lane's own password wins over a shared file, and the other way round.
        if homes[password] is not None and homes[file] is not None:
            if homes[password] == homes[file]:
                raise self.refused(homes[file], file, f"and {password} exclude each other: keep one")
            homes[password if homes[password] == "" else file] = None
        given = next((key for key, home in homes.items() if home is not None), None)
        if given is None:
            return of_url
        if of_url != Identity():
            raise self.refused(homes[given], given, "and the user or password in the url exclude each other: keep one")
        user_home, home, file_home = homes[username], homes[password], homes[file]
        secret = None
        if home is not None:
            secret = self.value(home, password)
        if file_home is not None:
            secret = self.secret(file_home, file)
        if secret == "":
            raise self.refused(home or file_home, password, "is empty: leave the key out if the server has no password")
        return Identity(None if user_home is None else self.value(user_home, username), secret)

    def secret(self, table: str, key: str) -> str:
        path = self.path_of(table, key)
        try:
            text = _text(path).rstrip("\r\n")
        except ConfigurationError as error:
            raise self.refused(table, key, f"= {error}") from None
        if "\n" in text or "\r" in text:
            raise self.refused(table, key, f"= {path} has more than one line: a password is one line")
        return text.rstrip(" \t")

    def tls(self, lane: str, tls: Tls | None) -> Tls | None:
        homes = {key: self.find(lane, key) for key in ("tls_ca", "tls_certificate", "tls_key")}
        paths = {key: None if home is None else self.path_of(home, key) for key, home in homes.items()}
        for key, path in paths.items():
            if path is not None and tls is None:
                raise self.refused(homes[key], key, "has no meaning without TLS: write rediss in place of redis in the url")
            if path is not None and not path.is_file():
                raise self.refused(homes[key], key, f"= {path} is no file")
        if (paths["tls_certificate"] is None) != (paths["tls_key"] is None):
            lone, other = ("tls_key", "tls_certificate") if paths["tls_certificate"] is None else ("tls_certificate", "tls_key")
            raise self.refused(homes[lone], lone, f"needs {other}: write both")
        return tls and Tls(paths["tls_ca"], paths["tls_certificate"], paths["tls_key"])

    def find(self, lane: str, key: str) -> str | None:
        """The table whose key counts for this lane: its own, or what is outside a table."""
        return lane if key in self.tables[lane] else "" if key in self.shared else None

    def value(self, table: str, key: str) -> str:
        """A text, in which `${NAME}` is replaced by that environment variable, and `$${` by a plain `${`."""
        text = self.tables[table][key]
        if not isinstance(text, str):
            raise self.refused(table, key, "is not a text: put it in quotes")

        def replaced(match: re.Match[str]) -> str:
            if match[0] == "$${":
                return "${"
            if match[1] is None:
                raise self.refused(table, key, "has a ${ without a }: write $${ for a plain ${")
            if match[1] not in os.environ:
                raise self.refused(table, key, f'needs the environment variable "{match[1]}", which is not set')
            return os.environ[match[1]]

        return re.sub(r"\$\$\{|\$\{(?:([^}]*)\})?", replaced, text)

    def path_of(self, table: str, key: str) -> Path:
        return self.folder / self.value(table, key)

    def duration(self, table: str, key: str, default: float) -> float:
        if key not in self.tables[table]:
            return default
        text = self.tables[table][key]
        parts = re.findall(r"(\d+)\s*([a-z]+)", text) if isinstance(text, str) else []
        whole = "".join(number + unit for number, unit in parts) == re.sub(r"\s", "", str(text))
        if not parts or not whole or any(unit not in _UNITS for _, unit in parts):
            raise self.refused(table, key, f'= {text!r} is refused: write a text like "2s", from 10ms to 1m')
        seconds = sum(int(number) * _UNITS[unit] for number, unit in parts)
        if not 0.01 <= seconds <= 60:
            raise self.refused(table, key, f'= {text!r} is refused: write a text like "2s", from 10ms to 1m')
        return seconds

    def refused(self, table: str | None, key: str, reason: str) -> ConfigurationError:
        """An error with the file, the line and the key."""
        dotted = f"{table}.{key}" if table else key
        inside, line = "", 0
        for number, text in enumerate(self.text.splitlines(), 1):
            header = re.match(r"\s*\[\s*([A-Za-z_]+)\s*\]", text)
            inside = header[1] if header else inside
            if inside == (table or "") and re.match(rf'\s*"?{re.escape(key)}"?\s*=', text) or header and header[1] == dotted:
                line = number
                break
        place = f"{self.path.name}:{line}" if line else self.path.name
        return ConfigurationError(f"{place}: {dotted} {reason}")


def _text(path: Path) -> str:
    """A file in UTF-8, or in UTF-16 with a mark, as Windows writes it."""
    if not path.is_file():
        hint = f"; there is {path.name}.txt: rename it" if path.with_name(path.name + ".txt").is_file() else ""
        raise ConfigurationError(f"{path} cannot be read: it is no regular file{hint}")
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise ConfigurationError(f"{path} cannot be read: it has more than {_MOST_BYTES} bytes")
        utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
        return data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} cannot be read: save it as UTF-8") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None


def _journal(folder: str) -> Path | None:
    """`mt5-redis` in the data folder or, without one, in the system's folder for a program's state; as the C library does."""
    if folder:
        return Path(folder) / "mt5-redis"
    if os.name == "nt":
        home = os.environ.get("LOCALAPPDATA")
        return Path(home) / "mt5-redis" if home else None
    state, home = os.environ.get("XDG_STATE_HOME"), os.environ.get("HOME")
    base = Path(state) if state else Path(home) / ".local/state" if home else None
    return base / "mt5-redis" if base else None
