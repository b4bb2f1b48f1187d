"""What the tests of growth share: a control group for each process, several tries, the table, the exit status.

Every replica is in a control group (v2 or v1) with a quota of processor time, so that a machine of two cores shows what more cores would do. A test is a
program with --json FILE; it measures each number of replicas in turn, several times, and goes by the medians, since the speed of a shared machine
changes between two turns by more than what is looked for.

Its exit status is 0 when there is growth enough, 1 when not or when something else is wrong (named on standard error), and 2 when nothing could be
measured, because something is missing (named likewise). The judgement itself is tested by selftest.py.
"""
import argparse
import math
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "bench"), str(TESTS / "system")]
import contract  # noqa: E402
from suite import BIN  # noqa: E402

LEAST_DOUBLING = 1.7
TURNS, TRIES = 3, 3
NOT_MEASURED = 2  # exit status
BUILD = "cmake --preset release && cmake --build --preset release"
PERIOD_US = 20000  # short, so that a process is never away for long
V2, V1 = Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/cpu")


def is_v2():
    controllers = V2 / "cgroup.controllers"
    return controllers.exists() and "cpu" in controllers.read_text(encoding="ascii").split()


class Quota:
    """A control group in which a process gets `percent` of a core."""

    def __init__(self, name, percent, pid):
        quota = PERIOD_US * percent // 100
        if is_v2():
            (V2 / "cgroup.subtree_control").write_text("+cpu", encoding="ascii")
            self.path, values = V2 / name, {"cpu.max": f"{quota} {PERIOD_US}"}
        else:
            assert V1.is_dir(), "no control groups with a cpu controller on this machine"
            self.path, values = V1 / name, {"cpu.cfs_period_us": PERIOD_US, "cpu.cfs_quota_us": quota}
        self.path.mkdir()
        for file, value in values.items():
            (self.path / file).write_text(str(value), encoding="ascii")
        (self.path / "cgroup.procs").write_text(str(pid), encoding="ascii")

    def close(self):
        deadline = time.monotonic() + 5
        while self.path.exists():
            try:
                self.path.rmdir()
            except OSError:  # its process is not quite gone
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


class Quotas:
    """Of some processes of a suite; closed after these have ended."""

    def __init__(self, suite, services, percent):
        self.quotas = []
        try:
            for service in services:
                self.quotas.append(Quota(f"busbar-scale-{os.getpid()}-{service}", percent, suite.pid(service)))
        except BaseException:
            self.close()
            raise

    def close(self):
        for quota in self.quotas:
            quota.close()


def give_up(name, reason):
    """Ends the program: nothing can be measured."""
    print(f"{name}: {reason}", file=sys.stderr)
    sys.exit(NOT_MEASURED)


def need(name, *programs):
    for program in programs:
        if not program.exists():
            give_up(name, f"{program} is missing: {BUILD}")


def per_doubling(rates):
    """The least growth from one number of replicas to the next, as if that were its double."""
    counts = sorted(rates)
    return min((rates[more] / rates[less]) ** (1 / math.log2(more / less)) for less, more in zip(counts, counts[1:]))


def print_table(found, rates, what, unit):
    first = min(rates)
    print(f"{what:>12} {unit:>16} {'times':>6}   of", flush=True)
    for count, rate in rates.items():
        print(f"{count:>12} {rate:>16.0f} {rate / rates[first]:>6.2f}   {', '.join(f'{value:.0f}' for value in found[count])}", flush=True)


def judge(counts, measure, what, unit, value, least, unit_of_value):
    """({count: rate}, whether value(rates) is `least` or more): tries until it is so, of TURNS turns each, by the medians of all turns so far."""
    found = {count: [] for count in counts}
    for attempt in range(TRIES):
        for _ in range(TURNS):
            for count in counts:
                found[count].append(measure(count))
        rates = {count: statistics.median(values) for count, values in found.items()}
        print_table(found, rates, what, unit)
        if value(rates) >= least:
            return rates, True
        print(f"try {attempt + 1} of {TRIES}: {unit_of_value}: {value(rates):.2f} times, {least} are wanted", flush=True)
    return rates, False


def grow(counts, measure, what, unit):
    """Of replicas: each doubling is to give LEAST_DOUBLING."""
    return judge(counts, measure, what, unit, per_doubling, LEAST_DOUBLING, "what a doubling gave")


def hold(counts, measure, what, unit, few, many, least):
    """Of what is a burden rather than help: the rate at `many` is to be at least this share of that at `few`."""
    return judge(counts, measure, what, unit, lambda rates: rates[many] / rates[few], least, f"the rate with {many}, of that with {few}")


def write_json(rates, what, path):
    if path:
        first = rates[min(rates)]
        contract.write_json([{"name": f"{count} {what}", "unit": "1/s", "ours": rate, "peer": None, "peer_name": None, "ratio": rate / first}
                             for count, rate in rates.items()], path)


def parser(name, description, share=15):
    made = argparse.ArgumentParser(prog=name, description=description)
    made.add_argument("--json", metavar="FILE", help="write the figures there")
    if share:
        made.add_argument("--share", type=int, default=share, metavar="PERCENT", help="of a core, for each replica")
    made.add_argument("--seconds", type=float, default=2.0, help="that each figure is measured for")
    return made


def run(name, main):
    """The program: main() returns the exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(f"{name}: asked to stop"))  # so that what was set up is taken away
    if os.geteuid() != 0:
        give_up(name, "needs root, for control groups and namespaces")
    need(name, BIN / f"busbar-{name}")
    turn = contract.take_turn()  # noqa: F841
    try:
        sys.exit(main())
    except (AssertionError, subprocess.TimeoutExpired) as problem:
        sys.exit(f"{name}: {problem}")
