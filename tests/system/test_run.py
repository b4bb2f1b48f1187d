"""What tests/run says at its end: what it left out, and as the last line what came of the rest."""
import importlib.machinery
import importlib.util
import re
import sys

from suite import PYTHON, ROOT, sh


def run_with(monkeypatch, capsys, *arguments, left=7):
    """The last lines of tests/run whose builds are fine, whose programs are none and whose system tests are one that passes."""
    loader = importlib.machinery.SourceFileLoader("tests_run", str(ROOT / "tests/run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)

    def run(command, env=None, timeout=None):
        for word in command:
            if word.startswith("--count-slow="):
                with open(word.partition("=")[2], "w", encoding="ascii") as file:
                    file.write(f"{left}\n")
            if word.startswith("--junit-xml="):
                with open(word.partition("=")[2], "w", encoding="ascii") as file:
                    file.write('<testsuites><testsuite><testcase classname="a" name="b"/></testsuite></testsuites>')
        return 0

    for name, made in (("ROOT", str(run_with.folder)), ("build", lambda *_: True), ("run_programs", lambda *_: None), ("run", run)):
        monkeypatch.setattr(module, name, made)
    monkeypatch.setattr(sys, "argv", ["run", *arguments])
    monkeypatch.setenv("BUSBAR_SEED", "")
    monkeypatch.setenv("BUSBAR_ALL", "")
    assert module.main() == 0
    return capsys.readouterr().out.splitlines()


def test_the_line_before_the_last_says_how_many_are_left_to_all(monkeypatch, capsys, tmp_path):
    (tmp_path / "build").mkdir()
    run_with.folder = tmp_path
    lines = run_with(monkeypatch, capsys)
    assert lines[-2].startswith("7 system tests are for --all only") and lines[-1] == "1 passed, 0 failed, 0 skipped", lines
    lines = run_with(monkeypatch, capsys, "--all")
    assert "--all only" not in "".join(lines) and lines[-1] == "1 passed, 0 failed, 0 skipped", lines


def test_slow_tests_are_counted_of_those_that_are_asked_for(tmp_path):
    for pattern, expected in (("test_package|test_units", lambda deselected: deselected), ("test_units", lambda _: 0)):
        said = sh(PYTHON, "-m", "pytest", "-p", "no:cacheprovider", "tests/system/test_package.py", "tests/system/test_units.py", "--co", "-q",
                  "-m", "not slow", "--match", pattern, f"--count-slow={tmp_path}/n", cwd=ROOT).stdout
        # What --match leaves out is not counted.
        deselected = int(re.search(r"\((\d+) deselected\)", said).group(1)) if "deselected" in said else 0
        n = int((tmp_path / "n").read_text())
        assert n == expected(deselected), (pattern, n, said)
