"""What a case is, and what becomes of it."""
from dataclasses import dataclass, field
from typing import Callable

from openflow import Refused


@dataclass
class Case:
    """One claim of the standard, or of Open vSwitch where the standard leaves it open."""
    kind: str  # match, action, ...: a table of the report
    name: str
    section: str  # of OpenFlow 1.3.5
    run: Callable  # called with the bench; raises AssertionError when the claim does not hold
    required: bool = False  # by the standard; else optional
    absent: str = ""  # optional, and not there: the standard's error that says so
    tags: tuple = field(default=())  # slow: takes seconds

    @property
    def id(self):
        return f"{self.kind}: {self.name}"


@dataclass
class Result:
    case: Case
    state: str  # passed, unsupported, known (fails, and KNOWN says why), failed
    text: str = ""


def play(bench, case, known):
    """Runs a case on cleared tables. A case of `known` that passes has failed: its line is to be taken out."""
    try:
        bench.clear()
        case.run(bench)
    except Refused as refusal:
        if case.absent and refusal.name == case.absent:
            return Result(case, "unsupported", refusal.name)
        result = Result(case, "failed", str(refusal))
    except (AssertionError, OSError) as problem:
        result = Result(case, "failed", str(problem) or repr(problem))
        if isinstance(problem, OSError):
            bench.reconnect()
    else:
        result = Result(case, "failed", f"supported now, not {case.absent}") if case.absent else Result(case, "passed")
    if case.id in known:
        if result.state == "failed":
            return Result(case, "known", known[case.id])
        return Result(case, "failed", "passes now: take it out of KNOWN")
    return result
