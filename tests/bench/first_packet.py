"""How long the first packet of a flow takes between two veth hosts: ours and Open vSwitch with type=afxdp, as tests/bench/veth sets them up.

One packet at a time, each the first of its flow (a select group over addresses and ports makes every connection a flow of its own), a few
milliseconds apart, so that each finds everything at rest: this measures wake-ups more than work. A packet is sent and received by this
program with a packet socket in each host; its time is from the call that sends it to the moment the kernel of the other host received it. The
sending call is in it, for both alike, and so is the first one or two hundred microseconds that a sleeping process needs to run. Ours runs
first, then the peer, the other one stopped or asleep; several turns each.
"""
import ctypes
import os
import socket
import statistics
import struct
import time
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import contract

GROUP = "group_id=1,type=select,selection_method=hash,fields(ip_src,ip_dst,udp_src,udp_dst),bucket=output:2,bucket=output:2"
RULE = "priority=20,ip,in_port=1,actions=group:1"
PAUSE_S = 0.004
WAIT_S = 0.5
WARM = 50
ETH_P_ALL, SO_TIMESTAMPNS, CLONE_NEWNET = 3, 35, 0x40000000
MARK = b"first-packet"


def load_veth():
    path = str(Path(__file__).resolve().parent / "veth")
    loader = SourceFileLoader("bench_veth", path)
    module = module_from_spec(spec_from_loader("bench_veth", loader))
    loader.exec_module(module)
    return module


def socket_in(host):
    """A packet socket on eth0 of this host."""
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{host.name}", os.O_RDONLY)
    try:
        assert libc.setns(there, CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        try:
            made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            made.bind(("eth0", ETH_P_ALL))
        finally:
            assert libc.setns(home, CLONE_NEWNET) == 0
    finally:
        os.close(home)
        os.close(there)
    made.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    made.settimeout(WAIT_S)
    return made


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def frame_of(first, second, number):
    payload = MARK + struct.pack("!I", number)
    ports = struct.pack("!HH", 1024 + number % 60000, 7000 + number // 60000)
    size = 20 + 8 + len(payload)
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, size, 0, 0, 64, 17, 0, socket.inet_aton(first.ip), socket.inet_aton(second.ip))
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    ethernet = bytes.fromhex(second.mac.replace(":", "")) + bytes.fromhex(first.mac.replace(":", "")) + b"\x08\x00"
    return ethernet + head + ports + struct.pack("!HH", 8 + len(payload), 0) + payload


def stamp_of(ancillary):
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack("qq", data[:16])
            return seconds * 10 ** 9 + nanoseconds
    return None


def one(sender, receiver, frame):
    """Microseconds it took; None: it did not arrive."""
    begun = time.clock_gettime_ns(time.CLOCK_REALTIME)
    sender.send(frame)
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        try:
            data, ancillary, _, _ = receiver.recvmsg(2048, 256)
        except TimeoutError:
            return None
        stamp = stamp_of(ancillary)
        if data[42:] == frame[42:] and stamp is not None:
            return (stamp - begun) / 1000
    return None


def run(contestant, count, base):
    """Times of `count` packets, each of a flow that nobody has seen; lost ones are None."""
    first, second = contestant.hosts
    sender, receiver = socket_in(first), socket_in(second)
    try:
        times = []
        for number in range(base, base + WARM + count):
            times.append(one(sender, receiver, frame_of(first, second, number)))
            time.sleep(PAUSE_S)
        return times[WARM:]
    finally:
        sender.close()
        receiver.close()


def add_rules(side, contestant):
    if side == "ours":
        contestant.suite.swctl("add-group", "br0", GROUP)
        contestant.suite.swctl("add-flow", "br0", RULE)
    else:
        contestant.ovs("ovs-ofctl", "-O", "OpenFlow15", "add-group", "br0", GROUP)
        contestant.ovs("ovs-ofctl", "-O", "OpenFlow13", "add-flow", "br0", RULE)


def measure(count, turns):
    """Metrics of p50 and p99."""
    veth = load_veth()
    metrics = {share: contract.Metric(f"first packet between veth hosts, p{share}", "us", lower_is_better=True) for share in (50, 99)}
    contestants = {"peer": veth.OvsAfxdp(None), "ours": veth.Ours(None)}
    try:
        for side, contestant in contestants.items():
            contestant.start()
            add_rules(side, contestant)
            contestant.pause()
        for turn in range(turns):
            for side, contestant in contestants.items():
                contestant.go_on()
                found = run(contestant, count, turn * (count + WARM))
                contestant.pause()
                n_lost = sum(value is None for value in found)
                assert n_lost <= count // 100, f"{side}: {n_lost} of {len(found)} first packets were lost"
                times = [WAIT_S * 1e6 if value is None else value for value in found]  # who loses his slow ones shall not look faster for it
                cuts = statistics.quantiles(times, n=100)
                metrics[50].add(side, cuts[49])
                metrics[99].add(side, cuts[98])
                print(f"first packets, turn {turn + 1}: {side}: p50 {cuts[49]:.0f} us, p99 {cuts[98]:.0f} us, {n_lost} of {len(found)} lost",
                      flush=True)
    finally:
        for contestant in contestants.values():
            left = contestant.close()
            if left:
                print(f"left behind: {left}")
    return list(metrics.values()), veth.OvsAfxdp.NAME.removesuffix(veth.BEST)
