"""Short runs of what tests/soak does for long: everything at once for ten seconds, and two hundred flaps of real devices."""
import json
from pathlib import Path

import pytest

from suite import BIN, PYTHON, ROOT, sh, wait_until

FLAPS, PORTS = 200, 4
GROWTH_KIB = 2 * 1024
FRAMES_KIB = 72 * 1024  # the frames: one mapping, whose pages are there once they have been used


def resident_kib(pid):
    """Resident memory but for the frames, which are all there from the start and become resident as they are used for the first time."""
    resident, is_frames = 0, False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        name, value = line.split()[:2]
        if name == "Size:":
            is_frames = int(value) == FRAMES_KIB
        elif name == "Rss:" and not is_frames:
            resident += int(value)
    return resident


def flap(suite, times):
    """The four ports flap so often; what the tool counted."""
    result = suite.namespace.run(PYTHON, ROOT / "tests/soak/tools/flap.py", "--prefix", f"{suite.id}f", "--swctl", BIN / "swctl", "--ports", PORTS,
                                 "--times", times, "--pause", 0, env=suite.environment, timeout=120)
    return json.loads(result.stdout.splitlines()[-1])


@pytest.mark.slow
def test_nothing_goes_wrong_under_everything_at_once(tmp_path):
    report = tmp_path / "soak.json"
    result = sh(ROOT / "tests/soak/fastpath", "--seconds", 10, "--flows", 20000, "--json", report, check=False, timeout=150)
    assert result.returncode == 0, result.stdout
    said = json.loads(report.read_text())
    assert said["killed"] >= 2 and sum(c["received"] for c in said["connections"].values()) > 10000


@pytest.mark.slow
def test_two_hundred_flaps_of_devices_leave_everything_in_order(suite):
    first, second = suite.bridge_with_hosts(2)
    suite.swctl("set-fail-mode", "br0", "secure")  # no learning: memory is that of ports, not of addresses
    suite.swctl("add-flow", "br0", "in_port=1,actions=output:2", "in_port=2,actions=output:1", "priority=1,actions=output:20,output:21,output:22,output:23")
    first.ping(second)
    flap(suite, FLAPS // 2)  # tables, heap and frames in use have their size then
    fastpath = suite.pid("fastpath.1")
    before = resident_kib(fastpath)
    said = flap(suite, FLAPS)
    assert not said["refused"] and sum(count for what, count in said.items() if what not in ("refused", "frames")) == FLAPS, said
    names = [f"{suite.id}f{i}" for i in range(PORTS)]
    shown = wait_until("all ports are open and up", lambda: (lambda ports: all(
        any(p["name"] == name and p["up"] and not p["error"] for p in ports) for name in names) and ports)(
        [port for shard in suite.swctl("dp", "show", as_json=True) for port in shard["ports"]]), seconds=15)
    assert len(shown) == PORTS + 3  # the hosts' and LOCAL
    first.ping(second, count=10)
    assert suite.pid("fastpath.1") == fastpath and "configdb.1" in suite.alive()
    grown = resident_kib(fastpath) - before
    print(f"{said}; grown by {grown} KiB")
    assert grown < GROWTH_KIB, f"the fastpath grew by {grown} KiB over {FLAPS} flaps"


@pytest.mark.slow
@pytest.mark.parametrize("flows", [1000, 20000])
def test_no_packet_is_late_while_rules_change_and_processes_die(flows, tmp_path):
    """Few connections: most of their packets are forwarded by the kernel. Many: by the sockets."""
    report = tmp_path / "report.json"
    result = sh(ROOT / "tests/soak/consistency", "--seconds", 12, "--flows", flows, "--rate", 20000, "--no-costs", "--json", report, check=False,
                timeout=150)
    assert result.returncode == 0, result.stdout[-3000:]
    assert json.loads(report.read_text())["late"] == 0


def test_no_acknowledged_change_is_lost_by_kills_and_power_cuts(tmp_path):
    report = tmp_path / "crash.json"
    result = sh(ROOT / "tests/soak/crash", "--kills", 20, "--images", 150, "--log-seconds", 2, "--json", report, check=False, timeout=150)
    assert result.returncode == 0, result.stdout
    said = json.loads(report.read_text())
    assert min(said["kill"]["answered"]) > 10 and said["power"]["pages_not_synced"] > 20


@pytest.mark.slow
def test_what_readers_by_bridge_show_is_what_there_is(tmp_path):
    """They grow, shrink, stall and die, and so does configdb."""
    report = tmp_path / "feed.json"
    result = sh(ROOT / "tests/soak/feed", "--seconds", 8, "--kill-every", 2, "--json", report, check=False, timeout=150)
    assert result.returncode == 0, result.stdout
    said = json.loads(report.read_text())
    assert said["kills"] > 1 and said["readers_killed"] > 1 and said["joined"] > 5 and said["compared"] > 20


def test_every_process_may_be_killed_under_twenty_thousand_rules(tmp_path):
    report = tmp_path / "million.json"
    result = sh(ROOT / "tests/soak/million", "--rules", 20000, "--bound", 15, "--json", report, check=False, timeout=120)
    assert result.returncode == 0, result.stdout[-3000:]
    said = json.loads(report.read_text())
    assert [row["killed"] for row in said["kills"]] == ["configdb.1", "ofagent.1", "slowpath.1", "fastpath.1"]
    assert all(row["is_same"] for row in said["kills"])
