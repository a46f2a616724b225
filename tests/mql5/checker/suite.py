"""Checks the sources, plays the scenarios and compares the results."""

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
from .wine import Wine, windows_path

HERE = Path(__file__).parent.parent


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
        print(output, end="")
        return 0 if good else 1

    def random(self, names):
        from .chance import scenario

        return self.generated(names, scenario)

    def killed(self, names):
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

    def bench(self, _):
        """Prints the time of a publishing call in an MQL5 program."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bench.txt"
            path.write_text("account login=1\nsymbol EURUSD bid=1.1 ask=1.1001\nattach Bench\n")
            output, good = self.play([path])
        print(*re.findall(r"Bench: (\w+: p50 .*)", output), sep="\n")
        return 0 if good and output.count("p99") == 2 else 1

    def mutants(self, names):
        """`mutants SEED COUNT [FILE...]`: how many changes of these files the check and the scenarios notice. `mutants again
        FILE`: the same for those that survived in an earlier run with this output."""
        from .mutants import Trial

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
            attached = re.compile(rf"^attach (?:{'|'.join(sorted(programs))})\b", re.MULTILINE)
            paths = [path for path in paths if attached.search(path.read_text())]
        return self.play(paths, limit=40 + 8 * len(paths), patient=False)  # a mutant may never end

    def play(self, paths, limit=300, patient=True):
        """Plays scenarios one after another in one terminal; after a kill, a new one continues."""
        others = Others(self.redis)
        answers = {"CHECK": Oracle(self.redis).differences, "REDIS": others.do}
        second = Second()
        answers["STANDBY"] = lambda _: second.start()
        self.wine.environment["MQL5_LINK"] = f"redis://127.0.0.1:{others.link.port}"
        output, good = "", True
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            (folder / "MQL5" / "Files").mkdir(parents=True)
            (folder / "MQL5" / "Libraries").mkdir(parents=True)
            (folder / "MQL5" / "Files" / "lanes.toml").write_text(f'url = "redis://127.0.0.1:{self.redis}"\n')
            (folder / "MQL5" / "Files" / "volatile.toml").write_text(
                f'url = "redis://127.0.0.1:{others.link.port}"\n[journal]\nsync = "off"\n')  # fmt: skip
            shutil.copy(self.library, folder / "MQL5" / "Libraries" / "mt5_redis.dll")
            shutil.copytree(folder / "MQL5", folder / "second" / "MQL5")
            self.wine.environment["MQL5_BROKER"] = windows_path(folder)
            start = int(time.time() * 1000)
            quiet = [path for path in paths if not re.search(r"^kill", path.read_text(), re.MULTILINE)]
            groups = [quiet] * bool(quiet) + [[path] for path in paths if path not in quiet]
            for group in groups:
                kills = sum(len(re.findall(r"^kill", path.read_text(), re.MULTILINE)) for path in group)
                for resume in range(kills + 1):

                    def terminal(place, resume, group=group):
                        arguments = [str(self.program), windows_path(place / "MQL5" / "Libraries"), windows_path(place),
                                     f"redis://127.0.0.1:{self.redis}", str(start), resume,
                                     *(windows_path(path) for path in group)]  # fmt: skip
                        return self.wine.play(arguments, answers, limit, patient)

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
        return output, good
