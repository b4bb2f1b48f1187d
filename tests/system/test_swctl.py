"""swctl from end to end: every command answers, in words and in JSON; several commands make one transaction."""
import json

import pytest

from suite import SERVICES, wait_until

READING = ["show", "status", "list-br", "br-exists br0", "list-ports br0", "get-controller br0", "get-fail-mode br0", "dump-flows br0",
           "dump-ports br0", "dp dump-flows", "dp dump-flows --sort rate", "dp show", "dp stats",
           "list bridge", "list rule", "find port ofport<100", "get bridge br0 name ports", "export", "help", "schema port", "completion",
           "fdb show br0", "fdb stats br0", "trace br0 in_port=1,icmp", "log-level slowpath.1"]


def test_every_reading_command_answers_in_words_and_in_json(suite):
    first, second = suite.bridge_with_hosts(2)
    suite.swctl("add-flow", "br0", "priority=1,actions=NORMAL")
    suite.swctl("set-controller", "br0", "tcp:127.0.0.1:16699")
    first.ping(second)
    for command in READING:
        words = suite.swctl(*command.split())
        json.loads(suite.swctl("--json", *command.split()))
        assert words.strip() or command == "br-exists br0", command


def test_commands_joined_by_dashes_are_one_transaction(suite):
    host = suite.add_host()
    suite.swctl("add-br", "br0", "--", "add-br", "br1", "--", "add-port", "br1", host.port, "ofport_request=7")
    assert suite.swctl("list-br").split() == ["br0", "br1"] and suite.swctl("list-ports", "br1").split() == [host.port]
    result = suite.swctl("add-br", "br2", "--", "add-br", "br1", check=False)
    assert result.returncode == 1 and "br1" in result.stdout
    assert suite.swctl("list-br").split() == ["br0", "br1"]


def test_settings_are_set_read_and_taken_back(suite):
    suite.swctl("add-br", "br0")
    suite.swctl("set-fail-mode", "br0", "secure")
    assert suite.swctl("get-fail-mode", "br0").strip() == "secure"
    suite.swctl("del-fail-mode", "br0")
    assert suite.swctl("get-fail-mode", "br0").strip() == "standalone"
    suite.swctl("set-controller", "br0", "tcp:127.0.0.1:16698", "tcp:127.0.0.1:16699")
    assert sorted(suite.swctl("get-controller", "br0").split()) == ["tcp:127.0.0.1:16698", "tcp:127.0.0.1:16699"]
    suite.swctl("set-controller", "br0", "tcp:127.0.0.1:16699")
    assert suite.swctl("get-controller", "br0").split() == ["tcp:127.0.0.1:16699"]
    suite.swctl("del-controller", "br0")
    assert suite.swctl("get-controller", "br0").strip() == ""
    suite.swctl("--may-exist", "add-br", "br0")
    suite.swctl("--if-exists", "del-br", "br9")
    assert suite.swctl("br-exists", "br9", check=False).returncode == 2


def test_rules_are_changed_and_deleted_strictly_and_loosely(suite):
    suite.swctl("add-br", "br0")
    suite.swctl("add-flow", "br0", "priority=10,tcp,tp_dst=80,actions=drop", "priority=11,tcp,actions=drop", "priority=12,udp,actions=drop")
    suite.swctl("mod-flows", "br0", "tcp,actions=NORMAL")
    assert suite.swctl("dump-flows", "br0").count("actions=NORMAL") == 2
    suite.swctl("--strict", "del-flows", "br0", "priority=11,tcp")
    said = suite.swctl("--no-stats", "dump-flows", "br0")
    assert "priority=11" not in said and "priority=10,tcp,tp_dst=80 actions=NORMAL" in said and "priority=12,udp actions=drop" in said
    suite.swctl("del-flows", "br0", "tcp")
    assert "tcp" not in suite.swctl("dump-flows", "br0")
    suite.swctl("del-flows", "br0")
    assert "actions=" not in suite.swctl("dump-flows", "br0")


def test_flows_say_when_they_were_used(suite):
    first, second = suite.bridge_with_hosts(2)
    first.knows(second), second.knows(first)
    first.ping(second, count=10, interval=0.01)
    flows = [line for line in suite.swctl("dp", "dump-flows").splitlines() if first.mac in line and second.mac in line]
    assert len(flows) == 2, flows
    assert all("used:never" not in line for line in flows), flows


@pytest.mark.parametrize("service", SERVICES)
def test_the_log_level_changes_while_a_process_runs(suite, service):
    suite.swctl("log-level", service, "debug")
    assert suite.swctl("log-level", service).strip() == "debug"
    result = suite.swctl("log-level", service, "loud", check=False)
    assert result.returncode != 0 and "error, warn, info, debug" in result.stdout.replace(" or", "")


def test_without_a_switch_every_command_says_so(stopped_suite):
    for command in ("show", "status", "dump-flows br0", "add-br br0"):
        result = stopped_suite.swctl("--timeout", "1", *command.split(), check=False)
        assert result.returncode not in (0, 2), command
        assert "configdb" in result.stdout or "running" in result.stdout or "no process" in result.stdout, result.stdout


def test_two_changes_at_once_both_happen(suite):
    children = [suite.namespace.popen(str(suite.environment["BUSBAR_BIN"]) + "/swctl", "add-br", f"br{n}", env=suite.environment)
                for n in range(8)]
    for child in children:
        out, _ = child.communicate(timeout=30)
        assert child.returncode == 0, out
    wait_until("all eight are there", lambda: len(suite.swctl("list-br").split()) == 8)
