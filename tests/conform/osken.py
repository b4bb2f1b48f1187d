"""An os-ken application as the controller of a stage: osken-manager as its users run it, in the switch's namespace."""
import json
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

from bench import Stage  # noqa: E402
from suite import PYTHON, wait_until  # noqa: E402

APPS = HERE / "apps"
PORT = 16634


class Application:
    def __init__(self, suite, app, bridges=("br0",)):
        self.path = suite.run_dir / "events"
        self.path.write_text("")
        self.log = suite.run_dir / "controller.log"
        environment = dict(os.environ, EVENTS=str(self.path), PYTHONPATH=str(APPS), PYTHONDONTWRITEBYTECODE="1")
        with open(self.log, "a", encoding="utf-8") as log:
            suite.namespace.popen(PYTHON, "/usr/bin/osken-manager", "--ofp-listen-host", "127.0.0.1", "--ofp-tcp-listen-port", PORT,
                                  app, env=environment, stdout=log)
        for bridge in bridges:
            suite.swctl("set-controller", bridge, f"tcp:127.0.0.1:{PORT}")

    def events(self, name, **values):
        lines = self.path.read_text().splitlines(keepends=True)
        events = [json.loads(line) for line in lines if line.endswith("\n")]
        return [event for event in events if event["event"] == name and all(event.get(key) == value for key, value in values.items())]

    def wait_for(self, name, n=1, seconds=15, **values):
        try:
            return wait_until(f"{n} of {name} {values}", lambda: (found := self.events(name, **values)) and len(found) >= n and found, seconds=seconds)
        except AssertionError as problem:
            raise AssertionError(f"{problem}\n---- the application said\n{self.log.read_text()[-3000:]}") from None


class Played(Stage):
    """A stage under an application of this folder."""

    def __init__(self, name):
        self.name = name
        super().__init__()

    def start(self):
        super().start()
        self.app = Application(self.suite, APPS / f"{self.name}.py")
        self.app.wait_for("ready")
