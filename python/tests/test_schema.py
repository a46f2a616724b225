"""What the package believes about the wire, the configuration and the C ABI is what the documents and the header say."""

from __future__ import annotations

import ctypes
import re
from dataclasses import fields

from header import PROJECT, constants, struct

import mt5redis
from mt5redis import configuration, decoding, equity, keys, library, publishing, records, schema

PAGE = (PROJECT / "docs/wire-format.md").read_text()


def documented(heading):
    """Name, type and unit of each field of the tables below a heading."""
    section = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    text = next(part for part in section if part.startswith(heading))
    tables = re.split(r"^\| field \| type \| unit \| meaning \|$", text, flags=re.MULTILINE)[1:]
    return [re.findall(r"^\| `(\w+)` \| (\w+) \|([^|]*)\|", table.split("\n\n")[0], re.MULTILINE) for table in tables]


UNITS = {"ms": ("time", "milliseconds"), "s": ("seconds",), "µs": ("microseconds",)}


def agrees(kind, word, unit):
    kind = kind.rstrip("?")
    if unit.strip() in UNITS:
        return kind in UNITS[unit.strip()]
    if kind in decoding.LETTERS:
        return word in ("letter", "integer")
    return kind == word or (word == "integer" and kind == "truth")  # fd


def test_the_tables_are_those_of_the_page():
    (instance,), (position, gone), (told, deal) = map(documented, ("`is:{I}`", "`ts:{I}:", "`te:{I}`"))
    (signal,), (report,) = map(documented, ("`ss:{k}:I`", "`sr:{k}:F`"))
    pairs = [
        (schema.INSTANCE, instance),
        (schema.POSITION, position),
        (schema.GONE, gone),
        (schema.POSITION_EVENT, position + told),
        (schema.GONE_EVENT, gone + told),
        (schema.DEAL, deal),
        (schema.SIGNAL, signal),
        (schema.REPORT, report),
    ]
    for table, page in pairs:
        assert [field.wire for field in table] == [name for name, _, _ in page]
        for field, (_, word, unit) in zip(table, page):
            assert agrees(field.kind, word, unit), (field, word, unit)
    assert f"schema {schema.SCHEMA}" in PAGE.splitlines()[0]
    assert schema.SIGNAL[schema.SIGNAL_LEAST - 1].wire == "pq" and schema.SIGNAL[schema.SIGNAL_LEAST].wire == "ev"


def test_the_letters_and_numbers_of_words_are_those_of_the_page():
    """A cell says `o` open, or 1 open; the words are the page's own, so only their signs are compared."""
    for table, heading, which in [
        (schema.POSITION, "`ts:{I}:", 0),
        (schema.DEAL, "`te:{I}`", 1),
        (schema.SIGNAL, "`ss:{k}:I`", 0),
        (schema.REPORT, "`sr:{k}:F`", 0),
    ]:
        section = next(part for part in re.split(r"^## ", PAGE, flags=re.MULTILINE) if part.startswith(heading))
        rows = re.split(r"^\| field \| type \| unit \| meaning \|$", section, flags=re.MULTILINE)[1 + which]
        for field in table:
            if field.kind in decoding.LETTERS and field.kind != "letter":
                row = re.search(rf"^\| `{field.wire}` \|.*$", rows, re.MULTILINE)[0]
                meaning = row.split("|")[4]
                signs = re.findall(r"`(\w)` ", meaning) or re.findall(
                    r"(?:^|[:,;.] |placed, )(?:of a pending order )?(\d+) ", meaning
                )
                known = {str(wire) for wire in decoding.LETTERS[field.kind] if not isinstance(wire, bytes)}
                assert known - {"0"} == set(signs) - {"0"}, (field, signs)


def test_the_keys_are_those_of_the_page():
    ours = {
        keys.state("I"), keys.halt("I"), keys.halt(None), keys.INSTANCE_LIST, keys.trade("I", "<position>"), keys.open_trades("I"),
        keys.closed_trades("I"), keys.events("I"), keys.equity("I"), keys.signals("k", "I"), keys.sources("k"),
        keys.reports("k", "F"), keys.dead_letters("k"), keys.acknowledged("k", "I", "G"),
    }  # fmt: skip
    assert ours <= set(re.findall(r"^\| `([^`]+)` \| (?:hash|set|sorted set|stream|string) \|", PAGE, re.MULTILINE))


def test_the_history_of_equity_has_the_layout_of_the_page():
    section = PAGE[PAGE.index("## `ih:{I}`") :]
    numbers = {int(number.replace(",", "")) for number in re.findall(r"\b\d{1,2},\d{3}\b|\b\d{4}\b", section.split("```")[0])}
    assert {equity.LENGTH, equity.MINUTES, equity.HOURS, equity.MINUTES * 9 - 1} <= numbers
    assert "number of this layout, 1 " in section and equity.LAYOUT == 1
    assert (equity.unit(1), equity.unit(19), equity.unit(27)) == (1e-8, 0.01, 5.0)


def test_each_field_has_an_attribute_in_the_order_of_the_class():
    for table, record, before in [
        (schema.INSTANCE, records.Instance, ["instance"]),
        (schema.POSITION, records.Position, ["instance", "position"]),
        (schema.GONE_EVENT, records.PositionGone, ["instance", "id"]),
        (schema.DEAL, records.Deal, ["instance", "id"]),
        (schema.SIGNAL, records.Signal, ["id"]),
        (schema.REPORT, records.Report, ["id"]),
    ]:
        names = [field.attribute for field in table if field.attribute != "schema" and field.kind != "letter"]
        assert [field.name for field in fields(record) if field.name != "retried"] == before + names, record


def test_the_structs_and_numbers_are_those_of_the_header():
    theirs = struct("mt5redis_signal_t")
    assert library.SignalStruct._fields_ == theirs._fields_
    sizes = [ctypes.sizeof(struct(f"mt5redis_{name}_t")) for name in ("instance", "trade")]
    assert sizes == [library.INSTANCE_SIZE, library.TRADE_SIZE]
    named = constants("MT5REDIS_")
    assert named["MT5REDIS_ABI_VERSION"] == library.ABI_VERSION and named["MT5REDIS_LANE_RTSS"] == library.RTSS
    assert (named["MT5REDIS_ERR_TIMEOUT"], named["MT5REDIS_HEARTBEATS_WAIT"]) == (library.ERR_TIMEOUT, library.HEARTBEATS_WAIT)
    for action, code in publishing.CODES.items():
        assert named[f"MT5REDIS_ACTION_{action.name}"] == code
    for level, word in enumerate(mt5redis.HaltLevel):
        assert named[f"MT5REDIS_HALT_{word.name}"] == level


def test_every_key_of_the_configuration_is_known():
    page = (PROJECT / "docs/configuration.md").read_text()
    # Only mt5fleet reads that table.
    page = re.sub(r"### `\[alerts\]`.*?\nA whole file", "", page, flags=re.DOTALL)
    known = {key for table in configuration.KNOWN.values() for key in table}
    listed = {name for row in re.findall(r"^\| (`[^|]*) \|", page, re.MULTILINE) for name in re.findall(r"`([a-z_]+)`", row)}
    assert listed - known - {"redis", "valkey", "valkeys"} == set()
    assert len(listed) >= 30


def test_every_public_name_is_documented():
    for name in mt5redis.__all__:
        assert getattr(mt5redis, name).__doc__, name
