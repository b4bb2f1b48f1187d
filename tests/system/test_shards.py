"""Several fastpath processes share devices by receive queue: each has its share, takes over that of a dead one, and gives some to a new one.

The hosts' devices have four queues at both ends. The sender's kernel spreads flows over them by hash, and each flow has a rule of its own,
so that the flows a shard knows say which of them it serves. Each test ends with every packet and frame of every shard accounted for.
"""
import json
import re
import signal
import time

import pytest

from suite import PYTHON, TOOLS, sh, wait_until

FLOWS, BASE, RATE = 24, 41000, 200  # RATE of each flow
TAKEOVER_MS = 300
HEALTHY_MS = 150  # a gap that a busy machine makes


def prepared(suite, *arguments, n_hosts=2):
    """Two hosts on four queues that know each other, a rule for each flow; and the means to start them: `--fastpath N`."""
    suite.up(*arguments)
    hosts = suite.bridge_with_hosts(n_hosts, queues=4)
    hosts[0].knows(hosts[1]), hosts[1].knows(hosts[0])
    for flow in range(FLOWS):
        suite.swctl("add-flow", "br0", f"priority=100,udp,in_port=1,tp_src={BASE + flow},actions=output:2")
    wait_until("every queue is open in one shard", lambda: all_open(suite))
    return hosts


def all_open(suite):
    """Every shard knows of the others and has every port open, and every queue of the hosts' devices is open in one."""
    shards = suite.shards()
    instances = sorted(int(service.split(".")[1]) for service in suite.fastpaths())
    if any(shard["live"] != instances for shard in shards.values()) or sorted(shards) != instances:
        return False
    if not all(port["up"] and not port["error"] for shard in shards.values() for port in shard["ports"]):
        return False
    return all(queues_of(shards, host) == list(range(host.queues)) for host in suite.hosts)


def queues_of(shards, host):
    return sorted(queue for shard in shards.values() for port in shard["ports"] if port["name"] == host.port for queue in port["queues"])


class Stream:
    """FLOWS flows from the first host to the second."""

    def __init__(self, hosts, seconds, port=7000):
        first, second = hosts[:2]
        tool = (PYTHON, TOOLS / "flows.py")
        self.receiver = second.popen(*tool, "receive", "--port", port, "--flows", FLOWS, "--seconds", seconds + 20)
        assert self.receiver.stdout.readline().strip() == "listening"
        self.sender = first.popen(*tool, "send", "--to", second.ip, "--port", port, "--flows", FLOWS, "--base", BASE,
                                  "--rate", RATE, "--seconds", seconds)

    def result(self):
        """{source port: what became of the flow}"""
        sent, _ = self.sender.communicate(timeout=60)
        out, _ = self.receiver.communicate(timeout=60)
        result = {int(port): flow for port, flow in json.loads(out.splitlines()[-1]).items()}
        print(f"sender: {sent.strip()}; lost: {({port: flow['lost'] for port, flow in result.items() if flow['lost']})}; "
              f"gaps: {sorted(flow['longest_gap_ms'] for flow in result.values())}")
        assert len(result) == FLOWS
        return result


def flows_of(suite, instance):
    """The source ports that this shard has flows for."""
    found = set()
    for flow in suite.swctl("dp", "dump-flows", as_json=True):
        source = re.search(r"tp_src=(\d+)|udp_src=(\d+)", flow["match"])
        if flow["shard"] == instance and source:
            found.add(int(source.group(1) or source.group(2)))
    return found


def assert_ordered(flows):
    for port, flow in flows.items():
        assert flow["reordered"] == 0 and flow["duplicates"] == 0, (port, flow)


def assert_untouched(flows, ports):
    for port in ports:
        assert flows[port]["lost"] == 0, (port, flows[port])


def ports_by_shard(suite):
    """Which flows of a stream under way shard 1 and shard 2 have. The sending kernel's hash is another one for each socket."""
    time.sleep(1.5)
    ports = flows_of(suite, 1), flows_of(suite, 2)
    assert ports[0] | ports[1] == {BASE + flow for flow in range(FLOWS)} and not ports[0] & ports[1], ports
    assert len(ports[0]) >= 2 and len(ports[1]) >= 2, "the kernel's hash is that uneven once in a hundred thousand times"
    return ports


def received(suite, host):
    return {instance: port["rx_packets"] for instance, shard in suite.shards().items() for port in shard["ports"] if port["name"] == host.port}


