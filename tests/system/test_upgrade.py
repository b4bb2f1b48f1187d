"""Processes replaced by another build while traffic runs: one version of every wire apart they understand each other, two apart they say why not.

The other builds are this tree with the versions of all wires raised (BUSBAR_PROTOCOL_AHEAD): "next" by one and "later" by two. They share one build
folder, in which only the bus is compiled anew.
"""
import re
import shutil
import signal
import subprocess
import time

import pytest

from suite import BIN, ROOT, SERVICES, sh, wait_until

pytestmark = pytest.mark.slow
BUILD = ROOT / "build/upgrade"
AHEAD = {"next": 1, "later": 2}
RESTART_S = 4  # within which packets pass again after the only fastpath was replaced
RULE = "priority=50,udp,tp_dst=4444,actions=drop"


@pytest.fixture(scope="session")
def builds():
    """{name: folder of programs}"""
    made = {"now": BIN}
    options = ["-DCMAKE_BUILD_TYPE=Release", "-DBUSBAR_TESTS=OFF", "-DBUSBAR_LAX=ON"]
    options += ["-DCMAKE_C_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    for name, ahead in AHEAD.items():
        sh("cmake", "-S", ROOT, "-B", BUILD, "-G", "Ninja", *options, f"-DBUSBAR_PROTOCOL_AHEAD={ahead}")
        sh("cmake", "--build", BUILD, timeout=900)
        made[name] = BUILD / name
        shutil.rmtree(made[name], ignore_errors=True)
        shutil.copytree(BUILD / "bin", made[name])
    return made


class Pings:
    """A hundred a second while something else is done; `lost` afterwards."""

    def __init__(self, host, other):
        self.child = host.popen("ping", "-n", "-i", "0.01", other.ip)

    def __enter__(self):
        time.sleep(0.5)
        return self

    def __exit__(self, *_):
        self.child.send_signal(signal.SIGINT)
        out, _ = self.child.communicate(timeout=20)
        sent, received = re.search(r"(\d+) packets transmitted, (\d+)", out).groups()
        self.lost = int(sent) - int(received)


def replace(suite, service, programs):
    """As docs/operations.md says: ended, and started from the other build by deploy/up. The others go on."""
    others = {name: suite.pid(name) for name in SERVICES if name != service}
    suite.kill(service, signal.SIGTERM)
    suite.up(BUSBAR_BIN=str(programs))
    assert suite.alive() == set(SERVICES)
    assert {name: suite.pid(name) for name in others} == others, f"{service} was replaced, and another had to be started again"
    assert sh("readlink", f"/proc/{suite.pid(service)}/exe").stdout.strip() == str(programs / f"busbar-{service.split('.')[0]}")


def all_is_well(suite, hosts):
    """Everybody follows a change of the configuration, and a rule that is told by a barrier to be in force is."""
    suite.swctl("set-flow-limit", "4000")
    suite.swctl("set-flow-limit", "5000")
    assert RULE.split(",actions")[0].replace("tp_dst", "udp_dst") in suite.swctl("dump-flows", "br0").replace("tp_dst", "udp_dst")
    suite.swctl("add-flow", "br0", "priority=60,icmp,in_port=1,actions=drop")
    assert hosts[0].ping(hosts[1], count=2, wait=1, check=False) == 0
    suite.swctl("del-flows", "br0", "icmp,in_port=1")
    hosts[0].ping(hosts[1])
    hosts[1].ping(hosts[0].ip6)
    assert {entry["state"] for entry in suite.swctl("status", as_json=True)} == {"running"}


def prepared(suite, programs):
    suite.up(BUSBAR_BIN=str(programs))
    hosts = suite.bridge_with_hosts(2)
    hosts[0].knows(hosts[1]), hosts[1].knows(hosts[0])
    suite.swctl("add-flow", "br0", RULE)
    hosts[0].ping(hosts[1])
    return hosts


@pytest.mark.parametrize("old, new, order", [("now", "next", (0, 1, 2, 3)), ("next", "now", (3, 1, 0, 2))])
def test_each_process_is_replaced_under_traffic(stopped_suite, builds, old, new, order):
    """In the order of the manual, and in others, and back to the older version."""
    suite = stopped_suite
    hosts = prepared(suite, builds[old])
    all_is_well(suite, hosts)
    for service in (("configdb.1", "slowpath.1", "ofagent.1", "fastpath.1")[number] for number in order):
        with Pings(*hosts) as pings:
            replace(suite, service, builds[new])
            time.sleep(1)
        print(f"{service} of {old} replaced by that of {new}: {pings.lost} pings lost")
        assert pings.lost <= (RESTART_S * 100 if service == "fastpath.1" else 1), f"{service}: {pings.lost} lost"  # the last may be under way
        all_is_well(suite, hosts)
    words = "bus_refused reason=wrong_version"
    assert words in "".join(suite.log(service) for service in SERVICES), "nobody had to be told an older version: are these other builds?"


def test_two_versions_apart_is_refused_and_says_what_to_do(stopped_suite, builds):
    suite = stopped_suite
    hosts = prepared(suite, builds["now"])
    said = suite.namespace.run(builds["later"] / "swctl", "show", check=False, env=suite.environment)
    assert said.returncode != 0
    words = "configdb.1 understands versions 1 and 0 of the wire config, this program 3 and 2: replace configdb.1 by a build"
    assert words in said.stdout, said.stdout
    suite.kill("slowpath.1", signal.SIGTERM)
    log = suite.run_dir / "later.log"
    with open(log, "wb") as file:
        child = subprocess.Popen(suite.namespace.command(builds["later"] / "busbar-slowpath", "--run", suite.run_dir, "--instance", "1"),
                                 stdout=file, stderr=file)
    try:
        wait_until("it says why", lambda: f"bus_version {words}" in log.read_text(errors="replace"))
        wait_until("so does configdb", lambda: re.search(r"bus_refused reason=wrong_version wire=1 protocol=3 understood=1,0 .*from=slowpath\.1",
                                                         suite.log("configdb.1")))
        hosts[0].ping(hosts[1])
    finally:
        child.terminate()
        child.wait(timeout=20)
    suite.up(BUSBAR_BIN=str(builds["next"]))  # by one version it may be
    all_is_well(suite, hosts)
