"""deploy/quickstart, twice, and --stop: in a namespace of its own, so that the machine's devices stay untouched."""
from pathlib import Path

import pytest

from suite import ROOT, Namespace, sh

RUN = Path("/run/busbar-quickstart")


@pytest.fixture
def place():
    if RUN.exists():
        pytest.skip(f"a quickstart runs on this machine already ({RUN})")
    namespace = Namespace("busbar-qs")
    yield namespace
    namespace.run(ROOT / "deploy/quickstart", "--stop", check=False)
    namespace.close()


def test_quickstart_pings_repeats_and_leaves_nothing(place):
    first = place.run(ROOT / "deploy/quickstart", timeout=400).stdout
    assert "4 packets transmitted, 4 received" in first, first
    assert "To try next" in first and "busbar-v1" in first
    again = place.run(ROOT / "deploy/quickstart", timeout=400).stdout
    assert again.count("running already") == 4 and "4 received" in again, again
    place.run(ROOT / "deploy/quickstart", "--stop")
    assert not RUN.exists()
    assert "busbar-h" not in sh("ip", "netns", "list").stdout
    assert "busbar-" not in place.run("ip", "-o", "link").stdout


def test_quickstart_says_how_it_is_used(place):
    result = place.run(ROOT / "deploy/quickstart", "--what", check=False)
    assert result.returncode == 2 and "--stop" in result.stdout
