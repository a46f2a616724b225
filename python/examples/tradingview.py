"""A webhook that turns TradingView alerts into signals, each once: uvicorn tradingview:app --port 8000

Settings, from the environment: WEBHOOK_TOKEN, a long random text, which each alert contains; MT5REDIS_CONFIG, a URL or a TOML file;
WEBHOOK_ALLOW, the addresses that may call, separated by commas, by default TradingView's; WEBHOOK_SYMBOLS, what may be traded, and
WEBHOOK_MAX_LOTS (1.0). Put a server with TLS before it that connects from 127.0.0.1 and passes the caller's address on
(uvicorn --proxy-headers --forwarded-allow-ips 127.0.0.1).

The alert's message in TradingView; `id` makes it idempotent, so TradingView may send it again:

    {"token": "...", "id": "{{ticker}}-{{timenow}}-{{strategy.order.id}}", "action": "{{strategy.order.action}}",
     "symbol": "{{ticker}}", "lots": {{strategy.order.contracts}}, "price": {{close}}}
"""

from __future__ import annotations

import hmac
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import Annotated, Literal

from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel, Field

from mt5redis import ConfigurationError, KeyReused, LibraryError, aio

TRADINGVIEW = "52.89.214.238,34.212.75.30,54.218.53.128,52.32.178.7"
EXPIRES = timedelta(seconds=30)
"""An alert that is older when it reaches a follower opens nothing."""


class Alert(BaseModel):
    """What TradingView posts."""

    token: str
    id: Annotated[str, Field(min_length=1, max_length=200)]
    action: Literal["buy", "sell", "close"]
    symbol: Annotated[str, Field(min_length=1, max_length=48)]
    lots: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    price: Annotated[float, Field(allow_inf_nan=False)] | None = None
    stop_loss: Annotated[float, Field(allow_inf_nan=False)] | None = None
    take_profit: Annotated[float, Field(allow_inf_nan=False)] | None = None


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Reads the settings and holds the publisher."""
    token = os.environ.get("WEBHOOK_TOKEN", "")
    if len(token) < 20:
        raise ConfigurationError("set WEBHOOK_TOKEN to a random text of 20 characters or more: openssl rand -hex 20 makes one")
    app.state.token = token.encode()
    app.state.allowed = [ip_network(one.strip()) for one in os.environ.get("WEBHOOK_ALLOW", TRADINGVIEW).split(",")]
    app.state.symbols = {one for one in os.environ.get("WEBHOOK_SYMBOLS", "").split(",") if one}
    app.state.most = float(os.environ.get("WEBHOOK_MAX_LOTS", "1.0"))
    config = os.environ.get("MT5REDIS_CONFIG", "redis://127.0.0.1:6379")
    async with aio.Publisher("tradingview", config) as publisher:
        app.state.publisher = publisher
        yield


app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)


@app.post("/alert")
async def alert(request: Request, alert: Alert) -> dict[str, object]:
    """Publishes an alert, or answers again what came of it the first time."""
    state = request.app.state
    caller = request.client.host if request.client else ""
    try:
        address = ip_address(caller)
    except ValueError:
        raise HTTPException(403, "this address may not send alerts") from None
    if not any(address in network for network in state.allowed):
        raise HTTPException(403, "this address may not send alerts")
    if not hmac.compare_digest(alert.token.encode(), state.token):
        raise HTTPException(401, "the token is wrong")
    if state.symbols and alert.symbol not in state.symbols:
        raise HTTPException(422, f"{alert.symbol} is not among WEBHOOK_SYMBOLS")
    if alert.lots > state.most:
        raise HTTPException(422, f"{alert.lots} lots are more than WEBHOOK_MAX_LOTS = {state.most}")
    publisher: aio.Publisher[float] = state.publisher
    try:
        if alert.action == "close":
            sent = await publisher.close_position(alert.symbol, volume=alert.lots, price=alert.price, key=alert.id)
        else:
            send = publisher.buy if alert.action == "buy" else publisher.sell
            sent = await send(
                alert.symbol,
                alert.lots,
                price=alert.price,
                stop_loss=alert.stop_loss,
                take_profit=alert.take_profit,
                expires=EXPIRES,
                key=alert.id,
            )
    except KeyReused as error:
        raise HTTPException(409, str(error)) from None
    except LibraryError as error:
        raise HTTPException(422 if error.code <= -100 else 503, str(error)) from None
    return {"signal": sent.key, "repeated": sent.repeated}
