"""Databases that older builds wrote are read: every row is there, changes go on, and the run environment is taken over from a configdb that was killed.

Recorded in tests/golden/database, an archive each of `db`, `rundb` and `said.json`:

    layout-1   by the switch of commit 513fc51: no history, no meters, replies without a group
    layout-3   by that of commit 1803a9f: a run environment without marks, a history with a rollback

Each of the two was built as it is (release) and started by its own deploy/up in a network namespace. Then, with its own swctl and ovs-ofctl: br0 with eth1
(tag=10, ofport_request=7) and eth2 (trunks=10,20); br1 in fail mode secure with a controller that is not there; rules, a group, a meter; in layout-3 also a
setting of the switch, a key, a table of flows with a limit, a port of type null, a table that evicts. Ten
packets of udp port 4444 were let through. 3.5 s later,
when counters were written, said.json took down what its swctl answers to the commands that are its keys.
Last came the rule `priority=99,tcp,tp_dst=99,actions=drop`
and, before the fold could copy it, kill -9 to configdb; what lay there then is the archive. In it are all
tables that a commit had: switch, bridge, port, controller,
key, flow_table on disk; rule, group, meter, owner, service, counter in rundb.
"""
import json
import subprocess
from pathlib import Path

import pytest

from suite import ROOT

RECORDED = ROOT / "tests/golden/database"
BOOT = Path("/proc/sys/kernel/random/boot_id")
OTHER_BOOT = "00000000-0000-4000-8000-000000000000"
GROUP = "group_id=5,type=select,bucket=bucket_id:0,weight:2,actions=output:7,bucket=bucket_id:1,weight:1,actions=output:1"
# What is of a process or a device that is there now, and not of the row that was kept.
OF_NOW = {"list port": {"link_state", "error", "mac_in_use", "mtu", "link_speed", "ifindex", "mode", "mode_reason"},
          "list controller": {"is_connected", "role", "status"}, "list owner": {"epoch", "start"},
          "show": {"link", "mode", "mtu", "why", "is_connected", "state", "last_error", "ofagent", "role", "error", "version"},
          "dump-flows br0": {"duration_s", "text", "n_packets", "n_bytes"}}
ANEW = {"list counter"}  # who takes over writes them anew; what they say is in dump-flows


def lacks(now, then, of_now, place=""):
    """Where what is said now is not what was said then; columns may have come."""
    if isinstance(then, dict) and isinstance(now, dict):
        return [wrong for name in then if name not in of_now for wrong in lacks(now.get(name, "nothing"), then[name], of_now, f"{place}.{name}")]
    if isinstance(then, list) and isinstance(now, list) and len(now) == len(then):
        return [wrong for i, (a, b) in enumerate(zip(now, then)) for wrong in lacks(a, b, of_now, f"{place}[{i}]")]
    return [] if now == then else [f"{place}: {now}, and was {then}"]


def unpack(suite, name, boot):
    """Instead of a database of the suite's. Returns what the older build said of it."""
    subprocess.run(["tar", "-C", suite.run_dir, "--no-same-owner", "-xJf", RECORDED / f"{name}.tar.xz"], check=True)
    (suite.run_dir / "rundb/boot").write_text(boot)
    for port in ("eth1", "eth2"):
        suite.namespace.run("ip", "link", "add", port, "type", "veth", "peer", "name", f"{port}-peer")
    return json.loads((suite.run_dir / "said.json").read_text())


def wrong_in(suite, said, late):
    """What is not as the older build said."""
    flows = suite.swctl("dump-flows", "br0", as_json=True)
    assert [flow["match"] for flow in flows if flow["priority"] == 99] == (["tcp,tp_dst=99"] if late else [])
    wrong = []
    for command, then in said.items():
        now = suite.swctl(*command.split(), as_json=True)
        if command in ("list rule", "dump-flows br0"):
            now = [rule for rule in now if rule["priority"] != 99]
        if command == "dump-flows br0":
            now, then = (sorted(rules, key=lambda rule: (rule["table"], rule["priority"])) for rules in (now, then))
        if command not in ANEW:
            wrong += lacks(now, then, OF_NOW.get(command, set()), command)
    return wrong


def goes_on(suite):
    """It takes changes, one more kill -9 keeps them, and an id that was given is not given again."""
    ids = {row["id"] for row in suite.swctl("list", "bridge", as_json=True)}
    suite.swctl("add-br", "br2")
    (added,) = {row["id"] for row in suite.swctl("list", "bridge", as_json=True)} - ids
    assert added > max(ids)
    suite.swctl("add-flow", "br0", "priority=98,tcp,tp_dst=98,actions=drop")
    suite.swctl("del-port", "br0", "eth2")
    suite.kill("configdb.1")
    suite.up()
    assert suite.swctl("list-br").split() == ["br0", "br1", "br2"] and suite.swctl("list-ports", "br0").split() == ["eth1"]
    assert "tp_dst=98" in suite.swctl("dump-flows", "br0")
    made = [commit["client"] for commit in suite.swctl("history", as_json=True)]
    assert made[:2] == ["swctl del-port br0 eth2", "swctl add-br br2"]
    before = str(suite.swctl("history", as_json=True)[1]["n"])
    suite.swctl("rollback", before)
    assert suite.swctl("list-ports", "br0").split() == ["eth1", "eth2"]
    suite.swctl("export", suite.run_dir / "all.json")
    assert suite.swctl("--dry-run", "apply", suite.run_dir / "all.json", as_json=True) == []
    suite.swctl("remove-buckets", "br0", "group_id=5,command_bucket_id=1")
    assert suite.swctl("dump-groups", "br0").strip() == GROUP.partition(",bucket=bucket_id:1")[0]


@pytest.mark.parametrize("name, rebooted", [("layout-1", False), ("layout-3", False), ("layout-1", True)], ids=["layout-1", "layout-3", "layout-1-rebooted"])
def test_what_an_older_build_has_written_is_there_and_goes_on(stopped_suite, name, rebooted):
    """rebooted: rundb is of another boot, so that all comes from the disk, and what was not folded is lost."""
    suite = stopped_suite
    said = unpack(suite, name, OTHER_BOOT if rebooted else BOOT.read_text().strip())
    suite.up()
    assert ("run_database_rebuilt" in suite.log("configdb.1")) == rebooted
    wrong = wrong_in(suite, said, not rebooted)
    assert not wrong, "\n".join(wrong)
    assert GROUP in suite.swctl("dump-groups", "br0")
    (counted,) = [rule["n_packets"] for rule in suite.swctl("dump-flows", "br0", as_json=True) if rule["priority"] == 50]
    assert counted == (0 if rebooted else 10)  # counts are not on the disk
    assert suite.swctl("show", as_json=True)["version"]["epoch"] > said["show"]["version"]["epoch"]
    if not rebooted:
        goes_on(suite)
