"""A terminal: the C library as an Expert Advisor calls it."""

from __future__ import annotations

import ctypes
import time

from header import constants, struct

from mt5redis.library import Library, text_in

INSTANCE, TRADE, SIGNAL, REPORT, DEAL = (struct(f"mt5redis_{name}_t") for name in ("instance", "trade", "signal", "report", "deal"))
EVENT, ACTION, OUTCOME, KIND, ENTRY = (constants(f"MT5REDIS_{name}_") for name in ("EVENT", "ACTION", "OUTCOME", "DEAL", "ENTRY"))


class Terminal:
    def __init__(self, name, config, folder):
        self.library, self.name = Library.load(), name
        functions = self.library._functions
        for function in ("instance_state", "trade_state", "open_positions", "report", "deal"):
            getattr(functions, f"mt5redis_{function}").restype = ctypes.c_int64
        functions.mt5redis_open_positions.argtypes = [ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p, ctypes.c_int32]
        self.handle = self.library.call("mt5redis_open", *map(text_in, (str(config), name, str(folder))))

    def heartbeat(self, **fields):
        given = {
            "login": 7,
            "balance": 1000.5,
            "equity": 1001.25,
            "margin": 10,
            "margin_free": 991.25,
            "leverage": 100,
            "margin_level": 10012.5,
            "profit": 0.75,
            "flags": 33,
            "interval_ms": 1000,
            "ping_us": 1500,
            "account": 2,
        }
        state = INSTANCE(**(given | fields))
        handle = ctypes.c_int64(self.handle)
        return self.library.call(
            "mt5redis_instance_state", handle, ctypes.byref(state), *map(text_in, ("Demo", "Broker", "EUR", "EA 1.0"))
        )

    def position(self, position, event="OPEN", symbol="EURUSD", comment="grid", **fields):
        given = {
            "position": position,
            "ticket": position,
            "volume": 0.3,
            "price_open": 1.10345,
            "price_current": 1.10401,
            "stop_loss": 1.1,
            "profit": 16.8,
            "side": 1,
            "digits": 5,
            "open_time_ms": 1_763_799_000_123,
        }
        state = TRADE(event=EVENT[f"MT5REDIS_EVENT_{event}"], **(given | fields))
        handle = ctypes.c_int64(self.handle)
        return self.library.call("mt5redis_trade_state", handle, ctypes.byref(state), text_in(symbol), text_in(comment))

    def open_positions(self, *positions):
        return self.library.call(
            "mt5redis_open_positions", self.handle, 0, (ctypes.c_int64 * len(positions))(*positions), len(positions)
        )

    def deal(self, ticket, kind="BUY", entry="IN", symbol="EURUSD", comment="", **fields):
        given = {"deal": ticket, "order": ticket + 1, "position": 7, "volume": 0.1, "price": 1.1, "digits": 5}
        numbers = {"kind": KIND[f"MT5REDIS_DEAL_{kind}"], "entry": ENTRY[f"MT5REDIS_ENTRY_{entry}"]}
        state = DEAL(**(given | numbers | fields))
        handle = ctypes.c_int64(self.handle)
        texts = map(text_in, (symbol, comment))
        return self.library.call("mt5redis_deal", handle, ctypes.byref(state), ctypes.sizeof(state), *texts)

    def signal(self, action="BUY", symbol="EURUSD", comment="", **fields):
        given = {"volume": 0.1} | fields
        state = SIGNAL(action=ACTION[f"MT5REDIS_ACTION_{action}"], **given)
        return self.library.call("mt5redis_signal", self.handle, ctypes.byref(state), text_in(symbol), text_in(comment))

    def report(self, source, producer, sequence, outcome="DONE", symbol="EURUSD", reason="", **fields):
        number = int(producer, 16)
        given = {
            "producer": number - 2**64 if number >= 2**63 else number,
            "sequence": sequence,
            "action": 1,
            "volume_wanted": 0.1,
            "volume_done": 0.1,
            "price_wanted": 1.1,
            "price_filled": 1.1002,
            "slippage": 2,
            "latency_ms": 83,
            "retcode": 10009,
            "position": 5,
            "order": 6,
            "deal": 7,
            "digits": 5,
            "signal_time_ms": int(time.time() * 1000),
        }
        state = REPORT(outcome=OUTCOME[f"MT5REDIS_OUTCOME_{outcome}"], **(given | fields))
        handle = ctypes.c_int64(self.handle)
        texts = map(text_in, (source, symbol, reason))
        return self.library.call("mt5redis_report", handle, ctypes.byref(state), ctypes.sizeof(state), *texts)

    def flush(self):
        assert self.library.call("mt5redis_flush", self.handle, 20_000) == 0

    def close(self):
        handle, self.handle = self.handle, 0
        if handle:
            self.library.call("mt5redis_close", handle, 5_000)
