"""Real traffic with every offload at its default: iperf3, tags left to the device, large frames."""
import json

import pytest

from suite import ROOT, TOOLS, sh, wait_until


def iperf(client, server, address, *options, seconds=3):
    """The sums of one run, as iperf3 reports them at its end."""
    child = server.popen("iperf3", "-s", "-1", "-p", "5201")
    wait_until("iperf3 listens", lambda: ":5201 " in server.run("ss", "-Hlnt").stdout + " ")
    result = client.run("iperf3", "-J", "-c", address, "-p", "5201", "-t", seconds, "--connect-timeout", 5000, *options, check=False, timeout=60)
    report = json.loads(result.stdout)
    assert "error" not in report, report["error"]
    child.wait(timeout=20)
    return report["end"]


@pytest.mark.parametrize("family", ["ip", "ip6"])
def test_tcp_passes_with_default_offloads(suite, family):
    first, second = suite.bridge_with_hosts(2)
    assert "tx-checksumming: on" in first.run("ethtool", "-k", "eth0").stdout
    end = iperf(first, second, getattr(second, family))
    print(f"TCP over {family}: {end['sum_received']['bits_per_second'] / 1e9:.2f} Gb/s")
    assert end["sum_received"]["bits_per_second"] > 50e6


@pytest.mark.parametrize("family", ["ip", "ip6"])
def test_udp_passes_with_default_offloads(suite, family):
    first, second = suite.bridge_with_hosts(2)
    end = iperf(first, second, getattr(second, family), "-u", "-b", "50M", "-l", "1200")
    assert end["sum"]["packets"] > 10000
    assert end["sum"]["lost_percent"] < 1


def test_tcp_passes_both_ways_at_once(suite):
    first, second = suite.bridge_with_hosts(2)
    end = iperf(first, second, second.ip, "--bidir")
    assert end["sum_received"]["bits_per_second"] > 20e6
    assert end["sum_received_bidir_reverse"]["bits_per_second"] > 20e6


@pytest.mark.parametrize("family", ["ip", "ip6"])
def test_frames_of_8900_bytes_pass_on_ports_with_mtu_9000(suite, family):
    first, second = suite.bridge_with_hosts(2, mtu=9000)
    header = 28 if family == "ip" else 48
    first.run("ping", "-n", "-c", "3", "-i", "0.1", "-W", "2", "-M", "do", "-s", 8900 - header, getattr(second, family))
    end = iperf(first, second, getattr(second, family), "-M", 8800)
    assert end["sum_received"]["bits_per_second"] > 50e6


@pytest.fixture
def hidden_tags(suite):
    """Two hosts; the first one's frames carry VLAN 100, priority 3, in metadata only."""
    first, second = suite.bridge_with_hosts(2)
    program = suite.run_dir / "push_vlan.o"
    sh("clang", "-target", "bpf", "-O2", "-g", "-I/usr/include/x86_64-linux-gnu", "-c", TOOLS / "push_vlan.bpf.c", "-o", program,
       cwd=ROOT)
    first.knows(second), second.knows(first)
    first.run("tc", "qdisc", "add", "dev", "eth0", "clsact")
    first.run("tc", "filter", "add", "dev", "eth0", "egress", "bpf", "da", "obj", program, "sec", "tc")
    return suite, first, second


def test_a_tag_that_the_sender_left_to_the_device_arrives(hidden_tags):
    suite, first, second = hidden_tags
    capture = second.capture("vlan 100 and udp port 7000", count=5)
    first.send(second, 7000, rate=50, seconds=0.5).wait()
    said = capture.text()
    assert said.count("vlan 100, p 3") == 5, said


def test_a_hidden_tag_is_matched_and_popped(hidden_tags):
    suite, first, second = hidden_tags
    suite.swctl("add-flow", "br0", "priority=100,in_port=1,dl_vlan=100,dl_vlan_pcp=3,actions=strip_vlan,output:2")
    receiver = second.listen(7000, seconds=10)
    first.send(second, 7000, rate=200, seconds=1).wait()
    result = receiver.result()
    assert result["received"] == 200 and result["lost"] == 0, result
    assert "n_packets=0," not in suite.ofctl("dump-flows", "br0", "dl_vlan=100")


def test_rewritten_packets_have_right_checksums(suite):
    """The receiving socket drops a datagram whose checksum is wrong."""
    first, second = suite.bridge_with_hosts(2)
    first.knows(second)
    second.run("ip", "addr", "add", "10.0.0.77/24", "dev", "eth0")
    suite.swctl("add-flow", "br0", "priority=100,udp,in_port=1,tp_dst=7000,"
                "actions=mod_nw_dst:10.0.0.77,mod_tp_dst:7001,dec_ttl,output:2")
    receiver = second.listen(7001, seconds=10)
    first.send(second, 7000, rate=200, seconds=1).wait()
    result = receiver.result()
    assert result["received"] == 200, result
