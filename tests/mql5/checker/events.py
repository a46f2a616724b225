"""Compares the trade events in Redis with the broker's books and with the hashes of the positions."""

# What an event and the hash of an open position must have in common: the hash may know a later price.
LASTING = "sy sd vo vc po px sl tp cm mg ti to dg co".split()
# A closing that is sent again renews these in the hash, and is not told again.
RENEWED = "q t ti".split()


def differences(server, instance, account, whole):
    """Whether each deal is told once and as it is in the books, and each position's last event says what its hash says.

    `whole`: all deals of the account must be there, and add up to its balance.
    """
    key = f"te:{{{instance}}}"
    entries = [{name.decode(): value.decode() for name, value in entry.items()} for _, entry in server.xrange(key)]
    return chain(key, entries) + deals(key, entries, account, whole) + positions(server, key, entries, account)


def chain(key, entries):
    """Each entry names the one before it of its producer."""
    found, last = [], {}
    for entry in entries:
        number = int(entry["q"])
        if int(entry["pq"]) != last.get(entry["p"], 0):
            found.append(f"{key}: {number} leads to {entry['pq']}, before it stands {last.get(entry['p'], 0)}")
        last[entry["p"]] = number
    return found


def deals(key, entries, account, whole):
    found, told = [], {}
    books = {deal["ticket"]: deal for deal in account["deals"]}
    for entry in (entry for entry in entries if entry["e"] == "d"):
        ticket = int(entry["de"])
        if ticket in told:
            found.append(f"{key}: deal {ticket} is there twice")
        told[ticket] = entry
        deal = books.get(ticket)
        if deal is None:  # the scenario made the broker forget it
            continue
        wanted = {
            "id": deal["position"], "or": deal["order"], "mg": deal["magic"], "t": deal["time_ms"], "ki": deal["kind"],
            "en": deal["entry"], "sy": deal["symbol"], "co": deal["comment"],
        }  # fmt: skip
        for name, value in wanted.items():
            if entry[name] != str(value) and not (name == "co" and str(value).startswith(entry[name])):
                found.append(f"{key}: {name} of deal {ticket} is {entry[name]}, in the books {value}")
        numbers = {"vo": "volume", "px": "price", "pr": "profit", "sw": "swap", "cm": "commission"}
        for name, book in numbers.items():
            if abs(float(entry[name]) - deal[book]) > 1e-9:
                found.append(f"{key}: {name} of deal {ticket} is {entry[name]}, in the books {deal[book]}")
    if whole:
        if set(told) != set(books):
            found.append(f"{key}: has the deals {sorted(told)}, the books have {sorted(books)}")
        for day in {deal["time_ms"] // 86_400_000 for deal in account["deals"]}:
            of_day = [entry for entry in told.values() if int(entry["t"]) // 86_400_000 == day]
            told_sum = sum(float(entry[name]) for entry in of_day for name in ("pr", "sw", "cm"))
            in_books = [deal for deal in account["deals"] if deal["time_ms"] // 86_400_000 == day]
            book_sum = sum(deal[name] for deal in in_books for name in ("profit", "swap", "commission"))
            if not of_day or abs(told_sum - book_sum) > 1e-6:
                found.append(f"{key}: the deals of day {day} add up to {told_sum}, in the books to {book_sum}")
    return found


def positions(server, key, entries, account):
    found, last = [], {}
    for entry in (entry for entry in entries if entry["e"] != "d"):
        if entry["e"] == "p":
            found.append(f"{key}: a price is told as an event")
        last.setdefault(entry["id"], []).append(entry)
    for position in account["positions"]:
        hashed = server.hgetall(f"ts:{key[3:]}:{position['id']}")
        stored = {name.decode(): value.decode() for name, value in hashed.items()}
        told = last.get(str(position["id"]), [])
        if not stored or stored["st"] == "g" or "sy" not in stored:
            continue
        if not told:
            found.append(f"{key}: position {position['id']} is told in no event")
            continue
        names = [name for name in stored if name not in RENEWED] if stored["st"] == "c" else LASTING
        for name in names:
            if told[-1].get(name) != stored[name]:
                found.append(f"{key}: {name} of position {position['id']} is {told[-1].get(name)}, its hash says "
                             f"{stored[name]}")  # fmt: skip
        closings = [event["tc"] for event in told if event["e"] == "c"]
        if len(closings) != len(set(closings)):
            found.append(f"{key}: position {position['id']} is told as closed twice")
    return found
