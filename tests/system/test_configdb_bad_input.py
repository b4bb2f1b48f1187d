"""Bad input at configdb's own socket: refused with a reason, memory bounded, nothing lost, others served meanwhile.

configdb alone, its database in a directory of the test; the peer is made of bytes (wire.py). Others are served: between pieces of bad
input a good client gets a transaction through, within a second. Memory: what is resident but not of the database file, and the number of
open files, before and after.
"""
import os
import random
import signal
import struct
import subprocess
import time

import pytest

import wire
from suite import BIN, sh, wait_until

SEED = int(os.environ.get("BUSBAR_SEED", "1"))
MB = 1 << 20


class Configdb:
    def __init__(self, directory):
        self.directory, self.n = directory, 0
        self.socket = directory / "config.configdb.1"
        self.log = open(directory / "log", "ab")
        self.start()

    def start(self):
        self.socket.unlink(missing_ok=True)
        self.process = subprocess.Popen([BIN / "busbar-configdb", "--run", self.directory], stdout=self.log, stderr=self.log)
        wait_until("configdb listens", self.socket.exists)
        self.good = wire.Peer(self.socket, instance=77)

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0, "configdb did not end in order"
        self.log.close()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def size(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("RssAnon:"))

    def files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def is_served(self):
        """A good client inserts a bridge."""
        assert self.process.poll() is None, "configdb is gone"
        begin = time.monotonic()
        error, text, _ = self.good.transact(wire.insert(wire.BRIDGE, wire.message((1, f"good{self.n}"))))
        assert not error, text
        self.n += 1
        assert time.monotonic() - begin < 1, "others were held up"

    def nothing_is_lost(self):
        """All that was acknowledged is there, also after kill -9, and nothing else."""
        for _ in range(2):
            names = sh(BIN / "swctl", "--run", self.directory, "list-br").stdout.split()
            assert sorted(names) == sorted(f"good{i}" for i in range(self.n))
            self.kill()
            self.start()

    def logged(self, word):
        return word in (self.directory / "log").read_text(errors="replace")


@pytest.fixture
def configdb(tmp_path):
    db = Configdb(tmp_path)
    yield db
    db.close()


def test_ten_thousand_connections_opened_and_dropped(configdb):
    rng = random.Random(SEED)
    print(f"seed {SEED}")
    for _ in range(3):
        wire.Peer(configdb.socket, instance=78).close()
    configdb.is_served()
    before, files = configdb.size(), configdb.files()
    for i in range(10000):
        how = rng.randrange(4)
        if how == 3:
            peer = wire.Peer(configdb.socket, kind=rng.choice((wire.SWCTL, wire.SLOWPATH)), instance=rng.randrange(1 << 16), start=i)
            if rng.random() < 0.5:
                peer.say(wire.SUBSCRIBE, wire.message((1, wire.RULE)))
            peer.close()
        else:
            peer = wire.socket.socket(wire.socket.AF_UNIX, wire.socket.SOCK_STREAM)
            wait_until("a connection is taken", lambda p=peer: p.connect_ex(str(configdb.socket)) == 0, every=0.001)
            if how > 0:
                peer.sendall(wire.GREETING[:64 if how == 2 else rng.randrange(1, 64)])
            peer.close()
        if i % 500 == 0:
            configdb.is_served()
    configdb.is_served()
    wait_until("the files of the dropped are closed", lambda: configdb.files() <= files + 2)
    # A subscriber that is gone is kept for a minute (20 kB), 2,048 of them at most.
    assert configdb.size() - before < 80 * MB, f"grown by {(configdb.size() - before) / MB:.1f} MB"
    configdb.nothing_is_lost()


def cut_off(peer, data):
    """Sends until the other side closes; how much went out."""
    sent = 0
    try:
        while sent < len(data):
            sent += peer.socket.send(data[sent:sent + MB])
    except (BrokenPipeError, ConnectionResetError):
        return sent
    try:
        return sent if peer.socket.recv(1) == b"" else None
    except ConnectionResetError:
        return sent
    except TimeoutError:
        return None


def test_a_transaction_of_100_megabytes_is_cut_off(configdb):
    configdb.is_served()
    before = configdb.size()
    for number in range(5):
        peer = wire.Peer(configdb.socket, instance=100 + number)
        data = wire.frame(peer.envelope(wire.TRANSACT), 1) + b"\x02" + struct.pack(">Q", 100 * MB)
        sent = cut_off(peer, data + bytes(100 * MB))
        assert sent is not None and sent < 2 * MB, f"{sent} bytes were taken"
        configdb.is_served()
    assert configdb.size() - before < 16 * MB
    configdb.nothing_is_lost()


def test_transactions_as_large_as_allowed_are_refused_by_name_and_forgotten(configdb):
    configdb.is_served()
    before = configdb.size()
    largest = 0
    for number in range(8):
        peer = wire.Peer(configdb.socket, kind=wire.OFAGENT, instance=200 + number, timeout=30)
        rows = [wire.insert(wire.RULE, wire.message((1, 999), (3, 1), (6, n))) for n in range(200000)] if number % 2 else \
            [wire.insert(wire.BRIDGE, wire.message((1, "x" * (15 * MB))))]
        error, text, _ = peer.transact(*rows)
        assert error
        assert ("operations are more than the limit" if number % 2 else "ofagent") in text, text
        largest = max(largest, configdb.size() - before)
        peer.close()
        configdb.good.socket.settimeout(10)
        configdb.is_served()
    assert largest < 256 * MB, f"grown by {largest / MB:.1f} MB"
    configdb.nothing_is_lost()


