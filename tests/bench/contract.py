"""What every benchmark does: contestants measured in turn, medians, a table for people and JSON for programs.

A benchmark is an executable with `--quick` and `--json FILE`. The file is a list of
{name, unit, ours, peer, peer_name, ratio, runs}, a row for each peer: medians, and a ratio above 1 when we are better. A metric whose peer could
not be measured has peer and ratio null. Beside them stand ours_spread and peer_spread (half the range between the quartiles, in the same unit).
"""
import argparse
import fcntl
import json
import os
import statistics
import sys
import tempfile


class Metric:
    def __init__(self, name, unit, lower_is_better=False):
        self.name, self.unit, self.lower_is_better = name, unit, lower_is_better
        self.values = {}

    def add(self, side, value):
        if value is not None:
            self.values.setdefault(side, []).append(value)

    def median(self, side):
        values = self.values.get(side)
        return statistics.median(values) if values else None

    def spread(self, side):
        values = self.values.get(side, [])
        if len(values) < 3:
            return None
        quartiles = statistics.quantiles(values, n=4)
        return (quartiles[2] - quartiles[0]) / 2

    def ratio(self, side):
        ours, peer = self.median("ours"), self.median(side)
        if not ours or not peer or ours < 0 or peer < 0:
            return None
        return peer / ours if self.lower_is_better else ours / peer

    def row(self, side, peer_name):
        counts = [len(self.values[s]) for s in ("ours", side) if self.values.get(s)]
        return {"name": self.name, "unit": self.unit, "ours": self.median("ours"), "peer": self.median(side), "peer_name": peer_name,
                "ratio": self.ratio(side), "runs": min(counts, default=0), "ours_spread": self.spread("ours"),
                "peer_spread": self.spread(side)}


def parser(description):
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--quick", action="store_true", help="fewer and shorter runs: shows that it works, measures roughly")
    made.add_argument("--json", metavar="FILE", help="write the rows there")
    return made


def take_turn():
    """Waits until no other benchmark runs on this machine. The result must be kept as long as this one does."""
    lock = open(os.path.join(tempfile.gettempdir(), "busbar-bench.lock"), "w", encoding="ascii")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def text_of(value):
    return "-" if value is None else f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def report(metrics, peers, path=None):
    """Prints the table and writes the file; peers is {side: name}. Exit status 0 when everything of ours was measured."""
    metrics = list(metrics)
    width = max(len(metric.name) for metric in metrics)
    print(f"\n{'metric':<{width}} {'unit':<6} {'ours':>8} {'+-':>7}" +
          "".join(f" | {name:>24} {'+-':>7} {'ratio':>6}" for name in peers.values()) + "   (ratio above 1: ours is better)")
    for metric in metrics:
        print(f"{metric.name:<{width}} {metric.unit:<6} {text_of(metric.median('ours')):>8} {text_of(metric.spread('ours')):>7}" +
              "".join(f" | {text_of(metric.median(side)):>24} {text_of(metric.spread(side)):>7} {text_of(metric.ratio(side)):>6}"
                      for side in peers))
    if path:
        write_json([metric.row(side, name) for metric in metrics for side, name in peers.items()], path)
    missing = [metric.name for metric in metrics if metric.median("ours") is None]
    if missing:
        print(f"not measured: {', '.join(missing)}", file=sys.stderr)
    return 1 if missing else 0


def write_json(rows, path):
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(rows, file, indent=1)
        file.write("\n")
    os.replace(path + ".new", path)


def foreign_load():
    """(busy, all, stolen) ticks of the machine since it started: differences tell how busy it was."""
    with open("/proc/stat", encoding="ascii") as file:
        ticks = [int(word) for word in file.readline().split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks), ticks[7]


def thread_times(pid):
    """Nanoseconds on a core of each thread of a process so far."""
    times = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
            times[thread] = int(file.read().split()[0])
    return times


def busiest_thread(before, after):
    """(of the busiest thread, of all) seconds on a core between two thread_times()."""
    grown = [after[thread] - before.get(thread, 0) for thread in after]
    return max(grown, default=0) / 1e9, sum(grown) / 1e9
