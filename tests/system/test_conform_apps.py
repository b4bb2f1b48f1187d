"""Real controllers: the os-ken applications of tests/conform/apps and ovs-testcontroller, each held to what it should do by packets."""
import re
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "conform"))

import frames as f  # noqa: E402
from bench import Stage  # noqa: E402
from osken import APPS, Application, Played  # noqa: E402
from os_ken.lib.packet import ethernet, igmp, ipv4, packet, slow  # noqa: E402
from suite import wait_until  # noqa: E402

pytestmark = pytest.mark.slow  # each starts a switch and a controller of Python: three to twenty seconds


def test_statistics_are_what_went_through():
    with Played("statistics") as stage:
        before = {event["port"]: event for event in stage.app.wait_for("port", 5)}
        for _ in range(7):
            stage.expect(f.tcp(), 2)
        stage.app.wait_for("rule", priority=5, packets=7, bytes=7 * len(f.tcp()), seconds=5)
        stage.app.wait_for("port", port=1, received=before[1]["received"] + 7, seconds=5)
        stage.app.wait_for("port", port=2, sent=before[2]["sent"] + 7, seconds=5)
        assert stage.app.events("error") == []


def test_firewall_lets_through_what_it_should_and_nothing_else():
    with Played("firewall") as stage:
        passes = [(f.tcp(dport=80), 1, 2), (f.tcp(dport=443), 1, 2), (f.udp(dport=53), 1, 2), (f.arp(), 1, 2),
                  (f.tcp(sport=80, dport=1024, flags="SA"), 2, 1), (f.udp(sport=53, dport=1024), 2, 1)]
        stops = [(f.tcp(dport=22), 1), (f.udp(dport=80), 1), (f.tcp(dport=80), 2), (f.icmp(), 1), (f.tcp6(dport=80), 1), (f.tcp(dport=80), 3)]
        for _ in range(2):
            for frame, into, out in passes:
                stage.expect(frame, out, port=into)
            for frame, into in stops:
                stage.expect(frame, (), port=into)
        assert stage.app.events("error") == []


def test_router_asks_for_a_neighbour_and_forwards_by_a_rule_from_then_on():
    mine, theirs, gate1, gate2 = f.A, f.C, "02:00:00:00:fe:01", "02:00:00:00:fe:02"
    with Played("router") as stage:
        stage.expect(f.arp(spa="10.1.0.9", tpa="10.1.0.1", sha=mine, tha="00:00:00:00:00:00", dst="ff:ff:ff:ff:ff:ff"),
                     {1: f.arp(op=2, spa="10.1.0.1", tpa="10.1.0.9", sha=gate1, tha=mine, src=gate1, dst=mine)})
        there = f.udp(src="10.1.0.9", dst="10.2.0.7", eth_src=mine, eth_dst=gate1)
        question = f.arp(spa="10.2.0.1", tpa="10.2.0.7", sha=gate2, tha="00:00:00:00:00:00", src=gate2, dst="ff:ff:ff:ff:ff:ff")
        stage.expect(there, {2: question})
        forwarded = f.udp(src="10.1.0.9", dst="10.2.0.7", eth_src=gate2, eth_dst=theirs, ttl=63)
        stage.expect(f.arp(op=2, spa="10.2.0.7", tpa="10.2.0.1", sha=theirs, tha=gate2, src=theirs, dst=gate2), {2: forwarded}, port=2)
        n = len(stage.app.events("packet_in"))
        for _ in range(10):
            stage.expect(there, {2: forwarded})
        assert len(stage.app.events("packet_in")) == n, "the rule does not forward"
        assert stage.app.events("error") == []


def test_qos_marks_calls_and_holds_bulk_to_its_rate():
    with Played("qos") as stage:
        stage.expect(f.udp(dport=5060), 2, f.udp(dport=5060, tos=46 << 2))
        stage.expect(f.tcp(), 2)
        for _ in range(60):
            stage.send(f.udp(dport=9000))
        came = stage.hear(60, 1.0).get(2, [])
        assert 15 <= len(came) <= 35, f"{len(came)} of 60 came through a meter of 10 a second and a burst of 20"
        stage.expect(f.udp(dport=5060), 2, f.udp(dport=5060, tos=46 << 2))
        assert stage.app.events("error") == []


