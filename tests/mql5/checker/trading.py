"""What generated sources trade, and what each follower must hold after it, as copies.py says."""

import random
from collections import Counter
from fractions import Fraction

from .copies import Broker, Event, Fate, Follower

PRICES = {"EURUSD": "bid=1.1 ask=1.1001", "GBPUSD": "bid=1.3 ask=1.3001", "XAUUSD": "bid=2000 ask=2000.2 digits=2 contract=100"}
LIMIT_MS = 600_000  # what is found is older than this, everything else is not


def lots(hundredths):
    return Fraction(hundredths, 100)


class Source:
    def __init__(self, name, login, hedging):
        self.name, self.instance, self.hedging = name, f"{login}.Demo-Server", hedging
        self.open, self.away, self.orders = {}, {}, {}  # [symbol, signed hundredths] by name
        self.stops = {}  # of positions and orders, by name
        self.exact = True  # each change is a signal of its own
        self.made = self.told = 0


class Trading:
    """Sources that trade, and followers with their inputs and brokers."""

    def __init__(self, seed):
        self.seed, self.random, self.lines, self.facts = seed, random.Random(seed), [], Counter()
        chance = self.random.random
        self.kills = chance() < 0.25
        first = 1_000_000 + seed % 1_000_000 * 10
        self.sources = [Source(f"s{n}", first + n, chance() < 0.5) for n in range(1, 2 + (chance() < 0.25))]
        self.symbols = self.random.sample(list(PRICES), self.random.randint(1, 3))
        self.followers = {}
        self.trimmed = False
        for number in range(1, 2 + (chance() < 0.4)):
            self.follower(f"f{number}", first + 5 + number)

    def say(self, name, line):
        self.lines.append(f"@{name} {line}")

    def count(self, *facts):
        self.facts.update(facts)

    def pick(self, *choices):
        return self.random.choice(choices)

    def follower(self, name, login):
        """Inputs and broker of a follower."""
        brokers = {}
        for symbol in self.symbols:
            ours = self.pick(symbol, symbol, symbol + ".m")
            step = self.pick(1, 1, 1, 10)
            brokers[symbol] = Broker(ours, lots(step), lots(step), self.pick(lots(10000), lots(10000), lots(50)))
        model = Follower(self.random.random() < 0.5, Fraction(self.pick("1", "1", "0.5", "0.3", "2", "1.5")),
                         Fraction(self.pick("100", "100", "0.5")), brokers, self.pick(0, 1, 2))  # fmt: skip
        model.login, model.instance, model.limited = login, f"{login}.Demo-Server", self.random.random() < 0.5
        pairs = ",".join(f"{symbol}={broker.name}" for symbol, broker in brokers.items() if broker.name != symbol)
        model.attach = (f"attach SignalFollower InpInstances={','.join(source.instance for source in self.sources)} InpDryRun=0"
                        f" InpLotFactor={float(model.factor)} InpMaxLots={float(model.most)} InpSymbols={pairs or ','}"
                        f" InpMaxAgeMs={LIMIT_MS * model.limited} InpAfterGap={model.after_gap}")  # fmt: skip
        self.followers[name] = model
        modes = {True: "hedging", False: "netting"}
        self.count(*(f"accounts: {modes[source.hedging]} to {modes[model.hedging]}" for source in self.sources),
                   f"after a gap: {('goes on', 'only closes', 'closes')[model.after_gap]}",
                   f"age: {'limited' if model.limited else 'any'}", f"factor: {float(model.factor)}")  # fmt: skip

    def begin(self):
        for source in self.sources:
            self.say(source.name, f"account login={source.instance.split('.')[0]} balance=1000000000 hedging={int(source.hedging)}")
            for symbol in self.symbols:
                self.say(source.name, f"symbol {symbol} {PRICES[symbol]}")
            source.attach = "attach AccountPublisher" + " link=1" * (self.random.random() < 0.5)
        for name, model in self.followers.items():
            self.say(name, f"account login={model.login} balance=1000000000 hedging={int(model.hedging)}")
            for symbol, broker in model.brokers.items():
                self.say(name, f"symbol {broker.name} {PRICES[symbol]} volume_min={float(broker.least)}"
                               f" volume_step={float(broker.step)} volume_max={float(broker.most)}")  # fmt: skip
            self.say(name, model.attach)
            self.say(name, "wait 500")
        for source in self.sources:
            if self.random.random() < 0.15:
                self.count("round: open before the publisher's first start")
                for _ in range(self.random.randint(1, 2)):
                    self.open(source, found=True)
            self.say(source.name, source.attach)
            self.say(source.name, "published")
        self.followed()

    # What a source trades.

    def happens(self, source, name, symbol, before, after, found, fates=None):
        event = Event(source.instance, name, symbol, lots(before), lots(after))
        kind = ("turn" if event.turns else "close" if after == 0 else "open" if before == 0 else "increase" if event.opens
                else "partial close")  # fmt: skip
        self.count(f"event: {kind}", f"symbol: {symbol}")
        source.told += 1
        for follower, model in self.followers.items():
            fate = (fates or {}).get(follower) or Fate()
            fate.late = fate.late or (found and model.limited)
            model.take(event, fate)

    def price(self, symbol, buy):
        return PRICES[symbol].split()[buy].split("=")[1]

    def open(self, source, found=False, fates=None, pending=False):
        symbol, buy = self.random.choice(self.symbols), self.random.random() < 0.5
        if not source.hedging and any(symbol == other for other, _ in [*source.open.values(), *source.away.values()]):
            return False
        source.made += 1
        name, volume = f"p{source.made}", self.random.choice([1, 2, 3, 5, 7, 10, 10, 20, 33, 50, 80, 100, 123])
        what = f"symbol={symbol} side={('sell', 'buy')[buy]} volume={volume / 100}"
        if pending and not self.heard(source, found):
            return False
        if pending:
            source.orders[name] = symbol, buy, volume
            self.count("event: pending order")
            self.say(source.name, f"place {name} kind={self.pick('limit', 'stop')} price={self.price(symbol, buy)} {what}")
            return True
        source.open[name] = [symbol, volume if buy else -volume]
        self.say(source.name, f"open {name} price={self.price(symbol, buy)} {what}")
        self.happens(source, name, symbol, 0, source.open[name][1], found, fates)
        return True

    def clear(self, source, name, after):
        """Whether the rules say what each follower holds after this. Of a partial close they do not if a follower copies only a
        part of the position: whose part does the close mean?"""
        before = source.open[name][1]
        copies = [model.copies.get((source.instance, name)) for model in self.followers.values()]
        if before * after <= 0 or abs(after) >= abs(before):
            return True
        return all(copy is None or copy.even and not 0 < copy.theirs < lots(abs(before)) for copy in copies)

    def trade(self, source, found=False, fates=None):
        lost = any(fate.lost for fate in (fates or {}).values())
        there = list(source.open)
        deeds = ["open"] * 5 + ["place"] + (["close"] * 2 + ["part"] * 4 + ["modify", "swap"] if there else [])
        if lost:  # what a follower cannot know of its copies afterwards
            deeds = ["open", "close"] if there else ["open"]
        elif source.orders:
            deeds += ["fill"] * 2 + ["expire", "cancel", "change"]
        if there and not lost and not source.hedging:
            deeds += ["add"] * 4 + ["turn"] * 3
        if source.hedging and not lost and len(there) > 1:
            deeds += ["closeby"] * 3
        deed, name = self.random.choice(deeds), self.random.choice(there) if there else ""
        if deed in ("open", "place"):
            return self.open(source, found, fates, pending=deed == "place")
        if deed in ("fill", "expire", "cancel", "change"):
            return self.order(source, deed, found, lost)
        symbol, volume = source.open[name]
        sign, size = (1 if volume > 0 else -1), abs(volume)
        at = f"price={self.price(symbol, False)}"
        if deed == "close":
            deal, after = f"close {name} {at} reason={self.pick('client', 'sl', 'tp', 'so', 'expert')}", 0
        elif deed == "part":
            part = self.random.randint(1, max(1, size - 1))
            after = volume - sign * part
            deal = f"close {name} {at} volume={part / 100}"
        elif deed == "add":
            more = self.random.choice([1, 3, 10, 20, 45])
            deal, after = f"add {name} {at} volume={more / 100}", volume + sign * more
        elif deed == "turn":
            other = self.random.choice([1, 5, 20, 60])
            deal, after = f"reverse {name} {at} volume={other / 100}", -sign * other
        elif deed == "closeby":
            return self.close_by(source, name, found, lost)
        elif deed == "modify":
            middle = float(self.price(symbol, False))
            below, above = f"{middle * 0.9:.2f}", f"{middle * 1.1:.2f}"
            return self.modify(source, name, f"sl={below if sign > 0 else above} tp={above if sign > 0 else below}", found)
        else:
            self.count("event: rollover")
            self.say(source.name, f"swapout {name} {at} reason=rollover")
            self.say(source.name, f"swapin {name} {at} reason=rollover")
            return True
        if not self.clear(source, name, after):
            return False
        self.without_stops(source, name, after)
        self.say(source.name, deal)
        self.changed(source, name, after, found, fates)
        return True

    def without_stops(self, source, name, after):
        """The player keeps the stops of a position that turns, where no broker could: followers would wait for better ones."""
        if source.open[name][1] * after < 0:
            source.stops[name] = ""
            self.say(source.name, f"modify {name} sl=0 tp=0")

    def modify(self, source, name, stops, found):
        """Changes the stops. It is no signal of its own if another event comes before it is seen: then only what followers know
        anyway."""
        symbol, volume = source.open[name]
        told = source.exact and not found and source.stops.get(name, "") != stops
        knows = all(model.stated.get((source.instance, name)) == lots(volume) and source.instance not in model.gaps
                    for model in self.followers.values())  # fmt: skip
        if not told and not knows:
            return False
        self.count("event: change of stops")
        source.stops[name] = stops
        self.say(source.name, f"modify {name} {stops}")
        for model in self.followers.values():
            model.change(source.instance, name, lots(volume))
        return True

    def heard(self, source, found):
        """Whether a signal that concerns no position surely comes; followers hear it."""
        if not source.exact or found:
            return all(source.instance not in model.gaps for model in self.followers.values())
        for model in self.followers.values():
            model.hear(source.instance)
        return True

    def changed(self, source, name, after, found, fates=None):
        symbol, before = source.open[name]
        source.open[name][1] = after
        if after == 0:
            del source.open[name]
        self.happens(source, name, symbol, before, after, found, fates)

    def close_by(self, source, name, found, lost):
        symbol, volume = source.open[name]
        fitting = [other for other, (theirs, lots_) in source.open.items() if theirs == symbol and lots_ * volume < 0]
        if not fitting:
            return False
        other = self.random.choice(fitting)
        left = volume + source.open[other][1]
        after = {name: left if left * volume > 0 else 0, other: 0 if left * volume > 0 else left}
        if lost or not all(self.clear(source, one, lots_) for one, lots_ in after.items()):
            return False
        self.count("event: close by")
        self.say(source.name, f"closeby {name} by={other}")
        for one, lots_ in after.items():
            self.changed(source, one, lots_, found)
        return True

    def order(self, source, deed, found, lost):
        name = self.random.choice(list(source.orders))
        symbol, buy, volume = source.orders[name]
        if deed == "change" and name in source.stops or deed != "fill" and not self.heard(source, found):
            return False
        self.count(f"event: order {deed}")
        if deed == "change":
            # On the side of the price where a broker accepts it: followers wait with an opening that is behind its stop.
            source.stops[name] = "sl=0.5" if buy else f"sl={float(self.price(symbol, False)) * 2:.2f}"
            self.say(source.name, f"change {name} {source.stops[name]}")
            return True
        old = next((one for one, (theirs, _) in source.open.items() if theirs == symbol and not source.hedging), None)
        signed = volume if buy else -volume
        if deed == "fill" and (lost or old and not self.clear(source, old, source.open[old][1] + signed)):
            return False
        del source.orders[name]
        if deed == "fill" and old:
            self.without_stops(source, old, source.open[old][1] + signed)
        self.say(source.name, f"{deed} {name}")
        if deed != "fill":
            return True
        if old:
            self.changed(source, old, source.open[old][1] + signed, found)
            return True
        source.open[f"of_{name}"] = [symbol, signed]
        self.happens(source, f"of_{name}", symbol, 0, signed, found)
        return True

    def trades(self, source, found=False, most=3):
        for _ in range(self.random.randint(1, most)):
            self.trade(source, found)
