"""Several ofagents share the bridges: one that dies or stands still loses its bridges to the others, one that joins gets some, and no rule, no
answer and no count is lost by it. Six bridges, with hosts on the first; ovs-ofctl and swctl ask for each bridge wherever it is.
"""
import re
import signal
import socket
import struct
import time

import pytest

from suite import wait_until

BRIDGES = [f"br{number}" for number in range(6)]
LEASE = 2  # seconds, in which a process that stands still is let be


def owners(suite):
    """{bridge: ofagent}, as swctl show says."""
    return {bridge["name"]: bridge["ofagent"] for bridge in suite.swctl("show", as_json=True)["bridges"]}


def loads(suite):
    found = list(owners(suite).values())
    return sorted(found.count(agent) for agent in {1, 2, 3} if found.count(agent))


def of(suite, agent):
    return [bridge for bridge, owner in owners(suite).items() if owner == agent]


def rules(suite, bridge):
    return sorted(line.strip() for line in suite.ofctl("dump-flows", bridge, options=("--no-stats",)).splitlines() if "actions=" in line)


def packets(suite, bridge, cookie):
    text = suite.swctl("dump-flows", bridge, f"cookie={cookie}/-1")
    return int(re.search(r"n_packets=(\d+)", text).group(1))


@pytest.fixture
def shared(stopped_suite):
    """Three ofagents with two bridges each."""
    suite = stopped_suite
    suite.up("--ofagent", "3")
    hosts = suite.bridge_with_hosts(2)
    hosts[0].knows(hosts[1]), hosts[1].knows(hosts[0])
    words = []
    for bridge in BRIDGES[1:]:
        words += ["--", "add-br", bridge]
    suite.swctl(*words[1:])
    wait_until("each ofagent has two bridges", lambda: loads(suite) == [2, 2, 2])
    for bridge in BRIDGES:
        suite.ofctl("add-flow", bridge, "cookie=7,priority=10,ip,actions=NORMAL")
        suite.swctl("add-flow", bridge, "cookie=8,priority=1,arp,actions=NORMAL")
    return suite, hosts


def settled(suite, n_agents):
    """Every bridge has one of so many ofagents and is answered for at its socket."""
    wait_until(f"{n_agents} ofagents have all bridges",
               lambda: None not in owners(suite).values() and len(set(owners(suite).values())) == n_agents)
    for bridge in BRIDGES:
        wait_until(f"{bridge} answers tools", lambda bridge=bridge: suite.ofctl("show", bridge, check=False).returncode == 0)


def test_a_killed_ofagents_bridges_are_taken_over_with_all_rules_and_counts(shared):
    suite, hosts = shared
    victim = owners(suite)["br0"]
    before = {bridge: rules(suite, bridge) for bridge in BRIDGES}
    assert all(len(found) == 2 for found in before.values())
    hosts[0].ping(hosts[1], count=10, interval=0.02)
    counted = wait_until("the pings are counted", lambda: packets(suite, "br0", 7) >= 20 and packets(suite, "br0", 7))
    suite.kill(f"ofagent.{victim}")
    began = time.monotonic()
    assert hosts[0].ping(hosts[1], count=20, interval=0.02) == 20  # traffic does not notice
    suite.swctl("add-flow", "br0", "cookie=9,priority=20,udp,actions=drop")  # waits for the next owner
    assert time.monotonic() - began < LEASE + 2
    settled(suite, 2)
    assert loads(suite) == [3, 3]
    for bridge in BRIDGES[1:]:
        assert rules(suite, bridge) == before[bridge]
    assert len(rules(suite, "br0")) == 3
    wait_until("what was counted before and since is there", lambda: packets(suite, "br0", 7) >= counted + 40)
    suite.up("--ofagent", "3")  # it comes back, and gets its share
    wait_until("bridges have moved to it", lambda: loads(suite) == [2, 2, 2])
    settled(suite, 3)
    assert packets(suite, "br0", 7) >= counted + 40


