"""docs/operations.md is true: what it tells to type on one host is typed here, in its order, and each command it names anywhere is there."""
import re
import shlex

from manual import MANUAL, commands, section
from suite import BIN, ROOT, wait_until


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


def type_in(suite, line, folder, **replaced):
    """As an operator would, in a folder of the test's."""
    words = [replaced.get(word, word) for word in shlex.split(line)[1:]]
    words = [str(folder / word) if word.endswith((".json", ".txt")) else word for word in words]
    return suite.swctl(*words)


def test_what_the_manual_says_is_typed(stopped_suite, tmp_path):
    suite = stopped_suite
    start = commands(section("Start"))
    assert start[0].startswith("deploy/up ") and "deploy/down --run /run/busbar" in start
    (metrics,) = re.findall(r"--metrics (\S+)", start[0])
    suite.up("--metrics", metrics, "--db", tmp_path / "db")
    host = suite.add_host()
    for line in start[2:start.index("deploy/down --run /run/busbar")]:
        type_in(suite, line, tmp_path, eth1=host.port)
    wait_until("the fastpath is well", lambda: suite.swctl("health", "fastpath.1", check=False).returncode == 0)
    for line in commands(section("Watch")):
        if line.startswith("swctl "):
            type_in(suite, line, tmp_path)
    old = str(suite.swctl("history", as_json=True)[0]["n"])
    suite.swctl("add-br", "br1")
    for line in commands(section("Back up")) + commands(section("Restore")):
        type_in(suite, line, tmp_path, **{"41": old})
    assert suite.swctl("list-br").split() == ["br0", "br1"]
    for line in commands(section("Scale"))[:1]:
        suite.up(*shlex.split(line)[3:])
    assert suite.fastpaths() == ["fastpath.1", "fastpath.2"]
    wait_until("all say where they answer", lambda: len(list(suite.run_dir.glob("*.metrics.json"))) == 8)
    suite.kill("slowpath.3", 15)
    upgrade = commands(section("Upgrade"))
    type_in(suite, upgrade[0], tmp_path)
    assert (tmp_path / "before-upgrade.json").exists() and "configdb.1.pid" in upgrade[1]
    suite.kill("configdb.1", 15)
    suite.up()
    assert suite.swctl("list-br").split() == ["br0", "br1"]
    assert BIN.exists()
