"""Fixtures of the system tests: a started switch for each test, its logs when the test fails; afterwards every packet and frame is
accounted for (I4, I5) and nothing is left."""
import os
import re
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import suite as suite_module  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than half a minute; run by tests/run --all")


def pytest_addoption(parser):
    parser.addoption("--count-slow", metavar="FILE", help="write there how many slow tests there are")
    parser.addoption("--match", metavar="REGEX", help="only tests whose file or name contains this regular expression")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--match"):
        wanted = re.compile(config.getoption("--match"))
        config.hook.pytest_deselected(items=[item for item in items if not wanted.search(item.nodeid)])
        items[:] = [item for item in items if wanted.search(item.nodeid)]
    if config.getoption("--count-slow"):  # before -m leaves them out
        with open(config.getoption("--count-slow"), "w", encoding="ascii") as file:
            file.write(f"{sum(item.get_closest_marker('slow') is not None for item in items)}\n")
    reason = None
    if os.geteuid() != 0:
        reason = "needs root: network namespaces and AF_XDP"
    elif not os.path.exists("/dev/net/tun"):
        reason = "needs /dev/net/tun for the LOCAL port"
    if reason is not None:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    setattr(item, f"report_{call.when}", outcome.get_result())


@pytest.fixture
def stopped_suite(request):
    """A suite whose processes are not started yet."""
    suite = suite_module.Suite()
    yield suite
    report = getattr(request.node, "report_call", None)
    if report is not None and report.failed:
        logs = {path.stem for path in suite.run_dir.glob("*.log")}
        for service in sorted(logs | set(suite_module.SERVICES)):
            print(f"---- {service}.log, last lines\n" + "\n".join(suite.log(service).splitlines()[-40:]))
    passed = report is not None and report.passed
    unaccounted = suite.unaccounted() if passed else None
    left = suite.close()
    assert not left, f"left behind: {left}"
    assert unaccounted is None, unaccounted


@pytest.fixture
def suite(stopped_suite):
    """A suite whose four processes run."""
    stopped_suite.up()
    return stopped_suite
