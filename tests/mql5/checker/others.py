"""What other clients do to Redis in a scenario: they send signals and commands.

Writes the wire format as docs/wire-format.md describes it, without the library.
"""

import shlex
import time

import redis

from .link import Link

SIGNAL = {"v": 2, "p": "00000000000000aa", "q": 0, "t": 0, "o": 0, "i": "1.Other", "a": "b", "sy": "EURUSD", "vo": 0,
          "pr": 0, "sl": 0, "tp": 0, "mg": 0, "po": 0, "ex": 0, "co": "", "pq": 0}  # fmt: skip
EVENT = {"ev", "vb", "va", "pe", "sd", "ot", "fd"}  # a signal has all of them or none


class Others:
    def __init__(self, port):
        self.redis = redis.Redis("127.0.0.1", port)
        self.link = Link(port)
        self.last = 0
        self.given = {}  # the sequences of each source and producer

    def do(self, step):
        """Carries out a step; returns what is wrong with it."""
        try:
            if step["verb"] == "give":
                self.give(dict(part.split("=", 1) for part in step["rest"].split()))
            elif step["verb"] == "answers":
                return self.answers(*shlex.split(step["rest"]))
            elif step["verb"] == "link":
                self.link.set(step["rest"].strip())
            elif step["verb"] == "again":
                self.again(*step["rest"].split())
            else:
                self.redis.execute_command(*shlex.split(step["rest"]))
        except (ValueError, redis.RedisError) as error:
            return [f"{step['verb']} {step['rest']}: {error}"]
        return []

    def answers(self, wanted, *command):
        """Waits until Redis gives this answer, for at most 30 s."""
        end = time.monotonic() + 30
        while (answer := self.redis.execute_command(*command)) != wanted.encode():
            if time.monotonic() > end:
                return [f"{' '.join(command)} is answered by {answer}, not by {wanted}"]
            time.sleep(0.02)
        return []

    def again(self, source, count):
        """Repeats the newest signals of a source."""
        stream = "ss:{0}:" + source
        for _, entry in reversed(self.redis.xrevrange(stream, count=int(count))):
            self.redis.xadd(stream, entry)

    def followed(self, question):
        """Whether a follower has acknowledged the newest signal of each source; None: not yet."""
        position = self.redis.hgetall(f"fp:{{{question['follower']}}}")
        for source in question["sources"].split(","):
            newest = self.redis.xrevrange("ss:{0}:" + source, count=1)
            there = position.get(source.encode(), b"0-0").split(b" ")[0]
            if newest and place(there) < place(newest[0][0]):
                return None
        return []

    def give(self, values):
        """Sends a signal with these fields. By default `q` is the next sequence and `pq` the source's one before it; `ago_ms`
        and `valid_ms` determine `t` and `ex`."""
        now = int(time.time() * 1000)
        signal = SIGNAL | {"q": self.last + 1, "t": now - int(values.pop("ago_ms", 0))}
        if "valid_ms" in values:
            signal["ex"] = now + int(values.pop("valid_ms"))
        unknown = set(values) - set(signal) - EVENT
        if unknown:
            raise ValueError(f"a signal has no {unknown}")
        signal |= values
        if signal["p"] == SIGNAL["p"]:
            self.last = max(self.last, int(signal["q"]))
        given = self.given.setdefault((signal["i"], signal["p"]), set())
        if "pq" not in values:
            signal["pq"] = max((number for number in given if number < int(signal["q"])), default=0)
        given.add(int(signal["q"]))
        self.redis.xadd("ss:{0}:" + signal["i"], signal)


def place(identifier):
    """An entry's id as numbers, which can be compared."""
    return tuple(int(part) for part in identifier.split(b"-"))
