"""A remote order from end to end: a strategy in Python, the library, Redis, and SignalFollower in the stand-in terminal under Wine.

Each of them is killed and started again. Each order must open one position, with one report. With MT5REDIS_LONG=yes that is at
every step of an order.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest
from conftest import PROJECT, TARGET
from servers import until

from mt5redis import Fleet

LOGIN = 9_800_001
FOLLOWER = f"{LOGIN}.Demo-Server"
ATTACH = "attach SignalFollower InpInstances=strategy-1 InpDryRun=0 InpMaxAgeMs=0 InpMaxOrdersPerMinute=0 InpMaxLots=100"
# Who dies, and where. The follower: before the signal, or at its n-th effect that outlives it (a line of its file, an order, a
# report, an acknowledgement). The strategy: before and after the library accepts, once Redis has it, or while it
# waits for the report.
EACH = [
    ("nobody", ""),
    *(("strategy", step) for step in ("before", "after", "committed", "waiting")),
    *(("redis", step) for step in ("before", "after", "executed")),
    # Not at effect 1, the note that an order will be sent: then nobody knows whether it was. It is not sent again, and reported
    # as unknown (tests/mql5/scenarios/follower_restart.txt).
    *(("follower", effect) for effect in (0, 2, 3, 4, 5)),
]
SOME = [("nobody", ""), ("strategy", "after"), ("redis", "after"), ("follower", 2)]
CASES = EACH if os.environ.get("MT5REDIS_LONG") == "yes" else SOME

STRATEGY = """
import os, sys
import mt5redis
from mt5redis.library import Library
url, folder, number, crash, follower = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5]
publisher = mt5redis.Publisher("strategy-1", url, folder=folder)
call = Library.call
def dies(self, name, *rest):
    if name == "mt5redis_signal" and crash == "before":
        os._exit(9)
    result = call(self, name, *rest)
    if name == "mt5redis_signal" and crash == "after":
        os._exit(9)
    return result
Library.call = dies
sent = publisher.buy("EURUSD", number / 100, position=number, key=f"order-{number}")
print("sent", flush=True)
if crash:
    publisher.flush(30)
if crash == "committed":
    os._exit(9)
if crash == "waiting":
    list(publisher.reports(sent, timeout=0.2))
    os._exit(9)
for report in publisher.reports(sent, timeout=40, followers=[follower]):
    print(report.outcome, report.volume_done, report.position, flush=True)
"""


def scenario():
    lines = [f"account login={LOGIN} balance=1000000 hedging=1", "symbol EURUSD bid=1.10000 ask=1.10010", ATTACH]
    for number, (victim, step) in enumerate(CASES, 1):
        lines.append(f"# {victim} dies: {step}")
        if victim == "follower":
            if step == 0:
                lines += ["kill", ATTACH]
            else:
                lines += [f"crash {step}", f"redis SET go {number}", f"until positions count={number}"]
                lines += [
                    f"until followed follower={FOLLOWER} sources=strategy-1",
                    "wait 500",
                    "kill",
                    f"redis DEL fl:{{{FOLLOWER}}}",
                    ATTACH,
                ]
        lines += [f"redis SET go {number}", f"until positions count={number}", f"until positions volume={number / 100}"]
        lines += [f"until followed follower={FOLLOWER} sources=strategy-1", "wait 500", f"answers {number} GET done"]
    lines += [f"expect positions volume={number / 100} count=1" for number in range(1, len(CASES) + 1)]
    return "\n".join([*lines, f"expect positions count={len(CASES)}", "detach SignalFollower"]) + "\n"


class Strategy:
    """Starts the strategy for each order that the scenario asks for, and again when it died."""

    def __init__(self, server, folder):
        self.server, self.folder, self.failure = server, folder, None
        self.ended = threading.Event()

    def run(self):
        try:
            for number, (victim, step) in enumerate(CASES, 1):
                until_go(self.server, number, self.ended)
                if self.ended.is_set():
                    return
                self.order(number, victim, step)
                self.server.client().set("done", number)
        except BaseException as error:
            self.failure = error

    def order(self, number, victim, step):
        if victim == "strategy":
            assert self.start(number, step).wait(60) == 9
        if victim == "redis" and step == "before":
            self.server.kill()
        strategy = self.start(number, "")
        assert strategy.stdout.readline() == "sent\n"
        if victim == "redis":
            if step == "executed":
                with Fleet.from_url(self.server.url) as fleet:
                    until(lambda: len(list(fleet.reports(start="beginning", follow=False))) >= number, "the report")
            if step != "before":
                self.server.kill()
            time.sleep(0.3)  # so long it is away
            assert self.server.start()
        lines = strategy.communicate(timeout=60)[0].splitlines()
        assert len(lines) == 1 and lines[0].startswith(f"done {number / 100} "), (number, victim, step, lines)

    def start(self, number, crash):
        command = [sys.executable, "-c", STRATEGY, self.server.url, str(self.folder), str(number), crash, FOLLOWER]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)


def until_go(server, number, ended):
    deadline = time.monotonic() + 120
    while not ended.is_set() and server.client().get("go") != str(number):
        assert time.monotonic() < deadline, f"the scenario does not come to order {number}"
        time.sleep(0.02)


@pytest.mark.skipif(os.environ.get("MT5REDIS_WINDOWS") == "no", reason="without the Windows DLL")
def test_each_order_opens_one_position_and_has_one_report_whoever_dies_at_whatever_step(own_server, tmp_path):
    path = tmp_path / "remote_order.txt"
    path.write_text(scenario())
    strategy = Strategy(own_server, tmp_path / "strategy")
    thread = threading.Thread(target=strategy.run)
    thread.start()
    command = [sys.executable, "-B", str(PROJECT / "tests/mql5/run.py"), "scenarios", str(path), "--redis", str(own_server.port)]
    dll = os.environ.get("MT5REDIS_DLL", TARGET / "x86_64-win7-windows-gnu/release/mt5_redis.dll")
    # Into a file: Wine's background processes would keep a pipe open.
    output = tmp_path / "played"
    try:
        with output.open("w") as file:
            played = subprocess.run([*command, "--library", str(dll)], stdout=file, stderr=file, timeout=600)
    finally:
        strategy.ended.set()
        thread.join(60)
    if strategy.failure is not None:
        raise AssertionError(f"{strategy.failure}\n{output.read_text()[-3000:]}") from strategy.failure
    assert played.returncode == 0, output.read_text()[-4000:]
    with Fleet.from_url(own_server.url) as fleet:
        signals = list(fleet.signals(["strategy-1"], start="beginning", follow=False))
        reports = list(fleet.reports([FOLLOWER], start="beginning", follow=False))
    assert [signal.position for signal in signals] == list(range(1, len(CASES) + 1))
    assert {report.signal_key for report in reports} == {signal.key for signal in signals}
    assert all(report.outcome == "done" for report in reports)
