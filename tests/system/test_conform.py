"""OpenFlow conformance on the wire: the cases of tests/conform, a sample of them unless all tests are asked for."""
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "conform"))

import errors  # noqa: E402
from bench import Bench  # noqa: E402
from cases import play  # noqa: E402
from catalogue import chosen, everything  # noqa: E402
from known import KNOWN  # noqa: E402
from openflow import PREFIXES  # noqa: E402
from os_ken.ofproto import ofproto_v1_3  # noqa: E402

SAMPLE = 100  # of about 490, which take some ten seconds


def check(cases):
    with Bench() as bench:
        results = [play(bench, case, KNOWN) for case in cases]
    failed = [f"{result.case.id}: {result.text}" for result in results if result.state == "failed"]
    assert not failed, f"{len(failed)} of {len(results)} failed\n" + "\n".join(failed)


def test_a_sample_conforms():
    seed = int(os.environ.get("BUSBAR_SEED", "1"))
    print(f"seed {seed}")
    check(chosen(sample=SAMPLE, seed=seed))


@pytest.mark.slow
def test_every_case_conforms():
    check(chosen())


def test_what_is_known_to_fail_is_a_case():
    assert set(KNOWN) <= {case.id for case in everything()}


def test_every_code_of_errors_is_provoked_or_said_to_be_never():
    codes = {f"{group}/{name[len(prefix):]}" for group, prefix in PREFIXES.items() for name in dir(ofproto_v1_3) if name.startswith(prefix)}
    provoked = {case.name.split(",")[0] for case in everything() if case.kind == "error" and "/" in case.name}
    assert codes - provoked - set(errors.NEVER) == set()
    assert provoked & set(errors.NEVER) == set()
