"""What systemd is told by the processes, and what the generator tells systemd. The units themselves: test_package.py."""
import os
import signal
import socket

import pytest

from suite import BIN, ROOT, sh, wait_until

KINDS = ("slowpath", "ofagent", "fastpath", "configdb")


class Manager:
    """Hears what one process says."""

    def __init__(self, suite, kind):
        self.path = suite.run_dir / f"{kind}.notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(str(self.path))
        self.heard = []
        environment = dict(os.environ, NOTIFY_SOCKET=str(self.path), WATCHDOG_USEC="800000")
        environment.pop("WATCHDOG_PID", None)
        more = ("--db", suite.run_dir / "db") if kind == "configdb" else ()
        self.log = open(suite.run_dir / f"{kind}.1.log", "wb")
        self.process = suite.namespace.popen(BIN / f"busbar-{kind}", "--run", suite.run_dir, *more, env=environment, stdout=self.log, stderr=self.log)

    def hears(self, word):
        try:
            while True:
                self.heard += self.socket.recv(4096).decode().splitlines()
        except BlockingIOError:
            return any(line.startswith(word) for line in self.heard)

    def close(self):
        self.socket.close()
        self.log.close()


def test_ready_is_said_when_the_configuration_has_come(stopped_suite):
    suite = stopped_suite
    managers = {kind: Manager(suite, kind) for kind in KINDS[:3]}
    for kind, manager in managers.items():
        wait_until(f"{kind} asks for more time", lambda m=manager: m.hears("EXTEND_TIMEOUT_USEC="))
        assert not manager.hears("READY=1"), kind
    managers["configdb"] = Manager(suite, "configdb")
    for kind, manager in managers.items():
        wait_until(f"{kind} is ready", lambda m=manager: m.hears("READY=1"))
        wait_until(f"{kind} feeds the watchdog", lambda m=manager: m.hears("WATCHDOG=1"))
    for kind, manager in managers.items():
        manager.process.send_signal(signal.SIGTERM)
        assert manager.process.wait(timeout=10) == 0
        assert manager.hears("STOPPING=1"), kind
        manager.close()


@pytest.mark.parametrize("text, slowpaths, fastpaths, ofagents", [
    ("SLOWPATH=3\nFASTPATH=2\nOFAGENT=4\n", 3, 2, 4),
    ('SLOWPATH="2"\n#FASTPATH=7\n', 2, 1, 1),
    ("SLOWPATH=1\nSLOWPATH=4 \nFASTPATH=many\n", 4, 1, 1),
    ("SLOWPATH=0\nFASTPATH=400\nOFAGENT=17\n", 1, 16, 16),
    ("", 1, 1, 1)])
def test_as_many_units_are_wanted_as_the_configuration_says(tmp_path, text, slowpaths, fastpaths, ofagents):
    conf = tmp_path / "busbar.conf"
    conf.write_text(text)
    environment = dict(os.environ, BUSBAR_CONF=str(conf), BUSBAR_COMMON=str(ROOT / "deploy/common"))
    sh(ROOT / "deploy/systemd/generator", tmp_path, tmp_path, tmp_path, env=environment)
    wanted = sorted(path.name for path in (tmp_path / "busbar.target.wants").iterdir())
    counts = {"fastpath": fastpaths, "slowpath": slowpaths, "ofagent": ofagents}
    assert wanted == sorted(f"busbar-{kind}@{n}.service" for kind, count in counts.items() for n in range(1, count + 1))
    for path in (tmp_path / "busbar.target.wants").iterdir():
        assert (ROOT / "deploy/systemd" / os.path.basename(os.readlink(path))).exists()


def test_without_a_configuration_the_generator_wants_nothing(tmp_path):
    environment = dict(os.environ, BUSBAR_CONF=str(tmp_path / "none"), BUSBAR_COMMON=str(ROOT / "deploy/common"))
    sh(ROOT / "deploy/systemd/generator", tmp_path, tmp_path, tmp_path, env=environment)
    assert list(tmp_path.iterdir()) == []
