"""A controller that does one thing at a time: os-ken's codec over a plain socket, without its event loop.

The switch connects to us (that is what makes it send packet-ins); every call waits for what it asks. Messages that come unasked
(packet-ins, flow-removed, port-status, errors of earlier messages) are kept until somebody looks for them.
"""
import ctypes
import os
import socket
import struct
import time

from os_ken.ofproto import ofproto_parser, ofproto_protocol

HEADER = struct.Struct(">BBHI")
CLONE_NEWNET = 0x40000000


class Refused(AssertionError):
    """The switch answered with an error."""

    def __init__(self, message, names):
        self.type, self.code, self.data, self.xid = message.type, message.code, message.data, message.xid
        self.name = names(self.type, self.code)
        super().__init__(f"refused: {self.name}")


def within(namespace, function):
    """What function() makes in a network namespace (a socket stays there), called by this thread, which returns to its own."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net", "rb") as mine, open(f"/run/netns/{namespace}", "rb") as theirs:
        for descriptor in (theirs, mine):
            if libc.setns(descriptor.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            if descriptor is theirs:
                try:
                    made = function()
                except BaseException:
                    libc.setns(mine.fileno(), CLONE_NEWNET)
                    raise
    return made


class Listener:
    """Where the switch connects to."""

    def __init__(self, namespace, port):
        self.target = f"tcp:127.0.0.1:{port}"
        self.socket = within(namespace, lambda: socket.create_server(("127.0.0.1", port), backlog=4))

    def accept(self, seconds=15, **kwargs):
        self.socket.settimeout(seconds)
        connection, _ = self.socket.accept()
        return Connection(connection, **kwargs)

    def close(self):
        self.socket.close()


def connect(path, **kwargs):
    """The bridge's own socket, as ovs-ofctl uses it."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(path))
    return Connection(connection, **kwargs)


