"""Bad input of people, controllers and the bus: a clear error that names the field, nothing half-done, no process dies."""
import os
import random
import socket
import struct

import pytest

from suite import SERVICES, wait_until

SEED = int(os.environ.get("BUSBAR_SEED", "1"))


def refused(suite, *arguments, names):
    """The command fails, says what was wrong, and changes nothing."""
    before = suite.swctl("show", as_json=True)["bridges"]
    result = suite.swctl(*arguments, check=False)
    assert result.returncode != 0, f"{arguments} was accepted"
    for name in names:
        assert name in result.stdout, f"'{name}' is not in: {result.stdout}"
    after = suite.swctl("show", as_json=True)["bridges"]
    assert [(b["name"], [p["name"] for p in b["ports"]]) for b in before] == [(b["name"], [p["name"] for p in b["ports"]]) for b in after]


def test_wrong_configuration_is_refused(suite):
    first, _ = suite.bridge_with_hosts(2)
    refused(suite, "add-br", "br0", names=["br0", "exists"])
    refused(suite, "add-port", "br0", "nosuch0", names=["nosuch0"])
    refused(suite, "add-port", "br9", first.port, names=["br9"])
    refused(suite, "add-port", "br0", first.port, names=[first.port])
    refused(suite, "add-br", "a-name-longer-than-linux-allows", names=["a-name-longer"])
    refused(suite, "add-br", "a/b", names=["a/b"])
    refused(suite, "del-br", "br9", names=["br9"])
    refused(suite, "del-port", "br0", "nosuch0", names=["nosuch0"])
    refused(suite, "set-fail-mode", "br0", "lax", names=["lax"])
    refused(suite, "set-controller", "br0", "carrier:pigeon", names=["carrier:pigeon"])
    refused(suite, "add-br", names=["add-br"])
    refused(suite, "no-such-command", names=["no-such-command"])
    assert suite.alive() == set(SERVICES)


def test_the_device_of_the_default_route_is_refused_without_force(suite):
    suite.swctl("add-br", "br0")
    host = suite.add_host()
    suite.namespace.run("ip", "addr", "add", "10.0.0.254/24", "dev", host.port)
    suite.namespace.run("ip", "route", "add", "default", "via", host.ip, "dev", host.port)
    refused(suite, "add-port", "br0", host.port, names=[host.port, "default route", "--force"])
    suite.swctl("--force", "add-port", "br0", host.port)
    assert host.port in suite.swctl("list-ports", "br0")


MALFORMED = [
    ("priority=1,nw_dst=10.0.0.0/33,ip,actions=drop", "nw_dst"), ("priority=70000,actions=drop", "priority"),
    ("colour=blue,actions=drop", "colour"), ("priority=1,tp_dst=80,actions=drop", "tp_dst"), ("priority=1,actions=fly", "fly"),
    ("priority=1", "actions"), ("priority=1,dl_dst=1:2:3,actions=drop", "dl_dst"), ("table=300,actions=drop", "table"),
    ("priority=1,actions=output:nosuch0", "nosuch0")]


@pytest.mark.parametrize("flow, named", MALFORMED, ids=[named for _, named in MALFORMED])
def test_malformed_flow_text_names_the_field(suite, flow, named):
    suite.swctl("add-br", "br0")
    before = suite.swctl("dump-flows", "br0")
    result = suite.swctl("add-flow", "br0", flow, check=False)
    assert result.returncode != 0 and named in result.stdout, result.stdout
    assert suite.swctl("dump-flows", "br0").count("actions=") == before.count("actions=")


def test_one_wrong_flow_of_several_leaves_no_trace(suite):
    suite.swctl("add-br", "br0")
    result = suite.swctl("add-flow", "br0", "priority=7,ip,actions=drop", "priority=8,colour=blue,actions=drop", check=False)
    assert result.returncode != 0
    assert "priority=7" not in suite.swctl("dump-flows", "br0")


def openflow(message_type, body=b"", length=None, version=4, xid=7):
    return struct.pack("!BBHI", version, message_type, 8 + len(body) if length is None else length, xid) + body


def connect(suite, name):
    wait_until(f"{name} is there", (suite.run_dir / name).exists)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.connect(str(suite.run_dir / name))  # blocks while the backlog is full
    sock.settimeout(3)
    return sock


def read_message(sock):
    """(type, whole message); None when the switch has closed."""
    data = b""
    while len(data) < 8:
        more = sock.recv(8 - len(data))
        if not more:
            return None
        data += more
    length = struct.unpack("!H", data[2:4])[0]
    while len(data) < length:
        data += sock.recv(length - len(data))
    return data[1], data


