"""The fields on the wire (`docs/wire-format.md`), in their order: name, attribute of the record, kind. A test compares them
with that page."""

from __future__ import annotations

from typing import NamedTuple

SCHEMA = 2


class Field(NamedTuple):
    """A field of a record."""

    wire: str
    attribute: str
    kind: str
    """A key of `decoding.KINDS`, or a table of `decoding.LETTERS`."""


def _table(text: str) -> tuple[Field, ...]:
    return tuple(Field(*line.split()) for line in text.strip().splitlines())


INSTANCE = _table("""
v schema integer
p producer text
q sequence integer
t time time
o server_offset seconds
lg login integer
sv server text
co company text
cu currency text
ac account AccountKind
ba balance number
eq equity number
mg margin number
mf margin_free number
ml margin_level number?
pr profit number
cr credit number
le leverage integer
cn connected truth
at terminal_trade truth
et expert_trade truth
aa account_trade truth
ae account_expert truth
hd hedging truth
vp virtual_hosting truth
pi ping microseconds
po positions integer
or orders integer
bu build integer
iv interval milliseconds?
tw trades_waiting integer
sw signals_waiting integer
rf refused integer
ag agent text
th pressure Pressure
ta trades_accepted integer
sa signals_accepted integer
tl trade_latency microseconds
sl signal_latency microseconds
fo following Following
ck clock_ahead milliseconds
ha halted HaltLevel
jp journal_percent integer
""")

POSITION = _table("""
v schema integer
p producer text
q sequence integer
t time time
o server_offset seconds
e event Happened
st state PositionState
sy symbol text
sd side Side
vo volume number
vc volume_closed number
po price_open number
pc price_current number
px price_close number?
sl stop_loss number?
tp take_profit number?
pr profit number
sw swap number
cm commission number
mg magic integer
ti ticket integer
to opened time?
tc closed time?
dg digits integer
co comment text
""")

GONE = _table("""
v schema integer
p producer text
q sequence integer
t time time
e event Happened
st state PositionState
tc closed time?
""")

_TOLD = _table("""
id position integer
pq previous integer
""")

POSITION_EVENT = POSITION + _TOLD

GONE_EVENT = GONE + _TOLD

DEAL = _table("""
v schema integer
p producer text
q sequence integer
t time time
o server_offset seconds
e event letter
id position integer
pq previous integer
de deal integer
or order integer
ki kind DealKind
en entry DealEntry
sy symbol text
vo volume number
px price number
pr profit number
sw swap number
cm commission number
mg magic integer
dg digits integer
co comment text
""")

SIGNAL = _table("""
v schema integer
p producer text
q sequence integer
t time time
o server_offset seconds
i source text
a action Action
sy symbol text
vo volume number
pr price number?
sl stop_loss number?
tp take_profit number?
mg magic integer
po position integer
ex expires time?
co comment text
pq previous integer
ev event SignalEvent
vb volume_before number
va volume_after number
pe entry_price number
sd side Side
ot order_kind OrderKind
fd found truth
""")

SIGNAL_LEAST = 17
"""A signal that does not say what happened ends with `pq`."""

REPORT = _table("""
v schema integer
p producer text
q sequence integer
t time time
o server_offset seconds
i follower text
so source text
sp signal_producer text
sq signal_sequence integer
st signal_time time?
a action Action
oc outcome Outcome
rc retcode integer
re reason text
sy symbol text
vw volume_wanted number
vd volume_done number
pw price_wanted number?
pf price_filled number?
sg slippage number
la latency milliseconds?
mg magic integer
po position integer
or order integer
de deal integer
dg digits integer
pq previous integer
""")
