"""Sentinel, Cluster, TLS and users with just the permissions that they need."""

from __future__ import annotations

import asyncio
import shlex
import signal
import subprocess

import pytest
import redis
from servers import Server, free_port, until
from terminal import Terminal

from mt5redis import Fleet, Publisher, Refused, Unreachable, aio
from mt5redis.connections import classified


def some_of_everything(terminal):
    terminal.heartbeat()
    terminal.position(7)
    terminal.deal(1)
    terminal.signal()
    terminal.report("9.Demo", "00000000000000aa", 1)
    terminal.flush()


def reads(fleet, name="1.Demo"):
    """How much of what a terminal wrote is read."""
    kinds = (fleet.signals, fleet.reports, fleet.events)
    streams = [list(kind(start="beginning", follow=False, gaps="yield")) for kind in kinds]
    return [len(found) for found in (fleet.instances(), fleet.positions(), *streams, fleet.equity())]


@pytest.fixture
def sentinels(tmp_path):
    made = []

    def start(*arguments, **settings):
        made.append(Server(*arguments, **settings))
        return made[-1]

    quick = ("--repl-diskless-sync-delay", "0", "--min-replicas-to-write", "0")
    master = start(tmp_path / "master", *quick)
    replica = start(tmp_path / "replica", "--replicaof", "127.0.0.1", str(master.port), *quick)
    until(lambda: replica.client().info("replication")["master_link_status"] == "up", "the replica")
    sentinel_folder = tmp_path / "sentinel"
    sentinel_folder.mkdir()
    (sentinel_folder / "sentinel.conf").write_text(
        f"sentinel monitor main 127.0.0.1 {master.port} 1\n"
        "sentinel down-after-milliseconds main 300\nsentinel failover-timeout main 2000\n"
    )
    sentinel = start(sentinel_folder, program="redis-sentinel")
    until(lambda: sentinel.client().execute_command("SENTINEL", "REPLICAS", "main"), "the sentinel's replica")
    yield master, replica, sentinel
    for server in made:
        server.kill()


def test_a_reader_and_a_publisher_follow_a_failover(sentinels, tmp_path):
    master, replica, sentinel = sentinels
    url = f"redis-sentinel://127.0.0.1:1,127.0.0.1:{sentinel.port}/main"  # the first sentinel is away
    terminal = Terminal("1.Demo", url, tmp_path / "data")
    some_of_everything(terminal)
    with Fleet.from_url(url) as fleet:
        reader = fleet.signals(["1.Demo"], start="beginning")
        assert next(reader).sequence == 1 and reads(fleet) == [1, 1, 1, 1, 2, 1]
        until(lambda: replica.client().xlen("ss:{0}:1.Demo") == 1, "replication")
        master.kill()
        terminal.signal("SELL")
        assert until(lambda: reader.poll(0.5), "the signal after the failover").action == "sell"
        assert reads(fleet)[1:5] == [1, 2, 1, 2]
    terminal.close()
    wrong = Fleet.from_url(f"redis-sentinel://127.0.0.1:{sentinel.port}/other")
    with pytest.raises(Unreachable, match="knows no master other: check the name in the URL"):
        wrong.instances()


def test_events_that_only_the_old_master_had_come_once(sentinels, tmp_path):
    """The reader saw them there. The new master lacks them, so the library sends them again, under other ids."""
    master, replica, sentinel = sentinels
    url = f"redis-sentinel://127.0.0.1:{sentinel.port}/main"
    terminal = Terminal("1.Demo", url, tmp_path / "data")
    with Fleet.from_url(url) as fleet:
        reader = fleet.events(["1.Demo"], start="beginning")
        terminal.position(1)
        terminal.flush()
        until(lambda: replica.client().xlen("te:{1.Demo}") == 1, "replication")
        replica.process.send_signal(signal.SIGSTOP)
        for position in (2, 3, 4):
            terminal.position(position)
            terminal.deal(position)
        terminal.flush()
        told = [reader.poll(10) for _ in range(7)]
        master.kill()
        replica.process.send_signal(signal.SIGCONT)
        terminal.position(5)
        told.append(until(lambda: reader.poll(0.5), "the event after the failover"))
        terminal.flush()
        assert reader.poll(0) is None and fleet.unreadable == 0
        assert replica.client().xlen("te:{1.Demo}") == 8, "the new master has all"
        assert [one.sequence for one in told] == list(range(told[0].sequence, told[0].sequence + 8))
        assert [one.sequence for one in fleet.events(["1.Demo"], start="beginning", follow=False)] == [one.sequence for one in told]
    terminal.close()


