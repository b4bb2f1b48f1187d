"""A switch over tcp:// with CURVE: it does all that it does over ipc://, and nobody may do more than his key says."""
import json
import os
import random
import shutil

import pytest

from suite import BIN, PYTHON, SERVICES, wait_until

LISTEN = "tcp://127.0.0.1:7400"
# Connects to tcp ports inside the switch's namespace. Words: what to do, then ports.
STRANGER = r"""
import os, random, socket, struct, sys, time
what, seed, ports = sys.argv[1], int(sys.argv[2]), [int(p) for p in sys.argv[3:]]
random.seed(seed)
greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00"
for port in ports:
    for i in range(10 if what == "garbage" else 1):
        s = socket.create_connection(("127.0.0.1", port))
        s.settimeout(3)
        if what == "garbage":
            kind = i % 5
            if kind == 0: s.sendall(random.randbytes(300))
            if kind == 1: s.sendall(greeting + b"CURVE".ljust(20, b"\0") + bytes(32) + b"\x04" + random.randbytes(200))
            if kind == 2: s.sendall(b"\x01\x00" + random.randbytes(60))
            if kind == 3: s.sendall(b"GET / HTTP/1.1\r\n\r\n" * 20)
            if kind == 4: s.sendall(greeting[:random.randrange(1, 12)])
            s.close()
            continue
        s.sendall(greeting + b"NULL".ljust(20, b"\0") + bytes(32))  # ZMTP 3.0 without security, then READY and a message
        ready = b"\x05READY" + b"\x0bSocket-Type" + struct.pack(">I", 6) + b"DEALER"
        s.sendall(b"\x04" + bytes([len(ready)]) + ready + b"\x01\x02hi\x00\x02hi")
        got, closed = b"", False
        try:
            while True:
                part = s.recv(1000)
                if not part:
                    closed = True
                    break
                got += part
        except (ConnectionResetError, BrokenPipeError):
            closed = True
        except socket.timeout:
            pass
        print(port, "closed" if closed else "open", b"READY" in got)
"""


@pytest.fixture
def tcp_suite(stopped_suite):
    stopped_suite.up("--listen", LISTEN)
    return stopped_suite


def key_of(suite, name):
    return suite.run_dir / "db/keys" / f"{name}.key"


def make_key(suite, name, role=None):
    suite.swctl("key", "make", key_of(suite, name))
    if role is not None:
        suite.swctl("key", "add", name, role, f"{key_of(suite, name)}.pub")


