"""Debian's ovs-ofctl against the bridge's local socket, unchanged."""
import re
import time

import pytest
from suite import wait_until

VERSIONS = ("OpenFlow10", "OpenFlow13", "OpenFlow14", "OpenFlow15")
WITH_BUNDLES = VERSIONS[1:]


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


def test_user_data_of_a_rule_come_with_the_packet_in(suite):
    first, second = suite.bridge_with_hosts(2)
    first.knows(second), second.knows(first)
    suite.ofctl("add-flow", "br0", "priority=9,icmp,actions=controller(userdata=01.02.03.04.05,max_len=64),normal")
    log = suite.run_dir / "monitor.log"
    suite.namespace.popen("ovs-ofctl", "--unixctl=none", "-O", "OpenFlow13", "-P", "nxt_packet_in2", "monitor", f"unix:{suite.run_dir}/br0.mgmt", "65535",
                          stdout=open(log, "w"))
    time.sleep(0.5)
    first.ping(second, count=1)
    wait_until("the packet-in has them", lambda: "userdata=01.02.03.04.05" in log.read_text())
    suite.ofctl("add-flow", "br0", "priority=9,icmp,actions=controller(id=7),normal")
    n = log.read_text().count("PACKET_IN")
    first.ping(second, count=3)
    time.sleep(0.3)
    assert log.read_text().count("PACKET_IN") == n  # this connection has not the number 7


def test_a_packet_waits_until_its_controller_resumes_it(suite):
    first, second = suite.bridge_with_hosts(2)
    first.knows(second), second.knows(first)
    log = suite.run_dir / "resume.log"
    suite.ofctl("add-flow", "br0", "priority=9,icmp,in_port=1,actions=set_field:7->reg1,resubmit(,3),goto_table:4")
    suite.ofctl("add-flow", "br0", "table=3,actions=controller(pause,userdata=01.02),set_field:8->reg2")
    suite.ofctl("add-flow", "br0", "table=4,reg1=7,reg2=8,actions=output:2")
    assert "controller(userdata=01.02,pause)" in suite.ofctl("dump-flows")
    assert first.ping(second, count=1, wait=1, check=False) == 0  # it waits, and nobody resumes it
    suite.namespace.popen("ovs-ofctl", "--unixctl=none", "-O", "OpenFlow13", "-P", "nxt_packet_in2", "monitor", f"unix:{suite.run_dir}/br0.mgmt", "65535",
                          "resume", stdout=open(log, "w"))
    wait_until("it resumes packets", lambda: first.ping(second, count=1, wait=1, check=False) == 1)
    assert "userdata=01.02" in log.read_text()


def test_what_rules_have_written_comes_with_the_packet_in(suite):
    first, second = suite.bridge_with_hosts(2)
    first.knows(second), second.knows(first)
    suite.ofctl("add-flow", "br0", "priority=9,icmp,actions=set_field:0x11->reg3,set_field:5->tun_id,write_metadata:0x77,goto_table:1")
    suite.ofctl("add-flow", "br0", "table=1,icmp,actions=controller(max_len=64),normal")
    logs = {}
    for form in ("openflow10", "nxt_packet_in2"):
        logs[form] = suite.run_dir / f"{form}.log"
        suite.namespace.popen("ovs-ofctl", "--unixctl=none", "-O", "OpenFlow13", "-P", "standard" if form == "openflow10" else form, "monitor",
                              f"unix:{suite.run_dir}/br0.mgmt", "65535", stdout=open(logs[form], "w"))
    time.sleep(0.5)
    first.ping(second, count=1)
    for log in logs.values():
        wait_until("all are said", lambda log=log: all(word in log.read_text() for word in ("reg3=0x11", "tun_id=0x5", "metadata=0x77", "in_port=1")))


def test_fragments_are_dropped_where_a_controller_says_so(suite):
    first, second = suite.bridge_with_hosts(2)
    first.knows(second), second.knows(first)
    large = ("ping", "-c", "1", "-W", "1", "-s", "4000", second.ip)
    assert "frags=normal" in suite.ofctl("show") and first.run(*large, check=False).returncode == 0
    suite.ofctl("set-frags", "br0", "drop")
    assert suite.ofctl("get-frags").strip().endswith("drop")
    assert first.run(*large, check=False).returncode != 0
    first.ping(second, count=1)
    assert "fragment" in suite.swctl("trace", "br0", "in_port=1,ip,ip_frag=later")
    suite.kill("ofagent.1")
    suite.up()
    assert suite.ofctl("get-frags").strip().endswith("drop")
    said = suite.ofctl("set-frags", "br0", "reassemble", check=False)
    assert said.returncode != 0 and "probably doesn't support mode" in said.stdout, said.stdout  # what Open vSwitch has it say
    assert suite.ofctl("get-frags").strip().endswith("drop")
    suite.ofctl("set-frags", "br0", "nx-match")
    assert first.run(*large, check=False).returncode == 0


