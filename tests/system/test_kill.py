"""kill -9 of each process under a stream of 1,000 packets a second: nothing established is lost, and what was known is known again."""
import re
import time

import pytest

from suite import SERVICES, wait_until

RATE, SECONDS = 1000, 6
RULES = ["priority=100,udp,in_port=1,tp_dst=7000,actions=output:2", "priority=90,tcp,tp_dst=23,actions=drop",
         "table=0,priority=1,actions=NORMAL"]


def rules(suite):
    """What dump-flows says, less what changes: {rule: packets}."""
    found = {}
    for line in suite.ofctl("dump-flows").splitlines():
        if "actions=" in line:
            rule = re.sub(r"(cookie|duration|n_bytes|idle_age|hard_age)=[^,]*,? ?", "", line)
            packets = int(re.search(r"n_packets=(\d+)", rule).group(1))
            found[re.sub(r"n_packets=\d+,? ?", "", rule).strip()] = packets
    return found


@pytest.mark.parametrize("victim", ["slowpath.1", "configdb.1", "ofagent.1"])
def test_established_flows_lose_nothing_when_a_process_is_killed(suite, victim):
    first, second = suite.bridge_with_hosts(2)
    first.knows(second), second.knows(first)
    for rule in RULES:
        suite.swctl("add-flow", "br0", rule)
    first.ping(second, count=3)
    receiver = second.listen(7000, seconds=SECONDS + 10)
    warm = second.listen(7010, seconds=5)
    first.send(second, 7010, rate=100, seconds=0.5).wait()
    assert warm.result()["lost"] == 0
    before = rules(suite)
    assert len(before) >= len(RULES)

    sender = first.send(second, 7000, rate=RATE, seconds=SECONDS)
    time.sleep(1.5)
    suite.kill(victim)
    time.sleep(1.5)
    suite.up()
    assert suite.alive() == set(SERVICES)
    out, _ = sender.communicate(timeout=60)
    result = receiver.result()
    print(f"{victim}: {result} sender: {out.strip()}")
    assert result["sent"] == RATE * SECONDS
    assert result["lost"] == 0 and result["duplicates"] == 0 and result["reordered"] == 0, result

    wait_until("the rules are there again", lambda: set(rules(suite)) == set(before), seconds=10)
    stream = next(rule for rule in before if "7000" in rule)
    wait_until("every packet of the stream is counted", lambda: rules(suite)[stream] >= RATE * SECONDS, seconds=10)
    assert all(rules(suite)[rule] >= packets for rule, packets in before.items())
    first.ping(second, count=5)


def test_after_a_killed_slowpath_new_traffic_passes_again(suite):
    first, second, third = suite.bridge_with_hosts(3)
    first.ping(second)
    suite.kill("slowpath.1")
    suite.up()
    wait_until("new hosts reach each other", lambda: first.ping(third, count=1, wait=1, check=False), seconds=10)
    third.ping(second, count=5)


def test_changes_are_refused_with_a_clear_error_while_configdb_is_away(suite):
    suite.bridge_with_hosts(2)
    suite.kill("configdb.1")
    result = suite.swctl("--timeout", "2", "add-br", "br1", check=False)
    assert result.returncode != 0 and "configdb" in result.stdout, result.stdout
    suite.up()
    wait_until("changes are taken again", lambda: suite.swctl("add-br", "br1", check=False).returncode == 0, seconds=10)
    assert suite.swctl("list-br").split() == ["br0", "br1"]


def test_a_killed_fastpath_comes_back_and_forwards(suite):
    first, second = suite.bridge_with_hosts(2)
    first.ping(second)
    suite.kill("fastpath.1")
    suite.up()
    wait_until("traffic passes again", lambda: first.ping(second, count=1, wait=1, check=False), seconds=15)
    first.ping(second, count=10)


def test_rules_survive_the_kill_of_everything(suite):
    first, second = suite.bridge_with_hosts(2)
    for rule in RULES:
        suite.swctl("add-flow", "br0", rule)
    before = rules(suite)
    for service in ("configdb.1", "ofagent.1", "slowpath.1", "fastpath.1"):
        suite.kill(service)
    suite.up()
    wait_until("the rules are there again", lambda: set(rules(suite)) == set(before), seconds=15)
    wait_until("traffic passes again", lambda: first.ping(second, count=1, wait=1, check=False), seconds=15)