def assert_all_is_well(hosts, suite):
    """Both shards receive, and nothing is lost."""
    wait_until("every queue is open in one shard", lambda: all_open(suite))
    before = received(suite, hosts[0])
    flows = Stream(hosts, seconds=1).result()
    assert_ordered(flows)
    assert_untouched(flows, flows)
    after = received(suite, hosts[0])
    assert all(after[instance] - before[instance] >= RATE for instance in (1, 2)), (before, after)


def packets_of_rules(suite):
    """How often each flow's rule was hit: RATE a second, and up to twenty datagrams that say it is the end."""
    return [int(n) for n in re.findall(r"n_packets=(\d+).*tp_src=", suite.ofctl("dump-flows"))]


def xdp_of(namespace, device):
    return re.findall(r"xdp(?:generic)?[ /].*?id (\d+)", namespace.run("ip", "-d", "link", "show", device).stdout)


def test_two_shards_each_receive_their_share_and_lose_nothing(stopped_suite):
    suite = stopped_suite
    hosts = prepared(suite, "--fastpath", "2")
    assert_all_is_well(hosts, suite)
    for shard in suite.shards().values():
        port = next(port for port in shard["ports"] if port["name"] == hosts[0].port)
        assert len(port["queues"]) == 2 and port["mode"] == "xdp-native" and "no zero-copy" in port["why"], port
    wait_until("the rules of either shard's flows count", lambda: all(RATE <= n <= RATE + 20 for n in packets_of_rules(suite)))
    assert len(packets_of_rules(suite)) == FLOWS
    hosts[0].ping(hosts[1], count=20, interval=0.02)
    hosts[1].ping(hosts[0].ip6, count=5)
    assert len({name for name in suite.fastpaths()}) == 2
    assert {"fastpath.1", "fastpath.2"} <= {entry["process"] for entry in suite.swctl("status", as_json=True)}


def test_the_local_port_has_a_queue_in_each_shard(stopped_suite):
    suite = stopped_suite
    hosts = prepared(suite, "--fastpath", "2")
    suite.namespace.run("ip", "addr", "add", "10.0.0.99/24", "dev", "br0")
    hosts[0].ping("10.0.0.99", count=10, interval=0.02)
    hosts[1].ping("10.0.0.99", count=10, interval=0.02)
    suite.kill("fastpath.2")
    wait_until("every queue is open in one shard", lambda: all_open(suite))
    hosts[0].ping("10.0.0.99", count=10, interval=0.02)
    suite.kill("fastpath.1")
    suite.up("--fastpath", "2")
    wait_until("LOCAL answers again", lambda: hosts[0].ping("10.0.0.99", count=1, wait=1, check=False))
    assert "10.0.0.99" in suite.namespace.run("ip", "addr", "show", "br0").stdout, "the host has lost its address"
    suite.swctl("del-br", "br0")
    wait_until("the TAP is gone", lambda: suite.namespace.run("ip", "link", "show", "br0", check=False).returncode != 0)


@pytest.mark.parametrize("victim", [1, 2])
def test_a_killed_shard_is_taken_over_and_the_other_loses_nothing(stopped_suite, victim):
    suite = stopped_suite
    hosts = prepared(suite, "--fastpath", "2")
    stream = Stream(hosts, seconds=5)
    ports = ports_by_shard(suite)
    suite.kill(f"fastpath.{victim}")
    flows = stream.result()
    assert_ordered(flows)
    assert_untouched(flows, ports[2 - victim])
    for port in ports[victim - 1]:
        assert flows[port]["longest_gap_ms"] < TAKEOVER_MS and flows[port]["lost"] < RATE * TAKEOVER_MS / 1000, (port, flows[port])
    other = 3 - victim
    wait_until("what nobody was there for is counted, by the one that lives",
               lambda: suite.shards()[other]["totals"]["drops"].get("no_shard", 0) > 0)
    hosts[0].ping(hosts[1], count=10, interval=0.02)
    assert {port["link"] for port in suite.swctl("show", as_json=True)["bridges"][0]["ports"]} == {"up"}


@pytest.mark.slow
def test_a_new_shard_takes_its_share_live(stopped_suite):
    suite = stopped_suite
    hosts = prepared(suite, "--fastpath", "1")
    stream = Stream(hosts, seconds=6)
    time.sleep(2)
    suite.up("--fastpath", "2")
    flows = stream.result()
    assert_ordered(flows)
    moved = flows_of(suite, 2)
    assert 0 < len(moved) < FLOWS, "the new shard has got no queue, or all"
    assert_untouched(flows, set(flows) - moved)
    assert all(flow["longest_gap_ms"] < TAKEOVER_MS for flow in flows.values()), flows
    assert sum(flow["longest_gap_ms"] > HEALTHY_MS for port, flow in flows.items() if port not in moved) == 0
    assert_all_is_well(hosts, suite)


