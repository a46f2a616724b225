"""Generates a scenario from a seed: trades of all kinds, and a terminal that shows them late, partly or not at all.

Now and then the terminal shows everything again, time passes, and Redis must agree with the books.
"""

import random

QUIRKS = {
    "connected=0 positions_empty=1 deals_hidden=1": "connected=1 positions_empty=0 deals_hidden=0",
    "connected=0": "connected=1",
    "positions_frozen=1": "positions_frozen=0",
    "deals_hidden=1": "deals_hidden=0",
    "busy_tickets=7": "busy_tickets=0",
    "wrong_totals=9": "wrong_totals=0",
    "failing_histories=9": "failing_histories=0",
}
# FleetAgent looks at everything again after 60 looks of half a second.
SETTLED = 31_000


class Chance:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.hedging = self.random.random() < 0.6
        self.price = 1.1
        self.open, self.away = {}, []  # volumes in hundredths of a lot by name; names that the server will reopen
        self.made = 0
        self.disturbed = False  # the terminal shows less than there is
        self.kills = int(self.random.random() < 0.3)
        offset = self.random.choice([0, 7_200_000, 10_800_000, -18_000_000, 19_800_000])
        self.lines = [
            f"account login={2000 + seed % 1_000_000} hedging={int(self.hedging)}",
            "symbol EURUSD bid=1.1 ask=1.1001",
            f"terminal offset_ms={offset}",
            "attach FleetAgent",
            "attach Trader",
            "wait 1500",
        ]

    def say(self, line):
        self.lines.append(line)

    def move(self):
        self.price = round(self.price + self.random.randint(-40, 40) * 0.00005, 5)
        self.say(f"tick EURUSD bid={self.price} ask={self.price + 0.0001:.5f}")

    def money(self):
        commission, fee = -self.random.randint(0, 300) / 100, -self.random.randint(0, 20) / 100
        return f"price={self.price} commission={commission} fee={fee}"

    def trade(self):
        there = [name for name in self.open if name not in self.away]
        deeds = ["open"] * 4 + ["request"] * (0 if self.disturbed else 2) + ["close", "part", "modify", "swapout"] * (2 if there else 0)
        if there and not self.hedging:
            deeds += ["add", "reverse"] * 2
        if len(there) > 1 and self.hedging:
            deeds += ["closeby"] * 2
        deed = self.random.choice(deeds)
        name = self.random.choice(there) if there else ""
        volume = self.random.randint(1, 90)
        if deed == "open" and (self.hedging or not self.open):
            self.made += 1
            name = f"p{self.made}"
            side = self.random.choice(["buy", "sell"])
            who = f"magic={self.made} comment=c{self.made}"
            self.say(f"open {name} side={side} volume={volume / 100} {who} {self.money()}")
            self.open[name] = volume
        elif deed == "request" and (self.hedging or not self.open):
            # A program of the same terminal opens it.
            self.made += 1
            name = f"p{self.made}"
            deal = f"InpDo=deal InpVolume={volume / 100} InpBuy={self.random.randint(0, 1)} InpComment=r{self.made}"
            self.say(f"parameters Trader {deal}")
            self.say(f"name {name} comment=r{self.made}")
            self.open[name] = volume
        elif deed == "close" or (deed == "part" and self.open[name] == 1):
            reason = self.random.choice(["client", "sl", "tp", "so", "expert", "corporate"])
            self.say(f"close {name} reason={reason} {self.money()}")
            del self.open[name]
        elif deed == "part":
            part = self.random.randint(1, self.open[name] - 1)
            self.say(f"close {name} volume={part / 100} {self.money()}")
            self.open[name] -= part
        elif deed == "modify":
            self.say(f"modify {name} sl={self.price - 0.01:.5f} tp={self.price + 0.01:.5f} swap={-self.made}")
        elif deed == "swapout":
            self.say(f"swapout {name} reason={self.random.choice(['rollover', 'margin', 'split'])} {self.money()}")
            self.away.append(name)
        elif deed == "add":
            self.say(f"add {name} volume={volume / 100} {self.money()}")
            self.open[name] += volume
        elif deed == "reverse":
            self.say(f"reverse {name} volume={volume / 100} {self.money()}")
            self.open[name] = volume
        elif deed == "closeby":
            other = self.random.choice([one for one in there if one != name])
            self.say(f"closeby {name} by={other}")
            both = min(self.open[name], self.open[other])
            for one in (name, other):
                self.open[one] -= both
                if not self.open[one]:
                    del self.open[one]

    def come_back(self):
        for name in self.away:
            self.say(f"swapin {name} price={self.price} reason=rollover")
        self.away = []

    def settle(self, quirks):
        for quirk in quirks:
            self.say(f"terminal {QUIRKS[quirk]}")
        self.come_back()
        self.say("deliver")
        self.say(f"wait {SETTLED}")
        self.say("check forgetful")

    def scenario(self):
        for part in range(6):
            quirks = []
            self.say(f"transactions {self.random.choice(['documented', 'reversed', 'late', 'lost', 'twice'])}")
            for _ in range(self.random.randint(4, 14)):
                self.trade()
                if self.random.random() < 0.5:
                    self.move()
                if self.random.random() < 0.6:
                    self.say(f"wait {self.random.choice([500, 500, 1000, 2500, 12000])}")
                if self.random.random() < 0.15:
                    self.come_back()
                if self.random.random() < 0.15 and not quirks:
                    quirks.append(self.random.choice(list(QUIRKS)))
                    self.say(f"terminal {quirks[-1]}")
                    self.disturbed = True
                if self.random.random() < 0.05:
                    self.say(f"{self.random.choice(['chart', 'parameters'])} FleetAgent")
            if self.kills and part == 3:
                self.kills -= 1
                self.say("kill")
                self.disturbed = True  # no program is running
                for _ in range(4):
                    self.trade()
                self.come_back()
                self.say("attach FleetAgent")
                self.say("attach Trader")
            self.settle(quirks)
            self.disturbed = False
        self.say("detach FleetAgent")
        return "\n".join(self.lines) + "\n"


def scenario(seed):
    return Chance(seed).scenario()
