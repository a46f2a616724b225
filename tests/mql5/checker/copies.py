"""Which positions a follower must hold, from the trades of its sources and its inputs.

Nothing here comes from the Expert Advisors. The rules are those of docs/mql5.md and docs/reading.md:

- Each opening that is followed adds what the source holds and no earlier signal stated, and what that means here. So an
  opening that was lost is made good by the next one, because prices stay the same here. A close leaves the copy the same
  part that the source keeps. What ends the position ends its copy; what turns it ends the copy, and opens what the source
  holds then.
- The total of a position is rounded: an opening down, a close to the nearest, of two the smaller.
- What is too small for an order counts in the next opening: the trade server never sees it, and cannot refuse it.
- What is too old, or costs too much more than at the source, is not opened; it is closed at any age. What was lost is not
  known. With the next signal, whatever it says, the follower sees the gap. Then it goes on, or only closes until a person
  clears the guard, or closes what it copied of this source and goes on.
- A change of stops states the volume, too: what was missed until then is not opened later.

Volumes are fractions of a lot.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import floor


@dataclass
class Event:
    """A trade of a source: the signed volume of a position before and after it."""

    source: str
    position: str
    symbol: str
    before: Fraction
    after: Fraction

    @property
    def opens(self):
        """It opens or increases."""
        return self.before * self.after >= 0 and abs(self.after) > abs(self.before)

    @property
    def turns(self):
        return self.before * self.after < 0


@dataclass
class Fate:
    """How an event comes to a follower."""

    late: bool = False  # too old for an opening, or the price has moved away
    lost: bool = False
    refused: bool = False  # the trade server refuses its order
    available: Fraction | None = None  # the trade server opens no more than this


@dataclass
class Broker:
    """A symbol at the follower's broker."""

    name: str
    least: Fraction = Fraction(1, 100)
    step: Fraction = Fraction(1, 100)
    most: Fraction = Fraction(100)

    def down(self, lots):
        lots = floor(lots / self.step) * self.step
        return lots if lots >= self.least else Fraction(0)

    def near(self, lots):
        if lots < self.least:
            return self.least if lots * 2 > self.least else Fraction(0)
        below = floor(lots / self.step) * self.step
        return below + self.step if (lots - below) * 2 > self.step else below


@dataclass
class Copy:
    symbol: str
    buy: bool
    theirs: Fraction = Fraction(0)  # what the source holds of what was followed
    wanted: Fraction = Fraction(0)  # what that is here, before rounding
    held: Fraction = Fraction(0)
    even: bool = True  # each of its openings is the same multiple of the source's


class Follower:
    """`brokers`: the symbols by the source's names; `after_gap`: goes on (0), only closes (1), or closes its copies (2)."""

    def __init__(self, hedging, factor, most, brokers, after_gap=1):
        self.hedging, self.factor, self.most, self.brokers, self.after_gap = hedging, factor, most, brokers, after_gap
        self.copies = {}  # by source and position
        self.stated = {}  # what the last signal that came said of a position
        self.gaps = set()  # sources whose next signal follows a gap
        self.only_closes = False

    def clear_guards(self):
        self.only_closes = False

    def hear(self, source):
        """A signal of this source comes."""
        if source in self.gaps:
            self.gaps.remove(source)
            self.gap(source)

    def change(self, source, position, volume):
        """The stops of a position change."""
        self.hear(source)
        self.stated[source, position] = volume

    def take(self, event, fate):
        if fate.lost:
            self.gaps.add(event.source)
            return
        self.hear(event.source)
        key = event.source, event.position
        if key in self.copies and event.after and self.copies[key].buy != ((event.before or event.after) > 0):
            del self.copies[key]  # the signal that turned it was lost
        follows = not (fate.late or self.only_closes)
        known, self.stated[key] = self.stated.get(key, 0), event.after
        if event.opens:
            if follows:
                known = abs(known) if known * event.after > 0 else 0
                self.open(key, event, abs(event.after) - max(known, self.copies[key].theirs if key in self.copies else 0), fate)
        elif event.after == 0:
            self.copies.pop(key, None)
        elif event.turns:
            self.copies.pop(key, None)
            if follows:
                self.open(key, event, abs(event.after), fate)
        elif key in self.copies:
            self.reduce(self.copies[key], abs(event.after))

    def gap(self, source):
        if self.after_gap == 1:
            self.only_closes = True
        if self.after_gap == 2:
            self.copies = {key: copy for key, copy in self.copies.items() if key[0] != source}

    def open(self, key, event, lots, fate):
        broker = self.brokers[event.symbol]
        copy = self.copies.get(key) or Copy(event.symbol, event.after > 0)
        ours = min(lots * self.factor, self.most, broker.most)
        asked = broker.down(broker.down(copy.wanted + ours) - copy.held)
        asked = min(asked, broker.down(min(self.most, broker.most)))
        if asked and fate.refused:
            return
        self.copies[key] = copy
        filled = asked if fate.available is None else min(asked, fate.available)
        ours -= asked - filled
        copy.even = copy.even and copy.wanted * lots == ours * copy.theirs
        copy.theirs, copy.wanted, copy.held = copy.theirs + lots, copy.wanted + ours, copy.held + filled

    def reduce(self, copy, left):
        """The source holds so much now. If it closes more than we know of, its other openings were not followed."""
        if left < copy.theirs:
            copy.wanted *= left / copy.theirs
            copy.theirs = left
        broker = self.brokers[copy.symbol]
        cut = copy.held - (broker.near(copy.wanted) if copy.theirs else 0)
        if cut >= broker.least or cut == copy.held:
            copy.held -= max(cut, 0)

    def holdings(self):
        """What the account holds, as the scenario player says it."""
        sums = {}
        for copy in self.copies.values():
            name, sign = self.brokers[copy.symbol].name, 1 if copy.buy else -1
            key = name, sign if self.hedging else 0
            sums[key] = sums.get(key, 0) + sign * copy.held
        sides = sorted((name, "buy" if lots > 0 else "sell", abs(lots)) for (name, _), lots in sums.items() if lots)
        return ", ".join(f"{name} {side} {float(lots):.2f}" for name, side, lots in sides) or "nothing"