def test_a_stopped_shard_is_killed_by_its_watchdog_and_taken_over(stopped_suite):
    suite = stopped_suite
    hosts = prepared(suite, "--fastpath", "2")
    stream = Stream(hosts, seconds=6)
    ports = ports_by_shard(suite)
    suite.kill("fastpath.2", signal.SIGSTOP)
    wait_until("the watchdog kills it", lambda: suite.pid("fastpath.2") is None, seconds=3)
    flows = stream.result()
    assert_ordered(flows)
    assert_untouched(flows, ports[0])
    assert all(flows[port]["longest_gap_ms"] < 1300 + TAKEOVER_MS for port in ports[1]), flows


def test_a_stopped_shard_without_a_watchdog_stays(stopped_suite):
    suite = stopped_suite
    suite.up("--watchdog", "off")
    pid = suite.kill("fastpath.1", signal.SIGSTOP)
    time.sleep(2)
    suite.kill("fastpath.1", signal.SIGCONT)
    assert suite.pid("fastpath.1") == pid
    wait_until("it goes on", lambda: suite.swctl("dp", "show", check=False).returncode == 0)


def test_a_strangers_program_is_named_left_alone_and_the_device_taken_when_it_has_gone(stopped_suite):
    suite = stopped_suite
    suite.up("--fastpath", "2")
    suite.swctl("add-br", "br0")
    first, second = suite.add_host(queues=4), suite.add_host(queues=4)
    program = suite.run_dir / "pass.o"
    sh("clang", "-target", "bpf", "-O2", "-g", "-I/usr/include/x86_64-linux-gnu", "-c", TOOLS / "pass.bpf.c", "-o", program)
    suite.namespace.run("ip", "link", "set", "dev", first.port, "xdp", "obj", program, "sec", "xdp")
    before = xdp_of(suite.namespace, first.port)
    assert before
    refused = suite.swctl("add-port", "br0", first.port, "ofport_request=1", check=False)
    assert refused.returncode != 0 and "stranger" in refused.stdout, refused.stdout
    assert xdp_of(suite.namespace, first.port) == before
    suite.namespace.run("ip", "link", "set", "dev", first.port, "xdp", "off")
    suite.swctl("add-port", "br0", first.port, "ofport_request=1")
    suite.swctl("add-port", "br0", second.port, "ofport_request=2")
    first.ping(second, count=3)
    # Now it comes while no fastpath lives.
    suite.kill("fastpath.1"), suite.kill("fastpath.2")
    suite.namespace.run("ip", "link", "del", first.port)
    first.plug(suite)
    suite.namespace.run("ip", "link", "set", "dev", first.port, "xdp", "obj", program, "sec", "xdp")
    suite.up("--fastpath", "2")
    wait_until("the port's error names it", lambda: "stranger" in suite.swctl("show"))
    suite.namespace.run("ip", "link", "set", "dev", first.port, "xdp", "off")
    wait_until("the device is taken", lambda: first.ping(second, count=1, wait=1, check=False))
    wait_until("every queue is open in one shard", lambda: all_open(suite))
    first.ping(second, count=5)


@pytest.mark.slow
def test_a_device_that_vanishes_and_returns_is_shared_again(stopped_suite):
    suite = stopped_suite
    hosts = prepared(suite, "--fastpath", "2")
    for _ in range(3):
        suite.namespace.run("ip", "link", "del", hosts[0].port)
        wait_until("the port says so", lambda: "vanished" in suite.swctl("show") or "no such" in suite.swctl("show"))
        hosts[0].plug(suite)
        wait_until("every queue is open in one shard", lambda: all_open(suite))
    hosts[0].knows(hosts[1])
    assert_all_is_well(hosts, suite)


def test_a_renamed_device_loses_our_program(stopped_suite):
    suite = stopped_suite
    hosts = prepared(suite, "--fastpath", "2")
    suite.namespace.run("ip", "link", "set", hosts[0].port, "name", "other0")
    wait_until("the program is off", lambda: not xdp_of(suite.namespace, "other0"))
    suite.namespace.run("ip", "link", "set", "other0", "name", hosts[0].port)
    wait_until("every queue is open in one shard", lambda: all_open(suite))
    hosts[0].ping(hosts[1], count=5)