def test_a_sentinel_cannot_send_us_anywhere(server, sentinels, tmp_path):
    _, _, sentinel = sentinels
    sentinel.client().execute_command("SENTINEL", "REMOVE", "main")
    sentinel.client().execute_command("SENTINEL", "MONITOR", "main", "127.0.0.2", server.port, "1")
    with pytest.raises(Unreachable, match="which is at no sentinel's host: list it in `masters`"):
        Fleet.from_url(f"redis-sentinel://127.0.0.1:{sentinel.port}/main").instances()
    (tmp_path / "site.toml").write_text(
        f'url = "redis-sentinel://127.0.0.1:{sentinel.port}/main"\nmasters = ["127.0.0.2:{server.port}"]\n'
    )
    with pytest.raises(Unreachable, match=f"127.0.0.2:{server.port} cannot be reached"):  # it listens on 127.0.0.1 alone
        Fleet.from_toml(tmp_path / "site.toml").instances()


@pytest.fixture
def cluster(tmp_path):
    nodes = [Server(tmp_path / f"node{n}", "--cluster-enabled", "yes") for n in range(3)]
    addresses = [f"127.0.0.1:{node.port}" for node in nodes]
    subprocess.run(["redis-cli", "--cluster", "create", *addresses, "--cluster-yes"], check=True, stdout=subprocess.DEVNULL)
    until(lambda: all(node.client().cluster("info")["cluster_state"] == "ok" for node in nodes), "the Cluster")
    yield nodes
    for node in nodes:
        node.kill()


@pytest.mark.parametrize(
    ("text", "kind"), [("ASK 7 a:1", "AskError"), ("MOVED 7 a:1", "MovedError"), ("CLUSTERDOWN x", "ClusterDownError"),
                       ("TRYAGAIN x", "TryAgainError"), ("MASTERDOWN x", "MasterDownError"), ("ERR x", "ResponseError")]
)  # fmt: skip
def test_errors_of_a_cluster_have_their_class_with_every_redis_py(text, kind):
    found = classified(redis.ResponseError(text))
    assert type(found).__name__ == kind and getattr(found, "port", 1) == 1
    moved = redis.exceptions.MovedError("7 a:1")  # as later ones have it
    assert classified(moved) is moved


def move_slot(nodes, slot):
    ids = [node.client().cluster("myid") for node in nodes]
    owner = next(at for at, node in enumerate(nodes) if node.client().execute_command("CLUSTER", "COUNTKEYSINSLOT", slot) > 0)
    other = (owner + 1) % len(nodes)
    source, target = redis.Redis(port=nodes[owner].port), redis.Redis(port=nodes[other].port)
    target.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[owner])
    source.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[other])
    for key in source.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100):
        source.execute_command("MIGRATE", "127.0.0.1", nodes[other].port, key, 0, 5000)
    yield "halfway"
    for client in (target, source):
        client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[other])
    yield "moved"


def test_a_cluster_is_read_whole_also_while_a_slot_moves(cluster, tmp_path):
    url = f"redis-cluster://127.0.0.1:1,127.0.0.1:{cluster[0].port}"  # the first node is away
    terminals = [Terminal(f"{n}.Demo", url, tmp_path / f"{n}") for n in range(6)]
    for terminal in terminals:
        some_of_everything(terminal)
    with Fleet.from_url(url) as fleet, Publisher("strategy-1", url, folder=tmp_path / "publisher") as publisher:
        assert reads(fleet) == [6, 6, 6, 6, 12, 6]
        from mt5redis import keys

        for _ in move_slot(cluster, keys.slot("is:{3.Demo}")):
            assert len(fleet.instances()) == 6 and len(fleet.positions()) == 6
        reader = fleet.signals()
        assert reader.poll() is None
        sent = publisher.buy("EURUSD", 0.1)
        assert until(lambda: reader.poll(0.5), "the signal").key == sent.key
        worker = fleet.worker("book", "one")
        seen = []
        while len(seen) < 7:
            with worker.poll(10) as given:
                seen.append(given.key)
        assert len(set(seen)) == 7

    async def read():
        async with aio.Fleet.from_url(url) as other:
            return len(await other.instances()), len(await other.positions())

    assert asyncio.run(read()) == (6, 6)
    for terminal in terminals:
        terminal.close()


