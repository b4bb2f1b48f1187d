"""Groups and meters by swctl, on the real datapath; ovs-ofctl sees the same."""
import re

from suite import wait_until


def counted(suite, pattern, *command):
    """The numbers that the pattern finds in what swctl prints."""
    found = re.search(pattern, suite.swctl(*command))
    return tuple(int(number) for number in found.groups()) if found else None


def test_ping_goes_through_a_group_and_is_counted(suite):
    first, second = suite.bridge_with_hosts(2)
    suite.swctl("set-fail-mode", "br0", "secure")
    suite.swctl("add-group", "br0", "group_id=1,type=all,bucket=output:2")
    suite.swctl("add-group", "br0", "group_id=2,type=select,bucket=weight:0,actions=drop,bucket=weight:1,watch_port:1,actions=output:1")
    suite.swctl("add-flow", "br0", "in_port=1,actions=group:1", "in_port=2,actions=group:2")
    first.ping(second, count=10)
    assert suite.swctl("dump-groups", "br0", "1").strip() == "group_id=1,type=all,bucket=bucket_id:0,actions=output:2"

    def both_have_counted():
        through_1 = counted(suite, r"packet_count=(\d+),byte_count=\d+,bucket0:packet_count=(\d+)", "dump-group-stats", "br0", "1")
        through_2 = counted(suite, r"packet_count=(\d+),byte_count=\d+,bucket0:packet_count=(\d+),byte_count=\d+,bucket1:packet_count=(\d+)",
                            "dump-group-stats", "br0", "2")
        return through_1 and through_2 and through_1[0] >= 10 and through_2[0] >= 10 and (through_1, through_2)
    through_1, through_2 = wait_until("both groups have counted ten packets", both_have_counted)
    assert through_1[0] == through_1[1]
    assert through_2[1] == 0 and through_2[2] == through_2[0]
    assert re.search(rf"group_id=1,.*packet_count={through_1[0]},", suite.ofctl("dump-group-stats"))
    suite.swctl("del-groups", "br0", "group_id=1")
    assert first.ping(second, count=2, wait=1, check=False) == 0  # its rule is gone with it
    assert "in_port=1" not in suite.swctl("dump-flows", "br0")


def test_a_datapath_hash_serves_many_connections_with_few_flows(suite):
    first, second = suite.bridge_with_hosts(2)
    suite.swctl("set-fail-mode", "br0", "secure")
    suite.swctl("add-group", "br0", "group_id=1,type=select,selection_method=dp_hash,bucket=output:2,bucket=output:2")
    suite.swctl("add-flow", "br0", "in_port=1,udp,actions=group:1", "priority=1,actions=normal")
    first.ping(second)
    for port in range(300):
        first.run("bash", "-c", f"echo x >/dev/udp/{second.ip}/{10000 + port}")

    def all_are_counted():
        through = counted(suite, r"packet_count=(\d+),byte_count=\d+,bucket0:packet_count=(\d+),byte_count=\d+,bucket1:packet_count=(\d+)",
                          "dump-group-stats", "br0")
        return through and through[0] >= 300 and through
    total, one, other = wait_until("300 datagrams are counted", all_are_counted)
    assert total == one + other and one > 80 and other > 80
    hashed = [line for line in suite.swctl("dp", "dump-flows").splitlines() if "recirc_id=0x1" in line]
    assert 2 <= len(hashed) <= 32, hashed


def test_a_meter_drops_what_is_above_its_rate(suite):
    first, second = suite.bridge_with_hosts(2)
    suite.swctl("add-meter", "br0", "meter=1,pktps,burst,bands=type=drop,rate=5,burst_size=5")
    assert suite.swctl("dump-meters", "br0") == "meter=1 pktps burst bands=\ntype=drop rate=5 burst_size=5\n"
    first.ping(second)
    suite.swctl("add-flow", "br0", "priority=100,icmp,in_port=1,actions=meter:1,normal")
    answered = first.ping(second, count=50, interval=0.01, wait=1, check=False)
    assert 5 <= answered <= 15, answered  # a full bucket, and half a second's or a little more

    def has_counted():
        numbers = counted(suite, r"packet_in_count:(\d+) .*\n0: packet_count:(\d+)", "meter-stats", "br0", "1")
        return numbers and numbers[0] == 50 and numbers
    assert wait_until("50 packets have been measured", has_counted) == (50, 50 - answered)
    assert re.search(rf"packet_in_count:50 .*\n0: packet_count:{50 - answered} ", suite.ofctl("meter-stats"))
    suite.swctl("mod-meter", "br0", "meter=1,pktps,burst,bands=type=drop,rate=1000,burst_size=1000")
    first.ping(second, count=50, interval=0.01)
    suite.swctl("del-meters", "br0")
    assert "meter:1" not in suite.swctl("dump-flows", "br0")


def test_ovs_ofctl_makes_meters_and_groups(suite):
    first, second = suite.bridge_with_hosts(2)
    suite.ofctl("add-meter", "br0", "meter=7,kbps,stats,bands=type=drop,rate=100000")
    suite.ofctl("add-group", "br0", "group_id=9,type=ff,bucket=watch_port:2,actions=output:2")
    suite.ofctl("add-flow", "br0", "priority=100,icmp,in_port=1,actions=meter:7,group:9")
    first.ping(second)
    assert "meter=7 kbps stats bands=" in suite.swctl("dump-meters", "br0")
    assert "watch_port:2,actions=output:2" in suite.swctl("dump-groups", "br0")
    assert "max_meter:16384" in suite.ofctl("meter-features")
    result = suite.ofctl("add-group", "br0", "group_id=10,type=all,bucket=group:10", check=False)
    assert result.returncode != 0 and "OFPGMFC_LOOP" in result.stdout
    suite.ofctl("del-meters")
    assert "group:9" not in suite.swctl("dump-flows", "br0")


def test_what_is_wrong_is_refused_by_name(suite):
    suite.swctl("add-br", "br0")
    for command, text, says in (("add-group", "group_id=1,type=any", "any"),
                                ("add-group", "group_id=1,type=all,bucket=group:2", "BAD_OUT_GROUP"),
                                ("mod-group", "group_id=1,type=all", "UNKNOWN_GROUP"),
                                ("insert-buckets", "group_id=1,bucket=drop", "UNKNOWN_GROUP"),
                                ("add-meter", "meter=1,bands=type=paint", "paint"),
                                ("mod-meter", "meter=1,bands=type=drop,rate=1", "UNKNOWN_METER")):
        result = suite.swctl(command, "br0", text, check=False)
        assert result.returncode == 1 and says in result.stdout, (command, text, result.stdout)
