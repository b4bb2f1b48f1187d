"""What the benchmarks of new flows play: captures in which every packet is the first of its flow, and rules that make each a flow of its own."""
import os
import struct

import workloads
from suite import sh

PORTS = 8  # of which each may miss 100,000 times a second
FRAME = 60
FLOW_LIMIT = 4000000
QUIET_US = 1000000
GROUP = "group_id=1,type=select,selection_method=hash,fields(ip_src,ip_dst,udp_src,udp_dst),bucket=output:1,bucket=output:1"


def captures(flows, parts, rate=0):
    """Files of UDP packets, each of its own flow; with a rate, packet k of all has the time k / rate, but for a second after each file's first, in
    which the ports of the others are opened."""
    directory = workloads.DIRECTORY / "captures"
    directory.mkdir(parents=True, exist_ok=True)
    prefix = directory / f"setup-{flows}-{parts}"
    program = workloads.build_tool("capture")
    paths = [directory / f"setup-{flows}-{parts}.{part}.pcap" for part in range(parts)]
    if not paths[-1].exists() or paths[-1].stat().st_mtime < program.stat().st_mtime:
        sh(program, prefix, flows, FRAME, "sequential", "udp4", parts)
    if not rate:
        return paths
    paced = [directory / f"setup-paced.{part}.pcap" for part in range(parts)]
    for part, (source, target) in enumerate(zip(paths, paced)):
        raw = bytearray(source.read_bytes())
        for index, at in enumerate(range(24, len(raw), 16 + FRAME)):
            at_us = (index * parts + part) * 1000000 // rate + (QUIET_US if index > 0 else 0)
            struct.pack_into("<II", raw, at, at_us // 1000000, at_us % 1000000)
        with open(target, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())  # or the kernel writes it back in the middle of what is measured
    return paced


def rules():
    path = workloads.DIRECTORY / "rules-setup.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("priority=10,ip,actions=group:1\n", encoding="ascii")
    return path


def play(ours):
    """Opens the captures of a Busbar with room for all flows."""
    ours.suite.swctl("set-flow-limit", str(FLOW_LIMIT))
    words = []
    for index, capture in enumerate(ours.captures):
        words += ["--"] * bool(words) + ["add-port", "br0", f"pin{index}", "type=pcap", f"options:rx={capture}", "options:pace=recorded",
                                         f"ofport_request={workloads.FIRST_IN + index}"]
    ours.suite.swctl(*words, timeout=60)


def drops(ours):
    """{reason: packets} of all ports."""
    found = {}
    for port in ours.show()["ports"]:
        for kind in ("rx_drops", "tx_drops", "drops"):
            for reason, count in (port.get(kind) or {}).items():
                found[reason] = found.get(reason, 0) + count
    return found