def test_tls_checks_the_certificate_and_its_name(tmp_path):
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, cwd=tmp_path, stderr=subprocess.DEVNULL)

    for name in ("ca", "other"):
        openssl(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}"
        )
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "request", "-subj", "/CN=localhost")
    (tmp_path / "names").write_text("subjectAltName=DNS:localhost")
    openssl(
        "x509",
        "-req",
        "-in",
        "request",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-out",
        "cert.pem",
        "-extfile",
        "names",
    )
    files = [
        f"--tls-{name}-file {tmp_path}/{path}" for name, path in [("cert", "cert.pem"), ("key", "key.pem"), ("ca-cert", "ca.pem")]
    ]
    plain = Server(tmp_path / "redis", *" ".join(files).split(), "--tls-port", "0")
    with_tls = redis.Redis(port=plain.port)
    port = free_port()
    with_tls.config_set("tls-port", port)
    site = tmp_path / "site.toml"
    text = f'url = "rediss://localhost:{port}"\ntls_ca = "ca.pem"\ntls_certificate = "cert.pem"\ntls_key = "key.pem"\n'
    site.write_text(text)
    terminal = Terminal("1.Demo", site, tmp_path)
    some_of_everything(terminal)
    with Fleet.from_toml(site) as fleet:
        assert reads(fleet) == [1, 1, 1, 1, 2, 1]

    async def read():
        async with aio.Fleet.from_toml(site) as other:
            return len(await other.instances())

    assert asyncio.run(read()) == 1
    for wrong in (text.replace("ca.pem", "other.pem"), text.replace("localhost", "127.0.0.1")):
        site.write_text(wrong)
        with pytest.raises(Unreachable, match="(?i)certificate"):
            Fleet.from_toml(site).instances()
    terminal.close()
    plain.kill()


def test_users_need_no_more_than_mt5fleet_gives_them(own_server, tmp_path):
    from conftest import TARGET

    mt5fleet = TARGET / "debug/mt5fleet"
    if not mt5fleet.exists():
        pytest.fail(f"{mt5fleet} is missing: cargo build --workspace makes it")
    (tmp_path / "password").write_text("secret\n")
    roles = ["--instance", "strategy-1", "--worker", "--operator", "--doctor"]
    lines = subprocess.run(
        [mt5fleet, "acl", *roles, "--password-file", tmp_path / "password"], check=True, capture_output=True, text=True
    )
    client = own_server.client()
    for line in lines.stdout.splitlines():
        if line.startswith("ACL "):
            client.execute_command(*shlex.split(line))
    some_of_everything(Terminal("1.Demo", own_server.url, tmp_path / "data"))

    def as_(user):
        return Fleet.from_url(own_server.url.replace("//", f"//{user}:secret@"))

    assert reads(as_("doctor")) == [1, 1, 1, 1, 2, 1]
    assert not as_("operator").halt("news", who="anna", wait=0)
    with as_("worker").worker("book", "one").poll(10) as given:
        assert given.source == "1.Demo"
    with Publisher("strategy-1", own_server.url.replace("//", "//strategy-1:secret@"), folder=tmp_path / "journal") as publisher:
        publisher.buy("EURUSD", 0.1)
        publisher.flush(20)
    for call in (lambda: as_("doctor").halt("news", who="anna", wait=0), lambda: as_("operator").positions()):
        with pytest.raises(Refused, match="mt5fleet acl"):
            call()
    with pytest.raises(Refused, match="does not let us in.*Check user and password"):
        Fleet.from_url(own_server.url.replace("//", "//doctor:wrong@")).instances()
