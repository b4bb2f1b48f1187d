"""A peer on configdb's socket made of bytes: ZeroMQ's handshake and frames by hand, so that what no library would send can be sent.

ZMTP 3.0: a greeting of 64 bytes each way, a READY command each way, then frames: flags (1 more, 2 long, 4 command), length, body.
A message is two frames, an Envelope and a body (proto/README.md); protobuf is written here as (field, value) pairs.
"""
import socket
import struct
import time

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(16) + b"\x00" + bytes(31)
TRANSACT, TRANSACT_REPLY, SUBSCRIBE, SNAPSHOT, DELTA, DELTA_BATCH = 1, 2, 3, 4, 5, 13
SWCTL, OFAGENT, SLOWPATH = 5, 2, 3
INSERT, UPDATE = 1, 2
BRIDGE, PORT, RULE = 2, 3, 10


def varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7f | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def message(*pairs):
    """protobuf: numbers as varints, bytes and strings with their length, ("fixed64", n) as eight bytes."""
    out = []
    for number, value in pairs:
        if isinstance(value, tuple):
            out.append(varint(number << 3 | 1) + struct.pack("<Q", value[1]))
        elif isinstance(value, int):
            out.append(varint(number << 3) + varint(value))
        else:
            value = value.encode() if isinstance(value, str) else value
            out.append(varint(number << 3 | 2) + varint(len(value)) + value)
    return b"".join(out)


def fields(data):
    """{field: [values]} of a protobuf message."""
    def number(at):
        value = shift = 0
        while True:
            byte = data[at]
            value |= (byte & 0x7f) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80:
                return value, at
    found, at = {}, 0
    while at < len(data):
        tag, at = number(at)
        if tag & 7 == 0:
            value, at = number(at)
        elif tag & 7 == 1:
            value, at = struct.unpack_from("<Q", data, at)[0], at + 8
        else:
            size, at = number(at)
            value, at = data[at:at + size], at + size
        found.setdefault(tag >> 3, []).append(value)
    return found


def frame(body, flags=0):
    return bytes([flags, len(body)]) + body if len(body) < 256 else bytes([flags | 2]) + struct.pack(">Q", len(body)) + body


class Peer:
    def __init__(self, path, kind=SWCTL, instance=1, start=None, timeout=10):
        self.kind, self.instance = kind, instance
        self.start = start if start is not None else time.monotonic_ns()
        self.spoken = self.sequence = 0
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(str(path))
        self.socket.sendall(GREETING)
        identity = struct.pack(">BIQ", kind, instance, self.start)
        ready = b"\x05READY" + b"".join(bytes([len(name)]) + name + struct.pack(">I", len(value)) + value
                                        for name, value in ((b"Socket-Type", b"DEALER"), (b"Identity", identity)))
        self.read(64)
        self.socket.sendall(frame(ready, 4))
        self.read_frame()

    def close(self):
        self.socket.close()

    def read(self, size):
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise ConnectionError("closed by configdb")
            data += piece
        return data

    def read_frame(self):
        flags = self.read(1)[0]
        size = struct.unpack(">Q", self.read(8))[0] if flags & 2 else self.read(1)[0]
        return flags, self.read(size)

    def envelope(self, kind):
        self.spoken += 1
        return message((1, 1), (2, 1), (3, kind), (4, self.spoken), (5, self.kind), (6, self.instance), (7, ("fixed64", self.start)))

    def say(self, kind, body):
        self.socket.sendall(frame(self.envelope(kind), 1) + frame(body))

    def hear(self, kind):
        """The body of the next message of this kind."""
        while True:
            head, body = self.read_frame(), self.read_frame()
            if fields(head[1]).get(3, [0])[0] == kind:
                return body[1]

    def transaction(self, *operations):
        self.sequence += 1
        return message((1, self.sequence), (2, "test"), *((3, operation) for operation in operations), (4, self.sequence))

    def transact(self, *operations):
        """(error, text, ids); an operation is message((1, kind), (2, table), (3, id), (4, value), (5, column)...)."""
        self.say(TRANSACT, self.transaction(*operations))
        reply = fields(self.hear(TRANSACT_REPLY))
        assert reply[1] == [self.sequence]
        return bool(reply.get(2)), b"".join(reply.get(3, [])).decode(), reply.get(6)


def insert(table, row, number=0):
    return message((1, INSERT), (2, table), (3, number), (4, row))
