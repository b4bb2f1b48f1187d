"""What the fastpath benchmark plays: captures, rule sets and the list of workloads.

A capture is made once and kept under build/bench/captures. Open vSwitch holds each frame of a port's capture in a buffer of its pool, which has
at most 262,144 of them, so a larger capture is dealt to several ports; both switches get the same ports. Rules go to port OUT, number 1; captures
come in at 11, 12 and so on.
"""
import ipaddress
import json
import random
from dataclasses import dataclass
from pathlib import Path

from suite import ROOT, sh

DIRECTORY = ROOT / "build/bench"
FRAMES_A_PORT = 200000  # below the pool's 262,144, which also feeds the bursts under way
OUT = 1
FIRST_IN = 11
WIDE_RULES = 1000


def build_tool(name):
    """Compiles tools/NAME.c and returns the program."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    program = DIRECTORY / name
    source = Path(__file__).resolve().parent / "tools" / f"{name}.c"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        sh("gcc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", source, "-o", program)
    return program


def two_rules():
    return ["priority=100,udp,nw_dst=10.1.0.0/16,actions=output:1", "priority=200,udp,tp_dst=53,actions=drop",
            "priority=1,actions=output:1"]


def set_field_rules():
    """Three rewrites with their checksums: Ethernet destination, IPv4 destination, time to live."""
    return ["priority=100,ip,actions=set_field:02:00:00:00:00:63->eth_dst,set_field:10.9.9.9->ip_dst,dec_ttl,output:1",
            "priority=1,actions=output:1"]


# Ten masks: (source prefix, destination prefix, protocol or None, source port matched, destination port matched).
WIDE_MASKS = ((0, 24, None, False, False), (0, 28, None, False, False), (16, 20, None, False, False), (24, 0, None, False, False),
              (24, 24, None, False, False), (0, 20, "udp", False, True), (20, 0, "udp", False, True), (18, 22, "tcp", False, True),
              (0, 22, "udp", True, False), (28, 28, "udp", False, False))


def wide_rules():
    """A thousand rules on ten masks, the addresses and ports from where the captures have theirs; what none matches goes out too."""
    chance = random.Random(10)
    rules = ["priority=1,actions=output:1"]
    for index in range(WIDE_RULES - 1):
        source, destination, protocol, has_source_port, has_destination_port = WIDE_MASKS[index % len(WIDE_MASKS)]
        parts = [f"priority={10 + index % 97}", protocol or "ip"]
        for bits, name, base, size in ((source, "nw_src", 0x0A020000, 17), (destination, "nw_dst", 0x0A010000, 16)):
            if bits:
                address = ipaddress.ip_network((base | chance.getrandbits(size), bits), strict=False)
                parts.append(f"{name}={address}")
        if has_source_port:
            parts.append(f"tp_src={chance.randrange(1024, 65024)}")
        if has_destination_port:
            parts.append(f"tp_dst={chance.randrange(1024, 65024)}")
        rules.append(",".join(parts) + ",actions=output:1")
    return rules


def plain_rules():
    """One rule, so one megaflow a port, whatever comes."""
    return ["priority=1,actions=output:1"]


def copying_rules():
    """What goes out depends on source address and source port, so each pair of them is a megaflow of its own."""
    return ["priority=1,udp,actions=move:NXM_OF_IP_SRC[]->NXM_OF_IP_DST[],move:NXM_OF_UDP_SRC[]->NXM_OF_UDP_DST[],output:1"]


RULE_SETS = {"two": two_rules, "set-field": set_field_rules, "wide": wide_rules, "plain": plain_rules, "copying": copying_rules}
SPEED_RULE_SETS = ("two", "set-field", "wide")


@dataclass(frozen=True)
class Workload:
    flows: int
    size: int = 60
    order: str = "random"
    kind: str = "udp4"
    rules: str = "two"
    frames: int = 0  # in the capture; 0: as many as the order needs

    @property
    def name(self):
        count = f"{self.flows // 1000000}M" if self.flows >= 1000000 else f"{self.flows // 1000}k" if self.flows >= 1000 else str(self.flows)
        return f"{count}-{self.size}-{self.order}-{self.kind}-{self.rules}"

    def captures(self):
        """The files, made if need be, and what is in them: {frames, flows}."""
        parts = -(-max(self.flows, self.frames) // FRAMES_A_PORT)  # a capture repeats flows only as far as one port holds them
        prefix = DIRECTORY / "captures" / f"{self.flows}-{self.size}-{self.order}-{self.kind}-{self.frames}"
        note = Path(f"{prefix}.json")
        program = build_tool("capture")
        if not note.exists() or note.stat().st_mtime < program.stat().st_mtime:
            prefix.parent.mkdir(parents=True, exist_ok=True)
            note.write_text(sh(program, prefix, self.flows, self.size, self.order, self.kind, parts, *([self.frames] if self.frames else [])).stdout,
                            encoding="ascii")
        return [Path(f"{prefix}.{part}.pcap") for part in range(parts)], json.loads(note.read_text(encoding="ascii"))

    def rule_file(self):
        path = DIRECTORY / f"rules-{self.rules}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(rule + "\n" for rule in RULE_SETS[self.rules]()), encoding="ascii")
        return path


# Each dimension is varied from 10,000 flows, 60 bytes, random order, udp4, rule set `two`.
NAMED = (
    Workload(1, order="sequential"), Workload(1000), Workload(10000), Workload(100000), Workload(1000000),
    Workload(10000, order="sequential"), Workload(100000, order="zipf"), Workload(1000000, order="zipf"),
    Workload(10000, size=1500), Workload(10000, kind="mix"), Workload(100000, kind="mix"),
    Workload(10000, rules="set-field"), Workload(10000, rules="wide"), Workload(100000, order="zipf", kind="mix", rules="wide"),
)


def all_workloads():
    """The full cross."""
    return [Workload(flows, size, order, kind, rules) for flows in (1, 1000, 10000, 100000, 1000000) for size in (60, 1500)
            for kind in ("udp4", "mix") for order in ("sequential", "random", "zipf") for rules in SPEED_RULE_SETS
            if flows > 1 or (order == "sequential" and kind == "udp4")]
