#!/usr/bin/python3
"""Many numbered UDP flows at once, one for each source port, and the receiver that says what is missing of each.

send:    FLOWS flows from source ports BASE, BASE + 1, ..., RATE datagrams a second each, at absolute times; prints how late the latest was.
receive: prints "listening", then when every flow has ended, or after --seconds, one line of JSON: {source port: {sent, lost, ...}}.
"""
import argparse
import json
import socket
import struct
import sys
import time

BURST_S = 0.02
SO_RCVBUFFORCE = 33  # asm-generic/socket.h
HEADER = struct.Struct("!IIB")  # number, how many in all, 1 = the end


def send(args):
    socks = []
    for flow in range(args.flows):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("", args.base + flow))
        sock.connect((args.to, args.port))
        socks.append(sock)
    n, latest, begin = int(args.rate * args.seconds), 0.0, time.monotonic()
    for number in range(n):
        due = begin + number / args.rate
        now = time.monotonic()
        if now < due:
            time.sleep(due - now)
        elif now - due > BURST_S:
            latest = max(latest, now - due)
            begin += now - due  # a machine that let us wait is not to be followed by a burst
        packet = HEADER.pack(number, n, 0) + b"x" * 32
        for sock in socks:
            sock.send(packet)
    for _ in range(20):  # the end, often enough that one arrives
        time.sleep(0.05)
        for sock in socks:
            try:
                sock.send(HEADER.pack(n, n, 1))
            except ConnectionRefusedError:  # the receiver has heard enough
                pass
    print(json.dumps({"sent": n, "latest_ms": round(latest * 1000, 1)}))


class Flow:
    def __init__(self):
        self.seen, self.duplicates, self.reordered, self.highest = set(), 0, 0, -1
        self.total, self.last, self.gap, self.gap_at = None, None, 0.0, 0

    def take(self, number, total, is_end, now):
        self.total = total
        if is_end:
            return True
        if self.last is not None and now - self.last > self.gap:
            self.gap, self.gap_at = now - self.last, number
        self.last = now
        self.duplicates += number in self.seen
        self.reordered += number < self.highest
        self.highest = max(self.highest, number)
        self.seen.add(number)
        return False

    def json(self):
        lost = sorted(set(range(self.total or 0)) - self.seen)
        return {"sent": self.total, "lost": len(lost), "lost_numbers": lost[:20], "duplicates": self.duplicates,
                "reordered": self.reordered, "longest_gap_ms": round(self.gap * 1000, 1), "gap_at": self.gap_at}


def receive(args):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
    sock.bind(("", args.port))
    print("listening", flush=True)
    deadline = time.monotonic() + args.seconds
    flows, ended = {}, set()
    while time.monotonic() < deadline and len(ended) < args.flows:
        sock.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            data, (_, source) = sock.recvfrom(2048)
        except socket.timeout:
            break
        number, total, is_end = HEADER.unpack_from(data)
        if flows.setdefault(source, Flow()).take(number, total, is_end, time.monotonic()):
            ended.add(source)
    print(json.dumps({source: flow.json() for source, flow in sorted(flows.items())}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    sender = commands.add_parser("send")
    sender.add_argument("--to", required=True)
    sender.add_argument("--base", type=int, required=True)
    sender.add_argument("--rate", type=float, required=True)
    receiver = commands.add_parser("receive")
    for command in (sender, receiver):
        command.add_argument("--port", type=int, required=True)
        command.add_argument("--flows", type=int, required=True)
        command.add_argument("--seconds", type=float, required=True)
    args = parser.parse_args()
    return send(args) if args.command == "send" else receive(args)


if __name__ == "__main__":
    sys.exit(main())
