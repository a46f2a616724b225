"""Checks the sources, plays the scenarios and compares the results."""

import copy
import re
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import redis

from . import collisions, library
from .oracle import Oracle
from .others import Others
from .turns import Turns, kills_of, terminals_of
from .wine import Wine, windows_path

HERE = Path(__file__).parent.parent
# With several terminals their clocks are behind the real one, so that what a publisher finds is old by the server's clock.
EARLIER = 6 * 3_600_000

COPYING = """account login={login} balance=1000000 hedging=1
symbol EURUSD bid=1.10000 ask=1.10010
attach AccountPublisher InpMagics=0
wait 1000
attach SignalFollower terminal=2 InpInstances={login}.Demo-Server InpFollower={login} InpDryRun=0 InpMaxOrdersPerMinute=0
wait 1000
open first side=buy volume=0.1 price=1.1
until positions magic=20250202
timed {count}
timed {count} eager=1
"""


def check_sources(build, folder, header, dll=None):
    """All programs in the folder, and their mistakes."""
    exports = library.exports_of(dll) if dll else None
    sources, mistakes = [], []
    paths = sorted(folder.glob("Experts/**/*.mq5")) + sorted(folder.glob("Scripts/**/*.mq5"))
    if not paths:
        mistakes.append(f"{folder} contains no program")
    paths += sorted(HERE.glob("programs/*.mq5"))  # the suite's own programs
    for path in paths:
        source = build.source(path, folder / "Include")
        sources.append(source)
        mistakes += source.mistakes or library.mistakes(source, header, exports) + collisions.mistakes(source, folder / "Include")
    return sources, list(dict.fromkeys(mistakes))


def check_reference(build, sources):
    """Checks that the stand-in implements exactly what the table lists.

    The compiler proves most of it, because the table becomes the header `api.h`. Left are the templates and the names of
    the stand-in's functions.
    """
    reference, wrong = build.reference, []
    build.terminal(sources)  # links only when every function of the table is there
    text = (HERE / "terminal" / "generic.h").read_text()
    written = set(re.findall(r"^[\w:<>]+ (\w+)\(", text, re.MULTILINE))
    wanted = reference.generic() | set(reference.variadic)
    wrong += [f"generic.h has {name}, which reference.tsv lacks" for name in sorted(written - wanted)]
    wrong += [f"reference.tsv has {name}, which generic.h lacks" for name in sorted(wanted - written)]
    known = set(reference.functions) | set(reference.variadic) | set(reference.variables)
    for path in sorted((HERE / "terminal").glob("api_*.cpp")):
        inside = path.read_text().split("namespace api {", 1)[1]
        for name in re.findall(r"^(?!static)[\w:]+(?: [\w:]+)* (\w+)\(", inside, re.MULTILINE):
            if name not in known:
                wrong.append(f"{path.name} has {name}, which reference.tsv lacks")
    handlers = re.findall(r"^  \w+ \(\*(On\w+)\)", (HERE / "terminal" / "program.h").read_text(), re.MULTILINE)
    if handlers != list(reference.handlers):
        wrong.append(f"program.h has the handlers {handlers}, reference.tsv {list(reference.handlers)}")
    return wrong


class Second:
    """A second terminal, which stands by and takes over when the first one is killed."""

    def __init__(self):
        self.started = False

    def ready(self, play, over):
        """Prepares it: how to play it, and the file that tells it to take over."""
        self.play, self.over = play, over
        over.unlink(missing_ok=True)

    def start(self):
        self.started = True
        self.pool = ThreadPoolExecutor(1)
        self.result = self.pool.submit(self.play)
        return []

    def goes_on(self):
        """Lets it take over; returns its output and its exit code."""
        self.started = False
        self.over.touch()
        with self.pool:
            return self.result.result()