def test_a_full_table_evicts_what_is_least_important_and_says_so(suite):
    suite.bridge_with_hosts(2)
    suite.swctl("create", "flow_table", "bridge=br0", "number=0", "flow_limit=2")
    log = suite.run_dir / "monitor.log"
    suite.namespace.popen("ovs-ofctl", "--unixctl=none", "-O", "OpenFlow14", "monitor", f"unix:{suite.run_dir}/br0.mgmt", "65535",
                          stdout=open(log, "w"))
    add = lambda text, check=True: suite.ofctl("add-flow", "br0", text, check=check, version="OpenFlow14")
    add("priority=1,ip,importance=1,send_flow_rem,actions=drop")
    add("priority=2,ip,importance=2,actions=drop")
    assert "OFPFMFC_TABLE_FULL" in add("priority=3,ip,importance=3,actions=drop", check=False).stdout
    suite.ofctl("mod-table", "br0", "0", "evict", version="OpenFlow14")
    assert "eviction=on" in suite.ofctl("dump-table-desc", version="OpenFlow14")
    add("priority=3,ip,importance=3,actions=drop")
    said = suite.ofctl("dump-flows")
    assert "priority=1," not in said and "priority=2," in said and "priority=3," in said
    wait_until("FLOW_REMOVED", lambda: "reason=eviction" in log.read_text())
    suite.kill("ofagent.1")
    suite.up()
    assert "eviction=on" in suite.ofctl("dump-table-desc", version="OpenFlow14").split("table 1")[0]
    assert re.search(r"max_entries=2\b", suite.ofctl("dump-table-features", version="OpenFlow13"))


def test_a_full_table_evicts_from_its_largest_group(suite):
    suite.bridge_with_hosts(2)
    suite.swctl("create", "flow_table", "bridge=br0", "number=1", "flow_limit=4", "overflow_policy=evict", "groups=NXM_OF_IN_PORT[]")
    add = lambda number, port: suite.ofctl("add-flow", "br0", f"table=1,priority={number},in_port={port},hard_timeout={1000 + number},actions=drop")
    there = lambda: [int(number) for number in re.findall(r"table=1,.*priority=(\d+)", suite.ofctl("dump-flows"))]
    for number, port in enumerate((1, 2, 2, 2, 2), start=1):
        add(number, port)
    assert sorted(there()) == [1, 3, 4, 5]  # not the first, which would expire sooner
    row = suite.swctl("list", "flow_table", as_json=True)[0]
    assert row["groups"] == ["NXM_OF_IN_PORT[]"]
    suite.swctl("set", "flow_table", row["id"], "groups=[]")
    add(6, 2)
    assert sorted(there()) == [3, 4, 5, 6]  # now it does
    said = suite.swctl("create", "flow_table", "bridge=br0", "number=2", "groups=NXM_OF_IN_PORT[],NXM_OF_IN_POT[]", check=False)
    assert 'unknown field "NXM_OF_IN_POT"' in said.stdout, said


def test_snoop_shows_what_a_controller_says(suite):
    suite.bridge_with_hosts(2)
    suite.swctl("set-controller", "br0", "ptcp:16653:127.0.0.1")
    wait_until("it listens", lambda: suite.swctl("list", "controller", as_json=True)[0]["status"].get("state") == "listening")
    log = suite.run_dir / "snoop.log"
    suite.namespace.popen("ovs-ofctl", "--unixctl=none", "snoop", f"unix:{suite.run_dir}/br0.snoop", stdout=open(log, "w"))
    time.sleep(0.5)
    suite.namespace.run("ovs-ofctl", "-O", "OpenFlow13", "add-flow", "tcp:127.0.0.1:16653", "tcp,tp_dst=81,actions=drop")
    wait_until("it is seen", lambda: "OFPT_FLOW_MOD" in log.read_text() and "tp_dst=81" in log.read_text() and "OFPT_HELLO" in log.read_text())