@pytest.mark.slow
def test_queues_are_shared_anew_when_there_are_more(stopped_suite):
    """Fewer than there are sockets on the kernel refuses (6.18), so nothing has to be done about it."""
    suite = stopped_suite
    suite.up("--fastpath", "2")
    suite.swctl("add-br", "br0")
    first, second = suite.add_host(queues=4), suite.add_host(queues=4)
    first.run("ethtool", "-L", "eth0", "tx", "1")
    suite.namespace.run("ethtool", "-L", first.port, "rx", "1")
    suite.swctl("add-port", "br0", first.port, "ofport_request=1", "--", "add-port", "br0", second.port, "ofport_request=2")
    for flow in range(FLOWS):
        suite.swctl("add-flow", "br0", f"priority=100,udp,in_port=1,tp_src={BASE + flow},actions=output:2")
    first.knows(second)
    wait_until("one queue is open", lambda: queues_of(suite.shards(), first) == [0])
    suite.namespace.run("ethtool", "-L", first.port, "rx", "4")
    first.run("ethtool", "-L", "eth0", "tx", "4")
    assert_all_is_well((first, second), suite)


def test_programs_outlive_killed_fastpaths_and_are_found_again(stopped_suite):
    suite = stopped_suite
    hosts = prepared(suite, "--fastpath", "2")
    before = xdp_of(suite.namespace, hosts[0].port)
    assert before
    suite.kill("fastpath.1"), suite.kill("fastpath.2")
    assert xdp_of(suite.namespace, hosts[0].port) == before
    hosts[0].ping(hosts[1], count=10, interval=0.01, wait=0.1, check=False)
    suite.up("--fastpath", "2")
    wait_until("traffic passes again", lambda: hosts[0].ping(hosts[1], count=1, wait=1, check=False))
    assert xdp_of(suite.namespace, hosts[0].port) == before
    wait_until("frames that came meanwhile are counted", lambda: sum(shard["totals"]["drops"].get("no_shard", 0) for shard in suite.shards().values()) >= 10)
    assert_all_is_well(hosts, suite)


def test_a_port_removed_while_no_fastpath_lives_loses_the_program_at_the_next_start(stopped_suite):
    suite = stopped_suite
    hosts = prepared(suite, "--fastpath", "1")
    suite.kill("fastpath.1")
    suite.swctl("del-port", "br0", hosts[0].port, check=False)
    assert xdp_of(suite.namespace, hosts[0].port)
    suite.up()
    wait_until("the program is off", lambda: not xdp_of(suite.namespace, hosts[0].port))
    assert xdp_of(suite.namespace, hosts[1].port)


def test_the_last_fastpath_takes_the_programs_along_and_down_does_so_for_killed_ones(stopped_suite):
    suite = stopped_suite
    hosts = prepared(suite, "--fastpath", "2")
    suite.kill("fastpath.2", signal.SIGTERM)
    wait_until("every queue is open in one shard", lambda: all_open(suite))
    hosts[0].ping(hosts[1], count=5)
    assert "fastpath.2" not in suite.swctl("status"), "it was stopped, it did not die"
    assert xdp_of(suite.namespace, hosts[0].port)
    suite.kill("fastpath.1", signal.SIGTERM)
    wait_until("the programs are off", lambda: not any(xdp_of(suite.namespace, host.port) for host in hosts))
    suite.up("--fastpath", "2")
    wait_until("traffic passes again", lambda: hosts[0].ping(hosts[1], count=1, wait=1, check=False))
    suite.kill("fastpath.1"), suite.kill("fastpath.2")
    assert xdp_of(suite.namespace, hosts[0].port)
    suite.down()
    wait_until("the programs are off", lambda: not any(xdp_of(suite.namespace, host.port) for host in hosts))


@pytest.mark.slow
def test_many_devices_opened_and_closed_in_one_commit_do_not_hold_packets(stopped_suite):
    """Closing one takes the kernel some 25 ms, attaching 20: fifty in a row would stand in the way for a second each."""
    suite, n = stopped_suite, 50
    hosts = prepared(suite)
    for number in range(n):
        name = f"{suite.id}m{number}"
        suite.namespace.run("ip", "link", "add", name, "type", "veth", "peer", "name", f"{suite.id}n{number}")
        suite.namespace.run("ip", "link", "set", name, "up"), suite.namespace.run("ip", "link", "set", f"{suite.id}n{number}", "up")
    stream = Stream(hosts, seconds=12)
    time.sleep(1)
    words = ["add-br", "br1"]
    for number in range(n):
        words += ["--", "add-port", "br1", f"{suite.id}m{number}"]
    suite.swctl(*words)
    time.sleep(1)
    suite.swctl("del-br", "br1")
    flows = stream.result()
    assert_ordered(flows)
    assert_untouched(flows, flows)
    assert all(flow["longest_gap_ms"] < HEALTHY_MS for flow in flows.values())
    wait_until("the programs are off", lambda: not xdp_of(suite.namespace, f"{suite.id}m{n - 1}"))
