"""A learning-switch application of os-ken as the controller, over OpenFlow 1.3; then without it."""
import json
import os
import re
import signal
from pathlib import Path

import pytest

from suite import PYTHON, wait_until

APP = Path(__file__).resolve().parent / "apps" / "learning_switch.py"
PORT = 16653


class Controller:
    def __init__(self, suite, **environment):
        self.suite = suite
        self.path = suite.run_dir / "events"
        self.environment = dict(os.environ, EVENTS=str(self.path), PYTHONDONTWRITEBYTECODE="1", **environment)
        self.child = None

    def start(self):
        self.path.write_text("")
        self.child = self.suite.namespace.popen(PYTHON, "/usr/bin/osken-manager", "--ofp-listen-host", "127.0.0.1",
                                                "--ofp-tcp-listen-port", PORT, APP, env=self.environment,
                                                stdout=open(self.suite.run_dir / "controller.log", "a"))
        return self

    def kill(self):
        os.kill(self.child.pid, signal.SIGKILL)
        self.child.wait()

    def events(self, *names):
        events = [json.loads(line) for line in self.path.read_text().splitlines()]
        return [event for event in events if event["event"] in names] if names else events

    def ip_packet_ins(self):
        return [event for event in self.events("packet_in") if event["eth_type"] in (0x0800, 0x0806)]


@pytest.fixture
def controlled(suite):
    hosts = suite.bridge_with_hosts(3)
    controller = Controller(suite).start()
    suite.swctl("set-controller", "br0", f"tcp:127.0.0.1:{PORT}")
    wait_until("the controller sees the switch", lambda: controller.events("features"), seconds=15)
    wait_until("the controller's table-miss rule is there", lambda: "CONTROLLER" in suite.ofctl("dump-flows"))
    return suite, hosts, controller


def hits(suite):
    return sum(flow["packets"] for flow in suite.swctl("dp", "dump-flows", as_json=True))


def test_first_ping_makes_packet_ins_and_flow_mods_then_the_fastpath_is_alone(controlled):
    suite, (first, second, _), controller = controlled
    first.ping(second, count=2, interval=0.5)
    assert len(controller.ip_packet_ins()) >= 2
    assert {(e["in_port"], e["out_port"]) for e in controller.events("flow_mod")} >= {(1, 2), (2, 1)}
    assert "n_packets=" in suite.ofctl("dump-flows") and "output" in suite.ofctl("dump-flows")

    n_packet_ins, before = len(controller.ip_packet_ins()), hits(suite)
    first.ping(second, count=50, interval=0.01)
    wait_until("dp dump-flows shows the hits", lambda: hits(suite) >= before + 100, seconds=5)
    assert len(controller.ip_packet_ins()) == n_packet_ins
    assert controller.events("error") == []


def test_connected_controller_is_shown(controlled):
    suite, _, controller = controlled
    shown = lambda: suite.swctl("show", as_json=True)["bridges"][0]["controllers"][0]
    wait_until("is_connected", lambda: shown()["is_connected"])
    assert 0 <= shown()["sec_since_connect"] < 60 and "sec_since_disconnect" not in shown()
    said = suite.swctl("show")
    assert re.search(r"is_connected: true\n +role: equal\n +state: active\n +sec_since_connect: \d+\n", said), said
    controller.kill()
    wait_until("not is_connected", lambda: not shown()["is_connected"])
    assert 0 <= shown()["sec_since_disconnect"] < 60 and "sec_since_connect" not in shown()


def test_established_traffic_goes_on_when_the_controller_is_killed(controlled):
    suite, (first, second, _), controller = controlled
    suite.swctl("set-fail-mode", "br0", "secure")
    first.knows(second), second.knows(first)
    first.ping(second, count=3, interval=0.3)
    controller.kill()
    first.ping(second, count=50, interval=0.02)


def test_secure_forwards_nothing_new_without_its_controller(controlled):
    suite, (first, second, third), controller = controlled
    suite.swctl("set-fail-mode", "br0", "secure")
    first.ping(second, count=2, interval=0.3)
    controller.kill()
    assert first.ping(third, count=3, wait=1, check=False) == 0
    first.ping(second)


@pytest.mark.slow
def test_standalone_becomes_a_learning_switch_without_its_controller(controlled):
    suite, (first, second, third), controller = controlled
    suite.swctl("set-fail-mode", "br0", "standalone")
    first.ping(second, count=2, interval=0.3)
    controller.kill()
    wait_until("new hosts reach each other", lambda: first.ping(third, count=1, wait=1, check=False), seconds=40)
    third.ping(second)


def test_controller_that_returns_is_connected_again(controlled):
    suite, (first, second, third), controller = controlled
    suite.swctl("set-fail-mode", "br0", "secure")
    controller.kill()
    controller.start()
    wait_until("the controller sees the switch again", lambda: controller.events("features"), seconds=20)
    first.ping(third, count=3, interval=0.5)


def test_idle_flows_are_removed_and_the_controller_is_told(suite):
    first, second = suite.bridge_with_hosts(2)
    controller = Controller(suite, IDLE_TIMEOUT="1").start()
    suite.swctl("set-controller", "br0", f"tcp:127.0.0.1:{PORT}")
    wait_until("the controller sees the switch", lambda: controller.events("features"), seconds=15)
    first.knows(second), second.knows(first)
    first.ping(second, count=10, interval=0.1)
    removed = wait_until("flow removed", lambda: [e for e in controller.events("flow_removed") if e["packets"] >= 8], seconds=10)
    assert removed[0]["reason"] == 0  # OFPRR_IDLE_TIMEOUT
