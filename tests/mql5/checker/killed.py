"""A scripted day on which the publisher's or the follower's terminal is killed at every step.

A step is a trade of the source. The terminal ends before the trade, or at its n-th effect that outlives a process: a line of a
file, a call of the library, an order. After each step the follower must hold what it would hold without that.
"""

from fractions import Fraction

from .copies import Broker, Follower
from .trading import PRICES, Source
from .troubles import Case

# A line of the scenario, and the positions that it changes: name, and hundredths of a lot before and after.
HEDGING = [
    ("open a side=buy volume=0.8 price=1.1", ("a", 0, 80)),
    ("modify a sl=1 tp=1.2",),
    ("close a volume=0.3 price=1.1", ("a", 80, 50)),
    ("open b side=sell volume=0.2 price=1.1", ("b", 0, -20)),
    ("closeby a by=b", ("a", 50, 30), ("b", -20, 0)),
    ("place o kind=limit side=sell volume=0.4 price=1.1",),
    ("fill o", ("of_o", 0, -40)),
    ("close a price=1.1 reason=tp", ("a", 30, 0)),
    ("open c side=buy volume=0.1 price=1.1", ("c", 0, 10)),
]
NETTING = [
    ("open a side=buy volume=0.8 price=1.1", ("a", 0, 80)),
    ("add a volume=0.2 price=1.1", ("a", 80, 100)),
    ("close a volume=0.3 price=1.1", ("a", 100, 70)),
    ("reverse a volume=0.4 price=1.1", ("a", 70, -40)),
    ("modify a sl=1.2 tp=1",),
    ("place o kind=limit side=buy volume=0.2 price=1.1",),
    ("fill o", ("a", -40, -20)),
    ("close a price=1.1 reason=sl", ("a", -20, 0)),
    ("open b side=sell volume=0.5 price=1.1", ("b", 0, -50)),
]
EFFECTS = {"s1": 3, "f1": 5}  # the most that a step has, in the publisher and in the follower


class Day(Case):
    def __init__(self, number, source_hedges, follower_hedges, victim, effect):
        super().__init__(0)
        self.sources = [Source("s1", 9_000_000 + number * 10, source_hedges)]
        self.symbols, self.victim, self.effect = ["EURUSD"], victim, effect
        model = Follower(follower_hedges, Fraction(1, 2), Fraction(100), {"EURUSD": Broker("EURUSD")})
        model.login, model.limited = 9_000_005 + number * 10, False
        model.instance = f"{model.login}.Demo-Server"
        model.attach = f"attach SignalFollower InpInstances={self.sources[0].instance} InpDryRun=0 InpLotFactor=0.5 InpMaxLots=100 InpMaxAgeMs=0"
        self.followers = {"f1": model}

    def scenario(self):
        source, model = self.sources[0], self.followers["f1"]
        source.attach = "attach AccountPublisher"
        for name, login, hedging in (("s1", source.instance.split(".")[0], source.hedging), ("f1", model.login, model.hedging)):
            self.say(name, f"account login={login} balance=1000000000 hedging={int(hedging)}")
            self.say(name, f"symbol EURUSD {PRICES['EURUSD']}")
        self.say("f1", model.attach)
        self.say("s1", source.attach)
        self.say("s1", "published")
        for line, *changes in HEDGING if source.hedging else NETTING:
            if self.victim == "s1":
                self.say("s1", f"crash {self.effect}" if self.effect else "kill")
                self.say("s1", line)
                self.say("s1", "wait 1500")
                self.say("s1", "kill" if self.effect else "wait 1")
                self.say("s1", source.attach)
                self.say("s1", "published 2500")
            else:
                self.say("s1", line)
                self.say("s1", "published")
                self.say("f1", f"crash {self.effect}" if self.effect else "wait 1")
                if self.effect:
                    self.say("f1", f"until followed follower={model.instance} sources={source.instance}")
                self.say("f1", "kill")
                self.again("f1")
            for name, before, after in changes:
                self.happens(source, name, "EURUSD", before, after, found=False)
            self.followed()
        self.say("s1", "detach AccountPublisher")
        self.say("f1", "detach SignalFollower")
        return f"# {self.victim} is killed at effect {self.effect} of every step.\n" + "\n".join(self.lines) + "\n"


def days():
    """Every victim, effect and pair of accounts: the file's name and the day."""
    modes, number = {True: "hedging", False: "netting"}, 0
    for victim, most in EFFECTS.items():
        for effect in range(most + 1):
            for source in modes:
                for follower in modes:
                    number += 1
                    name = f"killed-{victim}-{effect}-{modes[source]}-{modes[follower]}"
                    yield name, Day(number, source, follower, victim, effect)
