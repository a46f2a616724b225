"""Finds the server for each command, as steps: one server, the master that the sentinels name, or the nodes of a Cluster.

It does without the Cluster and Sentinel clients of redis-py, which need commands that `mt5fleet acl` gives to nobody
(`COMMAND`, `SENTINEL MASTERS`). A master is believed only at an address where the site may have one.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from redis import exceptions as answers

from . import keys
from .endpoint import Address, Endpoint
from .errors import Mt5RedisError, Refused, Unreachable
from .steps import Command, Exchange, Pause, Resolve, Steps

log = logging.getLogger("mt5redis")

_ATTEMPTS, _PAUSE = 4, 0.05
_MOVED = (answers.MovedError, answers.ClusterDownError, answers.MasterDownError)
_LATER = (answers.TryAgainError, answers.BusyLoadingError, answers.ReadOnlyError, *_MOVED)

Keyed = tuple[str, Command]
"""A command, and the key that says which node of a Cluster has it."""


class Servers:
    """One lane's servers. `lane` is for errors."""

    def __init__(self, lane: str, endpoint: Endpoint) -> None:
        self.lane, self.endpoint = lane, endpoint
        self._sentinels = list(endpoint.addresses)
        self._master: Address | None = endpoint.addresses[0] if endpoint.kind == "server" else None
        self._slots: list[tuple[int, int, Address]] = []
        self._seeds = list(endpoint.addresses)

    @property
    def is_cluster(self) -> bool:
        return self.endpoint.kind == "cluster"

    def ask(self, commands: Sequence[Keyed]) -> Steps[list[Any]]:
        """The replies to these commands, in their order; a reply may be a `ResponseError`. If a server fails or has handed its keys
        over, it looks again where the servers are, and raises `Unreachable` if that does not help."""
        replies: list[Any] = [None] * len(commands)
        left = list(range(len(commands)))
        trouble: Mt5RedisError | None = None
        for attempt in range(_ATTEMPTS):
            if attempt > 1:  # the first failure is often a connection that was idle for long
                yield Pause(_PAUSE)
            later: list[int] = []
            try:
                for address, group in (yield from self._places(commands, left)).items():
                    got = yield Exchange(self.endpoint, address, [commands[at][1] for at in group])
                    for at, reply in zip(group, got):
                        if isinstance(reply, answers.AskError):
                            asked = yield Exchange(self.endpoint, Address(reply.host, reply.port), [("ASKING",), commands[at][1]])
                            reply = asked[1]
                        if isinstance(reply, _LATER):
                            later.append(at)
                            trouble = self.unreachable(str(reply))
                        replies[at] = reply
                left = later
                if not left:
                    return replies
            except Unreachable as error:
                trouble = error
                left = [at for at in left if replies[at] is None or isinstance(replies[at], _LATER)]
            self.forget()
        raise trouble or self.unreachable("it gave no answer")

    def transact(self, key: str, commands: Sequence[Command], once: bool = False) -> Steps[list[Any]]:
        """Runs commands on keys of one slot as one transaction, and returns their replies. An error raises: then nothing, or in
        doubt everything, was done. It is tried again unless `once`, so twice must do no harm."""
        trouble: Mt5RedisError | None = None
        for attempt in range(1 if once else _ATTEMPTS):
            if attempt > 1:
                yield Pause(_PAUSE)
            try:
                place = yield from self._places([(key, ())], [0])
                whole = [("MULTI",), *commands, ("EXEC",)]
                replies = yield Exchange(self.endpoint, next(iter(place)), whole)
            except Unreachable as error:
                trouble = error
                self.forget()
                continue
            errors = [reply for reply in replies if isinstance(reply, Exception)]
            if not errors:
                done: list[Any] = replies[-1]
                errors = [reply for reply in done if isinstance(reply, Exception)]
                if not errors:
                    return done
            if not isinstance(errors[0], (*_LATER, answers.AskError)):
                raise self.refused(errors[0])
            trouble = self.unreachable(str(errors[0]))
            self.forget()
        raise trouble or self.unreachable("it gave no answer")

    def everywhere(self) -> Steps[list[Address]]:
        """Every server that has keys: the one, or each master of the Cluster."""
        if not self.is_cluster:
            return list((yield from self._places([("", ())], [0])))
        if not self._slots:
            yield from self._find_slots()
        return list(dict.fromkeys(address for _, _, address in self._slots))

    def scan(self, pattern: str) -> Steps[list[str]]:
        """All keys of this pattern."""
        found: set[str] = set()
        for address in (yield from self.everywhere()):
            cursor = b"0"
            while True:
                command: Command = ("SCAN", cursor, "MATCH", pattern, "COUNT", 1000)
                reply = self.good((yield Exchange(self.endpoint, address, [command]))[0])
                cursor, names = reply
                found.update(name.decode(errors="replace") for name in names)
                if cursor == b"0":
                    break
        return sorted(found)

    def forget(self) -> None:
        """The servers may have changed: the next request looks where they are."""
        if self.endpoint.kind == "sentinel":
            self._master = None
        self._slots = []

    def good(self, reply: Any) -> Any:
        """The reply, unless it is an error."""
        if isinstance(reply, Exception):
            raise self.refused(reply)
        return reply

    def refused(self, error: Exception) -> Mt5RedisError:
        """What to say about a server's error."""
        text = f"the {self.lane} server ({self.endpoint}) refuses: {error}"
        if isinstance(error, (answers.AuthenticationError, answers.NoPermissionError)):
            return Refused(f"{text}. Check user and password, and what the user may do (mt5fleet acl)")
        if isinstance(error, answers.OutOfMemoryError):
            return Refused(f"{text}. It is full: raise maxmemory, or make room (docs/backpressure.md)")
        return Refused(text)

    def unreachable(self, reason: str) -> Unreachable:
        """What to say when there is no answer."""
        return Unreachable(
            f"the {self.lane} server ({self.endpoint}) cannot answer: {reason}. Check that it runs and can be reached"
        )

    def _places(self, commands: Sequence[Keyed], which: Sequence[int]) -> Steps[dict[Address, list[int]]]:
        """The commands of each server."""
        if not self.is_cluster:
            if self._master is None:
                self._master = yield from self._find_master()
            return {self._master: list(which)}
        if not self._slots:
            yield from self._find_slots()
        places: dict[Address, list[int]] = {}
        for at in which:
            places.setdefault(self._owner(commands[at][0]), []).append(at)
        return places

    def _owner(self, key: str) -> Address:
        slot = keys.slot(key)
        for first, last, address in self._slots:
            if first <= slot <= last:
                return address
        raise self.unreachable(f"no node has slot {slot}")

    def _find_slots(self) -> Steps[None]:
        reasons = []
        for node in list(self._seeds):
            try:
                ranges = self.good((yield Exchange(self.endpoint, node, [("CLUSTER", "SLOTS")]))[0])
            except Mt5RedisError as error:
                reasons.append(str(error))
                continue
            slots = []
            for first, last, master, *_ in ranges:
                host = master[0].decode() if master[0] else node.host
                slots.append((int(first), int(last), Address(host, int(master[1]))))
            self._slots = sorted(slots, key=lambda one: one[:2])
            known = [address for _, _, address in slots]
            self._seeds = list(dict.fromkeys([*known, *self.endpoint.addresses]))
            return
        raise Unreachable(f"no node of {self.endpoint} answers: {reasons[-1] if reasons else 'there is none'}")

    def _find_master(self) -> Steps[Address]:
        reasons = []
        for sentinel in list(self._sentinels):
            try:
                question: Command = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.endpoint.master)
                reply = self.good((yield Exchange(self.endpoint, sentinel, [question], at_sentinel=True))[0])
                if not reply:
                    raise Unreachable(f"{sentinel} knows no master {self.endpoint.master}: check the name in the URL")
                master = Address(reply[0].decode(), int(reply[1]))
                if not (yield from self._may_be(master)):
                    raise Unreachable(
                        f"{sentinel} names the master {master}, which is at no sentinel's host: list it in `masters` if it is yours"
                    )
                role = self.good((yield Exchange(self.endpoint, master, [("ROLE",)]))[0])
                if role[0] != b"master":
                    raise Unreachable(f"{master} is no master yet: a failover is under way")
            except Mt5RedisError as error:
                reasons.append(str(error))
                self._sentinels.append(self._sentinels.pop(0))  # others are asked first the next time
                continue
            return master
        raise Unreachable(f"{self.endpoint}: {reasons[-1] if reasons else 'there is no sentinel'}")

    def _may_be(self, master: Address) -> Steps[bool]:
        endpoint = self.endpoint
        if not endpoint.masters and endpoint.tls and endpoint.tls.ca:
            return True  # a certificate of the site's own authority proves that a server belongs to the site
        allowed = endpoint.masters or tuple(Address(sentinel.host, 0) for sentinel in endpoint.addresses)
        theirs = yield Resolve(master.host)
        for one in allowed:
            if one.port not in (0, master.port):
                continue
            if one.host == master.host or theirs & (yield Resolve(one.host)):
                return True
        return False