def remote(suite, name, *arguments, config=LISTEN, config_key=None, timeout=3, run=BIN / "swctl"):
    """swctl as on another host: no run directory, only the address and two keys. The whole result."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BUSBAR")}
    return suite.namespace.run(run, "--run", "/nonexistent", "--timeout", timeout, "--config", config, "--config-key",
                               config_key or f"{key_of(suite, 'configdb')}.pub", "--key", key_of(suite, name), *arguments,
                               check=False, env=environment)


def endpoints(suite):
    """The port of every tcp socket that our processes listen on."""
    found = set()
    for line in suite.namespace.run("ss", "-tlnpH").stdout.splitlines():
        if "busbar" in line:
            found.add(int(line.split()[3].rsplit(":", 1)[1]))
    return sorted(found)


def test_the_whole_switch_works_over_tcp_with_keys(tcp_suite):
    suite = tcp_suite
    assert suite.alive() == set(SERVICES)
    assert len(endpoints(suite)) == 9, endpoints(suite)  # config, control x 4, session, usage, packet, mac
    first, second = suite.bridge_with_hosts(2)
    first.ping(second)
    suite.swctl("add-flow", "br0", "priority=100,icmp,in_port=1,actions=drop")
    assert first.ping(second, count=2, wait=1, check=False) == 0
    said = remote(suite, "admin", "trace", "br0", "icmp,in_port=1,nw_src=10.0.0.1,nw_dst=10.0.0.2")
    assert said.returncode == 0 and "drop" in said.stdout, said.stdout
    assert "drop" in remote(suite, "admin", "dump-flows", "br0").stdout
    assert remote(suite, "admin", "del-flows", "br0", "icmp").returncode == 0
    first.ping(second)
    status = remote(suite, "admin", "--json", "status")
    assert status.returncode == 0 and {p["process"] for p in json.loads(status.stdout)} == set(SERVICES), status.stdout
    for victim in SERVICES:
        suite.kill(victim)
        suite.up()
        assert suite.alive() == set(SERVICES)
        wait_until(f"{victim} is back and packets pass", lambda: first.ping(second, count=3, wait=1, check=False) == 3, seconds=15)
        rule = f"priority=9,udp,tp_dst={7000 + SERVICES.index(victim)},actions=drop"
        wait_until(f"a rule is taken after {victim}", lambda: remote(suite, "admin", "add-flow", "br0", rule).returncode == 0, seconds=15)
    assert remote(suite, "admin", "dump-flows", "br0").stdout.count("udp") == len(SERVICES)


def test_each_role_may_do_what_it_says_and_no_more(tcp_suite):
    suite = tcp_suite
    suite.bridge_with_hosts(1)
    make_key(suite, "looker", "read")
    make_key(suite, "worker", "operate")
    flow = "priority=7,udp,actions=drop"
    looks = (["show"], ["dump-flows", "br0"], ["dp", "show"], ["dp", "dump-flows"], ["fdb", "show", "br0"], ["status"], ["key", "list"],
             ["log-level", "fastpath.1"])
    for name in ("looker", "worker", "admin"):
        for words in looks:
            result = remote(suite, name, *words)
            assert result.returncode == 0, (name, words, result.stdout)
    cases = (("looker", ["add-flow", "br0", flow], "needs a key of the role operate; this one has read"),
             ("looker", ["log-level", "fastpath.1", "debug"], "needs a key of the role operate"),
             ("looker", ["add-br", "br1"], "need a key of the role admin; this one has read"),
             ("looker", ["key", "add", "me", "admin", "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"], "role admin"),
             ("worker", ["add-br", "br1"], "need a key of the role admin; this one has operate"),
             ("worker", ["key", "del", "looker"], "role admin"))
    for name, words, said in cases:
        result = remote(suite, name, *words)
        assert result.returncode == 1 and said in result.stdout, (name, words, result.stdout)
    assert "udp" not in suite.swctl("dump-flows", "br0") and suite.swctl("list-br").split() == ["br0"]
    result = remote(suite, "worker", "add-flow", "br0", flow)
    assert result.returncode == 0 and "udp" in suite.swctl("dump-flows", "br0"), result.stdout
    result = remote(suite, "admin", "add-br", "br1", timeout=10)
    assert result.returncode == 0 and suite.swctl("list-br").split() == ["br0", "br1"], result.stdout
    forbidden = json.loads(suite.swctl("--json", "status"))
    assert sum(p["detail"]["calls_forbidden"] for p in forbidden) == 2, forbidden


def test_a_key_of_one_kind_cannot_be_another(tcp_suite):
    suite = tcp_suite
    make_key(suite, "rogue", "slowpath")
    # as a fastpath, and as an administrator
    directory = suite.run_dir / "rogue"
    child = suite.namespace.popen(BIN / "busbar-fastpath", "--run", directory, "--instance", 2, "--listen", "tcp://127.0.0.1",
                                  "--key", key_of(suite, "rogue"), "--config", LISTEN, "--config-key",
                                  f"{key_of(suite, 'configdb')}.pub", "--watchdog", "off")
    try:
        wait_until("configdb has refused it", lambda: "reason=wrong_key" in suite.log("configdb.1") and
                   "claims=fastpath.2" in suite.log("configdb.1"))
        names = {p["process"] for p in json.loads(remote(suite, "admin", "--json", "status").stdout)}
        assert names == set(SERVICES), names
    finally:
        child.terminate()
        child.wait(timeout=10)
    result = remote(suite, "rogue", "list-br", timeout=2)
    assert result.returncode == 3 and "is our key known" in result.stdout, result.stdout
    assert "claims=swctl.1" in suite.log("configdb.1")


def test_a_key_that_is_taken_away_is_refused_at_once_and_may_come_back(tcp_suite):
    suite = tcp_suite
    first, second = suite.bridge_with_hosts(2)
    first.ping(second)
    make_key(suite, "guest", "read")
    assert remote(suite, "guest", "list-br").stdout.split() == ["br0"]
    version = json.loads(suite.swctl("--json", "show"))["version"]["n"]
    suite.swctl("key", "del", "guest")
    assert remote(suite, "guest", "list-br", timeout=1).returncode == 3
    suite.swctl("add-br", "br9")
    suite.swctl("rollback", str(version))  # brings back bridges, never keys
    assert suite.swctl("list-br").split() == ["br0"] and "guest" not in suite.swctl("key", "list")
    # a process: its sessions end and it leaves the registry with its lease
    suite.swctl("key", "del", "slowpath-1")
    wait_until("the shard has no session", lambda: not [s for s in suite.shards()[1]["sessions"] if s.get("open", True)], seconds=5)
    wait_until("it has left", lambda: "service_left service=slowpath.1" in suite.log("configdb.1"), seconds=5)
    assert "reason=wrong_key" in suite.log("configdb.1")
    suite.swctl("key", "add", "slowpath-1", "slowpath", f"{key_of(suite, 'slowpath-1')}.pub")
    wait_until("it is back", lambda: first.ping(second, count=2, wait=1, check=False) == 2, seconds=20)


def test_without_the_right_keys_nobody_comes_in(tcp_suite):
    suite = tcp_suite
    make_key(suite, "stranger")  # never added
    result = remote(suite, "stranger", "list-br", timeout=1)
    assert result.returncode == 3 and "is our key known" in result.stdout, result.stdout
    assert "key_unknown" in suite.log("configdb.1")
    result = remote(suite, "admin", "list-br", config_key=f"{key_of(suite, 'stranger')}.pub", timeout=1)
    assert result.returncode == 3, result.stdout
    # without any: swctl and services say what is missing
    swctl = suite.namespace.run(BIN / "swctl", "--config", LISTEN, "list-br", check=False)
    assert swctl.returncode != 0 and "--key FILE" in swctl.stdout, swctl.stdout
    for extra, said in ((["--config", LISTEN], "--key FILE"), (["--listen", "tcp://127.0.0.1"], "--key FILE")):
        for program in ("busbar-slowpath", "busbar-ofagent", "busbar-fastpath"):
            result = suite.namespace.run(BIN / program, "--run", suite.run_dir / "other", *extra, check=False)
            assert result.returncode == 1 and said in result.stdout, result.stdout
    open_key = suite.run_dir / "open.key"
    shutil.copy(key_of(suite, "admin"), open_key)
    os.chmod(open_key, 0o640)
    result = suite.namespace.run(BIN / "swctl", "--config", LISTEN, "--config-key", f"{key_of(suite, 'configdb')}.pub", "--key", open_key,
                                 "list-br", check=False)
    assert result.returncode != 0 and "others than its owner may use this key" in result.stdout, result.stdout
    # ZeroMQ without security on every port
    ports = endpoints(suite)
    said = suite.namespace.run(PYTHON, "-c", STRANGER, "plain", 1, *ports).stdout.splitlines()
    assert said == [f"{port} closed False" for port in ports], said


def test_garbage_does_no_harm(tcp_suite):
    suite = tcp_suite
    first, second = suite.bridge_with_hosts(2)
    first.ping(second)
    seed = random.randrange(1 << 30)
    print("seed", seed)
    pids = {service: suite.pid(service) for service in SERVICES}
    suite.namespace.run(PYTHON, "-c", STRANGER, "garbage", seed, *endpoints(suite))
    assert remote(suite, "admin", "list-br").stdout.split() == ["br0"]
    suite.swctl("add-flow", "br0", "priority=3,udp,actions=drop")
    first.ping(second)
    assert pids == {service: suite.pid(service) for service in SERVICES}


@pytest.mark.slow
def test_up_over_tcp_refuses_a_bad_address(stopped_suite):
    result = stopped_suite.up("--listen", "tcp://127.0.0.1", check=False)
    assert result.returncode == 2 and "tcp://ADDRESS:PORT" in result.stdout, result.stdout
    (stopped_suite.run_dir / "listen").unlink()
    result = stopped_suite.up("--listen", "tcp://0.0.0.0:7400", check=False)
    assert result.returncode == 1 and "others are told this address" in result.stdout, result.stdout
