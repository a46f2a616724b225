"""Compares Redis with the broker's books.

Reads the wire format as docs/wire-format.md describes it, with none of the library's code. Each difference is one line.
"""

import time

import msgpack
import redis

from . import events

POSITION = "vo vc po pc px sl tp pr sw cm".split()
OF_BOOKS = ["volume", "volume_closed", "price_open", "price", "price_close", "stop_loss", "take_profit", "profit",
            "swap", "commission"]  # fmt: skip
SIGNAL = "v p q t o i a sy vo pr sl tp mg po ex co pq ev vb va pe sd ot fd".split()
REPORT = "v p q t o i so sp sq st a oc rc re sy vw vd pw pf sg la mg po or de dg pq".split()
CLOSE = 1e-7
CLOCK_LIMIT_MS = 2_000  # the product reports a larger difference as a wrong clock


def near(left, right):
    return abs(float(left) - float(right)) <= CLOSE * max(1.0, abs(float(right)))


def recent(milliseconds):
    """Whether a record has the time of this machine's clock, which is not the scenario's."""
    return abs(int(milliseconds) / 1000 - time.time()) < 3600


class Oracle:
    def __init__(self, port):
        self.redis = redis.Redis("127.0.0.1", port)
        self.step = []  # the words behind `check`

    def differences(self, books):
        found = []
        # `forgetful`: the program may not know the tickets of positions that closed while it saw nothing.
        self.step = books["step"]["rest"].split()
        for account in books["accounts"]:
            instance = instance_of(account)
            if "silent_positions" not in self.step:
                found += self.positions(instance, account, books["terminal"])
                found += events.differences(self.redis, instance, account, "deals" in self.step)
            if account["current"]:
                found += self.instance(instance, account, books)
        for stored in books["stored"]:
            found += self.stored(stored["line"])
        found += self.signals(books)
        found += self.reports(books)
        self.govern()
        return found

    def govern(self):
        """Writes the directive that the step asks for; level 0 removes it."""
        for word in self.step:
            if word.startswith("directive="):
                until = int(self.redis.time()[0] + 3600) * 1000
                level = int(word.partition("=")[2])
                self.redis.set("ctl", f"{level}:{until}") if level else self.redis.delete("ctl")

    def text(self, key):
        return {name.decode(): value.decode() for name, value in self.redis.hgetall(key).items()}

    def positions(self, instance, account, terminal):
        found = []
        openly = {str(p["id"]) for p in account["positions"] if p["open"] }
        closed = {str(p["id"]) for p in account["positions"] if not p["open"] and p["told"]}
        gone = {str(p["id"]) for p in account["positions"] if not p["open"] and not p["told"]}
        members = {member.decode() for member in self.redis.smembers(f"to:{{{instance}}}")}
        if members != openly:
            found.append(f"{instance}: open in Redis {sorted(members)}, in the books {sorted(openly)}")
        listed = {member.decode() for member in self.redis.zrange(f"tc:{{{instance}}}", 0, -1)}
        if listed - gone != closed:
            found.append(f"{instance}: closed in Redis {sorted(listed)}, in the books {sorted(closed)}")
        keys = {key.decode().rsplit(":", 1)[1] for key in self.redis.scan_iter(f"ts:{{{instance}}}:*")}
        if keys - gone != openly | closed:
            found.append(f"{instance}: positions in Redis {sorted(keys)}, in the books {sorted(openly | closed)}")
        for position in account["positions"]:
            if str(position["id"]) in keys:
                found += self.position(instance, position, terminal)
        return found

    def position(self, instance, position, terminal):
        key = f"ts:{{{instance}}}:{position['id']}"
        stored = self.text(key)
        state = "o" if position["open"] else "c" if position["told"] else "g"
        if stored.get("st") != state:
            return [f"{key}: state {stored.get('st')}, in the books {state}"]
        wanted = {"v": "2", "sy": position["symbol"], "mg": str(position["magic"]), "dg": str(position["digits"])}
        wanted["co"] = cut(position["comment"], 96)
        wanted["sd"] = "b" if position["buy"] else "s"
        wanted["o"] = str(terminal["offset_s"])
        wanted["to"] = str(position["opened_ms"])
        if state != "g":
            wanted["tc"] = str(position["closed_ms"])
        wanted["ti"] = str(position["ticket"] if position["open"] else position["seen_ticket"])
        if "forgetful" in self.step and state == "c" and stored.get("ti") == "0":
            del wanted["ti"]
        found = []
        if state == "g":
            return [] if stored.get("e") == "g" and int(stored["tc"]) > 0 else [f"{key}: {stored}"]
        for name, value in wanted.items():
            if stored.get(name) != value:
                found.append(f"{key}: {name} is {stored.get(name)}, in the books {value}")
        for name, book in zip(POSITION, OF_BOOKS):
            if not near(stored.get(name, "nan"), position[book]):
                found.append(f"{key}: {name} is {stored.get(name)}, in the books {book} {position[book]}")
        events = "omp" if state == "o" else "c"
        if stored["e"] not in events:
            found.append(f"{key}: event {stored['e']} of a position in state {state}")
        if not recent(stored["t"]):
            found.append(f"{key}: t is {stored['t']}, an hour or more from now")
        life = self.redis.pttl(key)
        if (life >= 0) != (state != "o"):
            found.append(f"{key}: lives {life} ms in state {state}")
        return found

    def stored(self, line):
        """Checks a key: fields of a hash, or `members=1,2` of a set."""
        key, *words = line.split()
        if words[0].startswith("members="):
            wanted, there = words[0].partition("=")[2], self.redis.smembers(key)
            found = ",".join(sorted(member.decode() for member in there))
            return [] if found == wanted else [f"{key}: has {found}, not {wanted}"]
        fields, wrong = self.text(key), []
        for word in words:
            name, _, value = word.partition("=")
            if fields.get(name) != value.replace("_", " "):
                wrong.append(f"{key}: {name} is {fields.get(name)}, not {value}")
        return wrong

    def instance(self, instance, account, books):
        terminal = books["terminal"]
        key = f"is:{{{instance}}}"
        stored = self.text(key)
        if "silent" in self.step:
            return []
        if not stored:
            return [f"{key} does not exist"]
        equity = account["balance"] + account["credit"] + account["profit"]
        numbers = {"ba": account["balance"], "eq": equity, "mg": account["margin"], "mf": equity - account["margin"],
                   "ml": account["margin_level"], "pr": account["profit"], "cr": account["credit"]}  # fmt: skip
        texts = {"lg": account["login"], "sv": cut(account["server"], 64), "co": cut(account["company"], 96),
                 "cu": cut(account["currency"], 16), "ac": account["kind"], "le": account["leverage"],
                 "cn": int(terminal["connected"]), "at": int(terminal["trade_allowed"]),
                 "et": int(terminal["expert_trade"]), "aa": int(account["trade_allowed"]),
                 "ae": int(account["expert_allowed"]), "hd": int(account["hedging"]), "vp": int(terminal["vps"]),
                 "pi": max(0, terminal["ping_us"]), "po": account["open"], "or": account["orders"],
                 "bu": terminal["build"], "o": terminal["offset_s"], "ag": "FleetAgent", "v": 2, "fo": 0}  # fmt: skip
        for word in self.step:
            name, _, value = word.partition("=")
            if name in ("iv", "ag", "po", "o", "fo"):
                texts[name] = value.replace("_", " ")
        wrong = [name for name, value in texts.items() if stored.get(name) != str(value)]
        wrong += [name for name, value in numbers.items() if not near(stored.get(name, "nan"), value)]
        books = texts | numbers
        found = [f"{key}: {name} is {stored.get(name)}, in the books {books[name]}" for name in wrong]
        if not recent(stored["t"]):
            found.append(f"{key}: t is {stored['t']}, an hour or more from now")
        if abs(int(stored["ck"])) > CLOCK_LIMIT_MS:
            found.append(f"{key}: ck is {stored['ck']}, on one machine")
        if not 0 < self.redis.pttl(key) <= 90_000:
            found.append(f"{key}: lives {self.redis.pttl(key)} ms")
        return found

    def stream(self, prefix, names, found):
        """What the bridge wrote to the streams with this prefix, by instance."""
        stored = {}
        for key in self.redis.scan_iter(prefix + "*"):
            writer, last = key.decode().removeprefix(prefix), {}
            for _, entry in self.redis.xrange(key):
                if b"d" not in entry:
                    continue  # what `give` wrote, in the other encoding
                record = dict(zip(names, msgpack.unpackb(entry[b"d"])))
                stored.setdefault(writer, []).append(record)
                for name, value in (("v", 2), ("i", writer), ("pq", last.get(record["p"], 0))):
                    if record[name] != value:
                        found.append(f"{writer}: {prefix} {record['q']}: {name} is {record[name]}, not {value}")
                last[record["p"]] = record["q"]
        return stored

    def reports(self, books):
        """Of an instance that the scenario has reports of, all must be there, once and in order."""
        wanted, found = {}, []
        for report in books["reports"]:
            wanted.setdefault(report["instance"], []).append(report["line"])
        stored = self.stream("sr:{0}:", REPORT, found)
        for instance, expected in wanted.items():
            there = {}
            for report in stored.get(instance, []):
                there.setdefault((report["so"], report["sp"], report["sq"]), report)
            if len(expected) != len(there):
                found.append(f"{instance}: {len(there)} reports in Redis, {len(expected)} expected")
            for line, report in zip(expected, there.values()):
                found += compare_fields(f"{instance}: report of {report['so']} {report['sq']}", line, report)
        return found

    def signals(self, books):
        wanted, found = {}, []
        for signal in books["signals"]:
            wanted.setdefault(signal["instance"], []).append(signal["line"])
        stored = self.stream("ss:{0}:", SIGNAL, found)
        for instance in {instance_of(account) for account in books["accounts"]} | set(wanted):
            expected, there = wanted.get(instance, []), stored.get(instance, [])
            if len(expected) != len(there):
                found.append(f"{instance}: {len(there)} signals in Redis, {len(expected)} expected")
            if len({(signal["p"], signal["q"]) for signal in there}) != len(there):
                found.append(f"{instance}: a signal is there twice")
            for line, signal in zip(expected, there):
                found += compare_signal(instance, line, signal, books["terminal"])
        return found


