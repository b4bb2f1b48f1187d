"""docs/operations.md is true: every line of its blocks is typed as it stands, in its order, in one folder of one host, except for those of ELSEWHERE; and each
command it names in its text is there."""
import json
import re
import shlex
import signal

from manual import MANUAL, blocks, commands
from suite import BIN, ROOT, sh, wait_until

COMPOSE = "test_compose.py: needs a container engine; types them (Engine.type) with --no-build, for its images are built once, and exec without a terminal"
ATTACH = "test_compose.py: needs a container engine; types them, with other ports"
PACKAGE = "test_package.py: needs a Debian with systemd; types them as they stand"
# Lines that are not typed here, and who types them.
ELSEWHERE = {
    "cd deploy": COMPOSE,
    "docker-compose up -d --build": COMPOSE,
    "docker-compose exec configdb swctl status": COMPOSE,
    "docker-compose --profile controller up -d --build": COMPOSE,
    "docker-compose exec configdb swctl set-controller br0 tcp:198.18.100.2:6653": COMPOSE,
    "docker-compose exec configdb swctl show": COMPOSE,
    "docker-compose exec configdb swctl del-controller br0": COMPOSE,
    "docker-compose --profile monitoring up -d --build": COMPOSE,
    "(cd deploy; docker-compose up -d --scale slowpath=3 --scale fastpath=2 --scale ofagent=2)": COMPOSE,
    "deploy/attach --all": ATTACH,
    "deploy/attach --list": ATTACH,
    "deploy/attach --detach port1": ATTACH,
    "apt-get install ./busbar_0.1.0_amd64.deb": PACKAGE,
    "systemctl status busbar.target 'busbar-*'": PACKAGE,
    "journalctl -u 'busbar-*'": PACKAGE,
    "sed -i 's/^SLOWPATH=.*/SLOWPATH=3/' /etc/busbar/busbar.conf": PACKAGE,
    "systemctl daemon-reload": PACKAGE,
    "systemctl start busbar.target": PACKAGE,
}
VERSION = 41  # that the manual looks at and goes back to


def swctl_words():
    """Of every swctl command that the manual names, in blocks or in the text: its words."""
    inline = re.findall(r"`(swctl [^`]+)`", MANUAL)
    return [shlex.split(line)[1:] for line in inline + commands(MANUAL) if line.startswith("swctl ")]


def test_every_command_and_program_is_there(suite):
    named = swctl_words()
    assert len(named) > 20
    for words in named:
        words = [word for word in words if not word.startswith("--") and not word.isdigit()]
        assert suite.swctl("help", *words[:2 if words[0] == "dp" else 1], check=False).returncode == 0, words
    programs = set(re.findall(r"\bdeploy/[\w./-]+\w", MANUAL))
    assert len(programs) >= 6
    for program in programs:
        assert (ROOT / program).exists(), program


class Operator:
    """A shell of one host, whose /run/busbar is the suite's run directory; in a folder that has deploy/, with swctl in the path."""

    def __init__(self, suite, folder):
        self.suite, self.folder, self.typed = suite, folder, []
        (folder / "db").mkdir()
        (folder / "here").mkdir()
        (folder / "here/deploy").symlink_to(ROOT / "deploy")
        made = ["mount -t tmpfs tmpfs /run", "mount -t tmpfs tmpfs /var/lib", "mkdir /run/busbar /var/lib/busbar", f"mount --bind {suite.run_dir} /run/busbar",
                f"mount --bind {folder}/db /var/lib/busbar", "echo made", "exec sleep infinity"]
        self.place = suite.namespace.popen("unshare", "--mount", "--propagation", "private", "sh", "-ec", "\n".join(made))
        assert self.place.stdout.readline() == "made\n"

    def command(self, text):
        environment = dict(self.suite.environment, PATH=f"{BIN}:/usr/sbin:/usr/bin:/sbin:/bin")
        environment.pop("BUSBAR_RUN")  # the manual exports it
        return dict(args=("nsenter", "-t", self.place.pid, "--mount", f"--wd={self.folder}/here", "--", "bash", "-ec", text), env=environment)

    def type(self, text):
        command = self.command(text)
        return self.suite.namespace.run(*command["args"], env=command["env"], timeout=90).stdout

    def type_block(self, block):
        """Those of its lines that are typed here, in one go. Exporting BUSBAR_RUN, once done, is so in every shell."""
        lines = [line for line in commands(f"```sh\n{block}```\n") if line not in ELSEWHERE]
        self.typed += lines
        known = "export BUSBAR_RUN=/run/busbar\n" if "export BUSBAR_RUN=/run/busbar" in self.typed else ""
        return self.type(known + "\n".join(lines)) if lines else ""


def test_what_is_not_typed_here_is_in_the_manual():
    assert set(ELSEWHERE) <= set(commands(MANUAL)) and len(ELSEWHERE) == 18
    package = [line for line, by in ELSEWHERE.items() if by == PACKAGE]
    assert package == [line for line in commands(MANUAL) if line in package]


def look_as_prometheus(operator, block):
    """The line starts a Prometheus that stays: it is ended when it has found everybody."""
    (line,) = commands(f"```sh\n{block}```\n")
    operator.typed.append(line)
    if not sh("sh", "-c", "command -v prometheus", check=False).stdout:
        return
    command = operator.command(f"exec {line}")
    child = operator.suite.namespace.popen(*command["args"], env=command["env"])
    asked = "curl -s http://127.0.0.1:9090/api/v1/targets || true"

    def found():
        said = operator.type(asked)
        return said and {target["labels"]["process"] for target in json.loads(said)["data"]["activeTargets"]}

    try:
        wait_until("Prometheus has found everybody", lambda: found() == {"configdb.1", "slowpath.1", "ofagent.1", "fastpath.1"}, seconds=15, every=0.2)
    finally:
        child.send_signal(signal.SIGTERM)
        child.communicate(timeout=20)


def test_what_the_manual_says_is_typed(stopped_suite, tmp_path):
    suite, operator = stopped_suite, Operator(stopped_suite, tmp_path)
    host = suite.add_host()
    for words in (("down",), ("name", "eth1"), ("up",)):
        suite.namespace.run("ip", "link", "set", host.port if words[-1] != "up" else "eth1", *words)
    for block in blocks(MANUAL):
        if "prometheus --config" in block:
            look_as_prometheus(operator, block)
            continue
        if "swctl status  " in block:  # Watch: the block before has ended the switch
            operator.type("deploy/up --run /run/busbar")
            wait_until("the fastpath is well", lambda: "ok" in operator.type("swctl --run /run/busbar health fastpath.1 || true"))
        if "backup switch.json" in block:
            while int(json.loads(operator.type("swctl --run /run/busbar --json history"))[0]["n"]) < VERSION:
                operator.type("swctl --run /run/busbar set-flow-limit 1000; swctl --run /run/busbar set-flow-limit 2000")
            operator.type("swctl --run /run/busbar set-max-idle 5000")  # what version 41 does not have
        said = operator.type_block(block)
        if "--slowpath 3" in block:
            assert suite.fastpaths() == ["fastpath.1", "fastpath.2"]
        if "before-upgrade.json" in block:
            assert (tmp_path / "here/before-upgrade.json").exists() and "configdb.1" in said
    assert operator.typed == [line for line in commands(MANUAL) if line not in ELSEWHERE]
    assert operator.type("swctl --run /run/busbar list-br").split() == ["br0"]
    assert suite.log("configdb.1").count("ready pid=") >= 3  # started, started again, upgraded
    operator.type("deploy/down --run /run/busbar")