def test_a_stopped_ofagent_loses_its_bridges_and_lets_go_when_it_is_resumed(shared):
    suite, hosts = shared
    victim = owners(suite)["br0"]
    lost = of(suite, victim)
    listening = 17000
    suite.swctl("set-controller", "br0", f"ptcp:{listening}:127.0.0.1")
    wait_until("the bridge listens", lambda: "state: listening" in suite.swctl("show"))
    controller = Peer(suite, "br0")
    suite.kill(f"ofagent.{victim}", signal.SIGSTOP)
    wait_until("others have its bridges", lambda: owners(suite)["br0"] not in (victim, None), seconds=LEASE + 3)
    suite.swctl("add-flow", "br0", "cookie=9,priority=20,udp,actions=drop")
    assert "cookie=0x9" in suite.swctl("dump-flows", "br0")
    hosts[0].ping(hosts[1], count=5, interval=0.02)
    assert f"waiting for the listener of ofagent {victim}" in suite.swctl("show")  # of the passive controller,
    assert f"br0: waiting for the listener of ofagent {victim}" in suite.swctl("status", check=False).stdout  # and of the bridge's own socket
    controller.add_rule()  # the stopped one will read it
    suite.kill(f"ofagent.{victim}", signal.SIGCONT)
    assert controller.is_refused()
    settled(suite, 3)  # it has let go of the sockets, and after a while gets bridges again
    assert set(owners(suite)) == set(BRIDGES) and lost
    assert len(rules(suite, "br0")) == 3
    wait_until("the next owner listens", lambda: "state: listening" in suite.swctl("show"))
    assert "waiting for the listener" not in suite.swctl("show") + suite.swctl("status")


def test_ofagents_that_join_get_bridges_and_one_that_leaves_gives_them_back(stopped_suite):
    suite = stopped_suite
    suite.up()
    hosts = suite.bridge_with_hosts(2)
    words = []
    for bridge in BRIDGES[1:]:
        words += ["--", "add-br", bridge]
    suite.swctl(*words[1:])
    suite.ofctl("add-flow", "br5", "cookie=7,priority=10,ip,actions=drop")
    suite.ofctl("add-group", "br5", "group_id=1,type=all,bucket=output:LOCAL")
    before = rules(suite, "br5")
    suite.up("--ofagent", "3")
    wait_until("they have two each", lambda: loads(suite) == [2, 2, 2], seconds=12)
    settled(suite, 3)
    assert owners(suite)["br5"] != 1
    assert rules(suite, "br5") == before and "group_id=1" in suite.ofctl("dump-groups", "br5")
    stays = owners(suite)
    hosts[0].ping(hosts[1], count=10, interval=0.05)
    time.sleep(1)
    assert owners(suite) == stays  # nothing goes to and fro
    suite.kill("ofagent.3", signal.SIGTERM)
    began = time.monotonic()
    wait_until("the others have them at once", lambda: loads(suite) == [3, 3], every=0.01)
    assert time.monotonic() - began < 1
    settled(suite, 2)
    suite.kill("ofagent.2", signal.SIGTERM)
    suite.swctl("add-flow", "br4", "cookie=9,priority=20,udp,actions=drop")
    assert set(owners(suite).values()) == {1}
    assert suite.down().stdout.count("stopped") == 4


class Peer:
    """A controller at the bridge's own socket that knows of OpenFlow what it takes to send one flow_mod."""

    def __init__(self, suite, bridge):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(str(suite.run_dir / f"{bridge}.mgmt"))
        self.socket.sendall(struct.pack("!BBHI", 4, 0, 8, 1))  # HELLO
        assert self.receive(0) is not None

    def receive(self, wanted):
        """The next message of that type; None at the end."""
        while True:
            head = self.socket.recv(8, socket.MSG_WAITALL)
            if len(head) < 8:
                return None
            _, kind, size, _ = struct.unpack("!BBHI", head)
            body = self.socket.recv(size - 8, socket.MSG_WAITALL) if size > 8 else b""
            if kind == wanted:
                return body

    def add_rule(self):
        match = struct.pack("!HHI", 1, 4, 0)
        body = struct.pack("!QQBBHHHIIIHH", 0x77, 0, 0, 0, 0, 0, 99, 0xffffffff, 0xffffffff, 0xffffffff, 0, 0) + match
        self.socket.sendall(struct.pack("!BBHI", 4, 14, 8 + len(body), 5) + body)

    def is_refused(self):
        """The flow_mod is answered with an error, or the connection is closed; nobody says that it was done."""
        try:
            while self.receive(1) is not None:
                pass
        except ConnectionResetError:
            pass
        self.socket.close()
        return True
