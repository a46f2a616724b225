"""The project's TOML file and URLs, and what each mistake is answered with."""

from __future__ import annotations

import re

import pytest
from header import PROJECT

from mt5redis import Configuration, ConfigurationError
from mt5redis.endpoint import Address, Endpoint, Identity, Tls


@pytest.fixture
def read(tmp_path):
    def of(text, encoding="utf-8"):
        path = tmp_path / "site.toml"
        path.write_bytes(text.encode(encoding))
        return Configuration.of_file(path)

    return of


def test_the_table_of_mt5fleet_is_passed_over(read):
    config = read('url = "redis://a:1"\n[alerts]\nquiet = "22:00-07:00"\n[alerts.sinks.a]\nkind = "command"\n')
    assert config.rts.addresses == Endpoint.parse("redis://a:1").addresses


def test_the_whole_file_of_the_page_is_read(read, tmp_path):
    text = (PROJECT / "docs/configuration.md").read_text().split("A whole file, with every key in its place:")[1]
    for name, content in [("sentinels.password", "watch\n"), ("redis.secret", "hunter2 \r\n"), ("ca.pem", "")]:
        (tmp_path / name).write_text(content)
    config = read(re.search(r"```toml\n(.*?)```", text, re.DOTALL)[1])
    assert str(config.rts) == "rts at the sentinels 10.0.0.1:26379, 10.0.0.2:26379, 10.0.0.3:26379"
    assert config.rts.identity == Identity("5012345.Demo-Server", "hunter2")
    assert config.rts.sentinel_identity == Identity("bridge", "watch")
    assert (config.rts.tls, config.rts.connect_timeout, config.shards) == (Tls(tmp_path / "ca.pem"), 1.0, 1)
    assert "hunter2" not in repr(config)


def test_each_lane_may_be_of_another_kind(read, monkeypatch):
    monkeypatch.setenv("SECRET", "p$${x}")
    config = read("""
        username = "ea"
        password = "${SECRET}-$${x"
        masters = ["m1", "m2:7000"]
        [ris]
        url = "redis://10.0.0.1:6390"
        reply_timeout = "1s 500ms"
        [rts]
        url = "redis-sentinel://s1,s2:7000/mt5-rts/2"
        [rtss]
        url = "valkeys-cluster://n1:7001,[::1]"
        """)
    assert (str(config.ris), config.ris.identity.password, config.ris.reply_timeout) == ("10.0.0.1:6390", "p$${x}-${x", 1.5)
    assert (config.rts.masters, config.rts.database) == ((Address("m1", 0), Address("m2", 7000)), 2)
    assert (config.rtss.tls, config.shards, str(config.rtss)) == (Tls(), 16, "the Cluster at n1:7001, [::1]:6379")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_may_be_as_windows_writes_it(read, encoding):
    assert read("url = 'redis://größer'\r\n".replace("größer", "a"), encoding).ris.addresses == (Address("a", 6379),)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x = 1", "site.toml:1: x is unknown here: the keys here are url, masters"),
        ("\n[ris]\nretention = '1h'", "site.toml:3: ris.retention is unknown here: it belongs in [rts] or [rtss]"),
        ("rts = 1", "site.toml:1: rts is not a table: write [rts]"),
        ("url = 'http://ea:hunter2@a'", "site.toml:1: url is not a redis:// URL"),
        ("url = 'redis://ea:hunter2@a/x'", "site.toml:1: url is malformed: write redis://user"),
        ("url = 'redis-sentinel://ea:hunter2@a'", "site.toml:1: url has no name of a master"),
        ("url = 'redis-cluster://ea:hunter2@a/1'", "site.toml:1: url is malformed: write redis-cluster://"),
        ("url = 'redis://ea:hunter2@a?x=1'", "site.toml:1: url has a query or a fragment"),
        ("url = 7", "site.toml:1: url is not a text"),
        ("password = 'a'\npassword_file = 'B'", "site.toml:2: password_file and password exclude each other"),
        ("username = 'a'\n[ris]\nurl = 'redis://:hunter2@c'", "site.toml:1: username and the user or password in the url exclude"),
        ("password_file = 'nowhere'", "site.toml:1: password_file = "),
        ("password = ''", "site.toml:1: password is empty"),
        ("password = '${NO_SUCH_VARIABLE}'", 'site.toml:1: password needs the environment variable "NO_SUCH_VARIABLE"'),
        ("password = '${X'", "site.toml:1: password has a ${ without a }"),
        ("tls_ca = 'ca.pem'", "site.toml:1: tls_ca has no meaning without TLS"),
        ("url = 'rediss://a'\ntls_ca = 'nowhere'", "site.toml:2: tls_ca = "),
        ("[rts]\nmasters = ['a']", "site.toml:2: rts.masters has no meaning here"),
        ("url = 'redis-sentinel://a/m'\nmasters = [7]", "site.toml:2: masters is not a list of addresses"),
        ("[rtss]\nshards = 0", "site.toml:2: rtss.shards = 0 is refused: write 1 to 4096"),
        ("[ris]\nreply_timeout = '2 parsecs'", "site.toml:2: ris.reply_timeout = '2 parsecs' is refused"),
        ("[journal]\nsync = 'never'", "site.toml:2: journal.sync = 'never' is refused"),
        ('[journal]\nfolder = "C:\\users"', "in single quotes"),
    ],
)
def test_each_mistake_is_answered_with_its_line_and_what_to_write(read, text, reason):
    with pytest.raises(ConfigurationError) as error:
        read(text)
    assert reason in str(error.value) and "hunter2" not in str(error.value)


def test_urls_have_their_forms():
    endpoint = Endpoint.parse("rediss-sentinel://ea:p%40ss@s1,s2:7000,[::1]/mt5-rts/2")
    assert [str(a) for a in endpoint.addresses] == ["s1:26379", "s2:7000", "[::1]:26379"]
    assert (endpoint.identity, endpoint.master, endpoint.database) == (Identity("ea", "p@ss"), "mt5-rts", 2)
    for url in ["localhost:6379", "redis+sentinel://a/b", "redis://a,b", "redis://a/-1", "redis://", "redis://0.0.0.0", "redis://a:0",
                "redis://ea:hunter2/@a", "redis-cluster://", "redis-cluster://a:1,b:x", "redis-sentinel://a,/m"]:  # fmt: skip
        with pytest.raises(ConfigurationError) as error:
            Endpoint.parse(url)
        assert "hunter2" not in str(error.value)
