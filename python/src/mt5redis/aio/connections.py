"""Carries requests out for asyncio: plain connections of redis-py, kept and used again, within one event loop."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, TypeVar

import redis
from redis import exceptions
from redis.asyncio.connection import Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from ..connections import FAILURES, KEPT, arguments, classified, failure
from ..endpoint import Address, Endpoint
from ..errors import Refused, Unreachable
from ..steps import Exchange, Pause, Request, Steps

T = TypeVar("T")
_FAILURES = (*FAILURES, asyncio.TimeoutError, asyncio.IncompleteReadError)


def _place(request: Exchange) -> tuple[Endpoint, Address, bool]:
    return request.endpoint, request.address, request.at_sentinel


class Connections:
    """Connections to any servers."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._idle: dict[tuple[Endpoint, Address, bool], list[Connection]] = {}

    async def run(self, steps: Steps[T]) -> T:
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
                    answer = await self._answer(request)
                except (Unreachable, Refused) as error:
                    trouble = error
        finally:
            steps.close()  # if this was interrupted, they may have to put something in order

    async def _answer(self, request: Request) -> Any:
        if isinstance(request, Exchange):
            return await self._exchange(request)
        if isinstance(request, Pause):
            return await asyncio.sleep(request.seconds)
        try:
            found = await asyncio.get_running_loop().getaddrinfo(request.host, None, type=socket.SOCK_STREAM)
            return {one[4][0] for one in found}
        except OSError:
            return set()

    async def _exchange(self, request: Exchange) -> list[Any]:
        connection = await self._take(request)
        try:
            await connection.send_packed_command(connection.pack_commands(request.commands), check_health=False)
            replies: list[Any] = []
            for _ in request.commands:
                try:
                    replies.append(await connection.read_response())
                except (redis.ResponseError, exceptions.BusyLoadingError) as error:
                    replies.append(classified(error))
        except _FAILURES as error:
            await connection.disconnect(nowait=True)
            self._idle.pop(_place(request), None)  # the others broke with it
            raise failure(request.address, error) from error
        except BaseException:
            await connection.disconnect(nowait=True)  # replies are on their way
            raise
        idle = self._idle.setdefault(_place(request), [])
        if len(idle) < KEPT:
            idle.append(connection)
        else:
            await connection.disconnect(nowait=True)
        return replies

    async def _take(self, request: Exchange) -> Connection:
        idle = self._idle.get(_place(request))
        if idle:
            return idle.pop()
        kind = SSLConnection if request.endpoint.tls else Connection
        settings = arguments(request, self._name)
        connection = kind(**settings, retry=Retry(NoBackoff(), 0))
        try:
            await connection.connect()
        except _FAILURES as error:
            await connection.disconnect(nowait=True)
            raise failure(request.address, error) from error
        return connection

    async def close(self) -> None:
        """Closes the idle connections."""
        idle, self._idle = self._idle, {}
        for connection in (one for some in idle.values() for one in some):
            await connection.disconnect(nowait=True)