def test_a_port_is_left_out_of_floods_by_1_0(suite):
    first, second = suite.bridge_with_hosts(2)
    suite.ofctl("mod-port", "br0", "2", "no-flood", version="OpenFlow10")
    assert "NO_FLOOD" in suite.ofctl("show", version="OpenFlow10") and "NO_FLOOD" not in suite.ofctl("show")
    assert first.ping(second, count=1, wait=1, check=False) == 0  # its ARP request is flooded
    suite.ofctl("mod-port", "br0", "2", "flood", version="OpenFlow10")
    first.ping(second)


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


@pytest.mark.parametrize("version", VERSIONS)
def test_the_daily_commands_in_every_version(suite, version, tmp_path):
    """show, add-flow, dump-flows, mod-flows, replace-flows, diff-flows, del-flows, dump-ports, dump-tables, dump-aggregate."""
    first, second = suite.bridge_with_hosts(2)

    def ofctl(command, *arguments, **options):
        return suite.ofctl(command, "br0", *arguments, version=version, **options)
    said = ofctl("show")
    assert re.search(rf"^ 1\({first.port}\):", said, re.M) and re.search(r"^ LOCAL\(br0\):", said, re.M), said
    ofctl("del-flows")
    ofctl("add-flow", "priority=200,cookie=0x2a,idle_timeout=300,tcp,nw_dst=10.0.0.0/8,tp_dst=80,actions=mod_nw_dst:10.0.0.9,output:2")
    ofctl("add-flow", "table=1,priority=5,reg1=0x5,udp6,actions=move:NXM_NX_REG1[]->NXM_NX_REG2[],load:0x7->NXM_NX_REG3[0..7],output:1")
    said = ofctl("dump-flows")
    assert re.search(r"cookie=0x2a, .*table=0, n_packets=0, n_bytes=0, idle_timeout=300, .*priority=200,tcp,nw_dst=10\.0\.0\.0/8,tp_dst=80 "
                     r"actions=", said), said
    assert re.search(r"table=1, .*priority=5,udp6,reg1=0x5 actions=move:NXM_NX_REG1\[\]->NXM_NX_REG2\[\]", said), said
    assert "flow_count=2" in ofctl("dump-aggregate")
    ofctl("mod-flows", "tcp,tp_dst=80,actions=output:1")
    assert re.search(r"priority=200,tcp,nw_dst=10\.0\.0\.0/8,tp_dst=80 actions=output:", ofctl("dump-flows", "tcp"))
    wanted = tmp_path / "flows"
    wanted.write_text("priority=200,tcp,nw_dst=10.0.0.0/8,tp_dst=80,cookie=0x2a,idle_timeout=300,actions=output:1\npriority=7,arp,actions=drop\n")
    ofctl("replace-flows", str(wanted))
    said = ofctl("dump-flows")
    assert said.count("actions=") == 2 and "priority=7,arp actions=drop" in said and "table=1" not in said, said
    assert ofctl("diff-flows", str(wanted)) == ""
    assert "table=0" in ofctl("dump-tables") or "table 0" in ofctl("dump-tables")
    assert "rx pkts=" in ofctl("dump-ports")
    ofctl("del-flows", "tcp")
    assert ofctl("dump-flows").count("actions=") == 1
    ofctl("del-flows")
    assert "actions=" not in ofctl("dump-flows")


