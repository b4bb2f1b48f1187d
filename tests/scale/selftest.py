#!/usr/bin/python3
"""Shows that the tests of growth can fail: their judgement on made-up rates, and what is said when nothing could be measured."""
import contextlib
import importlib.machinery
import importlib.util
import io
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import scale  # noqa: E402


def program(name):
    """A program of this folder, as a module."""
    loader = importlib.machinery.SourceFileLoader(f"scale_{name}", str(HERE / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


class Machine:
    """Measures what it is told to: rates[count] is one rate, or one for each try."""

    def __init__(self, **rates):
        self.rates = {int(count[1:]): rate for count, rate in rates.items()}
        self.asked = []

    def __call__(self, count):
        turn = self.asked.count(count)
        self.asked.append(count)
        rate = self.rates[count]
        return rate if isinstance(rate, (int, float)) else rate[turn // scale.TURNS]


class GrowthTest(unittest.TestCase):
    def judge(self, judgement, machine, *more):
        with contextlib.redirect_stdout(io.StringIO()) as said:
            rates, is_enough = judgement(tuple(machine.rates), machine, "things", "rate", *more)
        return rates, is_enough, said.getvalue()

    def test_a_doubling_is_counted_as_such(self):
        self.assertAlmostEqual(scale.per_doubling({1: 100, 2: 170}), 1.7)
        self.assertAlmostEqual(scale.per_doubling({1: 100, 4: 289}), 1.7)
        self.assertAlmostEqual(scale.per_doubling({1: 100, 3: 300}), 2.0)
        self.assertAlmostEqual(scale.per_doubling({1: 100, 3: 231.9}), 1.7, places=3)

    def test_the_worst_step_counts(self):
        self.assertAlmostEqual(scale.per_doubling({1: 100, 2: 200, 4: 240}), 1.2)
        self.assertAlmostEqual(scale.per_doubling({4: 400, 1: 100, 2: 120}), 1.2)

    def test_growth_enough_passes_at_the_first_try(self):
        machine = Machine(n1=100, n2=171)
        rates, is_grown, said = self.judge(scale.grow, machine)
        self.assertTrue(is_grown)
        self.assertEqual(rates, {1: 100, 2: 171})
        self.assertEqual(len(machine.asked), 2 * scale.TURNS)
        self.assertNotIn("try", said)

    def test_too_little_growth_fails_after_three_tries(self):
        machine = Machine(n1=100, n2=169)
        _, is_grown, said = self.judge(scale.grow, machine)
        self.assertFalse(is_grown)
        self.assertEqual(len(machine.asked), 2 * scale.TURNS * 3)
        self.assertIn("try 3 of 3", said)

    def test_one_weak_step_of_two_fails(self):
        self.assertFalse(self.judge(scale.grow, Machine(n1=100, n2=200, n4=330))[1])

    def test_a_later_try_may_pass_and_goes_by_all_turns(self):
        machine = Machine(n1=100, n2=(120, 190, 190))
        rates, is_grown, _ = self.judge(scale.grow, machine)
        self.assertTrue(is_grown)
        self.assertEqual(rates[2], 190)  # of 120, 120, 120, 190, ... the median has reached it in the third try
        self.assertEqual(len(machine.asked), 2 * scale.TURNS * 3)

    def test_one_lucky_turn_does_not_pass(self):
        rates = iter([100, 300, 100, 110, 100, 110] * 3)
        with contextlib.redirect_stdout(io.StringIO()):
            self.assertFalse(scale.grow((1, 2), lambda _: next(rates), "things", "rate")[1])

    def test_readers_may_cost_half(self):
        self.assertTrue(self.judge(scale.hold, Machine(n10=100, n100=20, n1000=50), 10, 1000, 0.5)[1])
        _, is_enough, said = self.judge(scale.hold, Machine(n10=100, n100=100, n1000=49), 10, 1000, 0.5)
        self.assertFalse(is_enough)
        self.assertIn("try 3 of 3", said)

    def test_configdb_is_judged_so(self):
        configdb, asked = program("configdb"), []

        def hold(counts, measure, what, unit, few, many, least):
            asked.append((counts, few, many, least))
            return {count: 1.0 for count in counts}, False

        class Server:
            def __init__(self, *_):
                pass

            def close(self):
                asked.append("closed")

        module = type("Module", (), {"Ours": Server, "TOOLS": HERE})
        configdb.benchmark, original, argv = lambda: module, (scale.hold, scale.need), sys.argv
        scale.hold, scale.need, sys.argv = hold, lambda *_: None, ["configdb"]
        try:
            self.assertEqual(configdb.main(), 1)
        finally:
            (scale.hold, scale.need), sys.argv = original, argv
        self.assertEqual(asked, [((10, 100, 1000), 10, 1000, 0.5), "closed"])


class VerdictTest(unittest.TestCase):
    def test_each_end_has_its_words(self):
        verdict = program("run").verdict
        self.assertEqual(verdict(0, ""), "grows")
        self.assertEqual(verdict(0, "left behind: a process\n"), "grows")
        self.assertEqual(verdict(1, ""), "does not grow")
        self.assertEqual(verdict(1, "ofagent: 3 ofagents do not start\n"), "went wrong: ofagent: 3 ofagents do not start")
        self.assertEqual(verdict(2, "a word\nofagent: a tool is missing: build\n"), "could not be measured: ofagent: a tool is missing: build")
        self.assertEqual(verdict(-9, ""), "went wrong")

    def test_without_programs_nothing_is_measured_and_that_is_said(self):
        with tempfile.TemporaryDirectory() as nowhere:
            environment = dict(os.environ, BUSBAR_BIN=f"{nowhere}/bin")
            done = subprocess.run([HERE / "run", "ofagent", "configdb"], env=environment, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1, done)
        last = done.stdout.strip().splitlines()[-2:]
        for service, line in zip(("ofagent", "configdb"), last):
            self.assertTrue(line.startswith(f"{service}: could not be measured: {service}: "), done.stdout)
            self.assertNotIn("--target", line)

    def test_the_command_that_is_named_builds_the_loads(self):
        """Whatever was configured before: the preset says that there are tests, and the loads are made without them too."""
        root = HERE.parents[1]
        self.assertIn('"BUSBAR_TESTS": "ON"', next(line for line in (root / "CMakePresets.json").read_text().splitlines() if '"name": "release", "inh' in line))
        always = (root / "tests/bench/CMakeLists.txt").read_text().split("if(BUSBAR_TESTS")[0]
        for tool in ("config_load", "openflow_load"):
            self.assertIn(tool, always)


if __name__ == "__main__":
    unittest.main()
