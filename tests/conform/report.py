"""What becomes of results: text, JSON, the table in README.md."""
from collections import Counter
from pathlib import Path

README = Path(__file__).resolve().parent / "README.md"
BEGIN, END = "<!-- written by run --write -->", "<!-- end -->"
STATES = ("passed", "failed", "known", "unsupported")


def totals(results):
    count = Counter(result.state for result in results)
    return ", ".join(f"{count[state]} {state}" for state in STATES)


def as_json(results):
    return [{"kind": r.case.kind, "name": r.case.name, "section": r.case.section, "required": r.case.required, "state": r.state, "text": r.text}
            for r in results]


def as_text(results):
    lines = []
    kinds = list(dict.fromkeys(r.case.kind for r in results))
    for kind in kinds:
        mine = [r for r in results if r.case.kind == kind]
        lines.append(f"{kind}: {totals(mine)}")
        for r in mine:
            if r.state != "passed":
                lines.append(f"  {r.state}: {r.case.name}: {r.text}")
    lines.append(totals(results))
    return "\n".join(lines)
