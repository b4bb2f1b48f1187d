"""Debian's ovs-ofctl against the bridge's local socket, unchanged."""
import re

from suite import wait_until


def test_show_lists_the_ports(suite):
    first, second = suite.bridge_with_hosts(2)
    said = suite.ofctl("show")
    assert "OFPT_FEATURES_REPLY (OF1.3)" in said
    assert re.search(rf"^ 1\({first.port}\):", said, re.M) and re.search(rf"^ 2\({second.port}\):", said, re.M)
    assert re.search(r"^ LOCAL\(br0\):", said, re.M)


def test_rules_are_added_dumped_and_deleted(suite):
    suite.bridge_with_hosts(2)
    suite.ofctl("add-flow", "br0", "priority=200,ip,nw_dst=10.0.0.0/8,idle_timeout=300,cookie=0x2a,actions=output:2")
    suite.ofctl("add-flow", "br0", "table=1,priority=5,arp,actions=mod_vlan_vid:7,output:1")
    said = suite.ofctl("dump-flows")
    assert re.search(r"cookie=0x2a, duration=[\d.]+s, table=0, n_packets=0, n_bytes=0, idle_timeout=300, "
                     r"priority=200,ip,nw_dst=10\.0\.0\.0/8 actions=output:", said), said
    assert re.search(r"table=1, .*priority=5,arp actions=", said), said
    assert "nw_dst" not in suite.ofctl("dump-flows", "br0", "arp")
    suite.ofctl("del-flows", "br0", "ip")
    said = suite.ofctl("dump-flows")
    assert "nw_dst=10.0.0.0/8" not in said and "table=1" in said
    suite.ofctl("del-flows")
    assert "actions=" not in suite.ofctl("dump-flows")


def test_both_tools_see_the_same_rules(suite):
    suite.bridge_with_hosts(2)
    suite.ofctl("add-flow", "br0", "priority=200,tcp,tp_dst=80,actions=drop")
    assert "priority=200,tcp,tp_dst=80 actions=drop" in suite.swctl("dump-flows", "br0")
    suite.swctl("add-flow", "br0", "priority=201,udp,tp_dst=53,actions=drop")
    assert "priority=201,udp,tp_dst=53 actions=drop" in suite.ofctl("dump-flows")


def test_a_rule_decides_from_the_moment_its_command_returns(suite):
    first, second = suite.bridge_with_hosts(2)
    first.ping(second)
    for _ in range(5):
        suite.ofctl("add-flow", "br0", "priority=500,icmp,in_port=1,actions=drop")
        assert first.ping(second, count=1, wait=1, check=False) == 0
        suite.ofctl("del-flows", "br0", "icmp,in_port=1")
        first.ping(second, count=1)


def test_dump_ports_counts_packets(suite):
    first, second = suite.bridge_with_hosts(2)
    first.ping(second, count=20, interval=0.02)

    def received(port):
        line = re.search(rf"port +{port}: rx pkts=(\d+)", suite.ofctl("dump-ports"))
        return int(line.group(1)) if line else 0
    wait_until("20 packets are counted on port 1", lambda: received('"?1"?') >= 20 or received(first.port) >= 20, seconds=5)


def test_counters_of_rules_are_exact(suite):
    first, second = suite.bridge_with_hosts(2)
    first.knows(second), second.knows(first)
    suite.ofctl("add-flow", "br0", "priority=300,icmp,in_port=1,actions=output:2")
    first.ping(second, count=40, interval=0.01)
    wait_until("n_packets=40", lambda: "n_packets=40, n_bytes=3920," in suite.ofctl("dump-flows", "br0", "icmp,in_port=1"), seconds=5)


def test_wrong_rules_are_refused_with_an_openflow_error(suite):
    suite.bridge_with_hosts(2)
    before = suite.ofctl("dump-flows")
    result = suite.ofctl("add-flow", "br0", "table=1,priority=5,actions=goto_table:0", check=False)
    assert result.returncode != 0 and "OFPBIC_BAD_TABLE_ID" in result.stdout, result.stdout
    result = suite.ofctl("add-flow", "br0", "priority=5,actions=group:77", check=False)
    assert result.returncode != 0 and "OFPBAC_BAD_OUT_GROUP" in result.stdout, result.stdout
    assert suite.ofctl("dump-flows").count("actions=") == before.count("actions=")


def test_echo_answers(suite):
    suite.bridge_with_hosts(2)
    assert suite.ofctl("ping", "br0", "64").count("64 bytes from") >= 1
