"""What docs/operations.md tells people to type, for the tests that type it."""
import re

from suite import ROOT

MANUAL = (ROOT / "docs/operations.md").read_text(encoding="utf-8")


def section(title):
    return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", MANUAL, re.M | re.S).group(1)


def blocks(text):
    return re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)


def block_with(words):
    """The lines of its only block in which this stands."""
    (block,) = [block for block in blocks(MANUAL) if words in block]
    return commands(f"```sh\n{block}```\n")


def commands(text):
    """The lines of its blocks, without comments."""
    lines = [line.split("  #")[0].split(" # ")[0].strip() for block in blocks(text) for line in block.splitlines()]
    return [line for line in lines if line]
