"""Generates a day of trades during which the terminal of AccountPublisher is killed again and again.

A seed chooses where: before or during each event, and once more while the terminal starts. Wherever it is, each event is
told once, in order, and `fd` says which ones were found.
"""

import random

# An event: the broker's steps, and the signals that must come of them.
HEDGING = [
    ("open a volume=0.50 side=buy price=1.1 sl=1.05", ["a=b vo=0.5 po=@a ev=1 vb=0 va=0.5 pe=1.1 sl=1.05 sd=b"]),
    ("modify a sl=1.06 tp=1.2", ["a=m po=@a ev=4 vb=0.5 va=0.5 sl=1.06 tp=1.2"]),
    ("close a volume=0.20 price=1.11", ["a=c vo=0.2 po=@a ev=3 vb=0.5 va=0.3"]),
    ("open b volume=0.10 side=sell price=1.1 comment=hedge", ["a=s vo=0.1 po=@b ev=1 va=0.1 co=hedge sd=s"]),
    ("closeby a by=b", ["a=c vo=0.1 po=@a ev=7 vb=0.3 va=0.2", "a=c vo=0 po=@b ev=7 vb=0.1 va=0 sd=s"]),
    ("place o kind=limit side=buy volume=0.50 price=1.0", ["a=o vo=0.5 po=@o ev=8 vb=0 va=0.5 ot=1 sd=b"]),
    ("change o price=1.01", ["a=o vo=0.5 pr=1.01 po=@o ev=9 vb=0.5 va=0.5"]),
    ("fill o volume=0.20", ["a=o vo=0.2 po=@o ev=10 vb=0.5 va=0.3", "a=b vo=0.2 po=@of_o ev=1 va=0.2"]),
    ("place p kind=stop side=sell volume=0.40 price=1.0 lives_s=60", ["a=o vo=0.4 po=@p ev=8 ot=2 sd=s"]),
    ("expire p", ["a=o vo=0.4 po=@p ev=11 vb=0.4 va=0"]),
    ("cancel o", ["a=o vo=0.3 po=@o ev=12 vb=0.3 va=0"]),
    ("open c volume=0.30 side=sell price=1.1; close c volume=0.10 price=1.1; close c price=1.1",
     ["a=s vo=0.3 po=@c ev=1 va=0.3", "a=c vo=0.1 po=@c ev=3 vb=0.3 va=0.2", "a=c vo=0 po=@c ev=5 vb=0.2 va=0"]),
    ("close a price=1.1 reason=sl", ["a=c vo=0 po=@a ev=5 vb=0.2 va=0"]),
    ("close of_o price=1.1", ["a=c vo=0 po=@of_o ev=5 vb=0.2 va=0"]),
]  # fmt: skip
NETTING = [
    ("open a volume=0.50 side=buy price=1.1", ["a=b vo=0.5 po=@a ev=1 vb=0 va=0.5 pe=1.1 sd=b"]),
    ("add a volume=0.50 price=1.2", ["a=b vo=0.5 po=@a ev=2 vb=0.5 va=1 pe=1.15"]),
    ("close a volume=0.40 price=1.2", ["a=c vo=0.4 po=@a ev=3 vb=1 va=0.6 pe=1.15"]),
    ("modify a tp=1.4", ["a=m tp=1.4 po=@a ev=4 va=0.6"]),
    ("reverse a volume=0.30 price=1.3", ["a=s vo=0.9 po=@a ev=6 vb=0.6 va=0.3 pe=1.3 sd=s"]),
    ("reverse a volume=0.10 price=1.2; reverse a volume=0.10 price=1.2",
     ["a=b vo=0.4 po=@a ev=6 vb=0.3 va=0.1 sd=b", "a=s vo=0.2 po=@a ev=6 vb=0.1 va=0.1 sd=s"]),
    ("place o kind=stop side=buy volume=0.30 price=1.25", ["a=o vo=0.3 po=@o ev=8 ot=2"]),
    ("fill o", ["a=o vo=0.3 po=@o ev=10 va=0", "a=b vo=0.3 po=@a ev=6 vb=0.1 va=0.2 pe=1.25 sd=b"]),
    ("close a price=1.2", ["a=c vo=0 po=@a ev=5 vb=0.2 va=0 sd=b"]),
    ("open b volume=0.10 side=sell price=1.2", ["a=s vo=0.1 po=@b ev=1 va=0.1"]),
    ("close b price=1.2", ["a=c vo=0 po=@b ev=5 vb=0.1 va=0"]),
]  # fmt: skip
# What a start does to the file before it looks at the account.
STARTING = [("FileOpen", 1), ("FileOpen", 2), ("FileFlush", 1), ("FileMove", 1), ("FileOpen", 3)]


def scenario(seed):
    chance = random.Random(seed)
    hedging = chance.random() < 0.6
    login = 3_000_000 + seed % 1_000_000
    lines = [
        f"account login={login} balance=100000 hedging={int(hedging)}",
        "symbol EURUSD bid=1.1 ask=1.1001",
        "attach AccountPublisher",
        "wait 1000",
    ]
    for steps, signals in HEDGING if hedging else NETTING:
        # Killed before the event, or after any line in the memory or any signal.
        points = [None] + [(name, call) for call in range(1, len(signals) + 1) for name in ("FileFlush", "mt5redis_signal")]
        point, seen = chance.choice(points), 0
        if point:
            seen = point[1] - (point[0] == "FileFlush")
            lines.append(f"fatal {point[0]} call={point[1]}")
        else:
            lines.append("kill")
        lines += steps.split("; ")
        lines += [f"signal instance={login}.Demo-Server {signal} fd={int(at >= seen)}" for at, signal in enumerate(signals)]
        if point:
            lines.append("kill")
        # And again at any moment of the next start, with its catching up.
        left = len(signals) - seen
        points = STARTING + [("FileFlush", 1 + call) for call in range(1, left + 2)]
        points += [("mt5redis_signal", call) for call in range(1, left + 1)]
        if chance.random() < 0.7:
            lines += ["fatal {} call={}".format(*chance.choice(points)), "attach AccountPublisher", "wait 1000", "kill"]
        lines += ["attach AccountPublisher", "wait 1000", "check silent silent_positions"]
    return "\n".join(lines) + "\n"