def lacpdu(port):
    """What a bond's member says, with the short timeout."""
    said = packet.Packet()
    said.add_protocol(ethernet.ethernet(slow.SLOW_PROTOCOL_MULTICAST, f"02:bb:00:00:00:0{port}", 0x8809))
    said.add_protocol(slow.lacp(actor_system="02:bb:00:00:00:ff", actor_key=7, actor_port=port, actor_state_activity=1, actor_state_timeout=1,
                                actor_state_aggregation=1, actor_state_synchronization=1, actor_state_collecting=1,
                                actor_state_distributing=1))
    said.serialize()
    return bytes(said.data)


def answer_of(stage, port):
    stage.send(lacpdu(port), port)
    came = stage.hear(1)
    assert list(came) == [port] and len(came[port]) == 1, f"LACPDU into {port}: came at {sorted(came)}"
    return packet.Packet(came[port][0]).get_protocol(slow.lacp)


def ways(stage, n=40):
    taken = []
    for sport in range(2000, 2000 + n):
        stage.send(f.tcp(sport=sport), 3)
        taken += sorted(stage.hear(1))
    return taken


def test_lacp_bundles_two_ports_and_leaves_the_one_that_falls_silent():
    with Played("lacp") as stage:
        stage.expect(f.tcp(), (), port=3)  # no member lives yet
        for port in (1, 2):
            answer = answer_of(stage, port)
            assert (answer.partner_system, answer.partner_port, answer.actor_key) == ("02:bb:00:00:00:ff", port, 7)
            stage.app.wait_for("member", port=port, live=True)
        wait_until("connections are spread over both", lambda: set(ways(stage, 10)) == {1, 2}, seconds=5)
        taken = ways(stage)
        assert len(taken) == 40 and min(taken.count(1), taken.count(2)) >= 6, f"{taken.count(1)} and {taken.count(2)} of 40 connections"
        assert ways(stage) == taken, "connections change their member"
        stage.expect(f.tcp(), 3, port=1)
        deadline = time.monotonic() + 12
        while not stage.app.events("member", port=1, live=False):
            assert time.monotonic() < deadline, "the silent member is still taken for alive"
            answer_of(stage, 2)
            time.sleep(0.7)
        wait_until("all go to the other", lambda: set(ways(stage, 10)) == {2}, seconds=5)
        assert stage.app.events("member", port=2, live=False) == []
        assert stage.app.events("error") == []


def igmp_frame(kind, group, source, port, to=None):
    said = packet.Packet()
    to = to or group
    low = [int(part) for part in to.split(".")]
    said.add_protocol(ethernet.ethernet(f"01:00:5e:{low[1] & 127:02x}:{low[2]:02x}:{low[3]:02x}", f"02:bb:00:00:00:0{port}", 0x0800))
    said.add_protocol(ipv4.ipv4(src=source, dst=to, proto=2, ttl=1))
    said.add_protocol(igmp.igmp(msgtype=kind, maxresp=100 if kind == igmp.IGMP_TYPE_QUERY else 0, address=group))
    said.serialize()
    return bytes(said.data)


def test_igmp_snooping_sends_a_group_where_its_members_are():
    group = "239.1.2.3"
    stream = f.udp(src="10.0.0.1", dst=group, eth_dst="01:00:5e:01:02:03", dport=5004)
    with Played("igmp") as stage:
        stage.expect(stream, (2, 3, 4))  # nobody has asked, nothing is known: flooded
        query = igmp_frame(igmp.IGMP_TYPE_QUERY, "0.0.0.0", "10.0.0.1", 1, to="224.0.0.1")
        stage.expect(query, (2, 3, 4))
        for port in (2, 4):
            stage.send(igmp_frame(igmp.IGMP_TYPE_REPORT_V2, group, f"10.0.0.{port}", port), port)
            stage.app.wait_for("group", members=[2] if port == 2 else [2, 4])
            stage.hear(1, 0.5)  # the first report goes to the querier
        wait_until("the stream goes to members only", lambda: stage.send(stream) or sorted(stage.hear(2, 0.5)) == [2, 4], seconds=5)
        for _ in range(3):
            stage.expect(stream, (2, 4))
        assert stage.app.events("error") == []