def compare_fields(what, line, record):
    found = []
    for name, value in (word.split("=", 1) for word in line.split() if not word.startswith("instance=")):
        if isinstance(record[name], str):
            good = record[name] == value.replace("_", " ")
        else:
            good = near(record[name], value)
        if not good:
            found.append(f"{what}: {name} is {record[name]}, not {value}")
    return found


def compare_signal(instance, line, signal, terminal):
    found = []
    for word in line.split():
        name, _, value = word.partition("=")
        if name == "instance":
            continue
        if name == "valid_s":
            good = signal["ex"] % 1000 == 0 and 0 <= signal["ex"] - terminal["now_ms"] + 3_600_000 < 7_200_000
            good = good if value != "0" else signal["ex"] == 0
        elif name not in signal:  # it says nothing of an event
            good = value == "0"
        elif isinstance(signal[name], str):
            good = signal[name] == value.replace("_", " ")
        else:
            good = near(signal[name], value)
        if not good:
            stored = signal.get(name, signal["ex"] if name == "valid_s" else None)
            found.append(f"{instance}: signal {signal['q']}: {name} is {stored}, not {value}")
    if signal["o"] != terminal["offset_s"] and " o=" not in line:
        found.append(f"{instance}: signal {signal['q']}: offset {signal['o']}")
    return found


def instance_of(account):
    name = f"{account['login']}.{account['server']}"[:40]
    return "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "-" for char in name)


def cut(text, limit):
    while len(text.encode()) > limit:
        text = text[:-1]
    return text