class Connection:
    def __init__(self, connection, version=4, greet=True):
        self.socket = connection
        self.desc = ofproto_protocol.ProtocolDesc(version)
        self.ofproto, self.parser, self.version = self.desc.ofproto, self.desc.ofproto_parser, version
        self.xid = 0x1000
        if connection.family == socket.AF_INET:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.unasked = []  # messages nobody has waited for yet
        self.buffered = b""
        if greet:
            self.send_bytes(HEADER.pack(version, 0, 8, 1))
            hello = self.read_raw(5)
            assert hello is not None and hello[1] == 0, f"HELLO is expected, got {hello}"
            assert hello[0] >= version, f"the switch speaks {hello[0]}, we {version}"

    def close(self):
        self.socket.close()

    # -- bytes

    def send_bytes(self, data):
        self.socket.sendall(data)

    def read_raw(self, seconds):
        """One message, or None when none came in time; ConnectionError when the switch hung up."""
        deadline = time.monotonic() + seconds
        while True:
            if len(self.buffered) >= 8:
                size = struct.unpack_from(">H", self.buffered, 2)[0]
                if len(self.buffered) >= size:
                    message, self.buffered = self.buffered[:size], self.buffered[size:]
                    return message
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self.socket.settimeout(left)
            try:
                piece = self.socket.recv(1 << 18)
            except (TimeoutError, BlockingIOError):
                return None
            if not piece:
                raise ConnectionError("the switch closed the connection")
            self.buffered += piece

    def raw(self, kind, body=b"", xid=None, version=None, length=None):
        """A message in bytes, for those that a codec would not write."""
        self.xid += 1
        return HEADER.pack(self.version if version is None else version, kind, 8 + len(body) if length is None else length,
                           self.xid if xid is None else xid) + body

    # -- messages

    def decode(self, data):
        version, kind, size, xid = HEADER.unpack_from(data)
        return ofproto_parser.msg(self.desc, version, kind, size, xid, data)

    def encode(self, message):
        if isinstance(message, bytes):
            return message
        self.xid += 1
        message.set_xid(self.xid)
        message.serialize()
        return bytes(message.buf)

    def send(self, *messages):
        """Sends; returns the xid of the last."""
        data = b"".join(map(self.encode, messages))
        self.send_bytes(data)
        return self.xid

    def read(self, seconds=5):
        data = self.read_raw(seconds)
        if data is None:
            return None
        if data[1] == 2:  # an echo request keeps us alive and is nobody's answer
            self.send_bytes(data[:1] + b"\x03" + data[2:])
            return self.read(seconds)
        message = self.decode(data)
        message.raw_bytes = data
        return message

    def barrier(self):
        """Waits until what was sent is done; raises Refused for the first error that came before the answer."""
        xid = self.send(self.parser.OFPBarrierRequest(self.desc))
        refusal = None
        while True:
            message = self.read(10)
            assert message is not None, "no barrier reply within 10 s"
            if message.msg_type == self.ofproto.OFPT_BARRIER_REPLY and message.xid == xid:
                break
            if message.msg_type == self.ofproto.OFPT_ERROR:
                refusal = refusal or Refused(message, self.error_name)
            else:
                self.unasked.append(message)
        if refusal:
            raise refusal

    def do(self, *messages):
        self.send(*messages)
        self.barrier()

    def ask(self, message):
        """The reply with the request's xid: its body put together, when it is a multipart reply; raises Refused."""
        data = self.encode(message)
        xid = struct.unpack_from(">I", data, 4)[0]
        self.send_bytes(data)
        body = []
        while True:
            reply = self.read(10)
            assert reply is not None, f"no reply within 10 s to {message}"
            if reply.xid != xid or reply.msg_type in (self.ofproto.OFPT_PACKET_IN, self.ofproto.OFPT_FLOW_REMOVED):
                self.unasked.append(reply)
                continue
            if reply.msg_type == self.ofproto.OFPT_ERROR:
                raise Refused(reply, self.error_name)
            if reply.msg_type != self.ofproto.OFPT_MULTIPART_REPLY:
                return reply
            if not isinstance(reply.body, list):
                return reply.body
            body += reply.body
            if not reply.flags & self.ofproto.OFPMPF_REPLY_MORE:
                return body

    def wait_for(self, kind, seconds=5, true=lambda message: True):
        """The next unasked message of a type, or None."""
        number = getattr(self.ofproto, f"OFPT_{kind}")
        deadline = time.monotonic() + seconds
        while True:
            for message in self.unasked:
                if message.msg_type == number and true(message):
                    self.unasked.remove(message)
                    return message
            left = deadline - time.monotonic()
            message = self.read(left) if left > 0 else None
            if message is None:
                return None
            self.unasked.append(message)

    def error_name(self, kind, code):
        """BAD_MATCH/BAD_PREREQ of the two numbers."""
        groups = {getattr(self.ofproto, name): name[len("OFPET_"):] for name in dir(self.ofproto) if name.startswith("OFPET_")}
        group = groups.get(kind)
        prefix = PREFIXES.get(group)
        codes = {getattr(self.ofproto, name): name[len(prefix):] for name in dir(self.ofproto)
                 if prefix and name.startswith(prefix) and isinstance(getattr(self.ofproto, name), int)}
        return f"{group or kind}/{codes.get(code, code)}"


PREFIXES = {"HELLO_FAILED": "OFPHFC_", "BAD_REQUEST": "OFPBRC_", "BAD_ACTION": "OFPBAC_", "BAD_INSTRUCTION": "OFPBIC_", "BAD_MATCH": "OFPBMC_",
            "FLOW_MOD_FAILED": "OFPFMFC_", "GROUP_MOD_FAILED": "OFPGMFC_", "PORT_MOD_FAILED": "OFPPMFC_", "TABLE_MOD_FAILED": "OFPTMFC_",
            "QUEUE_OP_FAILED": "OFPQOFC_", "SWITCH_CONFIG_FAILED": "OFPSCFC_", "ROLE_REQUEST_FAILED": "OFPRRFC_", "METER_MOD_FAILED": "OFPMMFC_",
            "TABLE_FEATURES_FAILED": "OFPTFFC_"}