@pytest.mark.parametrize("version", WITH_BUNDLES)
def test_a_bundle_is_all_or_nothing(suite, version, tmp_path):
    suite.bridge_with_hosts(2)
    suite.ofctl("del-flows", version=version)
    flows = tmp_path / "flows"
    flows.write_text("".join(f"priority={n + 1},ip,nw_dst=10.0.{n // 256}.{n % 256},actions=output:2\n" for n in range(500)))
    suite.ofctl("add-flows", "br0", str(flows), version=version, options=("--bundle",))
    assert suite.ofctl("dump-flows", version=version).count("actions=") == 500
    flows.write_text("priority=5,arp,actions=drop\npriority=5,udp,actions=group:77\n")
    result = suite.ofctl("add-flows", "br0", str(flows), version=version, options=("--bundle",), check=False)
    assert result.returncode != 0
    assert suite.ofctl("dump-flows", version=version).count("actions=") == 500
    flows.write_text("priority=9,arp,actions=drop\n")
    suite.ofctl("replace-flows", "br0", str(flows), version=version, options=("--bundle",))
    assert suite.ofctl("dump-flows", version=version).count("actions=") == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_groups_and_meters_in_every_version_that_has_them(suite, version):
    suite.bridge_with_hosts(2)

    def ofctl(command, *arguments, **options):
        return suite.ofctl(command, "br0", *arguments, version=version, **options)
    ofctl("add-group", "group_id=5,type=select,bucket=weight:5,output:1,bucket=weight:6,output:2")
    assert re.search(r"group_id=5,type=select,bucket=.*weight:5,actions=output:.*weight:6,actions=output:", ofctl("dump-groups"))
    has_meters = version != "OpenFlow10"
    if has_meters:
        ofctl("add-meter", "meter=3,kbps,band=type=drop,rate=1000")
        assert re.search(r"meter=3 kbps bands=\s*type=drop rate=1000", ofctl("dump-meters"))
        assert "meter:3" in ofctl("meter-stats")
    ofctl("add-flow", "ip,actions=" + ("meter:3," if has_meters else "") + "group:5")
    assert "ref_count=1" in ofctl("dump-group-stats")
    assert re.search(r"select group:\s+max_groups", ofctl("dump-group-features"))
    said = ofctl("add-flow", "ip,actions=group:77", check=False)
    assert said.returncode != 0 and "OFPBAC_BAD_OUT_GROUP" in said.stdout, said
    said = ofctl("add-group", "group_id=5,type=all", check=False)
    assert said.returncode != 0 and "OFPGMFC_GROUP_EXISTS" in said.stdout, said
    ofctl("mod-group", "group_id=5,type=select,bucket=weight:7,output:1,bucket=weight:6,output:2")
    assert "weight:7,actions=output" in ofctl("dump-groups")
    if version in ("OpenFlow10", "OpenFlow15"):
        ofctl("insert-buckets", "group_id=5,command_bucket_id=last,bucket=bucket_id:9,weight:7,output:1")
        assert "bucket_id:9,weight:7" in ofctl("dump-groups", "5")
        ofctl("remove-buckets", "group_id=5,command_bucket_id=9")
        assert "bucket_id:9" not in ofctl("dump-groups", "5")
    ofctl("del-groups")
    assert "actions=" not in ofctl("dump-flows", "ip")
    if not has_meters:
        return
    ofctl("del-meters")
    assert "type=drop" not in ofctl("dump-meters")


@pytest.mark.parametrize("version", VERSIONS)
def test_monitor_watches_rules_come_and_go(suite, version):
    suite.bridge_with_hosts(2)
    suite.ofctl("del-flows")
    suite.ofctl("add-flow", "br0", "priority=3,arp,actions=drop")
    monitor = suite.namespace.popen("env", f"OVS_RUNDIR={suite.run_dir}", "ovs-ofctl", "-O", version, "--timeout=4", "monitor",
                                    f"unix:{suite.run_dir}/br0.mgmt", "watch:")
    time.sleep(1)  # ovs-ofctl has no sign of having asked
    suite.ofctl("add-flow", "br0", "priority=4,ip,nw_dst=10.1.2.3,actions=output:2")
    suite.ofctl("del-flows", "br0", "ip")
    said = monitor.communicate()[0]
    assert re.search(r"event=(ADDED|INITIAL) table=0 .*arp", said), said
    assert re.search(r"event=ADDED table=0 .*nw_dst=10\.1\.2\.3 actions=output:", said), said
    assert re.search(r"event=DELETED reason=delete table=0 .*nw_dst=10\.1\.2\.3", said), said


@pytest.mark.parametrize("version", VERSIONS)
def test_a_rule_is_shown_as_it_was_added(suite, version):
    """Flags that said how to add, queues that no port has (as in Open vSwitch they have no effect), and the controllers that an expired TTL is told to."""
    first, second = suite.bridge_with_hosts(2)
    suite.ofctl("add-flow", "br0", "priority=7,check_overlap,ip,actions=dec_ttl(1,2),set_queue:7,output:1", version=version)
    suite.ofctl("add-flow", "br0", "priority=8,icmp,actions=enqueue:1:9,enqueue:2:9", version=version)
    said = suite.ofctl("dump-flows", version=version)
    assert re.search(r"priority=7,ip actions=dec_ttl\(1,2\),set_queue:7,output:", said), said
    assert "actions=enqueue:" in said or "actions=set_queue:9,output:" in said, said
    assert re.search(r"check_overlap .*priority=7,ip", suite.ofctl("dump-flows", version="OpenFlow13"))
    first.ping(second)
