"""What every benchmark does: two contestants measured in turn, medians, a table for people and JSON for programs.

A benchmark is an executable with `--quick` and `--json FILE`. The file is a list of
{name, unit, ours, peer, peer_name, ratio, runs}: medians, and a ratio above 1 when we are better. A metric whose peer could not be measured
has peer and ratio null. Beside them stand ours_spread and peer_spread (half the range between the quartiles, in the same unit).
"""
import argparse
import json
import os
import statistics
import sys


class Metric:
    def __init__(self, name, unit, lower_is_better=False):
        self.name, self.unit, self.lower_is_better = name, unit, lower_is_better
        self.values = {"ours": [], "peer": []}

    def add(self, side, value):
        if value is not None:
            self.values[side].append(value)

    @staticmethod
    def spread(values):
        if len(values) < 3:
            return None
        quartiles = statistics.quantiles(values, n=4)
        return (quartiles[2] - quartiles[0]) / 2

    def row(self, peer_name):
        ours, peer = (statistics.median(v) if v else None for v in (self.values["ours"], self.values["peer"]))
        ratio = None
        if ours is not None and peer is not None and ours > 0 and peer > 0:
            ratio = peer / ours if self.lower_is_better else ours / peer
        return {"name": self.name, "unit": self.unit, "ours": ours, "peer": peer, "peer_name": peer_name, "ratio": ratio,
                "runs": min(len(v) for v in self.values.values()) or max(len(v) for v in self.values.values()),
                "ours_spread": self.spread(self.values["ours"]), "peer_spread": self.spread(self.values["peer"])}


def arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs: shows that it works, measures roughly")
    parser.add_argument("--json", metavar="FILE", help="write the rows there")
    return parser.parse_args()


def report(metrics, peer_name, path=None):
    """Prints the table and writes the file. Exit status 0 when everything of ours was measured."""
    rows = [metric.row(peer_name) for metric in metrics]

    def text(value):
        return "-" if value is None else f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
    print(f"\n{'metric':<34} {'unit':<8} {'ours':>10} {'peer':>10} {'ratio':>7} {'runs':>5}   (peer: {peer_name}; above 1 = ours is better)")
    for row in rows:
        print(f"{row['name']:<34} {row['unit']:<8} {text(row['ours']):>10} {text(row['peer']):>10} {text(row['ratio']):>7} {row['runs']:>5}")
    if path:
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)
            file.write("\n")
        os.replace(path + ".new", path)
    missing = [row["name"] for row in rows if row["ours"] is None]
    if missing:
        print(f"not measured: {', '.join(missing)}", file=sys.stderr)
    return 1 if missing else 0


def foreign_load():
    """(busy, all) ticks of the machine since it started: differences tell how busy it was."""
    with open("/proc/stat", encoding="ascii") as file:
        ticks = [int(word) for word in file.readline().split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks), ticks[7]
