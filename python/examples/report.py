"""A day's report as pandas tables: report.py fleet.toml

What each account earned, how well followers were filled, and how the equity went.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta, timezone

from mt5redis import Fleet


def main() -> None:
    """Prints the tables."""
    since = datetime.now(timezone.utc) - timedelta(days=1)
    with Fleet.from_toml(sys.argv[1]) as fleet:
        deals = fleet.to_pandas("deals", since=since)
        trades = deals[deals.kind.isin(["buy", "sell", "other"])]
        trades = trades.assign(net=trades.profit + trades.swap + trades.commission)
        print(trades.groupby(["instance", "symbol"]).net.agg(["count", "sum"]), end="\n\n")

        reports = fleet.to_pandas("reports", since=since)
        filled = reports[reports.volume_done > 0]
        print(filled.groupby(["follower", "symbol"])[["slippage", "latency"]].median(), end="\n\n")
        print(reports.groupby(["follower", "outcome"]).size(), end="\n\n")

        equity = fleet.to_pandas("equity", since=since)
        print(equity.groupby("instance").equity.agg(["first", "min", "max", "last"]))


if __name__ == "__main__":
    main()
