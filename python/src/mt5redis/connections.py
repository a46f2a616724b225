"""Carries requests out for threads: plain connections of redis-py, kept and used again. Any thread may use them."""

from __future__ import annotations

import os
import socket
import threading
import time
from typing import Any, TypeVar

import redis
from redis import exceptions
from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection
from redis.retry import Retry

from .endpoint import Address, Endpoint
from .errors import Refused, Unreachable
from .steps import Exchange, Pause, Request, Steps

T = TypeVar("T")
KEPT = 8
"""Idle connections kept to a server."""


def arguments(request: Exchange, name: str) -> dict[str, Any]:
    """What redis-py needs for a connection, sync or async."""
    endpoint, address, at_sentinel = request.endpoint, request.address, request.at_sentinel
    identity = endpoint.sentinel_identity if at_sentinel else endpoint.identity
    settings: dict[str, Any] = {
        "host": address.host,
        "port": address.port,
        "db": 0 if at_sentinel else endpoint.database,
        "username": identity.username,
        "password": identity.password,
        "client_name": None if at_sentinel else name,
        "socket_timeout": endpoint.reply_timeout,
        "socket_connect_timeout": endpoint.connect_timeout,
        "socket_keepalive": True,
        "protocol": 2,
    }
    if endpoint.tls:
        tls = endpoint.tls
        settings |= {
            "ssl_cert_reqs": "required",
            "ssl_check_hostname": True,
            "ssl_ca_certs": tls.ca and str(tls.ca),
            "ssl_certfile": tls.certificate and str(tls.certificate),
            "ssl_keyfile": tls.key and str(tls.key),
        }
    return settings


def failure(address: Address, error: Exception) -> Unreachable | Refused:
    """What to say when a connection fails."""
    if isinstance(error, (exceptions.AuthenticationError, exceptions.AuthorizationError)) or "NOAUTH" in str(error):
        return Refused(f"{address} does not let us in: {error}. Check user and password in the URL or the TOML file")
    reason = str(error).rstrip(".") or type(error).__name__
    return Unreachable(f"{address} cannot be reached: {reason}. Check that it runs, the address, and whether it uses TLS")


_CODES: dict[str, type[exceptions.ResponseError]] = {
    "ASK": exceptions.AskError,
    "MOVED": exceptions.MovedError,
    "TRYAGAIN": exceptions.TryAgainError,
    "CLUSTERDOWN": exceptions.ClusterDownError,
    "MASTERDOWN": exceptions.MasterDownError,
}


def classified(error: Exception) -> Exception:
    """A server's error by its class, which redis-py 5 knows in its own Cluster client alone."""
    code, _, rest = str(error).partition(" ")
    return _CODES[code](rest) if type(error) is exceptions.ResponseError and code in _CODES else error


FAILURES = (exceptions.RedisError, OSError, EOFError, ValueError)
"""What connecting, writing and reading raise; a refusal within a reply is none of them."""


def _place(request: Exchange) -> tuple[Endpoint, Address, bool]:
    return request.endpoint, request.address, request.at_sentinel


class Connections:
    """Connections to any servers."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._idle: dict[tuple[Endpoint, Address, bool], list[Connection]] = {}
        self._lock = threading.Lock()
        self._process = os.getpid()

    def run(self, steps: Steps[T]) -> T:
        """Carries steps out to their end."""
        answer: Any = None
        trouble: Exception | None = None
        try:
            while True:
                try:
                    request = steps.throw(trouble) if trouble else steps.send(answer)
                except StopIteration as end:
                    result: T = end.value
                    return result
                answer = trouble = None
                try:
                    answer = self._answer(request)
                except (Unreachable, Refused) as error:
                    trouble = error
        finally:
            steps.close()  # if this was interrupted, they may have to put something in order

    def _answer(self, request: Request) -> Any:
        if isinstance(request, Exchange):
            return self._exchange(request)
        if isinstance(request, Pause):
            return time.sleep(request.seconds)
        try:
            return {found[4][0] for found in socket.getaddrinfo(request.host, None)}
        except OSError:
            return set()

    def _exchange(self, request: Exchange) -> list[Any]:
        connection = self._take(request)
        try:
            connection.send_packed_command(connection.pack_commands(request.commands), check_health=False)
            replies: list[Any] = []
            for _ in request.commands:
                try:
                    replies.append(connection.read_response())
                except (redis.ResponseError, exceptions.BusyLoadingError) as error:
                    replies.append(classified(error))
        except FAILURES as error:
            connection.disconnect()
            with self._lock:  # the others broke with it
                self._idle.pop(_place(request), None)
            raise failure(request.address, error) from error
        except BaseException:
            connection.disconnect()  # replies are on their way
            raise
        with self._lock:
            idle = self._idle.setdefault(_place(request), [])
            if len(idle) < KEPT:
                idle.append(connection)
                return replies
        connection.disconnect()
        return replies

    def _take(self, request: Exchange) -> Connection:
        with self._lock:
            if self._process != os.getpid():  # a fork shares its parent's sockets
                self._idle, self._process = {}, os.getpid()
            idle = self._idle.get(_place(request))
            if idle:
                return idle.pop()
        kind = SSLConnection if request.endpoint.tls else Connection
        settings = arguments(request, self._name)
        connection = kind(**settings, retry=Retry(NoBackoff(), 0))
        try:
            connection.connect()
        except FAILURES as error:
            connection.disconnect()
            raise failure(request.address, error) from error
        return connection

    def close(self) -> None:
        """Closes the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, {}
        for connection in (one for some in idle.values() for one in some):
            connection.disconnect()
