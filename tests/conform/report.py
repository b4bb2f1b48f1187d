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


def cell(state):
    return {"passed": "yes", "failed": "**failed**", "known": "no", "unsupported": "not there"}[state]


def markdown(results):
    """A table of kinds, then for each kind its cases."""
    kinds = list(dict.fromkeys(r.case.kind for r in results))
    lines = [f"{totals(results)}; a required one is marked R.", "", "| | cases | " + " | ".join(STATES) + " | required, passed |",
             "|---|---|---|---|---|---|---|"]
    for kind in kinds:
        mine = [r for r in results if r.case.kind == kind]
        count = Counter(r.state for r in mine)
        required = [r for r in mine if r.case.required]
        lines.append(f"| {kind} | {len(mine)} | " + " | ".join(str(count[state]) for state in STATES) +
                     f" | {sum(r.state == 'passed' for r in required)} of {len(required)} |")
    for kind in kinds:
        lines += ["", f"### {kind}", "", "| case | section | |", "|---|---|---|"]
        for r in (r for r in results if r.case.kind == kind):
            said = cell(r.state) + (f": {r.text}" if r.state in ("known", "unsupported") else "")
            lines.append(f"| {r.case.name}{' (R)' if r.case.required else ''} | {r.case.section} | {said} |")
    return "\n".join(lines)


def write(results):
    text = README.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}\n{markdown(results)}\n{END}{after}")
