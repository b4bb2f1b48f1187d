#!/usr/bin/python3
"""A stream of numbered UDP datagrams, and the receiver that says exactly what is missing.

send:    at absolute times, so that a late one does not delay the next; prints {"sent": N, "latest_ms": the worst lateness}.
receive: prints "listening", then after the last datagram (a flagged one, repeated) or --seconds one line of JSON.
"""
import argparse
import json
import socket
import struct
import sys
import time

HEADER = struct.Struct("!IIB")  # number, how many in all, 1 = the end


def send(args):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect((args.to, args.port))
    n = int(args.rate * args.seconds)
    padding = b"x" * 64
    latest = 0.0
    begin = time.monotonic()
    for number in range(n):
        due = begin + number / args.rate
        now = time.monotonic()
        if now < due:
            time.sleep(due - now)
        else:
            latest = max(latest, now - due)
        sock.send(HEADER.pack(number, n, 0) + padding)
    for _ in range(20):  # the end, often enough that one arrives
        time.sleep(0.05)
        sock.send(HEADER.pack(n, n, 1))
    print(json.dumps({"sent": n, "latest_ms": round(latest * 1000, 1)}))


def receive(args):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    sock.bind(("", args.port))
    print("listening", flush=True)
    deadline = time.monotonic() + args.seconds
    seen, duplicates, reordered, highest, total = set(), 0, 0, -1, None
    last, longest_gap = None, 0.0
    while time.monotonic() < deadline:
        sock.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            number, n, end = HEADER.unpack_from(sock.recv(2048))
        except socket.timeout:
            break
        total = n
        if end:
            break
        now = time.monotonic()
        longest_gap = max(longest_gap, now - last if last is not None else 0.0)
        last = now
        duplicates += number in seen
        reordered += number < highest
        highest = max(highest, number)
        seen.add(number)
    lost = sorted(set(range(total or 0)) - seen)
    print(json.dumps({"sent": total, "received": len(seen), "lost": len(lost), "lost_numbers": lost[:50], "duplicates": duplicates,
                      "reordered": reordered, "longest_gap_ms": round(longest_gap * 1000, 1)}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    sender = commands.add_parser("send")
    sender.add_argument("--to", required=True)
    sender.add_argument("--rate", type=float, required=True)
    receiver = commands.add_parser("receive")
    for command in (sender, receiver):
        command.add_argument("--port", type=int, required=True)
        command.add_argument("--seconds", type=float, required=True)
    args = parser.parse_args()
    return send(args) if args.command == "send" else receive(args)


if __name__ == "__main__":
    sys.exit(main())
