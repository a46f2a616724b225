"""A strategy that trades through followers: strategy.py redis://127.0.0.1:6379 5012345.Demo-Server

It buys and closes when two moving averages of a price cross, here of the price that one terminal publishes with its position.
Terminals that run SignalFollower with InpInstances=ma-cross trade it, and their reports come back. What it sends reaches them once,
also when it is killed.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator
from datetime import timedelta

from mt5redis import Fleet, HaltLevel, Publisher, Sent

SYMBOL, LOTS, FAST, SLOW, EVERY = "EURUSD", 0.1, 3, 8, 0.2


def crossings(prices: Iterator[float]) -> Iterator[bool]:
    """True when the fast average crosses above the slow one, False when below."""
    last: deque[float] = deque(maxlen=SLOW)
    above = None
    for price in prices:
        last.append(price)
        if len(last) == SLOW:
            now = sum(list(last)[-FAST:]) / FAST > sum(last) / SLOW
            if above is not None and now != above:
                yield now
            above = now


def prices(fleet: Fleet[float], terminal: str) -> Iterator[float]:
    """The symbol's price, several times a second."""
    while True:
        for position in fleet.positions([terminal]):
            if position.symbol == SYMBOL:
                yield position.price_current
                break
        time.sleep(EVERY)


def tell(publisher: Publisher[float], sent: Sent) -> None:
    """Prints what followers did."""
    for report in publisher.reports(sent, timeout=2):
        print(f"{report.follower}: {report.outcome} {report.volume_done} lots at {report.price_filled}", report.reason, flush=True)


def main() -> None:
    """Runs until it is interrupted."""
    url, terminal = sys.argv[1:3]
    with Fleet.from_url(url) as fleet, Publisher("ma-cross", url, folder="ma-cross") as publisher:
        for up in crossings(prices(fleet, terminal)):
            if up and publisher.halted().level is HaltLevel.NONE:
                sent = publisher.buy(SYMBOL, LOTS, expires=timedelta(seconds=5))
            else:
                sent = publisher.close_position(SYMBOL)
            print(sent.action, sent.key, flush=True)
            tell(publisher, sent)


if __name__ == "__main__":
    main()
