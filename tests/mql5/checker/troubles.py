"""Generates a scenario from a seed: sources trade, followers copy, and everything in between fails now and then.

A scenario has rounds. In each, sources trade; then the followers catch up, and must hold what copies.py says.
"""

from .copies import Fate
from .trading import PRICES, Trading, lots

# The server will execute these in the end.
PATIENCE = ["requote", "reject", "price_changed", "price_off", "market_closed", "too_many_requests", "invalid_price", "locked"]
FOUND = ["timeout", "connection", "error", "placed"]  # executed, but the answer does not say so
REFUSALS = ["cancel", "invalid", "no_answer", "moved"]


class Case(Trading):
    """A generated scenario, and what each follower must hold in it."""

    def followed(self, *only):
        for name, model in self.followers.items():
            if only and name not in only:
                continue
            told = ",".join(source.instance for source in self.sources)
            self.say(name, f"until followed follower={model.instance} sources={told}")
            # What it closes after a gap is no signal, and may take many orders. It must then stay so.
            self.say(name, f'until holdings text="{model.holdings()}"')
            self.say(name, "wait 1000")
            self.say(name, f'expect holdings text="{model.holdings()}"')

    def again(self, name, inputs=""):
        """Attaches the follower again after its terminal was killed."""
        model = self.followers[name]
        self.say(name, f"redis DEL fl:{{{model.instance}}}")
        self.say(name, model.attach + inputs)

    def plain(self, source):
        self.trades(source)
        self.say(source.name, "published")

    def unnoticed(self, source):
        """Transactions get lost, or come late or in another order."""
        how = self.pick("reversed", "lost", "twice", "late")
        self.count(f"transactions: {how}")
        self.say(source.name, f"transactions {how}")
        source.exact = False
        self.trades(source)
        source.exact = True
        self.say(source.name, "wait 700")
        self.say(source.name, "deliver")
        self.say(source.name, "transactions documented")
        # Trades that leave a position as it was are found when the publisher reads the history, each 10 s.
        self.say(source.name, "published 10500" if how == "lost" else "published")

    def blind(self, source):
        """The source's terminal shows less than there is."""
        shown, hidden = self.pick(("positions_frozen=0", "positions_frozen=1"), ("deals_hidden=0", "deals_hidden=1"),
                                  ("busy_tickets=0", "busy_tickets=3"), ("failing_histories=0", "failing_histories=3"),
                                  ("wrong_totals=0", "wrong_totals=3"))  # fmt: skip
        self.count(f"blind: {hidden}")
        self.say(source.name, f"terminal {hidden}")
        source.exact = False
        self.trades(source, most=2)
        source.exact = True
        self.say(source.name, "wait 2000")
        self.say(source.name, f"terminal {shown}")
        self.say(source.name, "published 2500")

    def publisher_off(self, source):
        how = self.pick("detach", "disconnected", *["kill"] * 2 * self.kills)
        self.count(f"publisher: {how}")
        if how == "disconnected":
            self.say(source.name, "terminal connected=0")
            self.say(source.name, "wait 200")
        else:
            self.say(source.name, "detach AccountPublisher" if how == "detach" else "kill")
        self.trades(source, found=True)
        self.say(source.name, "wait 1000")
        self.say(source.name, "terminal connected=1" if how == "disconnected" else source.attach)
        self.say(source.name, "published 2500")

    def publisher_killed(self, source):
        """The terminal ends after the publisher was told, perhaps before Redis was; or anywhere in between."""
        any_age = not any(model.limited for model in self.followers.values())
        if any_age and self.random.random() < 0.7:
            self.count("publisher: crash")
            self.say(source.name, f"crash {self.random.randint(1, 6)}")
        else:
            self.count("publisher: killed after its trades")
        source.exact = False
        self.trades(source)
        source.exact = True
        self.say(source.name, "kill")
        self.say(source.name, source.attach)
        self.say(source.name, "published 2500")

    def cut_off(self, source):
        if "link=1" not in source.attach:
            return self.plain(source)
        self.count("publisher: link cut")
        self.say(source.name, "link cut")
        self.trades(source)
        self.say(source.name, "wait 1000")
        self.say(source.name, "link mend")
        self.say(source.name, "published")

    def repeated(self, source):
        self.plain(source)
        if source.told:
            self.count("signals: repeated")
            self.say(source.name, f"again {source.instance} {self.random.randint(1, 4)}")

    def follower_off(self, source, lose=False):
        name = self.random.choice(list(self.followers))
        model = self.followers[name]
        how = self.pick("closed", "removed", *["kill"] * 2 * self.kills)
        self.count(f"follower: {how}" + ", and signals are lost" * lose)
        self.say(name, {"kill": "kill", "closed": "detach SignalFollower reason=9"}.get(how, "detach SignalFollower"))
        clear = ""
        if model.only_closes and self.random.random() < 0.7:
            self.count("guard: a person clears it")
            clear = " InpClearGuards=now"
            model.clear_guards()
        self.followed(*[other for other in self.followers if other != name] or [""])
        if lose and source.told:
            fates = {name: Fate(lost=True)}
            for _ in range(self.random.randint(1, 2)):
                self.trade(source, fates=fates)
            self.say(source.name, "published")
            self.followed(*[other for other in self.followers if other != name] or [""])
            self.say(source.name, f"redis XTRIM ss:{{0}}:{source.instance} MAXLEN 0")
            self.trimmed = True
        self.trades(source)
        self.say(source.name, "published")
        if not lose and not self.trimmed and self.random.random() < 0.3:
            self.count("signals: all are read again")
            self.say(name, f"redis DEL fp:{{{model.instance}}}")
        self.again(name, clear) if how == "kill" else self.say(name, model.attach + clear)

    def follower_killed(self, source):
        name = self.random.choice(list(self.followers))
        self.count("follower: crash")
        self.trades(source)
        self.say(source.name, "published")
        self.say(name, f"crash {self.random.randint(1, 8)}")
        model = self.followers[name]
        told = ",".join(one.instance for one in self.sources)
        self.say(name, f"until followed follower={model.instance} sources={told}")
        self.say(name, "kill")
        self.again(name)

    def follower_disconnected(self, source):
        name = self.random.choice(list(self.followers))
        self.count("follower: disconnected")
        self.say(name, "terminal connected=0")
        self.trades(source)
        self.say(source.name, "published")
        self.say(name, "wait 3000")
        self.say(name, "terminal connected=1")

    def patience(self, source):
        """The trade server asks again, answers nothing, or fills in part, but executes all in the end."""
        name = self.random.choice(list(self.followers))
        self.trades(source)
        self.say(source.name, "published")
        how = self.pick("again", "found", "parts")
        if how == "parts" and any(symbol.step != lots(1) for symbol in self.followers[name].brokers.values()):
            how = "again"
        word = {"again": self.random.choice(PATIENCE), "found": self.random.choice(FOUND)}.get(how)
        self.count(f"trade server: {word or 'closes in parts'}")
        self.say(name, f"broker {word} times={self.random.randint(1, 4)}" if how == "again" else
                 f"broker {word} executed=1" if how == "found" else "broker plain")  # fmt: skip
        self.followed(name)
        self.say(name, "broker plain")

    def refusal(self, source):
        """The trade server will not open it, or only a part of it."""
        name = self.random.choice(list(self.followers))
        model = self.followers[name]
        how = self.pick(*REFUSALS, "partly", "partly")
        part = self.pick(lots(1), lots(5), lots(20))
        if how == "partly" and any(broker.step != lots(1) for broker in model.brokers.values()):
            how = "cancel"
        fate = Fate(available=part) if how == "partly" else Fate(late=True) if how == "moved" else Fate(refused=True)
        # After a gap a close may come first. The answer would be for that, which is sent again.
        if model.after_gap == 2 and source.instance in model.gaps or not self.open(source, fates={name: fate}):
            return self.plain(source)
        self.count(f"trade server: {how}")
        self.say(source.name, "published")
        before, after = {
            "partly": (f"broker fill={float(part)}", "broker fill=0"),
            "no_answer": ("broker timeout", "broker plain"),
            "moved": (None, None),
        }.get(how, (f"broker {how}", "broker plain"))
        symbols = model.brokers.items()
        if how == "partly":
            for _, broker in symbols:
                self.say(name, f"symbol {broker.name} filling=2")
        if how == "moved":
            # Worse for a buyer and for a seller.
            for symbol, broker in symbols:
                bid, ask = (float(self.price(symbol, buy)) for buy in (False, True))
                self.say(name, f"symbol {broker.name} bid={bid * 0.99:.2f} ask={ask * 1.01:.2f}")
        else:
            self.say(name, before)
        self.followed(name)
        if how == "moved":
            for symbol, broker in symbols:
                self.say(name, f"symbol {broker.name} {PRICES[symbol]}")
        else:
            self.say(name, after)
        for _, broker in symbols:
            self.say(name, f"symbol {broker.name} filling=3")
        return None

    def scenario(self):
        self.begin()
        rounds = [self.plain] * 3 + [self.unnoticed, self.blind, self.repeated, self.cut_off, self.follower_disconnected]
        rounds += [self.publisher_off] * 2 + [self.follower_off] * 2 + [self.patience] * 3 + [self.refusal] * 3
        rounds += [lambda source: self.follower_off(source, lose=True)] * 2
        if self.kills:
            rounds += [self.publisher_killed, self.follower_killed] * 2
        for _ in range(self.random.randint(4, 9)):
            source = self.random.choice(self.sources)
            self.random.choice(rounds)(source)
            self.followed()
        for source in self.sources:
            self.say(source.name, "detach AccountPublisher")
        for name in self.followers:
            self.say(name, "detach SignalFollower")
        return f"# Seed {self.seed}.\n" + "\n".join(self.lines) + "\n"
