"""The snippets of docs/python.md and the examples do what they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from header import PROJECT
from servers import until

from mt5redis import ConfigurationError, Fleet, Publisher

SNIPPETS = re.findall(r"```python\n(.*?)```", (PROJECT / "docs/python.md").read_text(), re.DOTALL)


def run(program, tmp_path, **environment):
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def trading(server, terminals, tmp_path):
    """A terminal with a position and events, and a strategy with a signal."""
    terminal = terminals()
    terminal.heartbeat()
    terminal.position(7)
    terminal.deal(1, profit=-1.25, commission=-0.5)
    terminal.flush()
    with Publisher("strategy-1", server.url, folder=tmp_path / "earlier") as publisher:
        publisher.buy("GOLD", 0.2)
    return terminal


EXPECTED = [
    "1.Demo EURUSD buy 0.3",
    "1.Demo open EURUSD 0.3\n1.Demo buy -1.75",
    "strategy-1 buy GOLD 0.2",
    "buy GOLD",
    "",
    "EURUSD  buy     0.3",
    "not yet",
]


def test_there_is_a_word_for_each_snippet():
    assert len(SNIPPETS) == len(EXPECTED)


@pytest.mark.parametrize("number", range(len(SNIPPETS)))
def test_the_snippets_run(server, trading, tmp_path, number):
    program = SNIPPETS[number].replace("redis://127.0.0.1:6379", server.url)
    assert EXPECTED[number] in run(program, tmp_path)


def test_the_strategy_trades(server, trading, tmp_path):
    command = [sys.executable, str(PROJECT / "python/examples/strategy.py"), server.url, "1.Demo"]
    strategy = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        looks = lambda: server.client().info("commandstats").get("cmdstat_smembers", {}).get("calls", 0)  # noqa: E731
        before = looks()
        until(lambda: looks() >= before + 10, "the strategy's looks at the price")
        trading.position(7, "PRICE", price_current=2.0)
        assert strategy.stdout.readline().startswith("buy ma-cross+")
    finally:
        strategy.kill()
        strategy.communicate()


def test_the_report_prints_its_tables(server, trading, tmp_path):
    trading.report("strategy-1", "00000000000000aa", 1)
    trading.flush()
    (tmp_path / "fleet.toml").write_text(f'url = "{server.url}"\n')
    done = run((PROJECT / "python/examples/report.py").read_text().replace("sys.argv[1]", "'fleet.toml'"), tmp_path)
    assert re.search(r"1\.Demo +EURUSD +1 +-1\.75", done) and re.search(r"1\.Demo +done +1", done)


ALERT = {"id": "EURUSD-1", "action": "buy", "symbol": "EURUSD", "lots": 0.1, "price": 1.1}
TOKEN = "0123456789abcdef0123"


def test_the_webhook_publishes_each_alert_once_and_only_for_those_who_may(server, tmp_path, monkeypatch):
    from fastapi.testclient import TestClient

    monkeypatch.syspath_prepend(str(PROJECT / "python/examples"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("MT5REDIS_CONFIG", server.url)
    monkeypatch.setenv("WEBHOOK_SYMBOLS", "EURUSD,GOLD")
    import tradingview

    monkeypatch.setenv("WEBHOOK_TOKEN", "short")
    with pytest.raises(ConfigurationError, match="20 characters"), TestClient(tradingview.app):
        pass
    monkeypatch.setenv("WEBHOOK_TOKEN", TOKEN)
    with TestClient(tradingview.app, client=("52.89.214.238", 1)) as client:
        post = lambda **changed: client.post("/alert", json=ALERT | {"token": TOKEN} | changed)  # noqa: E731
        first, again = post(), post()
        assert (first.status_code, first.json()["repeated"], again.json()) == (200, False, first.json() | {"repeated": True})
        wrong = [{"token": "x"}, {"symbol": "DAX"}, {"lots": 5}, {"lots": -1}, {"action": "x"}]
        assert [post(**changed).status_code for changed in wrong] == [401, 422, 422, 422, 422]
        assert post(id="2", lots=0).status_code == 422  # the library refuses it
        assert post(action="sell").status_code == 409
        assert post(id="3", action="close", lots=0).status_code == 200
    monkeypatch.setenv("WEBHOOK_ALLOW", "10.0.0.0/8")
    with TestClient(tradingview.app, client=("52.89.214.238", 1)) as client:
        assert client.post("/alert", json=ALERT | {"token": TOKEN}).status_code == 403
    with Fleet.from_url(server.url) as fleet:
        signals = list(fleet.signals(["tradingview"], start="beginning", follow=False))
    assert [(signal.action, signal.symbol) for signal in signals] == [("buy", "EURUSD"), ("close", "EURUSD")]
