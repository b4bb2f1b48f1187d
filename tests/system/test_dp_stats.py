"""What people read of the datapath: work by stage, flows filtered, sorted and cut, on real ports."""
import json

import pytest

from suite import BIN, wait_until


def flows(suite, *words):
    return suite.swctl("dp", "dump-flows", *words, as_json=True)


def test_stats_say_what_the_packets_did(suite):
    first, second = suite.bridge_with_hosts(2)
    first.knows(second), second.knows(first)
    before, = suite.swctl("dp", "stats", as_json=True)
    first.ping(second, count=300, interval=0.002)
    stats, = suite.swctl("dp", "stats", as_json=True)
    shown, = suite.swctl("dp", "show", as_json=True)
    stages = {stage["stage"]: stage for stage in stats["stages"]}
    assert list(stages) == ["receive", "parse", "exact", "megaflow", "act", "send"]
    assert 600 <= stats["received"] - before["received"] <= 700 and stages["receive"]["packets"] >= 600
    assert stages["receive"]["sampled_packets"] > 0 and 1 < stages["receive"]["cycles_a_packet"] < 1e6
    assert 0.5 < stages["parse"]["cycles_a_packet"] / stages["parse"]["ns_a_packet"] < 10, "a core's clock in GHz"
    assert 99 < sum(stage["share"] for stage in stats["stages"]) < 101
    lookups = stats["lookups"]
    assert lookups["exact_hits"] > 500 and lookups["exact_percent"] > 80
    assert 99.9 < lookups["exact_percent"] + lookups["megaflow_percent"] + lookups["miss_percent"] < 100.1
    assert 0 < lookups["masks_a_megaflow_lookup"] <= 64
    assert stats["exact"]["lookup"] in ("avx512", "avx2", "sse4.2", "plain") and stats["exact"]["made_for"] >= 16384
    assert stats["flows"] >= 2 and stats["programs"] >= 2
    states = [{name: n for name, n in frames.items() if name not in ("total", "sound")} for frames in (stats["frames"], shown["frames"])]
    assert states[0].keys() == states[1].keys() and sum(states[0].values()) == sum(states[1].values()) == shown["frames"]["total"]
    assert stats["drops"].keys() <= shown["totals"]["drops"].keys()
    words = suite.swctl("dp", "stats")
    assert "cycles/packet" in words and "exact_percent" in words, words


@pytest.mark.slow
def test_stats_are_watched_each_second(suite):
    first, second = suite.bridge_with_hosts(2)
    first.knows(second)
    receiver = second.listen(7000, seconds=9)  # else the sender is told that nobody wants its datagrams
    sender = first.send(second, 7000, rate=2000, seconds=8)
    watcher = suite.namespace.popen("timeout", 4.5, BIN / "swctl", "--json", "dp", "stats", "--watch", env=suite.environment)
    out, _ = watcher.communicate(timeout=30)
    sender.wait()
    receiver.result()
    decoder, answers = json.JSONDecoder(), []
    while out.strip():
        answer, end = decoder.raw_decode(out := out.lstrip())
        answers.append(answer[0])
        out = out[end:]
    assert 4 <= len(answers) <= 6 and answers[0]["since"] == "the start"
    for answer in answers[2:]:
        assert answer["since"] == "the last look" and 0.9 < answer["seconds"] < 1.6
        assert 1500 < answer["received_a_second"] < 2500, answer


@pytest.mark.slow
def test_flows_are_filtered_sorted_and_cut(suite):
    first, second, third = suite.bridge_with_hosts(3)
    first.knows(second, third), second.knows(first), third.knows(first)
    suite.swctl("add-flow", "br0", "priority=100,udp,in_port=1,tp_dst=7001,actions=output:2", "priority=100,udp,in_port=1,tp_dst=7002,actions=output:3",
                "priority=100,udp,in_port=1,tp_dst=7003,actions=output:2")
    receivers = [second.listen(7001, seconds=9), second.listen(7003, seconds=9)]
    senders = [first.send(second, 7001, rate=100, seconds=8), first.send(second, 7002, rate=1000, seconds=8),
               first.send(second, 7003, rate=400, seconds=8)]
    wait_until("three flows", lambda: len(flows(suite, f"udp,in_port={first.port}")) >= 3)
    by_rate = flows(suite, f"udp,in_port={first.port}", "--sort", "rate", "--top", "2")
    for sender in senders:
        sender.wait()
    for receiver in receivers:
        receiver.result()
    assert ["tp_dst=7002" in flow["match"] for flow in by_rate] == [True, False] and "tp_dst=7003" in by_rate[1]["match"], by_rate
    assert 800 < by_rate[0]["rate"] < 1200 and 300 < by_rate[1]["rate"] < 500, by_rate
    by_packets = flows(suite, "udp", "--sort", "packets")
    counts = [flow["packets"] for flow in by_packets]
    assert counts == sorted(counts, reverse=True) and counts[0] >= 7000
    assert counts == sorted((flow["packets"] for flow in flows(suite, "udp")), reverse=True)
    used = [flow["used_s"] for flow in flows(suite, "--sort", "used") if flow["used_s"] is not None]
    assert used == sorted(used)
    to_third = flows(suite, f"actions~output:{third.port}")
    assert to_third and all(third.port in flow["actions"] for flow in to_third)
    assert flows(suite, "owner=slowpath.1,udp") and not flows(suite, "owner=slowpath.9")
    words = suite.swctl("dp", "dump-flows", f"udp,in_port={first.port}", "--sort", "rate", "--top", "1")
    assert len(words.splitlines()) == 1 and "rate:" in words, words
    result = suite.swctl("dp", "dump-flows", "--sort", "colour", check=False)
    assert result.returncode != 0 and "packets, bytes, rate or used" in result.stdout, result.stdout


@pytest.mark.slow
def test_a_reader_who_goes_away_costs_nothing(suite):
    first, second = suite.bridge_with_hosts(2)
    first.knows(second), second.knows(first)
    first.ping(second)
    for _ in range(70):  # more than requests may be open
        suite.namespace.run("timeout", "-s", "KILL", 0.05, BIN / "swctl", "dp", "dump-flows", "--sort", "rate", check=False, env=suite.environment)
    first.ping(second, count=20, interval=0.01)
    wait_until("the dumps have ended", lambda: suite.swctl("dp", "dump-flows", check=False).returncode == 0)