class Triangle(Stage):
    """Three bridges in a ring, a host at port 1 of each; ports 2 and 3 lead to the others."""

    def start(self):
        suite = self.suite
        for number in range(3):
            suite.swctl("add-br", f"br{number}")
            suite.swctl("set-fail-mode", f"br{number}", "secure")
            host = suite.add_host()
            suite.swctl("add-port", f"br{number}", host.port, "ofport_request=1")
        for number in range(3):
            mine, other = f"{suite.id}r{number}a", f"{suite.id}r{number}b"
            suite.namespace.run("ip", "link", "add", mine, "type", "veth", "peer", "name", other)
            for device, bridge, port in ((mine, number, 2), (other, (number + 1) % 3, 3)):
                suite.namespace.run("ip", "link", "set", device, "up")
                suite.swctl("add-port", f"br{bridge}", device, f"ofport_request={port}")
        self.hosts = suite.hosts
        self.silence()
        self.app = Application(suite, APPS / "stp.py", bridges=("br0", "br1", "br2"))

    def reached(self):
        """How often a broadcast of host 1 arrives at the others."""
        self.send(f.arp(dst="ff:ff:ff:ff:ff:ff"))
        heard = {port: sum(frame[12:14] == b"\x08\x06" for frame in frames) for port, frames in self.hear(99, 0.4).items()}
        return {port: count for port, count in heard.items() if count > 0}  # the bridges' own messages come to hosts too


def test_spanning_tree_blocks_a_loop_and_opens_it_when_a_link_fails():
    with Triangle() as stage:
        states = {}

        def settled():
            states.clear()
            for event in stage.app.events("port"):
                states[event["switch"], event["port"]] = event["state"]
            between = [state for (_, port), state in states.items() if port in (2, 3)]
            return sorted(between) == ["block"] + ["forward"] * 5
        stage.app.wait_for("port", 9)
        wait_until("one port of the ring blocks, five forward", settled, seconds=25)
        wait_until("all hosts are reached", lambda: stage.reached() == {2: 1, 3: 1}, seconds=10)
        for _ in range(5):
            assert stage.reached() == {2: 1, 3: 1}, "a broadcast is lost or comes twice"
        # The link between br0 and br1 fails: the blocked port takes its place, wherever it is.
        stage.suite.namespace.run("ip", "link", "set", f"{stage.suite.id}r0a", "down")
        wait_until("all are reached the other way", lambda: stage.reached() == {2: 1, 3: 1}, seconds=30)
        assert stage.app.events("error") == []


@pytest.mark.parametrize("version", ["OpenFlow13", "OpenFlow10"])
def test_ovs_testcontroller_makes_a_learning_switch_of_it(version):
    with Stage() as stage:
        suite = stage.suite
        child = suite.namespace.popen("ovs-testcontroller", "-O", version, "--max-idle=60", "ptcp:16635:127.0.0.1",
                                      f"--unixctl={suite.run_dir}/testcontroller.ctl")
        suite.swctl("set-controller", "br0", "tcp:127.0.0.1:16635")
        wait_until("it is connected", lambda: suite.swctl("show", as_json=True)["bridges"][0]["controllers"][0]["is_connected"], seconds=15)
        there, back = f.udp(), f.udp(eth_src=f.B, eth_dst=f.A)
        wait_until("the first packet is flooded", lambda: stage.send(there) or sorted(stage.hear(3, 0.5)) == [2, 3, 4], seconds=10)
        wait_until("the answer goes to its port only", lambda: stage.send(back, 3) or sorted(stage.hear(1, 0.3)) == [1], seconds=5)
        wait_until("and what follows there", lambda: stage.send(there) or sorted(stage.hear(1, 0.3)) == [3], seconds=5)
        assert re.search(r"dl_dst=02:aa:00:00:00:02.* actions=output:", suite.ofctl("dump-flows")), suite.ofctl("dump-flows")
        assert child.poll() is None