def errors_after(suite, message):
    """What the switch answers to a message after HELLO: the (type, code) of errors; ends at the answer to an echo, or when closed."""
    with connect(suite, "br0.mgmt") as sock:
        sock.sendall(openflow(0) + message + openflow(2, b"still there?", xid=99))
        found = []
        while True:
            try:
                answer = read_message(sock)
            except ConnectionResetError:
                return found
            if answer is None or answer[0] == 3:
                return found
            if answer[0] == 1:
                found.append(struct.unpack("!HH", answer[1][8:12]))


LIES = [
    ("unknown type", openflow(77), (1, 1)),                                          # BAD_REQUEST, BAD_TYPE
    ("flow_mod cut short", openflow(14, b"\0" * 20), (1, 6)),                        # BAD_REQUEST, BAD_LEN
    ("match longer than the message", openflow(14, b"\0" * 17 + b"\0" + b"\0" * 22 + struct.pack("!HH", 1, 200) + b"\0" * 4), None),
    ("unknown command", openflow(14, b"\0" * 17 + b"\x09" + b"\0" * 22 + struct.pack("!HH", 1, 4) + b"\0" * 4), (5, 6)),
    ("unknown statistics", openflow(18, struct.pack("!HH4x", 999, 0)), None)]


@pytest.mark.parametrize("name, message, expected", LIES, ids=[lie[0].replace(" ", "-") for lie in LIES])
def test_lying_openflow_messages_get_an_error(suite, name, message, expected):
    suite.swctl("add-br", "br0")
    errors = errors_after(suite, message)
    assert errors, f"{name}: no error"
    if expected is not None:
        assert expected in errors, f"{name}: {errors}"
    assert suite.alive() == set(SERVICES)
    assert "OFPT_FEATURES_REPLY" in suite.ofctl("show")


def test_garbage_from_controllers_kills_nobody(suite):
    suite.swctl("add-br", "br0")
    chance = random.Random(SEED)
    print(f"seed {SEED}")
    for _ in range(200):
        with connect(suite, "br0.mgmt") as sock:
            kind = chance.randrange(3)
            body = chance.randbytes(chance.randrange(200))
            try:
                sock.sendall(openflow(0))
                if kind == 0:
                    sock.sendall(body)
                elif kind == 1:
                    sock.sendall(openflow(chance.randrange(30), body))
                else:
                    sock.sendall(openflow(chance.randrange(30), body, length=chance.randrange(65536)))
            except (BrokenPipeError, ConnectionResetError):
                pass  # the switch may close
    assert suite.alive() == set(SERVICES)
    assert "OFPT_FEATURES_REPLY" in suite.ofctl("show")


GREETING = bytes.fromhex("ff00000000000000017f03") + b"\0NULL".ljust(21, b"\0") + b"\0" * 32
READY = b"\x05READY\x0bSocket-Type\0\0\0\x06DEALER\x08Identity\0\0\0\0"


def garbage_in_frames(sock, chance):
    """A proper ZeroMQ greeting, then proper frames with an envelope and a body of garbage."""
    sock.sendall(GREETING)
    n_read = 0
    while n_read < len(GREETING):
        piece = sock.recv(len(GREETING) - n_read)
        assert piece, "closed during the greeting"
        n_read += len(piece)
    sock.sendall(bytes([4, len(READY)]) + READY)
    assert sock.recv(4096)  # its READY
    for _ in range(5):
        envelope, body = (chance.randbytes(chance.randrange(1, 100)) for _ in range(2))
        sock.sendall(bytes([1, len(envelope)]) + envelope + bytes([0, len(body)]) + body)


def test_garbage_on_every_bus_socket_kills_nobody(suite):
    first, second = suite.bridge_with_hosts(2)
    first.ping(second)
    chance = random.Random(SEED)
    print(f"seed {SEED}")
    sockets = [path for path in suite.run_dir.iterdir() if path.is_socket()]
    assert len(sockets) >= 8, f"too few sockets: {sockets}"
    held = []  # ZeroMQ forgets what a closed connection said and nobody has read yet
    for path in sockets:
        for _ in range(20):
            sock = connect(suite, path.name)
            held.append(sock)
            try:
                if path.suffix not in (".mgmt", ".snoop") and chance.randrange(2):
                    garbage_in_frames(sock, chance)
                else:
                    sock.sendall(chance.randbytes(chance.randrange(1, 300)))
            except (BrokenPipeError, ConnectionResetError):
                pass

    def refused():
        counters = {process["process"]: process["detail"]["control"] for process in suite.swctl("status", as_json=True)}
        return set(counters) == set(SERVICES) and all(c["malformed"] + c["wrong_sender"] > 0 for c in counters.values())
    wait_until("every process has seen garbage on its control socket and refused it", refused)
    for sock in held:
        sock.close()
    assert suite.alive() == set(SERVICES)
    first.ping(second, count=5)
    suite.swctl("add-br", "br1")