def test_half_messages_and_garbage_end_nothing_but_themselves(configdb):
    rng = random.Random(SEED)
    print(f"seed {SEED}")
    configdb.is_served()
    before = configdb.size()
    for number in range(300):
        peer = wire.Peer(configdb.socket, instance=1000 + number)
        body = peer.transaction(wire.insert(wire.BRIDGE, wire.message((1, f"half{number}"))))
        whole = wire.frame(peer.envelope(wire.TRANSACT), 1) + wire.frame(body)
        how = number % 5
        if how == 0:
            peer.socket.sendall(whole[:rng.randrange(len(whole))])
        elif how == 1:  # the envelope alone, as one message
            peer.socket.sendall(wire.frame(peer.envelope(wire.TRANSACT)))
        elif how == 2:  # a body that is none
            peer.say(wire.TRANSACT, rng.randbytes(rng.randrange(1, 200)) + b"\xff\xff")
        elif how == 3:  # a megabyte is announced, the half of it comes
            peer.socket.sendall(wire.frame(peer.envelope(wire.TRANSACT), 1) + b"\x02" + struct.pack(">Q", MB) + bytes(MB // 2))
        else:  # four frames
            peer.socket.sendall(wire.frame(peer.envelope(wire.TRANSACT), 1) + wire.frame(b"a", 1) + wire.frame(b"b", 1) + wire.frame(body))
        peer.close()
        if number % 20 == 0:
            configdb.is_served()
    configdb.is_served()
    assert configdb.logged("message_bad") and configdb.logged("reason=malformed")
    assert configdb.size() - before < 16 * MB
    configdb.nothing_is_lost()


BAD_ROWS = [
    ("an unknown table", wire.insert(99, b""), "table number 99"),
    ("a status table", wire.insert(20, b""), "table number 20"),
    ("a row that is none", wire.insert(wire.BRIDGE, b"\xff\xff\xff"), "bridge"),
    ("a column of a wrong type", wire.insert(wire.BRIDGE, wire.message((1, 7))), "bridge"),
    ("a row without what it must have", wire.insert(wire.PORT, wire.message((1, "p1"))), "port"),
    ("a name too long", wire.insert(wire.BRIDGE, wire.message((1, "b" * 100000))), "name"),
    ("a reference to nothing", wire.insert(wire.PORT, wire.message((1, "p1"), (2, 12345), (4, 0), (9, 0))), "12345"),
    ("an unknown operation", wire.message((1, 77), (2, wire.BRIDGE)), "operation number 77"),
    ("an unknown column", wire.message((1, wire.UPDATE), (2, wire.BRIDGE), (3, 1), (4, wire.message((1, "x"))), (5, "colour")), "colour"),
    ("a row that is not there", wire.message((1, 3), (2, wire.BRIDGE), (3, 4711)), "4711"),
]


@pytest.mark.parametrize("what, operation, named", BAD_ROWS, ids=[what for what, _, _ in BAD_ROWS])
def test_bad_rows_are_refused_by_name_and_leave_no_trace(configdb, what, operation, named):
    configdb.is_served()
    peer = wire.Peer(configdb.socket, instance=5)
    error, text, _ = peer.transact(wire.insert(wire.BRIDGE, wire.message((1, "before"))), operation)
    assert error and named in text, f"{what}: {text}"
    peer.close()
    configdb.is_served()
    configdb.nothing_is_lost()


def test_a_reader_that_does_not_read_is_cut_off_and_nobody_waits_for_it(configdb):
    """It subscribes and never reads again; meanwhile 100 MB of changes go to one that does, which misses nothing."""
    configdb.is_served()
    slow = wire.Peer(configdb.socket, kind=wire.SLOWPATH, instance=300)
    slow.say(wire.SUBSCRIBE, wire.message((1, wire.BRIDGE), (1, wire.RULE)))
    before = configdb.size()
    agent = wire.Peer(configdb.socket, kind=wire.OFAGENT, instance=301)
    seen = wire.Peer(configdb.socket, kind=wire.SLOWPATH, instance=302)
    seen.say(wire.SUBSCRIBE, wire.message((1, wire.RULE)))
    version = wire.fields(wire.fields(seen.hear(wire.SNAPSHOT))[1][0])[2][0]
    worst = 0
    rule = wire.message((1, 1), (3, 1), (5, wire.message((1, wire.message((1, 1), (16, bytes(60000)))), (3, 1))))
    for _ in range(170):
        begin = time.monotonic()
        error, text, _ = agent.transact(*[wire.insert(wire.RULE, rule)] * 10)
        assert not error, text
        delta = {}
        while not delta.get(3):  # the last piece
            delta = wire.fields(seen.hear(wire.DELTA))
            this = wire.fields(delta[1][0])
            assert this[2] == [version + 1]
        version += 1
        seen.say(6, wire.message((1, delta[1][0])))
        worst = max(worst, time.monotonic() - begin)
    assert worst < 1, f"{worst:.2f} s for one transaction"
    configdb.is_served()
    assert configdb.size() - before < 200 * MB, f"grown by {(configdb.size() - before) / MB:.1f} MB"
    # It reads again, asks, and is given what is there now.
    slow.close()
    slow = wire.Peer(configdb.socket, kind=wire.SLOWPATH, instance=300, timeout=30)
    slow.say(wire.SUBSCRIBE, wire.message((1, wire.RULE), (2, wire.message((1, this[1][0]), (2, 1)))))
    rows, last = 0, False
    while not last:
        piece = wire.fields(slow.hear(wire.SNAPSHOT))
        rows, last = rows + len(piece.get(2, [])), bool(piece.get(4))
    assert rows == 1700
