#!/usr/bin/python3
"""Many controllers at one listener: PORT GOOD MORE. GOOD sessions say HELLO, add a rule each and wait for a barrier; beside them one says a byte
of a HELLO at a time and one says noise. Then MORE come and only wait. Prints JSON, then holds all until its input ends.
"""
import json
import select
import socket
import struct
import sys
import time

HELLO, FLOW_MOD, BARRIER_REQUEST, BARRIER_REPLY, ERROR = 0, 14, 20, 21, 1
VERSION = 4


def message(kind, body=b"", xid=1):
    return struct.pack(">BBHI", VERSION, kind, 8 + len(body), xid) + body


def rule(number):
    """Table 7, a match of its own, no instructions."""
    matched = struct.pack(">HHHBBH", 1, 10, 0x8000, 5 << 1, 2, 0x2000 + number) + bytes(6)
    return message(FLOW_MOD, struct.pack(">QQBBHHHIIIHH", 0, 0, 7, 0, 0, 0, 9, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0, 0) + matched)


class Peer:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.data = b""

    def kinds(self):
        """The types of the messages that have come so far."""
        kinds, at = [], 0
        while len(self.data) - at >= 8 and len(self.data) - at >= int.from_bytes(self.data[at + 2:at + 4], "big"):
            kinds.append(self.data[at + 1])
            at += int.from_bytes(self.data[at + 2:at + 4], "big")
        return kinds

    def is_answered(self):
        return BARRIER_REPLY in self.kinds()


def read(peers, seconds, is_done):
    """Reads what comes until that is enough; the peers that were closed."""
    closed, end = set(), time.monotonic() + seconds
    while time.monotonic() < end and not is_done(closed):
        waiting = {peer.socket: peer for peer in peers if peer not in closed}
        for ready in select.select(list(waiting), [], [], 0.05)[0]:
            try:
                data = ready.recv(65536)
            except OSError:
                data = b""
            waiting[ready].data += data
            if not data:
                closed.add(waiting[ready])
    return closed


def main():
    port, n_good, n_more = (int(argument) for argument in sys.argv[1:4])
    slow, noise = Peer(port), Peer(port)
    slow.socket.sendall(message(HELLO)[:1])
    good = [Peer(port) for _ in range(n_good)]
    noise.socket.sendall(bytes(range(1, 256)) * 256)
    begin = time.monotonic()
    for number, peer in enumerate(good):
        peer.socket.sendall(message(HELLO) + rule(number) + message(BARRIER_REQUEST))
        if number % 20 == 0:
            slow.socket.sendall(b"\0")
    closed = read(good + [noise], 10, lambda closed: noise in closed and all(peer.is_answered() for peer in good))
    said = {"answered": sum(peer.is_answered() for peer in good), "errors": sum(ERROR in peer.kinds() for peer in good),
            "closed": len(closed & set(good)), "noise_closed": noise in closed, "seconds": time.monotonic() - begin}
    more = [Peer(port) for _ in range(n_more)]
    said["turned_away"] = len(read(more, 0.5, lambda closed: False))
    print(json.dumps(said), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
