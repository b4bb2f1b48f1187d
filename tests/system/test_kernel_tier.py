"""The kernel's tier with real devices: what needs no rewriting is forwarded by the program on the device, and nobody can tell but by the counters.

A host behind a veth takes redirected frames when its GRO is on (or it has an XDP program): these hosts have it, the others of the suite not."""
import re
import time

import pytest

from suite import wait_until

STREAM = "priority=100,udp,in_port=1,tp_dst=7000,actions=output:2"


@pytest.fixture
def hosts(suite):
    found = suite.bridge_with_hosts(3)
    suite.swctl("set-fail-mode", "br0", "secure")
    for host in found:
        host.run("ethtool", "-K", "eth0", "gro", "on", "tx", "off")
        host.knows(*[other for other in found if other is not host])
    for rule in (STREAM, "priority=10,in_port=2,actions=output:1"):
        suite.swctl("add-flow", "br0", rule)
    time.sleep(1.2)  # the fastpath asks once a second what its devices take
    return found


def shard(suite):
    return suite.swctl("dp", "show", as_json=True)[0]


def kernel_hits(suite):
    return shard(suite)["kernel_tier"]["packets"]


def rule_packets(suite, rule="tp_dst=7000"):
    line = next(line for line in suite.ofctl("dump-flows").splitlines() if rule in line)
    return int(re.search(r"n_packets=(\d+)", line).group(1))


def datagrams(host, name="InDatagrams"):
    """UDP datagrams that the host has received, or sent."""
    names, values = [line.split() for line in host.run("cat", "/proc/net/snmp").stdout.splitlines() if line.startswith("Udp:")]
    return int(values[names.index(name)])


def test_a_stream_moves_into_the_kernel_in_order_and_every_packet_is_counted(suite, hosts):
    first, second, _ = hosts
    receiver = second.listen(7000, seconds=15)
    first.send(second, 7000, rate=4000, seconds=4).wait()
    result = receiver.result()
    assert result["sent"] == 16000
    assert result["lost"] == 0 and result["duplicates"] == 0 and result["reordered"] == 0, result
    wait_until("the kernel has forwarded most of them", lambda: kernel_hits(suite) > 12000)
    time.sleep(1.5)  # the fastpath's rounds and reports
    assert rule_packets(suite) == datagrams(first, "OutDatagrams")
    ports = {port["name"]: port for port in shard(suite)["ports"]}
    assert ports[first.port]["rx_packets"] >= 16000 and ports[second.port]["tx_packets"] >= 16000
    assert not suite.unaccounted()


@pytest.mark.slow
def test_after_a_change_is_answered_no_packet_goes_the_old_way(suite, hosts):
    first, second, third = hosts
    old, new = second.listen(7000, seconds=20), third.listen(7000, seconds=20)
    sender = first.send(second, 7000, rate=4000, seconds=5)
    wait_until("the kernel forwards", lambda: kernel_hits(suite) > 2000)
    suite.swctl("mod-flows", "br0", f"udp,in_port=1,tp_dst=7000,actions=mod_dl_dst:{third.mac},mod_nw_dst:{third.ip},output:3")
    answered = datagrams(second)
    sender.wait(timeout=60)
    assert datagrams(second) == answered  # not one since the change was answered
    results = [old.result(), new.result()]
    assert results[0]["received"] > 1000 and results[1]["received"] > 1000
    assert sum(result["received"] for result in results) == 20000, results
    assert sum(r["reordered"] + r["duplicates"] for r in results) == 0, results


def test_tcp_with_open_checksums_passes(suite, hosts):
    first, second, _ = hosts
    suite.swctl("add-flow", "br0", "priority=50,tcp,in_port=1,actions=output:2")
    for offload in ("on", "off"):  # on: the sender leaves checksums to its device, and the kernel must not forward them so
        for host in (first, second):
            host.run("ethtool", "-K", "eth0", "tx", offload)
        server = second.popen("iperf3", "-s", "-1")
        wait_until("iperf3 listens", lambda: ":5201 " in second.run("ss", "-Hlnt").stdout)
        result = first.run("iperf3", "-c", second.ip, "-n", "20M", "--connect-timeout", 3000, timeout=60)
        assert "receiver" in result.stdout
        server.wait(timeout=20)
    assert not suite.unaccounted()


@pytest.mark.slow
def test_a_host_that_takes_no_redirected_frames_any_more_gets_them_by_the_socket(suite, hosts):
    first, second, _ = hosts
    receiver = second.listen(7000, seconds=20)
    sender = first.send(second, 7000, rate=2000, seconds=6)
    wait_until("the kernel forwards", lambda: kernel_hits(suite) > 1000)
    second.run("ethtool", "-K", "eth0", "gro", "off")
    sender.wait(timeout=60)
    result = receiver.result()
    failed = shard(suite)["totals"]["drops"].get("output_failed", 0)
    assert result["sent"] == 12000 and result["reordered"] == 0 and result["duplicates"] == 0, result
    assert result["lost"] < 400, result  # until it is noticed: some tens of milliseconds
    assert abs(failed - result["lost"]) <= 1, (result, failed)  # and each of them is named
    assert not suite.unaccounted()


def test_a_killed_fastpath_takes_the_stream_up_again(suite, hosts):
    first, second, _ = hosts
    receiver = second.listen(7000, seconds=25)
    sender = first.send(second, 7000, rate=2000, seconds=6)
    wait_until("the kernel forwards", lambda: kernel_hits(suite) > 1000)
    suite.kill("fastpath.1")
    time.sleep(1)
    suite.up()
    wait_until("the kernel forwards again", lambda: kernel_hits(suite) > 1000)
    sender.wait(timeout=60)
    result = receiver.result()
    assert result["reordered"] == 0 and result["duplicates"] == 0 and result["received"] > 6000, result


@pytest.mark.slow
def test_switched_off_the_socket_does_it_all(suite, hosts):
    first, second, _ = hosts
    receiver = second.listen(7000, seconds=15)
    sender = first.send(second, 7000, rate=2000, seconds=4)
    wait_until("the kernel forwards", lambda: kernel_hits(suite) > 500)
    suite.swctl("set-kernel-tier", "off")
    wait_until("it is off", lambda: not shard(suite)["kernel_tier"]["on"] and shard(suite)["kernel_tier"]["entries"] == 0)
    time.sleep(0.3)
    before = kernel_hits(suite)
    sender.wait(timeout=60)
    result = receiver.result()
    assert result["lost"] == 0 and result["reordered"] == 0 and result["duplicates"] == 0, result
    assert kernel_hits(suite) == before
    refused = suite.swctl("set-kernel-tier", "perhaps", check=False)
    assert refused.returncode != 0 and "on or off" in refused.stdout