class Suite:
    def __init__(self, build, sources, given):
        self.build, self.sources, self.given = build, sources, given
        self.program = build.terminal(sources)
        self.wine = Wine(given.prefix)
        self.library, self.redis = Path(given.library), given.redis

    def scenarios(self, names):
        paths = [Path(name) for name in names] or sorted(HERE.glob("scenarios/*.txt"))
        output, good = self.play(paths)
        if not good:  # first, because a log that is cut still shows its beginning
            print(*re.findall(r"^(?:\w+\| )?(?:FAILED|DIFFERS)\b.*", output, re.MULTILINE), sep="\n")
        print(output, end="")
        return 0 if good else 1

    def random(self, names):
        from .chance import scenario

        return self.generated(names, scenario)

    def days(self, names):
        from .day import scenario

        return self.generated(names, scenario)

    def generated(self, names, scenario):
        """Plays COUNT generated scenarios from SEED on."""
        seed, count = int(names[0]), int(names[1])
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for number in range(count):
                path = Path(folder) / f"random-{seed + number}.txt"
                path.write_text(scenario(seed + number))
                paths.append(path)
            output, good = self.play(paths)
            if not good:
                print(output)
                for path in paths:
                    if f"FAILED {path.name}" in output:
                        print(f"--- {path.name}\n{path.read_text()}")
                        break
            return 0 if good else 1

    def copier(self, words):
        """`copier SEED MINUTES`, or `copier SEED COUNT cases`: sources and followers in generated scenarios."""
        from .copier import Copier, minutes

        seed, much = int(words[0]), int(words[1])
        run = Copier(self, self.build.folder / "copier")
        run.seeds(seed, (lambda cases: cases >= much) if "cases" in words else minutes(much))
        return run.summary()

    def killed(self, words):
        """`killed [TEXT...]`: a day on which a terminal is killed at every step; only those whose name has a text."""
        from .copier import Copier
        from .killed import days

        run, paths = Copier(self, self.build.folder / "copier"), []
        for name, day in days():
            if not words or any(word in name for word in words):
                paths.append(run.keep / f"{name}.txt")
                paths[-1].write_text(day.scenario())
        run.play(paths)
        return run.summary()

    def bench(self, _):
        """Prints the time of a publishing call in an MQL5 program."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bench.txt"
            path.write_text("account login=1\nsymbol EURUSD bid=1.1 ask=1.1001\nattach Bench\n")
            output, good = self.play([path])
        print(*re.findall(r"Bench: (\w+: p50 .*)", output), sep="\n")
        return 0 if good and output.count("p99") == 2 else 1

    def copying(self, words):
        """`copying COUNT`: prints how long each of so many copies took from the source's deal to the follower's order, µs:
        a line of those for which the follower's timer had to come first, and one of those for which it did not."""
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            # A new account for each hundred: a long history of deals would cost time of its own.
            for number, begin in enumerate(range(0, int(words[0]), 100)):
                paths.append(Path(folder) / f"copying-{number}.txt")
                count = min(100, int(words[0]) - begin) // 2
                paths[-1].write_text(COPYING.format(login=9_000_000 + number, count=count))
            output, good = self.play(paths, limit=600)
        times = {way: [time for line in re.findall(rf"^TIMED {way}(.*)", output, re.M) for time in line.split()]
                 for way in ("timers", "eager")}  # fmt: skip
        print(*(" ".join([way, *found]) for way, found in times.items()) if good else [output], sep="\n")
        return 0 if good else 1

    def mutants(self, names):
        """`mutants SEED COUNT [FILE...]`: how many changes of these files the check and the scenarios notice. `mutants again
        FILE`: the same for those that survived in an earlier run with this output. `mutants written [NAME...]`: those of the
        tables in `mutants/`, each of which must make its step fail."""
        from .mutants import Trial
        from .written import WrittenTrial

        if names[0] == "written":
            return WrittenTrial(self, names[1:]).run()
        only = [] if names[0] == "again" else names[2:]
        trial = Trial(self.build, self, self.sources, self.given.sources, self.given.header, only)
        if names[0] == "again":
            earlier = set(re.findall(r"^\d+/\d+ survived: (.*)$", Path(names[1]).read_text(), re.MULTILINE))
            # Without the line number, which may have changed since.
            earlier = {re.sub(r":\d+:", ":", text, count=1) for text in earlier}
            mutants, of = trial.all_of_them(), len(earlier)
            mutants = [mutant for mutant in mutants if re.sub(r":\d+:", ":", str(mutant), count=1) in earlier]
        else:
            mutants, of = trial.sample(int(names[0]), int(names[1]))
        found = dict.fromkeys(("check", "scenario", "same", "apart", "survived"), 0)
        for mutant, verdict in trial.verdicts(mutants):
            found[verdict] += 1
            print(f"{sum(found.values())}/{len(mutants)} {verdict}: {mutant}", flush=True)
        tried = len(mutants) - found["same"] - found["apart"]
        noticed = found["check"] + found["scenario"]
        print(f"{' '.join(names)}: {noticed} of {tried} mutants noticed ({found['check']} by the check, {found['scenario']} by"
              f" a scenario), {found['survived']} survived; {of} are possible")  # fmt: skip
        return 0 if noticed * 10 >= tried * 9 else 1

    def endures(self, mutant, programs=()):
        """Plays the scenarios with a mutant until one fails; returns the output and whether all passed. Scenarios without
        the changed programs are left out."""
        redis.Redis("127.0.0.1", self.redis).flushall()
        self.wine.environment["MQL5_MUTANT"] = str(mutant)
        most = ["hedging", "transactions", "netting", "probe", "signals", "scripts"]
        paths = sorted(HERE.glob("scenarios/*.txt"), key=lambda path: (path.stem not in most, path.stem))
        if programs:
            attached = re.compile(rf"^(?:@\w+ )?attach (?:{'|'.join(sorted(programs))})\b", re.MULTILINE)
            paths = [path for path in paths if attached.search(path.read_text())]
        return self.play(paths, limit=40 + 8 * len(paths), patient=False)  # a mutant may never end

    def play(self, paths, limit=300, patient=True):
        """Plays scenarios one after another in one terminal, or in several if they have lines for several; after a kill, a
        new one continues."""
        alone = [path for path in paths if not terminals_of(path)]
        output, good = self.play_alone(alone, limit, patient) if alone else ("", True)
        together = [path for path in paths if path not in alone]
        quiet = [path for path in together if not any(kills_of(path, name) for name in terminals_of(path))]
        for group in [quiet] * bool(quiet) + [[path] for path in together if path not in quiet]:
            printed, fine = self.play_together(group, limit, patient)
            output, good = output + printed, good and fine
        return output, good

    def play_alone(self, paths, limit, patient):
        others, second = Others(self.redis), Second()
        answers = self.answers(others) | {"STANDBY": lambda _: second.start(), "FOLLOWED": others.followed}
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            wine = self.terminal(folder, others)
            shutil.copytree(folder / "MQL5", folder / "second" / "MQL5")
            output, good, start = "", True, int(time.time() * 1000)
            quiet = [path for path in paths if not kills_of(path)]
            for group in [quiet] * bool(quiet) + [[path] for path in paths if path not in quiet]:
                kills = sum(kills_of(path) for path in group)
                for resume in range(kills + 1):

                    def terminal(place, resume, group=group):
                        return wine.play(self.arguments(place, start, resume, group), answers, limit, patient)

                    if second.started:
                        printed, code = second.goes_on()
                    else:
                        place = folder / "second"
                        second.ready(lambda number=resume + 1: terminal(place, f"{number}+"), place / "goes_on")
                        printed, code = terminal(folder, str(resume))
                    output += printed
                    if code or "FAILED" in printed or ("KILLED" in printed) != (resume < kills):
                        good = False
                        break
        others.link.close()
        return output, good

    def play_together(self, paths, limit, patient):
        """Each terminal is a process with a folder, a broker and a link of its own."""
        turns, start = Turns(), int(time.time() * 1000) - EARLIER
        names = sorted({name for path in paths for name in terminals_of(path)})

        def lives(folder, name):
            others = Others(self.redis)
            answers = self.answers(others) | {"TURN": lambda question: turns.wait(name, question), "FOLLOWED": others.followed}
            wine = self.terminal(folder / name, others)
            wine.environment["MQL5_TERMINAL"] = name
            output, kills = "", sum(kills_of(path, name) for path in paths)
            try:
                for resume in range(kills + 1):
                    printed, code = wine.play(self.arguments(folder / name, start, resume, paths), answers, limit, patient)
                    output += "".join(f"{name}| {line}\n" for line in printed.splitlines())
                    if code or "FAILED" in printed or ("KILLED" in printed) != (resume < kills):
                        return output, False
                return output, True
            finally:
                turns.end(name)
                others.link.close()

        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(len(names)) as pool:
            results = list(pool.map(lambda name: lives(Path(folder), name), names))
        return "".join(output for output, _ in results), all(good for _, good in results)

    def answers(self, others):
        return {"CHECK": Oracle(self.redis).differences, "REDIS": others.do}

    def arguments(self, place, start, resume, paths):
        return [str(self.program), windows_path(place / "MQL5" / "Libraries"), windows_path(place),
                f"redis://127.0.0.1:{self.redis}", str(start), str(resume), *(windows_path(path) for path in paths)]  # fmt: skip

    def terminal(self, folder, others):
        """Makes a terminal's folder; returns the Wine that plays in it."""
        (folder / "MQL5" / "Files").mkdir(parents=True)
        (folder / "MQL5" / "Libraries").mkdir(parents=True)
        (folder / "MQL5" / "Files" / "lanes.toml").write_text(f'url = "redis://127.0.0.1:{self.redis}"\n')
        (folder / "MQL5" / "Files" / "volatile.toml").write_text(
            f'url = "redis://127.0.0.1:{others.link.port}"\n[journal]\nsync = "off"\n')  # fmt: skip
        shutil.copy(self.library, folder / "MQL5" / "Libraries" / "mt5_redis.dll")
        wine = copy.copy(self.wine)
        wine.environment = self.wine.environment | {
            "MQL5_LINK": f"redis://127.0.0.1:{others.link.port}", "MQL5_BROKER": windows_path(folder)}  # fmt: skip
        return wine
