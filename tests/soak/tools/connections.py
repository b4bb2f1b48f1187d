#!/usr/bin/python3
"""Numbered datagrams of some hundred connections that come and go, and the receiver that looks at their order (I7).

send:    prints {"sent": N, "connections": made} when standard input ends. A connection is a source port; after --length datagrams another one begins.
receive: prints "listening", and when standard input ends {"received", "connections", "reordered", "duplicates", "first": what was seen first}.
"""
import argparse
import json
import select
import socket
import struct
import sys
import time

HEADER = struct.Struct("!QQ")  # connection, number within it
SO_RCVBUFFORCE = 33  # of Linux; the socket module does not name it
BURST = 16  # datagrams between looks at the clock


def is_over():
    return bool(select.select([sys.stdin], [], [], 0)[0])


class Connection:
    made = 0

    def __init__(self, args):
        self.id = Connection.made
        Connection.made += 1
        self.number = 0
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.connect((args.to, args.port))

    def send(self):
        try:
            self.sock.send(HEADER.pack(self.id, self.number) + b"x" * 32)
        except OSError:
            pass  # a full queue, or what an ICMP error left: not on the wire
        self.number += 1


def send(args):
    connections = [Connection(args) for _ in range(args.connections)]
    lengths = [args.length * (i + 1) // len(connections) + 1 for i in range(len(connections))]  # they do not all end at once
    begin, n, turn = time.monotonic(), 0, 0
    while not is_over():
        for _ in range(BURST):
            connections[turn].send()
            if connections[turn].number >= lengths[turn]:
                connections[turn].sock.close()
                connections[turn] = Connection(args)
                lengths[turn] = args.length
            turn = (turn + 1) % len(connections)
        n += BURST
        ahead = begin + n / args.rate - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
        elif ahead < -0.5:
            begin -= ahead  # what could not be sent in time is not sent in one go later
    print(json.dumps({"sent": n, "connections": Connection.made}))


def receive(args):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
    sock.bind(("", args.port))
    print("listening", flush=True)
    last, recent, result = {}, {}, {"received": 0, "reordered": 0, "duplicates": 0, "first": None}
    while True:
        readable = select.select([sock, sys.stdin], [], [])[0]
        if sock not in readable:
            break
        connection, number = HEADER.unpack_from(sock.recv(2048))
        result["received"] += 1
        before = last.get(connection, -1)
        seen = recent.setdefault(connection, set())
        if number <= before:
            kind = "duplicates" if number in seen else "reordered"
            result[kind] += 1
            result["first"] = result["first"] or f"connection {connection}: {number} after {before} ({kind})"
        seen.add(number)
        last[connection] = max(before, number)
    print(json.dumps(dict(result, connections=len(last))))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    sender, receiver = commands.add_parser("send"), commands.add_parser("receive")
    sender.add_argument("--to", required=True)
    sender.add_argument("--rate", type=float, required=True)
    sender.add_argument("--connections", type=int, required=True)
    sender.add_argument("--length", type=int, required=True)
    for command in (sender, receiver):
        command.add_argument("--port", type=int, required=True)
    args = parser.parse_args()
    return send(args) if args.command == "send" else receive(args)


if __name__ == "__main__":
    sys.exit(main())
